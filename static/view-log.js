// view-log.js: the list of messages: which rows, and where the reader stands whatever comes.
import { relink } from './view-content.js';
import { sound } from './view-alarm.js';
import { byId, seeing } from './view-parts.js';
import { draw, spoken } from './view-rows.js';

const NEAR_END = 48; // pixels; who is this close wants to stay there
const SAY_MS = 1_000;
const VIEWS = 50; // that are told at a time
const AHEAD = 1.5; // screens: pages are fetched this early

const same = (a, b) => Object.keys(b).every((name) => a[name] === b[name]);

export class LogView {
	#does;
	#log = byId('log');
	#drawn = new Map();
	#context;
	#complete = false; // the last row is the newest there is
	following = true; // the reader stays at the end
	#more = 0; // that will be read aloud
	#look = null;
	#held = null; // { key, top }: the row he reads, and where it stands in his sight
	#views = []; // what was in sight since it was last told: each from this id to that
	#open = null; // the article whose links are in the tab order

	constructor(does) {
		this.#does = does;
		this.#context = { room: '', as: new Map(), does };
		this.#log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
		this.#log.addEventListener('focusin', ({ target }) => this.#enter(target.closest('article')));
		addEventListener('beforeprint', () => {
			for (const more of this.#log.querySelectorAll('.cut')) more.click();
		});
		new ResizeObserver(() => {
			if (this.following) this.toEnd();
			else {
				const node = this.#drawn.get(this.#held?.key)?.node;
				if (node) this.#log.scrollTop = node.offsetTop - this.#held.top;
			}
			this.#edges();
		}).observe(this.#log);
	}

	clear(room) {
		this.#views = [];
		this.#context = { ...this.#context, room, as: new Map() };
		this.following = true;
		this.#complete = false;
		this.#drawn.clear();
		this.#log.replaceChildren();
	}

	rows(rows, { complete, busy, loaded, place }) {
		const log = this.#log;
		// Its key and lower edge, since it may lose its heading to one loaded above, and is drawn anew then.
		const anchor = this.following ? null : this.#keyOf(this.#firstInSight());
		const stood = this.#bottom(anchor);
		const { scrollTop } = log; // a list that grows shorter below cuts it
		const focused = log.contains(document.activeElement);
		const wanted = new Set(rows.map(({ key }) => key));
		for (const [key, { node }] of this.#drawn) {
			if (wanted.has(key)) continue;
			node.remove();
			this.#drawn.delete(key);
		}
		const nodes = rows.map((row) => this.#nodeOf(row));
		let next = log.firstElementChild;
		for (const node of nodes) {
			if (node === next) next = next.nextElementSibling;
			else log.insertBefore(node, next);
		}
		if (focused && !log.contains(document.activeElement)) log.focus({ preventScroll: true });
		log.ariaBusy = busy || !loaded;
		this.#complete = complete;
		if (place) place();
		else if (this.following && complete) this.toEnd();
		else if (anchor) log.scrollTop = scrollTop + (this.#bottom(anchor) - stood || 0);
		this.#scrolled();
	}

	toEnd() {
		this.following = true;
		this.#log.scrollTop = this.#log.scrollHeight;
	}

	reveal(key, { target = false } = {}) {
		this.unmark();
		const node = this.#drawn.get(key)?.node;
		if (!node) return false;
		this.following = false;
		if (target) {
			node.classList.add('target');
			node.focus({ preventScroll: true });
		}
		this.#log.scrollTop = node.offsetTop - this.#log.clientHeight / (target ? 3 : 8);
		return true;
	}

	unmark() {
		this.#log.querySelector('.target')?.classList.remove('target');
	}

	// Where one is: null at the end, else a message, and how far below the upper edge it stands.
	get place() {
		return this.following || !this.#held ? null : this.#held;
	}

	stand({ key, top }) {
		const node = this.#drawn.get(key)?.node;
		if (!node) return;
		this.following = false;
		this.#log.scrollTop = node.offsetTop - top;
	}

	shownAs(id) {
		return this.#context.as.get(id) ?? null;
	}

	// Otherwise than it was sent; null: as it was.
	showAs(id, as) {
		const key = `message ${id}`;
		const { row, node } = this.#drawn.get(key) ?? {};
		if (!row) return;
		this.#context.as.set(id, as);
		this.#drawn.set(key, { row: {}, node });
		this.steady(() => this.#nodeOf(row), key);
	}

	// Whatever becomes larger or smaller, one stays at the end, or else where one reads.
	steady(change, key = this.#held?.key) {
		const { following } = this;
		const top = this.#drawn.get(key)?.node.offsetTop - this.#log.scrollTop;
		change();
		if (following) this.toEnd();
		else this.stand({ key, top });
	}

	// Rooms and people became known.
	relink() {
		relink(this.#log, this.#does.leads);
	}

	show(key) {
		this.#drawn.get(key)?.node.scrollIntoView({ block: 'nearest' });
	}

	backTo(key) {
		const node = this.#drawn.get(key)?.node;
		if (node && node.offsetTop < this.#log.scrollTop) this.reveal(key);
	}

	toTop() {
		this.following = false;
		this.#log.scrollTop = 0;
	}

	step(by) {
		const way = by > 0 ? 'nextElementSibling' : 'previousElementSibling';
		const from = document.activeElement.closest('#log article');
		let node = from ? from[way] : this.#firstInSight();
		while (node && node.tagName !== 'ARTICLE') node = node[way];
		if (!node) return;
		node.focus({ preventScroll: true });
		node.scrollIntoView({ block: 'nearest' });
	}

	// How many came that are not in sight; of a flood now and then.
	announceMore(fresh) {
		const first = !this.#more;
		this.#more = fresh;
		if (!first) return;
		setTimeout(() => {
			byId('announce').textContent = `${this.#more} new below`;
			this.#more = 0;
		}, SAY_MS);
	}

	announce(messages, alarm) {
		const alarms = messages.filter(alarm);
		const count = alarms.length ? `${messages.length} new messages, an alarm among them` : `${messages.length} new messages`;
		const said = messages.length > 3 ? [count] : messages.map((message) => `${alarms.includes(message) ? 'Alarm: ' : ''}${spoken(message)}`);
		byId('announce').textContent = said.join('\n');
	}

	#nodeOf(row) {
		const drawn = this.#drawn.get(row.key);
		if (drawn && same(drawn.row, row)) return drawn.node;
		const node = draw[row.kind](row, this.#context);
		if (row.alarm) sound(node, row.alarm);
		if (drawn?.node.classList.contains('target')) node.classList.add('target');
		const focused = drawn?.node.contains(document.activeElement);
		drawn?.node.replaceWith(node);
		if (focused) node.focus({ preventScroll: true });
		this.#drawn.set(row.key, { row, node });
		return node;
	}

	// Only the article that has the focus has its links in the tab order.
	#enter(article) {
		if (article === this.#open || !article?.dataset.id) return;
		for (const [node, index] of [[this.#open, -1], [article, 0]]) {
			for (const inside of node?.querySelectorAll('a, button') ?? []) inside.tabIndex = index;
		}
		this.#open = article;
	}

	#keyOf(article) {
		return article && `message ${article.dataset.id}`;
	}

	#bottom(key) {
		const node = this.#drawn.get(key)?.node;
		return node && node.offsetTop + node.offsetHeight;
	}

	#rowAt(line) {
		const { children } = this.#log;
		let [low, high] = [0, children.length];
		while (low < high) {
			const middle = (low + high) >> 1;
			if (children[middle].offsetTop + children[middle].offsetHeight <= line) low = middle + 1;
			else high = middle;
		}
		return children[low] ?? null;
	}

	#firstInSight() {
		let node = this.#rowAt(this.#log.scrollTop);
		while (node && !node.dataset.id) node = node.nextElementSibling;
		return node;
	}

	#scrolled() {
		const { scrollHeight, scrollTop, clientHeight } = this.#log;
		const was = this.following;
		this.following = this.#complete && scrollHeight - scrollTop - clientHeight <= NEAR_END;
		if (this.following !== was) this.#does.ended(this.following);
		this.#edges();
		const node = this.#firstInSight();
		this.#held = node && { key: this.#keyOf(node), top: node.offsetTop - scrollTop };
		this.#does.sight(this.#drawn.get(this.#held?.key)?.row.message.at);
		this.#view(node);
		this.#look ??= setTimeout(() => this.#notice(), 150);
	}

	#view(first) {
		if (!seeing()) return;
		const end = this.#log.scrollTop + this.#log.clientHeight + 4;
		let node = this.#rowAt(end - 8) ?? this.#log.lastElementChild;
		// To its end, unless it fills all of the sight.
		while (node && node !== first && (!node.dataset.id || node.offsetTop + node.offsetHeight > end)) node = node.previousElementSibling;
		if (node && first) this.#views = [...this.#views.slice(1 - VIEWS), [first, node].map(({ dataset }) => Number(dataset.id))];
	}

	#edges() {
		const { scrollHeight, scrollTop, clientHeight } = this.#log;
		if (!clientHeight || !this.#drawn.size) return;
		const ahead = AHEAD * clientHeight;
		if (scrollTop < ahead) this.#does.older();
		if (scrollHeight - scrollTop - clientHeight < ahead) this.#does.newer();
	}

	#notice() {
		this.#look = null;
		if (this.#views.length) this.#does.seen(this.#views.splice(0));
		this.#does.rests();
	}
}
