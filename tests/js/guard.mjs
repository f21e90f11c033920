// guard.mjs: a policy between the browser and a real Longline, so that each answer about who one is and what one may
// comes when a test wants it; and the things that one does to sign in and out.
import assert from 'node:assert/strict';
import { until } from '../e2e/harness.mjs';
import { open } from './browser.mjs';

export const ANN = `ll_${'a'.repeat(32)}`;
export const BEN = `ll_${'b'.repeat(32)}`;
export const OLD = `ll_${'o'.repeat(32)}`;

const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
export const jwt = (claims) => `${b64({ alg: 'HS256' })}.${b64(claims)}.c2ln`;

export const refusal = (status, code, more = {}) => ({
	status,
	headers: {
		...(status === 401 && { 'WWW-Authenticate': 'Bearer realm="Longline"' }),
		...(more.retryAfter && { 'Retry-After': String(more.retryAfter) }),
	},
	contentType: 'application/problem+json',
	body: JSON.stringify({ type: 'about:blank', title: 'No', status, code, detail: `The server says ${code}.`, ...more }),
});
export const unknown = () => refusal(401, 'unauthorized');
export const forbidden = () => refusal(403, 'forbidden_room');

/** What a log allows: names of tokens, and rooms by name: who is `undefined` for a stranger. */
export function policy(line, { who = {}, reads = () => true, writes = reads } = {}) {
	const self = { seen: [], by: new Map(), refuse: () => null };
	const proven = ({ id, sender }) => self.by.get(id) ?? Object.values(who).find((one) => one === sender);
	const shown = (name, messages) => messages.filter(({ room: one }) => reads(name, one)).map((message) => ({ ...message, by: proven(message) }));
	// The policy's tokens are none of the daemon's, which would refuse them.
	const plain = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
	self.answer = async (route) => {
		const request = route.request();
		const headers = plain(await request.allHeaders());
		const url = new URL(request.url());
		const path = url.pathname.split('/').at(-1);
		const bearer = (await request.allHeaders()).authorization?.replace('Bearer ', '');
		self.seen.push({ path, search: url.search, bearer, method: request.method() });
		const name = bearer && (who[bearer] ?? null);
		if (name === null) return route.fulfill(unknown());
		const asked = url.searchParams.getAll('room');
		const body = request.method() === 'POST' && path === 'send' ? request.postDataJSON() : null;
		const refused = self.refuse({ path, body, name, search: url.searchParams.get('q') });
		if (refused) return route.fulfill(refused);
		if (body && !writes(name, body.room)) return route.fulfill(forbidden());
		if (body && name) return route.continue({ headers, postData: { ...body, sender: name } });
		if (asked.some((one) => one !== '*' && !reads(name, one))) return route.fulfill(forbidden());
		const res = await route.fetch({ headers }).catch(() => null);
		if (!res) return route.abort().catch(() => {});
		const json = await res.json().catch(() => null);
		if (json?.messages) json.messages = shown(name, json.messages);
		if (json?.rooms) {
			json.rooms = json.rooms.filter(({ name: one }) => reads(name, one))
				.map((one) => (writes(name, one.name) ? one : { ...one, may: 'r' }));
		}
		return route.fulfill({ response: res, json: json ?? undefined });
	};
	return self;
}

/** A page behind a policy. */
export async function guarded(t, line, address, rules, options = {}) {
	const p = await open(t, 'about:blank', { cut: true, ...options });
	await guard(p.context, rules);
	await p.page.goto(`${line.url}/${address}`);
	return p;
}
export const guard = (context, rules) => context.route(/\/(?:poll|history|rooms|send)(?:\?|$)/, (route) => rules.answer(route).catch(() => {}));

export const parts = (p) => ({
	dialog: p.named('dialog', 'Sign in'),
	token: p.named('dialog', 'Sign in').getByLabel('Token'),
	go: p.named('dialog', 'Sign in').getByRole('button', { name: 'Sign in' }),
	cancel: p.named('dialog', 'Sign in').getByRole('button', { name: 'Cancel' }),
	problem: p.named('dialog', 'Sign in').getByRole('alert'),
	fence: p.page.locator('#fence'),
	choice: p.named('dialog', 'An invitation'),
});

export async function signIn(p, token) {
	await p.named('button', 'Options').click();
	await p.options.getByRole('button', { name: 'Sign in' }).click();
	const anew = p.page.waitForEvent('load');
	await parts(p).token.fill(token);
	await parts(p).go.click();
	await anew;
	assert.equal(await held(p), token);
}
export const held = (p) => p.page.evaluate(() => Object.entries(localStorage).find(([name]) => name.endsWith('.token'))?.[1] ?? null);
export const signed = (p, token) => until(async () => await held(p).catch(() => '') === token, { what: 'the token to be kept' });
export async function signOut(p) {
	const anew = p.page.waitForEvent('load');
	await p.named('button', 'Options').click();
	await p.options.getByRole('button', { name: 'Sign out' }).click();
	await anew;
	assert.equal(await held(p), null);
}

export const waiting = (p) => p.log.locator('.fate').allTextContents();
