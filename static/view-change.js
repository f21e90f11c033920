// view-change.js: what may be done to a message, beside it: a small dialog, which asks before it deletes.
import { byId, on } from './view-parts.js';

const dialog = byId('act');
const edit = byId('act-edit');
const erase = byId('act-delete');
const cancel = byId('act-cancel');

const GAP = 4; // pixels

export class ChangeView {
	#id = null;
	#beside = null;
	#sure = false;

	constructor(does) {
		on('act-edit', 'click', () => {
			dialog.close();
			does.edit(this.#id);
		});
		on('act-delete', 'click', () => (this.#sure ? this.#erase(does) : this.#ask(true)));
		on('act-cancel', 'click', () => dialog.close());
		on('act', 'click', ({ target }) => target === dialog && dialog.close()); // beside it
		on('act', 'close', () => { // its row may have been drawn anew, or be gone
			if (document.activeElement === document.body) byId('log').querySelector(`[data-id="${this.#id}"]`)?.focus({ preventScroll: true });
		});
		on('act', 'keydown', (event) => {
			const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
			if (!by) return;
			event.preventDefault();
			const all = [edit, erase, cancel].filter(({ hidden }) => !hidden);
			all.at((all.indexOf(document.activeElement) + by) % all.length).focus();
		});
	}

	open({ id, text, sender }, mine, beside) {
		dialog.ariaLabel = mine ? 'Your message' : `Message by ${sender || 'no name'}`;
		this.#id = id;
		this.#beside = beside;
		edit.hidden = text === undefined;
		this.#ask(false);
		dialog.showModal();
		this.#place();
	}

	#place() {
		if (!this.#beside.isConnected) return; // it stays where it is
		const { top, bottom, right } = this.#beside.getBoundingClientRect();
		const { offsetWidth, offsetHeight } = dialog;
		const below = bottom + GAP + offsetHeight < innerHeight;
		dialog.style.top = `${Math.max(GAP, below ? bottom + GAP : top - GAP - offsetHeight)}px`;
		dialog.style.left = `${Math.max(GAP, Math.min(right, innerWidth - GAP) - offsetWidth)}px`;
	}

	#ask(sure) {
		this.#sure = sure;
		byId('act-ask').hidden = !sure;
		byId('act-why').textContent = '';
		if (!sure) return;
		edit.hidden = true;
		this.#place();
		cancel.focus();
	}

	async #erase(does) {
		const id = this.#id;
		erase.disabled = true;
		byId('act-why').textContent = '';
		const why = await does.erase(id);
		erase.disabled = false;
		if (id !== this.#id || !dialog.open) return;
		byId('act-why').textContent = why;
		if (why) erase.focus();
		else dialog.close();
	}
}
