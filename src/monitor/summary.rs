//! What a run did, in one line for people, JSON and Prometheus' text format for machines.

use crate::units::counted;
use serde::Serialize;
use std::fmt::Write;

/// A run over all sites.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RunSummary {
    /// One entry a site, in the order of the configuration.
    pub sites: Vec<SiteSummary>,
    /// Alerts that channels took, one a channel.
    pub delivered_count: usize,
    /// Alerts that channels did not take; the next run tries again.
    pub undelivered_count: usize,
    /// What channels lack to deliver alerts, also where there was none to deliver: channel, key and what to do.
    pub channel_problems: Vec<String>,
    /// Seconds that the run took.
    pub duration_s: f64,
    /// Whether nothing was done but looked up.
    pub dry_run: bool,
}

/// A run over one site.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SiteSummary {
    /// The site.
    pub site_id: String,
    /// Scenes of the source that needed nothing.
    pub known_count: usize,
    /// What is to be done with which scene, in order of time; listed by a dry run alone.
    pub planned: Vec<String>,
    /// Scenes compared, newly or again.
    pub used_count: usize,
    /// Scenes that show nothing of the tracks, or too little ground to be registered.
    pub hidden_count: usize,
    /// Scenes that could not be registered or compared, are undated, or came too late.
    pub refused_count: usize,
    /// Other versions of acquisitions that are used.
    pub duplicate_count: usize,
    /// Scenes that could not be read; the next run tries again.
    pub failed_count: usize,
    /// Detections on the tracks.
    pub detection_count: usize,
    /// Alerts that were not raised before.
    pub alert_count: usize,
    /// Why the site could not be watched, where it could not.
    pub problem: Option<String>,
}

impl SiteSummary {
    fn is_whole(&self) -> bool {
        self.problem.is_none() && self.failed_count == 0 && self.refused_count == 0
    }
}

impl RunSummary {
    /// Whether everything could be read and registered, and alerts delivered, if there were any: else the exit code is 4.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.undelivered_count == 0
            && self.channel_problems.is_empty()
            && self.sites.iter().all(SiteSummary::is_whole)
    }

    fn sum(&self, pick: fn(&SiteSummary) -> usize) -> usize {
        self.sites.iter().map(pick).sum()
    }

    /// One line; after it one line a problem.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        if self.dry_run {
            for site in &self.sites {
                let (n, known) = (site.planned.len(), site.known_count);
                let scenes = counted(n, "scene");
                let _ = writeln!(text, "{}: {scenes} to process, {known} known", site.site_id);
                for line in &site.planned {
                    let _ = writeln!(text, "  {line}");
                }
            }
        } else {
            let _ = writeln!(
                text,
                "{}: {} used, {} hidden, {} refused, {} failed, {}, {} known; {}, {}, {} delivered, {} not delivered; {:.1} s",
                counted(self.sites.len(), "site"),
                counted(self.sum(|s| s.used_count), "scene"),
                self.sum(|s| s.hidden_count),
                self.sum(|s| s.refused_count),
                self.sum(|s| s.failed_count),
                counted(self.sum(|s| s.duplicate_count), "duplicate"),
                self.sum(|s| s.known_count),
                counted(self.sum(|s| s.detection_count), "detection"),
                counted(self.sum(|s| s.alert_count), "new alert"),
                self.delivered_count,
                self.undelivered_count,
                self.duration_s
            );
        }
        for site in &self.sites {
            if let Some(problem) = &site.problem {
                let _ = writeln!(text, "{}: {problem}", site.site_id);
            }
        }
        for problem in &self.channel_problems {
            let _ = writeln!(text, "{problem}");
        }
        text
    }

    /// The run in Prometheus' text format; `ended_s` is the Unix time of its end.
    #[must_use]
    pub fn prometheus(&self, ended_s: i64) -> String {
        let mut text = format!(
            "# HELP railwatch_run_end_time_seconds Unix time at which the last run ended.\n\
             # TYPE railwatch_run_end_time_seconds gauge\nrailwatch_run_end_time_seconds {ended_s}\n\
             # HELP railwatch_run_duration_seconds Time that the last run took.\n\
             # TYPE railwatch_run_duration_seconds gauge\nrailwatch_run_duration_seconds {}\n\
             # HELP railwatch_run_deliveries Alerts delivered by the last run, by outcome.\n\
             # TYPE railwatch_run_deliveries gauge\nrailwatch_run_deliveries{{outcome=\"delivered\"}} {}\n\
             railwatch_run_deliveries{{outcome=\"failed\"}} {}\n\
             # HELP railwatch_site_up Whether the source of the site could be read by the last run.\n\
             # TYPE railwatch_site_up gauge\n",
            self.duration_s, self.delivered_count, self.undelivered_count
        );
        for site in &self.sites {
            let up = u8::from(site.problem.is_none());
            let _ = writeln!(text, "railwatch_site_up{{site=\"{}\"}} {up}", site.site_id);
        }
        let _ = writeln!(
            text,
            "# HELP railwatch_run_scenes Scenes of the last run by outcome.\n# TYPE railwatch_run_scenes gauge"
        );
        for site in &self.sites {
            for (outcome, count) in [
                ("used", site.used_count),
                ("hidden", site.hidden_count),
                ("refused", site.refused_count),
                ("failed", site.failed_count),
                ("duplicate", site.duplicate_count),
            ] {
                let id = &site.site_id;
                let _ = writeln!(text, "railwatch_run_scenes{{site=\"{id}\",outcome=\"{outcome}\"}} {count}");
            }
        }
        for (name, help, pick) in [
            (
                "detections",
                "Detections of the last run.",
                (|s| s.detection_count) as fn(&SiteSummary) -> usize,
            ),
            ("new_alerts", "Alerts that the last run raised.", |s| s.alert_count),
        ] {
            let _ = writeln!(text, "# HELP railwatch_run_{name} {help}\n# TYPE railwatch_run_{name} gauge");
            for site in &self.sites {
                let _ = writeln!(text, "railwatch_run_{name}{{site=\"{}\"}} {}", site.site_id, pick(site));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_lines_have_names_labels_and_numbers() {
        let site = SiteSummary { site_id: "a".into(), used_count: 3, ..SiteSummary::default() };
        let failed = SiteSummary { problem: Some("down".into()), site_id: "b".into(), ..site.clone() };
        let run = RunSummary { sites: vec![site, failed], duration_s: 1.5, ..RunSummary::default() };
        let text = run.prometheus(1_700_000_000);
        assert!(text.contains("railwatch_run_scenes{site=\"a\",outcome=\"used\"} 3\n"));
        assert!(text.contains("railwatch_site_up{site=\"b\"} 0\n"));
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
        }
        assert!(!run.is_whole() && run.text().contains("b: down"));
    }
}
