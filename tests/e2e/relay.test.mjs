// relay.test.mjs: Socket.IO clients in the log: what they emit is stored and told to everybody, in one order with what
// curl and SQL bring; the official tutorial's client works; a client that was away gets what it missed.
//
// Clients are unmodified ones from npm, or Socket.IO by hand where the wire matters.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import net from 'node:net';
import { describe, it } from 'node:test';
import { clients, connected, io, socket } from '../conformance/clients.mjs';
import { assembled, binary, moment, open, SEPARATOR, Session } from '../conformance/wire.mjs';
import { alive, ms, pending, room, server, session, sleep, span, start, until, within } from './harness.mjs';

const PLACE = (num) => `{"_placeholder":true,"num":${num}}`;
const base64 = (...parts) => parts.map((part) => Buffer.from(part).toString('base64'));

/** Joins a namespace by hand; gives the reply's object. */
async function enter(session, namespace = '/', auth = undefined) {
	const name = namespace === '/' ? '' : `${namespace},`;
	await session.send(`40${name}${auth === undefined ? '' : JSON.stringify(auth)}`);
	// What was missed may come before.
	const before = [];
	for (;;) {
		const packet = await session.packet();
		assert.ok(packet !== undefined, 'the session ended');
		if (packet.startsWith('40')) {
			session.inbox.unshift(...before);
			return JSON.parse(packet.slice(2 + name.length));
		}
		assert.doesNotMatch(packet, /^44/);
		before.push(packet);
	}
}

/** All messages of a room, oldest first. */
const all = async (s, name) => (await s.poll({ room: name, since: 'all', wait: 0, limit: 1000 })).json.messages;

/** A message as it is of interest here. */
const plain = ({ event, sender, text, args }) => ({ event, sender, ...(text === undefined ? { args } : { text }) });

/** Kills the daemon and waits for the next one. */
async function crash(s) {
	const pid = s.pid();
	process.kill(pid, 'SIGKILL');
	await until(() => !alive(pid), { every: 1, what: 'the daemon to be gone' });
	await until(() => {
		try {
			return s.pid() !== pid;
		} catch {
			return false; // between two daemons there is no file
		}
	}, { what: 'another daemon' });
}

/** Cuts a client's connection as a bad network does: it knows, and the server is told nothing. */
const cut = (one) => one.io.engine.close();

describe('relay: connecting', () => {
	const s = server();

	it('default options: by polling, and then by WebSocket', async (t) => {
		const one = await connected(t, io, s.url);
		await one.upgraded();
		await one.ask('hello');
		assert.deepEqual(one.upgrades, ['websocket']);
		assert.equal(one.recovered, false);
	});

	it('the handshake tells the default times, and CONNECT an id and a pid', async (t) => {
		const session = await open(t, s);
		const { sid, ...rest } = session.handshake;
		assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1_000_000 });
		const reply = await enter(session);
		assert.deepEqual(Object.keys(reply), ['sid', 'pid']);
		assert.equal(typeof reply.pid, 'string');
		assert.notEqual(reply.sid, sid);
		assert.ok(!reply.pid.includes(sid), 'the session id is a secret');
	});

	it('a namespace is a room, and what is no name of a room is no namespace', async (t) => {
		const session = await open(t, s);
		await enter(session, '/A.z_0-9');
		await enter(session, `/${'r'.repeat(64)}`);
		for (const name of ['/a b', '/é', '/a/b', '/x?y=1', `/${'r'.repeat(65)}`, '/*']) {
			await session.send(`40${name},`);
			assert.equal(await session.packet(), `44${name},{"message":"Invalid namespace"}`);
		}
	});

	it('refuses more namespaces, sessions and bytes than allowed', async (t) => {
		const own = await start({ t, flags: '--namespaces-max 3 --sessions-max 4 --max-payload 5000 --session-queue 20000' });
		const session = await open(t, own);
		assert.equal(session.handshake.maxPayload, 5000);
		for (const name of ['/a', '/b', '/c'])
			await enter(session, name);
		assert.equal((await session.post(`42/a,["x","${'y'.repeat(5000)}"]`)).status, 413);
		// One namespace too many is refused alone: the others go on.
		await session.send('40/d,', '42/c,["e"]');
		assert.equal(await session.packet(), '44/d,{"message":"a session may join 3 namespaces at most"}');
		assert.match(await session.packet(), /^42\/c,\["e"/);
		await session.send('41/a', '40/d,');
		assert.match(await session.packet(), /^40\/d,/);
		await session.leave();

		const four = await Promise.all([1, 2, 3, 4].map(() => open(t, own)));
		for (const [i, one] of four.entries())
			await enter(one, `/room${i}`);
		const fifth = await own.get('/socket.io/?EIO=4&transport=polling');
		assert.equal(fifth.status, 503);
		await four[3].leave();
		await open(t, own);

		// Acks wait for a client that does not poll, but not without end.
		await enter(four[0]);
		await until(async () => (await four[0].post(...Array.from({ length: 100 }, (_, i) => `42${i}["e"]`))).status === 400,
			{ what: 'a session with too much in its queue to end' });
		assert.equal((await own.get('/healthz')).status, 200);
	});

	it('refuses more attachments than --attachments-max', async (t) => {
		const own = await start({ t, flags: '--attachments-max 1' });
		const session = await open(t, own);
		await enter(session);
		await session.send(`451-["e",${PLACE(0)}]`, binary(1));
		assert.deepEqual((await assembled(session)).args.slice(0, 2), ['e', Buffer.from([1])]);
		await session.post(`452-["e",${PLACE(0)},${PLACE(1)}]`);
		assert.deepEqual(await session.rest(), []);

		const none = await start({ t, flags: '--attachments-max 0' });
		const plainly = await open(t, none);
		await enter(plainly);
		await plainly.post(`451-["e",${PLACE(0)}]`);
		assert.deepEqual(await plainly.rest(), []);
	});
});

describe('relay: clients told something of their own', () => {
	const s = server();

	for (const [version, make] of clients) {
		it(`${version} with a hundred parameters of its own`, async (t) => {
			const query = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`mine${i}`, `${i}`]));
			const one = await connected(t, make, `${s.url}/${room()}`, { query });
			assert.match(one.io.engine.transport.uri(), /mine63=63.*transport=(polling|websocket)/, 'the library puts its own behind them');
			const [{ id }] = await one.ask('chat message', 'x');
			assert.ok(id > 0);
		});

		it(`${version} told to begin with WebSocket`, async (t) => {
			for (const transports of [['websocket'], ['websocket', 'polling']]) {
				const one = await connected(t, make, `${s.url}/${room()}`, { transports });
				assert.equal(one.io.engine.transport.name, 'websocket');
			}
		});
	}

	it('4.8 without the slash behind the path', async (t) => {
		const one = await connected(t, io, `${s.url}/${room()}`, { addTrailingSlash: false });
		assert.match(one.io.engine.transport.uri(), /\/socket\.io\?/);
		const [{ id }] = await one.ask('chat message', 'x');
		assert.deepEqual(await one.next('chat message'), ['x', `${id}`]);
		assert.deepEqual(one.rest('disconnect'), []);
	});

});

describe('relay: --no-websocket', () => {
	const s = server({ flags: ['--no-websocket'] });

	it('refuses who is told to begin with WebSocket', async (t) => {
		for (const transports of [['websocket'], ['websocket', 'polling']])
			await socket(t, io, s.url, { transports }).next('connect_error');
	});

	it('4.8 goes on to polling when it is to try all transports', async (t) => {
		await connected(t, io, s.url, { transports: ['websocket', 'polling'], tryAllTransports: true });
	});
});

describe('relay: events are messages', () => {
	const s = server();

	it('are stored, told to everybody and acknowledged, in this order', async (t) => {
		const name = room();
		const [a, b] = [await open(t, s), await open(t, s)];
		await enter(a, `/${name}`);
		await enter(b, `/${name}`);
		await a.send(`42/${name},7["chat message","hello"]`);
		const [event, ack] = await a.packets(2);
		const [message] = await all(s, name);
		assert.deepEqual(plain(message), { event: 'chat message', sender: '', text: 'hello' });
		assert.equal(event, `42/${name},["chat message","hello","${message.id}"]`);
		assert.equal(ack, `43/${name},7[{"id":${message.id}}]`);
		assert.equal(await b.packet(), event);
	});

	for (const [version, make] of clients) {
		it(`go from client to client and back (${version})`, async (t) => {
			const name = room();
			const [a, b] = await Promise.all([connected(t, make, `${s.url}/${name}`), connected(t, make, `${s.url}/${name}`)]);
			const [{ id }] = await a.ask('news', 'é😀', { x: [1] });
			assert.deepEqual(await a.next('news'), ['é😀', { x: [1] }, String(id)]);
			assert.deepEqual(await b.next('news'), ['é😀', { x: [1] }, String(id)]);
			b.emit('no ack');
			const [second] = await a.next('no ack');
			assert.deepEqual(await b.next('no ack'), [second]);
			assert.ok(Number(second) > id);
			assert.deepEqual((await all(s, name)).map((m) => [m.id, m.event, m.args]), [[id, 'news', ['é😀', { x: [1] }]], [Number(second), 'no ack', []]]);
		});
	}

	it('in / are messages of the room main, as in /main', async (t) => {
		const session = await open(t, s);
		await enter(session);
		await enter(session, '/main');
		const id = await s.sent('to main');
		assert.deepEqual((await session.packets(2)).sort(), [`42/main,["chat message","to main","${id}"]`, `42["chat message","to main","${id}"]`].sort());
		await session.send('421["x"]');
		const packets = (await session.packets(3)).sort();
		assert.deepEqual(packets, [`42/main,["x","${id + 1}"]`, `42["x","${id + 1}"]`, `431[{"id":${id + 1}}]`].sort());
		assert.equal((await all(s, 'main')).at(-1).event, 'x');
	});

	it('keep any JSON, to the last digit', async (t) => {
		const name = room();
		const session = await open(t, s);
		await enter(session, `/${name}`);
		const list = [
			'1.50,1e5,-0,12345678901234567890', '{"a":{"b":[[],{}]},"":null}', 'true,false,null', '"\\u001e\\u0000\\"\\\\\\/"', '"é\u2028😀","x"', '""', '["_"]',
			`${'['.repeat(900)}${']'.repeat(900)}`, '{"_placeholder":false,"num":0}',
		];
		for (const args of list) {
			await session.send(`42/${name},["any",${args}]`);
			const packet = await session.packet();
			const [event, ...got] = JSON.parse(packet.slice(`42/${name},`.length));
			assert.equal(event, 'any');
			assert.deepEqual(got.slice(0, -1), JSON.parse(`[${args}]`));
			if (!args.startsWith('"'))
				assert.ok(packet.includes(args), packet);
		}
		const raw = (await s.history({ room: name, limit: 500 })).text;
		assert.ok(raw.includes('[1.50,1e5,-0,12345678901234567890]'), raw.slice(0, 500));
		const messages = await all(s, name);
		assert.equal(messages.length, list.length);
		assert.equal(messages[5].text, '');
		assert.deepEqual(messages[4].args, ['é\u2028😀', 'x']);
	});

	it('may be called almost anything', async (t) => {
		const name = room();
		const session = await open(t, s);
		await enter(session, `/${name}`);
		for (const event of ['e', 'é😀', ' ', '"', 'a'.repeat(128), 'message', 'error', 'ping']) {
			await session.send(`42/${name},[${JSON.stringify(event)},1]`);
			assert.equal(JSON.parse((await session.packet()).slice(`42/${name},`.length))[0], event);
			assert.equal((await all(s, name)).at(-1).event, event);
		}
	});

	it('are refused with an error where no repetition could help, and the next one goes on', async (t) => {
		const name = room();
		const session = await open(t, s);
		await enter(session, `/${name}`);
		for (const event of [`"${'a'.repeat(129)}"`, '""', '7', '-1.5']) {
			await session.send(`42/${name},1[${event},1]`);
			const ack = await session.packet();
			assert.ok(ack.startsWith(`43/${name},1[`), ack);
			const [answer, ...more] = JSON.parse(ack.slice(`43/${name},1`.length));
			assert.deepEqual(more, []);
			assert.deepEqual(Object.keys(answer), ['error', 'code']);
			assert.match(answer.error, /name.* 1 to 128 bytes/);
			assert.equal(answer.code, 'bad_field');
		}
		// Who did not ask is not told.
		await session.send(`42/${name},[""]`, `42/${name},["last"]`);
		assert.match(await session.packet(), /"last"/);
		assert.deepEqual((await all(s, name)).map((m) => m.event), ['last']);
	});

	it('are refused by rules of the database too, and a client with retries goes on', async (t) => {
		const own = await start({ t });
		await own.sql("CREATE TRIGGER no BEFORE INSERT ON messages WHEN NEW.text = 'forbidden' BEGIN SELECT RAISE(ABORT, 'forbidden'); END");
		const one = await connected(t, io, own.url, { retries: 3, ackTimeout: 10_000 });
		const answers = await Promise.all(['a', 'forbidden', 'b'].map((text, i) => new Promise((resolve) =>
			one.emit('chat message', text, `0123456789abcdef-${i}`, (error, answer) => resolve(error ?? answer)))));
		assert.deepEqual(answers, [{ id: answers[0].id }, { error: 'the database\'s rules refuse this message; nothing was stored', code: 'bad_field' }, { id: answers[2].id }]);
		assert.deepEqual((await all(own, 'main')).map((m) => m.text), ['a', 'b']);
	});

	it('get no answer when they could not be stored for now: the client repeats them', async (t) => {
		const own = await start({ t, flags: '--lock-wait 0' });
		const one = await connected(t, io, own.url, { retries: 50, ackTimeout: ms(500) });
		const lock = session(own.db, { t });
		await lock.run('BEGIN IMMEDIATE;');
		const answer = new Promise((resolve) => one.emit('chat message', 'hi', '0123456789abcdef-0', (error, got) => resolve(error ?? got)));
		assert.ok(await pending(answer, ms(1200)));
		await lock.run('ROLLBACK;');
		const { id } = await within(ms(15_000), answer);
		assert.deepEqual((await all(own, 'main')).map((m) => [m.id, m.text]), [[id, 'hi']]);
	});

	it('from /send and from SQL reach clients, in the order of the log', async (t) => {
		const name = room();
		const one = await connected(t, io, `${s.url}/${name}`);
		const ids = [await s.sent('plain', { room: name })];
		ids.push(await s.sent({ room: name, sender: 'ann', event: 'news', args: ['a', { b: 1 }] }));
		await s.sql(`INSERT INTO messages(room, text) VALUES('${name}', 'by SQL')`);
		await s.sql(`INSERT INTO messages(room, event, args) VALUES('${name}', 'news', '[ 1, [2] ]')`);
		await s.sql(`INSERT INTO messages(room, event, args) VALUES('${name}', 'news', '[ ]')`);
		ids.push(...(await s.rows(`SELECT id FROM messages WHERE room = '${name}' ORDER BY id DESC LIMIT 3`)).map((row) => row.id).reverse());
		const [a, b, c, d, e] = ids.map(String);
		assert.deepEqual(await one.next('chat message'), ['plain', a]);
		assert.deepEqual(await one.next('news'), ['a', { b: 1 }, b]);
		assert.deepEqual(await one.next('chat message'), ['by SQL', c]);
		assert.deepEqual(await one.next('news'), [1, [2], d]);
		assert.deepEqual(await one.next('news'), [e]);
	});

	it('wake held polls, and come in /history', async (t) => {
		const name = room();
		const one = await connected(t, io, `${s.url}/${name}`, { auth: { name: 'Ann é😀' } });
		const held = s.poll({ room: name, wait: 50 });
		await s.parked(1);
		const [{ id }] = await one.ask('chat message', 'from a socket');
		const { messages } = (await held).json;
		assert.equal(messages[0].id, id);
		assert.deepEqual(plain(messages[0]), { event: 'chat message', sender: 'Ann é😀', text: 'from a socket' });
		const page = (await s.history({ room: name })).json;
		assert.deepEqual(page.messages, messages);
	});

	it('of a namespace stay there', async (t) => {
		const [one, two] = [room(), room()];
		const session = await open(t, s);
		await enter(session, `/${one}`);
		await s.sent('elsewhere', { room: two });
		const id = await s.sent('here', { room: one });
		assert.equal(await session.packet(), `42/${one},["chat message","here","${id}"]`);
		await session.send(`41/${one}`);
		await s.sent('after', { room: one });
		await enter(session, `/${two}`);
		const last = await s.sent('there', { room: two });
		assert.equal(await session.packet(), `42/${two},["chat message","there","${last}"]`);
	});

	it('carry what auth.meta asks for', async (t) => {
		const name = room();
		const one = await connected(t, io, `${s.url}/${name}`, { auth: { meta: true } });
		const two = await connected(t, io, `${s.url}/${name}`, { auth: { meta: 'yes', name: 'bob' } });
		two.emit('chat message', 'hi', 2);
		const [text, number, meta, offset] = await one.next('chat message');
		assert.deepEqual([text, number], ['hi', 2]);
		const [message] = await all(s, name);
		assert.deepEqual(meta, { id: message.id, room: name, sender: 'bob', at: message.at });
		assert.equal(offset, String(message.id));
		assert.deepEqual(await two.next('chat message'), ['hi', 2, offset]);
	});

	it('from 50 clients at once are one order for all', async (t) => {
		const name = room();
		const sockets = await Promise.all(Array.from({ length: 50 }, () => connected(t, io, `${s.url}/${name}`)));
		await Promise.all(sockets.flatMap((one, i) => Array.from({ length: 10 }, (_, k) => one.ask('e', i, k))));
		await Promise.all(sockets.map((one) => until(() => one.rest('e').length === 500, { what: '500 events' })));
		const first = sockets[0].rest('e');
		const ids = first.map((args) => Number(args.at(-1)));
		assert.deepEqual(ids, [...ids].sort((a, b) => a - b));
		for (const one of sockets)
			assert.deepEqual(one.rest('e'), first);
		assert.deepEqual((await all(s, name)).map((m) => m.id), ids);
	});
});

describe('relay: the tutorial', () => {
	const s = server();

	it('stores a message once per client offset, and acknowledges its repeats', async (t) => {
		const name = room();
		const session = await open(t, s);
		await enter(session, `/${name}`);
		for (const key of ['Xz3_-bqWnE0aZZ12AAAB-17', randomUUID()]) {
			await session.send(`42/${name},1["chat message","hi","${key}"]`);
			const [event, ack] = await session.packets(2);
			const [{ id }] = JSON.parse(ack.slice(`43/${name},1`.length));
			assert.equal(event, `42/${name},["chat message","hi","${id}"]`);
			await session.send(`42/${name},2["chat message","hi","${key}"]`);
			assert.equal(await session.packet(), `43/${name},2[{"id":${id}}]`);
			assert.deepEqual(plain((await all(s, name)).at(-1)), { event: 'chat message', sender: '', text: 'hi' });
			const again = await s.send('hi', { room: name }, { 'Idempotency-Key': key });
			assert.deepEqual([again.status, again.json.id], [200, id]);
		}
		assert.equal((await all(s, name)).length, 2);
	});

	it('stores a repeat once that overtakes the answer', async (t) => {
		const name = room();
		const session = await open(t, s);
		await enter(session, `/${name}`);
		const one = `["chat message","hi","0123456789abcdef-0"]`;
		await session.send(`42/${name},1${one}`, `42/${name},2${one}`, `42/${name},3${one}`);
		const packets = await session.packets(4);
		const { id } = (await all(s, name))[0];
		assert.deepEqual(packets, [`42/${name},["chat message","hi","${id}"]`, ...[1, 2, 3].map((n) => `43/${name},${n}[{"id":${id}}]`)]);
		assert.equal((await all(s, name)).length, 1);
	});

	it('takes the same key with another text for a new message', async (t) => {
		const name = room();
		const session = await open(t, s);
		await enter(session, `/${name}`);
		const key = '0123456789abcdef-1';
		await session.send(`42/${name},1["chat message","one","${key}"]`, `42/${name},2["chat message","two","${key}"]`);
		await session.packets(4);
		const want = [{ event: 'chat message', sender: '', text: 'one' }, { event: 'chat message', sender: '', args: ['two', key] }];
		assert.deepEqual((await all(s, name)).map(plain), want);
		// And a repeat of that is a repeat.
		const { id } = (await all(s, name))[1];
		await session.send(`42/${name},3["chat message","two","${key}"]`);
		assert.equal(await session.packet(), `43/${name},3[{"id":${id}}]`);
		assert.deepEqual((await all(s, name)).map(plain), want);
	});

	it('knows whose a client offset is that was made while the client had no id', async (t) => {
		const name = room();
		const said = async (session, text, key, count = 2) => {
			await session.send(`42/${name},1["chat message","${text}","${key}"]`);
			const packets = await session.packets(count);
			return JSON.parse(packets.at(-1).slice(`43/${name},1`.length))[0].id;
		};
		const a = await open(t, s);
		const { pid } = await enter(a, `/${name}`);
		const first = await said(a, 'hi', 'undefined-0');
		assert.equal(await said(a, 'hi', 'undefined-0', 1), first, 'a repeat');
		// Another client counts from 0 too, and may say the same.
		const b = await open(t, s);
		await enter(b, `/${name}`);
		const second = await said(b, 'hi', 'undefined-0');
		assert.notEqual(second, first);
		assert.equal(await said(b, 'hi', 'undefined-0', 1), second);
		const third = await said(b, 'ho', 'undefined-0');
		assert.equal(await said(b, 'ho', 'undefined-0', 1), third, 'a repeat of another text');
		await a.leave();
		await crash(s);
		const again = await open(t, s);
		assert.equal((await enter(again, `/${name}`, { pid, offset: String(third) })).pid, pid);
		assert.equal(await said(again, 'hi', 'undefined-0', 1), first, 'a repeat after a crash');
		assert.deepEqual((await all(s, name)).map(({ text, args }) => text ?? args), ['hi', 'hi', ['ho', 'undefined-0']]);
	});

	it('shows what its last client\'s user typed while it was offline', async (t) => {
		const name = room();
		const page = (from) => {
			const one = socket(t, io, `${s.url}/${name}`, { auth: { serverOffset: 0 }, ackTimeout: 10_000, retries: 3, autoConnect: false });
			one.shown = [];
			one.on('chat message', (text, serverOffset) => {
				one.shown.push(text);
				one.auth.serverOffset = serverOffset;
			});
			for (let counter = 0; counter < 3; counter++)
				one.emit('chat message', `${counter} ${from}`, `${one.id}-${counter}`);
			return one;
		};
		const pages = [page('same'), page('same')];
		for (const one of pages)
			one.connect();
		await until(() => pages.every((one) => one.shown.length === 6));
		assert.deepEqual(pages[0].shown, pages[1].shown);
		assert.deepEqual([...pages[0].shown].sort(), ['0 same', '0 same', '1 same', '1 same', '2 same', '2 same']);
		assert.match(pages[0].auth.serverOffset, /^\d+$/);
	});

	it('takes anything else for what it is', async (t) => {
		const name = room();
		const session = await open(t, s);
		await enter(session, `/${name}`);
		const key = '0123456789abcdef-1';
		const others = [
			'"a","b"', '"a","undefined-"', '"a","undefined-1x"', '"a","undefined-01234567890"', '"a","undefine-1"', '"a","0123456789abcde-1"', '"a","0123456789abcdef-"', '"a","0123456789abcdef-1x"', `"a","${key}","c"`, `1,"${key}"`,
			`"${key}","a"`, '"a","0123456789abcdé-1"', '"a","12345678-1234-1234-1234-1234567890ag"',
		];
		for (let i = 0; i < 2; i++) {
			for (const args of others) {
				await session.send(`42/${name},1["chat message",${args}]`);
				assert.match((await session.packets(2))[0], /^42/);
			}
		}
		await session.send(`42/${name},["chat message","no ack","${key}"]`, `42/${name},1["other event","x","${key}"]`);
		await session.packets(3);
		const messages = await all(s, name);
		assert.deepEqual(messages.map((m) => m.args), [...others, ...others, `"no ack","${key}"`, `"x","${key}"`].map((args) => JSON.parse(`[${args}]`)));
	});

	it('works with the tutorial\'s last client', async (t) => {
		const name = room();
		const shown = [[], []];
		const sockets = await Promise.all(shown.map(async (list) => {
			const one = socket(t, io, `${s.url}/${name}`, { auth: { serverOffset: 0 }, ackTimeout: 10_000, retries: 3 });
			one.on('chat message', (text, serverOffset, ...more) => {
				assert.equal(typeof serverOffset, 'string');
				assert.deepEqual(more, []);
				list.push(text);
				one.auth.serverOffset = serverOffset;
			});
			await one.next('connect');
			return one;
		}));
		let counter = 0;
		for (let i = 0; i < 20; i++)
			sockets[i % 2].emit('chat message', `message ${i}`, `${sockets[i % 2].id}-${counter++}`);
		await until(() => shown.every((list) => list.length === 20));
		assert.deepEqual(shown[0], shown[1]);
		assert.deepEqual([...shown[0]].sort(), Array.from({ length: 20 }, (_, i) => `message ${i}`).sort());
		assert.deepEqual((await all(s, name)).map((m) => m.text), shown[0]);
	});

	it('begins where serverOffset says, or at the head', async (t) => {
		const name = room();
		const ids = [];
		for (const text of ['a', 'b', 'c'])
			ids.push(await s.sent(text, { room: name }));
		const head = await s.head();
		const since = async (auth) => {
			const session = await open(t, s);
			await enter(session, `/${name}`, auth);
			await session.send(`42/${name},1["end"]`);
			const got = [];
			for (;;) {
				const packet = await session.packet();
				if (packet.startsWith('43'))
					return got;
				const args = JSON.parse(packet.slice(`42/${name},`.length));
				if (args[0] !== 'end')
					got.push(args[1]);
			}
		};
		assert.deepEqual(await since({ serverOffset: 0 }), ['a', 'b', 'c']);
		assert.deepEqual(await since({ serverOffset: '0' }), ['a', 'b', 'c']);
		assert.deepEqual(await since({ serverOffset: ids[0] }), ['b', 'c']);
		assert.deepEqual(await since({ serverOffset: String(ids[1]) }), ['c']);
		assert.deepEqual(await since({ serverOffset: ids[2] }), []);
		for (const serverOffset of [undefined, null, head + 1000, String(head + 1000), -1, 1.5, '', 'x', [0], { a: 0 }, true, '99999999999999999999'])
			assert.deepEqual(await since({ serverOffset }), [], JSON.stringify(serverOffset));
		assert.deepEqual(await since({}), []);
		assert.deepEqual(await since(undefined), []);
	});

	it('counts how far back it goes by messages of the room', async (t) => {
		const [name, busy] = [room(), room()];
		const id = await s.sent('old', { room: name });
		await s.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500)
			INSERT INTO messages(room, text) SELECT '${busy}', 'm' || i FROM n`);
		await s.sent('end', { room: busy });
		const session = await open(t, s);
		await enter(session, `/${name}`, { serverOffset: 0 });
		await session.send(`42/${name},["now"]`);
		assert.equal(await session.packet(), `42/${name},["chat message","old","${id}"]`);
	});

	it('catches up with 10,000 messages at most: the newest', async (t) => {
		const name = room();
		await s.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500)
			INSERT INTO messages(room, text) SELECT '${name}', 'm' || i FROM n`);
		const session = await open(t, s);
		await s.sent('elsewhere', { room: room() }); // the daemon has seen what came before
		await enter(session, `/${name}`, { serverOffset: 0 });
		const packets = await session.packets(10_000);
		assert.match(packets[0], /"m501"/);
		assert.match(packets[9999], /"m10500"/);
		const id = await s.sent('end', { room: name });
		assert.equal(await session.packet(), `42/${name},["chat message","end","${id}"]`);
	});
});

describe('relay: recovery', () => {
	const s = server();
	const hang = (session) => session.leave();

	it('after a lost connection: nothing missed, nothing twice, the same id', async (t) => {
		const name = room();
		const one = await connected(t, io, `${s.url}/${name}`, { reconnectionDelay: 300 });
		const { id } = one;
		await one.ask('e', 0);
		cut(one);
		await one.next('disconnect');
		for (let i = 1; i <= 5; i++)
			await s.sent({ room: name, event: 'e', args: [i] });
		await one.next('connect');
		assert.equal(one.recovered, true);
		assert.equal(one.id, id);
		await one.ask('e', 6);
		assert.deepEqual(one.rest('e').map(([n]) => n), [0, 1, 2, 3, 4, 5, 6]);
	});

	it('after kill -9, and again', async (t) => {
		const name = room();
		const one = await connected(t, io, `${s.url}/${name}`);
		const { id } = one;
		for (let round = 0; round < 3; round++) {
			await one.ask('e', round * 2);
			await crash(s);
			await s.sent({ room: name, event: 'e', args: [round * 2 + 1] });
			await one.next('connect', ms(30_000));
			assert.equal(one.recovered, true, `round ${round}`);
			assert.equal(one.id, id);
		}
		await one.ask('e', 6);
		assert.deepEqual(one.rest('e').map(([n]) => n), [0, 1, 2, 3, 4, 5, 6]);
	});

	it('without having had any event', async (t) => {
		const name = room();
		await s.sent('before', { room: name });
		const session = await open(t, s);
		const reply = await enter(session, `/${name}`);
		await hang(session);
		const id = await s.sent('missed', { room: name });
		const again = await open(t, s);
		const second = await enter(again, `/${name}`, { pid: reply.pid });
		assert.deepEqual(second, reply);
		assert.equal(await again.packet(), `42/${name},["chat message","missed","${id}"]`);
	});

	it('takes the greater of the offset and the head at which it began', async (t) => {
		const name = room();
		const ids = [await s.sent('before', { room: name })];
		const session = await open(t, s);
		const { pid } = await enter(session, `/${name}`);
		ids.push(await s.sent('one', { room: name }), await s.sent('two', { room: name }));
		await session.packets(2);
		await hang(session);
		for (const [offset, want] of [[ids[0] - 1, [1, 2]], [ids[0], [1, 2]], [ids[1], [2]], [ids[2], []]]) {
			const again = await open(t, s);
			assert.equal((await enter(again, `/${name}`, { pid, offset: String(offset) })).pid, pid);
			await again.send(`42/${name},1["end"]`);
			for (const i of want)
				assert.equal(await again.packet(), `42/${name},["chat message","${['before', 'one', 'two'][i]}","${ids[i]}"]`);
			const end = await again.packet();
			assert.match(end, /"end"/);
			ids.end = end;
			await again.leave();
			// The next one would get this too.
			await s.sql(`DELETE FROM messages WHERE room = '${name}' AND event = 'end'`);
		}
	});

	it('not with a pid that is not ours, or of another namespace', async (t) => {
		const [name, other] = [room(), room()];
		const session = await open(t, s);
		const { sid, pid } = await enter(session, `/${name}`);
		await hang(session);
		await s.sent('missed', { room: name });
		const forged = [
			'', 'x', `${pid}x`, pid.slice(0, -1), pid.replace(/\d+/, '1'), pid.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')), pid.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')),
			pid.replace(/\.(\d+)\./, (_, n) => `.${n - 1}.`), '..', 'a.b.c', 5, null, [pid],
		].filter((one) => one !== pid);
		for (const one of forged) {
			const again = await open(t, s);
			const reply = await enter(again, `/${name}`, { pid: one, offset: '1' });
			assert.notEqual(reply.sid, sid, JSON.stringify(one));
			assert.notEqual(reply.pid, pid);
			await again.send(`42/${name},1["end"]`);
			assert.match(await again.packet(), /"end"/);
		}
		const elsewhere = await open(t, s);
		assert.notEqual((await enter(elsewhere, `/${other}`, { pid, offset: '1' })).sid, sid);
	});

	it('not with an offset beyond the head', async (t) => {
		const name = room();
		const session = await open(t, s);
		const { sid, pid } = await enter(session, `/${name}`);
		await hang(session);
		const again = await open(t, s);
		const reply = await enter(again, `/${name}`, { pid, offset: String(await s.head() + 1000) });
		assert.notEqual(reply.sid, sid);
		const id = await s.sent('next', { room: name });
		assert.equal(await again.packet(), `42/${name},["chat message","next","${id}"]`);
	});

	it('takes over a session that still lives', async (t) => {
		const name = room();
		const first = await open(t, s);
		const { sid, pid } = await enter(first, `/${name}`);
		const held = first.get();
		await s.opened(1);
		assert.ok(await pending(held, moment));
		const second = await open(t, s);
		const reply = await enter(second, `/${name}`, { pid });
		assert.deepEqual(reply, { sid, pid });
		assert.match((await held).text, /(^|\x1e)1$/);
		assert.equal((await first.get()).status, 400);
		const id = await s.sent('x', { room: name });
		assert.equal(await second.packet(), `42/${name},["chat message","x","${id}"]`);
	});

	it('not after DISCONNECT, of this namespace', async (t) => {
		const [name, other] = [room(), room()];
		const one = await connected(t, io, `${s.url}/${name}`);
		await one.ask('e');
		const { id } = one;
		one.disconnect();
		await one.next('disconnect');
		one.connect();
		await one.next('connect');
		assert.equal(one.recovered, false);
		assert.notEqual(one.id, id);

		const session = await open(t, s);
		const left = await enter(session, `/${name}`);
		const kept = await enter(session, `/${other}`);
		await session.send(`41/${name}`);
		await hang(session);
		const again = await open(t, s);
		assert.notEqual((await enter(again, `/${name}`, { pid: left.pid })).sid, left.sid);
		assert.equal((await enter(again, `/${other}`, { pid: kept.pid })).sid, kept.sid);
	});

	it('whatever times the messages have, or the clock', async (t) => {
		const name = room();
		const session = await open(t, s);
		const { sid, pid } = await enter(session, `/${name}`);
		await session.leave();
		// An imported one, and one of a clock that was set forward.
		await s.sql(`INSERT INTO messages(room, text, at) VALUES ('${name}', 'old', 1000), ('${name}', 'new', 4102444800000)`);
		await s.sent('elsewhere', { room: room() });
		const again = await open(t, s);
		assert.equal((await enter(again, `/${name}`, { pid })).sid, sid);
		assert.match(await again.packet(), /"old"/);
		assert.match(await again.packet(), /"new"/);
	});

	it('not with --recovery 0', async (t) => {
		const off = await start({ t, flags: '--recovery 0' });
		const plainly = await open(t, off);
		assert.deepEqual(Object.keys(await enter(plainly)), ['sid']);
	});

	it('not when more than 10,000 messages were missed; with 10,000, yes', async (t) => {
		const name = room();
		const session = await open(t, s);
		const { sid, pid } = await enter(session, `/${name}`);
		await session.leave();
		const insert = (n) => s.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})
			INSERT INTO messages(room, text) SELECT '${name}', 'm' || i FROM n`);
		await insert(10_000);
		await s.sent('elsewhere', { room: room() }); // the daemon has seen what came before
		const again = await open(t, s);
		assert.equal((await enter(again, `/${name}`, { pid })).sid, sid);
		const packets = await again.packets(10_000);
		assert.match(packets[0], /"m1"/);
		assert.match(packets.at(-1), /"m10000"/);
		await again.leave();
		await insert(1);
		await s.sent('elsewhere', { room: room() });
		const late = await open(t, s);
		assert.notEqual((await enter(late, `/${name}`, { pid })).sid, sid);
		const id = await s.sent('next', { room: name });
		assert.equal(await late.packet(), `42/${name},["chat message","next","${id}"]`);
	});

	it('serverOffset goes back 10,000 messages at most, also when memory does not hold them', async (t) => {
		const own = await start({ t, flags: '--ring-bytes 0' });
		await own.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10020)
			INSERT INTO messages(text) SELECT 'm' || i FROM n`);
		const id = await own.sent('last');
		const session = await open(t, own);
		await enter(session, '/', { serverOffset: 0 });
		const packets = await session.packets(10_000);
		assert.equal(packets[0], `42["chat message","m22","${id - 9999}"]`);
		assert.match(packets.at(-1), /"last"/);
	});

	/** A client that is gone, and n messages that it missed; --recovery-max is 10. */
	async function missed(t, flags, n, room = 'main') {
		const own = await start({ t, flags: `--recovery-max 10 ${flags}` });
		const session = await open(t, own);
		const reply = await enter(session, '/', {});
		await session.leave();
		for (let i = 0; i < n; i++)
			await own.sent(`${i} ${'x'.repeat(500)}`, { room });
		return { own, ...reply };
	}
	const NO_MEMORY = '--ring-bytes 1000';

	for (const [where, flags, forget] of [['memory', '', undefined], ['the database', NO_MEMORY, undefined], ['it after a restart', '', crash]]) {
		it(`--recovery-max messages are enough, one more is too much, as ${where} knows`, async (t) => {
			for (const n of [10, 11]) {
				const { own, sid, pid } = await missed(t, flags, n);
				await forget?.(own);
				const again = await open(t, own);
				assert.equal((await enter(again, '/', { pid })).sid === sid, n === 10, `${n} missed`);
				await again.send('421["end"]');
				for (let i = 0; i < (n === 10 ? n : 0); i++)
					assert.match(await again.packet(), new RegExp(`"${i} x`));
				assert.match(await again.packet(), /"end"/);
			}
		});
	}

	it('counts messages of its own room only', async (t) => {
		const { own, sid, pid } = await missed(t, NO_MEMORY, 20, 'other');
		assert.equal((await enter(await open(t, own), '/', { pid })).sid, sid);
	});

	it('--recovery-max bounds what serverOffset brings, too', async (t) => {
		for (const flags of ['', NO_MEMORY]) {
			const { own } = await missed(t, flags, 20);
			const session = await open(t, own);
			await enter(session, '/', { serverOffset: 0 });
			const packets = await session.packets(10);
			assert.match(packets[0], /"10 x/);
			assert.match(packets[9], /"19 x/);
		}
	});

	it('judges by the database after a restart, and by nothing when nothing was missed', async (t) => {
		const own = await start({ t, flags: '--recovery-max 1' });
		const sessions = await Promise.all([open(t, own), open(t, own), open(t, own)]);
		const [one, two, quiet] = [await enter(sessions[0], '/one'), await enter(sessions[1], '/two'), await enter(sessions[2], '/quiet')];
		await Promise.all(sessions.map((session) => session.leave()));
		await own.sent('missed', { room: 'one' });
		await own.sent('missed', { room: 'two' });
		await own.sent('missed too', { room: 'two' });
		await crash(own);
		assert.equal((await enter(await open(t, own), '/one', { pid: one.pid })).sid, one.sid);
		assert.notEqual((await enter(await open(t, own), '/two', { pid: two.pid })).sid, two.sid);
		assert.equal((await enter(await open(t, own), '/quiet', { pid: quiet.pid })).sid, quiet.sid);
	});

	it('handles what a client sends before it is answered, in order', async (t) => {
		const { own, sid, pid } = await missed(t, NO_MEMORY, 5);
		const last = await own.head();
		const again = await open(t, own);
		await again.send(`40${JSON.stringify({ pid })}`, '421["a"]', '40/other', `451-2["file",${PLACE(0)}]`, binary(1, 2), '42/other,3["b"]', '3');
		const packets = await again.packets(5 + 2 + 4 + 3);
		assert.deepEqual(packets.slice(0, 5).map((packet) => /\d+/.exec(JSON.parse(packet.slice(2))[1])[0]), ['0', '1', '2', '3', '4']);
		assert.equal(packets[5], `40${JSON.stringify({ sid, pid })}`);
		assert.match(packets[6], /^40\/other,/);
		const rest = packets.slice(7), ids = [last + 1, last + 2, last + 3];
		assert.deepEqual(rest.filter((packet) => !/^43/.test(packet)),
			[`42["a","${ids[0]}"]`, `451-["file",${PLACE(0)},"${ids[1]}"]`, binary(1, 2), `42/other,["b","${ids[2]}"]`]);
		assert.deepEqual(rest.filter((packet) => /^43/.test(packet)), [`431[{"id":${ids[0]}}]`, `432[{"id":${ids[1]}}]`, `43/other,3[{"id":${ids[2]}}]`]);
		await again.leave();

		// Good-bye before the answer is good-bye.
		const brief = await open(t, own);
		await brief.send(`40${JSON.stringify({ pid })}`, '41', '40/other', '42/other,["c"]');
		assert.equal(await brief.packet(), `40${JSON.stringify({ sid, pid })}`);
		assert.match(await brief.packet(), /^40\/other,/);
		assert.match(await brief.packet(), /^42\/other,\["c"/);
		assert.notEqual((await enter(await open(t, own), '/', { pid })).sid, sid);
	});

	it('ends a session that does not wait and breaks the protocol', async (t) => {
		const { own, sid, pid } = await missed(t, `${NO_MEMORY} --message-max 100000`, 5);
		const connect = `40${JSON.stringify({ pid })}`;
		for (const packets of [[connect], ['42/elsewhere,["x"]'], ['9'], [binary(1)], [Array(50_000).fill('b').join('\x1e')]]) {
			const again = await open(t, own);
			await again.send(connect, ...packets);
			await again.rest();
			assert.ok(again.ended, packets[0].slice(0, 50));
			assert.equal((await again.get()).status, 400);
		}
		assert.equal((await enter(await open(t, own), '/', { pid })).sid, sid);
	});

	/** Keeps the only reader of a daemon at work for so long; gives what is over then. */
	async function occupy(own, time) {
		await own.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
			INSERT INTO messages(room, text) SELECT 'many', 'x' FROM n`);
		// To find that nobody said anything, so often that it takes long here.
		const ask = (count) => Array.from({ length: count }, () => own.history({ room: 'many', sender: 'nobody' }));
		let count = 30;
		for (let last = 0; last < time;) {
			const began = performance.now();
			await Promise.all(ask(count *= 2));
			last = performance.now() - began;
		}
		const pages = ask(count);
		await Promise.race(pages);
		return { over: Promise.all(pages) };
	}

	it('what a session still has to say does not harm the one that has taken over', async (t) => {
		const { own, pid } = await missed(t, `${NO_MEMORY} --readers 1 --reads-max 100000 --limit reads=off --limit reading=off`, 5);
		const pages = await occupy(own, ms(2_000));
		const waits = `40${JSON.stringify({ pid })}`; // for the reader, and what is behind it as well
		const first = await open(t, own);
		const [gone, kept] = [await enter(first, '/one'), await enter(first, '/two')];
		const goodbye = first.post(waits, '41/one');
		await until(async () => await own.metric(/^longline_posts_waiting/) === 1);
		const second = await open(t, own);
		assert.deepEqual(await enter(second, '/one', { pid: gone.pid }), gone);

		// Nor does a CONNECT that is handled when its client has gone on elsewhere.
		const late = await open(t, own);
		const held = net.connect(own.port, '127.0.0.1');
		held.write(`GET ${late.target()} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
		const connect = late.post(waits, `40/two,${JSON.stringify({ pid: kept.pid })}`);
		await until(async () => await own.metric(/^longline_posts_waiting/) === 2);
		await sleep(moment);
		held.destroy();
		await until(async () => (await late.get()).status === 400);
		const third = await open(t, own);
		assert.deepEqual(await enter(third, '/two', { pid: kept.pid }), kept);

		await pages.over;
		assert.deepEqual([(await goodbye).text, (await connect).text], ['ok', 'ok']);
		assert.ok(await third.alive(), 'it was not taken over by one that is gone');
		const fourth = await open(t, own);
		assert.deepEqual(await enter(fourth, '/one', { pid: gone.pid }), gone, 'it was not the good-bye of the other one');
	});

	it('takes the time it takes: no connect timeout strikes, and who leaves meanwhile is forgotten', async (t) => {
		const timeout = span(1_500);
		const { own, sid, pid } = await missed(t, `${NO_MEMORY} --readers 1 --reads-max 100000 --limit reads=off --limit reading=off --connect-timeout ${timeout}`, 5);
		const pages = await occupy(own, 3 * timeout);
		const connect = `40${JSON.stringify({ pid })}`;
		const began = performance.now();
		const [again, hasty, rude] = await Promise.all(Array.from({ length: 3 }, async () => {
			const session = await open(t, own);
			await session.send(connect);
			return session;
		}));
		const held = hasty.get();
		await sleep(50);
		await hasty.send('1');
		assert.equal((await held).text, '6');
		await rude.send('2');
		const packets = await again.packets(6);
		const took = performance.now() - began;
		assert.ok(took > timeout, `${took} ms are enough to mean something`);
		assert.equal(packets[5], `40${JSON.stringify({ sid, pid })}`);
		assert.equal((await rude.get()).status, 400);
		await pages.over;
		assert.equal((await own.get('/healthz')).status, 200);
	});

	it('survives an orderly restart', async (t) => {
		const first = await start({ t });
		const session = await open(t, first);
		const { sid, pid } = await enter(session);
		const held = session.get();
		await first.opened(1);
		assert.ok(await pending(held, moment));
		first.kill('SIGTERM');
		assert.match((await held).text, /(^|\x1e)1$/);
		const again = await until(async () => {
			try {
				return await new Session(first).open();
			} catch {
				return null; // not there yet
			}
		}, { what: 'the next daemon' });
		t.after(() => again.leave().catch(() => {}));
		assert.equal((await enter(again, '/', { pid })).sid, sid);
	});
});

describe('relay: the reply to CONNECT and what was missed', () => {
	const FEW = { 'User-Agent': 'python-requests/2.28' };
	// What memory does not hold is read: by pieces of 256, and where other rooms talked last, to the head once more.
	const kinds = [['from memory', '', undefined], ['from the database', '--ring-bytes 1000', undefined], ['after a crash', '', crash]];

	/** A member of / that is gone, and n messages that it missed; then others elsewhere. Gives their ids and its reply. */
	async function missed(t, s, n) {
		const session = await open(t, s);
		const reply = await enter(session);
		await session.leave();
		await s.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})
			INSERT INTO messages(text) SELECT 'm' || i FROM n`);
		for (let i = 0; i < 3; i++)
			await s.sent('elsewhere', { room: 'other' });
		const ids = (await s.poll({ since: 'all', wait: 0, limit: 1000, room: 'main' })).json.messages.map(({ id }) => id);
		return { ...reply, ids: ids.slice(-n) };
	}

	const idOf = (packet) => Number(/"(\d+)"\]$/.exec(packet)[1]);
	const list = async (session) => (await session.get()).text.split(SEPARATOR);

	for (const [where, flags, forget] of kinds)
		for (const [n, headers, most] of [[3, undefined, 256], [300, undefined, 256], [40, FEW, 16]])
			it(`recovered: in the first reply, behind what fits into it: ${n} ${where}, ${most} packets a reply`, async (t) => {
				const s = await start({ t, flags });
				const { sid, pid, ids } = await missed(t, s, n);
				await forget?.(s);
				const session = await open(t, s, { headers });
				await session.send(`40${JSON.stringify({ pid })}`);
				const first = await list(session);
				assert.ok(first.length <= most, `${first.length} packets`);
				assert.equal(JSON.parse(first.pop().replace(/^40/, '')).sid, sid);
				if (!flags && !forget)
					assert.equal(first.length, Math.min(n, most - 1), 'as much as fits');
				assert.deepEqual([...first, ...await session.packets(n - first.length)].map(idOf), ids);
			});

	for (const [where, flags, forget] of kinds)
		it(`behind a serverOffset: before all that it brings, ${where}`, async (t) => {
			const s = await start({ t, flags });
			const { ids } = await missed(t, s, 300);
			await forget?.(s);
			const session = await open(t, s);
			await session.send(`40${JSON.stringify({ serverOffset: ids[0] })}`);
			const first = await list(session);
			assert.match(first.shift(), /^40/);
			assert.deepEqual([...first, ...await session.packets(299 - first.length)].map(idOf), ids.slice(1));
		});

	for (const [where, flags, forget] of kinds)
		for (const told of [true, false])
			it(`cut off behind a serverOffset, ${told ? 'after a part' : 'before the first'}: it goes on from there, ${where}`, async (t) => {
				const s = await start({ t, flags });
				const { ids } = await missed(t, s, 600);
				const cut = await open(t, s);
				await cut.send(`40${JSON.stringify({ serverOffset: ids[0] })}`);
				const first = await list(cut), { sid, pid } = JSON.parse(first.shift().slice(2));
				const had = told ? first.map(idOf) : [];
				assert.ok(had.length < 599, 'a part');
				await cut.leave();
				await forget?.(s);
				const session = await open(t, s);
				await session.send(`40${JSON.stringify({ pid, offset: had.length ? String(had.at(-1)) : undefined })}`);
				const rest = [];
				for (let welcome; rest.length < 599 - had.length || !welcome;) {
					const packets = await within(ms(30_000), list(session), 'the rest');
					welcome ??= packets.find((one) => one.startsWith('40'));
					rest.push(...packets.filter((one) => one.startsWith('42')).map(idOf));
					assert.ok(!welcome || JSON.parse(welcome.slice(2)).sid === sid);
				}
				assert.deepEqual([...had, ...rest], ids.slice(1));
			});

	it('several at once: none has to wait for another reply once its messages came', async (t) => {
		const s = await start({ t });
		const names = ['a', 'b', 'c', 'd', 'e'], pids = [];
		const gone = await open(t, s);
		for (const name of names)
			pids.push((await enter(gone, `/${name}`)).pid);
		await gone.leave();
		for (let i = 0; i < 50; i++)
			await s.sent(`m${i}`, { room: names[i % 5] });
		const session = await open(t, s, { headers: FEW });
		await session.send(...names.map((name, i) => `40/${name},${JSON.stringify(i === 2 ? { serverOffset: 0 } : { pid: pids[i] })}`));
		const room = (packet) => /^4[02]\/(\w),/.exec(packet)[1], seen = [], welcome = new Set();
		while (seen.length < 50) {
			const packets = await list(session);
			assert.ok(packets.length <= 16, `${packets.length} packets`);
			for (const packet of packets.filter((one) => one.startsWith('42'))) {
				seen.push(`${room(packet)} ${idOf(packet)}`);
				assert.ok(welcome.has(room(packet)) || packets.some((one) => one.startsWith(`40/${room(packet)},`)), packet);
				assert.ok(room(packet) !== 'c' || welcome.has('c') || packets.findIndex((one) => one.startsWith('40/c')) < packets.indexOf(packet));
			}
			for (const packet of packets.filter((one) => one.startsWith('40')))
				welcome.add(room(packet));
		}
		const log = (await s.poll({ room: '*', since: 'all', wait: 0, limit: 1000 })).json.messages;
		for (const name of names)
			assert.deepEqual(seen.filter((one) => one[0] === name), log.filter((m) => m.room === name).map((m) => `${name} ${m.id}`));
	});

	it('of a namespace that is left while it waits: nothing of it comes', async (t) => {
		const s = await start({ t });
		const { pid } = await missed(t, s, 3);
		const session = await open(t, s);
		await session.send(`40${JSON.stringify({ pid })}`, '41', '40/other');
		const packets = await list(session);
		assert.deepEqual(packets.map((one) => /^\d+[^{]*/.exec(one)[0]), ['40', '40/other,']);
	});
});

describe('relay: what is not stored', () => {
	const s = server();

	it('typing reaches the others only', async (t) => {
		const name = room();
		const [a, b] = await Promise.all([connected(t, io, `${s.url}/${name}`), connected(t, io, `${s.url}/${name}`)]);
		const elsewhere = await connected(t, io, `${s.url}/${room()}`);
		const [{ id }] = await a.ask('e');
		a.emit('typing', 'ann', { x: 1 });
		// A string at the end must be a true offset: that of the last message.
		assert.deepEqual(await b.next('typing'), ['ann', { x: 1 }, String(id)]);
		await a.ask('e');
		await elsewhere.ask('e');
		assert.deepEqual(a.rest('typing'), []);
		assert.deepEqual(elsewhere.rest('typing'), []);
		assert.deepEqual((await all(s, name)).map((m) => m.event), ['e', 'e']);
	});

	it('does not hold up what a client with retries sends behind it', async (t) => {
		const name = room();
		const one = await connected(t, io, `${s.url}/${name}`, { retries: 3, ackTimeout: 10_000 });
		one.emit('typing', 'ann');
		one.emit('chat message', 'hello', `${one.id}-0`);
		assert.equal((await one.next('chat message', ms(9000)))[0], 'hello');
	});

	it('a client that had only this recovers all the same', async (t) => {
		const name = room();
		const a = await connected(t, io, `${s.url}/${name}`);
		const b = await connected(t, io, `${s.url}/${name}`, { reconnectionDelay: 300 });
		await a.ask('e', 1);
		a.emit('typing');
		await b.next('typing');
		cut(b);
		await a.ask('e', 2);
		await b.next('disconnect');
		await b.next('connect');
		assert.equal(b.recovered, true);
		await a.ask('e', 3);
		await until(() => b.rest('e').length === 3);
		assert.deepEqual(b.rest('e').map(([n]) => n), [1, 2, 3]);
	});

	it('stands in its place among messages', async (t) => {
		const name = room();
		const [a, b] = [await open(t, s), await open(t, s)];
		await enter(a, `/${name}`);
		await enter(b, `/${name}`);
		const one = await s.sent('one', { room: name });
		await a.send(`42/${name},["typing"]`);
		const two = await s.sent('two', { room: name });
		assert.deepEqual(await b.packets(3),
			[`42/${name},["chat message","one","${one}"]`, `42/${name},["typing","${one}"]`, `42/${name},["chat message","two","${two}"]`]);
	});

	it('is kept for a slow session, but 64 at most, and 10 s', async (t) => {
		const name = room();
		const [a, b] = [await open(t, s), await open(t, s)];
		await enter(a, `/${name}`);
		await enter(b, `/${name}`);
		for (let i = 0; i < 100; i++)
			await a.send(`42/${name},["typing",${i}]`);
		const id = await s.sent('end', { room: name });
		const got = [];
		for (;;) {
			const packet = await b.packet();
			if (packet === `42/${name},["chat message","end","${id}"]`)
				break;
			got.push(JSON.parse(packet.slice(`42/${name},`.length))[1]);
		}
		assert.ok(got.length <= 64 && got.length >= 1, `${got.length} were kept`);
		assert.deepEqual(got, Array.from({ length: got.length }, (_, i) => 100 - got.length + i), 'the newest are kept');
		await a.send(`42/${name},["typing","old"]`);
		await sleep(10_500);
		await a.send(`42/${name},["typing","new"]`);
		assert.match(await b.packet(), /"typing","new"/);
	});

	it('has the names that --ephemeral gives', async (t) => {
		const own = await start({ t, flags: '--ephemeral cursor,away' });
		const [a, b] = await Promise.all([connected(t, io, own.url), connected(t, io, own.url)]);
		a.emit('cursor', 1);
		a.emit('away', 2);
		a.emit('typing', 3);
		assert.equal((await b.next('cursor'))[0], 1);
		assert.equal((await b.next('away'))[0], 2);
		assert.equal((await b.next('typing'))[0], 3);
		assert.deepEqual((await all(own, 'main')).map((m) => m.event), ['typing']);
	});
});

describe('relay: binary', () => {
	const s = server();

	for (const [version, make] of clients) {
		it(`goes from client to client, and into /poll and /history (${version})`, async (t) => {
			const name = room();
			const [a, b] = await Promise.all([connected(t, make, `${s.url}/${name}`), connected(t, make, `${s.url}/${name}`)]);
			const args = ['x', Buffer.from([1, 2, 255]), { deep: [Buffer.alloc(0), { er: Buffer.alloc(3000, 7) }] }];
			const [{ id }] = await a.ask('file', ...args);
			assert.deepEqual(await a.next('file'), [...args, String(id)]);
			assert.deepEqual(await b.next('file'), [...args, String(id)]);
			const [message] = await all(s, name);
			const placed = (num) => ({ _placeholder: true, num });
			assert.deepEqual(message.args, ['x', placed(0), { deep: [placed(1), { er: placed(2) }] }]);
			assert.deepEqual(message.attachments, base64([1, 2, 255], [], Buffer.alloc(3000, 7)));
			assert.deepEqual((await s.history({ room: name })).json.messages, [message]);
		});
	}

	it('comes by /send as application/octet-stream', async (t) => {
		const name = room();
		const one = await connected(t, io, `${s.url}/${name}`);
		const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256));
		const res = await s.post(`/send?room=${name}&sender=ann&event=file`, bytes, { 'Content-Type': 'application/octet-stream' });
		assert.equal(res.status, 201, res.text);
		assert.deepEqual(await one.next('file'), [bytes, String(res.json.id)]);
		const [message] = await all(s, name);
		assert.deepEqual(plain(message), { event: 'file', sender: 'ann', args: [{ _placeholder: true, num: 0 }] });
		assert.deepEqual(message.attachments, base64(bytes));
		assert.equal((await s.post(`/send?room=${name}`, '', { 'Content-Type': 'application/octet-stream' })).status < 500, true);
	});

	it('by /send is stored once per key, and the key is another message\'s with other bytes', async () => {
		const name = room();
		const send = (bytes) => s.post(`/send?room=${name}&key=k1`, Buffer.from(bytes), { 'Content-Type': 'application/octet-stream' });
		const first = await send([1, 2]);
		assert.equal(first.status, 201, first.text);
		const second = await send([1, 2]);
		assert.deepEqual([second.status, second.json.id], [200, first.json.id]);
		const third = await send([1, 3]);
		assert.deepEqual([third.status, third.json.code], [422, 'key_conflict']);
		assert.equal((await all(s, name)).length, 1);
	});

	it('recovers, also after a crash', async (t) => {
		const name = room();
		const one = await connected(t, io, `${s.url}/${name}`);
		await one.ask('e');
		await crash(s);
		const res = await s.post(`/send?room=${name}`, Buffer.from([9, 8]), { 'Content-Type': 'application/octet-stream' });
		assert.equal(res.status, 201, res.text);
		assert.deepEqual(await one.next('chat message', ms(30_000)), [Buffer.from([9, 8]), String(res.json.id)]);
		assert.equal(one.recovered, true);
		const late = await connected(t, io, `${s.url}/${name}`, { auth: { serverOffset: 0 } });
		assert.deepEqual(await late.next('chat message'), [Buffer.from([9, 8]), String(res.json.id)]);
	});

	it('of a message may be 4 MB together', async (t) => {
		const name = room();
		const session = await open(t, s);
		await enter(session, `/${name}`);
		const parts = Array.from({ length: 5 }, (_, i) => Buffer.alloc(700_000, i + 1));
		await session.send(`455-/${name},["big",${parts.map((_, i) => PLACE(i))}]`);
		for (const part of parts)
			await session.send(`b${part.toString('base64')}`);
		const { args } = await assembled(session);
		assert.deepEqual(args.slice(0, 1), ['big']);
		for (const [i, part] of parts.entries())
			assert.ok(part.equals(args[i + 1]), `attachment ${i}`);
		const [message] = await all(s, name);
		assert.equal(message.attachments.length, 5);
	});

	it('placeholders are renumbered or kept, but mean the same', async (t) => {
		const name = room();
		const session = await open(t, s);
		await enter(session, `/${name}`);
		await session.send(`453-/${name},["e",${PLACE(2)},${PLACE(0)},${PLACE(0)}]`, binary(1), binary(2), binary(3));
		const { args } = await assembled(session);
		assert.deepEqual(args.slice(0, 4), ['e', Buffer.from([3]), Buffer.from([1]), Buffer.from([1])]);
	});
});

describe('relay: one answer for many', () => {
	it('everybody gets the packets that are theirs, whoever stands at the same place', async (t) => {
		const own = await start({ t });
		const kinds = [];
		for (const namespace of ['/', '/main'])
			for (const meta of [false, true])
				for (const few of [false, true])
					kinds.push({ namespace, meta, few });
		// More than are told in one turn of the daemon's loop.
		const all = await Promise.all(Array.from({ length: 12 }, () => kinds).flat().map(async (kind) => {
			const one = await open(t, own, kind.few ? { headers: {} } : {});
			await enter(one, kind.namespace, { meta: kind.meta });
			return { ...kind, one };
		}));
		const held = all.map(({ one }) => one.packet());
		const id = await own.sent('x');
		for (const [i, { namespace, meta }] of all.entries()) {
			const name = namespace === '/' ? '' : '/main,';
			const told = (await held[i]).replace(/"at":"[^"]*"/, '"at":"…"');
			assert.equal(told, `42${name}["chat message","x",${meta ? `{"id":${id},"room":"main","sender":"","at":"…"},` : ''}"${id}"]`);
		}
		// Many at once: those that ask again while others are still told miss and repeat nothing.
		const rest = all.map(async ({ one, few }) => {
			const packets = [];
			while (packets.length < 100) {
				const { text } = await one.get();
				const some = text.split(SEPARATOR);
				assert.ok(!few || some.length <= 16, `${some.length} packets`);
				packets.push(...some);
			}
			return packets.map((packet) => Number(/"(\d+)"\]$/.exec(packet)[1]));
		});
		await sleep(300);
		await own.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
			INSERT INTO messages(text) SELECT 'z' FROM n`);
		const ids = Array.from({ length: 50 }, (_, i) => id + 1 + i);
		for (let i = 0; i < 5; i++)
			ids.push(...await Promise.all(Array.from({ length: 10 }, () => own.sent('y'))));
		ids.sort((a, b) => a - b);
		for (const told of rest)
			assert.deepEqual(await told, ids);
	});

	it('one with something of its own to be told gets it in its place', async (t) => {
		const name = room();
		const own = await start({ t });
		const [a, b, c] = await Promise.all([open(t, own), open(t, own), open(t, own)]);
		for (const one of [a, b, c])
			await enter(one, `/${name}`);
		await enter(c, '/other');
		const held = [a, b, c].map((one) => one.packet());
		await a.send(`42/${name},7["e"]`);
		const [event] = await Promise.all(held);
		for (const told of held)
			assert.equal(await told, event);
		assert.match(await a.packet(), new RegExp(`^43/${name},7`));
	});
});

describe('relay: much', () => {
	const s = server();

	it('900 KB, and emoji in every position', async (t) => {
		const name = room();
		const [a, b] = await Promise.all([connected(t, io, `${s.url}/${name}`), connected(t, io, `${s.url}/${name}`)]);
		const large = 'é😀x'.repeat(900_000 / 7);
		a.emit('chat message', large);
		assert.ok((await b.next('chat message'))[0] === large);
		assert.ok((await all(s, name))[0].text === large);
		const texts = Array.from({ length: 70 }, (_, n) => `${'a'.repeat(n)}😀${'b'.repeat(n % 3)}👨‍👩‍👧`);
		for (const text of texts)
			a.emit('chat message', text);
		for (const text of texts)
			assert.equal((await b.next('chat message'))[0], text);
		assert.deepEqual((await all(s, name)).slice(1).map((m) => m.text), texts);
	});

	it('30 times 100 KB, emitted while offline', async (t) => {
		const name = room();
		const b = await connected(t, io, `${s.url}/${name}`);
		const a = socket(t, io, `${s.url}/${name}`, { autoConnect: false });
		const texts = Array.from({ length: 30 }, (_, i) => `${i} ${'é😀x'.repeat(14_280)}`);
		for (const text of texts)
			a.emit('chat message', text);
		a.connect();
		for (const text of texts)
			assert.ok((await b.next('chat message', ms(30_000)))[0] === text);
	});

	it('200 binary arguments of mixed sizes over many events', async (t) => {
		const name = room();
		const [a, b] = await Promise.all([connected(t, io, `${s.url}/${name}`), connected(t, io, `${s.url}/${name}`)]);
		for (let i = 0; i < 50; i++) {
			const args = Array.from({ length: 4 }, (_, k) => Buffer.alloc((i * 4 + k) ** 2 % 20_011, i + k));
			a.emit('file', ...args);
			assert.deepEqual((await b.next('file')).slice(0, -1), args);
		}
	});

	it('for a client that was away and finds it out of memory', async (t) => {
		const own = await start({ t, flags: '--ring-bytes 20000' });
		const session = await open(t, own);
		await enter(session);
		for (let i = 0; i < 300; i++)
			await own.sent(`${i} ${'x'.repeat(500)}`);
		const packets = await session.packets(300);
		assert.deepEqual(packets.map((packet) => parseInt(JSON.parse(packet.slice(2))[1], 10)), [...Array(300).keys()]);
	});
});
