// app.js: wires the line, the list and the document together, and nothing else.
//
// The room is in the address: #room, or #room/ID for one message.
import { Live, Outbox, Server } from './transport.js';
import { Timeline } from './timeline.js';
import { View, dayOf } from './view.js';

const ROOM = /^[A-Za-z0-9._-]{1,64}$/;
const KEEP = 1000; // rows in the document, while the reader is at the end

const server = new Server({ fetch: (...request) => fetch(...request) });
const isOnline = () => navigator.onLine;

let room = '';
let timeline = new Timeline();
let live = null;
let loaded = false;
let unseen = 0;
let wanted = null; // the message a permalink asks for, until its room is loaded
let remark = ''; // what is wrong with the address, likewise

const view = new View({
	submit({ sender, text }) {
		outbox.add({ room, sender, text: wellFormed(text), key: newKey() });
	},
	name(text) {
		safely(() => localStorage.setItem('longline.name', text));
	},
	retry: (key) => outbox.retry(key),
	discard: (key) => outbox.discard(key),
	reconnect() {
		live.wake({ force: true });
		outbox.wake({ force: true });
	},
	woken: () => wake(),
	ended(atEnd) {
		if (atEnd) unseen = 0;
		view.unseen(unseen);
	},
});

const outbox = new Outbox(server, {
	on: {
		changed(item) {
			save();
			if (item.room !== room) return;
			timeline.unsent(item);
			show();
		},
		sent(item, reply) {
			save();
			if (item.room !== room) return;
			timeline.sent(item, reply);
			show();
		},
		discarded(item) {
			save();
			timeline.discard(item.key);
			show();
		},
	},
});

function follow(name) {
	live?.stop();
	room = name;
	timeline = new Timeline();
	loaded = false;
	unseen = 0;
	view.room(room);
	for (const item of outbox.items) if (item.room === room) timeline.unsent(item);
	show();
	live = new Live(server, {
		room,
		isOnline,
		on: {
			state(state) {
				view.connection(state);
				if (state.name === 'connected') outbox.wake();
			},
			opened(messages, older, why) {
				timeline.open(messages, older);
				if (why === 'reset') {
					timeline.note('warning', 'The log on the server was replaced. This is what it holds now.');
				}
				loaded = true;
				unseen = 0;
				show();
				answerAddress();
			},
			messages(list) {
				unseen += timeline.add(list);
				if (view.following) {
					unseen = 0;
					timeline.trim(KEEP);
				}
				show();
			},
			gap() {
				timeline.note('warning', 'Some messages were deleted before they could be shown here.');
				show();
			},
			refused(failure) {
				timeline.note('warning', `The server refuses to show this room: ${failure.message}`);
				show();
			},
		},
	});
	live.start();
}

function show() {
	view.rows(timeline.rows(dayOf), loaded);
	view.unseen(unseen);
}

function answerAddress() {
	if (!loaded) return;
	if (wanted !== null && !view.reveal(wanted)) {
		remark = `Message ${wanted} is not among the newest messages of this room.`;
	}
	if (remark) {
		timeline.note('warning', remark);
		show();
	}
	wanted = null;
	remark = '';
}

function readAddress() {
	const [name = '', id = ''] = safely(() => decodeURIComponent(location.hash.slice(1)), '').split('/');
	wanted = /^\d{1,16}$/.test(id) ? Number(id) : null;
	const known = name === '' || ROOM.test(name);
	const next = known ? name || 'main' : 'main';
	if (!known) {
		remark = `“${name}” cannot be a room: up to 64 of A-Z, a-z, 0-9, dot, dash and underscore. This is main.`;
	}
	if (next !== room) follow(next);
	else answerAddress();
}

// Half a surrogate pair has no UTF-8 and would be refused.
function wellFormed(text) {
	return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}

// crypto.randomUUID is missing where the page is served by plain HTTP.
function newKey() {
	return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

// Storage may be forbidden or full; the page is poorer then, but works.
function safely(read, otherwise) {
	try {
		return read() ?? otherwise;
	} catch {
		return otherwise;
	}
}

// What is unsent survives a reload of this tab. The keys make it harmless to send again what had arrived after all.
function save() {
	safely(() => sessionStorage.setItem('longline.unsent', JSON.stringify(outbox.items)));
}

view.name(safely(() => localStorage.getItem('longline.name'), ''));
for (const item of safely(() => JSON.parse(sessionStorage.getItem('longline.unsent')), [])) outbox.add(item);
readAddress();

function wake() {
	live.wake();
	outbox.wake();
}
addEventListener('hashchange', readAddress);
addEventListener('online', wake);
addEventListener('offline', wake); // a quick request finds out whether it is true
addEventListener('pageshow', (event) => event.persisted && wake());
