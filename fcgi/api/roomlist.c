#include "roomlist.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "live/room.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

/* A list on its way through a reader. */
struct listing {
	struct roomlist *l;
	uint64_t handle; /* of the request */
	struct store_list list;
	char epoch[STORE_EPOCH_SIZE];
	struct str if_none_match;
	char header[]; /* what it views */
};

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

static void submit(struct listing *g, struct fcgi_conn *conn);

static void
done(void *ctx, enum store_status status)
{
	struct listing *g = ctx;
	struct fcgi_conn *conn = errand_back(g->l->requests, g->handle);

	/* Another log has taken the place of the one that was read. */
	if (conn != NULL && strcmp(g->epoch, rooms_epoch(g->l->rooms)) != 0) {
		buf_fini(&g->list.json);
		submit(g, conn);
		return;
	}
	if (conn != NULL) {
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
			request_fail(g->l->requests, conn, PROBLEM_STORE_FAILED, "the database cannot be read");
			break;
		}
	}
	buf_fini(&g->list.json);
	free(g);
}

static void
submit(struct listing *g, struct fcgi_conn *conn)
{
	snprintf(g->epoch, sizeof g->epoch, "%s", rooms_epoch(g->l->rooms));
	g->list.head = rooms_head(g->l->rooms);
	if (errand_begin(conn, readers_list(g->l->readers, &g->list, done, g)))
		return;
	request_refuse_busy(g->l->requests, conn);
	free(g);
}

/* false: answered. */
static bool
read_list(struct request *r, const struct query *q, struct store_list *list)
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
		}
		if (expected != NULL)
			return request_refuse_parameter(r, name, value, expected);
	}
	return true;
}

void
roomlist_request(struct roomlist *l, struct request *r)
{
	static const char *const known[] = {"limit", "after", NULL};
	struct store_list list;
	struct listing *g;
	struct query q;
	bool ok;

	if (!request_query(r, &q, known, NULL))
		return;
	ok = read_list(r, &q, &list);
	query_fini(&q);
	if (!ok)
		return;
	g = calloc(1, sizeof *g + r->if_none_match.n);
	if (g == NULL) {
		request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for another request");
		return;
	}
	g->l = l;
	g->handle = fcgi_handle(r->conn);
	g->list = list;
	if (r->if_none_match.n > 0)
		memcpy(g->header, r->if_none_match.p, r->if_none_match.n);
	g->if_none_match = (struct str){g->header, r->if_none_match.n};
	submit(g, r->conn);
}
