//! `railwatch detect`.

use super::args::{DetectArgs, Global};
use super::logging::{command_line, say, to_stdout};
use super::progress::Reporter;
use super::{Failure, Outcome};
use crate::pipeline::{self, AreaRequest, DetectConfig, DetectFile, GdalSource, Plan, RunOutput};
use miette::miette;

/// Plans, runs and writes.
pub(super) fn run(global: &Global, args: &DetectArgs) -> Result<Outcome, Failure> {
    let typed = typed(args);
    let file = match &args.config {
        Some(path) => DetectFile::read(path)?.overridden_by(typed),
        None => typed,
    };
    if file.area == Some(true) {
        return over_area(global, args, file);
    }
    let config = DetectConfig::try_from(file)?;
    let plan = Plan::new(config)?;
    if args.dry_run {
        return say(global, &plan.summary());
    }
    pipeline::prepare_outputs(&plan)?;
    let reporter = Reporter::new(global);
    let result = pipeline::run(plan, &GdalSource, &reporter).and_then(|output| {
        let paths = pipeline::write_outputs(&output, &command_line())?;
        Ok((output, paths))
    });
    reporter.finish();
    let (output, paths) = result?;
    say(global, &paths.summary)?;
    if args.json {
        print_file(&paths.geojson)?;
    }
    Ok(outcome(args, &output, paths.detection_count))
}

/// The run without rails.
fn over_area(global: &Global, args: &DetectArgs, file: DetectFile) -> Result<Outcome, Failure> {
    let request = AreaRequest::new(file, command_line())?;
    if args.dry_run {
        return say(global, &pipeline::plan_area(&request)?);
    }
    let reporter = Reporter::new(global);
    let result = pipeline::change_area(&request, &GdalSource, &reporter);
    reporter.finish();
    let output = result?;
    say(global, &output.summary)?;
    if args.json {
        print_file(&output.geojson)?;
    }
    Ok(if args.fail_on_detect && output.object_count > 0 { Outcome::Found } else { Outcome::Done })
}

fn print_file(path: &std::path::Path) -> Result<(), Failure> {
    let bytes =
        std::fs::read(path).map_err(|e| Failure::failed(miette!("cannot read {}: {e}", path.display())))?;
    to_stdout(&bytes).map(drop)
}

fn outcome(args: &DetectArgs, output: &RunOutput, detection_count: usize) -> Outcome {
    if args.fail_on_detect && detection_count > 0 {
        Outcome::Found
    } else if output.skipped.is_empty() && output.off_track.problem.is_none() {
        Outcome::Done
    } else {
        Outcome::Skipped
    }
}

/// What was typed, in the form of the configuration file.
fn typed(args: &DetectArgs) -> DetectFile {
    DetectFile {
        baseline: args.baseline.clone(),
        target: args.target.clone(),
        rails: args.rails.clone(),
        yards: args.yards.clone(),
        out: args.out.clone(),
        buffer_m: args.buffer_m,
        false_alarms: args.false_alarms,
        min_length_m: args.min_length_m,
        bands: args.bands.clone(),
        datetime: args.datetime.clone(),
        no_register: args.no_register.then_some(true),
        change_map: args.change_map.then_some(true),
        area: args.area.then_some(true),
        ..DetectFile::default()
    }
}

/// A pipeline error with its exit code.
impl From<pipeline::Error> for Failure {
    fn from(error: pipeline::Error) -> Self {
        let report = miette!("{error}");
        if error.is_usage() { Self::usage(report) } else { Self::failed(report) }
    }
}
