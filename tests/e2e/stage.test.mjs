// stage.test.mjs: the page as it is served: paths that have what lies there, and what becomes of those of before.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { problem, root, run, server, tempDir } from './harness.mjs';

const SCRIPT = path.join(root, 'scripts/stage-page');
const MOST = 60 * 1024; // of all that one release serves, as nginx compresses it

/** The sources in a folder of their own, and `stage()` from there into another. */
function staging() {
	const [from, to] = [tempDir(), path.join(tempDir(), 'static')];
	fs.cpSync(path.join(root, 'static'), from, { recursive: true });
	return {
		from,
		to,
		async stage(env = {}) {
			const { code, stderr } = await run(SCRIPT, [from, to], { env });
			assert.equal(code, 0, stderr);
			return named(fs.readFileSync(path.join(to, 'index.html'), 'utf8'));
		},
		edit: (text) => fs.appendFileSync(path.join(from, 'style.css'), text),
		releases: () => fs.readdirSync(to).filter((name) => name.startsWith('v-')).sort(),
	};
}

const named = (html) => {
	const files = [...html.matchAll(/(?:src|href)="(v-[^"]+)"/g)].map(([, name]) => name);
	assert.ok(files.length >= 3, html.slice(0, 2000));
	const homes = new Set(files.map((name) => path.dirname(name)));
	assert.equal(homes.size, 1);
	return { files, home: [...homes][0] };
};

describe('stage: what nginx serves', () => {
	const s = server();

	it('has the hash in the path, and browsers keep it for ever; the page itself is asked for each time', async () => {
		const page = await s.get('/');
		assert.equal(page.headers['cache-control'], 'no-cache');
		const { files, home } = named(page.text);
		assert.match(home, /^v-[0-9a-f]{16}$/);
		assert.deepEqual(files.filter((name) => name.endsWith('.js')), [`${home}/app.js`]);
		for (const name of files) {
			const res = await s.get(`/${name}`);
			assert.equal(res.status, 200, name);
			assert.equal(res.headers['cache-control'], 'public, max-age=31536000, immutable');
			assert.equal(res.headers['content-security-policy'], page.headers['content-security-policy']);
			assert.equal(res.headers['x-content-type-options'], 'nosniff');
		}
	});

	it('never serves one release for another', async () => {
		for (const name of ['app.js', 'style.css', 'favicon.svg']) {
			const res = await s.get(`/v-0123456789abcdef/${name}`);
			problem(assert, res, 404, 'not_found');
			assert.equal(res.headers['cache-control'], 'no-store');
		}
	});

	it('is at most 60 KB compressed', async () => {
		const html = fs.readFileSync(path.join(root, 'build/static/index.html'), 'utf8');
		const home = path.join(root, 'build/static', named(html).home);
		const bodies = [html, ...fs.readdirSync(home).map((name) => fs.readFileSync(path.join(home, name)))];
		const size = bodies.reduce((sum, body) => sum + gzipSync(body, { level: 4 }).length, 0);
		assert.ok(size <= MOST, `${size} bytes`);
	});

	it('lets the one script run that stands in the page, and no other', async () => {
		const page = await s.get('/');
		const scripts = [...page.text.matchAll(/<script>([^]*?)<\/script>/g)].map(([, text]) => text);
		assert.equal(scripts.length, 1);
		assert.ok(Buffer.byteLength(scripts[0]) <= 1024, `${scripts[0].length} bytes`);
		const hash = createHash('sha256').update(scripts[0]).digest('base64');
		const [, sources] = /script-src ([^;]*);/.exec(page.headers['content-security-policy']);
		assert.equal(sources, `'self' 'sha256-${hash}'`, 'nginx/longline.conf.in must have this hash');
	});
});

describe('stage: one release after another', () => {
	it('keeps the one before, and no more', async () => {
		const site = staging();
		const { home: first } = await site.stage();
		assert.equal((await site.stage()).home, first, 'nothing has changed');
		site.edit('\n#a { color: red }\n');
		const { home: second } = await site.stage();
		assert.deepEqual(site.releases(), [first, second].sort());
		site.edit('\n#b { color: red }\n');
		const { home: third } = await site.stage();
		assert.deepEqual(site.releases(), [second, third].sort());
	});

	it('says in the path what is there, also for one that comes back', async () => {
		const site = staging();
		const { home } = await site.stage();
		const before = fs.readFileSync(path.join(site.to, home, 'app.js'));
		site.edit('\n#a { color: red }\n');
		await site.stage();
		fs.cpSync(path.join(root, 'static/style.css'), path.join(site.from, 'style.css'));
		assert.equal((await site.stage()).home, home);
		assert.deepEqual(fs.readFileSync(path.join(site.to, home, 'app.js')), before);
	});

	it('works without the bundler: each module as it is', async () => {
		const tools = tempDir(); // all that the script needs, but for esbuild
		for (const name of ['bash', 'find', 'sort', 'xargs', 'sha256sum', 'cut', 'mkdir', 'rm', 'cp', 'chmod', 'mv', 'touch', 'sed', 'cat', 'ls', 'tail'])
			fs.symlinkSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(), path.join(tools, name));
		const site = staging();
		const { files, home } = await site.stage({ PATH: tools });
		for (const name of files) assert.ok(fs.existsSync(path.join(site.to, name)), name);
		for (const name of fs.readdirSync(site.from).filter((one) => one.endsWith('.js')))
			assert.deepEqual(fs.readFileSync(path.join(site.to, home, name)), fs.readFileSync(path.join(site.from, name)), name);
	});
});
