// page-csrf.test.mjs: what a page of another site can do to a log that its visitor can reach, in a real browser: what
// reaches the daemon, and what the page gets to read. All requests to the log go through a tap that notes down how each
// was answered; the log's two names differ in what browsers tell of a page: localhost is trusted like a site with TLS,
// log.test by plain HTTP is not.
//
// The tables hold what must come of it: the status of the daemon, and + where the page could read the answer; - where
// nothing came but a preflight.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { freePort, room, start, until } from '../e2e/harness.mjs';
import { Session } from '../conformance/wire.mjs';
import { launch, listen } from './browser.mjs';

const BLANK = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>A page</title><p>A page</p>';

/** A page of the site under test, then those of others: another port, another host, one that --cors lets in, one without an
 * origin, and one whose own name was made to point at the log. */
const PAGES = ['same', 'port', 'host', 'friend', 'null', 'rebound'];

const TABLES = {
	localhost: `
                          same  port  host  friend  null  rebound
form                      201+  403   403   201     403   421+
form in a frame           201+  403   403   201     403   421+
post                      201+  403   403   201     403   421+
post json                 201+  -     -     201+    -     421+
post json, token          201+  -     -     201+    -     421+
get                       200+  403   403   403     403   421+
get, to be read           200+  403   403   200+    403   421+
get, token                200+  -     -     200+    -     421+
event source              200   403   403   200     403   421
link                      200+  200   200   200     200   421+
frame                     200+  403   403   403     403   421+
script                    200   403   403   403     403   421
image                     200   403   403   403     403   421
socket.io get             200+  403   403   200+    403   421+
socket.io get, blind      200+  403   403   403     403   421+
socket.io get, token      200+  -     -     200+    -     421+
socket.io post            200+  403   403   200     403   421+
`,
	// Here a GET without Origin could as well be of no browser. It changes nothing, and nobody reads it.
	'log.test': `
                          same  port  host  friend  null  rebound
form                      201+  403   403   201     403   421+
form in a frame           201+  403   403   201     403   421+
post                      201+  403   403   201     403   421+
post json                 201+  -     -     201+    -     421+
post json, token          201+  -     -     201+    -     421+
get                       200+  200   200   200     200   421+
get, to be read           200+  403   403   200+    403   421+
get, token                200+  -     -     200+    -     421+
event source              200   403   403   200     403   421
link                      200+  200   200   200     200   421+
frame                     200+  200   200   200     200   421+
script                    200   200   200   200     200   421
image                     200   200   200   200     200   421
socket.io get             200+  403   403   200+    403   421+
socket.io get, blind      200+  200   200   200     200   421+
socket.io get, token      200+  -     -     200+    -     421+
socket.io post            200+  403   403   200     403   421+
`,
};

/** {what: {page: outcome}} */
function read(table) {
	const [head, ...rows] = table.split('\n').filter((line) => line.trim());
	const cells = (line) => line.slice(26).trim().split(/\s+/);
	assert.deepEqual(cells(head), PAGES);
	return Object.fromEntries(rows.map((line) => [line.slice(0, 26).trim(), Object.fromEntries(cells(line).map((cell, i) => [PAGES[i], cell]))]));
}

const json = (text) => ({ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ text }) });
const plain = (body) => ({ method: 'POST', headers: { 'Content-Type': 'text/plain' }, body });
const bearer = (init, token) => ({ ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } });

/** How a page asks: [how, path, more], from the mark by which it is known, the room, a token and a session. */
const WAYS = {
	form: ({ mark, r }) => ['form', `/send?room=${r}`, { text: mark }],
	'form in a frame': ({ mark, r }) => ['formFrame', `/send?room=${r}`, { text: mark }],
	post: ({ mark, r }) => ['fetch', `/send?room=${r}`, { mode: 'no-cors', ...plain(mark) }],
	'post json': ({ mark, r }) => ['fetch', `/send?room=${r}`, json(mark)],
	'post json, token': ({ mark, r, token }) => ['fetch', `/send?room=${r}`, bearer(json(mark), token)],
	get: ({ r }) => ['fetch', `/history?room=${r}`, { mode: 'no-cors' }],
	'get, to be read': ({ r }) => ['fetch', `/history?room=${r}`, {}],
	'get, token': ({ r, token }) => ['fetch', `/history?room=${r}`, bearer({}, token)],
	'event source': ({ r }) => ['eventSource', `/poll?wait=0&room=${r}`],
	link: ({ r }) => ['link', `/history?room=${r}`],
	frame: ({ r }) => ['frame', `/history?room=${r}`],
	script: ({ r }) => ['element', `/history?room=${r}`, 'script'],
	image: () => ['element', '/rooms?limit=1', 'img'],
	'socket.io get': () => ['fetch', '/socket.io/?EIO=4&transport=polling', {}],
	'socket.io get, blind': () => ['fetch', '/socket.io/?EIO=4&transport=polling', { mode: 'no-cors' }],
	'socket.io get, token': ({ token }) => ['fetch', '/socket.io/?EIO=4&transport=polling', bearer({}, token)],
	// Of a session whose id it cannot know.
	'socket.io post': ({ mark, r, sid }) => ['fetch', `/socket.io/?EIO=4&transport=polling&sid=${sid}`, { mode: 'no-cors', ...plain(`42/${r},${JSON.stringify(['chat message', mark])}`) }],
};

/** In the page: asks in this way. Tells whether it can read the answer; of another document legible() does. */
async function ask([how, url, more]) {
	const add = (tag, attributes) => document.body.appendChild(Object.assign(document.createElement(tag), attributes));
	const submit = (target) => {
		const form = add('form', { method: 'POST', action: url, target });
		for (const [name, value] of Object.entries(more))
			form.append(Object.assign(document.createElement('input'), { name, value }));
		form.submit();
	};
	const name = `w${Math.random()}`;
	switch (how) {
	case 'fetch':
		return fetch(url, more).then(async (res) => res.type !== 'opaque' && (await res.text()) !== '', () => false);
	case 'form':
		window.there = window.open('about:blank', name);
		return submit(name);
	case 'formFrame':
		window.there = add('iframe', { name }).contentWindow;
		return submit(name);
	case 'link':
		window.there = window.open(url);
		return undefined;
	case 'frame':
		window.there = add('iframe', { src: url }).contentWindow;
		return undefined;
	case 'element':
		// Whatever is loaded in this way can only be used.
		return new Promise((resolve) => {
			add(more, { src: url, onload: () => resolve(false), onerror: () => resolve(false) });
		});
	default: {
		const events = new EventSource(url);
		return new Promise((resolve) => {
			events.onmessage = () => resolve(true);
			events.onerror = () => resolve(false);
		}).finally(() => events.close());
	}
	}
}

/** In the page: whether it can read the document that has come where it asked for one. */
async function legible() {
	const { there } = window;
	for (;;) {
		try {
			if (there.location.href !== 'about:blank' && there.document.readyState === 'complete')
				return there.document.body.innerText !== '';
		} catch {
			return false;
		}
		await new Promise((resolve) => {
			setTimeout(resolve, 10);
		});
	}
}

describe('page-csrf: in Chromium', () => {
	const self = {};
	const servers = [];
	const serve = async (port, handler) => {
		const server = http.createServer(handler);
		await new Promise((resolve) => {
			server.listen(port, '127.0.0.1', resolve);
		});
		servers.push(server);
	};
	/** A page, wherever it is asked for; its answer is false where it is not. */
	const page = (req, res) => {
		if (!/^\/(page|sandboxed)$/.test(req.url))
			return false;
		res.writeHead(200, { 'Content-Type': 'text/html', ...(req.url === '/sandboxed' && { 'Content-Security-Policy': 'sandbox allow-scripts allow-forms allow-popups' }) }).end(BLANK);
		return true;
	};

	before(async () => {
		const [tap, elsewhere] = [await freePort(), await freePort()];
		const log = await start({ flags: `--cors http://friend.test:${elsewhere}`, env: { HOSTS: 'localhost 127.0.0.1 log.test' } });
		Object.assign(self, { log, tap, elsewhere, answers: new Map(), token: await token(log) });
		await serve(elsewhere, (req, res) => page(req, res) || res.writeHead(404).end());
		await serve(tap, (req, res) => {
			if (page(req, res))
				return;
			const headers = Object.fromEntries(Object.entries(req.headers));
			const on = http.request({ host: '127.0.0.1', port: log.port, method: req.method, path: req.url, headers }, (answer) => {
				const [, mark] = /[?&]_mark=(\d+)/.exec(req.url) ?? [];
				if (mark && req.method !== 'OPTIONS')
					self.answers.set(mark, [...(self.answers.get(mark) ?? []), answer.statusCode]);
				res.writeHead(answer.statusCode, answer.rawHeaders);
				answer.pipe(res);
			});
			on.on('error', () => res.destroy());
			req.pipe(on);
		});
		self.browser = await launch({ args: ['--host-resolver-rules=MAP *.test 127.0.0.1'] });
	});
	after(async () => {
		await self.browser?.close();
		servers.forEach((server) => server.close());
		await self.log?.stop();
	});

	/** A token that the daemon knows. */
	async function token(log) {
		const secret = 'll_abcdefghijklmnopqrstuvwxyz234567';
		const hash = crypto.createHash('sha256').update(secret).digest('hex');
		await log.sql(`INSERT INTO tokens(name, hash, made) VALUES('ci', x'${hash}', 1)`);
		await until(async () => (await log.poll({ wait: 0 }, { headers: { Authorization: `Bearer ${secret}` } })).status === 200);
		return secret;
	}

	/** Where a page is, and where it finds the log. */
	const places = (name) => {
		const [here, there] = [`${name}:${self.tap}`, self.elsewhere];
		const at = {
			same: [here, '/page'], port: [`${name}:${there}`, '/page'], host: [`${name === 'localhost' ? '127.0.0.1' : 'localhost'}:${there}`, '/page'],
			friend: [`friend.test:${there}`, '/page'], null: [`evil.test:${there}`, '/sandboxed'], rebound: [`rebound.test:${self.tap}`, '/page'],
		};
		return Object.fromEntries(PAGES.map((kind) => [kind, { page: `http://${at[kind].join('')}`, log: `http://${kind === 'rebound' ? at[kind][0] : here}` }]));
	};

	let marks = 0;
	for (const [name, table] of Object.entries(TABLES)) {
		for (const kind of PAGES) {
			test(`${kind} at ${name}`, async () => {
				const { log, browser, answers } = self;
				const where = places(name)[kind];
				const r = room();
				const session = await new Session(log).open();
				await session.send(`40/${r},`);
				await session.packet();
				const context = await browser.newContext();
				const opened = await context.newPage();
				const complaints = listen(opened, true).length;
				await opened.goto(where.page);
				const [expected, found, sent] = [{}, {}, []];
				for (const [what, way] of Object.entries(WAYS)) {
					const mark = String(++marks);
					const [how, target, ...more] = way({ mark, r, token: self.token, sid: session.sid });
					const url = `${where.log}${target}${target.includes('?') ? '&' : '?'}_mark=${mark}`;
					let reads = await opened.evaluate(ask, [how, url, ...more]);
					if (reads === undefined) {
						await until(() => answers.has(mark), { what: `the answer to ${what}` });
						reads = await opened.evaluate(legible);
					}
					// Chromium repeats what is answered 421, also a POST.
					const statuses = answers.get(mark) ?? [];
					assert.ok(new Set(statuses).size <= 1 && (statuses.length <= 1 || statuses[0] === 421), `${what}: ${statuses}`);
					expected[what] = read(table)[what]?.[kind];
					found[what] = `${statuses[0] ?? '-'}${reads ? '+' : ''}`;
					if (/^20[01]/.test(found[what]) && /form|post/.test(what))
						sent.push(mark);
				}
				await context.close();
				assert.deepEqual(found, expected);
				assert.equal(complaints, 0);
				const all = async () => (await log.history({ room: r, limit: 100 })).json.messages.map(({ text }) => text);
				assert.deepEqual(await until(async () => {
					const texts = await all();
					return texts.length >= sent.length && texts;
				}, { what: `${sent} in the log` }), sent);
			});
		}
	}
});
