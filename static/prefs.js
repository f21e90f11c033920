// prefs.js: small things that are remembered. Storage may be forbidden or full; the page is poorer then, but works.

const ROOMS_MOST = 500; // rooms whose drafts and marks are remembered

export class Memory {
	#lost = new Map(); // what could not be stored

	constructor(storage) {
		this.storage = storage;
	}

	get(name, otherwise = null) {
		try {
			return JSON.parse(this.storage.getItem(`longline.${name}`)) ?? otherwise;
		} catch {
			return this.#lost.get(name) ?? otherwise;
		}
	}

	set(name, value) {
		try {
			this.storage.setItem(`longline.${name}`, JSON.stringify(value));
		} catch {
			this.#lost.set(name, value);
		}
	}

	of(room, name) {
		return this.get(name, {})[room] ?? null;
	}

	setOf(room, name, value) {
		const { [room]: _, ...others } = this.get(name, {});
		const rest = Object.entries(others).slice(-ROOMS_MOST);
		this.set(name, Object.fromEntries(value === null ? rest : [...rest, [room, value]]));
	}
}
