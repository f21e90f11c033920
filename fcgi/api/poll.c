#include "poll.h"

#include <stdlib.h>

#include "poll_state.h"

size_t
poll_parked(const struct poll *p)
{
	return p->n_parked;
}

void
poll_request(struct poll *p, struct request *r)
{
	static const char *const known[] = {"room", "since", "wait", "limit", "epoch", NULL};
	struct query q;
	struct poll_ask ask;
	struct str epoch;

	if (!gate_take(p->gate, r, GATE_HELD) || !request_query(r, &q, known, "room"))
		return;
	if (poll_ask_read(p, &ask, r, &q, &epoch)) {
		if (epoch.p != NULL && !str_eq(epoch, str_of(rooms_epoch(p->rooms))))
			poll_answer_send_reset(p, r->conn, ask.preferred);
		else
			poll_read(p, r->conn, &ask);
	}
	query_fini(&q);
}

struct poll *
poll_new(struct loop *loop, const struct poll_options *options, struct requests *requests, struct rooms *rooms,
    struct readers *readers, struct commit *commit, struct gate *gate)
{
	struct poll *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	*p = (struct poll){.loop = loop,
	    .requests = requests,
	    .rooms = rooms,
	    .readers = readers,
	    .commit = commit,
	    .gate = gate,
	    .options = *options};
	buf_init(&p->body, SIZE_MAX);
	poll_parking_init(p);
	return p;
}

void
poll_free(struct poll *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < sizeof p->empty / sizeof p->empty[0]; i++)
		blob_drop(p->empty[i].reply);
	buf_fini(&p->body);
	free(p);
}
