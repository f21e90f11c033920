// load.mjs: what the load tests share: readers that resume by cursor, senders that repeat until they are answered, and the
// comparison of what they saw with what is stored.
//
// Nothing here asserts while it runs. Each side writes down what it was told; the tests compare afterwards.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import { connect } from './fastcgi.mjs';
import { ms, query, rows, sleep, slow, until, within } from './harness.mjs';

/** Fewer of something under a sanitizer, so that a test costs about the same time everywhere. */
export const fewer = (n, least = 1) => Math.max(least, Math.round(n / slow));

export const random = (low, high) => low + Math.random() * (high - low);
export const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** The value below which this part of them lies: quantile(times, 0.5) is their median. */
export function quantile(values, part) {
	const sorted = Float64Array.from(values).sort();
	return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] : NaN;
}

/** `p50 1.2 p99 3.4 max 5.6 ms of 70` */
export const spread = (times) => `p50 ${quantile(times, 0.5).toFixed(1)} p99 ${quantile(times, 0.99).toFixed(1)} `
	+ `max ${quantile(times, 1).toFixed(1)} ms of ${times.length}`;

/**
 * Begins to measure how late this program's own timers go off, which is what the machine adds to every time taken here.
 * Gives a function that ends it and returns the sum in ms, for limits of what ought to be over soon.
 */
export function lateness() {
	const EVERY_MS = 10;
	let sum = 0, last = performance.now();
	const timer = setInterval(() => {
		const now = performance.now();
		sum += Math.max(0, now - last - EVERY_MS);
		last = now;
	}, EVERY_MS);
	timer.unref();
	return () => {
		clearInterval(timer);
		return sum;
	};
}

/** Whether it was stopped, as it is when a test has failed: nobody goes on then, or the test would never end. */
const gone = (server) => server.proc?.done;

/**
 * Follows rooms as a careful client does: it keeps a cursor, moves it only when a whole answer is there, and asks again
 * from it whatever happens. Options:
 *   rooms       a list; ['*'] is all
 *   wait, limit of each poll; a function is asked each time
 *   drop        gives the milliseconds after which to hang up on this poll and ask again; undefined: never
 *   rest        milliseconds between an answer and the next poll; none: at once
 *   patient     failures (a 502, a connection cut) are expected: ask again after a moment; else they end it
 *   onMessage   is told of each message, at once
 *   sees        whether it may read a room, for what it is to get
 * Where it begins is known once `start()` has resolved.
 */
export function follow(server, { rooms: names = ['*'], wait = 10, limit, drop, rest, patient = false, onMessage, sees } = {}) {
	const value = (option) => (typeof option === 'function' ? option() : option);
	const content = crypto.createHash('sha256');
	const self = { rooms: names, sees, ids: [], polls: 0, dropped: 0, failures: [], odd: [], from: undefined, start, reach, stop };
	let cursor, epoch, hangUp, running, asked, stopping = false;

	async function start() {
		const { json } = await server.poll({ room: names, wait: 0 });
		self.from = cursor = json.next;
		epoch = json.epoch;
		running = loop();
		return self;
	}

	function take({ messages, next, more, ...rest }) {
		if (rest.epoch !== epoch || rest.reset || rest.gap)
			self.odd.push({ cursor, ...rest });
		for (const message of messages) {
			self.ids.push(message.id);
			content.update(`${message.id} ${message.room} ${message.text ?? 'args'}\n`);
			onMessage?.(message);
		}
		if (next < (messages.at(-1)?.id ?? cursor) || (more && messages.length === 0))
			self.odd.push({ cursor, next, more });
		cursor = next;
	}

	async function once() {
		hangUp = new AbortController();
		const time = value(drop);
		const timer = time === undefined ? undefined : setTimeout(() => hangUp.abort(), time);
		self.polls++;
		asked = performance.now();
		try {
			const params = { room: names, since: cursor, epoch, wait: value(wait), limit: value(limit) };
			const res = await server.poll(params, { signal: hangUp.signal });
			if (res.status !== 200 || !Array.isArray(res.json?.messages))
				throw new Error(`poll answered ${res.status}: ${res.text.slice(0, 200)}`);
			take(res.json);
		} catch (error) {
			if (hangUp.signal.aborted) {
				self.dropped += stopping ? 0 : 1;
			} else {
				self.failures.push(error);
				if (!patient)
					throw error;
				await sleep(random(2, 20));
			}
		} finally {
			clearTimeout(timer);
		}
	}

	async function loop() {
		while (!stopping && !gone(server)) {
			try {
				await once();
			} catch {
				return; // it is in self.failures, for the test to find
			}
			const pause = value(rest);
			if (pause)
				await sleep(pause);
		}
	}

	/** Waits until it has been told of everything that is stored for it. */
	function reach(log, timeout = ms(30_000)) {
		const head = dueTo(self, log).at(-1)?.id ?? 0;
		return until(() => cursor >= head || (!patient && self.failures.length > 0), { timeout, what: `a reader at ${cursor} to reach ${head}` }).catch((error) => {
			error.message += `; it is at ${cursor} now, its poll was sent ${(performance.now() - asked).toFixed(0)} ms ago, its last failure was ${self.failures.at(-1)}`;
			throw error;
		});
	}

	async function stop() {
		stopping = true;
		hangUp.abort();
		await within(ms(20_000), running, 'a reader to end');
		self.digest ??= content.digest('hex');
		return self;
	}
	return self;
}

/**
 * Something to follow() and sender() like a server, but at the daemon's socket and with one kept connection: where there are
 * so many of them that nginx and HTTP would be most of the work.
 */
export function direct(socket) {
	let conn;
	async function ask(options, signal) {
		conn ??= await connect(socket);
		const one = conn, close = () => {
			one.close();
			conn = undefined;
		};
		signal?.addEventListener('abort', close);
		try {
			if (signal?.aborted)
				throw new Error('aborted');
			return await one.ask({ keep: true, ...options });
		} catch (error) {
			close();
			throw error;
		} finally {
			signal?.removeEventListener('abort', close);
		}
	}
	return {
		poll: (params, { signal } = {}) => ask({ path: '/poll', query: query(params).slice(1) }, signal),
		close: () => conn?.close(),
	};
}

/** Which format a text of a sender's with `formats` has, as a row has it. */
export const formatOf = (text) => (Number(/^\w+\.(\d+)/.exec(text)?.[1]) % 3 === 0 ? 'markdown' : null);

/**
 * Sends one after the other until told to stop. With keys (`keyed`) each is repeated until it is answered, as curl --retry
 * would. `answered` maps each text to the id it was given; `failures` are the errors of attempts that were not answered
 * with one. An answer that no repetition could better ends it, and stop() tells. With `formats` each third is Markdown.
 */
export function sender(server, name, { rooms: names = ['main'], keyed = false, size = 200, pause, formats = false } = {}) {
	const self = { answered: new Map(), failures: [], replayed: 0, took: [], stop };
	let stopping = false, refused;

	async function attempt(text, room) {
		const format = formats && formatOf(text) || undefined;
		const key = keyed ? /^\S+/.exec(text)[0] : undefined;
		const res = await server.post('/send', JSON.stringify({ room, text, sender: name, key, format }), { 'Content-Type': 'application/json' });
		if (res.status !== 201 && !(keyed && res.status === 200)) {
			const error = new Error(`send answered ${res.status}: ${res.text.slice(0, 200)}`);
			if (res.status < 500)
				refused = error;
			throw error;
		}
		if (res.status === 200)
			self.replayed++;
		self.took.push(res.took);
		self.answered.set(text, res.json.id);
	}

	async function loop() {
		for (let n = 0; !stopping && !refused && !gone(server); n++) {
			const room = pick(names);
			const text = `${name}.${n} `.padEnd(Math.floor(random(1, size)), 'x').trimEnd();
			while (!self.answered.has(text) && !refused && !gone(server)) {
				try {
					await attempt(text, room);
				} catch (error) {
					self.failures.push(error);
					if (!keyed)
						break;
					await sleep(random(2, 20));
				}
			}
			if (pause)
				await sleep(pause());
		}
	}
	const running = loop();

	async function stop() {
		stopping = true;
		await within(ms(60_000), running, `sender ${name} to end`);
		if (refused)
			throw refused;
		return self;
	}
	return self;
}

/** Everything that is stored, in order: [{id, room, text, key}]. */
export const stored = (server) => rows(server.db, 'SELECT id, room, text, key FROM messages ORDER BY id');

/** The rows that a reader should see. */
export const dueTo = (reader, log) => log.filter(({ id, room }) =>
	id > reader.from && (reader.rooms.includes('*') || reader.rooms.includes(room)) && (reader.sees?.(room) ?? true));

/** Whether the reader saw each stored row of its rooms above where it began, once, in order, unchanged. */
export function assertSaw(reader, log) {
	const due = dueTo(reader, log);
	for (let i = 0; i < Math.max(due.length, reader.ids.length); i++) {
		if (reader.ids[i] === due[i]?.id)
			continue;
		const missing = due.filter(({ id }) => !reader.ids.includes(id)).length;
		const kind = reader.version ? `client ${reader.version}` : 'poll';
		assert.fail(`a reader (${kind}) of ${reader.rooms} got ${reader.ids[i]} where ${due[i]?.id} was due (number ${i + 1}); around it it got `
			+ `${reader.ids.slice(Math.max(0, i - 3), i + 4)}; it never got ${missing} of ${due.length}, ${reader.ids.length} in all; `
			+ `odd: ${JSON.stringify(reader.odd.slice(0, 3))}`);
	}
	const content = crypto.createHash('sha256');
	for (const { id, room, text } of due)
		content.update(`${id} ${room} ${text ?? 'args'}\n`);
	assert.equal(reader.digest, content.digest('hex'), `what a reader of ${reader.rooms} got is not what is stored`);
	assert.deepEqual(reader.odd, [], 'answers that no reader should get here');
}

/** Whether each answered send is stored once, under the id that was answered, and nothing else is. */
export function assertStored(senders, log) {
	const byText = new Map();
	for (const row of log) {
		assert.ok(!byText.has(row.text), `stored twice: ids ${byText.get(row.text)?.id} and ${row.id}`);
		byText.set(row.text, row);
	}
	let answered = 0;
	for (const one of senders) {
		for (const [text, id] of one.answered) {
			answered++;
			assert.equal(byText.get(text)?.id, id, `the send answered with id ${id} is stored with id ${byText.get(text)?.id}`);
		}
	}
	return { answered, stored: byText.size };
}

/** CPU time (ms) that processes have used so far, all their threads together. */
export function cpu(pids) {
	let ticks = 0;
	for (const pid of pids) {
		// The name may hold blanks and brackets; what follows the last bracket does not.
		const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
		ticks += Number(fields[11]) + Number(fields[12]);
	}
	return ticks * 10; // USER_HZ is 100 wherever Linux is
}

/** Bytes of memory that belong to this process alone. */
export function memory(pid) {
	const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
	const kib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1]);
	return (kib('Private_Clean') + kib('Private_Dirty')) * 1024;
}

/** The children of a process, and theirs, that run a program of this name. */
export function descendants(pid, name) {
	const found = [];
	let children = [];
	try {
		children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
	} catch {
		// It is gone.
	}
	for (const child of children) {
		try {
			// The kernel keeps 15 bytes of the name.
			if (fs.readFileSync(`/proc/${child}/comm`, 'utf8').trim() === name.slice(0, 15))
				found.push(child);
		} catch {
			continue;
		}
		found.push(...descendants(child, name));
	}
	return found;
}

/** The wall clock in milliseconds, finer than Date.now(). */
export const now = () => performance.timeOrigin + performance.now();
