#include "access/access.h"

#include "../../jwt.h"
#include "../../memory.h"
#include "base/log.h"
#include "test.h"
#include "test_persons.h"

/* The linker puts these before those of the daemon and of libc, see the Makefile. */
struct person *__wrap_person_get(struct persons *all, struct str identity, enum person_class class, int64_t now_ms);
void __wrap_person_drop(struct persons *all, struct person *p, int64_t now_ms);
struct str __wrap_person_address(
    const struct persons *all, struct str address, struct str forwarded, char text[PERSON_ADDRESS_SIZE]);
bool __wrap_person_is_loopback(struct str address);
void __real_token_hmac(struct str key, struct str text, unsigned char hmac[TOKEN_HASH_SIZE]);
void __wrap_token_hmac(struct str key, struct str text, unsigned char hmac[TOKEN_HASH_SIZE]);
void __wrap_log_line(enum log_level level, const char *word, const char *format, ...);

static size_t verified; /* signatures that were computed */
static size_t said;     /* lines of the log */

FAILING_MALLOC(__wrap_malloc)
FAILING_CALLOC(__wrap_calloc)
FAILING_REALLOC(__wrap_realloc)

struct person *
__wrap_person_get(struct persons *all, struct str identity, enum person_class class, int64_t now_ms)
{
	(void)all;
	(void)now_ms;
	return test_person_get(identity, class);
}

void
__wrap_person_drop(struct persons *all, struct person *p, int64_t now_ms)
{
	(void)all;
	(void)now_ms;
	test_person_drop(p);
}

struct str
__wrap_person_address(
    const struct persons *all, struct str address, struct str forwarded, char text[PERSON_ADDRESS_SIZE])
{
	(void)all;
	return test_person_address(address, forwarded, text);
}

bool
__wrap_person_is_loopback(struct str address)
{
	return str_eq(address, STR("127.0.0.1"));
}

void
__wrap_token_hmac(struct str key, struct str text, unsigned char hmac[TOKEN_HASH_SIZE])
{
	verified++;
	__real_token_hmac(key, text, hmac);
}

void
__wrap_log_line(enum log_level level, const char *word, const char *format, ...)
{
	(void)level;
	(void)word;
	(void)format;
	said++;
}

enum { NOW_S = 1700000000, HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };
#define NOW_MS (INT64_C(1000) * NOW_S)

static struct access *a;
static struct store_access *rows; /* to be set next */
static char detail[ACCESS_DETAIL_SIZE];
static int64_t now_ms;

/* New rows, of a closed log. */
static void
begin_rows(void)
{
	static int64_t version;

	store_access_free(rows);
	rows = calloc(1, sizeof *rows);
	rows->tokens = calloc(4, sizeof *rows->tokens);
	rows->grants = calloc(STORE_GRANTS_MAX, sizeof *rows->grants);
	rows->version = ++version;
	rows->closed = true;
}

static struct store_token *
token_row(const char *name, const char *secret)
{
	struct store_token *t = &rows->tokens[rows->n_tokens++];

	assert_true(rows->n_tokens <= 4);
	snprintf(t->name, sizeof t->name, "%s", name);
	snprintf(t->sender, sizeof t->sender, "%s", name);
	token_hash(str_of(secret), t->hash);
	t->expires_ms = INT64_MAX;
	return t;
}

static void
grant_row(const char *who, const char *rooms, const char *may)
{
	struct store_grant *g = &rows->grants[rows->n_grants++];

	snprintf(g->who, sizeof g->who, "%s", who);
	snprintf(g->rooms, sizeof g->rooms, "%s", rooms);
	snprintf(g->may, sizeof g->may, "%s", may);
}

static void
set_rows(void)
{
	int64_t version = rows->version;
	bool closed = rows->closed;

	assert_int_equal(access_set(a, rows), 0);
	rows = NULL;
	assert_int_equal(access_version(a), version);
	assert_int_equal(access_closed(a), closed);
}

static const char *const trusted[] = {"user:root", "user:admin"};

static int
setup(void **state)
{
	const struct access_options options = {.trusted = trusted, .n_trusted = 2};

	(void)state;
	said = 0;
	now_ms = NOW_MS;
	a = access_new(&options);
	begin_rows();
	return a == NULL;
}

/* All is given back: access_free(), sights_free() and the persons assert it. */
static int
teardown(void **state)
{
	(void)state;
	access_free(a);
	test_persons_end();
	store_access_free(rows);
	rows = NULL;
	return 0;
}

static struct pass *
ask_with(struct access_ask ask)
{
	struct pass *p = access_pass(a, &ask, now_ms, detail);

	assert_true(p == NULL || (detail[0] == '\0' && !p->revoked && p->sight != NULL && p->person != NULL));
	return p;
}

static struct pass *
ask_header(const char *format, const char *value)
{
	char header[512];

	snprintf(header, sizeof header, format, value);
	return ask_with((struct access_ask){.authorization = str_of(header), .address = STR("192.0.2.1")});
}

static struct pass *
ask_token(const char *secret)
{
	return ask_header("Bearer %s", secret);
}

static struct pass *
ask_user(const char *user)
{
	return ask_with((struct access_ask){.user = str_of(user), .address = STR("192.0.2.1")});
}

static struct pass *
ask_stranger(const char *address)
{
	return ask_with((struct access_ask){.address = str_of(address)});
}

static void
assert_refused(struct pass *p, const char *why)
{
	assert_null(p);
	if (strstr(detail, why) == NULL || detail[0] == '\0')
		fail_msg("'%s', expected '%s'", detail, why);
}

static void
assert_may(const struct pass *p, const char *room, const char *may)
{
	if ((int)sight_may(p->sight, str_of(room)) != sight_read_may(str_of(may)))
		fail_msg("%.*s in %s: %u, expected %s", STR_ARGS(p->by), room, sight_may(p->sight, str_of(room)), may);
}

static void
assert_person(const struct pass *p, const char *identity, enum person_class class)
{
	assert_string_equal(p->person->identity, identity);
	assert_int_equal(p->person->class, class);
}

#define HEADER "{\"alg\":\"HS256\"}"
static const char key_bytes[] = "0123456789abcdef0123456789abcdef";
static const char other_key_bytes[] = "another key of more than 32 bytes";

/* Signed with either key. */
static struct pass *
ask_jwt_of(const char *key, const char *claims)
{
	struct buf text;
	struct pass *p;

	buf_init(&text, 1 << 16);
	jwt_sign(&text, str_of(key), STR(HEADER), str_of(claims));
	buf_add_char(&text, '\0');
	p = ask_token(text.p);
	buf_fini(&text);
	return p;
}

static struct pass *
ask_jwt(const char *claims)
{
	return ask_jwt_of(key_bytes, claims);
}

static void
read_keys(const char *const *keys, size_t n)
{
	char folder[TEST_PATH_SIZE], paths[4][TEST_PATH_SIZE + 8], error[STORE_ERROR_SIZE];
	const char *files[4];

	test_folder(folder);
	for (size_t i = 0; i < n; i++) {
		FILE *f;

		snprintf(paths[i], sizeof paths[i], "%s/%zu", folder, i);
		files[i] = paths[i];
		assert_non_null(f = fopen(paths[i], "w"));
		fprintf(f, "%s\n", keys[i]);
		fclose(f);
	}
	assert_int_equal(access_read_keys(a, files, n, error), 0);
	test_folder_remove(folder);
}

static void
lets_everybody_read_and_write_an_open_log(void **state)
{
	struct pass *p;

	(void)state;
	for (int i = 0; i < 2; i++) {
		p = ask_stranger("192.0.2.1");
		assert_may(p, "main", "rw");
		assert_int_equal(p->kind, PASS_STRANGER);
		assert_int_equal(p->by.n, 0);
		assert_int_equal(p->sender.n, 0);
		assert_person(p, "@192.0.2.1", PERSON_STRANGER);
		pass_drop(p);
		assert_int_equal(access_counts(a).passes, i); /* it is gone; ann's stays for a while */
		p = ask_user("ann");
		assert_may(p, "main", "rw");
		assert_str(p->by, "user:ann");
		assert_str(p->sender, "ann");
		assert_person(p, "user:ann", PERSON_USER);
		pass_drop(p);
		assert_refused(ask_token("ll_nobody"), "not known");
		assert_false(access_closed(a));
		/* Grants do not count there. */
		if (i == 0) {
			grant_row("anyone", "*", "");
			rows->closed = false;
			set_rows();
		}
	}
	assert_int_equal(access_counts(a).refused, 2);
}

static void
has_one_order_in_a_closed_log(void **state)
{
	struct pass *stranger, *ann, *bob, *ci, *jwt;

	(void)state;
	read_keys((const char *const[]){key_bytes}, 1);
	token_row("ci", "ll_ci");
	grant_row("anyone", "pub*", "r");
	grant_row("users", "pub*", "rw");
	grant_row("users", "team", "r");
	grant_row("user:ann", "team", "rw");
	grant_row("user:ann", "pub-no", "");
	grant_row("token:ci", "builds*", "w");
	grant_row("token:ann", "*", "rwm"); /* nobody */
	set_rows();
	stranger = ask_stranger("192.0.2.1");
	ann = ask_user("ann");
	bob = ask_user("bob");
	ci = ask_token("ll_ci");
	jwt = ask_jwt("{\"sub\":\"ann\",\"exp\":1700000600,\"ll\":[{\"rooms\":\"*\",\"may\":\"m\"}]}");
	assert_may(stranger, "pub1", "r");
	assert_may(stranger, "team", "");
	assert_may(ann, "pub1", "rw");
	assert_may(ann, "pub-no", "");
	assert_may(ann, "team", "rw");
	assert_may(bob, "team", "r");
	assert_may(bob, "pub-no", "rw");
	assert_may(ci, "builds", "w");
	assert_may(ci, "team", "r");
	assert_may(ci, "pub1", "rw");
	assert_may(jwt, "team", "rw");
	assert_may(jwt, "pub-no", "");
	assert_may(jwt, "pub1", "m");
	assert_may(jwt, "elsewhere", "m");
	assert_ptr_equal(jwt->person, ann->person);
	assert_str(jwt->by, "user:ann");
	pass_drop(stranger);
	pass_drop(ann);
	pass_drop(bob);
	pass_drop(ci);
	pass_drop(jwt);
}

static void
shares_passes_and_sights(void **state)
{
	struct pass *one, *two, *three;

	(void)state;
	token_row("ci", "ll_ci");
	grant_row("users", "pub*", "r");
	set_rows();
	one = ask_token("ll_ci");
	two = ask_header("Basic %s", "OmxsX2Np"); /* :ll_ci */
	assert_ptr_equal(one, two);
	assert_int_equal(one->holders, 2);
	three = ask_with((struct access_ask){.token = STR("ll_ci"), .authorization = STR("Bearer ll_no")});
	assert_ptr_equal(one, three);
	pass_drop(two);
	pass_drop(three);
	two = ask_user("ann");
	three = ask_user("ann");
	assert_ptr_equal(two, three);
	assert_ptr_not_equal(one, two);
	assert_ptr_equal(one->sight, two->sight);
	pass_drop(three);
	pass_drop(two);
	pass_drop(one);
	one = ask_stranger("192.0.2.1");
	two = ask_stranger("192.0.2.1");
	three = ask_stranger("192.0.2.2");
	assert_ptr_equal(one, two);
	assert_ptr_not_equal(one, three);
	assert_ptr_equal(one->sight, three->sight);
	assert_ptr_equal(pass_hold(one), two);
	pass_drop(one);
	pass_drop(one);
	pass_drop(two);
	pass_drop(three);
	pass_drop(NULL);
	assert_int_equal(access_counts(a).passes, 2); /* the token's and ann's stay for a while */
}

static void
takes_what_a_token_row_says(void **state)
{
	struct pass *p;

	(void)state;
	snprintf(token_row("bot", "ll_bot")->sender, 65, "Robot");
	snprintf(token_row("bridge", "ll_bridge")->sender, 65, "*");
	token_row("ops", "ll_ops")->trusted = true;
	token_row("old", "ll_old")->expires_ms = NOW_MS;
	set_rows();
	p = ask_token("ll_bot");
	assert_int_equal(p->kind, PASS_TOKEN);
	assert_str(p->by, "bot");
	assert_str(p->sender, "Robot");
	assert_false(p->claims);
	assert_person(p, "token:bot", PERSON_USER);
	assert_may(p, "main", "");
	pass_drop(p);
	p = ask_token("ll_bridge");
	assert_str(p->by, "bridge");
	assert_str(p->sender, "");
	assert_true(p->claims);
	pass_drop(p);
	p = ask_token("ll_ops");
	assert_person(p, "token:ops", PERSON_TRUSTED);
	pass_drop(p);
	assert_refused(ask_token("ll_old"), "expired");
	now_ms--;
	p = ask_token("ll_old");
	assert_non_null(p);
	now_ms++;
	assert_refused(ask_token("ll_old"), "expired");
	assert_true(p->revoked);
	pass_drop(p);
	p = ask_user("root");
	assert_person(p, "user:root", PERSON_TRUSTED);
	pass_drop(p);
}

static void
takes_no_bad_credential_for_a_strangers(void **state)
{
	static const char *const bad[] = {"Bearer", "Bearer ", "Bearer ll_", "Bearer ll_x", "Bearer a b", "Bearer x",
	    "Bearer a.b.c", "bearer e30.e30.", "Basic OmxsX25v", "Basic YW5uOmxsXw=="};
	static const char *const let_pass[] = {"", "Basic YW5uOnNlY3JldA==", "Digest x", "Basic"};
	size_t refused = 0;

	(void)state;
	for (int closed = 0; closed < 2; closed++) {
		rows->closed = closed;
		set_rows();
		for (size_t i = 0; i < LENGTH(bad); i++) {
			assert_refused(ask_header("%s", bad[i]), "");
			assert_refused(
			    ask_with((struct access_ask){.authorization = str_of(bad[i]), .user = STR("x\n")}), "");
			refused += 2;
		}
		assert_refused(ask_with((struct access_ask){.token = STR("x")}), "");
		assert_refused(ask_with((struct access_ask){.token = STR("ll_\n")}), "");
		assert_int_equal(access_counts(a).refused, refused += 2);
		for (size_t i = 0; i < LENGTH(let_pass); i++) {
			struct pass *p = ask_header("%s", let_pass[i]);

			assert_int_equal(p->kind, PASS_STRANGER);
			pass_drop(p);
		}
		begin_rows();
	}
	assert_int_equal(access_counts(a).basic_unchecked, 4);
	assert_int_equal(said, 1);
}

static void
takes_the_first_of_token_header_and_user(void **state)
{
	struct pass *p;

	(void)state;
	token_row("one", "ll_1");
	token_row("two", "ll_2");
	set_rows();
	p = ask_with(
	    (struct access_ask){.token = STR("ll_1"), .authorization = STR("Bearer ll_2"), .user = STR("ann")});
	assert_str(p->by, "one");
	pass_drop(p);
	p = ask_with((struct access_ask){.authorization = STR("Bearer ll_2"), .user = STR("ann")});
	assert_str(p->by, "two");
	pass_drop(p);
	p = ask_with((struct access_ask){.authorization = STR("Basic YW5uOnNlY3JldA=="), .user = STR("ann")});
	assert_str(p->by, "user:ann");
	assert_int_equal(access_counts(a).basic_unchecked, 0);
	pass_drop(p);
	assert_refused(
	    ask_with((struct access_ask){.authorization = STR("Bearer ll_3"), .user = STR("ann")}), "not known");
	assert_refused(ask_with((struct access_ask){.user = STR("a\nb")}), "web server");
	/* A Bearer that the web server has checked, as long as it cannot be for us. */
	p = ask_with((struct access_ask){.authorization = STR("Bearer a.b.c"), .user = STR("ann")});
	assert_str(p->by, "user:ann");
	pass_drop(p);
	read_keys((const char *const[]){key_bytes}, 1);
	assert_refused(ask_with((struct access_ask){.authorization = STR("Bearer a.b.c"), .user = STR("ann")}), "JWT");
}

/* Who holds a pass has what the rows say from the moment in which they are set. */
static void
brings_held_passes_up_to_date(void **state)
{
	struct pass *ann, *bob, *stranger;
	uint64_t changes;

	(void)state;
	stranger = ask_stranger("192.0.2.1");
	ann = ask_user("ann");
	bob = ask_user("bob");
	changes = access_changes(a);
	grant_row("users", "*", "r");
	grant_row("user:ann", "team", "rw");
	set_rows();
	assert_int_equal(access_changes(a), changes + 3);
	assert_may(stranger, "team", "");
	assert_may(ann, "team", "rw");
	assert_may(bob, "team", "r");
	changes = access_changes(a);
	/* The same again, but for bob. */
	begin_rows();
	grant_row("user:bob", "team", "");
	grant_row("user:ann", "team", "rw");
	grant_row("users", "*", "r");
	set_rows();
	assert_int_equal(access_changes(a), changes + 1);
	assert_may(ann, "team", "rw");
	assert_may(bob, "team", "");
	assert_false(ann->revoked || bob->revoked || stranger->revoked);
	begin_rows();
	rows->closed = false;
	set_rows();
	assert_may(bob, "team", "rw");
	pass_drop(ann);
	pass_drop(bob);
	pass_drop(stranger);
}

static void
revokes_tokens_that_are_gone(void **state)
{
	struct pass *ci, *other, *again;
	uint64_t changes;

	(void)state;
	token_row("ci", "ll_ci");
	token_row("other", "ll_other");
	grant_row("users", "*", "rw");
	set_rows();
	ci = ask_token("ll_ci");
	other = ask_token("ll_other");
	changes = access_changes(a);
	begin_rows();
	token_row("other", "ll_other");
	grant_row("users", "*", "rw");
	set_rows();
	assert_int_equal(access_changes(a), changes + 1);
	assert_true(ci->revoked);
	assert_may(ci, "main", "");
	assert_str(ci->by, "ci");
	assert_may(other, "main", "rw");
	assert_refused(ask_token("ll_ci"), "not known");
	/* With the same secret again, it is another pass; who lost it has lost it. */
	begin_rows();
	token_row("ci", "ll_ci");
	token_row("other", "ll_new secret");
	grant_row("users", "*", "rw");
	set_rows();
	again = ask_token("ll_ci");
	assert_non_null(again);
	assert_ptr_not_equal(again, ci);
	assert_true(ci->revoked);
	assert_true(other->revoked);
	assert_refused(ask_token("ll_other"), "not known");
	/* A secret that belongs to another name now. */
	begin_rows();
	token_row("else", "ll_ci");
	set_rows();
	assert_true(again->revoked);
	pass_drop(again);
	again = ask_token("ll_ci");
	assert_str(again->by, "else");
	pass_drop(again);
	pass_drop(ci);
	pass_drop(other);
}

static void
follows_a_token_row(void **state)
{
	struct pass *p;

	(void)state;
	token_row("ci", "ll_ci");
	set_rows();
	p = ask_token("ll_ci");
	begin_rows();
	snprintf(token_row("ci", "ll_ci")->sender, 65, "*");
	rows->tokens[0].trusted = true;
	rows->tokens[0].expires_ms = NOW_MS + 5000;
	set_rows();
	assert_false(p->revoked);
	assert_true(p->claims);
	assert_str(p->sender, "");
	assert_person(p, "token:ci", PERSON_TRUSTED);
	assert_int_equal(access_expire(a, NOW_MS), 5000);
	begin_rows();
	snprintf(token_row("ci", "ll_ci")->sender, 65, "Robot");
	set_rows();
	assert_false(p->claims);
	assert_str(p->sender, "Robot");
	assert_person(p, "token:ci", PERSON_USER);
	assert_int_equal(access_expire(a, NOW_MS + 6000), -1);
	assert_false(p->revoked);
	begin_rows();
	token_row("ci", "ll_ci")->expires_ms = NOW_MS + 6000;
	set_rows();
	assert_true(p->revoked);
	pass_drop(p);
}

static void
writes_down_once_a_day_that_a_token_was_used(void **state)
{
	char name[MESSAGE_SENDER_MAX + 1];
	int64_t at_ms;

	(void)state;
	token_row("ci", "ll_ci")->used_ms = NOW_MS - DAY_MS + 1;
	token_row("new", "ll_new");
	set_rows();
	pass_drop(ask_token("ll_ci"));
	assert_false(access_next_used(a, name, &at_ms));
	now_ms++;
	for (int i = 0; i < 3; i++)
		pass_drop(ask_token("ll_ci"));
	pass_drop(ask_token("ll_new"));
	assert_true(access_next_used(a, name, &at_ms));
	assert_string_equal(name, "ci");
	assert_int_equal(at_ms, NOW_MS + 1);
	/* What waits, and what the log does not show yet, is known when rows are read again. */
	begin_rows();
	token_row("new", "ll_new");
	token_row("ci", "ll_ci")->used_ms = NOW_MS - DAY_MS + 1;
	set_rows();
	now_ms += HOUR_MS;
	pass_drop(ask_token("ll_ci"));
	pass_drop(ask_token("ll_new"));
	assert_true(access_next_used(a, name, &at_ms));
	assert_string_equal(name, "new");
	assert_int_equal(at_ms, NOW_MS + 1);
	assert_false(access_next_used(a, name, &at_ms));
	now_ms = NOW_MS + 1 + DAY_MS;
	pass_drop(ask_token("ll_ci"));
	/* One that is gone when its turn would come. */
	begin_rows();
	set_rows();
	assert_false(access_next_used(a, name, &at_ms));
}

static void
ends_each_at_its_time(void **state)
{
	enum { N = 500 };
	struct pass *passes[N];
	char claims[128];
	int64_t ends[N], wait_ms, next_ms;

	(void)state;
	test_seed(7);
	read_keys((const char *const[]){key_bytes}, 1);
	for (int i = 0; i < N; i++) {
		int s = (int)test_random(1000) + 1;

		ends[i] = NOW_MS + INT64_C(1000) * s + 30000;
		snprintf(claims, sizeof claims, "{\"sub\":\"u%d\",\"exp\":%d}", i, NOW_S + s);
		assert_non_null(passes[i] = ask_jwt(claims));
		assert_int_equal(passes[i]->expires_ms, ends[i]);
	}
	/* Some go before; they stay known for a while. */
	for (int i = 0; i < N; i += 3)
		pass_drop(passes[i]);
	for (now_ms = NOW_MS; (wait_ms = access_expire(a, now_ms)) >= 0; now_ms += wait_ms) {
		next_ms = INT64_MAX;
		assert_true(wait_ms > 0);
		for (int i = 0; i < N; i++) {
			if (ends[i] > now_ms && ends[i] < next_ms)
				next_ms = ends[i];
			if (i % 3 != 0)
				assert_int_equal(passes[i]->revoked, ends[i] <= now_ms);
		}
		assert_int_equal(wait_ms, next_ms - now_ms);
	}
	assert_int_equal(access_counts(a).passes, 0);
	for (int i = 0; i < N; i++)
		if (i % 3 != 0)
			pass_drop(passes[i]);
}

static void
ends_so_many_at_a_time(void **state)
{
	enum { N = ACCESS_EXPIRE_MAX + 1 };
	struct pass **passes = calloc(N, sizeof *passes);
	char claims[128];
	size_t revoked = 0;

	(void)state;
	read_keys((const char *const[]){key_bytes}, 1);
	for (int i = 0; i < N; i++) {
		snprintf(claims, sizeof claims, "{\"sub\":\"u%d\",\"exp\":%d}", i, NOW_S);
		assert_non_null(passes[i] = ask_jwt(claims));
	}
	assert_int_equal(access_expire(a, NOW_MS + 30000), 0);
	for (int i = 0; i < N; i++)
		revoked += passes[i]->revoked;
	assert_int_equal(revoked, ACCESS_EXPIRE_MAX);
	assert_int_equal(access_expire(a, NOW_MS + 30000), -1);
	for (int i = 0; i < N; i++) {
		assert_true(passes[i]->revoked);
		pass_drop(passes[i]);
	}
	free(passes);
}

static void
verifies_a_jwt_once(void **state)
{
	static const char claims[] = "{\"sub\":\"ann\",\"name\":\"Ann\",\"exp\":1700000600}";
	char others[128];
	struct pass *p;

	(void)state;
	read_keys((const char *const[]){key_bytes}, 1);
	verified = 0;
	for (int i = 0; i < 5; i++) {
		p = ask_jwt(claims);
		assert_str(p->sender, "Ann");
		assert_int_equal(p->kind, PASS_JWT);
		pass_drop(p);
	}
	assert_int_equal(verified, 5 + 1); /* as often as it was signed, and once */
	/* It stays among the last so many, and goes with one more. */
	for (int i = 0; i < PASS_IDLE_MAX; i++) {
		snprintf(others, sizeof others, "u%d", i);
		pass_drop(ask_user(others));
		if (i == PASS_IDLE_MAX - 2) {
			verified = 0;
			p = ask_jwt(claims);
			assert_int_equal(verified, 1);
			pass_drop(p);
		}
		assert_in_range(access_counts(a).passes, 1, PASS_IDLE_MAX);
	}
	p = ask_user("u0");
	verified = 0;
	pass_drop(ask_jwt(claims));
	assert_int_equal(verified, 1);
	pass_drop(p);
	assert_int_equal(access_counts(a).passes, PASS_IDLE_MAX);
	for (int i = 0; i <= PASS_IDLE_MAX; i++) {
		snprintf(others, sizeof others, "v%d", i);
		pass_drop(ask_user(others));
	}
	verified = 0;
	pass_drop(ask_jwt(claims));
	assert_int_equal(verified, 2);
	assert_int_equal(access_counts(a).passes, PASS_IDLE_MAX);
	assert_refused(ask_jwt("{\"sub\":\"ann\"}"), "exp");
}

static void
revokes_what_was_signed_with_a_key_that_is_gone(void **state)
{
	static const char claims[] = "{\"sub\":\"ann\",\"exp\":1700000600}";
	struct pass *one, *other, *user;
	char error[STORE_ERROR_SIZE] = "";

	(void)state;
	assert_refused(ask_jwt(claims), "no key");
	read_keys((const char *const[]){key_bytes, other_key_bytes}, 2);
	one = ask_jwt_of(key_bytes, claims);
	other = ask_jwt_of(other_key_bytes, claims);
	user = ask_user("ann");
	assert_ptr_not_equal(one, other);
	assert_int_equal(access_read_keys(a, (const char *const[]){"/nowhere"}, 1, error), -1);
	assert_non_null(strstr(error, "/nowhere"));
	read_keys((const char *const[]){other_key_bytes, key_bytes}, 2);
	assert_false(one->revoked || other->revoked);
	read_keys((const char *const[]){key_bytes}, 1);
	assert_true(other->revoked);
	assert_false(one->revoked);
	assert_refused(ask_jwt_of(other_key_bytes, claims), "signature");
	read_keys(NULL, 0);
	assert_true(one->revoked);
	assert_false(user->revoked);
	pass_drop(one);
	pass_drop(other);
	pass_drop(user);
}

static void
counts_no_stranger_whose_address_is_not_theirs(void **state)
{
	struct pass *p, *same;

	(void)state;
	p = ask_with((struct access_ask){.address = STR("10.0.0.1"), .forwarded = STR("192.0.2.1")});
	assert_person(p, "", PERSON_TRUSTED);
	assert_may(p, "main", "rw");
	same = ask_with((struct access_ask){.address = STR("")});
	assert_ptr_equal(p, same);
	pass_drop(p);
	pass_drop(same);
	p = ask_with(
	    (struct access_ask){.address = STR("10.0.0.1"), .forwarded = STR("192.0.2.1"), .user = STR("ann")});
	assert_person(p, "user:ann", PERSON_USER);
	pass_drop(p);
	pass_drop(ask_stranger("192.0.2.1"));
	assert_int_equal(access_counts(a).proxy, 1);
	assert_int_equal(access_counts(a).no_address, 1);
	assert_int_equal(said, 2);
	pass_drop(ask_stranger(""));
	assert_int_equal(said, 2);
}

static void
trusts_the_loopback_where_it_is_to(void **state)
{
	struct access_options options = {.loopback_trusted = true};
	struct pass *here, *there, *user, *forwarded;

	(void)state;
	here = ask_stranger("127.0.0.1");
	assert_may(here, "main", "rw");
	assert_person(here, "@127.0.0.1", PERSON_STRANGER);
	pass_drop(here);
	access_free(a);
	a = access_new(&options);
	here = ask_stranger("127.0.0.1");
	there = ask_stranger("192.0.2.1");
	user = ask_with((struct access_ask){.address = STR("127.0.0.1"), .user = STR("ann")});
	forwarded = ask_with((struct access_ask){.address = STR("127.0.0.1"), .forwarded = STR("192.0.2.1")});
	assert_may(here, "main", "rwm");
	assert_may(there, "main", "rw");
	assert_may(user, "main", "rw");
	assert_may(forwarded, "main", "rw");
	assert_person(here, "@127.0.0.1", PERSON_TRUSTED);
	assert_person(there, "@192.0.2.1", PERSON_STRANGER);
	assert_person(user, "user:ann", PERSON_USER);
	/* Where grants count they count for it too. */
	grant_row("anyone", "*", "r");
	grant_row("users", "*", "");
	set_rows();
	assert_may(here, "main", "r");
	assert_may(there, "main", "r");
	assert_may(user, "main", "");
	pass_drop(here);
	pass_drop(there);
	pass_drop(user);
	pass_drop(forwarded);
}

static void
lets_nobody_do_anything_when_there_are_too_many_rows(void **state)
{
	struct pass *stranger, *ci;

	(void)state;
	token_row("ci", "ll_ci");
	grant_row("users", "*", "rw");
	grant_row("anyone", "*", "r");
	rows->refused = true;
	set_rows();
	stranger = ask_stranger("192.0.2.1");
	ci = ask_token("ll_ci");
	assert_may(stranger, "main", "");
	assert_may(ci, "main", "");
	assert_int_equal(said, 1);
	begin_rows();
	token_row("ci", "ll_ci");
	grant_row("users", "*", "rw");
	set_rows();
	assert_may(ci, "main", "rw");
	pass_drop(stranger);
	pass_drop(ci);
}

/* Rows that were written by hand. */
static void
allows_nothing_by_rows_that_it_does_not_understand(void **state)
{
	struct pass *ann;

	(void)state;
	grant_row("users", "*", "r");
	grant_row("user:ann", "team", "read"); /* denies */
	grant_row("user:ann", "a b*", "rwm");
	grant_row("user:", "*", "rwm");
	grant_row("ann", "*", "rwm");
	grant_row("Users", "*", "rwm");
	token_row("", "ll_1");
	token_row("a\nb", "ll_2");
	token_row("twice", "ll_3");
	token_row("again", "ll_3");
	set_rows();
	ann = ask_user("ann");
	assert_may(ann, "team", "");
	assert_may(ann, "a", "r");
	assert_may(ann, "main", "r");
	pass_drop(ann);
	assert_refused(ask_token("ll_1"), "not known");
	assert_refused(ask_token("ll_2"), "not known");
	ann = ask_token("ll_3");
	assert_str(ann->by, "twice");
	pass_drop(ann);
	assert_int_equal(said, 1);
	assert_int_equal(access_counts(a).tokens, 1);
}

/* Ten thousand grants, as many as may be, half of them somebody's own; what all share stands in memory once. */
static void
holds_as_many_grants_as_may_be(void **state)
{
	enum { PASSES = 2000 };
	struct pass **passes = calloc(PASSES, sizeof *passes);
	char text[32], who[32];

	(void)state;
	for (int i = 0; i < STORE_GRANTS_MAX; i++) {
		snprintf(who, sizeof who, "user:u%d", i);
		snprintf(text, sizeof text, "r%d-*", i);
		grant_row(i % 2 == 0 ? who : "users", text, "rw");
	}
	set_rows();
	for (int i = 0; i < PASSES; i++) {
		snprintf(text, sizeof text, "u%d", 2 * i);
		passes[i] = ask_user(text);
		snprintf(text, sizeof text, "r%d-", 2 * i);
		assert_may(passes[i], text, "rw");
		assert_may(passes[i], "r4242-", i == 2121 ? "rw" : "");
		assert_may(passes[i], "r9999-", "rw");
		assert_int_equal(sight_rules(passes[i]->sight), 1 + STORE_GRANTS_MAX / 2);
	}
	assert_int_equal(access_counts(a).grants, STORE_GRANTS_MAX);
	assert_int_equal(access_counts(a).sights, PASSES + 3);
	begin_rows();
	set_rows();
	for (int i = 0; i < PASSES; i++) {
		assert_may(passes[i], "r9999-", "");
		pass_drop(passes[i]);
	}
	free(passes);
}

/* One of each kind, with rules of its own. */
static struct pass *
ask_kind(int kind)
{
	return kind == 0   ? ask_stranger("192.0.2.1")
	       : kind == 1 ? ask_user("ann")
	       : kind == 2
	           ? ask_token("ll_ci")
	           : ask_with((struct access_ask){
	                 .token = STR(
	                     "eyJhbGciOiJIUzI1NiJ9."
	                     "eyJzdWIiOiJhbm4iLCJleHAiOjE3MDAwMDA2MDAsImxsIjpbeyJyb29tcyI6Im9wcyoiLCJtYXkiOiJydyJ9XX0."
	                     "xWOqFYoeFTBTc-A4vOLsHVGuSofdgnO8fpQ9CAlOVT8")});
}

static void
begin_some_rows(void)
{
	begin_rows();
	token_row("ci", "ll_ci");
	grant_row("users", "team", "r");
	grant_row("anyone", "pub", "r");
	grant_row("user:ann", "team", "rw");
	grant_row("token:ci", "builds", "w");
}

/* Each allocation fails in turn, of each kind of pass: no pass and no reason, and the next time it is there. */
static void
makes_no_pass_without_memory(void **state)
{
	(void)state;
	read_keys((const char *const[]){key_bytes}, 1);
	begin_some_rows();
	set_rows();
	for (int kind = 0; kind < 4; kind++) {
		struct pass *p = NULL;
		int tries = 0;

		while (p == NULL) {
			assert_in_range(++tries, 1, 20);
			memory_left = tries - 1;
			p = ask_kind(kind);
			memory_left = -1;
			assert_string_equal(detail, "");
		}
		assert_true(tries > 1);
		assert_may(p,
		    kind == 0   ? "pub"
		    : kind == 1 ? "team"
		    : kind == 2 ? "builds"
		                : "ops1",
		    kind == 0   ? "r"
		    : kind == 2 ? "w"
		                : "rw");
		pass_drop(p);
	}
	assert_int_equal(access_counts(a).refused, 0);
}

/* Whatever was allowed, nothing is until the rows are there. */
static void
lets_nobody_do_anything_until_rows_are_there(void **state)
{
	struct pass *held[4] = {NULL};
	bool done = false;

	(void)state;
	read_keys((const char *const[]){key_bytes}, 1);
	begin_some_rows();
	set_rows();
	for (int tries = 1; !done; tries++) {
		assert_in_range(tries, 1, 40);
		for (int kind = 0; kind < 4; kind++)
			assert_non_null(held[kind] = ask_kind(kind));
		pass_drop(ask_user("idle"));
		begin_some_rows();
		grant_row("anyone", "*", "rw");
		memory_left = tries - 1;
		done = access_set(a, rows) == 0;
		memory_left = -1;
		for (int kind = 0; kind < 4; kind++) {
			assert_int_equal(held[kind]->revoked, !done);
			assert_int_equal(held[kind]->lost, !done);
			assert_may(held[kind], "elsewhere", done ? "rw" : "");
			assert_true(done || (ask_kind(kind) == NULL && detail[0] == '\0'));
			pass_drop(held[kind]);
		}
		if (!done)
			set_rows();
	}
	rows = NULL;
}

static void
begins_only_with_memory(void **state)
{
	const struct access_options options = {0};
	struct access *made = NULL;

	(void)state;
	for (int tries = 1; made == NULL; tries++) {
		assert_in_range(tries, 1, 40);
		memory_left = tries - 1;
		made = access_new(&options);
		memory_left = -1;
	}
	access_free(made);
	access_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(lets_everybody_read_and_write_an_open_log, setup, teardown),
	    cmocka_unit_test_setup_teardown(has_one_order_in_a_closed_log, setup, teardown),
	    cmocka_unit_test_setup_teardown(shares_passes_and_sights, setup, teardown),
	    cmocka_unit_test_setup_teardown(takes_what_a_token_row_says, setup, teardown),
	    cmocka_unit_test_setup_teardown(takes_no_bad_credential_for_a_strangers, setup, teardown),
	    cmocka_unit_test_setup_teardown(takes_the_first_of_token_header_and_user, setup, teardown),
	    cmocka_unit_test_setup_teardown(brings_held_passes_up_to_date, setup, teardown),
	    cmocka_unit_test_setup_teardown(revokes_tokens_that_are_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(follows_a_token_row, setup, teardown),
	    cmocka_unit_test_setup_teardown(writes_down_once_a_day_that_a_token_was_used, setup, teardown),
	    cmocka_unit_test_setup_teardown(ends_each_at_its_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(ends_so_many_at_a_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(verifies_a_jwt_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(revokes_what_was_signed_with_a_key_that_is_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(counts_no_stranger_whose_address_is_not_theirs, setup, teardown),
	    cmocka_unit_test_setup_teardown(trusts_the_loopback_where_it_is_to, setup, teardown),
	    cmocka_unit_test_setup_teardown(lets_nobody_do_anything_when_there_are_too_many_rows, setup, teardown),
	    cmocka_unit_test_setup_teardown(allows_nothing_by_rows_that_it_does_not_understand, setup, teardown),
	    cmocka_unit_test_setup_teardown(holds_as_many_grants_as_may_be, setup, teardown),
	    cmocka_unit_test_setup_teardown(makes_no_pass_without_memory, setup, teardown),
	    cmocka_unit_test_setup_teardown(lets_nobody_do_anything_until_rows_are_there, setup, teardown),
	    cmocka_unit_test_setup_teardown(begins_only_with_memory, setup, teardown),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
