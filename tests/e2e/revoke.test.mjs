// revoke.test.mjs: a token that is taken away, or expires, in the middle of whatever its holders do: from that commit on
// nothing is delivered to them and nothing stored for them, and nobody else notices.
//
// Where a test must tell before from after, the token is deleted in one transaction with the message "marker": the order of
// ids is the order of commits, so nothing above the marker's id may reach a holder or come from one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { connected, io } from '../conformance/clients.mjs';
import { open } from '../conformance/wire.mjs';
import { connect, encode } from './fastcgi.mjs';
import { ms, pending, session, sleep, span, start, tempDir, until, within } from './harness.mjs';
import { fewer, quantile } from './load.mjs';
import { as, bearer, forbidden, insertGrant, insertToken, jwt, newSecret, quoted, sharedSite, site, stranger, token, unauthorized, user } from './persons.mjs';
import { pulse } from './pulse.mjs';

const AGENT = { 'User-Agent': 'Mozilla/5.0 (longline-test)' };

/** Deletes a token; gives the id of the marker that was stored with it. */
const revoke = async (s, name, room = 'marker') =>
	Number(await s.sql(`BEGIN IMMEDIATE; DELETE FROM tokens WHERE name = ${quoted(name)}; INSERT INTO messages(room, text) VALUES(${quoted(room)}, 'marker') RETURNING id; COMMIT;`));

/** Waits until the daemon knows that a token is no more. */
const known = (s, who) => until(async () => (await s.as(who).send('x')).status === 401, { what: 'the daemon to know' });

/** A 401 that says that the token, not its lack, is the reason. */
function refused(res) {
	unauthorized(res);
	assert.match(res.headers['www-authenticate'], /error="invalid_token"/);
}

/** A session by hand that has joined a room as somebody known by these headers, or by auth.token. */
async function joined(t, s, room, { headers = {}, auth } = {}) {
	const session = await open(t, s, { headers: { ...AGENT, ...headers } });
	await session.send(`40/${room},${auth ? JSON.stringify(auth) : ''}`);
	session.reply = JSON.parse((await session.packet()).slice(`40/${room},`.length));
	return session;
}

describe('revoked: whatever is under way', () => {
	const s = sharedSite();

	for (const [what, params] of [['a room', { room: 'r' }], ['*', { room: '*' }], ['many rooms', { room: ['a', 'b', 'r'] }]]) {
		it(`a held poll of ${what} is answered at once with 401`, async () => {
			const ci = await token(s, `poll-${what}`), other = await token(s, `other-${what}`);
			const held = s.as(ci).poll({ ...params, wait: 50 }), others = s.as(other).poll({ ...params, wait: 50 }), none = s.as(stranger).poll({ ...params, wait: 50 });
			await s.parked(3);
			await s.sql(`DELETE FROM tokens WHERE name = ${quoted(ci.name)};`);
			refused(await within(ms(5_000), held, 'the held poll'));
			assert.ok(await pending(others) && await pending(none));
			await s.as(other).sent('go on', { room: 'r' });
			for (const poll of [others, none])
				assert.equal((await poll).json.messages[0].text, 'go on');
		});
	}

	it('every way in answers 401 from that commit on', async () => {
		const ci = await token(s, 'every'), door = s.as(ci);
		await door.sent('x', { room: 'r' });
		await revoke(s, 'every');
		for (const res of [
			await door.send('x', { room: 'r' }), await door.poll({ room: 'r', since: 'all', wait: 0 }), await door.poll({ room: '*', wait: 20 }),
			await door.history({ room: 'r' }), await door.history({ room: '*', q: 'x' }), await door.get('/rooms'), await door.get('/socket.io/?EIO=4&transport=polling'),
		])
			refused(res);
	});

	it('also in a closed log, and whatever anyone may', async () => {
		const own = await token(s, 'closed');
		await s.sql(insertGrant({ who: 'anyone', rooms: '*', may: 'rw' }));
		await s.as(own).sent('x');
		await revoke(s, 'closed');
		refused(await s.as(own).send('x'));
		await s.as(stranger).sent('x');
		await s.sql("DELETE FROM grants; UPDATE meta SET value = 'open' WHERE name = 'access';");
	});

	for (const [what, sql] of [
		['it expires', (name) => `UPDATE tokens SET expires = ${Date.now() - 1} WHERE name = '${name}'`],
		['it is to expire in a second', (name) => `UPDATE tokens SET expires = ${Date.now() + 1_000} WHERE name = '${name}'`],
		['it gets another secret', (name) => `UPDATE tokens SET hash = randomblob(32) WHERE name = '${name}'`],
		['all tokens go', () => 'DELETE FROM tokens'],
		['the table is emptied of it by REPLACE', (name) => `INSERT OR REPLACE INTO tokens(name, hash, made) VALUES('${name}', randomblob(32), 1)`],
	]) {
		it(`held likewise when ${what}`, async () => {
			const name = `again-${what}`, ci = await token(s, name), held = s.as(ci).poll({ wait: 20 });
			await s.parked(1);
			await s.sql(`${sql(name)};`);
			const began = performance.now();
			refused(await held);
			assert.ok(performance.now() - began < ms(5_000), `told ${(performance.now() - began).toFixed(0)} ms later`);
			refused(await s.as(ci).history());
		});
	}

	it('not when the deletion is rolled back, nor when another goes, nor when something else of it changes', async () => {
		const ci = await token(s, 'stays');
		await token(s, 'goes');
		const held = s.as(ci).poll({ room: 'stays', wait: 50 });
		await s.parked(1);
		await s.sql("BEGIN IMMEDIATE; DELETE FROM tokens; ROLLBACK; DELETE FROM tokens WHERE name = 'goes';");
		await s.sql(`UPDATE tokens SET used = ${Date.now()} WHERE name = 'stays'; UPDATE tokens SET expires = ${Date.now() + 3_600_000} WHERE name = 'stays';`);
		await s.as(ci).sent('x', { room: 'stays' });
		assert.equal((await held).json.messages[0].text, 'x');
	});

	it('a name made again by SQL is for its new secret only', async () => {
		const old = await token(s, 'twice');
		await revoke(s, 'twice');
		const now = await token(s, 'twice');
		refused(await s.as(old).send('x'));
		await s.as(now).sent('x');
	});

	it('a Socket.IO GET held by who came with the header: the session ends', async (t) => {
		const ci = await token(s, 'held-get'), session = await joined(t, s, 'io-1', { headers: bearer(ci.secret) });
		const held = session.get();
		await s.opened(1);
		assert.ok(await pending(held));
		await revoke(s, 'held-get', 'io-1');
		const res = await within(ms(5_000), held, 'the held GET');
		assert.doesNotMatch(res.text, /marker/);
		assert.ok(res.status === 401 || /^(6\x1e)?1$|41\/io-1,/.test(res.text), `${res.status} ${res.text}`);
		const after = await session.get();
		assert.ok(after.status === 401 || after.status === 400, `${after.status} ${after.text}`);
	});

	it('a Socket.IO GET held by who came with auth.token: the namespace is left, and others are not', async (t) => {
		const ci = await token(s, 'held-auth'), session = await joined(t, s, 'io-2', { auth: { token: ci.secret } });
		await session.send('40/io-3,');
		assert.match(await session.packet(), /^40\/io-3,/);
		const held = session.get();
		await s.opened(1);
		assert.ok(await pending(held));
		const marker = await revoke(s, 'held-auth', 'io-2');
		const res = await within(ms(5_000), held, 'the held GET');
		assert.doesNotMatch(res.text, /marker/);
		if (res.text === '1')
			return; // "or the session ends"
		assert.equal(res.text, '41/io-2,');
		await s.as(stranger).sent('for io-3', { room: 'io-3' });
		assert.match(await session.packet(), /^42\/io-3,\["chat message","for io-3"/);
		assert.ok(marker > 0);
	});

	it('the library is told: disconnect, and then a connect error', async (t) => {
		const ci = await token(s, 'library'), one = await connected(t, io, `${s.url}/io-4`, { auth: { token: ci.secret } });
		await one.ask('chat message', 'before');
		await one.next('chat message');
		await revoke(s, 'library', 'io-4');
		await one.next('disconnect');
		await s.as(stranger).sent('after', { room: 'io-4' });
		one.connect();
		await one.next('connect_error');
		assert.deepEqual(one.rest('chat message'), []);
	});

	it('what was queued for a session and not fetched yet is not delivered after it', async (t) => {
		const ci = await token(s, 'queue'), session = await joined(t, s, 'io-5', { auth: { token: ci.secret } });
		for (let i = 0; i < 5; i++)
			await s.as(stranger).sent(`queued ${i}`, { room: 'io-5' });
		await revoke(s, 'queue');
		await known(s, ci);
		const res = await session.get();
		assert.doesNotMatch(res.text, /queued/);
	});

	it('the events of a POST that comes after it are not stored', async (t) => {
		const ci = await token(s, 'post'), session = await joined(t, s, 'io-6', { auth: { token: ci.secret } });
		const marker = await revoke(s, 'post');
		await session.post('42/io-6,1["chat message","x"]', '42/io-6,2["chat message","y"]');
		assert.equal(await s.sql(`SELECT count(*) FROM messages WHERE id > ${marker} AND room = 'io-6'`), '0');
	});

	it('recovery after it: a connect error, and nothing of what was missed', async (t) => {
		// It says no good-bye: then it could come back.
		const ci = await token(s, 'recover'), first = await joined(t, s, 'io-7', { auth: { token: ci.secret } });
		await s.as(stranger).sent('missed', { room: 'io-7' });
		await revoke(s, 'recover');
		await known(s, ci);
		const again = await open(t, s, { headers: AGENT });
		await again.send(`40/io-7,${JSON.stringify({ token: ci.secret, pid: first.reply.pid, offset: '0' })}`);
		assert.match(await again.packet(), /^44\/io-7,/);
		// Nor for a stranger who has the pid: it was a proven person's.
		const other = await open(t, s, { headers: AGENT });
		await other.send(`40/io-7,${JSON.stringify({ pid: first.reply.pid, offset: '0' })}`);
		const packet = await other.packet();
		assert.ok(packet.startsWith('44') || JSON.parse(packet.slice(8)).sid !== first.reply.sid, packet);
	});
});

describe('revoked: while everybody is busy', () => {
	it('nothing above the marker reaches a holder, and nothing above it is by one', async (t) => {
		const s = await site(t);
		const ROUNDS = 6;
		let flooding = true;
		const flood = (async () => {
			const { run, close } = session(s.db, { t });
			for (let n = 0; flooding; n++) {
				await run(`INSERT INTO messages(room, text) VALUES('r${n % 3}', 'flood ${n}');`);
				await sleep(2);
			}
			await close();
		})();
		for (let round = 0; round < ROUNDS; round++) {
			const name = `busy-${round}`, ci = await token(s, name), door = s.as(ci), seen = [], ends = [];
			const note = (id) => seen.push(Number(id));
			let going = true, written = 0;
			const reader = async (one) => {
				while (going) {
					const res = await one();
					if (res.status === 401)
						return ends.push(401);
					assert.equal(res.status, 200, res.text);
				}
			};
			let cursor = (await door.poll({ room: '*', wait: 0 })).json.next, cursor2 = cursor;
			const follow = (rooms, get, set) => reader(async () => {
				const res = await door.poll({ room: rooms, since: get(), wait: 20 });
				if (res.status === 200) {
					res.json.messages.forEach(({ id }) => note(id));
					set(res.json.next);
				}
				return res;
			});
			const page = (params) => reader(async () => {
				const res = await door.history(params);
				res.json.messages?.forEach(({ id }) => note(id));
				return res;
			});
			const rooms = () => reader(async () => {
				const res = await door.get('/rooms');
				res.json.rooms?.forEach(({ last }) => note(last));
				return res;
			});
			const writer = () => reader(async () => {
				const res = await door.send('mine', { room: 'mine' });
				written += res.status === 201;
				return { ...res, status: res.status === 201 ? 200 : res.status };
			});
			const client = await connected(t, io, `${s.url}/r1`, { auth: { token: ci.secret }, reconnection: false });
			client.on('chat message', (text, offset) => note(offset));
			const away = await joined(t, s, 'r2', { auth: { token: ci.secret } });
			const loops = [
				follow('*', () => cursor, (n) => (cursor = n)), follow(['r0', 'r1'], () => cursor2, (n) => (cursor2 = n)),
				page({ room: '*' }), page({ room: 'r0', limit: 500 }), rooms(), writer(), writer(),
			];
			await until(() => seen.length > 10 && written > 0, { every: 5, what: 'all to be busy' });
			await sleep(100 + 30 * round);
			// A lookup for recovery is under way, too.
			const back = await open(t, s, { headers: AGENT });
			const lookup = back.post(`40/r2,${JSON.stringify({ token: ci.secret, pid: away.reply.pid, offset: '0' })}`);
			const marker = await revoke(s, name, 'r1');
			await within(ms(20_000), Promise.all(loops), 'all holders to be told').finally(() => (going = false));
			await lookup;
			await client.next('disconnect');
			const packets = await Promise.race([back.rest(), sleep(ms(300), [])]);
			for (const packet of packets) {
				const offset = /^42\/r2,\["chat message","flood \d+","(\d+)"\]$/.exec(packet)?.[1];
				if (offset)
					note(offset);
			}
			assert.deepEqual(seen.filter((id) => id >= marker), [], `the marker is ${marker}`);
			const mine = await s.rows(`SELECT min(id) AS first, max(id) AS last, count(*) AS n FROM messages WHERE "by" = '${name}'`);
			assert.ok(mine[0].n > 0 && mine[0].last < marker, JSON.stringify({ mine, marker }));
		}
		flooding = false;
		await flood;
	});

	it('a grant taken away: likewise', async (t) => {
		const s = await site(t);
		await s.sql(insertGrant({ who: 'user:root', rooms: '*', may: 'rw' }));
		for (let round = 0; round < 6; round++) {
			const ann = user(`ann${round}`), door = s.as(ann), seen = [];
			await s.sql(insertGrant({ who: `user:${ann.name}`, rooms: 'r*', may: 'rw' }));
			let going = true, written = 0, { next } = (await door.poll({ room: '*', wait: 0 })).json;
			const follow = (async () => {
				while (going) {
					const { json } = await door.poll({ room: '*', since: next, wait: 0.2 });
					json.messages.forEach(({ id }) => seen.push(id));
					({ next } = json);
				}
			})();
			const page = (async () => {
				for (let status = 200; going && status === 200;) {
					const res = await door.history({ room: 'r1' });
					({ status } = res);
					res.json.messages?.forEach(({ id }) => seen.push(id));
				}
			})();
			const write = (async () => {
				for (let res; going && res?.status !== 403;) {
					res = await door.send(`by ${ann.name}`, { room: 'r1' });
					written += res.status === 201;
					assert.ok(res.status === 201 || res.status === 403, res.text);
				}
			})();
			const root = (async () => {
				while (going)
					await s.as(user('root')).sent('x', { room: 'r2' });
			})();
			await until(() => seen.length > 10 && written > 0, { every: 5, what: 'all to be busy' });
			await sleep(100 + 20 * round);
			const marker = Number(await s.sql(`BEGIN IMMEDIATE; DELETE FROM grants WHERE who = 'user:${ann.name}'; INSERT INTO messages(room, text) VALUES('r1', 'marker') RETURNING id; COMMIT;`));
			await within(ms(20_000), Promise.all([page, write]), 'all to be refused');
			await sleep(100);
			going = false;
			await Promise.all([follow, root]);
			assert.deepEqual(seen.filter((id) => id >= marker), []);
			const last = Number(await s.sql(`SELECT max(id) FROM messages WHERE text = 'by ${ann.name}'`));
			assert.ok(last > 0 && last < marker);
		}
	});

	it('slow reads under way are answered with 401', async (t) => {
		const s = await site(t, { flags: ['--limit', 'reads=off', '--limit', 'reading=off', '--limit', 'requests=off'] });
		await s.sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO messages(room, sender, text) SELECT 'big', 'x', 'word ' || i FROM n; INSERT INTO messages(room, sender, text) VALUES('big', 'rare', 'found');`, { timeout: 60_000 });
		const ci = await token(s, 'slow'), door = s.as(ci), answers = [], { run } = session(s.db, { t });
		// Each is on its way through the whole room for a while, and more of them wait for a thread.
		const reads = Array.from({ length: 600 }, (_, i) => door.history({ room: 'big', sender: i % 2 ? 'rare' : 'nobody', limit: 1 })
			.then((res) => answers.push({ status: res.status, told: res.json.messages?.length, at: performance.now() })));
		await until(() => answers.length > 10, { every: 1, what: 'some reads to be answered' });
		await run("DELETE FROM tokens WHERE name = 'slow';");
		const known = performance.now();
		await Promise.all(reads);
		const late = answers.filter(({ at }) => at > known);
		t.diagnostic(`${late.length} of ${answers.length} reads ended after the revocation, the last ${(answers.at(-1).at - known).toFixed(0)} ms later`);
		assert.ok(late.length > 10, 'this machine reads too fast for this test');
		// What was answered before may be under way for a while.
		assert.deepEqual(answers.filter(({ at, status }) => at > known + ms(500) && status !== 401), []);
	});

	const holders = fewer(9_900, 1_000);
	it(`${holders} holders of one token are told a few at a time, and nobody waits for that`, async (t) => {
		// Whoever measures it is a stranger of the machine itself, whom scripts/run trusts.
		const s = await start({ t });
		const others = await pulse(s, t);
		// A fault keeps them waiting each time; a busy machine may do so once.
		for (let left = 4; left > 0; left--) {
			const problem = await told(t, s, others);
			if (!problem)
				return;
			assert.ok(left > 1, problem);
		}
	});

	/** Takes a token away from a crowd; tells for whom that took long. */
	async function told(t, s, others) {
		const secret = newSecret();
		await s.sql(insertToken({ name: 'crowd', secret, kind: 'trusted' }));
		const conns = [], answers = [];
		t.after(() => conns.forEach((conn) => conn.close()));
		for (let n = 0; n < holders; n += 100) {
			const more = await Promise.all(Array.from({ length: Math.min(100, holders - n) }, () => connect(s.socket)));
			conns.push(...more);
			for (const conn of more)
				answers.push(conn.ask({ path: '/poll', query: 'room=crowd&wait=55', params: { HTTP_AUTHORIZATION: `Bearer ${secret}` } }));
		}
		await until(async () => await s.metric(/polls_parked/) >= holders, { timeout: ms(30_000), what: `${holders} held polls` });
		const idle = await others.beat(() => sleep(ms(1_000)));
		let took;
		const busy = await others.beat(async () => {
			const began = performance.now();
			await s.sql("DELETE FROM tokens WHERE name = 'crowd';");
			const all = await within(ms(30_000), Promise.all(answers), 'all to be told');
			took = performance.now() - began;
			const statuses = new Set(all.map(({ status }) => status));
			assert.deepEqual([...statuses], [401]);
			refused(all[0]);
		});
		const [before, meanwhile] = [idle, busy].map(({ deliveries, sends }) => ({ delivery: quantile(deliveries, 1), send: quantile(sends, 1) }));
		t.diagnostic(`all told in ${took.toFixed(0)} ms; longest for others: idle ${JSON.stringify(before)}, meanwhile ${JSON.stringify(meanwhile)}`);
		assert.deepEqual([idle.errors, busy.errors], [[], []]);
		assert.ok(busy.deliveries.length > 0);
		conns.splice(0).forEach((conn) => conn.close());
		if (meanwhile.delivery >= before.delivery + ms(250))
			return `a delivery took ${meanwhile.delivery} ms`;
		return meanwhile.send < before.send + ms(250) ? undefined : `a send took ${meanwhile.send} ms`;
	}
});

describe('expired: in the middle', { concurrency: true }, () => {
	const s = sharedSite({ key: true });
	/** Time enough for what must come before it. */
	const inAWhile = () => Date.now() + span(4_000);

	it('of a POST: nothing is stored', async (t) => {
		const expires = inAWhile(), ci = await token(s, 'slow-post', { expires });
		const conn = await connect(s.socket);
		t.after(() => conn.close());
		const bytes = encode({ method: 'POST', path: '/send', query: 'room=slow', body: 'too late', params: { HTTP_AUTHORIZATION: `Bearer ${ci.secret}` } });
		const answer = conn.answer(), cut = bytes.length - 30;
		conn.write(bytes.subarray(0, cut));
		await s.as(ci).sent('in time', { room: 'slow' });
		await sleep(expires - Date.now() + 50);
		conn.write(bytes.subarray(cut));
		refused(await within(ms(5_000), answer, 'the answer'));
		assert.equal(await s.sql("SELECT group_concat(text) FROM messages WHERE room = 'slow'"), 'in time');
	});

	it('of a POST through nginx', async () => {
		const expires = inAWhile(), ci = await token(s, 'nginx-post', { expires });
		await s.as(ci).sent('in time', { room: 'slow-2' });
		await sleep(expires - Date.now() + 20);
		refused(await s.as(ci).send('too late', { room: 'slow-2' }));
	});

	it('of a held poll: it is held no longer', async () => {
		const expires = inAWhile(), ci = await token(s, 'slow-poll', { expires });
		const res = await s.as(ci).poll({ wait: 50 }), late = Date.now() - expires;
		assert.ok(late > -ms(300) && late < ms(10_000), `answered ${late} ms after it expired`);
		if (res.status === 200)
			assert.deepEqual(res.json.messages, []);
		else
			refused(res);
		await sleep(Math.max(0, expires - Date.now() + 20));
		refused(await s.as(ci).poll({ wait: 0 }));
	});

	it('of a poll held with a JWT', async () => {
		// 30 s of skew: it is taken until then.
		const exp = Math.floor(Date.now() / 1000) - 30 + span(5), door = as(s, bearer(jwt({ sub: 'ann', exp })));
		assert.equal((await door.poll({ wait: 0 })).status, 200);
		const res = await door.poll({ wait: 50 }), late = Date.now() - (exp + 30) * 1000;
		assert.ok(late < ms(10_000), `answered ${late} ms after it expired`);
		if (res.status === 200)
			assert.deepEqual(res.json.messages, []);
		await sleep(Math.max(0, (exp + 30) * 1000 - Date.now() + 1_100));
		refused(await door.poll({ wait: 0 }));
	});

	it('of a session: nothing is delivered to it any more', async (t) => {
		const expires = inAWhile(), ci = await token(s, 'slow-session', { expires });
		const one = await connected(t, io, `${s.url}/io`, { auth: { token: ci.secret }, reconnection: false });
		await s.as(stranger).sent('in time', { room: 'io' });
		assert.equal((await one.next('chat message'))[0], 'in time');
		await one.next('disconnect');
		const late = Date.now() - expires;
		assert.ok(late > -ms(300) && late < ms(10_000), `disconnected ${late} ms after it expired`);
		await s.as(stranger).sent('too late', { room: 'io' });
		assert.deepEqual(one.rest('chat message'), []);
	});

	it('of a session that has a JWT: likewise', async (t) => {
		const exp = Math.floor(Date.now() / 1000) - 30 + span(5);
		const one = await connected(t, io, `${s.url}/io-jwt`, { auth: { token: jwt({ sub: 'ann', exp }) }, reconnection: false });
		await one.next('disconnect');
		assert.ok(Date.now() - (exp + 30) * 1000 < ms(10_000));
	});

	it('one that expires while nothing happens at all is out of use all the same', async () => {
		const expires = inAWhile(), ci = await token(s, 'idle', { expires });
		assert.equal((await s.as(ci).get('/rooms')).status, 200);
		await sleep(expires - Date.now() + 20);
		refused(await s.as(ci).get('/rooms'));
	});
});

describe('revoked: in a backup', () => {
	it('a file put in the place of the log: its tokens and grants are what holds', async (t) => {
		const s = await site(t);
		const [early, late] = [await token(s, 'early'), newSecret()];
		await s.sql(insertGrant({ who: 'token:early', rooms: 'r', may: 'rw' }));
		await s.as(early).sent('one', { room: 'r' });
		const copy = path.join(path.dirname(s.db), 'copy.db');
		await s.sql(`VACUUM INTO ${quoted(copy)};`);
		await revoke(s, 'early', 'r');
		await s.sql(`${insertToken({ name: 'late', secret: late })} ${insertGrant({ who: 'token:late', rooms: '*', may: 'rw' })}`);
		const second = { kind: 'token', name: 'late', secret: late };
		refused(await s.as(early).send('x', { room: 'r' }));
		await s.as(second).sent('two', { room: 'r' });
		const held = s.as(second).poll({ room: 'r', wait: 50 });
		await s.parked(1);
		fs.renameSync(copy, s.db);
		// The one that the copy does not know is out at once, and the other is in again: a copy knows nothing of what came
		// later, which is why `longline restore` keeps the tokens and grants of now.
		refused(await within(ms(20_000), held, 'the held poll'));
		refused(await s.as(second).send('x', { room: 'r' }));
		await s.as(early).sent('three', { room: 'r' });
		forbidden(await s.as(early).send('three', { room: 'elsewhere' }));
		forbidden(await s.as(stranger).history({ room: 'r' }));
	});

	it('a file without any tokens and grants: all are strangers, and the log is open', async (t) => {
		const s = await site(t), ci = await token(s, 'ci');
		const copy = path.join(path.dirname(s.db), 'copy.db');
		const other = await site(t, { dir: tempDir() });
		await other.as(stranger).sent('x');
		await other.sql(`VACUUM INTO ${quoted(copy)};`);
		await s.sql(insertGrant({ who: 'token:ci', rooms: '*', may: 'rw' }));
		forbidden(await s.as(stranger).send('x'));
		fs.renameSync(copy, s.db);
		await s.as(stranger).sent('y');
		refused(await s.as(ci).send('z'));
	});
});
