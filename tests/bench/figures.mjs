// figures.mjs: medians and the like, and tables of them.
import { quantile } from '../e2e/load.mjs';

export const median = (values) => quantile(values, 0.5);

/** Rounded to three digits: nothing here is known better. */
export const round = (x) => (Number.isFinite(x) ? Number(x.toPrecision(3)) : undefined);

/** Numbers at the same places of objects of the same form, each as the median of all. */
export function medians(list) {
	const first = list[0];
	if (typeof first === 'number')
		return round(median(list));
	if (first && typeof first === 'object' && !Array.isArray(first))
		return Object.fromEntries(Object.keys(first).map((key) => [key, medians(list.map((one) => one[key]))]));
	return first;
}

/** The median of the ratios of pairs: what was slow for both does not count. */
export const ratio = (a, b) => round(median(a.map((value, i) => value / b[i])));

/** A table of text, for the terminal and for Markdown alike. */
export function table(head, lines) {
	const rows = [head, ...lines].map((line) => line.map((cell) => String(cell ?? '')));
	const widths = head.map((_, i) => Math.max(3, ...rows.map((row) => row[i].length)));
	const line = (row) => `| ${row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
	return [line(rows[0]), `|${widths.map((n, i) => (i ? `${'-'.repeat(n + 1)}:` : '-'.repeat(n + 2))).join('|')}|`, ...rows.slice(1).map(line)].join('\n');
}
