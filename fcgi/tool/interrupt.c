#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};

static volatile sig_atomic_t came;

static void
note(int signal)
{
	(void)signal;
	came = 1;
}

void
interrupt_catch(void)
{
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART | (int)SA_RESETHAND};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
		sigaction(SIGNALS[i], &action, NULL);
}

bool
interrupt_came(void)
{
	return came != 0;
}
