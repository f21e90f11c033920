#include "base/ws.h"

#include "../frames.h"
#include "test.h"

/* RFC 6455, by its sections; 5.7 has its own examples. */
static const struct frames_row rfc[] = {
    {"nothing", "", "", 0, 0},
    {"5.7 a masked text", "8185 37FA213D 7F9F4D5158", "T48656C6C6F", 0, 0},
    {"5.7 in two frames", "01:48656C | 80:6C6F", "T48656C+ T6C6F", 0, 0},
    {"5.7 a masked PONG", "8A85 37FA213D 7F9F4D5158", "O48656C6C6F", 0, 0},
    {"5.7 an unmasked text", "8105! 48656C6C6F", "", 1002, 0},
    {"5.7 256 bytes", "82 FE0100 m AB*256", "BAB*256", 0, 0},
    {"5.7 64 KiB", "82 FF0000000000010000 m AB*65536", "BAB*65536", 0, 0},

    {"5.1 no mask on an empty text", "8100!", "", 1002, 0},
    {"5.1 no mask on a PING", "8900!", "", 1002, 0},
    {"5.1 no mask on a CLOSE", "8802! 03E8", "", 1002, 0},
    {"5.1 no mask on a long frame", "827E! 0080", "", 1002, 0},
    {"5.1 no mask on a later frame", "81:61 | 8100!", "T61", 1002, 0},

    {"5.2 RSV3", "91!:61", "", 1002, 0},
    {"5.2 RSV2", "A1!:61", "", 1002, 0},
    {"5.2 RSV1", "C1!:61", "", 1002, 0},
    {"5.2 all RSV", "F2!:61", "", 1002, 0},
    {"5.2 RSV on a PING", "C9!:", "", 1002, 0},
    {"5.2 RSV on a CLOSE", "98!:03E8", "", 1002, 0},
    {"5.2 RSV on what goes on", "01:61 | C0!:62", "T61+", 1002, 0},
    {"5.2 opcode 3", "83!:", "", 1002, 0},
    {"5.2 opcode 7", "87!:", "", 1002, 0},
    {"5.2 opcode 11", "8B!:", "", 1002, 0},
    {"5.2 opcode 15", "8F!:", "", 1002, 0},
    {"5.2 opcode 3 to go on", "03!:", "", 1002, 0},

    {"5.2 length 125", "82 FD m 61*125", "B61*125", 0, 0},
    {"5.2 length 126", "82 FE007E m 61*126", "B61*126", 0, 0},
    {"5.2 length 127", "82 FE007F m 61*127", "B61*127", 0, 0},
    {"5.2 length 65,535", "82 FEFFFF m 61*65535", "B61*65535", 0, 0},
    {"5.2 length 65,536", "82 FF0000000000010000 m 61*65536", "B61*65536", 0, 0},
    {"5.2 0 in two bytes", "82 FE0000! m", "", 1002, 0},
    {"5.2 125 in two bytes", "82 FE007D! m 61*125", "", 1002, 0},
    {"5.2 0 in eight bytes", "82 FF0000000000000000! m", "", 1002, 0},
    {"5.2 125 in eight bytes", "82 FF000000000000007D! m 61*125", "", 1002, 0},
    {"5.2 65,535 in eight bytes", "82 FF000000000000FFFF! m", "", 1002, 0},
    {"5.2 the highest bit", "82 FF8000000000010000! m", "", 1002, 0},
    {"5.2 all bits", "82 FFFFFFFFFFFFFFFFFF! m", "", 1002, 0},
    {"5.2 the most there is", "82 FF7FFFFFFFFFFFFFFF! m", "", 1009, 0},
    {"5.2 a length above 32 bits", "82 FF0000000100000001! m 61", "", 1009, 0},

    {"5.3 each byte", "82:00FF80407F01FE55AA", "B00FF80407F01FE55AA", 0, 0},
    {"5.3 a mask that is the payload", "8284 01020304 01020304", "B00000000", 0, 0},
    {"5.3 another mask", "8284 00000000 61626364 | 8285 FFFFFFFF 9E9D9C9B9A", "B61626364 B6162636465", 0, 0},

    {"5.4 binary in three", "02:01 | 00:02 | 80:03", "B01+ B02+ B03", 0, 0},
    {"5.4 empty ones", "01: | 00: | 80:", "T+ T+ T", 0, 0},
    {"5.4 a PING within", "01:61 | 89:78 | 80:62", "T61+ P78 T62", 0, 0},
    {"5.4 two PINGs and a PONG within", "02:61 | 89: | 8A: | 00:62 | 89:01 | 80:", "B61+ P O B62+ P01 B", 0, 0},
    {"5.4 a CLOSE within", "01:61 | 88:03E8", "T61+ C03E8", 0, 0},
    {"5.4 one message behind the other", "01:61 | 80:62 | 02:63 | 80:64 | 81:65", "T61+ T62 B63+ B64 T65", 0, 0},
    {"5.4 nothing to go on", "80!:61", "", 1002, 0},
    {"5.4 nothing to go on, and not the end", "00!:61", "", 1002, 0},
    {"5.4 nothing any more", "01:61 | 80:62 | 80!:63", "T61+ T62", 1002, 0},
    {"5.4 a text within", "01:61 | 81!:62", "T61+", 1002, 0},
    {"5.4 a text within that goes on", "01:61 | 01!:62", "T61+", 1002, 0},
    {"5.4 a binary within", "01:61 | 82!:62", "T61+", 1002, 0},
    {"5.4 a text within a binary", "02:61 | 81!:62", "B61+", 1002, 0},
    {"5.4 a text behind a PING within", "01:61 | 89: | 81!:62", "T61+ P", 1002, 0},
    {"5.4 empty, and then a text", "01: | 81!:62", "T+", 1002, 0},

    {"5.5 a PING of 125", "89:62*125", "P62*125", 0, 0},
    {"5.5 a PING of 126", "89 FE! 007E m 62*126", "", 1002, 0},
    {"5.5 a PONG of 126", "8A FE! 007E m 62*126", "", 1002, 0},
    {"5.5 a CLOSE of 126", "88 FE! 007E m", "", 1002, 0},
    {"5.5 a PING with eight bytes of length", "89 FF! 0000000000000001 m 61", "", 1002, 0},
    {"5.5 a PING with two bytes of length", "89 FE! 0001 m 61", "", 1002, 0},
    {"5.5 a PING that goes on", "09!:61", "", 1002, 0},
    {"5.5 a PONG that goes on", "0A!:61", "", 1002, 0},
    {"5.5 a CLOSE that goes on", "08!:03E8", "", 1002, 0},
    {"5.5 bytes of a PING are any", "89:00FFFE80C0", "P00FFFE80C0", 0, 0},

    {"5.5.1 an empty CLOSE", "88:", "C", 0, 0},
    {"5.5.1 a CLOSE of one byte", "88:03", "", 1002, 0},
    {"5.5.1 a code alone", "88:03E8", "C03E8", 0, 0},
    {"5.5.1 a reason", "88:03E9 627965", "C03E9627965", 0, 0},
    {"5.5.1 a reason of 123", "88:03E8 61*123",
        "C03E8" /* and 123 times 61 */
        "61616161616161616161616161616161616161616161616161616161616161"
        "61616161616161616161616161616161616161616161616161616161616161"
        "61616161616161616161616161616161616161616161616161616161616161"
        "616161616161616161616161616161616161616161616161616161616161",
        0, 0},
    {"5.5.1 a reason in more than ASCII", "88:03E8 C3BC", "C03E8C3BC", 0, 0},
    {"5.5.1 a reason that is no UTF-8", "88:03E8 FF", "", 1007, 0},
    {"5.5.1 a reason with a cut character", "88:03E8 C3", "", 1007, 0},
    {"5.5.1 a wrong code, and no UTF-8", "88:0000 FF", "", 1002, 0},
    {"5.5.1 what is behind it means nothing", "88:03E8 | FFFFFF", "C03E8", 0, 0},

    {"8.1 a text in more than ASCII", "81:68C3A9E282ACF09F9880", "T68C3A9E282ACF09F9880", 0, 0},
    {"8.1 not in a binary", "82:FFFE80", "BFFFE80", 0, 0},
    {"8.1 not in a binary's later frames", "02:C3 | 00:FF | 80:E2", "BC3+ BFF+ BE2", 0, 0},
    {"8.1 a character over two frames", "01:C3 | 80:A9", "TC3+ TA9", 0, 0},
    {"8.1 a character over four frames", "01:F0 | 00:9F | 00:98 | 80:80", "TF0+ T9F+ T98+ T80", 0, 0},
    {"8.1 and empty ones, and a PING", "01:E2 | 00: | 89:FF | 00:82 | 00: | 80:AC", "TE2+ T+ PFF T82+ T+ TAC", 0, 0},
    {"8.1 cut at the end", "81:61C3", "", 1007, 0},
    {"8.1 cut at the end of two", "01:E2 | 80:82", "TE2+", 1007, 0},
    {"8.1 cut at an empty end", "01:E2 | 80:", "TE2+", 1007, 0},
    {"8.1 two begun", "01:C3 | 80:C3!A9", "TC3+", 1007, 0},
    {"8.1 told at once", "81:61FF!6161616161616161", "", 1007, 0},
    {"8.1 told at once behind a cut", "01:E2 | 00:82 | 80:41!6161", "TE2+ T82+", 1007, 0},
    {"8.1 above what a character begins with", "81:F5!808080", "", 1007, 0},
    {"8.1 a byte that goes on, and nothing goes on", "81:6180!61", "", 1007, 0},
    {"8.1 told at the second byte", "81:E080!AF6161", "", 1007, 0},
    {"8.1 far into a long one", "81:61*1000FF!61*100", "", 1007, 0},
    {"8.1 nothing is left of the one before", "81:C3A9 | 81:61 | 82:C3 | 81:61", "TC3A9 T61 BC3 T61", 0, 0},

    {"10.4 as much as may be", "82:61626364", "B61626364", 0, 4},
    {"10.4 too much", "8285! m 6162636465", "", 1009, 4},
    {"10.4 too much in two", "02:616263 | 8082! m 6465", "B616263+", 1009, 4},
    {"10.4 as much as may be in two", "02:616263 | 80:64", "B616263+ B64", 0, 4},
    {"10.4 too much in many", "02:61 | 00:61 | 00:61 | 00:61 | 0081! m 61", "B61+ B61+ B61+ B61+", 1009, 4},
    {"10.4 nothing more", "02:61626364 | 80:", "B61626364+ B", 0, 4},
    {"10.4 PINGs do not count", "02:616263 | 89:0102030405 | 80:64", "B616263+ P0102030405 B64", 0, 4},
    {"10.4 each message anew", "82:61626364 | 82:61626364 | 02:6162 | 80:6364", "B61626364 B61626364 B6162+ B6364", 0,
        4},
    {"10.4 with two bytes of length", "82 FE0100! m", "", 1009, 255},
    {"10.4 before what is wrong with it", "81 8A! m FF", "", 1009, 9},

    {"in part: no length", "81", "...", 0, 0},
    {"in part: no mask", "8185 37FA", "...", 0, 0},
    {"in part: no payload", "8185 m", "...", 0, 0},
    {"in part: some of the payload", "8185 m 4865", "...", 0, 0},
    {"in part: behind a whole one", "81:61 | 8185 m 48", "T61 ...", 0, 0},
    {"in part: within a character", "8185 m 61C3", "...", 0, 0},
    {"in part: a CLOSE of one byte and more", "8882 m 00", "...", 0, 0},
};

static void
reads_frames_by_the_rules(void **state)
{
	(void)state;
	frames_table(rfc, LENGTH(rfc));
}

/* Every first byte, as the first frame and within a message. */
static void
knows_every_first_byte(void **state)
{
	(void)state;
	for (unsigned within = 0; within < 2; within++)
		for (unsigned first = 0; first < 256; first++) {
			unsigned opcode = first & 0xF;
			bool fin = first & 0x80, control = opcode >= 8 && opcode <= 10;
			bool good = (first & 0x70) == 0 &&
			            ((control && fin) || (within ? opcode == 0 : opcode == 1 || opcode == 2));
			struct ws_walk w = {.opcode = within ? WS_TEXT : 0};
			char bytes[6] = {(char)first, (char)0x80};
			struct ws_frame f;
			enum ws_result result = ws_next(&w, bytes, sizeof bytes, 100, &f);

			if (result != (good ? WS_FRAME : WS_BAD) || (!good && f.code != 1002))
				fail_msg("%02X: %d", first, (int)result);
			if (good)
				assert_true(f.fin == fin && f.used == 6);
		}
}

/* Every code that two bytes can hold, and what a CLOSE with it is answered with. */
static void
knows_every_close_code(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 65536; code++) {
		bool good =
		    (code >= 1000 && code < 1004) || (code >= 1007 && code < 1015) || (code >= 3000 && code < 5000);
		char bytes[8] = {(char)0x88, (char)0x82, 0, 0, 0, 0, (char)(code >> 8), (char)code};
		struct ws_walk w = {0};
		struct ws_frame f;
		enum ws_result result = ws_next(&w, bytes, sizeof bytes, 100, &f);

		if (result != (good ? WS_FRAME : WS_BAD) || (!good && f.code != 1002))
			fail_msg("%u: %d", code, (int)result);
		if (good)
			assert_int_equal(ws_close_code(f.payload), code);
	}
	assert_int_equal(ws_close_code(STR("")), WS_CODE_NONE);
}

/* Every character and every sequence of up to three bytes is text or not as str_utf8() says, in one frame and in two.
 */
static void
knows_every_short_text(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 1U << 24; value += value < 1U << 16 ? 1 : 7) {
		char text[] = {(char)(value >> 16), (char)(value >> 8), (char)value};
		struct str s = value < 1U << 16 ? (struct str){text + 1, 2} : (struct str){text, 3};
		char one[6 + 3] = {(char)0x81, (char)(0x80 | s.n)}, two[7 + 8] = {1, (char)0x81};
		bool good = str_utf8(s);
		struct ws_walk w = {0};
		struct ws_frame f;

		memcpy(one + 6, s.p, s.n);
		assert_int_equal(ws_next(&w, one, 6 + s.n, 100, &f), good ? WS_FRAME : WS_BAD);
		assert_true(good || f.code == 1007);
		w = (struct ws_walk){0};
		memcpy(two + 6, s.p, 1);
		two[7] = (char)0x80;
		two[8] = (char)(0x80 | (s.n - 1));
		memcpy(two + 13, s.p + 1, s.n - 1);
		if (ws_next(&w, two, 7, 100, &f) == WS_FRAME)
			assert_int_equal(ws_next(&w, two + 7, 6 + s.n - 1, 100, &f), good ? WS_FRAME : WS_BAD);
		else
			assert_false(good);
	}
}

/* No byte of a frame that comes in pieces is looked at twice: those that were are made bad, and nothing is said. */
static void
looks_at_each_byte_once(void **state)
{
	enum { N = 3000 };
	char bytes[8 + N] = {(char)0x81, (char)0xFE, (char)(N >> 8), (char)N, 1, 2, 3, 4};
	struct ws_walk w = {0};
	struct ws_frame f;

	(void)state;
	assert_int_equal(sizeof w, 8);
	for (size_t i = 0; i < N; i++)
		bytes[8 + i] = (char)('a' ^ (i % 4 + 1));
	for (size_t n = 0; n < sizeof bytes; n++) {
		assert_int_equal(ws_next(&w, bytes, n, N, &f), WS_PART);
		if (n <= 8)
			continue;
		assert_int_equal(bytes[n - 1], 'a');
		bytes[n - 1] = '\xFF';
	}
	assert_int_equal(ws_next(&w, bytes, sizeof bytes, N, &f), WS_FRAME);
	assert_int_equal(f.payload.n, N);
	for (size_t i = 0; i < N - 1; i++)
		assert_int_equal(f.payload.p[i], '\xFF');
	assert_int_equal(f.payload.p[N - 1], 'a');
}

/* Of each length, from each place and at each alignment; and nothing around it changes. */
static void
unmasks_the_payload_alone(void **state)
{
	(void)state;
	test_seed(7);
	for (size_t n = 0; n <= 100; n++)
		for (size_t shift = 0; shift < 8; shift++)
			for (size_t cut = 0; cut <= n; cut += 1 + test_random(5)) {
				char bytes[8 + 6 + 100 + 8], was[sizeof bytes], *p = bytes + shift;
				struct ws_walk w = {0};
				struct ws_frame f;

				for (size_t i = 0; i < sizeof bytes; i++)
					bytes[i] = (char)test_random(256);
				p[0] = (char)0x82;
				p[1] = (char)(0x80 | n);
				memcpy(was, bytes, sizeof was);
				if (cut < n)
					assert_int_equal(ws_next(&w, p, 6 + cut, 1000, &f), WS_PART);
				assert_int_equal(ws_next(&w, p, 6 + n + 8 - shift, 1000, &f), WS_FRAME);
				assert_ptr_equal(f.payload.p, p + 6);
				for (size_t i = 0; i < n; i++)
					was[shift + 6 + i] ^= was[shift + 2 + i % 4];
				assert_memory_equal(bytes, was, sizeof was);
			}
}

/* The limit holds also where payload_max is more than can be counted. */
static void
has_a_limit_of_its_own(void **state)
{
	char over[] = "\x82\xFF\0\0\0\0\x10\0\0\0", within[] = "\x82\xFF\0\0\0\0\x0F\xFF\xFF\xFF";
	struct ws_walk w = {0};
	struct ws_frame f;

	(void)state;
	assert_int_equal(ws_next(&w, over, sizeof over - 1, SIZE_MAX, &f), WS_BAD);
	assert_int_equal(f.code, WS_CODE_TOO_BIG);
	assert_int_equal(ws_next(&w, within, sizeof within - 1, SIZE_MAX, &f), WS_PART);
	/* A message that is as long as that takes no more. */
	w = (struct ws_walk){.opcode = WS_BINARY, .message_n = WS_PAYLOAD_LIMIT};
	assert_int_equal(ws_next(&w, (char[]){0, (char)0x81, 0, 0, 0, 0, 0}, 7, SIZE_MAX, &f), WS_BAD);
	assert_int_equal(f.code, WS_CODE_TOO_BIG);
	/* Nor one that is longer than what may be by now. */
	assert_int_equal(ws_next(&w, (char[]){0, (char)0x81, 0, 0, 0, 0, 0}, 7, 10, &f), WS_BAD);
	assert_int_equal(f.code, WS_CODE_TOO_BIG);
}

static void
writes_heads(void **state)
{
	static const struct {
		size_t n;
		struct str head;
	} heads[] = {
	    {0, {"\x81\0", 2}},
	    {125, {"\x81\x7D", 2}},
	    {126, {"\x81\x7E\0\x7E", 4}},
	    {65535, {"\x81\x7E\xFF\xFF", 4}},
	    {65536, {"\x81\x7F\0\0\0\0\0\1\0\0", 10}},
	    {0x123456789A, {"\x81\x7F\0\0\0\x12\x34\x56\x78\x9A", 10}},
	};
	char out[WS_HEAD_MAX];

	(void)state;
	for (size_t i = 0; i < LENGTH(heads); i++) {
		size_t n = ws_head(out, WS_TEXT, heads[i].n);

		assert_str_n(((struct str){out, n}), heads[i].head);
	}
	assert_int_equal(ws_head(out, WS_PONG, 5), 2);
	assert_memory_equal(out, "\x8A\5", 2);
	assert_int_equal(ws_head(out, WS_BINARY, 5), 2);
	assert_memory_equal(out, "\x82\5", 2);
}

static void
writes_a_close(void **state)
{
	char out[WS_CLOSE_MAX];

	(void)state;
	assert_int_equal(ws_close(out, WS_CODE_NONE), 2);
	assert_memory_equal(out, "\x88\0", 2);
	assert_int_equal(ws_close(out, WS_CODE_TOO_BIG), 4);
	assert_memory_equal(out, "\x88\2\x03\xF1", 4);
	assert_int_equal(ws_close(out, 4999), 4);
	assert_memory_equal(out, "\x88\2\x13\x87", 4);
}

static void
checks_keys(void **state)
{
	static const struct {
		const char *key;
		bool ok;
	} keys[] = {
	    {"dGhlIHNhbXBsZSBub25jZQ==", true},
	    {"x3JJHMbDL1EzLkh9GBhXDw==", true},
	    {"+/+/+/+/+/+/+/+/+/+/+w==", true},
	    {"AAAAAAAAAAAAAAAAAAAAAB==", true}, /* more bits than 128, which decoders pass over */
	    {"", false},
	    {"=", false},
	    {"dGhlIHNhbXBsZSBub25jZQ=", false},
	    {"dGhlIHNhbXBsZSBub25jZQ", false},
	    {"dGhlIHNhbXBsZSBub25jZQ===", false},
	    {"dGhlIHNhbXBsZSBub25jZQAA", false}, /* 18 bytes */
	    {"dGhlIHNhbXBsZSBub25jZQA=", false}, /* 17 bytes */
	    {"dGhlIHNhbXBsZSBub25jZ===", false},
	    {"dGhlIHNhbXBsZSBub25jZQ=A", false},
	    {"dGhlIHNhbXBsZS-ub25jZQ==", false}, /* of the URL alphabet */
	    {"dGhlIHNhbXBsZS ub25jZQ==", false},
	    {"dGhlIHNhbXBsZS\xC3\xA9"
	     "b25jZQ==",
	        false},
	    {" dGhlIHNhbXBsZSBub25jZQ=", false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(keys); i++)
		if (ws_key_ok(str_of(keys[i].key)) != keys[i].ok)
			fail_msg("%s", keys[i].key);
	assert_false(ws_key_ok((struct str){"dGhlIHNhbXBsZS\0ub25jZQ==", 24}));
	assert_false(ws_key_ok((struct str){NULL, 0}));
}

static void
answers_keys(void **state)
{
	char accept[WS_ACCEPT_SIZE];

	(void)state;
	/* Section 1.3. */
	ws_accept(accept, STR("dGhlIHNhbXBsZSBub25jZQ=="));
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	/* A view that goes on. */
	ws_accept(accept, (struct str){"x3JJHMbDL1EzLkh9GBhXDw==, x", 24});
	assert_string_equal(accept, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_frames_by_the_rules),
	    cmocka_unit_test(knows_every_first_byte),
	    cmocka_unit_test(knows_every_close_code),
	    cmocka_unit_test(knows_every_short_text),
	    cmocka_unit_test(looks_at_each_byte_once),
	    cmocka_unit_test(unmasks_the_payload_alone),
	    cmocka_unit_test(has_a_limit_of_its_own),
	    cmocka_unit_test(writes_heads),
	    cmocka_unit_test(writes_a_close),
	    cmocka_unit_test(checks_keys),
	    cmocka_unit_test(answers_keys),
	};

	test_watchdog(300);
	return cmocka_run_group_tests_name("ws", tests, NULL, NULL);
}
