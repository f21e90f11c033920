// views.test.mjs: searches that are kept: how often, and by whom, it is asked what is new.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, json } from './fake.mjs';
import { Memory, Server, Views } from './modules.mjs';

function begin({ leading = true, kept = [], storage = new Map() } = {}) {
	const clock = new FakeClock();
	const asked = [];
	const self = { clock, asked, n: 0, newer: null, most: 0, now: 0, drawn: 0, answer: null };
	const fetch = async (url) => {
		asked.push(new URLSearchParams(url.split('?')[1]));
		self.now += 1;
		self.most = Math.max(self.most, self.now);
		await clock.sleep(100);
		self.now -= 1;
		return self.answer?.() ?? json({ messages: Array(self.n).fill({}), older: null, newer: self.newer });
	};
	const prefs = new Memory({ getItem: (name) => storage.get(name) ?? null, setItem: (name, value) => storage.set(name, value) }, 'p');
	if (kept.length) prefs.set('views', kept.map((q) => ({ q, seen: 5, n: 0, more: false })));
	self.feed = { leading };
	self.views = new Views({ server: new Server(fetch, '', clock), prefs, feed: self.feed, names: () => ['ops', 'ci'], draw: () => { self.drawn += 1; } }, { clock });
	self.counts = () => self.views.list.map(({ n, more }) => `${n}${more ? '+' : ''}`).join();
	return self;
}

test('what cannot be stored is remembered as long as the page is there', () => {
	const stored = new Map([['p.name', '"ann"']]);
	let full = true;
	const setItem = (name, value) => {
		if (full) throw new Error('full');
		stored.set(name, value);
	};
	const prefs = new Memory({ getItem: (name) => stored.get(name) ?? null, setItem }, 'p');
	prefs.set('name', 'bob');
	prefs.set('other', '');
	assert.deepEqual([prefs.get('name'), prefs.get('other'), prefs.get('third', 3)], ['bob', '', 3]);
	full = false;
	prefs.set('name', 'cleo');
	stored.set('p.name', '"of another tab"');
	assert.equal(prefs.get('name'), 'of another tab');
});

describe('searches that are kept', () => {
	test('at most eight, each once; one that is removed is gone', () => {
		const { views } = begin();
		for (let i = 0; i < 10; i += 1) views.toggle(`x${i}`, i);
		assert.deepEqual(views.list.map(({ q, seen }) => [q, seen]), Array.from({ length: 8 }, (_, i) => [`x${i}`, i]));
		assert.ok(views.full);
		views.toggle('x3');
		assert.ok(!views.full && !views.has('x3') && views.has('x4'));
		views.toggle('');
		assert.equal(views.list.length, 7);
	});

	test('what somebody else wrote there does no harm', () => {
		const storage = new Map([['p.views', JSON.stringify([null, 7, { q: 7 }, { q: 'x' }, ...Array(20).fill({ q: 'y' })])]]);
		assert.equal(begin({ storage }).views.list.length, 8);
		storage.set('p.views', '"x"');
		assert.deepEqual(begin({ storage }).views.list, []);
	});

	test('10 s after news at the earliest, one at a time, by the tab that leads alone', async () => {
		const self = begin({ kept: ['failed', 'error in:OPS last:1d', 'in:ci'] });
		self.n = 3;
		for (let i = 0; i < 9; i += 1) {
			self.views.heard(['ops', 'ci']);
			await self.clock.advance(1_000);
		}
		assert.equal(self.asked.length, 0);
		await self.clock.advance(2_000);
		assert.deepEqual(self.asked.map((one) => [one.getAll('room').join(), one.get('q'), one.get('after'), one.get('limit')]), [
			['*', 'failed', '5', '50'], ['ops', 'error', '5', '50'], ['ci', null, '5', '50'],
		]);
		assert.equal(self.most, 1);
		assert.equal(self.counts(), '3,3,3');
		// News while it counts: 10 s later again.
		self.views.heard(['ops']);
		await self.clock.advance(9_000);
		assert.equal(self.asked.length, 3);
		await self.clock.advance(2_000);
		assert.deepEqual(self.asked.slice(3).map((one) => one.get('q')), ['failed', 'error'], 'not those of rooms without news');
		const other = begin({ leading: false, kept: ['failed'] });
		other.views.heard();
		await other.clock.advance(60_000);
		assert.equal(other.asked.length, 0);
	});

	test('what was opened is not new; an answer that was on its way does not count', async () => {
		const self = begin({ kept: ['failed'] });
		Object.assign(self, { n: 50, newer: 70 });
		self.views.heard();
		await self.clock.advance(11_000);
		assert.equal(self.counts(), '50+');
		self.views.heard();
		await self.clock.advance(10_050);
		self.views.opened('failed', 9);
		self.views.opened('another', 9);
		await self.clock.advance(1_000);
		assert.equal(self.counts(), '0');
		self.views.opened('failed', 7);
		assert.equal(self.views.list[0].seen, 9);
		Object.assign(self, { n: 1, newer: null });
		self.views.heard();
		await self.clock.advance(11_000);
		assert.equal(self.asked.at(-1).get('after'), '9');
		assert.equal(self.counts(), '1');
	});

	test('one that fails leaves the others for other news', async () => {
		const self = begin({ kept: ['a', 'in:nosuch', 'b'] });
		self.answer = () => json({}, 503);
		self.views.heard();
		await self.clock.advance(60_000);
		assert.equal(self.asked.length, 1);
		self.answer = null;
		self.views.heard();
		await self.clock.advance(11_000);
		assert.deepEqual(self.asked.slice(1).map((one) => one.get('q')), ['a', 'b'], 'and none of a room that is none');
	});

	test('what the server refuses for good does not keep it from the others', async () => {
		for (const refusal of [json({}, 400), json({ code: 'search_timeout' }, 503), json({}, 403)]) {
			const self = begin({ kept: ['-foo', 'a'] });
			self.answer = () => (self.asked.length === 1 ? refusal : json({ messages: [{}], older: null, newer: null }));
			self.views.heard();
			await self.clock.advance(60_000);
			assert.deepEqual(self.asked.map((one) => one.get('q')), ['-foo', 'a']);
			assert.equal(self.counts(), '0,1');
		}
	});

	test('who leads no more asks no more', async () => {
		const self = begin({ kept: ['a', 'b'] });
		self.views.heard();
		await self.clock.advance(10_050);
		self.feed.leading = false;
		await self.clock.advance(60_000);
		assert.equal(self.asked.length, 1);
	});
});
