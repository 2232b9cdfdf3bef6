//! The elements of an XML file in order, each with its path: all that Sentinel-1's annotation needs.

use super::super::{Error, library};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Largest annotation file that is read, bytes.
const LIMIT: usize = 64 << 20;

/// What is met on the way through a document.
pub(super) enum Met<'a> {
    /// An element begins.
    Start(&'a str),
    /// The text of an element: its name and the text without surrounding blanks.
    Text(&'a str, &'a str),
    /// An element ends.
    End(&'a str),
}

/// Reads the XML at a GDAL path and hands everything in it to `visit`.
pub(super) fn visit(path: &str, visit: impl FnMut(Met<'_>)) -> Result<(), Error> {
    let bytes = library::read_bytes(path, LIMIT)?;
    walk(&bytes, visit).map_err(|reason| Error::Metadata { path: path.to_owned(), reason })
}

/// Walks a document; the parser's words where it is broken.
pub(super) fn walk(xml: &[u8], mut visit: impl FnMut(Met<'_>)) -> Result<(), String> {
    let mut reader = Reader::from_reader(xml);
    let mut element = String::new();
    let mut depth = 0_usize;
    loop {
        let event = reader
            .read_event()
            .map_err(|e| format!("broken XML at byte {}: {e}", reader.buffer_position()))?;
        match event {
            Event::Start(start) => {
                start.local_name().as_ref().clone_into(&mut element);
                depth += 1;
                visit(Met::Start(&element));
            }
            Event::Text(text) => {
                let text = AsRef::<str>::as_ref(&text).trim();
                if !text.is_empty() && !element.is_empty() {
                    visit(Met::Text(&element, text));
                }
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                visit(Met::End(end.local_name().as_ref()));
                element.clear();
            }
            Event::Eof if depth > 0 => return Err("the XML is cut off; fetch the file again".to_owned()),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// Numbers separated by blanks; those that are none are left out.
pub(super) fn numbers(text: &str) -> Vec<f64> {
    text.split_ascii_whitespace().filter_map(|t| t.parse().ok()).collect()
}
