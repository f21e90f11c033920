/*
 * What is accepted is JSON for SQLite too, whose CHECK it must pass; and a message made of it is JSON. The readers of
 * JSON agree with each other, and what is written as JSON is read as the same.
 */
#include "base/json.h"

#include <sqlite3.h>

#include "base/json_text.h"
#include "fuzz.h"
#include "store/message.h"

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

/* A number, true, false or null as JSON has them. */
static bool
scalar(struct str s)
{
	size_t i = s.p[0] == '-', digits = 0;

	if (str_eq(s, STR("null")) || str_eq(s, STR("true")) || str_eq(s, STR("false")))
		return true;
	for (; i < s.n; i++)
		if (s.p[i] >= '0' && s.p[i] <= '9')
			digits++;
		else if (strchr(".eE+-", s.p[i]) == NULL || digits == 0)
			return false;
	return digits > 0;
}

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
		MUST(value.n > 0);
		MUST(value.p[0] == '{' ? value.n >= 2 && value.p[value.n - 1] == '}' : scalar(value));
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

struct count {
	size_t n;
	enum json_type first;
};

static void
on_element(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct count *count = ctx;

	MUST(name.n == 0);
	(void)value;
	if (count->n++ == 0)
		count->first = type;
}

/* The two readers of one text agree about it. */
static void
check_payload(struct str text, enum json_result object, enum json_result array)
{
	struct json_payload payload;
	struct count count = {0};
	enum json_result result = json_payload(text, DEPTH_MAX, &payload);

	if (array == JSON_OK || object == JSON_OK)
		/* Members may be one deeper than the object around them, which the other counts. */
		MUST(result == JSON_OK || (result == JSON_TOO_DEEP && object == JSON_OK));
	else if (result == JSON_OK)
		MUST(!str_utf8(text) || json_lone_surrogate(text));
	if (result == JSON_OK && array == JSON_OK) {
		MUST(payload.is_array && json_array(text, DEPTH_MAX, on_element, &count) == JSON_OK);
		MUST(count.n == payload.n && (count.n == 0 || count.first == payload.first));
		MUST(payload.first_end <= text.n);
	}
	if (result == JSON_OK && object == JSON_OK)
		MUST(!payload.is_array && payload.n == 0);
	buf_fini(&payload.strings);
}

/* What is mended has no half of a pair any more, is as long as it was, and is not touched a second time. */
static void
check_mended(struct str text, bool good)
{
	char *copy = malloc(text.n + (text.n == 0));

	MUST(copy != NULL);
	if (text.n > 0)
		memcpy(copy, text.p, text.n);
	json_mend(copy, text.n);
	MUST(!json_lone_surrogate((struct str){copy, text.n}));
	MUST(!good || str_eq((struct str){copy, text.n}, text));
	free(copy);
}

/* Any bytes as a JSON string, read again, are those bytes with what is no UTF-8 replaced. */
static void
on_string(void *ctx, struct str name, enum json_type type, struct str value)
{
	(void)name;
	MUST(type == JSON_STRING && str_eq(value, *(struct str *)ctx));
}

static void
check_string(struct str bytes)
{
	struct buf json, clean;
	struct str want;

	buf_init(&json, SIZE_MAX);
	buf_init(&clean, SIZE_MAX);
	buf_add_char(&json, '[');
	buf_add_json(&json, bytes);
	buf_add_char(&json, ']');
	buf_add_utf8(&clean, bytes);
	MUST(buf_ok(&json) && buf_ok(&clean));
	want = buf_str(&clean);
	MUST(str_utf8(want) && (!str_utf8(bytes) || str_eq(want, bytes)));
	MUST(json_array(buf_str(&json), 1, on_string, &want) == JSON_OK);
	buf_fini(&clean);
	buf_fini(&json);
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

/* What is called certain is good once bytes that are no UTF-8 are replaced. */
static void
check_certain(struct str text, enum json_result array)
{
	struct buf clean;

	if (!json_certain(text))
		return;
	buf_init(&clean, SIZE_MAX);
	buf_add_utf8(&clean, text);
	MUST(buf_ok(&clean) && json_array(buf_str(&clean), DEPTH_MAX, NULL, NULL) == JSON_OK);
	MUST(json_certain(buf_str(&clean)) && (!str_utf8(text) || array == JSON_OK));
	buf_fini(&clean);
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
	check_payload(text, object, array);
	check_mended(text, object == JSON_OK || array == JSON_OK);
	check_string(text);
	/* And what is certain of what another program may insert. */
	check_certain(text, array);
	return 0;
}
