// stream.test.mjs: /stream in a browser: its EventSource comes back over all that happens to a daemon and to nginx, with
// every message once, and is told when it cannot.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { daemon, freePort, killPid, ms, sql, start, tempDir, until } from '../e2e/harness.mjs';
import { nginx, snippets } from '../e2e/nginx.mjs';
import { open } from './browser.mjs';

/** A page of the site that follows a room by EventSource: `got()` gives {ids, words, state}. */
async function follow(t, url, room) {
	const { page } = await open(t, `${url}/healthz`, { cut: true });
	await page.evaluate((target) => {
		const source = new EventSource(target);
		window.got = { ids: [], words: [], opened: 0 };
		source.onopen = () => window.got.opened++;
		source.onmessage = ({ data }) => window.got.ids.push(JSON.parse(data).id);
		for (const word of ['gap', 'reset'])
			source.addEventListener(word, ({ data }) => window.got.words.push([word, JSON.parse(data).next]));
		window.source = source;
	}, `/stream?room=${room}`);
	const self = { page, got: () => page.evaluate(() => ({ ...window.got, state: window.source.readyState })) };
	await until(async () => (await self.got()).opened > 0, { what: 'the stream to be open' });
	return self;
}
const has = (one, id) => until(async () => {
	const { ids, state } = await one.got();
	assert.notEqual(state, 2, 'it gave up');
	return ids.at(-1) === id;
}, { timeout: ms(60_000), every: 100, what: `message ${id}` });

describe('stream: EventSource', () => {
	test('comes back over kills and stops of daemon and nginx, with each message once', async (t) => {
		const dir = tempDir();
		let d = await daemon({ dir });
		t.after(() => d.stop());
		const port = await freePort();
		const site = (other) => `server { listen 127.0.0.1:${port}; listen 127.0.0.1:${other}; include server.conf; }`;
		const begin = () => nginx({ ...snippets({ socket: d.socket }), site });
		let front = await begin();
		t.after(() => front.stop());
		const one = await follow(t, `http://127.0.0.1:${port}`, 'r');
		const want = [];
		const say = async (text) => want.push(await front.sent(text, { room: 'r' }));
		await say('first');
		await has(one, want.at(-1));

		for (const signal of ['SIGKILL', 'SIGTERM']) {
			await say(`before ${signal}`);
			if (signal === 'SIGKILL')
				await killPid(d.pid);
			else
				await d.stop();
			// Meanwhile nginx cannot reach it.
			assert.equal((await front.get('/poll?wait=0')).status, 502);
			const seen = (await one.got()).opened;
			await until(async () => (await one.got()).opened > seen, { timeout: ms(30_000), what: 'it to have been told to come back' });
			d = await daemon({ dir });
			await say(`after ${signal}`);
			await has(one, want.at(-1));
		}
		await say('before nginx');
		await front.stop();
		const meanwhile = Number(await sql(d.db, "INSERT INTO messages(room, text) VALUES('r', 'meanwhile') RETURNING id;"));
		want.push(meanwhile);
		front = await begin();
		await say('after nginx');
		await has(one, want.at(-1));
		const { ids, words } = await one.got();
		assert.deepEqual(ids, want);
		assert.deepEqual(words, []);
	});

	test('is told of a gap, and of a restore, and goes on with the new log', async (t) => {
		const s = await start({ t });
		for (const text of ['a', 'b'])
			await s.sent(text, { room: 'r' });
		const copy = path.join(tempDir(), 'copy.db');
		await sql(s.db, `VACUUM INTO '${copy}'`);
		const one = await follow(t, s.url, 'r');
		const lost = await s.sent('lost', { room: 'r' });
		await has(one, lost);
		await s.sql(`BEGIN; INSERT INTO messages(room, text) VALUES('r', 'gone'); DELETE FROM messages WHERE text = 'gone'; COMMIT;`);
		await until(async () => (await one.got()).words.length === 1, { what: 'the gap' });
		fs.chmodSync(copy, 0o666);
		fs.renameSync(copy, s.db);
		await until(async () => (await one.got()).words.length === 2, { timeout: ms(30_000), what: 'the reset' });
		const { words } = await one.got();
		assert.deepEqual(words.map(([word]) => word), ['gap', 'reset']);
		const ids = [await s.sent('of the new log', { room: 'r' }), await s.sent('and more', { room: 'r' })];
		await has(one, ids[1]);
		assert.deepEqual((await one.got()).ids, [lost, ...ids]);
	});

	test('of one that may not it is told once, and it is over', async (t) => {
		const s = await start({ t });
		const { page } = await open(t, `${s.url}/healthz`, { cut: true });
		const state = await page.evaluate(() => new Promise((resolve) => {
			const source = new EventSource('/stream?since=nonsense');
			source.onerror = () => resolve(source.readyState);
		}));
		assert.equal(state, 2);
	});
});
