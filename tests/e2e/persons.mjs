// persons.mjs: who asks, in tests: tokens and their secrets, JWTs, names that the web server has checked, and a site where
// all of them are let in.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { daemon, metric, opened, parked, problem, tempDir } from './harness.mjs';
import { nginx, snippets } from './nginx.mjs';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** A new secret, as `longline token add` makes them. */
export const newSecret = () => `ll_${Array.from(crypto.randomBytes(32), (byte) => BASE32[byte % 32]).join('')}`;

/** What the table `tokens` has of a secret, in hex. */
export const hash = (secret) => crypto.createHash('sha256').update(secret).digest('hex');

/** Text as SQL has it; null is NULL. */
export const quoted = (text) => (text === null || text === undefined ? 'NULL' : `'${String(text).replaceAll("'", "''")}'`);

/** The statement that makes a token. `expires` is in ms since 1970. */
export const insertToken = ({ name, secret, sender, expires, kind = 'user' }) =>
	`INSERT INTO tokens(name, hash, sender, made, expires, class) VALUES(${quoted(name)}, x'${hash(secret)}', ${quoted(sender)}, ${Date.now()}, ${expires ?? 'NULL'}, '${kind}');`;

export const insertGrant = ({ who, rooms, may }) => `INSERT INTO grants VALUES(${quoted(who)}, ${quoted(rooms)}, ${quoted(may)});`;

/** The key that the JWTs of tests are signed with, and a file of it. */
export const KEY = 'Rk9PK2Jhci1iYXotcXV4LXRoZS1rZXktb2YtdGVzdHM';
export function keyFile() {
	const folder = tempDir();
	fs.chmodSync(folder, 0o755);
	const file = path.join(folder, 'jwt.key');
	fs.writeFileSync(file, KEY, { mode: 0o644 });
	return file;
}

/** A JWT of these claims; an hour of life unless `exp` says otherwise (seconds since 1970). */
export function jwt(claims, { key = KEY, header = { alg: 'HS256', typ: 'JWT' } } = {}) {
	const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
	const signed = `${part(header)}.${part({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })}`;
	return `${signed}.${crypto.createHmac('sha256', key).update(signed).digest('base64url')}`;
}

export const bearer = (text) => ({ Authorization: `Bearer ${text}` });

/** The headers by which somebody is known at a site() of tests. */
export function headersOf(person) {
	switch (person.kind) {
	case 'token': return bearer(person.secret);
	case 'jwt': return bearer(jwt({ sub: person.name, ...(person.ll ? { ll: person.ll } : {}) }));
	case 'user': return { 'X-Test-User': person.name };
	default: return {};
	}
}

/** Strangers of a proxy, whom nobody counts by address: what is tested with these is not how often one may ask. */
export const UNCOUNTED = { 'X-Forwarded-For': '203.0.113.7' };

export const stranger = { kind: 'stranger', name: '' };
export const user = (name) => ({ kind: 'user', name });

/** Makes a token in the file; gives it as a person. */
export async function token(s, name, more = {}) {
	const secret = newSecret();
	await s.sql(insertToken({ name, secret, ...more }));
	return { kind: 'token', name, secret };
}

/** Checks a 403 for want of a grant. */
export const forbidden = (res) => problem(assert, res, 403, 'forbidden_room');

/** Checks a 401 of the daemon's: it must not make a browser ask for a password. */
export function unauthorized(res) {
	problem(assert, res, 401, 'unauthorized');
	assert.match(res.headers['www-authenticate'] ?? '', /^Bearer realm="Longline"/);
	assert.doesNotMatch(res.headers['www-authenticate'], /Basic/i);
}

/**
 * A daemon, and an nginx before it which believes the header X-Test-User, as another one believes a password. It is the
 * client of nginx with sql(), rows() and metric() of the daemon's, as start() gives it. `key`: JWTs of KEY are let in.
 */
export async function site(t, { flags = [], dir = tempDir(), extra = '', key = false, ...more } = {}) {
	const d = await daemon({ dir, flags: [...flags, ...(key ? ['--jwt-key', keyFile()] : [])], t, ...more });
	assert.ok(!d.done, d.output);
	const front = await nginx({ ...snippets({ socket: d.socket }), extra: `set $longline_user $http_x_test_user; ${extra}`, connections: 4096, t });
	return {
		...front, daemon: d, proc: d.proc, dir, db: d.db, socket: d.socket, sql: d.sql, rows: d.rows,
		metric: (pattern) => metric(front, pattern),
		/** Waits until so many polls are held. */
		parked: (count) => parked(front, count),
		/** Waits until at least so many requests are open. */
		opened: (count) => opened(front, count),
		/** A client that asks as this person. */
		as: (person) => as(front, headersOf(person)),
	};
}

/** The same client, with these headers in each request. */
export function as(front, headers) {
	const all = { ...UNCOUNTED, ...headers };
	return {
		headers: all,
		url: front.url,
		request: (target, options = {}) => front.request(target, { ...options, headers: { ...all, ...options.headers } }),
		get: (target, more = {}, options = {}) => front.request(target, { headers: { ...all, ...more }, ...options }),
		post: (target, body, more = {}, options = {}) => front.request(target, { method: 'POST', body, headers: { ...all, ...more }, ...options }),
		send: (what, params = {}, more = {}) => front.send(what, params, { ...all, ...more }),
		sent: (what, params = {}, more = {}) => front.sent(what, params, { ...all, ...more }),
		poll: (params = {}, options = {}) => front.poll(params, { ...options, headers: { ...all, ...options.headers } }),
		history: (params = {}, options = {}) => front.history(params, { ...options, headers: { ...all, ...options.headers } }),
	};
}

/** A site for all tests of a describe(); filled in before the first. */
export function sharedSite(options) {
	const self = {}, ends = [];
	before(async () => Object.assign(self, await site({ after: (end) => ends.unshift(end) }, options)));
	after(async () => {
		for (const end of ends)
			await end();
	});
	return self;
}
