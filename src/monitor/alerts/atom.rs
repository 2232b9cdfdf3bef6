//! The newest alerts as an Atom feed (RFC 4287).

use super::{AlertRow, figure_folder, link_from};
use crate::monitor::state::text_of;
use jiff::Timestamp;
use quick_xml::escape::escape;
use std::fmt::Write;
use std::path::Path;

/// The feed, newest first, each alert with the time when its entry last changed; links to figures, which lie below `figures`, are
/// relative to `folder`, where the feed lies.
pub(super) fn feed(alerts: &[(AlertRow, Timestamp)], folder: &Path, figures: &Path) -> String {
    let updated = alerts.iter().map(|(_, changed_at)| *changed_at).max().unwrap_or(Timestamp::UNIX_EPOCH);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <title>railwatch alerts</title>\n<id>urn:railwatch:alerts</id>\n<updated>{}</updated>\n\
         <author><name>railwatch</name></author>\n",
        text_of(updated)
    );
    for (alert, changed_at) in alerts {
        let withdrawn = if alert.withdrawn_at.is_some() { " (withdrawn)" } else { "" };
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "<entry>\n<title>{}{withdrawn}</title>\n<id>urn:railwatch:alert:{}</id>\n<updated>{}</updated>\n\
             <category term=\"{}\"/>\n<summary>{}</summary>\n",
            escape(&alert.title),
            escape(&alert.alert_id),
            text_of(*changed_at),
            escape(&alert.kind),
            escape(&alert.title)
        );
        if let Some(place) = figure_folder(alert, figures) {
            let place = link_from(folder, &place);
            let _ = write!(
                text,
                "<link rel=\"alternate\" type=\"text/html\" href=\"{0}/report.html\"/>\n\
                 <link rel=\"enclosure\" type=\"image/png\" href=\"{0}/report.png\"/>\n\
                 <link rel=\"enclosure\" type=\"application/geo+json\" href=\"{0}/alert-{1}.geojson\"/>\n",
                escape(&place),
                escape(&alert.alert_id)
            );
        }
        text.push_str("</entry>\n");
    }
    text + "</feed>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feed_is_well_formed_whatever_the_names() {
        let alert = AlertRow {
            title: "A & B <yard>".into(),
            figure_folder: Some("s/d".into()),
            ..super::super::an_alert("0a")
        };
        let alerts = [(alert, "2024-06-17T02:00:00Z".parse().unwrap())];
        let text = feed(&alerts, Path::new("/x"), Path::new("/x/alerts"));
        assert_eq!(text.matches("<updated>2024-06-17T02:00:00Z</updated>").count(), 2);
        assert!(text.contains("A &amp; B &lt;yard&gt;") && text.contains("href=\"alerts/s/d/report.html\""));
        let beside = feed(&alerts, Path::new("/x/feeds/of"), Path::new("/x/alerts"));
        assert!(beside.contains("href=\"../../alerts/s/d/report.html\""), "{beside}");
        let mut reader = quick_xml::Reader::from_str(&text);
        while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
    }
}
