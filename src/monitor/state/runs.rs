//! What earlier runs said of a site, from the summaries that are stored when a run ends; of a run that was killed nothing is known.

use super::{Error, State, time_of};
use crate::monitor::SiteError;
use serde::Deserialize;

/// What is read of a stored summary; one of another program's version that lacks it says nothing.
#[derive(Deserialize)]
struct Summary {
    sites: Vec<Site>,
}

#[derive(Deserialize)]
struct Site {
    site_id: String,
    problem: Option<String>,
}

/// What a summary says of a site; `None` where the run did not take it.
fn of_site(summary: &str, site_id: &str) -> Option<Site> {
    let summary: Summary = serde_json::from_str(summary).ok()?;
    summary.sites.into_iter().find(|site| site.site_id == site_id)
}

impl State {
    /// Why the newest run that could not watch a site could not; `None` where every run could.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(in crate::monitor) fn last_error(&self, site_id: &str) -> Result<Option<SiteError>, Error> {
        self.read(|c| {
            let sql = "SELECT run_key, ended_at, summary FROM run \
                       WHERE ended_at IS NOT NULL AND summary LIKE '%\"problem\":\"%' ORDER BY run_key DESC";
            let mut statement = c.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let Some(reason) = of_site(&row.get::<_, String>(2)?, site_id).and_then(|s| s.problem) else {
                    continue;
                };
                let at = time_of(&row.get::<_, String>(1)?)?;
                let sql = "SELECT summary FROM run WHERE run_key > ?1 AND summary IS NOT NULL";
                let mut later = c.prepare_cached(sql)?;
                let mut later = later.query([row.get::<_, i64>(0)?])?;
                // Of the later runs none failed: one that took the site is enough.
                let mut is_over = false;
                while let (false, Some(row)) = (is_over, later.next()?) {
                    is_over = of_site(&row.get::<_, String>(0)?, site_id).is_some();
                }
                return Ok(Some(SiteError { at, reason, is_over }));
            }
            Ok(None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn the_last_error_of_a_site_stays_known_and_is_over_when_a_later_run_takes_the_site() {
        let mut state = State::in_memory(std::path::Path::new("state")).unwrap();
        let run = |state: &mut State, at: i64, sites: &[(&str, Option<&str>)]| {
            let sites: Vec<_> = sites
                .iter()
                .map(|(id, problem)| serde_json::json!({ "site_id": id, "problem": problem }))
                .collect();
            let key = state.begin_run(Timestamp::UNIX_EPOCH).unwrap();
            let summary = serde_json::json!({ "sites": sites }).to_string();
            state.end_run(key, Timestamp::from_second(at).unwrap(), &summary).unwrap();
        };
        run(&mut state, 1, &[("a", Some("no rails")), ("b", None)]);
        run(&mut state, 2, &[("b", None)]);
        state.begin_run(Timestamp::UNIX_EPOCH).unwrap();
        let error = state.last_error("a").unwrap().unwrap();
        assert_eq!((error.at.as_second(), error.reason.as_str(), error.is_over), (1, "no rails", false));
        assert_eq!(state.last_error("b").unwrap(), None);
        run(&mut state, 3, &[("a", None), ("b", Some("no folder"))]);
        assert!(state.last_error("a").unwrap().unwrap().is_over);
        assert!(!state.last_error("b").unwrap().unwrap().is_over);
    }
}
