// readme.test.mjs: what README.md and docs/PROTOCOL.md show is what happens.
//
// A fenced block ```console holds a session: lines that begin with "$ " are commands (a backslash at the end goes on in
// the next line), the lines below are what they print. In those, … stands for anything within the line. All blocks of a
// document are run in order, in one shell, against a fresh Longline, from the folder in which data/ lies.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fastcgi } from './fastcgi.mjs';
import { client, daemon, freePort, metric, ms, parked, problem, request, root, run, sleep, start, tempDir, within } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

/** The fenced blocks of a document: {language, line, lines}. */
function blocks(text) {
	const found = [];
	let open = null;
	text.split('\n').forEach((line, i) => {
		const fence = /^\s*```+\s*(\S*)/.exec(line);
		if (!fence) {
			open?.lines.push(line);
		} else if (open) {
			found.push(open);
			open = null;
		} else {
			open = { language: fence[1], line: i + 1, lines: [] };
		}
	});
	assert.equal(open, null, 'every fence is closed');
	return found;
}

/** The commands of a console block: {command, expected, line}. */
function commands({ line, lines }) {
	const found = [];
	let inside = false;
	lines.forEach((text, i) => {
		if (inside) {
			found.at(-1).command += `\n${text.replace(/^> /, '')}`;
		} else if (text.startsWith('$ ')) {
			found.push({ command: text.slice(2), expected: [], line: line + 1 + i });
		} else {
			assert.ok(found.length > 0 || text.trim() === '', `line ${line + 1 + i}: output without a command`);
			found.at(-1)?.expected.push(text.trimEnd());
			return;
		}
		inside = found.at(-1).command.endsWith('\\');
	});
	return found;
}

const trimmed = (lines) => {
	const copy = lines.map((line) => line.trimEnd());
	while (copy.at(-1) === '')
		copy.pop();
	return copy;
};

/** Whether a printed line is the expected one; … matches anything. */
function matches(expected, line) {
	const pattern = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*');
	return new RegExp(`^${pattern}$`).test(line);
}

/** One shell for all commands of a document. */
function shell(cwd) {
	const proc = spawn('bash', ['--noprofile', '--norc'], { cwd, stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, PAGER: 'cat' } });
	proc.stdout.setEncoding('utf8');
	let out = '', n = 0, look = () => {};
	proc.stdout.on('data', (text) => {
		out += text;
		look();
	});
	return {
		run: (command) => new Promise((resolve) => {
			const mark = `<mark ${++n}>\n`;
			look = () => {
				const end = out.indexOf(mark);
				if (end < 0)
					return;
				resolve(out.slice(0, end));
				out = out.slice(end + mark.length);
				look = () => {};
			};
			// A command's output may lack its last line end.
			proc.stdin.write(`{ ${command}\n} 2>&1 </dev/null\necho; printf '<mark ${n}>\\n'\n`);
			look();
		}),
		close: () => proc.kill(),
	};
}

for (const name of ['README.md', 'docs/PROTOCOL.md']) {
	describe(`${name}: its examples`, () => {
		const file = path.join(root, name);
		const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';

		it('are all in console blocks, which are tried out', () => {
			assert.notEqual(text, '', `${name} is missing`);
			const others = blocks(text).filter((block) => block.language !== 'console' && block.lines.some((line) => /^\s*(\$ )?curl\b.*localhost:8080/.test(line)));
			assert.deepEqual(others.map((block) => `line ${block.line}`), []);
			assert.ok(blocks(text).flatMap((block) => (block.language === 'console' ? commands(block) : [])).some(({ command }) => command.includes('curl')));
		});

		it('print what it says', async (t) => {
			const folder = tempDir();
			const s = await start({ dataDir: path.join(folder, 'data'), t });
			const bash = shell(folder);
			t.after(() => bash.close());
			const wrong = [];
			for (const block of blocks(text).filter(({ language }) => language === 'console')) {
				for (const { command, expected, line } of commands(block)) {
					// Starting, building and installing have tests of their own.
					if (/^(sudo |scripts\/|make\b|git |cd |systemctl |apt)/.test(command))
						continue;
					const here = (words) => words.replaceAll('localhost:8080', `localhost:${s.port}`);
					let printed = await within(ms(90_000), bash.run(here(command)), `${name}:${line}`);
					// sqlite3 does not wait for the daemon, unless it is told to.
					for (let left = 20; left > 0 && /database is locked/.test(printed); left--) {
						await sleep(200);
						printed = await within(ms(90_000), bash.run(here(command)), `${name}:${line}`);
					}
					const lines = trimmed(printed.replaceAll(`localhost:${s.port}`, 'localhost:8080').replaceAll('\r', '').split('\n'));
					const wanted = trimmed(expected);
					if (lines.length !== wanted.length || wanted.some((want, i) => !matches(want, lines[i])))
						wrong.push(`${name}:${line}: $ ${command}\n--- says\n${wanted.join('\n')}\n--- printed\n${lines.join('\n')}`);
				}
			}
			assert.equal(wrong.length, 0, `\n${wrong.join('\n\n')}`);
		});
	});
}

describe('docs/PROTOCOL.md: its table of code words', () => {
	it('has all that the daemon and nginx can say', async (t) => {
		const d = await daemon({ t });
		const said = [
			...(await fastcgi(d.socket, { path: '/metrics' })).text.matchAll(/errors_total\{code="(\w+)"\}/g),
			...fs.readFileSync(path.join(root, 'nginx/longline.conf.in'), 'utf8').matchAll(/"code":"(\w+)"/g),
		].map(([, code]) => code);
		assert.ok(said.length > 20);
		const rows = fs.readFileSync(path.join(root, 'docs/PROTOCOL.md'), 'utf8').split('\n').filter((line) => line.startsWith('|'));
		assert.deepEqual(said.filter((code) => !rows.some((row) => row.includes(`\`${code}\``))), []);
	});
});

describe('README.md: what it says of deploying', () => {
	const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
	const found = (language, pattern) => {
		const all = blocks(readme).filter((block) => block.language === language).map(({ lines }) => lines.join('\n')).filter((text) => pattern.test(text));
		assert.equal(all.length, 1, `one block of ${language} with ${pattern}`);
		return all[0];
	};
	/** The listens of the example of a whole site, and as many on ports that are free. */
	const listens = (fs.readFileSync(path.join(root, 'nginx/site-example.conf.in'), 'utf8').match(/^\s*listen .*;$/gm) ?? []).length;

	it('below a path, by a rewrite: also without the last slash', async (t) => {
		const d = await daemon({ t });
		const front = await nginx({ ...snippets({ socket: d.socket }), extra: found('nginx', /location \^~ \/chat\//), t });
		const page = await front.get('/chat/');
		assert.equal(page.status, 200);
		for (const [asked, told] of [['/chat', '/chat/'], ['/chat?a=b', '/chat/?a=b']]) {
			const bare = await front.get(asked);
			// A relative one: behind another proxy nginx does not know its own name and port.
			assert.deepEqual([bare.status, bare.headers.location], [301, told]);
		}
		assert.equal((await front.get('/chat/')).text, page.text);
		assert.equal((await front.get('/chatter')).status, 404);
		assert.equal((await front.send('x')).status, 201);
		assert.equal((await client(`${front.url}/chat`).poll({ since: 0 })).json.messages[0].text, 'x');
	});

	it('a monitor on another host reads /healthz and /metrics at a port of its own, whatever name it uses, and nobody else', async (t) => {
		const d = await daemon({ t });
		const text = found('nginx', /location ~ \^\/\(healthz\|metrics\)\$/);
		const [, monitor] = /allow ([0-9.]+);/.exec(text);
		const [mine, other] = [await freePort(), await freePort()];
		const at = (port, allowed) => text.replace(/listen \d+;/, `listen 127.0.0.1:${port};`).replace(monitor, allowed);
		const { http, server } = snippets({ socket: d.socket });
		// The site asks everybody for a password.
		await nginx({ http: `${http}\n${at(mine, '127.0.0.1')}\n${at(other, monitor)}`, server, extra: 'auth_basic x; auth_basic_user_file none;', t });
		for (const headers of [{}, { Host: 'monitored.example:9180' }]) {
			assert.equal((await request(`http://127.0.0.1:${mine}/healthz`, { headers })).json?.status, 'ok');
			assert.match((await request(`http://127.0.0.1:${mine}/metrics`, { headers })).text, /^longline_polls_parked 0$/m);
		}
		for (const target of ['/poll?wait=0', '/send', '/', '/metrics/x'])
			assert.equal((await request(`http://127.0.0.1:${mine}${target}`)).status, 404, target);
		for (const target of ['/healthz', '/metrics'])
			assert.equal((await request(`http://127.0.0.1:${other}${target}`)).status, 403, target);
	});

	it('in Debian\'s default site its location / is in the way, and it works without it, or with a BASE', async (t) => {
		assert.match(readme, /duplicate location "\/"/);
		const d = await daemon({ t });
		const folder = tempDir();
		fs.writeFileSync(path.join(folder, 'index.html'), 'Welcome to nginx!');
		// As the package brings it, but for where it listens.
		const slash = '\tlocation / {\n\t\ttry_files $uri $uri/ =404;\n\t}\n';
		const site = (own) => (port) => `server {\n\tlisten 127.0.0.1:${port} default_server;\n\troot ${folder};\n\tindex index.html;\n\tserver_name _;\n${own}\tinclude server.conf;\n}\n`;
		const bare = snippets({ socket: d.socket });
		await assert.rejects(nginx({ ...bare, site: site(slash), t }), /duplicate location "\/"/);
		const without = await nginx({ ...bare, site: site(''), t });
		assert.match((await without.get('/')).text, /<title>/);
		assert.equal((await without.send('x')).status, 201);
		const below = await nginx({ ...snippets({ socket: d.socket, base: '/chat' }), site: site(slash), t });
		assert.equal((await below.get('/')).text, 'Welcome to nginx!');
		assert.equal((await below.get('/chat/poll?since=0')).json.messages[0].text, 'x');
	});

	it('as many polls as it says are held with Debian\'s defaults, and the next is told so', async (t) => {
		const [, defaults] = /Debian's default of (\d+)/.exec(readme);
		const [, connections, others, said] = /holds \((\d+) - (\d+)\) \/ 2 = (\d+) polls/.exec(readme);
		assert.deepEqual([connections, Number(others)], [defaults, listens + 1]);
		assert.ok(readme.includes(`| \`worker_connections\` in \`events { }\` | ${defaults} |`));
		const d = await daemon({ flags: ['--limit', 'held=off'], t }); // all come from one address
		const ports = [];
		while (ports.length < listens - 1)
			ports.push(await freePort());
		const front = await nginx({ ...snippets({ socket: d.socket }), connections: Number(defaults), t,
			site: (port) => `server { ${[port, ...ports].map((one) => `listen 127.0.0.1:${one};`).join(' ')} include server.conf; }` });
		const straight = { get: (path) => fastcgi(d.socket, { path }) };
		const held = [];
		const hold = async (n) => {
			while (n-- > 0)
				held.push(request(`${front.url}/poll?wait=50`, { agent: false }));
			await parked(straight, held.length);
		};
		const [, safe] = /fifteen sixteenths of its connections on, at (\d+) polls/.exec(readme);
		assert.equal(Number(safe), Math.floor(Number(defaults) * 15 / 16 / 2));
		// Some connections are not held polls.
		for (let n = Number(safe) - 10; n > 0; n -= 10)
			await hold(Math.min(n, 10));
		while (held.length < Number(said))
			await hold(1);
		problem(assert, await front.poll({ wait: 50 }), 503, 'too_busy');
		assert.equal(await metric(straight, /polls_parked/), Number(said));
		await fastcgi(d.socket, { method: 'POST', path: '/send', body: 'x' });
		for (const res of await Promise.all(held))
			assert.equal(res.json.messages[0].text, 'x');
	});

	it('the packages that it installs are ones that scripts/install-packages knows', () => {
		const [, groups] = /^scripts\/install-packages ([a-z ]+?) *#/m.exec(readme);
		const known = fs.readFileSync(path.join(root, 'scripts/install-packages'), 'utf8');
		for (const group of groups.split(' '))
			assert.match(known, new RegExp(`^\\s+${group}\\s+\\S+\\s+\\S+$`, 'm'), group);
		assert.match(known, /^\s+client\s+npm\s/m);
		assert.match(readme, /`make client`/);
	});

	it('an upgrade: installed over what runs, restarted, and all is there; there is no way back', async (t) => {
		const DESTDIR = tempDir();
		const env = { MAKEFLAGS: '', MAKELEVEL: '', MFLAGS: '' };
		const commands = found('sh', /^git pull$/m).split('\n').map((line) => line.replace(/ +#.*/, ''));
		assert.deepEqual(commands.slice(1, 3), ['make', 'sudo make install']);
		const install = async () => {
			for (const args of [[], ['install', `DESTDIR=${DESTDIR}`]]) {
				const made = await run('make', ['-s', '-C', root, ...args], { env, timeout: ms(300_000) });
				assert.equal(made.code, 0, made.stderr);
			}
		};
		await install();
		const dir = tempDir();
		const db = path.join(dir, 'longline.db');
		// Version 1, as 001-log.sql alone made it.
		await run('sqlite3', [db], { input: `${fs.readFileSync(path.join(root, 'sql/001-log.sql'), 'utf8')}; PRAGMA user_version = 1; INSERT INTO messages(text) VALUES('old');` });
		const program = path.join(DESTDIR, 'usr/local/sbin/longlined');
		const first = await daemon({ dir, program });
		assert.match(first.output, / schema from=1 /);
		assert.equal((await fastcgi(first.socket, { method: 'POST', path: '/send', body: 'new' })).status, 201);
		const held = fastcgi(first.socket, { query: 'wait=50' });
		await install();
		assert.equal((await fastcgi(first.socket, { method: 'POST', path: '/send', body: 'newer' })).status, 201, 'what runs goes on');
		assert.equal((await held).json.messages[0].text, 'newer');
		assert.equal((await first.stop()).code, 0);
		const second = await daemon({ dir, program });
		assert.deepEqual((await fastcgi(second.socket, { query: 'since=all' })).json.messages.map((m) => m.text), ['old', 'new', 'newer']);
		await second.stop();
		await run('sqlite3', [db, 'PRAGMA user_version = 1000']);
		const { code, log } = await (await daemon({ dir, program })).stop();
		assert.equal(code, 3);
		assert.match(log, /newer/);
	});
});
