// reader.js: moves a timeline's window over the log of one room; for its states see docs/PAGE.md.
import { amended, parted } from './changes.js';
import { Pages } from './pages.js';
import { world } from './transport.js';

const PAGE = 100;
const STEP = 30; // messages read by scrolling; more at once stutters
const COUNT = 500; // newer ones are counted up to here
const WINDOW = 300; // weight of what is kept, about a message each
const JOINS = 5; // pages read to catch up; who has missed more is shown the newest

export class Reader {
	#pages;
	#ready = false;
	#tick = 0; // grows with all that a page on its way may lack
	#early = []; // live messages that came while joining
	#joining = false;
	#busy = new Set();
	#doubt = null; // changes up to this id may be missing from the page that is opening
	#count; // messages beyond the window; `open`: and maybe more

	constructor(server, { room, timeline, on }, env = world) {
		Object.assign(this, { timeline, on });
		this.#pages = new Pages({ server, room, refused: (failure) => this.#refused(failure), troubled: () => on.changed('state') }, env);
	}

	opened = false;
	opening = false;
	live = false;

	// What was asked last.
	get refused() {
		return this.#pages.refused;
	}

	// Why what was asked for is not here yet.
	get trouble() {
		return this.#pages.trouble;
	}

	get busy() {
		return this.opening || this.#busy.size > 0;
	}

	get newer() {
		return this.timeline.newer === null ? { known: 0, open: false } : this.#count;
	}

	async open(where = {}) {
		this.stop();
		this.opening = true;
		this.on.changed('state');
		const tick = this.#tick;
		const page = await this.#pages.ask({ ...where, limit: PAGE });
		if (!page) return;
		this.opening = false;
		if (!page.messages.length && Object.keys(where).length) {
			await this.open();
			return;
		}
		this.timeline.open(page.messages, page.older ?? null, page.newer ?? null);
		this.opened = true;
		if (this.#doubt !== null) this.#renew(this.#doubt);
		this.#doubt = null;
		if (this.timeline.newer === null) this.#reached(tick);
		else this.#countNewer();
		this.on.changed('opened');
	}

	async back() {
		const { older } = this.timeline;
		if (older === null) return;
		await this.#page('older', { before: older, limit: STEP }, (page) => {
			this.timeline.prepend(page.messages, page.older ?? null);
			this.#dropEnd();
		});
	}

	async onward() {
		const { newer } = this.timeline;
		if (newer === null) return;
		const tick = this.#tick;
		await this.#page('newer', { after: newer, limit: STEP }, (page) => {
			const fresh = this.timeline.append(page.messages, page.newer ?? null);
			this.#count.known = Math.max(0, this.#count.known - fresh);
			this.timeline.trim(WINDOW);
			if (this.timeline.newer === null) this.#reached(tick);
		});
	}

	heard(heard) {
		const { messages, changes } = parted(heard);
		if (this.refused && !this.opened && heard.length) this.open(); // by now we may
		if (changes.length) this.#change(changes);
		if (!this.#joining) this.#tick += 1;
		if (this.#joining) this.#early.push(...messages);
		else if (this.live) this.#add(messages);
		else if (this.timeline.newer !== null && messages.length) {
			this.#count.known += messages.length;
			this.on.arrived(messages);
		}
	}

	// From this id on everything is heard.
	ready(cursor) {
		const first = !this.#ready;
		this.#ready = true;
		if (first) this.#tick += 1;
		if (first) this.#changed(cursor);
		if (first && this.opened && !this.opening && this.timeline.newer === null) this.#join();
	}

	hole() {
		this.#tick += 1;
		this.#changed(Infinity);
		if (this.live) this.#join();
	}

	unready() {
		this.#ready = false;
	}

	keep(following) {
		if (!this.live) return;
		if (following) this.timeline.trim(WINDOW);
		else this.#dropEnd(WINDOW + PAGE / 2);
	}

	wake(how) {
		this.#pages.wake(how);
	}

	stop() {
		this.#pages.stop();
		this.opening = false;
		this.live = false;
		this.#joining = false;
		this.#early = [];
		this.#busy.clear();
		this.#doubt = null;
		this.#count = { known: 0, open: false };
	}

	#refused(failure) {
		this.opening = false;
		this.on.refused(failure);
		this.on.changed('state');
	}

	#change(changes) {
		const beyond = ({ event, changes: id }) => event === 'message deleted' && id > this.timeline.last;
		if (this.timeline.newer !== null) this.#count.known = Math.max(0, this.#count.known - changes.filter(beyond).length);
		this.#pages.changed(changes);
		this.#early = amended(this.#early, changes);
		this.on.changed('changes', this.timeline.change(changes));
	}

	// Changes of what is in the window may have been missed, those up to this id.
	#changed(upTo) {
		if (this.opening) this.#doubt = upTo;
		else if (this.opened) this.#renew(upTo);
	}

	async #renew(doubt) {
		const { last } = this.timeline;
		if (last === doubt) return; // nothing has happened since
		for (let from = this.timeline.first; from !== null && from <= last;) {
			const page = await this.#pages.ask({ after: from - 1, limit: PAGE });
			if (!page) return;
			const end = (page.newer ?? null) === null;
			const upTo = end ? last : page.messages.at(-1)?.id ?? last;
			this.timeline.renew(page.messages, from, upTo);
			this.on.changed('changes', []);
			from = upTo + 1;
		}
	}

	#add(messages) {
		const fresh = messages.filter(({ id }) => !this.timeline.has(id));
		this.timeline.add(messages);
		if (fresh.length) this.on.arrived(fresh);
		this.on.changed('live');
	}

	#dropEnd(most = WINDOW) {
		const gone = this.timeline.trimEnd(most);
		if (!gone) return;
		this.live = false;
		this.#joining = false;
		this.#count.known += gone + this.#early.length;
		this.#early = [];
	}

	#reached(tick) {
		if (!this.#ready) return;
		if (tick === this.#tick) this.live = true;
		else this.#join();
	}

	async #join() {
		if (this.#joining) return;
		this.live = false;
		this.#joining = true;
		for (let pages = 0; pages < JOINS; pages += 1) {
			const after = this.timeline.solid;
			const tick = this.#tick;
			const page = await this.#pages.ask(after ? { after, limit: PAGE } : { limit: PAGE });
			if (!page || !this.#joining) return;
			const { messages } = page;
			this.live = (page.newer ?? null) === null && tick === this.#tick;
			if (this.live) {
				const last = messages.at(-1)?.id ?? 0;
				this.#joining = false;
				messages.push(...this.#early.splice(0).filter(({ id }) => id > last));
			}
			this.#add(messages);
			if (this.live) return;
		}
		this.#joining = false;
		this.#early = [];
		this.timeline.detach();
		this.#countNewer();
		this.on.changed('far');
	}

	async #page(which, params, take) {
		if (this.#busy.has(which) || this.opening) return;
		const { signal } = this.#pages;
		this.#busy.add(which);
		this.on.changed('state');
		const page = await this.#pages.ask(params);
		if (signal.aborted) return;
		this.#busy.delete(which);
		if (page) take(page);
		this.on.changed(which);
	}

	async #countNewer() {
		const after = this.timeline.newer;
		this.#count = { known: 0, open: true };
		const page = await this.#pages.ask({ after, limit: COUNT });
		if (!page || this.timeline.newer === null) return;
		// Scrolled on meanwhile: what is in the window by now does not count.
		const known = page.messages.filter(({ id }) => id > this.timeline.last).length;
		this.#count = { known, open: (page.newer ?? null) !== null };
		this.on.changed('state');
	}
}
