// page-log.test.mjs: the page on a long log: how soon it shows something, and scrolling through all of it.
//
// Environment: LOG_ROWS (20,000) of the log that is opened, SCROLL_ROWS (3,000) to scroll through, SCROLL_RUNS (1), and
// two bounds in ms that a busy machine would break: SHOWN_MS (20,000; the promise is 1,000) until the first message
// is shown, TASK_MS (5,000; 100) of the longest task.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ms, server, sleep, until } from '../e2e/harness.mjs';
import { launch, numbers, open } from './browser.mjs';

const LOG_ROWS = Number(process.env.LOG_ROWS || 20_000);
const SCROLL_ROWS = Number(process.env.SCROLL_ROWS || 3_000);
const SCROLL_RUNS = Number(process.env.SCROLL_RUNS || 1);
const SHOWN_MS = Number(process.env.SHOWN_MS || 20_000);
const TASK_MS = Number(process.env.TASK_MS || 5_000);
const WORDS = `substr('lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et
dolore magna aliqua ut enim ad minim veniam quis nostrud exercitation', 1 + x % 17, 10 + (x * 7919) % 140)`;

// Many senders, lines of many lengths, and now and then a picture of code or an address.
async function fill(line, room, rows) {
	await line.sql(`
		INSERT INTO messages(room, sender, text, at)
		WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${rows})
		SELECT '${room}', 'sender ' || (x / 3 % 40), 'm' || x || ' ' || ${WORDS} || CASE x % 50
			WHEN 0 THEN char(10) || '\`\`\`' || char(10) || 'int main(void);' || char(10) || '\`\`\`'
			WHEN 7 THEN ' https://example.org/' || x ELSE '' END,
			1700000000000 + x * 60000 FROM c;`, { timeout: 60_000 });
	// The index of words is filled behind the log, at any cost to who shares the processors, and not what this is about.
	const last = (await line.rows('SELECT max(id) AS id FROM messages'))[0].id;
	const indexed = async () => (await line.rows("SELECT value FROM meta WHERE name = 'indexed'"))[0]?.value >= last;
	await until(indexed, { timeout: ms(300_000), every: 200, what: 'the log to be indexed' });
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

// When the first message was there to be painted, counted from the beginning of the navigation.
const stopwatch = () => {
	const look = new MutationObserver(() => {
		if (!document.querySelector('[role=log] article[data-id]')) return;
		look.disconnect();
		requestAnimationFrame(() => setTimeout(() => {
			window.shownAfterMs = performance.now();
		}));
	});
	look.observe(document, { childList: true, subtree: true });
};

// Scrolls the list as a person in a hurry would, once in each frame, until `by` leads nowhere any more for a while.
// Before each step it looks whether what was in sight is still where the last step left it.
function scrollThrough({ by, edge }) {
	const log = document.querySelector('[role=log]');
	const result = { steps: 0, rowsMost: 0, nodesMost: 0, heapMost: 0, moved: [], lost: 0, longTasks: [], ids: 0, jumps: [], loads: 0 };
	const observer = new PerformanceObserver((list) => {
		for (const { duration } of list.getEntries()) result.longTasks.push(Math.round(duration));
	});
	observer.observe({ entryTypes: ['longtask'] });
	const inSight = () => {
		const top = log.getBoundingClientRect().top;
		const middle = top + log.clientHeight / 2;
		let node = document.elementFromPoint(log.getBoundingClientRect().left + 40, middle)?.closest('article[data-id]');
		node ??= [...log.querySelectorAll('article[data-id]')].find((one) => one.getBoundingClientRect().bottom > middle);
		return { id: node.dataset.id, top: node.getBoundingClientRect().top };
	};
	const first = () => Number(log.querySelector('article[data-id]').dataset.id);
	const seen = new Set();
	let held = null;
	let range = '';
	return new Promise((resolve) => {
		let idle = 0;
		const frame = () => {
			const nodes = log.querySelectorAll('article[data-id]');
			const now = `${nodes[0].dataset.id}-${nodes[nodes.length - 1].dataset.id}`;
			if (held) {
				const node = log.querySelector(`article[data-id="${held.id}"]`);
				const moved = node ? Math.abs(node.getBoundingClientRect().top - held.top) : 0;
				if (!node) result.lost += 1;
				if (moved > 1) result.moved.push(Math.round(moved));
			}
			if (now !== range) {
				range = now;
				result.loads += 1;
				let previous = 0;
				for (const { dataset } of nodes) {
					const id = Number(dataset.id);
					if (previous && id !== previous + 1) result.jumps.push(`${previous}-${id}`);
					previous = id;
					seen.add(id);
				}
			}
			result.steps += 1;
			result.rowsMost = Math.max(result.rowsMost, log.childElementCount);
			if (result.steps % 20 === 0) {
				result.nodesMost = Math.max(result.nodesMost, document.querySelectorAll('*').length);
				result.heapMost = Math.max(result.heapMost, performance.memory.usedJSHeapSize);
			}
			const before = log.scrollTop;
			log.scrollTop += by;
			idle = log.scrollTop === before && log.getAttribute('aria-busy') === 'false' ? idle + 1 : 0;
			held = inSight();
			if (idle > 30 && (by > 0 || first() === edge)) {
				observer.disconnect();
				resolve({ ...result, ids: seen.size, ends: range });
				return;
			}
			if (idle > 600) {
				resolve({ ...result, ids: seen.size, ends: range, stuck: true });
				return;
			}
			requestAnimationFrame(frame);
		};
		requestAnimationFrame(frame);
	});
}

describe('a long log', () => {
	const line = server();

	test(`the first message of ${LOG_ROWS} is shown soon after opening`, async (t) => {
		await fill(line, 'main', LOG_ROWS);
		const took = [];
		for (let i = 0; i < 5; i += 1) {
			const browser = await launch(); // a cold one: no cache, no compiled code
			try {
				const p = await open(t, `${line.url}/`, { browser, init: stopwatch });
				took.push(await until(() => p.page.evaluate(() => window.shownAfterMs), { what: 'a message' }));
				await p.context.close();
			} finally {
				await browser.close();
			}
		}
		t.diagnostic(`first message of ${LOG_ROWS} shown after ${took.map((one) => one.toFixed(0)).join(', ')} ms`);
		assert.ok(median(took) < ms(SHOWN_MS), `${took} ms`);
	});

	for (const turn of numbers(1, SCROLL_RUNS)) {
		test(`from the newest to the oldest of ${SCROLL_ROWS} and back, run ${turn}`, async (t) => {
			if (turn === 1) await fill(line, 'long', SCROLL_ROWS);
			const first = (await line.rows("SELECT min(id) AS id FROM messages WHERE room = 'long'"))[0].id;
			const browser = await launch({ args: ['--enable-precise-memory-info'] });
			t.after(() => browser.close());
			const p = await open(t, `${line.url}/#long`, { browser, viewport: { width: 1000, height: 800 } });
			p.page.setDefaultTimeout(0);
			await p.connected();
			await until(async () => (await p.ids()).length === 100);
			await sleep(300);
			const row = await p.log.getByRole('article').last().evaluate((node) => node.offsetHeight);
			for (const [way, by] of [['up', -1200], ['down', 1200]]) {
				const started = performance.now();
				const seen = await p.page.evaluate(scrollThrough, { by, edge: first });
				const took = (performance.now() - started) / 1000;
				const movedMost = Math.max(0, ...seen.moved);
				const longest = Math.max(0, ...seen.longTasks);
				t.diagnostic(`${way}: ${seen.ids} messages in ${took.toFixed(1)} s, ${seen.steps} frames, ${seen.loads} windows; at most ${seen.rowsMost} rows, `
					+ `${seen.nodesMost} elements, heap ${(seen.heapMost / 1e6).toFixed(1)} MB; ${seen.longTasks.length} long tasks, the longest ${longest} ms; `
					+ `moved ${seen.moved.length} times, by ${movedMost} px at most (a row: ${row} px); out of the document ${seen.lost} times`);
				assert.equal(seen.stuck, undefined, `stuck at ${seen.ends}`);
				assert.equal(seen.ids, SCROLL_ROWS, 'every message was there');
				assert.deepEqual(seen.jumps, [], 'without a hole');
				assert.ok(seen.rowsMost <= 1000, `${seen.rowsMost} rows`);
				assert.ok(seen.heapMost < 100e6, `${seen.heapMost} bytes`);
				assert.ok(longest <= ms(TASK_MS), `a task of ${longest} ms`);
				assert.equal(seen.lost, 0, 'what is in sight stays in the document');
				assert.ok(movedMost <= row, `moved by ${seen.moved} px`);
			}
			assert.equal(await p.newest.isVisible(), false);
			assert.ok(await p.toEnd() < 2);
		});
	}
});
