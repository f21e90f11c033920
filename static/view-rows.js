// view-rows.js: makes the rows of the list.
import { EVERYWHERE } from './everywhere.js';
import { plain } from './export.js';
import { contentOf } from './view-content.js';
import { unsent } from './view-fate.js';
import { button, byId, make, senderOf } from './view-parts.js';

const formatter = (options) => new Intl.DateTimeFormat([], options);
const clockTime = formatter({ hour: '2-digit', minute: '2-digit' });
const exactTime = formatter({ dateStyle: 'full', timeStyle: 'long' });
const dayName = formatter({ dateStyle: 'full' });
const shortTime = formatter({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
const olderTime = formatter({ dateStyle: 'short', timeStyle: 'short' });

const isoDay = new Intl.DateTimeFormat('sv');
const isoMinute = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'short' });
const format = (how, at) => (Number.isNaN(Date.parse(at)) ? String(at) : how.format(new Date(at)));

export const dayOf = (at) => format(isoDay, at);
export const nameOfDay = (at) => format(dayName, at);
export const clockWidth = clockTime.format(0).length; // characters
// As it is copied: to the minute, by the clock of who reads.
export const minuteOf = (at) => format(isoMinute, at);

// `brief`: the day as well, unless it is today; `always`: even then.
export function timeOf(at, brief = false, always = false) {
	const now = dayOf(new Date());
	const that = dayOf(at);
	const how = that.slice(0, 4) === now.slice(0, 4) ? shortTime : olderTime;
	const time = make('time', '', format(always || (brief && that !== now) ? how : clockTime, at));
	time.dateTime = at;
	return time;
}

function roomLink(room) {
	const link = make('a', '', `#${room}`);
	link.href = `#${room}`;
	return link;
}

// What became of a message, and when.
function timed(what, tag, at) {
	const node = make(tag, 'edited', what);
	if (at === undefined) return node;
	node.append(' ', timeOf(at, true));
	node.title = format(exactTime, at);
	return node;
}

// What it does: view-pick.js.
function menuOf() {
	const open = make('button', 'act', '⋯');
	open.ariaLabel = 'Message actions';
	open.ariaHasPopup = 'dialog';
	return open;
}

export const draw = {
	older: (_, { does }) => make('p', 'note', button('Load older messages', does.older)),
	newer: (_, { does }) => make('p', 'note', button('Load newer messages', does.newer)),
	beginning: (_, { room }) => make('p', 'note', room === EVERYWHERE ? 'This is where the log begins.' : `This is where #${room} begins.`),
	mark: () => make('h2', 'mark', make('span', '', 'New')),
	note: ({ tone, text }) => make('p', `note ${tone}`, text),

	day({ at }, { does }) {
		const name = button(format(dayName, at), () => does.pick(dayOf(at)));
		name.title = 'Go to another day';
		name.tabIndex = -1;
		return make('h2', 'day', name);
	},

	message({ message, headed, changes, mending }, { room, as, does }) {
		const article = make('article', `${headed ? 'headed' : ''}${changes ? ' changeable' : ''}${mending ? ' mending' : ''}`.trim());
		article.dataset.id = message.id;
		article.tabIndex = -1; // j, k and permalinks move the focus here
		// Drawn by the style sheet, since it is not all of the link's name.
		const time = timeOf(message.at);
		time.dataset.time = time.textContent;
		time.textContent = '';
		const link = make('a', 'time', time);
		link.href = `#${message.room}/${message.id}`;
		link.title = `${format(exactTime, message.at)}\n${message.at}`;
		link.ariaLabel = `${time.dataset.time}, Permalink`; // which begins with what one sees
		if (headed) {
			const sender = senderOf(message.sender, message.by);
			if (room === EVERYWHERE) sender.append(' in ', roomLink(message.room));
			article.append(sender);
		} else article.ariaLabel = `${message.sender || 'no name'}${message.by === undefined ? '' : ', proven sender'}`;
		article.append(...contentOf(message, as.get(message.id), does), menuOf(), link);
		if (message.edited_at !== undefined) article.append(timed('edited', 'span', message.edited_at));
		// Or hundreds of links would lie between the list and the message field.
		for (const inside of article.querySelectorAll('a, button')) inside.tabIndex = -1;
		return article;
	},

	// Its place; nobody takes it for a gap, which is said in other words, and in the middle.
	deleted({ message: { id, deleted_at: at } }) {
		const line = timed('Message deleted', 'p', at);
		line.classList.add('deleted');
		line.dataset.id = id;
		line.tabIndex = -1;
		return line;
	},

	unsent,
};

export const spoken = (message) => `${message.sender || 'no name'}: ${plain(message).slice(0, 500)}`;
