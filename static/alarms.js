// alarms.js: which of the unread messages are alarms, of those that came while nobody listened: a search finds them.
const PAGE = 100;
const PAGES = 3; // that are asked for at a time

export async function missed({ server, rooms, wishes, alarm }) {
	const open = rooms.list().filter(({ name, unread }) => unread && wishes.level(name) !== 'muted');
	const { search } = wishes.words;
	if (!open.length || !search) return;
	const least = Math.min(...open.map(({ name }) => rooms.readOf(name)));
	let before = [];
	for (let i = 0; i < PAGES; i += 1) {
		const page = await server.history([['room', '*'], ['q', search], ['limit', PAGE], ...before]).catch(() => null);
		for (const message of page?.messages ?? []) {
			const read = rooms.readOf(message.room);
			if (read !== null && message.id > read && alarm(message)) rooms.alarm(message.room, message.id);
		}
		if (!(page?.older > least)) break;
		before = [['before', page.older]];
	}
	rooms.show();
}
