// reader.test.mjs: a window moved over a long log, without a document.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, FakeServer, problem, settle } from './fake.mjs';
import { Reader, Server, Timeline } from './modules.mjs';

function reading(count) {
	const clock = new FakeClock();
	const back = new FakeServer(clock);
	for (let i = 1; i <= count; i += 1) back.say(`m${i}`);
	const self = { clock, back, timeline: new Timeline(), changed: [], arrived: [], problems: [] };
	self.reader = new Reader(new Server(back.fetch, '', clock), {
		room: 'main', timeline: self.timeline,
		on: {
			changed: (what) => self.changed.push(what),
			arrived: (messages) => self.arrived.push(...messages.map(({ id }) => id)),
			refused: ({ message }) => self.problems.push(message),
		},
	}, { clock, random: () => 1 });
	self.ids = () => self.timeline.messages.map(({ id }) => id);
	self.whole = () => {
		const ids = self.ids();
		for (let i = 1; i < ids.length; i += 1) assert.equal(ids[i], ids[i - 1] + 1, 'no hole');
		return [ids[0], ids.at(-1)];
	};
	return self;
}

describe('reader', () => {
	test('the newest first, by one request', async () => {
		const r = reading(1000);
		r.reader.ready();
		await r.reader.open();
		assert.deepEqual(r.whole(), [901, 1000]);
		assert.equal(r.back.requests.length, 1);
		assert.equal(r.reader.live, true);
		r.reader.heard([r.back.say('x')]);
		assert.deepEqual(r.whole(), [901, 1001]);
		assert.deepEqual(r.arrived, [1001]);
	});

	test('a page that came before the feed was ready is joined to it, early messages included', async () => {
		const r = reading(10);
		await r.reader.open();
		r.back.say('between');
		r.reader.ready();
		const early = r.back.say('early');
		r.reader.heard([early]);
		await settle();
		assert.deepEqual(r.whole(), [1, 12]);
		assert.equal(r.reader.live, true);
		assert.deepEqual(r.arrived, [11, 12]);
	});

	test('to the oldest and back: never a hole, never heavy, and live again at the end', async () => {
		const r = reading(3000);
		r.reader.ready();
		await r.reader.open();
		while (r.timeline.older !== null) {
			await r.reader.back();
			r.whole();
			assert.ok(r.timeline.messages.length <= 400);
		}
		assert.equal(r.timeline.first, 1);
		assert.equal(r.reader.live, false);
		const { known, open } = r.reader.newer;
		assert.deepEqual([known, open], [3000 - r.timeline.last, false], 'counted while they were left behind');
		r.reader.heard([r.back.say('x')]);
		assert.equal(r.reader.newer.known, known + 1);
		while (r.timeline.newer !== null) {
			await r.reader.onward();
			r.whole();
			assert.ok(r.timeline.messages.length <= 400);
		}
		assert.equal(r.timeline.last, 3001);
		assert.equal(r.reader.live, true);
	});

	test('around a message: both ways, and how many are newer', async () => {
		const r = reading(1000);
		r.reader.ready();
		await r.reader.open({ around: 700 });
		await settle();
		assert.ok(r.timeline.has(700));
		assert.deepEqual(r.reader.newer, { known: 1000 - r.timeline.last, open: false });
		await r.reader.open({ around: 100 });
		await settle();
		assert.deepEqual(r.reader.newer, { known: 500, open: true });
		await r.reader.back();
		await r.reader.onward();
		r.whole();
	});

	test('a hole in the feed is filled from pages; a huge one is not, and the window ends before it', async () => {
		const r = reading(10);
		r.reader.ready();
		await r.reader.open();
		for (let i = 0; i < 150; i += 1) r.back.say('missed');
		r.reader.hole();
		for (let i = 0; i < 9; i += 1) await settle();
		assert.deepEqual(r.whole(), [1, 160]);
		assert.equal(r.reader.live, true);
		for (let i = 0; i < 2000; i += 1) r.back.say('missed');
		r.reader.hole();
		for (let i = 0; i < 12; i += 1) await settle();
		assert.equal(r.reader.live, false);
		assert.equal(r.changed.includes('far'), true);
		assert.notEqual(r.timeline.newer, null);
		r.whole();
	});

	/** The next page is read now, and comes when the function that this gives is called. */
	function late({ back }) {
		let come;
		back.next = () => {
			const { path, query } = back.requests.at(-1);
			const page = back.fetch(`${path}?${query}`);
			return new Promise((resolve) => {
				come = () => resolve(page);
			});
		};
		return async () => {
			come();
			for (let i = 0; i < 9; i += 1) await settle();
		};
	}

	const told = {
		heard: (r) => r.reader.heard([r.back.say('heard')]),
		'missed in a hole': (r) => {
			r.back.say('missed');
			r.reader.hole();
			r.reader.heard([r.back.say('heard')]);
		},
		'missed while the feed was another': (r) => {
			r.reader.unready();
			r.back.say('missed');
			r.reader.ready();
			r.reader.heard([r.back.say('heard')]);
		},
	};
	for (const [what, tell] of Object.entries(told)) {
		test(`what is ${what} while a page is on its way that ends at the end is not lost`, async () => {
			const r = reading(10);
			r.reader.ready();
			let come = late(r);
			r.reader.open();
			await settle();
			tell(r);
			await come();
			assert.deepEqual(r.whole(), [1, r.back.head], 'opening');
			assert.equal(r.reader.live, true);

			r.back.say('missed');
			come = late(r);
			r.reader.hole();
			await settle();
			tell(r);
			await come();
			assert.deepEqual(r.whole(), [1, r.back.head], 'joining');

			for (let i = 0; i < 400; i += 1) r.back.say('later');
			await r.reader.open({ around: 350 });
			await settle();
			while (r.timeline.last < r.back.head - 30) await r.reader.onward();
			come = late(r);
			r.reader.onward();
			await settle();
			tell(r);
			await come();
			assert.equal(r.whole()[1], r.back.head, 'scrolling on');
			assert.equal(r.reader.live, true);
		});
	}

	test('opening is tried until it works; a refusal is said; something else takes its place', async () => {
		const r = reading(10);
		r.back.down = true;
		r.reader.open();
		await r.clock.advance(5_000);
		assert.equal(r.reader.busy, true);
		r.back.down = false;
		r.reader.wake();
		await settle();
		assert.deepEqual(r.whole(), [1, 10]);
		r.back.next = () => problem(400, 'no such day');
		await r.reader.open({ on: 'x' });
		assert.deepEqual(r.problems, ['no such day']);
		const slow = r.reader.open({ around: 3 });
		await r.reader.open();
		await slow;
		assert.equal(r.timeline.last, 10);
	});

	test('who reads further up is not given more than the window holds', async () => {
		const r = reading(10);
		r.reader.ready();
		await r.reader.open();
		for (let i = 0; i < 500; i += 1) {
			r.reader.heard([r.back.say('x')]);
			r.reader.keep(false);
		}
		assert.ok(r.timeline.messages.length <= 350);
		assert.equal(r.timeline.first, 1);
		assert.equal(r.reader.newer.known, 510 - r.timeline.last);
		r.reader.stop();
	});
});
