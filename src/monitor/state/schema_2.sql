-- Schema 2: whoever was told of an alert is told when it is taken back.

-- alert.withdrawn_at: when a late or replaced scene took back what the alert said; NULL while it stands.
ALTER TABLE alert ADD COLUMN withdrawn_at TEXT;
UPDATE alert SET withdrawn_at = raised_at WHERE withdrawn = 1;
ALTER TABLE alert DROP COLUMN withdrawn;

-- delivery.withdrawn: 1 when what was delivered last is that the alert is withdrawn.
ALTER TABLE delivery ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
UPDATE delivery SET withdrawn = 1 WHERE alert_id IN (SELECT alert_id FROM alert WHERE withdrawn_at IS NOT NULL);
-- delivery.told: messages delivered so far; a second and third one bear names of their own.
ALTER TABLE delivery ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
UPDATE delivery SET told = 1 WHERE delivered_at IS NOT NULL;
DROP INDEX delivery_open;
CREATE INDEX delivery_by_channel ON delivery (channel);
