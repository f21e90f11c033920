// cors.test.mjs: pages of other origins: shut out unless --cors lets them in, and then all the way.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { problem, room, server } from './harness.mjs';

const ORIGIN = 'https://page.example';
const OTHER = 'https://other.example';
const cors = (res) => Object.keys(res.headers).filter((name) => name.startsWith('access-control-'));
const list = (value) => (value ?? '').toLowerCase().split(',').map((word) => word.trim());

/** Requests of every kind, all with this Origin: [name, response, status]. */
async function tour(s, Origin) {
	const headers = { Origin };
	return [
		['send', await s.post('/send', 'x', { ...headers }), 201],
		['poll', await s.poll({ wait: 0 }, { headers }), 200],
		['history', await s.history({}, { headers }), 200],
		['unknown parameter', await s.poll({ colour: 'red' }, { headers }), 400],
		['bad JSON', await s.post('/send', '{', { ...headers, 'Content-Type': 'application/json' }), 400],
		['wrong type', await s.post('/send', 'x', { ...headers, 'Content-Type': 'text/html' }), 415],
		['wrong method', await s.request('/poll', { method: 'PUT', headers, body: 'x' }), 405],
		['too large', await s.post('/send', 'x'.repeat(1_000_001), { ...headers, 'Content-Type': 'text/plain' }), 413],
		['too large for nginx', await s.post('/send', 'x'.repeat(5_000_000), { ...headers, 'Content-Type': 'text/plain' }), 413],
	];
}
const preflight = (s, target, Origin, method = 'POST') => s.request(target, { method: 'OPTIONS', headers: {
	Origin, 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': 'content-type,idempotency-key,prefer' } });

describe('cors: off, as by default', () => {
	const s = server();

	it('sends no CORS header, and refuses a foreign send', async () => {
		for (const [name, res, status] of await tour(s, ORIGIN)) {
			// A foreign send is refused for what it is; which of two faults is named first is nobody's business.
			assert.ok(res.status === 403 || (res.status === status && name !== 'send'), `${name}: ${res.status}`);
			assert.deepEqual(cors(res), [], name);
		}
		problem(assert, await s.post('/send', 'x', { Origin: ORIGIN }), 403, 'forbidden_origin');
		const flight = await preflight(s, '/send', ORIGIN);
		assert.equal(flight.status, 204);
		assert.deepEqual(cors(flight), []);
	});
});

for (const [what, flag] of [['*', '*'], ['one origin', ORIGIN]]) {
	describe(`cors: ${what}`, () => {
		const s = server({ flags: ['--cors', flag] });
		const allowed = flag === '*' ? /^(\*|https:\/\/page\.example)$/ : /^https:\/\/page\.example$/;

		it('lets that origin send and read, and read errors too', async () => {
			for (const [name, res, status] of await tour(s, ORIGIN)) {
				assert.equal(res.status, status, `${name}: ${res.text}`);
				assert.match(res.headers['access-control-allow-origin'] ?? '', allowed, name);
				assert.ok(!('access-control-allow-credentials' in res.headers));
			}
		});

		it('answers preflights', async () => {
			for (const [target, method] of [['/send', 'POST'], ['/poll', 'GET'], ['/history', 'GET']]) {
				const res = await preflight(s, target, ORIGIN, method);
				assert.equal(res.status, 204);
				assert.equal(res.body.length, 0);
				assert.match(res.headers['access-control-allow-origin'] ?? '', allowed);
				assert.ok(list(res.headers['access-control-allow-methods']).includes(method.toLowerCase()));
				const names = list(res.headers['access-control-allow-headers']);
				for (const name of ['content-type', 'idempotency-key', 'prefer'])
					assert.ok(names.includes(name), `${target}: ${name} in ${names}`);
				const bare = await s.request(target, { method: 'OPTIONS', headers: { Origin: ORIGIN, 'Access-Control-Request-Method': method } });
				for (const { headers } of [res, bare])
					assert.match(headers.vary, /Access-Control-Request-Headers/);
			}
		});

		it('exposes what a page needs to read', async () => {
			const r = room();
			const send = () => s.post(`/send?room=${r}`, 'x', { Origin: ORIGIN, 'Idempotency-Key': 'k' });
			await send();
			const again = await send();
			assert.equal(again.headers['idempotent-replayed'], 'true');
			assert.ok(list(again.headers['access-control-expose-headers']).includes('idempotent-replayed'));
			const poll = await s.poll({ wait: undefined, room: r, since: 'all' }, { headers: { Origin: ORIGIN, Prefer: 'wait=1' } });
			assert.ok(list(poll.headers['access-control-expose-headers']).includes('preference-applied'));
		});

		it('reaches a poll that was held', async () => {
			const r = room();
			const held = s.poll({ room: r, wait: 50 }, { headers: { Origin: ORIGIN } });
			const plain = s.poll({ room: r, wait: 50 });
			await s.parked(2);
			await s.sent('x', { room: r });
			assert.match((await held).headers['access-control-allow-origin'] ?? '', allowed);
			assert.equal((await plain).json.messages.length, 1);
			const late = await s.poll({ room: r, wait: 0.3 }, { headers: { Origin: ORIGIN } });
			assert.match(late.headers['access-control-allow-origin'] ?? '', allowed);
		});

		it(flag === '*' ? 'lets every origin in' : 'lets no other origin in', async () => {
			const send = await s.post('/send', 'x', { Origin: OTHER });
			const poll = await s.poll({ wait: 0 }, { headers: { Origin: OTHER } });
			const same = await s.post('/send', 'x', { Origin: s.url });
			assert.equal(same.status, 201);
			if (flag === '*') {
				assert.equal(send.status, 201);
				assert.match(poll.headers['access-control-allow-origin'], /^(\*|https:\/\/other\.example)$/);
			} else {
				problem(assert, send, 403, 'forbidden_origin');
				assert.doesNotMatch(poll.headers['access-control-allow-origin'] ?? '', /\*|other/);
				for (const lookalike of [`${ORIGIN}.evil.example`, `${ORIGIN}:8443`, 'http://page.example', 'https://PAGE.example.', 'null'])
					assert.equal((await s.post('/send', 'x', { Origin: lookalike })).status, 403, lookalike);
			}
		});
	});
}
