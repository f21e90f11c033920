// write.js: what a person gives, as it goes into the outbox.

const FILE_MOST = 4_000_000; // bytes; the web server passes little more, longlined mostly less
const EVENT_BYTES = 128, SENDER_BYTES = 64;

// Half a surrogate pair has no UTF-8 and would be refused.
export const wellFormed = (text) => text.replace(/\p{Surrogate}/gu, '\uFFFD');

// crypto.randomUUID is missing where the page is served by plain HTTP.
export function newKey() {
	return crypto.getRandomValues(new Uint32Array(4)).join('-');
}

export const cut = (text, bytes) => {
	let some = text;
	while (new TextEncoder().encode(some).length > bytes) some = [...some].slice(0, -1).join('');
	return some;
};

// A sender has no control characters, a pasted tab say, and so many bytes; maxlength counts UTF-16 units.
export const senderOf = (text) => cut(wellFormed(text).replace(/\p{Control}/gu, ''), SENDER_BYTES);

export const textItem = (room, { sender, text }) => ({ room, key: newKey(), sender, text: wellFormed(text), format: 'markdown' });

export async function fileItem(room, sender, file) {
	const bytes = file.size > FILE_MOST ? null : await file.arrayBuffer().catch(() => null);
	if (!bytes) throw new Error(`${file.name} cannot be sent: it cannot be read, or has more than ${FILE_MOST} bytes.`);
	return { room, key: newKey(), sender, blob: new Blob([bytes]), event: cut(wellFormed(`file:${file.name}`), EVENT_BYTES) };
}
