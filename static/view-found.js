// view-found.js: the search field and what was found.
import { byId, make, on } from './view-parts.js';
import { hitOf } from './view-rows.js';

const REST_MS = 350; // of the keys, after which a search begins by itself

const query = byId('query');
const results = byId('results');

export class FoundView {
	#does;
	#timer = null;

	constructor(does) {
		this.#does = does;
		query.addEventListener('input', () => {
			clearTimeout(this.#timer);
			this.#timer = setTimeout(() => this.#search(), REST_MS);
		});
		on('find', 'submit', () => this.#search());
		on('scope', 'change', () => this.#search());
		on('seek', 'click', ({ currentTarget }) => (currentTarget.ariaExpanded === 'true' ? this.close() : this.focus()));
		on('shut', 'click', () => this.close());
		on('results', 'scroll', () => this.#edge());
		on('results', 'click', ({ target }) => {
			// On a phone the list lies over the messages.
			if (target.closest('a') && byId('seek').offsetParent) this.close();
		});
	}

	get open() {
		return !byId('found').hidden;
	}

	room(name) {
		const scope = byId('scope');
		const all = scope.value !== 'room';
		scope.replaceChildren(make('option', '', 'All rooms'), make('option', '', `#${name}`));
		scope.firstElementChild.value = 'all';
		scope.lastElementChild.value = 'room';
		scope.value = all ? 'all' : 'room';
	}

	focus() {
		document.body.classList.add('seeking');
		byId('seek').ariaExpanded = 'true';
		query.focus();
		query.select();
	}

	close() {
		clearTimeout(this.#timer);
		document.body.classList.remove('seeking');
		byId('seek').ariaExpanded = 'false';
		byId('found').hidden = true;
		query.value = '';
		results.replaceChildren();
		this.#does.closed();
		byId('text').focus();
	}

	show(hits, state) {
		byId('found').hidden = false;
		if (results.childElementCount > hits.length) results.replaceChildren();
		results.append(...hits.slice(results.childElementCount).map(hitOf));
		byId('hits').textContent = state;
		this.#edge();
	}

	// Hits were changed: each is drawn again, and one stays where one is.
	anew(hits, state) {
		const { scrollTop } = results;
		const at = document.activeElement?.closest('#results a')?.hash;
		results.replaceChildren();
		if (this.open) this.show(hits, state);
		results.scrollTop = scrollTop;
		if (at) results.querySelector(`a[href="${CSS.escape(at)}"]`)?.focus();
	}

	fresh() {
		results.replaceChildren();
		results.scrollTop = 0;
	}

	step(by) {
		const links = [...results.querySelectorAll('a')];
		links[links.indexOf(document.activeElement) + by]?.focus();
	}

	#edge() {
		const { scrollHeight, scrollTop, clientHeight } = results;
		if (clientHeight && scrollHeight - scrollTop - clientHeight < clientHeight) this.#does.moreHits();
	}

	#search() {
		clearTimeout(this.#timer);
		this.#does.search(query.value, byId('scope').value);
	}
}
