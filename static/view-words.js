// view-words.js: what a search found is marked in the log, too. Its nodes stay as they are.
import { strippedParts } from './ansi.js';
import { byId } from './view-parts.js';

const WORDS = 50; // different ones that are marked,
const LONG = 100; // characters of each,
const PLACES = 1_000; // and how often in all
const READ = 300_000; // characters that are looked through
const REST_MS = 100; // a flood must not have it done as often
const MARKS = globalThis.CSS?.highlights; // not in browsers of before 2025

const NO_BLANKS = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]/u;
const LETTER = '[\\p{L}\\p{M}\\p{N}]';

// Of the hits' own strings, whole words where there are any. null: there is none.
export function patternOf(hits) {
	const words = new Set();
	for (const { snippet = [] } of hits) {
		for (const [i, part] of strippedParts(snippet).entries()) {
			if (i % 2 && words.size < WORDS && part && part.length <= LONG && !part.includes('…')) words.add(part.toLowerCase());
		}
	}
	const whole = [...words].sort((a, b) => b.length - a.length).map((word) => {
		const escaped = word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
		return NO_BLANKS.test(word) ? escaped : `(?<!${LETTER})${escaped}(?!${LETTER})`;
	});
	return whole.length ? new RegExp(whole.join('|'), 'giu') : null;
}

export class WordsView {
	#log = byId('log');
	#pattern = null;
	#source = '';
	#timer = null;
	#ear = new MutationObserver(() => this.#soon());

	mark(hits) {
		if (!MARKS) return;
		const pattern = patternOf(hits);
		if (`${pattern}` === this.#source) return;
		this.#pattern = pattern;
		this.#source = `${pattern}`;
		this.#ear.disconnect();
		if (pattern) this.#ear.observe(this.#log, { childList: true, subtree: true });
		this.#soon();
	}

	#soon() {
		this.#timer ??= setTimeout(() => {
			this.#timer = null;
			if (this.#pattern) MARKS.set('found', new Highlight(...this.#places()));
			else MARKS.delete('found');
		}, REST_MS);
	}

	#places() {
		const places = [];
		let left = READ;
		for (const text of this.#log.querySelectorAll('article > .text')) {
			const walk = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
			for (let node = walk.nextNode(); node && left > 0; node = walk.nextNode()) {
				left -= node.length;
				for (const { 0: { length }, index } of node.data.matchAll(this.#pattern)) {
					const place = document.createRange();
					place.setStart(node, index);
					place.setEnd(node, index + length);
					if (places.push(place) === PLACES) return places;
				}
			}
		}
		return places;
	}
}
