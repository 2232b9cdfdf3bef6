//! What a Sentinel-2 product's name states.
//!
//! Reference: Sentinel-2 Products Specification Document, naming convention of the compact format:
//! `MMM_MSIXXX_YYYYMMDDHHMMSS_Nxxyy_ROOO_Txxxxx_<product discriminator>.SAFE`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The parts of a Sentinel-2 product name.
///
/// ```
/// use railwatch::scene::ProductName;
/// let name = ProductName::parse("S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE").unwrap();
/// assert_eq!((name.platform.as_str(), name.level.as_str(), name.tile.as_str()), ("Sentinel-2A", "L2A", "01WCP"));
/// assert_eq!((name.baseline, name.relative_orbit), (Some(5.09), Some(73)));
/// assert_eq!(name.datatake.to_string(), "2023-06-25T23:46:21Z");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ProductName {
    /// `Sentinel-2A`.
    pub platform: String,
    /// `L1C` or `L2A`.
    pub level: String,
    /// Start of the datatake: the same in all tiles and copies of it.
    pub datatake: Timestamp,
    /// Processing baseline; `None` for `N9999`, which marks products made by users.
    pub baseline: Option<f64>,
    /// Relative orbit, 1…143.
    pub relative_orbit: Option<u32>,
    /// MGRS tile without the leading `T`.
    pub tile: String,
    /// The discriminator: the time of the tile's processing, or of its sensing.
    pub discriminator: Option<Timestamp>,
}

impl ProductName {
    /// The parts of a name, with or without `.SAFE`, also without baseline (as Planetary Computer's ids);
    /// `None` for names of another form.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let stem = name.trim_end_matches('/').rsplit('/').next()?.split('.').next()?;
        let mut words = stem.split('_');
        let letter = words.next()?.strip_prefix("S2").filter(|l| matches!(*l, "A" | "B" | "C" | "D"))?;
        let level = words.next()?.strip_prefix("MSI")?.to_owned();
        let datatake = compact_time(words.next()?)?;
        let (mut baseline, mut relative_orbit, mut tile, mut discriminator) = (None, None, None, None);
        for word in words {
            let digits = |prefix: char, count: usize| {
                word.strip_prefix(prefix)
                    .filter(|d| d.len() == count && d.bytes().all(|b| b.is_ascii_digit()))
            };
            if let Some(n) = digits('N', 4) {
                baseline = n.parse::<f64>().ok().filter(|n| *n < 9999.0).map(|n| n / 100.0);
            } else if let Some(r) = digits('R', 3) {
                relative_orbit = r.parse().ok();
            } else if let Some(t) = word.strip_prefix('T').filter(|t| is_tile(t)) {
                tile = Some(t.to_owned());
            } else {
                discriminator = compact_time(word).or(discriminator);
            }
        }
        let (platform, tile) = (format!("Sentinel-2{letter}"), tile?);
        Some(Self { platform, level, datatake, baseline, relative_orbit, tile, discriminator })
    }
}

/// `20230625T234621` as a moment in UTC.
fn compact_time(word: &str) -> Option<Timestamp> {
    if word.len() != 15 || word.as_bytes()[8] != b'T' {
        return None;
    }
    TimeZone::UTC.to_timestamp(word.parse::<DateTime>().ok()?).ok()
}

/// Whether a word is an MGRS tile: two digits and three capital letters.
#[must_use]
pub fn is_tile(word: &str) -> bool {
    let b = word.as_bytes();
    b.len() == 5 && b[..2].iter().all(u8::is_ascii_digit) && b[2..].iter().all(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_providers() {
        let pc = ProductName::parse("S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531").unwrap();
        assert_eq!((pc.baseline, pc.relative_orbit, pc.tile.as_str()), (None, Some(43), "06VVN"));
        assert_eq!(pc.discriminator.unwrap().to_string(), "2020-10-06T08:05:31Z");
        let user =
            ProductName::parse("S2B_MSIL2A_20180315T115349_N9999_R023_T29UMV_20221031T043204").unwrap();
        assert_eq!((user.baseline, user.level.as_str()), (None, "L2A"));
        assert!(ProductName::parse("S2A_28QCH_20200714_0_L2A").is_none());
        assert!(
            ProductName::parse("S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13").is_none()
        );
        assert!(ProductName::parse("S2A_MSIL1C_20231301T999999_N0509_R073_T01WCP_20230626T022157").is_none());
        assert!(ProductName::parse("").is_none());
    }
}
