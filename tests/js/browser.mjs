// browser.mjs: what the tests of the page share: a headless Chromium, a page that complains, and lines between the two.
//
// Things are found by their accessible names, as a person with a screen reader finds them. Every page reports breaches of
// its content security policy and uncaught errors, and in tests without a cut line all console errors too.
//
// Environment: CHROMIUM (/usr/bin/chromium), and what tests/e2e/harness.mjs says.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';
import { chromium } from 'playwright-core';
import { freePort, ms, until } from '../e2e/harness.mjs';

// Evaluated by the driver, which the page's policy does not bind.
const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const FLAGS = [
	'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync',
	// A name that is not "localhost" gets no secure context by plain HTTP, like most hosts of an intranet.
	'--host-resolver-rules=MAP longline.test 127.0.0.1',
];

const launchOptions = ({ args = [], ...options } = {}) => ({
	executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: [...FLAGS, ...args], timeout: ms(90_000), ...options,
});

/** Another browser process. */
export const launch = (options) => chromium.launch(launchOptions(options));

/** A browser process whose profile lies in `folder` and outlives it; a context, with `pages()`. */
export const launchAt = (folder, options) => chromium.launchPersistentContext(folder, launchOptions(options));

let shared;
const proxies = []; // closed after the pages that use them

before(async () => {
	shared = await launch();
});
after(async () => {
	await shared?.close();
	for (const proxy of proxies) {
		proxy.closeAllConnections?.(); // node 18.2 and later
		proxy.close();
	}
});

/**
 * Opens the page in a browser profile of its own. `cut`: the line will be cut in this test, so the browser will say in
 * its console that requests failed. `asked`: for a name, and none was chosen. `browser`: not the shared one; `context`:
 * a tab in this profile (as `p.context` of another one has it). All other options are those of a browser context.
 */
export async function open(t, url, { cut = false, asked = true, browser, context, init, ...options } = {}) {
	const own = context === undefined;
	const profile = context ?? await (browser ?? shared).newContext(options);
	const page = await profile.newPage();
	const complaints = listen(page, cut);
	if (asked) await page.addInitScript(nameless);
	t.after(async () => {
		if (own) await profile.close().catch(() => {}); // the test may have ended the browser
		assert.deepEqual(complaints, []);
	});
	if (init) await page.addInitScript(...[init].flat());
	await page.goto(url);
	return handle(page);
}

/** In the page: who opens it was asked for a name, and has chosen none. */
export const nameless = () => {
	try {
		const name = `longline ${new URL('.', location.href).pathname}.name`;
		if (localStorage.getItem(name) === null) localStorage.setItem(name, '""');
	} catch {
		// It remembers nothing.
	}
};

/** What this page has to complain about, from now on. */
export function listen(page, cut = false) {
	const complaints = [];
	page.setDefaultTimeout(ms(30_000));
	page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack}`));
	page.on('dialog', (dialog) => {
		complaints.push(`dialog: ${dialog.message()}`);
		dialog.dismiss().catch(() => {});
	});
	page.on('console', (message) => {
		const lost = /^Failed to load resource/.test(message.text());
		if (message.type() === 'error' && !(cut && lost)) complaints.push(`console: ${message.text()}`);
	});
	page.addInitScript(() => {
		addEventListener('securitypolicyviolation', (event) =>
			console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
	}).catch(() => {}); // closed already
	return complaints;
}

/** In the page: how many unsent messages are on the disk. */
const inDatabase = async () => {
	const wait = (request) => new Promise((resolve, reject) => {
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error);
	});
	const [known] = await indexedDB.databases();
	if (!known) return 0;
	const database = await wait(indexedDB.open(known.name));
	try {
		return await wait(database.transaction('items').objectStore('items').count());
	} finally {
		database.close();
	}
};

/** The parts of a page by their names, and things to do with them. */
export function handle(page) {
	const named = (role, name) => page.getByRole(role, { name, exact: true });
	const self = {
		page,
		named,
		context: page.context(),
		log: named('log', 'Messages'),
		field: named('textbox', 'Message'),
		name: named('textbox', 'Writing as'),
		send: named('button', 'Send'),
		connection: named('status', 'Connection'),
		newest: named('button', 'Newest messages'),
		query: named('combobox', 'Search history'),
		rooms: named('navigation', 'Rooms'),
		hits: page.getByRole('list', { name: 'Hits', exact: true }).getByRole('listitem'),
		options: named('dialog', 'Options'),
		state: () => self.connection.textContent(),
		/** The texts of all messages shown, top to bottom, those not yet sent included. */
		texts: () => self.log.getByRole('article').locator('.text').allTextContents(),
		ids: async () => (await self.log.getByRole('article').and(page.locator('[data-id]'))
			.evaluateAll((nodes) => nodes.map((node) => Number(node.dataset.id)))),
		connected: () => self.says(/^Connected$/),
		says: (state) => until(async () => state.test(await self.state()), { what: `the connection to say ${state}` }),
		/** Waits until all that is shown is stored: what is not yet sent is shown as well, and has no id. */
		sent: () => until(async () => (await self.ids()).length === await self.log.getByRole('article').count(), { what: 'all to be sent' }),
		/** Waits until so many unsent messages are on the disk, from where a reload has them. */
		kept: (count) => until(async () => await page.evaluate(inDatabase) === count, { what: `${count} unsent messages to be kept` }),
		/** Waits until it is remembered that the room is read up to this message. */
		hasRead: (room, id) => until(() => page.evaluate(([name, least]) => Object.entries(localStorage)
			.some(([key, value]) => key.endsWith('.read') && JSON.parse(value)[name]?.id >= least), [room, id]), { what: `#${room} to be read up to ${id}` }),
		shows: (...texts) => until(async () => String(await self.texts()) === String(texts), { what: 'the list' })
			.catch(async (error) => assert.deepEqual(await self.texts(), texts, error.message)),
		type: async (text) => {
			await self.field.fill(text);
			await self.field.press('Enter');
		},
		/** Opens another address of the page without loading it anew. */
		hash: (hash) => page.evaluate((to) => {
			location.hash = to;
		}, hash),
		/** Whether this text can be seen right now. */
		inSight: (text) => self.log.getByText(text, { exact: true }).evaluate((node) => {
			const { top, bottom } = node.getBoundingClientRect();
			return top >= 0 && bottom <= innerHeight;
		}),
		/** How far the list is from its end, in pixels. */
		toEnd: () => self.log.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight),
		/** Notes down everything the connection says from now on. */
		watchState: () => page.evaluate(() => {
			const status = document.querySelector('[role=status]');
			window.said = [status.textContent];
			new MutationObserver(() => window.said.push(status.textContent))
				.observe(status, { childList: true, characterData: true, subtree: true });
		}),
		said: () => page.evaluate(() => window.said),
	};
	return self;
}

/** Run in a page before all else: `look()` then says whether one looks at it; a headless page is always looked at. */
export const looked = () => {
	let state = 'visible';
	Object.defineProperty(document, 'visibilityState', { get: () => state });
	window.look = (to) => {
		state = to;
		document.dispatchEvent(new Event('visibilitychange'));
	};
};
export const look = (p, to) => p.page.evaluate((state) => window.look(state), to);

export const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Random numbers that come again with the same seed. */
export function dice(seed) {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6D2B79F5) >>> 0;
		let x = Math.imul(state ^ (state >>> 15), 1 | state);
		x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
		return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
	};
}

/**
 * A proxy before `target`, to see and to hurt requests. `fate(req)` says what becomes of each one (nothing: it goes
 * through): `drop: true` hangs up before the server sees it, `delay` keeps it that many ms before, `cut: ms` passes it on
 * and hangs up that long after, whatever came back until then; `lose: true` passes it on and hangs up instead of the answer.
 * `polls` tells of the held ones. `host`: what it puts into Host instead of what it was asked for, if anything.
 */
export async function proxy(target, { fate = () => null, prefix = '', host } = {}) {
	const self = { requests: [], polls: { now: 0, most: 0, pairs: 0, pairsSince: 0 }, deaf: false, host, hurt: { drop: 0, delay: 0, cut: 0, lose: 0 } };
	const held = (by) => {
		const { polls } = self;
		const before = polls.now;
		polls.now += by;
		polls.most = Math.max(polls.most, polls.now);
		if (polls.now > 1 && before <= 1) polls.pairsSince = performance.now();
		if (polls.now <= 1 && before > 1) polls.pairs = Math.max(polls.pairs, performance.now() - polls.pairsSince);
	};
	const listener = http.createServer((req, res) => {
		if (!req.url.startsWith(`${prefix}/`)) {
			res.writeHead(404).end();
			return;
		}
		const path = req.url.slice(prefix.length);
		self.requests.push({ at: performance.now(), method: req.method, path });
		const { drop, delay, cut, lose } = fate({ method: req.method, path }) ?? {};
		for (const [name, what] of Object.entries({ drop, delay, cut, lose })) if (what !== undefined) self.hurt[name] += 1;
		if (drop) {
			req.socket.destroy();
			return;
		}
		const poll = /^\/poll\?.*\bwait=[1-9]/.test(path);
		if (poll) held(1);
		let on;
		let timer;
		res.on('close', () => {
			if (poll) held(-1);
			clearTimeout(timer);
			on?.destroy();
		});
		const pass = () => {
			if (res.destroyed || self.deaf) return;
			on = http.request(target + path, { method: req.method, headers: { ...req.headers, host: self.host ?? req.headers.host } }, (answer) => {
				if (self.deaf) return; // the line is dead, and nobody is told
				if (lose) {
					req.socket.destroy();
					return;
				}
				res.writeHead(answer.statusCode, answer.rawHeaders);
				answer.on('error', () => res.destroy());
				answer.pipe(res);
			});
			on.on('error', () => self.deaf || res.destroy());
			req.pipe(on);
			if (cut !== undefined) timer = setTimeout(() => req.socket.destroy(), cut);
		};
		if (delay) timer = setTimeout(pass, delay);
		else pass();
	});
	const port = await freePort();
	await new Promise((resolve) => {
		listener.listen(port, '127.0.0.1', resolve);
	});
	proxies.push(listener);
	self.url = `http://127.0.0.1:${port}`;
	self.since = (at) => self.requests.filter((request) => request.at >= at);
	/** From now on the line is dead without anybody being told; until `hear()`. */
	self.mute = () => {
		self.deaf = true;
	};
	self.hear = () => {
		self.deaf = false;
	};
	/** Hangs up on all connections that are open. */
	self.hangUp = () => listener.closeAllConnections?.();
	return self;
}

async function violations(p) {
	if (!await p.page.evaluate(() => 'axe' in window)) await p.page.evaluate(AXE);
	return p.page.evaluate(async () => {
		const { violations: found } = await axe.run(document, { resultTypes: ['violations'] });
		return found.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
			`${id}: ${html.slice(0, 160)} ${failureSummary.replace(/\s+/g, ' ').slice(0, 300)}`));
	});
}

/** axe-core finds nothing in this state of the page. */
export async function accessible(p, state) {
	assert.deepEqual(await violations(p), [], state);
}

/** Sends what a program beside the page would, one after another, until told to stop; repeated until each is stored. */
export function program(line, room, { every = 20, name = 'p' } = {}) {
	let stop = false;
	const self = { count: 0 };
	const running = (async () => {
		while (!stop) {
			const key = `${name} ${self.count + 1}`;
			const res = await line.send({ text: `${name}${self.count + 1}`, room, key }).catch(() => null);
			if (res?.status === 200 || res?.status === 201) self.count += 1;
			await new Promise((resolve) => {
				setTimeout(resolve, every);
			});
		}
	})();
	self.stop = async () => {
		stop = true;
		await running;
		return self.count;
	};
	return self;
}

/** Kills the daemon; it may be on its way up again, without a process yet. */
export const kill = (line) => until(() => {
	try {
		line.kill('SIGKILL');
		return true;
	} catch {
		return false;
	}
}, { what: 'a daemon to kill' });

/** The whole room as the server has it, oldest first. */
export async function stored(line, room) {
	const all = [];
	for (let after = 0; after !== undefined && after !== null;) {
		const { json } = await line.history({ room, after, limit: 500 });
		if (!json?.messages) throw new Error('the server is away');
		all.push(...json.messages);
		after = json.newer;
	}
	return all;
}
