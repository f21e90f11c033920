#include "tool/archive.h"

#include "test.h"

/* What a line says comes back, and is written as the same line. */
static void
same_again(const struct archive_line *l)
{
	struct archive_line got;
	char why[ARCHIVE_WHY_SIZE];
	struct buf line, again, arena;

	buf_init(&line, SIZE_MAX);
	buf_init(&again, SIZE_MAX);
	buf_init(&arena, SIZE_MAX);
	archive_add(&line, l);
	assert_true(buf_ok(&line) && line.p[line.n - 1] == '\n' && memchr(line.p, '\n', line.n - 1) == NULL);
	if (!archive_read((struct str){line.p, line.n - 1}, &got, &arena, why))
		fail_msg("%.*s: %s", (int)line.n, line.p, why);
	assert_int_equal(got.kind, l->kind);
	archive_add(&again, &got);
	assert_int_equal(line.n, again.n);
	assert_memory_equal(line.p, again.p, line.n);
	if (l->kind == ARCHIVE_MESSAGE) {
		assert_int_equal(got.body.n, l->body.n);
		assert_memory_equal(got.body.p, l->body.p, l->body.n);
		assert_int_equal(got.is_args, l->is_args);
	}
	buf_fini(&line);
	buf_fini(&again);
	buf_fini(&arena);
}

static struct archive_line
message(struct str body, bool is_args)
{
	return (struct archive_line){.kind = ARCHIVE_MESSAGE,
	    .id = 7,
	    .at_ms = INT64_MIN,
	    .room = STR("main"),
	    .event = STR("chat message"),
	    .sender = STR(""),
	    .body = body,
	    .is_args = is_args};
}

static void
brings_back_any_body(void **state)
{
	const struct {
		struct str body;
		bool is_args;
	} bodies[] = {{STR(""), false}, {STR("a\0b\n\x1f\x7f\xc2\x85"), false}, {STR("\xf0\x9f\xa6\x8a"), false},
	    {STR("\xff\xfe"), false}, {STR("[]"), true}, {STR("[1.50, -0.0, 1e400, {\"a\":1,\"a\":2}]"), true},
	    {STR("[\n1]"), true}, {STR(" [1] "), true}, {STR("[\"\\ud800\"]"), true}, {STR("[\"\xff\"]"), true}};

	(void)state;
	for (size_t i = 0; i < LENGTH(bodies); i++) {
		struct archive_line l = message(bodies[i].body, bodies[i].is_args);

		same_again(&l);
	}
}

static void
brings_back_each_kind(void **state)
{
	struct archive_line l = message(STR("x"), false);

	(void)state;
	l.by = STR("user:ann");
	l.key = STR("\xff");
	l.edited = true;
	l.attachments = 10;
	same_again(&l);
	l = message(STR(""), false);
	l.event = STR("message deleted");
	l.changes = 6;
	l.superseded = true;
	same_again(&l);
	l.keeps = STR("markdown");
	same_again(&l);
	l = (struct archive_line){.kind = ARCHIVE_HEADER, .version = 1, .schema = 7, .head = INT64_MAX, .keys = true};
	same_again(&l);
	l = (struct archive_line){.kind = ARCHIVE_ATTACHMENT, .num = 9, .data = STR("\0\1\2"), .more = true};
	same_again(&l);
	l = (struct archive_line){.kind = ARCHIVE_ATTACHMENT, .data = STR("")};
	same_again(&l);
	l = (struct archive_line){
	    .kind = ARCHIVE_SPENT, .id = 1, .room = STR("a"), .key = STR("k"), .by = STR("user:ann"), .at_ms = 5};
	same_again(&l);
	l = (struct archive_line){.kind = ARCHIVE_PROVEN, .sender = STR("ann")};
	same_again(&l);
	l = (struct archive_line){.kind = ARCHIVE_END, .messages = 1, .attachments = 2, .spent = 3, .proven = 4};
	same_again(&l);
}

static void
says_what_is_wrong(void **state)
{
#define REST "\"room\":\"a\",\"at\":1,\"event\":\"e\",\"sender\":\"\""
	static const struct {
		const char *line, *why;
	} lines[] = {
	    {"", "it is no JSON object"},
	    {"[]", "it is no JSON object: expected an object"},
	    {"{}", "it is no line of an export"},
	    {"{\"id\":1," REST "}", "there is no member text or args"},
	    {"{\"id\":1," REST ",\"text\":\"\",\"text64\":\"\"}", "there is more than one member for text"},
	    {"{\"id\":1," REST ",\"text64\":\"YQ=\"}", "text64 is wrong: expected a string of base64"},
	    {"{\"id\":1," REST ",\"text64\":\"YR==\"}", "text64 is wrong: expected a string of base64"},
	    {"{\"id\":1," REST ",\"text\":1}", "text is wrong: expected a string"},
	    {"{\"id\":1.5," REST ",\"text\":\"\"}", "id is wrong: expected a whole number"},
	    {"{\"id\":0," REST ",\"text\":\"\"}", "id is 0: expected 1 to 2^53 - 1"},
	    {"{\"id\":9007199254740992," REST ",\"text\":\"\"}", "id is 9007199254740992: expected"},
	    {"{\"id\":1," REST ",\"text\":\"\",\"key\":\"\"}", "key is empty"},
	    {"{\"id\":1," REST ",\"text\":\"\",\"by\":\"\"}", "by is empty"},
	    {"{\"id\":1," REST ",\"text\":\"\",\"changes\":0}", "changes is 0"},
	    {"{\"id\":1," REST ",\"text\":\"\",\"superseded\":true}", "superseded is said of what is no change"},
	    {"{\"id\":1," REST ",\"text\":\"\",\"keeps\":\"plain\"}", "keeps is wrong"},
	    {"{\"id\":2," REST ",\"text\":\"\",\"changes\":1,\"keeps\":\"html\"}", "keeps is wrong"},
	    {"{\"id\":1," REST ",\"text\":\"\",\"attachments\":11}", "attachments is 11: expected up to 10"},
	    {"{\"attachment\":10,\"data\":\"\"}", "attachment is 10: expected 0 to 9"},
	    {"{\"longline\":\"import\",\"version\":1,\"schema\":1,\"keys\":true,\"head\":0}",
	        "longline is not \"export\""},
	    {"{\"end\":true}", "there is no member attachments"},
	};
	struct archive_line l;
	char why[ARCHIVE_WHY_SIZE];
	struct buf arena;

	(void)state;
	buf_init(&arena, SIZE_MAX);
	for (size_t i = 0; i < LENGTH(lines); i++) {
		if (archive_read(str_of(lines[i].line), &l, &arena, why))
			fail_msg("'%s' is taken", lines[i].line);
		if (!str_starts(str_of(why), str_of(lines[i].why)))
			fail_msg("'%s': %s", lines[i].line, why);
	}
	buf_fini(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(brings_back_any_body),
	    cmocka_unit_test(brings_back_each_kind),
	    cmocka_unit_test(says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
