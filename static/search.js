// search.js: what was found so far, and the way on.
import { Meanwhile, amended } from './changes.js';
import { parse } from './query.js';
import { Failure, Pause, world } from './transport.js';

// What the server finds wrong with a search, in words for who typed it: by a part of the sentence that it says it with.
const WRONG = [
	[/nothing to look for/, () => 'There is nothing to look for: add a word or a "phrase" without -.'],
	[/has (\d+) words, .* at most (\d+)/, (has, most) => `These are ${has} words; at most ${most} can be looked for at once.`],
	[/has \d+ words with .* at most (\d+)/, (most) => `At most ${most} words can have a * behind them.`],
	[/has '(.*)': before .* at least (\d+)/s, (word, least) => `“${word}”: before a * there must be at least ${least} letters.`],
];
const OTHERS = {
	bad_search: 'This cannot be looked for.',
	bad_parameter: 'This cannot be looked for: perhaps a name is too long, or too many rooms are given.',
	search_timeout: 'This takes too long. Add a word, in:room, or last:7d.',
};

export function wrong({ code, message }) {
	for (const [is, say] of WRONG) {
		const [found, ...parts] = is.exec(code === 'bad_search' ? message : '') ?? [];
		if (found) return say(...parts);
	}
	return Object.hasOwn(OTHERS, code) ? OTHERS[code] : message;
}

const PAGE = 40;
const COUNT = 1000; // of all there are
const MOST = 1000; // hits kept; beyond that one should ask for less

export class Search {
	#abort = new AbortController();
	#params;
	#older;
	#begun; // even if nothing was found
	#busy;
	#problem;
	#behind;
	#old; // the newest that is found by an older index alone
	#total = null;
	#advice = null;
	#meanwhile = new Meanwhile();
	#late = 0; // seconds until it is asked again, who asked too much or could not be reached
	#why = '';
	#pause = null;
	text = '';
	hits = [];

	constructor(server, changed, env = world) {
		Object.assign(this, { server, changed, env });
	}

	// `names`: of all rooms, where they are known.
	async find(text, names = null) {
		this.clear();
		this.text = text;
		const { params, problem, ...advice } = parse(text, { names });
		this.#params = params;
		this.#problem = problem;
		this.#advice = advice;
		if (params) await this.more();
		else this.changed(this);
	}

	clear() {
		this.#abort.abort();
		this.#abort = new AbortController();
		this.#params = null;
		this.#older = null;
		this.#begun = this.#busy = false;
		this.#late = 0;
		this.#problem = '';
		this.#total = this.#advice = null;
		this.hits = [];
	}

	// The line is mended.
	wake() {
		this.#pause?.cut();
	}

	// true: hits were changed.
	heard(changes) {
		this.#meanwhile.heard(changes);
		if (!changes.some(({ changes: target }) => this.hits.some(({ id }) => id === target))) return false;
		const { length } = this.hits;
		this.hits = amended(this.hits, changes);
		if (this.#total) this.#total.n -= length - this.hits.length;
		return true;
	}

	async more() {
		const first = !this.#begun;
		if (this.#busy || !this.#params || this.#problem || (!first && this.#older === null) || this.hits.length >= MOST) return;
		const { signal } = this.#abort;
		this.#busy = true;
		this.#begun = true;
		this.changed(this);
		try {
			const counts = first && this.#params.some(([name]) => name === 'q');
			const more = first ? counts ? [['count', COUNT]] : [] : [['before', this.#older]];
			const page = await this.#page([...this.#params, ['limit', PAGE], ...more], signal);
			if (!page) return;
			this.hits.push(...page.messages.sort((a, b) => b.id - a.id));
			this.#older = page.messages.length ? page.older ?? null : null;
			this.#behind = page.indexed !== undefined;
			this.#old = page.old_words;
			this.#total = page.total ?? this.#total;
		} catch (error) {
			if (signal.aborted) return;
			if (!(error instanceof Failure)) throw error;
			this.#problem = wrong(error);
		}
		this.#busy = false;
		this.changed(this);
	}

	// null: given up meanwhile.
	async #page(params, signal) {
		for (const pause = this.#pause = new Pause(this.env); ; ) {
			try {
				const page = await this.#meanwhile.page(() => this.server.history(params, signal));
				return signal.aborted ? null : page;
			} catch (error) {
				if (signal.aborted) return null;
				if (error.status !== 429 && error.status !== 0) throw error;
				const ms = pause.next(error);
				this.#late = Math.max(1, Math.ceil(ms / 1000));
				this.#why = error.status ? 'Too fast' : error.message.replace(/\.$/, '');
				this.changed(this);
				await pause.sleep(ms);
				this.#late = 0;
			}
			if (signal.aborted) return null;
		}
	}

	get state() {
		const count = this.hits.length;
		if (this.#problem) return this.#problem;
		if (this.#late) return `${this.#why}: searching again in ${this.#late} s`;
		if (this.#busy) return count ? `${count} found so far…` : 'Searching…';
		if (!this.#params) return 'Words, "a phrase", or a filter';
		const newest = this.#behind ? ' The newest messages are not searched yet.' : '';
		const old = this.#old === undefined ? '' : ' Older messages are found as an earlier version took their words, until the index is made anew.';
		if (!count) return `Nothing found.${newest}${old}`;
		if (count >= MOST) return `The newest ${count} are shown. Add a word, or before:`;
		const open = this.#older !== null;
		const { n, more } = this.#total ?? { n: count, more: open };
		const all = this.#total ? `${Math.max(n, count).toLocaleString()}${more ? '+' : ''}` : `${count}${open ? ' or more' : ''}`;
		return `${all} found.${newest}${old}`;
	}

	// The newest hits are here.
	get answered() {
		return !!this.#params && this.#begun && !this.#busy && !this.#problem;
	}

	// There are no hits, and no wait brings them.
	get refused() {
		return !!this.#problem && !this.hits.length;
	}

	// What was perhaps meant: { hint, offers }.
	get advice() {
		return this.#advice ?? { offers: [] };
	}

	// The one room it is about, if it is one.
	get room() {
		const [room, another] = (this.#params ?? []).filter(([name]) => name === 'room');
		return another || !room || room[1] === '*' ? null : room[1];
	}
}
