// relay-crash.test.mjs: the last client of Socket.IO's official tutorial (state recovery, client offsets, retries), written
// from its description, against the relay with no server code: the daemon is killed -9 again and again while several of
// them talk, and each shows every message once, in the one order of the log. The same when it is the line that breaks.
//
// Environment: RELAY_CRASH_MESSAGES  how many messages are sent, by four clients together (300; 1000 for the acceptance)
//              RELAY_CRASH_KILLS     how many times the daemon is killed (4; 10)
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { it } from 'node:test';
import { io, socket } from '../conformance/clients.mjs';
import { alive, freePort, ms, room, sleep, start, until } from './harness.mjs';
import { fewer, pick, random } from './load.mjs';

const MESSAGES = Number(process.env.RELAY_CRASH_MESSAGES || fewer(300, 100));
const KILLS = Number(process.env.RELAY_CRASH_KILLS || fewer(4, 2));
const CLIENTS = 4;

/** The tutorial's page: what it shows, and a form that sends. */
function page(t, url, options = {}) {
	const self = { shown: [], ids: [], connects: [], sent: 0 };
	let counter = 0;
	const one = socket(t, io, url, { auth: { serverOffset: 0 }, ackTimeout: 10_000, retries: 3, reconnectionDelay: 100, reconnectionDelayMax: 1000, ...options });
	self.socket = one;
	self.upgraded = () => one.io.engine?.transport?.name === 'websocket';
	one.on('connect', () => self.connects.push({ recovered: one.recovered, id: one.id }));
	one.on('chat message', (text, serverOffset) => {
		self.shown.push(text);
		self.ids.push(serverOffset);
		one.auth.serverOffset = serverOffset;
	});
	self.submit = (text) => {
		// The id is gone while there is no connection, and then this is undefined-17. The tutorial's user cannot see that, and
		// neither should it matter.
		const clientOffset = `${one.id}-${counter++}`;
		one.emit('chat message', text, clientOffset);
		self.sent++;
	};
	return self;
}

/** Whether each of them shows the log, which has so many messages, and each client's own in the order in which it sent them. */
async function compare(server, name, pages) {
	await sleep(ms(500)); // what is doubled might come late
	const log = await server.rows(`SELECT id, text, args FROM messages WHERE room = '${name}' ORDER BY id`);
	assert.deepEqual(log.filter((row) => row.text === null), [], 'each message has its text and nothing else');
	const texts = log.map((row) => row.text);
	assert.equal(new Set(texts).size, MESSAGES, 'every message is stored');
	assert.equal(texts.length, MESSAGES, 'none is stored twice');
	for (const one of pages) {
		assert.deepEqual(one.shown, texts);
		assert.deepEqual(one.ids, log.map((row) => String(row.id)));
	}
	for (let i = 0; i < CLIENTS; i++) {
		const own = texts.filter((text) => text.endsWith(` of ${i}`)).map((text) => Number(text.split(' ')[1]));
		assert.deepEqual(own, [...own].sort((a, b) => a - b));
	}
}

/** All of them type until all messages are sent; half of them rest while they are offline. */
function talk(pages) {
	let next = 0;
	const done = Promise.all(pages.map(async (one, i) => {
		while (next < MESSAGES) {
			if (one.socket.connected || i % 2)
				one.submit(`message ${next++} of ${i}`);
			await sleep(random(0, 20));
		}
	}));
	return { done, sent: () => next };
}

const allShown = (pages) => until(() => pages.every((one) => one.shown.length >= MESSAGES),
	{ timeout: ms(60_000), what: 'all messages to be shown' });

/** A line between clients and server that breaks now and then: before the request, after it, or in the middle of the answer. */
async function badLine(t, server) {
	const self = { broken: 0, good: false };
	const line = net.createServer((client) => {
		const upstream = net.connect(server.port, '127.0.0.1');
		const fate = self.good || Math.random() < 0.95 ? 'none' : pick(['request', 'after the request', 'answer', 'any time']);
		const stop = () => {
			client.destroy();
			upstream.destroy();
		};
		const cut = () => {
			self.broken++;
			stop();
		};
		for (const one of [client, upstream])
			one.on('error', stop).on('close', stop);
		client.on('data', (bytes) => {
			if (fate === 'request')
				return cut();
			upstream.write(bytes);
			if (fate === 'after the request')
				setTimeout(cut, 2);
		});
		upstream.on('data', (bytes) => {
			client.write(fate === 'answer' ? bytes.subarray(0, random(0, bytes.length)) : bytes);
			if (fate === 'answer')
				setTimeout(cut, 2);
		});
		if (fate === 'any time')
			setTimeout(cut, random(0, 50));
	});
	line.listen(await freePort(), '127.0.0.1');
	await once(line, 'listening');
	t.after(() => line.close());
	self.url = `http://127.0.0.1:${line.address().port}`;
	return self;
}

it(`the tutorial's client: ${MESSAGES} messages from ${CLIENTS} clients, ${KILLS} times kill -9`, async (t) => {
	const server = await start({ t, workers: 2 });
	const name = room();
	const began = performance.now();
	const pages = Array.from({ length: CLIENTS }, () => page(t, `${server.url}/${name}`));
	await Promise.all(pages.map((one) => until(() => one.connects.length === 1)));

	const talking = talk(pages);
	const kills = (async () => {
		for (let k = 1; k <= KILLS; k++) {
			// Spread over the messages, but never before everybody is back, by WebSocket: a client whose server dies in the middle
			// of the upgrade is silent until its heartbeat fails (PROTOCOL.md), longer than it repeats a message.
			await until(() => talking.sent() >= MESSAGES * k / (KILLS + 1) && pages.every((one) => one.socket.connected && one.upgraded() && one.connects.length === k),
				{ timeout: ms(60_000), every: 2, what: `everybody to be connected before kill ${k}` });
			await sleep(random(0, 100));
			const pid = server.pid();
			process.kill(pid, 'SIGKILL');
			await until(() => !alive(pid), { every: 1 });
		}
	})();
	await Promise.all([talking.done, kills]);
	await until(() => pages.every((one) => one.connects.length === KILLS + 1), { timeout: ms(60_000), what: 'everybody to come back after the last' });
	await allShown(pages);
	t.diagnostic(`${MESSAGES} messages, ${KILLS} kills, ${((performance.now() - began) / 1000).toFixed(1)} s`);
	await compare(server, name, pages);
	for (const one of pages) {
		const [first, ...later] = one.connects;
		assert.equal(first.recovered, false);
		for (const [k, connect] of later.entries())
			assert.deepEqual(connect, { recovered: true, id: first.id }, `after kill ${k + 1}`);
	}
});

it(`the tutorial's client: ${MESSAGES} messages from ${CLIENTS} clients over lines that break`, async (t) => {
	const server = await start({ t, workers: 2 });
	const line = await badLine(t, server);
	const name = room();
	const pages = Array.from({ length: CLIENTS }, () => page(t, `${line.url}/${name}`, { retries: 50 }));
	await Promise.all(pages.map((one) => until(() => one.connects.length > 0)));
	await talk(pages).done;
	line.good = true;
	await allShown(pages);
	t.diagnostic(`${line.broken} connections were broken, ${pages.map((one) => one.connects.length - 1)} times a client came back`);
	await compare(server, name, pages);
	for (const one of pages) {
		const [first, ...later] = one.connects;
		for (const connect of later)
			assert.deepEqual(connect, { recovered: true, id: first.id });
	}
});
