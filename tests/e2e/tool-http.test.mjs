// tool-http.test.mjs: `longline send`, `tail` and `history`: what they do at a real site, and what they make of one that
// fails, lies, is killed, or has messages that would steer a terminal.
//
// Environment: KILLS  how many times daemon and tail are killed, each (6; fewer where TEST_SLOW is set; 50 for the acceptance)
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { describe, it } from 'node:test';
import { alive, child, freePort, has, killPid, ms, newPid, room, run, server, sleep, start, tempDir, until, within } from './harness.mjs';
import { fewer, random } from './load.mjs';
import { insertGrant, newSecret, sharedSite, token } from './persons.mjs';
import { program, SANITIZER } from './tool.mjs';

const KILLS = Number(process.env.KILLS || fewer(6, 2));

const MINUTE = { timeout: ms(60_000) };

const lines = (text) => text.split('\n').slice(0, -1);

/** A person at a machine: a home, an address, a token, and the tool: `it('send', 'x')` gives {code, stdout, stderr}. */
function person({ url = '', token: secret = '', env = {} } = {}) {
	const home = tempDir();
	const all = { HOME: home, LONGLINE_URL: url, LONGLINE_TOKEN: secret, TZ: 'UTC', ...env };
	const tool = async (...args) => {
		const { env: more, ...options } = typeof args.at(-1) === 'object' ? args.pop() : {};
		const result = await run(program, args, { timeout: ms(60_000), ...options, env: { ...all, ...more } });
		assert.doesNotMatch(result.stderr, SANITIZER);
		return result;
	};
	return {
		home, tool, env: all,
		ok: async (...args) => {
			const result = await tool(...args);
			assert.equal(result.code, 0, `${args[0]}: ${result.stderr}`);
			return result.stdout;
		},
		no: async (code, pattern, ...args) => {
			const result = await tool(...args);
			assert.equal(result.code, code, `${args[0]}: ${result.stderr}`);
			assert.equal(result.stdout, '');
			assert.match(result.stderr, pattern);
			return result;
		},
		/** Starts it and leaves it running; with `to` it appends to that file. */
		begin: (args, { to, env: more } = {}) => child('sh', ['-c', to ? 'to=$0; exec "$@" >>"$to"' : 'exec "$@"', to ?? 'sh', program, ...args], { env: { ...all, ...more } }),
		config: (text, mode = 0o600) => {
			fs.mkdirSync(path.join(home, '.config'), { recursive: true });
			fs.writeFileSync(path.join(home, '.config/longline'), text);
			fs.chmodSync(path.join(home, '.config/longline'), mode);
		},
	};
}

/** A program that has been started, ended by the test. */
async function end(proc, signal = 'SIGTERM') {
	if (!proc.done)
		proc.signal(signal);
	await within(ms(30_000), proc.ended, 'the end of longline');
	assert.doesNotMatch(proc.stderr, SANITIZER);
}

/** A site that answers as it is told: one function for each request, the last for all that follow. Keeps what it was asked. */
async function stub(t, answers, make = (handler) => http.createServer(handler)) {
	const asked = [];
	const site = make((req, res) => {
		let body = '';
		req.setEncoding('utf8');
		req.on('data', (text) => {
			body += text;
		});
		req.on('end', () => {
			asked.push({ method: req.method, url: req.url, headers: req.headers, body, at: performance.now() });
			answers[Math.min(asked.length, answers.length) - 1](res, req);
		});
	});
	site.listen(0, '127.0.0.1');
	await once(site, 'listening');
	t.after(() => {
		site.closeAllConnections();
		site.close();
	});
	return { asked, url: `http://127.0.0.1:${site.address().port}`, port: site.address().port };
}

const says = (status, body, headers = {}) => (res) => {
	res.writeHead(status, { 'Content-Type': 'application/json', ...headers });
	res.end(typeof body === 'string' ? body : JSON.stringify(body));
};
const stored = says(201, { id: 7, room: 'main', at: '2026-01-01T00:00:00.000Z' });
const hangsUp = (res) => res.socket.destroy();
const isSilent = () => {};
const trouble = (status, code, headers) => says(status, { type: 'about:blank', title: 'X', status, detail: `detail of ${code}`, code }, headers);

describe('longline: where a site is', () => {
	it('says what is missing or wrong, and asks nobody', async () => {
		const one = person();
		await one.no(2, /no address is known: say --url URL, or LONGLINE_URL, or url=URL in ~\/\.config\/longline/, 'send', 'x');
		for (const url of ['localhost:8080', 'ftp://x', 'http://', 'http:///x', 'http://a b', 'http://x/?y', 'http://x/#y', 'http://u:p@', `http://${'x'.repeat(2050)}`])
			await one.no(2, url.includes('@') ? /everybody sees the password/ : /--url has no good address: it /, 'send', 'x', '--url', url);
		await one.no(2, /LONGLINE_URL has no good address/, 'tail', { env: { LONGLINE_URL: 'x' } });
		await one.no(2, /LONGLINE_TOKEN has no token/, 'tail', { env: { LONGLINE_URL: 'http://x', LONGLINE_TOKEN: 'a b' } });
		await one.no(2, /--database is not for this command/, 'history', '--database', '/x', '--url', 'http://x');
		await one.no(2, /no option --token; is --token-file meant\?/, 'send', '--token', 'x');
		await one.no(2, /no option --room; is -r meant\?/, 'send', '--room', 'x');
		await one.no(2, /no option --r; is -r meant\?/, 'send', '--r', 'x');
		await one.no(2, /no option -x; options are written in full/, 'send', '-x', 'y');
		await one.no(2, /value is missing behind -r;/, 'send', '-r');
		await one.no(2, /given twice: -k;/, 'send', '-k', 'a', '-k', 'b');
		await one.no(2, /unexpected argument 'b'/, 'send', 'a', 'b');
	});

	it('takes --url before LONGLINE_URL before the file, and the token likewise', async (t) => {
		const [a, b, c] = await Promise.all([1, 2, 3].map(() => stub(t, [stored])));
		const one = person({ env: { LONGLINE_URL: b.url } });
		one.config(`# mine\nurl = ${c.url}/\r\n\n  token=ll_file\n`);
		await one.ok('send', 'x', '--url', `${a.url}//`);
		await one.ok('send', 'x');
		await one.ok('send', 'x', { env: { LONGLINE_URL: '' } });
		assert.deepEqual([a.asked.length, b.asked.length, c.asked.length], [1, 1, 1]);
		assert.equal(a.asked[0].url, '/send');
		// The file's token is for the file's address.
		assert.deepEqual([a, b, c].map(({ asked }) => asked[0].headers.authorization), [undefined, undefined, 'Bearer ll_file']);
		await one.ok('send', 'x', '--url', c.url);
		assert.equal(c.asked[1].headers.authorization, 'Bearer ll_file');
		await one.ok('send', 'x', '--url', a.url, { env: { LONGLINE_TOKEN: 'll_env' } });
		assert.equal(a.asked[1].headers.authorization, 'Bearer ll_env');
		const file = path.join(one.home, 'token');
		fs.writeFileSync(file, 'll_own\n', { mode: 0o600 });
		await one.ok('send', 'x', '--token-file', file, { env: { LONGLINE_TOKEN: 'll_env' } });
		assert.equal(b.asked[1].headers.authorization, 'Bearer ll_own');
		one.config('token=ll_file\n');
		await one.ok('send', 'x');
		assert.equal(b.asked[2].headers.authorization, 'Bearer ll_file');
		for (const { asked } of [a, b, c])
			for (const { url, body } of asked)
				assert.ok(!`${url}${body}`.includes('ll_'));
	});

	it('uses no secret that others can read, and no file that it does not understand', async (t) => {
		const site = await stub(t, [stored]);
		const one = person();
		for (const mode of [0o640, 0o604, 0o644]) {
			one.config(`url=${site.url}\ntoken=ll_x\n`, mode);
			await one.no(1, /others can read .*\/\.config\/longline, which has a secret: chmod 600/, 'send', 'x');
		}
		one.config(`url=http://me:word@127.0.0.1:${site.port}\n`, 0o644);
		await one.no(1, /others can read/, 'send', 'x');
		one.config(`url=${site.url}\n`, 0o644);
		await one.ok('send', 'x');
		one.config(`url=${site.url}\ntokn=x\n`);
		await one.no(1, /line 2 is neither url=… nor token=…/, 'send', 'x');
		one.config(`url=${site.url}\n${'#'.repeat(70_000)}`);
		await one.no(1, /longer than can be/, 'send', 'x');
		const file = path.join(one.home, 'token');
		await one.no(1, /cannot read .*token: No such file/, 'send', 'x', '--url', site.url, '--token-file', file);
		fs.writeFileSync(file, 'll_own\n', { mode: 0o644 });
		await one.no(1, /others can read/, 'send', 'x', '--url', site.url, '--token-file', file);
		fs.chmodSync(file, 0o600);
		fs.writeFileSync(file, '\n');
		await one.no(2, /has no token/, 'send', 'x', '--url', site.url, '--token-file', file);
		assert.equal(site.asked.length, 1);
	});

	it('sends a password of the address as such, and never shows it', async (t) => {
		const site = await stub(t, [stored, trouble(401, 'unauthorized')]);
		const one = person({ url: `http://me:word@127.0.0.1:${site.port}/chat` });
		await one.ok('send', 'x');
		assert.equal(site.asked[0].headers.authorization, `Basic ${btoa('me:word')}`);
		assert.equal(site.asked[0].url, '/chat/send');
		const { stderr } = await one.no(4, /does not allow it: 401: detail of unauthorized/, 'send', 'x');
		assert.ok(!stderr.includes('word') && stderr.includes(`http://127.0.0.1:${site.port}/chat`), stderr);
	});

	it('goes nowhere else: no redirect is followed, and a certificate must be good', MINUTE, async (t) => {
		const other = await stub(t, [stored]);
		const site = await stub(t, [(res) => says(302, '', { Location: `${other.url}/send` })(res)]);
		await person({ url: site.url, token: 'll_x' }).no(1, /cannot be asked: it answers 302, as no Longline does/, 'send', 'x');
		assert.equal(other.asked.length, 0);
		const folder = tempDir(), key = path.join(folder, 'key'), cert = path.join(folder, 'cert');
		await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert]);
		const tls = await stub(t, [stored], (handler) => https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, handler));
		await person({ url: `https://localhost:${tls.port}`, token: 'll_x' }).no(1, /cannot be asked: .*certificate/i, 'send', 'x');
		await person({ url: `https://localhost:${tls.port}`, token: 'll_x' }).no(1, /cannot be asked: .*certificate/i, 'tail');
		assert.equal(tls.asked.length, 0);
		const trusting = { env: { SSL_CERT_FILE: cert } };
		assert.equal(await person({ url: `https://localhost:${tls.port}`, token: 'll_x' }).ok('send', 'x', trusting), '7\n');
		await person({ url: `https://127.0.0.1:${tls.port}` }).no(1, /cannot be asked: /, 'send', 'x', trusting);
		assert.equal(tls.asked.length, 1);
	});
});

describe('longline send', () => {
	const s = server();
	const me = () => person({ url: s.url });
	const text = async (id) => (await s.get(`/poll?room=*&since=${id - 1}&limit=1`)).json.messages[0];

	it('stores a text and prints its id, when it is there', async () => {
		const one = me(), where = room();
		const id = await one.ok('send', '-r', where, '-s', 'Änn', 'hello "there"\\');
		assert.match(id, /^\d+\n$/);
		const { id: got, room: in_, sender, text: said, event } = await text(Number(id));
		assert.deepEqual([got, in_, sender, said, event], [Number(id), where, 'Änn', 'hello "there"\\', 'chat message']);
		assert.equal((await text(Number(await one.ok('send', 'in main')))).room, 'main');
		assert.equal((await text(Number(await one.ok('send', `-r${where}`, '--', '-5 °C')))).text, '-5 °C');
	});

	it('takes standard input whole, with - or without a text', async () => {
		const one = me();
		for (const args of [['send'], ['send', '-']])
			assert.equal((await text(Number(await one.ok(...args, { input: ' a\n\tb\0c\n\n' })))).text, ' a\n\tb\0c\n\n');
		const long = 'x'.repeat(900_000);
		assert.equal((await text(Number(await one.ok('send', { input: long })))).text, long);
		assert.equal((await text(Number(await one.ok('send', { input: Buffer.from([0x61, 0xff, 0x62]) })))).text, 'a\ufffdb');
	});

	it('stores the same key once, and says so of another text', async () => {
		const one = me();
		const id = await one.ok('send', '-k', 'schlüssel 1', 'a');
		assert.equal(await one.ok('send', '-k', 'schlüssel 1', 'a'), id);
		await one.no(3, /refuses it: 422: key .* was used/, 'send', '-k', 'schlüssel 1', 'b');
		assert.notEqual(await one.ok('send', 'a'), await one.ok('send', 'a'));
	});

	it('refuses what cannot be', async () => {
		const one = me();
		await one.no(3, /there is no text/, 'send', '');
		await one.no(3, /there is no text/, 'send', { input: '' });
		await one.no(3, /refuses it: 413/, 'send', { input: 'x'.repeat(2_000_000) });
		await one.no(3, /more than 4000000 bytes/, 'send', { input: 'x'.repeat(4_000_001) });
		await one.no(2, /-r is a room/, 'send', '-r', 'a b', 'x');
		await one.no(2, /-r is a room/, 'send', '-r', '*', 'x');
		await one.no(2, /-s is a name of up to 64 bytes/, 'send', '-s', 'a\u0085', 'x');
		await one.no(2, /-k is a key/, 'send', '-k', 'x'.repeat(129), 'x');
		await one.no(2, /--timeout is 1 to/, 'send', '--timeout', '0', 'x');
		const full = await run('sh', ['-c', '"$0" send x >/dev/full', program], { env: one.env });
		assert.equal(full.code, 1);
		assert.match(full.stderr, /standard output cannot be written/);
	});

	it('tries again with the same key and bytes, whatever fails', MINUTE, async (t) => {
		const site = await stub(t, [hangsUp, trouble(503, 'busy'), trouble(429, 'rate_limited', { 'Retry-After': '2' }), trouble(502, 'bad_gateway'), trouble(408, 'x'), stored]);
		const { code, stdout, stderr } = await person({ url: site.url }).tool('send', 'x');
		assert.deepEqual([code, stdout, stderr], [0, '7\n', '']);
		assert.equal(site.asked.length, 6);
		assert.equal(new Set(site.asked.map(({ body }) => body)).size, 1);
		assert.match(JSON.parse(site.asked[0].body).key, /^[\w-]{20}$/);
		assert.ok(site.asked[3].at - site.asked[2].at >= 1990, 'Retry-After');
	});

	it('gives up in time, and says whether it may be stored', MINUTE, async (t) => {
		const nobody = `http://127.0.0.1:${await freePort()}`;
		await person({ url: nobody }).no(5, /gave no answer within 1 s: .*(refused|connect)[^]*it is not stored/i, 'send', '--timeout', '1', 'x');
		const busy = await stub(t, [trouble(503, 'busy', { 'Retry-After': '3600' })]);
		await person({ url: busy.url }).no(5, /gave no answer within 2 s: 503: detail of busy\n.*it is not stored/, 'send', '--timeout', '2', 'x');
		assert.equal(busy.asked.length, 1);
		const silent = await stub(t, [isSilent]);
		const { stderr } = await person({ url: silent.url }).no(5, /it may be stored or not: repeat it with -k [\w-]{20}\n/, 'send', '--timeout', '1', 'x');
		assert.equal(JSON.parse(silent.asked[0].body).key, /-k (\S+)/.exec(stderr)[1]);
	});

	it('takes only the answer of a Longline', async (t) => {
		for (const body of ['<html>welcome</html>', '{"id":"7"}', '{"id":0}', '[7]', '{"id":7']) {
			const site = await stub(t, [says(200, body)]);
			await person({ url: site.url }).no(1, /answer is no Longline's/, 'send', 'x');
		}
	});

	it('comes through a restart of the daemon: stored once', MINUTE, async () => {
		const where = room(), one = me();
		for (let i = 0; i < 3; i++) {
			s.kill();
			await one.ok('send', '-r', where, `message ${i}`);
		}
		assert.deepEqual((await s.history({ room: where })).json.messages.map(({ text: said }) => said), ['message 0', 'message 1', 'message 2']);
	});
});

describe('longline history', () => {
	const s = server();
	const me = (env) => person({ url: s.url, env });
	const texts = (out) => lines(out).map((line) => line.replace(/^.*?> /, ''));

	it('prints the newest, oldest first, by as many pages as it takes', MINUTE, async () => {
		const where = room(), one = me();
		await s.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1234) INSERT INTO messages(room, sender, text) SELECT '${where}', 'a', 'needle ' || i FROM n`);
		const all = Array.from({ length: 1234 }, (_, i) => `needle ${i + 1}`);
		await until(async () => (await s.history({ room: where, limit: 1 })).json.messages[0]?.text === all.at(-1), { what: 'the daemon to know' });
		assert.deepEqual(texts(await one.ok('history', '-r', where)), all.slice(-20));
		for (const n of [0, 1, 499, 500, 501, 1000, 1001, 1233, 1234, 5000])
			assert.deepEqual(texts(await one.ok('history', '-r', where, '-n', String(n))), n ? all.slice(-n) : [], `-n ${n}`);
		assert.deepEqual(texts(await one.ok('history', '-r', where, '-nall')), all);
		await until(async () => (await s.history({ room: where, q: 'needle' })).json.indexed === undefined);
		for (const n of ['1', '500', '777', 'all'])
			assert.deepEqual(texts(await one.ok('history', '-r', where, '-q', 'needle', '-n', n)), n === 'all' ? all : all.slice(-n), `-q, -n ${n}`);
		const first = await run('sh', ['-c', '"$0" history -r "$1" -n all | head -n 2', program, where], { env: one.env });
		assert.deepEqual([texts(first.stdout), first.stderr], [all.slice(0, 2), '']);
	});

	it('finds by words, sender, time and rooms', async () => {
		const a = room(), b = room(), one = me({ TZ: 'UTC-5' });
		const at = (...when) => Date.UTC(2024, 0, ...when);
		await s.sql(`INSERT INTO messages(room, sender, text, at) VALUES('${a}', 'x', 'one disk', ${at(1, 18, 59, 59, 999)}), ('${b}', 'y', 'two disk', ${at(1, 19)}),
			('${a}', '', 'three', ${at(2, 18, 59, 59, 999)}), ('${a}', 'x', 'four', ${at(2, 19)})`);
		await until(async () => (await s.history({ room: [a, b] })).json.messages.length === 4, { what: 'the daemon to know' });
		const both = ['history', '-r', a, '-r', b];
		assert.deepEqual(lines(await one.ok(...both)), [`2024-01-01 23:59:59 ${a} <x> one disk`, `2024-01-02 00:00:00 ${b} <y> two disk`, `2024-01-02 23:59:59 ${a} <> three`, `2024-01-03 00:00:00 ${a} <x> four`]);
		assert.deepEqual(texts(await one.ok(...both, '--sender', 'x')), ['one disk', 'four']);
		assert.deepEqual(texts(await one.ok(...both, '--sender=')), ['three']);
		assert.deepEqual(texts(await one.ok(...both, '--from', '2024-01-02')), ['two disk', 'three', 'four'], 'days are those of this machine');
		assert.deepEqual(texts(await one.ok(...both, '--from', '2024-01-02', '--until', '2024-01-03')), ['two disk', 'three']);
		assert.deepEqual(texts(await one.ok(...both, '--until', '2024-01-01T19:00:00Z')), ['one disk']);
		assert.deepEqual(texts(await one.ok(...both, '-q', '"two disk" -three')), ['two disk']);
		const found = (await s.history({ room: [a, b], q: 'disk' })).text;
		const json = await one.ok(...both, '-q', 'disk', '--json');
		assert.equal(`[${lines(json).reverse().join(',')}]`, /"messages":(\[.*\]),"older"/.exec(found)[1], 'to the byte');
		assert.equal(await one.ok('history', '-r', room()), '');
	});

	it('says what is wrong', async (t) => {
		const one = me();
		await one.no(2, /-n is a number or all/, 'history', '-n', 'x');
		await one.no(2, /-r is a room.* or \* for all, not 'a b'/, 'history', '-r', 'a', '-r', 'a b');
		await one.no(2, /--from is a day/, 'history', '--from', '2024-02-30');
		await one.no(2, /-r may be given 32 times|given too often/, 'history', ...Array.from({ length: 33 }, () => ['-r', 'x']).flat());
		await one.no(3, /refuses it: 400: .*nothing to look for/, 'history', '-q', '-x');
		const slow = await stub(t, [trouble(503, 'search_timeout', { 'Retry-After': '1' })]);
		await person({ url: slow.url }).no(3, /503: detail of search_timeout/, 'history', '-q', 'x');
		const down = `http://127.0.0.1:${await freePort()}`;
		await person({ url: down }).no(5, /gave no answer within 1 s/, 'history', '--timeout', '1');
		const lying = await stub(t, [says(200, '{"messages":[{"id":1}],"older":null,"newer":null}')]);
		await person({ url: lying.url }).no(1, /no Longline's: a message is not what it should be/, 'history');
	});

	it('a page that became shorter leaves none out', async (t) => {
		const message = (id) => ({ id, room: 'main', event: 'chat message', sender: '', text: String(id), at: '2026-01-01T00:00:00.000Z' });
		const page = (from, to, older) => says(200, { messages: Array.from({ length: to - from + 1 }, (_, i) => message(from + i)), older, newer: null });
		const site = await stub(t, [page(501, 1000, 501), page(1, 500, null), page(701, 1000, 701), page(501, 700, 501), page(701, 1000, 701)]);
		const out = await person({ url: site.url }).ok('history', '-n', '1500');
		assert.deepEqual(texts(out), Array.from({ length: 1000 }, (_, i) => String(i + 1)));
	});
});

/** All that could steer a terminal, or turn or hide a text. */
const HARMFUL = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, i) => 0x7f + i), 0x61c, ...Array.from({ length: 5 }, (_, i) => 0x200b + i),
	...Array.from({ length: 7 }, (_, i) => 0x2028 + i), ...Array.from({ length: 16 }, (_, i) => 0x2060 + i), 0xfeff, 0xfff9, 0xfffa, 0xfffb, 0xe0001, 0xe007f]
	.filter((c) => c !== 0).map((c) => String.fromCodePoint(c));
const harmless = (text) => {
	for (const c of HARMFUL)
		if (c !== '\n')
			assert.ok(!text.includes(c), `U+${c.codePointAt(0).toString(16)} in ${JSON.stringify(text)}`);
};

describe('longline tail', () => {
	const s = server();
	const me = (env) => person({ url: s.url, env });
	/** What it has printed, when there are so many lines. */
	const printed = async (proc, n) => {
		await until(() => lines(proc.stdout).length >= n || proc.done, { what: `${n} lines of ${JSON.stringify(proc.stdout)}` });
		return lines(proc.stdout);
	};

	it('prints the newest, then what comes', MINUTE, async () => {
		const where = room(), one = me();
		for (const said of ['a', 'b', 'c'])
			await s.sent(said, { room: where, sender: 'ann' });
		const proc = one.begin(['tail', '-r', where, '-n', '2']);
		await printed(proc, 2);
		await s.sent({ room: where, event: 'disk', args: ['sda1', { percent: 91 }] });
		await s.sent('two\nlines\r\n\tand a tab\n', { room: where, sender: 'b > a' });
		const got = await printed(proc, 6);
		await end(proc);
		assert.deepEqual(got.map((line) => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /, 'T ')),
			['T <ann> b', 'T <ann> c', 'T <> [disk] ["sda1",{"percent":91}]', 'T <b \\x3e a> two', '    lines', '     and a tab']);
		assert.equal(proc.stderr, '');
		const all = one.begin(['tail', '-r', where, '-r', room(), '-n', 'all']);
		assert.match((await printed(all, 5))[0], new RegExp(`^\\S+ \\S+ ${where} <ann> a$`));
		await end(all);
		const none = one.begin(['tail', '-r', '*', '-n', '0', '--json']);
		await s.parked(1);
		const id = await s.sent('now', { room: where });
		assert.deepEqual((await printed(none, 1)).map((line) => JSON.parse(line).id), [id]);
		await end(none);
	});

	it('refuses what cannot be', async () => {
		const one = me();
		await one.no(2, /-n is 0 to 1000, or all/, 'tail', '-n', '1001');
		await one.no(2, /-r is a room/, 'tail', '-r', '');
		await one.no(2, /--json is for messages that are printed/, 'tail', '--json', '--exec', 'x');
		await one.no(2, /--exec is a command/, 'tail', '--exec', '');
		await one.no(2, /--state is a file/, 'tail', '--state', '');
		await one.no(1, /cannot open \/nowhere\/x\.lock/, 'tail', '--state', '/nowhere/x');
		const state = path.join(one.home, 'state');
		for (const text of ['', 'x', '{}', '{"next":1}', '[1]']) {
			fs.writeFileSync(state, text);
			await one.no(1, /is no state of longline tail/, 'tail', '--state', state);
		}
	});

	it('lets nothing through that could steer a terminal', MINUTE, async (t) => {
		const where = room(), one = me();
		const texts = HARMFUL.map((c) => `a${c}b`);
		for (const said of texts)
			await s.sent({ room: where, text: said, ...(said.codePointAt(1) > 0x9f ? { sender: said, event: said } : {}) });
		const out = await one.ok('history', '-r', where, '-n', 'all');
		harmless(out);
		const count = lines(out).filter((line) => !line.startsWith('    ')).length;
		assert.equal(count, HARMFUL.length, 'one line for each, but for the line feed of one');
		assert.match(out, /a\\x1bb/);
		assert.match(out, /<a\\u202eb> \[a\\u202eb\] a\\u202eb/);
		// JSON is the site's own bytes, unless it is shown at a terminal.
		const exact = lines(await one.ok('history', '-r', where, '-n', 'all', '--json'));
		assert.deepEqual(exact.map((line) => JSON.parse(line).text), texts);
		assert.ok(exact.join('').includes('\u202e'));
		if (!has('script'))
			return t.skip('no script(1) here');
		const shown = await run('script', ['-qec', `${program} history -r ${where} -n all --json`, '/dev/null'], { env: one.env, input: '' });
		const seen = lines(shown.stdout.replaceAll('\r\n', '\n'));
		seen.forEach(harmless);
		assert.deepEqual(seen.map((line) => JSON.parse(line).text), texts);
		// What the site says that is wrong is a stranger's text, too.
		const evil = await stub(t, [says(403, { status: 403, detail: 'a\x1b[31m\u202eb', code: 'x' })]);
		const { stderr } = await person({ url: evil.url }).no(4, /a\\x1b\[31m\\u202eb/, 'tail');
		harmless(stderr);
	});

	it('goes on where it was, by its state, and is alone with it', MINUTE, async () => {
		const where = room(), one = me(), state = path.join(one.home, 'state'), file = path.join(one.home, 'file');
		const args = ['tail', '-r', where, '--json', '--state', state];
		const ids = () => lines(fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '').map((line) => JSON.parse(line).id);
		const want = [await s.sent('a', { room: where })];
		let proc = one.begin(args, { to: file });
		await until(() => ids().length === 1);
		const second = await one.no(6, /state\.lock is in use by process \d+/, ...args);
		assert.match(second.stderr, new RegExp(`process ${proc.pid}`));
		want.push(await s.sent('b', { room: where }));
		await until(() => ids().length === 2);
		await end(proc, 'SIGKILL');
		want.push(await s.sent('c', { room: where }), await s.sent('d', { room: where }));
		proc = one.begin(args, { to: file });
		await until(() => ids().length === 4);
		await end(proc);
		// Nothing before the first time, and what came while nobody read.
		const other = path.join(one.home, 'other');
		proc = one.begin(['tail', '-r', where, '-n', '0', '--state', other]);
		await until(() => fs.existsSync(other));
		await end(proc);
		const late = await s.sent('e', { room: where });
		proc = one.begin(['tail', '-r', where, '--state', other, '--json']);
		assert.deepEqual((await printed(proc, 1)).map((line) => JSON.parse(line).id), [late]);
		await end(proc);
		assert.deepEqual(ids(), want);
	});

	it('does not print again what a file has already, though it was not noted', MINUTE, async () => {
		const where = room(), one = me(), state = path.join(one.home, 'state'), file = path.join(one.home, 'file');
		const args = ['tail', '-r', where, '--state', state];
		await s.sent('a', { room: where });
		let proc = one.begin(args, { to: file });
		await until(() => fs.existsSync(state) && /a/.test(fs.readFileSync(file, 'utf8')));
		const first = await until(() => JSON.parse(fs.readFileSync(state, 'utf8')).size > 0 && fs.readFileSync(state));
		await end(proc);
		for (let i = 0; i < 150; i++)
			await s.sent(`message ${i}`, { room: where });
		proc = one.begin(args, { to: file });
		await until(() => lines(fs.readFileSync(file, 'utf8')).length === 151);
		await end(proc);
		const whole = fs.readFileSync(file, 'utf8');
		// As if it had been killed anywhere behind the state.
		for (const cut of [whole.length, whole.length - 1, whole.length - 7, whole.indexOf('message 3'), whole.indexOf('message 120')]) {
			fs.writeFileSync(state, first);
			fs.truncateSync(file, cut);
			proc = one.begin(args, { to: file });
			await until(() => fs.readFileSync(file, 'utf8').length >= whole.length);
			const last = await s.sent(`last ${cut}`, { room: where });
			await until(() => fs.readFileSync(file, 'utf8').includes(`last ${cut}\n`));
			await end(proc);
			assert.ok(last > 0);
			assert.equal(fs.readFileSync(file, 'utf8').slice(0, whole.length), whole, `cut at ${cut}`);
			await s.sql(`DELETE FROM messages WHERE room = '${where}' AND text LIKE 'last%'`);
			fs.truncateSync(file, whole.length);
		}
		// Nor what was changed since it was printed, whatever it says now.
		fs.writeFileSync(state, first);
		await s.sql(`UPDATE messages SET text = 'new' WHERE room = '${where}' AND text IN ('message 0', 'message 77', 'message 149')`);
		proc = one.begin(args, { to: file });
		const next = await s.sent('next', { room: where, sender: 'ann' });
		await until(() => JSON.parse(fs.readFileSync(state, 'utf8')).next >= next);
		await end(proc);
		assert.match(fs.readFileSync(file, 'utf8').slice(whole.length), /^\S+ \S+ <ann> next\n$/);
		assert.equal(fs.readFileSync(file, 'utf8').slice(0, whole.length), whole);
		await s.sql(`UPDATE messages SET text = 'message 0' WHERE id = (SELECT min(id) FROM messages WHERE room = '${where}' AND text = 'new')`);
		// What somebody else has put there is not taken for its own.
		fs.writeFileSync(state, first);
		fs.appendFileSync(file, 'somebody else\n');
		const then = fs.readFileSync(file, 'utf8');
		fs.writeFileSync(file, then.replace(/^.*message 0$/m, 'message X'));
		proc = one.begin(args, { to: file });
		await until(() => lines(fs.readFileSync(file, 'utf8')).length >= 303);
		await end(proc);
	});

	it('knows how much of the file it has passed over, too', MINUTE, async (t) => {
		const one = person(), state = path.join(one.home, 'state'), file = path.join(one.home, 'file');
		const messages = [1, 2, 3].map((id) => ({ id, room: 'main', event: 'chat message', sender: '', text: 'x'.repeat(id), at: '2026-01-01T00:00:00.000Z' }));
		const whole = messages.map((m) => `${JSON.stringify(m)}\n`).join('');
		fs.writeFileSync(file, whole);
		const { dev, ino } = fs.statSync(file, { bigint: true });
		fs.writeFileSync(state, `{"epoch":"e","next":0,"begun":0,"device":${dev},"inode":${ino},"size":0}`);
		for (const [last, ...more] of [[1, messages[0]], [3, messages[1], messages[2]]]) {
			const site = await stub(t, [says(200, { epoch: 'e', messages: more, next: last, more: last < 3 }), isSilent]);
			const proc = one.begin(['tail', '--json', '--state', state, '--url', site.url], { to: file });
			await until(() => site.asked.length === 2);
			await end(proc, 'SIGKILL');
			assert.equal(JSON.parse(fs.readFileSync(state, 'utf8')).next, last);
			assert.equal(fs.readFileSync(file, 'utf8'), whole);
			messages[2].text = 'changed';
		}
	});

	it('passes over in the file what was deleted since, and ends a line that it will not finish', MINUTE, async (t) => {
		const one = person(), state = path.join(one.home, 'state'), file = path.join(one.home, 'file');
		const told = [1, 2, 3, 4, 5, 6].map((id) => ({ id, room: 'main', event: 'chat message', sender: 'ann', text: `${id}${id % 2 ? '\n    more' : ''}`, at: `2026-01-01T00:00:0${id}.000Z` }));
		const begin = async (messages, how) => {
			const site = await stub(t, [says(200, { epoch: 'e', messages, next: messages.at(-1).id, more: false }), isSilent]);
			const proc = one.begin(['tail', ...how, '--state', state, '--url', site.url], { to: file });
			await until(() => site.asked.length === 2);
			await end(proc);
			return fs.readFileSync(file, 'utf8');
		};
		for (const how of [['--json'], []]) {
			const first = await begin(told.slice(0, 5), how), parts = how.length ? first.match(/.*\n/g) : first.match(/.*\n( {4}.*\n)*/g);
			assert.equal(parts.length, 5);
			const { dev, ino } = fs.statSync(file, { bigint: true });
			const again = async (there, messages) => {
				fs.writeFileSync(file, there);
				fs.writeFileSync(state, `{"epoch":"e","next":0,"begun":0,"device":${dev},"inode":${ino},"size":0}`);
				return await begin(messages, how);
			};
			const [a, b, c, d, e] = told, changed = { ...b, text: 'other' }, whole = parts.join('');
			const last = await again('', [told[5]]);
			for (const deleted of [[a], [b], [c], [a, b], [b, c, d], [a, b, c, d, e]])
				assert.equal(await again(whole, [...told.slice(0, 5).filter((m) => !deleted.includes(m)), told[5]]), whole + last, `${how}: ${deleted.map(({ id }) => id)}`);
			assert.equal(await again(whole, how.length ? [changed, d, e, told[5]] : [a, changed, d, e, told[5]]), whole + last, `${how}: changed`);
			// Its line is not whole, and it is not told any more.
			const cut = whole.slice(0, -4);
			assert.equal(await again(cut, [a, b, c, d, told[5]]), `${cut}\n${last}`, `${how}: cut`);
			assert.equal(await again(cut, [a, c, d, e, told[5]]), whole + last, `${how}: cut, and told again`);
			fs.rmSync(file);
			fs.rmSync(state);
		}
	});

	it('tells of a gap and of a reset, and goes on', MINUTE, async (t) => {
		const own = await start({ t }), one = person({ url: own.url }), state = path.join(one.home, 'state');
		for (const said of ['a', 'b', 'c'])
			await own.sent(said);
		const args = ['tail', '--json', '--state', state];
		let proc = one.begin(args);
		await printed(proc, 3);
		await until(() => JSON.parse(fs.readFileSync(state, 'utf8')).next === 3);
		await end(proc);
		await own.sent('d');
		await own.sent('e');
		await own.sql("DELETE FROM messages WHERE text = 'd'");
		proc = one.begin(args);
		assert.deepEqual((await printed(proc, 1)).map((line) => JSON.parse(line).text), ['e']);
		await until(() => /warning: messages were deleted before they could be told here\n/.test(proc.stderr));
		await own.sql("UPDATE meta SET value = '0123456789abcdef' WHERE name = 'epoch'");
		await until(() => /warning: the log of http\S+ is another one now/.test(proc.stderr), { what: 'the reset' });
		assert.deepEqual((await printed(proc, 5)).slice(1).map((line) => JSON.parse(line).text), ['a', 'b', 'c', 'e']);
		const id = await own.sent('f');
		assert.equal(JSON.parse((await printed(proc, 6))[5]).id, id);
		await end(proc);
		assert.equal(lines(proc.stderr).length, 2, proc.stderr);
	});

	it('asks for ever, and says when it fails and when it works again', MINUTE, async (t) => {
		const answer = (messages, next) => says(200, { epoch: 'e', messages, next, more: false });
		const m = { id: 1, room: 'main', event: 'chat message', sender: '', text: 'x', at: '2026-01-01T00:00:00.000Z' };
		const site = await stub(t, [trouble(503, 'busy'), hangsUp, answer([], 0), trouble(429, 'rate_limited'), answer([m], 1), isSilent]);
		const proc = person({ url: site.url }).begin(['tail', '-n', '5']);
		assert.deepEqual(await printed(proc, 1), ['2026-01-01 00:00:00 <> x']);
		await until(() => site.asked.length === 6);
		await end(proc);
		assert.deepEqual(lines(proc.stderr).map((line) => line.replace(site.url, 'URL')), [
			'longline: warning: URL: 503: detail of busy; asking again and again', 'longline: URL answers again',
			'longline: warning: URL: 429: detail of rate_limited; asking again and again', 'longline: URL answers again']);
		assert.deepEqual(site.asked.map(({ url }) => url), ['-5&wait=0', '-5&wait=0', '-5&wait=0', '0&epoch=e&wait=25', '0&epoch=e&wait=25', '1&epoch=e&wait=25']
			.map((more) => `/poll?since=${more}&limit=1000`));
	});

	it('runs a command for each message, in order, until it ends with success', MINUTE, async () => {
		const where = room(), one = me(), out = path.join(one.home, 'out'), failed = path.join(one.home, 'failed');
		const command = `cat >>${out}; printf '%s|%s|%s|%s|%s|%s\\n' "$LONGLINE_ID" "$LONGLINE_ROOM" "$LONGLINE_SENDER" "$LONGLINE_EVENT" "$LONGLINE_TEXT" "$LONGLINE_AGAIN" >>${out}; [ "$LONGLINE_TEXT" != fail ] || [ -e ${failed} ] || { touch ${failed}; exit 3; }`;
		await s.sent('old', { room: where });
		const state = path.join(one.home, 'state');
		const proc = one.begin(['tail', '-r', where, '--exec', command, '--state', state]);
		await until(() => fs.existsSync(state));
		const nul = `a\0"$(touch ${one.home}/hacked)"`;
		const ids = [await s.sent(nul, { room: where, sender: "a'b" }), await s.sent('fail', { room: where }), await s.sent({ room: where, args: [1, 'é'], event: 'x' })];
		const long = 'é'.repeat(50_000);
		ids.push(await s.sent(long, { room: where }));
		const { messages } = (await s.history({ room: where })).json;
		const exact = (await s.history({ room: where })).text;
		await until(() => JSON.parse(fs.readFileSync(state, 'utf8')).next >= ids[3]);
		await end(proc);
		const got = lines(fs.readFileSync(out, 'utf8'));
		assert.equal(got.length, 10);
		const json = got.filter((_, i) => i % 2 === 0), said = got.filter((_, i) => i % 2 === 1);
		assert.deepEqual(json.map((line) => JSON.parse(line)), [1, 2, 2, 3, 4].map((i) => messages[i]));
		for (const line of json)
			assert.ok(exact.includes(line));
		assert.deepEqual(said, [`${ids[0]}|${where}|a'b|chat message|${nul.replace('\0', '\ufffd')}|`, `${ids[1]}|${where}||chat message|fail|`, `${ids[1]}|${where}||chat message|fail|1`,
			`${ids[2]}|${where}||x|[1,"é"]|`, `${ids[3]}|${where}||chat message|${'é'.repeat(32768)}|`]);
		assert.ok(!fs.existsSync(path.join(one.home, 'hacked')));
		assert.match(proc.stderr, new RegExp(`warning: message ${ids[1]}: the command ended with 3\n`));
		assert.equal(lines(proc.stderr).length, 1);
	});

	it('keeps the success of a command whose tail was killed, and the next one waits for it', MINUTE, async () => {
		const where = room(), one = me(), state = path.join(one.home, 'state'), out = path.join(one.home, 'out'), go = path.join(one.home, 'go');
		fs.writeFileSync(out, '');
		const args = ['tail', '-r', where, '--state', state, '--exec', `echo "$LONGLINE_ID $LONGLINE_AGAIN" >>${out}; while ! [ -e ${go} ]; do sleep 0.02; done`];
		const first = one.begin(args);
		await until(() => fs.existsSync(state));
		const ids = [await s.sent('a', { room: where }), await s.sent('b', { room: where })];
		await until(() => fs.readFileSync(out, 'utf8') !== '');
		await killPid(first.pid);
		const second = one.begin(args);
		await until(() => /waiting for the command that an earlier longline tail has begun/.test(second.stderr));
		assert.equal(fs.readFileSync(out, 'utf8'), `${ids[0]} \n`);
		fs.writeFileSync(go, '');
		await until(() => JSON.parse(fs.readFileSync(state, 'utf8')).next >= ids[1]);
		await end(second);
		assert.equal(fs.readFileSync(out, 'utf8'), `${ids[0]} \n${ids[1]} \n`);
	});

	it('gives a message again, and says so, where all of it was killed', MINUTE, async () => {
		const where = room(), one = me(), state = path.join(one.home, 'state'), out = path.join(one.home, 'out');
		fs.writeFileSync(out, '');
		const args = ['tail', '-r', where, '--state', state, '--exec', `echo "$LONGLINE_ID $LONGLINE_AGAIN" >>${out}; [ -n "$LONGLINE_AGAIN" ] || sleep 1000`];
		const first = one.begin(args);
		await until(() => fs.existsSync(state));
		const id = await s.sent('a', { room: where });
		await until(() => fs.readFileSync(out, 'utf8') !== '');
		process.kill(-first.pid, 'SIGKILL');
		await first.exited;
		const second = one.begin(args);
		await until(() => JSON.parse(fs.readFileSync(state, 'utf8')).next >= id);
		await end(second);
		assert.equal(fs.readFileSync(out, 'utf8'), `${id} \n${id} 1\n`);
	});

	it('a command ends with its keeper, and gets the signals of the terminal', MINUTE, async () => {
		const where = room(), one = me(), state = path.join(one.home, 'state'), out = path.join(one.home, 'out');
		fs.writeFileSync(out, '');
		const proc = one.begin(['tail', '-r', where, '--state', state, '--exec', `trap 'echo INT >>${out}; exit 1' INT; echo $$ $PPID >>${out}; while :; do sleep 0.05; done`]);
		await until(() => fs.existsSync(state));
		await s.sent('a', { room: where });
		const line = await until(() => /^(\d+) (\d+)\n/.exec(fs.readFileSync(out, 'utf8')));
		await killPid(Number(line[2]));
		await until(() => !alive(Number(line[1])), { what: 'the command to end' });
		await until(() => /who waited for the command was ended by signal 9/.test(proc.stderr));
		await until(() => lines(fs.readFileSync(out, 'utf8')).length === 2);
		process.kill(-proc.pid, 'SIGINT');
		await within(ms(30_000), proc.exited, 'the end of tail');
		await until(() => /INT\n/.test(fs.readFileSync(out, 'utf8')));
		assert.equal(JSON.parse(fs.readFileSync(state, 'utf8')).begun > 0, true);
	});

	it('keeps a success through the signals of the terminal', MINUTE, async () => {
		const where = room(), one = me(), state = path.join(one.home, 'state'), out = path.join(one.home, 'out'), go = path.join(one.home, 'go');
		const proc = one.begin(['tail', '-r', where, '--state', state, '--exec', `trap '' INT TERM HUP QUIT; echo x >>${out}; while ! [ -e ${go} ]; do sleep 0.02; done`]);
		await until(() => fs.existsSync(state));
		const id = await s.sent('a', { room: where });
		await until(() => fs.existsSync(out));
		for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'])
			process.kill(-proc.pid, signal);
		await within(ms(30_000), proc.exited, 'the end of tail');
		fs.writeFileSync(go, '');
		await until(() => JSON.parse(fs.readFileSync(state, 'utf8')).next === id);
		assert.equal(fs.readFileSync(out, 'utf8'), 'x\n');
	});

	it('stops where a success cannot be kept', MINUTE, async () => {
		const where = room(), one = me(), folder = path.join(one.home, 'sub');
		fs.mkdirSync(folder);
		const state = path.join(folder, 'state');
		const proc = one.begin(['tail', '-r', where, '--state', state, '--exec', `rm -rf ${folder}`]);
		await until(() => fs.existsSync(state));
		const id = await s.sent('a', { room: where });
		const { code } = await within(ms(30_000), proc.ended, 'the end of tail');
		assert.equal(code, 1);
		assert.match(proc.stderr, new RegExp(`message ${id} was given to the command with success, which could not be kept`));
	});
});

describe('longline: who may, through nginx', () => {
	const s = sharedSite({ flags: [] });

	it('is who its token says, ends with 4 where it may not, and when the token goes', MINUTE, async () => {
		const bob = await token(s, 'bob');
		await s.sql(`${insertGrant({ who: 'token:bob', rooms: 'ops', may: 'rw' })} ${insertGrant({ who: 'token:bob', rooms: 'blind', may: 'w' })}`);
		await until(async () => (await s.get('/poll?room=ops&wait=0')).status === 403);
		const one = person({ url: s.url, token: bob.secret });
		await one.ok('send', '-r', 'ops', '-s', 'mallory', 'x');
		await one.ok('send', '-r', 'blind', 'x');
		const [{ sender, by }] = lines(await one.ok('history', '-r', 'ops', '--json')).map((line) => JSON.parse(line));
		assert.deepEqual([sender, by], ['bob', 'bob']);
		await one.no(4, /does not allow it: 403: /, 'send', '-r', 'other', 'x');
		for (const command of ['tail', 'history'])
			await one.no(4, /does not allow it: 403: /, command, '-r', 'blind');
		await person({ url: s.url }).no(4, /403/, 'send', '-r', 'ops', 'x');
		for (const command of [['send', 'x'], ['tail'], ['history']])
			await person({ url: s.url, token: newSecret() }).no(4, /does not allow it: 401: /, ...command, '-r', 'ops');
		const state = path.join(one.home, 'state');
		const proc = one.begin(['tail', '-r', 'ops', '--state', state, '-n', '1']);
		await until(() => lines(proc.stdout).length === 1);
		await s.sql("DELETE FROM tokens WHERE name = 'bob'");
		const { code } = await within(ms(30_000), proc.ended, 'the end of tail');
		assert.deepEqual([code, /does not allow it: 401: /.test(proc.stderr)], [4, true], proc.stderr);
	});
});

it(`longline tail misses and repeats nothing over ${KILLS} kills of the daemon and of itself`, { timeout: ms(900_000) }, async (t) => {
	const site = await start({ t }), one = person({ url: site.url }), where = room();
	const files = { done: path.join(one.home, 'done'), printed: path.join(one.home, 'printed'), group: path.join(one.home, 'group') };
	for (const file of Object.values(files))
		fs.writeFileSync(file, '');
	// Some fail the first time; a success is one line.
	const command = `[ $((LONGLINE_ID % 23)) != 0 ] || [ -e ${one.home}/tried.$LONGLINE_ID ] || { : >${one.home}/tried.$LONGLINE_ID; exit 1; }; sleep 0.0$((LONGLINE_ID % 4)); echo $LONGLINE_ID >>${files.done}`;
	const readers = [
		{ args: ['tail', '-r', where, '-n', '0', '--state', path.join(one.home, 'state-1'), '--exec', command] },
		{ args: ['tail', '-r', where, '-n', '0', '--json', '--state', path.join(one.home, 'state-2')], to: files.printed },
		// Killed with its keeper and its command: it is told that it may have had a message.
		{ args: ['tail', '-r', where, '--state', path.join(one.home, 'state-3'), '--exec', `echo "$LONGLINE_ID $LONGLINE_AGAIN" >>${files.group}`], group: true },
	];
	const begin = (reader) => Object.assign(reader, { proc: one.begin(reader.args, { to: reader.to }) });
	readers.forEach(begin);
	await until(() => readers.every(({ args }) => fs.existsSync(args[args.indexOf('--state') + 1])));

	let stopping = false, sent = 0, kills = 0;
	const sender = (async () => {
		while (!stopping) {
			await one.ok('send', '-r', where, `message ${sent++}`, '--timeout', '60');
			await sleep(random(0, 60));
		}
	})();
	const lane = async (name) => {
		for (let n = 0; !stopping; n++, sent++) {
			const body = { room: where, text: `${name}.${n}`, key: `${name}.${n}` };
			while (![200, 201].includes((await site.send(body).catch(() => ({}))).status))
				await sleep(random(5, 50));
			await sleep(random(0, 40));
		}
	};
	const failed = Promise.all([sender, lane('a'), lane('b')]).then(() => false, () => true);
	const killing = async () => {
		for (let i = 0; i < KILLS; i++) {
			for (const reader of readers) {
				await sleep(random(10, 250));
				process.kill(reader.group ? -reader.proc.pid : reader.proc.pid, 'SIGKILL');
				await reader.proc.exited;
				begin(reader);
				kills++;
			}
		}
	};
	const killingDaemon = async () => {
		for (let i = 0; i < KILLS; i++) {
			const pid = await newPid(site, 0);
			await sleep(random(50, 500));
			process.kill(pid, 'SIGKILL');
			await newPid(site, pid);
		}
	};
	await Promise.all([killing(), killingDaemon()]);
	stopping = true;
	assert.equal(await failed, false);
	const want = (await site.rows(`SELECT id FROM messages WHERE room = '${where}' ORDER BY id`)).map(({ id }) => id);
	assert.equal(want.length, sent);
	const done = () => lines(fs.readFileSync(files.done, 'utf8')).map(Number);
	const printed = () => lines(fs.readFileSync(files.printed, 'utf8')).map((line) => JSON.parse(line).id);
	const group = () => lines(fs.readFileSync(files.group, 'utf8')).map((line) => line.split(' '));
	await until(() => done().length >= want.length && printed().length >= want.length && group().at(-1)?.[0] === String(want.at(-1)), { timeout: ms(300_000), what: 'all of them' }).catch((error) => {
		throw new Error(`${error.message}: ${[done(), printed(), group()].map((list) => list.length)} of ${want.length}\n${readers.map(({ proc }) => proc.stderr).join('---\n')}`);
	});
	await Promise.all(readers.map(({ proc }) => end(proc)));
	assert.deepEqual(done(), want);
	assert.deepEqual(printed(), want);
	const again = group().filter(([id], i, all) => all[i - 1]?.[0] === id);
	assert.deepEqual(group().filter(([id], i, all) => all[i - 1]?.[0] !== id).map(([id]) => Number(id)), want, 'none is missing, and what comes again comes next');
	assert.deepEqual(again.filter(([, said]) => said !== '1'), [], 'what comes again says so');
	t.diagnostic(`${kills} kills of tail and ${KILLS} of the daemon: ${want.length} messages, each given once and printed once, in order; ${again.length} given again, as said, where all was killed`);
});
