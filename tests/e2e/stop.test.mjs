// stop.test.mjs: SIGTERM: everybody gets an answer, what was queued is stored, and then it ends with 0.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { connect, fastcgi } from './fastcgi.mjs';
import { alive, binary, child, daemon, ms, parked, pending, session, sleep, start, tempDir, until, within } from './harness.mjs';

const poll = (d, query) => fastcgi(d.socket, { path: '/poll', query });
const send = (d, body, query = '') => fastcgi(d.socket, { method: 'POST', path: '/send', query, body });

describe('stop: SIGTERM to the daemon', () => {
	it('answers every held poll with its empty 200 and exits with 0', async (t) => {
		const d = await daemon({ t });
		const { id } = (await send(d, 'x')).json;
		const { epoch } = (await poll(d, 'wait=0')).json;
		const held = [poll(d, 'wait=50'), poll(d, 'wait=50&room=a&room=b'), poll(d, 'wait=50&room=*'), poll(d, `wait=50&since=${id}`)];
		await d.parked(held.length);
		const end = d.stop();
		for (const res of await within(ms(20_000), Promise.all(held), 'the held polls')) {
			assert.equal(res.status, 200);
			assert.deepEqual(res.json, { epoch, messages: [], next: id, more: false });
		}
		assert.equal((await end).code, 0);
	});

	it('exits with 0 when it has nothing to do', async (t) => {
		const d = await daemon({ t });
		assert.equal((await within(ms(15_000), d.stop(), 'the end')).code, 0);
	});

	it('commits and answers queued sends first', async (t) => {
		const d = await daemon({ t });
		const other = session(d.db, { t });
		await other.run('BEGIN IMMEDIATE;');
		const sends = Array.from({ length: 20 }, (_, i) => send(d, `queued ${i}`));
		await d.opened(sends.length);
		const held = poll(d, 'wait=50&room=other');
		await d.parked(1);
		assert.ok(await pending(Promise.race(sends)));
		d.signal('SIGTERM');
		assert.equal((await within(ms(20_000), held, 'the held poll')).status, 200);
		assert.ok(await pending(d.exited), 'it waits for its queue');
		await other.run('COMMIT;');
		await other.close();
		const ids = (await within(ms(20_000), Promise.all(sends), 'the sends')).map((res) => {
			assert.equal(res.status, 201, res.text);
			return res.json.id;
		});
		assert.equal(new Set(ids).size, 20);
		assert.equal((await d.stop()).code, 0);
		assert.equal(await d.sql('SELECT count(*) FROM messages'), '20');
	});

	it('stops accepting, but serves kept connections until they fall silent', async (t) => {
		const d = await daemon({ t });
		await send(d, 'x');
		const kept = await connect(d.socket);
		const history = { path: '/history', keep: true };
		assert.equal((await kept.ask(history)).json.messages.length, 1);
		const socketio = (query = '') => ({ path: '/socket.io/', query: `EIO=4&transport=polling${query}`, keep: true });
		const { sid } = JSON.parse((await kept.ask(socketio())).text.slice(1));
		const other = session(d.db, { t });
		await other.run('BEGIN IMMEDIATE;');
		const queued = send(d, 'holds it up');
		await d.opened(1);
		assert.ok(await pending(queued));
		d.signal('SIGTERM');
		await sleep(50);
		assert.equal((await within(ms(20_000), kept.ask(socketio(`&sid=${sid}`)), 'a late GET of a session')).text, '1');
		for (let i = 0; i < 5; i++) {
			assert.equal((await within(ms(10_000), kept.ask(history), 'a kept connection')).status, 200);
			const poll = await within(ms(20_000), kept.ask({ path: '/poll', query: 'wait=50', keep: true }), 'a late poll');
			assert.deepEqual([poll.status, poll.json.messages], [200, []], 'a poll is not held any more');
		}
		const late = fastcgi(d.socket, { path: '/healthz' }).then((res) => res.status, () => 'nothing');
		await other.run('COMMIT;');
		await other.close();
		assert.equal((await queued).status, 201);
		kept.close();
		assert.equal((await d.stop()).code, 0);
		assert.equal(await late, 'nothing', 'a new connection is not served');
	});

	/** Asks for the long page without reading the answer, most of which then waits in the daemon. */
	async function slowReader(d) {
		const reader = await connect(d.socket);
		reader.conn.pause();
		reader.reply = reader.ask({ path: '/history', keep: true });
		reader.reply.catch(() => {});
		return reader;
	}
	const writing = async (d, requests) => {
		const metrics = (await fastcgi(d.socket, { path: '/metrics' })).text;
		// The one that is open is this request itself.
		return Number(/^longline_requests_total (\d+)/m.exec(metrics)[1]) >= requests && /^longline_requests_open 1$/m.test(metrics);
	};

	it('waits for answers that are on their way, however slowly they are read', async (t) => {
		const d = await daemon({ t });
		assert.equal((await send(d, 'x'.repeat(900_000))).status, 201);
		const readers = [await slowReader(d), await slowReader(d), await slowReader(d)];
		await until(() => writing(d, 5));
		d.signal('SIGTERM');
		assert.ok(await pending(d.exited, ms(800)), 'it waits for three');
		readers[0].close();
		for (const reader of readers.slice(1)) {
			assert.ok(await pending(d.exited, ms(800)), 'it waits for the rest');
			reader.conn.resume();
			const res = await within(ms(10_000), reader.reply, 'the rest of the answer');
			assert.deepEqual([res.status, res.json.messages[0].text.length], [200, 900_000]);
		}
		// Long before it would give up waiting.
		assert.equal((await within(8_000 + ms(4_000), d.exited, 'the end')).code, 0);
		for (const reader of readers)
			reader.close();
	});

	it('does not wait longer than --send-timeout for one that does not read at all', async (t) => {
		const d = await daemon({ t, flags: ['--send-timeout', '1'] });
		assert.equal((await send(d, 'x'.repeat(900_000))).status, 201);
		const reader = await slowReader(d);
		await until(() => writing(d, 3));
		d.signal('SIGTERM');
		assert.equal((await within(8_000 + ms(4_000), d.exited, 'the end')).code, 0);
		reader.close();
	});

	it('does not wait for a client that says nothing, nor for half a request', async (t) => {
		const d = await daemon({ t });
		const [silent, half] = [await connect(d.socket), await connect(d.socket)];
		half.write(Buffer.from([1, 1, 0, 1, 0, 8, 0, 0, 0, 1]));
		await sleep(100);
		assert.equal((await within(ms(30_000), d.stop(), 'the end')).code, 0);
		silent.close();
		half.close();
	});

	it('is found again after a restart: everything answered is there', async (t) => {
		const d = await daemon();
		const answers = [];
		let stopping = false;
		const senders = Array.from({ length: 8 }, async (_, i) => {
			for (let n = 0; !stopping; n++) {
				try {
					const res = await send(d, `${i}/${n}`);
					if (res.status === 201)
						answers.push(res.json.id);
				} catch {
					break; // it was gone
				}
			}
		});
		await until(() => answers.length > 200);
		const end = d.stop();
		await sleep(100);
		stopping = true;
		assert.equal((await end).code, 0);
		await within(ms(20_000), Promise.all(senders), 'the senders');
		const again = await daemon({ dir: d.dir, t });
		const stored = (await again.rows('SELECT id FROM messages')).map((row) => row.id);
		assert.deepEqual(answers.filter((id) => !stored.includes(id)), []);
		assert.equal(new Set(answers).size, answers.length);
	});
});

describe('stop: other signals', () => {
	for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2']) {
		it(`${signal} does not end it`, async (t) => {
			const d = await daemon({ t });
			const held = poll(d, 'wait=50');
			await d.parked(1);
			for (let i = 0; i < 3; i++) {
				d.signal(signal);
				assert.ok(await pending(d.exited));
			}
			assert.equal((await send(d, 'still there')).status, 201);
			assert.equal((await held).json.messages[0].text, 'still there');
			const { code, log } = await d.stop();
			assert.equal(code, 0);
			assert.equal(/ read_again jwt_keys=0$/m.test(log), signal === 'SIGHUP', log);
		});
	}

	/** A daemon started from a terminal, through `shell` words in front of it; `hangUp()` ends that terminal. */
	async function onTerminal(t, { before = 'exec' } = {}) {
		const dir = tempDir(), at = (name) => path.join(dir, name);
		// script(1) gives what it starts a terminal of its own, and takes it away when it ends.
		const terminal = child('script', ['-qec', `${before} '${binary}' --socket '${at('sock')}' --database '${at('longline.db')}' --pid-file '${at('pid')}' 2>'${at('log')}'`, '/dev/null'],
			{ env: { SHELL: '/bin/sh' }, cwd: dir });
		const self = {
			socket: at('sock'),
			get: (target) => fastcgi(at('sock'), { path: target }),
			log: () => fs.readFileSync(at('log'), 'utf8'),
			hangUp: () => terminal.signal('SIGKILL'),
			there: () => fs.existsSync(at('pid')) && alive(self.pid),
		};
		await until(() => fs.existsSync(at('pid')) || terminal.done, { what: 'the daemon on a terminal' });
		self.pid = Number(fs.readFileSync(at('pid'), 'utf8'));
		t.after(async () => {
			terminal.signal('SIGKILL');
			if (alive(self.pid))
				process.kill(self.pid, 'SIGKILL');
			await terminal.ended;
		});
		return self;
	}

	it('when its terminal hangs up it stops in order', async (t) => {
		// As what the terminal runs, and as a job of the shell that it runs.
		for (const before of ['exec', '']) {
			const d = await onTerminal(t, { before });
			process.kill(d.pid, 'SIGHUP');
			await sleep(200);
			assert.ok(d.there(), 'from kill(1) it is no hang-up');
			const held = poll(d, 'wait=50');
			await parked(d, 1);
			d.hangUp();
			assert.equal((await within(ms(20_000), held, 'the held poll')).status, 200);
			await until(() => !alive(d.pid), { what: 'the end' });
			assert.match(d.log(), / read_again jwt_keys=0\n(?:.* not_counted .*\n)?.* stopping signal=1 polls=1 streams=0\n.* stopped clean=1\n$/);
		}
	});

	it('behind nohup it outlives its terminal', async (t) => {
		const d = await onTerminal(t, { before: 'exec nohup' });
		d.hangUp();
		await sleep(ms(300));
		assert.ok(d.there());
		assert.equal((await send(d, 'x')).status, 201);
		process.kill(d.pid);
		await until(() => !alive(d.pid), { what: 'the end' });
		assert.match(d.log(), / stopping signal=15 /);
	});
});

describe('stop: the pid file', () => {
	it('is removed at the end, whichever signal ends it', async () => {
		for (const signal of ['SIGTERM', 'SIGINT']) {
			const d = await daemon();
			assert.equal(fs.readFileSync(`${d.socket}.pid`, 'utf8'), `${d.pid}\n`);
			assert.equal((await d.stop(signal)).code, 0);
			assert.deepEqual(fs.readdirSync(d.dir).filter((name) => /pid/.test(name)), []);
		}
	});

	it('is left alone when it is another\'s by then', async () => {
		for (const other of ['1\n', '', 'x']) {
			const d = await daemon();
			fs.writeFileSync(`${d.socket}.pid`, other);
			await d.stop();
			assert.equal(fs.readFileSync(`${d.socket}.pid`, 'utf8'), other);
		}
		const d = await daemon();
		fs.rmSync(`${d.socket}.pid`);
		assert.equal((await d.stop()).code, 0, 'nor is it missed');
	});
});

describe('stop: SIGTERM and Ctrl-C to scripts/run', () => {
	for (const signal of ['SIGTERM', 'SIGINT']) {
		it(`${signal}: held polls get their 200 through nginx, both processes end, nothing is left`, async (t) => {
			const s = await start({ t });
			await s.sent('x');
			const pids = [s.pid(), Number(fs.readFileSync(`${s.dataDir}/run/nginx.pid`, 'utf8'))];
			const held = Array.from({ length: 10 }, () => s.poll({ wait: 50 }));
			await s.parked(10);
			const end = s.stop({ signal });
			for (const res of await within(ms(20_000), Promise.all(held), 'the held polls'))
				assert.deepEqual([res.status, res.json.messages], [200, []]);
			assert.equal((await end).code, 0);
			assert.deepEqual(pids.filter(alive), []);
		});
	}
});
