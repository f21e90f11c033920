// tool-local.test.mjs: `longline backup`, `restore` and `prune`, beside a daemon that runs, and without one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fastcgi } from './fastcgi.mjs';
import { child, daemon, has, ms, root, rows, run, session, sql, start, tempDir, until } from './harness.mjs';
import { fewer } from './load.mjs';
import { freshLogs, no, ok, program, tool } from './tool.mjs';

/** n messages by SQL; room and at are SQL, of n. */
const insert = (n, { room = "'main'", text = "'message ' || n", at = 'n' } = {}) =>
	`INSERT INTO messages(room, text, at) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${n}) SELECT ${room}, ${text}, ${at} FROM c;`;

const log = freshLogs();
const ids = async (db) => (await rows(db, 'SELECT id FROM messages ORDER BY id')).map(({ id }) => id);
const one = async (db, text) => Object.values((await rows(db, text))[0])[0];
const mode = (file) => fs.statSync(file).mode & 0o7777;

describe('longline backup', { concurrency: 3 }, () => {
	it('copies the log, WAL and all, into one file that is whole', async () => {
		const { db, folder, beside: at, sql: run } = log();
		await run(`.dbconfig no_ckpt_on_close on\n${insert(500)}`);
		assert.ok(fs.statSync(`${db}-wal`).size > 0, 'some of it is in the WAL');
		const said = await ok(db, 'backup', at('b.db'));
		assert.match(said, /b\.db has 500 messages, up to id 500, and is whole\./);
		assert.equal(mode(at('b.db')), 0o600);
		assert.equal(await sql(at('b.db'), 'PRAGMA integrity_check; PRAGMA journal_mode; SELECT count(*) FROM messages; PRAGMA application_id'),
			'ok\ndelete\n500\n1282371175');
		assert.deepEqual(fs.readdirSync(folder).filter((name) => /^b\.db/.test(name)), ['b.db']);
	});

	it('replaces no file unless that is said, and never the log', async () => {
		const { db, folder, beside: at, sql: run } = log();
		await run(insert(3));
		fs.writeFileSync(at('b.db'), 'precious');
		await no(db, 1, /there is a file .*b\.db already: say --force/, 'backup', at('b.db'));
		assert.equal(fs.readFileSync(at('b.db'), 'utf8'), 'precious');
		await ok(db, 'backup', '--force', at('b.db'));
		assert.equal(await one(at('b.db'), 'SELECT count(*) AS n FROM messages'), 3);
		await no(db, 1, /is the log itself/, 'backup', '--force', db);
		fs.symlinkSync(db, at('link'));
		await no(db, 1, /is the log itself/, 'backup', '--force', at('link'));
		await no(db, 1, /is no file: say the name of one in it/, 'backup', folder);
		await no(db, 2, /not standard output/, 'backup', '-');
		await no(db, 2, /FILE is empty/, 'backup', '');
		await no(db, 2, /backup needs FILE/, 'backup');
		await no(db, 1, /cannot make .*none\/b\.db\.part: No such file/, 'backup', at('none/b.db'));
		await no(at('none.db'), 1, /there is no database/, 'backup', at('c.db'));
		assert.deepEqual(await ids(db), [1, 2, 3]);
	});

	it('says that the disk, or the file system, has no room for it', async (t) => {
		if (!fs.existsSync('/dev/shm') || process.getuid() !== 0 || !has('mount'))
			return t.skip('needs a small file system');
		const { db, beside: at, sql: run } = log();
		await run(insert(2000, { text: 'hex(randomblob(2000))' }));
		fs.mkdirSync(at('small'));
		if ((await run2('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at('small'))).code !== 0)
			return t.skip('mount is not allowed');
		t.after(() => run2('umount', at('small')));
		await no(db, 1, /cannot copy .*full/, 'backup', at('small/b.db'));
		assert.deepEqual(fs.readdirSync(at('small')), []);
	});
	const run2 = (command, ...args) => run(command, args);

	it('makes none of a damaged log', async () => {
		const { db, beside: at, sql: run } = log();
		await run(`${insert(3000, { text: 'hex(randomblob(200))' })} PRAGMA wal_checkpoint(TRUNCATE);`);
		const file = fs.openSync(db, 'r+'), { size } = fs.fstatSync(file);
		for (let page = Math.floor(size / 4096 / 2); page < size / 4096; page++)
			fs.writeSync(file, Buffer.alloc(2000, 0x5a), 0, 2000, page * 4096 + 100);
		fs.closeSync(file);
		await no(db, 1, /damaged, and no backup was made|malformed/, 'backup', at('b.db'));
		assert.deepEqual(fs.readdirSync(path.dirname(db)).filter((name) => /^b\.db/.test(name)), []);
	});

	it('ends under constant writes: one moment of the log, and no send fails', { timeout: ms(120_000) }, async (t) => {
		const d = await daemon({ t });
		await d.sql(insert(20_000, { text: 'hex(randomblob(500))' }));
		const folder = tempDir();
		let going = true, sent = 0;
		const send = async () => {
			while (going) {
				const res = await fastcgi(d.socket, { method: 'POST', path: '/send', body: `more ${sent}`, params: { CONTENT_TYPE: 'text/plain' } });
				assert.equal(res.status, 201, res.text);
				sent++;
			}
		};
		const senders = [send(), send(), send()];
		await until(() => sent > 20, { what: 'sends to go on' });
		for (let i = 0; i < 3; i++) {
			const before = sent, head = await one(d.db, 'SELECT max(id) AS id FROM messages');
			await ok(d.db, 'backup', path.join(folder, `${i}.db`));
			assert.ok(sent > before, 'others wrote meanwhile');
			const list = await ids(path.join(folder, `${i}.db`));
			assert.ok(list.at(-1) >= head, 'all that was answered before is in it');
			assert.deepEqual(list, Array.from(list, (_, at) => at + 1), 'and nothing of later without what came before');
		}
		going = false;
		await Promise.all(senders);
		// Nothing is left behind that keeps the WAL from being emptied.
		await until(() => fs.statSync(`${d.db}-wal`).size === 0, { what: 'the WAL to be emptied' });
	});

	it('leaves nothing behind when it is told to end, and the next one clears up after one that was killed', { timeout: ms(60_000) }, async () => {
		const { db, folder, beside: at, sql: run } = log();
		await run(insert(60_000, { text: 'hex(randomblob(500))' }));
		for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL']) {
			let self, code = 0;
			// On a machine that stands still it may be done before it is told.
			for (let left = 5; code === 0 && left > 0; left--) {
				fs.rmSync(at('b.db'), { force: true });
				self = child(program, ['backup', at('b.db'), '--database', db]);
				await until(() => self.done || (fs.existsSync(at('b.db.part')) && fs.statSync(at('b.db.part')).size > 1e6), { every: 1, what: 'it to copy' });
				self.signal(signal);
				({ code } = await self.ended);
			}
			assert.ok(!fs.existsSync(at('b.db')), self.stderr);
			if (signal === 'SIGKILL')
				continue;
			assert.equal(code, 1);
			assert.match(self.stderr, /^longline: interrupted/m);
			assert.deepEqual(fs.readdirSync(folder).filter((name) => /^b\.db/.test(name)), []);
		}
		assert.ok(fs.existsSync(at('b.db.part')));
		await ok(db, 'backup', at('b.db'));
		assert.deepEqual(fs.readdirSync(folder).filter((name) => /^b\.db/.test(name)), ['b.db']);
	});

	it('follows no link where it makes its file', async () => {
		const { db, beside: at } = log();
		fs.writeFileSync(at('victim'), 'precious');
		fs.symlinkSync(at('victim'), at('b.db.part'));
		await no(db, 1, /cannot make .*b\.db\.part/, 'backup', at('b.db'));
		fs.rmSync(at('b.db.part'));
		fs.linkSync(at('victim'), at('b.db.part'));
		await no(db, 1, /b\.db\.part is in the way/, 'backup', at('b.db'));
		assert.equal(fs.readFileSync(at('victim'), 'utf8'), 'precious');
	});

	it('shows on a terminal how far it is, and nowhere else', { timeout: ms(60_000) }, async (t) => {
		if (!has('script'))
			return t.skip('no script(1) here');
		const { db, beside: at, sql: text } = log();
		await text(insert(60_000, { text: 'hex(randomblob(500))' }));
		const shown = await run('script', ['-qec', `${program} backup ${at('b.db')} --database ${db}`, '/dev/null'], { input: '' });
		assert.match(shown.stdout, /copying: \d+ %/);
		assert.doesNotMatch(await ok(db, 'backup', '--force', at('b.db')), /%/);
	});
});

describe('longline restore', { concurrency: 3 }, () => {
	/** A log that was backed up, and went on: messages, a token that was revoked, one with a new secret, a new one, a grant. */
	async function changed() {
		const l = log(), secrets = {};
		const add = async (name, ...more) => {
			secrets[name] = (await tool(l.db, 'token', 'add', name, ...more)).stdout.trim();
		};
		await l.sql(insert(100));
		await add('gone', '--rooms', 'x', '--yes');
		await add('ci', '--rooms', 'ci');
		secrets.old = secrets.ci;
		await ok(l.db, 'backup', l.beside('b.db'));
		await l.sql(insert(50, { text: "'later ' || n" }));
		await ok(l.db, 'token', 'revoke', 'gone');
		secrets.ci = (await tool(l.db, 'token', 'rotate', 'ci')).stdout.trim();
		await add('new', '--rooms', '*', '--may', 'r');
		return { ...l, secrets, backup: l.beside('b.db') };
	}
	const access = (db) => rows(db, `SELECT name, hex(hash) AS is_now FROM tokens UNION ALL SELECT who || ' ' || rooms, may FROM grants
		UNION ALL SELECT 'revoked', name FROM revoked UNION ALL SELECT name, value FROM meta WHERE name = 'access' ORDER BY 1, 2`);

	it('puts the backup in the place of the log, and keeps tokens, grants and revocations', async () => {
		const { db, backup, folder } = await changed();
		const before = await access(db), epoch = await one(db, "SELECT value FROM meta WHERE name = 'epoch'");
		fs.chmodSync(db, 0o640);
		const said = await ok(db, 'restore', backup, '--yes');
		assert.match(said, /b\.db has 100 messages, up to id 100, the last of /);
		assert.match(said, /takes the place of .*longline\.db, which has 150 messages, up to id 150/);
		assert.match(said, /Tokens and grants stay as they are now/);
		assert.match(said, /restored; start longlined/);
		assert.equal((await ids(db)).length, 100);
		assert.deepEqual(await access(db), before);
		assert.notEqual(await one(db, "SELECT value FROM meta WHERE name = 'epoch'"), epoch);
		assert.equal(mode(db), 0o640);
		const [kept] = fs.readdirSync(folder).filter((name) => /^longline\.db\.before-restore-\d{8}T\d{6}Z$/.test(name));
		assert.equal((await ids(path.join(folder, kept))).length, 150);
		assert.equal(fs.statSync(path.join(folder, kept)).nlink, 1, 'a file of its own');
		assert.deepEqual(fs.readdirSync(folder).filter((name) => /restoring/.test(name)), []);
		assert.equal((await ids(backup)).length, 100, 'the backup is as it was');
		assert.equal((await access(backup)).some(({ name }) => name === 'new'), false);
	});

	it('takes those of the backup when that is said', async () => {
		const { db, backup } = await changed();
		const then = await access(backup);
		assert.match(await ok(db, 'restore', backup, '--yes', '--with-tokens', '--no-keep'), /what was revoked since is let in again/);
		assert.deepEqual(await access(db), then);
		assert.deepEqual(fs.readdirSync(path.dirname(db)).filter((name) => /before-restore/.test(name)), []);
	});

	it('keeps an open log open, though the backup was closed', async () => {
		const { db, backup } = await changed();
		await ok(db, 'access', 'open');
		await ok(db, 'restore', backup, '--yes');
		assert.equal(await one(db, "SELECT value FROM meta WHERE name = 'access'"), 'open');
		const open = log();
		await ok(open.db, 'restore', backup, '--yes');
		assert.deepEqual(await rows(open.db, "SELECT name FROM tokens UNION ALL SELECT name FROM meta WHERE name = 'access'"), []);
		assert.deepEqual((await rows(open.db, 'SELECT name FROM revoked ORDER BY name')).map(({ name }) => name), ['ci', 'gone'], 'names of tokens that are not there are given to nobody');
	});

	it('tells readers to begin anew, and lets in whom the log of now lets in', { timeout: ms(60_000) }, async (t) => {
		const { db, backup, secrets } = await changed();
		const ask = async (d, secret, query) => fastcgi(d.socket, { path: '/poll', query, params: { HTTP_AUTHORIZATION: `Bearer ${secret}` } });
		const was = await daemon({ db, t });
		const first = (await ask(was, secrets.new, 'room=main&since=0&wait=0')).json;
		await was.stop();
		await ok(db, 'restore', backup, '--yes');
		const d = await daemon({ db, t });
		const again = (await ask(d, secrets.new, `room=main&since=${first.next}&epoch=${first.epoch}&wait=0`)).json;
		assert.equal(again.reset, true);
		assert.equal(again.next, 100);
		assert.equal((await ask(d, secrets.gone, 'room=x&since=0&wait=0')).status, 401);
		assert.equal((await ask(d, secrets.old, 'room=ci&since=0&wait=0')).status, 401);
		assert.equal((await ask(d, secrets.ci, 'room=ci&since=0&wait=0')).status, 200);
	});

	it('refuses while longlined runs, or another program has the log open', { timeout: ms(60_000) }, async (t) => {
		const { db, backup } = await changed();
		const d = await daemon({ db, t });
		await no(db, 1, new RegExp(`longlined runs \\(pid ${d.pid}\\): stop it first`), 'restore', backup, '--yes');
		await d.stop();
		const other = session(db, { t });
		await other.run('SELECT count(*) FROM messages;');
		await no(db, 1, /another program has the database .* open: end it first/, 'restore', backup, '--yes');
		assert.equal((await ids(db)).length, 150);
		await other.close();
		await ok(db, 'restore', backup, '--yes');
	});

	it('has longlined wait while it works', { timeout: ms(60_000) }, async (t) => {
		const { db, backup } = await changed();
		const open = session(db, { t });
		await open.run('SELECT count(*) FROM messages;');
		// It waits for the other program, and has the lock.
		const restoring = tool(db, 'restore', backup, '--yes');
		await until(() => fs.existsSync(`${db}.restoring`), { every: 5, what: 'it to work' });
		const d = await daemon({ db, t });
		assert.ok(d.done);
		assert.match(d.output, /another longlined \(pid \d+\) serves the database/);
		await open.close();
		assert.equal((await restoring).code, 0);
		assert.ok(!(await daemon({ db, t })).done);
	});

	it('asks, and without a terminal wants to be told', { timeout: ms(60_000) }, async (t) => {
		const { db, backup } = await changed();
		await no(db, 1, /no terminal to ask at: nothing was changed; say --yes/, 'restore', backup);
		assert.equal((await ids(db)).length, 150);
		if (!has('script'))
			return t.skip('no script(1) here');
		const ask = (answer) => run('script', ['-qec', `${program} restore ${backup} --database ${db}`, '/dev/null'], { input: answer });
		const refused = await ask('n\n');
		assert.match(refused.stdout, /Restore it\? \[y\/N\]/);
		assert.equal(refused.code, 1);
		assert.equal((await ids(db)).length, 150);
		assert.equal((await ask('y\n')).code, 0);
		assert.equal((await ids(db)).length, 100);
	});

	it('restores no file but a whole log of this version or before', async () => {
		const { db, beside: at, backup } = await changed();
		const bad = (pattern, file) => no(db, 1, pattern, 'restore', file, '--yes');
		await bad(/there is no file .*none/, at('none'));
		await bad(/there is no file/, path.dirname(db));
		await bad(/is the log itself/, db);
		await sql(at('other.db'), 'CREATE TABLE x (y)');
		await bad(/not Longline's/, at('other.db'));
		fs.writeFileSync(at('text'), 'no database at all, and long enough to be looked at by SQLite, one would say'.repeat(20));
		await bad(/not a database/, at('text'));
		fs.copyFileSync(backup, at('newer.db'));
		await sql(at('newer.db'), 'PRAGMA user_version = 999');
		await bad(/version 999, newer than/, at('newer.db'));
		fs.copyFileSync(backup, at('damaged.db'));
		const file = fs.openSync(at('damaged.db'), 'r+'), { size } = fs.fstatSync(file);
		for (let page = 10; page < size / 4096; page++)
			fs.writeSync(file, Buffer.alloc(2000, 0x5a), 0, 2000, page * 4096 + 100);
		fs.closeSync(file);
		await bad(/damaged|malformed/, at('damaged.db'));
		fs.copyFileSync(backup, at('short.db'));
		fs.truncateSync(at('short.db'), 40960);
		await bad(/damaged|malformed/, at('short.db'));
		assert.equal((await ids(db)).length, 150);
		assert.equal(await sql(db, 'PRAGMA integrity_check'), 'ok');
		assert.deepEqual(fs.readdirSync(path.dirname(db)).filter((name) => /restoring|before/.test(name)), []);
	});

	it('brings an older backup up to date, and takes one of .dump', async () => {
		const { db, beside: at } = await changed();
		const before = await access(db);
		// Version 1, as 001-log.sql alone made it.
		await sql(at('v1.db'), `${fs.readFileSync(path.join(root, 'sql/001-log.sql'), 'utf8')}; PRAGMA user_version = 1; INSERT INTO messages(text) VALUES('one'), ('two')`);
		await ok(db, 'restore', at('v1.db'), '--yes');
		assert.deepEqual(await ids(db), [1, 2]);
		assert.deepEqual(await access(db), before);
		const from = log();
		await from.sql(insert(7));
		await sql(at('dump.db'), await sql(from.db, '.dump'));
		await ok(db, 'restore', at('dump.db'), '--yes');
		assert.equal((await ids(db)).length, 7);
		assert.deepEqual(await access(db), before);
	});

	it('takes the place of a log that is damaged or gone, when the tokens of the backup will do', async (t) => {
		const { db, backup, folder } = await changed();
		fs.writeFileSync(db, Buffer.alloc(20_000, 0x5a));
		fs.writeFileSync(`${db}-wal`, Buffer.alloc(5000, 0x5a));
		await no(db, 1, /not a database; say --with-tokens/, 'restore', backup, '--yes');
		await ok(db, 'restore', backup, '--yes', '--with-tokens');
		assert.equal((await ids(db)).length, 100);
		assert.deepEqual(fs.readdirSync(folder).filter((name) => /before-restore/.test(name)).map((name) => fs.statSync(path.join(folder, name)).size).sort(), [20_000, 5000]);
		fs.rmSync(db);
		await no(db, 1, /no log whose tokens and grants could be kept; say --with-tokens/, 'restore', backup, '--yes');
		await ok(db, 'restore', backup, '--yes', '--with-tokens');
		assert.equal((await ids(db)).length, 100);
		assert.equal(mode(db), 0o660);
		assert.ok(!(await daemon({ db, t })).done);
	});

	it('gives the log to whom it belonged', async (t) => {
		if (process.getuid() !== 0)
			return t.skip('needs root');
		const { db, backup, folder } = await changed();
		fs.rmSync(`${db}-lock`, { force: true });
		fs.chownSync(folder, 12345, 12346);
		fs.chownSync(db, 12345, 12346);
		await ok(db, 'restore', backup, '--yes');
		for (const file of [db, `${db}-lock`])
			assert.deepEqual([fs.statSync(file).uid, fs.statSync(file).gid], [12345, 12346], file);
		assert.equal(mode(`${db}-lock`), 0o660);
	});

	it('follows a link to the log', async () => {
		const { db, backup, beside: at } = await changed();
		fs.symlinkSync(db, at('link.db'));
		await ok(at('link.db'), 'restore', backup, '--yes');
		assert.ok(fs.lstatSync(at('link.db')).isSymbolicLink());
		assert.equal((await ids(db)).length, 100);
	});
});

describe('longline prune', () => {
	/** An hour less than so many days ago. */
	const days = (n) => `CAST(strftime('%s', 'now') AS INTEGER) * 1000 - 86400000 * (${n}) + 3600000`;

	it('deletes what is old, with all that belongs to it, in one room or some or all', async () => {
		const { db, sql: text } = log();
		for (const room of ['ci-a', 'ci-b', 'main'])
			await text(insert(300, { room: `'${room}'`, at: days('n') }));
		await text(`INSERT INTO messages(room, text, key, at, attachments) VALUES ('main', 'x', 'k', ${days(400)}, 1); INSERT INTO attachments SELECT max(id), 0, x'00' FROM messages;`);
		assert.equal(await ok(db, 'prune', '--older-than', '30d', '--dry-run', '--room', 'ci-a').then((said) => said.split(':')[0]), 'would delete 270 of 300 messages');
		assert.equal((await ids(db)).length, 901);
		await no(db, 1, /no terminal to ask at: nothing was deleted; say --yes/, 'prune', '--older-than', '30d');
		assert.match(await ok(db, 'prune', '--older-than', '30d', '--room', 'ci-a', '--yes'), /^deleted 270 of 300 messages$/m);
		assert.match(await ok(db, 'prune', '--older-than', '200d', '--room', 'ci-*', '--yes'), /^deleted 100 of 330 messages$/m);
		assert.match(await ok(db, 'prune', '--older-than', '300d', '--yes'), /^deleted 1 of 531 messages$/m, 'the one of 400 days ago');
		assert.deepEqual(await rows(db, 'SELECT room, count(*) AS n FROM messages GROUP BY room'),
			[{ room: 'ci-a', n: 30 }, { room: 'ci-b', n: 200 }, { room: 'main', n: 300 }]);
		assert.deepEqual(await rows(db, 'SELECT name, n FROM rooms ORDER BY name'), [{ name: 'ci-a', n: 30 }, { name: 'ci-b', n: 200 }, { name: 'main', n: 300 }]);
		assert.equal(await one(db, 'SELECT count(*) AS n FROM attachments'), 0);
		assert.match(await ok(db, 'prune', '--older-than', '2001-01-01', '--yes'), /^deleted 0 of 530/m);
		assert.match(await ok(db, 'prune', '--older-than', '0s', '--room', 'ci-a', '--yes'), /^deleted 30 of 30/m);
		assert.equal(await one(db, "SELECT count(*) AS n FROM rooms WHERE name = 'ci-a'"), 0);
		assert.equal(await sql(db, 'PRAGMA integrity_check'), 'ok');
	});

	it('forgets the keys of what was deleted long ago', async () => {
		const { db, sql: text } = log();
		await text(`CREATE TABLE IF NOT EXISTS spent (room TEXT NOT NULL, key TEXT NOT NULL, "by" TEXT NOT NULL, id INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (room, key, "by")) WITHOUT ROWID;
			INSERT INTO spent WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) SELECT CASE WHEN n % 2 THEN 'a' ELSE 'b' END, 'k' || n, '', n, ${days('n')} FROM c`);
		await ok(db, 'prune', '--older-than', '100d', '--room', 'a', '--yes');
		assert.deepEqual(await rows(db, 'SELECT room, count(*) AS n FROM spent GROUP BY room'), [{ room: 'a', n: 50 }, { room: 'b', n: 500 }]);
		await ok(db, 'prune', '--older-than', '30d', '--yes');
		assert.equal(await one(db, 'SELECT count(*) AS n FROM spent'), 30);
	});

	it('refuses what cannot be', async () => {
		const { db } = log();
		await no(db, 2, /--older-than says what is old/, 'prune');
		await no(db, 2, /--older-than is a time like 30d .*not 'soon'/, 'prune', '--older-than', 'soon');
		await no(db, 2, /a day in the past .*not '2127-01-01'/, 'prune', '--older-than', '2127-01-01');
		await no(db, 2, /--room is a room .*not 'a b'/, 'prune', '--older-than', '1d', '--room', 'a b');
		await no(db, 2, /no option --wipe/, 'prune', '--older-than', '1d', '--wipe');
	});

	it('goes on beside a daemon: readers are told of the gap, sends go through, the index forgets', { timeout: ms(120_000) }, async (t) => {
		const s = await start({ t }), OLD = fewer(20_000, 4_000);
		await s.sql(`${insert(OLD, { text: "'oldword ' || n", at: days(100) })} ${insert(50, { text: "'newword ' || n", at: days(1) })}`);
		const behind = (await s.poll({ since: 5, wait: 0, limit: 1 })).json.next, ahead = await s.head();
		const held = s.poll({ since: ahead, wait: 20 });
		const pruning = ok(s.db, 'prune', '--older-than', '30d', '--yes');
		let going = true, slowest = 0, sent = 0;
		const sender = (async () => {
			while (going) {
				const began = performance.now();
				await s.sent(`during ${sent++}`, { room: 'other' });
				slowest = Math.max(slowest, performance.now() - began);
				await sleep(5);
			}
		})();
		assert.match(await pruning, new RegExp(`deleted ${OLD} of \\d+`));
		going = false;
		await sender;
		t.diagnostic(`${sent} sends meanwhile, the slowest of ${slowest.toFixed(1)} ms`);
		assert.equal((await s.poll({ since: behind, wait: 0 })).json.gap, true);
		await s.sent('wakes', {});
		assert.equal((await held).json.gap, undefined, 'whoever is above is not told of one');
		await until(async () => (await s.history({ q: 'oldword' })).json.messages.length === 0 && (await s.history({ q: 'newword', limit: 1 })).json.messages.length === 1, { what: 'the index to forget' });
		await until(async () => (await one(s.db, 'SELECT count(*) AS n FROM changed')) === 0, { what: 'the notes to be taken away' });
	});

	it('keeps what it has deleted, and says how many, when it is told to end', { timeout: ms(60_000) }, async () => {
		const { db, sql: text } = log();
		await text(insert(200_000, { at: days(100) }));
		const self = child(program, ['prune', '--older-than', '30d', '--yes', '--database', db]);
		await until(async () => self.done || (await one(db, 'SELECT count(*) AS n FROM messages')) < 199_000, { every: 5, what: 'it to delete' });
		self.signal('SIGINT');
		const { code } = await self.ended;
		assert.equal(code, 1, self.output);
		const [, n] = /(\d+) of 200000 messages are deleted/.exec(self.stderr);
		assert.equal(await one(db, 'SELECT count(*) AS n FROM messages'), 200_000 - Number(n));
		assert.equal(await one(db, 'SELECT min(id) AS id FROM messages'), Number(n) + 1, 'the oldest first');
	});
});
