// growth.mjs: a log of many messages, made by SQL before any daemon runs, and then filled into the index by the daemon.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { root, run, sql, tempDir, until } from '../e2e/harness.mjs';
import { longline } from './servers.mjs';

const CHUNK = 200_000; // rows of one transaction
export const WORDS = 5_000; // w0 to w4999, twelve in each text; each is in about one text of 400
export const RARE = 10_000; // one text of so many has `rare` and its number
export const ALWAYS = 'always'; // every text has it

/** A new log without a daemon. */
export async function empty(dataDir = tempDir('longline-bench-')) {
	const db = path.join(dataDir, 'longline.db');
	const files = fs.readdirSync(path.join(root, 'sql')).filter((name) => name.endsWith('.sql')).sort();
	const schema = files.map((name) => `BEGIN; ${fs.readFileSync(path.join(root, 'sql', name), 'utf8')} PRAGMA user_version = ${files.indexOf(name) + 1}; COMMIT;`);
	await sql(db, `PRAGMA journal_mode = WAL;\n${schema.join('\n')}`);
	return { dataDir, db };
}

/** Nine of ten messages in room main, the others in a hundred rooms; one a second, until now. */
const rows = (from, n, of) => `
	PRAGMA synchronous = OFF;
	PRAGMA cache_size = -200000;
	BEGIN;
	WITH RECURSIVE c(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM c LIMIT ${n})
	INSERT INTO messages(room, sender, text, at)
	SELECT CASE WHEN i % 10 THEN 'main' ELSE 'r' || (i / 10 % 100) END, 's' || (i % 50),
		${Array.from({ length: 12 }, () => `'w' || abs(random() % ${WORDS})`).join(" || ' ' || ")}
			|| ' ${ALWAYS}' || CASE WHEN i % ${RARE} = 0 THEN ' rare' || (i / ${RARE}) ELSE '' END,
		${Date.now()} - (${of} - i) * 1000
	FROM c;
	COMMIT;
	PRAGMA wal_checkpoint(TRUNCATE);`;

/**
 * A log of n messages, all of them in the index, made once and kept below build/; and how fast that went. It is made anew
 * when the schema or what is put into it has changed.
 */
async function kept(n) {
	const { dataDir, db } = await empty();
	const version = crypto.createHash('sha256').update(await sql(db, 'SELECT sql FROM sqlite_schema'))
		.update([rows, WORDS, RARE, ALWAYS].join()).digest('hex').slice(0, 12);
	const folder = path.join(root, 'build/bench/logs', `${n}-${version}`), figures = path.join(folder, 'growth.json');
	if (fs.existsSync(figures))
		return folder;
	const began = performance.now();
	for (let at = 1; at <= n; at += CHUNK) {
		const { code, stderr } = await run('sqlite3', ['-bail', db], { input: rows(at, Math.min(CHUNK, n - at + 1), n), timeout: 600_000 });
		if (code !== 0)
			throw new Error(`sqlite3: ${stderr}`);
	}
	const inserted = performance.now();
	const server = await longline({ dataDir });
	const indexing = performance.now();
	await until(async () => await server.metric(/indexed/) === n, { timeout: 3_600_000, every: 50, what: 'the index to be filled' });
	const indexed = performance.now();
	await server.stop();
	fs.mkdirSync(folder, { recursive: true });
	fs.copyFileSync(db, path.join(folder, 'longline.db'));
	fs.rmSync(dataDir, { recursive: true });
	fs.writeFileSync(figures, JSON.stringify({
		insert_rows_s: Math.round(n / (inserted - began) * 1000), index_rows_s: Math.round(n / (indexed - indexing) * 1000),
		bytes: fs.statSync(path.join(folder, 'longline.db')).size,
	}));
	return folder;
}

/** A folder with a log of n messages, in which no daemon runs yet. */
export async function grownFolder(n) {
	const folder = await kept(n), dataDir = tempDir('longline-bench-'), db = path.join(dataDir, 'longline.db');
	fs.copyFileSync(path.join(folder, 'longline.db'), db, fs.constants.COPYFILE_FICLONE);
	// What the system had yet to write would hold up the first commits.
	const file = fs.openSync(db);
	fs.fsyncSync(file);
	fs.closeSync(file);
	return { dataDir, growth: JSON.parse(fs.readFileSync(path.join(folder, 'growth.json'))) };
}

/** Longline with a log of n messages. */
export async function grown(n) {
	const { dataDir, growth } = await grownFolder(n);
	return Object.assign(await longline({ name: `longline, ${n} messages`, dataDir }), { growth });
}
