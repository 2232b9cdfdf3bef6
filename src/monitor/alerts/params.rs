//! Who gets which alerts, and how. Secrets are never in the configuration: it names where they are.

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Kinds of alerts that are delivered where the configuration does not choose.
const USUAL: [&str; 3] = ["first", "reactivation", "moved"];
/// All kinds.
const KINDS: [&str; 7] = ["first", "reactivation", "confirmed", "moved", "finished", "departed", "permanent"];

/// Who gets which alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertParams {
    /// Kinds that are delivered: `first`, `reactivation`, `confirmed`, `moved`, `finished`, `departed`, `permanent`. All
    /// kinds are kept in the state.
    pub kinds: Vec<String>,
    /// Older dates than this are kept, but not delivered, days, > 0; 30: a backfill of years wakes nobody.
    pub newest_days: f64,
    /// Folder of figures and pages, one folder a scene with alerts.
    pub folder: PathBuf,
    /// Ways of delivery.
    pub channel: Vec<Channel>,
}

impl Default for AlertParams {
    fn default() -> Self {
        Self {
            kinds: USUAL.map(str::to_owned).to_vec(),
            newest_days: 30.0,
            folder: PathBuf::from("alerts"),
            channel: Vec::new(),
        }
    }
}

impl AlertParams {
    /// Refuses kinds that there are not, and channels that could take nothing: place and reason.
    pub(in crate::monitor) fn check(&self) -> Result<(), (String, String)> {
        let wrong = |place: &str, reason: String| Err((place.to_owned(), reason));
        let all = KINDS.join(", ");
        if self.kinds.is_empty() {
            return wrong(
                "alerts.kinds",
                format!("no kind is listed; choose from {all}, or leave the key out"),
            );
        }
        if let Some(kind) = self.kinds.iter().find(|k| !KINDS.contains(&k.as_str())) {
            return wrong("alerts.kinds", format!("there is no kind {kind:?}; choose from {all}"));
        }
        if self.newest_days.is_nan() || self.newest_days <= 0.0 {
            return wrong("alerts.newest_days", "write a number of days above 0".to_owned());
        }
        for (i, channel) in self.channel.iter().enumerate() {
            if self.channel[..i].iter().any(|other| other.name() == channel.name()) {
                return wrong("alerts.channel", format!("the name {:?} occurs twice", channel.name()));
            }
            channel.check().map_err(|reason| (format!("channel {:?}", channel.name()), reason))?;
        }
        Ok(())
    }
}

/// One way of delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Channel {
    /// JSON by POST, signed where a secret is named.
    Webhook {
        /// Name of the channel.
        name: String,
        /// Where to.
        url: String,
        /// Key of the signature.
        #[serde(default, deserialize_with = "key_of_signature")]
        secret: Option<Secret>,
    },
    /// E-mail by SMTP.
    Mail {
        /// Name of the channel.
        name: String,
        /// Host name of the server.
        server: String,
        /// Port; 587 with `starttls`, 465 with `tls`, 25 with `none`.
        #[serde(default)]
        port: Option<u16>,
        /// How the connection is protected.
        #[serde(default)]
        encryption: Encryption,
        /// Sender.
        from: String,
        /// Receivers.
        to: Vec<String>,
        /// Name to sign in with; it goes with a password.
        #[serde(default)]
        user: Option<String>,
        /// Password to sign in with; it goes with a user.
        #[serde(default, deserialize_with = "password_of_mail")]
        password: Option<Secret>,
    },
    /// Atom feed of the newest alerts, rewritten when there are new ones.
    Atom {
        /// Name of the channel.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A program that gets the alert as JSON on its standard input; exit code 0 means taken.
    Command {
        /// Name of the channel.
        name: String,
        /// Program and arguments; no shell is in between.
        command: Vec<String>,
    },
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// TLS after a greeting.
    #[default]
    StartTls,
    /// TLS from the beginning.
    Tls,
    /// None: for servers on this machine alone.
    None,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Secret {
    /// Environment variable.
    Env(String),
    /// File that only its owner may read.
    File(PathBuf),
}

/// What may be written where a [`Secret`] belongs: the secret itself is taken for what it is and told to nobody.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Written {
    Env { env: String },
    File { file: PathBuf },
    Other(IgnoredAny),
}

fn secret_of<'de, D: Deserializer<'de>>(key: &str, deserializer: D) -> Result<Option<Secret>, D::Error> {
    match Written::deserialize(deserializer)? {
        Written::Env { env } => Ok(Some(Secret::Env(env))),
        Written::File { file } => Ok(Some(Secret::File(file))),
        Written::Other(IgnoredAny) => Err(D::Error::custom(format!(
            "{key} says where the secret is and does not hold it: write {key} = {{ env = \"VARIABLE\" }} or \
             {key} = {{ file = \"PATH\" }}"
        ))),
    }
}

fn key_of_signature<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    secret_of("secret", deserializer)
}

fn password_of_mail<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    secret_of("password", deserializer)
}

impl Channel {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Webhook { name, .. }
            | Self::Mail { name, .. }
            | Self::Atom { name, .. }
            | Self::Command { name, .. } => name,
        }
    }

    /// Refuses what could take no alert, and says what to write instead.
    pub(in crate::monitor) fn check(&self) -> Result<(), String> {
        let address = |key: &str, text: &str| match text.parse::<lettre::message::Mailbox>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("{key} is {text:?}; write an address such as desk@example.org")),
        };
        match self {
            Self::Webhook { url, .. } => {
                let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
                if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
                    return Err(format!("url is {url:?}; write the whole URL, such as https://example.org/hook"));
                }
                Ok(())
            }
            Self::Mail { from, to, user, password, .. } => {
                if user.is_some() != password.is_some() {
                    let (there, lacking) =
                        if user.is_some() { ("user", "password") } else { ("password", "user") };
                    return Err(format!(
                        "{there} is written and {lacking} is not: write both to sign in, or neither to send without signing in"
                    ));
                }
                if to.is_empty() {
                    return Err("to is empty; write at least one address, such as desk@example.org".to_owned());
                }
                address("from", from)?;
                to.iter().try_for_each(|receiver| address("to", receiver))
            }
            Self::Command { command, .. } if command.first().is_none_or(String::is_empty) => {
                Err("command is empty; write the program and its arguments, such as [\"/usr/local/bin/on-alert\"]".to_owned())
            }
            Self::Atom { .. } | Self::Command { .. } => Ok(()),
        }
    }

    /// The secret that it needs.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Webhook { secret, .. } => secret.as_ref(),
            Self::Mail { password, .. } => password.as_ref(),
            Self::Atom { .. } | Self::Command { .. } => None,
        }
    }
}

/// Secrets from the environment, by variable; never printed.
#[derive(Clone, Default)]
pub struct Secrets(pub BTreeMap<String, String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({} hidden)", self.0.len())
    }
}

impl Secrets {
    /// The secret itself, or why there is none.
    pub(super) fn get(&self, secret: &Secret) -> Result<String, String> {
        match secret {
            Secret::Env(variable) => match self.0.get(variable).map(String::as_str) {
                None => Err(format!("the environment variable {variable} is not set: set it to the secret")),
                Some("") => {
                    Err(format!("the environment variable {variable} is empty: set it to the secret"))
                }
                Some(text) => Ok(text.to_owned()),
            },
            Secret::File(path) => {
                restricted(path)?;
                let text = std::fs::read_to_string(path)
                    .map_err(|e| format!("cannot read the secret {}: {e}", path.display()))?;
                Ok(text.trim_end_matches(['\n', '\r']).to_owned())
            }
        }
    }
}

#[cfg(unix)]
fn restricted(path: &std::path::Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let meta =
        std::fs::metadata(path).map_err(|e| format!("cannot read the secret {}: {e}", path.display()))?;
    // Of the group and of everybody else.
    let rights_of_others = meta.permissions().mode() & 0o077;
    if rights_of_others == 0 {
        return Ok(());
    }
    Err(format!("others may read the secret {0}: chmod 600 {0}", path.display()))
}

#[cfg(not(unix))]
fn restricted(_path: &std::path::Path) -> Result<(), String> {
    Ok(())
}
