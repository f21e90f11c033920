// acts.js: what may be done with a message that is shown: its link and its words copied, quoted, seen otherwise, changed.
import { stripped } from './ansi.js';
import { linesOf, plain } from './export.js';
import { mannerOf } from './output.js';
import { hashOf } from './query.js';

const QUOTED = 500; // characters of a quotation, and
const QUOTED_LINES = 8;

// What is no Markdown is quoted so that it is none.
const asIs = (line) => (/[*_~<>]/.test(line) && !line.includes('`') ? `\`${line}\`` : line);

export function quoteOf(message, link) {
	const words = plain(message).trimEnd();
	const lines = words.slice(0, QUOTED).split(/\r\n|[\r\n]/, QUOTED_LINES);
	const cut = lines.join('\n').length < words.replace(/\r\n/g, '\n').length ? '…' : '';
	const quoted = message.format === 'markdown' ? lines : lines.map(asIs);
	return [...quoted, `${cut && `${cut} `}${message.sender || 'no name'}, ${link}`].map((line) => `> ${line}\n`).join('');
}

// What writes into a room from a shell. Nobody's token is shown.
export const curlOf = (page, room, signed) =>
	`curl -d 'hello' ${signed ? '-H "Authorization: Bearer $TOKEN" ' : ''}'${new URL(`send?room=${room}`, page).href}'`;

export class Acts {
	#people = new Map(); // senders of messages that are here, by their names in small letters
	#asOf = '';

	constructor(parts) {
		Object.assign(this, parts); // visit, view, rooms, own, mend, clipboard, page: the address of the page, when: writes times
	}

	act(what, id, beside) {
		if (this.#get(id)) this[what](id, beside);
	}

	// Where #room or @name leads, if there is one that is called so; null: nowhere.
	leads(word) {
		const name = word.slice(1);
		if (word[0] === '#') return this.rooms.has(name) ? word : null;
		const { room, timeline: { first, last, messages } } = this.visit;
		const asOf = `${room} ${first} ${last} ${messages.length}`;
		if (asOf !== this.#asOf) this.#people = new Map(messages.map(({ sender = '' }) => [sender.toLowerCase(), sender]));
		this.#asOf = asOf;
		const sender = this.#people.get(name.toLowerCase());
		return sender ? hashOf({ room, query: `from:${sender}` }) : null;
	}

	menu(id, beside, sure = false) {
		const message = this.#get(id);
		if (!message) return;
		const { visit, view, own } = this;
		const may = visit.mayChange(message);
		if (sure && !may) return;
		view.change.open(message, { mine: own.has(message), may, as: view.log.shownAs(id), sure }, beside);
	}

	link(id) {
		this.copy(this.#address(this.#get(id)), 'Link copied.');
	}

	text(id) {
		const message = this.#get(id);
		const { text, attachments } = message;
		const json = () => {
			const { words, whole } = mannerOf(message);
			return whole?.() ?? words;
		};
		const words = text === undefined ? (!attachments?.length && json()) || plain(message) : stripped(text);
		this.copy(words, 'Text copied.');
	}

	quote(id) {
		const message = this.#get(id);
		if (this.visit.mayWrite) this.view.form.insert(quoteOf(message, this.#address(message)));
	}

	// Its source, its Markdown, and back.
	as(id) {
		const { format } = this.#get(id);
		const { log } = this.view;
		log.showAs(id, log.shownAs(id) ? null : format === 'markdown' ? 'source' : 'markdown');
	}

	edit(id) {
		const message = this.#get(id);
		if (message.text !== undefined && this.visit.mayChange(message)) this.mend.begin(id);
	}

	erase(id, beside) {
		this.menu(id, beside, true);
	}

	// Those of several messages that were selected, with times and names. '': they are gone.
	lines(ids) {
		return linesOf(ids.map((id) => this.#get(id)).filter(Boolean), this.when);
	}

	async copy(words, done = 'Copied.') {
		this.view.offer(await this.clipboard(words) ? done : 'This browser does not let anything be copied.');
	}

	#get(id) {
		const message = this.visit.timeline.get(id);
		return message?.deleted ? undefined : message;
	}

	#address({ room, id }) {
		return new URL(`#${room}/${id}`, this.page()).href;
	}
}
