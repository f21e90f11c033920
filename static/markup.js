// markup.js: a small safe subset of Markdown, and links, as a tree of plain objects. Pure; the view makes nodes of it.
//
//   ```block```  `code`  **strong**  *emphasis*  _emphasis_  ~~struck~~  http(s) addresses
//
// Nothing else: no HTML, no titles on links, so that what one sees of an address is where it leads. A node is a string
// or { tag, children } or { tag: 'a', href, children }; the tags are those of TAGS. One pass, linear in the text.

export const TAGS = ['pre', 'code', 'strong', 'em', 'del', 'a'];

const LONGEST = 20_000; // nobody writes more by hand; a log pasted in has no markup

const MARKS = [
	{ tag: 'strong', mark: '**' },
	{ tag: 'del', mark: '~~' },
	{ tag: 'em', mark: '*' },
	{ tag: 'em', mark: '_' },
];
const WORD = /[\p{L}\p{N}]/u;
const ADDRESS = /https?:\/\/[^\s<>"'`\u0000-\u001F\u007F-\u009F\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]+/iy;

/** The nodes of a text. */
export function parse(text) {
	if (text.length > LONGEST) return [text];
	const nodes = [];
	// Every second piece stood between fences; a fence without its other half is text.
	const pieces = text.split('```');
	const fenced = pieces.length - (pieces.length % 2 ? 0 : 1);
	pieces.forEach((piece, i) => {
		if (i >= fenced) nodes.push(...inline(`\`\`\`${piece}`, new Set()));
		else if (i % 2) nodes.push({ tag: 'pre', children: [piece.replace(/^[\w+-]*\n/, '').replace(/\n$/, '')] });
		else nodes.push(...inline(i ? piece.replace(/^\n/, '') : piece, new Set()));
	});
	return nodes;
}

// Where a mark could end is found at most once per mark and call, or a row of marks would cost the square of its length.
function inline(text, within) {
	const nodes = [];
	const missing = new Set(within);
	let plain = 0;
	let at = 0;
	const put = (node, end) => {
		if (at > plain) nodes.push(text.slice(plain, at));
		nodes.push(node);
		plain = end;
		at = end;
	};
	while (at < text.length) {
		const char = text[at];
		if (char === '`' && !missing.has('`')) {
			const end = text.indexOf('`', at + 1);
			if (end > at + 1) {
				put({ tag: 'code', children: [text.slice(at + 1, end)] }, end + 1);
				continue;
			}
			if (end < 0) missing.add('`');
		} else if ((char === 'h' || char === 'H') && !WORD.test(text[at - 1] ?? '')) {
			const link = address(text, at);
			if (link) {
				put(link, at + link.children[0].length);
				continue;
			}
		} else if (char === '*' || char === '_' || char === '~') {
			const found = marked(text, at, missing);
			if (found) {
				put({ tag: found.tag, children: inline(found.inner, new Set([...missing, found.mark])) }, found.end);
				continue;
			}
			// Skip the whole run: it opens nothing.
			while (text[at + 1] === char) at += 1;
		}
		at += 1;
	}
	if (plain < text.length) nodes.push(text.slice(plain));
	return nodes;
}

// A mark opens before a non-blank that does not follow a word, and closes after a non-blank that no word follows.
function marked(text, at, missing) {
	for (const { tag, mark } of MARKS) {
		if (missing.has(mark) || !text.startsWith(mark, at)) continue;
		const from = at + mark.length;
		if (/\s/.test(text[from] ?? ' ') || text[from] === mark[0] || WORD.test(text[at - 1] ?? '')) continue;
		for (let end = text.indexOf(mark, from); ; end = text.indexOf(mark, end + mark.length)) {
			if (end < 0) {
				missing.add(mark);
				break;
			}
			if (/\s/.test(text[end - 1]) || WORD.test(text[end + mark.length] ?? '')) continue;
			if (mark.length === 1 && text[end + 1] === mark) {
				end += 1;
				continue;
			}
			return { tag, mark, inner: text.slice(from, end), end: end + mark.length };
		}
	}
	return null;
}

function address(text, at) {
	ADDRESS.lastIndex = at;
	let found = ADDRESS.exec(text)?.[0];
	if (!found) return null;
	// What ends a sentence or closes a bracket that the address did not open is not part of it.
	let open = found.split('(').length - found.split(')').length;
	let end = found.length;
	for (; end > 0; end -= 1) {
		const last = found[end - 1];
		if (last === ')' && open < 0) open += 1;
		else if (!/[.,:;!?*_~\]}]/.test(last)) break;
	}
	found = found.slice(0, end);
	let href;
	try {
		href = new URL(found).href;
	} catch {
		return null;
	}
	return /^https?:/.test(href) ? { tag: 'a', href, children: [found] } : null;
}
