/*
 * What is read of a packet lies inside it; written anew it is read as the same; and what is accepted, mended as a
 * session mends it, is JSON for SQLite too and for everybody who is told of it.
 */
#include "socketio/packet.h"

#include "answer.h"
#include "base/json.h"

enum { DEPTH_MAX = 1000 };

static bool
inside(struct str view, struct str text)
{
	return view.n == 0 || (view.p >= text.p && view.p + view.n <= text.p + text.n);
}

/* The packets of a body and what separates them are all of it. */
static void
check_walk(struct str body)
{
	struct packet_walk walk = {.rest = body};
	struct str packet;
	size_t n = 0, separators = 0, at = 0;

	while (packet_next(&walk, &packet)) {
		MUST(inside(packet, body));
		MUST(packet.n == 0 || packet.p == body.p + at);
		MUST(packet.n == 0 || memchr(packet.p, PACKET_SEPARATOR, packet.n) == NULL);
		at += packet.n + 1;
		n++;
	}
	for (size_t i = 0; i < body.n; i++)
		separators += body.p[i] == PACKET_SEPARATOR;
	MUST(n == separators + 1 && at == body.n + 1);
}

static void
check_packet(const struct packet *p, struct str text)
{
	bool binary = p->type == PACKET_BINARY_EVENT || p->type == PACKET_BINARY_ACK;

	MUST(p->type <= PACKET_BINARY_ACK);
	MUST(binary ? p->attachments >= 1 && p->attachments <= PACKET_ATTACHMENTS_MAX : p->attachments == 0);
	MUST(p->nsp.n >= 1 && p->nsp.p[0] == '/' && memchr(p->nsp.p, ',', p->nsp.n) == NULL);
	MUST(str_eq(p->nsp, STR("/")) || inside(p->nsp, text));
	MUST(p->id < UINT64_C(1) << 53 && (p->has_id || p->id == 0));
	MUST(inside(p->json, text) && inside(p->args, p->json));
	MUST(p->json.n == 0 || p->json.p + p->json.n == text.p + text.n);
}

static void
check_again(const struct packet *p)
{
	struct packet again;
	struct buf b, names;

	buf_init(&b, SIZE_MAX);
	buf_init(&names, SIZE_MAX);
	packet_add_head(&b, p->type, p->attachments, p->nsp, p->has_id ? (int64_t)p->id : -1);
	buf_add(&b, p->json);
	MUST(buf_ok(&b) && b.p[0] == '4');
	MUST(packet_decode(str_skip(buf_str(&b), 1), DEPTH_MAX, &again, &names));
	MUST(again.type == p->type && again.attachments == p->attachments);
	MUST(again.has_id == p->has_id && again.id == p->id);
	MUST(str_eq(again.nsp, p->nsp) && str_eq(again.json, p->json));
	MUST(str_eq(again.event, p->event) && str_eq(again.args, p->args));
	buf_fini(&names);
	buf_fini(&b);
}

/* What applications do with the payload of a mended packet must work. */
static void
check_use(const struct packet *p)
{
	bool event = p->type == PACKET_EVENT || p->type == PACKET_BINARY_EVENT;
	struct buf b;

	MUST(str_utf8(p->json) && str_utf8(p->nsp) && str_utf8(p->event));
	if (p->json.n == 0)
		return;
	if (p->type == PACKET_CONNECT)
		MUST(json_object(p->json, DEPTH_MAX, NULL, NULL, NULL) == JSON_OK);
	else if (p->type != PACKET_CONNECT_ERROR)
		MUST(json_array(p->json, DEPTH_MAX, NULL, NULL) == JSON_OK);
	if (!event)
		return;
	/* The name and the arguments put together anew. */
	buf_init(&b, SIZE_MAX);
	buf_add_char(&b, '[');
	buf_add_json(&b, p->event);
	if (p->args.n > 0)
		buf_add_char(&b, ',');
	buf_add(&b, p->args);
	buf_add_char(&b, ']');
	MUST(buf_ok(&b) && json_array(buf_str(&b), DEPTH_MAX, NULL, NULL) == JSON_OK);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str text = {(const char *)bytes, n};
	struct packet p;
	struct buf names, mended;

	check_walk(text);
	buf_init(&names, n + 1);
	if (packet_decode(text, DEPTH_MAX, &p, &names)) {
		check_packet(&p, text);
		check_again(&p);
	}
	buf_fini(&names);

	/* As member.c takes it. */
	buf_init(&mended, n * 3 + 1);
	buf_init(&names, n * 3 + 1);
	buf_add_utf8(&mended, text);
	MUST(buf_ok(&mended));
	if (mended.p != NULL) {
		/* In memory of just that size, so that AddressSanitizer sees a byte read too far. */
		char *exact = malloc(mended.n + (mended.n == 0));

		MUST(exact != NULL);
		memcpy(exact, mended.p, mended.n);
		json_mend(exact, mended.n);
		text = (struct str){exact, mended.n};
		if (packet_decode(text, DEPTH_MAX, &p, &names)) {
			check_packet(&p, text);
			check_again(&p);
			check_use(&p);
			MUST(p.json.n == 0 || answer_valid_for_sqlite(p.json));
		}
		free(exact);
	}
	buf_fini(&names);
	buf_fini(&mended);
	return 0;
}
