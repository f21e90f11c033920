// session-websocket.test.mjs: Socket.IO sessions over WebSocket, at the daemon's own relay: recovery, limits, whose they are,
// how they end. What the protocol itself asks for is tests/conformance/'s.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ms, room, server, start, until } from './harness.mjs';
import { bearer, site, token } from './persons.mjs';
import { ask, open } from './websocket.mjs';

const TARGET = '/socket.io/?EIO=4&transport=websocket';

/** A session of its own over WebSocket; `joins`: the CONNECT that it says first. Gives its peer, and the answer. */
async function begin(t, s, joins) {
	const peer = await open(t, s.port, TARGET);
	const hello = JSON.parse((await peer.text()).slice(1));
	assert.deepEqual(hello.upgrades, []);
	if (joins === undefined)
		return { peer, hello };
	peer.send(joins);
	const answer = await peer.text();
	return { peer, hello, ...JSON.parse(answer.slice(answer.indexOf('{'))) };
}

describe('sessions over WebSocket', () => {
	const s = server();

	it('a client that recovers is told CONNECT first, and what it missed behind', async (t) => {
		const name = room();
		const first = await begin(t, s, `40/${name},`);
		first.peer.send(`42/${name},1["n",1]`);
		const event = await first.peer.text(), acked = await first.peer.text();
		const offset = /"(\d+)"\]$/.exec(event)[1];
		assert.equal(acked, `43/${name},1[{"id":${offset}}]`);
		await first.peer.leave();
		const ids = [];
		for (let i = 2; i < 5; i++)
			ids.push(await s.sent({ room: name, event: 'n', args: [i] }));
		const again = await open(t, s.port, TARGET);
		await again.text();
		again.send(`40/${name},${JSON.stringify({ pid: first.pid, offset })}`);
		const welcome = await again.text();
		assert.ok(welcome.startsWith(`40/${name},{`), welcome);
		assert.equal(JSON.parse(welcome.slice(welcome.indexOf('{'))).pid, first.pid);
		for (const [i, id] of ids.entries())
			assert.equal(await again.text(), `42/${name},["n",${i + 2},"${id}"]`);
	});

	it('is counted by what carries it', async (t) => {
		const counts = async () => {
			const text = (await s.get('/metrics')).text;
			return ['polling', 'websocket'].map((name) => Number(new RegExp(`sessions_by_transport\\{transport="${name}"\\} (\\d+)`).exec(text)[1]));
		};
		await until(async () => (await counts())[1] === 0);
		const [polling] = await counts();
		const one = await begin(t, s);
		assert.deepEqual(await counts(), [polling, 1]);
		await one.peer.leave();
		await until(async () => (await counts())[1] === 0);
	});

	it('a page of another site, and a bad token, are refused before there is a WebSocket', async () => {
		const foreign = await ask(s.port, TARGET, { headers: { Origin: 'https://elsewhere.example' } });
		assert.equal(foreign.status, 403);
		assert.match(foreign.text, /forbidden_origin/);
		const bad = await ask(s.port, TARGET, { headers: { Authorization: 'Bearer ll_no_such' } });
		assert.equal(bad.status, 401);
		assert.match(bad.text, /unauthorized/);
	});

	it('whoever says good-bye is closed without a code', async (t) => {
		const { peer } = await begin(t, s, '40');
		peer.send('1');
		assert.deepEqual(await peer.rest(), { messages: [], code: null });
	});
});

describe('sessions over WebSocket: limits of a person', () => {
	it('what comes too fast waits, in its order', async (t) => {
		const s = await start({ t, flags: ['--limit', 'trusted.requests=20/s:5'] });
		const { peer } = await begin(t, s, '40');
		const began = Date.now();
		for (let i = 0; i < 30; i++)
			peer.send(`42${i}["n",${i}]`);
		for (let i = 0; i < 30;) {
			const text = await peer.text();
			if (text.startsWith('43'))
				assert.ok(text.startsWith(`43${i++}[`), text);
		}
		// Thirty at 20 a second, but for a few at once.
		assert.ok(Date.now() - began > 1000, `${Date.now() - began} ms`);
	});

	it('what would wait for longer than 45 s is closed with 1008', async (t) => {
		const s = await start({ t, flags: ['--limit', 'trusted.requests=1/min:6'] });
		const { peer } = await begin(t, s, '40');
		for (let i = 0; i < 10; i++)
			peer.send(`42["n",${i}]`);
		const { messages, code } = await peer.rest(ms(30_000));
		assert.equal(code, 1008);
		assert.ok(messages.length < 6, `${messages.length} events`);
	});
});

describe('sessions over WebSocket: whose they are', () => {
	const unknown = '{"code":1,"message":"Session ID unknown"}';

	it('an upgrade is its person\'s alone, and a stranger\'s is whoever\'s knows the id', async (t) => {
		const s = await site(t);
		const ann = await token(s, 'ann'), bob = await token(s, 'bob');
		const handshake = async (headers) => {
			const hello = JSON.parse((await s.get('/socket.io/?EIO=4&transport=polling', headers)).text.slice(1));
			assert.deepEqual(hello.upgrades, ['websocket']);
			return `${TARGET}&sid=${hello.sid}`;
		};
		const hers = await handshake(bearer(ann.secret));
		for (const headers of [{}, bearer(bob.secret)]) {
			const res = await ask(s.port, hers, { headers });
			assert.deepEqual([res.status, res.text], [400, unknown]);
		}
		const peer = await open(t, s.port, hers, { headers: bearer(ann.secret) });
		peer.send('2probe');
		assert.equal(await peer.text(), '3probe');
		const anybodys = await open(t, s.port, await handshake({}), { headers: bearer(bob.secret) });
		anybodys.send('2probe');
		assert.equal(await anybodys.text(), '3probe');
	});

	it('one whose token is revoked is closed', async (t) => {
		const s = await site(t);
		const ann = await token(s, 'ann');
		const peer = await open(t, s.port, TARGET, { headers: bearer(ann.secret) });
		await peer.text();
		peer.send('40');
		await peer.text();
		await s.sql("DELETE FROM tokens WHERE name = 'ann'");
		assert.deepEqual(await peer.rest(), { messages: [], code: null });
	});
});

describe('sessions over WebSocket: the end of the daemon', () => {
	it('closes them with 1001, and stops', async (t) => {
		const s = await start({ t });
		const all = [];
		for (let i = 0; i < 5; i++)
			all.push(await begin(t, s, '40'));
		const ends = Promise.all(all.map(({ peer }) => peer.rest()));
		const stopped = s.stop();
		for (const { code } of await ends)
			assert.equal(code, 1001);
		await stopped;
	});
});
