// harness.mjs: what all end-to-end tests share: a Longline of one's own, and ways to ask it things.
//
// Each server is scripts/run with a free port and a fresh folder, so that what is tested is what a person starts: the
// real nginx, the real daemon, real files. Tests of one file share one server wherever they can, and use rooms of their
// own (`room()`), because starting costs more than all their requests.
//
// Environment: LONGLINED            the binary under test (a sanitizer build, say); handed on to scripts/run
//              TEST_SLOW            every time-out is multiplied by this (1; use 4 under a sanitizer)
//              LONGLINE_TEST_PORTS  a range such as 22000-22999 to take ports from; else the system gives one
//              TEST_KEEP            leave the data folders behind, to look at
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { fastcgi } from './fastcgi.mjs';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const slow = Number(process.env.TEST_SLOW || 1);
export { sleep };

/** Milliseconds, longer where everything is slower. */
export const ms = (n) => n * slow;
/** Likewise for what a test waits for to the end, as an expiry: no longer than it must be. */
export const span = (n) => n * Math.min(slow, 2);

const SANITIZER = /ERROR: AddressSanitizer|runtime error:|WARNING: ThreadSanitizer|LeakSanitizer/;

// ---------------------------------------------------------------------------------------------------------------------
// Things to tidy up. Nothing may outlive the test process, however it ends.

const folders = new Set();
const children = new Set();

const signalAll = (signal) => {
	for (const child of children) {
		try {
			process.kill(-child.pid, signal);
		} catch {
			// It ended by itself.
		}
	}
};
process.on('exit', () => {
	signalAll('SIGTERM');
	if (process.env.TEST_KEEP)
		return;
	for (const folder of folders)
		fs.rmSync(folder, { recursive: true, force: true });
});
// A child that a failed test left behind would keep this process from ending, and the whole run with it.
if (isMainThread)
	after(() => signalAll('SIGKILL'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
	process.on(signal, () => process.exit(1));

/** A new empty folder, gone when the test process ends. */
export function tempDir(name = 'longline-test-') {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), name));
	folders.add(folder);
	return folder;
}

/** Starts a process in a group of its own and collects what it says. `ended` resolves to {code, signal}. */
export function child(command, args = [], { env = {}, cwd = root, input } = {}) {
	const proc = spawn(command, args, {
		cwd,
		env: { ...process.env, ...env },
		detached: true,
		stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
	});
	const self = { proc, pid: proc.pid, stdout: '', stderr: '', output: '', done: false };
	for (const name of ['stdout', 'stderr']) {
		proc[name].setEncoding('utf8');
		proc[name].on('data', (text) => {
			self[name] += text;
			self.output += text;
		});
	}
	if (input !== undefined) {
		proc.stdin.on('error', () => {}); // it may end without reading all of it
		proc.stdin.end(input);
	}
	children.add(proc);
	self.exited = new Promise((resolve) => {
		proc.once('exit', (code, signal) => resolve({ code, signal }));
		proc.once('error', (error) => resolve({ code: 127, signal: null, error }));
	});
	self.ended = new Promise((resolve) => {
		proc.once('close', (code, signal) => resolve({ code, signal }));
		proc.once('error', (error) => resolve({ code: 127, signal: null, error }));
	}).then((end) => {
		self.done = true;
		children.delete(proc);
		return end;
	});
	self.signal = (signal = 'SIGTERM') => proc.kill(signal);
	return self;
}

/** Runs a program to its end: {code, stdout, stderr}. */
export async function run(command, args = [], options = {}) {
	const self = child(command, args, options);
	const timer = setTimeout(() => process.kill(-self.pid, 'SIGKILL'), options.timeout ?? ms(120_000));
	const { code, signal } = await self.ended;
	clearTimeout(timer);
	return { code: code ?? signal, stdout: self.stdout, stderr: self.stderr };
}

// ---------------------------------------------------------------------------------------------------------------------
// Waiting, without guessing how long.

/** Asks `probe` until it gives something true, and returns that. It is asked once more when the time is over: a machine may stand still. */
export async function until(probe, { timeout = ms(30_000), every = 20, what = String(probe) } = {}) {
	const deadline = Date.now() + timeout;
	for (;;) {
		const late = Date.now() > deadline;
		const found = await probe();
		if (found)
			return found;
		if (late)
			throw new Error(`waited ${timeout} ms in vain for: ${what}`);
		await sleep(every);
	}
}

/** The promise's result; an error when it takes longer than a generous time. */
export async function within(time, promise, what = 'a promise') {
	let timer;
	const late = new Promise((_, reject) => {
		const end = () => reject(new Error(`${what} took longer than ${time} ms`));
		// After a standstill timers go off first, before what has come meanwhile is read.
		timer = setTimeout(() => {
			timer = setTimeout(end, 200);
		}, time);
	});
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}

/**
 * Whether a promise is still undecided after a moment: for what must not happen. That a poll is held by now it does not say,
 * since a request may be under way for longer; parked() and opened() do.
 */
export async function pending(promise, time = ms(150)) {
	const mark = {};
	return await Promise.race([promise.then(() => null, () => null), sleep(time, mark)]) === mark;
}

/** The daemon's process id, once scripts/run has another one than this in its place. */
export const newPid = (server, before) => until(() => {
	try {
		const pid = server.pid();
		return pid !== before && alive(pid) && pid;
	} catch {
		return false; // between two daemons there is no file
	}
}, { timeout: ms(30_000), every: 2, what: 'the daemon to be started again' });

/** A port nobody listens on. */
export async function freePort() {
	const range = /^(\d+)-(\d+)$/.exec(process.env.LONGLINE_TEST_PORTS ?? '');
	for (;;) {
		const [low, high] = range ? [Number(range[1]), Number(range[2])] : [0, 0];
		const port = low + Math.floor(Math.random() * (high - low + 1));
		const listener = net.createServer();
		try {
			listener.listen(port, '0.0.0.0');
			await once(listener, 'listening');
			const taken = listener.address().port;
			listener.close();
			await once(listener, 'close');
			return taken;
		} catch (error) {
			if (error.code !== 'EADDRINUSE')
				throw error;
		}
	}
}

// ---------------------------------------------------------------------------------------------------------------------
// HTTP

/** `{room: ['a', 'b'], since: 3}` or a ready query string, as a query string with its question mark. */
export function query(params = {}) {
	if (typeof params === 'string')
		return params === '' || params.startsWith('?') ? params : `?${params}`;
	const pairs = [];
	for (const [name, value] of Object.entries(params)) {
		for (const one of Array.isArray(value) ? value : [value]) {
			if (one !== undefined)
				pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(one)}`);
		}
	}
	return pairs.length ? `?${pairs.join('&')}` : '';
}

/**
 * One HTTP request. Resolves to {status, headers, body (a Buffer), text, json, took}; json is undefined when the body
 * is none. `signal` hangs up. No header is added but Host and those node cannot leave out.
 */
export function request(url, { method = 'GET', headers = {}, body, agent, signal, timeout = ms(60_000) } = {}) {
	const started = performance.now();
	return new Promise((resolve, reject) => {
		const bytes = body === undefined ? undefined : Buffer.from(body);
		const all = { ...headers };
		if (bytes && !Object.keys(all).some((name) => /^(content-length|transfer-encoding)$/i.test(name)))
			all['Content-Length'] = bytes.length;
		const req = http.request(url, { method, headers: all, agent, signal }, (res) => {
			const parts = [];
			res.on('data', (part) => parts.push(part));
			res.on('error', reject);
			res.on('end', () => {
				const whole = Buffer.concat(parts);
				const text = whole.toString('utf8');
				let json;
				try {
					json = JSON.parse(text);
				} catch {
					json = undefined;
				}
				resolve({
					status: res.statusCode, headers: res.headers, rawHeaders: res.rawHeaders,
					body: whole, text, json, took: performance.now() - started,
				});
			});
		});
		req.setTimeout(timeout, () => req.destroy(new Error(`no answer from ${url} within ${timeout} ms`)));
		req.on('error', reject);
		req.end(bytes);
	});
}

/** Runs curl; the result has its exit code, output, and the parsed JSON if that is what it printed. */
export async function curl(...args) {
	const options = typeof args.at(-1) === 'object' ? args.pop() : {};
	const result = await run('curl', ['-sS', '--max-time', String(60 * slow), ...args], options);
	try {
		result.json = JSON.parse(result.stdout);
	} catch {
		result.json = undefined;
	}
	return result;
}

/** Conveniences for one base URL, on an agent of their own that keeps its connections. */
export function client(url) {
	const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
	const ask = (target, options = {}) => request(url + target, { agent, ...options });
	const self = {
		agent,
		request: ask,
		get: (target, headers = {}, options = {}) => ask(target, { headers, ...options }),
		post: (target, body, headers = {}, options = {}) => ask(target, { method: 'POST', body, headers, ...options }),
		/** Sends a string as text/plain, anything else as JSON, and gives the whole response. */
		send: (what, params = {}, headers = {}) => self.post(`/send${query(params)}`,
			typeof what === 'string' ? what : JSON.stringify(what),
			{ 'Content-Type': typeof what === 'string' ? 'text/plain' : 'application/json', ...headers }),
		/** Like send, but it must be stored; gives its id. */
		sent: async (what, params = {}, headers = {}) => {
			const res = await self.send(what, params, headers);
			if (res.status !== 201)
				throw new Error(`send answered ${res.status}: ${res.text}`);
			return res.json.id;
		},
		poll: (params = {}, options = {}) => ask(`/poll${query(params)}`, options),
		/** A search that says that the index is behind is made again, or a machine that stands still for a second would hide what was just sent. */
		history: async (params = {}, { behind = false, ...options } = {}) => {
			let res;
			for (let left = 20; left > 0; left--) {
				res = await ask(`/history${query(params)}`, options);
				if (behind || res.json?.indexed === undefined)
					break;
			}
			return res;
		},
		/** The log's head, by a poll that does not wait. */
		head: async () => (await self.poll({ wait: 0 })).json.next,
	};
	return self;
}

// ---------------------------------------------------------------------------------------------------------------------
// Longline itself

let rooms = 0;

/** The name of a room that no other test uses. */
export const room = (name = 'room') => `${name}-${process.pid}-${++rooms}`;

const words = (flags) => (Array.isArray(flags) ? flags.join(' ') : flags ?? '');

/** scripts/run with a port and a folder of its own; does not wait for it to be ready. */
export function launch({ flags, env = {}, dataDir, workers, port, script = path.join(root, 'scripts/run'), cwd } = {}) {
	const own = {
		PORT: String(port), DATA_DIR: dataDir, NGINX_WORKERS: String(workers ?? 1), LONGLINED_FLAGS: words(flags), ...env,
	};
	return child(script, [], { env: own, cwd });
}

/**
 * Starts a Longline and waits until it is ready. Options: flags (a list or a string, for the daemon), env, dataDir (kept
 * when it is the caller's), workers (of nginx), port, t (a test context: stopped when that test ends).
 */
export async function start(options = {}) {
	const dataDir = options.dataDir ?? tempDir();
	let port, proc;
	for (let attempt = 0; ; attempt++) {
		port = options.port ?? await freePort();
		proc = launch({ ...options, dataDir, port });
		const ready = until(() => /^Longline is ready: (\S+)/m.test(proc.stdout) || proc.done,
			{ timeout: ms(90_000), what: 'the ready line of scripts/run' });
		try {
			await ready;
		} catch (error) {
			process.kill(-proc.pid, 'SIGKILL');
			throw new Error(`${error.message}\n${proc.output}\n${readLog(dataDir)}`);
		}
		if (!proc.done)
			break;
		// Between looking for a free port and taking it another test may have come first.
		const taken = /port|address/i.test(proc.output) && /use|taken/i.test(proc.output);
		if (!taken || attempt === 4)
			throw new Error(`scripts/run ended before it was ready:\n${proc.output}\n${readLog(dataDir)}`);
	}
	return instance({ proc, port, dataDir, mine: !options.dataDir, t: options.t });
}

const readLog = (dataDir) => {
	try {
		return fs.readFileSync(path.join(dataDir, 'log/longlined.log'), 'utf8');
	} catch {
		return '';
	}
};

function instance({ proc, port, dataDir, mine, t }) {
	const url = `http://127.0.0.1:${port}`;
	const self = {
		...client(url),
		proc, url, port, dataDir,
		db: path.join(dataDir, 'longline.db'),
		socket: path.join(dataDir, 'run/longlined.sock'),
		/** The daemon's process id, as its file says now. */
		pid: () => Number(fs.readFileSync(path.join(dataDir, 'run/longlined.pid'), 'utf8')),
		/** Signals the daemon, not scripts/run. */
		kill: (signal = 'SIGKILL') => process.kill(self.pid(), signal),
		/** What scripts/run and the daemon said. */
		log: () => `${proc.output}\n${readLog(dataDir)}`,
		sql: (statement, opts) => sql(self.db, statement, opts),
		rows: (statement, opts) => rows(self.db, statement, opts),
		parked: (count, opts) => parked(self, count, opts),
		opened: (count) => opened(self, count),
		metric: (pattern) => metric(self, pattern),
		stop,
	};
	let stopping;

	/** Stops everything as Ctrl-C would; fails if it did not end well or a sanitizer had something to say. */
	function stop({ signal = 'SIGTERM', check = true } = {}) {
		stopping ??= (async () => {
			if (!proc.done)
				proc.signal(signal);
			const timer = setTimeout(() => process.kill(-proc.pid, 'SIGKILL'), ms(40_000));
			const end = await proc.ended;
			clearTimeout(timer);
			self.agent.destroy();
			const log = self.log();
			if (mine && !process.env.TEST_KEEP)
				fs.rmSync(dataDir, { recursive: true, force: true });
			const report = SANITIZER.exec(log);
			if (report)
				throw new Error(`a sanitizer report:\n${log.slice(Math.max(0, report.index - 500), report.index + 6000)}`);
			if (check && end.code !== 0)
				throw new Error(`scripts/run ended with ${end.code ?? end.signal}:\n${log.slice(-6000)}`);
			return { ...end, log };
		})();
		return stopping;
	}
	t?.after(() => stop());
	return self;
}

/**
 * For use inside describe(): a server that all its tests share, started before the first and stopped after the last. The
 * object is filled in when it is there.
 */
export function server(options = {}) {
	const self = {};
	before(async () => {
		Object.assign(self, await start(typeof options === 'function' ? await options() : options));
	});
	after(async () => {
		await self.stop?.();
	});
	return self;
}

// ---------------------------------------------------------------------------------------------------------------------
// The daemon alone, for what scripts/run would hide: how it ends, and what it says when it cannot start

export const binary = path.resolve(root, process.env.LONGLINED || 'build/longlined');

/** The tool: the one beside the daemon, if there is one. */
export const longline = [path.join(path.dirname(binary), 'longline'), path.join(root, 'build/longline')].find((file, i, { length }) => i === length - 1 || fs.existsSync(file));

/**
 * Starts the daemon without scripts/run and nginx. Options: dir (for all files), flags (a list), socket, db, program, env,
 * t. Waits until it serves or has ended (`done`). Ask it things with fastcgi(self.socket, …). `stop` sends a SIGTERM and
 * resolves to {code, signal, log}; it fails when a sanitizer had something to say.
 */
export async function daemon({ dir = tempDir(), flags = [], socket = path.join(dir, 'sock'), db = path.join(dir, 'longline.db'), program = binary, env, t } = {}) {
	const pidFile = `${socket}.pid`;
	fs.rmSync(pidFile, { force: true });
	const self = child(program, ['--socket', socket, '--database', db, '--pid-file', pidFile, ...flags], { env });
	Object.assign(self, {
		dir, socket, db,
		sql: (statement, opts) => sql(db, statement, opts),
		rows: (statement) => rows(db, statement),
		get: (target) => fastcgi(socket, { path: target }),
		metric: (pattern) => metric(self, pattern),
		parked: (count) => parked(self, count),
		opened: (count) => opened(self, count),
		async stop(signal = 'SIGTERM') {
			if (!self.done)
				self.signal(signal);
			const end = await within(ms(40_000), self.ended, 'the end of the daemon');
			const report = SANITIZER.exec(self.output);
			if (report)
				throw new Error(`a sanitizer report:\n${self.output.slice(0, 8000)}`);
			return { ...end, log: self.output };
		},
	});
	t?.after(() => self.stop());
	await until(() => self.done || fs.existsSync(pidFile), { timeout: ms(30_000), what: 'the daemon to serve' });
	return self;
}

// ---------------------------------------------------------------------------------------------------------------------
// Beside the daemon: another program at the database, and the daemon's own figures

/** Runs SQL with the sqlite3 program, waiting for locks; gives its output without the last line end. */
export async function sql(db, statement, { fail = false, timeout = 10_000 } = {}) {
	const result = await run('sqlite3', ['-bail', '-cmd', `.timeout ${timeout}`, db], { input: statement });
	if (fail) {
		if (result.code === 0)
			throw new Error(`this should have been refused: ${statement}`);
		return result.stderr;
	}
	if (result.code !== 0 || result.stderr !== '')
		throw new Error(`sqlite3: ${result.stderr}\n${statement}`);
	return result.stdout.replace(/\n$/, '');
}

/** The rows of a SELECT as objects. */
export async function rows(db, statement) {
	const text = await sql(db, `.mode json\n${statement}`);
	return text === '' ? [] : JSON.parse(text);
}

/**
 * A sqlite3 program left open, to hold transactions: `run(sql)` resolves to its output, `close()` ends it (and rolls
 * back what is open), at the latest with the test `t`.
 */
export function session(db, { timeout = 30_000, t } = {}) {
	// Errors on the same pipe, or they might arrive after the mark.
	const proc = spawn('sh', ['-c', 'exec sqlite3 -batch -cmd "$0" "$1" 2>&1', `.timeout ${timeout}`, db], { detached: true });
	children.add(proc);
	let out = '', mark = 0, waiting = null;
	const look = () => {
		const end = out.indexOf(`<${mark}>\n`);
		if (end < 0 || !waiting)
			return;
		const text = out.slice(0, end).replace(/\n$/, '');
		out = '';
		const { resolve, reject } = waiting;
		waiting = null;
		/^(Runtime|Parse) error|^Error/m.test(text) ? reject(new Error(text)) : resolve(text);
	};
	proc.stdout.setEncoding('utf8');
	proc.stdout.on('data', (text) => {
		out += text;
		look();
	});
	const closed = once(proc, 'close').then(() => children.delete(proc));
	proc.stdin.on('error', () => {}); // it was closed before
	t?.after(() => {
		proc.stdin.end();
		return closed;
	});
	return {
		run(statement) {
			mark++;
			proc.stdin.write(`${statement}\n.print <${mark}>\n`);
			return new Promise((resolve, reject) => {
				waiting = { resolve, reject };
			});
		},
		close() {
			proc.stdin.end();
			return closed;
		},
	};
}

/** The first sample of /metrics whose name (with its labels) matches. */
export async function metric(self, pattern) {
	const { text } = await self.get('/metrics');
	for (const line of text.split('\n')) {
		const sample = /^([a-z_0-9]+(?:\{.*\})?) (\S+)$/i.exec(line);
		if (sample && pattern.test(sample[1]))
			return Number(sample[2]);
	}
	return undefined;
}

/** Waits until exactly this many polls are held. */
export const parked = (self, count, { timeout = ms(30_000) } = {}) =>
	until(async () => await metric(self, /parked/) === count, { timeout, what: `${count} held polls` });

/** Waits until at least this many requests are with the daemon and not answered, held polls and GETs of sessions among them. */
export const opened = (self, count) =>
	// The one that asks is open itself.
	until(async () => await metric(self, /^longline_requests_open$/) > count, { what: `${count} open requests` });

/** Sends a signal and waits until that process is gone. */
export async function killPid(pid, signal = 'SIGKILL') {
	process.kill(pid, signal);
	await until(() => !alive(pid), { what: `process ${pid} to end` });
}

/** Whether there is such a process (one that ended and was not waited for does not count). */
export function alive(pid) {
	try {
		return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
	} catch {
		return false;
	}
}

/** True when a program can be run here. */
export const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** Checks a problem+json answer and gives its detail. */
export function problem(assert, res, status, code, detail) {
	assert.equal(res.status, status, res.text);
	assert.match(res.headers['content-type'] ?? '', /^application\/problem\+json/);
	assert.equal(res.json?.status, status, res.text);
	assert.equal(typeof res.json.type, 'string');
	assert.equal(typeof res.json.title, 'string');
	assert.equal(typeof res.json.detail, 'string');
	assert.equal(res.json.code, code, res.text);
	if (detail)
		assert.match(res.json.detail, detail);
	return res.json.detail;
}
