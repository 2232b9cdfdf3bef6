//! A program of the user's that gets the alert as JSON on its standard input.

use super::Message;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often and how long an answer is waited for: a minute in all.
const WAIT: (u32, Duration) = (600, Duration::from_millis(100));

/// Runs the program; exit code 0 means that it took the alert.
pub(super) fn send(command: &[String], message: &Message) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("the command is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("RAILWATCH_ALERT_ID", message.id())
        .env("RAILWATCH_ALERT_KIND", &message.alert.kind)
        .env("RAILWATCH_ALERT_TITLE", message.title())
        .env("RAILWATCH_ALERT_FOLDER", message.folder.clone().unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot start {program}: {e}"))?;
    let text = message.json().to_string();
    let writer = child.stdin.take().map(|mut stdin| {
        // A program that does not read must not hold up the run, and one that closes early has read enough.
        std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())))
    });
    for _ in 0..WAIT.0 {
        match child.try_wait().map_err(|e| format!("cannot wait for {program}: {e}"))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{program} ended with {status}")),
            None => std::thread::sleep(WAIT.1),
        }
    }
    drop(writer);
    child.kill().and_then(|()| child.wait()).map_err(|e| format!("cannot end {program}: {e}"))?;
    Err(format!("{program} took more than a minute and was ended"))
}
