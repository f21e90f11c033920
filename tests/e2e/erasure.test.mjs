// erasure.test.mjs: what was deleted is gone from the files: of random words of 24 bytes, deleted in each of the ways that
// there are, not even the last 12 bytes are left in any file of DATA_DIR.
//
// Environment: ROWS  how many messages there are (20,000; fewer where TEST_SLOW is set; 600,000 for the acceptance)
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { longline, ms, run, session, sleep, start, tempDir, until } from './harness.mjs';
import { fewer } from './load.mjs';

const ROWS = Number(process.env.ROWS || fewer(20_000, 6_000));
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const PATIENCE = ms(60_000 + ROWS);

const word = (n = 24) => Array.from(crypto.randomBytes(n), (byte) => LETTERS[byte % LETTERS.length]).join('');

const FILLER = Array.from({ length: 4040 }, (_, i) => word(2 + i % 9));

/** Whichever of the words' ends are in a file below the folder, folded or not; and how many times. */
async function found(dataDir, words, t) {
	const file = path.join(tempDir(), 'ends');
	const ends = new Map(words.flatMap((one) => [[one.slice(-12), one], [one.slice(-12).toLowerCase(), one]]));
	fs.writeFileSync(file, [...ends.keys()].join('\n'));
	const { code, stdout, stderr } = await run('grep', ['-raohF', '-f', file, dataDir], { env: { LC_ALL: 'C' }, timeout: PATIENCE });
	assert.ok(code <= 1 || /No such file/.test(stderr), stderr);
	const hits = stdout.split('\n').filter(Boolean);
	t?.diagnostic(`the ends of ${words.length} words are found ${hits.length} times`);
	return { words: new Set(hits.map((end) => ends.get(end))), n: hits.length };
}

/** None of the words is found; else it is said where the first are. */
async function assertGone(dataDir, words, t) {
	const left = [...(await found(dataDir, words, t)).words];
	for (const word of left.slice(0, 10)) {
		const { stdout } = await run('grep', ['-raobF', '-e', word.slice(-12), '-e', word.slice(-12).toLowerCase(), dataDir], { env: { LC_ALL: 'C' }, timeout: PATIENCE });
		t.diagnostic(`${word}, number ${words.indexOf(word)} of ${words.length}, at:\n${stdout.slice(0, 2000)}`);
	}
	assert.deepEqual(left, []);
}

/** Messages first to first + n - 1, each with a word of its own, every 20th with an attachment that has another. */
async function fill(s, first, n) {
	const all = new Map();
	for (let from = first; from < first + n; from += 5000) {
		const rows = [], files = [];
		for (let id = from; id < Math.min(from + 5000, first + n); id++) {
			const own = [word()], filler = FILLER.slice(id * 7 % 4000).slice(0, 1 + id % 40).join(' ');
			if (id % 20 === 0) {
				own.push(word());
				files.push(`(${id}, 0, CAST('${own[1].repeat(1 + id % 700)}' AS BLOB))`);
				rows.push(`(${id}, 'room${id % 7}', 's${id % 11}', NULL, '["${own[0]} ${filler}",{"_placeholder":true,"num":0}]', 1, 'k${id}')`);
			} else
				rows.push(`(${id}, 'room${id % 7}', 's${id % 11}', '${filler} ${own[0]}', NULL, 0, 'k${id}')`);
			all.set(id, own);
		}
		await s.sql(`BEGIN IMMEDIATE; INSERT INTO messages (id, room, sender, text, args, attachments, key) VALUES ${rows.join()};
			${files.length ? `INSERT INTO attachments VALUES ${files.join()};` : ''} COMMIT;`);
	}
	await until(async () => await s.metric(/indexed/) >= first + n - 1, { timeout: PATIENCE, every: 200, what: 'the index' });
	return all;
}

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Deletes some of them in each of the ways, and gives their words. */
async function erase(s, all, first) {
	const ways = {
		DELETE: range(first + 100, first + 139), PATCH: range(first + 200, first + 239),
		sql: range(first + 300, first + 399), edited: range(first + 400, first + 420), pruned: range(first + 1000, first + 2499),
	};
	for (const id of ways.DELETE) {
		const res = await s.request(`/messages/${id}`, { method: 'DELETE', headers: { 'If-Key': `k${id}` } });
		assert.equal(res.status, 201, res.text);
	}
	for (const id of ways.PATCH) {
		// The word that an edit says goes with the next one.
		for (const text of [word(), id % 2 ? 'short' : 'long '.repeat(id % 900)]) {
			const res = await s.request(`/messages/${id}`, { method: 'PATCH', body: text, headers: { 'If-Key': `k${id}`, 'Content-Type': 'text/plain' } });
			assert.equal(res.status, 201, res.text);
			if (/^\w{24}$/.test(text))
				all.get(id).push(text);
		}
	}
	for (const id of ways.sql)
		await s.sql(`DELETE FROM messages WHERE id = ${id}`);
	for (const id of ways.edited)
		await s.sql(`UPDATE messages SET text = 'other', args = NULL, attachments = 0 WHERE id = ${id}; DELETE FROM attachments WHERE message = ${id}`);
	await s.sql(`DELETE FROM messages WHERE id BETWEEN ${ways.pruned[0]} AND ${ways.pruned.at(-1)}`);
	return Object.values(ways).flat().flatMap((id) => all.get(id));
}

const erased = (s) => until(async () => await s.metric(/erased_pending/) === 0, { timeout: PATIENCE, every: 100, what: 'erased_pending 0' });

it('erasure: of what was deleted or edited nothing is left in any file, whoever did it and whoever reads', async (t) => {
	const dataDir = tempDir();
	let s = await start({ t, dataDir, flags: '--scrub-after 86400' });
	const all = await fill(s, 1, ROWS);
	assert.equal(await s.metric(/erased_pending/), 0);
	const gone = await erase(s, all, 1), kept = range(3000, 3200).flatMap((id) => all.get(id));
	await until(async () => await s.rows('SELECT count(*) AS n FROM changed').then(([{ n }]) => n === 0), { timeout: PATIENCE, what: 'the notes to be taken' });
	await until(async () => await s.metric(/erased_pending/) >= gone.length / 2, { what: 'the deletions to be counted' });
	// The index and the WAL hold them, and this test sees it.
	const before = await found(dataDir, gone, t);
	assert.ok(before.words.size > gone.length / 4, `${before.words.size} of ${gone.length}`);
	assert.equal((await found(dataDir, kept)).words.size, kept.length);

	await t.test('by the next daemon, if this one ends before', async (t) => {
		await s.stop();
		s = await start({ t, dataDir, flags: '--scrub-after 1' });
		await until(() => /erased deletions=/.test(s.log()), { timeout: PATIENCE, what: 'the line in the log' });
		await erased(s);
		await assertGone(dataDir, gone, t);
		assert.equal((await found(dataDir, kept)).words.size, kept.length);

		// While sends go on, and with a reader that holds an older state for a while.
		const more = await fill(s, await s.head() + 1, 3000), first = Math.min(...more.keys());
		const reader = session(s.db, { t });
		await reader.run('BEGIN; SELECT count(*) FROM messages;');
		const second = await erase(s, more, first);
		let sending = true;
		const sends = (async () => {
			for (let n = 0; sending; n++)
				await s.sent(`text ${n}`, { room: 'other' });
		})();
		await sleep(4_000); // time for three scrubs
		assert.ok(await s.metric(/erased_pending/) > 0, 'not erased as long as somebody reads it');
		await reader.run('COMMIT;');
		await erased(s);
		await assertGone(dataDir, second, t);
		sending = false;
		await sends;
		await reader.close();
		assert.equal(await s.sql('PRAGMA integrity_check'), 'ok');
		assert.match((await run(longline, ['check', '--database', s.db, '--quick-check', '600'])).stdout, /^ok +search/m);
		// Whom a search finds is as before.
		const id = [...more.keys()].at(-1);
		assert.deepEqual((await s.history({ room: `room${id % 7}`, q: more.get(id)[0] })).json.messages.map((m) => m.id), [id]);
		assert.deepEqual((await s.history({ room: `room${(first + 100) % 7}`, q: second[0] })).json.messages, []);
	});
});
