// ansi.js: escape sequences, by which programs colour a terminal: a text as coloured runs, or without them; pure.

const RUNS = 2_000; // that are coloured in one text; what is behind them has no colour
const NUMBERS = 32; // of one sequence
// Colours (their numbers are the group); other commands; titles and the like, up to their end; all else. What was cut off at
// the end of a text counts as well.
const ESCAPE = /\x1b(?:\[(?:([\d;:]*)m|[0-?]*[ -/]*(?:[@-~]|$)?)|[\]PX^_][^\x07\x1b]{0,2000}(?:\x07|\x1b\\|$)|[ -/]*[0-~]?)/g;
const BEGUN = /\x1b(?:\[[0-?]*[ -/]*)?$/;
const ON = { 1: 'bold', 3: 'italic', 4: 'underline', 7: 'inverse' };
const OFF = { 22: 'bold', 23: 'italic', 24: 'underline', 27: 'inverse' };

export const stripped = (text) => (text.includes('\x1b') ? text.replace(ESCAPE, '') : text);

// Parts of one text, in which a sequence may begin in one and end in the next.
export function strippedParts(parts) {
	let begun = '';
	return parts.map((part) => {
		const all = begun + part;
		[begun] = BEGUN.exec(all) ?? [''];
		return stripped(all.slice(0, all.length - begun.length));
	});
}

// As { text, look }: `look` has the names of classes.
export function coloured(text) {
	const runs = [];
	let style = {};
	let at = 0;
	const add = (some) => {
		if (!some) return;
		const look = runs.length < RUNS ? lookOf(style) : '';
		if (runs.at(-1)?.look === look) runs.at(-1).text += some;
		else runs.push({ text: some, look });
	};
	for (const { 0: all, 1: numbers, index } of text.matchAll(ESCAPE)) {
		add(text.slice(at, index));
		at = index + all.length;
		if (numbers !== undefined) style = styled(style, numbers.split(/[;:]/, NUMBERS).map(Number));
	}
	add(text.slice(at));
	return runs;
}

function styled(before, numbers) {
	let style = { ...before };
	while (numbers.length) {
		const n = numbers.shift();
		const what = n % 60 < 40 ? 'front' : 'back';
		if (n === 0) style = {};
		else if (ON[n]) style[ON[n]] = true;
		else if (OFF[n]) style[OFF[n]] = false;
		else if (n === 38 || n === 48) style[what] = extended(numbers);
		else if (n === 39 || n === 49) style[what] = null;
		else if (n >= 30 && n <= 47) style[what] = n % 10;
		else if (n >= 90 && n <= 107) style[what] = n % 10 + 8;
	}
	return style;
}

// Takes what belongs to it from the numbers. Of 256 or of all colours the nearest of the sixteen.
function extended(numbers) {
	const how = numbers.shift();
	if (how === 2) return nearest(numbers.splice(0, 3));
	const n = how === 5 ? numbers.shift() : 0;
	if (n < 16) return n;
	if (n > 231) return nearest([n, n, n].map((grey) => (grey - 232) * 10 + 8));
	return nearest([36, 6, 1].map((step) => Math.floor((n - 16) / step) % 6 * 51));
}

function nearest(rgb) {
	const most = Math.max(...rgb);
	if (most - Math.min(...rgb) < 48) return most < 64 ? 0 : most < 160 ? 8 : 7;
	return rgb.reduce((sum, part, i) => sum + (part > 0.6 * most ? 2 ** i : 0), 0);
}

// A bright colour is drawn as the other one: both must be legible by day and by night. 0: black, white, grey.
const hue = (n) => (n % 8 === 7 ? 0 : n % 8);

function lookOf({ front = null, back = null, inverse, ...flags }) {
	const [ink, paper] = inverse ? [back, front] : [front, back];
	const names = Object.keys(flags).filter((name) => flags[name]);
	if (inverse && paper === null) names.push('inverse');
	else if (paper !== null) names.push(`paper p${hue(paper)}`);
	if (ink !== null && hue(ink)) names.push(`ink i${hue(ink)}`);
	else if (ink === 8 && paper === null) names.push('grey');
	return names.join(' ');
}
