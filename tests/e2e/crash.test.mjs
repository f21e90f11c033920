// crash.test.mjs: kill -9 at any moment: every answered send is there after the restart, exactly once, and no reader that
// resumes by its cursor misses or repeats one. Half of them are unmodified Socket.IO clients, and all see one order.
//
// Environment: CRASH_CYCLES  how many times the daemon is killed (50; fewer where TEST_SLOW is set)
import assert from 'node:assert/strict';
import path from 'node:path';
import { it } from 'node:test';
import { alive, binary, ms, newPid, sleep, start, until } from './harness.mjs';
import { assertSaw, assertStored, descendants, fewer, follow, formatOf, pick, random, sender, stored } from './load.mjs';
import { followSocket, socketSender } from './sockets.mjs';

const cycles = Number(process.env.CRASH_CYCLES || fewer(50, 10));
const rooms = ['main', 'ops', 'a.b-c_d'];
const ROWS_OF_READERS = [['*'], ['*'], ['main'], ['ops'], rooms, ['main', 'ops'], ['a.b-c_d'], ['*', 'main']];

/** Kills a daemon that has not served yet: while it recovers the database, or binds its socket. */
async function killWhileStarting(server, before) {
	const pid = await until(() => descendants(server.proc.pid, path.basename(binary)).find((one) => one !== before),
		{ timeout: ms(10_000), every: 1, what: 'the daemon to be started again' });
	await sleep(random(0, 6));
	try {
		process.kill(pid, 'SIGKILL');
	} catch {
		// scripts/run was faster.
	}
	return pid;
}

it(`crash: ${cycles} times kill -9 under load`, async (t) => {
	// A client whose server dies in the very moment of an upgrade may notice by the heartbeat alone.
	const server = await start({ t, workers: 2, flags: '--ping-interval 3000 --ping-timeout 5000' });
	const began = performance.now();
	const readers = await Promise.all(ROWS_OF_READERS.map((names, i) => follow(server, {
		rooms: names,
		patient: true,
		wait: () => random(0.05, 5).toFixed(2),
		limit: () => pick([undefined, 1, 7, 1000]),
		drop: i % 2 ? () => (Math.random() < 0.1 ? random(0, 100) : undefined) : undefined,
	}).start()));
	// 4.0 cannot recover: it goes on behind its auth.serverOffset.
	const sockets = await Promise.all(['4.8', '4.8', '4.0'].flatMap((version) => rooms.map((room) => followSocket(server, room, version).start())));
	const senders = Array.from({ length: 16 }, (_, i) => sender(server, `s${i}`, { rooms, keyed: true, formats: true, size: i < 14 ? 300 : 20_000 }));
	senders.push(...Array.from({ length: 8 }, (_, i) => socketSender(server, `io${i}`, rooms[i % 3], { size: i < 7 ? 300 : 20_000, ahead: i % 4 })));
	const answered = () => senders.reduce((sum, one) => sum + one.answered.size, 0);

	/** The fastest would have the daemon killed before the slowest, who connects in several steps, has got a word in. */
	const everyone = async () => {
		const before = senders.map((one) => one.answered.size);
		await until(() => senders.every((one, i) => one.answered.size > before[i]), { timeout: ms(60_000), what: 'each sender to be answered' });
	};

	let starting = 0, serving = 0;
	for (let i = 0; i < cycles; i++) {
		let pid = await newPid(server, 0);
		// Mostly under full load, sometimes just as it comes back.
		if (i % 8 === 4)
			await everyone();
		if (i % 8) {
			const sofar = answered();
			await until(() => answered() > sofar + 16, { every: 2, what: `sends to be answered after restart ${i}` });
			await sleep(random(0, 250));
		} else {
			await sleep(random(0, 30));
		}
		process.kill(pid, 'SIGKILL');
		serving++;
		await until(() => !alive(pid), { every: 1, what: 'the daemon to be gone' });
		// Only now and then, since scripts/run rests a second after one that never served.
		if (i % 33 === 20) {
			pid = await killWhileStarting(server, pid);
			starting++;
		}
		await newPid(server, pid);
	}
	await Promise.all(senders.map((one) => one.stop()));
	const log = await stored(server);
	await Promise.all([...readers, ...sockets].map((one) => one.reach(log)));
	await Promise.all([...readers, ...sockets].map((one) => one.stop()));

	const counts = assertStored(senders, log);
	for (const { id, text, format } of await server.rows('SELECT id, text, format FROM messages'))
		assert.equal(format, formatOf(text), `message ${id}`);
	assert.equal(counts.stored, counts.answered, 'each stored message was answered in the end');
	for (const { text, key } of log)
		assert.equal(key, /^\S+/.exec(text)[0]);
	for (const reader of [...readers, ...sockets])
		assertSaw(reader, log);
	for (const { version, connects: [first, ...later] } of sockets) {
		assert.ok(later.length > 0, 'it was cut off');
		if (version === '4.8')
			assert.deepEqual(later, later.map(() => ({ recovered: true, id: first.id })));
	}
	assert.equal(await server.sql('PRAGMA integrity_check'), 'ok');
	assert.equal(await server.sql('SELECT sum(n) FROM rooms'), String(log.length));

	const sum = (list, what) => list.reduce((n, one) => n + what(one), 0);
	t.diagnostic(`${serving} kills while serving, ${starting} while starting, in ${((performance.now() - began) / 1000).toFixed(1)} s: `
		+ `${counts.answered} sends answered, 0 lost, 0 stored twice; ${sum(senders, (s) => s.failures.length)} attempts failed, `
		+ `${sum(senders, (s) => s.replayed ?? 0)} were replays; 8 readers took ${sum(readers, (r) => r.ids.length)} messages in order, `
		+ `${sum(readers, (r) => r.failures.length)} of their polls failed, ${sum(readers, (r) => r.dropped)} they dropped; `
		+ `8 Socket.IO clients sent ${sum(senders.slice(16), (s) => s.answered.size)} of them, ${sockets.length} took ${sum(sockets, (r) => r.ids.length)} in order, `
		+ `connecting ${sum(sockets, (r) => r.connects.length)} times`);
});
