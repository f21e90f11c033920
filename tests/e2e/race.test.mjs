// race.test.mjs: thousands of messages to readers that drop their connection at any moment and come back: between a cursor
// and the next poll no message may fall.
//
// Environment: RACE_MESSAGES  how many are sent (10,000; fewer where TEST_SLOW is set)
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect, fastcgi } from './fastcgi.mjs';
import { daemon, ms, sleep, start, until } from './harness.mjs';
import { assertSaw, assertStored, direct, fewer, follow, pick, random, sender, spread, stored } from './load.mjs';

const messages = Number(process.env.RACE_MESSAGES || fewer(10_000));
const rooms = ['main', 'ops', 'lab'];

describe('race', () => {
	it(`${messages} messages from 8 senders to 50 readers that drop and reconnect`, async (t) => {
		// A small ring, so that some cursors are answered from memory, some from the file, and some from both.
		const server = await start({ t, workers: 2, flags: '--ring-bytes 60000' });
		const began = performance.now();
		const kinds = [['*'], ['main'], ['ops'], rooms, ['lab', 'main']];
		const readers = await Promise.all(Array.from({ length: 50 }, (_, i) => follow(server, {
			rooms: kinds[i % kinds.length],
			// Short waits race the timer against the news. They and small limits cost the most, so they are rare.
			wait: () => pick(i % 5 ? [1, 20] : [0, 0.01, 0.05, 20]),
			limit: () => pick(i % 7 ? [undefined, 1000] : [undefined, 20, 1000]),
			drop: () => (Math.random() < 0.4 ? random(0, pick([5, 50, 500])) : undefined),
			rest: () => pick([0, 0, 20]),
		}).start()));
		const senders = Array.from({ length: 8 }, (_, i) => sender(server, `s${i}`, { rooms, size: 120 }));
		const answered = () => senders.reduce((sum, one) => sum + one.answered.size, 0);
		const failed = () => senders.some((one) => one.failures.length);
		for (let sofar = answered(); sofar < messages && !failed(); sofar = answered())
			await until(() => answered() > sofar || failed(), { timeout: ms(30_000), what: `more than ${sofar} sends` });
		await Promise.all(senders.map((one) => one.stop()));
		const log = await stored(server);
		await Promise.all(readers.map((one) => one.reach(log)));
		await Promise.all(readers.map((one) => one.stop()));

		for (const one of senders)
			assert.deepEqual(one.failures, []);
		for (const reader of readers)
			assert.deepEqual(reader.failures, []);
		const counts = assertStored(senders, log);
		assert.equal(counts.stored, counts.answered);
		for (const reader of readers)
			assertSaw(reader, log);
		await server.parked(0);
		const sum = (what) => readers.reduce((n, one) => n + what(one), 0);
		t.diagnostic(`${counts.stored} messages, ${sum((r) => r.ids.length)} deliveries in ${((performance.now() - began) / 1000).toFixed(1)} s; `
			+ `${sum((r) => r.polls)} polls, of which ${sum((r) => r.dropped)} were dropped; sends ${spread(senders.flatMap((s) => s.took))}`);
	});

	// The load above is too dense to leave anybody waiting at the head for long; here each message meets all of them held,
	// about to be held, about to time out or just gone.
	it('sparse messages to readers that come and go', async (t) => {
		const server = await start({ t });
		const kinds = [['main'], ['*'], ['main', 'ops'], ['ops', 'main', 'lab']];
		const readers = await Promise.all(Array.from({ length: 24 }, (_, i) => follow(server, {
			rooms: kinds[i % kinds.length],
			wait: () => pick([0.02, 0.05, 0.1, 5]),
			drop: () => (Math.random() < 0.5 ? random(0, 60) : undefined),
		}).start()));
		const one = sender(server, 's', { pause: () => random(0, 60) });
		await until(() => one.answered.size >= fewer(100, 30), { timeout: 120_000, what: 'sends' });
		await one.stop();
		const log = await stored(server);
		await Promise.all(readers.map((reader) => reader.reach(log)));
		await Promise.all(readers.map((reader) => reader.stop()));
		assert.deepEqual(one.failures, []);
		for (const reader of readers) {
			assert.deepEqual(reader.failures, []);
			assertSaw(reader, log);
		}
		await server.parked(0);
	});

	// So many that telling them takes several turns of the loop: polls arrive, end and vanish while others are being told.
	it('many readers of one room, bursts of messages', async (t) => {
		const server = await daemon({ t });
		const kinds = [['main'], ['*'], ['main'], ['main', 'ops']];
		const doors = Array.from({ length: 200 }, () => direct(server.socket));
		const readers = await Promise.all(doors.map((door, i) => follow(door, {
			rooms: kinds[i % kinds.length],
			wait: () => pick([0.02, 0.1, 20]),
			drop: () => (Math.random() < 0.1 ? random(0, 60) : undefined),
			rest: () => pick([0, 0, 5]),
		}).start()));
		for (let i = 0; i < fewer(40, 10); i++) {
			for (let k = 0; k < 4; k++) {
				assert.equal((await fastcgi(server.socket, { method: 'POST', path: '/send', body: `${i}.${k}` })).status, 201);
				await sleep(random(0, 4));
			}
			await sleep(random(0, 60));
		}
		const log = await stored(server);
		await Promise.all(readers.map((reader) => reader.reach(log)));
		await Promise.all(readers.map((reader) => reader.stop()));
		for (const door of doors)
			door.close();
		for (const reader of readers) {
			assert.deepEqual(reader.failures, []);
			assertSaw(reader, log);
		}
	});

	it('a poll that times out while others are told is told as well', async (t) => {
		const server = await daemon({ t });
		const conns = await Promise.all(Array.from({ length: 1_000 }, () => connect(server.socket)));
		let since = 0, told = 0, empty = 0;
		for (let i = 0; i < fewer(20, 6); i++) {
			// Their waits end one after the other, and in the midst of it comes a message.
			const polls = conns.map((conn, k) => conn.ask({
				query: `room=${['main', '*', 'main&room=other'][k % 3]}&since=${since}&wait=${(0.2 + k * 0.0002).toFixed(4)}`, keep: true,
			}));
			await sleep(200 + random(0, 200));
			const { id } = (await fastcgi(server.socket, { method: 'POST', path: '/send', body: 'x' })).json;
			for (const { json } of await Promise.all(polls)) {
				if (json.messages.length) {
					told++;
					assert.deepEqual(json.messages.map((m) => m.id), [id]);
				} else {
					empty++;
				}
				assert.ok(json.next < id || json.messages.length, `a poll was answered with nothing and next ${json.next}: it will never be told of ${id}`);
			}
			since = id;
		}
		for (const conn of conns)
			conn.close();
		t.diagnostic(`${told} polls were told, ${empty} had timed out before`);
	});

	it('each held poll is woken by the very next message, however it comes to be held', async (t) => {
		const server = await start({ t });
		for (let i = 0; i < fewer(60, 15); i++) {
			const since = await server.head();
			// All without nginx, at about the same moment as the message.
			const polls = Array.from({ length: 20 }, async (_, n) => {
				await sleep(random(0, 4));
				const room = ['main', '*', 'main&room=other'][n % 3];
				return fastcgi(server.socket, { path: '/poll', query: `room=${room}&since=${since}&wait=20` });
			});
			await sleep(random(0, 4));
			const id = await server.sent('x');
			for (const { json } of await Promise.all(polls))
				assert.deepEqual(json.messages.map((m) => m.id), [id]);
		}
	});
});
