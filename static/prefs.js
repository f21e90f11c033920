// prefs.js: small things that are remembered, unless storage is forbidden or full.

const ROOMS_MOST = 2_000; // rooms whose drafts and marks are remembered

export const allowed = (read) => {
	try {
		return read();
	} catch {
		return null; // storage may be forbidden
	}
};

export class Memory {
	#lost = new Map(); // what could not be stored

	constructor(storage, prefix) {
		Object.assign(this, { storage, prefix });
	}

	get(name, otherwise = null) {
		if (this.#lost.has(name)) return this.#lost.get(name) ?? otherwise;
		try {
			return JSON.parse(this.storage.getItem(`${this.prefix}.${name}`)) ?? otherwise;
		} catch {
			return otherwise;
		}
	}

	set(name, value) {
		try {
			this.storage.setItem(`${this.prefix}.${name}`, JSON.stringify(value));
			this.#lost.delete(name);
		} catch {
			this.#lost.set(name, value);
		}
	}

	clear() {
		this.#lost.clear();
		const names = allowed(() => Object.keys(this.storage)) ?? [];
		for (const name of names) if (name.startsWith(`${this.prefix}.`)) this.storage.removeItem(name);
	}

	// Of all that begins with `own`, what another person had goes.
	only(own) {
		const theirs = (name) => (name.startsWith(`${own} `) || name.startsWith(`${own}.`)) && !name.startsWith(`${this.prefix}.`);
		for (const name of allowed(() => Object.keys(this.storage)) ?? []) if (theirs(name)) this.storage.removeItem(name);
	}

	of(room, name) {
		// A room may be called "constructor".
		return new Map(Object.entries(this.get(name, {}))).get(room) ?? null;
	}

	setOf(room, name, value, most = ROOMS_MOST) {
		const { [room]: _, ...others } = this.get(name, {});
		const rest = Object.entries(others).slice(1 - most);
		this.set(name, Object.fromEntries(value === null ? rest : [...rest, [room, value]]));
	}
}
