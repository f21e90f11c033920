// clients.mjs: unmodified Socket.IO clients from npm, and what tests want to know of them.
import { createRequire } from 'node:module';
import { ms, until, within } from '../e2e/harness.mjs';

// They are installed beside the tests of the page.
const require = createRequire(new URL('../js/package.json', import.meta.url));
function load(name) {
	try {
		return require(name).io;
	} catch (error) {
		throw new Error(`there is no ${name}: run npm ci in tests/js`, { cause: error });
	}
}

/** Versions and their io(). */
export const clients = [
	['4.8', load('socket.io-client')], ['4.4', load('socket.io-client-44')], ['4.0', load('socket.io-client-40')], ['3.1', load('socket.io-client-31')],
];
export const io = clients[0][1];

/** Tests have no time for a client's usual patience. */
const QUICK = { reconnectionDelay: 50, reconnectionDelayMax: 250, forceNew: true };

/**
 * A socket, closed when the test is over. What happens to it is written down in `happened`: [event, ...arguments], and
 * connect, connect_error, disconnect among them; `next` waits for one of a name. Emits of the client itself are not.
 */
export function socket(t, make, url, options = {}) {
	const self = make(url, { ...QUICK, ...options });
	t.after(() => {
		self.close();
		// Another namespace of its connection would have that come back for ever.
		self.io.reconnection(false);
		self.io.engine?.close?.();
	});
	self.happened = [];
	self.upgrades = [];
	const waiting = [];
	const note = (name, ...args) => {
		const at = waiting.findIndex((one) => one.name === name);
		if (at < 0)
			self.happened.push([name, ...args]);
		else
			waiting.splice(at, 1)[0].resolve(args);
	};
	for (const name of ['connect', 'connect_error', 'disconnect'])
		self.on(name, (...args) => note(name, ...args));
	self.onAny((name, ...args) => {
		// A question is for those who know the answer.
		if (typeof args.at(-1) !== 'function')
			note(name, ...args);
	});
	self.io.on('open', () => self.io.engine.on('upgrading', (transport) => self.upgrades.push(transport.name)));
	/** By what it talks now. */
	self.transport = () => self.io.engine.transport.name;
	/** Resolves once it talks by WebSocket. */
	self.upgraded = (timeout = ms(30_000)) => until(() => self.connected && self.transport() === 'websocket', { timeout, every: 2, what: 'the upgrade' });
	/** The arguments of the next (or first not yet taken) event of this name. */
	self.next = (name, time = ms(30_000)) => {
		const at = self.happened.findIndex(([one]) => one === name);
		if (at >= 0)
			return Promise.resolve(self.happened.splice(at, 1)[0].slice(1));
		return within(time, new Promise((resolve) => waiting.push({ name, resolve })), `waiting for '${name}'`);
	};
	/** Those of this name that have not been taken. */
	self.rest = (name) => self.happened.filter(([one]) => one === name).map(([, ...args]) => args);
	/** Emits and gives what the acknowledgement says. */
	self.ask = (...args) => within(ms(20_000), new Promise((resolve) => self.emit(...args, (...answer) => resolve(answer))), `the ack of ${args[0]}`);
	return self;
}

/** A socket that is connected. */
export async function connected(t, make, url, options) {
	const self = socket(t, make, url, options);
	await self.next('connect');
	return self;
}
