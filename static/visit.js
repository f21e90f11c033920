// visit.js: the room that is open, and the ways through it.
import { EVERYWHERE, Unmarked } from './everywhere.js';
import { Progress } from './progress.js';
import { addressOf, offsetOf } from './query.js';
import { Reader } from './reader.js';
import { Timeline } from './timeline.js';
import { textItem } from './write.js';

const PLACES = 200; // rooms whose places a tab remembers

export class Visit {
	#goal = null; // goes where a person wanted to be, once the list is there
	#ready = null; // what is done before that
	#missing = ''; // the key of the note that says what is not here
	#hash = ''; // the address that was followed
	#remark = ''; // to be said in the list once it is there
	#pending = false; // the list is about to be drawn
	#named = false; // the address names the room
	#barred = null; // why the room may not be read
	#may = null; // what one may do there, as it was drawn
	#marked; // the progress of rooms
	room = '';
	reader = null;

	constructor(parts) {
		Object.assign(this, parts); // server, prefs, session, drafts, outbox, rooms, wishes, search, feed, view, sign, own, mend, dayOf
		this.#marked = this.progress = new Progress(parts);
	}

	// The part of an address behind #. `kept`: where one was there before.
	follow(hash, kept = null) {
		const { room, id, day, named, problem } = addressOf(hash);
		this.#hash = hash;
		this.#named = named;
		const changed = room !== this.room;
		if (changed) this.#enter(room);
		if (problem) this.#remark = problem;
		if (kept?.at && kept.room === room) this.#return(kept, id);
		else if (id && this.timeline.has(id)) this.#reveal(id);
		else if (id) this.#open({ around: id }, () => this.#reveal(id), () => this.#missed(id));
		else if (day && !kept) this.toDay(day);
		else if (changed || this.#barred) this.#begin(kept?.room === room);
		else {
			this.view.log.unmark();
			this.say();
			if (this.rooms.unread(room)) this.toUnread();
			else this.toNewest();
		}
	}

	// To be kept with the address; null: there is nothing to keep, or not yet.
	placeAt(hash) {
		if (hash !== this.#hash || !this.#keepPlace()) return null;
		return { room: this.room, ...this.#place };
	}

	get #place() {
		const { place } = this.view.log;
		return place && { at: Number(place.key.slice('message '.length)), top: place.top };
	}

	// For this tab, when it comes to the room again.
	#keepPlace() {
		if (!this.reader?.opened || this.reader.opening) return false;
		this.session.setOf(this.room, 'places', this.#place, PLACES);
		return true;
	}

	// At what is unread, else where this tab was, else at the end. `end`: one was there.
	#begin(end) {
		const { room, rooms, timeline } = this;
		const read = rooms.readOf(room);
		const place = end ? null : this.session.of(room, 'places');
		const news = rooms.unread(room) > 0 || !rooms.known;
		if (place && !news) this.#return(place);
		else if (end || read === null) this.#open({});
		else {
			this.#open(read ? { around: read } : { after: 0 }, () => {
				if (place && !timeline.after(read)) this.#return(place);
				else this.#toMark();
			});
		}
	}

	// Where all that is unread is in sight one stays at the end.
	#toMark() {
		const { log } = this.view;
		log.toEnd();
		if (this.rooms.unread(this.room) || this.timeline.after(this.timeline.mark ?? Infinity)) log.backTo('mark');
	}

	#return({ at, top }, id) {
		const { timeline, view: { log } } = this;
		const stand = () => {
			log.reveal(`message ${id}`, { target: true });
			const { id: there } = timeline.messages.find((message) => message.id >= at) ?? {};
			log.stand({ key: `message ${there}`, top: there === at ? top : 0 });
		};
		this.say();
		if (timeline.has(at)) stand();
		else this.#open({ around: at }, stand);
	}

	#reveal(id) {
		const { timeline, view: { log } } = this;
		if (log.reveal(`message ${id}`, { target: true })) return;
		if (id > timeline.last && timeline.newer === null) log.toEnd();
		else log.reveal(this.#missing);
	}

	// It is said where it would stand.
	#missed(id) {
		if (this.timeline.has(id)) return;
		const beyond = id > this.timeline.last && this.timeline.newer === null;
		this.#missing = this.timeline.note('warning', `Message ${id} is not in this room, ${beyond ? 'or not yet' : 'or no longer'}.`, id);
	}

	// The address is another one, and one is where one was.
	moved(hash) {
		this.#hash = hash;
	}

	submit(typed) {
		this.outbox.add(textItem(this.room, typed));
		this.drafts.set(this.room, '');
		if (!this.rooms.unread(this.room)) this.progress.mark(null);
		this.toNewest();
	}

	// The server will not show what was asked for.
	async refused(failure) {
		this.rooms.refresh();
		if (this.sign.refused(failure) || !failure.forbidden) {
			this.say(failure.message);
			return;
		}
		const { room } = this;
		this.#barred = failure;
		const other = this.#named ? null : await this.rooms.first(room);
		if (room !== this.room || !this.#barred) return;
		if (other) {
			history.replaceState(null, '', `#${other}`);
			this.follow(`#${other}`);
			return;
		}
		this.say(`You may not read #${room}.`);
		this.fence();
	}

	get mayWrite() {
		if (this.room === EVERYWHERE) return false;
		return this.#barred ? this.#barred.may.includes('w') : this.rooms.mayWrite(this.room);
	}

	// Whether a message has a menu.
	mayChange(message) {
		return this.rooms.moderates(this.room) || (this.mayWrite && this.own.has(message));
	}

	// What may not be written has no field.
	fence() {
		const may = this.mayWrite;
		const everywhere = this.room === EVERYWHERE;
		let why = this.#barred ? `You may neither read nor write in #${this.room}.` : 'You may read here, not write.';
		if (everywhere) why = 'These are the messages of all rooms. To write, choose one.';
		this.view.form.fence(may ? '' : why, !everywhere && this.sign.stranger);
		const all = `${may} ${this.rooms.moderates(this.room)}`;
		if (all !== this.#may && this.reader) this.#show(); // so say the menus beside messages
		this.#may = all;
	}

	unsent(type, item, reply) {
		if (item.code === 'forbidden_room' && item.state === 'failed') this.rooms.barred(item.room, 'r');
		if (type === 'sent' && !this.rooms.mayWrite(item.room)) this.rooms.barred(item.room, 'rw');
		this.fence();
		if (item.room === this.room) this.timeline.outbox(type, item, reply);
		this.#show();
	}

	changed(what, deleted = []) {
		if (this.reader.opened || this.reader.refused || this.reader.trouble) this.feed.start();
		this.progress.deleted(deleted);
		if (what === 'far' && this.view.log.following) this.#open({});
		if (what === 'opened') this.#arrive();
		else this.#show();
	}

	arrived(messages) {
		const { visible, seeing, log } = this.view;
		const seen = seeing && log.following;
		this.progress.arrived(messages, seen);
		if (seen) log.announce(messages, (message) => this.alarm(message));
		else this.#newest();
		if (visible && !seen) log.announceMore(this.progress.fresh);
	}

	// Only a question about this room alone tells whether it lost something.
	async gap(since) {
		const { room } = this;
		const answer = await this.server.poll({ rooms: [room], since, wait: 0, limit: 1 }).catch(() => ({ gap: true }));
		if (answer.gap && room === this.room) this.say('Some messages were deleted before they could be shown here.');
	}

	reset() {
		this.reader.unready();
		this.progress.mark(null);
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

	// Someone looks at the messages again.
	look() {
		const { log } = this.view;
		if (log.following && !this.reader.opening && this.rooms.unread(this.room)) this.toUnread();
		if (log.following) this.progress.fresh = 0;
		this.#show();
	}

	ended(atEnd) {
		if (atEnd) this.progress.fresh = 0;
		this.#newest();
	}

	// What was in sight, one after the other.
	seen(views) {
		if (!this.view.seeing || this.reader.opening) return;
		const { mark } = this.timeline;
		this.view.firstUnread(this.progress.seen(views, this.reader.live));
		if (mark !== this.timeline.mark) this.#show();
	}

	// An alarm of others.
	alarm(message) {
		return !this.own.has(message) && this.wishes.alarm(message);
	}

	toOldest() {
		if (this.timeline.older === null) this.view.log.toTop();
		else this.#open({ after: 0 }, () => this.view.log.toTop());
	}

	toNewest(goal = null) {
		this.progress.fresh = 0;
		if (this.timeline.newer !== null) this.#open({}, goal);
		else this.view.log.toEnd();
		this.#newest();
	}

	toDay(day) {
		const { log } = this.view;
		this.#open({ on: day, tz: offsetOf(day) }, () => {
			log.unmark();
			const [{ id, at } = {}] = this.timeline.messages;
			const first = this.dayOf(at ?? '');
			// These are the newest if nothing came since.
			if (first < day) log.toEnd();
			else log.stand({ key: `day ${first} ${id}`, top: 0 });
		});
	}

	toUnread() {
		const { timeline, reader } = this;
		const read = this.rooms.readOf(this.room) ?? timeline.mark;
		if (read === null) return;
		this.progress.mark(read);
		const goal = () => this.#toMark();
		const here = (timeline.older === null || timeline.first <= read) && (timeline.newer === null || read < timeline.last);
		if (reader.opened && !reader.opening && here) this.#draw(goal);
		else this.#open(read ? { around: read } : { after: 0 }, goal);
	}

	// Of this room, or of these, or of all (null) nothing is unread any more, unless it is taken back.
	readAll(rooms = [this.room]) {
		const { mark } = this.timeline;
		const undo = this.rooms.readAll(rooms ?? undefined);
		this.progress.mark(null);
		this.view.firstUnread(false);
		this.#show();
		if (!undo) return;
		const { room } = this;
		this.view.offer(rooms ? `#${room} is marked as read.` : 'All rooms are marked as read.', () => {
			undo();
			if (room === this.room) this.progress.mark(mark);
			this.#show();
		});
	}

	#enter(room) {
		this.#keepPlace();
		this.mend.leave();
		this.reader?.stop();
		this.room = room;
		this.#barred = null;
		this.timeline = new Timeline();
		for (const item of this.outbox.items) if (item.room === room) this.timeline.outbox('item', item);
		this.progress = room === EVERYWHERE ? new Unmarked() : this.#marked;
		this.progress.enter(room, this.timeline);
		this.reader = new Reader(this.server, { room, timeline: this.timeline, on: this });
		this.view.room(room);
		this.view.form.draft(this.drafts.of(room));
		if (this.feed.ready) this.reader.ready();
		this.rooms.enter(room);
		this.fence();
	}

	#open(where, goal = null, ready = null) {
		this.#goal = goal;
		this.#ready = ready;
		this.reader.open(where);
	}

	#arrive() {
		const goal = this.#goal;
		this.#goal = null;
		this.#barred = null;
		this.fence();
		this.#ready?.();
		this.#ready = null;
		this.say();
		this.#draw(goal ?? (() => this.#toMark()));
		this.progress.first();
		this.#newest();
		this.rooms.refresh();
	}

	#draw(place) {
		const { reader, timeline, view, own, mend } = this;
		this.#pending = false;
		reader.keep(view.log.following);
		const complete = reader.opened && timeline.newer === null;
		own.learn(timeline.messages);
		const marks = (message) => ({
			mine: own.has(message), changes: this.mayChange(message), mending: message.id === mend.id,
			...(this.room === EVERYWHERE && { headed: true }),
			alarm: this.alarm(message) ? this.wishes.words : null,
		});
		const rows = timeline.rows(this.dayOf, marks);
		const loaded = reader.opened || reader.refused;
		view.log.rows(rows, { complete, busy: reader.busy, loaded, place });
		view.empty({ loaded, rows: rows.length, trouble: reader.trouble });
		this.#newest();
	}

	#show() {
		if (this.#pending) return;
		this.#pending = true;
		queueMicrotask(() => this.#pending && this.#draw());
	}

	#newest() {
		const hidden = this.view.log.following || !this.reader.opened;
		this.view.newest({ hidden, fresh: this.progress.fresh, newer: this.reader.newer });
	}
}
