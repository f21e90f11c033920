-- The index is merged in small pieces, by the daemon as it fills it (index_fill.c). Left to itself FTS5 would merge
-- seldom and much at a time, and sends would wait behind it for 10 ms and more.
INSERT INTO search (search, rank) VALUES ('automerge', 0);
