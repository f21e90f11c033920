#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "relay_state.h"
#include "store/readers.h"

enum { SIGNED_MAX = 320 };

/* ---- pids ---- */

/* What a pid's signature covers: the log's epoch, the id, the namespace, where it began, and the user, if any. */
static struct str
signed_text(const struct relay *r, char text[SIGNED_MAX], struct str id, struct str nsp, struct str user, int64_t first)
{
	int n = snprintf(text, SIGNED_MAX, "%s\n%.*s\n%.*s\n%" PRId64 "%s%.*s", rooms_epoch(r->rooms), STR_ARGS(id),
	    STR_ARGS(nsp), first, user.n > 0 ? "\n" : "", STR_ARGS(user));

	return (struct str){text, (size_t)n};
}

void
relay_make_pid(
    const struct relay *r, char pid[RELAY_PID_MAX], struct str id, struct str nsp, struct str user, int64_t first)
{
	char text[SIGNED_MAX], signature[TOKEN_ID_SIZE];

	token_sign(r->options.secret, signed_text(r, text, id, nsp, user, first), signature);
	snprintf(pid, RELAY_PID_MAX, "%.*s.%" PRId64 ".%s", STR_ARGS(id), first, signature);
}

/* ---- clients that said good-bye ---- */

struct left_id {
	struct table_entry entry;
	char id[TOKEN_ID_SIZE];
};

static struct str
left_name(const struct table_entry *e)
{
	return (struct str){CONTAINER(e, const struct left_id, entry)->id, TOKEN_ID_SIZE - 1};
}

int
relay_left_init(struct relay *r)
{
	r->left = calloc(RELAY_LEFT_MAX, sizeof *r->left);
	return r->left == NULL ? -1 : table_init(&r->left_table, left_name);
}

void
relay_left_fini(struct relay *r)
{
	table_fini(&r->left_table);
	free(r->left);
}

static bool
has_left(const struct relay *r, struct str id)
{
	return table_find(&r->left_table, id) != NULL;
}

void
relay_note_left(struct relay *r, struct str id)
{
	struct left_id *left = &r->left[r->n_left % RELAY_LEFT_MAX];

	if (has_left(r, id))
		return;
	if (r->n_left++ >= RELAY_LEFT_MAX)
		table_remove(&r->left_table, &left->entry);
	memcpy(left->id, id.p, TOKEN_ID_SIZE);
	table_add(&r->left_table, &left->entry);
}

/* ---- pids, read ---- */

bool
relay_read_pid(
    const struct relay *r, struct str pid, struct str offset, struct str nsp, struct str user, struct comeback *back)
{
	char text[SIGNED_MAX];
	struct str id = str_cut(&pid, '.'), number = str_cut(&pid, '.');
	uint64_t n;

	if (!r->options.recovery || id.n != TOKEN_ID_SIZE - 1 || nsp.n > MEMBER_NAMESPACE_MAX ||
	    !str_uint(number, (uint64_t)MESSAGE_ID_MAX, &n))
		return false;
	/* A pid of a client without a name is good for a client of any name. */
	if (!token_check(r->options.secret, signed_text(r, text, id, nsp, user, (int64_t)n), pid) &&
	    !token_check(r->options.secret, signed_text(r, text, id, nsp, STR(""), (int64_t)n), pid))
		return false;
	if (has_left(r, id))
		return false;
	*back = (struct comeback){.since = (int64_t)n, .first = (int64_t)n};
	memcpy(back->id, id.p, id.n);
	if (str_uint(offset, (uint64_t)MESSAGE_ID_MAX, &n) && (int64_t)n > back->since)
		back->since = (int64_t)n;
	return true;
}

/* ---- how much was missed ---- */

/* By their number alone: messages' times may be imported ones, or of a clock that was set. */
static enum recovery
within_limits(const struct relay *r, int64_t missed)
{
	return missed <= r->options.recovery_messages ? RECOVERY_YES : RECOVERY_NO;
}

enum recovery
relay_judge(const struct relay *r, struct str room_name, int64_t since)
{
	struct room *room = room_find(r->rooms, room_name);
	const struct ring_chain *chain = room == NULL ? NULL : room_chain(room);
	size_t place;

	if (since > rooms_head(r->rooms))
		return RECOVERY_NO;
	if (since == rooms_head(r->rooms))
		return RECOVERY_YES;
	if (since < (chain == NULL ? rooms_floor(r->rooms) : chain->floor))
		return RECOVERY_ASK;
	/* It would miss what is not kept any more. */
	if (room != NULL && room_pruned(room) > since)
		return RECOVERY_NO;
	place = chain == NULL ? 0 : ring_above(chain, since);
	if (chain == NULL || place == chain->n)
		return RECOVERY_YES;
	return within_limits(r, (int64_t)(chain->n - place));
}

/* A client that waits for what the database says. */
struct lookup {
	struct read *read;
	struct read_turn turn;
	struct pass *pass; /* for whom it is counted, held; or NULL */
	LIST_ENTRY(lookup) link;
	struct relay *relay;
	struct participant *who; /* NULL: it left meanwhile */
	struct comeback back;
	int64_t server_offset;
	uint64_t resets; /* rooms_resets() of the log that was asked */
	struct store_missed missed;
	char room[MESSAGE_ROOM_MAX];
};

static void
lookup_free(struct lookup *l)
{
	if (l != NULL)
		pass_drop(l->pass);
	free(l);
}

/* Its person pays for what it has cost. */
static void
pay(const struct lookup *l)
{
	if (l->pass != NULL)
		limit_charge(l->relay->options.persons, l->pass->person, LIMIT_READING,
		    (uint64_t)(l->turn.took_us + 500) / 1000, clock_ms());
}

/* It is known how much was missed. */
static void
answer(struct lookup *l, struct participant *who)
{
	struct relay *r = l->relay;
	/* A count and a pid of a log that was replaced meanwhile say nothing. */
	bool recovered = l->resets == rooms_resets(r->rooms) && !has_left(r, str_of(l->back.id)) && !l->missed.gap &&
	                 within_limits(r, l->missed.n) == RECOVERY_YES;
	struct buf reply;

	buf_init(&reply, 4096);
	relay_admit(r, who, recovered ? &l->back : NULL, l->server_offset, &reply);
	member_accept(who->member, &reply);
	buf_fini(&reply);
}

static void
looked_up(void *ctx, enum store_status status)
{
	struct lookup *l = ctx;
	struct participant *who = l->who;

	LIST_REMOVE(l, link);
	pay(l);
	if (who != NULL)
		who->lookup = NULL;
	/* Tokens or grants may have changed: all is asked again. */
	if (who != NULL && (status == STORE_STALE || relay_may(who, MAY_READ, l->missed.room) != PROBLEMS)) {
		who->looked = false;
		if (relay_wait_look(l->relay, who) != LOOK_WAITS)
			member_resume(who->member);
	} else if (who != NULL && status != STORE_OK) {
		/* It must not be admitted as a new client: it comes back with its pid and asks again. */
		session_end(member_session(who->member), STR("1"));
	} else if (who != NULL)
		answer(l, who);
	lookup_free(l);
}

void
relay_look_up(
    struct relay *r, struct participant *who, struct str room, const struct comeback *back, int64_t server_offset)
{
	struct lookup *l = calloc(1, sizeof *l);

	if (l != NULL) {
		*l = (struct lookup){.relay = r,
		    .who = who,
		    .back = *back,
		    .server_offset = server_offset,
		    .resets = rooms_resets(r->rooms)};
		if (who->pass != NULL && r->options.persons != NULL) {
			l->pass = pass_hold(who->pass);
			l->turn.key = who->pass->person;
		}
		memcpy(l->room, room.p, room.n);
		l->missed = (struct store_missed){.access_version = relay_access_version(r, who),
		    .room = {l->room, room.n},
		    .since = back->since,
		    .head = rooms_head(r->rooms),
		    .limit = r->options.recovery_messages + 1};
		l->read = readers_missed(r->readers, &l->missed, &l->turn, looked_up, l);
	}
	if (l != NULL && l->read != NULL) {
		LIST_INSERT_HEAD(&r->lookups, l, link);
		who->lookup = l;
		return;
	}
	lookup_free(l);
	session_close(member_session(who->member));
}

void
relay_forget_lookup(struct participant *who)
{
	if (who->lookup == NULL)
		return;
	readers_cancel(who->lookup->read);
	who->lookup->who = NULL;
	who->lookup = NULL;
}

void
relay_free_lookups(struct relay *r)
{
	struct lookup *l;

	while ((l = LIST_FIRST(&r->lookups)) != NULL) {
		LIST_REMOVE(l, link);
		lookup_free(l);
	}
}
