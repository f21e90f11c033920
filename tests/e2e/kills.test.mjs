// kills.test.mjs: exactly once, where everybody is somebody: as crash.test.mjs, in a closed log with limits, while grants and
// tokens change. Several persons use the same keys; what a token was answered before it went is there, nothing came after it;
// each reader has the rows that it may read, once and in order, and no other.
//
// Environment: KILLS  how many times the daemon is killed (25; fewer where TEST_SLOW is set; 500 for the acceptance)
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { alive, ms, newPid, sleep, start, until, within } from './harness.mjs';
import { assertSaw, assertStored, fewer, follow, pick, random, stored } from './load.mjs';
import { as, bearer, insertGrant, insertToken, jwt, keyFile, newSecret, quoted } from './persons.mjs';
import { followSocket, socketSender } from './sockets.mjs';
import { eventSource, followStream, lineReader } from './streams.mjs';

const KILLS = Number(process.env.KILLS || fewer(25, 5));
const FOR = { timeout: ms(60_000) };

const grants = [
	{ who: 'anyone', rooms: 'main', may: 'r' }, { who: 'anyone', rooms: 'open', may: 'rw' },
	{ who: 'users', rooms: 'open', may: 'rw' }, { who: 'users', rooms: 'team*', may: 'rw' }, { who: 'users', rooms: 'main', may: 'r' },
	{ who: 'users', rooms: 'wobble', may: 'rw' },
	{ who: 'token:all', rooms: '*', may: 'rw' }, { who: 'token:ci', rooms: 'secret', may: 'w' }, { who: 'token:part', rooms: 'te*', may: 'r' },
	{ who: 'token:part', rooms: '*', may: '' }, { who: 'token:part', rooms: 'main', may: 'r' },
];
const isFor = (...names) => (room) => names.some((name) => (name.endsWith('*') ? room.startsWith(name.slice(0, -1)) : room === name));
const SEEN = { stranger: isFor('main', 'open'), user: isFor('main', 'open', 'team*', 'wobble'), part: isFor('main', 'te*'), all: () => true };

/** The server as somebody sees it, whose headers are made anew for each request. */
function door(server, headers) {
	const now = () => as(server, headers());
	return { ...server, headers: () => now().headers, poll: (...args) => now().poll(...args), send: (...args) => now().send(...args) };
}

/**
 * Sends with keys that all persons use, each until it is answered, some once more behind that; `by` is what is to be stored.
 * 403 and 429 pass: grants change, and too many send. 401 ends it: its token is gone.
 */
function sender(server, name, { by, rooms, lane = 0 }) {
	const self = { by, answered: new Map(), sent: new Map(), replayed: 0, wrong: [], retries: 0, refused: 0, over: false, stop };
	let stopping = false;

	async function attempt(body) {
		const res = await server.send(body);
		self.over ||= res.status === 401;
		self.last = `${res.status} ${res.json?.code ?? ''}`;
		self.refused += res.status === 403;
		if (![200, 201, 401, 403, 429, 502, 503, 504].includes(res.status))
			self.wrong.push(`${res.status} ${res.text.slice(0, 200)}`);
		self.replayed += res.status === 200;
		return res.status === 200 || res.status === 201 ? res.json.id : undefined;
	}

	async function again(body) {
		const id = await attempt(body).catch(() => undefined);
		if (id !== undefined && id !== self.answered.get(body.text))
			self.wrong.push(`${body.text} was ${self.answered.get(body.text)}, and then ${id}`);
	}

	async function loop() {
		for (let n = 0; !stopping && !self.over && !server.proc.done && self.wrong.length === 0; n++) {
			const body = { room: pick(rooms), key: `key-${lane}-${n}`, text: `${name}.${n} `.padEnd(Math.floor(random(1, 300)), 'x').trimEnd(), sender: name };
			self.sent.set(body.text, body);
			while (!self.answered.has(body.text) && !self.over && !server.proc.done && self.wrong.length === 0) {
				const id = await attempt(body).catch(() => undefined);
				if (id !== undefined)
					self.answered.set(body.text, id);
				else {
					self.retries++;
					await sleep(random(2, 25));
				}
			}
			if (Math.random() < 0.05 && !self.over)
				await again(body);
		}
	}
	const running = loop();

	async function stop() {
		stopping = true;
		await within(ms(60_000), running, `sender ${name} to end`);
		return self;
	}
	return self;
}

/** Changes grants and tokens, each a moment after the other: {markers: [[by, id]], changes, stop()}. */
function changes(server, visit) {
	const self = { markers: [], visitors: [], n: 0, stop };
	let stopping = false;

	async function loop() {
		for (let n = 0; !stopping && !server.proc.done; n++, self.n++) {
			const secret = newSecret(), name = `visitor-${n}`;
			await server.sql(`BEGIN IMMEDIATE; ${insertToken({ name, secret })} ${insertGrant({ who: 'users', rooms: `churn-${n}*`, may: 'rw' })}
				DELETE FROM grants WHERE rooms = 'churn-${n - 3}*'; UPDATE grants SET may = '${n % 2 ? 'r' : 'rw'}' WHERE rooms = 'wobble'; COMMIT;`, { timeout: 60_000 });
			const one = visit(name, secret);
			self.visitors.push(one);
			await sleep(random(20, 400));
			const id = await server.sql(`BEGIN IMMEDIATE; DELETE FROM tokens WHERE name = ${quoted(name)};
				INSERT INTO messages(room, text) VALUES('secret', 'marker ${n}') RETURNING id; COMMIT;`, { timeout: 60_000 });
			self.markers.push([name, Number(id)]);
		}
		await server.sql("UPDATE grants SET may = 'rw' WHERE rooms = 'wobble'");
	}
	const running = loop();

	async function stop() {
		stopping = true;
		await running;
		await Promise.all(self.visitors.map((one) => one.stop()));
		return self;
	}
	return self;
}

it(`kills: ${KILLS} times kill -9 of a closed log under load`, async (t) => {
	const secrets = { all: newSecret(), ci: newSecret(), robot: newSecret(), part: newSecret() };
	const server = await start({ t, workers: 2, flags: `--ping-interval 3000 --ping-timeout 5000 --jwt-key ${keyFile()} --limit messages=80:40 --limit held=8 --limit trusted.messages=off` });
	await server.sql(`BEGIN IMMEDIATE; ${insertToken({ name: 'all', secret: secrets.all, kind: 'trusted' })} ${insertToken({ name: 'ci', secret: secrets.ci })}
		${insertToken({ name: 'robot', secret: secrets.robot, sender: 'R2' })} ${insertToken({ name: 'part', secret: secrets.part })} ${grants.map(insertGrant).join(' ')} COMMIT;`);
	const user = (sub, more) => jwt({ sub, exp: Math.floor(Date.now() / 1000) + 12 * 3600, ...more });
	const doors = Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [name, door(server, () => bearer(secret))]));
	doors.stranger = door(server, () => ({}));
	// Each time another JWT, of the same user.
	doors.ann = door(server, () => bearer(user('ann', { jti: Math.random() })));
	doors.basic = door(server, () => ({ Authorization: `Basic ${btoa(`ci:${secrets.ci}`)}` }));
	const began = performance.now();

	const reader = (name, rooms, sees) => follow(doors[name], {
		rooms, sees, patient: true, wait: () => random(0.05, 5).toFixed(2), limit: () => pick([undefined, 1, 7, 1000]),
		drop: () => (Math.random() < 0.05 ? random(0, 100) : undefined),
	}).start();
	const readers = await Promise.all([
		reader('all', ['*'], SEEN.all), reader('ann', ['*'], SEEN.user), reader('robot', ['*'], SEEN.user), reader('part', ['*'], SEEN.part),
		reader('stranger', ['*'], SEEN.stranger), reader('ann', ['open', 'team-a'], SEEN.user), reader('part', ['team-b'], SEEN.part), reader('all', ['secret'], SEEN.all),
		reader('stranger', ['open'], SEEN.stranger),
	]);
	const token = (secret) => ({ token: secret });
	readers.push(...await Promise.all([
		followSocket(server, 'open', '4.8', token(user('ann'))), followSocket(server, 'team-a', '4.8', token(secrets.part)),
		followSocket(server, 'secret', '4.0', token(secrets.all)), followSocket(server, 'open', '4.8'),
		followSocket(server, 'team-b', '4.8', token(user('ann')), ['websocket']), followSocket(server, 'secret', '3.1', token(secrets.all), ['websocket']),
	].map((one) => one.start())));
	const streamed = (kind, name, rooms, sees) => followStream(doors[name], kind, rooms, { sees, headers: doors[name].headers });
	readers.push(...await Promise.all([
		streamed(eventSource, 'part', ['*'], SEEN.part), streamed(lineReader, 'ann', ['*'], SEEN.user), streamed(eventSource, 'all', ['secret'], SEEN.all),
		streamed(lineReader, 'stranger', ['open'], SEEN.stranger), streamed(eventSource, 'ann', ['open', 'team-a'], SEEN.user),
	]));

	const rooms = ['open', 'team-a', 'team-b', 'wobble'];
	const senders = [
		sender(doors.ci, 'ci.a', { by: 'ci', rooms: [...rooms, 'secret'] }), sender(doors.basic, 'ci.b', { by: 'ci', rooms: ['open', 'secret'], lane: 1 }),
		sender(doors.robot, 'robot', { by: 'robot', rooms }), sender(doors.ann, 'ann.a', { by: 'user:ann', rooms }),
		sender(doors.ann, 'ann.b', { by: 'user:ann', rooms, lane: 1 }), sender(doors.stranger, 'nobody', { by: null, rooms: ['open'] }),
		sender(doors.stranger, 'anybody', { by: null, rooms: ['open'], lane: 1 }), sender(doors.all, 'all', { by: 'all', rooms: ['secret', 'wobble'] }),
	];
	const sockets = [
		socketSender(server, 'io-ci', 'team-b', { auth: token(secrets.ci), ahead: 2 }), socketSender(server, 'io-ann', 'open', { auth: token(user('ann')) }),
		socketSender(server, 'io-nobody', 'open', { ahead: 1 }),
	];
	['ci', 'user:ann', null].forEach((by, i) => Object.assign(sockets[i], { by }));
	const moving = changes(server, (name, secret) => sender(door(server, () => bearer(secret)), name, { by: name, rooms }));
	const everybody = [...senders, ...sockets];
	const answered = () => everybody.reduce((sum, one) => sum + one.answered.size, 0);
	const names = ['ci.a', 'ci.b', 'robot', 'ann.a', 'ann.b', 'nobody', 'anybody', 'all', 'io-ci', 'io-ann', 'io-nobody'];

	/** Whether each sender was answered since; one that was told what it should not be ends it. */
	function allSince(before) {
		for (const one of senders)
			assert.deepEqual(one.wrong, []);
		return everybody.every((one, j) => one.answered.size > before[j]);
	}
	const silent = (before) => names.filter((_, j) => everybody[j].answered.size <= before[j]);

	for (let i = 0; i < KILLS; i++) {
		const pid = await newPid(server, 0), sofar = answered(), before = everybody.map((one) => one.answered.size);
		// Now and then everybody has got a word in.
		if (i % 10 === 5) {
			await until(() => allSince(before), { ...FOR, what: `each sender to be answered after restart ${i}` }).catch((error) => {
				const last = everybody.map((one) => one.failures?.at(-1)?.message ?? one.last).join('; ');
				throw new Error(`${error.message}: not so ${silent(before)} (${last})\n${server.log().slice(-3000)}`);
			});
		}
		await until(() => answered() > sofar + 16, { ...FOR, every: 2, what: `sends to be answered after restart ${i}` });
		await sleep(random(0, 200));
		process.kill(pid, 'SIGKILL');
		await until(() => !alive(pid), { every: 1, what: 'the daemon to be gone' });
		await newPid(server, pid);
	}
	await moving.stop();
	await Promise.all(everybody.map((one) => one.stop()));
	const log = await stored(server), bys = await server.rows('SELECT id, "by" FROM messages');
	await Promise.all(readers.map((one) => one.reach(log.filter(({ room }) => (one.sees ?? SEEN.all)(room)))));
	await Promise.all(readers.map((one) => one.stop()));

	const all = [...senders, ...moving.visitors];
	for (const one of all)
		assert.deepEqual(one.wrong, []);
	const counts = assertStored([...everybody, ...moving.visitors], log), byOf = new Map(bys.map(({ id, by }) => [id, by]));
	for (const one of [...everybody, ...moving.visitors])
		for (const id of one.answered.values())
			assert.equal(byOf.get(id), one.by);
	// What was stored and not answered is the last word of a token that went, or an answer that a limit cut short.
	const known = new Set([...everybody, ...moving.visitors].flatMap((one) => [...one.answered.keys()]));
	const unanswered = log.filter(({ text }) => !known.has(text) && !/^marker/.test(text));
	for (const { text, key } of unanswered)
		assert.ok(/^visitor-\d+\./.test(text), `'${text.slice(0, 60)}' (${key}) was stored, and nobody told`);
	for (const [by, id] of moving.markers)
		assert.deepEqual(bys.filter((row) => row.by === by && row.id > id), [], `${by} wrote after it was revoked`);
	for (const one of sockets)
		assert.deepEqual(one.failures.filter((error) => /forbidden|unauthorized/.test(error.message)), []);
	assert.deepEqual(await server.rows(`SELECT room, "by", key, count(*) AS n FROM messages WHERE key IS NOT NULL GROUP BY room, ifnull("by", ''), key HAVING n > 1`), []);
	assert.deepEqual(await server.rows('SELECT 1 FROM messages WHERE "by" = \'robot\' AND sender <> \'R2\' OR "by" = \'ci\' AND sender <> \'ci\''), []);
	for (const one of readers)
		assertSaw(one, log);
	assert.equal(await server.sql('PRAGMA integrity_check'), 'ok');

	const sum = (list, what) => list.reduce((n, one) => n + what(one), 0);
	t.diagnostic(`${KILLS} kills in ${((performance.now() - began) / 1000).toFixed(1)} s: ${counts.answered} sends answered, ${counts.stored} rows, 0 lost, 0 stored twice; `
		+ `${sum(all, (s) => s.retries)} attempts failed, ${sum(all, (s) => s.refused)} of them for a grant, ${sum(all, (s) => s.replayed)} were replays; `
		+ `${moving.n} tokens came and went, ${unanswered.length} of their last words unanswered; ${readers.length} readers took ${sum(readers, (r) => r.ids.length)} messages in order, `
		+ `${sum(readers, (r) => r.failures?.length ?? 0)} of their polls failed`);
});
