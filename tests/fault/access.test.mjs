// access.test.mjs: as torture.test.mjs, where it matters who asks: tokens, JWTs, a closed log, grants that change meanwhile,
// and limits. Whatever fails, a good token is not called a bad one, nobody may more than is granted, and all is well again
// by itself.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { binary as packet, Session } from '../conformance/wire.mjs';
import { as, bearer, insertGrant, insertToken, jwt, KEY, keyFile, newSecret } from '../e2e/persons.mjs';
import { ms, sleep, until, within } from '../e2e/harness.mjs';
import { attempt, torture } from './fault.mjs';

const timeout = ms(140_000);
const AGENT = { 'User-Agent': 'Mozilla/5.0 (longline-test)' };

const secrets = { all: newSecret(), ci: newSecret(), part: newSecret() };
/** A server as somebody sees it. */
const door = (server, headers) => ({ ...server, ...as(server, headers) });
const by = (server, name) => door(server, bearer(secrets[name]));

/** A closed log. Who reads all of it to check it is trusted, and not limited. */
async function close(server, more = '') {
	await server.sql(`BEGIN IMMEDIATE; ${insertToken({ name: 'all', secret: secrets.all, kind: 'trusted' })}
		${insertToken({ name: 'ci', secret: secrets.ci })} ${insertToken({ name: 'part', secret: secrets.part })}
		${insertGrant({ who: 'token:all', rooms: '*', may: 'rw' })} ${insertGrant({ who: 'token:ci', rooms: '*', may: 'rw' })}
		${insertGrant({ who: 'token:part', rooms: 'ma*', may: 'r' })} ${insertGrant({ who: 'user:ann', rooms: 'ma*', may: 'rw' })}
		${more} COMMIT;`);
}
const closed = (scenario, { more, key = keyFile(), flags, ...options } = {}) => (t) => torture(t, scenario, {
	prepare: (server) => close(server, more), reader: (server) => by(server, 'all'), flags: `--jwt-key ${key} ${flags ?? ''}`, allocations: 19, ...options,
});

/** Somebody who may not: the answer says so, or that something failed; never more. */
async function refused(promise, ...statuses) {
	const res = await attempt(promise, statuses);
	assert.ok(res === null || res.status >= 400, res?.text);
	return res;
}

describe('torture, who may', { concurrency: 2 }, () => {
	it('Bearer, Basic and JWT; strangers and bad tokens', { timeout }, closed(async (server, tag) => {
		// A JWT that was never seen, with rules of its own.
		const token = jwt({ sub: 'ann', jti: tag, ll: [{ rooms: `${tag}*`, may: 'rw' }, { rooms: 'll', may: 'rw' }] });
		const ann = door(server, bearer(token)), ci = by(server, 'ci');
		const basic = door(server, { Authorization: `Basic ${btoa(`:${secrets.ci}`)}` });
		const sent = [[`${tag}.a by Bearer`, 'main', ci], [`${tag}.b by Basic`, 'ops', basic], [`${tag}.c by JWT`, 'll', ann]];
		await Promise.all(sent.map(([text, room, one]) => attempt(one.send({ text, room, key: text.split(' ')[0] }))));
		await Promise.all([
			refused(as(server, {}).send({ text: 'no', room: 'main' }), 403), refused(by(server, 'part').send({ text: 'no', room: 'main' }), 403),
			refused(as(server, bearer(newSecret())).send({ text: 'no', room: 'main' }), 401), refused(as(server, {}).poll({ room: 'main', wait: 1 }), 403),
			refused(ann.history({ room: 'ops' }), 403),
		]);
		for (const res of await Promise.all([attempt(ann.get('/rooms')), attempt(by(server, 'part').history({ room: '*', limit: 5 })), attempt(ann.history({ room: '*', q: 'by' }))])) {
			if (res?.status === 200)
				assert.doesNotMatch(res.text, /"room":"ops"/);
		}
		return sent;
	}));

	it('grants and tokens change, polls of * are held, a token goes', { timeout }, closed(async (server, tag) => {
		const secret = newSecret(), ci = by(server, 'ci'), part = by(server, 'part'), own = door(server, bearer(secret));
		const sent = [[`${tag}.a wakes`, 'main', ci], [`${tag}.b is hidden from some`, 'ops', ci]];
		const head = (await attempt(ci.poll({ room: '*', wait: 0 })))?.json?.next;
		if (head === undefined)
			return sent;
		const held = [part, ci, ci].map((one, i) => attempt(one.poll({ room: i === 2 ? ['main', 'ops'] : '*', since: head, wait: 0.5 })));
		await server.sql(`BEGIN IMMEDIATE; ${insertToken({ name: tag, secret })} ${insertGrant({ who: `token:${tag}`, rooms: 'own*', may: 'rw' })}
			DELETE FROM grants WHERE who LIKE 'user:t%'; ${insertGrant({ who: `user:${tag}`, rooms: 'ma*', may: 'r' })} COMMIT;`);
		await attempt(own.send({ text: `own ${tag}`, room: 'own' }));
		const last = attempt(own.poll({ room: '*', wait: 0.5 }), [401]), named = attempt(own.poll({ room: 'own', wait: 0.5 }), [401]);
		await Promise.all(sent.map(([text, room]) => attempt(ci.send({ text, room, key: text.split(' ')[0] }))));
		await server.sql(`DELETE FROM tokens WHERE name = '${tag}';`);
		for (const [i, res] of (await within(ms(10_000), Promise.all([...held, last, named]), 'the held polls')).entries()) {
			if (i === 0 && res?.status === 200)
				assert.doesNotMatch(res.text, /"room":"ops"/);
		}
		return sent;
	}));

	it('grants change, and nothing is asked of the database meanwhile', { timeout }, (t) => torture(t, async (server, tag) => {
		await server.sql(`INSERT OR REPLACE INTO grants VALUES('user:${tag}', 'ma*', 'r'); DELETE FROM grants WHERE who LIKE 'user:t%' AND who <> 'user:${tag}';`);
		await sleep(60);
		const res = await attempt(by(server, 'part').history({ room: 'main' }));
		assert.notEqual(res?.status, 201);
		return [[tag, 'main', by(server, 'ci')]];
	}, { prepare: close, reader: (server) => by(server, 'all'), allocations: 5, kinds: ['allocate', 'db-allocate', 'read', 'shm'].filter((kind) => (process.env.FAULT_KINDS ?? kind).includes(kind)) }));

	it('requests that wait for their turn, and clients that do not', { timeout }, closed(async (server, tag) => {
		const ci = by(server, 'ci'), sent = [0, 1, 2].map((n) => [`${tag}.${n} in its turn`, 'main', ci]);
		const head = (await attempt(ci.poll({ room: '*', wait: 0 })))?.json?.next;
		const polls = head === undefined ? [] : [0, 1, 2].map(() => attempt(ci.poll({ since: head, wait: 0.5 }), [429]));
		const gone = new AbortController(), left = attempt(ci.poll({ room: 'ops', wait: 5 }, { signal: gone.signal })).catch(() => {});
		const sends = sent.map(([text, room]) => attempt(ci.send({ text, room, key: text.split(' ')[0] }), [429]));
		await sleep(20);
		gone.abort();
		await within(ms(20_000), Promise.all([...polls, ...sends, left]), 'all that waits');
		return sent;
	}, { flags: '--limit user.messages=30:1 --limit user.held=2 --limit user.reads=1' }));

	it('socket.io: auth.token, events that wait, a token that goes', { timeout }, closed(async (server, tag) => {
		const secret = newSecret(), session = new Session(server, { headers: AGENT });
		await server.sql(`${insertToken({ name: tag, secret })} ${insertGrant({ who: `token:${tag}`, rooms: 'own', may: 'rw' })}`);
		try {
			await session.open();
			// Just now it was not known; nobody has made the third one.
			await attempt(session.post(`40/own,{"token":"${secret}"}`, `40/main,{"token":"${jwt({ sub: 'ann', jti: tag })}"}`, `40/ops,{"token":"${newSecret()}"}`), [401]);
			const held = attempt(session.get('', { timeout: ms(20_000) }), [401]);
			const post = attempt(session.post(`42/own,1["chat message","own ${tag}"]`, `42/main,2["chat message","${tag}.a said","${tag}.a-0123456789abcdef-1"]`,
				`452-/main,3["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, packet(1, 2, 3), packet(4), `42/own,4["typing"]`), [401]);
			const res = await within(ms(20_000), held, 'the held GET');
			for (const one of res?.status === 200 ? res.text.split('\x1e') : [])
				assert.doesNotMatch(one, /^40\/ops|^44\/(own|main),.*unauthorized|^44\/(own|main),.*forbidden/);
			await within(ms(20_000), post, 'the POST');
			const again = attempt(session.get('', { timeout: ms(20_000) }), [401]);
			await server.sql(`DELETE FROM tokens WHERE name = '${tag}'; DELETE FROM grants WHERE who = 'token:${tag}';`);
			await Promise.race([again, sleep(ms(30))]);
		} catch (error) {
			assert.match(error.message, /no handshake|socket hang up|ECONNRESET/);
		} finally {
			await attempt(session.post('1'), [401]);
		}
	}, { flags: '--limit user.messages=40:1 --limit user.passing=40:1' }));

	it('a token expires while polls and a session are held by it', { timeout }, closed(async (server, tag) => {
		const secret = newSecret(), ci = by(server, 'ci'), own = door(server, bearer(secret)), session = new Session(server, { headers: AGENT });
		const sent = [[`${tag} after`, 'own', ci]], expires = Date.now() + ms(60);
		await server.sql(`BEGIN IMMEDIATE; DELETE FROM grants WHERE who LIKE 'token:t%'; DELETE FROM tokens WHERE name LIKE 't%';
			${insertToken({ name: tag, secret, expires })} ${insertGrant({ who: `token:${tag}`, rooms: 'own', may: 'rw' })} COMMIT;`);
		const head = (await attempt(ci.poll({ room: 'own', wait: 0 })))?.json?.next ?? 0;
		const held = ['own', '*'].map((room) => attempt(own.poll({ room, since: head, wait: 20 }), [401]));
		const client = (async () => {
			await session.open();
			await attempt(session.post(`40/own,{"token":"${secret}"}`), [401]);
			return attempt(session.get('', { timeout: ms(20_000) }), [401]);
		})().catch((error) => assert.match(error.message, /no handshake|socket hang up|ECONNRESET/));
		await sleep(Math.max(0, expires + 10 - Date.now()));
		await attempt(ci.send({ text: sent[0][0], room: 'own', key: tag }));
		for (const res of await within(ms(10_000), Promise.all(held), 'the polls of a token that has expired')) {
			if (res?.status === 200)
				assert.ok(!res.text.includes(sent[0][0]), res.text);
		}
		const told = await within(ms(20_000), client, 'the held GET');
		assert.ok(!told?.text.includes(sent[0][0]), told?.text);
		await refused(own.send({ text: 'no', room: 'own' }), 401);
		await refused(own.get('/rooms'), 401);
		await attempt(session.post('1'), [401]);
		return sent;
	}));

	it('SIGHUP: the key of JWTs is another one, or cannot be read', { timeout }, (t) => {
		const file = keyFile(), keys = [KEY, crypto.randomBytes(32).toString('hex')];
		let good = 0, n = 0;
		const told = (server) => server.log().split(' read_again ').length - 1;
		const ann = (server, key, jti) => door(server, bearer(jwt({ sub: 'ann', jti }, { key: keys[key] })));
		return closed(async (server, tag) => {
			const before = told(server), held = attempt(ann(server, good, tag).poll({ room: 'main', wait: 20 }), [401]);
			const other = 1 - good, bad = ++n % 3 === 0;
			await attempt(ann(server, good, `${tag}-before`).poll({ room: 'main', wait: 0 }));
			fs.writeFileSync(file, bad ? 'short' : keys[other]);
			server.kill('SIGHUP');
			await until(() => told(server) > before, { every: 5, what: 'the keys to be read again' });
			good = bad ? good : other;
			const sent = [[`${tag} by the key that holds`, 'main', ann(server, good, `${tag}-after`)]];
			await attempt(sent[0][2].send({ text: sent[0][0], room: 'main', key: tag }));
			await refused(ann(server, 1 - good, tag).send({ text: 'no', room: 'main' }), 401);
			// What it was held by holds no more, or woke it.
			const res = await within(ms(10_000), bad ? Promise.race([held, sleep(ms(50))]) : held, 'the held poll');
			if (!bad && res?.status === 200)
				assert.ok(!res.text.includes(sent[0][0]), res.text);
			return sent;
		}, { key: file })(t);
	});

	it('how much room the disk has cannot be told', { timeout }, (t) => torture(t, async (server, tag) => {
		await sleep(1_050);
		await attempt(server.send({ text: `first of ${tag}` }));
		return [[tag, 'main']];
	}, { kinds: ['statvfs'] }));
});
