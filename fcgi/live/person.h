/*
 * person: who asks, as far as the web server has checked it.
 */
#ifndef PERSON_H
#define PERSON_H

#include "web/request.h"

/* Whether the name that the web server checked, if any, may be a sender's; false: answered. */
bool person_ok(struct request *r);

#endif
