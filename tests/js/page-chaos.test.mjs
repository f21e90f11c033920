// page-chaos.test.mjs: two browsers with two tabs each, a line that loses a fifth of the requests, a daemon that dies; what is
// unread is true afterwards.
//
// Environment: CHAOS_MESSAGES (80) typed in all, CHAOS_TABS (2) of each browser, CHAOS_KILLS (2), CHAOS_SEED, and what browser.mjs says.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ms, room, server, sleep, until } from '../e2e/harness.mjs';
import { dice, kill, launch, numbers, open, program, proxy, stored } from './browser.mjs';

const MESSAGES = Number(process.env.CHAOS_MESSAGES || 80);
const TABS = Number(process.env.CHAOS_TABS || 2);
const KILLS = Number(process.env.CHAOS_KILLS || 2);
const SEED = Number(process.env.CHAOS_SEED || Math.floor(Math.random() * 2 ** 32));
const HURT = 0.2; // of all requests
const LATE_MS = 1500;

// Notes in the page, at each change of the list, which messages were there, and whatever was wrong with it.
const witness = () => addEventListener('DOMContentLoaded', () => {
	const log = document.querySelector('[role=log]');
	window.seen = new Set();
	window.wrong = [];
	new MutationObserver(() => {
		const articles = [...log.querySelectorAll('article')];
		const ids = articles.filter((node) => node.dataset.id).map((node) => Number(node.dataset.id));
		for (const [i, id] of ids.entries()) {
			window.seen.add(id);
			if (i && id <= ids[i - 1]) window.wrong.push(`${id} stands after ${ids[i - 1]}`);
		}
		const texts = articles.map((node) => node.querySelector('.text').textContent);
		if (new Set(texts).size === texts.length) return;
		window.wrong.push(`shown twice: ${texts.filter((text, i) => texts.indexOf(text) !== i)}`);
	}).observe(log, { childList: true, subtree: true });
});

// Sends into a room that nobody opens, and edits and deletes some of it, until told to stop.
function mender(line, name, random) {
	let stop = false;
	const ids = [];
	const change = (id, init) => line.request(`/messages/${id}`, init).catch(() => null);
	const running = (async () => {
		for (let i = 1; !stop; i += 1) {
			const res = await line.send({ text: `aside ${i}`, room: name, key: `aside ${i}` }).catch(() => null);
			if (res?.json?.id) ids.push(res.json.id);
			const some = ids[Math.floor(random() * ids.length)];
			const edited = { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ text: `edited ${i}` }) };
			if (i % 4 === 0) await change(some, edited);
			if (i % 5 === 0) await change(some, { method: 'DELETE' });
			await sleep(60);
		}
	})();
	return async () => {
		stop = true;
		await running;
	};
}

/** Badges are what is unread by the database, above the mark that the browser remembers. */
async function badgesAreTrue(line, p, name) {
	const mark = await p.page.evaluate((room) => {
		const kept = (what) => JSON.parse(Object.entries(localStorage).find(([key]) => key.endsWith(`.${what}`))?.[1] ?? 'null');
		return kept('read')?.[room]?.id ?? kept('head');
	}, name);
	const [{ n }] = await line.rows(`SELECT count(*) AS n FROM messages WHERE room = '${name}' AND changes IS NULL AND id > ${mark}`);
	const badge = p.page.locator(`#list a[href="#${name}"] .badge`);
	const shown = async () => Number.parseInt((await badge.allTextContents())[0]?.replace(/\D+/g, ' ') ?? '0', 10);
	await until(async () => await shown() === n, { timeout: ms(70_000), what: `${n} unread in ${p.who}` })
		.catch(async (error) => assert.equal(await shown(), n, `${p.who}: ${error.message}`));
	return n;
}

describe('chaos', () => {
	const line = server();

	test(`${MESSAGES} messages typed in 2 browsers × ${TABS} tabs, ${KILLS} kills: each shown once, in order, stored once`, async (t) => {
		t.diagnostic(`CHAOS_SEED=${SEED}`);
		const random = dice(SEED);
		const bad = await proxy(line.url, {
			fate({ path }) {
				// The files of the page are asked for once and by the browser alone.
				if (!/^\/(poll|send|history|rooms)\b/.test(path) || random() >= HURT) return null;
				return [{ drop: true }, { delay: random() * LATE_MS }, { cut: random() * LATE_MS }][Math.floor(random() * 3)];
			},
		});
		const name = room();
		const tabs = [];
		for (const who of ['ann', 'bob']) {
			const browser = await launch();
			t.after(() => browser.close());
			const context = await browser.newContext();
			for (const number of numbers(1, TABS)) {
				const p = await open(t, `${bad.url}/#${name}`, { cut: true, context, init: witness });
				await p.connected();
				tabs.push({ ...p, who: `${who}${number}` });
			}
		}

		const started = performance.now();
		const other = program(line, name, { every: 200, name: 'program ' });
		const mended = mender(line, `${name}.aside`, random);
		let typed = 0;
		let kills = 0;
		const each = Math.ceil(MESSAGES / tabs.length);
		await Promise.all(tabs.map(async (p) => {
			for (const i of numbers(1, each)) {
				await p.type(`${p.who} typed ${i}`);
				typed += 1;
				if (kills < KILLS && typed >= ((kills + 1) * MESSAGES) / (KILLS + 1)) {
					kills += 1;
					await kill(line);
				}
				await sleep(random() * 60);
			}
		}));
		const programmed = await other.stop();
		await mended();
		const all = each * tabs.length + programmed;
		let rows;
		await until(async () => {
			rows = await stored(line, name).catch(() => []);
			return rows.length >= all;
		}, { timeout: ms(60_000 + MESSAGES * 500), every: 500, what: `${all} messages to be stored` });
		const tookS = (performance.now() - started) / 1000;
		assert.equal(kills, KILLS);

		const texts = rows.map(({ text }) => text);
		assert.equal(new Set(texts).size, texts.length, 'stored once each');
		assert.equal(texts.length, all, 'nothing else is stored');
		for (const { who } of tabs) {
			assert.deepEqual(texts.filter((text) => text.startsWith(`${who} `)), numbers(1, each).map((i) => `${who} typed ${i}`),
				'in the order in which they were typed');
		}
		const inDatabase = await line.rows(`SELECT count(*) AS n, count(DISTINCT text) AS texts FROM messages WHERE room = '${name}'`);
		assert.deepEqual(inDatabase, [{ n: all, texts: all }]);

		const ids = rows.map(({ id }) => id);
		for (const p of tabs) {
			await until(async () => (await p.ids()).at(-1) === ids.at(-1), { timeout: ms(60_000), what: `${p.who} to show the last` });
			await until(async () => (await p.log.getByRole('article').count()) === (await p.ids()).length,
				{ timeout: ms(60_000), what: 'nothing to be unsent' });
			// A hole is noticed when the line moves on, and then read; so it may be open for a moment.
			const whole = (shown) => shown.length > 0 && shown.join() === ids.slice(-shown.length).join();
			await until(async () => whole(await p.ids()), { timeout: ms(20_000), what: `${p.who} to show all without a hole` });
			const seen = await p.page.evaluate(() => [...window.seen].sort((a, b) => a - b));
			assert.deepEqual(seen, ids, `${p.who}: each was shown`);
			assert.deepEqual(await p.page.evaluate(() => window.wrong), [], p.who);
			await p.connected();
		}
		let unread;
		for (const p of tabs) unread = await badgesAreTrue(line, p, `${name}.aside`);
		for (const p of tabs) await badgesAreTrue(line, p, name); // what came at once after an outage is not all read
		const { drop, delay, cut } = bad.hurt;
		t.diagnostic(`${all} messages (${programmed} by a program) in ${tookS.toFixed(0)} s; of ${bad.requests.length} requests `
			+ `${drop} dropped, ${delay} delayed, ${cut} cut; ${kills} kills; ${unread} unread in a room where messages were edited and deleted`);
	});
});
