-- Search: an index of words that is filled behind the log.
--
-- Only the daemon touches the index, so that programs whose SQLite lacks FTS5 can write to the log. Updates and deletes
-- leave a note of what the index may still hold; the daemon takes the notes away as it brings the index up to date, and
-- learns from them which messages in its memory are not true any more.

CREATE TABLE changed (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	id INTEGER NOT NULL,
	room TEXT NOT NULL,
	sender TEXT NOT NULL,
	text TEXT,
	args TEXT
);

CREATE INDEX changed_id ON changed(id);

CREATE TRIGGER messages_changed AFTER UPDATE ON messages
WHEN NEW.text IS NOT OLD.text OR NEW.args IS NOT OLD.args OR NEW.sender IS NOT OLD.sender OR NEW.event IS NOT OLD.event
	OR NEW.at IS NOT OLD.at
BEGIN
	INSERT INTO changed (id, room, sender, text, args) VALUES (OLD.id, OLD.room, OLD.sender, OLD.text, OLD.args);
END;

CREATE TRIGGER messages_gone AFTER DELETE ON messages
BEGIN
	-- With PRAGMA recursive_triggers a REPLACE comes here as well.
	DELETE FROM replaced WHERE id = OLD.id;
	INSERT INTO changed (id, room, sender, text, args) VALUES (OLD.id, OLD.room, OLD.sender, OLD.text, OLD.args);
END;

-- INSERT OR REPLACE with a key that is taken deletes the older message without a DELETE trigger. What it may delete is
-- noted before, and what it did delete is treated after as any deletion is.
CREATE TABLE replaced (
	id INTEGER PRIMARY KEY,
	room TEXT NOT NULL,
	sender TEXT NOT NULL,
	text TEXT,
	args TEXT
);

CREATE TRIGGER messages_replace BEFORE INSERT ON messages
WHEN NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM messages WHERE room = NEW.room AND key = NEW.key)
BEGIN
	DELETE FROM replaced;
	INSERT INTO replaced SELECT id, room, sender, text, args FROM messages WHERE room = NEW.room AND key = NEW.key;
END;

CREATE TRIGGER messages_replaced AFTER INSERT ON messages
WHEN NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM replaced)
BEGIN
	DELETE FROM replaced WHERE id IN (SELECT id FROM messages);
	INSERT INTO deleted SELECT room, id FROM replaced WHERE true
		ON CONFLICT (room) DO UPDATE SET id = max(id, excluded.id);
	INSERT INTO changed (id, room, sender, text, args) SELECT id, room, sender, text, args FROM replaced;
	DELETE FROM attachments WHERE message IN (SELECT id FROM replaced);
	UPDATE rooms SET n = n - (SELECT count(*) FROM replaced) WHERE name = NEW.room;
	DELETE FROM replaced;
END;

-- What the index holds of a row: room and sender as one token each, so that a search restricted to them stays inside
-- the index and means exactly them; of arguments, the strings.
CREATE VIEW search_rows (id, room, sender, body) AS
SELECT id, 'r' || hex(room), 's' || hex(sender), CASE
		WHEN text IS NOT NULL THEN text
		WHEN json_valid(args) THEN coalesce((SELECT group_concat(value, char(10)) FROM json_tree(args) WHERE type = 'text'), '')
		ELSE ''
	END
FROM messages;

-- The same of the notes: exactly what was put in must be named to be taken out.
CREATE VIEW search_changed (seq, id, room, sender, body) AS
SELECT seq, id, 'r' || hex(room), 's' || hex(sender), CASE
		WHEN text IS NOT NULL THEN text
		WHEN json_valid(args) THEN coalesce((SELECT group_concat(value, char(10)) FROM json_tree(args) WHERE type = 'text'), '')
		ELSE ''
	END
FROM changed;

CREATE VIRTUAL TABLE search USING fts5 (room, sender, body,
	content = 'search_rows', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');

-- The greatest id that the index holds.
INSERT INTO meta VALUES ('indexed', 0);
