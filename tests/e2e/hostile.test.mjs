// hostile.test.mjs: what no web server would send to the daemon's socket, and bad luck: nobody else is to notice.
//
// Each attack is made directly at the socket while others send and poll through nginx; their waits are measured (the promise
// is 50 ms on a machine with nothing else to do; the tests allow for one that has). After each, nothing of it is left.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { ABORT, BEGIN, DATA, END, GET_VALUES, PARAMS, STDIN, begin, connect, decode, encode, fastcgi, pairs, record, replied, reply } from './fastcgi.mjs';
import { binary, daemon, metric, ms, request, run, server as shared, sleep, slow, start, tempDir, until, within } from './harness.mjs';
import { fewer, lateness, quantile, random, spread } from './load.mjs';
import { pulse } from './pulse.mjs';

const REQUEST_TIMEOUT = 1, SEND_TIMEOUT = 2; // seconds, as the daemon below is told

const params = (more = {}) => pairs({ REQUEST_METHOD: 'GET', SCRIPT_NAME: '/poll', QUERY_STRING: 'wait=0', HTTP_HOST: 'localhost', ...more });
const sendParams = (length) => params({ REQUEST_METHOD: 'POST', SCRIPT_NAME: '/send', QUERY_STRING: 'room=hostile', CONTENT_LENGTH: length });

/**
 * A connection that writes these bytes, and what comes back until the daemon closes it, or, with `closes: false`, until a
 * moment after the end of an answer, or the time is over.
 */
function talk(socket, bytes, { timeout = ms(20_000), end = false, closes = true } = {}) {
	return new Promise((resolve, reject) => {
		const conn = net.connect({ path: socket, allowHalfOpen: true });
		const began = performance.now();
		const parts = [];
		const finish = (closed) => {
			clearTimeout(timer);
			conn.destroy();
			const all = Buffer.concat(parts);
			resolve({ closed, bytes: all, records: decode(all).records, took: performance.now() - began });
		};
		let timer = setTimeout(() => (closes ? reject(new Error(`not closed within ${timeout} ms`)) : finish(false)), timeout);
		conn.on('data', (part) => {
			parts.push(part);
			if (closes || decode(Buffer.concat(parts)).records.at(-1)?.type !== END)
				return;
			clearTimeout(timer);
			timer = setTimeout(() => finish(false), ms(100));
		});
		conn.on('end', () => finish(true));
		conn.on('close', () => finish(true));
		conn.on('error', () => {}); // a reset is a way to close
		conn.on('connect', () => (end ? conn.end(bytes) : conn.write(bytes)));
	});
}

describe('hostile: records no web server sends', { timeout: ms(240_000) }, () => {
	const server = shared({ workers: 2, flags: `--request-timeout ${REQUEST_TIMEOUT} --send-timeout ${SEND_TIMEOUT}` });
	/** Gives a request all the time it takes, for tests that do not ask how fast this program writes. */
	const patient = shared({ workers: 2, flags: '--request-timeout 3600' });
	const figures = [];

	/** The attack on a server beside the pulse of its others; then nothing of it may be left. */
	const attackOn = (server, name, fn) => it(name, async (t) => {
		const pid = server.pid();
		const others = await pulse(server, t);
		const before = await server.metric(/bad_records_total/);
		const { sends, deliveries, errors } = await others.beat(async () => {
			await fn(t);
			await sleep(100);
		});
		t.diagnostic(`others meanwhile: sends ${spread(sends)}; deliveries ${spread(deliveries)}`);
		figures.push(...deliveries);
		assert.deepEqual(errors, []);
		assert.ok(deliveries.length > 0);
		for (const [what, times] of [['send', sends], ['delivery', deliveries]])
			assert.ok(quantile(times, 0.99) < ms(5_000), `others waited for a ${what}: ${spread(times)}`);
		assert.equal(server.pid(), pid, 'the daemon is the same');
		assert.ok(await server.metric(/bad_records_total/) >= before);
		// The follower's poll, and nothing else.
		await until(async () => await server.metric(/requests_open/) <= 4, { what: 'no request to be left' });
	});
	const attack = (name, fn) => attackOn(server, name, fn);
	const refused = async (bytes) => {
		const before = await patient.metric(/bad_records_total/);
		const { records } = await talk(patient.socket, bytes);
		assert.deepEqual(records, [], 'it is closed without an answer');
		assert.equal(await patient.metric(/bad_records_total/), before + 1);
	};

	describe('is dropped at once', () => {
		const nv = (name, length) => {
			const size = Buffer.alloc(4);
			size.writeUInt32BE((length | 0x80000000) >>> 0);
			return Buffer.concat([Buffer.from([name.length]), size, Buffer.from(name)]);
		};
		const attacks = {
			'bytes that are no records': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
			'zeros': Buffer.alloc(64),
			'random bytes, a megabyte of them': Buffer.alloc(1_000_000, Buffer.from([0xde, 0xad, 0xbe, 0xef])),
			'another version': Buffer.concat([Buffer.from([2]), encode().subarray(1)]),
			'a type that does not exist': Buffer.concat([begin(), record(77, Buffer.alloc(8))]),
			'a request that begins with its parameters': Buffer.concat([record(PARAMS, params()), record(PARAMS), record(STDIN)]),
			'two beginnings': Buffer.concat([begin(), begin(), record(PARAMS, params()), record(PARAMS), record(STDIN)]),
			'a beginning that is too short': record(BEGIN, Buffer.from([0, 1, 0])),
			'the role of an authorizer': Buffer.concat([begin(false, 2), record(PARAMS, params()), record(PARAMS), record(STDIN)]),
			'request id 0': Buffer.concat([begin(false, 1, 0), record(PARAMS, params(), 0), record(PARAMS, undefined, 0), record(STDIN, undefined, 0)]),
			'parameters of a request that was not begun': Buffer.concat([begin(), record(PARAMS, params(), 2), record(PARAMS), record(STDIN)]),
			'a body before the parameters end': Buffer.concat([begin(), record(PARAMS, params()), record(STDIN), record(PARAMS)]),
			'a data stream': Buffer.concat([begin(), record(PARAMS, params()), record(PARAMS), record(DATA, Buffer.from('x'))]),
			'an abort before anything': record(ABORT),
			'an abort in mid-request': Buffer.concat([begin(), record(PARAMS, params()), record(ABORT)]),
			'GET_VALUES': record(GET_VALUES, pairs({ FCGI_MAX_CONNS: '' }), 0),
			'GET_VALUES with one name a thousand times': record(GET_VALUES, Buffer.concat(Array(1000).fill(pairs({ FCGI_MPXS_CONNS: '' }))), 0),
			'GET_VALUES in mid-request': Buffer.concat([begin(), record(GET_VALUES, Buffer.concat(Array(50).fill(pairs({ FCGI_MAX_REQS: '' }))), 0)]),
			'an unknown management record': record(99, Buffer.alloc(0), 0),
			'a parameter said to have 2 GiB': Buffer.concat([begin(), record(PARAMS, nv('X', 0x7fffffff)), record(PARAMS), record(STDIN)]),
			'a name said to have 2 GiB': Buffer.concat([begin(), record(PARAMS, Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 65])), record(PARAMS), record(STDIN)]),
			'a parameter longer than its record': Buffer.concat([begin(), record(PARAMS, nv('X', 3)), record(PARAMS, Buffer.from('abc')), record(PARAMS), record(STDIN)]),
			'a length cut off by the end of its record': Buffer.concat([begin(), record(PARAMS, Buffer.from([0x80, 0, 0])), record(PARAMS), record(STDIN)]),
			'a name without a length of its value': Buffer.concat([begin(), record(PARAMS, Buffer.from([1])), record(PARAMS), record(STDIN)]),
			'parameters without end': Buffer.concat([begin(), ...Array(40).fill(record(PARAMS, pairs({ A: 'x'.repeat(60_000) })))]),
			'a second request behind the first': Buffer.concat([encode({ query: 'wait=20', keep: true }), encode({ query: 'wait=0' })]),
			'bytes behind the end': Buffer.concat([encode(), Buffer.from('x')]),
		};
		for (const [name, bytes] of Object.entries(attacks))
			it(name, () => refused(bytes));
	});

	describe('is answered, if it is a request after all', () => {
		it('with any request id, kept or not', async () => {
			for (const id of [1, 2, 255, 256, 4711, 65535]) {
				for (const [keep, flags] of [[false, 0], [true, 1]]) {
					const bytes = Buffer.concat([begin(keep, 1, id), record(PARAMS, params(), id), record(PARAMS, undefined, id), record(STDIN, undefined, id)]);
					const { records, closed } = await talk(server.socket, bytes, { closes: !keep });
					assert.equal(closed, !flags, `request id ${id}, flags ${flags}`);
					assert.ok(records.every((r) => r.id === id), `request id ${id}`);
					assert.equal(records.at(-1).type, END);
					assert.equal(replied(records).status, 200);
				}
			}
		});

		it('one held poll with another request id beside one with 1, both told the same', async () => {
			const other = Buffer.concat([begin(true, 1, 77), record(PARAMS, params({ QUERY_STRING: 'room=ids&wait=20' }), 77), record(PARAMS, undefined, 77), record(STDIN, undefined, 77)]);
			const before = await server.metric(/polls_parked/);
			const first = fastcgi(server.socket, { query: 'room=ids&wait=20', keep: true });
			const second = talk(server.socket, other, { closes: false });
			await until(async () => await server.metric(/polls_parked/) === before + 2, { what: 'both to be held' });
			const id = await server.sent('x', { room: 'ids' });
			const { records } = await second;
			assert.ok(records.length >= 2 && records.every((r) => r.id === 77));
			const answers = [await first, replied(records)];
			for (const { json } of answers)
				assert.deepEqual(json.messages.map((m) => m.id), [id]);
		});

		it('in records with padding, parameters in many records, byte by byte', async () => {
			const padded = (type, content = Buffer.alloc(0), padding = 255) => {
				const bytes = Buffer.concat([record(type, content), Buffer.alloc(padding, 0xee)]);
				bytes[6] = padding;
				return bytes;
			};
			const all = { REQUEST_METHOD: 'POST', SCRIPT_NAME: '/send', QUERY_STRING: 'room=padded', CONTENT_LENGTH: 5, HTTP_HOST: 'localhost' };
			const bytes = Buffer.concat([
				begin(), ...Object.entries(all).map(([name, value]) => padded(PARAMS, pairs({ [name]: value }))), record(PARAMS),
				...[...'hello'].map((c) => padded(STDIN, Buffer.from(c), 1)), padded(STDIN, undefined, 7),
			]);
			const conn = await connect(patient.socket);
			const write = async () => {
				for (const byte of bytes) {
					conn.write(Buffer.from([byte]));
					if (Math.random() < 0.05)
						await sleep(1);
				}
			};
			assert.equal((await Promise.all([conn.answer(), write()]))[0].status, 201);
			conn.close();
			const { messages } = (await patient.poll({ room: 'padded', since: 'all' })).json;
			assert.deepEqual(messages.map((m) => m.text), ['hello']);
		});

		it('many times on one kept connection', async () => {
			const conn = await connect(server.socket);
			for (let i = 0; i < 200; i++) {
				const room = `kept-${i % 3}`;
				const { json } = await conn.ask({ method: 'POST', path: '/send', query: `room=${room}`, body: `m${i}`, keep: true });
				const poll = await conn.ask({ query: `room=${room}&since=${json.id - 1}&wait=5`, keep: true });
				assert.equal(poll.json.messages[0].text, `m${i}`);
			}
			conn.close();
		});
	});

	attack('half a request, then silence: dropped after --request-timeout, and not before', async () => {
		const whole = Buffer.concat([begin(), record(PARAMS, sendParams(100)), record(PARAMS), record(STDIN, Buffer.alloc(100, 'x')), record(STDIN)]);
		const late = await server.metric(/late_total/);
		const own = lateness();
		const cuts = [1, 7, 8, 15, 20, 40, whole.length - 120, whole.length - 8, whole.length - 1];
		const ended = await Promise.all(cuts.map(async (cut) => {
			const { took, records } = await talk(server.socket, whole.subarray(0, cut));
			assert.deepEqual(records, []);
			assert.ok(took >= REQUEST_TIMEOUT * 1_000 - 20, `${cut} bytes: closed after ${took} ms`);
			return { cut, took };
		}));
		const longest = REQUEST_TIMEOUT * 1_000 + ms(5_000) + own();
		for (const { cut, took } of ended)
			assert.ok(took < longest, `${cut} bytes: closed after ${took} ms, not ${longest}`);
		assert.equal(await server.metric(/late_total/), late + cuts.length);
		assert.deepEqual((await server.history({ room: 'hostile' })).json.messages, [], 'and nothing of it is stored');
	});

	attack('a request that never ends, a byte now and then: --request-timeout is for the whole', async () => {
		const conn = net.connect(server.socket);
		conn.on('error', () => {});
		let closed = false;
		conn.on('close', () => {
			closed = true;
		});
		const began = performance.now();
		conn.write(Buffer.concat([begin(), record(PARAMS, sendParams(1_000_000)), record(PARAMS)]));
		while (!closed && performance.now() - began < ms(10_000)) {
			conn.write(record(STDIN, Buffer.from('x')));
			await sleep(50);
		}
		assert.ok(closed, 'it is closed while it still writes');
	});

	attack('a body over the limit in records of one byte each', async () => {
		// Within twice its size the framing is borne, beyond that it is no request any more.
		const one = record(STDIN, Buffer.from('x'));
		const conn = net.connect(server.socket);
		const parts = [];
		conn.on('data', (part) => parts.push(part)).on('error', () => {});
		const closed = new Promise((resolve) => conn.on('close', resolve));
		conn.write(Buffer.concat([begin(), record(PARAMS, sendParams(1_000_001)), record(PARAMS)]));
		conn.end(Buffer.concat([Buffer.concat(Array(1_000_001).fill(one)), record(STDIN)]));
		await within(ms(20_000), closed, 'the end of the connection');
		const { records } = decode(Buffer.concat(parts));
		if (records.length)
			assert.equal(reply(records[0].content).status, 413);
	});

	// By a program of its own, since this one cannot write as fast as the daemon reads.
	const FLOOD = `
		use Socket;
		socket(S, AF_UNIX, SOCK_STREAM, 0) and connect(S, pack_sockaddr_un($ARGV[0])) or die $!;
		sub put { my ($b, $o, $n) = ($_[0], 0); while ($o < length $b) { $n = syswrite(S, $b, length($b) - $o, $o) or exit; $o += $n } }
		sub stdin { pack('CCnnCC', 1, 5, 1, length $_[0], 0, 0) . $_[0] }
		local $/;
		put(scalar <STDIN>);
		put(stdin('x' x 32_000)) for 1 .. 31;
		put(stdin('x' x 8_000));
		my $more = stdin('x' x $ARGV[1]) x int(200_000 / ($ARGV[1] + 8));
		put($more) while 1;`;
	for (const size of [1, 100, 30_000]) {
		attack(`a body over the limit, and then as many records of ${size} bytes as fit into the time`, async () => {
			const head = Buffer.concat([begin(), record(PARAMS, sendParams(1_000_001)), record(PARAMS)]);
			const own = lateness();
			const began = performance.now();
			await run('perl', ['-e', FLOOD, server.socket, String(size)], { input: head, timeout: ms(20_000) });
			assert.ok(performance.now() - began < REQUEST_TIMEOUT * 1_000 + ms(5_000) + own(), 'the time for a request ends also for one that keeps the daemon busy');
		});
	}

	attackOn(patient, 'a body that nobody asked to be so long: 413, and the connection goes on', async () => {
		const conn = await connect(patient.socket);
		const res = await conn.ask({ method: 'POST', path: '/send', query: 'room=hostile', body: Buffer.alloc(8_000_000, 'x'), keep: true });
		assert.equal(res.status, 413);
		assert.equal((await conn.ask({ method: 'POST', path: '/send', query: 'room=long', body: 'short', keep: true })).status, 201);
		conn.close();
	});

	attackOn(patient, 'a megabyte in tiny writes', async () => {
		const body = Buffer.alloc(1_000_000, 'y');
		const bytes = encode({ method: 'POST', path: '/send', query: 'room=tiny', body });
		const conn = await connect(patient.socket);
		conn.conn.setNoDelay?.(true);
		const write = async () => {
			for (let at = 0; at < bytes.length;) {
				const n = Math.ceil(random(1, 6_000));
				conn.write(bytes.subarray(at, at + n));
				at += n;
				await new Promise(setImmediate);
			}
		};
		assert.equal((await Promise.all([conn.answer(), write()]))[0].status, 201);
		conn.close();
		const { messages } = (await patient.poll({ room: 'tiny', since: 'all' })).json;
		assert.equal(messages[0].text.length, 1_000_000);
		assert.equal(messages[0].text, body.toString());
	});

	attack('a request and an immediate close', async () => {
		const sends = fewer(300, 50);
		const before = (await server.history({ room: 'gone', limit: 500 })).json.messages.length;
		await Promise.all(Array.from({ length: sends }, (_, i) => new Promise((resolve) => {
			const conn = net.connect(server.socket);
			conn.on('error', () => {}).on('close', resolve);
			const bytes = i % 2 ? encode({ method: 'POST', path: '/send', query: 'room=gone', body: `m${i}` }) : encode({ query: 'room=gone&wait=50' });
			conn.on('connect', () => conn.write(bytes, () => conn.destroy()));
		})));
		await until(async () => await server.metric(/sends_queued/) <= 1, { what: 'the queue to be empty' });
		// Its sender did not wait for the answer, but what is whole may be stored; once.
		const { messages } = (await server.history({ room: 'gone', limit: 500 })).json;
		const texts = messages.map((m) => m.text);
		assert.equal(new Set(texts).size, texts.length);
		assert.ok(texts.length - before <= sends / 2);
	});

	attack('a close in mid-body', async () => {
		const bytes = encode({ method: 'POST', path: '/send', query: 'room=cut', body: Buffer.alloc(300_000, 'z') });
		await Promise.all(Array.from({ length: fewer(100, 20) }, (_, i) => new Promise((resolve) => {
			const conn = net.connect(server.socket);
			conn.on('error', () => {}).on('close', resolve);
			const part = bytes.subarray(0, Math.floor(random(1, bytes.length - 1)));
			conn.on('connect', () => conn.write(part, () => (i % 2 ? conn.destroy() : conn.end())));
		})));
		assert.deepEqual((await server.history({ room: 'cut' })).json.messages, []);
	});

	attack('half-closed connections', async () => {
		// What says that it will write no more cannot be told from one that is gone.
		for (const bytes of [Buffer.alloc(0), encode().subarray(0, 30), encode({ query: 'room=half&wait=50' })])
			await talk(server.socket, bytes, { end: true });
	});

	attack('an abort of a held poll', async () => {
		const { records } = await talk(server.socket, Buffer.concat([encode({ query: 'room=abort&wait=50' })]), { closes: false, timeout: ms(200) });
		assert.deepEqual(records, []);
		const conn = net.connect(server.socket);
		const closed = new Promise((resolve) => conn.on('close', resolve));
		conn.on('error', () => {});
		conn.write(encode({ query: 'room=abort&wait=50' }));
		await sleep(ms(100));
		conn.write(record(ABORT));
		await within(ms(20_000), closed, 'the end of the aborted request');
	});

	attack('thousands of connections opened and dropped', async () => {
		const total = fewer(5_000, 1_000);
		let done = 0;
		const one = () => new Promise((resolve) => {
			const conn = net.connect(server.socket);
			conn.on('error', () => resolve()); // the backlog may be full
			conn.on('close', () => resolve());
			conn.on('connect', () => (done++ % 3 ? conn.destroy() : conn.write(encode().subarray(0, done % 40), () => conn.destroy())));
		});
		for (let i = 0; i < total; i += 250)
			await Promise.all(Array.from({ length: 250 }, one));
		await until(async () => await server.metric(/longline_connections/) < 100, { what: 'the connections to be gone' });
	});

	attack('hundreds of connections that say nothing', async () => {
		const silent = await Promise.all(Array.from({ length: 800 }, () => connect(server.socket)));
		await sleep(ms(300));
		for (const conn of silent)
			conn.close();
		await until(async () => await server.metric(/longline_connections/) < 100, { what: 'the connections to be gone' });
	});

	attack('a reader that never reads is closed after --send-timeout, and not before', async () => {
		for (let i = 0; i < 12; i++)
			await server.sent('r'.repeat(90_000), { room: 'large' });
		const late = await server.metric(/late_total/);
		const conn = net.connect(server.socket);
		conn.on('error', () => {});
		conn.pause();
		const own = lateness();
		const began = performance.now();
		conn.write(encode({ query: 'room=large&since=0&wait=0' }));
		await until(async () => await server.metric(/late_total/) > late, { every: 10, what: 'the reader to be closed' });
		const took = performance.now() - began;
		conn.destroy();
		assert.ok(took >= SEND_TIMEOUT * 1_000 - 20, `closed after ${took} ms`);
		assert.ok(took < SEND_TIMEOUT * 1_000 + ms(5_000) + own(), `closed after ${took} ms`);
	});

	attack('a reader that reads slowly gets all of it', async () => {
		// 64 KB, which is what node takes at a time, every quarter of --send-timeout: always progress, but for much longer in sum.
		const conn = net.connect(server.socket);
		conn.on('error', () => {});
		const parts = [];
		let closed = false;
		conn.on('close', () => {
			closed = true;
		});
		conn.on('data', (part) => {
			parts.push(part);
			conn.pause();
			setTimeout(() => conn.resume(), SEND_TIMEOUT * 250);
		});
		conn.write(encode({ query: 'room=large&since=0&wait=0' }));
		await until(() => closed, { timeout: ms(60_000), what: 'the answer to end' });
		const { records } = decode(Buffer.concat(parts));
		const { json } = replied(records);
		assert.equal(records.at(-1)?.type, END, `only ${Buffer.concat(parts).length} bytes came`);
		assert.ok(json.messages.length >= 10);
	});

	it('and in sum nobody else waited', (t) => {
		t.diagnostic(`deliveries to others during all attacks: ${spread(figures)}`);
		assert.ok(quantile(figures, 0.99) < 5_000 * slow);
	});
});

describe('hostile: no descriptors left', { timeout: ms(120_000) }, () => {
	const said = (server) => server.log().split('\n').filter((line) => /"new connections wait"/.test(line)).length;

	/** Opens connections until the daemon takes no more, and looks at how those that have one are served. */
	async function fill(server, count) {
		const kept = await connect(server.socket);
		assert.equal((await kept.ask({ method: 'POST', path: '/send', body: 'before', keep: true })).status, 201);
		const greedy = await Promise.all(Array.from({ length: count }, () => connect(server.socket)));
		await until(() => said(server) > 0, { what: 'the log to say it' });
		const used = () => fs.readFileSync(`/proc/${server.pid()}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ').slice(11, 13).reduce((a, b) => a + Number(b), 0) * 10;
		const before = used();

		// Those who have a connection go on, with bodies of every size.
		for (let i = 0; i < 20; i++)
			assert.equal((await within(ms(20_000), kept.ask({ method: 'POST', path: '/send', body: `during ${i}`, keep: true }), 'a send')).status, 201);
		assert.equal((await within(ms(20_000), kept.ask({ method: 'POST', path: '/send', body: 'x'.repeat(400_000), keep: true }), 'a long send')).status, 201);
		const { json } = await within(ms(20_000), kept.ask({ query: 'since=all&wait=0', keep: true }), 'a poll');
		assert.equal(json.messages.length, 22);
		assert.equal((await within(ms(20_000), kept.ask({ path: '/history', query: 'q=before', keep: true }), 'a search')).json.messages.length, 1);
		await sleep(1_000);
		assert.ok(used() - before < 200 * slow, `it rests: ${used() - before} ms of CPU in a second`);
		assert.equal(said(server), 1, 'it is said once');

		// A new one waits, and is served as soon as there is room.
		const waiting = fastcgi(server.socket, { query: 'wait=0' });
		for (const conn of greedy)
			conn.close();
		assert.equal((await within(ms(20_000), waiting, 'the one that waited')).status, 200);
		await until(async () => (await request(`${server.url}/healthz`).catch(() => ({}))).status === 200, { what: 'all to be well again' });
		assert.equal((await server.send('after')).status, 201);
		assert.equal(await server.sql("SELECT count(*) FROM messages WHERE text = 'after' OR text LIKE 'during%'"), '21');
		kept.close();
		return metric(server, /longline_connections/);
	}

	it('--connections-max: said once, those who have one are served, and it recovers', async (t) => {
		const server = await start({ t, flags: '--connections-max 40' });
		await fill(server, 120);
	});

	it('the limit of open files: likewise', async (t) => {
		const wrapper = path.join(tempDir(), 'few-files');
		fs.writeFileSync(wrapper, '#!/bin/sh\nulimit -n 64\nexec "$REAL_LONGLINED" "$@"\n', { mode: 0o755 });
		const server = await start({ t, env: { LONGLINED: wrapper, REAL_LONGLINED: binary } });
		await fill(server, 200);
	});

	for (const limit of [1, 2, 40]) {
		it(`said again when it happens again, as also that it is over: --connections-max ${limit}`, async (t) => {
			const d = await daemon({ t, flags: ['--connections-max', String(limit)] });
			const said = (what) => d.output.split(`detail="new connections ${what}"`).length - 1;
			for (let i = 1; i <= 2; i++) {
				const greedy = await Promise.all(Array.from({ length: limit + 80 }, () => connect(d.socket)));
				await until(() => said('wait') === i, { what: `the log to say it for the ${i}. time` });
				for (const conn of greedy)
					conn.close();
				await until(() => said('are taken again') === i, { what: `the log to say that it is over for the ${i}. time` });
			}
			assert.equal(said('wait'), 2);
			assert.equal((await fastcgi(d.socket, { query: 'wait=0' })).status, 200);
		});
	}
});
