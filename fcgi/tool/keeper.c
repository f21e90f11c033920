#include "keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

/* A string of the environment may be 128 KiB long. */
enum { TEXT_MAX = 65536 };

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { N_SIGNALS = sizeof SIGNALS / sizeof SIGNALS[0] };

struct job {
	const char *command;
	const struct told *told;
	bool again;
	int input; /* has the JSON */
	struct sigaction before[N_SIGNALS];
};

static int
failed(const char *what)
{
	say_error("cannot %s: %s", what, strerror(errno));
	return -1;
}

/* A variable's value has no byte 0, and an end. */
static void
set_variable(const char *name, struct str value)
{
	struct buf b;

	if (value.n > TEXT_MAX) {
		value.n = TEXT_MAX;
		while (value.n > 0 && ((unsigned char)value.p[value.n] & 0xC0) == 0x80)
			value.n--;
	}
	buf_init(&b, 4 * TEXT_MAX);
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '\0')
			buf_add(&b, STR("\xEF\xBF\xBD"));
		else
			buf_add_char(&b, value.p[i]);
	buf_add_char(&b, '\0');
	if (!buf_ok(&b) || setenv(name, b.p, 1) != 0)
		_exit(127);
	buf_fini(&b);
}

static void
set_environment(const struct job *j)
{
	char id[32];

	snprintf(id, sizeof id, "%lld", (long long)j->told->id);
	set_variable("LONGLINE_ID", str_of(id));
	set_variable("LONGLINE_ROOM", j->told->room);
	set_variable("LONGLINE_SENDER", j->told->sender);
	set_variable("LONGLINE_EVENT", j->told->event);
	set_variable("LONGLINE_TEXT", j->told->text);
	if (j->again)
		set_variable("LONGLINE_AGAIN", STR("1"));
	else
		unsetenv("LONGLINE_AGAIN");
}

static void be_command(const struct job *j, pid_t keeper) __attribute__((noreturn));

static void
be_command(const struct job *j, pid_t keeper)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper || dup2(j->input, STDIN_FILENO) < 0)
		_exit(127);
	for (int i = 0; i < N_SIGNALS; i++)
		sigaction(SIGNALS[i], &j->before[i], NULL);
	signal(SIGPIPE, SIG_DFL);
	set_environment(j);
	execl("/bin/sh", "sh", "-c", j->command, (char *)NULL);
	_exit(127);
}

/* How a child ended; -1, said. */
static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return failed("wait for a command");
	return status;
}

/* Whether it ended with success; else that is said. */
static bool
run_command(struct job *j)
{
	pid_t self = getpid(), pid;
	int status;

	for (int i = 0; i < N_SIGNALS; i++) {
		struct sigaction passed_over = {.sa_handler = SIG_IGN};

		sigaction(SIGNALS[i], &passed_over, &j->before[i]);
	}
	pid = fork();
	if (pid == 0)
		be_command(j, self);
	status = pid < 0 ? failed("run a command") : wait_for(pid);
	if (status == 0)
		return true;
	if (status > 0 && WIFSIGNALED(status))
		say_warning(
		    "message %lld: the command was ended by signal %d", (long long)j->told->id, WTERMSIG(status));
	else if (status > 0)
		say_warning("message %lld: the command ended with %d", (long long)j->told->id, WEXITSTATUS(status));
	return false;
}

static int
keep(const struct job *j, struct bookmark *b)
{
	b->next = j->told->id;
	b->begun = 0;
	if (bookmark_save(b) == 0)
		return KEEPER_DONE;
	say_error("message %lld was given to the command with success, which could not be kept: it may be given again",
	    (long long)j->told->id);
	return KEEPER_UNSAVED;
}

/* What a keeper that has ended leaves. */
static enum keeper_outcome
outcome(int status, const struct told *t, struct bookmark *b)
{
	if (status < 0)
		return KEEPER_UNSAVED;
	if (b == NULL)
		return status == 0 ? KEEPER_DONE : KEEPER_FAILED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_UNSAVED)
		return KEEPER_UNSAVED;
	if (!WIFEXITED(status))
		say_warning("message %lld: who waited for the command was ended by signal %d", (long long)t->id,
		    WTERMSIG(status));
	if (bookmark_read(b) != 0)
		return KEEPER_UNSAVED;
	return b->next >= t->id ? KEEPER_DONE : KEEPER_FAILED;
}

static enum keeper_outcome
run_keeper(struct job *j, struct bookmark *b)
{
	pid_t pid = fork();

	if (pid < 0) {
		(void)failed("run a command");
		return KEEPER_FAILED;
	}
	if (pid == 0) {
		bool good = run_command(j);

		_exit(!good ? KEEPER_FAILED : b == NULL ? KEEPER_DONE : keep(j, b));
	}
	return outcome(wait_for(pid), j->told, b);
}

enum keeper_outcome
keeper_run(const char *command, const struct told *t, bool again, struct bookmark *bookmark)
{
	struct job j = {.command = command, .told = t, .again = again};
	enum keeper_outcome result = KEEPER_FAILED;

	j.input = memfd_create("message", MFD_CLOEXEC);
	if (j.input >= 0 && write(j.input, t->json.p, t->json.n) == (ssize_t)t->json.n &&
	    write(j.input, "\n", 1) == 1 && lseek(j.input, 0, SEEK_SET) == 0)
		result = run_keeper(&j, bookmark);
	else
		(void)failed("give a message to a command");
	if (j.input >= 0)
		close(j.input);
	return result;
}
