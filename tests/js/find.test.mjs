// find.test.mjs: what a search is written with: times, filters, names, suggestions; and its address.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, FakeServer, json } from './fake.mjs';
import { Search, Server, markup, patternOf, query, suggest, when } from './modules.mjs';

const at = (...parts) => new Date(...parts).toISOString();
const MORNING = new Date(2026, 0, 31, 9, 30);
const EVENING = new Date(2026, 0, 31, 20, 15);
const parse = (text, more = {}) => query.parse(text, { now: MORNING, ...more });
const times = (text, now) => Object.fromEntries(parse(text, { now }).params.filter(([name]) => name === 'from' || name === 'until'));

describe('times', () => {
	test('days, times of the day, durations, and the last night', () => {
		for (const [text, expected, now = MORNING] of [
			['after:today', { from: at(2026, 0, 31) }],
			['after:yesterday', { from: at(2026, 0, 30) }],
			['after:2026-01-02', { from: at(2026, 0, 2) }],
			['after:2026-01-02T18:30', { from: at(2026, 0, 2, 18, 30) }],
			['after:yesterdayT18:00', { from: at(2026, 0, 30, 18) }],
			['after:18:00', { from: at(2026, 0, 30, 18) }],
			['after:18:00', { from: at(2026, 0, 31, 18) }, EVENING],
			['after:9:30', { from: at(2026, 0, 31, 9, 30) }],
			['before:08:00', { until: at(2026, 0, 31, 8) }],
			['before:yesterday', { until: at(2026, 0, 30) }],
			['after:18:00 before:08:00', { from: at(2026, 0, 30, 18), until: at(2026, 0, 31, 8) }],
			['after:18:00 before:08:00', { from: at(2026, 0, 30, 18), until: at(2026, 0, 31, 8) }, EVENING],
			['on:yesterday', { from: at(2026, 0, 30), until: at(2026, 0, 31) }],
			['last:30m', { from: at(2026, 0, 31, 9, 0) }],
			['last:12h', { from: at(2026, 0, 30, 21, 30) }],
			['LAST:2D', { from: at(2026, 0, 29, 9, 30) }],
			['last:1w', { from: at(2026, 0, 24, 9, 30) }],
			['after:12h', { from: at(2026, 0, 30, 21, 30) }],
			['last:night', { from: at(2026, 0, 30, 18), until: at(2026, 0, 31, 8) }],
			['last:night', { from: at(2026, 0, 30, 18), until: at(2026, 0, 31, 8) }, EVENING],
		]) assert.deepEqual(times(text, now), expected, `${text} at ${now}`);
	});

	test('what is none is none', () => {
		for (const text of ['', 'tomorrow', '24:00', '12:60', '2026-02-30', '99999d', '12', '5y', 'T18:00x', '2026-01-02T', '-1h']) {
			assert.equal(when.moment(text, MORNING), null, text);
			assert.equal(when.wholeDay(text, MORNING), null, text);
			assert.equal(when.last(text, MORNING), null, text);
		}
	});
});

describe('filters', () => {
	const names = ['ops', 'Ops2', 'ci', 'weather', 'Dup', 'dUp'];

	test('in: alone lists a room; its name is the exact one, else the only one that differs by case', () => {
		assert.deepEqual(parse('in:ops').params, [['room', 'ops']]);
		assert.deepEqual(parse('in:OPS x', { names }).params, [['room', 'ops'], ['q', 'x']]);
		assert.deepEqual(parse('in:#ops2 in:*', { names }).params, [['room', 'Ops2'], ['room', '*']]);
		assert.deepEqual(parse('in:nosuch', { names: null }).params, [['room', 'nosuch']], 'while they are not known');
	});

	test('an unknown room is said to be none, and those like it are offered', () => {
		const { params, problem, offers } = parse('failed in:"opps" last:1d', { names });
		assert.equal(params, null);
		assert.equal(problem, 'No room “opps”.');
		assert.deepEqual(offers.map(({ label, text }) => [label, text]), [['in:ops', 'failed in:ops last:1d'], ['in:Ops2', 'failed in:Ops2 last:1d']]);
		assert.deepEqual(parse('in:DUP', { names }).offers.map(({ label }) => label), ['in:Dup', 'in:dUp']);
		assert.deepEqual(parse('in:zzzzzz', { names }).offers, []);
	});

	test('from: that is being typed is no filter yet', () => {
		assert.deepEqual(parse('x from:').params, [['room', '*'], ['q', 'x']]);
		assert.deepEqual(parse('from:""').params, [['room', '*'], ['sender', '']]);
	});

	test('an unknown filter is said to be none, and the right one is offered', () => {
		for (const [text, hint, label, instead] of [
			['x since:today', 'No such filter: since:.', 'after:', 'x after:today'],
			['room:ops x', 'No such filter: room:.', 'in:', 'in:ops x'],
			['form:ann', 'No such filter: form:.', 'from:', 'from:ann'],
			['befor:today x', 'No such filter: befor:.', 'before:', 'before:today x'],
			['failed last night', 'These are looked for as words.', 'last:night', 'failed last:night'],
		]) {
			const { hint: said, offers, params } = parse(text);
			assert.equal(said, hint);
			assert.deepEqual(offers, [{ label, text: instead }]);
			assert.ok(params.some(([name]) => name === 'q'), 'and the daemon looks for it as text');
		}
		assert.equal(parse('level:error').hint, 'No such filter: level: is looked for as text.');
		for (const text of ['http://a.example/', '12:30', 'so: it', '"since:x"', 'in:ops last:1h', 'c:\\x']) assert.equal(parse(text, {}).hint, undefined, text);
	});
});

describe('what helps to write it', () => {
	const rooms = ['weather', 'ops', 'devops', 'Ops2'];
	const senders = ['cron', 'Ann Ö', 'ann'];
	const labels = (text, caret = text.length) => suggest.completions(text, caret, { rooms, senders }).map(({ label }) => label);

	test('names of rooms and senders are completed at the caret, those that begin so first; case does not count', () => {
		assert.deepEqual(labels('failed in:OP'), ['ops', 'Ops2', 'devops']);
		assert.deepEqual(labels('in:#ops'), ['ops', 'Ops2', 'devops']);
		assert.deepEqual(labels('from:an'), ['Ann Ö', 'ann']);
		assert.deepEqual(labels('from:"ann ö'), ['Ann Ö']);
		assert.deepEqual(labels('from:an x', 7), ['Ann Ö', 'ann']);
		for (const text of ['failed', 'in:ops x', 'in:weather', 'xin:op', 'in:zzz']) assert.deepEqual(labels(text), [], text);
		const [quoted] = suggest.completions('from:an x', 7, { rooms, senders });
		assert.deepEqual(quoted, { label: 'Ann Ö', text: 'from:"Ann Ö" x', caret: 13 });
		assert.equal(suggest.completions('in:', 3, { rooms: Array.from({ length: 100 }, (_, i) => `r${i}`), senders }).length, 8, 'no more than one can look through');
	});

	test('a button writes its filter in the place of those of its kind, and takes it away again', () => {
		assert.equal(suggest.written('failed', 'last:night'), 'failed last:night');
		assert.equal(suggest.written('failed after:18:00 before:today in:ops', 'last:7d'), 'failed in:ops last:7d');
		assert.equal(suggest.written('failed last:7d', 'last:7d'), 'failed');
		assert.equal(suggest.written('"in:x" in:a in:b', 'in:ops'), '"in:x" in:ops');
		assert.equal(suggest.written('', 'from:'), 'from:');
		assert.ok(suggest.has('x in:ops', 'in:ops'));
		assert.ok(!suggest.has('x in:ops2', 'in:ops'));
	});

	test('names like another are found among thousands at once', () => {
		const many = Array.from({ length: 10_000 }, (_, i) => `${'x'.repeat(50)}${i}`);
		const began = performance.now();
		assert.deepEqual(suggest.near('nosuch', [...many, 'nosush']), ['nosush']);
		const long = many.map((name) => name.padEnd(64, 'z'));
		assert.deepEqual(suggest.near('y'.repeat(64), long), []);
		const others = long.slice(0, 1_000);
		const like = `${'q'.repeat(63)}p`;
		const found = [999, 1_000].map((count) => suggest.near('q'.repeat(64), [...others.slice(0, count), like]).length);
		assert.deepEqual(found, [1, 0], 'so many of similar length are looked at');
		assert.equal(suggest.near(`${long[7]}a`, long)[0], long[7]);
		assert.ok(performance.now() - began < 2_000, `${performance.now() - began} ms`);
	});

	test('the words of hits are marked elsewhere: whole ones, so many, none that is cut', () => {
		const marked = (snippets, text) => text.match(patternOf(snippets.map((snippet) => ({ snippet }))))?.join() ?? '';
		assert.equal(marked([['a ', 'fail', ' b'], ['', 'a.b-*', '']], 'fail FAIL failed a.b-* axb-* é1fail'), 'fail,FAIL,a.b-*');
		assert.equal(marked([['', '東京', '']], '東京都 大東京'), '東京,東京');
		assert.equal(patternOf([{}, { snippet: ['x', '', ''] }, { snippet: ['', 'a … b', '', 'y'.repeat(101), ''] }]), null);
		const many = Array.from({ length: 1000 }, (_, i) => ({ snippet: ['', `w${i}`, ''] }));
		assert.equal(`${patternOf(many)}`.split('|').length, 50);
	});
});

describe('its address', () => {
	test('room, message or day, and what is looked for, there and back', () => {
		for (const [hash, expected] of [
			['#ops?q=failed+after:yesterday', { room: 'ops', query: 'failed after:yesterday' }],
			['#ops/123?q=x', { room: 'ops', id: 123, query: 'x' }],
			['#ops@2025-12-24?q=x', { room: 'ops', day: '2025-12-24', query: 'x' }],
			['#main@2025-12-24', { room: 'main', day: '2025-12-24' }],
			['#main/5', { room: 'main', id: 5 }],
			['#a.b_c-1?q=%22a%26b%22+%2B+%23+%3F%3D/@+%E6%9D%B1', { room: 'a.b_c-1', query: '"a&b" + # ?=/@ 東' }],
		]) {
			const { room, id, day, query: text, named, problem } = query.addressOf(hash);
			assert.deepEqual({ room, id, day, query: text }, { id: null, day: null, query: '', ...expected }, hash);
			assert.ok(named && !problem);
			assert.deepEqual(query.addressOf(query.hashOf({ room, id, day, query: text })), query.addressOf(hash));
			assert.equal(new URL(query.hashOf({ room, id, day, query: text }), 'http://x/').hash, query.hashOf({ room, id, day, query: text }), 'as the browser writes it');
		}
		for (const text of ['fail*', 'v1.', 'after:', 'a*b*', '(x)', '"x y"', 'a_', 'a-', '**']) {
			const link = `http://x/${query.hashOf({ room: 'ops', query: text })}`;
			for (const said of [link, `**${link}**`, `see ${link}.`]) assert.ok(JSON.stringify(markup.parse(said)).includes(JSON.stringify(link)), `${said}: a link in a text`);
		}
		assert.equal(query.hashOf({ room: 'ops', query: 'failed after:yesterday' }), '#ops?q=failed+after:yesterday');
	});

	test('what cannot be is said', () => {
		assert.match(query.addressOf('#main@2025-02-30').problem, /^“2025-02-30” is no day\./);
		assert.match(query.addressOf('#main/abc').problem, /^“abc” is no number/);
		assert.match(query.addressOf('#a b?q=x').problem, /^“a b” cannot be a room/);
		assert.equal(query.addressOf('#%?q=x').query, 'x');
		assert.equal(query.addressOf(`#main?q=${'x'.repeat(5000)}`).query.length, 1000);
	});
});

describe('what was found', () => {
	const begin = () => {
		const clock = new FakeClock();
		const back = new FakeServer(clock);
		for (let i = 0; i < 50; i += 1) back.say('x');
		return { back, search: new Search(new Server(back.fetch, '', clock), () => {}) };
	};
	const answers = (back, more) => {
		back.next = () => json({ messages: back.log.slice(-40).map(({ message }) => message), older: 11, ...more });
	};

	test('how much there is in all, asked once, and less after a deletion', async () => {
		const { back, search } = begin();
		answers(back, { total: { n: 50, more: false } });
		await search.find('x');
		assert.equal(search.state, '50 found.');
		assert.equal(back.requests[0].query.get('count'), '1000');
		await search.more();
		assert.equal(back.requests[1].query.get('count'), null);
		assert.equal(search.state, '50 found.');
		search.heard([{ id: 60, event: 'message deleted', changes: 50 }]);
		assert.equal(search.state, '49 found.');
		answers(back, { total: { n: 1000, more: true } });
		await search.find('x');
		assert.match(search.state, /^1.?000\+ found\.$/);
		await search.find('in:main');
		assert.equal(back.requests.at(-1).query.get('count'), null, 'which is for words alone');
		assert.equal(search.state, '40 or more found.');
		assert.equal(search.room, 'main');
	});

	test('it says so where an older index was asked as well', async () => {
		const { back, search } = begin();
		answers(back, { total: { n: 40, more: false }, old_words: 20 });
		await search.find('x');
		assert.match(search.state, /^40 found\. Older messages are found as an earlier version took their words/);
	});
});
