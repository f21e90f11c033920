// tool.test.mjs: whatever fails in `longline`, it either does all that it was told to, or says why not and changes nothing.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { daemon, ms, root, rows, run, sql, tempDir } from '../e2e/harness.mjs';
import { insertGrant, insertToken, newSecret } from '../e2e/persons.mjs';
import { Faults, faulty, KINDS, step } from './fault.mjs';

const tool = path.resolve(root, process.env.LONGLINE_TOOL_FAULT || path.join(path.dirname(faulty), 'longline-fault'));

/** Most of SQLite's many allocations are alike. */
const stepOf = (kind) => (kind === 'db-allocate' ? 29 * step : step);

/** Of each kind so many points are tried; FAULT_POINTS=all tries all of them, which takes an hour. */
const POINTS = process.env.FAULT_POINTS === 'all' ? Infinity : Number(process.env.FAULT_POINTS || 3);

/** All that the tool may change. */
const state = (db) => rows(db, `SELECT 'token' AS what, name, sender, expires IS NULL AS forever, class, hex(hash) AS hash FROM tokens
	UNION ALL SELECT 'grant', who, rooms, may, '', '' FROM grants UNION ALL SELECT 'revoked', name, '', '', '', '' FROM revoked
	UNION ALL SELECT 'access', value, '', '', '', '' FROM meta WHERE name = 'access' ORDER BY 1, 2, 3`);
const withoutHashes = (list) => list.map(({ hash, ...more }) => more);

const masked = (text) => text.replace(/ll_[a-z2-7]{32}/g, 'll_…');

/** A log with a token, as longlined left it; one that a grant has closed, and one that is open. */
const fresh = {};
before(async () => {
	const d = await daemon({ program: faulty });
	assert.ok(!d.done, d.output);
	await d.stop();
	fresh.open = d.db;
	fresh.closed = path.join(d.dir, 'closed.db');
	await sql(d.db, `${insertToken({ name: 'ci', secret: newSecret() })}
		INSERT INTO messages(room, text) VALUES('ci', 'x'), ('main', 'y'); PRAGMA wal_checkpoint(TRUNCATE);`);
	fs.copyFileSync(fresh.open, fresh.closed);
	await sql(fresh.closed, `${insertGrant({ who: 'token:ci', rooms: 'ci*', may: 'rw' })} PRAGMA wal_checkpoint(TRUNCATE);`);
});

function log(from) {
	const folder = tempDir(), db = path.join(folder, 'longline.db');
	fs.copyFileSync(fresh[from], db);
	return { folder, db, remove: () => fs.rmSync(folder, { recursive: true }) };
}

async function points(t, from, args) {
	const faults = new Faults(), isCheck = args[0] === 'check';
	const call = async ({ db, folder }) => {
		const result = await run(tool, [...args, '--database', db],
			{ env: { ...faults.env, LONGLINE_URL: 'https://x.example', LONGLINE_DEFAULTS: path.join(folder, 'defaults') } });
		assert.doesNotMatch(result.stderr, /Sanitizer|runtime error/, args.join(' '));
		return result;
	};
	const good = log(from), was = await state(good.db);
	const want = await call(good), then = await state(good.db);
	assert.ok(want.code === 0 || isCheck, want.stderr);
	let failed = 0, done = 0;

	async function point(kind, n, forever) {
		const where = `${args.join(' ')}: ${kind} ${n}${forever ? ' and on' : ''}`, one = log(from);
		faults.arm(kind, n, forever);
		const got = await call(one);
		faults.disarm();
		assert.ok((isCheck ? [0, 1, 2] : [0, 1]).includes(got.code), `${where}: ended with ${got.code}\n${got.stderr}`);
		const now = await state(one.db);
		if (isCheck) {
			assert.ok(got.code >= want.code && got.stdout !== '', `${where}: what fails is no good sign`);
			assert.deepEqual(now, was, where);
			done++;
		} else if (got.code === 0) {
			assert.equal(masked(got.stdout), masked(want.stdout).replaceAll(good.folder, one.folder), where);
			assert.deepEqual(withoutHashes(now), withoutHashes(then), where);
			done++;
		} else {
			assert.match(got.stderr, /\S/, `${where}: it says why`);
			// What could not be made durable may be there all the same, as after a power cut.
			if (kind !== 'sync')
				assert.deepEqual(now, was, `${where}: ${got.stderr}`);
			failed++;
		}
		if (n % 7 === 0) {
			assert.ok([0, 1, 2].includes((await call(one)).code), `${where}: again`);
			assert.equal(await sql(one.db, 'PRAGMA integrity_check'), 'ok', where);
		}
		one.remove();
	}

	for (const kind of process.env.FAULT_KINDS?.split(',') ?? KINDS) {
		const before = faults.seen(kind), one = log(from);
		await call(one);
		one.remove();
		const count = faults.seen(kind) - before;
		const by = Math.max(stepOf(kind), Math.ceil(count / POINTS));
		for (let n = 0; n < count; n += by) {
			await point(kind, n, false);
			await point(kind, n, true);
		}
		t.diagnostic(`${kind}: ${count} points, each ${by}th`);
	}
	t.diagnostic(`${failed} calls failed, ${done} did it all the same`);
}

describe('longline', { concurrency: 2 }, () => {
	for (const [from, ...args] of [
		['closed', 'token', 'add', 'new', '--rooms', 'a,b*', '--may', 'rw', '--expires', '90d', '--sender', 'Newt'],
		['closed', 'token', 'invite', '--each', '3', '--rooms', 'party', '--yes'],
		['closed', 'token', 'list'],
		['closed', 'token', 'rotate', 'ci'],
		['closed', 'token', 'revoke', 'ci'],
		['closed', 'grant', 'set', 'users', 'c*', 'r', '--yes'],
		['closed', 'grant', 'list'],
		['closed', 'grant', 'explain', 'token:ci', 'ci1'],
		['closed', 'grant', 'remove', 'token:ci', 'ci*'],
		['open', 'grant', 'set', 'users', 'c*', 'r', '--yes'],
		['open', 'token', 'add', 'new', '--rooms', 'a', '--yes'],
		['open', 'access', 'closed'],
		['closed', 'access', 'open'],
		['closed', 'access', 'show'],
		['closed', 'prune', '--older-than', '0s', '--yes'],
		['closed', 'check'],
	])
		it(`${from}: ${args.slice(0, 2).join(' ')}`, { timeout: ms(120_000) }, (t) => points(t, from, args));
});
