// timeline.js: what one room's list shows, in which order, each message once.
//
// Pure: no document, no network, no clock. The view asks for rows() and draws them.
//
// What must hold:
//   - messages stand in order of id, each id once, in whatever order and however often they are added;
//   - a message typed here is shown once: as unsent until the server has given it an id, as that message afterwards.

const TOGETHER_MS = 5 * 60_000; // messages of one sender closer than this share one heading

export class Timeline {
	#messages = []; // ascending by id
	#known = new Map(); // id -> message
	#notes = []; // { key, after, kind, text }: stands behind the message with the id `after`
	#unsent = new Map(); // key -> { item, claim }
	#older = null; // cursor to what came before, null if this is the beginning
	#noteCount = 0;

	get size() {
		return this.#messages.length;
	}

	get first() {
		return this.#messages[0]?.id ?? null;
	}

	get last() {
		return this.#messages.at(-1)?.id ?? 0;
	}

	has(id) {
		return this.#known.has(id);
	}

	/** Forgets all messages and notes for a fresh page; what is unsent stays. */
	open(messages, older) {
		this.#messages = [];
		this.#known.clear();
		this.#notes = [];
		this.#older = older;
		for (const entry of this.#unsent.values()) entry.claim = null;
		this.#insert(messages);
	}

	/** Answers how many of them were new. */
	add(messages) {
		const fresh = this.#insert(messages);
		for (const message of fresh) this.#claim(message);
		return fresh.length;
	}

	/** Drops the oldest so that `most` remain. */
	trim(most) {
		const dropped = this.#messages.splice(0, Math.max(0, this.#messages.length - most));
		if (!dropped.length) return;
		for (const { id } of dropped) this.#known.delete(id);
		this.#notes = this.#notes.filter(({ after }) => after >= this.first);
		this.#older = this.first;
	}

	/** A remark in the list, behind what is shown now. */
	note(kind, text) {
		this.#noteCount += 1;
		this.#notes.push({ key: `note ${this.#noteCount}`, after: this.last, kind, text });
	}

	/** An unsent item is new, or its state has changed. */
	unsent(item) {
		const entry = this.#unsent.get(item.key);
		if (entry) entry.item = item;
		else this.#unsent.set(item.key, { item, claim: null });
	}

	/** The item is given up. */
	discard(key) {
		this.#unsent.delete(key);
	}

	/** The server has the item: as message `id`, committed `at`. The poll will bring it too, if it has not yet. */
	sent({ key, room, sender, text }, { id, at }) {
		this.#unsent.delete(key);
		if (!this.#known.has(id)) this.#insert([{ id, room, event: 'chat message', sender, text, at, ours: true }]);
	}

	/**
	 * What to draw, top to bottom; equal keys mean the same row. dayOf(at) names the reader's day of a time.
	 *   { kind: 'older', before }  { kind: 'day', day, at }  { kind: 'message', message, headed }
	 *   { kind: 'note', tone, text }  { kind: 'unsent', itemKey, sender, text, state, problem }
	 */
	rows(dayOf) {
		const rows = [];
		if (this.#older !== null) rows.push({ key: 'older', kind: 'older', before: this.#older });
		const notes = [...this.#notes];
		const notesUpTo = (id) => {
			while (notes.length && notes[0].after < id) {
				const { key, kind, text } = notes.shift();
				rows.push({ key, kind: 'note', tone: kind, text });
			}
		};
		let day = null;
		for (const message of this.#messages) {
			notesUpTo(message.id);
			const itsDay = dayOf(message.at);
			// A clock set back gives the same day twice, so the id makes the key unique.
			if (itsDay !== day) rows.push({ key: `day ${itsDay} ${message.id}`, kind: 'day', day: itsDay, at: message.at });
			day = itsDay;
			rows.push({ key: `message ${message.id}`, kind: 'message', message, headed: !follows(rows.at(-1), message) });
		}
		notesUpTo(Infinity);
		for (const { item, claim } of this.#unsent.values()) {
			if (claim !== null && item.state !== 'failed') continue;
			const { key, sender, text, state, problem } = item;
			rows.push({ key: `unsent ${key}`, kind: 'unsent', itemKey: key, sender, text, state, problem });
		}
		return rows;
	}

	#insert(messages) {
		const fresh = [];
		for (const message of messages) {
			const known = this.#known.get(message.id);
			if (known && !known.ours) continue;
			this.#known.set(message.id, message);
			if (known) {
				// Our own idea of it gives way to the server's, which may know the sender better.
				this.#messages[this.#place(message.id) - 1] = message;
				continue;
			}
			this.#messages.splice(this.#place(message.id), 0, message);
			fresh.push(message);
		}
		return fresh;
	}

	// How many messages have an id of at most `id`. Nearly always all, so it looks from the end.
	#place(id) {
		let place = this.#messages.length;
		while (place > 0 && this.#messages[place - 1].id > id) place -= 1;
		return place;
	}

	// Readers see a message before its sender is answered, so the poll often brings our own message while it still
	// stands among the unsent. The one it looks like is not drawn meanwhile; the answer, which names the id, decides.
	#claim(message) {
		for (const entry of this.#unsent.values()) {
			const { tries, text } = entry.item;
			if (entry.claim === null && tries > 0 && text === message.text) {
				entry.claim = message.id;
				return;
			}
		}
	}
}

function follows(row, message) {
	if (row?.kind !== 'message' || row.message.sender !== message.sender) return false;
	const apart = Date.parse(message.at) - Date.parse(row.message.at);
	return apart >= 0 && apart < TOGETHER_MS;
}
