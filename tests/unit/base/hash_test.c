#include "base/hash.h"
#include "test.h"

/* Of the vectors that the makers of FNV publish. */
static void
fnv1a_gives_the_published_hashes(void **state)
{
	(void)state;
	assert_int_equal(hash_fnv1a(STR("")), UINT64_C(0xcbf29ce484222325));
	assert_int_equal(hash_fnv1a(STR("a")), UINT64_C(0xaf63dc4c8601ec8c));
	assert_int_equal(hash_fnv1a(STR("foobar")), UINT64_C(0x85944171f73967e8));
	/* Bytes above 0x7F are not negative. */
	assert_int_equal(hash_fnv1a(STR("\xff")), UINT64_C(0xaf64724c8602eb6e));
}

/* Of the vectors that the makers of SipHash publish: the key is 00 01 ... 0f, the input 00 01 ... of each length. */
static void
siphash_gives_the_published_hashes(void **state)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} vectors[] = {
	    {0, UINT64_C(0x726fdb47dd0e0e31)},
	    {1, UINT64_C(0x74f839c593dc67fd)},
	    {2, UINT64_C(0x0d6c8009d9a94f5a)},
	    {3, UINT64_C(0x85676696d7fb7e2d)},
	    {7, UINT64_C(0xab0200f58b01d137)},
	    {8, UINT64_C(0x93f5f5799a932462)},
	    {15, UINT64_C(0xa129ca6149be45e5)},
	};
	static const struct hash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	char bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	for (size_t i = 0; i < LENGTH(vectors); i++)
		assert_int_equal(hash_siphash(&key, (struct str){bytes, vectors[i].n}), vectors[i].hash);
}

static void
each_key_is_another(void **state)
{
	struct hash_key a = hash_new_key(), b = hash_new_key();

	(void)state;
	assert_true(a.k0 != b.k0 && a.k1 != b.k1);
	assert_true(hash_siphash(&a, STR("main")) != hash_siphash(&b, STR("main")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fnv1a_gives_the_published_hashes),
	    cmocka_unit_test(siphash_gives_the_published_hashes),
	    cmocka_unit_test(each_key_is_another),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
