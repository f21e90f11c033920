#include "signals.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"

/* Those that are read. */
static sigset_t
wanted(void)
{
	struct sigaction hangup;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* One that is ignored would come all the same if it were blocked. */
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	return set;
}

static void
ignore(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
}

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool
signals_take(void)
{
	sigset_t set = wanted();

	ignore();
	sigprocmask(SIG_BLOCK, &set, NULL);
	return has_terminal();
}

int
signals_open(void)
{
	sigset_t set = wanted();

	ignore();
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int
signals_read(int fd, bool terminal)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof info) != sizeof info)
		return 0;
	/* The kernel says that the terminal has gone, or a shell does for it: by then it is nobody's any more. From
	 * kill(1) it is what makes other daemons read their files again. */
	if (info.ssi_signo != SIGHUP || (terminal && (info.ssi_code == SI_KERNEL || !has_terminal())))
		return (int)info.ssi_signo;
	return SIGNALS_READ_AGAIN;
}
