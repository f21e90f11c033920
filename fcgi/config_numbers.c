#include <stdio.h>

#include "base/str.h"
#include "config_state.h"

struct number {
	const char *name;
	size_t offset;
	int64_t least, most, otherwise;
	const char *unit, *help;
};

#define AT(field) offsetof(struct config, field)

static const struct number NUMBERS[] = {
    {"wait-max", AT(wait_max_s), 1, 70, 55, "SECONDS", "longest a poll is held"},
    {"body-max", AT(body_max), 1000, 100000000, 1000000, "BYTES", "longest body of a request"},
    {"message-max", AT(message_max), 1000, 4000000, 4000000, "BYTES", "largest message"},
    {"depth-max", AT(depth_max), 1, 1000, 1000, "N", "deepest nesting of args, its own array counted"},
    {"reply-max", AT(reply_max), 1000, 100000000, 1000000, "BYTES", "an answer ends after this many bytes of messages"},
    {"queue-max", AT(queue_max), 1, 1000000, 10000, "N", "messages that may wait for a commit"},
    {"queue-bytes", AT(queue_bytes), 100000, INT64_C(1) << 40, 256000000, "BYTES", "and their bytes"},
    {"ring-bytes", AT(ring_bytes), 0, INT64_C(1) << 40, 64000000, "BYTES", "newest messages kept in memory"},
    {"readers", AT(readers), 1, 64, 2, "N", "threads that read old messages"},
    {"reads-max", AT(reads_max), 1, 100000, 1000, "N", "reads that may wait for them, and as many searches"},
    {"lock-wait", AT(lock_wait_s), 0, 3600, 15, "SECONDS", "wait for another program's lock on the database"},
    {"write-timeout", AT(write_timeout_s), 1, 3600, 5, "SECONDS", "a transaction of messages is cut after it"},
    {"edit-window", AT(edit_window_s), 0, INT32_MAX, 86400, "SECONDS",
        "so long a message may be changed by who was proven to have sent it"},
    {"scrub-after", AT(scrub_after_s), 0, 86400, 300, "SECONDS",
        "after a deletion or a change the old words are erased from the files"},
    {"search-timeout", AT(search_timeout_s), 1, 3600, 2, "SECONDS", "a search is cut after it"},
    {"send-timeout", AT(send_timeout_s), 1, 3600, 60, "SECONDS", "a reader without progress is closed after it"},
    {"request-timeout", AT(request_timeout_s), 1, 3600, 10, "SECONDS", "for the rest of a request that has begun"},
    {"message-timeout", AT(message_timeout_s), 1, 3600, 60, "SECONDS", "for the rest of a WebSocket message"},
    {"ping-interval", AT(ping_interval_ms), 50, 60000, 25000, "MS", "between heartbeats of a Socket.IO session"},
    {"ping-timeout", AT(ping_timeout_ms), 50, 600000, 20000, "MS", "for the answer to one"},
    {"connect-timeout", AT(connect_timeout_ms), 50, 600000, 45000, "MS", "for a session to join a namespace"},
    {"upgrade-timeout", AT(upgrade_timeout_ms), 50, 600000, 10000, "MS", "for its step to WebSocket, once begun"},
    {"max-payload", AT(max_payload), 1000, 100000000, 1000000, "BYTES", "longest POST of a Socket.IO client"},
    {"sessions-max", AT(sessions_max), 1, 10000000, 100000, "N", "Socket.IO sessions"},
    {"session-queue", AT(session_queue), 1000, INT64_C(1) << 40, 16000000, "BYTES", "waiting for one session"},
    {"namespaces-max", AT(namespaces_max), 1, 1000, 32, "N", "namespaces that one session may join"},
    {"attachments-max", AT(attachments_max), 0, 10, 10, "N", "binary arguments of one event or acknowledgement"},
    {"attachment-wait", AT(attachment_wait_ms), 50, 600000, 30000, "MS", "for the next of them"},
    {"event-wait", AT(event_wait_ms), 50, 3600000, 300000, "MS", "for all of them"},
    {"recovery", AT(recovery), 0, 31536000, 1, "N", "Socket.IO clients that come back miss nothing; 0: off"},
    {"recovery-max", AT(recovery_max), 1, 1000000, 10000, "N", "messages it may have missed at most"},
    {"memory-max", AT(memory_max), 20000000, INT64_C(1) << 40, 256000000, "BYTES", "of all that waits, together"},
    {"loop-batch", AT(loop_batch), 0, 1, 1, "N", "1: the loop is a batch thread"},
    {"commit-gather", AT(commit_gather), 0, 1, 1, "N", "1: a commit waits for senders that come back"},
    {"round-rest", AT(round_rest), 0, 1, 1, "N", "1: a large round waits for readers that come back"},
    {"round-hold", AT(round_hold), 0, 1, 1, "N", "1: a large round waits for what is being committed"},
    {"round-yield", AT(round_yield), 0, 1, 1, "N", "1: the web server has the processor when a round has begun"},
    {"rooms-max", AT(rooms_max), 0, 10000000, 10000, "N", "rooms there may be before new ones are refused; 0: any"},
    {"database-max", AT(database_max), 0, INT64_C(1) << 50, 0, "BYTES",
        "of the database before sends are refused; 0: any"},
    {"disk-free-min", AT(disk_free_min), 0, INT64_C(1) << 50, -1, "BYTES",
        "free on its disk, or sends are refused (1000000000 or 5 %, what is smaller)"},
    {"keep-grace", AT(keep_grace_s), 0, 31536000, 600, "SECONDS",
        "from new --keep rules to the first deletion by them"},
    {"keep-every", AT(keep_every_s), 1, 86400, 60, "SECONDS", "between two looks for what is not kept any more"},
    {"keep-gone-max", AT(keep.gone_max), 100, 10000000, 10000, "ROOMS",
        "of which all went, and is known singly what was deleted"},
    {"connections-max", AT(connections_max), 0, 10000000, 0, "N", "from the web server; 0: as descriptors allow"},
};
enum { N_NUMBERS = sizeof NUMBERS / sizeof NUMBERS[0] };
_Static_assert(sizeof NUMBERS / sizeof NUMBERS[0] < CONFIG_NUMBERS_MAX,
    "a number's place in the table is what getopt_long() returns");

void
config_number_options(struct option options[CONFIG_NUMBERS_MAX])
{
	for (int i = 0; i < N_NUMBERS; i++)
		options[i] = (struct option){NUMBERS[i].name, required_argument, NULL, i};
}

static int64_t *
field_of(struct config *c, const struct number *n)
{
	return (int64_t *)(void *)((char *)c + n->offset);
}

void
config_default_numbers(struct config *c)
{
	for (int i = 0; i < N_NUMBERS; i++)
		*field_of(c, &NUMBERS[i]) = NUMBERS[i].otherwise;
}

void
config_help_numbers(void)
{
	for (int i = 0; i < N_NUMBERS; i++) {
		char name[64];

		snprintf(name, sizeof name, "--%s %s", NUMBERS[i].name, NUMBERS[i].unit);
		printf("  %-24s %s", name, NUMBERS[i].help);
		if (NUMBERS[i].otherwise >= 0)
			printf(" (%lld)", (long long)NUMBERS[i].otherwise);
		printf("\n");
	}
}

int
config_set_number(struct config *c, int which, const char *text)
{
	const struct number *n = &NUMBERS[which];
	uint64_t v;

	if (!str_uint(str_of(text), (uint64_t)n->most, &v) || (int64_t)v < n->least) {
		log_refusal(
		    "--%s must be %lld to %lld, not '%s'", n->name, (long long)n->least, (long long)n->most, text);
		return EXIT_OPTIONS;
	}
	*field_of(c, n) = (int64_t)v;
	return -1;
}
