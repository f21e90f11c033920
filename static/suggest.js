// suggest.js: what helps to write a search: names like another, completions, what a button writes; pure.

// In quotes nothing is an operator.
export const OPERATOR = /"[^"]*"|(?<!\S)(from|in|after|before|on|last):("[^"]*"?|\S*)/gi;
const TIMES = ['after', 'before', 'on', 'last'];
const NAMES = ['from', 'in', ...TIMES];
const MOST = 8; // completions
const LIKE = 3; // names that are like another
const FAR = 2; // letters that they may differ in
const LOOKED = 1_000; // names of which it is reckoned

const MEANT = {
	since: 'after', newer: 'after', start: 'after', until: 'before', till: 'before', older: 'before', end: 'before',
	sender: 'from', by: 'from', author: 'from', user: 'from', room: 'in', channel: 'in', date: 'on', day: 'on', past: 'last',
};

// How many letters make the one into the other.
function apart(a, b) {
	let row = [...b, ''].map((_, i) => i);
	for (const [i, letter] of [...a].entries()) {
		const next = [i + 1];
		for (let j = 0; j < b.length; j += 1) next.push(Math.min(row[j + 1] + 1, next[j] + 1, row[j] + (letter !== b[j])));
		row = next;
	}
	return row[b.length];
}

export function near(name, names) {
	const typed = name.toLowerCase();
	const most = Math.min(FAR, Math.floor(typed.length / 2));
	let left = LOOKED;
	const how = (one) => {
		if (typed.length > 1 && (one.includes(typed) || typed.includes(one))) return 0;
		return Math.abs(one.length - typed.length) > most || left-- <= 0 ? Infinity : apart(typed, one);
	};
	return names.map((one) => [how(one.toLowerCase()), one]).filter(([far]) => far <= most)
		.sort(([a], [b]) => a - b).slice(0, LIKE).map(([, one]) => one);
}

// The room that is meant: the one that is called so, else the only one that differs by case, else others to choose from.
export function roomCalled(name, names) {
	if (name === '*' || names.includes(name)) return { room: name };
	const alike = names.filter((one) => one.toLowerCase() === name.toLowerCase());
	return alike.length === 1 ? { room: alike[0] } : { others: alike.length ? alike.slice(0, LIKE) : near(name, names) };
}

// What of these words was perhaps meant otherwise: { hint, offers: [{ label, text }] }; null: nothing.
export function doubt(text) {
	const offer = (label, at, length, hint) => ({ hint, offers: [{ label, text: text.slice(0, at) + label + text.slice(at + length) }] });
	for (const { 0: all, 1: name, index } of text.matchAll(/"[^"]*"?|(?<!\S)(last night|[a-z]{2,12}:(?=[^\s/]))/gi)) {
		if (!name) continue;
		if (!name.endsWith(':')) return offer('last:night', index, all.length, 'These are looked for as words.');
		const typed = name.slice(0, -1).toLowerCase();
		if (NAMES.includes(typed)) continue;
		const [meant] = Object.hasOwn(MEANT, typed) ? [MEANT[typed]] : near(typed, NAMES);
		const hint = `No such filter: ${name}`;
		return meant ? offer(`${meant}:`, index, all.length, `${hint}.`) : { hint: `${hint} is looked for as text.`, offers: [] };
	}
	return null;
}

// What stands at the caret, if it is the beginning of a name: [{ label, text, caret }].
export function completions(text, caret, { rooms, senders }) {
	const [, name, typed] = /(?:^|\s)(in|from):("[^"]*|[^\s"]*)$/i.exec(text.slice(0, caret)) ?? [];
	if (!name) return [];
	const begun = typed.replace(/^["#]/, '').toLowerCase();
	const place = (one) => one.toLowerCase().indexOf(begun);
	const fit = (name.toLowerCase() === 'in' ? rooms : senders).filter((one) => place(one) >= 0 && !one.includes('"'));
	if (fit.length === 1 && fit[0] === typed) return [];
	return fit.sort((a, b) => place(a) - place(b)).slice(0, MOST).map((label) => {
		const before = `${text.slice(0, caret - typed.length)}${/\s/.test(label) ? `"${label}"` : label} `;
		return { label, text: before + text.slice(caret).trimStart(), caret: before.length };
	});
}

const kindOf = (operator) => {
	const name = operator.split(':')[0].toLowerCase();
	return TIMES.includes(name) ? 'time' : name;
};

// With this operator in the place of those of its kind; without it, if it was there.
export function written(text, operator) {
	let had = false;
	const rest = text.replace(OPERATOR, (all, name) => {
		if (!name || kindOf(name) !== kindOf(operator)) return all;
		had ||= all === operator;
		return '';
	}).replace(/\s+/g, ' ').trim();
	return had ? rest : `${rest} ${operator}`.trim();
}

export const has = (text, operator) => [...text.matchAll(OPERATOR)].some(([all]) => all === operator);
