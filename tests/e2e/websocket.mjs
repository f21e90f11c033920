// websocket.mjs: WebSocket by hand (RFC 6455): frames go out and come in as they are on the wire, also those that no
// library would send.
//
// What comes from the server is checked as it is read: unmasked, no reserved bits, known opcodes, the shortest length.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { ms, within } from './harness.mjs';

export const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;
const KNOWN = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG];
const LENGTHS = { 7: 0, 16: 2, 64: 8 };

const shortest = (n) => (n < 126 ? 7 : n < 0x10000 ? 16 : 64);

/**
 * A frame as clients send it. `rsv`: the three reserved bits as a number; `mask`: four bytes, or null for none;
 * `bits`: in how many of them the length is written; `says`: that length, where it is not the payload's.
 */
export function frame(opcode, payload = '', { fin = true, rsv = 0, mask = crypto.randomBytes(4), bits, says } = {}) {
	const data = Buffer.from(payload), length = says ?? data.length, form = bits ?? shortest(length);
	const head = Buffer.alloc(2 + LENGTHS[form]);
	head[0] = (fin ? 0x80 : 0) | rsv << 4 | opcode;
	head[1] = (mask ? 0x80 : 0) | { 7: length, 16: 126, 64: 127 }[form];
	if (form === 16)
		head.writeUInt16BE(length, 2);
	if (form === 64)
		head.writeBigUInt64BE(BigInt(length), 2);
	if (!mask)
		return Buffer.concat([head, data]);
	const masked = Buffer.from(data);
	for (let i = 0; i < masked.length; i++)
		masked[i] ^= mask[i & 3];
	return Buffer.concat([head, mask, masked]);
}

/** The payload of a CLOSE. */
export function closing(code, reason = '') {
	const head = Buffer.alloc(2);
	head.writeUInt16BE(code);
	return Buffer.concat([head, Buffer.from(reason)]);
}

export const close = (code, reason) => frame(CLOSE, code === undefined ? '' : closing(code, reason));

/** A message as frames, each with so many bytes of it at most. */
export function fragments(opcode, payload, size) {
	const data = Buffer.from(payload), frames = [];
	for (let at = 0; at === 0 || at < data.length; at += size)
		frames.push(frame(at === 0 ? opcode : CONTINUATION, data.subarray(at, at + size), { fin: at + size >= data.length }));
	return frames;
}

/** The head of a frame of the server's, of which 10 bytes or all are there: {opcode, fin, head, length}, or undefined for less. */
function parseHead(bytes) {
	if (bytes.length < 2)
		return undefined;
	const form = { 126: 16, 127: 64 }[bytes[1] & 127] ?? 7, head = 2 + LENGTHS[form];
	if (bytes.length < head)
		return undefined;
	const length = form === 7 ? bytes[1] & 127 : form === 16 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
	assert.equal(bytes[1] & 0x80, 0, 'servers do not mask');
	assert.equal(bytes[0] & 0x70, 0, 'reserved bits');
	assert.ok(KNOWN.includes(bytes[0] & 15), `opcode ${bytes[0] & 15}`);
	assert.equal(form, shortest(length), 'the length is not the shortest');
	return { opcode: bytes[0] & 15, fin: Boolean(bytes[0] & 0x80), head, length };
}

const PROOF = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
export const accept = (key) => crypto.createHash('sha1').update(key + PROOF).digest('base64');

/** What comes over a connection, to be read in pieces: by how long it is, or up to some bytes. */
class Reader {
	constructor(socket) {
		Object.assign(this, { socket, parts: [], length: 0, over: false, wake: () => {} });
		socket.on('data', (part) => {
			this.parts.push(part);
			this.length += part.length;
			this.wake();
		});
		for (const name of ['end', 'close'])
			socket.on(name, () => {
				this.over = true;
				this.wake();
			});
	}

	/** The first n bytes, or as many as there are. Only what must be in one piece is put together. */
	peek(n = Infinity) {
		if (this.parts.length > 1 && this.parts[0].length < n)
			this.parts = [Buffer.concat(this.parts)];
		return (this.parts[0] ?? Buffer.alloc(0)).subarray(0, Math.min(n, this.length));
	}

	/** Takes n bytes off, all of which are there. */
	take(n) {
		const bytes = Buffer.from(this.peek(n));
		const left = this.parts[0]?.subarray(n);
		this.parts.splice(0, 1, ...(left?.length ? [left] : []));
		this.length -= n;
		return bytes;
	}

	more() {
		return new Promise((resolve) => {
			this.wake = resolve;
		});
	}
}

/** The head of an answer: {status, headers}; undefined if it is not all there. */
function answerHead(text) {
	const end = text.indexOf('\r\n\r\n');
	if (end < 0)
		return undefined;
	const [first, ...lines] = text.slice(0, end).split('\r\n');
	const headers = {};
	for (const line of lines) {
		const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line);
		headers[name.toLowerCase()] = value;
	}
	return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)[1]), headers, length: end + 4 };
}

/**
 * Asks for a WebSocket; gives {status, headers, text} of a refusal, and with the status 101 also `peer`. `headers` come to
 * the usual ones; undefined takes one away. `more` are bytes right behind the request, as no client sends them.
 */
export async function ask(port, target, { method = 'GET', protocol = 'HTTP/1.1', headers = {}, more = '', t } = {}) {
	const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
	t?.after(() => socket.destroy());
	const key = crypto.randomBytes(16).toString('base64');
	const all = {
		Host: `127.0.0.1:${port}`, Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': key, 'Sec-WebSocket-Version': '13', ...headers,
	};
	const lines = Object.entries(all).filter(([, value]) => value !== undefined).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`));
	socket.on('error', () => {}); // its end is seen
	const reader = new Reader(socket);
	await once(socket, 'connect');
	socket.write(Buffer.concat([Buffer.from(`${method} ${target} ${protocol}\r\n${lines.join('')}\r\n`), Buffer.from(more)]));
	return within(ms(20_000), answered(reader, socket, all['Sec-WebSocket-Key'], method), `an answer to ${method} ${target}`);
}

async function answered(reader, socket, key, method) {
	let head;
	while (!(head = answerHead(reader.peek().toString('latin1')))) {
		if (reader.over)
			throw new Error('the connection was closed without an answer');
		await reader.more();
	}
	reader.take(head.length);
	if (head.status === 101) {
		assert.match(head.headers.upgrade ?? '', /^websocket$/i);
		assert.match(head.headers.connection ?? '', /^upgrade$/i);
		assert.equal(head.headers['sec-websocket-accept'], accept(key));
		assert.equal(head.headers['sec-websocket-extensions'], undefined);
		return { ...head, peer: new Peer(socket, reader) };
	}
	const length = method === 'HEAD' ? 0 : Number(head.headers['content-length'] ?? 0);
	while (reader.length < length && !reader.over)
		await reader.more();
	const text = reader.peek().toString();
	socket.destroy();
	return { ...head, text };
}

/** The client's end of a WebSocket. */
export class Peer {
	constructor(socket, reader) {
		Object.assign(this, { socket, reader });
	}

	/** Sends bytes as they are. Gives nothing back; once they are taken, `drained()` resolves. */
	write(...parts) {
		this.socket.write(parts.length === 1 ? parts[0] : Buffer.concat(parts));
		return this;
	}

	drained() {
		return new Promise((resolve) => {
			this.socket.write('', resolve);
		});
	}

	/** The same in pieces of so many bytes, each for itself. Ends early when the other side has. */
	async trickle(bytes, size = 1) {
		for (let at = 0; at < bytes.length && !this.reader.over; at += size) {
			this.socket.write(bytes.subarray(at, at + size));
			await new Promise((resolve) => {
				setImmediate(resolve);
			});
		}
		return this;
	}

	send(text) {
		return this.write(frame(typeof text === 'string' ? TEXT : BINARY, text));
	}

	/** The next frame; null when the connection has ended instead. */
	async frame(time = ms(20_000)) {
		return within(time, this.#frame(), 'the next frame');
	}

	async #frame() {
		let head;
		for (;;) {
			head ??= parseHead(this.reader.peek(10));
			if (head && this.reader.length >= head.head + head.length) {
				this.reader.take(head.head);
				return { opcode: head.opcode, fin: head.fin, payload: this.reader.take(head.length) };
			}
			if (this.reader.over) {
				assert.equal(this.reader.length, 0, 'the connection ended within a frame');
				return null;
			}
			await this.reader.more();
		}
	}

	/** The next message or control frame: {opcode, payload}. */
	async message(time) {
		const first = await this.frame(time);
		if (!first || first.fin)
			return first && { opcode: first.opcode, payload: first.payload };
		const parts = [first.payload];
		for (;;) {
			const next = await this.frame(time);
			assert.equal(next?.opcode, CONTINUATION);
			parts.push(next.payload);
			if (next.fin)
				return { opcode: first.opcode, payload: Buffer.concat(parts) };
		}
	}

	/** The text of the next message, which must be one. */
	async text(time) {
		const got = await this.message(time);
		assert.equal(got?.opcode, TEXT, got && `${got.opcode} ${got.payload}`);
		return got.payload.toString();
	}

	/** Everything up to the end of the connection, and how it ended: {messages, code}; no code: null, no CLOSE: undefined. A CLOSE is
	 *  answered as clients do. */
	async rest(time = ms(20_000)) {
		const messages = [];
		let code;
		for (let got = await this.message(time); got; got = await this.message(time)) {
			assert.equal(code, undefined, 'something came behind the CLOSE');
			if (got.opcode === CLOSE) {
				code = got.payload.length ? got.payload.readUInt16BE(0) : null;
				if (!this.said)
					this.write(frame(CLOSE, got.payload));
			} else {
				messages.push(got);
			}
		}
		return { messages, code };
	}

	/** Closes as a client should; gives what still came. */
	async leave(code = 1000) {
		this.write(close(code));
		this.said = true;
		const rest = await this.rest();
		this.destroy();
		return rest;
	}

	destroy() {
		this.socket.destroy();
	}
}

/** A WebSocket that was let in; its connection ends with the test. */
export async function open(t, port, target, options = {}) {
	const answer = await ask(port, target, { ...options, t });
	assert.equal(answer.status, 101, `${answer.status} ${answer.text}`);
	return answer.peer;
}
