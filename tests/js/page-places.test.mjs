// page-places.test.mjs: addresses of messages, also of those that are not there; and the place where one was.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { numbers, open, stored } from './browser.mjs';

const COUNT = 400;

describe('places', () => {
	const line = server();

	async function begin(t, hash, options) {
		const p = await open(t, `${line.url}/#${hash}`, options);
		await p.connected();
		return p;
	}
	async function filled() {
		const name = room();
		await line.sql(`INSERT INTO messages(room, text) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${COUNT})
			SELECT '${name}', 'm' || x FROM c`);
		return { name, ids: (await until(async () => {
			const all = await stored(line, name);
			return all.length === COUNT && all;
		}, { what: 'all of them' })).map(({ id }) => id) };
	}
	const said = (p, text) => until(() => p.inSight(text).catch(() => false), { what: `“${text}” in sight` });
	const sees = (p, text) => until(() => p.inSight(text).catch(() => false), { what: `${text} in sight` });

	test('of a message that is not in the room, or was deleted: it is said at its place, in sight', async (t) => {
		const { name, ids } = await filled();
		const elsewhere = await line.sent('elsewhere', { room: room() });
		for (const i of numbers(1, 200)) await line.sent(`n${i}`, { room: name });
		await line.sql(`DELETE FROM messages WHERE id = ${ids[199]}`);
		const p = await begin(t, `${name}/${elsewhere}`);
		await said(p, `Message ${elsewhere} is not in this room, or no longer.`);
		await sees(p, 'n1');
		await p.hash(`#${name}/${ids[199]}`);
		await said(p, `Message ${ids[199]} is not in this room, or no longer.`);
		await sees(p, 'm201');
	});

	test('of one that is not there yet: the end of the room, and it is said there', async (t) => {
		const { name } = await filled();
		const p = await begin(t, `${name}/999999`);
		await said(p, 'Message 999999 is not in this room, or not yet.');
		await sees(p, 'm400');
		assert.ok(await p.toEnd() < 2);
		await line.sent('m401', { room: name });
		await sees(p, 'm401');
	});

	test('of what is no number: it is said', async (t) => {
		const { name } = await filled();
		const p = await begin(t, `${name}/abc`);
		await said(p, `“abc” is no number of a message. This is #${name}.`);
		await p.hash(`#${name}/0`);
		await said(p, `“0” is no number of a message. This is #${name}.`);
	});

	test('an address of this page in a message opens here; Back leads to where one was, forward and reload as well', async (t) => {
		const { name, ids } = await filled();
		await line.sent(`see ${line.url}/#${name}/${ids[99]} and ${line.url}/other/#main and ${line.url}/#join=ll_x`, { room: name });
		const p = await begin(t, name);
		const link = p.log.getByRole('link', { name: `${line.url}/#${name}/${ids[99]}` });
		assert.equal(await p.log.locator('a[target=_blank]').count(), 2, 'what leads elsewhere, or signs somebody in, opens elsewhere');
		await link.click();
		await sees(p, 'm100');
		assert.equal(p.context.pages().length, 1);
		await p.page.goBack();
		await sees(p, 'm400');
		await until(async () => await p.toEnd() < 2, { what: 'the end' });
		assert.equal(await p.log.locator('.target').count(), 0);
		// From the middle of somewhere.
		const top = () => p.log.evaluate((log) => {
			const from = log.getBoundingClientRect().top;
			const one = [...log.querySelectorAll('article')].find((node) => node.getBoundingClientRect().bottom > from + 1);
			return { text: one.querySelector('.text').textContent, y: one.getBoundingClientRect().top - from };
		});
		// A pixel is lost now and then to rounding.
		const stands = async ({ text, y }) => {
			const now = await top().catch(() => ({}));
			return now.text === text && Math.abs(now.y - y) <= 3;
		};
		const kept = (place) => until(async () => await p.page.evaluate(() => history.state?.at) > 0 && await stands(place), { what: 'the place to be kept' });
		await p.log.evaluate((log) => log.scrollBy(0, -1234));
		const place = await top();
		await kept(place);
		await p.hash(`#${name}/${ids[9]}`);
		await sees(p, 'm10');
		await p.page.goBack();
		await until(() => stands(place), { what: `${place.text} after Back` });
		await p.page.goForward();
		await sees(p, 'm10');
		await p.page.goBack();
		await until(() => stands(place), { what: `${place.text} again` });
		await kept(place);
		await p.page.reload();
		await until(() => stands(place), { what: `${place.text} after a reload` });
		// Another room, and back.
		await p.hash('#elsewhere');
		await p.page.getByText('Nothing has been said here yet.').waitFor();
		await p.page.goBack();
		await until(() => stands(place), { what: `${place.text} after another room` });
	});
});
