/*
 * What each pass may do is what the rows say, read by hand, from each change on: whoever holds it, in whatever order
 * things happen, and when there is no memory in the middle. Nothing that was revoked comes back.
 *
 * The input is a list of commands, a byte each, with bytes of their own.
 */
#include "access/access.h"

#include "../jwt.h"
#include "../memory.h"
#include "access/jwt.h"
#include "fuzz.h"

/* The linker puts these before those of the daemon and of libc (see fuzz.mk). */
struct person *__wrap_person_get(struct persons *all, struct str identity, enum person_class class, int64_t now_ms);
void __wrap_person_drop(struct persons *all, struct person *p, int64_t now_ms);
struct str __wrap_person_address(
    const struct persons *all, struct str address, struct str forwarded, char text[PERSON_ADDRESS_SIZE]);
bool __wrap_person_is_loopback(struct str address);
int __wrap_jwt_keys_read(struct jwt_keys *keys, const char *const *files, size_t n, char error[STORE_ERROR_SIZE]);
void __wrap_log_line(int level, const char *word, const char *format, ...);

enum { TOKENS = 3, GRANTS_MAX = 16, PASSES = 8, COMMANDS_MAX = 16 };
#define NOW_MS INT64_C(1700000000000)
static const char *const secrets[TOKENS] = {"ll_0", "ll_1", "ll_2"};
static const char *const whos[] = {
    "anyone", "users", "user:ann", "user:bob", "token:t0", "token:t1", "token:t2", "user:", "nobody", "Users"};
enum { ANYONE, USERS, USER_ANN, USER_BOB, TOKEN_T0, WHOS = sizeof whos / sizeof whos[0], CLAIM };
static const char *const texts[] = {"", "a", "ab", "b", "aba", "abb"};
static const char *const rooms[] = {"a", "ab", "aba", "b", "z"};
enum { TEXTS = sizeof texts / sizeof texts[0], ROOMS = sizeof rooms / sizeof rooms[0] };

/* Who asks. */
enum { STRANGER, LOOPBACK, ANN, BOB, TOKEN_0, TOKEN_1, TOKEN_2, JWT_ANN, JWT_BOB, ASKERS };

/* A grant, or what a JWT claims. */
struct rule {
	unsigned who, text, may;
	bool prefix, good;
};
static const struct rule claims[2] = {{CLAIM, 2, MAY_WRITE, true, true}, {CLAIM, 0, MAY_MODERATE, true, true}};

/* What the rows say that were set last. */
struct model {
	bool closed, refused;
	struct token {
		bool there, claims;
		unsigned name;
		int64_t expires_ms;
	} tokens[TOKENS];
	struct rule rules[GRANTS_MAX];
	size_t n_rules;
	unsigned may[ASKERS][ROOMS];
};

struct held {
	struct pass *pass;
	int asker;
	bool revoked;
};

static struct access *a;
static struct store_access *rows; /* to be set */
static struct model model, next;  /* of what was set, and of rows */
static struct held held[PASSES];
static char jwts[2][512];
static int64_t now_ms;
static uint64_t changes;
static bool broken;
static int persons_held;
static struct {
	const uint8_t *p;
	size_t n;
} input;

FAILING_MALLOC(__wrap_malloc)
FAILING_CALLOC(__wrap_calloc)
FAILING_REALLOC(__wrap_realloc)

struct person *
__wrap_person_get(struct persons *all, struct str identity, enum person_class class, int64_t at_ms)
{
	(void)all;
	(void)at_ms;
	MUST(identity.n <= 128 && class < PERSON_CLASSES);
	persons_held++;
	return (struct person *)&persons_held;
}

void
__wrap_person_drop(struct persons *all, struct person *p, int64_t at_ms)
{
	(void)all;
	(void)at_ms;
	MUST(p == (struct person *)&persons_held && persons_held-- > 0);
}

struct str
__wrap_person_address(
    const struct persons *all, struct str address, struct str forwarded, char text[PERSON_ADDRESS_SIZE])
{
	(void)all;
	(void)forwarded;
	snprintf(text, PERSON_ADDRESS_SIZE, "@%.*s", STR_ARGS(address));
	return str_of(text);
}

bool
__wrap_person_is_loopback(struct str address)
{
	return str_eq(address, STR("127.0.0.1"));
}

void
__wrap_log_line(int level, const char *word, const char *format, ...)
{
	(void)level;
	(void)word;
	(void)format;
}

static unsigned
next_byte(void)
{
	if (input.n == 0)
		return 0;
	input.n--;
	return *input.p++;
}

static const char key[] = "0123456789abcdef0123456789abcdef";

int
__wrap_jwt_keys_read(struct jwt_keys *keys, const char *const *files, size_t n, char error[STORE_ERROR_SIZE])
{
	(void)files;
	(void)error;
	MUST(n == 1);
	*keys = (struct jwt_keys){.n = 1, .v = {{.n = sizeof key - 1}}};
	memcpy(keys->v[0].bytes, key, sizeof key - 1);
	return 0;
}

static void
make_jwts(void)
{
	static const char *const names[] = {"ann", "bob"};
	char text[256];
	struct buf b;

	buf_init(&b, sizeof jwts[0] - 1);
	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof text, "{\"sub\":\"%s\",\"exp\":%d,\"ll\":[{\"rooms\":\"%s*\",\"may\":\"%s\"}]}",
		    names[i], 1700000000 + 100 * i, texts[claims[i].text], claims[i].may == MAY_WRITE ? "w" : "m");
		jwt_sign(&b, str_of(key), STR("{\"alg\":\"HS256\"}"), str_of(text));
		MUST(buf_ok(&b));
		memcpy(jwts[i], b.p, b.n);
		jwts[i][b.n] = '\0';
	}
	buf_fini(&b);
}

/* How well each text and prefix fits each room: 0: not at all. */
static size_t fit[2][TEXTS][ROOMS];

static void
make_fits(void)
{
	for (size_t i = 0; i < TEXTS; i++)
		for (size_t j = 0; j < ROOMS; j++) {
			size_t n = strlen(texts[i]);

			fit[0][i][j] = strcmp(texts[i], rooms[j]) == 0 ? 1000 : 0;
			fit[1][i][j] = strncmp(rooms[j], texts[i], n) == 0 ? 1 + n : 0;
		}
}

/* The rule of a `who` that decides about a room: an exact one before the longest prefix; NULL: none. */
static const struct rule *
best_of(const struct rule *all, size_t n, unsigned who, size_t room)
{
	const struct rule *best = NULL;
	size_t best_fit = 0;

	for (size_t i = 0; i < n; i++)
		if (all[i].who == who && all[i].good && fit[all[i].prefix][all[i].text][room] > best_fit) {
			best = &all[i];
			best_fit = fit[all[i].prefix][all[i].text][room];
		}
	return best;
}

static unsigned
decide(const struct model *m, int asker, size_t room)
{
	bool jwt = asker >= JWT_ANN, token = asker >= TOKEN_0 && !jwt, nobody = asker <= LOOPBACK;
	unsigned own = token                              ? TOKEN_T0 + m->tokens[asker - TOKEN_0].name
	               : asker == ANN || asker == JWT_ANN ? USER_ANN
	                                                  : USER_BOB;
	const struct rule *rule = nobody ? NULL : best_of(m->rules, m->n_rules, own, room);

	if (rule == NULL && jwt)
		rule = best_of(&claims[asker - JWT_ANN], 1, CLAIM, room);
	if (rule == NULL && !nobody)
		rule = best_of(m->rules, m->n_rules, USERS, room);
	if (rule == NULL)
		rule = best_of(m->rules, m->n_rules, ANYONE, room);
	return rule == NULL ? 0 : rule->may;
}

static void
decide_all(struct model *m)
{
	for (int asker = 0; asker < ASKERS; asker++)
		for (size_t i = 0; i < ROOMS; i++)
			m->may[asker][i] = !m->closed   ? MAY_READ | MAY_WRITE | (asker == LOOPBACK ? MAY_MODERATE : 0)
			                   : m->refused ? 0
			                                : decide(m, asker, i);
}

/* Rooms, some of which are none, for anybody. */
static void
make_grant(struct store_grant *g, struct rule *rule)
{
	unsigned what = next_byte(), may = next_byte();

	*rule =
	    (struct rule){.who = what % WHOS, .text = what / WHOS % TEXTS, .may = may & 7, .prefix = (may & 8) != 0};
	rule->good = rule->text > 0 || rule->prefix;
	snprintf(g->who, sizeof g->who, "%s", whos[rule->who]);
	snprintf(g->rooms, sizeof g->rooms, "%s%s", texts[rule->text], rule->prefix ? "*" : "");
	snprintf(g->may, sizeof g->may, "%s%s%s", (may & MAY_READ) != 0 ? "r" : "", (may & MAY_WRITE) != 0 ? "w" : "",
	    (may & MAY_MODERATE) != 0 ? "m" : "");
	if ((may & 0xF0) == 0xF0) {
		g->may[0] = 'x';
		rule->may = 0;
	}
}

static void
add_grant(void)
{
	struct rule *rule = &next.rules[next.n_rules];

	make_grant(&rows->grants[rows->n_grants], rule);
	for (size_t i = 0; i < next.n_rules; i++)
		if (next.rules[i].who == rule->who && next.rules[i].text == rule->text &&
		    next.rules[i].prefix == rule->prefix)
			return;
	next.n_rules++;
	rows->n_grants++;
}

static void
add_token(unsigned i, unsigned how)
{
	struct store_token *t = &rows->tokens[rows->n_tokens];

	next.tokens[i] = (struct token){.there = (how & 1) != 0,
	    .claims = (how & 8) != 0,
	    .name = (how & 4) != 0 ? (i + 1) % TOKENS : i,
	    .expires_ms = (how & 0xF0) == 0 ? INT64_MAX : NOW_MS + (int64_t)(how >> 4) * 20000};
	if ((how & 1) == 0)
		return;
	snprintf(t->name, sizeof t->name, "t%u", next.tokens[i].name);
	snprintf(t->sender, sizeof t->sender, "%s", next.tokens[i].claims ? "*" : "Somebody");
	token_hash(str_of(secrets[i]), t->hash);
	t->expires_ms = next.tokens[i].expires_ms;
	t->trusted = (how & 2) != 0;
	rows->n_tokens++;
}

static void
make_rows(void)
{
	unsigned flags = next_byte(), n = next_byte() % (GRANTS_MAX + 1);
	int64_t version = access_version(a);

	store_access_free(rows);
	MUST((rows = __real_calloc(1, sizeof *rows)) != NULL);
	MUST((rows->tokens = __real_calloc(TOKENS, sizeof *rows->tokens)) != NULL);
	MUST((rows->grants = __real_calloc(GRANTS_MAX, sizeof *rows->grants)) != NULL);
	rows->version = version + 1;
	next = (struct model){.closed = (flags & 3) != 0, .refused = (flags & 0x1C) == 0x1C};
	rows->closed = next.closed;
	rows->refused = next.refused;
	for (unsigned i = 0; i < TOKENS; i++)
		add_token(i, next_byte());
	while (n-- > 0)
		add_grant();
	decide_all(&next);
}

static bool
is_token(int asker)
{
	return asker >= TOKEN_0 && asker <= TOKEN_2;
}

static void
set_rows(void)
{
	make_rows();
	memory_left = (int)next_byte() % 64 - 1;
	broken = access_set(a, rows) != 0;
	MUST(!broken || memory_left == -1);
	memory_left = -1;
	if (!broken) {
		model = next;
		rows = NULL;
	}
	for (int i = 0; i < PASSES; i++) {
		const struct token *t = is_token(held[i].asker) ? &model.tokens[held[i].asker - TOKEN_0] : NULL;

		if (held[i].pass != NULL &&
		    (broken || (t != NULL && (!t->there || t->expires_ms <= now_ms ||
		                                 held[i].pass->by.p[1] != (char)('0' + t->name)))))
			held[i].revoked = true;
	}
}

static struct access_ask
ask_of(int asker)
{
	switch (asker) {
	case ANN:
	case BOB:
		return (struct access_ask){.user = asker == ANN ? STR("ann") : STR("bob")};
	case TOKEN_0:
	case TOKEN_1:
	case TOKEN_2:
		return (struct access_ask){.token = str_of(secrets[asker - TOKEN_0])};
	case JWT_ANN:
	case JWT_BOB:
		return (struct access_ask){.token = str_of(jwts[asker - JWT_ANN])};
	default:
		return (struct access_ask){.address = asker == LOOPBACK ? STR("127.0.0.1") : STR("192.0.2.1")};
	}
}

static int64_t
end_of(int asker)
{
	const struct token *t = is_token(asker) ? &model.tokens[asker - TOKEN_0] : NULL;

	if (t != NULL)
		return t->there ? t->expires_ms : INT64_MIN;
	return asker < JWT_ANN ? INT64_MAX : NOW_MS + 30000 + 100000 * (asker - JWT_ANN);
}

static void
check_pass(const struct held *h)
{
	const struct pass *p = h->pass;

	MUST(p->revoked == h->revoked && p->holders > 0 && p->person != NULL);
	for (size_t i = 0; i < ROOMS; i++) {
		unsigned may = sight_may(p->sight, str_of(rooms[i]));

		MUST(may == (h->revoked ? 0 : model.may[h->asker][i]));
		MUST(!sight_everywhere(p->sight, MAY_READ) || (may & MAY_READ) != 0);
		MUST(sight_anywhere(p->sight, MAY_READ) || (may & MAY_READ) == 0);
	}
	if (is_token(h->asker) && !h->revoked)
		MUST(p->by.p[1] == (char)('0' + model.tokens[h->asker - TOKEN_0].name) &&
		     p->claims == model.tokens[h->asker - TOKEN_0].claims);
}

static void
ask(void)
{
	char detail[ACCESS_DETAIL_SIZE];
	unsigned how = next_byte();
	struct held *h = &held[how % PASSES];
	int asker = (int)(how / PASSES) % ASKERS;
	struct access_ask question = ask_of(asker);
	struct pass *p;

	memory_left = (int)next_byte() % 32 - 1;
	p = access_pass(a, &question, now_ms, detail);
	if (p == NULL && detail[0] == '\0')
		MUST(broken || memory_left == -1);
	else if (!broken)
		MUST((p != NULL) == (end_of(asker) > now_ms));
	memory_left = -1;
	MUST(p == NULL || (!broken && detail[0] == '\0' && !p->revoked));
	pass_drop(h->pass);
	*h = (struct held){.pass = p, .asker = asker};
	if (p != NULL)
		check_pass(h);
}

static void
expire(void)
{
	int64_t wait_ms;

	now_ms += (int64_t)next_byte() * 500;
	wait_ms = access_expire(a, now_ms);
	MUST(wait_ms == -1 || wait_ms > 0);
	for (int i = 0; i < PASSES; i++)
		if (held[i].pass != NULL && !held[i].revoked && end_of(held[i].asker) <= now_ms)
			held[i].revoked = true;
	for (int i = 0; i < PASSES; i++)
		if (held[i].pass != NULL && !held[i].revoked && end_of(held[i].asker) != INT64_MAX)
			MUST(wait_ms > 0 && wait_ms <= end_of(held[i].asker) - now_ms);
}

static void
obey(void)
{
	char name[MESSAGE_SENDER_MAX + 1];
	int64_t at_ms;
	unsigned command = next_byte();
	struct held *h = &held[command / 8 % PASSES];

	switch (command % 8) {
	case 0:
		set_rows();
		break;
	case 1:
		pass_drop(h->pass);
		*h = (struct held){.pass = NULL};
		break;
	case 2:
		expire();
		break;
	case 3:
		MUST(!access_next_used(a, name, &at_ms) || (name[0] == 't' && at_ms <= now_ms));
		break;
	default:
		ask();
	}
	MUST(access_changes(a) >= changes);
	changes = access_changes(a);
	/* Of the others nothing can have changed but by a set, or with time. */
	for (int i = 0; i < PASSES; i++)
		if (held[i].pass != NULL && (command % 8 == 0 || command % 8 == 2 || input.n % PASSES == (size_t)i))
			check_pass(&held[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct access_options options = {.loopback_trusted = true};

	memory_once = true;
	input.p = bytes;
	input.n = n;
	now_ms = NOW_MS;
	broken = false;
	changes = 0;
	model = (struct model){.closed = false};
	decide_all(&model);
	a = access_new(&options);
	MUST(a != NULL);
	MUST(access_read_keys(a, NULL, 1, NULL) == 0);
	if (jwts[0][0] == '\0') {
		make_jwts();
		make_fits();
	}
	for (int i = 0; i < COMMANDS_MAX && input.n > 0; i++)
		obey();
	for (int i = 0; i < PASSES; i++) {
		pass_drop(held[i].pass);
		held[i] = (struct held){.pass = NULL};
	}
	access_free(a);
	store_access_free(rows);
	rows = NULL;
	MUST(persons_held == 0);
	return 0;
}
