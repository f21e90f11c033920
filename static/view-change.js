// view-change.js: what may be done to a message, beside it: a small menu, which asks before it deletes.
import { byId, on } from './view-parts.js';

const dialog = byId('act');
const erase = byId('act-delete');
const cancel = byId('act-cancel');
const all = [...dialog.querySelectorAll('button')];

const GAP = 4; // pixels

export class ChangeView {
	#id = null;
	#beside = null;
	#sure = false;

	constructor(does) {
		for (const one of all.filter(({ dataset }) => dataset.act)) {
			one.addEventListener('click', () => {
				dialog.close();
				does.act(one.dataset.act, this.#id);
			});
		}
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
			const there = all.filter(({ hidden }) => !hidden);
			there.at((there.indexOf(document.activeElement) + by) % there.length).focus();
		});
	}

	// `mine`: one's own; `may`: it may be changed; `as`: it is shown otherwise; `sure`: only deleted.
	open({ id, text, sender, format }, { mine, may, as, sure }, beside) {
		dialog.ariaLabel = mine ? 'Your message' : `Message by ${sender || 'no name'}`;
		this.#id = id;
		this.#beside = beside;
		byId('act-as').textContent = as ? 'Show as sent' : format === 'markdown' ? 'Show source' : 'Show as Markdown';
		this.#ask(false);
		byId('act-as').hidden = text === undefined;
		byId('act-edit').hidden = !may || text === undefined;
		erase.hidden = !may;
		byId('act-quote').hidden = byId('compose').hidden;
		dialog.showModal();
		if (sure) this.#ask(true);
		this.#place();
	}

	#place() {
		if (!this.#beside.isConnected) return; // it stays where it is
		const { top, bottom, right } = this.#beside.getBoundingClientRect();
		const { offsetWidth, offsetHeight } = dialog;
		const below = bottom + GAP + offsetHeight < innerHeight;
		const to = Math.min(below ? bottom + GAP : top - GAP - offsetHeight, innerHeight - GAP - offsetHeight);
		dialog.style.top = `${Math.max(GAP, to)}px`;
		dialog.style.left = `${Math.max(GAP, Math.min(right, innerWidth - GAP) - offsetWidth)}px`;
	}

	#ask(sure) {
		this.#sure = sure;
		byId('act-ask').hidden = !sure;
		byId('act-why').textContent = '';
		for (const one of all) one.hidden = sure && one !== erase;
		cancel.hidden = !sure;
		if (!sure) return;
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
