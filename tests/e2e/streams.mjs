// streams.mjs: readers of /stream: what comes, as it comes, and one that comes back by itself, as EventSource does.
import crypto from 'node:crypto';
import http from 'node:http';
import { ms, query, sleep, until } from './harness.mjs';
import { dueTo } from './load.mjs';

export const EVENTS = { Accept: 'text/event-stream' };

const agent = new http.Agent({ keepAlive: false, maxSockets: Infinity });

/** Takes the blocks of Server-Sent Events (HTML standard, section 9.2.6) out of text: [{id, event, data, retry, comment}]. */
export function blocks(text) {
	return text.split('\n\n').slice(0, -1).map((block) => {
		const found = {};
		for (const line of block.split('\n')) {
			const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
			if (name === '')
				found.comment = value ?? '';
			else
				found[name] = name === 'data' && found.data !== undefined ? `${found.data}\n${value}` : value ?? '';
		}
		return found;
	});
}

/** Messages among blocks of events, and among JSON lines. */
export const messagesOf = (text, sse) => (sse
	? blocks(text).filter((one) => one.data !== undefined && one.event === undefined).map((one) => JSON.parse(one.data))
	: text.split('\n').slice(0, -1).filter((line) => line !== '').map((line) => JSON.parse(line)).filter((one) => one.stream === undefined));

/**
 * Begins a stream: an object with `status`, `headers`, `text` (all that came), `messages()`, `words()` (what a JSON stream
 * said of itself), `ended` (a promise; `over` says how: 'end', or 'cut'), `close()`.
 */
export function stream(url, params = {}, { headers = {}, t } = {}) {
	const self = { text: '', over: undefined };
	const sse = () => /event-stream/.test(self.headers?.['content-type'] ?? '');
	self.messages = () => messagesOf(self.text, sse());
	self.texts = () => self.messages().map((m) => m.text);
	self.ids = () => self.messages().map((m) => m.id);
	self.words = () => self.text.split('\n').filter((line) => line.startsWith('{"stream"')).map((line) => JSON.parse(line));
	self.blocks = () => blocks(self.text);
	self.ended = new Promise((resolve) => {
		const end = (how) => {
			self.over ??= how;
			resolve(self);
		};
		const req = http.request(`${url}/stream${query(params)}`, { headers, agent }, (res) => {
			self.status = res.statusCode;
			self.headers = res.headers;
			self.res = res;
			res.setEncoding('utf8');
			res.on('data', (part) => {
				self.text += part;
			});
			res.on('end', () => end('end'));
			res.on('error', () => end('cut'));
			res.on('close', () => end('cut'));
		});
		req.on('error', () => end('cut'));
		req.end();
		self.close = () => req.destroy();
	});
	self.until = (probe, what) => until(() => probe(self), { what: what ?? `${probe}; it has ${self.text.slice(-400)}` });
	self.opened = () => self.until(() => /"stream":"open"|event: open|^# open/m.test(self.text), 'the stream to be open');
	t?.after(() => self.close());
	return self;
}

/**
 * How whoever comes back reads a stream of a form: where a piece of it `ends`; what `asks` for all behind a place; what a
 * piece `says`: {place, retry, message, word}; and the answers that `pass`.
 */
const FORMS = {
	sse: {
		end: '\n\n',
		type: /^text\/event-stream/,
		asks: (place) => ({ headers: { ...EVENTS, ...(place && { 'Last-Event-ID': place }) } }),
		says(piece) {
			const [{ id, retry, event, data }] = blocks(`${piece}\n\n`);
			return { place: id, retry: retry && Number(retry), ...(data !== undefined && (event ? { word: event } : { message: JSON.parse(data) })) };
		},
		passes: [],
	},
	lines: {
		end: '\n',
		type: /^application\/x-ndjson/,
		asks: (place) => ({ params: place }),
		says(piece) {
			const { stream: word, next, epoch, ...message } = JSON.parse(piece);
			if (word === undefined)
				return { place: { since: message.id }, message };
			return { place: next !== undefined && { since: next, epoch }, word: ['open', 'alive', 'end'].includes(word) ? undefined : word };
		},
		passes: [502, 503, 504],
	},
};

/**
 * Follows rooms, and comes back behind the last that it was told until stop(). It has all `messages` (`onMessage` is told
 * of each, too), `gap` and `reset` in `words`, and how often it came back; an answer that ends it is in `wrong`. `headers`
 * may be a function, which is asked each time. drop() cuts the connection.
 */
function follower({ end, type, asks, says, passes }, url, params, { headers = {}, onMessage } = {}) {
	const self = { messages: [], words: [], wrong: [], connections: 0, retry: 100, drop: () => now?.close(), stop };
	let place, now, stopping = false;

	/** What has come is taken off, but for a piece that is not whole. */
	function take() {
		const whole = now.status === 200 ? now.text.lastIndexOf(end) : -1;
		if (whole < 0)
			return;
		for (const piece of now.text.slice(0, whole).split(end)) {
			const { place: next, retry, message, word } = says(piece);
			place = typeof next === 'object' ? { ...place, ...next } : next || place;
			self.retry = retry ?? self.retry;
			if (word)
				self.words.push(word);
			if (message) {
				self.messages.push(message);
				onMessage?.(message);
			}
		}
		now.text = now.text.slice(whole + end.length);
	}
	async function loop() {
		while (!stopping) {
			self.connections++;
			const asked = asks(place);
			now = stream(url, { ...params, ...asked.params }, { headers: { ...asked.headers, ...(typeof headers === 'function' ? headers() : headers) } });
			while (!now.over) {
				await Promise.race([now.ended, sleep(10)]);
				take();
			}
			// Without an answer at all one comes back; an answer that is no stream ends it.
			if (now.status !== undefined && !passes.includes(now.status) && (now.status !== 200 || !type.test(now.headers['content-type']))) {
				self.wrong.push(`${now.status} ${now.text.slice(0, 200)}`);
				return;
			}
			if (!stopping)
				await sleep(Math.min(self.retry, 300)); // it need not take as long here
		}
	}
	const done = loop();
	async function stop() {
		stopping = true;
		now?.close();
		await done;
	}
	return self;
}

/** One that comes back as EventSource does: after `retry`, with the last id that it was told. */
export const eventSource = (url, params = {}, options = {}) => follower(FORMS.sse, url, params, options);

/** One that reads JSON lines, and goes on from its cursor by `since` and `epoch`. */
export const lineReader = (url, params = {}, options = {}) => follower(FORMS.lines, url, params, options);

/**
 * Follows rooms from the head on by one of these two, for assertSaw() of load.mjs. `sees`: whether it may read a room, for
 * what it is to get.
 */
export async function followStream(server, reader, rooms, { headers, sees } = {}) {
	const content = crypto.createHash('sha256');
	const self = { rooms, sees, version: reader === eventSource ? 'SSE' : 'JSON lines', ids: [], odd: [], from: await server.head(), reach, stop };
	const one = reader(server.url, { room: rooms, since: self.from }, { headers, onMessage });
	server.proc.ended.then(() => one.stop());
	self.one = one;

	function onMessage({ id, room, text }) {
		self.ids.push(id);
		content.update(`${id} ${room} ${text ?? 'args'}\n`);
	}
	function reach(log, timeout = ms(30_000)) {
		const head = dueTo(self, log).at(-1)?.id ?? 0;
		return until(() => (self.ids.at(-1) ?? self.from) >= head || one.wrong.length, { timeout, what: `a stream at ${self.ids.at(-1)} to reach ${head}` });
	}
	async function stop() {
		await one.stop();
		self.odd.push(...one.words, ...one.wrong);
		self.digest ??= content.digest('hex');
		return self;
	}
	return self;
}
