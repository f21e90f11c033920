// rooms.js: which rooms there are, what is unread in them, and which of them the feed should bring.
//
// Pure. What the server's list says and what comes live are put together: the list is asked for now and then, and counts
// all messages of a room; a live message counts at once.

const MOST = 32; // rooms that one poll may name
const CALM_MS = 600_000; // how long the feed stays narrow once other rooms were loud
const LOUD = 120; // messages a minute from rooms that nobody looks at

export class Rooms {
	#rooms = new Map(); // name -> { name, last, at, n, text, readId, readN }
	#listed = false;

	/** `read`: { room: { id, n } } as given by `marks` in an earlier life. */
	constructor(read = {}) {
		for (const [name, { id, n }] of Object.entries(read)) this.#of(name, { readId: id, readN: n });
	}

	/** The server's list, whole. Rooms first seen with the first list ever count as read. */
	listed(list) {
		for (const { name, last, at, n } of list) {
			const room = this.#of(name);
			if (room.readId === null && !this.#listed) Object.assign(room, { readId: last, readN: n });
			if (last >= room.last) Object.assign(room, { last, at, n });
			if (room.readId >= room.last) room.readN = room.n;
		}
		this.#listed = true;
	}

	/** A message came. */
	heard({ id, room: name, at, text, sender, event, ours }) {
		const room = this.#of(name);
		if (id <= room.last) return;
		Object.assign(room, { last: id, at, n: room.n + 1, text: text ?? event, sender });
		if (ours) this.read(name, id);
	}

	/** The reader has seen all up to this message; `left` messages come after it. */
	read(name, id, left = 0) {
		const room = this.#of(name);
		if (id < (room.readId ?? 0)) return false;
		const readN = Math.max(room.n - left, 0);
		const changed = room.readId !== id || room.readN !== readN;
		Object.assign(room, { readId: id, readN });
		return changed;
	}

	/** The id up to which a room was read, or null if it never was. */
	readOf(name) {
		return this.#rooms.get(name)?.readId ?? null;
	}

	/** What another tab, or an earlier life, has read. */
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

	/** What to list: newest first, and `open`, which exists by being opened. */
	list(open) {
		if (open) this.#of(open);
		return [...this.#rooms.values()]
			.filter(({ name, last }) => last > 0 || name === open)
			.sort((a, b) => b.last - a.last || (a.name < b.name ? -1 : 1))
			.map(({ name, last, at, n, text, sender }) => ({ name, last, at, n, text, sender, unread: this.unread(name) }));
	}

	/** The log is another one now. */
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

/**
 * Which rooms the feed should bring: all of them, so that the list is always true, unless rooms that no tab shows are so
 * loud that they would cost the reader more than they tell him. Then those shown, and those visited lately.
 */
export class Demand {
	#times = []; // of messages from rooms that are not shown
	#narrowUntil = 0;

	/** Messages came, at `now`. */
	heard(messages, shown, now) {
		const foreign = messages.filter(({ room }) => !shown.includes(room)).length;
		for (let i = 0; i < foreign; i += 1) this.#times.push(now);
		this.#times = this.#times.slice(-LOUD);
		if (this.#times.length === LOUD && now - this.#times[0] < 60_000) {
			this.#narrowUntil = now + CALM_MS;
			this.#times = [];
		}
	}

	wanted(shown, visited, now) {
		if (now >= this.#narrowUntil) return ['*'];
		return [...new Set([...shown, ...visited])].slice(0, MOST).sort();
	}
}
