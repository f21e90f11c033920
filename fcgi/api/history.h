/*
 * history: GET /history: pages of the log, and search.
 *
 * A request is checked here and read by a reader's thread; a search first looks at what others have committed and waits
 * a little for the index. Nothing above the published head is shown, so that no reader knows an id too early.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "web/request.h"

struct commit;
struct gate;
struct readers;
struct rooms;

struct history {
	struct requests *requests;
	struct rooms *rooms;
	struct readers *readers;
	struct commit *commit;
	struct gate *gate;
};

void history_request(struct history *h, struct request *r);

#endif
