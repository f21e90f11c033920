// engineio.test.mjs: the Engine.IO protocol, version 4, over HTTP long-polling: what the official suite asks for, on both
// paths of the conformance server, and then the corners that it leaves out. /engine.io/ is an echo.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ms, pending, sleep } from '../e2e/harness.mjs';
import { brisk, conformance, foreign, moment, open, ours, binary, join, Session, UPGRADES } from './wire.mjs';

const ERRORS = {
	transport: '{"code":0,"message":"Transport unknown"}',
	sid: '{"code":1,"message":"Session ID unknown"}',
	method: '{"code":2,"message":"Bad handshake method"}',
	request: '{"code":3,"message":"Bad request"}',
	version: '{"code":5,"message":"Unsupported protocol version"}',
};
const INTERVAL = 300;
const TIMEOUT = 200;

function refused(res, text) {
	assert.equal(res.status, 400, res.text);
	assert.equal(res.text, text);
	assert.match(res.headers['content-type'], /^application\/json/);
}
const gone = async (session) => refused(await session.get(), ERRORS.sid);
const echo = { path: '/engine.io/' };

for (const path of ['/engine.io/', '/socket.io/']) {
	describe(`${path}, heartbeat ${INTERVAL} and ${TIMEOUT} ms`, () => {
		const s = conformance({ brisk: true }), it = brisk;
		const url = (params) => `${path}?${params}`;
		const begin = (t) => open(t, s, { path });
		/** A session for longer: without a namespace /socket.io/ would end it after a second. */
		const joined = async (t) => {
			const session = await begin(t);
			if (path === '/socket.io/') {
				await session.send('40');
				await session.packets(2);
			}
			return session;
		};

		describe('handshake', () => {
			it('opens a session, told in exactly five members', async () => {
				const res = await s.get(url('EIO=4&transport=polling'));
				assert.equal(res.status, 200);
				assert.equal(res.text[0], '0');
				const { sid, ...rest } = JSON.parse(res.text.slice(1));
				assert.match(sid, /^[A-Za-z0-9_-]{20,}$/);
				assert.deepEqual(rest, { upgrades: UPGRADES, pingInterval: INTERVAL, pingTimeout: TIMEOUT, maxPayload: 1_000_000 });
			});

			it('refuses a missing or another EIO', async () => {
				for (const version of ['', 'EIO=abc&', 'EIO=3&', 'EIO=5&', 'EIO=&', 'EIO=44&'])
					refused(await s.get(url(`${version}transport=polling`)), ERRORS.version);
			});

			it('refuses a missing or another transport', async () => {
				for (const transport of ['', '&transport=abc', '&transport=', '&transport=Polling'])
					refused(await s.get(url(`EIO=4${transport}`)), ERRORS.transport);
			});

			it('refuses the transport first', async () => {
				refused(await s.get(url('EIO=9&transport=x&sid=y')), ERRORS.transport);
				refused(await s.post(url(''), ''), ERRORS.transport);
			});

			it('refuses other methods than GET', async () => {
				for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
					refused(await s.request(url('EIO=4&transport=polling'), { method }), ERRORS.method);
				refused(await s.post(url('transport=polling'), ''), ERRORS.method);
			});

			it('refuses a session that does not exist', async () => {
				refused(await s.get(url('EIO=4&transport=polling&sid=nobody')), ERRORS.sid);
				refused(await s.post(url('EIO=4&transport=polling&sid=nobody'), '4x'), ERRORS.sid);
				refused(await s.get(url('transport=polling&sid=nobody')), ERRORS.sid);
			});

			it('takes an empty sid for none, passes over other parameters, decodes them', async () => {
				for (const params of [
					'EIO=4&transport=polling&sid=', 'EIO=4&transport=polling&t=P9xYz12&x=%00&y', 'EIO=%34&transport=p%6flling',
					'EIO=3&EIO=4&transport=x&transport=polling', 'b64=1&EIO=4&transport=polling',
				]) {
					const res = await s.get(url(params));
					assert.equal(res.status, 200, params);
					assert.equal(res.text[0], '0');
				}
			});

			it('gives every session an id of its own', async () => {
				const all = await Promise.all(Array.from({ length: 50 }, () => new Session(s, { path }).open()));
				assert.equal(new Set(all.map((session) => session.sid)).size, 50);
			});
		});

		describe('heartbeat', () => {
			it('sends a ping after each pong', async (t) => {
				const session = await joined(t);
				for (let i = 0; i < 3; i++) {
					const began = performance.now();
					const res = await session.get();
					assert.equal(res.text, '2');
					assert.equal(res.status, 200);
					if (i > 0) {
						const time = performance.now() - began;
						assert.ok(time > INTERVAL - 30 && time < INTERVAL + ms(TIMEOUT), `ping after ${time} ms`);
					}
					await session.send('3');
				}
			});

			it('ends a session that does not answer, also if nobody polls', async () => {
				const quiet = await new Session(s, { path }).open();
				await sleep(INTERVAL + TIMEOUT);
				await gone(quiet);
				refused(await quiet.post('3'), ERRORS.sid);
			});

			it('ends the held GET of a session that does not answer', async () => {
				const session = await new Session(s, { path }).open();
				assert.equal((await session.get()).text, '2');
				const res = await session.get();
				assert.deepEqual([res.status, res.text], [200, '1']);
				await gone(session);
			});

			it('counts from a pong that was not asked for', async (t) => {
				const session = await begin(t);
				await sleep(INTERVAL / 2);
				const before = performance.now();
				await session.send('3');
				const res = await session.get();
				const time = performance.now() - before;
				assert.equal(res.text, '2');
				assert.ok(time > INTERVAL - 10, `ping ${time} ms after the pong`);
			});

			it('keeps a session that answers, for many heartbeats', async (t) => {
				const session = await joined(t);
				const end = Date.now() + 2500;
				while (Date.now() < end) {
					const res = await session.get();
					assert.equal(res.text, '2');
					await session.send('3');
				}
				assert.ok(await session.alive());
			});
		});

		describe('close', () => {
			it('lets the client leave', async () => {
				const session = await new Session(s, { path }).open();
				const held = session.get();
				await pending(held, 20);
				const post = await session.post('1');
				assert.deepEqual([post.status, post.text], [200, 'ok']);
				const res = await held;
				assert.deepEqual([res.status, res.text], [200, '6']);
				await gone(session);
			});

			it('lets the client leave that holds no GET', async () => {
				const session = await new Session(s, { path }).open();
				await session.send('1');
				await gone(session);
				refused(await session.post('6'), ERRORS.sid);
			});

			it('ends a session whose packets are invalid', async () => {
				for (const body of ['abc', '2', '8', '', '6\x1e', '\x1e6', '6\x1e\x1e6', '6\x1ex']) {
					const session = await new Session(s, { path }).open();
					const res = await session.post(...body.split('\x1e'));
					assert.ok(res.status === 200 || res.status === 400, `${JSON.stringify(body)}: ${res.status}`);
					await gone(session);
				}
			});

			it('answers the held GET of a session whose packets are invalid', async () => {
				const session = await new Session(s, { path }).open();
				const held = session.get();
				assert.ok(await pending(held, 50));
				await session.post('abc');
				const res = await held;
				assert.deepEqual([res.status, res.text], [200, '1']);
				await gone(session);
			});

			it('ends a session that is polled twice at once', async () => {
				const session = await new Session(s, { path }).open();
				const first = session.get();
				assert.ok(await pending(first, 50));
				const second = await session.get('&t=burst');
				assert.ok(second.status === 400 || (foreign && second.status === 500));
				assert.equal(second.text, '');
				const res = await first;
				assert.deepEqual([res.status, res.text], [200, '1']);
				await gone(session);
			});

			it('ends a session whose poll was cancelled', async () => {
				const session = await new Session(s, { path }).open();
				const hangUp = new AbortController();
				const held = session.get('', { signal: hangUp.signal });
				held.catch(() => {});
				assert.ok(await pending(held, 50));
				hangUp.abort();
				assert.equal((await session.get()).status, 400);
				await gone(session);
			});
		});
	});
}

describe('/engine.io/ as an echo', () => {
	const s = conformance();

	it('gives back one packet of text', async (t) => {
		const session = await open(t, s, echo);
		const post = await session.post('4hello');
		assert.deepEqual([post.status, post.text], [200, 'ok']);
		const res = await session.get();
		assert.deepEqual([res.status, res.text], [200, '4hello']);
	});

	it('gives back several packets, in one answer', async (t) => {
		const session = await open(t, s, echo);
		await session.send('4test1', '4test2', '4test3');
		assert.equal((await session.get()).text, join('4test1', '4test2', '4test3'));
	});

	it('gives back binary', async (t) => {
		const session = await open(t, s, echo);
		await session.send('4hello', 'bAQIDBA==');
		assert.equal((await session.get()).text, join('4hello', 'bAQIDBA=='));
	});

	it('answers a held GET', async (t) => {
		const session = await open(t, s, echo);
		const held = session.get();
		assert.ok(await pending(held, 50));
		await session.send('4news');
		assert.equal((await held).text, '4news');
	});
});

describe('transport', () => {
	const s = conformance();

	it('says what its answers are, and that nobody may keep them', async (t) => {
		const session = await open(t, s, echo);
		for (const res of [await s.get('/socket.io/?EIO=4&transport=polling'), await session.send('4x').then(() => session.get())]) {
			assert.match(res.headers['content-type'], /^text\/plain; charset=utf-8$/i);
			assert.match(res.headers['cache-control'], /no-store/);
			assert.equal(Number(res.headers['content-length']), res.body.length);
		}
		const post = await session.post('4x');
		assert.match(post.headers['content-type'], /^text\/html/);
		assert.match(post.headers['cache-control'], /no-store/);
	});

	it('keeps the order over many POSTs and GETs', async (t) => {
		const session = await open(t, s, echo);
		const sent = [];
		for (let i = 0; i < 40; i++) {
			const packets = Array.from({ length: 1 + i % 7 }, (_, k) => (k % 3 ? `4${i}.${k}` : binary(i, k)));
			sent.push(...packets);
			await session.send(...packets);
		}
		assert.deepEqual(await session.packets(sent.length), sent);
	});

	it('takes text of every kind', async (t) => {
		const session = await open(t, s, echo);
		const texts = ['4', '4 ', '4é€😀', '4\u0000\u0001', '4\r\n', '4"\\', '4b', '4\u2028\uFEFF', '4\u{10FFFF}'];
		await session.send(...texts);
		assert.deepEqual(await session.packets(texts.length), texts);
	});

	it('takes binary of every length', async (t) => {
		const session = await open(t, s, echo);
		const all = Array.from({ length: 67 }, (_, n) => `b${Buffer.alloc(n, n).toString('base64')}`);
		await session.send(...all);
		assert.deepEqual(await session.packets(all.length), all);
	});

	it('is lenient about base64', async (t) => {
		const session = await open(t, s, echo);
		await session.send('bAQIDBA', 'b-_-_', 'bAQ');
		assert.deepEqual(await session.packets(3), ['bAQIDBA==', 'b+/+/', 'bAQ==']);
	});

	it('passes over packets that mean nothing', async (t) => {
		const session = await open(t, s, echo);
		await session.send('0{}', '3', '3probe', '5', '6', '4still here');
		assert.equal(await session.packet(), '4still here');
	});

	it('handles what stands before an invalid packet, and nothing after it', ours, async (t) => {
		const listener = await open(t, s);
		await listener.send('40');
		await listener.packets(2);
		const speaker = await open(t, s);
		await speaker.send('40');
		await speaker.packets(2);
		await speaker.post('42["broadcast","before"]', 'x', '42["broadcast","after"]');
		await gone(speaker);
		const other = await open(t, s);
		await other.send('40');
		await other.send('42["broadcast","end"]');
		assert.deepEqual(await listener.packets(2), ['42["broadcast","before"]', '42["broadcast","end"]']);
	});

	it('passes over what stands behind the packet to leave', async () => {
		const session = await new Session(s, echo).open();
		const held = session.get();
		assert.ok(await pending(held, moment));
		await session.send('1', '4x', 'x');
		assert.equal((await held).text, '6');
		await gone(session);
	});

	it('refuses the content type application/octet-stream and ends the session', async () => {
		const session = await new Session(s, echo).open();
		const res = await s.post(session.target(), '4x', { 'Content-Type': 'application/octet-stream' });
		assert.equal(res.status, 400);
		await gone(session);
	});

	it('takes any other content type for text, and none', async (t) => {
		const session = await open(t, s, echo);
		for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded', 'x', undefined]) {
			const res = await s.post(session.target(), `4${type}`, type && { 'Content-Type': type });
			assert.deepEqual([res.status, res.text], [200, 'ok']);
			assert.equal(await session.packet(), `4${type}`);
		}
	});

	it('takes a body of maxPayload bytes, and refuses one more as 413 without harm', async (t) => {
		const session = await open(t, s, echo);
		const most = `4${'x'.repeat(999_999)}`;
		const res = await session.post(`${most}x`);
		assert.deepEqual([res.status, res.text], [413, '']);
		await session.send(most);
		assert.equal(await session.packet(), most);
	});

	it('counts maxPayload in bytes', async (t) => {
		const session = await open(t, s, echo);
		assert.equal((await session.post(`4${'é'.repeat(500_000)}`)).status, 413);
		const most = `4${'é'.repeat(499_999)}x`;
		await session.send(most);
		assert.equal(await session.packet(), most);
	});

	it('refuses another EIO on a session, which is unharmed', async (t) => {
		const session = await open(t, s, echo);
		for (const version of ['EIO=3&', ''])
			refused(await s.get(`/engine.io/?${version}transport=polling&sid=${session.sid}`), ERRORS.request);
		refused(await s.post(`/engine.io/?EIO=3&transport=polling&sid=${session.sid}`, '4x'), ERRORS.request);
		await session.send('4y');
		assert.equal(await session.packet(), '4y');
	});

	it('refuses another transport on a session, which is unharmed', async (t) => {
		const session = await open(t, s, echo);
		refused(await s.get(`/engine.io/?EIO=4&transport=abc&sid=${session.sid}`), ERRORS.transport);
		await session.send('4y');
		assert.equal(await session.packet(), '4y');
	});

	it('refuses other methods on a session, which is unharmed', async (t) => {
		const session = await open(t, s, echo);
		for (const method of ['PUT', 'DELETE', 'PATCH']) {
			const res = await s.request(session.target(), { method });
			assert.ok(res.status >= 400, `${method} ${res.status}`);
		}
		await session.send('4y');
		assert.equal(await session.packet(), '4y');
	});

	it('replaces invalid UTF-8', async (t) => {
		const session = await open(t, s, echo);
		const post = await s.post(session.target(), Buffer.from([0x34, 0x61, 0xff, 0x62, 0xc3]));
		assert.equal(post.text, 'ok');
		assert.equal(await session.packet(), '4a\uFFFDb\uFFFD');
	});

	it('takes a POST of very many packets', async (t) => {
		const session = await open(t, s, echo);
		const packets = Array.from({ length: 5000 }, (_, i) => `4${i}`);
		await session.send(...packets);
		assert.deepEqual(await session.packets(packets.length), packets);
	});

	it('gives clients that are not known to take more 16 packets at most, others 256', ours, async (t) => {
		for (const [headers, most, params] of [
			[{}, 16], [{ 'User-Agent': 'python-requests/2.28.1' }, 16], [{ 'User-Agent': 'Python/3.11 aiohttp/3.8.4' }, 16],
			[{ 'User-Agent': 'an app of mine' }, 16], [{ 'User-Agent': 'Mozilla/5.0' }, 256], [{ 'User-Agent': 'node-XMLHttpRequest' }, 256],
			[{ 'User-Agent': 'Mozilla/5.0' }, 16, '&t=1733011200.25'], [{ 'User-Agent': 'Mozilla/5.0' }, 256, '&t=abc12345'],
		]) {
			const session = await open(t, s, { ...echo, headers, params });
			const packets = Array.from({ length: 600 }, (_, i) => (i % 2 ? binary(i % 256) : `4${i}`));
			await session.send(...packets);
			const got = [];
			const counts = [];
			while (got.length < packets.length) {
				const now = (await session.get()).text.split('\x1e');
				counts.push(now.length);
				got.push(...now);
			}
			assert.deepEqual(got, packets);
			assert.equal(Math.max(...counts), most);
			assert.equal(counts.length, Math.ceil(600 / most));
		}
	});

	it('ends an answer at about 1 MB, but not before its first packet', ours, async (t) => {
		const session = await open(t, s, echo);
		const packets = Array.from({ length: 12 }, (_, i) => `4${String(i).padEnd(299_000, 'x')}`);
		for (let i = 0; i < packets.length; i += 3)
			await session.send(...packets.slice(i, i + 3));
		const got = [];
		while (got.length < packets.length) {
			const { text } = await session.get();
			assert.ok(text.length <= 1_100_000, `${text.length} bytes`);
			got.push(...text.split('\x1e'));
		}
		assert.deepEqual(got, packets);
	});

	it('lives through requests that are not for it', async () => {
		for (const params of ['', 'EIO', 'sid', '&&&', 'EIO=4&transport=polling&sid=%', `sid=${'x'.repeat(2000)}&EIO=4&transport=polling`]) {
			const res = await s.get(`/socket.io/?${params}`);
			assert.equal(res.status, 400, params);
		}
	});
});

describe('other origins', () => {
	const anyone = { Origin: 'http://elsewhere.example' };

	describe('--cors *', () => {
		const s = conformance();

		it('lets everybody in, on errors too', async (t) => {
			const session = await open(t, s, { headers: anyone });
			for (const res of [
				await s.get('/socket.io/?EIO=4&transport=polling', anyone),
				await s.get('/socket.io/?EIO=3&transport=polling', anyone),
				await s.get('/socket.io/?EIO=4&transport=polling&sid=x', anyone),
				await session.post('40'),
				await session.get(),
				await s.post(session.target(), `4${'x'.repeat(1_000_001)}`, anyone),
			])
				assert.equal(res.headers['access-control-allow-origin'], '*', String(res.status));
		});

		it('answers a preflight, session or not', async (t) => {
			const session = await open(t, s);
			for (const target of ['/socket.io/?EIO=4&transport=polling', session.target(), '/socket.io/?sid=nobody']) {
				const res = await s.request(target, {
					method: 'OPTIONS',
					headers: { ...anyone, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-one, x-two' },
				});
				assert.equal(res.status, 204);
				assert.equal(res.headers['access-control-allow-origin'], '*');
				assert.equal(res.headers['access-control-allow-methods'], 'GET,HEAD,PUT,PATCH,POST,DELETE');
				assert.equal(res.headers['access-control-allow-headers'], 'x-one, x-two');
				assert.match(res.headers.vary, /Access-Control-Request-Headers/i);
				assert.equal(res.text, '');
			}
			assert.ok(await session.alive());
		});
	});

	describe('--cors http://friend.example', ours, () => {
		const s = conformance({ flags: '--cors http://friend.example' });

		it('lets one origin in', async (t) => {
			const friend = { Origin: 'http://friend.example' };
			const session = await open(t, s, { headers: friend });
			for (const res of [
				await s.get('/socket.io/?EIO=4&transport=polling', friend),
				await s.get('/socket.io/?EIO=3&transport=polling', friend),
				await session.post('40'),
				await session.get(),
			]) {
				assert.equal(res.headers['access-control-allow-origin'], 'http://friend.example');
				assert.match(res.headers.vary ?? '', /Origin/i);
			}
			const res = await s.get('/socket.io/?EIO=4&transport=polling', anyone);
			assert.notEqual(res.headers['access-control-allow-origin'], '*');
			assert.notEqual(res.headers['access-control-allow-origin'], anyone.Origin);
		});
	});

	describe('without --cors', ours, () => {
		const s = conformance({ flags: '' });

		it('says nothing of origins, and judges OPTIONS like any method', async (t) => {
			const session = await open(t, s);
			for (const res of [await s.get('/socket.io/?EIO=4&transport=polling', anyone), await session.post('40'), await session.get()]) {
				assert.equal(res.status, 200);
				assert.equal(res.headers['access-control-allow-origin'], undefined);
			}
			refused(await s.request('/socket.io/?EIO=4&transport=polling', { method: 'OPTIONS' }), ERRORS.method);
			refused(await s.request('/socket.io/?EIO=4&transport=polling&sid=x', { method: 'OPTIONS' }), ERRORS.sid);
			assert.ok((await s.request(session.target(), { method: 'OPTIONS' })).status >= 400);
			assert.ok(await session.alive());
		});
	});
});
