// reindex.test.mjs: the search index of another version gives way to one of this: search answers all the time, whatever is
// changed and deleted meanwhile and whenever the daemon is killed: nothing is found that is gone, and nothing is missed.
//
// Environment: ROWS   how many messages there are (20,000; fewer where TEST_SLOW is set; 1,000,000 for the acceptance)
//              KILLS  how many times the daemon is killed at the most (15; fewer likewise)
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { fastcgi } from './fastcgi.mjs';
import { daemon, longline, ms, query, root, run, sleep, sql, tempDir, until } from './harness.mjs';
import { fewer } from './load.mjs';

const ROWS = Number(process.env.ROWS || fewer(20_000, 4_000)), KILLS = Number(process.env.KILLS || fewer(15, 4));
const PATIENCE = ms(60_000 + ROWS);
const BEFORE = 10; // the last version whose index sql/ made

const search = (d, q, params = {}) => fastcgi(d.socket, { path: '/history', query: query({ q, ...params }).slice(1) });
const found = async (d, q, params) => {
	const res = await search(d, q, params);
	if (res.status !== 200)
		throw new Error(`${q}: ${res.status} ${res.text}`);
	return res.json.messages.map(({ id }) => id);
};
const word = (id, rev = 0) => `word${id}r${rev}`;

/** A log as the daemon before this version's left it, with all of it in its index. */
async function before(dir) {
	const db = path.join(dir, 'longline.db'), folder = path.join(root, 'sql');
	const steps = fs.readdirSync(folder).sort().slice(0, BEFORE).map((file) => fs.readFileSync(path.join(folder, file), 'utf8'));
	await sql(db, `PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; ${steps.join('\n')} PRAGMA user_version = ${BEFORE};
		BEGIN; WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT ${ROWS})
		INSERT INTO messages(event, text) SELECT CASE i % 100 WHEN 0 THEN 'alarm' ELSE 'chat message' END, 'both word' || i || 'r0 ' || hex(randomblob(i % 50)) FROM c;
		INSERT INTO search(rowid, room, sender, body) SELECT id, room, sender, body FROM search_rows;
		UPDATE meta SET value = ${ROWS} WHERE name = 'indexed'; COMMIT;`, { timeout: 60_000 });
	return db;
}

/** What the messages say: id -> how often it was changed; -1: it is deleted. */
class Model {
	revs = new Map();
	n = ROWS;
	rev(id) {
		return this.revs.get(id) ?? 0;
	}

	/** Changes or deletes one, or adds one, as another program does. */
	async change(db) {
		const id = 1 + Math.floor(Math.random() * this.n), rev = this.rev(id), what = Math.random();
		if (what < 0.3) {
			await sql(db, `INSERT INTO messages(text) VALUES ('both ${word(this.n + 1)}')`, { timeout: 60_000 });
			this.n++;
		} else if (rev >= 0 && what < 0.7) {
			await sql(db, `UPDATE messages SET text = 'both ${word(id, rev + 1)}' WHERE id = ${id}`, { timeout: 60_000 });
			this.revs.set(id, rev + 1);
		} else if (rev >= 0) {
			await sql(db, `DELETE FROM messages WHERE id = ${id}`, { timeout: 60_000 });
			this.revs.set(id, -1);
		}
	}

	/** Asks for some, and for what they said before. */
	async look(d, ids) {
		for (const id of ids) {
			const rev = this.rev(id), want = rev < 0 ? [] : [id];
			const is = async () => JSON.stringify(await found(d, word(id, Math.max(0, rev)))) === JSON.stringify(want);
			// One that another program changed is found when the index knows; what was there before is never missed.
			if (rev > 0 || id > ROWS)
				await until(is, { timeout: PATIENCE, every: 5, what: `${word(id, rev)} to be found` });
			else
				assert.ok(await is(), `${word(id)} is ${rev < 0 ? 'gone, and found' : 'missed'}`);
			if (rev > 0)
				assert.deepEqual(await found(d, word(id, rev - 1)), [], `${word(id, rev - 1)} is gone`);
		}
	}

	some(n) {
		const changed = [...this.revs.keys()];
		return Array.from({ length: n }, (_, i) => (i % 2 && changed.length ? changed[Math.floor(Math.random() * changed.length)] : 1 + Math.floor(Math.random() * this.n)));
	}
}

/** Whether all is done: what the daemon says of it, and what stands in the file. */
async function isDone(d, seen) {
	const [left, rest] = [await d.metric(/^longline_reindex_left/), await d.metric(/^longline_reindexing/)];
	seen.add(left > 0 ? 'filled' : rest > 0 ? 'dropped' : 'done');
	return left === 0 && rest === 0 && await sql(d.db, "SELECT count(*) FROM sqlite_master WHERE sql GLOB 'CREATE VIRTUAL TABLE*'", { timeout: 60_000 }) === '1';
}

/** Kills the daemon in the middle of it, again and again, among changes; gives the last one, when all is done. */
async function rebuilt(t, dir, model) {
	const seen = new Set();
	for (let kills = 0; ; kills++) {
		const d = await daemon({ dir, t });
		let killed = false;
		const kill = kills < KILLS && setTimeout(() => {
			killed = true;
			d.signal('SIGKILL');
		}, Math.random() * ms(ROWS > 100_000 ? ROWS / 200 : 150));
		try {
			for (let n = 0; !await isDone(d, seen); n++) {
				await model.change(d.db);
				await model.look(d, model.some(4));
			}
			clearTimeout(kill);
		} catch (error) {
			if (!killed || error.code === 'ERR_ASSERTION')
				throw error;
		}
		if (!killed) {
			t.diagnostic(`${kills} kills; seen while it was ${[...seen].join(', ')}; ${model.revs.size} messages changed`);
			return d;
		}
		await d.ended;
	}
}

async function assertWhole(d, model) {
	await model.look(d, [...model.revs.keys(), ...model.some(100)]);
	const { stdout } = await run(longline, ['check', '--database', d.db, '--quick-check', '600'], { timeout: PATIENCE });
	assert.match(stdout, new RegExp(`^ok +search: the index has ${model.n - [...model.revs.values()].filter((rev) => rev < 0).length} messages`, 'm'));
	assert.equal(await sql(d.db, 'PRAGMA integrity_check', { timeout: 60_000 }), 'ok');
	assert.equal(await sql(d.db, "SELECT count(*) FROM sqlite_master WHERE name GLOB 'search*_data'; SELECT count(*) FROM reindexed"), '1\n0');
}

it(`reindex: ${ROWS} messages in the index of before, killed and changed in the middle of it`, async (t) => {
	const dir = tempDir(), model = new Model();
	await before(dir);
	// What is there is found at once, by the words of before.
	let d = await daemon({ dir, t });
	const first = await search(d, 'both', { limit: 1, count: 1000 });
	assert.deepEqual([first.status, first.json.messages[0].id, first.json.total], [200, ROWS, { n: 1000, more: true }], first.text);
	assert.ok(first.json.old_words === undefined || first.json.old_words <= ROWS, first.text);
	d.signal('SIGKILL');
	await d.ended;
	d = await rebuilt(t, dir, model);
	await assertWhole(d, model);
	// The words of events, which that of before did not know.
	const alarms = await found(d, 'alarm', { limit: 500 });
	assert.ok(alarms.length > 0 && alarms.every((id) => id % 100 === 0));
	await d.stop();

	// An index of yet another version, newer or older: likewise.
	await sql(d.db, "UPDATE meta SET value = '99-99.0.0' WHERE name = 'search_words'");
	d = await daemon({ dir, t });
	assert.equal((await search(d, 'both', { count: 1000 })).json.total.n, 1000);
	d.signal('SIGKILL');
	await d.ended;
	d = await rebuilt(t, dir, model);
	await assertWhole(d, model);
});

it('reindex: answers say up to where the words of another version are looked for', async (t) => {
	const dir = tempDir();
	let d = await daemon({ dir, t });
	await sql(d.db, "INSERT INTO messages(text) VALUES ('one otter'), ('two otters')");
	assert.deepEqual(await found(d, 'otter*'), [2, 1]);
	await d.stop();
	await sql(d.db, "UPDATE meta SET value = 'another' WHERE name = 'search_words'");
	d = await daemon({ dir, t });
	// Nothing can be put into the new one while another program holds the lock.
	const holder = run('sqlite3', [d.db], { input: ".timeout 10000\nBEGIN IMMEDIATE;\n.shell sleep 3\n" });
	let told = await search(d, 'otter*');
	for (let i = 0; i < 50 && told.json.old_words === undefined; i++)
		told = await search(d, 'otter*');
	t.diagnostic(`old_words: ${told.json.old_words}`);
	assert.ok([undefined, 2].includes(told.json.old_words), told.text);
	assert.deepEqual(told.json.messages.map(({ id }) => id), [2, 1]);
	await holder;
	await until(async () => (await search(d, 'otter*')).json.old_words === undefined && await d.metric(/^longline_reindexing/) === 0, { timeout: PATIENCE, what: 'the new index' });
	assert.deepEqual(await found(d, 'otter*'), [2, 1]);
});

it('reindex: none that would make the database larger than it may be', async (t) => {
	const dir = tempDir(), db = await before(dir), size = fs.statSync(db).size;
	let d = await daemon({ dir, t, flags: ['--database-max', `${Math.round(1.25 * size)}`] });
	const put = /index detail="it is not made anew: that would make the database larger than it may be \(database-max\)"/g;
	await until(() => put.test(d.output), { timeout: PATIENCE, what: 'it to be put off' });
	// Nobody notices.
	const res = await fastcgi(d.socket, { method: 'POST', path: '/send', body: 'both otter' });
	assert.equal(res.status, 201, res.text);
	await until(async () => (await found(d, 'otter')).length === 1, { timeout: PATIENCE, what: 'the index' });
	await sleep(ms(2_000));
	assert.deepEqual([await d.metric(/^longline_reindexing/), await d.metric(/^longline_reindex_left/), await found(d, word(8))], [1, ROWS, [8]]);
	assert.equal(d.output.match(put).length, 1, d.output);
	await d.stop();
	d = await daemon({ dir, t, flags: ['--database-max', `${3 * size}`] });
	await until(async () => isDone(d, new Set()), { timeout: PATIENCE, what: 'the new index' });
	assert.deepEqual(await found(d, word(8)), [8]);
	assert.doesNotMatch(d.output, put);
});

it('reindex: programs that do not know the words do with the file what they always did', async (t) => {
	const dir = tempDir(), d = await daemon({ dir, t });
	await sql(d.db, "INSERT INTO messages(text) VALUES ('one otter'), ('two 東京 otters')");
	assert.deepEqual(await found(d, '東'), [2]);
	await sql(d.db, "VACUUM; PRAGMA integrity_check; PRAGMA quick_check; INSERT INTO messages(text) VALUES ('three'); UPDATE messages SET text = 'four' WHERE id = 1; DELETE FROM messages WHERE id = 3");
	assert.deepEqual([await found(d, 'otter*'), await found(d, 'four')], [[2], [1]]);
	const copy = path.join(tempDir(), 'longline.db'), dump = path.join(tempDir(), 'longline.db');
	await sql(d.db, `.backup '${copy}'`);
	await run('sh', ['-c', `sqlite3 '${d.db}' .dump | sqlite3 '${dump}'`]);
	assert.match(await sql(d.db, "SELECT * FROM search_1('otter')", { fail: true }), /tokenizer/);
	await d.stop();
	for (const db of [copy, dump]) {
		const other = await daemon({ db, t });
		assert.deepEqual([await found(other, 'otters'), await found(other, 'four'), await found(other, '京')], [[2], [1], [2]], other.output);
		assert.equal(await sql(db, "INSERT INTO messages(text) VALUES ('five'); PRAGMA integrity_check"), 'ok');
		assert.deepEqual(await found(other, 'five'), [4]);
		assert.match((await run(longline, ['check', '--database', db])).stdout, /^ok +search/m);
		await other.stop();
	}
});
