// websocket.test.mjs: RFC 6455 frame by frame, through nginx, against the echo of the conformance server: what the usual
// suite for it covers of framing, pings, reserved bits and opcodes, fragments, UTF-8, closing and large messages. Each small
// case is sent at once, and once more byte by byte.
//
// Autobahn's numbers of the sections stand in the names, so that its reports can be compared; nothing here is taken from it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ms } from '../e2e/harness.mjs';
import { accept, ask, BINARY, CLOSE, close, closing, CONTINUATION, fragments, frame, open, PING, PONG, TEXT } from '../e2e/websocket.mjs';
import { conformance, ours, websockets } from './wire.mjs';

const ECHO = '/echo';
const repeated = (n, make) => Array.from({ length: n }, (_, i) => make(i));
/** Bytes as they are, for text that is none. */
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const text = (payload, options) => frame(TEXT, payload, options);
const part = (payload) => frame(TEXT, payload, { fin: false });
const rest = (payload, fin = true) => frame(CONTINUATION, payload, { fin });

const isClose = (bytes) => bytes[0] === (0x80 | CLOSE);

/**
 * How many bytes there are before the last one of the first CLOSE. With that byte the other end may hang up, and the kernel
 * takes what is written after that for a reset, whatever is still to be read: so it and what is behind it go out together.
 */
function beforeEnd(frames) {
	const at = frames.findIndex(isClose), whole = at < 0 ? frames : frames.slice(0, at + 1);
	return Buffer.concat(whole).length - (at < 0 ? 0 : 1);
}

/** Sends frames; what comes back must be these messages, and then the end with this code (1000: we said it first). */
function talk(s, name, frames, messages, { code = 1000, chopped = true, chop = 1, time, skip } = {}) {
	const sent = code === 1000 ? [...frames, close(1000)] : frames;
	for (const bytewise of chopped ? [false, true] : [false]) {
		it(`${name}${bytewise ? ', chopped' : ''}`, { skip }, async (t) => {
			const peer = await open(t, s.port, ECHO);
			const bytes = Buffer.concat(sent);
			const apart = bytewise ? beforeEnd(sent) : 0;
			await peer.trickle(bytes.subarray(0, apart), chop);
			peer.write(bytes.subarray(apart));
			peer.said = isClose(sent.at(-1));
			const got = await peer.rest(time);
			assert.deepEqual(got.messages.map(({ opcode, payload }) => [opcode, payload]), messages.map(([opcode, payload]) => [opcode, Buffer.from(payload)]));
			assert.equal(got.code, code);
		});
	}
}

describe('handshake', websockets, () => {
	const s = conformance();
	const asks = (t, options) => ask(s.port, ECHO, { t, ...options });

	it('is answered with the key\'s proof, which RFC 6455 shows', async (t) => {
		assert.equal(accept('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
		const { status } = await asks(t, { headers: { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' } });
		assert.equal(status, 101);
	});

	it('offers neither extension nor subprotocol, whatever is asked for', ours, async (t) => {
		const { status, headers } = await asks(t, { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits', 'Sec-WebSocket-Protocol': 'chat, superchat' } });
		assert.equal(status, 101);
		assert.equal(headers['sec-websocket-extensions'], undefined);
		assert.equal(headers['sec-websocket-protocol'], undefined);
	});

	it('takes the words in any case, and Connection with others', async (t) => {
		for (const headers of [{ Upgrade: 'WebSocket' }, { Connection: 'keep-alive, Upgrade' }, { Connection: 'upgrade' }])
			assert.equal((await asks(t, { headers })).status, 101, JSON.stringify(headers));
	});

	it('takes a frame that came right behind it', async (t) => {
		const { status, peer } = await asks(t, { more: text('early') });
		assert.equal(status, 101);
		assert.equal(await peer.text(), 'early');
	});

	it('refuses another version with 426 and the one that it speaks', ours, async (t) => {
		for (const version of ['8', '0', '12', '14', '']) {
			const { status, headers } = await asks(t, { headers: { 'Sec-WebSocket-Version': version } });
			assert.ok(status === 426 || (version === '' && status === 400), `${version}: ${status}`);
			if (status === 426)
				assert.equal(headers['sec-websocket-version'], '13', version);
		}
	});

	it('refuses a missing or malformed key with 400', ours, async (t) => {
		for (const key of [undefined, '', 'x', 'dGhlIHNhbXBsZSBub25j', 'dGhlIHNhbXBsZSBub25jZWQ=', 'dGhlIHNhbXBsZSBub25j!!==', 'dGhlIHNhbXBsZSBub25jZQ==x'])
			assert.equal((await asks(t, { headers: { 'Sec-WebSocket-Key': key } })).status, 400, key);
	});

	it('is none by another method, protocol or upgrade', ours, async (t) => {
		for (const options of [
			{ method: 'POST', headers: { 'Content-Length': '0' } }, { method: 'PUT', headers: { 'Content-Length': '0' } }, { method: 'HEAD' },
			{ protocol: 'HTTP/1.0' }, { headers: { Upgrade: 'h2c' } }, { headers: { Upgrade: undefined } }, { headers: { Upgrade: 'websocket2' } },
		]) {
			const { status } = await asks(t, options);
			assert.notEqual(status, 101, JSON.stringify(options));
			assert.ok(status < 500, `${JSON.stringify(options)}: ${status}`);
		}
	});

	it('is refused with a body', ours, async (t) => {
		const { status } = await asks(t, { headers: { 'Content-Length': '4' }, more: 'body' });
		assert.equal(status, 400);
	});
});

describe('1 framing', { ...websockets, concurrency: 4 }, () => {
	const s = conformance();
	for (const [kind, opcode, byte] of [['text', TEXT, '*'], ['binary', BINARY, '\xfe']]) {
		for (const n of [0, 1, 125, 126, 127, 128, 65_535, 65_536]) {
			const payload = Buffer.alloc(n, byte, 'latin1');
			talk(s, `1 ${kind} of ${n} bytes`, [frame(opcode, payload)], [[opcode, payload]], { chop: n > 1000 ? 997 : 1 });
		}
	}
	for (const [bits, n] of [[16, 5], [16, 125], [64, 5], [64, 126], [64, 65_535]])
		talk(s, `1 a length of ${n} in ${bits} bits, which are more than it needs`, [text('x'.repeat(n), { bits })], [], { code: 1002, chopped: n < 1000, skip: ours.skip });
	talk(s, '1 a length with the highest bit of 64', [Buffer.concat([hex('81ff8000000000000001'), hex('00000000'), Buffer.from('x')])], [], { code: 1002, skip: ours.skip });
	talk(s, '1 no mask', [text('hello', { mask: null })], [], { code: 1002, skip: ours.skip });
	talk(s, '1 no mask on a ping', [frame(PING, '', { mask: null })], [], { code: 1002, skip: ours.skip });
	talk(s, '1 a mask of zeros, and an empty payload with one', [text('hello', { mask: hex('00000000') }), text('', { mask: hex('01020304') })], [[TEXT, 'hello'], [TEXT, '']]);
	talk(s, '1 many messages at once', repeated(50, (i) => text(`message ${i}`)), repeated(50, (i) => [TEXT, `message ${i}`]), { chop: 7 });

	it('1 a length beyond the most is refused by its head alone', ours, async (t) => {
		const peer = await open(t, s.port, ECHO);
		peer.write(text('', { bits: 64, says: 1_000_001 }));
		assert.deepEqual(await peer.rest(), { messages: [], code: 1009 });
	});

	it('1 fragments that are too long together are refused, too', ours, async (t) => {
		const peer = await open(t, s.port, ECHO);
		peer.write(part('x'.repeat(600_000)), text('', { bits: 64, says: 400_001 }).fill(CONTINUATION | 0x80, 0, 1));
		assert.deepEqual(await peer.rest(), { messages: [], code: 1009 });
	});

	it('1 the longest is taken', async (t) => {
		const peer = await open(t, s.port, ECHO), most = 'm'.repeat(1_000_000);
		peer.send(most);
		assert.ok(await peer.text() === most);
		peer.write(...fragments(TEXT, most, 300_000));
		assert.ok(await peer.text() === most);
		assert.deepEqual(await peer.leave(), { messages: [], code: 1000 });
	});
});

describe('2 pings and pongs', { ...websockets, concurrency: 4 }, () => {
	const s = conformance();
	const case2 = (...args) => talk(s, ...args);
	case2('2 a ping without a payload', [frame(PING)], [[PONG, '']]);
	case2('2 a ping with one', [frame(PING, 'hello')], [[PONG, 'hello']]);
	case2('2 a ping with bytes', [frame(PING, hex('00fffefdfcfb00ff'))], [[PONG, hex('00fffefdfcfb00ff')]]);
	case2('2 a ping of 125 bytes', [frame(PING, Buffer.alloc(125, 0xfe))], [[PONG, Buffer.alloc(125, 0xfe)]]);
	case2('2 a ping of 126 bytes', [frame(PING, Buffer.alloc(126, 0xfe))], [], { code: 1002 });
	case2('2 a pong that was not asked for', [frame(PONG)], []);
	case2('2 a pong with a payload', [frame(PONG, 'unsolicited')], []);
	case2('2 a pong, and then a ping', [frame(PONG, 'unsolicited'), frame(PING, 'hello')], [[PONG, 'hello']]);
	case2('2 a pong of 126 bytes', [frame(PONG, Buffer.alloc(126, 'x'))], [], { code: 1002 });
	case2('2 ten pings', repeated(10, (i) => frame(PING, `ping ${i}`)), repeated(10, (i) => [PONG, `ping ${i}`]));
	case2('2 pings between messages', repeated(10, (i) => (i % 2 ? text(`${i}`) : frame(PING, `${i}`))), repeated(10, (i) => [i % 2 ? TEXT : PONG, `${i}`]));
});

describe('3 reserved bits', { ...websockets, concurrency: 4 }, () => {
	const s = conformance();
	for (const rsv of [1, 2, 3, 4, 5, 6, 7]) {
		talk(s, `3 ${rsv} in a message`, [text('hello', { rsv })], [], { code: 1002 });
		talk(s, `3 ${rsv} behind a message`, [text('first'), frame(BINARY, 'hello', { rsv }), frame(PING)], [[TEXT, 'first']], { code: 1002 });
		talk(s, `3 ${rsv} in a ping`, [frame(PING, 'x', { rsv })], [], { code: 1002 });
		talk(s, `3 ${rsv} in a close`, [frame(CLOSE, closing(1000), { rsv })], [], { code: 1002 });
	}
	talk(s, '3 in a fragment', [part('x'), frame(CONTINUATION, 'y', { rsv: 4 })], [], { code: 1002 });
});

describe('4 reserved opcodes', { ...websockets, concurrency: 4 }, () => {
	const s = conformance();
	for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
		talk(s, `4 ${opcode}`, [frame(opcode)], [], { code: 1002 });
		talk(s, `4 ${opcode} with a payload`, [frame(opcode, 'reserved')], [], { code: 1002 });
		talk(s, `4 ${opcode} behind a message`, [text('first'), frame(opcode, 'reserved'), frame(PING)], [[TEXT, 'first']], { code: 1002 });
	}
});

describe('5 fragments', { ...websockets, concurrency: 4 }, () => {
	const s = conformance();
	const case5 = (...args) => talk(s, ...args);
	const bad = { code: 1002 };
	case5('5 a ping in two', [frame(PING, 'a', { fin: false }), rest('b')], [], bad);
	case5('5 a pong in two', [frame(PONG, 'a', { fin: false }), rest('b')], [], bad);
	case5('5 a close in two', [frame(CLOSE, closing(1000), { fin: false }), rest('b')], [], bad);
	case5('5 a text in two', [part('frag'), rest('ment')], [[TEXT, 'fragment']]);
	case5('5 a binary in three, two of them empty', [frame(BINARY, '', { fin: false }), rest('x', false), rest('')], [[BINARY, 'x']]);
	case5('5 a text in a hundred', fragments(TEXT, 'é😀'.repeat(50), 3), [[TEXT, 'é😀'.repeat(50)]]);
	case5('5 pings within', [part('a'), frame(PING, '1'), rest('b', false), frame(PING, '2'), frame(PONG, 'x'), rest('c')], [[PONG, '1'], [PONG, '2'], [TEXT, 'abc']]);
	case5('5 two messages in fragments', [part('a'), rest('b'), frame(BINARY, 'c', { fin: false }), rest('d')], [[TEXT, 'ab'], [BINARY, 'cd']]);
	case5('5 nothing to continue, at the end', [rest('x')], [], bad);
	case5('5 nothing to continue, with more to come', [rest('x', false), rest('y')], [], bad);
	case5('5 nothing to continue behind a message', [text('first'), rest('x'), text('never')], [[TEXT, 'first']], bad);
	case5('5 nothing to continue behind a message in fragments', [part('a'), rest('b'), rest('c')], [[TEXT, 'ab']], bad);
	case5('5 a text within a text', [part('a'), text('b')], [], bad);
	case5('5 a binary within a text', [part('a'), frame(BINARY, 'b')], [], bad);
	case5('5 another text in fragments within one', [part('a'), part('b'), rest('c')], [], bad);
	case5('5 a message that never ends, and a close', [part('a'), rest('b', false)], []);

	it('5 five fragments with pauses and pings between', async (t) => {
		const peer = await open(t, s.port, ECHO);
		for (let i = 0; i < 5; i++) {
			peer.write(frame(i ? CONTINUATION : TEXT, `fragment ${i};`, { fin: i === 4 }), frame(PING, `${i}`));
			// The pong says that all before it is there.
			if (i < 4)
				assert.deepEqual(await peer.message(), { opcode: PONG, payload: Buffer.from(`${i}`) });
		}
		assert.equal(await peer.text(), repeated(5, (i) => `fragment ${i};`).join(''));
		assert.equal((await peer.message()).opcode, PONG);
	});
});

/** Sequences of bytes that are UTF-8, and ones that are not; from Unicode's table of well-formed byte sequences. */
const GOOD = {
	'two bytes, first and last': 'c280 dfbf', 'three bytes, first and last': 'e0a080 efbfbf', 'four bytes, first and last': 'f0908080 f48fbfbf',
	'around the surrogates': 'ed9fbf ee8080', 'U+FFFD, U+FFFE, U+FFFF': 'efbfbd efbfbe efbfbf', 'noncharacters of the last plane': 'f48fbfbe f48fbfbf',
	'a NUL and a DEL': '00 7f', 'a BOM': 'efbbbf 61', 'combined and joined': 'f09f91a8 e2808d f09f91a9 cc81',
};
const BAD = {
	'a continuation alone': '80', 'all continuations': 'bf 80 bf', 'a lead alone': 'c3', 'a lead and a letter': 'c3 61', 'two of three': 'e2 82', 'three of four': 'f0 9f 98',
	'overlong / in two': 'c0af', 'overlong / in three': 'e080af', 'overlong / in four': 'f08080af', 'overlong NUL': 'c080', 'overlong U+007F': 'c1bf', 'overlong U+07FF': 'e09fbf',
	'overlong U+FFFF': 'f08fbfbf', 'first surrogate': 'eda080', 'last surrogate': 'edbfbf', 'a pair of surrogates': 'eda081edb080', 'above U+10FFFF': 'f4908080', 'F5': 'f5808080',
	'five bytes': 'f888808080', 'six bytes': 'fc8480808080', 'FE': 'fe', 'FF': 'ff', 'good, and then FF': '6869 ff',
};
/** Where the last of these bytes is the first that no text could have there. */
const HOPELESS = {
	'in the middle of a word': 'cebae1bdb9cf83cebcceb5 eda0', 'FF': '61 ff', 'a lead and a letter': '61 c3 28', 'an overlong one': '61 e0 80', 'a surrogate': '61 ed a0', 'above U+10FFFF': 'f4 90',
};

describe('6 UTF-8', { ...websockets, concurrency: 4 }, () => {
	const s = conformance();
	const bad = { code: 1007 };
	talk(s, '6 nothing', [text('')], [[TEXT, '']]);
	talk(s, '6 nothing in three fragments', [part(''), rest('', false), rest('')], [[TEXT, '']]);
	talk(s, '6 nothing but the middle one', [part(''), rest('é', false), rest('')], [[TEXT, 'é']]);
	talk(s, '6 a text', [text('Hello-µ@ßöäüàá-UTF-8!!')], [[TEXT, 'Hello-µ@ßöäüàá-UTF-8!!']]);
	for (const [name, bytes] of Object.entries(GOOD)) {
		talk(s, `6 ${name}`, [text(hex(bytes))], [[TEXT, hex(bytes)]]);
		talk(s, `6 ${name}, a fragment for each byte`, fragments(TEXT, hex(bytes), 1), [[TEXT, hex(bytes)]], { chopped: false });
	}
	for (const [name, bytes] of Object.entries(BAD)) {
		talk(s, `6 not ${name}`, [text(hex(bytes))], [], bad);
		talk(s, `6 not ${name}, a fragment for each byte`, [...fragments(TEXT, hex(bytes), 1)], [], { ...bad, chopped: false });
		talk(s, `6 not ${name}, with something around`, [text('first'), text(Buffer.concat([Buffer.from('é'), hex(bytes), Buffer.from('é')])), text('never')], [[TEXT, 'first']], { ...bad, chopped: false });
	}
	for (const [name, bytes] of Object.entries(HOPELESS)) {
		// Nothing follows: what is there is enough to know.
		talk(s, `6 at once, in a fragment: ${name}`, [part(hex(bytes))], [], { ...bad, skip: ours.skip });
		talk(s, `6 at once, in a frame that is not all there: ${name}`, [text(hex(bytes), { says: 100 })], [], { ...bad, skip: ours.skip });
	}
	talk(s, '6 any bytes in binary', [frame(BINARY, hex('ff80c0af00'))], [[BINARY, hex('ff80c0af00')]]);
	talk(s, '6 any bytes in a ping', [frame(PING, hex('ff80'))], [[PONG, hex('ff80')]]);
	talk(s, '6 a character that a ping divides', [part(hex('f09f')), frame(PING, hex('98')), rest(hex('9880'))], [[PONG, hex('98')], [TEXT, '😀']]);
});

describe('7 closing', { ...websockets, concurrency: 4 }, () => {
	const s = conformance();
	/** What comes back is this close, and nothing else. */
	const case7 = (name, frames, code, messages = []) => talk(s, name, frames, messages, { code });
	case7('7 behind a message', [text('hello'), close(1000)], 1000, [[TEXT, 'hello']]);
	for (const [name, ...behind] of [['another close', close(1000)], ['a ping', frame(PING)], ['a message', text('late')], ['what is no frame', hex('ffffffffff')]])
		case7(`7 with ${name} behind it`, [close(3000), ...behind], 3000);
	case7('7 within a message', [part('a'), close(3001), rest('b')], 3001);
	case7('7 without a code', [close()], null);
	case7('7 half a code', [frame(CLOSE, 'x')], 1002);
	case7('7 with a reason', [close(1000, 'that is all')], 1000);
	case7('7 with a reason of 123 bytes', [close(1000, 'x'.repeat(123))], 1000);
	case7('7 with a reason of 124 bytes', [frame(CLOSE, closing(1000, 'x'.repeat(124)))], 1002);
	case7('7 with a reason that is no UTF-8', [frame(CLOSE, closing(1000, hex('cebae1bdb9cf83eda080')))], 1007);
	case7('7 with a reason that ends within a character', [frame(CLOSE, closing(1000, hex('61e282')))], 1007);
	for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
		case7(`7 with ${code}`, [close(code)], code);
	for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
		case7(`7 with ${code}, which is none`, [close(code)], 1002);

	it('7 a large message is echoed before it', async (t) => {
		const peer = await open(t, s.port, ECHO), large = 'l'.repeat(256 * 1024);
		peer.write(text(large), close(1000), frame(PING));
		const got = await peer.rest();
		assert.ok(got.messages.length === 1 && got.messages[0].payload.toString() === large);
		assert.equal(got.code, 1000);
	});

	it('7 whoever hangs up without it is gone, and nobody minds', async (t) => {
		const gone = await open(t, s.port, ECHO);
		gone.write(part('half a mess'));
		gone.destroy();
		const other = await open(t, s.port, ECHO);
		other.send('still here');
		assert.equal(await other.text(), 'still here');
	});
});

describe('9 large messages', websockets, () => {
	const s = conformance({ flags: '--max-payload 20000000 --session-queue 20000000' });
	const MB = 1 << 20;
	const patient = ms(60_000);

	for (const [kind, opcode] of [['text', TEXT], ['binary', BINARY]]) {
		const make = (n) => (opcode === TEXT ? Buffer.from('é€😀x'.repeat(Math.floor(n / 10))) : Buffer.alloc(n, '0123456789abcdefg'));
		for (const n of [64 * 1024, MB, 4 * MB, 16 * MB])
			it(`9 ${kind} of ${n / 1024} KiB`, async (t) => whole(t, opcode, make(n), [frame(opcode, make(n))]));
		for (const size of [64, 1024, 16_384])
			it(`9 ${kind} of ${size < 1024 ? 256 : 4096} KiB in fragments of ${size}`, async (t) => {
				const payload = make(size < 1024 ? 256 * 1024 : 4 * MB);
				await whole(t, opcode, payload, fragments(opcode, payload, size));
			});
		for (const size of [64, 512])
			it(`9 ${kind} of ${size} KiB in pieces of ${size * 2} bytes`, async (t) => {
				const payload = make(size * 1024);
				await whole(t, opcode, payload, [frame(opcode, payload)], size * 2);
			});
	}

	async function whole(t, opcode, payload, frames, chop = 0) {
		const peer = await open(t, s.port, ECHO);
		if (chop)
			await peer.trickle(Buffer.concat(frames), chop);
		else
			peer.write(...frames);
		const got = await peer.message(patient);
		assert.equal(got.opcode, opcode);
		assert.ok(got.payload.equals(payload), `${got.payload.length} bytes, not ${payload.length}, or others`);
		assert.deepEqual(await peer.leave(), { messages: [], code: 1000 });
	}

	for (const n of [0, 64, 1024, 16_384]) {
		it(`9 a thousand of ${n} bytes`, async (t) => {
			const peer = await open(t, s.port, ECHO), payload = 'x'.repeat(n);
			// As the other side has read them: it need not keep more than some for who does not read.
			for (let i = 0; i < 10; i++) {
				peer.write(...repeated(100, () => text(payload)));
				for (let k = 0; k < 100; k++)
					assert.equal((await peer.message(patient)).payload.length, n);
			}
			assert.deepEqual(await peer.leave(), { messages: [], code: 1000 });
		});
	}
});

describe('10 and more', websockets, () => {
	const s = conformance();

	it('10 64 KiB in fragments of 1,300', async (t) => {
		const peer = await open(t, s.port, ECHO), payload = '*'.repeat(65_536);
		peer.write(...fragments(TEXT, payload, 1300));
		assert.equal(await peer.text(), payload);
		assert.deepEqual(await peer.leave(), { messages: [], code: 1000 });
	});

	it('who does not read is not read, and gets all when he does', async (t) => {
		const peer = await open(t, s.port, ECHO), count = 400, payload = 'y'.repeat(65_536);
		peer.socket.pause();
		for (let i = 0; i < count; i++)
			peer.write(text(payload));
		// Far more than the buffers between us hold, so it cannot all have been taken.
		peer.socket.resume();
		for (let i = 0; i < count; i++)
			assert.equal((await peer.message(ms(60_000))).payload.length, payload.length);
		assert.deepEqual(await peer.leave(), { messages: [], code: 1000 });
	});

	it('many at once', async (t) => {
		const peers = await Promise.all(repeated(50, () => open(t, s.port, ECHO)));
		for (const [i, peer] of peers.entries())
			peer.send(`peer ${i}`);
		for (const [i, peer] of peers.entries())
			assert.equal(await peer.text(), `peer ${i}`);
		for (const end of await Promise.all(peers.map((peer) => peer.leave())))
			assert.deepEqual(end, { messages: [], code: 1000 });
	});
});
