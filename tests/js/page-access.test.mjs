// page-access.test.mjs: the page for those who use a screen reader or the keyboard alone: axe-core in every state, and
// every function without a pointer.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, sleep, until } from '../e2e/harness.mjs';
import { accessible, numbers, open, stored } from './browser.mjs';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==', 'base64');

async function filled(line, name) {
	for (const i of numbers(1, 30)) await line.sent({ text: `message ${i}`, sender: ['ann', 'bob', ''][i % 3] }, { room: name });
	await line.sent({ text: '**strong** *em* ~~gone~~ `code` https://example.org/x\n```\nblock\n```\n> quoted', format: 'markdown', sender: 'ann' }, { room: name });
	await line.sent({ text: 'line\n'.repeat(60), sender: 'tall' }, { room: name });
	await line.sent({ event: 'alarm', text: 'fire' }, { room: name });
	await line.sent({ args: [1, { two: 3 }] }, { room: name });
	for (const [file, bytes] of [['dot.png', PNG], ['note.txt', 'a file']]) {
		await line.post(`/send?room=${name}&event=file:${file}&key=${file}`, bytes, { 'Content-Type': 'application/octet-stream' });
	}
}

describe('axe-core finds nothing', () => {
	const line = server({ flags: ['--message-max', '20000'] });

	for (const [what, options] of [
		['in the light', {}],
		['in the dark', { colorScheme: 'dark' }],
		['on a phone', { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }],
		['with more contrast', { forcedColors: 'active' }],
	]) {
		test(`${what}: empty, full, back in time, search, dialog, drawer, offline, failed`, async (t) => {
			const name = room();
			const p = await open(t, `${line.url}/#${name}`, { cut: true, ...options });
			await p.connected();
			await p.page.getByText('Nothing has been said here yet.').waitFor();
			await accessible(p, 'empty');
			await filled(line, name);
			await line.sent('unread', { room: `${name}-other` });
			await until(async () => (await p.ids()).length === 36);
			await accessible(p, 'full');
			const [{ id }] = await stored(line, name);
			await p.hash(`#${name}/${id}`);
			await until(() => p.inSight('message 1'));
			await line.sent('a new one', { room: name });
			await until(async () => /new/.test(await p.newest.locator('..').textContent()));
			await accessible(p, 'back in time, with a new message');

			const menu = p.named('button', 'Show rooms');
			if (await menu.isVisible()) {
				await menu.click();
				await accessible(p, 'drawer');
				await p.page.keyboard.press('Escape');
			}
			const seek = p.named('button', 'Search');
			if (await seek.isVisible()) await seek.click();
			await p.query.fill('message');
			await until(async () => await p.hits.count() > 0, { what: 'hits' });
			await accessible(p, 'search with hits');
			await p.query.fill('nothingofthekind');
			await p.page.getByText('Nothing found').waitFor();
			await accessible(p, 'search without hits');
			await p.query.fill('from:nobody after:never');
			await p.page.getByText('needs a day').waitFor();
			await accessible(p, 'search with a mistake');
			await p.named('button', 'Close search').click();

			await p.named('button', 'Options').click();
			await p.options.waitFor();
			await accessible(p, 'options');
			await p.options.getByRole('button', { name: 'Close' }).click();

			await p.type('x'.repeat(30_000));
			await p.log.getByText(/^Not sent: /).waitFor();
			await accessible(p, 'failed message');
			await p.context.setOffline(true);
			await p.says(/^Offline$/);
			await p.type('typed offline');
			await p.log.getByText(/^Not sent yet/).waitFor();
			await accessible(p, 'offline, with an unsent message');
			await p.context.setOffline(false);
			await p.connected();
			await p.hash('#no%20room');
			await p.log.getByText('cannot be a room').waitFor();
			await accessible(p, 'a room that cannot be');
		});
	}

	test('in the page without JavaScript', async (t) => {
		const p = await open(t, `${line.url}/`, { javaScriptEnabled: false });
		for (const part of [p.field, p.name, p.send]) await part.waitFor();
		await p.page.locator('noscript p').waitFor();
	});
});

describe('by the keyboard alone', () => {
	const line = server();

	const focused = (p) => p.page.evaluate(() => {
		const node = document.activeElement;
		return `${node.tagName.toLowerCase()} ${node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent.slice(0, 60)}`.trim();
	});
	const press = async (p, ...keys) => {
		for (const key of keys) await p.page.keyboard.press(key);
	};
	const has = (locator) => until(() => locator.evaluate((node) => node === document.activeElement), { what: `${locator} to have the focus` });
	/** Goes on by Tab until this part has the focus; how many steps. */
	async function tabTo(p, locator, most = 60) {
		await locator.waitFor();
		for (let steps = 1; steps <= most; steps += 1) {
			await press(p, 'Tab');
			if (await locator.evaluate((node) => node === document.activeElement)) return steps;
		}
		throw new Error(`no way to ${locator} by Tab`);
	}

	test('every part is reached by Tab, with a visible focus, and none holds it', async (t) => {
		const name = room();
		await filled(line, name);
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await has(p.field);
		const walked = [];
		for (let i = 0; i < 80; i += 1) {
			await press(p, 'Tab');
			if (await p.page.evaluate(() => document.activeElement === document.body)) continue;
			const ring = await p.page.evaluate(() => {
				const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
				return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1;
			});
			const what = await focused(p);
			assert.ok(ring, `${what} shows that it has the focus`);
			if (walked.includes(what)) break;
			walked.push(what);
		}
		for (const part of ['Search history', 'Options', 'Open a room', 'Messages', 'Writing as', 'Message', 'Attach a file', 'Send', `#${name}`]) {
			assert.ok(walked.some((what) => what.includes(part)), `${part} is among: ${walked.join(', ')}`);
		}
		t.diagnostic(walked.join(' → '));
	});

	test('write, read back, link, search, rooms, day, save: every function by keys', async (t) => {
		const name = room();
		await filled(line, name);
		for (const i of numbers(31, 200)) await line.sent(`message ${i}`, { room: name });
		await line.sent('elsewhere', { room: `${name}-other` });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await until(async () => (await p.ids()).length === 100);

		// Writing.
		await has(p.field);
		await p.page.keyboard.type('by keys');
		await press(p, 'Shift+Enter');
		await p.page.keyboard.type('two lines');
		await press(p, 'Enter');
		await until(async () => (await p.texts()).at(-1) === 'by keys\ntwo lines');
		await until(async () => (await p.log.getByRole('article').count()) === (await p.ids()).length, { what: 'it to be sent' });

		// Reading: to the list, one up, its permalink, oldest and newest.
		await press(p, 'Escape');
		await has(p.log);
		await press(p, 'k');
		const article = p.log.locator('article:focus');
		await article.waitFor();
		const here = Number(await article.getAttribute('data-id'));
		await press(p, 'k');
		const above = Number(await p.log.locator('article:focus').getAttribute('data-id'));
		assert.equal(above, here - 1);
		await press(p, 'j');
		assert.equal(Number(await p.log.locator('article:focus').getAttribute('data-id')), here);
		// Its menu comes first: under scripts/run this machine's own strangers moderate.
		await tabTo(p, p.log.locator(`[data-id="${here}"]`).getByRole('link', { name: 'Permalink' }), 2);
		await press(p, 'Enter');
		await until(() => p.page.url().endsWith(`#${name}/${here}`));
		await p.log.focus();
		await press(p, 'g');
		await until(() => p.inSight('message 1'), { what: 'the oldest' });
		await press(p, 'Shift+G');
		await until(() => p.inSight('by keys\ntwo lines'), { what: 'the newest' });
		await p.log.focus();
		const before = await p.log.evaluate((log) => log.scrollTop);
		await press(p, 'PageUp');
		await until(async () => await p.log.evaluate((log) => log.scrollTop) < before, { what: 'the list to scroll' });
		// It glides, and would glide on over what comes next.
		const top = () => p.log.evaluate((log) => log.scrollTop);
		await until(async () => {
			const at = await top();
			await sleep(300);
			return await top() === at;
		}, { what: 'the list to rest' });
		await tabTo(p, p.newest);
		await press(p, 'Enter');
		await until(async () => await p.toEnd() < 2);
		await has(p.field);

		// Searching, and into a hit.
		await press(p, 'Escape', '/');
		await has(p.query);
		await p.page.keyboard.type(`"message 17" in:${name}`);
		await press(p, 'Enter');
		await until(async () => await p.hits.count() === 1, { what: 'the hit' });
		await tabTo(p, p.hits.first().getByRole('link'));
		await press(p, 'Enter');
		await until(() => p.inSight('message 17'), { what: 'the hit in its place' });
		await press(p, 'Escape');
		await until(async () => !await p.hits.first().isVisible(), { what: 'the search to close' });

		// Rooms: the next one, back, one by its name.
		await press(p, 'Alt+ArrowUp');
		await until(async () => !p.page.url().includes(`#${name}/`) && new URL(p.page.url()).hash !== `#${name}`);
		await tabTo(p, p.rooms.getByRole('link', { name: `#${name}`, exact: false }).and(p.page.locator(`[href="#${name}"]`)));
		await press(p, 'Enter');
		await until(() => new URL(p.page.url()).hash === `#${name}`);
		await tabTo(p, p.named('textbox', 'Open a room'));
		await p.page.keyboard.type(`${name}-new`);
		await press(p, 'Enter');
		await until(() => new URL(p.page.url()).hash === `#${name}-new`);
		await p.page.getByText('Nothing has been said here yet.').waitFor();
		await press(p, 'Alt+ArrowDown');
		await until(() => new URL(p.page.url()).hash !== `#${name}-new`);

		// The dialog: a day, saving, and out again with the focus where it was.
		await p.hash(`#${name}`);
		await until(async () => (await p.ids()).length === 100);
		await p.log.focus();
		await press(p, '?');
		await p.options.waitFor();
		const download = p.page.waitForEvent('download');
		await tabTo(p, p.options.getByRole('button', { name: 'CSV' }));
		await press(p, 'Enter');
		assert.equal((await download).suggestedFilename(), `longline-${name}.csv`);
		await tabTo(p, p.options.getByRole('checkbox', { name: 'Notify me' }));
		await press(p, 'Escape');
		await until(async () => !await p.options.isVisible());
		await has(p.log);

		// The name, and a file.
		await tabTo(p, p.name);
		await p.page.keyboard.type('kim');
		await press(p, 'Enter');
		await has(p.field);
		const chooser = p.page.waitForEvent('filechooser');
		await tabTo(p, p.named('button', 'Attach a file'));
		await press(p, 'Enter');
		await (await chooser).setFiles({ name: 'keys.txt', mimeType: 'text/plain', buffer: Buffer.from('x') });
		await p.log.getByRole('button', { name: 'keys.txt' }).waitFor();
		await p.sent();
		assert.equal((await stored(line, name)).at(-1).sender, 'kim');
	});

	test('a phone with a keyboard: the drawer opens, takes the focus, and gives it back', async (t) => {
		const name = room();
		await line.sent('elsewhere', { room: `${name}-other` });
		const p = await open(t, `${line.url}/#${name}`, { viewport: { width: 360, height: 740 } });
		await p.connected();
		const menu = p.named('button', 'Show rooms');
		const nav = p.page.locator('nav'); // hidden, it has no role
		await menu.focus();
		await press(p, 'Enter');
		await until(() => nav.evaluate((node) => node.contains(document.activeElement)), { what: 'the focus among the rooms' });
		assert.equal(await menu.getAttribute('aria-expanded'), 'true');
		await press(p, 'Escape');
		await has(menu);
		assert.equal(await menu.getAttribute('aria-expanded'), 'false');
		// What is out of sight is out of the way of Tab.
		for (let i = 0; i < 12; i += 1) {
			await press(p, 'Tab');
			assert.equal(await nav.evaluate((node) => node.contains(document.activeElement)), false);
		}
	});

	test('new messages are read out, older ones that are loaded are not; the focus stays', async (t) => {
		const name = room();
		for (const i of numbers(1, 150)) await line.sent({ text: `message ${i}`, sender: 'ann' }, { room: name });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await until(async () => (await p.ids()).length === 100);
		await p.page.evaluate(() => {
			window.read = [];
			for (const node of document.querySelectorAll('[aria-live]:not([aria-live=off]), [role=status], [role=alert]')) {
				new MutationObserver(() => window.read.push(node.textContent)).observe(node, { childList: true, characterData: true, subtree: true });
			}
		});
		assert.equal(await p.log.getAttribute('aria-live'), 'off', 'the list itself is not read out, or each page loaded would be');
		await line.sent({ text: 'news', sender: 'bob' }, { room: name });
		await until(async () => (await p.page.evaluate(() => window.read)).some((text) => text.includes('bob: news')), { what: 'it to be read out' });
		await p.log.focus();
		await p.page.evaluate(() => {
			window.read = [];
		});
		await press(p, 'Home');
		await until(async () => (await p.ids()).length > 120, { what: 'older ones' });
		await has(p.log);
		assert.deepEqual((await p.page.evaluate(() => window.read)).filter((text) => text.includes('message')), []);
	});
});
