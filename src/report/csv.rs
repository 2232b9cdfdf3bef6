//! What all tables of numbers share: fields as RFC 4180 has them.

use std::borrow::Cow;

/// A field, quoted where it needs it: names of views and tracks come out of other people's files.
#[must_use]
pub fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_break_a_line_is_quoted() {
        assert_eq!(quoted("radar orbit 37 VV+VH"), "radar orbit 37 VV+VH");
        assert_eq!(quoted("say \"IW\", twice"), "\"say \"\"IW\"\", twice\"");
    }
}
