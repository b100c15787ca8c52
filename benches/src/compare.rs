//! Several brokers under the same loads: medians over interleaved runs, and ratios.

use crate::report::Report;
use serde::Serialize;

/// What the first of the brokers compared is to reach in a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// Its CPU per unit, divided by that of the best of the others, is not above this.
    Ratio(f64),
    /// The same, and its p99 latency is not above the least of theirs.
    RatioAndP99(f64),
    /// So much memory at most for a connection that stays.
    BytesEach(f64),
}

/// A case and the goal in it.
#[derive(Clone, Debug)]
pub(crate) struct CaseName {
    pub(crate) name: String,
    pub(crate) goal: Option<Goal>,
}

/// The result of a comparison.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    /// Where it was made.
    pub(crate) machine: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<Goal>,
    /// Whether the first broker has reached the goal, with nothing lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reached: Option<bool>,
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
    /// Memory of a connection that stays.
    pub(crate) bytes_each: Option<Spread>,
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
        cases: &[CaseName],
        targets: &[String],
        repeats: usize,
        runs: Vec<Report>,
        failures: &[Failure],
    ) -> Self {
        let results = cases.iter().map(|case| {
            let of_case = |run: &&Report| run.case == case.name;
            let first = runs.iter().find(of_case);
            let mut result = CaseResult {
                case: case.name.clone(),
                load: first.map_or_else(String::new, |run| run.load.clone()),
                unit: first
                    .and_then(|run| run.broker.as_ref())
                    .map_or_else(String::new, |broker| broker.unit.to_owned()),
                goal: case.goal,
                reached: None,
                targets: Vec::new(),
                errors: errors(&case.name, &runs, failures),
            };
            for target in targets {
                let runs = runs.iter().filter(of_case);
                let of_target: Vec<&Report> = runs.filter(|run| run.target == *target).collect();
                result
                    .targets
                    .push(TargetResult::of(target, repeats, &of_target));
            }
            result.rate();
            result.judge();
            result
        });
        Comparison {
            machine: String::new(),
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

    /// Sees whether the first broker has reached the goal.
    fn judge(&mut self) {
        let (Some(goal), Some((first, others))) = (self.goal, self.targets.split_first()) else {
            return;
        };
        let within = |value: Option<f64>, most: f64| Some(value? <= most);
        let median = |spread: &Option<Spread>| spread.map(|spread| spread.median);
        let reached = match goal {
            Goal::Ratio(most) => within(first.ratio, most),
            Goal::RatioAndP99(most) => {
                let theirs = others.iter().filter_map(|target| median(&target.p99_us));
                let least = theirs.min_by(f64::total_cmp);
                let p99 = least.and_then(|least| within(median(&first.p99_us), least));
                within(first.ratio, most).zip(p99).map(|(a, b)| a && b)
            }
            Goal::BytesEach(most) => within(median(&first.bytes_each), most),
        };
        let clean = first.clean == first.runs;
        self.reached = reached.map(|reached| reached && clean);
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
            bytes_each: spread(&|run| run.connections.as_ref()?.bytes_each),
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
            goal: None,
            reached: None,
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

    #[test]
    fn a_goal_is_reached_by_the_first_with_nothing_lost() {
        let one = |value: f64| Spread::of(vec![value]);
        let target = |us, p99, bytes| TargetResult {
            us_per_unit: one(us),
            p99_us: one(p99),
            bytes_each: one(bytes),
            clean: 1,
            ..TargetResult::of("t", 1, &[])
        };
        let check = |goal, ours: TargetResult, expected| {
            let mut case = CaseResult {
                case: "c".into(),
                load: String::new(),
                unit: String::new(),
                goal: Some(goal),
                reached: None,
                targets: vec![ours, target(10.0, 90.0, 9.0), target(20.0, 80.0, 9.0)],
                errors: Vec::new(),
            };
            case.rate();
            case.judge();
            assert_eq!(case.reached, expected, "{goal:?}");
        };
        check(Goal::Ratio(0.5), target(5.0, 0.0, 0.0), Some(true));
        check(Goal::Ratio(0.4), target(5.0, 0.0, 0.0), Some(false));
        check(Goal::RatioAndP99(1.0), target(5.0, 80.0, 0.0), Some(true));
        check(Goal::RatioAndP99(1.0), target(5.0, 81.0, 0.0), Some(false));
        check(Goal::BytesEach(100.0), target(5.0, 0.0, 100.0), Some(true));
        check(Goal::BytesEach(100.0), target(5.0, 0.0, 101.0), Some(false));
        let lossy = TargetResult {
            clean: 0,
            ..target(1.0, 0.0, 0.0)
        };
        check(Goal::Ratio(0.5), lossy, Some(false));
        let unknown = TargetResult {
            us_per_unit: None,
            ..target(1.0, 0.0, 0.0)
        };
        check(Goal::Ratio(0.5), unknown, None);
    }
}
