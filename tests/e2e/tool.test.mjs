// tool.test.mjs: `longline`: tokens, grants, an open and a closed log, and what its doctor finds.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { binary, daemon, has, ms, root, rows, run, session, sql, tempDir } from './harness.mjs';
import { freshLogs, program, SANITIZER } from './tool.mjs';

const SECRET = /^ll_[a-z2-7]{32}$/;

const fresh = freshLogs();

/** A log of the test's own, and the tool at it: `it('token', 'list')` gives {code, stdout, stderr}. */
function log() {
	const made = fresh(), { db, beside } = made, defaults = beside('defaults');
	const tool = async (...args) => {
		const options = typeof args.at(-1) === 'object' ? args.pop() : {};
		const env = { LONGLINE_DEFAULTS: defaults, LONGLINE_URL: '', ...options.env };
		const result = await run(program, options.bare ? args : [...args, '--database', db], { ...options, env });
		assert.doesNotMatch(result.stderr, SANITIZER);
		return result;
	};
	return {
		...made, defaults, tool,
		/** Like tool, but it must succeed; gives what it printed. */
		ok: async (...args) => {
			const result = await tool(...args);
			assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
			return result.stdout;
		},
		/** Like tool, but it must end with `code`, print nothing and say something that matches. */
		no: async (code, pattern, ...args) => {
			const result = await tool(...args);
			assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
			assert.equal(result.stdout, '');
			assert.match(result.stderr, pattern);
			assert.match(result.stderr, /^longline: /m);
		},
	};
}

const lines = (text) => text.split('\n').slice(0, -1);
const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex').toUpperCase();

describe('longline: its command line', { concurrency: 3 }, () => {
	it('tells what there is, for all, for a group and for each', async () => {
		const { ok } = log();
		const all = await ok('--help', { bare: true });
		const commands = [...all.matchAll(/^ {2}((?:send|tail|history|access|token|grant|prune|backup|restore|export|import|check)\b(?: [a-z]+)?)/gm)].map(([, words]) => words);
		assert.deepEqual(commands, ['send', 'tail', 'history', 'access show', 'access open', 'access closed', 'token add', 'token invite', 'token list',
			'token revoke', 'token rotate', 'grant set', 'grant list', 'grant explain', 'grant remove', 'prune', 'backup', 'restore', 'export', 'import', 'check']);
		assert.match(await ok('token', '--help', { bare: true }), /token rotate NAME/);
		const page = fs.readFileSync(path.join(root, 'fcgi/longline.1'), 'utf8').replaceAll('\\-', '-');
		for (const words of commands) {
			const help = await ok(...words.split(' '), '--help', { bare: true });
			assert.ok(help.startsWith(`usage: longline ${words} [OPTION]...`), help);
			for (const [, option] of help.matchAll(/^ {2}--([a-z-]+)/gm))
				assert.ok(page.includes(`Fl -${option}`), `longline.1 has no --${option}`);
			for (const [, letter] of help.matchAll(/^ {2}-([a-z]) /gm))
				assert.ok(page.includes(`It Fl ${letter} `), `longline.1 has no -${letter}`);
			assert.match(page, new RegExp(`Cm ${words.split(' ')[0]}`));
		}
		const [version] = lines(await ok('--version', { bare: true }));
		const { stdout } = await run(binary, ['--version']);
		assert.equal(version.replace('longline ', 'longlined '), stdout.trim());
	});

	it('takes --database before or behind the command', async () => {
		const { db, ok } = log();
		for (const args of [['--database', db, 'access', 'show'], ['access', '--database', db, 'show'],
			['access', 'show', '--database', db], [`--database=${db}`, 'access', 'show'], ['access', 'show', `--database=${db}`]])
			assert.match(await ok(...args, { bare: true }), /^open: /);
	});

	it('finds the installed log by the options of longlined', async () => {
		const { db, defaults, ok, tool } = log();
		for (const text of [`LONGLINED_FLAGS=--database ${db}\n`, `# a comment\nLONGLINED_FLAGS="--host x --database=${db}"\n`,
			`LONGLINED_FLAGS=--database /nowhere\nLONGLINED_FLAGS='--database /nowhere --database ${db} --readers 3'\n`]) {
			fs.writeFileSync(defaults, text);
			assert.match(await ok('access', 'show', { bare: true }), /^open: /, text);
		}
		fs.rmSync(defaults);
		if (fs.existsSync('/var/lib/longline/longline.db'))
			return;
		const result = await tool('access', 'show', { bare: true });
		assert.equal(result.code, 1);
		assert.match(result.stderr, /there is no database \/var\/lib\/longline\/longline\.db .*start longlined first/);
	});

	it('refuses what is wrong, with a hint', async () => {
		const { db, no } = log();
		const bad = (pattern, ...args) => no(2, pattern, ...args, { bare: true });
		await bad(/a command is missing; see longline --help/);
		await bad(/a command is missing; see longline token --help/, 'token');
		await bad(/no command 'tokens'; see longline --help/, 'tokens');
		await bad(/no command 'token remove'; see longline token --help/, 'token', 'remove', 'x');
		await bad(/no option --rom; see longline token add --help/, 'token', 'add', 'x', '--rom', 'y');
		await bad(/no option --room; is --rooms meant\?/, 'token', 'add', 'x', '--room', 'y');
		await bad(/no option --data; is --database meant\?/, '--data', db, 'check');
		await bad(/no option -r/, 'token', 'add', 'x', '-r', 'y');
		await bad(/value is missing behind --rooms/, 'token', 'add', 'x', '--rooms');
		await bad(/no value belongs to --trusted/, 'token', 'add', 'x', '--trusted=yes');
		await bad(/given twice: --may/, 'token', 'add', 'x', '--may', 'r', '--may=w');
		await bad(/token add needs NAME/, 'token', 'add');
		await bad(/unexpected argument 'y'/, 'token', 'add', 'x', 'y');
		await bad(/grant set needs WHO/, 'grant', 'set', 'users', 'x');
	});

	it('has its commands and options completed by bash', async () => {
		const complete = async (...words) => {
			const { stdout, stderr } = await run('bash', ['-c', 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _longline; printf "%s\\n" "${COMPREPLY[@]}"',
				'bash', path.join(root, 'scripts/longline.bash'), program, ...words]);
			assert.equal(stderr, '');
			return stdout.trim().split('\n');
		};
		assert.deepEqual(await complete(''), ['access', 'backup', 'check', 'export', 'grant', 'history', 'import', 'prune', 'restore', 'send', 'tail', 'token']);
		assert.deepEqual(await complete('token', 'r'), ['revoke', 'rotate']);
		assert.deepEqual(await complete('--database', '/x', 'acc'), ['access']);
		assert.deepEqual(await complete('token', 'add', 'ci', '--r'), ['--rooms']);
		assert.deepEqual(await complete('check', '--q'), ['--quick-check']);
		assert.deepEqual(await complete('tail', '-r', 'ops', '--s'), ['--state']);
		assert.deepEqual(await complete('send', '-r'), ['-r']);
		assert.deepEqual(await complete('token', 'add', 'x'), ['']);
		assert.deepEqual(await complete('restore', '--w'), ['--with-tokens']);
		assert.deepEqual(await complete('backup', path.join(root, 'LICEN')), [path.join(root, 'LICENSE')]);
		assert.deepEqual(await complete('prune', '--o'), ['--older-than']);
	});

	it('uses no file but a log of this version, and makes none', async () => {
		const { folder, db, no, sql: run } = log();
		const absent = path.join(folder, 'none.db');
		await no(1, /there is no database .*none\.db .*start longlined first/, 'token', 'list', '--database', absent, { bare: true });
		assert.ok(!fs.existsSync(absent));
		await no(1, /is no file/, 'token', 'list', '--database', folder, { bare: true });
		const other = path.join(folder, 'other.db');
		await sql(other, 'CREATE TABLE x (y)');
		await no(1, /not Longline's/, 'token', 'list', '--database', other, { bare: true });
		fs.writeFileSync(other, 'no database at all, and long enough to be looked at by SQLite, one would say'.repeat(20));
		await no(1, /not a database/, 'token', 'list', '--database', other, { bare: true });
		const [{ user_version: version }] = await rows(db, 'PRAGMA user_version');
		await run(`PRAGMA user_version = ${version - 1}`);
		await no(1, /older than .*: start longlined first/, 'token', 'list');
		await run(`PRAGMA user_version = ${version + 1}`);
		await no(1, /newer than/, 'token', 'list');
	});

	it('says that another program holds the lock, and changes nothing', { timeout: ms(60_000) }, async (t) => {
		const { db, no, rows: look } = log();
		const other = session(db, { t });
		await other.run('BEGIN IMMEDIATE;');
		await no(1, /holds the lock/, 'token', 'add', 'ci');
		await other.run('ROLLBACK;');
		assert.deepEqual(await look('SELECT * FROM tokens'), []);
	});
});

describe('longline token', () => {
	it('add prints a secret once, alone on standard output, and keeps its hash', async () => {
		const { tool, rows: look } = log();
		const { code, stdout, stderr } = await tool('token', 'add', 'ci');
		assert.equal(code, 0);
		const [secret, ...more] = lines(stdout);
		assert.match(secret, SECRET);
		assert.deepEqual(more, []);
		assert.ok(!stderr.includes(secret.slice(3)));
		const [row] = await look('SELECT *, hex(hash) AS hash FROM tokens');
		assert.equal(row.hash, sha256(secret));
		assert.ok(Math.abs(row.made - Date.now()) < ms(20_000));
		assert.deepEqual([row.name, row.sender, row.expires, row.used, row.class], ['ci', null, null, null, 'user']);
		assert.match(stderr, /log is open/);
	});

	it('add takes a sender, a class and a time to end', async () => {
		const { ok, rows: look } = log();
		await ok('token', 'add', 'a', '--sender', '*', '--trusted', '--expires', '90d');
		await ok('token', 'add', 'b', '--sender=Bob B', '--expires=2127-01-31');
		await ok('token', 'add', 'c', '--expires', '12h', '--sender', 'c');
		const [a, b, c] = await look('SELECT * FROM tokens ORDER BY name');
		assert.deepEqual([a.sender, a.class, a.expires - a.made], ['*', 'trusted', 90 * 86400000]);
		assert.deepEqual([b.sender, b.class, b.expires], ['Bob B', 'user', Date.UTC(2127, 0, 31)]);
		assert.deepEqual([c.sender, c.expires - c.made], [null, 12 * 3600000]);
	});

	it('add refuses what cannot be', async () => {
		const { no, ok, rows: look } = log();
		const bad = (pattern, ...args) => no(2, pattern, 'token', 'add', ...args);
		await bad(/1 to 64 bytes/, '');
		await bad(/1 to 64 bytes/, 'x'.repeat(65));
		await bad(/control characters/, 'a\x1b[31mb');
		await bad(/control characters/, 'a\u0085b');
		await bad(/blanks at its ends/, ' ci');
		await bad(/begin with user:/, 'user:ann');
		await bad(/--may says what it may do in --rooms/, 'x', '--may', 'r');
		await bad(/--may is some of r/, 'x', '--rooms', 'a', '--may', 'rx');
		await bad(/--may is some of r/, 'x', '--rooms', 'a', '--may', '');
		await bad(/'a b' is no room/, 'x', '--rooms', 'a,a b');
		await bad(/'' is no room/, 'x', '--rooms', '');
		await bad(/'\*x' is no room/, 'x', '--rooms', '*x');
		await bad(/--expires is a time like/, 'x', '--expires', 'tomorrow');
		await bad(/--expires is a time like/, 'x', '--expires', '2027-02-30');
		await bad(/--expires 2020-01-01 is in the past/, 'x', '--expires', '2020-01-01');
		await bad(/--sender is a name/, 'x', '--sender', '');
		await bad(/--sender is a name/, 'x', '--sender', 'a\nb');
		assert.deepEqual(await look('SELECT * FROM tokens'), []);
		await ok('token', 'add', 'ci');
		await no(1, /there is a token ci already; longline token rotate/, 'token', 'add', 'ci');
		await no(1, /there is a token ci, and upper and lower case/, 'token', 'add', 'CI');
	});

	it('add sets the grants in the same transaction, and the first closes the log', async () => {
		const { no, ok, tool, rows: look } = log();
		await ok('token', 'add', 'before');
		// Without a terminal it is refused: nothing of it is done.
		await no(1, /closes the log, and there is no terminal to ask at: nothing was changed; say --yes/, 'token', 'add', 'ci', '--rooms', 'ci');
		assert.deepEqual(await look("SELECT name FROM tokens UNION ALL SELECT who FROM grants UNION ALL SELECT value FROM meta WHERE name = 'access'"), [{ name: 'before' }]);
		const { code, stdout, stderr } = await tool('token', 'add', 'ci', '--rooms', 'ci,ops*,ci', '--yes');
		assert.equal(code, 0, stderr);
		assert.match(lines(stdout)[0], SECRET);
		assert.match(stderr, /everybody may read and write all its rooms/);
		assert.match(stderr, /token:ci may read and write in ci, read and write in ops\*/);
		assert.match(stderr, /nobody else may do anything/);
		assert.deepEqual(await look('SELECT * FROM grants'), [{ who: 'token:ci', rooms: 'ci', may: 'rw' }, { who: 'token:ci', rooms: 'ops*', may: 'rw' }]);
		assert.match(await ok('access', 'show'), /^closed: .*\n2 tokens, 2 grants\n$/);
		// From then on nothing is asked.
		await ok('token', 'add', 'mod', '--rooms', '*', '--may', 'mr');
		assert.deepEqual(await look("SELECT rooms, may FROM grants WHERE who = 'token:mod'"), [{ rooms: '*', may: 'rm' }]);
		const idle = await tool('token', 'add', 'idle');
		assert.match(idle.stderr, /warning: it may do nothing yet: longline grant set token:idle/);
	});

	it('a closing asks at a terminal, and does as it is told', { timeout: ms(60_000) }, async (t) => {
		if (!has('script'))
			return t.skip('no script(1) here');
		const { db, rows: look } = log();
		const ask = (answer) => run('script', ['-qec', `${program} grant set users x rw --database ${db}`, '/dev/null'], { input: answer });
		const no = await ask('n\n');
		assert.match(no.stdout, /Close the log\? \[y\/N\]/);
		assert.match(no.stdout, /nothing was changed/);
		assert.equal(no.code, 1, no.stdout);
		assert.equal((await ask('\n')).code, 1);
		assert.deepEqual(await look('SELECT * FROM grants'), []);
		const yes = await ask('y\n');
		assert.equal(yes.code, 0, yes.stdout);
		assert.deepEqual(await look('SELECT * FROM grants'), [{ who: 'users', rooms: 'x', may: 'rw' }]);
		// No lock was held while it waited; and once closed, there is no question.
		assert.equal((await run('script', ['-qec', `${program} grant set users y rw --database ${db}`, '/dev/null'], { input: '' })).code, 0);
	});

	it('a name that was revoked is given again only when that is said', async () => {
		const { no, ok, tool, rows: look } = log();
		await ok('token', 'add', 'ci', '--rooms', 'ci', '--yes');
		await ok('token', 'add', 'other', '--rooms', 'ci');
		const { stderr } = await tool('token', 'revoke', 'ci');
		assert.match(stderr, /ci is revoked/);
		assert.deepEqual(await look('SELECT who FROM grants'), [{ who: 'token:other' }]);
		await no(1, /ci was the name of a token that was revoked: .*--again/, 'token', 'add', 'ci');
		await no(1, /ci was the name of a token that was revoked: .*--again/, 'token', 'add', 'CI');
		assert.match(lines(await ok('token', 'add', 'ci', '--again'))[0], SECRET);
		assert.deepEqual(await look("SELECT count(*) AS n FROM grants WHERE who = 'token:ci'"), [{ n: 0 }], 'and not its old grants');
		await ok('token', 'revoke', 'ci', 'other');
		await no(1, /--again/, 'token', 'add', 'ci');
		await no(1, /there is no token nobody: nothing was changed/, 'token', 'revoke', 'nobody');
	});

	it('revoke is all or nothing', async () => {
		const { no, ok, rows: look } = log();
		await ok('token', 'add', 'a');
		await no(1, /there is no token b/, 'token', 'revoke', 'a', 'b');
		assert.deepEqual(await look('SELECT name FROM tokens'), [{ name: 'a' }]);
	});

	it('rotate gives the same row a new secret', async () => {
		const { no, ok, tool, rows: look, sql: write } = log();
		const [old] = lines(await ok('token', 'add', 'ci', '--sender', 'Robot', '--rooms', 'ci', '--yes'));
		const [before] = await look('SELECT * FROM tokens');
		const [secret, ...more] = lines(await ok('token', 'rotate', 'ci'));
		assert.match(secret, SECRET);
		assert.deepEqual(more, []);
		assert.notEqual(secret, old);
		const [row] = await look('SELECT *, hex(hash) AS hash FROM tokens');
		assert.equal(row.hash, sha256(secret));
		assert.deepEqual({ ...row, hash: before.hash }, before);
		assert.deepEqual(await look('SELECT * FROM revoked'), []);
		await no(1, /there is no token nobody/, 'token', 'rotate', 'nobody');
		await write('UPDATE tokens SET expires = 1000');
		assert.match((await tool('token', 'rotate', 'ci')).stderr, /ci is over: say --expires/);
		await ok('token', 'rotate', 'ci', '--expires', '1h');
		assert.ok((await look('SELECT expires FROM tokens'))[0].expires > Date.now());
		await no(2, /--expires is a time to come/, 'token', 'rotate', 'ci', '--expires', '2001-01-01');
	});

	it('list shows all but secrets and hashes', async () => {
		const { ok, sql: write } = log();
		const [a] = lines(await ok('token', 'add', 'ci', '--rooms', 'ci,ops*', '--may', 'r', '--yes'));
		const [b] = lines(await ok('token', 'add', 'Ann B', '--sender', '*', '--trusted', '--expires', '2127-01-31'));
		await write(`UPDATE tokens SET made = ${Date.UTC(2026, 10, 30, 12, 34)}, used = ${Date.UTC(2026, 11, 1)} WHERE name = 'ci'; UPDATE tokens SET expires = 86400000 WHERE name = 'ci'`);
		const text = await ok('token', 'list');
		for (const secret of [a, b])
			assert.ok(!text.includes(secret.slice(3, 12)) && !text.toUpperCase().includes(sha256(secret).slice(0, 12)));
		const [heads, ann, ci, ...rest] = lines(text);
		assert.deepEqual(rest, []);
		assert.deepEqual(heads.split(/ {2,}/), ['NAME', 'SENDER', 'CLASS', 'MADE', 'EXPIRES', 'USED', 'GRANTS']);
		assert.deepEqual(ci.split(/ {2,}/), ['ci', 'ci', 'user', '2026-11-30 12:34', '1970-01-02 00:00 (over)', '2026-12-01 00:00', 'ci:r ops*:r']);
		assert.match(ann, /^Ann B {2,}\* {2,}trusted {2,}.* {2,}2127-01-31 00:00 {2,}never {2,}-$/);
		assert.equal(heads.indexOf('SENDER'), ci.indexOf('ci', 2), 'columns stand below each other');
	});

	it('invite prints an address for each guest', async () => {
		const { no, ok, tool, rows: look } = log();
		const address = /^https:\/\/x\.example\/chat\/#join=(ll_[a-z2-7]{32})$/;
		const named = lines(await ok('token', 'invite', 'Ann', 'Bob', '--url', 'https://x.example/chat/'));
		assert.equal(named.length, 2);
		const [ann] = await look("SELECT sender, hex(hash) AS hash FROM tokens WHERE name = 'Ann'");
		assert.deepEqual(ann, { sender: null, hash: sha256(address.exec(named[0])[1]) });
		const each = await ok('token', 'invite', '--each', '3', '--rooms', 'party', '--may', 'rw', '--yes', { env: { LONGLINE_URL: 'https://x.example/chat' } });
		assert.equal(lines(each).filter((line) => address.test(line)).length, 3);
		await ok('token', 'revoke', 'guest-2');
		await ok('token', 'invite', '--each', '2', '--url', 'https://x.example');
		assert.deepEqual((await look("SELECT name, sender FROM tokens WHERE name LIKE 'guest%' ORDER BY name")), [1, 3, 4, 5].map((n) => ({ name: `guest-${n}`, sender: '*' })));
		assert.deepEqual(await look("SELECT who FROM grants"), [{ who: 'token:guest-1' }, { who: 'token:guest-3' }]);
		await ok('token', 'invite', 'Team', '--each', '1', '--sender', 'Team', '--url', 'https://x.example');
		assert.deepEqual(await look("SELECT sender FROM tokens WHERE name = 'Team-1'"), [{ sender: 'Team' }]);
		assert.match((await tool('token', 'invite', 'C', '--url', 'http://x.example')).stderr, /not https/);
		assert.doesNotMatch((await tool('token', 'invite', 'D', '--url', 'http://localhost:8080')).stderr, /not https/);
		await no(2, /where is the page\?/, 'token', 'invite', 'x');
		await no(2, /for whom\?/, 'token', 'invite', '--url', 'https://x.example');
		await no(2, /--each is 1 to 1000/, 'token', 'invite', '--each', '1001', '--url', 'https://x.example');
		await no(2, /--each is 1 to 1000/, 'token', 'invite', '--each', '0', '--url', 'https://x.example');
		await no(2, /--each makes numbered names of one/, 'token', 'invite', 'a', 'b', '--each', '2', '--url', 'https://x.example');
		for (const url of ['x.example', 'ftp://x', 'https://', 'https:///x', 'https://x/#y', 'https://x/?y', 'https://x y', 'https://x/\x1b[1m'])
			await no(2, /page's address is like/, 'token', 'invite', 'x', '--url', url);
		await no(1, /there is a token Ann already/, 'token', 'invite', 'New', 'Ann', '--url', 'https://x.example');
		assert.deepEqual(await look("SELECT name FROM tokens WHERE name = 'New'"), [], 'all or none');
	});

	it('says when a secret did not get through', async () => {
		const { db, rows: look } = log();
		const result = await run('sh', ['-c', `"${program}" token add ci --database "${db}" >/dev/full`]);
		assert.equal(result.code, 1);
		assert.match(result.stderr, /its secret could not be printed.*longline token rotate/);
		assert.equal((await look('SELECT * FROM tokens')).length, 1);
	});

	it('tells when a sender is somebody else already', async () => {
		const { ok, tool, sql: write } = log();
		await ok('token', 'add', 'ci', '--sender', 'Robot', '--rooms', 'x', '--yes');
		assert.match((await tool('token', 'add', 'robot')).stderr, /warning: the token ci has the sender robot as well/);
		await ok('grant', 'set', 'user:Ann', 'x', 'r');
		assert.match((await tool('token', 'add', 'a', '--sender', 'ANN')).stderr, /warning: the user Ann has the sender ANN/);
		await write("INSERT INTO proven VALUES ('old')");
		assert.match((await tool('token', 'add', 'Old')).stderr, /warning: somebody has the sender Old/);
		assert.doesNotMatch((await tool('token', 'add', 'none')).stderr, /warning: .*sender/);
		await ok('grant', 'set', 'token:later', 'x', 'r');
		assert.match((await tool('token', 'add', 'later')).stderr, /warning: there are rules for token:later already/);
	});
});

describe('longline access and grant', () => {
	it('access opens and closes, and says what that means', async () => {
		const { ok, tool } = log();
		assert.match((await tool('access', 'open')).stderr, /was open already/);
		assert.match((await tool('access', 'closed')).stderr, /closed:\n {2}nobody else may do anything/);
		assert.match(await ok('access', 'show'), /^closed: /);
		assert.match((await tool('access', 'closed')).stderr, /was closed already/);
		await ok('grant', 'set', 'anyone', '*', 'r');
		assert.match((await tool('access', 'open')).stderr, /is open: .*grants do not count until: longline access closed/);
		assert.match((await tool('grant', 'set', 'users', 'x', 'w')).stderr, /log is open: grants do not count/);
		assert.match(await ok('access', 'show'), /^open: /);
	});

	it('set puts one row for who and rooms, also to deny', async () => {
		const { no, ok, rows: look } = log();
		await no(1, /say --yes/, 'grant', 'set', 'users', 'a', 'rw');
		await ok('grant', 'set', 'users', 'a,b*', 'wr', '--yes');
		await ok('grant', 'set', 'users', 'a', 'm');
		await ok('grant', 'set', 'user:ann', 'a', '');
		await ok('grant', 'set', 'user:bob', 'a', '-');
		await ok('grant', 'set', 'anyone', '*', 'r');
		assert.deepEqual(await look('SELECT * FROM grants ORDER BY who, rooms'), [{ who: 'anyone', rooms: '*', may: 'r' },
			{ who: 'user:ann', rooms: 'a', may: '' }, { who: 'user:bob', rooms: 'a', may: '' },
			{ who: 'users', rooms: 'a', may: 'm' }, { who: 'users', rooms: 'b*', may: 'rw' }]);
		const bad = (pattern, ...args) => no(2, pattern, 'grant', 'set', ...args);
		for (const who of ['', 'all', 'user:', 'token:', 'Anyone', 'users:', `user:${'x'.repeat(130)}`, 'user:a\x07'])
			await bad(/is nobody: it is anyone, users, user:NAME or token:NAME/, who, 'a', 'r');
		await bad(/is no room/, 'users', 'a*b', 'r');
		await bad(/is no room/, 'users', 'x'.repeat(65), 'r');
		await bad(/is not what may be done/, 'users', 'a', 'rr');
		await bad(/is not what may be done/, 'users', 'a', 'read');
	});

	it('set warns of what a row takes away', async () => {
		const { ok, tool } = log();
		const said = async (...args) => {
			const { code, stderr } = await tool('grant', 'set', ...args, '--yes');
			assert.equal(code, 0, stderr);
			return lines(stderr).filter((line) => /takes away/.test(line)).map((line) => line.replace(/^longline: warning: this takes away: /, ''));
		};
		assert.deepEqual(await said('users', 'ops*', 'rw'), []);
		// An exact row below a prefix one.
		assert.deepEqual(await said('users', 'ops-1', 'r'), ['users in ops-1 had rw, and has r']);
		assert.deepEqual(await said('users', 'ops-2*', 'rwm'), []);
		// Somebody's own row comes before those of all users, whatever they are.
		assert.deepEqual(await said('user:ann', 'ops*', 'r'), ['user:ann in ops* had rw, and has r', 'user:ann in ops-2* had rwm, and has r']);
		assert.deepEqual(await said('user:ann', 'ops-1', 'rw'), []);
		// A row for anyone is also for the users who fall back on it; where users have their own it changes nothing.
		assert.deepEqual(await said('anyone', 'pub*', 'r'), []);
		assert.deepEqual(await said('anyone', 'pub-x', '-'), ['anyone in pub-x had r, and has nothing', 'users in pub-x had r, and has nothing']);
		assert.deepEqual(await said('anyone', 'ops*', '-'), []);
		// The same row again, with less.
		assert.deepEqual(await said('anyone', 'pub*', ''), ['anyone in pub* had r, and has nothing', 'users in pub* had r, and has nothing']);
		assert.deepEqual(await said('anyone', 'pub*', ''), []);
		assert.match((await tool('grant', 'set', 'token:nobody', 'x', 'r')).stderr, /warning: there is no token nobody/);
		await ok('token', 'add', 'ci');
		assert.equal((await tool('grant', 'set', 'token:ci', 'x', 'r')).stderr, '');
	});

	it('list has the order in which they decide', async () => {
		const { ok } = log();
		for (const [who, rooms, may] of [['anyone', '*', 'r'], ['users', 'a', '-'], ['users', '*', 'rw'], ['users', 'ab*', 'w'], ['token:ci', 'a*', 'rwm'], ['user:ann', 'x', 'r']])
			await ok('grant', 'set', who, rooms, may, '--yes');
		assert.deepEqual(lines(await ok('grant', 'list')).map((line) => line.split(/ {2,}/)), [['WHO', 'ROOMS', 'MAY'],
			['token:ci', 'a*', 'rwm'], ['user:ann', 'x', 'r'], ['users', 'a', '-'], ['users', 'ab*', 'w'], ['users', '*', 'rw'], ['anyone', '*', 'r']]);
	});

	it('explain says which row decides', async () => {
		const { no, ok, tool } = log();
		assert.match(await ok('grant', 'explain', 'anyone', 'x'), /log is open: anyone may read and write in x\. Were it closed:\nanyone may do nothing in x: no rule fits\n$/);
		for (const [who, rooms, may] of [['anyone', 'pub*', 'r'], ['users', 'pub-ops', 'rw'], ['user:ann', 'pub*', '-'], ['users', 'pub-o*', 'm']])
			await ok('grant', 'set', who, rooms, may, '--yes');
		assert.equal(await ok('grant', 'explain', 'user:ann', 'pub-ops'), 'user:ann may do nothing in pub-ops\n  1. user:ann pub* -  <- decides\n  2. users pub-ops rw\n  3. users pub-o* m\n  4. anyone pub* r\n');
		assert.equal(await ok('grant', 'explain', 'user:bob', 'pub-ops'), 'user:bob may read and write in pub-ops\n  1. users pub-ops rw  <- decides\n  2. users pub-o* m\n  3. anyone pub* r\n');
		assert.equal(await ok('grant', 'explain', 'anyone', 'pub-ops'), 'anyone may read in pub-ops\n  1. anyone pub* r  <- decides\n');
		assert.equal(await ok('grant', 'explain', 'users', 'other'), 'users may do nothing in other: no rule fits\n');
		assert.match((await tool('grant', 'explain', 'token:x', 'pub')).stderr, /there is no token x/);
		await no(2, /is no room/, 'grant', 'explain', 'users', 'a*');
		await no(2, /is nobody/, 'grant', 'explain', 'ann', 'a');
	});

	it('remove takes rows out, says what changes, and never opens the log', async () => {
		const { no, ok, tool, rows: look } = log();
		await ok('grant', 'set', 'users', 'a,b,c', 'rw', '--yes');
		await ok('grant', 'set', 'anyone', '*', 'r');
		assert.match((await tool('grant', 'remove', 'users', 'a')).stderr, /users in a: rw before, r now/);
		await no(1, /there is no grant for users and a: nothing was changed/, 'grant', 'remove', 'users', 'b,a');
		assert.equal((await look('SELECT * FROM grants')).length, 3);
		await ok('grant', 'remove', 'users', 'b,c');
		assert.match((await tool('grant', 'remove', 'anyone', '*')).stderr, /no grants are left, and the log stays closed/);
		assert.match(await ok('access', 'show'), /^closed/);
	});

	it('refuses more grants than longlined takes', async () => {
		const { no, ok, sql: write } = log();
		await write("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO grants SELECT 'users', 'r' || i, 'r' FROM n");
		await no(1, /10000 grants at most/, 'grant', 'set', 'users', 'one-more', 'r');
		await no(1, /10000 grants at most/, 'token', 'add', 'ci', '--rooms', 'x');
		await ok('grant', 'set', 'users', 'r5', 'rw');
		assert.equal(lines(await ok('grant', 'list')).length, 10001);
	});
});

describe('longline: make install', () => {
	it('puts the tool, its manual and its completion in place', async () => {
		const DESTDIR = tempDir();
		const made = await run('make', ['-s', '-C', root, 'install', `DESTDIR=${DESTDIR}`, 'PREFIX=/usr/local'], { env: { MAKEFLAGS: '', MAKELEVEL: '', MFLAGS: '' }, timeout: ms(300_000) });
		assert.equal(made.code, 0, made.stderr);
		const at = (name) => path.join(DESTDIR, 'usr/local', name);
		assert.equal((await run(at('bin/longline'), ['--version'])).code, 0);
		assert.ok(fs.existsSync(at('share/man/man1/longline.1')));
		assert.ok(fs.existsSync(at('share/bash-completion/completions/longline')));
	});
});

describe('longline: the daemon beside it', () => {
	it('works on a log that longlined serves', async (t) => {
		const d = await daemon({ t });
		assert.ok(!d.done, d.output);
		const tool = (...args) => run(program, ['--database', d.db, ...args]);
		assert.equal((await tool('token', 'add', 'ci', '--rooms', 'ci', '--yes')).code, 0);
		const { stdout } = await tool('grant', 'explain', 'token:ci', 'ci');
		assert.match(stdout, /^token:ci may read and write in ci\n/);
		await d.stop();
		assert.equal((await run(program, ['--database', d.db, 'token', 'list'])).code, 0);
	});
});

describe('longline: what strangers chose', () => {
	it('reaches no terminal as it is', async () => {
		const { ok, tool, sql: write } = log();
		await write("PRAGMA ignore_check_constraints = ON; INSERT INTO tokens (name, hash, sender, made) VALUES ('a' || char(27) || '[31m' || char(10) || 'x', zeroblob(32), 'b' || char(155) || char(8238), 0);"
			+ "INSERT INTO grants VALUES ('user:' || char(27) || ']0;x' || char(7), 'r' || char(13), 'r'), ('anyone', 'x', 'r' || char(8))");
		const escaped = /\\x1b\[31m\\x0a/;
		const list = await ok('token', 'list');
		assert.match(list, escaped);
		assert.match(list, /b\\u009b\\u202e/);
		const grants = await ok('grant', 'list');
		const check = await tool('check', '--nginx', '/nowhere');
		assert.match(check.stdout, escaped);
		for (const text of [list, grants, check.stdout, check.stderr, (await tool('token', 'revoke', 'x\x1b[2J')).stderr, (await tool('token\x1b[2J')).stderr, (await tool('access', 'show', '--database', '/no\x1b[2J', { bare: true })).stderr])
			// eslint-disable-next-line no-control-regex
			assert.doesNotMatch(text, /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
	});
});

describe('longline check', () => {
	/** Its findings, as 'grade subject: text', and how it ended. */
	const check = async (log, ...args) => {
		const nginx = args.includes('--nginx') ? [] : ['--nginx', site()];
		const { code, stdout, stderr } = await log.tool('check', ...nginx, ...args);
		assert.equal(stderr, '');
		for (const line of lines(stdout))
			assert.match(line, /^(ok {2}|warn|FAIL) {2}[a-z]+: \S/);
		return { code, text: stdout, bad: lines(stdout).filter((line) => !line.startsWith('ok')) };
	};

	const longlineConf = () => fs.readFileSync(path.join(root, 'nginx/longline.conf.in'), 'utf8').replaceAll(/@[A-Z]+@/g, '');
	const complete = (text) => (/HTTP_AUTHORIZATION/.test(text) ? text : text.replace('fastcgi_param REQUEST_METHOD', 'fastcgi_param REMOTE_ADDR $remote_addr;\n\tfastcgi_param HTTP_AUTHORIZATION $http_authorization if_not_empty;\n\tfastcgi_param REQUEST_METHOD'));

	/** A folder like /etc/nginx. */
	function site({ server = 'include snippets/longline.conf;', listen = 'listen 443 ssl;', http = '', conf = complete(longlineConf()), main } = {}) {
		const folder = tempDir();
		const write = (name, text) => {
			fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
			fs.writeFileSync(path.join(folder, name), text);
		};
		write('nginx.conf', main ?? `events { }\nhttp {\n\t${http}\n\tinclude conf.d/*.conf;\n\tinclude sites-enabled/*;\n}\n`);
		write('conf.d/longline-http.conf', fs.readFileSync(path.join(root, 'nginx/longline-http.conf.in'), 'utf8').replaceAll(/@[A-Z]+@/g, ''));
		write('snippets/longline.conf', conf);
		write('snippets/longline-auth.conf', fs.readFileSync(path.join(root, 'nginx/longline-auth.conf.in'), 'utf8'));
		write('sites-enabled/chat', `server {\n\t${listen}\n\tserver_name chat.example;\n\t${server}\n}\n`);
		return folder;
	}

	it('finds nothing wrong in a log as it is made', async () => {
		const { code, text, bad } = await check(log());
		assert.deepEqual(bad, []);
		assert.equal(code, 0);
		for (const subject of ['options', 'database', 'rights', 'disk', 'rooms', 'access', 'tokens', 'grants', 'nginx'])
			assert.match(text, new RegExp(`^ok {4}${subject}: `, 'm'));
		assert.equal(text.match(/log is open/g).length, 1, 'said once');
	});

	it('ends with 2 when there is no log to look at, and looks at the rest', async () => {
		const l = log();
		fs.rmSync(l.db);
		const { code, text, bad } = await check(l);
		assert.equal(code, 2);
		assert.match(bad.join('\n'), /^FAIL {2}database: there is no database/);
		assert.match(text, /^ok {4}nginx: /m);
		const old = log();
		await old.sql('PRAGMA user_version = 5');
		assert.match((await check(old)).bad.join('\n'), /^FAIL {2}database: .*older/);
		await log().no(2, /--quick-check is 0 to/, 'check', '--quick-check', 'x');
	});

	it('finds damage, and stops looking in time', async () => {
		const l = log();
		await l.sql("INSERT INTO messages(text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT hex(randomblob(200)) FROM n; PRAGMA wal_checkpoint(TRUNCATE)");
		const file = fs.openSync(l.db, 'r+');
		const { size } = fs.fstatSync(file);
		for (let page = Math.floor(size / 4096 / 2); page < size / 4096; page++)
			fs.writeSync(file, Buffer.alloc(2000, 0x5a), 0, 2000, page * 4096 + 100);
		fs.closeSync(file);
		const { code, bad } = await check(l);
		assert.equal(code, 2);
		assert.match(bad.join('\n'), /^FAIL {2}database: it is damaged, go back to a backup: /m);
		const { text } = await check(l, '--quick-check', '0');
		assert.doesNotMatch(text, /quick_check|damage/);
	});

	it('finds rights that are too wide, or too narrow', async () => {
		const l = log();
		fs.chmodSync(l.db, 0o664);
		assert.match((await check(l)).bad.join('\n'), /^warn {2}rights: everybody on this machine may read/);
		fs.chmodSync(l.db, 0o666);
		const { code, bad } = await check(l);
		assert.equal(code, 2);
		assert.match(bad.join('\n'), /^FAIL {2}rights: everybody may write to the database, and so give grants: chmod o-rwx /);
		fs.chmodSync(l.db, 0o660);
		fs.chmodSync(l.folder, 0o777);
		assert.match((await check(l)).bad.join('\n'), /^FAIL {2}rights: everybody may write to the folder/);
		fs.chmodSync(l.folder, 0o700);
		if (process.getuid() !== 0)
			return;
		fs.chownSync(l.db, 12345, 12345);
		assert.match((await check(l)).bad.join('\n'), /^FAIL {2}rights: the database's owner cannot write to the folder/);
		fs.chownSync(l.folder, 12345, 12345);
		assert.deepEqual((await check(l)).bad, []);
		fs.rmSync(`${l.db}-wal`, { force: true });
		fs.writeFileSync(`${l.db}-wal`, '');
		assert.match((await check(l)).bad.join('\n'), /^FAIL {2}rights: .*-wal is another's .*chown 12345:12345/);
	});

	it('finds a closed log without grants, and grants that do not count', async () => {
		const l = log();
		await l.ok('access', 'closed');
		let found = await check(l);
		assert.equal(found.code, 1);
		assert.match(found.bad.join('\n'), /^warn {2}access: the log is closed and has no grants/);
		await l.ok('grant', 'set', 'users', '*', 'rw');
		found = await check(l);
		assert.deepEqual(found.bad, []);
		assert.match(found.text, /access: the log is closed: only what the 1 grants/);
		await l.ok('access', 'open');
		assert.match((await check(l)).bad.join('\n'), /^warn {2}access: the log is open: .*1 grants do not count/);
	});

	it('finds tokens that are over, idle or without a grant, and grants without a token', async () => {
		const l = log();
		await l.ok('token', 'add', 'a', '--rooms', 'x', '--yes');
		for (const name of ['over', 'idle', 'none'])
			await l.ok('token', 'add', name, ...(name === 'none' ? [] : ['--rooms', 'x']));
		const week = Date.now() - 8 * 86400000;
		await l.sql(`UPDATE tokens SET used = ${Date.now()}; UPDATE tokens SET expires = 5 WHERE name = 'over'; UPDATE tokens SET used = NULL, made = ${week} WHERE name = 'idle'`);
		await l.ok('grant', 'set', 'token:ghost', 'x', 'r');
		await l.ok('grant', 'set', 'anyone', 'm', 'rm');
		await l.ok('grant', 'remove', 'anyone', 'm');
		const { code, bad } = await check(l);
		assert.equal(code, 1);
		assert.deepEqual(bad.map((line) => line.replace(/^warn {2}(\S+ [^:]+(?::ghost)?): .*/, '$1')), ['tokens: over', 'tokens: idle', 'tokens: none', 'grants: token:ghost']);
		await l.ok('grant', 'set', 'anyone', 'm', 'rm');
		assert.match((await check(l)).bad.join('\n'), /grants: m: anyone at all may change others' messages/);
		await l.sql("PRAGMA ignore_check_constraints = ON; INSERT INTO grants VALUES ('all', 'x', 'r')");
		assert.match((await check(l)).bad.join('\n'), /grants: 1 are no grants and never decide/);
		await l.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO grants SELECT 'users', 'r' || i, 'r' FROM n");
		const many = await check(l);
		assert.equal(many.code, 2);
		assert.match(many.bad.join('\n'), /^FAIL {2}grants: there are 100\d\d, and longlined takes 10000: nothing is allowed/m);
	});

	it('compares the disk and the log with what longlined was told', async () => {
		const l = log();
		const flags = (text) => fs.writeFileSync(l.defaults, `LONGLINED_FLAGS=${text}\n`);
		flags('--disk-free-min 1000000000000000');
		assert.match((await check(l)).bad.join('\n'), /^FAIL {2}disk: .* are free, below --disk-free-min \(1000\.0 TB\): nothing is stored/);
		flags('--disk-free-min 0 --database-max 1000');
		assert.match((await check(l)).bad.join('\n'), /^FAIL {2}disk: the database has .*--database-max/);
		await l.sql("INSERT INTO messages(room, text) VALUES ('a', 'x'), ('b', 'x')");
		flags('--disk-free-min 0 --rooms-max 2');
		assert.match((await check(l)).bad.join('\n'), /^FAIL {2}rooms: there are 2, and may be 2/);
		flags('--disk-free-min 0 --rooms-max 0');
		assert.deepEqual((await check(l)).bad, []);
	});

	it('reads what nginx includes', async () => {
		const l = log();
		const auth = 'auth_basic "x"; auth_basic_user_file y;', include = 'include snippets/longline.conf;', names = 'include snippets/longline-auth.conf;';
		const said = async (options) => (await check(l, '--nginx', site(options))).bad.join('\n');
		assert.equal(await said({}), '');
		assert.equal(await said({ server: `${include} ${auth} ${names}` }), '');
		assert.equal(await said({ http: auth, server: `${include} ${names}` }), '');
		assert.match(await said({ server: `${include} ${names}` }), /^FAIL {2}nginx: server chat\.example: longline-auth\.conf is included, but no auth_basic .*everybody can be anybody/);
		assert.match(await said({ server: `${include} ${names} auth_basic off;` }), /everybody can be anybody/);
		assert.match(await said({ server: `${auth} ${names} ${include}` }), /^FAIL .*must be included behind longline\.conf/);
		assert.match(await said({ server: `${include} ${auth} ${names} satisfy any;` }), /^FAIL .*satisfy any/);
		assert.match(await said({ server: `${include} ${auth}` }), /^warn .*longlined is not told them: include longline-auth\.conf/);
		const old = complete(longlineConf()).replaceAll('REMOTE_USER $longline_user', 'REMOTE_USER $remote_user');
		assert.match(await said({ conf: old }), /^FAIL .*longline\.conf passes as REMOTE_USER a name that nobody may have checked/);
		assert.match(await said({ conf: complete(longlineConf()).replace(/^.*REMOTE_ADDR.*\n/gm, '') }), /^warn .*passes no REMOTE_ADDR/);
		assert.match(await said({ conf: complete(longlineConf()).replace(/^.*HTTP_AUTHORIZATION.*\n/m, '') }), /^FAIL .*no token arrives/);
		assert.match(await said({ conf: complete(longlineConf()).replace(/^.*fastcgi_param REMOTE_USER.*\n/m, '') }), /^warn .*passes no REMOTE_USER/);
		const here = 'listen 127.0.0.1:8080; listen [::1]:8080;';
		assert.match(await said({ listen: here }), /^warn .*server chat\.example: it listens for a proxy only.*set_real_ip_from/);
		assert.equal(await said({ listen: `${here} listen 203.0.113.5:80;` }), '');
		assert.equal(await said({ listen: `${here} set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;` }), '');
		assert.equal(await said({ listen: here, http: 'set_real_ip_from 10.0.0.0/8;' }), '');
		assert.match(await said({ listen: `${here} set_real_ip_from 0.0.0.0/0;` }), /^FAIL .*names every address/);
		assert.match(await said({ server: '# include snippets/longline.conf;' }), /^warn .*no server in .* includes longline\.conf/);
		assert.match(await said({ main: 'http { include sites-enabled/*; }' }), /^FAIL .*longline-http\.conf is not included/);
		assert.match(await said({ main: 'http { include nginx.conf; include sites-enabled/*; include conf.d/*; }' }), /^$/, 'a file that includes itself');
		const nowhere = await l.tool('check', '--nginx', '/nowhere');
		assert.equal(nowhere.code, 2);
		assert.match(nowhere.stdout, /^FAIL {2}nginx: there is no \/nowhere\/nginx\.conf: No such file/m);
	});
});
