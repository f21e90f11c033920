// awake.js: what ends every pause: the network, a page that comes back, a machine that slept.

const TICK_MS = 5_000;
const ASLEEP_MS = 20_000; // a tick this late means that the machine slept

export function awake({ feed, rooms, view, wake, credential }) {
	// Told "offline", a quick request finds out whether it is true.
	for (const type of ['online', 'offline']) addEventListener(type, () => wake());
	addEventListener('pagehide', () => feed.stop());
	addEventListener('pageshow', (event) => {
		if (!event.persisted) return;
		if (credential.changed) location.reload(); // it shows what somebody else may see
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
}
