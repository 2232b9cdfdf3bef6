//! Files of every kind, good and bad.
