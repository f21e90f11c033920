// page-unread.test.mjs: unread is what was not in sight: where a room opens, what counts as read, all of it read at once.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { look, looked, numbers, open } from './browser.mjs';

const AWAY = 140; // more than a page of them
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

describe('unread is what was seen', () => {
	const line = server();
	const fill = (name, from, to) => line.sql(`INSERT INTO messages(room, text) WITH RECURSIVE c(x) AS (SELECT ${from} UNION ALL SELECT x + 1 FROM c WHERE x < ${to})
		SELECT '${name}', 'm' || x FROM c`);
	const parts = (p) => ({
		...p,
		link: (name) => p.rooms.locator(`#list a[href="#${name}"]`),
		undo: p.page.locator('#undo-do'),
		pill: p.named('button', 'Go to the first unread message ↑'),
	});
	const badge = async (p, name) => Number.parseInt((await p.link(name).locator('.badge').allTextContents())[0] ?? '0', 10);
	const badged = (p, name, count) => until(async () => await badge(p, name) === count, { what: `${count} unread in #${name}` })
		.catch(async (error) => assert.equal(await badge(p, name), count, error.message));
	const titled = (p, text) => until(async () => await p.page.title() === text, { what: `the title “${text}”` })
		.catch(async (error) => assert.equal(await p.page.title(), text, error.message));
	const sees = (p, text) => until(() => p.inSight(text).catch(() => false), { what: `${text} in sight` });
	// By the database: what is above the mark that is remembered.
	const really = async (p, name) => {
		const { id } = await p.page.evaluate((one) => JSON.parse(Object.entries(localStorage).find(([key]) => key.endsWith('.read'))[1])[one], name);
		return (await line.rows(`SELECT count(*) AS n FROM messages WHERE room = '${name}' AND changes IS NULL AND id > ${id}`))[0].n;
	};
	const lastInSight = (p) => p.log.evaluate((log) => {
		const { bottom } = log.getBoundingClientRect();
		return Number([...log.querySelectorAll('article')].findLast((node) => node.getBoundingClientRect().bottom <= bottom + 4).querySelector('.text').textContent.slice(1));
	});
	// As with a wheel: each view touches the one before.
	const through = async (p, text) => {
		for (let i = 0; i < 200 && !await p.inSight(text).catch(() => false); i += 1) {
			await p.log.evaluate((log) => log.scrollBy(0, log.clientHeight / 2));
			await p.page.evaluate(() => new Promise(requestAnimationFrame));
		}
		await sees(p, text);
	};
	const elsewhere = async (p) => {
		await p.hash(`#aside-${process.pid}`);
		await p.page.getByText('Nothing has been said here yet.').waitFor();
	};

	// A page that has read m1 … m20 of a room, and is elsewhere.
	async function away(t, options, count = 20) {
		const name = room();
		await fill(name, 1, count);
		const p = parts(await open(t, `${line.url}/#${name}`, options));
		await p.connected();
		await sees(p, `m${count}`);
		const last = (await line.rows(`SELECT max(id) AS id FROM messages WHERE room = '${name}'`))[0].id;
		await p.hasRead(name, last);
		await elsewhere(p);
		return { name, p };
	}

	test(`${AWAY} came while one was away: the room opens at the first of them, and only what was in sight is read`, async (t) => {
		const { name, p } = await away(t);
		await fill(name, 21, 20 + AWAY);
		await badged(p, name, AWAY);
		await p.link(name).click();
		await sees(p, 'm21');
		const seen = await lastInSight(p);
		assert.ok(seen < 80, `m${seen}`);
		await badged(p, name, 20 + AWAY - seen);
		await titled(p, `(${20 + AWAY - seen}) #${name} · Longline`);
		assert.equal(await really(p, name), 20 + AWAY - seen);
		// Away and back: the mark stands at what is unread still.
		await elsewhere(p);
		await p.link(name).click();
		await sees(p, `m${seen + 1}`);
		assert.equal(await p.log.locator('.mark').count(), 1);
		const more = await lastInSight(p);
		await badged(p, name, 20 + AWAY - more);
		// At the newest nothing between is read, not even by a reload.
		await p.newest.click();
		await sees(p, `m${20 + AWAY}`);
		await p.pill.waitFor();
		await p.page.reload();
		await p.connected();
		await sees(p, `m${20 + AWAY}`);
		await badged(p, name, 20 + AWAY - more);
		await p.pill.click();
		await sees(p, `m${more + 1}`);
		await p.pill.waitFor({ state: 'hidden' });
		await through(p, `m${20 + AWAY}`);
		await badged(p, name, 0);
		await titled(p, `#${name} · Longline`);
		assert.equal(await really(p, name), 0);
	});

	test('from a window on what is old a click on the room leads to the first that is unread', async (t) => {
		const { name, p } = await away(t, {}, 200);
		await fill(name, 201, 210);
		await badged(p, name, 10);
		const { id } = (await line.rows(`SELECT id FROM messages WHERE room = '${name}' AND text = 'm50'`))[0];
		await p.hash(`#${name}/${id}`);
		await sees(p, 'm50');
		await p.link(name).click();
		await sees(p, 'm201');
		assert.equal(await p.log.locator('.mark').count(), 1);
	});

	test('on a phone what lies below the hits is not read, and not reached by Tab', async (t) => {
		const { name, p } = await away(t, PHONE);
		// The list of rooms is in the drawer.
		const counted = (count) => until(async () => Number(/^\((\d+)\)/.exec(await p.page.title())?.[1] ?? 0) === count, { what: `${count} unread` });
		const below = () => p.page.evaluate(() => document.activeElement.closest('main, #compose') !== null);
		await p.hash(`#${name}`);
		await sees(p, 'm20');
		await p.named('button', 'Search').tap();
		await line.send({ text: 'm21', room: name });
		await p.log.getByText('m21', { exact: true }).waitFor({ state: 'attached' });
		await counted(1);
		for (const _ of numbers(1, 12)) {
			await p.page.keyboard.press('Tab');
			if (await below()) assert.fail('the focus is below the hits');
			if (await p.page.evaluate(() => document.activeElement === document.body)) break;
		}
		await p.named('button', 'Close search').tap();
		await counted(0);
		await p.hash('#*');
		await fill(name, 22, 100);
		await counted(79);
		await p.hash(`#${name}?q=${name}`);
		await p.log.getByText('m22', { exact: true }).waitFor({ state: 'attached' });
		await line.send({ text: 'm101', room: name });
		await counted(80);
		assert.equal(await really(p, name), 80);
		await p.named('button', 'Close search').tap();
		await sees(p, 'm22');
		await counted(101 - await lastInSight(p));
	});

	test('many that come at once while one looks, or while nobody does: what was not in sight is not read', async (t) => {
		const { name, p } = await away(t, { init: looked });
		await p.link(name).click();
		await sees(p, 'm20');
		await fill(name, 21, 100);
		await sees(p, 'm100');
		await badged(p, name, 80);
		await p.pill.click();
		await sees(p, 'm21');
		await through(p, 'm100');
		await badged(p, name, 0);
		await look(p, 'hidden');
		await fill(name, 101, 500);
		await badged(p, name, 400);
		await look(p, 'visible');
		await sees(p, 'm101');
		const seen = await lastInSight(p);
		await badged(p, name, 500 - seen);
	});

	test('deletions: of what is unread, of what was read, by SQL as well; the words go from the list', async (t) => {
		const { name, p } = await away(t);
		const ids = [];
		for (const i of numbers(21, 26)) {
			const { json } = await line.send({ text: `m${i}`, room: name, key: `d${i}` });
			ids.push([json.id, `d${i}`]);
		}
		await badged(p, name, 6);
		const gone = async ([id, key]) => assert.equal((await line.request(`/messages/${id}`, { method: 'DELETE', headers: { 'If-Key': key } })).status, 201);
		await gone(ids[2]);
		await badged(p, name, 5);
		await gone(ids[5]);
		await badged(p, name, 4);
		await p.link(name).getByText('m25', { exact: true }).waitFor();
		assert.equal(await p.rooms.getByText('m26', { exact: true }).count(), 0);
		// What was read long ago goes, while nobody listens: by and by, and at once in a new page.
		await line.sql(`DELETE FROM messages WHERE room = '${name}' AND text IN ('m1', 'm2', 'm3')`);
		await p.page.reload();
		await badged(p, name, 4);
		await line.sql(`DELETE FROM messages WHERE room = '${name}' AND text IN ('m4', 'm25')`);
		await p.page.reload();
		await badged(p, name, 3);
		await p.link(name).getByText('m24', { exact: true }).waitFor();
		assert.equal(await really(p, name), 3);
	});

	test('in two tabs: what is read in one is in the other; all at once, by a button or Shift+Esc, and back', async (t) => {
		const [never, quiet] = [room(), room()];
		const { name, p } = await away(t);
		const other = parts(await open(t, `${line.url}/#aside-${process.pid}`, { context: p.context }));
		await other.connected();
		await fill(name, 21, 23);
		await line.sent('x', { room: never });
		for (const tab of [p, other]) {
			await badged(tab, name, 3);
			await titled(tab, `(4) #aside-${process.pid} · Longline`);
		}
		await p.link(name).click();
		for (const tab of [p, other]) await badged(tab, name, 0);
		await badged(other, never, 1);
		await fill(quiet, 1, 5);
		await badged(other, quiet, 5);
		await other.named('button', 'Mark all read').click();
		for (const tab of [p, other]) for (const one of [never, quiet]) await badged(tab, one, 0);
		await titled(other, `#aside-${process.pid} · Longline`);
		assert.equal(await other.named('button', 'Mark all read').isDisabled(), true);
		await other.undo.click();
		for (const tab of [p, other]) {
			await badged(tab, never, 1);
			await badged(tab, quiet, 5);
		}
		await other.page.keyboard.press('Shift+Escape');
		for (const tab of [p, other]) for (const one of [never, quiet]) await badged(tab, one, 0);
		await other.page.reload();
		await other.connected();
		await badged(other, quiet, 0);
		await titled(other, `#aside-${process.pid} · Longline`);
	});

	test('a room in which nothing is unread opens where this tab was, one never opened at the first of the new', async (t) => {
		const name = room();
		await fill(name, 1, 300);
		const p = parts(await open(t, `${line.url}/#${name}`));
		await p.connected();
		await sees(p, 'm300');
		await p.hasRead(name, (await line.rows(`SELECT max(id) AS id FROM messages WHERE room = '${name}'`))[0].id);
		await p.log.evaluate((log) => log.scrollBy(0, -1500));
		const top = () => p.log.evaluate((log) => {
			const from = log.getBoundingClientRect().top;
			const one = [...log.querySelectorAll('article')].find((node) => node.getBoundingClientRect().bottom > from + 1);
			return `${one?.querySelector('.text').textContent}`;
		});
		const place = await top();
		await until(() => p.page.evaluate(() => history.state?.at > 0), { what: 'the place to be kept' });
		await elsewhere(p);
		await p.link(name).click();
		await until(async () => await top() === place, { what: `${place} again` });
		const fresh = room();
		await fill(fresh, 1, 150);
		await badged(p, fresh, 150);
		await p.link(fresh).click();
		await sees(p, 'm1');
		await badged(p, fresh, 150 - await lastInSight(p));
		// Another tab has no place there.
		const other = parts(await open(t, `${line.url}/#${name}`, { context: p.context }));
		await other.connected();
		await sees(other, 'm300');
	});
});
