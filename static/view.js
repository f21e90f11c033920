// view.js: the document, but for the list (view-log.js) and what was found (view-found.js). No other file touches it.
import { FoundView } from './view-found.js';
import { LogView } from './view-log.js';
import { dayOf, element, make, on, save, timeOf } from './view-rows.js';
import { cut } from './write.js';

export { dayOf, save };

const STATES = { connecting: 'Connecting', connected: 'Connected', reconnecting: 'Reconnecting', offline: 'Offline' };
const NAME_BYTES = 64;

const typing = (node) => node.matches('input:not([type=checkbox]), textarea, select');

export class View {
	#does;
	#state = { name: 'connecting' };
	#ticker = null;
	log;
	found;

	constructor(does) {
		this.#does = does;
		this.log = new LogView({
			...does,
			pickDay: (at) => {
				element('day').value = dayOf(at).replace(/-(\d)(?!\d)/g, '-0$1');
				this.#dialog();
				element('day').focus();
			},
		});
		this.found = new FoundView({
			...does,
			closed: () => {
				does.closed();
				element('text').focus();
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
		element('name').value = text;
	}

	draft(text) {
		element('text').value = text;
		this.#fit();
	}

	title(text) {
		document.title = text;
	}

	room(name) {
		this.log.clear(name);
		this.found.room(name);
		element('room').textContent = `#${name}`;
		element('log').ariaBusy = 'true';
		element('empty').hidden = true;
		this.#drawer(false);
		this.firstUnread('');
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
		element('list').replaceChildren(...items);
		this.#sift();
		if (focused) element('list').querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
		const elsewhere = list.some(({ name, unread }) => unread && name !== open);
		element('menu').classList.toggle('news', elsewhere);
	}

	// What is typed to open a room shows those that have it in their names.
	#sift() {
		const part = element('other').value.trim().replace(/^#/, '').toLowerCase();
		for (const item of element('list').children) item.hidden = !item.querySelector('.name').textContent.toLowerCase().includes(part, 1);
	}

	newest({ hidden, fresh, newer }) {
		const button = element('newest');
		const behind = newer.known ? `${newer.known}${newer.open ? '+' : ''} newer ↓` : '↓';
		const text = fresh ? `${fresh} new ↓` : behind;
		if (button.hidden !== hidden) button.hidden = hidden;
		if (button.textContent !== text) button.textContent = text;
	}

	firstUnread(text) {
		element('unread').hidden = !text;
		element('unread').textContent = text;
	}

	connection(state) {
		this.#state = state;
		clearInterval(this.#ticker);
		if (state.name === 'reconnecting') this.#ticker = setInterval(() => this.#tick(), 250);
		element('again').hidden = state.name !== 'reconnecting' && state.name !== 'offline';
		const seconds = make('span', '');
		seconds.ariaHidden = 'true';
		element('connection').className = state.name;
		element('connection').replaceChildren(STATES[state.name], seconds);
		this.#tick();
	}

	notify(on, why = '') {
		element('notify').checked = on;
		element('notify-why').textContent = why;
	}

	#tick() {
		if (this.#state.name !== 'reconnecting') return;
		const text = ` in ${Math.max(1, Math.ceil((this.#state.at - Date.now()) / 1000))} s`;
		const seconds = element('connection').lastElementChild;
		if (seconds.textContent !== text) seconds.textContent = text;
	}

	#fit() {
		const text = element('text');
		text.style.height = 'auto';
		text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
	}

	#writing() {
		const text = element('text');
		const name = element('name');
		const submit = () => {
			if (text.value.trim() === '') return;
			this.#does.submit({ sender: name.value.trim(), text: text.value });
			this.draft('');
			text.focus();
		};
		on('compose', 'submit', (event) => {
			event.preventDefault();
			submit();
		});
		text.addEventListener('keydown', (event) => {
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
			const fits = cut(name.value, NAME_BYTES);
			if (fits !== name.value) name.value = fits;
			this.#does.name(name.value.trim());
		});
		text.addEventListener('input', () => {
			this.#fit();
			this.#does.draft(text.value);
		});

		const take = (files) => files?.length && this.#does.files({ sender: name.value.trim(), files: [...files] });
		const file = element('file');
		element('attach').hidden = false;
		on('attach', 'click', () => file.click());
		file.addEventListener('change', () => {
			take(file.files);
			file.value = '';
		});
		text.addEventListener('paste', (event) => {
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
			element('text').focus();
		});
		on('unread', 'click', () => this.#does.firstUnread());
		on('again', 'click', () => this.#does.reconnect());
		on('menu', 'click', () => this.#drawer(!document.body.classList.contains('drawer')));
		on('rooms', 'click', ({ target }) => target.closest('a') && this.#drawer(false));
		on('list', 'scroll', ({ target }) => {
			if (target.scrollHeight - target.scrollTop < 2 * target.clientHeight) this.#does.moreRooms();
		});
		on('other', 'input', () => {
			this.#does.moreRooms();
			this.#sift();
		});
		on('go', 'submit', (event) => {
			event.preventDefault();
			const room = element('other').value.trim().replace(/^#/, '');
			if (!room) return;
			element('other').value = '';
			this.#sift();
			this.#does.go(room);
		});
		document.addEventListener('click', ({ target }) => {
			const link = target.closest?.('a[href^="#"]');
			// The address may be there already, and then the browser does nothing.
			if (link && link.hash === location.hash) this.#does.again();
			if (document.body.classList.contains('drawer') && !target.closest?.('nav, #menu')) this.#drawer(false);
		});
	}

	#drawer(open) {
		document.body.classList.toggle('drawer', open);
		element('menu').ariaExpanded = open;
		if (open) (element('list').querySelector('[aria-current]') ?? element('other')).focus();
	}

	#dialog() {
		if (!element('options').open) element('options').showModal();
	}

	#options() {
		const dialog = element('options');
		on('more', 'click', () => this.#dialog());
		on('options-close', 'click', () => dialog.close());
		dialog.addEventListener('click', ({ target }) => {
			if (target === dialog) dialog.close(); // beside it
			if (target.dataset.form) this.#does.export(target.dataset.form);
		});
		on('jump', 'submit', (event) => {
			event.preventDefault();
			dialog.close();
			this.#does.day(element('day').value);
		});
		on('notify', 'change', () => this.#does.notify(element('notify').checked));
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
			if (event.defaultPrevented || event.isComposing || element('options').open) return;
			if (event.altKey && !event.ctrlKey && !event.metaKey && /^Arrow(Up|Down)$/.test(event.key)) {
				event.preventDefault();
				this.#does.walk(event.key === 'ArrowUp' ? -1 : 1);
				return;
			}
			if (event.ctrlKey || event.metaKey || event.altKey) return;
			if (event.key === 'Escape') this.#escape();
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
		if (document.body.classList.contains('drawer')) {
			this.#drawer(false);
			element('menu').focus();
		} else if (this.found.open || document.body.classList.contains('seeking')) {
			this.found.close();
		} else {
			this.#does.readAll();
			// From the field to the list, where the letters are keys, and back.
			if (document.activeElement === element('text')) element('log').focus();
			else element('text').focus();
		}
	}
}
