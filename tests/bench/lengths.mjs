// lengths.mjs: whether anything becomes slower as the log grows, and whether searches hold up anybody.
//
// Logs of all lengths stand side by side and take turns, so that noise hits all alike. Sends, polls and pages are asked for
// at fixed times, as in bounds.mjs; searches one after the other on one connection.
import fs from 'node:fs';
import path from 'node:path';
import { binary, child, sleep, until } from '../e2e/harness.mjs';
import { connect, fastcgi } from '../e2e/fastcgi.mjs';
import { medians } from './figures.mjs';
import { cpus, generator } from './generator.mjs';
import { ALWAYS, RARE, grownFolder } from './growth.mjs';
import { longline } from './servers.mjs';

const EVERY_MS = 4, HELD = 5, STARTS = 7, LAST_SENDS = 200;

/** A cursor in the first half is far below what memory holds: that is what was sent since the start. */
const pulse = (n) => ['send', 'poll', `catch-up=/poll?since={1-${Math.floor(n / 2)}}&limit=100`, `page=/history?before={100-${n}}`].join();

const searches = (n) => {
	const rare = `rare{1-${Math.max(1, Math.floor(n / RARE))}}`; // all of them in r0, for RARE is a multiple of 1,000
	return {
		'a rare word, everywhere': `/history?room=*&q=${rare}`,
		'a rare word in its room': `/history?room=r0&q=${rare}`,
		'the commonest word, everywhere': `/history?room=*&q=${ALWAYS}`,
		'the commonest word in main': `/history?room=main&q=${ALWAYS}`,
		'the commonest word in a small room': `/history?room=r7&q=${ALWAYS}`,
		'the commonest word, before any message': `/history?room=*&q=${ALWAYS}&before={100-${n}}`,
	};
};
/** What the searchers ask meanwhile, each one after the other. */
const MEANWHILE = { commonest: `/history?room=*&q=${ALWAYS}`, beginning: '/history?room=*&q=w49*' };

/** From exec to the first answer of a daemon, in ms; and the daemon. */
async function started(dataDir) {
	const socket = path.join(dataDir, 'start.sock'), began = performance.now();
	const daemon = child('taskset', ['-c', cpus.servers, binary, '--socket', socket, '--database', path.join(dataDir, 'longline.db'), '--pid-file', `${socket}.pid`]);
	for (;;) {
		const { status } = await fastcgi(socket, { path: '/poll', query: 'wait=0' }).catch(() => ({}));
		if (status === 200)
			return { daemon, socket, ms: performance.now() - began };
		if (daemon.done || status !== undefined)
			throw new Error(`the daemon did not start: ${status} ${daemon.output}`);
		await sleep(1);
	}
}

async function ended(daemon, signal) {
	daemon.signal(signal);
	await daemon.ended;
}

/** A start after a good end, and one after a kill, with what the last sends left in the write-ahead log. */
async function starts({ dataDir, told }) {
	const clean = await started(dataDir), conn = await connect(clean.socket);
	for (let i = 0; i < LAST_SENDS; i++)
		await conn.ask({ method: 'POST', path: '/send', query: 'room=start', body: `${i}`, keep: true });
	conn.close();
	await ended(clean.daemon, 'SIGKILL');
	const wal = fs.statSync(path.join(dataDir, 'longline.db-wal')).size;
	const killed = await started(dataDir);
	await ended(killed.daemon, 'SIGTERM');
	told.start.push({ clean_ms: clean.ms, killed_ms: killed.ms, wal_bytes: wal });
}

/** A generator whose answers tell how many requests failed in this one command. */
async function asking(server) {
	const load = await generator('poll', server.port);
	let before = 0;
	return {
		close: load.close,
		async ask(line) {
			const told = await load.ask(line, { lax: true });
			const failed = (told.bad ?? before) - before;
			before += failed;
			return { ...told, failed };
		},
	};
}

const times = ({ p50, p99 }) => ({ p50: p50 / 1e3, p99: p99 / 1e3 });
const beaten = ({ failed, send, delivery, poll, 'catch-up': catchUp, page }) => ({
	failed, send: times(send), delivery: times(delivery), poll: times(poll), 'catch-up': times(catchUp), page: times(page),
});

/** One turn of one log: alone, beside the searchers, and then the searches by themselves. */
async function turn({ n, server, load, searchers, told }, ms) {
	const indexed = async () => await server.metric(/indexed/) === await server.metric(/head/);
	told.quiet.push(beaten(await load.ask(`pulse ${EVERY_MS} ${ms} ${pulse(n)}`)));
	const meanwhile = Object.entries(MEANWHILE).map(async ([name, target]) => [name, await searchers[name].ask(`get 1 ${ms + 500} ${target}`)]);
	await sleep(200);
	told.searched.push(beaten(await load.ask(`pulse ${EVERY_MS} ${ms} ${pulse(n)}`)));
	told.meanwhile.push(Object.fromEntries((await Promise.all(meanwhile)).map(([name, { rate, failed }]) => [name, { rate, failed }])));
	await until(indexed, { what: 'the index to be filled' });
	for (const [name, target] of Object.entries(searches(n))) {
		const { json } = await server.get(target.replace(/\{(\d+)-(\d+)\}/, '$2'));
		if (!json?.messages?.length)
			throw new Error(`${target} finds nothing`);
		const { took, failed } = await load.ask(`get 1 ${Math.round(ms / 3)} ${target}`);
		(told.search[name] ??= []).push({ ...times(took), failed });
	}
}

/** Medians of all turns, but what failed in any of them. */
const summed = (list) => ({ ...medians(list), failed: list.reduce((sum, one) => sum + one.failed, 0) });

export async function growth({ pairs, seconds, rows }) {
	const logs = [], ms = Math.max(3, seconds) * 1000;
	for (const n of rows)
		logs.push({ n, ...await grownFolder(n), told: { start: [], quiet: [], searched: [], meanwhile: [], search: {} } });
	for (let i = 0; i < STARTS; i++) {
		for (const log of logs)
			await starts(log);
	}
	for (const log of logs) {
		log.server = await longline({ dataDir: log.dataDir });
		log.load = await asking(log.server);
		await log.load.ask(`open ${HELD}`);
		log.searchers = Object.fromEntries(await Promise.all(Object.keys(MEANWHILE).map(async (name) => [name, await asking(log.server)])));
	}
	for (let i = 0; i < pairs; i++) {
		for (const log of logs)
			await turn(log, ms);
	}
	for (const { server, load, searchers, dataDir } of logs) {
		for (const one of [load, ...Object.values(searchers)])
			await one.close();
		await server.stop();
		fs.rmSync(dataDir, { recursive: true });
	}
	const told = ({ start, quiet, searched, meanwhile, search }) => ({
		start: medians(start), quiet: summed(quiet), searched: summed(searched),
		meanwhile: Object.fromEntries(Object.keys(MEANWHILE).map((name) => [name, summed(meanwhile.map((one) => one[name]))])),
		search: Object.fromEntries(Object.entries(search).map(([name, list]) => [name, summed(list)])),
	});
	return { every_ms: EVERY_MS, held: HELD, starts: STARTS, lengths: Object.fromEntries(logs.map((log) => [log.n, { growth: log.growth, ...told(log.told) }])) };
}
