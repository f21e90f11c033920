// engineio-websocket.test.mjs: the Engine.IO protocol, version 4, over WebSocket, and the upgrade to it: what the official
// suite asks for, on both paths of the conformance server, and then the corners that it leaves out.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ms, pending, until } from '../e2e/harness.mjs';
import { ask, close, frame, open as openSocket, PING, PONG, TEXT } from '../e2e/websocket.mjs';
import { conformance, foreign, moment, open, ours, Session, websockets } from './wire.mjs';
import { WebSocketSession } from './wire-websocket.mjs';

const ERRORS = {
	transport: '{"code":0,"message":"Transport unknown"}',
	sid: '{"code":1,"message":"Session ID unknown"}',
	request: '{"code":3,"message":"Bad request"}',
	version: '{"code":5,"message":"Unsupported protocol version"}',
};
const INTERVAL = 300, TIMEOUT = 200;
const echo = { path: '/engine.io/' };
const byWebSocket = { ...echo, transport: 'websocket' };
/** How a connection ends that nobody broke the protocol of: a CLOSE without a code. */
const QUIETLY = { messages: [], code: null };

function refused(res, text) {
	assert.equal(res.status, 400, res.text);
	// The reference says it in other words to who asks for a WebSocket.
	if (!foreign)
		assert.equal(res.text, text);
}

/** A WebSocket for a session by polling; `probed`: with the answer to its probe. */
async function probe(t, s, session, { path = '/engine.io/', probed = true } = {}) {
	const peer = await openSocket(t, s.port, `${path}?EIO=4&transport=websocket&sid=${session.sid}`);
	if (probed) {
		peer.send('2probe');
		assert.equal(await peer.text(), '3probe');
	}
	return peer;
}

/** That a session goes on by polling as if nothing had been. */
async function stays(session) {
	await session.send('4stays');
	assert.equal(await session.packet(), '4stays');
}

/** That a session has gone on to this WebSocket. */
async function wentOn(peer) {
	peer.send('4went on');
	assert.equal(await peer.text(), '4went on');
}

/** Once more when a heartbeat was late that nobody promised to be in time on a busy machine. */
async function tries(test, count = 5) {
	try {
		await test();
	} catch (error) {
		if (count === 1)
			throw error;
		await tries(test, count - 1);
	}
}

for (const path of ['/engine.io/', '/socket.io/']) {
	describe(`${path} over WebSocket, heartbeat ${INTERVAL} and ${TIMEOUT} ms`, websockets, () => {
		const s = conformance({ brisk: true });
		const target = (params) => `${path}?${params}`;
		const begin = (t) => openSocket(t, s.port, target('EIO=4&transport=websocket'));

		it('opens a session, told in exactly five members', async (t) => {
			const packet = await (await begin(t)).text();
			assert.equal(packet[0], '0');
			const { sid, ...rest } = JSON.parse(packet.slice(1));
			assert.match(sid, /^[A-Za-z0-9_-]{20,}$/);
			assert.deepEqual(rest, { upgrades: [], pingInterval: INTERVAL, pingTimeout: TIMEOUT, maxPayload: 1_000_000 });
		});

		it('refuses a missing or another EIO before there is a WebSocket', ours, async (t) => {
			for (const version of ['', 'EIO=abc&', 'EIO=3&', 'EIO=5&'])
				refused(await ask(s.port, target(`${version}transport=websocket`), { t }), ERRORS.version);
		});

		it('refuses a missing or another transport', async (t) => {
			for (const transport of ['', '&transport=abc', '&transport=WebSocket', '&transport=webtransport&x'])
				refused(await ask(s.port, target(`EIO=4${transport}`), { t }), ERRORS.transport);
		});

		it('refuses a session that does not exist', async (t) => {
			refused(await ask(s.port, target('EIO=4&transport=websocket&sid=nobody'), { t }), ERRORS.sid);
		});

		it('refuses polling that would be upgraded', ours, async (t) => {
			const { status } = await ask(s.port, target('EIO=4&transport=polling'), { t });
			assert.equal(status, 400);
		});

		it('sends pings, and goes on while they are answered', (t) => tries(async () => {
			const peer = await begin(t);
			await peer.text();
			if (path === '/socket.io/') {
				peer.send('40');
				await peer.text();
				await peer.text();
			}
			for (let i = 0; i < 5; i++) {
				assert.equal(await peer.text(), '2');
				peer.send('3');
			}
			peer.destroy();
		}));

		it('ends when a ping is not answered', async (t) => {
			const peer = await begin(t), began = performance.now();
			const { messages, code } = await peer.rest();
			assert.deepEqual(messages.map(({ payload }) => payload.toString()[0]), ['0', '2']);
			assert.equal(code, null);
			assert.ok(performance.now() - began > INTERVAL, 'it had no time to answer');
		});

		it('ends when the client says so', async (t) => {
			const peer = await begin(t), { sid } = JSON.parse((await peer.text()).slice(1));
			peer.send('1');
			const { messages, code } = await peer.rest();
			// A ping may have been on its way.
			assert.deepEqual(messages.filter(({ payload }) => payload.toString() !== '2'), []);
			assert.equal(code, null);
			refused(await s.get(target(`EIO=4&transport=polling&sid=${sid}`)), ERRORS.sid);
		});

		it('ends when it is closed, and when it is cut', async (t) => {
			for (const end of [(peer) => peer.leave(), (peer) => peer.destroy()]) {
				const peer = await begin(t), { sid } = JSON.parse((await peer.text()).slice(1));
				await end(peer);
				await until(async () => (await s.get(target(`EIO=4&transport=polling&sid=${sid}`))).text === ERRORS.sid, { what: 'the session to be gone' });
			}
		});

		for (const packet of ['abc', '2', '8', '', '7x']) {
			it(`ends upon ${JSON.stringify(packet)}`, async (t) => {
				const peer = await begin(t);
				await peer.text();
				peer.send(packet);
				const { messages, code } = await peer.rest();
				assert.deepEqual(messages.filter(({ payload }) => payload.toString() !== '2'), []);
				assert.equal(code, null);
			});
		}

		it('goes on from polling to WebSocket', (t) => tries(async () => {
			const session = await new Session(s, { path }).open(), peer = await probe(t, s, session, { path });
			assert.equal((await session.get()).text, '6');
			peer.send('5');
			refused(await session.get(), ERRORS.request);
			peer.send(path === '/socket.io/' ? '40' : '4hello');
			const packet = await peer.text();
			assert.ok(packet === '4hello' || packet.startsWith('40{'), packet);
			peer.destroy();
		}));

		it('takes no second WebSocket for a session', (t) => tries(async () => {
			const session = await new Session(s, { path }).open(), peer = await probe(t, s, session, { path });
			peer.send('5');
			refused(await session.get(), ERRORS.request);
			const second = await probe(t, s, session, { path, probed: false });
			assert.deepEqual(await second.rest(), QUIETLY);
			assert.equal(await peer.text(), '2');
			peer.destroy();
		}));
	});
}

describe('/engine.io/ as an echo over WebSocket', websockets, () => {
	const s = conformance();
	const begin = (t) => open(t, s, byWebSocket);

	it('gives back text of every kind', async (t) => {
		const session = await begin(t);
		const texts = ['4', '4 ', '4é€😀', '4\u0000\u0001', '4\r\n', '4"\\', '4b', '4\u2028\uFEFF', '4\u{10FFFF}'];
		await session.send(...texts);
		assert.deepEqual(await session.packets(texts.length), texts);
	});

	it('gives back binary of every length, as bytes', async (t) => {
		const session = await begin(t);
		const all = Array.from({ length: 67 }, (_, n) => `b${Buffer.alloc(n, n).toString('base64')}`);
		await session.send(...all);
		assert.deepEqual(await session.packets(all.length), all);
	});

	it('keeps the order of many', async (t) => {
		const session = await begin(t);
		const sent = Array.from({ length: 2000 }, (_, i) => (i % 3 ? `4${i}` : `b${Buffer.from(String(i)).toString('base64')}`));
		for (let i = 0; i < sent.length; i += 250)
			await session.send(...sent.slice(i, i + 250));
		assert.deepEqual(await session.packets(sent.length), sent);
	});

	it('passes over packets that mean nothing', async (t) => {
		const session = await begin(t);
		await session.send('0{}', '3', '3probe', '6', '4still here');
		assert.equal(await session.packet(), '4still here');
	});

	it('takes a message in fragments, with pings between', async (t) => {
		const session = await begin(t);
		session.peer.write(frame(TEXT, '4in ', { fin: false }), frame(PING, 'x'), frame(0, 'pieces'));
		assert.deepEqual(await session.peer.message(), { opcode: PONG, payload: Buffer.from('x') });
		assert.equal(await session.packet(), '4in pieces');
	});

	it('takes maxPayload bytes, and ends with 1009 upon one more', async (t) => {
		const session = await begin(t), most = `4${'x'.repeat(999_999)}`;
		await session.send(most);
		assert.ok(await session.packet() === most);
		session.peer.send(`${most}x`);
		assert.deepEqual(await session.peer.rest(), { messages: [], code: 1009 });
		await until(async () => (await session.get()).text === ERRORS.sid, { what: 'the session to be gone' });
	});

	it('ends with 1007 upon text that is no UTF-8', async (t) => {
		const session = await begin(t);
		session.peer.write(frame(TEXT, Buffer.from([0x34, 0xff])));
		assert.deepEqual(await session.peer.rest(), { messages: [], code: 1007 });
	});

	it('ends with 1002 upon what is no frame', async (t) => {
		const session = await begin(t);
		session.peer.write(frame(3, '4x'));
		assert.deepEqual(await session.peer.rest(), { messages: [], code: 1002 });
	});

	it('handles what stands before its end', ours, async (t) => {
		for (const end of [close(1000), frame(TEXT, '1')]) {
			const session = await begin(t);
			session.peer.write(frame(TEXT, '4one'), frame(TEXT, '4two'), end);
			const { messages } = await session.peer.rest();
			assert.deepEqual(messages.map(({ payload }) => payload.toString()), ['4one', '4two']);
			session.peer.destroy();
		}
	});

	it('is not to be polled', async (t) => {
		const session = await begin(t);
		refused(await session.get(), ERRORS.request);
		refused(await s.post(`/engine.io/?EIO=4&transport=polling&sid=${session.sid}`, '4x'), ERRORS.request);
		await session.send('4unharmed');
		assert.equal(await session.packet(), '4unharmed');
	});

	it('takes no WebSocket, having one', async (t) => {
		const session = await begin(t), second = await probe(t, s, session, { probed: false });
		assert.deepEqual(await second.rest(), QUIETLY);
		await session.send('4unharmed');
		assert.equal(await session.packet(), '4unharmed');
	});
});

describe('upgrade', websockets, () => {
	const s = conformance();
	const begin = (t) => open(t, s, { ...echo, transport: 'polling' });

	it('ends the GET that is held, and each later one, with a packet that means nothing', async (t) => {
		const session = await begin(t), held = session.get();
		assert.ok(await pending(held, moment));
		const peer = await probe(t, s, session);
		assert.equal((await held).text, '6');
		for (let i = 0; i < 3; i++) {
			const began = performance.now();
			assert.equal((await session.get()).text, '6');
			// At once would have a client that is slow to go on ask and ask.
			assert.ok(performance.now() - began > 50, 'a GET is not answered at once');
		}
		peer.send('5');
		await wentOn(peer);
	});

	it('answers GETs with what there is meanwhile, and takes POSTs', async (t) => {
		const session = await begin(t), peer = await probe(t, s, session);
		await session.send('4one', 'bAQI=');
		assert.deepEqual(await session.packets(2), ['4one', 'bAQI=']);
		const held = session.get();
		await session.send('4two');
		assert.match((await held).text, /^(4two|6)$/);
		const rest = (await held).text === '6' ? ['4two'] : [];
		peer.send('5');
		for (const packet of rest)
			assert.equal(await peer.text(), packet);
		await wentOn(peer);
	});

	it('has what was queued, in its order, and no packet without a meaning', async (t) => {
		const session = await begin(t), sent = Array.from({ length: 100 }, (_, i) => `4${i}`);
		await session.send(...sent.slice(0, 50));
		const peer = await probe(t, s, session);
		await session.send(...sent.slice(50));
		peer.send('5');
		for (const packet of sent)
			assert.equal(await peer.text(), packet);
		await wentOn(peer);
	});

	it('ends a GET that is held as it comes, and refuses a later one', ours, async (t) => {
		const session = await begin(t), peer = await probe(t, s, session);
		const held = session.get();
		assert.ok(await pending(held, 20));
		peer.send('5');
		const res = await held;
		assert.deepEqual([res.status, res.text], [200, '6']);
		refused(await session.get(), ERRORS.request);
		refused(await session.post('4x'), ERRORS.request);
		await wentOn(peer);
	});

	it('is none by what is said instead of a probe: polling goes on', async (t) => {
		for (const packet of ['2', '2prob', '3probe', '4x', '1', '6', '', 'x']) {
			const session = await begin(t), peer = await probe(t, s, session, { probed: false });
			peer.send(packet);
			assert.deepEqual((await peer.rest()).messages, [], packet);
			await stays(session);
		}
	});

	it('is none without the probe', ours, async (t) => {
		const session = await begin(t), peer = await probe(t, s, session, { probed: false });
		peer.send('5');
		assert.deepEqual(await peer.rest(), QUIETLY);
		await stays(session);
	});

	it('is none by what is said behind the probe: polling goes on', ours, async (t) => {
		for (const packet of ['2', '4x', '1', '', 'x', '5x']) {
			const session = await begin(t), peer = await probe(t, s, session);
			peer.send(packet);
			assert.deepEqual((await peer.rest()).messages, [], packet);
			await stays(session);
		}
	});

	it('is none when it is closed or cut before or behind the probe: polling goes on', async (t) => {
		for (const probed of [false, true]) {
			for (const end of [(peer) => peer.leave(), (peer) => peer.destroy()]) {
				const session = await begin(t), peer = await probe(t, s, session, { probed });
				await end(peer);
				await stays(session);
				// And may be tried again.
				let again;
				await until(async () => {
					again = await probe(t, s, session, { probed: false });
					again.send('2probe');
					return (await again.message())?.payload.toString() === '3probe';
				}, { what: 'another probe' });
				again.send('5');
				await wentOn(again);
			}
		}
	});

	it('may be probed for once more', async (t) => {
		const session = await begin(t), peer = await probe(t, s, session);
		peer.send('2probe');
		assert.equal(await peer.text(), '3probe');
		peer.send('5');
		await wentOn(peer);
	});

	it('takes one probe at a time', ours, async (t) => {
		const session = await begin(t), peer = await probe(t, s, session), second = await probe(t, s, session, { probed: false });
		assert.deepEqual(await second.rest(), QUIETLY);
		peer.send('5');
		await wentOn(peer);
	});

	it('takes 5 and messages right behind each other', async (t) => {
		const session = await begin(t), peer = await probe(t, s, session);
		peer.write(frame(TEXT, '5'), frame(TEXT, '4a'), frame(2, Buffer.from([1])), frame(TEXT, '4b'));
		assert.equal(await peer.text(), '4a');
		assert.deepEqual((await peer.message()).payload, Buffer.from([1]));
		assert.equal(await peer.text(), '4b');
	});

	it('refuses another EIO, and the session is unharmed', async (t) => {
		const session = await begin(t);
		refused(await ask(s.port, `/engine.io/?EIO=3&transport=websocket&sid=${session.sid}`, { t }), ERRORS.request);
		await stays(session);
	});

	it('a session that leaves by polling takes its probe along', async (t) => {
		const session = await new Session(s, echo).open(), peer = await probe(t, s, session);
		await session.send('1');
		assert.deepEqual((await peer.rest()).messages, []);
		refused(await session.get(), ERRORS.sid);
	});

	it('is told of an open message in fragments as it goes on', ours, async (t) => {
		const session = await begin(t), peer = await probe(t, s, session);
		peer.write(frame(TEXT, '5'), frame(TEXT, '4half', { fin: false }));
		await session.get();
		peer.write(frame(0, ' and half'));
		assert.equal(await peer.text(), '4half and half');
	});
});

describe('upgrade that is not finished in time', { ...ours, ...(websockets.skip ? websockets : {}) }, () => {
	const s = conformance({ flags: '--upgrade-timeout 300' });

	for (const probed of [false, true]) {
		it(`ends, and polling goes on, ${probed ? 'behind' : 'before'} the probe`, async (t) => {
			const session = await open(t, s, { ...echo, transport: 'polling' }), peer = await probe(t, s, session, { probed });
			assert.deepEqual(await peer.rest(), QUIETLY);
			await stays(session);
			// GETs are held again.
			const held = session.get();
			assert.ok(await pending(held, ms(400)));
			await session.send('4x');
			assert.equal((await held).text, '4x');
		});
	}
});

describe('--no-websocket', { ...ours, ...(websockets.skip ? websockets : {}) }, () => {
	const s = conformance({ flags: '--no-websocket' });

	it('offers no upgrade, refuses a WebSocket with or without a session, and polling is as ever', async (t) => {
		const session = await open(t, s, { ...echo, transport: 'polling' });
		assert.deepEqual(session.handshake.upgrades, []);
		for (const sid of ['', `&sid=${session.sid}`])
			refused(await ask(s.port, `/engine.io/?EIO=4&transport=websocket${sid}`, { t }), ERRORS.transport);
		await assert.rejects(new WebSocketSession(s, echo).open(t), /400/);
		await stays(session);
	});
});
