/*
 * keeper: gives one message to a command, and keeps what became of it.
 *
 * `sh -c COMMAND` has the message as JSON on standard input, and in its environment LONGLINE_ID, LONGLINE_ROOM,
 * LONGLINE_SENDER, LONGLINE_EVENT and LONGLINE_TEXT (65,536 bytes of it at most), and LONGLINE_AGAIN=1 if it may have
 * had this message before.
 *
 * It is run by a process of its own, the keeper, which saves the bookmark when the command has ended with success, and
 * holds its lock. So whatever happens to the one that reads, a success is kept; whoever reads next waits for it. The
 * keeper passes over SIGINT, SIGTERM, SIGHUP and SIGQUIT, which the command gets as ever, and a command ends with its
 * keeper. Only where the keeper itself is ended by SIGKILL, or the machine, between a success and the end of its
 * saving, is a message given again that a command has ended with success for.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include "bookmark.h"

enum keeper_outcome {
	KEEPER_DONE,   /* with success; it stands in the bookmark, whose next is this message now */
	KEEPER_FAILED, /* it did not end with success, said */
	KEEPER_UNSAVED /* it did, and that could not be saved, said; or it could not be begun */
};

/* bookmark: NULL where nothing is kept. */
enum keeper_outcome keeper_run(const char *command, const struct told *t, bool again, struct bookmark *bookmark);

#endif
