// reindex.test.mjs: whatever fails, or wherever the daemon is killed, while an index gives way to one of this version and is
// filled: afterwards it is whole, and finds what is there and nothing else.
//
// Environment: POINTS  how many points of each kind are tried, apart from each other (16, fewer with
//                      FAULT_STEP; 3 at the least)
//              MODE    killed: the daemon is killed at each of them; else that is so at a third
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { fastcgi } from '../e2e/fastcgi.mjs';
import { child, longline, ms, root, run, sql, tempDir, until, within } from '../e2e/harness.mjs';
import { Faults, faulty, KINDS, step } from './fault.mjs';

const POINTS = Number(process.env.POINTS || Math.max(3, Math.round(16 / step))), ROWS = 300, PATIENCE = ms(30_000);
const BEFORE = 10; // the last version whose index sql/ made

/** A log as the version before this index left it; the last rows are not in its index yet. */
async function before() {
	const dir = tempDir(), folder = path.join(root, 'sql');
	const steps = fs.readdirSync(folder).sort().slice(0, BEFORE).map((file) => fs.readFileSync(path.join(folder, file), 'utf8'));
	await sql(path.join(dir, 'longline.db'), `PRAGMA journal_mode = WAL; ${steps.join('\n')} PRAGMA user_version = ${BEFORE};
		BEGIN; WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT ${ROWS}) INSERT INTO messages(text) SELECT 'both word' || i FROM c;
		INSERT INTO search(rowid, room, sender, body) SELECT id, room, sender, body FROM search_rows WHERE id < 280;
		UPDATE meta SET value = 279 WHERE name = 'indexed'; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)`);
	return dir;
}

async function begin(dir, faults, ...flags) {
	const at = (name) => path.join(dir, name);
	fs.rmSync(at('pid'), { force: true });
	const self = child(faulty, ['--socket', at('sock'), '--database', at('longline.db'), '--pid-file', at('pid'), ...flags], { env: faults.env });
	self.get = (target, query) => fastcgi(at('sock'), { path: target, query });
	await until(() => self.done || fs.existsSync(at('pid')), { timeout: PATIENCE, every: 3, what: 'the daemon to serve or to end' });
	return self;
}

async function end(self) {
	self.signal('SIGTERM');
	await within(PATIENCE, self.ended, 'the end of the daemon');
	assert.doesNotMatch(self.output, /Sanitizer|runtime error/);
}

const isDone = async (self) => {
	const { status, text } = await self.get('/metrics');
	return status === 200 && /^longline_reindexing 0$/m.test(text) && /^longline_reindex_left 0$/m.test(text) && /^longline_indexed 30[1-9]$/m.test(text);
};

/** What others do meanwhile. */
const change = (db) => sql(db, "UPDATE messages SET text = 'both otter' WHERE id = 7; DELETE FROM messages WHERE id IN (8, 250); INSERT INTO messages(text) VALUES ('both last')", { timeout: 30_000 });

async function assertWhole(self, db, where) {
	await until(() => isDone(self), { timeout: PATIENCE, every: 20, what: `the new index (${where})` });
	await until(async () => await sql(db, 'SELECT count(*) FROM changed') === '0', { timeout: PATIENCE, what: `the notes (${where})` });
	const ask = async (q) => (await self.get('/history', `q=${q}&limit=500&count=1000`)).json;
	const there = await sql(db, 'SELECT count(*) FROM messages');
	assert.deepEqual((await ask('both')).total, { n: Number(there), more: false }, where);
	for (const [q, ids] of [['word8', []], ['word250', []], ['word7', []], ['word9', [9]], ['word281', [281]], ['otter', [7]]])
		assert.deepEqual((await ask(q)).messages.map(({ id }) => id), ids, `${where}: ${q}`);
	assert.match((await run(longline, ['check', '--database', db])).stdout, new RegExp(`^ok +search: the index has ${there} messages`, 'm'), where);
	assert.equal(await sql(db, "PRAGMA integrity_check; SELECT count(*) FROM sqlite_master WHERE sql GLOB 'CREATE VIRTUAL TABLE*'"), 'ok\n1', where);
}

for (const kind of KINDS.filter((name) => name !== 'statvfs')) {
	it(`reindex: ${kind} fails, or is the last`, async (t) => {
		const faults = new Faults(), old = await before(), counts = { killed: 0, refused: 0, failed: 0 };
		const fresh = () => {
			const dir = tempDir();
			fs.cpSync(old, dir, { recursive: true });
			return dir;
		};
		const first = fresh(), seen = faults.seen(kind), one = await begin(first, faults);
		await change(path.join(first, 'longline.db'));
		await assertWhole(one, path.join(first, 'longline.db'), 'without a fault');
		const points = faults.seen(kind) - seen;
		await end(one);
		for (let i = 0; i < Math.min(POINTS, points); i++) {
			const point = Math.floor((i + Math.random()) * points / Math.min(POINTS, points)), mode = process.env.MODE ?? ['killed', false, true][i % 3];
			const dir = fresh(), db = path.join(dir, 'longline.db'), where = `${kind} ${point} of ${points}, ${mode}`;
			faults.arm(kind, point, mode);
			let self = await begin(dir, faults);
			const changed = change(db);
			// Until it has met the point, or met none since others' haste made fewer.
			await until(async () => self.done || faults.failed() > 0 || await isDone(self).catch(() => false), { timeout: PATIENCE, every: 5, what: where });
			faults.disarm();
			await changed;
			if (self.done || mode === 'killed')
				await within(PATIENCE, Promise.race([self.ended, until(() => isDone(self).catch(() => false), { timeout: PATIENCE })]), where);
			if (self.done) {
				mode === 'killed' ? counts.killed++ : counts.refused++;
				assert.doesNotMatch(self.output, /Sanitizer|runtime error/, where);
				self = await begin(dir, faults);
				assert.equal(self.done, false, `${where}: ${self.output}`);
			} else
				counts.failed++;
			await assertWhole(self, db, where);
			await end(self);
			fs.rmSync(dir, { recursive: true });
		}
		t.diagnostic(`${kind}: ${points} points; ${JSON.stringify(counts)}`);
	});
}

it('reindex: none while it would leave too little room on the disk', async () => {
	const dir = await before(), db = path.join(dir, 'longline.db'), size = fs.statSync(db).size, MIN = 1_000_000_000;
	const faults = new Faults();
	faults.free(MIN + size / 4);
	const self = await begin(dir, faults, '--disk-free-min', `${MIN}`);
	const put = /index detail="it is not made anew: that would leave too little room on the disk \(disk-free-min\)"/;
	await until(() => put.test(self.output), { timeout: PATIENCE, what: 'it to be put off' });
	await change(db);
	const sent = await fastcgi(path.join(dir, 'sock'), { method: 'POST', path: '/send', body: 'both there' });
	assert.equal(sent.status, 201, sent.text);
	const { text } = await self.get('/metrics');
	assert.match(text, /^longline_reindex_left 279$/m);
	assert.match(text, /^longline_reindexing 1$/m);
	faults.free(MIN + 100 * size);
	await assertWhole(self, db, 'with room');
	await end(self);
});
