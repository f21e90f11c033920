// poll.test.mjs: GET /poll: every form of `since`, holding and waking, cutting, resets and gaps.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect, encode } from './fastcgi.mjs';
import { ms, pending, problem, room, server, session, sleep, sql, start, until, within } from './harness.mjs';

const FOUR = ['epoch', 'messages', 'next', 'more'];
const texts = (res) => res.json.messages.map((m) => m.text);
const ids = (res) => res.json.messages.map((m) => m.id);
/** Sends these texts one after the other and gives their ids. */
const sendAll = async (s, r, list) => {
	const got = [];
	for (const text of list)
		got.push(await s.sent(text, { room: r }));
	return got;
};
const range = (n, name = 'm') => Array.from({ length: n }, (_, i) => `${name}${i}`);
/** A whole room by way of `more`, in pages of `limit`. */
async function walk(s, params, limit) {
	const messages = [];
	for (let since = params.since ?? 'all', pages = 0; ; pages++) {
		const res = await s.poll({ ...params, since, limit, wait: 0 });
		assert.equal(res.status, 200, res.text);
		assert.ok(res.json.messages.length <= limit);
		messages.push(...res.json.messages);
		if (!res.json.more)
			return { messages, pages };
		assert.equal(res.json.next, res.json.messages.at(-1).id);
		since = res.json.next;
	}
}

describe('poll: the answer', () => {
	const s = server();

	it('always has epoch, messages, next and more, and nothing else without need', async () => {
		const r = room();
		for (const params of [{ room: r, wait: 0 }, { room: r, wait: 0, since: 'all' }, { room: r, wait: 0, since: -5 }]) {
			const res = await s.poll(params);
			assert.equal(res.status, 200);
			assert.match(res.headers['content-type'], /^application\/json/);
			assert.equal(res.headers['cache-control'], 'no-store');
			assert.deepEqual(Object.keys(res.json), FOUR);
			assert.equal(typeof res.json.epoch, 'string');
			assert.ok(res.json.epoch.length > 0);
			assert.deepEqual(res.json.messages, []);
			assert.equal(res.json.more, false);
		}
		await s.sent('x', { room: r });
		assert.deepEqual(Object.keys((await s.poll({ room: r, since: 'all' })).json), FOUR);
	});

	it('has the same epoch every time', async () => {
		const epochs = new Set();
		for (const r of [room(), room(), 'main'])
			epochs.add((await s.poll({ room: r, wait: 0 })).json.epoch);
		assert.equal(epochs.size, 1);
	});

	it('writes a message with its members in order', async () => {
		const r = room();
		await s.send({ room: r, sender: 'ann', text: 'hi' });
		const { text } = await s.poll({ room: r, since: 'all' });
		const want = /\{"id":\d+,"room":"[^"]+","event":"chat message","sender":"ann","text":"hi","at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\}/;
		assert.match(text, want);
	});
});

describe('poll: since', () => {
	const s = server();

	it('an id is exclusive', async () => {
		const r = room();
		const [a, b, c] = await sendAll(s, r, ['a', 'b', 'c']);
		assert.deepEqual(ids(await s.poll({ room: r, since: a - 1 })), [a, b, c]);
		assert.deepEqual(ids(await s.poll({ room: r, since: a })), [b, c]);
		assert.deepEqual(ids(await s.poll({ room: r, since: b })), [c]);
		assert.deepEqual(ids(await s.poll({ room: r, since: c, wait: 0 })), []);
		assert.deepEqual(ids(await s.poll({ room: r, since: 0 })), [a, b, c]);
	});

	it('`now`, which is the default, is the head', async () => {
		const r = room();
		const [, b] = await sendAll(s, r, ['a', 'b']);
		for (const since of ['now', undefined]) {
			const res = await s.poll({ room: r, since, wait: 0 });
			assert.deepEqual(res.json.messages, []);
			assert.equal(res.json.next, b);
		}
	});

	it('`all` is everything', async () => {
		const r = room();
		await sendAll(s, r, range(5));
		assert.deepEqual(texts(await s.poll({ room: r, since: 'all' })), range(5));
	});

	it('-N is the cursor before the N-th newest', async () => {
		const r = room();
		await sendAll(s, r, range(5));
		assert.deepEqual(texts(await s.poll({ room: r, since: -1 })), ['m4']);
		assert.deepEqual(texts(await s.poll({ room: r, since: -3 })), ['m2', 'm3', 'm4']);
		assert.deepEqual(texts(await s.poll({ room: r, since: -5 })), range(5));
		assert.deepEqual(texts(await s.poll({ room: r, since: -1000 })), range(5));
		const cut = await s.poll({ room: r, since: -3, limit: 2 });
		assert.deepEqual(texts(cut), ['m2', 'm3']);
		assert.equal(cut.json.more, true);
	});

	it('-N counts the messages of all the rooms together', async () => {
		const [a, b, other] = [room(), room(), room()];
		await sendAll(s, a, ['a1', 'a2']);
		await sendAll(s, b, ['b1']);
		await sendAll(s, other, ['o1']);
		await sendAll(s, a, ['a3']);
		assert.deepEqual(texts(await s.poll({ room: [a, b], since: -3 })), ['a2', 'b1', 'a3']);
		assert.deepEqual(texts(await s.poll({ room: '*', since: -3 })), ['b1', 'o1', 'a3']);
		assert.deepEqual(texts(await s.poll({ room: [b], since: -3 })), ['b1']);
	});

	it('-N is held like others in an unused room', async () => {
		const r = room();
		const held = s.poll({ room: r, since: -10, wait: 50 });
		await s.parked(1);
		await s.sent('first', { room: r });
		assert.deepEqual(texts(await held), ['first']);
	});

	for (const since of ['', 'abc', '-0', '-1001', '--1', '+1', '1.0', '1e3', '0x1', ' 1', 'ALL', 'Now', '99999999999999999999', '-99999999999999999999']) {
		it(`refuses since=${since}`, async () => {
			problem(assert, await s.poll({ since }), 400, 'bad_parameter', /since/);
		});
	}
});

describe('poll: rooms', () => {
	const s = server();

	it('gives only those of its room; `next` is the head of the whole log', async () => {
		const [a, b] = [room(), room()];
		await sendAll(s, a, ['a1']);
		const [last] = await sendAll(s, b, ['b1']);
		const res = await s.poll({ room: a, since: 'all' });
		assert.deepEqual(texts(res), ['a1']);
		assert.equal(res.json.next, last);
		assert.equal(res.json.more, false);
	});

	it('merges several rooms in order of id', async () => {
		const [a, b, other] = [room(), room(), room()];
		for (let i = 0; i < 4; i++) {
			await sendAll(s, b, [`b${i}`]);
			await sendAll(s, other, [`o${i}`]);
			await sendAll(s, a, [`a${i}`]);
		}
		const res = await s.poll({ room: [a, b], since: 'all' });
		assert.deepEqual(texts(res), ['b0', 'a0', 'b1', 'a1', 'b2', 'a2', 'b3', 'a3']);
		assert.deepEqual(texts(await s.poll({ room: [b, a], since: 'all', limit: 3 })), ['b0', 'a0', 'b1']);
	});

	it('gives each message once though its room is named twice', async () => {
		const r = room();
		await sendAll(s, r, ['x', 'y']);
		assert.deepEqual(texts(await s.poll({ room: [r, r], since: 'all' })), ['x', 'y']);
	});

	it('`*` is every room, also beside others and with rooms that come to be later', async () => {
		const since = await s.head();
		const [a, b] = [room(), room()];
		await sendAll(s, a, ['a']);
		await sendAll(s, b, ['b']);
		assert.deepEqual(texts(await s.poll({ room: '*', since })), ['a', 'b']);
		assert.deepEqual(texts(await s.poll({ room: [a, '*'], since })), ['a', 'b']);
		const held = [s.poll({ room: '*', wait: 50 }), s.poll({ room: [a, '*'], wait: 50 })];
		await s.parked(2);
		await sendAll(s, room('new'), ['c']);
		for (const res of await Promise.all(held))
			assert.deepEqual(texts(res), ['c']);
	});

	it('holds for any of several rooms, used or not', async () => {
		const [used, unused, other] = [room(), room(), room()];
		await sendAll(s, used, ['x']);
		for (const target of [used, unused]) {
			const held = s.poll({ room: [used, unused], wait: 50 });
			await s.parked(1);
			await sendAll(s, other, ['not yours']);
			assert.ok(await pending(held));
			await sendAll(s, target, ['yours']);
			assert.deepEqual(texts(await held), ['yours']);
		}
	});

	it('takes 32 rooms and no more', async () => {
		const many = Array.from({ length: 33 }, (_, i) => `many-${i}`);
		const [id] = await sendAll(s, 'many-31', ['last of 32']);
		assert.deepEqual(ids(await s.poll({ room: many.slice(0, 32), since: id - 1 })), [id]);
		problem(assert, await s.poll({ room: many, wait: 0 }), 400, 'bad_parameter', /room.*32|32.*room/);
	});

	for (const name of ['', 'a b', 'a/b', 'ä', 'a%', 'x'.repeat(65), '**']) {
		it(`refuses the room ${JSON.stringify(name.slice(0, 8))}`, async () => {
			problem(assert, await s.poll({ room: name, wait: 0 }), 400, 'bad_parameter', /room/);
		});
	}
});

describe('poll: cutting', () => {
	const s = server({ flags: '--reply-max 3000' });

	it('`limit` cuts, says `more`, and `next` goes on', async () => {
		const r = room();
		await sendAll(s, r, range(7));
		const first = await s.poll({ room: r, since: 'all', limit: 3 });
		assert.deepEqual(texts(first), range(3));
		assert.equal(first.json.more, true);
		assert.equal(first.json.next, ids(first)[2]);
		const { messages, pages } = await walk(s, { room: r }, 3);
		assert.deepEqual(messages.map((m) => m.text), range(7));
		assert.equal(pages, 2);
	});

	it('does not say `more` when the last message just fits', async () => {
		const r = room();
		await sendAll(s, r, range(3));
		const last = await s.sent('elsewhere', { room: room() });
		const res = await s.poll({ room: r, since: 'all', limit: 3 });
		assert.equal(res.json.more, false);
		assert.equal(res.json.next, last);
	});

	it('ends a reply at reply-max', async () => {
		const r = room();
		await sendAll(s, r, range(10).map((m) => m + 'x'.repeat(500)));
		const res = await s.poll({ room: r, since: 'all' });
		assert.ok(res.json.messages.length >= 2 && res.json.messages.length <= 6, `${res.json.messages.length}`);
		assert.equal(res.json.more, true);
		assert.ok(res.body.length < 3600, `${res.body.length}`);
		assert.equal((await walk(s, { room: r }, 100)).messages.length, 10);
	});

	it('but holds at least one', async () => {
		const r = room();
		await sendAll(s, r, ['a'.repeat(10_000), 'b'.repeat(10_000)]);
		const first = await s.poll({ room: r, since: 'all' });
		assert.equal(first.json.messages.length, 1);
		assert.equal(first.json.more, true);
		const second = await s.poll({ room: r, since: first.json.next });
		assert.equal(second.json.messages.length, 1);
		assert.equal(second.json.more, false);
	});

	it('has 100 as the default limit and takes 1 to 1000', async (t) => {
		const own = await start({ t });
		await Promise.all(range(1001).map((text) => own.sent(text)));
		for (const [limit, count] of [[undefined, 100], [1, 1], [1000, 1000]]) {
			const res = await own.poll({ since: 'all', limit });
			assert.equal(res.json.messages.length, count);
			assert.equal(res.json.more, true);
		}
	});

	for (const limit of ['0', '1001', '', '-1', '1.5', 'x', '999999999999999999999'])
		it(`refuses limit=${limit}`, async () => {
			problem(assert, await s.poll({ limit, wait: 0 }), 400, 'bad_parameter', /limit.*1,?000/);
		});
});

describe('poll: waiting', () => {
	const s = server();

	it('holds until a message comes, and gives all waiters the same bytes', async () => {
		const r = room();
		const held = Array.from({ length: 5 }, () => s.poll({ room: r, wait: 50 }));
		await s.parked(5);
		const id = await s.sent('hello', { room: r });
		const answers = await Promise.all(held);
		for (const res of answers) {
			assert.deepEqual(ids(res), [id]);
			assert.equal(res.json.next, id);
			assert.equal(res.json.more, false);
			assert.equal(res.text, answers[0].text);
		}
		await s.parked(0);
	});

	it('gives each waiter all since its own cursor', async () => {
		const r = room();
		const [a, b] = await sendAll(s, r, ['a', 'b']);
		const held = [s.poll({ room: r, wait: 50, since: b }), s.poll({ room: r, wait: 50 }), s.poll({ room: [r, room()], wait: 50 })];
		await s.parked(3);
		const [c, d] = await sendAll(s, r, ['c', 'd']);
		for (const res of await Promise.all(held)) {
			const rest = res.json.next < d ? ids(await s.poll({ room: r, since: res.json.next })) : [];
			assert.deepEqual([...ids(res), ...rest], [c, d]);
		}
		assert.deepEqual(ids(await s.poll({ room: r, since: a })), [b, c, d]);
	});

	it('wait=0 answers at once', async () => {
		const res = await s.poll({ room: room(), wait: 0 });
		assert.deepEqual(res.json.messages, []);
		assert.ok(res.took < ms(5_000));
	});

	it('gives an empty list when the wait is over, and not before', async () => {
		const r = room();
		const last = await s.sent('x', { room: room() });
		const res = await s.poll({ room: r, wait: 0.7, since: last });
		assert.deepEqual(res.json.messages, []);
		assert.equal(res.json.next, last);
		assert.equal(res.json.more, false);
		assert.ok(res.took >= 690, `${res.took}`);
		assert.ok(res.took < ms(10_000), `${res.took}`);
	});

	it('adds jitter, so that those who came together do not go together', async () => {
		const polls = await Promise.all(Array.from({ length: 40 }, () => s.poll({ room: room(), wait: 3 })));
		const took = polls.map((res) => res.took).sort((a, b) => a - b);
		assert.ok(took[0] >= 2_990, `${took[0]}`);
		assert.ok(took.at(-1) <= 3_300 + ms(3_000), `${took.at(-1)}`);
		// 40 draws out of 300 ms: a spread below 60 ms would be a wonder.
		assert.ok(took.at(-1) - took[0] > 60, `${took[0]} to ${took.at(-1)}`);
	});

	it('moves `next` on past other rooms while it waits', async () => {
		const held = s.poll({ room: room(), wait: 5 });
		await s.parked(1);
		const other = await s.sent('elsewhere', { room: room() });
		assert.equal((await held).json.next, other);
	});

	for (const wait of ['0', '0.0', '0.25', '00', '1.999', '55', '55.0', '55.0000000', '54.9', '0.0001'])
		it(`takes wait=${wait}`, async () => {
			const r = room();
			await s.sent('x', { room: r });
			assert.equal((await s.poll({ room: r, since: 'all', wait })).status, 200);
		});

	for (const wait of ['', '-1', '55.1', '55.0001', '55.0000001', '56', '1e1', 'x', '1s', '0x5', '1.2.3', '.', '99999999999999999999', ' 1', '1,5', 'NaN'])
		it(`refuses wait=${wait}`, async () => {
			problem(assert, await s.poll({ wait }), 400, 'bad_parameter', /wait.*55|55.*wait/);
		});

	it('`Prefer: wait=N` is the wait, and is acknowledged', async () => {
		const r = room();
		const res = await s.poll({ room: r }, { headers: { Prefer: 'wait=1' } });
		assert.deepEqual(res.json.messages, []);
		assert.equal(res.headers['preference-applied'], 'wait=1');
		assert.ok(res.took >= 990 && res.took < ms(15_000), `${res.took}`);
		const none = await s.poll({ room: r }, { headers: { Prefer: 'wait=0' } });
		assert.equal(none.headers['preference-applied'], 'wait=0');
	});

	it('cuts `Prefer: wait` to 55', async () => {
		const r = room();
		await s.sent('x', { room: r });
		for (const wait of ['56', '600', '4294967296', '99999999999999999999']) {
			const res = await s.poll({ room: r, since: 'all' }, { headers: { Prefer: `wait=${wait}` } });
			assert.equal(res.headers['preference-applied'], 'wait=55');
		}
	});

	it('finds `wait` among other preferences', async () => {
		const res = await s.poll({ room: room() }, { headers: { Prefer: 'respond-async, Wait=0; x=y, return=minimal' } });
		assert.equal(res.headers['preference-applied'], 'wait=0');
	});

	it('ignores preferences it does not know', async () => {
		const r = room();
		await s.sent('x', { room: r });
		for (const Prefer of ['return=minimal', 'wait', 'wait=soon', 'waiting=5', 'wait=-1']) {
			const res = await s.poll({ room: r, since: 'all' }, { headers: { Prefer } });
			assert.equal(res.status, 200, Prefer);
			assert.ok(!('preference-applied' in res.headers), Prefer);
		}
	});

	it('lets `wait` win over Prefer', async () => {
		const res = await s.poll({ room: room(), wait: 0 }, { headers: { Prefer: 'wait=50' } });
		assert.ok(res.took < ms(10_000));
		assert.notEqual(res.headers['preference-applied'], 'wait=50');
	});

	it('forgets a waiter that hung up', async () => {
		const abort = new AbortController();
		const held = s.poll({ room: room(), wait: 50 }, { signal: abort.signal });
		await s.parked(1);
		abort.abort();
		await assert.rejects(held);
		await s.parked(0);
	});

	it('keeps serving all through it: polls that drop and come again miss nothing', async () => {
		const r = room();
		let next = await s.head();
		const got = [];
		const reader = (async () => {
			while (got.length < 100) {
				const abort = new AbortController();
				const timer = setTimeout(() => abort.abort(), Math.random() * 30);
				try {
					const { json } = await s.poll({ room: r, since: next, wait: 20 }, { signal: abort.signal });
					got.push(...json.messages.map((m) => m.id));
					next = json.next;
				} catch (error) {
					assert.equal(error.name, 'AbortError');
				}
				clearTimeout(timer);
			}
		})();
		const sent = [];
		for (let i = 0; i < 100; i++)
			sent.push(await s.sent(`m${i}`, { room: r }));
		await within(ms(60_000), reader, 'the reader');
		assert.deepEqual(got, sent);
	});
});

describe('poll: what is refused', () => {
	const s = server({ flags: '--wait-max 2' });

	for (const [params, code, detail] of [
		['colour=red', 'unknown_parameter', /colour/],
		['sender=ann', 'unknown_parameter', /sender/],
		['Room=main', 'unknown_parameter', /Room/],
		['wait=0&wait=0', 'duplicate_parameter', /wait/],
		['since=1&since=2', 'duplicate_parameter', /since/],
		['limit=1&limit=1', 'duplicate_parameter', /limit/],
		['epoch=a&epoch=a', 'duplicate_parameter', /epoch/],
		['epoch=', 'bad_parameter', /epoch/],
		['wait=3', 'bad_parameter', /wait.*\b2\b/],
	])
		it(`refuses ?${params}`, async () => {
			problem(assert, await s.poll(params), 400, code, detail);
		});

	it('ignores parameters that begin with _, however often', async () => {
		assert.equal((await s.poll('wait=0&_=1700000000&_=2&_x&_y=')).status, 200);
	});

	it('decodes names and values', async () => {
		const r = room();
		await s.sent('x', { room: r });
		const res = await s.poll(`%72oom=${[...r].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('')}&since=%61ll`);
		assert.deepEqual(texts(res), ['x']);
	});

	it('refuses other methods', async () => {
		for (const method of ['POST', 'PUT', 'DELETE', 'HEAD']) {
			const res = await s.request('/poll?wait=0', { method, body: method === 'HEAD' ? undefined : 'x' });
			assert.equal(res.status, 405);
			assert.match(res.headers.allow, /\bGET\b/);
			assert.doesNotMatch(res.headers.allow, /HEAD|POST/);
			if (method !== 'HEAD')
				problem(assert, res, 405, 'method_not_allowed');
		}
		assert.equal((await s.request('/poll', { method: 'OPTIONS' })).status, 204);
	});

	it('applies a small --wait-max to Prefer and to the default', async () => {
		const res = await s.poll({ room: room(), since: 'now' }, { headers: { Prefer: 'wait=55' } });
		assert.equal(res.headers['preference-applied'], 'wait=2');
		assert.ok(res.took >= 1_990 && res.took < 2_200 + ms(10_000), `${res.took}`);
	});
});

describe('poll: reset', () => {
	const s = server();

	it('another epoch is told at once, without messages, with the head', async () => {
		const r = room();
		const [id] = await sendAll(s, r, ['x']);
		for (const since of [undefined, 'all', 0, id, -5]) {
			const res = await s.poll({ room: r, since, epoch: 'another', wait: 50 });
			assert.equal(res.json.reset, true);
			assert.deepEqual(res.json.messages, []);
			assert.equal(res.json.next, id);
			assert.equal(res.json.more, false);
			assert.notEqual(res.json.epoch, 'another');
		}
	});

	it('the right epoch changes nothing', async () => {
		const r = room();
		const [id] = await sendAll(s, r, ['x']);
		const { epoch } = (await s.poll({ room: r, wait: 0 })).json;
		const res = await s.poll({ room: r, since: id - 1, epoch });
		assert.deepEqual(Object.keys(res.json), FOUR);
		assert.deepEqual(ids(res), [id]);
		const held = s.poll({ room: r, epoch, wait: 50 });
		await s.parked(1);
		await s.sent('y', { room: r });
		assert.deepEqual(texts(await held), ['y']);
	});

	it('a cursor beyond the head is told at once', async () => {
		const head = await s.sent('x', { room: room() });
		for (const since of [head + 1, head + 1000, 2 ** 53 - 1]) {
			const res = await s.poll({ room: room(), since, wait: 50 });
			assert.equal(res.json.reset, true);
			assert.deepEqual(res.json.messages, []);
			assert.equal(res.json.next, head);
		}
		assert.ok(!('reset' in (await s.poll({ since: head, wait: 0 })).json));
	});

	it('but never for an id that another program was just given', async () => {
		const r = room();
		for (let i = 0; i < 30; i++) {
			const id = Number(await sql(s.db, `INSERT INTO messages(room, text) VALUES('${r}', 'x') RETURNING id`));
			const { json } = await s.poll({ room: r, since: id, wait: 0 });
			assert.ok(!json.reset, `since=${id} was answered with ${JSON.stringify(json)}`);
			assert.deepEqual(json.messages, []);
		}
	});
});

describe('poll: gap', () => {
	const s = server();
	/** The daemon takes a moment to see what another program has deleted. */
	const seen = (id) => until(async () => (await s.poll({ room: '*', since: id - 1, wait: 0 })).json.gap, { what: 'the deletion to be seen' });
	const remove = async (...list) => {
		await s.sql(`DELETE FROM messages WHERE id IN (${list})`);
		await seen(Math.min(...list));
	};

	it('is said when the cursor is below a deleted row, and only then', async () => {
		const r = room();
		const [a, b, c, d] = await sendAll(s, r, ['a', 'b', 'c', 'd']);
		await remove(b);
		const res = await s.poll({ room: r, since: a });
		assert.equal(res.json.gap, true);
		assert.deepEqual(ids(res), [c, d]);
		assert.deepEqual(Object.keys(res.json).sort(), [...FOUR, 'gap'].sort());
		assert.equal((await s.poll({ room: r, since: a - 1 })).json.gap, true);
		assert.ok(!('gap' in (await s.poll({ room: r, since: b })).json));
		assert.deepEqual(ids(await s.poll({ room: r, since: b })), [c, d]);
		assert.ok(!('gap' in (await s.poll({ room: r, since: c })).json));
	});

	it('is not said for `all`, nor for `now`', async () => {
		const r = room();
		const [a, b] = await sendAll(s, r, ['a', 'b', 'c']);
		await remove(a, b);
		const res = await s.poll({ room: r, since: 'all' });
		assert.deepEqual(Object.keys(res.json), FOUR);
		assert.deepEqual(texts(res), ['c']);
		assert.ok(!('gap' in (await s.poll({ room: r, since: 'now', wait: 0 })).json));
		assert.equal((await s.poll({ room: r, since: 0 })).json.gap, true);
	});

	it('is said at once when the newest row is gone', async () => {
		const r = room();
		const [a, b] = await sendAll(s, r, ['a', 'b']);
		await remove(b);
		const res = await s.poll({ room: r, since: a, wait: 50 });
		assert.equal(res.json.gap, true);
		assert.deepEqual(res.json.messages, []);
		assert.equal(res.json.next, b);
		const held = s.poll({ room: r, since: b, wait: 50 });
		assert.ok(await pending(held), 'a cursor at the deleted row has lost nothing');
		const c = await s.sent('c', { room: r });
		assert.ok(c > b);
		assert.deepEqual(ids(await held), [c]);
		assert.ok(!('gap' in (await held).json));
	});

	it('is said at once when all rows are gone, and ids go on', async () => {
		const r = room();
		const [a, , c] = await sendAll(s, r, ['a', 'b', 'c']);
		await s.sql(`DELETE FROM messages WHERE room = '${r}'`);
		await seen(a);
		for (const since of [0, a, c - 1]) {
			const res = await s.poll({ room: r, since, wait: 50 });
			assert.equal(res.json.gap, true, `since=${since}`);
			assert.deepEqual(res.json.messages, []);
			assert.equal(res.json.next, c);
		}
		assert.ok(await s.sent('d', { room: r }) > c);
	});

	it('concerns only the rooms asked for', async () => {
		const [a, b] = [room(), room()];
		const [first] = await sendAll(s, a, ['x']);
		await sendAll(s, b, ['y']);
		await remove(first);
		assert.equal((await s.poll({ room: a, since: first - 1, wait: 0 })).json.gap, true);
		assert.ok(!('gap' in (await s.poll({ room: b, since: first - 1 })).json));
		assert.equal((await s.poll({ room: [a, b], since: first - 1 })).json.gap, true);
		assert.equal((await s.poll({ room: '*', since: first - 1 })).json.gap, true);
	});

	it('-N is like any cursor', async () => {
		const r = room();
		const [, b] = await sendAll(s, r, ['a', 'b', 'c', 'd']);
		await remove(b);
		const res = await s.poll({ room: r, since: -3 });
		assert.deepEqual(texts(res), ['a', 'c', 'd']);
		assert.equal(res.json.gap, true);
		const two = await s.poll({ room: r, since: -2 });
		assert.deepEqual(texts(two), ['c', 'd']);
	});

	it('wakes a held poll whose message came and went', async () => {
		const r = room();
		const [a] = await sendAll(s, r, ['a']);
		const held = s.poll({ room: r, since: a, wait: 50 });
		await s.parked(1);
		await s.sql(`BEGIN; INSERT INTO messages(room, text) VALUES('${r}', 'brief'); DELETE FROM messages WHERE room = '${r}' AND text = 'brief'; COMMIT`);
		const res = await within(ms(30_000), held, 'the held poll');
		assert.equal(res.json.gap, true);
		assert.deepEqual(res.json.messages, []);
	});

	it('leaves a held poll alone whose rows it has seen', async () => {
		const r = room();
		const [a, b] = await sendAll(s, r, ['a', 'b']);
		const held = s.poll({ room: r, since: b, wait: 50 });
		await s.parked(1);
		await remove(a, b);
		assert.ok(await pending(held, ms(300)));
		const c = await s.sent('c', { room: r });
		assert.deepEqual(ids(await held), [c]);
		assert.ok(!('gap' in (await held).json));
	});

	it('a deleted row is delivered by nobody from then on', async () => {
		const r = room();
		for (let i = 0; i < 15; i++) {
			const [a, b, c] = await sendAll(s, r, ['a', 'b', 'c']);
			await remove(b);
			assert.deepEqual(ids(await s.poll({ room: r, since: a - 1 })), [a, c]);
			const { messages } = (await s.history({ room: r, limit: 2 })).json;
			assert.deepEqual(messages.map((m) => m.id), [a, c]);
			await remove(c);
			assert.deepEqual(ids(await s.poll({ room: '*', since: a - 1 })), [a]);
		}
	});

	it('is remembered over a restart', async (t) => {
		const own = await start({ t });
		const [a, b] = await sendAll(own, 'main', ['a', 'b', 'c']);
		await own.sql(`DELETE FROM messages WHERE id = ${b}`);
		const before = own.pid();
		own.kill('SIGKILL');
		await until(() => {
			try {
				return own.pid() !== before;
			} catch {
				return false;
			}
		}, { what: 'a new daemon' });
		const res = await until(async () => {
			const got = await own.poll({ since: a });
			return got.status === 200 && got;
		});
		assert.equal(res.json.gap, true);
		assert.deepEqual(texts(res), ['c']);
	});
});

describe('poll: older than memory', () => {
	const s = server({ flags: '--ring-bytes 4096 --readers 2' });

	it('catches up from far below the ring, in every room and in order', async () => {
		const [a, b] = [room(), room()];
		const sent = { [a]: [], [b]: [] };
		await Promise.all(range(400).map(async (text, i) => {
			const r = i % 3 ? a : b;
			sent[r].push(await s.sent(`${text} ${'x'.repeat(50)}`, { room: r }));
		}));
		for (const list of Object.values(sent))
			list.sort((x, y) => x - y);
		const both = [...sent[a], ...sent[b]].sort((x, y) => x - y);
		for (const limit of [7, 100, 1000]) {
			assert.deepEqual((await walk(s, { room: a }, limit)).messages.map((m) => m.id), sent[a]);
			assert.deepEqual((await walk(s, { room: b }, limit)).messages.map((m) => m.id), sent[b]);
			assert.deepEqual((await walk(s, { room: [a, b] }, limit)).messages.map((m) => m.id), both);
			assert.deepEqual((await walk(s, { room: '*' }, limit)).messages.map((m) => m.id), both);
		}
		for (const since of [-1, -2, -50, -250])
			assert.deepEqual(ids(await s.poll({ room: a, since, limit: 1000 })), sent[a].slice(since));
	});

	it('is held although its cursor is below memory, and woken', async () => {
		const r = room();
		const since = await s.sent('old', { room: r });
		await Promise.all(range(100).map(() => s.sent('x'.repeat(100), { room: room('noise') })));
		const held = s.poll({ room: r, since, wait: 50 });
		await s.parked(1);
		const id = await s.sent('new', { room: r });
		const res = await within(ms(30_000), held, 'the held poll');
		assert.deepEqual(ids(res), [id]);
	});

	it('misses nothing while others send', async () => {
		const r = room();
		const start = await s.head();
		let sending = true;
		const sent = [];
		const senders = Array.from({ length: 4 }, async (_, who) => {
			for (let i = 0; i < 60; i++)
				sent.push(await s.sent(`${who}/${i}`, { room: r }));
		});
		const readers = Array.from({ length: 6 }, async (_, who) => {
			const got = [];
			for (let since = start; sending || got.length < sent.length;) {
				const { json } = await s.poll({ room: who % 2 ? r : '*', since, wait: 1, limit: who < 3 ? 3 : 100 });
				assert.ok(!json.gap && !json.reset);
				got.push(...json.messages.map((m) => m.id));
				since = json.next;
			}
			return got;
		});
		await Promise.all(senders);
		sending = false;
		sent.sort((x, y) => x - y);
		for (const got of await within(ms(60_000), Promise.all(readers), 'the readers'))
			assert.deepEqual(got, sent);
	});

	it('says `more` only of more, whatever other programs write elsewhere', async (t) => {
		const own = await start({ t, flags: '--ring-bytes 1000000' });
		await own.sql(`INSERT INTO messages(room, text) VALUES('few', '1'), ('few', '2'), ('few', '3');
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
			INSERT INTO messages(room, text) SELECT 'noise', printf('%1000d', i) FROM n;`);
		await until(async () => await own.head() >= 3003, { what: 'all of that to be taken in' });
		const { run, close } = session(own.db, { t });
		let writes = true, written = 0;
		const noise = (async () => {
			for (; writes; written++)
				await run(`INSERT INTO messages(room, text) VALUES('noise', '${'x'.repeat(500)}');`);
		})();
		for (let i = 0; i < 300; i++) {
			const { messages, more } = (await own.poll({ room: 'few', since: 0, wait: 0 })).json;
			assert.deepEqual([messages.length, more], [3, false], `poll ${i}, after ${written} writes`);
		}
		writes = false;
		await noise;
		await close();
	});

	it('says gap below memory too', async () => {
		const r = room();
		const [a, b, c] = await sendAll(s, r, ['a', 'b', 'c']);
		await Promise.all(range(100).map(() => s.sent('x'.repeat(100), { room: room('noise') })));
		await s.sql(`DELETE FROM messages WHERE id = ${b}`);
		await until(async () => (await s.poll({ room: r, since: a, wait: 0 })).json.gap, { what: 'the deletion to be seen' });
		const res = await s.poll({ room: r, since: a });
		assert.deepEqual(ids(res), [c]);
		assert.equal(res.json.gap, true);
	});
});

// On the daemon's own socket, since nginx would take the whole reply off its hands.
describe('poll: slow clients', { concurrency: true }, () => {
	const s = server({ flags: '--send-timeout 3' });
	const TEXT = 'x'.repeat(900_000);

	it('closes one that makes no progress for send-timeout', async () => {
		const r = room();
		await s.sent(TEXT, { room: r });
		const { conn } = await connect(s.socket), late = await s.metric(/late_total/);
		conn.pause();
		let bytes = 0;
		conn.on('data', (part) => {
			bytes += part.length;
		});
		conn.pause();
		conn.write(encode({ path: '/poll', query: `room=${r}&since=all` }));
		await until(async () => await s.metric(/late_total/) > late, { what: 'it to be given up' });
		const closed = new Promise((resolve) => conn.once('close', resolve));
		conn.resume();
		await within(ms(20_000), closed, 'the close');
		assert.ok(bytes > 0 && bytes < TEXT.length, `${bytes}`);
	});

	it('but not one that is only slow', async () => {
		const r = room();
		await s.sent(TEXT, { room: r });
		const peer = await connect(s.socket);
		const answer = peer.ask({ path: '/poll', query: `room=${r}&since=all` });
		let reading = true;
		const crawl = (async () => {
			while (reading) {
				peer.conn.pause();
				await sleep(500);
				peer.conn.resume();
				await sleep(1);
			}
		})();
		const res = await within(ms(60_000), answer, 'the slow reply');
		reading = false;
		await crawl;
		assert.equal(res.json.messages[0].text.length, TEXT.length);
		peer.close();
	});
});

describe('poll: soon after a crowd was told', () => {
	const s = server(), CROWD = 300;

	it('who comes back with something new waits for the others, but not who has a full page', async () => {
		const r = room(), woken = () => s.metric(/polls_woken_total/);
		await sendAll(s, r, range(20));
		const before = await woken();
		const held = Array.from({ length: CROWD }, () => s.poll({ room: r, wait: 50 }));
		await s.parked(CROWD);
		const last = await s.sent('news', { room: r });
		await until(async () => await woken() === before + CROWD, { every: 1, what: 'the crowd to be told' });
		let since = 'all';
		for (let i = 0; i < 20; i++) {
			const { json } = await s.poll({ room: r, since, limit: 1, wait: 20 });
			assert.equal(json.messages[0].text, `m${i}`);
			assert.equal(json.more, true);
			since = json.next;
		}
		assert.equal(await woken(), before + CROWD);
		// On a machine so slow that the crowd is forgotten by now, it is simply answered.
		assert.deepEqual(ids(await s.poll({ room: r, since, wait: 20 })), [last]);
		for (const res of await Promise.all(held))
			assert.deepEqual(ids(res), [last]);
	});
});
