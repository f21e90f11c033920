// reader.js: moves a timeline's window over the log of one room.
//
// It reads pages of /history: the newest, around a message, from a day on, older and newer ones. Joining the page's end
// to what comes live is its business too: live messages are taken only when the window is known to reach the end.
//
//   OPENING -> BROWSING (timeline.newer is a cursor) or JOINING -> LIVE
//
// JOINING lasts until the feed says `ready` for the room, and everything up to then has been read; it ends in LIVE.
// LIVE -> BROWSING when the newest are trimmed away by scrolling back, and LIVE -> JOINING after a hole in the feed.
import { Backoff, Failure, Pause, browserClock } from './transport.js';

const PAGE = 100; // messages shown on opening
const STEP = 50; // messages read by scrolling; more at once would be felt as a stutter
const COUNT = 500; // newer ones are counted up to here
const WINDOW = 300; // weight of what is kept, about a message each
const JOINS = 5; // pages read to catch up; who has missed more is shown the newest

export class Reader {
	#server;
	#clock;
	#on;
	#timeline;
	#room;
	#pause;
	#backoff;
	#abort = new AbortController();
	#where = null; // what is being opened
	#ready = false; // the feed brings this room
	#live = false;
	#early = []; // live messages that came while joining
	#joining = false;
	#busy = new Set(); // 'older', 'newer'
	#count = { known: 0, open: false }; // messages beyond the window; `open`: and maybe more

	/**
	 * `on.changed(what)` after each change: 'opened', 'older', 'newer', 'live', 'state' (of this reader only), or 'far' when
	 * so much was missed that the window no longer reaches the end.
	 * `on.arrived(messages)` for what is new since the window was opened, in it or behind it.
	 * `on.problem(text)` when something asked for cannot be had.
	 */
	constructor(server, { room, timeline, on, clock = browserClock, random = Math.random }) {
		this.#server = server;
		this.#clock = clock;
		this.#on = on;
		this.#room = room;
		this.#timeline = timeline;
		this.#pause = new Pause(clock);
		this.#backoff = new Backoff({ random });
	}

	/** Whether the first page has come. */
	opened = false;

	get live() {
		return this.#live;
	}

	get busy() {
		return this.#where !== null || this.#busy.size > 0;
	}

	/** How many messages lie behind the window: { known, open }. */
	get newer() {
		return this.#timeline.newer === null ? { known: 0, open: false } : this.#count;
	}

	/**
	 * Opens a window: {} the newest, { around: id }, { on: 'YYYY-MM-DD', tz }, { after: 0 } the oldest. Tries until it is
	 * there, or refused, or something else is opened. Resolves to the page, or null.
	 */
	async open(where = {}) {
		this.#cancel();
		const { signal } = this.#abort;
		this.#where = where;
		this.#on.changed('state');
		for (;;) {
			const ready = this.#ready;
			try {
				const page = await this.#history({ ...where, limit: PAGE }, signal);
				if (signal.aborted) return null;
				this.#backoff.reset();
				this.#where = null;
				if (!page.messages.length && Object.keys(where).length) {
					await this.open();
					return page;
				}
				this.#show(page, ready);
				return page;
			} catch (error) {
				if (signal.aborted) return null;
				if (!(error instanceof Failure)) throw error;
				if (!error.passing) {
					this.#where = null;
					this.#on.problem(error.message);
					this.#on.changed('state');
					return null;
				}
				await this.#pause.sleep(error.retryAfterMs + this.#backoff.next(), error.retryAfterMs);
				if (signal.aborted) return null;
			}
		}
	}

	/** Reads on backwards, if there is anything. */
	async back() {
		const { older } = this.#timeline;
		if (older === null) return;
		await this.#page('older', { before: older, limit: STEP }, (page) => {
			this.#timeline.prepend(page.messages, page.older ?? null);
			this.#dropEnd();
		});
	}

	/** Reads on forwards, if there is anything. */
	async onward() {
		const { newer } = this.#timeline;
		if (newer === null) return;
		const ready = this.#ready;
		await this.#page('newer', { after: newer, limit: STEP }, (page) => {
			const fresh = this.#timeline.append(page.messages, page.newer ?? null);
			this.#count.known = Math.max(0, this.#count.known - fresh);
			this.#timeline.trim(WINDOW);
			if (this.#timeline.newer === null) this.#reached(ready);
		});
	}

	/** The feed has brought these, all of our room. */
	heard(messages) {
		if (this.#joining) this.#early.push(...messages);
		else if (this.#live) this.#add(messages);
		else if (this.#timeline.newer !== null) {
			this.#count.known += messages.length;
			this.#on.arrived(messages);
		}
	}

	/** The feed follows our room from now on. */
	ready() {
		const first = !this.#ready;
		this.#ready = true;
		if (first && this.opened && !this.#where && this.#timeline.newer === null) this.#join();
	}

	/** The feed has missed something; it goes on from here. */
	hole() {
		if (this.#live) this.#join();
	}

	/** The feed does not bring our room (any more). */
	unready() {
		this.#ready = false;
	}

	/** Keeps the window small: on the side where the reader is not. */
	keep(following) {
		if (!this.#live) return;
		if (following) this.#timeline.trim(WINDOW);
		else this.#dropEnd(WINDOW + PAGE / 2);
	}

	/** The line works again: no need to wait any longer. */
	wake({ force = false } = {}) {
		this.#pause.cut(force);
	}

	stop() {
		this.#cancel();
	}

	#cancel() {
		this.#abort.abort();
		this.#abort = new AbortController();
		this.#pause.cut(true);
		this.#where = null;
		this.#live = false;
		this.#joining = false;
		this.#early = [];
		this.#busy.clear();
		this.#count = { known: 0, open: false };
	}

	#history(params, signal) {
		return this.#server.history({ room: this.#room, ...params }, signal);
	}

	#show(page, ready) {
		this.#timeline.open(page.messages, page.older ?? null, page.newer ?? null);
		this.opened = true;
		if (this.#timeline.newer === null) this.#reached(ready);
		else this.#countNewer();
		this.#on.changed('opened');
	}

	#add(messages) {
		const fresh = messages.filter(({ id }) => !this.#timeline.has(id));
		this.#timeline.add(messages);
		if (fresh.length) this.#on.arrived(fresh);
		this.#on.changed('live');
	}

	#dropEnd(most = WINDOW) {
		const gone = this.#timeline.trimEnd(most);
		if (!gone) return;
		this.#live = false;
		this.#joining = false;
		this.#count.known += gone + this.#early.length;
		this.#early = [];
	}

	// The window has come to the end. Had the feed been ready before the page was asked for, nothing lies between.
	#reached(ready) {
		if (ready) this.#live = true;
		else if (this.#ready) this.#join();
	}

	// Reads what lies between the window's end and what the feed brings.
	async #join() {
		if (this.#joining) return;
		const { signal } = this.#abort;
		this.#live = false;
		this.#joining = true;
		for (let pages = 0; pages < JOINS && this.#joining; ) {
			const after = this.#timeline.solid;
			try {
				const page = await this.#history(after ? { after, limit: PAGE } : { limit: PAGE }, signal);
				if (signal.aborted || !this.#joining) return;
				this.#backoff.reset();
				pages += 1;
				const { messages } = page;
				const done = (page.newer ?? null) === null;
				const last = messages.at(-1)?.id ?? 0;
				if (done) messages.push(...this.#early.splice(0).filter(({ id }) => id > last));
				if (done) this.#joining = false;
				if (done) this.#live = true;
				this.#add(messages);
				if (done) {
					this.#on.changed('state');
					return;
				}
			} catch (error) {
				if (signal.aborted || !this.#joining) return;
				if (!(error instanceof Failure)) throw error;
				await this.#pause.sleep(error.retryAfterMs + this.#backoff.next(), error.retryAfterMs);
				if (signal.aborted) return;
			}
		}
		if (!this.#joining) return;
		this.#joining = false;
		this.#early = [];
		this.#timeline.detach();
		this.#countNewer();
		this.#on.changed('far');
	}

	async #page(which, params, take) {
		if (this.#busy.has(which) || this.#where) return;
		const { signal } = this.#abort;
		this.#busy.add(which);
		this.#on.changed('state');
		try {
			const page = await this.#history(params, signal);
			if (signal.aborted) return;
			take(page);
		} catch (error) {
			if (signal.aborted) return;
			if (!(error instanceof Failure)) throw error;
			// Scrolling asks again and again, so a server in trouble gets a rest between.
			await this.#pause.sleep(error.retryAfterMs + this.#backoff.next(), error.retryAfterMs);
			if (signal.aborted) return;
		} finally {
			if (!signal.aborted) this.#busy.delete(which);
		}
		this.#on.changed(which);
	}

	async #countNewer() {
		const { signal } = this.#abort;
		const after = this.#timeline.newer;
		this.#count = { known: 0, open: true };
		const page = await this.#history({ after, limit: COUNT }, signal).catch(() => null);
		if (!page || signal.aborted || this.#timeline.newer === null) return;
		// Scrolled on meanwhile: what is in the window by now does not count.
		const known = page.messages.filter(({ id }) => id > this.#timeline.last).length;
		this.#count = { known, open: (page.newer ?? null) !== null };
		this.#on.changed('state');
	}
}
