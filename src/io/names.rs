//! What file names, descriptions and common names state: bands, dates, platforms, baselines.

use crate::scene::IMPLANTED;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Name of the scene classification band.
pub(super) const SCL: &str = "SCL";

/// STAC common names and everyday words against Sentinel-2 band names.
const COMMON: [(&str, &str); 17] = [
    ("coastal", "B01"),
    ("blue", "B02"),
    ("green", "B03"),
    ("red", "B04"),
    ("rededge1", "B05"),
    ("rededge071", "B05"),
    ("rededge2", "B06"),
    ("rededge075", "B06"),
    ("rededge3", "B07"),
    ("rededge078", "B07"),
    ("nir", "B08"),
    ("nir08", "B8A"),
    ("nir09", "B09"),
    ("cirrus", "B10"),
    ("swir16", "B11"),
    ("swir22", "B12"),
    ("scl", SCL),
];

/// The band that one word names: `B04`, `b4`, `red`, `SCL`, `VV`; `None` for any other word.
pub(super) fn band_of_word(word: &str) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    if let Some((_, band)) = COMMON.iter().find(|(common, _)| *common == lower) {
        return Some((*band).to_owned());
    }
    let upper = word.to_ascii_uppercase();
    if matches!(upper.as_str(), "VV" | "VH" | "HH" | "HV" | "B8A") {
        return Some(upper);
    }
    let number = upper.strip_prefix('B')?;
    if number.is_empty() || number.len() > 2 {
        return None;
    }
    number.parse::<u8>().ok().filter(|n| (1..=12).contains(n)).map(|n| format!("B{n:02}"))
}

/// The bands that a file stem lists, in order: `x_B02B03B04_10m` → B02 B03 B04, `T31TDH_B8A` → B8A.
///
/// ```text
/// S1_GRD_VVVH_dB → VV VH; holiday → nothing
/// ```
pub(super) fn bands_of_stem(stem: &str) -> Vec<String> {
    stem.split(['_', '-', '.', ' ']).flat_map(|token| bands_of_token(token).unwrap_or_default()).collect()
}

/// The bands of a token that consists of nothing else.
fn bands_of_token(token: &str) -> Option<Vec<String>> {
    let mut rest = token.to_ascii_uppercase();
    let mut bands = Vec::new();
    if !rest.is_ascii() {
        return None;
    }
    while !rest.is_empty() {
        let length = ["SCL", "VV", "VH", "HH", "HV"]
            .iter()
            .find(|p| rest.starts_with(*p))
            .map(|p| p.len())
            .or_else(|| (rest.starts_with('B') && rest.len() >= 3).then_some(3))?;
        bands.push(band_of_word(&rest[..length])?);
        rest.drain(..length);
    }
    (!bands.is_empty()).then_some(bands)
}

/// The band that a description names: the whole of it, or the first of its words that does.
pub(super) fn band_of_description(description: &str) -> Option<String> {
    let description =
        description.to_ascii_lowercase().replace("red edge", "rededge").replace("red-edge", "rededge");
    band_of_word(description.trim())
        .or_else(|| description.split(|c: char| !c.is_ascii_alphanumeric()).find_map(band_of_word))
}

/// The first moment in a name: `YYYYMMDD` or `YYYYMMDDTHHMMSS`, also with dashes and colons, UTC.
pub(super) fn datetime_of_name(name: &str) -> Option<Timestamp> {
    let bytes = name.as_bytes();
    (0..bytes.len())
        .filter(|&i| i == 0 || !bytes[i - 1].is_ascii_digit())
        .find_map(|i| datetime_at(&bytes[i..]))
}

/// A date, and a time where one follows, at the start of `bytes`.
fn datetime_at(bytes: &[u8]) -> Option<Timestamp> {
    let dashed = bytes.get(4) == Some(&b'-');
    let mut at = 0;
    let mut number = |digits: usize, separator: Option<u8>| -> Option<i16> {
        if let Some(s) = separator {
            if bytes.get(at) != Some(&s) {
                return None;
            }
            at += 1;
        }
        let text = bytes.get(at..at + digits).filter(|t| t.iter().all(u8::is_ascii_digit))?;
        at += digits;
        std::str::from_utf8(text).ok()?.parse().ok()
    };
    let dash = dashed.then_some(b'-');
    let (year, month, day) = (number(4, None)?, number(2, dash)?, number(2, dash)?);
    if !(1972..=2100).contains(&year) {
        return None;
    }
    let separator = bytes.get(at).copied().filter(|b| matches!(b, b'T' | b't' | b'_' | b' '));
    if separator.is_none() && bytes.get(at).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let time = separator.and_then(|_| {
        let rest = &bytes[at + 1..];
        let colons = rest.get(2) == Some(&b':');
        let step = if colons { 3 } else { 2 };
        let part = |i: usize| -> Option<i8> {
            let text = rest.get(i * step..i * step + 2).filter(|t| t.iter().all(u8::is_ascii_digit))?;
            std::str::from_utf8(text).ok()?.parse().ok()
        };
        let after = rest.get(2 * step + 2).is_some_and(u8::is_ascii_digit);
        (!after).then_some(())?;
        Some((part(0)?, part(1)?, part(2)?))
    });
    let (h, m, s) = time.filter(|t| t.0 < 24 && t.1 < 60 && t.2 < 60).unwrap_or((0, 0, 0));
    let civil = DateTime::new(year, month as i8, day as i8, h, m, s, 0).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// The day of a moment, counted from 1970, UTC.
pub(super) fn day(t: Timestamp) -> i64 {
    t.as_second().div_euclid(86_400)
}

/// A moment as metadata write it: RFC 3339, or anything [`datetime_of_name`] reads, or TIFF's
/// `YYYY:MM:DD HH:MM:SS`.
pub(super) fn datetime_of_text(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().or_else(|| {
        let mut plain = text.to_owned();
        if text.as_bytes().get(4) == Some(&b':') && text.len() >= 10 && text.is_ascii() {
            plain.replace_range(4..5, "-");
            plain.replace_range(7..8, "-");
        }
        datetime_of_name(&plain)
    })
}

/// The platform that a name or metadata value states: `S2A…`, `sentinel-2a`, `SENTINEL-1A` →
/// `Sentinel-2A`, `Sentinel-1A`; `Sentinel-2_L2A` and `sentinel-2-l2a` give `Sentinel-2`. Scenes made from nothing and trains put into satellite scenes are named as they name themselves.
pub(super) fn platform_of(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if lower.ends_with(IMPLANTED) {
        return Some(text.to_owned());
    }
    if lower.contains("simulated") {
        return Some("simulated".to_owned());
    }
    lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).find_map(|token| {
        if let Some(mission) = token.strip_prefix("sentinel-").and_then(|rest| rest.split('-').next())
            && matches!(mission, "1" | "2")
        {
            return Some(format!("Sentinel-{mission}"));
        }
        let rest = token.strip_prefix("sentinel-").or_else(|| token.strip_prefix('s'))?;
        let (number, letter) = (rest.get(..1)?, rest.get(1..2)?);
        let known = matches!(number, "1" | "2") && matches!(letter, "a" | "b" | "c" | "d") && rest.len() == 2;
        known.then(|| format!("Sentinel-{number}{}", letter.to_ascii_uppercase()))
    })
}

/// The processing baseline in a product name: `…_N0509_…` → 5.09.
pub(super) fn baseline_of_name(name: &str) -> Option<f64> {
    name.split(['_', '/', '.', '-']).find_map(|token| {
        let digits = token.strip_prefix('N')?;
        let all = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
        all.then(|| digits.parse::<f64>().ok()).flatten().map(|n| n / 100.0)
    })
}

/// Whether a path (or URL) ends in one of these extensions, given without dot; case does not matter.
pub(super) fn has_extension(path: &str, extensions: &[&str]) -> bool {
    let plain = path.split('?').next().unwrap_or(path);
    let own = std::path::Path::new(plain).extension().and_then(|e| e.to_str());
    own.is_some_and(|own| extensions.iter().any(|e| own.eq_ignore_ascii_case(e)))
}

/// The name of a path's last part without its extension.
pub(super) fn stem(path: &str) -> String {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
    let last = last.split('?').next().unwrap_or(last);
    match last.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 5 => stem.to_owned(),
        _ => last.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_from_names() {
        assert_eq!(bands_of_stem("bernau_S2_20210121_B02B03B04"), ["B02", "B03", "B04"]);
        assert_eq!(bands_of_stem("S2_L2A_20230407_B04B08SCL"), ["B04", "B08", "SCL"]);
        assert_eq!(bands_of_stem("T31TDH_20180101T105441_B8A"), ["B8A"]);
        assert_eq!(bands_of_stem("S1_GRD_20230424_VVVH_sigma0_dB"), ["VV", "VH"]);
        assert_eq!(bands_of_stem("ref_S2A_20160608T153121_T33UUU_sub"), [""; 0]);
        assert_eq!(band_of_description("Blue (band 2)").as_deref(), Some("B02"));
        assert_eq!(band_of_description("B4, central wavelength 665 nm").as_deref(), Some("B04"));
        assert_eq!(band_of_description("elevation"), None);
        assert_eq!(band_of_description("Red edge (705 nm)"), None);
    }

    #[test]
    fn moments_from_names_and_tags() {
        let at = |s: &str| datetime_of_name(s).map(|t| t.to_string());
        assert_eq!(at("ref_S2A_20160608T153121_T33UUU").as_deref(), Some("2016-06-08T15:31:21Z"));
        assert_eq!(at("bernau_20210121_B02").as_deref(), Some("2021-01-21T00:00:00Z"));
        assert_eq!(at("scene 2021-01-21").as_deref(), Some("2021-01-21T00:00:00Z"));
        assert_eq!(at("x_99999999_20211301"), None);
        let text = |s: &str| datetime_of_text(s).map(|t| t.to_string());
        assert_eq!(text("2017:12:20 11:04:40").as_deref(), Some("2017-12-20T11:04:40Z"));
        assert_eq!(text("2017-12-20T11:04:40.5Z").as_deref(), Some("2017-12-20T11:04:40.5Z"));
        assert_eq!(text("2023-06-28 21:07:05.989235+00:00").as_deref(), Some("2023-06-28T21:07:05.989235Z"));
    }

    #[test]
    fn platforms_and_baselines() {
        assert_eq!(platform_of("S2A_MSIL2A_2018").as_deref(), Some("Sentinel-2A"));
        assert_eq!(platform_of("SENTINEL-1C").as_deref(), Some("Sentinel-1C"));
        assert_eq!(platform_of("2022-11-29_Sentinel-2_L2A_B02").as_deref(), Some("Sentinel-2"));
        assert_eq!(platform_of("sentinel-2-l2a").as_deref(), Some("Sentinel-2"));
        assert_eq!(platform_of("landsat"), None);
        assert_eq!(platform_of("simulated").as_deref(), Some("simulated"));
        let implanted = "Sentinel-2B, trains simulated";
        assert_eq!(platform_of(implanted).as_deref(), Some(implanted));
        assert_eq!(platform_of("S2_L2A_2017"), None);
        assert_eq!(baseline_of_name("S2A_MSIL2A_20230625T234621_N0509_R073"), Some(5.09));
    }
}
