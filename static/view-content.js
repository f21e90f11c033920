// view-content.js: what a message says, as nodes: texts, JSON, files.
// Whatever comes from a message goes in as text or into an attribute that cannot run.
import { coloured } from './ansi.js';
import { TAGS, links, parse } from './markup.js';
import { mannerOf } from './output.js';
import { kindOf, sizeOf } from './picture.js';
import { addressOf } from './query.js';
import { button, make, shortened, size } from './view-parts.js';

const CALLED = 200; // rooms and persons of one message that are looked for
const FOLDED = 8; // lines of JSON that are shown at first

const bytesOf = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

export function save({ name, type, content }) {
	const link = make('a', '');
	link.href = URL.createObjectURL(new Blob([content], { type }));
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function pictureOf(base64, name) {
	const image = make('img', '');
	image.src = `data:image/${kindOf(base64)};base64,${base64}`;
	image.alt = name;
	image.decoding = 'async';
	image.draggable = false; // dropped here it would be sent again
	const [width, height] = sizeOf(base64) ?? [];
	if (width) Object.assign(image, { width, height });
	return image;
}

function fileOf(base64, name) {
	const node = make('span', 'file', ...(kindOf(base64) ? [pictureOf(base64, name)] : []));
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

// A room or a person, if there is one that is called so: one may become known later.
function calledOf(word, leads) {
	const to = leads(word);
	if (to === undefined) return word;
	const node = make(to ? 'a' : 'span', '', word);
	if (to) node.href = to;
	else node.dataset.called = '';
	return node;
}

function counted(leads) {
	let left = CALLED;
	return (word) => (left-- > 0 ? leads(word) ?? null : undefined);
}

export function relink(log, leads) {
	for (const node of log.querySelectorAll('[data-called]')) {
		if (!leads(node.textContent)) continue;
		const link = calledOf(node.textContent, leads);
		link.tabIndex = node.closest('article:focus-within') ? 0 : -1;
		node.replaceWith(link);
	}
}

function nodesOf(tree, leads) {
	return tree.map((node) => {
		if (typeof node === 'string') return node;
		if (node.tag === 'called') return calledOf(node.children[0], leads);
		if (!TAGS.includes(node.tag)) return '';
		const made = make(node.tag, '', ...nodesOf(node.children, leads));
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

const printed = (words, _, leads) => coloured(words).flatMap(({ text, look }) => {
	const nodes = nodesOf(links(text), leads);
	return look ? [make('span', look, ...nodes)] : nodes;
});

// `whole`: it is not only the beginning.
const WAYS = {
	plain: printed,
	output: printed,
	markdown: (words, whole, leads) => nodesOf(whole ? parse(words) : [words], leads),
	json: (words) => words && [make('code', words.includes('\n') ? 'json' : '', words)],
};

// `as`: what a person wants to see instead.
export function contentOf(message, as, does) {
	const { event, attachments = [] } = message;
	const files = attachments.filter((one) => typeof one === 'string');
	const [, named] = /^file:(.+)$/s.exec(event) ?? [];
	const name = (named ?? `${event}-${message.id}`).replace(/[/\\\p{C}]/gu, '_');
	const { how, words: all, whole } = mannerOf(message, as);
	const leads = counted(does.leads);
	const draw = (words) => {
		const parts = [];
		if (event !== 'chat message' && !(files.length && named)) parts.push(make('span', 'event', event), ' ');
		parts.push(...WAYS[how](words, words === all, leads));
		for (const base64 of files) parts.push(fileOf(base64, name));
		const body = make('div', how === 'output' ? 'text output' : 'text', ...parts);
		body.dir = 'auto';
		return body;
	};
	if (how !== 'json' || !all.includes('\n')) return shortened(all, draw);
	return shortened(all, draw, { lines: FOLDED, whole, tools: [button('Copy', () => does.copy(whole?.() ?? all))] });
}
