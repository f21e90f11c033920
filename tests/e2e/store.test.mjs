// store.test.mjs: the database's file: removed, replaced, wiped, restored, older, newer, locked, on a full disk, and whose
// it is.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fastcgi } from './fastcgi.mjs';
import { alive, daemon, ms, pending, problem, root, rows, run, session, sleep, sql, start, tempDir, until, within } from './harness.mjs';

const texts = (res) => res.json.messages.map((m) => m.text);
const epoch = async (s) => (await s.poll({ wait: 0 })).json.epoch;
const remove = (db) => run('rm', ['-f', db, `${db}-wal`, `${db}-shm`]);
/** A copy of the database as it is now, in one file. */
/** A copy that belongs to whom the database does, so that it can take its place. */
const backup = async (db, to) => {
	await sql(db, `VACUUM INTO '${to}'`);
	const { uid, gid } = fs.statSync(db);
	fs.chownSync(to, uid, gid);
};
const fill = async (s, n) => {
	for (let i = 1; i <= n; i++)
		await s.sent(`m${i}`);
};

describe('store: a file that changes under the daemon', () => {
	it('removed: the next batch goes into a new one, with a new epoch', async (t) => {
		const s = await start({ t });
		await fill(s, 5);
		const old = await epoch(s);
		const pid = s.pid();
		const held = s.poll({ since: 5, epoch: old, wait: 50 });
		await s.parked(1);
		await remove(s.db);
		const res = await s.send('first of the new file', {}, { 'Idempotency-Key': 'k' });
		assert.equal(res.status, 201, res.text);
		assert.equal(await s.sql(`SELECT text FROM messages WHERE id = ${res.json.id}`), 'first of the new file');
		assert.notEqual(await epoch(s), old);
		assert.equal(await s.sql("SELECT count(*) FROM messages"), '1');
		const answer = await within(ms(30_000), held, 'the held poll');
		assert.equal(answer.json.reset, true, answer.text);
		const late = await s.poll({ since: 3, epoch: old, wait: 0 });
		assert.equal(late.json.reset, true);
		assert.deepEqual(texts(await s.poll({ since: 'all', wait: 0 })), ['first of the new file']);
		assert.deepEqual(texts(await s.history()), ['first of the new file']);
		assert.equal(s.pid(), pid, 'the daemon did not need to start again');
	});

	it('removed file by file: what is sent in between is not lost with the rest', async (t) => {
		const s = await start({ t });
		await fill(s, 3);
		fs.unlinkSync(s.db);
		const send = s.send('in between');
		assert.ok(await pending(send, 500), 'it waits until the remover is done');
		assert.ok(!fs.existsSync(s.db), 'and makes no file');
		fs.rmSync(`${s.db}-wal`, { force: true });
		fs.rmSync(`${s.db}-shm`, { force: true });
		const res = await within(ms(20_000), send, 'the send');
		assert.equal(res.status, 201, res.text);
		assert.equal(await s.sql('SELECT group_concat(text) FROM messages'), 'in between');
		assert.deepEqual(texts(await s.poll({ since: 'all' })), ['in between']);
		assert.equal(await s.sent('next'), 2);
		assert.equal(s.log().match(/new_epoch/g)?.length, 1);
	});

	it('whatever becomes of it, SQLite\'s locks on it are kept', async (t) => {
		const s = await start({ t });
		/** Which files the daemon holds SQLite's lasting locks on: byte 128 of -shm, and the shared range of the database. */
		const locked = () => {
			const mine = fs.readFileSync('/proc/locks', 'utf8').split('\n').map((line) => line.split(/\s+/)).filter((word) => word[4] === String(s.pid()));
			const holds = (name, from) => mine.some((word) => word[5].endsWith(`:${fs.statSync(name).ino}`) && word[6] === String(from));
			return { shm: holds(`${s.db}-shm`, 128), db: holds(s.db, 0x40000002) };
		};
		const all = { shm: true, db: true };
		/** What makes the daemon read the index of the WAL, and every connection the file. */
		const use = async () => {
			await s.sent('x');
			await s.poll({ since: 'all', wait: 0 });
			await s.poll({ since: 99, wait: 0 });
			await Promise.all([s.history(), s.history({ q: 'x' }), s.get('/healthz')]);
		};
		await use();
		assert.deepEqual(locked(), all);
		await s.sql("DELETE FROM messages; DELETE FROM sqlite_sequence WHERE name = 'messages'");
		await until(() => /new_epoch/.test(s.log()), { what: 'the wipe to be noticed' });
		await use();
		assert.deepEqual(locked(), all, 'wiped in place');
		const copy = path.join(tempDir(), 'copy.db');
		await backup(s.db, copy);
		fs.renameSync(copy, s.db);
		await use();
		assert.deepEqual(locked(), all, 'replaced');
		await remove(s.db);
		await use();
		assert.deepEqual(locked(), all, 'removed');
	});

	it('replaced by an older copy: likewise, and ids go on from there', async (t) => {
		const s = await start({ t });
		await fill(s, 3);
		const copy = path.join(tempDir(), 'copy.db');
		await backup(s.db, copy);
		await s.sent('lost');
		await s.sent('lost too');
		const old = await epoch(s);
		/* The daemon itself sees to the old file's WAL; taking one away that it has just begun would be another loss. */
		fs.renameSync(copy, s.db);
		const id = await s.sent('after the restore');
		assert.equal(id, 4);
		const anew = await epoch(s);
		assert.equal(await s.sql('SELECT group_concat(text) FROM messages'), 'm1,m2,m3,after the restore');
		assert.notEqual(anew, old);
		assert.equal((await s.poll({ since: 5, epoch: old, wait: 0 })).json.reset, true);
		assert.deepEqual(texts(await s.poll({ since: 'all' })), ['m1', 'm2', 'm3', 'after the restore']);
		assert.deepEqual(texts(await s.history()), ['m1', 'm2', 'm3', 'after the restore']);
		assert.equal(await epoch(s), anew, 'one new epoch, not two');
		assert.equal(s.log().match(/new_epoch/g)?.length, 1);
	});

	it('replaced while nobody sends: noticed all the same', async (t) => {
		const s = await start({ t });
		await fill(s, 3);
		const copy = path.join(tempDir(), 'copy.db');
		await backup(s.db, copy);
		await s.sent('lost');
		const old = await epoch(s);
		const held = s.poll({ since: 4, epoch: old, wait: 50 });
		await s.parked(1);
		fs.renameSync(copy, s.db);
		assert.equal((await within(ms(30_000), held, 'the held poll')).json.reset, true);
		assert.deepEqual(texts(await s.history()), ['m1', 'm2', 'm3']);
	});

	it('wiped by SQL, sequence and all: a new epoch', async (t) => {
		const s = await start({ t });
		await fill(s, 5);
		const old = await epoch(s);
		const held = s.poll({ since: 5, epoch: old, wait: 50 });
		await s.parked(1);
		await s.sql("DELETE FROM messages; DELETE FROM sqlite_sequence WHERE name = 'messages'");
		assert.equal((await within(ms(30_000), held, 'the held poll')).json.reset, true);
		assert.notEqual(await epoch(s), old);
		const id = await s.sent('new');
		assert.equal(await s.sql('SELECT id FROM messages'), String(id));
		assert.equal((await s.poll({ since: 5, epoch: old, wait: 0 })).json.reset, true);
		assert.deepEqual(texts(await s.poll({ since: 'all' })), ['new']);
		assert.deepEqual(texts(await s.history()), ['new']);
	});

	it('wiped and written to at once by the other program: still a new epoch', async (t) => {
		const s = await start({ t });
		await fill(s, 5);
		const old = await epoch(s);
		await s.sql(`BEGIN; DELETE FROM messages; DELETE FROM sqlite_sequence WHERE name = 'messages';
			INSERT INTO messages(text) VALUES('new'); COMMIT`);
		await until(async () => await epoch(s) !== old, { what: 'a new epoch' });
		assert.deepEqual(texts(await s.poll({ since: 'all' })), ['new']);
	});

	it('overwritten in place: 503, said in the log, no crash; a new file heals it', async (t) => {
		const s = await start({ t });
		await fill(s, 5);
		await s.sql('PRAGMA wal_checkpoint(TRUNCATE)');
		const pid = s.pid();
		const before = s.log().length;
		const handle = fs.openSync(s.db, 'r+');
		fs.writeSync(handle, randomBytes(fs.fstatSync(handle).size), 0);
		fs.closeSync(handle);
		const res = await s.send('into the ruins');
		assert.equal(res.status, 503, res.text);
		assert.match(res.headers['retry-after'], /^\d+$/);
		assert.equal(res.json.code, 'store_failed');
		for (const answer of [await s.poll({ since: 'all', wait: 0 }), await s.history(), await s.history({ q: 'm1' })])
			assert.ok([200, 503].includes(answer.status), answer.text);
		await until(async () => (await s.get('/healthz')).status === 503, { what: '/healthz to say so' });
		assert.match(s.log().slice(before), /error|warning/i);
		await remove(s.db);
		const id = await until(async () => {
			const again = await s.send('healed');
			return again.status === 201 && again.json.id;
		}, { every: 200, what: 'a send into the new file' });
		assert.equal(await s.sql(`SELECT text FROM messages WHERE id = ${id}`), 'healed');
		assert.equal(s.pid(), pid);
		assert.ok(alive(pid));
		await until(async () => (await s.get('/healthz')).status === 200);
	});

	it('overwritten in place by another database: no crash, nothing of one in the other', async (t) => {
		const s = await start({ t });
		await fill(s, 3);
		const copy = path.join(tempDir(), 'copy.db');
		await backup(s.db, copy);
		await fill(s, 3);
		await s.sql('PRAGMA wal_checkpoint(TRUNCATE)');
		const pid = s.pid(), old = await epoch(s);
		// Its last checkpoint was looked at long ago.
		await sleep(300);
		fs.copyFileSync(copy, s.db);
		const stored = [];
		for (let i = 0; i < 3; i++) {
			const res = await s.send('x');
			if (res.status === 201)
				stored.push('x');
			else
				problem(assert, res, 503, 'store_failed');
			assert.ok(res.took < ms(10_000), 'nobody holds a lock');
		}
		// Where the daemon empties its WAL just now, on a machine that stands still for a second, what is there then is a log
		// like any other that is put in its place.
		const anew = async () => ![old, undefined].includes((await s.poll({ wait: 0 })).json.epoch);
		await until(async () => (await s.get('/healthz')).status === 503 || anew(), { what: '/healthz to say so' });
		if (stored.length > 0 || await anew()) {
			assert.equal(await anew(), true);
			assert.deepEqual(texts(await s.poll({ since: 'all', wait: 0 })), ['m1', 'm2', 'm3', ...stored]);
			assert.equal(await s.sql('PRAGMA integrity_check'), 'ok');
			assert.equal(s.pid(), pid);
			return;
		}
		assert.match(s.log(), /error overwritten /);
		for (const answer of [await s.poll({ since: 'all', wait: 0 }), await s.history(), await s.get('/healthz')])
			assert.ok([200, 503].includes(answer.status), answer.text);
		assert.equal(s.pid(), pid);
	});
});

describe('store: the epoch', () => {
	it('survives restarts and crashes', async (t) => {
		const dataDir = tempDir();
		const first = await start({ dataDir, t });
		await first.sent('x');
		const old = await epoch(first);
		await first.stop();
		const second = await start({ dataDir, t });
		assert.equal(await epoch(second), old);
		assert.deepEqual(texts(await second.poll({ since: 0, epoch: old })), ['x']);
		const pid = second.pid();
		second.kill('SIGKILL');
		await until(() => fs.existsSync(path.join(dataDir, 'run/longlined.pid')) && second.pid() !== pid && alive(second.pid()));
		await until(async () => (await second.get('/healthz')).status === 200);
		assert.equal(await epoch(second), old);
		assert.equal(await second.sent('y'), 2);
	});

	it('is a new one with --new-epoch, for a backup restored while it was down', async (t) => {
		const dir = tempDir();
		const epochs = [];
		for (const flags of [[], ['--new-epoch'], [], ['--new-epoch']]) {
			const d = await daemon({ dir, flags });
			epochs.push((await fastcgi(d.socket, { path: '/poll', query: 'wait=0' })).json.epoch);
			assert.equal((await d.stop()).code, 0);
		}
		assert.notEqual(epochs[0], epochs[1]);
		assert.equal(epochs[1], epochs[2]);
		assert.notEqual(epochs[2], epochs[3]);
	});

	it('a cursor beyond the head of a restored backup is reset', async (t) => {
		const dir = tempDir();
		const first = await daemon({ dir });
		const send = (d, body) => fastcgi(d.socket, { method: 'POST', path: '/send', body });
		await send(first, 'one');
		const copy = path.join(dir, 'copy.db');
		await backup(first.db, copy);
		await send(first, 'two');
		await first.stop();
		await remove(first.db);
		fs.renameSync(copy, first.db);
		const second = await daemon({ dir, t });
		const res = await fastcgi(second.socket, { path: '/poll', query: 'since=2' });
		assert.deepEqual([res.json.reset, res.json.messages, res.json.next], [true, [], 1]);
	});
});

describe('store: versions', () => {
	const migrations = fs.readdirSync(path.join(root, 'sql')).filter((name) => /^\d+.*\.sql$/.test(name)).sort();
	const version = (db) => sql(db, 'PRAGMA user_version');
	/** A database as the n-th migration left it. */
	const older = async (n) => {
		const db = path.join(tempDir(), 'longline.db');
		const steps = migrations.slice(0, n).map((name) => fs.readFileSync(path.join(root, 'sql', name), 'utf8'));
		await sql(db, `PRAGMA journal_mode = WAL;\nBEGIN;\n${steps.join('\n')}\nPRAGMA user_version = ${n};\nCOMMIT;`);
		await sql(db, "INSERT INTO messages(text) VALUES('an old capybara'); INSERT INTO messages(room, args) VALUES('r', '[1, \"tapir\"]')");
		return db;
	};

	it('a new file has the newest', async (t) => {
		const d = await daemon({ t });
		assert.equal(await version(d.db), String(migrations.length));
	});

	for (let n = 1; n <= migrations.length; n++) {
		it(`one of version ${n} is opened, with all that is in it`, async (t) => {
			const db = await older(n);
			const d = await daemon({ t, db });
			assert.ok(!d.done, d.output);
			assert.equal(await version(db), String(migrations.length));
			const all = await fastcgi(d.socket, { query: 'room=*&since=all' });
			assert.deepEqual(all.json.messages.map((m) => m.text ?? m.args), ['an old capybara', [1, 'tapir']]);
			const sent = await fastcgi(d.socket, { method: 'POST', path: '/send', body: 'a new capybara' });
			assert.equal(sent.json.id, 3);
			const found = await fastcgi(d.socket, { path: '/history', query: 'q=capybara' });
			assert.deepEqual(found.json.messages.map((m) => m.id), [3, 1]);
			await sql(db, 'UPDATE messages SET text = \'gone\' WHERE id = 1; DELETE FROM messages WHERE id = 2');
			const empty = await fastcgi(d.socket, { path: '/history', query: 'room=*&q=tapir' });
			assert.deepEqual(empty.json.messages, []);
			assert.equal(await sql(db, 'PRAGMA integrity_check'), 'ok');
		});
	}

	it('an upgrade that fails changes nothing', async () => {
		const db = await older(1);
		await sql(db, 'CREATE TABLE search (mine)');
		const before = await sql(db, 'SELECT group_concat(name) FROM sqlite_master; SELECT count(*) FROM messages');
		const d = await daemon({ db });
		assert.equal((await d.stop()).code, 3);
		assert.equal(await version(db), '1');
		assert.equal(await sql(db, 'SELECT group_concat(name) FROM sqlite_master; SELECT count(*) FROM messages'), before);
	});

	it('a newer one is refused, in clear words, and left alone', async () => {
		const db = await older(migrations.length);
		await sql(db, 'PRAGMA user_version = 999; CREATE TABLE future (x)');
		const d = await daemon({ db });
		const { code, log } = await d.stop();
		assert.equal(code, 3);
		assert.match(log, /newer/i);
		assert.match(log, /999/);
		assert.ok(log.includes(db), 'it names the file');
		assert.equal(await version(db), '999');
	});

	it('a file that is no database is refused and left alone', async () => {
		const db = path.join(tempDir(), 'longline.db');
		const noise = 'this is a shopping list, and a long one\n'.repeat(500);
		fs.writeFileSync(db, noise);
		const d = await daemon({ db });
		const { code, log } = await d.stop();
		assert.equal(code, 3);
		assert.ok(log.includes(db), log);
		assert.equal(fs.readFileSync(db, 'utf8'), noise);
	});

	it('a damaged one is refused as such: to try again would not help', async () => {
		const db = await older(migrations.length);
		const size = fs.statSync(db).size;
		const fd = fs.openSync(db, 'r+');
		fs.writeSync(fd, Buffer.alloc(size - 100, 0x5A), 0, size - 100, 100);
		fs.closeSync(fd);
		const d = await daemon({ db });
		const { code, log } = await d.stop();
		assert.equal(code, 3);
		assert.match(log, /malformed/);
		assert.ok(log.includes(db), log);
	});

	it('one that may not be written, a folder in its place, and another program\'s are refused likewise', async (t) => {
		const folder = tempDir();
		fs.mkdirSync(path.join(folder, 'folder.db'));
		const foreign = path.join(folder, 'foreign.db');
		await sql(foreign, 'CREATE TABLE theirs (x)');
		const codes = [];
		for (const db of [path.join(folder, 'folder.db'), foreign, '/proc/longline.db'])
			codes.push((await (await daemon({ db })).stop()).code);
		assert.deepEqual(codes, [3, 3, 3]);
	});

	it('one that another program has locked may be tried again', async (t) => {
		const db = await older(migrations.length);
		const other = session(db, { t });
		await other.run('BEGIN EXCLUSIVE;');
		const { code, log } = await (await daemon({ db, flags: ['--lock-wait', '1'] })).stop();
		await other.close();
		assert.equal(code, 1);
		assert.match(log, /another program holds its lock/);
	});

	it('a folder that is not there is named', async () => {
		const d = await daemon({ db: path.join(tempDir(), 'none/longline.db') });
		const { code, log } = await d.stop();
		assert.equal(code, 3);
		assert.match(log, /none\/longline\.db/);
	});
});

describe('store: one daemon only', () => {
	it('a second one on the same database is refused and told of the first', async (t) => {
		const first = await daemon({ t });
		const second = await daemon({ db: first.db });
		const { code, log } = await second.stop();
		assert.equal(code, 1);
		assert.match(log, new RegExp(`\\b${first.pid}\\b`), log);
		const link = path.join(tempDir(), 'link.db');
		fs.symlinkSync(first.db, link);
		const third = await daemon({ db: link });
		assert.equal((await third.stop()).code, 1, 'by another name it is still the same');
		assert.equal((await fastcgi(first.socket, { method: 'POST', path: '/send', body: 'x' })).status, 201);
	});

	it('a second one on the same socket is refused and told of the first', async (t) => {
		const first = await daemon({ t });
		const held = fastcgi(first.socket, { query: 'wait=50' });
		const db = path.join(tempDir(), 'other.db');
		// Its own pid file would overwrite the first's if it came that far.
		const second = await daemon({ socket: first.socket, db });
		const { code, log } = await until(() => second.done, { what: 'the second to give up' }).then(() => second.stop());
		assert.equal(code, 1);
		assert.match(log, new RegExp(`\\b${first.pid}\\b`), log);
		assert.ok(await pending(held));
		assert.equal((await fastcgi(first.socket, { method: 'POST', path: '/send', body: 'x' })).status, 201);
		assert.equal((await held).json.messages[0].text, 'x');
	});

	it('a socket that a killed one left behind is taken over', async (t) => {
		const dir = tempDir();
		const first = await daemon({ dir });
		await fastcgi(first.socket, { method: 'POST', path: '/send', body: 'x' });
		await first.stop('SIGKILL');
		assert.ok(fs.existsSync(first.socket));
		const second = await daemon({ dir, t });
		assert.ok(!second.done, second.output);
		assert.equal((await fastcgi(second.socket, { query: 'since=all' })).json.messages.length, 1);
	});

	it('something else in the socket\'s place is not touched', async () => {
		const dir = tempDir();
		const file = path.join(dir, 'precious');
		fs.writeFileSync(file, 'mine');
		const d = await daemon({ dir, socket: file });
		await until(() => d.done);
		assert.equal((await d.stop()).code, 1);
		assert.equal(fs.readFileSync(file, 'utf8'), 'mine');
	});
});

describe('store: another program holds the lock', () => {
	it('sends wait; polls, history, health and search go on; it is over when the lock is', async (t) => {
		const s = await start({ t });
		await fill(s, 3);
		await s.history({ q: 'm3' });
		const other = session(s.db, { t });
		await other.run('BEGIN IMMEDIATE;');
		const send = s.send('patient');
		assert.ok(await pending(send, 300));
		const held = s.poll({ wait: 50 });
		await s.parked(1);
		assert.deepEqual(texts(await s.poll({ since: 'all' })), ['m1', 'm2', 'm3']);
		assert.deepEqual(texts(await s.poll({ since: 99, wait: 0 })), []);
		assert.deepEqual(texts(await s.history()), ['m1', 'm2', 'm3']);
		assert.equal((await s.get('/healthz')).status, 200);
		assert.equal((await s.poll({ wait: 0.2 })).status, 200);
		assert.ok(await pending(send, 100));
		await other.run('COMMIT;');
		assert.equal((await send).status, 201);
		assert.deepEqual(texts(await held), ['patient']);
	});

	it('longer than lock-wait: 503 database_locked, and nothing half-stored', async (t) => {
		const s = await start({ t, flags: '--lock-wait 1' });
		await fill(s, 1);
		const other = session(s.db, { t });
		await other.run('BEGIN IMMEDIATE;');
		const held = s.poll({ wait: 50 });
		const sends = await Promise.all(Array.from({ length: 10 }, (_, i) => s.send(`impatient ${i}`, {}, { 'Idempotency-Key': `${i}` })));
		for (const res of sends) {
			problem(assert, res, 503, 'database_locked');
			assert.match(res.headers['retry-after'], /^\d+$/);
			assert.ok(res.took >= 900, `${res.took}`);
		}
		assert.ok(await pending(held));
		assert.deepEqual(texts(await s.history()), ['m1']);
		await other.run('COMMIT;');
		const again = await s.send('impatient 3', {}, { 'Idempotency-Key': '3' });
		assert.equal(again.status, 201);
		assert.equal(await s.sql('SELECT count(*) FROM messages'), '2');
		assert.deepEqual(texts(await held), ['impatient 3']);
	});
});

describe('store: a full disk', () => {
	it('503 with Retry-After, reads go on, the first send after it works, nothing half-stored', async (t) => {
		const dataDir = tempDir();
		const mount = await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dataDir]);
		if (mount.code !== 0)
			return t.skip('no small file system can be mounted here');
		t.after(() => run('umount', ['-l', dataDir]));
		// Or it would not even try once it has looked.
		const s = await start({ dataDir, flags: '--disk-free-min 0' });
		t.after(() => s.stop());
		await fill(s, 3);
		const pid = s.pid();
		const filler = path.join(dataDir, 'filler');
		const handle = fs.openSync(filler, 'w');
		assert.throws(() => {
			for (;;)
				fs.writeSync(handle, Buffer.alloc(65_536));
		}, { code: 'ENOSPC' });
		fs.closeSync(handle);
		const held = s.poll({ since: 3, wait: 50 });
		await s.parked(1);
		let stored = 3;
		const big = 'x'.repeat(150_000);
		const full = await until(async () => {
			const res = await s.send(big);
			stored += res.status === 201;
			return res.status !== 201 && res;
		}, { every: 0, what: 'the disk to be full' });
		problem(assert, full, 503, 'disk_full');
		assert.match(full.headers['retry-after'], /^\d+$/);
		const many = await Promise.all(Array.from({ length: 8 }, (_, i) => s.send(`${i}${big}`)));
		for (const res of many)
			problem(assert, res, 503, 'disk_full');
		await until(async () => (await s.get('/healthz')).status === 503, { what: '/healthz to say so' });
		assert.equal((await s.poll({ since: 'all' })).json.messages.length, stored);
		assert.deepEqual(texts(await s.history({ limit: 3, after: 0 })), ['m1', 'm2', 'm3']);
		fs.rmSync(filler);
		const after = await s.send('after');
		assert.equal(after.status, 201, after.text);
		assert.equal(await s.sql('SELECT count(*) FROM messages'), String(stored + 1));
		assert.equal((await s.history({ limit: 1 })).json.messages[0].text, 'after');
		await within(ms(20_000), held, 'the held poll');
		await until(async () => (await s.get('/healthz')).status === 200, { what: '/healthz to recover' });
		assert.equal(s.pid(), pid);
		assert.equal(await s.sql('PRAGMA integrity_check'), 'ok');
	});
});

describe('store: whose files they are', () => {
	it('the group of the folder can write, others can do nothing', async (t) => {
		const dataDir = path.join(tempDir(), 'data');
		const s = await start({ dataDir, t });
		await s.sent('x');
		const mode = (name) => fs.statSync(path.join(dataDir, name)).mode & 0o7777;
		const group = fs.statSync(dataDir).gid;
		assert.equal(mode('.') & 0o2070, 0o2070, 'the folder hands its group on');
		assert.equal(mode('.') & 0o007, 0);
		for (const name of ['longline.db', 'longline.db-wal', 'longline.db-shm', 'run/longlined.sock']) {
			assert.equal(mode(name), 0o660, `${name}: ${mode(name).toString(8)}`);
			assert.equal(fs.statSync(path.join(dataDir, name)).gid, group);
		}
	});

	it('a member of the group can insert, with the daemon running or not', async (t) => {
		if (process.getuid() !== 0)
			return t.skip('needs root, to be somebody else');
		const dataDir = path.join(tempDir(), 'data');
		fs.chmodSync(path.dirname(dataDir), 0o755);
		fs.mkdirSync(dataDir);
		const group = 54321;
		fs.chownSync(dataDir, 0, group);
		const s = await start({ dataDir, t });
		const insert = () => run('setpriv', ['--reuid=54320', `--regid=${group}`, '--clear-groups', 'sqlite3', s.db, "INSERT INTO messages(text) VALUES('from cron')"]);
		const held = s.poll({ wait: 50 });
		await s.parked(1);
		const online = await insert();
		assert.equal(online.code, 0, online.stderr);
		assert.deepEqual(texts(await within(ms(30_000), held)), ['from cron']);
		await s.stop();
		const offline = await insert();
		assert.equal(offline.code, 0, offline.stderr);
		const again = await start({ dataDir, t });
		assert.deepEqual(texts(await again.poll({ since: 'all' })), ['from cron', 'from cron']);
		assert.equal((await rows(again.db, 'SELECT count(*) AS n FROM messages'))[0].n, 2);
	});
});
