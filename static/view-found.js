// view-found.js: the search field and what was found, in the document.
import { element, hitOf, make, on } from './view-rows.js';

const REST_MS = 350; // of the keys, after which a search begins by itself

export class FoundView {
	#does;
	#timer = null;

	constructor(does) {
		this.#does = does;
		const query = element('query');
		query.addEventListener('input', () => {
			clearTimeout(this.#timer);
			this.#timer = setTimeout(() => this.#search(), REST_MS);
		});
		on('find', 'submit', (event) => {
			event.preventDefault();
			this.#search();
		});
		on('scope', 'change', () => this.#search());
		on('seek', 'click', () => (this.#narrow ? this.close() : this.focus()));
		on('shut', 'click', () => this.close());
		on('results', 'scroll', () => this.#edge(), { passive: true });
		on('results', 'click', ({ target }) => {
			// On a phone the list lies over the messages.
			if (target.closest('a') && element('seek').offsetParent) this.close();
		});
	}

	get open() {
		return !element('found').hidden;
	}

	get #narrow() {
		return document.body.classList.contains('seeking');
	}

	room(name) {
		const scope = element('scope');
		const all = scope.value !== 'room';
		scope.replaceChildren(make('option', '', 'All rooms'), make('option', '', `#${name}`));
		scope.firstElementChild.value = 'all';
		scope.lastElementChild.value = 'room';
		scope.value = all ? 'all' : 'room';
	}

	focus() {
		document.body.classList.add('seeking');
		element('seek').ariaExpanded = 'true';
		element('query').focus();
		element('query').select();
	}

	close() {
		clearTimeout(this.#timer);
		document.body.classList.remove('seeking');
		element('seek').ariaExpanded = 'false';
		element('found').hidden = true;
		element('query').value = '';
		element('results').replaceChildren();
		this.#does.closed();
	}

	show(hits, state) {
		const results = element('results');
		element('found').hidden = false;
		if (results.childElementCount > hits.length) results.replaceChildren();
		results.append(...hits.slice(results.childElementCount).map(hitOf));
		element('hits').textContent = state;
		this.#edge();
	}

	fresh() {
		element('results').replaceChildren();
		element('results').scrollTop = 0;
	}

	step(by) {
		const item = document.activeElement.closest('#results li');
		const next = item ? (by > 0 ? item.nextElementSibling : item.previousElementSibling) : element('results').firstElementChild;
		next?.querySelector('a').focus();
	}

	#edge() {
		const { scrollHeight, scrollTop, clientHeight } = element('results');
		if (clientHeight && scrollHeight - scrollTop - clientHeight < clientHeight) this.#does.moreHits();
	}

	#search() {
		clearTimeout(this.#timer);
		this.#does.search(element('query').value, element('scope').value);
	}
}
