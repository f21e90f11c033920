// days.js: the ways from day to day, which the address follows.
import { allowed } from './prefs.js';
import { addressOf, hashOf } from './query.js';
import { wholeDay } from './when.js';

export class Days {
	constructor(parts) {
		Object.assign(this, parts); // server, visit, dayOf
	}

	to(day) {
		this.#say(day);
		this.visit.toDay(day);
	}

	// To the nearest day before this one, or behind it, that has messages.
	async beside(day, by) {
		const { server, visit, dayOf } = this;
		const { room } = visit;
		const [begin, end] = wholeDay(day);
		const where = by < 0 ? { until: begin.toISOString() } : { from: end.toISOString(), after: 0 };
		const page = await server.history({ room, limit: 1, ...where }).catch(() => null);
		if (room !== visit.room) return;
		if (page?.messages.length) this.to(dayOf(page.messages[0].at));
		else if (!page) this.to(dayOf(by < 0 ? new Date(begin - 1) : end)); // where it is said why it cannot be shown
		else if (by < 0) this.leave(() => visit.toOldest());
		else this.leave(() => visit.toNewest());
	}

	// To an end of the log, which is no day.
	leave(go) {
		if (addressOf(location.hash).day) this.#say(null);
		go();
	}

	#say(day) {
		const { query } = addressOf(location.hash);
		allowed(() => history.replaceState(null, '', hashOf({ room: this.visit.room, day, query })));
		this.visit.moved(location.hash);
	}
}
