// websocket.test.mjs: the relay by WebSocket alone: unmodified clients of four versions, recovery, limits, who somebody is,
// whose page asks, how it ends, and a daemon that has none.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clients, connected, io, socket } from '../conformance/clients.mjs';
import { open } from '../conformance/wire.mjs';
import { alive, ms, newPid, pending, room, server, start, until, within } from './harness.mjs';
import { bearer, headersOf, insertGrant, quoted, site, token, user } from './persons.mjs';
import { ask, frame, open as openSocket, TEXT } from './websocket.mjs';

const ONLY = { transports: ['websocket'] };
const TARGET = '/socket.io/?EIO=4&transport=websocket';
const UNKNOWN = '{"code":1,"message":"Session ID unknown"}';

/** A session by hand. */
const session = (t, s, headers = {}) => open(t, s, { transport: 'websocket', headers });

/** Joins a room by hand; gives the reply, which is the first packet: what was missed comes behind it. */
async function enter(one, name, auth) {
	await one.send(`40/${name},${auth ? JSON.stringify(auth) : ''}`);
	const packet = await one.packet();
	assert.ok(packet?.startsWith(`40/${name},`), packet);
	return JSON.parse(packet.slice(`40/${name},`.length));
}

/** Kills the daemon and waits for the next one. */
async function crash(s) {
	const pid = s.pid();
	process.kill(pid, 'SIGKILL');
	await until(() => !alive(pid), { every: 1, what: 'the daemon to be gone' });
	await newPid(s, pid);
}

/** Cuts a client's connection as a bad network does. */
const cut = (one) => one.io.engine.transport.ws.terminate?.() ?? one.io.engine.close();

const all = async (s, name) => (await s.poll({ room: name, since: 'all', wait: 0, limit: 1000 })).json.messages;

for (const [version, make] of clients) {
	describe(`websocket: socket.io-client ${version} with nothing else`, { concurrency: 4 }, () => {
		const s = server({ flags: '--ping-interval 1000 --ping-timeout 20000' });
		const join = (t, name, options = {}) => connected(t, make, `${s.url}/${name}`, { ...ONLY, ...options });

		it('connects without a request more', async (t) => {
			const one = await join(t, room());
			assert.equal(one.transport(), 'websocket');
			assert.deepEqual(one.upgrades, []);
			assert.ok(await s.metric(/^longline_sessions_by_transport\{transport="websocket"\}/) >= 1);
			assert.equal(await s.metric(/^longline_sessions_by_transport\{transport="polling"\}/), 0);
		});

		it('events go from one to the other, are stored and acknowledged in order', async (t) => {
			const name = room(), [a, b] = await Promise.all([join(t, name), join(t, name)]);
			const [{ id }] = await a.ask('news', 'é😀', { x: [1, null] });
			for (const one of [a, b])
				assert.deepEqual(await one.next('news'), ['é😀', { x: [1, null] }, String(id)]);
			const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => (i % 2 ? a : b).ask('n', i)));
			await until(() => a.rest('n').length === 200 && b.rest('n').length === 200, { what: 'all of them at both' });
			assert.deepEqual(a.rest('n'), b.rest('n'));
			assert.deepEqual(a.rest('n').map((args) => Number(args.at(-1))), answers.map(([answer]) => answer.id).sort((x, y) => x - y));
			assert.equal((await all(s, name)).length, 201);
		});

		it('binary goes both ways', async (t) => {
			const name = room(), [a, b] = await Promise.all([join(t, name), join(t, name)]);
			const args = [Buffer.from([1, 2, 3]), { deep: [Buffer.alloc(0), 'x', Buffer.alloc(70_000, 'y')] }];
			const [{ id }] = await a.ask('file', ...args);
			for (const one of [a, b])
				assert.deepEqual(await one.next('file'), [...args, String(id)]);
			const again = (await all(s, name))[0];
			assert.deepEqual(again.attachments, [Buffer.from([1, 2, 3]), Buffer.alloc(0), Buffer.alloc(70_000, 'y')].map((part) => part.toString('base64')));
		});

		it('namespaces share its connection', async (t) => {
			const names = [room(), room()], one = await join(t, names[0]);
			const other = one.io.socket(`/${names[1]}`);
			t.after(() => other.close());
			const heard = new Promise((resolve) => {
				other.on('chat message', (...args) => resolve(args));
			});
			await within(ms(15_000), new Promise((resolve) => {
				other.on('connect', resolve);
			}), 'the second namespace');
			const ids = [await s.sent('to one', { room: names[0] }), await s.sent('to other', { room: names[1] })];
			assert.deepEqual(await one.next('chat message'), ['to one', String(ids[0])]);
			assert.deepEqual(await within(ms(15_000), heard, 'the event of the second'), ['to other', String(ids[1])]);
			assert.deepEqual(one.rest('chat message'), []);
		});

		it('stays over heartbeats', async (t) => {
			const one = await join(t, room());
			let pings = 0;
			one.io.engine.on('packet', ({ type }) => {
				pings += type === 'ping';
			});
			await until(() => pings >= 2, { timeout: ms(30_000), what: 'two pings' });
			assert.deepEqual(one.rest('disconnect'), []);
			assert.ok((await one.ask('e'))[0].id > 0);
		});

		it('has after a crash what it missed, once and in order', async (t) => {
			const own = await start({ t }), name = room();
			const one = await connected(t, make, `${own.url}/${name}`, { ...ONLY, auth: { serverOffset: 0 } });
			const { id } = one, got = [];
			one.on('e', (n, offset) => {
				got.push(n);
				one.auth.serverOffset = offset;
			});
			await one.ask('e', 0);
			for (let round = 1; round < 4; round++) {
				await crash(own);
				await own.sent({ room: name, event: 'e', args: [round * 2 - 1] });
				await one.next('connect', ms(30_000));
				if (version === '4.8')
					assert.deepEqual([one.recovered, one.id], [true, id]);
				await one.ask('e', round * 2);
			}
			assert.equal(one.transport(), 'websocket');
			await until(() => got.length >= 7, { what: 'all' });
			assert.deepEqual(got, [0, 1, 2, 3, 4, 5, 6]);
		});
	});
}

describe('websocket: recovery', () => {
	const s = server();

	it('after a lost connection: nothing missed, nothing twice, the same id', async (t) => {
		const name = room(), one = await connected(t, io, `${s.url}/${name}`, { ...ONLY, reconnectionDelay: 300 }), { id } = one;
		await one.ask('e', 0);
		cut(one);
		await one.next('disconnect');
		for (let i = 1; i <= 5; i++)
			await s.sent({ room: name, event: 'e', args: [i] });
		await one.next('connect');
		assert.deepEqual([one.recovered, one.id], [true, id]);
		await one.ask('e', 6);
		await until(() => one.rest('e').length >= 7);
		assert.deepEqual(one.rest('e').map(([n]) => n), [0, 1, 2, 3, 4, 5, 6]);
	});

	it('the reply to CONNECT comes first, and then what was missed', async (t) => {
		const name = room(), one = await session(t, s), { sid, pid } = await enter(one, name), ids = [];
		for (let i = 0; i < 3; i++)
			ids.push(await s.sent(`m${i}`, { room: name }));
		assert.deepEqual(await one.packets(3), ids.map((id, i) => `42/${name},["chat message","m${i}","${id}"]`));
		await one.hangUp();
		for (let i = 3; i < 600; i++)
			ids.push(await s.sent(`m${i}`, { room: name }));
		const again = await session(t, s);
		assert.deepEqual(await enter(again, name, { pid, offset: String(ids[2]) }), { sid, pid });
		assert.deepEqual(await again.packets(597), ids.slice(3).map((id, i) => `42/${name},["chat message","m${i + 3}","${id}"]`));
	});

	it('from the database, when memory does not reach back that far', async (t) => {
		const name = room(), one = await session(t, s), { pid } = await enter(one, name);
		await one.leave();
		await s.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO messages(room, text) SELECT '${name}', 'm' || i FROM n`);
		const again = await session(t, s);
		assert.equal((await enter(again, name, { pid })).pid, pid);
		const texts = (await again.packets(3000)).map((packet) => JSON.parse(packet.slice(`42/${name},`.length))[1]);
		assert.deepEqual(texts, Array.from({ length: 3000 }, (_, i) => `m${i + 1}`));
	});

	it('a session by polling is taken over by one by WebSocket, and the other way around', async (t) => {
		const name = room(), first = await open(t, s), { sid, pid } = await enter(first, name);
		const second = await session(t, s);
		assert.deepEqual(await enter(second, name, { pid }), { sid, pid });
		await until(async () => !await first.alive(), { what: 'the first to be over' });
		const third = await open(t, s);
		assert.deepEqual(await enter(third, name, { pid }), { sid, pid });
		assert.deepEqual(await second.rest(), []);
		assert.deepEqual(second.ended, { code: null });
	});
});

describe('websocket: limits', { concurrency: 3 }, () => {
	it('events that are too many wait in their order, and what is behind them', async (t) => {
		const s = await site(t, { flags: ['--limit', 'messages=5:3'] }), one = await session(t, s);
		await enter(one, 'r');
		const began = performance.now();
		one.peer.write(...Array.from({ length: 8 }, (_, i) => frame(TEXT, `42/r,${i}["chat message","m${i}"]`)));
		const answers = [];
		while (answers.length < 8) {
			const packet = await one.packet();
			if (packet.startsWith('43'))
				answers.push(packet.slice(0, 6));
		}
		assert.deepEqual(answers, Array.from({ length: 8 }, (_, i) => `43/r,${i}`));
		assert.ok(performance.now() - began >= 950, 'five of them at 5 a second');
		assert.deepEqual((await all(s, 'r')).map((m) => m.text), Array.from({ length: 8 }, (_, i) => `m${i}`));
	});

	it('each message is a request: over the rate it is read late', async (t) => {
		const s = await site(t, { flags: ['--limit', 'requests=10:20'] }), one = await session(t, s);
		await enter(one, 'r');
		const began = performance.now();
		one.peer.write(...Array.from({ length: 40 }, () => frame(TEXT, '3')), frame(TEXT, '42/r,1["chat message","x"]'));
		const packets = await one.packets(2);
		assert.match(packets[1], /^43\/r,1/);
		assert.ok(performance.now() - began > 1500, 'twenty at ten a second');
	});

	it('and what would have to wait for too long ends it with 1008', async (t) => {
		const s = await site(t, { flags: ['--limit', 'requests=0.01:20'] }), one = await session(t, s);
		await enter(one, 'r');
		one.peer.write(...Array.from({ length: 40 }, () => frame(TEXT, '3')));
		await one.rest();
		assert.deepEqual(one.ended, { code: 1008 });
	});

	it('sessions, as for polling: refused before there is a WebSocket', async (t) => {
		const s = await start({ t, flags: '--sessions-max 2' });
		const two = [await session(t, s), await session(t, s)];
		for (const [i, one] of two.entries())
			await enter(one, `r${i}`);
		const { status } = await ask(s.port, TARGET, { t });
		assert.equal(status, 503);
		await two[0].leave();
		await until(async () => (await ask(s.port, TARGET, { t })).status === 101, { what: 'room for one' });
		const persons = await site(t, { flags: ['--limit', 'sessions=1'] });
		await enter(await session(t, persons), 'r');
		assert.equal((await ask(persons.port, TARGET, { t })).status, 429);
	});

	it('payload, namespaces and attachments', async (t) => {
		const s = await start({ t, flags: '--max-payload 5000 --namespaces-max 2 --attachments-max 1' });
		const one = await session(t, s);
		assert.equal(one.handshake.maxPayload, 5000);
		await enter(one, 'a');
		await enter(one, 'b');
		await one.send('40/c,');
		assert.match(await one.packet(), /^44\/c,\{"message":"a session may join 2 namespaces at most"\}/);
		await one.send(`42/a,1["e","${'x'.repeat(4000)}"]`);
		await one.packets(2);
		one.peer.send(`42/a,["e","${'x'.repeat(5000)}"]`);
		assert.deepEqual(await one.rest(), []);
		assert.deepEqual(one.ended, { code: 1009 });
		const two = await session(t, s);
		await enter(two, 'a');
		await two.post('452-/a,["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
		assert.deepEqual(await two.rest(), []);
		assert.deepEqual(two.ended, { code: null });
		assert.equal((await s.get('/healthz')).status, 200);
	});

	it('who does not read is ended after --send-timeout, and nobody else minds', async (t) => {
		const s = await start({ t, flags: '--send-timeout 1' }), name = room();
		const slow = await session(t, s), other = await session(t, s);
		await enter(slow, name);
		await enter(other, name);
		slow.peer.socket.pause();
		const text = 'x'.repeat(500_000);
		let last = 0;
		// More than the buffers on the way hold.
		for (let i = 0; i < 40; i++)
			last = await s.sent(text, { room: name });
		for (let i = 0; i < 40; i++)
			assert.ok((await one(other)).length > 500_000);
		await until(async () => await s.metric(/^longline_sessions$/) === 1, { timeout: ms(40_000), what: 'the slow one to be ended' });
		assert.ok(last > 0);

		async function one(from) {
			return from.packet();
		}
	});
});

describe('websocket: who somebody is', { concurrency: 3 }, () => {
	it('by auth.token, and by the header of the handshake', async (t) => {
		const s = await site(t), ci = await token(s, 'ci');
		for (const options of [{ auth: { token: ci.secret } }, { extraHeaders: bearer(ci.secret) }]) {
			const one = await connected(t, io, `${s.url}/r`, { ...ONLY, ...options });
			const [{ id }] = await one.ask('chat message', 'x');
			assert.deepEqual(await s.rows(`SELECT sender, "by" FROM messages WHERE id = ${id}`), [{ sender: 'ci', by: 'ci' }]);
		}
	});

	it('a name that nginx has checked is the sender', async (t) => {
		const s = await site(t), one = await session(t, s, headersOf(user('ann')));
		await enter(one, 'r', { name: 'mallory' });
		await one.send('42/r,1["chat message","x"]');
		await one.packets(2);
		assert.deepEqual(await s.rows('SELECT sender, "by" FROM messages'), [{ sender: 'ann', by: 'user:ann' }]);
	});

	it('a token that there is not: 401 before there is a WebSocket, or a connect error', async (t) => {
		const s = await site(t);
		const { status, text, headers } = await ask(s.port, TARGET, { t, headers: bearer('ll_nosuch') });
		assert.equal(status, 401, text);
		assert.match(headers['www-authenticate'] ?? '', /^Bearer realm="Longline"/);
		const [error] = await socket(t, io, `${s.url}/r`, { ...ONLY, auth: { token: 'll_nosuch' } }).next('connect_error');
		assert.equal(error.data?.code, 'unauthorized');
	});

	it('a room without a right: a connect error; without one to write: an ack', async (t) => {
		const s = await site(t), ci = await token(s, 'ci');
		await s.sql(`${insertGrant({ who: 'token:ci', rooms: 'read', may: 'r' })} ${insertGrant({ who: 'token:ci', rooms: 'both', may: 'rw' })}`);
		const auth = { token: ci.secret };
		await until(async () => (await s.as(ci).poll({ room: 'none', wait: 0 })).status === 403, { what: 'the grants to hold' });
		const [error] = await socket(t, io, `${s.url}/none`, { ...ONLY, auth }).next('connect_error');
		assert.equal(error.data?.code, 'forbidden_room');
		assert.equal((await (await connected(t, io, `${s.url}/read`, { ...ONLY, auth })).ask('e'))[0].code, 'forbidden_room');
		assert.ok((await (await connected(t, io, `${s.url}/both`, { ...ONLY, auth })).ask('e'))[0].id > 0);
	});

	it('a token that goes: nothing of what comes behind it is told to who had it, and the library is told', async (t) => {
		const s = await site(t), [ci, other] = [await token(s, 'ci'), await token(s, 'other')];
		const gone = await connected(t, io, `${s.url}/r`, { ...ONLY, auth: { token: ci.secret } });
		const byHeader = await session(t, s, bearer(ci.secret)), stays = await session(t, s, bearer(other.secret));
		await enter(byHeader, 'r');
		await enter(stays, 'r');
		await gone.ask('e', 'before');
		await gone.next('e');
		await s.sql(`BEGIN IMMEDIATE; DELETE FROM tokens WHERE name = ${quoted('ci')}; INSERT INTO messages(room, text) VALUES('r', 'marker'); COMMIT;`);
		await gone.next('disconnect');
		const rest = await byHeader.rest();
		assert.ok(rest.every((packet) => !packet.includes('marker')), String(rest));
		assert.match((await stays.packets(2))[1], /marker/);
		gone.connect();
		await gone.next('connect_error');
		assert.deepEqual(gone.rest('chat message'), []);
	});

	it('an upgrade is by whom the session is, and by nobody else', async (t) => {
		const s = await site(t), ci = await token(s, 'ci'), mine = bearer(ci.secret);
		const one = await open(t, s, { headers: mine });
		const target = `${TARGET}&sid=${one.sid}`;
		for (const headers of [{}, headersOf(user('bob'))]) {
			const { status, text } = await ask(s.port, target, { t, headers });
			assert.deepEqual([status, text], [400, UNKNOWN], JSON.stringify(headers));
		}
		const peer = await openSocket(t, s.port, target, { headers: mine });
		peer.send('2probe');
		assert.equal(await peer.text(), '3probe');
		// A stranger's is by its id alone.
		const stranger = await open(t, s);
		const other = await openSocket(t, s.port, `${TARGET}&sid=${stranger.sid}`, { headers: headersOf(user('ann')) });
		other.send('2probe');
		assert.equal(await other.text(), '3probe');
	});
});

describe('websocket: whose page asks', () => {
	const elsewhere = { Origin: 'https://elsewhere.example' }, friend = { Origin: 'https://friend.example' };
	const asks = async (s, t, headers) => (await ask(s.port, TARGET, { t, headers })).status;

	it('by default: of the same origin, or no page', async (t) => {
		const s = await start({ t });
		for (const headers of [{}, { Origin: s.url }])
			assert.equal(await asks(s, t, headers), 101, JSON.stringify(headers));
		for (const headers of [elsewhere, { Origin: 'null' }, { ...elsewhere, 'Sec-Fetch-Site': 'cross-site' }, { Origin: `http://127.0.0.1:${s.port + 1}` }])
			assert.equal(await asks(s, t, headers), 403, JSON.stringify(headers));
		const one = await open(t, s);
		assert.equal((await ask(s.port, `${TARGET}&sid=${one.sid}`, { t, headers: elsewhere })).status, 403);
		assert.ok(await one.alive(), 'the session is unharmed');
	});

	it('--cors: the one that is named', async (t) => {
		const s = await start({ t, flags: `--cors ${friend.Origin}` });
		assert.equal(await asks(s, t, friend), 101);
		assert.equal(await asks(s, t, elsewhere), 403);
	});

	it('--cors *: any, but not with a name that nginx has checked', async (t) => {
		const s = await site(t, { flags: ['--cors', '*', '--cors', friend.Origin] }), ann = headersOf(user('ann'));
		assert.equal(await asks(s, t, elsewhere), 101);
		assert.equal(await asks(s, t, { ...elsewhere, ...ann }), 403);
		assert.equal(await asks(s, t, { ...elsewhere, Authorization: 'Basic YTpi' }), 403);
		assert.equal(await asks(s, t, { ...friend, ...ann }), 101);
		assert.equal(await asks(s, t, ann), 101);
	});
});

describe('websocket: its end', () => {
	it('1001 when the daemon stops, and clients come back to the next one', async (t) => {
		const s = await start({ t }), name = room(), one = await session(t, s);
		const library = await connected(t, io, `${s.url}/${name}`, ONLY);
		await enter(one, name);
		const before = s.pid();
		s.kill('SIGTERM');
		await one.rest();
		assert.deepEqual(one.ended, { code: 1001 });
		await newPid(s, before);
		await library.next('connect', ms(30_000));
		assert.equal(library.recovered, true);
	});

	it('what is queued goes out before it', async (t) => {
		const s = await start({ t }), name = room(), one = await session(t, s);
		await enter(one, name);
		one.peer.write(...Array.from({ length: 20 }, (_, i) => frame(TEXT, `42/${name},${i}["e",${i}]`)), frame(TEXT, '42/nowhere,["e"]'));
		const acks = (await one.rest()).filter((packet) => packet.startsWith('43'));
		assert.deepEqual(one.ended, { code: null });
		// They were stored in any case; what had its answer before the bad one got it.
		await until(async () => (await all(s, name)).length === 20, { what: 'all to be stored' });
		assert.deepEqual(acks, [...acks].sort((a, b) => a.length - b.length || (a < b ? -1 : 1)));
	});
});

describe('--no-websocket', () => {
	const s = server({ flags: '--no-websocket' });

	it('the handshake offers no upgrade, and clients stay on polling', async (t) => {
		for (const [, make] of clients) {
			const one = await connected(t, make, `${s.url}/${room()}`);
			assert.ok((await one.ask('e'))[0].id > 0);
			assert.deepEqual([one.transport(), one.upgrades], ['polling', []]);
		}
	});

	it('who is told to use nothing else is refused, and who may try all goes on to polling', async (t) => {
		for (const [, make] of clients)
			await socket(t, make, s.url, ONLY).next('connect_error');
		const one = await connected(t, io, s.url, { transports: ['websocket', 'polling'], tryAllTransports: true });
		assert.equal(one.transport(), 'polling');
		const { status, text } = await ask(s.port, TARGET, { t });
		assert.deepEqual([status, text], [400, '{"code":0,"message":"Transport unknown"}']);
	});

	it('a GET is held as ever', async (t) => {
		const one = await open(t, s);
		await one.send('40/quiet,');
		await one.packet();
		assert.ok(await pending(one.get(), ms(300)));
	});
});
