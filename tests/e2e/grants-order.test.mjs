// grants-order.test.mjs: the order in which grants decide: 100,000 random cases, asked of the daemon's own module by
// tests/conformance/grants_check.c and of the model in grants-model.mjs, which know nothing of each other.
//
// Environment: SEED  which cases (the test says which it took)
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import path from 'node:path';
import { aMay, aPattern, aPerson, aRoom, bits, decide, NAMES, random, someRows } from './grants-model.mjs';
import { ms, root, run } from './harness.mjs';
import { hash, jwt, keyFile, newSecret } from './persons.mjs';

const SETS = 2_500, PERSONS = 5, ROOMS = 8;

describe('grants: the order, by the model alone', () => {
	const ann = { kind: 'user', name: 'ann' }, bob = { kind: 'user', name: 'bob' }, ci = { kind: 'token', name: 'ci' }, stranger = { kind: 'stranger' };
	const rows = [
		{ who: 'anyone', rooms: 'pub*', may: 'r' }, { who: 'users', rooms: 'pub-ops', may: 'rw' }, { who: 'user:ann', rooms: 'pub*', may: '' },
		{ who: 'anyone', rooms: 'a*', may: 'r' }, { who: 'anyone', rooms: 'ab*', may: 'w' }, { who: 'anyone', rooms: 'ab', may: 'm' },
		{ who: 'token:ci', rooms: '*', may: 'r' }, { who: 'user:ci', rooms: '*', may: 'm' },
	];
	for (const [what, person, room, may] of [
		['a denial of one\'s own is before what users may', ann, 'pub-ops', 0],
		['users are before anyone', bob, 'pub-ops', 3],
		['a stranger is none of users', stranger, 'pub-ops', 1],
		['a token is one of users, but its own rows are before that', ci, 'pub-ops', 1],
		['a prefix fits what is it, too', stranger, 'a', 1],
		['the longest prefix', stranger, 'abc', 2],
		['an exact room before it', stranger, 'ab', 4],
		['no row: nothing', stranger, 'b', 0],
		['rows of a user are not for the token of that name', { kind: 'token', name: 'ann' }, 'pub-x', 1],
		['nor those of a token for the user', { kind: 'user', name: 'ci' }, 'x', 4],
		['rows of the user are before the claim of a JWT', { kind: 'jwt', name: 'ann', ll: [{ rooms: 'pub*', may: 'rw' }] }, 'pub-ops', 0],
		['the claim is before users', { kind: 'jwt', name: 'bob', ll: [{ rooms: 'pub*', may: 'w' }] }, 'pub-ops', 2],
		['where the claim says nothing users and anyone do', { kind: 'jwt', name: 'bob', ll: [{ rooms: 'x', may: 'w' }] }, 'pub-ops', 3],
		['names are told apart by case', { kind: 'user', name: 'Ann' }, 'pub-ops', 3],
		['rooms too', stranger, 'Pub-ops', 0],
	])
		it(what, () => assert.equal(bits(decide(rows, person, room)), may));
});

it(`grants: the daemon decides as the model does, ${SETS * PERSONS * ROOMS} times`, async (t) => {
	const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007), rng = random(seed);
	t.diagnostic(`SEED=${seed}`);
	const made = await run('make', ['-s', '-C', root, 'build/grants_check'], { env: { MAKEFLAGS: '', MAKELEVEL: '', MFLAGS: '' }, timeout: ms(120_000) });
	assert.equal(made.code, 0, made.stderr);

	const secrets = new Map(NAMES.map((name) => [name, newSecret()]));
	const lines = [], cases = [], decided = { nobody: 0, anyone: 0, users: 0, 'token:': 0, 'user:': 0, claim: 0 };
	for (let i = 0; i < SETS; i++) {
		const rows = someRows(rng);
		for (const [name, secret] of secrets)
			lines.push(`token\t${name}\t${hash(secret)}`);
		lines.push(...rows.map((row) => `grant\t${row.who}\t${row.rooms}\t${row.may}`), 'set');
		for (let j = 0; j < PERSONS; j++) {
			const person = aPerson(rng);
			lines.push({
				stranger: () => 'pass\tstranger',
				user: () => `pass\tuser\t${person.name}`,
				token: () => `pass\tbearer\t${secrets.get(person.name)}`,
				jwt: () => `pass\tbearer\t${jwt({ sub: person.name, ll: person.ll })}`,
			}[person.kind]());
			for (let k = 0; k < ROOMS; k++) {
				// Half of the rooms are such that a row may be about just them.
				const room = rng.chance(0.5) && rows.length ? rng.one(rows).rooms.replace('*', rng.one(['', 'a', '-0'])).slice(0, 64) || 'a' : aRoom(rng);
				const want = decide(rows, person, room);
				decided[want.row === undefined ? 'nobody' : want.row.who?.replace(/:.*/, ':') ?? 'claim']++;
				lines.push(`may\t${room}`);
				cases.push({ rows, person, room, want });
			}
		}
	}
	const { code, stdout, stderr } = await run(path.join(root, 'build/grants_check'), [keyFile()], { input: `${lines.join('\n')}\n`, timeout: ms(60_000) });
	const answers = stdout.trimEnd().split('\n');
	assert.equal(code, 0, `${answers.at(-1)} ${stderr}`);
	assert.equal(answers.length, cases.length);
	for (const [i, { rows, person, room, want }] of cases.entries()) {
		if (Number(answers[i]) !== bits(want))
			assert.fail(`SEED=${seed}: ${JSON.stringify({ person, room, expected: bits(want), got: Number(answers[i]), decides: want.row, rows }, null, '\t')}`);
	}
	t.diagnostic(`decided by ${JSON.stringify(decided)}`);
	for (const [what, n] of Object.entries(decided))
		assert.ok(n > cases.length / 200, `${what} decided only ${n} of ${cases.length}`);
});

it('grants: what the generator makes is what the table takes', () => {
	const rng = random(1);
	for (let i = 0; i < 10_000; i++) {
		assert.match(aRoom(rng), /^[A-Za-z0-9._-]{1,64}$/);
		assert.match(aPattern(rng), /^(?:[A-Za-z0-9._-]{1,64}|[A-Za-z0-9._-]{0,63}\*)$/);
		assert.match(aMay(rng), /^(?!.*(.).*\1)[rwm]{0,3}$/);
	}
});
