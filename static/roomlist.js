// roomlist.js: the list of rooms as it is asked for, shown and remembered.
import { EVERYWHERE } from './everywhere.js';
import { ROOM } from './query.js';
import { Rooms } from './rooms.js';

const VISITED = 30;
const OLD_MS = 60_000; // it is live but for rooms too loud to be followed
const FIRST = 100; // rooms that are asked for, and
const MOST = 10_000; // if someone looks for more
const PAGE = 1_000; // shown at a time, too
const SHOW_MS = 100; // a flood must not draw it as often,
const ASK_MS = 500; // nor ask as often

export class RoomList extends Rooms {
	#asked = 0;
	#most = FIRST;
	#all = null;
	#part = ''; // of the names of those that are shown
	#typed = '';
	#timer = null;
	#again = null;
	#moved = new Set(); // rooms of which something that was read was deleted

	// `failed`: gives the rooms in which something could not be sent.
	constructor(server, prefs, draw, failed = () => []) {
		super(prefs.get('read', {}), prefs.get('head'));
		Object.assign(this, { server, prefs, draw, failed, visited: prefs.get('visited', []) });
	}

	enter(name) {
		this.room = name === EVERYWHERE ? '' : name;
		if (this.room) this.visited = [name, ...this.visited.filter((other) => other !== name)].slice(0, VISITED);
		this.prefs.set('visited', this.visited);
		this.#show();
	}

	heard(message) {
		const { changes, room } = message;
		const before = changes === undefined ? 0 : this.markOf(room).n;
		// What may be done in a room is known by the list alone.
		if (super.heard(message) || (room === this.room && this.unlisted(room))) {
			this.#again ??= setTimeout(() => {
				this.#again = null;
				this.ask();
			}, ASK_MS);
		}
		if (changes !== undefined && this.markOf(room).n !== before) this.#moved.add(room);
	}

	forget() {
		super.forget();
		this.prefs.set('head', null);
		this.prefs.set('read', {});
	}

	async ask(most = this.head === null ? PAGE : this.#most) {
		this.#asked = Date.now();
		for (let left = most, below = {}; left > 0;) {
			const page = await this.server.rooms({ limit: Math.min(left, PAGE), ...below }).catch(() => null);
			if (!page) return;
			this.listed(page.rooms, page.head);
			this.show();
			left = page.more ? left - page.rooms.length : 0;
			below = { after: page.rooms.at(-1)?.last };
		}
		if (this.prefs.get('head') !== null) return;
		// What was there on the first visit counts as read.
		this.prefs.set('head', this.head);
		this.prefs.set('read', this.marks());
	}

	// The newest that may be read, another one than this; null: there is none.
	async first(name) {
		if (!this.list('').length) await this.ask();
		return this.list('').find((room) => room.name !== name)?.name ?? null;
	}

	refresh() {
		if (Date.now() - this.#asked > OLD_MS) this.ask();
	}

	// Once they are there.
	more() {
		if (this.#most !== MOST) this.#all = this.ask(this.#most = MOST);
		return this.#all;
	}

	// `typed`: a part of names, or the name of a room that is to be made.
	sift(typed) {
		this.#part = typed.toLowerCase();
		this.#typed = typed;
		this.#show();
	}

	get #new() {
		return ROOM.test(this.#typed) && !this.has(this.#typed) ? this.#typed : '';
	}

	next(by) {
		const names = this.list(this.room).map(({ name }) => name);
		return names.at((names.indexOf(this.room) + by) % names.length);
	}

	show() {
		this.#timer ??= setTimeout(() => this.#show(), SHOW_MS);
	}

	#show() {
		this.#timer = null;
		for (const room of this.#moved) this.prefs.setOf(room, 'read', this.markOf(room));
		this.#moved.clear();
		const most = Math.min(this.#most, PAGE);
		const failed = this.failed();
		const list = this.list(this.room, this.#part, failed).filter(({ name }, i) => i < most || name === this.room);
		this.draw(list, this.visited.reduce((sum, name) => sum + this.unread(name), 0), { typed: this.#new, failed });
	}
}
