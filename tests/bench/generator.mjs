// generator.mjs: build/bench/load at the other end of a pipe, on a processor of its own.
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { root, within } from '../e2e/harness.mjs';

/** Which processors the servers have, and which the generator. */
export const cpus = { servers: process.env.BENCH_SERVERS ?? '0', generator: process.env.BENCH_GENERATOR ?? '1' };

/** Keeps a process, all its threads, off the servers' processors. */
export const pin = (pid) => spawnSync('taskset', ['-a', '-c', '-p', cpus.generator, String(pid)]);

const running = new Set();
process.on('exit', () => running.forEach((proc) => proc.kill('SIGKILL')));

/** A program at work, on any processor if `cpu` is null: `ask(command)` resolves to its answer of one line. */
export async function talker(command, args, { cpu = cpus.generator } = {}) {
	const [program, ...words] = cpu === null ? [command, ...args] : ['taskset', '-c', cpu, command, ...args];
	const proc = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
	running.add(proc);
	const ended = new Promise((resolve) => proc.once('exit', resolve)).then(() => running.delete(proc));
	const lines = createInterface({ input: proc.stdout })[Symbol.asyncIterator]();
	const answer = async (what, timeout = 150_000) => {
		const { value, done } = await within(timeout, lines.next(), what);
		if (done)
			throw new Error(`${path.basename(command)} ended at: ${what}`);
		return JSON.parse(value);
	};
	return {
		proc, answer,
		ask(line, timeout) {
			proc.stdin.write(`${line}\n`);
			return answer(line, timeout);
		},
		async close() {
			proc.stdin.end();
			const timer = setTimeout(() => proc.kill('SIGKILL'), 5_000);
			await ended;
			clearTimeout(timer);
		},
	};
}

/**
 * A generator of load for one server. `groups` are {name: [pid, …]}, whose CPU time its answers tell. What goes wrong is said
 * with the name of the server, since several may speak a dialect, and with `errors()`, what its nginx said last.
 */
export async function generator(dialect, port, groups = {}, { name = dialect, errors = () => '', cpu } = {}) {
	const self = await talker(path.join(root, 'build/bench/load'), [dialect, String(port)], { cpu });
	self.run = (await self.answer('its first line')).run;
	const words = Object.entries(groups).map(([name, pids]) => `${name}=${pids.join(',')}`);
	if (words.length)
		await self.ask(`groups ${words.join(' ')}`);
	const ask = self.ask;
	/** Whatever went wrong on the way makes the figures worthless. */
	self.ask = async (line, { lax = false, timeout } = {}) => {
		const told = await ask(line, timeout).catch((error) => {
			throw new Error(`${name}: ${error.message}\n${errors()}`, { cause: error });
		});
		if (told.unknown || (!lax && (told.bad || told.doubled || told.lost)))
			throw new Error(`${name}: ${line}: ${JSON.stringify(told)}\n${errors()}`);
		return told;
	};
	return self;
}
