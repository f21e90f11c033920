#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "member_state.h"

struct str
member_namespace(const struct member *m)
{
	return (struct str){m->nsp->name, m->nsp->name_n};
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

static struct str
nsp_name(const struct table_entry *e)
{
	const struct nsp *nsp = CONTAINER(e, const struct nsp, entry);

	return (struct str){nsp->name, nsp->name_n};
}

struct nsp *
member_nsp(struct members *all, struct str name)
{
	struct table_entry *e = table_find(&all->nsps, name);

	return e == NULL ? NULL : CONTAINER(e, struct nsp, entry);
}

/* A holding of the namespace of this name, made if need be; NULL without memory. */
static struct nsp *
nsp_take(struct members *all, struct session *s, struct str name)
{
	struct nsp *nsp = member_nsp(all, name);

	if (nsp == NULL) {
		nsp = calloc(1, sizeof *nsp + name.n);
		if (nsp == NULL)
			return NULL;
		nsp->all = all;
		nsp->name_n = (uint8_t)name.n;
		memcpy(nsp->name, name.p, name.n);
		LIST_INIT(&nsp->members);
		session_channel_init(&nsp->channel, s);
		table_add(&all->nsps, &nsp->entry);
	}
	nsp->holders++;
	return nsp;
}

static void
nsp_drop(struct nsp *nsp)
{
	if (--nsp->holders > 0)
		return;
	table_remove(&nsp->all->nsps, &nsp->entry);
	session_channel_fini(&nsp->channel);
	free(nsp);
}

static struct str
member_entry_id(const struct table_entry *e)
{
	return (struct str){CONTAINER(e, const struct member, entry)->id, TOKEN_ID_SIZE - 1};
}

struct member *
member_find(struct members *all, struct str nsp, struct str id)
{
	struct table_entry *e = table_find(&all->table, id);
	struct member *m = e == NULL ? NULL : CONTAINER(e, struct member, entry);

	return m != NULL && str_eq(member_namespace(m), nsp) ? m : NULL;
}

struct session_channel *
member_channel(struct member *m)
{
	return &m->nsp->channel;
}

void
member_take_over(struct member *m)
{
	table_remove(&m->nsp->all->table, &m->entry);
	token_id(m->id);
	table_add(&m->nsp->all->table, &m->entry);
	session_leave(m->session);
}

struct member *
member_of(struct client *client, struct str nsp)
{
	struct member *m;

	LIST_FOREACH (m, &client->members, link)
		if (str_eq(member_namespace(m), nsp))
			return m;
	return NULL;
}

struct member *
member_new(struct members *all, struct session *s, struct str name)
{
	struct member *m = calloc(1, sizeof *m);

	if (m == NULL || (m->nsp = nsp_take(all, s, name)) == NULL) {
		free(m);
		return NULL;
	}
	m->session = s;
	token_id(m->id);
	return m;
}

static void
member_free(struct member *m)
{
	session_remove_cursor(&m->cursor);
	member_forget(m);
	nsp_drop(m->nsp);
	free(m);
}

void
member_drop(struct member *m)
{
	const struct member_app *app = &m->nsp->all->app;

	session_remove_cursor(&m->cursor);
	app->disconnected(app->ctx, m, false);
	member_free(m);
}

void
member_end(struct member *m, bool left)
{
	struct client *client = session_data(m->session);
	const struct member_app *app = &m->nsp->all->app;

	session_remove_cursor(&m->cursor);
	member_drop_late(client, m);
	app->disconnected(app->ctx, m, left);
	LIST_REMOVE(m, link);
	client->n--;
	LIST_REMOVE(m, nsp_link);
	table_remove(&m->nsp->all->table, &m->entry);
	member_free(m);
}

void
member_disconnect(struct member *m)
{
	session_queue(m->session,
	    member_make_packets(PACKET_DISCONNECT, member_namespace(m), -1, STR(""), STR(""), STR(""), NULL), 1);
	member_end(m, false);
}

/* ---- the layer ---- */

static int
on_opened(void *ctx, struct session *s)
{
	struct client *client = calloc(1, sizeof *client);

	(void)ctx;
	session_set_data(s, client);
	if (client == NULL)
		return -1;
	LIST_INIT(&client->members);
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
		member_end(LIST_FIRST(&client->members), false);
	if (client->joining != NULL) {
		member_drop(client->joining->member);
		free(client->joining);
	}
	member_drop_incoming(client);
	member_drop_late(client, NULL);
	free(client);
	session_set_data(s, NULL);
}

static unsigned
on_packets(void *ctx, struct session_cursor *c, struct message *message, struct buf *body)
{
	struct members *all = ctx;
	struct member *m = CONTAINER(c, struct member, cursor);

	return all->app.packets(all->app.ctx, m, message, body);
}

/* Those that may not stay go; the others of the session go on. */
static void
on_judge(void *ctx, struct session *s)
{
	struct members *all = ctx;
	struct client *client = session_data(s);
	struct member *m, *next;

	for (m = LIST_FIRST(&client->members); all->app.stays != NULL && m != NULL; m = next) {
		next = LIST_NEXT(m, link);
		if (!all->app.stays(all->app.ctx, m))
			member_disconnect(m);
	}
}

static bool
on_ready(void *ctx)
{
	struct members *all = ctx;

	return all->app.ready == NULL || all->app.ready(all->app.ctx);
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
	    .ready = on_ready,
	    .text = member_on_text,
	    .binary = member_on_binary,
	    .packets = on_packets,
	    .judge = on_judge,
	    .ended = on_ended};
	budget_kind(options->budget, BUDGET_EVENTS, BUDGET_LARGEST, 0, member_end_incoming, all);
	if (table_init(&all->nsps, nsp_name) == 0 && table_init(&all->table, member_entry_id) == 0)
		return all;
	members_free(all);
	return NULL;
}

void
members_free(struct members *all)
{
	if (all == NULL)
		return;
	table_fini(&all->nsps);
	table_fini(&all->table);
	free(all);
}

const struct session_layer *
members_layer(struct members *all)
{
	return &all->layer;
}
