// wishes.js: what a person wants of rooms: which notify, which stand first and in what order, the words of alarms.
import { USUAL, Words } from './words.js';

export const LEVELS = ['all', 'words', 'muted'];
const PINS = 100; // rooms that may stand first
const NAMES = ['bells', 'pins', 'order', 'words'];

export class Wishes {
	name = ''; // one's own
	#bells;
	#pins;

	constructor(prefs) {
		this.prefs = prefs;
		this.load();
	}

	// Anew, since another tab may have changed it.
	load() {
		const { prefs } = this;
		this.#bells = new Map(Object.entries(prefs.get('bells', {})));
		this.#pins = new Map(Object.entries(prefs.get('pins', {})));
		this.order = prefs.get('order') === 'name' ? 'name' : 'newest';
		this.typed = prefs.get('words', USUAL);
		if (this.typed !== this.words?.typed || this.name !== this.words.name) this.words = new Words(this.typed, this.name);
	}

	// Whether this is where another tab keeps one.
	has(key, scope) {
		return NAMES.some((name) => key === `${scope}.${name}`);
	}

	called(name) {
		if (name === this.name) return false;
		this.name = name;
		this.load();
		return true;
	}

	choose(words) {
		this.prefs.set('words', words.slice(0, 1_000));
		this.load();
	}

	sort(order) {
		this.prefs.set('order', order);
		this.load();
	}

	level(room) {
		const level = this.#bells.get(room);
		return LEVELS.includes(level) ? level : 'all';
	}

	ring(room, level) {
		this.prefs.setOf(room, 'bells', level === 'all' ? null : level);
		this.load();
	}

	pinned(room) {
		return this.#pins.has(room);
	}

	get pins() {
		return [...this.#pins.keys()];
	}

	pin(room) {
		if (this.#pins.size >= PINS && !this.pinned(room)) return;
		this.prefs.setOf(room, 'pins', this.pinned(room) ? null : 1);
		this.load();
	}

	// Whether a message of others is an alarm.
	alarm(message) {
		return !message.deleted && (!this.name || message.sender !== this.name) && this.level(message.room) !== 'muted' && this.words.in(message);
	}

	// Whether it is worth a notification. Rooms that one was never in ask for one by name alone.
	notifies(message, visited) {
		if (!this.alarm(message)) return visited.includes(message.room) && this.level(message.room) === 'all' && message.sender !== (this.name || null);
		return visited.includes(message.room) || this.words.mentions(message);
	}
}
