//! Requests that wait, try again and give up in words.
//!
//! Tried again: failed connections, time-outs, answers cut off, bodies that are no JSON, and the statuses 408, 425,
//! 429, 500, 502, 503 and 504. `Retry-After` is obeyed; else the n-th wait is `backoff · 2ⁿ · u` with u uniform in
//! 0.5…1.5, so that many clients do not come back together (RFC 9110 §10.2.3).

use super::error::without_query;
use super::{Error, HttpParams};
use serde_json::Value;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Largest answer that is read, bytes.
const ANSWER_LIMIT: u64 = 256 << 20;
/// Statuses after which asking again may help.
const PASSING: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];
/// Characters of a refusal's body that are shown.
const SHOWN: usize = 300;

/// An HTTP client with time-outs and retries.
pub(super) struct Client {
    agent: Agent,
    params: HttpParams,
}

/// Why one try failed.
enum Failure {
    /// Worth another try, after a wait the server may have asked for.
    Passing(String, Option<Duration>),
    /// Trying again would not help.
    Lasting(Error),
}

/// What distinguishes one version of a remote file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) etag: Option<String>,
    pub(super) modified: Option<String>,
    pub(super) length: Option<String>,
}

impl Client {
    /// A client with parameters that were checked.
    pub(super) fn new(params: &HttpParams) -> Self {
        let seconds = |s: f64| Some(Duration::from_secs_f64(s));
        let roots = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .timeout_connect(seconds(params.connect_s))
            .timeout_global(seconds(params.answer_s))
            .http_status_as_error(false)
            .user_agent(concat!("railwatch/", env!("CARGO_PKG_VERSION")))
            .tls_config(roots)
            .build();
        Self { agent: Agent::new_with_config(config), params: params.clone() }
    }

    /// The JSON that a URL gives; with a body it is asked by POST.
    pub(super) fn json(&self, url: &str, body: Option<&Value>) -> Result<Value, Error> {
        self.persist(url, || {
            let sent = match body {
                None => self.agent.get(url).header("Accept", "application/geo+json, application/json").call(),
                Some(body) => self.agent.post(url).content_type("application/json").send(body.to_string()),
            };
            let mut response = sent.map_err(|e| Failure::Passing(e.to_string(), None))?;
            let bytes = response.body_mut().with_config().limit(ANSWER_LIMIT).read_to_vec();
            refuse(url, &response, bytes.as_deref().unwrap_or_default())?;
            let bytes = bytes.map_err(|e| Failure::Passing(format!("the answer was cut off: {e}"), None))?;
            serde_json::from_slice(&bytes).map_err(|e| {
                Failure::Passing(format!("the answer is no JSON ({} bytes): {e}", bytes.len()), None)
            })
        })
    }

    /// The version of a remote file, at the cost of its first byte.
    pub(super) fn stamp(&self, url: &str) -> Result<Stamp, Error> {
        self.persist(url, || {
            let sent = self.agent.get(url).header("Range", "bytes=0-0").call();
            let response = sent.map_err(|e| Failure::Passing(e.to_string(), None))?;
            refuse(url, &response, &[])?;
            let text = |name: &str| header(response.headers(), name).map(str::to_owned);
            let length = match text("content-range") {
                Some(range) => range.rsplit('/').next().map(str::to_owned),
                None => text("content-length"),
            };
            Ok(Stamp { etag: text("etag"), modified: text("last-modified"), length })
        })
    }

    /// Tries until it works, fails for good, or the tries are used up.
    fn persist<T>(&self, url: &str, mut once: impl FnMut() -> Result<T, Failure>) -> Result<T, Error> {
        let tries = self.params.tries;
        let mut last = String::new();
        for attempt in 0..tries {
            let asked = match once() {
                Ok(value) => return Ok(value),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(reason, asked)) => {
                    last = reason;
                    asked
                }
            };
            if attempt + 1 < tries {
                std::thread::sleep(self.wait(url, attempt, asked)?);
            }
        }
        Err(Error::Unreachable { url: without_query(url).to_owned(), reason: last, tries })
    }

    /// How long to wait after try number `attempt`.
    pub(super) fn wait(&self, url: &str, attempt: u32, asked: Option<Duration>) -> Result<Duration, Error> {
        let longest = Duration::from_secs_f64(self.params.longest_wait_s);
        match asked {
            Some(wait) if wait > longest => Err(Error::Busy {
                url: without_query(url).to_owned(),
                wait_s: wait.as_secs(),
                limit_s: longest.as_secs(),
            }),
            Some(wait) => Ok(wait),
            None => {
                // A fresh hasher is keyed at random: all the randomness a jitter needs.
                let spread = RandomState::new().hash_one(attempt) as f64 / u64::MAX as f64 + 0.5;
                let wait_s = self.params.backoff_s * f64::from(attempt.min(16)).exp2() * spread;
                Ok(Duration::from_secs_f64(wait_s).min(longest))
            }
        }
    }

    pub(super) fn params(&self) -> &HttpParams {
        &self.params
    }
}

/// Turns an answer that is no success into a failure.
fn refuse(url: &str, response: &Response<Body>, body: &[u8]) -> Result<(), Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    if PASSING.contains(&status.as_u16()) {
        return Err(Failure::Passing(
            format!("the server answered {status}"),
            retry_after(response.headers()),
        ));
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let reason = if text.is_empty() || text.starts_with('<') {
        status.canonical_reason().unwrap_or("no reason given").to_owned()
    } else {
        text.chars().take(SHOWN).collect()
    };
    Err(Failure::Lasting(Error::Refused {
        url: without_query(url).to_owned(),
        status: status.as_u16(),
        reason,
    }))
}

/// The wait that a server asks for, in seconds or as a date against its own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = header(headers, "retry-after")?.trim();
    if let Ok(seconds) = asked.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|z| z.timestamp().as_second());
    let wait = moment(asked)? - moment(header(headers, "date")?)?;
    Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_scatter_and_obey() {
        let client =
            Client::new(&HttpParams { backoff_s: 1.0, longest_wait_s: 10.0, ..HttpParams::default() });
        let waits: Vec<f64> = (0..200).map(|_| client.wait("u", 1, None).unwrap().as_secs_f64()).collect();
        let mean = waits.iter().sum::<f64>() / 200.0;
        assert!(waits.iter().all(|w| (1.0..=3.0).contains(w)) && (mean - 2.0).abs() < 0.3, "{mean}");
        assert_eq!(client.wait("u", 12, None), Ok(Duration::from_secs(10)));
        assert_eq!(client.wait("u", 0, Some(Duration::from_secs(7))), Ok(Duration::from_secs(7)));
        let busy = client.wait("http://h/x?sig=secret", 0, Some(Duration::from_mins(1))).unwrap_err();
        assert_eq!(
            busy.to_string(),
            "http://h/x: the server asks to wait 60 s, more than 10 s; try again later"
        );
    }

    #[test]
    fn retry_after_in_both_forms() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.insert(*name, value.parse().unwrap());
            }
            map
        };
        assert_eq!(retry_after(&headers(&[("retry-after", "3")])), Some(Duration::from_secs(3)));
        let dated =
            [("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), ("date", "Wed, 21 Oct 2015 07:27:48 GMT")];
        assert_eq!(retry_after(&headers(&dated)), Some(Duration::from_secs(12)));
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
        assert_eq!(retry_after(&headers(&[])), None);
    }
}
