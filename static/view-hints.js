// view-hints.js: the list of suggestions below the search field.
import { byId, make } from './view-parts.js';

const query = byId('query');
const list = byId('hints');

export class HintsView {
	#options = [];
	#at = -1;
	#take;

	// `take`: does what was chosen.
	constructor(take) {
		this.#take = take;
		query.addEventListener('keydown', (event) => this.#key(event));
		list.addEventListener('mousedown', (event) => event.preventDefault()); // the field keeps the focus
		list.addEventListener('click', ({ target }) => this.#choose([...list.children].indexOf(target.closest('li'))));
	}

	show(options) {
		this.#options = options;
		list.replaceChildren(...options.map(({ label, about }, i) => {
			const option = make('li', '', make('bdi', '', label), ...(about ? [make('span', 'about', about)] : []));
			option.id = `hint-${i}`;
			option.role = 'option';
			return option;
		}));
		list.hidden = !options.length;
		query.ariaExpanded = `${!list.hidden}`;
		this.#move(-1);
	}

	#move(to) {
		this.#at = to;
		for (const [i, option] of [...list.children].entries()) option.ariaSelected = `${i === to}`;
		if (to < 0) query.removeAttribute('aria-activedescendant');
		else query.setAttribute('aria-activedescendant', `hint-${to}`);
		list.children[to]?.scrollIntoView({ block: 'nearest' });
	}

	#choose(at) {
		const option = this.#options[at];
		if (!option) return;
		this.show([]);
		this.#take(option);
	}

	#key(event) {
		const { length } = this.#options;
		if (!length || event.isComposing || event.altKey) return;
		const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (by) this.#move((this.#at + 1 + by + length + 1) % (length + 1) - 1); // once round it is the field
		else if (event.key === 'Enter' && this.#at >= 0) this.#choose(this.#at);
		else if (event.key === 'Escape' && query.value) this.show([]);
		else return;
		event.preventDefault();
	}
}
