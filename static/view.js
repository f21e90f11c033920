// view.js: the one file that touches the document.
//
// It draws what it is given and reports what the person does; it decides nothing. Whatever comes from a message goes
// through textContent, so no text can become markup.

const NEAR_END = 48; // pixels: who is this close to the end wants to stay there

const element = (id) => document.getElementById(id);

function make(name, className, ...content) {
	const node = document.createElement(name);
	if (className) node.className = className;
	node.append(...content); // strings become text, never markup
	return node;
}

function button(label, run) {
	const node = make('button', '', label);
	node.type = 'button';
	node.addEventListener('click', run);
	return node;
}

/** The day of a time as the reader's calendar has it, for comparing. */
export function dayOf(at) {
	const date = new Date(at);
	return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

const clockTime = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' });
const exactTime = new Intl.DateTimeFormat([], {
	weekday: 'long', year: 'numeric', month: 'long', day: 'numeric',
	hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, timeZoneName: 'short',
});
const dayName = new Intl.DateTimeFormat([], { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' });

// Rows written by other programs may hold anything as their time; show that rather than fail.
const format = (how, at) => (Number.isNaN(Date.parse(at)) ? String(at) : how.format(new Date(at)));

// A steady hue for each name, so that one can be followed through the list. The golden angle keeps neighbours apart.
function hueOf(name) {
	let hash = 0;
	for (const char of name) hash = (hash * 31 + char.codePointAt(0)) % 65521;
	return Math.round(hash * 137.508) % 360;
}

function size(base64) {
	const bytes = Math.floor((base64.length * 3) / 4) - (/=*$/.exec(base64)?.[0].length ?? 0);
	return bytes < 1000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(1)} kB`;
}

// What is not a plain text is shown as what it is: its arguments as JSON, its binary parts by their size.
function contentOf(message) {
	const parts = [];
	if (message.event !== 'chat message') parts.push(make('span', 'event', message.event), ' ');
	if (message.text !== undefined) parts.push(message.text);
	else if (!message.attachments?.length) parts.push(make('code', '', JSON.stringify(message.args)));
	for (const attachment of message.attachments ?? []) {
		const base64 = typeof attachment === 'string' ? attachment : '';
		parts.push(make('span', 'event', `binary, ${size(base64)}`), ' ');
	}
	const body = make('div', 'text', ...parts);
	body.dir = 'auto';
	return body;
}

function senderOf(sender) {
	const node = make('bdi', sender ? 'sender' : 'sender nobody', sender || 'no name');
	node.style.setProperty('--hue', hueOf(sender));
	return node;
}

const draw = {
	older({ before }, room) {
		const link = make('a', '', 'Earlier ones as JSON');
		link.href = `history?room=${encodeURIComponent(room)}&before=${before}`;
		return make('p', 'note', 'The newest messages. ', link);
	},

	day({ at }) {
		return make('p', 'day', make('span', '', format(dayName, at)));
	},

	note({ tone, text }) {
		return make('p', `note ${tone}`, text);
	},

	message({ message, headed }, room) {
		const article = make('article', headed ? 'headed' : '');
		article.dataset.id = message.id;
		article.tabIndex = -1; // a permalink moves the focus here
		const time = make('time', '', format(clockTime, message.at));
		time.dateTime = message.at;
		const link = make('a', 'time', time);
		link.href = `#${room}/${message.id}`;
		link.title = `${format(exactTime, message.at)}\n${message.at}`;
		link.setAttribute('aria-label', 'Permalink');
		if (headed) article.append(senderOf(message.sender));
		article.append(contentOf(message), link);
		return article;
	},

	unsent({ itemKey, sender, text, state, problem }, room, does) {
		const body = make('div', 'text', text);
		body.dir = 'auto';
		const says = {
			queued: 'Waiting for its turn',
			sending: 'Sending…',
			waiting: `Not sent yet: ${problem}`,
			failed: `Not sent: ${problem}`,
		}[state];
		const fate = make('p', 'fate', make('span', '', says));
		if (state === 'waiting' || state === 'failed') {
			const retry = button('Retry', () => does.retry(itemKey));
			const discard = button('Discard', () => does.discard(itemKey));
			fate.append(make('span', 'choice', retry, ' ', discard));
		}
		return make('article', `headed unsent ${state}`, senderOf(sender), body, fate);
	},
};

function same(a, b) {
	return Object.keys(b).every((name) => a[name] === b[name]);
}

/**
 * `does`, what the person may ask for: submit({ sender, text }), name(text), retry(key), discard(key), reconnect(),
 * ended(whether) when the reader has come to the end of the list or left it, woken() when the page is looked at again.
 */
export class View {
	#does;
	#drawn = new Map(); // row key -> { row, node }
	#room = '';
	#state = { name: 'connecting' };
	#ticker = null;
	#following = true; // the reader is at the end and wants to stay there

	constructor(does) {
		this.#does = does;
		this.#listen();
	}

	get following() {
		return this.#following;
	}

	name(text) {
		element('name').value = text;
	}

	/** Another room: an empty list. */
	room(name) {
		this.#room = name;
		this.#following = true;
		this.#drawn.clear();
		element('log').replaceChildren();
		element('log').setAttribute('aria-busy', 'true');
		element('room').textContent = `#${name}`;
		element('empty').hidden = true;
		document.title = `#${name} · Longline`;
		this.unseen(0);
	}

	/** Makes the list show these rows; only what differs is touched. `loaded`: the newest page has come. */
	rows(rows, loaded) {
		const log = element('log');
		const wanted = new Set(rows.map(({ key }) => key));
		for (const [key, { node }] of this.#drawn) {
			if (wanted.has(key)) continue;
			node.remove();
			this.#drawn.delete(key);
		}
		const nodes = rows.map((row) => this.#nodeOf(row));
		let next = log.firstElementChild;
		for (const node of nodes) {
			if (node === next) next = next.nextElementSibling;
			else log.insertBefore(node, next);
		}
		if (loaded) log.setAttribute('aria-busy', 'false');
		element('empty').hidden = !loaded || rows.length > 0;
		if (this.#following) this.toEnd();
	}

	/** How many messages have come below what the reader looks at. */
	unseen(count) {
		element('newest').hidden = this.#following;
		element('newest').textContent = count ? `${count} new ↓` : '↓';
	}

	toEnd() {
		const log = element('log');
		this.#following = true;
		log.scrollTop = log.scrollHeight;
	}

	/** Shows and marks one message; false if it is not in the list. */
	reveal(id) {
		const found = this.#drawn.get(`message ${id}`);
		element('log').querySelector('.target')?.classList.remove('target');
		if (!found) return false;
		found.node.classList.add('target');
		found.node.focus({ preventScroll: true });
		found.node.scrollIntoView({ block: 'nearest' });
		this.#scrolled();
		return true;
	}

	/** The state of the line; `at` is when the next attempt is due. */
	connection(state) {
		this.#state = state;
		clearInterval(this.#ticker);
		if (state.name === 'reconnecting') this.#ticker = setInterval(() => this.#tick(), 250);
		element('again').hidden = state.name !== 'reconnecting' && state.name !== 'offline';
		const words = { connecting: 'Connecting', connected: 'Connected', reconnecting: 'Reconnecting', offline: 'Offline' };
		// The seconds are hidden from screen readers, which would read out every one of them.
		const seconds = make('span', '');
		seconds.setAttribute('aria-hidden', 'true');
		element('connection').className = state.name;
		element('connection').replaceChildren(words[state.name], seconds);
		this.#tick();
	}

	#tick() {
		if (this.#state.name !== 'reconnecting') return;
		const left = Math.max(1, Math.ceil((this.#state.at - Date.now()) / 1000));
		const text = ` in ${left} s`;
		const seconds = element('connection').lastElementChild;
		if (seconds.textContent !== text) seconds.textContent = text;
	}

	#nodeOf(row) {
		const drawn = this.#drawn.get(row.key);
		if (drawn && same(drawn.row, row)) return drawn.node;
		const node = draw[row.kind](row, this.#room, this.#does);
		drawn?.node.replaceWith(node);
		this.#drawn.set(row.key, { row, node });
		return node;
	}

	#scrolled() {
		const log = element('log');
		const was = this.#following;
		this.#following = log.scrollHeight - log.scrollTop - log.clientHeight <= NEAR_END;
		if (this.#following !== was) this.#does.ended(this.#following);
	}

	#listen() {
		const text = element('text');
		const name = element('name');
		const log = element('log');

		const submit = () => {
			if (text.value.trim() === '') return;
			this.#following = true;
			this.#does.submit({ sender: name.value.trim(), text: text.value });
			text.value = '';
			fit();
			text.focus();
		};
		element('compose').addEventListener('submit', (event) => {
			event.preventDefault();
			submit();
		});
		text.addEventListener('keydown', (event) => {
			// While an input method composes a word, Enter belongs to it.
			if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
			event.preventDefault();
			submit();
		});
		name.addEventListener('keydown', (event) => {
			if (event.key !== 'Enter' || event.isComposing) return;
			event.preventDefault();
			text.focus();
		});
		name.addEventListener('input', () => {
			// The limit is in bytes, maxlength counts UTF-16 units.
			while (new TextEncoder().encode(name.value).length > 64) name.value = [...name.value].slice(0, -1).join('');
			this.#does.name(name.value.trim());
		});

		const fit = () => {
			text.style.height = 'auto';
			text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
		};
		text.addEventListener('input', fit);
		fit(); // a browser may have kept what was typed before a reload

		log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
		// A keyboard slid in or a turned phone must not push the newest message out of sight.
		new ResizeObserver(() => {
			if (this.#following) this.toEnd();
		}).observe(log);
		element('newest').addEventListener('click', () => {
			this.toEnd();
			this.#does.ended(true);
			text.focus();
		});
		document.addEventListener('visibilitychange', () => {
			if (document.visibilityState === 'visible') this.#does.woken();
		});
		element('again').addEventListener('click', () => this.#does.reconnect());
	}
}
