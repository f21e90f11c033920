// page-find.test.mjs: searching the whole history, and taking away what is shown or found: as a file, or on paper.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { numbers, open, stored } from './browser.mjs';

const textsOf = (p) => p.hits.locator('.text').allTextContents();
const finds = (p, ...expected) => until(async () => String(await textsOf(p)) === String(expected), { what: `hits: ${expected}` })
	.catch(async (error) => assert.deepEqual(await textsOf(p), expected, error.message));
const search = async (p, text) => {
	await p.query.fill(text);
	await p.query.press('Enter');
};
const status = (p) => p.named('status', 'Search state').textContent();
const indexed = (line) => until(async () => (await line.history({ room: '*', q: 'anything' })).json.indexed === undefined);

async function begin(t, line, name, options) {
	const p = await open(t, `${line.url}/#${name}`, options);
	await p.connected();
	return p;
}

describe('search', () => {
	const line = server();

	test('words, phrases, from:, in:, before:, after:, one room or all; newest first, the words marked', async (t) => {
		const [name, other] = [room(), room()];
		const rows = [
			[name, 'ann', 'the disk is full', '2026-01-30T12:00:00Z'],
			[name, 'bob', 'is the full moon on disk', '2026-01-31T12:00:00Z'],
			[other, 'ann', 'another disk that is full too', '2026-02-01T12:00:00Z'],
			[other, 'Ann Ö.', 'nothing of that kind', '2026-02-02T12:00:00Z'],
			[name, '', 'a <b>disk</b> of markup', '2026-02-03T12:00:00Z'],
		];
		await line.sql(`INSERT INTO messages(room, sender, text, at) VALUES ${rows.map(([where, who, text, at]) =>
			`('${where}', '${who}', '${text}', ${Date.parse(at)})`).join(',')}`);
		await until(async () => (await stored(line, other)).length === 2 && (await stored(line, name)).length === 3);
		await indexed(line);
		const p = await begin(t, line, name, { timezoneId: 'UTC' });
		const [full, moon, too, none, markup] = rows.map(([, , text]) => text);
		for (const [typed, ...hits] of [
			['disk full', too, moon, full],
			['"disk is full"', full],
			['DISK -moon', markup, too, full],
			['ful* from:ann', too, full],
			['from:"Ann Ö."', none],
			[`disk in:${other}`, too],
			[`disk in:#${name} in:${other} from:ann`, too, full],
			['disk after:2026-01-31 before:2026-02-03', too, moon],
			['on:2026-02-02', none],
			['before:2026-01-31', full],
		]) {
			await search(p, typed);
			await finds(p, ...hits);
		}
		await search(p, 'disk');
		await finds(p, markup, too, moon, full);
		assert.deepEqual(await p.hits.locator('mark').allTextContents(), ['disk', 'disk', 'disk', 'disk']);
		assert.equal(await p.hits.locator('b').count(), 0);
		await p.named('button', 'This room').click();
		await finds(p, markup, moon, full);
		await search(p, `in:${other}`);
		await finds(p, none, too);
		await search(p, '"nowhere to be found"');
		await until(async () => await status(p) === 'Nothing found.');
		await search(p, 'before:tomorrow');
		await until(async () => /^before: needs a day/.test(await status(p)));
		// As one types, without Enter.
		await p.query.fill('moon');
		await finds(p, moon);
	});

	test('hundreds of hits come as one scrolls; one opens in its context, in its room', async (t) => {
		const [name, other] = [room(), room()];
		await line.sql(`INSERT INTO messages(room, text) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 400)
			SELECT '${other}', CASE x % 2 WHEN 0 THEN 'needle ' ELSE 'straw ' END || x FROM c`);
		await until(async () => (await stored(line, other)).length === 400);
		await indexed(line);
		const p = await begin(t, line, name);
		await search(p, 'needle');
		await until(async () => await p.hits.count() >= 40);
		assert.ok(await p.hits.count() < 200);
		await until(async () => {
			await p.page.locator('#results').evaluate((list) => {
				list.scrollTop = list.scrollHeight;
			});
			return await p.hits.count() === 200;
		}, { what: 'all hits' });
		assert.equal(await status(p), '200 found.');
		assert.deepEqual(await textsOf(p), numbers(1, 200).reverse().map((i) => `needle ${2 * i}`));
		for (const [key, hit] of [['j', 'needle 400'], ['j', 'needle 398'], ['j', 'needle 396'], ['k', 'needle 398']]) {
			if (hit === 'needle 400') await p.named('list', 'Hits').focus();
			await p.page.keyboard.press(key);
			await until(() => p.hits.filter({ hasText: hit }).getByRole('link').evaluate((node) => node === document.activeElement), { what: `${key} to ${hit}` });
		}
		await p.hits.filter({ hasText: 'needle 100' }).click();
		await until(() => p.inSight('needle 100'));
		const texts = await p.texts();
		for (const text of ['straw 99', 'straw 101']) assert.ok(texts.includes(text));
		assert.match(new URL(p.page.url()).hash, new RegExp(`^#${other}/\\d+\\?q=needle$`));
		assert.equal(await p.hits.count(), 200, 'what was found is still there');
		await p.page.keyboard.press('Escape');
		await until(async () => !await p.hits.first().isVisible());
		assert.equal(await p.query.inputValue(), '');
	});
});

describe('taken away', () => {
	const line = server();

	async function saved(p, form) {
		await p.named('button', 'Options').click();
		const download = p.page.waitForEvent('download');
		await p.options.getByRole('button', { name: form, exact: true }).click();
		const got = await download;
		await p.options.getByRole('button', { name: 'Close' }).click();
		return { name: got.suggestedFilename(), content: fs.readFileSync(await got.path(), 'utf8') };
	}

	test('what is shown, or what was found, as text, JSON lines and CSV', async (t) => {
		const name = room();
		for (const text of ['one, "quoted"', 'two\nlines', '=SUM(A1)']) await line.sent({ text, sender: 'ann' }, { room: name });
		await line.sent({ args: [1, 'two'], event: 'alarm' }, { room: name });
		const all = await stored(line, name);
		await indexed(line);
		const p = await begin(t, line, name);
		await until(async () => (await p.ids()).length === 4);
		const lines = await saved(p, 'JSON lines');
		assert.equal(lines.name, `longline-${name}.jsonl`);
		assert.deepEqual(lines.content.trim().split('\n').map((one) => JSON.parse(one)), all);
		assert.deepEqual((await saved(p, 'Text')).content.split('\n'), [
			`${all[0].at} #${name} ann: one, "quoted"`, `${all[1].at} #${name} ann: two`, '\tlines',
			`${all[2].at} #${name} ann: =SUM(A1)`, `${all[3].at} #${name} -: alarm [1,"two"]`, '',
		]);
		const csv = await saved(p, 'CSV');
		assert.ok(csv.content.includes(`${all[0].id},${all[0].at},${name},ann,chat message,"one, ""quoted"""`), csv.content);
		assert.ok(csv.content.includes(`,"'=SUM(A1)",\r\n`));
		await search(p, 'lines');
		await until(async () => await p.hits.count() === 1);
		const found = await saved(p, 'JSON lines');
		assert.equal(found.name, 'longline-search.jsonl');
		assert.deepEqual(found.content.trim().split('\n').map((one) => JSON.parse(one)), [all[1]]);
	});

	test('on paper: the room and all its messages, each whole, and no button or field', async (t) => {
		const name = room();
		for (const i of numbers(1, 60)) await line.sent({ text: `message ${i}`, sender: 'ann' }, { room: name });
		await line.sent('line\n'.repeat(80), { room: name });
		const p = await begin(t, line, name, { colorScheme: 'dark', viewport: { width: 700, height: 900 } });
		await until(async () => (await p.ids()).length === 61);
		await p.log.evaluate((log) => {
			log.scrollTop = 100;
		});
		await p.named('button', 'Search').click();
		await p.newest.waitFor();
		await p.page.emulateMedia({ media: 'print' });
		const seen = await p.page.evaluate(() => [...document.querySelectorAll('button, input, textarea, nav, #connection, #end')]
			.filter((node) => node.checkVisibility() && !node.closest('.day')).map((node) => `${node.id || node.textContent}`));
		assert.deepEqual(seen, []);
		assert.equal(await p.named('heading', `#${name}`).isVisible(), true);
		const { shown, whole } = await p.log.evaluate((log) => ({ shown: log.clientHeight, whole: log.scrollHeight }));
		assert.equal(shown, whole, 'nothing is scrolled away');
		const cut = await p.log.locator('.text').evaluateAll((nodes) => nodes.filter((node) => node.scrollHeight > node.clientHeight + 1).length);
		assert.equal(cut, 0, 'no message is cut');
		const pdf = await p.page.pdf({ format: 'A4' });
		assert.ok(pdf.toString('latin1').match(/\/Type \/Page\b/g).length >= 3, 'more than a screen');
		if (process.env.PRINTED) fs.writeFileSync(process.env.PRINTED, pdf);
	});
});
