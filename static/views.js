// views.js: searches that are kept above the rooms, and how many new hits each has.
import { parse } from './query.js';
import { world } from './transport.js';

const MOST = 8;
const REST_MS = 10_000; // after news
const COUNT = 50; // new hits are counted up to this; a total would count the old ones, too

export class Views {
	#timer = null;
	#counting = false;
	#news = new Set(); // rooms that had some since it was counted; '*': any may have had

	// `names`: gives those of rooms that a text needs, or null.
	constructor({ server, prefs, feed, names, draw }, env = world) {
		Object.assign(this, { server, prefs, feed, names, draw, clock: env.clock });
	}

	// Each { q, seen, n, more }: what is looked for, up to which id it was looked at, and how much is above that.
	get list() {
		const list = this.prefs.get('views', []);
		return Array.isArray(list) ? list.filter((one) => typeof one?.q === 'string').slice(0, MOST) : [];
	}

	get full() {
		return this.list.length === MOST;
	}

	has(q) {
		return this.list.some((one) => one.q === q);
	}

	// Kept, or not any more. `seen`: the newest hit that one has seen.
	toggle(q, seen = 0) {
		if (this.has(q)) this.#keep(this.list.filter((one) => one.q !== q));
		else if (q && !this.full) this.#keep([...this.list, { q, seen, n: 0, more: false }]);
	}

	// Somebody looks at its hits, of which this is the newest.
	opened(q, id) {
		this.#change(q, ({ seen }) => ({ seen: Math.max(seen, id), n: 0, more: false }));
	}

	// Something may be new in these rooms.
	heard(rooms = ['*'], ms = REST_MS) {
		if (!this.feed.leading || !this.list.length) return;
		for (const room of rooms) this.#news.add(room);
		if (!this.#counting) this.#timer ??= this.clock.setTimeout(() => this.#count(), ms);
	}

	// One after the other. If the server is away, or asks for patience, they wait for other news; one that it refuses is passed over.
	async #count() {
		this.#timer = null;
		this.#counting = true;
		const news = new Set(this.#news);
		this.#news.clear();
		for (const { q, seen } of this.list) {
			if (!this.feed.leading) break;
			const { params } = parse(q, { names: this.names(q) });
			const rooms = (params ?? []).filter(([name]) => name === 'room').map(([, room]) => room);
			if (!params || ![...rooms, '*'].some((room) => news.has(room) || (room === '*' && rooms.includes('*')))) continue;
			const page = await this.server.history([...params, ['after', seen], ['limit', COUNT]]).catch((failure) => failure);
			if (page.passing && page.code !== 'search_timeout') break;
			if (!page.messages) continue;
			const [n, more] = [page.messages.length, (page.newer ?? null) !== null];
			this.#change(q, (view) => (view.seen === seen ? { n, more } : view));
		}
		this.#counting = false;
		if (this.#news.size) this.heard([]);
	}

	#change(q, change) {
		const list = this.list;
		const next = list.map((one) => (one.q === q ? { ...one, ...change(one) } : one));
		if (JSON.stringify(next) !== JSON.stringify(list)) this.#keep(next);
	}

	// Other tabs hear of it by the storage.
	#keep(list) {
		this.prefs.set('views', list);
		this.draw();
	}
}
