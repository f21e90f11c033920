// progress.js: how far the open room was read: the mark, and what came since a person was at the end.
export class Progress {
	#from = 0; // the first of the fresh
	fresh = 0; // messages that came since a person was at the end

	constructor({ prefs, session, rooms, feed, view }) {
		Object.assign(this, { prefs, session, rooms, feed, view });
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
		if (id === null) this.view.firstUnread(false);
	}

	arrived(messages, seen) {
		const { timeline } = this;
		const { length } = messages;
		const begin = messages[0].id - 1;
		const marked = timeline.mark !== null && (timeline.newer !== null || timeline.after(timeline.mark) > length);
		if (seen) {
			const { id } = messages.at(-1);
			if (!marked) this.mark(id);
			this.read(id, 0);
			return;
		}
		if (!this.fresh) this.#from = begin + 1;
		this.fresh += length;
		const allRead = timeline.newer === null && timeline.after(this.rooms.readOf(this.room) ?? begin) <= length;
		if (!marked || allRead) this.mark(begin);
	}

	deleted(ids) {
		this.fresh = Math.max(0, this.fresh - ids.filter((id) => id >= this.#from).length);
	}

	// Up to this id; so many are left.
	read(id, left) {
		if (!this.rooms.read(this.room, id, left)) return;
		const mark = this.rooms.markOf(this.room);
		this.prefs.setOf(this.room, 'read', mark);
		this.feed.tell({ type: 'read', room: this.room, mark });
		this.rooms.show();
	}
}
