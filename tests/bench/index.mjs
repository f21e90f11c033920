// index.mjs: the search index of a long log: how large it is beside one of FTS5's own words, how long it takes to make it
// anew, what others notice meanwhile, and what searches take.
//
// Environment: ROWS (1,000,000) of the log; RATE (200) of sends a second
import path from 'node:path';
import { sql, tempDir, until } from '../e2e/harness.mjs';
import { median, round } from './figures.mjs';
import { generator } from './generator.mjs';
import { ALWAYS, RARE, grownFolder } from './growth.mjs';
import { longline } from './servers.mjs';

const ROWS = Number(process.env.ROWS || 1_000_000), RATE = Number(process.env.RATE || 200);
const TURN_MS = 2000, TURNS = 10, PATIENCE = { timeout: 3_600_000, every: 100 };

const SEARCHES = {
	'a rare word': ['room=*&q=rare{1-%}', 20], 'the commonest word': [`room=*&q=${ALWAYS}`, 100],
	'the commonest word, counted': [`room=*&q=${ALWAYS}&count=1000`, 300], 'a rare word, counted': ['room=*&q=rare{1-%}&count=1000', 300],
	'either of two words': [`q=w17%20OR%20w18`, 100], 'forward from the first': [`room=*&q=${ALWAYS}&after=0`, 100],
};

const { dataDir, growth } = await grownFolder(ROWS);
const db = path.join(dataDir, 'longline.db');
const bytes = async (file, glob) => Number(await sql(file, `SELECT sum(pgsize) FROM dbstat WHERE name GLOB '${glob}'`, { timeout: 600_000 }));

/** The same messages in an index of unicode61's words, in one piece as ours is then. */
async function beside() {
	const other = path.join(tempDir('longline-bench-'), 'other.db');
	await sql(other, `ATTACH '${db}' AS log; CREATE VIRTUAL TABLE search USING fts5 (room, sender, body, content = '', tokenize = 'unicode61 remove_diacritics 2');
		BEGIN; INSERT INTO search(rowid, room, sender, body) SELECT id, room, sender, body FROM log.search_rows; INSERT INTO search(search) VALUES ('optimize'); COMMIT;`, { timeout: 600_000 });
	return bytes(other, 'search*');
}

const server = await longline({ name: 'index', dataDir });
server.load = await generator('poll', server.port, server.groups, server);
const pace = async () => {
	const { send } = await server.load.ask(`pace ${RATE} ${TURN_MS} 1 unheard`);
	return { p50: send.p50 / 1e3, p99: send.p99 / 1e3, max: send.last / 1e3 };
};
const figures = (turns) => ({ turns: turns.length, p50_ms: round(median(turns.map(({ p50 }) => p50))), p99_ms: round(median(turns.map(({ p99 }) => p99))), max_ms: round(Math.max(...turns.map(({ max }) => max))) });

async function searches() {
	const told = {};
	for (const [name, [target, bar]] of Object.entries(SEARCHES)) {
		const { took } = await server.load.ask(`get 1 1000 /history?${target.replace('%}', `${Math.max(1, Math.floor(ROWS / RARE))}}`)}`);
		told[name] = { p50_ms: round(took.p50 / 1e3), p99_ms: round(took.p99 / 1e3), bar_ms: bar };
	}
	return told;
}

/** Has the index made anew as if another version had made it; `meanwhile` again and again until it is. */
async function anew(meanwhile, turns = Infinity) {
	await server.stop({ keep: true });
	await sql(db, "UPDATE meta SET value = 'another' WHERE name = 'search_words'");
	const began = performance.now();
	Object.assign(server, await longline({ name: 'index', dataDir }));
	server.load = await generator('poll', server.port, server.groups, server);
	await until(async () => await server.metric(/reindexing/) === 1 || await server.metric(/reindex_left/) > 0, PATIENCE);
	for (let turn = 0; turn < turns && await server.metric(/reindexing/) > 0; turn++)
		await meanwhile();
	const left = await server.metric(/reindex_left/), seconds = (performance.now() - began) / 1000;
	await until(async () => await server.metric(/reindexing/) === 0, PATIENCE);
	return { seconds: round(seconds), rows_s: round((ROWS - left) / seconds), in_all_seconds: round((performance.now() - began) / 1000) };
}

const before = await searches(), without = [], busy = [], among = [];
for (let i = 0; i < TURNS; i++)
	without.push(await pace());
await server.load.close();
const rest = await anew(async () => undefined, 0);
await server.load.close();
await anew(async () => among.push(await searches()), 1);
await server.load.close();
const loaded = await anew(async () => busy.push(await pace()), TURNS);
// In one piece, as after any deletion.
await server.sql("DELETE FROM messages WHERE id = 1; INSERT INTO meta VALUES ('erase_asked', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1");
await until(async () => await server.sql("SELECT value FROM meta WHERE name = 'erased'") === '1', PATIENCE);
const table = await server.sql("SELECT value FROM meta WHERE name = 'search_table'");
const ours = await bytes(db, `search_${table}*`);
console.log(JSON.stringify({
	rows: ROWS, 'filled, rows a second': growth.index_rows_s, 'bytes of the log': growth.bytes, 'bytes of the index': ours, 'bytes of unicode61, in one piece': await beside(),
	searches: before, 'searches while it is made anew': among[0], 'made anew in a rest': rest, [`made anew beside ${RATE} sends a second`]: loaded,
	'sends without': figures(without), 'sends meanwhile': figures(busy),
}, null, 1));
await server.load.close();
await server.stop();
