// pairs.mjs: two servers that take turns, so that whatever else the machine does falls on both alike; what is told of both
// are medians, and the median of the ratios of pairs, the first to the second.
import { sleep, until } from '../e2e/harness.mjs';
import { median, ratio, round } from './figures.mjs';

const sum = (cpu) => Object.values(cpu).reduce((a, b) => a + b, 0);

/** fn of both, so often; who begins changes each time. */
export async function inTurns(servers, times, fn) {
	const names = Object.keys(servers), told = Object.fromEntries(names.map((name) => [name, []]));
	for (let i = 0; i < times; i++) {
		for (const name of i % 2 ? [...names].reverse() : names)
			told[name].push(await fn(servers[name], name));
	}
	return told;
}

/** Of each figure both medians, and the median of the ratios. */
export function compared(told) {
	const [first, second] = Object.keys(told);
	return Object.fromEntries(Object.keys(told[first][0]).map((key) => {
		const [a, b] = [told[first], told[second]].map((list) => list.map((one) => one[key]));
		return [key, { [first]: round(median(a)), [second]: round(median(b)), ratio: ratio(a, b) }];
	}));
}

/** A message to a crowd of held polls that `hear`, so many `rounds`. */
export async function fanout(servers, hear, held, rounds) {
	for (const server of Object.values(servers)) {
		await server.load.ask(`hear ${hear}`);
		const { holding } = await server.load.ask(`open ${held}`);
		if (holding !== held)
			throw new Error(`${server.name}: only ${holding} of ${held} are held`);
		await server.load.ask('fanout');
	}
	const told = await inTurns(servers, rounds, async ({ load }) => {
		const { took, cpu_us: cpu } = await load.ask('fanout');
		return { 'half have it, ms': took.p50 / 1e3, 'the last has it, ms': took.last / 1e3, 'CPU, us': sum(cpu) / held, 'CPU of the daemon, us': cpu.daemon / held };
	});
	for (const { load } of Object.values(servers))
		await load.ask('close');
	return compared(told);
}

/** What 16 connections can send one after the other, for `ms`; `meanwhile(name)` may give what ends with the turn. */
export async function sends(servers, rounds, ms, meanwhile = () => () => {}) {
	return compared(await inTurns(servers, rounds, async (server, name) => {
		const end = meanwhile(name);
		const { rate, took, cpu_us: cpu, answers, refused } = await server.load.ask(`send 16 ${ms}`);
		await end();
		if (refused)
			throw new Error(`${server.name}: ${refused} refused`);
		await until(async () => await server.metric(/longline_indexed/) >= await server.metric(/longline_head/), { timeout: 120_000, what: 'the index' });
		return { 'a second': rate, 'p50, ms': took.p50 / 1e3, 'p99, ms': took.p99 / 1e3, 'CPU, us': sum(cpu) / answers, 'CPU of the daemon, us': cpu.daemon / answers };
	}));
}

/** What each of so many held polls adds, after a smaller crowd came and went. */
export async function held(server, hear, parked) {
	const { load } = server;
	await load.ask(`hear ${hear}`);
	await load.ask('open 50');
	await load.ask('fanout');
	await load.ask('close');
	await sleep(200);
	const before = server.memory();
	await load.ask(`open ${parked}`);
	await load.ask('fanout');
	const after = server.memory();
	await load.ask('close');
	return Object.fromEntries(Object.keys(after).map((name) => [`${name}, bytes`, (after[name] - before[name]) / parked]));
}

export const stop = async (servers) => {
	for (const server of Object.values(servers)) {
		await server.load.close();
		await server.stop();
	}
};
