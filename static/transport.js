// transport.js: the way to the server and back.

const OVERDUE_MS = 2_000 + 5_000; // the server's own jitter, and what a slow line may add
const QUICK_MS = 15_000; // for requests that are answered at once, or up to 10 s late to who asks too much
const SEND_MS = 30_000; // the server itself may wait 15 s for another program's lock
const SLOW_BYTES_PER_MS = 20; // a file may take as long as such a line needs for it
const BATCH = 500; // messages of one poll
const FIRST_MS = 500;
const MOST_MS = 30_000;
const RETRY_AFTER_MOST_MS = 300_000; // a mistaken header must not silence us for a day

const clock = {
	now: () => Date.now(),
	setTimeout: (run, ms) => setTimeout(run, ms),
	clearTimeout: (timer) => clearTimeout(timer),
};
export const world = { clock, random: Math.random, isOnline: () => navigator.onLine };

export class Failure extends Error {
	// Of the problem document: its code, which limit it was, and what may be done all the same.
	constructor(message, { status = 0, retryAfterMs = 0, code = '', limit = '', may = '' } = {}) {
		super(message);
		Object.assign(this, { status, retryAfterMs, code, limit, may });
	}

	// Not this message but whoever sends it from here.
	get bars() {
		return (this.status === 401 && !this.unknown) || (this.status === 403 && !this.forbidden);
	}

	// A token would help, or another one.
	get unknown() {
		return this.code === 'unauthorized';
	}

	// This room is not for us.
	get forbidden() {
		return this.code === 'forbidden_room';
	}

	get passing() {
		return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 429;
	}
}

// Exponential back-off with full jitter: a thousand pages cut off together do not come back together.
export class Pause {
	#round = 0;
	#timer = null;
	#end = null;
	#floor = 0;

	constructor({ clock, random }) {
		Object.assign(this, { clock, random });
	}

	next(failure) {
		const ceiling = Math.min(MOST_MS, FIRST_MS * 2 ** this.#round);
		if (ceiling < MOST_MS) this.#round += 1;
		return (failure?.retryAfterMs ?? 0) + this.random() * ceiling;
	}

	reset() {
		this.#round = 0;
	}

	after(failure) {
		return this.sleep(this.next(failure), failure.retryAfterMs);
	}

	sleep(ms, floorMs = 0) {
		this.#floor = this.clock.now() + floorMs;
		return new Promise((resolve) => {
			this.#end = () => {
				this.clock.clearTimeout(this.#timer);
				this.#end = null;
				resolve();
			};
			this.#timer = this.clock.setTimeout(this.#end, ms);
		});
	}

	cut(force = false) {
		if (!this.#end) return;
		const left = this.#floor - this.clock.now();
		if (force || left <= 0) {
			this.#end();
			return;
		}
		this.clock.clearTimeout(this.#timer);
		this.#timer = this.clock.setTimeout(this.#end, left);
	}
}

export class Server {
	constructor(fetch, base = '', clock = world.clock) {
		// Relative, so that the page works under any path.
		Object.assign(this, { fetch, base, clock });
	}

	async poll({ rooms, since, epoch, wait, limit = BATCH }, signal) {
		const query = new URLSearchParams({ since, wait, limit, ...(epoch && { epoch }) });
		for (const room of rooms) query.append('room', room);
		const timeoutMs = wait ? wait * 1000 + OVERDUE_MS : QUICK_MS;
		const answer = await this.#request(`poll?${query}`, {}, timeoutMs, signal);
		return ours(answer, Array.isArray(answer?.messages) && Number.isSafeInteger(answer.next));
	}

	async history(params, signal) {
		const answer = await this.#request(`history?${new URLSearchParams(params)}`, {}, QUICK_MS, signal);
		return ours(answer, Array.isArray(answer?.messages));
	}

	// `read`: rooms of which it is counted what is unread, and up to where each was read.
	async rooms(params, read = []) {
		const query = new URLSearchParams({ may: 1, ...params });
		for (const one of read) query.append('read', one);
		const answer = await this.#request(`rooms?${query}`, {}, QUICK_MS);
		return ours(answer, Array.isArray(answer?.rooms));
	}

	async send({ blob, event, ...message }, signal) {
		let path = 'send';
		let init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(message) };
		if (blob) {
			path = `send?${new URLSearchParams({ ...message, event })}`;
			init = { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: blob };
		}
		const timeoutMs = SEND_MS + (blob?.size ?? 0) / SLOW_BYTES_PER_MS;
		const answer = await this.#request(path, init, timeoutMs, signal);
		return ours(answer, Number.isSafeInteger(answer?.id));
	}

	// Of a message: what it says from now on; null deletes it. `key`: that of one's own, if it is known.
	async change(id, text, key) {
		const headers = key === undefined ? {} : { 'If-Key': key };
		const init = text === null ? { method: 'DELETE', headers }
			: { method: 'PATCH', headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify({ text }) };
		const answer = await this.#request(`messages/${id}`, init, SEND_MS);
		return ours(answer, Number.isSafeInteger(answer?.id));
	}

	async #request(path, init, timeoutMs, signal) {
		const abort = new AbortController();
		const giveUp = () => abort.abort();
		const timer = this.clock.setTimeout(giveUp, timeoutMs);
		signal?.addEventListener('abort', giveUp);
		try {
			if (signal?.aborted) giveUp();
			const response = await this.fetch(this.base + path, { ...init, cache: 'no-store', signal: abort.signal });
			const text = await response.text();
			if (!response.ok) throw refusal(response, text);
			return parse(text);
		} catch (error) {
			if (error instanceof Failure) throw error;
			throw new Failure(abort.signal.aborted ? 'The server did not answer in time.' : 'The server cannot be reached.');
		} finally {
			this.clock.clearTimeout(timer);
			signal?.removeEventListener('abort', giveUp);
		}
	}
}

function parse(text) {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
}

// A login page with status 200, say: as good as no answer.
function ours(answer, looksSo) {
	if (!looksSo) throw new Failure('Something else than Longline answered.');
	return answer;
}

function refusal(response, text) {
	const { status, headers } = response;
	const problem = parse(text) ?? {};
	const retryAfterMs = retryAfter(headers.get('Retry-After'));
	const { code, limit, may } = problem;
	const told = { status, retryAfterMs, code, limit, may };
	if (status !== 401) return new Failure(problem.detail || problem.title || `The server answered ${status}.`, told);
	// longlined asks for a token by Bearer; a web server that checks passwords asks for these.
	if (/^Bearer\b/i.test(headers.get('WWW-Authenticate') ?? '')) {
		return new Failure('The server does not know this token, or no longer.', { ...told, code: 'unauthorized' });
	}
	return new Failure('The server wants a name and a password: load the page again to be asked.', { ...told, code: 'password' });
}

function retryAfter(header) {
	return /^\d+$/.test(header ?? '') ? Math.min(Number(header) * 1000, RETRY_AFTER_MOST_MS) : 0;
}
