// history.test.mjs: GET /history: paging in every direction, days and times, senders, and what caches are told.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { problem, room, server, until } from './harness.mjs';

const ids = (res) => {
	assert.equal(res.status, 200, res.text);
	return res.json.messages.map((m) => m.id);
};
const page = (res) => [ids(res), res.json.older, res.json.newer];

/** Sends n messages into a room, each followed by one elsewhere, so that ids have holes. Gives their ids. */
async function fill(s, r, n, sender = () => '') {
	const got = [];
	const noise = room('noise');
	for (let i = 0; i < n; i++) {
		got.push(await s.sent({ room: r, sender: sender(i), text: `m${i}` }));
		await s.sent('noise', { room: noise });
	}
	return got;
}

/** Rows that were committed at these times (other programs may say when). */
async function at(s, r, times) {
	await s.sql(times.map((time) => `INSERT INTO messages(room, text, at) VALUES('${r}', '${time}', ${Date.parse(time)});`).join('\n'));
	// Another program's rows are there for readers once the daemon has taken notice of them.
	return until(async () => {
		const list = ids(await s.poll({ room: r, since: 'all', wait: 0 }));
		return list.length === times.length && list;
	}, { what: 'the rows to be seen' });
}

describe('history: paging', () => {
	const s = server();
	let r, i;

	it('without a cursor gives the newest, ascending', async () => {
		r = room();
		i = await fill(s, r, 10);
		const res = await s.history({ room: r, limit: 3 });
		assert.match(res.headers['content-type'], /^application\/json/);
		assert.deepEqual(Object.keys(res.json), ['messages', 'older', 'newer']);
		assert.deepEqual(page(res), [i.slice(7), i[7], null]);
		assert.deepEqual(page(await s.history({ room: r })), [i, null, null]);
		assert.deepEqual(page(await s.history({ room: r, limit: 10 })), [i, null, null]);
		assert.deepEqual(page(await s.history({ room: r, limit: 9 })), [i.slice(1), i[1], null]);
	});

	it('`before` gives the ones older than an id, next to it', async () => {
		assert.deepEqual(page(await s.history({ room: r, limit: 3, before: i[5] })), [i.slice(2, 5), i[2], i[4]]);
		assert.deepEqual(page(await s.history({ room: r, limit: 3, before: i[3] })), [i.slice(0, 3), null, i[2]]);
		assert.deepEqual(page(await s.history({ room: r, limit: 3, before: i[9] + 1 })), [i.slice(7), i[7], null]);
		assert.deepEqual(page(await s.history({ room: r, limit: 3, before: 2 ** 53 - 1 })), [i.slice(7), i[7], null]);
	});

	it('`after` gives the ones newer than an id, next to it', async () => {
		assert.deepEqual(page(await s.history({ room: r, limit: 3, after: i[5] })), [i.slice(6, 9), i[6], i[8]]);
		assert.deepEqual(page(await s.history({ room: r, limit: 3, after: i[6] })), [i.slice(7), i[7], null]);
		assert.deepEqual(page(await s.history({ room: r, limit: 3, after: 0 })), [i.slice(0, 3), null, i[2]]);
	});

	it('an empty page says the way back', async () => {
		assert.deepEqual(page(await s.history({ room: r, before: i[0] })), [[], null, i[0] - 1]);
		assert.deepEqual(page(await s.history({ room: r, after: i[9] })), [[], i[9] + 1, null]);
		// As far as an id can go; what it answers must be a cursor.
		assert.deepEqual(page(await s.history({ room: r, after: Number.MAX_SAFE_INTEGER })), [[], Number.MAX_SAFE_INTEGER, null]);
		assert.deepEqual(page(await s.history({ room: r, after: i[0] - 1, limit: 1 })), [[i[0]], null, i[0]]);
		assert.deepEqual(page(await s.history({ room: r, before: i[9] + 1, limit: 1 })), [[i[9]], i[9], null]);
		const unused = room();
		for (const params of [{}, { before: i[5] }, { after: i[5] }, { around: i[5] }, { on: '2020-01-01' }])
			assert.deepEqual(page(await s.history({ room: unused, ...params })), [[], null, null], JSON.stringify(params));
	});

	it('around takes neighbours from both sides in turn, and fills up at an end', async () => {
		const around = async (id, limit) => page(await s.history({ room: r, around: id, limit }));
		assert.deepEqual(await around(i[5], 1), [[i[5]], i[5], i[5]]);
		assert.deepEqual(await around(i[5], 3), [i.slice(4, 7), i[4], i[6]]);
		assert.deepEqual(await around(i[5], 5), [i.slice(3, 8), i[3], i[7]]);
		const [even] = await around(i[5], 4);
		assert.equal(even.length, 4);
		assert.ok([i.slice(3, 7).join(), i.slice(4, 8).join()].includes(even.join()), even.join());
		assert.deepEqual(await around(i[0], 4), [i.slice(0, 4), null, i[3]]);
		assert.deepEqual(await around(i[9], 4), [i.slice(6), i[6], null]);
		assert.deepEqual(await around(i[1], 5), [i.slice(0, 5), null, i[4]]);
		assert.deepEqual(await around(i[8], 5), [i.slice(5), i[5], null]);
		assert.deepEqual(await around(i[5], 50), [i, null, null]);
	});

	it('around an id of elsewhere gives its neighbours', async () => {
		assert.deepEqual(ids(await s.history({ room: r, around: i[4] + 1, limit: 2 })), [i[4], i[5]]);
		assert.deepEqual(ids(await s.history({ room: r, around: i[4] + 1, limit: 4 })), i.slice(3, 7));
		assert.deepEqual(ids(await s.history({ room: r, around: 1, limit: 3 })), i.slice(0, 3));
		assert.deepEqual(ids(await s.history({ room: r, around: 2 ** 53 - 1, limit: 3 })), i.slice(7));
	});

	it('has main as the default room', async () => {
		const id = await s.sent('in main');
		assert.equal(ids(await s.history()).at(-1), id);
		assert.ok((await s.history()).json.messages.every((m) => m.room === 'main'));
	});

	it('reads several rooms, and `*`, in order of id', async () => {
		const [a, b] = [room(), room()];
		const first = await fill(s, a, 3);
		const second = await fill(s, b, 3);
		const third = await fill(s, a, 3);
		const both = [...first, ...second, ...third];
		assert.deepEqual(page(await s.history({ room: [b, a] })), [both, null, null]);
		assert.deepEqual(page(await s.history({ room: [a, b, a], limit: 4, before: both[6] })), [both.slice(2, 6), both[2], both[5]]);
		assert.deepEqual(ids(await s.history({ room: '*', limit: 2 })).at(-1), third[2] + 1);
		const everything = ids(await s.history({ room: ['*', a], after: first[0] - 1, limit: 18 }));
		assert.deepEqual(everything, Array.from({ length: 18 }, (_, n) => first[0] + n));
	});

	it('gives a page exactly limit messages, whatever was deleted', async () => {
		const own = room();
		const list = await fill(s, own, 12);
		const gone = [list[3], list[4], list[8], list[11]];
		await s.sql(`DELETE FROM messages WHERE id IN (${gone})`);
		const left = list.filter((id) => !gone.includes(id));
		assert.deepEqual(page(await s.history({ room: own, limit: 4 })), [left.slice(4), left[4], null]);
		assert.deepEqual(page(await s.history({ room: own, limit: 4, after: list[1] })), [left.slice(2, 6), left[2], left[5]]);
		assert.deepEqual(page(await s.history({ room: own, limit: 4, before: list[9] })), [left.slice(2, 6), left[2], left[5]]);
		assert.deepEqual(ids(await s.history({ room: own, limit: 2, around: list[4] })), [list[2], list[5]]);
		assert.deepEqual(page(await s.history({ room: own, after: list[10] })), [[], list[10] + 1, null]);
	});

	it('filters by sender, and still fills its pages', async () => {
		const own = room();
		const list = await fill(s, own, 30, (n) => ['ann', 'bob', 'Ann', ''][n % 4]);
		const of = (n) => list.filter((_, m) => m % 4 === n);
		const ann = of(0);
		assert.deepEqual(page(await s.history({ room: own, sender: 'ann' })), [ann, null, null]);
		assert.deepEqual(page(await s.history({ room: own, sender: 'ann', limit: 3 })), [ann.slice(-3), ann.at(-3), null]);
		assert.deepEqual(page(await s.history({ room: own, sender: 'ann', limit: 3, before: ann[5] })), [ann.slice(2, 5), ann[2], ann[4]]);
		assert.deepEqual(page(await s.history({ room: own, sender: 'ann', limit: 3, after: 0 })), [ann.slice(0, 3), null, ann[2]]);
		assert.deepEqual(ids(await s.history({ room: own, sender: 'ann', limit: 3, around: ann[4] })), ann.slice(3, 6));
		assert.deepEqual(page(await s.history({ room: own, sender: '' })), [of(3), null, null]);
		assert.deepEqual(page(await s.history({ room: own, sender: 'nobody' })), [[], null, null]);
		assert.deepEqual(ids(await s.history({ room: '*', sender: 'Ann' })), of(2));
	});

	it('agrees with a simple model, whatever is asked', async () => {
		const names = [room(), room(), room()];
		const rows = [];
		for (let n = 0; n < 60; n++) {
			const row = { room: names[(n * 7) % 3], sender: ['ann', 'bob'][(n >> 1) % 2], text: `${n}` };
			rows.push({ ...row, id: await s.sent(row) });
		}
		const gone = rows.filter((_, n) => n % 5 === 2).map((row) => row.id);
		await s.sql(`DELETE FROM messages WHERE id IN (${gone})`);
		const left = rows.filter((row) => !gone.includes(row.id));
		const [low, high] = [rows[0].id, rows.at(-1).id];
		let seed = 42;
		const random = (n) => {
			seed = (seed * 1103515245 + 12345) % 2 ** 31;
			return Math.floor(seed / 2 ** 31 * n);
		};
		for (let n = 0; n < 400; n++) {
			const wanted = [names.slice(0, 1), names.slice(1, 3), names][random(3)];
			const sender = [undefined, undefined, 'ann', 'bob'][random(4)];
			const limit = [1, 2, 3, 5, 8, 50][random(6)];
			const kind = ['none', 'before', 'after', 'around'][random(4)];
			const x = low - 2 + random(high - low + 5);
			const fits = left.filter((row) => wanted.includes(row.room) && (sender === undefined || row.sender === sender))
				.map((row) => row.id);
			const [below, above] = [fits.filter((id) => id < x), fits.filter((id) => id > x)];
			const params = { room: wanted, sender, limit, [kind === 'none' ? '_' : kind]: x };
			const res = await s.history(params);
			const [got, older, newer] = page(res);
			const want = { none: () => fits.slice(-limit), before: () => below.slice(-limit), after: () => above.slice(0, limit) }[kind]?.();
			if (want)
				assert.deepEqual(got, want, JSON.stringify(params));
			else
				checkAround(got, x, fits, below, above, limit, JSON.stringify(params));
			if (got.length > 0) {
				assert.equal(older, fits[0] < got[0] ? got[0] : null, JSON.stringify(params));
				assert.equal(newer, fits.at(-1) > got.at(-1) ? got.at(-1) : null, JSON.stringify(params));
			}
		}
	});

	function checkAround(got, x, fits, below, above, limit, what) {
		assert.equal(got.length, Math.min(limit, fits.length), what);
		const first = fits.indexOf(got[0]);
		assert.deepEqual(got, fits.slice(first, first + got.length), what);
		const self = fits.includes(x);
		assert.ok(!self || got.includes(x), what);
		const [left, right] = [got.filter((id) => id < x).length, got.filter((id) => id > x).length];
		const even = Math.abs(left - right) <= 1;
		assert.ok(even || (left < right ? left === below.length : right === above.length), `${what}: ${left} and ${right}`);
	}
});

describe('history: reply-max', () => {
	const s = server({ flags: '--reply-max 3000' });

	it('ends a page on the side away from its cursor', async () => {
		const r = room();
		const i = [];
		for (let n = 0; n < 20; n++)
			i.push(await s.sent(`${n} ${'x'.repeat(600)}`, { room: r }));
		const newest = await s.history({ room: r });
		assert.equal(ids(newest).at(-1), i[19]);
		assert.ok(ids(newest).length >= 2 && ids(newest).length <= 5);
		assert.deepEqual([newest.json.older, newest.json.newer], [ids(newest)[0], null]);
		const before = await s.history({ room: r, before: i[10] });
		assert.equal(ids(before).at(-1), i[9]);
		const after = await s.history({ room: r, after: i[10] });
		assert.equal(ids(after)[0], i[11]);
		assert.ok(ids(after).length <= 5);
		assert.deepEqual([after.json.older, after.json.newer], [i[11], ids(after).at(-1)]);
		const around = await s.history({ room: r, around: i[10] });
		assert.ok(ids(around).includes(i[10]));
		const on = await s.history({ room: r, on: '2020-01-01' });
		assert.equal(ids(on)[0], i[0]);

		const back = [], forth = [];
		for (let before; before !== null;) {
			const res = await s.history({ room: r, before });
			back.unshift(...ids(res));
			before = res.json.older;
		}
		for (let after = 0; after !== null;) {
			const res = await s.history({ room: r, after });
			forth.push(...ids(res));
			after = res.json.newer;
		}
		assert.deepEqual(back, i);
		assert.deepEqual(forth, i);
	});

	it('but a page holds at least one', async () => {
		const r = room();
		const [a, b, c] = [await s.sent('a'.repeat(9_000), { room: r }), await s.sent('b'.repeat(9_000), { room: r }),
			await s.sent('c'.repeat(9_000), { room: r })];
		assert.deepEqual(page(await s.history({ room: r })), [[c], c, null]);
		assert.deepEqual(page(await s.history({ room: r, before: c })), [[b], b, b]);
		assert.deepEqual(page(await s.history({ room: r, after: 0 })), [[a], null, a]);
		assert.deepEqual(page(await s.history({ room: r, around: b })), [[b], b, b]);
	});
});

describe('history: days and times', () => {
	const s = server();
	const TIMES = [
		'2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00.000Z', '2026-01-01T12:00:00.000Z', '2026-01-01T22:30:00.000Z',
		'2026-01-02T00:00:00.000Z', '2026-01-02T01:15:00.500Z', '2026-01-05T08:00:00.000Z',
	];
	let r, i;
	const get = async (params) => ids(await s.history(typeof params === 'string' ? `room=${r}&${params}` : { room: r, ...params }));

	it('starts `on` a day at its first message or the next later one', async () => {
		r = room();
		i = await at(s, r, TIMES);
		assert.equal(i.length, TIMES.length);
		assert.deepEqual(page(await s.history({ room: r, on: '2026-01-01' })), [i.slice(1), i[1], null]);
		assert.deepEqual(page(await s.history({ room: r, on: '2026-01-02', limit: 2 })), [i.slice(4, 6), i[4], i[5]]);
		assert.deepEqual(await get({ on: '2026-01-03' }), i.slice(6));
		assert.deepEqual(page(await s.history({ room: r, on: '2000-02-29' })), [i, null, null]);
		assert.deepEqual(await get({ on: '2030-01-01' }), []);
	});

	it('knows the day of a time zone', async () => {
		assert.deepEqual(await get('on=2026-01-02&tz=%2B02:00'), i.slice(3));
		assert.deepEqual(await get('on=2026-01-02&tz=+02:00'), i.slice(3), 'a blank reads as +');
		assert.deepEqual(await get('on=2026-01-02&tz=-01:30'), i.slice(6));
		assert.deepEqual(await get('on=2026-01-02&tz=-01:15'), i.slice(5));
		assert.deepEqual(await get('on=2026-01-02&tz=%2B00:00'), i.slice(4));
		assert.deepEqual(await get('on=2026-01-02&tz=-00:00'), i.slice(4));
		assert.deepEqual(await get('on=2026-01-02&tz=%2B23:59'), i.slice(2));
		assert.deepEqual(await get('on=2026-01-01&tz=-23:59'), i.slice(4));
	});

	it('from is inclusive, until exclusive', async () => {
		assert.deepEqual(await get({ from: TIMES[2] }), i.slice(2));
		assert.deepEqual(await get({ until: TIMES[2] }), i.slice(0, 2));
		assert.deepEqual(await get({ from: TIMES[1], until: TIMES[4] }), i.slice(1, 4));
		assert.deepEqual(await get({ from: '2026-01-02T01:15:00.501Z' }), i.slice(6));
		assert.deepEqual(await get({ from: '2026-01-02T01:15:00Z', until: '2026-01-02T01:15:01Z' }), [i[5]]);
		assert.deepEqual(await get({ from: TIMES[4], until: TIMES[4] }), []);
		assert.deepEqual(await get({ from: TIMES[5], until: TIMES[1] }), []);
	});

	it('a day means its 00:00 in tz', async () => {
		assert.deepEqual(await get({ from: '2026-01-01', until: '2026-01-02' }), i.slice(1, 4));
		assert.deepEqual(await get('from=2026-01-01&until=2026-01-02&tz=%2B02:00'), i.slice(0, 3));
		assert.deepEqual(await get('from=2026-01-01&until=2026-01-02&tz=-02:00'), i.slice(2, 6));
	});

	it('reads every RFC 3339 form', async () => {
		for (const from of ['2026-01-01T12:00:00Z', '2026-01-01T12:00:00.0Z', '2026-01-01t12:00:00.000000z', '2026-01-01T14:00:00+02:00',
			'2026-01-01T06:30:00-05:30', '2026-01-01T12:00:00.000-00:00', '2026-01-01T11:59:59.9999Z'])
			assert.deepEqual(await get({ from }), i.slice(2), from);
		assert.deepEqual(await get('from=2026-01-01T14:00:00+02:00'), i.slice(2), 'a blank reads as +');
		assert.deepEqual(await get('from=2026-01-01T14:00:00%2b02:00&tz=-05:00'), i.slice(2), 'a time has its own zone');
	});

	it('combines with every cursor', async () => {
		const day = { from: '2026-01-01', until: '2026-01-02' };
		assert.deepEqual(page(await s.history({ room: r, ...day, limit: 2 })), [i.slice(2, 4), i[2], null]);
		assert.deepEqual(await get({ ...day, before: i[3] }), i.slice(1, 3));
		assert.deepEqual(await get({ ...day, after: i[1] }), i.slice(2, 4));
		assert.deepEqual(await get({ ...day, around: i[2], limit: 2 }).then((list) => list.length), 2);
		assert.deepEqual(await get({ ...day, around: i[6], limit: 2 }), i.slice(2, 4));
		assert.deepEqual(await get({ from: '2026-01-02', on: '2026-01-01' }), i.slice(4));
		assert.deepEqual(await get({ until: '2026-01-05', on: '2026-01-02' }), i.slice(4, 6));
	});

	it('copes with a clock that stepped back: ids keep the order', async () => {
		const own = room();
		const list = await at(s, own, ['2026-03-01T10:00:00.000Z', '2026-03-01T09:00:00.000Z', '2026-03-02T10:00:00.000Z', '2026-03-01T23:00:00.000Z']);
		assert.deepEqual(ids(await s.history({ room: own })), list);
		assert.deepEqual(ids(await s.history({ room: own, from: '2026-03-01', until: '2026-03-02' })), [list[0], list[1], list[3]]);
		assert.deepEqual(ids(await s.history({ room: own, on: '2026-03-02' })), list.slice(2));
	});

	for (const name of ['on', 'from', 'until']) {
		for (const value of ['', 'today', '2026-1-1', '2026-02-30', '2025-02-29', '2026-13-01', '2026-00-10', '2026-01-00', '20260101', '2026-01-01x', '26-01-01'])
			it(`refuses ${name}=${value}`, async () => {
				problem(assert, await s.history({ [name]: value }), 400, 'bad_parameter', new RegExp(name));
			});
	}
	for (const value of ['2026-01-01T', '2026-01-01T12:00', '2026-01-01T12:00:00', '2026-01-01T24:00:00Z', '2026-01-01T12:60:00Z',
		'2026-01-01T12:00:00.Z', '2026-01-01T12:00:00+0200', '2026-01-01T12:00:00+24:00', '2026-01-01T12:00:00Zx'])
		it(`refuses from=${value}`, async () => {
			problem(assert, await s.history({ from: value }), 400, 'bad_parameter', /from/);
		});
	it('refuses a time for `on`', async () => {
		problem(assert, await s.history({ on: '2026-01-01T00:00:00Z' }), 400, 'bad_parameter', /on/);
	});
	for (const tz of ['', '02:00', '+2:00', '+0200', '+24:00', '-24:00', '+01:60', '+01:0', 'Z', 'UTC', '+02:00x'])
		it(`refuses tz=${tz}`, async () => {
			problem(assert, await s.history({ on: '2026-01-01', tz }), 400, 'bad_parameter', /tz/);
		});
});

describe('history: what is refused', () => {
	const s = server();

	for (const [params, code, detail] of [
		['colour=red', 'unknown_parameter', /colour/],
		['since=1', 'unknown_parameter', /since/],
		['wait=1', 'unknown_parameter', /wait/],
		['limit=5&limit=5', 'duplicate_parameter', /limit/],
		['before=5&before=5', 'duplicate_parameter', /before/],
		['sender=a&sender=a', 'duplicate_parameter', /sender/],
		['before=5&after=5', 'bad_parameter', /before|after/],
		['around=5&after=5', 'bad_parameter', /around|after/],
		['on=2026-01-01&before=5', 'bad_parameter', /\bon\b|before/],
		['limit=0', 'bad_parameter', /limit.*500/],
		['limit=501', 'bad_parameter', /limit.*500/],
		['limit=', 'bad_parameter', /limit/],
		['limit=+5', 'bad_parameter', /limit/],
		['limit=5.0', 'bad_parameter', /limit/],
		['before=', 'bad_parameter', /before/],
		['before=x', 'bad_parameter', /before/],
		['before=-1', 'bad_parameter', /before/],
		['after=-1', 'bad_parameter', /after/],
		['after=99999999999999999999', 'bad_parameter', /after/],
		['around=1.5', 'bad_parameter', /around/],
		['room=', 'bad_parameter', /room/],
		['room=a/b', 'bad_parameter', /room/],
		[`sender=${'s'.repeat(65)}`, 'bad_parameter', /sender.*64/],
		[Array.from({ length: 33 }, (_, n) => `room=r${n}`).join('&'), 'bad_parameter', /room.*32|32.*room/],
	])
		it(`refuses ?${params.slice(0, 60)}`, async () => {
			problem(assert, await s.history(params), 400, code, detail);
		});

	it('ignores parameters that begin with _', async () => {
		assert.equal((await s.history('_=1&_=2&_x=')).status, 200);
	});

	it('refuses other methods, and answers HEAD and OPTIONS', async () => {
		for (const method of ['POST', 'PUT', 'DELETE']) {
			const res = await s.request('/history', { method, body: 'x' });
			problem(assert, res, 405, 'method_not_allowed');
			assert.match(res.headers.allow, /\bGET\b/);
			assert.match(res.headers.allow, /\bHEAD\b/);
		}
		const r = room();
		await s.sent('x', { room: r });
		const head = await s.request(`/history?room=${r}`, { method: 'HEAD' });
		assert.equal(head.status, 200);
		assert.equal(head.body.length, 0);
		assert.match(head.headers['content-type'], /^application\/json/);
		assert.equal((await s.request('/history?colour=red', { method: 'HEAD' })).status, 400);
		assert.equal((await s.request('/history', { method: 'OPTIONS' })).status, 204);
	});
});

describe('history: what caches are told', () => {
	const s = server();
	let r, i, etag;
	const get = (params, headers = {}, method = 'GET') => s.history({ room: r, ...params }, { headers, method });

	it('a page that nothing can be added to has an ETag; the newest has none', async () => {
		r = room();
		i = await fill(s, r, 6);
		for (const params of [{ before: i[3] }, { after: 0, limit: 3 }, { around: i[2], limit: 3 }]) {
			const res = await get(params);
			assert.notEqual(res.json.newer, null);
			assert.match(res.headers.etag, /^(W\/)?"[^"]+"$/);
			assert.equal(res.headers['cache-control'], 'no-cache');
		}
		for (const params of [{}, { after: i[2] }, { limit: 2 }, { after: i[5] }]) {
			const res = await get(params);
			assert.equal(res.json.newer, null);
			assert.ok(!('etag' in res.headers));
			assert.equal(res.headers['cache-control'], 'no-store');
		}
	});

	it('answers 304 to the same ETag, compared weakly, in lists, and to *', async () => {
		const first = await get({ before: i[3] });
		etag = first.headers.etag;
		const strong = etag.replace(/^W\//, '');
		for (const value of [etag, strong, `W/${strong}`, `"other", ${strong}`, `"a","b" ,W/${strong} , "c"`, '*', `W/"x", ${etag},`, '"with, a comma", ' + strong]) {
			const res = await get({ before: i[3] }, { 'If-None-Match': value });
			assert.equal(res.status, 304, value);
			assert.equal(res.body.length, 0);
			assert.equal(res.headers.etag, etag);
			assert.equal(res.headers['cache-control'], 'no-cache');
		}
		assert.equal((await get({ before: i[3] }, { 'If-None-Match': etag }, 'HEAD')).status, 304);
	});

	it('answers 200 to another', async () => {
		const strong = etag.replace(/^W\//, '');
		for (const value of ['"other"', 'W/"other"', strong.replace(/"/g, ''), `"x${strong.slice(1)}`, `"${strong}`, '"*"']) {
			const res = await get({ before: i[3] }, { 'If-None-Match': value });
			assert.equal(res.status, 200, value);
			assert.equal(res.headers.etag, etag);
			assert.equal(res.json.messages.length, 3);
		}
	});

	it('is made from the content: another page, another tag; a deleted row too', async () => {
		assert.notEqual((await get({ before: i[4] })).headers.etag, etag);
		assert.equal((await get({ before: i[3] })).headers.etag, etag);
		await s.sent('later', { room: r });
		assert.equal((await get({ before: i[3] })).headers.etag, etag, 'what comes later changes nothing');
		await s.sql(`UPDATE messages SET text = 'changed' WHERE id = ${i[0]}`);
		const changed = await get({ before: i[3] }, { 'If-None-Match': etag });
		assert.equal(changed.status, 200);
		assert.notEqual(changed.headers.etag, etag);
		await s.sql(`DELETE FROM messages WHERE id = ${i[1]}`);
		const deleted = await get({ before: i[3] }, { 'If-None-Match': changed.headers.etag });
		assert.equal(deleted.status, 200);
		assert.deepEqual(ids(deleted), [i[0], i[2]]);
	});

	it('works through gzip as well', async () => {
		const own = room();
		const list = [];
		for (let n = 0; n < 4; n++)
			list.push(await s.sent('words '.repeat(300) + n, { room: own }));
		const plain = await s.history({ room: own, before: list[3] });
		const packed = await s.history({ room: own, before: list[3] }, { headers: { 'Accept-Encoding': 'gzip' } });
		assert.equal(packed.headers['content-encoding'], 'gzip');
		assert.equal(gunzipSync(packed.body).toString(), plain.text);
		const again = await s.history({ room: own, before: list[3] }, { headers: { 'Accept-Encoding': 'gzip', 'If-None-Match': packed.headers.etag } });
		assert.equal(again.status, 304);
		assert.equal((await s.history({ room: own, before: list[3] }, { headers: { 'If-None-Match': packed.headers.etag } })).status, 304);
	});
});
