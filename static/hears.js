// hears.js: what a tab does with each thing that it hears on the line; see docs/PAGE.md.
import { parted } from './changes.js';
import { EVERYWHERE } from './everywhere.js';
import { notice } from './notices.js';

export const hearing = ({ visit, rooms, wishes, go, outbox, feed, view, sign, given, prefs, session, search, own, mend, seek, views }) => ({
	state(event) {
		view.connection(event);
		if (event.name !== 'connected') return;
		outbox.wake();
		visit.reader.wake();
		search.wake();
	},
	ready({ cursor }) {
		visit.reader.ready(cursor);
		views.heard(['*'], 0);
		rooms.ready(cursor);
	},
	news({ messages: heard }) {
		const { messages, changes } = parted(heard);
		given.heard(messages);
		seek.learn(messages);
		views.heard(heard.map(({ room }) => room));
		for (const message of heard) rooms.heard(message);
		for (const message of messages) if (visit.alarm(message)) rooms.alarm(message.room, message.id);
		visit.reader.heard(heard.filter(({ room }) => room === visit.room || visit.room === EVERYWHERE));
		mend.heard(changes);
		if (search.heard(changes)) view.found.anew(search);
		rooms.show();
		// One tab speaks for all, and only when none of them is looked at.
		if (!feed.leading || feed.watched || !prefs.get('notify')) return;
		notice(messages, { visited: rooms.visited, wishes, go });
	},
	hole() {
		visit.reader.hole();
		views.heard();
		rooms.missed();
	},
	gap({ since }) {
		rooms.soon();
		visit.gap(since);
	},
	reset() {
		rooms.forget();
		own.forget();
		// Ids of the log before say nothing of this one.
		prefs.set('views', views.list.map((one) => ({ ...one, seen: 0, n: 0, more: false })));
		session.set('places', {});
		visit.reset();
		rooms.ask();
		views.heard();
	},
	refused(event) {
		if (!sign.refused(event)) visit.say(`The server refuses to show this room: ${event.problem}`);
	},
});
