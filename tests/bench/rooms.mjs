// rooms.mjs: what it costs that there are many rooms: CPU for each delivery, memory for each room.
//
// CPU: so many messages a second, each to one waiter who asks again, over all rooms with one waiter in each; beside it as
// many messages to the one waiter of one room. Messages, deliveries and polls are as many in both, so what is left is
// the rooms. Since most of that is the sends, both are also measured with the same sends into rooms where nobody waits.
//
// Memory, as bytes that malloc gave out: of as many held polls in one room and in a room each, with as many messages. A
// room lives as long as somebody waits in it or memory holds a message of it, so afterwards other messages push these
// out. Nothing but messages does that: where nothing is said, nothing is taken from memory.
import { sleep } from '../e2e/harness.mjs';
import { median, medians, ratio, round } from './figures.mjs';
import { generator } from './generator.mjs';
import { heaped, longline } from './servers.mjs';

const A_SECOND = 1_000, BYTES = 1_000; // of the ring, for each room: more than a message of it takes
const WORKERS = 2; // a descriptor on each side of nginx for each poll: more than one worker may have

const sum = (cpu) => Object.values(cpu).reduce((a, b) => a + b, 0);

async function crowd(n) {
	const server = await longline({ name: `${n} rooms`, workers: WORKERS }), load = await generator('poll', server.port, server.groups);
	const { holding } = await load.ask(`open ${n} ${n}`);
	if (holding !== n)
		throw new Error(`only ${holding} of ${n} are held`);
	const told = { heard: [], unheard: [] };
	return { n, server, load, told, async turn(ms) {
		told.heard.push(await load.ask(`pace ${A_SECOND} ${ms} ${n}`));
		told.unheard.push(await load.ask(`pace ${A_SECOND} ${ms} ${n} unheard`));
	} };
}

/** One message to all: what a delivery costs where the send is shared by all, and so is the answer. */
async function shared(n, rounds) {
	const server = await longline({ workers: WORKERS }), load = await generator('poll', server.port, server.groups), told = [];
	await load.ask(`open ${n}`);
	for (let i = 0; i < rounds; i++)
		told.push(await load.ask('fanout'));
	await load.close();
	await server.stop();
	return medians(told.map(({ cpu_us: cpu }) => ({ nginx: cpu.nginx / n, daemon: cpu.daemon / n, all: sum(cpu) / n })));
}

async function cpu({ rooms: n, pairs, seconds }) {
	const crowds = [await crowd(n), await crowd(1)], ms = Math.max(2, seconds) * 1000;
	for (let i = 0; i < pairs; i++) {
		for (const one of crowds)
			await one.turn(ms);
	}
	const [many, one] = crowds.map(({ told }) => ({
		heard: told.heard.map(({ cpu_us: us, messages }) => sum(us) / messages),
		delivery: told.heard.map(({ cpu_us: us, messages }, i) => sum(us) / messages - sum(told.unheard[i].cpu_us) / told.unheard[i].messages),
	}));
	const figures = crowds.map(({ told }) => Object.fromEntries(Object.entries(told).map(([name, list]) => [name, medians(list.map((t) => ({
		nginx: t.cpu_us.nginx / t.messages, daemon: t.cpu_us.daemon / t.messages, all: sum(t.cpu_us) / t.messages, answers: t.answers / t.messages,
		send: { p50: t.send.p50 / 1e3, p99: t.send.p99 / 1e3 }, delivery: name === 'heard' ? { p50: t.delivery.p50 / 1e3, p99: t.delivery.p99 / 1e3 } : {},
	})))])));
	for (const { load, server } of crowds) {
		await load.close();
		await server.stop();
	}
	return {
		rooms: figures[0], one: figures[1], shared: await shared(n, pairs),
		to_one: ratio(many.heard, one.heard),
		delivery_us: { rooms: round(median(many.delivery)), one: round(median(one.delivery)) },
	};
}

async function memory({ rooms: n }) {
	const server = await heaped({ flags: `--ring-bytes ${n * BYTES}`, workers: WORKERS });
	const load = await generator('poll', server.port), other = await generator('poll', server.port);
	const now = async () => {
		await sleep(100);
		return {
			heap: server.heap(), rooms: await server.metric(/longline_rooms$/),
			message: await server.metric(/ring_bytes/) / await server.metric(/ring_messages/),
		};
	};
	/** Other messages, until memory holds nothing else; and what the daemon does when it rests is done. */
	const push = async () => {
		const enough = await server.head() + 2 * n * BYTES / 500;
		while (await server.head() < enough)
			await other.ask('send 16 500');
		await sleep(3000);
		return now();
	};
	const hold = async (rooms) => {
		await load.ask(`open ${n} ${rooms}`);
		// In the one room that would be n times n deliveries.
		await load.ask(`pace ${A_SECOND} ${n / A_SECOND * 1000} ${rooms}${rooms === 1 ? ' unheard' : ''}`);
		await server.parked(n);
		await sleep(3000);
		const told = await now();
		if (await server.metric(/ring_messages/) < n)
			throw new Error('the messages are not all in memory');
		await load.ask('close');
		await server.parked(0);
		return told;
	};
	await push();
	const one = await hold(1), before = await push(), turns = [];
	for (let i = 0; i < 2; i++)
		turns.push({ used: await hold(n), after: await push() });
	await load.close();
	await other.close();
	await server.stop();
	return { ring_bytes: n * BYTES, one, before, turns };
}

export async function rooms(options) {
	return { n: options.rooms, a_second: A_SECOND, cpu: await cpu(options), memory: await memory(options) };
}
