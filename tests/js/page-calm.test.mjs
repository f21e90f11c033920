// page-calm.test.mjs: a calm list of rooms: what stands first, when it stands still, and how one gets to a room by keys.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { accessible, numbers, open } from './browser.mjs';

describe('a calm list', () => {
	const line = server();
	const begin = async (t, name, options) => {
		const p = await open(t, `${line.url}/#${name}`, options);
		await p.connected();
		return {
			...p,
			other: p.named('textbox', 'Open a room'),
			link: (one) => p.rooms.locator(`#list a[href="#${one}"]`),
			pin: (one) => p.named('button', `Pin #${one}`),
		};
	};
	// Those of this test, as they are listed.
	const names = async (p, of) => (await p.rooms.locator('#list .name').allTextContents()).filter((name) => name.startsWith(`#${of}.`)).map((name) => name.split('.').pop());
	const lists = (p, of, ...expected) => until(async () => String(await names(p, of)) === String(expected), { what: `${expected}` })
		.catch(async (error) => assert.deepEqual(await names(p, of), expected, error.message));
	const says = async (of, ...all) => {
		for (const one of all) await line.sent('x', { room: `${of}.${one}` });
	};
	const away = (p) => p.page.mouse.move(700, 400);

	test('pinned first, then what is unread, then the newest or A to Z; it is remembered', async (t) => {
		const of = room();
		await says(of, 'c', 'a', 'b2', 'b10');
		const p = await begin(t, `${of}.c`);
		await away(p);
		await lists(p, of, 'b10', 'b2', 'a', 'c');
		await says(of, 'b2');
		await lists(p, of, 'b2', 'b10', 'a', 'c');
		await p.link(`${of}.a`).hover();
		await p.pin(`${of}.a`).click();
		await away(p);
		await lists(p, of, 'a', 'b2', 'b10', 'c');
		assert.equal(await p.pin(`${of}.a`).getAttribute('aria-pressed'), 'true');
		await p.named('button', 'Options').click();
		await p.options.getByLabel('Order of the rooms').selectOption('A to Z');
		await p.options.getByRole('button', { name: 'Close' }).click();
		await lists(p, of, 'a', 'b2', 'b10', 'c');
		await p.hash(`#${of}.b2`); // which is read then
		await says(of, 'c');
		await lists(p, of, 'a', 'c', 'b2', 'b10');
		await p.page.reload();
		await lists(p, of, 'a', 'c', 'b2', 'b10');
		await p.link(`${of}.b10`).focus();
		await p.page.keyboard.press('p');
		await p.field.focus();
		await lists(p, of, 'a', 'b10', 'c', 'b2');
		await p.link(`${of}.a`).focus();
		await p.page.keyboard.press('p');
		await p.field.focus();
		await lists(p, of, 'b10', 'c', 'a', 'b2');
		await accessible(p, 'with a pinned room');
		// In another tab as well, though it is not told by the line.
		const other = await begin(t, `${of}.c`, { context: p.context });
		await away(other);
		await lists(other, of, 'b10', 'a', 'b2', 'c');
		await p.link(`${of}.b10`).focus();
		await p.page.keyboard.press('p');
		await lists(other, of, 'a', 'b2', 'b10', 'c');
	});

	test('Esc in the field of rooms ends the choice, and marks nothing as read', async (t) => {
		const of = room();
		await says(of, 'a', 'b');
		const p = await begin(t, `${of}.a`);
		await lists(p, of, 'b', 'a');
		await p.page.keyboard.press('Control+k');
		await p.other.pressSequentially(`${of}.b`);
		await lists(p, of, 'b');
		await p.page.keyboard.press('Escape');
		await lists(p, of, 'b', 'a');
		assert.equal(await p.other.inputValue(), '');
		assert.ok(await p.field.evaluate((node) => node === document.activeElement));
	});

	test('a press and a release are a click, whatever is heard between; who has the focus keeps it', async (t) => {
		const of = room();
		await says(of, 'a', 'b');
		const p = await begin(t, `${of}.a`);
		const link = p.link(`${of}.b`);
		for (const one of ['a', 'b']) {
			await p.hash(`#${of}.a`);
			await link.hover();
			await p.page.mouse.down();
			await line.sent(`new in ${one}`, { room: `${of}.${one}` });
			await p.link(`${of}.${one}`).getByText(`new in ${one}`).waitFor();
			await p.page.mouse.up();
			await until(() => new URL(p.page.url()).hash === `#${of}.b`, { what: 'the room to open' });
		}
		await link.focus();
		await link.evaluate((node) => {
			window.lost = 0;
			node.addEventListener('blur', () => { window.lost += 1; });
		});
		await line.sent('once more', { room: `${of}.b` });
		await link.getByText('once more').waitFor();
		assert.equal(await p.page.evaluate(() => window.lost), 0);
		assert.ok(await link.evaluate((node) => node === document.activeElement && node.isConnected));
	});

	test('it stands still while the pointer or the focus is in it', async (t) => {
		const of = room();
		await says(of, 'a', 'b', 'c', 'd');
		const p = await begin(t, `${of}.d`);
		await lists(p, of, 'd', 'c', 'b', 'a');
		await p.link(`${of}.c`).hover();
		await says(of, 'a', 'e');
		await p.link(`${of}.e`).waitFor();
		await p.link(`${of}.a`).getByText('1 unread').waitFor();
		await lists(p, of, 'd', 'c', 'b', 'a', 'e');
		await away(p);
		await lists(p, of, 'e', 'a', 'd', 'c', 'b');
		await p.link(`${of}.c`).focus();
		await says(of, 'b');
		await p.link(`${of}.b`).getByText('1 unread').waitFor();
		await lists(p, of, 'e', 'a', 'd', 'c', 'b');
		await p.field.focus();
		await lists(p, of, 'b', 'e', 'a', 'd', 'c');
		// Through it by Alt and arrows one meets each of them once.
		const met = [];
		for (const _ of numbers(1, 3)) {
			const before = await p.page.locator('#room').textContent();
			await p.page.keyboard.press('Alt+ArrowUp');
			await until(async () => await p.page.locator('#room').textContent() !== before, { what: 'another room' });
			met.push(p.page.url().split('.').pop());
		}
		assert.deepEqual(met, ['a', 'e', 'b']);
	});

	test('Ctrl+K leads to the field, Enter to the first that fits; on a phone the drawer opens', async (t) => {
		const of = room();
		await says(of, 'ops', 'main');
		const p = await begin(t, `${of}.main`);
		for (const keys of ['Control+k', 'Meta+k']) {
			await p.field.focus();
			await p.page.keyboard.press(keys);
			await until(() => p.other.evaluate((node) => node === document.activeElement), { what: 'the field' });
		}
		await p.link(`${of}.ops`).waitFor();
		await p.page.keyboard.type(`${of}.op`);
		await p.page.keyboard.press('Enter');
		await until(() => p.page.url().endsWith(`#${of}.ops`), { what: 'the room' });
		await until(() => p.field.evaluate((node) => node === document.activeElement), { what: 'the message field' });
		await p.page.setViewportSize({ width: 390, height: 780 });
		await p.named('button', 'Show rooms').waitFor();
		await p.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))); // a drawer closes at this
		await p.page.keyboard.press('Control+k');
		await p.other.waitFor();
		await p.page.keyboard.type(`${of}.mai`);
		await p.page.keyboard.press('Enter');
		await until(() => p.page.url().endsWith(`#${of}.main`), { what: 'the other room' });
		assert.equal(await p.rooms.isVisible(), false);
	});

	test('the open room is in sight, wherever it stands', async (t) => {
		const of = room();
		await says(of, ...numbers(1, 60));
		const p = await begin(t, `${of}.3`);
		const inSight = (one) => until(() => p.link(one).evaluate((node) => {
			const { top, bottom } = node.getBoundingClientRect();
			const box = document.querySelector('#list').getBoundingClientRect();
			return top >= box.top - 1 && bottom <= box.bottom + 1;
		}).catch(() => false), { what: `${one} in sight` });
		await away(p);
		await inSight(`${of}.3`);
		await p.hash(`#${of}.59`);
		await inSight(`${of}.59`);
		await p.page.keyboard.press('Alt+ArrowUp');
		await inSight(`${of}.60`);
	});
});
