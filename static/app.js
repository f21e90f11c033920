// app.js: wires the line, the room that is open, and the document together.
import { exported } from './export.js';
import { Feed } from './feed.js';
import { notice } from './notices.js';
import { DiskStore, Outbox } from './outbox.js';
import { Memory, allowed } from './prefs.js';
import { RoomList } from './roomlist.js';
import { Search } from './search.js';
import { Server } from './transport.js';
import { dayOf, save } from './view-rows.js';
import { View } from './view.js';
import { Visit } from './visit.js';
import { newKey } from './write.js';

const TICK_MS = 5_000;
const ASLEEP_MS = 20_000; // a tick this late means that the machine slept

const own = `longline ${new URL('.', location.href).pathname}`; // two Longlines of one site share nothing
const prefs = new Memory(allowed(() => localStorage), own);
const session = new Memory(allowed(() => sessionStorage), own);
const server = new Server((...request) => fetch(...request));

const follow = () => visit.follow(location.hash);

const rooms = new RoomList(server, prefs, (list, unread) => view.rooms(list, unread, visit.room));
const search = new Search(server, ({ hits, state }) => view.found.show(hits, state));

const view = new View({
	submit: (typed) => visit.submit(typed),
	files: (given) => visit.attach(given),
	name: (text) => prefs.set('name', text),
	draft: (text) => prefs.setOf(visit.room, 'drafts', text || null),
	decide: (what, key) => feed.decide(what, key),
	reconnect: () => wake({ force: true }),
	woken() {
		feed.look(view.visible);
		if (!view.visible) return;
		wake();
		visit.look();
	},
	ended: (atEnd) => visit.ended(atEnd),
	seen: (id) => visit.seen(id),
	older: () => visit.reader.back(),
	newer: () => visit.reader.onward(),
	oldest: () => visit.toOldest(),
	newest: () => visit.toNewest(),
	day: (day) => visit.toDay(day),
	firstUnread: () => visit.toUnread(),
	readAll: () => visit.readAll(),
	moreRooms: () => rooms.more(),
	sift: (typed) => rooms.sift(typed),
	again: follow,
	walk(by) {
		location.hash = `#${rooms.next(by)}`;
	},
	search: (text, scope) => visit.find(text, scope),
	moreHits: () => search.more(),
	closed: () => search.clear(),
	export(form) {
		const [list, title] = search.hits.length ? [search.hits, 'search'] : [visit.timeline.messages, visit.room];
		save(exported(list, form, title));
	},
	async notify(on) {
		const yes = on && await globalThis.Notification?.requestPermission() === 'granted';
		prefs.set('notify', yes);
		view.notify(yes, on && !yes ? 'This browser does not allow it here.' : '');
	},
});

const outbox = new Outbox(server, {
	store: new DiskStore(allowed(() => indexedDB), own), // without one each of its promises fails, which does no harm
	on(type, item, own, reply) {
		if (own) feed.tell({ type, item: { ...item }, reply });
		if (type === 'sent' || item.state === 'failed') view.barred(type !== 'sent' && !!item.barred);
		visit.unsent(type, item, reply);
	},
});

const hears = {
	state(event) {
		view.connection(event);
		if (event.name !== 'connected') return;
		outbox.wake();
		visit.reader.wake();
	},
	ready: () => visit.reader.ready(),
	news({ messages }) {
		for (const message of messages) rooms.heard(message);
		visit.reader.heard(messages.filter(({ room }) => room === visit.room));
		rooms.show();
		// One tab speaks for all, and only when none of them is looked at.
		if (!feed.leading || feed.watched || !prefs.get('notify')) return;
		notice(messages, rooms.visited, prefs.get('name') || null);
	},
	hole() {
		visit.reader.hole();
		rooms.ask();
	},
	gap: ({ since }) => visit.gap(since),
	reset() {
		rooms.forget();
		visit.reset();
		rooms.ask();
	},
	refused: ({ problem }) => visit.say(`The server refuses to show this room: ${problem}`),
};

const feed = new Feed(server, {
	outbox,
	tabs: { name: own, id: newKey(), locks: navigator.locks, Channel: globalThis.BroadcastChannel },
	on: {
		told({ room, mark }) {
			rooms.readAlso(room, mark);
			rooms.show();
		},
		event: (event) => hears[event.type](event),
	},
});

const visit = new Visit({ server, prefs, session, outbox, rooms, search, feed, view, dayOf });

function wake(how) {
	feed.wake(how);
	visit.reader.wake(how);
}

view.form.name(prefs.get('name', ''));
view.notify(prefs.get('notify', false));
follow();
feed.look(view.visible);
feed.start();

addEventListener('hashchange', follow);
// Told "offline", a quick request finds out whether it is true.
for (const type of ['online', 'offline']) addEventListener(type, () => wake());
addEventListener('pagehide', () => feed.stop());
addEventListener('pageshow', (event) => {
	if (!event.persisted) return;
	feed.start();
	wake();
});
let ticked = Date.now();
setInterval(() => {
	const late = Date.now() - ticked > ASLEEP_MS;
	ticked = Date.now();
	if (!view.visible) return;
	if (late) wake();
	rooms.refresh();
}, TICK_MS);
