// feed.test.mjs: tabs, feed, reader, outbox and timeline together, without a document.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeBrowser, FakeClock, FakeServer, MemoryStore, seeded, settle } from './fake.mjs';
import { Feed, Lease, Outbox, Reader, Server, Timeline } from './modules.mjs';

// What localStorage is to a tab, until it is killed.
const storageOf = (map, tab) => ({
	getItem: (name) => (tab.dead ? null : map.get(name) ?? null),
	setItem: (name, value) => tab.dead || map.set(name, value),
	removeItem: (name) => tab.dead || map.delete(name),
});

/** A tab as app.js would wire it, showing one room. */
function openTab({ clock, fetch, browser, store, id, room = 'main', random = () => 1, channel = true, shared, visible = true }) {
	const tab = browser.tab();
	if (shared) tab.locks = new Lease({ storage: storageOf(shared, tab), clock, id });
	const timeline = new Timeline();
	const server = new Server(async (...request) => {
		if (tab.dead) return new Promise(() => {});
		return fetch(...request);
	}, '', clock);
	const env = { clock, random, isOnline: () => true };
	const self = { id, tab, timeline, arrived: [], states: [], events: [], gaps: 0, resets: 0 };
	self.outbox = new Outbox(server, {
		store,
		on(type, item, own, reply) {
			if (own) self.feed.tell({ type, item: { ...item }, reply });
			timeline.outbox(type, item, reply);
		},
	}, env);
	self.feed = new Feed(server, {
		outbox: self.outbox,
		tabs: { name: 'x', id, locks: tab.locks, Channel: channel ? tab.Channel : undefined },
		on: {
			told: (message) => self.events.push(message),
			event(event) {
				self.events.push(event);
				if (event.type === 'state') {
					self.states.push(event.name);
					if (event.name === 'connected') self.reader.wake();
				}
				if (event.type === 'ready') self.reader.ready();
				if (event.type === 'news') self.reader.heard(event.messages.filter((message) => message.room === room));
				if (event.type === 'hole') self.reader.hole();
				if (event.type === 'gap') self.gaps += 1;
				if (event.type === 'reset') {
					self.resets += 1;
					self.reader.unready();
					self.reader.open();
				}
			},
		},
	}, env);
	self.reader = new Reader(server, {
		room, timeline,
		on: {
			changed: (what) => what === 'far' && self.reader.open(),
			arrived: (messages) => self.arrived.push(...messages),
			refused: assert.fail,
		},
	}, env);
	self.type = (text, key) => self.outbox.add({ room, sender: id, text, key });
	self.ids = () => timeline.messages.map((message) => message.id);
	self.feed.look(visible);
	self.reader.open();
	self.feed.start();
	return self;
}

function site(options = {}) {
	const clock = new FakeClock();
	const back = new FakeServer(clock);
	const browser = new FakeBrowser();
	const store = new MemoryStore();
	let count = 0;
	const tab = (more) => {
		count += 1;
		return openTab({ clock, fetch: back.fetch, browser, store, id: `t${count}`, ...options, ...more });
	};
	const held = () => back.requests.filter(({ path, query }) => path === 'poll' && query.get('wait') === '25').length;
	return { clock, back, browser, store, tab, held };
}

const turns = async (n = 12) => {
	for (let i = 0; i < n; i += 1) await settle();
};

describe('tabs without locks', () => {
	const leading = (tabs) => tabs.map(({ feed }) => feed.leading);

	test('hold one poll by a lease, which outlives no dead tab for long', async () => {
		const s = site({ shared: new Map(), visible: false });
		const tabs = [s.tab(), s.tab(), s.tab()];
		await turns();
		assert.deepEqual(leading(tabs), [true, false, false]);
		assert.equal(s.held(), 1);
		s.back.say('a');
		await s.clock.advance(300_000);
		assert.deepEqual(leading(tabs), [true, false, false], 'it is renewed');
		tabs[0].tab.kill();
		s.back.say('b');
		await s.clock.advance(96_000);
		assert.equal(leading(tabs.slice(1)).filter(Boolean).length, 1, 'one of the others leads');
		for (const tab of tabs.slice(1)) assert.deepEqual(tab.ids(), [1, 2]);
	});

	test('a page that is left hands over; the one that is looked at leads', async () => {
		const s = site({ shared: new Map(), visible: false });
		const tabs = [s.tab(), s.tab(), s.tab()];
		await turns();
		tabs[0].feed.stop();
		await s.clock.advance(5_000);
		assert.equal(leading(tabs).filter(Boolean).length, 1);
		tabs[2].feed.look(true);
		await turns();
		assert.deepEqual(leading(tabs), [false, false, true]);
		tabs[1].feed.look(true);
		await turns();
		assert.deepEqual(leading(tabs), [false, true, false]);
		s.back.say('a');
		await turns();
		for (const tab of tabs.slice(1)) assert.deepEqual(tab.ids(), [1]);
	});

	test('two leaders do no harm: each tab shows each message once, and each that is typed is stored once', async () => {
		// Each sees a storage of its own, as if what another wrote came late for ever.
		const s = site({ visible: false });
		const tabs = [s.tab({ shared: new Map() }), s.tab({ shared: new Map() }), s.tab({ shared: new Map() })];
		await turns();
		assert.deepEqual(leading(tabs), [true, true, true]);
		for (let i = 1; i <= 30; i += 1) {
			if (i % 3) s.back.say(`m${i}`);
			else tabs[i / 3 % 3].type(`m${i}`, `k${i}`);
			await s.clock.advance(400);
		}
		await s.clock.advance(10_000);
		const ids = Array.from({ length: 30 }, (_, i) => i + 1);
		assert.deepEqual(s.back.log.map(({ message }) => message.id), ids);
		for (const tab of tabs) {
			assert.deepEqual(tab.ids(), ids);
			assert.deepEqual(tab.arrived.map(({ id }) => id).sort((a, b) => a - b), [...new Set(tab.arrived.map(({ id }) => id))].sort((a, b) => a - b), 'none twice');
			assert.equal(tab.outbox.items.length, 0);
		}
	});
});

describe('tabs', () => {
	test('three tabs hold one poll and show the same', async () => {
		const s = site();
		const tabs = [s.tab(), s.tab(), s.tab()];
		await turns();
		assert.deepEqual(tabs.map(({ feed }) => feed.leading), [true, false, false]);
		assert.equal(s.held(), 1);
		s.back.say('a');
		await turns();
		s.back.say('b');
		await turns();
		for (const tab of tabs) {
			assert.deepEqual(tab.ids(), [1, 2]);
			assert.equal(tab.states.at(-1), 'connected');
		}
		assert.equal(s.held(), 3, 'one after each message, and none more');
	});

	test('the leader closes, or dies: the next goes on from where it had heard to', async () => {
		const s = site();
		const tabs = [s.tab(), s.tab(), s.tab()];
		await turns();
		s.back.say('a');
		await turns();
		tabs[0].feed.stop();
		tabs[0].tab.kill();
		s.back.say('b'); // nobody holds a poll now
		await turns();
		assert.equal(tabs[1].feed.leading, true);
		tabs[1].tab.kill();
		s.back.say('c');
		await turns();
		assert.equal(tabs[2].feed.leading, true);
		assert.deepEqual(tabs[2].ids(), [1, 2, 3]);
		assert.equal(tabs[2].resets + tabs[2].gaps, 0);
	});

	test('a leader that does not answer loses its part', async () => {
		const s = site();
		const tabs = [s.tab(), s.tab()];
		await turns();
		tabs[0].tab.frozen = true;
		tabs[1].feed.wake();
		await turns();
		await s.clock.advance(4_000);
		await turns();
		assert.equal(tabs[1].feed.leading, true);
		assert.equal(tabs[0].feed.leading, false);
		tabs[0].tab.frozen = false;
		s.back.say('a');
		await turns();
		assert.deepEqual(tabs[1].ids(), [1]);
	});

	test('what is typed in any tab is sent by the leader, once, in order; a dead leader loses nothing', async () => {
		const s = site();
		const tabs = [s.tab(), s.tab()];
		await turns();
		tabs[1].type('one', 'k1');
		await turns();
		tabs[1].type('two', 'k2');
		await turns();
		s.back.down = true;
		tabs[0].type('three', 'k3');
		await turns();
		assert.ok(tabs[1].timeline.rows(() => '').some(({ kind, text }) => kind === 'unsent' && text === 'three'));
		tabs[0].tab.kill();
		s.back.down = false;
		await turns();
		await s.clock.advance(1_000);
		await turns();
		assert.deepEqual(s.back.log.map(({ message }) => message.text), ['one', 'two', 'three']);
		assert.equal(tabs[1].timeline.rows(() => '').filter(({ kind }) => kind === 'unsent').length, 0);
		assert.deepEqual(await s.store.all(), []);
	});

	test('without locks or channel each tab is on its own', async () => {
		const s = site({ channel: false });
		const tabs = [s.tab(), s.tab()];
		await turns();
		s.back.say('a');
		await turns();
		for (const tab of tabs) {
			assert.equal(tab.feed.leading, true);
			assert.deepEqual(tab.ids(), [1]);
		}
	});

	test('a tab that slept joins again without a hole', async () => {
		const s = site();
		const tabs = [s.tab(), s.tab()];
		await turns();
		s.back.say('a');
		await turns();
		tabs[1].tab.frozen = true;
		for (let i = 0; i < 5; i += 1) {
			s.back.say(`while asleep ${i}`);
			await turns(4);
		}
		tabs[1].tab.frozen = false;
		s.back.say('awake');
		await turns();
		assert.deepEqual(tabs[1].ids(), [1, 2, 3, 4, 5, 6, 7]);
		assert.deepEqual(tabs[1].arrived.map(({ id }) => id), [1, 2, 3, 4, 5, 6, 7], 'each arrives once');
	});

});

describe('a bad network', () => {
	for (const seed of [1, 2, 3, 4, 5]) {
		test(`two browsers with tabs that die, a third of all requests lost: each message once, in order (seed ${seed})`, async () => {
			const random = seeded(seed);
			const clock = new FakeClock();
			const back = new FakeServer(clock);
			const fetch = back.lossy({ loss: 0.17, delayMs: 300, random });
			const typed = { 0: [], 1: [] };
			let made = 0;
			const browsers = [0, 1].map((number) => {
				const browser = new FakeBrowser();
				const store = new MemoryStore();
				const open = () => {
					made += 1;
					return openTab({ clock, fetch, browser, store, random, id: `b${number} t${made}` });
				};
				return { number, open, tabs: [open(), open()] };
			});
			const check = (tab) => {
				const ids = tab.ids();
				assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b), 'in order and once, at any time');
			};
			for (let turn = 0; turn < 60; turn += 1) {
				for (const { number, tabs } of browsers) {
					if (random() < 0.7) {
						typed[number].push(`${number} typed ${turn}`);
						tabs[0].type(typed[number].at(-1), `${number} ${turn}`);
					}
				}
				if (random() < 0.5) back.say(`by curl ${turn}`);
				if (turn % 15 === 7) {
					back.down = true;
					back.release();
				}
				if (turn % 15 === 10) back.down = false;
				const { tabs, open } = browsers[turn % 2];
				if (random() < 0.1) tabs[1].feed.wake();
				await clock.advance(random() * 2000);
				if (turn % 10 === 9) {
					// The tab that types stays; the other one goes, whether it leads or not.
					tabs.pop().tab.kill();
					tabs.push(open());
				}
				for (const tab of tabs) check(tab);
			}
			for (let i = 0; i < 60; i += 1) await clock.advance(10_000);
			const all = back.log.map(({ message }) => message.id);
			for (const { number, tabs } of browsers) {
				const mine = back.log.map(({ message }) => message.text).filter((text) => text.startsWith(`${number} typed`));
				assert.deepEqual(mine, typed[number], 'each typed message is stored once, in the order typed');
				for (const tab of tabs) {
					const ids = tab.ids();
					assert.ok(tab !== tabs[0] || ids.length === all.length);
					assert.ok(ids.length >= Math.min(100, all.length));
					assert.deepEqual(ids, all.slice(-ids.length));
					assert.equal(tab.timeline.rows(() => '').filter(({ kind }) => kind === 'unsent').length, 0);
					assert.equal(tab.gaps + tab.resets, 0);
				}
			}
		});
	}
});
