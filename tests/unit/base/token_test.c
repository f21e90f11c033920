#include "base/token.h"

#include <nettle/base64.h>
#include <nettle/hmac.h>

#include "test.h"

static void
check_base64(struct str bytes, const char *want)
{
	struct buf b;

	buf_init(&b, 100000);
	token_add_base64(&b, bytes);
	assert_true(buf_ok(&b));
	assert_str(buf_str(&b), want);
	buf_fini(&b);
}

static void
check_decoded(struct str text, struct str want)
{
	char *exact = malloc(text.n + 1); /* so that AddressSanitizer sees a byte read too far */
	struct buf b;

	assert_non_null(exact);
	if (text.n > 0)
		memcpy(exact, text.p, text.n);
	buf_init(&b, 100000);
	token_add_decoded(&b, (struct str){exact, text.n});
	assert_true(buf_ok(&b));
	assert_str_n(buf_str(&b), want);
	buf_fini(&b);
	free(exact);
}

/* RFC 4648, section 10. */
static const struct {
	const char *bytes, *text;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void
encodes_and_decodes_base64(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(vectors); i++) {
		check_base64(str_of(vectors[i].bytes), vectors[i].text);
		check_decoded(str_of(vectors[i].text), str_of(vectors[i].bytes));
	}
	check_base64(STR("\x00\xFF\xFE\xFB\xEF"), "AP/+++8=");
	check_base64(STR("\1\2\3\4"), "AQIDBA==");
	/* Behind what is there. */
	{
		struct buf b;

		buf_init(&b, 100);
		buf_add_char(&b, 'b');
		token_add_base64(&b, STR("foo"));
		token_add_decoded(&b, STR("YmFy"));
		assert_str(buf_str(&b), "bZm9vbar");
		buf_fini(&b);
	}
}

static void
decodes_what_others_write_carelessly(void **state)
{
	(void)state;
	/* Padding may be missing, or be too much. */
	check_decoded(STR("Zg"), STR("f"));
	check_decoded(STR("Zg="), STR("f"));
	check_decoded(STR("Zg==="), STR("f"));
	check_decoded(STR("Zm8"), STR("fo"));
	check_decoded(STR("="), STR(""));
	check_decoded(STR("===="), STR(""));
	/* It ends the text. */
	check_decoded(STR("Zg==Zg=="), STR("f"));
	check_decoded(STR("Zm9v=junk"), STR("foo"));
	/* Both alphabets, mixed too. */
	check_decoded(STR("AP_-++8="), STR("\x00\xFF\xFE\xFB\xEF"));
	check_decoded(STR("AP/+--8="), STR("\x00\xFF\xFE\xFB\xEF"));
	/* What belongs to neither is skipped. */
	check_decoded(STR("Zm9v\r\nYmFy"), STR("foobar"));
	check_decoded(STR(" Z.m,9\tv "), STR("foo"));
	check_decoded(STR("Zm\0009v"), STR("foo"));
	check_decoded(STR("\xC3\xA9Zm\xFF"
	                  "9v"),
	    STR("foo"));
	check_decoded(STR("!!!"), STR(""));
	/* Six bits are no byte. */
	check_decoded(STR("Z"), STR(""));
	check_decoded(STR("Zm9vY"), STR("foo"));
	/* Bits that are left over are nobody's. */
	check_decoded(STR("Zh=="), STR("f"));
	check_decoded(STR("Zm9="), STR("fo"));
	check_decoded((struct str){NULL, 0}, STR(""));
}

static bool
read_base64url(struct str text, struct str want)
{
	struct buf b;
	bool good;

	buf_init(&b, 100000);
	good = token_add_base64url(&b, text);
	assert_true(buf_ok(&b));
	if (good)
		assert_str_n(buf_str(&b), want);
	buf_fini(&b);
	return good;
}

static void
reads_base64url_in_one_way_only(void **state)
{
	static const char *const bad[] = {"Zg==", "Zm8=", "Zh", "Zm9", "Zn", "Z", "Zm9vY", "AP/+--8", "Zm 9v", "Zm9v\n",
	    "Zm9v.", "Zm\xC3\xA9v", "=", "////"};

	(void)state;
	assert_true(read_base64url(STR(""), STR("")));
	assert_true(read_base64url((struct str){NULL, 0}, STR("")));
	assert_true(read_base64url(STR("Zg"), STR("f")));
	assert_true(read_base64url(STR("Zm8"), STR("fo")));
	assert_true(read_base64url(STR("Zm9v"), STR("foo")));
	assert_true(read_base64url(STR("AP_--w"), STR("\x00\xFF\xFE\xFB")));
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (read_base64url(str_of(bad[i]), STR("?")))
			fail_msg("%s was read", bad[i]);
	assert_false(read_base64url(STR("Zm\0009v"), STR("?")));
}

static void
check_hex(const unsigned char *bytes, const char *want)
{
	char text[2 * TOKEN_HASH_SIZE + 1];

	for (size_t i = 0; i < TOKEN_HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(text, want);
}

/* FIPS 180-4's example, and test cases 1 and 6 of RFC 4231. */
static void
hashes_as_others_do(void **state)
{
	unsigned char hash[TOKEN_HASH_SIZE];
	char key[131];

	(void)state;
	token_hash(STR("abc"), hash);
	check_hex(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	token_hash((struct str){NULL, 0}, hash);
	check_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	memset(key, 0x0B, sizeof key);
	token_hmac((struct str){key, 20}, STR("Hi There"), hash);
	check_hex(hash, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	memset(key, 0xAA, sizeof key);
	token_hmac((struct str){key, 131}, STR("Test Using Larger Than Block-Size Key - Hash Key First"), hash);
	check_hex(hash, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	assert_true(token_same("abc", "abd", 2));
	assert_false(token_same("abc", "abd", 3));
}

/* Of every length, against nettle's own in both directions. */
static void
does_as_nettle_does(void **state)
{
	unsigned char bytes[300], back[400];
	char text[BASE64_ENCODE_RAW_LENGTH(300) + 1];

	(void)state;
	test_seed(1);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		struct base64_decode_ctx ctx;
		size_t back_n = sizeof back;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (unsigned char)test_random(256);
		base64_encode_raw(text, n, bytes);
		text[BASE64_ENCODE_RAW_LENGTH(n)] = '\0';
		check_base64((struct str){(char *)bytes, n}, text);
		check_decoded(str_of(text), (struct str){(char *)bytes, n});
		base64_decode_init(&ctx);
		assert_true(base64_decode_update(&ctx, &back_n, back, strlen(text), text));
		assert_true(base64_decode_final(&ctx));
		assert_int_equal(back_n, n);
		assert_memory_equal(back, bytes, n);
	}
}

/* Never more than the buffer may hold. */
static void
adds_no_more_than_the_buffer_may_hold(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 7);
	token_add_base64(&b, STR("foobar"));
	assert_false(buf_ok(&b));
	assert_int_equal(b.n, 0);
	buf_fini(&b);
	buf_init(&b, 8);
	token_add_base64(&b, STR("foobar"));
	assert_true(buf_ok(&b));
	buf_fini(&b);
	buf_init(&b, 2);
	token_add_decoded(&b, STR("Zm9vYmFy"));
	assert_false(buf_ok(&b));
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, TOKEN_ID_SIZE);
}

static void
makes_ids_of_64_letters_all_different(void **state)
{
	enum { N = 20000 };
	char(*ids)[TOKEN_ID_SIZE] = malloc(sizeof *ids * N);
	bool seen[256] = {false};
	size_t kinds = 0;

	(void)state;
	assert_non_null(ids);
	for (size_t i = 0; i < N; i++) {
		token_id(ids[i]);
		assert_int_equal(strlen(ids[i]), TOKEN_ID_SIZE - 1);
		for (size_t j = 0; j < TOKEN_ID_SIZE - 1; j++) {
			unsigned char c = (unsigned char)ids[i][j];

			assert_non_null(
			    strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", (char)c));
			kinds += !seen[c];
			seen[c] = true;
		}
	}
	assert_int_equal(kinds, 64);
	qsort(ids, N, TOKEN_ID_SIZE, compare);
	for (size_t i = 1; i < N; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
	free(ids);
}

static void
makes_another_secret_each_time(void **state)
{
	unsigned char one[TOKEN_SECRET_SIZE], other[TOKEN_SECRET_SIZE];

	(void)state;
	token_secret(one);
	token_secret(other);
	assert_memory_not_equal(one, other, TOKEN_SECRET_SIZE);
}

/* The start of HMAC-SHA256, in the URL's alphabet. */
static void
signs_with_hmac_sha256(void **state)
{
	static const unsigned char secret[TOKEN_SECRET_SIZE] = "0123456789abcdefghijklmnopqrstuv";
	unsigned char digest[SHA256_DIGEST_SIZE];
	char signature[TOKEN_ID_SIZE], want[BASE64_ENCODE_RAW_LENGTH(15) + 1];
	struct hmac_sha256_ctx hmac;

	(void)state;
	token_sign(secret, STR("some text"), signature);
	hmac_sha256_set_key(&hmac, sizeof secret, secret);
	hmac_sha256_update(&hmac, 9, (const unsigned char *)"some text");
	hmac_sha256_digest(&hmac, sizeof digest, digest);
	base64_encode_raw(want, 15, digest);
	want[sizeof want - 1] = '\0';
	for (char *p = want; *p != '\0'; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	assert_string_equal(signature, want);
	/* As openssl dgst -sha256 -hmac says it. */
	assert_string_equal(signature, "GDgaoSyyIRSU0jxGVhOr");
}

static void
accepts_only_the_right_signature(void **state)
{
	unsigned char secret[TOKEN_SECRET_SIZE], other[TOKEN_SECRET_SIZE];
	char signature[TOKEN_ID_SIZE];

	(void)state;
	token_secret(secret);
	memcpy(other, secret, sizeof secret);
	other[TOKEN_SECRET_SIZE - 1] ^= 1;
	token_sign(secret, STR("some text"), signature);
	assert_true(token_check(secret, STR("some text"), str_of(signature)));
	/* Of another text, by another secret. */
	assert_false(token_check(secret, STR("some texT"), str_of(signature)));
	assert_false(token_check(secret, STR("some text "), str_of(signature)));
	assert_false(token_check(secret, STR(""), str_of(signature)));
	assert_false(token_check(other, STR("some text"), str_of(signature)));
	/* Of another length. */
	assert_false(token_check(secret, STR("some text"), STR("")));
	assert_false(token_check(secret, STR("some text"), (struct str){NULL, 0}));
	for (size_t n = 0; n < TOKEN_ID_SIZE - 1; n++)
		assert_false(token_check(secret, STR("some text"), (struct str){signature, n}));
	assert_false(token_check(secret, STR("some text"), (struct str){signature, TOKEN_ID_SIZE}));
	/* Any one character changed. */
	for (size_t i = 0; i < TOKEN_ID_SIZE - 1; i++) {
		char wrong[TOKEN_ID_SIZE];

		memcpy(wrong, signature, sizeof wrong);
		wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
		assert_false(token_check(secret, STR("some text"), str_of(wrong)));
	}
	/* A text of no bytes has a signature too. */
	token_sign(secret, STR(""), signature);
	assert_true(token_check(secret, STR(""), str_of(signature)));
	assert_true(token_check(secret, (struct str){NULL, 0}, str_of(signature)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encodes_and_decodes_base64),
	    cmocka_unit_test(decodes_what_others_write_carelessly),
	    cmocka_unit_test(reads_base64url_in_one_way_only),
	    cmocka_unit_test(hashes_as_others_do),
	    cmocka_unit_test(does_as_nettle_does),
	    cmocka_unit_test(adds_no_more_than_the_buffer_may_hold),
	    cmocka_unit_test(makes_ids_of_64_letters_all_different),
	    cmocka_unit_test(makes_another_secret_each_time),
	    cmocka_unit_test(signs_with_hmac_sha256),
	    cmocka_unit_test(accepts_only_the_right_signature),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
