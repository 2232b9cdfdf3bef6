//! JSON by POST, signed with HMAC-SHA-256 (RFC 2104) over `timestamp.body`, so that nobody else can send it or send it
//! again later.

use super::Message;
use crate::io;
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
    io::hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    #[test]
    fn what_the_receiver_answers_decides() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            for status in ["500 Internal Server Error", "302 Found", "204 No Content"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while line != "\r\n" {
                    line.clear();
                    request.read_line(&mut line).unwrap();
                    if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                        length = n.trim().parse().unwrap();
                    }
                }
                request.read_exact(&mut vec![0; length]).unwrap();
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
                .unwrap();
            }
        });
        let message = Message {
            alert: super::super::an_alert("0a"),
            sent_count: 0,
            site_title: "s".into(),
            folder: None,
            figure: None,
            geojson: serde_json::Value::Null,
        };
        let answers: Vec<_> =
            (0..3).map(|_| send(&url, Some("key"), &message, Timestamp::UNIX_EPOCH)).collect();
        server.join().unwrap();
        assert!(answers[0].as_ref().unwrap_err().contains("500"), "{answers:?}");
        assert!(answers[1].is_err() && answers[2].is_ok(), "{answers:?}");
        // Nobody listens any more.
        assert!(send(&url, None, &message, Timestamp::UNIX_EPOCH).unwrap_err().contains("cannot be reached"));
    }

    #[test]
    fn the_signature_is_that_of_other_programs() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let expected = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        assert_eq!(signature("key", "1700000000", "{\"a\":1}"), expected);
    }
}
