// page-first.test.mjs: the first minute: an empty room, who is writing, few messages, a second line on a phone.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { curl, room, server, until } from '../e2e/harness.mjs';
import { insertGrant, insertToken, newSecret } from '../e2e/persons.mjs';
import { accessible, open, proxy, stored } from './browser.mjs';

const asks = (p) => p.page.getByText('Who is writing?').isVisible();
const without = (p) => p.named('button', 'Send without a name');
const PHONE = { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true };

describe('a first minute', () => {
	const line = server();
	const begin = async (t, name, options) => {
		const p = await open(t, `${line.url}/#${name}`, { asked: false, ...options });
		await p.connected();
		return p;
	};

	test('an empty room shows what writes into it from a shell, with its real address; it is copied, and it works', async (t) => {
		const name = room();
		const below = await proxy(line.url, { prefix: '/chat' });
		const p = await open(t, `${below.url}/chat/?x=1#${name}`, { permissions: ['clipboard-read', 'clipboard-write'] });
		await p.connected();
		const words = await p.page.locator('#curl').textContent();
		assert.equal(words, `curl -d 'hello' '${below.url}/chat/send?room=${name}'`);
		await p.page.getByText('or write below.').waitFor();
		await accessible(p, 'an empty room');
		await p.page.locator('#first').getByRole('button', { name: 'Copy' }).click();
		await until(async () => await p.page.evaluate(() => navigator.clipboard.readText()) === words, { what: 'it to be copied' });
		await curl('-d', 'hello', words.split("'")[3]);
		await p.shows('hello');
		assert.equal(await p.page.locator('#curl').isVisible(), false);
		await p.hash(`#${name}-other`);
		await until(async () => (await p.page.locator('#curl').textContent()).endsWith(`?room=${name}-other'`));
	});

	test('before the first message it is asked who writes; the message waits for the name, and goes under it', async (t) => {
		const name = room();
		const p = await begin(t, name);
		await p.type('hello');
		await until(() => asks(p), { what: 'to be asked' });
		assert.equal(await p.page.evaluate(() => document.activeElement.id), 'name');
		assert.match(await p.name.evaluate((node) => node.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent).join()), /Who is writing/);
		await accessible(p, 'asked for a name');
		assert.deepEqual(await stored(line, name), []);
		await p.page.keyboard.press('Enter');
		assert.equal(await p.page.evaluate(() => document.activeElement.id), 'nameless', 'nothing typed is no choice yet');
		await p.page.keyboard.press('Escape');
		assert.equal(await asks(p), false);
		assert.equal(await p.field.inputValue(), 'hello', 'what was typed is still there');
		await p.field.press('Enter');
		await p.page.keyboard.type('ann');
		await p.page.keyboard.press('Enter');
		await p.shows('hello');
		await p.sent();
		assert.equal(await asks(p), false);
		assert.equal(await p.page.evaluate(() => document.activeElement.id), 'text', 'one writes on');
		await p.type('again');
		await p.sent();
		assert.deepEqual((await stored(line, name)).map(({ sender, text }) => [sender, text]), [['ann', 'hello'], ['ann', 'again']]);
		// The chip says it, and changes it.
		await p.page.getByText('Writing as').click();
		assert.equal(await p.page.evaluate(() => document.activeElement.id), 'name');
		await p.name.fill('anna');
		await p.type('as another');
		await p.sent();
		assert.equal((await stored(line, name)).at(-1).sender, 'anna');
		await p.name.fill('');
		await p.type('as whom?');
		await until(() => asks(p), { what: 'to be asked, since an empty name is no choice' });
	});

	test('who wants none chooses it once', async (t) => {
		const name = room();
		const p = await begin(t, name);
		await p.type('one');
		await without(p).click();
		await p.shows('one');
		await p.type('two');
		await p.shows('one', 'two');
		await p.page.reload();
		await p.connected();
		await p.type('three');
		await p.shows('one', 'two', 'three');
		await p.sent();
		assert.deepEqual((await stored(line, name)).map(({ sender }) => sender), ['', '', '']);
		assert.equal(await p.name.getAttribute('placeholder'), 'no name');
	});

	test('a file waits for the name as well; whoever goes elsewhere is not asked any more', async (t) => {
		const name = room();
		const p = await begin(t, name);
		const chooser = p.page.waitForEvent('filechooser');
		await p.named('button', 'Attach a file').click();
		await (await chooser).setFiles({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('a file') });
		await until(() => asks(p), { what: 'to be asked' });
		await p.page.keyboard.type('ann');
		await p.page.keyboard.press('Enter');
		await p.log.getByRole('button', { name: 'note.txt' }).waitFor();
		await until(async () => (await stored(line, name)).length === 1);
		assert.equal((await stored(line, name))[0].sender, 'ann');
		const other = await begin(t, name);
		await other.type('half');
		await until(() => asks(other), { what: 'to be asked' });
		await other.hash(`#${name}-other`);
		await until(async () => !await asks(other), { what: 'not to be asked' });
		await other.hash(`#${name}`);
		await until(async () => await other.field.inputValue() === 'half', { what: 'the draft' });
	});

	const attach = async (p, ...names) => {
		const chooser = p.page.waitForEvent('filechooser');
		await p.named('button', 'Attach a file').click();
		await (await chooser).setFiles(names.map((one) => ({ name: one, mimeType: 'text/plain', buffer: Buffer.from(one) })));
		await until(() => asks(p), { what: 'to be asked' });
	};
	const what = ({ sender, event, text }) => `${sender}: ${text ?? event}`;
	const comes = (name, ...all) => until(async () => String((await stored(line, name)).map(what)) === String(all), { what: `${all}` })
		.catch(async (error) => assert.deepEqual((await stored(line, name)).map(what), all, error.message));

	test('files that wait go by Send without a text, before one that there is, and from wherever one is to where they were given', async (t) => {
		const name = room();
		const p = await begin(t, name);
		await attach(p, 'one.txt');
		assert.ok(await p.page.getByText('1 file waits for it.').isVisible());
		await p.name.fill('ann');
		await p.send.click();
		await comes(name, 'ann: file:one.txt');
		const q = await begin(t, name);
		await attach(q, 'two.txt');
		await attach(q, 'three.txt', 'four.txt');
		assert.ok(await q.page.getByText('3 files wait for it.').isVisible());
		await accessible(q, 'files wait');
		await q.name.fill('bob');
		await q.type('and a text');
		await comes(name, 'ann: file:one.txt', ...['file:two.txt', 'file:three.txt', 'file:four.txt', 'and a text'].map((one) => `bob: ${one}`));
		assert.equal(await q.field.inputValue(), '');
		const r = await begin(t, `${name}-a`);
		await attach(r, 'five.txt');
		await r.hash(`#${name}-b`);
		await r.named('heading', `#${name}-b`).waitFor();
		assert.ok(await asks(r), 'it still waits');
		await attach(r, 'six.txt');
		await without(r).click();
		await comes(`${name}-a`, ': file:five.txt');
		await comes(`${name}-b`, ': file:six.txt');
		assert.equal(await asks(r), false);
	});

	test('files that are given up can be taken back; a text is not sent along that nobody sent', async (t) => {
		const name = room();
		const p = await begin(t, name);
		await attach(p, 'one.txt');
		await p.field.fill('half a text');
		await p.page.keyboard.press('Escape');
		assert.equal(await asks(p), false);
		await p.page.locator('#first').getByRole('button', { name: 'Copy' }).click();
		await p.named('button', 'Undo').waitFor({ state: 'hidden' });
		await p.named('button', 'Undo').click(); // what was said meanwhile did not take it away
		await until(() => asks(p), { what: 'to be asked again' });
		await p.name.fill('ann');
		await p.name.press('Enter');
		await comes(name, 'ann: file:one.txt');
		assert.equal(await p.field.inputValue(), 'half a text');
	});

	test('where nothing can be stored it is asked once all the same', async (t) => {
		const full = () => {
			Storage.prototype.setItem = () => {
				throw new DOMException('full', 'QuotaExceededError');
			};
		};
		const name = room();
		const p = await begin(t, name, { init: full });
		await p.type('one');
		await without(p).click();
		await p.type('two');
		await comes(name, ': one', ': two');
		await p.name.fill('ann');
		await p.type('three');
		await comes(name, ': one', ': two', 'ann: three');
		assert.equal(await asks(p), false);
	});

	test('few messages stand at the end, above the field', async (t) => {
		const name = room();
		await line.sent({ text: 'one', sender: 'ann' }, { room: name });
		const p = await begin(t, name);
		await p.shows('one');
		const gap = () => p.log.evaluate((log) => Math.round(log.getBoundingClientRect().bottom - log.lastElementChild.getBoundingClientRect().bottom));
		assert.ok(await gap() < 20, `${await gap()} px`);
		const { y } = await p.log.getByText('one').boundingBox();
		await line.sent({ text: 'two', sender: 'ann' }, { room: name });
		await p.shows('one', 'two');
		assert.ok((await p.log.getByText('one').boundingBox()).y < y, 'it grows upwards');
		for (let i = 0; i < 60; i += 1) await line.sent(`m${i}`, { room: name });
		await until(async () => (await p.ids()).length === 62);
		await until(async () => await p.toEnd() < 2, { what: 'the end' });
		await p.log.evaluate((log) => {
			log.scrollTop = 0;
		});
		await until(() => p.log.getByText('This is where').isVisible());
		assert.equal(await p.log.evaluate((log) => log.firstElementChild.getBoundingClientRect().top >= log.getBoundingClientRect().top), true, 'all can be reached');
	});

	for (const width of [390, 320]) {
		test(`on a phone of ${width} pixels a button makes a line, at the caret; nothing sticks out`, async (t) => {
			const name = room();
			const p = await begin(t, name, { ...PHONE, viewport: { width, height: 600 } });
			await p.field.fill('onetwo');
			await p.field.evaluate((field) => field.setSelectionRange(3, 3));
			await p.named('button', 'New line').tap();
			assert.equal(await p.field.inputValue(), 'one\ntwo');
			assert.equal(await p.page.evaluate(() => document.activeElement.id), 'text');
			assert.ok(await p.field.evaluate((field) => field.offsetHeight > 50), 'the field grows');
			await p.field.press('Enter');
			await until(() => asks(p), { what: 'to be asked' });
			const wide = await p.page.evaluate(() => document.documentElement.scrollWidth > innerWidth || ['as', 'name', 'ask', 'nameless', 'newline', 'send', 'text'].map((id) => document.getElementById(id).getBoundingClientRect()).some(({ left, right, bottom, height }) => left < 0 || right > innerWidth || bottom > innerHeight || height < 24));
			assert.equal(wide, false);
			await accessible(p, `asked on ${width} pixels`);
			await p.name.fill('a name that is rather long, as long as it may be at the very most');
			await p.page.keyboard.press('Enter');
			await p.shows('one\ntwo');
			assert.ok(await p.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
		});
	}

	test('forced colours: the chip has an edge, and says where the focus is', async (t) => {
		const p = await begin(t, room(), { forcedColors: 'active' });
		await p.name.focus();
		const [edge, ring] = await p.name.evaluate((node) => [getComputedStyle(node.parentNode).borderStyle, getComputedStyle(node).outlineStyle]);
		assert.deepEqual([edge, ring], ['solid', 'solid']);
	});
});

describe('who is signed in', () => {
	const line = server();

	test('is not asked, and the line of the shell shows nobody\'s token; where nothing may be written there is none', async (t) => {
		const [name, secret] = [room(), newSecret()];
		await line.sql(insertToken({ name: 'ann', secret }));
		await line.sql(insertGrant({ who: 'token:ann', rooms: name, may: 'rw' }));
		const p = await open(t, `${line.url}/#join=${secret}`, { asked: false, cut: true });
		await p.hash(`#${name}`);
		await p.page.reload(); // without the line that says who one is now
		await p.connected();
		const words = await p.page.locator('#curl').textContent();
		assert.equal(words, `curl -d 'hello' -H "Authorization: Bearer $TOKEN" '${line.url}/send?room=${name}'`);
		const visible = () => p.page.locator('#curl').isVisible();
		await p.page.locator('#curl').waitFor();
		await p.page.evaluate(() => {
			document.getElementById('compose').hidden = true; // as where one may only read
		});
		assert.equal(await visible(), false);
		await p.page.evaluate(() => {
			document.getElementById('compose').hidden = false;
		});
		await p.type('hello');
		await p.shows('hello');
		await p.sent();
		await p.log.getByText('ann', { exact: true }).first().waitFor();
	});
});
