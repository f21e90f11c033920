// rooms.js: which rooms there are, and what is unread in them.

const brief = ({ text, event = '' }) => (/^file:/.test(event) ? event.slice(5) : text ?? event);

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
		for (const { name, last, at, n, sender, ...what } of list) {
			const room = this.#of(name);
			if (room.readId === null && last <= this.head) room.readId = last;
			else if (room.readId === null) room.readN ??= room.n && n - room.n; // all but what was heard
			if (last >= room.last) Object.assign(room, { last, at, n, sender, text: brief(what) });
			if (room.readId >= room.last) room.readN = room.n;
		}
	}

	heard({ id, room: name, at, sender, ...what }) {
		const room = this.#of(name);
		if (id <= room.last) return;
		Object.assign(room, { last: id, at, n: room.n + 1, text: brief(what), sender });
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

	list(open, part = '') {
		if (open) this.#of(open);
		return [...this.#rooms.values()]
			.filter(({ name, last }) => (last > 0 || name === open) && name.toLowerCase().includes(part))
			.sort((a, b) => b.last - a.last || (a.name < b.name ? -1 : 1))
			.map(({ readId, readN, ...room }) => ({ ...room, unread: this.unread(room.name) }));
	}

	forget() {
		this.#rooms.clear();
		this.head = null;
	}

	#of(name) {
		let room = this.#rooms.get(name);
		if (!room) {
			room = { name, last: 0, at: null, n: 0, text: '', sender: '', readId: null, readN: null };
			this.#rooms.set(name, room);
		}
		return room;
	}
}
