// hostile.mjs: what everybody else notices while strangers do their worst. For each attack, in turns: others alone, and
// others during the attack; the median of the runs, the daemon's memory and its longest turn, and whether anybody else was
// refused.
//
// The others are held polls and a Socket.IO crowd, and sends, polls, pages and /healthz asked for at fixed times, so that
// a standstill does not hide itself. The attack is another process, below their priority: what it takes from the
// generator's processor is not counted.
//
// All come from this machine, whom nobody counts, but for the attacks that begin with `one-`: there the attacker is one
// stranger, and the others are 200, each with an address of their own.
//
// Environment: ATTACKS   names, with commas between (all); a * at the end stands for anything
//              RUNS      how often each is measured (5)
//              SECONDS   of each run (3)
//              NGINX_WORKERS (1)
//              FLOOR     1: a loop in memory stands in the daemon's place: what of it is the web server's
//              BENCH_SERVERS, BENCH_GENERATOR  processors of the servers, and of all others (0, 1)
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, sleep, tempDir, until } from '../e2e/harness.mjs';
import { memory, quantile } from '../e2e/load.mjs';
import { cpus, generator, pin } from './generator.mjs';
import { round } from './figures.mjs';
import { grown, grownFolder } from './growth.mjs';
import { floor, longline, quiet, site } from './servers.mjs';

const EVERY_MS = 8, HELD = 20, KINDS = 'send,poll,history,healthz';
const MB = 1e6;
const memoryMax = 256 * MB, slack = 64 * MB; // --memory-max, and what is allowed besides

const file = path.join(path.dirname(fileURLToPath(import.meta.url)), 'attack.mjs');
const workers = Number(process.env.NGINX_WORKERS || 1);
const runs = Number(process.env.RUNS || 5), ms = 1000 * Number(process.env.SECONDS || 3);

const own = () => longline({ workers });
const logged = () => grown(100_000);

/** A log of so many rooms. */
async function manyRooms(n, start = own) {
	const server = await start();
	const { code, stderr } = await run('sqlite3', ['-bail', server.db], { input: `.timeout 10000
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})
		INSERT INTO messages(room, text) SELECT 'room-' || i, 'x' FROM n;` });
	if (code !== 0)
		throw new Error(stderr);
	await until(async () => await server.metric(/indexed/) >= n, { timeout: 120_000, what: 'the index' });
	return server;
}

/** One message as large as there may be. */
async function large(start = () => longline({ flags: '--body-max 5000000', workers })) {
	const server = await start();
	await run('sqlite3', [server.db], { input: `.timeout 10000
		INSERT INTO messages(room, text) VALUES ('big', replace(hex(zeroblob(2000000)), '00', 'xx'));` });
	await sleep(300);
	return server;
}

const attacks = {
	'small-events-4': { crowd: 500 },
	'small-events-1000': { crowd: 500 },
	'bodies-1000': {},
	'stored-events-4': { crowd: 20 },
	'acks-and-events': { crowd: 20 },
	'names-that-meet': {},
	'come-back': { crowd: 20 },
	'searches-dropped': { begin: logged },
	'searches-dropped-100': { begin: logged },
	'pages-dropped': { begin: logged },
	'rooms-dropped': { begin: () => manyRooms(300_000) },
	'acks-unread': {},
	'half-events': {},
	'slow-readers': { begin: large },
	handshakes: { begin: () => longline({ flags: '--sessions-max 2000', workers }) },
	'idle-connections': { begin: () => longline({ flags: '--connections-max 100', workers }) },
};

// ---- one stranger among others ----

const STRANGER = '203.0.113.66';

/** Who the others are: nginx believes it. */
const addresses = (() => {
	const file = path.join(tempDir(), 'addresses');
	fs.writeFileSync(file, Array.from({ length: 200 }, (_, i) => `X-Forwarded-For: 198.51.100.${i}\n`).join(''));
	return file;
})();

const among = (flags, more) => site({ flags, workers, ...more });
const loggedAmong = async () => among('', await grownFolder(100_000));

/** A closed log in which everybody may do everything but what the stranger wants. */
async function closed() {
	const server = await among();
	await run('sqlite3', ['-bail', server.db], { input: ".timeout 10000\nINSERT INTO grants VALUES ('anyone', '*', 'rw'), ('anyone', 'secret*', '');" });
	await until(async () => await server.metric(/access_closed/) === 1, { what: 'the log to be closed' });
	return server;
}

function withKey() {
	const file = path.join(tempDir(), 'jwt.key');
	fs.writeFileSync(file, 'Rk9PK2Jhci1iYXotcXV4LXRoZS1rZXktb2YtdGVzdHM', { mode: 0o600 });
	return among(`--jwt-key ${file}`);
}

const one = {
	requests: {}, 'requests-dropped': {}, messages: {}, bytes: {},
	'day-bytes': { begin: () => among('--limit day-bytes=2M') },
	handshakes: {}, sessions: {}, passing: { crowd: 20 }, held: {}, 'held-dropped': {},
	reading: { begin: loggedAmong }, reads: { begin: loggedAmong }, 'new-rooms': {},
	'bad-tokens': {}, 'bad-tokens-dropped': {}, 'bad-jwts': { begin: withKey },
	forbidden: { begin: closed }, 'forbidden-sends': { begin: closed },
	h2: { begin: loggedAmong }, 'h2-messages': {}, 'h2-cancelled': { begin: loggedAmong },
	// What many do above, done by one.
	'small-events-1000': { crowd: 500 }, 'bodies-1000': {}, 'stored-events-4': { crowd: 20 },
	'searches-dropped': { begin: loggedAmong }, 'searches-dropped-100': { begin: loggedAmong }, 'pages-dropped': { begin: loggedAmong },
	'rooms-dropped': { begin: () => manyRooms(300_000, () => among('--rooms-max 0')) },
	'acks-unread': {}, 'half-events': {}, 'slow-readers': { begin: () => large(() => among('--body-max 5000000')) },
};
for (const [name, { begin = among, ...more }] of Object.entries(one))
	attacks[`one-${name}`] = { begin, ...more, address: STRANGER };

/** An attack under way; `ended` resolves to what it got done. */
function attack(name, { port, tlsPort }, forMs) {
	const words = [name, port, forMs, attacks[name].address ?? '', tlsPort ?? ''].map(String);
	const proc = spawn('taskset', ['-c', cpus.generator, process.execPath, file, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
	os.setPriority(proc.pid, 15);
	let text = '';
	proc.stdout.on('data', (chunk) => {
		text += chunk;
	});
	return { ended: new Promise((resolve) => proc.once('exit', () => resolve(text ? JSON.parse(text) : {}))) };
}

/** The largest of the daemon's memory while fn runs. */
async function watched(server, fn) {
	let most = 0;
	const timer = setInterval(() => {
		most = Math.max(most, memory(server.pid()));
	}, 50);
	const result = await fn();
	clearInterval(timer);
	return { ...result, most };
}

const median = (values) => quantile(values, 0.5);
const kinds = KINDS.split(',');

/** The daemon's longest turn since this was asked last, in ms. */
const turn = async (server) => (process.env.FLOOR ? 0 : 1000 * await server.metric(/turn_seconds_max/));

async function measure(name, fullRing) {
	const { crowd = 0, begin = own, address } = attacks[name];
	const server = await (process.env.FLOOR ? address ? site({ daemon: 'build/bench/floor', workers }) : floor() : begin());
	const load = await generator('poll', server.port), sessions = crowd ? await generator('socketio', server.port) : undefined;
	if (address) {
		await load.ask(`headers ${addresses}`);
		await sessions?.ask(`headers ${addresses}`);
	}
	await load.ask(`open ${HELD}`);
	await sessions?.ask(`open ${crowd} 1`); // in a namespace of its own, where the attack takes place
	const pulse = () => load.ask(`pulse ${EVERY_MS} ${ms} ${KINDS}`, { lax: true });
	const idle = [], during = [], turns = [];
	let bad = 0, why, done = {};
	let most = 0;
	for (let i = 0; i < runs; i++) {
		idle.push(await pulse());
		await turn(server); // from now on
		const told = await watched(server, async () => {
			const one = attack(name, server, ms + 1500);
			await sleep(1000); // for it to begin
			const figures = await pulse();
			return { figures, done: await one.ended };
		});
		turns.push(await turn(server));
		during.push(told.figures);
		bad += told.figures.bad;
		why = told.figures.why || why;
		done = told.done;
		most = Math.max(most, told.most);
	}
	await sessions?.close();
	await load.close();
	await server.stop();
	const of = (list, kind, what) => round(median(list.map((one) => one[kind][what] / 1e3)));
	const row = { turn: round(median(turns)), name, bad, why, done, most: Math.round(most / MB), kinds: {} };
	row.met = bad === 0 && most <= fullRing + memoryMax + slack;
	for (const kind of kinds) {
		const [i50, i99, d50, d99] = [of(idle, kind, 'p50'), of(idle, kind, 'p99'), of(during, kind, 'p50'), of(during, kind, 'p99')];
		const bar = 2 * i99 + 5;
		row.kinds[kind] = { i50, i99, d50, d99, bar: round(bar) };
		row.met &&= d99 <= bar;
	}
	return row;
}

/** What an idle daemon has whose ring is full. */
async function withFullRing() {
	const server = await longline();
	await run('sqlite3', [server.db], { input: `.timeout 10000
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80000)
		INSERT INTO messages(room, text) SELECT 'ring', replace(hex(zeroblob(500)), '00', 'xx') FROM n;` });
	await until(async () => await server.metric(/ring_bytes/) > 60 * MB, { timeout: 60_000, what: 'the ring to be full' });
	const bytes = memory(server.pid());
	await server.stop();
	return bytes;
}

const fits = (word) => Object.keys(attacks).filter((name) => (word.endsWith('*') ? name.startsWith(word.slice(0, -1)) : name === word));
const words = (process.env.ATTACKS || '*').split(','), names = words.flatMap(fits);
const unknown = words.find((word) => fits(word).length === 0);
if (unknown) {
	console.error(`hostile: there is no attack '${unknown}'; there are ${Object.keys(attacks).join(', ')}`);
	process.exit(2);
}
pin(process.pid);
try {
	const fullRing = process.env.FLOOR ? 0 : await withFullRing();
	console.log(`An idle daemon with a full ring has ${Math.round(fullRing / MB)} MB; during an attack at most ${Math.round((fullRing + memoryMax + slack) / MB)} MB are right.`);
	console.log(`Others' p50/p99 in ms, alone -> during the attack (p99 at most); the median of ${runs} runs of ${ms / 1000} s.\n`);
	let failed = 0;
	for (const name of names) {
		const row = await quiet(() => measure(name, fullRing));
		failed += !row.met;
		console.log(`${name.padEnd(22)} ${row.met ? 'met    ' : 'NOT MET'} ${String(row.most).padStart(4)} MB  turn ${row.turn} ms  refused ${row.bad}${row.why ? ` (${row.why})` : ''}  attack ${JSON.stringify(row.done)}${row.elsewhere > 0.1 ? `  (others used ${row.elsewhere} CPUs)` : ''}`);
		for (const [kind, { i50, i99, d50, d99, bar }] of Object.entries(row.kinds))
			console.log(`    ${kind.padEnd(8)} ${i50}/${i99} -> ${d50}/${d99} (${bar})`);
	}
	console.log(`\n${names.length - failed} of ${names.length} met`);
	process.exit(failed ? 1 : 0);
} catch (error) {
	console.error(error);
	process.exit(1);
}
