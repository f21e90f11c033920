// output.js: how a message is shown: as it is, as Markdown, as what a program printed, as JSON; pure.
import { stripped } from './ansi.js';
import { filed } from './export.js';

const LOOKED = 100; // lines; who prints more begins like that
const ONE_LINE = 40; // characters of JSON that need no lines of their own
const BEGINNING = 20_000; // characters of JSON that are set in until somebody wants all
const DEEPEST = 20; // steps that are set in, or brackets alone would fill a screen

// A line that a person would hardly begin or fill so: set in; a date or a time; columns; a rule; where an error came from.
const PRINTED = new RegExp([
	'^(?: {2}|\\t)\\s*\\S',
	'^[[(<]?(?:\\d{4}[-/.]\\d\\d[-/.]\\d\\d|\\d\\d?[:.]\\d\\d[:.]\\d\\d|\\d\\d:\\d\\d\\s|\\d\\d/[A-Z][a-z]{2}/\\d{4}|\\s*\\d+\\.\\d{3,}\\])',
	'^(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d',
	'[^\\s.!?:…] {2,}\\S|\\S\\t+\\S',
	'^\\s*\\|.*\\|\\s*$',
	'^[-=+|_#*~]{4,}',
	'^(?:Traceback \\(|Caused by: |[\\w.]*(?:Error|Exception)\\b)',
].join('|'), 'u');

// Several lines, at least two of which and at least half look so, or that were coloured for a terminal.
export function isOutput(text) {
	const lines = text.split(/\r?\n/, LOOKED).filter((line) => line.trim());
	if (lines.length < 2) return false;
	const count = lines.filter((line) => PRINTED.test(line.slice(0, 500))).length;
	return text.includes('\x1b[') || (count >= 2 && count * 2 >= lines.length);
}

// An object or an array, and nothing else.
export function isJson(text) {
	const words = text.trim();
	if (!['{}', '[]'].includes(words[0] + words.at(-1))) return false;
	try {
		JSON.parse(words);
		return true;
	} catch {
		return false; // too deep, perhaps
	}
}

const TOKEN = /"(?:[^"\\]|\\.)*"|\(file \d+\)|\{\s*\}|\[\s*\]|[{}[\],:]|\s+/g;

// Each token stays as it was written: what is read and written anew would lose digits.
export function indented(json) {
	if (json.length <= ONE_LINE) return json;
	let depth = 0;
	const line = () => `\n${'  '.repeat(Math.min(depth, DEEPEST))}`;
	return json.replace(TOKEN, (token) => {
		if (/^\s/.test(token)) return '';
		if (token === ':') return ': ';
		if (token === ',') return `,${line()}`;
		if (token === '{' || token === '[') {
			depth += 1;
			return token + line();
		}
		if (token !== '}' && token !== ']') return /^[[{]/.test(token) ? token.replace(/\s/g, '') : token;
		depth -= 1;
		return line() + token;
	});
}

function jsonOf(written) {
	const json = { how: 'json', words: indented(written.slice(0, BEGINNING)) };
	return written.length > BEGINNING ? { ...json, whole: () => indented(written) } : json;
}

// `as`: what a person wants to see instead. Gives the words, and how they are drawn; `whole`: they are only the beginning.
export function mannerOf({ text, args, attachments = [], format }, as) {
	if (text === undefined) {
		const files = attachments.filter((one) => typeof one === 'string').length;
		return jsonOf(!files || args.length > files ? filed(JSON.stringify(args)) : '');
	}
	if (as === 'source') return { how: 'output', words: text };
	if (as !== 'markdown' && isJson(text) && text.length > ONE_LINE) return jsonOf(text.trim());
	if (as === 'markdown' || format === 'markdown') return { how: 'markdown', words: stripped(text) };
	return { how: isOutput(text) ? 'output' : 'plain', words: text };
}
