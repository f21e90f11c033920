// memory.test.mjs: what strangers can make the daemon keep has a total, whoever has most of it goes first, and the others
// do not notice.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { STDERR, STDIN, connect, decode, encode, fastcgi, record, response } from './fastcgi.mjs';
import { daemon, ms, room, server as shared, session, sleep, span, start, tempDir, until, within } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

const MB = 1e6;

/** Memory of the daemon that is in use, in bytes. */
const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

/** Whether it grew by less since then; a sanitizer's own memory grows with what was ever allocated. */
const grew = (pid, before, most) => {
	const more = rss(pid) - before;
	assert.ok(process.env.TEST_SLOW || more < most, `it took ${more / MB} MB more`);
};

/** A sample of /metrics, asked at the daemon's socket. */
const figure = async (socket, name) => {
	const { text } = await fastcgi(socket, { path: '/metrics' });
	const line = text.split('\n').find((one) => one.startsWith(`longline_${name} `));
	assert.ok(line, `no metric longline_${name}`);
	return Number(line.split(' ').at(-1));
};

/**
 * Asks for a path through nginx and reads only when told to: `take(n)` resolves to so many more bytes, or to what there
 * was when the answer ended; `ended` says that it did, `got` how much came.
 */
async function reader(port, target) {
	const conn = net.connect({ port, host: '127.0.0.1' });
	const self = { conn, got: 0, ended: false, head: '', wanted: 0 };
	const pull = () => {
		for (;;) {
			const part = conn.read(Math.min(65_536, self.wanted - self.got, conn.readableLength || 1));
			if (part === null || part.length === 0)
				return;
			if (self.head.length < 2000)
				self.head += part.toString('latin1');
			self.got += part.length;
			if (self.got >= self.wanted)
				return;
		}
	};
	for (const event of ['end', 'close', 'error'])
		conn.on(event, () => {
			self.ended = true;
		});
	conn.on('readable', pull);
	await new Promise((resolve, reject) => conn.once('connect', resolve).once('error', reject));
	conn.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
	self.take = async (n) => {
		self.wanted = self.got + n;
		pull();
		await until(() => self.got >= self.wanted || self.ended, { every: 5, what: 'more of an answer' });
		return self.got;
	};
	/** Length of the whole answer, as its head says. */
	self.length = () => {
		const end = self.head.indexOf('\r\n\r\n');
		return end < 0 ? NaN : end + 4 + Number(/content-length: (\d+)/i.exec(self.head)[1]);
	};
	self.all = async () => {
		while (!self.ended && !(self.got >= self.length()))
			await self.take(self.head.includes('\r\n\r\n') ? self.length() - self.got : 1000);
		return self.got === self.length();
	};
	return self;
}

/**
 * Asks the daemon itself, and never reads: what a client that does not read makes it keep, when the kernel between it and
 * nginx is full. (Here that may take 4 MB of an answer.)
 */
async function silent(socket, query) {
	const one = await connect(socket);
	one.conn.pause();
	one.conn.on('error', () => {});
	one.conn.write(encode({ query, keep: true }));
	return one;
}

/** The answer of one that was silent, which now reads a little every so many milliseconds. */
async function slowly(one, pause) {
	let done = false;
	const answer = one.answer().finally(() => {
		done = true;
	});
	while (!done) {
		one.conn.resume();
		await new Promise((resolve) => setImmediate(resolve));
		one.conn.pause();
		await sleep(pause);
	}
	return answer;
}

/** A message of about `n` bytes that compresses to no less and repeats nothing, stored by another program. */
async function large(server, names, n) {
	for (const name of names)
		await server.sql(`INSERT INTO messages(room, sender, text) VALUES ('${name}', 'x', hex(randomblob(${n / 2})))`);
	for (const name of names)
		await until(async () => (await server.poll({ room: name, since: 0, wait: 0 })).json.messages.length > 0, { what: 'a message to be seen' });
}

describe('memory: answers that are not read', () => {
	const server = shared({ flags: ['--reply-max', '100000'] });

	it('of one large message cost it once, however many do not read it', async (t) => {
		const name = room();
		const readers = [];
		t.after(() => readers.forEach((one) => one.conn.destroy()));
		await large(server, [name], 3.9 * MB);
		const before = rss(server.pid());
		for (let i = 0; i < 60; i++)
			readers.push(await silent(server.socket, `room=${name}&since=0&wait=0`));
		for (let i = 0; i < 10; i++)
			readers.push(await reader(server.port, `/poll?room=${name}&since=0&wait=0`));
		await until(async () => await figure(server.socket, 'memory_bytes{kind="answers"}') > 1 * MB, { what: 'answers to wait' });
		await sleep(ms(500));
		grew(server.pid(), before, 60 * MB);
		assert.ok(await figure(server.socket, 'memory_bytes{kind="answers"}') < 8 * MB);
		for (const one of readers.splice(60))
			assert.ok(await within(ms(60_000), one.all(), 'a whole answer'), `${one.got} of ${one.length()} bytes came`);
		for (const one of readers.splice(0)) {
			const answer = one.answer();
			one.conn.resume();
			assert.equal((await within(ms(60_000), answer, 'a whole answer')).json.messages[0].text.length, 3.9 * MB);
			one.close();
		}
		assert.equal(await figure(server.socket, 'memory_ended_total{kind="answers"}'), 0);
		await until(async () => await figure(server.socket, 'memory_bytes{kind="answers"}') === 0, { what: 'nothing to wait' });
	});
});

describe('memory: the limit', () => {
	const server = shared({ flags: ['--memory-max', '40000000', '--reply-max', '100000'] });

	it('answers: beyond half of it the slowest go, and a slow phone has its message', async (t) => {
		const readers = [];
		t.after(() => readers.forEach((one) => one.conn.destroy()));
		const before = rss(server.pid());
		// Nobody shares these.
		await large(server, ['phone', ...Array.from({ length: 40 }, (_, i) => `flood-${i}`)], 3.9 * MB);
		const phone = await reader(server.port, '/poll?room=phone&since=0&wait=0');
		readers.push(phone);
		const far = await silent(server.socket, 'room=phone&since=0&wait=0');
		readers.push(far);
		await phone.take(1000);
		const distant = slowly(far, 60), began = performance.now();
		const reading = (async () => {
			while (!phone.ended && !(phone.got >= phone.length())) {
				await phone.take(40_000);
				await sleep(20);
			}
		})();
		for (let i = 0; i < 40; i++) {
			readers.push(await silent(server.socket, `room=flood-${i}&since=0&wait=0`));
			await sleep(50);
		}
		await within(ms(60_000), reading, 'the phone to be done');
		assert.equal(phone.got, phone.length());
		assert.equal((await within(ms(60_000), distant, 'the far phone')).json.messages[0].text.length, 3.9 * MB);
		// On a slow machine some are still being answered.
		await until(async () => await figure(server.socket, 'memory_ended_total{kind="answers"}') > 5);
		assert.ok(await figure(server.socket, 'memory_bytes{kind="answers"}') <= 20 * MB);
		// The ring holds 64 MB of these messages, and the answers half of 40 MB.
		grew(server.pid(), before, (64 + 40 + 64) * MB);
		// A limit that comes and goes is said every 10 s at most.
		const said = server.log().split(' memory_full ').length - 1;
		assert.ok(said >= 1 && said <= 1 + (performance.now() - began) / 10_000, `said ${said} times`);
		assert.equal((await server.send('well')).status, 201);
	});
});

/** A Socket.IO session by hand. */
async function open(server, nsp = '') {
	const path = '/socket.io/?EIO=4&transport=polling';
	const sid = JSON.parse((await server.get(path)).text.slice(1)).sid;
	const self = {
		sid,
		post: (body) => server.post(`${path}&sid=${sid}`, body, { 'Content-Type': 'text/plain;charset=UTF-8' }),
		get: () => server.get(`${path}&sid=${sid}`),
	};
	if (nsp !== null) {
		assert.equal((await self.post(`40${nsp}`)).text, 'ok');
		assert.match((await self.get()).text, /^40/);
	}
	return self;
}

describe('memory: sessions', () => {
	const flags = ['--memory-max', '20000000', '--max-payload', '4000000', '--body-max', '4000000', '--session-queue', '16000000', '--lock-wait', '100'];
	// Between what is in time and what is late are 2 s, which a machine may stand still for.
	const PART_MS = span(3000), EVENT_MS = span(8000), SOON_MS = span(1000);
	const server = shared({
		flags: [...flags, '--attachment-wait', String(PART_MS), '--event-wait', String(EVENT_MS)],
	});
	const gone = async (one) => {
		const { status, text } = await one.get();
		return status === 400 && /Session ID unknown/.test(text) || text === '1';
	};

	it('acks that nobody reads: real sizes, and the largest goes', async () => {
		const quiet = await open(server), greedy = [];
		await quiet.post('420["typing"]');
		for (let i = 0; i < 3; i++)
			greedy.push(await open(server, `/${i}`));
		for (let i = 0; i < 8; i++) {
			for (const [at, one] of greedy.entries())
				await one.post(Array.from({ length: 10_000 }, () => `42/${at},0["typing"]`).join('\x1e'));
		}
		assert.ok(await figure(server.socket, 'memory_bytes{kind="queues"}') <= 20 * MB);
		assert.ok(await figure(server.socket, 'memory_ended_total{kind="queues"}') >= 1);
		assert.match((await quiet.get()).text, /^430\[\]/);
		for (const one of greedy)
			await one.post('1');
		await until(async () => await figure(server.socket, 'memory_bytes{kind="queues"}') < 1000, { what: 'the queues to be gone' });
	});

	const half = `452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]\x1eb`;

	it('half binary events: they are counted, and the largest goes', async (t) => {
		// Where it may take its time.
		const own = await start({ t, flags: flags.join(' ') });
		const quiet = await open(own), greedy = [];
		await quiet.post(`${half}YWJj`);
		const large = `${half}${Buffer.alloc(2_999_000).toString('base64')}`;
		for (let i = 0; i < 9; i++) {
			greedy.push(await open(own));
			assert.equal((await greedy[i].post(large)).status, 200);
			assert.ok(await figure(own.socket, 'memory_bytes{kind="events"}') <= 20 * MB);
		}
		// Six of 3 MB each fit, or five beside the POST of the next.
		const ended = await figure(own.socket, 'memory_ended_total{kind="events"}');
		assert.ok(ended === 3 || ended === 4, `${ended} ended`);
		assert.equal((await quiet.post('bYWJj')).text, 'ok');
		for (const one of greedy)
			await one.post('1');
		assert.equal(await figure(own.socket, 'memory_bytes{kind="events"}'), 0);
	});

	it('half an event: its next attachment must come soon, and all of them before long', async () => {
		const before = await figure(server.socket, 'sessions_unfinished_total');
		const one = await open(server), other = await open(server);
		await one.post(`${half}YWJj`);
		const many = `4510-["x"${Array.from({ length: 10 }, (_, i) => `,{"_placeholder":true,"num":${i}}`).join('')}]`;
		await other.post(many);
		const began = performance.now();
		let ended;
		for (let i = 0; i < 10 && !ended; i++) {
			await sleep(SOON_MS);
			ended = (await other.post('bYWJj')).status !== 200 && performance.now() - began;
			if (i === 4)
				assert.ok(await gone(one), 'a session whose attachment did not come is ended');
		}
		assert.ok(ended >= EVENT_MS - span(100) && ended < EVENT_MS + ms(5000), `the other ended after ${ended} ms`);
		assert.equal(await figure(server.socket, 'sessions_unfinished_total'), before + 2);
		// Whoever finishes is not bothered.
		const good = await open(server);
		await good.post(`${half}YWJj`);
		await sleep(SOON_MS);
		await good.post('bYWJj');
		await sleep(PART_MS + span(500));
		assert.equal((await good.post('42["y"]')).text, 'ok');
	});

	it('POSTs that are not handled yet, and events that pass', async (t) => {
		const quiet = await open(server), busy = await open(server), many = [];
		for (let i = 0; i < 30; i++)
			many.push(await open(server, `/p${i}`));
		// All that a channel keeps is less than a MB.
		for (const [i, one] of many.entries())
			await one.post(`42/p${i},["typing","${'x'.repeat(900_000)}"]`);
		assert.ok(await figure(server.socket, 'memory_ended_total{kind="passing"}') >= 5);
		assert.ok(await figure(server.socket, 'memory_bytes{kind="passing"}') <= 20 * MB);
		// While the disk is behind, no event of anybody's is taken.
		const lock = session(server.db, { t });
		await lock.run('BEGIN IMMEDIATE;');
		const answers = [busy.post(Array.from({ length: 600 }, () => '42["m"]').join('\x1e'))];
		await until(async () => await figure(server.socket, 'sends_queued') >= 512, { what: 'sends to wait' });
		for (const [i, one] of many.entries()) {
			answers.push(one.post(Array.from({ length: 100_000 }, () => `42/p${i},["typing"]`).join('\x1e')).catch(() => {}));
			await sleep(20); // or there would be too many requests in part
		}
		await until(async () => await figure(server.socket, 'memory_ended_total{kind="posts"}') >= 1, { what: 'one to go' });
		assert.ok(await figure(server.socket, 'memory_bytes{kind="posts"}') <= 20 * MB);
		await lock.run('COMMIT;');
		assert.equal((await quiet.post('42["x"]')).text, 'ok');
		await within(ms(60_000), Promise.all(answers), 'all POSTs');
		await until(async () => await figure(server.socket, 'memory_bytes{kind="posts"}') === 0);
		for (const one of many)
			await one.post('1');
		await until(async () => await figure(server.socket, 'memory_bytes{kind="passing"}') < 100_000, { timeout: ms(20_000), what: 'events to pass' });
	});

	it('sends that wait: refused beyond half, while another program holds the lock', async (t) => {
		const lock = session(server.db, { t });
		await lock.run('BEGIN IMMEDIATE;');
		const text = 'x'.repeat(900_000);
		const sends = [];
		for (let i = 0; i < 11; i++)
			sends.push(server.send(text));
		await until(async () => await figure(server.socket, 'memory_bytes{kind="sends"}') > 9 * MB, { what: 'sends to wait' });
		const refused = await server.send(text);
		assert.equal(refused.status, 503);
		assert.equal(refused.json.code, 'queue_full');
		assert.ok(await figure(server.socket, 'memory_bytes{kind="sends"}') <= 10 * MB);
		await lock.run('COMMIT;');
		for (const one of sends)
			assert.equal((await one).status, 201);
		assert.equal(await figure(server.socket, 'memory_bytes{kind="sends"}'), 0);
	});
});

describe('memory: requests that come in part', () => {
	it('are counted, and the largest goes', async (t) => {
		const d = await daemon({ t, flags: ['--memory-max', '20000000', '--body-max', '4000000', '--request-timeout', '60'] });
		const bytes = encode({ method: 'POST', path: '/send', body: 'x'.repeat(3_000_000), params: { CONTENT_TYPE: 'text/plain' } });
		const small = await connect(d.socket);
		const begun = small.answer();
		const whole = encode({ query: 'wait=0' });
		small.write(whole.subarray(0, 50));
		const conns = [];
		let closed = 0;
		for (let i = 0; i < 10; i++) {
			const one = await connect(d.socket);
			one.conn.on('close', () => closed++);
			one.conn.on('error', () => {});
			conns.push(one);
			await new Promise((resolve) => one.conn.write(bytes.subarray(0, 2_900_000), resolve));
		}
		await until(() => closed >= 4, { what: 'the largest to be closed' });
		assert.ok(await figure(d.socket, 'memory_bytes{kind="requests"}') <= 20 * MB);
		await until(async () => await figure(d.socket, 'memory_ended_total{kind="requests"}') === closed, { what: 'all of these to be seen' });
		small.write(whole.subarray(50));
		assert.equal((await within(ms(20_000), begun, 'the small one')).status, 200);
		for (const one of conns)
			one.close();
	});
});

describe('memory: sessions-max', () => {
	it('when full, the oldest that never joined makes room', async (t) => {
		const server = await start({ t, flags: '--sessions-max 20 --connect-timeout 600000' });
		const joined = await open(server), fresh = [];
		for (let i = 0; i < 19; i++)
			fresh.push(await open(server, null));
		assert.equal(await figure(server.socket, 'sessions'), 20);
		const late = await open(server);
		for (let i = 0; i < 17; i++)
			await open(server, null);
		assert.equal(await figure(server.socket, 'sessions'), 20);
		assert.equal(await figure(server.socket, 'sessions_made_room_total'), 18);
		assert.match((await fresh[0].post('40')).text, /Session ID unknown/);
		assert.match((await fresh[17].post('40')).text, /Session ID unknown/);
		assert.equal((await fresh[18].post('40')).text, 'ok');
		for (const one of [joined, late])
			assert.equal((await one.post('42["x",1]')).text, 'ok');
	});

	it('all have joined: the next is told so', async (t) => {
		const server = await start({ t, flags: '--sessions-max 3' });
		for (let i = 0; i < 3; i++)
			await open(server);
		const { status, json } = await server.get('/socket.io/?EIO=4&transport=polling');
		assert.equal(status, 503);
		assert.equal(json.code, 'busy');
		assert.equal(await figure(server.socket, 'sessions_made_room_total').catch(() => 0), 0);
	});
});

// Each has a daemon of its own, and waits for most of the time.
describe('memory: connections-max', { concurrency: true }, () => {
	/** Connections that were used once; `told` and `closed` say which were told to go, and which went. */
	async function keep(d, n, obeys) {
		const all = { conns: [], told: [], closed: [] };
		for (let i = 0; i < n; i++) {
			const one = await connect(d.socket);
			all.conns.push(one);
			assert.equal((await one.ask({ query: 'wait=0', keep: true })).status, 200);
			one.conn.on('close', () => all.closed.push(i));
			one.conn.on('data', (part) => {
				if (part[1] !== STDERR)
					return;
				assert.deepEqual([...part.subarray(0, 8)], [1, STDERR, 0, 1, 0, 0, 0, 0]);
				all.told.push(i);
				if (obeys(i))
					one.close();
			});
		}
		return all;
	}

	it('kept connections that are idle make room for those that wait', async (t) => {
		const d = await daemon({ t, flags: ['--connections-max', '20'] });
		const began = performance.now();
		const all = await keep(d, 20, (i) => i !== 1);
		await sleep(3000);
		// Used meanwhile, and one is in use.
		for (const i of [3, 7])
			assert.equal((await all.conns[i].ask({ query: 'wait=0', keep: true })).status, 200);
		const held = all.conns[0].ask({ query: 'wait=50', keep: true }).catch(() => {});
		assert.equal((await within(ms(20_000), fastcgi(d.socket, { query: 'wait=0' }), 'one that waits')).status, 200);
		const took = performance.now() - began;
		assert.ok(took >= 5000 && took < 6000 + ms(9000), `it waited until ${took} ms`);
		// The longest idle first, as far as they were old enough when the first of them made room.
		const order = [1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
		assert.ok(all.told.length > 1);
		assert.deepEqual(all.told, order.slice(0, all.told.length));
		await until(() => all.closed.length === all.told.length - 1, { what: 'those that were told to be gone' });
		assert.ok(!all.closed.includes(1));
		// What was under way on one of them is answered as ever.
		assert.equal((await all.conns[1].ask({ query: 'wait=0', keep: true })).status, 200);
		await until(async () => await figure(d.socket, 'idle_closed_total') === all.closed.length);
		assert.equal(d.output.split('new connections wait').length - 1, 1);
		for (const one of all.conns)
			one.close();
		await held;
	});

	it('nginx closes a kept connection that is told so, and takes it for nothing in front of an answer', async (t) => {
		const socket = path.join(tempDir(), 'sock'), conns = [], empty = record(STDERR);
		let front = true;
		const daemon = net.createServer((conn) => {
			let bytes = Buffer.alloc(0);
			conns.push(conn);
			conn.on('error', () => {});
			conn.on('data', (part) => {
				bytes = Buffer.concat([bytes, part]);
				// The empty record of STDIN ends a request.
				if (!decode(bytes).records.some(({ type, content }) => type === STDIN && content.length === 0))
					return;
				bytes = Buffer.alloc(0);
				if (front)
					conn.write(empty);
				conn.write(response('Status: 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok'));
			});
		}).listen(socket);
		t.after(() => {
			daemon.close();
			conns.forEach((one) => one.destroy());
		});
		fs.chmodSync(socket, 0o777);
		const site = await nginx({ ...snippets({ socket }), t });
		for (let i = 0; i < 5; i++)
			assert.equal((await site.send('x')).status, 201);
		assert.equal(conns.length, 1);
		front = false;
		const closed = new Promise((resolve) => conns[0].once('close', resolve));
		conns[0].write(empty);
		await within(ms(20_000), closed, 'nginx to close it');
		assert.equal((await site.send('x')).status, 201);
		assert.equal(conns.length, 2);
	});

	it('one that is told and stays, unused, is closed', async (t) => {
		const d = await daemon({ t, flags: ['--connections-max', '5'] });
		const began = performance.now(), all = await keep(d, 5, () => false);
		assert.equal((await within(10_000 + ms(10_000), fastcgi(d.socket, { query: 'wait=0' }), 'one that waits')).status, 200);
		assert.ok(performance.now() - began > 9000);
		// Those that were as old as the first: all of them, unless the machine stood still between two.
		assert.ok(all.told.length >= 1 && all.closed.length <= all.told.length);
		await until(async () => all.closed.length >= 1 && await figure(d.socket, 'idle_closed_total') === all.closed.length, { what: 'them to be closed' });
	});

	it('with nobody waiting, none is closed', async (t) => {
		const d = await daemon({ t, flags: ['--connections-max', '5'] });
		const kept = [];
		let closed = 0;
		for (let i = 0; i < 5; i++) {
			kept.push(await connect(d.socket));
			kept[i].conn.on('close', () => closed++);
			assert.equal((await kept[i].ask({ query: 'wait=0', keep: true })).status, 200);
		}
		await sleep(6500);
		assert.equal(closed, 0);
		assert.doesNotMatch(d.output, / accept /);
		for (const one of kept)
			one.close();
	});
});

describe('memory: a turn of the loop', () => {
	const server = shared({ flags: ['--reply-max', '1000000', '--request-timeout', '3600'] });

	it('makes so many bytes of answers, and the connections behind them lose nothing', async (t) => {
		const name = room(), quiet = room();
		const conns = [];
		t.after(() => conns.forEach((one) => one.close()));
		await large(server, [name], 3.9 * MB);
		const { next } = (await server.poll({ room: name, since: 0, wait: 0 })).json;
		const cut = await figure(server.socket, 'turns_cut_total');
		for (let i = 0; i < 60; i++)
			conns.push(await connect(server.socket));
		// Pages, and between them held polls that come in pieces: a turn that hears of one piece leaves it to the next turn,
		// which then hears of more, and reads all of them at the first.
		const held = conns.filter((one, i) => i % 2), asking = conns.filter((one, i) => i % 2 === 0);
		const ask = encode({ query: `room=${quiet}&since=${next}&wait=50`, keep: true });
		const pages = asking.map((one) => one.answer()), answers = held.map((one) => one.answer());
		asking.forEach((one, i) => one.conn.write(encode({ query: `room=${name}&room=${quiet}-${i}&since=0&wait=0`, keep: true })));
		for (let at = 0; at < ask.length + held.length; at++) {
			held.forEach((one, i) => {
				const from = 8 * (at - i);
				if (from >= 0 && from < ask.length)
					one.conn.write(ask.subarray(from, from + 8));
			});
			await new Promise((resolve) => setImmediate(resolve));
		}
		for (const page of await within(ms(60_000), Promise.all(pages), 'all pages'))
			assert.equal(page.json.messages[0].text.length, 3.9 * MB);
		assert.ok(await figure(server.socket, 'turns_cut_total') >= cut + 15);
		await until(async () => await figure(server.socket, 'polls_parked') === held.length, { what: 'polls to be held' });
		await server.send({ room: quiet, text: 'now' });
		for (const answer of await within(ms(20_000), Promise.all(answers), 'the held polls'))
			assert.equal(answer.json.messages[0].text, 'now');
	});
});
