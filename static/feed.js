// feed.js: the one line of all tabs: what this tab hears of it, and what it asks of it.
import { Live } from './live.js';
import { Tabs } from './tabs.js';
import { browserClock } from './transport.js';

export class Feed {
	#server;
	#outbox;
	#clock;
	#random;
	#isOnline;
	#on;
	#tabs;
	#live = null;
	#looked = new Map(); // tab -> whether it is looked at
	#cursor = null;
	#epoch = null;

	constructor(server, { outbox, tabs, on, clock = browserClock, random = Math.random, isOnline = () => true }) {
		this.#server = server;
		this.#outbox = outbox;
		this.#clock = clock;
		this.#random = random;
		this.#isOnline = isOnline;
		this.#on = on;
		this.#tabs = new Tabs({
			...tabs, clock,
			on: {
				lead: () => this.#lead(),
				follow: () => this.#follow(),
				led: () => this.#hello(),
				heard: (message, from) => this.#heard(message, from),
			},
		});
	}

	get leading() {
		return this.#tabs.leading;
	}

	get watched() {
		return [...this.#looked.values()].includes(true);
	}

	get ready() {
		return this.#cursor !== null;
	}

	start() {
		this.#tabs.start();
	}

	stop() {
		this.#tabs.post({ type: 'bye' });
		this.#tabs.stop();
		this.#follow();
	}

	look(visible) {
		this.#looked.set(this.#tabs.id, visible);
		this.#hello();
	}

	wake({ force = false } = {}) {
		if (this.leading) {
			this.#live.wake({ force });
			this.#outbox.wake({ force });
			return;
		}
		this.#tabs.post({ type: 'wake', force });
		this.#tabs.ask();
	}

	tell(message) {
		this.#tabs.post(message);
	}

	retry(key) {
		if (this.leading) this.#outbox.retry(key);
		else this.#tabs.post({ type: 'retry', key });
	}

	discard(key) {
		if (this.leading) this.#outbox.discard(key);
		else this.#tabs.post({ type: 'discard', key });
	}

	#lead() {
		this.#live = new Live(this.#server, {
			rooms: ['*'], // the list of rooms is as live as the room that is shown
			cursor: this.#cursor,
			epoch: this.#epoch,
			clock: this.#clock,
			random: this.#random,
			isOnline: this.#isOnline,
			on: (event) => {
				this.#tabs.post(event);
				this.#apply(event);
			},
		});
		this.#live.start();
		this.#outbox.lead();
	}

	#follow() {
		this.#live?.stop();
		this.#live = null;
		this.#outbox.follow();
	}

	#hello() {
		this.#tabs.post({ type: 'hello', visible: this.#looked.get(this.#tabs.id) });
	}

	#heard(message, from) {
		switch (message.type) {
			case 'hello':
				this.#looked.set(from, message.visible);
				if (!this.leading) return;
				this.#tabs.post(this.#live.state);
				if (this.#live.ready) this.#tabs.post(this.#live.ready);
				return;
			case 'bye':
				this.#looked.delete(from);
				return;
			case 'wake':
				if (this.leading) this.wake(message);
				return;
			case 'retry':
				if (this.leading) this.#outbox.retry(message.key);
				return;
			case 'discard':
				if (this.leading) this.#outbox.discard(message.key);
				return;
			case 'item':
			case 'sent':
			case 'discarded':
				this.#outbox.mirror(message);
				return;
			case 'state':
			case 'ready':
			case 'news':
			case 'gap':
			case 'skipped':
			case 'reset':
			case 'refused':
				if (!this.leading) this.#apply(message);
				return;
			default:
				this.#on.told(message);
		}
	}

	#apply(event) {
		switch (event.type) {
			case 'ready':
				this.#move(event.cursor, event.epoch);
				this.#on.event({ type: 'ready' });
				return;
			case 'news': {
				const heard = this.#cursor;
				this.#move(event.from, event.epoch);
				if (event.next > this.#cursor) this.#cursor = event.next;
				const messages = heard === null ? event.messages : event.messages.filter(({ id }) => id > heard);
				if (messages.length) this.#on.event({ type: 'news', messages });
				return;
			}
			case 'skipped':
				this.#move(event.cursor, this.#epoch);
				return;
			case 'reset':
				this.#cursor = null;
				this.#epoch = null;
				this.#on.event(event);
				return;
			default:
				this.#on.event(event);
		}
	}

	// The line stands at this cursor. If that is beyond what we have heard, we have missed something.
	#move(cursor, epoch) {
		if (this.#epoch !== null && epoch !== this.#epoch) this.#on.event({ type: 'reset' });
		else if (this.#cursor !== null && cursor > this.#cursor) this.#on.event({ type: 'hole' });
		if (this.#cursor === null || cursor > this.#cursor || epoch !== this.#epoch) this.#cursor = cursor;
		this.#epoch = epoch;
	}
}
