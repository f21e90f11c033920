// rooms.js: which rooms there are, and what is unread in them.
import { stripped } from './ansi.js';
import { filed } from './export.js';

const brief = ({ text, event = '' }) => (/^file:/.test(event) ? event.slice(5) : stripped(filed(text ?? event)));

export class Rooms {
	#rooms = new Map();

	// `head`: that of the first list ever.
	constructor(read = {}, head = null) {
		this.head = head;
		for (const [name, mark] of Object.entries(read)) this.readAlso(name, mark);
	}

	// The server's list, or the beginning of it. What was there before the first list counts as read.
	listed(list, head = Math.max(0, ...list.map(({ last }) => last))) {
		this.head ??= head;
		for (const { name, last, at, n, sender, may = 'rw', ...what } of list) {
			const room = this.#of(name);
			if (head < room.gone) continue; // it was made before what was heard
			const gone = room.gone > room.asOf && head >= room.last; // its last one, perhaps
			room.asOf = Math.max(room.asOf, head);
			room.may = may;
			if (room.readId === null && last <= this.head) room.readId = last;
			else if (room.readId === null) room.readN ??= room.n && n - room.n; // all but what was heard
			if (last >= room.last || gone) Object.assign(room, { last, at, n, sender, text: brief(what) });
			if (room.readId >= room.last) room.readN = room.n;
		}
	}

	// true: only the server's list tells what the room's last message is now.
	heard({ id, room: name, at, sender, ...what }) {
		const room = this.#of(name);
		if (what.changes !== undefined) return this.#changed(room, id, what);
		if (id > room.last) Object.assign(room, { last: id, at, n: room.n + 1, text: brief(what), sender });
		return false;
	}

	// A change is no message: it makes nothing newer, or unread.
	#changed(room, id, { event, changes: target, text }) {
		if (id <= Math.max(room.asOf, room.gone)) return false;
		if (event === 'message changed' && target === room.last && text !== undefined) room.text = text;
		if (event !== 'message deleted' || room.last === 0) return false;
		room.gone = id;
		room.n = Math.max(0, room.n - 1);
		if (room.readN !== null && target <= (room.readId ?? 0)) room.readN = Math.max(0, room.readN - 1);
		if (target !== room.last) return false;
		const unread = room.n - (room.readN ?? 0);
		room.last = room.n && (unread > 0 ? target - 1 : Math.min(target - 1, room.readId ?? 0));
		room.text = '';
		return true;
	}

	read(name, id, left = 0) {
		const room = this.#of(name);
		if (id < (room.readId ?? 0)) return false;
		const readN = Math.max(room.n - left, 0);
		const changed = room.readId !== id || room.readN !== readN;
		Object.assign(room, { readId: id, readN });
		return changed;
	}

	readOf(name) {
		return this.#rooms.get(name)?.readId ?? null;
	}

	readAlso(name, { id, n }) {
		const room = this.#of(name);
		if (id > (room.readId ?? -1)) Object.assign(room, { readId: id, readN: n });
	}

	markOf(name) {
		const { readId, readN } = this.#of(name);
		return { id: readId, n: readN };
	}

	marks() {
		const known = [...this.#rooms.values()].filter(({ readId }) => readId !== null);
		return Object.fromEntries(known.map(({ name }) => [name, this.markOf(name)]));
	}

	unread(name) {
		const room = this.#rooms.get(name);
		if (!room || room.last <= (room.readId ?? 0)) return 0;
		if (room.readId === null && this.head === null) return 0;
		return Math.max(1, room.n - (room.readN ?? 0));
	}

	// `also`: rooms that are listed though nothing is in them yet.
	list(open, part = '', also = []) {
		for (const name of open ? [open, ...also] : also) this.#of(name);
		return [...this.#rooms.values()]
			.filter(({ name, last }) => (last > 0 || name === open || also.includes(name)) && name.toLowerCase().includes(part))
			.sort((a, b) => b.last - a.last || (a.name < b.name ? -1 : 1))
			.map(({ readId, readN, gone, asOf, ...room }) => ({ ...room, unread: this.unread(room.name) }));
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
			room = { name, last: 0, at: null, n: 0, text: '', sender: '', readId: null, readN: null, gone: 0, asOf: 0 };
			this.#rooms.set(name, room);
		}
		return room;
	}
}
