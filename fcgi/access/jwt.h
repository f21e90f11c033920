/*
 * jwt: who the bearer of a JSON Web Token is, and what it says they may (RFC 7519, RFC 7515), for applications that
 * have users of their own: they sign with a key that the daemon has as well.
 *
 * Only HS256, whatever the token says of itself. `sub` and `exp` are required, `exp` lies in the next 24 hours; `nbf`
 * is heeded, with 30 s for clocks that differ. Messages are sent under `name`, else under `sub`. `ll` is an array of
 * rules, as `[{"rooms":"ops*","may":"rw"}]`. A member that stands twice anywhere in these objects is refused, so that
 * no two readers take the token for different ones; other members are let pass, but for `crit` in the header, and
 * anything else in a rule.
 */
#ifndef JWT_H
#define JWT_H

#include "sight.h"

enum {
	JWT_KEYS_MAX = 4,
	JWT_KEY_MIN = 32, /* bytes of a key */
	JWT_KEY_MAX = 1024,
	JWT_SUB_MAX = 123,
	JWT_RULES_MAX = 64,
	JWT_MEMBERS_MAX = 64, /* of one object */
	JWT_DEPTH_MAX = 32,
	JWT_DETAIL_SIZE = 256,
	JWT_SKEW_MS = 30 * 1000,
	JWT_AHEAD_MS = 24 * 60 * 60 * 1000,
};

struct jwt_keys {
	size_t n;
	struct jwt_key {
		size_t n;
		char bytes[JWT_KEY_MAX];
	} v[JWT_KEYS_MAX];
};

/* From files: all of one, but a line feed at its end. -1, with the file and what is wrong with it in error: keys are
 * as they were. */
int jwt_keys_read(struct jwt_keys *keys, const char *const *files, size_t n, char error[STORE_ERROR_SIZE]);

struct jwt {
	struct str sub, sender;
	int64_t expires_ms; /* wall clock: from then on it is not good any more, the 30 s included */
	size_t key;         /* which one it was signed with */
	struct sight_rule rules[JWT_RULES_MAX];
	size_t n_rules;
	struct buf strings; /* of all these views */
};

/* Whether it is good now. false: detail says why, or is empty without memory. jwt_fini() it, whatever it is. */
bool jwt_read(
    const struct jwt_keys *keys, struct str text, int64_t now_ms, struct jwt *jwt, char detail[JWT_DETAIL_SIZE]);
void jwt_fini(struct jwt *jwt);

#endif
