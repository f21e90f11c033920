// seek.js: the search as one drives it: its address, what helps to write it, the way from hit to hit.
import { addressOf, hashOf, parse, unheard } from './query.js';
import { allowed } from './prefs.js';
import { completions } from './suggest.js';

const NIGHT = 100; // messages of last night that are looked at,
const NIGHT_ROOMS = 5; // rooms of which it is suggested to look at them,
const NIGHT_MS = 60_000; // and how long this is believed
const SENDERS = 300; // that are remembered

export class Seek {
	#round = 0;
	#night = { at: -Infinity, alarms: '', options: [] };
	#senders = new Set();
	#blind = false; // it was asked without knowing all rooms
	text = ''; // what is looked for

	constructor(parts) {
		Object.assign(this, parts); // search, view, visit, rooms, server, wishes; `whole`: whether all rooms are known; `saved` draws the searches that are kept
	}

	// The part of an address behind #.
	follow(hash) {
		const { query, id } = addressOf(hash);
		if (query !== this.text) {
			if (query) this.view.found.say(query);
			else this.view.found.hide();
			this.#find(query);
		}
		this.view.found.at(query ? id : null);
		this.saved();
	}

	// `again`: someone asks for it, though it is looked for already.
	typed(text, again) {
		const query = text.trim();
		if (query === this.text && !again) return;
		this.#go(query, this.text || !query ? 'replaceState' : 'pushState');
		this.#find(query);
	}

	close() {
		if (this.text) this.#go('', 'pushState');
		this.#find('');
	}

	// The next hit, or the one before it.
	async hit(by) {
		const { search } = this;
		const at = search.hits.findIndex(({ id }) => id === addressOf(location.hash).id);
		if (by > 0 && at === search.hits.length - 1) await search.more();
		const next = search.hits[at < 0 ? 0 : at + by];
		if (!next) return;
		const hash = hashOf({ ...next, query: this.text });
		if (at < 0) location.hash = hash;
		else location.replace(hash); // Back leads to where one was before the first
	}

	learn(messages) {
		for (const { sender } of messages) {
			if (!sender) continue;
			this.#senders.delete(sender);
			this.#senders.add(sender);
		}
		for (const sender of this.#senders) {
			if (this.#senders.size <= SENDERS) break;
			this.#senders.delete(sender);
		}
	}

	hints(text, caret) {
		this.rooms.more();
		if (!text) {
			this.#lastNight();
			return this.#night.options;
		}
		const rooms = this.rooms.list(this.rooms.room);
		const senders = new Set([...[...this.#senders].reverse(), ...rooms.map(({ sender }) => sender)]);
		return completions(text, caret, { rooms: rooms.map(({ name }) => name), senders: [...senders].filter(Boolean) });
	}

	// Those of rooms, by which a text is understood. null: it has one that is none of these, and there may be others.
	names(text) {
		const names = this.#rooms;
		return this.whole() || parse(text, { names }).params ? names : null;
	}

	get #rooms() {
		return this.rooms.list(this.rooms.room).map(({ name }) => name);
	}

	// Now all rooms are known: what was asked as it was typed is asked again if it means something else.
	listed() {
		if (!this.#blind) return;
		this.#blind = false;
		const [now, names] = [new Date(), this.#rooms];
		const [before, after] = [null, names].map((known) => JSON.stringify(parse(this.text, { names: known, now }).params));
		if (before !== after) this.#find(this.text);
	}

	#go(query, how) {
		const { id, day } = addressOf(location.hash);
		const hash = hashOf({ room: this.visit.room, day, id: query ? null : id, query });
		allowed(() => history[how](history.state, '', hash)); // a browser may find it too often
		this.visit.moved(location.hash);
		this.view.found.at(null);
	}

	async #find(text) {
		this.#round += 1;
		const round = this.#round;
		this.text = text;
		this.search.clear();
		this.view.found.fresh();
		this.saved();
		if (unheard(text, this.#rooms)) await this.rooms.more();
		if (round !== this.#round || !this.view.found.open) return;
		const names = this.names(text);
		this.#blind = names === null;
		this.search.find(text, names);
	}

	// In which rooms there were alarms.
	async #lastNight() {
		const alarms = this.wishes.words.search.replace(/"(?!OR")([\p{L}\p{N}]+)"/gu, '$1'); // as one would type it
		if (alarms === this.#night.alarms && Date.now() - this.#night.at < NIGHT_MS) return;
		this.#night = { at: Date.now(), alarms, options: [] };
		if (!alarms) return;
		const { params } = parse(`${alarms} last:night`);
		const page = await this.server.history([...params, ['limit', NIGHT]]).catch(() => ({ messages: [] }));
		const counts = new Map();
		for (const { room } of page.messages) counts.set(room, (counts.get(room) ?? 0) + 1);
		this.#night.options = [...counts].sort(([, a], [, b]) => b - a).slice(0, NIGHT_ROOMS).map(([room, count]) => ({
			label: `Alarms last night in #${room}`, about: `${count}${page.older ? '+' : ''}`, text: `${alarms} in:${room} last:night`,
		}));
		this.view.found.late(this.#night.options);
	}
}
