// log.test.mjs: what stands in front of a line of the daemon's log: its level for systemd's journal, or else the time.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fastcgi } from './fastcgi.mjs';
import { binary, child, ms, sql, tempDir, until, within } from './harness.mjs';

/** The daemon with a file for stderr, of which JOURNAL_STREAM says `stream(stat)`. Ends by itself or by `stop()`. */
async function logged({ dir = tempDir(), stream, flags = [] } = {}) {
	const at = (name) => path.join(dir, name);
	const fd = fs.openSync(at('log'), 'a');
	const env = { ...process.env };
	delete env.JOURNAL_STREAM;
	if (stream)
		env.JOURNAL_STREAM = stream(fs.fstatSync(fd));
	const proc = spawn(binary, ['--socket', at('sock'), '--database', at('longline.db'), '--pid-file', at('pid'), ...flags], { env, stdio: ['ignore', 'ignore', fd] });
	const ended = once(proc, 'close');
	fs.closeSync(fd);
	await until(() => fs.existsSync(at('pid')) || proc.exitCode !== null, { what: 'the daemon to serve or to end' });
	return {
		at, socket: at('sock'), db: at('longline.db'),
		async stop() {
			proc.kill();
			await within(ms(40_000), ended, 'the end');
			return fs.readFileSync(at('log'), 'utf8').trimEnd().split('\n');
		},
	};
}

const journal = (st) => `${st.dev}:${st.ino}`;
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.*)$/;

/** Something at each level: a trigger that refuses, a log that is replaced, what is ordinary. */
async function eventful(d) {
	await sql(d.db, "CREATE TRIGGER mine BEFORE INSERT ON messages WHEN new.text = 'no' BEGIN SELECT raise(ABORT, 'not this one'); END");
	assert.equal((await fastcgi(d.socket, { method: 'POST', path: '/send', body: 'no' })).status, 400);
	await sql(d.db, "UPDATE meta SET value = 'another' WHERE name = 'epoch'");
	await until(async () => (await fastcgi(d.socket, { path: '/healthz' })).json.epoch !== undefined && /new_epoch/.test(fs.readFileSync(d.at('log'), 'utf8')), { what: 'a new epoch' });
}

describe('log: in systemd\'s journal', () => {
	it('each line begins with its level', async () => {
		const d = await logged({ stream: journal });
		await eventful(d);
		const lines = await d.stop();
		const levels = { error: 3, warning: 4, info: 6, debug: 7 };
		for (const line of lines) {
			const [, priority, level] = /^<(\d)>(\w+) \w+/.exec(line) ?? assert.fail(line);
			assert.equal(Number(priority), levels[level], line);
		}
		assert.ok(lines.some((line) => /^<3>error refused .*error="not this one"$/.test(line)), lines.join('\n'));
		assert.ok(lines.some((line) => /^<4>warning new_epoch /.test(line)));
		assert.match(lines.at(-1), /^<6>info stopped clean=1$/);
	});

	it('why it does not start is an error', async () => {
		for (const [flags, what] of [[['--colour'], /^<3>longlined: there is no option --colour/], [['--database', '/dev/null'], /^<3>longlined: .*\/dev\/null/]])
			assert.match((await (await logged({ stream: journal, flags })).stop()).at(-1), what);
	});
});

describe('log: elsewhere', () => {
	it('each line begins with the time', async () => {
		const before = Date.now();
		const d = await logged();
		await eventful(d);
		const lines = await d.stop();
		const times = lines.map((line) => Date.parse((TIME.exec(line) ?? assert.fail(line))[1]));
		assert.ok(times[0] >= before && times.at(-1) <= Date.now(), `${times}`);
		assert.deepEqual(times, [...times].sort((a, b) => a - b));
		assert.ok(lines.some((line) => /^\S+ error refused /.test(line)), lines.join('\n'));
	});

	it('also when the variable is of somebody else\'s stderr, or nonsense', async () => {
		for (const stream of [(st) => `${st.dev}:${st.ino + 1}`, (st) => `${st.dev + 1}:${st.ino}`, (st) => `${st.dev}`, () => '', () => 'x:y'])
			assert.match((await (await logged({ stream, flags: ['--colour'] })).stop())[0], TIME);
	});

	it('on a terminal a refusal is what a person reads', async () => {
		const said = child('script', ['-qec', `exec '${binary}' --colour`, '/dev/null'], { env: { SHELL: '/bin/sh' } });
		assert.equal((await said.ended).code, 2, 'and script hands on how it ended');
		assert.match(said.stdout, /^longlined: there is no option --colour; see longlined --help\r?\n$/);
	});
});
