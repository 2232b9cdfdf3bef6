//! The elements of an XML document in order: all that the metadata of SAFE products needs.

use super::{Error, library};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Largest annotation file that is read, bytes.
const LIMIT: usize = 64 << 20;

/// How a document ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With all elements closed.
    Whole,
    /// In the middle of an element: the file is cut off.
    Cut,
}

/// What is met on the way through a document.
pub(super) enum Met<'a> {
    /// An element begins.
    Start(&'a str),
    /// The text of an element: its name and the text without surrounding blanks.
    Text(&'a str, &'a str),
    /// An element ends.
    End(&'a str),
}

/// Reads the XML at a GDAL path and hands everything in it to `visit`; a document that is cut off is refused.
pub(super) fn visit(path: &str, visit: impl FnMut(Met<'_>)) -> Result<(), Error> {
    let bytes = library::read_bytes(path, LIMIT)?;
    let refused = |reason| Error::Metadata { path: path.to_owned(), reason };
    match walk(&bytes, visit).map_err(refused)? {
        Ending::Whole => Ok(()),
        Ending::Cut => Err(refused("the XML is cut off; fetch the file again".to_owned())),
    }
}

/// Walks a document; the parser's words where it is broken.
pub(super) fn walk(xml: &[u8], mut visit: impl FnMut(Met<'_>)) -> Result<Ending, String> {
    let mut reader = Reader::from_reader(xml);
    let mut element = String::new();
    let mut depth = 0_usize;
    let mut is_empty = true;
    loop {
        let event = reader
            .read_event()
            .map_err(|e| format!("broken XML at byte {}: {e}", reader.buffer_position()))?;
        match event {
            Event::Start(start) => {
                start.local_name().as_ref().clone_into(&mut element);
                depth += 1;
                is_empty = false;
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
            Event::Eof if is_empty => return Err("no XML elements in it".to_owned()),
            Event::Eof => return Ok(if depth > 0 { Ending::Cut } else { Ending::Whole }),
            _ => {}
        }
    }
}

/// Numbers separated by blanks; those that are none, or not finite, are left out.
pub(super) fn numbers(text: &str) -> Vec<f64> {
    text.split_ascii_whitespace().filter_map(|t| t.parse().ok()).filter(|v: &f64| v.is_finite()).collect()
}
