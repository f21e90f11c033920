// attack.mjs NAME PORT MS [ADDRESS TLS_PORT]: one stranger, or many, for so many milliseconds at a server on this machine, as
// a process of its own so that whoever measures meanwhile is not held up. Everything is bounded: connections, bytes and time.
//
// Prints a line of JSON at its end: how much it got done.
import net from 'node:net';
import { BROWSER, IO, all, ask, collide, count, dropping, flood, going, letters, lines, ms, over, packets, port, session, sleep, told } from './attacker.mjs';
import { AGAIN, stranger } from './stranger.mjs';

const name = process.argv[2];

const attacks = {
	'small-events-4': () => flood(4, packets('42/b1,["typing"]', 990_000)),
	'small-events-1000': () => flood(1_000, packets('42/b1,["typing"]', 990_000)),
	/** The same bodies, to a path that takes none of them: what of the wait is the web server's. */
	'bodies-1000': () => all(1_000, async () => {
		const body = 'x'.repeat(990_000);
		while (going())
			count(await ask('POST', '/poll', body));
	}),
	'stored-events-4': () => flood(4, packets('42/b1,["e"]', 100_000)),

	/** One that asks for acks and never reads, another that says what passes. */
	async 'acks-and-events'() {
		await all(2, (i) => (i === 0 ? flood(2, packets('42/b1,0["typing"]', 990_000)) : flood(2, packets('42/b1,["typing"]', 990_000))));
	},

	/** 32 rooms a poll, all of one place of a table without a key. */
	async 'names-that-meet'() {
		const names = collide(1_000);
		const query = (from) => names.slice(from, from + 32).map((one) => `room=${one}`).join('&');
		await all(16, async (i) => {
			for (let from = i * 32; going(); from = (from + 32) % (names.length - 32))
				count(await ask('GET', `/poll?wait=0&since=now&${query(from)}`));
		});
	},

	/** Sessions that come back with their pids at once, again and again. */
	async 'come-back'() {
		const known = [];
		await all(200, async () => {
			for (let i = 0; i < 2 && going(); i++) {
				const path = await session();
				const { text } = path === undefined ? { text: '' } : await ask('GET', path);
				const pid = /"pid":"([^"]+)"/.exec(text)?.[1];
				if (pid)
					known.push(pid);
			}
		});
		await all(200, async () => {
			while (going() && known.length)
				told[await session(`40/b1,{"pid":"${known[Math.floor(Math.random() * known.length)]}"}`) ? 'done' : 'refused']++;
		});
	},

	/** As many terms as a query may have, all beginnings that are found often. */
	'searches-dropped': () => dropping(20, () => `/history?q=${Array.from({ length: 8 }, (_, i) => `${letters(i)}*`).join('+')}+${Array.from({ length: 56 }, (_, i) => `w${i}`).join('+')}`),
	'searches-dropped-100': () => dropping(100, '/history?q=w1*+w2*+w3*+w4*'),
	'pages-dropped': () => dropping(200, '/history?limit=500'),
	'rooms-dropped': () => dropping(200, '/rooms?limit=1000'),

	/** Acks that nobody reads, of as many sessions as it takes. */
	'acks-unread': () => all(64, async () => {
		const path = await session();
		for (let i = 0; i < 40 && path !== undefined && going(); i++)
			if (count(await ask('POST', path, packets('42/b1,0["typing"]', 990_000))) !== 200)
				break;
		await sleep(over - performance.now());
	}),

	/** Binary events whose last attachment never comes. */
	'half-events': () => all(200, async () => {
		const path = await session();
		const bytes = `b${'A'.repeat(980_000)}`;
		for (const body of path === undefined ? [] : ['452-/b1,["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', bytes])
			count(await ask('POST', path, body));
		await sleep(over - performance.now());
	}),

	/** A large message, asked for by many who hardly read. */
	async 'slow-readers'() {
		const conns = await all(100, () => new Promise((resolve) => {
			const conn = net.connect(port, '127.0.0.1', () => {
				conn.write(`GET /poll?room=big&since=all HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines()}\r\n`);
				conn.pause();
				told.done++;
				resolve(conn);
			});
			conn.on('error', () => resolve(conn));
		}));
		while (going()) {
			conns.forEach((conn) => conn.read(1000));
			await sleep(100);
		}
		conns.forEach((conn) => conn.destroy());
	},

	/** More handshakes than there may be sessions. */
	handshakes: () => all(64, async () => {
		while (going())
			count(await ask('GET', IO));
	}),

	/** Connections that ask once and are kept. */
	async 'idle-connections'() {
		await all(64, async () => {
			while (going()) {
				count(await ask('GET', '/healthz'));
				await sleep(50);
			}
		});
	},
};

Object.assign(attacks, Object.fromEntries(AGAIN.map((one) => [`one-${one}`, attacks[one]])), stranger);

if (!attacks[name] || !(port > 0) || !(ms > 0 && ms <= 600_000)) {
	console.error(`attack: NAME PORT MS [ADDRESS TLS_PORT], NAME one of ${Object.keys(attacks).join(' ')}`);
	process.exit(2);
}
// What it cannot end by itself does not outlive its time.
setTimeout(() => {
	console.log(JSON.stringify(told));
	process.exit(0);
}, ms + 3_000);
await attacks[name]();
console.log(JSON.stringify(told));
process.exit(0);
