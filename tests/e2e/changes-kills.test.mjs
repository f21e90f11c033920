// changes-kills.test.mjs: messages are changed and deleted under load while the daemon is killed: every reader ends with
// exactly what the log says, and nothing is stored twice, also where a first answer was lost and the send is repeated after
// its message was changed or deleted. Sends and their repeats go by HTTP and by Socket.IO, either after either.
//
// Readers are polls, Socket.IO clients that upgrade or begin by WebSocket, streams of both kinds, `longline tail` into a file and
// into commands, which is killed as well, and the page.
//
// Environment: KILLS  how many times the daemon is killed (12; fewer where TEST_SLOW is set; 500 for the acceptance)
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { io } from '../conformance/clients.mjs';
import { open } from '../js/browser.mjs';
import { alive, child, killPid, longline, ms, newPid, rows, sleep, start, tempDir, until, within } from './harness.mjs';
import { fewer, follow, pick, random } from './load.mjs';
import { eventSource, lineReader } from './streams.mjs';

const KILLS = Number(process.env.KILLS || fewer(12, 4));
const FOR = { timeout: ms(60_000) };
const ROOMS = ['main', 'ops'];

/** What a reader makes of what it is told: id -> text. */
function state() {
	const self = { texts: new Map(), take };
	function take({ id, text, changes, event }) {
		if (event === 'message deleted')
			self.texts.delete(changes);
		else if (changes === undefined)
			self.texts.set(id, text);
		else if (self.texts.has(changes))
			self.texts.set(changes, text);
	}
	return self;
}

/** A client that comes back soon, until the test ends. */
function socket(t, server, room, options) {
	const one = io(`${server.url}/${room}`, { forceNew: true, reconnectionDelay: 5, reconnectionDelayMax: 50, ...options });
	t.after(() => one.close());
	return one;
}

/** A Socket.IO client that does the same, by recovery or from where it was. */
async function socketReader(t, server, room, options) {
	const self = { ...state(), rooms: [room], odd: [], last: await server.head() };
	self.from = self.last;
	const one = socket(t, server, room, { auth: { serverOffset: self.last }, ...options });
	one.onAny((event, ...args) => {
		const offset = args.at(-1), [changes, text] = event === 'chat message' ? [undefined, args[0]] : args;
		if (args.length !== (changes === undefined ? 2 : 3) || Number(offset) <= self.last)
			self.odd.push([event, ...args]);
		self.last = Number(offset);
		one.auth.serverOffset = offset;
		self.take({ id: self.last, event, changes, text });
	});
	await until(() => one.connected, { what: 'a socket to connect' });
	return self;
}

/** A reader of /stream, by EventSource's header or by the cursor of its lines. */
async function streamReader(t, server, reader, rooms) {
	const self = { ...state(), rooms, odd: [], last: await server.head(), stop };
	self.from = self.last;
	self.one = reader(server.url, { room: rooms, since: self.from }, { onMessage });
	t.after(() => self.one.stop());

	function onMessage(message) {
		if (message.id <= self.last)
			self.odd.push(message);
		self.last = message.id;
		self.take(message);
	}
	async function stop() {
		await self.one.stop();
		assert.deepEqual([...self.one.words, ...self.one.wrong], []);
	}
	return self;
}

/** `longline tail`, whose messages end in a file; a command for each puts them there, or it does so itself. */
async function tailReader(server, commands) {
	const home = tempDir(), file = path.join(home, 'file'), mark = path.join(home, 'state');
	const how = commands ? ['--exec', `cat >>${file}`] : ['--json'];
	const self = { ...state(), rooms: ['*'], from: 0, odd: [], kills: 0, kill, reach, stop };
	let proc;

	function begin() {
		// The shell goes on as the program, so that the process is it.
		proc = child('sh', ['-c', 'file=$0; exec "$@" >>"$file"', file, longline, 'tail', '-r', '*', '-n', 'all', '--state', mark, ...how],
			{ env: { HOME: home, LONGLINE_URL: server.url } });
	}
	const messages = () => fs.readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line));

	async function kill() {
		self.kills++;
		assert.ok(alive(proc.pid), `longline tail ended by itself: ${proc.stderr}`);
		await killPid(proc.pid);
		begin();
	}

	async function reach(head) {
		await until(() => (messages().at(-1)?.id ?? 0) >= head || proc.done, { ...FOR, every: 100, what: `longline tail to reach ${head}` });
		for (const message of messages()) {
			if (message.id <= (self.last ?? 0))
				self.odd.push(message);
			self.last = message.id;
			self.take(message);
		}
	}

	async function stop() {
		proc.signal();
		await within(ms(30_000), proc.ended, 'longline tail to end');
		assert.doesNotMatch(proc.stderr, /deleted before|another one now/);
	}
	begin();
	await until(() => fs.existsSync(mark), { what: 'a state of longline tail' });
	return self;
}

/** The page: what it shows of a room at the end, [id, text] each, is the end of what the log says. */
async function pageReader(t, server, room) {
	const p = await open(t, `${server.url}/#${room}`, { cut: true });
	await p.connected();
	return () => p.log.locator('article[data-id]')
		.evaluateAll((nodes) => nodes.map((node) => [Number(node.dataset.id), node.querySelector('.text').textContent]));
}

/**
 * Sends, changes, deletes and repeats; `says` is what the log is to have: id -> text, or null where it was deleted.
 * `repeated` counts the sends that were repeated after a change, by transport.
 */
function author(t, server, name) {
	const self = { says: new Map(), done: 0, repeated: { http: 0, socket: 0 }, wrong: [], stop };
	const sockets = new Map(ROOMS.map((room) => [room, socket(t, server, room)]));
	let stopping = false;

	/** Asks until there is an answer that counts. */
	async function sure(what, ask, good) {
		for (;;) {
			const res = await ask().catch(() => undefined);
			if (res && good.includes(res.status)) {
				self.done++;
				return res.json.id;
			}
			if (res && ![502, 503, 504].includes(res.status)) {
				self.wrong.push(`${what}: ${res.status} ${res.text.slice(0, 200)}`);
				throw new Error(self.wrong.at(-1));
			}
			if (server.proc.done)
				throw new Error('the server has gone');
			await sleep(random(2, 25));
		}
	}
	const one = (id, method, headers, body) => () => server.request(`/messages/${id}`, { method, body, headers: { 'Content-Type': 'text/plain', ...headers } });

	/** A send by Socket.IO, in the form of an answer by HTTP. What is not answered stays in the client, which sends it later. */
	const emitted = async (room, text, key) => {
		const answer = await sockets.get(room).timeout(ms(1_500)).emitWithAck('chat message', text, key);
		return { status: answer.id ? 200 : 400, json: answer, text: JSON.stringify(answer) };
	};

	async function story(n) {
		// What Socket.IO takes for a client offset.
		const room = pick(ROOMS), key = `${name}-of-these-kills-${n}`, text = `${key} `.padEnd(Math.floor(random(1, 200)), 'x').trimEnd();
		const send = { http: () => server.send({ room, key, text, sender: name }), socket: () => emitted(room, text, key) };
		const id = await sure('send', send[pick(['http', 'socket'])], [200, 201]);
		const again = async () => {
			if (Math.random() < 0.5) {
				const how = pick(['http', 'socket']);
				assert.equal(await sure('the send, once more', send[how], [200]), id, how);
				self.repeated[how]++;
			}
		};
		self.says.set(id, text);
		for (let k = Math.floor(random(0, 3)); k > 0; k--) {
			const edit = `${key} edit ${k}`;
			await sure('edit', one(id, 'PATCH', { 'If-Key': key, 'Idempotency-Key': `${key}-${k}` }, edit), [200, 201]);
			self.says.set(id, edit);
			await again();
		}
		if (Math.random() < 0.4) {
			const first = await sure('deletion', one(id, 'DELETE', { 'If-Key': key }), [200, 201]);
			self.says.set(id, null);
			await again();
			assert.equal(await sure('a second deletion', one(id, 'DELETE', { 'If-Key': key }), [200]), first);
		}
	}

	const running = (async () => {
		for (let n = 0; !stopping && !server.proc.done; n++)
			await story(n);
	})();
	running.catch(() => {}); // stop() tells of it

	async function stop() {
		stopping = true;
		await within(ms(60_000), running, `author ${name} to end`);
		return self;
	}
	return self;
}

it(`changes: ${KILLS} times kill -9 among edits and deletions`, async (t) => {
	const server = await start({ t, workers: 2 });
	const told = await Promise.all([['*'], ['main'], ['ops', 'main'], ['*']].map(async (rooms) => {
		const one = state();
		one.reader = await follow(server, {
			rooms, patient: true, onMessage: one.take, wait: () => random(0.05, 3).toFixed(2), limit: () => pick([undefined, 1, 7]),
			drop: () => (Math.random() < 0.05 ? random(0, 100) : undefined),
		}).start();
		return one;
	}));
	const sockets = await Promise.all(ROOMS.flatMap((room) => [{}, { transports: ['websocket'] }].map((how) => socketReader(t, server, room, how))));
	const streams = await Promise.all([eventSource, lineReader].flatMap((reader) => [['*'], ['main', 'ops'], ['ops']].map((rooms) => streamReader(t, server, reader, rooms))));
	const tails = await Promise.all([false, true].map((commands) => tailReader(server, commands)));
	const page = await pageReader(t, server, ROOMS[0]);
	const authors = Array.from({ length: 8 }, (_, i) => author(t, server, `a${i}`));
	const done = () => authors.reduce((sum, one) => sum + one.done, 0);

	for (let i = 0; i < KILLS; i++) {
		const pid = await newPid(server, 0), before = done();
		await until(() => done() > before + 20 || authors.some(({ wrong }) => wrong.length), { ...FOR, every: 2, what: `answers after restart ${i}` });
		await sleep(random(0, 150));
		const tail = pick([...tails, undefined]);
		pick([...streams, undefined])?.one.drop();
		process.kill(pid, 'SIGKILL');
		await tail?.kill();
		await until(() => !alive(pid), { every: 1, what: 'the daemon to be gone' });
		await newPid(server, pid);
	}
	await Promise.all(authors.map((one) => one.stop()));
	const log = await rows(server.db, 'SELECT id, room, text, key, changes FROM messages ORDER BY id');
	const head = log.at(-1).id, plain = log.filter(({ changes }) => changes === null);

	// What was answered is so, and nothing else is there.
	const says = new Map(authors.flatMap((one) => [...one.says]));
	for (const one of authors)
		assert.deepEqual(one.wrong, []);
	assert.deepEqual(plain.map(({ id, text }) => [id, text]), [...says].filter(([, text]) => text !== null).sort(([a], [b]) => a - b));
	const deletions = await rows(server.db, "SELECT changes, count(*) AS n FROM messages WHERE event = 'message deleted' GROUP BY changes");
	assert.deepEqual(deletions.map(({ n }) => n), deletions.map(() => 1), 'deleted once');
	assert.equal(deletions.length, [...says.values()].filter((text) => text === null).length);

	// And so it is for each reader.
	const isOf = ({ rooms }) => ({ room }) => rooms.includes('*') || rooms.includes(room);
	await until(() => [...sockets, ...streams].every((one) => one.one?.wrong.length || one.last >= log.findLast(isOf(one)).id), { ...FOR, what: 'the sockets and streams to be told' });
	await Promise.all(streams.map((one) => one.stop()));
	await Promise.all(told.map(({ reader }) => reader.reach(log)));
	await Promise.all(told.map(({ reader }) => reader.stop()));
	await Promise.all(tails.map((one) => one.reach(head)));
	for (const one of [...told, ...sockets, ...streams, ...tails]) {
		const { from, odd } = one.reader ?? one;
		assert.deepEqual(odd, []);
		const want = plain.filter(({ id }) => id > from).filter(isOf(one.reader ?? one)).map(({ id, text }) => [id, text]);
		assert.deepEqual([...one.texts].filter(([id]) => id > from).sort(([a], [b]) => a - b), want);
	}
	await Promise.all(tails.map((one) => one.stop()));
	const listed = plain.filter(({ room }) => room === ROOMS[0]).map(({ id, text }) => [id, text]);
	let shown;
	await until(async () => (shown = await page()).length > 0 && shown.join() === listed.slice(-shown.length).join(),
		{ ...FOR, every: 100, what: 'the page to show the log' }).catch((error) => assert.deepEqual(shown, listed.slice(-shown.length), error.message));
	assert.equal(await server.sql('PRAGMA integrity_check'), 'ok');
	assert.equal(await server.sql('SELECT count(*) FROM deleted'), '0');
	assert.equal((await server.get('/healthz')).json.head, head);
	t.diagnostic(`${done()} answers, ${says.size} messages, ${log.length - plain.length} changes; ${told.length + sockets.length + streams.length + tails.length} readers and a page `
		+ `end with the log's state; sends repeated after a change: ${['http', 'socket'].map((how) => `${authors.reduce((sum, one) => sum + one.repeated[how], 0)} by ${how}`).join(', ')}; `
		+ `longline tail was killed ${tails.map(({ kills }) => kills).join(' and ')} times`);
});
