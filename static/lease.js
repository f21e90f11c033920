// lease.js: locks for browsers that have none (plain HTTP): which tab leads, by a lease in localStorage.
// Two tabs may hold it for a moment; that is harmless, and the next look ends it.

const LEASE_MS = 90_000; // timers of hidden tabs run once a minute
const RENEW_MS = 10_000;
const LOOK_MS = 5_000;

export class Lease {
	#look = () => {};
	#renewed = 0;

	// `id`: of this tab.
	constructor({ storage, clock, id }) {
		Object.assign(this, { storage, clock, id });
	}

	// As that of navigator.locks, for one request at a time.
	request(name, { steal = false, signal } = {}, run) {
		const key = `${name}.lease`;
		return new Promise((resolve, reject) => {
			let held = false;
			let timer = null;
			const end = (how, what) => {
				this.clock.clearTimeout(timer);
				this.#look = () => {};
				held = false;
				how(what);
			};
			const take = () => {
				held = true;
				this.#write(key);
				Promise.resolve(run()).then((what) => {
					if (!held) return;
					if (!this.#others(key)) this.storage.removeItem(key);
					end(resolve, what);
				});
			};
			const look = (often) => {
				if (this.#others(key)) {
					if (held) end(reject, new Error('Another tab took it.'));
				} else if (!held) take();
				else if (!often || this.clock.now() - this.#renewed > RENEW_MS) this.#write(key);
			};
			const tick = () => {
				timer = this.clock.setTimeout(tick, held ? RENEW_MS : LOOK_MS);
				look();
			};
			signal?.addEventListener('abort', () => !held && end(reject, new Error('Withdrawn.')));
			this.#look = look;
			if (steal) take();
			tick();
		});
	}

	// Something happened: the lease may have gone to another tab, or be renewed.
	look() {
		this.#look(true);
	}

	#write(key) {
		this.#renewed = this.clock.now();
		try {
			this.storage.setItem(key, JSON.stringify({ id: this.id, until: this.#renewed + LEASE_MS }));
		} catch {
			// It is full: then others may lead as well.
		}
	}

	// Whether another tab holds it. A clock that was set back must not make it last for ever.
	#others(key) {
		let lease;
		try {
			lease = JSON.parse(this.storage.getItem(key));
		} catch {
			lease = null;
		}
		const left = (lease?.until ?? 0) - this.clock.now();
		return !!lease && lease.id !== this.id && left > 0 && left <= LEASE_MS;
	}
}

// null: nothing can be kept here, so each tab leads itself.
export function leaseOf(storage, how) {
	try {
		storage.setItem('lease', '');
		storage.removeItem('lease');
		return new Lease({ storage, ...how });
	} catch {
		return null;
	}
}
