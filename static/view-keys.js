// view-keys.js: the keys, and the buttons around the lists.
import { byId, on } from './view-parts.js';
import { keyOn } from './view-pick.js';

const typing = (node) => node.matches('input:not([type=checkbox]), textarea, select');
const shows = (name) => document.body.classList.contains(name);

const dialog = byId('options');

export function buttons(view, does) {
	on('newest', 'click', () => {
		does.newest();
		byId('text').focus();
	});
	on('unread', 'click', () => does.firstUnread());
	for (const id of ['again', 'away-again']) on(id, 'click', () => does.reconnect());
	on('undo-do', 'click', () => {
		const { undo } = view;
		view.offer();
		undo();
		view.form.focus();
	});
	on('menu', 'click', () => view.drawer(!shows('drawer')));
	const close = () => {
		byId('other').value = '';
		does.sift('');
		view.drawer(false);
	};
	on('rooms', 'click', ({ target }) => {
		if (!target.closest('a')) return;
		close();
		// On a phone it would bring the keyboard.
		if (!target.closest('#saved') && !matchMedia('(hover: none)').matches) view.form.focus();
	});
	on('list', 'scroll', ({ target }) => {
		if (target.scrollHeight - target.scrollTop < 2 * target.clientHeight) does.moreRooms();
	});
	const typed = () => byId('other').value.trim().replace(/^#/, '');
	on('other', 'focus', () => does.moreRooms());
	on('other', 'input', () => does.sift(typed()));
	const other = byId('other');
	const links = () => [...byId('list').querySelectorAll('a')];
	on('other', 'input', () => other.setCustomValidity(''));
	on('go', 'submit', () => {
		const room = typed();
		if (!room) return;
		const rooms = links().filter((link) => !link.matches('.new'));
		const called = rooms.filter(({ hash }) => hash.toLowerCase() === `#${room}`.toLowerCase());
		const { hash } = called.find((link) => link.hash === `#${room}`) ?? called[0] ?? links()[0] ?? {};
		if (!hash) {
			other.setCustomValidity('A room is called by up to 64 of A-Z, a-z, 0-9, dot, dash and underscore.');
			other.reportValidity();
			return;
		}
		close();
		location.hash = hash;
		view.form.focus();
	});
	on('go', 'keydown', (event) => event.key === 'ArrowDown' && step(event, 0));
	on('list', 'keydown', (event) => {
		const at = links().indexOf(document.activeElement);
		const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
		if (to === undefined || event.altKey) return;
		if (event.key === 'ArrowUp' && at === 0) other.focus();
		else step(event, to);
	});
	const step = (event, to) => {
		event.preventDefault();
		links().at(to)?.focus();
	};
	on('list', 'focusin', ({ target }) => {
		for (const link of links()) link.tabIndex = link === target ? 0 : -1;
	});
	document.addEventListener('click', ({ target }) => {
		const link = target.closest?.('a[href^="#"]');
		// The address may be there already, and then the browser does nothing.
		if (link && link.hash === location.hash) does.again();
		if (shows('drawer') && !target.closest?.('nav, #menu')) view.drawer(false);
	});
	on('more', 'click', () => dialog.showModal());
	on('sign-in', 'click', () => {
		dialog.close();
		does.sign();
	});
	on('sign-out', 'click', () => does.signOut());
	on('options-close', 'click', () => dialog.close());
	on('options', 'click', ({ target }) => {
		if (target === dialog) dialog.close(); // beside it
		if (target.dataset.form) does.export(target.dataset.form);
	});
	on('dense', 'change', () => does.dense(byId('dense').checked));
	on('notify', 'change', () => does.notify(byId('notify').checked));
}

export function keys(view, does) {
	const step = (by) => (document.activeElement.closest('#found') ? view.found : view.log).step(by);
	const letters = {
		'/': () => view.found.focus(),
		'?': () => dialog.showModal(),
		j: () => step(1),
		k: () => step(-1),
		g: () => does.oldest(),
		G: () => does.newest(),
		d: () => does.pick(),
		n: () => does.hit(1),
		N: () => does.hit(-1),
	};
	document.addEventListener('keydown', (event) => {
		if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]') || event.ctrlKey || event.metaKey) return;
		if (event.altKey) {
			const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
			if (!by) return;
			event.preventDefault();
			does.walk(by);
		} else if (event.key === 'Escape') escape(view, does);
		else if (!typing(event.target) && keyOn(event, does)) event.preventDefault();
		else if (!typing(event.target) && Object.hasOwn(letters, event.key)) {
			event.preventDefault();
			letters[event.key]();
		}
	});
}

function escape(view, does) {
	if (shows('drawer')) {
		view.drawer(false);
		byId('menu').focus();
	} else if (view.found.open || shows('seeking')) {
		view.found.close();
	} else if (view.form.editing) {
		does.leave();
	} else if (document.activeElement.matches('#other')) {
		byId('other').value = '';
		does.sift('');
		view.form.focus();
	} else {
		// Elsewhere it only leads back.
		if (document.activeElement.matches('body, #log, #log *, #text')) does.readAll();
		// From the field to the list, where the letters are keys, and back.
		byId(document.activeElement === byId('text') ? 'log' : 'text').focus();
	}
}
