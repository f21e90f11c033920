// transport.test.mjs: the line without a document: a clock that stands still, a server in memory, a bad network.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, FakeServer, MemoryStore, json, problem, seeded, settle, silence } from './fake.mjs';
import { Failure, Live, Outbox, Pause, Server } from './modules.mjs';

/** A follower of a room with all it was told. random = 1 makes every delay its longest. */
function follower({ fetch, clock = new FakeClock(), back = new FakeServer(clock), random = () => 1, ...options } = {}) {
	const self = { clock, back, online: true, states: [], ready: [], messages: [], gaps: [], resets: 0, skips: [], refused: [] };
	const server = new Server(fetch ?? back.fetch, '', clock);
	const told = {
		state: (event) => self.states.push(event),
		ready: (event) => self.ready.push(event),
		news: ({ messages }) => self.messages.push(...messages),
		gap: ({ since }) => self.gaps.push(since),
		reset: () => {
			self.resets += 1;
		},
		skipped: ({ cursor }) => self.skips.push(cursor),
		refused: ({ problem }) => self.refused.push(problem),
	};
	self.live = new Live(server, {
		rooms: ['main'], clock, random,
		isOnline: () => self.online,
		on: (event) => told[event.type](structuredClone(event)), // as another tab would get it
		...options,
	});
	self.state = () => self.states.at(-1).name;
	self.texts = () => self.messages.map(({ text }) => text);
	return self;
}

describe('Server', () => {
	test('asks by relative addresses, so that the page works under any path', async () => {
		const clock = new FakeClock();
		const back = new FakeServer(clock);
		const server = new Server(back.fetch, '', clock);
		await server.send({ room: 'main', text: 'a', key: 'k' });
		await server.history({ room: 'main', limit: 5 });
		await server.poll({ rooms: ['a', 'b'], since: 0, wait: 0 });
		assert.deepEqual(back.requests.map(({ path }) => path), ['send', 'history', 'poll']);
		assert.deepEqual(back.requests[2].query.getAll('room'), ['a', 'b']);
	});

	test('a problem becomes a failure with its detail, code and patience', async () => {
		const clock = new FakeClock();
		const server = new Server(async () => problem(503, 'The queue is full.', { 'Retry-After': '7' }), '', clock);
		await assert.rejects(server.send({ text: 'a' }), (failure) => {
			assert.ok(failure instanceof Failure);
			assert.equal(failure.message, 'The queue is full.');
			assert.equal(failure.status, 503);
			assert.equal(failure.retryAfterMs, 7000);
			assert.equal(failure.passing, true);
			return true;
		});
	});

	test('401 is said in words, whoever says it', async () => {
		const clock = new FakeClock();
		for (const answer of [problem(401, 'This needs a name and a password.'), new Response('<html>', { status: 401 })]) {
			const server = new Server(async () => answer, '', clock);
			await assert.rejects(server.poll({ rooms: ['a'], since: 0, wait: 0 }), ({ message, passing, bars }) => {
				assert.match(message, /wants a name and a password: load the page again/);
				assert.deepEqual([passing, bars], [false, true]);
				return true;
			});
		}
	});

	test('Retry-After: nonsense and absurd values are tamed', async () => {
		const clock = new FakeClock();
		const cases = [['soon', 0], ['1.5', 0], ['999999999', 300_000], ['-5', 0]];
		for (const [header, expected] of cases) {
			const server = new Server(async () => problem(503, 'x', { 'Retry-After': header }), '', clock);
			await assert.rejects(server.history({}), ({ retryAfterMs }) => {
				assert.equal(retryAfterMs, expected, header);
				return true;
			});
		}
	});

	test('only no answer, 5xx, 408 and 429 pass by themselves', () => {
		const passing = [0, 408, 429, 500, 502, 503, 504];
		for (const status of passing) assert.equal(new Failure('', { status }).passing, true, String(status));
		for (const status of [400, 401, 403, 404, 413, 415, 422]) {
			assert.equal(new Failure('', { status }).passing, false, String(status));
		}
	});

	test("another program's page with status 200 is no answer", async () => {
		const clock = new FakeClock();
		for (const body of ['<html>Log in</html>', 'null', '[]', '{"messages":1}']) {
			const server = new Server(async () => new Response(body), '', clock);
			for (const ask of [server.poll({ rooms: ['a'], since: 0, wait: 0 }), server.history({}), server.send({})]) {
				await assert.rejects(ask, ({ passing, status }) => passing && status === 0);
			}
		}
	});

	test('a line that dies within the body of an answer is given up too', async () => {
		const clock = new FakeClock();
		const fetch = async (url, { signal }) => ({ ok: true, text: () => silence(signal) });
		const asked = assert.rejects(new Server(fetch, '', clock).history({}), /in time/);
		await clock.advance(15_000);
		await asked;
	});
});

describe('Pause', () => {
	test('doubles from half a second to thirty, and starts again after reset()', () => {
		const backoff = new Pause({ random: () => 1 });
		const delays = Array.from({ length: 9 }, () => backoff.next());
		assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
		backoff.reset();
		assert.equal(backoff.next(), 500);
	});

	test('full jitter: anything from nothing to the ceiling', () => {
		const backoff = new Pause({ random: seeded(1) });
		for (let round = 0; round < 10; round += 1) backoff.next();
		const delays = Array.from({ length: 1000 }, () => backoff.next());
		assert.ok(Math.min(...delays) < 300);
		assert.ok(Math.max(...delays) > 29_700);
		const mean = delays.reduce((sum, delay) => sum + delay) / delays.length;
		assert.ok(mean > 14_000 && mean < 16_000, String(mean));
	});
});

describe('Live', () => {
	test('opening: the cursor, then a held poll from it', async () => {
		const f = follower();
		for (let i = 1; i <= 130; i += 1) f.back.say(`m${i}`);
		f.live.start();
		await settle();
		assert.deepEqual(f.states.map(({ name }) => name), ['connecting', 'connected']);
		assert.deepEqual(f.ready, [{ type: 'ready', cursor: 130, epoch: 'first' }]);
		const [probe, held] = f.back.requests;
		assert.equal(probe.query.get('since'), 'now');
		assert.equal(probe.query.get('wait'), '0');
		assert.equal(held.query.get('since'), '130');
		assert.equal(held.query.get('wait'), '25');
		assert.equal(held.query.get('epoch'), 'first');
		f.live.stop();
	});

	test('goes on where another one stopped, at once', async () => {
		const clock = new FakeClock();
		const back = new FakeServer(clock);
		for (let i = 1; i <= 9; i += 1) back.say(`m${i}`);
		const f = follower({ clock, back, cursor: 7, epoch: 'first' });
		f.live.start();
		await settle();
		assert.deepEqual(f.texts(), ['m8', 'm9']);
		assert.equal(back.requests[0].query.get('wait'), '0');
		f.live.stop();
	});

	test('who missed far too much is not flooded but told so, and goes on from now', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.back.down = true;
		f.back.release();
		await settle();
		for (let i = 1; i <= 5000; i += 1) f.back.say(`m${i}`);
		f.back.down = false;
		await f.clock.advance(1000);
		assert.equal(f.messages.length, 2000);
		assert.deepEqual(f.skips, [5000]);
		f.back.say('now');
		await settle();
		assert.equal(f.texts().at(-1), 'now');
		f.live.stop();
	});

	test('an empty room is followed too, from the beginning of its log', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.back.say('first words');
		await settle();
		assert.deepEqual(f.texts(), ['first words']);
		f.live.stop();
	});

	test('what was deleted before the page was opened is not reported as a gap', async () => {
		const f = follower();
		f.back.say('a');
		f.back.say('b');
		f.back.delete(2);
		f.live.start();
		await f.clock.advance(60_000);
		assert.deepEqual(f.gaps, []);
		f.live.stop();
	});

	test('a message wakes the held poll; an empty end of it is followed by the next', async () => {
		const f = follower();
		f.live.start();
		await f.clock.advance(26_000);
		assert.equal(f.back.requests.length, 3);
		f.back.say('hello');
		await settle();
		assert.deepEqual(f.texts(), ['hello']);
		assert.equal(f.back.requests.length, 4);
		assert.equal(f.back.requests[3].query.get('since'), '1');
		assert.equal(f.states.length, 2, 'the state has not flickered');
		f.live.stop();
	});

	test('a long absence is caught up batch by batch, at once', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.back.down = true;
		f.back.release();
		await settle();
		for (let i = 1; i <= 1234; i += 1) f.back.say(`m${i}`);
		f.back.down = false;
		await f.clock.advance(1000);
		assert.equal(f.messages.length, 1234);
		assert.deepEqual(f.messages.map(({ id }) => id), Array.from({ length: 1234 }, (_, i) => i + 1));
		f.live.stop();
	});

	test('failures: back-off is visible, doubles, and ends with the first success', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.back.down = true;
		f.back.release();
		await f.clock.advance(500); // the rest after a poll that was not held
		const delays = [];
		for (let i = 0; i < 8; i += 1) {
			assert.equal(f.state(), 'reconnecting');
			const ms = f.states.at(-1).at - f.clock.now();
			delays.push(ms);
			await f.clock.advance(ms);
		}
		assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
		assert.ok(f.states.some(({ name }, i) => name === 'connecting' && i > 2));
		f.back.down = false;
		f.back.say('back');
		await f.clock.advance(30_000);
		assert.equal(f.state(), 'connected');
		assert.deepEqual(f.texts(), ['back']);
		f.back.next = () => Promise.reject(new TypeError('cut'));
		f.back.say('once more');
		await settle();
		await f.clock.advance(0);
		assert.equal(f.state(), 'reconnecting');
		assert.equal(f.states.at(-1).at - f.clock.now(), 500);
		f.live.stop();
	});

	test('after a failure it is a quick poll that says whether the line works', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.back.next = () => problem(502, 'no daemon');
		f.back.say('x');
		await f.clock.advance(600);
		assert.equal(f.state(), 'connected');
		assert.deepEqual(f.back.requests.slice(-2).map(({ query }) => query.get('wait')), ['0', '25']);
		f.live.stop();
	});

	test('an overdue poll is abandoned', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.back.next = silence;
		f.back.say('x');
		await settle();
		await f.clock.advance(31_999);
		assert.equal(f.state(), 'connected');
		f.back.say('y');
		await f.clock.advance(1);
		assert.equal(f.state(), 'reconnecting');
		await f.clock.advance(500);
		assert.equal(f.state(), 'connected');
		assert.deepEqual(f.texts(), ['x', 'y']);
		f.live.stop();
	});

	test('Retry-After is respected, also by wake(), but not when a person asks', async () => {
		const f = follower();
		f.live.start();
		await settle();
		const refuse = () => problem(503, 'busy', { 'Retry-After': '10' });
		f.back.next = refuse;
		f.back.say('x');
		await settle();
		assert.equal(f.states.at(-1).at - f.clock.now(), 10_500);
		const count = f.back.requests.length;
		await f.clock.advance(3000);
		f.live.wake();
		await f.clock.advance(6999);
		assert.equal(f.back.requests.length, count);
		f.back.next = refuse;
		await f.clock.advance(1);
		assert.equal(f.back.requests.length, count + 1, 'woken: at the end of Retry-After, without the back-off on top');
		f.live.wake({ force: true });
		await settle();
		assert.equal(f.state(), 'connected');
		f.live.stop();
	});

	test('wake() ends a back-off at once', async () => {
		const f = follower();
		f.back.down = true;
		f.live.start();
		await f.clock.advance(40_000);
		f.back.down = false;
		const before = f.clock.now();
		f.live.wake();
		await settle();
		assert.equal(f.clock.now(), before);
		assert.equal(f.state(), 'connected');
		f.live.stop();
	});

	test('wake() gives up a held poll, which may hang on a dead connection, without changing the state', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.back.next = silence;
		f.back.say('x');
		await settle();
		f.back.say('y'); // nobody tells us
		await settle();
		assert.deepEqual(f.texts(), ['x']);
		for (let i = 0; i < 20; i += 1) f.live.wake(); // a flood of events makes no flood of requests
		const count = f.back.requests.length;
		await settle();
		assert.deepEqual(f.texts(), ['x', 'y']);
		assert.ok(f.back.requests.length <= count + 2);
		assert.deepEqual(f.states.map(({ name }) => name), ['connecting', 'connected']);
		f.live.stop();
	});

	test('wake() again and again while the quick poll is under way: still one request', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.back.next = silence;
		f.live.wake();
		await settle();
		const count = f.back.requests.length;
		for (let i = 0; i < 20; i += 1) {
			f.live.wake();
			await settle();
		}
		assert.equal(f.back.requests.length, count);
		f.live.stop();
	});

	test('the cursor moves with the head, over what other rooms got', async () => {
		const f = follower();
		f.live.start();
		await settle();
		for (let i = 0; i < 5; i += 1) f.back.say('x', { room: 'other' });
		await f.clock.advance(25_000);
		assert.equal(f.back.requests.at(-1).query.get('since'), '5');
		f.live.stop();
	});

	test('offline: told, tried on, and left when it is over', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.online = false;
		f.back.down = true;
		f.live.wake();
		await settle();
		assert.equal(f.state(), 'offline');
		await f.clock.advance(60_000);
		assert.deepEqual([...new Set(f.states.slice(2).map(({ name }) => name))], ['offline']);
		f.back.say('meanwhile');
		f.back.down = false;
		f.online = true;
		f.live.wake();
		await settle();
		assert.equal(f.state(), 'connected');
		assert.deepEqual(f.texts(), ['meanwhile']);
		f.live.stop();
	});

	test('a browser that believes to be offline while the server answers is connected', async () => {
		const f = follower();
		f.online = false;
		f.live.start();
		await settle();
		assert.equal(f.state(), 'connected');
		f.live.wake();
		await settle();
		assert.equal(f.state(), 'connected');
		f.live.stop();
	});

	test('reset: told, and the new log is followed', async () => {
		const f = follower();
		f.back.say('old');
		f.live.start();
		await settle();
		f.back.replace();
		f.back.say('new');
		await f.clock.advance(1000);
		assert.equal(f.resets, 1);
		assert.deepEqual(f.ready.map(({ epoch }) => epoch), ['first', "first'"]);
		f.back.say('newer');
		await settle();
		assert.equal(f.texts().at(-1), 'newer');
		assert.equal(f.state(), 'connected');
		f.live.stop();
	});

	test('a log replaced before the first poll is answered is noticed', async () => {
		const f = follower();
		f.back.say('old 1');
		f.live.start();
		await settle();
		f.back.down = true;
		f.back.release();
		await settle();
		f.back.replace();
		for (let i = 0; i < 5; i += 1) f.back.say('other'); // its head is above our cursor, only the epoch tells
		f.back.down = false;
		await f.clock.advance(5000);
		assert.equal(f.resets, 1);
		f.live.stop();
	});

	test('gap: told once, with the messages that are left', async () => {
		const f = follower();
		f.back.say('a');
		f.live.start();
		await settle();
		f.back.down = true;
		f.back.release();
		await settle();
		f.back.say('b');
		f.back.say('c');
		f.back.delete(2);
		f.back.down = false;
		await f.clock.advance(60_000);
		assert.deepEqual(f.gaps, [1]);
		assert.deepEqual(f.texts(), ['c']);
		f.live.stop();
	});

	test('a gap of which nothing is left is told once too, and followed by a held poll at once', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.back.say('a', { room: 'other' });
		f.back.delete(1);
		f.live.wake();
		await settle();
		assert.deepEqual(f.gaps, [0]);
		const { query } = f.back.requests.at(-1);
		assert.deepEqual([query.get('since'), query.get('wait')], ['1', '25']);
		const count = f.back.requests.length;

		// The same as the answer of a held poll, which ends early by it: no reason to rest.
		f.back.next = async () => json({ epoch: 'first', messages: [], next: 2, more: false, gap: true });
		f.back.say('b');
		await settle();
		assert.deepEqual(f.gaps, [0, 2]);
		assert.equal(f.back.requests.at(-1).query.get('since'), '2');
		assert.equal(f.back.requests.at(-2).query.get('wait'), '25');
		assert.equal(f.back.requests.length, count + 2);
		f.live.stop();
	});

	test('a refused poll is not repeated until someone asks for it', async () => {
		const f = follower();
		f.back.next = () => problem(400, 'Room names have up to 64 characters.');
		f.live.start();
		await f.clock.advance(600_000);
		assert.equal(f.back.requests.length, 1);
		assert.equal(f.state(), 'offline');
		assert.equal(f.refused[0], 'Room names have up to 64 characters.');
		f.live.wake();
		await settle();
		assert.equal(f.state(), 'connected');
		f.live.stop();
	});

	test('a server that ends held polls at once is not asked in a circle', async () => {
		const f = follower({ random: seeded(3) });
		f.live.start();
		await settle();
		const before = f.back.requests.length;
		for (let i = 0; i < 600; i += 1) {
			f.back.release();
			await f.clock.advance(100);
		}
		assert.ok(f.back.requests.length - before < 60, `${f.back.requests.length - before} requests in a minute`);
		assert.equal(f.state(), 'connected');
		f.live.stop();
	});

	test('after stop() nothing is asked and nothing is told', async () => {
		const f = follower();
		f.live.start();
		await settle();
		f.live.stop();
		const { requests } = f.back;
		const counts = [requests.length, f.states.length];
		f.back.say('x');
		f.live.wake();
		await f.clock.advance(100_000);
		assert.deepEqual([requests.length, f.states.length], counts);
		assert.deepEqual(f.messages, []);
	});

	test('stop() while an answer is on its way: it is not told', async () => {
		const f = follower();
		f.back.next = async () => {
			await f.clock.sleep(100);
			return json({ epoch: 'first', messages: [], next: 0, more: false });
		};
		f.live.start();
		await settle();
		f.live.stop();
		await f.clock.advance(1000);
		assert.equal(f.ready.length, 0);
		assert.deepEqual(f.states.map(({ name }) => name), ['connecting']);
	});
});

describe('Outbox', () => {
	function sender({ random = () => 1, fetch, lead = true, store = new MemoryStore(), clock = new FakeClock(), back = new FakeServer(clock) } = {}) {
		const self = { clock, back, sent: [], changes: [], discarded: [] };
		self.outbox = new Outbox(new Server(fetch ?? back.fetch, '', clock), {
			store,
			on(type, { text, state }, own, reply) {
				if (type === 'item') self.changes.push(`${text} ${state}`);
				if (type === 'sent') self.sent.push([text, reply.id]);
				if (type === 'discarded') self.discarded.push(text);
			},
		}, { clock, random });
		self.add = (text, key = text) => self.outbox.add({ room: 'main', sender: 'ann', text, key });
		self.stored = () => self.back.log.map(({ message }) => message.text);
		if (lead) self.outbox.lead();
		return self;
	}

	test('sends what is added, in order, one at a time', async () => {
		const s = sender();
		for (const text of ['a', 'b', 'c']) s.add(text);
		await settle();
		assert.deepEqual(s.sent, [['a', 1], ['b', 2], ['c', 3]]);
		assert.deepEqual(s.outbox.items, []);
		assert.deepEqual(s.back.requests[0].body, { room: 'main', sender: 'ann', text: 'a', key: 'a' });
		assert.deepEqual(s.changes.filter((change) => /sending/.test(change)), ['a sending', 'b sending', 'c sending']);
	});

	test('too many at once (429) is waited for; who may not send at all (401, 403) is told from what is wrong with one text', async () => {
		for (const [status, state, barred] of [[429, 'waiting', undefined], [408, 'waiting', undefined], [401, 'failed', true], [403, 'failed', true], [400, 'failed', false]]) {
			const s = sender({ fetch: async () => problem(status, 'No.') });
			s.add('a');
			await settle();
			assert.deepEqual([s.outbox.items[0].state, s.outbox.items[0].barred], [state, barred], String(status));
			s.outbox.follow();
		}
	});

	test('a lost answer: sent again under the same key, stored once', async () => {
		const s = sender();
		let first = true;
		const fetch = async (url, init) => {
			const response = await s.back.fetch(url, init);
			if (!first) return response;
			first = false;
			throw new TypeError('cut');
		};
		const t = sender({ fetch, clock: s.clock, back: s.back });
		t.add('once');
		await s.clock.advance(500);
		assert.deepEqual(s.stored(), ['once']);
		assert.deepEqual(t.sent, [['once', 1]]);
		assert.equal(s.back.requests.length, 2);
	});

	test('a request on a dead connection is given up for another one when the line is mended, but not a young one', async () => {
		const s = sender();
		let asked = 0;
		const fetch = (url, init) => {
			asked += 1;
			if (asked > 1) return s.back.fetch(url, init);
			return new Promise((_, reject) => {
				init.signal.addEventListener('abort', () => reject(init.signal.reason));
			});
		};
		const t = sender({ fetch, clock: s.clock, back: s.back });
		t.add('once');
		await s.clock.advance(4_000);
		t.outbox.wake();
		await s.clock.advance(1_500);
		assert.equal(asked, 1);
		t.outbox.wake();
		await s.clock.advance(500);
		assert.equal(asked, 2);
		assert.deepEqual(t.sent, [['once', 1]]);
	});

	test('while the server is away it waits, tries again ever more rarely, and keeps the order', async () => {
		const s = sender();
		s.back.down = true;
		for (const text of ['a', 'b']) s.add(text);
		await s.clock.advance(60_000);
		assert.deepEqual(s.outbox.items.map(({ state }) => state), ['waiting', 'queued']);
		const gaps = s.back.requests.map(({ at }, i, all) => at - (all[i - 1]?.at ?? at)).slice(1);
		assert.deepEqual(gaps, [500, 1000, 2000, 4000, 8000, 16_000]);
		s.back.down = false;
		s.outbox.wake();
		await settle();
		assert.deepEqual(s.stored(), ['a', 'b']);
	});

	test('refused: kept with the reason, the next ones go on; retry and discard', async () => {
		const s = sender();
		s.back.next = () => problem(413, 'The message is too large.');
		s.add('big');
		s.add('small');
		await settle();
		assert.deepEqual(s.stored(), ['small']);
		assert.equal(s.outbox.items[0].state, 'failed');
		assert.equal(s.outbox.items[0].problem, 'The message is too large.');
		await s.clock.advance(600_000);
		assert.equal(s.back.requests.length, 2, 'not repeated by itself');
		s.outbox.retry('big');
		await settle();
		assert.deepEqual(s.stored(), ['small', 'big']);

		s.back.next = () => problem(400, 'no');
		s.add('bad');
		await settle();
		s.outbox.discard('bad');
		assert.deepEqual(s.discarded, ['bad']);
		assert.deepEqual(s.outbox.items, []);
		s.outbox.retry('bad');
		await settle();
		assert.deepEqual(s.stored(), ['small', 'big']);
	});

	test('discarding what waits lets the next one try', async () => {
		const s = sender();
		s.back.down = true;
		s.add('a');
		s.add('b');
		await s.clock.advance(100_000);
		s.back.down = false;
		s.outbox.discard('a');
		await settle();
		assert.deepEqual(s.stored(), ['b']);
	});

	test('Retry-After is respected', async () => {
		const s = sender();
		s.back.next = () => problem(503, 'The disk is full.', { 'Retry-After': '20' });
		s.add('a');
		await s.clock.advance(10_000);
		s.outbox.wake();
		await s.clock.advance(9_999);
		assert.equal(s.back.requests.length, 1);
		assert.equal(s.outbox.items[0].problem, 'The disk is full.');
		await s.clock.advance(1);
		assert.deepEqual(s.stored(), ['a']);
	});

	test('what was saved from another life is sent under its old key, in the order typed', async () => {
		const store = new MemoryStore();
		const before = sender({ store });
		before.back.down = true;
		for (const text of ['a', 'b', 'c']) before.add(text);
		await settle();
		const back = new FakeServer(before.clock);
		back.say('a', { key: 'a' }); // it had arrived after all
		back.next = () => problem(413, 'too large');
		const after = sender({ store, back, clock: before.clock });
		after.add('d');
		await settle();
		assert.deepEqual(after.stored(), ['a', 'b', 'c', 'd']);
		assert.deepEqual((await store.all()).map(({ key, state }) => [key, state]), [['a', 'failed']]);
		after.outbox.retry('a');
		await settle();
		assert.deepEqual(after.sent.at(-1), ['a', 1]);
		assert.deepEqual(await store.all(), []);
	});

	test('who does not lead sends nothing, and takes what the others do', async () => {
		const s = sender({ lead: false });
		s.add('mine');
		await settle();
		assert.equal(s.back.requests.length, 0);
		s.outbox.mirror({ type: 'item', item: { key: 'mine', state: 'failed', problem: 'no' } });
		s.outbox.mirror({ type: 'item', item: { key: 'theirs', room: 'main', sender: '', text: 'theirs', state: 'queued', tries: 0 } });
		assert.deepEqual(s.outbox.items.map(({ key, state }) => [key, state]), [['mine', 'failed'], ['theirs', 'queued']]);
		s.outbox.mirror({ type: 'sent', item: { key: 'theirs' }, reply: { id: 7 } });
		assert.deepEqual(s.sent, [['theirs', 7]]);
		s.outbox.retry('mine');
		s.outbox.lead();
		await settle();
		assert.deepEqual(s.stored(), ['mine']);
	});

	test('a file goes as its bytes, with the rest in the query', async () => {
		let asked;
		const server = new Server(async (url, init) => {
			asked = { url, init };
			return json({ id: 1 }, 201);
		}, '', new FakeClock());
		const blob = new Blob(['x']);
		await server.send({ room: 'main', sender: 'Ann Ö', key: 'k', blob, event: 'file:a b.png' });
		assert.equal(asked.url, 'send?room=main&sender=Ann+%C3%96&key=k&event=file%3Aa+b.png');
		assert.equal(asked.init.body, blob);
		assert.equal(asked.init.headers['Content-Type'], 'application/octet-stream');
	});

	test('a store that fails is no reason not to send', async () => {
		const refuse = () => Promise.reject(new Error('quota'));
		const s = sender({ store: { all: refuse, put: refuse, remove: refuse } });
		s.add('a');
		await settle();
		assert.deepEqual(s.stored(), ['a']);
	});
});
