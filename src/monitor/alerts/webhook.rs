//! JSON by POST, signed with HMAC-SHA-256 (RFC 2104) over `timestamp.body`, so that nobody else can send it or send it
//! again later.

use super::super::site_run::hex;
use super::Message;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Posts a message; any status but 2xx is a failure.
pub(super) fn send(url: &str, secret: Option<&str>, message: &Message, now: Timestamp) -> Result<(), String> {
    let body = message.json().to_string();
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        // Followed, a redirection turns the POST into a GET, which hands over nothing.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .build()
        .into();
    let time = now.as_second().to_string();
    let mut request = agent
        .post(url)
        .content_type("application/json")
        .header("Idempotency-Key", &message.id())
        .header("X-Railwatch-Timestamp", &time);
    if let Some(secret) = secret {
        request =
            request.header("X-Railwatch-Signature", format!("sha256={}", signature(secret, &time, &body)));
    }
    let response = request.send(body).map_err(|e| format!("the webhook cannot be reached: {e}"))?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("the webhook answered {status}")) }
}

/// Hexadecimal HMAC-SHA-256 of `time.body`.
fn signature(secret: &str, time: &str, body: &str) -> String {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    for part in [time, ".", body] {
        mac.update(part.as_bytes());
    }
    hex(&mac.finalize().into_bytes(), 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_other_programs() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let expected = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        assert_eq!(signature("key", "1700000000", "{\"a\":1}"), expected);
    }
}
