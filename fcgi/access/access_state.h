/*
 * access_state: what the files of access share.
 */
#ifndef ACCESS_STATE_H
#define ACCESS_STATE_H

#include <sys/queue.h>

#include "access.h"
#include "base/table.h"
#include "base/token.h"
#include "jwt.h"

/* A row of tokens. */
struct access_token {
	const struct store_token *row;
	int64_t used_ms;
	bool used_here;                 /* used_ms is ours: what the log has may be older */
	bool waits;                     /* in `used` */
	TAILQ_ENTRY(access_token) link; /* those whose `used` is to be written */
};

/* The grants of one `who`. */
struct access_who {
	struct table_entry entry;
	struct str name; /* of a row */
	struct sight_layer *layer;
};

/* Tokens and grants, as they are looked up. */
struct access_rows {
	struct store_access *rows;
	struct access_token *tokens; /* one for each row */
	uint32_t *places;            /* of tokens, each its number in the rows and 1; 0: none; see access_rows.c */
	size_t n_places, n_tokens;   /* a power of two; those that stand in places */
	struct table whos;
	struct access_who *who_array;
	size_t n_whos;
	size_t not_understood; /* rows */
	TAILQ_HEAD(access_used, access_token) used;
};

/* -1 without memory: then there is nothing to free, and rows are the caller's. */
int access_rows_make(struct access_rows *r, struct sights *sights, struct store_access *rows);
void access_rows_fini(struct access_rows *r);

/* NULL: there is none. */
struct access_token *access_rows_token(const struct access_rows *r, struct str hash);
struct sight_layer *access_rows_layer(const struct access_rows *r, struct str who);

/* A token was used; at most once a day it is to be written. */
void access_rows_use(struct access_rows *r, struct access_token *t, int64_t now_ms);

/* What is known of tokens' use beyond the log goes from one to the other, which then has not been used yet. */
void access_rows_hand_over(const struct access_rows *from, struct access_rows *to);

/* A letter and a hash, a user's name, or an address; and what person_get() calls it: "token:ci", "user:ann". */
enum { ACCESS_NAME_MAX = 1 + MESSAGE_SENDER_MAX, ACCESS_IDENTITY_MAX = 128 };

/* A pass, and what belongs to it. */
struct access_entry {
	struct pass pass;
	struct access *all;
	struct table_entry entry;       /* while it is not revoked */
	TAILQ_ENTRY(access_entry) idle; /* while nobody holds it, and it is kept */
	size_t expiry_at;               /* in the heap */
	struct access_token *token;     /* of a token */
	struct sight_layer *claim;      /* what a JWT says of itself; may be NULL */
	size_t key;                     /* which one a JWT was signed with */
	bool local;                     /* a stranger of the loopback, which is trusted */
	enum person_class class;
	size_t name_n, identity_n;
	char name[ACCESS_NAME_MAX], identity[ACCESS_IDENTITY_MAX], sender[MESSAGE_SENDER_MAX];
};

struct access {
	struct access_options options;
	struct sights *sights;
	struct sight *nothing, *open, *whole; /* those that need no row */
	struct access_rows rows;
	struct jwt_keys keys;
	struct table passes;
	TAILQ_HEAD(access_idle, access_entry) idle; /* the one let go first stands first */
	size_t n_idle;
	struct access_entry **expiry; /* a heap: none ends before the one at (i - 1) / 2 */
	size_t n_expiry, cap_expiry;
	bool broken; /* there was no memory for the rows: nothing may be done */
	bool said_basic, said_no_address, said_proxy;
	int64_t now_ms; /* as it was said last */
	uint64_t changes;
	struct access_counts counts;
};

static inline struct access_entry *
access_entry(struct pass *p)
{
	return CONTAINER(p, struct access_entry, pass);
}

static inline struct str
access_identity(const struct access_entry *e)
{
	return (struct str){e->identity, e->identity_n};
}

table_name_fn access_pass_name;

/* Who a new pass is of, and what is to be known of it. */
struct access_new_pass {
	enum pass_kind kind;
	struct str name, prefix, identity; /* of the latter two together it is the identity */
	struct str sender;
	int64_t expires_ms;
	struct access_token *token;
	const struct jwt *jwt;
	bool local, not_counted;
};

/* Held by the caller; NULL without memory. */
struct pass *access_pass_make(struct access *a, const struct access_new_pass *new);

/* The pass of this name, held by the caller, if there is one that has not expired; NULL: none. */
struct pass *access_pass_known(struct access *a, struct str name);

/* Nobody finds it any more, and it may do nothing; frees it if nobody holds it. */
void access_revoke(struct access_entry *e);

/* Gives it what rows say; false without memory. It may be revoked by it. */
bool access_update(struct access_entry *e, struct access_rows *rows);

/* Room for one more; false without memory. */
bool access_expiry_reserve(struct access *a);
void access_expiry_add(struct access *a, struct access_entry *e);
void access_expiry_remove(struct access *a, struct access_entry *e);
/* Its expires_ms has changed. */
void access_expiry_moved(struct access *a, struct access_entry *e);

#endif
