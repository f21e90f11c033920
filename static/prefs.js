// prefs.js: small things that are remembered: the name, drafts, what was read, how one likes it.
// Storage may be forbidden or full; the page is poorer then, but works. `lasting` outlives the tab, `passing` does not.

const ROOMS_MOST = 500; // rooms whose drafts and marks are remembered

export class Prefs {
	#lasting;
	#passing;
	#memory = new Map(); // what could not be stored

	constructor(lasting, passing) {
		this.#lasting = lasting;
		this.#passing = passing;
	}

	get(name, otherwise = null) {
		return this.#read(this.#lasting, name) ?? otherwise;
	}

	set(name, value) {
		this.#write(this.#lasting, name, value);
	}

	of(room, name) {
		return this.get(name, {})[room] ?? null;
	}

	setOf(room, name, value) {
		const { [room]: _, ...others } = this.get(name, {});
		const rest = Object.entries(others).slice(-ROOMS_MOST);
		this.set(name, Object.fromEntries(value === null ? rest : [...rest, [room, value]]));
	}

	here(name) {
		return this.#read(this.#passing, name);
	}

	setHere(name, value) {
		this.#write(this.#passing, name, value);
	}

	#read(storage, name) {
		try {
			return JSON.parse(storage.getItem(`longline.${name}`));
		} catch {
			return this.#memory.get(name) ?? null;
		}
	}

	#write(storage, name, value) {
		try {
			storage.setItem(`longline.${name}`, JSON.stringify(value));
		} catch {
			this.#memory.set(name, value);
		}
	}
}
