/*
 * access: who somebody is, by what a request brings, and what they may: tokens, users that the web server checked, JWT,
 * strangers; the tokens and grants of the log, in memory.
 *
 * A request gets a pass. All requests of one token share one pass, those of one user, those of one JWT, and those of
 * one address. It lives as long as somebody holds it; but a stranger's, it stays for the next request as long as it is
 * among the PASS_IDLE_MAX that were let go last, so that a JWT is not verified each time. When tokens or grants change,
 * access_set() brings every pass up to date before it returns: its sight is another one, or it is revoked. Whoever
 * delivers to a holder looks at the pass at that moment, so nothing goes to a revoked one.
 *
 * Files: access.c has the whole, access_pass.c makes passes, access_find.c finds the one of a request, access_rows.c
 * has tokens and grants as they are looked up, access_expiry.c what ends when.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include "person.h"
#include "sight.h"

struct access;

enum pass_kind { PASS_STRANGER, PASS_USER, PASS_TOKEN, PASS_JWT };

enum { PASS_IDLE_MAX = 1024 };

struct pass {
	enum pass_kind kind;
	bool revoked; /* or expired, for ever: nothing is delivered any more, and the answer is 401 */
	bool lost; /* revoked for want of memory, see access_set(): the answer is 503, and whoever repeats it gets a new
	              one */
	bool claims; /* a token that may name any sender that is nobody's */
	uint32_t holders;
	struct sight *sight;   /* never NULL; may be another one after access_set() */
	struct person *person; /* whom it is counted for; never NULL, and never another one */
	int64_t expires_ms;    /* wall clock; INT64_MAX: never */
	/* Until access_set(): */
	struct str by;     /* what messages say of it: a token's name, `user:NAME`; empty: nobody was proven */
	struct str sender; /* whose name its messages have; empty for a stranger, and for one that claims */
};

/* What a request says of itself; all may be empty. */
struct access_ask {
	struct str authorization; /* the header */
	struct str token;         /* auth.token of a Socket.IO CONNECT: a token, or a JWT */
	struct str user;          /* a name that the web server checked; message_sender_ok() */
	struct str address;       /* REMOTE_ADDR */
	struct str forwarded;     /* X-Forwarded-For */
};

struct access_options {
	struct persons *persons;
	const char *const *trusted; /* `user:NAME` of each; a JWT's sub is such a name, too */
	size_t n_trusted;
	bool loopback_trusted; /* scripts/run: a stranger of the loopback is trusted, and moderates an open log */
};

enum { ACCESS_DETAIL_SIZE = 256 };

/* NULL without memory. It begins open, until access_set(). persons and trusted must outlive it. */
struct access *access_new(const struct access_options *options);
/* All passes must have been dropped; NULL is let pass. */
void access_free(struct access *a);

/*
 * Takes the rows as they are now, which are its own from then on. From its return on every pass has what they say. -1
 * without memory: then nothing may be done by anybody until it succeeds (all passes are revoked, and there are no new
 * ones), and the rows are still the caller's.
 *
 * Rows that cannot be understood: rooms that are none, or whose grant nobody knows, hold for nobody; `may` denies.
 */
int access_set(struct access *a, struct store_access *rows);

/* Which state of tokens and grants it has: struct store_access's version. */
int64_t access_version(const struct access *a);

/* The keys of JWTs (at most 4), of these files; what was signed with another is revoked. -1 with what is wrong: then
 * the keys stay as they were. */
int access_read_keys(struct access *a, const char *const *files, size_t n, char error[STORE_ERROR_SIZE]);

/*
 * A pass, held by the caller. NULL: detail says why; it is a 401, or without memory (detail is empty). A credential
 * that is not good is never taken for a stranger's: also while the log is open. now_ms: wall clock.
 *
 * The first of these that is there counts: `token`, `authorization`, `user`. One is passed over: where there is no key
 * for JWTs, a Bearer that is no token of ours besides a user; it was for the web server, which has checked it.
 */
struct pass *access_pass(
    struct access *a, const struct access_ask *ask, int64_t now_ms, char detail[ACCESS_DETAIL_SIZE]);
struct pass *pass_hold(struct pass *p);
void pass_drop(struct pass *p); /* NULL is let pass */

/*
 * Revokes what has expired; returns ms until the next one does, or -1: nothing will. At most ACCESS_EXPIRE_MAX are
 * revoked at a time; 0 when there are more. To be called when that time is over, and (it costs nothing when none has
 * expired) after access_set() and for each pass whose expires_ms is earlier than what it said last.
 */
enum { ACCESS_EXPIRE_MAX = 1024 };
int64_t access_expire(struct access *a, int64_t now_ms);

/* How often a pass was revoked or got another sight: when it moved, holders are to be looked at. */
uint64_t access_changes(const struct access *a);

/* Tokens whose `used` is to be written: a name, and forgets it; false: none. At most once a day for each. */
bool access_next_used(struct access *a, char name[MESSAGE_SENDER_MAX + 1], int64_t *at_ms);

/* Whether the log is closed: only what a grant allows may be done. */
bool access_closed(const struct access *a);

struct access_counts {
	size_t tokens, grants, passes, sights;
	uint64_t refused;         /* 401 */
	uint64_t basic_unchecked; /* a name in Basic that nobody has checked */
	/* Strangers not counted by address: there is none, or it is a proxy's. */
	uint64_t no_address, proxy;
};
struct access_counts access_counts(const struct access *a);

#endif
