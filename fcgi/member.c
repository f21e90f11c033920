#include "member.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "member_held.h"

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

struct member {
	LIST_ENTRY(member) link;     /* of the session */
	LIST_ENTRY(member) nsp_link; /* of the namespace */
	struct nsp *nsp;             /* NULL: not joined yet */
	struct members *all;
	struct session *session;
	void *data;
	struct session_cursor cursor;
	LIST_HEAD(, in_room) rooms;
	STAILQ_HEAD(, asked) asked;
	uint64_t next_ask;
	size_t n_asked, n_rooms;
	char id[TOKEN_ID_SIZE];
	uint8_t name_n;
	char name[MEMBER_NAMESPACE_MAX];
};

/* A namespace with members. */
struct nsp {
	LIST_ENTRY(nsp) link;
	LIST_HEAD(, member) members;
	size_t name_n;
	char name[MEMBER_NAMESPACE_MAX];
};

enum { PLACES = 1024 };

struct members {
	struct member_options options;
	struct member_app app;
	struct session_layer layer;
	LIST_HEAD(nsp_place, nsp) table[PLACES];
};

/* What a session's data is here. */
struct client {
	LIST_HEAD(, member) members;
	size_t n;
	/* A binary packet whose attachments are still coming: */
	char *text;
	size_t text_n, bytes_n;
	unsigned expected;
	struct member_bytes bytes;
	/* Its CONNECT that the application has put off, and what came behind it: */
	struct member *joining;
	char *auth;
	size_t auth_n;
	struct held_packets held;
};

static struct str
name_of(const struct member *m)
{
	return (struct str){m->name, m->name_n};
}

struct str
member_namespace(const struct member *m)
{
	return name_of(m);
}

const char *
member_id(const struct member *m)
{
	return m->id;
}

void
member_set_id(struct member *m, struct str id)
{
	assert(id.n == TOKEN_ID_SIZE - 1);
	memcpy(m->id, id.p, id.n);
}

struct session *
member_session(const struct member *m)
{
	return m->session;
}

struct session_cursor *
member_cursor(struct member *m)
{
	return &m->cursor;
}

void *
member_data(const struct member *m)
{
	return m->data;
}

void
member_set_data(struct member *m, void *data)
{
	m->data = data;
}

/* ---- namespaces ---- */

static struct nsp_place *
place_of(struct members *all, struct str name)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)name.p[i]) * UINT64_C(1099511628211);
	return &all->table[(h ^ h >> 32) % PLACES];
}

static struct nsp *
nsp_find(struct members *all, struct str name)
{
	struct nsp *nsp;

	LIST_FOREACH (nsp, place_of(all, name), link)
		if (str_eq((struct str){nsp->name, nsp->name_n}, name))
			return nsp;
	return NULL;
}

/* The namespace of this name, made if need be; NULL without memory. */
static struct nsp *
nsp_get(struct members *all, struct str name)
{
	struct nsp *nsp = nsp_find(all, name);

	if (nsp != NULL || (nsp = calloc(1, sizeof *nsp)) == NULL)
		return nsp;
	nsp->name_n = name.n;
	memcpy(nsp->name, name.p, name.n);
	LIST_INIT(&nsp->members);
	LIST_INSERT_HEAD(place_of(all, name), nsp, link);
	return nsp;
}

struct member *
member_find(struct members *all, struct str nsp_name, struct str id)
{
	struct nsp *nsp = nsp_find(all, nsp_name);
	struct member *m;

	if (nsp != NULL)
		LIST_FOREACH (m, &nsp->members, nsp_link)
			if (str_eq(str_of(m->id), id))
				return m;
	return NULL;
}

static struct member *
member_of(struct client *client, struct str nsp)
{
	struct member *m;

	LIST_FOREACH (m, &client->members, link)
		if (str_eq(name_of(m), nsp))
			return m;
	return NULL;
}

/* Ends a member; the application has the last word. */
static void
end_member(struct member *m, bool left)
{
	struct client *client = session_data(m->session);

	session_remove_cursor(&m->cursor);
	m->all->app.disconnected(m->all->app.ctx, m, left);
	LIST_REMOVE(m, link);
	client->n--;
	LIST_REMOVE(m, nsp_link);
	if (LIST_EMPTY(&m->nsp->members)) {
		LIST_REMOVE(m->nsp, link);
		free(m->nsp);
	}
	while (!LIST_EMPTY(&m->rooms)) {
		struct in_room *r = LIST_FIRST(&m->rooms);

		LIST_REMOVE(r, link);
		free(r);
	}
	while (!STAILQ_EMPTY(&m->asked)) {
		struct asked *a = STAILQ_FIRST(&m->asked);

		STAILQ_REMOVE_HEAD(&m->asked, link);
		free(a);
	}
	free(m);
}

/* A member that will not join after all. */
static void
drop_joining(struct member *m)
{
	session_remove_cursor(&m->cursor);
	m->all->app.disconnected(m->all->app.ctx, m, false);
	free(m);
}

/* ---- packets to clients ---- */

/* A packet, its payload in brackets (or as it is, for objects), and its attachments, as one piece for the queue. */
static struct blob *
make_packets(enum packet_type type, struct str nsp, int64_t id, struct str open, struct str args, struct str close,
    const struct member_bytes *bytes)
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
	return make_packets(
	    count_of(bytes) > 1 ? PACKET_BINARY_EVENT : PACKET_EVENT, nsp, id, STR("["), args, STR("]"), bytes);
}

void
member_emit(struct member *m, struct str args, const struct member_bytes *bytes)
{
	session_queue(m->session, make_event(name_of(m), -1, args, bytes), count_of(bytes));
}

void
member_emit_volatile(struct member *m, struct str args)
{
	if (session_ready(m->session))
		member_emit(m, args, NULL);
}

void
member_ask(struct member *m, struct str args, const struct member_bytes *bytes, member_ack_fn *fn, void *ctx)
{
	struct asked *a = m->n_asked < ASKED_MAX ? malloc(sizeof *a) : NULL;

	if (a == NULL)
		return; /* as if the client had never acknowledged it */
	*a = (struct asked){.id = m->next_ask++, .fn = fn, .ctx = ctx};
	STAILQ_INSERT_TAIL(&m->asked, a, link);
	m->n_asked++;
	session_queue(m->session, make_event(name_of(m), (int64_t)a->id, args, bytes), count_of(bytes));
}

void
member_ack(struct member *m, uint64_t id, struct str args, const struct member_bytes *bytes)
{
	session_queue(m->session,
	    make_packets(count_of(bytes) > 1 ? PACKET_BINARY_ACK : PACKET_ACK, name_of(m), (int64_t)id, STR("["), args,
	        STR("]"), bytes),
	    count_of(bytes));
}

static struct in_room *
in_room(const struct member *m, struct str room)
{
	struct in_room *r;

	LIST_FOREACH (r, &m->rooms, link)
		if (str_eq((struct str){r->name, r->n}, room))
			return r;
	return NULL;
}

void
member_broadcast(struct members *all, struct str nsp_name, struct str room, const struct member *except,
    struct str args, const struct member_bytes *bytes, bool passing)
{
	struct nsp *nsp = nsp_find(all, nsp_name);
	struct member *m, *next;
	struct blob *packets;

	if (nsp == NULL || (packets = make_event(nsp_name, -1, args, bytes)) == NULL)
		return;
	for (m = LIST_FIRST(&nsp->members); m != NULL; m = next) {
		next = LIST_NEXT(m, nsp_link);
		if (m != except && (room.n == 0 || in_room(m, room) != NULL))
			(passing ? session_queue_passing : session_queue)(
			    m->session, blob_hold(packets), count_of(bytes));
	}
	blob_drop(packets);
}

int
member_join(struct member *m, struct str room)
{
	struct in_room *r;

	if (room.n == 0 || room.n > ROOM_NAME_MAX || m->n_rooms >= ROOMS_MAX)
		return -1;
	if (in_room(m, room) != NULL)
		return 0;
	r = malloc(sizeof *r + room.n);
	if (r == NULL)
		return -1;
	r->n = room.n;
	memcpy(r->name, room.p, room.n);
	LIST_INSERT_HEAD(&m->rooms, r, link);
	m->n_rooms++;
	return 0;
}

void
member_leave(struct member *m, struct str room)
{
	struct in_room *r = in_room(m, room);

	if (r == NULL)
		return;
	LIST_REMOVE(r, link);
	m->n_rooms--;
	free(r);
}

void
member_disconnect(struct member *m)
{
	session_queue(m->session, make_packets(PACKET_DISCONNECT, name_of(m), -1, STR(""), STR(""), STR(""), NULL), 1);
	end_member(m, false);
}

/* ---- packets from clients ---- */

static void
refuse(struct session *s, struct str nsp, struct str error)
{
	session_queue(s, make_packets(PACKET_CONNECT_ERROR, nsp, -1, STR(""), error, STR(""), NULL), 1);
}

/* A member that has not joined yet; NULL without memory. */
static struct member *
member_new(struct members *all, struct session *s, struct str name)
{
	struct member *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->all = all;
	m->session = s;
	LIST_INIT(&m->rooms);
	STAILQ_INIT(&m->asked);
	token_id(m->id);
	m->name_n = (uint8_t)name.n;
	memcpy(m->name, name.p, name.n);
	return m;
}

static bool
join(struct members *all, struct client *client, struct member *m, struct str auth, struct str reply)
{
	struct buf b;

	m->nsp = nsp_get(all, name_of(m));
	if (m->nsp == NULL)
		return false;
	LIST_INSERT_HEAD(&m->nsp->members, m, nsp_link);
	LIST_INSERT_HEAD(&client->members, m, link);
	client->n++;
	session_connected(m->session);
	buf_init(&b, 4096);
	buf_printf(&b, "{\"sid\":\"%s\"", m->id);
	buf_add(&b, reply);
	buf_add_char(&b, '}');
	session_queue(m->session, make_packets(PACKET_CONNECT, name_of(m), -1, STR(""), buf_str(&b), STR(""), NULL), 1);
	buf_fini(&b);
	all->app.connected(all->app.ctx, m, auth);
	return true;
}

/* The application answers later, by member_accept(). */
static bool
put_off(struct client *client, struct member *m, struct str auth)
{
	client->auth = malloc(auth.n + 1);
	if (client->auth == NULL)
		return false;
	memcpy(client->auth, auth.p, auth.n);
	client->auth_n = auth.n;
	client->joining = m;
	/* The client has done its part. */
	session_connected(m->session);
	return true;
}

static bool
connect(struct members *all, struct session *s, struct client *client, const struct packet *p)
{
	struct member *m;
	struct buf reply, error;
	enum member_answer answer;
	bool good = true;

	if (p->nsp.n > MEMBER_NAMESPACE_MAX) {
		refuse(s, p->nsp, STR("{\"message\":\"Invalid namespace\"}"));
		return true;
	}
	if (member_of(client, p->nsp) != NULL || client->n >= all->options.namespaces_max)
		return false;
	m = member_new(all, s, p->nsp);
	if (m == NULL)
		return false;
	buf_init(&reply, 4096);
	buf_init(&error, 4096);
	answer = all->app.connect(all->app.ctx, m, p->json, &reply, &error);
	switch (answer) {
	case MEMBER_ACCEPT:
		good = join(all, client, m, p->json, buf_str(&reply));
		break;
	case MEMBER_LATER:
		good = put_off(client, m, p->json);
		break;
	case MEMBER_REFUSE:
		refuse(s, p->nsp, buf_str(&error));
		break;
	case MEMBER_UNKNOWN:
		refuse(s, p->nsp, STR("{\"message\":\"Invalid namespace\"}"));
		break;
	}
	if (answer == MEMBER_REFUSE || answer == MEMBER_UNKNOWN) {
		session_remove_cursor(&m->cursor);
		free(m);
	} else if (!good)
		drop_joining(m);
	buf_fini(&reply);
	buf_fini(&error);
	return good;
}

static void
acknowledged(struct member *m, const struct packet *p, const struct member_bytes *bytes)
{
	struct str args = p->json;
	struct asked *a;

	STAILQ_FOREACH (a, &m->asked, link)
		if (p->has_id && a->id == p->id) {
			STAILQ_REMOVE(&m->asked, a, asked, link);
			m->n_asked--;
			if (args.n >= 2) {
				args.p++;
				args.n -= 2;
			}
			a->fn(a->ctx, m, args, bytes);
			free(a);
			return;
		}
}

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
		acknowledged(m, p, bytes);
		return;
	case PACKET_DISCONNECT:
		end_member(m, true);
		return;
	case PACKET_CONNECT:
	case PACKET_CONNECT_ERROR:
		return;
	}
}

static void
drop_incoming(struct client *client)
{
	for (unsigned i = 0; i < client->bytes.n; i++)
		blob_drop(client->bytes.v[i]);
	free(client->text);
	client->text = NULL;
	client->bytes.n = client->expected = 0;
}

/* Keeps a binary packet until its attachments have come. */
static bool
expect(struct members *all, struct client *client, struct str text, unsigned n)
{
	if (text.n > all->options.message_max)
		return false;
	client->text = malloc(text.n);
	if (client->text == NULL)
		return false;
	memcpy(client->text, text.p, text.n);
	client->text_n = text.n;
	client->bytes_n = text.n;
	client->expected = n;
	return true;
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
		good = connect(all, s, client, &p);
		goto out;
	}
	m = member_of(client, p.nsp);
	if (m == NULL || p.type == PACKET_CONNECT_ERROR)
		goto out;
	good = true;
	if (p.attachments > 0 && bytes == NULL)
		good = expect(all, client, text, p.attachments);
	else
		dispatch(all, m, &p, bytes);
out:
	buf_fini(&names);
	return good;
}

static bool
on_text(void *ctx, struct session *s, struct str text)
{
	struct members *all = ctx;
	struct client *client = session_data(s);
	struct buf copy;
	bool good;

	if (client->joining != NULL)
		return held_add(&client->held, false, text, all->options.message_max);
	if (client->text != NULL || text.n > all->options.message_max)
		return false;
	buf_init(&copy, text.n * 3 + 1);
	buf_add_utf8(&copy, text); /* bytes that are no UTF-8 become U+FFFD, as in the reference server */
	if (buf_ok(&copy) && copy.p != NULL)
		json_mend(copy.p, copy.n);
	good = buf_ok(&copy) && on_packet(all, s, buf_str(&copy), NULL);
	buf_fini(&copy);
	return good;
}

static bool
on_binary(void *ctx, struct session *s, struct str bytes)
{
	struct members *all = ctx;
	struct client *client = session_data(s);
	struct member_bytes whole;
	struct blob *blob;
	struct str text;
	bool good;

	if (client->joining != NULL)
		return held_add(&client->held, true, bytes, all->options.message_max);
	if (client->text == NULL || bytes.n > all->options.message_max - client->bytes_n ||
	    (blob = blob_new(bytes.n)) == NULL)
		return false;
	memcpy(blob->p, bytes.p, bytes.n);
	client->bytes_n += bytes.n;
	client->bytes.v[client->bytes.n++] = blob;
	if (client->bytes.n < client->expected)
		return true;
	/* Out of the client first: what is done with it may end the session. */
	whole = client->bytes;
	text = (struct str){client->text, client->text_n};
	client->text = NULL;
	client->bytes.n = client->expected = 0;
	good = on_packet(all, s, text, &whole);
	for (unsigned i = 0; i < whole.n; i++)
		blob_drop(whole.v[i]);
	free((char *)text.p);
	return good;
}

void
member_accept(struct member *m, struct str reply)
{
	struct members *all = m->all;
	struct session *s = m->session;
	struct client *client = session_data(s);
	struct held_packet *p;
	char *auth = client->auth;
	bool good;

	assert(client->joining == m);
	client->joining = NULL;
	client->auth = NULL;
	good = join(all, client, m, (struct str){auth, client->auth_n}, reply);
	free(auth);
	if (!good)
		drop_joining(m);
	/* What any of them does may end the session, or be another CONNECT that is put off. */
	while (good && session_data(s) == client && client->joining == NULL && (p = held_take(&client->held)) != NULL) {
		good = (p->binary ? on_binary : on_text)(all, s, (struct str){p->bytes, p->n});
		free(p);
	}
	if (!good)
		session_end(s, STR("1"));
}

static int
on_opened(void *ctx, struct session *s)
{
	struct client *client = calloc(1, sizeof *client);

	(void)ctx;
	session_set_data(s, client);
	if (client == NULL)
		return -1;
	LIST_INIT(&client->members);
	held_init(&client->held);
	return 0;
}

static void
on_ended(void *ctx, struct session *s)
{
	struct client *client = session_data(s);

	(void)ctx;
	if (client == NULL)
		return;
	while (!LIST_EMPTY(&client->members))
		end_member(LIST_FIRST(&client->members), false);
	if (client->joining != NULL)
		drop_joining(client->joining);
	free(client->auth);
	held_fini(&client->held);
	drop_incoming(client);
	free(client);
	session_set_data(s, NULL);
}

static unsigned
on_packets(void *ctx, struct session_cursor *c, const struct message *message, struct buf *body)
{
	struct members *all = ctx;
	struct member *m = (struct member *)(void *)((char *)c - offsetof(struct member, cursor));

	return all->app.packets(all->app.ctx, m, message, body);
}

struct members *
members_new(const struct member_options *options, const struct member_app *app)
{
	struct members *all = calloc(1, sizeof *all);

	if (all == NULL)
		return NULL;
	all->options = *options;
	all->app = *app;
	all->layer = (struct session_layer){.ctx = all,
	    .opened = on_opened,
	    .text = on_text,
	    .binary = on_binary,
	    .packets = on_packets,
	    .ended = on_ended};
	for (int i = 0; i < PLACES; i++)
		LIST_INIT(&all->table[i]);
	return all;
}

void
members_free(struct members *all)
{
	free(all);
}

const struct session_layer *
members_layer(struct members *all)
{
	return &all->layer;
}
