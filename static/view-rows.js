// view-rows.js: makes the rows of the list.
// Whatever comes from a message goes in as text or into an attribute that cannot run.
import { EVERYWHERE } from './everywhere.js';
import { argsOf, plain } from './export.js';
import { TAGS, parse } from './markup.js';
import { addressOf } from './query.js';
import { unsent } from './view-fate.js';
import { button, byId, make, senderOf, shortened, size } from './view-parts.js';

const formatter = (options) => new Intl.DateTimeFormat([], options);
const clockTime = formatter({ hour: '2-digit', minute: '2-digit' });
const exactTime = formatter({ dateStyle: 'full', timeStyle: 'long' });
const dayName = formatter({ dateStyle: 'full' });
const shortTime = formatter({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const olderTime = formatter({ dateStyle: 'short', timeStyle: 'short' });

const isoDay = new Intl.DateTimeFormat('sv');
const format = (how, at) => (Number.isNaN(Date.parse(at)) ? String(at) : how.format(new Date(at)));

export const dayOf = (at) => format(isoDay, at);
export const nameOfDay = (at) => format(dayName, at);

// `brief`: the day as well, unless it is today; `always`: even then.
export function timeOf(at, brief = false, always = false) {
	const now = dayOf(new Date());
	const that = dayOf(at);
	const how = that.slice(0, 4) === now.slice(0, 4) ? shortTime : olderTime;
	const time = make('time', '', format(always || (brief && that !== now) ? how : clockTime, at));
	time.dateTime = at;
	return time;
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

// Their first bytes, in base64.
const PICTURES = {
	png: /^iVBORw0K/, jpeg: /^\/9j\//, gif: /^R0lGOD/, webp: /^UklGR.{7}RUJQ/, avif: /^.{8}eXBhdmlm/,
};

export function save({ name, type, content }) {
	const link = make('a', '');
	link.href = URL.createObjectURL(new Blob([content], { type }));
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function fileOf(base64, name) {
	const node = make('span', 'file');
	const type = Object.keys(PICTURES).find((one) => PICTURES[one].test(base64));
	if (type) {
		const image = make('img', '');
		image.src = `data:image/${type};base64,${base64}`;
		image.alt = name;
		image.decoding = 'async';
		image.draggable = false; // dropped here it would be sent again
		node.append(image);
	}
	const bytes = Math.floor((base64.replace(/=+$/, '').length * 3) / 4);
	node.append(button(`${name} ↓`, () => save({ name, content: bytesOf(base64) })), ` ${size(bytes)}`);
	return node;
}

// Of an address of this very page: the part behind #, if it is one of a room; null: it leads elsewhere.
function innerOf(href) {
	const [page, part] = href.split(/(?=#)/);
	const { named, problem } = addressOf(part ?? '');
	return page === location.href.split('#')[0] && named && !problem ? part : null;
}

function nodesOf(tree) {
	return tree.map((node) => {
		if (typeof node === 'string') return node;
		if (!TAGS.includes(node.tag)) return '';
		const made = make(node.tag, '', ...nodesOf(node.children));
		if (node.tag === 'a') {
			const here = innerOf(node.href);
			made.href = here ?? node.href;
			if (here) return made;
			made.target = '_blank';
			made.rel = 'noopener noreferrer nofollow';
		}
		return made;
	});
}

function contentOf(message) {
	const { event, text, args, attachments = [] } = message;
	const files = attachments.filter((one) => typeof one === 'string');
	const [, named] = /^file:(.+)$/s.exec(event) ?? [];
	const name = (named ?? `${event}-${message.id}`).replace(/[/\\\p{C}]/gu, '_');
	const all = text ?? (!files.length || args.length > files.length ? argsOf(args) : '');
	return shortened(all, (words) => {
		const parts = [];
		if (event !== 'chat message' && !(files.length && named)) parts.push(make('span', 'event', event), ' ');
		if (text === undefined) parts.push(words && make('code', '', words));
		else parts.push(...nodesOf(words === all ? parse(words) : [words]));
		for (const base64 of files) parts.push(fileOf(base64, name));
		const body = make('div', 'text', ...parts);
		body.dir = 'auto';
		return body;
	});
}

function roomLink(room) {
	const link = make('a', '', `#${room}`);
	link.href = `#${room}`;
	return link;
}

// What became of a message, and when.
function timed(what, tag, at) {
	const node = make(tag, 'edited', what);
	if (at === undefined) return node;
	node.append(' ', timeOf(at, true));
	node.title = format(exactTime, at);
	return node;
}

function menuOf(message, mine, does) {
	const open = button('⋯', () => does.menu(message, mine, open));
	open.className = 'act';
	open.ariaLabel = message.text === undefined ? 'Delete this message' : 'Edit or delete this message';
	open.ariaHasPopup = 'dialog';
	return open;
}

export const draw = {
	older: (_, { does }) => make('p', 'note', button('Load older messages', does.older)),
	newer: (_, { does }) => make('p', 'note', button('Load newer messages', does.newer)),
	beginning: (_, { room }) => make('p', 'note', room === EVERYWHERE ? 'This is where the log begins.' : `This is where #${room} begins.`),
	mark: () => make('h2', 'mark', make('span', '', 'New')),
	note: ({ tone, text }) => make('p', `note ${tone}`, text),

	day({ at }, { does }) {
		const name = button(format(dayName, at), () => does.pick(dayOf(at)));
		name.title = 'Go to another day';
		name.tabIndex = -1;
		return make('h2', 'day', name);
	},

	message({ message, headed, mine, changes, mending }, { room, does }) {
		const article = make('article', `${headed ? 'headed' : ''}${changes ? ' changeable' : ''}${mending ? ' mending' : ''}`.trim());
		article.dataset.id = message.id;
		article.tabIndex = -1; // j, k and permalinks move the focus here
		// Drawn by the style sheet, since it is not all of the link's name.
		const time = timeOf(message.at);
		time.dataset.time = time.textContent;
		time.textContent = '';
		const link = make('a', 'time', time);
		link.href = `#${message.room}/${message.id}`;
		link.title = `${format(exactTime, message.at)}\n${message.at}`;
		link.ariaLabel = `${time.dataset.time}, Permalink`; // which begins with what one sees
		if (headed) {
			const sender = senderOf(message.sender, message.by);
			if (room === EVERYWHERE) sender.append(' in ', roomLink(message.room));
			article.append(sender);
		} else article.ariaLabel = `${message.sender || 'no name'}${message.by === undefined ? '' : ', proven sender'}`;
		article.append(...contentOf(message));
		if (changes) article.append(menuOf(message, mine, does));
		article.append(link);
		if (message.edited_at !== undefined) article.append(timed('edited', 'span', message.edited_at));
		// Or hundreds of links would lie between the list and the message field.
		for (const inside of article.querySelectorAll('a, button')) inside.tabIndex = -1;
		return article;
	},

	// Its place; nobody takes it for a gap, which is said in other words, and in the middle.
	deleted({ message: { id, deleted_at: at } }) {
		const line = timed('Message deleted', 'p', at);
		line.classList.add('deleted');
		line.dataset.id = id;
		line.tabIndex = -1;
		return line;
	},

	unsent,
};

export const spoken = (message) => `${message.sender || 'no name'}: ${plain(message).slice(0, 500)}`;
