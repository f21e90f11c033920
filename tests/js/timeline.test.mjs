// timeline.test.mjs: order, dedupe and the unsent, without a document.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seeded } from './fake.mjs';
import { Timeline } from './modules.mjs';

const minute = (n) => new Date(Date.UTC(2026, 10, 22, 12, n)).toISOString();
const message = (id, { sender = 'ann', text = `m${id}`, at = minute(0) } = {}) =>
	({ id, room: 'main', event: 'chat message', sender, text, at });
const item = (key, { text = key, state = 'sending', tries = 1 } = {}) =>
	({ key, room: 'main', sender: 'ann', text, state, tries, problem: '' });
const dayOf = (at) => at.slice(0, 10);

/** The rows in short: ids of messages, texts of the unsent in brackets, other kinds by name. */
function shown(timeline) {
	return timeline.rows(dayOf).filter(({ kind }) => kind !== 'day' && kind !== 'beginning').map((row) => {
		if (row.kind === 'message') return row.message.id;
		return row.kind === 'unsent' ? `[${row.text}]` : row.kind;
	});
}

describe('order', () => {
	test('any order and any repetition of adding gives the same list', () => {
		const random = seeded(7);
		for (let round = 0; round < 50; round += 1) {
			const timeline = new Timeline();
			const rest = Array.from({ length: 40 }, (_, i) => message(i * 3 + 1));
			const expected = rest.map(({ id }) => id);
			let fresh = 0;
			while (rest.length) {
				const batch = Array.from({ length: 1 + Math.floor(random() * 5) }, () => rest[Math.floor(random() * rest.length)]);
				fresh += timeline.add(batch);
				for (const one of batch) if (random() < 0.7 && rest.includes(one)) rest.splice(rest.indexOf(one), 1);
			}
			assert.deepEqual(shown(timeline), expected);
			assert.equal(fresh, 40, 'each counts as new once');
		}
	});

	test('first, last, messages and has() tell what is in it', () => {
		const timeline = new Timeline();
		assert.deepEqual([timeline.first, timeline.last, timeline.messages.length], [null, 0, 0]);
		timeline.add([message(9), message(4)]);
		assert.deepEqual([timeline.first, timeline.last, timeline.messages.length], [4, 9, 2]);
		assert.equal(timeline.has(4), true);
		assert.equal(timeline.has(5), false);
	});

	test('open() forgets what was there but not what is unsent', () => {
		const timeline = new Timeline();
		timeline.add([message(1), message(2)]);
		timeline.note('warning', 'something');
		timeline.outbox('item', item('mine'));
		timeline.open([message(1, { text: 'of another log' })], null);
		assert.deepEqual(shown(timeline), [1, '[mine]']);
		assert.equal(timeline.messages[0].text, 'of another log');
	});

	test('older messages are offered while there are some', () => {
		const timeline = new Timeline();
		timeline.open([message(5)], 5);
		assert.deepEqual(timeline.rows(dayOf)[0], { key: 'older', kind: 'older' });
		timeline.open([message(5)], null);
		assert.equal(timeline.rows(dayOf)[0].kind, 'beginning');
	});

	test('trim() drops the oldest and offers them as older', () => {
		const timeline = new Timeline();
		timeline.add([1, 2, 3, 4, 5].map((id) => message(id)));
		timeline.trim(9);
		assert.deepEqual(shown(timeline), [1, 2, 3, 4, 5]);
		timeline.trim(2);
		assert.deepEqual(shown(timeline), ['older', 4, 5]);
		assert.equal(timeline.older, 4);
		assert.equal(timeline.has(1), false);
	});
});

describe('the unsent', () => {
	test('stand below all messages, in the order typed, whatever their state', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('a', { state: 'waiting' }));
		timeline.outbox('item', item('b', { state: 'queued', tries: 0 }));
		timeline.add([message(1)]);
		timeline.outbox('item', item('a', { state: 'sending' }));
		assert.deepEqual(shown(timeline), [1, '[a]', '[b]']);
		const row = timeline.rows(dayOf).find(({ itemKey }) => itemKey === 'a');
		assert.equal(row.state, 'sending');
	});

	test('answered before the poll: becomes the message, which the poll then does not double', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('hi'));
		timeline.outbox('sent', item('hi'), { id: 7, at: minute(1) });
		assert.deepEqual(shown(timeline), [7]);
		assert.equal(timeline.add([message(7, { text: 'hi' })]), 0);
		assert.deepEqual(shown(timeline), [7]);
	});

	test("the server's version wins: it may know the sender better", () => {
		const timeline = new Timeline();
		timeline.outbox('sent', item('hi'), { id: 7, at: minute(1) });
		timeline.add([message(6), message(7, { text: 'hi', sender: 'ann@example' }), message(8)]);
		const senders = timeline.rows(dayOf).filter(({ kind }) => kind === 'message').map((row) => row.message.sender);
		assert.deepEqual(senders, ['ann', 'ann@example', 'ann']);
		assert.deepEqual(shown(timeline), [6, 7, 8]);
	});

	test('the poll before the answer: shown once in between, too', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('hi'));
		timeline.add([message(7, { text: 'hi' })]);
		assert.deepEqual(shown(timeline), [7]);
		timeline.outbox('sent', item('hi'), { id: 7, at: minute(1) });
		assert.deepEqual(shown(timeline), [7]);
	});

	test('the same words by someone else: both are there in the end', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('k', { text: '+1' }));
		timeline.add([message(7, { text: '+1', sender: 'bob' })]);
		timeline.outbox('sent', item('k', { text: '+1' }), { id: 8, at: minute(1) });
		assert.deepEqual(shown(timeline), [7, 8]);
	});

	test('the same words typed twice: each message stands for one of them', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('k1', { text: '+1' }));
		timeline.outbox('item', item('k2', { text: '+1', state: 'queued', tries: 0 }));
		timeline.add([message(7, { text: '+1' })]);
		assert.deepEqual(shown(timeline), [7, '[+1]'], 'the one that was never tried cannot have arrived');
		timeline.outbox('sent', item('k1', { text: '+1' }), { id: 7, at: minute(1) });
		timeline.outbox('item', item('k2', { text: '+1' }));
		timeline.add([message(8, { text: '+1' })]);
		assert.deepEqual(shown(timeline), [7, 8]);
	});

	test('two on their way with the same words, two messages: both taken for them', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('k1', { text: '+1' }));
		timeline.outbox('item', item('k2', { text: '+1', state: 'waiting' }));
		timeline.add([message(7, { text: '+1' }), message(8, { text: '+1' })]);
		assert.deepEqual(shown(timeline), [7, 8]);
	});

	test('one that was never tried is not taken for a message with its words', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('k', { text: '+1', state: 'queued', tries: 0 }));
		timeline.add([message(7, { text: '+1', sender: 'bob' })]);
		assert.deepEqual(shown(timeline), [7, '[+1]']);
	});

	test('one that failed is shown even if something looks like it', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('hi'));
		timeline.add([message(7, { text: 'hi', sender: 'bob' })]);
		timeline.outbox('item', item('hi', { state: 'failed' }));
		assert.deepEqual(shown(timeline), [7, '[hi]']);
	});

	test('what is discarded is gone', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('hi'));
		timeline.outbox('discarded', { key: 'hi' });
		assert.deepEqual(shown(timeline), []);
	});
});

describe('rows', () => {
	test('a heading where the sender changes, after five minutes, after a day and after a note', () => {
		const timeline = new Timeline();
		timeline.add([
			message(1, { at: minute(0) }),
			message(2, { at: minute(4) }),
			message(3, { at: minute(4), sender: 'bob' }),
			message(4, { at: minute(9), sender: 'bob' }),
			message(5, { at: minute(8), sender: 'bob' }), // the clock was set back
			message(6, { at: minute(9), sender: 'bob' }),
		]);
		timeline.note('warning', 'gap');
		timeline.add([message(7, { at: minute(9), sender: 'bob' }), message(8, { at: minute(24 * 60), sender: 'bob' })]);
		const rows = timeline.rows(dayOf);
		assert.deepEqual(rows.map(({ kind }) => kind), [
			'beginning', 'day', 'message', 'message', 'message', 'message', 'message', 'message', 'note', 'message', 'day', 'message',
		]);
		const headed = rows.filter(({ kind }) => kind === 'message').map((row) => row.headed);
		assert.deepEqual(headed, [true, false, true, true, true, false, true, true]);
	});

	test('the mark stands before the first message that was new, once it is known which that is', () => {
		const timeline = new Timeline();
		timeline.mark = 4;
		timeline.open([message(4), message(5)], 4);
		assert.deepEqual(shown(timeline), ['older', 4, 'mark', 5]);
		timeline.open([message(8), message(9)], 8);
		assert.deepEqual(shown(timeline), ['older', 8, 9], 'the first unread may be further up');
		timeline.open([message(8), message(9)], null);
		assert.deepEqual(shown(timeline), ['mark', 8, 9]);
		timeline.mark = 9;
		assert.deepEqual(shown(timeline), [8, 9]);
	});

	test('what is unsent stands at the end of the log only', () => {
		const timeline = new Timeline();
		timeline.outbox('item', item('mine'));
		timeline.open([message(1)], null, 1);
		assert.deepEqual(shown(timeline), [1, 'newer']);
		timeline.append([message(2)], null);
		assert.deepEqual(shown(timeline), [1, 2, '[mine]']);
	});

	test('detach() keeps what is certain: one of our own may have others before it', () => {
		const timeline = new Timeline();
		timeline.open([message(1)], null);
		timeline.outbox('item', item('k'));
		timeline.outbox('sent', item('k'), { id: 5, at: minute(0) });
		assert.deepEqual([timeline.last, timeline.solid], [5, 1]);
		timeline.detach();
		assert.deepEqual(shown(timeline), [1, 'newer']);
		assert.equal(timeline.newer, 1);
	});

	test('heavy messages are trimmed sooner, but never to less than a screen', () => {
		const timeline = new Timeline();
		timeline.open(Array.from({ length: 100 }, (_, i) => message(i + 1, { text: 'x'.repeat(100_000) })), null);
		timeline.trimEnd(300);
		assert.equal(timeline.messages.length, 30);
		assert.deepEqual([timeline.first, timeline.newer], [1, 30]);
	});

	test('keys are unique and stay with their row', () => {
		const timeline = new Timeline();
		timeline.open([message(1), message(2, { at: minute(-24 * 60) }), message(3)], 1); // a day twice
		timeline.note('warning', 'a');
		timeline.note('warning', 'b');
		timeline.outbox('item', item('x'));
		const keys = timeline.rows(dayOf).map(({ key }) => key);
		assert.equal(new Set(keys).size, keys.length);
		timeline.add([message(9)]);
		const after = timeline.rows(dayOf).map(({ key }) => key);
		assert.deepEqual(keys.filter((key) => after.includes(key)), keys);
	});

	test('a note stands where the list ended when it was made', () => {
		const timeline = new Timeline();
		timeline.note('warning', 'first');
		timeline.add([message(3)]);
		timeline.note('warning', 'second');
		timeline.add([message(5), message(4)]);
		assert.deepEqual(shown(timeline), ['note', 3, 'note', 4, 5]);
	});

	test('a time that is none does no harm', () => {
		const timeline = new Timeline();
		timeline.add([message(1, { at: 'yesterday' }), message(2, { at: 'yesterday' })]);
		assert.deepEqual(shown(timeline), [1, 2]);
	});
});
