// page-files.test.mjs: files and pictures: dropped, pasted, chosen; shown, downloaded, refused.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { ms, room, server, sleep, tempDir, until } from '../e2e/harness.mjs';
import { numbers, open, stored } from './browser.mjs';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==', 'base64');
const bytesOf = ({ attachments: [base64] }) => Buffer.from(base64, 'base64');

// As the browser itself gets them from the desktop, at the middle of a part of the page.
async function drop(p, over, files, kinds = ['dragEnter', 'dragOver', 'drop']) {
	const { x, y, width, height } = await over.boundingBox();
	const cdp = await p.context.newCDPSession(p.page);
	for (const type of kinds) {
		await cdp.send('Input.dispatchDragEvent', {
			type, x: x + width / 2, y: y + height / 2, data: { items: [], files, dragOperationsMask: 1 },
		});
	}
}

// Pastes into the message field what a clipboard with these parts would hold: [name, type, base64] for a file.
const paste = (p, parts) => p.field.evaluate((field, all) => {
	const clipboardData = new DataTransfer();
	for (const [name, type, content] of all) {
		if (!name) clipboardData.setData(type, content);
		else clipboardData.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, { type }));
	}
	return field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
}, parts);

async function begin(t, line, options) {
	const name = room();
	const p = await open(t, `${line.url}/#${name}`, options);
	await p.connected();
	return { ...p, room: name, stored: () => stored(line, name) };
}

const folder = tempDir();
const file = (name, content) => {
	fs.writeFileSync(path.join(folder, name), content);
	return path.join(folder, name);
};

describe('files', () => {
	const line = server();

	test('dropped on the list or on the field: each is sent, in order, under its name and that of the sender', async (t) => {
		const p = await begin(t, line);
		await p.name.fill('ann');
		const dot = file('a dot.png', PNG);
		const note = file('nöte.txt', 'what was noted\n');
		await drop(p, p.log, [dot, note]);
		await until(async () => (await p.ids()).length === 2, { what: 'both files' });
		await drop(p, p.field, [note]);
		await until(async () => (await p.ids()).length === 3, { what: 'the third' });
		const all = await p.stored();
		assert.deepEqual(all.map(({ event, sender }) => [event, sender]),
			[['file:a dot.png', 'ann'], ['file:nöte.txt', 'ann'], ['file:nöte.txt', 'ann']]);
		assert.deepEqual(bytesOf(all[0]), PNG);
		assert.equal(bytesOf(all[1]).toString(), 'what was noted\n');
		assert.equal(p.page.url(), `${line.url}/#${p.room}`, 'the browser itself did not open it');
		assert.equal(await p.field.inputValue(), '');

		const image = p.log.locator('article').first().getByRole('img', { name: 'a dot.png', exact: true });
		await until(() => image.evaluate((node) => node.complete && node.naturalWidth === 1), { what: 'the picture' });
		const download = p.page.waitForEvent('download');
		await p.log.getByRole('button', { name: 'nöte.txt' }).first().click();
		const got = await download;
		assert.equal(got.suggestedFilename(), 'nöte.txt');
		assert.equal(fs.readFileSync(await got.path(), 'utf8'), 'what was noted\n');
	});

	test('a folder, and a file beyond the limit, are said not to be sent; what else was dropped is', async (t) => {
		const p = await begin(t, line);
		fs.mkdirSync(path.join(folder, 'a folder'), { recursive: true });
		await drop(p, p.log, [path.join(folder, 'a folder'), file('big.bin', Buffer.alloc(4_000_001)), file('small.txt', 'x')]);
		await p.log.getByText('big.bin cannot be sent').waitFor();
		await p.log.getByText('a folder cannot be sent').waitFor();
		await until(async () => (await p.ids()).length === 1, { what: 'the small one' });
		assert.equal((await p.stored())[0].event, 'file:small.txt');
	});

	test('what is dragged over the page and is no file is left to the browser', async (t) => {
		const p = await begin(t, line);
		const texts = { items: [{ mimeType: 'text/plain', data: 'dragged words' }], dragOperationsMask: 1 };
		const { x, y, width, height } = await p.field.boundingBox();
		const cdp = await p.context.newCDPSession(p.page);
		for (const type of ['dragEnter', 'dragOver', 'drop']) {
			await cdp.send('Input.dispatchDragEvent', { type, x: x + width / 2, y: y + height / 2, data: texts });
		}
		await until(async () => await p.field.inputValue() === 'dragged words', { what: 'the words in the field' });
		assert.equal((await p.stored()).length, 0);
	});

	// The driver takes the file from such a drag, which a hand would drop, so what is asked is whether one begins.
	test('a picture of the page itself cannot be dragged, and so not be sent again by a hand that slipped', async (t) => {
		const p = await begin(t, line);
		await drop(p, p.log, [file('slip.png', PNG)]);
		const image = p.log.getByRole('img', { name: 'slip.png' });
		await until(() => image.evaluate((node) => node.naturalWidth === 1), { what: 'the picture' });
		const { x, y } = await image.boundingBox();
		await p.page.evaluate(() => addEventListener('dragstart', ({ dataTransfer }) => {
			window.dragged = [...dataTransfer.types];
		}));
		await p.page.mouse.move(x + 1, y + 100);
		await p.page.mouse.down();
		for (const i of numbers(1, 5)) await p.page.mouse.move(x + 1 + 10 * i, y + 100 + 4 * i);
		await p.page.mouse.up();
		assert.equal(await p.page.evaluate(() => window.dragged), undefined);
	});

	test('a picture is pasted and shown; words beside a picture of them are pasted as words', async (t) => {
		const p = await begin(t, line);
		const png = PNG.toString('base64');
		assert.equal(await paste(p, [['image.png', 'image/png', png], ['', 'text/html', '<img>']]), false, 'it is taken');
		const image = p.log.getByRole('img', { name: 'image.png', exact: true });
		await until(() => image.evaluate((node) => node.naturalWidth === 1), { what: 'the picture' });
		await p.sent();
		assert.deepEqual(bytesOf((await p.stored())[0]), PNG);
		assert.equal(await paste(p, [['cell.png', 'image/png', png], ['', 'text/plain', '42']]), true, 'left to the browser');
		assert.equal(await paste(p, [['', 'text/plain', 'words']]), true);
		await sleep(ms(300));
		assert.equal((await p.stored()).length, 1);
	});

	test('chosen while offline, kept over a reload, and sent when the line is back', async (t) => {
		const p = await begin(t, line, { cut: true });
		await p.page.route('**/send**', (route) => route.abort());
		const chooser = p.page.waitForEvent('filechooser');
		await p.named('button', 'Attach a file').click();
		await (await chooser).setFiles([file('one.txt', 'one'), file('two.png', PNG)]);
		await p.log.getByText('two.png (70 bytes)').waitFor();
		await p.log.getByText(/^Not sent yet/).waitFor();
		await p.kept(2);
		await p.page.reload();
		await p.log.getByText('two.png (70 bytes)').waitFor();
		await p.page.unroute('**/send**');
		await until(async () => (await p.ids()).length === 2, { timeout: ms(40_000), what: 'both to be sent' });
		assert.deepEqual((await p.stored()).map(({ event }) => event), ['file:one.txt', 'file:two.png']);
		assert.deepEqual(bytesOf((await p.stored())[1]), PNG);
	});
});
