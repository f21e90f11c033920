// page-back.test.mjs: coming back to a room and reading what is old: what is unread, days, jumps, how many are newer.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ms, room, server, sleep, until } from '../e2e/harness.mjs';
import { look, looked, numbers, open, stored } from './browser.mjs';

/** Says m1, m2, …; gives the id of the last. */
const say = async (line, name, from, to) => {
	let id;
	for (const i of numbers(from, to)) id = await line.sent(`m${i}`, { room: name });
	return id;
};
const rowOf = (p, text) => p.log.getByRole('article').filter({ has: p.page.getByText(text, { exact: true }) });
// What stands right above and below the mark.
const around = (p) => p.log.locator('.mark').evaluate((node) => {
	const near = (way) => {
		let one = node[way];
		while (one && one.tagName !== 'ARTICLE') one = one[way];
		return one?.querySelector('.text').textContent ?? '';
	};
	return [near('previousElementSibling'), near('nextElementSibling')];
});
const marked = (p, ...expected) => until(async () => await p.log.locator('.mark').count() === 1
	&& String(await around(p)) === String(expected), { what: `the mark between ${expected}` });
const empty = (p) => p.page.getByText('Nothing has been said here yet.').waitFor();
const aside = `aside-${process.pid}`;

async function begin(t, line, name, options) {
	const p = await open(t, `${line.url}/#${name}`, options);
	await p.connected();
	return p;
}

describe('what is unread', () => {
	const line = server();

	test('stands behind a mark that survives a reload, until it is read by Esc', async (t) => {
		const name = room();
		const third = await say(line, name, 1, 3);
		const p = await begin(t, line, name);
		await p.shows('m1', 'm2', 'm3');
		await p.hasRead(name, third);
		await p.hash(`#${aside}`);
		await empty(p);
		const fifth = await say(line, name, 4, 5);
		await p.hash(`#${name}`);
		await marked(p, 'm3', 'm4');
		await sleep(ms(400)); // a moment in which nothing is to happen
		await p.page.reload();
		await marked(p, 'm3', 'm4');
		await p.page.reload();
		await marked(p, 'm3', 'm4');
		await p.field.press('Escape');
		await until(async () => await p.log.locator('.mark').count() === 0, { what: 'the mark to go' });
		await p.page.reload();
		await p.shows(...numbers(1, 5).map((i) => `m${i}`));
		await p.hasRead(name, fifth);
		assert.equal(await p.log.locator('.mark').count(), 0);
	});

	test('came while the tab was not looked at: the title counts it, the mark stands above it, after a reload too', async (t) => {
		const name = room();
		const second = await say(line, name, 1, 2);
		const p = await begin(t, line, name, { init: looked });
		await p.shows('m1', 'm2');
		await p.hasRead(name, second);
		await look(p, 'hidden');
		await say(line, name, 3, 5);
		await until(async () => await p.page.title() === `(3) #${name} · Longline`, { what: 'the title to count' });
		await marked(p, 'm2', 'm3');
		await look(p, 'visible');
		await until(async () => await p.page.title() === `#${name} · Longline`, { what: 'the title without a count' });
		await marked(p, 'm2', 'm3');
		await p.page.reload();
		await marked(p, 'm2', 'm3');
	});

	test('far above: the room opens at the first of it, a button leads back there, and the end says how many are newer', async (t) => {
		const name = room();
		const third = await say(line, name, 1, 3);
		const p = await begin(t, line, name);
		await p.shows('m1', 'm2', 'm3');
		await p.hasRead(name, third);
		await p.hash(`#${aside}`);
		await empty(p);
		await line.sql(`INSERT INTO messages(room, text) WITH RECURSIVE c(x) AS (SELECT 4 UNION ALL SELECT x + 1 FROM c WHERE x < 700)
			SELECT '${name}', 'm' || x FROM c`);
		await p.rooms.getByText('697 unread').waitFor();
		await p.hash(`#${name}`);
		await marked(p, 'm3', 'm4');
		await until(() => p.inSight('m4'));
		const button = p.page.getByRole('button', { name: 'Go to the first unread message' });
		assert.equal(await button.isVisible(), false);
		await until(async () => /^5\d\d\+? newer ↓$|^6\d\d newer ↓$/.test(await p.newest.locator('..').textContent()), { what: 'how many are newer' });
		await p.newest.click();
		await until(() => p.inSight('m700'));
		await until(async () => await p.toEnd() < 2);
		await button.click();
		await p.log.locator('.mark').waitFor();
		await button.waitFor({ state: 'hidden' });
	});
});

describe('jumps', () => {
	const line = server();
	const DAY = 86_400_000;
	const zone = { timezoneId: 'America/New_York', locale: 'en-GB' };

	test('days stand between messages, by the reader\'s clock; the date picker goes to one', async (t) => {
		const name = room();
		// 03:30 UTC is the evening before in New York.
		const start = Date.UTC(2025, 0, 10, 3, 30);
		await line.sql(`INSERT INTO messages(room, text, at) WITH RECURSIVE c(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM c WHERE x < 399)
			SELECT '${name}', 'd' || x, ${start} + x * ${DAY / 4} FROM c`);
		const p = await begin(t, line, name, zone);
		await until(() => p.inSight('d399'));
		const dayOf = (x) => new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeZone: zone.timezoneId }).format(start + x * DAY / 4);
		await p.log.getByRole('button', { name: dayOf(399) }).click();
		const picker = p.named('dialog', 'Another day');
		const day = picker.getByLabel('Go to a day');
		assert.equal(await day.inputValue(), '2025-04-19');
		await day.fill('2025-01-20');
		await day.press('Enter');
		const [first] = (await stored(line, name)).filter(({ at }) => Date.parse(at) >= Date.parse('2025-01-20T05:00Z'));
		await until(() => p.inSight(first.text), { what: 'the first of the day' });
		const above = await rowOf(p, first.text).evaluate((node) => node.previousElementSibling.textContent);
		assert.equal(above, dayOf(Number(first.text.slice(1))));
		assert.equal(await picker.isVisible(), false);
		const time = rowOf(p, first.text).locator('.time');
		assert.equal(await time.locator('time').getAttribute('data-time'),
			new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: zone.timezoneId }).format(Date.parse(first.at)));

		// A day before all, and one after all.
		for (const [asked, shown] of [['2020-01-01', 'd0'], ['2030-01-01', 'd399']]) {
			await p.page.locator('#when').click();
			await day.fill(asked);
			await picker.getByRole('button', { name: 'Go', exact: true }).click();
			await until(() => p.inSight(shown).catch(() => false), { what: `${shown} for ${asked}` });
		}
	});

	test('a permalink from a cold start: its context on both sides, scrolled on to either end, and live there', async (t) => {
		const name = room();
		await line.sql(`INSERT INTO messages(room, text) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 400)
			SELECT '${name}', 'm' || x FROM c`);
		const { id } = await until(async () => (await stored(line, name))[199], { what: 'it to be seen' });
		const p = await begin(t, line, `${name}/${id}`);
		await until(() => p.inSight('m200'));
		const texts = await p.texts();
		assert.ok(texts.includes('m190') && texts.includes('m210'), `${texts}`);
		assert.equal(await rowOf(p, 'm200').evaluate((node) => node === document.activeElement), true);
		await until(async () => /^\d+ newer ↓$/.test(await p.newest.locator('..').textContent()), { what: 'how many are newer' });
		await line.sent('elsewhere', { room: room() }); // which is nothing to this list
		await line.sent('m401', { room: name });
		await until(async () => /^1 new ↓$/.test(await p.newest.locator('..').textContent()), { what: 'the new one' });
		for (let i = 0; i < 60 && !(await p.texts()).includes('m401'); i += 1) {
			await p.log.evaluate((log) => log.scrollBy(0, 2000));
			await sleep(60);
		}
		await until(async () => {
			await p.log.evaluate((log) => log.scrollBy(0, 2000));
			return p.inSight('m401').catch(() => false);
		}, { what: 'the end' });
		await line.sent('m402', { room: name });
		await until(() => p.inSight('m402').catch(() => false), { what: 'what is said now' });
		assert.deepEqual((await p.texts()).slice(-50), numbers(353, 402).map((i) => `m${i}`));
	});
});

describe('notifications', () => {
	const line = server();
	// What the system would show.
	const init = [() => {
		window.shown = [];
		const permission = { now: 'default' };
		window.Notification = class {
			static get permission() {
				return permission.now;
			}

			static async requestPermission() {
				permission.now = window.answer ?? 'granted';
				return permission.now;
			}

			constructor(title, { body }) {
				window.shown.push(`${title}: ${body}`);
				window.last = this;
			}
		};
	}];
	const shown = (p) => p.page.evaluate(() => window.shown);
	const both = [`(${init[0]})();(${looked})();`];
	const ask = async (p) => {
		await p.named('button', 'Options').click();
		await p.options.getByLabel('Notify me').click();
	};

	test('only after one has asked for them, only when nobody looks, only of others; a click leads there', async (t) => {
		const name = room();
		const p = await begin(t, line, name, { init: [{ content: both[0] }] });
		await p.name.fill('ann');
		await look(p, 'hidden');
		await line.sent({ text: 'before one asked', sender: 'bob' }, { room: name });
		await p.shows('before one asked');
		await look(p, 'visible');
		await ask(p);
		await until(() => p.options.getByLabel('Notify me').isChecked());
		await p.options.getByRole('button', { name: 'Close' }).click();
		await line.sent({ text: 'while one looks', sender: 'bob' }, { room: name });
		await p.log.getByText('while one looks').waitFor();
		assert.deepEqual(await shown(p), []);
		await look(p, 'hidden');
		await line.sent({ text: 'one\'s own', sender: 'ann' }, { room: name });
		await line.sent({ text: 'at last', sender: 'bob' }, { room: name });
		await line.sent({ text: 'elsewhere', sender: 'bob' }, { room: `${name}-never-opened` });
		await until(async () => (await shown(p)).length > 0, { what: 'a notification' });
		assert.deepEqual(await shown(p), [`bob in #${name}: at last`]);
		await p.hash(`#${aside}`);
		await empty(p);
		await p.page.evaluate(() => window.last.onclick());
		await until(() => p.page.url().endsWith(`#${name}`), { what: 'the room' });
		await until(() => p.inSight('at last'), { what: 'the message' });
	});

	test('who has no name is told of messages without one', async (t) => {
		const name = room();
		const p = await begin(t, line, name, { init: [{ content: both[0] }] });
		await ask(p);
		await until(() => p.options.getByLabel('Notify me').isChecked());
		await look(p, 'hidden');
		await line.sent('by curl', { room: name });
		await until(async () => String(await shown(p)) === `no name in #${name}: by curl`, { what: 'a notification' });
	});

	test('refused by the browser: it says so, and the box stays empty', async (t) => {
		const p = await begin(t, line, room(), { init: [{ content: `${both[0]}window.answer = 'denied';` }] });
		await ask(p);
		await p.options.getByText('This browser does not allow it here.').waitFor();
		assert.equal(await p.options.getByLabel('Notify me').isChecked(), false);
	});
});
