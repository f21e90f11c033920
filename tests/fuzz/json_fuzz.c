/*
 * What is accepted is JSON for SQLite too, whose CHECK it must pass; and a message made of it is JSON.
 */
#include "json.h"

#include <sqlite3.h>

#include "fuzz.h"
#include "message.h"

enum { DEPTH_MAX = 1000 };

/* The type that SQLite sees, NULL when it is no JSON to it. */
static const char *
type_for_sqlite(struct str text)
{
	static sqlite3_stmt *stmt;
	static char type[16];

	if (stmt == NULL) {
		sqlite3 *db;

		MUST(sqlite3_open(":memory:", &db) == SQLITE_OK);
		MUST(sqlite3_prepare_v2(db, "SELECT json_type(?1) WHERE json_valid(?1)", -1, &stmt, NULL) == SQLITE_OK);
	}
	sqlite3_bind_text64(stmt, 1, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
	type[0] = '\0';
	if (sqlite3_step(stmt) == SQLITE_ROW)
		snprintf(type, sizeof type, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_reset(stmt);
	return type[0] == '\0' ? NULL : type;
}

struct told {
	struct str text;
	bool bad_utf8; /* half a surrogate pair is only found at the end */
};

static void
on_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct told *told = ctx;
	const struct str *text = &told->text;

	told->bad_utf8 = told->bad_utf8 || !str_utf8(name);
	switch (type) {
	case JSON_STRING:
		told->bad_utf8 = told->bad_utf8 || !str_utf8(value);
		break;
	case JSON_ARRAY:
		MUST(value.n >= 2 && value.p >= text->p && value.p + value.n <= text->p + text->n);
		MUST(value.p[0] == '[' && value.p[value.n - 1] == ']');
		break;
	case JSON_OTHER:
		MUST(value.n == 0);
		break;
	}
}

static void
on_any(void *ctx, struct str name, enum json_type type, struct str value)
{
	(void)ctx;
	(void)name;
	(void)type;
	(void)value;
}

/* Whether it has neither escapes of \u nor bytes beyond ASCII, which SQLite does not check as strictly. */
static bool
plain(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] >= 0x80 || text.p[i] == '\0' ||
		    (text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == 'u'))
			return false;
	return true;
}

static void
check_message(struct str args)
{
	struct message_fields f = {
	    .id = 1, .room = STR("main"), .event = STR("e"), .sender = STR(""), .body = args, .is_args = true};
	struct buf b;

	buf_init(&b, SIZE_MAX);
	message_add_json(&b, &f, STR(""));
	MUST(buf_ok(&b));
	MUST(json_object(buf_str(&b), DEPTH_MAX, on_any, NULL, NULL) == JSON_OK);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str text = {(const char *)bytes, n};
	char error[JSON_ERROR_SIZE] = "";
	struct told told = {.text = text};
	enum json_result object = json_object(text, DEPTH_MAX, on_member, &told, error);
	enum json_result array = json_array(text, DEPTH_MAX, NULL, NULL);
	const char *type = type_for_sqlite(text);

	MUST(strlen(error) < JSON_ERROR_SIZE && (object == JSON_BAD) == (error[0] != '\0'));
	MUST(object != JSON_OK || array != JSON_OK);
	MUST(object != JSON_OK || !told.bad_utf8);
	MUST(object != JSON_OK || (type != NULL && strcmp(type, "object") == 0));
	MUST(array != JSON_OK || (type != NULL && strcmp(type, "array") == 0));
	if (array == JSON_OK)
		check_message(text);
	/* And the other way: what another program may insert can be read by others. */
	if (plain(text) && type != NULL) {
		MUST(strcmp(type, "object") != 0 || object == JSON_OK || object == JSON_TOO_DEEP);
		MUST(strcmp(type, "array") != 0 || array == JSON_OK || array == JSON_TOO_DEEP);
	}
	return 0;
}
