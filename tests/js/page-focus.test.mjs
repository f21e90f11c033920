// page-focus.test.mjs: where the focus goes, so that what one types lands where one means it to.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { numbers, open } from './browser.mjs';

describe('the focus', () => {
	const line = server();
	const begin = async (t, name, options) => {
		const p = await open(t, `${line.url}/#${name}`, options);
		await p.connected();
		return { ...p, other: p.named('textbox', 'Open a room') };
	};
	const focused = (p, what = p.field) => until(() => what.evaluate((node) => node === document.activeElement), { what: 'the focus to be there' });
	const hash = (p) => new URL(p.page.url()).hash;

	test('after a room was opened, by name or by a click, one writes in it', async (t) => {
		const [here, there] = [room(), room()];
		await line.sent('x', { room: here });
		await line.sent('y', { room: there });
		const p = await begin(t, here);
		await p.other.fill(`${here}.fresh`);
		await p.other.press('Enter');
		await p.page.keyboard.type('hello everyone');
		await p.page.keyboard.press('Enter');
		await p.shows('hello everyone');
		assert.equal(hash(p), `#${here}.fresh`);
		await p.rooms.locator(`a[href="#${there}"]`).click();
		await p.page.keyboard.type('jjk');
		assert.equal(await p.field.inputValue(), 'jjk');
		await p.shows('y');
	});

	test('Enter takes the first room of the list; another one is made by a row of its own', async (t) => {
		const name = room();
		await line.sent('x', { room: `${name}.ops` });
		const p = await begin(t, name);
		const create = p.rooms.getByRole('link', { name: `Create #${name}.op`, exact: true });
		await until(async () => await p.rooms.getByRole('link').filter({ hasText: `${name}.ops` }).count() === 1);
		await p.other.fill(`${name}.op`);
		await create.waitFor();
		await p.other.press('Enter');
		await until(() => hash(p) === `#${name}.ops`, { what: 'the room of the list' });
		await p.other.fill(`${name}.OPS`);
		await p.other.press('Enter');
		await p.shows('x');
		assert.equal(hash(p), `#${name}.ops`);
		await p.other.fill(`#${name}.op`);
		await p.other.press('ArrowDown');
		await p.page.keyboard.press('End');
		await focused(p, create);
		await p.page.keyboard.press('Enter');
		await until(() => hash(p) === `#${name}.op`, { what: 'a new room' });
		await focused(p);
		assert.equal(await create.count(), 0);
		// What is no name stays where it was typed.
		await p.other.fill('hello everyone');
		await p.other.press('Enter');
		assert.equal(await p.other.evaluate((node) => node.validationMessage.slice(0, 16)), 'A room is called');
		assert.equal(await p.other.inputValue(), 'hello everyone');
		assert.equal(hash(p), `#${name}.op`);
	});

	test('the list of rooms is one stop on the way to the message field, and arrow keys go through it', async (t) => {
		const name = room();
		for (const i of numbers(1, 30)) await line.sent('x', { room: `${name}.${i}` });
		const p = await begin(t, `${name}.30`);
		await until(async () => await p.rooms.locator('#list a').count() >= 30, { what: 'the list' });
		await p.query.focus(); // the first of all
		let steps = 0;
		for (; steps < 40 && !await p.field.evaluate((node) => node === document.activeElement); steps += 1) await p.page.keyboard.press('Tab');
		assert.ok(steps <= 10, `${steps} steps`);
		const link = (i) => p.rooms.locator(`a[href="#${name}.${i}"]`);
		await link(30).focus();
		for (const [key, i] of [['ArrowDown', 29], ['ArrowDown', 28], ['ArrowUp', 29]]) {
			await p.page.keyboard.press(key);
			await focused(p, link(i));
		}
		await line.sent('y', { room: `${name}.29` });
		await link(29).getByText('y', { exact: true }).waitFor();
		await focused(p, link(29));
	});
});
