// query.js: what is typed into the search field, as parameters of /history.
// A day is the reader's own.

import { allowed } from './prefs.js';

const OPERATOR = /"[^"]*"|(?<!\S)(from|in|after|before|on):("[^"]*"?|\S*)/gi;
export const ROOM = /^[A-Za-z0-9._-]{1,64}$/;

// The part of an address behind #: a room, and perhaps the number of a message. `problem`: what it cannot be.
export function addressOf(hash) {
	const [name, ...rest] = (allowed(() => decodeURIComponent(hash.slice(1))) ?? '').split('/');
	const number = rest.join('/');
	const known = name === '' || ROOM.test(name);
	const id = known && /^[1-9]\d{0,14}$/.test(number) ? Number(number) : null;
	const room = (known && name) || 'main';
	let problem = '';
	if (!known) problem = `“${name}” cannot be a room: up to 64 of A-Z, a-z, 0-9, dot, dash and underscore. This is main.`;
	else if (number && !id) problem = `“${number}” is no number of a message. This is #${room}.`;
	return { room, id, named: name !== '', problem };
}

function midnight(day, later = 0) {
	const [, year, month, date] = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(day) ?? [];
	if (!year) return null;
	const time = new Date(year, month - 1, date);
	if (time.getMonth() !== month - 1 || time.getDate() !== Number(date)) return null;
	time.setDate(time.getDate() + later);
	return time.toISOString();
}

export function parse(text, rooms) {
	let [problem, sender, from, until] = ['', null, null, null];
	const named = new Set();
	const words = text.replace(OPERATOR, (all, name, quoted) => {
		if (!name) return all;
		const value = quoted.replace(/^"|"$/g, '');
		const operator = name.toLowerCase();
		if (operator === 'from') sender = value;
		else if (operator === 'in') {
			const room = value.replace(/^#/, '');
			if (room === '*' || ROOM.test(room)) named.add(room);
			else problem = 'in: needs the name of a room';
		} else {
			const begin = midnight(value);
			if (begin === null) problem = `${operator}: needs a day, such as ${operator}:2026-01-31`;
			if (operator === 'before') until = begin;
			else from = begin;
			if (operator === 'on') until = begin && midnight(value, 1);
		}
		return '';
	}).trim();
	const asked = Object.entries({ q: words || null, sender, from, until }).filter(([, value]) => value !== null);
	const where = (named.size ? [...named] : rooms).map((room) => ['room', room]);
	return { params: asked.length && !problem ? [...where, ...asked] : null, problem };
}

// Its offset from UTC, as +02:00: that of just before its first moment, since some days have no midnight.
export const offsetOf = (day) => new Date(new Date(`${day}T00:00`) - 1).toString().replace(/.*GMT(...)(..).*/, '$1:$2');
