// own.js: which messages are one's own: those whose key is known here, and those that are by the same proven sender.

const MOST = 200; // keys that are remembered

export class Own {
	#keys; // id -> { room, key }

	// `by`: who one is, if it is known before any message says it.
	constructor(prefs, by = null) {
		Object.assign(this, { prefs, by });
		this.#keys = new Map(prefs.get('keys', []).map(([id, room, key]) => [id, { room, key }]));
	}

	// `keep`: one tab remembers it for all.
	sent({ room, key }, id, keep) {
		this.#keys.set(id, { room, key });
		if (this.#keys.size > MOST) this.#keys.delete(this.#keys.keys().next().value);
		if (keep) this.prefs.set('keys', [...this.#keys].map(([one, { room: its, key: secret }]) => [one, its, secret]));
	}

	keyOf({ id, room }) {
		const known = this.#keys.get(id);
		return known?.room === room ? known.key : undefined;
	}

	// A message of which we have the key says who we are.
	learn(messages) {
		this.by = messages.findLast((message) => message.by !== undefined && this.keyOf(message))?.by ?? this.by;
	}

	has(message) {
		return this.keyOf(message) !== undefined || (message.by !== undefined && message.by === this.by);
	}

	// In another log the same ids are other messages.
	forget() {
		this.#keys.clear();
		this.prefs.set('keys', []);
	}
}
