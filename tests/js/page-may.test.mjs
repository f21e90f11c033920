// page-may.test.mjs: rooms that may only be read, marks of proven senders, limits told in words, and all of it by screen
// reader and keyboard; see guard.mjs.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ms, room, server, sleep, until } from '../e2e/harness.mjs';
import { accessible, open, stored } from './browser.mjs';
import { ANN, BEN, refusal, forbidden, policy, guarded, parts, signIn, waiting } from './guard.mjs';

describe('what one may', () => {
	const line = server();

	test('a room that may only be read has no field and says why, on coming and on a refused send', async (t) => {
		const [open1, board] = [room(), room()];
		for (const one of [open1, board]) await line.sent('hello', { room: one });
		const rules = policy(line, { who: { [ANN]: 'ann' }, writes: (who, one) => who === 'ann' || one !== board });
		const p = await guarded(t, line, `#${board}`, rules);
		await p.connected();
		const { fence } = parts(p);
		await fence.getByText('You may read here, not write.').waitFor();
		assert.equal(await p.field.isVisible(), false);
		await p.shows('hello');
		await p.hash(`#${open1}`);
		await p.shows('hello');
		assert.equal(await p.field.isVisible(), true);
		assert.equal(await fence.isVisible(), false);
		await p.type('may be said');
		await p.shows('hello', 'may be said');

		// Taken away meanwhile: the first send tells.
		rules.refuse = ({ path }) => (path === 'send' ? forbidden() : null);
		await p.type('may not');
		await p.log.getByText('Not sent: you may not write in this room').waitFor();
		await fence.getByText('You may read here, not write.').waitFor();
		assert.equal(await p.state(), 'Connected', 'it is this room and not the line');
		rules.refuse = () => null;
		await p.log.getByRole('button', { name: 'Retry' }).click();
		await p.shows('hello', 'may be said', 'may not');
		await p.field.waitFor(); // it went, so one may

		await p.hash(`#${board}`);
		await fence.getByRole('button', { name: 'Sign in' }).click();
		await parts(p).token.fill(ANN);
		await parts(p).go.click();
		await p.field.waitFor();
		assert.equal(await fence.isVisible(), false);
	});

	test('with a prefix: begins at the first room that may be read, lists these alone, follows them, and writes', async (t) => {
		const ops = room();
		for (let i = 1; i <= 40; i += 1) await line.sent(`in ${i}`, { room: `${ops}-${i}` });
		await line.sent('not for all', { room: 'main' });
		const rules = policy(line, { who: { [ANN]: 'ann' }, reads: (who, one) => who === 'ann' && one.startsWith(ops) });
		const p = await guarded(t, line, `#join=${ANN}`, rules);
		await p.shows('in 40');
		assert.equal(new URL(p.page.url()).hash, `#${ops}-40`);
		await until(async () => await p.rooms.getByRole('listitem').count() === 40, { what: 'forty rooms' });
		await line.sent('news', { room: `${ops}-3` });
		await p.rooms.getByRole('link', { name: `#${ops}-3 ` }).getByText('1', { exact: false }).first().waitFor();
		await p.type('written');
		await p.shows('in 40', 'written');
		assert.ok(rules.seen.filter(({ path, search }) => path === 'poll' && !search.includes('room=*')).length === 0);

		// A room that was asked for is not swapped for another.
		await p.hash('#main');
		await parts(p).fence.getByText('You may neither read nor write in #main.').waitFor();
		assert.equal(await parts(p).fence.getByRole('button').isVisible(), false, 'who is signed in is not told to');
	});

	test('a stranger who may read nothing at all is told, and nothing goes round in circles', async (t) => {
		const rules = policy(line, { reads: () => false });
		const p = await guarded(t, line, '', rules);
		await parts(p).fence.getByText('You may neither read nor write in #main.').waitFor();
		await p.connected();
		const before = rules.seen.length;
		await sleep(1500);
		assert.ok(rules.seen.length - before < 5, `${rules.seen.length - before} requests`);
	});

	test('a forbidden room that may be read later shows itself with its first message', async (t) => {
		const name = room();
		let may = false;
		const p = await guarded(t, line, `#${name}`, policy(line, { reads: (_, one) => may || one !== name }));
		await parts(p).fence.getByText('neither').waitFor();
		await p.connected();
		may = true;
		await line.sent('come in', { room: name });
		await p.shows('come in');
		await p.field.waitFor();
	});

	test('forbidden to read, but written to: the field stays where the answer says so', async (t) => {
		const name = room();
		const rules = policy(line);
		rules.refuse = ({ path }) => (path === 'history' ? refusal(403, 'forbidden_room', { may: 'w' }) : null);
		const p = await guarded(t, line, `#${name}`, rules);
		await p.log.getByText(`You may not read #${name}.`).waitFor();
		assert.equal(await p.field.isVisible(), true);
	});
});

describe('proven senders', () => {
	const line = server();

	test('have a mark with a name, that no other message borrows; nobody is marked where nobody is proven', async (t) => {
		const name = room();
		const rules = policy(line);
		const ids = {};
		for (const [who, by] of [['ann', 'ann'], ['ann', undefined], ['Admin', 'ci'], ['Ben', 'user:4711']]) {
			const { json } = await line.send({ text: `${who} ${by}`, sender: who, room: name });
			ids[`${who} ${by}`] = json.id;
			if (by) rules.by.set(json.id, by);
		}
		const p = await guarded(t, line, `#${name}`, rules);
		await p.shows('ann ann', 'ann undefined', 'Admin ci', 'Ben user:4711');
		const row = (text) => p.log.locator(`[data-id="${ids[text]}"]`);
		const mark = (text) => row(text).getByRole('img', { name: 'proven sender' });
		assert.equal(await mark('ann ann').count(), 1);
		assert.equal(await mark('ann ann').getAttribute('title'), 'Proven sender: ann');
		assert.equal(await row('ann undefined').locator('.sender').count(), 1, 'a heading of its own');
		assert.equal(await mark('ann undefined').count(), 0);
		assert.match(await row('Admin ci').locator('.sender').textContent(), /Admin\s+ci/, 'whose mark it is');
		assert.match(await row('Ben user:4711').locator('.sender').textContent(), /^Ben\s*$/);
		await p.query.fill('undefined');
		await until(async () => await p.hits.count() === 1);
		assert.equal(await p.hits.getByRole('img', { name: 'proven sender' }).count(), 0);
		await p.query.fill('ci');
		await p.hits.getByRole('img', { name: 'proven sender' }).waitFor();

		const open2 = await open(t, `${line.url}/#${name}`);
		await open2.shows('ann ann', 'ann undefined', 'Admin ci', 'Ben user:4711');
		assert.equal(await open2.page.locator('.proven').count(), 0);
	});

	test('the name field takes the name that the server gives, and keeps it', async (t) => {
		const name = room();
		const p = await guarded(t, line, `#${name}`, policy(line, { who: { [ANN]: 'ann' } }));
		await p.connected();
		await signIn(p, ANN);
		await p.connected();
		await p.name.fill('Somebody');
		await p.type('who am I');
		await until(async () => await p.name.inputValue() === 'ann', { what: 'the name' });
		assert.equal(await p.name.getAttribute('readonly'), '');
		await p.page.reload();
		await p.connected();
		assert.equal(await p.name.inputValue(), 'ann');
		await p.named('button', 'Options').click();
		await p.options.getByText('Signed in as ann').waitFor();
	});

	test("somebody else's name: said beside the field, sent under another by Retry", async (t) => {
		const name = room();
		const rules = policy(line);
		rules.refuse = ({ path, body }) => (path === 'send' && body?.sender === 'ann' ? refusal(400, 'sender_taken') : null);
		const p = await guarded(t, line, `#${name}`, rules);
		await p.connected();
		await p.name.fill('ann');
		await p.type('hello');
		await p.log.getByText('Not sent: “ann” is somebody’s name here').waitFor();
		assert.equal(await p.name.getAttribute('aria-invalid'), 'true');
		await p.page.getByRole('alert').getByText('“ann” is somebody’s name here').waitFor();
		await p.name.fill('anna');
		assert.equal(await p.name.getAttribute('aria-invalid'), null);
		await p.log.getByRole('button', { name: 'Retry' }).click();
		await until(async () => (await stored(line, name))[0]?.sender === 'anna');
	});
});

describe('limits', () => {
	const line = server();

	test('too fast: said with seconds that run down beside the message; it goes on by itself, in order, once', async (t) => {
		const name = room();
		const rules = policy(line);
		let refusals = 1;
		rules.refuse = ({ path }) => {
			if (path !== 'send' || refusals === 0) return null;
			refusals -= 1;
			return refusal(429, 'rate_limited', { retryAfter: 9, limit: 'messages' });
		};
		const p = await guarded(t, line, `#${name}`, rules);
		await p.connected();
		await p.type('one');
		await p.type('two');
		const told = p.log.getByText(/^Too fast: again in \d+ s$/);
		const seconds = async () => Number(/\d+/.exec(await told.textContent())[0]);
		const first = await seconds();
		assert.ok(first <= 10, `${first} s`);
		await until(async () => await seconds() < first, { what: 'the seconds to run down' });
		assert.equal((await waiting(p))[1], 'Waiting for its turn');
		await p.shows('one', 'two');
		await until(async () => (await p.ids()).length === 2, { timeout: ms(40_000) });
		assert.deepEqual((await stored(line, name)).map(({ text }) => text), ['one', 'two']);
	});

	test('a full disk of the server: kept, and sent later', async (t) => {
		const name = room();
		const rules = policy(line);
		rules.refuse = ({ path }) => (path === 'send' ? refusal(507, 'storage_full', { retryAfter: 1 }) : null);
		const p = await guarded(t, line, `#${name}`, rules);
		await p.connected();
		await p.type('kept');
		await p.log.getByText('The disk of the server is full; what you typed is kept and sent later').waitFor();
		await p.page.reload();
		await p.log.getByText('The disk of the server is full').waitFor();
		rules.refuse = () => null;
		await until(async () => (await stored(line, name)).length === 1);
		await p.shows('kept');
	});

	test('a poll, a page of history and a search wait as they are told', async (t) => {
		const name = room();
		await line.sent('needle', { room: name });
		const rules = policy(line);
		const told = new Map();
		let retryAfter = 5; // long enough to be seen on a busy machine
		rules.refuse = ({ path, search }) => {
			const what = search ? 'search' : path;
			// What failed last night is asked for by the field itself.
			if (path === 'send' || path === 'rooms' || told.has(what) || /panic/.test(search)) return null;
			told.set(what, performance.now());
			return refusal(429, 'rate_limited', { retryAfter, limit: 'requests' });
		};
		const p = await guarded(t, line, `#${name}`, rules);
		await p.says(/^Reconnecting in [1-6] s$/);
		await p.shows('needle');
		assert.ok(performance.now() - told.get('history') >= 4900);
		await p.connected();
		assert.ok(performance.now() - told.get('poll') >= 4900);
		retryAfter = 6;
		await p.query.fill('needle');
		await p.page.getByText(/^Too fast: searching again in [1-7] s$/).waitFor();
		await until(async () => await p.hits.count() === 1, { what: 'the hit' });
	});
});

describe('for those who use a screen reader or the keyboard alone', () => {
	const line = server();

	for (const [what, options] of [
		['in the light', {}],
		['in the dark', { colorScheme: 'dark' }],
		['on a phone', { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true }],
		['with more contrast', { forcedColors: 'active' }],
	]) {
		test(`${what}: axe-core finds nothing, and nothing sticks out`, async (t) => {
			const [name, board] = [room(), room()];
			const rules = policy(line, { who: { [ANN]: 'ann' }, reads: (_, one) => one !== 'secret', writes: (_, one) => one !== board });
			rules.by.set((await line.send({ text: 'x', sender: 'Admin', room: name })).json.id, 'ci');
			await line.sent('read only', { room: board });
			const p = await guarded(t, line, `#${name}`, rules, options);
			const fine = async (state) => {
				await accessible(p, state);
				assert.ok(await p.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${state}: too wide`);
			};
			const { dialog, token, problem, fence, choice } = parts(p);
			await p.connected();
			await p.log.getByRole('img', { name: 'proven sender' }).waitFor();
			rules.refuse = ({ path }) => (path === 'send' ? refusal(429, 'rate_limited', { retryAfter: 60 }) : null);
			await p.name.fill('ann');
			await p.type('hello');
			await p.log.getByText(/^Too fast: again in/).waitFor();
			await fine('a mark, and a message that waits');
			rules.refuse = ({ path }) => (path === 'send' ? refusal(400, 'sender_taken') : null);
			await p.log.getByRole('button', { name: 'Retry' }).click();
			await p.page.getByRole('alert').getByText('name here').waitFor();
			await fine('a name that is taken');
			rules.refuse = () => null;
			await p.hash(`#${board}`);
			await fence.getByText('You may read here, not write.').waitFor();
			await fine('a room that may only be read');
			await p.hash('#secret');
			await fence.getByText('neither').waitFor();
			await fine('a room that may not be read');
			await fence.getByRole('button', { name: 'Sign in' }).click();
			await fine('sign in');
			await token.fill(BEN);
			await token.press('Enter');
			await problem.getByText('does not know this token').waitFor();
			await fine('a wrong token');
			await token.fill(ANN);
			const anew = p.page.waitForEvent('load');
			await token.press('Enter');
			await anew;
			await p.connected();
			await p.log.getByText('Typed before you signed in').waitFor({ state: 'hidden' });
			await p.hash(`#${name}`);
			await p.log.getByText('Typed before you signed in').waitFor();
			await fine("somebody else's message");
			await p.hash(`#join=${BEN}`);
			await choice.waitFor();
			await fine('an invitation');
			await choice.getByRole('button', { name: 'Stay' }).press('Enter');
			await p.named('button', 'Options').click();
			await p.options.getByRole('button', { name: 'Sign out' }).waitFor();
			await fine('options of who is signed in');
		});
	}

	test('signed in, told and signed out by keys alone; the focus comes back to where it was', async (t) => {
		const name = room();
		const p = await guarded(t, line, `#${name}`, policy(line, { who: { [ANN]: 'ann' }, writes: (who) => who === 'ann' }));
		await line.sent('x', { room: name });
		await p.page.reload();
		const { dialog, token, problem, fence } = parts(p);
		const offer = fence.getByRole('button', { name: 'Sign in' });
		await offer.focus();
		await p.page.keyboard.press('Enter');
		await dialog.waitFor();
		await p.page.keyboard.type('nonsense');
		await p.page.keyboard.press('Enter');
		await problem.getByText('no token').waitFor();
		assert.equal(await token.evaluate((node) => node === document.activeElement), true);
		await p.page.keyboard.press('Escape');
		assert.equal(await offer.evaluate((node) => node === document.activeElement), true);
		await p.page.keyboard.press('Enter');
		assert.equal(await token.inputValue(), '', 'what was typed is gone');
		await p.page.keyboard.type(ANN);
		const anew = p.page.waitForEvent('load');
		await p.page.keyboard.press('Enter');
		await anew;
		await p.field.waitFor();
	});
});
