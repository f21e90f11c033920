/* The frames of a payload: each packet one of them. */
#include "socketio/websocket.h"

#include "base/token.h"
#include "test.h"

/* The frames, each as its opcode, the length of its head, and its payload, with | behind. */
static void
check(struct str payload, unsigned n_packets, const char *want)
{
	struct blob *b = websocket_frames(payload, n_packets);
	const unsigned char *p;
	char got[300];
	size_t n = 0;

	assert_non_null(b);
	p = (const unsigned char *)b->p;
	for (size_t at = 0; at < b->n;) {
		size_t size = p[at + 1];

		assert_true(p[at] & 0x80);
		assert_in_range(size, 0, 125);
		assert_true(at + 2 + size <= b->n);
		n += (size_t)snprintf(got + n, sizeof got - n, "%x %.*s|", p[at] & 15U, (int)size, b->p + at + 2);
		at += 2 + size;
	}
	got[n] = '\0';
	assert_string_equal(got, want);
	blob_drop(b);
}

static void
each_packet_is_a_frame(void **state)
{
	(void)state;
	check(STR("2"), 1, "1 2|");
	check(STR("42[\"a\"]\x1E"
	          "43\x1E"
	          "2"),
	    3, "1 42[\"a\"]|1 43|1 2|");
	/* The b of base64 and no other. */
	check(STR("4b"), 1, "1 4b|");
	/* One alone is not parted. */
	check(STR("4a\x1E"
	          "4b"),
	    1,
	    "1 4a\x1E"
	    "4b|");
}

static void
binary_packets_are_their_bytes(void **state)
{
	(void)state;
	check(STR("451-[{\"_placeholder\":true,\"num\":0}]\x1E"
	          "baGVsbG8=\x1E"
	          "b\x1E"
	          "bYQ==\x1E"
	          "41"),
	    5, "1 451-[{\"_placeholder\":true,\"num\":0}]|2 hello|2 |2 a|1 41|");
}

/* A frame of `size` bytes of text, or of what they are in base64. */
static void
check_large(size_t size, bool binary)
{
	struct str bytes = {malloc(size), size};
	struct buf payload;
	struct blob *b;
	char head[WS_HEAD_MAX];
	size_t head_n;

	assert_non_null(bytes.p);
	memset((char *)(uintptr_t)bytes.p, '7', size);
	buf_init(&payload, SIZE_MAX);
	if (binary) {
		buf_add_char(&payload, 'b');
		token_add_base64(&payload, bytes);
	} else
		buf_add(&payload, bytes);
	b = websocket_frames(buf_str(&payload), 1);
	assert_non_null(b);
	head_n = ws_head(head, binary ? WS_BINARY : WS_TEXT, size);
	assert_int_equal(b->n, head_n + size);
	assert_memory_equal(b->p, head, head_n);
	assert_memory_equal(b->p + head_n, bytes.p, size);
	blob_drop(b);
	buf_fini(&payload);
	free((char *)(uintptr_t)bytes.p);
}

static void
of_any_length(void **state)
{
	static const size_t sizes[] = {125, 126, 65535, 65536, 1000000};

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		check_large(sizes[i], false);
		check_large(sizes[i], true);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_packet_is_a_frame),
	    cmocka_unit_test(binary_packets_are_their_bytes),
	    cmocka_unit_test(of_any_length),
	};

	test_watchdog(30);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
