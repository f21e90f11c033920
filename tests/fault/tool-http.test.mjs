// tool-http.test.mjs: without memory `longline send` and `history` do all that they were told to, or say why not.
import assert from 'node:assert/strict';
import path from 'node:path';
import { it } from 'node:test';
import { ms, root, run, start, tempDir } from '../e2e/harness.mjs';
import { Faults, faulty } from './fault.mjs';

const tool = path.resolve(root, process.env.LONGLINE_TOOL_FAULT || path.join(path.dirname(faulty), 'longline-fault'));

it('longline send and history: each allocation fails', { timeout: ms(300_000) }, async (t) => {
	const site = await start({ t }), home = tempDir();
	for (let i = 0; i < 5; i++)
		await site.sent(`old ${i}`, { room: 'old' });
	let failed = 0, done = 0;

	/** `good(stdout)`: whether all of it was done. */
	async function points(args, good) {
		const faults = new Faults();
		const call = (words) => run(tool, words, { env: { ...faults.env, HOME: home, LONGLINE_URL: site.url, LONGLINE_TOKEN: '' }, timeout: ms(30_000) });
		const before = faults.seen('allocate'), want = await call(args(0)), count = faults.seen('allocate') - before;
		assert.ok(count > 0 && good(want), want.stderr);
		for (let n = 0; n < count; n++) {
			for (const forever of [false, true]) {
				faults.arm('allocate', n, forever);
				const got = await call(args(n + 1));
				faults.disarm();
				const where = `${args(n).join(' ')}: allocate ${n}${forever ? ' and on' : ''}: ended with ${got.code}: ${got.stderr}`;
				assert.doesNotMatch(got.stderr, /Sanitizer|runtime error/, where);
				assert.ok([0, 1, 3, 5].includes(got.code), where);
				if (got.code === 0)
					assert.ok(good(got), where);
				else
					assert.match(got.stderr, /^longline: \S/m, where);
				got.code === 0 ? done++ : failed++;
			}
		}
	}
	// Side by side: each waits for most of the second that a failure is repeated for.
	await Promise.all([
		points(() => ['send', '-r', 'new', '--timeout', '1', 'x'], ({ stdout }) => /^\d+\n$/.test(stdout)),
		points(() => ['history', '-r', 'old', '--timeout', '1'], ({ stdout }) => stdout.match(/old \d\n/g)?.length === 5),
		points(() => ['history', '-r', 'old', '-q', 'old', '-n', '3', '--json', '--timeout', '1'], ({ stdout }) => stdout.match(/"text":"old/g)?.length === 3),
	]);
	t.diagnostic(`${failed} calls failed, ${done} did it all the same`);
});
