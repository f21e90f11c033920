/*
 * WebSockets over a real socket: what comes in messages, what goes out in frames, and how they end.
 */
#include "test_fcgi_fixture.h"
#include "web/wire.h"

#define WANTS                                                                                               \
	"CONTENT_LENGTH\0000\0SCGI\0001\0SERVER_PROTOCOL\0HTTP/1.1\0REQUEST_METHOD\0GET\0SCRIPT_NAME\0/x\0" \
	"HTTP_CONNECTION\0keep-alive, Upgrade\0HTTP_UPGRADE\0WebSocket\0"
#define KEY "HTTP_SEC_WEBSOCKET_KEY\0dGhlIHNhbXBsZSBub25jZQ==\0"
#define VERSION "HTTP_SEC_WEBSOCKET_VERSION\00013\0"
#define ANSWER                                                                             \
	"Status: 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

enum { MESSAGE_MAX = 100000, MESSAGE_WAIT_MS = 60 };

static struct requests requests;
static struct wires wires;

/* So many more times there is memory to let something grow; < 0: always. */
static int grows_left = -1;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *
__wrap_realloc(void *p, size_t n)
{
	if (grows_left == 0)
		return NULL;
	grows_left -= grows_left > 0;
	return __real_realloc(p, n);
}

static struct {
	unsigned handler;
	struct wire *wire;
	char text[4 * LARGE]; /* of all messages, each with a letter before it and a | behind */
	size_t n, messages, drained, gone;
	bool pause;
	void (*within)(void); /* is called from within message() */
} owner;

static bool
on_message(void *ctx, struct wire *w, bool binary, struct str data)
{
	(void)ctx;
	assert_ptr_equal(w, owner.wire);
	owner.messages++;
	owner.n += (size_t)snprintf(
	    owner.text + owner.n, sizeof owner.text - owner.n, "%c%.*s|", binary ? 'b' : 't', STR_ARGS(data));
	if (owner.within != NULL)
		owner.within();
	return !owner.pause;
}

static void
on_wire_drained(void *ctx, struct wire *w)
{
	(void)ctx;
	assert_true(wire_ready(w));
	owner.drained++;
}

static void
on_owner_gone(void *ctx, struct wire *w)
{
	(void)ctx;
	assert_ptr_equal(w, owner.wire);
	owner.gone++;
}

static void
handle(struct fcgi_request *from)
{
	struct request r;

	request_init(&r, &requests, from, SLOT_SIZE);
	owner.wire = wire_of(r.conn);
	if (!wire_open(&wires, &r, owner.wire, owner.handler))
		owner.wire = NULL;
}

static bool
is_wire(struct fcgi_conn *conn)
{
	return ((struct slot *)fcgi_slot(conn))->parked == PARKED_WIRE;
}

static void
conn_gone(struct fcgi_conn *conn)
{
	if (is_wire(conn))
		wires_gone(&wires, conn);
}

static void
conn_drained(struct fcgi_conn *conn)
{
	wires_drained(&wires, conn);
}

static void
conn_ended(struct fcgi_conn *conn)
{
	if (is_wire(conn))
		wires_ended(&wires, conn);
}

static void
conn_input(struct fcgi_conn *conn, struct fcgi_raw *in)
{
	wires_input(&wires, conn, in);
}

static void
conn_waited(struct fcgi_conn *conn)
{
	wires_waited(&wires, conn);
}

static void
write_all(struct str bytes)
{
	assert_int_equal(write(fx.client_fd, bytes.p, bytes.n), bytes.n);
}

/* The netstring of these names and values; what it is answered. */
static struct str
ask_for(struct str names)
{
	char head[16];

	fx.n_got = 0;
	snprintf(head, sizeof head, "%zu:", names.n);
	write_all(str_of(head));
	write_all(names);
	ask_records(STR(","));
	read_all();
	return (struct str){fx.got, fx.n_got};
}

static int
setup_wires(void **state)
{
	setup(state);
	memset(&owner, 0, sizeof owner);
	grows_left = -1;
	requests = (struct requests){.fcgi = fx.fcgi};
	wires = (struct wires){
	    .loop = fx.loop, .requests = &requests, .message_max = MESSAGE_MAX, .message_wait_ms = MESSAGE_WAIT_MS};
	wires_init(&wires);
	owner.handler = wires_handler(
	    &wires, &(struct wire_handler){.message = on_message, .drained = on_wire_drained, .gone = on_owner_gone});
	begin_anew();
	fx.handle = handle;
	fx.on_gone = conn_gone;
	fx.on_drained = conn_drained;
	fx.on_ended = conn_ended;
	fx.on_input = conn_input;
	fx.on_waited = conn_waited;
	return 0;
}

static int
setup_open(void **state)
{
	setup_wires(state);
	assert_str_n(ask_for(STR(WANTS KEY VERSION)), STR(ANSWER));
	fx.n_got = 0;
	return 0;
}

static int
teardown_wires(void **state)
{
	teardown(state);
	wires_fini(&wires);
	return 0;
}

/* A client's frame of at most 65,535 bytes, at p; how long it is. */
static size_t
put_frame(char *p, unsigned first, struct str payload)
{
	static const char mask[4] = {1, 2, 3, 4};
	size_t n = 2;

	p[0] = (char)first;
	if (payload.n < 126)
		p[1] = (char)(0x80 | payload.n);
	else {
		p[1] = (char)(0x80 | 126);
		p[2] = (char)(payload.n >> 8);
		p[3] = (char)payload.n;
		n = 4;
	}
	memcpy(p + n, mask, sizeof mask);
	n += sizeof mask;
	for (size_t i = 0; i < payload.n; i++)
		p[n + i] = (char)(payload.p[i] ^ mask[i % 4]);
	return n + payload.n;
}

enum { FIN = 0x80 };

static void
say(unsigned first, struct str payload)
{
	char *bytes = malloc(payload.n + 20);

	write_all((struct str){bytes, put_frame(bytes, first, payload)});
	free(bytes);
	turn();
}

#define SAY(first, text) say((first), STR(text))
#define assert_messages(want) assert_str(((struct str){owner.text, owner.n}), want)
#define assert_got(want) assert_str_n(got(), STR(want))

static struct str
got(void)
{
	size_t n;

	read_all();
	n = fx.n_got;
	fx.n_got = 0;
	return (struct str){fx.got, n};
}

static size_t
kept_bytes(void)
{
	struct budget_counts counts = budget_counts(fx.budget);

	return counts.kind_bytes[BUDGET_REQUESTS] + counts.kind_bytes[BUDGET_ANSWERS];
}

/* Turns until the connection is closed. */
static void
until_closed(void)
{
	int64_t from = clock_ms();

	while (fcgi_counts(fx.fcgi).conns > 0 && clock_ms() - from < 20000)
		turn();
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
	assert_int_equal(fx.ended, 1);
	assert_int_equal(wires.counts.open, 0);
	assert_int_equal(kept_bytes(), 0);
}

static void
assert_ended(enum wire_end end, size_t gone)
{
	for (enum wire_end e = 0; e < WIRE_ENDS; e++)
		assert_int_equal(wires.counts.ended[e], e == end);
	assert_int_equal(owner.gone, gone);
}

/* ---- the handshake ---- */

static void
what_asks_for_no_websocket_is_refused(void **state)
{
	static const struct {
		struct str names;
		const char *status;
	} bad[] = {
	    {STR(WANTS KEY "HTTP_SEC_WEBSOCKET_VERSION\0008\0"), "Status: 426 "},
	    {STR(WANTS KEY), "Status: 426 "},
	    {STR(WANTS VERSION), "Status: 400 "},
	    {STR(WANTS VERSION "HTTP_SEC_WEBSOCKET_KEY\0c2hvcnQ=\0"), "Status: 400 "},
	    {STR("CONTENT_LENGTH\0000\0SCGI\0001\0SERVER_PROTOCOL\0HTTP/1.0\0REQUEST_METHOD\0GET\0"
	         "HTTP_CONNECTION\0Upgrade\0HTTP_UPGRADE\0websocket\0" KEY VERSION),
	        "Status: 400 "},
	    {STR("CONTENT_LENGTH\0000\0SCGI\0001\0SERVER_PROTOCOL\0HTTP/2.0\0REQUEST_METHOD\0GET\0"
	         "HTTP_CONNECTION\0Upgrade\0HTTP_UPGRADE\0websocket\0" KEY VERSION),
	        "Status: 400 "},
	    {STR("CONTENT_LENGTH\0000\0SCGI\0001\0SERVER_PROTOCOL\0HTTP/1.1\0REQUEST_METHOD\0POST\0"
	         "HTTP_CONNECTION\0Upgrade\0HTTP_UPGRADE\0websocket\0" KEY VERSION),
	        "Status: 400 "},
	    {STR("CONTENT_LENGTH\0005\0SCGI\0001\0SERVER_PROTOCOL\0HTTP/1.1\0REQUEST_METHOD\0GET\0"
	         "HTTP_CONNECTION\0Upgrade\0HTTP_UPGRADE\0websocket\0" KEY VERSION),
	        "Status: 400 "},
	    {STR("CONTENT_LENGTH\0000\0SCGI\0001\0SERVER_PROTOCOL\0HTTP/1.1\0REQUEST_METHOD\0GET\0"
	         "HTTP_CONNECTION\0Upgrades\0HTTP_UPGRADE\0websocket\0" KEY VERSION),
	        "Status: 400 "},
	    {STR("CONTENT_LENGTH\0000\0SCGI\0001\0SERVER_PROTOCOL\0HTTP/1.1\0REQUEST_METHOD\0GET\0"
	         "HTTP_CONNECTION\0Upgrade\0HTTP_UPGRADE\0h2c\0" KEY VERSION),
	        "Status: 400 "},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct str answer = ask_for(bad[i].names);

		assert_true(str_starts(answer, str_of(bad[i].status)));
		assert_int_equal(memmem(answer.p, answer.n, "Sec-WebSocket-Version: 13\r\n", 27) != NULL,
		    strcmp(bad[i].status, "Status: 426 ") == 0);
		assert_null(owner.wire);
		assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
		close(fx.client_fd);
		fx.client_fd = another_client();
	}
	assert_int_equal(wires.counts.opened, 0);
}

static void
by_fastcgi_there_is_none(void **state)
{
	bool ended;

	(void)state;
	ask();
	read_all();
	assert_true(str_starts(text_got(&ended), STR("Status: 400 ")));
	assert_null(owner.wire);
}

static void
in_a_daemon_that_stops_there_is_none(void **state)
{
	(void)state;
	wires_drain(&wires);
	assert_true(str_starts(ask_for(STR(WANTS KEY VERSION)), STR("Status: 503 ")));
}

/* ---- messages ---- */

static void
messages_come_whole_and_nothing_is_kept(void **state)
{
	(void)state;
	assert_int_equal(wires.counts.open, 1);
	SAY(FIN | WS_TEXT, "hello");
	SAY(FIN | WS_BINARY, "bytes");
	SAY(FIN | WS_TEXT, "");
	assert_messages("thello|bbytes|t|");
	assert_true(wire_send(&wires, owner.wire, wire_frame(WS_TEXT, STR("world"))));
	assert_true(wire_send(&wires, owner.wire, wire_frame(WS_BINARY, STR(""))));
	assert_got("\x81\x05world\x82\0");
	assert_int_equal(kept_bytes(), 0);
	assert_int_equal(wires.counts.messages, 3);
	assert_int_equal(wires.counts.bytes_received, 10);
	assert_int_equal(sizeof(struct wire), 24);
}

static void
a_message_may_be_cut_anywhere(void **state)
{
	char bytes[200], want[20000] = "";
	size_t n = 0;

	(void)state;
	n += put_frame(bytes + n, WS_TEXT, STR("one "));
	n += put_frame(bytes + n, FIN | WS_PING, STR("p"));
	n += put_frame(bytes + n, WS_CONTINUATION, STR("two"));
	n += put_frame(bytes + n, FIN | WS_CONTINUATION, STR(" three"));
	n += put_frame(bytes + n, FIN | WS_BINARY, STR("b"));
	for (size_t at = 1; at < n; at++) {
		write_all((struct str){bytes, at});
		turn();
		write_all((struct str){bytes + at, n - at});
		turn();
		strcat(want, "tone two three|bb|");
		assert_messages(want);
		assert_got("\x8a\x01p");
		assert_int_equal(kept_bytes(), 0);
	}
	for (size_t i = 0; i < n; i++) {
		write_all((struct str){bytes + i, 1});
		turn();
	}
	strcat(want, "tone two three|bb|");
	assert_messages(want);
}

static void
many_small_messages_at_once_come_one_by_one(void **state)
{
	enum { N = 5000 };
	static char bytes[N * 8];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < N; i++)
		n += put_frame(bytes + n, FIN | WS_TEXT, STR("x"));
	write_all((struct str){bytes, n});
	turn();
	assert_int_equal(owner.messages, N);
}

static void
one_that_is_paused_goes_on_where_it_was(void **state)
{
	char bytes[100];
	size_t n = 0;

	(void)state;
	owner.pause = true;
	n += put_frame(bytes + n, FIN | WS_TEXT, STR("one"));
	n += put_frame(bytes + n, FIN | WS_PING, STR("p"));
	n += put_frame(bytes + n, FIN | WS_TEXT, STR("two"));
	n += put_frame(bytes + n, FIN | WS_TEXT, STR("three"));
	write_all((struct str){bytes, n});
	for (int i = 0; i < 3; i++)
		turn();
	assert_messages("tone|");
	assert_true(kept_bytes() > 0);
	wire_go_on(&wires, owner.wire);
	assert_messages("tone|");
	turn();
	turn();
	assert_messages("tone|ttwo|");
	assert_got("\x8a\x01p");
	/* However long: that is not the peer's fault. */
	for (int64_t from = clock_ms(); clock_ms() - from < 2 * MESSAGE_WAIT_MS;)
		turn();
	wire_go_on(&wires, owner.wire);
	turn();
	assert_messages("tone|ttwo|tthree|");
	assert_int_equal(owner.gone, 0);
}

static void
go_on_from_within(void)
{
	wire_go_on(&wires, owner.wire);
}

static void
it_may_go_on_before_it_was_paused(void **state)
{
	(void)state;
	owner.pause = true;
	owner.within = go_on_from_within;
	SAY(FIN | WS_TEXT, "one");
	SAY(FIN | WS_TEXT, "two");
	assert_messages("tone|ttwo|");
}

static void
a_message_that_is_too_long_ends_it(void **state)
{
	static char half[MESSAGE_MAX / 2 + 1];

	(void)state;
	memset(half, 'x', sizeof half);
	say(WS_TEXT, (struct str){half, sizeof half});
	turn();
	assert_true(kept_bytes() > 0);
	say(FIN | WS_CONTINUATION, (struct str){half, sizeof half});
	assert_int_equal(owner.gone, 1);
	assert_got("\x88\x02\x03\xf1");
	until_closed();
	assert_ended(WIRE_END_TOO_BIG, 1);
}

static void
the_rest_of_a_message_has_a_time(void **state)
{
	enum { WAIT_MS = 1000 };
	int64_t from = clock_ms();

	(void)state;
	/* No pause of a busy machine is as long. */
	wires.message_wait_ms = WAIT_MS;
	SAY(WS_TEXT, "begun");
	/* PINGs in between are no progress. */
	while (owner.gone == 0 && clock_ms() - from < 10000) {
		SAY(FIN | WS_PING, "");
		read_all();
	}
	assert_in_range(clock_ms() - from, WAIT_MS, 9000);
	assert_int_equal(wires.counts.late, 1);
	until_closed();
	assert_ended(WIRE_END_POLICY, 1);
}

static void
one_that_began_with_nothing_has_one_too(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	wires.message_wait_ms = 1000;
	SAY(WS_TEXT, "");
	SAY(WS_CONTINUATION, "");
	while (owner.gone == 0 && clock_ms() - from < 10000)
		turn();
	assert_int_equal(owner.gone, 1);
	assert_got("\x88\x02\x03\xf0");
	until_closed();
}

/* Turns until t, on the clock. */
static void
turns_until(int64_t t)
{
	while (clock_ms() < t)
		turn();
}

static void
each_message_has_its_own_time(void **state)
{
	enum { WAIT_MS = 400 };
	bool sure = false;

	(void)state;
	wires.message_wait_ms = WAIT_MS;
	SAY(WS_TEXT, "begun");
	/* On a busy machine it may take a few times to look before the second one is late itself. */
	for (int i = 0; i < 10 && !sure; i++) {
		char bytes[50];
		size_t n = put_frame(bytes, FIN | WS_CONTINUATION, STR("end"));
		int64_t first = clock_ms(), second;

		n += put_frame(bytes + n, WS_TEXT, STR("begun"));
		write_all((struct str){bytes, n});
		turn();
		turns_until(first + WAIT_MS / 2);
		second = clock_ms();
		write_all((struct str){bytes, n});
		turn();
		turns_until(first + WAIT_MS + 20);
		sure = clock_ms() < second + WAIT_MS;
		if (sure || owner.gone == 0)
			assert_int_equal(owner.gone, 0);
		else
			skip();
	}
}

static void
half_a_message_goes_when_memory_is_short(void **state)
{
	struct budget_share other = {.bytes = 0};

	(void)state;
	SAY(WS_TEXT, "begun");
	(void)budget_set(fx.budget, &other, BUDGET_QUEUES, MEMORY_MAX);
	assert_int_equal(owner.gone, 0);
	assert_int_equal(kept_bytes(), 0);
	until_closed();
	assert_ended(WIRE_END_LOST, 1);
	budget_set(fx.budget, &other, BUDGET_QUEUES, 0);
}

/* ---- what goes out ---- */

static struct blob *
large(void)
{
	static char text[LARGE];

	return wire_frame(WS_BINARY, (struct str){text, sizeof text});
}

static void
while_it_is_blocked_the_newest_ping_is_remembered(void **state)
{
	size_t n;

	(void)state;
	assert_true(wire_ready(owner.wire));
	assert_false(wire_send(&wires, owner.wire, large()));
	assert_false(wire_ready(owner.wire));
	SAY(FIN | WS_PING, "old");
	SAY(FIN | WS_PING, "new");
	SAY(FIN | WS_TEXT, "heard");
	assert_messages("theard|");
	assert_int_equal(owner.drained, 0);
	for (int i = 0; i < 1000 && owner.drained == 0; i++) {
		read_all();
		turn();
	}
	assert_int_equal(owner.drained, 1);
	n = got().n;
	assert_int_equal(n, 10 + LARGE + 5);
	assert_memory_equal(fx.got + 10 + LARGE, "\x8a\x03new", 5);
	assert_int_equal(kept_bytes(), 0);
	assert_true(wire_send(&wires, owner.wire, wire_frame(WS_TEXT, STR("x"))));
	assert_got("\x81\x01x");
}

/* PONGs fill the socket, and one of them waits: the owner, who knows nothing of it, may still send. */
static void
a_pong_that_waits_does_not_keep_its_owner_from_sending(void **state)
{
	static char bytes[LARGE];
	size_t n = 0, pongs;

	(void)state;
	for (int i = 0; i < 400; i++)
		n += put_frame(bytes + n, FIN | WS_PING,
		    STR("12345678901234567890123456789012345678901234567890123456"
		        "78901234567890123456789012345678901234567890"));
	while (fcgi_raw_waits(fx.conn) == 0) {
		write_all((struct str){bytes, n});
		turn();
	}
	assert_true(wire_ready(owner.wire));
	assert_false(wire_send(&wires, owner.wire, large()));
	for (int i = 0; i < 1000 && owner.drained == 0; i++) {
		read_all();
		turn();
	}
	assert_int_equal(owner.drained, 1);
	pongs = got().n - LARGE - 10;
	assert_int_equal(pongs % 102, 0);
	assert_int_equal(kept_bytes(), 0);
}

/* The third one's head has room, and the rest of it has not: what came before it is not sent either. */
static void
without_memory_for_pongs_the_wire_is_lost_and_no_part_of_a_frame_is_sent(void **state)
{
	static char payload[100];
	char bytes[1000];
	size_t n = 0;

	for (int grows = 1; grows >= 0; grows--) {
		n = 0;
		for (int i = 0; i < 3; i++)
			n += put_frame(bytes + n, FIN | WS_PING, (struct str){payload, sizeof payload});
		grows_left = grows;
		write_all((struct str){bytes, n});
		turn();
		grows_left = -1;
		assert_got("");
		until_closed();
		assert_ended(WIRE_END_LOST, 1);
		teardown_wires(state);
		setup_open(state);
	}
}

static void
several_frames_can_be_one_blob_that_is_shared(void **state)
{
	struct buf b;
	struct blob *frames;

	(void)state;
	buf_init(&b, 100);
	wire_add_frame(&b, WS_TEXT, STR("a"));
	wire_add_frame(&b, WS_TEXT, STR("bc"));
	frames = blob_new(b.n);
	memcpy(frames->p, b.p, b.n);
	assert_true(wire_send(&wires, owner.wire, blob_hold(frames)));
	assert_got("\x81\x01"
	           "a\x81\x02"
	           "bc");
	assert_int_equal(frames->holders, 1);
	blob_drop(frames);
	buf_fini(&b);
}

/* ---- the end ---- */

static void
a_close_is_answered_and_both_are_gone(void **state)
{
	(void)state;
	SAY(FIN | WS_CLOSE, "\x03\xe8"
	                    "bye");
	assert_int_equal(owner.gone, 1);
	assert_got("\x88\x02\x03\xe8");
	until_closed();
	assert_ended(WIRE_END_PEER, 1);
}

static void
a_close_without_a_code_is_answered_without(void **state)
{
	char bytes[50];
	size_t n = put_frame(bytes, FIN | WS_TEXT, STR("last"));

	(void)state;
	n += put_frame(bytes + n, FIN | WS_CLOSE, STR(""));
	n += put_frame(bytes + n, FIN | WS_TEXT, STR("behind"));
	write_all((struct str){bytes, n});
	turn();
	assert_messages("tlast|");
	assert_got(("\x88\0"));
	until_closed();
	assert_ended(WIRE_END_PEER, 1);
}

static void
a_close_is_answered_behind_what_is_on_its_way(void **state)
{
	size_t n;

	(void)state;
	assert_false(wire_send(&wires, owner.wire, large()));
	SAY(FIN | WS_PING, "nobody cares");
	SAY(FIN | WS_CLOSE, "\x03\xe8");
	assert_int_equal(owner.gone, 1);
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 1);
	for (int i = 0; i < 1000 && fcgi_counts(fx.fcgi).conns > 0; i++) {
		read_all();
		turn();
	}
	n = got().n;
	assert_int_equal(n, 10 + LARGE + 4);
	assert_memory_equal(fx.got + 10 + LARGE, "\x88\x02\x03\xe8", 4);
	assert_int_equal(owner.drained, 0);
	assert_ended(WIRE_END_PEER, 1);
}

static void
the_owner_closes_and_is_called_no_more(void **state)
{
	(void)state;
	wire_close(&wires, owner.wire, WS_CODE_GOING_AWAY);
	wire_close(&wires, owner.wire, WS_CODE_GOING_AWAY);
	assert_false(wire_send(&wires, owner.wire, wire_frame(WS_TEXT, STR("x"))));
	assert_got("\x88\x02\x03\xe9");
	SAY(WS_TEXT, "drop");
	SAY(FIN | WS_PING, "drop");
	SAY(FIN | WS_CONTINUATION, "drop");
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 1);
	SAY(FIN | WS_CLOSE, "\x03\xe9");
	assert_got("");
	until_closed();
	assert_messages("");
	assert_ended(WIRE_END_STOP, 0);
}

static void
close_from_within(void)
{
	wire_close(&wires, owner.wire, WS_CODE_NONE);
}

static void
the_owner_may_close_from_within_a_message(void **state)
{
	char bytes[50];
	size_t n = put_frame(bytes, FIN | WS_TEXT, STR("one"));

	(void)state;
	owner.within = close_from_within;
	n += put_frame(bytes + n, FIN | WS_TEXT, STR("two"));
	write_all((struct str){bytes, n});
	turn();
	assert_messages("tone|");
	assert_got("\x88\0");
	SAY(FIN | WS_CLOSE, "");
	until_closed();
	assert_ended(WIRE_END_OVER, 0);
}

static void
one_that_is_paused_can_be_closed(void **state)
{
	char bytes[50];
	size_t n = put_frame(bytes, FIN | WS_TEXT, STR("one"));

	(void)state;
	owner.pause = true;
	n += put_frame(bytes + n, FIN | WS_TEXT, STR("two"));
	n += put_frame(bytes + n, FIN | WS_CLOSE, STR(""));
	write_all((struct str){bytes, n});
	turn();
	wire_close(&wires, owner.wire, WS_CODE_NONE);
	for (int i = 0; i < 3; i++)
		turn();
	/* All is said, and what is left is that the peer closes. */
	assert_int_equal(shutdown(fx.client_fd, SHUT_RDWR), 0);
	turn();
	turn();
	assert_int_equal(fcgi_counts(fx.fcgi).conns, 0);
	assert_messages("tone|");
	assert_ended(WIRE_END_OVER, 0);
}

static void
what_comes_behind_the_peers_close_does_not_cost_ours(void **state)
{
	static char bytes[100 * 1000];
	size_t n = put_frame(bytes, FIN | WS_CLOSE, STR("\x03\xe8"));
	ssize_t got;

	(void)state;
	/* More than is read in a turn. */
	write_all((struct str){bytes, sizeof bytes});
	for (int i = 0; i < 5; i++)
		turn();
	while ((got = read(fx.client_fd, fx.got + fx.n_got, 1000)) > 0)
		fx.n_got += (size_t)got;
	assert_int_equal(got, 0);
	assert_true(fx.n_got >= 4 && n > 0);
	assert_memory_equal(fx.got + fx.n_got - 4, "\x88\x02\x03\xe8", 4);
	assert_ended(WIRE_END_PEER, 1);
}

/* The time since our CLOSE runs on. */
static void
nonsense_behind_our_close_changes_nothing(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	wire_close(&wires, owner.wire, WS_CODE_NONE);
	SAY(FIN | 3, "bad");
	while (clock_ms() - from < 2 * WIRE_QUIET_MS)
		turn();
	/* Of a machine that stood still nothing can be said. */
	if (clock_ms() - from < WIRE_CLOSE_MS / 2)
		assert_int_equal(fcgi_counts(fx.fcgi).conns, 1);
	until_closed();
	assert_in_range(clock_ms() - from, WIRE_CLOSE_MS, 19000);
	assert_ended(WIRE_END_OVER, 0);
}

/* It goes on sending, and never says CLOSE. */
static void
the_peers_close_is_waited_for_5_s(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	wire_close(&wires, owner.wire, WS_CODE_NONE);
	while (fcgi_counts(fx.fcgi).conns > 0 && clock_ms() - from < 20000) {
		char bytes[50];

		(void)send(fx.client_fd, bytes, put_frame(bytes, FIN | WS_TEXT, STR("more")), MSG_NOSIGNAL);
		turn();
		usleep(10000);
	}
	assert_in_range(clock_ms() - from, WIRE_CLOSE_MS, 19000);
	assert_ended(WIRE_END_OVER, 0);
}

static void
what_is_no_frame_ends_it(void **state)
{
	(void)state;
	SAY(FIN | WS_TEXT, "good");
	SAY(FIN | 3, "bad");
	assert_messages("tgood|");
	assert_int_equal(owner.gone, 1);
	assert_got("\x88\x02\x03\xea");
	until_closed();
	assert_ended(WIRE_END_PROTOCOL, 1);
}

/* As long as something comes the socket is read, and closed only then: or the CLOSE could be lost. */
static void
who_goes_on_sending_nonsense_is_read_for_a_while(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	SAY(FIN | WS_TEXT, "\xff");
	assert_got("\x88\x02\x03\xef");
	while (clock_ms() - from < 3 * WIRE_QUIET_MS && fcgi_counts(fx.fcgi).conns > 0) {
		write_all(STR("nonsense"));
		turn();
	}
	/* Of a turn that took longer than WIRE_QUIET_MS nothing can be said. */
	until_closed();
	assert_in_range(clock_ms() - from, WIRE_QUIET_MS, 19000);
	assert_ended(WIRE_END_UTF8, 1);
}

static void
one_that_is_lost_hands_on_what_came_before(void **state)
{
	char bytes[50];
	size_t n = put_frame(bytes, FIN | WS_TEXT, STR("last"));

	(void)state;
	n += put_frame(bytes + n, WS_TEXT, STR("begun"));
	write_all((struct str){bytes, n});
	close(fx.client_fd);
	fx.client_fd = -1;
	assert_false(wire_send(&wires, owner.wire, wire_frame(WS_TEXT, STR("x"))));
	assert_int_equal(owner.gone, 0);
	until_closed();
	assert_messages("tlast|");
	assert_ended(WIRE_END_LOST, 1);
}

static void
a_daemon_that_stops_says_so_to_all(void **state)
{
	int64_t from = clock_ms();

	(void)state;
	wires_drain(&wires);
	turn();
	assert_int_equal(owner.gone, 0);
	while (owner.gone == 0 && clock_ms() - from < 10000)
		turn();
	assert_in_range(clock_ms() - from, WIRE_DRAIN_MS, 9000);
	assert_got("\x88\x02\x03\xe9");
	SAY(FIN | WS_CLOSE, "\x03\xe9");
	until_closed();
	assert_ended(WIRE_END_STOP, 1);
}

static void
and_to_one_that_is_paused_when_it_goes_on(void **state)
{
	(void)state;
	owner.pause = true;
	SAY(FIN | WS_TEXT, "send this");
	wires_drain(&wires);
	for (int64_t from = clock_ms(); clock_ms() - from < 2 * WIRE_DRAIN_MS;)
		turn();
	assert_int_equal(owner.gone, 0);
	wire_go_on(&wires, owner.wire);
	assert_true(wire_send(&wires, owner.wire, wire_frame(WS_TEXT, STR("sent"))));
	for (int i = 0; i < 5; i++)
		turn();
	assert_int_equal(owner.gone, 1);
	assert_got("\x81\x04sent\x88\x02\x03\xe9");
}

/* Or whoever sends without an end would hold up the stop. */
static void
and_hears_nothing_more_from_one_that_is_paused(void **state)
{
	(void)state;
	owner.pause = true;
	SAY(FIN | WS_TEXT, "one");
	wires_drain(&wires);
	for (int64_t from = clock_ms(); clock_ms() - from < 2 * WIRE_DRAIN_MS;)
		turn();
	SAY(FIN | WS_TEXT, "two");
	SAY(WS_TEXT, "three");
	wire_go_on(&wires, owner.wire);
	for (int i = 0; i < 5; i++)
		turn();
	assert_messages("tone|");
	assert_int_equal(owner.gone, 1);
	assert_got("\x88\x02\x03\xe9");
}

/* The pong that is remembered is let go as well. */
static void
one_that_is_open_when_all_is_freed_leaves_nothing(void **state)
{
	(void)state;
	assert_false(wire_send(&wires, owner.wire, large()));
	SAY(FIN | WS_PING, "new");
	SAY(WS_TEXT, "begun");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_wires, teardown_wires)
#define OPEN_TEST(name) cmocka_unit_test_setup_teardown(name, setup_open, teardown_wires)
	const struct CMUnitTest tests[] = {
	    TEST(what_asks_for_no_websocket_is_refused),
	    TEST(by_fastcgi_there_is_none),
	    TEST(in_a_daemon_that_stops_there_is_none),
	    OPEN_TEST(messages_come_whole_and_nothing_is_kept),
	    OPEN_TEST(a_message_may_be_cut_anywhere),
	    OPEN_TEST(many_small_messages_at_once_come_one_by_one),
	    OPEN_TEST(one_that_is_paused_goes_on_where_it_was),
	    OPEN_TEST(it_may_go_on_before_it_was_paused),
	    OPEN_TEST(a_message_that_is_too_long_ends_it),
	    OPEN_TEST(the_rest_of_a_message_has_a_time),
	    OPEN_TEST(one_that_began_with_nothing_has_one_too),
	    OPEN_TEST(each_message_has_its_own_time),
	    OPEN_TEST(half_a_message_goes_when_memory_is_short),
	    OPEN_TEST(while_it_is_blocked_the_newest_ping_is_remembered),
	    OPEN_TEST(a_pong_that_waits_does_not_keep_its_owner_from_sending),
	    OPEN_TEST(without_memory_for_pongs_the_wire_is_lost_and_no_part_of_a_frame_is_sent),
	    OPEN_TEST(several_frames_can_be_one_blob_that_is_shared),
	    OPEN_TEST(a_close_is_answered_and_both_are_gone),
	    OPEN_TEST(a_close_without_a_code_is_answered_without),
	    OPEN_TEST(a_close_is_answered_behind_what_is_on_its_way),
	    OPEN_TEST(the_owner_closes_and_is_called_no_more),
	    OPEN_TEST(the_owner_may_close_from_within_a_message),
	    OPEN_TEST(one_that_is_paused_can_be_closed),
	    OPEN_TEST(what_comes_behind_the_peers_close_does_not_cost_ours),
	    OPEN_TEST(nonsense_behind_our_close_changes_nothing),
	    OPEN_TEST(the_peers_close_is_waited_for_5_s),
	    OPEN_TEST(what_is_no_frame_ends_it),
	    OPEN_TEST(who_goes_on_sending_nonsense_is_read_for_a_while),
	    OPEN_TEST(one_that_is_lost_hands_on_what_came_before),
	    OPEN_TEST(a_daemon_that_stops_says_so_to_all),
	    OPEN_TEST(and_to_one_that_is_paused_when_it_goes_on),
	    OPEN_TEST(and_hears_nothing_more_from_one_that_is_paused),
	    OPEN_TEST(one_that_is_open_when_all_is_freed_leaves_nothing),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
