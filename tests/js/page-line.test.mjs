// page-line.test.mjs: what a reader and writer sees while the line or the server is away, and after a crash.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { alive, killPid, ms, room, server, sleep, start, tempDir, until } from '../e2e/harness.mjs';
import { handle, kill, launchAt, listen, nameless, numbers, open, program, proxy, stored } from './browser.mjs';

const texts = async (line, name) => (await stored(line, name)).map(({ text }) => text);

describe('a line that comes and goes', () => {
	const line = server({ env: { LISTEN: '127.0.0.1' } }); // for any host: a proxy puts its own there

	test('two tabs offline: both say so, keep what is typed, and send it once when back', async (t) => {
		const name = room();
		const one = await open(t, `${line.url}/#${name}`, { cut: true });
		await one.connected();
		const two = await open(t, `${line.url}/#${name}`, { cut: true, context: one.context });
		await two.connected();
		await one.context.setOffline(true);
		for (const p of [one, two]) await p.says(/^Offline$/);
		await one.type('one, first');
		await two.type('two, second');
		await one.type('one, third');
		await two.field.fill('two, a draft');
		await line.sent('meanwhile', { room: name });
		for (const p of [one, two]) {
			await until(async () => (await p.log.getByRole('article').count()) === 3, { what: 'what is unsent, in both tabs' });
			assert.deepEqual(await p.ids(), []);
		}
		assert.equal(await two.field.inputValue(), 'two, a draft');
		await one.context.setOffline(false);
		const all = ['meanwhile', 'one, first', 'two, second', 'one, third'];
		for (const p of [one, two]) {
			await p.connected();
			await p.shows(...all);
			await until(async () => (await p.ids()).length === 4, { what: 'all to be sent' });
		}
		assert.deepEqual(await texts(line, name), all);
		assert.equal(await two.field.inputValue(), 'two, a draft');
	});

	test('the daemon is killed while a word is typed: the field, its focus and every message stay', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`, { cut: true });
		await p.connected();
		await p.watchState();
		await p.field.click();
		const other = program(line, name, { every: 30 });
		const typed = [];
		for (const turn of numbers(1, 8)) {
			const text = `typed ${turn} by hand`;
			const half = text.length / 2;
			await p.page.keyboard.type(text.slice(0, half), { delay: 8 });
			if (turn % 3 === 0) await kill(line);
			await p.page.keyboard.type(text.slice(half), { delay: 8 });
			assert.equal(await p.field.inputValue(), text);
			await p.page.keyboard.press('Enter');
			typed.push(text);
		}
		const count = await other.stop();
		await until(async () => (await texts(line, name).catch(() => [])).length >= count + typed.length, { what: 'all to be stored' });
		await p.connected();
		const all = await texts(line, name);
		assert.deepEqual(all.filter((text) => text.startsWith('typed')), typed);
		await p.shows(...all);
		assert.equal(await p.field.evaluate((node) => node === document.activeElement), true);
		for (const text of await p.said()) assert.match(text, /^(Connected|Connecting|Reconnecting in \d+ s)$/);
	});

	test('no state is a lie: a line on which nothing can be sent says so, and why, until it can', async (t) => {
		const name = room();
		const outer = await proxy(line.url, { host: 'inner:8080' });
		// Not at 127.0.0.1, which browsers trust, and tell that the page is of the same origin.
		const p = await open(t, `${outer.url.replace('127.0.0.1', 'longline.test')}/#${name}`, { cut: true });
		await p.connected();
		await p.type('first');
		await p.says(/^Connected, sending is refused$/);
		await until(async () => /Not sent: a page of origin 'http:\/\/longline\.test:\d+' may not use 'inner:8080'.* proxy .* Host/.test(await p.log.textContent()),
			{ what: 'the reason beside the message' });
		assert.deepEqual(await texts(line, name), []);
		outer.host = undefined;
		await p.log.getByRole('button', { name: 'Retry' }).click();
		await p.connected();
		await p.sent();
		assert.deepEqual(await texts(line, name), ['first']);
	});

	test('a proxy that puts its own name into Host does no harm where the browser says itself whose page it is', async (t) => {
		const name = room();
		const outer = await proxy(line.url, { host: 'inner:8080' });
		const p = await open(t, `${outer.url}/#${name}`);
		await p.connected();
		await p.type('first');
		await p.shows('first');
		await until(async () => (await texts(line, name)).length === 1, { what: 'it to be stored' });
		await p.connected();
	});

	test('no state is a lie: a dead line is told within the time of a poll, a mended one at once', async (t) => {
		const name = room();
		const watched = await proxy(line.url);
		const p = await open(t, 'about:blank', { cut: true });
		await p.page.clock.install();
		await p.page.goto(`${watched.url}/#${name}`);
		await p.connected();
		await until(() => watched.polls.now === 1, { what: 'a held poll' });
		watched.mute();
		await p.type('into the dark');
		await p.page.clock.runFor('00:33');
		// The overdue poll is given up, and so is what asked whether anybody is there.
		for (let i = 0; i < 12 && await p.state() === 'Connected'; i += 1) await p.page.clock.runFor('00:02');
		assert.match(await p.state(), /^(Reconnecting in \d+ s|Connecting)$/);
		assert.deepEqual(await p.ids(), []);
		watched.hear();
		await p.page.clock.resume();
		await until(async () => {
			const again = p.named('button', 'Retry now');
			if (await again.isVisible()) await again.click().catch(() => {}); // it may be connecting just now
			return await p.state() === 'Connected';
		}, { every: 200, what: 'the connection to be back' });
		await p.page.clock.fastForward('00:31'); // as long as a send that nobody answers may take
		await until(async () => (await p.ids()).length === 1, { what: 'the message to be sent' });
		assert.deepEqual(await texts(line, name), ['into the dark']);
	});

	test('the seconds to the next attempt are counted down, ever more of them; the button does not wait for them', async (t) => {
		let away = false;
		const watched = await proxy(line.url, { fate: ({ path }) => (path.startsWith('/poll') && away ? { drop: true } : null) });
		const p = await open(t, 'about:blank', { cut: true, init: () => {
			Math.random = () => 1;
		} });
		await p.page.clock.install();
		await p.page.goto(`${watched.url}/#${room()}`);
		await p.connected();
		const again = p.named('button', 'Retry now');
		assert.equal(await again.isVisible(), false);
		await until(() => watched.polls.now === 1, { what: 'a held poll' });
		await p.page.clock.pauseAt(new Date(Date.now() + 60_000));
		away = true;
		watched.hangUp();
		await p.says(/^Reconnecting in 1 s$/);
		for (const [later, seconds] of [[500, 1], [1000, 2], [2000, 4], [4000, 8]]) {
			const { length } = watched.requests;
			await p.page.clock.runFor(later);
			await until(() => watched.requests.length > length, { what: 'the next attempt' });
			await p.says(new RegExp(`^Reconnecting in ${seconds} s$`));
		}
		await p.page.clock.runFor(3000);
		await p.says(/^Reconnecting in 5 s$/);
		away = false;
		await again.click();
		await p.connected();
		assert.equal(await again.isVisible(), false);
	});

	test('reload with messages unsent: they are there again, in order, and are sent once', async (t) => {
		const name = room();
		let away = true;
		const watched = await proxy(line.url, { fate: ({ path }) => (path.startsWith('/send') && away ? { drop: true } : null) });
		const p = await open(t, `${watched.url}/#${name}`, { cut: true });
		await p.connected();
		await p.name.fill('ann');
		const typed = numbers(1, 5).map((i) => `unsent ${i}`);
		for (const text of typed) await p.type(text);
		await p.field.fill('a draft');
		await p.shows(...typed);
		await p.kept(5);
		await p.page.reload();
		await p.shows(...typed);
		assert.deepEqual(await p.ids(), []);
		await until(async () => await p.field.inputValue() === 'a draft', { what: 'the draft' });
		away = false;
		await until(async () => (await p.ids()).length === 5, { timeout: ms(40_000), what: 'all to be sent' });
		await p.shows(...typed);
		assert.deepEqual((await stored(line, name)).map(({ sender, text }) => `${sender}: ${text}`), typed.map((text) => `ann: ${text}`));
	});

	test('the browser is killed with messages unsent: the next one shows and sends them, once', async (t) => {
		const name = room();
		let away = true;
		let arrived = 0;
		const watched = await proxy(line.url, {
			fate({ path }) {
				if (!path.startsWith('/send') || !away) return null;
				arrived += 1;
				// The first one is stored and its answer lost, so it must not be sent as another one.
				return arrived === 1 ? { lose: true } : { drop: true };
			},
		});
		const folder = tempDir('longline-profile-');
		const complaints = [];
		const begin = async () => {
			const context = await launchAt(folder);
			t.after(() => context.close().catch(() => {}));
			const [page] = context.pages();
			complaints.push(listen(page, true));
			await page.addInitScript(nameless);
			await page.goto(`${watched.url}/#${name}`);
			return handle(page);
		};
		const before = await begin();
		const pid = Number(fs.readlinkSync(`${folder}/SingletonLock`).split('-').at(-1));
		assert.ok(alive(pid));
		await before.connected();
		const typed = numbers(1, 4).map((i) => `before the crash ${i}`);
		for (const text of typed) await before.type(text);
		await before.shows(...typed);
		await before.kept(4);
		await until(() => arrived > 0, { what: 'the first to be sent' });
		await killPid(pid, 'SIGKILL');
		away = false;
		const again = await begin();
		await again.connected();
		await again.shows(...typed);
		await until(async () => (await again.ids()).length === typed.length, { timeout: ms(40_000), what: 'all to be sent' });
		assert.deepEqual(await texts(line, name), typed);
		await again.page.reload();
		await again.shows(...typed);
		await sleep(500);
		assert.deepEqual(await texts(line, name), typed);
		assert.deepEqual(complaints.flat(), []);
	});

	test('a gap is told in both tabs, where it is, and nothing else is lost', async (t) => {
		const name = room();
		const watched = await proxy(line.url);
		const one = await open(t, `${watched.url}/#${name}`, { cut: true });
		await one.connected();
		const two = await open(t, `${watched.url}/#${name}`, { cut: true, context: one.context });
		await two.connected();
		await line.sent('a', { room: name });
		for (const p of [one, two]) await p.shows('a');
		await one.context.setOffline(true);
		await one.says(/^Offline$/);
		const id = await line.sent('b', { room: name });
		await line.sent('c', { room: name });
		await line.sql(`DELETE FROM messages WHERE id = ${id}`);
		await until(async () => (await line.poll({ room: name, since: id - 1, wait: 0 })).json.gap, { what: 'the daemon to see it' });
		await one.context.setOffline(false);
		for (const p of [one, two]) {
			await p.shows('a', 'c');
			await p.log.getByText('Some messages were deleted').waitFor();
		}
	});
});

test('the log is replaced under two tabs: both say so and show what it holds now, sent and unsent', async (t) => {
	const dataDir = tempDir();
	let line = await start({ dataDir });
	t.after(() => line.stop());
	const one = await open(t, `${line.url}/`, { cut: true });
	await one.connected();
	const two = await open(t, `${line.url}/`, { cut: true, context: one.context });
	await two.connected();
	for (const i of numbers(1, 8)) await line.sent(`old ${i}`);
	for (const p of [one, two]) await p.shows(...numbers(1, 8).map((i) => `old ${i}`));
	await line.stop();
	await two.type('typed between the logs');
	for (const end of ['', '-wal', '-shm']) fs.rmSync(`${dataDir}/longline.db${end}`, { force: true });
	line = await start({ dataDir, port: line.port });
	for (const i of numbers(1, 3)) await line.sent(`new ${i}`);
	await until(async () => (await texts(line, 'main')).length === 4, { timeout: ms(40_000), what: 'what was typed to be sent' });
	const all = await texts(line, 'main');
	for (const p of [one, two]) {
		await p.connected();
		await p.log.getByText('The log on the server was replaced').waitFor();
		await p.shows(...all);
	}
});
