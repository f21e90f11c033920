// client.test.mjs: Socket.IO's client file, which nginx serves from where the build put it: what the reference server's
// users know of it, below another path as well, and what there is when it could not be had.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { daemon, ms, problem, room, root, run, server, tempDir } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

const built = path.join(root, 'build/client');
const builds = ['socket.io', 'socket.io.min', 'socket.io.esm.min'];
const names = builds.flatMap((name) => [`${name}.js`, `${name}.js.map`]);
const fetchClient = path.join(root, 'scripts/fetch-client');

/** For a machine without npm or a network: says why a test has nothing to look at. */
const missing = (t) => !fs.existsSync(built) && (t.skip('the client file could not be fetched when this was built'), true);

/** A file as its reference server gives it. */
function sameAs(res, file) {
	assert.equal(res.status, 200);
	assert.equal(res.headers['content-type'], `application/${file.endsWith('.map') ? 'json' : 'javascript'}; charset=utf-8`);
	assert.equal(res.headers['cache-control'], 'public, max-age=0');
	assert.ok(res.headers.etag, 'no ETag');
	assert.equal(res.headers['x-content-type-options'], 'nosniff');
	assert.deepEqual(res.body, fs.readFileSync(path.join(built, file)));
}

describe('client: the files', () => {
	const s = server();

	it('are there with the headers of the reference server', async (t) => {
		if (missing(t))
			return;
		for (const name of names) {
			sameAs(await s.get(`/socket.io/${name}`), name);
			sameAs(await s.get(`/socket.io/${name}?v=1`), name);
		}
		const head = await s.request('/socket.io/socket.io.js', { method: 'HEAD' });
		assert.deepEqual([head.status, head.body.length], [200, 0]);
		problem(assert, await s.post('/socket.io/socket.io.js', 'x'), 405, 'method_not_allowed');
	});

	it('are those of the npm package that the tests use', async (t) => {
		const installed = path.join(root, 'tests/js/node_modules/socket.io-client');
		if (missing(t))
			return;
		if (!fs.existsSync(installed))
			return t.skip('the packages of tests/js are not installed');
		const { version } = JSON.parse(fs.readFileSync(path.join(installed, 'package.json'), 'utf8'));
		assert.equal(fs.readFileSync(path.join(built, 'VERSION'), 'utf8'), `${version}\n`);
		const hash = (file) => createHash('sha256').update(fs.readFileSync(file)).digest('hex');
		for (const name of names)
			assert.equal(hash(path.join(built, name)), hash(path.join(installed, 'dist', name)), name);
	});

	it('are not sent again to who has them', async (t) => {
		if (missing(t))
			return;
		const target = '/socket.io/socket.io.min.js';
		const { etag } = (await s.get(target)).headers;
		for (const tag of [etag, `W/${etag}`, `"other", ${etag}`]) {
			const again = await s.get(target, { 'If-None-Match': tag });
			assert.deepEqual([again.status, again.text], [304, ''], tag);
		}
		assert.equal((await s.get(target, { 'If-None-Match': '"other"' })).status, 200);
	});

	it('are compressed when asked for', async (t) => {
		if (missing(t))
			return;
		for (const name of names) {
			const res = await s.get(`/socket.io/${name}`, { 'Accept-Encoding': 'gzip' });
			assert.equal(res.headers['content-encoding'], 'gzip', name);
			assert.match(res.headers.vary ?? '', /Accept-Encoding/);
			assert.deepEqual(gunzipSync(res.body), fs.readFileSync(path.join(built, name)));
			assert.equal((await s.get(`/socket.io/${name}`, { 'If-None-Match': res.headers.etag, 'Accept-Encoding': 'gzip' })).status, 304);
		}
	});

	it('take nothing from the path of the transport', async () => {
		for (const target of ['/socket.io/?EIO=4&transport=polling', '/socket.io/socket.io?EIO=4&transport=polling'])
			assert.match((await s.get(target)).text, /^0\{"sid":/, target);
		assert.equal((await s.get('/socket.io/')).json?.message, 'Transport unknown');
	});

	it('are the only ones', async () => {
		const others = ['socket.io.msgpack.min.js', 'socket.io.', 'socket.io.js.gz', 'socket.io.js/', 'socket.io./../VERSION', 'socket.io.js%00',
			'socket.io.%2e%2e/%2e%2e/%2e%2e/run/nginx.conf', 'socket.io..%2f..%2frun/nginx.conf'];
		for (const name of others) {
			const res = await s.get(`/socket.io/${name}`);
			assert.ok(res.status === 404 || res.status === 400, `${name}: ${res.status} ${res.text.slice(0, 80)}`);
		}
		problem(assert, await s.get('/socket.io/socket.io.none.js'), 404, 'not_found');
	});

	it('work: each build connects from the page\'s own origin', async (t) => {
		if (missing(t))
			return;
		let chromium;
		try {
			({ chromium } = await import(path.join(root, 'tests/js/node_modules/playwright-core/index.mjs')));
		} catch {
			return t.skip('the packages of tests/js are not installed');
		}
		const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
		if (!fs.existsSync(executablePath))
			return t.skip(`there is no ${executablePath}`);
		const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
			// A page that the test makes up has no address, so a WebSocket to this machine would be one into a network of its own.
			'--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets'] });
		t.after(() => browser.close());
		for (const build of builds) {
			const tab = await browser.newPage();
			const complaints = [];
			tab.on('pageerror', (error) => complaints.push(String(error)));
			tab.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
			const name = room();
			const start = build.includes('esm') ? `<script type="module">import { io } from '/socket.io/${build}.js'; window.io = io;</script>`
				: `<script src="/socket.io/${build}.js"></script>`;
			// A page of the same origin that the server does not have.
			await tab.route(`${s.url}/test.html`, (route) => route.fulfill({
				contentType: 'text/html; charset=utf-8', body: `<!doctype html><link rel="icon" href="data:,"><title>-</title>${start}`,
			}));
			await tab.goto(`${s.url}/test.html`);
			await tab.waitForFunction(() => window.io, undefined, { timeout: ms(20_000) });
			const heard = tab.evaluate((nsp) => new Promise((resolve) => {
				const socket = window.io(`/${nsp}`);
				socket.on('chat message', (text) => resolve(text));
				socket.on('connect', () => { window.connected = true; });
			}), name);
			await tab.waitForFunction(() => window.connected, undefined, { timeout: ms(20_000) });
			await s.sent('hello', { room: name });
			assert.equal(await heard, 'hello', build);
			assert.deepEqual(complaints, [], build);
			await tab.close();
		}
	});
});

describe('client: elsewhere', () => {
	it('below a path of its own', async (t) => {
		if (missing(t))
			return;
		const d = await daemon({ t });
		const front = await nginx({ ...snippets({ socket: d.socket, base: '/chat' }), t });
		sameAs(await front.get('/chat/socket.io/socket.io.min.js'), 'socket.io.min.js');
		assert.equal((await front.get('/socket.io/socket.io.min.js')).status, 404);
		assert.match((await front.get('/chat/socket.io/?EIO=4&transport=polling')).text, /^0\{/);
	});

	it('may be loaded as a module by a page that may talk to the daemon', async (t) => {
		if (missing(t))
			return;
		const d = await daemon({ t });
		const [open, closed] = [await nginx({ ...snippets({ socket: d.socket, cors: '*' }), t }), await nginx({ ...snippets({ socket: d.socket }), t })];
		assert.equal((await open.get('/socket.io/socket.io.esm.min.js', { Origin: 'http://x.example' })).headers['access-control-allow-origin'], '*');
		assert.equal((await closed.get('/socket.io/socket.io.esm.min.js', { Origin: 'http://x.example' })).headers['access-control-allow-origin'], undefined);
	});

	it('is installed with the rest', async (t) => {
		if (missing(t))
			return;
		const DESTDIR = tempDir();
		const env = { MAKEFLAGS: '', MAKELEVEL: '', MFLAGS: '' };
		const made = await run('make', ['-s', '-C', root, 'install', `DESTDIR=${DESTDIR}`, 'PREFIX=/usr/local'], { env, timeout: ms(300_000) });
		assert.equal(made.code, 0, made.stderr);
		const share = path.join(DESTDIR, 'usr/local/share/longline');
		for (const name of names)
			assert.deepEqual(fs.readFileSync(path.join(share, 'client', name)), fs.readFileSync(path.join(built, name)), name);
		assert.match(fs.readFileSync(path.join(share, 'nginx/longline.conf'), 'utf8'), /alias "\/usr\/local\/share\/longline\/client\/socket\.io\.";/);
	});
});

describe('client: when there is none', () => {
	it('nginx says so, and all else works', async (t) => {
		const d = await daemon({ t });
		const front = await nginx({ ...snippets({ socket: d.socket, client: path.join(tempDir(), 'none') }), t });
		for (const name of names)
			problem(assert, await front.get(`/socket.io/${name}`), 404, 'not_found');
		assert.match((await front.get('/socket.io/?EIO=4&transport=polling')).text, /^0\{/);
	});

	it('the build goes on without npm, and says what is missing', async () => {
		// The programs of this system but npm.
		const bin = tempDir();
		for (const name of ['bash', 'cat', 'find'])
			fs.symlinkSync((await run('sh', ['-c', `command -v ${name}`])).stdout.trim(), path.join(bin, name));
		const folder = path.join(tempDir(), 'client');
		const said = await run(path.join(bin, 'bash'), [fetchClient, folder], { env: { PATH: bin } });
		assert.equal(said.code, 0);
		assert.match(said.stderr, /^longline: .*socket\.io\.js will be missing: .*npm.*\n$/);
		assert.equal(fs.existsSync(folder), false);
	});

	it('the build goes on without a network, and does not wait for one every time', async () => {
		const parent = tempDir();
		const folder = path.join(parent, 'client');
		// Nobody listens at port 9; and a cache of its own, or npm has it from there.
		const env = { npm_config_registry: 'http://127.0.0.1:9/', npm_config_cache: tempDir() };
		const first = await run(fetchClient, [folder], { env });
		if (!/npm could not fetch/.test(first.stderr))
			assert.match(first.stderr, /there is no npm/);
		assert.equal(first.code, 0);
		assert.equal(first.stderr.split('\n').length, 2, first.stderr);
		assert.deepEqual(fs.readdirSync(parent).filter((name) => name !== 'client.failed'), []);
		const again = await run(fetchClient, [folder], { env });
		assert.equal(again.code, 0);
		assert.match(again.stderr, /^longline: .*will be missing: .*\n$/);
	});
});
