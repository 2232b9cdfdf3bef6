//! Closed sets of words, such as the states of a life: JSON, the state's database and messages write the same word for a
//! value, that of its serialisation, so that a set is spelled out once.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error};
use std::fmt;

/// A value whose serialisation is one word: shown, stored and read as that word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<T>(pub(super) T);

impl<T: Serialize> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(f)
    }
}

impl<T: Serialize> ToSql for Word<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl<T: DeserializeOwned> FromSql for Word<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = IntoDeserializer::<Error>::into_deserializer(value.as_str()?);
        T::deserialize(word).map(Self).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::{LifeState, SceneStatus, Sight};

    /// Reads back what is stored, as the database does.
    fn stored<T: Serialize + DeserializeOwned>(value: T) -> (String, FromSqlResult<T>) {
        let word = Word(value).to_string();
        let read = Word::column_result(ValueRef::Text(word.as_bytes())).map(|w: Word<T>| w.0);
        (word, read)
    }

    #[test]
    fn values_are_stored_as_their_words_and_come_back() {
        // The words of the schema: states that were written before must stay readable.
        let (word, read) = stored(LifeState::Provisional);
        assert_eq!((word.as_str(), read.unwrap()), ("provisional", LifeState::Provisional));
        let (word, read) = stored(Sight::Faint);
        assert_eq!((word.as_str(), read.unwrap()), ("faint", Sight::Faint));
        let (word, read) = stored(SceneStatus::Duplicate);
        assert_eq!((word.as_str(), read.unwrap()), ("duplicate", SceneStatus::Duplicate));
        let unknown = Word::<Sight>::column_result(ValueRef::Text(b"glimpsed"));
        assert!(unknown.unwrap_err().to_string().contains("glimpsed"));
    }
}
