// page-acts.test.mjs: what may be done with a message: by pointer, keys and finger; several copied; links to rooms and people.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { UNCOUNTED } from '../e2e/persons.mjs';
import { accessible, numbers, open, stored } from './browser.mjs';

const rowOf = (p, text) => p.log.getByRole('article').filter({ hasText: text });
const menuOf = (p, text) => rowOf(p, text).getByRole('button', { name: 'Message actions' });
const inMenu = (p, what) => p.page.locator('#act').getByRole('button', { name: what, exact: true });
const offered = (p) => p.page.locator('#act button:visible').evaluateAll((nodes) => nodes.map((node) => node.firstChild.textContent.trim()));
const done = (p, text) => until(async () => await p.named('status', 'Done').textContent() === text, { what: `“${text}” to be said` });
const copied = (p) => p.page.evaluate(() => navigator.clipboard.readText());

describe('what may be done with a message', () => {
	const line = server({ env: { HOSTS: '127.0.0.1 longline.test' } });
	// From elsewhere, since this machine's own strangers moderate.
	const begin = async (t, name, options = {}) => {
		const p = await open(t, `${line.url}/#${name}`, { extraHTTPHeaders: UNCOUNTED, permissions: ['clipboard-read', 'clipboard-write'], ...options });
		await p.connected();
		return p;
	};

	test('by pointer: link and words are copied, one is quoted; what is one\'s own can be changed as well', async (t) => {
		const name = room();
		const id = await line.sent({ text: 'backup of db1 FAILED', sender: 'cron' }, { room: name });
		const p = await begin(t, name);
		await p.type('**mine**');
		await p.sent();
		assert.equal(await menuOf(p, 'FAILED').evaluate((node) => getComputedStyle(node).opacity), '0');
		await rowOf(p, 'FAILED').hover();
		assert.equal(await menuOf(p, 'FAILED').evaluate((node) => getComputedStyle(node).opacity), '1');
		await menuOf(p, 'FAILED').click();
		await p.named('dialog', 'Message by cron').waitFor();
		assert.deepEqual(await offered(p), ['Copy link', 'Copy text', 'Quote', 'Show as Markdown']);
		await accessible(p, 'the menu of a message');
		await inMenu(p, 'Copy link').click();
		await done(p, 'Link copied.');
		assert.equal(await copied(p), `${line.url}/#${name}/${id}`);
		await menuOf(p, 'FAILED').click();
		await inMenu(p, 'Copy text').click();
		await done(p, 'Text copied.');
		assert.equal(await copied(p), 'backup of db1 FAILED');
		await rowOf(p, 'mine').hover();
		await menuOf(p, 'mine').click();
		assert.deepEqual(await offered(p), ['Copy link', 'Copy text', 'Quote', 'Show source', 'Edit', 'Delete']);
		await inMenu(p, 'Copy text').click();
		await until(async () => await copied(p) === '**mine**', { what: 'its source' });

		// What is half written stays, and what is quoted leads to where it is.
		await p.field.fill('half written');
		await rowOf(p, 'FAILED').hover();
		await menuOf(p, 'FAILED').click();
		await inMenu(p, 'Quote').click();
		assert.equal(await p.field.inputValue(), `half written\n\n> backup of db1 FAILED\n> cron, ${line.url}/#${name}/${id}\n`);
		await p.page.keyboard.type('I see.');
		await p.field.press('Enter');
		const quote = p.log.locator('blockquote');
		await quote.waitFor();
		assert.match((await p.texts()).at(-1), /^half written\n\nbackup of db1 FAILED\ncron, .*I see\.$/s);
		await accessible(p, 'with a quotation');
		await quote.getByRole('link').click();
		await p.log.locator(`.target[data-id="${id}"]`).waitFor();
		assert.equal(p.context.pages().length, 1);
	});

	test('by keys, on the message that has the focus; they are in the list of keys', async (t) => {
		const name = room();
		await line.sent({ text: 'of somebody else', sender: 'cron' }, { room: name });
		const p = await begin(t, name);
		await p.type('mine');
		await p.sent();
		await p.field.press('Escape');
		await p.page.keyboard.press('k');
		await p.page.keyboard.press('j');
		await until(() => rowOf(p, 'mine').evaluate((node) => node === document.activeElement), { what: 'the focus' });
		const ids = await p.ids();
		await p.page.keyboard.press('y');
		await until(async () => await copied(p) === `${line.url}/#${name}/${ids[1]}`, { what: 'the link' });
		await p.page.keyboard.press('c');
		await until(async () => await copied(p) === 'mine', { what: 'the words' });
		assert.ok(await rowOf(p, 'mine').evaluate((node) => node === document.activeElement), 'the focus stays');
		await p.page.keyboard.press('e');
		await p.named('button', 'Save').waitFor();
		assert.equal(await p.field.inputValue(), 'mine');
		await p.field.press('Escape');
		await p.field.press('Escape');
		await p.page.keyboard.press('k');
		await until(() => rowOf(p, 'of somebody').evaluate((node) => node === document.activeElement), { what: 'the focus' });
		await p.page.keyboard.press('e');
		await p.page.keyboard.press('Delete');
		assert.equal(await p.page.locator('#act').isVisible(), false, 'it is not ours');
		await p.page.keyboard.press('q');
		assert.match(await p.field.inputValue(), /^> of somebody else\n> cron, http/);
		await p.field.press('y'); // letters in the field are letters
		assert.match(await p.field.inputValue(), /\ny$/);
		await p.field.fill('');
		await p.field.press('Escape');
		await p.page.keyboard.press('k');
		await p.page.keyboard.press('j');
		await p.page.keyboard.press('Delete');
		await p.page.locator('#act').getByText('Delete this message for everybody?').waitFor();
		assert.deepEqual(await offered(p), ['Delete', 'Cancel']);
		await p.page.keyboard.press('ArrowUp');
		await p.page.keyboard.press('Enter');
		await p.log.getByText('Message deleted').waitFor();
		assert.deepEqual((await stored(line, name)).map(({ text }) => text), ['of somebody else']);
		await p.page.keyboard.press('?');
		await p.options.getByText('copy the link or the text of the message that has the focus, quote it').waitFor();
	});

	test('by a finger that rests; one that moves or that is short opens nothing', async (t) => {
		const name = room();
		for (const i of numbers(1, 40)) await line.sent({ text: `message ${i}`, sender: 'cron' }, { room: name });
		const p = await begin(t, name, { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true });
		await until(async () => (await p.ids()).length === 40);
		const cdp = await p.context.newCDPSession(p.page);
		const touch = (type, ...points) => cdp.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y]) => ({ x, y })) });
		const { x, y } = await p.log.getByText('message 35').boundingBox();
		await touch('touchStart', [x + 5, y + 5]);
		await touch('touchEnd');
		assert.equal(await p.page.locator('#act').isVisible(), false);
		await touch('touchStart', [x + 5, y + 5]);
		for (const by of [20, 40, 60]) await touch('touchMove', [x + 5, y + 5 + by]);
		await p.page.waitForTimeout(700);
		await touch('touchEnd');
		assert.equal(await p.page.locator('#act').isVisible(), false, 'that was scrolling');
		const beside = await p.log.getByText('message 33').boundingBox();
		await touch('touchStart', [beside.x + 5, beside.y + 5]);
		for (const by of [20, 40, 60]) await touch('touchMove', [beside.x + 5 + by, beside.y + 5]);
		await p.page.waitForTimeout(700);
		await touch('touchEnd');
		assert.equal(await p.page.locator('#act').isVisible(), false, 'nor was that a rest');
		await p.log.getByText('message 30').scrollIntoViewIfNeeded();
		const box = await p.log.getByText('message 30').boundingBox();
		await touch('touchStart', [box.x + 5, box.y + 5]);
		await p.page.locator('#act').waitFor();
		await touch('touchEnd');
		assert.equal(await p.page.evaluate(() => String(getSelection())), '', 'no words are selected');
		assert.equal(await p.page.locator('#act').isVisible(), true, 'the finger may leave');
		const fits = await p.page.evaluate(() => {
			const { left, right, top, bottom } = document.getElementById('act').getBoundingClientRect();
			return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && [...document.querySelectorAll('#act button')].every((one) => !one.offsetHeight || one.offsetHeight >= 32);
		});
		assert.ok(fits);
		await inMenu(p, 'Copy text').tap();
		await until(async () => await copied(p) === 'message 30', { what: 'its words' });
		// The button comes with the focus, for who has no long press.
		await p.log.getByText('message 31').tap();
		await menuOf(p, 'message 31').tap();
		await inMenu(p, 'Copy link').waitFor();
	});

	test('without HTTPS there is no clipboard to write to, and all is copied the same', async (t) => {
		const name = room();
		const id = await line.sent('words to copy', { room: name });
		const p = await begin(t, name, {});
		const far = await open(t, `${line.url.replace('127.0.0.1', 'longline.test')}/#${name}`, { extraHTTPHeaders: UNCOUNTED });
		await far.connected();
		assert.equal(await far.page.evaluate(() => typeof navigator.clipboard), 'undefined');
		const pasted = async () => {
			await far.field.fill('');
			await far.field.press('ControlOrMeta+v');
			return far.field.inputValue();
		};
		await rowOf(far, 'words').hover();
		await menuOf(far, 'words').click();
		await inMenu(far, 'Copy text').click();
		await done(far, 'Text copied.');
		assert.equal(await pasted(), 'words to copy');
		await far.field.fill('');
		await far.field.press('Escape');
		await far.page.keyboard.press('k');
		await far.page.keyboard.press('y');
		await done(far, 'Link copied.');
		assert.ok(await rowOf(far, 'words').evaluate((node) => node === document.activeElement), 'the focus stays');
		assert.equal(await pasted(), `${line.url.replace('127.0.0.1', 'longline.test')}/#${name}/${id}`);
		assert.ok(p);
	});

	test('several messages that are selected are copied with times and names; a part of one as it is', async (t) => {
		const name = room();
		const at = (minute) => Date.UTC(2026, 10, 28, 3, minute);
		await line.sql(`INSERT INTO messages(room, sender, text, at) VALUES ('${name}', 'cron', 'backup begun', ${at(11)}),
			('${name}', 'cron', 'FAILED' || char(10) || 'rsync 23', ${at(12)}), ('${name}', 'ann', 'looking', ${at(15)})`);
		const p = await begin(t, name, { timezoneId: 'UTC' });
		await p.shows('backup begun', 'FAILED\nrsync 23', 'looking');
		const drag = async (from, to) => {
			const [a, b] = [await p.log.getByText(from).boundingBox(), await p.log.getByText(to).boundingBox()];
			await p.page.mouse.move(a.x + 2, a.y + a.height / 2);
			await p.page.mouse.down();
			await p.page.mouse.move(b.x + 30, b.y + b.height / 2, { steps: 5 });
			await p.page.mouse.up();
			await p.page.keyboard.press('ControlOrMeta+c');
		};
		await drag('backup begun', 'looking');
		await until(async () => await copied(p) === '[2026-11-28 03:11] cron: backup begun\n[2026-11-28 03:12] cron: FAILED\n\trsync 23\n[2026-11-28 03:15] ann: looking', { what: 'three lines' });
		await p.log.getByText('looking').dblclick({ position: { x: 5, y: 10 } });
		await p.page.keyboard.press('ControlOrMeta+c');
		await until(async () => (await copied(p)).trim() === 'looking', { what: 'a word' });
		// What is selected in the log is no matter of a field's.
		await p.field.fill('from the field');
		await p.field.press('ControlOrMeta+a');
		await p.field.press('ControlOrMeta+c');
		await until(async () => await copied(p) === 'from the field', { what: 'the words of the field' });
	});

	test('#room leads to a room that exists, as soon as it is known; no other word does', async (t) => {
		const [name, other] = [room(), room()];
		await line.sent('there', { room: other });
		await line.sent({ text: `see #${other}, #nosuch-${name} and #${name}-later. a#${other}`, sender: 'ann' }, { room: name });
		const p = await begin(t, name);
		const links = p.log.locator('.text a');
		await until(async () => await links.count() === 1, { what: 'a link' });
		await line.sent('born', { room: `${name}-later` });
		await until(async () => await links.count() === 2, { what: 'two links' });
		assert.deepEqual(await links.allTextContents(), [`#${other}`, `#${name}-later`]);
		await links.first().click();
		await p.shows('there');
		assert.equal(p.context.pages().length, 1);
	});

	test('@name leads to what was said by somebody who is called so', async (t) => {
		const name = room();
		await line.sent({ text: 'hello @ann, @Nobody and @bob.', sender: 'Bob' }, { room: name });
		const p = await begin(t, name);
		const links = p.log.locator('.text a');
		await until(async () => await links.count() === 1, { what: 'a link' });
		await line.sent({ text: 'here', sender: 'ann' }, { room: name });
		await until(async () => await links.count() === 2, { what: 'two links' });
		assert.deepEqual(await links.allTextContents(), ['@ann', '@bob']);
		await links.last().click();
		await until(async () => await p.query.inputValue() === 'from:Bob', { what: 'the search' });
		await p.hits.first().getByText('hello @ann').waitFor();
	});
});
