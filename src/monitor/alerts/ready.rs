//! Whether every channel could take an alert, before the first is due: secrets that can be read, programs that can be started.
//!
//! Servers are not asked: they may be away for a while, and an undelivered alert is tried again.

use super::{Channel, Secrets};
use crate::monitor::{Config, RunOptions};
use std::path::{Path, PathBuf};

/// What each channel lacks to deliver alerts, with its name, the key and what to do; empty where nothing is lacking.
pub(in crate::monitor) fn lacking(config: &Config, options: &RunOptions) -> Vec<String> {
    let channels = config.alerts.channel.iter();
    channels
        .filter_map(|channel| {
            let reason = lack(channel, &options.secrets, &options.program_folders)?;
            Some(format!("channel {:?}, {}: {reason}", channel.name(), key(channel)))
        })
        .collect()
}

/// The key of the configuration that says what may be lacking.
fn key(channel: &Channel) -> &'static str {
    match channel {
        Channel::Webhook { .. } => "secret",
        Channel::Mail { .. } => "password",
        Channel::Atom { .. } => "path",
        Channel::Command { .. } => "command",
    }
}

fn lack(channel: &Channel, secrets: &Secrets, program_folders: &[PathBuf]) -> Option<String> {
    if let Channel::Command { command, .. } = channel {
        let program = Path::new(command.first()?);
        // A name without a folder is looked for as the system does when it starts the program.
        let is_there = if program.components().count() > 1 {
            is_program(program)
        } else {
            program_folders.iter().any(|folder| is_program(&folder.join(program)))
        };
        let program = program.display();
        return (!is_there).then(|| {
            format!(
                "there is no program {program} that may be started: write its whole path, and chmod +x it"
            )
        });
    }
    channel.secret().and_then(|secret| secrets.get(secret).err())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Elsewhere the ending of a program may be left out, and only a start tells whether there is one.
#[cfg(not(unix))]
fn is_program(_path: &Path) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::Secret;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_a_channel_lacks_is_told_and_what_it_has_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hook");
        std::fs::write(&file, "geheim").unwrap();
        let mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        let webhook = |secret| Channel::Webhook {
            name: "desk".to_owned(),
            url: "https://example.org".to_owned(),
            secret: Some(secret),
        };
        let program = |name: &str| Channel::Command { name: "c".to_owned(), command: vec![name.to_owned()] };
        let secrets = Secrets([("SET", "x"), ("EMPTY", "")].map(|(k, v)| (k.into(), v.into())).into());
        let folders = [folder.path().to_owned()];
        let told = |channel: &Channel| lack(channel, &secrets, &folders).unwrap_or_default();
        let whole = file.display().to_string();
        mode(0o644);
        assert!(told(&webhook(Secret::File(file.clone()))).contains("chmod 600"));
        assert!(told(&program("hook")).contains("chmod +x") && told(&program(&whole)).contains("chmod +x"));
        mode(0o700);
        assert_eq!(told(&webhook(Secret::File(file.clone()))), "");
        assert_eq!(told(&program("hook")) + &told(&program(&whole)), "");
        assert!(told(&program("on-alert")).contains("no program on-alert"));
        assert_eq!(told(&webhook(Secret::Env("SET".to_owned()))), "");
        assert!(told(&webhook(Secret::Env("UNSET".to_owned()))).contains("UNSET is not set: set it"));
        assert!(told(&webhook(Secret::Env("EMPTY".to_owned()))).contains("EMPTY is empty: set it"));
    }
}
