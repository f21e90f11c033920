// view-alarm.js: the row of a message that has one of the words of alarms.
import { make } from './view-parts.js';

// An edge that is no colour alone, the words in bold, and a word for who cannot see either.
export function sound(article, words) {
	const body = article.querySelector('.text');
	article.classList.add('alarm');
	article.prepend(make('span', 'unseen', 'Alarm: '));
	if (!body) return;
	const texts = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
	const found = [];
	for (let left = 200; left > 0 && texts.nextNode(); left -= 1) found.push(texts.currentNode);
	for (const node of found) {
		const text = node.data;
		const parts = [];
		let at = 0;
		for (const [from, to] of words.spans(text)) {
			parts.push(text.slice(at, from), make('b', 'word', text.slice(from, to)));
			at = to;
		}
		if (parts.length) node.replaceWith(...parts, text.slice(at));
	}
}
