// search.js: what was found so far, and the way on.
import { parse } from './query.js';
import { Failure } from './transport.js';

const PAGE = 40;
const MOST = 1000; // hits kept; beyond that one should ask for less

export class Search {
	#abort = new AbortController();
	#params;
	#older;
	#begun; // even if nothing was found
	#busy;
	#problem;
	#behind;
	hits = [];

	constructor(server, changed) {
		Object.assign(this, { server, changed });
	}

	async find(text, rooms) {
		this.clear();
		const { params, problem } = parse(text, rooms);
		this.#params = params;
		this.#problem = problem;
		if (params) await this.more();
		else this.changed(this);
	}

	clear() {
		this.#abort.abort();
		this.#abort = new AbortController();
		this.#params = null;
		this.#older = null;
		this.#begun = this.#busy = false;
		this.#problem = '';
		this.hits = [];
	}

	async more() {
		const first = !this.#begun;
		if (this.#busy || !this.#params || this.#problem || (!first && this.#older === null) || this.hits.length >= MOST) return;
		const { signal } = this.#abort;
		this.#busy = true;
		this.#begun = true;
		this.changed(this);
		try {
			const before = first ? [] : [['before', this.#older]];
			const page = await this.server.history([...this.#params, ['limit', PAGE], ...before], signal);
			if (signal.aborted) return;
			this.hits.push(...page.messages.sort((a, b) => b.id - a.id));
			this.#older = page.messages.length ? page.older ?? null : null;
			this.#behind = page.indexed !== undefined;
		} catch (error) {
			if (signal.aborted) return;
			if (!(error instanceof Failure)) throw error;
			this.#problem = error.message;
		}
		this.#busy = false;
		this.changed(this);
	}

	get state() {
		const count = this.hits.length;
		if (this.#problem) return this.#problem;
		if (this.#busy) return count ? `${count} found so far…` : 'Searching…';
		if (!this.#params) return 'Words, "a phrase", from:name, in:room, after: or before: a day';
		const newest = this.#behind ? ' The newest messages are not searched yet.' : '';
		if (!count) return `Nothing found.${newest}`;
		if (count >= MOST) return `The newest ${count} are shown. Add a word, or before:`;
		return `${count}${this.#older === null ? '' : ' or more'} found.${newest}`;
	}
}
