//! How long to wait for a server and how often to ask again; when a strip of a scene counts.

use serde::{Deserialize, Serialize};

/// Time-outs and retries of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
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

/// When tiles and strips are taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SelectParams {
    /// Share of the corridor that a further tile or strip must add to be taken (0…1).
    pub least_gain_fraction: f64,
    /// Distance of the points along the corridor at which coverage is tested, metres (10…10000).
    pub step_m: f64,
}

impl Default for SelectParams {
    fn default() -> Self {
        Self { least_gain_fraction: 0.01, step_m: 250.0 }
    }
}
