//! A comparison as tables in Markdown, to be pasted into a document.

use super::table::{count, decimal};
use crate::compare::{CaseResult, Comparison, Goal, Spread, TargetResult};
use std::fmt::Write;

/// The tables of a comparison: what a unit costs and whether the goals are reached, how long
/// messages take, and what went wrong.
pub(crate) fn markdown(comparison: &Comparison) -> String {
    let mut text = format!(
        "Medians of {} interleaved runs on {}. The cost is the broker's CPU, user and system, in \
         microseconds for each delivered message or connection; for connections that stay it is \
         their memory. The ratio is that of the first broker to the best of the others.\n\n",
        comparison.repeats, comparison.machine
    );
    costs(&mut text, &comparison.cases);
    text.push('\n');
    latencies(&mut text, &comparison.cases);
    errors(&mut text, &comparison.cases);
    disturbed(&mut text, &comparison.cases);
    text
}

fn head(text: &mut String, before: &[&str], targets: &[TargetResult], after: &[&str]) {
    let names = targets.iter().map(|target| target.target.as_str());
    let cells: Vec<&str> = before
        .iter()
        .copied()
        .chain(names)
        .chain(after.iter().copied())
        .collect();
    let rule: Vec<&str> = cells
        .iter()
        .enumerate()
        .map(|(at, _)| if at < before.len() { "---" } else { "--:" })
        .collect();
    row(text, &cells);
    row(text, &rule);
}

fn row<T: AsRef<str>>(text: &mut String, cells: &[T]) {
    for cell in cells {
        let _ = write!(text, "| {} ", cell.as_ref().replace('|', "\\|"));
    }
    text.push_str("|\n");
}

fn costs(text: &mut String, cases: &[CaseResult]) {
    let Some(first) = cases.first() else {
        return;
    };
    head(
        text,
        &["case", "load"],
        &first.targets,
        &["ratio", "goal", "reached", "lost"],
    );
    for case in cases {
        let mut cells = vec![format!("`{}`", case.case), case.load.clone()];
        cells.extend(case.targets.iter().map(|target| cost(case, target)));
        let ratio = case.targets.first().and_then(|target| ratio(case, target));
        let lost = case.targets.iter().map(lost);
        cells.extend([
            ratio.map_or_else(dash, |ratio| format!("{ratio:.2}")),
            case.goal.map_or_else(dash, goal),
            match case.reached {
                Some(true) => "yes".to_owned(),
                Some(false) => "**no**".to_owned(),
                None => dash(),
            },
            lost.collect::<Vec<_>>().join(", "),
        ]);
        row(text, &cells);
    }
}

fn latencies(text: &mut String, cases: &[CaseResult]) {
    let Some(first) = cases.first() else {
        return;
    };
    head(
        text,
        &["p50 / p99 / p99.9 in us, units/s"],
        &first.targets,
        &[],
    );
    for case in cases {
        let mut cells = vec![format!("`{}`", case.case)];
        cells.extend(case.targets.iter().map(|target| {
            let show = |spread: &Option<Spread>| {
                spread.map_or_else(dash, |spread| count(spread.median.round() as u64))
            };
            format!(
                "{} / {} / {}, {}/s",
                show(&target.p50_us),
                show(&target.p99_us),
                show(&target.p999_us),
                show(&target.per_s)
            )
        }));
        row(text, &cells);
    }
}

fn errors(text: &mut String, cases: &[CaseResult]) {
    let all = cases
        .iter()
        .flat_map(|case| case.errors.iter().map(move |error| (case, error)));
    for (at, (case, error)) in all.enumerate() {
        if at == 0 {
            text.push_str("\nWhat went wrong:\n\n");
        }
        let _ = writeln!(text, "- `{}`: {error}", case.case);
    }
}

/// Others that use more cores than this disturb a run.
const DISTURBING_CORES: f64 = 0.1;

/// Names the runs that were disturbed by something else on the machine.
fn disturbed(text: &mut String, cases: &[CaseResult]) {
    let all = cases
        .iter()
        .flat_map(|case| case.targets.iter().map(move |target| (case, target)));
    let cores = all.filter_map(|(case, target)| Some((case, target, target.other_cores?.median)));
    let disturbed = cores.filter(|(_, _, cores)| *cores > DISTURBING_CORES);
    for (at, (case, target, cores)) in disturbed.enumerate() {
        if at == 0 {
            text.push_str("\nDisturbed, by others that used so many cores meanwhile:\n\n");
        }
        let _ = writeln!(text, "- `{}`, {}: {cores:.2}", case.case, target.target);
    }
}

fn dash() -> String {
    "-".to_owned()
}

/// What is judged: CPU, or the memory of connections that stay.
pub(super) fn judged(case: &CaseResult, target: &TargetResult) -> Option<Spread> {
    match case.goal {
        Some(Goal::BytesEach(_)) => target.bytes_each,
        Some(Goal::Ratio(_) | Goal::RatioAndP99(_)) | None => target.us_per_unit,
    }
}

/// What a unit cost, with the extremes.
pub(super) fn cost(case: &CaseResult, target: &TargetResult) -> String {
    let Some(Spread { median, min, max }) = judged(case, target) else {
        return dash();
    };
    let unit = match case.goal {
        Some(Goal::BytesEach(_)) => " B",
        Some(Goal::Ratio(_) | Goal::RatioAndP99(_)) | None => "",
    };
    let (median, min, max) = (decimal(median), decimal(min), decimal(max));
    if min == max {
        return format!("{median}{unit}");
    }
    format!("{median}{unit} ({min}-{max})")
}

/// The ratio of what is judged.
pub(super) fn ratio(case: &CaseResult, first: &TargetResult) -> Option<f64> {
    let others = case.targets.iter().skip(1);
    let best = others
        .filter_map(|target| judged(case, target))
        .map(|spread| spread.median)
        .min_by(f64::total_cmp);
    let best = best.filter(|best| *best > 0.0)?;
    Some(judged(case, first)?.median / best)
}

/// A goal in words.
pub(super) fn goal(goal: Goal) -> String {
    match goal {
        Goal::Ratio(most) => format!("≤ {most} ×"),
        Goal::RatioAndP99(most) => format!("≤ {most} ×, p99 not above theirs"),
        Goal::BytesEach(most) => format!("≤ {} KiB each", most / 1024.0),
    }
}

fn lost(target: &TargetResult) -> String {
    match target.clean == target.runs {
        true => count(target.lost),
        false => format!(
            "{} ({} of {} runs clean)",
            count(target.lost),
            target.clean,
            target.runs
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, us: f64, p99: f64) -> TargetResult {
        let one = |value| {
            Some(Spread {
                median: value,
                min: value,
                max: value,
            })
        };
        TargetResult {
            target: name.into(),
            runs: 1,
            clean: 1,
            us_per_unit: one(us),
            ratio: None,
            per_s: one(1e6),
            p50_us: one(p99 / 2.0),
            p99_us: one(p99),
            p999_us: one(p99 * 2.0),
            peak_kib: None,
            bytes_each: one(us),
            generator_cores: None,
            other_cores: one(0.25),
            lost: 0,
        }
    }

    #[test]
    fn a_row_says_what_it_cost_and_whether_that_is_good_enough() {
        let case = |goal, reached| CaseResult {
            case: "fan10-64".into(),
            load: "1 to 10".into(),
            unit: "delivered message".into(),
            goal: Some(goal),
            reached: Some(reached),
            targets: vec![target("a|b", 0.5, 100.0), target("peer", 2.0, 50.0)],
            errors: vec!["peer: it broke".into()],
        };
        let comparison = Comparison {
            machine: "a machine".into(),
            repeats: 3,
            cases: vec![
                case(Goal::Ratio(0.2), false),
                case(Goal::BytesEach(3072.0), true),
            ],
            runs: Vec::new(),
        };
        let text = markdown(&comparison);
        for line in [
            "| case | load | a\\|b | peer | ratio | goal | reached | lost |",
            "| `fan10-64` | 1 to 10 | 0.500 | 2.00 | 0.25 | ≤ 0.2 × | **no** | 0, 0 |",
            "| `fan10-64` | 1 to 10 | 0.500 B | 2.00 B | 0.25 | ≤ 3 KiB each | yes | 0, 0 |",
            "| `fan10-64` | 50 / 100 / 200, 1,000,000/s | 25 / 50 / 100, 1,000,000/s |",
            "- `fan10-64`: peer: it broke",
            "- `fan10-64`, peer: 0.25",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
