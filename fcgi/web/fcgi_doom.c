#include "fcgi_state.h"

enum { ENDS_PER_TURN = 1024 };

void
fcgi_doom(struct fcgi *f, struct fcgi_conn *c)
{
	if (c->doomed)
		return;
	fcgi_end_io(f, c);
	c->doomed = true;
	fcgi_list_add(f, &f->doomed, c);
}

/* Those that were there when this turn's end came; others, or these once more, come with the next. */
static bool
go_on(struct fcgi *f)
{
	bool any = f->n_going_on > 0;

	for (size_t n = f->n_going_on; n > 0 && f->n_going_on > 0; n--) {
		if (loop_spent(f->loop))
			return true;
		fcgi_raw_hear_rest(f, TAILQ_FIRST(&f->going_on)->counted.conn);
	}
	return any;
}

bool
fcgi_sweep(void *ctx)
{
	struct fcgi *f = ctx;
	bool any = go_on(f) || f->doomed.first >= 0;

	for (int i = 0; i < ENDS_PER_TURN && f->doomed.first >= 0; i++)
		fcgi_lose(f, fcgi_at(f, f->doomed.first));
	/* What was handed on, or lost, may have to be looked at by hooks that have run already. */
	return any;
}
