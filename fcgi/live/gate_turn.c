/* Whose turn it is: what a request takes of its person's limits, and how long it waits for that. */
#include "base/clock.h"
#include "gate_state.h"

enum {
	RATE_WAIT_MAX_MS = 10000,
	HELD_WAIT_MAX_MS = 1000,
	READ_WAIT_MAX_MS = 10000,
	PLACE_STEP_MS = 50,  /* between the first tries for a place; later ones are rarer, */
	PLACE_LATE_PART = 4, /* but it comes at most so many-th part of the wait too late */
	TAKES_RATE = GATE_REQUEST | GATE_SEND | GATE_BYTES | GATE_HANDSHAKE,
};

/* What a request takes of a rate. */
struct charge {
	enum limit limit;
	uint64_t amount;
};

static size_t
charges_of(const struct request *r, unsigned takes, struct charge charges[LIMIT_RATES])
{
	size_t n = 0;

	if (takes & GATE_REQUEST)
		charges[n++] = (struct charge){LIMIT_REQUESTS, 1};
	if (takes & GATE_SEND)
		charges[n++] = (struct charge){LIMIT_MESSAGES, 1};
	if (takes & (GATE_SEND | GATE_BYTES)) {
		charges[n++] = (struct charge){LIMIT_BYTES, r->body.n};
		charges[n++] = (struct charge){LIMIT_DAY_BYTES, r->body.n};
	}
	if (takes & GATE_READ)
		charges[n++] = (struct charge){LIMIT_READING, 0};
	return n;
}

/* Takes the rates of a person: ms to wait; or < 0, and nothing is taken: after so many ms (negated) it could, as far as
 * *refused is concerned. */
static int64_t
take_all(
    struct gate *g, struct person *p, const struct charge *charges, size_t n, int64_t wait_max_ms, enum limit *refused)
{
	int64_t now = clock_ms(), longest = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t wait = limit_take(g->persons, p, charges[i].limit, charges[i].amount, wait_max_ms, now);

		if (wait < 0) {
			for (size_t taken = 0; taken < i; taken++)
				limit_give_back(g->persons, p, charges[taken].limit, charges[taken].amount);
			*refused = charges[i].limit;
			return wait;
		}
		longest = wait > longest ? wait : longest;
	}
	return longest;
}

/* The same for a request; -1: answered. */
static int64_t
take_rates(struct gate *g, struct request *r, struct person *p, const struct charge *charges, size_t n)
{
	enum limit refused;
	int64_t wait = take_all(g, p, charges, n, RATE_WAIT_MAX_MS, &refused);

	if (wait >= 0)
		return wait;
	gate_refuse_rate(g, r->conn, refused, -wait);
	return -1;
}

int64_t
gate_take_message(struct gate *g, const struct pass *pass, size_t bytes, int64_t wait_max_ms)
{
	const struct charge charges[] = {{LIMIT_REQUESTS, 1}, {LIMIT_BYTES, bytes}, {LIMIT_DAY_BYTES, bytes}};
	enum limit refused;
	int64_t wait = take_all(g, pass->person, charges, sizeof charges / sizeof charges[0], wait_max_ms, &refused);

	if (wait > 0)
		g->counts.put_off++;
	return wait < 0 ? -1 : wait;
}

/* One of the address's, as if a stranger had come from there; without memory to know it, of nobody's. */
static int64_t
take_of_address(struct gate *g, struct request *r, enum limit l)
{
	struct access_ask ask = {.address = r->address, .forwarded = r->forwarded};
	char detail[ACCESS_DETAIL_SIZE];
	struct pass *stranger = access_pass(g->access, &ask, clock_wall_ms(), detail);
	int64_t wait;

	if (stranger == NULL)
		return 0;
	wait = take_rates(g, r, stranger->person, &(struct charge){l, 1}, 1);
	pass_drop(stranger);
	return wait;
}

bool
gate_take_of_address(struct gate *g, struct request *r)
{
	struct slot *slot = fcgi_slot(r->conn);
	int64_t wait = slot->entered & GATE_REQUEST ? 0 : take_of_address(g, r, LIMIT_REQUESTS);

	if (wait < 0)
		return false;
	slot->entered |= GATE_REQUEST;
	if (wait > 0)
		gate_put_off(g, r, wait);
	return wait == 0;
}

/* Handshakes are their address's, whoever comes from there, if it is known. */
static int64_t
take_handshake(struct gate *g, struct request *r)
{
	char text[PERSON_ADDRESS_SIZE];
	struct charge charge = {LIMIT_HANDSHAKES, 1};

	if (person_address(g->persons, r->address, r->forwarded, text).n == 0 ||
	    limit_is_off(g->persons, slot_pass(r->conn)->person, LIMIT_HANDSHAKES))
		return take_rates(g, r, slot_pass(r->conn)->person, &charge, 1);
	return take_of_address(g, r, LIMIT_HANDSHAKES);
}

/* A place in a count, or a moment's wait for one; false: answered, or put off. */
static bool
take_place(struct gate *g, struct request *r, unsigned take, enum limit l, int64_t wait_max_ms)
{
	struct slot *slot = fcgi_slot(r->conn);
	uint32_t now = (uint32_t)clock_ms(), waited, step;

	if (limit_enter(g->persons, slot->pass->person, l, 1)) {
		slot->entered |= (uint8_t)take;
		return true;
	}
	if (slot->since_ms == 0)
		slot->since_ms = now > 0 ? now : 1;
	waited = now - slot->since_ms;
	step = waited / PLACE_LATE_PART > PLACE_STEP_MS ? waited / PLACE_LATE_PART : PLACE_STEP_MS;
	if (waited < (uint32_t)wait_max_ms)
		gate_put_off(g, r, step);
	else
		gate_refuse_rate(g, r->conn, l, 1000);
	return false;
}

bool
gate_take(struct gate *g, struct request *r, unsigned takes)
{
	struct slot *slot = fcgi_slot(r->conn);
	unsigned rates = takes & ~slot->entered;
	struct charge charges[LIMIT_RATES];
	int64_t wait, handshake = 0;

	wait = take_rates(g, r, slot->pass->person, charges, charges_of(r, rates, charges));
	if (wait < 0 || (rates & GATE_HANDSHAKE && (handshake = take_handshake(g, r)) < 0))
		return false;
	wait = handshake > wait ? handshake : wait;
	slot->entered |= (uint8_t)(rates & TAKES_RATE);
	if (wait > 0) {
		gate_put_off(g, r, wait);
		return false;
	}
	if (rates & GATE_HELD && !take_place(g, r, GATE_HELD, LIMIT_HELD, HELD_WAIT_MAX_MS))
		return false;
	return !(rates & GATE_READ) || take_place(g, r, GATE_READ, LIMIT_READS, READ_WAIT_MAX_MS);
}

void
gate_begin_read(struct gate *g, struct fcgi_conn *conn, struct read_turn *turn)
{
	gate_end_read(g, turn);
	turn->key = person_hold(slot_pass(conn)->person);
}

void
gate_end_read(struct gate *g, struct read_turn *turn)
{
	struct person *p = turn->key;

	if (p == NULL)
		return;
	limit_charge(g->persons, p, LIMIT_READING, (uint64_t)(turn->took_us + 500) / 1000, clock_ms());
	person_drop(g->persons, p, clock_ms());
	*turn = (struct read_turn){.key = NULL};
}
