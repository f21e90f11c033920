-- What each message costs. For every trigger of a row SQLite begins a program, with room for all that the program needs,
-- before it asks whether the trigger's WHEN is so. So one trigger before a message and two behind it ask whether anything
-- is to be done that most messages do not need, and that stands in triggers of views, which begin when it is. A send costs
-- a quarter less of SQLite's time. All say what they said before (sql/001-log.sql, sql/004-rooms.sql, sql/007-changes.sql,
-- sql/008-by.sql, sql/009-steps.sql).

DROP TRIGGER messages_id;
DROP TRIGGER messages_change;
DROP TRIGGER messages_replace;
DROP TRIGGER messages_by;

-- A message that is to be inserted, and may not be as it is.
CREATE VIEW messages_doubted (id, room, event, text, attachments, key, "by", changes) AS
SELECT id, room, event, text, attachments, key, "by", changes FROM messages;

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
	INSERT INTO replaced SELECT id, room, sender, text, args, changes FROM messages
		WHERE room = NEW.room AND key = NEW.key AND ifnull("by", '') = ifnull(NEW."by", '');
END;

-- The name of a token was looked at when the token was made, and text of printable ASCII has no control characters.
CREATE TRIGGER messages_asked BEFORE INSERT ON messages
WHEN NEW.changes IS NOT NULL OR NEW.event = 'message changed' OR NEW.event = 'message deleted'
	OR NEW.id <> -1 AND NEW.id <= (SELECT seq FROM sqlite_sequence WHERE name = 'messages')
	OR NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM messages
		WHERE room = NEW.room AND key = NEW.key AND ifnull("by", '') = ifnull(NEW."by", ''))
	OR NEW."by" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM tokens WHERE name = NEW."by") AND (
		typeof(NEW."by") <> 'text' OR length(CAST(NEW."by" AS BLOB)) NOT BETWEEN 1 AND 128
		OR instr(CAST(NEW."by" AS BLOB), x'00') > 0 OR NEW."by" GLOB '*[^ -~]*')
BEGIN
	INSERT INTO messages_doubted
		VALUES (NEW.id, NEW.room, NEW.event, NEW.text, NEW.attachments, NEW.key, NEW."by", NEW.changes);
END;

DROP TRIGGER messages_proven;
DROP TRIGGER messages_replaced;
DROP TRIGGER messages_change_made;

-- A message that was inserted, and after which something else is to be done.
CREATE VIEW messages_noted (id, room, event, sender, text, args, key, at, "by", changes) AS
SELECT id, room, event, sender, text, args, key, at, "by", changes FROM messages;

-- What the change before it said is nobody's business any more.
CREATE TRIGGER messages_change_made INSTEAD OF INSERT ON messages_noted
WHEN NEW.changes IS NOT NULL
BEGIN
	UPDATE rooms SET trails = 1 WHERE name = NEW.room AND NOT trails;
	UPDATE messages SET text = '', args = NULL WHERE id = (SELECT id FROM revisions WHERE target = NEW.changes);
	INSERT INTO revisions VALUES (NEW.changes, NEW.id, NEW.event = 'message deleted')
		ON CONFLICT (target) DO UPDATE SET id = excluded.id, deletes = excluded.deletes;
	DELETE FROM attachments WHERE message = NEW.changes;
	UPDATE messages SET text = NEW.text, args = NEW.args, attachments = 0, edited = NEW.at
		WHERE id = NEW.changes AND NEW.event = 'message changed';
	INSERT INTO spent SELECT room, key, ifnull("by", ''), id, at FROM messages
		WHERE id = NEW.changes AND key IS NOT NULL AND NEW.event = 'message deleted'
		ON CONFLICT (room, key, "by") DO UPDATE SET id = excluded.id, at = excluded.at;
	DELETE FROM messages WHERE id = NEW.changes AND NEW.event = 'message deleted';
END;

CREATE TRIGGER messages_replaced INSTEAD OF INSERT ON messages_noted
WHEN NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM replaced)
BEGIN
	DELETE FROM replaced WHERE id IN (SELECT id FROM messages);
	INSERT INTO deleted SELECT room, id FROM replaced WHERE true
		ON CONFLICT (room) DO UPDATE SET id = max(id, excluded.id);
	INSERT INTO changed (id, room, sender, text, args, kind)
		SELECT id, room, sender, text, args, CASE WHEN changes IS NULL THEN 0 ELSE 2 END FROM replaced;
	DELETE FROM attachments WHERE message IN (SELECT id FROM replaced);
	UPDATE rooms SET n = n - (SELECT count(*) FROM replaced WHERE changes IS NULL) WHERE name = NEW.room;
	DELETE FROM replaced;
END;

CREATE TRIGGER messages_proven INSTEAD OF INSERT ON messages_noted
WHEN NEW."by" IS NOT NULL AND trim(NEW.sender) <> ''
	AND NOT EXISTS (SELECT 1 FROM tokens WHERE name = NEW."by" AND sender = '*' AND name <> NEW.sender)
BEGIN
	INSERT INTO proven VALUES (lower(trim(NEW.sender))) ON CONFLICT (name) DO NOTHING;
END;

CREATE TRIGGER messages_followed AFTER INSERT ON messages
WHEN NEW.changes IS NOT NULL OR NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM replaced)
	OR NEW."by" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM proven WHERE name = lower(trim(NEW.sender)))
BEGIN
	INSERT INTO messages_noted VALUES (NEW.id, NEW.room, NEW.event, NEW.sender, NEW.text, NEW.args, NEW.key, NEW.at,
		NEW."by", NEW.changes);
END;

DROP TRIGGER rooms_spoken;
DROP TRIGGER rooms_moved;
CREATE TRIGGER rooms_moved AFTER UPDATE OF last ON rooms
WHEN NEW.last >> 10 <> OLD.last >> 10 OR OLD.trails AND NOT NEW.trails
BEGIN
	DELETE FROM rooms_recent WHERE block = OLD.last >> 10 AND name = OLD.name AND NEW.last >> 10 <> block;
	INSERT INTO rooms_recent SELECT NEW.last >> 10, NEW.name WHERE NEW.last >> 10 <> OLD.last >> 10;
	INSERT INTO steps SELECT NEW.last, CASE WHEN OLD.n > 0 THEN OLD.last ELSE 0 END WHERE OLD.trails AND NOT NEW.trails
		ON CONFLICT (id) DO UPDATE SET below = excluded.below;
END;

-- Made anew, as it was, so that it comes before messages_followed as it came before what that does.
DROP TRIGGER messages_inserted;
CREATE TRIGGER messages_inserted AFTER INSERT ON messages
WHEN NEW.changes IS NULL
BEGIN
	INSERT INTO rooms (name, last, at, n) VALUES (NEW.room, NEW.id, NEW.at, 1)
		ON CONFLICT (name) DO UPDATE SET last = excluded.last, at = excluded.at, n = n + 1, trails = 0;
END;
