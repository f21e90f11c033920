// sockets.mjs: Socket.IO clients as load: to follow() and sender() of load.mjs what the tutorial's client is to curl. Both
// are unmodified clients from npm, with nothing but what their documentation offers against losses.
import crypto from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { clients, io } from '../conformance/clients.mjs';
import { ms, until, within } from './harness.mjs';
import { random } from './load.mjs';

// Tests have no time for a client's usual patience.
const QUICK = { forceNew: true, reconnectionDelay: 5, reconnectionDelayMax: 50 };

/** A test that failed leaves its clients: they must not try for ever to reach a server that is no more. */
const closeBehind = (server, one) => server.proc.ended.then(() => one.close());

/**
 * Follows a room from the head on, by polling at first or by `transports`: it recovers, or (versions that cannot) goes on
 * behind auth.serverOffset. What it saw is as follow()'s of load.mjs, for assertSaw(). `connects` says of each connection
 * whether it was recovered.
 */
export function followSocket(server, room, version = '4.8', auth = {}, transports = undefined) {
	const [, make] = clients.find(([one]) => one === version);
	const content = crypto.createHash('sha256');
	const self = { rooms: [room], version, ids: [], odd: [], connects: [], from: undefined, start, reach, stop };
	let one;

	async function start() {
		self.from = await server.head();
		one = make(`${server.url}/${room}`, { ...QUICK, ...(transports && { transports }), auth: { ...auth, serverOffset: self.from } });
		closeBehind(server, one);
		one.on('connect', () => self.connects.push({ recovered: one.recovered, id: one.id }));
		one.onAny((event, text, offset, ...more) => {
			if (event !== 'chat message' || typeof text !== 'string' || !/^\d+$/.test(offset) || more.length > 0)
				self.odd.push([event, text, offset, ...more]);
			self.ids.push(Number(offset));
			content.update(`${offset} ${room} ${text}\n`);
			one.auth.serverOffset = offset;
		});
		await until(() => self.connects.length === 1, { what: 'a socket to connect' });
		return self;
	}

	function reach(log, timeout = ms(30_000)) {
		const head = log.filter((row) => row.room === room && row.id > self.from).at(-1)?.id ?? 0;
		return until(() => (self.ids.at(-1) ?? self.from) >= head, { timeout, what: `a socket at ${self.ids.at(-1)} to reach ${head}` });
	}

	async function stop() {
		one.close();
		self.digest ??= content.digest('hex');
		return self;
	}
	return self;
}

/**
 * Emits one message after the other, each with a client offset, and leaves it to the client to repeat what is not
 * acknowledged: when it has connected again, or much later, since an ack that comes too late would be for nothing, again and
 * again on a slow machine. With `ahead` it does not wait for the acks of the last so many. As sender() of load.mjs.
 */
export function socketSender(server, name, room, { size = 200, ahead = 0, auth = {} } = {}) {
	const self = { answered: new Map(), failures: [], connects: 0, took: [], stop };
	const prefix = `${name}_${crypto.randomBytes(12).toString('base64url')}`.replaceAll('-', '_');
	const one = io(`${server.url}/${room}`, { ...QUICK, auth: { name, ...auth }, ackTimeout: ms(20_000), retries: 10_000 });
	closeBehind(server, one);
	let stopping = false, waiting = 0;
	one.on('connect', () => self.connects++);

	function emit(n) {
		// The offset stands in the text too, so that what is stored can be compared.
		const key = `${prefix}-${n}`, text = `${key} `.padEnd(Math.floor(random(1, size)), 'x').trimEnd();
		const began = performance.now();
		waiting++;
		one.emit('chat message', text, key, (error, answer) => {
			waiting--;
			if (error || !(answer?.id > 0)) {
				self.failures.push(error ?? new Error(JSON.stringify(answer)));
				return;
			}
			self.took.push(performance.now() - began);
			self.answered.set(text, answer.id);
		});
	}

	async function loop() {
		for (let n = 0; !stopping && !server.proc.done; n++) {
			emit(n);
			await until(() => waiting <= ahead || server.proc.done, { timeout: ms(60_000), every: 1, what: `socket ${name} to be answered` });
		}
		await until(() => waiting === 0 || server.proc.done, { timeout: ms(60_000), every: 5, what: `socket ${name} to be answered` });
	}
	const running = loop().finally(() => one.close());
	running.catch(() => {}); // stop() tells of it

	async function stop() {
		stopping = true;
		await within(ms(60_000), running, `socket ${name} to end`);
		return self;
	}
	return self;
}
