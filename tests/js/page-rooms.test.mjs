// page-rooms.test.mjs: the list of rooms: what it says of each, all of it however long, and what is kept of each room.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { numbers, open } from './browser.mjs';

const parts = (p) => ({
	...p,
	links: p.rooms.getByRole('list').getByRole('link'),
	other: p.named('textbox', 'Open a room'),
	link: (name) => p.rooms.locator(`#list a[href="#${name}"]`),
	names: () => p.rooms.locator('#list .name:visible').allTextContents(),
});
const begin = async (...args) => {
	const p = parts(await open(...args));
	await p.connected();
	return p;
};
const lists = (p, expected) => until(async () => String(await p.names()) === String(expected), { what: `${expected}` })
	.catch(async (error) => assert.deepEqual(await p.names(), expected, error.message));

// One message in each of `count` rooms, the newest in the last.
const many = (line, prefix, count) => line.sql(`INSERT INTO messages(room, text)
	WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ${count})
	SELECT '${prefix}' || x, 'in ${prefix}' || x || ' ' || substr('${'lorem ipsum '.repeat(8)}', 1, 60) FROM c`);

describe('the list of rooms', () => {
	const line = server();

	test('says of each the last message and how many are unread, also in the title; opened, it is read', async (t) => {
		const [here, other] = [room(), room()];
		await line.sent({ text: 'old', sender: 'ann' }, { room: other });
		const p = await begin(t, `${line.url}/#${here}`);
		await p.link(other).click();
		await p.shows('old');
		await p.hash(`#${here}`);
		await p.page.getByText('Nothing has been said here yet.').waitFor();
		assert.equal(await p.link(other).locator('.badge').count(), 0);
		await line.sent({ text: 'one', sender: 'ann' }, { room: other });
		await line.sent({ text: 'two <b>', sender: 'bob' }, { room: other });
		const badge = p.link(other).getByText('2 unread');
		await badge.waitFor();
		await p.link(other).getByText('bob: two <b>').waitFor();
		await until(async () => await p.page.title() === `(2) #${here} · Longline`, { what: 'the title to count' });
		assert.deepEqual((await p.names())[0], `#${other}`, 'the newest first');
		await p.page.reload();
		await badge.waitFor();
		await p.link(other).click();
		await p.shows('old', 'one', 'two <b>');
		await badge.waitFor({ state: 'detached' });
		await until(async () => await p.page.title() === `#${other} · Longline`, { what: 'the title without a count' });
		assert.equal(await p.link(other).getAttribute('aria-current'), 'page');
		await line.post(`/send?room=${here}&event=file:a.txt`, 'a file', { 'Content-Type': 'application/octet-stream' });
		await p.link(here).getByText('a.txt').waitFor();
	});

	test('typing shows the rooms that have it in their names; Enter opens what is typed', async (t) => {
		const name = room('Harbour');
		const [camera, lights] = [`${name}.camera`, `${name}.lights`];
		for (const one of [name, camera, lights]) await line.sent('x', { room: one });
		const p = await begin(t, `${line.url}/#${name}`);
		await p.link(name).waitFor();
		await until(async () => (await p.names()).length >= 3);
		const all = await p.names();
		assert.deepEqual(all.slice(0, 3), [lights, camera, name].map((one) => `#${one}`));
		await p.other.fill(`${name}.CAM`.toLowerCase().slice(1));
		await lists(p, [`#${camera}`]);
		await line.sent('a change of the list', { room: camera });
		await p.link(camera).getByText('a change of the list').waitFor();
		await lists(p, [`#${camera}`]);
		await p.other.fill(`#${name}.`);
		await lists(p, [`#${camera}`, `#${lights}`]);
		await p.other.fill('nothing is called so');
		await lists(p, []);
		await p.other.fill('');
		await until(async () => (await p.names()).length === all.length);
		await p.other.fill(`#${name}.new`);
		await p.other.press('Enter');
		await p.page.getByText('Nothing has been said here yet.').waitFor();
		assert.equal(new URL(p.page.url()).hash, `#${name}.new`);
		assert.equal(await p.other.inputValue(), '');
		await until(async () => (await p.names()).length === all.length + 1, { what: 'all rooms again' });
	});

	test('a draft stays in its room, over a reload too', async (t) => {
		const [one, two] = [room(), room()];
		const p = await begin(t, `${line.url}/#${one}`);
		await p.field.fill('half of\none');
		await p.hash(`#${two}`);
		await until(async () => await p.field.inputValue() === '', { what: 'another field' });
		await p.field.fill('half of two');
		await p.hash(`#${one}`);
		await until(async () => await p.field.inputValue() === 'half of\none', { what: 'the first draft' });
		await p.page.reload();
		await p.connected();
		assert.equal(await p.field.inputValue(), 'half of\none');
		await p.field.press('Enter');
		await p.shows('half of\none');
		await p.hash(`#${two}`);
		await until(async () => await p.field.inputValue() === 'half of two', { what: 'the second draft' });
		await p.hash(`#${one}`);
		await p.shows('half of\none');
		assert.equal(await p.field.inputValue(), '', 'what was sent is no draft');
	});

	test('rooms called as parts of every object are rooms like others', async (t) => {
		const p = await begin(t, `${line.url}/`);
		for (const name of ['constructor', '__proto__', 'toString']) {
			await p.hash(`#${name}`);
			await until(async () => (await p.page.title()).endsWith(`#${name} · Longline`), { what: `room ${name}` });
			assert.equal(await p.field.inputValue(), '', name);
			await p.field.fill(`draft of ${name}`);
			await p.hash('#main');
			await until(async () => await p.field.inputValue() === '');
			await p.hash(`#${name}`);
			await until(async () => await p.field.inputValue() === `draft of ${name}`, { what: `the draft of ${name}` });
			await p.field.press('Enter');
			await until(async () => (await p.ids()).length === 1, { what: 'it to be sent' });
		}
	});

	test('what cannot be a room is said once, and not in the next room', async (t) => {
		const p = await begin(t, `${line.url}/`);
		await p.hash('#no%20room');
		const said = p.log.getByText('cannot be a room');
		await said.waitFor();
		await p.hash(`#${room()}`);
		await p.page.getByText('Nothing has been said here yet.').waitFor();
		assert.equal(await said.count(), 0);
		// While the room that is shown instead is still on its way.
		let release;
		const asked = new Promise((resolve) => {
			p.page.route('**/history?room=main*', async (route) => {
				resolve();
				await new Promise((go) => {
					release = go;
				});
				await route.continue();
			}, { times: 1 });
		});
		await p.hash('#main');
		await asked;
		await p.hash('#no%20room%20either');
		release();
		await said.waitFor();
		assert.equal(await said.count(), 1);
	});
});

describe('a long list', () => {
	const line = server();

	test('all of 1,300 rooms are found by their names, and so many are shown as one scrolls', async (t) => {
		await many(line, 'far', 1300);
		await until(async () => await line.head() >= 1300);
		const p = await begin(t, `${line.url}/`);
		// #main is the last, and brought into sight: that may have brought more already.
		await until(async () => (await p.names()).length >= 101, { what: 'the newest hundred, and main' });
		await p.rooms.locator('#list').evaluate((list) => {
			list.scrollTop = list.scrollHeight;
		});
		await until(async () => (await p.names()).length >= 1000, { what: 'more of them' });
		await p.other.pressSequentially('far7');
		await p.link('far7').waitFor();
		assert.ok((await p.names()).every((name) => name.startsWith('#far7')));
		await p.link('far7').click();
		await p.log.getByText('in far7 lorem').waitFor();
	});
});

describe('a list that comes in pieces', () => {
	const line = server({ flags: ['--reply-max', '3000'] });

	test('the server cuts each answer: the first hundred are there all the same, and all if one looks for them', async (t) => {
		await many(line, 'cut', 130);
		await until(async () => await line.head() >= 130);
		const { rooms, more } = (await line.get('/rooms?limit=100')).json;
		assert.ok(more && rooms.length < 50, `${rooms.length} rooms in an answer`);
		const p = await begin(t, `${line.url}/#cut130`);
		await lists(p, numbers(31, 130).reverse().map((i) => `#cut${i}`));
		assert.equal(await p.rooms.getByText('unread').count(), 0, 'what was there before counts as read');
		await p.other.fill('cut1');
		await lists(p, [...numbers(100, 130).reverse(), ...numbers(10, 19).reverse(), 1].map((i) => `#cut${i}`));
		await line.sent('news', { room: 'cut1' });
		await p.link('cut1').getByText('1 unread').waitFor();
		await p.link('cut1').click();
		await p.log.getByText('news', { exact: true }).waitFor();
	});
});

describe('two Longlines of one site', () => {
	const line = server();
	const below = server();

	test('share neither name nor drafts nor what is read', async (t) => {
		const name = room();
		let last;
		for (const i of numbers(1, 5)) last = await line.sent(`m${i}`, { room: name });
		await below.sent('old', { room: name });
		const p = await begin(t, `${line.url}/#${name}`);
		await p.shows(...numbers(1, 5).map((i) => `m${i}`));
		await p.name.fill('ann');
		await p.field.fill('a draft');
		await p.hasRead(name, last);
		await p.context.route((url) => url.pathname.startsWith('/below/'), async (route) => {
			const url = route.request().url().replace(`${line.url}/below`, below.url);
			// A poll may outlive the page.
			await route.fetch({ url }).then((response) => route.fulfill({ response })).catch(() => {});
		});
		const other = parts(await open(t, `${line.url}/below/#aside`, { context: p.context }));
		await other.connected();
		assert.equal(await other.name.inputValue(), '');
		await other.hash(`#${name}`);
		await other.shows('old');
		assert.equal(await other.field.inputValue(), '');
		await other.hash('#aside');
		await below.sent('news', { room: name });
		await other.link(name).getByText('1 unread').waitFor();
		await other.page.reload();
		await other.link(name).getByText('1 unread').waitFor();
		await p.page.reload();
		await p.connected();
		assert.equal(await p.name.inputValue(), 'ann');
		assert.equal(await p.field.inputValue(), 'a draft');
	});
});
