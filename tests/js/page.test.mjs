// page.test.mjs: the page in headless Chromium, served by a real nginx in front of a real daemon; see browser.mjs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { ms, room, server, sleep, start, tempDir, until } from '../e2e/harness.mjs';
import { numbers, open, proxy, stored } from './browser.mjs';

describe('the page', () => {
	const line = server({ flags: ['--message-max', '20000'], env: { HOSTS: '127.0.0.1 longline.test' } });

	test('opens with its parts under their names, connected, without any message', async (t) => {
		const p = await open(t, `${line.url}/#${room()}`);
		await p.connected();
		for (const part of [p.log, p.field, p.name, p.send, p.connection]) assert.equal(await part.count(), 1);
		assert.equal(await p.page.getByText('Nothing has been said here yet.').isVisible(), true);
		assert.equal(await p.log.getAttribute('aria-busy'), 'false');
	});

	test('the room is main unless the address names one', async (t) => {
		await line.sent('said in main');
		const p = await open(t, `${line.url}/`);
		await until(async () => (await p.texts()).at(-1) === 'said in main', { what: 'the room main' });
		assert.equal(await p.page.title(), '#main · Longline');
	});

	test('a typed message appears once, without a name, and again once after a reload', async (t) => {
		const p = await open(t, `${line.url}/#${room()}`);
		await p.connected();
		await p.field.fill('typed');
		await p.send.click();
		await p.shows('typed');
		assert.equal(await p.field.inputValue(), '');
		await sleep(300); // time for a double to show itself
		await p.shows('typed');
		await p.page.reload();
		await p.connected();
		await p.shows('typed');
	});

	test('the name is sent along and remembered', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await p.name.fill('Ann Ö.');
		await p.type('with a name');
		await p.shows('with a name');
		await until(async () => (await line.history({ room: name })).json.messages[0]?.sender === 'Ann Ö.');
		await p.page.reload();
		await p.connected();
		assert.equal(await p.name.inputValue(), 'Ann Ö.');
		await p.log.getByRole('article').getByText('Ann Ö.').waitFor();
	});

	test('a name is cut at 64 bytes, where one can see it', async (t) => {
		const p = await open(t, `${line.url}/#${room()}`);
		await p.connected();
		await p.name.fill('ö'.repeat(60));
		assert.equal(await p.name.inputValue(), 'ö'.repeat(32));
		await p.type('taken');
		await until(async () => (await p.ids()).length === 1); // one not yet sent has no id
	});

	test('nor has it control characters', async (t) => {
		const p = await open(t, `${line.url}/#${room()}`);
		await p.connected();
		await p.name.fill('An\tn \u0085B\u001b\u007f.');
		assert.equal(await p.name.inputValue(), 'Ann B.');
		await p.type('taken');
		await until(async () => (await p.ids()).length === 1);
	});

	test('Shift+Enter makes a line, Enter sends; blank text is not sent', async (t) => {
		const p = await open(t, `${line.url}/#${room()}`);
		await p.connected();
		await p.field.press('Enter');
		await p.type(' \n ');
		await p.field.fill('');
		await p.field.pressSequentially('one');
		await p.field.press('Shift+Enter');
		await p.field.pressSequentially('two');
		await p.field.press('Enter');
		await p.shows('one\ntwo');
	});

	test('many typed quickly: each once, in order', async (t) => {
		const p = await open(t, `${line.url}/#${room()}`);
		await p.connected();
		const texts = numbers(1, 30).map((i) => `message ${i % 3}`); // the same words again and again
		for (const text of texts) await p.type(text);
		await p.shows(...texts);
		await until(async () => (await p.ids()).length === texts.length);
		const ids = await p.ids();
		assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b));
	});

	test('a message posted by curl appears within a second, without a reload', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		const posted = performance.now();
		await line.sent('by curl', { room: name });
		await p.shows('by curl');
		const took = performance.now() - posted;
		t.diagnostic(`shown ${took.toFixed(0)} ms after it was posted`);
		assert.ok(took < ms(15_000), `${took} ms`);
	});

	test('rows inserted by SQL appear: text, arguments, another event', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await line.sql(`INSERT INTO messages(room, text) VALUES('${name}', 'from SQL');
			INSERT INTO messages(room, args) VALUES('${name}', '["a",{"b":1}]');
			INSERT INTO messages(room, event, text) VALUES('${name}', 'alarm', 'fire');`);
		await p.shows('from SQL', '["a",{"b":1}]', 'alarm fire');
	});

	test('the last hundred are shown on opening, in order, with the end in sight', async (t) => {
		const name = room();
		for (const i of numbers(1, 130)) await line.sent(`m${i}`, { room: name });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await p.shows(...numbers(31, 130).map((i) => `m${i}`));
		await p.log.getByText('m130', { exact: true }).waitFor();
		const end = await p.log.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight);
		assert.ok(end < 2, `${end} pixels from the end`);
	});

	test('hostile text stays text, in message, name, event and arguments', async (t) => {
		const name = room();
		const markup = '<img src=x onerror="alert(1)"><script>alert(2)</script><b>&lt;</b>';
		await line.sent({ text: markup, sender: '<i>x</i><script>', event: '<u>e</u>' }, { room: name });
		await line.sent({ args: [markup, { '<s>': '</article>' }] }, { room: name });
		const odd = `javascript:alert(3) \u202Eabc\u2066 \u0000 \u{1F469}\u200D\u{1F4BB} ${'e\u0301\u0302'.repeat(300)}`;
		await line.sent(odd, { room: name });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await until(async () => (await p.texts()).length === 3);
		const [first, second, third] = await p.texts();
		assert.equal(third, odd);
		assert.equal(first, `<u>e</u> ${markup}`);
		assert.equal(second, JSON.stringify([markup, { '<s>': '</article>' }], null, 2));
		assert.equal(await p.log.locator('img, script, b, i, u, s').count(), 0);
		await p.log.getByText('<i>x</i><script>').waitFor();
		assert.equal(await p.log.getByRole('article').count(), 3);
	});

	test('each message is an article with its time as a permalink and the exact time on hover', async (t) => {
		const name = room();
		const id = await line.sent('linked', { room: name });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		const link = p.log.getByRole('article').getByRole('link', { name: /^\d+:\d+.*, Permalink$/ });
		assert.equal(await link.getAttribute('href'), `#${name}/${id}`);
		const { at } = (await line.history({ room: name })).json.messages[0];
		assert.ok((await link.getAttribute('title')).includes(at));
		assert.equal(await link.locator('time').getAttribute('datetime'), at);
	});

	test('a permalink shows its message; one that is not there is said so', async (t) => {
		const name = room();
		const ids = [];
		for (const i of numbers(1, 60)) ids.push(await line.sent(`m${i}\n\n`, { room: name }));
		const p = await open(t, `${line.url}/#${name}/${ids[4]}`);
		await p.connected();
		const inSight = (text) => p.log.getByText(text, { exact: true }).evaluate((node) => {
			const { top, bottom } = node.getBoundingClientRect();
			return top >= 0 && bottom <= innerHeight;
		});
		await until(() => inSight('m5'));
		assert.equal(await inSight('m60'), false);
		await p.page.evaluate((hash) => {
			location.hash = hash;
		}, `#${name}/${ids[59]}`);
		await until(() => inSight('m60'));
		await p.page.evaluate((hash) => {
			location.hash = hash;
		}, `#${name}/987654321`);
		await p.log.getByText('Message 987654321 is not in this room').waitFor();
	});

	test('another room by the address; what cannot be one is said', async (t) => {
		const [one, two] = [room(), room()];
		await line.sent('in one', { room: one });
		await line.sent('in two', { room: two });
		const p = await open(t, `${line.url}/#${one}`);
		await p.shows('in one');
		await p.page.evaluate((hash) => {
			location.hash = hash;
		}, `#${two}`);
		await p.shows('in two');
		await line.sent('again in one', { room: one });
		await line.sent('again in two', { room: two });
		await p.shows('in two', 'again in two');
		await p.page.evaluate(() => {
			location.hash = '#no%20room';
		});
		await p.log.getByText('“no room” cannot be a room').waitFor();
		await p.connected();
	});

	test('a reader who is not at the end is left in peace and told what is new', async (t) => {
		const name = room();
		for (const i of numbers(1, 60)) await line.sent(`m${i}`, { room: name });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await p.shows(...numbers(1, 60).map((i) => `m${i}`));
		await p.log.evaluate((log) => {
			log.scrollTop = 200;
		});
		const newest = p.page.getByRole('button', { name: 'Newest messages', exact: true });
		await newest.waitFor();
		for (const i of numbers(61, 63)) await line.sent(`m${i}`, { room: name });
		await until(async () => await newest.locator('..').textContent() === '3 new ↓');
		assert.equal(await p.log.evaluate((log) => log.scrollTop), 200);
		await newest.click();
		await until(async () => !await newest.isVisible());
		await line.sent('m64', { room: name });
		await p.shows(...numbers(1, 64).map((i) => `m${i}`));
		assert.ok(await p.log.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2));
	});

	test('a message the server refuses stays, with the reason; retry and discard', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`, { cut: true });
		await p.connected();
		await p.type('x'.repeat(30_000));
		await p.log.getByText(/^Not sent: .*20.?000/).waitFor();
		await p.type('the next one goes on');
		await until(async () => (await p.ids()).length === 1);
		await p.log.getByRole('button', { name: 'Retry', exact: true }).click();
		await p.log.getByText(/^Not sent: /).waitFor();
		await p.log.getByRole('button', { name: 'Discard', exact: true }).click();
		await p.shows('the next one goes on');
		assert.equal(await p.connection.textContent(), 'Connected');
	});

	test('works where the page is no secure context', async (t) => {
		const p = await open(t, `http://longline.test:${line.port}/#${room()}`);
		assert.equal(await p.page.evaluate(() => isSecureContext), false);
		await p.connected();
		await p.type('by plain HTTP');
		await p.shows('by plain HTTP');
	});

	test('works below a path of its own', async (t) => {
		const { url } = await proxy(line.url, { prefix: '/chat' });
		const name = room();
		const p = await open(t, `${url}/chat/#${name}`);
		await p.connected();
		await p.type('from below');
		await line.sent('from above', { room: name });
		await until(async () => (await p.texts()).length === 2);
		assert.deepEqual((await p.texts()).sort(), ['from above', 'from below']);
	});

	test('without JavaScript it says how to use curl, and the form still sends', async (t) => {
		const p = await open(t, `${line.url}/`, { cut: true, javaScriptEnabled: false });
		await p.page.locator('noscript pre').waitFor();
		await p.field.fill('sent by a plain form');
		await p.send.click();
		await until(async () => (await line.history({ limit: 1 })).json.messages[0]?.text === 'sent by a plain form');
	});

	for (const [what, options] of [
		['a phone', { viewport: { width: 320, height: 560 }, isMobile: true, hasTouch: true }],
		['a desk in the dark', { viewport: { width: 1200, height: 800 }, colorScheme: 'dark' }],
	]) {
		test(`fits ${what}`, async (t) => {
			const name = room();
			await line.sent({ text: 'x'.repeat(500), sender: 'n'.repeat(64) }, { room: name });
			const p = await open(t, `${line.url}/#${name}`, options);
			await p.connected();
			const wide = await p.page.evaluate(() =>
				[document.documentElement, document.querySelector('[role=log]')]
					.map((node) => node.scrollWidth - node.clientWidth));
			assert.deepEqual(wide, [0, 0], 'nothing sticks out to the side');
			const { width, height } = await p.send.boundingBox();
			assert.ok(width >= 44 && height >= 40, 'Send is large enough for a thumb');
			const colours = await p.page.evaluate(() => {
				const { color, backgroundColor } = getComputedStyle(document.body);
				return [color, backgroundColor].map((text) => Number(/\d+/.exec(text)[0]));
			});
			assert.equal(colours[0] > colours[1], options.colorScheme === 'dark');
		});
	}
});

describe('a bad line', () => {
	const line = server();

	test('offline and back: nothing missed, nothing doubled, what was typed is sent once', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`, { cut: true });
		await p.connected();
		await line.sent('before', { room: name });
		await p.shows('before');
		await p.context.setOffline(true);
		await p.says(/^Offline$/);
		await p.type('typed offline');
		await p.log.getByText(/^Not sent yet/).waitFor();
		await line.sent('meanwhile', { room: name });
		await sleep(ms(1500));
		assert.equal(await p.state(), 'Offline');
		await p.context.setOffline(false);
		await p.connected();
		await p.shows('before', 'meanwhile', 'typed offline');
		await p.sent();
		assert.deepEqual((await line.history({ room: name })).json.messages.map(({ text }) => text),
			['before', 'meanwhile', 'typed offline']);
	});

	test('what is unsent survives a reload, and is sent once although it had arrived', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`, { cut: true });
		await p.connected();
		// The server gets it; the answer is lost.
		await p.page.route('**/send', async (route) => {
			await route.fetch();
			await route.abort().catch(() => {}); // the reload may have been faster
		});
		await p.type('arrived');
		await p.type('waits behind');
		await until(async () => (await line.history({ room: name })).json.messages.length === 1);
		await p.page.unroute('**/send');
		await p.page.reload();
		await p.connected();
		await p.shows('arrived', 'waits behind');
		await until(async () => (await p.ids()).length === 2);
		assert.equal((await line.history({ room: name })).json.messages.length, 2);
	});

	test('a gap is told', async (t) => {
		const name = room();
		const p = await open(t, `${line.url}/#${name}`, { cut: true });
		await line.sent('a', { room: name });
		await p.shows('a');
		await p.context.setOffline(true);
		await p.says(/^Offline$/);
		const id = await line.sent('b', { room: name });
		await line.sent('c', { room: name });
		await line.sql(`DELETE FROM messages WHERE id = ${id}`);
		await until(async () => (await line.poll({ room: name, since: id - 1, wait: 0 })).json.gap, { what: 'the daemon to see it' });
		await p.context.setOffline(false);
		await p.shows('a', 'c');
		await p.log.getByText('Some messages were deleted').waitFor();
	});

	test('the daemon killed, twice, with two pages open: nothing missed or doubled, no untrue state', async (t) => {
		const name = room();
		const pages = [];
		for (const who of ['ann', 'bob']) {
			const p = await open(t, `${line.url}/#${name}`, { cut: true });
			await p.connected();
			await p.name.fill(who);
			await p.watchState();
			pages.push(p);
		}
		// A program that repeats under the same key until it is answered; a page shows no more than 300.
		let stop = false;
		let count = 0;
		const program = (async () => {
			while (!stop && count < 200) {
				const key = `program ${count}`;
				const res = await line.send({ text: `p${count}`, room: name, key }).catch(() => null);
				if (res?.status === 200 || res?.status === 201) count += 1;
				await sleep(20);
			}
		})();
		// It may be on its way up again, without a process yet.
		const kill = () => until(() => {
			try {
				line.kill('SIGKILL');
				return true;
			} catch {
				return false;
			}
		});
		const typed = [];
		for (const turn of numbers(1, 12)) {
			for (const [number, p] of pages.entries()) {
				typed.push(`${number} typed ${turn}`);
				await p.type(typed.at(-1));
			}
			if (turn === 4 || turn === 8) await kill();
			await sleep(100);
		}
		for (const p of pages) await p.connected();
		stop = true;
		await program;
		let all = [];
		await until(async () => {
			all = await stored(line, name);
			return all.length >= count + typed.length;
		}, { what: 'all to be stored' });
		assert.equal(all.length, count + typed.length, 'stored once each');
		const own = (number) => all.map(({ text }) => text).filter((text) => text.startsWith(`${number} typed`));
		for (const number of [0, 1]) assert.deepEqual(own(number), numbers(1, 12).map((turn) => `${number} typed ${turn}`));
		const ids = all.map(({ id }) => id);
		for (const p of pages) {
			await until(async () => (await p.texts()).length === all.length, { what: 'the page to show all' });
			assert.deepEqual(await p.ids(), ids);
			const said = await p.said();
			for (const text of said) assert.match(text, /^(Connected|Connecting|Reconnecting in \d+ s)$/);
			assert.equal(said.at(-1), 'Connected');
		}
		t.diagnostic(`${all.length} messages; the first page said: ${(await pages[0].said()).join(', ')}`);
	});
});

describe('a server that is away', () => {
	// Stopped and started as a whole here, so this one is of its own.
	async function away(t) {
		const dataDir = tempDir();
		let line = await start({ dataDir });
		t.after(() => line.stop());
		return {
			dataDir,
			get line() {
				return line;
			},
			stop: () => line.stop(),
			start: async () => {
				line = await start({ dataDir, port: line.port });
			},
		};
	}

	test('typed meanwhile: shown as unsent, sent once it is back, exactly once and in order', async (t) => {
		const site = await away(t);
		const pages = [];
		for (const who of ['ann', 'bob']) {
			const p = await open(t, `${site.line.url}/`, { cut: true });
			await p.connected();
			await p.name.fill(who);
			pages.push(p);
		}
		const [ann, bob] = pages;
		await ann.type('before');
		await bob.shows('before');
		await site.stop();
		for (const p of pages) await p.says(/^Reconnecting in \d+ s$/);
		await ann.type('typed 1');
		await ann.type('typed 2');
		await ann.log.getByText(/^Not sent yet/).waitFor();
		await ann.shows('before', 'typed 1', 'typed 2');
		await sleep(ms(1000));
		for (const p of pages) assert.match(await p.state(), /^(Reconnecting in \d+ s|Connecting)$/);
		await site.start();
		await bob.page.getByRole('button', { name: 'Retry now', exact: true }).click().catch(() => {});
		for (const p of pages) {
			await p.connected();
			await p.shows('before', 'typed 1', 'typed 2');
			await until(async () => (await p.ids()).length === 3);
		}
		const { messages } = (await site.line.history()).json;
		assert.deepEqual(messages.map(({ text }) => text), ['before', 'typed 1', 'typed 2']);
	});

	test('a log replaced meanwhile is told and shown as it is now', async (t) => {
		const site = await away(t);
		const p = await open(t, `${site.line.url}/`, { cut: true });
		await p.connected();
		await p.type('of the old log');
		await p.shows('of the old log');
		await site.stop();
		for (const end of ['', '-wal', '-shm']) fs.rmSync(`${site.dataDir}/longline.db${end}`, { force: true });
		await site.start();
		for (const i of numbers(1, 5)) await site.line.sent(`new ${i}`);
		await p.shows(...numbers(1, 5).map((i) => `new ${i}`));
		await p.log.getByText('The log on the server was replaced').waitFor();
		await p.connected();
	});
});
