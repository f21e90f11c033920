// view-saved.js: searches that are kept, above the rooms, and the star that keeps one.
import { EVERYWHERE } from './everywhere.js';
import { hashOf } from './query.js';
import { button, byId, make, on } from './view-parts.js';

const list = byId('saved');
const all = byId('all');
const star = byId('star');
const linksOf = () => [...list.querySelectorAll('a'), all]; // one stop of Tab

export class SavedView {
	#does;

	constructor(does) {
		this.#does = does;
		on('star', 'click', () => does.keep());
		on('rooms', 'keydown', (event) => {
			const links = linksOf();
			const at = links.indexOf(document.activeElement);
			const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
			if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
			if (event.key === 'Delete') links[at].nextElementSibling?.click();
			else if (to === links.length) byId('list').querySelector('a')?.focus();
			else if (to >= 0) links[to].focus();
			else return;
			event.preventDefault();
		});
		on('rooms', 'focusin', ({ target }) => {
			const links = linksOf();
			if (links.includes(target)) for (const link of links) link.tabIndex = link === target ? 0 : -1;
		});
	}

	// `text`: what is looked for now, in this room; `refused`: it cannot be.
	show({ list: views, full }, { room, text, refused }) {
		const kept = views.some(({ q }) => q === text);
		star.ariaPressed = `${kept}`;
		star.textContent = kept ? '★' : '☆';
		star.disabled = !text || ((full || refused) && !kept);
		star.title = full && !kept ? `${views.length} searches are kept; remove one of them first` : '';
		const focused = linksOf().indexOf(document.activeElement);
		list.replaceChildren(...views.map((view) => this.#row(view, { room, text })));
		list.hidden = !views.length;
		all.ariaCurrent = room === EVERYWHERE ? 'page' : null;
		all.tabIndex = -1;
		const links = linksOf();
		const stop = links[Math.min(focused, links.length - 1)] ?? links[0];
		stop.tabIndex = 0;
		if (focused >= 0) stop.focus();
	}

	#row({ q, n, more }, { room, text }) {
		const link = make('a', n ? 'news' : '', make('span', 'name', make('bdi', '', q)));
		link.href = hashOf({ room, query: q });
		link.title = `${q}\nDelete removes it`;
		link.tabIndex = -1; // one stop for all of them
		link.setAttribute('aria-keyshortcuts', 'Delete');
		if (q === text) link.ariaCurrent = 'true';
		if (n) link.append(make('span', 'badge', `${n}${more ? '+' : ''}`, make('span', 'unseen', ' new')));
		const remove = button('✕', () => this.#does.unkeep(q));
		remove.className = 'plain';
		remove.ariaLabel = `Remove ${q}`;
		remove.tabIndex = -1;
		return make('li', '', link, remove);
	}
}
