// held.mjs: many polls held by one daemon: what each takes, and what happens when all do the same thing at once: come, are
// told of a message, time out, hang up. Nobody may see an error, and nothing may stand in nginx's log.
//
// The crowd is that of held.c, as in tests/e2e/held.test.mjs, where the same is only looked at and not timed.
import fs from 'node:fs';
import path from 'node:path';
import { sleep, until } from '../e2e/harness.mjs';
import { medians } from './figures.mjs';
import { generator } from './generator.mjs';
import { longline } from './servers.mjs';

const WAIT_S = 50, SHORT_S = 2, SMALL = 50;

/** What the program in C measures with, too. */
const clock = () => Number(process.hrtime.bigint() / 1000n);

const descriptors = (pids) => pids.map((pid) => fs.readdirSync(`/proc/${pid}/fd`).length);

async function crowd(server) {
	const { ask, close } = await generator('poll', server.port);
	const self = {
		close,
		ask: (line, timeout) => ask(`held ${line}`, { lax: true, timeout }),
		/** Waits for an answer to each of n; failed are those that did not get what they should. */
		async all(n, messages) {
			const { good, messages: got, ...told } = await self.ask('wait 60000', 70_000);
			return { ...told, failed: Math.max(n - good, Math.abs(messages - got)) };
		},
	};
	return self;
}

export async function held({ n, pairs, workers }) {
	const server = await longline({ workers });
	const { ask, all, close } = await crowd(server);
	const failed = { storm: 0, message: 0, timed_out: 0, hung_up: 0 };
	const parked = async (count, step) => {
		const held = () => server.metric(/polls_parked/);
		await until(async () => await held() === count, { timeout: 60_000, every: 5 }).catch(async () => {
			failed[step] += Math.abs(count - await held());
		});
		return clock();
	};
	let cursor = await server.sent('first', { room: 'held' });
	const poll = () => `/poll?room=held&since=${cursor}&wait=${WAIT_S}`;
	const again = `/poll?room=held&since=%d&wait=${WAIT_S}`;
	const open = async (count) => {
		const began = clock();
		await ask(`open ${count}`);
		await ask(`ask ${poll()}`);
		return { began, parked: await parked(count, 'storm') };
	};
	const hangUp = async () => {
		const began = clock();
		await ask('close');
		return { none_held_ms: (await parked(0, 'hung_up') - began) / 1e3 };
	};
	/** A message to all, who ask again at once. */
	const tell = async () => {
		await ask(`then ${again}`);
		const told = all(n, n), began = clock();
		cursor = await server.sent('news', { room: 'held' });
		const { first_us: first, last_us: last, failed: bad } = await told;
		failed.message += bad;
		return { first_ms: (first - began) / 1e3, last_ms: (last - began) / 1e3, held_again_ms: (await parked(n, 'message') - began) / 1e3 };
	};

	// A small crowd first, so that what is allocated once is not counted.
	await open(SMALL);
	cursor = await server.sent('warm', { room: 'held' });
	await all(SMALL, SMALL);
	await hangUp();
	const before = server.memory(), groups = server.groups;
	const figures = { n, workers, failed, storm: [], message: [], timed_out: [], hung_up: [] };

	for (let i = 0; i < pairs; i++) {
		const came = await open(n);
		figures.storm.push({ all_held_ms: (came.parked - came.began) / 1e3 });
		if (i === 0) {
			// Later crowds find what this one left.
			const after = server.memory();
			figures.bytes = Object.fromEntries(Object.keys(after).map((name) => [name, Math.round((after[name] - before[name]) / n)]));
			figures.descriptors = { daemon: descriptors(groups.daemon)[0], nginx: descriptors(groups.nginx) };
		}
		figures.message.push(await tell());
		cursor = await server.sent('and again', { room: 'held' });
		failed.message += (await all(n, n)).failed;
		// All at once again, for a time that is over for all at once.
		const began = clock();
		await ask(`ask /poll?room=held&since=%d&wait=${SHORT_S}`);
		const late = await all(n, 0);
		failed.timed_out += late.failed;
		figures.timed_out.push({ first_ms: (late.first_us - began) / 1e3 - SHORT_S * 1e3, last_ms: (late.last_us - began) / 1e3 - SHORT_S * 1e3 });
		await ask(`ask ${again}`);
		await parked(n, 'hung_up');
		figures.hung_up.push(await hangUp());
		await sleep(200);
	}
	figures.worst_hung_up_ms = Math.max(...figures.hung_up.map((one) => one.none_held_ms));
	figures.first_storm_ms = figures.storm[0].all_held_ms;
	for (const name of ['storm', 'message', 'timed_out', 'hung_up'])
		figures[name] = medians(figures[name]);
	figures.connections_after = await server.metric(/longline_connections/);
	figures.errors = fs.readFileSync(path.join(server.dataDir, 'log/error.log'), 'utf8').split('\n').filter((line) => /\[(error|crit|alert|emerg)\]/.test(line)).length;
	await close();
	await server.stop();
	return figures;
}
