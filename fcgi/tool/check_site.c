/* Whether the site answers, and for this log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "check.h"
#include "http.h"

enum { WITHIN_MS = 10000, DEPTH_MAX = 8, EPOCH_SIZE = 32 };

struct health {
	char status[16], epoch[EPOCH_SIZE], detail[256];
};

static void
take_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct health *h = ctx;

	if (type != JSON_STRING)
		return;
	if (str_eq(name, STR("status")))
		snprintf(h->status, sizeof h->status, "%.*s", STR_ARGS(value));
	else if (str_eq(name, STR("epoch")))
		snprintf(h->epoch, sizeof h->epoch, "%.*s", STR_ARGS(value));
	else if (str_eq(name, STR("detail")))
		snprintf(h->detail, sizeof h->detail, "%.*s", STR_ARGS(value));
}

static int
take_epoch(void *ctx, const struct database_row *row)
{
	snprintf(ctx, EPOCH_SIZE, "%.*s", STR_ARGS(database_text(row, 0)));
	return 0;
}

static void
check_health(struct check *c, const struct site *site, struct str body)
{
	struct health h = {.status = ""};
	char epoch[EPOCH_SIZE] = "";

	if (c->database != NULL)
		(void)database_run(
		    c->database, "SELECT value FROM meta WHERE name = 'epoch'", NULL, 0, take_epoch, epoch);
	if (json_object(body, DEPTH_MAX, take_member, &h, NULL) != JSON_OK || h.epoch[0] == '\0')
		check_say(c, CHECK_FAIL, "site", "%s/healthz answers, but not as longlined does", site->shown);
	else if (epoch[0] != '\0' && strcmp(epoch, h.epoch) != 0)
		check_say(c, CHECK_FAIL, "site", "%s serves another log than %s: its epoch is %s, and not %s",
		    site->shown, c->call->database, h.epoch, epoch);
	else if (strcmp(h.status, "ok") != 0)
		check_say(c, CHECK_FAIL, "site", "%s/healthz says %s: %s", site->shown, h.status, h.detail);
	else
		check_say(c, CHECK_OK, "site", "%s/healthz answers, and stores", site->shown);
}

static void
ask(struct check *c, const struct site *site)
{
	struct http *http = http_open(site);
	const struct http_answer *answer = http == NULL ? NULL : http_ask(http, "/healthz", NULL, WITHIN_MS);

	if (answer == NULL)
		check_say(c, CHECK_FAIL, "site", "it could not be asked, see above");
	else if (answer->outcome != HTTP_DONE)
		check_say(c, CHECK_FAIL, "site", "%s/healthz: %s", site->shown, answer->why);
	else
		check_health(c, site, buf_str(&answer->body));
	http_close(http);
}

void
check_site(struct check *c)
{
	const char *url = getenv("LONGLINE_URL");
	struct site site;

	if (!command_given(c->call, "url") && (url == NULL || url[0] == '\0')) {
		check_say(c, CHECK_OK, "site", "its address is not known, so it was not asked: --url URL says it");
		return;
	}
	if (site_read(&site, c->call) == 0)
		ask(c, &site);
	else
		check_say(c, CHECK_FAIL, "site", "it cannot be asked, see above");
	site_fini(&site);
}
