// wire.mjs: Engine.IO and Socket.IO by hand, over plain HTTP requests, as the protocol tests need them: packets go out
// and come in as they are on the wire.
//
// Environment: CONFORMANCED            the conformance server (build/conformanced; a sanitizer build, say)
//              CONFORMANCE_URL         servers that run already are tested instead of build/conformanced, such as the
//              CONFORMANCE_URL_PATIENT reference server: the first with a heartbeat of 300 and 200 ms, the second with the
//                                      default one. What only Longline does is skipped then.
//              CONFORMANCE_TRANSPORT   by what sessions talk unless a test says: polling (the default), websocket, or
//                                      upgrade for the one and then the other
//              CONFORMANCE_POLLING     the server is started with --no-websocket, and tests of WebSocket are skipped
import { after, before, it } from 'node:test';
import { client, ms, pending, start } from '../e2e/harness.mjs';
import { WebSocketSession } from './wire-websocket.mjs';

/** True when something else than Longline is tested. */
export const foreign = Boolean(process.env.CONFORMANCE_URL);
/** For tests of Longline's own choices: `it(name, ours, …)`. */
export const ours = { skip: foreign && 'a choice of Longline' };

/** True when the server is to offer no WebSocket: all else must be as it is then. */
export const pollingOnly = Boolean(process.env.CONFORMANCE_POLLING);
/** For tests that need one: `it(name, websockets, …)`. */
export const websockets = { skip: pollingOnly && 'polling only' };
/** What a handshake by polling offers. */
export const UPGRADES = pollingOnly ? [] : ['websocket'];

export const SEPARATOR = '\x1e';

/**
 * A conformance server for all tests of a describe(). `brisk`: with the short heartbeat of the official suites; otherwise
 * with the default one, so that a busy machine cannot end a session in the middle of a test about something else. `pongMs`:
 * how long a brisk one waits for a pong.
 */
export function conformance({ brisk = false, pongMs = 200, flags = '--cors *' } = {}) {
	const self = {};
	before(async () => {
		const url = brisk ? process.env.CONFORMANCE_URL : process.env.CONFORMANCE_URL_PATIENT;
		Object.assign(self, foreign ? { ...client(url), url, port: Number(new URL(url).port) } : await start({
			env: { LONGLINED: process.env.CONFORMANCED || 'build/conformanced' },
			flags: `${brisk ? `--ping-interval 300 --ping-timeout ${pongMs} --connect-timeout 1000` : ''} ${pollingOnly ? '--no-websocket' : ''} ${flags}`,
		}));
	});
	after(async () => {
		self.agent?.destroy();
		await self.stop?.();
	});
	return self;
}

/**
 * A test against a brisk server, tried again when it fails: a busy machine may let the 200 ms for a pong pass between two
 * requests, and the session is gone, rightly. What is wrong fails each time.
 */
export const brisk = (name, test) => it(name, async (t) => {
	for (let left = 5; ; left--) {
		try {
			return await test(t);
		} catch (error) {
			if (left === 1)
				throw error;
		}
	}
});

export const join = (...packets) => packets.join(SEPARATOR);
export const binary = (...bytes) => `b${Buffer.from(bytes).toString('base64')}`;

/** Of one that takes any number of packets in a reply. */
const AGENT = { 'User-Agent': 'Mozilla/5.0 (longline-test)' };

/** An Engine.IO session; nothing happens in it by itself. */
export class Session {
	constructor(server, { path = '/socket.io/', headers = AGENT, params = '' } = {}) {
		Object.assign(this, { server, path, headers, params, sid: undefined, inbox: [], handshake: undefined });
	}

	target(params = '') {
		return `${this.path}?EIO=4&transport=polling${this.sid === undefined ? '' : `&sid=${encodeURIComponent(this.sid)}`}${params}`;
	}

	/** The handshake. */
	async open() {
		const res = await this.get(this.params);
		if (res.status !== 200 || !res.text.startsWith('0'))
			throw new Error(`no handshake: ${res.status} ${res.text}`);
		this.handshake = JSON.parse(res.text.slice(1));
		this.sid = this.handshake.sid;
		return this;
	}

	/** One GET, as it comes back. */
	get(params, options = {}) {
		return this.server.get(this.target(params), this.headers, options);
	}

	/** One POST of these packets. */
	post(...packets) {
		return this.server.post(this.target(), join(...packets), { ...this.headers, 'Content-Type': 'text/plain;charset=UTF-8' });
	}

	/** A POST that must be taken. */
	async send(...packets) {
		const res = await this.post(...packets);
		if (res.status !== 200 || res.text !== 'ok')
			throw new Error(`a POST answered ${res.status} ${res.text}`);
	}

	/**
	 * The next `count` packets, by as many GETs as it takes. Pings are answered and not counted. Fewer come back when the
	 * session ends before; `ended` says so then.
	 */
	async packets(count = 1) {
		while (this.inbox.length < count && !this.ended) {
			// Less than the default heartbeat: who waits for a ping waits for nothing.
			const res = await this.get('', { timeout: ms(15_000) });
			if (res.status !== 200) {
				this.ended = res;
				break;
			}
			if (res.text === '')
				throw new Error('a GET was answered with an empty body');
			let pings = 0;
			for (const packet of res.text.split(SEPARATOR)) {
				if (packet === '2')
					pings++;
				else if (packet === '1')
					this.ended = res;
				else if (packet !== '6')
					this.inbox.push(packet);
			}
			if (pings && !this.ended)
				await this.post('3');
		}
		return this.inbox.splice(0, count);
	}

	/** The next packet. */
	async packet() {
		return (await this.packets(1))[0];
	}

	/** What still comes until the session has ended. */
	async rest() {
		return this.packets(Infinity);
	}

	/** What comes next, a ping too. */
	async heard() {
		const { status, text } = await this.get();
		if (status !== 200)
			throw new Error(`a GET answered ${status} ${text}`);
		const [packet, ...more] = text.split(SEPARATOR);
		this.inbox.push(...more);
		return packet;
	}

	/** As a lost connection: in the middle of a GET, without a word. */
	async hangUp() {
		const controller = new AbortController();
		const held = this.get('', { signal: controller.signal }).catch(() => {});
		await pending(held, 20);
		controller.abort();
	}

	/** Whether the server knows it. Costs a POST that means nothing. */
	async alive() {
		return (await this.post('6')).status === 200;
	}

	/** Leaves in an orderly way, so that nothing is held any more. */
	async leave() {
		if (!this.ended)
			await this.post('1');
	}
}

/** By what sessions talk that do not ask for anything else. */
export const TRANSPORT = process.env.CONFORMANCE_TRANSPORT ?? 'polling';
/** For tests of what only polling has. */
export const byPolling = { skip: TRANSPORT !== 'polling' && 'of polling' };

/** A new Engine.IO session, left when the test is over; `transport`: polling, websocket or upgrade. */
export async function open(t, server, { transport = TRANSPORT, ...options } = {}) {
	let session;
	if (transport !== 'websocket')
		session = await new Session(server, options).open();
	if (transport !== 'polling')
		session = await new WebSocketSession(server, { ...options, polling: session }).open(t);
	t.after(() => session.leave().catch(() => {})); // its server may be gone already
	return session;
}

/** A new session that has joined a namespace of the conformance server and read what this brings. */
export async function connect(t, server, { namespace = '/', auth, ...options } = {}) {
	const session = await open(t, server, options);
	await enter(session, namespace, auth);
	return session;
}

/** Joins one more namespace; gives the Socket.IO id. */
export async function enter(session, namespace = '/', auth = undefined) {
	const name = namespace === '/' ? '' : `${namespace},`;
	await session.send(`40${name}${auth === undefined ? '' : JSON.stringify(auth)}`);
	const reply = await session.packet();
	if (!reply?.startsWith(`40${name}{`))
		throw new Error(`no CONNECT but ${reply}`);
	if (namespace !== '/admin')
		await session.packet(); // the event `auth`
	return JSON.parse(reply.slice(2 + name.length)).sid;
}

/** The arguments of an event or ack with its attachments put in place; `packets` is the header and then the attachments. */
export function assemble([header, ...attachments]) {
	const [, type, count, namespace, id, json] = /^4(\d)(?:(\d+)-)?(?:(\/[^,]*),)?(\d+)?(.*)$/s.exec(header);
	const bytes = attachments.map((packet) => {
		if (!packet.startsWith('b'))
			throw new Error(`an attachment was expected, not ${packet}`);
		return Buffer.from(packet.slice(1), 'base64');
	});
	if (Number(count ?? 0) !== bytes.length)
		throw new Error(`${bytes.length} attachments for ${header}`);
	const place = (key, value) => (value?._placeholder === true ? bytes[value.num] : value);
	return { type: Number(type), namespace: namespace ?? '/', id: id && Number(id), args: json === '' ? undefined : JSON.parse(json, place) };
}

/** The next event or ack with its attachments. */
export async function assembled(session) {
	const header = await session.packet();
	const count = Number(/^4[56](\d+)-/.exec(header)?.[1] ?? 0);
	return assemble([header, ...await session.packets(count)]);
}

/** A moment in which something that must not happen would have happened. */
export const moment = ms(150);
