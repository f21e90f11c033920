// pure.test.mjs: the small modules: the room list, search expressions, markup, export, what is remembered.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, FakeServer, json, problem, settle } from './fake.mjs';
import { Memory, RoomList, Rooms, Search, Server, exported, hearing, markup, query } from './modules.mjs';

describe('rooms', () => {
	const listed = [{ name: 'b', last: 9, at: 'x', n: 4 }, { name: 'a', last: 5, at: 'x', n: 5 }];
	const unread = (rooms) => Object.fromEntries(rooms.list().map(({ name, unread: count }) => [name, count]));

	test('what was there before the first visit counts as read, what comes later does not', () => {
		const rooms = new Rooms();
		rooms.listed(listed);
		assert.deepEqual(unread(rooms), { b: 0, a: 0 });
		rooms.heard({ id: 10, room: 'a', at: 'y', text: 'hi', sender: 's' });
		rooms.heard({ id: 10, room: 'a', at: 'y', text: 'hi' });
		rooms.listed([listed[0], { name: 'a', last: 10, at: 'y', n: 6 }, { name: 'c', last: 12, at: 'z', n: 2 }]);
		assert.deepEqual(unread(rooms), { c: 2, a: 1, b: 0 }, 'newest first');
		rooms.listed([{ name: 'a', last: 14, at: 'z', n: 8 }]);
		assert.equal(rooms.unread('a'), 3);
	});

	test('of the last message so much is kept as is shown, an edited one too', () => {
		const rooms = new Rooms();
		const text = 'x'.repeat(9_999);
		rooms.listed([{ name: 'a', last: 5, at: 'x', n: 5, text }]);
		rooms.heard({ id: 6, room: 'b', at: 'y', text, sender: 's' });
		rooms.heard({ id: 7, room: 'c', at: 'y', text: 'short', sender: 's' });
		rooms.heard({ id: 8, room: 'c', event: 'message changed', changes: 7, text });
		assert.deepEqual(rooms.list().map(({ text: kept }) => kept.length), [200, 200, 200]);
	});

	test('a room beyond the first part of the list: only what was heard since is unread', () => {
		const rooms = new Rooms();
		rooms.listed(listed, 9);
		rooms.heard({ id: 10, room: 'far', at: 'y', text: 'hi' });
		assert.equal(rooms.unread('far'), 1);
		const far = { name: 'far', last: 10, at: 'y', n: 500, event: 'chat message', sender: 's', text: 'hi' };
		const file = { name: 'old', last: 3, at: 'x', n: 2, event: 'file:a.png', sender: 's', text: '[{}]' };
		rooms.listed([far, ...listed, file], 10);
		assert.deepEqual(unread(rooms), { far: 1, b: 0, a: 0, old: 0 });
		assert.deepEqual(rooms.list().map(({ text }) => text), ['hi', undefined, undefined, 'a.png'].map((text) => text ?? ''));
		rooms.listed([{ ...far, last: 12, n: 502 }], 12);
		assert.equal(rooms.unread('far'), 3);
	});

	test('reading: all, in part, never backwards, and in another tab or life', () => {
		const rooms = new Rooms({ a: { id: 3, n: 3 } });
		rooms.listed(listed);
		assert.equal(rooms.unread('a'), 2);
		assert.equal(rooms.read('a', 4, { left: 1 }), true);
		assert.equal(rooms.unread('a'), 1);
		assert.equal(rooms.read('a', 2), false);
		assert.equal(rooms.read('a', 5), true);
		assert.equal(rooms.read('a', 5), false);
		assert.equal(rooms.unread('a'), 0);
		assert.deepEqual(rooms.markOf('a'), { id: 5, n: 5 });
		rooms.heard({ id: 20, room: 'a' });
		rooms.readAlso('a', { id: 20, n: 6 });
		assert.equal(rooms.unread('a'), 0);
		assert.equal(rooms.readOf('never'), null);
	});

	test('read in part before the first list is there: what is left is not reckoned from nothing', () => {
		const rooms = new Rooms({ a: { id: 4_990, n: 4_990 } });
		rooms.read('a', 4_995, { left: 5, passed: 5 });
		assert.deepEqual(rooms.markOf('a'), { id: 4_995, n: 4_995 });
		rooms.listed([{ name: 'a', last: 5_000, at: 'x', n: 5_000 }]);
		assert.equal(rooms.unread('a'), 5);
	});

	test('a walk by keys: from the feed of all rooms to the first or the last, without any room nowhere', () => {
		const storage = { getItem: () => null, setItem() {} };
		const wishes = { pins: [], level: () => 'all', pinned: () => false, order: 'newest' };
		const rooms = new RoomList({ server: null, prefs: new Memory(storage, 'x'), wishes, draw() {} });
		rooms.enter('*');
		assert.equal(rooms.next(-1), null);
		rooms.listed([{ name: 'a', last: 3, at: 'x', n: 1 }, { name: 'b', last: 2, at: 'x', n: 1 }, { name: 'c', last: 1, at: 'x', n: 1 }]);
		rooms.sift('');
		assert.equal(rooms.next(-1), 'c');
		assert.equal(rooms.next(1), 'a');
	});

	test('another log: what was seen of searches, and where one stood in rooms, is forgotten', () => {
		const memory = () => {
			const values = new Map();
			return new Memory({ getItem: (name) => values.get(name) ?? null, setItem: (name, value) => values.set(name, value) }, 'x');
		};
		const [prefs, session, did] = [memory(), memory(), []];
		prefs.set('views', [{ q: 'disk', seen: 900, n: 3, more: true }]);
		session.set('places', { ops: { at: 890, top: 0 } });
		const nothing = (name) => () => did.push(name);
		const hears = hearing({
			prefs, session, own: { forget: nothing('own') }, visit: { reset: nothing('visit') },
			rooms: { forget: nothing('rooms'), ask: nothing('ask') },
			views: { list: prefs.get('views'), heard: nothing('counted') },
		});
		hears.reset();
		assert.deepEqual(prefs.get('views'), [{ q: 'disk', seen: 0, n: 0, more: false }]);
		assert.equal(session.of('ops', 'places'), null);
		assert.deepEqual(did, ['rooms', 'own', 'visit', 'ask', 'counted']);
	});

	test('a room exists by being opened', () => {
		const rooms = new Rooms();
		assert.deepEqual(rooms.list('new').map(({ name }) => name), ['new']);
		assert.deepEqual(rooms.list('other').map(({ name }) => name), ['other']);
	});
});

describe('search expressions', () => {
	const parse = (text) => query.parse(text);
	const midnight = (y, m, d) => new Date(y, m - 1, d).toISOString();

	test('words and phrases go as they are, operators become parameters', () => {
		assert.deepEqual(parse('disk "is full" -test wor*').params, [['room', '*'], ['q', 'disk "is full" -test wor*']]);
		assert.deepEqual(parse('from:ann disk in:ops IN:#main').params,
			[['room', 'ops'], ['room', 'main'], ['q', 'disk'], ['sender', 'ann']]);
		assert.match(parse('from:ann disk in:ops full').params[1][1], /^disk\s+full$/);
		assert.deepEqual(parse('from:"Ann Ö" x').params, [['room', '*'], ['q', 'x'], ['sender', 'Ann Ö']]);
		assert.deepEqual(parse('from:"" x').params.at(-1), ['sender', '']);
		assert.deepEqual(parse('"not from:ann"').params, [['room', '*'], ['q', '"not from:ann"']]);
		assert.deepEqual(parse('after:2026-01-31 before:2026-03-01').params,
			[['room', '*'], ['from', midnight(2026, 1, 31)], ['until', midnight(2026, 3, 1)]]);
		assert.deepEqual(parse('on:2026-02-28').params,
			[['room', '*'], ['from', midnight(2026, 2, 28)], ['until', midnight(2026, 3, 1)]]);
		assert.deepEqual(parse('see http://from:x').params, [['room', '*'], ['q', 'see http://from:x']]);
	});

	test('what cannot be meant is said', () => {
		for (const text of ['before:2026-02-30', 'after:tomorrow', 'after:24:00', 'on:', 'on:18:00', 'last:', 'last:12', 'in:no/room']) {
			const { params, problem: said } = parse(text);
			assert.equal(params, null, text);
			assert.match(said, /needs/);
		}
		assert.deepEqual(parse('   '), { params: null, problem: '', offers: [] });
	});

	test("the offset of the reader's clock has the form that /history wants", () => {
		assert.match(query.offsetOf('2026-07-01'), /^[+-]\d\d:\d\d$/);
	});
});

describe('a day begins with its first moment', () => {
	// Days whose first hour is left out, and days whose first or last hour comes twice.
	const DAYS = [
		['Africa/Cairo', '2025-04-25'], ['Asia/Beirut', '2025-03-30'], ['America/Santiago', '2025-09-07'], ['Atlantic/Azores', '2025-03-30'],
		['America/Havana', '2025-03-09'], ['Africa/Cairo', '2025-10-31'], ['America/Santiago', '2025-04-06'], ['Atlantic/Azores', '2025-10-26'],
		['America/Havana', '2025-11-02'], ['Europe/Berlin', '2025-03-30'], ['Asia/Kolkata', '2025-01-01'], ['America/St_Johns', '2025-07-01'], ['UTC', '2025-01-01'],
	];
	for (const [zone, day] of DAYS) {
		test(`${day} in ${zone}`, (t) => {
			const before = process.env.TZ;
			t.after(() => {
				if (before === undefined) delete process.env.TZ;
				else process.env.TZ = before;
			});
			process.env.TZ = zone;
			const dayAt = new Intl.DateTimeFormat('sv', { timeZone: zone });
			let first = Date.parse(`${day}T00:00Z`) - 15 * 3_600_000;
			while (dayAt.format(first) < day) first += 60_000;
			assert.equal(new Date(`${day}T00:00${query.offsetOf(day)}`).toISOString(), new Date(first).toISOString(), 'Go to a day');
			assert.deepEqual(query.parse(`on:${day}`).params[1], ['from', new Date(first).toISOString()], 'on:');
		});
	}
});

describe('search', () => {
	test('pages newest first, each once, until there is no more', async () => {
		const clock = new FakeClock();
		const back = new FakeServer(clock);
		for (let i = 0; i < 100; i += 1) back.say('x');
		const states = [];
		const search = new Search(new Server(back.fetch, '', clock), ({ state }) => states.push(state));
		await search.find('x', ['main']);
		for (let i = 0; i < 5; i += 1) await search.more();
		assert.deepEqual(search.hits.map(({ id }) => id), Array.from({ length: 100 }, (_, i) => 100 - i));
		assert.equal(back.requests.length, 3);
		assert.equal(states[0], 'Searching…');
		assert.equal(states.at(-1), '100 found.');
	});

	test('a new search takes the place of one under way; a failure is said', async () => {
		const clock = new FakeClock();
		const back = new FakeServer(clock);
		back.say('x');
		const search = new Search(new Server(back.fetch, '', clock), () => {});
		let answer;
		back.next = () => new Promise((resolve) => {
			answer = resolve;
		});
		search.find('slow', ['main']);
		await settle();
		await search.find('quick', ['main']);
		answer(json({ messages: [{ id: 77 }], older: null }));
		await settle();
		assert.deepEqual(search.hits.map(({ id }) => id), [1]);
		back.next = () => problem(400, 'nothing to look for');
		await search.find('-x', ['main']);
		assert.equal(search.state, 'nothing to look for');
	});
});

describe('markup', () => {
	const show = (nodes) => nodes.map((node) => (typeof node === 'string' ? node
		: `<${node.tag}${node.href ? ` ${node.href}` : ''}>${show(node.children)}</${node.tag}>`)).join('');
	const is = (text, expected) => assert.equal(show(markup.parse(text)), expected);

	test('a subset of Markdown is shown', () => {
		is('a **b** *c* _d_ ~~e~~ `f*g*`', 'a <strong>b</strong> <em>c</em> <em>d</em> <del>e</del> <code>f*g*</code>');
		is('**a *b* c**', '<strong>a <em>b</em> c</strong>');
		is('x\n```js\nlet *a* = `1`;\n```\ny', 'x\n<pre>let *a* = `1`;</pre>y');
		is('```open', '```open');
		is('<b>&amp;</b>', '<b>&amp;</b>');
	});

	test('what only looks like it stays as it is', () => {
		for (const text of ['2*3*4', 'snake_case_name', '* a * b *', '**', '``', '~~ a ~~', 'a_b_', '`', '****']) is(text, text);
	});

	test('addresses: only http, without what ends the sentence, never other than what one sees', () => {
		is('see https://a.example/x?y=1#z.', 'see <a https://a.example/x?y=1#z>https://a.example/x?y=1#z</a>.');
		is('(https://a.example/b_(c))', '(<a https://a.example/b_(c)>https://a.example/b_(c)</a>)');
		is('HTTP://A.example', '<a http://a.example/>HTTP://A.example</a>');
		is('**https://a.example/**', '<strong><a https://a.example/>https://a.example/</a></strong>');
		for (const text of ['javascript:alert(1)', 'data:text/html,x', 'xhttps://a.example', 'https://', 'ftp://a.example']) is(text, text);
		// A mark that turns the reading direction would show another address than it leads to.
		is('https://a.example/\u202Etxt.exe', '<a https://a.example/>https://a.example/</a>\u202Etxt.exe');
	});

	test('addresses in any script: what stands around one is no part of it, what belongs to one is not cut', () => {
		// `<>` stand around what is the link; all else of the line is text.
		for (const line of [
			'<https://example.com>。谢谢', '<https://example.com>谢谢', '请看<https://example.com/a>，然后', '请看<https://example.com>',
			'“<https://example.com/a>”', '‘<https://example.com/a>’', '（<https://example.com/a>）', '「<https://example.com/a>」好',
			'„<https://example.com/a>“', '«<https://example.com/a>»', '‹<https://example.com/a>›', '【<https://example.com/a>】',
			'<https://example.com/a>、<https://example.com/b>', '<https://example.com/a>！', '<https://example.com/a>？是', '<https://example.com/a>：',
			'<https://example.com/a>…', '<https://example.com/a>—so', '<https://example.com/a>–', '<https://example.com/a>・', '<https://example.com/a>～です',
			'<https://example.com/a>؟', '<https://example.com/a>،', '<https://example.com/a>।', '<https://example.com/a>።',
			'<https://example.com>をご覧ください', '<http://localhost:8080>です', '<http://[::1]:8080>です', 'ดู<https://example.com>ครับ', '여기<https://example.com>',
			'<https://ja.example/wiki/東京>', '<https://ja.example/アルベルト・アインシュタイン>', '<https://en.example/Michelson–Morley>', '<https://例え.テスト/>',
			'<https://münchen.example/ä>', '<https://münchen/>', '<https://a.example/x_>', '<https://a.example/__init__>', '__<https://a.example/>__',
			'<https://a.example/?q[]>', '<https://a.example/{id}>', '[<https://a.example/>]', '{<https://a.example/>}', '[<https://a.example/[x]>].',
			'[x](<https://a.example/>)', '<http://[::1]>', '[<http://[::1]>]', '(<http://[::1]:8080/x>)', '<https://a.example/b_(c)>!', '(<https://a.example/(b)>)',
		]) {
			const links = show(markup.parse(line.replace(/[<>]/g, ''))).replace(/<a [^>]*>/g, '<').replaceAll('</a>', '>');
			assert.equal(links, line);
		}
		assert.equal(markup.parse('https://example.com谢谢')[0].href, 'https://example.com/', 'not another host');
	});

	test('the end of a host is not looked for over and over', () => {
		const text = `https://${'1한'.repeat(990)}. `.repeat(10);
		const best = Math.min(...[1, 2, 3].map(() => {
			const began = performance.now();
			markup.parse(text);
			return performance.now() - began;
		}));
		assert.ok(best < 40, `${best} ms`);
	});

	test('no text makes it slow', () => {
		for (const piece of ['*', '_a ', '**a ', '`', '~~a', 'http://a)', 'http://a/((', 'http://a]}', 'http://a.谢', 'http://a谢/', '```', '*_~~', ' *a _b ']) {
			const text = piece.repeat(Math.floor(20_000 / piece.length));
			const began = performance.now();
			const nodes = markup.parse(text);
			assert.ok(performance.now() - began < 1000, `${piece}: ${performance.now() - began} ms`);
			assert.ok(nodes.length > 0);
		}
		assert.deepEqual(markup.parse('*a*'.repeat(10_000)), ['*a*'.repeat(10_000)], 'very long texts have no markup');
	});
});

describe('export', () => {
	const message = (text, more) => ({ id: 1, room: 'main', event: 'chat message', sender: 'ann', text, at: 'T', ...more });

	test('CSV: quoted, and no cell is a formula', () => {
		const { content } = exported([
			message('a "b", c\nd'), message('=1+1'), message('x', { sender: '@SUM(A1)' }), message(' +1'), message('-2'),
		], 'csv', 'main');
		assert.deepEqual(content.split('\r\n'), [
			'\uFEFFid,at,room,sender,event,text,by',
			'1,T,main,ann,chat message,"a ""b"", c\nd",',
			'1,T,main,ann,chat message,"\'=1+1",',
			'1,T,main,"\'@SUM(A1)",chat message,x,',
			'1,T,main,ann,chat message,"\' +1",',
			'1,T,main,ann,chat message,"\'-2",',
			'',
		]);
	});

	test('text: a message cannot pretend to be two', () => {
		const { content, name } = exported([message('a\nT #main bob: b'), message('', { sender: '' })], 'txt', 'a/b');
		assert.equal(content, 'T #main ann: a\n\tT #main bob: b\nT #main -: \n');
		assert.equal(name, 'longline-a-b.txt');
	});

	test('JSON lines: what the server gave, and nothing of ours', () => {
		const one = message('a');
		const { content } = exported([{ ...one, ours: true, snippet: [] }], 'jsonl', 'x');
		assert.deepEqual(content.trim().split('\n').map((line) => JSON.parse(line)), [one]);
	});
});

describe('what is remembered', () => {
	const storage = () => {
		const map = new Map();
		return { getItem: (name) => map.get(name) ?? null, setItem: (name, value) => map.set(name, value) };
	};

	test('is there again, as a whole and of each room', () => {
		const kept = storage();
		const prefs = new Memory(kept);
		prefs.set('name', 'ann');
		prefs.setOf('a', 'drafts', 'half a sen');
		prefs.setOf('b', 'drafts', 'x');
		prefs.setOf('b', 'drafts', null);
		const again = new Memory(kept);
		assert.equal(again.get('name'), 'ann');
		assert.equal(again.of('a', 'drafts'), 'half a sen');
		assert.equal(again.of('b', 'drafts'), null);
	});

	test('a storage that is forbidden or full is done without', () => {
		const full = { getItem: () => { throw new Error('no'); }, setItem: () => { throw new Error('full'); } };
		for (const bad of [null, full]) {
			const prefs = new Memory(bad);
			prefs.set('name', 'ann');
			assert.equal(prefs.get('name'), 'ann');
			assert.equal(prefs.get('other', 'x'), 'x');
		}
	});
});
