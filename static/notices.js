// notices.js: notifications of the system, if a person wants them.

import { stripped } from './ansi.js';

const TEXT_MOST = 200;

// Of the last alarm, or else of the last message that is worth one. `go`: leads to a room.
export function notice(messages, { visited, wishes, go }) {
	const worth = messages.filter((message) => wishes.notifies(message, visited));
	const alarm = worth.findLast((message) => wishes.alarm(message));
	const message = alarm ?? worth.at(-1);
	if (!message || Notification.permission !== 'granted') return;
	const { room, sender, text, event } = message;
	try {
		const title = `${alarm ? '! ' : ''}${sender || 'no name'} in #${room}`;
		const note = new Notification(title, { body: stripped(text ?? event).slice(0, TEXT_MOST), tag: room });
		note.onclick = () => {
			window.focus();
			go(`#${room}`);
		};
	} catch {
		// A phone's browser wants a service worker for it.
	}
}
