// tool-erase.test.mjs: `longline prune --erase`: when it says that it is done, what was deleted is in no file any more,
// beside a daemon that runs and without one.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { child, daemon, ms, run, session, sql, start, tempDir, until } from './harness.mjs';
import { program } from './tool.mjs';

const ENV = { LONGLINE_DEFAULTS: '/nowhere/defaults', LONGLINE_URL: '' };
const ROWS = 6000;
const PATIENCE = ms(60_000);

const word = () => crypto.randomBytes(16).toString('hex').replace(/\d/g, (digit) => 'ghijklmnop'[digit]);
const prune = (db, ...args) => ['prune', '--older-than', '30d', '--yes', ...args, '--database', db];
const tool = (db, ...args) => run(program, prune(db, ...args), { env: ENV, timeout: ms(120_000) });

/** ROWS messages of two years, each with a word of its own; those older than 30 days are to go, the first by other ways. */
async function fill(put) {
	const words = Array.from({ length: ROWS }, word);
	await put(`INSERT INTO messages (id, text, at) VALUES ${words.map((one, i) => `(${i + 1}, 'the ${i} ${one} end', (CAST(strftime('%s', 'now') AS INTEGER) - ${i < ROWS / 2 ? 86400 * 100 : 0}) * 1000)`).join()}`);
	return words;
}

/** How many of the words' ends are in a file of the folder. */
async function found(folder, words) {
	const file = path.join(tempDir(), 'ends');
	fs.writeFileSync(file, words.map((one) => one.slice(-12)).join('\n'));
	const { code, stdout, stderr } = await run('grep', ['-raohF', '-f', file, folder], { env: { LC_ALL: 'C' }, timeout: PATIENCE });
	assert.ok(code <= 1 || /No such file/.test(stderr), stderr);
	return new Set(stdout.split('\n').filter(Boolean)).size;
}

it('prune --erase: a running daemon erases at once, and it is told when that is done', async (t) => {
	const s = await start({ t, flags: '--scrub-after 86400' }), folder = path.dirname(s.db);
	const words = await fill(s.sql);
	await until(async () => await s.metric(/^longline_indexed$/) === ROWS, { timeout: PATIENCE });
	const old = words.slice(0, ROWS / 2), kept = words.slice(ROWS / 2);
	await s.sql('DELETE FROM messages WHERE id <= 50');
	await until(async () => await s.metric(/erased_pending/) >= 50, { timeout: PATIENCE });
	assert.ok(await found(folder, old.slice(0, 50)) > 0, 'the index has them still');
	const { code, stdout, stderr } = await tool(s.db, '--erase');
	assert.equal(code, 0, stderr);
	assert.match(stdout, /^deleted 2950 of 5950 messages\nerased from the files, with what else was deleted: \d+ texts\n$/);
	assert.equal(await found(folder, old), 0);
	assert.equal(await found(folder, kept), kept.length);
	await until(async () => await s.metric(/erased_pending/) === 0, { timeout: PATIENCE });
	assert.deepEqual((await s.history({ q: kept[7] })).json.messages.map(({ id }) => id), [ROWS / 2 + 8]);
	assert.deepEqual((await s.history({ q: old[100] })).json.messages, []);
	// With nothing to do it says so at once.
	const again = await tool(s.db, '--erase');
	assert.equal(again.code, 0, again.stderr);
	assert.match(again.stdout, /^deleted 0 of 3000 messages\nerased from the files, .*: 0 texts\n$/);
});

it('prune --erase: it waits for who reads an older state, and Ctrl-C leaves the rest to the daemon', async (t) => {
	const s = await start({ t, flags: '--scrub-after 86400' }), folder = path.dirname(s.db);
	const words = await fill(s.sql), old = words.slice(0, ROWS / 2);
	await until(async () => await s.metric(/^longline_indexed$/) === ROWS, { timeout: PATIENCE });
	const reader = session(s.db, { t });
	await reader.run('BEGIN; SELECT count(*) FROM messages;');
	const one = child(program, prune(s.db, '--erase'), { env: ENV });
	await until(() => /deleted 3000/.test(one.stdout), { timeout: PATIENCE });
	await until(() => /This waits for/.test(one.stderr), { timeout: PATIENCE });
	assert.equal(one.done, false);
	one.signal('SIGINT');
	assert.equal((await one.ended).code, 1);
	assert.match(one.stderr, /interrupted: longlined goes on with it/);
	await reader.run('COMMIT;');
	await until(async () => await s.metric(/erased_pending/) === 0, { timeout: PATIENCE });
	assert.equal(await found(folder, old), 0);
});

it('prune --erase: without a daemon it is done here, and the next one finds nothing left', async (t) => {
	const d = await daemon();
	const words = await fill((text) => sql(d.db, text)), old = words.slice(0, ROWS / 2), folder = path.dirname(d.db);
	await until(async () => await sql(d.db, "SELECT value FROM meta WHERE name = 'indexed'") === String(ROWS), { timeout: PATIENCE });
	await d.stop();
	// The lock that it makes is the log's owner's, or longlined could not open it.
	fs.rmSync(`${d.db}-lock`, { force: true });
	if (process.getuid() === 0)
		fs.chownSync(d.db, 12345, 12346);
	const { code, stdout, stderr } = await tool(d.db, '--erase');
	assert.equal(code, 0, stderr);
	const [own, lock] = [d.db, `${d.db}-lock`].map((file) => fs.statSync(file));
	assert.deepEqual([lock.uid, lock.gid, lock.mode & 0o777], [own.uid, own.gid, 0o660]);
	assert.match(stdout, /^deleted 3000 of 6000 messages\nerased from the files, with what else was deleted: 3000 texts\n$/);
	assert.equal(await found(folder, old), 0);
	assert.equal(await found(folder, words.slice(ROWS / 2)), ROWS / 2);
	assert.equal(await sql(d.db, 'PRAGMA integrity_check'), 'ok');
	assert.match((await run(program, ['check', '--database', d.db])).stdout, /^ok +search/m);
	const dry = await tool(d.db, '--erase', '--dry-run');
	assert.match(dry.stdout, /^would delete 0 of 3000/);
	t.diagnostic('done');
});
