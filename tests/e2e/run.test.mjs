// run.test.mjs: scripts/run: what a stranger's first command does, and what it does when something is in the way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { alive, binary, freePort, killPid, launch, ms, request, root, run, start, tempDir, until, within } from './harness.mjs';

const nginxPid = (s) => Number(fs.readFileSync(path.join(s.dataDir, 'run/nginx.pid'), 'utf8'));

/** An executable shell script in a folder of its own. */
function script(text) {
	const file = path.join(tempDir(), 'fake');
	fs.writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
	return file;
}

/** Waits for a daemon other than `pid` that answers. */
async function another(s, pid) {
	await until(() => {
		try {
			return s.pid() !== pid && alive(s.pid());
		} catch {
			return false;
		}
	}, { what: 'another daemon' });
	await until(async () => (await s.get('/healthz')).status === 200, { what: 'it to answer' });
}

/** A copy of the checkout without what git ignores, but for the client file. */
async function copy(to) {
	fs.cpSync(root, to, {
		recursive: true, preserveTimestamps: true, verbatimSymlinks: true,
		filter: (from) => !/^(\.git|data|node_modules|tests|build\/(?!client).*)$/.test(path.relative(root, from)),
	});
}

describe('run: a start', () => {
	it('says when it is ready, and is', async (t) => {
		const s = await start({ t });
		assert.match(s.proc.stdout, new RegExp(`^Longline is ready: http://localhost:${s.port}\\n`, 'm'));
		const page = await s.get('/');
		assert.equal(page.status, 200);
		assert.match(page.headers['content-type'], /^text\/html/);
		assert.equal((await s.send('hello')).status, 201);
		for (const name of ['longline.db', 'run/longlined.sock', 'run/longlined.pid', 'run/nginx.pid', 'log'])
			assert.ok(fs.existsSync(path.join(s.dataDir, name)), name);
	});

	it('writes the daemon\'s pid, and nginx\'s', async (t) => {
		const s = await start({ t });
		assert.match(fs.readFileSync(path.join(s.dataDir, 'run/longlined.pid'), 'utf8'), /^\d+\n$/);
		assert.ok(alive(s.pid()));
		assert.match(fs.readlinkSync(`/proc/${s.pid()}/exe`), /longlined/);
		assert.match(fs.readFileSync(`/proc/${nginxPid(s)}/cmdline`, 'utf8'), /nginx/);
	});

	it('starts as many nginx workers as it is told', async (t) => {
		const s = await start({ t, workers: 3 });
		const master = nginxPid(s);
		const workers = () => fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
			try {
				return new RegExp(`^PPid:\\t${master}$`, 'm').test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
			} catch {
				return false;
			}
		});
		// The first answers before the last is there.
		await until(() => workers().length >= 3, { what: 'three of them' });
		assert.equal(workers().length, 3);
	});

	it('works in a path with blanks and other oddities, its own data folder included', async (t) => {
		const checkout = path.join(tempDir(), 'a "path" with  blanks; & ünï $HOME \'s');
		await copy(checkout);
		const port = await freePort();
		const proc = launch({ port, script: path.join(checkout, 'scripts/run'), cwd: '/', env: { DATA_DIR: '', LONGLINED: binary } });
		t.after(async () => {
			proc.signal();
			await proc.ended;
		});
		await until(() => /is ready/.test(proc.stdout) || proc.done, { timeout: ms(60_000) });
		assert.match(proc.stdout, /is ready/, proc.output);
		const base = `http://127.0.0.1:${port}`;
		assert.equal((await request(`${base}/send`, { method: 'POST', body: 'x' })).status, 201);
		assert.equal((await request(`${base}/`)).status, 200);
		assert.ok(fs.existsSync(path.join(checkout, 'data/longline.db')));
	});

	it('splits LONGLINED_FLAGS at blanks and leaves * and ? alone', async (t) => {
		const cwd = tempDir();
		fs.writeFileSync(path.join(cwd, 'a'), '');
		const s = await start({ t, cwd, flags: '  --cors   *\t--wait-max  7 ' });
		const res = await s.poll({ wait: 0 }, { headers: { Origin: 'http://a.example' } });
		assert.equal(res.headers['access-control-allow-origin'], '*');
		assert.equal((await s.poll({ wait: 8 })).status, 400);
	});

	it('takes a relative DATA_DIR and LONGLINED', async (t) => {
		const cwd = tempDir();
		fs.copyFileSync(binary, path.join(cwd, 'mine'));
		fs.chmodSync(path.join(cwd, 'mine'), 0o755);
		const port = await freePort();
		const proc = launch({ port, cwd, dataDir: 'some/data', env: { LONGLINED: './mine' } });
		t.after(async () => {
			proc.signal();
			await proc.ended;
		});
		await until(() => /is ready/.test(proc.stdout) || proc.done, { timeout: ms(60_000) });
		assert.match(proc.stdout, /is ready/, proc.output);
		assert.ok(fs.existsSync(path.join(cwd, 'some/data/longline.db')));
	});

	it('works for an ordinary user', async (t) => {
		if (process.getuid() !== 0)
			return t.skip('is one already');
		const folder = tempDir();
		fs.chmodSync(folder, 0o755);
		const checkout = path.join(folder, 'checkout');
		await copy(checkout);
		fs.copyFileSync(binary, path.join(folder, 'longlined'));
		fs.chmodSync(path.join(folder, 'longlined'), 0o755);
		const dataDir = path.join(folder, 'data');
		fs.mkdirSync(dataDir);
		fs.chownSync(dataDir, 65534, 65534);
		const port = await freePort();
		const wrapper = script(`exec setpriv --reuid=65534 --regid=65534 --clear-groups '${checkout}/scripts/run'`);
		fs.chmodSync(path.dirname(wrapper), 0o755);
		const proc = launch({ port, dataDir, script: wrapper, cwd: folder, env: { LONGLINED: path.join(folder, 'longlined') } });
		t.after(async () => {
			process.kill(proc.pid);
			await proc.ended;
		});
		await until(() => /is ready/.test(proc.stdout) || proc.done, { timeout: ms(60_000) });
		assert.match(proc.stdout, /is ready/, proc.output);
		assert.equal((await request(`http://127.0.0.1:${port}/send`, { method: 'POST', body: 'x' })).status, 201);
		assert.equal((await request(`http://127.0.0.1:${port}/style.css`)).status, 200);
	});
});

describe('run: its arguments', () => {
	const script = path.join(root, 'scripts/run');

	it('--help says what can be set, and starts nothing', async () => {
		const env = { DATA_DIR: path.join(tempDir(), 'data') };
		for (const arg of ['--help', '-h']) {
			const { code, stdout, stderr } = await run(script, [arg], { env });
			assert.equal(code, 0);
			assert.equal(stderr, '');
			const table = fs.readFileSync(path.join(root, 'README.md'), 'utf8').split('\n').filter((line) => /^\| `[A-Z_]+` \| /.test(line));
			const names = table.map((line) => /`(\w+)`/.exec(line)[1]).filter((name) => !/^(PREFIX|DESTDIR|BASE|SOCKET|CORS|UNITS)$/.test(name));
			assert.ok(names.length >= 5);
			for (const name of names)
				assert.match(stdout, new RegExp(`^\\s+${name}\\s`, 'm'));
			assert.doesNotMatch(stdout, /^#|pdeathsig|set -e/m);
		}
		assert.ok(!fs.existsSync(env.DATA_DIR));
	});

	it('any other is refused', async () => {
		const env = { DATA_DIR: path.join(tempDir(), 'data') };
		for (const arg of ['--colour', 'start', '']) {
			const { code, stdout, stderr } = await run(script, [arg], { env });
			assert.equal(code, 2);
			assert.equal(stdout, '');
			assert.equal(stderr, `longline: unexpected argument '${arg}'; see scripts/run --help\n`);
		}
		assert.ok(!fs.existsSync(env.DATA_DIR));
	});

	it('so it is with scripts/test', async () => {
		const help = await run(path.join(root, 'scripts/test'), ['--help']);
		assert.equal(help.code, 0);
		assert.match(help.stdout, /^test \[SUITE\.\.\.\] - .*\n(.*\n)+$/);
		assert.equal((await run(path.join(root, 'scripts/test'), ['--colour'])).code, 2);
	});
});

/** Whose process it is. */
const uidOf = (pid) => Number(/^Uid:\t(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

/** A GET of /poll with this Host; the status, or what went wrong. */
const asks = (address, port, Host) => request(`http://${address}:${port}/poll?wait=0`, { headers: { Host } }).then(({ status }) => status, ({ code }) => code);

describe('run: who may ask', () => {
	it('only this host, and by its own names', async (t) => {
		const s = await start({ t });
		for (const host of ['localhost', `localhost:${s.port}`, 'LocalHost', `127.0.0.1:${s.port}`, `[::1]:${s.port}`])
			assert.equal(await asks('127.0.0.1', s.port, host), 200, host);
		for (const host of ['rebound.example', `rebound.example:${s.port}`, '127.0.0.2', 'localhost.rebound.example'])
			assert.equal(await asks('127.0.0.1', s.port, host), 421, host);
		assert.equal(await asks('127.0.0.2', s.port, 'localhost'), 'ECONNREFUSED');
	});

	it('LISTEN=* listens everywhere, for any host', async (t) => {
		const s = await start({ t, env: { LISTEN: '*' } });
		assert.match(s.proc.stdout, new RegExp(`^Longline is ready: http://localhost:${s.port}\n`, 'm'));
		for (const address of ['127.0.0.1', '127.0.0.2'])
			assert.equal(await asks(address, s.port, 'any.example'), 200);
	});

	it('LISTEN has addresses of one\'s own, and HOSTS the hosts', async (t) => {
		const s = await start({ t, env: { LISTEN: ' 127.0.0.2  127.0.0.3 ', HOSTS: ' log.example\t[::7] ' } });
		assert.match(s.proc.stdout, new RegExp(`^Longline is ready: http://127\\.0\\.0\\.2:${s.port}\n`, 'm'));
		assert.equal(await asks('127.0.0.1', s.port, 'log.example'), 'ECONNREFUSED');
		for (const address of ['127.0.0.2', '127.0.0.3']) {
			assert.equal(await asks(address, s.port, 'log.example'), 200);
			assert.equal(await asks(address, s.port, '[::7]'), 200);
			assert.equal(await asks(address, s.port, address), 421);
		}
	});

	it('HOSTS alone, and --host among the flags', async (t) => {
		const s = await start({ t, env: { HOSTS: 'log.example' }, flags: '--host two.example' });
		assert.deepEqual([await asks('127.0.0.1', s.port, 'log.example'), await asks('127.0.0.1', s.port, 'two.example'), await asks('127.0.0.1', s.port, 'localhost')], [200, 200, 421]);
	});
});

describe('run: as root', { skip: process.getuid() !== 0 && 'is not root' }, () => {
	const data = () => {
		const folder = tempDir();
		fs.chmodSync(folder, 0o755);
		return path.join(folder, 'data');
	};
	const warnings = (s) => s.proc.stderr.match(/running as root/g)?.length ?? 0;

	it('nginx and the daemon are a user\'s of their own, and so are the files', async (t) => {
		const dataDir = data();
		const s = await start({ dataDir, t });
		const uids = [s.pid(), nginxPid(s), s.proc.pid].map(uidOf);
		assert.deepEqual(uids, Array(3).fill(uids[0]));
		if (uids[0] === 0) {
			assert.equal(warnings(s), 1, 'where nobody else can reach the checkout');
			return;
		}
		assert.equal(warnings(s), 0);
		for (const name of ['.', 'longline.db', 'run', 'log', 'run/longlined.sock', 'log/longlined.log'])
			assert.equal(fs.statSync(path.join(dataDir, name)).uid, uids[0], name);
		assert.equal(fs.statSync(dataDir).mode & 0o7777, 0o2770);
		const status = fs.readFileSync(`/proc/${s.pid()}/status`, 'utf8');
		assert.match(status, /^CapEff:\t0+$/m);
		assert.match(status, /^NoNewPrivs:\t1$/m);
		assert.equal((await s.get('/style.css')).status, 200);
		assert.equal((await s.send('x')).status, 201);
		await s.stop();
		const again = await start({ dataDir, t });
		assert.equal(uidOf(again.pid()), uids[0]);
		assert.equal(await again.sent('y'), 2);
	});

	it('a data folder that is root\'s, or out of reach, is used as root, with one warning', async (t) => {
		const mine = data(), hidden = path.join(tempDir(), 'data');
		fs.mkdirSync(mine);
		fs.writeFileSync(path.join(mine, 'note'), 'somebody has put something here');
		for (const dataDir of [mine, hidden]) {
			const s = await start({ dataDir, t });
			assert.equal(uidOf(s.pid()), 0);
			assert.equal(warnings(s), 1, s.proc.stderr);
			assert.ok(fs.statSync(dataDir).uid === 0);
			assert.equal((await s.send('x')).status, 201);
			assert.equal((await s.get('/style.css')).status, 200);
		}
	});

	it('so is a daemon out of reach', async (t) => {
		const s = await start({ dataDir: data(), t, env: { LONGLINED: script(`exec '${binary}' "$@"`) } });
		assert.equal(uidOf(s.pid()), 0);
		assert.equal(warnings(s), 1);
		assert.equal((await s.send('x')).status, 201);
	});

	it('a port below 1024 works all the same', async (t) => {
		const used = fs.readFileSync('/proc/net/tcp', 'utf8');
		const port = [1023, 1022, 1021, 1019].find((one) => !used.includes(`:0${one.toString(16).toUpperCase()} `));
		const s = await start({ dataDir: data(), port, t });
		assert.equal(uidOf(s.pid()) === 0, warnings(s) === 1);
		assert.equal((await s.send('x')).status, 201);
	});
});

describe('run: what is in the way', () => {
	it('a port that is taken is named, and it gives up at once', async (t) => {
		for (const host of ['0.0.0.0', '127.0.0.1']) {
			const port = await freePort();
			const other = net.createServer().listen(port, host);
			await once(other, 'listening');
			t.after(() => other.close());
			const proc = launch({ port, dataDir: tempDir() });
			const { code } = await within(ms(60_000), proc.ended, 'scripts/run');
			assert.notEqual(code, 0);
			assert.match(proc.output, new RegExp(`\\b${port}\\b`));
			assert.match(proc.output, /taken|in use/);
			assert.doesNotMatch(proc.output, /is ready/);
		}
	});

	it('another Longline on the port, likewise', async (t) => {
		const s = await start({ t });
		const proc = launch({ port: s.port, dataDir: tempDir() });
		const { code } = await within(ms(60_000), proc.ended, 'scripts/run');
		assert.notEqual(code, 0);
		assert.match(proc.output, /taken|in use/);
		assert.equal((await s.send('x')).status, 201);
	});

	it('a data folder in use is named', async (t) => {
		const s = await start({ t });
		const proc = launch({ port: await freePort(), dataDir: s.dataDir });
		const { code } = await within(ms(60_000), proc.ended, 'scripts/run');
		assert.notEqual(code, 0);
		assert.ok(proc.output.includes(fs.realpathSync(s.dataDir)), proc.output);
		assert.equal((await s.send('x')).status, 201);
	});

	for (const [name, env, what] of [['PORT', { PORT: 'http' }, /PORT.*http/], ['LISTEN', { LISTEN: '127.0.0.1 everywhere' }, /LISTEN must be addresses.*'everywhere'/], ['NGINX_WORKERS', { NGINX_WORKERS: 'many' }, /NGINX_WORKERS.*many/],
		['LONGLINED', { LONGLINED: '/nowhere/longlined' }, /\/nowhere\/longlined/]])
		it(`a bad ${name} is named`, async () => {
			const proc = launch({ port: await freePort(), dataDir: tempDir(), env });
			const { code } = await within(ms(60_000), proc.ended, 'scripts/run');
			assert.notEqual(code, 0);
			assert.match(proc.output, what);
		});
});

describe('run: a daemon that dies', { concurrency: true }, () => {
	it('by kill -9, is said and started again at once, and nothing is lost', async (t) => {
		const s = await start({ t });
		for (let i = 1; i <= 3; i++) {
			const id = await s.sent(`before ${i}`);
			const pid = s.pid();
			const killed = Date.now();
			s.kill('SIGKILL');
			await another(s, pid);
			assert.ok(Date.now() - killed < ms(10_000));
			assert.equal((await s.poll({ since: id - 1, wait: 0 })).json.messages[0].text, `before ${i}`);
			assert.equal((s.proc.output.match(/SIGKILL.*starting it again/g) ?? []).length, i);
		}
	});

	it('by SIGTERM, is started again too', async (t) => {
		const s = await start({ t });
		const pid = s.pid();
		s.kill('SIGTERM');
		await another(s, pid);
		assert.equal((await s.send('x')).status, 201);
	});

	it('before serving, is tried again after a second', async (t) => {
		const starts = path.join(tempDir(), 'starts');
		const fake = script(`date +%s%N >>'${starts}'\n[ $(wc -l <'${starts}') -gt 2 ] || exit 1\nexec '${binary}' "$@"`);
		const s = await start({ t, env: { LONGLINED: fake } });
		assert.equal((await s.send('x')).status, 201);
		const times = fs.readFileSync(starts, 'utf8').trim().split('\n').map((line) => Number(BigInt(line) / 1_000_000n));
		assert.equal(times.length, 3);
		assert.ok(times[1] - times[0] >= 950 && times[2] - times[1] >= 950, `${times}`);
		assert.match(s.proc.output, /status 1/);
	});

	for (const [status, what] of [[2, 'an option is wrong'], [3, 'somebody must mend the database']]) {
		it(`because ${what}, is not tried again`, async () => {
			const dataDir = tempDir();
			if (status === 3)
				fs.writeFileSync(path.join(dataDir, 'longline.db'), 'a shopping list, and a long one\n'.repeat(100));
			const proc = launch({ port: await freePort(), dataDir, flags: status === 2 ? '--colour red' : '' });
			const { code } = await within(ms(60_000), proc.ended, 'scripts/run');
			assert.notEqual(code, 0);
			assert.match(proc.output, new RegExp(`longlined cannot start \\(it ended with status ${status}\\)`));
			assert.match(proc.output, status === 2 ? /there is no option --colour/ : /longline\.db: file is not a database/, 'it shows what the daemon said');
			assert.doesNotMatch(proc.output, /trying again|is ready|did not stop in time/);
		});
	}

	it('before serving, again and again, is given up after 10 more tries', async () => {
		const starts = path.join(tempDir(), 'starts');
		const proc = launch({ port: await freePort(), dataDir: tempDir(), env: { LONGLINED: script(`echo x >>'${starts}'\necho 'no such thing' >&2\nexit 4`) } });
		const { code } = await within(ms(90_000), proc.ended, 'scripts/run');
		assert.notEqual(code, 0);
		assert.equal(fs.readFileSync(starts, 'utf8'), 'x\n'.repeat(11));
		assert.doesNotMatch(proc.output, /is ready/);
		assert.match(proc.output, /no such thing/, 'it shows what the daemon said');
	});
});

describe('run: the end', () => {
	it('leaves nothing behind', async () => {
		const s = await start();
		await s.sent('x');
		const pids = [s.pid(), nginxPid(s), s.proc.pid];
		const dataDir = tempDir();
		await s.stop();
		assert.deepEqual(pids.filter(alive), []);
		const again = await start({ dataDir, port: s.port });
		await again.stop();
		for (const name of ['run/longlined.pid', 'run/nginx.pid', 'run/longlined.sock'])
			assert.ok(!fs.existsSync(path.join(dataDir, name)), name);
		assert.ok(fs.existsSync(path.join(dataDir, 'longline.db')));
	});

	it('by kill -9 takes the daemon and nginx along, and the next start is a clean one', async (t) => {
		const dataDir = tempDir();
		const s = await start({ dataDir });
		await s.sent('x');
		const pids = [s.pid(), nginxPid(s)];
		s.agent.destroy();
		await killPid(s.proc.pid);
		await until(() => pids.filter(alive).length === 0, { what: 'both to end' });
		const again = await start({ dataDir, t });
		assert.equal((await again.poll({ since: 'all' })).json.messages[0].text, 'x');
	});

	it('hands back the terminal\'s hang-up as any other signal', async () => {
		const s = await start();
		const pids = [s.pid(), nginxPid(s)];
		await s.stop({ signal: 'SIGHUP' });
		assert.deepEqual(pids.filter(alive), []);
	});

	it('before it is ready is as clean', async () => {
		const dataDir = tempDir();
		const proc = launch({ port: await freePort(), dataDir, env: { LONGLINED: script('exec sleep 300') } });
		await until(() => fs.existsSync(path.join(dataDir, 'run/nginx.pid')), { timeout: ms(30_000) });
		proc.signal('SIGTERM');
		await within(ms(40_000), proc.ended, 'the end');
		const left = await run('sh', ['-c', 'for p in /proc/[0-9]*; do [ "$(readlink $p/cwd)" = "$0" ] && cat $p/cmdline; done; true', fs.realpathSync(dataDir)]);
		assert.equal(left.stdout, '');
	});
});
