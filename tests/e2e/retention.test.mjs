// retention.test.mjs: what is not kept any more goes, exactly that; who would have got it is told, nobody else notices.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connected, io } from '../conformance/clients.mjs';
import { open } from '../conformance/wire.mjs';
import { alive, longline, metric, ms, room, run, session, sleep, slow, span, start, tempDir, until } from './harness.mjs';
import { fewer } from './load.mjs';

const QUICK = '--keep-grace 0 --keep-every 1';
const FOR = { timeout: ms(60_000) };

const ids = async (s, where = '1') => (await s.rows(`SELECT id FROM messages WHERE ${where} ORDER BY id`)).map(({ id }) => id);
const pruned = (s) => metric(s, /pruned_total/);

/** Waits until a whole run has found nothing to delete. */
async function settled(s) {
	await until(async () => await metric(s, /prune_pending/) === 0, { ...FOR, what: 'nothing to be left to delete' });
	await sleep(span(1_300));
	await until(async () => await metric(s, /prune_pending/) === 0, { ...FOR, what: 'nothing to be left to delete' });
}

async function crash(s) {
	const before = s.pid();
	s.kill('SIGKILL');
	await until(() => !alive(before), FOR);
	await until(async () => (await s.get('/healthz').catch(() => undefined))?.status === 200, FOR);
}

describe('retention: what is kept', { concurrency: true }, () => {
	it('each room by the longest name that fits, by age, by number, or for ever', async (t) => {
		const dataDir = tempDir();
		const first = await start({ t, dataDir });
		const age = (hours) => Date.now() - hours * 3_600_000;
		await first.sql(`INSERT INTO messages(room, text, at) VALUES
			('main', '1', ${age(50)}), ('main', '2', ${age(1)}),
			('ci-a', '3', ${age(50)}), ('ci-a', '4', ${age(3)}), ('ci-a', '5', ${age(1)}),
			('ci-log', '6', ${age(50)}), ('ci-log', '7', ${age(40)}), ('ci-log', '8', ${age(30)}),
			('audit', '9', ${age(9_000)})`);
		assert.deepEqual(await ids(first), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
		assert.equal(await pruned(first), 0);
		await first.stop();
		const s = await start({ t, dataDir, flags: `${QUICK} --keep-days 1.5 --keep-room ci-*=2h --keep-room ci-log=2 --keep-room audit=off` });
		await until(async () => await pruned(s) === 4, FOR);
		assert.deepEqual(await ids(s), [2, 5, 7, 8, 9]);
		await s.sent('10', { room: 'ci-log' });
		await until(async () => await pruned(s) === 5, FOR);
		assert.deepEqual(await ids(s), [2, 5, 8, 9, 10]);
		assert.match(s.log(), /pruned messages=4 rooms=3 /);
		const oldest = await metric(s, /oldest_seconds/);
		assert.ok(oldest > 3_500 && oldest < 3_700 + ms(60), String(oldest));
		// The rest is as it was.
		assert.deepEqual((await s.history({ room: 'ci-log' })).json.messages.map(({ text }) => text), ['8', '10']);
		assert.deepEqual((await s.get('/rooms')).json.rooms.map(({ name, n }) => [name, n]).sort(), [['audit', 1], ['ci-a', 1], ['ci-log', 2], ['main', 1]]);
	});

	it('new rules wait, also over a restart, and it is said how much would go', async (t) => {
		const dataDir = tempDir();
		let s = await start({ t, dataDir, flags: '--keep-every 1 --keep-grace 100000 --keep-messages 2' });
		for (let i = 0; i < 3; i++)
			await s.sent('x');
		await until(async () => await metric(s, /prune_pending/) === 1, FOR);
		await until(() => /keep detail="what is kept has changed: would delete \d of \d messages, and begins in 100000 s"/.test(s.log()), FOR);
		const [{ since }] = await s.rows("SELECT value AS since FROM meta WHERE name = 'keep_since'");
		await s.stop();
		s = await start({ t, dataDir, flags: '--keep-every 1 --keep-grace 100000 --keep-messages 2' });
		await until(() => /would delete 1 of 3 messages, and begins in 99\d{3} s/.test(s.log()), FOR);
		assert.equal((await s.rows("SELECT value AS since FROM meta WHERE name = 'keep_since'"))[0].since, since);
		await s.stop();
		// The same rules, and a wait that is over.
		s = await start({ t, dataDir, flags: '--keep-every 1 --keep-grace 0 --keep-messages 2' });
		await until(async () => await pruned(s) === 1, FOR);
		assert.deepEqual(await ids(s), [2, 3]);
		await s.stop();
		// Other rules, and the first once more: new ones each time. Without any nothing is remembered.
		s = await start({ t, dataDir });
		await until(async () => (await s.rows("SELECT name FROM meta WHERE name LIKE 'keep%'")).length === 0, { ...FOR, what: 'them to be forgotten' });
		await s.stop();
		s = await start({ t, dataDir, flags: '--keep-every 1 --keep-grace 100000 --keep-messages 1' });
		await until(() => /would delete 1 of 2 messages/.test(s.log()), FOR);
		assert.deepEqual(await ids(s), [2, 3]);
	});
});

describe('retention: who is told', { concurrency: 3 }, () => {
	/** A log where of room `busy` ten messages went, the last of them 19; room `calm` has the even ids. */
	async function log(t) {
		const s = await start({ t, flags: `${QUICK} --keep-room busy=2` });
		for (let i = 0; i < 12; i++) {
			await s.sent(`${i}`, { room: 'busy' });
			await s.sent(`${i}`, { room: 'calm' });
		}
		await until(async () => await pruned(s) === 10, FOR);
		await settled(s);
		return s;
	}

	async function assertGaps(s) {
		for (const [names, last] of [['busy', 19], [['busy', 'calm'], 19], ['*', 19], ['calm', 0]]) {
			for (const since of [0, 1, 5, 17, 18, 19, 20, 21, 24]) {
				const { json } = await s.poll({ room: names, since, wait: 0, limit: 1000 });
				assert.equal(json.gap ?? false, since < last, `${names} since ${since}`);
				const want = Array.from({ length: 24 - since }, (_, i) => since + 1 + i)
					.filter((id) => (id % 2 ? id > 19 && names !== 'calm' : names !== 'busy'));
				assert.deepEqual(json.messages.map(({ id }) => id), want, `${names} since ${since}`);
			}
		}
		assert.equal((await s.poll({ room: 'busy', since: 'all', wait: 0 })).json.gap, undefined);
		for (const n of [1, 2, 3])
			assert.equal((await s.poll({ room: 'busy', since: -n, wait: 0 })).json.gap, undefined, `-${n}`);
	}

	it('a poll from below what is kept, and none from above, as memory and the database know', async (t) => {
		const s = await log(t);
		await assertGaps(s);
		await crash(s);
		await assertGaps(s);
	});

	it('held polls hold on: they are not woken', async (t) => {
		const s = await start({ t, flags: `--keep-grace ${5 * slow} --keep-every 1 --keep-room busy=2` });
		for (let i = 0; i < 10; i++)
			await s.sent(`${i}`, { room: 'busy' });
		const held = [s.poll({ room: 'busy', wait: 50 }), s.poll({ room: '*', wait: 50 }), s.poll({ room: ['busy', 'other'], since: 10, wait: 50 })];
		await s.parked(3);
		assert.equal(await pruned(s), 0);
		const woken = await metric(s, /polls_woken/);
		await until(async () => await pruned(s) === 8, FOR);
		await settled(s);
		assert.equal(await metric(s, /polls_woken/), woken);
		assert.equal(await metric(s, /polls_parked/), 3);
		await s.sent('last', { room: 'busy' });
		for (const { json } of await Promise.all(held)) {
			assert.deepEqual(json.messages.map(({ text }) => text), ['last']);
			assert.ok(!json.gap && !json.reset);
		}
	});

	it('a client that missed what is not kept does not recover; others do', async (t) => {
		for (const restarts of [false, true]) {
			const s = await start({ t, flags: `${QUICK} --keep-room busy=2` });
			const away = {};
			for (const name of ['busy', 'calm']) {
				away[name] = await connected(t, io, `${s.url}/${name}`, { reconnection: false });
				await away[name].ask('e', 0);
				const { engine } = away[name].io;
				engine.close();
				await away[name].next('disconnect');
			}
			for (let i = 1; i <= 5; i++) {
				for (const name of ['busy', 'calm'])
					await s.sent({ room: name, event: 'e', args: [i] });
			}
			await until(async () => await pruned(s) === 4, FOR);
			// Somebody's deletion is no reason.
			await s.sql("DELETE FROM messages WHERE room = 'calm' AND args = '[2]'");
			if (restarts)
				await crash(s);
			for (const name of ['busy', 'calm']) {
				away[name].connect();
				await away[name].next('connect', ms(30_000));
				assert.equal(away[name].recovered, name === 'calm', `${name}, ${restarts ? 'after a crash' : 'in memory'}`);
			}
			await away.calm.ask('e', 6);
			assert.deepEqual(away.calm.rest('e').map(([n]) => n), [0, 1, 3, 4, 5, 6]);
			away.calm.close();
			away.busy.close();
		}
	});

	it('a session that has not read what is not kept ends, and one that has goes on', async (t) => {
		for (const flags of ['', '--ring-bytes 1000']) {
			const s = await start({ t, flags: `${QUICK} --keep-room busy=2 ${flags}` });
			const sessions = {};
			for (const name of ['busy', 'calm']) {
				sessions[name] = await open(t, s);
				await sessions[name].send(`40/${name},`);
				assert.match(await sessions[name].packet(), /^40/);
			}
			for (let i = 0; i < 5; i++) {
				for (const name of ['busy', 'calm'])
					await s.sent(`${i} ${'x'.repeat(500)}`, { room: name });
			}
			await until(async () => await pruned(s) === 3, FOR);
			assert.equal((await sessions.busy.get()).text, '1');
			assert.match((await sessions.calm.get()).text, /"0 x/);
		}
	});

	it('a key is forgotten with its message', async (t) => {
		const s = await start({ t, flags: `${QUICK} --keep-messages 1` });
		const one = { text: 'x', key: 'k' };
		assert.equal((await s.send(one)).status, 201);
		assert.equal((await s.send(one)).status, 200);
		await s.sent('other');
		await until(async () => await pruned(s) === 1, FOR);
		assert.equal((await s.send(one)).status, 201);
	});
});

describe('retention: whatever happens meanwhile', () => {
	const N = fewer(20_000), KEPT = 100;

	it(`${N} rows go while the daemon is killed, others send, and SQL programs write`, async (t) => {
		const dataDir = tempDir();
		const before = await start({ t, dataDir });
		await before.sql(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT ${N})
			INSERT INTO messages(room, text, key) SELECT 'r' || (i % 4), 'word' || i, 'k' || i FROM c`);
		await until(async () => await metric(before, /indexed/) === N, FOR);
		await before.stop();
		const s = await start({ t, dataDir, flags: `${QUICK} --keep-messages ${KEPT} --keep-room mine=off` });
		const other = session(s.db, { t });
		const sent = [];
		let killed = 0;
		while (killed < 5 || await s.rows('SELECT count(*) AS n FROM messages WHERE room GLOB \'r*\'').then(([{ n }]) => n > 4 * KEPT)) {
			sent.push(await s.sent(`mine ${sent.length}`, { room: 'mine' }).catch(() => undefined));
			await other.run("INSERT INTO messages(room, text) VALUES ('mine', 'sql');");
			if (killed < 5 && Math.random() < 0.2) {
				await crash(s);
				killed++;
			}
		}
		await other.close();
		// Exactly the newest are left.
		for (let r = 0; r < 4; r++) {
			const want = Array.from({ length: N }, (_, i) => i + 1).filter((id) => id % 4 === r).slice(-KEPT);
			assert.deepEqual(await ids(s, `room = 'r${r}'`), want);
		}
		const mine = await ids(s, "room = 'mine' AND text <> 'sql'");
		assert.deepEqual(sent.filter((id) => id !== undefined && !mine.includes(id)), []);
		await until(async () => (await s.rows('SELECT count(*) AS n FROM changed'))[0].n === 0, FOR);
		assert.match((await run(longline, ['check', '--database', s.db])).stdout, /^ok +search/m);
		assert.equal((await s.history({ room: '*', q: 'word5' })).json.messages.length, 0);
		assert.equal((await s.history({ room: '*', q: `word${N}` })).json.messages.length, 1);
		assert.equal(await s.sql('PRAGMA integrity_check'), 'ok');
		assert.deepEqual(await s.rows('SELECT name, n FROM rooms WHERE n <> (SELECT count(*) FROM messages WHERE room = name)'), []);
	});

	it('what was freed is used again', async (t) => {
		const s = await start({ t, flags: `${QUICK} --keep-messages 2000` });
		const r = room();
		const fill = async () => {
			const was = await pruned(s);
			await s.sql(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 2000)
				INSERT INTO messages(room, text) SELECT '${r}', hex(randomblob(200)) FROM c`);
			return was;
		};
		const pragma = async (name) => Number(await s.sql(`PRAGMA ${name}`));
		/** Pages in use but for the index: what that is before it is merged says nothing of the rows. */
		const used = async () => {
			await until(async () => (await s.rows('SELECT count(*) AS n FROM changed'))[0].n === 0, FOR);
			const index = Number(await s.sql("SELECT count(*) FROM dbstat WHERE name GLOB 'search_*'"));
			return await pragma('page_count') - await pragma('freelist_count') - index;
		};
		await fill();
		let first, file;
		for (let i = 0; i < 6; i++) {
			const was = await fill();
			await until(async () => await pruned(s) === was + 2000 && await metric(s, /indexed/) === await s.head(), FOR);
			if (i === 1) {
				first = await used();
				file = await pragma('page_count');
			}
		}
		const last = await used();
		assert.ok(Math.abs(last - first) < first * 0.02, `${last} pages, and ${first} before`);
		// The index is larger before it is merged; of four times as many rows it would be much more than that.
		assert.ok(await pragma('page_count') < file * 2, `${await pragma('page_count')} pages, and ${file} before`);
	});
});
