/* What becomes of clients' events: they are stored, or refused, and who asked is told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "live/commit.h"
#include "relay_state.h"

enum { FULL_RETRY_MS = 60000 };

struct pending *
relay_pending_new(struct relay *r, struct participant *who, const struct packet *p)
{
	struct pending *pending = calloc(1, sizeof *pending);

	if (pending == NULL)
		return NULL;
	budget_add(r->options.budget, BUDGET_SENDS, budget_size(pending));
	pending->relay = r;
	pending->who = who;
	pending->pass = who->pass == NULL ? NULL : pass_hold(who->pass);
	pending->has_ack = p->has_id;
	pending->ack = p->id;
	LIST_INSERT_HEAD(&r->pending, pending, all_link);
	LIST_INSERT_HEAD(&who->pending, pending, link);
	return pending;
}

void
relay_pending_free(struct pending *pending)
{
	if (pending->who != NULL)
		LIST_REMOVE(pending, link);
	LIST_REMOVE(pending, all_link);
	budget_sub(pending->relay->options.budget, BUDGET_SENDS, budget_size(pending) + budget_size(pending->both));
	pass_drop(pending->pass);
	free(pending->both);
	free(pending);
}

void
relay_free_pending(struct relay *r)
{
	while (!LIST_EMPTY(&r->pending))
		relay_pending_free(LIST_FIRST(&r->pending));
}

void
relay_forget_pending(struct participant *who)
{
	struct pending *pending;

	while ((pending = LIST_FIRST(&who->pending)) != NULL) {
		LIST_REMOVE(pending, link);
		pending->who = NULL;
	}
}

/* ---- refusing ---- */

void
relay_refuse_event(
    struct member *m, uint64_t ack, enum problem why, struct str error, const char *limit, int64_t retry_ms)
{
	struct buf args;

	buf_init(&args, 1024);
	buf_add(&args, STR("{\"error\":"));
	buf_add_json(&args, error);
	buf_printf(&args, ",\"code\":\"%s\"", problem_code(why));
	if (limit != NULL)
		buf_printf(&args, ",\"limit\":\"%s\",\"retryAfter\":%" PRId64, limit,
		    retry_ms <= 1000 ? 1 : (retry_ms + 999) / 1000);
	buf_add_char(&args, '}');
	if (buf_ok(&args))
		member_ack(m, ack, buf_str(&args), NULL);
	buf_fini(&args);
}

void
relay_refuse_rate(struct participant *who, bool has_ack, uint64_t ack, enum limit l, int64_t retry_ms)
{
	struct buf text;

	if (!has_ack) {
		/* There is no other word for it, and what comes next would hide that something is missing. */
		session_end(member_session(who->member), STR("1"));
		return;
	}
	buf_init(&text, 1024);
	buf_printf(&text, "too much at a time: limit '%s' of %s", limit_name(l),
	    who->pass->kind == PASS_STRANGER ? "this address: all that come from it without a token share it"
	                                     : "this token or user");
	relay_refuse_event(who->member, ack, PROBLEM_RATE_LIMITED, buf_str(&text), limit_name(l), retry_ms);
	buf_fini(&text);
}

/* ---- storing ---- */

static commit_sent_fn sent;

/* The key belongs to another text, so the second argument was no offset: both arguments are stored, under a key made of
 * both. */
static bool
send_both(struct pending *pending, const struct message *m)
{
	struct message_fields f = m->f;
	struct message *both;
	struct buf text;
	char key[TOKEN_ID_SIZE];

	buf_init(&text, SIZE_MAX);
	buf_add(&text, f.key);
	buf_add(&text, (struct str){pending->both, pending->both_n});
	token_sign(pending->relay->options.secret, buf_str(&text), key);
	f.key = str_of(key);
	f.body = (struct str){pending->both, pending->both_n};
	f.is_args = true;
	both = buf_ok(&text) ? message_new(&f) : NULL;
	buf_fini(&text);
	budget_sub(pending->relay->options.budget, BUDGET_SENDS, budget_size(pending->both));
	free(pending->both);
	pending->both = NULL;
	if (both != NULL && commit_add(pending->relay->commit, both, pending->pass, sent, pending, 0) == 0)
		return true;
	message_drop(both);
	return false;
}

/* What an event that was not stored is acknowledged with. */
static void
refuse(struct pending *pending, enum commit_outcome outcome, const struct message *m)
{
	static const struct {
		enum problem why;
		const char *error, *limit;
	} table[] = {
	    [COMMIT_REFUSED] = {PROBLEM_BAD_FIELD, "the database's rules refuse this message; nothing was stored",
	        NULL},
	    [COMMIT_SENDER_TAKEN] = {PROBLEM_SENDER_TAKEN,
	        "this sender is somebody's name: choose another, or prove it by a token; nothing was stored", NULL},
	    [COMMIT_ROOMS_FULL] = {PROBLEM_STORAGE_FULL,
	        "there are as many rooms as may be (rooms-max), so none can be made; nothing was stored", "rooms-max"},
	    [COMMIT_NO_DISK_SPACE] = {PROBLEM_STORAGE_FULL,
	        "the disk has too little space left (disk-free-min); nothing was stored", "disk-free-min"},
	};
	struct buf text;
	enum problem why = outcome == COMMIT_REVOKED ? PROBLEM_UNAUTHORIZED : PROBLEM_FORBIDDEN_ROOM;

	/* Its session ends, and the client repeats it. */
	if (outcome == COMMIT_REVOKED && pending->pass != NULL && pending->pass->lost)
		return;
	if (outcome != COMMIT_REVOKED && outcome != COMMIT_FORBIDDEN) {
		relay_refuse_event(pending->who->member, pending->ack, table[outcome].why, str_of(table[outcome].error),
		    table[outcome].limit, FULL_RETRY_MS);
		return;
	}
	buf_init(&text, 1024);
	relay_add_refusal(&text, pending->who, why, MAY_WRITE, m->f.room);
	relay_refuse_event(pending->who->member, pending->ack, why, buf_str(&text), NULL, 0);
	buf_fini(&text);
}

/* Tells its client. */
static void
tell(struct pending *pending, enum commit_outcome outcome, const struct message *m, int64_t id, int64_t at_ms)
{
	char args[64];

	switch (outcome) {
	case COMMIT_STORED:
	case COMMIT_REPLAYED:
		snprintf(args, sizeof args, "{\"id\":%" PRId64 "}", id);
		if (pending->has_ack)
			member_ack(pending->who->member, pending->ack, str_of(args), NULL);
		return;
	case COMMIT_NEW_ROOM:
		relay_refuse_rate(pending->who, pending->has_ack, pending->ack, LIMIT_NEW_ROOMS, at_ms);
		return;
	case COMMIT_REFUSED:
	case COMMIT_REVOKED:
	case COMMIT_FORBIDDEN:
	case COMMIT_SENDER_TAKEN:
	case COMMIT_ROOMS_FULL:
	case COMMIT_NO_DISK_SPACE:
		if (pending->has_ack)
			refuse(pending, outcome, m);
		else
			pending->relay->dropped++;
		return;
	case COMMIT_SAME: /* these are of changes only */
	case COMMIT_GONE:
	case COMMIT_ABSENT:
	case COMMIT_OUTDATED:
	case COMMIT_KEY_CONFLICT: /* it could not be queued once more */
	case COMMIT_FULL:
	case COMMIT_FAILED:
	case COMMIT_LOCKED:
	case COMMIT_SLOW:
		/* Without an acknowledgement the client's retries repeat it. */
		return;
	}
}

static void
sent(void *ctx, uint64_t handle, enum commit_outcome outcome, const struct message *m, int64_t id, int64_t at_ms)
{
	struct pending *pending = ctx;

	(void)handle;
	if (outcome == COMMIT_KEY_CONFLICT && pending->both != NULL && send_both(pending, m))
		return;
	if (pending->who != NULL)
		tell(pending, outcome, m, id, at_ms);
	relay_pending_free(pending);
}

void
relay_commit(struct pending *pending, struct message *m)
{
	if (m != NULL && commit_add(pending->relay->commit, m, pending->pass, sent, pending, 0) == 0)
		return;
	message_drop(m);
	relay_pending_free(pending);
}
