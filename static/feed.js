// feed.js: the one line of all tabs: what this tab hears of it, and what it asks of it.
import { Live } from './live.js';
import { Tabs } from './tabs.js';
import { world } from './transport.js';

const OUTBOX = ['item', 'again', 'sent', 'discarded'];

export class Feed {
	#tabs;
	#live = null;
	#looked = new Map(); // tab -> whether it is looked at
	#started = false;
	#cursor = null;
	#epoch = null;

	constructor(server, { outbox, tabs, on }, env = world) {
		Object.assign(this, { server, outbox, on, env });
		this.#tabs = new Tabs({
			...tabs,
			clock: env.clock,
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

	// Once.
	start() {
		if (this.#started) return;
		this.#started = true;
		this.#tabs.start();
	}

	stop() {
		this.#tabs.post({ type: 'bye' });
		this.#tabs.stop();
		this.#follow();
	}

	look(visible) {
		this.#looked.set(this.#tabs.id, visible);
		this.#tabs.look(visible);
		this.#hello();
	}

	wake({ force = false } = {}) {
		if (this.leading) {
			this.#live.wake({ force });
			this.outbox.wake({ force });
			return;
		}
		this.#tabs.post({ type: 'wake', force });
		this.#tabs.ask();
	}

	tell(message) {
		this.#tabs.post(message);
	}

	decide(what, key, sender) {
		if (this.leading) this.outbox[what](key, sender);
		else this.#tabs.post({ type: what, key, sender });
	}

	#lead() {
		this.#live = new Live(this.server, {
			rooms: ['*'], // the list of rooms is as live as the room that is shown
			cursor: this.#cursor,
			epoch: this.#epoch,
			...this.env,
			on: (event) => {
				this.#tabs.post(event);
				this.#apply(event);
			},
		});
		this.#live.start();
		this.outbox.lead();
	}

	#follow() {
		this.#live?.stop();
		this.#live = null;
		this.outbox.follow();
	}

	#hello() {
		this.#tabs.post({ type: 'hello', visible: this.#looked.get(this.#tabs.id) });
	}

	#heard(message, from) {
		const { type } = message;
		if (OUTBOX.includes(type)) this.outbox.mirror(message);
		else if (type === 'read') this.on.told(message);
		else if (type === 'bye') this.#looked.delete(from);
		else if (type === 'hello') {
			this.#looked.set(from, message.visible);
			if (!this.leading) return;
			this.#tabs.post(this.#live.state);
			if (this.#live.ready) this.#tabs.post(this.#live.ready);
		} else if (type === 'wake') {
			if (this.leading) this.wake(message);
		} else if (type === 'retry' || type === 'discard') {
			if (this.leading) this.outbox[type](message.key, message.sender);
		} else if (!this.leading) this.#apply(message);
	}

	#apply(event) {
		switch (event.type) {
			case 'ready':
				this.#move(event.cursor, event.epoch);
				this.on.event({ type: 'ready', cursor: event.cursor });
				return;
			case 'news': {
				const heard = this.#cursor;
				this.#move(event.from, event.epoch);
				if (event.next > this.#cursor) this.#cursor = event.next;
				const messages = heard === null ? event.messages : event.messages.filter(({ id }) => id > heard);
				if (messages.length) this.on.event({ type: 'news', messages });
				return;
			}
			case 'skipped':
				this.#move(event.cursor, this.#epoch);
				return;
			case 'reset':
				this.#cursor = null;
				this.#epoch = null;
				this.on.event(event);
				return;
			default:
				this.on.event(event);
		}
	}

	// The line stands at this cursor. If we have not heard that far, we have missed something.
	#move(cursor, epoch) {
		if (this.#epoch !== null && epoch !== this.#epoch) this.on.event({ type: 'reset' });
		else if (this.#cursor !== null && cursor > this.#cursor) this.on.event({ type: 'hole' });
		if (this.#cursor === null || cursor > this.#cursor || epoch !== this.#epoch) this.#cursor = cursor;
		this.#epoch = epoch;
	}
}
