/*
 * test_store_fixture: how most tests of the store begin: the writer's store, a reader's, another program; what the
 * writer is given to do, and what it tells.
 */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include "test_store.h"

static struct test_store fx;

static inline int
setup(void **state)
{
	(void)state;
	test_store_init(&fx);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	test_store_fini(&fx);
	return 0;
}

static inline enum store_status
append(const char *room, const char *text, const char *key, struct store_send *send)
{
	return test_append(&fx, test_message(room, text, key), send);
}

/* The ids told, in their order; a minus before those of changes to what is no more. */
static inline void
assert_news(const char *want)
{
	char got[1000] = "";
	size_t n = 0;

	for (size_t i = 0; i < fx.news.n_messages; i++) {
		const struct message *m = fx.news.messages[i];

		n += (size_t)snprintf(got + n, sizeof got - n, "%lld:%.*s ", (long long)m->f.id, STR_ARGS(m->f.body));
		assert_true(m->json.n > 0);
	}
	for (size_t i = 0; i < fx.news.n_changes; i++) {
		const struct store_change *c = &fx.news.changes[i];

		if (c->message == NULL)
			n += (size_t)snprintf(got + n, sizeof got - n, "-%s%lld ", c->room, (long long)c->id);
		else
			n += (size_t)snprintf(got + n, sizeof got - n, "=%s%lld:%.*s ", c->room, (long long)c->id,
			    STR_ARGS(c->message->f.body));
	}
	assert_string_equal(got, want);
}

static inline void
fill_up(char epoch[STORE_EPOCH_SIZE])
{
	test_other(&fx, "INSERT INTO messages (text) VALUES ('1'), ('2'), ('3')");
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	strcpy(epoch, store_epoch(fx.store));
}

#endif
