// names.test.mjs: whose session, whose name: who is a sender where nginx checks names, and where it does not; whose a
// Socket.IO session is; which hosts requests may be for; what no log keeps.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { open } from '../conformance/wire.mjs';
import { fastcgi } from './fastcgi.mjs';
import { client, daemon, killPid, ms, pending, problem, room, root, server, start, tempDir, until, within } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

const basic = (name, password = 'x') => ({ Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` });
const UNKNOWN = '{"code":1,"message":"Session ID unknown"}';
const AGENT = { 'User-Agent': 'longline-test' };

/** Who may come in, as nginx knows them; the password of each is x. */
function users(...names) {
	const file = path.join(tempDir(), 'users');
	fs.writeFileSync(file, names.map((name) => `${name}:{PLAIN}x\n`).join(''));
	fs.chmodSync(path.dirname(file), 0o755);
	return file;
}

/** The lines that README.md has for a site where names are checked by `what`, as they are in this test's nginx. */
function recipe(what) {
	const blocks = fs.readFileSync(path.join(root, 'README.md'), 'utf8').match(/(?<=```nginx\n)[^`]*(?=```)/g);
	const found = blocks.filter((block) => block.includes(what) && block.includes('longline-auth.conf'));
	assert.equal(found.length, 1, what);
	return found[0].replace(/include \S*\/longline\.conf;/, 'include server.conf;').replace(/include \S*\/longline-auth\.conf;/, 'include auth.conf;');
}

/** nginx with a site that asks for a password. */
async function guarded(t, { realm = '"Longline"', names = ['ann', 'bob'], socket, ...more } = {}) {
	const lines = recipe('auth_basic "Longline";').replace(/auth_basic .*;/, `auth_basic ${realm};`).replace(/auth_basic_user_file .*;/, `auth_basic_user_file ${users(...names)};`);
	return nginx({ ...snippets({ socket }), t, ...more, site: (port) => `
server {
	listen 127.0.0.1:${port};
	${lines}
}` });
}

/** nginx with a site that asks another service, which knows people by a cookie. */
async function asked(t, socket, { open: reading = false } = {}) {
	const service = http.createServer((req, res) => {
		const [, name] = /^name=(\w*)$/.exec(req.headers.cookie ?? '') ?? [];
		res.writeHead(name === undefined ? 401 : 204, name ? { 'X-User': name } : {}).end();
	}).listen(0, '127.0.0.1');
	await once(service, 'listening');
	t.after(() => service.close());
	const lines = recipe('auth_request /who;').replace(/127\.0\.0\.1:9000/, `127.0.0.1:${service.address().port}`).replace(reading ? '# if' : /$^/, 'if');
	return nginx({ ...snippets({ socket }), t, site: (port) => `
server {
	listen 127.0.0.1:${port};
	${lines}
}` });
}

const sender = async (d, name, host = 'localhost') => (await fastcgi(d.socket, { query: `room=${name}&since=all&wait=0`, params: { HTTP_HOST: host } })).json.messages.map((m) => m.sender);

/** A namespace joined and one event emitted, by a session with these headers; gives the session. */
async function says(t, s, headers, name, { auth } = {}) {
	const session = await open(t, s, { headers: { ...AGENT, ...headers } });
	await session.send(`40/${name},${auth ? JSON.stringify(auth) : ''}`);
	await session.packet();
	await session.send(`42/${name},1["chat message","hi"]`);
	await session.packets(2);
	return session;
}

describe('names: where nothing checks them', () => {
	const s = server();

	it('curl -u mallory:x is nobody', async () => {
		const r = room();
		assert.equal((await s.send('x', { room: r }, basic('mallory'))).status, 201);
		assert.equal((await s.poll({ room: r, since: 'all' })).json.messages[0].sender, '');
	});

	it('nor is it over /socket.io/', async (t) => {
		const r = room();
		await says(t, s, basic('mallory'), r);
		assert.equal((await s.poll({ room: r, since: 'all' })).json.messages[0].sender, '');
	});

	it('and a header that looks like FastCGI\'s is none', async () => {
		const r = room();
		const headers = { 'Remote-User': 'mallory', REMOTE_USER: 'mallory', 'X-User': 'mallory', 'X-Remote-User': 'mallory' };
		assert.equal((await s.send('x', { room: r }, headers)).status, 201);
		assert.equal((await s.poll({ room: r, since: 'all' })).json.messages[0].sender, '');
	});
});

describe('names: auth_basic for all of the site', () => {
	it('lets nobody in without, and makes the name the sender', async (t) => {
		const d = await daemon({ t });
		const front = await guarded(t, { socket: d.socket });
		const r = room();
		for (const headers of [{}, basic('ann', 'wrong'), basic('mallory')])
			for (const res of [await front.send('x', { room: r }, headers), await front.poll({ wait: 0 }, { headers }), await front.get('/', headers), await front.get('/socket.io/?EIO=4&transport=polling', headers)])
				assert.equal(res.status, 401);
		assert.equal((await front.send({ text: 'x', sender: 'bob', room: r }, {}, basic('ann'))).status, 201);
		await says(t, front, basic('bob'), r, { auth: { name: 'ann' } });
		assert.deepEqual(await sender(d, r), ['ann', 'bob']);
	});

	it('without the second snippet names are what clients claim', async (t) => {
		const d = await daemon({ t });
		const front = await guarded(t, { socket: d.socket, auth: '' });
		const r = room();
		assert.equal((await front.send({ text: 'x', sender: 'bob', room: r }, {}, basic('ann'))).status, 201);
		assert.deepEqual(await sender(d, r), ['bob']);
	});
});

describe('names: a password for writing alone', () => {
	const READ = ['/', ...fs.readdirSync(path.join(root, 'static')).map((name) => `/${name}`), '/poll?wait=0', '/history', '/rooms?limit=1', '/healthz', '/socket.io/socket.io.js', '/socket.io/socket.io.esm.min.js.map?x'];
	// Whatever nginx makes the same of, and what only looks like reading.
	const WRITE = ['/send', '/send?room=x', '/%73end', '//send', '/./send', '/poll/../send', '/poll/%2e%2e/send', '/poll%3f/../send',
		'/index.html/../send', '/socket.io/socket.io.js/../../send', '/socket.io/', '/socket.io/?EIO=4&transport=polling', '/socket.io?EIO=4&transport=polling', '/socket.io', '/socket.io/x?EIO=4&transport=polling',
		'/socket.io/socket.io.js/../?EIO=4&transport=polling', '/%73ocket.io/?EIO=4&transport=polling', '/socket.io/?/poll', '/poll/../socket.io/?EIO=4&transport=polling'];

	/** As it is on the wire: node would tidy the path up. */
	async function raw(front, method, target, headers = {}) {
		const conn = net.connect(front.port, '127.0.0.1');
		const lines = Object.entries({ Host: 'localhost', Connection: 'close', 'Content-Length': method === 'POST' ? 1 : 0, ...headers }).map(([k, v]) => `${k}: ${v}\r\n`).join('');
		conn.write(`${method} ${target} HTTP/1.1\r\n${lines}\r\n${method === 'POST' ? 'x' : ''}`);
		const parts = [];
		for await (const part of conn)
			parts.push(part);
		return Number(/^HTTP\/1.1 (\d+)/.exec(Buffer.concat(parts).toString('latin1'))?.[1]);
	}

	for (const [kind, make, ann] of [
		['auth_basic', (t, socket) => guarded(t, { socket, realm: '$longline_writes' }), basic('ann')],
		['auth_request', (t, socket) => asked(t, socket, { open: true }), { Cookie: 'name=ann' }],
	])
		it(`${kind}: reads are open, and nothing else is`, async (t) => {
			const d = await daemon({ t });
			const front = await make(t, d.socket);
			for (const target of READ)
				assert.ok([200, 404].includes(await raw(front, 'GET', target)), target); // no client file without npm
			assert.equal(await raw(front, 'OPTIONS', '/send'), 204);
			for (const target of WRITE)
				for (const method of ['GET', 'POST'])
					assert.ok([401, /socket\.io(\?|$)/.test(target) && 301].includes(await raw(front, method, target)), `${method} ${target}`);
			for (const target of READ)
				assert.equal(await raw(front, 'POST', target), 401, `POST ${target}`);
			assert.deepEqual(await sender(d, 'main'), []);
			const r = room();
			assert.equal((await front.send({ text: 'x', sender: 'bob', room: r }, {}, ann)).status, 201);
			await says(t, front, ann, r, { auth: { name: 'bob' } });
			assert.deepEqual(await sender(d, r), ['ann', 'ann']);
		});
});

describe('names: auth_request', () => {
	it('makes X-User of the service\'s answer the sender, whatever name the client sends along', async (t) => {
		const d = await daemon({ t });
		const front = await asked(t, d.socket);
		const r = room();
		assert.equal((await front.send('x', { room: r })).status, 401);
		for (const name of ['ann', 'bob'])
			assert.equal((await front.send({ text: 'x', sender: 'eve', room: r }, {}, { Cookie: `name=${name}`, ...basic('mallory'), 'X-User': 'mallory' })).status, 201);
		await says(t, front, { Cookie: 'name=ann', ...basic('mallory') }, r);
		// It lets in somebody without saying who it is.
		assert.equal((await front.send('x', { room: r }, { Cookie: 'name=', ...basic('mallory') })).status, 201);
		assert.deepEqual(await sender(d, r), ['ann', 'bob', 'ann', '']);
	});
});

describe('names: a session', () => {
	it('of somebody whose name was checked is nobody else\'s, and goes on', async (t) => {
		const d = await daemon({ t });
		const front = await guarded(t, { socket: d.socket });
		const r = room();
		const session = await says(t, front, basic('ann'), r);
		const held = session.get();
		await until(async () => (await fastcgi(d.socket, { path: '/metrics' })).text.includes('longline_requests_open 2\n') || !(await pending(held)));
		for (const headers of [basic('bob'), { Authorization: 'Bearer x', ...basic('bob') }])
			for (const res of [
				await front.get(session.target(), headers),
				await front.post(session.target(), `42/${r},["chat message","of bob"]`, headers),
				await front.post(session.target(), '1', headers),
				await front.post(session.target(), 'x', { 'Content-Type': 'application/octet-stream', ...headers }),
				await front.get(session.target().replace('EIO=4', 'EIO=3'), headers),
			])
				assert.deepEqual([res.status, res.text], [400, UNKNOWN]);
		assert.ok(await pending(held), 'its GET is still held');
		await session.send(`42/${r},["chat message","still here"]`);
		assert.match((await within(ms(20_000), held)).text, /still here/);
		assert.deepEqual(await sender(d, r), ['ann', 'ann']);
	});

	it('without the name is nobody\'s at all', async (t) => {
		const d = await daemon({ t });
		const front = await guarded(t, { socket: d.socket });
		const session = await says(t, front, basic('ann'), room());
		const open = await nginx({ ...snippets({ socket: d.socket }), t });
		for (const headers of [{}, basic('ann')]) // whom nothing checked there
			assert.equal((await open.post(session.target(), '6', headers)).text, UNKNOWN);
		assert.ok(await session.alive());
	});

	it('of a stranger belongs to whoever knows its id, wherever he is', async (t) => {
		const d = await daemon({ t });
		const [open, front] = [await nginx({ ...snippets({ socket: d.socket }), t }), await guarded(t, { socket: d.socket })];
		const r = room();
		const session = await says(t, open, {}, r);
		const fresh = client(open.url); // another connection, as from another address
		t.after(() => fresh.agent.destroy());
		assert.equal((await fresh.post(session.target(), `42/${r},["chat message","elsewhere"]`)).text, 'ok');
		// He has logged in meanwhile: what he says there is still a stranger's.
		assert.equal((await front.post(session.target(), `42/${r},["chat message","as ann"]`, basic('ann'))).text, 'ok');
		await until(async () => (await sender(d, r)).length === 3);
		assert.deepEqual(await sender(d, r), ['', '', '']);
	});

	it('is not taken over with a pid by anybody but its owner', async (t) => {
		const d = await daemon({ t });
		const front = await guarded(t, { socket: d.socket });
		const r = room();
		const join = async (headers, auth) => {
			const session = await open(t, front, { headers: { ...AGENT, ...headers } });
			await session.send(`40/${r},${JSON.stringify(auth)}`);
			return { session, ...JSON.parse((await session.packet()).slice(3 + r.length + 1)) };
		};
		const ann = await join(basic('ann'), {});
		const bob = await join(basic('bob'), { pid: ann.pid });
		assert.notEqual(bob.sid, ann.sid);
		assert.ok(await ann.session.alive());
		const again = await join(basic('ann'), { pid: ann.pid });
		assert.equal(again.sid, ann.sid);
		assert.ok(!await ann.session.alive(), 'its owner takes it over');
		// A stranger's pid is good for whoever has it, and what he makes of it is his.
		const stranger = await nginx({ ...snippets({ socket: d.socket }), t });
		const session = await open(t, stranger);
		await session.send(`40/${r},`);
		const first = JSON.parse((await session.packet()).slice(3 + r.length + 1));
		const named = await join(basic('bob'), { pid: first.pid });
		assert.equal(named.sid, first.sid);
		assert.notEqual((await join(basic('ann'), { pid: named.pid })).sid, first.sid);
	});
});

describe('names: those that are none', () => {
	const s = server();
	const bad = { 'a control character': 'a\x01b', 'a line end': 'ann\nbob', NUL: 'ann\0', DEL: 'a\x7f', 'NEL, of two bytes': 'a\u0085', 'an escape': '\x1b[31mann', 'a tab': 'a\tb' };
	const good = ['ann', 'Änne', '😀', 'a b', 'a@b.example', '日本語', 'x'.repeat(64), '\u00a0', '👩‍🚀'];

	for (const [what, name] of Object.entries(bad))
		it(`${what} in a name that was checked: 400`, async () => {
			const params = { REMOTE_USER: name };
			problem(assert, await fastcgi(s.socket, { method: 'POST', path: '/send', body: 'x', params }), 400, 'bad_name', /control/);
			problem(assert, await fastcgi(s.socket, { path: '/socket.io/', query: 'EIO=4&transport=polling', params }), 400, 'bad_name');
		});

	it('nor is one that is too long, or no UTF-8', async () => {
		for (const name of ['x'.repeat(65), 'ü'.repeat(33), Buffer.from([0x61, 0xff])]) {
			const params = { REMOTE_USER: name };
			problem(assert, await fastcgi(s.socket, { method: 'POST', path: '/send', body: 'x', params }), 400, 'bad_name', /64/);
			problem(assert, await fastcgi(s.socket, { path: '/socket.io/', query: 'EIO=4&transport=polling', params }), 400, 'bad_name');
		}
	});

	it('nor are they as a name that is claimed', async (t) => {
		for (const name of Object.values(bad)) {
			problem(assert, await s.send({ text: 'x', sender: name }), 400, 'bad_field', /control/);
			problem(assert, await s.send('x', { sender: name }), 400, 'bad_parameter', /control/);
			const session = await open(t, s);
			await session.send(`40${JSON.stringify({ name })}`);
			assert.match(await session.packet(), /^44\{"message":"auth\.name must/);
		}
	});

	it('others are', async (t) => {
		for (const name of good) {
			const r = room();
			const params = { REMOTE_USER: name };
			// Claimed first: once it was checked it is nobody else's any more.
			assert.equal((await s.send({ text: 'x', sender: name, room: r })).status, 201);
			await says(t, s, {}, r, { auth: { name } });
			assert.equal((await fastcgi(s.socket, { method: 'POST', path: '/send', query: `room=${r}`, body: 'x', params })).status, 201, name);
			assert.deepEqual(await sender(s, r), [name, name, name]);
		}
	});

	it('through nginx, with auth_basic', async (t) => {
		const name = 'a\x01b';
		const front = await guarded(t, { socket: s.socket, names: [name] });
		problem(assert, await front.send('x', {}, basic(name)), 400, 'bad_name');
		problem(assert, await front.get('/socket.io/?EIO=4&transport=polling', basic(name)), 400, 'bad_name');
	});
});

describe('names: of the host', () => {
	const DOORS = [['GET', '/poll?wait=0'], ['POST', '/send'], ['GET', '/history'], ['GET', '/rooms'], ['GET', '/socket.io/?EIO=4&transport=polling'],
		['POST', '/socket.io/?EIO=4&transport=polling&sid=x'], ['OPTIONS', '/send'], ['GET', '/none']];

	it('--host refuses all others with 421, at every door', async (t) => {
		const d = await daemon({ flags: ['--host', 'log.example', '--host', '[::1]', '--cors', 'https://page.example'], t });
		const ask = (host, [method, target]) => fastcgi(d.socket, {
			method, path: target.split('?')[0], query: target.split('?')[1] ?? '', body: method === 'POST' ? 'x' : undefined, params: { HTTP_HOST: host ?? '', HTTP_ORIGIN: 'https://page.example' },
		});
		for (const door of DOORS) {
			for (const host of ['rebound.example', 'log.example.evil.example', '127.0.0.1', 'localhost:8080', undefined])
				problem(assert, await ask(host, door), 421, 'unknown_host', /--host/);
			for (const host of ['log.example', 'LOG.Example:8080', 'log.example.', '[::1]:80'])
				assert.notEqual((await ask(host, door)).status, 421, `${host} ${door}`);
		}
		assert.equal((await ask('evil.example', DOORS[0])).headers['access-control-allow-origin'], 'https://page.example', 'and pages may read it');
		assert.deepEqual(await sender(d, 'main', 'log.example'), Array(4).fill(''));
	});

	it('whoever watches may ask by address', async (t) => {
		const d = await daemon({ flags: ['--host', 'log.example'], t });
		for (const target of ['/healthz', '/metrics']) {
			for (const host of ['127.0.0.1', '10.1.2.3:8080', '[::1]', 'localhost', 'log.example', ''])
				assert.equal((await fastcgi(d.socket, { path: target, params: { HTTP_HOST: host } })).status, 200, host);
			problem(assert, await fastcgi(d.socket, { path: target, params: { HTTP_HOST: 'rebound.example' } }), 421, 'unknown_host');
		}
		assert.match((await fastcgi(d.socket, { path: '/metrics', params: { HTTP_HOST: '' } })).text, /errors_total\{code="unknown_host"\} 2\n/);
	});

	it('without --host any will do', async (t) => {
		const d = await daemon({ t });
		assert.equal((await fastcgi(d.socket, { query: 'wait=0', params: { HTTP_HOST: 'any.example' } })).status, 200);
	});
});

describe('names: what no log keeps', () => {
	const SECRET = 'sEcReT';

	/** nginx that logs all it can. */
	const logged = (t, socket, extra = '') => nginx({ ...snippets({ socket }), log: 'access_log access.log;', extra, t });
	const read = (front) => fs.readFileSync(path.join(front.folder, 'access.log'), 'utf8');

	it('the id of a session is in no access log, whatever becomes of the request', async (t) => {
		const d = await daemon();
		const front = await logged(t, d.socket, 'location = /closed { deny all; }');
		const session = await open(t, front, { headers: AGENT });
		await session.send('40');
		await session.packet();
		await front.post(session.target(), 'x'.repeat(5_000_000)); // 413
		await front.post(`/socket.io/?EIO=4&transport=polling&sid=${SECRET}`, 'x');
		const gone = new AbortController();
		const held = session.get('', { signal: gone.signal }).catch(() => {}); // 499
		setTimeout(() => gone.abort(), 100);
		await held;
		await killPid(d.pid);
		assert.equal((await front.post(session.target(), '6')).status, 502);
		const log = read(front);
		assert.ok(!log.includes(session.sid) && !log.includes(SECRET) && !log.includes('sid='), log);
	});

	it('the format for an access log leaves out what stands behind the ?', async (t) => {
		const d = await daemon({ t });
		const front = await nginx({ ...snippets({ socket: d.socket }), t, site: (port) => `
server {
	listen 127.0.0.1:${port};
	access_log access.log longline;
	client_header_timeout 1s;
	include server.conf;
}` });
		await front.get(`/poll?wait=0&x=${SECRET}`);
		await front.get(`/socket.io/socket.io.js?${SECRET}`);
		// A request that breaks off within its headers belongs to no location.
		const conn = net.connect(front.port, '127.0.0.1');
		conn.write(`GET /socket.io/?sid=${SECRET} HTTP/1.1\r\nHost: x\r\n`);
		await within(ms(20_000), once(conn.resume(), 'close'));
		await until(() => read(front).includes('"GET /socket.io/ HTTP/1.1" 408'));
		const log = read(front);
		assert.match(log, /^127\.0\.0\.1 - - \[.*\] "GET \/poll HTTP\/1\.1" 400 \d+ "-" "-"$/m);
		assert.ok(!log.includes(SECRET), log);
	});

	it('nor does the daemon\'s', async (t) => {
		const s = await start({ flags: '--log-level debug', t });
		const session = await open(t, s);
		await session.send('40');
		await session.packet();
		await session.post('x');
		assert.ok(!s.log().includes(session.sid));
	});
});
