// grants.test.mjs: who may what, through the real nginx: every way in, by every kind of person, while other programs change
// the grants; each answer is what the model (grants-model.mjs) says, from the commit of a change on.
//
// Environment: SEED  which random walk (the test says which it took)
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { io, socket, connected } from '../conformance/clients.mjs';
import { open } from '../conformance/wire.mjs';
import { aMay, decide, random } from './grants-model.mjs';
import { ms, pending, problem, session, until, within } from './harness.mjs';
import {
	as, bearer, forbidden, insertGrant, insertToken, jwt, keyFile, newSecret, quoted, sharedSite, site, stranger, token, unauthorized, UNCOUNTED, user,
} from './persons.mjs';

const grant = (s, who, rooms, may) => s.sql(insertGrant({ who, rooms, may }));
const deleteGrant = ({ who, rooms }) => `DELETE FROM grants WHERE who = ${quoted(who)} AND rooms = ${quoted(rooms)};`;
const ungrant = (s, who, rooms) => s.sql(deleteGrant({ who, rooms }));

// ---------------------------------------------------------------------------------------------------------------------
// What the log would answer, from all that was ever sent and the model.

const WORDS = ['capybara', 'tapir', 'walrus'];

class Mirror {
	constructor() {
		this.messages = [];
		this.rows = [];
		this.closed = false;
	}

	may(person, room) {
		return this.closed ? decide(this.rows, person, room) : { r: true, w: true, m: false };
	}

	head() {
		return this.messages.at(-1)?.id ?? 0;
	}

	/** What of these rooms may be read; undefined: one that is named may not be. */
	visible(person, rooms) {
		if (rooms.some((one) => one !== '*' && !this.may(person, one).r))
			return undefined;
		return this.messages.filter(({ room }) => (rooms.includes('*') ? this.may(person, room).r : rooms.includes(room)));
	}

	poll(person, { room, since, limit }) {
		const all = this.visible(person, room);
		if (!all)
			return undefined;
		const from = since === 'all' ? 0 : since === 'now' ? this.head() : since < 0 ? (all.at(since - 1)?.id ?? 0) : since;
		const news = all.filter(({ id }) => id > from), messages = news.slice(0, limit), more = news.length > limit;
		return { messages, next: more ? messages.at(-1).id : this.head(), more };
	}

	history(person, { room, limit, before: upper, after: lower, sender }) {
		const all = this.visible(person, room)?.filter((m) => sender === undefined || m.sender === sender);
		if (!all)
			return undefined;
		const messages = lower !== undefined ? all.filter(({ id }) => id > lower).slice(0, limit)
			: all.filter(({ id }) => upper === undefined || id < upper).slice(-limit);
		const [first, last] = messages.length ? [messages[0].id, messages.at(-1).id]
			: lower !== undefined ? [lower + 1, Infinity] : [0, (upper ?? Infinity) - 1];
		return {
			messages,
			older: all.some(({ id }) => id < first) ? first : null,
			newer: all.some(({ id }) => id > last) ? last : null,
		};
	}

	search(person, { room, limit, q, before: upper }) {
		const all = this.visible(person, room);
		if (!all)
			return undefined;
		const found = all.filter(({ id, text }) => text.includes(q) && (upper === undefined || id < upper)).reverse();
		return { messages: found.slice(0, limit), older: found.length > limit ? found[limit - 1].id : null, newer: null };
	}

	rooms(person, { limit, after: below }) {
		const names = [...new Set(this.visible(person, ['*']).map(({ room }) => room))];
		const all = names.map((name) => {
			const own = this.messages.filter(({ room }) => room === name);
			return { name, last: own.at(-1).id, n: own.length };
		}).sort((a, b) => b.last - a.last).filter(({ last }) => below === undefined || last < below);
		return { rooms: all.slice(0, limit), more: all.length > limit };
	}
}

const plain = ({ id, room, event, sender, by, text }) => ({ id, room, event, sender, ...(by === undefined ? {} : { by }), text });

/** Who a message of theirs says has sent it. */
function signature(person, claim) {
	switch (person.kind) {
	case 'stranger': return { sender: claim };
	case 'token': return { sender: person.claims ? claim : person.sender ?? person.name, by: person.name };
	case 'user': return { sender: person.name, by: `user:${person.name}` };
	default: return { sender: person.called ?? person.name, by: `user:${person.name}` };
	}
}

describe('grants: a random walk', () => {
	const s = sharedSite({ key: true });

	it('each answer is what the model says', async (t) => {
		const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007), rng = random(seed), mirror = new Mirror();
		t.diagnostic(`SEED=${seed}`);
		const persons = [
			stranger, user('ann'), user('bob'), await token(s, 'ci'),
			{ ...await token(s, 'bridge', { sender: '*' }), claims: true },
			{ ...await token(s, 'deploy', { sender: 'Deployment' }), sender: 'Deployment' },
			{ kind: 'jwt', name: 'ann', ll: [{ rooms: 'pub*', may: 'rw' }, { rooms: 'ops-1', may: '' }, { rooms: 'p', may: 'r' }] },
			{ kind: 'jwt', name: 'eve', called: 'Eve', ll: [] },
		];
		const doors = new Map(persons.map((p) => [p, p.kind === 'jwt' ? as(s, bearer(jwt({ sub: p.name, name: p.called, ll: p.ll }))) : s.as(p)]));
		const { run: sql } = session(s.db, { t });
		const ROOMS = ['p', 'pub', 'pub-ops', 'pub-x', 'ops', 'ops-1', 'ops-2', 'main', 'ghost', 'pub-ghost'];
		const whos = ['anyone', 'users', 'user:ann', 'user:bob', 'user:eve', 'token:ci', 'token:bridge', 'token:deploy', 'user:ci', 'token:ann'];
		const patterns = ['*', 'p', 'p*', 'pub', 'pub*', 'pub-*', 'pub-ops', 'ops*', 'ops-1', 'ops-*', 'main', 'g*', 'pub-ghost'];
		const counts = { 201: 0, 200: 0, 403: 0, empty: 0 };
		let step;

		/** A change of the grants, in the file and in the mirror. */
		async function change() {
			const at = rng.below(mirror.rows.length || 1), row = mirror.rows[at], how = rng.below(5);
			if (row && how === 0) {
				await sql(deleteGrant(row));
				mirror.rows.splice(at, 1);
			} else if (row && how === 1) {
				row.may = aMay(rng);
				await sql(`UPDATE grants SET may = ${quoted(row.may)} WHERE who = ${quoted(row.who)} AND rooms = ${quoted(row.rooms)};`);
			} else if (row && how === 2) {
				const rooms = rng.one(patterns);
				if (mirror.rows.some((one) => one.who === row.who && one.rooms === rooms))
					return;
				await sql(`UPDATE grants SET rooms = ${quoted(rooms)} WHERE who = ${quoted(row.who)} AND rooms = ${quoted(row.rooms)};`);
				row.rooms = rooms;
			} else {
				const made = { who: rng.one(whos), rooms: rng.one(patterns), may: rng.chance(0.3) ? 'rw' : aMay(rng) };
				await sql(insertGrant(made).replace('INSERT', 'INSERT OR REPLACE'));
				mirror.rows = [...mirror.rows.filter((one) => one.who !== made.who || one.rooms !== made.rooms), made];
				mirror.closed = true;
			}
		}

		const someRooms = () => (rng.chance(0.3) ? ['*'] : Array.from({ length: 1 + rng.below(3) }, () => (rng.chance(0.05) ? '*' : rng.one(ROOMS))));
		const anId = () => 1 + rng.below(mirror.head() + 3);
		const asks = {
			async send(person, door) {
				const room = rng.one(ROOMS), text = `${rng.one(WORDS)} ${step}`, claim = `claimed-${rng.below(3)}`;
				const res = await door.send(text, { room, sender: claim });
				if (!mirror.may(person, room).w) {
					forbidden(res);
					return 403;
				}
				assert.equal(res.status, 201, res.text);
				mirror.messages.push({ id: res.json.id, room, event: 'chat message', ...signature(person, claim), text });
				return 201;
			},
			async poll(person, door) {
				const ask = { room: someRooms(), limit: 1 + rng.below(20), since: rng.one(['all', 'now', -1 - rng.below(5), Math.min(anId(), mirror.head())]) };
				const res = await door.poll({ ...ask, wait: 0 }), want = mirror.poll(person, ask);
				return told(res, want, ({ messages, next, more }) => ({ messages: messages.map(plain), next, more }));
			},
			async history(person, door) {
				const ask = { room: someRooms(), limit: 1 + rng.below(20), [rng.one(['before', 'after', 'nothing'])]: anId() };
				delete ask.nothing;
				if (rng.chance(0.2))
					ask.sender = rng.one(['claimed-1', 'ann', 'ci', 'Eve']);
				const res = await door.history(ask), want = mirror.history(person, ask);
				return told(res, want, ({ messages, older, newer }) => ({ messages: messages.map(plain), older, newer }));
			},
			async search(person, door) {
				const ask = { room: someRooms(), limit: 1 + rng.below(20), q: rng.one(WORDS), ...(rng.chance(0.3) ? { before: anId() } : {}) };
				const want = mirror.search(person, ask);
				// Search may be a little behind, and says so.
				const res = await until(async () => {
					const got = await door.history(ask);
					return got.json.indexed === undefined && got;
				}, { what: 'search to know all' });
				return told(res, want, ({ messages, older, newer }) => ({ messages: messages.map(plain), older, newer }));
			},
			async rooms(person, door) {
				const ask = { limit: 1 + rng.below(ROOMS.length), ...(rng.chance(0.3) ? { after: anId() } : {}) };
				const res = await door.get(`/rooms?limit=${ask.limit}${ask.after ? `&after=${ask.after}` : ''}`);
				return told(res, mirror.rooms(person, ask), ({ rooms, more }) => ({ rooms: rooms.map(({ name, last, n }) => ({ name, last, n })), more }));
			},
		};
		function told(res, want, of) {
			if (!want) {
				forbidden(res);
				return 403;
			}
			assert.equal(res.status, 200, res.text);
			assert.deepEqual(of(res.json), of(want));
			return (want.messages ?? want.rooms).length ? 200 : 'empty';
		}

		for (step = 0; step < 250; step++) {
			// The log is open at first.
			if (step >= 20)
				await change();
			for (let i = 0; i < 6; i++) {
				const person = rng.one(persons), what = rng.one(Object.keys(asks));
				try {
					counts[await asks[what](person, doors.get(person))]++;
				} catch (error) {
					error.message = `SEED=${seed}, step ${step}, ${what} by ${JSON.stringify(person)}, grants ${JSON.stringify(mirror.rows)}: ${error.message}`;
					throw error;
				}
			}
		}
		t.diagnostic(JSON.stringify(counts));
		for (const [what, n] of Object.entries(counts))
			assert.ok(n >= 20, `${n} answers were ${what}`);
		const stored = await s.rows('SELECT id, room, event, sender, "by", text FROM messages ORDER BY id');
		assert.deepEqual(stored.map((row) => plain({ ...row, by: row.by ?? undefined })), mirror.messages.map(plain));
	});
});

describe('grants: an open log', () => {
	const s = sharedSite({ key: true });

	it('lets everybody read and write, and marks who was proven', async () => {
		const ci = await token(s, 'ci');
		for (const [person, want] of [
			[stranger, '"sender":"somebody","text"'], [user('ann'), '"sender":"ann","by":"user:ann","text"'], [ci, '"sender":"ci","by":"ci","text"'],
		]) {
			const door = s.as(person);
			const id = await door.sent('hello', { room: 'open', sender: 'somebody' });
			const { text } = await door.poll({ room: 'open', since: id - 1, wait: 0 });
			assert.ok(text.includes(want), text);
			assert.ok((await door.history({ room: 'open' })).text.includes(want));
		}
		const door = as(s, bearer(jwt({ sub: 'eve', name: 'Eve' })));
		await door.sent('hello', { room: 'open' });
		assert.ok((await door.history({ room: 'open' })).text.includes('"sender":"Eve","by":"user:eve","text"'));
	});

	it('a credential that is not good is never taken for a stranger', async () => {
		const ci = await token(s, 'ci-2');
		await s.sql(insertToken({ name: 'old', secret: 'll_old', expires: Date.now() - 1000 }));
		const now = Math.floor(Date.now() / 1000);
		const bad = {
			'an unknown secret': bearer(newSecret()),
			'an expired token': bearer('ll_old'),
			'a secret in capitals': bearer(ci.secret.toUpperCase()),
			'a secret with more behind it': bearer(`${ci.secret}a`),
			'no token at all': bearer('x'),
			'an unknown secret as a password': { Authorization: `Basic ${Buffer.from(`:${newSecret()}`).toString('base64')}` },
			'a JWT of another key': bearer(jwt({ sub: 'ann' }, { key: 'x'.repeat(43) })),
			'a JWT of no algorithm': bearer(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(`{"sub":"ann","exp":${now + 60}}`).toString('base64url')}.`),
			'a JWT that says HS512': bearer(jwt({ sub: 'ann' }, { header: { alg: 'HS512' } })),
			'a JWT without sub': bearer(jwt({ name: 'ann' })),
			'a JWT without exp': bearer(jwt({ sub: 'ann', exp: undefined })),
			'a JWT that has expired': bearer(jwt({ sub: 'ann', exp: now - 40 })),
			'a JWT for more than a day': bearer(jwt({ sub: 'ann', exp: now + 86_400 + 60 })),
			'a JWT of tomorrow': bearer(jwt({ sub: 'ann', nbf: now + 60 })),
			'a JWT with padding': bearer(`${jwt({ sub: 'ann' })}=`),
			'a sub of 124 bytes': bearer(jwt({ sub: 's'.repeat(124) })),
		};
		const before = await s.poll({ room: '*', wait: 0 });
		for (const [what, headers] of Object.entries(bad)) {
			const door = as(s, headers);
			for (const res of [
				await door.send('x', { room: 'open' }), await door.poll({ room: 'open', wait: 0 }), await door.poll({ room: '*', wait: 5 }),
				await door.history({ room: 'open' }), await door.history({ room: '*', q: 'x' }), await door.get('/rooms'),
				await door.get('/socket.io/?EIO=4&transport=polling'),
			]) {
				assert.equal(res.status, 401, `${what}: ${res.status} ${res.text}`);
				unauthorized(res);
			}
		}
		assert.equal((await s.poll({ room: '*', wait: 0 })).json.next, before.json.next);
	});

	it('good ones, in each of their forms', async () => {
		const ci = await token(s, 'ci-3'), now = Math.floor(Date.now() / 1000);
		for (const [what, headers, by] of [
			['Bearer', bearer(ci.secret), 'ci-3'],
			['bearer in lower case', { Authorization: `bearer ${ci.secret}` }, 'ci-3'],
			['Basic without a name', { Authorization: `Basic ${Buffer.from(`:${ci.secret}`).toString('base64')}` }, 'ci-3'],
			['Basic with any name', { Authorization: `Basic ${Buffer.from(`ann:${ci.secret}`).toString('base64')}` }, 'ci-3'],
			['a JWT', bearer(jwt({ sub: 'ann' })), 'user:ann'],
			['a JWT for just a day', bearer(jwt({ sub: 'ann', exp: now + 86_400 - 60 })), 'user:ann'],
			['a JWT within the skew', bearer(jwt({ sub: 'ann', exp: now - 20, nbf: now + 20 })), 'user:ann'],
			['a sub of 123 bytes', bearer(jwt({ sub: 's'.repeat(123), name: 'sue' })), `user:${'s'.repeat(123)}`],
			['Basic that is no token: not looked at', { Authorization: `Basic ${Buffer.from('ann:x').toString('base64')}` }, undefined],
			['a token goes before the name that the web server checked', { ...bearer(ci.secret), 'X-Test-User': 'ann' }, 'ci-3'],
		]) {
			const door = as(s, headers), id = await door.sent(what, { room: 'forms' });
			const [message] = (await door.poll({ room: 'forms', since: id - 1, wait: 0 })).json.messages;
			assert.equal(message.by, by, what);
		}
	});

	it('a token in the query is none', async () => {
		const ci = await token(s, 'ci-4');
		for (const name of ['token', 'access_token', 'authorization'])
			assert.notEqual((await s.as(stranger).get(`/poll?wait=0&${name}=${ci.secret}`)).status, 200);
		const id = await s.as(stranger).sent('x', { room: 'query', _token: ci.secret });
		assert.equal((await s.as(stranger).poll({ room: 'query', since: id - 1 })).json.messages[0].by, undefined);
	});

	it('answers to somebody are private', async () => {
		const ci = await token(s, 'ci-5'), door = s.as(ci), cached = [];
		await door.sent('one', { room: 'cached' });
		const last = await door.sent('two', { room: 'cached' });
		cached.push(await door.history({ room: 'cached', before: last }), await door.get('/rooms'), await door.history({ room: 'cached' }), await door.poll({ wait: 0 }));
		for (const res of cached) {
			assert.equal(res.status, 200);
			assert.match(res.headers['cache-control'], /private/);
			assert.match(res.headers.vary ?? '', /\bAuthorization\b/i);
		}
		const { etag } = cached[0].headers;
		assert.ok(etag);
		assert.equal((await door.get(`/history?room=cached&before=${last}`, { 'If-None-Match': etag })).status, 304);
	});
});

describe('grants: open and closed', () => {
	const s = sharedSite();

	it('the first grant closes the log, and no deletion opens it', async () => {
		const door = s.as(stranger), ann = s.as(user('ann'));
		await door.sent('x', { room: 'r' });
		await grant(s, 'user:ann', 'r', 'rw');
		forbidden(await door.send('x', { room: 'r' }));
		forbidden(await door.history({ room: 'r' }));
		await ann.sent('x', { room: 'r' });
		await s.sql('DELETE FROM grants;');
		for (const one of [door, ann]) {
			forbidden(await one.send('x', { room: 'r' }));
			forbidden(await one.poll({ room: 'r', wait: 0 }));
			assert.deepEqual((await one.poll({ room: '*', since: 'all', wait: 0 })).json.messages, []);
			assert.deepEqual((await one.get('/rooms')).json.rooms, []);
		}
	});

	it('opened, it is open for all, whatever the grants', async () => {
		await grant(s, 'user:ann', '*', '');
		await s.sql("UPDATE meta SET value = 'open' WHERE name = 'access';");
		for (const person of [stranger, user('ann')])
			await s.as(person).sent('x', { room: 'r' });
		unauthorized(await as(s, bearer(newSecret())).poll({ room: 'r', wait: 0 }));
		await s.sql("UPDATE meta SET value = 'closed' WHERE name = 'access';");
		forbidden(await s.as(stranger).send('x', { room: 'r' }));
	});

	it('it stays closed after a restart', async (t) => {
		const own = await site(t);
		await grant(own, 'user:ann', 'r', 'rw');
		await own.sql('DELETE FROM grants;');
		await own.daemon.stop();
		const again = await site(t, { dir: own.dir });
		forbidden(await again.as(stranger).send('x', { room: 'r' }));
	});

	it('what was never allowed leaves no trace in what follows: a send refused is no message', async () => {
		const before = (await s.as(stranger).poll({ room: '*', wait: 0 })).json.next;
		for (let i = 0; i < 5; i++)
			forbidden(await s.as(stranger).send('x', { room: 'nope', key: 'k' }));
		assert.equal((await s.as(stranger).poll({ room: '*', wait: 0 })).json.next, before);
		assert.equal(await s.sql("SELECT count(*) FROM messages WHERE room = 'nope'"), '0');
	});

	it('10,000 rows are taken; with one more nothing is allowed, until there are fewer', async () => {
		await s.sql('DELETE FROM grants;');
		await grant(s, 'anyone', 'many', 'rw');
		await s.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO grants SELECT 'user:u' || i, 'room-' || i, 'rw' FROM n;");
		await s.as(stranger).sent('x', { room: 'many' });
		await s.as(user('u77')).sent('x', { room: 'room-77' });
		await grant(s, 'anyone', 'one-more', 'rw');
		forbidden(await s.as(stranger).send('x', { room: 'many' }));
		forbidden(await s.as(user('u77')).poll({ room: 'room-77', wait: 0 }));
		await ungrant(s, 'anyone', 'one-more');
		await s.as(stranger).sent('x', { room: 'many' });
		await s.sql("DELETE FROM grants WHERE who LIKE 'user:%';");
	});
});

describe('grants: what a 403 tells', () => {
	const s = sharedSite();

	it('is the same whether or not the room exists', async () => {
		await s.as(stranger).sent('a secret', { room: 'hidden-1' });
		await s.as(stranger).sent('a word', { room: 'seen' });
		await grant(s, 'anyone', 'seen', 'rw');
		const session = await open({ after: () => {} }, s, { headers: { ...UNCOUNTED, 'User-Agent': 'Mozilla/5.0' } });
		for (const ask of [
			(r) => s.as(stranger).send('x', { room: r }), (r) => s.as(user('ann')).send({ text: 'x', room: r }),
			(r) => s.as(stranger).poll({ room: r, wait: 0 }), (r) => s.as(stranger).poll({ room: r, wait: 20 }),
			(r) => s.as(stranger).poll({ room: ['seen', r], since: 'all' }), (r) => s.as(stranger).poll({ room: ['*', r], since: 'all' }),
			(r) => s.as(stranger).poll({ room: r, since: 1000 }), (r) => s.as(stranger).poll({ room: r, epoch: 'another' }),
			(r) => s.as(stranger).history({ room: r }), (r) => s.as(stranger).history({ room: [r, 'seen'], q: 'secret' }),
			(r) => s.as(stranger).history({ room: r, before: 2 }), (r) => s.as(stranger).history({ room: r, on: '2020-01-01' }),
			(r) => s.as(user('ann')).get(`/history?room=${r}`, { 'If-None-Match': '*' }),
		]) {
			const [there, not] = [await ask('hidden-1'), await ask('hidden-2')];
			forbidden(there);
			assert.equal(there.text, not.text.replaceAll('hidden-2', 'hidden-1'));
			const headers = (res) => res.rawHeaders.filter((one, i, all) => all[i - (i % 2)] !== 'Date');
			assert.deepEqual(headers(there), headers(not));
			assert.equal(there.headers['www-authenticate'], undefined);
		}
		const answers = [];
		for (const name of ['hidden-1', 'hidden-2']) {
			await session.send(`40/${name},`);
			answers.push(await session.packet());
		}
		assert.match(answers[0], /^44\/hidden-1,\{"message":"/);
		assert.equal(answers[0], answers[1].replaceAll('hidden-2', 'hidden-1'));
		await session.leave();
	});

	it('a name that no room can have is told so, as before', async () => {
		problem(assert, await s.as(stranger).poll({ room: 'a b', wait: 0 }), 400, 'bad_parameter');
	});

	it('HEAD is refused as GET is', async () => {
		assert.equal((await s.request('/history?room=hidden-1', { method: 'HEAD', headers: UNCOUNTED })).status, 403);
		assert.equal((await s.request('/history?room=seen', { method: 'HEAD', headers: UNCOUNTED })).status, 200);
	});
});

describe('grants: held polls', () => {
	const s = sharedSite();
	const texts = (res) => res.json.messages.map(({ text }) => text);
	const root = user('root');
	/** A poll that goes on after an answer without messages, which may come early when the grants change. */
	const follow = async (door, { room, ...more }) => {
		let { next } = (await door.poll({ room, wait: 0 })).json;
		for (;;) {
			const res = await door.poll({ room, since: next, wait: 50, ...more });
			if (res.status !== 200 || res.json.messages.length)
				return res;
			({ next } = res.json);
		}
	};
	before(async () => {
		await grant(s, 'user:root', '*', 'rw');
		await grant(s, 'anyone', 'pub*', 'r');
		await grant(s, 'users', 'team*', 'r');
		// Stored by who knows these: nobody is held by older ones.
		await s.as(root).sent('x', { room: 'hidden' });
	});

	it('of * wake only for rooms that may be read, also rooms born later', async () => {
		const polls = { stranger: s.as(stranger).poll({ room: '*', wait: 50 }), ann: s.as(user('ann')).poll({ room: '*', wait: 50 }) };
		await s.parked(2);
		await s.as(root).sent('nobody sees it', { room: 'born-hidden' });
		await s.sql("INSERT INTO messages(room, text) VALUES('born-hidden-2', 'nor this'), ('born-hidden', 'nor that');");
		assert.ok(await pending(polls.stranger) && await pending(polls.ann));
		await s.as(root).sent('users see it', { room: 'team-born' });
		assert.deepEqual(texts(await within(ms(10_000), polls.ann, 'the poll of a user')), ['users see it']);
		assert.ok(await pending(polls.stranger));
		await s.sql("INSERT INTO messages(room, text) VALUES('born-hidden', '1'), ('pub-born', 'all see it'), ('team-born', '2');");
		assert.deepEqual(texts(await within(ms(10_000), polls.stranger, 'the poll of a stranger')), ['all see it']);
	});

	it('of * and more: as a poll of * alone', async () => {
		const held = s.as(stranger).poll({ room: ['*', 'pub-1'], wait: 50 });
		await s.parked(1);
		await s.as(root).sent('hidden', { room: 'hidden' });
		assert.ok(await pending(held));
		await s.as(root).sent('seen', { room: 'pub-1' });
		assert.deepEqual(texts(await held), ['seen']);
	});

	it('a grant given meanwhile lets them have what comes after it', async () => {
		const held = follow(s.as(stranger), { room: '*' });
		await s.parked(1);
		await s.as(root).sent('before', { room: 'given' });
		await grant(s, 'anyone', 'given', 'r');
		await s.as(root).sent('after', { room: 'given' });
		const answer = await within(ms(10_000), held, 'the held poll');
		assert.equal(answer.status, 200);
		// It reads on from its cursor by what it may see now, so what was there before comes as well.
		const more = texts(answer).includes('after') ? [] :
			texts(await within(ms(10_000), follow(s.as(stranger), { room: '*', since: answer.json.next }), 'the next poll'));
		assert.deepEqual([...texts(answer), ...more], ['before', 'after']);
	});

	it('a grant taken away meanwhile: nothing comes any more', async () => {
		const all = follow(s.as(stranger), { room: '*' }), named = follow(s.as(stranger), { room: ['given', 'pub-2'] });
		await s.parked(2);
		await ungrant(s, 'anyone', 'given');
		await s.as(root).sent('not for you', { room: 'given' });
		forbidden(await within(ms(10_000), named, 'the poll of a room that may not be read any more'));
		assert.ok(await pending(all));
		await s.as(root).sent('for you', { room: 'pub-2' });
		assert.deepEqual(texts(await within(ms(10_000), all, 'the poll of *')), ['for you']);
	});

	it('a grant taken away and a message in one transaction: nothing comes', async () => {
		await grant(s, 'anyone', 'both', 'r');
		const all = follow(s.as(stranger), { room: '*' }), named = follow(s.as(stranger), { room: 'both' });
		await s.parked(2);
		await s.sql("BEGIN IMMEDIATE; INSERT INTO messages(room, text) VALUES('both', 'not for you'); DELETE FROM grants WHERE rooms = 'both'; COMMIT;");
		forbidden(await within(ms(10_000), named, 'the held poll'));
		assert.ok(await pending(all));
		await s.as(root).sent('for you', { room: 'pub-2' });
		assert.deepEqual(texts(await all), ['for you']);
	});

	it('many of different persons: each gets what is theirs', async () => {
		const persons = Array.from({ length: 60 }, (_, i) => user(`m${i}`));
		await s.sql(persons.map(({ name }, i) => insertGrant({ who: `user:${name}`, rooms: `mine-${i % 20}`, may: 'r' })).join('\n'));
		const held = persons.map((one) => s.as(one).poll({ room: '*', wait: 50 }));
		await s.parked(held.length);
		await s.sql(`INSERT INTO messages(room, text) VALUES ${Array.from({ length: 19 }, (_, i) => `('mine-${i}', 'for ${i}')`).join(', ')};`);
		for (const [i, poll] of held.entries()) {
			if (i % 20 !== 19)
				assert.deepEqual(texts(await within(ms(10_000), poll, `poll ${i}`)), [`for ${i % 20}`]);
		}
		const others = held.filter((_, i) => i % 20 === 19), early = [];
		others.forEach((poll) => poll.then(({ status, text }) => early.push(`${status}: ${text}`), (error) => early.push(String(error))));
		await Promise.all(others.map((poll) => pending(poll)));
		assert.deepEqual(early, []);
		await s.as(root).sent('end', { room: 'pub' });
		await Promise.all(held);
	});
});

describe('grants: Socket.IO', () => {
	const s = sharedSite();
	const root = user('root');
	let ci;
	const client = (t, room, person, { auth, ...more } = {}) => socket(t, io, `${s.url}/${room}`, { extraHeaders: s.as(person).headers, auth, ...more });
	const joined = (t, room, person, { auth, ...more } = {}) => connected(t, io, `${s.url}/${room}`, { extraHeaders: s.as(person).headers, auth, ...more });
	before(async () => {
		ci = await token(s, 'ci');
		await grant(s, 'user:root', '*', 'rw');
		await grant(s, 'anyone', 'pub*', 'rw');
		await grant(s, 'anyone', 'news*', 'r');
		await grant(s, 'anyone', 'box*', 'w');
		await grant(s, 'token:ci', 'ci*', 'rw');
		await grant(s, 'user:ann', 'ann*', 'rw');
	});

	for (const [what, person, room, auth, may] of [
		['a stranger in a room of all', stranger, 'pub', undefined, 'rw'],
		['a stranger where one may read', stranger, 'news', undefined, 'r'],
		['a stranger where one may write only', stranger, 'box', undefined, ''],
		['a stranger elsewhere', stranger, 'ci', undefined, ''],
		['a token by the header', () => ci, 'ci', undefined, 'rw'],
		['a token by auth', stranger, 'ci', () => ({ token: ci.secret }), 'rw'],
		['a token by auth, elsewhere', stranger, 'ann', () => ({ token: ci.secret }), ''],
		['a user', user('ann'), 'ann', undefined, 'rw'],
		['a user elsewhere', user('bob'), 'ann', undefined, ''],
		['a token goes before the user of the session', user('ann'), 'ann', () => ({ token: ci.secret }), ''],
	])
		it(`${what}: ${may || 'a connect error'}`, async (t) => {
			const one = client(t, room, typeof person === 'function' ? person() : person, { auth: auth?.() });
			if (may === '') {
				const [error] = await one.next('connect_error');
				assert.ok(error.message.length > 0);
				assert.equal(one.connected, false);
				return;
			}
			await one.next('connect');
			const [answer] = await one.ask('chat message', 'hello');
			if (may === 'rw') {
				assert.deepEqual(Object.keys(answer), ['id']);
				assert.equal((await one.next('chat message'))[1], String(answer.id));
			} else {
				assert.equal(typeof answer.error, 'string');
				assert.equal(answer.code, 'forbidden_room');
				assert.equal(answer.id, undefined);
				await s.as(root).sent('from elsewhere', { room });
				assert.equal((await one.next('chat message'))[0], 'from elsewhere');
			}
		});

	it('a bad token is a connect error, in auth, and no session, in the header', async (t) => {
		const one = client(t, 'pub', stranger, { auth: { token: newSecret() } });
		const [error] = await one.next('connect_error');
		assert.equal(one.connected, false);
		assert.ok(error.message);
		const two = socket(t, io, `${s.url}/pub`, { extraHeaders: bearer(newSecret()), reconnection: false });
		await two.next('connect_error');
		assert.equal(two.connected, false);
	});

	it('other namespaces of the session go on', async (t) => {
		const one = await joined(t, 'pub', stranger);
		const two = one.io.socket('/ci');
		t.after(() => two.close());
		await within(ms(10_000), new Promise((resolve) => two.on('connect_error', resolve)), 'a connect error');
		const { id } = (await one.ask('chat message', 'still here'))[0];
		assert.ok(id > 0);
	});

	it('namespaces of one session may be different persons\'', async (t) => {
		const own = await token(s, 'other');
		const one = await joined(t, 'ci', stranger, { auth: { token: ci.secret } });
		const two = one.io.socket('/pub-two', { auth: { token: own.secret, name: 'somebody' } });
		t.after(() => two.close());
		await within(ms(10_000), new Promise((resolve) => two.on('connect', resolve)), 'the second namespace');
		const id = await within(ms(10_000), new Promise((resolve) => two.emit('chat message', 'x', resolve)), 'an ack');
		await one.ask('chat message', 'y');
		const { messages } = (await s.as(root).poll({ room: ['ci', 'pub-two'], since: id.id - 1, wait: 0 })).json;
		assert.deepEqual(messages.map(({ by, sender }) => [by, sender]), [['other', 'other'], ['ci', 'ci']]);
	});

	it('an event that may not be written is stored nowhere, acknowledged or not, and order is kept', async (t) => {
		const one = await joined(t, 'news-1', stranger), head = (await s.as(root).poll({ room: '*', wait: 0 })).json.next;
		const before = await s.metric(/events_refused_total/);
		one.emit('chat message', 'without an ack');
		one.emit('binary', Buffer.from([1, 2]));
		const answers = await Promise.all([one.ask('chat message', 'a'), one.ask('binary', Buffer.from([3])), one.ask('chat message', 'with a key', `${one.id}-1`)]);
		for (const [answer] of answers)
			assert.equal(answer.code, 'forbidden_room');
		assert.equal((await s.as(root).poll({ room: '*', wait: 0 })).json.next, head);
		assert.equal(one.connected, true);
		assert.equal(await s.metric(/events_refused_total/), before + 2);
	});

	it('what is only passed on needs a grant to write, too', async (t) => {
		const [reader, writer, mute] = [await joined(t, 'news-2', root), await joined(t, 'news-2', root), await joined(t, 'news-2', stranger)];
		mute.emit('typing', 'mute');
		await mute.ask('typing', 'mute again');
		await writer.ask('typing', 'writer');
		assert.equal((await reader.next('typing'))[0], 'writer');
		await s.as(root).sent('end', { room: 'news-2' });
		await reader.next('chat message');
		assert.deepEqual(reader.rest('typing'), []);
		assert.equal((await mute.next('typing'))[0], 'writer');
	});

	it('the grant to read is taken away: a disconnect, and nothing more', async (t) => {
		await grant(s, 'anyone', 'taken', 'rw');
		const one = await joined(t, 'taken', stranger, { reconnection: false });
		await s.as(root).sent('first', { room: 'taken' });
		assert.equal((await one.next('chat message'))[0], 'first');
		await ungrant(s, 'anyone', 'taken');
		await s.as(root).sent('second', { room: 'taken' });
		await one.next('disconnect');
		assert.equal(one.connected, false);
		await s.as(root).sent('third', { room: 'taken' });
		assert.deepEqual(one.rest('chat message'), []);
		one.connect();
		await one.next('connect_error');
	});

	it('the grant to write is taken away: acks with the error, and messages still come', async (t) => {
		await grant(s, 'anyone', 'muted', 'rw');
		const one = await joined(t, 'muted', stranger);
		assert.ok((await one.ask('chat message', 'first'))[0].id > 0);
		await one.next('chat message');
		await s.sql("UPDATE grants SET may = 'r' WHERE rooms = 'muted';");
		assert.equal((await one.ask('chat message', 'second'))[0].code, 'forbidden_room');
		await s.as(root).sent('third', { room: 'muted' });
		assert.equal((await one.next('chat message'))[0], 'third');
		await s.sql("UPDATE grants SET may = 'wr' WHERE rooms = 'muted';");
		assert.ok((await one.ask('chat message', 'fourth'))[0].id > 0);
	});

	it('recovery after the grant was taken away: a connect error; given back, it recovers', async (t) => {
		await grant(s, 'users', 'back', 'rw');
		const one = await joined(t, 'back', user('ann'), { reconnection: false });
		const id = one.id;
		await s.as(root).sent('first', { room: 'back' });
		await one.next('chat message');
		one.io.engine.close();
		await one.next('disconnect');
		await ungrant(s, 'users', 'back');
		await s.as(root).sent('second', { room: 'back' });
		one.connect();
		await one.next('connect_error');
		assert.equal(one.connected, false);
		assert.deepEqual(one.rest('chat message'), []);
		await grant(s, 'users', 'back', 'r');
		one.connect();
		await one.next('connect');
		assert.deepEqual([one.recovered, one.id], [true, id]);
		assert.equal((await one.next('chat message'))[0], 'second');
	});

	it('a pid does not let in another person', async (t) => {
		const one = await joined(t, 'pub-pid', user('ann'), { reconnection: false });
		await s.as(root).sent('first', { room: 'pub-pid' });
		const [, offset] = await one.next('chat message'), pid = one._pid;
		await s.as(root).sent('second', { room: 'pub-pid' });
		const other = client(t, 'pub-pid', user('bob'), { auth: { pid, offset } });
		await other.next('connect');
		assert.notEqual(other.id, one.id);
		assert.equal(other.recovered, false);
	});

	it('auth.serverOffset shows nothing that may not be read', async (t) => {
		await s.as(root).sent('secret', { room: 'secret' });
		const one = client(t, 'secret', stranger, { auth: { serverOffset: 0 } });
		await one.next('connect_error');
		assert.deepEqual(one.rest('chat message'), []);
	});

	it('a session of somebody is nobody else\'s', async (t) => {
		const session = await open(t, s, { headers: { ...s.as(ci).headers, 'User-Agent': 'Mozilla/5.0' } });
		await session.send('40/ci,');
		assert.match(await session.packet(), /^40\/ci,/);
		for (const headers of [{}, s.as(user('ann')).headers, bearer((await token(s, 'third')).secret)]) {
			for (const res of [await s.get(session.target(), headers), await s.post(session.target(), '42/ci,["x"]', headers)]) {
				assert.equal(res.status, 400);
				assert.equal(res.text, '{"code":1,"message":"Session ID unknown"}');
			}
		}
		await session.send('42/ci,1["chat message","mine"]');
		assert.deepEqual((await session.packets(2)).map((one) => one.slice(0, 3)), ['42/', '43/']);
	});
});
