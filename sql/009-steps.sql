-- The message before another one, past any number of changes. When a room's last message is deleted the one before it is
-- the last: of a million changes between the two none is looked at.

-- Whether changes stand behind its last message.
ALTER TABLE rooms ADD COLUMN trails INTEGER NOT NULL DEFAULT 0;
UPDATE rooms SET trails = 1
	WHERE (SELECT changes FROM messages WHERE room = name ORDER BY id DESC LIMIT 1) IS NOT NULL;

-- Of a message behind changes, the one before them; 0: there is none. A message without a row here has another one right
-- before it, or is its room's first (or it was there before this table, or something was replaced: then it is looked
-- for).
CREATE TABLE steps (
	id INTEGER PRIMARY KEY,
	below INTEGER NOT NULL
);
CREATE INDEX steps_below ON steps(below);

CREATE TRIGGER rooms_spoken AFTER UPDATE OF trails ON rooms
WHEN OLD.trails AND NOT NEW.trails
BEGIN
	INSERT INTO steps VALUES (NEW.last, CASE WHEN OLD.n > 0 THEN OLD.last ELSE 0 END)
		ON CONFLICT (id) DO UPDATE SET below = excluded.below;
END;

-- These as they were before, and with steps too (sql/007-changes.sql).

DROP TRIGGER messages_inserted;
CREATE TRIGGER messages_inserted AFTER INSERT ON messages
WHEN NEW.changes IS NULL
BEGIN
	INSERT INTO rooms (name, last, at, n) VALUES (NEW.room, NEW.id, NEW.at, 1)
		ON CONFLICT (name) DO UPDATE SET last = excluded.last, at = excluded.at, n = n + 1, trails = 0;
END;

DROP TRIGGER messages_change_made;
CREATE TRIGGER messages_change_made AFTER INSERT ON messages
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
	UPDATE rooms SET trails = 1 WHERE name = OLD.room AND NOT trails
		AND (n <= 0 OR last = OLD.id AND EXISTS (SELECT 1 FROM steps WHERE id = OLD.id));
	UPDATE rooms SET (last, at) = (SELECT id, at FROM messages WHERE id = coalesce(
			(SELECT m.id FROM steps AS s CROSS JOIN messages AS m ON m.id = s.below
				WHERE s.id = OLD.id AND m.room = OLD.room AND m.changes IS NULL),
			(SELECT id FROM messages WHERE room = OLD.room AND id < OLD.id AND changes IS NULL ORDER BY id DESC LIMIT 1)))
		WHERE name = OLD.room AND last = OLD.id AND n > 0;
	-- Whoever had it below has now what was below it.
	UPDATE steps SET below = coalesce((SELECT below FROM steps WHERE id = OLD.id),
			(SELECT id FROM messages WHERE room = OLD.room AND id < OLD.id AND changes IS NULL ORDER BY id DESC LIMIT 1), 0)
		WHERE below = OLD.id;
	INSERT INTO steps SELECT m.id, s.below FROM steps AS s CROSS JOIN messages AS m
			ON m.id = (SELECT id FROM messages WHERE room = OLD.room AND id > OLD.id ORDER BY id LIMIT 1)
		WHERE s.id = OLD.id AND m.changes IS NULL
		ON CONFLICT (id) DO UPDATE SET below = excluded.below;
	DELETE FROM steps WHERE id = OLD.id;
END;
