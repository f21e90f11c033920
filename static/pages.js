// pages.js: pages of one room, asked for until they come, as the changes heard meanwhile leave them.
import { Meanwhile } from './changes.js';
import { Failure, Pause } from './transport.js';

export class Pages {
	#pause;
	#abort = new AbortController();
	#meanwhile = new Meanwhile();
	refused = false; // what was asked last

	constructor({ server, room, refused }, env) {
		Object.assign(this, { server, room, onRefused: refused });
		this.#pause = new Pause(env);
	}

	// For whoever asked before stop().
	get signal() {
		return this.#abort.signal;
	}

	// null: it was stopped, or refused.
	async ask(params) {
		const { signal } = this;
		for (;;) {
			try {
				const page = await this.#meanwhile.page(() => this.server.history({ room: this.room, ...params }, signal));
				if (signal.aborted) return null;
				this.#pause.reset();
				this.refused = false;
				return page;
			} catch (error) {
				if (signal.aborted) return null;
				if (!(error instanceof Failure)) throw error;
				if (!error.passing) {
					this.refused = true;
					this.onRefused(error);
					return null;
				}
				await this.#pause.after(error);
				if (signal.aborted) return null;
			}
		}
	}

	changed(changes) {
		this.#meanwhile.heard(changes);
	}

	wake(how) {
		this.#pause.cut(how?.force);
	}

	stop() {
		this.#abort.abort();
		this.#abort = new AbortController();
		this.#pause.cut(true);
	}
}
