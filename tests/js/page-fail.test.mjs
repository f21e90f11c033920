// page-fail.test.mjs: what goes wrong is said where one looks and aloud, in words of the page, with a way on.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { accessible, open, proxy } from './browser.mjs';

describe('what goes wrong', () => {
	const line = server({ flags: ['--message-max', '20000'] });
	const begin = async (t, url, name, options) => {
		const p = await open(t, `${url}/#${name}`, { cut: true, ...options });
		await p.connected();
		return p;
	};

	test('a refused send is read aloud, marked in the list of rooms and in the title; Discard can be undone', async (t) => {
		const [name, other] = [room(), room()];
		const p = await begin(t, line.url, name);
		const other2 = await begin(t, line.url, name, { context: p.context }); // it may be the one that leads
		const long = 'y'.repeat(30_000);
		await p.type(long);
		await until(async () => /^#room.*: Not sent: .*20.?000/.test(await p.page.getByRole('alert').filter({ hasText: 'Not sent' }).textContent()), { what: 'an alert' });
		await p.hash(`#${other}`);
		await p.rooms.locator(`a[href="#${name}"]`).getByText('not sent').waitFor();
		await until(async () => (await p.page.title()).startsWith('! '), { what: 'the title to say it' });
		await accessible(p, 'with a refused send');
		await p.hash(`#${name}`);
		for (const again of [false, true]) {
			await p.log.getByRole('button', { name: 'Discard', exact: true }).click();
			await p.shows();
			await until(async () => await p.named('status', 'Done').textContent() === 'Discarded.', { what: 'to be told' });
			for (const one of [p, other2]) await until(async () => !(await one.page.title()).startsWith('! '), { what: 'the title to forget it' });
			await p.named('button', 'Undo').click();
			await p.log.getByText(/^Not sent: .*20.?000/).waitFor();
			assert.equal(await p.named('button', 'Undo').isVisible(), false);
			await other2.log.getByText(/^Not sent: .*20.?000/).waitFor();
			if (again) continue;
			await p.kept(1);
		}
		await p.kept(1);
		await p.page.reload();
		await p.connected();
		await p.log.getByText(/^Not sent: .*20.?000/).waitFor();
	});

	test('a history that cannot be reached says so, asks again by itself and when told to', async (t) => {
		const [one, two] = [room(), room()];
		await line.sent('in one', { room: one });
		await line.sent('in two', { room: two });
		let away = false;
		const watched = await proxy(line.url, { fate: ({ path }) => (away && /^\/history/.test(path) ? { drop: true } : null) });
		const p = await begin(t, watched.url, one);
		await p.shows('in one');
		away = true;
		await p.hash(`#${two}`);
		await until(async () => await p.named('status', 'History').textContent() === 'The server cannot be reached. The messages are asked for again.', { what: 'it to be said' });
		assert.equal(await p.newest.isVisible(), false, 'no lone arrow');
		assert.equal(await p.page.getByText('Nothing has been said here yet.').isVisible(), false);
		await accessible(p, 'without a history');
		const asked = watched.requests.length;
		await p.named('button', 'Retry').click();
		await until(() => watched.requests.slice(asked).some(({ path }) => /^\/history/.test(path)), { what: 'another try' });
		away = false;
		await p.shows('in two');
		assert.equal(await p.named('button', 'Retry').isVisible(), false);
	});

	test('a search that cannot be: in words of the page; one without a line is done when there is one', async (t) => {
		const name = room();
		await line.sent('a needle', { room: name });
		let away = false;
		const watched = await proxy(line.url, { fate: ({ path }) => (away && /^\/history/.test(path) ? { drop: true } : null) });
		const p = await begin(t, watched.url, name);
		const says = (words) => until(async () => words.test(await p.named('status', 'Search state').textContent()), { what: `${words}` })
			.catch(async (error) => assert.fail(`${error.message}: ${await p.named('status', 'Search state').textContent()}`));
		for (const [typed, words] of [
			['-done', /^There is nothing to look for/], ['from:cron -done', /^There is nothing to look for/], ['"', /^There is nothing to look for/],
			['w '.repeat(70), /^These are 70 words; at most 64/], [`${'wo* '.repeat(10)}`, /^At most 8 words can have a \*/],
			['a*', /^“a\*?”: before a \* there must be at least 2/], [`from:${'x'.repeat(80)}`, /^This cannot be looked for/],
		]) {
			await p.query.fill(typed);
			await says(words);
		}
		away = true;
		await p.query.fill('needle');
		await says(/^The server cannot be reached: searching again in \d+ s$/);
		away = false;
		await until(async () => await p.hits.count() === 1, { what: 'the hit' });
	});
});
