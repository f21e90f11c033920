// visit.js: the room that is open: the ways through it, and how far it was read.
import { allowed } from './prefs.js';
import { ROOM, offsetOf } from './query.js';
import { Reader } from './reader.js';
import { Timeline } from './timeline.js';
import { fileItem, textItem } from './write.js';

export class Visit {
	#fresh = 0; // messages that came since a person was at the end
	#goal = null; // goes where a person wanted to be, once the list is there
	#remark = ''; // to be said in the list once it is there
	#pending = false; // the list is about to be drawn
	room = '';
	reader = null;

	constructor(parts) {
		Object.assign(this, parts); // server, prefs, session, outbox, rooms, search, feed, view, dayOf
	}

	// The part of an address behind #: a room, and perhaps the number of a message.
	follow(hash) {
		const [name = '', number = ''] = (allowed(() => decodeURIComponent(hash.slice(1))) ?? '').split('/');
		const id = /^\d{1,15}$/.test(number) ? Number(number) : null;
		const known = name === '' || ROOM.test(name);
		const next = known ? name || 'main' : 'main';
		const changed = next !== this.room;
		if (changed) this.#enter(next);
		if (!known) this.#remark = `“${name}” cannot be a room: up to 64 of A-Z, a-z, 0-9, dot, dash and underscore. This is main.`;
		const reveal = () => this.view.log.reveal(`message ${id}`, { target: true });
		if (id && this.timeline.has(id)) reveal();
		else if (id) this.#open({ around: id }, () => reveal() || this.say(`Message ${id} is not in this room, or no longer.`));
		else if (changed) this.#open({});
		else this.say();
	}

	find(text, scope) {
		this.view.found.fresh();
		this.search.find(text, [scope === 'all' ? '*' : this.room]);
	}

	submit(typed) {
		this.outbox.add(textItem(this.room, typed));
		this.prefs.setOf(this.room, 'drafts', null);
		this.#mark(null);
		this.toNewest();
	}

	async attach({ sender, files }) {
		const { room } = this;
		for (const file of files) {
			await fileItem(room, sender, file).then((item) => this.outbox.add(item), (error) => this.say(error.message));
		}
		this.toNewest();
	}

	unsent(type, item, reply) {
		if (item.room === this.room) this.timeline.outbox(type, item, reply);
		this.#show();
	}

	changed(what) {
		if (what === 'far' && this.view.log.following) this.#open({});
		if (what === 'opened') this.#arrive();
		else this.#show();
	}

	arrived(messages) {
		const { timeline, view } = this;
		const { length } = messages;
		const begin = messages[0].id - 1;
		const marked = timeline.mark !== null && (timeline.newer !== null || timeline.after(timeline.mark) > length);
		if (view.visible && view.log.following) {
			const { id } = messages.at(-1);
			if (!marked) this.#mark(id);
			this.#read(id, 0);
			view.log.announce(messages);
			return;
		}
		this.#fresh += length;
		const allRead = timeline.newer === null && timeline.after(this.rooms.readOf(this.room) ?? begin) <= length;
		if (!marked || allRead) this.#mark(begin);
		this.#newest();
	}

	// Only a question about this room alone tells whether it lost something.
	async gap(since) {
		const { room } = this;
		const answer = await this.server.poll({ rooms: [room], since, wait: 0, limit: 1 }).catch(() => ({ gap: true }));
		if (answer.gap && room === this.room) this.say('Some messages were deleted before they could be shown here.');
	}

	reset() {
		this.reader.unready();
		this.#mark(null);
		this.#remark = 'The log on the server was replaced. This is what it holds now.';
		this.#open({});
	}

	// What is opening would take it away.
	say(text = this.#remark) {
		this.#remark = text;
		if (!text || this.reader.opening) return;
		this.timeline.note('warning', text);
		this.#remark = '';
		this.#show();
	}

	look() {
		this.view.log.backTo('mark');
		if (this.view.log.following) this.#fresh = 0;
		this.#show();
	}

	ended(atEnd) {
		if (atEnd) this.#fresh = 0;
		this.#newest();
	}

	seen(id) {
		const { newer } = this.reader;
		if (this.view.visible && !newer.open) this.#read(id, this.timeline.after(id) + newer.known);
	}

	toOldest() {
		if (this.timeline.older === null) this.view.log.toTop();
		else this.#open({ after: 0 }, () => this.view.log.toTop());
	}

	toNewest() {
		this.#fresh = 0;
		if (this.timeline.newer !== null) this.#open({});
		else this.view.log.toEnd();
		this.#newest();
	}

	toDay(day) {
		this.#open({ on: day, tz: offsetOf(day) }, () => {
			// These are the newest if nothing came since.
			if (this.dayOf(this.timeline.messages[0]?.at) < day) this.view.log.toEnd();
			else this.view.log.reveal(`message ${this.timeline.first}`);
		});
	}

	toUnread() {
		this.#open({ around: this.timeline.mark }, () => this.view.log.reveal('mark'));
	}

	readAll() {
		this.#mark(null);
		this.#show();
	}

	#enter(room) {
		const here = this.reader ? null : this.session.get('mark'); // only after a reload
		this.reader?.stop();
		this.room = room;
		this.#fresh = 0;
		this.timeline = new Timeline();
		for (const item of this.outbox.items) if (item.room === room) this.timeline.outbox('item', item);
		this.#mark(here?.room === room ? here.id : this.rooms.readOf(room));
		this.reader = new Reader(this.server, { room, timeline: this.timeline, on: this });
		this.view.room(room);
		this.view.form.draft(this.prefs.of(room, 'drafts') ?? '');
		if (this.feed.ready) this.reader.ready();
		this.rooms.enter(room);
	}

	#open(where, goal = null) {
		this.#goal = goal;
		this.reader.open(where);
	}

	#arrive() {
		const { timeline, view } = this;
		const goal = this.#goal;
		this.#goal = null;
		this.say();
		this.#draw(goal ?? (() => {
			view.log.toEnd();
			view.log.backTo('mark');
		}));
		if (timeline.mark === null && timeline.newer === null) this.#mark(timeline.last);
		const above = timeline.mark !== null && timeline.older !== null && timeline.mark < timeline.first;
		view.firstUnread(above && !goal);
		this.#newest();
		this.rooms.refresh();
	}

	#draw(place) {
		const { reader, timeline, view } = this;
		this.#pending = false;
		reader.keep(view.log.following);
		const complete = reader.opened && timeline.newer === null;
		view.log.rows(timeline.rows(this.dayOf), { complete, busy: reader.busy, loaded: reader.opened, place });
		this.#newest();
	}

	#show() {
		if (this.#pending) return;
		this.#pending = true;
		queueMicrotask(() => this.#pending && this.#draw());
	}

	#newest() {
		this.view.newest({ hidden: this.view.log.following, fresh: this.#fresh, newer: this.reader.newer });
	}

	#mark(id) {
		this.timeline.mark = id;
		this.session.set('mark', id === null ? null : { room: this.room, id });
		if (id === null) this.view.firstUnread(false);
	}

	#read(id, left) {
		if (!this.rooms.read(this.room, id, left)) return;
		const mark = this.rooms.markOf(this.room);
		this.prefs.setOf(this.room, 'read', mark);
		this.feed.tell({ type: 'read', room: this.room, mark });
		this.rooms.show();
	}
}
