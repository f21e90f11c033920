// live.js: follows rooms by one held poll: CONNECTING -> CONNECTED <-> RECONNECTING | OFFLINE, until stop().
//
// It knows no document and no message list, so another page, or a program, can use it as it is.
import { Backoff, Failure, Pause, browserClock } from './transport.js';

const WAIT_S = 25; // how long the server may hold a poll
const HASTY_MS = 1_000; // a held poll that ends empty this soon was not held
const BATCHES = 4; // who has missed more than this reads pages instead of being flooded

/**
 * Brings what is new from the moment on in which it says `ready`; what was before is read from /history after that
 * moment, so that nothing falls between. `on(event)` is told plain objects, fit to be handed on to another tab:
 *   { type: 'state', name, at }             connecting, connected, reconnecting (at: when), offline (at: when, or null)
 *   { type: 'ready', rooms, cursor, epoch } from this cursor on these rooms are followed
 *   { type: 'news', from, next, epoch, messages }  everything above `from` and up to `next`, in order
 *   { type: 'gap', since }                  something after this id was deleted before we could get it
 *   { type: 'skipped', cursor }             up to here so much was missed that it is not brought
 *   { type: 'reset' }                       another log; what was shown is void
 *   { type: 'refused', problem }            the server will not have our request; wake() tries again
 */
export class Live {
	#server;
	#clock;
	#isOnline;
	#on;
	#rooms;
	#pause;
	#backoff;
	#abort = null;
	#interrupted = ''; // why we gave up the request under way: 'wake' or 'rooms'
	#stopped = true;
	#state = { name: '' };
	#cursor;
	#epoch;
	#announced = null; // the rooms last said to be ready
	#batches = 0; // cut answers in a row
	#skipping = false;
	#quick = true; // whether the next poll asks to be answered at once, to learn soon that the line works

	/** `cursor` and `epoch`: where another one stopped, if one did. */
	constructor(server, options) {
		const { rooms, on, cursor = null, epoch = null } = options;
		const { clock = browserClock, random = Math.random, isOnline = () => true } = options;
		this.#server = server;
		this.#clock = clock;
		this.#isOnline = isOnline;
		this.#on = on;
		this.#rooms = rooms;
		this.#cursor = cursor;
		this.#epoch = epoch;
		this.#pause = new Pause(clock);
		this.#backoff = new Backoff({ random });
	}

	get state() {
		return this.#state;
	}

	/** What a newcomer must know, or null. */
	get ready() {
		if (this.#cursor === null || !this.#announced) return null;
		return { type: 'ready', rooms: this.#announced, cursor: this.#cursor, epoch: this.#epoch };
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

	/** Follows these rooms from the next request on, which is made now. */
	watch(rooms) {
		if (String(rooms) === String(this.#rooms)) return;
		this.#rooms = rooms;
		if (!this.#abort) return;
		this.#interrupted ||= 'rooms';
		this.#abort.abort();
	}

	/**
	 * Something happened that may have mended or broken the line. A held poll may hang on a connection that is long gone,
	 * so it is given up for a quick one. `force`: a person asked, so even Retry-After does not delay it.
	 */
	wake({ force = false } = {}) {
		if (this.#abort) {
			if (this.#quick) return; // already asking
			this.#interrupted = 'wake';
			this.#abort.abort();
			return;
		}
		this.#backoff.reset();
		this.#pause.cut(force);
	}

	// One request; answers how long to rest before the next.
	async #step() {
		const rooms = this.#rooms;
		if (this.#cursor === null) {
			const answer = await this.#ask((signal) =>
				this.#server.poll({ rooms, since: 'now', wait: 0, limit: 1, epoch: this.#epoch }, signal));
			if (answer.reset) return this.#reset(answer);
			this.#cursor = answer.next;
			this.#epoch = answer.epoch;
			if (this.#skipping) this.#on({ type: 'skipped', cursor: this.#cursor });
			this.#skipping = false;
			this.#quick = false;
			this.#connected();
		}
		this.#announce(rooms);
		const wait = this.#quick ? 0 : WAIT_S;
		const asked = this.#clock.now();
		const answer = await this.#ask((signal) =>
			this.#server.poll({ rooms, since: this.#cursor, epoch: this.#epoch, wait }, signal));
		return this.#take(answer, wait, this.#clock.now() - asked);
	}

	async #ask(request) {
		this.#abort = new AbortController();
		this.#interrupted = '';
		try {
			const answer = await request(this.#abort.signal);
			// Stopped while the answer was on its way: nobody listens any more.
			if (this.#stopped) throw new Failure('Stopped.');
			return answer;
		} finally {
			this.#abort = null;
		}
	}

	#announce(rooms) {
		if (this.#announced === rooms) return;
		this.#announced = rooms;
		this.#on(this.ready);
	}

	#take(answer, wait, tookMs) {
		this.#quick = false;
		if (answer.reset) return this.#reset(answer);
		const from = this.#cursor;
		const { next, epoch, messages } = answer;
		this.#epoch = epoch;
		this.#cursor = next;
		if (answer.gap) this.#on({ type: 'gap', since: from });
		this.#on({ type: 'news', from, next, epoch, messages });
		this.#batches = answer.more ? this.#batches + 1 : 0;
		if (this.#batches === BATCHES) {
			this.#batches = 0;
			this.#skipping = true;
			this.#cursor = null;
		}
		// A stopping server answers its held polls early and empty. Asking again at once would run in a circle.
		if (wait && !messages.length && !answer.gap && tookMs < HASTY_MS) {
			this.#tell('connected');
			return this.#backoff.next();
		}
		this.#connected();
		return 0;
	}

	// Every page there is is told the same and will ask for its newest messages, so each rests a while of its own.
	async #reset({ next, epoch }) {
		this.#cursor = next;
		this.#epoch = epoch;
		this.#skipping = false;
		this.#tell('connected');
		await this.#pause.sleep(this.#backoff.next());
		if (this.#stopped) return 0;
		this.#on({ type: 'reset' });
		this.#announced = null;
		return 0;
	}

	#connected() {
		this.#backoff.reset();
		this.#tell('connected');
	}

	async #recover(failure) {
		const why = this.#interrupted;
		this.#interrupted = '';
		if (why === 'rooms') return;
		this.#quick = true;
		if (why) return;
		if (!failure.passing) {
			this.#tell('offline');
			this.#on({ type: 'refused', problem: failure.message });
			await this.#pause.sleep(2 ** 31 - 1); // until wake(): the same request would be refused again
		} else {
			const ms = failure.retryAfterMs + this.#backoff.next();
			// Being told "offline" is a hint, not a fact, so we go on trying.
			this.#tell(this.#isOnline() ? 'reconnecting' : 'offline', this.#clock.now() + ms);
			await this.#pause.sleep(ms, failure.retryAfterMs);
		}
		if (!this.#stopped && this.#isOnline()) this.#tell('connecting');
	}

	#tell(name, at = null) {
		if (this.#state.name === name && this.#state.at === at) return;
		this.#state = { type: 'state', name, at };
		this.#on(this.#state);
	}
}
