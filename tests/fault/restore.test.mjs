// restore.test.mjs: whatever ends `longline restore` or `longline backup`, at whichever step, there is the old log or the
// new one, whole, and no token that was revoked is let in.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { daemon, ms, root, rows, run, sql, tempDir } from '../e2e/harness.mjs';
import { insertGrant, insertToken, newSecret } from '../e2e/persons.mjs';
import { Faults, faulty, KINDS, step } from './fault.mjs';

const tool = path.resolve(root, process.env.LONGLINE_TOOL_FAULT || path.join(path.dirname(faulty), 'longline-fault'));

/** Of each kind so many points are tried; of what is done with files each, or each third where steps are
 *  taken. FAULT_POINTS=all tries all of every kind. */
const POINTS = process.env.FAULT_POINTS === 'all' ? Infinity : Number(process.env.FAULT_POINTS || (step > 1 ? 2 : 12));
const filesBy = POINTS !== Infinity && step > 1 ? 3 : 1;
const ALL = [...KINDS, 'files'];

const messages = async (db) => (await rows(db, 'SELECT id, text FROM messages ORDER BY id')).map(({ id, text }) => `${id} ${text}`);
const access = (db) => rows(db, `SELECT 'token' AS what, name AS a, hex(hash) AS b FROM tokens UNION ALL SELECT 'grant', who, rooms || ' ' || may FROM grants
	UNION ALL SELECT 'revoked', name, '' FROM revoked UNION ALL SELECT 'access', value, '' FROM meta WHERE name = 'access' ORDER BY 1, 2, 3`);

/** A backup, and the log that went on since: with more messages, a token revoked and one rotated; some of it in its WAL. */
const want = {};
let backup, source;
before(async () => {
	const d = await daemon({ program: faulty });
	assert.ok(!d.done, d.output);
	await d.stop();
	source = path.dirname(d.db);
	await sql(d.db, `${insertToken({ name: 'ci', secret: newSecret() })} ${insertToken({ name: 'gone', secret: newSecret() })}
		${insertGrant({ who: 'token:gone', rooms: '*', may: 'rwm' })} INSERT INTO messages(text) VALUES('one'), ('two'); PRAGMA wal_checkpoint(TRUNCATE);`);
	backup = path.join(tempDir(), 'backup.db');
	fs.copyFileSync(d.db, backup);
	await sql(d.db, `.dbconfig no_ckpt_on_close on
		INSERT INTO messages(text) VALUES('three'); DELETE FROM tokens WHERE name = 'gone'; DELETE FROM grants;
		${insertGrant({ who: 'token:ci', rooms: 'ci', may: 'w' })} UPDATE tokens SET hash = x'${'ab'.repeat(32)}';`);
	want.old = ['1 one', '2 two', '3 three'];
	want.new = ['1 one', '2 two'];
	want.access = null; // read from the first copy
});

function log() {
	const folder = path.join(tempDir(), 'log');
	fs.mkdirSync(folder);
	for (const name of ['longline.db', 'longline.db-wal'])
		fs.copyFileSync(path.join(source, name), path.join(folder, name));
	return { folder, db: path.join(folder, 'longline.db'), remove: () => fs.rmSync(path.dirname(folder), { recursive: true }) };
}

/** The points of a kind: {count, list}. */
async function points(faults, kind, args) {
	const seen = faults.seen(kind), one = log();
	const { code, stderr } = await run(tool, [...args(one), '--database', one.db], { env: faults.env });
	assert.equal(code, 0, stderr);
	one.remove();
	const count = faults.seen(kind) - seen, by = kind === 'files' ? filesBy : Math.max(1, Math.ceil(count / POINTS)), list = [];
	// With the last, behind which all is done.
	for (let n = count - 1; n >= 0; n -= by)
		list.unshift(n);
	return { count, list };
}

/** Which log there is, with all that must not be lost. */
async function stateOf(db, where) {
	assert.equal(await sql(db, 'PRAGMA integrity_check'), 'ok', where);
	assert.deepEqual(await access(db), want.access, `${where}: tokens and revocations`);
	const list = await messages(db), which = list.length === want.old.length ? 'old' : 'new';
	assert.deepEqual(list, want[which], where);
	return which;
}

describe('longline restore', { timeout: ms(600_000) }, () => {
	const args = () => ['restore', backup, '--yes'];
	before(async () => {
		const one = log();
		want.access = await access(one.db);
		assert.ok(want.access.some(({ what, a }) => what === 'revoked' && a === 'gone'));
		one.remove();
	});

	it('killed at any step leaves the old log or the new one, and can be done again', async (t) => {
		const faults = new Faults(), ends = { old: 0, new: 0 };
		for (const kind of process.env.FAULT_KINDS?.split(',') ?? ALL) {
			const { count, list } = await points(faults, kind, args);
			for (const n of list) {
				const one = log(), where = `killed at ${kind} ${n} of ${count}`;
				faults.arm(kind, n, 'killed');
				const { code, stderr } = await run(tool, [...args(), '--database', one.db], { env: faults.env });
				faults.disarm();
				assert.equal(code, 'SIGKILL', `${where}: ${stderr}`);
				if (kind === 'files' || n % 5 === 0) {
					// As it lies there: longlined takes it up.
					const copy = path.join(path.dirname(one.folder), 'copy');
					fs.cpSync(one.folder, copy, { recursive: true });
					const d = await daemon({ dir: copy });
					assert.ok(!d.done, `${where}: ${d.output}`);
					await d.stop();
					await stateOf(d.db, `${where}, and started`);
				}
				ends[await stateOf(one.db, where)]++;
				const again = await run(tool, [...args(), '--database', one.db], { env: faults.env });
				assert.equal(again.code, 0, `${where}, again: ${again.stderr}`);
				assert.equal(await stateOf(one.db, `${where}, again`), 'new');
				assert.deepEqual(fs.readdirSync(one.folder).filter((name) => /restoring/.test(name)), [], where);
				const kept = fs.readdirSync(one.folder).filter((name) => /before-restore-\w+$/.test(name)).map((name) => path.join(one.folder, name));
				assert.ok((await Promise.all(kept.map(messages))).some((list) => list.length === want.old.length), `${where}: the log of before is kept`);
				one.remove();
			}
			t.diagnostic(`${kind}: ${list.length} of ${count} points`);
		}
		t.diagnostic(`killed: ${ends.old} times there was the old log, ${ends.new} times the new one`);
		assert.ok(ends.old > 0 && ends.new > 0);
	});

	it('whatever fails, it does all, or says why and leaves the old log', async (t) => {
		const faults = new Faults();
		let failed = 0, done = 0;
		for (const kind of process.env.FAULT_KINDS?.split(',') ?? ALL) {
			const { count, list } = await points(faults, kind, args);
			for (const n of list) {
				for (const forever of [false, true]) {
					const one = log(), where = `${kind} ${n} of ${count}${forever ? ' and on' : ''}`;
					faults.arm(kind, n, forever);
					const { code, stderr } = await run(tool, [...args(), '--database', one.db], { env: faults.env });
					faults.disarm();
					assert.doesNotMatch(stderr, /Sanitizer|runtime error/, where);
					assert.ok([0, 1].includes(code), `${where}: ${code} ${stderr}`);
					const which = await stateOf(one.db, where);
					code === 0 ? done++ : failed++;
					if (code === 0)
						assert.equal(which, 'new', where);
					else
						assert.match(stderr, which === 'new' ? /might not be after a power cut/ : /^longline: /m, where);
					one.remove();
				}
			}
		}
		t.diagnostic(`${failed} failed, ${done} did it all the same`);
	});
});

describe('longline backup', { timeout: ms(600_000) }, () => {
	it('killed or failing at any step leaves no file that is not whole, and the log as it was', async (t) => {
		const faults = new Faults(), args = (one) => ['backup', '--force', path.join(one.folder, 'b.db')];
		let made = 0;
		for (const kind of process.env.FAULT_KINDS?.split(',') ?? ALL) {
			const { count, list } = await points(faults, kind, args);
			for (const n of list) {
				for (const how of [false, true, 'killed']) {
					const one = log(), where = `${kind} ${n} of ${count} ${how}`, file = path.join(one.folder, 'b.db');
					fs.writeFileSync(file, 'of yesterday');
					faults.arm(kind, n, how);
					const { code, stderr } = await run(tool, [...args(one), '--database', one.db], { env: faults.env });
					faults.disarm();
					assert.doesNotMatch(stderr, /Sanitizer|runtime error/, where);
					assert.ok((how === 'killed' ? ['SIGKILL'] : [0, 1]).includes(code), `${where}: ${code} ${stderr}`);
					const whole = fs.statSync(file).size > 100;
					assert.ok(code !== 0 || whole, where);
					made += whole;
					if (whole)
						assert.deepEqual(await messages(file), want.old, where);
					else
						assert.equal(fs.readFileSync(file, 'utf8'), 'of yesterday', where);
					if (how !== 'killed' && kind !== 'files')
						assert.deepEqual(fs.readdirSync(one.folder).filter((name) => /part/.test(name)), [], where);
					assert.deepEqual(await messages(one.db), want.old, where);
					one.remove();
				}
			}
		}
		t.diagnostic(`${made} whole backups`);
	});
});
