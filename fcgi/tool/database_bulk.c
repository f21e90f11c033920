#include "database_bulk.h"

#include "database_db.h"

void
database_triggers(struct database *d, bool on)
{
	sqlite3_db_config(d->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, on ? 1 : 0, (int *)NULL);
}

int
database_synced(struct database *d)
{
	return database_run(d, "PRAGMA synchronous = FULL", NULL, 0, NULL, NULL) == 0 &&
	               database_run(d, "UPDATE meta SET value = value WHERE name = 'epoch'", NULL, 0, NULL, NULL) == 0
	           ? 0
	           : -1;
}

int
database_head(struct database *d, int64_t *head)
{
	return database_one(d,
	    "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0),"
	    " coalesce((SELECT max(id) FROM messages), 0))",
	    NULL, 0, 0, head);
}
