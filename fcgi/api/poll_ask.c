#include <inttypes.h>
#include <stdio.h>

#include "cursor.h"
#include "poll_state.h"
#include "rooms_named.h"

enum {
	WAIT_DEFAULT_MS = 25000,
	LIMIT_DEFAULT = 100,
	LIMIT_MAX = 1000,
};

/* Seconds with an optional fraction, in milliseconds, rounded up; -1 when it is none. */
static int64_t
seconds_ms(struct str s)
{
	struct str whole = str_cut(&s, '.');
	bool dot = s.p > whole.p + whole.n;
	uint64_t seconds, ms = 0;
	bool more = false;

	if (!str_uint(whole, 1000000, &seconds) || (dot && s.n == 0))
		return -1;
	for (size_t i = 0, unit = 100; i < s.n; i++, unit /= 10) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		ms += (uint64_t)(s.p[i] - '0') * unit;
		more = more || (unit == 0 && s.p[i] != '0');
	}
	return (int64_t)(seconds * 1000 + ms + more);
}

static bool
is_number(struct str s)
{
	size_t digits = 0;

	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	return s.n > 0 && digits == s.n;
}

/* Prefer: wait=N (RFC 7240 section 4.3) among other preferences; -1 when there is none. */
static int64_t
preferred_s(struct str prefer)
{
	while (prefer.n > 0) {
		struct str value = str_trim(str_cut(&prefer, ',')), name;
		uint64_t seconds;

		value = str_cut(&value, ';');
		name = str_trim(str_cut(&value, '='));
		value = str_trim(value);
		if (str_eq_nocase(name, STR("wait")) && is_number(value))
			return str_uint(value, UINT32_MAX, &seconds) ? (int64_t)seconds : UINT32_MAX;
	}
	return -1;
}

static bool
read_wait(struct request *r, struct str value, int64_t wait_max_ms, struct poll_ask *ask)
{
	char expected[64];

	ask->wait_ms = seconds_ms(value);
	if (ask->wait_ms >= 0 && ask->wait_ms <= wait_max_ms)
		return true;
	snprintf(expected, sizeof expected, "0 to %" PRId64 " seconds", wait_max_ms / 1000);
	return request_refuse_parameter(r, STR("wait"), value, expected);
}

bool
poll_ask_read(const struct poll *p, struct poll_ask *ask, struct request *r, const struct query *q, struct str *epoch)
{
	int64_t wait_max_ms = p->options.wait_max_ms;
	bool waited = false;
	int64_t preferred = preferred_s(r->prefer);
	struct cursor cursor = {.since = rooms_head(p->rooms)};

	*ask = (struct poll_ask){.limit = LIMIT_DEFAULT,
	    .preferred = -1,
	    .wait_ms = WAIT_DEFAULT_MS < wait_max_ms ? WAIT_DEFAULT_MS : wait_max_ms};
	*epoch = (struct str){NULL, 0};
	if (!rooms_named(p->gate, r, q, &ask->rooms))
		return false;
	for (size_t i = 0; i < q->n; i++) {
		struct str name = q->fields[i].name, value = q->fields[i].value;
		uint64_t n;

		if (str_eq(name, STR("since"))) {
			if (!cursor_read(r, value, &cursor))
				return false;
		} else if (str_eq(name, STR("wait"))) {
			waited = true;
			if (!read_wait(r, value, wait_max_ms, ask))
				return false;
		} else if (str_eq(name, STR("limit"))) {
			if (!str_uint(value, LIMIT_MAX, &n) || n == 0)
				return request_refuse_parameter(r, name, value, "1 to 1000");
			ask->limit = (uint16_t)n;
		} else if (str_eq(name, STR("epoch"))) {
			if (value.n == 0)
				return request_refuse_parameter(
				    r, name, value, "what an earlier answer called its epoch");
			*epoch = value;
		}
	}
	ask->since = cursor.since;
	ask->newest = cursor.newest;
	ask->no_gap = cursor.no_gap;
	if (!waited && preferred >= 0) {
		int64_t most = wait_max_ms / 1000;

		ask->preferred = (int8_t)(preferred < most ? preferred : most);
		ask->wait_ms = ask->preferred * INT64_C(1000);
	}
	return true;
}
