// markup.js: a small safe subset of Markdown, and links, as a tree of plain objects.

export const TAGS = ['pre', 'code', 'strong', 'em', 'del', 'a', 'blockquote'];

const LONGEST = 20_000; // nobody writes more by hand; a log pasted in has no markup
const LONGEST_HOST = 300; // with https://; looking for its end costs the square of it
const DEEPEST = 4; // marks in marks, quotes in quotes
const CLOSES = { ')': '(', ']': '[', '}': '{' };
const MARKS = { '**': 'strong', '*': 'em', _: 'em', '~~': 'del' };
// What ends an address beyond ASCII: blanks, marks that turn the reading direction, which would show another address than
// it leads to, the brackets, quotes and full stops of all scripts (a browser takes 。 in a host for a dot), dashes.
const ENDS = '[\\s\\p{C}\\p{Term}\\p{QMark}\\p{Ps}\\p{Pe}\\p{Pi}\\p{Pf}\\u2014\\u2015\\u2026\\uff5e]';
// Scripts without blanks between words, right behind what could be the end of a host.
const BEHIND_HOST = /^(https?:\/\/[^/?#]*?[a-z0-9\]])(?=[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}][^./?#]*(?:[/?#]|$))/iu;
const ADDRESS = `(?<![a-z0-9])https?://(?:[!#-&(-;=?-_a-~]|(?!${ENDS})[^\\0-\\x7f]){1,2000}`;
// What may be a room or a person here: #ops, @ann.
const CALLED = '(?<![\\p{L}\\p{N}_/&#@.=-])[#@][\\p{L}\\p{N}_](?:[\\p{L}\\p{N}._-]{0,62}[\\p{L}\\p{N}_-])?';
// Bounded, or a search for each mark's other half would cost the square of the text's length.
const INLINE = new RegExp([
	'`([^`]{1,2000})`',
	'(?<![\\p{L}\\p{N}*_~])(\\*\\*|\\*|_|~~)(?![\\s*_~])(.{0,500}?[^\\s*_~])\\2(?![\\p{L}\\p{N}*_~])',
	ADDRESS, CALLED,
].join('|'), 'giu');
const PLAIN = new RegExp(`${ADDRESS}|${CALLED}`, 'giu');
// Whichever begins first: one may stand in the other.
const BLOCKS = /```([^]*?)```\n?|((?:^>.*(?:\n|$))+)/gm;

// Only what leads somewhere.
export const links = (text) => (text.length > LONGEST ? [text] : inline(text, 0, PLAIN));

export function parse(text) {
	return text.length > LONGEST ? [text] : blocks(text, 0);
}

function blocks(text, depth) {
	const nodes = [];
	let at = 0;
	for (const { 0: all, 1: code, 2: quoted, index } of depth === DEEPEST ? [] : text.matchAll(BLOCKS)) {
		nodes.push(...inline(text.slice(at, index), 0), quoted === undefined
			? { tag: 'pre', children: [code.replace(/^[\w+-]*\n/, '').replace(/\n$/, '')] }
			: { tag: 'blockquote', children: blocks(quoted.replace(/^> ?/gm, '').replace(/\n$/, ''), depth + 1) });
		at = index + all.length;
	}
	return [...nodes, ...inline(text.slice(at), 0)];
}

function inline(text, depth, what = INLINE) {
	const nodes = [];
	let plain = 0;
	for (const found of depth === DEEPEST ? [] : text.matchAll(what)) {
		const [all, code, mark, inner] = found;
		const node = code ? { tag: 'code', children: [code] }
			: mark ? { tag: MARKS[mark], children: inline(inner, depth + 1) }
				: /^[#@]/.test(all) ? { tag: 'called', children: [all] } : address(all, text[found.index - 1]);
		if (!node) continue;
		if (found.index > plain) nodes.push(text.slice(plain, found.index));
		nodes.push(node);
		plain = found.index + (node.href ? node.children[0].length : all.length);
	}
	if (plain < text.length) nodes.push(text.slice(plain));
	return nodes;
}

// `before`: the character in front of it.
function address(written, before) {
	const found = BEHIND_HOST.exec(written.slice(0, LONGEST_HOST))?.[1] ?? written;
	const open = {};
	for (const [close, opened] of Object.entries(CLOSES)) open[close] = found.split(opened).length - found.split(close).length;
	let end = found.length;
	for (; end > 0; end -= 1) {
		const last = found[end - 1];
		if (last in open && open[last] < 0) open[last] += 1;
		else if (!/[.,:;!?*~]|[^\0-\x7f](?<=\p{P})/u.test(last) && !(last === '_' && before === '_')) break;
	}
	const shown = found.slice(0, end);
	return URL.canParse(shown) ? { tag: 'a', href: new URL(shown).href, children: [shown] } : null;
}
