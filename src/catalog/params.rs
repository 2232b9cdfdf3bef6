//! How long to wait for a server and how often to ask again; when a strip of a scene counts.

use crate::units::OutOfRange;

/// Time-outs and retries of requests.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpParams {
    /// Time for a connection, seconds (0.1…600).
    pub connect_s: f64,
    /// Time for a whole answer, seconds (0.1…3600).
    pub answer_s: f64,
    /// Requests in all before giving up (1…20).
    pub tries: u32,
    /// Mean of the first wait, seconds (0…60); each further one is twice as long.
    pub backoff_s: f64,
    /// Longest wait, also when the server asks for more, seconds (0…3600).
    pub longest_wait_s: f64,
    /// Items asked for a page (1…1000).
    pub page_size: usize,
}

impl Default for HttpParams {
    fn default() -> Self {
        Self {
            connect_s: 15.0,
            answer_s: 120.0,
            tries: 5,
            backoff_s: 1.0,
            longest_wait_s: 120.0,
            page_size: 100,
        }
    }
}

impl HttpParams {
    /// Refuses values outside their ranges, NaN included.
    ///
    /// # Errors
    /// [`OutOfRange`] naming the first of them.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let ranges = [
            ("connect_s", "0.1 to 600", self.connect_s, 0.1..=600.0),
            ("answer_s", "0.1 to 3600", self.answer_s, 0.1..=3600.0),
            ("tries", "1 to 20", f64::from(self.tries), 1.0..=20.0),
            ("backoff_s", "0 to 60", self.backoff_s, 0.0..=60.0),
            ("longest_wait_s", "0 to 3600", self.longest_wait_s, 0.0..=3600.0),
            ("page_size", "1 to 1000", self.page_size as f64, 1.0..=1000.0),
        ];
        match ranges.into_iter().find(|(.., value, range)| !range.contains(value)) {
            Some((quantity, allowed, value, _)) => Err(OutOfRange { quantity, allowed, value }),
            None => Ok(()),
        }
    }
}

/// When tiles and strips are taken.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectParams {
    /// Share of the corridor that a further tile or strip must add to be taken (0…1).
    pub least_gain_fraction: f64,
    /// Distance of the points along the corridor at which coverage is tested, metres (10…10000).
    pub step_m: f64,
    /// MGRS tiles to follow the corridor on, such as `52TFM`; empty = the fewest that cover it.
    pub tiles: Vec<String>,
}

impl Default for SelectParams {
    fn default() -> Self {
        Self { least_gain_fraction: 0.01, step_m: 250.0, tiles: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_request_could_be_made_with_is_refused_by_name() {
        let usual = HttpParams::default;
        assert_eq!(usual().check(), Ok(()));
        for (params, name) in [
            (HttpParams { connect_s: f64::NAN, ..usual() }, "connect_s must be 0.1 to 600, not NaN"),
            (HttpParams { connect_s: 601.0, ..usual() }, "connect_s"),
            (HttpParams { answer_s: 0.0, ..usual() }, "answer_s"),
            (HttpParams { tries: 0, ..usual() }, "tries"),
            (HttpParams { backoff_s: -1.0, ..usual() }, "backoff_s"),
            (HttpParams { longest_wait_s: f64::INFINITY, ..usual() }, "longest_wait_s"),
            (HttpParams { page_size: 1001, ..usual() }, "page_size"),
        ] {
            assert!(params.check().unwrap_err().to_string().starts_with(name), "{params:?}");
        }
    }
}
