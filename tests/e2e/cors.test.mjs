// cors.test.mjs: pages of other origins: shut out unless --cors lets them in, and then all the way.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pending, problem, room, server } from './harness.mjs';
import { headersOf, site, user } from './persons.mjs';

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
		for (const [name, res] of await tour(s, ORIGIN)) {
			assert.equal(res.status, name === 'too large for nginx' ? 413 : 403, name);
			assert.deepEqual(cors(res), [], name);
		}
		problem(assert, await s.post('/send', 'x', { Origin: ORIGIN }), 403, 'forbidden_origin');
		const flight = await preflight(s, '/send', ORIGIN);
		assert.equal(flight.status, 204);
		assert.deepEqual(cors(flight), []);
	});

	it('says that answers differ by Origin, whatever they are', async () => {
		for (const headers of [{}, { Origin: s.url }, { Origin: ORIGIN }])
			for (const target of ['/poll?wait=0', '/poll?wait=0.1', '/history', '/history?x=1', '/rooms', '/socket.io/?EIO=4&transport=polling'])
				assert.match((await s.get(target, headers)).headers.vary ?? '', /Origin/, target);
		const { etag } = (await s.get('/rooms')).headers;
		const same = await s.get('/rooms', { 'If-None-Match': etag });
		assert.equal(same.status, 304);
		assert.match(same.headers.vary, /Origin/);
	});
});

/** Every way into the daemon: [method, target, whether a link may lead there]. */
const DOORS = [
	['POST', '/send', false], ['GET', '/poll?wait=0', true], ['HEAD', '/history', true], ['GET', '/history', true], ['GET', '/rooms', true],
	['GET', '/socket.io/?EIO=4&transport=polling', false], ['POST', '/socket.io/?EIO=4&transport=polling&sid=none', false], ['GET', '/socket.io', false],
];
const refused = ({ status, json }) => status === 403 && (json === undefined || json.code === 'forbidden_origin');

describe('cors: who may come in at each door', () => {
	const s = server({ flags: ['--cors', ORIGIN] });
	const tries = [ // what a request says, whether it may come in, and whether it may as a link
		[{}, true],
		[{ 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Dest': 'document' }, true],
		[{ 'Sec-Fetch-Site': 'same-origin', Origin: OTHER }, true],
		[{ Origin: ORIGIN }, true],
		[{ Origin: ORIGIN, 'Sec-Fetch-Site': 'cross-site' }, true],
		[{ Origin: OTHER }, false],
		[{ Origin: 'null' }, false],
		[{ Origin: OTHER, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' }, false],
		[{ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script' }, false],
		[{ 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' }, false],
		[{ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' }, false],
		[{ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }, false, true],
		// A form that another page submits is a navigation, too, but no link.
		[{ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', Origin: OTHER }, false, true],
		[{ Origin: OTHER, Authorization: 'Basic OmxsX3g=' }, false], // browsers add it by themselves
	];

	for (const [method, target, linked] of DOORS)
		it(`${method} ${target}`, async () => {
			for (const [headers, ok, link = ok] of tries) {
				const res = await s.request(target, { method, headers, body: method === 'POST' ? 'x' : undefined });
				assert.equal(refused(res), !(linked ? link : ok), `${JSON.stringify(headers)}: ${res.status} ${res.text}`);
			}
		});

	it('whoever says Bearer is not asked for an origin, but for what he says', async () => {
		for (const [method, target] of DOORS) {
			const res = await s.request(target, { method, headers: { Origin: OTHER, Authorization: 'Bearer ll_none' }, body: method === 'POST' ? 'x' : undefined });
			assert.ok(!refused(res), `${method} ${target}`);
		}
	});

	it('a page elsewhere may see that the daemon lives, and what is nowhere', async () => {
		assert.equal((await s.get('/healthz', { Origin: OTHER, 'Sec-Fetch-Site': 'cross-site' })).status, 200);
		problem(assert, await s.get('/none', { Origin: OTHER, 'Sec-Fetch-Site': 'cross-site' }), 404, 'not_found');
	});

	it('a refusal stores nothing, and begins no session', async () => {
		const r = room();
		await s.post(`/send?room=${r}`, 'x', { Origin: OTHER });
		assert.equal((await s.poll({ room: r, since: 'all', wait: 0 })).json.messages.length, 0);
		const before = (await s.get('/metrics')).text.match(/^longline_\w*sessions\w* .*/gm);
		await s.get('/socket.io/?EIO=4&transport=polling', { Origin: OTHER });
		assert.deepEqual((await s.get('/metrics')).text.match(/^longline_\w*sessions\w* .*/gm), before);
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
				// With * browsers send no cookies and passwords anyway.
				assert.equal(res.headers['access-control-allow-credentials'], flag === '*' ? undefined : 'true', name);
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

describe('cors: two origins, one of them an app', () => {
	const APP = 'capacitor://localhost';
	const s = server({ flags: ['--cors', ORIGIN, `--cors=${APP}`] });
	const told = (res) => [res.headers['access-control-allow-origin'], res.headers['access-control-allow-credentials']];

	it('lets both in, with cookies and passwords, on errors too', async () => {
		for (const origin of [ORIGIN, APP]) {
			for (const [name, res, status] of await tour(s, origin)) {
				assert.equal(res.status, status, `${name}: ${res.text}`);
				assert.deepEqual(told(res), [origin, 'true'], name);
			}
			const flight = await preflight(s, '/send', origin);
			assert.deepEqual(told(flight), [origin, 'true']);
			assert.match(flight.headers['access-control-allow-methods'], /POST/);
		}
	});

	it('tells nobody else, and says that answers differ', async () => {
		for (const headers of [{}, { Origin: OTHER }, { Origin: 'null' }, { Origin: `${ORIGIN} ${APP}` }]) {
			for (const res of [await s.poll({ wait: 0 }, { headers }), await s.history({}, { headers }), await s.request('/send', { method: 'OPTIONS', headers })]) {
				assert.deepEqual(cors(res), []);
				assert.match(res.headers.vary, /Origin/);
			}
		}
		problem(assert, await s.post('/send', 'x', { Origin: OTHER }), 403, 'forbidden_origin');
	});

	it('keeps answers that polls share for each origin', async () => {
		for (const last of [{ text: 'news' }, null]) {
			const r = room();
			const origins = [ORIGIN, APP, undefined, APP, ORIGIN, undefined];
			const held = origins.map((Origin) => s.poll({ room: r, wait: last ? 50 : 0.5 }, { headers: Origin ? { Origin } : {} }));
			await s.parked(origins.length);
			if (last)
				await s.sent(last, { room: r });
			for (const [i, res] of (await Promise.all(held)).entries()) {
				assert.equal(res.json.messages.length, last ? 1 : 0);
				assert.equal(told(res)[0], [ORIGIN, APP].includes(origins[i]) ? origins[i] : undefined, `${origins[i]}`);
			}
		}
	});

	it('keeps answers that sessions share for each origin', async () => {
		const r = room();
		const sessions = await Promise.all([ORIGIN, APP, undefined, APP, ORIGIN].map(async (Origin) => {
			const headers = { 'User-Agent': 'browser', ...(Origin && { Origin }) };
			const { sid } = JSON.parse((await s.get('/socket.io/?EIO=4&transport=polling', headers)).text.slice(1));
			const target = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
			await s.post(target, `40/${r},`, headers);
			await s.get(target, headers);
			return { Origin, held: s.get(target, headers) };
		}));
		assert.ok((await Promise.all(sessions.map(({ held }) => pending(held)))).every(Boolean), 'all are held');
		await s.sent('news', { room: r });
		for (const { Origin, held } of sessions) {
			const res = await held;
			assert.match(res.text, /^42/);
			assert.equal(told(res)[0], [ORIGIN, APP].includes(Origin) ? Origin : undefined, `${Origin}`);
		}
	});
});

describe('cors: all, and one by its name', () => {
	const s = server({ flags: ['--cors', '*', '--cors', ORIGIN] });

	it('lets the one send its cookies, and the others read', async () => {
		for (const [Origin, name, credentials] of [[ORIGIN, ORIGIN, 'true'], [OTHER, '*', undefined], ['null', '*', undefined]]) {
			for (const [what, res, status] of await tour(s, Origin)) {
				assert.equal(res.status, status, what);
				assert.equal(res.headers['access-control-allow-origin'], name, what);
				assert.equal(res.headers['access-control-allow-credentials'], credentials, what);
			}
		}
	});
});

it('cors: * lets no page write as a user whom the web server has checked', async (t) => {
	const s = await site(t, { flags: ['--cors', '*', '--cors', ORIGIN] });
	const send = (Origin, headers) => s.post('/send', 'x', { 'Content-Type': 'text/plain', Origin, ...headers });
	const ann = headersOf(user('ann'));
	problem(assert, await send(OTHER, ann), 403, 'forbidden_origin');
	problem(assert, await send(OTHER, { Authorization: 'Basic YTpi' }), 403, 'forbidden_origin');
	assert.equal((await send(OTHER, {})).status, 201, 'a stranger');
	assert.equal((await send(ORIGIN, ann)).status, 201, 'a page that is named');
	assert.equal((await s.post('/send', 'x', ann)).status, 201, 'no page');
	assert.deepEqual((await s.rows('SELECT "by" FROM messages')).map(({ by }) => by), [null, 'user:ann', 'user:ann']);
});

describe('cors: what is the same site', () => {
	const s = server({ flags: ['--cors', ORIGIN], env: { LISTEN: '127.0.0.1' } }); // for any host
	const send = async (headers) => (await s.post('/send', 'x', headers)).status;

	it('does not depend on a default port, nor on where TLS ends', async () => {
		for (const [Host, Origin, status] of [
			['chat.example:443', 'https://chat.example', 201], ['chat.example', 'https://chat.example:443', 201], ['chat.example:80', 'http://chat.example', 201],
			['chat.example', 'https://chat.example', 201], ['chat.example', 'http://chat.example', 201], ['CHAT.example', 'https://chat.example', 201],
			['[::1]:8080', 'http://[::1]:8080', 201],
			['chat.example:80', 'https://chat.example', 403], ['chat.example:8443', 'https://chat.example', 403], ['chat.example', 'https://chat.example:8443', 403],
			['chat.example', 'capacitor://chat.example', 403], ['null', 'null', 403],
		])
			assert.equal(await send({ Host, Origin }), status, `${Origin} at ${Host}`);
	});

	it('is what the browser says of it, if it does', async () => {
		for (const [Origin, site, status] of [
			['https://chat.example', 'same-origin', 201], // a proxy has put its own name into Host
			['https://chat.example', 'none', 201], ['null', 'same-origin', 201],
			[s.url, 'same-site', 403], [s.url, 'cross-site', 403], [undefined, 'cross-site', 403], [undefined, 'same-site', 403],
			[ORIGIN, 'cross-site', 201], [ORIGIN, 'same-site', 201],
			[s.url, 'nonsense', 201], [OTHER, 'nonsense', 403], [undefined, 'nonsense', 201],
		])
			assert.equal(await send({ ...(Origin && { Origin }), 'Sec-Fetch-Site': site }), status, `${Origin}, ${site}`);
	});

	it('is named when it is another', async () => {
		const detail = problem(assert, await s.post('/send', 'x', { Origin: 'https://chat.example', Host: '127.0.0.1:8080' }), 403, 'forbidden_origin');
		assert.match(detail, /'https:\/\/chat\.example'.*'127\.0\.0\.1:8080'.*Host/);
	});
});
