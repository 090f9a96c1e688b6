-- What lies where in a video: scenes one after another, elements on them.
PRAGMA user_version = 1;

CREATE TABLE scenes (
  id TEXT PRIMARY KEY NOT NULL,
  position REAL NOT NULL DEFAULT 0,
  duration_ms INTEGER NOT NULL DEFAULT 0,
  background TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE elements (
  id TEXT PRIMARY KEY NOT NULL,
  scene_id TEXT NOT NULL DEFAULT '',
  type TEXT NOT NULL DEFAULT '',
  x REAL NOT NULL DEFAULT 0,
  y REAL NOT NULL DEFAULT 0,
  width REAL NOT NULL DEFAULT 0,
  height REAL NOT NULL DEFAULT 0,
  z_index INTEGER NOT NULL DEFAULT 0,
  style TEXT NOT NULL DEFAULT '{}',
  asset_id TEXT,
  thumbnail BLOB
) STRICT;

CREATE INDEX elements_by_scene ON elements (scene_id);

CREATE TRIGGER scenes_keep_their_id BEFORE UPDATE OF id ON scenes WHEN NEW.id IS NOT OLD.id BEGIN
  SELECT RAISE(ABORT, 'a primary key does not change: delete the row and insert another');
END;

CREATE TRIGGER elements_keep_their_id BEFORE UPDATE OF id ON elements WHEN NEW.id IS NOT OLD.id BEGIN
  SELECT RAISE(ABORT, 'a primary key does not change: delete the row and insert another');
END;
