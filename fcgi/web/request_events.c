/* Errors as a browser's EventSource comes back from them. */
#include "request.h"

enum { COME_BACK_MIN_MS = 1000, COME_BACK_SPREAD = 4096 /* ms */ };

/* Whether a media range of the header Accept (RFC 9110 section 12.5.1) is the one that EventSource asks for. */
bool
request_accepts_events(const struct request *r)
{
	struct str accept = r->accept;

	while (accept.n > 0) {
		struct str range = str_cut(&accept, ',');

		if (str_eq_nocase(str_trim(str_cut(&range, ';')), REQUEST_EVENTS))
			return true;
	}
	return false;
}

void
request_open_events(struct request *r)
{
	struct slot *slot = fcgi_slot(r->conn);

	slot->events = request_accepts_events(r);
}

void
request_add_come_back(struct buf *b, const struct fcgi_conn *conn, const char *code)
{
	/* Those who are refused together come back one by one: spread by what tells their requests apart. */
	uint64_t spread = fcgi_handle(conn) * UINT64_C(0x9E3779B97F4A7C15) >> 32;

	buf_printf(b, "retry: %u\n: %s\n\n", (unsigned)(COME_BACK_MIN_MS + spread % COME_BACK_SPREAD), code);
}
