// gone.test.mjs: work for those who are gone is not done: what they asked for is dropped from the queue or stopped, and
// others do not wait for it. The queue has a length.
import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { describe, it } from 'node:test';
import { ms, problem, server, sleep, sql, start, tempDir, until } from './harness.mjs';
import path from 'node:path';

const ROWS = 100_000, SEARCHED = 10_000;
const PREFIXES = Array.from({ length: 8 }, (_, i) => `word${i}*`).join(' ');

/** A log of so many rows, each in a room of its own, with eight words that begin like those of all others, and its number. */
async function large(rows = ROWS) {
	const dataDir = tempDir();
	const empty = await start({ dataDir });
	await empty.stop();
	await sql(path.join(dataDir, 'longline.db'), `PRAGMA synchronous = OFF;
		INSERT INTO messages (room, text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
		SELECT 'r' || i, ${Array.from({ length: 8 }, (_, k) => `'word${k}' || (i % ${61 + k}) || ' '`).join(' || ')} || i FROM n;`);
	// One person's share would keep most of what follows from beginning at all.
	return { dataDir, flags: '--limit reads=off --limit reading=off' };
}

const indexed = (s) => until(async () => await s.metric(/^longline_indexed$/) >= SEARCHED, { timeout: ms(120_000), what: 'the index' });

/** Asks so many times for what takes long, and hangs up once all are there. */
async function dropped(s, target, times, there) {
	const hang = new AbortController();
	setMaxListeners(0, hang.signal);
	const all = Array.from({ length: times }, () => s.get(target, {}, { signal: hang.signal }).catch(() => {}));
	await there();
	hang.abort();
	await Promise.all(all);
}

const open = (s, n) => () => until(async () => await s.metric(/^longline_requests_open$/) > n, { every: 5, what: `${n} requests` });

/** How long a stranger waits for his. */
async function stranger(s, target) {
	const res = await s.get(target);
	assert.equal(res.status, 200, res.text);
	return res.took;
}

/**
 * What a request for `target` takes after fn() is compared with what it takes alone. A fault makes a stranger wait for
 * seconds, each time; a busy machine may do so once.
 */
async function atOnce(s, target, fn, tries = 5) {
	const alone = await stranger(s, target);
	await fn();
	const after = await stranger(s, target), most = 12 * alone + ms(300);
	if (after >= most && tries > 1)
		return atOnce(s, target, fn, tries - 1);
	return assert.ok(after < most, `${after} ms, and alone ${alone} ms`);
}

describe('gone: a stranger does not wait for searches', () => {
	const s = server(() => large(SEARCHED));
	const search = (q) => `/history?room=*&q=${encodeURIComponent(q)}`;

	it('of many beginnings, sent and dropped', async () => {
		await indexed(s);
		await atOnce(s, search('4711'), () =>
			dropped(s, search(PREFIXES), 500, () => until(async () => await s.metric(/^longline_searches_queued$/) > 300, { every: 5, what: 'searches' })));
		assert.ok(await s.metric(/^longline_searches_cancelled_total$/) > 300);
		assert.equal(await s.metric(/^longline_searches_queued$/), 0);
	});
});

describe('gone: a stranger does not wait for reads', () => {
	const s = server(() => large());

	it('of pages whose filter fits nothing', async () => {
		await atOnce(s, '/history?room=r4711', () => dropped(s, '/history?room=*&sender=nobody', 400, open(s, 150)));
	});

	it('of catch-ups', async () => {
		await atOnce(s, '/poll?room=r4711&since=1', () => dropped(s, '/poll?room=*&since=1&limit=1000', 200, () => sleep(5)));
	});

	it('of lists of rooms', async () => {
		await atOnce(s, '/history?room=r4711', () => dropped(s, '/rooms?limit=1000', 200, () => sleep(30)));
	});
});

describe('gone: so many may wait', () => {
	const s = server(async () => ({ ...await large(), flags: '--reads-max 5 --readers 1 --search-timeout 20' }));
	const slow = '/history?room=*&sender=nobody';

	it('more are refused, and who hangs up makes room', async () => {
		const hang = new AbortController();
	setMaxListeners(0, hang.signal);
		const waiting = Array.from({ length: 40 }, () => s.get(slow, {}, { signal: hang.signal }).catch(() => null));
		const first = await Promise.any(waiting.map(async (one) => {
			const answer = await one;
			assert.notEqual(answer.status, 200, 'a read that had its turn');
			return answer;
		}));
		problem(assert, first, 503, 'busy', /wait for the database/);
		assert.equal(first.headers['retry-after'], '1');
		assert.ok(await s.metric(/^longline_reads_refused_total$/) >= 1);
		assert.ok(await s.metric(/^longline_reads_queued$/) <= 5);
		hang.abort();
		await Promise.all(waiting);
		// nginx tells the daemon of them one by one.
		await until(async () => (await s.get('/history?room=r1')).status === 200, { what: 'room' });
	});
});
