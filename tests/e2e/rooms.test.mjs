// rooms.test.mjs: GET /rooms: which rooms there are, in which order, page by page, and what caches are told.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { problem, query, room, server, until } from './harness.mjs';

const rooms = (s, params = {}, options = {}) => s.request(`/rooms${query(params)}`, options);
const names = (res) => {
	assert.equal(res.status, 200, res.text);
	return res.json.rooms.map((r) => r.name);
};

describe('rooms: the list', () => {
	const s = server();

	it('is empty in a fresh log', async () => {
		const res = await rooms(s);
		assert.equal(res.status, 200);
		assert.match(res.headers['content-type'], /^application\/json/);
		assert.equal(res.headers['x-content-type-options'], 'nosniff');
		assert.deepEqual(res.json, { epoch: (await s.poll({ wait: 0 })).json.epoch, head: 0, rooms: [], more: false });
	});

	it('has the newest activity first, with the last message of each', async () => {
		const [a, b] = [room(), room()];
		await s.sent({ room: a, sender: 'ann', text: 'first' });
		await s.sent({ room: b, sender: 'bob', event: 'disk', args: ['sda', { percent: 91 }] });
		const last = await s.sent({ room: a, text: 'x'.repeat(199) + 'éé' });
		const list = (await rooms(s)).json;
		const [ofA, ofB] = [(await s.history({ room: a })).json.messages, (await s.history({ room: b })).json.messages];
		assert.equal(list.head, last);
		assert.equal(list.more, false);
		assert.deepEqual(list.rooms, [
			{ name: a, last, at: ofA[1].at, n: 2, event: 'chat message', sender: '', text: `${'x'.repeat(199)}é…` },
			{ name: b, last: last - 1, at: ofB[0].at, n: 1, event: 'disk', sender: 'bob', text: '["sda",{"percent":91}]' },
		]);
		await s.sent({ room: b, text: 'b again' });
		assert.deepEqual(names(await rooms(s)), [b, a]);
	});

	it('knows what was just answered, and never more than the head', async () => {
		const r = room();
		for (let i = 0; i < 50; i++) {
			const id = await s.sent(`${i}`, { room: r });
			const [noise, list] = await Promise.all([s.sent('noise', { room: room() }), rooms(s)]);
			assert.ok(noise > id);
			const own = list.json.rooms.find((one) => one.name === r);
			assert.deepEqual([own.last, own.n, own.text], [id, i + 1, `${i}`]);
			assert.ok(list.json.head >= list.json.rooms[0].last);
		}
	});

	it('shows what other programs send, delete and update', async () => {
		const [a, b] = [room(), room()];
		await s.sql(`INSERT INTO messages(room, text) VALUES('${a}', 'one'), ('${b}', 'two'), ('${a}', 'three')`);
		await until(async () => names(await rooms(s, { limit: 2 })).join() === [a, b].join(), { what: 'the rooms to be seen' });
		await s.sql(`DELETE FROM messages WHERE room = '${a}' AND text = 'three'`);
		const [first, second] = (await rooms(s, { limit: 2 })).json.rooms;
		assert.deepEqual([first.name, second.name, second.n, second.text], [b, a, 1, 'one']);
		await s.sql(`UPDATE messages SET text = 'ONE', at = 0 WHERE room = '${a}'`);
		const [, changed] = (await rooms(s, { limit: 2 })).json.rooms;
		assert.deepEqual([changed.text, changed.at], ['ONE', '1970-01-01T00:00:00.000Z']);
		await s.sql(`DELETE FROM messages WHERE room = '${b}'`);
		const left = names(await rooms(s));
		assert.ok(left.includes(a) && !left.includes(b), 'an empty room is none');
	});
});

describe('rooms: pages', () => {
	const s = server();
	const COUNT = 250;
	let all;

	/** All pages, from the first on. */
	async function pages(limit) {
		const got = [];
		for (let after; ;) {
			const { json } = await rooms(s, { limit, after });
			got.push(json.rooms.map((r) => r.name));
			if (!json.more)
				return got;
			after = json.rooms.at(-1).last;
		}
	}

	it('hold 100, or limit', async () => {
		all = Array.from({ length: COUNT }, (_, i) => `r${(i * 77) % COUNT}`);
		await s.sql(`INSERT INTO messages(room, text) VALUES ${all.map((name) => `('${name}', 'x')`).join()}`);
		all.reverse();
		await until(async () => await s.head() === COUNT, { what: 'the rows to be seen' });
		assert.deepEqual(names(await rooms(s)), all.slice(0, 100));
		assert.equal((await rooms(s)).json.more, true);
		assert.deepEqual(names(await rooms(s, { limit: 1 })), all.slice(0, 1));
		const whole = await rooms(s, { limit: 1000 });
		assert.deepEqual([names(whole), whole.json.more], [all, false]);
		assert.equal((await rooms(s, { limit: COUNT })).json.more, false);
		assert.equal((await rooms(s, { limit: COUNT - 1 })).json.more, true);
	});

	it('go on behind a room by its last id', async () => {
		for (const [limit, sizes] of [[100, [100, 100, 50]], [125, [125, 125]], [83, [83, 83, 83, 1]]]) {
			const got = await pages(limit);
			assert.deepEqual(got.map((page) => page.length), sizes);
			assert.deepEqual(got.flat(), all);
		}
		assert.deepEqual((await rooms(s, { after: 0 })).json.rooms, []);
		assert.deepEqual((await rooms(s, { after: 1 })).json.rooms, []);
		assert.deepEqual(names(await rooms(s, { after: 2 ** 53 - 1, limit: 2 })), all.slice(0, 2));
	});

	it('do not repeat a room because another gets a message', async () => {
		const { json } = await rooms(s, { limit: 10 });
		await s.sent('x', { room: all.at(-1) });
		assert.deepEqual(names(await rooms(s, { limit: 10, after: json.rooms.at(-1).last })), all.slice(10, 20));
		assert.equal(names(await rooms(s, { limit: 1 }))[0], all.at(-1));
	});
});

describe('rooms: what is unread', () => {
	const s = server();
	const unread = async (...read) => Object.fromEntries((await rooms(s, { read, limit: 1000 })).json.rooms
		.filter((one) => 'unread' in one).map((one) => [one.name, one.unread]));

	it('is told of the rooms that are named, and of no others', async () => {
		const [a, b, c] = [room(), room(), room()], ids = [];
		for (const [i, name] of [a, b, a, c, a].entries())
			ids[i] = await s.sent('x', { room: name });
		assert.deepEqual(await unread(), {});
		assert.deepEqual(await unread(`${a}:0`, `${b}:${ids[1]}`), { [a]: 3, [b]: 0 });
		assert.deepEqual(await unread(`${a}:${ids[0]}`, `${c}:${ids[0]}`), { [a]: 2, [c]: 1 });
		assert.deepEqual(await unread(`${a}:${ids[4]}`, `${b}:9007199254740991`, 'nobodys:0'), { [a]: 0, [b]: 0 });
		// On this page of the list only.
		const page = (await rooms(s, { read: [`${a}:0`, `${b}:0`], limit: 1 })).json.rooms;
		assert.deepEqual(page.map((one) => [one.name, one.unread]), [[a, 3]]);
	});

	it('counts messages: an edit changes nothing, a deletion lowers it', async () => {
		const r = room(), ids = [];
		for (let i = 0; i < 5; i++)
			ids.push(await s.sent(`${i}`, { room: r, key: `${r}-${i}` }));
		const change = async (i, method, body) => assert.equal((await s.request(`/messages/${ids[i]}`,
			{ method, body, headers: { 'Content-Type': 'text/plain', 'If-Key': `${r}-${i}` } })).status, 201);
		const told = async () => (await unread(`${r}:${ids[1]}`))[r];
		assert.equal(await told(), 3);
		for (const [i, text] of [[0, 'a'], [2, 'b'], [4, 'c'], [2, 'd'], [3, 'e']])
			await change(i, 'PATCH', text);
		assert.equal(await told(), 3);
		await s.sent('behind the changes', { room: r });
		assert.equal(await told(), 4);
		await change(2, 'DELETE');
		assert.equal(await told(), 3);
		await change(0, 'DELETE');
		assert.equal(await told(), 3);
		await s.sql(`DELETE FROM messages WHERE id = ${ids[4]}`);
		assert.equal(await told(), 2);
	});

	it('is 1,000 at most', async () => {
		const r = room();
		await s.sql(`INSERT INTO messages(room, text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) SELECT '${r}', 'x' FROM n`);
		await until(async () => (await unread(`${r}:0`))[r] === 999, { what: 'the rows to be seen' });
		for (const n of [1000, 1000]) {
			await s.sent('one more', { room: r });
			assert.equal((await unread(`${r}:0`))[r], n);
		}
	});

	it('has a tag of its own, which moves as it does', async () => {
		const r = room(), first = await s.sent('a', { room: r });
		await s.sent('b', { room: r });
		const ask = (read, headers = {}) => rooms(s, { read }, { headers });
		const none = (await ask()).headers.etag, one = (await ask(`${r}:${first}`)).headers.etag;
		assert.notEqual(one, none);
		assert.notEqual((await ask(`${r}:0`)).headers.etag, one);
		assert.equal((await ask(`${r}:${first}`, { 'If-None-Match': one })).status, 304);
		await s.sent('c', { room: r });
		assert.equal((await ask(`${r}:${first}`, { 'If-None-Match': one })).status, 200);
	});

	it('is asked of 32 rooms at most, each once, by a room and an id', async () => {
		const many = (n) => Array.from({ length: n }, (_, i) => `r${i}:${i}`);
		assert.equal((await rooms(s, { read: many(32) })).status, 200);
		problem(assert, await rooms(s, { read: many(33) }), 400, 'bad_parameter', /'read'.*more than 32 times/);
		problem(assert, await rooms(s, { read: ['a:1', 'b:1', 'a:2'] }), 400, 'bad_parameter', /'read' names room 'a' more than once/);
		for (const read of ['', 'a', 'a:', ':1', 'a:b', 'a:-1', 'a:1:2', 'a:9007199254740992', 'a b:1', '*:1', `${'x'.repeat(65)}:1`, 'a:1.5'])
			problem(assert, await rooms(s, { read }), 400, 'bad_parameter', /'read' must be ROOM:ID/);
	});
});

describe('rooms: reply-max', () => {
	const s = server({ flags: '--reply-max 1000' });

	it('cuts a page, which has at least one', async () => {
		const made = [];
		for (let i = 0; i < 8; i++)
			await s.sent('x'.repeat(150), { room: made[i] = room() });
		const got = [];
		for (let after, more = true; more;) {
			const { json } = await rooms(s, { after });
			assert.ok(json.rooms.length >= 1 && json.rooms.length < 8, `${json.rooms.length}`);
			got.push(...json.rooms.map((r) => r.name));
			after = json.rooms.at(-1).last;
			more = json.more;
		}
		assert.deepEqual(got, made.reverse());
		await s.sent('\u0001'.repeat(200), { room: made[0] });
		assert.deepEqual(names(await rooms(s)), [made[0]]);
	});
});

describe('rooms: HTTP', () => {
	const s = server({ flags: ['--cors', 'https://page.example'] });

	it('says what is wrong', async () => {
		for (const limit of ['0', '1001', '-1', '1.5', '', 'x'])
			problem(assert, await rooms(s, { limit }), 400, 'bad_parameter', /limit.*1 to 1000/);
		for (const after of ['-1', '', 'main', '9007199254740992'])
			problem(assert, await rooms(s, { after }), 400, 'bad_parameter', /after/);
		problem(assert, await rooms(s, { room: 'main' }), 400, 'unknown_parameter', /'room'/);
		problem(assert, await rooms(s, 'limit=1&limit=2'), 400, 'duplicate_parameter', /'limit'/);
		assert.equal((await rooms(s, '_=1&limit=1')).status, 200);
		for (const method of ['POST', 'PUT', 'DELETE']) {
			const res = await rooms(s, {}, { method });
			problem(assert, res, 405, 'method_not_allowed');
			assert.equal(res.headers.allow, 'GET, HEAD, OPTIONS');
		}
	});

	it('answers HEAD as GET without a body, and OPTIONS', async () => {
		await s.sent('hi');
		const [get, head] = [await rooms(s), await rooms(s, {}, { method: 'HEAD' })];
		assert.equal(head.status, 200);
		assert.equal(head.body.length, 0);
		assert.equal(head.headers['content-length'], `${get.body.length}`);
		assert.equal(head.headers.etag, get.headers.etag);
		const options = await rooms(s, {}, { method: 'OPTIONS' });
		assert.equal(options.status, 204);
		assert.equal(options.headers.allow, 'GET, HEAD, OPTIONS');
	});

	it('answers 304 as long as nothing has changed', async () => {
		const first = await rooms(s);
		assert.equal(first.headers['cache-control'], 'no-cache');
		const tag = first.headers.etag;
		for (const value of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
			const res = await rooms(s, {}, { headers: { 'If-None-Match': value } });
			assert.equal(res.status, 304, value);
			assert.equal(res.body.length, 0);
			assert.equal(res.headers.etag, tag);
		}
		assert.equal((await rooms(s, {}, { headers: { 'If-None-Match': '"other"' } })).status, 200);
		await s.sent('more');
		const next = await rooms(s, {}, { headers: { 'If-None-Match': tag } });
		assert.equal(next.status, 200);
		assert.notEqual(next.headers.etag, tag);
		await s.sql('DELETE FROM messages');
		const empty = await rooms(s, {}, { headers: { 'If-None-Match': next.headers.etag } });
		assert.deepEqual([empty.status, empty.json.rooms], [200, []]);
	});

	it('lets the allowed origin read it, errors and 304 too', async () => {
		const headers = { Origin: 'https://page.example' };
		const tag = (await rooms(s)).headers.etag;
		for (const res of [await rooms(s, {}, { headers }), await rooms(s, { x: 1 }, { headers }), await rooms(s, {}, { method: 'PUT', headers }),
			await rooms(s, {}, { headers: { ...headers, 'If-None-Match': tag } })])
			assert.equal(res.headers['access-control-allow-origin'], 'https://page.example', `${res.status}`);
		const flight = await rooms(s, {}, { method: 'OPTIONS', headers: { ...headers, 'Access-Control-Request-Method': 'GET' } });
		assert.equal(flight.status, 204);
		assert.equal(flight.headers['access-control-allow-origin'], 'https://page.example');
		assert.match(flight.headers['access-control-allow-methods'], /GET/);
	});

	it('tells the epoch of the log that it read', async () => {
		const { epoch } = (await rooms(s)).json;
		assert.equal(epoch, (await s.poll({ wait: 0 })).json.epoch);
		await s.sent('old');
		await s.sql("UPDATE meta SET value = 'feedfeedfeedfeed' WHERE name = 'epoch'");
		await until(async () => (await rooms(s)).json.epoch !== epoch, { what: 'the new epoch' });
		assert.equal((await rooms(s)).json.epoch, (await s.poll({ wait: 0 })).json.epoch);
	});
});
