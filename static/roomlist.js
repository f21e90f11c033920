// roomlist.js: the list of rooms as it is asked for, shown and remembered.
import { EVERYWHERE } from './everywhere.js';
import { ROOM } from './query.js';
import { Rooms } from './rooms.js';

const VISITED = 30;
const OLD_MS = 60_000; // it is live but for rooms too loud to be followed
const FIRST = 100; // rooms that are asked for, and
const MOST = 10_000; // if someone looks for more, or all of these have news
const PAGE = 1_000; // shown at a time, too
const READ = 32; // rooms of which the server counts at a time what is unread,
const COUNTS = 8; // and so often for one list
const SHOW_MS = 100; // a flood must not draw it as often,
const ASK_MS = 500; // nor ask as soon,
const CALM_MS = 3_000; // nor as often
const WALK_MS = 5_000; // the order stands still for who goes through it by keys

const alphabet = new Intl.Collator([], { numeric: true });

export class RoomList extends Rooms {
	#asked = 0;
	#asking = null;
	#next = null; // once more, when that is done
	#top = 0; // the head of the newest list,
	#least = 0; // which must not be less than this
	#whole = false; // it went down to where nothing is unread
	#most = FIRST;
	#all = null;
	#part = ''; // of the names of those that are shown
	#typed = '';
	#timer = null;
	#again = null;
	#order = new Map(); // of the rooms as they are shown
	#walked = 0;
	#deaf = true; // something was not heard since the last list

	// `failed`: gives the rooms in which something could not be sent; `tell`: other tabs what was read; `held`: whether the
	// order is to stand still; `counted`: it is known what came unheard.
	constructor({ server, prefs, wishes, draw, failed = () => [], tell = () => {}, held = () => false, counted = () => {} }) {
		super(prefs.get('read', {}), prefs.get('head'));
		Object.assign(this, { server, prefs, wishes, draw, failed, tell, held, counted, visited: prefs.get('visited', []) });
	}

	enter(name) {
		this.room = name === EVERYWHERE ? '' : name;
		if (this.room) this.visited = [name, ...this.visited.filter((other) => other !== name)].slice(0, VISITED);
		this.prefs.set('visited', this.visited);
		this.#show();
	}

	heard(message) {
		const { room } = message;
		// What may be done in a room is known by the list alone.
		if (super.heard(message) || (room === this.room && this.unlisted(room))) this.soon();
	}

	// From this id on everything is heard: a list of before may lack something.
	ready(cursor) {
		this.#least = cursor;
		if (this.#asked && !this.#asking && this.#top < cursor) this.ask();
	}

	// Something was not heard.
	missed() {
		this.#deaf = true;
		this.ask();
	}

	soon() {
		this.#again ??= setTimeout(() => {
			this.#again = null;
			this.ask();
		}, Math.max(ASK_MS, this.#asked + CALM_MS - Date.now()));
	}

	read(name, id, how) {
		if (!super.read(name, id, how)) return;
		this.#keep(new Map([[name, this.markOf(name)]]));
	}

	// Gives what takes it back, or null: nothing was unread in these rooms.
	readAll(names = this.list().map(({ name }) => name)) {
		const before = new Map();
		for (const name of names) {
			if (!this.unread(name)) continue;
			before.set(name, this.markOf(name));
			super.read(name, this.lastOf(name));
		}
		if (!before.size) return null;
		this.#keep(new Map([...before.keys()].map((name) => [name, this.markOf(name)])));
		return () => {
			this.readElsewhere(before, true);
			this.#keep(before, true);
			this.ask();
		};
	}

	readElsewhere(marks, back = false) {
		for (const [name, mark] of marks) this.readAlso(name, mark, back);
		this.show();
	}

	// What another tab has read while nobody told this one.
	remember() {
		this.readElsewhere(Object.entries(this.prefs.get('read', {})));
	}

	forget() {
		super.forget();
		this.prefs.set('head', null);
		this.prefs.set('read', {});
	}

	ask() {
		if (this.#asking) {
			this.#next ??= this.#asking.then(() => {
				this.#next = null;
				return this.ask();
			});
			return this.#next;
		}
		this.#asking = this.#ask().finally(() => {
			this.#asking = null;
		});
		return this.#asking;
	}

	// Whether a list is here yet.
	get known() {
		return this.#top > 0;
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
		if (this.#most !== MOST) {
			this.#most = MOST;
			this.#all = this.ask();
		}
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

	// null: there is no room.
	next(by) {
		this.#walked = Date.now();
		setTimeout(() => this.show(), WALK_MS);
		const names = [...this.#order.keys()];
		const at = names.indexOf(this.room);
		return names.at(at < 0 ? Math.min(by, 0) : (at + by) % names.length) ?? null;
	}

	show() {
		this.#timer ??= setTimeout(() => this.#show(), SHOW_MS);
	}

	#keep(marks, back = false) {
		const others = Object.entries(this.prefs.get('read', {})).filter(([name]) => !marks.has(name));
		this.prefs.set('read', Object.fromEntries([...others, ...marks].slice(-MOST)));
		this.tell({ type: 'read', marks: [...marks], back });
		this.show();
	}

	async #ask() {
		this.#asked = Date.now();
		const counted = new Set();
		const least = this.head === null ? PAGE : this.#most;
		for (let count = 0, below; ;) {
			const page = await this.#page({ limit: Math.min(PAGE, count ? PAGE : least), ...below }, counted);
			if (!page) return;
			if (!below) this.#top = page.head;
			this.absent(page.rooms, page.head, { below: below?.after, more: page.more });
			this.show();
			const last = page.rooms.at(-1)?.last ?? 0;
			count += page.rooms.length;
			below = { after: last };
			if (!page.more || count >= MOST || (count >= least && (this.#whole || last <= this.head))) break;
		}
		this.#whole = true;
		for (let i = 0; i < COUNTS && await this.#count(counted);) i += 1;
		this.#first();
		if (this.#top < this.#least) this.soon();
		if (this.#deaf) this.counted();
		this.#deaf = false;
	}

	// What was there on the first visit counts as read.
	#first() {
		if (this.prefs.get('head') !== null) return;
		this.prefs.set('head', this.head);
		this.prefs.set('read', this.marks());
	}

	// Of the next rooms that have news the server counts them. false: it counted all, or does not.
	async #count(counted) {
		const all = this.list();
		const open = all.filter(({ name, unread }) => unread && !counted.has(name)).slice(0, READ);
		if (!open.length) return false;
		const [{ last: first }, { last }] = [open[0], open.at(-1)];
		const limit = all.filter((room) => room.last <= first && room.last >= last).length;
		const page = await this.#page({ limit: Math.min(limit, PAGE), after: first + 1 }, counted);
		for (const { name } of open) counted.add(name);
		this.show();
		return page?.rooms.some(({ unread }) => unread !== undefined);
	}

	// A page of the list. null: it cannot be had.
	async #page(params, counted) {
		const open = this.list().filter(({ name, unread, last }) => unread && !counted.has(name) && last < (params.after ?? Infinity));
		const marks = new Map(open.slice(0, READ).map(({ name }) => [name, this.readOf(name)]));
		const page = await this.server.rooms(params, [...marks].map(([name, id]) => `${name}:${id}`)).catch(() => null);
		if (page) this.listed(page.rooms, page.head, marks);
		for (const { name, unread } of page?.rooms ?? []) if (unread !== undefined) counted.add(name);
		return page;
	}

	#show() {
		this.#timer = null;
		const { wishes, room: open } = this;
		const most = Math.min(this.#most, PAGE);
		const failed = this.failed();
		const all = this.list(open, this.#part, [...failed, ...wishes.pins])
			.map((room) => {
				const muted = wishes.level(room.name) === 'muted';
				return { ...room, pinned: wishes.pinned(room.name), muted, alarm: room.alarm && !muted };
			});
		const list = this.#sorted(all.filter(({ name, pinned, unread }, i) => i < most || name === open || pinned || (unread && i < PAGE)));
		this.#order = new Map(list.map(({ name }, i) => [name, i]));
		const news = this.list().filter(({ unread }) => unread);
		const loud = news.filter(({ name }) => wishes.level(name) !== 'muted');
		this.draw(list, {
			open, typed: this.#new, failed, any: news.length > 0,
			total: loud.reduce((sum, { unread }) => sum + unread, 0), alarm: loud.some(({ alarm }) => alarm),
		});
	}

	// Pinned, then what is unread, then the others; as it was while somebody is at it.
	#sorted(list) {
		const rank = ({ pinned, muted, unread }) => (pinned ? 2 : Number(unread > 0 && !muted));
		const alike = this.wishes.order === 'name' ? (a, b) => alphabet.compare(a.name, b.name) : () => 0;
		list.sort((a, b) => rank(b) - rank(a) || alike(a, b));
		const at = ({ name }) => this.#order.get(name) ?? this.#order.size;
		if (this.held() || Date.now() - this.#walked < WALK_MS) list.sort((a, b) => at(a) - at(b));
		return list;
	}
}
