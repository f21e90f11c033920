// live.js: follows rooms by one held poll: CONNECTING -> CONNECTED <-> RECONNECTING | OFFLINE | REFUSED, until stop().
import { Failure, Pause, world } from './transport.js';

const WAIT_S = 25;
const HASTY_MS = 1_000; // a held poll that ends empty this soon was not held
const BATCHES = 4; // who has missed more than this reads pages instead of being flooded

export class Live {
	#pause;
	#abort = null;
	#woken = false; // we gave up the request ourselves
	#stopped = true;
	state = { name: '' };
	#cursor;
	#epoch;
	#announced = false;
	#batches = 0; // cut answers in a row
	#skipping = false;
	#quick = true; // the next poll asks to be answered at once, to learn soon that the line works

	constructor(server, { rooms, on, cursor = null, epoch = null, clock, random, isOnline }) {
		Object.assign(this, { server, rooms, on, clock, isOnline });
		this.#cursor = cursor;
		this.#epoch = epoch;
		this.#pause = new Pause({ clock, random });
	}

	get ready() {
		return this.#announced ? { type: 'ready', cursor: this.#cursor, epoch: this.#epoch } : null;
	}

	async start() {
		this.#stopped = false;
		this.#tell('connecting');
		while (!this.#stopped) {
			try {
				const restMs = await this.#step();
				if (restMs > 0) await this.#pause.sleep(restMs);
			} catch (error) {
				if (this.#stopped) break;
				if (!(error instanceof Failure)) throw error;
				await this.#recover(error);
			}
		}
	}

	stop() {
		this.#stopped = true;
		this.#abort?.abort();
		this.#pause.cut(true);
	}

	// A held poll may hang on a connection that is gone, so it is given up for a quick one.
	// `force`: a person asked, so even Retry-After does not delay it.
	wake({ force = false } = {}) {
		if (this.#abort) {
			if (this.#quick) return;
			this.#woken = true;
			this.#abort.abort();
			return;
		}
		this.#pause.reset();
		this.#pause.cut(force);
	}

	async #step() {
		const rooms = this.rooms;
		if (this.#cursor === null) {
			const answer = await this.#ask((signal) =>
				this.server.poll({ rooms, since: 'now', wait: 0, limit: 1, epoch: this.#epoch }, signal));
			if (answer.reset) return this.#reset(answer);
			this.#cursor = answer.next;
			this.#epoch = answer.epoch;
			if (this.#skipping) this.on({ type: 'skipped', cursor: this.#cursor });
			this.#skipping = false;
			this.#quick = false;
			this.#connected();
		}
		if (!this.#announced) {
			this.#announced = true;
			this.on(this.ready);
		}
		const wait = this.#quick ? 0 : WAIT_S;
		const asked = this.clock.now();
		const answer = await this.#ask((signal) =>
			this.server.poll({ rooms, since: this.#cursor, epoch: this.#epoch, wait }, signal));
		return this.#take(answer, wait, this.clock.now() - asked);
	}

	async #ask(request) {
		this.#abort = new AbortController();
		this.#woken = false;
		try {
			const answer = await request(this.#abort.signal);
			if (this.#stopped) throw new Failure('Stopped.');
			return answer;
		} finally {
			this.#abort = null;
		}
	}

	#take(answer, wait, tookMs) {
		this.#quick = false;
		if (answer.reset) return this.#reset(answer);
		const from = this.#cursor;
		const { next, epoch, messages } = answer;
		this.#epoch = epoch;
		this.#cursor = next;
		if (answer.gap) this.on({ type: 'gap', since: from });
		this.on({ type: 'news', from, next, epoch, messages });
		this.#batches = answer.more ? this.#batches + 1 : 0;
		if (this.#batches === BATCHES) {
			this.#batches = 0;
			this.#skipping = true;
			this.#cursor = null;
		}
		// A stopping server answers early and empty; asking again at once would run in a circle.
		if (wait && !messages.length && !answer.gap && tookMs < HASTY_MS) {
			this.#tell('connected');
			return this.#pause.next();
		}
		this.#connected();
		return 0;
	}

	async #reset({ next, epoch }) {
		this.#cursor = next;
		this.#epoch = epoch;
		this.#skipping = false;
		this.#tell('connected');
		await this.#pause.sleep(this.#pause.next());
		if (this.#stopped) return 0;
		this.on({ type: 'reset' });
		this.#announced = false;
		return 0;
	}

	#connected() {
		this.#pause.reset();
		this.#tell('connected');
	}

	async #recover(failure) {
		this.#quick = true;
		if (this.#woken) return;
		if (!failure.passing) {
			this.#tell(failure.status === 401 ? 'refused' : 'offline');
			this.on({ type: 'refused', problem: failure.message, code: failure.code });
			await this.#pause.sleep(2 ** 31 - 1); // until wake(): the same request would be refused again
		} else {
			const ms = this.#pause.next(failure);
			// Being told "offline" is a hint, not a fact, so we go on trying.
			this.#tell(this.isOnline() ? 'reconnecting' : 'offline', this.clock.now() + ms);
			await this.#pause.sleep(ms, failure.retryAfterMs);
		}
		if (!this.#stopped && this.isOnline()) this.#tell('connecting');
	}

	#tell(name, at = null) {
		if (this.state.name === name && this.state.at === at) return;
		this.state = { type: 'state', name, at };
		this.on(this.state);
	}
}
