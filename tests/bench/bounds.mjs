// bounds.mjs: how long everybody else waits while somebody misbehaves; how late rows of other programs are told; how long a
// restart takes.
//
// The others are held polls, and sends, polls and pages asked for at fixed times, so that a standstill does not hide itself.
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { PARAMS, STDIN, begin, encode, pairs, record } from '../e2e/fastcgi.mjs';
import { alive, root, session, sleep, until } from '../e2e/harness.mjs';
import { generator, talker } from './generator.mjs';
import { medians, round } from './figures.mjs';
import { quantile } from '../e2e/load.mjs';
import { grown } from './growth.mjs';
import { longline } from './servers.mjs';

const EVERY_MS = 8, HELD = 20, ROWS = 100_000;
const ALL = 'send,poll,history,healthz';

const half = (length) => Buffer.concat([begin(true), record(PARAMS, pairs({
	REQUEST_METHOD: 'POST', SCRIPT_NAME: '/send', QUERY_STRING: 'room=hostile', HTTP_HOST: 'localhost', CONTENT_LENGTH: length,
})), record(PARAMS)]);
const page = encode({ path: '/history', query: 'limit=500', keep: true });

/** Peers at the daemon's socket that no web server would be; resolves once they are told to stop. */
async function hostile(server, ms) {
	const over = performance.now() + ms, conns = new Set();
	const peer = (began) => {
		const conn = net.connect(server.socket);
		conns.add(conn);
		conn.on('error', () => {});
		conn.on('close', () => {
			conns.delete(conn);
			if (performance.now() < over)
				setImmediate(peer, began);
		});
		began(conn);
	};
	const many = (n, began) => {
		for (let i = 0; i < n; i++)
			peer(began);
	};
	many(200, (conn) => conn.write(half(100))); // half a request, then silence
	many(20, (conn) => { // a byte now and then
		conn.write(half(100_000));
		const timer = setInterval(() => conn.write(record(STDIN, Buffer.from('x'))), 20);
		conn.on('close', () => clearInterval(timer));
	});
	many(20, (conn) => conn.pause().write(page)); // asks and never reads
	many(4, (conn) => conn.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100))); // no records at all, again and again
	many(4, (conn) => conn.on('connect', () => conn.destroy())); // opened and dropped
	await sleep(ms);
	for (const conn of conns)
		conn.destroy();
}

/** What the pulse told, in ms. */
const spread = ({ late, ...kinds }) => ({
	late,
	...Object.fromEntries(Object.entries(kinds).filter(([, one]) => one?.n).map(([name, { p50, p99, last, n }]) =>
		[name, { p50: round(p50 / 1e3), p99: round(p99 / 1e3), max: round(last / 1e3), n }])),
});

/** Another generator beside the pulse. */
const beside = (server, command) => async () => {
	const load = await generator('poll', server.port);
	const told = await load.ask(command, { lax: true });
	await load.close();
	return { rate: round(told.rate), bytes: told.bytes };
};

async function lock(server, ms) {
	const program = session(server.db);
	await program.run('BEGIN IMMEDIATE;');
	await sleep(ms + 500);
	await program.run('ROLLBACK;');
	await program.close();
}

async function disturbances(seconds) {
	const server = await grown(ROWS), ms = seconds * 1000;
	const load = await generator('poll', server.port, server.groups);
	const figures = {};
	const during = async (name, kinds, what) => {
		const began = what();
		await sleep(200);
		const told = await load.ask(`pulse ${EVERY_MS} ${ms} ${kinds}`, { lax: true });
		figures[name] = { ...spread(told), bad: told.bad, why: told.why || undefined, meanwhile: await began };
	};
	await load.ask(`open ${HELD}`);
	await during('nothing else', ALL, async () => {});
	os.setPriority(10); // what this program does to them is to delay the servers, not the generator
	await during('hostile and stalled FastCGI peers', ALL, () => hostile(server, ms + 500));
	os.setPriority(0);
	await during('bodies of 1 MB, one after the other', ALL, beside(server, `post 1 ${ms} 1000000 /send?room=big`));
	await during('bodies of 1 MB, 4 at a time', ALL, beside(server, `post 4 ${ms} 1000000 /send?room=big`));
	await during('bodies of 1 MB that are refused', ALL, beside(server, `post 4 ${ms} 1000000 /send?room=no+room`));
	await during('database locked by another program', 'poll,history', () => lock(server, ms));
	await during('pages of 500, one after the other', ALL, beside(server, `get 1 ${ms} /history?limit=500&before={1000-${ROWS}}`));
	await during('searches for a beginning', ALL, beside(server, `get 1 ${ms} /history?q=w1*`));
	await load.close();
	await server.stop();
	return figures;
}

/** From another program's commit to the last of some readers. */
async function inserts() {
	const server = await longline(), load = await generator('poll', server.port, server.groups);
	await load.ask(`open ${HELD}`);
	const program = await talker(path.join(root, 'build/bench/insert'), [server.db]);
	const figures = {};
	let seq = 0;
	for (const [name, n, every, hold] of [['every 20 ms', 200, 20, 0], ['held open for 50 ms', 60, 80, 50], ['one every second', 12, 1000, 0], ['after 6 s of silence', 3, 6000, 0]]) {
		const { commits } = await program.ask(`rows ${load.run} ${seq} ${n} ${every} ${hold}`);
		seq += n;
		await sleep(300);
		const arrived = new Map((await load.ask('arrivals')).arrivals);
		const late = commits.map(([key, at]) => ((arrived.get(key) ?? Infinity) - at) / 1e3);
		figures[name] = { p50: round(quantile(late, 0.5)), p99: round(quantile(late, 0.99)), max: round(quantile(late, 1)), n };
	}
	await program.close();
	await load.close();
	await server.stop();
	return figures;
}

/** A new daemon on the same listening socket, while 500 polls are held. */
async function restart({ pairs }) {
	const server = await longline({ inherited: true });
	const load = await generator('poll', server.port);
	await load.ask('open 500');
	const figures = [];
	for (let i = 0; i < pairs; i++) {
		await server.parked(500);
		const pid = server.pid(), began = performance.now();
		const told = await load.ask(`term ${pid} 20000`);
		if (told.answered !== 500)
			throw new Error(`only ${told.answered} held polls were answered`);
		await until(() => !alive(pid), { every: 2, what: 'the daemon to end' });
		await server.parked(500);
		figures.push({ first_ms: told.first_us / 1e3, last_ms: told.last_us / 1e3, all_held_again_ms: performance.now() - began });
	}
	await load.close();
	await server.stop();
	return { ...medians(figures), worst_last_ms: round(Math.max(...figures.map((one) => one.last_ms))) };
}

export async function bounds(options) {
	return { others: await disturbances(Math.max(3, options.seconds)), inserts: await inserts(), restart: await restart(options) };
}
