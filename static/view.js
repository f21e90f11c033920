// view.js: the document, but for what the other view-*.js do. No other file touches it.
import { FoundView } from './view-found.js';
import { LogView } from './view-log.js';
import { dayOf, byId, make, on, save, timeOf } from './view-rows.js';
import { senderOf } from './write.js';

export { dayOf, save };

const typing = (node) => node.matches('input:not([type=checkbox]), textarea, select');
const shows = (name) => document.body.classList.contains(name);

const field = byId('text');
const dialog = byId('options');

export class View {
	#does;
	#state = { name: 'connecting' };
	#ticker = null;
	#barred = false;
	log;
	found;

	constructor(does) {
		this.#does = does;
		this.log = new LogView({
			...does,
			pickDay: (at) => {
				byId('day').value = dayOf(at);
				this.#dialog();
				byId('day').focus();
			},
		});
		this.found = new FoundView({
			...does,
			closed: () => {
				does.closed();
				field.focus();
			},
		});
		this.#writing();
		this.#moving();
		this.#options();
		this.#keys();
		document.addEventListener('visibilitychange', () => does.woken());
	}

	get visible() {
		return document.visibilityState === 'visible';
	}

	name(text) {
		byId('name').value = senderOf(text);
	}

	draft(text) {
		field.value = text;
		this.#fit();
	}

	title(text) {
		document.title = text;
	}

	room(name) {
		this.log.clear(name);
		this.found.room(name);
		byId('room').textContent = `#${name}`;
		byId('log').ariaBusy = 'true';
		byId('empty').hidden = true;
		this.#drawer(false);
		this.firstUnread(false);
	}

	rooms(list, open) {
		const items = list.map(({ name, last, at, unread, sender, text }) => {
			const link = make('a', unread && name !== open ? 'news' : '', make('span', 'name', `#${name}`));
			link.href = `#${name}`;
			if (name === open) link.ariaCurrent = 'page';
			if (last && at) link.append(timeOf(at, true));
			if (text) link.append(make('span', 'last', make('bdi', '', `${sender ? `${sender}: ` : ''}${text.slice(0, 100)}`)));
			if (unread) link.append(make('span', 'badge', `${unread}`, make('span', 'unseen', ' unread')));
			return make('li', '', link);
		});
		const focused = document.activeElement?.closest('#list a')?.hash;
		byId('list').replaceChildren(...items);
		if (focused) byId('list').querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
		const elsewhere = list.some(({ name, unread }) => unread && name !== open);
		byId('menu').classList.toggle('news', elsewhere);
	}

	newest({ hidden, fresh, newer }) {
		const end = byId('end'); // its words are no part of the button, which has a name of its own
		const behind = newer.known ? `${newer.known}${newer.open ? '+' : ''} newer ↓` : '↓';
		const text = fresh ? `${fresh} new ↓` : behind;
		if (end.hidden !== hidden) end.hidden = hidden;
		if (end.textContent !== text) end.firstElementChild.textContent = text;
	}

	firstUnread(above) {
		byId('unread').hidden = !above;
	}

	connection(state) {
		this.#state = state;
		clearInterval(this.#ticker);
		if (state.name === 'reconnecting') this.#ticker = setInterval(() => this.#tick(), 250);
		byId('again').hidden = state.name !== 'reconnecting' && state.name !== 'offline';
		const seconds = make('span', '');
		seconds.ariaHidden = 'true';
		const barred = this.#barred && state.name === 'connected';
		byId('connection').className = barred ? 'offline' : state.name;
		const words = barred ? 'Connected, sending is refused' : state.name[0].toUpperCase() + state.name.slice(1);
		byId('connection').replaceChildren(words, seconds);
		this.#tick();
	}

	// The line may be well while all that is sent is refused.
	barred(yes) {
		if (yes === this.#barred) return;
		this.#barred = yes;
		this.connection(this.#state);
	}

	notify(on, why = '') {
		byId('notify').checked = on;
		byId('notify-why').textContent = why;
	}

	#tick() {
		if (this.#state.name !== 'reconnecting') return;
		const text = ` in ${Math.max(1, Math.ceil((this.#state.at - Date.now()) / 1000))} s`;
		const seconds = byId('connection').lastElementChild;
		if (seconds.textContent !== text) seconds.textContent = text;
	}

	#fit() {
		field.style.height = 'auto';
		field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
	}

	#writing() {
		const name = byId('name');
		const submit = () => {
			if (field.value.trim() === '') return;
			this.#does.submit({ sender: name.value.trim(), text: field.value });
			this.draft('');
			field.focus();
		};
		on('compose', 'submit', submit);
		const onEnter = (id, run) => on(id, 'keydown', (event) => {
			if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
			event.preventDefault();
			run();
		});
		onEnter('text', submit);
		onEnter('name', () => field.focus());
		on('name', 'input', () => {
			const fits = senderOf(name.value);
			if (fits !== name.value) name.value = fits;
			this.#does.name(name.value.trim());
		});
		on('text', 'input', () => {
			this.#fit();
			this.#does.draft(field.value);
		});

		const take = (files) => files?.length && this.#does.files({ sender: name.value.trim(), files: [...files] });
		const file = byId('file');
		byId('attach').hidden = false;
		on('attach', 'click', () => file.click());
		on('file', 'change', () => {
			take(file.files);
			file.value = '';
		});
		on('text', 'paste', (event) => {
			// A cell copied from a spreadsheet comes as text and as a picture of it.
			if (!event.clipboardData.files.length || event.clipboardData.types.includes('text/plain')) return;
			event.preventDefault();
			take(event.clipboardData.files);
		});
		on('body', 'dragover', (event) => event.dataTransfer.types.includes('Files') && event.preventDefault());
		on('body', 'drop', (event) => {
			if (!event.dataTransfer.files.length) return;
			event.preventDefault();
			take(event.dataTransfer.files);
		});
	}

	#moving() {
		on('newest', 'click', () => {
			this.#does.newest();
			field.focus();
		});
		on('unread', 'click', () => this.#does.firstUnread());
		on('again', 'click', () => this.#does.reconnect());
		on('menu', 'click', () => this.#drawer(!shows('drawer')));
		on('rooms', 'click', ({ target }) => target.closest('a') && this.#drawer(false));
		on('list', 'scroll', ({ target }) => {
			if (target.scrollHeight - target.scrollTop < 2 * target.clientHeight) this.#does.moreRooms();
		});
		const typed = () => byId('other').value.trim().replace(/^#/, '');
		on('other', 'focus', () => this.#does.moreRooms());
		on('other', 'input', () => this.#does.sift(typed().toLowerCase()));
		on('go', 'submit', () => {
			const room = typed();
			if (!room) return;
			byId('other').value = '';
			this.#does.sift('');
			this.#does.go(room);
		});
		document.addEventListener('click', ({ target }) => {
			const link = target.closest?.('a[href^="#"]');
			// The address may be there already, and then the browser does nothing.
			if (link && link.hash === location.hash) this.#does.again();
			if (shows('drawer') && !target.closest?.('nav, #menu')) this.#drawer(false);
		});
	}

	#drawer(open) {
		document.body.classList.toggle('drawer', open);
		byId('menu').ariaExpanded = open;
		if (open) (byId('list').querySelector('[aria-current]') ?? byId('other')).focus();
	}

	#dialog() {
		if (!dialog.open) dialog.showModal();
	}

	#options() {
		on('more', 'click', () => this.#dialog());
		on('options-close', 'click', () => dialog.close());
		on('options', 'click', ({ target }) => {
			if (target === dialog) dialog.close(); // beside it
			if (target.dataset.form) this.#does.export(target.dataset.form);
		});
		on('jump', 'submit', () => {
			dialog.close();
			this.#does.day(byId('day').value);
		});
		on('notify', 'change', () => this.#does.notify(byId('notify').checked));
	}

	#keys() {
		const keys = {
			'/': () => this.found.focus(),
			'?': () => this.#dialog(),
			j: () => this.#step(1),
			k: () => this.#step(-1),
			g: () => this.#does.oldest(),
			G: () => this.#does.newest(),
		};
		document.addEventListener('keydown', (event) => {
			if (event.defaultPrevented || event.isComposing || dialog.open || event.ctrlKey || event.metaKey) return;
			if (event.altKey) {
				const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
				if (!by) return;
				event.preventDefault();
				this.#does.walk(by);
			} else if (event.key === 'Escape') this.#escape();
			else if (!typing(event.target) && Object.hasOwn(keys, event.key)) {
				event.preventDefault();
				keys[event.key]();
			}
		});
	}

	#step(by) {
		if (document.activeElement.closest('#found')) this.found.step(by);
		else this.log.step(by);
	}

	#escape() {
		if (shows('drawer')) {
			this.#drawer(false);
			byId('menu').focus();
		} else if (this.found.open || shows('seeking')) {
			this.found.close();
		} else {
			this.#does.readAll();
			// From the field to the list, where the letters are keys, and back.
			if (document.activeElement === field) byId('log').focus();
			else field.focus();
		}
	}
}
