//! Signatures of assets: one token a container, taken late, kept until shortly before it ends, taken again after.

use super::http::Client;
use super::{Error, Sas};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A token is taken again when less than this is left of it.
const SPARE: SignedDuration = SignedDuration::from_mins(5);

/// Tokens by container.
pub(super) struct Tokens {
    sas: Option<Sas>,
    kept: Mutex<HashMap<String, Token>>,
}

#[derive(Clone)]
struct Token {
    query: String,
    expires: Timestamp,
}

/// Whether a kept token will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Any that has not ended.
    Kept,
    /// The last one was refused: a new one.
    New,
}

impl Tokens {
    pub(super) fn new(sas: Option<Sas>) -> Self {
        Self { sas, kept: Mutex::new(HashMap::new()) }
    }

    /// Whether this URL is one that needs a signature.
    pub(super) fn covers(&self, url: &str) -> bool {
        self.container(url).is_some()
    }

    /// The URL with a signature where it needs one.
    pub(super) fn sign(&self, client: &Client, url: &str, freshness: Freshness) -> Result<String, Error> {
        let (Some(sas), Some(container)) = (&self.sas, self.container(url)) else {
            return Ok(url.to_owned());
        };
        let plain = url.split('?').next().unwrap_or(url);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            kept.get(&container).filter(|t| freshness == Freshness::Kept && t.expires > now() + SPARE);
        let token = match known {
            Some(token) => token.clone(),
            None => {
                let token = token(client, &format!("{}/{container}", sas.token_url))?;
                kept.insert(container, token.clone());
                token
            }
        };
        Ok(format!("{plain}?{}", token.query))
    }

    /// `account/container` of a blob's URL.
    fn container(&self, url: &str) -> Option<String> {
        let sas = self.sas.as_ref()?;
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let (host, path) = rest.split_once('/')?;
        let account = host.strip_suffix(sas.host_suffix.as_str())?;
        let container = path.split('/').next().filter(|c| !c.is_empty())?;
        Some(format!("{account}/{container}"))
    }
}

fn token(client: &Client, url: &str) -> Result<Token, Error> {
    let answer = client.json(url, None)?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let query = text("token").map(|t| t.trim_start_matches('?').to_owned());
    let expires = text("msft:expiry").and_then(|t| t.parse().ok());
    match (query, expires) {
        (Some(query), Some(expires)) => Ok(Token { query, expires }),
        _ => Err(Error::format(url, "the answer holds no token with its expiry (token, msft:expiry)")),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a token ends at a moment of the clock; nothing computed depends on it"
)]
fn now() -> Timestamp {
    Timestamp::now()
}
