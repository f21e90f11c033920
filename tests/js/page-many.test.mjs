// page-many.test.mjs: several tabs of one person: one name, a draft for each, and one line where there are no locks.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { numbers, open, proxy, stored } from './browser.mjs';

describe('several tabs', () => {
	const line = server({ env: { HOSTS: '127.0.0.1 longline.test' } });
	const pair = async (t, name) => {
		const one = await open(t, `${line.url}/#${name}`);
		await one.connected();
		const two = await open(t, `${line.url}/#${name}`, { context: one.context });
		await two.connected();
		return [one, two];
	};

	test('a name typed in one is that of the other', async (t) => {
		const name = room();
		const [one, two] = await pair(t, name);
		await one.name.fill('ann');
		await until(async () => await two.name.inputValue() === 'ann', { what: 'the name' });
		await two.type('hello');
		await two.sent();
		assert.equal((await stored(line, name))[0].sender, 'ann');
	});

	test('each has its own draft of a room, over a reload; to send one leaves the other', async (t) => {
		const name = room();
		const [one, two] = await pair(t, name);
		await one.field.fill('draft one');
		await two.field.fill('draft two');
		for (const [p, text] of [[one, 'draft one'], [two, 'draft two']]) {
			await p.page.reload();
			await p.connected();
			assert.equal(await p.field.inputValue(), text);
		}
		await one.field.press('Enter');
		await one.sent();
		await two.page.reload();
		await two.connected();
		assert.equal(await two.field.inputValue(), 'draft two');
		await one.page.reload();
		await one.connected();
		assert.equal(await one.field.inputValue(), '');
		// A new tab begins with what was typed last.
		const three = await open(t, `${line.url}/#${name}`, { context: one.context });
		await three.connected();
		assert.equal(await three.field.inputValue(), 'draft two');
	});

	test('by plain HTTP, without locks: eight tabs on one line; the one that led is closed, and nothing is missed', async (t) => {
		const name = room();
		const watched = await proxy(line.url);
		const url = `${watched.url.replace('127.0.0.1', 'longline.test')}/#${name}`;
		const first = await open(t, url, { cut: true });
		const leader = { page: null };
		first.context.on('request', (request) => {
			if (/\/poll\?.*wait=[1-9]/.test(request.url())) leader.page = request.frame().page();
		});
		assert.equal(await first.page.evaluate(() => 'locks' in navigator), false);
		const tabs = [first];
		for (const _ of numbers(2, 8)) tabs.push(await open(t, url, { cut: true, context: first.context }));
		for (const p of tabs) await p.connected();
		await until(() => watched.polls.now === 1, { what: 'one held poll' });
		for (const [i, p] of tabs.entries()) await p.type(`typed in tab ${i}`);
		await until(async () => (await stored(line, name)).length === 8, { what: 'all eight to be sent' });
		const gone = leader.page;
		await gone.close({ runBeforeUnload: false });
		const rest = tabs.filter(({ page }) => page !== gone);
		await line.sent('behind', { room: name });
		await rest[0].page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
		const all = (await stored(line, name)).map(({ id }) => id);
		for (const p of rest) await until(async () => String(await p.ids()) === String(all), { what: 'all messages in each tab' });
		await until(() => watched.polls.now === 1, { what: 'one held poll again' });
	});
});
