// view-pick.js: a message or several are picked, by a pointer, a finger, or keys.
import { byId } from './view-parts.js';

const LONG_MS = 500; // of a finger that rests
const SLIP = 10; // pixels, by which it may move meanwhile

const KEYS = { y: 'link', c: 'text', q: 'quote', e: 'edit', Delete: 'erase' };

const log = byId('log');
const rowOf = (node) => node.closest?.('#log article[data-id]');
const idOf = (row) => Number(row.dataset.id);

// Without HTTPS there is no navigator.clipboard; what is selected can be copied all the same.
export async function clipboard(words) {
	try {
		await navigator.clipboard.writeText(words);
		return true;
	} catch {
		const had = document.activeElement;
		const field = document.createElement('textarea');
		field.readOnly = true; // or a phone would show its keyboard
		field.className = 'unseen';
		field.value = words;
		document.body.append(field);
		field.select();
		const done = document.execCommand('copy');
		field.remove();
		had?.focus({ preventScroll: true });
		return done;
	}
}

// true: it was a key for the message that has the focus.
export function keyOn({ key }, does) {
	const row = rowOf(document.activeElement);
	if (!row || !Object.hasOwn(KEYS, key)) return false;
	does.act(KEYS[key], idOf(row), row);
	return true;
}

function fingers(does) {
	let timer = null;
	let begun = null;
	let opened = false;
	const end = () => clearTimeout(timer);
	log.addEventListener('pointerdown', ({ pointerType, target, clientX, clientY }) => {
		const row = rowOf(target);
		end();
		opened = false;
		if (pointerType !== 'touch' || !row || target.closest('a, button, img')) return;
		begun = [clientX, clientY];
		timer = setTimeout(() => {
			opened = true;
			getSelection().removeAllRanges();
			does.menu(idOf(row), row.querySelector('.act'));
		}, LONG_MS);
	});
	log.addEventListener('pointermove', ({ clientX, clientY }) => {
		if (begun && Math.hypot(clientX - begun[0], clientY - begun[1]) > SLIP) end();
	}, { passive: true });
	for (const type of ['pointerup', 'pointercancel']) log.addEventListener(type, end);
	log.addEventListener('scroll', end, { passive: true });
	// The browser's own menu, or the words that a finger selects.
	document.addEventListener('contextmenu', (event) => {
		if (opened && event.pointerType === 'touch') event.preventDefault();
	});
	// What the finger does when it leaves is meant for nobody.
	document.addEventListener('click', (event) => {
		if (!opened || event.pointerType !== 'touch') return;
		opened = false;
		if (event.target.id === 'act') event.stopPropagation();
	}, true);
}

// Several messages, or one and something beside it.
function selected() {
	const selection = getSelection();
	if (selection.isCollapsed || !selection.rangeCount) return [];
	const range = selection.getRangeAt(0);
	return [...log.querySelectorAll('article[data-id]')].filter((row) => range.intersectsNode(row));
}

export function picking(does) {
	log.addEventListener('click', ({ target }) => {
		const open = target.closest('.act');
		if (open) does.menu(idOf(rowOf(open)), open);
	});
	fingers(does);
	document.addEventListener('copy', (event) => {
		if (event.target.closest?.('input, textarea')) return;
		const rows = selected();
		const words = rows.length > 1 ? does.lines(rows.map(idOf)) : '';
		if (!words) return;
		event.clipboardData.setData('text/plain', words);
		event.preventDefault();
	});
}
