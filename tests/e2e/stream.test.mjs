// stream.test.mjs: GET /stream: its forms, where one begins and goes on, what it says of itself, how it ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { ms, newPid, problem, request, room, server, sleep, sql, start, tempDir, until, within } from './harness.mjs';
import { fewer } from './load.mjs';
import { nginx, snippets } from './nginx.mjs';
import { insertGrant, insertToken, headersOf, newSecret, quoted, sharedSite, stranger, token, UNCOUNTED } from './persons.mjs';
import { EVENTS, eventSource, stream } from './streams.mjs';

const range = (n, name = 'm') => Array.from({ length: n }, (_, i) => `${name}${i}`);
const sendAll = async (s, r, list) => {
	const got = [];
	for (const text of list)
		got.push(await s.sent(text, { room: r }));
	return got;
};
const streams = (s) => s.metric(/^longline_streams$/);
const ended = (s, why) => s.metric(new RegExp(`^longline_streams_ended_total\\{why="${why}"\\}$`));
const has = (n) => (one) => one.messages().length >= n;

describe('stream: the answer', () => {
	const s = server();

	it('is JSON lines, which begin with `open` and go on with messages as /poll has them', async (t) => {
		const r = room();
		const head = await s.head();
		const one = stream(s.url, { room: r }, { t });
		await one.opened();
		assert.equal(one.status, 200);
		assert.match(one.headers['content-type'], /^application\/x-ndjson/);
		assert.equal(one.headers['cache-control'], 'no-store');
		assert.equal(one.headers['x-content-type-options'], 'nosniff');
		assert.equal(one.headers['content-length'], undefined);
		const { epoch } = (await s.poll({ wait: 0 })).json;
		assert.deepEqual(one.words(), [{ stream: 'open', epoch, next: head }]);
		await s.send({ room: r, sender: 'ann', text: 'hi ü €' });
		await s.send({ room: r, event: 'disk', args: ['sda1', { percent: 91 }] });
		await one.until(has(2));
		assert.deepEqual(one.messages(), (await s.poll({ room: r, since: 'all' })).json.messages);
	});

	it('is Server-Sent Events for Accept: text/event-stream, among others, and for as=sse', async (t) => {
		const r = room();
		const id = await s.sent('one', { room: r });
		const { epoch } = (await s.poll({ wait: 0 })).json;
		for (const [params, headers] of [[{}, EVENTS], [{}, { Accept: 'text/html, Text/Event-Stream;q=0.5' }], [{ as: 'sse' }, {}], [{ as: 'sse' }, { Accept: 'text/plain' }]]) {
			const one = stream(s.url, { room: r, since: id - 1, ...params }, { headers, t });
			await one.until(has(1));
			assert.match(one.headers['content-type'], /^text\/event-stream/);
			const [open, message] = one.blocks();
			assert.deepEqual({ ...open, retry: 0 }, { event: 'open', id: `${id - 1}-${epoch}`, retry: 0 });
			assert.ok(open.retry >= 1000 && open.retry < 3000, open.retry);
			assert.deepEqual(Object.keys(message), ['id', 'data']);
			assert.equal(message.id, `${id}-${epoch}`);
			assert.deepEqual(JSON.parse(message.data), (await s.poll({ room: r, since: 'all' })).json.messages[0]);
		}
	});

	it('comes back after other times: `retry` is not one and the same', async (t) => {
		const all = range(20).map(() => stream(s.url, { as: 'sse' }, { t }));
		await Promise.all(all.map((one) => one.opened()));
		assert.ok(new Set(all.map((one) => one.blocks()[0].retry)).size > 10);
	});

	it('`as` beats Accept', async (t) => {
		for (const [as, type] of [['ndjson', /^application\/x-ndjson/], ['text', /^text\/plain/]]) {
			const one = stream(s.url, { as }, { headers: EVENTS, t });
			await one.opened();
			assert.match(one.headers['content-type'], type);
		}
	});

	it('is not compressed, nor kept by caches for others', async (t) => {
		const one = stream(s.url, { as: 'text' }, { headers: { 'Accept-Encoding': 'gzip' }, t });
		await one.opened();
		assert.equal(one.headers['content-encoding'], undefined);
		assert.match(one.headers.vary, /Accept/);
	});

	it('has a line for each message also where its arguments have line ends', async (t) => {
		const r = room();
		const body = '{"event":"n","args":[1,\n\r\n {"a":\n"b\\nc"}]}';
		await s.post(`/send?room=${r}`, body, { 'Content-Type': 'application/json' });
		const [lines, sse] = ['ndjson', 'sse'].map((as) => stream(s.url, { room: r, since: 'all', as }, { t }));
		for (const one of [lines, sse]) {
			await one.until(has(1));
			assert.deepEqual(one.messages()[0].args, [1, { a: 'b\nc' }]);
		}
		assert.equal(lines.text.split('\n').length, 3);
	});

	it('refuses what it does not know', async () => {
		for (const name of ['limit', 'wait'])
			problem(assert, await s.get(`/stream?${name}=1`), 400, 'unknown_parameter', new RegExp(name));
		problem(assert, await s.get('/stream?as=xml'), 400, 'bad_parameter', /sse, ndjson or text/);
		problem(assert, await s.get('/stream?since=x'), 400, 'bad_parameter', /since/);
		problem(assert, await s.get('/stream?room=a%20b'), 400, 'bad_parameter', /room/);
		problem(assert, await s.get('/stream?epoch='), 400, 'bad_parameter', /epoch/);
		problem(assert, await s.get('/stream', { 'Last-Event-ID': 'x' }), 400, 'bad_parameter', /Last-Event-ID/);
		problem(assert, await s.get('/stream?room=a&as=text&as=text'), 400, 'duplicate_parameter');
		for (const method of ['HEAD', 'POST', 'DELETE']) {
			const res = await s.request('/stream', { method });
			assert.equal(res.status, 405);
			assert.equal(res.headers.allow, 'GET, OPTIONS');
		}
		problem(assert, await s.get('/nothing/'), 404, 'not_found');
	});
});

describe('stream: where it begins', () => {
	const s = server();

	it('since: an id, now, all, -N; the id of `open` is the cursor', async (t) => {
		const r = room();
		const [a, b, c] = await sendAll(s, r, ['a', 'b', 'c']);
		for (const [since, want, next] of [[a - 1, ['a', 'b', 'c'], a - 1], [b, ['c'], b], ['now', [], c], [undefined, [], c], ['all', ['a', 'b', 'c'], 0], [-2, ['b', 'c'], a], [-99, ['a', 'b', 'c'], undefined]]) {
			const one = stream(s.url, { room: r, since }, { t });
			await one.opened();
			await one.until(has(want.length));
			assert.deepEqual(one.texts(), want, String(since));
			if (next !== undefined)
				assert.equal(one.words()[0].next, next, String(since));
			one.close();
		}
	});

	it('several rooms, in the order of ids; * for all', async (t) => {
		const [a, b, other] = [room(), room(), room()];
		const many = stream(s.url, { room: [a, b] }, { t }), all = stream(s.url, { room: '*' }, { t }), past = await s.head();
		await many.opened();
		await all.opened();
		for (const [r, text] of [[a, '1'], [b, '2'], [other, '3'], [b, '4'], [a, '5']])
			await s.sent(text, { room: r });
		await many.until(has(4));
		assert.deepEqual(many.texts(), ['1', '2', '4', '5']);
		await all.until(has(5));
		assert.deepEqual(all.texts(), ['1', '2', '3', '4', '5']);
		const back = stream(s.url, { room: [a, b], since: past }, { t });
		await back.until(has(4));
		assert.deepEqual(back.texts(), ['1', '2', '4', '5']);
	});

	it('Last-Event-ID beats since and epoch, and may be a bare id', async (t) => {
		const r = room();
		const [a, b] = await sendAll(s, r, ['a', 'b', 'c']);
		const { epoch } = (await s.poll({ wait: 0 })).json;
		for (const [id, more] of [[`${b}-${epoch}`, { since: 'all' }], [`${b}`, { since: a }], [`${b}-${epoch}`, { since: -1, epoch: 'other' }]]) {
			const one = stream(s.url, { room: r, ...more }, { headers: { ...EVENTS, 'Last-Event-ID': id }, t });
			await one.until(has(1));
			assert.deepEqual(one.texts(), ['c'], id);
		}
	});

	it('another epoch, and a cursor beyond the head: `reset`, and the end', async (t) => {
		const { epoch } = (await s.poll({ wait: 0 })).json;
		const next = await s.head();
		for (const [params, headers] of [[{ epoch: 'other', since: 0 }], [{ since: 1e9 }], [{}, { 'Last-Event-ID': '1-other' }]]) {
			const one = await within(ms(10_000), stream(s.url, params, { headers, t }).ended, 'the end');
			assert.equal(one.over, 'end');
			assert.deepEqual(one.words().at(-1), { stream: 'reset', epoch, next });
			const sse = await within(ms(10_000), stream(s.url, { ...params, as: 'sse' }, { headers, t }).ended, 'the end');
			const last = sse.blocks().at(-1);
			assert.deepEqual([last.event, last.id, JSON.parse(last.data)], ['reset', `${next}-${epoch}`, { epoch, next }]);
		}
	});

	it('is the head for one that begins, and none is missed that comes while it does', async (t) => {
		const r = room();
		const all = [], sent = [];
		for (let i = 0; i < 20; i++) {
			all.push(stream(s.url, { room: r }, { t }));
			sent.push(await s.sent(`m${i}`, { room: r }));
		}
		await Promise.all(all.map((one) => one.opened()));
		for (const one of all) {
			const want = sent.filter((id) => id > one.words()[0].next);
			await one.until(has(want.length));
			assert.deepEqual(one.ids(), want);
		}
	});
});

describe('stream: changes', () => {
	const s = server();

	it('edits and deletions come as messages', async (t) => {
		const r = room();
		const [lines, text] = ['ndjson', 'text'].map((as) => stream(s.url, { room: r, as }, { t }));
		await lines.opened();
		await text.opened();
		const id = await s.sent('first', { room: r, sender: 'ann' });
		await s.request(`/messages/${id}`, { method: 'PATCH', body: '{"text":"second"}', headers: { 'Content-Type': 'application/json' } });
		await s.request(`/messages/${id}`, { method: 'DELETE' });
		await lines.until(has(3));
		assert.deepEqual(lines.messages().map((m) => [m.event, m.changes, m.text]), [['chat message', undefined, 'first'], ['message changed', id, 'second'], ['message deleted', id, '']]);
		await text.until(() => text.text.split('\n').length > 4);
		assert.deepEqual(text.text.split('\n').slice(1, -1).map((line) => line.split('\t')[4]), ['first', `\\: message changed ${id} second`, `\\: message deleted ${id}`]);
		// What is written later has no deleted text.
		const late = stream(s.url, { room: r, since: 'all' }, { t });
		await late.until(has(1));
		assert.ok(!/first|second/.test(late.text), late.text);
	});

	it('what SQL deletes is a gap, for one that waits and for one that comes later', async (t) => {
		const r = room(), other = room();
		const [a] = await sendAll(s, r, ['a', 'b', 'c']);
		const one = stream(s.url, { room: r, as: 'sse', since: a }, { t }), elsewhere = stream(s.url, { room: other }, { t });
		await one.until(has(2));
		await elsewhere.opened();
		await s.sql(`BEGIN; INSERT INTO messages(room, text) VALUES('${r}', 'never seen'); DELETE FROM messages WHERE text = 'never seen'; COMMIT;`);
		const last = await s.sent('d', { room: r });
		await one.until(has(3));
		assert.deepEqual(one.blocks().map((block) => block.event).filter((event) => event && event !== 'open'), ['gap']);
		assert.ok(one.text.indexOf('event: gap') < one.text.indexOf('"text":"d"'), 'before what follows');
		const late = stream(s.url, { room: r, since: a }, { t }), all = stream(s.url, { room: r, since: 'all' }, { t });
		await late.until(has(3));
		assert.deepEqual(late.words().map((word) => word.stream), ['open', 'gap']);
		assert.equal(late.words()[1].next, a);
		await all.until(has(4));
		assert.deepEqual(all.words().map((word) => word.stream), ['open']);
		assert.deepEqual(elsewhere.words().map((word) => word.stream), ['open']);
		// Whoever was told goes on behind it.
		await s.sql(`DELETE FROM messages WHERE id = ${last};`);
		await sendAll(s, r, ['e']);
		await one.until(has(4));
		assert.equal(one.blocks().filter((block) => block.event === 'gap').length, 1);
	});

	it('a gap is told once, also where what follows is more than is given at once', async (t) => {
		const r = room(), first = await s.sent('first', { room: r });
		const waits = stream(s.url, { room: r, as: 'sse', since: first }, { t }), many = stream(s.url, { room: [r, room()], as: 'sse', since: first }, { t });
		await waits.opened();
		await many.opened();
		// The newest is gone at once, and what is below it takes three parts.
		await s.sql(`BEGIN; INSERT INTO messages(room, text) VALUES${Array.from({ length: 3 }, (_, i) => `('${r}', '${String(i).repeat(60_000)}')`)}, ('${r}', 'gone');
			DELETE FROM messages WHERE text = 'gone'; COMMIT;`);
		const late = stream(s.url, { room: r, as: 'sse', since: first }, { t });
		await s.sent('last', { room: r });
		for (const one of [waits, many, late]) {
			await one.until((all) => all.texts().at(-1) === 'last');
			assert.equal(one.texts().length, 4);
			assert.deepEqual(one.blocks().map(({ event }) => event).filter(Boolean), ['open', 'gap']);
		}
	});
});

describe('stream: text', () => {
	const s = server();

	it('is read by bash, without jq', async (t) => {
		const r = room();
		const script = `curl -sSN '${s.url}/stream?room=${r}&as=text&since=all' | while IFS=$'\\t' read -r id at room sender text; do
			case $id in '#'*) echo "word: \${id%-*}"; continue ;; esac
			printf '%s|%s|%s|%b\\n' "$id" "$room" "$sender" "$text"
		done`;
		const bash = spawn('bash', ['-c', script], { detached: true });
		let out = '';
		bash.stdout.setEncoding('utf8').on('data', (part) => {
			out += part;
		});
		t.after(() => process.kill(-bash.pid, 'SIGKILL'));
		const a = await s.sent({ room: r, text: 'tab\there, \\n is no line end, \u001b[31mred\u009b32m' });
		const b = await s.sent({ room: r, sender: '-', text: 'two\nlines' });
		await until(() => out.includes('lines'), { what: `bash to have read; it said ${JSON.stringify(out)}` });
		assert.equal(out, `word: # open 0\n${a}|${r}|-|tab\there, \\n is no line end, \u001b[31mred\u009b32m\n${b}|${r}|\\x2d|two\nlines\n`);
	});

	it('has no control character of a stranger', async (t) => {
		const r = room();
		const every = Array.from({ length: 0xa0 }, (_, i) => String.fromCharCode(i)).join('');
		await s.sent({ room: r, text: every });
		const one = stream(s.url, { room: r, as: 'text', since: 'all' }, { t });
		await one.until(() => one.text.split('\n').length > 2);
		const line = one.text.split('\n')[1];
		assert.equal(line.split('\t').length, 5);
		assert.doesNotMatch(line.replaceAll('\t', ''), /[\u0000-\u001f\u007f-\u009f]/);
		assert.match(line, /^\d+\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[^\t]+\t-\t\\x00\\x01/);
	});
});

describe('stream: signs of life', { concurrency: true }, () => {
	const s = server();

	it('each 25 s there is a sign of life with the head for its id, in each form', async (t) => {
		const all = ['sse', 'ndjson', 'text'].map((as) => stream(s.url, { room: room(), as }, { t }));
		const many = stream(s.url, { room: [room(), room()] }, { t });
		await Promise.all([...all, many].map((one) => one.opened()));
		const id = await s.sent('elsewhere', { room: room() });
		const { epoch } = (await s.poll({ wait: 0 })).json;
		const want = [`:\nid: ${id}-${epoch}\n\n`, `{"stream":"alive","epoch":"${epoch}","next":${id}}\n`, `# alive ${id}-${epoch}\n`];
		await until(() => all.every((one, i) => one.text.endsWith(want[i])) && many.text.endsWith(want[1]), { timeout: ms(27_000), what: 'signs of life' });
		// They go on to be told.
		await s.sent('x', { room: new URL(`http://x${all[1].res.req.path}`).searchParams.get('room') });
		await all[1].until(has(1));
	});
});

describe('stream: what memory does not hold', () => {
	const N = fewer(3_000, 500);
	const s = server({ flags: '--ring-bytes 20000 --limit reading=off' });

	it('is read in pages, and what comes meanwhile follows', async (t) => {
		const r = room(), other = room();
		await s.sql(`INSERT INTO messages(room, sender, text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${N})
			SELECT CASE i % 3 WHEN 0 THEN '${other}' ELSE '${r}' END, 'ann', 'm' || i || ' ' || hex(zeroblob(50)) FROM n;`);
		const want = (await s.rows(`SELECT id FROM messages WHERE room = '${r}'`)).map((row) => row.id);
		await until(async () => await s.head() >= want.at(-1));
		const all = ['ndjson', 'sse'].map((as) => stream(s.url, { room: r, as, since: 'all' }, { t }));
		const both = stream(s.url, { room: '*', since: 0 }, { t });
		for (let i = 0; i < 20; i++)
			want.push(await s.sent(`live ${i}`, { room: r }));
		for (const one of all) {
			await one.until(has(want.length));
			assert.deepEqual(one.ids(), want);
		}
		await both.until(has(N + 20));
		assert.deepEqual(both.ids(), (await s.rows('SELECT id FROM messages ORDER BY id')).map((row) => row.id));
		const newest = stream(s.url, { room: r, since: -500 }, { t });
		await newest.until(has(500));
		assert.deepEqual(newest.ids(), want.slice(-500));
	});

	it('a gap is told once to who is many pages behind', async (t) => {
		const r = room(), n = 1_500;
		await s.sql(`INSERT INTO messages(room, text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n}) SELECT '${r}', i || hex(zeroblob(100)) FROM n;`);
		const all = (await s.rows(`SELECT id FROM messages WHERE room = '${r}'`)).map((row) => row.id);
		await until(async () => await s.head() >= all.at(-1));
		await s.sql(`DELETE FROM messages WHERE room = '${r}' AND id % 3 = 0 OR id = ${all.at(-1)};`);
		const want = [...all.filter((id) => id % 3 && id !== all.at(-1)), await s.sent('last', { room: r })];
		for (const rooms of [[r], [r, room()], ['*']]) {
			const one = stream(s.url, { room: rooms, since: all[0] - 1 }, { t });
			await one.until(() => one.ids().at(-1) === want.at(-1));
			assert.deepEqual(one.ids(), want);
			assert.deepEqual(one.words().map((word) => word.stream), ['open', 'gap']);
		}
	});

	it('a message larger than a part comes whole', async (t) => {
		const r = room();
		const text = 'x'.repeat(300_000);
		await s.sent(text, { room: r });
		const one = stream(s.url, { room: r, since: 'all' }, { t });
		await one.until(has(1));
		await s.sent(text, { room: r });
		await one.until(has(2));
		assert.deepEqual(one.texts(), [text, text]);
	});
});

describe('stream: reading', () => {
	const large = `INSERT INTO messages(room, text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)
		SELECT 'r', i || replace(hex(zeroblob(300000)), '0', 'ü') FROM n;`;

	for (const [what, rate] of [['and waits for that', '1:1'], ['and goes on', '500:1']]) {
		it(`is paid by who has it read, ${what}`, async (t) => {
			// So many ms a second, and each of these takes some.
			const s = await start({ t, flags: `--ring-bytes 1000 --limit reading=${rate}` });
			await s.sql(large);
			await until(async () => await s.head() === 5);
			const one = stream(s.url, { room: 'r', since: 0 }, { t });
			await one.until(has(1));
			assert.ok(await s.metric(/^longline_limited_total\{limit="reading"\}$/) > 0);
			if (rate === '1:1') {
				await sleep(ms(1500));
				assert.ok(one.ids().length < 5);
				return;
			}
			await one.until(has(5));
			assert.deepEqual(one.ids(), [1, 2, 3, 4, 5]);
		});
	}
});

/** A reader that stands still until it is told to read on: a stream by a socket of its own. */
async function standing(t, s, target) {
	const conn = net.connect(s.port, '127.0.0.1');
	t.after(() => conn.destroy());
	const self = { conn, text: '' };
	conn.on('data', (part) => {
		self.text += part;
	});
	conn.on('error', () => {});
	self.closed = new Promise((resolve) => conn.once('close', resolve));
	conn.write(`GET ${target} HTTP/1.0\r\nHost: localhost\r\n\r\n`);
	await until(() => /"stream":"open"/.test(self.text), { what: 'the stream to be open' });
	conn.pause();
	return self;
}

const ids = (text) => text.split('\n').slice(0, -1).filter((line) => line.startsWith('{"id"')).map((line) => JSON.parse(line).id);

describe('stream: a slow reader', () => {
	it('costs the others nothing, misses nothing, and repeats nothing', async (t) => {
		const s = await start({ t, flags: '--ring-bytes 1000000 --limit bytes=off --limit messages=off --limit requests=off --limit reading=off' });
		const r = room();
		const slow = await standing(t, s, `/stream?room=${r}`);
		const quick = stream(s.url, { room: r }, { t });
		await quick.opened();
		const want = [], text = 'y'.repeat(50_000);
		// Far more than sockets take, and than memory holds.
		for (let i = 0; i < 200; i++)
			want.push(await s.sent(`${i} ${text}`, { room: r }));
		await quick.until(has(200));
		assert.equal(await streams(s), 2);
		slow.conn.resume();
		await until(() => ids(slow.text.slice(-200_000)).at(-1) === want.at(-1), { timeout: ms(60_000), what: 'the slow one to have all' });
		assert.deepEqual(ids(slow.text), want);
		assert.deepEqual(quick.ids(), want);
	});

	it('that stands still while the log is restored is told so, and of nothing in that log', async (t) => {
		const s = await start({ t, flags: '--ring-bytes 1000000 --limit bytes=off --limit messages=off --limit requests=off --limit reading=off' });
		const r = room(), text = 'y'.repeat(50_000);
		const slow = await standing(t, s, `/stream?room=${r}`);
		for (let i = 0; i < 100; i++)
			await s.sent(`${i} ${text}`, { room: r });
		const { epoch: before } = (await s.poll({ wait: 0 })).json, copy = path.join(tempDir(), 'copy.db');
		await sql(s.db, `VACUUM INTO '${copy}'`);
		fs.copyFileSync(copy, `${copy}.there`);
		fs.chmodSync(`${copy}.there`, 0o666);
		fs.renameSync(`${copy}.there`, s.db);
		const other = async () => {
			const { epoch } = (await s.poll({ wait: 0 })).json ?? {};
			return epoch !== before && epoch;
		};
		const epoch = await until(other, { timeout: ms(20_000), what: 'the other log' });
		const after = await s.sent('of the other log', { room: r });
		slow.conn.resume();
		await until(() => /"stream":"reset".*\n$/.test(slow.text.slice(-1000)), { timeout: ms(60_000), what: 'the reset' });
		assert.ok(slow.text.slice(-1000).includes(epoch));
		assert.ok(!ids(slow.text).includes(after));
	});

	it('that takes nothing for --send-timeout is ended, and counted as slow', async (t) => {
		const s = await start({ t, flags: '--send-timeout 1 --limit bytes=off --limit messages=off --limit requests=off' });
		const r = room();
		const slow = await standing(t, s, `/stream?room=${r}`);
		for (let i = 0; i < 100; i++)
			await s.sent('z'.repeat(100_000), { room: r });
		await until(async () => await ended(s, 'slow') === 1, { timeout: ms(30_000), what: 'it to be ended' });
		slow.conn.resume();
		await within(ms(20_000), slow.closed, 'its end');
		assert.equal(await streams(s), 0);
	});
});

describe('stream: who may', () => {
	const s = sharedSite();
	const begin = (who, params, t) => stream(s.url, params, { headers: { ...UNCOUNTED, ...headersOf(who) }, t });

	for (const [what, params] of [['a room', { room: 'r' }], ['*', { room: '*' }], ['many rooms', { room: ['a', 'b', 'r'] }]]) {
		it(`of ${what}: a token that is revoked ends its stream, and no other`, async (t) => {
			const ci = await token(s, `ci-${what}`), other = await token(s, `other-${what}`);
			const [mine, sse, theirs] = [begin(ci, params, t), begin(ci, { ...params, as: 'sse' }, t), begin(other, params, t)];
			await Promise.all([mine, sse, theirs].map((one) => one.opened()));
			const last = Number(await s.sql(`BEGIN IMMEDIATE; DELETE FROM tokens WHERE name = ${quoted(ci.name)}; INSERT INTO messages(room, text) VALUES('r', 'after') RETURNING id; COMMIT;`));
			await within(ms(5_000), Promise.all([mine.ended, sse.ended]), 'the ends');
			assert.deepEqual(mine.words().at(-1), { stream: 'end', why: 'this token was revoked, or has expired' });
			assert.match(sse.blocks().at(-1).comment, /revoked/);
			assert.deepEqual([...mine.texts(), ...sse.texts()], []);
			await theirs.until(has(1));
			assert.deepEqual(theirs.ids(), [last]);
			assert.equal((await s.as(ci).get('/stream')).status, 401);
		});
	}

	it('one that expires ends by itself', async (t) => {
		const secret = newSecret();
		await s.sql(insertToken({ name: 'short', secret, expires: Date.now() + ms(1500) }));
		const one = begin({ kind: 'token', secret }, { room: 'r' }, t);
		await one.opened();
		await within(ms(10_000), one.ended, 'the end');
		assert.equal(one.words().at(-1).stream, 'end');
	});

	it('a room that may not be read any more ends it; of * the others go on, and hidden ones leave no trace', async (t) => {
		await s.sql(`UPDATE meta SET value = 'closed' WHERE name = 'access'; ${insertGrant({ who: 'anyone', rooms: 'open*', may: 'rw' })}${insertGrant({ who: 'token:sees', rooms: '*', may: 'rw' })}`);
		const sees = await token(s, 'sees');
		await until(async () => (await s.as(stranger).get('/poll?room=hidden&wait=0')).status === 403, { what: 'the log to be closed' });
		assert.equal((await s.as(stranger).get('/stream?room=hidden')).status, 403);
		const [named, all, full] = [begin(stranger, { room: 'open1' }, t), begin(stranger, { room: '*' }, t), begin(sees, { room: '*' }, t)];
		await Promise.all([named, all, full].map((one) => one.opened()));
		const hidden = await s.as(sees).sent('hidden', { room: 'hidden' });
		await s.sql(`DELETE FROM messages WHERE id = ${hidden};`);
		await s.as(sees).sent('one', { room: 'open1' });
		await all.until(has(1));
		await full.until((one) => one.texts().includes('one'));
		assert.deepEqual(all.words().map((word) => word.stream), ['open']);
		const back = begin(stranger, { room: '*', since: hidden - 1 }, t);
		await back.until(has(1));
		assert.deepEqual([back.texts(), back.words().map((word) => word.stream)], [['one'], ['open']]);
		// It is taken away.
		await s.sql(`DELETE FROM grants WHERE who = 'anyone'; ${insertGrant({ who: 'anyone', rooms: 'other', may: 'r' })}`);
		await within(ms(5_000), named.ended, 'the end');
		assert.match(named.words().at(-1).why, /room/);
		await s.as(sees).sent('unseen', { room: 'open1' });
		await s.as(sees).sent('seen', { room: 'other' });
		await all.until(has(2));
		assert.deepEqual(all.texts(), ['one', 'seen']);
		await s.sql("DELETE FROM grants; UPDATE meta SET value = 'open' WHERE name = 'access';");
	});
});

describe('stream: limits', () => {
	it('each counts as one that is held, until it ends, and as one request', async (t) => {
		const s = await start({ t, flags: '--limit held=3 --limit requests=1/min:100' });
		const all = range(3).map(() => stream(s.url, {}, { t }));
		await Promise.all(all.map((one) => one.opened()));
		const res = await within(ms(20_000), s.get('/stream', EVENTS), 'a refusal');
		problem(assert, res, 429, 'rate_limited', /held/);
		assert.equal(await streams(s), 3);
		all[0].close();
		await until(async () => await streams(s) === 2, { what: 'one to be gone' });
		const one = stream(s.url, {}, { t });
		await one.opened();
		assert.equal(await ended(s, 'hung_up'), 1);
		assert.equal(await s.metric(/^longline_streams_opened_total$/), 4);
	});
});

describe('stream: many', () => {
	it('1,000 share what they are given', async (t) => {
		const N = fewer(1_000, 300);
		const s = await start({ t, flags: '--limit held=off --limit requests=off' });
		const r = room();
		const all = range(N).map((_, i) => stream(s.url, { room: r, as: i % 2 ? 'sse' : 'ndjson' }, { t }));
		await until(async () => await streams(s) === N, { timeout: ms(60_000), what: 'all to be there' });
		const ids = [await s.sent('one', { room: r })];
		await Promise.all(all.map((one) => one.until(has(1))));
		ids.push(await s.sent('two', { room: r }));
		await Promise.all(all.map((one) => one.until(has(2))));
		for (const one of all)
			assert.deepEqual(one.ids(), ids);
		assert.equal(await s.metric(/^longline_stream_parts_total$/), 2 * N);
		assert.equal(await s.metric(/^longline_stream_parts_made_total$/), 4);
		// More than one part has: what follows is shared, too.
		await s.sql(`INSERT INTO messages(room, text) VALUES ('${r}', '${'x'.repeat(60_000)}'), ('${r}', '${'y'.repeat(60_000)}')`);
		await Promise.all(all.map((one) => one.until(has(4))));
		const made = await s.metric(/^longline_stream_parts_made_total$/);
		assert.ok(made <= 4 + N / 10, `${made} parts were made for ${N} streams`);
	});
});

describe('stream: when the daemon or the log goes', () => {
	it('a reader that comes back misses nothing and has nothing twice, over restarts and kills', async (t) => {
		const s = await start({ t });
		const [r, other] = [room(), room()];
		const readers = [eventSource(s.url, { room: r }), eventSource(s.url, { room: [r, other] }), eventSource(s.url, { room: '*' })];
		t.after(() => Promise.all(readers.map((one) => one.stop())));
		await until(async () => await streams(s) === 3);
		const want = [];
		for (let i = 0; i < fewer(12, 4); i++) {
			const pid = s.pid();
			for (let n = 0; n < 5; n++)
				want.push(await until(async () => (await s.send(`${i}.${n}`, { room: r })).json?.id, { what: 'a send' }));
			s.kill(i % 3 === 2 ? 'SIGTERM' : 'SIGKILL');
			await newPid(s, pid);
		}
		want.push(await until(async () => (await s.send('last', { room: r })).json?.id, { what: 'a send' }));
		for (const one of readers) {
			await until(() => one.messages.at(-1)?.id === want.at(-1) || one.wrong.length, { timeout: ms(60_000), what: 'a reader to have the last' });
			assert.deepEqual(one.wrong, []);
			assert.deepEqual(one.words, []);
			assert.deepEqual(one.messages.map((m) => m.id).filter((id) => want.includes(id)), want);
			assert.equal(new Set(one.messages.map((m) => m.id)).size, one.messages.length);
			assert.ok(one.connections > 1);
		}
	});

	it('a stop ends streams, and says when to come back', async (t) => {
		const s = await start({ t });
		const [sse, lines] = ['sse', 'ndjson'].map((as) => stream(s.url, { as }, { t }));
		await sse.opened();
		await lines.opened();
		s.kill('SIGTERM');
		await within(ms(10_000), Promise.all([sse.ended, lines.ended]), 'the ends');
		assert.deepEqual([sse.over, lines.over], ['end', 'end']);
		assert.match(sse.blocks().at(-1).retry, /^\d+$/);
		assert.equal(sse.blocks().at(-1).comment, 'longlined stops');
		assert.deepEqual(lines.words().at(-1), { stream: 'end', why: 'longlined stops' });
	});

	it('a restore is told as `reset`, and the end', async (t) => {
		const s = await start({ t });
		await sendAll(s, 'main', ['a', 'b']);
		const copy = path.join(tempDir(), 'copy.db');
		await sql(s.db, `VACUUM INTO '${copy}'`);
		await s.sent('lost');
		const all = [stream(s.url, {}, { t }), stream(s.url, { room: ['main', 'b'] }, { t }), stream(s.url, { room: '*', as: 'sse' }, { t })];
		await Promise.all(all.map((one) => one.opened()));
		fs.copyFileSync(copy, `${copy}.there`);
		fs.chmodSync(`${copy}.there`, 0o666);
		fs.renameSync(`${copy}.there`, s.db);
		await within(ms(20_000), Promise.all(all.map((one) => one.ended)), 'the ends');
		const { epoch, next } = (await until(async () => (await s.poll({ wait: 0 })).json)) ?? {};
		for (const one of all.slice(0, 2))
			assert.deepEqual(one.words().at(-1), { stream: 'reset', epoch, next });
		assert.equal(all[2].blocks().at(-1).event, 'reset');
		assert.equal(all[2].blocks().at(-1).id, `${next}-${epoch}`);
	});
});

describe('stream: errors, for an EventSource', () => {
	const come = (res) => {
		assert.equal(res.status, 200, res.text);
		assert.match(res.headers['content-type'], /^text\/event-stream/);
		assert.match(res.text, /^retry: [1-5]\d{3}\n/);
		assert.ok(res.text.endsWith('\n\n'));
	};

	it('without a daemon it is told to come back; others get 502', async (t) => {
		const front = await nginx({ ...snippets({ socket: path.join(tempDir(), 'none') }), t });
		const all = [];
		for (let i = 0; i < 20; i++)
			all.push(await front.get('/stream', EVENTS));
		all.forEach(come);
		assert.ok(new Set(all.map((res) => res.text)).size > 10, 'not all at once');
		problem(assert, await front.get('/stream'), 502, 'bad_gateway');
		problem(assert, await front.get('/stream?as=sse', { Accept: '*/*' }), 502, 'bad_gateway');
		problem(assert, await front.get('/poll', EVENTS), 502, 'bad_gateway');
	});

	it('a daemon that does not answer: likewise 504', async (t) => {
		const socket = path.join(tempDir(), 'deaf');
		const deaf = net.createServer((conn) => conn.on('error', () => {})).listen(socket);
		t.after(() => deaf.close());
		fs.chmodSync(socket, 0o777);
		const made = snippets({ socket });
		const front = await nginx({ ...made, server: made.server.replace('fastcgi_read_timeout 75s', 'fastcgi_read_timeout 1s').replace('fastcgi_next_upstream error timeout', 'fastcgi_next_upstream off'), t });
		come(await front.get('/stream', EVENTS));
		problem(assert, await front.get('/stream'), 504, 'gateway_timeout');
	});

	it("the daemon's own 503 too, 4xx as they are", async (t) => {
		const s = await start({ t });
		await s.sent('x');
		// Nothing can be read, so it cannot be known whether this cursor is good.
		const good = fs.readFileSync(s.db);
		fs.writeFileSync(`${s.db}.rubbish`, 'rubbish'.repeat(1000), { mode: 0o666 });
		fs.renameSync(`${s.db}.rubbish`, s.db);
		const other = await until(async () => {
			const res = await request(`${s.url}/stream?since=100`, { timeout: 2000 }).catch(() => undefined);
			return res?.status === 503 && res;
		}, { what: '503' });
		problem(assert, other, 503, other.json.code);
		const res = await s.get('/stream?since=100', EVENTS);
		come(res);
		assert.match(res.text, /\n: [a-z_]+\n\n$/);
		problem(assert, await s.get('/stream?since=x', EVENTS), 400, 'bad_parameter');
		fs.writeFileSync(`${s.db}.good`, good, { mode: 0o666 });
		fs.renameSync(`${s.db}.good`, s.db);
	});
});
