// page-seek.test.mjs: the search as one drives it: its address, its buttons, suggestions, and the way from hit to hit.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ms, room, server, until } from '../e2e/harness.mjs';
import { accessible, open, stored } from './browser.mjs';

const HOUR = 3_600_000;
const zone = { timezoneId: 'UTC', locale: 'en-GB' };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

const texts = (p) => p.hits.locator('.text').allTextContents();
const finds = (p, ...expected) => until(async () => String(await texts(p)) === String(expected), { what: `hits: ${expected}` })
	.catch(async (error) => assert.deepEqual(await texts(p), expected, error.message));
const search = async (p, text) => {
	await p.query.fill(text);
	await p.query.press('Enter');
};
const hash = (p) => new URL(p.page.url()).hash;
const comes = (p, expected) => until(() => hash(p) === expected, { what: `the address to be ${expected}` })
	.catch((error) => assert.equal(hash(p), expected, error.message));
const current = (p) => p.hits.locator('[aria-current=true] .text').allTextContents();
const opened = (p, text) => until(async () => String(await current(p)) === text && await p.inSight(text), { what: `${text} to be open` });
const marked = (p) => p.page.evaluate(() => [...CSS.highlights.get('found') ?? []].map(String).sort());
const options = (p) => p.page.getByRole('listbox', { name: 'Suggestions' }).getByRole('option');
const advice = (p) => p.named('status', 'Advice');
const state = (p) => p.named('status', 'Search state');
const quoted = (value) => (typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : value);

describe('the search', () => {
	const line = server();

	// Rows of room, sender, text, and when; once they are found.
	async function fill(rows) {
		await line.sql(`INSERT INTO messages(room, sender, text, at) VALUES ${rows.map((row) => `(${row.map(quoted)})`).join(',')}`);
		const { id } = (await line.rows('SELECT max(id) AS id FROM messages'))[0];
		await until(async () => (await line.rows("SELECT value FROM meta WHERE name = 'indexed'"))[0]?.value >= id, { what: 'them to be indexed' });
	}
	async function begin(t, name, more = {}) {
		const p = await open(t, `${line.url}/#${name}`, { ...zone, ...more });
		await p.connected();
		return p;
	}
	const night = () => new Date().setUTCHours(0, 0, 0, 0) - 2 * HOUR; // 22:00 of yesterday

	test('stands in the address: reload, Back, forward and sharing lead to it, an open hit as well', async (t) => {
		const [name, other] = [room(), room()];
		const word = `w${name}`;
		await fill([...Array(3).keys()].map((i) => [other, 'ann', `${word} ${i}`, 1.7e12 + i * HOUR]));
		await fill([...Array(100).keys()].map((i) => [other, 'ann', `straw ${i}`, 1.71e12 + i * HOUR]));
		const ids = (await stored(line, other)).map(({ id }) => id);
		const p = await begin(t, name);
		await search(p, `${word} after:2023-01-01`);
		await finds(p, `${word} 2`, `${word} 1`, `${word} 0`);
		const address = `#${name}?q=${word}+after:2023-01-01`;
		await comes(p, address);
		await p.page.reload();
		await finds(p, `${word} 2`, `${word} 1`, `${word} 0`);
		assert.equal(await p.query.inputValue(), `${word} after:2023-01-01`);
		await p.hits.getByText(`${word} 1`).click();
		await comes(p, `#${other}/${ids[1]}?q=${word}+after:2023-01-01`);
		await opened(p, `${word} 1`);
		await p.page.reload();
		await opened(p, `${word} 1`);
		assert.equal(await p.hits.count(), 3);
		await p.page.goBack();
		await comes(p, address);
		await p.named('heading', `#${name}`).waitFor();
		assert.equal(await p.hits.count(), 3, 'the same search');
		assert.deepEqual(await current(p), []);
		await p.page.goForward();
		await opened(p, `${word} 1`);
		// Closed it is gone from the address, and Back leads to it again.
		await p.page.keyboard.press('Escape');
		await comes(p, `#${other}/${ids[1]}`);
		assert.equal(await p.hits.count(), 0);
		await p.page.goBack();
		await opened(p, `${word} 1`);
		// Another one takes its place, without an entry for each key.
		const length = await p.page.evaluate(() => history.length);
		await p.query.pressSequentially(' 2', { delay: 500 });
		await search(p, `${word} 2`);
		await finds(p, `${word} 2`);
		await comes(p, `#${other}?q=${word}+2`);
		assert.equal(await p.page.evaluate(() => history.length), length);
		// A field that was emptied ends it, as soon as one is elsewhere.
		await p.query.fill('');
		await p.field.click();
		await until(async () => !await p.named('region', 'Search results').isVisible() && !hash(p).includes('?'), { what: 'the search to end' });
		await p.page.goBack();
		await finds(p, `${word} 2`);
		// Another room of the list has no search.
		await p.rooms.locator(`a[href="#${other}"]`).click();
		await until(async () => !await p.named('region', 'Search results').isVisible(), { what: 'the search to close' });
		// Somebody else opens what was shared.
		const q = await begin(t, `${other}/${ids[0]}?q=${word}`);
		await opened(q, `${word} 0`);
		assert.equal(await q.hits.count(), 3);
	});

	test('its buttons write filters, and take them away; which are on is said', async (t) => {
		const [name, other] = [room(), room()];
		const word = `w${name}`;
		const noon = new Date().setUTCHours(0, 0, 0, 0);
		await fill([
			[name, 'ann', `${word} long ago`, 1.7e12], [name, 'ann', `${word} this week`, noon - 3 * 24 * HOUR], [other, 'ann', `${word} elsewhere`, night()],
			[name, 'Ann Ö', `${word} last night`, night()], [name, 'ann', `${word} today`, noon + 1],
		]);
		const p = await begin(t, name);
		const chip = (label) => p.page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: label, exact: true });
		await search(p, word);
		await until(async () => await p.hits.count() === 5, { what: 'all of them' });
		for (const [label, typed, ...hits] of [
			['This room', `in:${name}`, 'today', 'last night', 'this week', 'long ago'],
			['Last night', `in:${name} last:night`, 'today', 'last night'],
			['7 days', `in:${name} last:7d`, 'today', 'last night', 'this week'],
			['Today', `in:${name} after:today`, 'today'],
			['Today', `in:${name}`, 'today', 'last night', 'this week', 'long ago'],
		]) {
			await chip(label).click();
			assert.equal(await p.query.inputValue(), `${word} ${typed}`);
			await finds(p, ...hits.map((hit) => `${word} ${hit}`));
		}
		assert.equal(await chip('This room').getAttribute('aria-pressed'), 'true');
		assert.equal(await chip('Today').getAttribute('aria-pressed'), 'false');
		await chip('From…').click();
		await options(p).getByText('Ann Ö').click();
		assert.equal(await p.query.inputValue(), `${word} in:${name} from:"Ann Ö" `);
		await finds(p, `${word} last night`);
	});

	test('rooms and senders are completed, by keys and by pointer', async (t) => {
		const name = room();
		await fill([[`${name}.ops`, 'Cron Job', 'x', 1.7e12], [`${name}.devops`, 'ann', 'y', 1.7e12], [`${name}.ci`, 'ann', 'z', 1.7e12]]);
		const p = await begin(t, `${name}.ops`);
		await p.shows('x');
		await p.query.fill(`x in:${name.toUpperCase()}.`);
		await until(async () => await options(p).count() === 3, { what: 'three rooms' });
		assert.equal(await p.query.getAttribute('aria-expanded'), 'true');
		await accessible(p, 'suggestions');
		await p.query.press('ArrowUp');
		const last = options(p).last();
		assert.equal(await last.getAttribute('aria-selected'), 'true');
		assert.equal(await p.query.getAttribute('aria-activedescendant'), await last.getAttribute('id'));
		await p.query.press('ArrowDown');
		assert.equal(await p.query.getAttribute('aria-activedescendant'), null, 'the field itself');
		await p.query.fill(`x in:${name.toUpperCase()}.o`);
		await until(async () => await options(p).count() === 1, { what: 'the room' });
		await p.query.press('ArrowDown');
		await p.query.press('Enter');
		assert.equal(await p.query.inputValue(), `x in:${name}.ops `);
		await finds(p, 'x');
		await p.query.fill('from:CRON');
		await options(p).getByText('Cron Job').click();
		assert.equal(await p.query.inputValue(), 'from:"Cron Job" ');
		await finds(p, 'x');
		// Escape puts away the list first, and then the search.
		await p.query.fill('from:an');
		await until(async () => await options(p).count() > 0, { what: 'senders' });
		await p.query.press('Escape');
		await until(async () => await options(p).count() === 0, { what: 'the list to go' });
		assert.equal(await p.query.inputValue(), 'from:an');
		await p.query.press('Escape');
		assert.equal(await p.query.inputValue(), '');
	});

	test('what is no filter or no room is said to be none, and a button puts it right', async (t) => {
		const name = room();
		await fill([[`${name}.Ops`, 'ann', `w${name}`, night()]]);
		const p = await begin(t, name);
		await search(p, `w${name} since:2023-01-01`);
		await until(async () => await advice(p).textContent() === 'No such filter: since:. Did you mean after:?', { what: 'advice' });
		await accessible(p, 'advice');
		await advice(p).getByRole('button', { name: 'after:' }).click();
		assert.equal(await p.query.inputValue(), `w${name} after:2023-01-01`);
		await finds(p, `w${name}`);
		assert.equal(await advice(p).textContent(), '');
		await search(p, `in:${name}.Opps`);
		await until(async () => await state(p).textContent() === `No room “${name}.Opps”.`, { what: 'no such room' });
		await advice(p).getByRole('button', { name: `in:${name}.Ops` }).click();
		await finds(p, `w${name}`);
		await search(p, `in:${name}.OPS`);
		await finds(p, `w${name}`);
		// At a cold start as well, where the rooms are not known at once.
		const q = await begin(t, `${name}?q=in:${name}.oPS`);
		await finds(q, `w${name}`);
		const r = await begin(t, `${name}?q=in:${name}.nosuch`);
		await until(async () => await state(r).textContent() === `No room “${name}.nosuch”.`, { what: 'no such room' });
	});

	test('hits stand under their days, with day and time; n and N open the next and the one before; their words are marked in the log', async (t) => {
		const name = room();
		await fill([
			[name, 'ann', 'the disk failed', Date.UTC(2024, 10, 28, 3, 12)], [name, 'ann', 'all is well', Date.UTC(2024, 10, 28, 4)],
			[name, 'ann', 'failed again', Date.UTC(2024, 10, 28, 5)], [name, 'ann', 'FAILED, not unfailed', Date.UTC(2024, 10, 29)],
		]);
		const p = await begin(t, name);
		await search(p, `failed in:${name}`);
		await finds(p, 'FAILED, not unfailed', 'failed again', 'the disk failed');
		assert.equal(await state(p).textContent(), '3 found.');
		const results = p.named('list', 'Hits');
		assert.deepEqual(await results.getByRole('heading').allTextContents(), ['Friday, 29 November 2024', 'Thursday, 28 November 2024']);
		assert.deepEqual(await results.locator('time').allTextContents(), ['29/11/2024, 00:00', '28/11/2024, 05:00', '28/11/2024, 03:12']);
		await until(async () => String(await marked(p)) === 'FAILED,failed,failed', { what: 'the words to be marked' });
		await p.log.focus();
		const length = await p.page.evaluate(() => history.length);
		for (const [key, text] of [['n', 'FAILED, not unfailed'], ['n', 'failed again'], ['n', 'the disk failed'], ['n', 'the disk failed'], ['N', 'failed again']]) {
			await p.page.keyboard.press(key);
			await opened(p, text);
		}
		assert.equal(await p.page.evaluate(() => history.length), length + 1, 'Back leads to where one was before');
		await line.sent('failed once more', { room: name });
		await until(async () => (await marked(p)).length === 4, { what: 'what comes to be marked, too' });
		await accessible(p, 'hits');
		await p.page.keyboard.press('Escape');
		await until(async () => (await marked(p)).length === 0, { what: 'the marks to go' });
	});

	test('more than a thousand are a thousand and more', async (t) => {
		const name = room();
		await fill([...Array(1100).keys()].map((i) => [name, '', `many ${i}`, 1.7e12]));
		const p = await begin(t, name);
		await search(p, `many in:${name}`);
		await until(async () => await state(p).textContent() === '1,000+ found.', { what: 'the count' });
	});

	test('on a phone it covers the messages; a chosen hit shows its message, and Back leads to the hits', async (t) => {
		const name = room();
		await fill([[name, 'ann', `first ${name}`, 1.7e12], [name, 'ann', `second ${name}`, 1.7e12]]);
		const p = await begin(t, name, PHONE);
		const panel = p.named('region', 'Search results');
		await p.named('button', 'Search').tap();
		await search(p, `${name.split('-').at(-1)} in:${name}`);
		await p.hits.getByText(`first ${name}`).tap();
		await until(async () => !await panel.isVisible() && await p.inSight(`first ${name}`), { what: 'the message' });
		await p.page.goBack();
		await panel.waitFor();
		assert.equal(await p.hits.count(), 2);
		await p.hits.getByText(`second ${name}`).tap();
		await until(async () => !await panel.isVisible() && await p.inSight(`second ${name}`), { what: 'the other' });
		await p.query.tap();
		await panel.waitFor();
		await accessible(p, 'a phone');
		await p.named('button', 'Close search').tap();
		await until(async () => !await panel.isVisible() && !await p.query.isVisible(), { what: 'it to close' });
	});

	test('what is suggested goes by the words of alarms that one chose', async (t) => {
		const name = room();
		await fill([[name, 'cron', 'the disk is kaputt', night()], [name, 'cron', 'the disk FAILED', night()]]);
		const p = await begin(t, name);
		await p.named('button', 'Options').click();
		await p.options.getByLabel('Words of alarms').fill('kaputt');
		await p.options.getByRole('button', { name: 'Close' }).click();
		await p.query.click();
		await options(p).filter({ hasText: `#${name}` }).click();
		await finds(p, 'the disk is kaputt');
		assert.equal((await p.query.inputValue()).trim(), `kaputt in:${name} last:night`);
	});

	for (const [how, what] of [
		['by keys: / and what is typed', async (p, ops) => {
			await p.page.keyboard.press('Escape'); // out of the field, which has the focus at first
			const began = performance.now();
			await p.page.keyboard.press('/');
			await p.page.keyboard.type(`failed in:${ops} last:night`);
			return began;
		}],
		['by pointer: the field, and a suggestion', async (p, ops) => {
			const began = performance.now();
			await p.query.click();
			await options(p).filter({ hasText: `Alarms last night in #${ops}` }).click();
			return began;
		}],
	]) {
		test(`what failed last night in #ops, ${how}`, async (t) => {
			const [name, ops] = [room(), `${room()}.ops`];
			const at = night();
			await fill([
				[ops, 'cron', 'backup of db1 FAILED: rsync 23', at], [ops, 'cron', 'logrotate on web2: ok', at + 1], [ops, 'cron', 'backup of db2 failed', at + 2],
				[ops, 'cron', 'backup of db1 FAILED: last year', 1.7e12], [name, 'ann', 'failed to laugh', 1.7e12],
			]);
			const p = await begin(t, name);
			const began = await what(p, ops);
			await finds(p, 'backup of db2 failed', 'backup of db1 FAILED: rsync 23');
			const took = performance.now() - began;
			t.diagnostic(`answered after ${took.toFixed(0)} ms`);
			assert.ok(took < ms(5_000), `${took} ms`);
		});
	}
});
