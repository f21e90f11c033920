-- Search in every language: the index is the daemon's own, made by its own tokenizer, which no other program knows. So it
-- makes the tables itself (fcgi/store/index_tables.c), and the one that sql/002-search.sql made goes once a new one is
-- filled.

-- Messages that changed while a new index is filled: the old one, which stays as it was, has them as they were, and index
-- n already as they are.
CREATE TABLE reindexed (
	id INTEGER PRIMARY KEY,
	n INTEGER NOT NULL
);

-- The index has the event's words, too.
ALTER TABLE changed ADD COLUMN event TEXT NOT NULL DEFAULT 'chat message';
ALTER TABLE replaced ADD COLUMN event TEXT NOT NULL DEFAULT 'chat message';

-- These as they were before, and with the event (sql/007-changes.sql, sql/010-few.sql).

DROP TRIGGER messages_changed;
CREATE TRIGGER messages_changed AFTER UPDATE ON messages
WHEN NEW.text IS NOT OLD.text OR NEW.args IS NOT OLD.args OR NEW.sender IS NOT OLD.sender OR NEW.event IS NOT OLD.event
	OR NEW.at IS NOT OLD.at OR NEW."by" IS NOT OLD."by" OR NEW.edited IS NOT OLD.edited
BEGIN
	INSERT INTO changed (id, room, sender, text, args, kind, event)
		VALUES (OLD.id, OLD.room, OLD.sender, OLD.text, OLD.args, CASE WHEN OLD.changes IS NULL THEN 0 ELSE 2 END, OLD.event);
END;

DROP TRIGGER messages_gone;
CREATE TRIGGER messages_gone AFTER DELETE ON messages
BEGIN
	-- With PRAGMA recursive_triggers a REPLACE comes here as well.
	DELETE FROM replaced WHERE id = OLD.id;
	INSERT INTO changed (id, room, sender, text, args, kind, event)
		VALUES (OLD.id, OLD.room, OLD.sender, OLD.text, OLD.args,
			CASE WHEN OLD.changes IS NOT NULL THEN 2
				WHEN EXISTS (SELECT 1 FROM revisions WHERE target = OLD.id AND deletes) THEN 1 ELSE 0 END, OLD.event);
END;

DROP TRIGGER messages_doubted_asked;
CREATE TRIGGER messages_doubted_asked INSTEAD OF INSERT ON messages_doubted
BEGIN
	SELECT CASE
		WHEN NEW.id <> -1 AND NEW.id <= (SELECT seq FROM sqlite_sequence WHERE name = 'messages')
			THEN RAISE(ABORT, 'id must be above every id given so far: leave it out')
		WHEN NEW.changes IS NULL AND (NEW.event = 'message changed' OR NEW.event = 'message deleted')
			THEN RAISE(ABORT, 'events message changed and message deleted are of changes only: give changes too')
		WHEN NEW.changes IS NULL
			THEN NULL
		WHEN NEW.event <> 'message changed' AND NEW.event <> 'message deleted'
			THEN RAISE(ABORT, 'a change has event message changed or message deleted')
		WHEN NOT EXISTS (SELECT 1 FROM messages WHERE id = NEW.changes AND room = NEW.room AND changes IS NULL)
			THEN RAISE(ABORT, 'changes must be the id of a message of the same room that is no change itself')
		WHEN NEW.event = 'message deleted' AND NEW.text IS NOT ''
			THEN RAISE(ABORT, 'a deletion has text ''''')
		WHEN NEW.attachments <> 0
			THEN RAISE(ABORT, 'a change has no attachments')
	END;
	SELECT RAISE(ABORT, 'by must be NULL, or 1 to 128 bytes of text without control characters')
		WHERE NEW."by" IS NOT NULL AND (
			typeof(NEW."by") <> 'text' OR length(CAST(NEW."by" AS BLOB)) NOT BETWEEN 1 AND 128
			OR instr(CAST(NEW."by" AS BLOB), x'00') > 0
			OR NEW."by" GLOB '*[' || char(1) || '-' || char(31) || char(127) || '-' || char(159) || ']*');
	DELETE FROM replaced WHERE EXISTS (SELECT 1 FROM messages
		WHERE room = NEW.room AND key = NEW.key AND ifnull("by", '') = ifnull(NEW."by", ''));
	INSERT INTO replaced (id, room, sender, text, args, changes, event)
		SELECT id, room, sender, text, args, changes, event FROM messages
		WHERE room = NEW.room AND key = NEW.key AND ifnull("by", '') = ifnull(NEW."by", '');
END;

DROP TRIGGER messages_replaced;
CREATE TRIGGER messages_replaced INSTEAD OF INSERT ON messages_noted
WHEN NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM replaced)
BEGIN
	DELETE FROM replaced WHERE id IN (SELECT id FROM messages);
	INSERT INTO deleted SELECT room, id FROM replaced WHERE true
		ON CONFLICT (room) DO UPDATE SET id = max(id, excluded.id);
	INSERT INTO changed (id, room, sender, text, args, kind, event)
		SELECT id, room, sender, text, args, CASE WHEN changes IS NULL THEN 0 ELSE 2 END, event FROM replaced;
	DELETE FROM attachments WHERE message IN (SELECT id FROM replaced);
	UPDATE rooms SET n = n - (SELECT count(*) FROM replaced WHERE changes IS NULL) WHERE name = NEW.room;
	DELETE FROM replaced;
END;

-- Of what nearly all messages are it would find nearly all.
DROP VIEW search_rows;
CREATE VIEW search_rows (id, room, sender, body, event) AS
SELECT id, 'r' || hex(room), 's' || hex(sender), CASE
		WHEN text IS NOT NULL THEN text
		WHEN json_valid(args) THEN coalesce((SELECT group_concat(value, char(10)) FROM json_tree(args) WHERE type = 'text'), '')
		ELSE ''
	END, CASE WHEN event = 'chat message' THEN '' ELSE event END
FROM messages WHERE changes IS NULL;

DROP VIEW search_changed;
CREATE VIEW search_changed (seq, id, room, sender, body, event) AS
SELECT seq, id, 'r' || hex(room), 's' || hex(sender), CASE
		WHEN text IS NOT NULL THEN text
		WHEN json_valid(args) THEN coalesce((SELECT group_concat(value, char(10)) FROM json_tree(args) WHERE type = 'text'), '')
		ELSE ''
	END, CASE WHEN event = 'chat message' THEN '' ELSE event END
FROM changed WHERE kind <> 2;
