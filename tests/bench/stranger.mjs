// stranger.mjs: attacks of one stranger, with 200 connections, each at one of the limits of docs/PROTOCOL.md; by HTTP/2, too.
import crypto from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import { BROWSER, IO, all, ask, count, dropping, flood, going, letters, loop, over, packets, session, sleep, tlsPort, told } from './attacker.mjs';

const N = 200;
const TEXT = { 'Content-Type': 'text/plain' };
const file = 'x'.repeat(900_000);
const send = (room, body) => ask('POST', `/send?room=${room}`, body, TEXT);
const bearer = (text) => ({ Authorization: `Bearer ${text}` });

const badToken = () => bearer(`ll_${crypto.randomBytes(20).toString('hex').replace(/[0189]/g, 'z').slice(0, 32)}`);
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const badJwt = () => bearer(`${part({ alg: 'HS256' })}.${part({ sub: 'eve', exp: Math.floor(Date.now() / 1000) + 3600 })}.${crypto.randomBytes(32).toString('base64url')}`);

/** As many terms as a query may have, all beginnings that are found often. */
const search = () => `/history?q=${Array.from({ length: 8 }, (_, i) => `${letters(i)}*`).join('+')}+${Array.from({ length: 56 }, (_, i) => `w${i}`).join('+')}`;

/** N sessions of HTTP/2 by TLS, with so many requests at a time on each. */
const second = (streams, open) => all(N, async () => {
	while (going()) {
		const conn = http2.connect(`https://127.0.0.1:${tlsPort}`, { rejectUnauthorized: false });
		conn.on('error', () => {});
		const lost = once(conn, 'close');
		await all(streams, async () => {
			while (going() && !conn.closed && !conn.destroyed) {
				await open((headers, body) => new Promise((resolve) => {
					const stream = conn.request({ ...BROWSER, ...headers });
					let status = 0;
					stream.on('error', () => {}).on('response', (answer) => {
						status = answer[':status'];
					}).on('close', () => resolve({ status })).resume();
					stream.end(body);
					setTimeout(() => stream.destroy(), Math.max(0, over - performance.now()) + 1000).unref();
					if (headers.cancelled)
						setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 5);
				}));
				await sleep(0);
			}
		});
		conn.destroy();
		await lost;
	}
});
const gets = ['/poll?wait=0', '/history?limit=500', '/rooms?limit=1000', '/poll?wait=30'];

/** Attacks of attack.mjs that a single stranger makes as well. */
export const AGAIN = ['small-events-1000', 'bodies-1000', 'stored-events-4', 'searches-dropped', 'searches-dropped-100', 'pages-dropped', 'rooms-dropped', 'acks-unread', 'half-events', 'slow-readers'];

export const stranger = {
	'one-requests': () => loop(N, () => ask('GET', '/poll?wait=0')),
	'one-requests-dropped': () => dropping(N, '/poll?wait=0'),
	'one-messages': () => loop(N, () => send('eve', 'x')),
	'one-bytes': () => loop(N, () => send('eve', file)),
	'one-day-bytes': () => loop(N, () => send('eve', file)),
	'one-handshakes': () => loop(N, () => ask('GET', IO)),

	/** As many sessions as it gets, each with a GET that waits. */
	'one-sessions': () => all(N, async () => {
		while (going()) {
			const path = await session();
			if (path === undefined)
				told.limited++;
			while (path !== undefined && going() && count(await ask('GET', path)) === 200)
				;
			await sleep(10);
		}
	}),
	'one-passing': () => flood(N, '42/b1,["typing"]'),
	'one-held': () => loop(N, () => ask('GET', '/poll?wait=30')),
	'one-held-dropped': () => dropping(N, '/poll?wait=30'),
	'one-reading': () => loop(N, () => ask('GET', search())),
	'one-reads': () => loop(N, () => ask('GET', '/history?limit=500')),
	'one-new-rooms': () => loop(N, () => send(crypto.randomUUID(), 'x')),

	/** Tokens that there are not, each another: for each somebody has to look. */
	'one-bad-tokens': () => loop(N, () => ask('GET', '/poll?wait=0', undefined, badToken())),
	'one-bad-tokens-dropped': () => dropping(N, '/poll?wait=0', badToken),
	'one-bad-jwts': () => loop(N, () => ask('GET', '/poll?wait=0', undefined, badJwt())),
	/** Rooms that it may not see. */
	'one-forbidden': () => loop(N, (i) => ask('GET', `/poll?wait=0&room=secret-${i}`)),
	'one-forbidden-sends': () => loop(N, (i) => send(`secret-${i}`, 'x')),

	'one-h2': () => second(10, async (request) => count(await request({ ':path': gets[Math.floor(Math.random() * gets.length)] }))),
	'one-h2-messages': () => second(10, async (request) => count(await request({ ':method': 'POST', ':path': '/send?room=eve', 'content-type': 'text/plain' }, 'x'))),
	'one-h2-cancelled': () => second(10, async (request) => count(await request({ ':path': '/history?limit=500', cancelled: 'yes' }))),
};
