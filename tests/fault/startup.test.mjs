// startup.test.mjs: whatever fails while the daemon starts, it either serves or says why and exits with 1; and the start
// after that works, on the same files.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fastcgi } from '../e2e/fastcgi.mjs';
import { child, ms, run, sql, tempDir, until, within } from '../e2e/harness.mjs';
import { Faults, faulty, KINDS, step } from './fault.mjs';

/** Starts a daemon on the files in `dir`; resolves when it serves or has ended: {done, code, stop()}. */
async function begin(dir, faults) {
	const at = (name) => path.join(dir, name);
	fs.rmSync(at('pid'), { force: true });
	const self = child(faulty, ['--socket', at('sock'), '--database', at('longline.db'), '--pid-file', at('pid'), '--lock-wait', '0'], { env: faults.env });
	await until(() => self.done || fs.existsSync(at('pid')), { timeout: ms(10_000), every: 3, what: 'the daemon to serve or to end' });
	return self;
}

async function end(self, dir) {
	if (!self.done) {
		const res = await fastcgi(path.join(dir, 'sock'), { path: '/healthz' });
		assert.ok([200, 503].includes(res.status), res.text);
		self.signal('SIGTERM');
	}
	const { code, signal } = await within(ms(20_000), self.ended, 'the end of the daemon');
	assert.equal(signal, null, self.output);
	assert.doesNotMatch(self.output, /Sanitizer|runtime error/);
	return code;
}

async function startup(t, prepare) {
	const faults = new Faults();
	const fresh = () => {
		const dir = tempDir();
		prepare?.(dir);
		return dir;
	};
	let refused = 0, served = 0;
	for (const kind of KINDS) {
		const dir = fresh(), before = faults.seen(kind);
		assert.equal(await end(await begin(dir, faults), dir), 0);
		const points = faults.seen(kind) - before;
		// Most of SQLite's many allocations are alike.
		for (let point = 0; point < points; point += kind === 'db-allocate' ? 97 * step : step) {
			const dir = fresh();
			faults.arm(kind, point, point % 2 === 1);
			const first = await begin(dir, faults);
			const ended = first.done;
			faults.disarm();
			const code = await end(first, dir);
			assert.equal(code, ended ? 1 : 0, `${kind} ${point} of ${points}: exit ${code}\n${first.output}`);
			if (ended)
				assert.match(first.output, /\S/, `${kind} ${point}: it says why`);
			ended ? refused++ : served++;
			const second = await begin(dir, faults);
			assert.equal(second.done, false, `${kind} ${point} of ${points}: the next start failed\n${second.output}`);
			assert.equal(await end(second, dir), 0);
			assert.equal(await sql(path.join(dir, 'longline.db'), 'PRAGMA integrity_check'), 'ok');
			fs.rmSync(dir, { recursive: true });
		}
		t.diagnostic(`${kind}: ${points} points`);
	}
	t.diagnostic(`${refused} starts refused, ${served} served all the same`);
}

describe('startup', { concurrency: 2 }, () => {
	it('serves or says why in an empty folder', (t) => startup(t));
	it('serves or says why on an older database with messages', async (t) => {
		// Version 1, as 001-log.sql alone made it.
		const old = path.join(tempDir(), 'longline.db');
		await sql(old, fs.readFileSync(new URL('../../sql/001-log.sql', import.meta.url), 'utf8')
			+ "; PRAGMA user_version = 1; INSERT INTO messages(text) VALUES('one'), ('two')");
		await startup(t, (dir) => fs.cpSync(path.dirname(old), dir, { recursive: true }));
	});
	it('a dry run (--check) finds nothing wrong or says what failed, and touches nothing', async (t) => {
		const faults = new Faults(), dir = tempDir(), db = path.join(dir, 'longline.db');
		assert.equal(await end(await begin(dir, faults), dir), 0);
		const state = () => fs.readdirSync(dir).map((name) => `${name} ${fs.statSync(path.join(dir, name)).mtimeMs}`);
		const check = () => run(faulty, ['--check', '--socket', path.join(dir, 'sock'), '--database', db], { env: faults.env });
		const before = state();
		let good = 0, wrong = 0;
		for (const kind of KINDS) {
			const seen = faults.seen(kind);
			assert.equal((await check()).code, 0);
			const points = faults.seen(kind) - seen;
			for (let point = 0; point < points; point += kind === 'db-allocate' ? 29 * step : 1) {
				faults.arm(kind, point, point % 2 === 1);
				const { code, stdout, stderr } = await check();
				faults.disarm();
				const where = `${kind} ${point} of ${points}: exit ${code}\n${stdout}${stderr}`;
				assert.doesNotMatch(stderr, /Sanitizer|runtime error/, where);
				assert.ok(code === 0 ? stderr === '' && /can start/.test(stdout) : code === 3 && /\S/.test(stderr), where);
				assert.deepEqual(state(), before, where);
				code === 0 ? good++ : wrong++;
			}
		}
		t.diagnostic(`${good} found nothing wrong, ${wrong} said what failed`);
	});
});
