// plot.mjs: groups of horizontal bars as SVG, readable on a white and on a dark page.

const COLOURS = ['#2f6fb0', '#8a8f98', '#c9782b', '#4d9a58', '#8b5fb0', '#b0483f'];
const ROW = 18, GAP = 14, LEFT = 250, WIDTH = 460, RIGHT = 90, TOP = 34;

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/**
 * `groups` are [{name, values: [number, …]}], with a value for each name in `series` (undefined: no bar). `bar` draws a
 * line that should not be passed; `log` has a decade of the same width everywhere.
 */
export function bars({ title, unit, series, groups, bar, log = false }) {
	const values = groups.flatMap((group) => group.values).filter((value) => value > 0);
	const max = Math.max(...values, bar ?? 0), min = log ? 10 ** Math.floor(Math.log10(Math.min(...values))) : 0;
	const x = (value) => LEFT + WIDTH * (log ? Math.log10(Math.max(value, min) / min) / Math.log10(max / min) : value / max);
	const parts = [];
	let y = TOP + (series.length > 1 ? 22 : 0);
	for (const { name, values: list } of groups) {
		parts.push(`<text x="${LEFT - 8}" y="${y + (list.length * ROW) / 2 + 4}" text-anchor="end">${escape(name)}</text>`);
		list.forEach((value, i) => {
			if (value === undefined)
				return;
			parts.push(`<rect x="${LEFT}" y="${y + i * ROW + 2}" width="${Math.max(1, x(value) - LEFT).toFixed(1)}" height="${ROW - 4}" fill="${COLOURS[i % COLOURS.length]}"/>`);
			parts.push(`<text x="${(x(value) + 5).toFixed(1)}" y="${y + i * ROW + 13}">${value >= 1000 ? Math.round(value).toLocaleString('en') : value}</text>`);
		});
		y += list.length * ROW + GAP;
	}
	const step = (WIDTH + RIGHT) / Math.max(4, series.length);
	const legend = series.length > 1 ? series.map((name, i) =>
		`<rect x="${LEFT + i * step}" y="${TOP - 6}" width="12" height="12" fill="${COLOURS[i % COLOURS.length]}"/><text x="${LEFT + 17 + i * step}" y="${TOP + 4}">${escape(name)}</text>`) : [];
	const line = bar === undefined ? [] : [`<line x1="${x(bar).toFixed(1)}" x2="${x(bar).toFixed(1)}" y1="${TOP + 14}" y2="${y - GAP + 4}" stroke="#b0483f" stroke-dasharray="4 3"/>`];
	const width = LEFT + WIDTH + RIGHT;
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" font-family="sans-serif" font-size="12" fill="#333">
<rect width="100%" height="100%" fill="#fff"/>
<text x="8" y="18" font-size="14" font-weight="bold">${escape(title)}${unit ? `, ${escape(unit)}` : ''}</text>
${[...legend, ...parts, ...line].join('\n')}
</svg>
`;
}
