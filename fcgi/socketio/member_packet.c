#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "member_state.h"

/* A binary packet, and those of its attachments that have come. */
struct incoming {
	struct members *all;
	struct session *session;
	struct budget_share share;
	struct member_bytes bytes;
	size_t size;      /* of text and bytes */
	size_t memory;    /* that they take */
	int64_t since_ms; /* when it began */
	unsigned expected;
	size_t text_n;
	char text[];
};

/* A whole packet for a namespace that is joined, its attachments included. */
static void
dispatch(struct members *all, struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	switch (p->type) {
	case PACKET_EVENT:
	case PACKET_BINARY_EVENT:
		if (p->json.n > 0)
			all->app.event(all->app.ctx, m, p, bytes);
		return;
	case PACKET_ACK:
	case PACKET_BINARY_ACK:
		member_acknowledged(m, p, bytes);
		return;
	case PACKET_DISCONNECT:
		member_end(m, true);
		return;
	case PACKET_CONNECT:
	case PACKET_CONNECT_ERROR:
		return;
	}
}

/* Counts what has come; false when it is the one that has to go for want of memory. */
static bool
count(struct incoming *in, size_t bytes)
{
	return budget_set(in->all->options.budget, &in->share, BUDGET_EVENTS, bytes);
}

static void
incoming_free(struct incoming *in)
{
	(void)count(in, 0);
	for (unsigned i = 0; i < in->bytes.n; i++)
		blob_drop(in->bytes.v[i]);
	free(in);
}

void
member_drop_incoming(struct client *client)
{
	if (client->incoming != NULL)
		incoming_free(client->incoming);
	client->incoming = NULL;
}

void
member_end_incoming(void *ctx, struct budget_share *share)
{
	struct session *s = CONTAINER(share, struct incoming, share)->session;

	(void)ctx;
	member_drop_incoming(session_data(s));
	session_doom(s);
}

/* Some of it has come, and the next attachment must within its time. false: memory is short. */
static bool
wait_for_more(struct incoming *in)
{
	const struct member_options *options = &in->all->options;
	int64_t left = in->since_ms + options->event_wait_ms - clock_ms();

	if (left > options->attachment_wait_ms)
		left = options->attachment_wait_ms;
	session_await(in->session, left > 0 ? left : 0);
	return count(in, in->memory);
}

/* Keeps a binary packet until its attachments have come. */
static bool
expect(struct members *all, struct session *s, struct str text, unsigned n)
{
	struct client *client = session_data(s);
	struct incoming *in;

	if (n > all->options.attachments_max || text.n > all->options.message_max)
		return false;
	in = malloc(sizeof *in + text.n);
	if (in == NULL)
		return false;
	*in = (struct incoming){.all = all,
	    .session = s,
	    .size = text.n,
	    .memory = budget_size(in),
	    .since_ms = clock_ms(),
	    .expected = n,
	    .text_n = text.n};
	memcpy(in->text, text.p, text.n);
	client->incoming = in;
	return wait_for_more(in);
}

/* text, mended in place: an escaped half of a surrogate pair can be carried on by nobody. */
static bool
on_packet(struct members *all, struct session *s, struct str text, const struct member_bytes *bytes)
{
	struct client *client = session_data(s);
	struct packet p;
	struct buf names;
	struct member *m;
	bool good = false;

	buf_init(&names, text.n + 1);
	if (!packet_decode(text, all->options.depth_max, &p, &names))
		goto out;
	if (p.type == PACKET_CONNECT) {
		good = member_connect(all, s, &p);
		goto out;
	}
	m = member_of(client, p.nsp);
	if (m == NULL || p.type == PACKET_CONNECT_ERROR)
		goto out;
	good = true;
	if (p.attachments > 0 && bytes == NULL)
		good = expect(all, s, text, p.attachments);
	else
		dispatch(all, m, &p, bytes);
out:
	buf_fini(&names);
	return good;
}

bool
member_on_text(void *ctx, struct session *s, struct str text)
{
	struct members *all = ctx;
	struct client *client = session_data(s);
	struct buf copy;
	bool good;

	if (client->incoming != NULL || text.n > all->options.message_max)
		return false;
	buf_init(&copy, text.n * 3 + 1);
	buf_add_utf8(&copy, text); /* bytes that are no UTF-8 become U+FFFD, as in the reference server */
	if (buf_ok(&copy) && copy.p != NULL)
		json_mend(copy.p, copy.n);
	good = buf_ok(&copy) && on_packet(all, s, buf_str(&copy), NULL);
	buf_fini(&copy);
	return good;
}

bool
member_on_binary(void *ctx, struct session *s, struct str bytes)
{
	struct members *all = ctx;
	struct client *client = session_data(s);
	struct incoming *in = client->incoming;
	struct blob *blob;
	bool good;

	if (in == NULL || bytes.n > all->options.message_max - in->size || (blob = blob_new(bytes.n)) == NULL)
		return false;
	memcpy(blob->p, bytes.p, bytes.n);
	in->size += bytes.n;
	in->memory += budget_size(blob);
	in->bytes.v[in->bytes.n++] = blob;
	if (in->bytes.n < in->expected)
		return wait_for_more(in);
	/* Out of the client first: what is done with it may end the session. */
	client->incoming = NULL;
	(void)count(in, 0);
	session_await(s, -1);
	good = on_packet(all, s, (struct str){in->text, in->text_n}, &in->bytes);
	incoming_free(in);
	return good;
}
