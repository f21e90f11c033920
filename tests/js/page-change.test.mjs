// page-change.test.mjs: messages are edited and deleted in the page, and others see it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { UNCOUNTED, insertGrant, insertToken, jwt, keyFile, newSecret } from '../e2e/persons.mjs';
import { accessible, open as opened, proxy, stored } from './browser.mjs';
import { refusal } from './guard.mjs';

// Under scripts/run this machine's own strangers moderate, so each page comes from elsewhere; what line asks does not.
const open = (t, url, more) => opened(t, url, { extraHTTPHeaders: UNCOUNTED, ...more });

const HTML = '<img src=x onerror="document.title = 1"><b>bold</b>';

const rowOf = (p, text) => p.log.getByRole('article').filter({ hasText: text });
// Of one that may be changed.
const menuOf = (p, text) => rowOf(p, text).and(p.page.locator('.changeable')).getByRole('button', { name: 'Message actions' });
const dialogOf = (p) => p.named('dialog', 'Your message');
const inDialog = (p, name) => dialogOf(p).getByRole('button', { name, exact: true });
const lines = (p) => p.log.locator('.deleted').allTextContents();
const focused = (p) => p.page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute('aria-label'));
const why = (p) => p.page.locator('#edit-why');
const badge = (p, name) => p.rooms.getByRole('link', { name: `#${name} ` }).locator('.badge');

/** What a program beside the page does to messages. */
const patch = (line, id, text, headers = {}) =>
	line.request(`/messages/${id}`, { method: 'PATCH', body: text, headers: { 'Content-Type': 'text/plain', ...headers } });
const erase = (line, id) => line.request(`/messages/${id}`, { method: 'DELETE' });

async function two(t, line, name, options = {}) {
	const [a, b] = [await open(t, `${line.url}/#${name}`, options), await open(t, `${line.url}/#${name}`, options)];
	await a.connected();
	await b.connected();
	return [a, b];
}

describe('changes', () => {
	const line = server();

	test('↑ edits the last one of one\'s own; another browser sees it, marked, and so does a reload', async (t) => {
		const name = room();
		const [a, b] = await two(t, line, name);
		await a.type('helo');
		await b.shows('helo');
		await line.sent('of somebody else', { room: name });
		await a.shows('helo', 'of somebody else');
		await a.field.press('ArrowUp');
		assert.equal(await a.field.inputValue(), 'helo');
		assert.equal(await a.named('button', 'Save').isVisible(), true);
		await a.field.fill(HTML);
		await a.field.press('Enter');
		for (const p of [a, b]) {
			await p.shows(HTML, 'of somebody else');
			await p.log.locator('.edited', { hasText: /^edited / }).waitFor();
			assert.equal(await p.log.locator('img, b').count(), 0);
		}
		await a.named('button', 'Send').waitFor(); // others may be told before whoever saved it is answered
		assert.equal(await a.field.inputValue(), '');
		assert.deepEqual((await stored(line, name)).map(({ text }) => text), [HTML, 'of somebody else'], 'not sent anew');
		assert.equal(await menuOf(b, HTML).count(), 0, 'it is not theirs');
		for (const p of [a, b]) {
			await p.page.reload();
			await p.shows(HTML, 'of somebody else');
			await p.log.locator('.edited').waitFor();
		}
		await menuOf(a, HTML).waitFor({ state: 'attached' }); // its key is remembered
	});

	test('Escape leaves, and a draft comes back; the same text is not saved', async (t) => {
		const name = room(), asked = [];
		const p = await open(t, `${line.url}/#${name}`);
		p.page.on('request', (request) => asked.push(request.method()));
		await p.connected();
		await p.type('one');
		await p.shows('one');
		await menuOf(p, 'one').waitFor({ state: 'attached' });
		await p.field.fill('a draft');
		await p.field.press('ArrowUp');
		assert.equal(await p.field.inputValue(), 'a draft', 'only in an empty field');
		await rowOf(p, 'one').hover();
		await menuOf(p, 'one').click();
		await inDialog(p, 'Edit').click();
		assert.equal(await p.field.inputValue(), 'one');
		assert.equal(await focused(p), 'text');
		await p.field.fill('something');
		await p.field.press('Escape');
		assert.equal(await p.field.inputValue(), 'a draft');
		assert.equal(await focused(p), 'text');
		await p.field.fill('');
		await p.field.press('ArrowUp');
		await p.field.press('Enter');
		await p.named('button', 'Send').waitFor();
		await p.shows('one');
		assert.ok(!asked.includes('PATCH'));
	});

	test('the menu by keyboard: deleting asks once; others see a quiet line that is no gap', async (t) => {
		const name = room();
		const [a, b] = await two(t, line, name);
		for (const text of ['one', 'two', 'three']) await a.type(text);
		await b.shows('one', 'two', 'three');
		await a.sent();
		await a.field.press('Escape');
		await a.page.keyboard.press('k');
		await a.page.keyboard.press('k');
		await until(async () => /two|three|one/.test(await a.page.evaluate(() => document.activeElement.textContent)), { what: 'a row with the focus' });
		await menuOf(a, 'two').focus();
		await a.page.keyboard.press('Enter');
		await dialogOf(a).waitFor();
		assert.equal(await focused(a), 'act-link');
		await a.page.keyboard.press('Escape');
		assert.equal(await dialogOf(a).isVisible(), false);
		assert.equal(await focused(a), 'Message actions', 'the focus comes back');
		await a.page.keyboard.press('Enter');
		await a.page.keyboard.press('ArrowUp');
		await a.page.keyboard.press('Enter');
		await dialogOf(a).getByText('Delete this message for everybody?').waitFor();
		assert.equal(await focused(a), 'act-cancel');
		assert.equal((await stored(line, name)).length, 3, 'not before it is said twice');
		await accessible(a, 'a message that may be deleted');
		await a.page.keyboard.press('ArrowUp');
		await a.page.keyboard.press('Enter');
		for (const p of [a, b]) {
			await p.shows('one', 'three');
			await until(async () => /^Message deleted \S/.test((await lines(p)).join()), { what: 'its line' });
			assert.equal(await p.log.locator('.note.warning').count(), 0);
		}
		await dialogOf(a).waitFor({ state: 'hidden' });
		await until(() => a.log.evaluate((log) => log.contains(document.activeElement)), { what: 'the focus to stay in the list' });
		await accessible(a, 'a message that was deleted');

		// A gap says something else, elsewhere.
		await b.page.evaluate(() => {
			const before = window.fetch;
			window.fetch = async (...request) => {
				const res = await before(...request);
				if (!String(request[0]).startsWith('poll?')) return res;
				const json = await res.json();
				return new Response(JSON.stringify({ ...json, gap: true }), { status: res.status });
			};
		});
		for (const text of ['four', 'five']) { // the poll that is held tells the first
			await line.sent(text, { room: name });
			await b.log.getByText(text, { exact: true }).waitFor();
		}
		await b.log.locator('.note.warning', { hasText: 'Some messages were deleted before they could be shown here.' }).first().waitFor();
		assert.equal((await lines(b)).length, 1);
		await a.page.reload();
		await a.shows('one', 'three', 'four', 'five');
		assert.deepEqual(await lines(a), [], 'history has what is');
	});

	test('a change is no message: not unread, not the last, not read aloud; a deleted one is unread no more', async (t) => {
		const [name, other] = [room(), room()];
		const first = await line.sent('first', { room: other });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await p.rooms.getByRole('link', { name: `#${other} ` }).waitFor();
		const ids = [await line.sent('second', { room: other }), await line.sent('third', { room: other })];
		await until(async () => /^2/.test(await badge(p, other).textContent()), { what: 'two unread' });
		await patch(line, first, 'first, edited');
		await patch(line, ids[1], 'third, edited');
		const link = p.rooms.getByRole('link', { name: `#${other} ` });
		await link.getByText('third, edited').waitFor();
		assert.match(await badge(p, other).textContent(), /^2/);
		await erase(line, ids[1]);
		await link.getByText('second').waitFor();
		assert.match(await badge(p, other).textContent(), /^1/);
		await erase(line, ids[0]);
		await link.getByText('first, edited').waitFor();
		await until(async () => await badge(p, other).count() === 0, { what: 'nothing unread' });
		assert.ok(!/deleted|edited/.test(await p.page.locator('#announce').textContent()));
		await p.page.reload();
		await link.getByText('first, edited').waitFor();
		await line.sent('news', { room: other });
		await until(async () => /^1/.test(await badge(p, other).textContent()), { what: 'one unread' });
	});

	test('who reads far above stays where they are; hits and the saved list follow', async (t) => {
		const name = room(), ids = [];
		for (let i = 1; i <= 60; i += 1) ids.push(await line.sent(`needle ${i}`, { room: name }));
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await p.query.fill('needle');
		await until(async () => await p.hits.count() === 40, { what: 'hits' });
		await p.log.evaluate((log) => {
			log.scrollTop = log.scrollHeight / 2;
		});
		const held = async () => p.log.evaluate((log) => {
			const { top } = log.getBoundingClientRect();
			const node = [...log.querySelectorAll('[data-id]')].find((one) => one.getBoundingClientRect().top > top + 60);
			return [node.dataset.id, Math.round(node.getBoundingClientRect().top)];
		});
		await until(async () => String(await held()) === String(await held()), { what: 'rest' });
		const before = await held();
		await patch(line, ids[2], 'much\nlonger\nthan\nbefore');
		await erase(line, ids[4]);
		await erase(line, ids[58]);
		await patch(line, ids[59], 'last, edited');
		await until(async () => (await lines(p)).length === 2, { what: 'two lines' });
		await p.log.getByText('last, edited').waitFor({ state: 'attached' });
		assert.deepEqual(await held(), before);
		const texts = await p.hits.allTextContents();
		assert.ok(texts[0].includes('last, edited') && texts[1].includes('needle 58'), texts.slice(0, 2).join());
		await p.query.fill('');
		await p.named('button', 'Close search').click();
		await p.named('button', 'Options').click();
		const [download] = await Promise.all([p.page.waitForEvent('download'), p.options.getByRole('button', { name: 'JSON lines' }).click()]);
		const saved = (await (await download.createReadStream()).toArray()).join('').trim().split('\n').map((one) => JSON.parse(one));
		assert.deepEqual(saved.map(({ id, text }) => [id, text]), (await stored(line, name)).map(({ id, text }) => [id, text]));
		assert.ok(saved.at(-1).edited_at);
	});

	test('what is refused is said in words, and the edit stays in the field', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`, { cut: true });
		await p.connected();
		await p.type('mine');
		await p.shows('mine');
		await menuOf(p, 'mine').waitFor({ state: 'attached' }); // it is stored
		let answer = null;
		await p.context.route(/\/messages\/\d+$/, (route) => (answer === 'cut' ? route.abort() : route.fulfill(answer)));
		await p.field.press('ArrowUp');
		await p.field.fill('edited');
		for (const [what, words] of [
			[refusal(403, 'forbidden_message'), 'not yours, or too old'],
			[refusal(404, 'not_found'), 'not there any more'],
			[refusal(412, 'precondition_failed'), 'changed meanwhile'],
			[refusal(429, 'rate_limited', { retryAfter: 7 }), 'Too fast: try again in 7 s.'],
			['cut', 'cannot be reached'],
		]) {
			answer = what;
			await p.field.press('Enter');
			await why(p).getByText(words).waitFor();
			assert.equal(await p.field.inputValue(), 'edited');
			assert.equal(await p.field.isEditable(), true);
		}
		await accessible(p, 'an edit that was refused');
		await p.field.fill(' ');
		await p.field.press('Enter');
		await why(p).getByText('An empty message cannot be saved').waitFor();
		await p.field.press('Escape');
		answer = refusal(403, 'forbidden_message');
		await rowOf(p, 'mine').hover();
		await menuOf(p, 'mine').click();
		await inDialog(p, 'Delete').click();
		await inDialog(p, 'Delete').click();
		await dialogOf(p).getByRole('alert').getByText('not yours').waitFor();
		await p.context.unroute(/\/messages\/\d+$/);
		await inDialog(p, 'Delete').click();
		await until(async () => (await lines(p)).length === 1, { what: 'its line' });
	});

	test('somebody else changes what is being edited: it is said, and nothing in the field is lost', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await p.type('mine');
		await p.shows('mine');
		await menuOf(p, 'mine').waitFor({ state: 'attached' });
		await p.field.press('ArrowUp');
		await p.field.fill('as I want it');
		const [id] = await p.ids();
		await patch(line, id, 'as they want it');
		await why(p).getByText('changed meanwhile').waitFor();
		await p.shows('as they want it');
		await p.field.press('Enter');
		await p.shows('as I want it');
		await p.field.press('ArrowUp');
		await erase(line, id);
		await why(p).getByText('not there any more').waitFor();
		assert.equal(await p.field.inputValue(), 'as I want it');
	});

	test('↑ from far above goes to the newest first; leaving the room leaves the edit', async (t) => {
		const [name, other] = [room(), room()];
		const first = await line.sent('first', { room: name });
		for (let i = 1; i <= 120; i += 1) await line.sent(`p${i}`, { room: name });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await p.type('mine');
		await p.log.getByText('mine', { exact: true }).waitFor();
		await until(async () => (await stored(line, name)).length === 122, { what: 'mine' });
		await p.page.reload();
		await p.hash(`#${name}/${first}`);
		await until(async () => (await p.ids()).includes(first) && !(await p.texts()).includes('mine'), { what: 'the first page' });
		await p.field.press('ArrowUp');
		await until(async () => await p.field.inputValue() === 'mine', { what: 'the edit' });
		assert.equal(await p.inSight('mine'), true);
		await p.hash(`#${other}`);
		await until(async () => await p.field.inputValue() === '', { what: 'an empty field' });
		await p.named('button', 'Send').waitFor();
		await p.type('elsewhere');
		await p.shows('elsewhere');
		assert.equal((await stored(line, name)).at(-1).text, 'mine');
	});

	test('tabs of one browser: the other one shows it, and may edit it too', async (t) => {
		const name = room();
		const a = await open(t, `${line.url}/#${name}`);
		const b = await open(t, `${line.url}/#${name}`, { context: a.context });
		await a.connected();
		await b.connected();
		await a.type('from the first');
		await b.shows('from the first');
		await b.type('from the second');
		await a.shows('from the first', 'from the second');
		await b.shows('from the first', 'from the second');
		await menuOf(a, 'from the second').waitFor({ state: 'attached' });
		await a.field.press('ArrowUp');
		assert.equal(await a.field.inputValue(), 'from the second');
		await a.field.fill('from both');
		await a.field.press('Enter');
		for (const p of [a, b]) await p.shows('from the first', 'from both');
		await b.page.close();
		await a.connected();
		await a.field.press('ArrowUp');
		await a.field.fill('once more');
		await a.field.press('Enter');
		await a.shows('from the first', 'once more');
	});

	test('a change that is heard while an older page is on its way', async (t) => {
		const name = room(), other = room();
		const ids = [];
		for (const text of ['one', 'two', 'three']) ids.push(await line.sent(text, { room: name }));
		const front = await proxy(line.url);
		const p = await open(t, `${front.url}/#${other}`, { cut: true });
		await p.connected();
		// The page of history is read, and kept until the change was heard.
		let release;
		const told = new Promise((resolve) => {
			release = resolve;
		});
		await p.context.route(/\/history\?/, async (route) => {
			const response = await route.fetch();
			await told;
			await route.fulfill({ response });
		}, { times: 1 });
		await p.hash(`#${name}`);
		await until(() => front.requests.some(({ path }) => path.startsWith('/history') && path.includes(name)), { what: 'the page' });
		const heard = p.page.waitForResponse(async (res) => res.url().includes('/poll?') && (await res.text()).includes('"two, edited"'));
		await erase(line, ids[0]);
		await patch(line, ids[1], 'two, edited');
		await heard;
		release();
		await p.shows('two, edited', 'three');
		await erase(line, ids[2]);
		await p.shows('two, edited');
		await patch(line, ids[1], 'two, again');
		await p.shows('two, again');
	});
});

describe('changes by persons', () => {
	const line = server({ flags: ['--jwt-key', keyFile()] });

	test('what a person sent from elsewhere is theirs as well, as soon as it is known who they are; nobody else\'s', async (t) => {
		const name = room(), [ann, ben] = [newSecret(), newSecret()];
		await line.sql(insertToken({ name: 'ann', secret: ann }));
		await line.sql(insertToken({ name: 'ben', secret: ben }));
		await line.sql(insertGrant({ who: 'anyone', rooms: '*', may: 'r' }));
		for (const who of ['token:ann', 'token:ben', 'users']) await line.sql(insertGrant({ who, rooms: '*', may: 'rw' }));
		const as = (token) => open(t, `${line.url}/#join=${token}`, { cut: true });
		const there = async (p) => {
			await p.hash(`#${name}`);
			await p.connected();
			return p;
		};
		const one = await there(await as(ann));
		await one.type('from one');
		await one.shows('from one');
		const other = await there(await as(ann));
		await other.shows('from one');
		assert.equal(await menuOf(other, 'from one').count(), 0, 'who we are is not known yet');
		await other.type('from the other');
		await other.shows('from one', 'from the other');
		await rowOf(other, 'from one').hover();
		await menuOf(other, 'from one').click();
		await inDialog(other, 'Edit').click();
		await other.field.fill('from the other, too');
		await other.field.press('Enter');
		await one.shows('from the other, too', 'from the other');

		const second = await there(await as(ben));
		await second.shows('from the other, too', 'from the other');
		await second.type('by ben');
		await second.shows('from the other, too', 'from the other', 'by ben');
		await menuOf(second, 'by ben').waitFor({ state: 'attached' });
		assert.equal(await menuOf(second, 'from the other').count(), 0);

		// The user of a JWT is known at once.
		const user = jwt({ sub: '42', name: 'Eve' });
		assert.equal((await line.send({ text: 'by an application', room: name }, {}, { Authorization: `Bearer ${user}` })).status, 201);
		const eve = await there(await as(user));
		await menuOf(eve, 'by an application').waitFor({ state: 'attached' });
		await eve.field.press('ArrowUp');
		await eve.field.fill('by Eve');
		await eve.field.press('Enter');
		await one.log.getByText('by Eve').waitFor();

		// Taken away: there is nothing to press.
		await line.sql("UPDATE grants SET may = 'r' WHERE who = 'users';");
		await eve.page.reload();
		await eve.page.locator('#fence').getByText('You may read here, not write.').waitFor();
		await until(async () => await menuOf(eve, 'by Eve').count() === 0, { what: 'no menu' });
	});

	test('who moderates is offered others\' messages, and changes them; who does not any more is not', async (t) => {
		const [name, fresh] = [room(), room()], [mod, eve] = [newSecret(), newSecret()];
		await line.sql(insertToken({ name: 'mod', secret: mod }));
		await line.sql(insertToken({ name: 'eve', secret: eve }));
		for (const one of [name, fresh]) {
			await line.sql(insertGrant({ who: 'anyone', rooms: one, may: 'r' }));
			await line.sql(insertGrant({ who: 'users', rooms: one, may: 'rw' }));
			await line.sql(insertGrant({ who: 'token:mod', rooms: one, may: 'rwm' }));
		}
		const says = async (text, one = name) =>
			assert.equal((await line.send({ text, room: one }, {}, { Authorization: `Bearer ${eve}` })).status, 201);
		await says('not nice');
		const p = await open(t, `${line.url}/#join=${mod}`, { cut: true });
		await p.hash(`#${name}`);
		await p.shows('not nice');
		await rowOf(p, 'not nice').hover();
		await menuOf(p, 'not nice').click();
		const other = p.named('dialog', 'Message by eve');
		await accessible(p, "the menu of somebody else's message");
		await other.getByRole('button', { name: 'Edit', exact: true }).click();
		await p.field.fill('nice');
		await p.field.press('Enter');
		await p.shows('nice');
		await p.type('said the moderator');
		await p.shows('nice', 'said the moderator');
		await menuOf(p, 'nice').waitFor({ state: 'attached' }); // what was sent does not take it away
		await rowOf(p, 'nice').hover();
		await menuOf(p, 'nice').click();
		await other.getByRole('button', { name: 'Delete', exact: true }).click();
		await other.getByRole('button', { name: 'Delete', exact: true }).click();
		await until(async () => (await lines(p)).length === 1, { what: 'its line' });
		assert.deepEqual((await stored(line, name)).map(({ text }) => text), ['said the moderator']);

		// In a room that is born while it is shown, too.
		await p.hash(`#${fresh}`);
		await p.connected();
		await says('the first', fresh);
		await menuOf(p, 'the first').waitFor({ state: 'attached' });

		await line.sql("UPDATE grants SET may = 'rw' WHERE who = 'token:mod';");
		await p.page.reload();
		await p.shows('the first');
		await until(async () => await menuOf(p, 'the first').count() === 0, { what: 'no menu' });
	});

	test('by touch, on a phone: the button is there, and nothing sticks out', async (t) => {
		const name = room();
		await line.sql(insertGrant({ who: 'anyone', rooms: name, may: 'rw' }));
		const p = await open(t, `${line.url}/#${name}`, { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true });
		await p.connected();
		await p.type('a message that is too long for one line of a phone');
		const button = menuOf(p, 'a message');
		await button.waitFor();
		assert.equal(await button.evaluate((node) => getComputedStyle(node).opacity), '1');
		await button.tap();
		await inDialog(p, 'Delete').tap();
		const fits = () => p.page.evaluate(() => {
			const { left, right, bottom } = document.getElementById('act').getBoundingClientRect();
			return document.documentElement.scrollWidth <= innerWidth && left >= 0 && right <= innerWidth && bottom <= innerHeight;
		});
		assert.ok(await fits());
		await accessible(p, 'the question on a phone');
		await inDialog(p, 'Cancel').tap();
		await button.tap();
		await inDialog(p, 'Edit').tap();
		await accessible(p, 'an edit on a phone');
		await p.field.fill('short');
		await p.named('button', 'Save').tap();
		await p.shows('short');
		await menuOf(p, 'short').tap();
		await inDialog(p, 'Delete').tap();
		await inDialog(p, 'Delete').tap();
		await until(async () => (await lines(p)).length === 1, { what: 'its line' });
	});
});
