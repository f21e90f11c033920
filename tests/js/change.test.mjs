// change.test.mjs: messages that change others, without a document: what they do to the list, the rooms, the hits, and
// to what is on its way; whose a message is; and what is said of an edit that fails.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, FakeServer, json, problem, seeded, settle } from './fake.mjs';
import { Memory, Mend, Own, Reader, Rooms, Search, Server, Timeline, amended, exported, parted } from './modules.mjs';

const AT = '2026-11-22T12:00:00.000Z', LATER = '2026-11-22T12:05:00.000Z';
const message = (id, more = {}) => ({ id, room: 'main', event: 'chat message', sender: 'ann', text: `m${id}`, at: AT, ...more });
const edit = (id, target, text) => ({ id, room: 'main', event: 'message changed', changes: target, sender: 'ann', text, at: LATER });
const deletion = (id, target) => ({ ...edit(id, target, ''), event: 'message deleted' });
const dayOf = (at) => at.slice(0, 10);

/** The rows in short: texts of messages, ids of deleted ones in brackets. */
const shown = (timeline) => timeline.rows(dayOf).filter(({ kind }) => kind === 'message' || kind === 'deleted')
	.map(({ kind, message: { id, text } }) => (kind === 'deleted' ? `[${id}]` : text));

describe('in the list', () => {
	test('an edit replaces text and files, and says when; a deletion leaves a place', () => {
		const timeline = new Timeline();
		timeline.add([message(1), message(2, { text: undefined, args: [{}], attachments: ['AAAA'] }), message(3)]);
		assert.deepEqual(timeline.change([edit(4, 2, 'words'), deletion(5, 3)]), [3]);
		assert.deepEqual(shown(timeline), ['m1', 'words', '[3]']);
		const [, second, third] = timeline.messages;
		assert.deepEqual([second.args, second.attachments, second.edited_at, second.sender], [undefined, undefined, LATER, 'ann']);
		assert.deepEqual([third.text, third.sender, third.deleted_at], [undefined, undefined, LATER]);
		assert.equal(timeline.after(1), 1, 'one that was deleted is none');
	});

	test('what is not here has nothing to change; changes never go back, and a deletion is the last', () => {
		const timeline = new Timeline();
		timeline.add([message(1), message(2)]);
		assert.deepEqual(timeline.change([edit(5, 9, 'x'), deletion(6, 8), edit(8, 1, 'newer'), edit(7, 1, 'older'), edit(8, 1, 'again')]), []);
		assert.deepEqual(shown(timeline), ['newer', 'm2']);
		assert.deepEqual(timeline.change([deletion(9, 1), deletion(9, 1), edit(10, 1, 'x')]), [1]);
		timeline.add([message(1)]);
		assert.deepEqual(shown(timeline), ['[1]', 'm2']);
	});

	test('a message of our own is what the server says, and then its change again', () => {
		const timeline = new Timeline();
		const item = { key: 'k', room: 'main', sender: 'ann', text: 'typed', state: 'sending', tries: 1 };
		timeline.outbox('item', item);
		timeline.outbox('sent', item, { id: 3, at: AT });
		timeline.change([edit(4, 3, 'edited')]);
		assert.deepEqual(shown(timeline), ['edited']);
		timeline.add([message(3, { text: 'typed' })]);
		timeline.change([edit(4, 3, 'edited')]);
		assert.deepEqual(shown(timeline), ['edited']);
	});

	test('one that was deleted before its sender was answered does not come back', () => {
		const timeline = new Timeline();
		timeline.open([message(1), message(5)], null);
		const item = { key: 'k', room: 'main', sender: 'ann', text: 'gone', state: 'sending', tries: 2 };
		timeline.outbox('item', item);
		timeline.outbox('sent', item, { id: 3, at: AT });
		assert.deepEqual(shown(timeline), ['m1', 'm5']);
	});

	test('renew() takes what is, and drops what is not there any more', () => {
		const timeline = new Timeline();
		timeline.add([1, 2, 3, 4].map((id) => message(id)));
		timeline.change([deletion(9, 1)]);
		const kept = timeline.get(4);
		timeline.renew([message(3, { text: 'new', edited_at: LATER }), message(4)], 1, 4);
		assert.deepEqual(shown(timeline), ['[1]', 'new', 'm4']);
		assert.equal(timeline.get(4), kept, 'what is the same is not drawn anew');
	});

	test('a heading after a deleted one; no row twice', () => {
		const timeline = new Timeline();
		timeline.add([1, 2, 3].map((id) => message(id)));
		timeline.change([deletion(4, 2)]);
		const rows = timeline.rows(dayOf, ({ id }) => ({ mine: id === 3 }));
		assert.deepEqual(rows.filter(({ kind }) => kind === 'message').map(({ headed, mine }) => [headed, mine]), [[true, false], [true, true]]);
		assert.equal(new Set(rows.map(({ key }) => key)).size, rows.length);
	});

	test('a file of messages is without the places of deleted ones', () => {
		const timeline = new Timeline();
		timeline.add([message(1), message(2)]);
		timeline.change([deletion(3, 1), edit(4, 2, 'new')]);
		for (const form of ['txt', 'jsonl', 'csv']) {
			const { content } = exported(timeline.messages, form, 'x');
			assert.ok(content.includes('new') && !content.includes('m1') && !content.includes('undefined'), content);
		}
	});
});

describe('what was heard', () => {
	test('changes among messages; what they delete never was; unknown changes are nothing', () => {
		const { messages, changes } = parted([message(1), edit(2, 1, 'new'), message(3), deletion(4, 3), { ...edit(5, 1, 'x'), event: 'message starred' }]);
		assert.deepEqual(messages.map(({ id, text }) => [id, text]), [[1, 'new']]);
		assert.deepEqual(changes.map(({ id }) => id), [2, 4]);
		assert.deepEqual(amended([message(1, { snippet: ['a'] })], [edit(2, 1, 'b')])[0].snippet, undefined);
	});
});

function reading(texts) {
	const clock = new FakeClock();
	const back = new FakeServer(clock);
	for (const text of texts) back.say(text);
	const self = { back, timeline: new Timeline(), arrived: [], deleted: [] };
	self.reader = new Reader(new Server(back.fetch, '', clock), {
		room: 'main', timeline: self.timeline,
		on: { changed: (_, deleted = []) => self.deleted.push(...deleted), arrived: (all) => self.arrived.push(...all.map(({ id }) => id)), refused() {} },
	}, { clock, random: () => 1 });
	self.shown = () => shown(self.timeline);
	return self;
}

const numbered = (count) => Array.from({ length: count }, (_, i) => `m${i + 1}`);

describe('reader', () => {
	test('live: applied, and never arrived', async () => {
		const r = reading(['one', 'two']);
		r.reader.ready(2);
		await r.reader.open();
		r.reader.heard([r.back.change(1, 'new'), r.back.change(2, null), r.back.say('three')]);
		assert.deepEqual(r.shown(), ['new', '[2]', 'three']);
		assert.deepEqual([r.arrived, r.deleted], [[5], [2]]);
	});

	test('a change that is heard before an older page arrives', async () => {
		const r = reading(['one', 'two']);
		r.reader.ready(2);
		const opening = r.reader.open(); // it is read now
		r.reader.heard([r.back.change(1, 'new'), r.back.change(2, null)]);
		await opening;
		await settle();
		assert.deepEqual(r.shown(), ['new']);
		assert.equal(r.reader.live, true);
	});

	test('early messages are changed, too', async () => {
		const r = reading(['one']);
		await r.reader.open();
		r.back.say('two');
		r.reader.ready(1);
		const [three, four] = [r.back.say('three'), r.back.say('four')];
		r.reader.heard([three, four]);
		r.reader.heard([r.back.change(three.id, 'new'), r.back.change(four.id, null)]);
		await settle();
		assert.deepEqual(r.shown(), ['one', 'two', 'new']);
	});

	test('changes that were missed: between page and feed, and in a hole', async () => {
		const r = reading(numbered(250));
		await r.reader.open();
		r.back.change(151, 'between');
		r.reader.ready(251);
		await settle();
		await settle();
		assert.equal(r.shown()[0], 'between');
		await r.reader.back();
		const from = r.timeline.first;
		for (const id of [from, 200, 250]) r.back.change(id, `hole ${id}`);
		r.back.change(201, null);
		r.back.say('after');
		r.reader.hole();
		for (let i = 0; i < 6; i += 1) await settle();
		const texts = r.shown();
		for (const id of [from, 200, 250]) assert.ok(texts.includes(`hole ${id}`), `${id}`);
		assert.ok(!texts.includes('m201') && texts.includes('m202'));
		assert.equal(texts.at(-1), 'after');
	});

	test('nothing is asked twice where nothing can have happened', async () => {
		const r = reading(['one']);
		await r.reader.open();
		r.reader.ready(1);
		await settle();
		assert.equal(r.back.requests.length, 2, 'the page, and the one that joins');
	});

	test('any order of sends, changes, pages and holes ends with what the log says', async () => {
		const random = seeded(14);
		for (let round = 0; round < 30; round += 1) {
			const r = reading(numbered(20));
			let next = r.back.head;
			const hear = () => {
				const heard = r.back.log.map(({ message: one }) => one).filter(({ id }) => id > next);
				next = r.back.head;
				r.reader.heard(heard);
			};
			const opening = r.reader.open();
			if (random() < 0.5) await opening;
			r.reader.ready(next);
			for (let step = 0; step < 40; step += 1) {
				const alive = r.back.log.filter(({ message: one }) => one.changes === undefined);
				const { id } = alive[Math.floor(random() * alive.length)].message;
				const dice = random();
				if (dice < 0.3) r.back.say(`more ${step}`);
				else if (dice < 0.7) r.back.change(id, `edit ${step}`);
				else if (dice < 0.8 && alive.length > 5) r.back.change(id, null);
				else if (dice < 0.9) await settle();
				else if (dice < 0.95) hear();
				else {
					next = r.back.head;
					r.reader.hole();
				}
			}
			hear();
			for (let i = 0; i < 10; i += 1) await settle();
			const is = r.back.log.map(({ message: one }) => one).filter(({ changes }) => changes === undefined).map(({ text }) => text);
			assert.deepEqual(r.shown().filter((text) => !text.startsWith('[')), is, `round ${round}`);
		}
	});
});

describe('rooms', () => {
	const listed = () => {
		const rooms = new Rooms({ a: { id: 5, n: 3 } });
		rooms.listed([{ name: 'a', last: 8, at: AT, n: 5, event: 'chat message', text: 'eight', sender: '' }], 8);
		return rooms;
	};
	const heard = (rooms, change) => rooms.heard({ ...change, room: 'a' });
	const a = (rooms) => rooms.list()[0];

	test('a change is not unread, nor the last; an edit of the last shows what it says', () => {
		const rooms = listed();
		assert.equal(heard(rooms, edit(9, 8, 'new')), false);
		assert.equal(heard(rooms, edit(10, 3, 'x')), false);
		assert.deepEqual([a(rooms).last, a(rooms).text, a(rooms).unread], [8, 'new', 2]);
		heard(rooms, deletion(11, 7));
		assert.equal(a(rooms).unread, 1);
		heard(rooms, deletion(12, 2));
		assert.deepEqual([a(rooms).unread, rooms.markOf('a')], [1, { id: 5, n: 2 }]);
	});

	test('of a deleted last one the list is asked; lists that are older are not believed', () => {
		const rooms = listed();
		assert.equal(heard(rooms, deletion(9, 8)), true);
		assert.equal(rooms.unread('a'), 1);
		const old = [{ name: 'a', last: 8, at: AT, n: 5, text: 'eight' }];
		rooms.listed(old, 8);
		assert.equal(rooms.unread('a'), 1);
		const now = [{ name: 'a', last: 7, at: AT, n: 4, text: 'seven', event: 'chat message', sender: '' }];
		rooms.listed(now, 9);
		assert.deepEqual([a(rooms).last, a(rooms).text, a(rooms).unread], [7, 'seven', 1]);
		heard(rooms, deletion(9, 8)); // said again
		assert.equal(rooms.unread('a'), 1);
		heard(rooms, deletion(10, 7));
		assert.equal(rooms.unread('a'), 0);
	});

	test('the new last one may be far below; what the list knew already is not counted again', () => {
		const rooms = listed();
		assert.equal(heard(rooms, deletion(9, 8)), true);
		rooms.listed([{ name: 'a', last: 6, at: AT, n: 4, text: 'six' }], 10);
		assert.deepEqual([a(rooms).last, a(rooms).text], [6, 'six']);
		assert.equal(heard(rooms, deletion(10, 2)), false, 'the list was made after it');
		assert.deepEqual(rooms.markOf('a'), { id: 5, n: 3 });
	});

	test('a room whose messages were all deleted is not there', () => {
		const rooms = new Rooms();
		rooms.listed([], 0);
		heard(rooms, message(1));
		heard(rooms, deletion(2, 1));
		assert.deepEqual(rooms.list(), []);
		assert.equal(heard(rooms, deletion(4, 3)), false);
	});
});

test('hits follow, and a page of them that was on its way', async () => {
	const clock = new FakeClock();
	let answer;
	const search = new Search(new Server(async () => answer, '', clock), () => {}, { clock, random: () => 1 });
	answer = json({ messages: [message(1, { snippet: ['m', '1', ''] }), message(2), message(3)], older: 1, newer: null });
	await search.find('m', ['main']);
	assert.equal(search.heard([edit(9, 8, 'x')]), false);
	assert.equal(search.heard([edit(10, 1, 'new'), deletion(11, 3)]), true);
	assert.deepEqual(search.hits.map(({ id, text, snippet }) => [id, text, snippet]), [[2, 'm2', undefined], [1, 'new', undefined]]);
	answer = json({ messages: [message(4), message(5)], older: null, newer: null });
	const more = search.find('m', ['main']);
	search.heard([deletion(12, 4)]);
	await more;
	assert.deepEqual(search.hits.map(({ id }) => id), [5]);
});

const storage = () => {
	const held = new Map();
	return { getItem: (name) => held.get(name) ?? null, setItem: (name, text) => held.set(name, text), removeItem: (name) => held.delete(name) };
};

describe('one\'s own', () => {
	test('by its key, in its room, the newest 200 of them, in another life too; one tab keeps them', () => {
		const prefs = new Memory(storage(), 'x');
		const own = new Own(prefs);
		for (let id = 1; id <= 201; id += 1) own.sent({ room: 'main', key: `k${id}` }, id, true);
		own.sent({ room: 'main', key: 'other' }, 300, false);
		assert.deepEqual([own.has(message(1)), own.has(message(2)), own.has(message(300)), own.has({ ...message(201), room: 'x' })], [false, false, true, false]);
		const next = new Own(prefs);
		assert.deepEqual([next.keyOf(message(201)), next.has(message(1)), next.has(message(300))], ['k201', false, false]);
		next.forget();
		assert.equal(new Own(prefs).has(message(201)), false);
	});

	test('by whoever is proven to be the same, once a message of our own says who that is', () => {
		const own = new Own(new Memory(storage(), 'x'));
		const mine = message(7, { by: 'ann' });
		own.learn([mine]);
		assert.equal(own.has(mine), false);
		own.sent({ room: 'main', key: 'k' }, 6, true);
		own.learn([message(6, { by: 'ann' }), mine]);
		assert.deepEqual([own.has(mine), own.has(message(8, { by: 'ben' })), own.has(message(9))], [true, false, false]);
		assert.equal(new Own(new Memory(storage(), 'x'), 'user:42').has(message(9, { by: 'user:42' })), true);
	});
});

test('edits go with their key, and what fails stays in the field', async () => {
	const asked = [];
	let answer;
	const server = new Server(async (path, init) => {
		asked.push([path, init.method, init.headers['If-Key'], init.body]);
		return answer();
	}, '', new FakeClock());
	const timeline = new Timeline();
	timeline.add([message(1), message(2, { text: undefined, args: [1] })]);
	const said = { why: [], heard: [] };
	const own = new Own(new Memory(storage(), 'x'));
	for (const id of [1, 2]) own.sent({ room: 'main', key: `k${id}` }, id, false);
	const form = { edit: (text) => { said.field = text; }, draft() {}, saving() {}, why: (text) => said.why.push(text) };
	const mend = new Mend({ server, own, drafts: { of: () => '' }, sign: { refused() {} }, view: { form, log: { show() {} } } });
	mend.visit = { room: 'main', timeline, mayWrite: true, changed() {}, say() {}, reader: { heard: (all) => said.heard.push(...all) } };
	mend.last();
	assert.equal(said.field, 'm1', 'args are not offered');
	answer = () => problem(500, 'It broke.');
	await mend.save('half \uD800');
	assert.deepEqual([said.why.at(-1), said.field, mend.id], ['It broke.', 'm1', 1]);
	answer = () => json({ id: 9, room: 'main', changes: 1, at: LATER }, 201);
	await mend.save('half \uD800');
	assert.deepEqual(asked[1], ['messages/1', 'PATCH', 'k1', '{"text":"half \uFFFD"}']);
	assert.deepEqual([said.heard.at(-1).text, mend.id, said.field], ['half \uFFFD', null, null]);
	assert.equal(await mend.erase(2), '');
	assert.deepEqual([asked[2], said.heard.at(-1).event], [['messages/2', 'DELETE', 'k2', undefined], 'message deleted']);
});
