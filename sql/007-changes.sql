-- Changes: a message that changes or deletes another is a message too, with an id of its own, so that every reader is
-- told of it in its place.
--
-- Any program may insert one: INSERT INTO messages (room, event, changes, text) VALUES ('main', 'message changed', 5, 'so')
-- or (…, 'message deleted', 5, ''). What it does to the other message is done here, in the same transaction.

-- The message that this one changes; NULL: none. And when its own text or args were changed last, in milliseconds since
-- 1970. No CHECKs, since SQLite would read the whole table to add one.
ALTER TABLE messages ADD COLUMN changes INTEGER;
ALTER TABLE messages ADD COLUMN edited INTEGER;
ALTER TABLE strays ADD COLUMN changes;
ALTER TABLE strays ADD COLUMN edited;

-- The newest change of each message that has one, the message itself being there or not.
CREATE TABLE revisions (
	target INTEGER PRIMARY KEY,
	id INTEGER NOT NULL,
	deletes INTEGER NOT NULL CHECK (deletes IN (0, 1))
);

-- Keys of messages that were deleted by a change: whoever sends one once more is answered with the first one's id.
CREATE TABLE spent (
	room TEXT NOT NULL,
	key TEXT NOT NULL,
	"by" TEXT NOT NULL, -- '': nobody
	id INTEGER NOT NULL,
	at INTEGER NOT NULL,
	PRIMARY KEY (room, key, "by")
) WITHOUT ROWID;
-- With the messages around them they are forgotten.
CREATE INDEX spent_id ON spent(room, id);

-- Of a note: 1: readers are told of it by a change, so that it is no gap; 2: it is of a change, which the index does not
-- hold.
ALTER TABLE changed ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE replaced ADD COLUMN changes INTEGER;

CREATE TRIGGER messages_change BEFORE INSERT ON messages
WHEN NEW.changes IS NOT NULL OR NEW.event = 'message changed' OR NEW.event = 'message deleted'
BEGIN
	SELECT CASE
		WHEN NEW.changes IS NULL
			THEN RAISE(ABORT, 'events message changed and message deleted are of changes only: give changes too')
		WHEN NEW.event <> 'message changed' AND NEW.event <> 'message deleted'
			THEN RAISE(ABORT, 'a change has event message changed or message deleted')
		WHEN NOT EXISTS (SELECT 1 FROM messages WHERE id = NEW.changes AND room = NEW.room AND changes IS NULL)
			THEN RAISE(ABORT, 'changes must be the id of a message of the same room that is no change itself')
		WHEN NEW.event = 'message deleted' AND NEW.text IS NOT ''
			THEN RAISE(ABORT, 'a deletion has text ''''')
		WHEN NEW.attachments <> 0
			THEN RAISE(ABORT, 'a change has no attachments')
	END;
END;

CREATE TRIGGER messages_change_moved BEFORE UPDATE OF changes, event ON messages
WHEN NEW.changes IS NOT OLD.changes
	OR NEW.event IS NOT OLD.event AND (OLD.changes IS NOT NULL OR NEW.event = 'message changed' OR NEW.event = 'message deleted')
BEGIN
	SELECT RAISE(ABORT, 'what is a change, and of what, cannot change');
END;

-- What the change before it said is nobody's business any more.
CREATE TRIGGER messages_change_made AFTER INSERT ON messages
WHEN NEW.changes IS NOT NULL
BEGIN
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

-- These as they were before, and with changes too (sql/001-log.sql, sql/002-search.sql, sql/006-access.sql).

-- Of a room n, last and at are those of its messages, without changes. It is there as long as it has either.
DROP TRIGGER messages_inserted;
CREATE TRIGGER messages_inserted AFTER INSERT ON messages
WHEN NEW.changes IS NULL
BEGIN
	INSERT INTO rooms VALUES (NEW.room, NEW.id, NEW.at, 1)
		ON CONFLICT (name) DO UPDATE SET last = excluded.last, at = excluded.at, n = n + 1;
END;

DROP TRIGGER messages_deleted;
CREATE TRIGGER messages_deleted AFTER DELETE ON messages
BEGIN
	INSERT INTO deleted SELECT OLD.room, OLD.id
		WHERE NOT EXISTS (SELECT 1 FROM revisions WHERE target = OLD.id AND deletes)
		ON CONFLICT (room) DO UPDATE SET id = max(id, excluded.id);
	DELETE FROM attachments WHERE message = OLD.id;
	DELETE FROM revisions WHERE target = OLD.changes AND id = OLD.id;
	UPDATE rooms SET n = n - 1 WHERE name = OLD.room AND OLD.changes IS NULL;
	DELETE FROM rooms WHERE name = OLD.room AND n <= 0 AND NOT EXISTS (SELECT 1 FROM messages WHERE room = OLD.room);
	UPDATE rooms SET (last, at) = (SELECT id, at FROM messages
			WHERE room = OLD.room AND changes IS NULL ORDER BY id DESC LIMIT 1)
		WHERE name = OLD.room AND last = OLD.id AND n > 0;
END;

DROP TRIGGER messages_changed;
CREATE TRIGGER messages_changed AFTER UPDATE ON messages
WHEN NEW.text IS NOT OLD.text OR NEW.args IS NOT OLD.args OR NEW.sender IS NOT OLD.sender OR NEW.event IS NOT OLD.event
	OR NEW.at IS NOT OLD.at OR NEW."by" IS NOT OLD."by" OR NEW.edited IS NOT OLD.edited
BEGIN
	INSERT INTO changed (id, room, sender, text, args, kind)
		VALUES (OLD.id, OLD.room, OLD.sender, OLD.text, OLD.args, CASE WHEN OLD.changes IS NULL THEN 0 ELSE 2 END);
END;

DROP TRIGGER messages_gone;
CREATE TRIGGER messages_gone AFTER DELETE ON messages
BEGIN
	-- With PRAGMA recursive_triggers a REPLACE comes here as well.
	DELETE FROM replaced WHERE id = OLD.id;
	INSERT INTO changed (id, room, sender, text, args, kind)
		VALUES (OLD.id, OLD.room, OLD.sender, OLD.text, OLD.args,
			CASE WHEN OLD.changes IS NOT NULL THEN 2
				WHEN EXISTS (SELECT 1 FROM revisions WHERE target = OLD.id AND deletes) THEN 1 ELSE 0 END);
END;

DROP TRIGGER messages_replace;
CREATE TRIGGER messages_replace BEFORE INSERT ON messages
WHEN NEW.key IS NOT NULL AND EXISTS (SELECT 1 FROM messages
	WHERE room = NEW.room AND key = NEW.key AND ifnull("by", '') = ifnull(NEW."by", ''))
BEGIN
	DELETE FROM replaced;
	INSERT INTO replaced SELECT id, room, sender, text, args, changes FROM messages
		WHERE room = NEW.room AND key = NEW.key AND ifnull("by", '') = ifnull(NEW."by", '');
END;

DROP TRIGGER messages_replaced;
CREATE TRIGGER messages_replaced AFTER INSERT ON messages
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

DROP VIEW search_rows;
CREATE VIEW search_rows (id, room, sender, body) AS
SELECT id, 'r' || hex(room), 's' || hex(sender), CASE
		WHEN text IS NOT NULL THEN text
		WHEN json_valid(args) THEN coalesce((SELECT group_concat(value, char(10)) FROM json_tree(args) WHERE type = 'text'), '')
		ELSE ''
	END
FROM messages WHERE changes IS NULL;

DROP VIEW search_changed;
CREATE VIEW search_changed (seq, id, room, sender, body) AS
SELECT seq, id, 'r' || hex(room), 's' || hex(sender), CASE
		WHEN text IS NOT NULL THEN text
		WHEN json_valid(args) THEN coalesce((SELECT group_concat(value, char(10)) FROM json_tree(args) WHERE type = 'text'), '')
		ELSE ''
	END
FROM changed WHERE kind <> 2;
