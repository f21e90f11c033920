// nginx.test.mjs: what the snippets add to the daemon: the page and its headers, errors of nginx's own, compression.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { decode, record } from './fastcgi.mjs';
import { daemon, killPid, ms, parked, problem, room, root, server, tempDir, within } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

describe('nginx: the page', () => {
	const s = server();

	it('is there with everything it names, each with its type', async () => {
		const page = await s.get('/');
		assert.equal(page.status, 200);
		assert.match(page.headers['content-type'], /^text\/html; charset=utf-8/);
		const types = { js: /^text\/javascript/, css: /^text\/css/, svg: /^image\/svg\+xml/, html: /^text\/html/ };
		for (const name of fs.readdirSync(path.join(root, 'static'))) {
			const res = await s.get(`/${name}`);
			assert.equal(res.status, 200, name);
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
		assert.deepEqual(policy['script-src'], ["'self'"]);
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

	it('never sends a POST twice', async (t) => {
		const socket = path.join(tempDir(), 'drops');
		let requests = 0;
		// Answers the first request of a connection and drops the second: a kept connection that dies.
		const drops = net.createServer((conn) => {
			let bytes = Buffer.alloc(0), answered = false;
			conn.on('error', () => {});
			conn.on('data', (part) => {
				const { records, rest } = decode(Buffer.concat([bytes, part]));
				bytes = rest;
				if (!records.some((r) => r.type === 5 && r.content.length === 0))
					return;
				requests++;
				if (answered)
					return conn.destroy();
				answered = true;
				conn.write(Buffer.concat([record(6, Buffer.from('Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nok')), record(6), record(3, Buffer.alloc(8))]));
			});
		}).listen(socket);
		await once(drops, 'listening');
		t.after(() => drops.close());
		const front = await nginx({ ...snippets({ socket }), t });
		assert.equal((await front.send('x')).status, 200);
		assert.equal(requests, 1);
		problem(assert, await front.send('x'), 502, 'bad_gateway');
		assert.equal(requests, 2);
	});
});

describe('nginx: client_max_body_size', () => {
	it('is above body-max, so that the daemon says what is allowed', () => {
		const conf = fs.readFileSync(path.join(root, 'nginx/longline.conf.in'), 'utf8');
		const size = /client_max_body_size (\d+)m;/.exec(conf);
		assert.ok(Number(size[1]) * 1_048_576 > 1_000_000);
	});
});
