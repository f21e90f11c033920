// view.js: the document, but for what the other view-*.js do. No other file touches it.
import { nameOf } from './query.js';
import { ChangeView } from './view-change.js';
import { DayView } from './view-day.js';
import { FormView } from './view-form.js';
import { FoundView } from './view-found.js';
import { fateOf } from './view-fate.js';
import { buttons, keys } from './view-keys.js';
import { LogView } from './view-log.js';
import { RoomsView } from './view-rooms.js';
import { byId, covered, make, on, seeing } from './view-parts.js';
import { picking } from './view-pick.js';
import { clockWidth } from './view-rows.js';
import { SavedView } from './view-saved.js';
import { SignView } from './view-sign.js';

const UNDO_MS = 20_000;
const DONE_MS = 4_000;

const shows = (name) => document.body.classList.contains(name);

export class View {
	#state = { name: 'connecting' };
	#ticker = null;
	#barred = false;
	#offer = null;
	#undoable = null;
	#covered = false;
	#does;

	constructor(does) {
		this.#does = does;
		on('curl-copy', 'click', () => does.copy(byId('curl').textContent));
		this.form = new FormView(does, (...what) => this.offer(...what));
		this.log = new LogView(does);
		this.found = new FoundView(does, () => this.cover());
		this.saved = new SavedView(does);
		this.rooms = new RoomsView(this, does);
		this.sign = new SignView(does);
		this.day = new DayView(does);
		this.change = new ChangeView(does);
		buttons(this, does);
		keys(this, does);
		picking(does);
		matchMedia('(max-width: 47rem)').addEventListener('change', () => this.drawer(false));
		document.addEventListener('visibilitychange', () => does.woken());
	}

	get visible() {
		return document.visibilityState === 'visible';
	}

	get seeing() {
		return seeing();
	}

	room(name) {
		this.log.clear(name);
		this.found.room(name);
		this.form.room = name;
		byId('room').textContent = nameOf(name);
		byId('curl').textContent = this.#does.curl(name);
		byId('log').ariaBusy = 'true';
		this.drawer(false);
		this.firstUnread(false);
	}

	// What stands where messages will, or beside them, while the server cannot be reached.
	empty({ loaded, rows, trouble }) {
		const away = trouble !== '';
		byId('empty').hidden = away || (loaded && rows > 0);
		const words = loaded ? 'Nothing has been said here yet.' : 'Loading…';
		if (byId('empty-what').textContent !== words) byId('empty-what').textContent = words;
		byId('first').hidden = !loaded;
		byId('empty').classList.toggle('late', !loaded);
		byId('away').hidden = !away;
		const why = away ? `${trouble} ${loaded ? 'More messages' : 'The messages'} are asked for again.` : '';
		if (byId('away-why').textContent !== why) byId('away-why').textContent = why;
	}

	// What was refused, read aloud at once.
	alarm(item) {
		byId('alarm').textContent = `#${item.room}: ${fateOf(item).join('')}`;
	}

	// Something was done, and perhaps it can be undone for a while. Without words: no more. What can be undone comes back
	// behind what is only said.
	offer(words = '', undo = null, until = Date.now() + UNDO_MS) {
		clearTimeout(this.#offer);
		if (undo || !words) this.#undoable = undo && [words, undo, until];
		byId('undo').hidden = !words;
		byId('undo-do').hidden = !undo;
		byId('undo-what').textContent = words;
		this.undo = undo;
		const [, , end = 0] = this.#undoable ?? [];
		const next = () => this.offer(...(!undo && end > Date.now() ? this.#undoable : []));
		if (words) this.#offer = setTimeout(next, undo ? until - Date.now() : DONE_MS);
	}

	// A row is a line, its time in a column of its own.
	dense(yes) {
		byId('dense').checked = yes;
		document.body.style.setProperty('--clock', `${clockWidth + 0.5}ch`);
		this.log.steady(() => document.body.classList.toggle('dense', yes));
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
		byId('again').hidden = !['reconnecting', 'offline', 'refused'].includes(state.name);
		const seconds = make('span', '');
		seconds.ariaHidden = 'true';
		const barred = this.#barred && state.name === 'connected';
		byId('connection').className = barred ? 'offline' : state.name;
		const word = state.name === 'refused' ? 'not signed in' : state.name;
		const words = barred ? 'Connected, sending is refused' : word[0].toUpperCase() + word.slice(1);
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

	drawer(open) {
		document.body.classList.toggle('drawer', open);
		byId('menu').ariaExpanded = open;
		for (const node of document.querySelectorAll('#find, #seek, #bell, #more, #line, #found')) node.inert = open;
		this.cover();
		if (open) (byId('list').querySelector('[aria-current]') ?? byId('other')).focus();
	}

	// What lies below the rooms or the hits can neither be reached nor be read.
	cover() {
		const was = this.#covered;
		this.#covered = covered();
		for (const node of document.querySelectorAll('main > *, #compose, #fence')) node.inert = this.#covered || shows('drawer');
		if (!was || this.#covered) return;
		if (document.activeElement.matches('body, #found *')) {
			const to = document.querySelector('#log .target') ?? (matchMedia('(hover: none)').matches ? null : byId('text'));
			to?.focus({ preventScroll: true });
		}
		this.#does.uncovered();
	}

	#tick() {
		if (this.#state.name !== 'reconnecting') return;
		const text = ` in ${Math.max(1, Math.ceil((this.#state.at - Date.now()) / 1000))} s`;
		const seconds = byId('connection').lastElementChild;
		if (seconds.textContent !== text) seconds.textContent = text;
	}
}
