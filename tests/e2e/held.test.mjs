// held.test.mjs: many polls held at once: all come together, all are answered together, all time out together, all hang up
// together, and nobody sees an error. It prints what that costs; only correctness is asserted.
//
// Environment: HELD  how many polls (2,000). 10,000 need a limit of about 11,000 open files.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { generator } from '../bench/generator.mjs';
import { ms, root, run, start, until } from './harness.mjs';
import { cpu, descendants, fewer, memory } from './load.mjs';

const polls = Number(process.env.HELD || fewer(2_000, 500));

/** The polls of tests/bench/held.c at the other end of a pipe: `ask(command)` resolves to its answer. */
async function crowd(t, port) {
	const made = await run('make', ['-s', '-C', root, 'build/bench/load'], { env: { MAKEFLAGS: '', MAKELEVEL: '', MFLAGS: '' }, timeout: ms(60_000) });
	assert.equal(made.code, 0, made.stderr);
	const load = await generator('poll', port, {}, { cpu: null });
	t.after(load.close);
	return (command) => load.ask(`held ${command}`, { lax: true, timeout: ms(120_000) });
}

// What the program in C measures with, too.
const clock = () => Number(process.hrtime.bigint() / 1000n);
const after = (began, us) => `${((us - began) / 1000).toFixed(0)} ms`;

it(`held: ${polls} polls`, async (t) => {
	const server = await start({ t, workers: 2 });
	const daemon = server.pid();
	const nginx = descendants(server.proc.pid, 'nginx');
	const ask = await crowd(t, server.port);
	const say = (text) => t.diagnostic(text);
	const all = (tally, messages) => {
		const { answered, good, bad, why } = tally;
		assert.deepEqual({ answered, good, bad, why, messages: tally.messages }, { answered: polls, good: polls, bad: 0, why: '', messages });
	};
	const held = async () => {
		await until(async () => await server.metric(/polls_parked/) === polls, { timeout: ms(60_000), every: 10, what: `${polls} held polls` });
		return clock();
	};

	// Were the kernel to enlarge the table of descriptors now, the daemon would stand still for some 20 ms each time.
	const of = (file, what) => Number(what.exec(fs.readFileSync(`/proc/${daemon}/${file}`, 'utf8'))[1]);
	const allowed = of('limits', /^Max open files\s+(\d+)/m);
	assert.ok(of('status', /^FDSize:\s+(\d+)/m) >= Math.min(allowed, 131_072), `the table has room for ${allowed} descriptors from the start`);

	// A small crowd first, so that what is allocated once is not counted.
	let cursor = await server.sent('first', { room: 'held' });
	await ask('open 50');
	await ask(`ask /poll?room=held&since=${cursor}&wait=50`);
	await server.parked(50);
	cursor = await server.sent('warm', { room: 'held' });
	assert.equal((await ask('wait 20000')).good, 50);
	await ask('close');
	await server.parked(0);

	// The first storm: nothing is open yet, neither to nginx nor from it to the daemon.
	const [daemonBefore, nginxBefore] = [memory(daemon), nginx.reduce((sum, pid) => sum + memory(pid), 0)];
	let began = clock();
	await ask(`open ${polls}`);
	await ask(`ask /poll?room=held&since=${cursor}&wait=50`);
	say(`the first storm: all held after ${after(began, await held())}`);
	const [daemonHeld, nginxHeld] = [memory(daemon), nginx.reduce((sum, pid) => sum + memory(pid), 0)];
	say(`memory for each held poll: daemon ${((daemonHeld - daemonBefore) / polls).toFixed(0)} bytes, nginx ${((nginxHeld - nginxBefore) / polls).toFixed(0)} bytes`);

	// One message answers all of them, and each asks again at once.
	for (let i = 1; i <= 3; i++) {
		await ask('then /poll?room=held&since=%d&wait=50');
		const used = [cpu([daemon]), cpu(nginx)];
		const tally = ask(`wait ${ms(60_000)}`);
		began = clock();
		cursor = await server.sent(`news ${i}`, { room: 'held' });
		const told = await tally;
		all(told, polls);
		const again = await held();
		const [d, n] = [cpu([daemon]) - used[0], cpu(nginx) - used[1]];
		say(`a message to all (${i}): first answered after ${after(began, told.first_us)}, last after ${after(began, told.last_us)}, all held again after `
			+ `${after(began, again)}; CPU for each delivery and re-poll: daemon ${(d * 1000 / polls).toFixed(0)} us, nginx ${(n * 1000 / polls).toFixed(0)} us`);
	}
	cursor = await server.sent('news', { room: 'held' });
	all(await ask(`wait ${ms(60_000)}`), polls);

	// All time out together.
	const wait = 2;
	began = clock();
	await ask(`ask /poll?room=held&since=%d&wait=${wait}`);
	const late = await ask(`wait ${ms(60_000)}`);
	all(late, 0);
	assert.ok(late.first_us - began >= wait * 1e6, `the first poll timed out after ${late.first_us - began} us`);
	say(`wait=${wait} for all: first answered after ${after(began, late.first_us)}, last after ${after(began, late.last_us)}`);

	// All hang up together, and those who come next are served as ever.
	await ask('ask /poll?room=held&since=%d&wait=50');
	await held();
	began = clock();
	await ask('close');
	await server.parked(0);
	say(`all hung up: none is held after ${after(began, clock())}`);
	await ask(`open ${polls}`);
	await ask(`ask /poll?room=held&since=${cursor}&wait=50`);
	await held();
	await server.sent('news', { room: 'held' });
	all(await ask(`wait ${ms(60_000)}`), polls);
	await ask('close');

	const errors = fs.readFileSync(path.join(server.dataDir, 'log/error.log'), 'utf8').split('\n').filter((line) => /\[(error|crit|alert|emerg)\]/.test(line));
	assert.deepEqual(errors, [], "errors in nginx's log");
	assert.equal(server.pid(), daemon);
});
