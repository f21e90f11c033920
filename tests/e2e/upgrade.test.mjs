// upgrade.test.mjs: an earlier longlined gives way to this one on the same listening socket, under load: the database comes up
// to this version's schema meanwhile, no request fails, and each message is there once.
//
// Environment: OLD      the daemon of an earlier build, such as one of commit 29670fb with schema 5; without it this is skipped
//              OLD_ROWS how many messages it has by then (50,000)
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { connected, io } from '../conformance/clients.mjs';
import { binary, ms, newPid, root, start, tempDir, until } from './harness.mjs';
import { assertSaw, assertStored, follow, sender, spread, stored } from './load.mjs';

const OLD = process.env.OLD, ROWS = Number(process.env.OLD_ROWS || 50_000);
const SCHEMA = fs.readdirSync(path.join(root, 'sql')).length;

/** A program that becomes whichever daemon `current` names, without the options of scripts/run that an old one has not. */
function either(folder) {
	const current = path.join(folder, 'current'), program = path.join(folder, 'longlined');
	fs.writeFileSync(program, `#!/bin/bash
daemon=$(cat '${current}')
for arg; do
	shift
	[[ $arg == --trust-loopback ]] && ! "$daemon" --help 2>&1 | grep -q -- --trust-loopback || set -- "$@" "$arg"
done
exec "$daemon" "$@"
`);
	fs.chmodSync(program, 0o755);
	fs.chmodSync(folder, 0o755);
	return { program, become: (daemon) => fs.writeFileSync(current, `${path.resolve(root, daemon)}\n`) };
}

it(`upgrade: an earlier daemon and ${ROWS} messages, to this one and its schema, under load`, { skip: OLD ? false : 'OLD names no earlier daemon' }, async (t) => {
	const { program, become } = either(tempDir());
	become(OLD);
	const server = await start({ t, workers: 2, env: { LONGLINED: path.join(root, 'tests/e2e/listen.pl'), REAL_LONGLINED: program } });
	const before = Number(await server.sql('PRAGMA user_version'));
	assert.ok(before < SCHEMA, `the earlier daemon's schema is ${before}`);
	await server.sql(`WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT ${ROWS})
		INSERT INTO messages(room, sender, text, key) SELECT 'r' || (i % 10), 's', 'word' || i || hex(randomblob(40)), 'k' || i FROM c`);
	const first = await server.rows('SELECT id, room, sender, text, args, key, at FROM messages ORDER BY id');
	const missed = [], one = await connected(t, io, `${server.url}/main`, { reconnectionDelay: 5, reconnectionDelayMax: 50 });
	one.on('chat message', (text, offset) => missed.push(Number(offset)));
	const from = await server.head();
	const readers = await Promise.all([['*'], ['main'], ['ops', 'main']].map((rooms) => follow(server, { rooms, wait: 5 }).start()));
	const senders = Array.from({ length: 6 }, (_, i) => sender(server, `s${i}`, { rooms: ['main', 'ops'], keyed: i % 2 === 0, size: 100, pause: () => 5 }));
	const enough = (n) => until(() => senders.every((each) => each.answered.size >= n || each.failures.length), { timeout: ms(60_000), what: `${n} sends of each` });

	await enough(20);
	const pid = server.pid();
	become(binary);
	const told = performance.now();
	process.kill(pid, 'SIGTERM');
	await newPid(server, pid);
	const gap = performance.now() - told;
	assert.equal(await server.sql('PRAGMA user_version'), String(SCHEMA));
	const sofar = Math.max(...senders.map((each) => each.answered.size));
	await enough(sofar + 20);
	await Promise.all(senders.map((each) => each.stop()));

	const log = await stored(server);
	await Promise.all(readers.map((reader) => reader.reach(log)));
	await Promise.all(readers.map((reader) => reader.stop()));
	for (const each of senders)
		assert.deepEqual(each.failures, [], 'sends that failed');
	for (const reader of readers) {
		assert.deepEqual(reader.failures, [], 'polls that failed');
		assertSaw(reader, log);
	}
	const { answered, stored: there } = assertStored(senders, log);
	assert.equal(there, answered + ROWS);
	const due = log.filter(({ id, room }) => room === 'main' && id > from).map(({ id }) => id);
	await until(() => missed.at(-1) >= due.at(-1), { what: 'the Socket.IO client to be told' });
	assert.deepEqual(missed, due);

	// What the earlier one stored is as it was, its keys too, and can be changed.
	assert.deepEqual((await server.rows('SELECT id, room, sender, text, args, key, at FROM messages ORDER BY id')).slice(0, first.length), first);
	const old = first[6];
	const again = await server.send({ room: old.room, sender: old.sender, text: old.text, key: old.key });
	assert.deepEqual([again.status, again.json.id], [200, old.id]);
	const edit = await server.request(`/messages/${old.id}`, { method: 'PATCH', body: 'changed', headers: { 'Content-Type': 'text/plain', 'If-Key': old.key } });
	assert.equal(edit.status, 201, edit.text);
	await until(async () => (await server.history({ room: old.room, q: 'changed' })).json.messages.some(({ id }) => id === old.id), { timeout: ms(60_000), what: 'a search to find it' });
	assert.equal(await server.sql('PRAGMA integrity_check'), 'ok');
	t.diagnostic(`schema ${before} to ${SCHEMA} with ${ROWS} messages: the new one served ${gap.toFixed(0)} ms after SIGTERM; ${answered} sends, `
		+ `${readers.reduce((n, reader) => n + reader.polls, 0)} polls, none failed; sends ${spread(senders.flatMap((each) => each.took))}`);
});
