//! Whether a JPEG2000 file is whole: decoders fill what is missing with zeros and say nothing.
//!
//! Reference: ISO/IEC 15444-1 annexes A (codestream ends with the EOC marker) and I (boxes).

use super::{Error, library};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Start of every JP2 file.
const SIGNATURE: [u8; 12] = [0, 0, 0, 12, b'j', b'P', b' ', b' ', 0x0d, 0x0a, 0x87, 0x0a];
/// Start of a codestream: SOC and SIZ markers.
const CODESTREAM: [u8; 4] = [0xff, 0x4f, 0xff, 0x51];
/// End of a codestream.
const EOC: [u8; 2] = [0xff, 0xd9];

/// Refuses a local JPEG2000 file that ends early; other files pass.
pub(super) fn check(path: &str) -> Result<(), Error> {
    if !library::is_plain_path(path) {
        return Ok(());
    }
    let Ok(mut file) = File::open(path) else { return Ok(()) };
    match missing_end(&mut file) {
        Ok(None) => Ok(()),
        Ok(Some(reason)) => Err(Error::read(path, reason)),
        Err(e) => Err(Error::read(path, e)),
    }
}

/// Why a JPEG2000 stream is not whole; `None` for a whole one and for other formats.
fn missing_end(file: &mut (impl Read + Seek)) -> std::io::Result<Option<String>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut head = [0_u8; 12];
    file.seek(SeekFrom::Start(0))?;
    if length < 12 || file.read_exact(&mut head).is_err() {
        return Ok(None);
    }
    if head[..4] == CODESTREAM {
        return ends_with_eoc(file, length);
    }
    if head != SIGNATURE {
        return Ok(None);
    }
    let mut at = 12_u64;
    let mut code_seen = false;
    while at + 8 <= length {
        let mut start = [0_u8; 16];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut start[..8])?;
        let short = u64::from(u32::from_be_bytes([start[0], start[1], start[2], start[3]]));
        let size = match short {
            0 => length - at,
            1 if at + 16 <= length => {
                file.read_exact(&mut start[8..])?;
                start[8..].iter().fold(0, |n, &b| (n << 8) | u64::from(b))
            }
            n => n,
        };
        let end = at.saturating_add(size);
        let name = &start[4..8];
        code_seen |= name == b"jp2c";
        if size < 8 || end > length {
            let name = String::from_utf8_lossy(name).into_owned();
            return Ok(Some(format!("JPEG2000 box '{name}' wants {end} bytes, the file has {length}")));
        }
        if name == b"jp2c" && short == 0 {
            return ends_with_eoc(file, length);
        }
        at = end;
    }
    Ok((!code_seen).then(|| "JPEG2000 file without a codestream".to_owned()))
}

fn ends_with_eoc(file: &mut (impl Read + Seek), length: u64) -> std::io::Result<Option<String>> {
    let mut tail = [0_u8; 2];
    file.seek(SeekFrom::Start(length - 2))?;
    file.read_exact(&mut tail)?;
    Ok((tail != EOC).then(|| "JPEG2000 codestream without its end marker".to_owned()))
}
