// page.mjs: how soon the page shows the first message on a slow line, and how it bears a flood on a slow processor.
//
// Environment: RUNS (5) of the starts; MESSAGES (20,000) of the flood, which take SECONDS (60); CHROMIUM
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root, start, until } from '../e2e/harness.mjs';
import { median, round } from './figures.mjs';

const RUNS = Number(process.env.RUNS || 5), MESSAGES = Number(process.env.MESSAGES || 20_000), SECONDS = Number(process.env.SECONDS || 60);
const SLOW = { offline: false, latency: 2000, downloadThroughput: 400_000 / 8, uploadThroughput: 400_000 / 8 };
const SLOWER = 4; // so many times slower a processor
const KEY_MS = 250; // between two keys
const BARS = { first: 6000, reload: 5000, task: 100, key: 50, heap: 10, rows: 1000 };

const { chromium } = createRequire(path.join(root, 'tests/js/browser.mjs'))('playwright-core');
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const line = await start();

/** Notes when the first message is there, ms since the navigation began, and long tasks and keys from then on. */
const witness = () => {
	window.noted = { first: null, tasks: [], keys: [], rows: 0 };
	const { noted } = window;
	new MutationObserver(() => {
		if (noted.first === null && document.querySelector('[role=log] article')) noted.first = performance.now();
		noted.rows = Math.max(noted.rows, document.querySelectorAll('[role=log] > *').length);
	}).observe(document, { childList: true, subtree: true });
	new PerformanceObserver((list) => {
		for (const { duration } of list.getEntries()) noted.tasks.push(duration);
	}).observe({ type: 'longtask' });
	// How long a key waits, and what is done for it; not until it is painted, which a browser without a screen does when it likes.
	addEventListener('keydown', ({ timeStamp }) => queueMicrotask(() => noted.keys.push(performance.now() - timeStamp)));
};

async function starts() {
	for (let i = 0; i < 200; i++)
		await line.sent(`job ${i} on web${i % 7}: ok, took ${i % 60} s`, { room: 'ops', sender: 'cron' });
	const told = { first: [], reload: [], bytes: [], requests: [] };
	for (let run = 0; run < RUNS; run++) {
		const context = await browser.newContext(), page = await context.newPage(), session = await context.newCDPSession(page);
		await page.addInitScript(witness);
		await session.send('Network.enable');
		await session.send('Network.emulateNetworkConditions', SLOW);
		let bytes = 0, requests = 0;
		session.on('Network.loadingFinished', ({ encodedDataLength }) => {
			bytes += encodedDataLength;
			requests += 1;
		});
		const begin = async (go) => {
			await go({ waitUntil: 'commit', timeout: 120_000 });
			await until(() => page.evaluate(() => window.noted?.first), { timeout: 120_000 });
			return page.evaluate(() => window.noted.first);
		};
		told.first.push(await begin((options) => page.goto(`${line.url}/#ops`, options)));
		told.bytes.push(bytes);
		told.requests.push(requests);
		await sleep(5000); // until nothing of the first is on its way
		told.reload.push(await begin((options) => page.reload(options)));
		await context.close();
	}
	return told;
}

async function flood() {
	const context = await browser.newContext(), page = await context.newPage(), session = await context.newCDPSession(page);
	await page.addInitScript(witness);
	await page.goto(`${line.url}/#flood`);
	await page.getByText('Connected', { exact: true }).waitFor();
	const heap = async () => {
		await session.send('HeapProfiler.collectGarbage');
		const { metrics } = await session.send('Performance.getMetrics');
		return metrics.find(({ name }) => name === 'JSHeapUsedSize').value / 1e6;
	};
	await session.send('Performance.enable');
	const before = await heap();
	await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
	await page.getByRole('textbox', { name: 'Message' }).focus();
	await page.evaluate(() => {
		window.noted.tasks.length = 0;
	});
	const began = performance.now();
	let sent = 0, over = false;
	const senders = Array.from({ length: 8 }, async () => {
		while (sent < MESSAGES) {
			const i = sent++, due = began + (i * SECONDS * 1000) / MESSAGES, early = due - performance.now();
			if (early > 1)
				await sleep(early);
			await line.sent(`job ${i} on web${i % 7}: ${i % 50 ? 'ok' : 'FAILED'}, took ${i % 60} s`, { room: 'flood', sender: `cron${i % 3}` });
		}
	});
	const keys = (async () => {
		while (!over) {
			await page.keyboard.press('a').catch(() => {});
			await sleep(KEY_MS);
		}
	})();
	await Promise.all(senders);
	const took = (performance.now() - began) / 1000;
	over = true;
	await keys;
	await until(() => page.getByText(`job ${MESSAGES - 1} on`).count(), { timeout: 120_000 });
	const noted = await page.evaluate(() => window.noted);
	await session.send('Emulation.setCPUThrottlingRate', { rate: 1 });
	const after = await heap();
	await context.close();
	return { seconds: took, task: Math.max(0, ...noted.tasks), keys: noted.keys, heap: after - before, rows: noted.rows };
}

const row = (what, value, bar, unit) => console.log(`| ${what} | ${round(value)} ${unit} | ${bar} ${unit} | ${value <= bar ? 'met' : '**not met**'} |`);
try {
	const { first, reload, bytes, requests } = await starts();
	console.log('|  | measured | bar | |\n|---|---:|---:|---|');
	row(`first message, 400 kbit/s and 2 s of latency, median of ${RUNS}`, median(first), BARS.first, 'ms');
	row('the same, worst', Math.max(...first), BARS.first, 'ms');
	row('reload, median', median(reload), BARS.reload, 'ms');
	row('the same, worst', Math.max(...reload), BARS.reload, 'ms');
	const flooded = await flood();
	const some = `${MESSAGES.toLocaleString('en')} messages in ${round(flooded.seconds)} s, processor ${SLOWER} times slower:`;
	row(`${some} longest task`, flooded.task, BARS.task, 'ms');
	row(`${some} slowest of ${flooded.keys.length} keys`, Math.max(...flooded.keys), BARS.key, 'ms');
	row('heap afterwards, more by', flooded.heap, BARS.heap, 'MB');
	row('rows in the document, most', flooded.rows, BARS.rows, '');
	console.log(`\nUntil the first message ${median(requests)} requests were answered, with ${median(bytes).toLocaleString('en')} bytes.`);
} finally {
	await browser.close();
	await line.stop();
}
