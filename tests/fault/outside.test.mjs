// outside.test.mjs: what goes wrong around the daemon while it is under load: nginx, the clock, the disk, other programs at
// the database. Nothing answered is lost or doubled, readers miss nothing, and it serves again.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { killPid, ms, run, session, sleep, start, tempDir, until } from '../e2e/harness.mjs';
import { assertSaw, assertStored, descendants, follow, random, sender, stored } from '../e2e/load.mjs';
import { Faults } from './fault.mjs';

const rooms = ['main', 'ops'];

/** Runs `fault(server, load)` in the middle of a load, and checks all promises after it. */
async function loaded(t, fault, { flags = '', env, dataDir, since = 0 } = {}) {
	const server = await start({ t, flags, env, dataDir, workers: 2 });
	const readers = await Promise.all([['*'], ['main'], rooms, ['*']].map((names) =>
		follow(server, { rooms: names, patient: true, wait: () => random(0.1, 4).toFixed(2) }).start()));
	const senders = Array.from({ length: 6 }, (_, i) => sender(server, `s${i}`, { rooms, keyed: true, pause: () => random(0, 10) }));
	const load = { answered: () => senders.reduce((sum, one) => sum + one.answered.size, 0), readers, senders };
	load.goesOn = async () => {
		const before = load.answered();
		await until(() => load.answered() > before + 30, { timeout: ms(30_000), what: 'sends to be answered again' });
	};
	await load.goesOn();
	await fault(server, load);
	await load.goesOn();
	await Promise.all(senders.map((one) => one.stop()));
	const log = (await stored(server)).filter(({ id }) => id > since);
	await Promise.all(readers.map((one) => one.reach(log)));
	await Promise.all(readers.map((one) => one.stop()));
	const { answered } = assertStored(senders, log.filter(({ key }) => key));
	for (const reader of readers)
		assertSaw(reader, log);
	const health = await server.get('/healthz');
	assert.equal(health.status, 200, health.text + server.log().slice(-1500));
	assert.equal(await server.sql('PRAGMA integrity_check'), 'ok');
	t.diagnostic(`${answered} sends answered, none lost or doubled; 4 readers missed nothing`);
	await server.stop();
	return server;
}

const nginx = (server) => Number(fs.readFileSync(path.join(server.dataDir, 'run/nginx.pid'), 'utf8'));

describe('outside', { concurrency: 2 }, () => {
	it('nginx is stopped and continued, its workers too', (t) => loaded(t, async (server, load) => {
		for (const pid of [nginx(server), ...descendants(nginx(server), 'nginx')]) {
			process.kill(pid, 'SIGSTOP');
			await sleep(700);
			process.kill(pid, 'SIGCONT');
			await load.goesOn();
		}
	}));

	it('nginx\'s workers are killed, and nginx itself', (t) => loaded(t, async (server, load) => {
		for (const pid of descendants(nginx(server), 'nginx')) {
			await killPid(pid);
			await load.goesOn();
		}
		await sleep(5_500); // scripts/run gives up on an nginx that dies at once
		const before = nginx(server);
		process.kill(before, 'SIGKILL');
		await until(() => {
			try {
				return nginx(server) !== before;
			} catch {
				return false;
			}
		}, { timeout: ms(20_000), what: 'another nginx' });
	}));

	it('the daemon is stopped and continued', (t) => loaded(t, async (server) => {
		for (let i = 0; i < 5; i++) {
			server.kill('SIGSTOP');
			await sleep(random(50, 600));
			server.kill('SIGCONT');
			await sleep(100);
		}
	}));

	it('the time of day steps back and forth', async (t) => {
		const faults = new Faults();
		const steps = [-3_600_000, 86_400_000, -86_400_000 * 365 * 30, 7_200_000, 0];
		const server = await loaded(t, async (s, load) => {
			for (const by of steps) {
				faults.clock(by);
				await load.goesOn();
				// A page of a day finds the messages of that day, whatever the clock says now.
				const day = new Date(Date.now() + by).toISOString().slice(0, 10);
				const { json } = await s.history({ room: 'main', on: day, limit: 1 });
				assert.equal(json.messages.length, 1, day);
			}
		}, { env: faults.env });
		assert.doesNotMatch(server.log(), /error/);
	});

	it('another program holds the lock for 10 s', (t) => loaded(t, async (server) => {
		const other = session(server.db, { t });
		await other.run('BEGIN IMMEDIATE;');
		const began = performance.now();
		let asked = 0;
		while (performance.now() - began < 10_000) {
			assert.equal((await server.poll({ since: 1, wait: 0, limit: 1 })).status, 200);
			assert.equal((await server.history({ limit: 2 })).status, 200);
			asked++;
			await sleep(20);
		}
		assert.ok(asked > 20, `${asked} reads in 10 s`);
		await other.run('COMMIT;');
		await other.close();
	}));

	it('another program holds a transaction with rows, and commits; and one that rolls back', (t) => loaded(t, async (server, load) => {
		for (const ending of ['COMMIT', 'ROLLBACK', 'COMMIT']) {
			const other = session(server.db, { t });
			await other.run("BEGIN IMMEDIATE; INSERT INTO messages(room, text) VALUES('main', 'theirs'), ('ops', 'theirs'); SELECT 1;");
			await sleep(1_500);
			await other.run(`${ending};`);
			await other.close();
			await load.goesOn();
		}
		assert.equal(await server.sql("SELECT count(*) FROM messages WHERE text = 'theirs'"), '4');
	}));

	it('another program reads for long, so that the WAL cannot be reset', (t) => loaded(t, async (server, load) => {
		const other = session(server.db, { t });
		await other.run('BEGIN; SELECT count(*) FROM messages;');
		for (let i = 0; i < 5; i++)
			await load.goesOn();
		await other.run('COMMIT;');
		await other.close();
		// Then the checkpoints come after it.
		await until(async () => await server.metric(/wal_bytes/) < 8_000_000, { timeout: ms(30_000), what: 'a short WAL' });
	}));

	it('the disk is full, and has room again', async (t) => {
		const dataDir = tempDir();
		const mount = await run('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', dataDir]);
		if (mount.code !== 0)
			return t.skip('no small file system can be mounted here');
		t.after(() => run('umount', ['-l', dataDir]));
		const filler = path.join(dataDir, 'filler');
		await loaded(t, async (server, load) => {
			for (let i = 0; i < 3; i++) {
				const handle = fs.openSync(filler, 'w');
				assert.throws(() => {
					for (;;)
						fs.writeSync(handle, Buffer.alloc(16_384));
				}, { code: 'ENOSPC' });
				fs.closeSync(handle);
				// It cannot write; or it has seen before that there is too little space, and does not try.
				await until(async () => {
					const { status, json } = await server.get('/healthz');
					return status === 503 || json.status === 'full';
				}, { timeout: ms(30_000), what: '/healthz to say so' });
				assert.equal((await server.poll({ since: 1, wait: 0, limit: 1 })).status, 200);
				await sleep(300);
				fs.rmSync(filler);
				await load.goesOn();
			}
		}, { dataDir });
	});
});
