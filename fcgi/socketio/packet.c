#include "packet.h"

#include <string.h>

#include "base/json.h"

bool
packet_next(struct packet_walk *w, struct str *packet)
{
	size_t before = w->rest.n;

	if (w->ended)
		return false;
	*packet = str_cut(&w->rest, PACKET_SEPARATOR);
	/* A separator at the end announces one more, empty packet. */
	w->ended = packet->n == before;
	return true;
}

static size_t
digits(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

static struct str
take(struct str *s, size_t n)
{
	struct str head = {s->p, n};

	*s = (struct str){s->p + n, s->n - n};
	return head;
}

static bool
is_binary(enum packet_type type)
{
	return type == PACKET_BINARY_EVENT || type == PACKET_BINARY_ACK;
}

/* "<n>-" of a binary packet. */
static bool
take_attachments(struct str *s, struct packet *p)
{
	size_t n = digits(*s);
	uint64_t v;

	if (n == 0 || n == s->n || s->p[n] != '-' || !str_uint((struct str){s->p, n}, PACKET_ATTACHMENTS_MAX, &v) ||
	    v == 0)
		return false;
	p->attachments = (unsigned)v;
	take(s, n + 1);
	return true;
}

static bool
reserved(struct str event)
{
	static const char *const names[] = {
	    "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (str_eq(event, str_of(names[i])))
			return true;
	return false;
}

/* The name of an event and what follows it. */
static bool
read_event(struct packet *p, const struct json_payload *payload, struct buf *names)
{
	struct str rest = {p->json.p + payload->first_end, p->json.n - payload->first_end};

	if (!payload->is_array || payload->n == 0 || (payload->first != JSON_STRING && !payload->first_number))
		return false;
	if (payload->first == JSON_STRING) {
		if (reserved(payload->first_value))
			return false;
		buf_add(names, payload->first_value);
		p->event = buf_str(names);
	}
	/* Behind the first element stands a comma, or the bracket that ends the array. */
	while (rest.n > 0 && rest.p[0] != ',' && rest.p[0] != ']')
		take(&rest, 1);
	if (rest.n > 0 && rest.p[0] == ',') {
		take(&rest, 1);
		while (rest.n > 0 && rest.p[rest.n - 1] != ']')
			rest.n--;
		rest.n--;
		p->args = rest;
	}
	return buf_ok(names);
}

/* Whether the payload is what its type asks for; without one, EVENT and ACK do nothing, which the reference lets pass.
 */
static bool
read_payload(struct packet *p, size_t depth_max, struct buf *names)
{
	struct json_payload payload;
	bool good = false;

	if (p->json.n == 0)
		return !is_binary(p->type) && p->type != PACKET_CONNECT_ERROR;
	if (json_payload(p->json, depth_max, &payload) == JSON_OK) {
		switch (p->type) {
		case PACKET_CONNECT:
			good = !payload.is_array;
			break;
		case PACKET_DISCONNECT:
			break;
		case PACKET_EVENT:
		case PACKET_BINARY_EVENT:
			good = read_event(p, &payload, names);
			break;
		case PACKET_ACK:
		case PACKET_BINARY_ACK:
			good = payload.is_array;
			break;
		case PACKET_CONNECT_ERROR:
			good = true;
			break;
		}
		/* Only in binary packets do placeholders stand for anything. */
		if (is_binary(p->type) && (payload.bad_placeholder || payload.placeholders >> p->attachments != 0))
			good = false;
	}
	buf_fini(&payload.strings);
	return good;
}

bool
packet_decode(struct str text, size_t depth_max, struct packet *p, struct buf *names)
{
	size_t n;

	*p = (struct packet){.nsp = STR("/"), .json = STR(""), .event = STR(""), .args = STR("")};
	if (text.n == 0 || text.p[0] < '0' || text.p[0] > '6')
		return false;
	p->type = (enum packet_type)(take(&text, 1).p[0] - '0');
	if (is_binary(p->type) && !take_attachments(&text, p))
		return false;
	if (text.n > 0 && text.p[0] == '/')
		p->nsp = str_cut(&text, ',');
	/* It would end the packet in which it is answered. */
	if (memchr(p->nsp.p, PACKET_SEPARATOR, p->nsp.n) != NULL)
		return false;
	n = digits(text);
	if (n > 0) {
		/* No client sends an ack id above 2^53. */
		if (!str_uint((struct str){text.p, n}, (UINT64_C(1) << 53) - 1, &p->id))
			return false;
		p->has_id = true;
		take(&text, n);
	}
	p->json = text;
	return read_payload(p, depth_max, names);
}

void
packet_add_head(struct buf *b, enum packet_type type, unsigned attachments, struct str nsp, int64_t id)
{
	buf_add_char(b, '4');
	buf_add_char(b, (char)('0' + (int)type));
	if (attachments > 0)
		buf_printf(b, "%u-", attachments);
	if (!str_eq(nsp, STR("/"))) {
		buf_add(b, nsp);
		buf_add_char(b, ',');
	}
	if (id >= 0)
		buf_add_int(b, id);
}
