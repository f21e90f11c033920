// pages.js: pages of one room, asked for until they come, as the changes heard meanwhile leave them.
import { Meanwhile } from './changes.js';
import { Failure, Pause } from './transport.js';

export class Pages {
	#pause;
	#abort = new AbortController();
	#meanwhile = new Meanwhile();
	refused = false; // what was asked last
	trouble = ''; // why it is not here yet

	constructor({ server, room, refused, troubled }, env) {
		Object.assign(this, { server, room, onRefused: refused, onTrouble: troubled });
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
				this.#say('');
				return page;
			} catch (error) {
				if (signal.aborted) return null;
				if (!(error instanceof Failure)) throw error;
				if (!error.passing) {
					this.#say('');
					this.refused = true;
					this.onRefused(error);
					return null;
				}
				this.#say(error.message);
				await this.#pause.after(error);
				if (signal.aborted) return null;
			}
		}
	}

	#say(trouble) {
		if (trouble === this.trouble) return;
		this.trouble = trouble;
		this.onTrouble();
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
		this.trouble = '';
		this.#pause.cut(true);
	}
}
