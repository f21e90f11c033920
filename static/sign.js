// sign.js: signing in and out, invitations, and what is done when the server does not know who asks.
import { invitationIn, personOf, tokenIn } from './credential.js';
import { Failure, Server } from './transport.js';

const LOST = 'The server does not know your token, or no longer: it may have expired, or been taken back.';
const LATER = 'The token is good, but this browser lets the page keep nothing.';

export class Sign {
	#invited = '';
	#unasked = false; // the dialog opened by itself,
	#declined = false; // and a person closed it: it does not do that again

	// `show`: the dialogs; `prefs`, `session`: what is forgotten with the person; `reload`: the page begins anew, with
	// nothing of what it showed.
	constructor({ credential, fetch, show, prefs, session, reload }) {
		Object.assign(this, { credential, fetch, show, prefs, session, reload });
	}

	get stranger() {
		return !this.credential.token;
	}

	// Whether the answer is about who asks; then it is dealt with.
	refused({ code }) {
		const ours = code === 'unauthorized' || (code === 'password' && !this.stranger);
		if (!ours || this.#declined) return ours;
		this.#unasked = true;
		this.show.ask(this.stranger ? '' : LOST, !this.stranger);
		return true;
	}

	open() {
		this.#unasked = false;
		this.show.ask('', false);
	}

	closed() {
		this.#declined ||= this.#unasked;
	}

	// A person asks for another try.
	again() {
		this.#declined = false;
	}

	async in(typed) {
		const token = tokenIn(typed);
		if (!token) {
			this.show.problem('That is no token. It begins with ll_, or has two dots (a JWT).');
			return;
		}
		this.show.busy(true);
		const problem = await this.#try(token);
		this.show.busy(false);
		if (problem) this.show.problem(problem);
		else if (!this.#keep(token)) this.show.problem(LATER);
	}

	out() {
		this.#leave();
		this.credential.forget();
		this.reload();
	}

	// Of an address: whether it was an invitation. It must leave the address before anything else is done.
	invited(hash) {
		const token = invitationIn(hash);
		if (token === null) return false;
		if (!token) this.show.ask('This invitation is spoilt: perhaps a part of its address is missing.', false);
		else if (token === this.credential.token) return true;
		else if (this.stranger) this.#take(token);
		else {
			this.#invited = token;
			this.show.choose();
		}
		return true;
	}

	take() {
		this.#take(this.#invited);
	}

	#take(token) {
		if (!this.#keep(token)) this.show.ask(LATER, false);
	}

	#keep(token) {
		if (!this.credential.keep(token)) return false;
		if (!this.stranger && personOf(token) !== this.credential.person) this.#leave();
		this.reload();
		return true;
	}

	#leave() {
		this.prefs.clear();
		this.session.clear();
	}

	// '', or why not.
	async #try(token) {
		try {
			await new Server(this.credential.signed(this.fetch, token)).rooms({ limit: 1 });
			return '';
		} catch (error) {
			if (!(error instanceof Failure)) throw error;
			return error.unknown ? 'The server does not know this token. It may be misspelt, or have expired.' : error.message;
		}
	}
}
