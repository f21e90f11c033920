// nginx.test.mjs: what the snippets add to the daemon: the page and its headers, errors of nginx's own, compression.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { STDIN, decode, response } from './fastcgi.mjs';
import { daemon, killPid, ms, parked, problem, room, root, server, tempDir, within } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

describe('nginx: the page', () => {
	const s = server();

	it('is there with everything it names, each with its type', async () => {
		const page = await s.get('/');
		assert.equal(page.status, 200);
		assert.match(page.headers['content-type'], /^text\/html; charset=utf-8/);
		const types = { js: /^text\/javascript/, css: /^text\/css/, svg: /^image\/svg\+xml/, webmanifest: /^application\/manifest\+json/, html: /^text\/html/ };
		for (const name of fs.readdirSync(path.join(root, 'static'))) {
			const res = await s.get(`/${name}`);
			assert.equal(res.status, 200, name);
			if (name !== 'index.html') // stage.test.mjs
				assert.deepEqual(res.body, fs.readFileSync(path.join(root, 'static', name)));
			assert.match(res.headers['content-type'], types[name.split('.').at(-1)] ?? /./, name);
			assert.equal(res.headers['x-content-type-options'], 'nosniff');
		}
		for (const [, name] of page.text.matchAll(/(?:src|href)="([^"]+)"/g))
			assert.equal((await s.get(new URL(name, `${s.url}/`).pathname)).status, 200, name);
	});

	it('has a strict policy', async () => {
		const { headers } = await s.get('/');
		const policy = Object.fromEntries(headers['content-security-policy'].split(';').map((part) => {
			const [name, ...values] = part.trim().split(/\s+/);
			return [name, values];
		}));
		assert.deepEqual(policy['default-src'], ["'none'"]);
		assert.match(String(policy['script-src']), /^'self','sha256-[^',]+'$/); // stage.test.mjs
		assert.deepEqual(policy['frame-ancestors'], ["'none'"]);
		assert.ok(!headers['content-security-policy'].includes('unsafe'));
		assert.equal(headers['x-content-type-options'], 'nosniff');
		assert.ok('referrer-policy' in headers);
	});

	it('is asked for again every time, and then mostly not sent', async () => {
		const first = await s.get('/app.js');
		assert.match(first.headers['cache-control'], /no-cache/);
		assert.equal((await s.get('/app.js', { 'If-None-Match': first.headers.etag })).status, 304);
	});

	it('keeps what is not its own to itself', async () => {
		for (const target of ['/run/nginx.conf', '/longline.db', '/../run/longlined.pid', '/%2e%2e/longline.db', '/.git/config', '/index.html/x', '/none.js'])
			problem(assert, await s.get(target), 404, 'not_found');
	});

	it('can only be read', async () => {
		const res = await s.request('/', { method: 'POST', body: 'x' });
		problem(assert, res, 405, 'method_not_allowed');
		assert.match(res.headers.allow, /GET/);
	});

	it('does not tell which nginx it is', async () => {
		for (const res of [await s.get('/'), await s.get('/none')])
			assert.doesNotMatch(res.headers.server ?? '', /\d/);
	});
});

describe('nginx: answers of the daemon', () => {
	const s = server();

	it('say nosniff, errors too', async () => {
		for (const res of [await s.poll({ wait: 0 }), await s.history(), await s.get('/healthz'), await s.get('/metrics'), await s.send('x'), await s.poll('x=1')])
			assert.equal(res.headers['x-content-type-options'], 'nosniff');
	});

	it('come compressed where that gains', async () => {
		const r = room();
		await s.sent('word '.repeat(5_000), { room: r });
		const gzip = { 'Accept-Encoding': 'gzip' };
		for (const target of [`/history?room=${r}`, `/poll?room=${r}&since=all`]) {
			const res = await s.get(target, gzip);
			assert.equal(res.headers['content-encoding'], 'gzip');
			assert.equal(JSON.parse(gunzipSync(res.body)).messages[0].text.length, 25_000);
			assert.ok(!('content-encoding' in (await s.get(target)).headers));
		}
		assert.ok(!('content-encoding' in (await s.get('/poll?wait=0', gzip)).headers), 'not when it is small');
		assert.equal((await s.get('/app.js', gzip)).headers['content-encoding'], 'gzip');
	});
});

describe('nginx: without the daemon', () => {
	it('502 as problem+json with Retry-After, and the page all the same', async (t) => {
		const front = await nginx({ ...snippets({ socket: path.join(tempDir(), 'none') }), t });
		for (const res of [await front.poll(), await front.history(), await front.send('x'), await front.get('/healthz')]) {
			problem(assert, res, 502, 'bad_gateway');
			assert.match(res.headers['retry-after'], /^\d+$/);
			assert.equal(res.headers['cache-control'], 'no-store');
		}
		assert.equal((await front.get('/')).status, 200);
	});

	it('502 when it dies with a poll in its hands', async (t) => {
		const d = await daemon();
		const front = await nginx({ ...snippets({ socket: d.socket }), t });
		const held = front.poll({ wait: 50 });
		await parked(front, 1);
		await killPid(d.pid);
		problem(assert, await within(ms(30_000), held), 502, 'bad_gateway');
	});

	it('504 as problem+json with Retry-After when it does not answer', async (t) => {
		const socket = path.join(tempDir(), 'mute');
		const mute = net.createServer(() => {}).listen(socket);
		await once(mute, 'listening');
		t.after(() => mute.close());
		const { http, server } = snippets({ socket });
		const front = await nginx({ http, server: server.replace(/fastcgi_read_timeout \w+;/, 'fastcgi_read_timeout 1s;'), t });
		const res = await front.poll();
		problem(assert, res, 504, 'gateway_timeout');
		assert.match(res.headers['retry-after'], /^\d+$/);
	});

	it('with --cors these errors carry the header too', async (t) => {
		const front = await nginx({ ...snippets({ socket: path.join(tempDir(), 'none'), cors: '*' }), t });
		assert.equal((await front.poll()).headers['access-control-allow-origin'], '*');
		assert.equal((await front.post('/send', 'x'.repeat(5_000_000))).headers['access-control-allow-origin'], '*');
	});

	it('never sends a POST, PATCH or DELETE twice', async (t) => {
		const socket = path.join(tempDir(), 'drops');
		let requests = 0;
		// Answers the first request of a connection and drops the second: a kept connection that dies.
		const drops = net.createServer((conn) => {
			let bytes = Buffer.alloc(0), answered = false;
			conn.on('error', () => {});
			conn.on('data', (part) => {
				const { records, rest } = decode(Buffer.concat([bytes, part]));
				bytes = rest;
				if (!records.some((r) => r.type === STDIN && r.content.length === 0))
					return;
				requests++;
				if (answered)
					return conn.destroy();
				answered = true;
				conn.write(response('Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nok'));
			});
		}).listen(socket);
		await once(drops, 'listening');
		t.after(() => drops.close());
		for (const [method, target] of [['POST', '/send'], ['PATCH', '/messages/1'], ['DELETE', '/messages/1']]) {
			requests = 0;
			const front = await nginx({ ...snippets({ socket }), t });
			const ask = () => front.request(target, { method, body: /^P/.test(method) ? 'x' : undefined });
			assert.equal((await ask()).status, 200, method);
			assert.equal(requests, 1);
			problem(assert, await ask(), 502, 'bad_gateway');
			assert.equal(requests, 2, method);
		}
	});
});

/** What a server says to these bytes, as a response of harness.mjs. */
async function raw(port, bytes) {
	const conn = net.connect(port, '127.0.0.1');
	let text = '';
	conn.setEncoding('latin1').on('data', (part) => {
		text += part;
	}).on('error', () => {});
	conn.write(bytes);
	await within(ms(20_000), once(conn, 'close'), 'the end of a connection');
	const [head, body] = text.split('\r\n\r\n');
	const [first, ...lines] = head.split('\r\n');
	const headers = Object.fromEntries(lines.map((line) => [line.split(':')[0].toLowerCase(), line.slice(line.indexOf(':') + 2)]));
	return { status: Number(first.split(' ')[1]), headers, text: body, json: JSON.parse(body || 'null') };
}

describe('nginx: errors of its own', () => {
	const PAGE = 'https://page.example', APP = 'capacitor://localhost';
	const long = 'x'.repeat(40_000);
	const ask = (target, ...lines) => [`GET ${target} HTTP/1.1`, 'Host: a', 'Connection: close', ...lines, '', ''].join('\r\n');

	for (const base of ['', '/chat']) {
		it(`are problem documents that a page of another origin can read, at ${base || 'the root'}`, async (t) => {
			const d = await daemon({ t, flags: ['--cors', PAGE, '--cors', APP] });
			const htpasswd = path.join(tempDir(), 'htpasswd');
			fs.writeFileSync(htpasswd, 'ann:{PLAIN}secret\n');
			const { http, server } = snippets({ socket: d.socket, base, cors: `${PAGE} ${APP}` });
			const site = (more) => nginx({ http: `${http}\nlimit_req_zone $server_port zone=all:1m rate=1r/m;\n`, server, extra: more, t });
			const plain = await site('');
			const locked = await site(`auth_basic "Longline"; auth_basic_user_file ${htpasswd};`);
			const limited = await site('limit_req zone=all; limit_req_status 429;');
			await limited.get(`${base}/poll?wait=0`);
			for (const [Origin, told] of [[APP, APP], [PAGE, PAGE], ['https://other.example', undefined]]) {
				const origin = `Origin: ${Origin}`;
				for (const [status, code, port, bytes] of [
					[400, 'bad_request', plain.port, ask(`${base}/poll`, origin, 'Host: b')], // two hosts
					[400, 'bad_request', plain.port, ask(`${base}/send`, origin, 'Transfer-Encoding: chunked', '', 'no number').replace('GET', 'POST')],
					[401, 'unauthorized', locked.port, ask(`${base}/poll`, origin)],
					[401, 'unauthorized', locked.port, ask(`${base}/socket.io/`, origin)],
					[414, 'uri_too_long', plain.port, ask(`${base}/poll?room=${long}`, origin)],
					[429, 'too_many_requests', limited.port, ask(`${base}/poll`, origin)],
					[431, 'headers_too_large', plain.port, ask(`${base}/poll`, origin, `Cookie: ${long}`)],
				]) {
					const res = await raw(port, bytes);
					problem(assert, res, status, code);
					// Of a request whose first line is too long nobody knows the origin.
					assert.equal(res.headers['access-control-allow-origin'], status === 414 ? PAGE : told, `${status} to ${Origin}`);
					assert.equal(res.headers['access-control-allow-credentials'], status === 414 || told ? 'true' : undefined, `${status} to ${Origin}`);
					assert.equal(res.headers['cache-control'], 'no-store');
					assert.equal(res.headers['x-content-type-options'], 'nosniff');
					assert.equal(res.headers['www-authenticate'], status === 401 ? 'Basic realm="Longline"' : undefined);
					assert.equal(res.headers['retry-after'], status === 429 ? '1' : undefined);
				}
			}
			problem(assert, await raw(plain.port, 'nonsense\r\n\r\n'), 400, 'bad_request');
			problem(assert, await plain.get(`${base}/longline_bad_request`), 404, 'not_found');
		});
	}

	it('say nothing of origins without --cors, and * to all with it', async (t) => {
		for (const [cors, told] of [['', undefined], ['*', '*'], [`* ${PAGE}`, '*']]) {
			const front = await nginx({ ...snippets({ socket: path.join(tempDir(), 'none'), cors }), t });
			for (const bytes of [ask(`/poll?room=${long}`, `Origin: ${APP}`), ask('/poll', `Origin: ${APP}`, `Cookie: ${long}`), ask('/poll', `Origin: ${APP}`)]) {
				const { headers } = await raw(front.port, bytes);
				assert.equal(headers['access-control-allow-origin'], told);
				assert.equal(headers['access-control-allow-credentials'], undefined);
			}
		}
	});

	it('a request that is too slow is closed without a byte', async (t) => {
		const front = await nginx({ ...snippets({ socket: path.join(tempDir(), 'none') }), extra: 'client_header_timeout 1s;', t });
		const conn = net.connect(front.port, '127.0.0.1');
		let got = '';
		conn.on('data', (part) => {
			got += part;
		});
		conn.write('GET /poll HTTP/1.1\r\n');
		await within(ms(20_000), once(conn, 'close'), 'the end of a slow request');
		assert.equal(got, '');
	});
});

describe('nginx: a password, and pages of another origin', () => {
	const PAGE = 'https://page.example';
	const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
	const block = (mark) => [...readme.matchAll(/```nginx\n([^]*?)```/g)].map(([, text]) => text).find((text) => text.includes(mark));

	/** The lines of README's recipe that belong into http { } and into server { }. */
	function recipe(mark, file) {
		const [http, server] = block(mark).split(/^# in server \{ \}.*$/m);
		return [http, server].map((text) => text.replace(/\S+longline\.htpasswd/, file).replace(/^.*include .*$/gm, ''));
	}

	it('the recipe of README lets preflights through, and nothing else', async (t) => {
		const d = await daemon({ t, flags: ['--cors', PAGE] });
		const file = path.join(tempDir(), 'htpasswd');
		fs.writeFileSync(file, 'ann:{PLAIN}secret\n');
		const [http, extra] = recipe('auth_basic $', file);
		const own = snippets({ socket: d.socket, cors: PAGE });
		const front = await nginx({ http: own.http + http, server: own.server, extra, t });
		const Authorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
		for (const target of ['/send', '/poll', '/history', '/rooms', '/socket.io/?EIO=4&transport=polling']) {
			const flight = await front.request(target, { method: 'OPTIONS', headers: {
				Origin: PAGE, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type' } });
			assert.equal(flight.status, 204, target);
			assert.equal(flight.headers['access-control-allow-origin'], PAGE);
			assert.equal(flight.headers['access-control-allow-credentials'], 'true');
			assert.equal(flight.headers['access-control-allow-headers'], 'authorization,content-type');
		}
		for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'])
			for (const headers of [{}, { Authorization: `Basic ${Buffer.from('ann:wrong').toString('base64')}` }])
				assert.equal((await front.request('/send?room=r', { method, headers: { Origin: PAGE, ...headers }, body: method === 'HEAD' ? undefined : 'x' })).status, 401, method);
		assert.equal((await front.get('/')).status, 401, 'the page too');
		const sent = await front.post('/send?room=r', 'x', { Origin: PAGE, Authorization });
		assert.equal(sent.status, 201);
		assert.equal(sent.headers['access-control-allow-credentials'], 'true');
		const { json } = await front.poll('room=r&since=all', { headers: { Authorization } });
		assert.deepEqual(json.messages.map(({ text }) => text), ['x']);
	});

	it('with auth_request it is whoever is asked that lets them through', async (t) => {
		const d = await daemon({ t, flags: ['--cors', PAGE] });
		const own = snippets({ socket: d.socket, cors: PAGE });
		const [let204] = /if \(\$request_method = OPTIONS\) \{[^}]*\}/.exec(readme);
		const front = await nginx({ ...own, extra: `auth_request /auth; location = /auth { internal; auth_request off; ${let204} return 401; }`, t });
		for (const [method, status] of [['OPTIONS', 204], ['POST', 401], ['GET', 401]])
			assert.equal((await front.request('/send', { method, headers: { Origin: PAGE, 'Access-Control-Request-Method': 'POST' } })).status, status, method);
	});
});

describe('nginx: behind another proxy', () => {
	const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
	const [, http, block] = /```nginx\n# in http \{ \}\n(map [^`]*?)# in server \{ \}\n(location \/ \{\n\tproxy_pass [^]*?)```/.exec(readme);

	it('the lines of README let a page send; without Host it is told which names differ', async (t) => {
		const d = await daemon({ t });
		const inner = await nginx({ ...snippets({ socket: d.socket }), t });
		const outer = (lines) => nginx({ http, server: '', t, extra: lines.replace('127.0.0.1:8080', `127.0.0.1:${inner.port}`) });
		const good = await outer(block), bad = await outer(block.replace(/^.*Host.*$/m, ''));
		for (const Origin of ['https://chat.example', 'http://chat.example']) {
			assert.equal((await good.post('/send', 'x', { Host: 'chat.example', Origin })).status, 201);
			const detail = problem(assert, await bad.post('/send', 'x', { Host: 'chat.example', Origin }), 403, 'forbidden_origin');
			assert.ok(detail.includes(`'${Origin}'`) && detail.includes(`'127.0.0.1:${inner.port}'`), detail);
			assert.equal((await bad.post('/send', 'x', { Host: 'chat.example', Origin, 'Sec-Fetch-Site': 'same-origin' })).status, 201, 'a browser that says so');
		}
		const held = good.poll({ wait: 50 });
		await parked(inner, 1);
		await good.sent('news');
		assert.equal((await held).json.messages[0].text, 'news');
	});
});

describe('nginx: /socket.io without its slash', () => {
	for (const base of ['', '/chat']) {
		it(`is the same as with it, at ${base || 'the root'}`, async (t) => {
			const d = await daemon({ t });
			const front = await nginx({ ...snippets({ socket: d.socket, base }), t });
			const io = `${base}/socket.io?EIO=4&transport=polling`;
			const first = await front.get(io);
			assert.equal(first.status, 200, first.text);
			const target = `${io}&sid=${JSON.parse(first.text.slice(1)).sid}`;
			assert.equal((await front.post(target, '40')).text, 'ok');
			assert.match((await front.get(target)).text, /^40/);
			const held = front.get(target);
			await front.sent('hi', {}).catch(() => front.post(`${base}/send`, 'hi'));
			assert.match((await held).text, /^42\["chat message","hi"/);
			assert.equal((await front.get(`${base}/socket.io?EIO=4&transport=websocket`)).status, 400, 'which asks for no WebSocket');
			assert.equal((await front.get(`${base}/socket.iox`)).status, 404);
		});
	}
});

describe('nginx: client_max_body_size', () => {
	it('is above body-max, so that the daemon says what is allowed', () => {
		const conf = fs.readFileSync(path.join(root, 'nginx/longline.conf.in'), 'utf8');
		const size = /client_max_body_size (\d+)m;/.exec(conf);
		assert.ok(Number(size[1]) * 1_048_576 > 1_000_000);
	});
});
