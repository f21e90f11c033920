// clients.test.mjs: unmodified Socket.IO clients against the conformance server: four generations of the official one, and
// python's.
//
// Environment: CLIENTS_TRANSPORT  by what they talk: upgrade (as they do by themselves), polling or websocket
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { alive, child, ms, sleep, until, within } from '../e2e/harness.mjs';
import { descendants } from '../e2e/load.mjs';
import { clients, connected, socket } from './clients.mjs';
import { conformance, foreign, ours, pollingOnly } from './wire.mjs';

const TRANSPORT = process.env.CLIENTS_TRANSPORT ?? (pollingOnly ? 'polling' : 'upgrade');
/** What they are told: nothing, if they are to upgrade. */
const TOLD = TRANSPORT === 'upgrade' ? {} : { transports: [TRANSPORT] };
/** What is the same by any transport is tested with the one. */
const once = { skip: TRANSPORT !== (pollingOnly ? 'polling' : 'upgrade') && 'tested with the other transport' };

/** Kills the daemon; scripts/run starts it again. */
async function restart(s) {
	const pid = s.pid();
	process.kill(pid, 'SIGKILL');
	await until(() => !alive(pid), { every: 1, what: 'the daemon to be gone' });
	return () => until(() => {
		try {
			return s.pid() !== pid;
		} catch {
			return false; // between two daemons there is no file
		}
	}, { what: 'another daemon' });
}

/** One client's tests, in their order; they have servers of their own, and wait most of the time. */
const each = ([version, io]) => {
	describe(`socket.io-client ${version}`, { concurrency: 1 }, () => {
		const s = conformance();
		const join = (t, path = '', options = {}) => connected(t, io, s.url + path, { ...TOLD, ...options });

		it(`connects by ${TRANSPORT}`, async (t) => {
			const one = await join(t);
			assert.deepEqual(await one.next('auth'), [{}]);
			assert.equal(typeof one.id, 'string');
			assert.notEqual(one.id, one.io.engine.id);
			if (TRANSPORT === 'upgrade')
				await one.upgraded();
			else
				assert.equal(one.transport(), TRANSPORT);
			assert.deepEqual(await one.ask('message-with-ack', 'x'), ['x']);
			assert.deepEqual(one.upgrades, TRANSPORT === 'upgrade' ? ['websocket'] : []);
			assert.deepEqual(one.rest('disconnect'), []);
		});

		it('hands over its auth, also from a function', async (t) => {
			const one = await join(t, '', { auth: { token: '123', deep: { x: [1, 'é😀'] } } });
			assert.deepEqual(await one.next('auth'), [{ token: '123', deep: { x: [1, 'é😀'] } }]);
			const two = await join(t, '', { auth: (give) => give({ token: '456' }) });
			assert.deepEqual(await two.next('auth'), [{ token: '456' }]);
		});

		it('joins namespaces over one connection', async (t) => {
			const one = await join(t);
			const custom = one.io.socket('/custom', { auth: { a: 1 } });
			t.after(() => custom.close());
			await within(ms(10_000), new Promise((resolve) => {
				custom.once('connect', resolve);
			}), 'connect');
			assert.notEqual(custom.id, one.id);
			const reply = within(ms(10_000), new Promise((resolve) => {
				custom.once('message-back', (...args) => resolve(args));
			}), 'message-back');
			custom.emit('message', 'to custom');
			assert.deepEqual(await reply, ['to custom']);
			one.emit('message', 'to main');
			assert.deepEqual(await one.next('message-back'), ['to main']);
			custom.disconnect();
			one.emit('message', 'still here');
			assert.deepEqual(await one.next('message-back'), ['still here']);
		});

		it('is refused with data', async (t) => {
			const one = socket(t, io, `${s.url}/admin`, TOLD);
			const [error] = await one.next('connect_error');
			assert.equal(error.message, 'not authorized');
			assert.deepEqual(error.data, { code: 'E_AUTH' });
			assert.equal(one.connected, false);
			one.auth = { token: 'secret' };
			one.connect();
			await one.next('connect');
		});

		it('is told of an unknown namespace', async (t) => {
			const [error] = await socket(t, io, `${s.url}/random`, TOLD).next('connect_error');
			assert.equal(error.message, 'Invalid namespace');
		});

		it('emits and is answered, with all kinds of JSON', async (t) => {
			const one = await join(t);
			for (const args of [[], ['x'], [1, '2', { 3: [true] }], [null, false, 0, '', [], {}], ['é\u2028\u001e\u0000😀'], [{ a: { b: [{}] } }]]) {
				one.emit('message', ...args);
				assert.deepEqual(await one.next('message-back'), args);
				assert.deepEqual(await one.ask('message-with-ack', ...args), args);
			}
		});

		it('answers what the server asks', async (t) => {
			const one = await join(t);
			one.on('question', (x, answer) => answer({ doubled: x * 2 }));
			one.emit('ask', 21);
			assert.deepEqual(await one.next('answered'), [{ doubled: 42 }]);
			one.off('question');
			one.on('question', (x, answer) => answer(Buffer.concat([x, x])));
			one.emit('ask', Buffer.from([1, 2]));
			assert.deepEqual(await one.next('answered'), [Buffer.from([1, 2, 1, 2])]);
		});

		it('takes and gives binary', async (t) => {
			const one = await join(t);
			const args = [Buffer.from([1, 2, 3]), { a: [Buffer.alloc(0), 'x', Buffer.alloc(70_000, 'y')] }];
			one.emit('message', ...args);
			assert.deepEqual(await one.next('message-back'), args);
			assert.deepEqual(await one.ask('message-with-ack', ...args), args);
			one.emit('message', Uint8Array.from([4, 5]), Uint8Array.from([6]).buffer);
			assert.deepEqual(await one.next('message-back'), [Buffer.from([4, 5]), Buffer.from([6])]);
		});

		it('takes and gives 200 binary arguments of mixed sizes', async (t) => {
			const one = await join(t);
			const events = Array.from({ length: 50 }, (_, i) => Array.from({ length: 4 }, (__, k) => Buffer.alloc((i * 4 + k) ** 2 % 20_011, i + k)));
			// Not all at once: clients fill their POSTs a little above maxPayload, or as far as there is something.
			while (events.length > 0) {
				const some = events.splice(0, 10);
				for (const args of some)
					one.emit('message', ...args);
				for (const args of some)
					assert.deepEqual(await one.next('message-back'), args);
			}
		});

		it('takes and gives 900 KB, and emoji in every position', async (t) => {
			const one = await join(t);
			const large = 'é😀x'.repeat(900_000 / 7);
			one.emit('message', large);
			assert.ok((await one.next('message-back'))[0] === large);
			const texts = Array.from({ length: 50 }, (_, n) => `${'a'.repeat(n)}😀${'b'.repeat(n % 3)}👨‍👩‍👧`);
			for (const text of texts)
				one.emit('message', text);
			for (const text of texts)
				assert.deepEqual(await one.next('message-back'), [text]);
		});

		it('keeps the order of many', async (t) => {
			const one = await join(t);
			const answers = Promise.all(Array.from({ length: 500 }, (_, i) => (i % 2 ? one.ask('message-with-ack', i) : one.emit('message', i) && i)));
			await answers;
			for (let i = 0; i < 500; i += 2)
				assert.deepEqual(await one.next('message-back'), [i]);
		});

		it('is in rooms', async (t) => {
			const [a, b, c] = await Promise.all([join(t), join(t), join(t)]);
			assert.deepEqual(await a.ask('join', 'red'), ['ok']);
			assert.deepEqual(await b.ask('join', 'red'), ['ok']);
			c.emit('room', 'red', 'first', Buffer.from([1]));
			assert.deepEqual(await a.next('room'), ['red', 'first', Buffer.from([1])]);
			assert.deepEqual(await b.next('room'), ['red', 'first', Buffer.from([1])]);
			assert.deepEqual(await b.ask('leave', 'red'), ['ok']);
			c.emit('room', 'red', 'second');
			assert.deepEqual(await a.next('room'), ['red', 'second']);
			await b.ask('message-with-ack');
			await c.ask('message-with-ack');
			assert.deepEqual(b.rest('room'), []);
			assert.deepEqual(c.rest('room'), []);
		});

		it('tells all, or all others', async (t) => {
			const [a, b] = await Promise.all([join(t), join(t)]);
			a.emit('broadcast', 'hello', 1);
			a.emit('chat message', 'hello', 2);
			assert.deepEqual(await b.next('broadcast'), ['hello', 1]);
			assert.deepEqual(await b.next('chat message'), ['hello', 2]);
			assert.deepEqual(await a.next('chat message'), ['hello', 2]);
			assert.deepEqual(a.rest('broadcast'), []);
		});

		it('is disconnected, and comes back only when asked to', async (t) => {
			const one = await join(t);
			const other = await join(t);
			one.emit('bye');
			assert.equal((await one.next('disconnect'))[0], 'io server disconnect');
			await sleep(400);
			assert.equal(one.connected, false);
			one.connect();
			await one.next('connect');
			assert.equal(other.connected, true);
		});

		it('is disconnected with its connection', async (t) => {
			const one = await join(t);
			one.emit('bye-hard');
			assert.equal((await one.next('disconnect'))[0], 'io server disconnect');
			one.connect();
			await one.next('connect');
			one.emit('message', 'back');
			assert.deepEqual(await one.next('message-back'), ['back']);
		});

		it('leaves a namespace', async (t) => {
			const one = await join(t);
			const other = await join(t);
			one.disconnect();
			assert.equal((await one.next('disconnect'))[0], 'io client disconnect');
			other.emit('chat message', 'x');
			assert.deepEqual(await other.next('chat message'), ['x']);
			one.connect();
			await one.next('connect');
		});

		it('comes back after a crash', ours, async (t) => {
			const one = await join(t);
			const before = one.id;
			const back = await restart(s);
			const [reason] = await one.next('disconnect');
			assert.ok(['transport error', 'transport close'].includes(reason), reason);
			await back();
			await one.next('connect', ms(30_000));
			assert.notEqual(one.id, before);
			assert.equal(one.recovered ?? false, false);
			assert.deepEqual(await one.ask('message-with-ack', 'again'), ['again']);
			if (TRANSPORT === 'upgrade')
				await one.upgraded();
			assert.equal(one.transport(), TRANSPORT === 'polling' ? 'polling' : 'websocket');
		});

		it('sends later what it could not send', ours, async (t) => {
			const one = await join(t);
			const back = await restart(s);
			await one.next('disconnect');
			const texts = Array.from({ length: 100 }, (_, i) => `offline ${i}`);
			for (const text of texts)
				one.emit('message', text);
			await back();
			for (const text of texts)
				assert.deepEqual(await one.next('message-back', ms(30_000)), [text]);
		});
	});

	describe(`socket.io-client ${version}, a short heartbeat`, { concurrency: 1, ...(TRANSPORT === 'polling' && version !== '4.8' ? once : {}) }, () => {
		// Which a busy machine may be late with.
		const s = conformance({ brisk: true, pongMs: 1000 }), patient = conformance({ brisk: true, pongMs: 3000 });

		it('stays for many heartbeats', async (t) => {
			// A client that the machine lets wait for as long is dropped, and rightly; not every time, though.
			let dropped;
			for (let i = 0; i < 5; i++) {
				const one = await connected(t, io, patient.url, TOLD);
				let answer;
				await sleep(3000);
				one.emit('message-with-ack', 1, (...args) => {
					answer = args;
				});
				await until(() => answer || one.rest('disconnect').length > 0, { what: 'the ack of a client that is connected' });
				dropped = one.rest('disconnect');
				if (dropped.length === 0) {
					assert.deepEqual(answer, [1]);
					assert.equal(one.connected, true);
					return;
				}
				one.close();
			}
			assert.fail(`dropped each time, at last by ${dropped.flat()}`);
		});

		it('is answered or told that it was dropped, whoever stands still', ours, async (t) => {
			const all = await Promise.all(Array.from({ length: 8 }, () => connected(t, io, s.url, TOLD)));
			const parts = [s.pid(), ...descendants(s.proc.pid, 'nginx')];
			const lost = [];
			let asked = 0, dropped = 0, over = false;
			const ask = async (one) => {
				let pings;
				one.io.on('ping', () => pings++);
				while (!over) {
					const before = one.rest('disconnect').length;
					let answer;
					if (one.connected) {
						pings = 0;
						one.emit('message-with-ack', ++asked, (...args) => {
							answer = args;
						});
						// The pong after the first ping is behind the question, so the answer is before the third ping.
						await until(() => answer || one.rest('disconnect').length > before || pings > 3, { every: 5, what: 'an ack, or a disconnect' });
						if (one.rest('disconnect').length > before)
							dropped += !answer;
						else if (!answer)
							lost.push('no ack in a session that goes on');
					}
					await sleep(Math.random() * 50);
				}
			};
			const asking = all.map((one) => ask(one).catch((error) => lost.push(error.message)));
			t.after(() => parts.forEach((pid) => alive(pid) && process.kill(pid, 'SIGCONT')));
			for (let i = 0; i < 9; i++) {
				process.kill(parts[i % parts.length], 'SIGSTOP');
				await sleep(300 + 150 * i);
				process.kill(parts[i % parts.length], 'SIGCONT');
				// Time enough to see that an answer does not come, now and then.
				await sleep(i % 3 === 2 ? 2500 : 100);
			}
			over = true;
			await Promise.all(asking);
			t.diagnostic(`${asked} asked, ${dropped} of them dropped with their clients`);
			assert.deepEqual(lost, []);
			assert.ok(asked > 10, `${asked} asked`);
		});
	});
};
describe('unmodified', { concurrency: 2 }, () => clients.forEach(each));

describe('socket.io-client 4.8, as only newer clients can', () => {
	const s = conformance();
	const io = clients[0][1];

	it('sends 30 times 100 KB later', async (t) => {
		const one = socket(t, io, s.url, { ...TOLD, autoConnect: false });
		const texts = Array.from({ length: 30 }, (_, i) => `${i} ${'é😀x'.repeat(14_280)}`);
		for (const text of texts)
			one.emit('message', text);
		one.connect();
		for (const text of texts)
			assert.ok((await one.next('message-back', ms(30_000)))[0] === text);
	});

	it('sends again until it is answered', ours, async (t) => {
		const one = await connected(t, io, s.url, { ...TOLD, retries: 5, ackTimeout: 5000 });
		const back = await restart(s);
		const answers = Array.from({ length: 20 }, (_, i) => one.emitWithAck('message-with-ack', i));
		await back();
		assert.deepEqual(await Promise.all(answers), [...Array(20).keys()]);
	});

	it('comes back after what it sent was too large', async (t) => {
		const one = await connected(t, io, s.url, TOLD);
		if (TRANSPORT === 'upgrade')
			await one.upgraded();
		one.emit('message', 'x'.repeat(1_100_000));
		assert.match((await one.next('disconnect'))[0], TRANSPORT === 'polling' ? /transport error/ : /transport close/);
		await one.next('connect');
		assert.deepEqual(await one.ask('message-with-ack', 'small'), ['small']);
	});
});

describe('python', () => {
	const s = conformance();
	// Debian's packages are for Debian's python; there may be another one before it.
	const python = ['/usr/bin/python3', 'python3'].find((one) => spawnSync(one, ['-c', 'import socketio, requests, aiohttp, websocket']).status === 0);
	const missing = !python && 'needs the packages python3-socketio, python3-requests, python3-aiohttp and python3-websocket';

	for (const [kind, library] of [['sync', 'requests'], ['async', 'aiohttp']]) {
		it(`python-socketio with ${library}`, { skip: missing }, async (t) => {
			const script = fileURLToPath(new URL('client.py', import.meta.url));
			const proc = child(python, [script, kind, s.url, foreign ? 'other' : 'longline', TRANSPORT]);
			t.after(() => proc.signal('SIGKILL'));
			if (!foreign) {
				await until(() => proc.done || /^ready for a crash$/m.test(proc.stdout), { timeout: ms(60_000), what: 'the client' });
				if (!proc.done)
					await restart(s);
			}
			const { code } = await within(ms(120_000), proc.ended, 'the client in python');
			assert.equal(code, 0, proc.output);
			assert.match(proc.stdout, /^all is well$/m);
		});
	}
});
