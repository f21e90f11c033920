// when.js: what times are called in a search: moments of the reader's own clock; pure.

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const [EVENING, MORNING] = [18, 8]; // a night is from one to the other

// Of a day that has no midnight it is its first moment.
const on = (day, later, hours = 0, minutes = 0) => new Date(day.getFullYear(), day.getMonth(), day.getDate() + later, hours, minutes);

function dayCalled(name, now) {
	const later = ['today', 'yesterday'].indexOf(name.toLowerCase());
	if (later >= 0) return on(now, -later);
	const [, year, month, date] = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(name) ?? [];
	const day = new Date(year, month - 1, date);
	return day.getMonth() === month - 1 && day.getDate() === Number(date) ? day : null;
}

// Begin and end of a day; null: there is none.
export function wholeDay(name, now) {
	const day = dayCalled(name, now);
	return day && [day, on(day, 1)];
}

function ago(text, now) {
	const [, count, unit] = /^(\d{1,4})([mhdw])$/i.exec(text) ?? [];
	return unit ? new Date(now - count * UNITS[unit.toLowerCase()]) : null;
}

// A day, a time (when it was last), both with a T between them, or as long ago as 12h; null: it is none of these.
export function moment(text, now) {
	const [all, name, hours, minutes] = /^([a-z]+|[\d-]{8,})?(?:(?:^|T)(\d{1,2}):(\d\d))?$/i.exec(text) ?? [];
	if (!all) return ago(text, now);
	if (hours > 23 || minutes > 59) return null;
	if (!name) {
		const time = on(now, 0, hours, minutes);
		return time > now ? on(now, -1, hours, minutes) : time;
	}
	const day = dayCalled(name, now);
	return day && on(day, 0, hours, minutes);
}

// The last 12h, or the last night; null: it is neither.
export function last(text, now) {
	if (text.toLowerCase() === 'night') return [on(now, -1, EVENING), on(now, 0, MORNING)];
	const from = ago(text, now);
	return from && [from, null];
}
