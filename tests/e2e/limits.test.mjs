// limits.test.mjs: how often somebody may: each limit lets N pass and not N+1, waits before it refuses, names itself and
// fills up again; persons do not share; an office behind one address meets none.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { describe, it } from 'node:test';
import { connect, encode, fastcgi } from './fastcgi.mjs';
import { daemon, ms, request, rows, sleep, slow, sql, until, within } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

/** A token's row and its secret. */
const secret = (name) => `ll_${crypto.createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
const addToken = (db, name, more = '') => sql(db, `INSERT INTO tokens (name, hash, made${more && ', class'})
	VALUES ('${name}', x'${crypto.createHash('sha256').update(secret(name)).digest('hex')}', 0${more && `, '${more}'`});`);

/** Somebody who asks from an address of their own, as nginx would say it. */
const from = (d, address, { token, forwarded } = {}) => (target, options = {}) => {
	const [path, query = ''] = target.split('?');
	return fastcgi(d.socket, {
		path, query, ...options,
		params: {
			CONTENT_TYPE: 'text/plain',
			REMOTE_ADDR: address,
			...token && { HTTP_AUTHORIZATION: `Bearer ${secret(token)}` },
			...forwarded && { HTTP_X_FORWARDED_FOR: forwarded },
			...options.params,
		},
	});
};
const post = { method: 'POST' };

const metric = async (d, name) => {
	const { text } = await fastcgi(d.socket, { path: '/metrics' });
	const line = text.split('\n').find((one) => one.startsWith(`longline_${name} `));
	assert.ok(line, `no metric ${name}`);
	return Number(line.split(' ').at(-1));
};
const limited = (d, limit) => metric(d, `limited_total{limit="${limit}"}`);

/** A refusal that says which limit it was, and when to come again. */
const refused = (answer, limit) => {
	assert.equal(answer.status, 429, answer.text);
	assert.equal(answer.json.code, 'rate_limited');
	assert.equal(answer.json.limit, limit);
	assert.match(answer.json.detail, new RegExp(`limit '${limit}'`));
	assert.ok(answer.json.retryAfter >= 1);
	assert.equal(answer.headers['retry-after'], String(answer.json.retryAfter));
};

describe('rates', { concurrency: 3 }, () => {
	it('messages: N at once, the next ones late, then 429; it fills up again', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'messages=1:3'] });
		const ask = from(d, '192.0.2.1');
		const send = () => ask('/send', { ...post, body: 'hi' });
		const began = performance.now();
		for (let i = 0; i < 3; i++)
			assert.equal((await send()).status, 201);
		assert.equal(await limited(d, 'messages'), 0);
		// Where these took a second one more is free by now.
		let stored = 3;
		for (; stored < 60 && await limited(d, 'messages') === 0; stored++)
			assert.equal((await send()).status, 201);
		const time = performance.now() - began;
		assert.ok(await limited(d, 'messages') > 0);
		assert.ok(time > 980 * (stored - 3), `number ${stored} came ${time} ms after the first`);
		// Ten more wait at most; the others are refused at once, and nothing of them is stored.
		const asked = performance.now();
		let lastRefused = asked;
		const answers = await Promise.all(Array.from({ length: 15 }, () => ask('/send', { ...post, body: 'more' }).then((answer) => {
			if (answer.status !== 201)
				lastRefused = performance.now();
			return answer;
		})));
		const no = answers.filter((one) => one.status !== 201);
		const least = 4 - Math.floor((lastRefused - asked) / 1000);
		assert.ok(no.length >= Math.max(least, 1) && no.length <= 6, `${no.length} of 15 refused`);
		for (const one of no)
			refused(one, 'messages');
		assert.equal(Number((await rows(d.db, 'SELECT count(*) AS n FROM messages'))[0].n), stored + 15 - no.length);
		// Somebody else is not concerned.
		assert.equal((await from(d, '192.0.2.2')('/send', { ...post, body: 'hi' })).status, 201);
		await sleep(1100);
		assert.equal((await ask('/send', { ...post, body: 'again' })).status, 201);
	});

	for (const [limit, value, ask] of [
		['requests', '0.01:5', (go) => go('/nosuch')],
		['bytes', '1:5000', (go) => go('/send', { ...post, body: 'x'.repeat(1000) })],
		['day-bytes', '1:5000', (go) => go('/send', { ...post, body: 'x'.repeat(1000) })],
		['messages', '0.01:5', (go) => go('/send', { ...post, body: 'x' })],
		['handshakes', '0.01:5', (go) => go('/socket.io/?EIO=4&transport=polling')],
	])
		it(`${limit}: five pass, the sixth is refused and says so`, async (t) => {
			const d = await daemon({ t, flags: ['--limit', `${limit}=${value}`] });
			const go = from(d, '192.0.2.1');
			for (let i = 0; i < 5; i++)
				assert.notEqual((await ask(go)).status, 429, `${limit} at ${i + 1}`);
			refused(await ask(go), limit);
			assert.equal(await limited(d, limit), 1);
			assert.notEqual((await ask(from(d, '192.0.2.9'))).status, 429);
		});

	it('new-rooms: the rooms that there are do not count', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'new-rooms=0.01:2'] });
		const go = from(d, '192.0.2.1');
		const send = (name) => go(`/send?room=${name}`, { ...post, body: 'x' });
		for (const name of ['a', 'b', 'a', 'b', 'a'])
			assert.equal((await send(name)).status, 201);
		refused(await send('c'), 'new-rooms');
		assert.equal((await send('a')).status, 201);
		assert.equal((await from(d, '192.0.2.2')('/send?room=c', { ...post, body: 'x' })).status, 201);
		assert.equal((await send('c')).status, 201, 'it is there now');
	});

	it('reading: who took too long waits, others do not', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'reading=1:50'] });
		await sql(d.db, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
			INSERT INTO messages (room, text) SELECT 'main', 'word' || i FROM n;`);
		const go = from(d, '192.0.2.1');
		const page = (who) => who('/history?limit=500&sender=nobody&room=*');
		// All of them begin before the first has ended, and together owe more than may be waited for.
		await within(ms(60_000), Promise.all(Array.from({ length: 40 }, () => page(go))));
		let answer;
		for (let i = 0; i < 60 && answer?.status !== 429; i++)
			answer = await within(ms(60_000), page(go));
		refused(answer, 'reading');
		assert.equal((await page(from(d, '192.0.2.2'))).status, 200);
	});
});

describe('counts', { concurrency: 3 }, () => {
	it('held: N polls, and no more; who leaves makes room', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'held=3'] });
		const go = from(d, '192.0.2.1');
		const held = Array.from({ length: 3 }, () => go('/poll?wait=20'));
		await until(async () => await metric(d, 'polls_parked') === 3);
		refused(await go('/poll?wait=20'), 'held');
		// For a second it asked for a place, less and less often.
		const tries = await metric(d, 'put_off_total');
		assert.ok(tries > 0 && tries < 16, `${tries} tries`);
		const other = from(d, '192.0.2.2')('/poll?wait=20');
		await until(async () => await metric(d, 'polls_parked') === 4);
		assert.equal((await from(d, '192.0.2.2')('/send', { ...post, body: 'x' })).status, 201);
		for (const one of [...held, other])
			assert.equal((await one).status, 200);
		assert.equal((await go('/poll?wait=0')).status, 200);
	});

	it('held: a place that comes free in a moment is waited for', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'held=1'] });
		const go = from(d, '192.0.2.1');
		/** Whether one is answered whose place is left as soon as it waits for it. A machine that stands still for the second that it waits makes that late. */
		const waited = async () => {
			const first = await connect(d.socket), tries = await metric(d, 'put_off_total');
			first.ask({ query: 'wait=50', params: { REMOTE_ADDR: '192.0.2.1' } }).catch(() => {});
			await d.parked(1);
			const second = go('/poll?wait=0');
			await until(async () => await metric(d, 'put_off_total') > tries, { every: 1, what: 'it to wait' });
			first.close();
			const { status } = await second;
			await d.parked(0);
			return status === 200;
		};
		assert.ok(await waited() || await waited() || await waited());
	});

	it('reads: more than N at a time wait for a place, and all are answered', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'reads=2', '--limit', 'reading=off', '--limit', 'requests=off'] });
		await sql(d.db, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
			INSERT INTO messages (room, text) SELECT 'main', 'word' || i FROM n;`);
		const page = (address) => from(d, address)('/history?limit=1&sender=nobody').then((answer) => answer.status);
		assert.deepEqual(await Promise.all([page('192.0.2.1'), page('192.0.2.1'), page('192.0.2.2')]), [200, 200, 200]);
		assert.equal(await limited(d, 'reads'), 0);
		assert.deepEqual(new Set(await Promise.all(Array.from({ length: 12 }, () => page('192.0.2.1')))), new Set([200]));
		assert.ok(await limited(d, 'reads') > 0);
		assert.equal(await page('192.0.2.1'), 200);
	});

	it('sessions: N of one, and one that ends makes room', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'sessions=2'] });
		const go = from(d, '192.0.2.1');
		const shake = () => go('/socket.io/?EIO=4&transport=polling');
		const first = await shake();
		assert.equal((await shake()).status, 200);
		refused(await shake(), 'sessions');
		assert.equal((await from(d, '192.0.2.2')('/socket.io/?EIO=4&transport=polling')).status, 200);
		const { sid } = JSON.parse(first.text.slice(1));
		await go(`/socket.io/?EIO=4&transport=polling&sid=${sid}`, { ...post, body: '1' });
		assert.equal((await shake()).status, 200);
	});

	it('memory: answers that nobody reads, of one and of another', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'memory=3M', '--limit', 'bytes=off'] });
		const rooms = Array.from({ length: 6 }, (_, i) => `large-${i}`);
		for (const name of rooms)
			assert.equal((await from(d, '192.0.2.1')(`/send?room=${name}`, { ...post, body: crypto.randomBytes(450_000).toString('hex') })).status, 201);
		const conns = [];
		t.after(() => conns.forEach((conn) => conn.destroy()));
		/** Asks for a room and does not read; resolves when the daemon has done with it. */
		const unread = async (address, name) => {
			const conn = net.connect(d.socket).on('error', () => {}).pause();
			let asked = await metric(d, 'requests_total');
			conns.push(conn);
			conn.write(encode({ query: `room=${name}&since=all`, params: { REMOTE_ADDR: address } }));
			await until(async () => await metric(d, 'requests_total') > ++asked, { what: 'it to be read' });
			await until(async () => await metric(d, 'requests_open') === 1 && (await metric(d, 'memory_bytes{kind="answers"}') > 0), { what: 'answers' });
			return conn;
		};
		for (const name of rooms)
			await unread('192.0.2.1', name);
		await until(async () => await limited(d, 'memory') > 0);
		assert.ok(await metric(d, 'memory_bytes{kind="answers"}') < 3_000_000);
		// The same answers are there already; another's are its own.
		const before = await limited(d, 'memory');
		await unread('192.0.2.2', rooms[0]);
		assert.equal(await limited(d, 'memory'), before);
		assert.equal((await from(d, '192.0.2.1')('/poll?wait=0')).status, 200);
		// Or the daemon would wait for them as it stops.
		conns.forEach((conn) => conn.destroy());
	});
});

describe('whom it is counted for', { concurrency: 3 }, () => {
	it('a token before its address; a trusted one is not limited', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'messages=0.01:2', '--limit', 'trusted.messages=off', '--trusted', 'user:boss'] });
		await addToken(d.db, 'ann');
		await addToken(d.db, 'bob');
		await addToken(d.db, 'ci', 'trusted');
		const send = (who) => who('/send', { ...post, body: 'x' });
		const ann = from(d, '192.0.2.1', { token: 'ann' }), bob = from(d, '192.0.2.1', { token: 'bob' });
		for (const who of [ann, bob, from(d, '192.0.2.1')])
			for (let i = 0; i < 2; i++)
				assert.equal((await send(who)).status, 201);
		for (const who of [ann, from(d, '192.0.2.77', { token: 'ann' }), bob, from(d, '192.0.2.1')])
			refused(await send(who), 'messages');
		const boss = (target, options) => from(d, '192.0.2.1')(target, { ...options, params: { REMOTE_USER: 'boss' } });
		for (const who of [from(d, '192.0.2.1', { token: 'ci' }), boss])
			for (let i = 0; i < 10; i++)
				assert.equal((await send(who)).status, 201);
	});

	it('a token that there is not counts for its address', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'requests=0.01:3'] });
		await addToken(d.db, 'ann');
		for (let i = 0; i < 3; i++)
			assert.equal((await from(d, '192.0.2.1', { token: `guess ${i}` })('/nosuch')).status, 401);
		refused(await from(d, '192.0.2.1', { token: 'another guess' })('/nosuch'), 'requests');
		refused(await from(d, '192.0.2.1')('/nosuch'), 'requests');
		// Who has one is not concerned, nor is another address.
		await from(d, '192.0.2.2', { token: 'ann' })('/nosuch');
		assert.equal((await from(d, '192.0.2.1', { token: 'ann' })('/nosuch')).status, 404);
		assert.equal((await from(d, '192.0.2.2', { token: 'a guess' })('/nosuch')).status, 401);
	});

	it('IPv4 in IPv6 is IPv4; an IPv6 /64 is one person', async (t) => {
		const d = await daemon({ t, flags: ['--limit', 'messages=0.01:2'] });
		const send = async (address) => (await from(d, address)('/send', { ...post, body: 'x' })).status;
		assert.deepEqual([await send('192.0.2.1'), await send('::ffff:192.0.2.1'), await send('192.0.2.1')], [201, 201, 429]);
		assert.deepEqual([await send('2001:db8::1'), await send('2001:db8::2'), await send('2001:db8::ffff:3')], [201, 201, 429]);
		assert.equal(await send('2001:db8:0:1::1'), 201);
	});

	it('a proxy is nobody, and no address is nobody, until a --limit says otherwise', async (t) => {
		const d = await daemon({ t });
		const ask = from(d, '10.0.0.1', { forwarded: '192.0.2.1' });
		for (let i = 0; i < 600; i++)
			assert.equal((await ask('/nosuch')).status, 404);
		assert.ok(await metric(d, 'uncounted_total{why="proxy"}') >= 600);
		assert.equal(d.output.match(/ not_counted why=proxy /g).length, 1, 'said once');
		const limited = await daemon({ t, flags: ['--limit', 'requests=0.01:3'] });
		const again = from(limited, '10.0.0.1', { forwarded: '192.0.2.1' });
		for (let i = 0; i < 3; i++)
			assert.equal((await again('/nosuch')).status, 404);
		refused(await again('/nosuch'), 'requests');
	});

	it('a name and a password that nobody checked is said once', async (t) => {
		const d = await daemon({ t });
		const basic = { params: { HTTP_AUTHORIZATION: `Basic ${btoa('ann:secret')}` } };
		for (let i = 0; i < 3; i++)
			assert.equal((await from(d, '192.0.2.1')('/rooms', basic)).status, 200);
		assert.equal(await metric(d, 'basic_unchecked_total'), 3);
		assert.equal(d.output.match(/ basic_unchecked detail/g).length, 1);
	});
});

describe('quotas', () => {
	it('--rooms-max: new rooms are refused, and all else goes on', async (t) => {
		const d = await daemon({ t, flags: ['--rooms-max', '2'] });
		const go = from(d, '192.0.2.1');
		const send = (name, more = {}) => go(`/send?room=${name}`, { ...post, body: 'x', ...more });
		const key = { params: { HTTP_IDEMPOTENCY_KEY: 'k' } };
		assert.equal((await send('a', key)).status, 201);
		assert.equal((await send('b')).status, 201);
		const no = await send('c');
		assert.equal(no.status, 507);
		assert.equal(no.json.code, 'storage_full');
		assert.ok(Number(no.headers['retry-after']) >= 1);
		assert.equal((await send('a')).status, 201);
		assert.equal((await send('a', key)).status, 200);
		// SQL is free, and its room is there then.
		await sql(d.db, "INSERT INTO messages (room, text) VALUES ('c', 'by sql');");
		assert.equal((await send('c')).status, 201);
	});

	it('--disk-free-min: nothing new is stored, stored keys are still answered, reads go on, /healthz says so', async (t) => {
		const d = await daemon({ t, flags: [] });
		const key = { params: { HTTP_IDEMPOTENCY_KEY: 'k' } };
		assert.equal((await from(d, '192.0.2.1')('/send', { ...post, body: 'x', ...key })).status, 201);
		await d.stop();
		const full = await daemon({ t, dir: d.dir, flags: ['--disk-free-min', '1125899906842624'] });
		const go = from(full, '192.0.2.1');
		const no = await until(async () => {
			const answer = await go('/send', { ...post, body: 'y' });
			return answer.status === 507 && answer;
		});
		assert.equal(no.json.code, 'storage_full');
		assert.ok(Number(no.headers['retry-after']) >= 1);
		const again = await go('/send', { ...post, body: 'x', ...key });
		assert.equal(again.status, 200);
		assert.equal((await go('/history')).json.messages[0].text, 'x');
		assert.match((await go('/healthz')).text, /disk/);
		assert.equal(await metric(full, 'storage_full'), 1);
	});
});

describe('an office behind one address', () => {
	// How much a sanitizer lets it answer in time is less.
	it('a hundred people reload their pages, all write, twenty send files: no 429', { timeout: ms(120_000), skip: slow > 1 && 'all is too slow' }, async (t) => {
		const d = await daemon({ t });
		const office = await nginx({ ...snippets({ socket: d.socket }), t });
		const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
		const ask = (target, options = {}) => request(`${office.url}${target}`, { agent, ...options, headers: { Host: 'localhost', ...options.headers } });
		const statuses = new Map(), limits = new Set();
		const count = (answer) => {
			statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
			if (answer.status === 429)
				limits.add(answer.json.limit);
			return answer;
		};
		const held = [];
		const person = async (i) => {
			await sleep(Math.random() * 5000);
			// What a page asks for as it is loaded.
			const list = await Promise.all(['/', '/rooms', '/history?limit=50', '/rooms?limit=1000', '/history?room=main&limit=50&before=1']
				.map((target) => ask(target).then(count)));
			assert.equal(list.length, 5);
			const hang = new AbortController();
			held.push(hang);
			ask('/poll?room=*&wait=30', { signal: hang.signal }).then(count, () => {});
			await sleep(Math.random() * 25_000);
			count(await ask('/send', { method: 'POST', body: `from ${i}`, headers: { 'Content-Type': 'text/plain' } }));
			if (i < 20)
				count(await ask('/send', { method: 'POST', body: Buffer.alloc(900_000, 'x'), headers: { 'Content-Type': 'application/octet-stream' } }));
		};
		await Promise.all(Array.from({ length: 100 }, (_, i) => person(i)));
		for (const one of held)
			one.abort();
		agent.destroy();
		assert.equal(statuses.get(429) ?? 0, 0, JSON.stringify([...statuses, ...limits]));
		assert.equal(statuses.get(201), 120, JSON.stringify([...statuses, ...limits]));
	});
});
