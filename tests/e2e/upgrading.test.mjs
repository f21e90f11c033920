// upgrading.test.mjs: from polling to WebSocket while everybody talks: unmodified clients with their default options upgrade,
// and nothing is lost, doubled or out of order, wherever the step to it is held up, cut, or ended by kill -9; where it cannot
// be taken they stay on polling.
//
// Environment: SESSIONS  how many upgrade at once (100; fewer where TEST_SLOW is set; 1000 by hand)
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clients, connected, io, socket } from '../conformance/clients.mjs';
import { between } from './between.mjs';
import { alive, ms, newPid, room, server, sleep, start, until, within } from './harness.mjs';
import { fewer, random } from './load.mjs';
import { nginx } from './nginx.mjs';

const SESSIONS = Number(process.env.SESSIONS || fewer(100, 20));
const PING_MS = 1000;
const PATIENT = { timeout: ms(60_000) };

/** What passes between a client and the server on the way to WebSocket, in this order. */
const STEPS = {
	'the probe': ({ from, kind }) => from === 'client' && kind === 'probe',
	'its answer': ({ from, kind }) => from === 'server' && kind === 'probed',
	'the switch': ({ from, kind }) => from === 'client' && kind === 'upgrade',
};

/** Has a proxy hold back the first that matches: {reached, release()}. Others wait for nothing, but for `also`, if there is one. */
function hold(proxy, matches) {
	let reached, release;
	const self = { reached: new Promise((resolve) => {
		reached = resolve;
	}), released: new Promise((resolve) => {
		release = resolve;
	}) };
	self.release = release;
	const before = proxy.pass;
	let taken = false;
	proxy.pass = async (what) => {
		if (!taken && matches(what)) {
			taken = true;
			reached();
			await self.released;
		}
		return before(what);
	};
	return self;
}

/** All messages of a room, oldest first. */
const all = async (s, name) => (await s.poll({ room: name, since: 'all', wait: 0, limit: 1000 })).json.messages;
const OWN = ['connect', 'connect_error', 'disconnect'];
/** The offsets of the events that a client has had. */
const offsets = (one) => one.happened.filter(([name]) => !OWN.includes(name)).map((args) => Number(args.at(-1)));

/** Whether a client had each message of its room, once and in order. */
async function hadAll(s, one, name) {
	const due = (await all(s, name)).map(({ id }) => id);
	await until(() => offsets(one).length >= due.length, { ...PATIENT, what: 'all of the room\'s messages' });
	assert.deepEqual(offsets(one), due);
}

const kinds = (trace, by, from) => trace.filter((one) => one.by === by && one.from === from).map(({ kind }) => kind);

describe('upgrading: by default', { concurrency: 4 }, () => {
	const s = server();

	for (const [version, make] of clients) {
		it(`${version} upgrades, and says nothing by polling then`, async (t) => {
			const proxy = await between(t, s.port), name = room();
			const one = await connected(t, make, `${proxy.url}/${name}`);
			await one.upgraded();
			assert.deepEqual(one.upgrades, ['websocket']);
			const [{ id }] = await one.ask('e', 1, Buffer.from([1]));
			assert.deepEqual(await one.next('e'), [1, Buffer.from([1]), String(id)]);
			const since = proxy.trace.findIndex(({ kind }) => kind === 'upgrade');
			assert.ok(since > 0);
			assert.deepEqual(proxy.trace.slice(since).filter(({ by, kind }) => by === 'polling' && kind !== 'noop'), []);
			assert.deepEqual(kinds(proxy.trace, 'websocket', 'server').filter((kind) => kind === 'noop'), [], 'no noop by WebSocket');
			assert.deepEqual(one.rest('disconnect'), []);
		});
	}

	it('is counted', async (t) => {
		const before = await s.metric(/^longline_upgrades_total/);
		const one = await connected(t, io, `${s.url}/${room()}`);
		await one.upgraded();
		await until(async () => await s.metric(/^longline_upgrades_total/) >= before + 1, { what: 'the upgrade to be counted' });
	});
});

describe('upgrading: held up', { concurrency: 4 }, () => {
	const s = server({ flags: `--ping-interval ${PING_MS} --ping-timeout 20000 --upgrade-timeout 120000` });

	for (const [version, make] of clients) {
		for (const [step, matches] of Object.entries(STEPS)) {
			it(`${version}: at ${step}, while each kind of packet comes`, async (t) => {
				const proxy = await between(t, s.port), name = room(), gate = hold(proxy, matches);
				const other = await connected(t, io, `${s.url}/${name}`, { transports: ['websocket'] });
				const one = await connected(t, make, `${proxy.url}/${name}`);
				await within(ms(30_000), gate.reached, step);
				const began = performance.now(), from = proxy.trace.length;
				await s.sent('to it', { room: name });
				one.emit('of it', 1);
				const answers = [one.ask('asked', 2), one.ask('file', Buffer.from([1]), { deep: [Buffer.alloc(3000, 'x')] }), other.ask('file', Buffer.from([2]), Buffer.from([3]))];
				// A heartbeat, too: what cannot pass yet is due at least.
				const answered = () => proxy.trace.slice(from).some(({ kind }) => kind === 'pong');
				await until(() => answered() || (step === 'the switch' && performance.now() - began > PING_MS * 1.5), { ...PATIENT, what: 'a ping to be answered' });
				if (step !== 'the switch')
					await within(ms(30_000), Promise.all(answers), 'acks by polling');
				const seen = proxy.trace.slice(from);
				gate.release();
				await within(ms(30_000), Promise.all(answers), 'all acks');
				await one.upgraded();
				await one.ask('last');
				await hadAll(s, one, name);
				assert.equal((await all(s, name)).length, 6);
				assert.deepEqual(one.rest('disconnect'), []);
				assert.deepEqual(one.upgrades, ['websocket']);
				if (step === 'its answer') {
					// The daemon has answered the probe, and the client does not know: the session goes on by polling.
					for (const kind of ['event', 'ack', 'binary event', 'attachment'])
						assert.ok(kinds(seen, 'polling', 'server').includes(kind), `${kind} by polling between 2probe and 5`);
					for (const kind of ['event', 'binary event', 'attachment', 'pong'])
						assert.ok(kinds(seen, 'polling', 'client').includes(kind), `${kind} by polling between 2probe and 5`);
				}
				if (step === 'the switch') {
					// What was said meanwhile is behind it.
					const after = proxy.trace.slice(proxy.trace.findIndex(({ kind }) => kind === 'upgrade'));
					for (const kind of ['event', 'ack', 'binary event', 'attachment'])
						assert.ok(kinds(after, 'websocket', 'server').includes(kind), `${kind} behind 5`);
					assert.ok(answered() || kinds(after, 'websocket', 'server').includes('ping'), 'the ping that was due');
				}
			});
		}

		it(`${version}: while a reply with large attachments is on its way`, async (t) => {
			const proxy = await between(t, s.port), name = room();
			const answer = hold(proxy, STEPS['its answer']), reply = hold(proxy, ({ by, from, kind }) => by === 'polling' && from === 'server' && kind === 'attachment');
			const other = await connected(t, io, `${s.url}/${name}`, { transports: ['websocket'] });
			const one = await connected(t, make, `${proxy.url}/${name}`);
			await within(ms(30_000), answer.reached, 'the answer to the probe');
			const parts = [1, 2, 3].map((byte) => Buffer.alloc(500_000, byte));
			const sent = other.ask('file', ...parts);
			await within(ms(30_000), reply.reached, 'a reply with an attachment');
			// With a GET under way the client cannot go on to the switch before that is answered.
			answer.release();
			await until(() => one.upgrades.length > 0, { what: 'the client to know' });
			const behind = other.ask('file', ...[...parts].reverse());
			reply.release();
			for (const [answered, want] of [[sent, parts], [behind, [...parts].reverse()]]) {
				const [{ id }] = await answered, args = await one.next('file', ms(30_000));
				assert.equal(args.at(-1), String(id));
				assert.ok(args.length === 4 && want.every((part, i) => part.equals(args[i])), 'each of its attachments');
			}
			await one.upgraded();
			assert.deepEqual(kinds(proxy.trace, 'polling', 'server').filter((kind) => kind === 'attachment').length, 3);
			assert.deepEqual(kinds(proxy.trace, 'websocket', 'server').filter((kind) => kind === 'attachment').length, 3);
		});
	}

	it('4.8: in the middle of the attachments that it sends', async (t) => {
		const proxy = await between(t, s.port), name = room();
		const answer = hold(proxy, STEPS['its answer']), post = hold(proxy, ({ by, from, kind }) => by === 'polling' && from === 'client' && kind === 'binary event');
		const one = await connected(t, io, `${proxy.url}/${name}`);
		await within(ms(30_000), answer.reached, 'the answer to the probe');
		const parts = [1, 2, 3].map((byte) => Buffer.alloc(500_000, byte));
		const sent = one.ask('file', ...parts);
		await within(ms(30_000), post.reached, 'a POST with the head of the event');
		answer.release();
		await until(() => one.upgrades.length > 0, { what: 'the client to know' });
		post.release();
		const [{ id }] = await sent, args = await one.next('file', ms(30_000));
		assert.equal(args.at(-1), String(id));
		assert.ok(args.length === 4 && parts.every((part, i) => part.equals(args[i])), 'each of its attachments');
		assert.ok(kinds(proxy.trace, 'websocket', 'client').includes('attachment'), 'some of them by WebSocket');
		assert.ok(kinds(proxy.trace, 'polling', 'client').includes('binary event'));
	});
});

describe('upgrading: not', { concurrency: 4 }, () => {
	const s = server({ flags: '--upgrade-timeout 500' });

	/** That a client is on polling, for good, and goes on. */
	async function stays(one, name) {
		assert.ok((await one.ask('e', 1))[0].id > 0);
		await s.sent('to it', { room: name });
		await one.next('chat message');
		assert.equal(one.transport(), 'polling');
		assert.deepEqual(one.rest('disconnect'), []);
	}

	for (const [version, make] of clients) {
		for (const step of ['the probe', 'its answer']) {
			it(`${version}: cut at ${step} it stays on polling`, async (t) => {
				const proxy = await between(t, s.port), name = room();
				let cut = false;
				proxy.pass = (what) => {
					cut ||= STEPS[step](what);
					return !STEPS[step](what);
				};
				const one = await connected(t, make, `${proxy.url}/${name}`);
				await until(() => cut, { what: `${step} to be cut` });
				await stays(one, name);
			});
		}

		it(`${version}: where a proxy lets none through it stays on polling`, async (t) => {
			const proxy = await between(t, s.port, { upgrades: false }), name = room(), one = await connected(t, make, `${proxy.url}/${name}`);
			await until(() => proxy.sockets.size > 0, { what: 'an attempt' });
			await stays(one, name);
		});
	}

	it('behind a proxy that asks by HTTP/1.0: none is offered, and none is tried', async (t) => {
		const outer = await nginx({ http: '', server: '', t, site: (port) => `server {
			listen 127.0.0.1:${port};
			location / { proxy_pass http://127.0.0.1:${s.port}; proxy_http_version 1.0; proxy_set_header Host $http_host; proxy_buffering off; }
		}` });
		for (const [, make] of clients) {
			const name = room(), one = await connected(t, make, `${outer.url}/${name}`);
			await stays(one, name);
			assert.deepEqual(one.upgrades, []);
		}
		const [, opened] = /^0(\{.*\})$/.exec((await outer.get('/socket.io/?EIO=4&transport=polling')).text);
		assert.deepEqual(JSON.parse(opened).upgrades, []);
	});

	it('in time: a probe that goes no further is given up, and GETs are held again', async (t) => {
		const failed = () => s.metric(/^longline_upgrades_failed_total\{reason="timeout"\}/), before = await failed();
		const proxy = await between(t, s.port), name = room(), gate = hold(proxy, STEPS['its answer']);
		const one = await connected(t, io, `${proxy.url}/${name}`);
		await within(ms(30_000), gate.reached, 'the answer to the probe');
		await until(async () => await failed() > before, { what: 'the daemon to give it up' });
		await stays(one, name);
	});
});

describe('upgrading: many', () => {
	it(`${SESSIONS} sessions through a slow proxy while all talk: none lost, doubled, reordered`, { timeout: ms(600_000) }, async (t) => {
		// A daemon that gave up a step which its client is about to take would be a lost connection to that.
		const s = await start({ t, workers: 2, flags: '--ping-interval 3000 --ping-timeout 60000 --upgrade-timeout 300000' });
		// A hundred in a room, so that this program can keep up.
		const rooms = Array.from({ length: Math.ceil(SESSIONS / 100) }, () => room()), at = (i) => rooms[i % rooms.length];
		const proxy = await between(t, s.port);
		proxy.pass = async () => {
			if (Math.random() < 0.3)
				await sleep(random(0, 20));
			return true;
		};
		const from = await s.head();
		let over = false, said = 0;
		const chatter = (async () => {
			// Each is told to all of its room, by this one program.
			while (!over && said < 100) {
				await s.sent(`${said}`, { room: at(said++) });
				await sleep(random(20, 100));
			}
		})();
		const all = Array.from({ length: SESSIONS }, (_, i) => ({ make: clients[i % clients.length][1], i }));
		const states = [];
		/** Of those that are not done: what they wait for, and how they stand. */
		const open = () => states.flatMap((one, i) => (one.asked.length || one.transport() !== 'websocket'
			? [`${i} (${clients[i % clients.length][0]}) by ${one.transport()}, asked ${one.asked}, has ${offsets(one).length}, ${one.rest('disconnect')}`] : [])).join('; ');
		const run = async ({ make, i }) => {
			await sleep(random(0, 30 * (SESSIONS - 100)));
			const one = socket(t, make, `${proxy.url}/${at(i)}`, { auth: { serverOffset: from }, timeout: ms(60_000) });
			await one.next('connect', ms(120_000));
			states[i] = one;
			one.asked = [];
			const ask = (what) => new Promise((resolve) => {
				one.asked.push(what);
				one.emit('of', i, what, ({ id }) => {
					one.asked.splice(one.asked.indexOf(what), 1);
					resolve(id);
				});
			});
			const first = ask('before');
			await one.upgraded(ms(120_000));
			const second = ask('behind');
			return { one, answers: await Promise.all([first, second]) };
		};
		const done = await within(ms(120_000), Promise.all(all.map(run)), 'all of them to upgrade').catch((error) => {
			throw new Error(`${error.message}: ${open()}`);
		}).finally(() => {
			over = true;
		});
		await chatter;
		const rows = await s.rows(`SELECT id, room FROM messages WHERE id > ${from} ORDER BY id`);
		assert.equal(rows.length, said + 2 * SESSIONS);
		for (const [i, { one, answers }] of done.entries()) {
			const log = rows.filter((row) => row.room === at(i)).map(({ id }) => id);
			await until(() => offsets(one).length >= log.length, { ...PATIENT, what: 'a client to have all' });
			assert.deepEqual(offsets(one), log);
			assert.ok(answers[0] < answers[1]);
			assert.deepEqual(one.rest('disconnect'), []);
		}
		assert.equal(await s.metric(/^longline_upgrades_total/), SESSIONS);
		t.diagnostic(`${SESSIONS} upgraded while ${rows.length} messages went to ${rooms.length} rooms of them`);
	});
});

describe('upgrading: kill -9', () => {
	const MOMENTS = { ...STEPS, 'right behind the switch': undefined };

	it('at each step of it: all come back, with what they missed, and upgrade', { timeout: ms(300_000) }, async (t) => {
		// A client whose server dies in the very moment of the upgrade may notice by the heartbeat alone.
		const s = await start({ t, flags: '--ping-interval 3000 --ping-timeout 5000 --upgrade-timeout 120000' }), name = room();
		const gates = [];
		const from = await s.head();
		const sockets = await Promise.all(Object.entries(MOMENTS).flatMap(([moment, matches]) => ['4.8', '4.0'].map(async (version) => {
			const proxy = await between(t, s.port), make = clients.find(([one]) => one === version)[1];
			const one = socket(t, make, `${proxy.url}/${name}`, { auth: { serverOffset: from } });
			Object.assign(one, { version, moment });
			one.onAny((...args) => {
				if (/^\d+$/.test(args.at(-1)))
					one.auth.serverOffset = Number(args.at(-1));
			});
			const gate = matches && hold(proxy, matches);
			if (gate)
				gates.push(gate);
			await one.next('connect');
			one.first = one.id;
			await (gate ? within(ms(30_000), gate.reached, moment) : one.upgraded());
			return one;
		})));
		for (let i = 0; i < 5; i++)
			await s.sent(`before ${i}`, { room: name });
		const pid = s.pid();
		process.kill(pid, 'SIGKILL');
		await until(() => !alive(pid), { every: 1, what: 'the daemon to be gone' });
		await newPid(s, pid);
		for (const gate of gates)
			gate.release();
		for (let i = 0; i < 5; i++)
			await until(() => s.sent(`behind ${i}`, { room: name }).catch(() => false), { what: 'the daemon to serve' });
		for (const one of sockets) {
			await one.next('connect', ms(60_000));
			if (one.version === '4.8')
				assert.deepEqual([one.moment, one.recovered, one.id], [one.moment, true, one.first]);
			await one.upgraded();
			await hadAll(s, one, name);
		}
	});
});
