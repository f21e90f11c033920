// sends.mjs: durable sends, one after the other on some connections, and how many of them share a commit.
//
// Beside them: the same requests to a server in memory, requests that the daemon refuses before it stores anything, nginx
// alone, and SQLite alone with a commit for each row.
import path from 'node:path';
import { root, until } from '../e2e/harness.mjs';
import { generator, talker } from './generator.mjs';
import { medians, round } from './figures.mjs';
import { empty } from './growth.mjs';
import { alone, floor, longline } from './servers.mjs';

const sum = (cpu) => Object.values(cpu).reduce((a, b) => a + b, 0);

/** What a closed loop told, per request. */
export const perRequest = (told) => ({
	rate: told.rate, p50_ms: told.took.p50 / 1e3, p99_ms: told.took.p99 / 1e3, max_ms: told.took.last / 1e3,
	cpu_us: sum(told.cpu_us) / told.answers,
});

async function sqlite(n) {
	const { db } = await empty();
	const program = await talker(path.join(root, 'build/bench/insert'), [db], { cpu: '0' });
	await program.ask(`rows 0 0 ${n / 10} 0 0`);
	const { each_us: us } = await program.ask(`rows 0 0 ${n} 0 0`);
	await program.close();
	return { rate: round(1e6 / us), each_ms: round(us / 1e3) };
}

export async function sends({ pairs, seconds }) {
	const servers = [await longline(), await floor(), await alone('{"id":1,"room":"main","at":"2026-01-01T12:00:00.000Z"}')];
	for (const server of servers)
		server.load = await generator('poll', server.port, server.groups, server);
	const [one, least, web] = servers, ms = seconds * 1000;
	const counts = async () => [await one.metric(/sends_total/), await one.metric(/commits_total/)];
	const by = {}, alike = [];
	for (const conns of [1, 16, 64]) {
		const told = { longline: [], floor: [], refused: [], 'nginx alone': [] };
		for (let i = 0; i < pairs; i++) {
			const before = await counts();
			told.longline.push(perRequest(await one.load.ask(`send ${conns} ${ms}`)));
			const after = await counts();
			told.longline.at(-1).sends_per_commit = (after[0] - before[0]) / (after[1] - before[1]);
			// What is indexed when a moment has passed without a send belongs to nobody's turn.
			await until(async () => await one.metric(/longline_indexed/) >= await one.metric(/longline_head/), { timeout: 120_000, what: 'the index' });
			told.floor.push(perRequest(await least.load.ask(`send ${conns} ${ms}`)));
			told.refused.push(perRequest(await one.load.ask(`post ${conns} ${ms} 100 /send?nothing=1`)));
			told['nginx alone'].push(perRequest(await web.load.ask(`send ${conns} ${ms}`)));
			if (conns === 1)
				alike.push(await sqlite(500));
		}
		by[conns] = Object.fromEntries(Object.entries(told).map(([name, list]) => [name, medians(list)]));
	}
	for (const server of servers) {
		await server.load.close();
		await server.stop();
	}
	return { conns: by, 'SQLite alone': medians(alike) };
}
