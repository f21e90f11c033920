// changes-unaware.test.mjs: clients that know nothing of changes, written from PROTOCOL as it was before there were any: what
// they show of an edit and of a deletion is what CHANGELOG says, and they go on with what comes next.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connected, io } from '../conformance/clients.mjs';
import { room, server, until } from './harness.mjs';

/** A reader by /poll: shows each message's text, or its arguments; it knows no other member than these, id, room and sender. */
function pollReader(s, name, { since = 0, only } = {}) {
	const self = { shown: [], odd: [], ended: undefined };
	self.ended = (async () => {
		for (let next = since, epoch; self.shown.at(-1) !== 'end';) {
			const { json } = await s.poll({ room: name, since: next, epoch, wait: 10 });
			if (json.gap || json.reset)
				self.odd.push(json);
			for (const { event, text, args } of json.messages) {
				if (only === undefined || event === only)
					self.shown.push(text ?? JSON.stringify(args));
			}
			({ next, epoch } = json);
		}
		return self.shown;
	})();
	return self;
}

/** A chat by Socket.IO, as its tutorial has it: it listens to one event, and remembers the offset that came with it. */
function chat(one) {
	const self = { shown: [], offset: 0 };
	one.on('chat message', (text, offset) => {
		self.shown.push(text);
		one.auth.serverOffset = self.offset = Number(offset);
	});
	return self;
}

describe('changes: clients that know nothing of them', () => {
	const s = server({ flags: '--host localhost --host 127.0.0.1' });

	async function keyed(text, name) {
		const key = `k-${room()}`;
		return { id: await s.sent(text, { room: name, key }), key };
	}
	const change = async ({ id, key }, method, body) => {
		const res = await s.request(`/messages/${id}`, { method, body, headers: { 'Content-Type': 'text/plain', 'If-Key': key } });
		assert.equal(res.status, 201, res.text);
	};

	it('a reader by /poll shows an edit as a message with the new text, a deletion as an empty one; by `event`, neither', async () => {
		const name = room(), from = await s.head();
		const all = pollReader(s, name, { since: from }), wise = pollReader(s, name, { since: from, only: 'chat message' });
		const seen = (...texts) => until(() => all.shown.join() === texts.join(), { what: `${texts} to be shown, not ${all.shown}` });
		const one = await keyed('one', name);
		await seen('one');
		await until(() => wise.shown.join() === 'one', { what: 'the other reader to be told' });
		await change(one, 'PATCH', 'uno');
		await seen('one', 'uno');
		await change(one, 'DELETE');
		await seen('one', 'uno', '');
		await s.sent('end', { room: name });
		assert.deepEqual(await all.ended, ['one', 'uno', '', 'end']);
		assert.deepEqual(await wise.ended, ['one', 'end']);
		assert.deepEqual([...all.odd, ...wise.odd], []);
	});

	it('one that was away shows what is: the new text where it was edited, nothing where it was deleted', async () => {
		const name = room(), from = await s.head(), [one, two] = [await keyed('one', name), await keyed('two', name)];
		for (const text of ['eins', 'uno'])
			await change(one, 'PATCH', text);
		await change(two, 'DELETE');
		await s.sent('end', { room: name });
		const all = pollReader(s, name, { since: from }), wise = pollReader(s, name, { since: from, only: 'chat message' });
		assert.deepEqual(await all.ended, ['uno', '', 'uno', '', 'end']);
		assert.deepEqual(await wise.ended, ['uno', 'end']);
		assert.deepEqual([...all.odd, ...wise.odd], []);
		const { messages } = (await s.history({ room: name })).json;
		assert.deepEqual(messages.map(({ text, edited_at: at }) => [text, at !== undefined]), [['uno', true], ['end', false]]);
	});

	it('a Socket.IO client is told by events that it does not listen to, recovers and catches up', async (t) => {
		const name = room();
		const [recovers, catchesUp] = await Promise.all([1, 2].map(() => connected(t, io, `${s.url}/${name}`, { auth: {}, reconnection: false })));
		const chats = [chat(recovers), chat(catchesUp)];
		const seen = (...texts) => until(() => chats.every(({ shown }) => shown.join() === texts.join()), { what: `${texts} to be shown, not ${chats.map(({ shown }) => shown)}` });
		const one = await keyed('one', name);
		await seen('one');
		await change(one, 'PATCH', 'uno');
		await s.sent('two', { room: name });
		await seen('one', 'two');
		// What it missed had changes in it, and ended with one.
		recovers.io.engine.close();
		catchesUp.disconnect();
		await Promise.all([recovers, catchesUp].map((socket) => socket.next('disconnect')));
		const three = await keyed('three', name);
		await change(one, 'DELETE');
		await change(three, 'PATCH', 'tre');
		recovers.connect();
		await recovers.next('connect');
		assert.equal(recovers.recovered, true);
		catchesUp.connect();
		await seen('one', 'two', 'tre');
		await s.sent('end', { room: name });
		await seen('one', 'two', 'tre', 'end');
		for (const socket of [recovers, catchesUp])
			assert.deepEqual(socket.rest('connect_error'), []);
	});
});
