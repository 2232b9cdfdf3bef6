//! E-mail by SMTP, with the figure and the GeoJSON attached.

use super::{Channel, Encryption, Message};
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{SmtpTransport, Transport};
use std::time::Duration;

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends one mail to all receivers.
pub(super) fn send(channel: &Channel, password: Option<&str>, message: &Message) -> Result<(), String> {
    let Channel::Mail { server, port, encryption, from, to, user, .. } = channel else {
        return Err("no mail channel".to_owned());
    };
    let mail = compose(from, to, message)?;
    let builder = match encryption {
        Encryption::StartTls => SmtpTransport::starttls_relay(server),
        Encryption::Tls => SmtpTransport::relay(server),
        Encryption::None => Ok(SmtpTransport::builder_dangerous(server)),
    };
    let mut builder = builder.map_err(|e| format!("the mail server {server} cannot be used: {e}"))?;
    if let Some(port) = port {
        builder = builder.port(*port);
    }
    if let (Some(user), Some(password)) = (user, password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.to_owned()));
    }
    builder
        .timeout(Some(PATIENCE))
        .build()
        .send(&mail)
        .map(drop)
        .map_err(|e| format!("the mail server {server} did not take the mail: {e}"))
}

fn compose(from: &str, to: &[String], message: &Message) -> Result<lettre::Message, String> {
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|e| format!("{text} is no mail address: {e}"));
    let alert = &message.alert;
    let mut builder = lettre::Message::builder()
        .from(mailbox(from)?)
        .subject(message.title())
        // The same alert has the same name, so that a second copy can be recognised.
        .message_id(Some(format!("<{}@railwatch>", message.id())));
    for receiver in to {
        builder = builder.to(mailbox(receiver)?);
    }
    let folder = message.folder.as_ref().map(|f| format!("\nFigure and page: {}\n", f.display()));
    let text = format!(
        "{}\n\nSite: {}\nKind: {}\nScene: {}\nAlert: {}\n{}",
        message.title(),
        message.site_title,
        alert.kind,
        alert.datetime,
        alert.alert_id,
        folder.unwrap_or_default()
    );
    let kind = |text: &str| ContentType::parse(text).map_err(|e| e.to_string());
    let mut parts = MultiPart::mixed().singlepart(SinglePart::plain(text));
    if let Some(figure) = &message.figure {
        parts = parts
            .singlepart(Attachment::new("figure.png".to_owned()).body(figure.clone(), kind("image/png")?));
    }
    let name = format!("alert-{}.geojson", alert.alert_id);
    let geojson = Attachment::new(name).body(format!("{}\n", message.geojson), kind("application/geo+json")?);
    builder.multipart(parts.singlepart(geojson)).map_err(|e| format!("the mail cannot be made: {e}"))
}
