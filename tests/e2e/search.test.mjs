// search.test.mjs: GET /history?q=: what is found, in which order, and how it is shown.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { longline, ms, problem, room, run, server, session, start, until, within } from './harness.mjs';

const ids = (res) => {
	assert.equal(res.status, 200, res.text);
	return res.json.messages.map((m) => m.id);
};
const texts = (res) => {
	assert.equal(res.status, 200, res.text);
	return res.json.messages.map((m) => m.text ?? m.args);
};

describe('search: words', () => {
	const s = server();
	const r = room();
	const find = (q, params = {}) => s.history({ room: r, q, ...params });
	const LINES = [
		'The quick brown fox', 'jumps over the lazy dog', 'A brown dog, quick!', 'quickly browned toast', 'brown quick', 'Über Größe und Café',
		'disk /dev/sda1 is 91% full', 'error42 at host-7.example', 'do not AND or OR near this', 'naïve 東京 text',
	];
	let id;

	it('finds messages in which all words occur, newest first', async () => {
		id = [];
		for (const text of LINES)
			id.push(await s.sent(text, { room: r }));
		await s.sent('The quick brown fox', { room: room('other') });
		const res = await find('quick');
		assert.deepEqual(ids(res), [id[4], id[2], id[0]]);
		assert.deepEqual([res.json.older, res.json.newer], [null, null]);
		assert.deepEqual(ids(await find('quick brown')), [id[4], id[2], id[0]]);
		assert.deepEqual(ids(await find('brown quick dog')), [id[2]]);
		assert.deepEqual(ids(await find('  dog  ')), [id[2], id[1]]);
		assert.deepEqual(ids(await find('quick toast')), []);
		assert.deepEqual(ids(await find('quic')), []);
	});

	it('does not mind case, nor accents', async () => {
		assert.deepEqual(ids(await find('QUICK Fox')), [id[0]]);
		assert.deepEqual(ids(await find('über GRÖSSE')).length <= 1, true);
		assert.deepEqual(ids(await find('über')), [id[5]]);
		assert.deepEqual(ids(await find('cafe')), [id[5]]);
	});

	it('finds a "phrase" where its words stand side by side', async () => {
		assert.deepEqual(ids(await find('"quick brown"')), [id[0]]);
		assert.deepEqual(ids(await find('"brown quick"')), [id[4]]);
		assert.deepEqual(ids(await find('"brown dog" quick')), [id[2]]);
		assert.deepEqual(ids(await find('"the lazy dog"')), [id[1]]);
		assert.deepEqual(ids(await find('"lazy the dog"')), []);
	});

	it('finds words that begin with prefix*', async () => {
		assert.deepEqual(ids(await find('quick*')), [id[4], id[3], id[2], id[0]]);
		assert.deepEqual(ids(await find('bro* to*')), [id[3]]);
		assert.deepEqual(ids(await find('zzz*')), []);
	});

	it('leaves out messages with a -word', async () => {
		assert.deepEqual(ids(await find('quick -dog')), [id[4], id[0]]);
		assert.deepEqual(ids(await find('-dog quick -fox')), [id[4]]);
		assert.deepEqual(ids(await find('quick* -quick')), [id[3]]);
		assert.deepEqual(ids(await find('dog -nothing')), [id[2], id[1]]);
	});

	it('refuses a search of nothing but -not', async () => {
		for (const q of ['-dog', '-dog -fox'])
			problem(assert, await find(q), 400, 'bad_search');
	});

	it('finds either of two words with OR between them, which binds tighter than a blank', async () => {
		assert.deepEqual(ids(await find('fox OR dog')), [id[2], id[1], id[0]]);
		assert.deepEqual(ids(await find('quick fox OR dog')), [id[2], id[0]]);
		assert.deepEqual(ids(await find('fox OR dog quick')), [id[2], id[0]]);
		assert.deepEqual(ids(await find('lazy OR "brown fox" OR toa* -the')), [id[3]]);
		assert.deepEqual(ids(await find('... OR lazy')), [id[1]]);
		assert.deepEqual(ids(await find('fox or dog')), []);
		assert.deepEqual(ids(await find('"OR" near')), [id[8]]);
		assert.deepEqual(ids(await find('OR near')), [id[8]]);
	});

	it('refuses a -word beside OR', async () => {
		for (const q of ['-fox OR dog', 'fox OR -dog', 'lazy fox OR dog OR -quick'])
			problem(assert, await find(q), 400, 'bad_search', /-.* beside OR/);
		assert.deepEqual(ids(await find('fox OR dog -lazy')), [id[2], id[0]]);
	});

	it('knows no operators but these: all else is words', async () => {
		assert.deepEqual(ids(await find('disk:/dev')), [id[6]], 'side by side');
		assert.deepEqual(ids(await find('dev:disk')), []);
		assert.deepEqual(ids(await find('not AND or')), [id[8]]);
		assert.deepEqual(ids(await find('NEAR')), [id[8]]);
		assert.deepEqual(ids(await find('error42')), [id[7]]);
		assert.deepEqual(ids(await find('host-7.example')), [id[7]]);
		assert.deepEqual(ids(await find('/dev/sda1')), [id[6]]);
		assert.deepEqual(ids(await find('91%')), [id[6]]);
		assert.deepEqual(ids(await find('body:fox')), []);
		assert.deepEqual(ids(await find('東京')), [id[9]]);
	});

	it('never breaks, whatever is asked', async () => {
		for (const q of ['"', '""', '"quick', 'quick"', '"""', '*', '**', 'a**', '-', '--', '- dog', '-"', '-*', '()', '(quick', 'quick)', 'NEAR(a b)', 'a AND', 'NOT',
			'^quick', '{room}:x', 'room:x', '+', 'a+b', "'", "x' OR 1=1 --", ';', '\\', '%', '\u0000', 'a\u0000b', '\u0001\u0002', '😀', '?', ',', '"a" "b', 'x'.repeat(900), 'a '.repeat(200)]) {
			const res = await find(q);
			assert.ok(res.status === 200 || res.status === 400, `${JSON.stringify(q)}: ${res.status} ${res.text}`);
			if (res.status === 400)
				problem(assert, res, 400, res.json.code);
		}
		assert.deepEqual(ids(await find('fox')), [id[0]]);
	});

	it('refuses more than 64 words, those of phrases counted', async () => {
		const words = (n) => Array.from({ length: n }, (_, i) => `word${i}`).join(' ');
		assert.deepEqual(ids(await find(words(64))), []);
		assert.deepEqual(ids(await find(`"${words(32)}" ${words(31)} -x`)), []);
		for (const q of [words(65), `"${words(65)}"`, `${words(64)} -x`, words(33).replaceAll(' ', '.') + ` "${words(32)}"`])
			problem(assert, await find(q), 400, 'bad_search', /'q' has 65 words.*at most 64/);
	});

	it('refuses more than 8 beginnings, and those of one letter', async () => {
		const beginnings = (n) => Array.from({ length: n }, (_, i) => `be${i}*`).join(' ');
		assert.deepEqual(ids(await find(beginnings(8))), []);
		for (const q of [beginnings(9), `fox ${beginnings(8)} -"the x0"*`])
			problem(assert, await find(q), 400, 'bad_search', /'q' has 9 words with a \*.*at most 8/);
		for (const q of ['q*', 'quick -f*', '"the q"*', 'é*'])
			problem(assert, await find(q), 400, 'bad_search', /'[qfé]\*'.*at least 2 letters/);
		assert.deepEqual(ids(await find('東*')), [id[9]]);
	});

	it('refuses an empty search, and one that is not UTF-8', async () => {
		problem(assert, await find(''), 400, 'bad_parameter', /\bq\b/);
		assert.equal((await s.history(`room=${r}&q=%ff`)).status, 400);
		problem(assert, await s.history('q=a&q=b'), 400, 'duplicate_parameter', /\bq\b/);
	});
});

describe('search: snippets', () => {
	const s = server();
	const snippet = async (q, r) => {
		const res = await s.history({ room: r, q });
		assert.equal(res.status, 200, res.text);
		assert.equal(res.json.messages.length, 1);
		const { snippet: parts } = res.json.messages[0];
		assert.ok(Array.isArray(parts) && parts.every((part) => typeof part === 'string'), JSON.stringify(parts));
		assert.equal(parts.length % 2, 1, 'text, hit, text, …, text');
		return parts;
	};
	const hits = (parts) => parts.filter((_, i) => i % 2 === 1);

	it('are arrays with the hits at odd positions', async () => {
		const r = room();
		await s.sent('a quick brown fox, and Quick again', { room: r });
		const parts = await snippet('quick', r);
		assert.deepEqual(parts, ['a ', 'quick', ' brown fox, and ', 'Quick', ' again']);
		assert.deepEqual(hits(await snippet('a fox', r)), ['a', 'fox']);
		assert.deepEqual(hits(await snippet('an* ag* fox', r)), ['fox', 'and', 'again']);
	});

	it('begin with an empty string when the hit stands first', async () => {
		const r = room();
		await s.sent('fox first', { room: r });
		assert.deepEqual(await snippet('fox', r), ['', 'fox', ' first']);
		assert.deepEqual(await snippet('first', r), ['fox ', 'first', '']);
	});

	it('mark a phrase and leave out what is not asked for', async () => {
		const r = room();
		await s.sent('brown fox and quick brown fox', { room: r });
		const parts = await snippet('"quick brown"', r);
		assert.equal(parts.join(''), 'brown fox and quick brown fox');
		assert.equal(hits(parts).join(' '), 'quick brown');
		assert.deepEqual(hits(await snippet('fox -cat', r)), ['fox', 'fox']);
	});

	it('are cut out of long texts around a hit', async () => {
		const r = room();
		await s.sent(`${'lorem '.repeat(500)}needle ${'ipsum '.repeat(500)}`, { room: r });
		const parts = await snippet('needle', r);
		assert.deepEqual(hits(parts), ['needle']);
		assert.ok(parts.join('').length < 1_500, `${parts.join('').length}`);
		const { messages } = (await s.history({ room: r, q: 'needle' })).json;
		assert.ok(messages[0].text.length > 5_000, 'the message itself is whole');
	});

	it('of a message full of hits cost no more than the others', async () => {
		const r = room();
		await s.sent('xx '.repeat(330_000), { room: r });
		for (const q of ['xx', '"xx xx xx xx xx xx xx xx xx xx"', 'xx*', 'xx -y']) {
			const res = await s.history({ room: r, q });
			if (res.status !== 200)
				problem(assert, res, 503, 'search_timeout');
			assert.ok(res.took < ms(15_000), `${q}: ${res.took}`);
		}
	});

	it('are plain text: nothing in a message can pass for a hit', async () => {
		const r = room();
		const text = '<b>bold</b> \u0001x\u0002 "quoted" \\ needle\u0001';
		await s.sent(text, { room: r });
		assert.deepEqual(hits(await snippet('needle', r)), ['needle']);
		const { messages } = (await s.history({ room: r, q: 'needle' })).json;
		assert.equal(messages[0].text, text);
	});

	it('come with the whole message', async () => {
		const r = room();
		const { json } = await s.send({ room: r, sender: 'ann', event: 'e', text: 'fox' });
		const { messages } = (await s.history({ room: r, q: 'fox' })).json;
		assert.deepEqual(messages, [{ id: json.id, room: r, event: 'e', sender: 'ann', text: 'fox', at: json.at, snippet: ['', 'fox', ''] }]);
	});
});

describe('search: what it looks into', () => {
	const s = server();

	it('the strings in args, however deep', async () => {
		const r = room();
		const a = await s.sent({ room: r, args: ['first needle', { place: [1, ['deep needle']] }, true] });
		const b = await s.sent({ room: r, args: [12345, null, 'haystack'] });
		assert.deepEqual(ids(await s.history({ room: r, q: 'needle' })), [a]);
		assert.deepEqual(ids(await s.history({ room: r, q: 'deep' })), [a]);
		assert.deepEqual(ids(await s.history({ room: r, q: 'haystack' })), [b]);
		assert.deepEqual(ids(await s.history({ room: r, q: '12345' })), []);
		assert.deepEqual(ids(await s.history({ room: r, q: 'true' })), []);
		const escaped = await s.sent({ room: r, args: ['x', 'gr\u00fc\u00dfe "quoted" tab\tword'] });
		for (const q of ['grüße', 'quoted', 'word'])
			assert.deepEqual(ids(await s.history({ room: r, q })), [escaped]);
	});

	it('not the sender or the room', async () => {
		const r = room();
		await s.sent({ room: r, sender: 'walrus', event: 'heron', text: 'otter' });
		for (const q of ['walrus', r])
			assert.deepEqual(ids(await s.history({ room: r, q })), []);
	});

	it('the event, but for that of nearly all messages', async () => {
		const r = room();
		const chat = await s.sent({ room: r, text: 'hare' }), other = await s.sent({ room: r, event: 'disk-full: report.pdf', text: 'a hare, and more' });
		assert.deepEqual(ids(await s.history({ room: r, q: 'hare' })), [other, chat]);
		for (const q of ['report', '"report pdf"', 'disk hare', 'rep*', 'hare -chat', '"disk full"'])
			assert.deepEqual(ids(await s.history({ room: r, q })).at(0), other, q);
		for (const q of ['chat', 'message', '"pdf a hare"'])
			assert.deepEqual(ids(await s.history({ room: r, q })), [], q);
		assert.deepEqual(ids(await s.history({ room: r, q: 'hare -report' })), [chat]);
		const { messages } = (await s.history({ room: r, q: 'report' })).json;
		assert.deepEqual(messages[0].snippet, ['a hare, and more'], 'what is shown is the text');
		await s.sql(`UPDATE messages SET event = 'else' WHERE id = ${other}`);
		await until(async () => ids(await s.history({ room: r, q: 'else' })).join() === `${other}`, { what: 'the new event to be found' });
		assert.deepEqual(ids(await s.history({ room: r, q: 'report' })), []);
		await s.sql(`DELETE FROM messages WHERE id = ${other}`);
		await until(async () => await s.sql('SELECT count(*) FROM changed') === '0', { what: 'the notes to be taken' });
		assert.match((await run(longline, ['check', '--database', s.db])).stdout, /^ok +search/m);
	});

	it('rows by other programs, at once', async () => {
		const r = room();
		for (let i = 0; i < 5; i++) {
			const id = Number(await s.sql(`INSERT INTO messages(room, text) VALUES('${r}', 'foreign fox ${i}') RETURNING id`));
			const res = await s.history({ room: r, q: 'fox', limit: 1 });
			assert.deepEqual(ids(res), [id]);
		}
	});

	it('what was just sent', async () => {
		const r = room();
		for (let i = 0; i < 20; i++) {
			const id = await s.sent(`fresh fox ${i}`, { room: r });
			const res = await s.history({ room: r, q: 'fox', limit: 1 }, { behind: true });
			assert.ok(ids(res)[0] === id || res.json.indexed < id, res.text);
		}
	});

	it('updated rows as they are now, deleted ones not at all', async () => {
		const r = room();
		const [a, b] = [await s.sent('quick fox', { room: r }), await s.sent('lazy fox', { room: r })];
		assert.deepEqual(ids(await s.history({ room: r, q: 'fox' })), [b, a]);
		await s.sql(`UPDATE messages SET text = 'quick hare' WHERE id = ${a}`);
		await until(async () => ids(await s.history({ room: r, q: 'hare' })).join() === `${a}`, { what: 'the new text to be found' });
		assert.deepEqual(ids(await s.history({ room: r, q: 'fox' })), [b]);
		await s.sql(`DELETE FROM messages WHERE id = ${b}`);
		assert.deepEqual(ids(await s.history({ room: r, q: 'fox' })), []);
		assert.equal(await s.sql('PRAGMA integrity_check'), 'ok');
	});

	it('one room, several or all; one sender; a time', async () => {
		const [a, b, c] = [room(), room(), room()];
		const [one, two, three] = [await s.sent({ room: a, sender: 'ann', text: 'badger one' }), await s.sent({ room: b, sender: 'bob', text: 'badger two' }),
			await s.sent({ room: c, sender: 'ann', text: 'badger three' })];
		const find = async (params) => ids(await s.history({ q: 'badger', ...params }));
		assert.deepEqual(await find({ room: a }), [one]);
		assert.deepEqual(await find({ room: [a, c] }), [three, one]);
		assert.deepEqual(await find({ room: '*' }), [three, two, one]);
		assert.deepEqual(await find({}), []);
		assert.deepEqual(await find({ room: '*', sender: 'ann' }), [three, one]);
		assert.deepEqual(await find({ room: '*', sender: 'an' }), []);
		assert.deepEqual(await find({ room: [a, b], sender: 'bob' }), [two]);
		assert.deepEqual(await find({ room: '*', sender: '' }), []);
		assert.deepEqual(await find({ room: '*', from: '2026-01-01', until: '2126-01-01' }), [three, two, one]);
		assert.deepEqual(await find({ room: '*', until: '2020-01-01' }), []);
		assert.deepEqual(await find({ room: '*', from: '2126-01-01', tz: '+02:00' }), []);
	});

	it('separates times exactly', async () => {
		const r = room();
		const times = ['2026-01-01T10:00:00Z', '2026-01-02T10:00:00Z', '2026-01-03T10:00:00Z'];
		await s.sql(times.map((time) => `INSERT INTO messages(room, text, at) VALUES('${r}', 'stoat ${time}', ${Date.parse(time)});`).join(''));
		const find = async (params) => texts(await s.history({ room: r, q: 'stoat', ...params })).map((text) => times.indexOf(text.slice(6)));
		assert.deepEqual(await find({ from: '2026-01-02' }), [2, 1]);
		assert.deepEqual(await find({ until: '2026-01-02' }), [0]);
		assert.deepEqual(await find({ from: times[1], until: times[2] }), [1]);
		assert.deepEqual(await find({ from: '2026-01-02', tz: '-10:30' }), [2]);
	});
});

describe('search: paging', () => {
	const s = server();

	it('goes on by older and before; newer is null', async () => {
		const r = room();
		const id = [];
		for (let i = 0; i < 10; i++) {
			id.push(await s.sent(`ferret ${i}`, { room: r }));
			await s.sent('something else', { room: r });
		}
		id.reverse();
		const got = [];
		let before, pages = 0;
		do {
			const res = await s.history({ room: r, q: 'ferret', limit: 4, before });
			const list = ids(res);
			got.push(...list);
			pages++;
			assert.equal(res.json.newer, null);
			assert.ok(!('etag' in res.headers));
			assert.equal(res.headers['cache-control'], 'no-store');
			before = res.json.older;
			if (before !== null)
				assert.equal(before, list.at(-1));
		} while (before !== null);
		assert.deepEqual(got, id);
		assert.equal(pages, 3);
		assert.deepEqual(ids(await s.history({ room: r, q: 'ferret', before: id[9] })), []);
		const last = await s.history({ room: r, q: 'ferret', limit: 5, before: id[4] });
		assert.deepEqual([ids(last), last.json.older], [id.slice(5), null]);
	});

	it('goes forward with after, oldest first', async () => {
		const r = room(), id = [];
		for (let i = 0; i < 7; i++) {
			id.push(await s.sent(`marten ${i}`, { room: r }));
			await s.sent('something else', { room: r });
		}
		const first = await s.history({ room: r, q: 'marten', limit: 3, after: 0 });
		assert.deepEqual([ids(first), first.json.older, first.json.newer], [id.slice(0, 3), null, id[2]]);
		assert.ok(!('etag' in first.headers));
		assert.equal(first.headers['cache-control'], 'no-store');
		const second = await s.history({ room: r, q: 'marten', limit: 3, after: first.json.newer });
		assert.deepEqual([ids(second), second.json.older, second.json.newer], [id.slice(3, 6), id[3], id[5]]);
		const last = await s.history({ room: r, q: 'marten', limit: 3, after: second.json.newer });
		assert.deepEqual([ids(last), last.json.older, last.json.newer], [id.slice(6), id[6], null]);
		const none = await s.history({ room: r, q: 'marten', after: id[6] });
		assert.deepEqual([ids(none), none.json.older, none.json.newer], [[], id[6] + 1, null]);
		const back = await s.history({ room: r, q: 'marten', limit: 2, before: second.json.older });
		assert.deepEqual(ids(back), [id[2], id[1]]);
	});

	it('counts what is found, up to a number', async () => {
		const r = room();
		let id;
		for (let i = 0; i < 6; i++)
			id = await s.sent(`sable ${i}`, { room: r });
		const total = async (params) => (await s.history({ room: r, q: 'sable', ...params })).json.total;
		assert.deepEqual(await total({ count: 1000 }), { n: 6, more: false });
		assert.deepEqual(await total({ count: 6, limit: 1 }), { n: 6, more: false });
		assert.deepEqual(await total({ count: 5, before: id }), { n: 5, more: true });
		assert.deepEqual(await total({ count: 10, after: id }), { n: 6, more: false });
		assert.deepEqual(await total({ count: 10, q: 'sable 3 OR 4' }), { n: 2, more: false });
		assert.deepEqual(await total({ count: 10, q: 'sable -sable' }), { n: 0, more: false });
		assert.equal(await total({}), undefined);
		for (const count of ['0', '1001', 'x', '-1', ''])
			problem(assert, await s.history({ room: r, q: 'sable', count }), 400, 'bad_parameter', /'count'/);
		problem(assert, await s.history({ room: r, count: 5 }), 400, 'bad_parameter', /'q'/);
	});

	it('goes with no other cursor', async () => {
		for (const params of [{ around: 1 }, { on: '2026-01-01' }])
			problem(assert, await s.history({ q: 'ferret', ...params }), 400, 'bad_parameter');
	});

	it('obeys limit and reply-max', async (t) => {
		const own = await start({ t, flags: '--reply-max 3000' });
		for (let i = 0; i < 8; i++)
			await own.sent(`polecat ${i} ${'x'.repeat(700)}`);
		const got = [];
		let before;
		do {
			const res = await own.history({ q: 'polecat', before });
			assert.ok(ids(res).length >= 1 && ids(res).length <= 4, `${ids(res).length}`);
			got.push(...ids(res));
			before = res.json.older;
		} while (before !== null);
		assert.deepEqual(got, [8, 7, 6, 5, 4, 3, 2, 1]);
	});
});

describe('search: an index that runs behind', () => {
	it('says up to which id it has looked', async (t) => {
		const s = await start({ t });
		await s.sent('weasel one');
		assert.deepEqual(ids(await s.history({ q: 'weasel' })), [1]);
		const other = session(s.db, { t });
		// The daemon cannot index while another program holds the lock, and it had no time to before.
		await other.run(`BEGIN; INSERT INTO messages(text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
			SELECT 'weasel ' || i FROM n; COMMIT; BEGIN IMMEDIATE;`);
		const res = await within(ms(30_000), s.history({ q: 'weasel', limit: 500 }, { behind: true }), 'the search');
		assert.equal(res.status, 200, res.text);
		assert.equal(typeof res.json.indexed, 'number', res.text.slice(0, 300));
		assert.ok(res.json.indexed >= 1 && res.json.indexed < 20_001);
		assert.ok(res.took >= 900, `it waits up to 1 s for its index: ${res.took}`);
		assert.ok(ids(res).every((id) => id <= res.json.indexed));
		await other.run('ROLLBACK;');
		let last;
		for (let i = 0; i < 60 && (!last || 'indexed' in last.json); i++)
			last = await s.history({ q: 'weasel 20000' }, { behind: true });
		assert.deepEqual(ids(last), [20_001]);
		assert.ok(!('indexed' in last.json));
	});
});
