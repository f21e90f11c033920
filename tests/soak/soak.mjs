// soak.mjs: everything at once for as long as one likes, and every promise checked all the time: `make soak`.
//
// Senders with keys, pollers that drop, Socket.IO clients by polling and by WebSocket and streams that lose their
// connection, another program that inserts, readers of history and searches; meanwhile the daemon is killed, told to stop, and nginx's workers are killed. Each minute all
// that was answered and all that was seen since is compared with what is stored, and one line is printed. Whatever is
// amiss ends it with status 1.
//
// Environment: SOAK_MINUTES  how long (5)
//              SOAK_CALM     no kills and no disconnections, for figures that are worth comparing
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { io } from '../conformance/clients.mjs';
import { alive, session, sleep, start, until } from '../e2e/harness.mjs';
import { descendants, follow, memory, now, pick, quantile, random, sender } from '../e2e/load.mjs';
import { eventSource, lineReader } from '../e2e/streams.mjs';

const minutes = Number(process.env.SOAK_MINUTES || 5);
const calm = Boolean(process.env.SOAK_CALM);
const rooms = ['main', 'ops', 'a.b-c_d', 'busy'];
const ROWS_OF_READERS = [['*'], ['*'], rooms, ['main'], ['busy'], ['ops', 'busy'], ['a.b-c_d'], ['*', 'main']];

const server = await start({ workers: 2 });
const counts = { kills: 0, stops: 0, workers: 0, pages: 0, searches: 0, inserts: 0, drops: 0, recovered: 0, anew: 0 };
const lags = [];
let ending = false;

/** A Socket.IO client of one room: it goes on from the last id that it was given, as the tutorial's does. */
function listener(room, from, transports) {
	const self = { rooms: [room], ids: [], from, odd: [] };
	const socket = io(`${server.url}/${room === 'main' ? '' : room}`, {
		transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 500,
		auth: (give) => give({ serverOffset: self.ids.at(-1) ?? self.from }),
	});
	socket.onAny((event, ...args) => self.ids.push(Number(args.at(-1))));
	socket.on('connect', () => counts[socket.recovered ? 'recovered' : 'anew']++);
	self.drop = () => socket.io.engine?.close();
	self.stop = () => socket.close();
	self.ready = until(() => socket.connected, { what: `a client in ${room} to connect` });
	return self;
}

/** A reader of /stream: it goes on from the last id that it was told. */
function streamer(kind, rooms, from) {
	const self = { rooms, ids: [], from, odd: [] };
	const one = kind(server.url, { room: rooms, since: from }, {
		onMessage({ id }) {
			self.ids.push(id);
			one.messages.length = 0; // nobody looks at them
		},
	});
	self.drop = one.drop;
	self.stop = one.stop;
	self.look = () => self.odd.push(...one.words.splice(0), ...one.wrong);
	return self;
}

/** A Socket.IO client that sends with an offset of its own, again and again until it is acknowledged. */
function emitter(name, room, transports) {
	const self = { answered: new Map(), failures: [], stop };
	const socket = io(`${server.url}/${room === 'main' ? '' : room}`, {
		transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 500, retries: 1000, ackTimeout: 3000,
	});
	const unique = `${name}-${process.pid}`.padEnd(20, 'x');
	let stopping = false;
	const running = (async () => {
		for (let n = 0; !stopping; n++) {
			const text = `${name}.${n} by Socket.IO`;
			const id = await new Promise((resolve) => {
				socket.emit('chat message', text, `${unique}-${n}`, (error, answer) => resolve(answer?.id));
			});
			assert.ok(id, `the send of ${text} was given up`);
			self.answered.set(text, id);
			await sleep(random(0, 60));
		}
	})();
	async function stop() {
		stopping = true;
		await running;
		socket.close();
	}
	return self;
}

/** Another program: single rows, and transactions that stay open for a while. */
async function inserter() {
	const other = session(server.db);
	while (!ending) {
		const rows = Math.ceil(random(0, 4));
		const values = Array.from({ length: rows }, () => `('${pick(rooms)}', 'by SQL at ${now().toFixed(3)}')`).join();
		if (Math.random() < 0.1) {
			await other.run(`BEGIN IMMEDIATE; INSERT INTO messages(room, text) VALUES${values}; SELECT 1;`);
			await sleep(random(0, 200));
			await other.run('COMMIT;');
		} else {
			await other.run(`INSERT INTO messages(room, text) VALUES${values};`);
		}
		counts.inserts += rows;
		await sleep(random(10, 100));
	}
	await other.close();
}

/** Pages back from the newest; pages must fit together without a hole or an overlap. */
async function historian() {
	while (!ending) {
		let before, last;
		for (let page = 0; page < 20 && !ending; page++) {
			const res = await server.history({ room: '*', before, limit: 50 }).catch(() => null);
			if (res?.status !== 200)
				break;
			const ids = res.json.messages.map((m) => m.id);
			assert.deepEqual(ids, [...ids].sort((a, b) => a - b), 'a page is in order');
			assert.ok(last === undefined || ids.length === 0 || ids.at(-1) === last - 1 || ids.at(-1) < last, 'pages do not overlap');
			counts.pages++;
			if (res.json.older === null)
				break;
			[before, last] = [res.json.older, ids[0]];
		}
		const res = await server.history({ room: pick(['*', ...rooms]), q: pick(['"by SQL"', 's1*', 'Socket -SQL', 'xxxx*']) }).catch(() => null);
		assert.ok(!res || [200, 502, 503].includes(res.status), res?.text);
		counts.searches++;
		await sleep(random(0, 200));
	}
}

/** Kills, stops, hang-ups. */
async function trouble(listeners) {
	while (!ending) {
		await sleep(random(500, 4_000));
		for (const one of listeners) {
			if (Math.random() < 0.3) {
				one.drop();
				counts.drops++;
			}
		}
		const die = Math.random();
		try {
			if (die < 0.35) {
				server.kill('SIGKILL');
				counts.kills++;
			} else if (die < 0.5) {
				server.kill('SIGTERM');
				counts.stops++;
			} else if (die < 0.55) {
				process.kill(pick(descendants(nginxPid(), 'nginx')), 'SIGKILL');
				counts.workers++;
			}
		} catch {
			// It is being started again.
		}
	}
}
const nginxPid = () => Number(fs.readFileSync(`${server.dataDir}/run/nginx.pid`, 'utf8'));

/** Compares what a reader saw since the last time with what is stored, and forgets it. */
async function checkReader(one) {
	one.look?.();
	assert.deepEqual(one.odd, [], 'no reset, no gap, and no end');
	const seen = one.ids.slice(0, -1); // the last stays, since a client goes on from it
	if (seen.length === 0)
		return 0;
	const filter = one.rooms.includes('*') ? '' : `AND room IN (${one.rooms.map((room) => `'${room}'`)})`;
	const due = (await server.rows(`SELECT id FROM messages WHERE id > ${one.from} AND id <= ${seen.at(-1)} ${filter} ORDER BY id`)).map((row) => row.id);
	assert.deepEqual(seen, due, `a reader of ${one.rooms} saw each message once, in order`);
	one.from = seen.at(-1);
	one.ids.splice(0, seen.length);
	return seen.length;
}

/** Whether each send that was answered since the last time is stored once, as it was answered. */
async function checkSender(one) {
	const answered = [...one.answered];
	if (answered.length === 0)
		return 0;
	const quote = (text) => `'${text.replaceAll("'", "''")}'`;
	for (let at = 0; at < answered.length; at += 500) {
		const part = answered.slice(at, at + 500);
		const low = Math.min(...part.map(([, id]) => id)), high = Math.max(...part.map(([, id]) => id));
		const rows = await server.rows(`SELECT id, text FROM messages WHERE id >= ${low} AND id <= ${high} AND text IN (${part.map(([text]) => quote(text))})`);
		const stored = new Map(rows.map(({ id, text }) => [text, id]));
		assert.equal(rows.length, part.length, 'nothing is lost or stored twice');
		for (const [text, id] of part)
			assert.equal(stored.get(text), id, `${text.slice(0, 60)} is stored as it was answered`);
	}
	for (const [text] of answered)
		one.answered.delete(text);
	return answered.length;
}

const readers = await Promise.all(ROWS_OF_READERS.map((names, i) => follow(server, {
	rooms: names, patient: true, wait: () => random(0.1, 20).toFixed(2), limit: () => pick([undefined, 3, 1000]),
	drop: i % 2 && !calm ? () => (Math.random() < 0.05 ? random(0, 200) : undefined) : undefined,
	onMessage: i ? undefined : ({ text }) => {
		const at = /^by SQL at (\d+\.\d+)$/.exec(text)?.[1];
		if (at)
			lags.push(now() - Number(at));
	},
}).start()));
const head = await server.head();
const [POLLING, BOTH, WEBSOCKET] = [['polling'], ['polling', 'websocket'], ['websocket']];
const listeners = [
	...[['main', POLLING], ['busy', POLLING], ['ops', BOTH], ['busy', BOTH], ['main', WEBSOCKET], ['busy', WEBSOCKET]].map(([room, how]) => listener(room, head, how)),
	...[eventSource, lineReader].flatMap((kind) => [['*'], ['busy'], ['ops', 'main']].map((names) => streamer(kind, names, head))),
];
await Promise.all(listeners.map((one) => one.ready));
const senders = Array.from({ length: 8 }, (_, i) => sender(server, `s${i}`, { rooms, keyed: true, size: i ? 300 : 20_000, pause: () => random(0, 40) }));
const emitters = [emitter('e0', 'main', POLLING), emitter('e1', 'busy', BOTH), emitter('e2', 'ops', WEBSOCKET)];
const busy = [inserter(), historian(), ...(calm ? [] : [trouble(listeners)])];
for (const one of busy) {
	one.catch((error) => {
		console.error(error);
		process.exit(1);
	});
}

const total = { seen: 0, answered: 0 };
async function check() {
	for (const one of [...readers, ...listeners])
		total.seen += await checkReader(one);
	for (const one of [...senders, ...emitters])
		total.answered += await checkSender(one);
}
function report(minute) {
	let size = 'between two';
	try {
		size = `${Math.round(memory(server.pid()) / 1024)} KB`;
	} catch {
		// It is being started again.
	}
	const wal = fs.statSync(`${server.db}-wal`, { throwIfNoEntry: false })?.size ?? 0;
	console.log(`minute ${minute}: ${total.answered} sends answered and stored once, ${total.seen} deliveries in order; `
		+ `${counts.kills} kills, ${counts.stops} stops, ${counts.workers} of nginx's workers, ${counts.drops} drops (${counts.recovered} recovered, ${counts.anew} anew), `
		+ `${counts.inserts} rows by SQL (p50 ${quantile(lags, 0.5).toFixed(0)} p99 ${quantile(lags, 0.99).toFixed(0)} ms), ${counts.pages} pages, `
		+ `${counts.searches} searches; daemon ${size}, WAL ${(wal / 1e6).toFixed(1)} MB`);
	lags.length = 0;
}

const began = performance.now();
for (let minute = 1; performance.now() - began < minutes * 60_000; minute++) {
	await sleep(Math.max(0, Math.min(minute, minutes) * 60_000 - (performance.now() - began)));
	await check();
	report(minute);
}

ending = true;
await Promise.all(busy);
await until(() => {
	try {
		return alive(server.pid());
	} catch {
		return false;
	}
}, { what: 'the daemon to be there again' });
await Promise.all([...senders, ...emitters].map((one) => one.stop()));
const newest = Number(await server.sql('SELECT max(id) FROM messages'));
const last = Object.fromEntries(await Promise.all(rooms.map(async (room) => [room, Number(await server.sql(`SELECT max(id) FROM messages WHERE room = '${room}'`))])));
const end = (one) => (one.rooms.includes('*') ? newest : Math.max(...one.rooms.map((room) => last[room])));
for (const one of [...readers, ...listeners]) {
	await until(() => one.ids.at(-1) >= end(one), { timeout: 60_000, what: `a reader of ${one.rooms} to reach ${end(one)}` });
	one.ids.push(Infinity); // so that the check takes them all
	await checkReader(one);
	await one.stop();
}
for (const one of [...senders, ...emitters])
	total.answered += await checkSender(one);
assert.equal(await server.sql('PRAGMA integrity_check'), 'ok');
await server.stop();
console.log(`soak: ${minutes} minutes, 0 lost, 0 doubled, 0 missed`);
process.exit(0);
