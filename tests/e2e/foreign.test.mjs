// foreign.test.mjs: rows that other programs write with the rules of the file turned off, and files that come from
// elsewhere: the daemon stays up, everybody is told all that can be, and nobody is told what breaks his parser.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { open } from '../conformance/wire.mjs';
import { daemon, ms, problem, room, run, server, sql, start, tempDir, until, within } from './harness.mjs';

const UNCHECKED = 'PRAGMA ignore_check_constraints = ON;';
/** A Socket.IO session in a namespace, by hand. */
async function join(t, s, namespace) {
	const session = await open(t, s);
	await session.send(`40${namespace},`);
	assert.match(await session.packet(), /^40/);
	return session;
}
const texts = (res) => res.json.messages.map((m) => m.text);
const long = (n) => `CAST(zeroblob(${n}) AS TEXT)`;
const repeat = (n, c) => `replace(hex(zeroblob(${n})), '00', '${c}')`;

describe('foreign: rows that break the rules', () => {
	const s = server();

	for (const [what, columns, values, elsewhere] of [
		['a room of 65 bytes', 'room, text', `${repeat(65, 'r')}, 'word'`, true],
		['a room of nothing', 'room, text', "'', 'word'", true],
		['a room that is a BLOB', 'room, text', "x'61', 'word'", true],
		['an event of 129 bytes', 'event, text', `${repeat(129, 'e')}, 'word'`],
		['an event of nothing', 'event, text', "'', 'word'"],
		['an event that Socket.IO reserves', 'event, text', "'connect', 'word'"],
		['a sender of 65 bytes', 'sender, text', `${repeat(65, 's')}, 'word'`],
		['a text of 4,000,001 bytes', 'text', repeat(4_000_001, 't')],
		['a text of 300 MB', 'text', long(300_000_000)],
		['args of 40 MB', 'args', `'["' || ${repeat(40_000_000, 't')} || '"]'`],
		['an attachment of 40 MB', 'args, attachments', "'[1]', 1"],
	]) {
		it(`passes over ${what}`, async (t) => {
			const r = room();
			const pid = s.pid(), passed = await s.metric(/rows_passed_over_total/);
			const held = s.poll({ room: [r, 'elsewhere'], wait: 50 });
			await s.parked(1);
			const socket = await join(t, s, `/${r}`);
			const attachment = what.startsWith('an attachment') ? `INSERT INTO attachments VALUES(last_insert_rowid(), 0, zeroblob(40000000));` : '';
			await s.sql(`${UNCHECKED} BEGIN; INSERT INTO messages(${elsewhere ? '' : 'room, '}${columns}) VALUES(${elsewhere ? '' : `'${r}', `}${values}); ${attachment} COMMIT;`);
			await s.sql(`INSERT INTO messages(room, text) VALUES('${r}', 'a good word')`);
			assert.deepEqual(texts(await within(ms(30_000), held, 'the held poll')), ['a good word']);
			assert.match(await socket.packet(), /a good word/);
			const id = await s.sent('another', { room: r });
			const all = ['a good word', 'another'];
			assert.deepEqual(texts(await s.poll({ room: r, since: 'all', wait: 0 })), all);
			assert.deepEqual(texts(await s.history({ room: r })), all);
			assert.deepEqual(texts(await s.history({ room: r, before: id })), ['a good word']);
			assert.deepEqual((await s.history({ room: '*' })).json.messages.slice(-2).map((m) => m.text), all);
			assert.equal((await until(async () => {
				const { json } = await s.history({ room: r, q: 'word' });
				return json.messages.length > 0 && json;
			})).messages.length, 1);
			const { rooms } = (await s.get('/rooms?limit=1000')).json;
			assert.ok(rooms.some((one) => one.name === r && one.text === 'another' && one.last === id));
			assert.ok(rooms.every((one) => /^[\w.-]{1,64}$/.test(one.name)));
			assert.ok(await s.metric(/rows_passed_over_total/) > passed);
			assert.equal(s.pid(), pid);
		});
	}

	it('says so, but not each time', () => {
		const lines = s.log().match(/warning passed_over id=\d+ why=".*" file=.*/g);
		assert.ok(lines.length >= 1 && lines.length < 20, `${lines.length} lines`);
	});

	it('passes over them after a restart too, from the database', async (t) => {
		const dataDir = tempDir();
		const first = await start({ dataDir });
		await first.sent('before');
		await first.sql(`${UNCHECKED} INSERT INTO messages(room, text) VALUES(${repeat(65, 'r')}, 'word'); INSERT INTO messages(text) VALUES(${long(40_000_000)});`);
		await first.sent('after');
		await first.stop();
		const again = await start({ dataDir, t });
		assert.deepEqual(texts(await again.poll({ room: '*', since: 'all', wait: 0 })), ['before', 'after']);
		assert.deepEqual(texts(await again.history({ room: '*', limit: 1 })), ['after']);
		const page = await again.history({ room: '*', after: 1, limit: 1 });
		assert.deepEqual(texts(page), ['after']);
	});

	it('gives out one that is mended later', async () => {
		const r = room();
		const held = s.poll({ room: r, wait: 50 });
		await s.parked(1);
		await s.sql(`${UNCHECKED} INSERT INTO messages(room, event, text) VALUES('${r}', '', 'mended')`);
		await s.sent('elsewhere');
		await s.sql(`UPDATE messages SET event = 'e' WHERE room = '${r}'`);
		assert.deepEqual(texts(await within(ms(30_000), held, 'the held poll')), ['mended']);
	});
});

describe('foreign: what strict parsers refuse', () => {
	const s = server();
	// As Rust's serde and Python's encoders: half a pair is no text.
	const strict = (text) => JSON.parse(text, (key, value) => {
		assert.ok(key.isWellFormed() && (typeof value !== 'string' || value.isWellFormed()), text);
		return value;
	});

	for (const [what, values, want] of [
		['half a pair', "(args) VALUES('[\"\\ud83d\", 1]')", { args: ['\ufffd', 1] }],
		['half a pair alone', "(args) VALUES('[\"\\ud83d\"]')", { text: '\ufffd' }],
		['halves in a name, and a pair', "(args) VALUES('[{\"\\uDE00\":\"\\ud83d\\ude00\\ud83d\"}]')", { args: [{ '\ufffd': '\u{1f600}\ufffd' }] }],
		['what is no JSON', "(args) VALUES('[1,')", { text: '[1,' }],
		['an object', "(args) VALUES('{}')", { text: '{}' }],
		['a byte 0', "(args) VALUES('[1]' || char(0) || ']')", { args: [1] }],
		['bytes that are no UTF-8', "(text) VALUES(CAST(x'61ff' AS TEXT))", { text: 'a\ufffd' }],
		['a text that is a BLOB', "(text) VALUES(x'6162')", { text: 'ab' }],
		['neither text nor args', '(text) VALUES(NULL)', { args: [] }],
		['a time that is none', "(text, at) VALUES('x', 'noon')", { text: 'x' }],
	]) {
		it(`is mended: ${what}`, async (t) => {
			const r = room();
			const held = s.poll({ room: r, wait: 50 });
			await s.parked(1);
			const socket = await join(t, s, `/${r}`);
			await s.sql(`${UNCHECKED} INSERT INTO messages(room, ${values.slice(1).replace('VALUES(', `VALUES('${r}', `)}`);
			const [message] = strict((await within(ms(30_000), held, 'the held poll')).text).messages;
			for (const [name, value] of Object.entries(want))
				assert.deepEqual(message[name], value);
			assert.deepEqual(strict((await s.history({ room: r })).text).messages, [message]);
			strict((await s.get('/rooms')).text);
			const packet = await socket.packet();
			strict(packet.slice(packet.indexOf('[')));
		});
	}

	it('is refused by /send, which names it', async () => {
		for (const body of ['{"text":"\\ud83d"}', '{"args":[{"\\ude00":1}]}', '{"text":"x","sender":"\\ud83dx"}'])
			problem(assert, await s.post('/send', body, { 'Content-Type': 'application/json' }), 400, 'bad_json', /surrogate/);
	});

	it('is mended by Socket.IO, in names, arguments and what is passed on', async (t) => {
		const r = room();
		const [one, other] = [await join(t, s, `/${r}`), await join(t, s, `/${r}`)];
		await one.send(`42/${r},["\\ud83d",{"\\ude00":"\\ud83d\\ude00\\ud83d"}]`);
		await one.send(`42/${r},["typing","\\ud83d"]`);
		for (const packet of [await other.packet(), await other.packet()])
			strict(packet.slice(packet.indexOf('[')));
		const [message] = strict((await s.poll({ room: r, since: 'all', wait: 0 })).text).messages;
		assert.equal(message.event, '\ufffd');
		assert.deepEqual(message.args ?? message.text, [{ '\ufffd': '\u{1f600}\ufffd' }]);
	});
});

describe('foreign: ids out of their range', () => {
	for (const [what, statement] of [
		['2^63 - 1', "INSERT INTO messages(id, text) VALUES(9223372036854775807, 'far')"],
		['2^53', "INSERT INTO messages(id, text) VALUES(9007199254740992, 'far')"],
		['a sequence at its end', "UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'messages'"],
		['0 and below', "DROP TRIGGER messages_asked; INSERT INTO messages(id, text) VALUES(0, 'zero'), (-7, 'below')"],
	]) {
		it(`go on after ${what}, with the same cursors`, async (t) => {
			const s = await start({ t });
			const head = await s.sent('first');
			const held = s.poll({ since: head, wait: 50 });
			await s.parked(1);
			await s.sql(`${UNCHECKED} ${statement}`);
			assert.equal(await s.sent('second'), head + 1);
			const res = await within(ms(30_000), held, 'the held poll');
			assert.deepEqual({ ...res.json, epoch: '', messages: texts(res) }, { epoch: '', messages: ['second'], next: head + 1, more: false });
			await s.sql("INSERT INTO messages(text) VALUES('third')");
			const rest = await s.poll({ since: head + 1, wait: 20 });
			assert.deepEqual(texts(rest), ['third']);
			assert.ok(!rest.json.gap && !rest.json.reset);
			assert.equal(rest.json.next, head + 2);
			assert.deepEqual(texts(await s.history()), ['first', 'second', 'third']);
			assert.deepEqual((await s.get('/rooms')).json.rooms.map((one) => [one.name, one.text]), [['main', 'third']]);
			assert.equal((await s.get('/healthz')).status, 200);
		});
	}
});

describe('foreign: a restore by .dump', () => {
	/** The dump of a database put into a new file, as an admin does. */
	async function restored(t, from, more = '') {
		const file = path.join(tempDir(), 'restored.db');
		const dump = await run('sqlite3', [from, '.dump']);
		assert.equal(dump.code, 0);
		await sql(file, dump.stdout + more);
		return file;
	}

	it('is taken up under a new epoch, with all that was in it', async (t) => {
		const first = await start({ t });
		await first.sent('walrus');
		await first.sent({ args: [1, { a: 'b' }], key: 'k' });
		await first.post('/send', 'bytes', { 'Content-Type': 'application/octet-stream' });
		await first.sql("CREATE TABLE of_the_site(x); CREATE TRIGGER of_the_site AFTER INSERT ON messages BEGIN INSERT INTO of_the_site VALUES(1); END;");
		await until(async () => (await first.history({ q: 'walrus' })).json.messages?.length === 1);
		const { epoch } = (await first.poll({ wait: 0 })).json;
		const { messages } = (await first.history()).json;
		const dataDir = tempDir();
		fs.renameSync(await restored(t, first.db), path.join(dataDir, 'longline.db'));
		const s = await start({ t, dataDir });
		assert.deepEqual((await s.history()).json.messages, messages);
		assert.deepEqual(texts(await s.history({ q: 'walrus' })), ['walrus']);
		assert.notEqual((await s.poll({ wait: 0 })).json.epoch, epoch);
		assert.equal(await s.sent('next'), 4);
		assert.equal(await s.sql('PRAGMA application_id'), '1282371175');
		assert.equal(await s.sql('PRAGMA user_version'), await first.sql('PRAGMA user_version'));
		assert.equal(await s.sql('PRAGMA integrity_check'), 'ok');
		assert.match(s.log(), /warning adopted /);
	});

	it('is refused where something of ours is missing or another, naming what makes it ours', async (t) => {
		const first = await start({ t });
		await first.sent('x');
		for (const change of ['DROP TRIGGER messages_inserted;', 'DROP INDEX messages_at;', 'ALTER TABLE messages ADD COLUMN more;',
			'DROP TRIGGER messages_deleted; CREATE TRIGGER messages_deleted AFTER DELETE ON messages BEGIN SELECT 1; END;']) {
			const db = await restored(t, first.db, change);
			const dir = tempDir();
			const d = await daemon({ dir, db, t });
			assert.ok(d.done);
			assert.match(d.output, /PRAGMA application_id = 1282371175; PRAGMA user_version = \d+/);
			assert.match(d.output, /messages/);
			assert.equal(await sql(db, 'PRAGMA application_id'), '0');
		}
	});

	it('is refused where it is another program\'s', async (t) => {
		const db = path.join(tempDir(), 'other.db');
		await sql(db, 'CREATE TABLE notes(x); INSERT INTO notes VALUES(1)');
		const d = await daemon({ db, t });
		assert.ok(d.done);
		assert.match(d.output, /another program's file/);
	});
});

describe('foreign: links in the place of the daemon\'s files', () => {
	for (const [what, name] of [['the lock of the database', 'longline.db-lock'], ['the lock of the socket', 'sock-lock'], ['the new pid file', 'sock.pid.new']])
		for (const target of ['precious', 'nothing yet'])
			it(`is refused: ${what}, to ${target}`, async (t) => {
				const dir = tempDir(), file = path.join(dir, target);
				if (target === 'precious')
					fs.writeFileSync(file, 'precious\n');
				fs.symlinkSync(file, path.join(dir, name));
				const d = await daemon({ dir, t });
				await within(ms(30_000), d.ended, 'the end of the daemon');
				assert.match(d.output, new RegExp(`${name}: it is a symbolic link; remove it`));
				assert.equal(fs.existsSync(file) && fs.readFileSync(file, 'utf8'), target === 'precious' && 'precious\n');
			});

	it('is not written through: one of two names of a file', async (t) => {
		const dir = tempDir(), names = ['longline.db-lock', 'sock-lock', 'sock.pid.new'];
		for (const name of names) {
			fs.writeFileSync(path.join(dir, `precious ${name}`), 'precious\n');
			fs.linkSync(path.join(dir, `precious ${name}`), path.join(dir, name));
		}
		const d = await daemon({ dir, t });
		assert.ok(!d.done, d.output);
		for (const name of names)
			assert.equal(fs.readFileSync(path.join(dir, `precious ${name}`), 'utf8'), 'precious\n');
		assert.match(fs.readFileSync(`${d.socket}.pid`, 'utf8'), /^\d+\n$/);
	});

	it('what a killed daemon left behind is no obstacle', async (t) => {
		const dir = tempDir();
		for (const name of ['longline.db-lock', 'sock-lock', 'sock.pid.new'])
			fs.writeFileSync(path.join(dir, name), '123456789\n');
		const d = await daemon({ dir, t });
		assert.ok(!d.done, d.output);
		assert.equal(fs.readFileSync(path.join(dir, 'longline.db-lock'), 'utf8'), `${d.pid}\n`);
		assert.ok(!fs.existsSync(path.join(dir, 'sock.pid.new')));
	});
});
