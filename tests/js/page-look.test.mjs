// page-look.test.mjs: how the page looks: hostile texts, phones, 200 %, below a path of its own; and its pictures.
//
// Environment: SCREENSHOTS  a folder to write light.png, dark.png and phone.png into, as they are in docs/screenshots
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { ms, room, server, start, until } from '../e2e/harness.mjs';
import { numbers, open, proxy, stored } from './browser.mjs';

const ZALGO = `Z${'\u0300\u0336\u035B\u0489\u0359\u0333'.repeat(40)}algo ${'o\u0302\u0303\u0304'.repeat(60)}`;
const HOSTILE = [
	['markup', '<img src=x onerror=alert(1)><svg onload=alert(2)><iframe src="javascript:alert(3)"></iframe></div></article>'],
	['script', '<script>alert(4)</script>"\'><script src=//evil.example/x.js></script>{{7*7}}${alert(5)}'],
	['markdown around markup', '**<b onmouseover=alert(6)>bold</b>** `</code><script>alert(7)</script>` _<i>_'],
	['links that are none', 'javascript:alert(8) [x](javascript:alert(9)) <javascript:alert(10)> data:text/html,<script>alert(11)</script> vbscript:x'],
	['a link with markup in it', 'https://example.org/"onmouseover="alert(12)"><script>alert(13)</script>'],
	['bidi controls', '\u202Eereht ,olleh\u202C \u2066isolate \u2067other\u202Dforced \u200F\u061C no end of it'],
	['zalgo', ZALGO],
	['control characters', 'bell \u0007 escape \u001B[31mred\u001B[0m back \b\b nul \u0000 form \f vertical \v nel \u0085 lines \u2028\u2029'],
	['emoji joined', `${'\u{1F468}\u200D\u{1F469}\u200D\u{1F467}\u200D\u{1F466}'.repeat(20)} ${'\u{1F3F4}\u{E0067}\u{E0062}\u{E007F}'.repeat(5)}`],
	['nothing to see', '\u200B\u200C\u200D\u2060\uFEFF\u00AD'],
	['many lines', 'line\n'.repeat(400)],
	['many marks', '*_~`'.repeat(3000)],
	['fences', '```'.repeat(999)],
	['noncharacters', '\uFFFE\uFFFF\u{10FFFF}\uFDD0'],
];
const LONG = `${'x'.repeat(50_000)}${'\u0634'.repeat(50_000)}`;

// What sticks out to the side, and by how much.
const tooWide = (p) => p.page.evaluate(() => [document.documentElement, document.body, ...document.querySelectorAll('[role=log], nav, main, form, section, dialog[open]')]
	.filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).overflowX !== 'visible'
		|| node === document.documentElement && node.scrollWidth > innerWidth)
	.map((node) => `${node.tagName}#${node.id} ${node.scrollWidth} > ${node.clientWidth}`));

// Inside the window, and nothing lies over its middle.
const reachable = async (locator) => {
	await locator.waitFor();
	return locator.evaluate((node) => {
		const { left, right, top, bottom, width, height } = node.getBoundingClientRect();
		const over = document.elementFromPoint(left + width / 2, top + height / 2);
		const inside = left >= -1 && top >= -1 && right <= innerWidth + 1 && bottom <= innerHeight + 1;
		return inside && (node === over || node.contains(over)) ? 'yes'
			: `${node.id}: ${[left, top, right, bottom].map(Math.round)} in ${innerWidth}×${innerHeight}, under ${over?.tagName}#${over?.id}`;
	});
};

describe('hostile texts', () => {
	const line = server();

	test('all of them are text and stay in their place', async (t) => {
		const name = room();
		await line.sent({ text: 'a quiet one before', sender: 'ann' }, { room: name });
		for (const [what, text] of HOSTILE) {
			await line.sent({ text, sender: what }, { room: name });
		}
		await line.sent({ text: LONG, sender: 'long' }, { room: name });
		await line.sent({ text: 'as sender', sender: '\u202E<b>\u0300\u0301\u0302</b>' }, { room: name });
		await line.sent({ text: 'as event', event: '<script>\u202Eevent' }, { room: name });
		await line.sent({ args: [{ '__proto__x': '<b>', 'constructor': [[[[]]]] }, '\u202E'] }, { room: name });
		await line.sent({ text: 'a quiet one after', sender: 'bob' }, { room: name });
		const started = performance.now();
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		const rows = await stored(line, name);
		await until(async () => (await p.ids()).length === rows.length);
		const took = performance.now() - started;
		await p.log.getByRole('article').filter({ hasText: 'xxxxx' }).getByRole('button', { name: 'Show all' }).click();
		const texts = await p.texts();
		await p.log.locator('article:has-text("xxxxx") .text').evaluate((node) => node.classList.add('tall'));
		for (const [i, { text, event }] of rows.entries()) {
			if (text !== undefined && event === 'chat message') assert.equal(texts[i], text.replace(/\x1b\[\d*m/g, ''));
		}
		assert.equal(await p.log.locator('img, script, iframe, svg, b, i, em, strong, object, embed').count(), 0);
		const links = await p.log.locator('a').evaluateAll((nodes) => nodes.map(({ protocol }) => protocol));
		assert.deepEqual([...new Set(links)], ['http:', 'https:']);
		assert.deepEqual(await tooWide(p), []);

		// Rows stand below each other, and what is drawn of one stays inside it.
		const boxes = await p.log.getByRole('article').evaluateAll((nodes) => nodes.map((node) => {
			const { top, bottom } = node.getBoundingClientRect();
			return { top, bottom, clipped: getComputedStyle(node).overflow };
		}));
		for (const [i, { top, bottom, clipped }] of boxes.entries()) {
			assert.ok(bottom - top < 1200, `row ${i} is ${bottom - top} pixels high`);
			if (i) assert.ok(top >= boxes[i - 1].bottom - 1, `row ${i} lies over the one before`);
			assert.match(clipped, /clip|hidden/);
		}
		// Text that turns its direction ends with its own message.
		assert.equal(await p.log.locator('.text').first().evaluate((node) => getComputedStyle(node).unicodeBidi), 'isolate');
		await p.log.getByText('a quiet one after', { exact: true }).waitFor();
		t.diagnostic(`${rows.length} hostile messages shown in ${took.toFixed(0)} ms`);
		assert.ok(took < ms(10_000), `shown after ${took} ms`);

		// The same in the list of rooms and among what is found.
		await p.query.fill('alert');
		await until(async () => await p.hits.count() > 0, { what: 'hits' });
		assert.equal(await p.page.locator('#found :is(img, script, iframe, svg, b, i)').count(), 0);
		assert.deepEqual(await tooWide(p), []);
		await p.page.emulateMedia({ media: 'print' });
		assert.deepEqual(await tooWide(p), []);
	});

	test('whatever got in would not run: no markup or script from a string, no request elsewhere', async (t) => {
		const p = await open(t, `${line.url}/#${room()}`);
		await p.connected();
		const { headers } = await line.get('/');
		const policy = headers['content-security-policy'];
		for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "require-trusted-types-for 'script'", "trusted-types 'none'"]) {
			assert.ok(policy.includes(part), policy);
		}
		// In a page without the ear that tells the test of breaches, since these are wanted.
		const page = await p.context.newPage();
		await page.goto(`${line.url}/`);
		const refused = await page.evaluate(async () => {
			const tried = (run) => {
				try {
					return run() ?? 'done';
				} catch (error) {
					return error.name;
				}
			};
			const script = document.createElement('script');
			return [
				tried(() => { document.body.innerHTML = '<b>'; }),
				tried(() => { script.src = 'https://elsewhere.example/x.js'; }),
				tried(() => { trustedTypes.createPolicy('own', {}); }),
				await fetch('https://elsewhere.example/').catch(({ name }) => name),
			];
		});
		assert.deepEqual(refused, ['TypeError', 'TypeError', 'TypeError', 'TypeError']);
	});

	test('typed and pasted, they are sent as they are and shown the same way', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		// The driver itself needs seconds to put hundreds of lines into any field.
		const typed = HOSTILE.map(([, text]) => text).filter((text) => text.trim() !== '' && text.split('\n').length < 50);
		typed.push('x'.repeat(100_000));
		for (const text of typed) await p.type(text);
		await until(async () => (await stored(line, name)).length === typed.length, { what: 'all to be sent' });
		assert.deepEqual((await stored(line, name)).map(({ text }) => text), typed);
		await until(async () => (await p.ids()).length === typed.length);
		assert.deepEqual(await tooWide(p), []);
		assert.equal(await reachable(p.send), 'yes');
	});
});

describe('small and large', () => {
	const line = server();

	async function filled(name) {
		for (const i of numbers(1, 40)) await line.sent({ text: `message ${i} ${'and more '.repeat(i % 9)}`, sender: ['ann', 'bob'][i % 2] }, { room: name });
		await line.sent({ text: `https://example.org/${'path/'.repeat(60)} ${'x'.repeat(300)}`, sender: 'n'.repeat(64) }, { room: name });
	}

	for (const [width, height, what] of [[360, 740, 'a phone'], [320, 568, 'a small phone'], [740, 360, 'a phone on its side'],
		[640, 400, '1280×800 at 200 %'], [320, 256, '1280×1024 at 400 %']]) {
		test(`${what}, ${width}×${height}: nothing sticks out, all can be reached`, async (t) => {
			const name = room();
			await filled(name);
			const phone = height > width ? { isMobile: true, hasTouch: true } : {};
			const p = await open(t, `${line.url}/#${name}`, { viewport: { width, height }, ...phone });
			await p.connected();
			await until(async () => (await p.ids()).length === 41);
			assert.deepEqual(await tooWide(p), []);
			for (const part of [p.field, p.send, p.connection]) assert.equal(await reachable(part), 'yes');
			const high4log = await p.log.evaluate((log) => log.clientHeight);
			assert.ok(high4log >= Math.min(80, height / 4), `${high4log} pixels for messages`);
			const { width: wide, height: high } = await p.send.boundingBox();
			assert.ok(wide >= 44 && high >= 40, 'Send is large enough for a thumb');

			// The rooms come out of their drawer, and go again when one is chosen.
			await line.sent('elsewhere', { room: `${name}-other` });
			const menu = p.named('button', 'Show rooms');
			await p.page.locator(`#list a[href="#${name}-other"]`).waitFor({ state: 'attached' }); // in an open drawer the order stands still
			if (await menu.isVisible()) {
				assert.equal(await reachable(menu), 'yes');
				await menu.click();
			}
			const other = p.rooms.getByRole('link', { name: `${name}-other` });
			await other.waitFor();
			assert.equal(await reachable(other), 'yes');
			assert.deepEqual(await tooWide(p), []);
			await other.click();
			await p.shows('elsewhere');
			if (await menu.isVisible()) assert.equal(await menu.getAttribute('aria-expanded'), 'false');
			assert.equal(await reachable(p.field), 'yes');

			const seek = p.named('button', 'Search');
			if (await seek.isVisible()) await seek.click();
			assert.equal(await reachable(p.query), 'yes');
			await p.query.fill('message');
			await until(async () => await p.hits.count() > 0, { what: 'hits' });
			assert.deepEqual(await tooWide(p), []);
			assert.equal(await reachable(p.hits.first()), 'yes');
			assert.equal(await reachable(p.named('button', 'Close search')), 'yes');
			await p.named('button', 'Close search').click();

			await p.named('button', 'Options').click();
			await p.options.waitFor();
			assert.deepEqual(await tooWide(p), []);
			const close = p.options.getByRole('button', { name: 'Close' });
			await close.scrollIntoViewIfNeeded();
			await close.click();

			// A long message being written leaves the list its place.
			await p.field.fill('a line\n'.repeat(60));
			assert.equal(await reachable(p.send), 'yes');
			assert.deepEqual(await tooWide(p), []);
		});
	}

	test('a keyboard that slides in keeps the newest message and the field in sight', async (t) => {
		const name = room();
		await filled(name);
		const p = await open(t, `${line.url}/#${name}`, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
		await p.connected();
		await until(async () => (await p.ids()).length === 41);
		await p.field.tap();
		await p.page.setViewportSize({ width: 360, height: 400 });
		await until(async () => await p.toEnd() < 2, { what: 'the end' });
		assert.equal(await reachable(p.field), 'yes');
		await p.page.setViewportSize({ width: 740, height: 360 });
		await until(async () => await p.toEnd() < 2, { what: 'the end, on its side' });
	});

	test('letters twice as large: nothing sticks out or lies over another', async (t) => {
		const name = room();
		await filled(name);
		const p = await open(t, `${line.url}/#${name}`, { viewport: { width: 1280, height: 800 } });
		await p.connected();
		await p.page.evaluate(() => {
			document.documentElement.style.fontSize = '200%';
		});
		await until(async () => await p.toEnd() < 2, { what: 'the end' });
		assert.deepEqual(await tooWide(p), []);
		for (const part of [p.field, p.send, p.connection, p.query, p.named('button', 'Options')]) assert.equal(await reachable(part), 'yes');
	});

	test('below a path of its own: live, back in time, search, files and rooms, and no request beside it', async (t) => {
		const below = await proxy(line.url, { prefix: '/chat' });
		const name = room();
		await filled(name);
		const beside = [];
		const p = await open(t, 'about:blank');
		p.page.on('request', (request) => /^https?:/.test(request.url()) && !request.url().startsWith(`${below.url}/chat/`)
			&& beside.push(request.url()));
		const [{ id }] = await stored(line, name);
		await p.page.goto(`${below.url}/chat/#${name}/${id}`);
		await p.connected();
		await until(() => p.inSight('message 1 and more'));
		await p.type('from below');
		await p.log.getByText('from below').waitFor();
		await line.sent('from above', { room: name });
		await p.log.getByText('from above').waitFor();
		await p.query.fill(`message 17`);
		await until(async () => await p.hits.count() > 0, { what: 'hits' });
		await p.hits.first().getByRole('link').click();
		assert.match(new URL(p.page.url()).pathname, /^\/chat\/$/);
		const chooser = p.page.waitForEvent('filechooser');
		await p.named('button', 'Attach a file').click();
		await (await chooser).setFiles({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('a file') });
		await p.log.getByRole('button', { name: 'note.txt' }).waitFor();
		await p.page.reload();
		await p.connected();
		assert.deepEqual(beside, []);
	});
});

const SAID = [
	['ann', 'The ferry is late again, *forty minutes* this time.'],
	['ben', 'Then we move the meeting. Does **half past ten** suit everybody?'],
	['dora', 'Fine. By the way, the harbour camera is back.'],
	['ben', 'It had lost its lease. I gave it a fixed address, see https://wiki.example.org/camera'],
	['ben', '```\nhost camera { fixed-address 10.0.4.17; }\n```'],
	['dora', 'Thanks! That makes three devices with a lease of one hour. Should we raise the default?'],
	['ann', 'Yes. I shall do it tonight, after the backup.'],
	['ann', 'The weather can be read by curl now: `curl host/history?room=weather`'],
	['ben', 'Very nice.'],
];

test('the pictures of the page are taken', { skip: !process.env.SCREENSHOTS && 'SCREENSHOTS is not set' }, async (t) => {
	const line = await start({ t });
	// Yesterday evening and this morning, by the reader's clock.
	const day = new Date();
	day.setHours(9, 12, 0, 0);
	const rows = numbers(0, 2).flatMap((round) => SAID.map(([sender, text], i) =>
		['main', sender, text, day.getTime() - (2 - round) * 14 * 3600_000 + i * 97_000, 'markdown']));
	for (const [i, text] of ['disk on sda1 is 64 % full', 'backup finished', 'disk on sda1 is 91 % full'].entries()) {
		rows.push(['ops', 'monitor', text, day.getTime() + i * 600_000, 'plain']);
	}
	rows.push(['ops', 'ann', 'Looking at the disk. Old kernels, again.', day.getTime() + 1_860_000, 'markdown']);
	rows.push(['weather', '', 'Wind north-west 5, gusts 7, 11 °C', day.getTime() - 600_000, 'plain']);
	const quoted = (value) => (typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : value);
	await line.sql(`INSERT INTO messages(room, sender, text, at, format) VALUES ${rows.map((row) => `(${row.map(quoted)})`).join(',\n')};`);

	for (const [name, options] of [
		['light', { viewport: { width: 960, height: 600 } }],
		['dark', { viewport: { width: 960, height: 600 }, colorScheme: 'dark' }],
		['phone', { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true }],
	]) {
		const p = await open(t, `${line.url}/`, { cut: true, ...options });
		await p.connected();
		await p.log.getByText('Very nice.').last().waitFor();
		await p.name.fill('ann');
		await p.field.focus();
		if (name === 'light') {
			await line.sent({ text: 'disk on sda1 is 40 % full', sender: 'monitor' }, { room: 'ops' });
			await p.rooms.getByText('1 unread').or(p.rooms.locator('.badge')).first().waitFor();
		} else if (name === 'dark') {
			await p.query.fill('disk');
			await until(async () => await p.hits.count() > 3, { what: 'hits' });
		} else {
			await p.context.setOffline(true);
			await p.says(/^Offline$/);
			await p.type('I am on the ferry, this goes out when we land.');
			await p.log.getByText(/^Not sent yet/).waitFor();
		}
		await p.page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
	}
});
