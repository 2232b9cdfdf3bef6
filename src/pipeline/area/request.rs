//! What an area run is asked for, from the configuration of `detect`.

use crate::pipeline::Error;
use crate::pipeline::config::{DetectFile, parse_time};
use crate::pipeline::register::RegisterRequest;
use crate::units::OutOfRange;
use crate::{change, mask};
use std::path::PathBuf;

/// Square kilometres over which false alarms of an area are counted.
const RATE_KM2: f64 = 100.0;
/// False alarms over them where nothing else is asked.
const FALSE_ALARMS: f64 = 2.0;

/// Two scenes to be compared everywhere.
#[derive(Debug, Clone)]
pub struct AreaRequest {
    /// The scenes and how they are registered: the baseline keeps its geometry.
    pub pair: RegisterRequest,
    /// Folder of the outputs.
    pub out: PathBuf,
    /// Whether the shift is measured.
    pub register: bool,
    /// Time of the target where its file does not tell.
    pub datetime: Option<jiff::Timestamp>,
    /// Cloud mask.
    pub mask: mask::MaskParams,
    /// Change statistic.
    pub change: change::ChangeParams,
    /// Objects, with the false ones expected per square kilometre.
    pub objects: change::ObjectParams,
}

impl AreaRequest {
    /// The request that a configuration with `area` makes; `arguments` is the command line, for the record.
    ///
    /// # Errors
    /// What is missing or has no meaning without rails; values out of range.
    pub fn new(file: DetectFile, arguments: Vec<String>) -> Result<Self, Error> {
        let rails_only = [
            ("rails", file.rails.is_some()),
            ("yards", file.yards.is_some()),
            ("buffer_m", file.buffer_m.is_some()),
            ("min_length_m", file.min_length_m.is_some()),
            ("change_map", file.change_map == Some(true)),
            ("radar.dem", file.radar.dem.is_some()),
        ];
        if let Some((option, _)) = rails_only.into_iter().find(|(_, given)| *given) {
            return Err(Error::NotWithArea { option });
        }
        if file.baseline.is_empty() {
            return Err(Error::Missing { what: "the baseline scene", option: "--baseline" });
        }
        file.mask.check()?;
        file.coreg.check()?;
        file.tracks.check()?;
        file.change.check()?;
        file.objects.check()?;
        file.radar.check()?;
        let [reference] = <[String; 1]>::try_from(file.baseline)
            .map_err(|given| Error::AreaBaselines { count: given.len() })?;
        let moving = file.target.ok_or(Error::Missing { what: "the target scene", option: "--target" })?;
        let mut objects = file.objects;
        let asked = file.false_alarms.unwrap_or(FALSE_ALARMS);
        if !(asked.is_finite() && asked > 0.0) {
            let quantity = "false alarms per 100 km²";
            return Err(OutOfRange { quantity, allowed: "finite and above 0", value: asked }.into());
        }
        objects.false_objects_per_km2.get_or_insert(asked / RATE_KM2);
        Ok(Self {
            pair: RegisterRequest {
                reference,
                moving,
                out: None,
                tie_points: None,
                bands: file.bands,
                match_band: None,
                model: None,
                spacing_px: None,
                coreg: file.coreg,
                arguments,
            },
            out: file.out.ok_or(Error::Missing { what: "the output folder", option: "--out" })?,
            register: !file.no_register.unwrap_or(false),
            datetime: file.datetime.as_deref().map(parse_time).transpose()?,
            mask: file.mask,
            change: file.change,
            objects,
        })
    }

    /// False objects expected per 100 km².
    #[must_use]
    pub fn false_alarms_per_100km2(&self) -> f64 {
        self.objects.rate_per_km2() * RATE_KM2
    }
}
