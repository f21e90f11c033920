// timeline.js: what one room's list shows, in which order, each message once.
import { after } from './changes.js';

const TOGETHER_MS = 5 * 60_000; // messages of one sender closer than this share one heading
const LEAST = 30; // so many are kept whatever they weigh, to fill any screen
const HEAVY = 4000; // so many characters weigh as much as a message of its own
const HEAVY_BINARY = 40_000; // it lies in memory, but makes no long text to lay out

export class Timeline {
	#known = new Map();
	#notes = [];
	#unsent = new Map();
	#noteCount = 0;
	#revised = new Map(); // id -> the newest change of it that was heard
	messages = [];
	older = null; // cursor to what came before, null if this is the beginning
	newer = null; // cursor to what comes after, null if this is the end
	mark = null; // what came after this id was new to the reader

	get first() {
		return this.messages[0]?.id ?? null;
	}

	get last() {
		return this.messages.at(-1)?.id ?? 0;
	}

	// The last id that the server's lists brought; others may come before one of our own.
	get solid() {
		return this.messages.findLast(({ ours }) => !ours)?.id ?? 0;
	}

	has(id) {
		return this.#known.has(id);
	}

	get(id) {
		return this.#known.get(id);
	}

	// How many messages; places of deleted ones are none.
	after(id) {
		return this.messages.slice(this.#place(id)).filter(({ deleted }) => !deleted).length;
	}

	open(messages, older, newer = null) {
		this.messages = [];
		this.#known.clear();
		this.#revised.clear();
		this.#notes = [];
		this.older = older;
		this.newer = newer;
		for (const entry of this.#unsent.values()) entry.claim = null;
		this.#insert(messages);
	}

	add(messages) {
		const fresh = this.#insert(messages);
		for (const message of fresh) this.#claim(message);
		return fresh.length;
	}

	prepend(messages, older) {
		this.older = older;
		this.#insert(messages);
	}

	append(messages, newer) {
		this.newer = newer;
		return this.add(messages);
	}

	// Gives the ids of the messages that were deleted. What is not here has nothing to change.
	change(changes) {
		const deleted = [];
		for (const change of changes) {
			const message = this.#known.get(change.changes);
			if (!message || message.deleted || change.id <= this.#revised.get(message.id)) continue;
			this.#revised.set(message.id, change.id);
			const now = after(message, change);
			if (now.deleted) deleted.push(now.id);
			this.#put(now);
		}
		return deleted;
	}

	// All that there is from here up to `last`, as it is now: the changes of what is here were missed.
	renew(messages, from, last) {
		const now = new Map(messages.map((message) => [message.id, message]));
		for (const { id, text, edited_at: edited, deleted } of [...this.messages]) {
			if (id < from || id > last || deleted) continue;
			const message = now.get(id);
			if (!message) this.#drop(this.#place(id) - 1, 1);
			else if (message.text !== text || message.edited_at !== edited) this.#put(message);
		}
	}

	detach() {
		this.newer = this.solid;
		this.#drop(this.#place(this.solid));
	}

	trim(most) {
		if (this.#drop(0, this.messages.length - this.#fits([...this.messages].reverse(), most))) this.older = this.first;
	}

	trimEnd(most) {
		const gone = this.#drop(this.#fits(this.messages, most));
		if (gone) this.newer = this.last;
		return gone;
	}

	// Stands behind the message of this id, or where that one would be. Gives its key.
	note(kind, text, place = this.last) {
		const at = this.newer === null ? Math.min(place, this.last) : place;
		const before = this.#notes.at(-1);
		if (before?.text === text && before.after === at) return before.key;
		this.#noteCount += 1;
		const key = `note ${this.#noteCount}`;
		this.#notes.push({ key, after: at, kind, text });
		this.#notes.sort((a, b) => a.after - b.after);
		return key;
	}

	outbox(type, item, reply) {
		const entry = this.#unsent.get(item.key);
		if (type === 'item') this.#unsent.set(item.key, { claim: entry?.claim ?? null, item: { ...item } });
		else this.#unsent.delete(item.key);
		const { room, sender, text, format } = item;
		if (type !== 'sent' || this.newer !== null || this.#known.has(reply.id) || text === undefined) return;
		if (reply.id < this.solid && reply.id > (this.older ?? 0)) return; // it was deleted before its sender was answered
		this.#insert([{ id: reply.id, room, event: 'chat message', sender, text, ...(format && { format }), at: reply.at, ours: true }]);
	}

	// `marks`: what else the row of a message says.
	rows(dayOf, marks = () => null) {
		const rows = [];
		if (this.older !== null) rows.push({ key: 'older', kind: 'older' });
		else if (this.messages.length) rows.push({ key: 'beginning', kind: 'beginning' });
		const notes = [...this.#notes];
		const notesUpTo = (id) => {
			while (notes.length && notes[0].after < id) {
				const { key, kind, text } = notes.shift();
				rows.push({ key, kind: 'note', tone: kind, text });
			}
		};
		// Without the message before it, nobody can say where the mark stands.
		let unmarked = this.mark !== null && (this.older === null || this.first <= this.mark);
		let day = null;
		for (const message of this.messages) {
			notesUpTo(message.id);
			if (unmarked && message.id > this.mark) {
				rows.push({ key: 'mark', kind: 'mark' });
				unmarked = false;
			}
			const itsDay = dayOf(message.at);
			// A clock set back gives the same day twice, so the id makes the key unique.
			if (itsDay !== day) rows.push({ key: `day ${itsDay} ${message.id}`, kind: 'day', day: itsDay, at: message.at });
			day = itsDay;
			const key = `message ${message.id}`;
			if (message.deleted) rows.push({ key, kind: 'deleted', message });
			else rows.push({ key, kind: 'message', message, headed: !follows(rows.at(-1), message), ...marks(message) });
		}
		notesUpTo(Infinity);
		if (this.newer !== null) {
			rows.push({ key: 'newer', kind: 'newer' });
			return rows;
		}
		for (const { item, claim } of this.#unsent.values()) {
			if (claim !== null && item.state !== 'failed') continue;
			rows.push({ ...item, key: `unsent ${item.key}`, kind: 'unsent', itemKey: item.key });
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
				this.#revised.delete(message.id);
				this.#put(message);
				continue;
			}
			fresh.push(message);
		}
		const before = fresh.every(({ id }) => id < (this.first ?? 0));
		if (before) this.messages.unshift(...fresh.sort((a, b) => a.id - b.id));
		else for (const message of fresh) this.messages.splice(this.#place(message.id), 0, message);
		return fresh;
	}

	#put(message) {
		this.#known.set(message.id, message);
		this.messages[this.#place(message.id) - 1] = message;
	}

	#drop(from, count = Infinity) {
		const gone = this.messages.splice(from, count);
		for (const { id } of gone) {
			this.#known.delete(id);
			this.#revised.delete(id);
		}
		if (gone.length) this.#notes = this.#notes.filter(({ after }) => after >= this.first && after <= this.last);
		return gone.length;
	}

	#fits(messages, most) {
		let weight = 0;
		for (let count = 0; count < messages.length; count += 1) {
			const { text, attachments } = messages[count];
			const binary = attachments?.reduce((sum, { length }) => sum + length, 0) ?? 0;
			weight += 1 + (text?.length ?? 0) / HEAVY + binary / HEAVY_BINARY;
			if (count >= most || (weight > most && count >= LEAST)) return count;
		}
		return messages.length;
	}

	#place(id) {
		let place = this.messages.length;
		while (place > 0 && this.messages[place - 1].id > id) place -= 1;
		return place;
	}

	// Heard before its sender is answered: the unsent one is not drawn until the answer decides.
	#claim(message) {
		for (const entry of this.#unsent.values()) {
			const { tries, text, event } = entry.item;
			const alike = text === undefined ? message.attachments?.length && message.event === event : text === message.text;
			if (entry.claim === null && tries > 0 && alike) {
				entry.claim = message.id;
				return;
			}
		}
	}
}

function follows(row, message) {
	if (row?.kind !== 'message') return false;
	if (row.message.sender !== message.sender || row.message.by !== message.by) return false; // nobody borrows a mark
	const apart = Date.parse(message.at) - Date.parse(row.message.at);
	return apart >= 0 && apart < TOGETHER_MS;
}
