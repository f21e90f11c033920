// tool-export.test.mjs: `longline export` and `import`: a log as lines, to the byte, and back, whatever it holds, whatever
// is killed, beside a daemon that runs and without one.
//
// Environment: SEED  of the random logs (a new one each time)
//              LOGS  how many there are (6)
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fastcgi } from './fastcgi.mjs';
import { child, daemon, root, rows, run, session, sleep, sql, start, tempDir, until } from './harness.mjs';
import { fewer } from './load.mjs';
import { freshLogs, no, ok, program, tool } from './tool.mjs';

/** The schema's version is how many files it has. */
const SCHEMA = fs.readdirSync(path.join(root, 'sql')).length;
const ENV = { LONGLINE_DEFAULTS: '/nowhere/defaults', LONGLINE_URL: '' };

const fresh = freshLogs();
function log() {
	const made = fresh();
	return { ...made, at: made.beside };
}

const lines = (file) => fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
/** The lines that are none of the frame: messages, attachments, spent keys. */
const inner = (file) => lines(file).filter((line) => !('longline' in line || 'end' in line || 'proven' in line));

/** All that an import is to bring back, as rows; what says no more than that a log was used is left out. */
const state = async (db) => Object.fromEntries(await Promise.all(Object.entries({
	messages: 'SELECT id, room, event, hex(sender) AS sender, typeof(text) AS type, hex(text) AS text, hex(args) AS args, attachments, hex(key) AS key, hex("by") AS "by", at, changes, edited, format FROM messages ORDER BY id',
	attachments: 'SELECT message, num, hex(data) AS data FROM attachments ORDER BY message, num',
	revisions: 'SELECT * FROM revisions ORDER BY target',
	spent: 'SELECT room, hex(key) AS key, "by", id, at FROM spent ORDER BY room, key, "by"',
	proven: 'SELECT * FROM proven ORDER BY name',
	rooms: 'SELECT name, CASE WHEN n > 0 THEN last END AS last, CASE WHEN n > 0 THEN at END AS at, n FROM rooms ORDER BY name',
	head: "SELECT seq FROM sqlite_sequence WHERE name = 'messages'",
}).map(async ([name, text]) => [name, await rows(db, text)])));

/** The list of rooms is as its triggers would have it. */
const listed = (db) => rows(db, 'SELECT block, name FROM rooms_recent EXCEPT SELECT last >> 10, name FROM rooms UNION ALL SELECT last >> 10, name FROM rooms EXCEPT SELECT block, name FROM rooms_recent');

// ---------------------------------------------------------------------------------------------------------------------
// Random logs

/** mulberry32: numbers that a seed repeats. */
function random(seed) {
	let a = seed >>> 0;
	const next = () => {
		a = (a + 0x6D2B79F5) >>> 0;
		let t = Math.imul(a ^ a >>> 15, a | 1);
		t ^= t + Math.imul(t ^ t >>> 7, t | 61);
		return ((t ^ t >>> 14) >>> 0) / 4294967296;
	};
	const below = (n) => Math.floor(next() * n);
	return { below, pick: (list) => list[below(list.length)], chance: (p) => next() < p };
}

const TEXTS = ['', 'hi', 'Grüße 🦊👩‍👩‍👧', '\0', 'a\0b', '\u0001\u001f\u007f\u0085', 'line\nline\r\n', '\u2028\u202e', '"\\/', '💥'.repeat(300), 'x'.repeat(70_000), '{"id":1}', '\ufeffbom'];
const ARGS = ['[]', '["a",1.50,-0.0,1e400,12345678901234567890]', '[ "blank" , {} ]', '[\n"two",\r\n"lines"\n]', ' ["outer"] ', '["\\u0000\\ud83d\\ude00\\/"]', '["\\ud800"]',
	`${'['.repeat(100)}${']'.repeat(100)}`, '[{"_placeholder":true,"num":0},"🦊"]', '[{"a":1,"a":2}]'];
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const text = (value) => value === null ? 'NULL' : `CAST(x'${hex(value)}' AS TEXT)`;

/** SQL for n rows of every kind: by persons and strangers, with keys and attachments, changed, deleted, and changed again. */
function randomLog(seed, n) {
	const { below, pick, chance } = random(seed);
	const rooms = ['main', 'a', 'ci-1', 'ci-2', 'B.b_-9', 'x'.repeat(64)], out = ["INSERT INTO tokens (name, hash, sender, made) VALUES ('app', zeroblob(32), '*', 1);"];
	const format = () => pick(['NULL', 'NULL', "'plain'", "'markdown'"]);
	const message = (i) => {
		const room = pick(rooms), by = pick([null, null, 'user:ann', 'app', 'user:Bjørn 🦊']), files = chance(0.2) ? below(3) + 1 : 0;
		const sender = by === 'user:ann' ? 'ann' : pick(['', 'Bob', ' bob ', '🦊', 'é']), args = chance(0.3);
		const body = args ? `NULL, ${text(pick(ARGS))}` : `${chance(0.05) ? "CAST(x'ff00fe' AS TEXT)" : text(pick(TEXTS))}, NULL`;
		out.push(`INSERT INTO messages (room, event, sender, text, args, attachments, key, at, "by", format) VALUES ('${room}', ${text(pick(['chat message', 'e', '🦊', 'a b']))}, ${text(sender)}, ${body},
			${files}, ${chance(0.5) ? text(pick([`k${i}`, `🔑${i}`, `\u0001${i}`])) : 'NULL'}, ${pick([i, -i, 1769860800000 + i, 9007199254740993n * 3n])}, ${text(by)}, ${format()});`);
		for (let num = 0; num < files; num++)
			out.push(`INSERT INTO attachments SELECT max(id), ${num * 2}, ${chance(0.1) ? `zeroblob(${1572864 * (1 + below(2)) + below(3) - 1})` : `x'${hex(Array.from({ length: below(50) }, () => below(256)))}'`} FROM messages;`);
	};
	const target = () => `(SELECT id FROM messages WHERE changes IS NULL ORDER BY (id * ${1 + below(1000) * 2}) % 1009 LIMIT 1)`;
	const change = (i) => {
		const deletes = chance(0.4), args = !deletes && chance(0.3), id = target();
		out.push(`INSERT INTO messages (room, event, sender, text, args, changes, key, at, "by", format) SELECT room, '${deletes ? 'message deleted' : 'message changed'}', sender,
			${deletes ? "'', NULL" : args ? `NULL, ${text(pick(ARGS))}` : `${text(`${pick(TEXTS)} edited ${i}`)}, NULL`}, id, ${chance(0.3) ? `'change ${i}'` : 'NULL'}, ${1769860900000 + i}, "by", ${format()}
			FROM messages WHERE id = ${id};`);
	};
	for (let i = 1; i <= n; i++) {
		if (chance(0.7) || i < 5)
			message(i);
		else if (chance(0.85))
			change(i);
		else
			out.push(`DELETE FROM messages WHERE id = ${pick([target(), '(SELECT max(id) FROM messages)', '(SELECT max(id) FROM messages WHERE changes IS NOT NULL)'])};`);
	}
	return `BEGIN; ${out.join('\n')} COMMIT;`;
}

const SEED = Number(process.env.SEED || Date.now() % 1e9);
const seeds = Array.from({ length: Number(process.env.LOGS || 6) }, (_, i) => SEED + i);

describe('longline export and import', () => {
	for (const [i, seed] of seeds.entries()) {
		it(`bring back a random log to the byte: ${i + 1}`, async (t) => {
			t.diagnostic(`SEED=${seed}`);
			const from = log(), to = log();
			await from.sql(randomLog(seed, 40 + i * 40));
			await ok(from.db, 'export', '-o', from.at('1'));
			await ok(to.db, 'import', from.at('1'));
			await ok(to.db, 'export', '-o', to.at('2'));
			assert.ok(fs.readFileSync(from.at('1')).equals(fs.readFileSync(to.at('2'))), `${from.at('1')} and ${to.at('2')} differ`);
			assert.deepEqual(await state(to.db), await state(from.db));
			assert.deepEqual(await listed(to.db), []);
			assert.equal(await to.sql('PRAGMA integrity_check'), 'ok');
		});
	}

	it('a log goes on after an import as the first one would', async () => {
		const from = log(), to = log();
		const go = `INSERT INTO messages (room, event, changes, text, at) SELECT room, 'message changed', id, 'later', 5 FROM messages WHERE changes IS NULL ORDER BY id LIMIT 3;
			INSERT INTO messages (room, event, changes, text, at) SELECT room, 'message deleted', id, '', 6 FROM messages WHERE changes IS NULL ORDER BY id LIMIT 2;
			DELETE FROM messages WHERE id = (SELECT max(id) FROM messages WHERE changes IS NULL); INSERT INTO messages (text, at) VALUES ('next', 7);`;
		await from.sql(randomLog(SEED + 99, 100));
		await ok(from.db, 'export', '-o', from.at('1'));
		await ok(to.db, 'import', from.at('1'));
		await from.sql(go);
		await to.sql(go);
		assert.deepEqual(await state(to.db), await state(from.db));
		assert.deepEqual(await listed(to.db), []);
	});

	it('an empty log is three lines, and none of them a message', async () => {
		const from = log(), to = log();
		await ok(from.db, 'export', '-o', from.at('1'));
		assert.deepEqual(lines(from.at('1')), [{ longline: 'export', version: 1, schema: SCHEMA, keys: true, head: 0 },
			{ end: true, messages: 0, attachments: 0, spent: 0, proven: 0 }]);
		assert.match(await ok(to.db, 'import', from.at('1')), /^imported 0 of 0 messages/m);
		await to.sql("INSERT INTO messages (text) VALUES ('first')");
		assert.deepEqual(await to.rows('SELECT id FROM messages'), [{ id: 1 }]);
	});

	it('an export of some rooms, times, or without keys has these alone, and no names of others', async () => {
		const { db, at, sql: put } = log();
		await put(`INSERT INTO messages (room, text, sender, "by", at, key) VALUES ('a', '1', 'ann', 'user:ann', 1000, 'k'), ('ci-1', '2', 'bob', 'user:bob', 2000, 'l'), ('ci-2', '3', 'cid', 'user:cid', 3000, 'm');
			INSERT INTO messages (room, event, changes, text, at) VALUES ('ci-2', 'message deleted', 3, '', 4000);`);
		const exported = async (...options) => {
			await ok(db, 'export', '--force', '-o', at('x'), ...options);
			return lines(at('x')).slice(1, -1).map((line) => line.proven ?? `${line.id}${line.spent ?? ''}${line.key ?? ''}`);
		};
		assert.deepEqual(await exported(), ['1k', '2l', '3m', '4', 'ann', 'bob', 'cid']);
		assert.deepEqual(await exported('-r', 'ci-*'), ['2l', '3m', '4', 'bob']);
		assert.deepEqual(await exported('-r', 'a', '-r', 'ci-1'), ['1k', '2l', 'ann', 'bob']);
		assert.deepEqual(await exported('--from', '1970-01-01T00:00:02Z', '--until', '1970-01-01T00:00:03Z'), ['2l', 'bob']);
		assert.deepEqual(await exported('--no-keys', '-r', '*'), ['1', '2', '4', 'ann', 'bob']);
		assert.equal(lines(at('x'))[0].keys, false);
		await no(db, 2, /-r is a room/, 'export', '-r', 'no room');
		await no(db, 2, /--from is a time/, 'export', '--from', 'soon');
		await no(db, 2, /--force is for -o/, 'export', '--force');
	});

	it('replaces no file unless that is said, leaves none behind, and knows a full disk', async () => {
		const { db, at, folder, sql: put } = log();
		await put("INSERT INTO messages (text) VALUES ('x')");
		fs.writeFileSync(at('x'), 'precious');
		await no(db, 1, /there is a file .*x already: say --force/, 'export', '-o', at('x'));
		assert.equal(fs.readFileSync(at('x'), 'utf8'), 'precious');
		await ok(db, 'export', '--force', '-o', at('x'));
		assert.equal(fs.statSync(at('x')).mode & 0o777, 0o600);
		await no(db, 1, /is no file/, 'export', '-o', folder);
		await no(db, 1, /is the log itself/, 'export', '--force', '-o', db);
		fs.writeFileSync(`${db}-wal`, '');
		await no(db, 1, /is the log itself/, 'export', '--force', '-o', `${db}-wal`);
		await no(db, 2, /-o needs the name/, 'export', '-o', '');
		await no(db, 1, /cannot make .*none\/x\.part/, 'export', '-o', at('none/x'));
		const full = await run('sh', ['-c', `"${program}" export --database "${db}" > /dev/full`], { env: ENV });
		assert.equal(full.code, 1);
		assert.match(full.stderr, /cannot be written: No space left/);
		assert.deepEqual(fs.readdirSync(folder).filter((name) => /part/.test(name)), []);
	});

	it('Ctrl-C ends an export, and leaves nothing under its name', async () => {
		const { db, at, folder, sql: put } = log();
		await put("INSERT INTO messages (text) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 4000) SELECT hex(zeroblob(10000)) FROM c");
		const one = child(program, ['export', '-o', at('x'), '--database', db], { env: ENV });
		await until(() => fs.existsSync(at('x.part')), { every: 1 });
		one.signal('SIGINT');
		const { code, signal } = await one.ended;
		// It may have been done before.
		if (code !== 0) {
			assert.equal(signal, null);
			assert.equal(code, 1);
			assert.match(one.stderr, /interrupted/);
			assert.deepEqual(fs.readdirSync(folder).filter((name) => /^x/.test(name)), []);
		} else
			assert.equal(inner(at('x')).length, 4000);
	});

	it('an export is of one moment, while others write', async (t) => {
		const s = await start({ t }), at = path.join(tempDir(), 'x');
		let sending = true, sent = 0;
		const sends = (async () => {
			for (; sending; sent++)
				await s.sent(`text ${sent}`, { room: 'r' });
		})();
		await until(() => sent > 20);
		for (let i = 0; i < 5; i++) {
			await ok(s.db, 'export', '--force', '-o', at);
			const found = inner(at).map(({ id }) => id), { head } = lines(at)[0];
			assert.deepEqual(found, Array.from({ length: head }, (_, n) => n + 1));
		}
		sending = false;
		await sends;
	});

	it('rows that break the rules are left out, and that is said', async () => {
		const { db, at, sql: put } = log();
		await put("PRAGMA ignore_check_constraints = ON; INSERT INTO messages (text, room) VALUES ('good', 'a'); INSERT INTO messages (text, room) VALUES ('bad', 'no room'), (x'00', 'a'); INSERT INTO messages (text) VALUES ('good');");
		assert.match(await ok(db, 'export', '-o', at('x')), /warning: 2 rows that break the log's rules are left out, the first with id 2/);
		assert.deepEqual(inner(at('x')).map(({ id }) => id), [1, 4]);
	});
});

describe('longline import', () => {
	/** A log with a bit of everything, and its export. */
	async function source(seed = SEED + 500, n = 120) {
		const from = log();
		await from.sql(randomLog(seed, n));
		await ok(from.db, 'export', '-o', from.at('x'));
		return { ...from, file: from.at('x') };
	}

	it('gives new ids in a log that has messages, changes and all, and does nothing when it is done again', async () => {
		const from = await source(), to = log();
		await to.sql("INSERT INTO messages (text, room) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) SELECT 'own', 'own' FROM c");
		assert.match(await ok(to.db, 'import', '--dry-run', from.file), /ids would be new ones, above 1000/);
		assert.equal((await to.rows('SELECT count(*) AS n FROM messages'))[0].n, 1000);
		await ok(to.db, 'import', from.file);
		const was = await state(from.db), is = await state(to.db), own = is.messages.slice(0, 1000);
		assert.ok(own.every(({ room }) => room === 'own'));
		const moved = is.messages[1000].id - was.messages[0].id, move = (id) => (id === null ? id : id + moved);
		assert.deepEqual(is.messages.slice(1000), was.messages.map((m) => ({ ...m, id: move(m.id), changes: move(m.changes) })));
		assert.deepEqual(is.attachments, was.attachments.map((a) => ({ ...a, message: move(a.message) })));
		assert.deepEqual(is.revisions, was.revisions.map((r) => ({ ...r, target: move(r.target), id: move(r.id) })));
		assert.deepEqual(is.spent, was.spent.map((s) => ({ ...s, id: move(s.id) })));
		assert.deepEqual(is.proven, was.proven);
		assert.deepEqual(is.rooms.filter(({ name }) => name !== 'own'), was.rooms.map((r) => ({ ...r, last: move(r.last) })));
		assert.match(await ok(to.db, 'import', from.file), /were imported before/);
		assert.match(await ok(to.db, 'import', '--dry-run', from.file), /it would do nothing/);
		assert.deepEqual(await state(to.db), is);
		// As another file, it is known by its keys where it has them.
		const text = fs.readFileSync(from.file, 'utf8').replace('"head":', '"head":1');
		fs.writeFileSync(from.at('y'), text);
		await ok(to.db, 'import', from.at('y'));
		const again = await state(to.db), keyed = was.messages.filter(({ key }) => key !== '').length;
		assert.ok(keyed > 10);
		assert.deepEqual(again.spent, is.spent);
		assert.equal(new Set(again.messages.filter(({ key }) => key !== '').map((m) => JSON.stringify([m.room, m.key, m.by]))).size,
			again.messages.filter(({ key }) => key !== '').length);
	});

	it('brings what changed since to messages that were there, once', async () => {
		const from = log(), to = log();
		await from.sql(`INSERT INTO messages (text, key, at) VALUES ('one', 'a', 1), ('two', 'b', 2), ('three', 'c', 3)`);
		await ok(from.db, 'export', '-o', from.at('1'));
		await to.sql("INSERT INTO messages (text, at) VALUES ('own', 1)");
		await ok(to.db, 'import', from.at('1'));
		await from.sql(`INSERT INTO messages (event, changes, text, at) VALUES ('message changed', 1, 'uno', 4), ('message deleted', 2, '', 5); INSERT INTO messages (text, key, at) VALUES ('four', 'd', 6);`);
		await ok(from.db, 'export', '-o', from.at('2'));
		assert.match(await ok(to.db, 'import', from.at('2')), /there already/);
		const want = [{ id: 1, text: 'own', changes: null, edited: null }, { id: 2, text: 'uno', changes: null, edited: 4 }, { id: 4, text: 'three', changes: null, edited: null }];
		const messages = await to.rows('SELECT id, text, changes, edited FROM messages ORDER BY id');
		assert.deepEqual(messages.slice(0, 3), want);
		assert.deepEqual(messages.slice(3).map(({ text: body, changes }) => ({ body, changes })), [{ body: 'uno', changes: 2 }, { body: '', changes: 3 }, { body: 'four', changes: null }]);
		// A third file, the same but for an end: nothing of it is new.
		await from.sql("INSERT INTO messages (text, key, at) VALUES ('five', 'e', 7)");
		await ok(from.db, 'export', '-o', from.at('3'));
		await ok(to.db, 'import', from.at('3'));
		assert.deepEqual((await to.rows('SELECT text FROM messages ORDER BY id')).map((m) => m.text), ['own', 'uno', 'three', 'uno', '', 'four', 'five']);
	});

	it('what is unread is known behind changes, wherever a piece of the file ended', async (t) => {
		const from = log(), dir = tempDir(), to = path.join(dir, 'longline.db');
		// So many changes that more than one piece has them, and what follows them; and one of a message that is deleted.
		await from.sql(`BEGIN; INSERT INTO messages (text) VALUES ('gone'); INSERT INTO messages (event, changes, text) VALUES ('message deleted', 1, '');
			INSERT INTO messages (text) SELECT 'm' || value FROM generate_series(1, 10);
			INSERT INTO messages (event, changes, text) SELECT 'message changed', 12, 'edited ' || value FROM generate_series(1, 5000);
			INSERT INTO messages (text) VALUES ('last'); COMMIT`);
		await ok(from.db, 'export', '-o', from.at('1'));
		const d = await daemon({ dir, t });
		await ok(to, 'import', from.at('1'));
		const unread = async () => (await fastcgi(d.socket, { path: '/rooms', query: 'read=main:0' })).json.rooms[0]?.unread;
		await until(async () => await d.metric(/^longline_head/) === 5013, { what: 'the rows' });
		assert.equal(await unread(), 11);
		assert.deepEqual((await rows(to, 'SELECT * FROM steps ORDER BY id')).slice(-1), [{ id: 5013, below: 12 }]);
		assert.deepEqual(await rows(to, 'SELECT id, below FROM steps WHERE id <= 3'), [{ id: 3, below: 0 }]);
		// Behind the end of another file, as behind that of a piece, it is known, too.
		const next = log();
		await next.sql("INSERT INTO messages (text) VALUES ('next')");
		await ok(next.db, 'export', '-o', next.at('1'));
		await ok(to, 'import', next.at('1'));
		await until(async () => await unread() === 12, { what: 'the next one' });
		assert.deepEqual((await rows(to, 'SELECT * FROM steps ORDER BY id')).slice(-1), [{ id: 5014, below: 5013 }]);
	});

	it('the format of messages that were there is the one that the last change left', async () => {
		const from = log(), to = log();
		await from.sql("INSERT INTO messages (text, key, at, format) VALUES ('one', 'a', 1, 'markdown'), ('two', 'b', 2, NULL), ('three', 'c', 3, 'markdown'), ('four', 'd', 4, 'markdown')");
		await ok(from.db, 'export', '-o', from.at('1'));
		await ok(to.db, 'import', from.at('1'));
		for (const [id, text, format] of [[1, 'eins', "'plain'"], [1, 'uno', 'NULL'], [2, 'zwei', "'markdown'"], [2, 'due', 'NULL'], [3, 'tre', 'NULL']])
			await from.sql(`INSERT INTO messages (event, changes, text, format) VALUES ('message changed', ${id}, '${text}', ${format})`);
		await from.sql(`INSERT INTO messages (event, changes, text, args) VALUES ('message changed', 4, NULL, '[4]'), ('message changed', 4, 'quattro', NULL)`);
		await ok(from.db, 'export', '-o', from.at('2'));
		await ok(to.db, 'import', from.at('2'));
		const said = (one) => one.rows('SELECT text, format FROM messages WHERE changes IS NULL ORDER BY id');
		assert.deepEqual(await said(to), [{ text: 'uno', format: 'plain' }, { text: 'due', format: 'markdown' }, { text: 'tre', format: 'markdown' }, { text: 'quattro', format: 'plain' }]);
		assert.deepEqual(await said(to), await said(from));
	});

	it('a change of what the file leaves out is of nothing in the log, and changes nothing there', async () => {
		const from = log(), to = log();
		await from.sql(`INSERT INTO messages (text, at, key) VALUES ('gone 1', 1, NULL), ('two', 2, 'b'), ('gone 3', 3, NULL);
			INSERT INTO messages (event, changes, text, at) VALUES ('message changed', 2, 'zwei', 4), ('message deleted', 3, '', 5), ('message deleted', 1, '', 6);`);
		await ok(from.db, 'export', '-o', from.at('1'));
		await to.sql("INSERT INTO messages (text, at, key) VALUES ('own 1', 1, NULL), ('two', 2, 'b'), ('own 3', 3, NULL), ('own 4', 4, NULL)");
		await to.sql("INSERT INTO messages (event, changes, text, at) VALUES ('message changed', 2, 'zwei', 9)");
		await ok(to.db, 'import', from.at('1'));
		assert.deepEqual((await to.rows('SELECT text FROM messages WHERE changes IS NULL ORDER BY id')).map((m) => m.text), ['own 1', 'zwei', 'own 3', 'own 4']);
		const targets = (await to.rows("SELECT changes FROM messages WHERE event = 'message deleted'")).map((m) => m.changes);
		assert.equal(targets.length, 2);
		assert.deepEqual(await to.rows(`SELECT id FROM messages WHERE id IN (${targets})`), []);
		assert.ok(targets.every((id) => id > 5), String(targets));
		// The first line is of a change already.
		const only = log();
		await only.sql("INSERT INTO messages (text) VALUES ('own 1'), ('own 2'), ('own 3')");
		await ok(from.db, 'export', '-o', from.at('2'), '--from', '1970-01-01T00:00:00.005Z');
		await ok(only.db, 'import', from.at('2'));
		assert.deepEqual((await only.rows('SELECT text FROM messages WHERE changes IS NULL ORDER BY id')).map((m) => m.text), ['own 1', 'own 2', 'own 3']);
		assert.ok((await only.rows('SELECT changes FROM messages WHERE changes IS NOT NULL')).every((m) => m.changes > 3));
	});

	it('says which line is wrong, what was expected, and imports nothing', async () => {
		const from = log(), to = log(), before = await state(to.db), first = 1;
		await from.sql(`INSERT INTO messages (text, at) VALUES ('one', 1), ('two', 2); INSERT INTO messages (args, attachments, at, "by", sender) VALUES ('[{"_placeholder":true,"num":0}]', 1, 3, 'ann', 'ann');
			INSERT INTO attachments VALUES (3, 0, zeroblob(4000000)); INSERT INTO messages (event, changes, text, at) VALUES ('message changed', 1, 'uno', 4);`);
		await ok(from.db, 'export', '-o', from.at('x'));
		const good = fs.readFileSync(from.at('x'), 'utf8').trimEnd().split('\n');
		assert.deepEqual(good.map((line) => Object.keys(JSON.parse(line))[0]), ['longline', 'id', 'id', 'id', 'attachment', 'attachment', 'attachment', 'id', 'proven', 'end']);
		const edit = (n, fn) => good.map((line, i) => (i === n ? fn(line) : line));
		const cases = [
			[[], /x:1: the file is empty/],
			[['{"a":1}'], /x:1: it is no line of an export/],
			[['hi'], /x:1: it is no JSON object: /],
			[good.slice(1), /x:1: it is no first line/],
			[good.slice(0, -1), /the file ends here, without its last line/],
			[[...good, good.at(-1)], /there is more behind the last line/],
			[[...good.slice(0, -1), ...good], /a first line stands within the file/],
			[edit(0, (line) => line.replace('"version":1', '"version":2')), /x:1: version is 2: expected 1/],
			[edit(0, (line) => line.replace(/"schema":\d+/, '"schema":99')), /schema is 99, newer/],
			[edit(0, (line) => line.replace(/"head":\d+/, '"head":0')), /above the head 0/],
			[good.toSpliced(first, 1), /x:9: the last line says 4 messages, .* but there are 3, .*: lines are missing/],
			[good.toSpliced(1, 3), /x:2: an attachment stands behind no message/],
			[edit(8, () => good[1]), /expected them in their order/],
			[good.toSpliced(6, 1), /x:7: expected the rest of attachment 0/],
			[edit(4, (line) => line.replace('"data":"A', '"data":"!')), /x:5: data is wrong: expected a string of base64/],
			[edit(7, (line) => line.replace('message changed', 'chat message')), /x:8: the event of a change is 'chat message'/],
			[edit(7, (line) => line.replace('"changes":1', '"changes":4')), /x:8: changes is 4: expected the id of an earlier message/],
			[edit(3, (line) => line.replace('"by":"ann"', '"by":"a\\u0007"')), /x:4: by is 'a\\x07': expected/],
			[[...good.slice(0, 8), good[9].replace('"proven":1', '"proven":0'), good[1]], /x:10: there is more behind the last line/],
			[good.toSpliced(first, 0, good[first]), /expected them in their order/],
			[edit(first, (line) => line.replace(/"room":"[^"]+"/, '"room":"no room"')), /room is 'no room': expected 1 to 64/],
			[edit(first, (line) => line.replace('"id"', '"idd"')), /it is no line of an export/],
			[edit(first, (line) => line.replace('{', '{"new":1,')), /x:2: there is a member 'new'/],
			[edit(first, (line) => line.replace('{', '{"id":1,')), /there are two members id/],
			[edit(first, (line) => line.replace(/"at":-?\d+/, '"at":"now"')), /at is wrong: expected a whole number/],
			[edit(first, (line) => line.replace(/"at":-?\d+/, '"at":99999999999999999999')), /at is wrong/],
			[edit(first, (line) => line.replace('}', ',"args":[]}')), /x:2: there is more than one member for text/],
			[edit(first, (line) => line.replace(/"event":"[^"]*"/, '"event":"connect"')), /event is 'connect'/],
			[edit(first, (line) => line.replace('}', ',"changes":99}')), /x:2: changes is 99: expected the id of an earlier message/],
			[edit(first, (line) => line.slice(0, -1)), /it is no JSON object/],
		];
		for (const [list, pattern] of cases) {
			fs.writeFileSync(from.at('x'), list.map((line) => `${line}\n`).join(''));
			await no(to.db, 1, pattern, 'import', from.at('x'));
			assert.match((await tool(to.db, 'import', from.at('x'))).stderr, /Nothing was imported/);
		}
		fs.writeFileSync(from.at('x'), good.join('\n'));
		await no(to.db, 1, /the line has no end: the file is not whole/, 'import', from.at('x'));
		fs.writeFileSync(from.at('x'), Buffer.concat([Buffer.from('{"longline":"'), Buffer.alloc(33 << 20, 0x61)]));
		await no(to.db, 1, /x:1: the line is too long/, 'import', from.at('x'));
		await no(to.db, 1, /cannot read .*none: No such file/, 'import', from.at('none'));
		await no(to.db, 1, /is no file/, 'import', from.folder);
		await no(to.db, 2, /import needs FILE/, 'import');
		await no(from.at('none.db'), 1, /there is no database/, 'import', from.at('x'));
		assert.deepEqual(await state(to.db), before);
	});

	it('takes a pipe, and looks only with --dry-run', async () => {
		const from = await source(SEED + 502, 60), to = log(), input = fs.readFileSync(from.file);
		const dry = await tool(to.db, 'import', '--dry-run', '-', { input });
		assert.equal(dry.code, 0, dry.stderr);
		assert.match(dry.stdout, /^would import \d+ messages with \d+ attachments\nids would be kept/);
		assert.equal((await to.rows('SELECT count(*) AS n FROM messages'))[0].n, 0);
		const done = await tool(to.db, 'import', '-', { input });
		assert.equal(done.code, 0, done.stderr);
		assert.deepEqual(await state(to.db), await state(from.db));
	});

	it('killed at any moment and done again, has each message once, exactly', async (t) => {
		const from = log();
		await from.sql(`${randomLog(SEED + 503, 200)}
			INSERT INTO messages (room, text, at, key) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${fewer(4000, 1000)}) SELECT 'r' || n % 50, 'message ' || n, n, 'bulk' || n FROM c;
			INSERT INTO messages (room, event, changes, text, at) SELECT room, CASE WHEN id % 2 THEN 'message changed' ELSE 'message deleted' END, id, CASE WHEN id % 2 THEN 'edited' ELSE '' END, id FROM messages WHERE key GLOB 'bulk*' AND id % 5 = 0;`);
		await ok(from.db, 'export', '-o', from.at('x'));
		const want = await state(from.db);
		for (const filled of [false, true]) {
			const to = log();
			let kills = 0;
			if (filled)
				await to.sql("INSERT INTO messages (text, room) VALUES ('own', 'own')");
			for (let i = 0; ; i++) {
				const one = child(program, ['import', from.at('x'), '--database', to.db], { env: ENV });
				// Later each time, so that it ends however slow it is.
				const done = await Promise.race([one.ended, sleep(i === 0 ? 5 : 20 + Math.random() * 60 * (i + 1))]);
				if (done !== undefined) {
					assert.equal(done.code, 0, one.stderr);
					break;
				}
				one.signal('SIGKILL');
				await one.ended;
				kills++;
			}
			t.diagnostic(`${kills} kills`);
			assert.ok(kills > 0);
			if (filled) {
				const got = await state(to.db), shift = got.messages[1].id - want.messages[0].id;
				assert.deepEqual(got.messages.slice(1).map((m) => ({ ...m, id: m.id - shift, changes: m.changes === null ? null : m.changes - shift })), want.messages);
				assert.deepEqual(got.attachments.map((a) => ({ ...a, message: a.message - shift })), want.attachments);
			} else
				assert.deepEqual(await state(to.db), want);
			assert.deepEqual(await listed(to.db), []);
			assert.equal((await to.rows("SELECT count(*) AS n FROM meta WHERE name GLOB 'import:*'"))[0].n, 1);
		}
	});

	it('beside a daemon brings the rows to its readers in order, while others send', async (t) => {
		const from = log(), s = await start({ t, flags: '--limit messages=off --limit requests=off' });
		await from.sql(`INSERT INTO messages (room, text, at) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 6000) SELECT 'r', 'imported ' || n, n FROM c;
			INSERT INTO messages (room, event, changes, text, at) SELECT room, CASE WHEN id % 2 THEN 'message changed' ELSE 'message deleted' END, id, CASE WHEN id % 2 THEN 'edited ' || id ELSE '' END, id FROM messages WHERE id % 7 = 0`);
		await ok(from.db, 'export', '-o', from.at('x'));
		await s.sent('own', { room: 'r' });
		let sending = true, since = 1;
		const sends = (async () => {
			for (let n = 0; sending; n++)
				await s.sent(`own ${n}`, { room: 'r' });
		})();
		const got = [], want = inner(from.at('x')).map((line) => line.text);
		const reads = (async () => {
			while (got.filter(({ text: body }) => !/^own/.test(body)).length < want.length) {
				const { json } = await s.poll({ room: 'r', since, wait: 5 });
				got.push(...json.messages);
				since = json.next;
				assert.ok(!json.gap);
			}
		})();
		assert.match(await ok(s.db, 'import', from.at('x')), new RegExp(`imported ${want.length} of ${want.length}`));
		await reads;
		sending = false;
		await sends;
		const imported = got.filter(({ text: body }) => !/^own/.test(body));
		assert.deepEqual(imported.map((m) => m.text), want);
		assert.deepEqual(got.map(({ id }) => id), got.map(({ id }) => id).toSorted((a, b) => a - b));
		// Each change is of the message that it was of, or of none that there is.
		const texts = new Map(got.map((m) => [m.id, m.text])), edits = imported.filter((m) => m.event === 'message changed');
		assert.ok(edits.length > 400);
		for (const m of edits)
			assert.equal(texts.get(m.changes), m.text);
		for (const m of imported.filter(({ event }) => event === 'message deleted'))
			assert.ok(!texts.has(m.changes), `${m.id} deletes ${m.changes}`);
		const { json } = await until(async () => {
			const res = await s.history({ room: 'r', q: '"edited 21"' });
			return res.json.messages.length > 0 && res;
		});
		assert.equal(json.messages[0].text, 'edited 21');
	});

	it('ids are not kept from where somebody else stores, and that is said', async () => {
		const from = log(), to = log();
		await from.sql("INSERT INTO messages (text) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) SELECT 'message ' || n FROM c");
		await ok(from.db, 'export', '-o', from.at('x'));
		const one = child(program, ['import', from.at('x'), '--database', to.db], { env: ENV });
		await until(async () => (await to.rows('SELECT count(*) AS n FROM messages'))[0].n > 0, { every: 1 });
		one.signal('SIGKILL');
		await one.ended;
		const [{ n }] = await to.rows('SELECT count(*) AS n FROM messages');
		await to.sql("INSERT INTO messages (text) VALUES ('own')");
		const said = await ok(to.db, 'import', from.at('x'));
		if (n < 5000)
			assert.match(said, new RegExp(`warning: others stored messages meanwhile: ids are not kept from ${n + 1} on`));
		assert.deepEqual((await to.rows("SELECT text FROM messages WHERE text <> 'own' ORDER BY id")).map((m) => m.text), Array.from({ length: 5000 }, (_, i) => `message ${i + 1}`));
	});

	it('waits for no lock for ever', async (t) => {
		const from = await source(SEED + 504, 20), to = log();
		const other = session(to.db, { t });
		await other.run('BEGIN IMMEDIATE;');
		await no(to.db, 1, /another program holds the lock of the database/, 'import', from.file);
		await other.run('ROLLBACK;');
		await ok(to.db, 'import', from.file);
		assert.deepEqual(await state(to.db), await state(from.db));
	});
});
