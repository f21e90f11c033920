// changes.test.mjs: a message that changes or deletes another is a message too: who may, what readers are told, what a
// repeated send gets, and what SQL may do.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { connected, io } from '../conformance/clients.mjs';
import { longline, problem, room, run, server, sleep, start, tempDir, until } from './harness.mjs';
import { sharedSite, site, stranger, token, user } from './persons.mjs';

const JSON_TYPE = { 'Content-Type': 'application/json' };

/** What one client does to messages. */
const changing = (s) => ({
	get: (id, headers = {}) => s.request(`/messages/${id}`, { headers }),
	patch: (id, what, headers = {}) => s.request(`/messages/${id}`, {
		method: 'PATCH',
		body: typeof what === 'string' ? what : JSON.stringify(what),
		headers: { 'Content-Type': typeof what === 'string' ? 'text/plain' : 'application/json', ...headers },
	}),
	del: (id, headers = {}) => s.request(`/messages/${id}`, { method: 'DELETE', headers }),
});

/** Sends a message whose key is known, and gives id and key. */
async function keyed(s, text, params = {}) {
	const key = `k-${room()}`;
	return { id: await s.sent(text, { ...params, key }), key };
}

const all = async (s, name, since = 'all') => (await s.poll({ room: name, since, wait: 0 })).json.messages;

describe('changes: by key, in an open log', () => {
	const s = server({ flags: '--host localhost --host 127.0.0.1' });
	let c;
	before(() => {
		c = changing(s);
	});

	it('an edit is a message of its own, and what was edited says the new text', async () => {
		const r = room(), { id, key } = await keyed(s, 'helo', { room: r, sender: 'Ann' });
		const res = await c.patch(id, 'hello', { 'If-Key': key });
		assert.equal(res.status, 201, res.text);
		assert.deepEqual([res.json.room, res.json.changes], [r, id]);
		assert.ok(res.json.id > id && res.json.at);
		const [first, change] = await all(s, r);
		assert.deepEqual([first.id, first.text, first.edited_at, first.changes], [id, 'hello', res.json.at, undefined]);
		assert.deepEqual([change.id, change.event, change.changes, change.text, change.sender], [res.json.id, 'message changed', id, 'hello', 'Ann']);
		const { messages } = (await s.history({ room: r })).json;
		assert.deepEqual(messages.map((m) => [m.id, m.text]), [[id, 'hello']]);
		assert.equal((await c.get(id)).json.text, 'hello');
	});

	it('a deletion: the message is gone, its change says so, and it is no gap', async () => {
		const r = room(), { id, key } = await keyed(s, 'oops', { room: r }), next = (await s.poll({ room: r, since: 'all', wait: 0 })).json.next;
		const res = await c.del(id, { 'If-Key': key });
		assert.equal(res.status, 201, res.text);
		const { json } = await s.poll({ room: r, since: next, wait: 0 });
		assert.deepEqual(json.messages.map((m) => [m.id, m.event, m.changes, m.text]), [[res.json.id, 'message deleted', id, '']]);
		assert.equal(json.gap, undefined);
		assert.equal((await s.poll({ room: r, since: 1, wait: 0 })).json.gap, undefined);
		assert.deepEqual((await s.history({ room: r })).json.messages, []);
		problem(assert, await c.get(id), 404, 'not_found');
		assert.ok(!(await s.get('/rooms?limit=1000')).json.rooms.some(({ name }) => name === r));
	});

	it('args become text, and text args', async () => {
		const r = room(), { id, key } = await keyed(s, { args: [1, { a: 2 }] }, { room: r });
		assert.equal((await c.patch(id, 'words', { 'If-Key': key })).status, 201);
		assert.equal((await c.get(id)).json.text, 'words');
		assert.equal((await c.patch(id, { args: [3, 4] }, { 'If-Key': key })).status, 201);
		assert.deepEqual((await c.get(id)).json.args, [3, 4]);
		assert.deepEqual((await all(s, r)).map(({ event, text, args }) => [event, text ?? args]), [
			['chat message', [3, 4]], ['message changed', ''], ['message changed', [3, 4]],
		], 'what an edit said is nobody\'s business once there is a newer one');
	});

	it('what is in memory is changed without being read first, by its key as well, also a second time', async () => {
		const reads = () => s.metric(/^longline_reads_total/);
		const r = room(), { id, key } = await keyed(s, 'first', { room: r }), before = await reads();
		assert.equal((await c.patch(id, 'second', { 'If-Key': key })).status, 201);
		assert.equal((await c.patch(id, 'third', { 'If-Key': key })).status, 201);
		assert.equal(await reads(), before);
		assert.equal((await c.get(id)).json.text, 'third');
		assert.equal((await c.del(id, { 'If-Key': key })).status, 201);
	});

	it('an attachment goes with the body that it belonged to', async () => {
		const r = room(), key = room();
		const { json: { id } } = await s.post(`/send?room=${r}&key=${key}`, Buffer.from([1, 2, 3]), { 'Content-Type': 'application/octet-stream' });
		assert.equal((await c.get(id)).json.attachments.length, 1);
		assert.equal((await c.patch(id, 'no file', { 'If-Key': key })).status, 201);
		assert.equal((await c.get(id)).json.attachments, undefined);
		assert.equal(await s.sql(`SELECT count(*) FROM attachments WHERE message = ${id}`), '0');
		problem(assert, await s.request(`/messages/${id}`, { method: 'PATCH', body: 'x', headers: { 'Content-Type': 'application/octet-stream', 'If-Key': key } }), 400, 'bad_field');
	});

	it('a held poll is told', async () => {
		const r = room(), { id, key } = await keyed(s, 'a', { room: r }), held = s.poll({ room: r, wait: 20 });
		await s.parked(1);
		await c.patch(id, 'b', { 'If-Key': key });
		assert.deepEqual((await held).json.messages.map(({ changes, text }) => [changes, text]), [[id, 'b']]);
	});

	it('the same bytes store nothing; a second deletion is answered with the first one\'s id', async () => {
		const r = room(), { id, key } = await keyed(s, 'a', { room: r });
		const same = await c.patch(id, 'a', { 'If-Key': key });
		assert.deepEqual([same.status, same.json.id], [200, id]);
		const edit = await c.patch(id, 'b', { 'If-Key': key }), again = await c.patch(id, 'b', { 'If-Key': key });
		assert.deepEqual([again.status, again.json.id], [200, edit.json.id]);
		const gone = await c.del(id, { 'If-Key': key }), once = await c.del(id, { 'If-Key': key });
		assert.deepEqual([gone.status, once.status, once.json.id], [201, 200, gone.json.id]);
		problem(assert, await c.patch(id, 'c', { 'If-Key': key }), 404, 'not_found');
		assert.equal((await all(s, r)).length, 2);
	});

	it('a change with an Idempotency-Key is stored once', async () => {
		const r = room(), { id, key } = await keyed(s, 'a', { room: r }), headers = { 'If-Key': key, 'Idempotency-Key': room() };
		const one = await c.patch(id, 'b', headers);
		await c.patch(id, 'c', { 'If-Key': key });
		const two = await c.patch(id, 'b', headers);
		assert.deepEqual([one.status, two.status, two.json.id, two.headers['idempotent-replayed']], [201, 200, one.json.id, 'true']);
		const gone = await c.del(id, { 'If-Key': key, 'Idempotency-Key': 'x'.repeat(129) });
		problem(assert, gone, 400, 'bad_parameter');
		assert.equal((await c.get(id)).json.text, 'c');
	});

	it('a send that is repeated after its edit or deletion is neither stored anew nor refused', async () => {
		const r = room();
		for (const what of ['edit', 'deletion']) {
			const { id, key } = await keyed(s, 'first', { room: r });
			assert.equal((await (what === 'edit' ? c.patch(id, 'second', { 'If-Key': key }) : c.del(id, { 'If-Key': key }))).status, 201);
			for (const text of ['first', 'something else']) {
				const res = await s.send(text, { room: r, key });
				assert.deepEqual([res.status, res.json.id, res.headers['idempotent-replayed']], [200, id, 'true'], what);
			}
		}
		assert.equal((await all(s, r)).length, 3);
	});

	it('If-Match: 412 when it was changed meanwhile', async () => {
		const r = room(), { id, key } = await keyed(s, 'a', { room: r }), { etag } = (await c.get(id)).headers;
		assert.equal((await c.get(id, { 'If-None-Match': etag })).status, 304);
		assert.equal((await c.patch(id, 'b', { 'If-Key': key, 'If-Match': `"other", W/${etag}` })).status, 201);
		problem(assert, await c.patch(id, 'c', { 'If-Key': key, 'If-Match': etag }), 412, 'precondition_failed');
		problem(assert, await c.del(id, { 'If-Key': key, 'If-Match': '"x"' }), 412, 'precondition_failed');
		assert.equal((await c.get(id)).json.text, 'b');
		assert.equal((await c.del(id, { 'If-Key': key, 'If-Match': '*' })).status, 201);
	});

	it('only what a message says can be changed, and by words that are one', async () => {
		const r = room(), { id, key } = await keyed(s, 'a', { room: r });
		for (const member of ['room', 'sender', 'event'])
			problem(assert, await c.patch(id, { text: 'b', [member]: 'x' }, { 'If-Key': key }), 400, 'bad_field');
		problem(assert, await c.patch(id, '', { 'If-Key': key }), 400, 'empty_text');
		problem(assert, await c.patch(id, {}, { 'If-Key': key }), 400, 'missing_text');
		problem(assert, await s.request(`/messages/${id}`, { method: 'PATCH', body: '{', headers: { ...JSON_TYPE, 'If-Key': key } }), 400, 'bad_json');
		problem(assert, await s.request(`/messages/${id}?x=1`, { method: 'DELETE' }), 400, 'unknown_parameter');
		problem(assert, await s.request(`/messages/${id}`, { method: 'PUT', body: 'x' }), 405, 'method_not_allowed');
		for (const bad of ['0', '9007199254740992', '99999999999999999999'])
			problem(assert, await c.get(bad), 404, 'not_found');
		problem(assert, await c.get(9_007_199_254_740_991), 404, 'not_found');
		assert.equal((await c.get(id)).json.text, 'a');
		const edit = await c.patch(id, 'b', { 'If-Key': key });
		problem(assert, await c.patch(edit.json.id, 'c', { 'If-Key': key }), 404, 'not_found');
		problem(assert, await c.del(edit.json.id, { 'If-Key': key }), 404, 'not_found');
	});

	it('their events are refused from strangers', async (t) => {
		for (const event of ['message changed', 'message deleted'])
			problem(assert, await s.send({ text: 'x', event }), 400, 'bad_field');
		const one = await connected(t, io, `${s.url}/${room()}`);
		assert.equal((await one.ask('message deleted', '5'))[0].code, 'bad_field');
		assert.equal(one.connected, true);
	});

	it('Socket.IO: the id that was changed, what it says now, the offset', async (t) => {
		const r = room(), one = await connected(t, io, `${s.url}/${r}`);
		const { id, key } = await keyed(s, 'a', { room: r });
		assert.equal((await one.next('chat message'))[0], 'a');
		const edit = (await c.patch(id, 'b', { 'If-Key': key })).json.id;
		assert.deepEqual(await one.next('message changed'), [id, 'b', String(edit)]);
		const second = (await c.patch(id, { args: [1, 'two'] }, { 'If-Key': key })).json.id;
		assert.deepEqual(await one.next('message changed'), [id, [1, 'two'], String(second)]);
		const gone = (await c.del(id, { 'If-Key': key })).json.id;
		assert.deepEqual(await one.next('message deleted'), [id, '', String(gone)]);
	});

	it('search finds what is, and not what was', async () => {
		const r = room(), { id, key } = await keyed(s, 'oldword', { room: r });
		await c.patch(id, 'newword', { 'If-Key': key });
		const found = async (q) => (await s.history({ room: r, q })).json.messages.map((m) => m.id);
		await until(async () => (await found('newword')).length === 1);
		assert.deepEqual(await found('newword'), [id]);
		assert.deepEqual(await found('oldword'), []);
		await c.del(id, { 'If-Key': key });
		await until(async () => (await found('newword')).length === 0);
	});

	it('-N counts messages, not changes; /rooms shows the last message', async () => {
		const r = room(), { id, key } = await keyed(s, 'one', { room: r });
		await s.sent('two', { room: r });
		for (const text of ['1', '2', '3'])
			await c.patch(id, text, { 'If-Key': key });
		const { messages } = (await s.poll({ room: r, since: -2, wait: 0 })).json;
		assert.deepEqual(messages.map(({ event }) => event).filter((event) => event === 'chat message').length, 2);
		const listed = (await s.get('/rooms?limit=1000')).json.rooms.find(({ name }) => name === r);
		assert.deepEqual([listed.n, listed.text], [2, 'two']);
	});

	it('SQL may change and delete likewise, and nothing that is none', async () => {
		const r = room(), id = await s.sent('a', { room: r });
		const held = s.poll({ room: r, wait: 20 });
		await s.parked(1);
		await s.sql(`INSERT INTO messages(room, event, changes, text) VALUES('${r}', 'message changed', ${id}, 'by sql');`);
		assert.equal((await held).json.messages[0].text, 'by sql');
		assert.equal((await c.get(id)).json.text, 'by sql');
		for (const wrong of [
			`INSERT INTO messages(room, event, text) VALUES('${r}', 'message changed', 'x');`,
			`INSERT INTO messages(room, event, changes, text) VALUES('${r}', 'other', ${id}, 'x');`,
			`INSERT INTO messages(room, event, changes, text) VALUES('elsewhere', 'message changed', ${id}, 'x');`,
			`INSERT INTO messages(room, event, changes, text) VALUES('${r}', 'message changed', ${id + 1}, 'x');`,
			`INSERT INTO messages(room, event, changes, text) VALUES('${r}', 'message deleted', ${id}, 'x');`,
			`UPDATE messages SET changes = NULL WHERE changes = ${id};`,
			`UPDATE messages SET event = 'message deleted' WHERE id = ${id};`,
		])
			await assert.rejects(s.sql(wrong), wrong);
		await s.sql(`INSERT INTO messages(room, event, changes, text) VALUES('${r}', 'message deleted', ${id}, '');`);
		await until(async () => (await c.get(id)).status === 404);
	});

	it('many changes among many sends: every reader ends with the log\'s state', async () => {
		const r = room(), sent = await Promise.all(Array.from({ length: 40 }, (_, i) => keyed(s, `m${i}`, { room: r })));
		const reader = (async () => {
			const state = new Map();
			for (let next = 0; !state.has('end');) {
				const { json } = await s.poll({ room: r, since: next, wait: 5, limit: 7 });
				assert.equal(json.gap, undefined);
				for (const m of json.messages) {
					if (m.changes && m.event === 'message deleted')
						state.delete(m.changes);
					else if (m.changes)
						state.set(m.changes, m.text);
					else
						state.set(m.text === 'end' ? 'end' : m.id, m.text);
				}
				({ next } = json);
			}
			state.delete('end');
			return state;
		})();
		await Promise.all(sent.map(async ({ id, key }, i) => {
			for (let k = 0; k < i % 4; k++)
				assert.equal((await c.patch(id, `m${i}.${k}`, { 'If-Key': key })).status, 201);
			if (i % 5 === 0)
				assert.equal((await c.del(id, { 'If-Key': key })).status, 201);
			await s.sent(`more ${i}`, { room: r });
		}));
		await s.sent('end', { room: r });
		const state = await reader, { messages } = (await s.history({ room: r, limit: 500 })).json;
		assert.deepEqual([...state].sort(([a], [b]) => a - b), messages.filter(({ text }) => text !== 'end').map(({ id, text }) => [id, text]));
	});
});

describe('changes: who may', () => {
	const s = sharedSite();
	let ann, bob, mod;
	const own = (who) => changing(s.as(who));
	before(async () => {
		ann = await token(s, 'ann');
		bob = await token(s, 'bob');
		mod = user('mod');
		await s.sql(`INSERT INTO grants VALUES('users', 'talk*', 'rw'), ('user:mod', 'talk*', 'rm'), ('anyone', 'talk*', 'r'), ('token:ann', 'drop', 'w'), ('anyone', 'wall', 'rw');`);
		await s.as(ann).sent('known', { room: 'talk' });
	});

	it('who was proven to have sent it; nobody else but a moderator', async () => {
		const id = await s.as(ann).sent('a', { room: 'talk' });
		assert.equal((await own(ann).patch(id, 'b')).status, 201);
		for (const who of [bob, stranger])
			problem(assert, await own(who).patch(id, 'c'), 403, 'forbidden_message');
		const res = await own(mod).patch(id, 'moderated');
		assert.equal(res.status, 201);
		const told = (await all(s.as(ann), 'talk')).find((m) => m.id === res.json.id);
		assert.deepEqual([told.by, told.sender, told.changes], ['user:mod', 'mod', id]);
		assert.equal((await own(ann).get(id)).json.by, 'ann', 'it is still hers');
		assert.equal((await own(mod).del(id)).status, 201);
		problem(assert, await own(bob).del(id), 403, 'forbidden_message');
	});

	it('a room that may not be read: 404, as if there were none', async () => {
		await s.sql("INSERT INTO messages(room, text) VALUES('hidden', 'x');");
		const id = Number(await s.sql("SELECT max(id) FROM messages WHERE room = 'hidden';"));
		const bodies = [];
		for (const what of [id, id + 1_000_000]) {
			const c = own(bob), texts = [];
			for (const res of [await c.get(what), await c.patch(what, 'y'), await c.del(what)]) {
				problem(assert, res, 404, 'not_found');
				texts.push(res.text.replaceAll(String(what), 'ID'));
			}
			bodies.push(texts);
		}
		assert.deepEqual(bodies[0], bodies[1]);
	});

	it('who may only write changes its own, and reads nothing', async () => {
		const id = await s.as(ann).sent('a', { room: 'drop' });
		problem(assert, await own(ann).get(id), 404, 'not_found');
		assert.equal((await own(ann).patch(id, 'b')).status, 201);
		assert.equal(await s.sql(`SELECT text FROM messages WHERE id = ${id}`), 'b');
	});

	it('a stranger by its key, and only where it may write', async () => {
		const key = room(), id = await s.as(stranger).sent('a', { room: 'wall', key });
		problem(assert, await own(stranger).patch(id, 'b'), 403, 'forbidden_message');
		problem(assert, await own(stranger).patch(id, 'b', { 'If-Key': 'guess' }), 403, 'forbidden_message');
		assert.equal((await own(stranger).patch(id, 'b', { 'If-Key': key })).status, 201);
		await s.sql("UPDATE grants SET may = 'r' WHERE rooms = 'wall';");
		problem(assert, await own(stranger).patch(id, 'c', { 'If-Key': key }), 403, 'forbidden_room');
	});

	it('/rooms tells where one may moderate, and where one may not write, if it is asked', async () => {
		await s.sql("INSERT INTO grants VALUES('user:boss', 'told*', 'rwm'), ('user:mod', 'told-r', 'rm'), ('user:mod', 'told*', 'rw'), ('users', 'told-r', 'r'), ('users', 'told-w', 'rw');");
		for (const one of ['told-r', 'told-w', 'told-x'])
			await s.as(user('boss')).sent('x', { room: one });
		const told = async (who, query = '?may=1') => (await s.as(who).get(`/rooms${query}`)).json.rooms
			.filter(({ name }) => name.startsWith('told')).map((one) => `${one.name} ${one.may}`).sort();
		assert.deepEqual(await told(user('boss')), ['told-r rwm', 'told-w rwm', 'told-x rwm']);
		assert.deepEqual(await told(mod), ['told-r rm', 'told-w undefined', 'told-x undefined']);
		assert.deepEqual(await told(user('eve')), ['told-r r', 'told-w undefined']);
		assert.deepEqual(await told(user('boss'), ''), ['told-r undefined', 'told-w undefined', 'told-x undefined']);
		await s.sql("DELETE FROM grants WHERE who = 'user:boss';");
		assert.deepEqual(await told(user('boss')), ['told-r r', 'told-w undefined']);
	});

	it('a token that is revoked changes nothing', async () => {
		const ci = await token(s, 'ci'), id = await s.as(ci).sent('a', { room: 'talk' });
		await s.sql("DELETE FROM tokens WHERE name = 'ci';");
		await until(async () => (await own(ci).patch(id, 'b')).status === 401);
	});
});

describe('changes: time, restart', () => {
	it('the index has each message as it is now, once, and no changes, however often there were any', async (t) => {
		const s = await start({ t }), c = changing(s);
		const one = await keyed(s, 'one word'), two = await keyed(s, 'two words');
		const filled = () => until(async () => await s.metric(/^longline_indexed$/) === await s.head() && await s.sql('SELECT count(*) FROM changed') === '0', { what: 'the index' });
		for (const [{ id, key }, text] of [[one, 'first edit'], [one, 'second edit'], [one, 'third edit'], [two, 'gone soon'], [two]]) {
			await filled();
			assert.equal((await (text ? c.patch(id, text, { 'If-Key': key }) : c.del(id, { 'If-Key': key }))).status, 201);
		}
		await filled();
		/** How many rows the index believes it has (the first number of its totals), and which; its words are as many. */
		const indexed = async () => {
			assert.match((await run(longline, ['check', '--database', s.db])).stdout, /^ok +search/m);
			return (await s.sql('SELECT hex(substr(block, 1, 1)) FROM search_1_data WHERE id = 1; SELECT id FROM search_1_docsize')).split('\n').map((n) => parseInt(n, 16));
		};
		assert.deepEqual(await indexed(), [1, one.id]);
		const found = async (q) => (await s.history({ q })).json.messages.map(({ id }) => id);
		assert.deepEqual(await Promise.all(['one', 'edit', 'third', 'gone'].map(found)), [[], [one.id], [one.id], []]);
		await s.sql(`DELETE FROM messages WHERE id = ${one.id}`);
		await filled();
		const later = await s.sent('later', {});
		await until(async () => (await found('later')).length === 1, { what: 'a search to find what came later' });
		assert.deepEqual(await indexed(), [1, later]);
	});

	it('--edit-window: then it is a moderator\'s or a key\'s alone', async (t) => {
		const s = await site(t, { flags: ['--edit-window', '0'] });
		const ann = await token(s, 'ann'), mod = user('mod'), key = room();
		await s.sql("INSERT INTO grants VALUES ('users', '*', 'rw'), ('user:mod', '*', 'rm');");
		const id = await s.as(ann).sent('a', { key });
		await sleep(20);
		problem(assert, await changing(s.as(ann)).patch(id, 'b'), 403, 'forbidden_message');
		assert.equal((await changing(s.as(ann)).patch(id, 'c', { 'If-Key': key })).status, 201);
		assert.equal((await changing(s.as(mod)).patch(id, 'd')).status, 201);
		assert.equal((await changing(s.as(mod)).get(id)).json.text, 'd');
	});

	it('a restart forgets nothing of it', async () => {
		const dataDir = tempDir();
		let s = await start({ dataDir });
		const { id, key } = await keyed(s, 'a'), gone = await keyed(s, 'x');
		const edit = (await changing(s).patch(id, 'b', { 'If-Key': key })).json.id, deletion = (await changing(s).del(gone.id, { 'If-Key': gone.key })).json.id;
		await s.stop();
		s = await start({ dataDir });
		const c = changing(s);
		assert.equal((await c.patch(id, 'b', { 'If-Key': key })).json.id, edit);
		assert.equal((await c.del(gone.id, { 'If-Key': gone.key })).json.id, deletion);
		assert.equal((await s.send('x', { key: gone.key })).json.id, gone.id);
		assert.deepEqual((await all(s, 'main')).map((m) => [m.id, m.changes]), [[id, undefined], [edit, id], [deletion, gone.id]]);
		await s.stop();
	});
});
