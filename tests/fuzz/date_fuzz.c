/*
 * What is a date lies in the years that can be written, and written anew it is read as the same.
 */
#include "base/date.h"

#include "fuzz.h"
#include "store/message.h"

static const int64_t DAY_MS = INT64_C(86400000), FIRST_MS = INT64_C(-62135596800000), END_MS = INT64_C(253402300800000);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str text;
	char again[MESSAGE_TIME_SIZE];
	int tz, minutes;
	int64_t day, moment, ms;

	if (n < 2)
		return 0;
	tz = (bytes[0] * 256 + bytes[1]) % (2 * 1439 + 1) - 1439;
	text = (struct str){(const char *)bytes + 2, n - 2};
	if (date_zone(text, &minutes))
		MUST(text.n == 6 && minutes >= -1439 && minutes <= 1439);
	if (date_day(text, tz, &day)) {
		MUST(text.n == 10 && (day + tz * 60000) % DAY_MS == 0);
		MUST(date_moment(text, tz, &moment) && moment == day);
	}
	if (!date_moment(text, tz, &moment))
		return 0;
	MUST(moment >= FIRST_MS - DAY_MS && moment < END_MS + DAY_MS + 1000);
	if (moment < FIRST_MS || moment >= END_MS)
		return 0;
	message_time(moment, again);
	MUST(date_moment(str_of(again), tz, &ms) && ms == moment);
	return 0;
}
