#include "access/authorization.h"

#include "test.h"

static char text[AUTHORIZATION_MAX];
static const char *why;

static enum authorization_kind
read_header(struct str header, struct str *credential)
{
	/* In memory of just that size, so that AddressSanitizer sees a byte read too far. */
	static char *exact;

	free(exact);
	exact = malloc(header.n + 1);
	assert_non_null(exact);
	if (header.n > 0)
		memcpy(exact, header.p, header.n);
	why = NULL;
	return authorization_read((struct str){exact, header.n}, text, credential, &why);
}

static void
finds_the_credential(void **state)
{
	static const struct {
		const char *header;
		enum authorization_kind kind;
		const char *credential;
	} cases[] = {
	    {"", AUTHORIZATION_NONE, NULL},
	    {"   ", AUTHORIZATION_NONE, NULL},
	    {"Bearer ll_abc", AUTHORIZATION_BEARER, "ll_abc"},
	    {"bearer ll_abc", AUTHORIZATION_BEARER, "ll_abc"},
	    {"BEARER ll_abc", AUTHORIZATION_BEARER, "ll_abc"},
	    {" Bearer \t  ll_abc  ", AUTHORIZATION_BEARER, "ll_abc"},
	    {"Bearer\tll_abc", AUTHORIZATION_BEARER, "ll_abc"},
	    {"Bearer a.b-c_d~e+f/g==", AUTHORIZATION_BEARER, "a.b-c_d~e+f/g=="},
	    {"Bearer", AUTHORIZATION_WRONG, NULL},
	    {"Bearer ", AUTHORIZATION_WRONG, NULL},
	    {"Bearer =", AUTHORIZATION_WRONG, NULL},
	    {"Bearer a=b", AUTHORIZATION_WRONG, NULL},
	    {"Bearer a b", AUTHORIZATION_WRONG, NULL},
	    {"Bearer a, Bearer b", AUTHORIZATION_WRONG, NULL},
	    {"Bearer \"a\"", AUTHORIZATION_WRONG, NULL},
	    {"Bearer a\xC3\xA9", AUTHORIZATION_WRONG, NULL},
	    {"Basic OmxsX2FiYw==", AUTHORIZATION_BEARER, "ll_abc"},     /* :ll_abc */
	    {"basic OmxsX2FiYw", AUTHORIZATION_BEARER, "ll_abc"},       /* padding is left out at times */
	    {"Basic YW5uOmxsX2FiYw==", AUTHORIZATION_BEARER, "ll_abc"}, /* ann:ll_abc */
	    {"Basic YW5uOnNlY3JldA==", AUTHORIZATION_BASIC, NULL},      /* ann:secret */
	    {"Basic bGxfYWJjOg==", AUTHORIZATION_BASIC, NULL},          /* ll_abc: */
	    {"Basic bGxfYWJj", AUTHORIZATION_BASIC, NULL},              /* ll_abc */
	    {"Basic YW5uOnggbGxfYQ==", AUTHORIZATION_BASIC, NULL},      /* ann:x ll_a */
	    {"Basic OmxsX2EKYg==", AUTHORIZATION_WRONG, NULL},          /* :ll_a\nb */
	    {"Basic OmxsX2E6Yg==", AUTHORIZATION_WRONG, NULL},          /* :ll_a:b */
	    {"Basic", AUTHORIZATION_BASIC, NULL},
	    {"Basic !!!", AUTHORIZATION_BASIC, NULL},
	    {"Digest username=\"ll_a\"", AUTHORIZATION_NONE, NULL},
	    {"Negotiate abc", AUTHORIZATION_NONE, NULL},
	    {"Bearerll_abc", AUTHORIZATION_NONE, NULL},
	    {"ll_abc", AUTHORIZATION_NONE, NULL},
	};
	struct str credential;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		enum authorization_kind kind = read_header(str_of(cases[i].header), &credential);

		if (kind != cases[i].kind)
			fail_msg("'%s' is read as %d", cases[i].header, (int)kind);
		assert_true(kind != AUTHORIZATION_WRONG || why != NULL);
		if (kind == AUTHORIZATION_BEARER)
			assert_str(credential, cases[i].credential);
	}
	assert_int_equal(read_header(STR("Bearer a\0b"), &credential), AUTHORIZATION_WRONG);
	assert_int_equal(authorization_read((struct str){NULL, 0}, text, &credential, &why), AUTHORIZATION_NONE);
}

static void
takes_so_many_bytes(void **state)
{
	enum { LONGEST = 20000 };
	char *header = malloc(LONGEST);
	struct str credential;

	(void)state;
	memset(header, 'a', LONGEST);
	memcpy(header, "Bearer ", 7);
	assert_int_equal(read_header((struct str){header, 7 + 4096}, &credential), AUTHORIZATION_BEARER);
	assert_int_equal(credential.n, 4096);
	assert_int_equal(read_header((struct str){header, 7 + 4097}, &credential), AUTHORIZATION_WRONG);
	assert_non_null(strstr(why, "4096"));
	assert_int_equal(read_header((struct str){header, LONGEST}, &credential), AUTHORIZATION_WRONG);
	memcpy(header, "Basic Omxs", 10); /* the beginning of ":ll_" */
	memcpy(header + 10, "X2Fi", 4);
	assert_int_equal(read_header((struct str){header, 6 + 4096}, &credential), AUTHORIZATION_WRONG);
	assert_int_equal(read_header((struct str){header, LONGEST}, &credential), AUTHORIZATION_WRONG);
	free(header);
}

static void
knows_a_token_by_its_beginning(void **state)
{
	(void)state;
	assert_true(authorization_is_token(STR("ll_")));
	assert_true(authorization_is_token(STR("ll_abc")));
	assert_false(authorization_is_token(STR("LL_abc")));
	assert_false(authorization_is_token(STR("ll")));
	assert_false(authorization_is_token(STR("eyJ.e.x")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_the_credential),
	    cmocka_unit_test(takes_so_many_bytes),
	    cmocka_unit_test(knows_a_token_by_its_beginning),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
