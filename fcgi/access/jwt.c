#include "jwt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/token.h"

/* What is being read of a token. */
struct reading {
	struct jwt *jwt;
	char *detail;
	bool wrong, no_memory;
	struct str names[JWT_MEMBERS_MAX]; /* of the object, so far */
	size_t n_names;
	bool has_alg, has_exp, has_may;
	int64_t exp_ms, nbf_ms;
	struct str rules; /* `ll`, as it came */
};

static void __attribute__((format(printf, 2, 3))) wrong(struct reading *r, const char *format, ...)
{
	va_list args;

	if (r->wrong)
		return;
	r->wrong = true;
	va_start(args, format);
	vsnprintf(r->detail, JWT_DETAIL_SIZE, format, args);
	va_end(args);
}

/* The beginning of s, of n bytes at most, up to a character's end. */
static struct str
beginning(struct str s, size_t n)
{
	if (s.n <= n)
		return s;
	while (n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
		n--;
	return (struct str){s.p, n};
}

static struct str
shown(struct str s)
{
	return beginning(s, 32);
}

/* Whether it is the first member of this name; else that is wrong. */
static bool
first_of_name(struct reading *r, struct str name)
{
	for (size_t i = 0; i < r->n_names; i++)
		if (str_eq(r->names[i], name)) {
			wrong(r, "the JWT has the member '%.*s' twice", STR_ARGS(shown(name)));
			return false;
		}
	if (r->n_names == JWT_MEMBERS_MAX) {
		wrong(r, "an object in the JWT has more than %d members", JWT_MEMBERS_MAX);
		return false;
	}
	r->names[r->n_names++] = buf_keep(&r->jwt->strings, name);
	return true;
}

static void
read_object(struct reading *r, struct str text, json_member_fn *fn, const char *what)
{
	char error[JSON_ERROR_SIZE] = "";

	r->n_names = 0;
	switch (json_object(text, JWT_DEPTH_MAX, fn, r, error)) {
	case JSON_OK:
		break;
	case JSON_BAD:
		wrong(r, "%s is not a JSON object: %s", what, error);
		break;
	case JSON_TOO_DEEP:
		wrong(r, "%s is nested deeper than %d levels", what, JWT_DEPTH_MAX);
		break;
	case JSON_NO_MEMORY:
		r->no_memory = true;
		break;
	}
}

static void
on_header(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct reading *r = ctx;

	if (r->wrong || !first_of_name(r, name))
		return;
	if (str_eq(name, STR("crit")))
		wrong(r, "the JWT's header has crit, of which nothing is understood");
	else if (str_eq(name, STR("alg"))) {
		r->has_alg = true;
		if (type != JSON_STRING || !str_eq(value, STR("HS256")))
			wrong(r, "the JWT's alg is '%.*s', expected HS256", STR_ARGS(shown(value)));
	}
}

/* UTF-8 of 1 to max bytes without control characters. */
static bool
name_ok(struct str s, size_t max)
{
	struct str first = beginning(s, MESSAGE_SENDER_MAX);

	return s.n > 0 && s.n <= max && message_sender_ok(first) && message_sender_ok(str_skip(s, first.n));
}

static void
take_name(struct reading *r, struct str *name, size_t max, const char *what, enum json_type type, struct str value)
{
	if (type != JSON_STRING || !name_ok(value, max))
		wrong(r, "the JWT's %s must be a string of 1 to %zu bytes without control characters", what, max);
	else
		*name = buf_keep(&r->jwt->strings, value);
}

/* A NumericDate, which may have a fraction, to ms. */
static void
take_time(struct reading *r, int64_t *ms, const char *what, enum json_type type, struct str value)
{
	char text[32];
	double seconds;
	char *end = text;

	if (type == JSON_OTHER && value.n < sizeof text) {
		memcpy(text, value.p, value.n);
		text[value.n] = '\0';
		seconds = strtod(text, &end);
		if (end != text && *end == '\0' && seconds >= 0 && seconds < 1e11) {
			*ms = (int64_t)(seconds * 1000);
			return;
		}
	}
	wrong(r, "the JWT's %s must be a number of seconds since 1970", what);
}

static void
on_rule_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct reading *r = ctx;
	struct sight_rule *rule = &r->jwt->rules[r->jwt->n_rules];
	int may;

	if (r->wrong || !first_of_name(r, name))
		return;
	if (str_eq(name, STR("rooms"))) {
		if (type != JSON_STRING || !sight_rooms_ok(value))
			wrong(r, "'rooms' in the JWT's ll must be a room's name, or a prefix and *");
		else
			rule->rooms = buf_keep(&r->jwt->strings, value);
	} else if (str_eq(name, STR("may"))) {
		may = type == JSON_STRING ? sight_read_may(value) : -1;
		if (may < 0)
			wrong(r, "'may' in the JWT's ll must be some of r, w and m, as \"rw\"");
		rule->may = (uint8_t)may;
		r->has_may = true;
	} else
		wrong(r, "a rule in the JWT's ll has 'rooms' and 'may' only, not '%.*s'", STR_ARGS(shown(name)));
}

static void
on_rule(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct reading *r = ctx;
	struct jwt *jwt = r->jwt;

	(void)name;
	if (r->wrong)
		return;
	if (jwt->n_rules == JWT_RULES_MAX) {
		wrong(r, "the JWT's ll has more than %d rules", JWT_RULES_MAX);
		return;
	}
	jwt->rules[jwt->n_rules] = (struct sight_rule){.rooms = STR(""), .rank = SIGHT_CLAIM};
	r->has_may = false;
	read_object(r, type == JSON_OTHER ? value : STR("1"), on_rule_member, "a rule in the JWT's ll");
	if (!r->wrong && (jwt->rules[jwt->n_rules].rooms.n == 0 || !r->has_may))
		wrong(r, "a rule in the JWT's ll has no 'rooms', or no 'may'");
	jwt->n_rules++;
}

static void
on_claim(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct reading *r = ctx;

	if (r->wrong || !first_of_name(r, name))
		return;
	if (str_eq(name, STR("sub")))
		take_name(r, &r->jwt->sub, JWT_SUB_MAX, "sub", type, value);
	else if (str_eq(name, STR("name")))
		take_name(r, &r->jwt->sender, MESSAGE_SENDER_MAX, "name", type, value);
	else if (str_eq(name, STR("exp"))) {
		take_time(r, &r->exp_ms, "exp", type, value);
		r->has_exp = true;
	} else if (str_eq(name, STR("nbf")))
		take_time(r, &r->nbf_ms, "nbf", type, value);
	else if (str_eq(name, STR("ll"))) {
		r->rules = value;
		if (type != JSON_ARRAY)
			wrong(r, "the JWT's ll must be an array");
	}
}

static void
read_rules(struct reading *r)
{
	/* It is known to be an array, of no more levels than may be. */
	if (!r->wrong && r->rules.n > 0 && json_array(r->rules, JWT_DEPTH_MAX, on_rule, r) != JSON_OK)
		r->no_memory = true;
}

static void
check_claims(struct reading *r, int64_t now_ms)
{
	struct jwt *jwt = r->jwt;

	if (r->wrong)
		return;
	if (jwt->sub.n == 0)
		wrong(r, "the JWT has no sub");
	else if (!r->has_exp)
		wrong(r, "the JWT has no exp");
	else if (now_ms >= r->exp_ms + JWT_SKEW_MS)
		wrong(r, "the JWT has expired");
	else if (r->exp_ms > now_ms + JWT_AHEAD_MS + JWT_SKEW_MS)
		wrong(r, "the JWT's exp is more than 24 hours ahead");
	else if (r->nbf_ms > now_ms + JWT_SKEW_MS)
		wrong(r, "the JWT is not good yet: its nbf lies ahead");
	jwt->expires_ms = r->exp_ms + JWT_SKEW_MS;
	if (jwt->sender.n == 0)
		jwt->sender = beginning(jwt->sub, MESSAGE_SENDER_MAX);
}

/* Tries each key, and takes as long for any wrong signature. */
static bool
find_key(const struct jwt_keys *keys, struct str text, const char *signature, size_t *key)
{
	unsigned char hmac[TOKEN_HASH_SIZE];
	bool found = false;

	for (size_t i = 0; i < keys->n; i++) {
		token_hmac((struct str){keys->v[i].bytes, keys->v[i].n}, text, hmac);
		if (token_same(hmac, signature, sizeof hmac)) {
			found = true;
			*key = i;
		}
	}
	return found;
}

/* The bytes of a part; empty when there are none, or that is wrong. */
static struct str
decode(struct reading *r, struct str part, const char *what)
{
	struct buf *b = &r->jwt->strings;
	size_t before = b->n;

	if (r->wrong)
		return STR("");
	if (!token_add_base64url(b, part))
		wrong(r, "the JWT's %s is not base64url without padding", what);
	return str_skip(buf_str(b), before);
}

static void
check_signature(struct reading *r, const struct jwt_keys *keys, struct str text, struct str signature)
{
	struct str bytes = decode(r, signature, "signature");

	if (!r->wrong && (bytes.n != TOKEN_HASH_SIZE || !find_key(keys, text, bytes.p, &r->jwt->key)))
		wrong(r, "the JWT's signature is not right");
}

/* Nothing of the claims is looked at before the signature is known to be right. */
static void
read_parts(struct reading *r, const struct jwt_keys *keys, struct str text, int64_t now_ms)
{
	struct str rest = text, header = str_cut(&rest, '.'), claims = str_cut(&rest, '.'), object;

	object = decode(r, header, "header");
	if (!r->wrong)
		read_object(r, object, on_header, "the JWT's header");
	if (!r->has_alg)
		wrong(r, "the JWT's header has no alg, expected HS256");
	check_signature(r, keys, (struct str){text.p, header.n + 1 + claims.n}, rest);
	object = decode(r, claims, "claims");
	if (!r->wrong)
		read_object(r, object, on_claim, "what the JWT claims");
	read_rules(r);
	check_claims(r, now_ms);
}

bool
jwt_read(const struct jwt_keys *keys, struct str text, int64_t now_ms, struct jwt *jwt, char detail[JWT_DETAIL_SIZE])
{
	struct reading r = {.jwt = jwt, .detail = detail};
	size_t dots = 0;

	detail[0] = '\0';
	*jwt = (struct jwt){.n_rules = 0};
	/* What is decoded, and views of it, so that nothing is moved once it is there. */
	buf_init(&jwt->strings, 2 * text.n + 1);
	for (size_t i = 0; i < text.n; i++)
		dots += text.p[i] == '.';
	if (dots != 2)
		wrong(&r, "expected a token that begins with ll_, or a JWT, which has three parts with dots between");
	else if (keys->n == 0)
		wrong(&r, "JWTs are not taken here: there is no key for them");
	else if (buf_reserve(&jwt->strings, 2 * text.n + 1))
		read_parts(&r, keys, text, now_ms);
	if (buf_ok(&jwt->strings) && !r.no_memory)
		return !r.wrong;
	detail[0] = '\0';
	return false;
}

void
jwt_fini(struct jwt *jwt)
{
	buf_fini(&jwt->strings);
}
