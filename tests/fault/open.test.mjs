// open.test.mjs: as torture.test.mjs, where connections stay open: sessions by WebSocket, on the way there, and streams. Unless
// FAULT_KINDS says otherwise it is allocations that fail: the rest of what they do is as for polls.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { binary as packet, Session } from '../conformance/wire.mjs';
import { packetFrame, WebSocketSession } from '../conformance/wire-websocket.mjs';
import { ms, sleep, until, within } from '../e2e/harness.mjs';
import { followSocket } from '../e2e/sockets.mjs';
import { eventSource, followStream, lineReader, stream } from '../e2e/streams.mjs';
import { ask, CONTINUATION, frame, PING, TEXT } from '../e2e/websocket.mjs';
import { attempt, fill, SMALL, torture } from './fault.mjs';

const timeout = ms(120_000);
const kinds = process.env.FAULT_KINDS?.split(',') ?? ['allocate'];

/** Whether these follow each other, from that one on. */
const assertRow = (ids, first, what) => assert.deepEqual(ids, ids.map((_, i) => first + i), what);

/** Opens a session by WebSocket, or goes on so with one by polling; null where it was refused. What it is told stands in `told`. */
async function opened(server, polling) {
	const self = new WebSocketSession(server, { polling });
	const answer = await ask(server.port, self.target());
	if (answer.status !== 101) {
		assert.ok([400, 500, 502, 503].includes(answer.status), `${answer.status} ${answer.text}`);
		return null;
	}
	Object.assign(self, { peer: answer.peer, told: [] });
	self.listening = (async () => {
		for (let one; (one = await self.heard()) !== undefined;)
			self.told.push(one);
	})().catch((error) => {
		// What a socket did not take cannot be kept, either.
		assert.match(error.message, /ended within a frame/);
		self.ended = {};
	});
	self.over = async () => {
		self.peer.send('1');
		await within(ms(10_000), self.listening, 'the end of a session');
		self.peer.destroy();
	};
	if (polling) {
		self.peer.send('2probe');
		await until(() => self.ended || self.told.includes('3probe'), { every: 1, what: 'the answer to a probe' });
		self.peer.send('5');
	}
	return self;
}

/** The ids of what a session was told, of events whose packets begin so. */
const idsOf = ({ told }, head) => told.filter((one) => one.startsWith(`${head}["chat message"`)).map((one) => Number(JSON.parse(one.slice(head.length))[2]));

/** The id in the ack of event 1; undefined: there is none. */
function acked({ told }) {
	const ack = told.find((one) => one.startsWith('431['));
	return ack && JSON.parse(ack.slice(3))[0].id;
}

/** Where nothing fails the event comes before its ack. A message that is stored and cannot be kept in memory is read, and comes later. */
const assertOrder = ({ told }) => assert.ok(idsOf({ told: told.slice(0, told.findIndex((one) => one.startsWith('431['))) }, '42').includes(acked({ told })),
	told.map((one) => one.slice(0, 100)).join(' '));

/** Waits for something; where something fails, no longer than for a moment, and it need not come. */
const soon = (probe, armed, what) => until(probe, { every: 2, timeout: armed ? ms(20) : ms(20_000), what }).catch((error) => {
	if (!armed)
		throw error;
});

/** Waits for the ack, and for as many of the old ones. */
const answered = (session, armed, old = 0) => soon(() => session.ended || (acked(session) && idsOf(session, '42/old,').length >= old), armed, 'the ack');

describe('torture of what stays open', { concurrency: 2 }, () => {
	it('a session by WebSocket: events in parts, attachments, PINGs, and what it missed from the disk', { timeout }, (t) => torture(t, async (server, tag, armed) => {
		const text = `${tag}_w-0123456789abcdef-1 by WebSocket`, since = 283, sent = [text, 'main'];
		const session = await opened(server);
		if (!session)
			return [sent];
		const event = `421${JSON.stringify(['chat message', text, text.split(' ')[0]])}`;
		try {
			await session.post('40', '40/files', `40/old,{"serverOffset":${since}}`);
			// In two fragments, the second in two pieces, with a PING between.
			const rest = frame(CONTINUATION, event.slice(9));
			session.peer.write(frame(TEXT, event.slice(0, 9), { fin: false }), frame(PING, 'between'), rest.subarray(0, 5));
			await sleep(2);
			session.peer.write(rest.subarray(5), packetFrame('451-/files,["file",{"_placeholder":true,"num":0}]'), packetFrame(packet(1, 2, 3)));
			await answered(session, armed, 300 - since);
			if (!armed)
				assertOrder(session);
		} finally {
			await session.over();
		}
		assertRow(idsOf(session, '42/old,'), since + 1, 'what it missed, in order');
		if (!armed)
			assert.equal(idsOf(session, '42/old,').length, 300 - since);
		return [[...sent, server, acked(session)]];
	}, { kinds, prepare: fill, flags: SMALL, followers: (server) => [followSocket(server, 'main', '4.8', {}, ['websocket']).start()] }));

	it('a session that goes from polling to WebSocket', { timeout }, (t) => torture(t, async (server, tag, armed) => {
		const text = `${tag}_u-0123456789abcdef-1 while it upgrades`, sent = [text, 'main'];
		const polling = new Session(server);
		const begun = await polling.open().then(() => true, (error) => assert.match(error.message, /no handshake|socket hang up|ECONNRESET/));
		if (!begun || (await attempt(polling.post('40')))?.status !== 200)
			return [sent];
		const session = await opened(server, polling);
		if (!session) {
			await attempt(polling.post('1'));
			return [sent];
		}
		try {
			session.peer.write(packetFrame(`421${JSON.stringify(['chat message', text, text.split(' ')[0]])}`));
			await answered(session, armed);
			if (!armed)
				assertOrder(session);
		} finally {
			await session.over();
		}
		return [[...sent, server, acked(session)]];
	}, { kinds, followers: (server) => [followSocket(server, 'main', '4.8').start()] }));

	it('streams: that wait, of several rooms, and from the disk', { timeout }, (t) => torture(t, async (server, tag, armed) => {
		const text = `${tag} flows`, since = 280;
		const live = [stream(server.url, { as: 'sse' }), stream(server.url, { room: ['main', 'a', 'b'] }), stream(server.url, { room: '*', as: 'text' })];
		const old = stream(server.url, { room: 'old', since }), all = [...live, old];
		const has = (one) => one.text.includes(text);
		let sent;
		try {
			await until(() => all.every((one) => one.over || /open/.test(one.text)), { every: 2, what: 'streams to begin, or end' });
			sent = await attempt(server.send({ text, key: tag }));
			// Whoever is not told is ended, at once.
			if (sent?.status === 201)
				await until(() => live.every((one) => one.over || has(one)), { every: 2, what: 'streams to be told, or end' });
			// It is tried for as long as it takes.
			await soon(() => old.over || old.messages().length >= 300 - since, armed, 'what is old to be read');
		} finally {
			for (const one of all)
				one.close();
		}
		for (const one of all.filter(({ status }) => status !== undefined))
			assert.ok([200, 500, 502, 503].includes(one.status), `${one.status} ${one.text}`);
		if (old.status === 200)
			assertRow(old.ids(), since + 1, 'what is old, in order');
		if (!armed)
			assert.deepEqual(all.map((one, i) => (i < 3 ? has(one) : old.messages().length)), [true, true, true, 300 - since]);
		return [[text, 'main', server, sent?.status === 201 ? sent.json.id : undefined]];
	}, {
		kinds, prepare: fill, flags: SMALL,
		followers: (server) => [followStream(server, eventSource, ['main']), followStream(server, eventSource, ['*']), followStream(server, lineReader, ['main', 'b'])],
	}));
});
