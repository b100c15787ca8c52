//! Several brokers under the same loads: medians over interleaved runs, and ratios.

use crate::report::Report;
use serde::Serialize;

/// The result of a comparison.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) repeats: usize,
    pub(crate) cases: Vec<CaseResult>,
    /// Every single run, in order.
    pub(crate) runs: Vec<Report>,
}

/// All brokers under one load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CaseResult {
    pub(crate) case: String,
    pub(crate) load: String,
    pub(crate) unit: String,
    pub(crate) targets: Vec<TargetResult>,
    pub(crate) errors: Vec<String>,
}

/// One broker under one load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TargetResult {
    pub(crate) target: String,
    pub(crate) runs: usize,
    /// Runs in which everything that was due happened.
    pub(crate) clean: usize,
    pub(crate) us_per_unit: Option<Spread>,
    /// Its CPU per unit, divided by that of the best of the others.
    pub(crate) ratio: Option<f64>,
    pub(crate) per_s: Option<Spread>,
    pub(crate) p50_us: Option<Spread>,
    pub(crate) p99_us: Option<Spread>,
    pub(crate) p999_us: Option<Spread>,
    pub(crate) peak_kib: Option<Spread>,
    pub(crate) generator_cores: Option<Spread>,
    pub(crate) other_cores: Option<Spread>,
    pub(crate) lost: u64,
}

/// The median of some runs and their extremes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// A run that could not be made at all.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) case: String,
    pub(crate) target: String,
    pub(crate) error: String,
}

impl Comparison {
    /// Sums up runs. A broker without a clean run is judged by those that it has.
    pub(crate) fn of(
        cases: &[String],
        targets: &[String],
        repeats: usize,
        runs: Vec<Report>,
        failures: &[Failure],
    ) -> Self {
        let results = cases.iter().map(|case| {
            let of_case = |run: &&Report| run.case == *case;
            let first = runs.iter().find(of_case);
            let mut result = CaseResult {
                case: case.clone(),
                load: first.map_or_else(String::new, |run| run.load.clone()),
                unit: first
                    .and_then(|run| run.broker.as_ref())
                    .map_or_else(String::new, |broker| broker.unit.to_owned()),
                targets: Vec::new(),
                errors: errors(case, &runs, failures),
            };
            for target in targets {
                let runs = runs.iter().filter(of_case);
                let of_target: Vec<&Report> = runs.filter(|run| run.target == *target).collect();
                result
                    .targets
                    .push(TargetResult::of(target, repeats, &of_target));
            }
            result.rate();
            result
        });
        Comparison {
            repeats,
            cases: results.collect(),
            runs,
        }
    }

    /// Whether every run was clean.
    pub(crate) fn is_clean(&self) -> bool {
        let targets = self.cases.iter().flat_map(|case| &case.targets);
        targets
            .into_iter()
            .all(|target| target.clean == target.runs)
    }
}

impl CaseResult {
    fn rate(&mut self) {
        let costs: Vec<Option<f64>> = self
            .targets
            .iter()
            .map(|target| target.us_per_unit.map(|us| us.median))
            .collect();
        for (at, target) in self.targets.iter_mut().enumerate() {
            let others = costs.iter().enumerate().filter(|(other, _)| *other != at);
            let best = others.filter_map(|(_, cost)| *cost).min_by(f64::total_cmp);
            let own = costs[at].zip(best.filter(|best| *best > 0.0));
            target.ratio = own.map(|(own, best)| own / best);
        }
    }
}

impl TargetResult {
    fn of(target: &str, repeats: usize, runs: &[&Report]) -> Self {
        let clean: Vec<&Report> = runs.iter().filter(|run| run.ok).copied().collect();
        let judged = if clean.is_empty() { runs } else { &clean };
        let spread = |value: &dyn Fn(&Report) -> Option<f64>| {
            Spread::of(judged.iter().filter_map(|run| value(run)).collect())
        };
        let latency = |value: &dyn Fn(&Report) -> f64| {
            spread(&|run| Some(value(run)).filter(|_| run.latency.count > 0))
        };
        let per_s = |run: &Report| match (&run.messages, &run.connections) {
            (Some(messages), _) => Some(messages.delivered_per_s),
            (None, Some(connections)) => Some(connections.per_s),
            (None, None) => None,
        };
        TargetResult {
            target: target.to_owned(),
            runs: repeats,
            clean: clean.len(),
            us_per_unit: spread(&|run| Some(run.broker.as_ref()?.us_per_unit)),
            ratio: None,
            per_s: spread(&per_s),
            p50_us: latency(&|run| run.latency.p50_us),
            p99_us: latency(&|run| run.latency.p99_us),
            p999_us: latency(&|run| run.latency.p999_us),
            peak_kib: spread(&|run| Some(run.broker.as_ref()?.peak_kib as f64)),
            generator_cores: spread(&|run| Some(run.cpu.generator_cores)),
            other_cores: spread(&|run| run.cpu.other_cores),
            lost: runs
                .iter()
                .filter_map(|run| Some(run.messages.as_ref()?.total.lost))
                .sum(),
        }
    }
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[half - 1], values[half])
        } else {
            values[half]
        };
        Some(Spread { median, min, max })
    }
}

/// What went wrong, each thing once.
fn errors(case: &str, runs: &[Report], failures: &[Failure]) -> Vec<String> {
    let runs = runs.iter().filter(|run| run.case == case);
    let of_runs = runs.flat_map(|run| {
        let errors = run.errors.iter();
        errors.map(move |error| format!("{}: {error}", run.target))
    });
    let failures = failures.iter().filter(|failure| failure.case == case);
    let failed = failures.map(|failure| format!("{}: {}", failure.target, failure.error));
    let mut all: Vec<String> = of_runs.chain(failed).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_median_and_the_extremes() {
        let spread = |median, min, max| Some(Spread { median, min, max });
        for (values, expected) in [
            (vec![], None),
            (vec![3.0], spread(3.0, 3.0, 3.0)),
            (vec![9.0, 1.0, 2.0], spread(2.0, 1.0, 9.0)),
            (vec![4.0, 1.0, 2.0, 8.0], spread(3.0, 1.0, 8.0)),
        ] {
            assert_eq!(Spread::of(values), expected);
        }
    }

    #[test]
    fn the_ratio_is_to_the_best_of_the_others() {
        let target = |name: &str, us: Option<f64>| TargetResult {
            us_per_unit: us.and_then(|us| Spread::of(vec![us])),
            ..TargetResult::of(name, 1, &[])
        };
        let mut case = CaseResult {
            case: "c".into(),
            load: String::new(),
            unit: String::new(),
            targets: vec![
                target("ours", Some(0.2)),
                target("best", Some(0.8)),
                target("slow", Some(8.0)),
                target("unknown", None),
            ],
            errors: Vec::new(),
        };
        case.rate();
        let ratios: Vec<Option<f64>> = case.targets.iter().map(|target| target.ratio).collect();
        assert_eq!(ratios, [Some(0.25), Some(4.0), Some(40.0), None]);
    }
}
