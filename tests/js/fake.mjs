// fake.mjs: a clock that a test moves, and a server and a network that misbehave when told to.

/** Time stands still but for advance(), which runs what falls due, in order. */
export class FakeClock {
	#now = 1_000_000;
	#timers = new Map();
	#last = 0;

	now = () => this.#now;

	setTimeout = (run, ms) => {
		this.#last += 1;
		this.#timers.set(this.#last, { run, due: this.#now + ms });
		return this.#last;
	};

	clearTimeout = (timer) => {
		this.#timers.delete(timer);
	};

	sleep(ms) {
		return new Promise((resolve) => this.setTimeout(resolve, ms));
	}

	async advance(ms) {
		const end = this.#now + ms;
		for (;;) {
			await settle();
			let next = null;
			for (const [timer, { due }] of this.#timers) {
				if (due <= end && (next === null || due < this.#timers.get(next).due)) next = timer;
			}
			if (next === null) break;
			const { run, due } = this.#timers.get(next);
			this.#timers.delete(next);
			this.#now = Math.max(this.#now, due);
			run();
		}
		this.#now = end;
	}
}

/** Lets all promises that can go on go on. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Random numbers that are the same in every run. */
export function seeded(seed) {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let bits = state;
		bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
		bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
		return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
	};
}

/**
 * The interface of the server as far as the page uses it, in memory. `fetch` goes straight to it; `lossy()` gives a
 * fetch whose network delays (and so reorders), cuts before and cuts after the server acted.
 */
export class FakeServer {
	log = [];
	epoch = 'first';
	head = 0;
	requests = []; // { path, query, body }
	down = false;
	#waiting = new Set();

	constructor(clock) {
		this.clock = clock;
		this.next = null; // what the next request gets instead of its answer: a function
	}

	say(text, { room = 'main', sender = '', key } = {}) {
		this.head += 1;
		const at = new Date(this.clock.now()).toISOString();
		const message = { id: this.head, room, event: 'chat message', sender, text, at };
		this.log.push({ message, key });
		for (const look of [...this.#waiting]) look();
		return message;
	}

	/** Edits a message (text), or deletes it (null), by a change. */
	change(id, text) {
		const { room } = this.log.find(({ message }) => message.id === id).message;
		const event = text === null ? 'message deleted' : 'message changed';
		const change = this.say(text ?? '', { room });
		Object.assign(change, { event, changes: id });
		if (text === null) this.log = this.log.filter(({ message }) => message.id !== id);
		else this.log = this.log.map((entry) => (entry.message.id === id ? { ...entry, message: { ...entry.message, text, edited_at: change.at } } : entry));
		return change;
	}

	/** Deletes one message as SQL would. */
	delete(id) {
		this.log = this.log.filter(({ message }) => message.id !== id);
		this.deleted = Math.max(this.deleted ?? 0, id);
	}

	/** All held polls are answered as a stopping server does. */
	release() {
		for (const look of [...this.#waiting]) look(true);
	}

	/** Another log in the place of this one. */
	replace() {
		this.log = [];
		this.head = 0;
		this.deleted = 0;
		this.epoch += "'";
		for (const look of [...this.#waiting]) look();
	}

	fetch = async (url, { method = 'GET', body, signal } = {}) => {
		const [path, search] = url.split('?');
		const query = new URLSearchParams(search);
		this.requests.push({ path, query, body: body && JSON.parse(body), at: this.clock.now() });
		if (this.next) {
			const next = this.next;
			this.next = null;
			return next(signal);
		}
		if (this.down) throw new TypeError('connection refused');
		if (path === 'poll') return this.#poll(query, signal);
		if (path === 'history') return this.#history(query);
		if (path === 'send' && method === 'POST') return this.#send(JSON.parse(body));
		return problem(404, 'There is nothing here.');
	};

	#poll(query, signal) {
		const rooms = query.getAll('room');
		const since = query.get('since') === 'now' ? this.head : Number(query.get('since'));
		const wait = Number(query.get('wait'));
		const limit = Number(query.get('limit'));
		const answer = (end) => {
			const { epoch, head } = this;
			if ((query.has('epoch') && query.get('epoch') !== epoch) || since > head) {
				return json({ epoch, messages: [], next: head, more: false, reset: true });
			}
			const news = this.log.map(({ message }) => message).filter(({ id, room }) => id > since && (rooms.includes('*') || rooms.includes(room)));
			const gap = since < (this.deleted ?? 0) ? { gap: true } : {};
			if (!news.length && !end && !gap.gap) return null;
			const messages = news.slice(0, limit);
			const more = messages.length < news.length;
			return json({ epoch, messages, next: more ? messages.at(-1).id : head, more, ...gap });
		};
		const now = answer(wait === 0);
		if (now) return now;
		return new Promise((resolve, reject) => {
			const look = (end) => {
				const found = answer(end);
				if (!found) return;
				leave();
				resolve(found);
			};
			const leave = () => {
				this.clock.clearTimeout(timer);
				this.#waiting.delete(look);
			};
			const timer = this.clock.setTimeout(() => look(true), wait * 1000);
			this.#waiting.add(look);
			signal?.addEventListener('abort', () => {
				leave();
				reject(new DOMException('gone', 'AbortError'));
			});
		});
	}

	#history(query) {
		const rooms = query.getAll('room');
		const all = this.log.map(({ message }) => message)
			.filter(({ room, changes }) => changes === undefined && (rooms.includes('*') || rooms.includes(room)));
		const limit = Number(query.get('limit'));
		const at = (name) => all.filter(({ id }) => id < Number(query.get(name))).length;
		let from = Math.max(0, all.length - limit);
		let to = all.length;
		if (query.has('before')) {
			to = at('before');
			from = Math.max(0, to - limit);
		} else if (query.has('after')) {
			from = all.filter(({ id }) => id <= Number(query.get('after'))).length;
			to = Math.min(all.length, from + limit);
		} else if (query.has('around')) {
			from = Math.max(0, Math.min(at('around') - Math.floor(limit / 2), all.length - limit));
			to = Math.min(all.length, from + limit);
		}
		const messages = all.slice(from, to);
		return json({ messages, older: from > 0 ? messages[0]?.id ?? null : null, newer: to < all.length ? messages.at(-1)?.id ?? null : null });
	}

	#send({ room, sender, text, key }) {
		const known = this.log.find((entry) => entry.key === key && entry.message.room === room);
		const { id, at } = known ? known.message : this.say(text, { room, sender, key });
		return json({ id, room, at }, known ? 200 : 201);
	}

	/** loss: the share of requests lost on each of the two ways; delayMs: the longest delay on each. */
	lossy({ loss, delayMs, random }) {
		const way = async (signal) => {
			await this.clock.sleep(random() * delayMs);
			if (signal?.aborted) throw new DOMException('gone', 'AbortError');
			if (random() < loss) throw new TypeError('connection lost');
		};
		return async (url, init) => {
			await way(init.signal);
			const response = await this.fetch(url, init);
			await way(init.signal);
			return response;
		};
	}
}

export function json(value, status = 200, headers = {}) {
	return new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json', ...headers } });
}

export function problem(status, detail, headers = {}) {
	const body = { type: 'about:blank', title: 'Error', status, detail, code: 'some_code' };
	return json(body, status, { 'Content-Type': 'application/problem+json', ...headers });
}

/** Where the outbox keeps its items, in the order typed. */
export class MemoryStore {
	#items = new Map();

	async all() {
		return [...this.#items.values()].map((item) => ({ ...item })); // a store gives copies
	}

	async put(item) {
		this.#items.set(item.key, item);
	}

	async remove(key) {
		this.#items.delete(key);
	}
}

/** The locks and channels of one browser. A tab that is killed says nothing more and gives up what it held. */
export class FakeBrowser {
	#held = null;
	#queue = [];
	#channels = new Set();

	/** What one tab is given. */
	tab() {
		const self = { dead: false, frozen: false };
		const browser = this;
		self.locks = {
			request: (name, { steal, signal }, run) => new Promise((resolve, reject) => {
				const wish = { self, run, resolve, reject };
				signal?.addEventListener('abort', () => {
					if (!browser.#queue.includes(wish)) return;
					browser.#queue = browser.#queue.filter((other) => other !== wish);
					reject(new DOMException('withdrawn', 'AbortError'));
				});
				if (steal && browser.#held) {
					const { reject: rob } = browser.#held;
					browser.#held = null;
					rob(new DOMException('stolen', 'AbortError'));
					browser.#queue.unshift(wish);
				} else browser.#queue.push(wish);
				browser.#grant();
			}),
		};
		self.Channel = class {
			constructor() {
				browser.#channels.add(this);
				this.tab = self;
			}

			postMessage(message) {
				if (self.dead) return;
				const copy = structuredClone(message);
				for (const other of browser.#channels) {
					if (other !== this) setImmediate(() => !other.tab.dead && !other.tab.frozen && other.onmessage({ data: copy }));
				}
			}
		};
		self.kill = () => {
			self.dead = true;
			this.#queue = this.#queue.filter((wish) => wish.self !== self);
			if (this.#held?.self === self) this.#held = null;
			this.#grant();
		};
		return self;
	}

	#grant() {
		setImmediate(async () => {
			if (this.#held || !this.#queue.length) return;
			const wish = this.#queue.shift();
			this.#held = wish;
			const result = await wish.run();
			if (this.#held === wish) this.#held = null;
			wish.resolve(result);
			this.#grant();
		});
	}
}

/** A request that is never answered; it ends when its caller gives up. */
export function silence(signal) {
	return new Promise((_, reject) => {
		signal.addEventListener('abort', () => reject(new DOMException('gone', 'AbortError')));
	});
}
