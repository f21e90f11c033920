// write.js: what a person gives, as it goes into the outbox.

const FILE_MOST = 4_000_000; // bytes; the web server passes little more, and longlined itself mostly takes less
const EVENT_BYTES = 128;

// Half a surrogate pair has no UTF-8 and would be refused.
const wellFormed = (text) => text.replace(/\p{Surrogate}/gu, '\uFFFD');

// crypto.randomUUID is missing where the page is served by plain HTTP.
export function newKey() {
	return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export const cut = (text, bytes) => {
	let some = text;
	while (new TextEncoder().encode(some).length > bytes) some = [...some].slice(0, -1).join('');
	return some;
};

export const textItem = (room, { sender, text }) => ({ room, key: newKey(), sender, text: wellFormed(text) });

export async function fileItem(room, sender, file) {
	const bytes = file.size > FILE_MOST ? null : await file.arrayBuffer().catch(() => null);
	if (!bytes) throw new Error(`${file.name} cannot be sent: it cannot be read, or has more than ${FILE_MOST} bytes.`);
	return { room, key: newKey(), sender, blob: new Blob([bytes]), event: cut(wellFormed(`file:${file.name}`), EVENT_BYTES) };
}
