#include "tool/secret.h"

#include "base/token.h"
#include "test.h"

static void
secrets_have_160_bits_in_32_characters(void **state)
{
	unsigned char ones[20] = {0}, zeros[20] = {0};

	(void)state;
	for (int i = 0; i < 500; i++) {
		static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
		unsigned char hash[SECRET_HASH_BYTES], right[SECRET_HASH_BYTES], bytes[20] = {0};
		char text[SECRET_SIZE];

		secret_new(text, hash);
		assert_int_equal(strlen(text), 35);
		assert_memory_equal(text, "ll_", 3);
		for (size_t j = 0; j < 32; j++) {
			const char *at = strchr(alphabet, text[3 + j]);

			assert_non_null(at);
			for (size_t bit = 0; bit < 5; bit++)
				if ((at - alphabet) >> (4 - bit) & 1)
					bytes[(j * 5 + bit) / 8] |= (unsigned char)(0x80 >> (j * 5 + bit) % 8);
		}
		for (size_t j = 0; j < sizeof bytes; j++) {
			ones[j] |= bytes[j];
			zeros[j] |= (unsigned char)~bytes[j];
		}
		token_hash(str_of(text), right);
		assert_memory_equal(hash, right, sizeof hash);
	}
	/* Every bit was either in some of them. */
	for (size_t j = 0; j < sizeof ones; j++)
		assert_true(ones[j] == 0xFF && zeros[j] == 0xFF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(secrets_have_160_bits_in_32_characters),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
