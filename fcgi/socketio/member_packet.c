#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "member_state.h"

/* A binary packet, and those of its attachments that have come; or an event that is put off. */
struct incoming {
	struct members *all;
	struct session *session;
	const struct member *member; /* of an event that is put off; only compared */
	struct budget_share share;
	struct member_bytes bytes;
	size_t size;      /* of text and bytes */
	size_t memory;    /* that they take */
	int64_t since_ms; /* when it began */
	unsigned expected;
	size_t text_n;
	char text[];
};

/* Counts what has come; false when it is the one that has to go for want of memory. */
static bool
count(struct incoming *in, size_t bytes)
{
	bool kept = session_keep(in->session, bytes);

	return budget_set(in->all->options.budget, &in->share, BUDGET_EVENTS, bytes) && kept;
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
member_drop_late(struct client *client, const struct member *m)
{
	struct incoming *late = client->late;
	struct session *s;

	if (late == NULL || (m != NULL && late->member != m))
		return;
	s = late->session;
	client->late = NULL;
	incoming_free(late);
	session_release(s);
}

void
member_end_incoming(void *ctx, struct budget_share *share)
{
	struct session *s = CONTAINER(share, struct incoming, share)->session;

	(void)ctx;
	/* It has one of these at most. */
	member_drop_incoming(session_data(s));
	member_drop_late(session_data(s), NULL);
	session_doom(s);
}

/* Keeps an event that the application has put off. false: memory is short. */
static bool
put_off(struct members *all, struct member *m, struct str text, const struct member_bytes *bytes)
{
	struct client *client = session_data(m->session);
	struct incoming *late = malloc(sizeof *late + text.n);

	if (late == NULL)
		return false;
	*late = (struct incoming){
	    .all = all, .session = m->session, .member = m, .memory = budget_size(late), .text_n = text.n};
	memcpy(late->text, text.p, text.n);
	for (unsigned i = 0; bytes != NULL && i < bytes->n; i++) {
		late->bytes.v[late->bytes.n++] = blob_hold(bytes->v[i]);
		late->memory += budget_size(bytes->v[i]);
	}
	client->late = late;
	session_hold(m->session, true);
	return count(late, late->memory);
}

/* A whole packet for a namespace that is joined, its attachments included. false: there is no memory to put it off. */
static bool
dispatch(
    struct members *all, struct member *m, const struct packet *p, struct str text, const struct member_bytes *bytes)
{
	switch (p->type) {
	case PACKET_EVENT:
	case PACKET_BINARY_EVENT:
		return p->json.n == 0 || all->app.event(all->app.ctx, m, p, bytes) || put_off(all, m, text, bytes);
	case PACKET_ACK:
	case PACKET_BINARY_ACK:
		member_acknowledged(m, p, bytes);
		return true;
	case PACKET_DISCONNECT:
		member_end(m, true);
		return true;
	case PACKET_CONNECT:
	case PACKET_CONNECT_ERROR:
		return true;
	}
	return true;
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
		good = dispatch(all, m, &p, text, bytes);
out:
	buf_fini(&names);
	return good;
}

void
member_resume_event(struct session *s)
{
	struct client *client = session_data(s);
	struct incoming *late = client->late;
	bool good;

	if (late == NULL)
		return;
	client->late = NULL;
	(void)count(late, 0);
	good = on_packet(late->all, s, (struct str){late->text, late->text_n}, late->bytes.n > 0 ? &late->bytes : NULL);
	incoming_free(late);
	client = session_data(s);
	if (client == NULL)
		return; /* that ended it */
	if (!good)
		session_end(s, STR("1"));
	else if (client->late == NULL)
		session_release(s);
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
