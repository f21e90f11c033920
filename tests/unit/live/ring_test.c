#include "live/ring.h"

#include "test.h"

enum { ROOMS = 7, IDS = 4000 };

static const char *const NAMES[ROOMS] = {"a", "b", "c", "d", "e", "f", "g"};

/* A ring, and beside it what should be in it. */
struct model {
	struct ring ring;
	struct ring_chain chains[ROOMS];
	int64_t next_id;
	int64_t floor;
	size_t emptied[ROOMS]; /* how often each chain was said to be empty */
	struct {
		bool there;
		size_t room;
		const struct message *m;
		size_t size;
	} rows[IDS];
};

static void
on_emptied(void *ctx, struct ring_chain *chain)
{
	struct model *m = ctx;

	assert_int_equal(chain->n, 0);
	m->emptied[chain - m->chains]++;
}

static void
init(struct model *m, size_t bytes_max)
{
	*m = (struct model){.next_id = 1};
	ring_init(&m->ring, bytes_max, on_emptied, m);
}

static void
fini(struct model *m)
{
	ring_fini(&m->ring);
	for (size_t i = 0; i < ROOMS; i++) {
		assert_int_equal(m->chains[i].n, 0);
		ring_chain_fini(&m->chains[i]);
	}
}

static struct message *
message(int64_t id, size_t room, size_t size)
{
	char bytes[2000];
	struct message_fields f = {.id = id, .room = str_of(NAMES[room]), .event = STR("e"), .body = {bytes, size}};
	struct message *m;

	memset(bytes, 'x', size);
	m = message_new(&f);
	assert_non_null(m);
	return m;
}

static void
add(struct model *m, size_t room, size_t size)
{
	int64_t id = m->next_id;
	struct message *added = message(id, room, size);

	m->next_id += 1 + (int64_t)test_random(3); /* ids have gaps */
	assert_true(id < IDS);
	m->rows[id].there = true;
	m->rows[id].room = room;
	m->rows[id].m = added;
	m->rows[id].size = added->size;
	assert_int_equal(ring_add(&m->ring, &m->chains[room], added), 0);
}

/* Lets the model forget what the ring may have forgotten: the oldest, as long as it is too large. */
static void
evict(struct model *m)
{
	size_t bytes = 0, n = 0;

	for (int64_t id = 1; id < m->next_id; id++)
		if (m->rows[id].there) {
			bytes += m->rows[id].size;
			n++;
		}
	for (int64_t id = 1; id < m->next_id && bytes > m->ring.bytes_max && n > 1; id++)
		if (m->rows[id].there) {
			bytes -= m->rows[id].size;
			n--;
			m->rows[id].there = false;
			m->floor = id;
		}
}

static void
check(struct model *m)
{
	size_t n = 0, in_room[ROOMS] = {0}, bytes = 0;

	for (int64_t id = 1; id < m->next_id; id++) {
		size_t room = m->rows[id].room;

		if (!m->rows[id].there)
			continue;
		assert_true(n < m->ring.all.n && in_room[room] < m->chains[room].n);
		assert_ptr_equal(ring_at(&m->ring.all, n), m->rows[id].m);
		assert_ptr_equal(ring_at(&m->chains[room], in_room[room]), m->rows[id].m);
		assert_int_equal(ring_at(&m->ring.all, n)->f.id, id);
		assert_int_equal(ring_above(&m->ring.all, id), n + 1);
		assert_int_equal(ring_above(&m->ring.all, id - 1), n);
		n++;
		in_room[room]++;
		bytes += m->rows[id].size;
	}
	assert_int_equal(m->ring.all.n, n);
	for (size_t i = 0; i < ROOMS; i++)
		assert_int_equal(m->chains[i].n, in_room[i]);
	assert_int_equal(m->ring.bytes, bytes);
	assert_int_equal(m->ring.floor, m->floor);
	assert_true(m->ring.bytes <= m->ring.bytes_max || n == 1);
}

static void
lets_the_oldest_go_whatever_its_room(void **state)
{
	static struct model m;
	size_t one = sizeof(struct message) + 2 + 100;

	(void)state;
	test_seed(6);
	init(&m, 3 * one);
	assert_int_equal(m.ring.floor, 0);
	for (size_t i = 0; i < 3; i++) {
		add(&m, i % 2, 100);
		check(&m);
	}
	assert_int_equal(m.ring.floor, 0);
	/* The oldest of the whole log goes, whatever its room. */
	add(&m, 5, 100);
	evict(&m);
	check(&m);
	assert_int_equal(m.ring.floor, 1);
	add(&m, 5, 100);
	evict(&m);
	check(&m);
	assert_int_equal(m.emptied[1], 1);
	assert_int_equal(m.emptied[0], 0);
	/* The newest stays, however large it is. */
	add(&m, 6, 1900);
	evict(&m);
	check(&m);
	assert_int_equal(m.ring.all.n, 1);
	fini(&m);
	assert_int_equal(m.emptied[6], 1);
}

static void
finds_the_first_above_an_id(void **state)
{
	static struct model m;

	(void)state;
	init(&m, 1000000);
	assert_int_equal(ring_above(&m.ring.all, 0), 0);
	assert_int_equal(ring_above(&m.chains[0], 100), 0);
	m.next_id = 10;
	add(&m, 0, 1);
	m.next_id = 20;
	add(&m, 0, 1);
	assert_int_equal(ring_above(&m.chains[0], INT64_MIN), 0);
	assert_int_equal(ring_above(&m.chains[0], 9), 0);
	assert_int_equal(ring_above(&m.chains[0], 10), 1);
	assert_int_equal(ring_above(&m.chains[0], 19), 1);
	assert_int_equal(ring_above(&m.chains[0], 20), 2);
	assert_int_equal(ring_above(&m.chains[0], INT64_MAX), 2);
	fini(&m);
}

static void
forgets_everything_when_reset(void **state)
{
	static struct model m;

	(void)state;
	init(&m, 1000000);
	for (size_t i = 0; i < 10; i++)
		add(&m, i % 3, 10);
	ring_reset(&m.ring, 500);
	assert_int_equal(m.ring.all.n, 0);
	assert_int_equal(m.ring.bytes, 0);
	assert_int_equal(m.ring.floor, 500);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(m.emptied[i], 1);
	/* Lower ids may follow, when the log is another one. */
	ring_reset(&m.ring, 0);
	assert_int_equal(m.ring.floor, 0);
	fini(&m);
}

static void
removes_and_replaces_what_is_there(void **state)
{
	static struct model m;
	struct message *now;

	(void)state;
	init(&m, 1000000);
	add(&m, 0, 10);
	add(&m, 1, 10);
	add(&m, 0, 10);
	/* Held by someone else too: taken out of the ring, it goes on to live. */
	now = message_hold(ring_at(&m.chains[1], 0));
	ring_change(&m.ring, now->f.id, NULL);
	assert_int_equal(m.chains[1].n, 0);
	assert_int_equal(m.emptied[1], 1);
	assert_int_equal(now->holders, 1);
	message_drop(now);
	/* What is not there changes nothing, and is dropped. */
	now = message_hold(message(3999, 0, 1));
	ring_change(&m.ring, 3999, now);
	assert_int_equal(now->holders, 1);
	message_drop(now);
	ring_change(&m.ring, 3999, NULL);
	ring_change(&m.ring, 0, NULL);
	ring_change(&m.ring, -1, NULL);
	assert_int_equal(m.ring.all.n, 2);
	fini(&m);
}

/* Messages that grow in place must not make the ring larger than it may be. */
static void
lets_go_when_messages_grow_in_place(void **state)
{
	static struct model m;
	size_t one = sizeof(struct message) + 2 + 100;

	(void)state;
	init(&m, 10 * one);
	for (size_t i = 0; i < 10; i++)
		add(&m, i % 3, 100);
	assert_int_equal(m.ring.all.n, 10);
	for (size_t i = 0; i < m.ring.all.n; i++) {
		const struct message *was = ring_at(&m.ring.all, i);

		ring_change(&m.ring, was->f.id, message(was->f.id, (size_t)(was->f.room.p[0] - 'a'), 1900));
	}
	assert_true(m.ring.bytes <= m.ring.bytes_max || m.ring.all.n == 1);
	fini(&m);
}

static void
is_what_a_simple_model_says(void **state)
{
	static struct model m;

	(void)state;
	test_seed(7);
	for (int round = 0; round < 40; round++) {
		init(&m, 500 + test_random(20000));
		for (int step = 0; step < 400; step++) {
			size_t what = test_random(20);
			int64_t id = m.next_id > 1 ? 1 + (int64_t)test_random((size_t)m.next_id) : 1;

			if (what < 14) {
				add(&m, test_random(1 + test_random(ROOMS)), test_random(300));
				evict(&m);
			} else if (what < 17) {
				ring_change(&m.ring, id, NULL);
				m.rows[id].there = false;
			} else if (what < 19 && m.rows[id].there) {
				/* Not larger than before, see lets_go_when_messages_grow_in_place. */
				size_t room = m.rows[id].room, body = m.rows[id].size - sizeof(struct message) - 2;
				struct message *now = message(id, room, test_random(body + 1));

				m.rows[id].m = now;
				m.rows[id].size = now->size;
				ring_change(&m.ring, id, now);
			} else if (test_random(60) == 0) {
				ring_reset(&m.ring, m.next_id);
				m.floor = m.next_id++;
				for (int64_t i = 0; i < IDS; i++)
					m.rows[i].there = false;
			}
			check(&m);
		}
		fini(&m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lets_the_oldest_go_whatever_its_room),
	    cmocka_unit_test(finds_the_first_above_an_id),
	    cmocka_unit_test(forgets_everything_when_reset),
	    cmocka_unit_test(removes_and_replaces_what_is_there),
	    cmocka_unit_test(lets_go_when_messages_grow_in_place),
	    cmocka_unit_test(is_what_a_simple_model_says),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
