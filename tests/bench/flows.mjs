// flows.mjs: answers that go on, WebSockets and streams: when each of N readers had a message and what it cost, and as many
// messages as will go. Beside them: floors, held polls, and what others have of the same kind.
//
// The servers take turns, message by message and second by second, as in fanout.mjs. Time to the last is also taken beyond a
// commit, which the floors do not make: beyond what a send that nobody hears takes longer than theirs, at the same pace.
import { until } from '../e2e/harness.mjs';
import { median, medians, ratio, round } from './figures.mjs';
import { generator } from './generator.mjs';
import { floor, longline, nchan, reference } from './servers.mjs';

const SMALL = 50, PACE_MS = 30, ROUNDS = 3, WINDOWS = [1, 8];
const RARE = '--ping-interval 60000'; // heartbeats of a crowd come all at once

/** What is measured; those whose names another's `beside` has are there first. */
const KINDS = [
	{ name: 'longline WebSocket', dialect: 'websocket', make: (name) => longline({ name, flags: RARE }), stores: true },
	{ name: 'floor WebSocket', dialect: 'websocket', make: (name) => floor({ name }) },
	{ name: 'longline /poll', dialect: 'poll', make: (name) => longline({ name }), stores: true },
	{ name: 'reference WebSocket', dialect: 'websocket', make: (name) => reference({ name, transport: 'websocket' }) },
	{ name: 'nchan WebSocket', dialect: 'nchan-websocket', make: (name) => nchan({ name }) },
	{ name: 'longline /stream', dialect: 'stream', make: (name) => longline({ name }), stores: true },
	{ name: 'floor stream', dialect: 'stream', make: (name) => floor({ name }) },
	{ name: 'nchan EventSource', dialect: 'nchan-events', make: (name) => nchan({ name }) },
];

const PAIRS = [
	['longline WebSocket', 'floor WebSocket'], ['longline WebSocket', 'longline /poll'], ['longline WebSocket', 'reference WebSocket'],
	['longline WebSocket', 'nchan WebSocket'], ['longline /stream', 'floor stream'], ['longline /stream', 'nchan EventSource'],
	['floor WebSocket', 'longline /poll'], ['floor WebSocket', 'reference WebSocket'], ['floor WebSocket', 'nchan WebSocket'], ['floor stream', 'nchan EventSource'],
];

const sum = (cpu) => Object.values(cpu).reduce((a, b) => a + b, 0);

async function begin() {
	const made = [];
	for (const { name, dialect, make, stores } of KINDS) {
		const server = await make(name);
		if (server)
			made.push({ name, server, stores, load: await generator(dialect, server.port, server.groups, server), alone: [], sizes: {} });
	}
	return made;
}

/** How long a send takes that nobody hears, in ms. */
async function alone(made, pairs) {
	for (let i = 0; i < pairs; i++) {
		for (const one of made)
			one.alone.push((await one.load.ask(`pulse ${PACE_MS} 600 send`)).send.p50 / 1e3);
	}
}

/** A crowd of n for each. Memory is what a reader adds, after a smaller crowd came and went. */
async function open(made, n) {
	for (const { name, server, load, sizes } of made) {
		await load.ask(`open ${Math.min(SMALL, n)}`);
		await load.ask('fanout');
		await load.ask('close');
		const before = server.memory();
		const { holding } = await load.ask(`open ${n}`);
		if (holding !== n)
			throw new Error(`${name}: only ${holding} of ${n} are held\n${server.errors()}`);
		await load.ask('fanout');
		const after = server.memory();
		sizes[n] = { bytes: Object.fromEntries(Object.keys(after).map((key) => [key, Math.round((after[key] - before[key]) / n)])), told: [], windows: {} };
	}
}

async function settled({ server, stores }) {
	if (stores)
		await until(async () => await server.metric(/longline_indexed/) >= await server.metric(/longline_head/), { timeout: 120_000, what: 'the index' });
}

async function measure(made, n, { pairs, seconds }) {
	for (let i = 0; i < pairs * ROUNDS; i++) {
		for (const { load, sizes } of made)
			sizes[n].told.push(await load.ask('fanout'));
	}
	for (const window of WINDOWS) {
		for (let i = 0; i < pairs; i++) {
			for (const one of made) {
				(one.sizes[n].windows[window] ??= []).push(await one.load.ask(`saturate ${window} ${seconds * 1000}`));
				await settled(one);
			}
		}
	}
}

const figures = ({ sizes }, n) => {
	const { told, bytes, windows } = sizes[n];
	return {
		ms: medians(told.map(({ took }) => Object.fromEntries(['first', 'p50', 'p99', 'last'].map((key) => [key, took[key] / 1e3])))),
		cpu_us: medians(told.map(({ cpu_us: cpu }) => ({ ...Object.fromEntries(Object.entries(cpu).map(([key, us]) => [key, us / n])), all: sum(cpu) / n }))),
		wire: round(median(told.map((one) => one.bytes / n))), bytes,
		windows: Object.fromEntries(WINDOWS.map((window) => [window, medians(windows[window].map((one) => ({ deliveries_s: one.deliveries / one.seconds, cpu_us: sum(one.cpu_us) / one.deliveries })))])),
	};
};

/** Of a, beside b: the medians of the ratios. */
const compare = (a, b, n) => {
	const [x, y] = [a, b].map(({ sizes }) => sizes[n]), commit = a.stores && !b.stores ? median(a.alone) - median(b.alone) : 0;
	const lasts = ({ told }) => told.map(({ took }) => took.last / 1e3);
	return {
		last: ratio(lasts(x), lasts(y)), last_beyond_commit: ratio(lasts(x).map((ms) => ms - commit), lasts(y)), commit_ms: round(commit),
		cpu: ratio(...[x, y].map(({ told }) => told.map((one) => sum(one.cpu_us)))),
		windows: Object.fromEntries(WINDOWS.map((window) => [window, {
			cpu: ratio(...[x, y].map(({ windows }) => windows[window].map((one) => sum(one.cpu_us) / one.deliveries))),
			rate: ratio(...[x, y].map(({ windows }) => windows[window].map((one) => one.deliveries / one.seconds))),
		}])),
	};
};

export async function flows(options) {
	const { n, pairs } = options, sizes = [...new Set([Math.round(n / 5), n])], made = await begin(), by = Object.fromEntries(made.map((one) => [one.name, one]));
	await alone(made, pairs);
	for (const size of sizes) {
		await open(made, size);
		await measure(made, size, options);
		for (const { load } of made)
			await load.ask('close');
	}
	const result = Object.fromEntries(sizes.map((size) => [size, {
		servers: Object.fromEntries(made.map((one) => [one.name, figures(one, size)])),
		pairs: PAIRS.filter(([a, b]) => by[a] && by[b]).map(([a, b]) => ({ a, b, ...compare(by[a], by[b], size) })),
	}]));
	for (const { load, server } of made) {
		await load.close();
		await server.stop();
	}
	return { n, rounds: pairs * ROUNDS, sizes: result };
}
