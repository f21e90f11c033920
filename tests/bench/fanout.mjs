// fanout.mjs: one message to N held requests: when each had it, and what it cost; then as many messages as will go.
//
// The servers take turns, message by message, so that whatever else the machine does falls on all of them alike.
import { generator } from './generator.mjs';
import { median, medians, ratio, round } from './figures.mjs';
import { floor, longline, nchan, reference } from './servers.mjs';

const TIMES = ['first', 'p50', 'p99', 'last'];

/** One server with its crowd. Memory is what a held request adds, after a smaller crowd came and went. */
async function crowd(server, dialect, n) {
	const load = await generator(dialect, server.port, server.groups, server);
	await load.ask(`open ${Math.min(50, n)}`);
	await load.ask('fanout');
	await load.ask('close');
	const before = server.memory();
	const { holding } = await load.ask(`open ${n}`);
	if (holding !== n)
		throw new Error(`${server.name}: only ${holding} of ${n} are held\n${server.errors()}`);
	await load.ask('fanout');
	const after = server.memory();
	const bytes = Object.fromEntries(Object.keys(after).map((name) => [name, Math.round((after[name] - before[name]) / n)]));
	return { name: server.name, server, load, bytes, told: [] };
}

/** The crowds that there are: what is not installed is left out. Heartbeats come rarely, as all of a crowd come at once. */
async function crowds(n) {
	const all = [
		['poll', await longline({ name: 'longline /poll' })],
		['poll', await floor()],
		['nchan', await nchan()],
		['socketio', await longline({ name: 'longline Socket.IO', flags: '--ping-interval 60000' })],
		['socketio', await reference()],
	].filter(([, server]) => server);
	const made = [];
	for (const [dialect, server] of all)
		made.push(await crowd(server, dialect, n));
	return made;
}

const close = async (made) => {
	for (const { load, server } of made) {
		await load.close();
		await server.stop();
	}
};

const sum = (cpu) => Object.values(cpu).reduce((a, b) => a + b, 0);

export async function fanout({ n, pairs }) {
	const made = await crowds(n);
	const rounds = pairs * 3;
	for (let i = 0; i < rounds; i++) {
		for (const one of made)
			one.told.push(await one.load.ask('fanout'));
	}
	const servers = {}, base = made[0];
	for (const { name, told, bytes } of made) {
		const cpu = told.map((one) => sum(one.cpu_us) / n);
		servers[name] = {
			ms: medians(told.map(({ took }) => Object.fromEntries(TIMES.map((key) => [key, took[key] / 1e3])))),
			cpu_us: { ...medians(told.map(({ cpu_us }) => Object.fromEntries(Object.entries(cpu_us).map(([key, us]) => [key, us / n])))), all: round(median(cpu)) },
			bytes,
			to_first: {
				last: ratio(told.map(({ took }) => took.last), base.told.map(({ took }) => took.last)),
				cpu: ratio(cpu, base.told.map((one) => sum(one.cpu_us) / n)),
			},
		};
	}
	await close(made);
	return { n, rounds, servers };
}

export async function saturation({ n, pairs, seconds }) {
	const made = await crowds(n);
	const servers = {};
	for (const window of [1, 8]) {
		for (let i = 0; i < pairs; i++) {
			for (const one of made)
				one.told.push({ window, ...await one.load.ask(`saturate ${window} ${seconds * 1000}`) });
		}
	}
	for (const { name, told } of made) {
		servers[name] = Object.fromEntries([1, 8].map((window) => [window, medians(told.filter((one) => one.window === window).map((one) => ({
			deliveries_s: one.deliveries / one.seconds, messages_s: one.messages / one.seconds,
			cpu_us: sum(one.cpu_us) / one.deliveries,
		})))]));
	}
	await close(made);
	return { n, servers };
}
