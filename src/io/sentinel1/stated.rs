//! What names, tags and catalogues state about a radar scene: orbit, pass, mode, kind of backscatter.

use super::super::names;
use super::annotation::pass_of;
use crate::scene::{Backscatter, Pass, relative_orbit};
use gdal::{Dataset, Metadata};

/// Facts about a scene; what nothing states is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stated {
    pub(super) platform: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) pass: Option<Pass>,
    pub(super) relative_orbit: Option<u16>,
    pub(super) backscatter: Option<Backscatter>,
    /// Whether the numbers are said to be decibels (`true`) or linear power (`false`).
    pub(super) decibel: Option<bool>,
}

impl Stated {
    /// What is known already wins over `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            platform: self.platform.or(other.platform),
            mode: self.mode.or(other.mode),
            pass: self.pass.or(other.pass),
            relative_orbit: self.relative_orbit.or(other.relative_orbit),
            backscatter: self.backscatter.or(other.backscatter),
            decibel: self.decibel.or(other.decibel),
        }
    }
}

/// What a product or file name states.
///
/// ```text
/// S1A_IW_GRDH_1SDV_…_022812_02792A_FD5B: Sentinel-1A, IW, absolute orbit 22812 hence relative orbit 140
/// OPERA_L2_RTC-S1_T137-292318-IW2_…_S1A_30_v1.0_VV: Sentinel-1A, IW, relative orbit 137, gamma0
/// ```
pub(super) fn by_name(name: &str) -> Stated {
    let platform = names::platform_of(name).filter(|p| p.starts_with("Sentinel-1"));
    let mut stated = Stated { platform, ..Stated::default() };
    let tokens: Vec<&str> = name.split(['_', '-', '.', '/', ' ']).collect();
    for (i, token) in tokens.iter().enumerate() {
        let upper = token.to_ascii_uppercase();
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        match upper.as_str() {
            "IW" | "EW" | "SM" | "WV" => stated.mode = stated.mode.or(Some(upper)),
            "IW1" | "IW2" | "IW3" => stated.mode = stated.mode.or_else(|| Some("IW".to_owned())),
            "SIGMA0" => stated.backscatter = Some(Backscatter::Sigma0),
            "GAMMA0" | "RTC" => stated.backscatter = Some(Backscatter::Gamma0),
            "DB" => stated.decibel = Some(true),
            "LINEAR" => stated.decibel = Some(false),
            _ if upper.strip_prefix('T').is_some_and(|t| digits(t, 3)) => {
                // OPERA's burst: T137-292318-IW2.
                let burst = tokens.get(i + 1).is_some_and(|t| digits(t, 6));
                stated.relative_orbit =
                    stated.relative_orbit.or(burst.then(|| upper[1..].parse().ok()).flatten());
            }
            _ if digits(token, 6) => {
                // Absolute orbit behind the second time of a product's name.
                let behind_time = i > 0 && tokens[i - 1].len() == 15 && tokens[i - 1].contains(['T', 't']);
                let absolute = behind_time.then(|| token.parse().ok()).flatten();
                let orbit = absolute.zip(stated.platform.as_deref()).and_then(|(n, p)| relative_orbit(p, n));
                stated.relative_orbit = stated.relative_orbit.or(orbit);
            }
            _ => stated.pass = stated.pass.or_else(|| pass_of(token)),
        }
    }
    stated
}

/// What a file's tags tell.
pub(super) fn by_tags(dataset: &Dataset) -> Stated {
    let tag = |keys: &[&str]| keys.iter().find_map(|k| dataset.metadata_item(k, ""));
    let platform = tag(&["PLATFORM", "platform", "SPACECRAFT_NAME", "MISSION"]);
    // A simulated scene says so, whatever its name says.
    let is_known = |p: &String| p.starts_with("Sentinel-1") || p == "simulated";
    let platform = platform.and_then(|t| names::platform_of(&t)).filter(is_known);
    let kind = tag(&["BACKSCATTER", "backscatter"]).map(|t| t.to_ascii_lowercase());
    let absolute = tag(&["ABSOLUTE_ORBIT_NUMBER", "absolute_orbit_number"]).and_then(|t| t.parse().ok());
    let orbit = tag(&["RELATIVE_ORBIT", "RELATIVE_ORBIT_NUMBER", "TRACK_NUMBER", "sat:relative_orbit"])
        .and_then(|t| t.trim().parse().ok())
        .or_else(|| relative_orbit(platform.as_deref()?, absolute?));
    let units = tag(&["UNITS", "units"]).map(|t| t.to_ascii_lowercase());
    Stated {
        platform,
        mode: tag(&["MODE", "ACQUISITION_MODE", "sar:instrument_mode"]),
        pass: tag(&["ORBIT_PASS_DIRECTION", "PASS", "ORBIT_DIRECTION", "sat:orbit_state"])
            .and_then(|t| pass_of(&t)),
        relative_orbit: orbit,
        backscatter: kind.as_deref().and_then(|k| match k {
            "sigma0" => Some(Backscatter::Sigma0),
            "gamma0" => Some(Backscatter::Gamma0),
            _ => None,
        }),
        decibel: units.as_deref().and_then(|u| match u {
            "db" | "decibel" | "decibels" => Some(true),
            "linear" | "power" | "1" => Some(false),
            _ => None,
        }),
    }
}

/// What a STAC item's properties state.
pub(super) fn by_item(json: &serde_json::Value) -> Stated {
    let property = |key: &str| json.get("properties").and_then(|p| p.get(key));
    let text = |key: &str| property(key).and_then(serde_json::Value::as_str);
    let number = |key: &str| property(key).and_then(serde_json::Value::as_u64);
    let collection = json.get("collection").and_then(serde_json::Value::as_str).unwrap_or_default();
    let rtc = collection.to_ascii_lowercase().contains("rtc");
    Stated {
        platform: text("platform").and_then(names::platform_of),
        mode: text("sar:instrument_mode").map(str::to_owned),
        pass: text("sat:orbit_state").and_then(pass_of),
        relative_orbit: number("sat:relative_orbit").and_then(|n| u16::try_from(n).ok()),
        backscatter: rtc.then_some(Backscatter::Gamma0),
        decibel: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_orbit_mode_and_kind() {
        let stated = by_name("S1A_IW_GRDH_1SDV_20180716T004042_20180716T004107_022812_02792A_FD5B");
        assert_eq!(stated.platform.as_deref(), Some("Sentinel-1A"));
        assert_eq!((stated.mode.as_deref(), stated.relative_orbit), (Some("IW"), Some(165)));
        let stated =
            by_name("OPERA_L2_RTC-S1_T137-292318-IW2_20211119T015855Z_20250830T120333Z_S1A_30_v1.0_VH");
        assert_eq!((stated.relative_orbit, stated.backscatter), (Some(137), Some(Backscatter::Gamma0)));
        assert_eq!(stated.mode.as_deref(), Some("IW"));
        let stated = by_name("S1_GRD_ASC_20170801T173236_VVVH_dB_20m");
        assert_eq!((stated.pass, stated.decibel), (Some(Pass::Ascending), Some(true)));
        assert_eq!(stated.relative_orbit, None);
        let stated = by_name("S1_GRD_20230403_VVVH_sigma0_dB");
        assert_eq!(stated.backscatter, Some(Backscatter::Sigma0));
    }
}
