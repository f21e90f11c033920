/*
 * Reads that are stopped since nobody waits for them: how soon they end, and that what comes next is not stopped.
 *
 * How soon is counted in pages of the database read after the stop, not in time: the stop comes while a certain page is
 * read, and from there on as good as none may be.
 */
#include <time.h>

#include "test_store_fixture.h"

enum { ROWS = 3000, READS_MORE = 5 };

static struct {
	struct store *store; /* is stopped */
	int after;           /* when so many pages were read, */
	int more;            /* and so many were read then */
	bool begun;
} stopper;

/* Before the C library's, for SQLite too. */
ssize_t pread64(int fd, void *p, size_t n, off64_t at);

ssize_t
pread64(int fd, void *p, size_t n, off64_t at)
{
	if (stopper.begun)
		stopper.more++;
	else if (stopper.store != NULL && --stopper.after == 0) {
		stopper.begun = true;
		store_stop(stopper.store, true);
	}
	return preadv(fd, &(struct iovec){p, n}, 1, at);
}

/* A log in which each word of a row begins like those of all others, and a filter may fit nothing. */
static void
fill_log(void)
{
	test_other(&fx,
	    "INSERT INTO messages (room, sender, text) WITH RECURSIVE n(i) AS"
	    " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	    " SELECT 'r' || (i %% 100), 's', 'word' || i || ' common ' || hex(randomblob(100)) FROM n",
	    ROWS);
	assert_int_equal(test_look(&fx, 0), STORE_OK);
	test_fill(&fx);
}

static enum store_status
search(struct store *s)
{
	struct store_page p = test_page("word*");
	enum store_status status = store_search(s, &p);

	buf_fini(&p.json);
	return status;
}

static enum store_status
history(struct store *s)
{
	struct store_page p = test_page("");
	enum store_status status;

	p.by_sender = true;
	p.sender = STR("nobody");
	status = store_history(s, &p);
	buf_fini(&p.json);
	return status;
}

static enum store_status
list(struct store *s)
{
	struct store_list l = {.head = MESSAGE_ID_MAX, .after = INT64_MAX, .limit = 1000};
	enum store_status status = store_list(s, &l);

	buf_fini(&l.json);
	return status;
}

static enum store_status
poll(struct store *s)
{
	struct store_poll p = {.rooms = {.all = true}, .head = MESSAGE_ID_MAX, .limit = 1000};
	enum store_status status = store_poll(s, &p);

	buf_fini(&p.json);
	return status;
}

static enum store_status
tail(struct store *s)
{
	struct store_tail t = {.room = STR("r7"), .head = MESSAGE_ID_MAX, .limit = 256, .bytes_max = SIZE_MAX};
	enum store_status status = store_tail(s, &t);

	store_tail_fini(&t);
	return status;
}

static enum store_status
missed(struct store *s)
{
	struct store_missed m = {.room = STR("r7"), .head = MESSAGE_ID_MAX, .limit = 10000};

	return store_missed(s, &m);
}

static const struct {
	const char *name;
	enum store_status (*read)(struct store *s);
} KINDS[] = {
    {"search", search}, {"history", history}, {"list", list}, {"poll", poll}, {"tail", tail}, {"missed", missed}};

/* A reader that has nothing in memory. */
static struct store *
fresh(void)
{
	store_close(fx.reader);
	fx.reader = test_store_open(&fx, false);
	return fx.reader;
}

static void
a_stop_before_it_begins_stops_a_read(void **state)
{
	(void)state;
	fill_log();
	for (size_t i = 0; i < LENGTH(KINDS); i++) {
		store_stop(fx.reader, true);
		if (KINDS[i].read(fx.reader) != STORE_STOPPED)
			fail_msg("%s was not stopped", KINDS[i].name);
		store_stop(fx.reader, false);
		if (KINDS[i].read(fx.reader) != STORE_OK)
			fail_msg("%s does not work any more", KINDS[i].name);
	}
}

/* A stop at every page that is read, the first, the last and all between. */
static void
a_stop_at_any_page_stops_a_read_and_no_later_one(void **state)
{
	(void)state;
	fill_log();
	for (size_t i = 0; i < LENGTH(KINDS); i++)
		for (int page = 1;; page++) {
			enum store_status status;

			memset(&stopper, 0, sizeof stopper);
			stopper.store = fresh();
			stopper.after = page;
			status = KINDS[i].read(fx.reader);
			stopper.store = NULL;
			if (!stopper.begun) {
				if (page == 1)
					fail_msg("%s reads nothing", KINDS[i].name);
				break;
			}
			/* It may have had all it needs by then. */
			if (status != STORE_STOPPED && status != STORE_OK)
				fail_msg("%s, stopped at read %d: %d", KINDS[i].name, page, (int)status);
			if (stopper.more > READS_MORE)
				fail_msg("%s, stopped at read %d: read %d more", KINDS[i].name, page, stopper.more);
			/* No stop outlives its job, nor does a transaction of it. */
			store_stop(fx.reader, false);
			assert_int_equal(KINDS[i].read(fx.reader), STORE_OK);
		}
}

/* A stop while another program holds a lock, or the file is gone. */
static void
a_stop_does_not_wait_for_a_lock(void **state)
{
	struct timespec began, now;

	(void)state;
	fill_log();
	clock_gettime(CLOCK_MONOTONIC, &began);
	store_stop(fx.reader, true);
	test_other(&fx, "PRAGMA locking_mode = EXCLUSIVE");
	for (size_t i = 0; i < LENGTH(KINDS); i++)
		assert_int_not_equal(KINDS[i].read(fx.reader), STORE_OK);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(now.tv_sec - began.tv_sec <= 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_stop_before_it_begins_stops_a_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stop_at_any_page_stops_a_read_and_no_later_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stop_does_not_wait_for_a_lock, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_stop", tests, NULL, NULL);
}
