// page-long.test.mjs: what is long or odd is cut to a size that one can read beside others: events, words, hits.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { open } from './browser.mjs';

async function begin(t, line, name, options) {
	const p = await open(t, `${line.url}/#${name}`, options);
	await p.connected();
	return p;
}

describe('long contents', () => {
	const line = server();
	const height = (locator) => locator.evaluate((node) => node.offsetHeight);

	test('an event is cut like a text, shown whole when asked for, and whole on paper', async (t) => {
		const name = room();
		const disks = Array.from({ length: 400 }, (_, i) => ({ disk: `sda${i}`, percent: i, at: '/srv/data' }));
		await line.sent({ args: [disks], event: 'disks' }, { room: name });
		const huge = ['x'.repeat(700), 'word '.repeat(60_000)];
		await line.sent({ args: huge, event: 'huge' }, { room: name });
		await line.sent('behind', { room: name });
		const p = await begin(t, line, name);
		const rows = p.log.getByRole('article');
		await until(async () => await rows.count() === 3);
		for (const i of [0, 1]) assert.ok(await height(rows.nth(i)) < 420, `${await height(rows.nth(i))} px`);
		const length = () => rows.nth(1).locator('.text').evaluate((node) => node.textContent.length);
		assert.ok(await length() < 25_000, `${await length()} characters are laid out`);
		await rows.nth(0).getByRole('button', { name: 'Show all' }).click();
		assert.ok(await height(rows.nth(0)) > 420);
		await p.page.evaluate(() => dispatchEvent(new Event('beforeprint')));
		assert.equal(await rows.nth(1).locator('code').textContent(), JSON.stringify(huge, null, 2));
	});

	test('a file among the arguments is called so, in the log and in the list of rooms; a string that looks so stays', async (t) => {
		const name = room();
		const args = [{ needle: 'stack' }, { _placeholder: true, num: 0 }, '{"_placeholder":true,"num":0}'];
		await line.sql(`BEGIN; INSERT INTO messages(room, event, args, attachments) VALUES ('${name}', 'blob', '${JSON.stringify(args)}', 1);
			INSERT INTO attachments VALUES (last_insert_rowid(), 0, x'0102'); COMMIT`);
		const p = await begin(t, line, name);
		const words = '[{"needle":"stack"},(file 1),"{\\"_placeholder\\":true,\\"num\\":0}"]';
		const shown = '[\n  {\n    "needle": "stack"\n  },\n  (file 1),\n  "{\\"_placeholder\\":true,\\"num\\":0}"\n]';
		await until(async () => (await p.log.locator('code').allTextContents()).at(0) === shown, { what: 'the arguments' });
		await until(async () => (await p.rooms.locator('#list .last').allTextContents()).includes(words), { what: 'the list to say it' });
	});

	test('a word of 120 kB does not fill the list of what was found; long words fill their lines', async (t) => {
		const name = room();
		const word = 'ab'.repeat(60_000);
		await line.sent({ text: `needle ${word}`, sender: 'ann' }, { room: name });
		await line.sent({ text: `${'\n'.repeat(2000)}needle`, sender: 'ann' }, { room: name });
		await line.sent({ text: 'W'.repeat(1000), sender: 'ann' }, { room: name });
		await line.sent({ text: '\u0634'.repeat(1000), sender: 'ann' }, { room: name });
		await until(async () => (await line.history({ room: '*', q: 'anything' })).json.indexed === undefined);
		const p = await begin(t, line, name, { viewport: { width: 1100, height: 800 } });
		await until(async () => await p.log.getByRole('article').count() === 4);
		assert.deepEqual(await p.log.locator('.text').evaluateAll((nodes) => nodes.map((node) => node.querySelectorAll('wbr').length > 0)), [false, false, false, true]);
		for (const [typed, hit] of [['needle', 2], [`in:${name} ${word.slice(0, 30)}*`, 1]]) {
			await p.query.fill(typed);
			await until(async () => await p.hits.count() === hit, { what: 'hits' });
			for (const one of await p.hits.all()) assert.ok(await height(one) < 400, `${await height(one)} px for ${typed}`);
			assert.ok((await p.hits.locator('mark').first().textContent()).length > 0);
		}
	});
});
