// outbox.js: what was typed and may not be stored yet: kept, and sent in order and once.
import { STRANGER } from './credential.js';
import { Failure, Pause, world } from './transport.js';

const STALE_MS = 5_000; // a request this old may hang on a connection that is gone
const OVER_MOST = 1_000;
const NEVER_MS = 2 ** 31 - 1; // but wake() may end it

const result = (request) => new Promise((resolve, reject) => {
	request.onsuccess = () => resolve(request.result);
	request.onerror = () => reject(request.error);
});

export class DiskStore {
	#open;
	#database = null;

	constructor(factory, name) {
		this.#open = () => {
			const request = factory.open(name, 1);
			request.onupgradeneeded = () => request.result.createObjectStore('items', { keyPath: 'key' });
			return result(request);
		};
	}

	async all() {
		return (await this.#run('readonly', (store) => store.getAll())).sort((a, b) => a.typed - b.typed);
	}

	async put(item) {
		await this.#run('readwrite', (store) => store.put(item));
	}

	async remove(key) {
		await this.#run('readwrite', (store) => store.delete(key));
	}

	async #run(mode, work) {
		this.#database ??= this.#open();
		const transaction = (await this.#database).transaction('items', mode, { durability: 'strict' });
		const ended = new Promise((resolve, reject) => {
			transaction.oncomplete = resolve;
			transaction.onabort = () => reject(transaction.error);
		});
		const [found] = await Promise.all([result(work(transaction.objectStore('items'))), ended]);
		return found;
	}
}

export class Outbox {
	#pause;
	#abort = null;
	#asked = Infinity; // when, if asking anew costs little
	items = [];
	#writes = new Map();
	#removals = new Map(); // under way: what is restored is put behind them
	#over = new Set(); // keys of what went: late news of another tab, or a late look at the disk, do not bring it back
	#stored = new Set();
	#leading = false;
	#running = false;
	#typed = 0; // when the last was

	// `person`: who is signed in; what another one typed is kept for them.
	constructor(server, { on, store, person = STRANGER }, env = world) {
		Object.assign(this, { server, on, store, person, clock: env.clock });
		this.#pause = new Pause(env);
	}

	// Of every tab: what is kept is shown in each.
	async load() {
		const before = this.items.filter(({ key }) => this.#stored.has(key));
		const kept = await this.store.all().catch(() => null);
		if (!kept) return;
		const keys = new Set(kept.map(({ key }) => key));
		for (const item of before) if (!keys.has(item.key)) this.#gone('discarded', item, false);
		const unknown = kept.filter(({ key }) => !this.#find(key) && !this.#over.has(key));
		for (const item of unknown) if ((item.person ?? STRANGER) !== this.person) item.state = 'foreign';
		this.items.unshift(...unknown); // what came in while we looked was typed later
		for (const key of keys) this.#stored.add(key);
		for (const item of unknown) this.on('item', item, false);
		this.#run();
	}

	async lead() {
		await this.load();
		this.#leading = true;
		this.#run();
	}

	follow() {
		this.#leading = false;
		this.#abort?.abort();
		this.#pause.cut(true);
	}

	add(message) {
		this.#typed = Math.max(this.#typed + 1, this.clock.now());
		const { person } = this;
		const item = { ...message, person, typed: this.#typed, state: 'queued', tries: 0, problem: '' };
		this.items.push(item);
		this.on('item', item, true);
		this.#keep(item);
		this.#run();
		return item;
	}

	mirror({ type, item: { key }, item: news, reply }) {
		const item = this.#find(key);
		if (type === 'again') this.#over.delete(key);
		if (type === 'item' || type === 'again') {
			if (this.#over.has(key)) return;
			if (item) Object.assign(item, news);
			else this.items.push({ ...news });
			this.on('item', this.#find(key), false);
			this.#run();
		} else if (item) {
			this.#gone(type, item, false, reply);
		} else {
			this.#went(key);
		}
	}

	// `sender`: for one that failed because its name is somebody else's.
	retry(key, sender) {
		const item = this.#find(key);
		if (item?.state === 'failed') {
			if (item.code === 'sender_taken') item.sender = sender ?? item.sender;
			this.#set(item, 'queued');
			this.#keep(item);
		}
		this.wake({ force: true });
		this.#run();
	}

	discard(key) {
		const item = this.#find(key);
		if (!item || item.state === 'sending') return;
		this.#removals.set(key, this.#forget(key));
		this.#gone('discarded', item, true);
		this.#pause.cut(); // the next one need not wait for what this one suffered
	}

	// What was discarded is as it was.
	restore(item) {
		if (this.#find(item.key)) return;
		this.#over.delete(item.key);
		const at = this.items.findIndex(({ typed }) => typed > item.typed);
		const again = { ...item, state: item.state === 'waiting' ? 'queued' : item.state };
		this.items.splice(at < 0 ? this.items.length : at, 0, again);
		this.on('again', again, true);
		this.#keep(again);
		this.#run();
	}

	wake({ force = false } = {}) {
		// The key makes it harmless to ask twice.
		if (this.clock.now() - this.#asked > STALE_MS) this.#abort.abort();
		this.#pause.reset();
		this.#pause.cut(force);
	}

	#find(key) {
		return this.items.find((item) => item.key === key);
	}

	#gone(type, item, own, reply) {
		this.items.splice(this.items.indexOf(item), 1);
		this.#went(item.key);
		this.on(type, item, own, reply);
	}

	#went(key) {
		this.#over.add(key);
		if (this.#over.size > OVER_MOST) this.#over.delete(this.#over.values().next().value);
	}

	#set(item, state, { message: problem = '', code = '', limit = '' } = {}, until = null) {
		Object.assign(item, { state, problem, code, limit, until });
		this.on('item', item, true);
	}

	// A store that is full or forbidden is no reason not to send.
	#keep(item) {
		const { key, state } = item;
		const kept = { ...item, tries: 0, state: state === 'failed' ? state : 'queued' };
		const put = (this.#removals.get(key) ?? Promise.resolve()).then(() => this.store.put(kept));
		this.#writes.set(key, put.then(() => this.#stored.add(key), () => {}));
	}

	// Removed only after it is in, or a late write would bring it back.
	async #forget(key) {
		await this.#writes.get(key);
		this.#writes.delete(key);
		this.#stored.delete(key);
		await this.store.remove(key).catch(() => {});
		this.#removals.delete(key);
	}

	async #run() {
		if (this.#running || !this.#leading) return;
		this.#running = true;
		const next = () => this.#leading && this.items.find(({ state }) => state !== 'failed' && state !== 'foreign');
		for (let item; (item = next()); ) await this.#deliver(item);
		this.#running = false;
	}

	async #deliver(item) {
		item.tries += 1;
		this.#set(item, 'sending');
		this.#abort = new AbortController();
		try {
			const { room, sender, text, format, blob, event, key } = item;
			this.#asked = blob ? Infinity : this.clock.now();
			// What was typed before there were formats has none.
			const message = blob ? { room, sender, key, blob, event } : { room, sender, text, ...(format && { format }), key };
			const reply = await this.server.send(message, this.#abort.signal);
			this.#pause.reset();
			this.#removals.set(key, this.#forget(key));
			if (this.#find(key)) this.#gone('sent', item, true, reply);
		} catch (error) {
			if (!(error instanceof Failure)) throw error;
			if (!this.#leading || !this.#find(item.key)) return;
			if (!error.passing && !error.unknown) {
				item.barred = error.bars;
				this.#set(item, 'failed', error);
				this.#keep(item);
				return;
			}
			const ms = error.unknown ? NEVER_MS : this.#pause.next(error);
			this.#set(item, 'waiting', error, this.clock.now() + ms);
			await this.#pause.sleep(ms, error.retryAfterMs);
		}
	}
}
