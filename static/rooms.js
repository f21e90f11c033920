// rooms.js: which rooms there are, and what is unread in them.
import { stripped } from './ansi.js';
import { filed } from './export.js';

const BRIEF = 200; // characters of a last message; joined anew, since a slice keeps the whole
const brief = ({ text, event = '' }) => [...(/^file:/.test(event) ? event.slice(5) : stripped(filed(text ?? event))).slice(0, BRIEF)].join('');

const LATE = 30; // of what was heard in a room that a list may lack
const COUNTED = 1_000; // the server counts no further
const ALARMS = 50; // of a room that are known

export class Rooms {
	#rooms = new Map();

	// `head`: that of the first list ever.
	constructor(read = {}, head = null) {
		this.head = head;
		for (const [name, mark] of Object.entries(read)) this.readAlso(name, mark);
	}

	// A page of the server's list. What was there before the first list counts as read.
	// `asked`: the marks behind which the server was asked to count.
	listed(list, head = Math.max(0, ...list.map(({ last }) => last)), asked = new Map()) {
		this.head ??= head;
		for (const { name, last, at, n, sender, unread, may = 'rw', ...what } of list) {
			const room = this.#of(name);
			if (head < Math.max(room.asOf, room.gone, room.lost)) continue; // it was made before what is known
			room.late = room.late.filter(({ id }) => id > head);
			room.asOf = head;
			room.may = may;
			if (room.last <= head) Object.assign(room, { last, at, sender, text: brief(what) });
			if (room.readId === null && last <= this.head) room.readId = last;
			else if (room.readId === null) room.readN ??= room.n && n - room.n; // all but what was heard
			room.n = n + room.late.reduce((sum, { by }) => sum + by, 0);
			if (unread !== undefined && asked.get(name) === this.readOf(name)) this.#counted(room, n, unread);
			if (room.readId >= room.last) room.readN = room.n;
		}
	}

	#counted(room, n, unread) {
		const least = n - unread - room.late.filter(({ of }) => of <= this.readOf(room.name)).length;
		room.readN = unread < COUNTED ? least : Math.min(room.readN ?? least, least);
	}

	// What a page of the list lacks between these two ids is not there any more: the newest of these rooms went unheard.
	absent(list, head, { below = Infinity, more }) {
		const names = new Set(list.map(({ name }) => name));
		const least = more ? list.at(-1)?.last ?? 0 : 0;
		for (const room of this.#rooms.values()) {
			const { name, last, asOf, gone } = room;
			if (last <= least || last > head || last >= below || names.has(name) || head < Math.max(asOf, gone)) continue;
			Object.assign(room, { last: more ? least - 1 : 0, text: '' }, !more && { n: 0 });
		}
	}

	// true: only the server's list tells what the room's last message is now, and whether our count is right.
	heard({ id, room: name, at, sender, ...what }) {
		const room = this.#of(name);
		if (what.changes !== undefined) return this.#changed(room, id, what);
		if (id <= Math.max(room.last, room.asOf)) return false;
		Object.assign(room, { last: id, at, n: room.n + 1, text: brief(what), sender });
		if (id <= room.readId) room.readN = room.n; // one of our own
		this.#late(room, { id, by: 1 });
		return false;
	}

	// A change is no message: it makes nothing newer, or unread.
	#changed(room, id, { event, changes: target, text }) {
		if (id <= Math.max(room.asOf, room.change)) return false;
		room.change = id;
		if (event === 'message changed' && target === room.last && text !== undefined) room.text = brief({ text });
		if (event !== 'message deleted' || room.last === 0) return false;
		this.alarm(room.name, target, false);
		this.#late(room, { id, by: -1, of: target });
		room.n = Math.max(0, room.n - 1);
		const mark = this.readOf(room.name);
		if (room.readN !== null && target <= mark) room.readN = Math.max(0, room.readN - 1);
		if (target !== room.last) return true;
		room.gone = id;
		const unread = room.n - (room.readN ?? 0);
		room.last = room.n && (unread > 0 ? target - 1 : Math.min(target - 1, mark ?? 0));
		room.text = '';
		return true;
	}

	#late(room, what) {
		room.late.push(what);
		if (room.late.length > LATE) room.lost = room.late.shift().id;
	}

	// Up to this id. `left`: how many are behind it, if that is known; `passed`: how many were read now.
	read(name, id, { left = null, passed = 0 } = {}) {
		const room = this.#of(name);
		if (id < (room.readId ?? 0)) return false;
		const sum = (room.readN ?? 0) + passed;
		let readN = left === null || !room.asOf ? sum : Math.max(room.n - left, 0);
		if (id >= room.last) readN = room.asOf ? room.n : Math.max(room.n, sum); // before any list has it we know of few
		const changed = room.readId !== id || room.readN !== readN;
		Object.assign(room, { readId: id, readN });
		return changed;
	}

	// Of a room that was never opened all is unread that came since the first list.
	readOf(name) {
		const { readId, last } = this.#rooms.get(name) ?? { readId: null };
		return readId ?? (this.head !== null && last > this.head ? this.head : null);
	}

	lastOf(name) {
		return this.#rooms.get(name)?.last ?? 0;
	}

	// `back`: a person takes it back.
	readAlso(name, { id, n }, back = false) {
		const room = this.#of(name);
		if (back || id > (room.readId ?? -1)) Object.assign(room, { readId: id, readN: id >= room.last && room.asOf ? room.n : n });
	}

	markOf(name) {
		return { id: this.readOf(name), n: this.#of(name).readN };
	}

	marks() {
		const known = [...this.#rooms.values()].filter(({ readId }) => readId !== null);
		return Object.fromEntries(known.map(({ name }) => [name, this.markOf(name)]));
	}

	unread(name) {
		const mark = this.readOf(name);
		const room = this.#rooms.get(name);
		return mark === null || room.last <= mark ? 0 : Math.max(1, room.n - (room.readN ?? 0));
	}

	alarm(name, id, is = true) {
		const room = this.#of(name);
		const others = room.alarms.filter((other) => other !== id);
		room.alarms = is ? [...others, id].slice(-ALARMS) : others;
	}

	forgetAlarms() {
		for (const room of this.#rooms.values()) room.alarms = [];
	}

	// `also`: rooms that are listed though nothing is in them yet.
	list(open, part = '', also = []) {
		for (const name of open ? [open, ...also] : also) this.#of(name);
		return [...this.#rooms.values()]
			.filter(({ name, last }) => (last > 0 || name === open || also.includes(name)) && name.toLowerCase().includes(part))
			.sort((a, b) => b.last - a.last || (a.name < b.name ? -1 : 1))
			.map(({ name, last, at, text, sender, alarms }) => {
				const unread = this.unread(name);
				return { name, last, at, text, sender, unread, alarm: unread > 0 && alarms.some((id) => id > this.readOf(name)) };
			});
	}

	has(name) {
		return this.#rooms.get(name)?.last > 0;
	}

	// Unless the server said otherwise, one may.
	mayWrite(name) {
		return this.#rooms.get(name)?.may?.includes('w') ?? true;
	}

	// Others' messages may be changed where the server says so.
	moderates(name) {
		return this.#rooms.get(name)?.may?.includes('m') ?? false;
	}

	// No list has it yet.
	unlisted(name) {
		return this.#rooms.get(name)?.may === undefined;
	}

	barred(name, may) {
		this.#of(name).may = may;
	}

	forget() {
		this.#rooms.clear();
		this.head = null;
	}

	#of(name) {
		let room = this.#rooms.get(name);
		if (!room) {
			room = { name, last: 0, at: null, n: 0, text: '', sender: '', readId: null, readN: null, asOf: 0, change: 0, gone: 0, lost: 0, late: [], alarms: [] };
			this.#rooms.set(name, room);
		}
		return room;
	}
}
