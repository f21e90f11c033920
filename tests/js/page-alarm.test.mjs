// page-alarm.test.mjs: alarms: the words that make one, and what they do to rows, badges, the title, and notifications.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { accessible, look, looked, open } from './browser.mjs';
import { Words } from './modules.mjs';

describe('words', () => {
	const finds = (words, text, name) => new Words(words, name).in({ text, event: 'chat message' });
	const marked = (words, text) => new Words(words).spans(text).map(([from, to]) => text.slice(from, to));

	test('in capitals as typed, others in any case; whole words where they are words', () => {
		assert.ok(finds('FAILED', 'backup FAILED: rsync'));
		for (const text of ['failed', 'UNFAILED', 'FAILEDX', 'x_FAILED']) assert.ok(!finds('FAILED', text), text);
		assert.ok(finds('panic', 'Kernel PANIC!'));
		assert.ok(!finds('panic', 'panicked'));
		assert.ok(finds('97%', 'disk at 97% now'));
		assert.ok(finds('C++ a.b', 'in C++'));
		assert.ok(!finds('a.b', 'axb'));
		assert.ok(finds('失败', '备份失败了'), 'scripts without blanks');
		for (const text of ['処理FAILED', '処理がFAILEDで終了', 'ระบบFAILEDแล้ว', 'エラーFAILED。']) assert.ok(finds('FAILED', text), text);
		for (const text of ['éFAILED', 'FAILEDя', '処FAILEDx']) assert.ok(!finds('FAILED', text), text);
		assert.ok(finds('ÄRGER', 'so ein ÄRGER'));
		assert.ok(finds('ERROR', '\x1b[31mERROR\x1b[0m x'), 'behind a colour');
		assert.ok(new Words('down').in({ event: 'disk', args: [{ state: 'down' }] }));
	});

	test('@name is one\'s own name, in any case, and none without a name', () => {
		assert.ok(finds('@name', 'hey @ann, look', 'Ann'));
		assert.ok(finds('@name', '@ann谢谢', 'Ann') && finds('@name', '谢谢@ann', 'Ann'), 'scripts without blanks');
		assert.ok(!finds('@name', 'mail x@ann.example', 'Ann'));
		assert.ok(!finds('@name', 'hey @annabel', 'Ann'));
		assert.ok(finds('@name', 'hey @Ann Lee!', 'Ann Lee'));
		assert.ok(!finds('@name', '@name', ''));
		const words = new Words('FAILED @name', 'ann');
		assert.deepEqual([words.mentions({ text: 'FAILED' }), words.mentions({ text: 'FAILED @ann', event: 'chat message' })], [false, true]);
	});

	test('bounded: how many, how long, how much is looked at, how many are marked', () => {
		const many = new Words(Array.from({ length: 5_000 }, (_, i) => `w${i}`).join(' '));
		assert.equal(many.words.length, 20);
		assert.equal(new Words('x'.repeat(100)).words.length, 0);
		assert.equal(finds('END', `${'x '.repeat(10_000)}END`), false);
		assert.equal(marked('a', 'a '.repeat(1_000)).length, 50);
		assert.equal(new Words('* . "').search, '');
		assert.equal(new Words('FAILED C++').search, '"FAILED" OR "C++"');
		const started = performance.now();
		for (let i = 0; i < 200; i += 1) many.in({ text: 'w'.repeat(10_000), event: '' });
		assert.ok(performance.now() - started < 5_000);
	});

	test('each place once, in order', () => {
		assert.deepEqual(marked('panic FAILED', 'Panic: FAILED, panic'), ['Panic', 'FAILED', 'panic']);
		assert.deepEqual(marked('ab abc', 'abc ab'), ['abc', 'ab']);
	});
});

describe('alarms', () => {
	const line = server();
	const aside = () => `aside-${process.pid}`;
	const rowOf = (p, text) => p.log.getByRole('article').filter({ hasText: text });
	const badge = (p, name) => p.rooms.locator(`#list a[href="#${name}"] .badge`);
	const says = (p, name, text) => until(async () => (await badge(p, name).allTextContents())[0] === text, { what: `“${text}” at #${name}` });
	const titled = (p, text) => until(async () => await p.page.title() === text, { what: `the title “${text}”` });
	const icon = (p, name) => until(async () => await p.page.locator('link[rel=icon]').getAttribute('href').then((href) => href.endsWith(name)), { what: name });
	const init = () => {
		window.shown = [];
		window.Notification = class {
			static permission = 'granted';

			constructor(title, { body }) {
				window.shown.push(`${title}: ${body}`);
			}
		};
	};
	const shown = (p) => p.page.evaluate(() => window.shown);
	const begin = async (t, name, options) => {
		const p = await open(t, `${line.url}/#${name}`, { init: `(${looked})();(${init})();`, ...options });
		await p.connected();
		return p;
	};

	test('a row has an edge, its word is bold, a badge and the title and the icon say it; live, and after a reload', async (t) => {
		const [name, other] = [room(), room()];
		const p = await begin(t, name);
		await line.sent({ text: 'backup of db1: ok', sender: 'cron' }, { room: name });
		await line.sent({ text: 'backup of db1 FAILED: **rsync** 23', sender: 'cron' }, { room: name });
		const row = rowOf(p, 'FAILED');
		await row.waitFor();
		assert.deepEqual(await row.evaluate((node) => {
			const { borderInlineStartWidth: width, borderInlineStartStyle: style } = getComputedStyle(node);
			return [width, style, node.querySelector('b').textContent, getComputedStyle(node.querySelector('b')).fontWeight, node.querySelector('.text').textContent];
		}), ['4px', 'solid', 'FAILED', '700', 'backup of db1 FAILED: **rsync** 23']);
		assert.equal(await rowOf(p, 'db1: ok').evaluate((node) => getComputedStyle(node).borderInlineStartStyle), 'none');
		await titled(p, `#${name} · Longline`);
		await icon(p, 'favicon.svg');
		await line.sent({ text: 'all is well', sender: 'cron' }, { room: other });
		await titled(p, `(1) #${name} · Longline`);
		await icon(p, 'favicon-news.svg');
		await line.sent({ text: 'ERROR 7', sender: 'cron' }, { room: other });
		await line.sent({ text: 'and on', sender: 'cron' }, { room: other });
		await says(p, other, '! 3 unread, with an alarm');
		await titled(p, `(!3) #${name} · Longline`);
		await icon(p, 'favicon-alarm.svg');
		await accessible(p, 'with an alarm');
		await until(async () => (await line.history({ room: other, q: 'ERROR' })).json.messages.length === 1, { what: 'it to be found' });
		await p.page.reload();
		await says(p, other, '! 3 unread, with an alarm');
		await titled(p, `(!3) #${name} · Longline`);
		// Muted it is not counted, and no alarm.
		await p.hash(`#${other}`);
		await titled(p, `#${other} · Longline`);
		const level = p.named('combobox', 'Notify of this room');
		await level.selectOption('muted');
		await p.hash(`#${aside()}`);
		await line.sent({ text: 'FAILED again', sender: 'cron' }, { room: other });
		await says(p, other, '1 unread');
		await titled(p, `#${aside()} · Longline`);
		await icon(p, 'favicon.svg');
		assert.equal(await level.inputValue(), 'all');
		await accessible(p, 'with a muted room');
	});

	test('words that one chooses: rows follow at once, in other tabs and after a reload too', async (t) => {
		const name = room();
		const p = await begin(t, name);
		const other = await begin(t, name, { context: p.context });
		await line.sent({ text: 'the harbour is FAILED', sender: 'cron' }, { room: name });
		for (const tab of [p, other]) await rowOf(tab, 'harbour').and(tab.page.locator('.alarm')).waitFor();
		await p.named('button', 'Options').click();
		const words = p.options.getByLabel('Words of alarms');
		assert.equal(await words.inputValue(), 'FAILED ERROR CRITICAL panic @name');
		await words.fill('Harbour');
		await words.press('Tab');
		await accessible(p, 'the options');
		for (const tab of [p, other]) await until(async () => String(await tab.log.locator('b.word').allTextContents()) === 'harbour', { what: 'the other word' });
		await p.page.reload();
		await until(async () => String(await p.log.locator('b.word').allTextContents()) === 'harbour', { what: 'it again' });
	});

	test('what notifies: all, words only, nothing; by one\'s name from rooms never opened as well', async (t) => {
		const [name, never] = [room(), room()];
		const p = await begin(t, name);
		await p.name.fill('ann');
		await p.named('button', 'Options').click();
		await p.page.evaluate(() => {
			window.Notification.requestPermission = async () => 'granted';
		});
		await p.options.getByLabel('Notify me').click();
		await until(() => p.options.getByLabel('Notify me').isChecked());
		await p.options.getByRole('button', { name: 'Close' }).click();
		const level = p.named('combobox', 'Notify of this room');
		const says2 = async (text, one, sender = 'bob') => line.sent({ text, sender }, { room: one });
		const told = (...texts) => until(async () => String(await shown(p)) === String(texts), { what: `${texts}` })
			.catch(async (error) => assert.deepEqual(await shown(p), texts, error.message));
		await look(p, 'hidden');
		await says2('FAILED', never);
		await says2('one', name);
		await told(`bob in #${name}: one`);
		await says2('hey @ann', never);
		await told(`bob in #${name}: one`, `! bob in #${never}: hey @ann`);
		await p.page.evaluate(() => {
			window.shown = [];
		});
		await level.selectOption('words');
		await says2('two', name);
		await says2('own FAILED', name, 'ann');
		await says2('two FAILED', name);
		await told(`! bob in #${name}: two FAILED`);
		await level.selectOption('muted');
		await says2('three FAILED @ann', name);
		await says2('@ANN', never);
		await told(`! bob in #${name}: two FAILED`, `! bob in #${never}: @ANN`);
		await p.page.reload();
		await p.connected();
		assert.equal(await level.inputValue(), 'muted');
	});

	test('forced colours: the edge and the bold word stay', async (t) => {
		const name = room();
		await line.sent({ text: 'a panic', sender: 'cron' }, { room: name });
		const p = await begin(t, name, { forcedColors: 'active' });
		const row = rowOf(p, 'panic');
		await row.waitFor();
		assert.equal(await row.evaluate((node) => getComputedStyle(node).borderInlineStartWidth), '4px');
		assert.equal(await row.locator('b').evaluate((node) => getComputedStyle(node).fontWeight), '700');
	});
});
