// page-tabs.test.mjs: many tabs on one line, and pages that slept: frozen, put aside for "back", on a closed laptop.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ms, room, server, sleep, until, within } from '../e2e/harness.mjs';
import { launch, numbers, open, program, proxy, stored } from './browser.mjs';

const TABS = 10;

// A tab's list ends in these messages.
const endsIn = (p, ids, what) => until(async () => String((await p.ids()).slice(-ids.length)) === String(ids), { what })
	.catch(async (error) => assert.deepEqual((await p.ids()).slice(-ids.length), ids, error.message));

const newest = async (line, name, most = 100) => (await stored(line, name)).map(({ id }) => id).slice(-most);

// The page whose poll was the last.
function watchLeader(context) {
	const seen = { page: null };
	context.on('request', (request) => {
		if (/\/poll\?/.test(request.url())) seen.page = request.frame().page();
	});
	return seen;
}

// The process that runs this page: the one that works when the page has work. Headless pages count as visible, which
// Chromium never freezes; a stopped process is what a frozen page is to all others.
async function processOf(p) {
	const browser = await p.context.browser().newBrowserCDPSession();
	const times = async () => new Map((await browser.send('SystemInfo.getProcessInfo')).processInfo
		.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime]));
	const before = await times();
	await p.page.evaluate(() => {
		for (const end = performance.now() + 400; performance.now() < end;);
	});
	const worked = [...await times()].map(([id, time]) => [id, time - (before.get(id) ?? 0)]);
	await browser.detach();
	return worked.sort((a, b) => b[1] - a[1])[0][0];
}

// Stops the pages at once; gives what lets them go on.
async function freeze(t, ...pages) {
	const pids = new Set();
	for (const p of pages) pids.add(await processOf(p));
	const all = (signal) => {
		for (const pid of pids) {
			try {
				process.kill(pid, signal);
			} catch {
				// It has ended.
			}
		}
	};
	t.after(() => all('SIGCONT'));
	all('SIGSTOP');
	return { pids, thaw: () => all('SIGCONT') };
}

describe('many tabs', () => {
	const line = server();

	test('ten tabs hold one poll between them; leaders close and nothing is missed', async (t) => {
		const watched = await proxy(line.url);
		const name = room();
		const first = await open(t, `${watched.url}/#${name}`, { cut: true });
		const leader = watchLeader(first.context);
		const tabs = [first];
		for (const _ of numbers(2, TABS)) tabs.push(await open(t, `${watched.url}/#${name}`, { cut: true, context: first.context }));
		for (const p of tabs) await p.connected();
		await until(() => watched.polls.now === 1, { what: 'one held poll' });
		assert.equal(watched.polls.most, 1, 'never two at once');
		await line.parked(1);

		// Whatever is typed anywhere is everywhere, though ten tabs share six connections.
		for (const [i, p] of tabs.entries()) await p.type(`typed in tab ${i}`);
		await until(async () => (await stored(line, name)).length === TABS);
		const typed = await newest(line, name);
		for (const p of tabs) await endsIn(p, typed, 'all ten messages');
		assert.equal(watched.polls.most, 1, 'still never two');

		const other = program(line, name);
		for (const _ of numbers(1, 3)) {
			await sleep(ms(300));
			const gone = leader.page;
			await gone.close();
			tabs.splice(tabs.findIndex(({ page }) => page === gone), 1);
			await until(() => leader.page !== gone, { what: 'another tab to ask' });
		}
		await sleep(200);
		const count = await other.stop();
		const all = await newest(line, name);
		for (const p of tabs) {
			await endsIn(p, all, 'all after three hand-overs');
			await p.connected();
		}
		await until(() => watched.polls.now === 1, { what: 'one held poll again' });
		// A closing page's request and the next one's may cross on their way.
		assert.ok(watched.polls.pairs < ms(5000), `two polls were held together for ${watched.polls.pairs} ms`);
		t.diagnostic(`${count} messages over three hand-overs; two polls overlapped for ${watched.polls.pairs.toFixed(0)} ms at most`);
	});

	test('a leader that is frozen loses the lead to a tab that is looked at; thawed, it has missed nothing', async (t) => {
		const watched = await proxy(line.url);
		const name = room();
		const one = await open(t, `${watched.url}/#${name}`, { cut: true });
		await one.connected();
		const two = await open(t, `${watched.url}/#${name}`, { cut: true, context: one.context });
		await two.connected();
		const leader = watchLeader(one.context);
		await line.sent('before', { room: name });
		for (const p of [one, two]) await p.shows('before');
		const [cold, warm] = leader.page === one.page ? [one, two] : [two, one];
		const { pids, thaw } = await freeze(t, cold);
		assert.ok(!pids.has(await within(ms(10_000), processOf(warm), 'the other tab to work')));
		await line.sent('while frozen', { room: name });
		const turned = performance.now();
		// What a browser tells a tab that is turned to.
		await warm.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
		await warm.shows('before', 'while frozen');
		const took = performance.now() - turned;
		for (const i of numbers(1, 30)) await line.sent(`m${i}`, { room: name });
		const all = await newest(line, name);
		await endsIn(warm, all, 'the live tab');
		const since = performance.now();
		thaw();
		await endsIn(cold, all, 'the thawed tab');
		await sleep(ms(1500));
		const asked = watched.since(since).length;
		assert.ok(asked <= 12, `${asked} requests after thawing`);
		await line.sent('after', { room: name });
		for (const p of [one, two]) {
			await endsIn(p, await newest(line, name), 'both');
			await p.connected();
		}
		await until(() => watched.polls.now === 1, { what: 'one held poll again' });
		t.diagnostic(`led by the other tab ${took.toFixed(0)} ms after it was turned to; ${asked} requests in the 1.5 s after thawing`);
	});

	test('all tabs frozen for long: awake again, they show what was missed, without a flood', async (t) => {
		const watched = await proxy(line.url);
		const name = room();
		const one = await open(t, `${watched.url}/#${name}`, { cut: true });
		await one.connected();
		const two = await open(t, `${watched.url}/#${name}`, { cut: true, context: one.context });
		await two.connected();
		await line.sent('before', { room: name });
		for (const p of [one, two]) await p.shows('before');
		const { thaw } = await freeze(t, one, two);
		watched.hangUp();
		await line.sql(`INSERT INTO messages(room, text) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000)
			SELECT '${name}', 'missed ' || x FROM c`);
		await sleep(ms(500));
		const since = performance.now();
		thaw();
		const all = await newest(line, name, 50);
		for (const p of [one, two]) {
			await until(async () => {
				// Who missed more than is read at once may be left where he was, and told how many are new.
				// The button may go as it is being clicked: he is there then.
				if (await p.newest.isVisible()) await p.newest.click({ timeout: 500 }).catch(() => {});
				return String((await p.ids()).slice(-50)) === String(all);
			}, { what: 'the newest' });
			await p.connected();
		}
		const asked = watched.since(since).length;
		assert.ok(asked <= 40, `${asked} requests for 5000 missed messages in two tabs`);
		for (const p of [one, two]) assert.ok(await p.log.evaluate((log) => log.childElementCount) <= 1000);
		t.diagnostic(`${asked} requests for 5000 missed messages in two tabs`);
	});

	test('a laptop that slept on a dead connection: fresh soon after it wakes', async (t) => {
		const watched = await proxy(line.url);
		const name = room();
		const p = await open(t, 'about:blank', { cut: true });
		await p.page.clock.install();
		await p.page.goto(`${watched.url}/#${name}`);
		await p.connected();
		await line.sent('before', { room: name });
		await p.shows('before');
		await until(() => watched.polls.now === 1, { what: 'a held poll' });
		watched.mute();
		for (const i of numbers(1, 20)) await line.sent(`asleep ${i}`, { room: name });
		await sleep(ms(500));
		await p.shows('before');
		const since = performance.now();
		watched.hear();
		await p.page.clock.fastForward('03:00:00');
		await p.shows('before', ...numbers(1, 20).map((i) => `asleep ${i}`));
		const took = performance.now() - since;
		await p.connected();
		await sleep(ms(1000));
		const asked = watched.since(since).length;
		assert.ok(asked <= 8, `${asked} requests after waking`);
		t.diagnostic(`fresh ${took.toFixed(0)} ms after waking, ${asked} requests`);
	});

	test('left and come back to by "back": nothing missed, and it goes on', async (t) => {
		const name = room();
		const browser = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
		t.after(() => browser.close());
		const p = await open(t, `${line.url}/#${name}`, {
			browser, cut: true, init: () => addEventListener('pageshow', (event) => {
				window.cameBack = event.persisted;
			}),
		});
		await p.connected();
		await p.field.fill('half a sent');
		await line.sent('before', { room: name });
		await p.shows('before');
		await p.page.goto(`${line.url}/healthz`);
		await until(async () => await line.metric(/parked/) === 0, { what: 'the poll to end' });
		await line.sent('meanwhile', { room: name });
		await p.page.goBack({ waitUntil: 'commit' }); // a page from the cache is not loaded again
		await p.connected();
		await p.shows('before', 'meanwhile');
		assert.equal(await p.field.inputValue(), 'half a sent');
		await p.type('typed after');
		await line.sent('live', { room: name });
		await until(async () => (await p.texts()).length === 4);
		const why = await p.page.evaluate(() =>
			JSON.stringify(performance.getEntriesByType('navigation')[0].notRestoredReasons?.reasons ?? null));
		t.diagnostic(`from the back/forward cache: ${await p.page.evaluate(() => window.cameBack)}; reasons against it: ${why}`);
	});
});
