//! Results as tables of text.

use crate::compare::{CaseResult, Comparison, Spread};
use crate::report::{Broker, Connections, Latency, Messages, Report};

/// The report for the terminal.
pub(crate) fn table(report: &Report) -> String {
    let verdict = if report.ok { "ok" } else { "NOT OK" };
    let rows = rows(report);
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(String, String)| format!("  {name:width$}  {value}\n");
    let lines: String = rows.iter().map(line).collect();
    format!(
        "{} against {}: {verdict}\n{lines}",
        report.case, report.target
    )
}

/// A comparison for the terminal.
pub(crate) fn comparison_table(comparison: &Comparison) -> String {
    let mut text = String::new();
    for case in &comparison.cases {
        text.push_str(&format!("{}: {}\n", case.case, case.load));
        let rows = comparison_rows(case);
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
        for row in &rows {
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                text.push_str(&match at {
                    0 => format!("  {cell:width$}"),
                    _ => format!("  {cell:>width$}"),
                });
            }
            text.push('\n');
        }
        for error in &case.errors {
            text.push_str(&format!("  error: {error}\n"));
        }
    }
    text
}

/// One run of a comparison, as it is made.
pub(crate) fn run_line(case: &str, target: &str, result: &anyhow::Result<Report>) -> String {
    let report = match result {
        Ok(report) => report,
        Err(error) => return format!("{case:<18} {target:<14} failed: {error:#}"),
    };
    let us = report.broker.as_ref().map(|broker| broker.us_per_unit);
    let rate = match (&report.messages, &report.connections) {
        (Some(messages), _) => messages.delivered_per_s,
        (None, Some(connections)) => connections.per_s,
        (None, None) => 0.0,
    };
    let verdict = match report.errors.first() {
        _ if report.ok => "",
        Some(error) => error,
        None => "NOT OK",
    };
    format!(
        "{case:<18} {target:<14} {:>9} us {:>12}/s  p99 {:>8} us  others {:.2}  {verdict}",
        us.map_or_else(|| "-".to_owned(), decimal),
        count(rate as u64),
        count(report.latency.p99_us as u64),
        report.cpu.other_cores.unwrap_or(0.0)
    )
}

/// A case of a comparison: a row of names, then one for each broker.
pub(super) fn comparison_rows(case: &CaseResult) -> Vec<Vec<String>> {
    let head = [
        "broker",
        "clean runs",
        "us per unit",
        "min-max",
        "ratio",
        "units/s",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "peak KiB",
        "bytes each",
        "load cores",
        "lost",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for target in &case.targets {
        let dash = || "-".to_owned();
        let us = target.us_per_unit.as_ref();
        let show =
            |number: &Option<Spread>| number.as_ref().map_or_else(dash, |n| decimal(n.median));
        rows.push(vec![
            target.target.clone(),
            format!("{}/{}", target.clean, target.runs),
            show(&target.us_per_unit),
            us.map_or_else(dash, |us| {
                format!("{}-{}", decimal(us.min), decimal(us.max))
            }),
            target
                .ratio
                .map_or_else(dash, |ratio| format!("{ratio:.2}")),
            show(&target.per_s),
            show(&target.p50_us),
            show(&target.p99_us),
            show(&target.p999_us),
            show(&target.peak_kib),
            show(&target.bytes_each),
            show(&target.generator_cores),
            count(target.lost),
        ]);
    }
    // What does not apply to the case is left out.
    let applies: Vec<bool> = (0..head.len())
        .map(|column| rows[1..].iter().any(|row| row[column] != "-"))
        .collect();
    for row in &mut rows {
        let mut columns = applies.iter();
        row.retain(|_| columns.next().is_some_and(|applies| *applies));
    }
    rows
}

/// The report as names and values.
pub(super) fn rows(report: &Report) -> Vec<(String, String)> {
    let mut rows = Rows::default();
    rows.add("load", report.load.clone());
    if let Some(messages) = &report.messages {
        rows.messages(messages);
    }
    if let Some(connections) = &report.connections {
        rows.connections(connections);
    }
    rows.latency(&report.latency);
    if let Some(broker) = &report.broker {
        rows.broker(broker);
    }
    rows.cpu(report);
    if let Some(stalled) = &report.stalled_readers {
        rows.add(
            "slow readers",
            format!(
                "{} stopped reading; {} of {} messages found afterwards, {} disconnected",
                stalled.count,
                count(stalled.read_afterwards),
                count(stalled.published * stalled.count as u64),
                stalled.disconnected
            ),
        );
    }
    for figure in &report.figures {
        let value = format!("{} {}", decimal(figure.value), figure.unit);
        rows.add(&figure.name, value);
    }
    for error in &report.errors {
        rows.add("error", error.clone());
    }
    rows.0
}

#[derive(Default)]
struct Rows(Vec<(String, String)>);

impl Rows {
    fn add(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    fn messages(&mut self, messages: &Messages) {
        let per_s = |rate: f64| count(rate as u64);
        self.add(
            "delivered",
            format!("{}/s", per_s(messages.delivered_per_s)),
        );
        self.add(
            "published",
            format!("{}/s", per_s(messages.published_per_s)),
        );
        let total = &messages.total;
        self.add(
            "account",
            format!(
                "{} due, {} delivered, {} lost, {} twice, {} out of order",
                count(total.due),
                count(total.delivered),
                count(total.lost),
                count(total.duplicates),
                count(total.out_of_order)
            ),
        );
        for (what, number) in [
            (
                "delivered to a client that did not ask for it",
                total.astray,
            ),
            ("refused by the broker in its PUBACK", total.refused),
            (
                "left over 1 ms after they were due (a full window, or no CPU for this program)",
                messages.late,
            ),
            (
                "due and never sent because the window stayed full",
                messages.unsent,
            ),
        ] {
            if number > 0 {
                self.add("note", format!("{} messages {what}", count(number)));
            }
        }
        if messages.stalled {
            self.add(
                "note",
                "nothing moved for so long that messages in flight were given up".into(),
            );
        }
    }

    fn connections(&mut self, connections: &Connections) {
        if let Some(bytes) = connections.bytes_each {
            let value = format!("{} bytes for each connection", count(bytes as u64));
            self.add("broker memory", value);
        }
        self.add(
            "connections",
            format!(
                "{} of {}, {} failed, {}/s",
                count(connections.made),
                count(connections.wanted),
                count(connections.failed),
                count(connections.per_s as u64)
            ),
        );
    }

    fn latency(&mut self, latency: &Latency) {
        if latency.count == 0 {
            return;
        }
        let us = |us: f64| count(us.round() as u64);
        self.add(
            "latency",
            format!(
                "p50 {}, p99 {}, p99.9 {}, max {} us",
                us(latency.p50_us),
                us(latency.p99_us),
                us(latency.p999_us),
                us(latency.max_us)
            ),
        );
    }

    fn broker(&mut self, broker: &Broker) {
        let Broker { unit, .. } = broker;
        self.add(
            "broker CPU",
            format!("{} us for each {unit}", decimal(broker.us_per_unit)),
        );
        let since = if broker.peak_is_of_run {
            ""
        } else {
            " (since it began)"
        };
        self.add(
            "broker memory",
            format!(
                "{} KiB at its peak{since}, {} before, {} after",
                count(broker.peak_kib),
                count(broker.resident_before_kib),
                count(broker.resident_after_kib)
            ),
        );
    }

    fn cpu(&mut self, report: &Report) {
        let cpu = &report.cpu;
        let broker = cpu.broker_cores.map(|cores| format!("broker {cores:.2}, "));
        let other = cpu.other_cores.map(|cores| format!(", others {cores:.2}"));
        self.add(
            "cores in use",
            format!(
                "{}generator {:.2}{}",
                broker.unwrap_or_default(),
                cpu.generator_cores,
                other.unwrap_or_default()
            ),
        );
    }
}

/// A number with commas.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with three significant digits or so.
pub(crate) fn decimal(number: f64) -> String {
    match number.abs() {
        size if size >= 1000.0 => count(number.round().max(0.0) as u64),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1234567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
        for (number, text) in [
            (0.1784, "0.178"),
            (9.125, "9.12"),
            (41.26, "41.3"),
            (481.4, "481"),
            (21_492.0, "21,492"),
        ] {
            assert_eq!(decimal(number), text);
        }
    }
}
