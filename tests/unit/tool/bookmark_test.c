#include "tool/bookmark.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test.h"
#include "tool/command.h"

static char folder[] = "/tmp/longline-test-XXXXXX";
static char path[64];

static void
write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static int
begin(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void
is_read_as_it_was_saved(void **state)
{
	struct bookmark b;
	struct stat s;

	(void)state;
	assert_int_equal(bookmark_open(&b, path), 0);
	assert_false(b.there);
	b.next = INT64_C(9007199254740991);
	b.begun = 17;
	snprintf(b.epoch, sizeof b.epoch, "0123456789abcdef");
	b.out = (struct printer_place){UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2};
	assert_int_equal(bookmark_save(&b), 0);
	assert_true(b.there);
	bookmark_close(&b);
	assert_int_equal(bookmark_open(&b, path), 0);
	assert_true(b.there && b.next == INT64_C(9007199254740991) && b.begun == 17);
	assert_string_equal(b.epoch, "0123456789abcdef");
	assert_true(b.out.device == UINT64_MAX && b.out.inode == UINT64_MAX - 1 && b.out.size == UINT64_MAX - 2);
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600);
	bookmark_close(&b);
}

static void
nothing_else_is_taken_for_one(void **state)
{
	static const char *const bad[] = {"", "x", "{}", "[]", "{\"epoch\":\"a\"}", "{\"next\":1}",
	    "{\"epoch\":\"a\",\"next\":-1}", "{\"epoch\":\"a\",\"next\":9007199254740992}",
	    "{\"epoch\":\"\",\"next\":1}", "{\"epoch\":\"a\",\"next\":1", "{\"epoch\":\"a\",\"next\":1}x"};
	struct bookmark b;

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		write_file(bad[i]);
		if (bookmark_open(&b, path) != COMMAND_FAILED)
			fail_msg("'%s' is taken", bad[i]);
		bookmark_close(&b);
	}
	write_file("{\"more\":[],\"epoch\":\"a\",\"next\":1}");
	assert_int_equal(bookmark_open(&b, path), 0);
	bookmark_close(&b);
}

/* What another process is told that opens it. */
static int
opened_elsewhere(void)
{
	struct bookmark b;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(bookmark_open(&b, path));
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
one_process_has_it(void **state)
{
	struct bookmark b;

	(void)state;
	assert_int_equal(bookmark_open(&b, path), 0);
	assert_int_equal(opened_elsewhere(), COMMAND_IN_USE);
	bookmark_close(&b);
	assert_int_equal(opened_elsewhere(), 0);
}

static void
who_was_forked_by_it_keeps_a_lock(void **state)
{
	int go[2], other;
	struct bookmark b;
	char lock[80], byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(go), 0);
	assert_int_equal(bookmark_open(&b, path), 0);
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		_exit((int)read(go[0], &byte, 1));
	}
	bookmark_close(&b);
	snprintf(lock, sizeof lock, "%s.lock", path);
	other = open(lock, O_RDWR);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	close(go[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
	close(go[0]);
}

static void
says_where_it_cannot_be_kept(void **state)
{
	struct bookmark b;

	(void)state;
	assert_int_equal(bookmark_open(&b, "/nowhere/at/all"), COMMAND_FAILED);
	bookmark_close(&b);
	assert_int_equal(bookmark_open(&b, path), 0);
	free(b.new_path);
	b.new_path = strdup("/nowhere/at/all");
	assert_int_equal(bookmark_save(&b), -1);
	assert_false(b.there);
	bookmark_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(is_read_as_it_was_saved, begin),
	    cmocka_unit_test_setup(nothing_else_is_taken_for_one, begin),
	    cmocka_unit_test_setup(one_process_has_it, begin),
	    cmocka_unit_test_setup(who_was_forked_by_it_keeps_a_lock, begin),
	    cmocka_unit_test_setup(says_where_it_cannot_be_kept, begin),
	};
	char command[80];
	int result;

	test_watchdog(30);
	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/state", folder);
	result = cmocka_run_group_tests_name("bookmark", tests, NULL, NULL);
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command) == 0 ? result : 1;
}
