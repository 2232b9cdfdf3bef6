//! `railwatch fetch`.

use super::args::Global;
use super::logging::say;
use super::search::{ChoiceArgs, choose, summary};
use super::{Failure, Outcome};
use crate::catalog::{FetchRequest, Skipped};
use crate::units::counted;
use clap::Args;
use miette::miette;
use rayon::prelude::*;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Fetch the corridor's windows of scenes: a folder with COGs and a STAC item each, which `detect` takes as SCENE.
#[derive(Debug, Args)]
#[command(
    after_help = "Only the bytes of the window are transferred. Files that are there already are not fetched again, and an interrupted fetch \
    continues where it stopped. DIR/ID/ID.json holds the SHA-256 of every file.\n\nExamples:\n  \
    railwatch fetch --rails rails.geojson --from 2022-11-01 --to 2022-12-01 --max-cloud 0.2 --out scenes\n  \
    railwatch fetch --source planetary-computer --rails rails.geojson --from 2024-06-01 --limit 5 --out scenes"
)]
pub(super) struct FetchArgs {
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Bands, such as B02,B03,B04,B08 [default: these four, or VV,VH]; the classification is fetched as well.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    bands: Vec<String>,
    /// Folder for the scenes; created if missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Searches and fetches.
pub(super) fn run(global: &Global, args: &FetchArgs) -> Result<Outcome, Failure> {
    let mut choices = choose(&args.choice)?;
    std::fs::create_dir_all(&args.out).map_err(|e| {
        Failure::usage(miette!("--out {}: the folder cannot be created: {e}", args.out.display()))
    })?;
    let bands = (!args.bands.is_empty()).then(|| args.bands.clone());
    let request = FetchRequest { dir: args.out.clone(), bands };
    let results: Vec<_> = choices
        .scenes
        .par_iter()
        .map(|choice| choices.catalog.fetch(&choice.scene, &choices.corridor, &request))
        .collect();
    let mut text = String::new();
    let (mut fetched_count, mut kept_count, mut done_count) = (0, 0, 0);
    for (choice, result) in choices.scenes.iter().zip(results) {
        match result {
            Ok(fetched) => {
                fetched_count += fetched.fetched_count;
                kept_count += fetched.kept_count;
                done_count += 1;
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{}", fetched.item.display());
            }
            Err(error) => {
                choices
                    .skipped
                    .push(Skipped { id: choice.scene.item().id.clone(), reason: error.to_string() });
            }
        }
    }
    let _ = writeln!(text, "{} fetched, {kept_count} already there", counted(fetched_count, "file"));
    say(global, &(text + &summary(&choices)))?;
    Ok(match (choices.skipped.is_empty(), done_count) {
        (true, _) => Outcome::Done,
        (false, 0) if !choices.scenes.is_empty() => Outcome::Failed,
        (false, _) => Outcome::Skipped,
    })
}
