// query.js: addresses of the page, and what is typed into the search field, as parameters of /history.
// A day is the reader's own.

import { EVERYWHERE } from './everywhere.js';
import { allowed } from './prefs.js';
import { OPERATOR, doubt, roomCalled } from './suggest.js';
import { last, moment, wholeDay } from './when.js';

export const ROOM = /^[A-Za-z0-9._-]{1,64}$/;
const LONGEST = 1_000; // characters of a search

export const nameOf = (room) => (room === EVERYWHERE ? 'All rooms' : `#${room}`);

// The part of an address behind #: a room, perhaps the number of a message or a day, and what is searched for.
// `problem`: what it cannot be.
export function addressOf(hash) {
	const [path, search = ''] = hash.slice(1).split(/\?(.*)/s);
	const [name, mark = '', ...rest] = (allowed(() => decodeURIComponent(path)) ?? '').split(/([/@])/);
	const what = rest.join('');
	const known = name === '' || name === EVERYWHERE || ROOM.test(name);
	const room = (known && name) || 'main';
	const id = known && mark === '/' && /^[1-9]\d{0,14}$/.test(what) ? Number(what) : null;
	const day = known && mark === '@' && /^\d{4}-\d\d-\d\d$/.test(what) && wholeDay(what) ? what : null;
	let problem = '';
	if (!known) problem = `“${name}” cannot be a room: up to 64 of A-Z, a-z, 0-9, dot, dash and underscore. This is main.`;
	else if (what && !id && !day) problem = `“${what}” is no ${mark === '@' ? 'day' : 'number of a message'}. This is ${nameOf(room)}.`;
	return { room, id, day, query: (new URLSearchParams(search).get('q') ?? '').slice(0, LONGEST), named: name !== '', problem };
}

export function hashOf({ room, id, day, query }) {
	// As a link in a text it must not end in what ends a sentence, or hold what marks words.
	const search = query ? `?${new URLSearchParams({ q: query })}`.replaceAll('%3A', ':').replaceAll('*', '%2A')
		.replace(/[.:_-]$/, (last) => `%${last.charCodeAt(0).toString(16).toUpperCase()}`) : '';
	return `#${room}${id ? `/${id}` : ''}${day ? `@${day}` : ''}${search}`;
}

const NEEDS = {
	after: 'a day or a time, such as after:yesterday, after:18:00 or after:2026-01-31',
	before: 'a day or a time, such as before:08:00 or before:2026-01-31',
	on: 'a day, such as on:yesterday or on:2026-01-31',
	last: 'a time, such as last:12h, last:7d or last:night',
};

// Begin and end; null: the value is no time.
function span(operator, value, now) {
	if (operator === 'on') return wholeDay(value, now);
	if (operator === 'last') return last(value, now);
	const time = moment(value, now);
	return time && (operator === 'before' ? [null, time] : [time, null]);
}

// `names`: of all rooms, where they are known. Gives the parameters; or what is wrong with it, and what was perhaps meant.
export function parse(text, { names = null, now = new Date() } = {}) {
	const given = { sender: null, from: null, until: null };
	const rooms = new Set();
	let [problem, offers] = ['', []];
	const words = text.replace(OPERATOR, (all, name, quoted, at) => {
		if (!name) return all;
		const value = quoted.replace(/^"|"$/g, '');
		const operator = name.toLowerCase();
		if (operator === 'from') given.sender = quoted ? value : null; // it is being typed
		else if (operator === 'in') {
			const called = value.replace(/^#/, '');
			const { room, others = [] } = names && ROOM.test(called) ? roomCalled(called, names) : { room: called };
			if (room === undefined) problem = `No room “${called}”.`;
			else if (room === '*' || ROOM.test(room)) rooms.add(room);
			else problem = 'in: needs the name of a room';
			offers = others.map((other) => ({ label: `in:${other}`, text: `${text.slice(0, at)}in:${other}${text.slice(at + all.length)}` }));
		} else {
			const [from, until] = span(operator, value, now) ?? [];
			given.from = from ?? given.from;
			given.until = until ?? given.until;
			if (!from && !until) problem = `${operator}: needs ${NEEDS[operator]}`;
		}
		return '';
	}).trim();
	if (problem) return { params: null, problem, offers };
	// Between 18:00 and 08:00 there is a midnight.
	if (given.from >= given.until && given.until && /(?<!\S)after:\d\d?:/i.test(text)) given.from.setDate(given.from.getDate() - 1);
	const asked = Object.entries({ q: words || null, ...given }).filter(([, value]) => value !== null)
		.map(([name, value]) => [name, value.toISOString?.() ?? value]);
	const where = [...rooms];
	const params = [...(where.length ? where : ['*']).map((room) => ['room', room]), ...asked];
	return { params: asked.length || where.length ? params : null, problem: '', offers: [], ...doubt(text) };
}

// Rooms that a search names and nobody has heard of.
export const unheard = (text, names) => [...text.matchAll(OPERATOR)].some(([, name, value]) =>
	name?.toLowerCase() === 'in' && !names.includes(value.replace(/^["#]+|"$/g, '')));

// Its offset from UTC, as +02:00: that of just before its first moment, since some days have no midnight.
export const offsetOf = (day) => new Date(new Date(`${day}T00:00`) - 1).toString().replace(/.*GMT(...)(..).*/, '$1:$2');
