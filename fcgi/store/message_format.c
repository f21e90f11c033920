#include "message.h"

struct str
message_format_name(enum message_format format)
{
	return format == MESSAGE_MARKDOWN ? STR("markdown") : format == MESSAGE_PLAIN ? STR("plain") : STR("");
}

enum message_format
message_format_of(struct str name)
{
	return str_eq(name, STR("markdown")) ? MESSAGE_MARKDOWN
	       : str_eq(name, STR("plain"))  ? MESSAGE_PLAIN
	                                     : MESSAGE_AS_IT_IS;
}

struct str
message_format_told(const struct message_fields *f)
{
	bool plain = f->is_args && f->format == MESSAGE_MARKDOWN;
	enum message_format format = plain ? MESSAGE_PLAIN : f->format;

	return f->changes > 0 || format == MESSAGE_MARKDOWN ? message_format_name(format) : STR("");
}
