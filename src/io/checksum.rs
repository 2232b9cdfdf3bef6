//! What a scene was read from, as a checksum for the provenance; short names made of what they stand for.

use super::{Error, library};
use crate::scene::Scene;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;

/// SHA-256 of the scene's files in hexadecimal: of the one file (as `sha256sum` prints it), else of the
/// files' sums in the order of their paths. `None` when a file is remote.
///
/// # Errors
/// [`Error::Read`] when a file cannot be read to its end.
pub fn sha256(scene: &Scene) -> Result<Option<String>, Error> {
    let paths = source_files(scene);
    if !paths.iter().all(|p| library::is_plain_path(p)) {
        return Ok(None);
    }
    let sums: Vec<String> = paths.iter().map(|p| sum_of(p)).collect::<Result<_, _>>()?;
    if let [one] = sums.as_slice() {
        return Ok(Some(one.clone()));
    }
    Ok(Some(hex(&Sha256::digest(sums.concat()))))
}

/// Files that a scene's pixels are read from, zip files and not what is in them; remote ones as GDAL names them.
#[must_use]
pub fn source_files(scene: &Scene) -> BTreeSet<String> {
    let sources = scene.bands.iter().map(|b| &b.source).chain(&scene.classification);
    sources.map(|s| local_file(&s.gdal_path)).collect()
}

/// The zip file of a path inside one; other paths as they are.
fn local_file(gdal_path: &str) -> String {
    let gdal_path = library::file_of(gdal_path);
    let Some(inside) = gdal_path.strip_prefix("/vsizip/") else { return gdal_path.into_owned() };
    if let Some(rest) = inside.strip_prefix('{') {
        return rest.split('}').next().unwrap_or(rest).to_owned();
    }
    let end = inside.to_ascii_lowercase().find(".zip").map_or(inside.len(), |i| i + 4);
    inside[..end].to_owned()
}

/// SHA-256 of a file in hexadecimal, read piece by piece.
///
/// # Errors
/// [`Error::Read`] when it cannot be read to its end.
pub fn sum_of(path: &str) -> Result<String, Error> {
    let mut file = File::open(path).map_err(|e| Error::read(path, e))?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0_u8; 1 << 20];
    loop {
        let got = std::io::Read::read(&mut file, &mut chunk).map_err(|e| Error::read(path, e))?;
        if got == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&chunk[..got]);
    }
}

/// Sixteen hexadecimal digits that stand for a text: the first of its SHA-256.
#[must_use]
pub fn short_hash(text: &str) -> String {
    hex(&Sha256::digest(text)[..8])
}

/// Bytes in hexadecimal, two small digits each.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, b| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{b:02x}");
        text
    })
}
