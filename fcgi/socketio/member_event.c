#include <stdlib.h>
#include <string.h>

#include "member_state.h"

enum { ROOM_NAME_MAX = 128, ASKED_MAX = 1000, ROOMS_MAX = 1000 };

/* A room that a member is in. */
struct in_room {
	LIST_ENTRY(in_room) link;
	size_t n;
	char name[];
};

/* An event that a member was asked to acknowledge. */
struct asked {
	STAILQ_ENTRY(asked) link;
	uint64_t id;
	member_ack_fn *fn;
	void *ctx;
};

/* ---- packets ---- */

struct blob *
member_make_packets(enum packet_type type, struct str nsp, int64_t id, struct str open, struct str args,
    struct str close, const struct member_bytes *bytes)
{
	struct buf b;
	struct blob *blob = NULL;

	buf_init(&b, SIZE_MAX);
	packet_add_head(&b, type, bytes == NULL ? 0 : bytes->n, nsp, id);
	buf_add(&b, open);
	buf_add(&b, args);
	buf_add(&b, close);
	for (unsigned i = 0; bytes != NULL && i < bytes->n; i++) {
		buf_add_char(&b, PACKET_SEPARATOR);
		buf_add_char(&b, 'b');
		token_add_base64(&b, (struct str){bytes->v[i]->p, bytes->v[i]->n});
	}
	if (buf_ok(&b) && (blob = blob_new(b.n)) != NULL)
		memcpy(blob->p, b.p, b.n);
	buf_fini(&b);
	return blob;
}

static unsigned
count_of(const struct member_bytes *bytes)
{
	return bytes == NULL ? 1 : 1 + bytes->n;
}

static struct blob *
make_event(struct str nsp, int64_t id, struct str args, const struct member_bytes *bytes)
{
	return member_make_packets(
	    count_of(bytes) > 1 ? PACKET_BINARY_EVENT : PACKET_EVENT, nsp, id, STR("["), args, STR("]"), bytes);
}

void
member_emit(struct member *m, struct str args, const struct member_bytes *bytes)
{
	session_queue(m->session, make_event(member_namespace(m), -1, args, bytes), count_of(bytes));
}

void
member_emit_volatile(struct member *m, struct str args)
{
	if (session_ready(m->session))
		member_emit(m, args, NULL);
}

/* NULL without memory. */
static struct extra *
extra_of(struct member *m)
{
	struct extra *x = m->extra == NULL ? calloc(1, sizeof *x) : NULL;

	if (x == NULL)
		return m->extra;
	LIST_INIT(&x->rooms);
	STAILQ_INIT(&x->asked);
	return m->extra = x;
}

void
member_ask(struct member *m, struct str args, const struct member_bytes *bytes, member_ack_fn *fn, void *ctx)
{
	struct extra *x = extra_of(m);
	struct asked *a = x != NULL && x->n_asked < ASKED_MAX ? malloc(sizeof *a) : NULL;

	if (a == NULL)
		return; /* as if the client had never acknowledged it */
	*a = (struct asked){.id = x->next_ask++, .fn = fn, .ctx = ctx};
	STAILQ_INSERT_TAIL(&x->asked, a, link);
	x->n_asked++;
	session_queue(m->session, make_event(member_namespace(m), (int64_t)a->id, args, bytes), count_of(bytes));
}

void
member_ack(struct member *m, uint64_t id, struct str args, const struct member_bytes *bytes)
{
	session_queue(m->session,
	    member_make_packets(count_of(bytes) > 1 ? PACKET_BINARY_ACK : PACKET_ACK, member_namespace(m), (int64_t)id,
	        STR("["), args, STR("]"), bytes),
	    count_of(bytes));
}

void
member_acknowledged(struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	struct extra *x = m->extra;
	struct str args = p->json;
	struct asked *a;

	if (x == NULL)
		return;
	STAILQ_FOREACH (a, &x->asked, link)
		if (p->has_id && a->id == p->id) {
			STAILQ_REMOVE(&x->asked, a, asked, link);
			x->n_asked--;
			if (args.n >= 2) {
				args.p++;
				args.n -= 2;
			}
			a->fn(a->ctx, m, args, bytes);
			free(a);
			return;
		}
}

/* ---- rooms ---- */

static struct in_room *
in_room(const struct member *m, struct str room)
{
	struct in_room *r;

	if (m->extra == NULL)
		return NULL;
	LIST_FOREACH (r, &m->extra->rooms, link)
		if (str_eq((struct str){r->name, r->n}, room))
			return r;
	return NULL;
}

void
member_broadcast(struct members *all, struct str nsp_name, struct str room, const struct member *except,
    struct str args, const struct member_bytes *bytes)
{
	struct nsp *nsp = member_nsp(all, nsp_name);
	struct member *m, *next;
	struct blob *packets;

	if (nsp == NULL || (packets = make_event(nsp_name, -1, args, bytes)) == NULL)
		return;
	for (m = LIST_FIRST(&nsp->members); m != NULL; m = next) {
		next = LIST_NEXT(m, nsp_link);
		if (m != except && (room.n == 0 || in_room(m, room) != NULL))
			session_queue(m->session, blob_hold(packets), count_of(bytes));
	}
	blob_drop(packets);
}

void
member_pass_on(struct member *m, struct str args, const struct member_bytes *bytes)
{
	session_channel_tell(
	    &m->nsp->channel, make_event(member_namespace(m), -1, args, bytes), count_of(bytes), &m->cursor);
}

int
member_join(struct member *m, struct str room)
{
	struct extra *x = extra_of(m);
	struct in_room *r;

	if (room.n == 0 || room.n > ROOM_NAME_MAX || x == NULL || x->n_rooms >= ROOMS_MAX)
		return -1;
	if (in_room(m, room) != NULL)
		return 0;
	r = malloc(sizeof *r + room.n);
	if (r == NULL)
		return -1;
	r->n = room.n;
	memcpy(r->name, room.p, room.n);
	LIST_INSERT_HEAD(&x->rooms, r, link);
	x->n_rooms++;
	return 0;
}

void
member_leave(struct member *m, struct str room)
{
	struct in_room *r = in_room(m, room);

	if (r == NULL)
		return;
	LIST_REMOVE(r, link);
	m->extra->n_rooms--;
	free(r);
}

void
member_forget(struct member *m)
{
	struct extra *x = m->extra;

	if (x == NULL)
		return;
	while (!LIST_EMPTY(&x->rooms)) {
		struct in_room *r = LIST_FIRST(&x->rooms);

		LIST_REMOVE(r, link);
		free(r);
	}
	while (!STAILQ_EMPTY(&x->asked)) {
		struct asked *a = STAILQ_FIRST(&x->asked);

		STAILQ_REMOVE_HEAD(&x->asked, link);
		free(a);
	}
	free(x);
	m->extra = NULL;
}
