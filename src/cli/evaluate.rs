//! `railwatch evaluate`.

use super::args::{EvaluateArgs, Global};
use super::logging::{json_to_stdout, say, say_written};
use super::{Failure, Outcome};
use crate::evaluate::naive::{self, NaiveCase, Reference};
use crate::evaluate::{self, Case, Error, Evaluated};
use crate::pipeline;
use crate::simulate::Kind;
use miette::miette;

/// Scores the cases, prints the table and writes the files.
pub(super) fn run(global: &Global, args: &EvaluateArgs) -> Result<Outcome, Failure> {
    let mut inputs = evaluate::case_inputs(&args.cases)?;
    if let Some(truth) = &args.truth {
        for input in inputs.iter_mut().filter(|i| i.truth.is_none()) {
            input.truth = Some(truth.clone());
        }
    }
    let mut cases = Vec::new();
    for input in &inputs {
        let mut case = evaluate::read_case(&input.run, &input.truth_path()?)?;
        if let Some(name) = &input.name {
            case.name.clone_from(name);
        }
        let mut trains = case.known.iter().filter(|known| known.kind == Kind::Train).peekable();
        if trains.peek().is_some() && trains.all(|train| !train.is_seen) {
            let run = input.run.display();
            tracing::warn!(%run, "no train of the truth stands on track that the run observed: is it the truth of this run?");
        }
        cases.push(case);
    }
    if let Some(out) = &args.out {
        pipeline::prepare_folder(out)?;
    }
    let mut references = Vec::new();
    if args.references {
        let compared = inputs.iter().map(|i| naive::compare(&i.run)).collect::<Result<Vec<_>, _>>();
        let compared = compared?;
        for reference in Reference::ALL {
            let naive =
                compared.iter().zip(&cases).map(|(compared, case)| naive_case(reference, compared, case));
            let naive = naive.collect::<Result<Vec<_>, _>>()?;
            references.push(naive::score(reference, &naive));
        }
    }
    let evaluated = Evaluated {
        cases: cases.iter().map(|c| c.name.clone()).collect(),
        evaluation: evaluate::evaluate(&cases),
        references,
    };
    say(global, &evaluate::table(&evaluated))?;
    if let Some(out) = &args.out {
        say_written(global, &evaluate::write(out, &evaluated)?)?;
    }
    if args.json {
        json_to_stdout(&evaluated)?;
    }
    Ok(Outcome::Done)
}

fn naive_case<'a>(
    reference: Reference,
    compared: &naive::Compared,
    case: &'a Case,
) -> Result<NaiveCase<'a>, Error> {
    let tracks = compared.tracks(reference, case)?;
    Ok(NaiveCase { tracks, known: &case.known, observed_m: case.observed_m })
}

/// What was named wrongly is a mistake of usage; what could not be written is a failure.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let report = miette!("{error}");
        match error {
            Error::Read { .. }
            | Error::Content { .. }
            | Error::NoTruth { .. }
            | Error::List { .. }
            | Error::NoCase { .. }
            | Error::Pattern { .. } => Self::usage(report),
            Error::Scenes { .. } | Error::Report(_) | Error::Output(_) => Self::failed(report),
        }
    }
}
