// What the tokenizer finds, beside what others say: the sets of lines are equal, both ways, for each word of some
// corpora.
//
// Of scripts with blanks the words are Intl.Segmenter's, parted further at punctuation and symbols as docs/PROTOCOL.md
// says, and two are the same when ICU's collation says so at its primary level. Of scripts without blanks a line is
// found when it has the text looked for, at borders of graphemes. A difference that stays must have one of the reasons
// below; any other one is a failure. words_lines.c is asked for what we find.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FORTUNES = '/usr/share/games/fortunes'
const LOCALES = '/usr/share/locale'
const RUN_MAX = 12 // graphemes of the longest text that is looked for
const LONGER = 4 // texts of more than two graphemes, of each run
const SHOWN = 3 // examples of each reason

// Why we find what they do not, or do not find what they do.
const REASONS = [
	{
		name: 'hamza',
		why: 'a mark on an Arabic letter does not count (أ is ا, ؤ is و); these are letters of their own to ICU',
		merge: (word) => word.normalize('NFD').replace(/[\u0653-\u0655]/g, ''),
	},
	{
		name: 'marks',
		why: 'a mark makes another letter in scripts of India, a nukta or an anusvara too (ज़ is not ज); to ICU these are accents',
		split: (word) =>
			[...word.normalize('NFD')]
				.map((c, i, all) => (/\p{M}/u.test(c) && /[\u0900-\u0dff]/.test(c) ? all[i - 1] + c : ''))
				.join(''),
	},
	{
		name: 'ґ ї',
		why: 'ґ and ї are letters of their own; to ICU they are г and і',
		split: (word) => word.normalize('NFC').toLowerCase().replace(/[^ґї]/gu, ''),
	},
	{
		name: 'ı',
		why: 'ı is i, since I is the capital of both; to ICU it is another letter',
		merge: (word) => word.replaceAll('ı', 'i'),
	},
	{
		name: 'above',
		why: 'a number above the line is a part of the word beside it (m² is m2); to ICU it parts words',
		lines: (word, line) =>
			line.split(/[^\p{L}\p{M}\p{N}]+/u).some((part) => /[¹²³⁰-⁹]/.test(part) && part.includes(word)),
	},
]
const CUTS = 'it would begin or end within a grapheme: ก is not found in กำ'

const lines = (texts) => [...new Set(texts)].filter((line) => line.trim() !== '' && line !== '%')

const fortunes = (folder, names = /./) =>
	lines(
		readdirSync(join(FORTUNES, folder))
			.filter((name) => name.endsWith('.u8') && names.test(name))
			.flatMap((name) => readFileSync(join(FORTUNES, folder, name), 'utf8').split('\n')),
	)

// The translations in a file of gettext's (MO).
const translations = (file) => {
	const bytes = readFileSync(file)
	const at = bytes.readUInt32LE(0) === 0x950412de ? (i) => bytes.readUInt32LE(i) : (i) => bytes.readUInt32BE(i)
	const table = at(16)
	return Array.from({ length: at(8) }, (_, i) => {
		const entry = table + 8 * i
		return i === 0 ? '' : bytes.toString('utf8', at(entry + 4), at(entry + 4) + at(entry))
	}).flatMap((text) => text.split('\0'))
}

const isoCodes = (language) => {
	const folder = join(LOCALES, language, 'LC_MESSAGES')
	const files = readdirSync(folder).filter((name) => /^iso_.*\.mo$/.test(name))
	return lines(files.flatMap((name) => translations(join(folder, name)).map((text) => text.replaceAll('\n', ' '))))
}

// Beyond the scripts of those below.
const OTHERS = {
	Ukrainian: 'uk',
	Turkish: 'tr',
	Hebrew: 'he',
	Persian: 'fa',
	Georgian: 'ka',
	Armenian: 'hy',
	Bengali: 'bn',
	Punjabi: 'pa',
	Oriya: 'or',
	Tamil: 'ta',
	Telugu: 'te',
	Kannada: 'kn',
	Malayalam: 'ml',
	Marathi: 'mr',
	Sinhala: 'si',
}

const CORPORA = [
	{ name: 'German (fortunes-de)', lines: () => fortunes('de') },
	{ name: 'Russian (fortunes-ru)', lines: () => fortunes('ru') },
	{ name: 'Greek (iso-codes)', lines: () => isoCodes('el') },
	{ name: 'Arabic (iso-codes)', lines: () => isoCodes('ar') },
	{ name: 'Hindi (iso-codes)', lines: () => isoCodes('hi') },
	{ name: 'Korean (iso-codes)', lines: () => isoCodes('ko') },
	...Object.entries(OTHERS).map(([name, code]) => ({ name: `${name} (iso-codes)`, lines: () => isoCodes(code) })),
	{ name: 'Chinese (fortunes-zh)', lines: () => fortunes('.'), run: /^\p{Script=Han}/u },
	{ name: 'Japanese (iso-codes)', lines: () => isoCodes('ja'), run: /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ー]/u },
	{ name: 'Thai (iso-codes)', lines: () => isoCodes('th'), run: /^\p{Script=Thai}/u },
	{ name: 'Khmer (iso-codes)', lines: () => isoCodes('km'), run: /^\p{Script=Khmer}/u },
]

// Colours and zero width spaces, which no word has.
const plain = (line) => line.replace(/\x1b\[[0-9;]*m/g, '').replace(/(?<=\p{sc=Khmer})\u200b+(?=\p{sc=Khmer})/gu, '')

const collator = new Intl.Collator('und', { sensitivity: 'base' })
const words = new Intl.Segmenter('und', { granularity: 'word' })
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })

const put = (map, key, value) => (map.has(key) ? map.get(key).add(value) : map.set(key, new Set([value])))
const equal = (a, b) => a.size === b.size && [...a].every((value) => b.has(value))

// Each word, and the lines that have it or another one that is the same by a rule.
const byRule = (occurrences, { merge = (word) => word, split = () => '' }) => {
	const all = [...occurrences.keys()].map((word) => ({ word, key: merge(word), more: split(word) }))
	const order = (a, b) => collator.compare(a.key, b.key) || (a.more < b.more ? -1 : a.more > b.more ? 1 : 0)
	all.sort(order)
	const found = new Map()
	let group
	all.forEach((one, i) => {
		if (i === 0 || order(all[i - 1], one) !== 0) group = new Set()
		for (const line of occurrences.get(one.word)) group.add(line)
		found.set(one.word, group)
	})
	return found
}

const wordsOf = (texts) => {
	const occurrences = new Map()
	texts.forEach((text, i) => {
		for (const { segment, isWordLike } of words.segment(text))
			if (isWordLike)
				for (const word of segment.split(/[\p{P}\p{S}\p{Z}]+/u)) if (word !== '') put(occurrences, word, i)
	})
	const others = REASONS.filter((rule) => !rule.lines).map((rule) => ({ rule, found: byRule(occurrences, rule) }))
	return { found: byRule(occurrences, {}), others }
}

// Texts of one and two graphemes and some longer ones, of each run; and the lines that have them.
const substringsOf = (texts, run) => {
	const split = texts.map((text) => [...graphemes.segment(text)].map(({ segment }) => segment.normalize('NFKC')))
	const having = new Map()
	const queries = new Set()
	split.forEach((line, i) => {
		for (const one of line) put(having, one, i)
		for (let from = 0, to; from < line.length; from = to + 1) {
			for (to = from; to < line.length && run.test(line[to]); ) to++
			for (let at = from; at < to; at++)
				for (const n of [1, 2]) if (at + n <= to) queries.add(line.slice(at, at + n).join('\0'))
			for (let k = 0; k < LONGER && to - from > 2; k++) {
				const n = 3 + ((k * 7 + i) % Math.min(RUN_MAX - 2, to - from - 2))
				const at = from + ((k * 13 + i) % (to - from - n + 1))
				queries.add(line.slice(at, at + n).join('\0'))
			}
		}
	})
	const joined = split.map((line) => `\0${line.join('\0')}\0`)
	const whole = texts.map((text) => text.normalize('NFKC'))
	const found = new Map()
	const cut = new Map()
	for (const query of queries) {
		const candidates = query
			.split('\0')
			.map((one) => having.get(one))
			.reduce((least, one) => (one.size < least.size ? one : least))
		const text = query.replaceAll('\0', '')
		found.set(text, new Set([...candidates].filter((i) => joined[i].includes(`\0${query}\0`))))
		cut.set(text, texts.length < 5000 ? whole.filter((line) => line.includes(text)).length - found.get(text).size : 0)
	}
	return { found, others: [], cut: [...cut.values()].reduce((sum, n) => sum + n, 0) }
}

const ask = (program, texts, queries) => {
	const folder = mkdtempSync(join(tmpdir(), 'longline-oracle-'))
	try {
		writeFileSync(join(folder, 'lines'), texts.map((text) => `${text}\n`).join(''))
		const { status, stdout, stderr } = spawnSync(program, [join(folder, 'lines')], {
			input: queries.map((query) => `${query}\n`).join(''),
			maxBuffer: 1 << 30,
			encoding: 'utf8',
		})
		if (status !== 0) throw new Error(`${program}: ${stderr}`)
		return stdout.split('\n').map((line) => new Set(line.split(' ').filter(Boolean).map(Number)))
	} finally {
		rmSync(folder, { recursive: true })
	}
}

const compare = (program, { name, lines: read, run }) => {
	const raw = read()
	const texts = raw.map(plain)
	const { found, others, cut = 0 } = run ? substringsOf(texts, run) : wordsOf(texts)
	const queries = [...found.keys()]
	const ours = ask(program, raw, queries)
	const explained = new Map()
	let failures = 0
	queries.forEach((query, i) => {
		if (equal(found.get(query), ours[i])) return
		const differ = [...found.get(query), ...ours[i]].filter((n) => !found.get(query).has(n) || !ours[i].has(n))
		const rule =
			others.find((one) => equal(one.found.get(query), ours[i]))?.rule ??
			REASONS.find((one) => one.lines && differ.every((n) => one.lines(query, raw[n])))
		if (rule) {
			put(explained, rule, query)
			return
		}
		failures++
		const [line] = differ
		console.log(`  not explained: '${query}' ${ours[i].has(line) ? 'finds' : 'does not find'} '${raw[line]}'`)
	})
	const verdict = failures === 0 ? 'equal' : `${failures} DIFFER`
	console.log(`${name}: ${raw.length} lines, ${queries.length} ${run ? 'texts' : 'words'}: ${verdict}`)
	for (const [rule, several] of explained) {
		const examples = [...several].slice(0, SHOWN).join(', ')
		console.log(`  but for ${several.size} (${examples}): ${rule.why}`)
	}
	if (cut > 0) console.log(`  but for ${cut} hits: ${CUTS}`)
	return failures
}

const program = process.argv[2]
const NEEDED = [
	...['de', 'ru', 'chinese.u8'].map((name) => join(FORTUNES, name)),
	join(LOCALES, 'th/LC_MESSAGES/iso_3166-1.mo'),
]
if (!NEEDED.every((path) => existsSync(path))) {
	console.error('search-oracle: without its corpora: scripts/install-packages oracle')
	process.exit(1)
}
const only = process.env.CORPUS ?? ''
const failures = CORPORA.filter(({ name }) => name.includes(only)).map((corpus) => compare(program, corpus))
process.exit(failures.some((n) => n > 0) ? 1 : 0)
