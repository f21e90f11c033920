// flood.test.mjs: Socket.IO clients that send more than a turn of the daemon handles: nobody else waits, and nothing of it
// is lost, whatever becomes of the connection or the daemon meanwhile.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it } from 'node:test';
import { open, SEPARATOR } from '../conformance/wire.mjs';
import { connect, encode } from './fastcgi.mjs';
import { ms, room, server, sleep, start, until } from './harness.mjs';

const copies = (packet, bytes) => Array(Math.floor(bytes / (packet.length + 1))).fill(packet);
const numbered = (name, n) => Array.from({ length: n }, (_, i) => `42/${name},["m",${i}]`);

/** Joins by hand. */
async function enter(t, s, name) {
	const session = await open(t, s);
	await session.send(`40/${name},`);
	assert.match(await session.packet(), /^40/);
	return session;
}

const args = async (s, name) => (await s.poll({ room: name, since: 'all', wait: 0, limit: 1000 })).json.messages.map((m) => m.args[0]);

/** Whether a stranger waits for no answer for long while fn runs. A fault makes him wait each time; a busy machine may do so once. */
async function waitsNot(s, fn) {
	let most;
	for (let left = 3; left > 0; left--) {
		most = await longest(s, fn);
		if (most < ms(1000))
			return;
	}
	assert.fail(`somebody waited for ${most.toFixed(0)} ms`);
}

/** The longest that he waited for an answer while fn ran. */
async function longest(s, fn) {
	let most = 0, over = false;
	const asking = (async () => {
		while (!over) {
			const began = performance.now();
			assert.equal((await s.get('/healthz')).status, 200);
			most = Math.max(most, performance.now() - began);
			await sleep(5);
		}
	})();
	await fn();
	over = true;
	await asking;
	return most;
}

describe('floods', () => {
	const s = server();

	it('one POST of small events beside many sessions keeps nobody waiting', async (t) => {
		const name = room();
		// They joined, and are away.
		await Promise.all(Array.from({ length: 300 }, () => enter(t, s, name)));
		const one = await enter(t, s, name);
		const packets = copies(`42/${name},["typing"]`, 990_000);
		await waitsNot(s, () => one.send(...packets));
		assert.ok(await s.metric(/^longline_packets_total/) >= packets.length);
	});

	it('nor does a client whose acks wait, beside one that says what passes', async (t) => {
		const name = room();
		const [a, b] = [await enter(t, s, name), await enter(t, s, name)];
		await waitsNot(s, async () => {
			for (let i = 0; i < 3; i++)
				await a.send(...copies(`42/${name},0["typing"]`, 990_000));
			await b.send(...copies(`42/${name},["typing"]`, 990_000));
		});
	});

	it('takes a thousand events of a client that was offline, in order', async (t) => {
		const name = room();
		const one = await enter(t, s, name);
		await one.send(...numbered(name, 1000));
		await until(async () => (await args(s, name)).length === 1000);
		assert.deepEqual(await args(s, name), Array.from({ length: 1000 }, (_, i) => i));
	});

	it('takes more events than there is room for in the queue of sends, and refuses nobody else', async (t) => {
		const own = await start({ t, flags: '--queue-max 100' });
		const name = room(), n = 2000;
		const some = await Promise.all([enter(t, own, name), enter(t, own, name)]);
		const sent = Promise.all(some.map((one) => one.send(...numbered(name, n))));
		for (let over = false; !over;) {
			over = await Promise.race([sent.then(() => true), sleep(1)]);
			assert.equal((await own.post('/send?room=other', 'x')).status, 201);
		}
		await until(async () => (await own.sql(`SELECT count(*) FROM messages WHERE room = '${name}'`)).trim() === String(2 * n));
	});

	it('a second POST waits, a third is refused, and the session is unharmed', async (t) => {
		const name = room();
		const one = await enter(t, s, name);
		// Beside others that send as much without a pause, it takes a while.
		const others = await Promise.all(Array.from({ length: 4 }, () => enter(t, s, name)));
		let over = false;
		const beside = others.map(async (other) => {
			while (!over)
				await other.send(...copies(`42/${name},["typing"]`, 990_000));
		});
		let refused = [], taken = 0;
		// A machine that stands still may bring the others when the first is done.
		for (let left = 5; left > 0 && refused.length === 0; left--) {
			await until(async () => await s.metric(/^longline_posts_waiting/) >= 2, { every: 1 });
			const conn = await connect(s.socket);
			t.after(() => conn.close());
			const first = conn.answer();
			conn.write(encode({ method: 'POST', path: '/socket.io/', query: one.target().split('?')[1], body: copies(`42/${name},["typing"]`, 990_000).join(SEPARATOR) }));
			// The daemon has read all of it.
			await until(() => conn.conn.writableLength === 0, { every: 1 });
			const posts = Array.from({ length: 3 }, (_, i) => one.post(`42/${name},["m",${i}]`));
			assert.equal((await first).status, 200);
			const answers = await Promise.all(posts);
			refused = answers.filter(({ status }) => status !== 200);
			taken += 3 - refused.length;
		}
		assert.ok(refused.length >= 1 && refused.length <= 2, `${refused.length} were refused`);
		for (const { status, text } of refused)
			assert.deepEqual([status, JSON.parse(text)], [400, { code: 3, message: 'Bad request' }]);
		await one.send(`42/${name},["m",99]`);
		await until(async () => (await args(s, name)).at(-1) === 99);
		assert.equal((await args(s, name)).length, taken + 1);
		over = true;
		await Promise.all(beside);
	});

	it('what came is stored though the connection is gone', async (t) => {
		const name = room();
		const one = await enter(t, s, name);
		const body = numbered(name, 1000).join(SEPARATOR);
		const conn = net.connect(s.port, '127.0.0.1');
		await new Promise((resolve) => conn.write(`POST ${one.target()} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`, resolve));
		await until(async () => (await args(s, name)).length > 0, { every: 1 });
		conn.destroy();
		await until(async () => (await args(s, name)).length === 1000);
		assert.deepEqual(await args(s, name), Array.from({ length: 1000 }, (_, i) => i));
	});

	it('a stop finishes it first', async (t) => {
		const own = await start({ t });
		const name = room(), n = 5000;
		const one = await enter(t, own, name);
		const body = [...copies(`42/${name},["typing"]`, 700_000), ...numbered(name, n)];
		const sent = one.post(...body);
		await until(async () => await own.metric(/^longline_packets_total/) > 200, { every: 1 });
		process.kill(own.pid(), 'SIGTERM');
		assert.equal((await sent).text, 'ok');
		// What is queued is stored before the daemon ends.
		await until(async () => (await own.sql(`SELECT count(*) FROM messages WHERE room = '${name}'`)).trim() === String(n));
	});
});
