// nginx-websocket.test.mjs: what the snippets make of who asks for a WebSocket: which of them reach the daemon by SCGI,
// what it is told of them, and that all else holds for them as it does for polling: names, limits, errors, logs. Most of it
// is seen by a server in the daemon's place.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { describe, it } from 'node:test';
import { backend } from './fastcgi.mjs';
import { daemon, ms, problem, root, run, tempDir, until, within } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

const PAGE = 'https://page.example';
const ASKS = { Connection: 'keep-alive, Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
const OK = 'Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nok';
const SWITCHED = 'Status: 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';
const DOORS = ['/socket.io/?EIO=4&transport=websocket', '/socket.io?EIO=4&transport=websocket'];
const basic = (name, password) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
/** What only a WebSocket is asked with, and what only polling or /stream is. */
const OWN = ['CONTENT_LENGTH', 'SCGI', 'SERVER_PROTOCOL', 'HTTP_CONNECTION', 'HTTP_UPGRADE', 'HTTP_SEC_WEBSOCKET_KEY', 'HTTP_SEC_WEBSOCKET_VERSION'];
const POLLING = ['LONGLINE_UPGRADE', 'HTTP_ACCEPT', 'HTTP_LAST_EVENT_ID'];
const others = (told) => Object.fromEntries(Object.entries(told).filter(([name]) => ![...OWN, ...POLLING].includes(name)));
const bySCGI = (told) => told?.SCGI === '1';

/** Sends back whatever comes. */
const echo = (conn, first) => {
	conn.write(first);
	conn.on('data', (part) => conn.write(part));
};

/** A server in the daemon's place, and nginx before it with these lines in its server { }. */
async function site(t, lines = '', { answer = (told) => (bySCGI(told) ? SWITCHED : OK), raw = echo, maps = '', base = '', cors = '', listen = '', limits, ...more } = {}) {
	const seen = await backend(t, path.join(tempDir(), 'socket'), answer, raw);
	const own = snippets({ socket: seen.socket, base, cors });
	const front = await nginx({ ...own, http: own.http + maps, limits: limits ?? own.limits, t, ...more, site: (port) => `
server {
	listen 127.0.0.1:${port}${listen};
	include server.conf;
	${lines}
}` });
	return Object.assign(front, { asked: seen.asked, last: () => seen.asked.at(-1) });
}

/** A connection on which this was sent: {conn, got()}. */
function send(front, t, text) {
	const conn = net.connect(front.port, '127.0.0.1'), self = { conn, text: '', closed: false };
	conn.setEncoding('latin1').on('error', () => {});
	conn.on('data', (part) => {
		self.text += part;
	}).on('close', () => {
		self.closed = true;
	});
	conn.write(text, 'latin1');
	t.after(() => conn.destroy());
	return self;
}

/** Asks with these headers: a response of harness.mjs, and the connection, which is open after a 101. */
async function ask(front, t, target, headers = ASKS, { method = 'GET', protocol = 'HTTP/1.1', behind = '' } = {}) {
	const lines = Object.entries({ Host: 'chat.example', ...headers }).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`);
	const self = send(front, t, `${method} ${target} ${protocol}\r\n${lines.join('')}\r\n${behind}`);
	await until(() => self.closed || self.text.includes('\r\n\r\n'), { what: 'a head', every: 2 });
	const end = self.text.indexOf('\r\n\r\n'), [first, ...rest] = self.text.slice(0, end).split('\r\n');
	self.head = end + 4;
	self.status = Number(first.split(' ')[1]);
	self.headers = Object.fromEntries(rest.map((line) => [line.split(':')[0].toLowerCase(), line.slice(line.indexOf(':') + 2)]));
	if (self.status !== 101 && self.headers['content-length'] !== undefined) {
		await until(() => self.closed || self.text.length >= self.head + Number(self.headers['content-length']), { what: 'a body', every: 2 });
		if (/json/.test(self.headers['content-type']))
			self.json = JSON.parse(self.text.slice(self.head));
	}
	self.body = () => self.text.slice(self.head);
	return self;
}

describe('nginx: a WebSocket reaches the daemon', () => {
	const SAID = { Origin: PAGE, Authorization: `Bearer ${'x'.repeat(4_000)}`, 'X-Forwarded-For': '192.0.2.1, 192.0.2.2', 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Dest': 'websocket',
		Prefer: 'wait=5', 'If-Match': '"1"', 'If-None-Match': '"2"', 'If-Key': 'k', 'Idempotency-Key': 'i', Accept: '*/*', 'Last-Event-ID': '7-a', 'User-Agent': 'agent/1',
		'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'x-y', 'Content-Type': 'text/plain', Cookie: 'a=b', 'X-Other': 'o', 'Remote-User': 'mallory' };

	for (const base of ['', '/chat']) {
		it(`and is told what polling is told, at ${base || 'the root'}`, async (t) => {
			const front = await site(t, '', { base });
			for (const target of DOORS)
				for (const said of [SAID, {}]) {
					const held = await ask(front, t, `${base}${target}`, { ...said, ...ASKS }), told = front.last();
					assert.equal(held.status, 101);
					assert.ok(bySCGI(told));
					assert.deepEqual(OWN.map((name) => told[name]), ['0', '1', 'HTTP/1.1', ASKS.Connection, ASKS.Upgrade, ASKS['Sec-WebSocket-Key'], '13']);
					assert.equal(told.pairs[0][0], 'CONTENT_LENGTH');
					assert.equal(new Set(told.pairs.map(([name]) => name)).size, told.pairs.length, 'each name once');
					assert.equal((await ask(front, t, `${base}${target}`, said)).status, 200);
					assert.equal(front.last().LONGLINE_UPGRADE, '1');
					assert.deepEqual(others(told), others(front.last()));
					assert.equal(told.SCRIPT_NAME, `${base}/socket.io${target.includes('/?') ? '/' : ''}`);
					assert.equal(told.REMOTE_ADDR, '127.0.0.1');
					assert.ok(!('REMOTE_USER' in told));
					held.conn.destroy();
				}
			const named = snippets({ socket: '' }).server.matchAll(/\bfastcgi_param (\w+)/g);
			assert.deepEqual(Object.keys(others(front.asked[0])).sort(), [...named].map(([, name]) => name).filter((name) => ![...OWN, ...POLLING, 'REMOTE_USER'].includes(name)).sort());
		});
	}

	it('and is switched: bytes go both ways, also those that came with the request', async (t) => {
		const front = await site(t);
		const one = await ask(front, t, DOORS[0], ASKS, { behind: 'first' });
		assert.deepEqual([one.status, one.headers.upgrade, one.headers.connection, one.headers['sec-websocket-accept']], [101, 'websocket', 'upgrade', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
		assert.equal(one.headers['x-content-type-options'], 'nosniff');
		await until(() => one.body() === 'first');
		const all = Array.from({ length: 100 }, (_, i) => `${i} ${'x'.repeat(5_000)}`).join('');
		one.conn.write(all, 'latin1');
		await until(() => one.body() === `first${all}`, { what: 'all of it to come back' });
	});

	it('and each end hears of the other one\'s', async (t) => {
		const conns = [];
		const front = await site(t, '', { raw: (conn) => conns.push(conn) });
		const [one, two] = [await ask(front, t, DOORS[0]), await ask(front, t, DOORS[0])];
		await until(() => conns.length === 2);
		conns[0].end('bye');
		await until(() => [one, two].some(({ closed }) => closed));
		const [gone, left] = one.closed ? [one, two] : [two, one];
		assert.deepEqual([gone.body(), left.closed], ['bye', false]);
		const ended = once(conns[1].resume(), 'close');
		left.conn.destroy();
		await within(ms(20_000), ended, 'the end at the daemon');
	});
});

describe('nginx: what is no WebSocket goes the other way', () => {
	// Answers 101 to everything, so that whatever nginx would switch is seen.
	const always = { answer: () => SWITCHED, raw: echo };

	it('another method, protocol or word', async (t) => {
		const front = await site(t, '', always);
		let switched = 0;
		const words = ['WebSocket', 'WEBSOCKET', '', 'h2c', 'websocket, h2c', 'h2c, websocket', 'xwebsocket', 'websocketx', 'websocket\t'];
		for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'GETS'])
			for (const protocol of ['HTTP/1.1', 'HTTP/1.0'])
				for (const Upgrade of ['websocket', undefined, ...(method === 'GET' ? words : [])]) {
					const before = front.asked.length, right = method === 'GET' && protocol === 'HTTP/1.1' && /^websocket$/i.test(Upgrade);
					const res = await ask(front, t, DOORS[before % 2], { ...ASKS, Upgrade, 'Content-Length': /^P/.test(method) ? '0' : undefined }, { method, protocol });
					assert.equal(front.asked.length, before + 1, `${method} ${protocol} ${Upgrade}`);
					assert.equal(bySCGI(front.last()), right, `${method} ${protocol} ${Upgrade}`);
					assert.equal(front.last().REQUEST_METHOD, method);
					switched += right;
					res.conn.destroy();
				}
		assert.equal(switched, 3);
	});

	it('no other path of ours', async (t) => {
		const front = await site(t);
		for (const target of ['/poll', '/send', '/history', '/rooms', '/healthz', '/metrics', '/messages/1']) {
			assert.equal((await ask(front, t, target)).status, 200);
			assert.ok(!bySCGI(front.last()), target);
		}
		assert.equal((await ask(front, t, '/')).status, 200);
		assert.equal((await ask(front, t, '/socket.iox')).status, 404);
		assert.equal(front.asked.length, 7);
	});

	it('a body comes along, so that the daemon can refuse it', async (t) => {
		const front = await site(t, '', { answer: () => OK });
		const res = await ask(front, t, DOORS[0], { ...ASKS, 'Content-Length': '5' }, { behind: 'hello' });
		assert.equal(res.status, 200);
		assert.ok(bySCGI(front.last()));
		assert.equal(front.last().CONTENT_LENGTH, '5');
		assert.equal((await ask(front, t, DOORS[0], { ...ASKS, 'Transfer-Encoding': 'chunked' }, { behind: '3\r\nabc\r\n0\r\n\r\n' })).status, 200);
		assert.equal(front.last().CONTENT_LENGTH, '3');
	});

	it('HTTP/2, in which nothing is switched', async (t) => {
		const front = await site(t, '', { ...always, listen: ' http2' });
		// node sends no such headers, so the frames are our own: names and values as they are, for HPACK's literals.
		const literal = (name, value) => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
		const frame = (type, flags, stream, payload = Buffer.alloc(0)) => Buffer.concat([Buffer.from([0, payload.length >> 8, payload.length & 255, type, flags, 0, 0, 0, stream]), payload]);
		const head = (headers) => Buffer.concat(Object.entries(headers).map(([name, value]) => literal(name, value)));
		for (const upgrade of ['websocket', 'WebSocket']) {
			const before = front.asked.length;
			const one = send(front, t, `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${Buffer.concat([frame(4, 0, 0), frame(1, 5, 1,
				head({ ':method': 'GET', ':scheme': 'http', ':path': DOORS[0], ':authority': 'chat.example', upgrade, 'sec-websocket-version': '13', 'sec-websocket-key': ASKS['Sec-WebSocket-Key'] }))]).toString('latin1')}`);
			await until(() => front.asked.length > before, { what: 'HTTP/2 to reach the daemon' });
			assert.ok(!bySCGI(front.last()));
			assert.equal(front.last().QUERY_STRING, 'EIO=4&transport=websocket');
			one.conn.destroy();
		}
		assert.doesNotMatch(front.error(), /\[alert\]/);
	});

	it('who asks by HTTP/1.0 is not told that it can be had', async (t) => {
		const front = await site(t);
		await ask(front, t, '/socket.io/?EIO=4&transport=polling', {}, { protocol: 'HTTP/1.0' });
		assert.ok(!('LONGLINE_UPGRADE' in front.last()));
		await ask(front, t, '/socket.io/?EIO=4&transport=polling', { 'LONGLINE-UPGRADE': '0', LONGLINE_UPGRADE: '0' });
		assert.equal(front.last().LONGLINE_UPGRADE, '1');
	});
});

describe('nginx: polling and WebSocket are refused alike', () => {
	/** Both, with the same headers: the same problem document, which is given. */
	async function alike(front, t, status, code, headers = {}) {
		const before = front.asked?.length;
		const both = [];
		for (const more of [{}, ASKS])
			for (const target of DOORS)
				both.push(await ask(front, t, target, { Origin: PAGE, ...more, ...headers }));
		for (const res of both) {
			problem(assert, res, status, code);
			const { date, ...rest } = res.headers, { date: _, ...first } = both[0].headers;
			assert.deepEqual(rest, first);
			assert.equal(res.headers['access-control-allow-origin'], status === 403 ? undefined : PAGE);
			assert.equal(res.body(), both[0].body());
			res.conn.destroy();
		}
		assert.equal(front.asked?.length, before);
		return both[0];
	}

	it('without a password, and who has one has a name', async (t) => {
		const file = path.join(tempDir(), 'users');
		fs.writeFileSync(file, 'ann:{PLAIN}x\n');
		const front = await site(t, `auth_basic "Longline"; auth_basic_user_file ${file}; include auth.conf;`, { cors: PAGE });
		const res = await alike(front, t, 401, 'unauthorized');
		assert.equal(res.headers['www-authenticate'], 'Basic realm="Longline"');
		await alike(front, t, 401, 'unauthorized', { Authorization: basic('ann', 'wrong') });
		for (const headers of [{}, ASKS])
			for (const target of DOORS) {
				const good = await ask(front, t, target, { ...headers, Authorization: basic('ann', 'x') });
				assert.equal(good.status, headers === ASKS ? 101 : 200);
				assert.equal(front.last().REMOTE_USER, 'ann');
				good.conn.destroy();
			}
	});

	it('a name that nothing checks is nobody\'s', async (t) => {
		const front = await site(t);
		for (const headers of [{}, ASKS]) {
			const res = await ask(front, t, DOORS[0], { ...headers, Authorization: basic('ann', 'x') });
			assert.ok(!('REMOTE_USER' in front.last()));
			assert.equal(front.last().HTTP_AUTHORIZATION, basic('ann', 'x'));
			res.conn.destroy();
		}
	});

	it('where only writing needs a password, both do', async (t) => {
		const file = path.join(tempDir(), 'users');
		fs.writeFileSync(file, 'ann:{PLAIN}x\n');
		const front = await site(t, `auth_basic $longline_writes; auth_basic_user_file ${file}; include auth.conf;`, { cors: PAGE });
		await alike(front, t, 401, 'unauthorized');
	});

	it('by whoever auth_request asks, and it is told the name', async (t) => {
		const who = path.join(tempDir(), 'who');
		const front = await site(t, `auth_request /who; include auth.conf; location = /who { internal; auth_request off; proxy_pass http://unix:${who}; }`, { cors: PAGE,
			maps: `server { listen unix:${who}; location / { if ($http_x_key = good) { add_header X-User ann; return 204; } if ($http_x_key = bad) { return 403; } return 401; } }` });
		await alike(front, t, 401, 'unauthorized');
		await alike(front, t, 403, 'forbidden', { 'X-Key': 'bad' });
		for (const headers of [{}, ASKS]) {
			assert.equal((await ask(front, t, DOORS[0], { ...headers, 'X-Key': 'good' })).status, headers === ASKS ? 101 : 200);
			assert.deepEqual([bySCGI(front.last()), front.last().REMOTE_USER], [headers === ASKS, 'ann']);
		}
	});

	it('from an address that is kept out', async (t) => {
		await alike(await site(t, 'deny 127.0.0.1;', { cors: PAGE }), t, 403, 'forbidden');
	});

	it('beyond the limit of an address, in which an open one counts until its end', async (t) => {
		const { limits } = snippets({ socket: 'none' });
		const front = await site(t, 'include limits.conf;', { cors: PAGE, limits: limits.replace(/(limit_conn \w+) \d+;/, '$1 2;') });
		const held = [await ask(front, t, DOORS[0]), await ask(front, t, DOORS[1])];
		assert.deepEqual(held.map(({ status }) => status), [101, 101]);
		assert.equal((await alike(front, t, 429, 'too_many_requests')).headers['retry-after'], '1');
		held[0].conn.destroy();
		await until(async () => {
			const res = await ask(front, t, DOORS[0], {});
			res.conn.destroy();
			return res.status === 200;
		}, { what: 'room for one' });
	});

	it('beyond a rate of nginx\'s', async (t) => {
		const front = await site(t, 'limit_req zone=all; limit_req_status 429;', { cors: PAGE, maps: 'limit_req_zone $server_port zone=all:1m rate=1r/m;' });
		await ask(front, t, DOORS[0]);
		await alike(front, t, 429, 'too_many_requests');
	});

	it('without a daemon, and by one that does not answer', async (t) => {
		const own = snippets({ socket: path.join(tempDir(), 'none'), cors: PAGE });
		assert.equal((await alike(await nginx({ ...own, t }), t, 502, 'bad_gateway')).headers['retry-after'], '1');
		const socket = path.join(tempDir(), 'mute'), mute = net.createServer(() => {}).listen(socket);
		await once(mute, 'listening');
		t.after(() => mute.close());
		const quick = snippets({ socket, cors: PAGE });
		await alike(await nginx({ ...quick, server: quick.server.replace(/_read_timeout \w+;/g, '_read_timeout 1s;'), t }), t, 504, 'gateway_timeout');
	});

	it('by the daemon, whose refusals come through as they are', async (t) => {
		const front = await site(t, '', { answer: ({ HTTP_PREFER }) => `Status: ${HTTP_PREFER} x\r\nContent-Type: application/problem+json\r\nRetry-After: 7\r\nSec-WebSocket-Version: 13\r\nContent-Length: 11\r\n\r\n{"own":1}\r\n` });
		for (const status of [400, 401, 403, 404, 413, 421, 426, 429, 503, 507]) {
			const res = await ask(front, t, DOORS[0], { ...ASKS, Prefer: String(status) });
			assert.deepEqual([res.status, res.json, res.headers['retry-after'], res.headers['sec-websocket-version']], [status, { own: 1 }, '7', '13']);
			assert.ok(bySCGI(front.last()));
		}
	});

	it('a daemon that knows no SCGI: 502, and polling goes on', async (t) => {
		const front = await site(t, '', { raw: null, cors: PAGE });
		const res = await ask(front, t, DOORS[0], { ...ASKS, Origin: PAGE });
		problem(assert, res, 502, 'bad_gateway');
		assert.equal((await ask(front, t, DOORS[0], {})).status, 200);
		assert.equal(front.asked.length, 1, 'nothing was sent again');
	});
});

describe('nginx: a WebSocket behind another proxy', () => {
	const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
	const [, http, lines] = /```nginx\n# in http \{ \}\n(map [^`]*?)# in server \{ \}\n(location \/ \{\n\tproxy_pass [^]*?)```/.exec(readme);
	/** A proxy with README's lines, but for those that `without` finds. */
	const outer = (inner, t, { without = /$^/gm, listen = '' } = {}) => {
		const location = lines.replace('127.0.0.1:8080', `127.0.0.1:${inner.port}`).replace(without, '');
		return nginx({ http, server: '', t, site: (port) => `server { listen 127.0.0.1:${port}${listen}; ${location} }` });
	};

	it('the lines of README let it through, and polling as before', async (t) => {
		const inner = await site(t), front = await outer(inner, t);
		for (const target of DOORS) {
			const res = await ask(front, t, target, { ...ASKS, Origin: PAGE }, { behind: 'first' });
			assert.equal(res.status, 101);
			await until(() => res.body() === 'first');
			assert.deepEqual([bySCGI(inner.last()), inner.last().HTTP_HOST, inner.last().HTTP_ORIGIN, inner.last().HTTP_X_FORWARDED_FOR], [true, 'chat.example', PAGE, '127.0.0.1']);
			res.conn.destroy();
			assert.equal((await ask(front, t, target, {})).status, 200);
			assert.deepEqual([bySCGI(inner.last()), inner.last().LONGLINE_UPGRADE], [false, '1']);
		}
	});

	it('and what is none is none', async (t) => {
		const inner = await site(t), front = await outer(inner, t);
		for (const options of [{ method: 'POST' }, { protocol: 'HTTP/1.0' }]) {
			const res = await ask(front, t, DOORS[0], { ...ASKS, 'Content-Length': '0' }, options);
			assert.ok(!bySCGI(inner.last()) || !/upgrade/i.test(inner.last().HTTP_CONNECTION), 'the daemon refuses it, if it comes so far');
			res.conn.destroy();
		}
	});

	it('nginx as it is by itself asks by HTTP/1.0: nobody is told that there are any', async (t) => {
		const inner = await site(t), front = await outer(inner, t, { without: /^\tproxy_(http_version|set_header (Upgrade|Connection)) .*$/gm });
		for (const headers of [{}, ASKS]) {
			assert.equal((await ask(front, t, DOORS[0], headers)).status, 200);
			assert.deepEqual([bySCGI(inner.last()), 'LONGLINE_UPGRADE' in inner.last()], [false, false]);
		}
	});

	it('one that takes Upgrade away leaves polling', async (t) => {
		const inner = await site(t), front = await outer(inner, t, { without: /^\tproxy_set_header (Upgrade|Connection) .*$/gm });
		for (const headers of [{}, ASKS]) {
			assert.equal((await ask(front, t, DOORS[0], headers)).status, 200);
			assert.equal(bySCGI(inner.last()), false);
		}
	});
});

describe('nginx: a page by HTTP/2 and a WebSocket beside it', () => {
	it('at the same port, with the same name', async (t) => {
		const dir = tempDir(), [cert, key, users] = ['cert.pem', 'key.pem', 'users'].map((name) => path.join(dir, name));
		const made = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=chat.example', '-keyout', key, '-out', cert]);
		assert.equal(made.code, 0, made.stderr);
		fs.writeFileSync(users, 'ann:{PLAIN}x\n');
		const front = await site(t, `ssl_certificate ${cert}; ssl_certificate_key ${key}; auth_basic "Longline"; auth_basic_user_file ${users}; include auth.conf;`, { listen: ' ssl http2' });
		const session = http2.connect(`https://127.0.0.1:${front.port}`, { rejectUnauthorized: false });
		t.after(() => session.destroy());
		const authorization = basic('ann', 'x');
		const stream = session.request({ ':path': '/socket.io/?EIO=4&transport=polling', authorization });
		const [answer] = await within(ms(20_000), once(stream, 'response'));
		stream.resume();
		assert.equal(answer[':status'], 200);
		assert.deepEqual([front.last().REMOTE_USER, front.last().LONGLINE_UPGRADE], ['ann', '1']);
		const conn = tls.connect({ port: front.port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
		t.after(() => conn.destroy());
		let text = '';
		conn.setEncoding('latin1').on('data', (part) => {
			text += part;
		}).on('error', () => {});
		conn.write(`GET ${DOORS[0]} HTTP/1.1\r\nHost: chat.example\r\nAuthorization: ${authorization}\r\n${Object.entries(ASKS).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\nhello`);
		await until(() => text.endsWith('hello'), { what: 'the echo' });
		assert.match(text, /^HTTP\/1\.1 101 /);
		assert.deepEqual([bySCGI(front.last()), front.last().REMOTE_USER], [true, 'ann']);
		assert.equal(session.destroyed, false);
	});
});

/** A packet as a frame of a client's; its mask leaves all bytes as they are. */
const frame = (packet) => Buffer.concat([Buffer.from(packet.length < 126 ? [0x81, 0x80 | packet.length, 0, 0, 0, 0] : [0x81, 0xfe, packet.length >> 8, packet.length & 255, 0, 0, 0, 0]), Buffer.from(packet)]);

/** The packets that have come on this connection, as far as they are whole. */
function packets(one) {
	const bytes = Buffer.from(one.body(), 'latin1'), found = [];
	for (let at = 0; bytes.length - at >= 2;) {
		const long = bytes[at + 1] === 126 ? 2 : 0;
		if (bytes.length - at < 2 + long)
			break;
		const n = long === 0 ? bytes[at + 1] : bytes.readUInt16BE(at + 2), begin = at + 2 + long;
		if (bytes.length < begin + n)
			break;
		found.push(bytes.toString('utf8', begin, begin + n));
		at = begin + n;
	}
	return found;
}

describe('nginx: the daemon by polling and by WebSocket', () => {
	const POLLING = DOORS.map((target) => target.replace('websocket', 'polling'));
	const opened = async (front, target, headers = {}) => JSON.parse((await front.get(target, headers)).text.slice(1));

	/** A session that began by WebSocket and has joined: what came first, and its answers. */
	async function joined(front, t, target, headers = {}) {
		const one = await ask(front, t, target, { ...ASKS, ...headers });
		assert.equal(one.status, 101, one.text);
		one.conn.write(frame('40'));
		await until(() => packets(one).length >= 2, { what: 'the welcome' });
		return one;
	}

	for (const base of ['', '/chat']) {
		it(`what one of them sends, the other is told, at ${base || 'the root'}`, async (t) => {
			const d = await daemon({ t }), front = await nginx({ ...snippets({ socket: d.socket, base }), t });
			for (const [i, target] of POLLING.entries()) {
				const session = await opened(front, base + target);
				assert.deepEqual(session.upgrades, ['websocket']);
				const one = await joined(front, t, base + DOORS[i]), first = JSON.parse(packets(one)[0].slice(1));
				assert.deepEqual({ ...first, sid: '' }, { ...session, sid: '', upgrades: [] });
				assert.match(packets(one)[1], /^40\{"sid":/);
				const poll = `${base}${target}&sid=${session.sid}`;
				assert.equal((await front.post(poll, '40')).text, 'ok');
				assert.match((await front.get(poll)).text, /^40/);
				one.conn.write(frame(`421["chat message","by WebSocket ${i}"]`));
				await until(() => packets(one).some((packet) => packet.startsWith('431')), { what: 'the acknowledgement' });
				assert.match((await front.get(poll)).text, new RegExp(`^42\\["chat message","by WebSocket ${i}"`));
				assert.equal((await front.post(poll, `42["chat message","by polling ${i}"]`)).text, 'ok');
				await until(() => packets(one).some((packet) => packet.startsWith(`42["chat message","by polling ${i}"`)), { what: 'the event' });
				one.conn.destroy();
			}
		});
	}

	it('by WebSocket as by polling it is the same person, who has the checked name', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'user.sessions=3'] });
		const file = path.join(tempDir(), 'users'), Authorization = basic('ann', 'x');
		fs.writeFileSync(file, 'ann:{PLAIN}x\n');
		const { http, server, auth } = snippets({ socket: d.socket });
		const front = await nginx({ http, server, auth, t, extra: `auth_basic "Longline"; auth_basic_user_file ${file}; include auth.conf;` });
		const one = await joined(front, t, DOORS[0], { Authorization });
		one.conn.write(frame('421["chat message","hi"]'));
		await until(() => packets(one).some((packet) => packet.startsWith('431')), { what: 'the acknowledgement' });
		const { json } = await front.get('/history', { Authorization });
		assert.deepEqual(json.messages.map(({ by, text }) => [by, text]), [['user:ann', 'hi']]);
		await joined(front, t, DOORS[0], { Authorization });
		await opened(front, POLLING[0], { Authorization });
		const both = [await front.get(POLLING[0], { Authorization }), await ask(front, t, DOORS[0], { ...ASKS, Authorization })];
		for (const res of both)
			problem(assert, res, 429, 'rate_limited');
		assert.deepEqual(both[0].json, both[1].json);
	});

	it('another origin and another host are refused alike', async (t) => {
		const d = await daemon({ t, flags: ['--host', 'chat.example', '--cors', PAGE] });
		const front = await nginx({ ...snippets({ socket: d.socket, cors: PAGE }), t });
		for (const [headers, status] of [[{}, 101], [{ Origin: PAGE }, 101], [{ Origin: 'https://chat.example' }, 101], [{ Origin: 'https://evil.example' }, 403], [{ Host: 'evil.example' }, 421]]) {
			const polling = await front.get(POLLING[0], { Host: 'chat.example', ...headers });
			const one = await ask(front, t, DOORS[0], { ...ASKS, ...headers });
			assert.equal(one.status, status, JSON.stringify(headers));
			assert.equal(polling.status, status === 101 ? 200 : status, JSON.stringify(headers));
			if (status !== 101)
				assert.deepEqual(one.json, polling.json);
			one.conn.destroy();
		}
	});

	it('behind snippets of before, or without their word, none is offered', async (t) => {
		const d = await daemon({ t }), own = snippets({ socket: d.socket });
		const old = await nginx({ ...own, server: own.server.replace(/^.*scgi.*$|^.*LONGLINE_UPGRADE.*$|^\t\tif \(\$longline_ws\) \{$\n.*\n\t\t\}$/gm, ''), t });
		assert.ok(!/scgi|LONGLINE_UPGRADE|longline_ws/.test(fs.readFileSync(path.join(old.folder, 'server.conf'), 'utf8')));
		const now = await nginx({ ...own, t });
		for (const target of POLLING)
			assert.deepEqual([(await opened(old, target)).upgrades, (await opened(now, target)).upgrades], [[], ['websocket']]);
		assert.equal((await ask(old, t, DOORS[0])).status, 400);
		assert.match((await ask(now, t, POLLING[0], {}, { protocol: 'HTTP/1.0' })).body(), /"upgrades":\[\]/);
	});

	it('--no-websocket: none is offered, nor taken', async (t) => {
		const d = await daemon({ t, flags: ['--no-websocket'] }), front = await nginx({ ...snippets({ socket: d.socket }), t });
		for (const [i, target] of DOORS.entries()) {
			const { sid, upgrades } = await opened(front, POLLING[i]);
			assert.deepEqual(upgrades, []);
			for (const more of ['', `&sid=${sid}`]) {
				const res = await ask(front, t, target + more);
				assert.deepEqual([res.status, res.json], [400, { code: 0, message: 'Transport unknown' }]);
			}
			assert.equal((await front.post(`${POLLING[i]}&sid=${sid}`, '40')).text, 'ok', 'the session is unharmed');
		}
	});

	it('--upgrade-timeout: a step that is not finished is given up, and polling goes on', async (t) => {
		const d = await daemon({ t, flags: ['--upgrade-timeout', '50'] }), front = await nginx({ ...snippets({ socket: d.socket }), t });
		const { sid } = await opened(front, POLLING[0]), poll = `${POLLING[0]}&sid=${sid}`;
		const one = await ask(front, t, `${DOORS[0]}&sid=${sid}`);
		assert.equal(one.status, 101);
		await until(() => one.closed, { what: 'the end of the step' });
		assert.equal((await front.post(poll, '40')).text, 'ok');
		assert.match((await front.get(poll)).text, /^40/);
	});

	it('a body, another method, HTTP/1.0: refused, whatever they ask for', async (t) => {
		const d = await daemon({ t }), front = await nginx({ ...snippets({ socket: d.socket }), t });
		for (const [headers, options] of [[{ 'Content-Length': '5' }, { behind: 'hello' }], [{ 'Content-Length': '0' }, { method: 'POST' }], [{}, { protocol: 'HTTP/1.0' }],
			[{ Upgrade: 'h2c' }, {}], [{ Connection: 'keep-alive' }, {}], [{ 'Sec-WebSocket-Key': undefined }, {}]]) {
			const res = await ask(front, t, DOORS[0], { ...ASKS, ...headers }, options);
			assert.equal(res.status, 400, JSON.stringify([headers, options]));
		}
		const res = await ask(front, t, DOORS[0], { ...ASKS, 'Sec-WebSocket-Version': '8' });
		assert.deepEqual([res.status, res.headers['sec-websocket-version']], [426, '13']);
	});
});

describe('nginx: no log keeps where a WebSocket was asked for', () => {
	it('neither of one that was open, nor of one that was refused', async (t) => {
		const limits = snippets({ socket: 'none' }).limits.replace(/(limit_conn \w+) \d+;/, '$1 1;');
		const front = await site(t, 'access_log usual.log; include limits.conf;', { limits });
		const held = await ask(front, t, `${DOORS[0]}&sid=sEcReT`);
		const refused = await ask(front, t, `${DOORS[0]}&sid=sEcReT`);
		assert.deepEqual([held.status, refused.status], [101, 429]);
		refused.conn.destroy();
		held.conn.destroy();
		await until(async () => {
			const page = await ask(front, t, '/index.html', {});
			page.conn.destroy();
			return page.status === 200;
		}, { what: 'the end of both' });
		const read = () => fs.readFileSync(path.join(front.folder, 'usual.log'), 'utf8');
		await until(() => /index\.html HTTP\/1\.1" 200/.test(read()), { what: 'nginx to log the page' });
		assert.doesNotMatch(read(), /socket\.io|sEcReT/);
	});
});
