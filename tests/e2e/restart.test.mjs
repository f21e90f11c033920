// restart.test.mjs: a restart through a listening socket that outlives the daemon refuses nobody: not one send or poll fails,
// and every held poll is answered at once.
//
// Environment: RESTART_POLLS  how many polls are held (500)
import assert from 'node:assert/strict';
import path from 'node:path';
import { it } from 'node:test';
import { connect, fastcgi } from './fastcgi.mjs';
import { alive, binary, daemon, ms, root, sleep, start, until, within } from './harness.mjs';
import { assertSaw, assertStored, fewer, follow, lateness, quantile, random, sender, spread, stored } from './load.mjs';

const polls = Number(process.env.RESTART_POLLS || 500);
const restarts = fewer(8, 3);

it(`restart: ${polls} held polls and 8 senders, ${restarts} times SIGTERM and a new daemon on the same socket`, async (t) => {
	const server = await start({
		t, workers: 2, env: { LONGLINED: path.join(root, 'tests/e2e/listen.pl'), REAL_LONGLINED: binary },
	});
	// Most wait in a quiet room, so that it is the stop that answers them; the others follow what is sent.
	const quiet = new Set();
	const late = [], failures = [], answers = [];
	let over = false, told, cursor = await server.head();
	const { epoch } = (await server.poll({ wait: 0 })).json;
	t.after(() => {
		over = true;
	});
	const hold = async (room) => {
		while (!over) {
			const hangUp = new AbortController();
			quiet.add(hangUp);
			const asked = performance.now();
			try {
				const res = await server.poll({ room, since: cursor, epoch, wait: 55 }, { signal: hangUp.signal, timeout: ms(70_000) });
				if (res.status !== 200 || res.json.messages.length || res.json.reset || res.json.gap)
					throw new Error(`a held poll was answered ${res.status} ${res.text.slice(0, 200)}`);
				cursor = Math.max(cursor, res.json.next);
				// One that was asked before the stop waits for it; one that was asked after it, for the next daemon.
				if (told !== undefined && asked < told)
					answers.push(performance.now() - told);
			} catch (error) {
				if (!over)
					failures.push(error);
			} finally {
				quiet.delete(hangUp);
			}
		}
	};
	const holders = Array.from({ length: polls - 8 }, (_, i) => hold(`quiet-${i % 50}`));
	const readers = await Promise.all(Array.from({ length: 8 }, () => follow(server, { wait: 55 }).start()));
	const senders = Array.from({ length: 8 }, (_, i) => sender(server, `s${i}`, { size: 100 }));

	for (let i = 0; i < restarts; i++) {
		await until(() => quiet.size === polls - 8, { what: 'the polls to be asked' });
		await until(async () => await server.metric(/parked/) >= polls - 8, { timeout: ms(30_000), what: 'the polls to be held' });
		await sleep(random(0, 300));
		answers.length = 0;
		const pid = server.pid();
		const own = lateness();
		told = performance.now();
		process.kill(pid, 'SIGTERM');
		await until(() => answers.length >= polls - 8 || failures.length, { timeout: ms(30_000), every: 5, what: 'all held polls to be answered' });
		late.push(Math.max(0, Math.max(...answers) - own()));
		told = undefined;
		await until(() => !alive(pid), { timeout: ms(30_000), every: 2, what: 'the daemon to end' });
		await until(() => {
			try {
				return server.pid() !== pid && alive(server.pid());
			} catch {
				return false;
			}
		}, { every: 2, what: 'the next daemon' });
	}
	const sofar = senders.map((one) => one.answered.size);
	await until(() => senders.every((one, i) => one.answered.size > sofar[i] + 5 || one.failures.length), { what: 'more sends' });
	await Promise.all(senders.map((one) => one.stop()));
	const log = await stored(server);
	await Promise.all(readers.map((one) => one.reach(log)));
	await Promise.all(readers.map((one) => one.stop()));
	over = true;
	for (const hangUp of quiet)
		hangUp.abort();
	await Promise.all(holders);

	assert.deepEqual(failures, [], 'held polls that failed');
	for (const one of senders)
		assert.deepEqual(one.failures, [], 'sends that failed');
	for (const one of readers) {
		assert.deepEqual(one.failures, [], 'polls that failed');
		assertSaw(one, log);
	}
	const counts = assertStored(senders, log);
	assert.equal(counts.stored, counts.answered);
	const took = senders.flatMap((one) => one.took);
	t.diagnostic(`${restarts} restarts: ${counts.answered} sends and ${readers.reduce((n, r) => n + r.polls, 0)} polls of readers, none failed; `
		+ `of ${polls - 8} held polls the last was answered ${late.map((time) => time.toFixed(0)).join(', ')} ms after SIGTERM; sends ${spread(took)}`);
	// The promise is 1 s each time on a machine with nothing else to do. How busy this one is, the sends say: they are to be served
	// among all these polls. Who is not told at all waits 55 s.
	assert.ok(quantile(late, 0.5) < ms(1_000) + 30 * quantile(took, 0.5), `the last held poll was answered ${late} ms after SIGTERM`);
	assert.ok(late.every((time) => time < ms(30_000)), `the last held poll was answered ${late} ms after SIGTERM`);
	assert.ok(quantile(took, 1) < ms(30_000));
});

it('restart: a stop while they are told of a message loses it for nobody', async () => {
	for (let i = 0; i < fewer(6, 3); i++) {
		const server = await daemon();
		// More than are told in one turn of the loop.
		const conns = await Promise.all(Array.from({ length: 600 }, () => connect(server.socket)));
		const polls = conns.map((conn, k) => conn.ask({ query: `room=${['main', '*', 'main&room=other'][k % 3]}&since=0&wait=50`, keep: true }));
		await until(async () => /polls_parked 600$/m.test((await fastcgi(server.socket, { path: '/metrics' })).text), { what: 'the polls to be held' });
		const sent = fastcgi(server.socket, { method: 'POST', path: '/send', body: 'x' });
		if (i % 2)
			await sent;
		else
			await sleep(random(0, 5));
		server.signal('SIGTERM');
		const { id } = (await sent).json;
		for (const { json } of await within(ms(20_000), Promise.all(polls), 'the held polls'))
			assert.ok(json.messages.length || json.next < id, `a poll was answered with nothing and next ${json.next}: it will never be told of ${id}`);
		assert.equal((await server.stop()).code, 0);
	}
});
