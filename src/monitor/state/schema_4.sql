-- Schema 4: what a train looks like is kept, so that weak evidence is of that train.

-- life.contrasts: JSON object by view of the change of its place when it came, one number a band (reflectance, or dB for radar). Trains
-- of older states have none until a detection gives it, and are seen by detections alone until then.
ALTER TABLE life ADD COLUMN contrasts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE life_step ADD COLUMN contrasts TEXT NOT NULL DEFAULT '{}';
