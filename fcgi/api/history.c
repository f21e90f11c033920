#include "history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/date.h"
#include "errand.h"
#include "live/commit.h"
#include "live/gate.h"
#include "live/room.h"
#include "rooms_named.h"
#include "store/terms.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 500, COUNT_MAX = 1000, INDEX_WAIT_MS = 1000 };

/* A page on its way through a reader, with copies of all that it needs. */
struct reading {
	struct errand errand;
	struct history *h;
	struct store_page page;
	bool search;
	struct str if_none_match;
	struct buf strings; /* what the views point to */
};

static struct reading *
reading_of(struct errand *e)
{
	return CONTAINER(e, struct reading, errand);
}

static void
add_cursor(struct buf *b, const char *name, int64_t id)
{
	if (id < 0)
		buf_printf(b, ",\"%s\":null", name);
	else
		buf_printf(b, ",\"%s\":%" PRId64, name, id);
}

static void
make_body(struct buf *body, const struct reading *r)
{
	buf_init(body, SIZE_MAX);
	buf_add(body, STR("{\"messages\":["));
	buf_add(body, buf_str(&r->page.json));
	buf_add_char(body, ']');
	add_cursor(body, "older", r->page.older);
	add_cursor(body, "newer", r->page.newer);
	if (r->page.count_max > 0)
		buf_printf(body, ",\"total\":{\"n\":%" PRId64 ",\"more\":%s}", r->page.total,
		    r->page.total_more ? "true" : "false");
	if (r->search && r->page.old_words > 0)
		buf_printf(body, ",\"old_words\":%" PRId64, r->page.old_words);
	if (r->search && commit_indexed(r->h->commit) < r->page.head)
		buf_printf(body, ",\"indexed\":%" PRId64, commit_indexed(r->h->commit));
	buf_add(body, STR("}\n"));
}

static void
reply(struct reading *r, struct fcgi_conn *conn)
{
	struct requests *requests = r->h->requests;
	struct buf body;

	make_body(&body, r);
	if (!buf_ok(&body))
		request_fail(requests, conn, PROBLEM_INTERNAL, "no memory for the answer");
	else if (r->page.newer < 0 || r->search)
		request_reply(requests, conn, 200, REQUEST_JSON, REQUEST_NO_STORE, buf_str(&body));
	else
		/* A page with newer messages behind it changes only when rows are deleted or updated. */
		request_tagged(requests, conn, r->if_none_match, buf_str(&body));
	buf_fini(&body);
}

static void
answer(struct errand *e, struct fcgi_conn *conn, enum store_status status)
{
	struct reading *r = reading_of(e);
	struct requests *requests = r->h->requests;

	switch (status) {
	case STORE_OK:
		reply(r, conn);
		break;
	case STORE_SYNTAX:
		request_fail(requests, conn, PROBLEM_BAD_SEARCH,
		    "parameter 'q' has nothing to look for: give at least one word or \"phrase\" without -");
		break;
	case STORE_TIMEOUT:
		request_fail(requests, conn, PROBLEM_SEARCH_TIMEOUT,
		    "it took too long (search-timeout): ask for less, or for a shorter time");
		break;
	case STORE_BUSY:
	case STORE_FULL:
	case STORE_APART:
	case STORE_FAILED:
	case STORE_STOPPED:
	case STORE_STALE:
		request_fail(requests, conn, PROBLEM_STORE_FAILED, "the database cannot be read");
		break;
	}
}

static struct read *
ask(struct errand *e)
{
	struct reading *r = reading_of(e);

	r->page.rooms.sees = sight_sees(e->sight);
	r->page.access_version = access_version(r->h->gate->access);
	r->page.head = rooms_head(r->h->rooms);
	return (r->search ? readers_search : readers_history)(r->h->readers, &r->page, &e->turn, errand_done, e);
}

static void
forget(struct errand *e)
{
	buf_fini(&reading_of(e)->page.json);
}

static void
reading_free(struct errand *e)
{
	struct reading *r = reading_of(e);

	buf_fini(&r->strings);
	free(r);
}

static const struct errand_kind KIND = {.ask = ask, .answer = answer, .forget = forget, .free = reading_free};

/* What other programs have committed up to now is known; now the index. */
static void
looked(void *ctx, uint64_t handle, bool ok)
{
	struct errand *e = ctx;

	(void)ok;
	if (commit_want_index(e->gate->commit, INDEX_WAIT_MS, errand_looked, e, handle) != 0)
		errand_refuse(e);
}

/* Whether the parameter is a cursor; if so, which. */
static bool
cursor_of(struct str name, enum store_cursor *cursor)
{
	static const struct {
		struct str name;
		enum store_cursor cursor;
	} table[] = {{{"before", 6}, STORE_BEFORE}, {{"after", 5}, STORE_AFTER}, {{"around", 6}, STORE_AROUND},
	    {{"on", 2}, STORE_ON}};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (str_eq(name, table[i].name)) {
			*cursor = table[i].cursor;
			return true;
		}
	return false;
}

static bool
read_cursor(struct request *r, struct store_page *page, struct str name, struct str value, int tz)
{
	enum store_cursor cursor = STORE_NEWEST;
	uint64_t id;

	if (!cursor_of(name, &cursor))
		return true;
	if (page->cursor != STORE_NEWEST) {
		request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
		    "parameter '%.*s': at most one of before, after, around and on may be given", STR_ARGS(name));
		return false;
	}
	page->cursor = cursor;
	if (cursor == STORE_ON)
		return date_day(value, tz, &page->at) ||
		       request_refuse_parameter(r, name, value, "a day as YYYY-MM-DD");
	if (!str_uint(value, (uint64_t)MESSAGE_ID_MAX, &id))
		return request_refuse_parameter(r, name, value, "an id (0 to 9007199254740991)");
	page->at = (int64_t)id;
	return true;
}

/* Whether a search is not too much at once; false: answered. */
static bool
search_ok(struct request *r, struct str q)
{
	struct terms_counts counts = terms_count(q);

	if (counts.words > TERMS_WORDS_MAX)
		request_fail(r->all, r->conn, PROBLEM_BAD_SEARCH,
		    "parameter 'q' has %zu words, those of phrases counted; at most %d can be looked for at once",
		    counts.words, TERMS_WORDS_MAX);
	else if (counts.prefixes > TERMS_PREFIXES_MAX)
		request_fail(r->all, r->conn, PROBLEM_BAD_SEARCH,
		    "parameter 'q' has %zu words with a * behind them, or of a single character without an alphabet; "
		    "at "
		    "most %d can be looked for at once",
		    counts.prefixes, TERMS_PREFIXES_MAX);
	else if (counts.short_prefix.n > 0)
		request_fail(r->all, r->conn, PROBLEM_BAD_SEARCH,
		    "parameter 'q' has '%.*s*': before a * there must be at least %d letters",
		    STR_ARGS(counts.short_prefix), TERMS_PREFIX_MIN);
	else if (counts.not_or)
		request_fail(r->all, r->conn, PROBLEM_BAD_SEARCH,
		    "parameter 'q' has a - beside OR, which stands between two words that are looked for: say -a -b "
		    "for neither a nor b");
	else
		return true;
	return false;
}

/* One parameter that is no cursor; false: answered. */
static bool
read_filter(struct request *r, struct store_page *page, struct str name, struct str value, int tz)
{
	const char *moment = "a day as YYYY-MM-DD or a time as 2026-01-31T12:00:00Z";
	uint64_t n;

	if (str_eq(name, STR("limit"))) {
		if (!str_uint(value, LIMIT_MAX, &n) || n == 0)
			return request_refuse_parameter(r, name, value, "1 to 500");
		page->limit = (size_t)n;
	} else if (str_eq(name, STR("sender"))) {
		if (value.n > MESSAGE_SENDER_MAX)
			return request_refuse_parameter(r, name, value, "at most 64 bytes");
		page->by_sender = true;
		page->sender = value;
	} else if (str_eq(name, STR("from")))
		return date_moment(value, tz, &page->from_ms) || request_refuse_parameter(r, name, value, moment);
	else if (str_eq(name, STR("until")))
		return date_moment(value, tz, &page->until_ms) || request_refuse_parameter(r, name, value, moment);
	else if (str_eq(name, STR("q"))) {
		if (value.n == 0)
			return request_refuse_parameter(r, name, value, "words to look for");
		page->q = value;
		return search_ok(r, value);
	} else if (str_eq(name, STR("count"))) {
		if (!str_uint(value, COUNT_MAX, &n) || n == 0)
			return request_refuse_parameter(r, name, value, "1 to 1000");
		page->count_max = (int64_t)n;
	}
	return true;
}

/* false: answered. */
static bool
read_page(struct gate *g, struct request *r, const struct query *q, struct store_page *page)
{
	int tz = 0;

	*page = (struct store_page){.limit = LIMIT_DEFAULT, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
	if (!rooms_named(g, r, q, &page->rooms))
		return false;
	/* The zone first: days and times are read by it. */
	for (size_t i = 0; i < q->n; i++)
		if (str_eq(q->fields[i].name, STR("tz")) && !date_zone(q->fields[i].value, &tz))
			return request_refuse_parameter(
			    r, STR("tz"), q->fields[i].value, "+HH:MM or -HH:MM, up to 23:59");
	for (size_t i = 0; i < q->n; i++)
		if (!read_cursor(r, page, q->fields[i].name, q->fields[i].value, tz) ||
		    !read_filter(r, page, q->fields[i].name, q->fields[i].value, tz))
			return false;
	if (page->q.n > 0 && (page->cursor == STORE_AROUND || page->cursor == STORE_ON)) {
		request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
		    "with parameter 'q' only 'before' or 'after' may be given of before, after, around and on");
		return false;
	}
	if (page->q.n == 0 && page->count_max > 0) {
		request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER,
		    "parameter 'count' counts what a search finds: give 'q', too");
		return false;
	}
	return true;
}

/* A reading with copies of what views the request; NULL without memory. */
static struct reading *
reading_new(struct history *h, struct request *request, const struct store_page *page)
{
	struct reading *r = calloc(1, sizeof *r);
	size_t room = request->query.n + request->if_none_match.n + MESSAGE_ROOM_MAX;

	if (r == NULL)
		return NULL;
	errand_init(&r->errand, &KIND, h->gate, request->conn);
	r->errand.rooms = &r->page.rooms;
	r->h = h;
	r->page = *page;
	r->search = page->q.n > 0;
	buf_init(&r->strings, room + 1);
	if (!buf_reserve(&r->strings, room + 1)) {
		free(r);
		return NULL;
	}
	for (size_t i = 0; i < page->rooms.n && !page->rooms.all; i++)
		r->page.rooms.names[i] = buf_keep(&r->strings, page->rooms.names[i]);
	r->page.sender = buf_keep(&r->strings, page->sender);
	r->page.q = buf_keep(&r->strings, page->q);
	r->if_none_match = buf_keep(&r->strings, request->if_none_match);
	return r;
}

void
history_request(struct history *h, struct request *r)
{
	static const char *const known[] = {
	    "room", "before", "after", "around", "on", "limit", "sender", "from", "until", "tz", "q", "count", NULL};
	struct query q;
	struct store_page page;
	struct reading *reading;

	if (!gate_take(h->gate, r, GATE_READ) || !request_query(r, &q, known, "room"))
		return;
	if (read_page(h->gate, r, &q, &page)) {
		reading = reading_new(h, r, &page);
		if (reading == NULL)
			request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for another request");
		else if (!reading->search)
			errand_read(&reading->errand);
		else if (commit_look(h->commit, looked, &reading->errand, reading->errand.handle) != 0)
			errand_refuse(&reading->errand);
	}
	query_fini(&q);
}
