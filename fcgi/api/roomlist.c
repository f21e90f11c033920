#include "roomlist.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "errand.h"
#include "live/gate.h"
#include "live/room.h"
#include "rooms_read.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

/* A list on its way through a reader. */
struct listing {
	struct errand errand;
	struct roomlist *l;
	bool may; /* it asks what may be done, too */
	struct store_list list;
	struct store_marks marks;
	char epoch[STORE_EPOCH_SIZE];
	struct str if_none_match;
	char header[]; /* what it views */
};

static struct listing *
listing_of(struct errand *e)
{
	return CONTAINER(e, struct listing, errand);
}

static void
reply(struct listing *g, struct fcgi_conn *conn)
{
	struct buf body;

	buf_init(&body, SIZE_MAX);
	buf_printf(&body, "{\"epoch\":\"%s\",\"head\":%" PRId64 ",\"rooms\":[", g->epoch, g->list.head);
	buf_add(&body, buf_str(&g->list.json));
	buf_printf(&body, "],\"more\":%s}\n", g->list.more ? "true" : "false");
	if (buf_ok(&body))
		request_tagged(g->l->requests, conn, g->if_none_match, buf_str(&body));
	else
		request_fail(g->l->requests, conn, PROBLEM_INTERNAL, "no memory for the answer");
	buf_fini(&body);
}

/* What one may do in a room, unless it is what is usual: to read and to write. */
static struct str
unusual(const void *sight, struct str room)
{
	static const struct str said[] = {[MAY_READ] = {"r", 1},
	    [MAY_READ | MAY_MODERATE] = {"rm", 2},
	    [MAY_READ | MAY_WRITE | MAY_MODERATE] = {"rwm", 3}};

	return said[sight_may(sight, room)];
}

/* Whether there can be anything to say of it. */
static bool
says_may(const struct listing *g)
{
	return g->may &&
	       (!sight_everywhere(g->errand.sight, MAY_WRITE) || sight_anywhere(g->errand.sight, MAY_MODERATE));
}

/* Another log has taken the place of the one that was read. */
static bool
outdated(const struct errand *e)
{
	const struct listing *g = CONTAINER(e, const struct listing, errand);

	return strcmp(g->epoch, rooms_epoch(g->l->rooms)) != 0;
}

static void
answer(struct errand *e, struct fcgi_conn *conn, enum store_status status)
{
	struct listing *g = listing_of(e);

	switch (status) {
	case STORE_OK:
		reply(g, conn);
		break;
	case STORE_TIMEOUT:
		request_fail(g->l->requests, conn, PROBLEM_SEARCH_TIMEOUT,
		    "it took too long (search-timeout): ask again, or for less");
		break;
	case STORE_BUSY:
	case STORE_FULL:
	case STORE_APART:
	case STORE_FAILED:
	case STORE_SYNTAX:
	case STORE_STOPPED:
	case STORE_STALE:
		request_fail(g->l->requests, conn, PROBLEM_STORE_FAILED, "the database cannot be read");
		break;
	}
}

static struct read *
ask(struct errand *e)
{
	struct listing *g = listing_of(e);

	g->list.sees = sight_sees(e->sight);
	g->list.may = says_may(g) ? unusual : NULL;
	g->list.may_ctx = e->sight;
	g->list.marks = &g->marks;
	g->list.access_version = access_version(g->l->gate->access);
	snprintf(g->epoch, sizeof g->epoch, "%s", rooms_epoch(g->l->rooms));
	g->list.head = rooms_head(g->l->rooms);
	return readers_list(g->l->readers, &g->list, &e->turn, errand_done, e);
}

static void
forget(struct errand *e)
{
	buf_fini(&listing_of(e)->list.json);
}

static void
listing_free(struct errand *e)
{
	free(listing_of(e));
}

static const struct errand_kind KIND = {
    .ask = ask, .outdated = outdated, .answer = answer, .forget = forget, .free = listing_free};

/* false: answered. */
static bool
read_list(struct request *r, const struct query *q, struct store_list *list, bool *may)
{
	*list = (struct store_list){.after = INT64_MAX, .limit = LIMIT_DEFAULT};
	for (size_t i = 0; i < q->n; i++) {
		struct str name = q->fields[i].name, value = q->fields[i].value;
		const char *expected = NULL;
		uint64_t n = 0;

		if (str_eq(name, STR("limit"))) {
			if (!str_uint(value, LIMIT_MAX, &n) || n == 0)
				expected = "1 to 1000";
			list->limit = (size_t)n;
		} else if (str_eq(name, STR("after"))) {
			if (!str_uint(value, (uint64_t)MESSAGE_ID_MAX, &n))
				expected = "an id (0 to 9007199254740991)";
			list->after = (int64_t)n;
		} else if (str_eq(name, STR("may"))) {
			if (!str_eq(value, STR("1")))
				expected = "1, to be told what may be done in each room";
			*may = true;
		}
		if (expected != NULL)
			return request_refuse_parameter(r, name, value, expected);
	}
	return true;
}

void
roomlist_request(struct roomlist *l, struct request *r)
{
	static const char *const known[] = {"limit", "after", "may", "read", NULL};
	struct store_list list;
	struct store_marks marks;
	struct listing *g;
	struct query q;
	bool ok, may = false;

	if (!gate_take(l->gate, r, GATE_READ) || !request_query(r, &q, known, "read"))
		return;
	ok = read_list(r, &q, &list, &may) && rooms_read(r, &q, &marks);
	query_fini(&q);
	if (!ok)
		return;
	g = calloc(1, sizeof *g + r->if_none_match.n);
	if (g == NULL) {
		request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for another request");
		return;
	}
	errand_init(&g->errand, &KIND, l->gate, r->conn);
	g->l = l;
	g->list = list;
	g->marks = marks;
	g->may = may;
	if (r->if_none_match.n > 0)
		memcpy(g->header, r->if_none_match.p, r->if_none_match.n);
	g->if_none_match = (struct str){g->header, r->if_none_match.n};
	errand_read(&g->errand);
}
