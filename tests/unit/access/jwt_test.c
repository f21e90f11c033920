#include "access/jwt.h"

#include "../../jwt.h"
#include "../../memory.h"
#include "test.h"

FAILING_MALLOC(__wrap_malloc)
FAILING_REALLOC(__wrap_realloc)

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
enum { NOW_S = 1700000000 };
#define NOW_MS (INT64_C(1000) * NOW_S)
#define GOOD "\"sub\":\"ann\",\"exp\":1700000600"

static struct jwt_keys keys;
static struct jwt jwt;
static char detail[JWT_DETAIL_SIZE];

static void
set_keys(size_t n)
{
	keys.n = n;
	for (size_t i = 0; i < n; i++) {
		keys.v[i].n = JWT_KEY_MIN + i;
		memset(keys.v[i].bytes, 'a' + (int)i, keys.v[i].n);
	}
}

static struct str
key(size_t i)
{
	return (struct str){keys.v[i].bytes, keys.v[i].n};
}

/* What was read before is gone. In memory of just that size, so that AddressSanitizer sees a byte read too far. */
static bool
read_text(struct str text)
{
	static char *exact;

	jwt_fini(&jwt);
	free(exact);
	exact = malloc(text.n + 1);
	assert_non_null(exact);
	if (text.n > 0)
		memcpy(exact, text.p, text.n);
	return jwt_read(&keys, (struct str){exact, text.n}, NOW_MS, &jwt, detail);
}

static bool
read_signed(size_t key_at, struct str header, struct str claims)
{
	static struct buf text;
	bool good;

	buf_init(&text, 1 << 20);
	jwt_sign(&text, key(key_at), header, claims);
	assert_true(buf_ok(&text));
	good = read_text(buf_str(&text));
	buf_fini(&text);
	return good;
}

static void
assert_good(const char *claims)
{
	if (!read_signed(0, STR(HEADER), str_of(claims)))
		fail_msg("%s: %s", claims, detail);
	assert_string_equal(detail, "");
}

static void
assert_refused(const char *header, const char *claims, const char *why)
{
	if (read_signed(0, str_of(header), str_of(claims)))
		fail_msg("%s %s is taken", header, claims);
	if (strstr(detail, why) == NULL)
		fail_msg("%s %s: '%s', expected '%s'", header, claims, detail, why);
}

static void
reads_who_and_until_when(void **state)
{
	(void)state;
	set_keys(1);
	assert_good("{" GOOD "}");
	assert_str(jwt.sub, "ann");
	assert_str(jwt.sender, "ann");
	assert_int_equal(jwt.n_rules, 0);
	assert_int_equal(jwt.expires_ms, INT64_C(1700000630000));
	assert_good(
	    "{\"iss\":\"app\",\"exp\":1700000600.25,\"sub\":\"u-17\",\"name\":\"Zo\\u00eb\",\"iat\":1,\"aud\":[],"
	    "\"nbf\":0,\"x\":{\"sub\":1,\"sub\":2}}");
	assert_str(jwt.sub, "u-17");
	assert_str(jwt.sender, "Zo\xC3\xAB");
	assert_int_equal(jwt.expires_ms, INT64_C(1700000630250));
}

/* The example of RFC 7515, appendix A.1: its signature is right, and it is nobody's. */
static void
knows_the_signature_of_the_standard(void **state)
{
	static const char text[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
	                           "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
	                           "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
	                           "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_true(token_add_base64url(
	    &b, STR("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")));
	keys.n = 1;
	keys.v[0].n = b.n;
	memcpy(keys.v[0].bytes, b.p, b.n);
	buf_fini(&b);
	assert_false(read_text(STR(text)));
	assert_string_equal(detail, "the JWT has no sub");
	keys.v[0].bytes[3] ^= 1;
	assert_false(read_text(STR(text)));
	assert_string_equal(detail, "the JWT's signature is not right");
}

static void
takes_any_of_the_keys(void **state)
{
	(void)state;
	set_keys(4);
	for (size_t i = 0; i < 4; i++) {
		assert_true(read_signed(i, STR(HEADER), STR("{" GOOD "}")));
		assert_int_equal(jwt.key, i);
	}
	keys.n = 3;
	assert_false(read_signed(3, STR(HEADER), STR("{" GOOD "}")));
	keys.n = 0;
	assert_false(read_signed(0, STR(HEADER), STR("{" GOOD "}")));
	assert_non_null(strstr(detail, "no key"));
}

static void
refuses_each_wrong_header(void **state)
{
	static const struct {
		const char *header, *why;
	} cases[] = {
	    {"{\"alg\":\"none\"}", "alg is 'none', expected HS256"},
	    {"{\"alg\":\"HS384\"}", "HS384"},
	    {"{\"alg\":\"hs256\"}", "hs256"},
	    {"{\"alg\":\"RS256\"}", "RS256"},
	    {"{\"alg\":256}", "256"},
	    {"{\"alg\":[\"HS256\"]}", "HS256"},
	    {"{\"alg\":null}", "null"},
	    {"{}", "no alg"},
	    {"{\"typ\":\"JWT\"}", "no alg"},
	    {"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "'alg' twice"},
	    {"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", "'alg' twice"},
	    {"{\"alg\":\"HS256\",\"kid\":\"1\",\"kid\":\"1\"}", "'kid' twice"},
	    {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "crit"},
	    {"{\"alg\":\"HS256\",\"crit\":[]}", "crit"},
	    {"", "header is not a JSON object"},
	    {"[]", "header is not a JSON object"},
	    {"{\"alg\":\"HS256\"", "header is not a JSON object"},
	    {"{\"alg\":\"HS256\"}x", "header is not a JSON object"},
	    {"{\"alg\":\"HS256\",\"x\":\"\xFF\"}", "header is not a JSON object"},
	};

	(void)state;
	set_keys(1);
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_refused(cases[i].header, "{" GOOD "}", cases[i].why);
	assert_true(read_signed(0, STR("{\"typ\":5,\"kid\":\"x\",\"alg\":\"HS256\"}"), STR("{" GOOD "}")));
}

static void
refuses_each_wrong_claim(void **state)
{
	static const struct {
		const char *claims, *why;
	} cases[] = {
	    {"", "not a JSON object"},
	    {"[]", "not a JSON object"},
	    {"{", "not a JSON object"},
	    {"{" GOOD "} {}", "not a JSON object"},
	    {"{" GOOD ",\"x\":\"\\ud800\"}", "not a JSON object"},
	    {"{}", "no sub"},
	    {"{\"exp\":1700000600}", "no sub"},
	    {"{\"sub\":\"ann\"}", "no exp"},
	    {"{\"sub\":\"\",\"exp\":1700000600}", "sub must be"},
	    {"{\"sub\":7,\"exp\":1700000600}", "sub must be"},
	    {"{\"sub\":null,\"exp\":1700000600}", "sub must be"},
	    {"{\"sub\":[\"ann\"],\"exp\":1700000600}", "sub must be"},
	    {"{\"sub\":\"a\\nb\",\"exp\":1700000600}", "sub must be"},
	    {"{\"sub\":\"a\\u0000\",\"exp\":1700000600}", "sub must be"},
	    {"{\"sub\":\"a\\u0085\",\"exp\":1700000600}", "sub must be"},
	    {"{\"sub\":\"0123456789012345678901234567890123456789012345678901234567890123456789\\u007f\","
	     "\"exp\":1700000600}",
	        "sub must be"},
	    {"{" GOOD ",\"sub\":\"bob\"}", "'sub' twice"},
	    {"{" GOOD ",\"exp\":1700000600}", "'exp' twice"},
	    {"{" GOOD ",\"x\":1,\"x\":1}", "'x' twice"},
	    {"{\"sub\":\"ann\",\"exp\":\"1700000600\"}", "exp must be"},
	    {"{\"sub\":\"ann\",\"exp\":null}", "exp must be"},
	    {"{\"sub\":\"ann\",\"exp\":true}", "exp must be"},
	    {"{\"sub\":\"ann\",\"exp\":{}}", "exp must be"},
	    {"{\"sub\":\"ann\",\"exp\":-1}", "exp must be"},
	    {"{\"sub\":\"ann\",\"exp\":1700000600000}", "exp must be"},
	    {"{\"sub\":\"ann\",\"exp\":1e400}", "exp must be"},
	    {"{\"sub\":\"ann\",\"exp\":1700000600.0000000000000000000000000000000001}", "exp must be"},
	    {"{" GOOD ",\"nbf\":\"x\"}", "nbf must be"},
	    {"{" GOOD ",\"name\":\"\"}", "name must be"},
	    {"{" GOOD ",\"name\":1}", "name must be"},
	    {"{" GOOD ",\"name\":\"a\\tb\"}", "name must be"},
	    {"{" GOOD ",\"name\":\"01234567890123456789012345678901234567890123456789012345678901234\"}",
	        "name must be"},
	};

	(void)state;
	set_keys(1);
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_refused(HEADER, cases[i].claims, cases[i].why);
}

/* At the moment and one before it. */
static void
knows_the_time(void **state)
{
	static const struct {
		const char *claims;
		bool good;
	} cases[] = {
	    {"{\"sub\":\"a\",\"exp\":1699999970}", false}, /* 30 s ago */
	    {"{\"sub\":\"a\",\"exp\":1699999970.001}", true},
	    {"{\"sub\":\"a\",\"exp\":1700086430}", true}, /* in 24 hours and 30 s */
	    {"{\"sub\":\"a\",\"exp\":1700086430.001}", false},
	    {"{\"sub\":\"a\",\"exp\":0}", false},
	    {"{\"sub\":\"a\",\"exp\":17.000006e8}", true},
	    {"{" GOOD ",\"nbf\":1700000030}", true},
	    {"{" GOOD ",\"nbf\":1700000030.001}", false},
	};

	(void)state;
	set_keys(1);
	for (size_t i = 0; i < LENGTH(cases); i++)
		if (read_signed(0, STR(HEADER), str_of(cases[i].claims)) != cases[i].good)
			fail_msg("%s: %s", cases[i].claims, detail);
}

static void
reads_rules(void **state)
{
	(void)state;
	set_keys(1);
	assert_good("{\"ll\":[ {\"rooms\":\"ops*\",\"may\":\"rw\"} , {\"may\":\"\",\"rooms\":\"a\\u002db\"},"
	            "{\"rooms\":\"*\",\"may\":\"m\"}]," GOOD "}");
	assert_int_equal(jwt.n_rules, 3);
	assert_str(jwt.rules[0].rooms, "ops*");
	assert_int_equal(jwt.rules[0].may, MAY_READ | MAY_WRITE);
	assert_int_equal(jwt.rules[0].rank, SIGHT_CLAIM);
	assert_str(jwt.rules[1].rooms, "a-b");
	assert_int_equal(jwt.rules[1].may, 0);
	assert_str(jwt.rules[2].rooms, "*");
	assert_int_equal(jwt.rules[2].may, MAY_MODERATE);
	assert_str(jwt.sub, "ann");
	assert_good("{\"ll\":[]," GOOD "}");
	assert_int_equal(jwt.n_rules, 0);
}

static void
refuses_each_wrong_rule(void **state)
{
	static const struct {
		const char *rules, *why;
	} cases[] = {
	    {"null", "must be an array"},
	    {"{}", "must be an array"},
	    {"\"ops*\"", "must be an array"},
	    {"[1]", "not a JSON object"},
	    {"[null]", "not a JSON object"},
	    {"[\"{}\"]", "not a JSON object"},
	    {"[[]]", "not a JSON object"},
	    {"[{}]", "no 'rooms'"},
	    {"[{\"rooms\":\"a\"}]", "no 'may'"},
	    {"[{\"may\":\"r\"}]", "no 'rooms'"},
	    {"[{\"rooms\":\"a\",\"may\":\"r\"},{}]", "no 'rooms'"},
	    {"[{\"rooms\":\"a\",\"may\":\"r\"},{\"rooms\":\"b\"}]", "no 'may'"},
	    {"[{\"rooms\":\"\",\"may\":\"r\"}]", "'rooms'"},
	    {"[{\"rooms\":\"a b\",\"may\":\"r\"}]", "'rooms'"},
	    {"[{\"rooms\":\"a**\",\"may\":\"r\"}]", "'rooms'"},
	    {"[{\"rooms\":[\"a\"],\"may\":\"r\"}]", "'rooms'"},
	    {"[{\"rooms\":\"a\",\"may\":\"x\"}]", "'may'"},
	    {"[{\"rooms\":\"a\",\"may\":\"rr\"}]", "'may'"},
	    {"[{\"rooms\":\"a\",\"may\":3}]", "'may'"},
	    {"[{\"rooms\":\"a\",\"may\":[\"r\"]}]", "'may'"},
	    {"[{\"rooms\":\"a\",\"may\":\"r\",\"until\":1}]", "'until'"},
	    {"[{\"rooms\":\"a\",\"may\":\"r\",\"may\":\"\"}]", "'may' twice"},
	    {"[{\"rooms\":\"a\",\"rooms\":\"b\",\"may\":\"\"}]", "'rooms' twice"},
	};
	char claims[256];

	(void)state;
	set_keys(1);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		snprintf(claims, sizeof claims, "{" GOOD ",\"ll\":%s}", cases[i].rules);
		assert_refused(HEADER, claims, cases[i].why);
	}
	assert_refused(HEADER, "{\"ll\":[]," GOOD ",\"ll\":[]}", "'ll' twice");
}

static void
sign_repeated(const char *begin, const char *each, size_t n, const char *end)
{
	struct buf claims;

	buf_init(&claims, 1 << 20);
	buf_add(&claims, str_of(begin));
	for (size_t i = 0; i < n; i++)
		buf_printf(&claims, each, i == 0 ? "" : ",", i);
	buf_add(&claims, str_of(end));
	(void)read_signed(0, STR(HEADER), buf_str(&claims));
	buf_fini(&claims);
}

static void
read_nested(int depth)
{
	char claims[256], open[64] = "", close[64] = "";

	memset(open, '[', (size_t)depth);
	memset(close, ']', (size_t)depth);
	snprintf(claims, sizeof claims, "{" GOOD ",\"x\":%s%s}", open, close);
	(void)read_signed(0, STR(HEADER), str_of(claims));
}

static void
takes_so_much_and_no_more(void **state)
{
	static const char rule[] = "%s{\"rooms\":\"r%zu\",\"may\":\"r\"}";

	(void)state;
	set_keys(1);
	sign_repeated("{" GOOD ",\"ll\":[", rule, 64, "]}");
	assert_string_equal(detail, "");
	assert_int_equal(jwt.n_rules, 64);
	assert_str(jwt.rules[63].rooms, "r63");
	sign_repeated("{" GOOD ",\"ll\":[", rule, 65, "]}");
	assert_non_null(strstr(detail, "more than 64 rules"));
	sign_repeated("{" GOOD ",", "%s\"m%zu\":0", 62, "}");
	assert_string_equal(detail, "");
	sign_repeated("{" GOOD ",", "%s\"m%zu\":0", 63, "}");
	assert_non_null(strstr(detail, "more than 64 members"));
	read_nested(32);
	assert_string_equal(detail, "");
	read_nested(33);
	assert_non_null(strstr(detail, "deeper than 32"));
}

/* sub may be longer than a sender; then its beginning is the sender. */
static void
cuts_sub_at_a_characters_end(void **state)
{
	char claims[256], sub[JWT_SUB_MAX + 2];

	(void)state;
	set_keys(1);
	memset(sub, 'a', sizeof sub);
	sub[JWT_SUB_MAX + 1] = '\0';
	snprintf(claims, sizeof claims, "{\"sub\":\"%s\",\"exp\":1700000600}", sub);
	assert_refused(HEADER, claims, "sub must be");
	sub[JWT_SUB_MAX] = '\0';
	snprintf(claims, sizeof claims, "{\"sub\":\"%s\",\"exp\":1700000600}", sub);
	assert_good(claims);
	assert_int_equal(jwt.sub.n, 123);
	assert_int_equal(jwt.sender.n, 64);
	memcpy(sub + 62, "\xE2\x82\xAC", 3); /* bytes 62 to 64 */
	snprintf(claims, sizeof claims, "{\"sub\":\"%s\",\"exp\":1700000600}", sub);
	assert_good(claims);
	assert_int_equal(jwt.sub.n, 123);
	assert_int_equal(jwt.sender.n, 62);
}

/* With any one character another, or missing, it is not taken: there is but one text of each token. */
static void
refuses_it_with_any_character_changed(void **state)
{
	static const char others[] = "AZaz09-_.=+/ ";
	struct buf text, changed;

	(void)state;
	set_keys(1);
	buf_init(&text, 4096);
	jwt_sign(&text, key(0), STR(HEADER), STR("{" GOOD "}"));
	assert_true(read_text(buf_str(&text)));
	buf_init(&changed, 4096);
	for (size_t i = 0; i < text.n; i++) {
		for (size_t j = 0; j < sizeof others; j++) {
			buf_reset(&changed, SIZE_MAX);
			buf_add(&changed, buf_str(&text));
			changed.p[i] = others[j];
			if (text.p[i] != others[j] && read_text(buf_str(&changed)))
				fail_msg("taken: %.*s", STR_ARGS(buf_str(&changed)));
		}
		assert_false(read_text((struct str){text.p, i}));
	}
	buf_reset(&changed, SIZE_MAX);
	buf_add(&changed, buf_str(&text));
	buf_add_char(&changed, '=');
	assert_false(read_text(buf_str(&changed)));
	assert_non_null(strstr(detail, "signature"));
	changed.p[changed.n - 1] = '.';
	assert_false(read_text(buf_str(&changed)));
	assert_non_null(strstr(detail, "three parts"));
	buf_fini(&changed);
	buf_fini(&text);
}

static void
refuses_what_is_no_token(void **state)
{
	static const char *const cases[] = {"", ".", "..", "...", "a.b", "a.b.c.d", "e30.e30.", "e30..e30", ".e30.e30",
	    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."};

	(void)state;
	set_keys(1);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_false(read_text(str_of(cases[i])));
		assert_true(detail[0] != '\0');
	}
}

/* Memory of the daemon's own; yajl's is not asked for. */
static void
fails_clean_without_memory(void **state)
{
	struct buf text;
	char kept[512];
	struct str token;

	(void)state;
	set_keys(1);
	buf_init(&text, sizeof kept);
	jwt_sign(&text, key(0), STR(HEADER), STR("{" GOOD "}"));
	memcpy(kept, text.p, text.n);
	token = (struct str){kept, text.n};
	buf_fini(&text);
	jwt_fini(&jwt);
	memory_left = 0;
	assert_false(jwt_read(&keys, token, NOW_MS, &jwt, detail));
	memory_left = -1;
	assert_string_equal(detail, "");
	jwt_fini(&jwt);
	assert_true(jwt_read(&keys, token, NOW_MS, &jwt, detail));
}

static char folder[TEST_PATH_SIZE];

static int
make_folder(void **state)
{
	(void)state;
	test_folder(folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	test_folder_remove(folder);
	return 0;
}

static const char *
write_key(const char *name, const char *content, size_t n)
{
	static char paths[16][TEST_PATH_SIZE + 16];
	static int next;
	char *path = paths[next++ % 16];
	FILE *f;

	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(content, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	return path;
}

static void
assert_no_keys(const char *const *files, size_t n, const char *file, const char *why)
{
	char error[STORE_ERROR_SIZE] = "";
	struct jwt_keys before = keys;

	assert_int_equal(jwt_keys_read(&keys, files, n, error), -1);
	if (strstr(error, file) == NULL || strstr(error, why) == NULL)
		fail_msg("%s", error);
	assert_memory_equal(&keys, &before, sizeof keys);
}

static void
reads_keys_of_files(void **state)
{
	char bytes[JWT_KEY_MAX + 2], error[STORE_ERROR_SIZE];
	const char *files[5];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	bytes[JWT_KEY_MIN] = '\n';
	bytes[JWT_KEY_MAX] = '\n';
	files[0] = write_key("short", bytes, JWT_KEY_MIN);
	files[1] = write_key("line", bytes, JWT_KEY_MIN + 1);
	files[2] = write_key("most", bytes, JWT_KEY_MAX);
	files[3] = write_key("most-line", bytes, JWT_KEY_MAX + 1);
	assert_int_equal(jwt_keys_read(&keys, files, 4, error), 0);
	assert_int_equal(keys.n, 4);
	assert_memory_equal(keys.v[0].bytes, bytes, JWT_KEY_MIN);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(keys.v[i].n, i < 2 ? JWT_KEY_MIN : JWT_KEY_MAX);
	assert_int_equal(jwt_keys_read(&keys, NULL, 0, error), 0);
	assert_int_equal(keys.n, 0);

	set_keys(2);
	files[1] = write_key("too-short", bytes, JWT_KEY_MIN - 1);
	assert_no_keys(files, 2, "too-short", "31 bytes, expected at least 32");
	bytes[JWT_KEY_MIN - 1] = '\n';
	files[1] = write_key("short-line", bytes, JWT_KEY_MIN);
	assert_no_keys(files, 2, "short-line", "31 bytes");
	files[1] = write_key("empty", "", 0);
	assert_no_keys(files, 2, "empty", "0 bytes");
	bytes[JWT_KEY_MAX] = 'x';
	files[1] = write_key("long", bytes, JWT_KEY_MAX + 1);
	assert_no_keys(files, 2, "long", "more than 1024 bytes");
	files[1] = write_key("longer", bytes, JWT_KEY_MAX + 2);
	assert_no_keys(files, 2, "longer", "more than 1024 bytes");
	files[1] = "/nowhere/key";
	assert_no_keys(files, 2, "/nowhere/key", "No such file");
	files[1] = folder;
	assert_no_keys(files, 2, folder, "no file");
	assert_no_keys(files, 5, "5", "4 JWT keys at most");
}

static int
forget(void **state)
{
	(void)state;
	jwt_fini(&jwt);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_who_and_until_when),
	    cmocka_unit_test(knows_the_signature_of_the_standard),
	    cmocka_unit_test(takes_any_of_the_keys),
	    cmocka_unit_test(refuses_each_wrong_header),
	    cmocka_unit_test(refuses_each_wrong_claim),
	    cmocka_unit_test(knows_the_time),
	    cmocka_unit_test(reads_rules),
	    cmocka_unit_test(refuses_each_wrong_rule),
	    cmocka_unit_test(takes_so_much_and_no_more),
	    cmocka_unit_test(cuts_sub_at_a_characters_end),
	    cmocka_unit_test(refuses_it_with_any_character_changed),
	    cmocka_unit_test(refuses_what_is_no_token),
	    cmocka_unit_test(fails_clean_without_memory),
	    cmocka_unit_test_setup_teardown(reads_keys_of_files, make_folder, remove_folder),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, forget);
}
