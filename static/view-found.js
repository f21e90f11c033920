// view-found.js: the search field, what helps to write in it, and what was found.
import { EVERYWHERE } from './everywhere.js';
import { excerpt, plain } from './export.js';
import { hashOf } from './query.js';
import { has, written } from './suggest.js';
import { HintsView } from './view-hints.js';
import { button, byId, make, on, senderOf } from './view-parts.js';
import { dayOf, nameOfDay, timeOf } from './view-rows.js';
import { WordsView } from './view-words.js';

const REST_MS = 350; // of the keys, after which a search begins by itself

const query = byId('query');
const found = byId('found');
const results = byId('results');
const shows = (name, yes) => document.body.classList.toggle(name, yes);

// `about`: the search. A day's first one has its heading.
function hitOf(message, before, { text, room }) {
	const words = make('span', 'text');
	words.dir = 'auto';
	words.append(...excerpt(message.snippet ?? [plain(message)]).map((part, i) => (i % 2 ? make('mark', '', part) : part)));
	const where = room === null ? ` in #${message.room}` : '';
	const about = make('span', 'about', senderOf(message.sender, message.by), `${where} · `, timeOf(message.at, true, true));
	const link = make('a', '', about, words);
	link.href = hashOf({ ...message, query: text });
	link.dataset.id = message.id;
	const begins = before && dayOf(before.at) === dayOf(message.at) ? [] : [make('h2', 'day', nameOfDay(message.at))];
	return make('li', '', ...begins, link);
}

export class FoundView {
	#does;
	#timer = null;
	#room = '';
	#id = null; // the message that is open
	#words = new WordsView();
	#hints;
	#cover;

	// `cover`: is told that it lies over the messages, perhaps, or does no more.
	constructor(does, cover) {
		this.#does = does;
		this.#cover = cover;
		this.#hints = new HintsView(({ text, caret = text.length }) => this.write(text, caret));
		query.addEventListener('input', () => {
			clearTimeout(this.#timer);
			this.#timer = setTimeout(() => this.#search(), REST_MS);
			this.#help();
		});
		query.addEventListener('focus', () => this.#begin());
		query.addEventListener('blur', () => this.#hints.show([]));
		on('find', 'submit', () => {
			this.#hints.show([]);
			this.#search(true);
		});
		on('seek', 'click', ({ currentTarget }) => (currentTarget.ariaExpanded === 'true' ? this.close() : this.focus()));
		on('shut', 'click', () => this.close());
		on('results', 'scroll', () => this.#edge());
		on('body', 'focusin', ({ target }) => {
			if (!this.open || query.value || target.closest('#find, #found, header')) return;
			this.hide();
			this.#does.closed();
		});
	}

	get open() {
		return !found.hidden;
	}

	room(name) {
		this.#room = name;
		this.#chips();
	}

	focus() {
		this.#show();
		query.focus();
		query.select();
	}

	close() {
		this.hide();
		this.#does.closed();
		byId('text').focus();
	}

	hide() {
		clearTimeout(this.#timer);
		shows('seeking', false);
		byId('seek').ariaExpanded = 'false';
		found.hidden = true;
		query.value = '';
		this.fresh();
		this.#cover();
	}

	// What is looked for, as an address says.
	say(text) {
		query.value = text;
		this.#show();
		if (document.activeElement.closest('#saved')) results.focus();
	}

	// The message that the address names, if it was found: on a phone it is shown instead of the hits.
	at(id) {
		this.#id = id;
		shows('hit', id !== null);
		this.#cover();
		this.#current();
	}

	// What was chosen stands in the field, and is looked for.
	write(text, caret = text.length) {
		query.value = text;
		query.focus();
		query.setSelectionRange(caret, caret);
		this.#help();
		this.#search();
	}

	show(search) {
		const { hits, state, advice: { hint, offers } } = search;
		found.hidden = false;
		this.#cover();
		if (results.childElementCount > hits.length) results.replaceChildren();
		const shown = results.childElementCount;
		results.append(...hits.slice(shown).map((hit, i) => hitOf(hit, hits[shown + i - 1], search)));
		byId('hits').textContent = state;
		const meant = offers.map(({ label, text }) => button(label, () => this.write(text)));
		byId('advice').replaceChildren(...(hint ? [hint] : []), ...(meant.length ? [' Did you mean ', ...meant, '?'] : []));
		this.#words.mark(hits);
		this.#current();
		this.#edge();
	}

	// Hits were changed: each is drawn again, and one stays where one is.
	anew(search) {
		const { scrollTop } = results;
		const at = document.activeElement?.closest('#results a')?.dataset.id;
		results.replaceChildren();
		if (this.open) this.show(search);
		results.scrollTop = scrollTop;
		if (at) results.querySelector(`[data-id="${at}"]`)?.focus();
	}

	fresh() {
		results.replaceChildren();
		results.scrollTop = 0;
		this.#words.mark([]);
	}

	step(by) {
		const links = [...results.querySelectorAll('a')];
		links[links.indexOf(document.activeElement) + by]?.focus();
	}

	// Suggestions that took their time.
	late(options) {
		if (document.activeElement === query && !query.value) this.#hints.show(options);
	}

	#begin() {
		shows('hit', false);
		this.#show();
		this.#help();
	}

	#show() {
		shows('seeking', true);
		byId('seek').ariaExpanded = 'true';
		if (found.hidden) byId('hits').textContent = '';
		found.hidden = false;
		this.#cover();
		this.#chips();
	}

	#help() {
		this.#hints.show(this.#does.hints(query.value, query.selectionStart));
		this.#chips();
	}

	// Each writes its filter, or takes it away.
	#chips() {
		const chips = [
			...(this.#room === EVERYWHERE ? [] : [['This room', `in:${this.#room}`]]),
			['Last night', 'last:night'], ['Today', 'after:today'], ['7 days', 'last:7d'], ['From…', 'from:'],
		].map(([label, operator]) => {
			const chip = button(label, () => this.write(written(query.value, operator)));
			chip.ariaPressed = `${has(query.value, operator)}`;
			return chip;
		});
		const at = [...byId('chips').children].indexOf(document.activeElement);
		byId('chips').replaceChildren(...chips);
		chips[at]?.focus();
	}

	#current() {
		for (const link of results.querySelectorAll('a')) {
			const is = Number(link.dataset.id) === this.#id;
			if (is && link.ariaCurrent === null) link.scrollIntoView({ block: 'nearest' });
			link.ariaCurrent = is ? 'true' : null;
		}
	}

	#edge() {
		const { scrollHeight, scrollTop, clientHeight } = results;
		if (clientHeight && scrollHeight - scrollTop - clientHeight < clientHeight) this.#does.moreHits();
	}

	#search(again = false) {
		clearTimeout(this.#timer);
		this.#does.search(query.value, again);
	}
}
