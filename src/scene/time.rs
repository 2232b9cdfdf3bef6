//! Times as people type them: moments, or whole days in UTC.

use jiff::{Error, Timestamp};

/// A moment (RFC 3339), or the first moment of a day (`YYYY-MM-DD`).
///
/// # Errors
/// What is wrong with the text.
pub fn first_moment(text: &str) -> Result<Timestamp, Error> {
    completed(text, "T00:00:00Z")
}

/// A moment (RFC 3339), or the last moment of a day (`YYYY-MM-DD`), to the millisecond.
///
/// # Errors
/// What is wrong with the text.
pub fn last_moment(text: &str) -> Result<Timestamp, Error> {
    completed(text, "T23:59:59.999Z")
}

fn completed(text: &str, time: &str) -> Result<Timestamp, Error> {
    if text.len() == 10 { format!("{text}{time}").parse() } else { text.parse() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lasts_from_its_first_to_its_last_moment_and_a_moment_is_itself() {
        let moment: Timestamp = "2024-06-17T02:00:00Z".parse().unwrap();
        for read in [first_moment, last_moment] {
            assert_eq!(read("2024-06-17T02:00:00Z").unwrap(), moment);
        }
        let (first, last) = (first_moment("2024-06-17").unwrap(), last_moment("2024-06-17").unwrap());
        assert!(first < moment && moment < last && last < first_moment("2024-06-18").unwrap());
        assert!(first_moment("17.06.2024").is_err() && last_moment("").is_err());
    }
}
