// transport.js: the way to the server and back.
//
// It knows no document and no message list, so another page, or a program, can use it as it is. Whatever differs
// between a browser and a test (fetch, clock, random numbers) is handed in.
//
//   Server   one request, one answer; every failure comes out as a Failure
//   Live     follows a room: CONNECTING -> CONNECTED <-> RECONNECTING | OFFLINE, until stop()
//   Outbox   sends what was typed, in order and exactly once, however often it takes

const WAIT_S = 25; // how long the server may hold a poll
const OVERDUE_MS = 2_000 + 5_000; // the server's own jitter, and what a slow line may add
const QUICK_MS = 10_000; // for requests that are answered at once
const SEND_MS = 30_000; // the server itself may wait 15 s for another program's lock
const HASTY_MS = 1_000; // a held poll that ends empty this soon was not held
const PAGE = 100; // messages shown on opening
const BATCH = 500; // messages of one poll
const RETRY_AFTER_MOST_MS = 300_000; // a mistaken header must not silence us for a day

export const browserClock = {
	now: () => Date.now(),
	setTimeout: (run, ms) => setTimeout(run, ms),
	clearTimeout: (timer) => clearTimeout(timer),
};

/** A request that got no good answer. `status` is 0 when there was none at all. */
export class Failure extends Error {
	constructor(message, { status = 0, code = '', retryAfterMs = 0 } = {}) {
		super(message);
		this.name = 'Failure';
		this.status = status;
		this.code = code;
		this.retryAfterMs = retryAfterMs;
	}

	/** Whether the same request may do better later: it was not the request that was wrong. */
	get passing() {
		return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 429;
	}
}

/** Exponential back-off with full jitter: a thousand pages cut off together do not come back together. */
export class Backoff {
	#round = 0;

	constructor({ firstMs = 500, mostMs = 30_000, random = Math.random } = {}) {
		this.firstMs = firstMs;
		this.mostMs = mostMs;
		this.random = random;
	}

	next() {
		const ceiling = Math.min(this.mostMs, this.firstMs * 2 ** this.#round);
		if (ceiling < this.mostMs) this.#round += 1;
		return this.random() * ceiling;
	}

	reset() {
		this.#round = 0;
	}
}

/** A sleep that can be cut short, but not below `floorMs`: what the server asked for with Retry-After is kept. */
class Pause {
	#clock;
	#timer = null;
	#end = null;
	#floor = 0;

	constructor(clock) {
		this.#clock = clock;
	}

	sleep(ms, floorMs = 0) {
		this.#floor = this.#clock.now() + floorMs;
		return new Promise((resolve) => {
			this.#end = () => {
				this.#clock.clearTimeout(this.#timer);
				this.#end = null;
				resolve();
			};
			this.#timer = this.#clock.setTimeout(this.#end, ms);
		});
	}

	/** Ends the sleep now, or as soon as the floor allows; `force` disregards the floor. */
	cut(force = false) {
		if (!this.#end) return;
		const left = this.#floor - this.#clock.now();
		if (force || left <= 0) {
			this.#end();
			return;
		}
		this.#clock.clearTimeout(this.#timer);
		this.#timer = this.#clock.setTimeout(this.#end, left);
	}
}

/** The endpoints, each a function that answers parsed JSON or throws a Failure. */
export class Server {
	#base;
	#fetch;
	#clock;

	/** `base` ends in a slash or is empty; relative, so that the page works under any path. */
	constructor({ base = '', fetch, clock = browserClock }) {
		this.#base = base;
		this.#fetch = fetch;
		this.#clock = clock;
	}

	async poll({ rooms, since, epoch, wait, limit = BATCH }, signal) {
		const query = new URLSearchParams(rooms.map((room) => ['room', room]));
		query.set('since', since);
		query.set('wait', wait);
		query.set('limit', limit);
		if (epoch) query.set('epoch', epoch);
		const timeoutMs = wait ? wait * 1000 + OVERDUE_MS : QUICK_MS;
		const answer = await this.#request(`poll?${query}`, {}, timeoutMs, signal);
		if (!Array.isArray(answer?.messages) || !Number.isSafeInteger(answer.next)) throw notOurs();
		return answer;
	}

	async history(params, signal) {
		const answer = await this.#request(`history?${new URLSearchParams(params)}`, {}, QUICK_MS, signal);
		if (!Array.isArray(answer?.messages)) throw notOurs();
		return answer;
	}

	async send(message, signal) {
		const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(message) };
		const answer = await this.#request('send', init, SEND_MS, signal);
		if (!Number.isSafeInteger(answer?.id)) throw notOurs();
		return answer;
	}

	// The time limit covers the body too: a line may die in the middle of an answer.
	async #request(path, init, timeoutMs, signal) {
		const abort = new AbortController();
		const giveUp = () => abort.abort();
		const timer = this.#clock.setTimeout(giveUp, timeoutMs);
		signal?.addEventListener('abort', giveUp);
		try {
			if (signal?.aborted) giveUp();
			const response = await this.#fetch(this.#base + path, { ...init, cache: 'no-store', signal: abort.signal });
			const text = await response.text();
			if (!response.ok) throw refusal(response, text, this.#clock.now());
			return parse(text);
		} catch (error) {
			if (error instanceof Failure) throw error;
			throw new Failure(abort.signal.aborted ? 'The server did not answer in time.' : 'The server cannot be reached.');
		} finally {
			this.#clock.clearTimeout(timer);
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

// A login page or a proxy's page with status 200 is not an answer of Longline's: as good as none, so try again.
function notOurs() {
	return new Failure('Something else than Longline answered.');
}

function refusal(response, text, now) {
	const problem = parse(text);
	const detail = problem?.detail || problem?.title || `The server answered ${response.status}.`;
	const retryAfterMs = retryAfter(response.headers.get('Retry-After'), now);
	return new Failure(detail, { status: response.status, code: problem?.code ?? '', retryAfterMs });
}

function retryAfter(header, now) {
	if (!header) return 0;
	// Browsers read nearly anything as a date, -5 too; a date of HTTP ends in GMT.
	const date = header.endsWith(' GMT') ? Date.parse(header) - now : 0;
	const ms = /^\d+$/.test(header) ? Number(header) * 1000 : date;
	return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), RETRY_AFTER_MOST_MS);
}

/**
 * Follows a room for as long as it is started.
 *
 * Opening takes the cursor first and the page second: all that commits after the cursor was taken comes by poll, all
 * before is in the page, and what is in both the timeline drops. The last id of the page would do as a cursor only
 * almost: rows deleted above it would be reported as a gap to someone who has just arrived, and the epoch would stay
 * unknown until the first poll is answered, so that a log replaced meanwhile could go unnoticed.
 *
 * `on`, all synchronous:
 *   state({ name, at })           name: connecting, connected, reconnecting (at: when), offline (at: when, or none)
 *   opened(messages, older, why)  forget what was shown, this is the newest page; why: 'start' or 'reset'
 *   messages(list)                in order, but maybe known already
 *   gap(cursor)                   something after this id was deleted before we could get it
 *   refused(failure)              the server will not have our request; wake() tries again
 */
export class Live {
	#server;
	#clock;
	#isOnline;
	#on;
	#rooms;
	#pause;
	#backoff;
	#abort = null;
	#interrupted = false;
	#stopped = true;
	#state = { name: '' };
	#cursor = null;
	#epoch = null;
	#opening = 'start'; // why the newest page is still to be fetched; '' once it is shown
	#quick = true; // whether the next poll asks to be answered at once, to learn soon that the line works

	constructor(server, { room, on, clock = browserClock, random = Math.random, isOnline = () => true }) {
		this.#server = server;
		this.#clock = clock;
		this.#isOnline = isOnline;
		this.#on = on;
		this.#rooms = [room];
		this.#pause = new Pause(clock);
		this.#backoff = new Backoff({ random });
	}

	/** Follows until stop(). Runs once; make a new one for another room. */
	async start() {
		this.#stopped = false;
		this.#tell('connecting');
		while (!this.#stopped) {
			try {
				const restMs = await this.#step();
				if (restMs > 0) await this.#pause.sleep(restMs);
			} catch (error) {
				if (this.#stopped) break;
				if (!(error instanceof Failure)) throw error;
				await this.#recover(error);
			}
		}
	}

	stop() {
		this.#stopped = true;
		this.#abort?.abort();
		this.#pause.cut(true);
	}

	/**
	 * Something happened that may have mended or broken the line: the network came back or went, the page was woken.
	 * A held poll may be hanging on a connection that is long gone, so it is given up for a quick one.
	 * `force`: a person asked, so even Retry-After does not delay it.
	 */
	wake({ force = false } = {}) {
		if (this.#abort) {
			if (this.#quick) return; // already asking
			this.#interrupted = true;
			this.#abort.abort();
			return;
		}
		this.#backoff.reset();
		this.#pause.cut(force);
	}

	// One request and what follows from it. Answers how long to rest before the next.
	async #step() {
		if (this.#cursor === null) {
			const { next, epoch } = await this.#ask((signal) =>
				this.#server.poll({ rooms: this.#rooms, since: 'now', wait: 0, limit: 1 }, signal));
			this.#cursor = next;
			this.#epoch = epoch;
		}
		if (this.#opening) {
			const page = await this.#ask((signal) =>
				this.#server.history({ room: this.#rooms[0], limit: PAGE }, signal));
			const why = this.#opening;
			this.#opening = '';
			this.#quick = false;
			this.#connected();
			this.#on.opened(page.messages, page.older ?? null, why);
			return 0;
		}
		const wait = this.#quick ? 0 : WAIT_S;
		const asked = this.#clock.now();
		const answer = await this.#ask((signal) =>
			this.#server.poll({ rooms: this.#rooms, since: this.#cursor, epoch: this.#epoch, wait }, signal));
		return this.#take(answer, wait, this.#clock.now() - asked);
	}

	async #ask(request) {
		this.#abort = new AbortController();
		this.#interrupted = false;
		try {
			const answer = await request(this.#abort.signal);
			// Stopped while the answer was on its way: nobody listens any more.
			if (this.#stopped) throw new Failure('Stopped.');
			return answer;
		} finally {
			this.#abort = null;
		}
	}

	#take(answer, wait, tookMs) {
		this.#quick = false;
		this.#epoch = answer.epoch;
		if (answer.reset) {
			this.#cursor = answer.next;
			this.#opening = 'reset';
			this.#tell('connected');
			return this.#backoff.next(); // every page there is was told the same, and now asks for its newest page
		}
		if (answer.gap) this.#on.gap(this.#cursor);
		this.#cursor = answer.next;
		if (answer.messages.length) this.#on.messages(answer.messages);
		// A stopping server answers its held polls early and empty. Asking again at once would run in a circle.
		if (wait && !answer.messages.length && !answer.gap && tookMs < HASTY_MS) {
			this.#tell('connected');
			return this.#backoff.next();
		}
		this.#connected();
		return 0;
	}

	#connected() {
		this.#backoff.reset();
		this.#tell('connected');
	}

	async #recover(failure) {
		this.#quick = true;
		if (this.#interrupted) {
			this.#interrupted = false;
			return;
		}
		if (!failure.passing) {
			this.#tell('offline');
			this.#on.refused(failure);
			await this.#pause.sleep(2 ** 31 - 1); // until wake(): the same request would be refused again
		} else {
			const ms = failure.retryAfterMs + this.#backoff.next();
			// Being told "offline" is a hint, not a fact (the server may be on this very machine), so we go on trying.
			this.#tell(this.#isOnline() ? 'reconnecting' : 'offline', this.#clock.now() + ms);
			await this.#pause.sleep(ms, failure.retryAfterMs);
		}
		if (!this.#stopped && this.#isOnline()) this.#tell('connecting');
	}

	#tell(name, at = null) {
		if (this.#state.name === name && this.#state.at === at) return;
		this.#state = { name, at };
		this.#on.state(this.#state);
	}
}

/**
 * What was typed and is not yet known to be stored, oldest first, one at a time: their order is kept.
 *
 * Each item carries an idempotency key made when it was typed, so that sending it again after a lost answer stores
 * nothing twice. item.state: QUEUED -> SENDING -> sent, or WAITING (will be tried again), or FAILED (refused; a person
 * decides by retry() or discard()).
 *
 * `on.changed(item)` after each change of state, `on.sent(item, reply)` when the server has it, `on.discarded(item)`.
 */
export class Outbox {
	#server;
	#on;
	#pause;
	#backoff;
	#items = [];
	#running = false;

	constructor(server, { on, clock = browserClock, random = Math.random }) {
		this.#server = server;
		this.#on = on;
		this.#pause = new Pause(clock);
		this.#backoff = new Backoff({ random });
	}

	get items() {
		return this.#items;
	}

	/** message: { room, sender, text, key }; also takes back items saved from `items`. */
	add({ room, sender, text, key }) {
		const item = { room, sender, text, key, state: 'queued', tries: 0, problem: '' };
		this.#items.push(item);
		this.#on.changed(item);
		this.#run();
		return item;
	}

	retry(key) {
		const item = this.#find(key);
		if (item?.state === 'failed') this.#set(item, 'queued');
		this.wake({ force: true });
		this.#run();
	}

	discard(key) {
		const item = this.#find(key);
		if (!item || item.state === 'sending') return;
		this.#items.splice(this.#items.indexOf(item), 1);
		this.#on.discarded(item);
		this.#pause.cut(); // the next one need not wait for what this one suffered
	}

	/** The line may work again: try now rather than later. */
	wake({ force = false } = {}) {
		this.#backoff.reset();
		this.#pause.cut(force);
	}

	#find(key) {
		return this.#items.find((item) => item.key === key);
	}

	#set(item, state, problem = '') {
		item.state = state;
		item.problem = problem;
		this.#on.changed(item);
	}

	async #run() {
		if (this.#running) return;
		this.#running = true;
		for (let item; (item = this.#items.find(({ state }) => state !== 'failed')); ) await this.#deliver(item);
		this.#running = false;
	}

	async #deliver(item) {
		item.tries += 1;
		this.#set(item, 'sending');
		try {
			const { room, sender, text, key } = item;
			const reply = await this.#server.send({ room, sender, text, key });
			this.#backoff.reset();
			this.#items.splice(this.#items.indexOf(item), 1);
			this.#on.sent(item, reply);
		} catch (error) {
			if (!(error instanceof Failure)) throw error;
			if (!error.passing) {
				this.#set(item, 'failed', error.message);
				return;
			}
			this.#set(item, 'waiting', error.message);
			await this.#pause.sleep(error.retryAfterMs + this.#backoff.next(), error.retryAfterMs);
		}
	}
}
