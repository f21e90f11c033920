-- The rooms by their last message, roughly: in blocks of 1,024 ids, the number of a block being last >> 10. Within a block
-- a reader sorts. So a page of the list costs what it shows and 2,048 rooms at most, however many there are; and a message
-- costs nothing here unless it is the first of its room in a block.

CREATE TABLE rooms_recent (
	block INTEGER NOT NULL,
	name TEXT NOT NULL,
	PRIMARY KEY (block, name)
) WITHOUT ROWID;
INSERT INTO rooms_recent SELECT last >> 10, name FROM rooms;

CREATE TRIGGER rooms_inserted AFTER INSERT ON rooms
BEGIN
	INSERT INTO rooms_recent VALUES (NEW.last >> 10, NEW.name);
END;

CREATE TRIGGER rooms_moved AFTER UPDATE OF last ON rooms
WHEN NEW.last >> 10 <> OLD.last >> 10
BEGIN
	DELETE FROM rooms_recent WHERE block = OLD.last >> 10 AND name = OLD.name;
	INSERT INTO rooms_recent VALUES (NEW.last >> 10, NEW.name);
END;

CREATE TRIGGER rooms_deleted AFTER DELETE ON rooms
BEGIN
	DELETE FROM rooms_recent WHERE block = OLD.last >> 10 AND name = OLD.name;
END;
