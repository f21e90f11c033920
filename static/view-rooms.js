// view-rooms.js: the list of rooms, and what is said of it all in the title and the icon; the keys that belong to it.
import { EVERYWHERE } from './everywhere.js';
import { nameOf } from './query.js';
import { byId, make, on } from './view-parts.js';
import { dayOf, timeOf } from './view-rows.js';

const list = byId('list');
const SAID = { all: 'all messages', words: 'alarm words only', muted: 'muted' };

function renew(node, now) {
	node.className = now.className;
	[...now.children].forEach((part, i) => {
		const { className, ariaCurrent, ariaPressed } = part;
		Object.assign(node.children[i], { className, ariaCurrent, ariaPressed });
		node.children[i].replaceChildren(...part.childNodes);
	});
}

// A node that is moved between press and release is not clicked, so what can stay does.
function arrange(nodes) {
	const wanted = new Set(nodes);
	for (const node of [...list.children]) if (!wanted.has(node)) node.remove();
	let next = list.firstElementChild;
	for (const node of nodes) {
		if (node !== next && next && next.nextElementSibling === node) {
			const moved = next; // it goes further down
			next = node;
			moved.remove();
		}
		if (node === next) next = next.nextElementSibling;
		else list.insertBefore(node, next);
	}
}

export class RoomsView {
	#open = ''; // the room that was brought into sight
	#drawn = new Map(); // by name: what it is made of, as JSON, and its li
	#does;

	constructor(view, does) {
		this.#does = does;
		on('read-all', 'click', () => does.readRooms());
		on('order', 'change', ({ target }) => does.order(target.value));
		on('level', 'change', ({ target }) => does.ring(target.value));
		on('words', 'change', ({ target }) => does.words(target.value));
		list.addEventListener('keydown', (event) => {
			const { hash } = document.activeElement;
			if (event.key !== 'p' || !hash || event.ctrlKey || event.metaKey || event.altKey) return;
			event.preventDefault();
			does.pin(hash.slice(1));
		});
		for (const type of ['pointerleave', 'focusout']) list.addEventListener(type, () => does.left());
		document.addEventListener('keydown', (event) => {
			const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
			if (altKey || document.querySelector('dialog[open]')) return;
			if ((ctrlKey || metaKey) && !shiftKey && key.toLowerCase() === 'k') {
				if (byId('menu').offsetParent) view.drawer(true);
				byId('other').focus();
				byId('other').select();
			} else if (key === 'Escape' && shiftKey && !ctrlKey && !metaKey) does.readRooms();
			else return;
			event.preventDefault();
		}, true);
	}

	// Its order is to stand still.
	get held() {
		return list.matches(':hover, :has(a:focus)'); // a pin that was clicked keeps the focus
	}

	// `typed`: the name of a room that could be made; `failed`: rooms in which something could not be sent.
	show(rooms, { open, total, alarm, any, typed, failed }) {
		const count = total ? `(${alarm ? '!' : ''}${total}) ` : '';
		document.title = `${failed.length ? '! ' : ''}${count}${nameOf(open || EVERYWHERE)} · Longline`;
		this.#icon(total && (alarm ? '-alarm' : '-news'));
		byId('read-all').disabled = !any;
		const before = this.#drawn;
		this.#drawn = new Map();
		const today = dayOf(new Date());
		const items = rooms.map((room) => this.#item(before, room.name, [room, room.name === open, failed.includes(room.name), today], () => this.#row(room, open, failed)));
		if (typed) {
			items.push(this.#item(before, `+${typed}`, typed, () => {
				const link = make('a', 'new', `Create #${typed}`);
				link.href = `#${typed}`;
				link.tabIndex = -1;
				return make('li', '', link);
			}));
		}
		const focused = document.activeElement?.closest('#list a')?.hash;
		const was = list.querySelector('[aria-current]');
		const kept = this.#open !== open || (was && this.#inSight(was) && !this.held);
		arrange(items);
		for (const link of list.querySelectorAll('a')) link.tabIndex = -1;
		const stop = (focused && list.querySelector(`a[href="${CSS.escape(focused)}"]`)) || list.querySelector('[aria-current], a');
		if (stop) stop.tabIndex = 0;
		if (focused && stop !== document.activeElement) stop?.focus({ preventScroll: true });
		byId('menu').classList.toggle('news', rooms.some(({ name, unread, muted }) => unread && !muted && name !== open));
		byId('menu').classList.toggle('alarm', alarm);
		const current = list.querySelector('[aria-current]');
		if (!kept || !current) return;
		this.#open = open;
		if (!this.#inSight(current)) current.scrollIntoView({ block: 'nearest' });
	}

	// The node that there is, so that a press on it becomes a click; what is other in it is put in.
	#item(before, name, what, row) {
		const made = JSON.stringify(what);
		const old = before.get(name);
		const node = old?.node ?? row();
		if (old && old.made !== made) renew(node, row());
		this.#drawn.set(name, { made, node });
		return node;
	}

	#inSight(link) {
		const [{ top, bottom }, box] = [link, list].map((node) => node.getBoundingClientRect());
		return top >= box.top && bottom <= box.bottom;
	}

	// What is chosen for all rooms,
	wishes({ order, typed }) {
		byId('order').value = order;
		byId('words').value = typed;
	}

	// and for the open one.
	level(level, open) {
		byId('bell').hidden = !open;
		byId('level').value = level;
		byId('bell').dataset.level = level;
		byId('bell').title = `Notify: ${SAID[level]}`;
	}

	#row({ name, last, at, unread, sender, text, alarm, pinned, muted }, open, failed) {
		const link = make('a', unread && name !== open ? 'news' : '', make('span', 'name', `#${name}`));
		link.href = `#${name}`;
		link.tabIndex = -1; // one stop for all of them; arrow keys go through them
		if (name === open) link.ariaCurrent = 'page';
		if (last && at) link.append(timeOf(at, true));
		if (text) link.append(make('span', 'last', make('bdi', '', `${sender ? `${sender}: ` : ''}${text.slice(0, 100)}`)));
		if (failed.includes(name)) link.append(make('span', 'failure', 'not sent'));
		const what = alarm ? ' unread, with an alarm' : ' unread';
		if (unread) link.append(make('span', 'badge', `${alarm ? '! ' : ''}${unread}`, make('span', 'unseen', what)));
		if (muted) link.append(make('span', 'unseen', ' muted'));
		const pin = make('button', 'pin', pinned ? '★' : '☆');
		pin.tabIndex = -1; // p on the link does the same
		pin.ariaLabel = `Pin #${name}`;
		pin.ariaPressed = String(pinned);
		pin.title = 'Pin (p)';
		pin.addEventListener('click', () => this.#does.pin(name));
		return make('li', `${pinned ? 'pinned ' : ''}${muted ? 'muted ' : ''}${alarm ? 'alarm' : ''}`.trim(), link, pin);
	}

	#icon(which) {
		const icon = document.querySelector('link[rel=icon]');
		const now = icon.getAttribute('href');
		const href = now.replace(/favicon[a-z-]*\.svg$/, `favicon${which || ''}.svg`); // below a path that may have a hash
		if (now !== href) icon.setAttribute('href', href);
	}
}
