// rooms.js: which rooms there are, and what is unread in them.

export class Rooms {
	#rooms = new Map(); // name -> { name, last, at, n, text, readId, readN }
	#listed = false;

	constructor(read = {}) {
		for (const [name, { id, n }] of Object.entries(read)) this.#of(name, { readId: id, readN: n });
	}

	// The server's list, whole. Rooms first seen with the first list ever count as read.
	listed(list) {
		for (const { name, last, at, n } of list) {
			const room = this.#of(name);
			if (room.readId === null && !this.#listed) Object.assign(room, { readId: last, readN: n });
			if (last >= room.last) Object.assign(room, { last, at, n });
			if (room.readId >= room.last) room.readN = room.n;
		}
		this.#listed = true;
	}

	heard({ id, room: name, at, text, sender, event, ours }) {
		const room = this.#of(name);
		if (id <= room.last) return;
		Object.assign(room, { last: id, at, n: room.n + 1, text: text ?? event?.replace(/^file:/, ''), sender });
		if (ours) this.read(name, id);
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

	unread(name) {
		const room = this.#rooms.get(name);
		if (!room || room.last <= (room.readId ?? 0)) return 0;
		if (room.readId === null && !this.#listed) return 0;
		return Math.max(1, room.n - (room.readN ?? 0));
	}

	list(open) {
		if (open) this.#of(open);
		return [...this.#rooms.values()]
			.filter(({ name, last }) => last > 0 || name === open)
			.sort((a, b) => b.last - a.last || (a.name < b.name ? -1 : 1))
			.map(({ name, last, at, n, text, sender }) => ({ name, last, at, n, text, sender, unread: this.unread(name) }));
	}

	forget() {
		this.#rooms.clear();
		this.#listed = false;
	}

	#of(name, more = {}) {
		let room = this.#rooms.get(name);
		if (!room) {
			room = { name, last: 0, at: null, n: 0, text: '', sender: '', readId: null, readN: null };
			this.#rooms.set(name, room);
		}
		return Object.assign(room, more);
	}
}
