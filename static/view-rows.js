// view-rows.js: makes the rows of the list.
// Whatever comes from a message goes in as text or into an attribute that cannot run.
import { plain } from './export.js';
import { TAGS, parse } from './markup.js';

const TALL = 2_000; // characters, and
const TALL_LINES = 24; // beyond which a message is shown in part first
const RUN = 200; // characters without a blank
const LONG_RUN = /(\S{100})(?=\S{100})/u;

export const byId = (id) => document.getElementById(id);
export const on = (id, type, run) => byId(id).addEventListener(type, (event) => {
	if (type === 'submit') event.preventDefault();
	run(event);
});

// Chromium lays out joined letters (Arabic) in quadratic time, unless they may be broken.
const breakable = (part) => (typeof part === 'string' && part.length > RUN
	? part.split(LONG_RUN).flatMap((piece, i) => (i % 2 ? [piece, document.createElement('wbr')] : piece)) : part);

export function make(name, className, ...content) {
	const node = document.createElement(name);
	if (className) node.className = className;
	node.append(...content.flatMap(breakable)); // strings become text, never markup
	return node;
}

export function button(label, run) {
	const node = make('button', '', label);
	node.addEventListener('click', run);
	return node;
}

const formatter = (options) => new Intl.DateTimeFormat([], options);
const clockTime = formatter({ hour: '2-digit', minute: '2-digit' });
const exactTime = formatter({ dateStyle: 'full', timeStyle: 'long' });
const dayName = formatter({ dateStyle: 'full' });
const shortDay = formatter({ dateStyle: 'medium' });

const isoDay = new Intl.DateTimeFormat('sv');
const format = (how, at) => (Number.isNaN(Date.parse(at)) ? String(at) : how.format(new Date(at)));

export const dayOf = (at) => format(isoDay, at);

export function timeOf(at, brief = false) {
	const today = dayOf(at) === dayOf(new Date());
	const time = make('time', '', format(brief && !today ? shortDay : clockTime, at));
	time.dateTime = at;
	return time;
}

// The golden angle keeps the hues of names apart.
function hueOf(name) {
	let hash = 0;
	for (const char of name) hash = (hash * 31 + char.codePointAt(0)) % 65521;
	return Math.round(hash * 137.508) % 360;
}

export function senderOf(sender) {
	const node = make('bdi', sender ? 'sender' : 'sender nobody', sender || 'no name');
	node.style.setProperty('--hue', hueOf(sender));
	return node;
}

const size = (bytes) => (bytes < 1000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(1)} kB`);

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

function nodesOf(tree) {
	return tree.map((node) => {
		if (typeof node === 'string') return node;
		if (!TAGS.includes(node.tag)) return '';
		const made = make(node.tag, '', ...nodesOf(node.children));
		if (node.tag === 'a') {
			made.href = node.href;
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
	const parts = [];
	if (event !== 'chat message' && !(files.length && named)) parts.push(make('span', 'event', event), ' ');
	if (text !== undefined) parts.push(...nodesOf(parse(text)));
	else if (!files.length || args.length > files.length) parts.push(make('code', '', JSON.stringify(args)));
	for (const base64 of files) parts.push(fileOf(base64, name));
	const body = make('div', 'text', ...parts);
	body.dir = 'auto';
	return body;
}

function shortened(body, text = '') {
	if (text.length < TALL && text.split('\n', TALL_LINES + 1).length <= TALL_LINES) return [body];
	body.classList.add('tall');
	const more = button('Show all', () => {
		body.classList.remove('tall');
		more.remove();
	});
	more.className = 'expand';
	return [body, more];
}

const SAYS = {
	queued: () => 'Waiting for its turn',
	sending: () => 'Sending…',
	waiting: (problem) => `Not sent yet: ${problem}`,
	failed: (problem) => `Not sent: ${problem}`,
};

export const draw = {
	older: (_, { does }) => make('p', 'note', button('Load older messages', does.older)),
	newer: (_, { does }) => make('p', 'note', button('Load newer messages', does.newer)),
	beginning: (_, { room }) => make('p', 'note', `This is where #${room} begins.`),
	mark: () => make('p', 'mark', make('span', '', 'New')),
	note: ({ tone, text }) => make('p', `note ${tone}`, text),

	day({ at }) {
		const name = button(format(dayName, at), () => {
			byId('day').value = dayOf(at);
			byId('options').showModal();
			byId('day').focus();
		});
		name.title = 'Go to another day';
		name.tabIndex = -1;
		return make('p', 'day', name);
	},

	message({ message, headed }, { room }) {
		const article = make('article', headed ? 'headed' : '');
		article.dataset.id = message.id;
		article.tabIndex = -1; // j, k and permalinks move the focus here
		// Drawn by the style sheet, since the link's name is not what one sees of it.
		const time = timeOf(message.at);
		time.dataset.time = time.textContent;
		time.textContent = '';
		const link = make('a', 'time', time);
		link.href = `#${room}/${message.id}`;
		link.title = `${format(exactTime, message.at)}\n${message.at}`;
		link.ariaLabel = 'Permalink';
		if (headed) article.append(senderOf(message.sender));
		else article.ariaLabel = message.sender || 'no name';
		article.append(...shortened(contentOf(message), message.text), link);
		// Or hundreds of links would lie between the list and the message field.
		for (const inside of article.querySelectorAll('a, button')) inside.tabIndex = -1;
		return article;
	},

	unsent({ itemKey, sender, text, blob, event, state, problem }, { does }) {
		const body = make('div', 'text', text ?? `${event.replace(/^file:/, '')} (${size(blob.size)})`);
		body.dir = 'auto';
		const fate = make('p', 'fate', make('span', '', SAYS[state](problem)));
		if (state === 'waiting' || state === 'failed') {
			fate.append(...['Retry', 'Discard'].map((label) => button(label, () => does.decide(label.toLowerCase(), itemKey))));
		}
		return make('article', `headed unsent ${state}`, senderOf(sender), ...shortened(body, text), fate);
	},
};

export const spoken = (message) => `${message.sender || 'no name'}: ${plain(message).slice(0, 500)}`;

export function hitOf(message) {
	const words = make('span', 'text');
	words.dir = 'auto';
	const snippet = message.snippet ?? [plain(message).slice(0, 300)];
	words.append(...snippet.map((part, i) => (i % 2 ? make('mark', '', part) : part)));
	const about = make('span', 'about', senderOf(message.sender), ` in #${message.room} · `, timeOf(message.at, true));
	const link = make('a', '', about, words);
	link.href = `#${message.room}/${message.id}`;
	return make('li', '', link);
}
