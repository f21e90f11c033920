// page-sign.test.mjs: signing in and out, invitations, and whose what was typed is; see guard.mjs.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { room, server, sleep, until } from '../e2e/harness.mjs';
import { open, stored } from './browser.mjs';
import { ANN, BEN, OLD, jwt, refusal, unknown, policy, guarded, guard, parts, signIn, held, signed, signOut } from './guard.mjs';

describe('signing in', () => {
	const line = server();

	test('a room that a stranger may not read says so and offers it; a wrong token is said in the dialog; a right one opens the room', async (t) => {
		const name = room();
		await line.sent('for ann', { room: name });
		const rules = policy(line, { who: { [ANN]: 'ann' }, reads: (who, one) => who === 'ann' || one !== name });
		const p = await guarded(t, line, `#${name}`, rules);
		const { dialog, token, go, problem, fence } = parts(p);
		await fence.getByText(`You may neither read nor write in #${name}.`).waitFor();
		assert.equal(await p.field.isVisible(), false, 'no field');
		assert.equal(await p.log.getAttribute('aria-busy'), 'false');
		await fence.getByRole('button', { name: 'Sign in' }).click();
		await dialog.waitFor();
		assert.equal(await token.evaluate((node) => node === document.activeElement), true);

		await token.fill('hello');
		await token.press('Enter');
		await problem.getByText('That is no token').waitFor();
		await token.fill(BEN);
		await token.press('Enter');
		await problem.getByText('The server does not know this token').waitFor();
		assert.equal(await token.getAttribute('aria-invalid'), 'true');
		await token.fill(` Bearer ${ANN}\n`);
		const anew = p.page.waitForEvent('load');
		await go.click();
		await anew;
		await p.shows('for ann');
		await p.connected();
		assert.equal(await p.field.isVisible(), true);
		assert.equal(await held(p), ANN);

		// On every request from then on, and never in an address.
		const before = rules.seen.length;
		await p.type('by ann');
		await until(async () => (await line.history({ room: name })).json.messages.length === 2, { what: 'it to be stored' });
		await line.sent('woken', { room: name });
		await p.shows('for ann', 'by ann', 'woken');
		const later = rules.seen.slice(before);
		assert.ok(later.some(({ path }) => path === 'send') && later.some(({ path }) => path === 'poll'));
		assert.deepEqual(later.filter(({ bearer }) => bearer !== ANN), []);
		assert.ok(rules.seen.every(({ search }) => !search.includes('ll_')));
		assert.equal(new URL(p.page.url()).href.includes('ll_'), false);
	});

	test('401 opens the dialog by itself, once; Escape puts it away, Retry brings it again; "Go on without" forgets the token', async (t) => {
		const name = room();
		await line.sent('open to all', { room: name });
		const rules = policy(line, { who: { [OLD]: 'old' } });
		const p = await guarded(t, line, `#${name}`, rules);
		await p.connected();
		await signIn(p, OLD);
		await p.shows('open to all');
		rules.answer = ((answer) => (route) => (route.request().headers().authorization ? route.fulfill(unknown()) : answer(route)))(rules.answer);
		await p.page.reload();
		const { dialog, problem } = parts(p);
		await problem.getByText('does not know your token').waitFor();
		await p.says(/^Not signed in$/);
		await p.page.keyboard.press('Escape');
		await dialog.waitFor({ state: 'hidden' });
		await p.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))); // it asks again
		await sleep(300);
		assert.equal(await dialog.isVisible(), false);
		await p.named('button', 'Retry now').click();
		await dialog.waitFor();
		await dialog.getByRole('button', { name: 'Go on without' }).click();
		await p.connected();
		await p.shows('open to all');
		assert.equal(await held(p), null);
	});

	test('a web server that wants a password is not answered by the dialog', async (t) => {
		const rules = policy(line);
		rules.refuse = () => ({ status: 401, body: '' });
		const p = await guarded(t, line, `#${room()}`, rules);
		await p.log.getByText('wants a name and a password').first().waitFor();
		assert.equal(await parts(p).dialog.isVisible(), false);
	});

	test('signing out: in all tabs at once, and nothing is left of what strangers may not see', async (t) => {
		const secret = room();
		const draft = `half a sentence ${secret}`;
		await line.sent('a secret', { room: secret });
		const rules = policy(line, { who: { [ANN]: 'ann' }, reads: (who, one) => who === 'ann' || one !== secret });
		const p = await guarded(t, line, `#${secret}`, rules);
		await parts(p).fence.getByText('neither').waitFor();
		const q = await open(t, `${line.url}/#${secret}`, { context: p.context, cut: true });
		await parts(q).fence.getByText('neither').waitFor();
		await signIn(p, ANN);
		for (const one of [p, q]) await one.shows('a secret');
		await p.field.fill(draft);
		await signOut(q);
		for (const one of [p, q]) {
			await parts(one).fence.getByText('neither').waitFor();
			assert.deepEqual(await one.texts(), []);
			const rooms = await one.rooms.getByRole('link').allTextContents();
			assert.ok(!rooms.some((text) => text.includes('a secret')));
		}
		assert.equal(await p.page.locator('#text').inputValue(), '');
		const kept = await p.page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
		assert.ok(!kept.includes('half a sentence') && !kept.includes(ANN));
	});

	test('whoever signs in brings along the draft, the name and what was read', async (t) => {
		const name = room();
		await line.sent('one', { room: name });
		const p = await guarded(t, line, `#${name}`, policy(line, { who: { [ANN]: 'ann' } }));
		await p.connected();
		await p.name.fill('Ann');
		await p.field.fill('half a sentence');
		await signIn(p, ANN);
		await p.connected();
		assert.equal(await p.field.inputValue(), 'half a sentence');
		assert.equal(await p.name.inputValue(), 'Ann');
	});
});

describe('invitations', () => {
	const line = server();

	test('taken before the first request, and out of the address and the history', async (t) => {
		const rules = policy(line, { who: { [ANN]: 'ann' }, reads: (who) => who === 'ann' });
		await line.sent('for guests', { room: 'main' });
		const p = await open(t, 'about:blank', { cut: true });
		const said = [];
		p.page.on('console', (message) => said.push(message.text()));
		await guard(p.context, rules);
		await p.page.goto(`${line.url}/#join=${ANN}`);
		await until(async () => (await p.texts()).includes('for guests'));
		assert.equal(new URL(p.page.url()).hash, '');
		assert.ok(rules.seen.length > 0);
		assert.deepEqual(rules.seen.filter(({ bearer }) => bearer !== ANN), []);
		assert.ok(!said.join().includes('ll_'));
		await p.log.getByText('An invitation has signed you in.').waitFor();
		await p.page.reload();
		await until(async () => (await p.texts()).includes('for guests'));
	});

	test('pasted over the address of an open page; whoever is signed in is asked which to keep', async (t) => {
		const name = room();
		const p = await guarded(t, line, `#${name}`, policy(line, { who: { [ANN]: 'ann', [BEN]: 'ben' } }));
		await p.connected();
		await p.hash(`#join=${ANN}`);
		await signed(p, ANN);
		assert.equal(new URL(p.page.url()).hash, `#${name}`);
		await p.connected();
		const { choice } = parts(p);
		await p.hash(`#join=${BEN}`);
		await choice.waitFor();
		assert.equal(new URL(p.page.url()).hash, `#${name}`);
		await choice.getByRole('button', { name: 'Stay signed in' }).click();
		assert.equal(await held(p), ANN);
		await p.page.goto(`${line.url}/#join=${BEN}`);
		await choice.getByRole('button', { name: 'Take the invitation' }).click();
		await signed(p, BEN);
		await p.connected();
		await p.hash(`#join=${BEN}`); // the same again asks nothing
		await p.connected();
		assert.equal(await choice.isVisible(), false);
	});

	test('a spoilt one is said', async (t) => {
		const p = await guarded(t, line, '#join=ll_', policy(line));
		await parts(p).problem.getByText('spoilt').waitFor();
		assert.equal(new URL(p.page.url()).hash, '');
		assert.equal(await held(p), null);
	});
});

describe('what was typed belongs to who typed it', () => {
	const line = server();

	test("it waits for its person, says so, does not hold up another's, and shows no words that are not theirs", async (t) => {
		const name = room();
		const rules = policy(line, { who: { [ANN]: 'ann', [BEN]: 'ben' } });
		const p = await guarded(t, line, `#${name}`, rules);
		await p.connected();
		await signIn(p, ANN);
		await p.connected();
		rules.refuse = ({ path }) => (path === 'send' ? refusal(503, 'busy') : null);
		await p.type('a secret of ann');
		await p.log.getByText(/^Not sent yet/).waitFor();
		await signOut(p);
		await p.connected();
		rules.refuse = () => null;
		await p.log.getByText('Somebody typed a message here.').waitFor();
		assert.equal(await p.log.getByText('a secret of ann').count(), 0);
		await p.type('a stranger says');
		await until(async () => (await stored(line, name)).length === 1);
		await signIn(p, BEN);
		await p.connected();
		await p.type('ben says');
		await until(async () => (await stored(line, name)).length === 2);
		await sleep(500);
		assert.deepEqual((await stored(line, name)).map(({ text }) => text), ['a stranger says', 'ben says']);
		await signOut(p);
		await signIn(p, ANN);
		await until(async () => (await stored(line, name)).length === 3, { what: 'what ann typed' });
		const { sender, text } = (await stored(line, name)).at(-1);
		assert.deepEqual([sender, text], ['ann', 'a secret of ann']);
		assert.deepEqual(rules.seen.filter(({ path }) => path === 'send').at(-1).bearer, ANN);
	});

	test('what a stranger typed is not sent by whoever signs in, and can be discarded', async (t) => {
		const name = room();
		const rules = policy(line, { who: { [ANN]: 'ann' } });
		const p = await guarded(t, line, `#${name}`, rules);
		await p.connected();
		rules.refuse = ({ path }) => (path === 'send' ? refusal(503, 'busy') : null);
		await p.type('said as nobody');
		await p.log.getByText(/^Not sent yet/).waitFor();
		rules.refuse = ({ path, name: who }) => (path === 'send' && !who ? refusal(503, 'busy') : null);
		await signIn(p, ANN);
		await p.connected();
		await p.log.getByText('Typed before you signed in').waitFor();
		await sleep(300);
		assert.equal((await stored(line, name)).length, 0);
		await p.log.getByRole('button', { name: 'Discard' }).click();
		await p.shows();
	});

	test('the next JWT of the same user sends what was typed with the one before', async (t) => {
		const name = room();
		const [first, second] = [1, 2].map((n) => jwt({ sub: '4711', name: 'Ann', n }));
		const rules = policy(line, { who: { [first]: 'Ann', [second]: 'Ann' } });
		const p = await guarded(t, line, `#${name}`, rules);
		await p.connected();
		await signIn(p, first);
		await p.connected();
		assert.equal(await p.name.inputValue(), 'Ann');
		assert.equal(await p.name.getAttribute('readonly'), '');
		rules.refuse = ({ path }) => (path === 'send' ? unknown() : null);
		await p.type('across two tokens');
		await p.log.getByText('Kept until you have signed in').waitFor();
		await parts(p).dialog.waitFor(); // 401 opened it
		rules.refuse = () => null;
		await parts(p).token.fill(second);
		await parts(p).go.click();
		await until(async () => (await stored(line, name)).length === 1, { what: 'it to be sent' });
	});
});
