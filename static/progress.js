// progress.js: how far the open room was read: the mark, and what came since a person was at the end.
const AT_ONCE = 3; // messages that are seen as they come; of more it is looked which are in sight

export class Progress {
	#from = 0; // the first of the fresh
	fresh = 0; // messages that came since a person was at the end

	constructor({ session, rooms, view }) {
		Object.assign(this, { session, rooms, view });
	}

	enter(room, timeline) {
		const here = this.room ? null : this.session.get('mark'); // only after a reload
		this.room = room;
		this.timeline = timeline;
		this.fresh = 0;
		this.mark(here?.room === room ? here.id : this.rooms.readOf(room));
	}

	mark(id) {
		this.timeline.mark = id;
		this.session.set('mark', id === null ? null : { room: this.room, id });
	}

	// Of a room that is opened for the first time all counts as read.
	first() {
		const { timeline, rooms, room } = this;
		if (timeline.newer !== null) return;
		if (timeline.mark === null) this.mark(timeline.last);
		if (rooms.readOf(room) === null && timeline.last) rooms.read(room, timeline.last);
	}

	arrived(messages, seen) {
		const { timeline } = this;
		const { length } = messages;
		const begin = messages[0].id - 1;
		const marked = timeline.mark !== null && (timeline.newer !== null || timeline.after(timeline.mark) > length);
		const allRead = timeline.newer === null && timeline.after(this.rooms.readOf(this.room) ?? begin) <= length;
		if (seen) {
			const { id } = messages.at(-1);
			if (!marked) this.mark(id);
			if (allRead && length <= AT_ONCE) this.rooms.read(this.room, id, { left: 0 });
			return;
		}
		if (!this.fresh) this.#from = begin + 1;
		this.fresh += length;
		if (!marked || allRead) this.mark(begin);
	}

	deleted(ids) {
		this.fresh = Math.max(0, this.fresh - ids.filter((id) => id >= this.#from).length);
	}

	// What was in sight one after the other, each from this id to that. Nothing is read across what was not.
	// Gives whether something unread lies above. `live`: the window holds the newest.
	seen(views, live) {
		const { timeline, rooms, room } = this;
		const begin = rooms.readOf(room);
		if (begin === null) return false;
		let read = begin;
		for (const [first, last] of views) if (last > read && !this.#hole(read, first)) read = last;
		if (read > begin) {
			const left = timeline.after(read);
			rooms.read(room, read, { left: live ? left : null, passed: timeline.after(begin) - left });
		}
		const above = this.#hole(read, views.at(-1)[0]);
		if (above && (timeline.mark === null || timeline.mark > read)) this.mark(read);
		return above;
	}

	// Whether there may be something between these two that was not read.
	#hole(read, id) {
		const { timeline } = this;
		if (id <= read) return false;
		return (timeline.older !== null && timeline.first > read) || timeline.after(read) > timeline.after(id - 1);
	}
}
