// markup.js: a small safe subset of Markdown, and links, as a tree of plain objects.

export const TAGS = ['pre', 'code', 'strong', 'em', 'del', 'a'];

const LONGEST = 20_000; // nobody writes more by hand; a log pasted in has no markup
const MARKS = { '**': 'strong', '*': 'em', _: 'em', '~~': 'del' };
// Bounded, or a search for each mark's other half would cost the square of the text's length.
const INLINE = new RegExp([
	'`([^`]{1,2000})`',
	'(?<![\\p{L}\\p{N}*_~])(\\*\\*|\\*|_|~~)(?![\\s*_~])(.{0,500}?[^\\s*_~])\\2(?![\\p{L}\\p{N}*_~])',
	// A mark that turns the reading direction would show another address than it leads to.
	'(?<![\\p{L}\\p{N}])https?://[^\\s<>"\'`\\p{C}\\u2028\\u2029]{1,2000}',
].join('|'), 'giu');

export function parse(text) {
	if (text.length > LONGEST) return [text];
	const pieces = text.split('```');
	if (pieces.length % 2 === 0) pieces.push(pieces.splice(-2).join('```'));
	return pieces.flatMap((piece, i) => (i % 2
		? { tag: 'pre', children: [piece.replace(/^[\w+-]*\n/, '').replace(/\n$/, '')] }
		: inline(i ? piece.replace(/^\n/, '') : piece, 0)));
}

function inline(text, depth) {
	const nodes = [];
	let plain = 0;
	for (const found of depth > 3 ? [] : text.matchAll(INLINE)) {
		const [all, code, mark, inner] = found;
		const node = code ? { tag: 'code', children: [code] }
			: mark ? { tag: MARKS[mark], children: inline(inner, depth + 1) } : address(all);
		if (!node) continue;
		if (found.index > plain) nodes.push(text.slice(plain, found.index));
		nodes.push(node);
		plain = found.index + (node.href ? node.children[0].length : all.length);
	}
	if (plain < text.length) nodes.push(text.slice(plain));
	return nodes;
}

function address(found) {
	let open = found.split('(').length - found.split(')').length;
	let end = found.length;
	for (; end > 0; end -= 1) {
		if (found[end - 1] === ')' && open < 0) open += 1;
		else if (!/[.,:;!?*_~\]}]/.test(found[end - 1])) break;
	}
	const shown = found.slice(0, end);
	return URL.canParse(shown) ? { tag: 'a', href: new URL(shown).href, children: [shown] } : null;
}
