// relay-access.test.mjs: Socket.IO's sessions and who is behind them: for whom a session is counted, events that are too
// many, and what is said to a client then. Who may read and write what is in grants.test.mjs, who may no more in revoke.test.mjs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connected, io } from '../conformance/clients.mjs';
import { open } from '../conformance/wire.mjs';
import { ms, pending, span, until, within } from './harness.mjs';
import { bearer, insertGrant, jwt, site, token } from './persons.mjs';

const AGENT = { 'User-Agent': 'Mozilla/5.0 (longline-test)' };
const UNKNOWN = '{"code":1,"message":"Session ID unknown"}';

/** A site where these limits hold. */
const limited = (t, ...limits) => site(t, { flags: limits.flatMap((one) => ['--limit', one]), key: true });

/** A session by hand; of an address that counts, unless the headers say otherwise. */
const session = (t, s, headers = {}) => open(t, s, { headers: { ...AGENT, ...headers } });

/** The same that has joined a room; `auth` as CONNECT takes it. */
async function joined(t, s, room, { auth, headers } = {}) {
	const one = await session(t, s, headers);
	await enter(one, room, auth);
	return one;
}

async function enter(one, room, auth) {
	await one.send(`40/${room},${auth ? JSON.stringify(auth) : ''}`);
	const packet = await one.packet();
	assert.ok(packet?.startsWith(`40/${room},`), packet);
	return JSON.parse(packet.slice(`40/${room},`.length));
}

/** Events of a room as a POST takes them; those with an id ask for an ack. */
const event = (room, text, id = '') => `42/${room},${id}["chat message","${text}"]`;

/** What `count` acks say, by their id; other packets are left out. */
async function acks(one, room, count) {
	const answers = new Map();
	while (answers.size < count) {
		const packet = await one.packet();
		assert.ok(packet !== undefined, 'the session ended');
		const [, id, json] = new RegExp(`^43/${room},(\\d+)\\[(.*)\\]$`).exec(packet) ?? [];
		if (id !== undefined)
			answers.set(Number(id), json === '' ? null : JSON.parse(json));
	}
	return answers;
}

const texts = async (s, room) => (await s.rows(`SELECT text FROM messages WHERE room = '${room}' ORDER BY id`)).map((row) => row.text);

/** A refusal by ack: which limit it was, and when to come again. */
function tooMuch(answer, limit) {
	assert.equal(answer.code, 'rate_limited');
	assert.equal(answer.limit, limit);
	assert.match(answer.error, new RegExp(`limit '${limit}'`));
	assert.ok(Number.isInteger(answer.retryAfter) && answer.retryAfter >= 1, String(answer.retryAfter));
}

describe('relay, too many events', () => {
	it('wait in order, and so does their POST', async (t) => {
		const s = await limited(t, 'messages=5:3'), one = await joined(t, s, 'r');
		const began = performance.now();
		await one.send(...Array.from({ length: 8 }, (_, i) => event('r', `m${i}`, i % 2 ? i : '')));
		assert.ok(performance.now() - began >= 950, 'five of them at 5 a second');
		for (const [, answer] of await acks(one, 'r', 4))
			assert.ok(answer.id > 0);
		assert.deepEqual(await texts(s, 'r'), Array.from({ length: 8 }, (_, i) => `m${i}`));
		assert.ok(await s.metric(/^longline_limited_total\{limit="messages"\}/) >= 1);
	});

	it('keep their attachments', async (t) => {
		const s = await limited(t, 'messages=2:1'), one = await joined(t, s, 'r');
		await one.send(event('r', 'first'), '451-/r,7["file",{"_placeholder":true,"num":0}]', 'bAQIDBA==', event('r', 'last', 8));
		assert.ok((await acks(one, 'r', 2)).get(7).id > 0);
		const { messages } = (await s.poll({ room: 'r', since: 'all', wait: 0 })).json;
		assert.deepEqual(messages.map(({ text, attachments }) => text ?? attachments), ['first', ['AQIDBA=='], 'last']);
	});

	it('beyond what may be waited for: an ack says so, and the session goes on', async (t) => {
		const s = await limited(t, 'messages=0.02:2'), one = await joined(t, s, 'r');
		await one.send(...[0, 1, 2, 3].map((id) => event('r', `m${id}`, id)));
		const answers = await acks(one, 'r', 4);
		assert.ok(answers.get(0).id > 0 && answers.get(1).id > 0);
		tooMuch(answers.get(2), 'messages');
		tooMuch(answers.get(3), 'messages');
		assert.ok(answers.get(2).retryAfter > 15 && answers.get(2).retryAfter <= 50);
		assert.ok(await one.alive());
		assert.deepEqual(await texts(s, 'r'), ['m0', 'm1']);
	});

	it('or, where none was asked for, the session ends, and nothing behind it is stored', async (t) => {
		const s = await limited(t, 'messages=0.02:2'), one = await joined(t, s, 'r');
		const post = await one.post(...[0, 1, 2, 3].map((id) => event('r', `m${id}`)));
		assert.deepEqual([post.status, post.text], [200, 'ok']);
		assert.equal(await one.alive(), false);
		// Nobody waited until they were on the disk.
		await until(async () => (await texts(s, 'r')).length >= 2, { what: 'the two' });
		assert.deepEqual(await texts(s, 'r'), ['m0', 'm1']);
	});

	it('are counted for the one that the namespace proves, not for the address', async (t) => {
		const s = await limited(t, 'messages=0.02:2'), ci = await token(s, 'ci');
		const one = await joined(t, s, 'r'), two = await joined(t, s, 'r', { auth: { token: ci.secret } });
		await one.send(event('r', 'a', 0), event('r', 'b', 1), event('r', 'c', 2));
		tooMuch((await acks(one, 'r', 3)).get(2), 'messages');
		await two.send(event('r', 'd', 0), event('r', 'e', 1), event('r', 'f', 2));
		const answers = await acks(two, 'r', 3);
		assert.ok(answers.get(1).id > 0);
		tooMuch(answers.get(2), 'messages');
		// Both ways in are one person's.
		assert.equal((await s.send('x', { room: 'r' }, bearer(ci.secret))).status, 429);
	});

	it('what is passed on has a limit of its own', async (t) => {
		const s = await limited(t, 'passing=0.02:2'), one = await joined(t, s, 'r');
		await one.send(...[0, 1, 2].map((id) => `42/r,${id}["typing"]`), event('r', 'stored', 3));
		const answers = await acks(one, 'r', 4);
		assert.deepEqual([answers.get(0), answers.get(1)], [null, null]);
		tooMuch(answers.get(2), 'passing');
		assert.ok(answers.get(3).id > 0);
	});

	it('new rooms: an ack says so; without one the session ends', async (t) => {
		const s = await limited(t, 'new-rooms=0.02:1'), one = await joined(t, s, 'a');
		await enter(one, 'b');
		await one.send(event('a', 'x', 1));
		assert.ok((await acks(one, 'a', 1)).get(1).id > 0);
		await one.send(event('b', 'x', 2));
		tooMuch((await acks(one, 'b', 1)).get(2), 'new-rooms');
		assert.ok(await one.alive());
		await one.send(event('b', 'x'));
		await until(async () => !await one.alive());
		assert.deepEqual(await texts(s, 'b'), []);
	});

	it('the library is told by the ack', async (t) => {
		const s = await limited(t, 'messages=0.02:1'), one = await connected(t, io, `${s.url}/r`);
		assert.ok((await one.ask('chat message', 'x'))[0].id > 0);
		tooMuch((await one.ask('chat message', 'y'))[0], 'messages');
		assert.ok(one.connected);
	});

	it('one that waits is stored before the daemon stops', async (t) => {
		const s = await limited(t, 'messages=0.2:1'), one = await joined(t, s, 'r');
		const post = one.post(event('r', 'first'), event('r', 'second'));
		await until(async () => (await texts(s, 'r')).length >= 1);
		const { code } = await s.daemon.stop();
		assert.equal(code, 0);
		assert.equal((await post).status, 200);
		assert.deepEqual(await texts(s, 'r'), ['first', 'second']);
	});

	it('one that waits is stored though its client has gone', async (t) => {
		const s = await limited(t, 'messages=0.5:1'), one = await joined(t, s, 'r');
		const hang = new AbortController();
		const held = s.request(one.target(), { headers: AGENT, signal: hang.signal }).catch(() => {});
		await one.post(event('r', 'first'));
		one.post(event('r', 'second')).catch(() => {});
		await until(async () => await s.metric(/^longline_posts_waiting/) >= 1 || (await texts(s, 'r')).length === 2, { what: 'the second to wait' });
		hang.abort();
		await held;
		await until(async () => (await texts(s, 'r')).length === 2);
	});

	it('a body that is over the bytes is refused whole, and the session goes on', async (t) => {
		const s = await limited(t, 'bytes=10:3000'), one = await joined(t, s, 'r');
		await one.send(event('r', 'x'.repeat(2000), 1));
		assert.ok((await acks(one, 'r', 1)).get(1).id > 0);
		const res = await one.post(event('r', 'y'.repeat(2000)));
		assert.equal(res.status, 429);
		assert.equal(res.json.limit, 'bytes');
		assert.equal((await texts(s, 'r')).length, 1);
	});
});

describe('relay, for whom a session is counted', () => {
	it('a stranger\'s moves to who is proven first', async (t) => {
		const s = await limited(t, 'sessions=2'), ci = await token(s, 'ci');
		const [one, two] = [await session(t, s), await session(t, s)];
		const shake = () => s.get('/socket.io/?EIO=4&transport=polling', AGENT);
		const refused = await shake();
		assert.equal(refused.status, 429);
		assert.deepEqual([refused.json.code, refused.json.limit], ['rate_limited', 'sessions']);
		await enter(one, 'a', { token: ci.secret });
		await enter(one, 'b');
		await enter(two, 'a', { token: ci.secret });
		// Both places are free again, and the token's are taken.
		const three = await joined(t, s, 'a');
		await three.send(`40/b,${JSON.stringify({ token: ci.secret })}`);
		const packet = await three.packet();
		assert.match(packet, /^44\/b,/);
		const error = JSON.parse(packet.slice('44/b,'.length));
		assert.deepEqual([error.data.code, error.data.limit], ['rate_limited', 'sessions']);
		assert.ok(error.data.retryAfter >= 1 && error.message);
		assert.equal((await s.get('/socket.io/?EIO=4&transport=polling', { ...AGENT, ...bearer(ci.secret) })).status, 429);
		await one.leave();
		await enter(three, 'b', { token: ci.secret });
		await shake();
		assert.equal((await shake()).status, 200);
	});

	it('its GETs are held for that one', async (t) => {
		const s = await limited(t, 'held=1'), ci = await token(s, 'ci');
		const one = await joined(t, s, 'a'), two = await joined(t, s, 'a', { auth: { token: ci.secret } });
		const [first, second] = [one.get(), two.get()];
		await s.opened(2);
		assert.ok(await pending(first, ms(1500)) && await pending(second));
		const poll = await s.poll({ wait: 20 });
		assert.deepEqual([poll.status, poll.json.limit], [429, 'held']);
		const other = await s.poll({ wait: 20 }, { headers: bearer(ci.secret) });
		assert.deepEqual([other.status, other.json.limit], [429, 'held']);
		await s.sent('go on', { room: 'a' });
		for (const held of [first, second])
			assert.match((await held).text, /go on/);
	});

	it('acks that nobody fetches are that one\'s memory', async (t) => {
		const s = await limited(t, 'memory=30000', 'messages=off'), ci = await token(s, 'ci');
		const one = await joined(t, s, 'a', { auth: { token: ci.secret } }), two = await joined(t, s, 'a');
		await until(async () => (await one.post(...Array.from({ length: 50 }, (_, i) => event('a', 'x', i)))).status === 400, { what: 'the session to end' });
		assert.ok(await two.alive());
		assert.ok(await s.metric(/^longline_limited_total\{limit="memory"\}/) >= 1);
	});
});

describe('relay, whose a session is', () => {
	it('a token\'s is nobody else\'s, and is not touched by others', async (t) => {
		const s = await site(t), ci = await token(s, 'ci'), other = await token(s, 'other');
		const one = await joined(t, s, 'a', { headers: bearer(ci.secret) });
		const held = one.get();
		assert.ok(await pending(held));
		for (const headers of [{}, bearer(other.secret), { 'X-Test-User': 'ci' }])
			for (const res of [await s.get(one.target(), headers), await s.post(one.target(), event('a', 'not ci'), headers), await s.post(one.target(), '1', headers)])
				assert.deepEqual([res.status, res.text], [400, UNKNOWN]);
		assert.equal((await s.get(one.target(), bearer('ll_nobody'))).status, 401);
		assert.ok(await pending(held), 'its GET is still held');
		await one.send(event('a', 'ci'));
		assert.match((await held).text, /"ci"/);
		assert.deepEqual(await texts(s, 'a'), ['ci']);
	});

	it('a user\'s goes on with another JWT of the same user, until the first one ends', async (t) => {
		const s = await site(t, { key: true });
		// A clock that is half a minute off is forgiven.
		const exp = Math.floor(Date.now() / 1000) - 30 + Math.ceil(span(6_000) / 1000);
		const one = await joined(t, s, 'a', { headers: bearer(jwt({ sub: 'ann', exp })) });
		one.headers = { ...AGENT, ...bearer(jwt({ sub: 'ann' })) };
		await one.send(event('a', 'x', 1));
		assert.ok((await acks(one, 'a', 1)).get(1).id > 0);
		const held = one.get();
		const res = await within(ms(15_000), held, 'the end of it');
		assert.equal(res.text, '1');
		assert.ok(Date.now() >= (exp + 30) * 1000, 'not before it expired');
		assert.equal((await one.get()).status, 400);
	});

	it('messages say by whom: in the meta argument too, and the name is not what is claimed', async (t) => {
		const s = await site(t), ci = await token(s, 'ci'), any = await token(s, 'any', { sender: '*' });
		const reader = await joined(t, s, 'a', { auth: { meta: true } });
		for (const auth of [{ token: ci.secret, name: 'ann' }, { token: any.secret, name: 'ann' }, { name: 'ann' }]) {
			const one = await joined(t, s, 'a', { auth });
			await one.send(event('a', 'x'));
		}
		const metas = (await reader.packets(3)).map((packet) => JSON.parse(packet.slice('42/a,'.length))[2]);
		assert.deepEqual(metas.map(({ sender, by }) => [sender, by]), [['ci', 'ci'], ['ann', 'any'], ['ann', undefined]]);
		const { messages } = (await s.poll({ room: 'a', since: 'all', wait: 0 })).json;
		assert.deepEqual(messages.map(({ sender, by }) => [sender, by]), [['ci', 'ci'], ['ann', 'any'], ['ann', undefined]]);
	});

	it('a name that is somebody\'s is an ack with the error', async (t) => {
		const s = await site(t);
		await token(s, 'ci');
		const one = await joined(t, s, 'a', { auth: { name: ' CI ' } });
		await one.send(event('a', 'x', 1));
		const answer = (await acks(one, 'a', 1)).get(1);
		assert.equal(answer.code, 'sender_taken');
		assert.equal(typeof answer.error, 'string');
		assert.deepEqual(await texts(s, 'a'), []);
	});

	it('auth.token: null and absent are the session\'s; anything else that is no token is refused', async (t) => {
		const s = await site(t), ci = await token(s, 'ci');
		const one = await session(t, s, bearer(ci.secret));
		await enter(one, 'a', { token: null });
		for (const bad of [1, true, {}, [], 'x', 'll_x']) {
			await one.send(`40/b,${JSON.stringify({ token: bad })}`);
			const packet = await one.packet();
			assert.match(packet, /^44\/b,/, JSON.stringify(bad));
			assert.equal(JSON.parse(packet.slice('44/b,'.length)).data.code, 'unauthorized');
		}
		await one.send(event('a', 'x', 1));
		await acks(one, 'a', 1);
		assert.deepEqual(await s.rows('SELECT by FROM messages'), [{ by: 'ci' }]);
	});

	it('what was only allowed by another program just now is waited for: at CONNECT, and at an event', async (t) => {
		const s = await site(t);
		await s.sql(insertGrant({ who: 'anyone', rooms: 'r*', may: 'r' }));
		const one = await joined(t, s, 'r');
		for (let i = 0; i < 10; i++) {
			await s.sql(insertGrant({ who: 'anyone', rooms: `x${i}`, may: 'r' }));
			await enter(one, `x${i}`);
			await s.sql(`UPDATE grants SET may = 'rw' WHERE rooms = 'x${i}'`);
			await one.send(event(`x${i}`, 'x', i));
			assert.ok((await acks(one, `x${i}`, 1)).get(i).id > 0);
		}
	});
});
