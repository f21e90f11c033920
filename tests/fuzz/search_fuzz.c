/*
 * Whatever is searched for is found, or not, or nothing to look for: it never is an error of the database's.
 */
#include <dirent.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "fuzz.h"
#include "store/store.h"

static struct store *writer, *reader;
static char folder[64], path[80];

static void
clean_up(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char file[100];

	store_close(reader);
	store_close(writer);
	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
		unlink(file);
	}
	rmdir(folder);
}

static void
add(struct str room, struct str sender, struct str body, bool is_args)
{
	struct message_fields f = {
	    .room = room, .event = STR("chat message"), .sender = sender, .body = body, .is_args = is_args};
	struct store_send send = {.message = message_new(&f)};
	struct store_news news = {0};

	MUST(send.message != NULL && store_append(writer, &send, 1, 0, &news) == STORE_OK);
	message_drop(send.message);
	store_news_fini(&news);
}

/* A small log, in memory where there is such a folder. */
static void
open_log(void)
{
	char error[STORE_ERROR_SIZE];
	struct store_options options = {.path = path, .search_timeout_ms = 5000, .reply_max = 1000000};
	struct store_news news = {0};

	log_set_level(LOG_ERROR);
	snprintf(folder, sizeof folder, "%s/longline-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/log.db", folder);
	atexit(clean_up);
	writer = store_open(&options, true, error);
	MUST(writer != NULL && store_start(writer, 1000, error) == 0);
	add(STR("main"), STR("ann"), STR("the quick brown fox, a - b -c \"d e\""), false);
	add(STR("main"), STR(""),
	    STR("\xC3\x9C"
	        "ber caf\xC3\xA9 \xF0\x9F\x98\x80 \xE2\x82\xAC 42"),
	    false);
	add(STR("ops"), STR("bob"),
	    STR("a\0b\x01"
	        "c\x02"
	        "d AND OR NOT NEAR"),
	    false);
	add(STR("ops"), STR("ann"), STR("[\"args\",{\"a\":[\"b\",1,null]}]"), true);
	add(STR("x"), STR("x"), STR("x x x x x x x x"), false);
	MUST(store_fill(writer, 0, &news) == STORE_OK && !news.index_behind);
	store_news_fini(&news);
	reader = store_open(&options, false, error);
	MUST(reader != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct store_page p = {
	    .cursor = STORE_NEWEST, .head = 100, .limit = 100, .from_ms = INT64_MIN, .until_ms = INT64_MAX};
	enum store_status status;
	struct buf all;

	if (n < 1)
		return 0;
	if (reader == NULL)
		open_log();
	p.rooms.all = (bytes[0] & 1) != 0;
	if (!p.rooms.all) {
		p.rooms.names[p.rooms.n++] = STR("main");
		p.rooms.names[p.rooms.n++] = STR("ops");
	}
	p.by_sender = (bytes[0] & 2) != 0;
	p.sender = bytes[0] & 4 ? STR("ann") : STR("");
	p.cursor = bytes[0] & 8 ? STORE_AFTER : STORE_NEWEST;
	p.count_max = bytes[0] & 16 ? 3 : 0;
	p.q = (struct str){(const char *)bytes + 1, n - 1};
	status = store_search(reader, &p);
	MUST(status == STORE_OK || status == STORE_SYNTAX || status == STORE_TIMEOUT);
	MUST(status != STORE_OK || (p.older == -1 && p.newer == -1 && p.n <= 5));
	if (status == STORE_OK && p.count_max > 0)
		MUST((size_t)p.total == (p.n > 3 ? 3 : p.n) && p.total_more == (p.n > 3));
	buf_init(&all, SIZE_MAX);
	buf_add_char(&all, '[');
	buf_add(&all, buf_str(&p.json));
	buf_add_char(&all, ']');
	if (status == STORE_OK)
		MUST(json_array(buf_str(&all), 100, NULL, NULL) == JSON_OK);
	buf_fini(&all);
	buf_fini(&p.json);
	return 0;
}
