// check.test.mjs: `longline check` at a site that is good, and at copies of it each of which has one thing wrong with it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { daemon, ms, run, sql, tempDir, until } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';
import { program } from './tool.mjs';

const SANITIZER = /ERROR: AddressSanitizer|runtime error:|LeakSanitizer/;
const PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;

const AUTH = 'auth_basic "x"; auth_basic_user_file /dev/null;';

/** A daemon behind a real nginx, with a log that is closed, and a token that may use it. */
const good = {};
before(async () => {
	good.daemon = await daemon({ flags: ['--host', 'chat.example'] });
	const { http, server, auth, limits } = snippets({ socket: good.daemon.socket });
	good.nginx = await nginx({ http, server, auth, limits, site: (port) => `server {
	listen 127.0.0.1:${port};
	server_name chat.example;
	set_real_ip_from 127.0.0.1;
	real_ip_header X-Forwarded-For;
	include server.conf;
	include limits.conf;
	# more
}
` });
	good.secret = (await run(program, ['token', 'add', 'ci', '--rooms', '*', '--yes', '--database', good.daemon.db])).stdout.trim();
	await sql(good.daemon.db, "INSERT INTO messages(room, text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT 'r' || (i % 7), hex(randomblob(200)) FROM n");
	await until(async () => await sql(good.daemon.db, "SELECT value FROM meta WHERE name = 'indexed'") === '2000', { timeout: ms(30_000), what: 'the index' });
});
after(async () => {
	await good.nginx?.stop();
	await good.daemon?.stop();
});

/** A copy of it, all but the daemon and its socket. */
async function copy() {
	const folder = tempDir(), s = { folder, db: path.join(folder, 'longline.db'), nginx: path.join(folder, 'nginx'), flags: `--host chat.example --socket ${good.daemon.socket}`, args: ['--url', good.nginx.url] };
	assert.equal((await run(program, ['backup', s.db, '--database', good.daemon.db])).code, 0);
	fs.chmodSync(s.db, 0o660);
	fs.mkdirSync(s.nginx);
	for (const name of fs.readdirSync(good.nginx.folder).filter((file) => /\.conf$/.test(file)))
		fs.copyFileSync(path.join(good.nginx.folder, name), path.join(s.nginx, name));
	s.at = (name) => path.join(s.nginx, name);
	/** Changes a file of nginx's. */
	s.edit = (name, from, to) => {
		const text = fs.readFileSync(s.at(name), 'utf8');
		assert.ok(from instanceof RegExp ? text.match(from) : text.includes(from), `${name} has ${from}`);
		fs.writeFileSync(s.at(name), text.replaceAll(from, to));
	};
	s.more = (text) => s.edit('site.conf', '# more', text);
	s.flag = (text) => {
		s.flags += ` ${text}`;
	};
	s.sql = (text) => sql(s.db, text);
	s.check = async () => {
		const defaults = path.join(folder, 'defaults');
		fs.writeFileSync(defaults, `LONGLINED_FLAGS=${s.flags}\n`);
		const { code, stdout, stderr } = await run(program, ['check', '--nginx', s.nginx, '--database', s.db, ...s.args], { env: { LONGLINE_DEFAULTS: defaults, LONGLINE_URL: '' } });
		assert.doesNotMatch(stderr, SANITIZER);
		return { code, stdout, bad: stdout.split('\n').filter((line) => /^(warn|FAIL)/.test(line)) };
	};
	return s;
}

const damage = ({ db }) => {
	const file = fs.openSync(db, 'r+'), { size } = fs.fstatSync(file);
	for (let page = Math.floor(size / 4096 / 2); page < size / 4096; page++)
		fs.writeSync(file, Buffer.alloc(2000, 0x5a), 0, 2000, page * 4096 + 100);
	fs.closeSync(file);
};

const GUARDED = /if \(\$longline_ws\) \{[^}]*\}/g, OFFERED = /fastcgi_param LONGLINE_UPGRADE [^;]*;/g;

/** What is wrong, how it is made so, and what is said of it. Those that nginx itself would refuse say `refused`. */
const PLANTED = [
	['there is no log', ({ db }) => fs.rmSync(db), /^FAIL {2}database: there is no database/],
	['the log is of an older version', (s) => s.sql('PRAGMA user_version = 5'), /^FAIL {2}database: .*older than/],
	['the log is of a newer version', (s) => s.sql('PRAGMA user_version = 999'), /^FAIL {2}database: .*newer than/],
	['the file is another program\'s', async (s) => {
		fs.rmSync(s.db);
		await s.sql('CREATE TABLE x (y)');
		fs.chmodSync(s.db, 0o660);
	}, /^FAIL {2}database: .*not Longline's/],
	['the log is damaged', damage, /^FAIL {2}database: it is damaged/],
	['the index lacks a message', (s) => s.sql('DELETE FROM search_1_docsize WHERE id = 7'), /^FAIL {2}search: the index lacks 1 messages, and has 0 that/],
	['the index has a message that is not there', (s) => s.sql("INSERT INTO search_1_docsize VALUES (1000000, x'01010100')"), /^FAIL {2}search: the index lacks 0 messages, and has 1 that/],
	['the index has words too many', (s) => s.sql(`UPDATE search_1_data SET block = x'8F5002020202' WHERE id = 1`), /^FAIL {2}search: the index has \d+ words, and counted \d+/],
	['a segment of the index is gone', (s) => s.sql('DELETE FROM search_1_data WHERE id = (SELECT max(id) FROM search_1_data)'), /^FAIL {2}search: /],
	['the index is of another version', (s) => s.sql("UPDATE meta SET value = '0' WHERE name = 'search_words'"), /^warn {2}search: the index was made by words 0, and/],
	['there is no index', (s) => s.sql("UPDATE meta SET value = 99 WHERE name = 'search_table'"), /^FAIL {2}search: the index cannot be read/],
	['everybody may read the log', ({ db }) => fs.chmodSync(db, 0o664), /^warn {2}rights: everybody on this machine may read/],
	['everybody may write to the log', ({ db }) => fs.chmodSync(db, 0o666), /^FAIL {2}rights: everybody may write to the database/],
	['everybody may write to its folder', ({ folder }) => fs.chmodSync(folder, 0o777), /^FAIL {2}rights: everybody may write to the folder/],
	['the log has a second name', ({ db, folder }) => fs.linkSync(db, path.join(folder, 'other.db')), /^FAIL {2}rights: .*has another name as well/],
	['its WAL is large', ({ db }) => {
		fs.writeFileSync(`${db}-wal`, '', { mode: 0o660 });
		fs.truncateSync(`${db}-wal`, 300e6);
	}, /^warn {2}disk: .*-wal has 300\.0 MB/],
	['the disk is too small for what is asked', (s) => s.flag('--disk-free-min 1000000000000000'), /^FAIL {2}disk: .*below --disk-free-min/],
	['the log is as large as it may be', (s) => s.flag('--database-max 1000'), /^FAIL {2}disk: the database has .*--database-max/],
	['there are as many rooms as may be', (s) => s.flag('--rooms-max 7'), /^FAIL {2}rooms: there are 7, and may be 7/],
	['an option is misspelt', (s) => s.flag('--wait 30'), /^FAIL {2}options: longlined does not start with those of .*there is no option --wait; write it in full: --wait-max/],
	['an option is out of its range', (s) => s.flag('--wait-max 90'), /^FAIL {2}options: .*--wait-max must be 1 to 70, not '90'/],
	['a new epoch at every start', (s) => s.flag('--new-epoch'), /^warn {2}options: --new-epoch is among them/],
	['a key is not there', (s) => s.flag('--jwt-key /nowhere/key'), /^FAIL {2}options: --jwt-key \/nowhere\/key: No such file/],
	['everybody may read a key', (s) => {
		fs.writeFileSync(path.join(s.folder, 'key'), 'x'.repeat(40));
		fs.chmodSync(path.join(s.folder, 'key'), 0o644);
		s.flag(`--jwt-key ${s.folder}/key`);
	}, /^FAIL {2}options: everybody on this machine may read the key/],
	['nobody may do anything', (s) => s.sql("DELETE FROM grants; DELETE FROM tokens"), /^warn {2}access: the log is closed and has no grants/],
	['grants do not count', (s) => s.sql("UPDATE meta SET value = 'open' WHERE name = 'access'"), /^warn {2}access: the log is open: .*grants do not count/],
	['a token is over', (s) => s.sql('UPDATE tokens SET expires = 5'), /^warn {2}tokens: ci: over/],
	['a grant without a token', (s) => s.sql("INSERT INTO grants VALUES ('token:ghost', 'x', 'r')"), /^warn {2}grants: token:ghost: never decides/],
	['anybody may moderate', (s) => s.sql("INSERT INTO grants VALUES ('anyone', 'x', 'rm')"), /^warn {2}grants: x: anyone at all may change/],
	['longline-http.conf is not included', (s) => s.edit('nginx.conf', 'include http.conf;', ''), /^FAIL {2}nginx: longline-http\.conf is not included/, 'refused'],
	['longline.conf is not included', (s) => s.edit('site.conf', 'include server.conf;', ''), /^warn {2}nginx: no server in .* includes longline\.conf/],
	['names that nobody checks', (s) => s.more('include auth.conf;'), /^FAIL {2}nginx: server chat\.example: .*everybody can be anybody/],
	['names that are not passed on', (s) => s.more(AUTH), /^warn {2}nginx: server chat\.example: it checks names, but longlined is not told them/],
	['names that are emptied again', (s) => s.edit('site.conf', 'include server.conf;', `${AUTH} include auth.conf; include server.conf;`), /^FAIL {2}nginx: .*must be included behind longline\.conf/],
	['satisfy any', (s) => s.more(`${AUTH} include auth.conf; satisfy any;`), /^FAIL {2}nginx: .*satisfy any/],
	['an old longline.conf', (s) => s.edit('server.conf', 'REMOTE_USER $longline_user', 'REMOTE_USER $remote_user'), /^FAIL {2}nginx: .*a name that nobody may have checked/],
	['tokens are not passed on', (s) => s.edit('server.conf', 'fastcgi_param HTTP_AUTHORIZATION $http_authorization if_not_empty;', ''), /^FAIL {2}nginx: .*no token arrives/],
	['addresses are not passed on', (s) => s.edit('server.conf', 'fastcgi_param REMOTE_ADDR $remote_addr;', ''), /^warn {2}nginx: .*passes no REMOTE_ADDR/],
	['a proxy whose word is not taken', (s) => s.edit('site.conf', 'set_real_ip_from 127.0.0.1;', ''), /^warn {2}nginx: .*it listens for a proxy only/],
	['everybody\'s word is taken for his address', (s) => s.more('set_real_ip_from 0.0.0.0/0;'), /^FAIL {2}nginx: .*names every address/],
	['a name that longlined does not know', (s) => s.edit('site.conf', 'server_name chat.example;', 'server_name chat.example www.chat.example;'), /^FAIL {2}nginx: server chat\.example: longlined is told other names than www\.chat\.example/],
	['nginx waits for less than a poll is held', (s) => s.edit('server.conf', 'fastcgi_read_timeout 75s;', 'fastcgi_read_timeout 30s;'), /^FAIL {2}nginx: .*fastcgi_read_timeout is 30 s, and longlined holds a poll for up to 57 s/],
	['polls are held for longer than nginx waits', (s) => {
		s.flag('--wait-max 70');
		s.edit('server.conf', 'fastcgi_read_timeout 75s;', 'fastcgi_read_timeout 1m10s;');
	}, /^FAIL {2}nginx: .*fastcgi_read_timeout is 70 s, and longlined holds a poll for up to 72 s/],
	['bodies are taken that nginx refuses', (s) => s.flag('--body-max 8000000'), /^warn {2}nginx: .*client_max_body_size is 4194304 bytes, and longlined takes 8000000/],
	['there is no room for what is held', (s) => s.edit('nginx.conf', /worker_connections \d+;/g, 'worker_connections 8;'), /^(warn|FAIL) {2}nginx: \d+ connections to longlined are open, and worker_connections has room for 3 polls and WebSockets/],
	['fewer descriptors than connections', (s) => s.edit('nginx.conf', 'worker_processes 1;', 'worker_processes 1; worker_rlimit_nofile 256;'), /^warn {2}nginx: worker_rlimit_nofile is 256/],
	['WebSockets are not passed on', (s) => {
		s.edit('server.conf', GUARDED, '');
		s.edit('server.conf', OFFERED, '');
	}, /^warn {2}nginx: .*server\.conf passes no WebSockets on, so that Socket\.IO clients stay on polling/],
	['WebSockets are offered and not passed on', (s) => s.edit('server.conf', GUARDED, ''), /^FAIL {2}nginx: .*each client tries in vain/],
	['WebSockets are passed on and not offered', (s) => s.edit('server.conf', OFFERED, ''), /^warn {2}nginx: .*passes WebSockets on and does not say so/],
	['all is taken for a WebSocket', (s) => s.edit('server.conf', GUARDED, 'scgi_pass longline_ws;'), /^FAIL {2}nginx: .*scgi_pass stands outside of if/],
	['whatever says Upgrade is taken for a WebSocket', (s) => s.edit('server.conf', 'if ($longline_ws)', 'if ($http_upgrade)'), /^FAIL {2}nginx: .*scgi_pass stands outside of if/],
	['its map looks at Upgrade alone', (s) => s.edit('http.conf', 'map "$request_method $server_protocol $http_upgrade"', 'map "$http_upgrade"'), /^FAIL {2}nginx: map \$longline_ws does not look at/],
	['longline-http.conf has the map without the upstream', (s) => s.edit('http.conf', /upstream longline_ws \{[^}]*\}/g, ''), /^FAIL {2}nginx: longline-http\.conf has no upstream longline_ws/, 'refused'],
	['longline-http.conf has the upstream without the map', (s) => s.edit('http.conf', /map "[^"]*" \$longline_ws \{[^}]*\}/g, ''), /^FAIL {2}nginx: longline-http\.conf has no map \$longline_ws/, 'refused'],
	['longline-http.conf is an old one', (s) => {
		s.edit('http.conf', /upstream longline_ws \{[^}]*\}/g, '');
		s.edit('http.conf', /map "[^"]*" \$longline_ws \{[^}]*\}/g, '');
	}, /^FAIL {2}nginx: longline-http\.conf has no map \$longline_ws/, 'refused'],
	['WebSockets are asked for at another socket', (s) => s.edit('http.conf', /(upstream longline_ws \{\s*server "unix:)[^"]*/g, '$1/run/other.sock'), /^FAIL {2}nginx: WebSockets are asked for at \/run\/other\.sock .*, and all else at /],
	...['HTTP_ORIGIN', 'REMOTE_ADDR', 'HTTP_AUTHORIZATION', 'HTTP_HOST', 'REMOTE_USER'].map((name) => [`WebSockets are told no ${name}`, (s) => s.edit('server.conf', new RegExp(`scgi_param ${name} [^;]*;`, 'g'), ''), new RegExp(`^FAIL {2}nginx: .*passes ${name} for polling, but not for WebSockets`)]),
	['WebSockets are told an unchecked name', (s) => s.edit('server.conf', 'scgi_param REMOTE_USER $longline_user', 'scgi_param REMOTE_USER $remote_user'), /^FAIL {2}nginx: .*passes \$remote_user as REMOTE_USER for WebSockets/],
	['WebSockets alone are told an unchecked name', (s) => {
		s.edit('server.conf', /fastcgi_param REMOTE_USER [^;]*;/g, '');
		s.edit('server.conf', 'scgi_param REMOTE_USER $longline_user', 'scgi_param REMOTE_USER $remote_user');
	}, /^FAIL {2}nginx: .*passes \$remote_user as REMOTE_USER for WebSockets/],
	...['SCGI', 'SERVER_PROTOCOL', 'HTTP_UPGRADE', 'HTTP_CONNECTION', 'HTTP_SEC_WEBSOCKET_KEY', 'HTTP_SEC_WEBSOCKET_VERSION'].map((name) => [`WebSockets are asked for without ${name}`, (s) => s.edit('server.conf', new RegExp(`scgi_param ${name} [^;]*;`, 'g'), ''), new RegExp(`^FAIL {2}nginx: .*passes no ${name} \\(scgi_param\\), so that each WebSocket is refused`)]),
	['WebSockets come with all headers', (s) => s.edit('server.conf', 'scgi_pass_request_headers off;', ''), /^FAIL {2}nginx: .*passes all headers for WebSockets/],
	['nginx cuts a WebSocket between two heartbeats', (s) => s.edit('server.conf', 'scgi_read_timeout 75s;', 'scgi_read_timeout 25s;'), /^FAIL {2}nginx: .*scgi_read_timeout is 25 s, and longlined may say nothing for 25 s/],
	['heartbeats are rarer than nginx waits for a WebSocket', (s) => {
		s.flag('--ping-interval 60000');
		s.edit('server.conf', 'scgi_read_timeout 75s;', '');
	}, /^FAIL {2}nginx: .*scgi_read_timeout is 60 s, and longlined may say nothing for 60 s/],
	['nginx cuts a WebSocket that is not read for a while', (s) => s.edit('server.conf', 'scgi_send_timeout 60s;', 'scgi_send_timeout 30s;'), /^warn {2}nginx: .*scgi_send_timeout is 30 s, and longlined reads nothing for up to 45 s/],
	['nginx asks at another socket', (s) => {
		s.flags = s.flags.replace(good.daemon.socket, '/run/other.sock');
	}, /^FAIL {2}nginx: it asks at .*, and longlined listens at \/run\/other\.sock/],
	['nobody listens', (s) => {
		s.edit('http.conf', good.daemon.socket, '/nowhere/sock');
		s.flags = s.flags.replace(good.daemon.socket, '/nowhere/sock');
	}, /^FAIL {2}nginx: nobody listens at \/nowhere\/sock/],
	['the site does not answer', (s) => {
		s.args = ['--url', 'http://127.0.0.1:1'];
	}, /^FAIL {2}site: http:\/\/127\.0\.0\.1:1\/healthz: /],
	['the site is another one', (s) => {
		s.args = ['--url', `${good.nginx.url}/chat`];
	}, /^FAIL {2}site: .*\/chat\/healthz: .*404/],
	['the site serves another log', (s) => s.sql("UPDATE meta SET value = 'ffffffffffffffff' WHERE name = 'epoch'"), /^FAIL {2}site: .* serves another log than /],
];

describe('longline check', { timeout: ms(300_000) }, () => {
	it('finds nothing wrong with a good site', async () => {
		const s = await copy(), { code, stdout, bad } = await s.check();
		assert.deepEqual(bad, []);
		assert.equal(code, 0, stdout);
		assert.match(stdout, /^ok {4}site: http:\/\/127\.0\.0\.1:\d+\/healthz answers, and stores$/m);
		assert.match(stdout, /^ok {4}options: longlined takes those of /m);
		assert.match(stdout, /^ok {4}nginx: it passes WebSockets on$/m);
		assert.match(stdout, /^ok {4}nginx: it has room for 511 held polls and WebSockets; \d+ connections to longlined are open$/m);
		assert.ok(PLANTED.length >= 15);
	});

	it('says nothing of snippets that know no WebSocket where there is to be none', async () => {
		const s = await copy();
		s.edit('server.conf', GUARDED, '');
		s.edit('server.conf', OFFERED, '');
		s.flag('--no-websocket');
		const { code, stdout, bad } = await s.check();
		assert.deepEqual([code, bad], [0, []]);
		assert.doesNotMatch(stdout, /it passes WebSockets on/);
	});

	it('finds a socket that everybody may write to', async () => {
		const s = await copy();
		fs.chmodSync(good.daemon.socket, 0o666);
		const { code, bad } = await s.check();
		fs.chmodSync(good.daemon.socket, 0o660);
		assert.equal(code, 2);
		assert.match(bad.join('\n'), /^FAIL {2}nginx: everybody on this machine may write to .*sock, and so be anybody/);
	});

	it('finds that nobody is behind the web server', async (t) => {
		const s = await copy(), front = await nginx({ ...snippets({ socket: path.join(s.folder, 'nobody') }), t });
		s.args = ['--url', front.url];
		const { code, bad } = await s.check();
		assert.equal(code, 2);
		assert.match(bad.join('\n'), /^FAIL {2}site: .*\/healthz: .*502.*cannot reach longlined/);
	});

	it('asks no site whose address it does not know', async () => {
		const s = await copy();
		s.args = [];
		const { code, stdout } = await s.check();
		assert.equal(code, 0);
		assert.match(stdout, /^ok {4}site: its address is not known, so it was not asked: --url/m);
	});

	for (const [what, plant, pattern, refused] of PLANTED) {
		it(`finds that ${what}`, async () => {
			const s = await copy();
			// Three polls are held.
			const held = /held/.test(what) ? [1, 2, 3].map(() => good.nginx.get('/poll?wait=55', { Host: 'chat.example', Authorization: `Bearer ${good.secret}` }).catch(() => {})) : [];
			if (held.length > 0)
				await until(async () => /\b[1-9]\d* connections to longlined/.test((await s.check()).stdout), { what: 'polls to be held' });
			await plant(s);
			const tried = await run('nginx', ['-t', '-e', 'stderr', '-p', `${s.nginx}/`, '-c', 'nginx.conf'], { env: { PATH } });
			assert.equal(tried.code === 0, refused === undefined, tried.stderr);
			const { code, stdout, bad } = await s.check();
			assert.equal(code, bad.some((line) => line.startsWith('FAIL')) ? 2 : 1, stdout);
			assert.ok(bad.some((line) => pattern.test(line)), stdout);
			// What follows from it may be named too, but nothing else is.
			assert.ok(bad.length <= 2, stdout);
		});
	}
});
