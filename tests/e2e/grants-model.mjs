// grants-model.mjs: who may what, from the words of docs/PROTOCOL.md alone: a second opinion for tests to compare the
// daemon with. It knows nothing of how the daemon does it.
//
// A row is {who, rooms, may}. A person is {kind, name, ll}: kind is 'stranger', 'user' (a name that the web server has
// checked), 'token' or 'jwt' (name is its sub, ll its claim, a list of {rooms, may}).

/** Random numbers that are the same again for the same seed (mulberry32). */
export function random(seed) {
	let state = seed >>> 0;
	const next = () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
	const below = (n) => Math.floor(next() * n);
	return { next, below, one: (list) => list[below(list.length)], chance: (p) => next() < p };
}

/** Whether a pattern fits a room: a room's name fits itself, a prefix with a * behind it all that begins so. */
const fits = (pattern, room) => (pattern.endsWith('*') ? room.startsWith(pattern.slice(0, -1)) : pattern === room);

/** Of the rows that fit, the exact room before the longest prefix; undefined: none fits. */
function closest(rows, room) {
	const fitting = rows.filter((row) => fits(row.rooms, room));
	return fitting.find((row) => row.rooms === room) ??
		fitting.reduce((best, row) => (best && best.rooms.length >= row.rooms.length ? best : row), undefined);
}

/** The rows that concern somebody, in groups: the earlier group decides before the later one. */
function groups(rows, person) {
	const of = (who) => rows.filter((row) => row.who === who);
	const own = {
		stranger: [],
		user: [of(`user:${person.name}`)],
		token: [of(`token:${person.name}`)],
		jwt: [of(`user:${person.name}`), person.ll ?? []],
	}[person.kind];
	return [...own, ...(person.kind === 'stranger' ? [] : [of('users')]), of('anyone')];
}

const NOTHING = { r: false, w: false, m: false };

/** What a person may in a room of a closed log, and the row that says so. */
export function decide(rows, person, room) {
	for (const group of groups(rows, person)) {
		const row = closest(group, room);
		if (row)
			return { r: row.may.includes('r'), w: row.may.includes('w'), m: row.may.includes('m'), row };
	}
	return { ...NOTHING, row: undefined };
}

/** The same as a number: 1 for r, 2 for w, 4 for m. */
export const bits = ({ r, w, m }) => (r ? 1 : 0) + (w ? 2 : 0) + (m ? 4 : 0);

// ---------------------------------------------------------------------------------------------------------------------
// Random cases. Names are short and of few letters, so that they begin alike and rows meet.

const LETTERS = ['a', 'b', 'A', '-', '.', '_', '0'];
export const NAMES = ['ann', 'bob', 'Ann', 'ci', 'ann ', 'users', 'anyone'];

const letters = (rng, n) => Array.from({ length: n }, () => rng.one(LETTERS)).join('');

/** A room's name: mostly of a few letters, at times as long as one can be. */
export const aRoom = (rng) => letters(rng, rng.chance(0.02) ? 64 : 1 + rng.below(4));

/** What stands in the column `rooms`. */
export function aPattern(rng) {
	if (rng.chance(0.5))
		return aRoom(rng);
	return `${letters(rng, rng.chance(0.02) ? 63 : rng.below(4))}*`;
}

/** What stands in the column `may`: any of r, w, m in any order, each once. */
export function aMay(rng) {
	const may = ['r', 'w', 'm'].filter(() => rng.chance(0.5));
	return may.sort(() => rng.next() - 0.5).join('');
}

const aWho = (rng) => {
	const what = rng.below(4);
	return what === 0 ? 'anyone' : what === 1 ? 'users' : `${what === 2 ? 'user' : 'token'}:${rng.one(NAMES)}`;
};

/** Rows as the table can hold them: no two of one who and rooms. */
export function someRows(rng, most = 30) {
	const rows = new Map();
	for (let n = rng.below(most + 1); n > 0; n--) {
		const row = { who: aWho(rng), rooms: aPattern(rng), may: aMay(rng) };
		rows.set(`${row.who} ${row.rooms}`, row);
	}
	return [...rows.values()];
}

/** The claim of a JWT: rooms may stand there twice, then the first counts. */
const aClaim = (rng) => Array.from({ length: rng.below(6) }, () => ({ rooms: aPattern(rng), may: aMay(rng) }));

export function aPerson(rng) {
	const kind = rng.one(['stranger', 'user', 'token', 'jwt']);
	return {
		kind,
		name: kind === 'stranger' ? '' : rng.one(NAMES),
		...(kind === 'jwt' && rng.chance(0.8) ? { ll: aClaim(rng) } : {}),
	};
}
