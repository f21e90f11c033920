// nginx-persons.test.mjs: what the daemon is told of who asks, and what becomes of its refusals on the way back: addresses
// behind another proxy, tokens beside passwords, the limit for an address, what no log keeps. Most of it is seen by a
// server in the daemon's place, which notes down what it was told.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { backend } from './fastcgi.mjs';
import { ms, problem, request, root, tempDir, until, within } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

const PAGE = 'https://page.example';
const DOORS = ['/send', '/poll', '/history', '/rooms', '/healthz', '/metrics', '/socket.io/?EIO=4&transport=polling', '/socket.io?EIO=4&transport=polling'];
const OK = 'Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nok';
const basic = (name, password) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
/** From another address of this machine. */
const other = () => new http.Agent({ localAddress: '127.0.0.2' });
const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
const source = (name) => fs.readFileSync(path.join(root, 'nginx', `${name}.in`), 'utf8');

/** A server in the daemon's place, and nginx before it with these lines in its server { }. */
async function site(t, lines, { answer = () => OK, maps = '', cors = '', listen = '', ...more } = {}) {
	const daemon = await backend(t, path.join(tempDir(), 'socket'), answer);
	const own = snippets({ socket: daemon.socket, cors });
	const front = await nginx({ ...own, http: own.http + maps, t, ...more, site: (port) => `
server {
	listen 127.0.0.1:${port}${listen};
	include server.conf;
	${lines}
}` });
	return Object.assign(front, { asked: daemon.asked, last: () => daemon.asked.at(-1) });
}

/** The status of a request as it is on the wire: node would not send two headers of a name. */
async function raw(front, ...lines) {
	const conn = net.connect(front.port, '127.0.0.1');
	conn.write(`GET /poll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
	const parts = [];
	for await (const part of conn)
		parts.push(part);
	return Number(/^HTTP\/1.1 (\d+)/.exec(Buffer.concat(parts).toString('latin1'))?.[1]);
}

/** By HTTP/2: {status, headers, text}. */
async function second(session, target, headers = {}) {
	const stream = session.request({ ':path': target, ...headers });
	const [answer] = await within(ms(20_000), once(stream, 'response'));
	let text = '';
	for await (const part of stream.setEncoding('utf8'))
		text += part;
	return { status: answer[':status'], headers: answer, text, json: JSON.parse(text) };
}

describe('nginx: who asks reaches the daemon', () => {
	it('address, token and what other proxies said, at every door; and nothing that was not there', async (t) => {
		const front = await site(t, '');
		const token = `Bearer ${'x'.repeat(4_000)}`;
		for (const target of DOORS) {
			await front.get(target, { Authorization: token, 'X-Forwarded-For': ['192.0.2.1', '192.0.2.2, 192.0.2.3'], 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Dest': 'document' });
			const told = front.last();
			assert.equal(told.HTTP_AUTHORIZATION, token, target);
			assert.equal(told.REMOTE_ADDR, '127.0.0.1');
			assert.equal(told.HTTP_X_FORWARDED_FOR, '192.0.2.1, 192.0.2.2, 192.0.2.3');
			assert.deepEqual([told.HTTP_SEC_FETCH_SITE, told.HTTP_SEC_FETCH_DEST], ['none', 'document']);
			assert.ok(!('REMOTE_USER' in told));
			await front.get(target);
			const bare = front.last();
			assert.equal(bare.REMOTE_ADDR, '127.0.0.1', target);
			for (const name of ['HTTP_AUTHORIZATION', 'HTTP_X_FORWARDED_FOR', 'HTTP_SEC_FETCH_SITE', 'HTTP_SEC_FETCH_DEST', 'REMOTE_USER'])
				assert.ok(!(name in bare), name);
		}
	});

	it('no header takes the place of an address', async (t) => {
		const front = await site(t, '');
		await front.get('/poll', { 'Remote-Addr': '192.0.2.1', REMOTE_ADDR: '192.0.2.1', 'X-Real-IP': '192.0.2.1', Forwarded: 'for=192.0.2.1' });
		assert.deepEqual(Object.entries(front.last()).filter(([, value]) => value.includes('192.0.2.1')), []);
		await request(`${front.url}/poll`, { agent: other() });
		assert.equal(front.last().REMOTE_ADDR, '127.0.0.2');
	});
});

describe('nginx: refusals of the daemon', () => {
	const refusal = (status, title, more) => `Status: ${status} ${title}\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n${more}\r\n\r\n{"status":${status},"code":"of_the_daemon"}`;
	const REFUSALS = {
		401: refusal(401, 'Unauthorized', 'WWW-Authenticate: Bearer realm="Longline", error="invalid_token"'),
		403: refusal(403, 'Forbidden', 'X-One: 1'),
		404: refusal(404, 'Not Found', 'X-One: 1'),
		413: refusal(413, 'Content Too Large', 'X-One: 1'),
		421: refusal(421, 'Misdirected Request', 'X-One: 1'),
		429: refusal(429, 'Too Many Requests', `Retry-After: 4\r\nAccess-Control-Allow-Origin: ${PAGE}\r\nAccess-Control-Expose-Headers: ETag, Retry-After`),
		503: refusal(503, 'Service Unavailable', 'Retry-After: 2'),
		507: refusal(507, 'Insufficient Storage', 'Retry-After: 60'),
	};
	const answer = ({ HTTP_PREFER }) => REFUSALS[HTTP_PREFER];
	/** What must have come through: all headers of the refusal, each once, and its body. */
	const unchanged = (res, status) => {
		const [head, body] = REFUSALS[status].split('\r\n\r\n');
		assert.equal(res.status, status);
		for (const line of head.split('\r\n').slice(1)) {
			const [name, value] = line.split(/: (.*)/);
			assert.equal(res.headers[name.toLowerCase()], value, `${status}: ${name}`);
		}
		assert.equal(res.text, body);
		assert.equal('www-authenticate' in res.headers, status === 401);
	};

	it('come through as they are, with all their headers, at every door', async (t) => {
		const front = await site(t, 'limit_req zone=all burst=10000 nodelay;', { answer, cors: PAGE, maps: 'limit_req_zone $server_port zone=all:1m rate=1r/m;' });
		for (const status of Object.keys(REFUSALS).map(Number))
			for (const target of DOORS)
				unchanged(await front.get(target, { Prefer: String(status), Origin: PAGE }), status);
	});

	it('also by HTTP/2, and behind a password that was right', async (t) => {
		const file = path.join(tempDir(), 'users');
		fs.writeFileSync(file, 'ann:{PLAIN}x\n');
		const front = await site(t, `auth_basic "Longline"; auth_basic_user_file ${file}; include auth.conf;`, { answer, listen: ' http2' });
		const session = http2.connect(front.url);
		t.after(() => session.destroy());
		for (const status of Object.keys(REFUSALS).map(Number)) {
			unchanged(await second(session, '/poll', { prefer: String(status), authorization: basic('ann', 'x') }), status);
			assert.equal(front.last().REMOTE_USER, 'ann');
		}
		const asked = front.asked.length;
		const own = await second(session, '/poll', { prefer: '401' });
		assert.equal(own.headers['www-authenticate'], 'Basic realm="Longline"');
		assert.equal(own.json.code, 'unauthorized');
		assert.equal(front.asked.length, asked);
	});
});

describe('nginx: behind another proxy, as site-example.conf says', () => {
	const lines = source('site-example.conf').match(/^\t#(set_real_ip_from|real_ip_\w+) .*;$/gm).map((line) => line.slice(2)).join('\n');
	const here = lines.replace('192.0.2.1', '127.0.0.1');

	it('is what README.md says', () => {
		assert.ok(readme.replace(/;\s+#.*$/gm, ';').includes(`\n${lines}\n`));
	});

	it('the address is the client\'s, and nobody says himself what it is', async (t) => {
		const front = await site(t, here);
		for (const [said, address] of [
			['203.0.113.9', '203.0.113.9'], ['2001:db8::1', '2001:db8::1'],
			['198.51.100.1, 203.0.113.9', '203.0.113.9'], // the first was there before the proxy
			['198.51.100.1, 203.0.113.9, 127.0.0.1', '203.0.113.9'], // two proxies
			['nonsense', '127.0.0.1'], ['', '127.0.0.1'], [undefined, '127.0.0.1'],
		]) {
			await front.get('/poll', said === undefined ? {} : { 'X-Forwarded-For': said });
			assert.equal(front.last().REMOTE_ADDR, address, said);
		}
		const elsewhere = await site(t, lines);
		await elsewhere.get('/poll', { 'X-Forwarded-For': '203.0.113.9' });
		assert.equal(elsewhere.last().REMOTE_ADDR, '127.0.0.1', 'from whom it does not know');
	});
});

describe('nginx: tokens beside passwords', () => {
	// The lines that longline-auth.conf shows.
	const shown = source('longline-auth.conf').match(/^#\t.*$/gm).map((line) => line.slice(2)).join('\n');
	const [maps, server] = shown.split('# in server { }');
	const [bearer204] = /if \(\$http_authorization [^]*?\{ return 204; \}/.exec(source('longline-auth.conf'));

	const locked = (t) => {
		const file = path.join(tempDir(), 'users');
		fs.writeFileSync(file, 'ann:{PLAIN}x\n');
		return site(t, `${server} auth_basic_user_file ${file}; include auth.conf;`, { maps });
	};

	it('whoever brings a token is nobody to nginx, and it is the daemon\'s to look at', async (t) => {
		const front = await locked(t);
		for (const Authorization of ['Bearer ll_x', 'bearer ll_x', 'Bearer ann:x', basic('', 'll_x'), `${basic('', 'll_x')}`.replace(/=*$/, '')]) {
			assert.equal((await front.get('/poll', { Authorization })).status, 200, Authorization);
			assert.equal(front.last().HTTP_AUTHORIZATION, Authorization);
			assert.ok(!('REMOTE_USER' in front.last()));
		}
		assert.equal((await front.get('/poll', { Authorization: basic('ann', 'x') })).status, 200);
		assert.equal(front.last().REMOTE_USER, 'ann');
	});

	it('and everybody else needs a password', async (t) => {
		const front = await locked(t);
		for (const Authorization of [undefined, basic('ann', 'wrong'), basic('ann', 'll_x'), basic('', 'x'), basic('ll_x', ''), 'Bearer', `basic ${basic('', 'll_x').slice(6)}`,
			`Basic  ${basic('', 'll_x').slice(6)}`, 'Negotiate Bearer ', 'll_x']) {
			const res = await front.get('/poll', Authorization === undefined ? {} : { Authorization });
			problem(assert, res, 401, 'unauthorized');
			assert.equal(res.headers['www-authenticate'], 'Basic realm="Longline"');
		}
		assert.equal(front.asked.length, 0);
	});

	it('nobody gets a name by two headers at a time', async (t) => {
		const front = await locked(t);
		const [token, named, wrong] = ['Authorization: Bearer ll_x', `Authorization: ${basic('', 'll_x')}`, `Authorization: ${basic('ann', 'wrong')}`];
		for (const lines of [[token, wrong], [wrong, token], [named, wrong], [wrong, named], [token, named]])
			assert.ok([200, 400, 401].includes(await raw(front, ...lines)), lines);
		assert.deepEqual(front.asked.filter((told) => 'REMOTE_USER' in told), []);
	});

	it('with auth_request the one who is asked lets them through, without a name', async (t) => {
		const front = await site(t, `auth_request /who; include auth.conf;
			location = /who { internal; auth_request off; ${bearer204} add_header X-User mallory; return 401; }`);
		assert.equal((await front.get('/poll', { Authorization: 'Bearer ll_x', 'X-User': 'ann' })).status, 200);
		assert.ok(!('REMOTE_USER' in front.last()));
		for (const headers of [{}, { Authorization: basic('ann', 'x') }, { 'X-User': 'ann' }])
			assert.equal((await front.get('/poll', headers)).status, 401);
		assert.equal(front.asked.length, 1);
	});
});

describe('nginx: the limit for an address', () => {
	/** A site whose daemon holds every request until `let()`; at most `most` of an address at a time, or what the file says. */
	async function holding(t, { most = 512, lines = '', ...more }) {
		const waiting = [];
		const limits = source('longline-limits.conf').replace(/(limit_conn \w+) \d+;/, `$1 ${most};`);
		const front = await site(t, `${lines} include limits.conf;`, { limits, answer: () => new Promise((resolve) => {
			waiting.push(() => resolve(OK));
		}), ...more });
		const ask = (headers, options = {}) => request(`${front.url}/poll`, { headers, agent: false, ...options });
		/** So many requests that are held. */
		const hold = async (n, headers) => {
			const [before, all] = [waiting.length, Array.from({ length: n }, () => ask(headers))];
			await until(() => waiting.length === before + n, { what: `${n} requests held` });
			return all;
		};
		const settle = (n = waiting.length) => waiting.splice(0, n).forEach((one) => one());
		t.after(() => settle());
		return Object.assign(front, { ask, hold, settle });
	}

	it('512 are held, as the file says, and the next is told so in words that a page elsewhere can read, and one that ends makes room', async (t) => {
		assert.match(source('longline-limits.conf'), /^limit_conn \w+ 512;$/m);
		const front = await holding(t, { cors: PAGE, connections: 2_048 });
		const held = await front.hold(512);
		for (const target of ['/poll', '/send', '/socket.io/?EIO=4&transport=polling', '/']) {
			const res = await front.get(target, { Origin: PAGE });
			problem(assert, res, 429, 'too_many_requests');
			assert.equal(res.headers['retry-after'], '1');
			assert.equal(res.headers['access-control-allow-origin'], PAGE);
			assert.equal(res.headers['access-control-expose-headers'], 'Retry-After');
			assert.equal(res.headers['cache-control'], 'no-store');
		}
		assert.equal((await request(front.url, { agent: other() })).status, 200, 'others are not concerned');
		front.settle(1);
		await until(async () => (await front.get('/')).status === 200);
		assert.doesNotMatch(front.error(), /limiting/);
		front.settle();
		assert.deepEqual((await Promise.all(held)).map(({ status }) => status), Array(512).fill(200));
	});

	it('by HTTP/2 each request counts', async (t) => {
		const front = await holding(t, { most: 3, listen: ' http2' });
		const session = http2.connect(front.url);
		t.after(() => session.destroy());
		for (const headers of [1, 2, 3].map(() => ({ ':path': '/poll' })))
			session.request(headers);
		await until(() => front.asked.length === 3);
		const res = await second(session, '/poll');
		assert.deepEqual([res.status, res.json.code, res.headers['retry-after']], [429, 'too_many_requests', '1']);
	});

	it('a body that does not come counts, too', async (t) => {
		const front = await holding(t, { most: 3 });
		const slow = Array.from({ length: 3 }, () => net.connect(front.port, '127.0.0.1').on('error', () => {}));
		for (const conn of slow)
			conn.write('POST /send HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx');
		await until(async () => (await front.get('/')).status === 429);
		slow[0].destroy();
		await until(async () => (await front.get('/')).status === 200);
		slow.forEach((conn) => conn.destroy());
		assert.equal(front.asked.length, 0);
	});

	it('of IPv6 a /64 is one, and behind a proxy that was named each client is', async (t) => {
		const front = await holding(t, { most: 2, lines: 'set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;' });
		const by = (address) => ({ 'X-Forwarded-For': address });
		for (const [held, also, apart] of [
			[['2001:db8:1:2::1', '2001:db8:1:2:ffff::1'], '2001:db8:1:2::3', '2001:db8:1:3::1'],
			[['192.0.2.1', '192.0.2.1'], '192.0.2.1', '192.0.2.2'],
			[['::ffff:198.51.100.1', '::ffff:198.51.100.1'], '::ffff:198.51.100.1', '::ffff:198.51.100.2'], // of a socket for both
		]) {
			for (const address of held)
				await front.hold(1, by(address));
			problem(assert, await front.ask(by(also)), 429, 'too_many_requests');
			await front.hold(1, by(apart));
			front.settle();
		}
	});

	it('but for the office that README.md leaves out', async (t) => {
		const [, maps, lines] = /```nginx\n# in http \{ \}\n(geo [^]*?)# in server \{ \}[^\n]*\n([^]*?)```/.exec(readme);
		const front = await holding(t, { maps: maps.replace('192.0.2.0/24', '127.0.0.2/32'), limits: '', lines: lines.replace(/512/, '2') });
		const held = Array.from({ length: 5 }, () => front.ask({}, { agent: other() }));
		await until(() => front.asked.length === 5);
		await front.hold(2);
		problem(assert, await front.ask(), 429, 'too_many_requests');
		front.settle();
		assert.ok((await Promise.all(held)).every(({ status }) => status === 200));
	});

	it('nobody is counted who comes by a proxy that was not: it would be one for all', async (t) => {
		const front = await holding(t, { most: 2 });
		await front.hold(5, { 'X-Forwarded-For': '203.0.113.9' });
		// Whoever comes by himself is.
		await front.hold(2);
		problem(assert, await front.ask(), 429, 'too_many_requests');
		front.settle();
		const lan = await holding(t, { most: 2, lines: 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;' });
		for (const address of ['10.1.2.3', '192.168.1.1', '172.16.0.1', '172.31.0.1', '::1', 'fc00::1', 'fd12:3456::1', 'fe80::1', '::ffff:10.1.2.3', '::ffff:172.20.0.1']) {
			await lan.hold(3, { 'X-Real-IP': address, 'X-Forwarded-For': '203.0.113.9' });
			await lan.hold(2, { 'X-Real-IP': address });
			problem(assert, await lan.ask({ 'X-Real-IP': address }), 429, 'too_many_requests');
			lan.settle();
		}
		for (const address of ['172.15.0.1', '172.32.0.1', '11.0.0.1', '192.169.0.1', '2001:db8::1', '::1:2', 'fbff::1', '::ffff:11.0.0.1']) {
			await lan.hold(2, { 'X-Real-IP': address });
			problem(assert, await lan.ask({ 'X-Real-IP': address, 'X-Forwarded-For': '203.0.113.9' }), 429, 'too_many_requests');
			lan.settle();
		}
	});
});

describe('nginx: what its logs keep of a token', () => {
	const SECRET = 'll_sEcReT';

	it('nothing, in neither format, whatever becomes of the request', async (t) => {
		const file = path.join(tempDir(), 'users');
		fs.writeFileSync(file, 'ann:{PLAIN}x\n');
		const front = await site(t, `access_log usual.log; access_log own.log longline; error_log info.log info;
			auth_basic $realm; auth_basic_user_file ${file};`, { maps: 'map $http_x_realm $realm { "" off; default $http_x_realm; }', log: 'access_log usual.log;' });
		const codes = [];
		for (const Authorization of [`Bearer ${SECRET}`, basic('', SECRET), basic('ann', SECRET)]) {
			for (const target of [...DOORS, '/', '/none'])
				codes.push((await front.get(target, { Authorization })).status);
			codes.push((await front.get('/poll', { Authorization, 'X-Realm': 'Longline' })).status);
			codes.push((await front.get(`/poll?x=${'x'.repeat(40_000)}`, { Authorization })).status);
			codes.push((await front.post('/send', 'x'.repeat(5_000_000), { Authorization })).status);
			codes.push(await raw(front, `Authorization: ${Authorization}`, 'Host: b'));
		}
		assert.deepEqual([...new Set(codes)].sort(), [200, 400, 401, 404, 413, 414]);
		await until(() => / - ann \[/.test(fs.readFileSync(path.join(front.folder, 'own.log'), 'utf8')), { what: 'nginx to log it' });
		for (const name of ['usual.log', 'own.log', 'info.log', 'error.log']) {
			const log = fs.readFileSync(path.join(front.folder, name), 'latin1');
			assert.ok(!log.includes(SECRET) && !log.includes(SECRET.slice(3)) && !log.includes(basic('', SECRET).slice(8, 16)), name);
		}
		assert.match(fs.readFileSync(path.join(front.folder, 'own.log'), 'utf8'), / - ann \[/);
	});

	it('nor, in its own format, one that was given for a name', async (t) => {
		const front = await site(t, 'access_log own.log longline;');
		await front.get('/poll', { Authorization: basic(SECRET, '') });
		await front.get('/poll', { Authorization: basic('ann', '') });
		const read = () => fs.readFileSync(path.join(front.folder, 'own.log'), 'utf8');
		await until(() => read().split('\n').length > 2, { what: 'nginx to log both' });
		const log = read();
		assert.match(log, /^127\.0\.0\.1 - - \[.*\n127\.0\.0\.1 - ann \[/);
		assert.ok(!log.includes(SECRET));
	});
});
