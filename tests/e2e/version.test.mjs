// version.test.mjs: scripts/version: which version a checkout is, and that Debian orders them as they came.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { has, root, run, tempDir } from './harness.mjs';

/** A project with nothing in it but the script, which is asked by `version()`; `git(…)` runs git there. */
async function project({ git: isGit = true } = {}) {
	const dir = tempDir();
	fs.mkdirSync(path.join(dir, 'scripts'));
	fs.copyFileSync(path.join(root, 'scripts/version'), path.join(dir, 'scripts/version'));
	const env = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b', VERSION: '' };
	const git = async (...args) => {
		const result = await run('git', ['-C', dir, ...args], { env });
		assert.equal(result.code, 0, result.stderr);
	};
	const commit = async () => {
		fs.appendFileSync(path.join(dir, 'file'), 'x');
		await git('add', '.');
		await git('commit', '-q', '-m', 'x');
	};
	const version = async (args = [], more = {}) => {
		const { code, stdout, stderr } = await run(path.join(dir, 'scripts/version'), args, { env: { ...env, ...more } });
		assert.equal(code, 0, stderr);
		return stdout.trim();
	};
	if (isGit) {
		await git('init', '-q');
		await commit();
	}
	return { dir, git, commit, version, env };
}

describe('scripts/version', { skip: has('git') ? false : 'there is no git' }, () => {
	it('is the tag, or how far behind it, and whether something was changed', async () => {
		const p = await project(), all = [];
		const said = async (pattern) => {
			all.push(await p.version());
			assert.match(all.at(-1), pattern);
		};
		await said(/^0\.1\.0~1\.g[0-9a-f]{7}$/);
		await p.commit();
		await said(/^0\.1\.0~2\.g[0-9a-f]{7}$/);
		await p.git('tag', 'v1.2.0-rc1');
		await said(/^1\.2\.0~rc1$/);
		await p.git('tag', '-d', 'v1.2.0-rc1');
		await p.git('tag', 'v1.2.0');
		await said(/^1\.2\.0$/);
		fs.appendFileSync(path.join(p.dir, 'file'), 'y');
		await said(/^1\.2\.0\+dirty$/);
		await p.git('checkout', '-q', 'file');
		await p.commit();
		await said(/^1\.2\.0\+1\.g[0-9a-f]{7}$/);
		fs.writeFileSync(path.join(p.dir, 'another'), 'not added, so it is nothing of the version');
		await said(/^1\.2\.0\+1\.g[0-9a-f]{7}$/);
		fs.appendFileSync(path.join(p.dir, 'file'), 'y');
		await said(/^1\.2\.0\+1\.g[0-9a-f]{7}\.dirty$/);
		await p.git('tag', '-f', 'v1.3.0');
		if (has('dpkg'))
			for (const [earlier, later] of [[all[0], all[1]], [all[1], '0.1.0'], [all[1], all[2]], [all[2], all[3]], [all[3], all[5]]])
				assert.equal((await run('dpkg', ['--compare-versions', earlier, 'lt', later])).code, 0, `${earlier} < ${later}`);
	});

	it('is what VERSION says', async () => {
		const p = await project();
		assert.equal(await p.version([], { VERSION: '7.0' }), '7.0');
		for (const [bad, why] of [['v7', /begins with a digit, and 'v7'/], ['7-1', /and '7-1' has others/], ['7"', /has others/]]) {
			const { code, stderr } = await run(path.join(p.dir, 'scripts/version'), [], { env: { ...p.env, VERSION: bad } });
			assert.equal(code, 1);
			assert.match(stderr, why);
		}
	});

	it('without git stays what it was at the last build', async () => {
		const p = await project({ git: false }), file = path.join(p.dir, 'stamp');
		assert.equal(await p.version(), '0.1.0');
		await p.version([file]);
		assert.equal(fs.readFileSync(file, 'utf8'), '0.1.0\n');
		fs.writeFileSync(file, '5.0\n');
		await p.version([file]);
		assert.equal(fs.readFileSync(file, 'utf8'), '5.0\n');
	});

	it('is written only when it is another one, so that nothing is built for nothing', async () => {
		const p = await project(), file = path.join(p.dir, 'stamp');
		await p.version([file]);
		fs.utimesSync(file, 1, 1);
		await p.version([file]);
		assert.equal(fs.statSync(file).mtimeMs, 1000);
		await p.commit();
		await p.version([file]);
		assert.notEqual(fs.statSync(file).mtimeMs, 1000);
	});
});
