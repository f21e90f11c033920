// wire-websocket.mjs: an Engine.IO session over WebSocket, to be used like Session of wire.mjs: its packets are written as
// they are there, binary as b and base64, so that the same tests can ask either.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { BINARY, CLOSE, frame, open, PING, PONG, TEXT } from '../e2e/websocket.mjs';
import { ms, within } from '../e2e/harness.mjs';

/** A packet as a frame. */
export const packetFrame = (packet) => (packet.startsWith('b') ? frame(BINARY, Buffer.from(packet.slice(1), 'base64')) : frame(TEXT, packet));

export class WebSocketSession {
	/** `polling`: a session of wire.mjs that is to go on as this one. */
	constructor(server, { path = '/socket.io/', headers = {}, params = '', polling } = {}) {
		Object.assign(this, { server, path, headers, params, polling, sid: polling?.sid, inbox: [], handshake: polling?.handshake, barriers: 0, pongs: 0 });
	}

	target(params = '') {
		return `${this.path}?EIO=4&transport=websocket${this.sid === undefined ? '' : `&sid=${encodeURIComponent(this.sid)}`}${params}`;
	}

	/** The handshake, or the upgrade. */
	async open(t) {
		this.peer = await open(t, this.server.port, this.target(this.params), { headers: this.headers });
		if (this.polling)
			return this.#upgrade();
		const packet = await this.peer.text();
		assert.match(packet, /^0/);
		this.handshake = JSON.parse(packet.slice(1));
		this.sid = this.handshake.sid;
		return this;
	}

	async #upgrade() {
		this.peer.send('2probe');
		assert.equal(await this.peer.text(), '3probe');
		// A client with a GET on its way would wait for that; here there is none.
		this.peer.send('5');
		return this;
	}

	/** One GET with its id, as it comes back. */
	get(params = '', options = {}) {
		return this.server.get(this.target(params).replace('=websocket', '=polling'), {}, options);
	}

	/** Sends packets, and waits until they have been read; the status is 400 when the session has ended instead. */
	async post(...packets) {
		const mark = `${++this.barriers}`;
		this.peer.write(...packets.map(packetFrame), frame(PING, mark));
		while (!this.ended && this.pongs < this.barriers)
			await this.#read();
		return this.ended ? { status: 400, text: '' } : { status: 200, text: 'ok' };
	}

	async send(...packets) {
		const { status } = await this.post(...packets);
		if (status !== 200)
			throw new Error(`the session ended with ${this.ended.code} upon ${packets.join(' ').slice(0, 200)}`);
	}

	/** What comes next, a ping too; undefined: it has ended. */
	async heard() {
		while (!this.ended && this.inbox.length === 0)
			await this.#read(true);
		return this.inbox.shift();
	}

	#reading;
	/** Takes one frame; who comes while another waits for it waits for the same. */
	#read(pings = false) {
		this.#reading ??= this.#take(pings).finally(() => {
			this.#reading = undefined;
		});
		return this.#reading;
	}

	async #take(pings) {
		const got = await this.peer.message(ms(20_000));
		if (!got || got.opcode === CLOSE) {
			// No code: null; no CLOSE: undefined.
			this.ended = { code: got ? (got.payload.length ? got.payload.readUInt16BE(0) : null) : undefined };
			return;
		}
		if (got.opcode === PONG) {
			this.pongs = Number(got.payload);
			return;
		}
		const packet = got.opcode === TEXT ? got.payload.toString() : `b${got.payload.toString('base64')}`;
		assert.ok(packet !== '1' && packet !== '6', `a packet ${packet} over WebSocket`);
		if (packet === '2' && !pings)
			this.peer.send('3');
		else
			this.inbox.push(packet);
	}

	async packets(count = 1) {
		while (this.inbox.length < count && !this.ended)
			await this.#read();
		return this.inbox.splice(0, count);
	}

	async packet() {
		return (await this.packets(1))[0];
	}

	async rest() {
		return this.packets(Infinity);
	}

	async alive() {
		return (await this.post('6')).status === 200;
	}

	/** As a lost connection: without a word. */
	async hangUp() {
		this.peer.destroy();
	}

	async leave() {
		if (!this.peer || this.peer.socket.destroyed)
			return;
		if (!this.peer.reader.over) {
			this.peer.send('1');
			await within(ms(10_000), once(this.peer.socket, 'close'), 'the end of a session that left').catch(() => {});
		}
		this.peer.destroy();
	}
}
