//! Results as one page that needs nothing else: styles and charts are inside.

use super::chart::{Line, bars};
use super::markdown::{cost, goal, judged, ratio};
use super::table::{comparison_rows, rows};
use crate::compare::{CaseResult, Comparison, Goal};
use crate::report::{Latency, Report};
use std::fmt::Write;

const STYLE: &str = ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;\
padding:0 1rem;color:#1b1f24;background:#fff}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}\
table{border-collapse:collapse;width:100%;margin:.6rem 0}td,th{text-align:left;padding:.25rem .6rem;\
border-bottom:1px solid #d8dee4;vertical-align:top}th{font-weight:600}td.n,th.n{text-align:right;\
font-variant-numeric:tabular-nums}svg{width:100%;height:auto;font-size:12px}svg text{fill:#1b1f24}\
.grid{stroke:#d8dee4}.end{text-anchor:end}.middle{text-anchor:middle}.bad{color:#b3261e}.good{color:#1a7f37}\
.wide{overflow-x:auto}.note{color:#59636e}code{font-size:.92em}a{color:inherit}td.n,th,td:first-child{white-space:nowrap}\
h2{border-top:1px solid #d8dee4;padding-top:1.2rem}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}svg text{fill:#e6edf3}\
.grid,td,th,h2{stroke:#30363d;border-color:#30363d}.bad{color:#ff8a80}.good{color:#3fb950}\
.note{color:#9198a1}}";

/// The page of one run.
pub(crate) fn report_page(report: &Report) -> String {
    let title = format!("{} against {}", report.case, report.target);
    let mut body = String::new();
    if !report.ok {
        body.push_str("<p class=\"bad\">Not everything that was due happened; see below.</p>");
    }
    body.push_str("<table>");
    for (name, value) in rows(report) {
        let (name, value) = (escape(&name), escape(&value));
        let _ = write!(body, "<tr><th>{name}</th><td>{value}</td></tr>");
    }
    body.push_str("</table>");
    if report.latency.count > 0 {
        body.push_str("<h2>Latency by share of messages</h2>");
        body.push_str(&latency_chart(&report.latency));
    }
    if report.samples.len() > 1 {
        body.push_str("<h2>Delivered messages a second</h2>");
        body.push_str(&time_chart(report, "messages/s", |sample| {
            Some(sample.delivered_per_s)
        }));
        if report.broker.is_some() {
            body.push_str("<h2>Broker CPU</h2>");
            body.push_str(&time_chart(report, "cores", |sample| sample.broker_cores));
        }
    }
    page(&title, &body)
}

/// The page of a comparison.
pub(crate) fn comparison_page(comparison: &Comparison) -> String {
    let mut body = format!(
        "<p class=\"note\">Medians of {} interleaved runs on {}. A cost is the broker's CPU, user and \
         system. Ratios are to the best of the other brokers.</p>",
        comparison.repeats,
        escape(&comparison.machine)
    );
    body.push_str(&overview(comparison));
    for case in &comparison.cases {
        let (name, load) = (escape(&case.case), escape(&case.load));
        let _ = write!(
            body,
            "<h2 id=\"{name}\">{name}</h2><p class=\"note\">{load}</p>"
        );
        body.push_str(&case_table(case));
        let costs: Vec<(String, f64)> = case
            .targets
            .iter()
            .filter_map(|target| Some((target.target.clone(), judged(case, target)?.median)))
            .collect();
        if costs.len() > 1 {
            let what = match case.goal {
                Some(Goal::BytesEach(_)) => "Bytes of memory",
                Some(Goal::Ratio(_) | Goal::RatioAndP99(_)) | None => {
                    "Microseconds of the broker's CPU"
                }
            };
            let unit = escape(&case.unit);
            let _ = write!(body, "<p class=\"note\">{what} for each {unit}</p>");
            body.push_str(&bars(&costs));
        }
    }
    page("Brokers compared", &body)
}

/// All cases in one table: what each costs with each broker, and whether that is good enough.
fn overview(comparison: &Comparison) -> String {
    let Some(first) = comparison.cases.first() else {
        return String::new();
    };
    let mut table = String::from("<div class=\"wide\"><table><tr><th>case</th>");
    for target in &first.targets {
        let _ = write!(table, "<th class=\"n\">{}</th>", escape(&target.target));
    }
    table.push_str("<th class=\"n\">ratio</th><th class=\"n\">goal</th><th>reached</th></tr>");
    for case in &comparison.cases {
        let name = escape(&case.case);
        let _ = write!(table, "<tr><td><a href=\"#{name}\">{name}</a></td>");
        for target in &case.targets {
            let _ = write!(table, "<td class=\"n\">{}</td>", cost(case, target));
        }
        let dash = || "-".to_owned();
        let ratio = case.targets.first().and_then(|first| ratio(case, first));
        let ratio = ratio.map_or_else(dash, |ratio| format!("{ratio:.2}"));
        let goal = case.goal.map_or_else(dash, goal);
        let (class, reached) = match case.reached {
            Some(true) => ("good", "yes"),
            Some(false) => ("bad", "no"),
            None => ("", "-"),
        };
        let _ = write!(
            table,
            "<td class=\"n\">{ratio}</td><td class=\"n\">{goal}</td><td class=\"{class}\">{reached}</td></tr>"
        );
    }
    table.push_str("</table></div>");
    table
}

fn case_table(case: &CaseResult) -> String {
    let mut rows = comparison_rows(case).into_iter();
    let mut table = String::from("<div class=\"wide\"><table><tr>");
    for (at, name) in rows.next().unwrap_or_default().iter().enumerate() {
        let class = if at == 0 { "" } else { " class=\"n\"" };
        let _ = write!(table, "<th{class}>{}</th>", escape(name));
    }
    table.push_str("</tr>");
    for row in rows {
        table.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            let class = if at == 0 { "" } else { " class=\"n\"" };
            let _ = write!(table, "<td{class}>{}</td>", escape(cell));
        }
        table.push_str("</tr>");
    }
    table.push_str("</table></div>");
    for error in &case.errors {
        let _ = write!(table, "<p class=\"bad\">{}</p>", escape(error));
    }
    table
}

fn latency_chart(latency: &Latency) -> String {
    let last = (latency.curve.len() - 1).max(1) as f64;
    let curve = latency.curve.iter().enumerate();
    // Each nine of the share takes the same width.
    let marks = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"];
    let marks = marks.iter().enumerate();
    Line {
        points: curve.map(|(at, (_, us))| (at as f64 / last, *us)).collect(),
        marks: marks
            .map(|(nine, text)| (nine as f64 / 4.0, (*text).to_owned()))
            .map(|(at, text)| (at.clamp(0.02, 0.96), text))
            .collect(),
        unit: "us",
        logarithmic: true,
    }
    .svg()
}

fn time_chart(
    report: &Report,
    unit: &str,
    value: impl Fn(&crate::load::Sample) -> Option<f64>,
) -> String {
    let end = report.samples.last().map_or(1.0, |sample| sample.at_s);
    let samples = report.samples.iter();
    Line {
        points: samples
            .filter_map(|sample| Some((sample.at_s / end, value(sample)?)))
            .collect(),
        marks: [0.02, 0.5, 0.97]
            .map(|share| {
                (
                    share,
                    format!("{:.1} s", f64::round(share * 2.0) / 2.0 * end),
                )
            })
            .to_vec(),
        unit,
        logarithmic: false,
    }
    .svg()
}

fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style><h1>{title}</h1>{body}</html>\n"
    )
}

/// Text as HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
