// churn.test.mjs: Socket.IO clients that come and go leave nothing behind: after very many the daemon has the memory that it
// had after a thousand.
//
// Environment: CHURN_CONNECTS  how many connect and leave in all (3,000; 100,000 for the acceptance)
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Session } from '../conformance/wire.mjs';
import { ms, start, until } from './harness.mjs';
import { fewer, memory } from './load.mjs';

const CONNECTS = Number(process.env.CHURN_CONNECTS || fewer(3_000, 1_500));
const AT_ONCE = 50;
const MOST = 2 * 1024 * 1024;

it(`churn: ${CONNECTS} Socket.IO clients connect and disconnect`, { timeout: ms(900_000) }, async (t) => {
	const server = await start({ t, workers: 1 });
	let left = 0;

	/** Some leave by a packet, the others as a browser does that is closed: without a word, in the middle of a held GET. */
	async function visit(n) {
		const session = await new Session(server).open();
		await session.send('40');
		assert.match((await session.get()).text, /^40/);
		if (n % 4) {
			await session.send('41', '1');
			return;
		}
		const gone = new AbortController();
		const held = session.get('', { signal: gone.signal }).catch(() => {});
		setTimeout(() => gone.abort(), 5);
		await held;
	}
	async function visits(count) {
		left = count;
		await Promise.all(Array.from({ length: AT_ONCE }, async () => {
			while (left > 0)
				await visit(left--);
		}));
		await until(async () => await server.metric(/sessions/) === 0, { timeout: ms(60_000), what: 'all sessions to be gone' });
		return memory(server.pid());
	}

	const few = await visits(1_000);
	const many = await visits(CONNECTS - 1_000);
	t.diagnostic(`${Math.round(few / 1024)} KiB after 1,000 connects and disconnects, ${Math.round(many / 1024)} KiB after ${CONNECTS}`);
	// A sanitizer's own memory grows with what was ever allocated.
	if (!process.env.TEST_SLOW)
		assert.ok(many - few < MOST, `${many - few} bytes more`);
});
