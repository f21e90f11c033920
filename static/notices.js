// notices.js: notifications of the system, if a person wants them.

const TEXT_MOST = 200;

export async function permitted() {
	return typeof Notification === 'function' && await Notification.requestPermission() === 'granted';
}

export function notice({ id, room, sender, text, event }) {
	if (Notification.permission !== 'granted') return;
	try {
		const title = `${sender || 'no name'} in #${room}`;
		const note = new Notification(title, { body: (text ?? event).slice(0, TEXT_MOST), tag: room });
		note.onclick = () => {
			window.focus();
			location.hash = `#${room}/${id}`;
		};
	} catch {
		// A phone's browser wants a service worker for it.
	}
}
