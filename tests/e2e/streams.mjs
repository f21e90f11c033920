// streams.mjs: readers of /stream: what comes, as it comes, and one that comes back by itself, as EventSource does.
import http from 'node:http';
import { query, sleep, until } from './harness.mjs';

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
 * Follows a room as EventSource does: comes back after `retry`, with the last id that it was told. It keeps all that it was
 * told, and how often it came back; anything but 200, and an error that is not of the network, is in `wrong`.
 */
export function eventSource(url, params = {}, { headers = {} } = {}) {
	const self = { messages: [], words: [], wrong: [], connections: 0, retry: 1000, stop };
	let id = '', now, stopping = false;

	function take(one) {
		if (one.id !== undefined)
			id = one.id;
		if (one.retry !== undefined)
			self.retry = Number(one.retry);
		if (one.data === undefined)
			return;
		if (one.event === undefined)
			self.messages.push(JSON.parse(one.data));
		else
			self.words.push(one.event);
	}
	async function loop() {
		for (let seen = 0; !stopping; seen = 0) {
			self.connections++;
			now = stream(url, params, { headers: { ...EVENTS, ...(id && { 'Last-Event-ID': id }), ...headers } });
			while (!now.over) {
				for (const one of now.blocks().slice(seen, (seen = now.blocks().length)))
					take(one);
				await Promise.race([now.ended, sleep(10)]);
			}
			for (const one of now.blocks().slice(seen))
				take(one);
			// Without an answer at all EventSource comes back; an answer that is no stream ends it.
			if (now.status !== undefined && (now.status !== 200 || !/^text\/event-stream/.test(now.headers['content-type']))) {
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
