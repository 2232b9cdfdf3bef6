//! `railwatch fetch`.

use super::args::{FetchArgs, Global};
use super::logging::say;
use super::search::{choose, summary};
use super::{Failure, Outcome};
use crate::catalog::{FetchRequest, Skipped};
use crate::units::counted;
use miette::miette;
use rayon::prelude::*;
use std::fmt::Write as _;

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
