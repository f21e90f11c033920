// page-start.test.mjs: what is asked for first, and what a page does that is of another release than the server.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { open, proxy } from './browser.mjs';
import { ANN, guard, parts, policy, signIn } from './guard.mjs';

const FIRST = /^\/history\?room=[^&]+(&around=\d+)?&limit=100$/; // a first page

describe('the start', () => {
	const line = server();

	/** Behind a proxy, which tells what was asked for. */
	async function begin(t, name, { hash = `#${name}`, fate } = {}) {
		const gate = await proxy(line.url, { fate });
		const p = await open(t, 'about:blank', { cut: true });
		await p.page.goto(`${gate.url}/${hash}`);
		return { gate, p };
	}
	const firsts = (gate) => gate.requests.map(({ path }) => path).filter((path) => FIRST.test(path));

	test('history is asked for before any module or style sheet, once; the poll and the list of rooms only when it is there', async (t) => {
		const name = room();
		await line.sent('hello', { room: name });
		let release;
		const released = new Promise((resolve) => {
			release = resolve;
		});
		const gate = await proxy(line.url);
		const p = await open(t, 'about:blank');
		await p.page.route(/\/(?:app\.js|style\.css)$/, async (route) => {
			await until(() => firsts(gate).length, { what: 'history to be asked for' });
			await route.continue();
		});
		await p.page.route('**/history?**', async (route) => {
			await released;
			await route.continue().catch(() => {});
		});
		const asked = p.page.waitForRequest(/history\?/);
		const module = p.page.waitForResponse(/app\.js/);
		p.page.goto(`${gate.url}/#${name}`).catch(() => {});
		await asked;
		release();
		await module;
		await p.shows('hello');
		await p.connected();
		assert.deepEqual(firsts(gate), [`/history?room=${name}&limit=100`]);
		const paths = gate.requests.map(({ path }) => path);
		const at = (pattern) => paths.findIndex((path) => pattern.test(path));
		assert.ok(at(/app\.js$/) > at(FIRST) || at(/app\.js$/) < 0, String(paths));
		for (const later of [/^\/poll/, /^\/rooms/]) assert.ok(at(later) > at(FIRST), String(paths));
	});

	test('the poll waits for the first page, unless that does not come', async (t) => {
		const name = room();
		await line.sent('hello', { room: name });
		const { gate, p } = await begin(t, name, { fate: ({ path }) => (FIRST.test(path) ? { delay: 600_000 } : null) });
		await p.connected();
		assert.ok(gate.requests.some(({ path }) => /^\/poll/.test(path)));
	});

	test('it is just what would be asked for: of a permalink, where one was, what was read, who is signed in', async (t) => {
		const name = room();
		const ids = [];
		for (let i = 0; i < 300; i += 1) ids.push(await line.sent(`m${i}`, { room: name }));
		const { gate, p } = await begin(t, name);
		await p.connected();
		/** Loads anew, and gives the first pages that were asked for. */
		const again = async (act = () => p.page.reload()) => {
			gate.requests.length = 0;
			await act();
			await p.connected();
			await until(async () => (await p.ids()).length > 0, { what: 'messages' });
			return firsts(gate);
		};
		assert.deepEqual(await again(), [`/history?room=${name}&limit=100`]);
		assert.deepEqual(await again(async () => {
			await p.page.goto('about:blank');
			await p.page.goto(`${gate.url}/#${name}/${ids[50]}`);
		}), [`/history?room=${name}&around=${ids[50]}&limit=100`]);
		await p.log.evaluate((log) => log.scrollTo(0, 400));
		await until(() => p.page.evaluate(() => history.state?.at), { what: 'the place to be kept' });
		const at = await p.page.evaluate(() => history.state.at);
		assert.deepEqual(await again(), [`/history?room=${name}&around=${at}&limit=100`]);
	});

	test('with the token of who is signed in', async (t) => {
		const name = room();
		await line.sent('for ann', { room: name });
		const rules = policy(line, { who: { [ANN]: 'ann' }, reads: (who, one) => who === 'ann' || one !== name });
		const p = await open(t, 'about:blank', { cut: true });
		await guard(p.context, rules);
		await p.page.goto(`${line.url}/#${name}`);
		await parts(p).fence.waitFor();
		await signIn(p, ANN);
		await p.shows('for ann');
		rules.seen.length = 0;
		await p.page.reload();
		await p.shows('for ann');
		await p.connected();
		const first = rules.seen.filter(({ path, search }) => FIRST.test(`/${path}${search}`));
		assert.deepEqual(first.map(({ bearer }) => bearer), [ANN]);
	});
});

describe('what is served', () => {
	const line = server();

	for (const [name, gone] of [['the modules', /app\.js/], ['the style sheet', /style\.css/], ['all', /./]]) {
		test(`${name} of a release that is gone: the page is loaded anew, once`, async (t) => {
			const p = await open(t, 'about:blank', { cut: true });
			let there = false;
			let loads = 0;
			p.page.on('request', (request) => {
				loads += request.isNavigationRequest() ? 1 : 0;
			});
			await p.page.route('**/v-*/*', (route) => (!there && gone.test(route.request().url()) ? route.fulfill({ status: 404, body: '' }) : route.continue()));
			await p.page.goto(`${line.url}/#${room()}`).catch(() => {}); // which the reload may end
			await until(() => loads === 2, { what: 'the page to be loaded again' });
			// Still gone: nobody wants a page that reloads for ever.
			await p.page.waitForLoadState();
			there = true;
			await p.page.reload();
			await p.connected();
			assert.equal(loads, 3);
		});
	}

	test('the manifest is one, and its addresses are of this place', async (t) => {
		const p = await open(t, `${line.url}/`);
		const session = await p.context.newCDPSession(p.page);
		const { errors, data } = await session.send('Page.getAppManifest');
		assert.deepEqual(errors, []);
		const { start_url: begin, icons } = JSON.parse(data);
		assert.equal(new URL(begin, `${line.url}/`).href, `${line.url}/`);
		assert.equal((await line.get(`/${icons[0].src}`)).status, 200);
	});
});
