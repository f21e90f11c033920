// page-saved.test.mjs: searches that are kept above the rooms, and the feed of all rooms.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ms, room, server, sleep, until } from '../e2e/harness.mjs';
import { accessible, open } from './browser.mjs';

describe('kept searches', () => {
	const line = server();
	const indexed = (text) => until(async () => (await line.history({ room: '*', q: text })).json.messages.length > 0, { what: `${text} to be found` });
	const rows = (p) => p.named('list', 'Saved searches').getByRole('listitem');
	const says = (p, ...expected) => until(async () => String(await rows(p).getByRole('link').allTextContents()) === String(expected), { what: `rows: ${expected}` })
		.catch(async (error) => assert.deepEqual(await rows(p).getByRole('link').allTextContents(), expected, error.message));
	const star = (p) => p.named('button', 'Keep this search');
	async function search(p, text) {
		await p.query.fill(text);
		await p.query.press('Enter');
	}
	async function begin(t, hash, more) {
		const p = await open(t, `${line.url}/#${hash}`, more);
		await p.connected();
		return p;
	}

	test('what the server refuses has no star, until it is another search', async (t) => {
		const p = await begin(t, room(), { cut: true });
		await search(p, '-foo');
		await until(() => star(p).isDisabled(), { what: 'no star' });
		await search(p, 'foo');
		await until(() => star(p).isEnabled(), { what: 'the star' });
		await search(p, 'on:nonsense');
		await until(() => star(p).isDisabled(), { what: 'no star for what is never asked' });
	});

	test('a kept search of a room that is not heard of yet is counted, and one that is looked for is asked', async (t) => {
		const [name, ops] = [room(), room()];
		const word = `w${ops}`;
		await line.sent(word, { room: ops });
		await indexed(word);
		const p = await begin(t, name, { cut: true });
		await p.page.evaluate(([q, head]) => {
			const own = `longline ${location.pathname}`;
			localStorage.setItem(`${own}.views`, JSON.stringify([{ q, seen: 0, n: 0, more: false }]));
			localStorage.setItem(`${own}.head`, JSON.stringify(head));
		}, [`in:${ops} ${word}`, 1]);
		let away = true;
		await p.page.route('**/rooms?**', (route) => (away ? route.abort() : route.continue()));
		await p.page.reload();
		await says(p, `in:${ops} ${word}1 new`);
		await search(p, `in:${ops}`);
		await until(async () => await p.hits.count() === 1, { what: 'the hit, without a list of rooms' });
		await search(p, `in:no${ops}`);
		await p.page.getByText('Nothing found.').waitFor();
		away = false;
		await line.sent('news, of a room that no list has', { room: name });
		await p.page.getByText(`No room “no${ops}”.`).waitFor(); // it is asked again once there is one
	});

	test('a star keeps one, in every tab, with what is new in it since it was opened; a click opens it, Delete removes it', async (t) => {
		const [name, ops] = [room(), room()];
		const word = `w${ops}`;
		await line.sent(`${word} failed`, { room: ops });
		await indexed(word);
		const p = await begin(t, name);
		const q = await begin(t, name, { context: p.context });
		assert.equal(await rows(p).count(), 0);
		await p.page.bringToFront();
		const view = `failed in:${ops} last:12h`;
		await search(p, view);
		await until(async () => await p.hits.count() === 1, { what: 'the hit' });
		await star(p).click();
		assert.equal(await star(p).getAttribute('aria-pressed'), 'true');
		await says(p, view);
		await says(q, view);
		await p.named('button', 'Close search').click();
		await line.sent('failed again', { room: ops });
		await line.sent('failed elsewhere', { room: name });
		await line.sent('failed once more', { room: ops });
		await indexed('"once more"');
		await p.page.reload(); // it is counted at the start, too
		await says(p, `${view}2 new`);
		await says(q, `${view}2 new`);
		await accessible(p, 'a kept search with news');
		// The measure: one click.
		const began = performance.now();
		await rows(q).getByRole('link').click();
		await until(async () => await q.hits.count() === 3, { what: 'the hits' });
		assert.ok(performance.now() - began < ms(5_000));
		await says(q, view);
		await says(p, view);
		assert.equal(await rows(q).getByRole('link').getAttribute('aria-current'), 'true');
		await q.page.keyboard.press('j');
		await q.page.keyboard.press('Enter');
		await until(() => q.inSight('failed once more'), { what: 'the first hit' });
		// In a room of its own, as any other search.
		assert.equal(await rows(q).getByRole('link').evaluate(({ hash }) => decodeURIComponent(hash)), `#${ops}?q=${view.replaceAll(' ', '+')}`);
		await rows(p).getByRole('link').focus();
		await p.page.keyboard.press('Delete');
		await until(async () => await rows(q).count() === 0, { what: 'it to go' });
		assert.equal(await star(q).getAttribute('aria-pressed'), 'false');
	});

	test('at most eight are kept', async (t) => {
		const p = await begin(t, room());
		for (let i = 0; i < 8; i += 1) {
			await search(p, `word${i}`);
			await until(() => star(p).isEnabled(), { what: 'the star' });
			await star(p).click();
			await until(async () => await rows(p).count() === i + 1, { what: 'another row' });
		}
		await search(p, 'word8');
		await until(async () => new URL(p.page.url()).hash.endsWith('word8'), { what: 'the search' });
		assert.ok(await star(p).isDisabled());
		await rows(p).first().hover();
		await p.named('button', 'Remove word0').click();
		await star(p).click();
		await says(p, ...[1, 2, 3, 4, 5, 6, 7, 8].map((i) => `word${i}`));
		// They are one stop of Tab, and arrow keys lead through them to the rooms.
		await rows(p).first().getByRole('link').focus();
		for (let i = 0; i < 7; i += 1) await p.page.keyboard.press('ArrowDown');
		assert.ok(await rows(p).last().getByRole('link').evaluate((node) => node === document.activeElement && node.tabIndex === 0));
		assert.equal(await rows(p).locator('a[tabindex="0"]').count(), 1);
		await p.page.keyboard.press('ArrowDown');
		assert.ok(await p.rooms.getByRole('link', { name: 'All rooms' }).evaluate((node) => node === document.activeElement));
		await p.page.keyboard.press('ArrowDown');
		assert.ok(await p.page.evaluate(() => !!document.activeElement.closest('#list')));
	});
});

describe('all rooms', () => {
	const line = server();

	test('are one feed, live, each row with its room as a link; writing is done in a room, and nothing counts as read', async (t) => {
		const [name, other] = [room(), room()];
		await line.sent({ text: 'here', sender: 'ann' }, { room: name });
		await line.sent({ text: 'there', sender: 'ann' }, { room: other });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await p.shows('here');
		await p.rooms.getByRole('link', { name: 'All rooms' }).click();
		await p.shows('here', 'there');
		assert.equal(new URL(p.page.url()).hash, '#*');
		await p.named('heading', 'All rooms').waitFor();
		assert.match(await p.page.title(), /^All rooms · Longline$/);
		assert.equal(await p.rooms.getByRole('link', { name: 'All rooms' }).getAttribute('aria-current'), 'page');
		await p.page.getByText('These are the messages of all rooms. To write, choose one.').waitFor();
		assert.equal(await p.field.isVisible(), false);
		await accessible(p, 'all rooms');
		await line.sent({ text: 'more here', sender: 'ann' }, { room: name });
		await line.sent({ text: 'more there', sender: 'ann' }, { room: other });
		await line.sent({ text: 'and there', sender: 'ann' }, { room: other });
		await p.shows('here', 'there', 'more here', 'more there', 'and there');
		const where = await p.log.getByRole('article').evaluateAll((nodes) => nodes.map((node) => [...node.querySelectorAll('a')].map((a) => a.getAttribute('href'))));
		assert.deepEqual(where.map(([first]) => first), [name, other, name, other, other].map((one) => `#${one}`));
		assert.ok(where.every(([first, time]) => time.startsWith(`${first}/`)), `${where}`);
		await p.rooms.locator(`a[href="#${other}"]`).getByText('unread').waitFor();
		assert.equal(await p.rooms.getByText('#*').count(), 0, 'it is no room of the list');
		const remembered = await p.page.evaluate(() => Object.entries(localStorage).filter(([key]) => /read$|visited$/.test(key)).map(([, value]) => value));
		assert.ok(remembered.length > 1 && !remembered.some((value) => value.includes('"*"')), `${remembered}`);
		await p.page.reload();
		await p.shows('here', 'there', 'more here', 'more there', 'and there');
		await p.rooms.locator(`a[href="#${other}"]`).getByText('unread').waitFor();
		await p.log.getByRole('link', { name: `#${other}` }).last().click();
		await p.named('heading', `#${other}`).waitFor();
		await p.shows('there', 'more there', 'and there');
		await p.type('mine');
		await p.sent();
		await p.page.goBack();
		await p.log.getByText('mine').waitFor();
		// The search is there, too.
		await p.query.click();
		assert.equal(await p.named('button', 'This room').count(), 0);
		await p.page.keyboard.press('Escape');
	});

	test('the feed goes back over all of the log', async (t) => {
		const [name, other] = [room(), room()];
		await line.sql(`INSERT INTO messages(room, text) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 300)
			SELECT CASE x % 2 WHEN 0 THEN '${name}' ELSE '${other}' END, 'm' || x FROM c`);
		const p = await open(t, `${line.url}/#*`);
		await p.connected();
		await p.log.getByText('m300', { exact: true }).waitFor();
		for (let i = 0; i < 60 && !(await p.texts()).includes('m100'); i += 1) {
			await p.log.evaluate((log) => log.scrollBy(0, -3000));
			await sleep(30);
		}
		const texts = (await p.texts()).filter((text) => /^m\d+$/.test(text));
		const from = Number(texts[0].slice(1));
		assert.deepEqual(texts, texts.map((_, i) => `m${from + i}`), 'in order, without a hole');
	});
});
