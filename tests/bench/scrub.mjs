// scrub.mjs: how long it takes until what was deleted is erased from the files of a long log, and what others notice
// meanwhile: in a rest, and beside sends at fixed times, whether or not the last one was answered.
//
// Environment: ROWS (600,000) of the log; RATE (200) of sends a second
import { until } from '../e2e/harness.mjs';
import { median, round } from './figures.mjs';
import { generator } from './generator.mjs';
import { grownFolder } from './growth.mjs';
import { longline } from './servers.mjs';

const ROWS = Number(process.env.ROWS || 600_000), RATE = Number(process.env.RATE || 200);
const TURN_MS = 2000, TURNS = 10, DELETED = 100;

const { dataDir, growth } = await grownFolder(ROWS);
const server = await longline({ name: 'scrub', dataDir, flags: '--scrub-after 0' });
server.load = await generator('poll', server.port, server.groups, server);
const pending = () => server.metric(/erased_pending/);
const pace = async () => {
	const { send } = await server.load.ask(`pace ${RATE} ${TURN_MS} 1 unheard`);
	return { p50: send.p50 / 1e3, p99: send.p99 / 1e3, max: send.last / 1e3 };
};
const figures = (turns) => ({ turns: turns.length, p50_ms: round(median(turns.map(({ p50 }) => p50))), p99_ms: round(median(turns.map(({ p99 }) => p99))), max_ms: round(Math.max(...turns.map(({ max }) => max))) });

/** Deletes some messages; then `meanwhile` again and again until they are erased. What the daemon says of it. */
async function erase(from, meanwhile) {
	const before = server.log().split('\n').length;
	await server.sql(`DELETE FROM messages WHERE id % ${Math.floor(ROWS / DELETED)} = ${from}`);
	await until(async () => await pending() > 0, { what: 'the deletions to be known' });
	do
		await meanwhile();
	while (await pending() > 0);
	const line = server.log().split('\n').slice(before - 1).findLast((one) => / erased deletions=/.test(one));
	return Number(/seconds=([\d.]+)/.exec(line)[1]);
}

await server.load.ask(`pace ${RATE} 300 1 unheard`);
const rest = await erase(1, () => until(async () => await pending() === 0, { timeout: 600_000, every: 100, what: 'a scrub to end' }));
const without = [], beside = [];
for (let i = 0; i < TURNS; i++)
	without.push(await pace());
const busy = await erase(2, async () => beside.push(await pace()));
console.log(JSON.stringify({
	rows: ROWS, bytes: growth.bytes, 'erased in a rest, seconds': rest, 'erased beside sends, seconds': busy, 'sends a second': RATE,
	without: figures(without), beside: figures(beside),
}, null, 1));
await server.load.close();
await server.stop();
