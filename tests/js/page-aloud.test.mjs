// page-aloud.test.mjs: what axe-core does not see: what is read aloud, headings, names, sizes, focus, forced colours.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { accessible, numbers, open } from './browser.mjs';

describe('without a pointer, without eyes', () => {
	const line = server({ flags: ['--message-max', '20000'] });
	const begin = async (t, name, options) => {
		const p = await open(t, `${line.url}/#${name}`, { cut: true, ...options });
		await p.connected();
		return p;
	};
	const announced = (p, text) => until(async () => await p.page.locator('#announce').textContent() === text, { what: `“${text}” to be read aloud` });

	test('who reads further up is told aloud how many are new', async (t) => {
		const name = room();
		for (const i of numbers(1, 60)) await line.sent(`m${i}`, { room: name });
		const p = await begin(t, name);
		await p.shows(...numbers(1, 60).map((i) => `m${i}`));
		await p.log.evaluate((log) => {
			log.scrollTop = 100;
		});
		await p.newest.waitFor();
		await line.sent('m61', { room: name });
		await announced(p, '1 new below');
		await line.sent('m62', { room: name });
		await announced(p, '2 new below');
	});

	test('days and the mark are headings; a time link begins with its time; what is unsent has a name', async (t) => {
		const name = room();
		await line.sql(`INSERT INTO messages(room, sender, text, at) VALUES ('${name}', 'ann', 'a', ${Date.UTC(2026, 0, 5)}), ('${name}', 'ann', 'b', ${Date.UTC(2026, 0, 7)})`);
		const p = await begin(t, name, { timezoneId: 'UTC', locale: 'en-GB' });
		await p.shows('a', 'b');
		assert.deepEqual((await p.log.getByRole('heading', { level: 2 }).allTextContents()).map((day) => day.replace(',', '')),
			['Monday 5 January 2026', 'Wednesday 7 January 2026']);
		assert.equal(await p.log.getByRole('link', { name: '00:00, Permalink', exact: true }).count(), 2);
		await p.name.fill('ann');
		await p.type('z'.repeat(30_000));
		await p.log.getByRole('article', { name: 'Unsent message by ann', exact: true }).getByText('Not sent:').waitFor();
		await accessible(p, 'with days and an unsent message');
	});

	test('on a phone: every target has 24 pixels, and the open drawer keeps the focus', async (t) => {
		const name = room();
		for (const i of numbers(1, 5)) await line.sent({ text: `m${i}`, sender: 'ann' }, { room: name });
		const p = await begin(t, name, { viewport: { width: 390, height: 780 }, hasTouch: true });
		await p.type('z'.repeat(30_000));
		await p.log.getByText('Not sent:').waitFor();
		await p.named('button', 'Options').click();
		const small = () => p.page.evaluate(() => [...document.querySelectorAll('a, button, input, select, textarea')]
			.filter((node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest('.text'))
			.map((node) => [node.id || node.className || node.textContent, node.getBoundingClientRect()])
			.filter(([, { width, height }]) => width && (width < 24 || height < 24)).map(([what, { width, height }]) => `${what}: ${width}×${height}`));
		assert.deepEqual(await small(), []);
		await p.options.getByRole('button', { name: 'Close' }).click();
		await p.named('button', 'Show rooms').click();
		assert.deepEqual(await small(), []);
		for (const _ of numbers(1, 12)) {
			await p.page.keyboard.press('Tab');
			assert.ok(await p.page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest('#rooms, #menu')),
				await p.page.evaluate(() => document.activeElement.id));
		}
		await accessible(p, 'with the drawer open');
		await p.page.mouse.click(380, 400);
		await until(async () => !await p.rooms.isVisible(), { what: 'the drawer to close' });
		await p.type('after');
		await p.log.getByText('after', { exact: true }).waitFor();
		// Wide again with an open drawer, nothing stays shut off.
		await p.named('button', 'Show rooms').click();
		await p.page.setViewportSize({ width: 1200, height: 800 });
		await p.type('wide');
		await p.log.getByText('wide', { exact: true }).waitFor();
	});

	test('forced colours: a message that one was sent to is marked, without the focus as well', async (t) => {
		const name = room();
		const id = await line.sent('a', { room: name });
		await line.sent('b', { room: name });
		const p = await begin(t, `${name}/${id}`, { forcedColors: 'active' });
		await p.log.locator('.target').waitFor();
		await p.field.focus();
		assert.equal(await p.log.locator('.target').evaluate((node) => getComputedStyle(node).outlineStyle), 'solid');
	});
});
