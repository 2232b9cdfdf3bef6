-- Schema 1 of railwatch's state. Times are UTC as RFC 3339 text to the second, lengths metres, blobs are described in
-- docs/monitor.md.

CREATE TABLE site (
    site_id     TEXT PRIMARY KEY,
    title       TEXT NOT NULL,
    -- Hash of everything that dates of one site must have in common: rails, bands, registration, mask.
    fingerprint TEXT NOT NULL
) STRICT;

-- Scenes that see the ground alike, and are compared with each other alone: "optical", or one geometry of radar. The
-- first view of a site fixes its tracks.
CREATE TABLE view (
    view_key    INTEGER PRIMARY KEY,
    site_id     TEXT NOT NULL REFERENCES site,
    name        TEXT NOT NULL,
    -- The reference scene: its metadata as JSON and its pixels.
    reference   TEXT NOT NULL,
    pixels      BLOB NOT NULL,
    -- Newest date whose strips have been dropped; a scene must be later than this and the dates it is compared with.
    dropped_to  TEXT,
    UNIQUE (site_id, name)
) STRICT;

CREATE TABLE track (
    site_id     TEXT NOT NULL REFERENCES site,
    track_index INTEGER NOT NULL,
    track_id    TEXT NOT NULL,
    name        TEXT,
    length_m    REAL NOT NULL,
    -- GeoJSON LineString, WGS 84.
    geometry    TEXT NOT NULL,
    PRIMARY KEY (site_id, track_index)
) STRICT;

CREATE TABLE scene (
    scene_key      INTEGER PRIMARY KEY,
    site_id        TEXT NOT NULL REFERENCES site,
    -- Where it was read from, as `railwatch detect --target` takes it.
    spec           TEXT NOT NULL,
    -- Size and time of change of the files, or what the catalogue says of the version.
    fingerprint    TEXT NOT NULL,
    scene_id       TEXT NOT NULL,
    datetime       TEXT,
    platform       TEXT,
    -- Name of its view; NULL where it could not be opened.
    view           TEXT,
    baseline       TEXT,
    -- used: compared; sampled: strips are kept, to be compared (again); hidden: shows nothing of the tracks;
    -- refused: cannot be registered or compared; failed: could not be read, tried again; duplicate; late.
    status         TEXT NOT NULL CHECK (status IN ('used','sampled','hidden','refused','failed','duplicate','late')),
    reason         TEXT,
    attempts       INTEGER NOT NULL DEFAULT 1,
    valid_fraction REAL,
    cloud_fraction REAL,
    shift_row_px   REAL,
    shift_col_px   REAL,
    recorded_at    TEXT NOT NULL,
    UNIQUE (site_id, spec)
) STRICT;
CREATE INDEX scene_by_date ON scene (site_id, status, datetime);
CREATE INDEX scene_by_view ON scene (site_id, view, status, datetime);

CREATE TABLE strip (
    scene_key   INTEGER NOT NULL REFERENCES scene ON DELETE CASCADE,
    track_index INTEGER NOT NULL,
    data        BLOB NOT NULL,
    PRIMARY KEY (scene_key, track_index)
) STRICT;

CREATE TABLE detection (
    scene_key   INTEGER NOT NULL REFERENCES scene ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    site_id     TEXT NOT NULL,
    datetime    TEXT NOT NULL,
    -- What saw it: the name of the scene's view.
    view        TEXT NOT NULL,
    track_index INTEGER NOT NULL,
    start_m     REAL NOT NULL,
    end_m       REAL NOT NULL,
    offset_m    REAL NOT NULL,
    change      TEXT NOT NULL,
    score       REAL NOT NULL,
    p_value     REAL NOT NULL,
    q_value     REAL NOT NULL,
    appearance  TEXT NOT NULL,
    -- JSON object, by band: reflectance, of radar dB.
    contrast    TEXT NOT NULL,
    -- GeoJSON Polygon, WGS 84.
    geometry    TEXT NOT NULL,
    PRIMARY KEY (scene_key, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX detection_by_date ON detection (site_id, datetime);

-- The series: one row a scene and track.
CREATE TABLE observation (
    scene_key     INTEGER NOT NULL REFERENCES scene ON DELETE CASCADE,
    track_index   INTEGER NOT NULL,
    site_id       TEXT NOT NULL,
    datetime      TEXT NOT NULL,
    view          TEXT NOT NULL,
    length_m      REAL NOT NULL,
    observed_m    REAL NOT NULL,
    occupied_m    REAL NOT NULL,
    occupied_low_m  REAL NOT NULL,
    occupied_high_m REAL NOT NULL,
    wagons_low    INTEGER NOT NULL,
    wagons_high   INTEGER NOT NULL,
    train_count   INTEGER NOT NULL,
    -- Shortest train of the middle cargo that would be found with 90 % probability; NULL where none would.
    limit_m       REAL,
    -- JSON object, metres by cargo.
    limits        TEXT NOT NULL,
    PRIMARY KEY (scene_key, track_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX observation_by_date ON observation (site_id, datetime);
CREATE INDEX observation_occupied ON observation (site_id, datetime) WHERE occupied_m > 0;

CREATE TABLE life (
    life_id     TEXT PRIMARY KEY,
    site_id     TEXT NOT NULL,
    state       TEXT NOT NULL,
    track_index INTEGER NOT NULL,
    start_m     REAL NOT NULL,
    end_m       REAL NOT NULL,
    first_seen  TEXT NOT NULL,
    last_seen   TEXT NOT NULL,
    first_missed TEXT,
    seen_count  INTEGER NOT NULL,
    misses      INTEGER NOT NULL,
    move_count  INTEGER NOT NULL,
    score       REAL NOT NULL,
    appearance  TEXT NOT NULL,
    -- Names of the views that detected it, sorted, with ", " between them.
    seen_by     TEXT NOT NULL
) STRICT;
CREATE INDEX life_by_state ON life (site_id, state);

-- A life as it was after each scene that was taken while it was open: `life` is the newest row of this.
CREATE TABLE life_step (
    life_id     TEXT NOT NULL REFERENCES life ON DELETE CASCADE,
    scene_key   INTEGER NOT NULL REFERENCES scene ON DELETE CASCADE,
    datetime    TEXT NOT NULL,
    view        TEXT NOT NULL,
    site_id     TEXT NOT NULL,
    -- seen; missed: clear and not there; unseen: the same in a view that never detected it, which proves nothing;
    -- hidden: clouds, shadow or the edge of the scene.
    sight       TEXT NOT NULL CHECK (sight IN ('seen','missed','unseen','hidden')),
    event       TEXT,
    state       TEXT NOT NULL,
    track_index INTEGER NOT NULL,
    start_m     REAL NOT NULL,
    end_m       REAL NOT NULL,
    last_seen   TEXT NOT NULL,
    first_missed TEXT,
    seen_count  INTEGER NOT NULL,
    misses      INTEGER NOT NULL,
    move_count  INTEGER NOT NULL,
    score       REAL NOT NULL,
    appearance  TEXT NOT NULL,
    seen_by     TEXT NOT NULL,
    PRIMARY KEY (life_id, scene_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX life_step_by_date ON life_step (site_id, datetime);
CREATE INDEX life_step_by_scene ON life_step (scene_key);

CREATE TABLE alert (
    alert_id    TEXT PRIMARY KEY,
    site_id     TEXT NOT NULL,
    life_id     TEXT NOT NULL,
    scene_key   INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    datetime    TEXT NOT NULL,
    title       TEXT NOT NULL,
    -- GeoJSON Feature.
    feature     TEXT NOT NULL,
    -- Folder of figure and page; NULL until they are made.
    evidence    TEXT,
    -- 1 when a late or replaced scene took back what the alert said.
    withdrawn   INTEGER NOT NULL DEFAULT 0,
    raised_at   TEXT NOT NULL
) STRICT;
CREATE INDEX alert_by_date ON alert (site_id, datetime);

CREATE TABLE delivery (
    alert_id     TEXT NOT NULL REFERENCES alert ON DELETE CASCADE,
    channel      TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    delivered_at TEXT,
    last_error   TEXT,
    PRIMARY KEY (alert_id, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_open ON delivery (channel) WHERE delivered_at IS NULL;

CREATE TABLE run (
    run_key     INTEGER PRIMARY KEY,
    started_at  TEXT NOT NULL,
    ended_at    TEXT,
    -- JSON: what the run printed with --json; NULL when it was killed.
    summary     TEXT
) STRICT;
