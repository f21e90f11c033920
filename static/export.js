// export.js: messages as a file: text, JSON lines, CSV; and as what is copied.
import { stripped, strippedParts } from './ansi.js';

// A file among the arguments of an event, as the wire has it; inside a string its quotes would be escaped.
const PLACE = /\{(?:"num":(\d+),)?"_placeholder":true(?:,"num":(\d+))?\}/g;
export const filed = (json) => json.replace(PLACE, (_, before, behind) => `(file ${Number(before ?? behind) + 1})`);
export const argsOf = (args) => filed(JSON.stringify(args));

const AROUND = 100; // characters before the first hit of an excerpt,
const EXCERPT = 300; // and in all

// A snippet of a search, hits at the odd places, bounded in length as well, since a word may be very long.
export function excerpt(snippet) {
	const [first, ...rest] = strippedParts(snippet);
	const cut = rest.length && first.length > AROUND ? `…${first.slice(-AROUND)}` : first;
	let left = EXCERPT;
	return [cut, ...rest].map((part) => {
		const some = part.length > left ? `${part.slice(0, left)}${left ? '…' : ''}` : part;
		left = Math.max(0, left - part.length);
		return some;
	});
}

export function plain({ text, event, args, attachments }) {
	if (text !== undefined) return stripped(event === 'chat message' ? text : `${event} ${text}`);
	if (attachments?.length) return event.replace(/^file:/, '');
	return `${event === 'chat message' ? '' : `${event} `}${argsOf(args)}`;
}

// A spreadsheet takes a cell that begins so for a formula; the apostrophe makes it a text.
const FORMULA = /^[\s]*[=+\-@\t\r|%]/;

function cell(value) {
	const text = String(value);
	const safe = FORMULA.test(text) ? `'${text}` : text;
	return /[",\r\n']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const COLUMNS = ['id', 'at', 'room', 'sender', 'event', 'text', 'by'];
const cellOf = (message, name) => (name === 'text' ? stripped(message.text ?? plain(message)) : message[name] ?? '');

// Every line of a message but the first is set in, so that no message can pretend to be two.
const setIn = (text) => text.replace(/\r\n|[\r\n\u2028\u2029]/g, '\n\t');

// Messages that were selected together. `when`: writes a time for who reads it here.
export const linesOf = (messages, when) =>
	messages.map((message) => `[${when(message.at)}] ${message.sender || '-'}: ${setIn(plain(message))}`).join('\n');

const FORMS = {
	txt: {
		type: 'text/plain',
		of: (messages) => messages.map((message) =>
			`${message.at} #${message.room} ${message.sender || '-'}: ${setIn(plain(message))}\n`).join(''),
	},
	jsonl: {
		type: 'application/x-ndjson',
		of: (messages) => messages.map(({ ours, snippet, ...message }) => `${JSON.stringify(message)}\n`).join(''),
	},
	csv: {
		type: 'text/csv',
		of: (messages) => [
			COLUMNS,
			...messages.map((message) => COLUMNS.map((name) => cellOf(message, name))),
		].map((row) => `${row.map(cell).join(',')}\r\n`).join(''),
	},
};

export function exported(messages, form, title) {
	const { type, of } = FORMS[form];
	const name = `longline-${title.replace(/[^A-Za-z0-9._-]+/g, '-')}.${form}`;
	// Spreadsheets take a CSV for Latin-1 unless it begins with this mark.
	const content = `${form === 'csv' ? '\uFEFF' : ''}${of(messages.filter(({ deleted }) => !deleted))}`;
	return { name, type: `${type};charset=utf-8`, content };
}
