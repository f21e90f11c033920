// dryrun.test.mjs: longlined --check says each fault of a start that was not made, and touches nothing.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fastcgi } from './fastcgi.mjs';
import { binary, daemon, has, root, run, sql, tempDir } from './harness.mjs';

const version = fs.readdirSync(path.join(root, 'sql')).length;
const isRoot = process.getuid() === 0;

/** All that can be seen of a folder's files: what they are, hold, and when they were written. */
const look = (dir) => Object.fromEntries(fs.readdirSync(dir, { recursive: true }).sort().map((name) => {
	const file = path.join(dir, name), st = fs.lstatSync(file, { bigint: true });
	const content = st.isFile() ? crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex') : '';
	return [name, `${st.ino} ${st.mode} ${st.uid}:${st.gid} ${st.size} ${st.mtimeNs} ${content}`];
}));

/** Checks a folder's database; what was there stays exactly as it is. */
async function check(dir, flags = [], { env = {}, as } = {}) {
	const before = look(dir);
	const args = ['--check', '--socket', path.join(dir, 'sock'), '--database', path.join(dir, 'longline.db'), ...flags];
	const result = as ? await run('setpriv', ['--reuid', as, '--regid', as, '--clear-groups', binary, ...args], { env }) : await run(binary, args, { env });
	assert.deepEqual(look(dir), before, 'nothing is touched');
	return { ...result, faults: result.stderr.split('\n').filter(Boolean) };
}

/** A folder with the database of a daemon that stored a message and was ended by this signal. */
async function log(signal = 'SIGTERM') {
	const d = await daemon();
	assert.ok(!d.done, d.output);
	await fastcgi(d.socket, { method: 'POST', path: '/send', body: 'x' });
	await d.stop(signal);
	return d.dir;
}

describe('longlined --check: what is well', () => {
	it('an empty folder, in which a start makes all', async () => {
		const { code, stdout, stderr } = await check(tempDir());
		assert.equal(code, 0, stderr);
		assert.match(stdout, /the database \S+ is not there yet; a start makes it$/m);
		assert.match(stdout, /it can start$/m);
		assert.equal(stderr, '');
		assert.equal(/root may do what/.test(stdout), isRoot);
	});

	for (const signal of ['SIGTERM', 'SIGKILL'])
		it(`a database whose daemon was ended by ${signal}`, async () => {
			const { code, stdout, stderr } = await check(await log(signal));
			assert.equal(code, 0, stderr);
			assert.match(stdout, new RegExp(`the database \\S+ is good, of version ${version}$`, 'm'));
		});

	it('one that is served meanwhile, and all of which stands in the write-ahead log', async (t) => {
		const d = await daemon({ t });
		const { code, stdout, stderr } = await run(binary, ['--check', '--socket', d.socket, '--database', d.db]);
		assert.equal(code, 0, stderr);
		assert.match(stdout, new RegExp(`is good, of version ${version}$`, 'm'));
		assert.equal((await fastcgi(d.socket, { method: 'POST', path: '/send', body: 'x' })).status, 201);
	});

	it('one of an older version, which a start would bring up to date', async () => {
		const dir = tempDir(), db = path.join(dir, 'longline.db');
		await sql(db, `${fs.readFileSync(path.join(root, 'sql/001-log.sql'), 'utf8')}; PRAGMA user_version = 1;`);
		const { code, stdout, stderr } = await check(dir);
		assert.equal(code, 0, stderr);
		assert.match(stdout, new RegExp(`is good, of version 1; a start brings it to ${version}$`, 'm'));
	});

	it('a path with characters that mean something in a URI', async () => {
		const dir = tempDir('longline test?mode=memory#%41-');
		fs.copyFileSync(path.join(await log(), 'longline.db'), path.join(dir, 'longline.db'));
		const { code, stdout, stderr } = await check(dir);
		assert.equal(code, 0, stderr);
		assert.match(stdout, new RegExp(`is good, of version ${version}$`, 'm'));
	});

	it('a socket that is handed over, whatever is at --socket', async () => {
		const dir = tempDir();
		const { code, stderr } = await check(dir, ['--socket', path.join(dir, 'none/sock')], { env: { LISTEN_FDS: '1' } });
		assert.equal(code, 0, stderr);
	});
});

describe('longlined --check: what is wrong with the database', () => {
	const wrong = async (dir, pattern, options) => {
		const { code, stdout, faults } = await check(dir, [], options);
		assert.equal(code, 3, faults.join('\n'));
		assert.equal(faults.length, 1, faults.join('\n'));
		assert.match(faults[0], pattern);
		assert.doesNotMatch(stdout, /can start/);
	};

	it('of a newer version', async () => {
		const dir = await log();
		await sql(path.join(dir, 'longline.db'), 'PRAGMA user_version = 999');
		await wrong(dir, /has version 999, newer than the \d+ this program knows/);
	});

	it('of another program', async () => {
		const dir = tempDir();
		await sql(path.join(dir, 'longline.db'), 'CREATE TABLE t(x)');
		await wrong(dir, /is not Longline's/);
	});

	it('no database, or a damaged one', async () => {
		const dir = tempDir();
		fs.writeFileSync(path.join(dir, 'longline.db'), 'This is a text of some length. '.repeat(100));
		await wrong(dir, /file is not a database/);
		const other = await log();
		await sql(path.join(other, 'longline.db'), 'PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM meta WHERE name = \'epoch\'');
		await wrong(other, /has no epoch/);
	});

	it('a folder in its place', async () => {
		const dir = tempDir();
		fs.mkdirSync(path.join(dir, 'longline.db'));
		await wrong(dir, /cannot be used: it is not a plain file/);
	});

	it('a link in the place of its lock', async () => {
		const dir = await log();
		fs.rmSync(path.join(dir, 'longline.db-lock'));
		fs.symlinkSync('/etc/passwd', path.join(dir, 'longline.db-lock'));
		await wrong(dir, /longline\.db-lock is not a plain file; remove it/);
	});

	it('rights that the user has not', { skip: isRoot && has('setpriv') ? false : 'only root can be another user' }, async () => {
		const dir = await log();
		fs.chmodSync(dir, 0o755);
		const { code, faults } = await check(dir, ['--socket', path.join(tempDir(), 's')], { as: '65534', env: { LISTEN_FDS: '1' } });
		assert.equal(code, 3);
		assert.match(faults.join('\n'), /the folder of the database cannot be written to: \S+: Permission denied$/m);
		for (const file of ['longline.db-shm', 'longline.db-lock'])
			assert.match(faults.join('\n'), new RegExp(`${file} cannot be read and written: Permission denied$`, 'm'));
		assert.match(faults.join('\n'), /the database \S+ cannot be used: Permission denied$/m);
	});

	it('a folder that is not there', async () => {
		const dir = tempDir();
		const { code, faults } = await check(dir, ['--database', path.join(dir, 'none/longline.db')]);
		assert.equal(code, 3);
		assert.match(faults.join('\n'), /the folder of the database cannot be written to: \S+none: No such file or directory$/m);
	});
});

describe('longlined --check: what is wrong with the options', () => {
	it('each is said, and the database is looked at all the same', async () => {
		const dir = tempDir(), key = path.join(dir, 'key');
		fs.writeFileSync(key, 'short');
		await sql(path.join(dir, 'longline.db'), 'CREATE TABLE t(x)');
		const { code, stdout, stderr } = await check(dir, ['--wait-max', 'x', '--colour', 'red', '--limit', 'mesages=1:1', '--jwt-key', key, '--jwt-key', `${key}-2`,
			'--pid-file', path.join(dir, 'none/pid'), '--socket', path.join(dir, 'nowhere/s')]);
		assert.equal(code, 2);
		for (const fault of [/--wait-max must be 1 to 70, not 'x'$/m, /there is no option --colour;/, /--limit mesages=1:1: there is no limit/, /key has 5 bytes, expected at least 32$/m, /key-2: No such file/,
			/the folder of the pid file \(--pid-file\) cannot be written to: \S+none: No such file/, /the folder of the socket \(--socket\) cannot be written to: \S+nowhere/,
			/is not Longline's/])
			assert.match(stderr, fault);
		assert.doesNotMatch(stdout, /can start/);
	});

	it('a socket that cannot be: too long a path, a file in its way', async () => {
		const dir = tempDir();
		fs.writeFileSync(path.join(dir, 'sock'), '');
		const there = await check(dir);
		assert.equal(there.code, 2);
		assert.match(there.stderr, /sock is in the way of --socket: it is not a socket$/m);
		const long = await check(dir, ['--socket', path.join(dir, 'x'.repeat(200))]);
		assert.equal(long.code, 2);
		assert.match(long.stderr, /the path of --socket may have 107 bytes: /);
	});

	it('--check takes no value, and --help goes before it', async () => {
		assert.equal((await run(binary, ['--check=1'])).code, 2);
		const { code, stdout } = await run(binary, ['--check', '--help']);
		assert.equal(code, 0);
		assert.match(stdout, /--check {2,}only look/);
	});
});
