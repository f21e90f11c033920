// words.js: the words that make a message an alarm, wherever they stand; pure.
import { stripped } from './ansi.js';
import { plain } from './export.js';

const MOST = 20; // words,
const LONG = 64; // characters of each,
const LOOKED = 10_000; // characters of a text that are looked at,
const MARKED = 50; // words that are marked in it
export const USUAL = 'FAILED ERROR CRITICAL panic @name';

// Scripts that are written without blanks have no ends of words to look for.
const RUNNING = ['Han', 'Hira', 'Kana', 'Thai', 'Laoo', 'Khmr', 'Mymr'].map((name) => `\\p{scx=${name}}`).join('');
const running = new RegExp(`[${RUNNING}]`, 'u');
const LETTER = /[\p{L}\p{M}\p{N}_]/u;
const bound = (char) => LETTER.test(char) && !running.test(char);
const INSIDE = `(?![${RUNNING}])[\\p{L}\\p{M}\\p{N}_]`;

function pattern(word) {
	const chars = [...word];
	const before = bound(chars[0]) || chars[0] === '@' ? `(?<!${INSIDE})` : '';
	const behind = bound(chars.at(-1)) ? `(?!${INSIDE})` : '';
	return before + word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&') + behind;
}

// Words in capitals are meant as they are typed: an ERROR is no error.
const capitals = (word) => word[0] !== '@' && word !== word.toLowerCase() && word === word.toUpperCase();
const among = (words, flags) => (words.length ? [new RegExp(words.map(pattern).join('|'), flags)] : []);

export class Words {
	#known = new WeakMap();
	#patterns;
	#self = null;

	// `typed`: words with blanks between them; `@name` stands for the name that one has.
	constructor(typed, name = '') {
		const words = typed.split(/[\s,]+/, 10 * MOST).map((word) => (word === '@name' ? name && `@${name}` : word));
		this.words = [...new Set(words)].filter((word) => LETTER.test(word) && word.length <= LONG + 1).slice(0, MOST);
		Object.assign(this, { typed, name });
		const exact = this.words.filter(capitals);
		this.#patterns = [...among(exact, 'gu'), ...among(this.words.filter((word) => !exact.includes(word)), 'giu')];
	}

	// Whether a message has one of them.
	in(message) {
		if (!this.#known.has(message)) this.#known.set(message, this.spans(stripped(plain(message).slice(0, LOOKED)), 1).length > 0);
		return this.#known.get(message);
	}

	// Whether it calls one by name, whatever else it has.
	mentions(message) {
		this.#self ??= new Words(this.words.includes(`@${this.name}`) ? '@name' : '', this.name);
		return this.#self.in(message);
	}

	// Where they stand in a text: [from, to], in order.
	spans(text, most = MARKED) {
		const found = [];
		for (const one of this.#patterns) {
			let left = most;
			for (const { index, 0: word } of text.slice(0, LOOKED).matchAll(one)) {
				if (left-- === 0) break;
				found.push([index, index + word.length]);
			}
		}
		let end = 0;
		return found.sort((a, b) => a[0] - b[0]).filter(([from, to]) => from >= end && (end = to));
	}

	// What finds messages that have them, perhaps others as well; '': there is nothing to look for.
	get search() {
		return this.words.map((word) => `"${word.replaceAll('"', ' ')}"`).join(' OR ');
	}
}
