// sign.test.mjs: who is signed in, without a document: tokens, invitations, persons, whose the outbox's items are.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock, FakeServer, MemoryStore, json, problem, settle } from './fake.mjs';
import { Live, Memory, Outbox, Search, Server, Sign, Timeline, credential } from './modules.mjs';

const { Credential, GivenName, STRANGER, claimsOf, invitationIn, personOf, tokenIn } = credential;

const ANN = `ll_${'a'.repeat(32)}`;
const BEN = `ll_${'b'.repeat(32)}`;
const b64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const jwt = (claims) => `${b64({ alg: 'HS256' })}.${b64(claims)}.c2ln`;

/** As localStorage: a method each, and what is stored as properties of its own. */
class Storage {
	getItem(name) {
		return Object.hasOwn(this, name) ? this[name] : null;
	}

	setItem(name, value) {
		this[name] = String(value);
	}

	removeItem(name) {
		delete this[name];
	}
}
const forbidden = { getItem: () => { throw new Error('no'); }, setItem: () => { throw new Error('no'); }, removeItem: () => { throw new Error('no'); } };

const unknown = () => problem(401, 'Who?', { 'WWW-Authenticate': 'Bearer realm="Longline"' });

describe('a token', () => {
	test('is found in what somebody pastes, and nothing else is taken for one', () => {
		const web = jwt({ sub: 'x' });
		for (const [text, token] of [
			[ANN, ANN], [` ${ANN}\n`, ANN], [`Bearer ${ANN}`, ANN], [`authorization`, ''], [`https://h.example/chat/#join=${ANN}`, ANN],
			[web, web], [`bearer  ${web}`, web], ['', ''], ['ll_', ''], [`${ANN} x`, ''], [`${ANN}\r\nX-Evil: 1`, ''], ['a.b', ''], ['ll_é', ''],
			[`ll_${'a'.repeat(8000)}`, ''],
		]) assert.equal(tokenIn(text), token, text.slice(0, 80));
	});

	test('of an invitation: the part behind # alone; a spoilt one is one too', () => {
		assert.equal(invitationIn(`#join=${ANN}`), ANN);
		assert.equal(invitationIn('#join=ll_'), '');
		assert.equal(invitationIn('#join='), '');
		for (const hash of ['', '#main', '#join', '#joint=x', '#main/7']) assert.equal(invitationIn(hash), null, hash);
	});

	test('that is a JWT says whose it is; nonsense says nothing', () => {
		assert.deepEqual(claimsOf(jwt({ sub: '7', name: 'Änne' })), { sub: '7', name: 'Änne' });
		assert.deepEqual(claimsOf(jwt({ sub: '7' })), { sub: '7', name: '7' });
		for (const text of ['', ANN, 'a.b.c', jwt({ name: 'x' }), jwt({ sub: 7 }), jwt('null'), jwt('"x"')]) assert.equal(claimsOf(text), null, text);
	});

	test('stands for a person: the same for all JWTs of one user, another for each token, and not the secret', () => {
		assert.equal(personOf(''), STRANGER);
		assert.equal(personOf(jwt({ sub: '7', exp: 1 })), personOf(jwt({ sub: '7', exp: 2 })));
		assert.notEqual(personOf(jwt({ sub: '7' })), personOf(jwt({ sub: '8' })));
		const persons = new Set();
		for (let i = 0; i < 20_000; i += 1) persons.add(personOf(`ll_${'a'.repeat(26)}${String(i).padStart(6, 'b')}`));
		assert.equal(persons.size, 20_000);
		assert.match(personOf(ANN), /^token [a-z0-9]{1,11}$/);
	});
});

describe('who is signed in', () => {
	test('is kept, goes with every request, and is noticed by another tab', async () => {
		const storage = new Storage();
		const [one, other] = [new Credential(storage, 'p'), new Credential(storage, 'p')];
		assert.equal(one.scope(), 'p');
		assert.equal(one.keep(ANN), true);
		assert.equal(other.changed, true);
		assert.equal(other.token, '', 'until it begins anew');
		assert.equal(new Credential(storage, 'q').token, '', 'another Longline of the site');
		const again = new Credential(storage, 'p');
		assert.equal(again.token, ANN);
		assert.ok(!again.scope().includes(ANN));
		const seen = [];
		const fetch = again.signed(async (path, { headers }) => {
			seen.push([path, headers]);
			return json({ id: 1, messages: [], next: 0, rooms: [] });
		});
		const server = new Server(fetch, '', new FakeClock());
		await server.send({ room: 'main', text: 'a' });
		await server.history({ room: 'main' });
		await server.poll({ rooms: ['*'], since: 0, wait: 0 });
		await server.rooms({ limit: 1 });
		assert.deepEqual(seen.map(([, { Authorization }]) => Authorization), Array(4).fill(`Bearer ${ANN}`));
		assert.equal(seen[0][1]['Content-Type'], 'application/json');
		assert.ok(seen.every(([path]) => !path.includes('ll_')));
		again.forget();
		assert.equal(new Credential(storage, 'p').token, '');
	});

	test('an invitation is taken by a stranger only', () => {
		const storage = new Storage();
		assert.equal(new Credential(storage, 'p', null).token, '');
		assert.equal(new Credential(storage, 'p', ANN).token, ANN);
		assert.equal(new Credential(storage, 'p', BEN).token, ANN);
	});

	test('brings along what the stranger had, once; what is remembered of a person goes as a whole', () => {
		const storage = new Storage();
		const stranger = new Memory(storage, 'p');
		stranger.set('name', 'Ann');
		stranger.setOf('main', 'drafts', 'half');
		const wishes = ['views', 'pins', 'bells', 'words', 'order'];
		for (const one of wishes) stranger.set(one, `her ${one}`);
		const first = new Credential(storage, 'p');
		first.keep(ANN);
		const mine = new Memory(storage, new Credential(storage, 'p').scope());
		assert.deepEqual(wishes.map((one) => mine.get(one)), wishes.map((one) => `her ${one}`));
		assert.equal(mine.get('name'), 'Ann');
		assert.equal(mine.of('main', 'drafts'), 'half');
		assert.equal(stranger.of('main', 'drafts'), null, 'it is hers now');
		new Credential(storage, 'p').keep(BEN);
		assert.equal(new Memory(storage, new Credential(storage, 'p').scope()).of('main', 'drafts'), null, "not another's");
		new Credential(storage, 'p').keep(ANN);
		mine.clear();
		assert.equal(mine.get('name'), null);
		assert.equal(stranger.get('name'), 'Ann');
		assert.equal(new Credential(storage, 'p').token, ANN, 'that is not part of it');
	});

	test('a browser that keeps nothing', () => {
		for (const bad of [null, forbidden]) {
			const none = new Credential(bad, 'p', ANN);
			assert.equal(none.token, '');
			assert.equal(none.keep(ANN), false);
			assert.equal(none.changed, false);
			none.forget();
		}
	});
});

describe('signing in', () => {
	function signing({ storage = new Storage(), token = '', fetch = async () => json({ rooms: [] }) } = {}) {
		const held = new Credential(storage, 'p', token);
		const self = { said: [], reloads: 0, cleared: 0 };
		const show = Object.fromEntries(['ask', 'problem', 'choose', 'busy'].map((name) => [name, (...args) => self.said.push([name, ...args])]));
		const memory = { clear: () => { self.cleared += 1; } };
		self.sign = new Sign({ credential: held, fetch, show, prefs: memory, session: memory, reload: () => { self.reloads += 1; } });
		self.kept = () => new Credential(storage, 'p').token;
		self.problems = () => self.said.filter(([name, text]) => name === 'problem' && text).map(([, text]) => text);
		return self;
	}

	test('what is no token is not asked about; one that the server does not know is not kept', async () => {
		const asked = [];
		const s = signing({ fetch: async (path, { headers }) => {
			asked.push(headers.Authorization);
			return unknown();
		} });
		await s.sign.in('hello');
		assert.deepEqual(asked, []);
		await s.sign.in(ANN);
		assert.deepEqual(asked, [`Bearer ${ANN}`]);
		assert.match(s.problems()[0], /no token/);
		assert.match(s.problems()[1], /does not know this token/);
		assert.deepEqual([s.kept(), s.reloads], ['', 0]);
	});

	test('no answer is told from a wrong token; a good one is kept and begins the page anew', async () => {
		let answer = async () => { throw new TypeError('gone'); };
		const s = signing({ fetch: (...all) => answer(...all) });
		await s.sign.in(ANN);
		assert.match(s.problems()[0], /cannot be reached/);
		assert.equal(s.kept(), '');
		answer = async () => json({ rooms: [] });
		await s.sign.in(ANN);
		assert.deepEqual([s.kept(), s.reloads], [ANN, 1]);
		s.sign.out();
		assert.deepEqual([s.kept(), s.reloads, s.cleared], ['', 2, 2]);
	});

	test('a browser that keeps nothing is said', async () => {
		const s = signing({ storage: forbidden });
		await s.sign.in(ANN);
		assert.match(s.problems()[0], /keep nothing/);
	});

	test('refused: by 401 of Longline, or of a web server while somebody is signed in; not twice once it was put away', () => {
		const stranger = signing();
		assert.equal(stranger.sign.refused({ code: 'forbidden_room' }), false);
		assert.equal(stranger.sign.refused({ code: 'password' }), false);
		assert.equal(stranger.sign.refused({ code: 'unauthorized' }), true);
		const ann = signing({ token: ANN });
		assert.equal(ann.sign.refused({ code: 'password' }), true);
		assert.equal(ann.said.length, 1);
		ann.sign.closed();
		assert.equal(ann.sign.refused({ code: 'unauthorized' }), true);
		assert.equal(ann.said.length, 1);
		ann.sign.again();
		ann.sign.refused({ code: 'unauthorized' });
		assert.equal(ann.said.length, 2);
		ann.sign.open();
		ann.sign.closed(); // a dialog that a person opened
		ann.sign.again();
		ann.sign.open();
		ann.sign.closed();
		ann.sign.refused({ code: 'unauthorized' });
		assert.equal(ann.said.length, 5);
	});

	test('invitations: taken, asked about, the same again, spoilt, none', () => {
		const s = signing();
		assert.equal(s.sign.invited('#main'), false);
		assert.equal(s.sign.invited('#join=x'), true);
		assert.match(s.said[0][1], /spoilt/);
		assert.equal(s.sign.invited(`#join=${ANN}`), true);
		assert.deepEqual([s.kept(), s.reloads], [ANN, 1]);
		const ann = signing({ token: ANN });
		ann.sign.invited(`#join=${ANN}`);
		assert.deepEqual(ann.said, []);
		ann.sign.invited(`#join=${BEN}`);
		assert.deepEqual([ann.said, ann.kept()], [[['choose']], ANN]);
		ann.sign.take();
		assert.deepEqual([ann.kept(), ann.reloads, ann.cleared], [BEN, 1, 2]);
	});

	test('in the place of another: what is remembered of them goes, unless it is the same user by another JWT', async () => {
		const [first, second] = [1, 2].map((exp) => jwt({ sub: '7', exp }));
		const s = signing({ token: first });
		await s.sign.in(second);
		assert.deepEqual([s.kept(), s.reloads, s.cleared], [second, 1, 0]);
		const ann = signing({ token: ANN });
		await ann.sign.in(second);
		assert.deepEqual([ann.kept(), ann.reloads, ann.cleared], [second, 1, 2]);
	});
});

describe('the name that the server gives', () => {
	test('is learned from what became of a message, heard before or after its own answer', () => {
		const learned = [];
		const given = new GivenName((name) => learned.push(name));
		given.sent(1, 'Somebody');
		given.heard([{ id: 1, sender: 'ci', by: 'ci' }]);
		given.heard([{ id: 2, sender: 'ann', by: 'ann' }, { id: 3, sender: 'x' }]);
		given.sent(2, 'Somebody');
		given.sent(3, 'y'); // nobody was proven: not the server's doing
		given.sent(4, 'bot');
		given.heard([{ id: 4, sender: 'bot', by: 'ci' }]); // it may claim
		given.heard([{ id: 99, sender: 'other', by: 'other' }]);
		assert.deepEqual(learned, ['ci', 'ann']);
	});

	test('remembers little', () => {
		const learned = [];
		const given = new GivenName((name) => learned.push(name));
		for (let id = 1; id <= 1000; id += 1) given.heard([{ id, sender: 'x', by: 'x' }]);
		given.sent(1, 'y');
		given.sent(1000, 'y');
		assert.deepEqual(learned, ['x']);
	});
});

describe("the outbox's items", () => {
	function sender({ person, store = new MemoryStore(), fetch, clock = new FakeClock(), back = new FakeServer(clock) } = {}) {
		const self = { clock, back, store };
		self.outbox = new Outbox(new Server(fetch ?? back.fetch, '', clock), { store, person, on() {} }, { clock, random: () => 1 });
		self.add = (text, from = 'ann') => self.outbox.add({ room: 'main', sender: from, text, key: text });
		self.texts = () => self.back.log.map(({ message }) => message.text);
		self.states = () => self.outbox.items.map(({ text, state }) => `${text} ${state}`);
		self.outbox.lead();
		return self;
	}
	const down = async () => { throw new TypeError('down'); };

	test('are sent by their person only, and hold up nobody', async () => {
		const store = new MemoryStore();
		const ann = sender({ person: 'ann', store, fetch: down });
		ann.add('of ann');
		await settle();
		ann.outbox.follow();
		await settle();
		const ben = sender({ person: 'ben', store });
		await settle();
		ben.add('of ben');
		await settle();
		assert.deepEqual(ben.texts(), ['of ben']);
		assert.deepEqual(ben.states(), ['of ann foreign']);
		ben.outbox.retry('of ann');
		ben.outbox.wake({ force: true });
		await settle();
		assert.deepEqual(ben.texts(), ['of ben']);
		ben.outbox.follow();
		const again = sender({ person: 'ann', store });
		await settle();
		assert.deepEqual(again.texts(), ['of ann']);
		assert.deepEqual(await store.all(), []);
	});

	test("of a page before this one, which knew no persons, are a stranger's", async () => {
		const store = new MemoryStore();
		await store.put({ key: 'old', room: 'main', sender: '', text: 'old', typed: 1, state: 'queued', tries: 0, problem: '' });
		const ann = sender({ person: 'ann', store });
		await settle();
		assert.deepEqual([ann.texts(), ann.states()], [[], ['old foreign']]);
		ann.outbox.follow();
		const stranger = sender({ store });
		await settle();
		assert.deepEqual(stranger.texts(), ['old']);
	});

	test("that are somebody else's can be discarded", async () => {
		const store = new MemoryStore();
		await store.put({ key: 'k', room: 'main', sender: '', text: 'x', person: 'ben', typed: 1, state: 'queued', tries: 0, problem: '' });
		const ann = sender({ person: 'ann', store });
		await settle();
		ann.outbox.discard('k');
		await settle();
		assert.deepEqual([ann.outbox.items, await store.all()], [[], []]);
	});

	test('wait when the server does not know the token (401), and are not failed: the next token sends them', async () => {
		let answer = async () => unknown();
		const clock = new FakeClock();
		const back = new FakeServer(clock);
		const s = sender({ person: 'ann', clock, back, fetch: (...all) => answer(...all) });
		s.add('a');
		await clock.advance(600_000);
		assert.deepEqual(s.states(), ['a waiting']);
		assert.equal(s.outbox.items[0].code, 'unauthorized');
		assert.equal(s.outbox.items[0].barred, undefined);
		answer = back.fetch;
		s.outbox.wake();
		await settle();
		assert.deepEqual(s.texts(), ['a']);
	});

	test('too fast: it is told when it goes on, and goes on then', async () => {
		const s = sender();
		s.back.next = async () => problem(429, 'Too fast.', { 'Retry-After': '4' });
		s.add('a');
		await settle();
		const { until } = s.outbox.items[0];
		assert.equal(until - s.clock.now(), 4_500);
		await s.clock.advance(4_499);
		assert.deepEqual(s.texts(), []);
		await s.clock.advance(1);
		assert.deepEqual(s.texts(), ['a']);
	});

	test("whose name was somebody else's go under another one by Retry; others keep theirs", async () => {
		const s = sender();
		const refuse = (code) => async () => json({ status: 400, code, detail: code }, 400);
		s.back.next = refuse('sender_taken');
		s.add('a');
		await settle();
		s.outbox.retry('a', 'anna');
		await settle();
		s.back.next = refuse('text_too_long');
		s.add('b');
		await settle();
		s.outbox.retry('b', 'anna');
		await settle();
		assert.deepEqual(s.back.log.map(({ message }) => [message.text, message.sender]), [['a', 'anna'], ['b', 'ann']]);
	});
});

describe('on the way', () => {
	test('401 by Bearer is about the token, 403 of a room about the room; both are told from the line itself', async () => {
		const server = new Server(async () => unknown(), '', new FakeClock());
		await assert.rejects(server.rooms({}), (failure) => {
			assert.deepEqual([failure.unknown, failure.bars, failure.passing], [true, false, false]);
			return true;
		});
		const room = json({ status: 403, code: 'forbidden_room', detail: 'No.', may: 'w' }, 403);
		await assert.rejects(new Server(async () => room, '', new FakeClock()).history({}), (failure) => {
			assert.deepEqual([failure.forbidden, failure.bars, failure.may], [true, false, 'w']);
			return true;
		});
		await assert.rejects(new Server(async () => json('nonsense', 403), '', new FakeClock()).history({}), ({ bars }) => bars);
	});

	test('a poll that is not known says so, and rests until somebody asks', async () => {
		const clock = new FakeClock();
		const back = new FakeServer(clock);
		const told = [];
		back.next = unknown;
		const live = new Live(new Server(back.fetch, '', clock), {
			rooms: ['*'], clock, random: () => 1, isOnline: () => true, on: (event) => told.push(event),
		});
		live.start();
		await clock.advance(600_000);
		assert.equal(back.requests.length, 1);
		assert.equal(told.at(-1).type, 'refused');
		assert.equal(told.at(-1).code, 'unauthorized');
		assert.equal(live.state.name, 'refused');
		live.wake();
		await settle();
		assert.equal(live.state.name, 'connected');
		live.stop();
	});

	test('a search that asks too fast waits as told, says so, and is given up for another', async () => {
		const clock = new FakeClock();
		const back = new FakeServer(clock);
		back.say('x');
		const states = [];
		const search = new Search(new Server(back.fetch, '', clock), ({ state }) => states.push(state), { clock, random: () => 0 });
		back.next = async () => problem(429, 'Too fast.', { 'Retry-After': '3' });
		const first = search.find('x', ['main']);
		await settle();
		assert.equal(states.at(-1), 'Too fast: searching again in 3 s');
		await clock.advance(2_999);
		assert.equal(back.requests.length, 1);
		await clock.advance(1);
		await first;
		assert.equal(states.at(-1), '1 found.');

		back.next = async () => problem(429, 'Too fast.', { 'Retry-After': '3' });
		search.find('x', ['main']);
		await settle();
		await search.find('x', ['main']);
		await clock.advance(10_000);
		assert.equal(search.hits.length, 1);
		assert.equal(back.requests.length, 4);
	});

	test('a message of nobody proven does not stand under the heading of one that was', () => {
		const timeline = new Timeline();
		const at = '2026-01-01T00:00:00Z';
		const of = (id, by) => ({ id, sender: 'ann', text: 'x', at, ...(by && { by }) });
		timeline.open([of(1, 'ann'), of(2, 'ann'), of(3), of(4), of(5, 'ci')], null);
		assert.deepEqual(timeline.rows(() => 'd').filter(({ kind }) => kind === 'message').map(({ headed }) => headed), [true, false, true, false, true]);
	});
});
