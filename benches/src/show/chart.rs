//! Charts as inline SVG.

use super::html::escape;
use super::table::decimal;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 36.0;
const BAR: f64 = 18.0;
const GAP: f64 = 14.0;
const NAMES: f64 = 190.0;
const VALUES: f64 = 90.0;

/// Colours that people with a colour vision deficiency can tell apart (Okabe and Ito).
const COLOURS: [&str; 7] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999",
];

/// A line: (x, y) with x from 0 to 1 and what stands below some of them.
pub(crate) struct Line<'a> {
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) marks: Vec<(f64, String)>,
    pub(crate) unit: &'a str,
    /// Whether equal distances are equal factors.
    pub(crate) logarithmic: bool,
}

impl Line<'_> {
    pub(crate) fn svg(&self) -> String {
        let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#);
        let values = || self.points.iter().map(|(_, value)| *value);
        let top = values().fold(f64::MIN_POSITIVE, f64::max);
        let low = match self.logarithmic {
            true => values().filter(|value| *value > 0.0).fold(top, f64::min),
            false => 0.0,
        };
        let (floor, ceiling, ticks) = if self.logarithmic {
            log_scale(low, top)
        } else {
            even_scale(top)
        };
        let scaled = |value: f64| {
            let share = if self.logarithmic {
                let value = value.max(floor);
                (value / floor).ln() / (ceiling / floor).ln()
            } else {
                value / ceiling
            };
            TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
        };
        let across = |share: f64| LEFT + share * (WIDTH - LEFT - RIGHT);
        for tick in ticks {
            let y = scaled(tick);
            let (x1, x2, text_x) = (LEFT, WIDTH - RIGHT, LEFT - 6.0);
            let text = decimal(tick);
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{x1}" x2="{x2}" y1="{y:.1}" y2="{y:.1}"/><text class="end" x="{text_x}" y="{y:.1}" dy="4">{text}</text>"#
            );
        }
        for (share, text) in &self.marks {
            let (x, y, text) = (across(*share), HEIGHT - BOTTOM + 18.0, escape(text));
            let _ = write!(
                svg,
                r#"<text class="middle" x="{x:.1}" y="{y}">{text}</text>"#
            );
        }
        let points: Vec<String> = self
            .points
            .iter()
            .map(|(share, value)| format!("{:.1},{:.1}", across(*share), scaled(*value)))
            .collect();
        let (points, colour, unit) = (points.join(" "), COLOURS[0], escape(self.unit));
        let _ = write!(
            svg,
            r#"<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/><text x="4" y="11">{unit}</text></svg>"#
        );
        svg
    }
}

/// Bars below one another, the same colour for the same name.
pub(crate) fn bars(rows: &[(String, f64)]) -> String {
    let height = rows.len() as f64 * (BAR + GAP) + GAP;
    let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {height}" role="img">"#);
    let top = rows
        .iter()
        .map(|(_, value)| *value)
        .fold(f64::MIN_POSITIVE, f64::max);
    for (nth, (name, value)) in rows.iter().enumerate() {
        let y = GAP + nth as f64 * (BAR + GAP);
        let width = (value / top * (WIDTH - NAMES - VALUES)).max(1.0);
        let colour = COLOURS[nth % COLOURS.len()];
        let (name, text, middle) = (escape(name), decimal(*value), y + BAR / 2.0 + 4.0);
        let (name_x, text_x) = (NAMES - 8.0, NAMES + width + 6.0);
        let _ = write!(
            svg,
            r#"<text class="end" x="{name_x}" y="{middle}">{name}</text><rect x="{NAMES}" y="{y}" width="{width:.1}" height="{BAR}" fill="{colour}"/><text x="{text_x:.1}" y="{middle}">{text}</text>"#
        );
    }
    svg + "</svg>"
}

fn log_scale(low: f64, top: f64) -> (f64, f64, Vec<f64>) {
    let from = low.log10().floor() as i32;
    let to = (top.log10().ceil() as i32).max(from + 1);
    let ticks = (from..=to).map(|power| 10f64.powi(power)).collect();
    (10f64.powi(from), 10f64.powi(to), ticks)
}

fn even_scale(top: f64) -> (f64, f64, Vec<f64>) {
    let power = 10f64.powf(top.log10().floor());
    let step = [0.2, 0.5, 1.0, 2.0].map(|step| step * power);
    let step = step
        .into_iter()
        .find(|step| top / step <= 5.0)
        .unwrap_or(power * 2.0);
    let steps = (top / step).ceil().max(1.0) as u32;
    let ticks = (0..=steps).map(|nth| f64::from(nth) * step).collect();
    (0.0, f64::from(steps) * step, ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_hold_all_values() {
        for top in [0.17, 1.0, 9.9, 120_000.0] {
            let (_, ceiling, ticks) = even_scale(top);
            assert!(
                ceiling >= top && (2..=7).contains(&ticks.len()),
                "{top}: {ticks:?}"
            );
            let (floor, ceiling, _) = log_scale(top / 50.0, top);
            assert!(floor <= top / 50.0 && ceiling >= top, "{top}");
        }
    }

    #[test]
    fn what_users_wrote_is_escaped() {
        let svg = bars(&[("<a&b>".to_owned(), 1.0)]);
        assert!(svg.contains("&lt;a&amp;b&gt;") && !svg.contains("<a&"));
    }
}
