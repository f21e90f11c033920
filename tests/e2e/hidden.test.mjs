// hidden.test.mjs: rooms that may not be read leave no trace: whoever asks is told, byte for byte, what a log that never had
// them would tell, but for the head and the epoch.
//
// There is one log with everything, and for each person two more without what is hidden from them, where all other messages
// have the same ids and times: one with the same grants, and one that is open. Hidden messages are many, and stand before,
// between and behind those that are seen. Each question is put to all three, from memory and from the database.
//
// Environment: SEED  which log (the test says which it took)
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fastcgi } from './fastcgi.mjs';
import { decide, random } from './grants-model.mjs';
import { daemon, ms, pending, query, sleep, tempDir, until, within } from './harness.mjs';
import { insertGrant, insertToken, newSecret, quoted } from './persons.mjs';

const DAY = 86_400_000, BEGAN = Date.UTC(2026, 0, 28);

const grants = [
	{ who: 'anyone', rooms: 'pub-a', may: 'r' },
	{ who: 'users', rooms: 'pub*', may: 'rw' },
	{ who: 'user:ann', rooms: 'ops', may: 'r' },
	{ who: 'user:ann', rooms: 'pub-x', may: '' },
	{ who: 'token:ci', rooms: '*', may: 'rwm' },
	{ who: 'token:ci', rooms: 'h*', may: '' },
	{ who: 'token:ci', rooms: 'pub-b', may: 'w' },
	{ who: 'user:nobody', rooms: '*', may: 'w' },
];
const secret = newSecret();
const persons = [
	{ kind: 'stranger', name: '', params: {} },
	{ kind: 'user', name: 'ann', params: { REMOTE_USER: 'ann' } },
	{ kind: 'token', name: 'ci', params: { HTTP_AUTHORIZATION: `Bearer ${secret}` } },
	{ kind: 'user', name: 'nobody', params: { REMOTE_USER: 'nobody' } },
];
const sees = (person, room) => decide(grants, person, room).r;

/** The rows of the whole log. */
function makeRows(rng) {
	const rows = [], words = ['capybara', 'tapir', 'walrus', 'otter', 'quick brown fox'];
	let id = 0, at = BEGAN;
	const add = (room, word = rng.one(words)) => {
		id += 1 + (rng.chance(0.2) ? rng.below(3) : 0);
		at += rng.chance(0.05) ? rng.below(DAY / 4) : rng.chance(0.1) ? -rng.below(5_000) : rng.below(1_000);
		rows.push({ id, room, at, sender: rng.one(['', 'ann', 'bob']), event: rng.chance(0.1) ? 'disk' : 'chat message', text: `${word} ${id}`, args: rng.chance(0.1) });
	};
	const mixed = (n) => {
		for (let i = 0; i < n; i++)
			add(rng.one(['pub-a', 'pub-a', 'pub-b', 'pub-x', 'ops', 'main', 'h', 'h1', 'h2', 'hidden']));
	};
	for (let i = 0; i < 40; i++)
		add('h');
	mixed(300);
	for (let i = 0; i < 6_000; i++)
		add(`h${i % 7}`, 'walrus otter');
	mixed(20);
	for (let i = 0; i < 2_200; i++)
		add(`h-room-${i}`);
	add('pub-once');
	mixed(300);
	for (let i = 0; i < 40; i++)
		add(`h${i % 3}`);
	return rows;
}

const insertRow = ({ id, room, at, sender, event, text, args }) =>
	`INSERT INTO messages(id, room, at, sender, event, ${args ? 'args' : 'text'}) VALUES(${id}, ${quoted(room)}, ${at}, ${quoted(sender)}, ${quoted(event)}, ${quoted(args ? JSON.stringify([text, { n: id }]) : text)});`;

/** A daemon with these rows; `open`: without grants. */
async function log(t, rows, { open, dir = tempDir() } = {}) {
	const d = await daemon({ dir, t, flags: ['--search-timeout', '20'] });
	await d.sql(`BEGIN IMMEDIATE; ${insertToken({ name: 'ci', secret, kind: 'trusted' })} ${open ? '' : grants.map(insertGrant).join(' ')} ${rows.map(insertRow).join('\n')} COMMIT;`, { timeout: 60_000 });
	return d;
}

const ask = (d, person, path, params = {}) => fastcgi(d.socket, { path, query: query(params).slice(1), params: person.params });
const caught = async (d) => {
	const samples = (await fastcgi(d.socket, { path: '/metrics' })).text, of = (name) => Number(new RegExp(`^longline_${name} (\\d+)$`, 'm').exec(samples)?.[1]);
	return of('head') === of('indexed');
};

/** An answer with what may differ taken out: the epoch, and whatever is at or beyond the last message that is seen. */
function comparable(res, last) {
	const body = res.text.replace(/"epoch":"[0-9a-f]+"/, '"epoch":""')
		.replace(/"(next|head)":(\d+)/g, (all, name, value) => (Number(value) >= last ? `"${name}":"head"` : all));
	const headers = { type: res.headers['content-type'], cache: res.headers['cache-control'], vary: res.headers.vary, etag: res.headers.etag !== undefined };
	return { status: res.status, headers, body };
}

/** What is asked: [path, parameters] of somebody who sees some of all the rows. */
function questions(rng, seen, all) {
	const last = seen.at(-1)?.id ?? 0, first = seen[0]?.id ?? 0, asked = [];
	const seenRooms = [...new Set(seen.map(({ room }) => room))];
	const add = (path, params) => asked.push([path, params]);
	const roomSets = ['*', ...seenRooms, seenRooms, ['*', ...seenRooms.slice(0, 2)]].filter((set) => set.length);
	const someSeen = () => (seen.length ? rng.one(seen).id : 1), some = () => rng.one(all).id;
	for (const room of roomSets) {
		for (const since of ['all', 'now', 0, -1, -3, -50, -1000])
			add('/poll', { room, since, wait: 0, limit: rng.one([1, 7, 100, 1000]) });
		for (const limit of [1, 20, 500]) {
			add('/history', { room, limit });
			add('/history', { room, limit, after: 0 });
			add('/history', { room, limit, before: 1e9 });
		}
		for (const q of ['capybara', 'walrus', 'wal*', '"brown fox"', 'fox -quick', 'nothing', 'otter', 'walrus OR tapir otter'])
			add('/history', { room, q, limit: rng.one([1, 5, 500]), count: rng.one([undefined, 1, 20, 1000]) });
		for (const sender of ['ann', '', 'eve'])
			add('/history', { room, sender, limit: rng.one([1, 30]) });
	}
	for (let i = 0; i < 40; i++) {
		const room = rng.one(roomSets), limit = rng.one([1, 2, 10, 100]);
		if (seen.length)
			add('/poll', { room, since: rng.chance(0.5) ? someSeen() : first + rng.below(last - first), wait: 0, limit });
		// Ids of what is hidden, of what is seen, and of nothing.
		for (const id of [some(), someSeen(), some() + 1]) {
			add('/history', { room, limit, [rng.one(['before', 'after', 'around'])]: id });
			add('/history', { room, limit, q: rng.one(['capybara', 'walrus']), [rng.one(['before', 'after'])]: id, count: rng.one([undefined, 2, 300]) });
		}
		const day = (n) => new Date(BEGAN + n * DAY).toISOString().slice(0, 10);
		add('/history', { room, limit, on: day(rng.below(12) - 2), tz: rng.one(['+00:00', '-05:00']) });
		add('/history', { room, limit, from: day(rng.below(8)), until: day(4 + rng.below(8)), sender: rng.one([undefined, 'bob']) });
		add('/rooms', { limit: rng.one([1, 2, 100]), after: rng.one([undefined, some(), someSeen()]) });
	}
	for (const limit of [1, 2, 3, 1000])
		add('/rooms', { limit, may: rng.one([undefined, 1]), read: [...new Set(all.map(({ room }) => room))].slice(0, 32).map((room) => `${room}:${some()}`) });
	add('/poll', { room: '*', epoch: 'another', since: 'now' });
	add('/poll', { room: '*', since: 1e12 });
	return asked;
}

/** Walks of many answers, each question made of the answer before. */
const walks = [
	['back through the log', '/history', { room: '*', limit: 31 }, (json) => json.older && { before: json.older }],
	['forward through it', '/history', { room: '*', limit: 31, after: 0 }, (json) => json.newer && { after: json.newer }],
	['through what is found', '/history', { room: '*', limit: 17, q: 'walrus' }, (json) => json.older && { before: json.older }],
	['forward through what is found', '/history', { room: '*', limit: 17, q: 'walrus OR tapir', after: 0, count: 50 }, (json) => json.newer && { after: json.newer }],
	['through the rooms', '/rooms', { limit: 2 }, (json) => json.more && { after: json.rooms.at(-1).last }],
	['with polls', '/poll', { room: '*', limit: 43, since: 0, wait: 0 }, (json) => json.more && { since: json.next }],
];

it('hidden rooms leave no trace', async (t) => {
	const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007), rng = random(seed);
	t.diagnostic(`SEED=${seed}`);
	const rows = makeRows(rng), dir = tempDir();
	let whole = await log(t, rows, { dir });
	const twins = await Promise.all(persons.map(async (person) => {
		const seen = rows.filter(({ room }) => sees(person, room));
		return { person, seen, closed: await log(t, seen), open: await log(t, seen, { open: true }) };
	}));
	let compared = 0;

	/** The same question to the log with everything, and to those without what is hidden. */
	async function same({ person, seen, closed, open }, path, params) {
		const last = seen.at(-1)?.id ?? 0, [a, b, c] = await Promise.all([whole, closed, open].map((d) => ask(d, person, path, params)));
		const [got, want, bare] = [a, b, c].map((res) => comparable(res, last));
		const what = `SEED=${seed}: ${person.kind} ${person.name}: ${path}${query(params)}`;
		assert.equal(got.body, want.body, what);
		assert.deepEqual(got, want, what);
		// Where the person sees nothing a room that is named is refused in a closed log only.
		if (want.status === 200 && !params.may)
			assert.equal(got.body, bare.body, `${what} (beside the open log)`);
		assert.notEqual(got.status, 503, what);
		compared++;
		return a;
	}

	/** A part of all that can be asked. */
	async function compare(twin, part) {
		for (const [path, params] of questions(rng, twin.seen, rows)) {
			if (rng.chance(part))
				await same(twin, path, params);
		}
		for (const [, path, params, next] of walks) {
			let ask = params;
			for (let more, n = 0; ask; ask = more && { ...params, ...more }) {
				const { json } = await same(twin, path, ask);
				more = next(json);
				assert.ok(++n < 2_000, 'a walk without end');
			}
		}
	}
	const daemons = () => [whole, ...twins.flatMap(({ closed, open }) => [closed, open])];
	const indexed = () => until(async () => (await Promise.all(daemons().map(caught))).every(Boolean), { timeout: ms(60_000), every: 100, what: 'the index to be filled' });

	await t.test('as it was inserted, while the daemons ran', async () => {
		await indexed();
		for (const twin of twins)
			await compare(twin, 0.3);
	});

	await t.test('after a restart', async () => {
		await whole.stop();
		whole = await daemon({ dir, t, flags: ['--search-timeout', '20'] });
		for (const twin of twins)
			await compare(twin, 0.15);
	});

	await t.test('held polls: neither a message nor a deletion in a hidden room is noticed', async () => {
		const id = rows.at(-1).id;
		for (const [i, { person, seen, closed, open }] of twins.slice(0, 3).entries()) {
			const last = seen.at(-1).id, since = last;
			const held = [whole, closed, open].map((d) => ask(d, person, '/poll', { room: '*', since, wait: 40 }));
			await sleep(ms(100));
			const hidden = { ...rows[0], id: id + 10 * i + 1, text: 'walrus too' }, shown = { ...seen[0], id: id + 10 * i + 2, text: 'walrus three', at: hidden.at };
			await whole.sql(`DELETE FROM messages WHERE id = (SELECT id FROM messages WHERE room = 'h1' ORDER BY id DESC LIMIT 1);`);
			await whole.sql(insertRow(hidden));
			await whole.sql(`DELETE FROM messages WHERE id = ${hidden.id};`);
			assert.ok(await pending(held[0]));
			for (const d of [whole, closed, open])
				await d.sql(insertRow(shown));
			const [got, want, bare] = (await within(ms(20_000), Promise.all(held), 'the held polls')).map((res) => comparable(res, shown.id));
			assert.deepEqual(got, want);
			assert.equal(got.body, bare.body);
			// The others' logs have it too, so that all stay alike.
			rows.push(shown);
			for (const other of twins) {
				if (sees(other.person, shown.room)) {
					other.seen.push(shown);
					if (other.person !== person)
						await Promise.all([other.closed, other.open].map((d) => d.sql(insertRow(shown))));
				}
			}
		}
	});

	await t.test('gaps: deletions in hidden rooms are none, those in others are', async () => {
		await whole.sql(`DELETE FROM messages WHERE room LIKE 'h%' AND id % 5 = 0; DELETE FROM messages WHERE room IN ('h6', 'h-room-7');`);
		for (const twin of twins)
			await compare(twin, 0.15);
		const doomed = [...rng.one([[300, 320], [310, 330]]), rows.findIndex(({ room }) => room === 'pub-once')].map((i) => rows[i]);
		doomed.push(...['pub-a', 'pub-b', 'ops', 'pub-x'].map((name) => rows.findLast(({ room }) => room === name)));
		const gone = `DELETE FROM messages WHERE id IN (${doomed.map(({ id }) => id).join(', ')});`;
		for (const d of daemons())
			await d.sql(gone);
		for (const twin of twins) {
			twin.seen = twin.seen.filter((row) => !doomed.includes(row));
			for (const { id } of doomed)
				for (const since of [id - 1, id])
					if (since <= (twin.seen.at(-1)?.id ?? 0))
						await same(twin, '/poll', { room: '*', since, wait: 0, limit: 5 });
			await compare(twin, 0.2);
		}
	});

	await t.test('at times they are all that is new', async () => {
		const id = rows.at(-1).id + 100;
		await whole.sql(Array.from({ length: 300 }, (_, i) => insertRow({ ...rows[0], id: id + i, text: 'the last walrus' })).join('\n'));
		await indexed();
		for (const twin of twins)
			await compare(twin, 0.15);
	});
	t.diagnostic(`${compared} answers compared`);
});
