// feed.js: the one line of all tabs: what this tab hears of it, and what it asks of it.
//
// The leading tab runs Live and sends what is in the outbox; the others are told. Each tab keeps the cursor up to which
// it has heard, so any of them can go on where another stopped, and notices by itself when it has missed something.
// It knows no document.
import { Live } from './live.js';
import { Demand } from './rooms.js';
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
	#demand = new Demand();
	#shown = new Map(); // tab -> { room, visible }, known to the leader
	#visited = [];
	#cursor = null;
	#epoch = null;
	#rooms = []; // what the feed brings

	/**
	 * `tabs`: what Tabs needs but its callbacks. `on`, with plain objects:
	 *   event(event)    state, gap, refused as in live.js; { type: 'news', messages } without what was heard before;
	 *                   { type: 'hole' } something was missed, it goes on from here; { type: 'reset' };
	 *                   { type: 'rooms' } feed.brings() may answer differently
	 *   told(message)   what another tab posted by tell()
	 */
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

	/** Whether any tab is looked at, as far as the leader knows. */
	get watched() {
		return [...this.#shown.values()].some(({ visible }) => visible);
	}

	start() {
		this.#tabs.start();
	}

	stop() {
		this.#tabs.post({ type: 'bye' });
		this.#tabs.stop();
		this.#follow();
	}

	/** What this tab shows; `visited`: the rooms its person goes to, latest first. */
	show(room, visible, visited) {
		this.#visited = visited;
		this.#shown.set(this.#tabs.id, { room, visible });
		if (this.leading) this.#adjust();
		else this.#hello();
	}

	/** Whether all that is said in a room from now on will be heard. */
	brings(room) {
		return this.#cursor !== null && (this.#rooms.includes('*') || this.#rooms.includes(room));
	}

	/** The line may work again, or be broken without our knowing: find out. `force`: a person asks. */
	wake({ force = false } = {}) {
		if (this.leading) {
			this.#live.wake({ force });
			this.#outbox.wake({ force });
			return;
		}
		this.#tabs.post({ type: 'wake', force });
		this.#tabs.ask();
	}

	/** Tells the other tabs. */
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
			rooms: this.#wanted(),
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
		this.#tabs.post({ type: 'hello', ...this.#shown.get(this.#tabs.id), visited: this.#visited });
	}

	#wanted() {
		const shown = [...this.#shown.values()].map(({ room }) => room);
		return this.#demand.wanted(shown, this.#visited, this.#clock.now());
	}

	#adjust() {
		this.#live?.watch(this.#wanted());
	}

	#heard(message, from) {
		switch (message.type) {
			case 'hello':
				this.#shown.set(from, { room: message.room, visible: message.visible });
				if (!this.leading) return;
				this.#visited = message.visited;
				this.#adjust();
				this.#tabs.post(this.#live.state);
				if (this.#live.ready) this.#tabs.post(this.#live.ready);
				return;
			case 'bye':
				this.#shown.delete(from);
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
				this.#rooms = event.rooms;
				this.#move(event.cursor, event.epoch);
				this.#on.event({ type: 'rooms' });
				return;
			case 'news': {
				const heard = this.#cursor;
				this.#move(event.from, event.epoch);
				if (event.next > this.#cursor) this.#cursor = event.next;
				const messages = heard === null ? event.messages : event.messages.filter(({ id }) => id > heard);
				if (messages.length) this.#on.event({ type: 'news', messages });
				if (this.leading && messages.length) {
					this.#demand.heard(messages, [...this.#shown.values()].map(({ room }) => room), this.#clock.now());
					this.#adjust();
				}
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
