// stalled.mjs: readers that stop reading: what the daemon keeps for them, and what everybody else notices.
//
// READERS of them stop with small receive buffers, so that what the kernel and nginx hold for each is soon full. At one place:
// all stop, and the same messages block all. At a place each: one stops, a message is sent, the next one comes and stops. What
// they take is bytes that malloc gave out in the daemon (without SQLite's), beyond what it has of the same messages where the
// readers read. The others are readers of the same room, and requests at fixed times; beside them those of a daemon with the
// same messages and nobody stalled, in turns. At last the stalled read on, and each must get every message that was sent since it came, once.
import { sleep } from '../e2e/harness.mjs';
import { median, round } from './figures.mjs';
import { generator } from './generator.mjs';
import { inTurns } from './pairs.mjs';
import { heaped } from './servers.mjs';

const READERS = 100, LARGE = 100_000, MORE = 12; // messages that fill all that lies between
const OTHERS = 20, EVERY_MS = 8, KINDS = 'send,poll,healthz', QUIET_MS = 1000, TURNS = 4;
const FLAGS = '--send-timeout 600';

async function begin(dialect) {
	const server = await heaped({ name: dialect, flags: FLAGS });
	const others = await generator(dialect, server.port, {}, server), slow = await generator(dialect, server.port, {}, server);
	await others.ask(`open ${OTHERS}`);
	await others.ask('fanout');
	return {
		server, others, slow,
		heap: async () => (await sleep(150), server.heap()),
		send: (what) => server.sent(what),
		async stop() {
			await others.close();
			await slow.close();
			await server.stop();
		},
	};
}

/** p50 and p99 of everybody else, in ms. */
async function others({ others: load }, ms) {
	const { late, bad, why, ...kinds } = await load.ask(`pulse ${EVERY_MS} ${ms} ${KINDS}`);
	return Object.fromEntries(Object.entries(kinds).map(([name, { p50, p99 }]) => [name, { p50: p50 / 1e3, p99: p99 / 1e3 }]));
}

const text = (i) => `b:0:${i}:${'x'.repeat(LARGE)}`;

/** All that is sent while READERS come, who read or do not, at one place or at one each. */
async function filled(dialect, places, stalls) {
	const self = await begin(dialect), heap = await self.heap();
	let sent = 0, holding = 0;
	for (let i = 0; i < places; i++) {
		({ holding } = await self.slow.ask(`stall ${stalls ? 'open' : 'reads'} ${READERS / places}`));
		if (places > 1)
			await self.send(text(sent++));
	}
	for (let i = 0; i < MORE; i++)
		await self.send(text(sent++));
	if (holding !== READERS)
		throw new Error(`${dialect}: only ${holding} of ${READERS} came`);
	await sleep(QUIET_MS);
	const kept = await self.server.metric(/memory_bytes\{kind="answers"\}/);
	if (stalls && !(kept > 0))
		throw new Error(`${dialect}: nothing waits for the stalled`);
	// Of n places the reader at i came before message i.
	return { ...self, kept, grown: await self.heap() - heap, due: READERS * sent - READERS * (places - 1) / 2 };
}

/** Two daemons with the same messages: of one the readers have hung up, of the other they are stalled. */
async function pair(dialect, places, ms) {
	const free = await filled(dialect, places, false), stalled = await filled(dialect, places, true);
	await free.slow.ask('stall close');
	const told = await inTurns({ free, stalled }, TURNS, (one) => others(one, ms));
	const { open, sum } = await stalled.slow.ask(`stall go ${QUIET_MS}`, { timeout: 100_000 });
	await free.stop();
	await stalled.stop();
	return { ...told, mb: (stalled.grown - free.grown) / 1e6, kept_mb: stalled.kept / 1e6, open, got: sum, due: stalled.due };
}

export async function stalled({ pairs, seconds }) {
	const ms = Math.max(2, seconds) * 1000, kinds = {};
	for (const dialect of ['websocket', 'stream']) {
		for (const places of [1, READERS]) {
			const told = [];
			for (let i = 0; i < pairs; i++)
				told.push(await pair(dialect, places, ms));
			const [free, slow] = ['free', 'stalled'].map((key) => told.flatMap((one) => one[key]));
			kinds[`${dialect}, ${places === 1 ? 'at one place' : `at ${READERS} places`}`] = {
				places, mb: round(median(told.map((one) => one.mb))), worst_mb: round(Math.max(...told.map((one) => one.mb))), kept_mb: round(median(told.map((one) => one.kept_mb))),
				others: Object.fromEntries(Object.keys(free[0]).map((name) => [name, {
					free: round(median(free.map((one) => one[name].p99))), stalled: round(median(slow.map((one) => one[name].p99))),
					more: round(median(slow.map((one, i) => one[name].p99 - free[i][name].p99))),
				}])),
				open: Math.min(...told.map((one) => one.open)), got: told.map((one) => one.got), due: told[0].due,
			};
		}
	}
	return { readers: READERS, large: LARGE, turns: TURNS * pairs, kinds };
}
