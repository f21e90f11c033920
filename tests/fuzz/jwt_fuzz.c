/*
 * Whatever a token claims, the one that is taken is somebody, for a day at most, and has rules that are such; it is the
 * only text that is taken for it, and no reader of JSON sees another `sub` in it.
 *
 * An input is a header, 0x1F and claims, which are signed; or anything else, as it is sent.
 */
#include "access/jwt.h"

#include "../jwt.h"
#include "base/json.h"
#include "fuzz.h"

#define NOW_MS INT64_C(1700000000000)

static struct jwt_keys keys = {
    .n = 2, .v = {{32, "0123456789abcdef0123456789abcdef"}, {33, "another, of more than 32 bytes..."}}};

static struct str
key(size_t i)
{
	return (struct str){keys.v[i].bytes, keys.v[i].n};
}

static void
check_name(struct str s, size_t max)
{
	MUST(s.n > 0 && s.n <= max && str_utf8(s) && memchr(s.p, '\0', s.n) == NULL && memchr(s.p, '\n', s.n) == NULL);
}

static void
check_taken(const struct jwt *jwt)
{
	check_name(jwt->sub, JWT_SUB_MAX);
	check_name(jwt->sender, MESSAGE_SENDER_MAX);
	MUST(message_sender_ok(jwt->sender));
	MUST(jwt->expires_ms > NOW_MS && jwt->expires_ms <= NOW_MS + JWT_AHEAD_MS + 2 * JWT_SKEW_MS);
	MUST(jwt->n_rules <= JWT_RULES_MAX && jwt->key < keys.n);
	for (size_t i = 0; i < jwt->n_rules; i++)
		MUST(sight_rooms_ok(jwt->rules[i].rooms) && jwt->rules[i].may < 8 && jwt->rules[i].rank == SIGHT_CLAIM);
}

/* How often a member stands in an object, and its last value. */
struct member {
	struct str name, want;
	size_t n;
	bool same;
};

static void
on_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct member *m = ctx;

	if (!str_eq(name, m->name))
		return;
	m->n++;
	m->same = type == JSON_STRING && str_eq(value, m->want);
}

static void
check_once(struct str object, struct str name, struct str want)
{
	struct member m = {.name = name, .want = want};

	MUST(json_object(object, JWT_DEPTH_MAX, on_member, &m, NULL) == JSON_OK && m.n == 1 && m.same);
}

static bool
taken(struct str text)
{
	char detail[JWT_DETAIL_SIZE];
	struct jwt jwt;
	bool good = jwt_read(&keys, text, NOW_MS, &jwt, detail);

	MUST(strlen(detail) < JWT_DETAIL_SIZE && good == (detail[0] == '\0'));
	if (good)
		check_taken(&jwt);
	jwt_fini(&jwt);
	return good;
}

/* With another character somewhere, or without its end, it is no token. */
static void
check_only(struct buf *text, unsigned at)
{
	char was;

	at %= (unsigned)text->n;
	was = text->p[at];
	text->p[at] = was == 'A' ? 'B' : 'A';
	MUST(!taken(buf_str(text)));
	text->p[at] = was;
	MUST(!taken((struct str){text->p, text->n - 1}));
	text->p[text->n - 1] = (char)(text->p[text->n - 1] + 1);
	MUST(!taken(buf_str(text)));
}

static void
check_signed(struct str header, struct str claims, unsigned at)
{
	char detail[JWT_DETAIL_SIZE];
	struct jwt jwt;
	struct buf text;
	bool good;

	buf_init(&text, SIZE_MAX);
	jwt_sign(&text, key(at & 1), header, claims);
	MUST(buf_ok(&text));
	good = jwt_read(&keys, buf_str(&text), NOW_MS, &jwt, detail);
	MUST(good == (detail[0] == '\0') && strcmp(detail, "the JWT's signature is not right") != 0);
	if (good) {
		check_taken(&jwt);
		check_once(header, STR("alg"), STR("HS256"));
		check_once(claims, STR("sub"), jwt.sub);
		MUST(jwt.key == (at & 1));
		check_only(&text, at);
	}
	jwt_fini(&jwt);
	buf_fini(&text);
}

/* Nobody can guess a signature. */
static void
check_sent(struct str text)
{
	unsigned char hmac[TOKEN_HASH_SIZE];
	struct buf want;
	struct str rest = text, header = str_cut(&rest, '.'), claims = str_cut(&rest, '.');
	bool right = false;

	if (!taken(text))
		return;
	for (size_t i = 0; i < keys.n; i++) {
		token_hmac(key(i), (struct str){text.p, header.n + 1 + claims.n}, hmac);
		buf_init(&want, 100);
		jwt_add_part(&want, (struct str){(const char *)hmac, sizeof hmac});
		right = right || str_eq(buf_str(&want), rest);
		buf_fini(&want);
	}
	MUST(right);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str claims = {(const char *)bytes, n}, header = str_cut(&claims, 0x1F);

	if (n > 4096)
		return 0;
	if (header.n == n)
		check_sent(header);
	else
		check_signed(header, claims, n > 3 ? (unsigned)(bytes[n / 2] * 31U + n) : 0);
	return 0;
}
