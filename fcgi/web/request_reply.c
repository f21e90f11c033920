#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/hash.h"
#include "request.h"

enum { DETAIL_MAX = 400 };

/* Only an origin that is named may send cookies and passwords along (the Fetch standard, section 3.2.5). */
static void
add_cors(struct buf *head, const struct origins *origins, unsigned origin)
{
	if (!origins_let_in(origins, origin))
		return;
	buf_add(head, STR("Access-Control-Allow-Origin: "));
	buf_add(head, origin >= ORIGIN_NAMED ? origins->named[origin - ORIGIN_NAMED] : STR("*"));
	buf_add(head, origin >= ORIGIN_NAMED ? STR("\r\nAccess-Control-Allow-Credentials: true\r\n") : STR("\r\n"));
	buf_add(
	    head, STR("Access-Control-Expose-Headers: ETag, Idempotent-Replayed, Preference-Applied, Retry-After\r\n"));
}

/* Once for each answer that is not shared, so without the slow printf. length < 0: it is not known. */
static void
add_head(struct buf *head, const struct requests *all, unsigned origin, int status, struct str type, int64_t length,
    struct str headers)
{
	buf_add(head, STR("Status: "));
	buf_add_int(head, status);
	buf_add_char(head, ' ');
	buf_add(head, str_of(problem_title(status)));
	buf_add(head, STR("\r\n"));
	if (type.n > 0) {
		buf_add(head, STR("Content-Type: "));
		buf_add(head, type);
		buf_add(head, STR("\r\n"));
	}
	if (type.n > 0 && length >= 0) {
		buf_add(head, STR("Content-Length: "));
		buf_add_int(head, length);
		buf_add(head, STR("\r\n"));
	}
	buf_add(head, headers);
	/* What a page elsewhere gets is another answer, be it a refusal. */
	buf_add(head, STR("Vary: Origin\r\n"));
	if (origin & ORIGIN_SOMEBODY)
		buf_add(head, STR("Cache-Control: private\r\nVary: Authorization\r\n"));
	if ((origin & ~(unsigned)ORIGIN_SOMEBODY) != ORIGIN_NONE)
		add_cors(head, &all->origins, origin & ~(unsigned)ORIGIN_SOMEBODY);
	buf_add(head, STR("\r\n"));
}

static struct blob *
frame(struct requests *all, unsigned origin, int status, struct str type, struct str headers, struct str body)
{
	struct buf head;
	struct blob *b = NULL;

	buf_init(&head, 16 * 1024);
	add_head(&head, all, origin, status, type, (int64_t)body.n, headers);
	if (buf_ok(&head))
		b = fcgi_frame(buf_str(&head), body);
	buf_fini(&head);
	return b;
}

bool
request_send(struct requests *all, struct fcgi_conn *conn, struct blob *reply)
{
	all->replies++;
	return fcgi_reply(all->fcgi, conn, reply);
}

void
request_reply(
    struct requests *all, struct fcgi_conn *conn, int status, struct str type, struct str headers, struct str body)
{
	struct slot *slot = fcgi_slot(conn);

	(void)request_send(all, conn, frame(all, slot->origin, status, type, headers, body));
}

/* A strong validator made from the content (RFC 9110 section 8.8.3): its hash and its length. */
static void
make_etag(char etag[64], struct str body)
{
	snprintf(etag, 64, "\"%016" PRIx64 "-%zx\"", hash_fnv1a(body), body.n);
}

/* If-Match and If-None-Match (RFC 9110 sections 13.1.1 and 13.1.2): *, or a list of tags, compared weakly. */
static bool
matches(struct str header, struct str etag)
{
	if (str_eq(str_trim(header), STR("*")))
		return true;
	while (header.n > 0) {
		struct str tag = str_trim(str_cut(&header, ','));

		if (str_starts(tag, STR("W/")))
			tag = str_skip(tag, 2);
		if (str_eq(tag, etag))
			return true;
	}
	return false;
}

void
request_tagged(struct requests *all, struct fcgi_conn *conn, struct str if_none_match, struct str body)
{
	char etag[64], headers[160];

	make_etag(etag, body);
	snprintf(headers, sizeof headers, "ETag: %s\r\nCache-Control: no-cache\r\n", etag);
	if (matches(if_none_match, str_of(etag)))
		request_reply(all, conn, 304, STR(""), str_of(headers), STR(""));
	else
		request_reply(all, conn, 200, REQUEST_JSON, str_of(headers), body);
}

bool
request_matches(struct str if_match, struct str body)
{
	char etag[64];

	make_etag(etag, body);
	return matches(if_match, str_of(etag));
}

struct blob *
request_json(struct requests *all, unsigned origin, struct str headers, struct str body)
{
	struct buf lines;
	struct blob *b;

	buf_init(&lines, 4096);
	buf_add(&lines, REQUEST_NO_STORE);
	buf_add(&lines, headers);
	b = frame(all, origin, 200, REQUEST_JSON, buf_str(&lines), body);
	buf_fini(&lines);
	return b;
}

struct blob *
request_part(struct requests *all, unsigned origin, struct str type, struct str body)
{
	struct buf head;
	struct blob *b = NULL;

	buf_init(&head, SIZE_MAX);
	add_head(
	    &head, all, origin, 200, type, -1, STR(REQUEST_NO_STORE_LINE "Vary: Accept\r\nX-Accel-Buffering: no\r\n"));
	buf_add(&head, body);
	if (buf_ok(&head))
		b = fcgi_frame_part(buf_str(&head));
	buf_fini(&head);
	return b;
}

struct blob *
request_text(struct requests *all, unsigned origin, struct str body)
{
	return frame(all, origin, 200, REQUEST_TEXT, REQUEST_NO_STORE, body);
}

static void fail(struct requests *all, struct fcgi_conn *conn, enum problem p, struct str headers, struct str members,
    const char *format, va_list ap) __attribute__((format(printf, 6, 0)));

static void
fail(struct requests *all, struct fcgi_conn *conn, enum problem p, struct str headers, struct str members,
    const char *format, va_list ap)
{
	char detail[DETAIL_MAX];
	struct buf head, body;
	int n = vsnprintf(detail, sizeof detail, format, ap);

	if (n < 0)
		n = 0;
	all->problems[p]++;
	buf_init(&head, 4096);
	buf_init(&body, 16 * 1024);
	if (((const struct slot *)fcgi_slot(conn))->events && problem_status(p) >= 500) {
		request_add_come_back(&body, conn, problem_code(p));
		request_reply(all, conn, 200, REQUEST_EVENTS, REQUEST_NO_STORE, buf_str(&body));
		buf_fini(&body);
		return;
	}
	buf_add(&head, REQUEST_NO_STORE);
	buf_add(&head, headers);
	problem_add_json(
	    &body, p, (struct str){detail, (size_t)n < sizeof detail ? (size_t)n : sizeof detail - 1}, members);
	request_reply(all, conn, problem_status(p), STR("application/problem+json"), buf_str(&head), buf_str(&body));
	buf_fini(&body);
	buf_fini(&head);
}

void
request_fail(struct requests *all, struct fcgi_conn *conn, enum problem p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fail(all, conn, p, problem_status(p) == 503 ? STR("Retry-After: 1\r\n") : STR(""), STR(""), format, ap);
	va_end(ap);
}

void
request_fail_with(struct requests *all, struct fcgi_conn *conn, enum problem p, struct str headers, struct str members,
    const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fail(all, conn, p, headers, members, format, ap);
	va_end(ap);
}

void
request_fail_for_now(struct requests *all, struct fcgi_conn *conn, enum problem p, int64_t retry_s, const char *limit,
    const char *format, ...)
{
	char headers[48], members[96] = "";
	va_list ap;

	retry_s = retry_s < 1 ? 1 : retry_s;
	snprintf(headers, sizeof headers, "Retry-After: %" PRId64 "\r\n", retry_s);
	if (limit != NULL)
		snprintf(members, sizeof members, ",\"limit\":\"%s\",\"retryAfter\":%" PRId64, limit, retry_s);
	va_start(ap, format);
	fail(all, conn, p, str_of(headers), str_of(members), format, ap);
	va_end(ap);
}

void
request_refuse_busy(struct requests *all, struct fcgi_conn *conn)
{
	request_fail(all, conn, PROBLEM_BUSY, "too many requests wait for the database");
}
