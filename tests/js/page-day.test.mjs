// page-day.test.mjs: the day is always said, and led to: by what stands beside it, by the picker, by an address.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { accessible, open, stored } from './browser.mjs';

const DAY = 86_400_000;
const zone = { timezoneId: 'America/New_York', locale: 'en-GB' };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

describe('the day', () => {
	const line = server();

	// Thirty messages a day, on the first, second, fifth and ninth of December, by New York's clock.
	async function filled(days = [1, 2, 5, 9]) {
		const name = room();
		const rows = days.flatMap((day) => [...Array(30).keys()].map((i) => [`${day}.${i}`, Date.UTC(2025, 11, day, 5) + i * 1_800_000]));
		await line.sql(`INSERT INTO messages(room, text, at) VALUES ${rows.map(([text, at]) => `('${name}', '${text}', ${at})`).join(',')}`);
		await until(async () => (await stored(line, name)).length === rows.length, { what: 'all of them' });
		return name;
	}
	async function begin(t, hash, more) {
		const p = await open(t, `${line.url}/#${hash}`, { ...zone, ...more });
		await p.connected();
		return p;
	}
	const heading = (p) => p.page.locator('main h2').first();
	const says = (p, day) => until(async () => await heading(p).textContent() === day, { what: `the day to be ${day}` })
		.catch(async (error) => assert.equal(await heading(p).textContent(), day, error.message));
	const top = (p) => p.log.evaluate((log) => {
		const from = log.getBoundingClientRect().top;
		return [...log.querySelectorAll('article')].find((one) => one.getBoundingClientRect().bottom > from + 1)?.querySelector('.text').textContent;
	});
	const stands = (p, text) => until(async () => await top(p) === text, { what: `${text} at the top` })
		.catch(async (error) => assert.equal(await top(p), text, error.message));
	const hash = (p) => decodeURIComponent(new URL(p.page.url()).hash);

	test('of what stands at the top is said, whichever way it came there', async (t) => {
		const name = await filled();
		const p = await begin(t, name);
		await says(p, 'Tuesday, 9 December 2025');
		assert.equal(await heading(p).evaluate((node) => node.tagName), 'H2');
		await accessible(p, 'the day');
		const ids = (await stored(line, name)).map(({ id }) => id);
		await p.hash(`#${name}/${ids[45]}`);
		await until(() => p.inSight('2.15'));
		await says(p, 'Tuesday, 2 December 2025');
		await p.log.evaluate((log) => log.scrollTo(0, 0));
		await says(p, 'Monday, 1 December 2025');
		await p.hash('#nothing-here');
		await until(async () => !await heading(p).isVisible(), { what: 'no day where there is nothing' });
	});

	test('the day before and the next one that have messages, and the ends of the log beyond them; the address follows', async (t) => {
		const name = await filled();
		const p = await begin(t, name);
		await says(p, 'Tuesday, 9 December 2025');
		const length = await p.page.evaluate(() => history.length);
		const go = (label) => p.named('button', label).click();
		await go('Previous day');
		await stands(p, '5.0');
		await says(p, 'Friday, 5 December 2025');
		assert.equal(hash(p), `#${name}@2025-12-05`);
		await go('Previous day');
		await stands(p, '2.0');
		await go('Previous day');
		await stands(p, '1.0');
		assert.equal(hash(p), `#${name}@2025-12-01`);
		await go('Previous day');
		await until(() => hash(p) === `#${name}`, { what: 'the beginning' });
		await stands(p, '1.0');
		await go('Next day');
		await stands(p, '2.0');
		await heading(p).getByRole('button').press('ArrowRight');
		await stands(p, '5.0');
		assert.equal(await p.page.evaluate(() => history.length), length, 'without an entry for each');
		// It is kept over a reload, and while one scrolls the address stays.
		await p.page.reload();
		await stands(p, '5.0');
		await says(p, 'Friday, 5 December 2025');
		await go('Next day');
		await until(() => hash(p) === `#${name}@2025-12-09`, { what: 'the last day' });
		await p.log.focus();
		await p.page.keyboard.press('G');
		await until(() => hash(p) === `#${name}`, { what: 'no day at the end' });
		await until(() => p.page.evaluate(() => history.state?.room !== undefined), { what: 'the place to be kept' });
		await p.page.reload();
		await until(() => p.inSight('9.29').catch(() => false), { what: 'the end after a reload' });
	});

	test('an address leads to the first message of a day, also of one without any, and what is none is said', async (t) => {
		const name = await filled();
		const p = await begin(t, `${name}@2025-12-02`);
		await stands(p, '2.0');
		await says(p, 'Tuesday, 2 December 2025');
		await p.log.evaluate((log) => log.scrollBy(0, 100));
		assert.equal(hash(p), `#${name}@2025-12-02`);
		const { id } = (await stored(line, name))[30];
		await until(() => p.page.evaluate((first) => history.state?.at > first, id), { what: 'the place to be kept' });
		const there = await top(p);
		assert.notEqual(there, '2.0');
		await p.hash(`#${name}@2025-12-03`);
		await stands(p, '5.0');
		await p.page.goBack();
		await stands(p, there);
		await p.hash(`#${name}@2030-01-01`);
		await until(async () => await p.toEnd() < 2, { what: 'the end' });
		await p.hash(`#${name}@2025-02-30`);
		await p.log.getByText(`“2025-02-30” is no day. This is #${name}.`).waitFor();
		// Beside a search as well.
		await p.page.goto(`${line.url}/#${name}@2025-12-02?q=in:${name}`);
		await stands(p, '2.0');
		await until(async () => await p.hits.count() >= 40, { what: 'hits' });
	});

	for (const [what, options] of [['by keys', {}], ['on a phone', PHONE]]) {
		test(`the picker, ${what}`, async (t) => {
			const name = await filled();
			const p = await begin(t, name, options);
			await says(p, 'Tuesday, 9 December 2025');
			if (options.isMobile) await heading(p).getByRole('button').tap();
			else {
				await p.log.focus();
				await p.page.keyboard.press('d');
			}
			const picker = p.named('dialog', 'Another day');
			const day = picker.getByLabel('Go to a day');
			await day.waitFor();
			assert.equal(await day.inputValue(), '2025-12-09');
			await accessible(p, 'the picker');
			await day.fill('2025-12-02');
			await picker.getByRole('button', { name: 'Go', exact: true }).click();
			await stands(p, '2.0');
			assert.equal(hash(p), `#${name}@2025-12-02`);
			for (const one of [p.named('button', 'Previous day'), heading(p).getByRole('button'), p.named('button', 'Next day')]) {
				const { width, height } = await one.boundingBox();
				assert.ok(width >= 24 && height >= 24, `${width}×${height}`);
			}
		});
	}

	test('rooms of the list say the day, unless it is today; also after midnight', async (t) => {
		const name = await filled([1]);
		const p = await begin(t, name);
		const time = p.rooms.locator(`a[href="#${name}"] time`);
		await until(async () => /^01\/12\/2025, \d\d:\d\d$|^1 Dec,? \d\d:\d\d$/.test(await time.textContent()), { what: 'day and time' });
		const live = room();
		await line.sent('x', { room: live });
		const now = p.rooms.locator(`a[href="#${live}"] time`);
		await until(async () => /^\d\d:\d\d$/.test(await now.textContent()), { what: 'the time' });
		// The clock of the page goes on to the next day, and the list with it.
		const q = await open(t, 'about:blank', zone);
		await q.page.clock.install({ time: new Date() });
		await q.page.goto(`${line.url}/#${live}`);
		const there = q.rooms.locator(`a[href="#${live}"] time`);
		await until(async () => /^\d\d:\d\d$/.test(await there.textContent().catch(() => '')), { what: 'the time' });
		await q.page.clock.fastForward(DAY);
		await until(async () => /^\d+ \w+,? \d\d:\d\d$|^\d\d\/\d\d\/\d{4}, /.test(await there.textContent()), { what: 'the day as well' });
	});
});
