/*
 * log: one line to stderr for each thing an admin should know.
 *
 * A line is `level word key=value …`: the word is fixed, so that it can be searched for and counted. Each line is one
 * write(2), so that lines of several threads never mix. In front of it stands what whoever keeps it does not know by
 * itself: for systemd's journal the level, as `<3>` (sd-daemon(3)), and otherwise the time, in UTC.
 */
#ifndef LOG_H
#define LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Looks whether stderr is systemd's journal. Once, before the first line; without it no line is for the journal. */
void log_start(void);

/* The greatest level that is written; LOG_INFO at first. */
void log_set_level(enum log_level level);

/* `word` is the fixed word; the format makes the key=value part, "" for none. */
void log_line(enum log_level level, const char *word, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* `longlined: …`, in words, an error: why it does not start. On a terminal no time stands in front. errno stays as it
 * is. */
void log_refusal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
