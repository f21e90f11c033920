// fault.mjs: arms the failures of inject.c in a running daemon, and goes through all points of a scenario in turn.
//
// Environment: FAULT_STEP   take each n-th point only (1: every point)
//              FAULT_KINDS  only these of KINDS, with commas between
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ms, root, sleep, start, tempDir, until } from '../e2e/harness.mjs';
import { assertSaw, assertStored, follow, stored } from '../e2e/load.mjs';

/** The kinds of inject.c, in its order. */
export const KINDS = ['allocate', 'read', 'write', 'full', 'sync', 'open', 'lock', 'shm', 'db-allocate', 'statvfs'];
/** And what a program does with files itself: not tried unless it is named. */
const ALL_KINDS = [...KINDS, 'files'];
const OFFSET = { kind: 0, forever: 4, left: 8, failed: 16, clock: 24, seen: 32, later: 32 + 8 * ALL_KINDS.length, free: 40 + 8 * ALL_KINDS.length };

/** What the daemon has for this are timers: a probe that failed is believed for 1 s, a look comes 500 ms after another. */
const WELL_MS = ms(6_000);

export const step = Number(process.env.FAULT_STEP || 1);
export const faulty = path.resolve(root, process.env.LONGLINED_FAULT || 'build/asan/longlined-fault');

/** The file through which a daemon is told what is to fail; `env` leads the daemon to it. */
export class Faults {
	constructor() {
		this.path = path.join(tempDir(), 'control');
		this.fd = fs.openSync(this.path, 'w+');
		// The daemon of a test that runs as root does not.
		fs.chmodSync(path.dirname(this.path), 0o755);
		fs.chmodSync(this.path, 0o666);
		fs.ftruncateSync(this.fd, OFFSET.free + 8);
		this.disarm();
		this.env = { LONGLINED: faulty, LONGLINE_FAULT: this.path };
	}

	#put(offset, value, wide = true) {
		const bytes = Buffer.alloc(wide ? 8 : 4);
		wide ? bytes.writeBigInt64LE(BigInt(value)) : bytes.writeUInt32LE(value);
		fs.writeSync(this.fd, bytes, 0, bytes.length, offset);
	}

	#get(offset) {
		const bytes = Buffer.alloc(8);
		fs.readSync(this.fd, bytes, 0, 8, offset);
		return Number(bytes.readBigInt64LE());
	}

	/** The call of this kind that comes after `skip` others fails, and with `forever` all that follow; 'killed': it ends the program. */
	arm(kind, skip = 0, forever = false) {
		this.disarm();
		this.#put(OFFSET.failed, 0);
		this.#put(OFFSET.left, skip);
		this.#put(OFFSET.forever, forever === 'killed' ? 2 : forever ? 1 : 0, false);
		this.#put(OFFSET.kind, ALL_KINDS.indexOf(kind), false);
	}

	disarm() {
		this.#put(OFFSET.kind, ALL_KINDS.length, false);
	}

	/** How many calls have been made to fail since it was armed. */
	failed() {
		return this.#get(OFFSET.failed);
	}

	/** How many calls of a kind there have been. */
	seen(kind) {
		return this.#get(OFFSET.seen + 8 * ALL_KINDS.indexOf(kind));
	}

	/** Sets the time of day off by so many milliseconds, as the daemon and its SQLite see it. */
	clock(offset) {
		this.#put(OFFSET.clock, offset);
	}

	/** So many bytes are free on the disk, as the daemon is told; 0: as many as there are. */
	free(bytes) {
		this.#put(OFFSET.free, bytes);
	}

	/** So many milliseconds have gone by for the daemon since it began, besides those that have; its next turn knows. */
	later(passed) {
		this.#put(OFFSET.later, passed);
	}
}

/**
 * A request that may fail, but only as requests may: resolves to the response, or null if the connection was cut. `also`: what
 * else it may be answered with, such as 401 where a token is not good; nothing that fails makes a good one bad.
 */
export async function attempt(promise, also = []) {
	let res;
	try {
		res = await promise;
	} catch (error) {
		// An answer that does not come at all is no failure that a fault excuses.
		assert.doesNotMatch(error.message, /no answer/);
		return null;
	}
	// What cannot be told apart from a session that ended is 400.
	assert.ok([200, 201, 304, 400, 500, 502, 503, ...also].includes(res.status), `${res.status}: ${res.text}`);
	return res;
}

/** Sends until it is answered: what was stored by an attempt that failed must not be stored again. */
async function deliver(door, log, text, room) {
	const key = text.split(' ')[0];
	for (;;) {
		const res = await attempt(door.send({ text, key, room }), [429]);
		if (res?.status === 201 || res?.status === 200) {
			log.answered.set(text, res.json.id);
			return;
		}
		assert.notEqual(res?.status, 400, res?.text);
		await sleep(5);
	}
}

/** More messages than the memory of the daemon holds with SMALL, so that old ones are read from the disk: 300 of room `old`. */
export async function fill(server) {
	await server.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
		INSERT INTO messages(room, text) SELECT 'old', printf('old %d ', i) || hex(randomblob(5000)) FROM n`);
	await until(async () => await server.head() === 300);
	await until(async () => (await server.history({ room: 'old', q: '300' })).json.messages.length === 1);
}
export const SMALL = '--ring-bytes 100000';

/**
 * Goes through a scenario with each point of each kind failing: once, and from then on until the scenario is over. After
 * each the daemon must serve again; at the end nothing answered may be lost or doubled, a reader that went on from its
 * cursor all the time has seen each message once and in order, and AddressSanitizer has found nothing, leaks included.
 * `scenario(server, tag, armed)` gets a new word each time, makes its requests through attempt(), and gives [[text, room,
 * door, id]] of the messages that it tried to send, all with the text's first word as key, of who sends them (the server:
 * anybody), and with what id it was answered, if it was. `armed`: something may fail.
 * `reader`: gives who may read all of it. `followers`: others that stay while all fails, as assertSaw() takes them.
 * `allocations`: each n-th of SQLite's is enough, where they are many and alike.
 */
export async function torture(t, scenario, { kinds = process.env.FAULT_KINDS?.split(',') ?? KINDS, prepare, reader: readerOf, followers, allocations = 1, flags = '' } = {}) {
	const faults = new Faults();
	const server = await start({ t, env: faults.env, flags: `--lock-wait 1 ${flags}` });
	await prepare?.(server);
	const reader = await follow(readerOf?.(server) ?? server, { patient: true, wait: 5 }).start();
	const readers = [reader, ...await Promise.all(followers?.(server) ?? [])];
	const pid = server.pid();
	const log = { answered: new Map() };
	let n = 0, armed = 0, slowest = { ms: 0, where: 'nowhere' }, where = 'nothing';

	/** One go; the messages are sent again when nothing fails any more. */
	const go = async (arm) => {
		const tag = `t${n++}`;
		arm?.();
		let sent;
		try {
			sent = await scenario(server, tag, arm !== undefined) ?? [];
		} finally {
			faults.disarm();
		}
		const began = performance.now();
		for (const [text, room, door, id] of sent) {
			await deliver(door ?? server, log, text, room);
			assert.equal(id ?? log.answered.get(text), log.answered.get(text), `${text} was answered before`);
		}
		await until(async () => (await attempt(server.get('/healthz')))?.status === 200,
			{ timeout: WELL_MS, what: `the daemon to be well again after ${tag}` });
		const took = performance.now() - began;
		if (arm && took > slowest.ms)
			slowest = { ms: took, where };
	};

	await go();
	for (const kind of kinds) {
		const before = faults.seen(kind);
		await go();
		await go();
		const points = Math.ceil((faults.seen(kind) - before) / 2);
		for (let point = 0; point < points; point += kind === 'db-allocate' ? allocations * step : step) {
			for (const forever of [false, true]) {
				let failed;
				where = `${kind} ${point} of ${points}${forever ? ' and on' : ''}`;
				try {
					await go(() => faults.arm(kind, point, forever));
					failed = faults.failed();
				} catch (error) {
					error.message = `${where}: ${error.message}`;
					throw error;
				}
				armed += failed > 0;
				assert.equal(server.pid(), pid, `the daemon died: ${where}\n${server.log().slice(-4000)}`);
			}
		}
		t.diagnostic(`${kind}: ${points} points`);
	}
	const rows = await stored(server);
	for (const one of readers) {
		await one.reach(rows);
		await one.stop();
	}
	assertStored([log], rows.filter(({ text }) => /^t\d+/.test(text)));
	for (const one of readers) {
		assert.deepEqual(one.odd.slice(0, 3), [], `answers that a fault does not excuse\n${server.log().split('\n').filter((l) => !/^20.* debug/.test(l)).slice(-40).join('\n')}`);
		assertSaw(one, rows);
	}
	assert.equal(await server.sql('PRAGMA integrity_check'), 'ok');
	t.diagnostic(`${armed} failures injected; ${log.answered.size} messages, none lost or doubled; well again after ${slowest.ms.toFixed(0)} ms at most (${slowest.where})`);
	await server.stop();
}

