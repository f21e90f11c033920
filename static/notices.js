// notices.js: notifications of the system, if a person wants them.

import { stripped } from './ansi.js';

const TEXT_MOST = 200;

// Of the last message of others in the rooms that were visited.
export function notice(messages, rooms, name) {
	const message = messages.findLast(({ sender, room }) => rooms.includes(room) && sender !== name);
	if (!message || Notification.permission !== 'granted') return;
	const { id, room, sender, text, event } = message;
	try {
		const title = `${sender || 'no name'} in #${room}`;
		const note = new Notification(title, { body: stripped(text ?? event).slice(0, TEXT_MOST), tag: room });
		note.onclick = () => {
			window.focus();
			location.hash = `#${room}/${id}`;
		};
	} catch {
		// A phone's browser wants a service worker for it.
	}
}
