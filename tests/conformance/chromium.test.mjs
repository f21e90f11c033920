// chromium.test.mjs: Socket.IO's client in headless Chromium, with its default options: it connects by polling, goes on by
// WebSocket, and the browser has nothing to complain about.
//
// Environment: CHROMIUM (/usr/bin/chromium), and what tests/e2e/harness.mjs says.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { alive, daemon, freePort, ms, room, run, server, start, tempDir, until } from '../e2e/harness.mjs';
import { nginx, snippets } from '../e2e/nginx.mjs';
import { conformance, ours } from './wire.mjs';

// These are installed beside the tests of the page.
const require = createRequire(new URL('../js/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const library = path.join(path.dirname(require.resolve('socket.io-client/package.json')), 'dist');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
	// A page that no server sent is of no network, and what it asks of this machine would be blocked.
	'--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets'];

let browser;
before(async () => {
	browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS });
});
after(() => browser?.close());

/** A web server of another origin; gives its address. A page that no server sent may not ask this machine for anything. */
async function site(t, files) {
	const web = http.createServer((req, res) => {
		const [type, body] = files[req.url] ?? ['text/plain', ''];
		res.writeHead(200, { 'Content-Type': type });
		res.end(body);
	});
	web.listen(await freePort(), '127.0.0.1');
	await once(web, 'listening');
	t.after(() => web.close());
	return `http://127.0.0.1:${web.address().port}`;
}

/**
 * A page of the site's origin (or from elsewhere) with the client, in one of its two builds, and this script. `seen` has what
 * the browser did. `cut`: the daemon will be killed, and the browser may say that requests failed.
 */
async function page(t, url, script, { elsewhere = false, build = 'socket.io.min.js', cut = false, ...options } = {}) {
	const context = await browser.newContext(options);
	const tab = await context.newPage();
	const seen = { sockets: [], requests: [], complaints: [] };
	tab.on('websocket', (ws) => seen.sockets.push(ws.url()));
	tab.on('pageerror', (error) => seen.complaints.push(`uncaught: ${error.stack}`));
	tab.on('console', (message) => {
		if (message.type() === 'error' || message.type() === 'warning')
			seen.complaints.push(message.text());
	});
	tab.on('request', (request) => seen.requests.push(`${request.method()} ${new URL(request.url()).pathname}${new URL(request.url()).search}`));
	const start = build.endsWith('.esm.min.js')
		? `<script type="module">import { io } from '/client.js'; ${script}</script>` : `<script src="/client.js"></script><script>${script}</script>`;
	const files = {
		'/test.html': ['text/html; charset=utf-8', `<!doctype html><link rel="icon" href="data:,"><title>-</title>${start}`],
		'/client.js': ['text/javascript; charset=utf-8', fs.readFileSync(path.join(library, build))],
	};
	const origin = elsewhere ? await site(t, files) : url;
	for (const [name, [contentType, body]] of elsewhere ? [] : Object.entries(files))
		await tab.route(url + name, (route) => route.fulfill({ contentType, body }));
	t.after(async () => {
		await context.close();
		assert.deepEqual(cut ? seen.complaints.filter((text) => !/^Failed to load resource/.test(text)) : seen.complaints, []);
	});
	await tab.goto(`${origin}/test.html`);
	return Object.assign(tab, { seen });
}

const title = (tab, text) => tab.waitForFunction((want) => document.title === want, text, { timeout: ms(20_000) });

describe('Chromium and the relay', () => {
	const s = server();

	for (const build of ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js']) {
		it(`io() connects by polling and goes on by WebSocket (${build})`, async (t) => {
			const tab = await page(t, s.url, `
				const socket = globalThis.socket = io();
				socket.on('connect', () => socket.emit('hello', 'é😀', (answer) => { document.title = 'id ' + typeof answer.id; }));`, { build });
			await title(tab, 'id number');
			await tab.waitForFunction(() => globalThis.socket.io.engine.transport.name === 'websocket', undefined, { timeout: ms(20_000) });
			const { id } = await tab.evaluate(() => globalThis.socket.emitWithAck('hello', new Uint8Array([1, 2])));
			assert.equal(typeof id, 'number');
			assert.equal(tab.seen.sockets.length, 1);
			assert.match(tab.seen.sockets[0], /^ws:.*\/socket\.io\/\?EIO=4&transport=websocket&sid=/);
			assert.ok(tab.seen.requests.some((one) => one.startsWith('GET /socket.io/?EIO=4&transport=polling')));
			assert.ok(!tab.seen.requests.some((one) => one.startsWith('OPTIONS')));
		});
	}

	it('what a tab says, the others show, and curl sees; binary too', async (t) => {
		const name = room();
		const script = `
			const shown = globalThis.shown = [];
			const socket = globalThis.socket = io('/${name}');
			socket.on('chat message', (text, id) => shown.push([text, id]));
			socket.on('file', (bytes, id) => shown.push([[...new Uint8Array(bytes)], id]));
			socket.on('connect', () => { document.title = 'connected'; });`;
		const [a, b] = await Promise.all([page(t, s.url, script), page(t, s.url, script)]);
		await Promise.all([title(a, 'connected'), title(b, 'connected')]);
		const { id } = await a.evaluate(() => globalThis.socket.emitWithAck('chat message', 'hello 😀'));
		const second = await b.evaluate(() => globalThis.socket.emitWithAck('file', new Uint8Array([1, 2, 255])));
		const third = await s.sent('from curl', { room: name });
		const want = [['hello 😀', String(id)], [[1, 2, 255], String(second.id)], ['from curl', String(third)]];
		for (const tab of [a, b]) {
			await tab.waitForFunction(() => globalThis.shown.length === 3, undefined, { timeout: ms(20_000) });
			assert.deepEqual(await tab.evaluate(() => globalThis.shown), want);
		}
	});

	it('a tab recovers after kill -9', async (t) => {
		const name = room();
		const tab = await page(t, s.url, `
			const shown = globalThis.shown = [];
			const socket = globalThis.socket = io('/${name}', { reconnectionDelay: 100 });
			let connects = 0;
			socket.on('chat message', (text) => shown.push(text));
			socket.on('connect', () => { document.title = 'connect ' + ++connects + ' ' + socket.recovered; });`, { cut: true });
		await title(tab, 'connect 1 false');
		await s.sent('one', { room: name });
		await tab.waitForFunction(() => globalThis.shown.length === 1);
		const pid = s.pid();
		process.kill(pid, 'SIGKILL');
		await until(() => !alive(pid), { every: 1 });
		await title(tab, 'connect 2 true');
		await s.sent('two', { room: name });
		await tab.waitForFunction(() => globalThis.shown.length === 2);
		assert.deepEqual(await tab.evaluate(() => globalThis.shown), ['one', 'two']);
	});

	it('the tab that is closed says good-bye or is forgotten', async (t) => {
		const name = room();
		const tab = await page(t, s.url, `io('/${name}').on('connect', () => { document.title = 'connected'; });`);
		await title(tab, 'connected');
		await tab.goto('about:blank');
		await s.sent('nobody listens', { room: name });
	});
});

describe('Chromium and WebSocket', () => {
	it('a page of another origin gets none, nor is it let in by polling', async (t) => {
		const s = await start({ t });
		const tab = await page(t, s.url, `
			new WebSocket('${s.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket').onclose = ({ code }) => { document.title = 'closed ' + code; };`, { elsewhere: true });
		await title(tab, 'closed 1006');
		tab.seen.complaints.length = 0; // the browser says that it was refused
		assert.equal(await s.metric(/^longline_sessions$/), 0);
	});

	it('works where the page came over HTTP/2', async (t) => {
		const folder = tempDir(), d = await daemon({ t });
		const { code, stderr } = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', `${folder}/key.pem`, '-out', `${folder}/cert.pem`]);
		assert.equal(code, 0, stderr);
		const front = await nginx({ ...snippets({ socket: d.socket }), t, site: (port) => `server {
			listen 127.0.0.1:${port} ssl http2;
			ssl_certificate ${folder}/cert.pem;
			ssl_certificate_key ${folder}/key.pem;
			include server.conf;
		}` });
		const url = `https://localhost:${front.port}`;
		const tab = await page(t, url, `
			const socket = globalThis.socket = io();
			socket.on('connect', () => { document.title = 'connected'; });`, { ignoreHTTPSErrors: true });
		await title(tab, 'connected');
		await tab.waitForFunction(() => globalThis.socket.io.engine.transport.name === 'websocket', undefined, { timeout: ms(20_000) });
		assert.equal(typeof (await tab.evaluate(() => globalThis.socket.emitWithAck('hello', 'x'))).id, 'number');
		await tab.evaluate(() => fetch('/healthz').then((res) => res.text()));
		await tab.waitForFunction(() => performance.getEntriesByType('resource').some(({ nextHopProtocol }) => nextHopProtocol === 'h2'), undefined, { timeout: ms(20_000) });
		assert.match(tab.seen.sockets[0], /^wss:/);
	});
});

describe('Chromium and the conformance server', () => {
	describe('from another origin, which --cors * allows', ours, () => {
		const s = conformance();

		it('connects, also with a header that needs a preflight', async (t) => {
			const tab = await page(t, s.url, `
				const socket = io('${s.url}', { extraHeaders: { 'x-token': 'a' } });
				socket.on('connect', () => socket.emit('message-with-ack', 'é😀', new Uint8Array([1]), (text, bytes) => {
					document.title = text + new Uint8Array(bytes)[0];
				}));`, { elsewhere: true });
			await title(tab, 'é😀1');
		});
	});
});
