// once.test.mjs: exactly once, where senders are somebody: a key belongs to its room and to who was proven, and a retry
// across the upgrade to a daemon that knows of persons finds what it has sent before.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { connected, io, socket } from '../conformance/clients.mjs';
import { ms, newPid, problem, room, root, sleep, sql, start, tempDir, until } from './harness.mjs';
import { as, bearer, insertToken, jwt, newSecret, quoted, sharedSite, site, stranger, token, user } from './persons.mjs';

/** A send with a key; gives [status, id]. */
async function send(door, text, { key = 'k', ...params } = {}) {
	const res = await door.send(text, { key, ...params });
	assert.ok(res.status === 200 || res.status === 201, res.text);
	assert.equal(res.headers['idempotent-replayed'], res.status === 200 ? 'true' : undefined);
	return [res.status, res.json.id];
}

const stored = (s, r) => s.rows(`SELECT id, sender, "by", text, args FROM messages WHERE room = ${quoted(r)} ORDER BY id`);

describe('once: keys of persons', () => {
	const s = sharedSite({ key: true });
	let persons;
	before(async () => {
		persons = [stranger, user('ann'), user('bob'), await token(s, 'ci'), await token(s, 'robot', { sender: 'ann' }), { ...await token(s, 'bridge', { sender: '*' }), claims: true }];
	});
	const doors = () => persons.map((one) => s.as(one));

	it('the same key by different persons is a message of each, and their retries find their own', async () => {
		const r = room(), ids = [];
		for (const door of doors())
			ids.push(await send(door, 'the same', { room: r, sender: 'somebody' }));
		assert.deepEqual(ids.map(([status]) => status), ids.map(() => 201));
		assert.equal(new Set(ids.map(([, id]) => id)).size, ids.length);
		for (const [i, door] of doors().entries())
			assert.deepEqual(await send(door, 'the same', { room: r, sender: 'somebody' }), [200, ids[i][1]]);
		assert.deepEqual((await stored(s, r)).map(({ by }) => by), [null, 'user:ann', 'user:bob', 'ci', 'robot', 'bridge']);
	});

	it('another message of one person with the key is a conflict, of that person alone', async () => {
		const r = room();
		for (const door of doors().slice(0, 4)) {
			const [, id] = await send(door, 'first', { room: r });
			assert.match(problem(assert, await door.send('second', { room: r, key: 'k' }), 422, 'key_conflict'), new RegExp(`\\b${id}\\b`));
		}
		assert.equal((await stored(s, r)).length, 4);
	});

	it('one that may claim senders: another sender is another message', async () => {
		const r = room(), door = s.as(persons[5]);
		await send(door, 'x', { room: r, sender: 'irc-1' });
		problem(assert, await door.send('x', { room: r, key: 'k', sender: 'irc-2' }), 422, 'key_conflict');
		assert.equal((await send(door, 'x', { room: r, sender: 'irc-1' }))[0], 200);
	});

	it('a user of the web server and a JWT of the same sub are one person', async () => {
		const r = room(), by = as(s, bearer(jwt({ sub: 'ann' })));
		const [, id] = await send(s.as(user('ann')), 'x', { room: r });
		assert.deepEqual(await send(by, 'x', { room: r }), [200, id]);
		// A name of its own makes it another sender, so another message.
		problem(assert, await as(s, bearer(jwt({ sub: 'ann', name: 'Ann' }))).send('x', { room: r, key: 'k' }), 422, 'key_conflict');
	});

	it('a retry that has signed in meanwhile is of another person: two messages', async () => {
		const r = room();
		const [, first] = await send(s.as(stranger), 'x', { room: r, sender: 'zoe' });
		const [status, second] = await send(s.as(user('zoe')), 'x', { room: r });
		assert.equal(status, 201);
		assert.notEqual(first, second);
		assert.deepEqual(await send(s.as(stranger), 'x', { room: r, sender: 'zoe' }), [200, first], 'a replay is one also when its name was taken meanwhile');
		assert.deepEqual((await stored(s, r)).map(({ sender, by }) => [sender, by]), [['zoe', null], ['zoe', 'user:zoe']]);
	});

	it('many at once, in one commit or in several', async () => {
		const r = room();
		const answers = await Promise.all(doors().slice(0, 5).flatMap((door) => Array.from({ length: 12 }, (_, i) => send(door, `text ${i % 3}`, { room: r, key: `k${i % 3}` }))));
		assert.equal((await stored(s, r)).length, 15);
		assert.equal(answers.filter(([status]) => status === 201).length, 15);
		assert.equal(new Set(answers.map(([, id]) => id)).size, 15);
	});

	it('a key of SQL is a stranger\'s, or whose `by` the row says', async () => {
		const r = room();
		await s.sql(`INSERT INTO messages(room, text, key) VALUES('${r}', 'x', 'k'); INSERT INTO messages(room, sender, "by", text, key) VALUES('${r}', 'ann', 'user:ann', 'x', 'k');`);
		const [first, second] = await stored(s, r);
		assert.deepEqual(await send(s.as(stranger), 'x', { room: r }), [200, first.id]);
		assert.deepEqual(await send(s.as(user('ann')), 'x', { room: r }), [200, second.id]);
		assert.equal((await send(s.as(user('bob')), 'x', { room: r }))[0], 201);
	});

	it('a proven sender\'s key does not match what somebody else wrote in his name after the upgrade', async () => {
		const r = room();
		await s.sql(`INSERT INTO messages(room, sender, text, key) VALUES('${r}', 'ann', 'x', 'k');`);
		assert.equal((await send(s.as(user('ann')), 'x', { room: r }))[0], 201);
	});

	it('the rules of the file: one row for room, by and key, however it comes', async () => {
		const r = room(), insert = (by, key = "'k'", how = 'INSERT') => `${how} INTO messages(room, text, "by", key) VALUES('${r}', 'x', ${by}, ${key});`;
		await s.sql([insert('NULL'), insert("'a'"), insert("'b'"), insert('NULL', 'NULL'), insert('NULL', 'NULL'), insert("'a'", 'NULL'), insert("'a'", "'other'")].join('\n'));
		for (const statement of [
			insert('NULL'), insert("'a'"), insert("''"),
			`UPDATE messages SET key = 'k' WHERE room = '${r}' AND key = 'other';`,
			`UPDATE OR REPLACE messages SET key = 'k' WHERE room = '${r}' AND key = 'other';`,
			`UPDATE messages SET "by" = 'a' WHERE room = '${r}' AND "by" = 'b';`,
			`UPDATE OR REPLACE messages SET "by" = 'a' WHERE room = '${r}' AND "by" = 'b';`,
		])
			await s.sql(statement, { fail: true });
		assert.equal(await s.sql(`SELECT count(*) FROM messages WHERE room = '${r}'`), '7');
		await s.sql(`UPDATE messages SET key = 'k' WHERE room = '${r}' AND "by" = 'a' AND key IS NULL;`, { fail: true });
		await s.sql(`UPDATE messages SET key = 'free' WHERE room = '${r}' AND key = 'other';`);
	});

	it('what is no name of a person is refused as `by`', async () => {
		for (const by of ["x'61'", "''", `'${'b'.repeat(129)}'`])
			await s.sql(`INSERT INTO messages(text, "by") VALUES('x', ${by});`, { fail: true });
	});
});

describe('once: across the upgrade', () => {
	const s = {};
	const ids = {};
	const OLD = [
		['plain', 'ann', 'paid'], ['plain', 'bob', 'paid', 'k2'], ['case', 'Ann', 'paid'], ['nobody', '', 'paid'], ['args', 'ann', null], ['gone', 'ann', 'paid'],
	];
	before(async () => {
		const db = path.join(tempDir(), 'longline.db');
		const steps = fs.readdirSync(path.join(root, 'sql')).filter((name) => /^00[1-5].*\.sql$/.test(name)).sort().map((name) => fs.readFileSync(path.join(root, 'sql', name), 'utf8'));
		await sql(db, `PRAGMA journal_mode = WAL;\nBEGIN;\n${steps.join('\n')}\nPRAGMA user_version = 5;\nCOMMIT;`);
		for (const [name, sender, text, key = 'k'] of OLD)
			ids[`${name} ${key}`] = Number(await sql(db, `INSERT INTO messages(room, sender, key, text, args) VALUES('${name}', '${sender}', '${key}', ${quoted(text)}, ${text === null ? "'[\"a\",1]'" : 'NULL'}) RETURNING id`));
		s.db = db;
	});
	const opened = async (t) => site(t, { dir: path.dirname(s.db), key: true });

	it('a retry finds what the same person had sent before', async (t) => {
		const own = await opened(t), ann = own.as(user('ann')), robot = own.as(await token(own, 'robot', { sender: 'ann' }));
		assert.deepEqual(await send(ann, 'paid', { room: 'plain' }), [200, ids['plain k']]);
		assert.deepEqual(await send(ann, 'paid', { room: 'plain' }), [200, ids['plain k']], 'and again');
		assert.deepEqual(await send(robot, 'paid', { room: 'plain' }), [200, ids['plain k']], 'a token that has this sender');
		assert.deepEqual(await send(as(own, bearer(jwt({ sub: 'u-1', name: 'ann' }))), 'paid', { room: 'plain' }), [200, ids['plain k']], 'a JWT of this name');
		assert.deepEqual(await send(ann, { args: ['a', 1] }, { room: 'args' }), [200, ids['args k']]);
		assert.deepEqual(await send(own.as(stranger), 'paid', { room: 'plain', sender: 'ann' }), [200, ids['plain k']], 'who was nobody then and is nobody now');
		assert.deepEqual(await send(own.as(stranger), 'paid', { room: 'nobody' }), [200, ids['nobody k']]);
		assert.equal(await own.sql('SELECT count(*) FROM messages'), String(OLD.length));
	});

	it('what differs is a message of its own', async (t) => {
		const own = await opened(t), ann = own.as(user('ann'));
		for (const [what, door, text, params] of [
			['another sender\'s', own.as(user('bob')), 'paid', { room: 'plain' }],
			['a name in another case', ann, 'paid', { room: 'case' }],
			['who had no name then', ann, 'paid', { room: 'nobody' }],
			['another event', ann, 'paid', { room: 'plain', event: 'payment' }],
			['another room', ann, 'paid', { room: 'another' }],
		])
			assert.equal((await send(door, text, params))[0], 201, what);
	});

	it('other bytes are a new message, which is found by its retry then', async (t) => {
		const own = await opened(t), ann = own.as(user('ann'));
		const [status, id] = await send(ann, { args: ['a', 2] }, { room: 'args' });
		assert.equal(status, 201);
		assert.deepEqual(await send(ann, { args: ['a', 2] }, { room: 'args' }), [200, id]);
	});

	it('what was deleted since is not found', async (t) => {
		const own = await opened(t);
		await own.sql("DELETE FROM messages WHERE room = 'gone';");
		assert.equal((await send(own.as(user('ann')), 'paid', { room: 'gone' }))[0], 201);
	});

	it('what is written in somebody\'s name after the upgrade is not his', async (t) => {
		const own = await opened(t);
		await own.sql("INSERT INTO messages(room, sender, key, text) VALUES('since', 'ann', 'k', 'paid');");
		assert.equal((await send(own.as(user('ann')), 'paid', { room: 'since' }))[0], 201);
	});
});

describe('once: Socket.IO', () => {
	it('repeats of a client with a token are stored once, while the daemon is killed', async (t) => {
		const s = await start({ t }), secret = newSecret(), r = room();
		await s.sql(insertToken({ name: 'ci', secret }));
		const one = await connected(t, io, `${s.url}/${r}`, { auth: { token: secret }, retries: 50, ackTimeout: ms(1_500), reconnectionDelay: 20, reconnectionDelayMax: 100 });
		const N = 60, acks = [];
		const prefix = one.id.replaceAll('-', '_');
		for (let n = 0; n < N; n++) {
			acks.push(new Promise((resolve, reject) => one.emit('chat message', `text ${n}`, `${prefix}-${n}`, (error, answer) => (error ? reject(error) : resolve(answer)))));
			if (n % 20 === 10)
				process.kill(await newPid(s, 0), 'SIGKILL');
			await sleep(25);
		}
		const answers = await Promise.all(acks);
		const rows = await stored(s, r);
		assert.deepEqual(rows.map(({ text, by, sender }) => [text, by, sender]), Array.from({ length: N }, (_, n) => [`text ${n}`, 'ci', 'ci']));
		assert.deepEqual(answers.map(({ id }) => id), rows.map(({ id }) => id));
	});

	it('a repeat after signing in is another person\'s', async (t) => {
		const s = await site(t), ci = await token(s, 'ci'), r = room(), key = 'a-client-offset-of-its-own-17';
		const first = await connected(t, io, `${s.url}/${r}`), second = await connected(t, io, `${s.url}/${r}`, { auth: { token: ci.secret } });
		const [a] = await first.ask('chat message', 'x', key), [b] = await second.ask('chat message', 'x', key);
		assert.notEqual(a.id, b.id);
		assert.deepEqual([(await first.ask('chat message', 'x', key))[0].id, (await second.ask('chat message', 'x', key))[0].id], [a.id, b.id]);
		assert.deepEqual((await stored(s, r)).map(({ by }) => by), [null, 'ci']);
		// By HTTP it is the same key.
		assert.deepEqual(await send(s.as(ci), 'x', { room: r, key }), [200, b.id]);
	});
});

describe('once: sender_taken', () => {
	const s = sharedSite({ key: true });
	before(async () => {
		await token(s, 'ci');
		await token(s, 'deploy', { sender: 'Deployment Bot' });
		await s.sql("INSERT INTO grants VALUES('anyone', '*', 'rw'), ('user:root', '*', 'rwm'), ('user:Grant Ed', 'x', ''), ('token:nobody-has-it', 'x', 'r');");
		await as(s, bearer(jwt({ sub: 'u-76', name: 'Ärger' }))).sent('x');
		await as(s, bearer(jwt({ sub: 'u-77', name: 'Juliet' }))).sent('x');
	});

	for (const name of [
		'ci', 'CI', 'Ci', ' ci', 'ci  ', 'deploy', 'Deployment Bot', 'DEPLOYMENT bot', ' deployment bot ', 'root', 'ROOT', 'grant ed', 'Ärger', ' Ärger ', 'ÄRGER', 'Juliet', 'juliet',
	]) {
		it(`'${name}' is somebody's name`, async () => {
			const head = (await s.as(stranger).poll({ room: '*', wait: 0 })).json.next;
			problem(assert, await s.as(stranger).send('x', { sender: name }), 400, 'sender_taken');
			problem(assert, await s.as(stranger).send({ text: 'x', sender: name }), 400, 'sender_taken');
			assert.equal((await s.as(stranger).poll({ room: '*', wait: 0 })).json.next, head);
		});
	}

	for (const name of ['', 'c i', 'cii', 'ärger', 'nobody-has-it', 'u-77x', 'user:root', 'anyone', 'users', 'Grant  Ed'])
		it(`'${name}' is nobody's`, async () => {
			await s.as(stranger).sent('x', { sender: name });
		});

	it('a proven sender has his name, whoever else has it', async () => {
		const id = await s.as(user('ci')).sent('x', { room: 'mine', sender: 'root' });
		const [message] = (await s.as(stranger).poll({ room: 'mine', since: id - 1, wait: 0 })).json.messages;
		assert.deepEqual([message.sender, message.by], ['ci', 'user:ci']);
	});

	it('a token that may claim any name may not claim somebody\'s', async () => {
		const bridge = s.as(await token(s, 'bridge', { sender: '*' }));
		for (const name of ['ci', 'ROOT', 'juliet'])
			problem(assert, await bridge.send('x', { sender: name }), 400, 'sender_taken');
		await bridge.sent('x', { room: 'bridge', sender: 'irc-nick' });
		const { messages } = (await s.as(stranger).poll({ room: 'bridge', since: 'all', wait: 0 })).json;
		assert.deepEqual(messages.map(({ sender, by }) => [sender, by]), [['irc-nick', 'bridge']]);
	});

	it('what a bridge has claimed is nobody\'s all the same', async () => {
		const id = await s.as(stranger).send('x', { sender: 'irc-nick' });
		assert.ok(id.status === 201 || id.json.code === 'sender_taken', id.text);
	});

	it('a name becomes somebody\'s when he first sends, and stays so', async () => {
		await s.as(stranger).sent('x', { sender: 'later' });
		const id = await s.as(user('later')).sent('x');
		problem(assert, await s.as(stranger).send('x', { sender: 'LATER ' }), 400, 'sender_taken');
		await s.sql(`DELETE FROM messages WHERE id = ${id};`);
		problem(assert, await s.as(stranger).send('x', { sender: 'later' }), 400, 'sender_taken');
	});

	it('a token that has sent: its name stays its own after it was revoked', async () => {
		const gone = await token(s, 'gone');
		await s.as(gone).sent('x');
		await s.sql("DELETE FROM tokens WHERE name = 'gone';");
		problem(assert, await s.as(stranger).send('x', { sender: 'gone' }), 400, 'sender_taken');
	});

	it('a replay is still one', async () => {
		const res = await s.as(stranger).send('x', { sender: 'early', key: 'early' });
		await token(s, 'early');
		const again = await s.as(stranger).send('x', { sender: 'early', key: 'early' });
		assert.deepEqual([again.status, again.json.id], [200, res.json.id]);
		problem(assert, await s.as(stranger).send('x', { sender: 'early', key: 'another' }), 400, 'sender_taken');
	});

	it('SQL is free', async () => {
		await s.sql("INSERT INTO messages(sender, text) VALUES('ci', 'by SQL');");
		await until(async () => (await s.as(stranger).poll({ since: -1, wait: 0 })).json.messages[0].text === 'by SQL');
	});

	it('Socket.IO: neither is it auth.name', async (t) => {
		const head = (await s.as(stranger).poll({ room: '*', wait: 0 })).json.next;
		const one = socket(t, io, `${s.url}/io`, { auth: { name: 'CI' } });
		const refused = await Promise.race([one.next('connect_error').then(() => true), one.next('connect').then(() => false)]);
		if (!refused) {
			const [answer] = await one.ask('chat message', 'x');
			assert.equal(answer.code, 'sender_taken');
			one.emit('chat message', 'without an ack');
			await one.ask('typing');
		}
		assert.equal((await s.as(stranger).poll({ room: '*', wait: 0 })).json.next, head);
	});
});
