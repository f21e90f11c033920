// torture.test.mjs: each allocation of the daemon and each call of SQLite to the disk fails in turn, in the middle of all
// kinds of traffic.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { binary as packet, Session } from '../conformance/wire.mjs';
import { ms, sleep, within } from '../e2e/harness.mjs';
import { attempt, fill, SMALL, torture } from './fault.mjs';

const timeout = ms(120_000);

describe('torture', { concurrency: 2 }, () => {
	it('send: two at a time, of each form', { timeout }, (t) => torture(t, async (server, tag) => {
		const sent = [[`${tag}.a in one room`, 'main'], [`${tag}.b in another, ${'x'.repeat(3000)}`, 'ops']];
		await Promise.all([
			attempt(server.send({ text: sent[0][0], room: 'main', key: `${tag}.a` })),
			attempt(server.post('/send?room=ops', sent[1][0], { 'Content-Type': 'text/plain', 'Idempotency-Key': `${tag}.b` })),
		]);
		return sent;
	}));

	it('poll: held, woken, of several rooms, and from the disk', { timeout }, (t) => torture(t, async (server, tag) => {
		const sent = [[`${tag} wakes`, 'main']];
		const head = (await attempt(server.poll({ wait: 0 })))?.json?.next;
		if (head === undefined)
			return sent;
		const held = [
			attempt(server.poll({ since: head, wait: 0.5 })), attempt(server.poll({ room: ['main', 'a', 'b'], since: head, wait: 0.5 })),
			attempt(server.poll({ room: '*', since: head, wait: 0.5 })),
		];
		const since = Number(tag.slice(1)) * 37 % 280;
		const old = await attempt(server.poll({ room: 'old', since, limit: 3 }));
		if (old?.status === 200)
			assert.deepEqual(old.json.messages.map((m) => m.id), [since + 1, since + 2, since + 3]);
		await attempt(server.send({ text: sent[0][0], key: tag }));
		for (const res of await within(ms(10_000), Promise.all(held), 'the held polls')) {
			if (res?.status === 200 && res.json.messages.length)
				assert.ok(res.json.messages.some((m) => m.text === sent[0][0]), res.text);
		}
		return sent;
	}, { prepare: fill, flags: SMALL }));

	it('history and search', { timeout }, (t) => torture(t, async (server, tag) => {
		// Each time another place, or SQLite would have its pages in memory.
		const before = 10 + Number(tag.slice(1)) * 37 % 280;
		const page = await attempt(server.history({ room: 'old', before, limit: 3 }));
		if (page?.status === 200)
			assert.deepEqual(page.json.messages.map((m) => m.id), [before - 3, before - 2, before - 1]);
		await attempt(server.history({ room: '*', around: before + 5, limit: 4 }));
		await attempt(server.history({ room: 'old', on: '2026-01-01' }));
		const found = await attempt(server.history({ room: 'old', q: `"old ${before}"` }));
		if (found?.status === 200 && !('indexed' in found.json))
			assert.deepEqual(found.json.messages.map((m) => m.id), [before]);
	}, { prepare: fill, flags: SMALL }));

	it('socket.io: connect, events with and without attachments, acks', { timeout }, (t) => torture(t, async (server, tag) => {
		const session = new Session(server);
		try {
			await session.open();
			const enter = await attempt(session.post('40'));
			if (enter?.status !== 200)
				return;
			const held = attempt(session.get('', { timeout: ms(20_000) }));
			await attempt(session.post(`421["chat message","${tag}.s by socket.io","${tag}_s-0123456789abcdef-1"]`, '451-["file",{"_placeholder":true,"num":0}]',
				packet(1, 2, 3)));
			const res = await within(ms(20_000), held, 'the held GET');
			assert.match(res?.text ?? '', /^(40|44{"message":"no memory"}|1|6|$|\{|<)/);
			// What follows is the event and its ack, after the commit; if that fails there is none.
			if (res?.text.startsWith('40'))
				await Promise.race([attempt(session.get()), sleep(ms(50))]);
		} catch (error) {
			assert.match(error.message, /no handshake|socket hang up|ECONNRESET/);
		} finally {
			await attempt(session.post('1'));
		}
	}));
});
