// page-persons.test.mjs: the page before a real daemon that knows persons: tokens, grants and limits as rows and options.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ms, room, server, until } from '../e2e/harness.mjs';
import { UNCOUNTED, bearer, insertGrant, insertToken, jwt, keyFile, newSecret } from '../e2e/persons.mjs';
import { open as opened } from './browser.mjs';

const keyed = keyFile();

// Under scripts/run this machine's own strangers may do anything, so each of these comes from elsewhere.
const open = (t, url, more) => opened(t, url, { extraHTTPHeaders: UNCOUNTED, ...more });

describe('a closed log', () => {
	const line = server({ flags: ['--jwt-key', keyed, '--limit', 'user.messages=4/min:3'] });
	const secrets = { ann: newSecret(), ci: newSecret(), guest: newSecret(), gone: newSecret() };
	let made = false;

	/** Once: who there is and what they may. Strangers read news; ann all; guest ops*; ci claims names. */
	async function closed() {
		if (made) return;
		made = true;
		for (const [name, secret] of Object.entries(secrets)) {
			await line.sql(insertToken({ name, secret, sender: name === 'ci' ? '*' : undefined, kind: name === 'ann' || name === 'ci' ? 'trusted' : 'user' }));
		}
		for (const [who, rooms, may] of [
			['anyone', 'news', 'r'], ['token:ann', '*', 'rw'], ['token:ci', '*', 'rw'], ['token:guest', 'ops*', 'rw'], ['token:gone', 'ops*', 'rw'],
			['user:4711', 'ops*', 'rw'],
		]) await line.sql(insertGrant({ who, rooms, may }));
		for (let i = 1; i <= 40; i += 1) {
			const res = await line.send({ text: `in ops-${i}`, room: `ops-${i}` }, {}, bearer(secrets.ann));
			assert.equal(res.status, 201, res.text);
		}
		await line.send({ text: 'the news', room: 'news' }, {}, bearer(secrets.ann));
		await line.send({ text: 'for us alone', room: 'main' }, {}, bearer(secrets.ann));
	}
	const all = async (name) => (await line.get(`/history?room=${name}&limit=100`, bearer(secrets.ann))).json.messages;
	const fence = (p) => p.page.locator('#fence');

	async function signIn(p, token) {
		await p.named('button', 'Options').click();
		await p.options.getByRole('button', { name: 'Sign in' }).click();
		const dialog = p.named('dialog', 'Sign in');
		const anew = p.page.waitForEvent('load');
		await dialog.getByLabel('Token').fill(token);
		await dialog.getByRole('button', { name: 'Sign in' }).click();
		await anew;
	}

	test('a stranger begins at what may be read, has no field there, and signs in; a wrong token does not', async (t) => {
		await closed();
		const p = await open(t, `${line.url}/`, { cut: true });
		await p.shows('the news');
		await p.connected();
		assert.equal(new URL(p.page.url()).hash, '#news');
		assert.deepEqual(await p.rooms.getByRole('listitem').count(), 1);
		assert.equal(await p.page.locator('.proven').count(), 1);

		await p.hash('#main');
		await fence(p).getByText('You may neither read nor write in #main.').waitFor();
		await fence(p).getByRole('button', { name: 'Sign in' }).click();
		const dialog = p.named('dialog', 'Sign in');
		await dialog.getByLabel('Token').fill(newSecret());
		await dialog.getByLabel('Token').press('Enter');
		await dialog.getByText('The server does not know this token').waitFor();
		const anew = p.page.waitForEvent('load');
		await dialog.getByLabel('Token').fill(secrets.ann);
		await dialog.getByLabel('Token').press('Enter');
		await anew;
		await p.shows('for us alone');
		await p.name.fill('Somebody');
		await p.type('by ann');
		await p.shows('for us alone', 'by ann');
		await until(async () => await p.name.inputValue() === 'ann', { what: 'the name that the server gives' });
		await p.sent();
		assert.equal((await all('main')).at(-1).by, 'ann');
		await p.log.locator('.proven').first().waitFor();
	});

	test('a room that may be read and not written to: no field', async (t) => {
		await closed();
		const p = await open(t, `${line.url}/#news`, { cut: true });
		await p.shows('the news');
		await fence(p).getByText('You may read here, not write.').waitFor();
		assert.equal(await p.field.isVisible(), false);
	});

	test('forty rooms by a prefix and an invitation: all of them listed, live, and written to', async (t) => {
		await closed();
		const p = await open(t, `${line.url}/#join=${secrets.guest}`, { cut: true });
		await p.connected();
		await until(async () => await p.rooms.getByRole('listitem').count() >= 40, { what: 'forty rooms' });
		assert.equal(await p.rooms.getByText('#main').count(), 0);
		assert.match(new URL(p.page.url()).hash, /^#(ops-\d+|news)$/);
		await p.hash('#ops-7');
		await p.shows('in ops-7');
		await line.send({ text: 'live', room: 'ops-7' }, {}, bearer(secrets.ann));
		await p.shows('in ops-7', 'live');
		await line.send({ text: 'not to be seen', room: 'main' }, {}, bearer(secrets.ann));
		await line.send({ text: 'elsewhere', room: 'ops-9' }, {}, bearer(secrets.ann));
		await p.rooms.getByRole('link', { name: /#ops-9.*elsewhere/s }).waitFor();
		await p.type('written');
		await p.shows('in ops-7', 'live', 'written');
		assert.ok(!(await p.page.content()).includes('not to be seen'));
		await p.query.fill('seen OR live');
		await p.query.fill('live');
		await until(async () => await p.hits.count() > 0, { what: 'hits' });
	});

	test('taken back while the page is open: it says so at once, and asks for another token', async (t) => {
		await closed();
		const p = await open(t, `${line.url}/#join=${secrets.gone}`, { cut: true });
		await p.connected();
		await line.sql("DELETE FROM tokens WHERE name = 'gone'");
		await p.named('dialog', 'Sign in').getByText('does not know your token').waitFor();
		await p.says(/^Not signed in$/);
		await p.named('dialog', 'Sign in').getByRole('button', { name: 'Go on without' }).click();
		await p.connected();
		await p.hash('#news');
		await p.shows('the news');
	});

	test('a JWT: its name at once; the next one of the same user sends what the first had left', async (t) => {
		await closed();
		const p = await open(t, `${line.url}/#ops-1`, { cut: true });
		await signIn(p, jwt({ sub: '4711', name: 'Ann Ö' }));
		await p.connected();
		assert.equal(await p.name.inputValue(), 'Ann Ö');
		await p.context.setOffline(true);
		await p.type('by a JWT');
		await p.log.getByText(/^Not sent yet/).waitFor();
		await p.page.evaluate((token) => localStorage.setItem(Object.keys(localStorage).find((key) => key.endsWith('.token')), token),
			jwt({ sub: '4711', name: 'Ann Ö', jti: 'another' }));
		await p.context.setOffline(false);
		await p.page.reload();
		await until(async () => (await all('ops-1')).some(({ text, by }) => text === 'by a JWT' && by === 'user:4711'), { what: 'it to be stored' });
	});

	test('too fast: told, counted down, and sent by itself, in order', async (t) => {
		await closed();
		const p = await open(t, `${line.url}/#join=${secrets.guest}`, { cut: true });
		await p.hash('#ops-2');
		await p.shows('in ops-2');
		const texts = ['one', 'two', 'three', 'four', 'five'];
		for (const text of texts) await p.type(text);
		await p.log.getByText(/^Too fast: again in \d+ s$/).waitFor({ timeout: ms(30_000) });
		await until(async () => (await all('ops-2')).length === 6, { timeout: ms(60_000), what: 'all to be stored' });
		assert.deepEqual((await all('ops-2')).map(({ text }) => text), ['in ops-2', ...texts]);
	});

	test('a name that is a token’s is nobody else’s; a token that may claim has its own name beside the mark', async (t) => {
		await closed();
		const p = await open(t, `${line.url}/#ops-3`, { cut: true });
		await signIn(p, secrets.ci);
		await p.shows('in ops-3');
		await p.name.fill('ANN');
		await p.type('claimed');
		await p.page.getByRole('alert').getByText('“ANN” is somebody’s name here.').waitFor();
		await p.name.fill('bot 7');
		await p.log.getByRole('button', { name: 'Retry' }).click();
		await p.shows('in ops-3', 'claimed');
		await until(async () => (await p.ids()).length === 2);
		// The row of what waits has the name alone; the mark comes with the stored one.
		await p.log.locator('.sender').last().filter({ hasText: /bot 7\s+ci/ }).waitFor();
		assert.equal(await p.name.getAttribute('readonly'), null);
	});
});

describe('an open log', () => {
	const line = server();

	test('looks and works as ever: no mark, a field, no word of signing in but in the options', async (t) => {
		const name = room();
		await line.sent('hello', { room: name });
		const p = await open(t, `${line.url}/#${name}`);
		await p.connected();
		await p.type('and back');
		await p.shows('hello', 'and back');
		assert.equal(await p.page.locator('.proven').count(), 0);
		assert.equal(await p.page.getByText('Sign in').locator('visible=true').count(), 0);
	});
});
