// back.test.mjs: a Socket.IO client that comes back while an allocation fails, each in turn. Whatever it is told then, it is who it
// was, and neither misses what was said while it was away nor has it twice.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { describe, it } from 'node:test';
import { io } from '../conformance/clients.mjs';
import { ms, start, until } from '../e2e/harness.mjs';
import { jwt, keyFile } from '../e2e/persons.mjs';
import { ask } from '../e2e/websocket.mjs';
import { Faults, SMALL, step } from './fault.mjs';

const QUICK = { forceNew: true, reconnectionDelay: 5, reconnectionDelayMax: 20, timeout: ms(1000) };

/** A client that has had a message; it says of each connection who it was then, and whether it was recovered. */
async function client(t, server, transport, auth) {
	const one = io(`${server.url}/main`, { ...QUICK, transports: [transport], auth });
	t.after(() => one.close());
	const other = io(`${server.url}/main`, { ...QUICK, transports: ['websocket'] });
	t.after(() => other.close());
	const self = { one, sent: [], seen: [], odd: [], connects: [], send, has };
	one.on('connect', () => self.connects.push({ id: one.id, recovered: one.recovered }));
	one.onAny((event, what, offset, ...more) => {
		if (event !== 'said' || Buffer.isBuffer(what) === (typeof what === 'string') || more.length > 0)
			self.odd.push([event, what, offset, ...more]);
		self.seen.push(Number(offset));
	});
	await until(() => one.connected, { what: 'a socket to connect' });
	await send('the first');
	await until(has, { every: 2, what: 'the first message' });
	self.connects = [];

	/** A text, or bytes. */
	async function send(what) {
		self.sent.push((await other.timeout(ms(30_000)).emitWithAck('said', what)).id);
	}
	/** Whether it has as much as was sent. */
	function has() {
		return one.connected && self.seen.length >= self.sent.length;
	}
	return self;
}

/** It is cut off, and comes back while the allocation after so many fails. Whether that was one. */
async function comeBack(self, faults, point, missed) {
	const { one, has } = self, where = `allocation ${point}`;
	one.io.reconnection(false);
	one.io.engine.close();
	await until(() => !one.connected, { every: 2, what: `${where}: it to be cut off` });
	for (const what of missed)
		await self.send(what);
	faults.arm('allocate', point);
	one.io.reconnection(true);
	one.connect();
	await until(() => faults.failed() > 0 || has(), { every: 2, what: `${where}: to fail, or to be none` });
	const failed = faults.failed() > 0;
	faults.disarm();
	await self.send('when nothing fails any more');
	// One that does not know that it is connected keeps events without counting them: it has them twice once it was cut off.
	await until(() => has() || one.receiveBuffer.length > 0 || !one.active, { every: 2, what: `${where}: it to be told` });
	if (!one.connected && one.receiveBuffer.length > 0)
		one.io.engine.close();
	await until(() => has() || !one.active, { every: 2, what: `${where}: it to have all` });
	assert.ok(one.active, `${where}: it was refused`);
	assert.deepEqual(self.seen, self.sent, `${where}: what it was told`);
	assert.deepEqual(self.odd, [], where);
	return failed;
}

describe('a client that comes back while memory fails', { concurrency: 2 }, () => {
	const few = ['while it is away', Buffer.from('bytes')], many = [...few, ...Array(5).fill('0123456789'.repeat(3000))];
	const comesBack = (what, transport, missed, { flags = '', auth } = {}) => it(`by ${transport}; ${what}`, { timeout: ms(120_000) }, async (t) => {
		const faults = new Faults();
		// No ping is one of the allocations.
		const server = await start({ t, env: faults.env, flags: `--ping-interval 60000 ${flags}` });
		const self = await client(t, server, transport, auth);
		const { id } = self.one;
		let point = 0;
		while (await comeBack(self, faults, point, missed))
			point += step;
		assert.deepEqual(self.connects.find((one) => one.id !== id || !one.recovered), undefined, 'it is another, or was not recovered');
		assert.ok(point > 0);
		t.diagnostic(`${point} points`);
		await server.stop();
	});
	for (const transport of ['polling', 'websocket']) {
		comesBack('what it missed is in memory', transport, few);
		comesBack('what it missed is on the disk', transport, many, { flags: SMALL });
	}
	comesBack('each time by another JWT', 'polling', few,
		{ flags: `--jwt-key ${keyFile()}`, auth: (use) => use({ token: jwt({ sub: 'ann', jti: crypto.randomUUID() }) }) });

	it('one that is refused is told why, or comes back', { timeout: ms(120_000) }, async (t) => {
		const faults = new Faults();
		const server = await start({ t, env: faults.env });
		let failed = true;
		for (let point = 0; failed; point += step) {
			const one = io(`${server.url}/main`, { ...QUICK, transports: ['polling'], autoConnect: false, auth: { name: 'x'.repeat(65) } });
			t.after(() => one.close());
			let why;
			one.on('connect_error', ({ message }) => {
				why = message;
			});
			faults.arm('allocate', point);
			one.connect();
			await until(() => faults.failed() > 0 || !one.active, { every: 2, what: `allocation ${point}: to fail, or to be none` });
			failed = faults.failed() > 0;
			faults.disarm();
			await until(() => !one.active, { every: 2, what: `allocation ${point}: it to be refused` });
			assert.equal(why, 'auth.name must be at most 64 bytes', `allocation ${point}`);
		}
		await server.stop();
	});

	it('a WebSocket is not opened for a session that cannot say its first packet', { timeout: ms(120_000) }, async (t) => {
		const faults = new Faults();
		const server = await start({ t, env: faults.env });
		const answers = [];
		let failed = true;
		for (let point = 0; failed; point++) {
			faults.arm('allocate', point);
			const answer = await ask(server.port, '/socket.io/?EIO=4&transport=websocket');
			answer.peer?.destroy();
			failed = faults.failed() > 0;
			faults.disarm();
			answers.push(`${answer.status} ${answer.text}`);
		}
		assert.ok(answers.some((one) => /^503 .*no memory for another session/.test(one)), answers.join('\n'));
		await server.stop();
	});
});
