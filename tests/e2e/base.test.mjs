// base.test.mjs: below a path of its own, by way of a rewrite or as installed there; and the installed copy as such.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { binary, client, curl, daemon, freePort, has, ms, parked, problem, request, root, run, tempDir, within } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

/** Everything a page and a person with curl do, below `base` of this nginx. */
async function works(front, base) {
	const at = client(front.url + base);
	try {
		const page = await at.get('/');
		assert.equal(page.status, 200);
		assert.match(page.headers['content-type'], /^text\/html/);
		assert.ok('content-security-policy' in page.headers);
		for (const [, name] of page.text.matchAll(/(?:src|href)="([^"]+)"/g))
			assert.equal((await front.get(new URL(name, `${front.url}${base}/`).pathname)).status, 200, `${name}, as the page names it`);
		const held = at.poll({ wait: 50 });
		await parked({ get: at.get }, 1);
		const sent = await at.send('hi', {}, { Origin: front.url });
		assert.equal(sent.status, 201, sent.text);
		assert.equal((await within(ms(30_000), held)).json.messages[0].text, 'hi');
		assert.equal((await at.history()).json.messages.at(-1).text, 'hi');
		assert.equal((await at.get('/rooms')).json.rooms[0].text, 'hi');
		assert.equal((await at.get('/healthz')).status, 200);
		problem(assert, await at.poll('x=1'), 400, 'unknown_parameter');
		problem(assert, await at.get('/none'), 404, 'not_found');
		problem(assert, await at.post('/send', 'x'.repeat(5_000_000)), 413, 'body_too_large');
	} finally {
		at.agent.destroy();
	}
}

/** The example of a whole site, with a certificate of our own and other ports: TLS, HTTP/2, the redirect. */
async function complete(t, { http, site, snippet, share, base }) {
	const folder = tempDir();
	const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
	await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=longline.example', '-keyout', key, '-out', cert]);
	const plain = await freePort();
	const front = await nginx({ http, server: '', t, site: (port) => site
		.replace(/^\s*listen \[::\].*$/gm, '')
		.replace(/listen 80;/, `listen 127.0.0.1:${plain};`)
		.replace(/listen 443 /, `listen 127.0.0.1:${port} `)
		.replace(/ssl_certificate .*;/, `ssl_certificate ${cert};`)
		.replace(/ssl_certificate_key .*;/, `ssl_certificate_key ${key};`)
		.replace(/include \S*\/longline\.conf;/, `include ${snippet}/server.conf;`)
		.replace(/include \S*\/(longline-\w+\.conf);/g, `include ${share}/$1;`) });
	const name = `https://longline.example:${front.port}`;
	const ask = (...args) => curl('--cacert', cert, '--resolve', `longline.example:${front.port}:127.0.0.1`, ...args);
	const page = await ask('--http2', '-o', '/dev/null', '-w', '%{http_code} %{http_version}', `${name}${base}/`);
	assert.equal(page.stdout, '200 2', page.stderr);
	const held = ask(`${name}${base}/poll?wait=50&room=tls&since=0`);
	const sent = await ask('-H', `Origin: ${name}`, '-d', 'over TLS', `${name}${base}/send?room=tls`);
	assert.equal(sent.json?.room, 'tls', sent.stdout + sent.stderr);
	assert.equal((await held).json.messages[0].text, 'over TLS');
	const moved = await request(`http://127.0.0.1:${plain}${base}/send?room=x`, { method: 'POST', body: 'x', headers: { Host: 'longline.example' } });
	assert.deepEqual([moved.status, moved.headers.location], [308, `https://longline.example${base}/send?room=x`]);
}

describe('base: below /chat/', () => {
	it('it serves by a rewrite in the site', async (t) => {
		const d = await daemon({ t });
		const { http, server } = snippets({ socket: d.socket });
		const [, told] = /^#\s+(location \^~ \/chat\/ \{.*\})$/m.exec(server);
		const front = await nginx({ http, server, extra: told, t });
		await works(front, '/chat');
		await works(front, '');
	});

	it('it serves by a BASE in the snippet', async (t) => {
		const d = await daemon({ t });
		const front = await nginx({ ...snippets({ socket: d.socket, base: '/chat' }), t });
		await works(front, '/chat');
		assert.equal((await front.get('/poll?wait=0')).status, 404, 'the rest of the site is not ours');
		const bare = await front.get('/chat');
		assert.equal(bare.status, 301);
		assert.match(bare.headers.location, /\/chat\/$/);
	});
});

for (const BASE of ['', '/chat']) {
	describe(`base: make install BASE=${BASE}`, () => {
		it('puts everything in place, and that copy serves', async (t) => {
			const DESTDIR = tempDir();
			// A make around us has flags for itself.
			const env = { MAKEFLAGS: '', MAKELEVEL: '', MFLAGS: '' };
			const made = await run('make', ['-s', '-C', root, 'install', `DESTDIR=${DESTDIR}`, 'PREFIX=/usr/local', `BASE=${BASE}`], { env, timeout: ms(300_000) });
			assert.equal(made.code, 0, made.stderr);
			const files = execFileSync('find', [DESTDIR, '-type', 'f', '-o', '-type', 'l'], { encoding: 'utf8' }).trim().split('\n');
			const find = (pattern) => {
				const found = files.filter((file) => pattern.test(file));
				assert.equal(found.length, 1, `${pattern}: ${found}`);
				return found[0];
			};
			const installed = find(/\/usr\/local\/s?bin\/longlined$/);
			assert.ok(fs.statSync(installed).mode & 0o111);
			find(/\/man\/man8\/longlined\.8(\.gz)?$/);
			find(/\/longlined\.socket$/);
			find(/\/longlined\.service$/);
			find(/\/longlined-failed\.target$/);
			for (const name of fs.readdirSync(path.join(root, 'sql')))
				assert.ok(files.some((file) => file.endsWith(`/${name}`)), name);
			for (const name of fs.readdirSync(path.join(root, 'static')))
				assert.ok(files.some((file) => file.endsWith(`/static/${name}`)), name);

			const http = fs.readFileSync(find(/\/longline-http\.conf$/), 'utf8');
			const server = fs.readFileSync(find(/\/nginx\/longline\.conf$/), 'utf8');
			for (const text of [http, server]) {
				assert.doesNotMatch(text, /@[A-Z]+@/);
				assert.ok(!text.includes(DESTDIR), 'DESTDIR is not where it will lie');
			}
			const [, socket] = /server "?unix:([^";]+)"?;/.exec(http);
			const [, shown] = /alias "?([^";]+)"?;/.exec(server);
			assert.ok(fs.existsSync(path.join(DESTDIR, shown, 'index.html')), shown);
			const unit = fs.readFileSync(find(/\/longlined\.socket$/), 'utf8');
			assert.ok(unit.includes(`ListenStream=${socket}\n`), 'nginx and systemd mean the same socket');
			assert.match(unit, /^SocketMode=0660$/m);
			assert.match(fs.readFileSync(find(/\/longlined\.service$/), 'utf8'), /^ExecStart=\/usr\/local\/s?bin\/longlined /m);

			const d = await daemon({ t });
			assert.ok(!d.done, d.output);
			const front = await nginx({ http: http.replaceAll(socket, d.socket), server: server.replaceAll(shown, path.join(DESTDIR, shown)), t });
			await works(front, BASE);
			const example = find(/\/nginx\/site-example\.conf$/);
			const site = fs.readFileSync(example, 'utf8');
			await complete(t, { http: http.replaceAll(socket, d.socket), site, snippet: front.folder, share: path.dirname(example), base: BASE });
			const version = await run(installed, ['--version']);
			assert.equal(version.code, 0);
			assert.equal(version.stdout, (await run(binary, ['--version'])).stdout);
			find(/\/share\/longline\/grafana\/longline-dashboard\.json$/);
			find(/\/share\/longline\/prometheus\/longline\.rules\.yml$/);

			const undone = await run('make', ['-s', '-C', root, 'uninstall', `DESTDIR=${DESTDIR}`, 'PREFIX=/usr/local', `BASE=${BASE}`], { env });
			assert.equal(undone.code, 0, undone.stderr);
			assert.equal(execFileSync('find', [DESTDIR, '-not', '-type', 'd'], { encoding: 'utf8' }), '');
		});
	});
}

describe('base: the units', () => {
	const unit = (name) => fs.readFileSync(path.join(root, 'scripts/systemd', name), 'utf8');

	it('leave it at a start that cannot succeed, and close the socket then', () => {
		const service = unit('longlined.service');
		const statuses = [...fs.readFileSync(path.join(root, 'fcgi/config.h'), 'utf8').matchAll(/\bEXIT_(?:OPTIONS|DATABASE) = (\d)/g)].map(([, status]) => status);
		assert.deepEqual(statuses, ['2', '3']);
		assert.match(service, new RegExp(`^RestartPreventExitStatus=${statuses.join(' ')}$`, 'm'));
		const [, after] = /^OnFailure=(\S+)$/m.exec(service);
		assert.match(unit(after), /^Conflicts=longlined\.socket$/m);
		assert.match(service, /^Requires=longlined\.socket$/m, 'which a start opens again');
	});

	it('are ones that systemd understands', async (t) => {
		if (!has('systemd-analyze'))
			return t.skip('no systemd-analyze here');
		const DESTDIR = tempDir();
		await run('make', ['-s', '-C', root, 'install', `DESTDIR=${DESTDIR}`, 'PREFIX=/usr/local'], { env: { MAKEFLAGS: '', MAKELEVEL: '', MFLAGS: '' }, timeout: ms(300_000) });
		const units = execFileSync('find', [DESTDIR, '-name', 'longlined*.s*', '-o', '-name', 'longlined*.target'], { encoding: 'utf8' }).trim().split('\n');
		const said = await run('systemd-analyze', ['verify', '--man=no', ...units]);
		// It also complains that the program is not (yet) where the unit says, and about the machine's own units.
		const ours = said.stderr.split('\n').filter((line) => /longlined/.test(line) && !/not executable|No such file/.test(line));
		assert.deepEqual(ours, []);
	});
});
