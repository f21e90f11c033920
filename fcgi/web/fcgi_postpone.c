#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_state.h"

/* A request that is put off, in one allocation: behind the parameters there are the bytes of all views. */
struct fcgi_kept {
	struct fcgi_counted counted;
	struct str body;
	size_t n_params;
	bool cut, body_too_large;
	struct fcgi_param params[];
};

static size_t
bytes_of(const struct fcgi_request *r)
{
	size_t n = r->body.n;

	for (size_t i = 0; i < r->n_params; i++)
		n += r->params[i].name.n + r->params[i].value.n;
	return n;
}

static struct str
copy(char **p, struct str s)
{
	struct str view = {*p, s.n};

	if (s.n > 0)
		memcpy(*p, s.p, s.n);
	*p += s.n;
	return view;
}

/* NULL without memory. */
static struct fcgi_kept *
keep(const struct fcgi_request *r)
{
	size_t params = r->n_params * sizeof r->params[0];
	struct fcgi_kept *kept = malloc(sizeof *kept + params + bytes_of(r));
	char *p;

	if (kept == NULL)
		return NULL;
	*kept = (struct fcgi_kept){
	    .counted.conn = r->conn, .n_params = r->n_params, .cut = r->cut, .body_too_large = r->body_too_large};
	p = (char *)kept + sizeof *kept + params;
	for (size_t i = 0; i < r->n_params; i++) {
		kept->params[i].name = copy(&p, r->params[i].name);
		kept->params[i].value = copy(&p, r->params[i].value);
	}
	kept->body = copy(&p, r->body);
	return kept;
}

static void
uncount(struct fcgi *f, struct fcgi_kept *kept)
{
	budget_set(f->options.budget, &kept->counted.share, BUDGET_REQUESTS, 0);
}

bool
fcgi_postpone(struct fcgi *f, struct fcgi_request *r)
{
	struct fcgi_conn *c = r->conn;
	struct fcgi_kept *kept = r->kept != NULL ? r->kept : keep(r);

	assert(c->state == OPEN && !c->postponed);
	if (kept == NULL)
		return false;
	/* Others may have to go for it; it is not among these, since it has no answer yet. */
	if (!budget_set(f->options.budget, &kept->counted.share, BUDGET_REQUESTS, budget_size(kept))) {
		uncount(f, kept);
		if (r->kept == NULL)
			free(kept);
		return false;
	}
	r->kept = NULL;
	c->kept = kept;
	c->postponed = true;
	return true;
}

/* What c has is its caller's from now on, and nothing, to be counted, beyond this turn. */
static struct fcgi_kept *
take(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_kept *kept = c->kept;

	c->postponed = false;
	c->io = NULL;
	uncount(f, kept);
	return kept;
}

void
fcgi_resume(struct fcgi *f, struct fcgi_conn *c)
{
	struct fcgi_kept *kept;
	struct fcgi_request r;

	assert(c->state == OPEN && c->postponed);
	kept = take(f, c);
	r = (struct fcgi_request){.conn = c,
	    .scgi = c->scgi,
	    .n_params = kept->n_params,
	    .cut = kept->cut,
	    .body = kept->body,
	    .body_too_large = kept->body_too_large,
	    .kept = kept};
	memcpy(r.params, kept->params, kept->n_params * sizeof r.params[0]);
	f->handler.request(f->handler.ctx, &r);
	/* NULL, if it was put off again. */
	free(r.kept);
}

bool
fcgi_is_postponed(const struct fcgi_conn *c)
{
	return c->postponed;
}

void
fcgi_forget_kept(struct fcgi *f, struct fcgi_conn *c)
{
	if (c->postponed)
		free(take(f, c));
}
