// credential.js: who is signed in here: the token, whose it is, and what else is remembered of them.
import { Memory } from './prefs.js';

const LONGEST = 8_000; // what a header of the web server takes
const TOKEN = /^(?:ll_[\w-]+|[\w-]+\.[\w-]+\.[\w-]+)$/; // one of Longline's, or a JWT
const INVITATION = /#join=(.*)$/s;
const CARRIED = ['name', 'notify', 'dense', 'drafts', 'read', 'head', 'visited', 'views', 'pins', 'bells', 'words', 'order'];

export const STRANGER = 'stranger';

// The token in what somebody pasted: itself, a header's value, or the address of an invitation. '': there is none.
export function tokenIn(text) {
	const bare = (INVITATION.exec(text)?.[1] ?? text).trim().replace(/^Bearer\s+/i, '');
	return bare.length <= LONGEST && TOKEN.test(bare) ? bare : '';
}

/** Of the part of an address behind #: the token of an invitation, '' if it is spoilt; null: it is none. */
export const invitationIn = (hash) => (INVITATION.test(hash) ? tokenIn(hash) : null);

// What a JWT says of its owner. It is the server that checks it.
export function claimsOf(token) {
	try {
		const [, middle] = token.split('.');
		const bytes = Uint8Array.from(atob(middle.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt(0));
		const { sub, name = sub } = JSON.parse(new TextDecoder().decode(bytes));
		return typeof sub === 'string' && typeof name === 'string' ? { sub, name } : null;
	} catch {
		return null;
	}
}

// 53 bits of a secret of 160: they tell persons apart, and find no secret. A page that came by plain HTTP has no
// crypto.subtle.
function digest(text) {
	let [a, b] = [0xdeadbeef, 0x41c6ce57];
	for (let i = 0; i < text.length; i += 1) {
		const unit = text.charCodeAt(i);
		a = Math.imul(a ^ unit, 2654435761);
		b = Math.imul(b ^ unit, 1597334677);
	}
	a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
	b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
	return (2 ** 32 * (b & 0x1fffff) + (a >>> 0)).toString(36);
}

// The same for the next JWT of the same user.
export function personOf(token) {
	if (!token) return STRANGER;
	const claims = claimsOf(token);
	return claims ? `user ${claims.sub}` : `token ${digest(token)}`;
}

export class Credential {
	#read;
	#write;
	#storage;
	#prefix;

	// `prefix`: what keeps two Longlines of one site apart. An invitation is taken if nobody is signed in.
	constructor(storage, prefix, invitation = '') {
		this.#storage = storage;
		this.#prefix = prefix;
		const key = `${prefix}.token`;
		this.#read = () => tokenIn(storage?.getItem(key) ?? '');
		this.#write = (token) => (token ? storage.setItem(key, token) : storage.removeItem(key));
		this.token = this.#stored;
		if (!this.token && invitation && this.keep(invitation)) this.token = invitation;
	}

	get person() {
		return personOf(this.token);
	}

	// What is kept for this person, their line of tabs too, has this name.
	scope(token = this.token) {
		return token ? `${this.#prefix} ${personOf(token)}` : this.#prefix;
	}

	// Whether another tab signed in or out since.
	get changed() {
		return this.#stored !== this.token;
	}

	// false: this browser remembers nothing. Whoever signs in for the first time brings along what the stranger had.
	keep(token) {
		try {
			this.#write(token);
		} catch {
			return false;
		}
		const [before, after] = [this.scope(), this.scope(token)].map((scope) => new Memory(this.#storage, scope));
		if (!this.token && after.get('read') === null) {
			for (const name of CARRIED) if (before.get(name) !== null) after.set(name, before.get(name));
			before.set('drafts', {});
		}
		return this.#stored === token;
	}

	forget() {
		try {
			this.#write('');
		} catch {
			// It was never there.
		}
	}

	// A fetch that says who asks.
	signed(fetch, token = this.token) {
		if (!token) return fetch;
		return (path, init = {}) => fetch(path, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } });
	}

	get #stored() {
		try {
			return this.#read();
		} catch {
			return '';
		}
	}
}

// The sender that the server gives to what is sent from here, whatever was typed: found out from what became of it.
export class GivenName {
	#sent = new Map(); // id -> the sender it was sent with
	#heard = new Map(); // id -> that of the server, heard before its own sender was answered

	constructor(learned) {
		this.learned = learned;
	}

	sent(id, sender) {
		if (this.#heard.has(id)) this.#compare(sender, this.#heard.get(id));
		else this.#remember(this.#sent, id, sender);
	}

	heard(messages) {
		for (const { id, by, sender } of messages) {
			if (by === undefined) continue;
			if (this.#sent.has(id)) this.#compare(this.#sent.get(id), sender);
			else this.#remember(this.#heard, id, sender);
		}
	}

	#compare(typed, given) {
		if (given !== typed) this.learned(given);
	}

	#remember(map, id, sender) {
		map.set(id, sender);
		if (map.size > 100) map.delete(map.keys().next().value);
	}
}
