// page-logs.test.mjs: what programs send is shown as it is: Markdown, output, colours, JSON, small pictures; many rows in
// little room.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, until } from '../e2e/harness.mjs';
import { accessible, numbers, open, stored } from './browser.mjs';

const E = '\x1b';
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP4z8CAB+GTG8HSALfKY52fTcuYAAAAAElFTkSuQmCC';

const rowOf = (p, text) => p.log.getByRole('article').filter({ hasText: text });
const style = (locator, name) => locator.evaluate((node, what) => getComputedStyle(node)[what], name);
const height = (locator) => locator.evaluate((node) => node.offsetHeight);

async function choose(p, text, what) {
	await rowOf(p, text).hover();
	await rowOf(p, text).getByRole('button', { name: 'Message actions' }).click();
	await p.page.locator('#act').getByRole('button', { name: what, exact: true }).click();
}

describe('made for logs', () => {
	const line = server();
	const begin = async (t, name, options) => {
		const p = await open(t, `${line.url}/#${name}`, options);
		await p.connected();
		return p;
	};

	test('a path keeps its stars; Markdown is drawn where its sender says so, and what is typed here says so', async (t) => {
		const name = room();
		await line.sent({ text: 'src/*/test/*/x.c https://example.org/x', sender: 'cron' }, { room: name });
		await line.sent({ text: 'a **b**', format: 'markdown', sender: 'ann' }, { room: name });
		await line.sql(`INSERT INTO messages(room, text) VALUES ('${name}', 'by **SQL**')`);
		const p = await begin(t, name);
		await p.shows('src/*/test/*/x.c https://example.org/x', 'a b', 'by **SQL**');
		assert.deepEqual(await p.log.getByRole('link', { name: 'https://example.org/x' }).evaluateAll((nodes) => nodes.map(({ target, rel }) => [target, rel])),
			[['_blank', 'noopener noreferrer nofollow']], 'an address leads somewhere all the same');
		await p.type('typed **here**');
		await p.log.locator('strong', { hasText: 'here' }).waitFor();
		await p.sent();
		assert.deepEqual((await stored(line, name)).map(({ format }) => format), [undefined, 'markdown', undefined, 'markdown']);
		await p.page.reload();
		await p.shows('src/*/test/*/x.c https://example.org/x', 'a b', 'by **SQL**', 'typed here');
		// An edit keeps it.
		await p.connected();
		await p.field.press('ArrowUp');
		await p.field.fill('edited *here*');
		await p.field.press('Enter');
		await p.log.locator('em', { hasText: 'here' }).waitFor();
		assert.equal((await stored(line, name)).at(-1).format, 'markdown');
	});

	test('the source of Markdown is shown, a plain text as Markdown, and each as it was again; one stays where one is', async (t) => {
		const name = room();
		for (const i of numbers(1, 30)) await line.sent(`m${i}`, { room: name });
		const marked = await line.sent({ text: 'a **b**\n```\nc\n```', format: 'markdown' }, { room: name });
		await line.sent('d *e*', { room: name });
		for (const i of numbers(31, 60)) await line.sent(`m${i}`, { room: name });
		const p = await begin(t, name);
		await rowOf(p, 'd *e*').hover(); // which scrolls, and tries again where the list is drawn anew
		const at = () => p.log.locator(`[data-id="${marked}"]`).evaluate((node) => Math.round(node.getBoundingClientRect().top));
		const before = await at();
		await choose(p, 'a b', 'Show source');
		await rowOf(p, 'a **b**').locator('.output').waitFor();
		assert.equal(await at(), before);
		await choose(p, 'a **b**', 'Show as sent');
		await p.log.locator('strong').waitFor();
		await choose(p, 'd *e*', 'Show as Markdown');
		await p.log.locator('em').waitFor();
		await line.sent('a new one', { room: name }); // rows are drawn anew
		await choose(p, 'd e', 'Show as sent');
		await rowOf(p, 'd *e*').waitFor();
	});

	test('output of several lines has letters of one width, words have not', async (t) => {
		const name = room();
		await line.sent('Filesystem      Size  Used\n/dev/sda1        50G   31G', { room: name });
		await line.sent('Dear all,\nit is late.', { room: name });
		const p = await begin(t, name);
		await until(async () => (await p.ids()).length === 2);
		assert.match(await style(p.log.locator('.text').first(), 'fontFamily'), /mono/);
		assert.doesNotMatch(await style(p.log.locator('.text').last(), 'fontFamily'), /mono/);
	});

	for (const options of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { forcedColors: 'active' }]) {
		test(`colours of terminals are drawn and legible: ${JSON.stringify(options)}`, async (t) => {
			const name = room();
			const inks = [...numbers(30, 37), ...numbers(90, 97)];
			const papers = [...numbers(40, 47), ...numbers(100, 107)];
			await line.sent(inks.map((ink) => `${E}[${ink}mink ${ink}${E}[0m`).join(' '), { room: name });
			for (const paper of papers) await line.sent(inks.map((ink) => `${E}[${ink};${paper}mon ${paper}${E}[0m`).join(' '), { room: name });
			await line.sent(`${E}[32mok${E}[0m one\n${E}[31mnot ok${E}[0m two`, { room: name });
			await line.sent(`${E}[7minverse${E}[0m ${E}[1mbold${E}[0m ${E}[4munderlined${E}[0m ${E}[2K${E}]0;title\x07plain https://example.org/`, { room: name });
			const p = await begin(t, name, options);
			await until(async () => (await p.ids()).length === papers.length + 3);
			assert.ok((await p.texts()).every((text) => !text.includes(E)));
			assert.equal((await p.texts()).at(-1), 'inverse bold underlined plain https://example.org/');
			await accessible(p, `colours, ${JSON.stringify(options)}`); // axe-core reckons their contrast
			if (options.forcedColors) return;
			const red = p.log.locator('.i1').first();
			assert.notEqual(await style(red, 'color'), await style(p.log, 'color'));
			assert.equal(await style(p.log.locator('.bold').last(), 'fontWeight'), '700');
			assert.equal(await p.log.locator('.output .ink').count(), 2, 'of several lines as well');
			assert.equal(await p.log.locator('[style*="color"]').count(), 0);
		});
	}

	test('codes are no part of hits, of what is read aloud, of the list of rooms, of an edit, of a file that is saved', async (t) => {
		const [name, other] = [room(), room()];
		await line.sent({ text: `needle ${E}[31mFAILED${E}[0m: rsync`, sender: 'cron' }, { room: name });
		await line.sent(`${E}[32mall is well${E}[0m`, { room: other });
		await until(async () => (await line.history({ room: '*', q: 'anything' })).json.indexed === undefined);
		const p = await begin(t, name);
		await p.shows('needle FAILED: rsync');
		await p.rooms.getByText('all is well', { exact: true }).waitFor();
		await p.query.fill('needle');
		await p.hits.first().getByText('FAILED: rsync').waitFor();
		assert.ok(!(await p.hits.first().textContent()).includes('[31m'));
		await p.named('button', 'Close search').click();
		await line.sent({ text: `${E}[1mnews${E}[0m`, sender: 'cron' }, { room: name });
		await until(async () => await p.page.locator('#announce').textContent() === 'cron: news', { what: 'it to be read aloud' });
		await choose(p, 'needle', 'Edit');
		assert.equal(await p.field.inputValue(), 'needle FAILED: rsync');
		await p.field.press('Enter'); // nothing was changed
		await until(async () => await p.field.inputValue() === '');
		assert.ok((await stored(line, name))[0].text.includes(E));
		await p.named('button', 'Options').click();
		const [download] = await Promise.all([p.page.waitForEvent('download'), p.options.getByRole('button', { name: 'Text' }).click()]);
		assert.ok(!(await (await download.createReadStream()).toArray()).join('').includes(E));
	});

	test('JSON is set in, folded beyond eight lines, and copied', async (t) => {
		const name = room();
		const data = { level: 'error', host: 'db1.example.org', tags: ['a', 'b'], big: 12345, deep: { more: [1, 2, 3] } };
		await line.sent(JSON.stringify(data), { room: name });
		await line.sent({ args: [data], event: 'disk' }, { room: name });
		await line.sent('{"short":true}', { room: name });
		const p = await begin(t, name);
		await p.context.grantPermissions(['clipboard-read', 'clipboard-write']);
		await until(async () => (await p.ids()).length === 3);
		const pretty = JSON.stringify(data, null, 2);
		const codes = p.log.locator('code');
		assert.deepEqual(await codes.allTextContents(), [pretty, JSON.stringify([data], null, 2)]);
		const rows = p.log.getByRole('article');
		assert.ok(await height(rows.nth(0)) < 260, `${await height(rows.nth(0))} px`);
		const folded = await height(rows.nth(1));
		await rows.nth(1).getByRole('button', { name: 'Show all' }).click();
		assert.ok(await height(rows.nth(1)) > folded + 100);
		await rows.nth(0).getByRole('button', { name: 'Copy' }).click();
		await until(async () => await p.named('status', 'Done').textContent() === 'Copied.');
		assert.equal(await p.page.evaluate(() => navigator.clipboard.readText()), pretty);
		assert.equal(await rows.nth(2).getByRole('button', { name: 'Copy' }).count(), 0);
		await accessible(p, 'with JSON');
	});

	test('the box of a small picture is no larger than the picture, before it is decoded as well', async (t) => {
		const name = room();
		await line.post(`/send?room=${name}&event=file:dot.png`, Buffer.from(PNG, 'base64'), { 'Content-Type': 'application/octet-stream' });
		const p = await begin(t, name);
		const image = p.log.getByRole('img', { name: 'dot.png' });
		await until(() => image.evaluate((node) => node.complete && node.naturalWidth === 10), { what: 'the picture' });
		assert.deepEqual(await image.evaluate((node) => [node.offsetWidth, node.offsetHeight]), [10, 10]);
		assert.ok(await height(p.log.getByRole('article')) < 80);
	});

	test('compact: 35 rows in 800 pixels, times on the left under each other, a name once a run; it is remembered', async (t) => {
		const name = room();
		for (const i of numbers(1, 60)) await line.sent({ text: `logrotate on web${i}: ok`, sender: i % 10 < 5 ? 'cron' : 'a rather long name of somebody' }, { room: name });
		const p = await begin(t, name, { viewport: { width: 1280, height: 800 } });
		await until(async () => (await p.ids()).length === 60);
		const inSight = () => p.log.evaluate((log) => {
			const { top, bottom } = log.getBoundingClientRect();
			return [...log.querySelectorAll('article')].map((row) => row.getBoundingClientRect()).filter((box) => box.top >= top && box.bottom <= bottom).length;
		});
		const before = await inSight();
		await p.named('button', 'Options').click();
		await p.options.getByRole('checkbox', { name: 'Compact, times on the left' }).check();
		await p.options.getByRole('button', { name: 'Close' }).click();
		assert.ok(await p.toEnd() < 2, 'who is at the end stays there');
		for (const again of [false, true]) {
			if (again) await p.page.reload();
			if (again) await until(async () => (await p.ids()).length === 60);
			assert.ok(await inSight() >= 35, `${await inSight()} rows, ${before} before`);
			const boxes = await p.log.getByRole('article').evaluateAll((rows) => rows.map((row) => [
				row.querySelector('.time').getBoundingClientRect().left, row.querySelector('.text').getBoundingClientRect().left, row.offsetHeight]));
			assert.equal(new Set(boxes.map(String)).size, 1, 'one like the other, long names as well');
			assert.ok(boxes[0][0] < boxes[0][1]);
			assert.equal(await p.log.locator('.sender').count(), 13, 'once a run');
		}
		await accessible(p, 'compact');
		// Who reads further up stays there.
		await p.log.evaluate((log) => {
			log.scrollTop = 300;
		});
		const first = () => p.log.evaluate((log) => [...log.querySelectorAll('article')].find((row) => row.getBoundingClientRect().bottom > log.getBoundingClientRect().top).dataset.id);
		await p.newest.waitFor();
		const at = await first();
		await p.named('button', 'Options').click();
		await p.options.getByRole('checkbox', { name: 'Compact, times on the left' }).uncheck();
		await until(async () => await first() === at, { what: 'the same row' });
	});

	for (const [width, scale] of [[390, 1], [320, 1], [640, 2]]) {
		test(`compact on ${width} pixels, letters ${scale} times as large: nothing sticks out, targets are large enough for a finger`, async (t) => {
			const name = room();
			for (const text of ['short', `${'long '.repeat(60)}`, 'x'.repeat(300), '{"level":"error","host":"db1.example.org","tags":["a","b"]}', 'a  b\nc  d']) await line.sent({ text, sender: 'n'.repeat(64) }, { room: name });
			const p = await begin(t, name, { viewport: { width, height: 700 }, hasTouch: true, isMobile: scale === 1 });
			await until(async () => (await p.ids()).length === 5);
			await p.page.evaluate((times) => {
				document.documentElement.style.fontSize = `${times}00%`;
				document.body.classList.add('dense');
			}, scale);
			const wide = () => p.page.evaluate(() => [...document.querySelectorAll('html, [role=log], article, .text')].filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => `${node.tagName}.${node.className} ${node.scrollWidth} > ${node.clientWidth}`));
			assert.deepEqual(await wide(), []);
			const small = await p.log.locator('.time').evaluateAll((nodes) => nodes.filter((node) => node.offsetHeight < 24).length);
			if (scale === 1) assert.equal(small, 0);
		});
	}
});
