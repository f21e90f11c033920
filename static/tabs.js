// tabs.js: the tabs of one browser share one line to the server.

const SILENCE_MS = 4_000; // a leader answers within this, however busy it is

export class Tabs {
	#locks;
	#channel;
	#release = null;
	#waiting = null;
	#started = false;
	#seen = false; // one looks at it, and that counts
	#doubt = null; // runs out when the leader does not answer
	leading = false;

	constructor({ name, id, locks, Channel, clock, on }) {
		Object.assign(this, { name, id, clock, on });
		if (!locks || !Channel) return;
		this.#locks = locks;
		this.#channel = new Channel(name);
		this.#channel.onmessage = ({ data }) => this.#hear(data);
	}

	start() {
		if (!this.#locks) {
			this.#lead();
			return;
		}
		this.#started = true;
		this.#want(this.#seen);
		this.ask();
	}

	// Where there are but leases the tab that is looked at leads, since timers of the others run late.
	look(visible) {
		this.#seen = visible && !!this.#locks?.look;
		if (this.#seen && this.#started && !this.leading) this.#want(true);
	}

	post(message) {
		if (this.leading) this.#locks?.look?.();
		this.#channel?.postMessage({ ...message, tab: this.id });
	}

	ask() {
		if (!this.#locks || this.leading || this.#doubt !== null) return;
		this.post({ type: 'anybody' });
		this.#doubt = this.clock.setTimeout(() => {
			this.#doubt = null;
			if (!this.leading) this.#want(true);
		}, SILENCE_MS);
	}

	stop() {
		this.#started = false;
		this.#sure();
		this.#waiting?.abort();
		this.#release?.();
		this.#unlead();
	}

	#hear({ tab, ...message }) {
		if (message.type === 'anybody') {
			if (this.leading) this.post({ type: 'leader' });
		} else if (message.type === 'leader') {
			if (this.leading) this.#locks.look?.();
			this.#sure();
			this.on.led();
		} else {
			this.on.heard(message, tab);
		}
	}

	#sure() {
		this.clock.clearTimeout(this.#doubt);
		this.#doubt = null;
	}

	async #want(steal) {
		this.#waiting?.abort();
		const waiting = new AbortController();
		this.#waiting = waiting;
		const options = steal ? { steal } : { signal: waiting.signal };
		try {
			await this.#locks.request(this.name, options, () => {
				if (waiting.signal.aborted) return null;
				this.#lead();
				return new Promise((resolve) => {
					this.#release = resolve;
				});
			});
		} catch {
			if (waiting !== this.#waiting || waiting.signal.aborted) return;
			this.#unlead();
			this.#want(false);
		}
	}

	#lead() {
		this.#sure();
		this.leading = true;
		this.post({ type: 'leader' });
		this.on.lead();
	}

	#unlead() {
		this.#release = null;
		if (!this.leading) return;
		this.leading = false;
		this.on.follow();
	}
}
