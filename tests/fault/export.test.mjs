// export.test.mjs: whatever fails in `longline export` and `import`, or kills them, at whichever step: a file that has its
// name is whole, and an import that is done again brings exactly what was exported.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { daemon, ms, root, rows, run, sql, tempDir } from '../e2e/harness.mjs';
import { Faults, faulty, KINDS, step } from './fault.mjs';

const tool = path.resolve(root, process.env.LONGLINE_TOOL_FAULT || path.join(path.dirname(faulty), 'longline-fault'));

/** Of each kind so many points are tried; FAULT_POINTS=all tries all. */
const POINTS = process.env.FAULT_POINTS === 'all' ? Infinity : Number(process.env.FAULT_POINTS || (step > 1 ? 2 : 12));
const kinds = process.env.FAULT_KINDS?.split(',') ?? KINDS;

const TABLES = ['messages', 'attachments', 'revisions', 'spent', 'proven'];
const state = (db) => Promise.all(TABLES.map((table) => rows(db, `SELECT * FROM ${table} ORDER BY 1`)));
const want = {};
let empty, full;

const call = (db, env, ...args) => run(tool, [...args, '--database', db], { env: { LONGLINE_DEFAULTS: '/nowhere/defaults', ...env } });

before(async () => {
	const d = await daemon({ program: faulty });
	assert.ok(!d.done, d.output);
	await d.stop();
	await sql(d.db, 'PRAGMA wal_checkpoint(TRUNCATE)');
	empty = d.db;
	full = path.join(tempDir(), 'longline.db');
	fs.copyFileSync(empty, full);
	await sql(full, `INSERT INTO messages (text, key, sender, "by") VALUES ('one', 'a', 'ann', 'user:ann'), ('two', 'b', '', NULL);
		INSERT INTO messages (room, args, attachments) VALUES ('b', '[{"_placeholder":true,"num":0}]', 1); INSERT INTO attachments VALUES (3, 0, zeroblob(2000000));
		INSERT INTO messages (event, changes, text) VALUES ('message changed', 1, 'uno'), ('message deleted', 2, '');
		INSERT INTO messages (room, text) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 500) SELECT 'r' || n % 20, 'text ' || n FROM c;`);
	want.file = path.join(tempDir(), 'x');
	const { code, stderr } = await call(full, {}, 'export', '-o', want.file);
	assert.equal(code, 0, stderr);
	want.state = await state(full);
});

/** Calls fn with each of some points of a kind, of so many as `go` comes by. */
async function points(kind, faults, go, fn) {
	const seen = faults.seen(kind), first = await go();
	assert.equal(first.code, 0, first.stderr);
	const count = faults.seen(kind) - seen, by = Math.max(1, Math.ceil(count / POINTS));
	for (let n = 0; n < count; n += by)
		await fn(n, `${kind} ${n} of ${count}`);
}

describe('longline export', { timeout: ms(300_000) }, () => {
	for (const how of ['killed', true]) {
		it(how === 'killed' ? 'killed leaves no half file under the name' : 'what fails leaves no half file under the name, and is said', async () => {
			const faults = new Faults();
			for (const kind of kinds) {
				const out = path.join(tempDir(), 'out'), go = () => call(full, faults.env, 'export', '--force', '-o', out);
				await points(kind, faults, go, async (n, where) => {
					fs.rmSync(out, { force: true });
					faults.arm(kind, n, how);
					const { code, stderr } = await go();
					faults.disarm();
					assert.doesNotMatch(stderr, /Sanitizer|runtime error/, where);
					if (how !== 'killed' && code !== 0)
						assert.match(stderr, /^longline: \S/m, where);
					assert.ok(code === 0 || !fs.existsSync(out) || kind === 'sync' || how === 'killed', where);
					if (fs.existsSync(out))
						assert.ok(fs.readFileSync(out).equals(fs.readFileSync(want.file)), where);
				});
			}
		});
	}
});

describe('longline import', { timeout: ms(300_000) }, () => {
	for (const how of ['killed', true]) {
		it(how === 'killed' ? 'killed and done again has all of it once' : 'what fails is said, and done again it has all of it once', async () => {
			const faults = new Faults();
			for (const kind of kinds) {
				let db;
				const go = () => {
					db = path.join(tempDir(), 'longline.db');
					fs.copyFileSync(empty, db);
					return call(db, faults.env, 'import', want.file);
				};
				await points(kind, faults, go, async (n, where) => {
					faults.arm(kind, n, how);
					const { code, stderr } = await go();
					faults.disarm();
					assert.doesNotMatch(stderr, /Sanitizer|runtime error/, where);
					if (how !== 'killed' && code !== 0)
						assert.match(stderr, /^longline: \S/m, where);
					const again = await call(db, {}, 'import', want.file);
					assert.equal(again.code, 0, `${where}: ${again.stderr}`);
					assert.deepEqual(await state(db), want.state, where);
					assert.equal(await sql(db, 'PRAGMA integrity_check'), 'ok', where);
				});
			}
		});
	}
});
