// view-parts.js: what rows are made of: nodes, senders and their marks, texts that are cut.
const TALL = 2_000; // characters, and
const TALL_LINES = 24; // beyond which a message is shown in part first
const DRAWN = 20_000; // characters that are laid out before somebody asks for all of them
const RUN = 200; // characters without a blank
const LONG_RUN = /(\S{100})(?=\S{100})/u;
const JOINED = /[\p{sc=Arab}\p{sc=Syrc}\p{sc=Nkoo}\p{sc=Mand}\p{sc=Mong}\p{sc=Adlm}]/u;

export const byId = (id) => document.getElementById(id);
export const on = (id, type, run) => byId(id).addEventListener(type, (event) => {
	if (type === 'submit') event.preventDefault();
	run(event);
});

// Chromium lays out joined letters (Arabic) in quadratic time, unless they may be broken. All else breaks where its line ends.
const breakable = (part) => (typeof part === 'string' && part.length > RUN && JOINED.test(part)
	? part.split(LONG_RUN).flatMap((piece, i) => (i % 2 ? [piece, document.createElement('wbr')] : piece)) : part);

// Too narrow for both, the hits lie over the messages.
export const covered = () => matchMedia('(max-width: 47rem)').matches && !byId('found').hidden && !document.body.classList.contains('hit');
// Somebody looks at the messages.
export const seeing = () => document.visibilityState === 'visible' && !covered();

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

const SVG = 'http://www.w3.org/2000/svg';
const SHAPE = 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM7.5 12.5l3 3 6-7';

// A name that the web server or an application vouches for.
const VOUCHED = /^user:/;

// The mark of a message whose sender was proven. A token may claim a sender that is nobody's name: then its own name
// stands beside the mark, which would seem to prove what was claimed.
function proven(sender, by) {
	const name = by.replace(VOUCHED, '');
	const mark = make('span', 'proven');
	const picture = document.createElementNS(SVG, 'svg');
	picture.setAttribute('viewBox', '0 0 24 24');
	const shape = document.createElementNS(SVG, 'path');
	shape.setAttribute('d', SHAPE);
	picture.append(shape);
	mark.append(picture);
	mark.role = 'img';
	mark.ariaLabel = 'proven sender';
	mark.title = `Proven sender: ${name}`;
	return name === sender || VOUCHED.test(by) ? [mark] : [mark, ' ', make('bdi', 'by', name)];
}

// The golden angle keeps the hues of names apart.
function hueOf(name) {
	let hash = 0;
	for (const char of name) hash = (hash * 31 + char.codePointAt(0)) % 65521;
	return Math.round(hash * 137.508) % 360;
}

export function senderOf(sender, by) {
	const node = make('span', sender ? 'sender' : 'sender nobody', make('bdi', '', sender || 'no name'));
	node.style.setProperty('--hue', hueOf(sender));
	if (by !== undefined) node.append(' ', ...proven(sender, by));
	return node;
}

export const size = (bytes) => (bytes < 1000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(1)} kB`);

// `draw`: makes the body of these words, or of their beginning. `tools`: buttons below it.
export function shortened(words, draw, { lines = TALL_LINES, tools = [], whole = null } = {}) {
	const cut = words.length > DRAWN || whole;
	const body = draw(words.slice(0, DRAWN));
	const below = make('p', 'tools', ...tools);
	if (words.length >= TALL || words.split('\n', lines + 1).length > lines) {
		body.classList.add('tall');
		body.classList.toggle('few', lines < TALL_LINES);
		const more = button('Show all', () => {
			if (cut) body.replaceChildren(...draw(whole?.() ?? words).childNodes);
			body.classList.remove('tall');
			if (document.activeElement === more) more.closest('article').focus({ preventScroll: true });
			more.remove();
		});
		more.classList.toggle('cut', !!cut);
		below.prepend(more);
	}
	return below.firstChild ? [body, below] : [body];
}
