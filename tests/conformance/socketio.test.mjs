// socketio.test.mjs: the Socket.IO protocol, version 5, over HTTP long-polling, or whatever CONFORMANCE_TRANSPORT says: what
// the official suite asks for, and then the corners that it leaves out. The conformance server's application says what is
// answered: an event `message` comes back as `message-back`, and so on.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ms, pending } from '../e2e/harness.mjs';
import { assembled, binary, brisk, byPolling, conformance, connect, enter, moment, open, ours, TRANSPORT } from './wire.mjs';

const PLACE = (num) => `{"_placeholder":true,"num":${num}}`;

/** The session must end; gives the packets that still came. */
async function ends(session) {
	const began = Date.now();
	const packets = await session.rest();
	assert.ok(Date.now() - began < ms(5000), 'it took long to end');
	// Of a WebSocket: nobody broke its protocol, so there is no code.
	if ('code' in session.ended)
		assert.equal(session.ended.code, null);
	const res = await session.get();
	// A session that says goodbye in an orderly way may say it once more.
	if (res.status !== 400)
		assert.match(res.text, /^(6\x1e)?1$/);
	return packets;
}

/** A sign of life that needs nothing but an event. */
async function works(session, namespace = '/') {
	const name = namespace === '/' ? '' : `${namespace},`;
	await session.send(`42${name}["message","works"]`);
	assert.equal(await session.packet(), `42${name}["message-back","works"]`);
}

/** Nothing may come: what is asked for next is what comes next. */
const silent = works;

describe('as in the official suite, heartbeat 300 and 200 ms', () => {
	const s = conformance({ brisk: true }), it = brisk;

	describe('connect', () => {
		it('lets in to the main namespace', async (t) => {
			const session = await open(t, s);
			await session.send('40');
			const [reply, auth] = await session.packets(2);
			assert.match(reply, /^40\{/);
			const handshake = JSON.parse(reply.slice(2));
			assert.deepEqual(Object.keys(handshake), ['sid']);
			assert.equal(typeof handshake.sid, 'string');
			assert.equal(auth, '42["auth",{}]');
		});

		it('lets in to the main namespace with a payload', async (t) => {
			const session = await open(t, s);
			await session.send('40{"token":"123"}');
			const [reply, auth] = await session.packets(2);
			assert.deepEqual(Object.keys(JSON.parse(reply.slice(2))), ['sid']);
			assert.equal(auth, '42["auth",{"token":"123"}]');
		});

		it('lets in to another namespace, with and without a payload', async (t) => {
			for (const [request, payload] of [['40/custom,', '{}'], ['40/custom', '{}'], ['40/custom,{"token":"abc"}', '{"token":"abc"}']]) {
				const session = await open(t, s);
				await session.send(request);
				const [reply, auth] = await session.packets(2);
				assert.match(reply, /^40\/custom,\{/);
				assert.deepEqual(Object.keys(JSON.parse(reply.slice(10))), ['sid']);
				assert.equal(auth, `42/custom,["auth",${payload}]`);
			}
		});

		it('does not let in to an unknown namespace', async (t) => {
			const session = await open(t, s);
			await session.send('40/random');
			assert.equal(await session.packet(), '44/random,{"message":"Invalid namespace"}');
		});

		it('ends a session that begins with something else', async (t) => {
			const session = await open(t, s);
			await session.post('4abc');
			assert.deepEqual(await ends(session), []);
		});

		it('ends a session that joins no namespace within a second', async (t) => {
			const began = performance.now();
			const session = await open(t, s);
			assert.deepEqual(await ends(session), []);
			const time = performance.now() - began;
			assert.ok(time > 950 && time < 1000 + ms(5000), `${time} ms`);
		});
	});

	describe('disconnect', () => {
		it('lets leave the main namespace without a word', async (t) => {
			const session = await connect(t, s);
			await session.send('41');
			assert.equal(await session.heard(), '2');
		});

		it('lets leave one of two namespaces', async (t) => {
			const session = await connect(t, s);
			await enter(session, '/custom');
			await session.send('41/custom');
			await session.send('42["message","message to main namespace"]');
			assert.equal(await session.packet(), '42["message-back","message to main namespace"]');
		});
	});

	describe('message', () => {
		it('comes back as text', async (t) => {
			const session = await connect(t, s);
			await session.send('42["message",1,"2",{"3":[true]}]');
			assert.equal(await session.packet(), '42["message-back",1,"2",{"3":[true]}]');
		});

		it('comes back with binary attachments', async (t) => {
			const session = await connect(t, s);
			await session.send(`452-["message",${PLACE(0)},${PLACE(1)}]`, binary(1, 2, 3), binary(4, 5, 6));
			assert.deepEqual(await session.packets(3), [`452-["message-back",${PLACE(0)},${PLACE(1)}]`, 'bAQID', 'bBAUG']);
		});

		it('is acknowledged', async (t) => {
			const session = await connect(t, s);
			await session.send('42456["message-with-ack",1,"2",{"3":[false]}]');
			assert.equal(await session.packet(), '43456[1,"2",{"3":[false]}]');
		});

		it('is acknowledged with binary attachments', async (t) => {
			const session = await connect(t, s);
			await session.send(`452-789["message-with-ack",${PLACE(0)},${PLACE(1)}]`, binary(1, 2, 3), binary(4, 5, 6));
			assert.deepEqual(await session.packets(3), [`462-789[${PLACE(0)},${PLACE(1)}]`, 'bAQID', 'bBAUG']);
		});

		for (const [name, packet] of [
			['unknown packet type', '4abc'], ['payload format', '42{}'], ['ack id', '42abc["message-with-ack",1,"2",{"3":[false]}]'],
		]) {
			it(`ends the session when invalid (${name})`, async (t) => {
				const session = await connect(t, s);
				await session.post(packet);
				assert.deepEqual(await ends(session), []);
			});
		}
	});

	describe('connect timeout', () => {
		it('is not stopped by a refusal, nor by an unknown namespace', async (t) => {
			const began = performance.now();
			const session = await open(t, s);
			await session.send('40/admin,{}', '40/random,');
			assert.equal((await session.packets(2)).every((packet) => packet.startsWith('44')), true);
			assert.deepEqual(await ends(session), []);
			assert.ok(performance.now() - began < 1000 + ms(5000));
		});

		it('does not begin again when the client leaves', async (t) => {
			const session = await connect(t, s);
			await session.send('41');
			const end = Date.now() + 1600;
			while (Date.now() < end) {
				assert.equal(await session.heard(), '2');
				await session.send('3');
			}
			await enter(session);
			await works(session);
		});
	});
});

describe('namespaces', () => {
	const s = conformance();

	it('gives an id that is new per namespace and connection, and not the session id', async (t) => {
		const ids = new Set();
		for (let i = 0; i < 3; i++) {
			const session = await open(t, s);
			ids.add(session.sid).add(await enter(session)).add(await enter(session, '/custom'));
			await session.send('41');
			ids.add(await enter(session));
		}
		assert.equal(ids.size, 12);
	});

	it('hands the payload of CONNECT on as it is', async (t) => {
		for (const payload of ['{"a":{"b":[1,null,"é😀"]}}', '{"":""}', '{"n":1.5,"t":true}']) {
			const session = await open(t, s);
			await session.send(`40${payload}`);
			assert.equal((await session.packets(2))[1], `42["auth",${payload}]`);
		}
	});

	it('ends a session whose CONNECT payload is no object', async (t) => {
		for (const payload of ['[]', '"x"', 'null', 'true', '{', '{}x', '{"a":}']) {
			const session = await open(t, s);
			await session.post(`40${payload}`);
			assert.deepEqual(await ends(session), [], payload);
		}
	});

	it('refuses with data, and the session stays', async (t) => {
		const session = await connect(t, s);
		for (const request of ['40/admin,', '40/admin', '40/admin,{}', '40/admin,{"token":"wrong"}', '40/admin,{"token":null}']) {
			await session.send(request);
			assert.equal(await session.packet(), '44/admin,{"message":"not authorized","data":{"code":"E_AUTH"}}', request);
		}
		await session.send('40/admin,{"token":"secret"}');
		assert.match(await session.packet(), /^40\/admin,\{"sid":"[^"]+"\}$/);
		await works(session);
	});

	it('names an unknown namespace whole', async (t) => {
		const session = await connect(t, s);
		for (const name of ['/random', '/custom?x=1', '/Custom', '/custom/', '/é😀', `/${'n'.repeat(100)}`]) {
			await session.send(`40${name},`);
			assert.equal(await session.packet(), `44${name},{"message":"Invalid namespace"}`);
		}
		await works(session);
	});

	it('keeps namespaces apart', async (t) => {
		const session = await connect(t, s);
		await enter(session, '/custom');
		await session.send('42/custom,["message","a"]', '42["message","b"]', '42/custom,7["message-with-ack","c"]', '427["message-with-ack","d"]');
		assert.deepEqual(await session.packets(4),
			['42/custom,["message-back","a"]', '42["message-back","b"]', '43/custom,7["c"]', '437["d"]']);
	});

	it('lets in again after leaving', async (t) => {
		const session = await connect(t, s);
		for (let i = 0; i < 3; i++) {
			await session.send('41');
			await enter(session);
			await works(session);
		}
	});

	it('answers CONNECT before any event', async (t) => {
		const speaker = await connect(t, s);
		let over = false;
		const chatter = (async () => {
			while (!over)
				await speaker.send('42["broadcast","x"]');
		})();
		for (let i = 0; i < 20; i++) {
			const session = await open(t, s);
			await session.send('40');
			const [first, second] = await session.packets(2);
			assert.match(first, /^40\{/);
			assert.equal(second, '42["auth",{}]');
		}
		over = true;
		await chatter;
	});

	for (const [name, ...packets] of [
		['CONNECT to a namespace that is joined', '40'],
		['an event for a namespace that is not joined', '42/custom,["message","x"]'],
		['an ack for a namespace that is not joined', '43/custom,1[]'],
		['leaving a namespace that is not joined', '41/custom,'],
		['a binary event for a namespace that is not joined', `451-/custom,["message",${PLACE(0)}]`, binary(1)],
		['an event for a namespace that does not exist', '42/random,["message","x"]'],
		['an event after leaving', '41', '42["message","x"]'],
		['leaving twice', '41', '41'],
		['a CONNECT_ERROR of the client', '44{"message":"x"}'],
		['a CONNECT_ERROR of the client, of another namespace', '44/custom,{"message":"x"}'],
	]) {
		it(`ends the session upon ${name}`, async (t) => {
			const session = await connect(t, s);
			for (const packet of packets)
				await session.post(packet);
			assert.deepEqual(await ends(session), []);
		});
	}

	it('ends the session upon an event before CONNECT', async (t) => {
		for (const packet of ['42["message","x"]', '41', '431[]']) {
			const session = await open(t, s);
			await session.post(packet);
			assert.deepEqual(await ends(session), [], packet);
		}
	});

	it('ends all namespaces of a session', async (t) => {
		const session = await connect(t, s);
		await enter(session, '/custom');
		await session.post('42/custom,{}');
		assert.deepEqual(await ends(session), []);
	});
});

describe('events', () => {
	const s = conformance();

	it('keep any JSON', async (t) => {
		const session = await connect(t, s);
		for (const json of [
			'"message"', '"message",null', '"message",true,false,0,-1,1.5,"",[],{}', '"message",[[[["x"]]]],{"a":{"b":{"c":[]}}}',
			'"message","\\u001e\\u0000\\"\\\\/"', '"message","é\u2028😀"', '"message",{"":{"__proto__x":1}}', '"message",123456789012345',
			'"message",{"_placeholder":false,"num":0}',
		]) {
			await session.send(`42[${json}]`);
			const packet = await session.packet();
			assert.match(packet, /^42\["message-back"/);
			assert.deepEqual(JSON.parse(packet.slice(2)).slice(1), JSON.parse(`[${json}]`).slice(1));
		}
	});

	it('take JSON with blanks in it, and a deep one', async (t) => {
		const session = await connect(t, s);
		await session.send('42 [ "message" , { "a" : [ 1 ] } ] ');
		assert.deepEqual((await assembled(session)).args, ['message-back', { a: [1] }]);
		const deep = `${'['.repeat(900)}${']'.repeat(900)}`;
		await session.send(`42["message",${deep}]`);
		assert.equal(await session.packet(), `42["message-back",${deep}]`);
	});

	it('are never divided where polling would have a separator', { skip: TRANSPORT === 'polling' && 'there it is one' }, async (t) => {
		const session = await connect(t, s);
		await session.post('42["message","a"]\x1e42["message","b"]');
		assert.deepEqual(await ends(session), []);
	});

	it('are refused when nested too deep, and the server lives', ours, async (t) => {
		const session = await connect(t, s);
		const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
		await session.post(`42["message",${deep}]`);
		assert.deepEqual(await ends(session), []);
		await works(await connect(t, s));
	});

	it('have emoji in every position', async (t) => {
		const session = await connect(t, s);
		for (let n = 0; n < 40; n++) {
			const text = `${'a'.repeat(n)}😀${'é'.repeat(n % 5)}👨‍👩‍👧`;
			await session.send(`42["message",${JSON.stringify(text)}]`);
			assert.equal(await session.packet(), `42["message-back",${JSON.stringify(text)}]`);
		}
	});

	it('have an escaped emoji as a pair, and a lone surrogate escape becomes U+FFFD', ours, async (t) => {
		const session = await connect(t, s);
		await session.send('42["message","\\ud83d\\ude00","a\\ud83db","\\ude00","\\ud83d\\ud83d\\ude00"]');
		assert.deepEqual((await assembled(session)).args, ['message-back', '😀', 'a\uFFFDb', '\uFFFD', '\uFFFD😀']);
	});

	it('are taken when nobody knows them, and never acknowledged', async (t) => {
		const session = await connect(t, s);
		await session.send('42["unknown","x"]', '429["unknown","x"]', `451-["unknown",${PLACE(0)}]`, binary(1), '42[5,"a number for a name"]');
		await silent(session);
	});

	it('without a payload do nothing', async (t) => {
		const session = await connect(t, s);
		await session.send('42', '43', '4312');
		await silent(session);
	});

	it('keep their order, acks too', async (t) => {
		const session = await connect(t, s);
		const want = [];
		const packets = [];
		for (let i = 0; i < 200; i++) {
			if (i % 3 === 0) {
				packets.push(`42["message",${i}]`);
				want.push(`42["message-back",${i}]`);
			} else if (i % 3 === 1) {
				packets.push(`42${i}["message-with-ack",${i}]`);
				want.push(`43${i}[${i}]`);
			} else {
				packets.push(`451-["message",${PLACE(0)}]`, binary(i));
				want.push(`451-["message-back",${PLACE(0)}]`, binary(i));
			}
		}
		for (let i = 0; i < packets.length; i += 23)
			await session.send(...packets.slice(i, i + 23));
		assert.deepEqual(await session.packets(want.length), want);
	});

	it('of 900 KB come back whole', async (t) => {
		const session = await connect(t, s);
		const text = 'é😀x'.repeat(900_000 / 7);
		await session.send(`42["message",${JSON.stringify(text)}]`);
		assert.equal(await session.packet(), `42["message-back",${JSON.stringify(text)}]`);
	});

	it('may have a large id', async (t) => {
		const session = await connect(t, s);
		await session.send('42999999999["message-with-ack","x"]', '420["message-with-ack","y"]');
		assert.deepEqual(await session.packets(2), ['43999999999["x"]', '430["y"]']);
	});

	for (const packet of [
		'42[]', '42[null]', '42[true]', '42[{}]', '42["connect"]', '42["connect_error"]', '42["disconnect"]', '42["disconnecting"]',
		'42["newListener"]', '42["removeListener"]', '42["message","x"', '42["message"]x', '42["message",]', '42["message"],', '42"message"',
		'42null', '42["message","\u0001"]', '42-1["message"]', '421.5["message"]', '42["message",NaN]', "42['message']", '4', '47', '4 2["message"]',
		'41{}', '41[]', '43{}', '431{}', '431"x"', '48["message"]',
	]) {
		it(`end the session when they are ${JSON.stringify(packet)}`, async (t) => {
			const session = await connect(t, s);
			await session.post(packet);
			assert.deepEqual(await ends(session), []);
		});
	}
});

describe('binary', () => {
	const s = conformance();
	const back = async (session, ...packets) => {
		await session.send(...packets);
		return (await assembled(session)).args;
	};

	it('stands anywhere in the arguments', async (t) => {
		const session = await connect(t, s);
		assert.deepEqual(await back(session, `453-["message",{"a":[${PLACE(0)},{"b":${PLACE(1)}}]},"x",${PLACE(2)}]`, binary(1), binary(), binary(3, 3)),
			['message-back', { a: [Buffer.from([1]), { b: Buffer.alloc(0) }] }, 'x', Buffer.from([3, 3])]);
	});

	it('may be numbered in any order, be used twice, or not at all', async (t) => {
		const session = await connect(t, s);
		const [one, two] = [Buffer.from([1]), Buffer.from([2])];
		assert.deepEqual(await back(session, `452-["message",${PLACE(1)},${PLACE(0)}]`, binary(1), binary(2)), ['message-back', two, one]);
		assert.deepEqual(await back(session, `452-["message",${PLACE(0)},${PLACE(0)}]`, binary(1), binary(2)), ['message-back', one, one]);
		assert.deepEqual(await back(session, '451-["message","no place"]', binary(1)), ['message-back', 'no place']);
	});

	it('arrives little by little, with a heartbeat between', async (t) => {
		const session = await connect(t, s);
		await session.send(`453-["message",${PLACE(0)},${PLACE(1)},${PLACE(2)}]`);
		await session.send(binary(1));
		await session.send('3', binary(2), '6');
		const early = session.packet();
		assert.ok(await pending(early, moment));
		await session.send(binary(3), '42["message","after"]');
		session.inbox.unshift(await early);
		assert.deepEqual((await assembled(session)).args, ['message-back', Buffer.from([1]), Buffer.from([2]), Buffer.from([3])]);
		assert.equal(await session.packet(), '42["message-back","after"]');
	});

	it('has a namespace and an id', async (t) => {
		const session = await connect(t, s, { namespace: '/custom' });
		await session.send(`451-/custom,12["message-with-ack",${PLACE(0)}]`, binary(9));
		assert.deepEqual(await session.packets(2), [`461-/custom,12[${PLACE(0)}]`, binary(9)]);
	});

	it('comes ten at a time', async (t) => {
		const session = await connect(t, s);
		const numbers = [...Array(10).keys()];
		assert.deepEqual(await back(session, `4510-["message",${numbers.map(PLACE)}]`, ...numbers.map((n) => binary(n, n))),
			['message-back', ...numbers.map((n) => Buffer.from([n, n]))]);
	});

	it('of mixed sizes, 200 arguments over many events, comes back byte by byte', async (t) => {
		const session = await connect(t, s);
		let seed = 7;
		const random = (below) => (seed = seed * 48271 % 0x7fffffff) % below;
		for (let n = 0; n < 200;) {
			const count = 1 + random(10);
			const parts = Array.from({ length: count }, () => Buffer.from(Uint8Array.from({ length: random(random(10) ? 300 : 30_000) }, () => random(256))));
			const args = await back(session, `45${count}-["message",${parts.map((_, i) => PLACE(i))}]`, ...parts.map((part) => `b${part.toString('base64')}`));
			assert.deepEqual(args, ['message-back', ...parts]);
			n += count;
		}
	});

	for (const [name, ...packets] of [
		['binary that nobody expects', binary(1)],
		['one attachment too many', `451-["message",${PLACE(0)}]`, binary(1), binary(2)],
		['text where an attachment is missing', `452-["message",${PLACE(0)},${PLACE(1)}]`, binary(1), '42["message","x"]'],
		['an attachment that does not exist', `451-["message",${PLACE(1)}]`, binary(1)],
		['a negative placeholder', '451-["message",{"_placeholder":true,"num":-1}]', binary(1)],
		['a placeholder without a number', '451-["message",{"_placeholder":true}]', binary(1)],
		['a placeholder with a text for a number', '451-["message",{"_placeholder":true,"num":"0"}]', binary(1)],
		['a binary event without a number', '45["message"]'],
		['a binary event with a bad number', '45x-["message"]'],
		['a binary event with no number before the dash', '45-["message"]'],
		['a negative number of attachments', '45-1-["message"]'],
		['eleven attachments', `4511-["message",${[...Array(11).keys()].map(PLACE)}]`],
		['no attachment', '450-["message"]'],
		['very many attachments', '45999999999999999999-["message"]'],
		['a binary event that is no array', '451-{}', binary(1)],
	]) {
		it(`ends the session: ${name}`, async (t) => {
			const session = await connect(t, s);
			await session.post(...packets);
			const rest = await ends(session);
			if (name === 'one attachment too many' && rest.length)
				assert.deepEqual(rest, [`451-["message-back",${PLACE(0)}]`, binary(1)]);
			else
				assert.deepEqual(rest, []);
		});
	}

	it('may be missing for good: the session is none the worse', async (t) => {
		const session = await connect(t, s);
		await session.send(`451-["message",${PLACE(0)}]`);
		await session.leave();
		await works(await connect(t, s));
	});

	it('is refused above 4 MB with all attachments', ours, async (t) => {
		const session = await connect(t, s);
		await session.send(`4510-["message",${[...Array(10).keys()].map(PLACE)}]`);
		const part = `b${Buffer.alloc(700_000).toString('base64')}`;
		let sent = 0;
		while (sent < 10 && (await session.post(part)).status === 200)
			sent++;
		assert.ok(sent >= 5 && sent < 10, `${sent} parts`);
		assert.deepEqual(await ends(session), []);
	});
});

describe('acks of the client', () => {
	const s = conformance();

	/** The number with which the next packet, a question, asks for an ack. */
	async function asked(session, text) {
		const [, before, id, after] = /^(42|451-)(\d+)(.*)$/.exec(await session.packet());
		assert.equal(before + after, text);
		return Number(id);
	}

	it('are asked for by a number of its own each, and answer once', async (t) => {
		const session = await connect(t, s);
		let last = -1;
		for (let i = 0; i < 3; i++) {
			await session.send(`42["ask","q${i}"]`);
			const id = await asked(session, `42["question","q${i}"]`);
			assert.ok(id > last);
			last = id;
			await session.send(`43${id}["a${i}"]`, `43${id}["again"]`);
			assert.equal(await session.packet(), `42["answered","a${i}"]`);
		}
		await silent(session);
	});

	it('may come in any order', async (t) => {
		const session = await connect(t, s);
		await session.send('42["ask",1]', '42["ask",2]');
		const [one, two] = [await asked(session, '42["question",1]'), await asked(session, '42["question",2]')];
		await session.send(`43${two}[{"two":2}]`, `43${one}[[1]]`);
		assert.deepEqual(await session.packets(2), ['42["answered",{"two":2}]', '42["answered",[1]]']);
	});

	it('may have binary, as questions may', async (t) => {
		const session = await connect(t, s);
		await session.send(`451-["ask",${PLACE(0)}]`, binary(7));
		const id = await asked(session, `451-["question",${PLACE(0)}]`);
		assert.equal(await session.packet(), binary(7));
		await session.send(`461-${id}[${PLACE(0)}]`, binary(8));
		assert.deepEqual(await session.packets(2), [`451-["answered",${PLACE(0)}]`, binary(8)]);
	});

	it('with a number that was not asked for are passed over', async (t) => {
		const session = await connect(t, s);
		await session.send('4399999["x"]', `461-99998[${PLACE(0)}]`, binary(1));
		await silent(session);
	});

	it('do not outlive their connection', async (t) => {
		const session = await connect(t, s);
		await session.send('42["ask",1]');
		const id = await asked(session, '42["question",1]');
		await session.send('41');
		await enter(session);
		await session.send(`43${id}["late"]`);
		await silent(session);
	});
});

describe('rooms and broadcasts', () => {
	const s = conformance();

	/** Several sessions in the main namespace, and none of other tests (which might be told of a broadcast). */
	const several = (t, n) => Promise.all(Array.from({ length: n }, () => connect(t, s)));

	it('chat message reaches all, the sender too', async (t) => {
		const all = await several(t, 3);
		await all[0].send('42["chat message","hello",{"to":"all"}]');
		for (const session of all)
			assert.equal(await session.packet(), '42["chat message","hello",{"to":"all"}]');
	});

	it('broadcast reaches all but the sender', async (t) => {
		const [sender, ...others] = await several(t, 3);
		await sender.send('42["broadcast","hello"]');
		for (const session of others)
			assert.equal(await session.packet(), '42["broadcast","hello"]');
		await silent(sender);
	});

	it('carry binary', async (t) => {
		const [sender, other] = await several(t, 2);
		await sender.send(`451-["chat message",${PLACE(0)}]`, binary(1, 2), `451-["broadcast",{"x":${PLACE(0)}}]`, binary(3));
		assert.deepEqual(await sender.packets(2), [`451-["chat message",${PLACE(0)}]`, binary(1, 2)]);
		assert.deepEqual(await other.packets(4),
			[`451-["chat message",${PLACE(0)}]`, binary(1, 2), `451-["broadcast",{"x":${PLACE(0)}}]`, binary(3)]);
	});

	it('do not reach another namespace, nor who left', async (t) => {
		const [sender, left] = await several(t, 2);
		const custom = await connect(t, s, { namespace: '/custom' });
		await enter(left, '/custom');
		await left.send('41');
		await sender.send('42["chat message","x"]');
		assert.equal(await sender.packet(), '42["chat message","x"]');
		await silent(custom, '/custom');
		await silent(left, '/custom');
	});

	it('do not reach a newcomer late', async (t) => {
		const [sender] = await several(t, 1);
		await sender.send('42["chat message","early"]');
		assert.equal(await sender.packet(), '42["chat message","early"]');
		await silent(await connect(t, s));
	});

	it('reach a room', async (t) => {
		const [a, b, c] = await several(t, 3);
		await a.send('421["join","red"]');
		assert.equal(await a.packet(), '431["ok"]');
		await b.send('427["join","red"]', '428["join","blue"]');
		assert.deepEqual(await b.packets(2), ['437["ok"]', '438["ok"]']);
		await c.send('42["room","red","to red",1]', '42["room","blue","to blue"]', '42["room","nobody","x"]');
		assert.equal(await a.packet(), '42["room","red","to red",1]');
		assert.deepEqual(await b.packets(2), ['42["room","red","to red",1]', '42["room","blue","to blue"]']);
		await silent(c);
		await a.send('42["room","red","mine too"]');
		assert.equal(await a.packet(), '42["room","red","mine too"]');
		assert.equal(await b.packet(), '42["room","red","mine too"]');
		await b.send('429["leave","red"]', '4210["leave","green"]');
		assert.deepEqual(await b.packets(2), ['439["ok"]', '4310["ok"]']);
		await c.send('42["room","red","after"]');
		assert.equal(await a.packet(), '42["room","red","after"]');
		await silent(b);
		await silent(a);
	});

	it('a room is joined once, and left when its namespace is', async (t) => {
		const [a, b] = await several(t, 2);
		await a.send('421["join","twice"]', '422["join","twice"]');
		await a.packets(2);
		await b.send('42["room","twice","x"]');
		assert.equal(await a.packet(), '42["room","twice","x"]');
		await a.send('41');
		await enter(a);
		await b.send('42["room","twice","y"]');
		await silent(a);
	});

	it('are queued for a session that does not poll, in their order among its own packets', async (t) => {
		const [sender, other] = await several(t, 2);
		const want = [];
		for (let i = 0; i < 60; i++) {
			if (i % 2) {
				await sender.send(`42["broadcast",${i}]`);
				want.push(`42["broadcast",${i}]`);
			} else {
				await other.send(`42${i}["message-with-ack",${i}]`);
				want.push(`43${i}[${i}]`);
			}
		}
		assert.deepEqual(await other.packets(want.length), want);
	});

	it('reach the others when one has gone', async (t) => {
		const [sender, gone, other] = await several(t, 3);
		const hungUp = gone.hangUp();
		await sender.send('42["broadcast",1]');
		await hungUp;
		await sender.send('42["broadcast",2]');
		assert.deepEqual(await other.packets(2), ['42["broadcast",1]', '42["broadcast",2]']);
		await gone.leave();
	});
});

describe('disconnect by the server', () => {
	const s = conformance();

	it('bye: from the namespace, and the session stays', async (t) => {
		const session = await connect(t, s);
		await enter(session, '/custom');
		await session.send('42["message","before"]', '42["bye"]');
		assert.deepEqual(await session.packets(2), ['42["message-back","before"]', '41']);
		await works(session, '/custom');
		await enter(session);
		await works(session);
	});

	it('bye: what comes for the namespace afterwards ends the session', async (t) => {
		const session = await connect(t, s);
		await session.send('42["bye"]');
		assert.equal(await session.packet(), '41');
		await session.post('42["message","x"]');
		assert.deepEqual(await ends(session), []);
	});

	it('bye-hard: what is queued goes out first', async (t) => {
		const session = await connect(t, s);
		await session.post('42["message","before"]', '425["message-with-ack",5]', '42["bye-hard"]');
		assert.deepEqual(await ends(session), ['42["message-back","before"]', '435[5]', '41']);
	});

	it('bye-hard: a held GET is answered at once', byPolling, async (t) => {
		const session = await connect(t, s);
		const held = session.get();
		assert.ok(await pending(held, moment));
		await session.send('42["bye-hard"]');
		const res = await held;
		assert.equal(res.status, 200);
		assert.match(res.text, /^(41\x1e)?(1|6\x1e1)$|^41$/);
		await ends(session);
	});

	it('bye-hard: POSTs meanwhile are answered and passed over', async (t) => {
		const session = await connect(t, s);
		const other = await connect(t, s);
		await session.post('42["bye-hard"]');
		const res = await session.post('42["broadcast","too late"]');
		assert.ok(res.status === 200 || res.status === 400);
		await ends(session);
		await silent(other);
	});
});
