// retention.mjs: what others notice while half of a log goes: sends beside the same sends to the same log that nothing goes
// from. The two take turns, and whoever does not have it stands still (SIGSTOP), so that the one that deletes never does it
// in the other's time, nor alone.
//
// Environment: ROWS (2,000,000) of the log, half of which go; SECONDS (2) of a turn; RATE (200) of sends a second, which come
// at fixed times, whether or not the last one was answered; TURNS at most (as many as it takes)
import fs from 'node:fs';
import { grownFolder } from './growth.mjs';
import { sleep } from '../e2e/harness.mjs';
import { median, round } from './figures.mjs';
import { generator } from './generator.mjs';
import { longline } from './servers.mjs';

const ROWS = Number(process.env.ROWS || 2_000_000), SECONDS = Number(process.env.SECONDS || 2), RATE = Number(process.env.RATE || 200),
	TURNS = Number(process.env.TURNS || Infinity);

const one = async (name, flags) => {
	const { dataDir } = await grownFolder(ROWS);
	const server = await longline({ name, dataDir, flags });
	server.load = await generator('poll', server.port, server.groups, server);
	await server.load.ask(`pace ${RATE} 300 1 unheard`);
	return server;
};

// Rows are a second apart (growth.mjs), so half of them are older than this. Nothing goes before the turns begin.
const off = await one('nothing goes', '');
const GRACE_S = 20, keeps = `--keep-grace ${GRACE_S} --keep-every 1 --keep-days ${ROWS / 2}s`;
off.kill('SIGSTOP');
const on = await one('half goes', keeps);
on.kill('SIGSTOP');
await sleep(GRACE_S * 1000);
const size = () => fs.statSync(on.db).size;
const left = async () => Number(await on.sql(`SELECT count(*) FROM messages WHERE id <= ${ROWS}`)) - ROWS / 2;
const told = { on: [], off: [] };
const before = size(), first = await left();
let last;
do {
	for (const server of told.on.length % 2 ? [off, on] : [on, off]) {
		server.kill('SIGCONT');
		const { send } = await server.load.ask(`pace ${RATE} ${SECONDS * 1000} 1 unheard`);
		told[server === on ? 'on' : 'off'].push({ p50_ms: send.p50 / 1e3, p99_ms: send.p99 / 1e3, max_ms: send.last / 1e3 });
		server.kill('SIGSTOP');
	}
	last = await left();
	process.stderr.write(`\r${last} are to go `);
} while (last > 0 && told.on.length < TURNS);

const figure = (key) => Object.fromEntries(Object.entries(told).map(([name, list]) => [name, round(median(list.map((turn) => turn[key])))]));
const more = told.on.map((turn, i) => turn.p99_ms - told.off[i].p99_ms);
console.log(JSON.stringify({
	rows: ROWS, 'went in these turns': first - last, turns: told.on.length, seconds: told.on.length * SECONDS, 'sends a second': RATE,
	'p50, ms': figure('p50_ms'), 'p99, ms': figure('p99_ms'), 'longest, ms': figure('max_ms'),
	'p99 with it - without, ms': { median: round(median(more)), most: round(Math.max(...more)) },
	'file, bytes': { before, after: size() },
}, null, 1));
for (const server of [on, off]) {
	server.kill('SIGCONT');
	await server.load.close();
	await server.stop();
}
