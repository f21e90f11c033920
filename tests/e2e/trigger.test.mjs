// trigger.test.mjs: triggers that a site has in its database: what one refuses is stored by nobody, and one that fails or
// does not end does so for its own message only.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { open } from '../conformance/wire.mjs';
import { ms, problem, room, server, session, sleep, within } from './harness.mjs';

/** A Socket.IO session in a namespace, by hand. */
async function join(t, s, namespace) {
	const session = await open(t, s);
	await session.send(`40${namespace},`);
	assert.match(await session.packet(), /^40/);
	return session;
}
const texts = async (s, r) => (await s.poll({ room: r, since: 'all', wait: 0, limit: 1000 })).json.messages.map((m) => m.text);

/** Sends all while another program holds the lock, so that they are one batch. */
async function batch(s, t, list) {
	const other = session(s.db, { t });
	await other.run('BEGIN IMMEDIATE;');
	const sends = list.map(([what, params]) => s.send(what, params));
	await sleep(ms(150));
	await other.run('COMMIT;');
	const answers = await within(ms(60_000), Promise.all(sends), 'the batch');
	await other.close();
	return answers;
}

describe('trigger: what one refuses', () => {
	const s = server();

	for (const [what, trigger] of [
		...['BEFORE', 'AFTER'].flatMap((when) => ['ABORT', 'FAIL', 'ROLLBACK'].map((how) => [`RAISE(${how}) ${when} INSERT ON messages`,
			`${when} INSERT ON messages WHEN NEW.text = 'no' BEGIN SELECT RAISE(${how}, 'no'); END`])),
		...['ABORT', 'FAIL'].map((how) => [`RAISE(${how}) behind changes of its own`,
			`AFTER INSERT ON messages WHEN NEW.text = 'no' BEGIN INSERT INTO noted VALUES(NEW.id, NEW.text); SELECT RAISE(${how}, 'no'); END`]),
		...['ABORT', 'FAIL', 'ROLLBACK'].map((how) => [`RAISE(${how}) in a trigger on rooms`,
			`AFTER UPDATE ON rooms WHEN (SELECT text FROM messages WHERE id = NEW.last) = 'no' BEGIN SELECT RAISE(${how}, 'no'); END`]),
		...['ABORT', 'FAIL'].map((how) => [`RAISE(${how}) in a trigger on a table of another trigger's`,
			`AFTER INSERT ON noted WHEN NEW.text = 'no' BEGIN SELECT RAISE(${how}, 'no'); END`]),
		['RAISE(IGNORE) BEFORE INSERT ON messages', "BEFORE INSERT ON messages WHEN NEW.text = 'no' BEGIN SELECT RAISE(IGNORE); END"],
	]) {
		it(`is stored by nobody: ${what}`, async (t) => {
			const r = room();
			await s.sql(`CREATE TABLE IF NOT EXISTS noted(id, text);
				CREATE TRIGGER note AFTER INSERT ON messages BEGIN INSERT INTO noted VALUES(NEW.id, NEW.text); END;
				CREATE TRIGGER refuse ${trigger};`);
			t.after(() => s.sql('DROP TRIGGER refuse; DROP TRIGGER note;'));
			await s.sent('first', { room: r });
			problem(assert, await s.send('no', { room: r }), 400, 'bad_field');
			problem(assert, await s.send({ text: 'no', key: 'k' }, { room: r }), 400, 'bad_field');
			const answers = await batch(s, t, ['a', 'no', 'b', 'no', 'c'].map((text) => [text, { room: r }]));
			assert.deepEqual(answers.map((res) => res.status), [201, 400, 201, 400, 201]);
			const all = await texts(s, r);
			assert.deepEqual([...all].sort(), ['a', 'b', 'c', 'first']);
			assert.deepEqual((await s.history({ room: r })).json.messages.map((m) => m.text), all);
			assert.equal(await s.sql(`SELECT count(*) FROM messages WHERE room = '${r}'`), '4');
			assert.equal(await s.sql("SELECT count(*) FROM noted WHERE text = 'no'"), '0');
		});
	}

	for (const how of ['ABORT', 'FAIL', 'ROLLBACK']) {
		it(`goes with the attachments that RAISE(${how}) refuses`, async (t) => {
			const r = room();
			await s.sql(`CREATE TRIGGER refuse BEFORE INSERT ON attachments WHEN NEW.data = x'6e6f' BEGIN SELECT RAISE(${how}, 'no'); END`);
			t.after(() => s.sql('DROP TRIGGER refuse'));
			const bytes = (text) => s.post(`/send?room=${r}`, text, { 'Content-Type': 'application/octet-stream' });
			problem(assert, await bytes('no'), 400, 'bad_field');
			const answers = await Promise.all(['a', 'no', 'b'].map(bytes));
			assert.deepEqual(answers.map((res) => res.status), [201, 400, 201]);
			const { messages } = (await s.poll({ room: r, since: 'all', wait: 0 })).json;
			assert.deepEqual(messages.map((m) => Buffer.from(m.attachments[0], 'base64').toString()).sort(), ['a', 'b']);
		});
	}

	it('by Socket.IO, where the ack says so', async (t) => {
		await s.sql("CREATE TRIGGER refuse AFTER INSERT ON messages WHEN NEW.text = 'no' BEGIN SELECT RAISE(FAIL, 'no'); END");
		t.after(() => s.sql('DROP TRIGGER refuse'));
		const one = await join(t, s, '/sockets');
		await one.send('42/sockets,1["chat message","no"]');
		assert.match(await one.packet(), /^43\/sockets,1\[\{"error":.*"code":"bad_field"/);
		await one.send('42/sockets,2["chat message","yes"]');
		const got = [await one.packet(), await one.packet()].join();
		assert.match(got, /"yes"/);
		assert.doesNotMatch(got, /"no"/);
		assert.deepEqual(await texts(s, 'sockets'), ['yes']);
	});
});

describe('trigger: one that fails', () => {
	const s = server();

	it('fails its own message, not those beside it', async (t) => {
		const r = room();
		// json() of what is no JSON is an error, and undoes no more than its statement.
		await s.sql("CREATE TRIGGER check_json BEFORE INSERT ON messages WHEN NEW.event = 'json' BEGIN SELECT json(NEW.text); END");
		t.after(() => s.sql('DROP TRIGGER check_json'));
		const answers = await batch(s, t, Array.from({ length: 9 }, (_, i) =>
			[{ event: i % 4 === 1 ? 'json' : 'e', text: i === 5 ? '[1]' : `no json ${i}` }, { room: r }]));
		assert.deepEqual(answers.map((res) => res.status), [201, 503, 201, 201, 201, 201, 201, 201, 201]);
		assert.equal((await texts(s, r)).length, 8);
	});
});

describe('trigger: one without end', () => {
	const s = server({ flags: ['--write-timeout', '1', '--lock-wait', '10'] });
	const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n';

	it('is cut, and the messages beside its own are stored', async (t) => {
		const r = room();
		await s.sql(`CREATE TRIGGER endless AFTER INSERT ON messages WHEN NEW.text = 'slow' BEGIN ${endless}; END`);
		t.after(() => s.sql('DROP TRIGGER endless'));
		const began = performance.now();
		problem(assert, await s.send('slow', { room: r }), 503, 'write_timeout');
		assert.ok(performance.now() - began < ms(5_000));
		const answers = await batch(s, t, ['a', 'slow', 'b', 'c'].map((text) => [text, { room: r }]));
		assert.deepEqual(answers.map((res) => res.status), [201, 503, 201, 201]);
		problem(assert, answers[1], 503, 'write_timeout');
		assert.deepEqual((await texts(s, r)).sort(), ['a', 'b', 'c']);
		await s.sent('after', { room: r });
		assert.match(s.log(), /error write_timeout /);
	});

	it('keeps nobody waiting for the sum of them', async (t) => {
		const r = room();
		await s.sql(`CREATE TRIGGER endless BEFORE INSERT ON messages BEGIN ${endless}; END`);
		const began = performance.now();
		const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => s.send(`${i}`, { room: r })));
		assert.ok(performance.now() - began < ms(16_000), `${performance.now() - began} ms`);
		for (const res of answers)
			problem(assert, res, 503, 'write_timeout');
		await s.sql('DROP TRIGGER endless');
		assert.deepEqual(await texts(s, r), []);
		await s.sent('after', { room: r });
	});

	it('on a table of the daemon\'s own holds up nobody either', async (t) => {
		const r = room();
		await s.sql(`CREATE TRIGGER endless AFTER UPDATE ON meta BEGIN ${endless}; END`);
		t.after(() => s.sql('DROP TRIGGER endless'));
		for (let i = 0; i < 3; i++) {
			await s.sent(`${i}`, { room: r });
			await sleep(ms(500)); // the index is about to be filled
		}
		assert.deepEqual(await texts(s, r), ['0', '1', '2']);
	});
});

describe('trigger: what still works', () => {
	const s = server();

	it('functions, tables and full text of the site\'s own', async () => {
		await s.sql(`CREATE TABLE seen(id, at, n, x); CREATE VIRTUAL TABLE mine USING fts5(text);
			CREATE TRIGGER see AFTER INSERT ON messages BEGIN
				INSERT INTO seen VALUES(NEW.id, strftime('%s', 'now'), json_extract(coalesce(NEW.args, '[1]'), '$[0]'), hex(randomblob(4)) || random() || upper(NEW.text) || printf('%d', abs(-1)));
				INSERT INTO mine(rowid, text) VALUES(NEW.id, NEW.text);
			END`);
		const id = await s.sent('walrus');
		assert.equal(await s.sql("SELECT rowid FROM mine('walrus')"), `${id}`);
		assert.equal(await s.sql(`SELECT count(*) FROM seen WHERE id = ${id} AND n = 1 AND at > 0`), '1');
		assert.equal((await s.history({ q: 'walrus' })).json.messages.length, 1);
	});
});
