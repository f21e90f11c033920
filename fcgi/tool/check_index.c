/* Whether the search index has what the messages say; it is only read, whatever else goes on. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "store/words.h"

enum { SQL_SIZE = 1024, COLUMNS = 4, NUMBER_BYTES = 9 };

/* What the index says of itself. */
struct index_says {
	char version[WORDS_VERSION_SIZE];
	int64_t table, old, left, indexed;
	uint64_t rows, words; /* as it counts them */
	bool totals;          /* it does */
};

static int
take_version(void *ctx, const struct database_row *row)
{
	struct str text = database_text(row, 0);

	snprintf(ctx, WORDS_VERSION_SIZE, "%.*s", STR_ARGS(text));
	return 0;
}

/* A number as SQLite writes it; 0: there is none. */
static size_t
read_number(struct str s, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < s.n && i < NUMBER_BYTES; i++) {
		*value = *value << 7 | ((unsigned char)s.p[i] & 0x7F);
		if (((unsigned char)s.p[i] & 0x80) == 0)
			return i + 1;
	}
	return 0;
}

/* FTS5's totals: how many rows, and of each column how many words. An empty one: none of all. */
static int
take_totals(void *ctx, const struct database_row *row)
{
	struct index_says *says = ctx;
	struct str block = database_text(row, 0);
	uint64_t numbers[1 + COLUMNS] = {0};

	for (size_t i = 0; i < 1 + COLUMNS && block.n > 0; i++) {
		size_t n = read_number(block, &numbers[i]);

		if (n == 0)
			return 0;
		block = (struct str){block.p + n, block.n - n};
	}
	says->totals = block.n == 0;
	says->rows = numbers[0];
	for (size_t i = 1; i <= COLUMNS; i++)
		says->words += numbers[i];
	return 0;
}

static int
number(struct check *c, int64_t *value, int64_t otherwise, const char *format, int64_t table)
{
	char sql[SQL_SIZE];

	snprintf(sql, sizeof sql, format, table);
	return database_one(c->database, sql, NULL, 0, otherwise, value);
}

static int
read_says(struct check *c, struct index_says *says)
{
	char sql[SQL_SIZE];

	if (database_run(c->database, "SELECT value FROM meta WHERE name = 'search_words'", NULL, 0, take_version,
	        says->version) != 0 ||
	    number(c, &says->table, 0, "SELECT value FROM meta WHERE name = 'search_table' AND %" PRId64 " = 0", 0) !=
	        0 ||
	    number(c, &says->old, -1, "SELECT value FROM meta WHERE name = 'search_old' AND %" PRId64 " = 0", 0) != 0 ||
	    number(c, &says->left, 0, "SELECT value FROM meta WHERE name = 'search_left' AND %" PRId64 " = 0", 0) !=
	        0 ||
	    number(c, &says->indexed, 0, "SELECT value FROM meta WHERE name = 'indexed' AND %" PRId64 " = 0", 0) != 0)
		return -1;
	snprintf(sql, sizeof sql, "SELECT block FROM search_%" PRId64 "_data WHERE id = 1", says->table);
	return database_run(c->database, sql, NULL, 0, take_totals, says);
}

/* Messages that it should have and has not, and others that it has; what changed just now it is yet to be told. */
static int
count_messages(struct check *c, const struct index_says *says, int64_t *missing, int64_t *strange)
{
	struct database_value values[] = {DATABASE_VALUE_NUMBER(says->indexed), DATABASE_VALUE_NUMBER(says->left),
	    DATABASE_VALUE_NUMBER(says->table)};
	char sql[SQL_SIZE];

	/* One that is longer than messages are it may go without. */
	snprintf(sql, sizeof sql,
	    "SELECT count(*) FROM messages AS m WHERE changes IS NULL AND id <= ?1"
	    " AND (id > ?2 OR EXISTS (SELECT 1 FROM reindexed AS r WHERE r.id = m.id AND r.n = ?3))"
	    " AND NOT EXISTS (SELECT 1 FROM changed AS c WHERE c.id = m.id)"
	    " AND NOT EXISTS (SELECT 1 FROM search_%" PRId64 "_docsize AS d WHERE d.id = m.id)"
	    " AND length(coalesce(text, args)) <= 4000000",
	    says->table);
	if (database_one(c->database, sql, values, 3, 0, missing) != 0)
		return -1;
	return number(c, strange, 0,
	    "SELECT count(*) FROM search_%1$" PRId64 "_docsize AS d"
	    " WHERE NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.id = d.id AND changes IS NULL)"
	    " AND NOT EXISTS (SELECT 1 FROM changed AS c WHERE c.id = d.id)",
	    says->table);
}

/* How many words its segments have; all of them are read. */
static int
count_words(struct check *c, const struct index_says *says, int64_t *words)
{
	char sql[SQL_SIZE];

	snprintf(sql, sizeof sql,
	    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.check_words USING fts5vocab(main, search_%" PRId64 ", row)",
	    says->table);
	return database_run(c->database, sql, NULL, 0, NULL, NULL) != 0
	           ? -1
	           : number(c, words, 0, "SELECT coalesce(sum(cnt), 0) + %" PRId64 " FROM temp.check_words", 0);
}

#define REMEDY "; to have it made anew: UPDATE meta SET value = '' WHERE name = 'search_words', and restart longlined"

static void
check_contents(struct check *c, const struct index_says *says)
{
	int64_t missing = 0, strange = 0, words = 0;
	bool cut = false;
	int result;

	database_limit(c->database, c->quick_check_ms, &cut);
	result = count_messages(c, says, &missing, &strange);
	if (result == 0 && !cut)
		result = count_words(c, says, &words);
	database_limit(c->database, 0, NULL);
	if (cut)
		check_say(c, CHECK_WARN, "search",
		    "in %" PRId64 " s the index was not read to its end: --quick-check SECONDS gives it more",
		    c->quick_check_ms / 1000);
	else if (result != 0)
		check_say(c, CHECK_FAIL, "search", "the index cannot be read" REMEDY);
	else if (missing > 0 || strange > 0)
		check_say(c, CHECK_FAIL, "search",
		    "the index lacks %" PRId64 " messages, and has %" PRId64 " that are not there" REMEDY, missing,
		    strange);
	else if (!says->totals || (int64_t)says->words != words)
		check_say(c, CHECK_FAIL, "search",
		    "the index has %" PRId64 " words, and counted %" PRIu64 " as they came" REMEDY, words, says->words);
	else
		check_say(
		    c, CHECK_OK, "search", "the index has %" PRIu64 " messages, %" PRId64 " words", says->rows, words);
}

void
check_index(struct check *c)
{
	struct index_says says = {.old = -1};
	char version[WORDS_VERSION_SIZE];

	if (c->quick_check_ms == 0 || database_begin_read(c->database) != 0)
		return;
	if (read_says(c, &says) != 0)
		check_say(c, CHECK_FAIL, "search", "the index cannot be read" REMEDY);
	else
		check_contents(c, &says);
	database_undo(c->database);
	words_version(version);
	if (strcmp(version, says.version) != 0)
		check_say(c, CHECK_WARN, "search",
		    "the index was made by words %s, and this program knows %s: longlined makes it anew when it starts",
		    says.version, version);
	else if (says.old >= 0)
		check_say(c, CHECK_WARN, "search",
		    "the index is made anew: messages up to %" PRId64 " are searched by the words of another version",
		    says.left);
}
