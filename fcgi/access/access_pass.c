#include <stdlib.h>
#include <string.h>

#include "access_state.h"
#include "base/clock.h"

struct str
access_pass_name(const struct table_entry *e)
{
	const struct access_entry *entry = CONTAINER(e, const struct access_entry, entry);

	return (struct str){entry->name, entry->name_n};
}

static bool
expires(const struct access_entry *e)
{
	return e->pass.kind == PASS_TOKEN || e->pass.kind == PASS_JWT;
}

/* By grants; held by the caller, NULL without memory. */
static struct sight *
granted(const struct access_entry *e, const struct access_rows *rows)
{
	struct sight_layer *layers[SIGHT_RANKS] = {
	    [SIGHT_CLAIM] = e->claim, [SIGHT_ANYONE] = access_rows_layer(rows, STR("anyone"))};

	if (e->pass.kind != PASS_STRANGER) {
		layers[SIGHT_OWN] = access_rows_layer(rows, access_identity(e));
		layers[SIGHT_USERS] = access_rows_layer(rows, STR("users"));
	}
	return sight_get_layers(e->all->sights, layers);
}

static struct sight *
sight_of(const struct access_entry *e, const struct access_rows *rows)
{
	const struct access *a = e->all;

	if (!rows->rows->closed)
		return sight_hold(e->local ? a->whole : a->open);
	return rows->rows->refused ? sight_hold(a->nothing) : granted(e, rows);
}

static enum person_class
class_of(const struct access_entry *e)
{
	const struct access_options *options = &e->all->options;

	if (e->pass.kind == PASS_STRANGER)
		return e->local ? PERSON_TRUSTED : PERSON_STRANGER;
	if (e->token != NULL)
		return e->token->row->trusted ? PERSON_TRUSTED : PERSON_USER;
	for (size_t i = 0; i < options->n_trusted; i++)
		if (str_eq(str_of(options->trusted[i]), access_identity(e)))
			return PERSON_TRUSTED;
	return PERSON_USER;
}

/* Puts it behind what is there already; returns where it ends. */
static size_t
put(char *text, size_t at, struct str s)
{
	if (s.n > 0)
		memcpy(text + at, s.p, s.n);
	return at + s.n;
}

static void
set_sender(struct access_entry *e, struct str sender)
{
	e->pass.sender = (struct str){e->sender, put(e->sender, 0, sender)};
}

/* What its row says. */
static void
set_token(struct access_entry *e, struct access_token *t)
{
	struct str sender = str_of(t->row->sender);

	e->token = t;
	e->pass.claims = str_eq(sender, STR("*"));
	set_sender(e, e->pass.claims ? STR("") : sender);
	e->pass.expires_ms = t->row->expires_ms;
}

static void
set_names(struct access_entry *e, const struct access_new_pass *new)
{
	struct str identity;

	e->name_n = put(e->name, 0, new->name);
	e->identity_n = put(e->identity, put(e->identity, 0, new->prefix), new->identity);
	identity = access_identity(e);
	set_sender(e, new->sender);
	/* A token's name stands there as it is, a user's behind "user:". */
	e->pass.by = e->pass.kind == PASS_TOKEN      ? str_skip(identity, new->prefix.n)
	             : e->pass.kind == PASS_STRANGER ? STR("")
	                                             : identity;
}

/* Its layer is held; false without memory. */
static bool
set_claim(struct access_entry *e, const struct jwt *jwt)
{
	if (jwt == NULL)
		return true;
	e->key = jwt->key;
	if (jwt->n_rules > 0)
		e->claim = sight_layer_get(e->all->sights, jwt->rules, jwt->n_rules);
	return jwt->n_rules == 0 || e->claim != NULL;
}

static void
free_entry(struct access_entry *e)
{
	if (e->pass.person != NULL)
		person_drop(e->all->options.persons, e->pass.person, clock_ms());
	sight_drop(e->pass.sight);
	sight_layer_drop(e->claim);
	free(e);
}

static void
enter(struct access_entry *e, bool not_counted)
{
	struct access *a = e->all;

	e->class = class_of(e);
	/* One that has no identity is never limited, as nobody can tell whom that would be. */
	e->pass.person = person_get(a->options.persons, not_counted ? STR("") : access_identity(e),
	    not_counted ? PERSON_TRUSTED : e->class, clock_ms());
	table_add(&a->passes, &e->entry);
	if (expires(e))
		access_expiry_add(a, e);
}

struct pass *
access_pass_make(struct access *a, const struct access_new_pass *new)
{
	struct access_entry *e = calloc(1, sizeof *e);

	if (e == NULL)
		return NULL;
	e->all = a;
	e->local = new->local;
	e->pass = (struct pass){.kind = new->kind, .holders = 1, .expires_ms = new->expires_ms};
	set_names(e, new);
	if (new->token != NULL)
		set_token(e, new->token);
	if (!set_claim(e, new->jwt) || (e->pass.sight = sight_of(e, &a->rows)) == NULL || !access_expiry_reserve(a)) {
		free_entry(e);
		return NULL;
	}
	enter(e, new->not_counted);
	return &e->pass;
}

/* It is found by nobody from now on. */
static void
leave(struct access_entry *e)
{
	table_remove(&e->all->passes, &e->entry);
	if (expires(e))
		access_expiry_remove(e->all, e);
}

static void
leave_idle(struct access_entry *e)
{
	TAILQ_REMOVE(&e->all->idle, e, idle);
	e->all->n_idle--;
}

void
access_revoke(struct access_entry *e)
{
	struct access *a = e->all;

	leave(e);
	if (e->pass.holders == 0) {
		leave_idle(e);
		free_entry(e);
		return;
	}
	a->changes++;
	e->pass.revoked = true;
	e->token = NULL;
	sight_drop(e->pass.sight);
	e->pass.sight = sight_hold(a->nothing);
}

/* Whether what is known of the token is still that token. */
static bool
still_there(const struct access_entry *e, const struct access_token *t)
{
	return t != NULL && str_eq(str_of(t->row->name), e->pass.by) && t->row->expires_ms > e->all->now_ms;
}

/* The person gets the class; but one that several share, as all are busy, stays as it is. */
static void
update_class(struct access_entry *e)
{
	struct persons *persons = e->all->options.persons;
	enum person_class class = class_of(e);

	if (class == e->class)
		return;
	person_drop(persons, person_get(persons, access_identity(e), class, clock_ms()), clock_ms());
	e->class = class;
}

bool
access_update(struct access_entry *e, struct access_rows *rows)
{
	struct access_token *t;
	struct sight *sight;

	if (e->pass.kind == PASS_TOKEN) {
		t = access_rows_token(rows, (struct str){e->name + 1, TOKEN_HASH_SIZE});
		if (!still_there(e, t)) {
			access_revoke(e);
			return true;
		}
		set_token(e, t);
		access_expiry_moved(e->all, e);
		update_class(e);
	}
	sight = sight_of(e, rows);
	if (sight == NULL)
		return false;
	e->all->changes += e->pass.holders > 0 && sight != e->pass.sight;
	sight_drop(e->pass.sight);
	e->pass.sight = sight;
	return true;
}

struct pass *
access_pass_known(struct access *a, struct str name)
{
	struct table_entry *found = table_find(&a->passes, name);
	struct access_entry *e = found == NULL ? NULL : CONTAINER(found, struct access_entry, entry);

	if (e == NULL)
		return NULL;
	if (e->pass.expires_ms <= a->now_ms) {
		access_revoke(e);
		return NULL;
	}
	if (e->pass.holders == 0)
		leave_idle(e);
	return pass_hold(&e->pass);
}

struct pass *
pass_hold(struct pass *p)
{
	p->holders++;
	return p;
}

static void
keep_idle(struct access_entry *e)
{
	struct access *a = e->all;
	struct access_entry *oldest;

	TAILQ_INSERT_TAIL(&a->idle, e, idle);
	if (++a->n_idle <= PASS_IDLE_MAX)
		return;
	oldest = TAILQ_FIRST(&a->idle);
	leave_idle(oldest);
	leave(oldest);
	free_entry(oldest);
}

void
pass_drop(struct pass *p)
{
	struct access_entry *e;

	if (p == NULL || --p->holders > 0)
		return;
	e = access_entry(p);
	if (!p->revoked && p->kind != PASS_STRANGER) {
		keep_idle(e);
		return;
	}
	if (!p->revoked)
		leave(e);
	free_entry(e);
}
