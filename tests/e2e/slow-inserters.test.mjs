// slow-inserters.test.mjs: other programs that insert in transactions which stay open for long, beside senders at full load:
// their rows come in order with ours, none is missed and none is overtaken.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { it } from 'node:test';
import { session, sleep, slow, start } from './harness.mjs';
import { assertSaw, fewer, follow, now, pick, quantile, random, sender, spread, stored } from './load.mjs';

const inserters = 4;
const transactions = fewer(30, 8); // of each inserter

/** Milliseconds since 1970 as this program's SQLite sees them, read right behind the COMMIT. */
const CLOCK = "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER);";

it('slow-inserters: sqlite3 programs with long transactions beside 8 senders', async (t) => {
	const server = await start({ t, workers: 2 });
	const arrived = new Map(); // text to the time at which a held poll brought it
	const kinds = [['*'], ['main'], ['sql'], ['main', 'sql'], ['*'], ['sql', 'other', 'main']];
	const readers = await Promise.all(kinds.map((rooms, i) => follow(server, {
		rooms,
		limit: () => pick([undefined, 1000]),
		drop: i % 2 ? () => (Math.random() < 0.2 ? random(0, 100) : undefined) : undefined,
		onMessage: i ? undefined : ({ text }) => arrived.set(text, now()),
	}).start()));
	const senders = Array.from({ length: 8 }, (_, i) => sender(server, `s${i}`, { rooms: ['main', 'other'], size: 100 }));
	const committed = new Map();
	let busy = 0, inserted = 0;

	/** One program, open all the time, that holds its transactions open for 20 to 200 ms. */
	async function insert(name) {
		const program = session(server.db, { timeout: 200 });
		for (let n = 0; n < transactions; n++) {
			const texts = Array.from({ length: Math.ceil(random(0, 4)) }, (_, i) => `${name}.${n}.${i}`);
			for (;;) {
				try {
					// Both kinds: one takes the lock when it begins, the other at its first row.
					await program.run(n % 2 ? 'BEGIN IMMEDIATE;' : 'BEGIN;');
					for (const text of texts) {
						await program.run(`INSERT INTO messages(room, text) VALUES('${pick(['sql', 'main'])}', '${text}');`);
						await sleep(random(20, 200) / texts.length);
					}
					const at = Number(await program.run(`COMMIT; ${CLOCK}`));
					for (const text of texts)
						committed.set(text, at);
					inserted += texts.length;
					break;
				} catch (error) {
					if (!/locked|busy/i.test(error.message))
						throw error;
					busy++;
					await program.run('ROLLBACK;').catch(() => {}); // there may be none
					await sleep(random(1, 30));
				}
			}
			await sleep(random(0, 100));
		}
		await program.close();
	}

	/** A program for each row, as a cron job would. */
	async function cron(stopped) {
		for (let n = 0; !stopped(); n++) {
			const text = `cron.${n}`;
			const program = spawn('sqlite3', ['-cmd', '.timeout 30000', server.db, `INSERT INTO messages(room, text) VALUES('sql', '${text}'); ${CLOCK}`]);
			let out = '';
			program.stdout.on('data', (part) => {
				out += part;
			});
			const [code] = await once(program, 'close');
			assert.equal(code, 0);
			committed.set(text, Number(out));
			inserted++;
			await sleep(random(0, 150));
		}
	}

	let done = false;
	const began = performance.now();
	const single = cron(() => done);
	try {
		await Promise.all(Array.from({ length: inserters }, (_, i) => insert(`i${i}`)));
	} finally {
		done = true;
	}
	await single;
	await Promise.all(senders.map((one) => one.stop()));
	const log = await stored(server);
	await Promise.all(readers.map((one) => one.reach(log)));
	await Promise.all(readers.map((one) => one.stop()));

	assert.deepEqual(senders.flatMap((one) => one.failures), []);
	assert.equal(log.length, inserted + senders.reduce((sum, one) => sum + one.answered.size, 0));
	for (const reader of readers) {
		assert.deepEqual(reader.failures, []);
		assertSaw(reader, log);
	}
	const lag = [...committed].map(([text, at]) => arrived.get(text) - at);
	t.diagnostic(`${inserted} rows in ${((performance.now() - began) / 1000).toFixed(1)} s by ${inserters} programs with transactions of 20 to 200 ms and one `
		+ `for each row (${busy} times locked out), beside ${log.length - inserted} sends; from commit to delivery ${spread(lag)}; `
		+ `sends ${spread(senders.flatMap((one) => one.took))}`);
	assert.ok(quantile(lag, 0.5) < 2_000 * slow, `median from commit to delivery: ${quantile(lag, 0.5)} ms`);
	assert.ok(lag.every((time) => time > -50), 'nothing is delivered before its commit');
});
