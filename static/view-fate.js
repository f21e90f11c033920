// view-fate.js: the row of what was typed and is not sent yet, and what becomes of it, in words.
import { STRANGER } from './credential.js';
import { button, make, senderOf, shortened, size } from './view-parts.js';

const STEP_MS = 250; // of a countdown

const SAYS = {
	queued: () => 'Waiting for its turn',
	sending: () => 'Sending…',
	waiting: (problem) => `Not sent yet: ${problem}`,
	failed: (problem) => `Not sent: ${problem}`,
};

const FULL = {
	'rooms-max': 'The server makes no more new rooms for now',
	'database-max': 'The log of the server is full',
	'disk-free-min': 'The disk of the server is full',
};

// By the code of what the server answered.
const REASONS = {
	rate_limited: ({ until }) => ['Too fast: again in ', countdown(until)],
	storage_full: ({ limit }) => [`${FULL[limit] ?? FULL['disk-free-min']}; what you typed is kept and sent later`],
	unauthorized: () => ['Kept until you have signed in'],
	forbidden_room: () => ['Not sent: you may not write in this room'],
	sender_taken: ({ sender }) => [`Not sent: “${sender}” is somebody’s name here. Choose another name below, then Retry`],
};

const FOREIGN = 'Somebody typed a message here. It is kept, and sent once they have signed in again.';

const left = (until) => `${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s`;

function countdown(until) {
	const node = make('span', '', left(until));
	const timer = setInterval(() => {
		if (!node.isConnected) clearInterval(timer);
		else if (node.textContent !== left(until)) node.textContent = left(until);
	}, STEP_MS);
	return node;
}

export function fateOf(row) {
	const { state, problem, code, person } = row;
	if (state === 'foreign') {
		return person === undefined || person === STRANGER ? ['Typed before you signed in: sent when nobody is signed in'] : [];
	}
	const reason = Object.hasOwn(REASONS, code ?? '') && (state === 'waiting' || state === 'failed') ? REASONS[code] : null;
	return reason ? reason(row) : [SAYS[state](problem)];
}

const DECISIONS = { waiting: ['Retry', 'Discard'], failed: ['Retry', 'Discard'], foreign: ['Discard'] };

export function unsent(row, { does }) {
	const { itemKey, text, blob, event, state, person = STRANGER } = row;
	const hidden = state === 'foreign' && person !== STRANGER; // it may be from a room that we may not read
	const words = hidden ? FOREIGN : text ?? `${event.replace(/^file:/, '')} (${size(blob.size)})`;
	const draw = (some) => {
		const body = make('div', 'text', some);
		body.dir = 'auto';
		return body;
	};
	const fate = make('p', 'fate', make('span', '', ...fateOf(row)));
	for (const label of DECISIONS[state] ?? []) fate.append(button(label, () => does.decide(label.toLowerCase(), itemKey)));
	const article = make('article', `headed unsent ${state}`, ...(hidden ? [] : [senderOf(row.sender)]), ...shortened(words, draw), fate);
	article.ariaLabel = hidden ? 'Unsent message' : `Unsent message by ${row.sender || 'no name'}`;
	return article;
}
