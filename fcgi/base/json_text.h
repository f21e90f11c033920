/*
 * json_text: what the parsers of json share: giving yajl a text, and what yajl lets pass although it is no JSON.
 */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <yajl/yajl_parse.h>

#include "str.h"

/* Gives yajl all of the text; false: it found something wrong, or a callback stopped it. */
bool json_feed(yajl_handle yajl, struct str text);

/* JSON has no place for control characters but its three blanks (RFC 8259 section 2); yajl takes \v and \f for such. */
bool json_has_control(struct str text);

/* Whether nothing but blanks stands from end, where the value ends: yajl lets a token pass that is not finished when
 * the text ends. */
bool json_nothing_behind(struct str text, size_t end);

/* Whether half a surrogate pair is escaped: nothing can carry it on, as it has no UTF-8. The text must be good JSON
 * otherwise. */
bool json_lone_surrogate(struct str text);

#endif
