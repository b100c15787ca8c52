//! Reads a text by a pattern of Java's `DateTimeFormatter`, strictly as that does.

use super::pattern::Item;
use super::zone::{Zone, read_offset};
use super::{MONTHS, WEEKDAYS};

/// What a text says about a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) year: Option<i64>,
    /// Whether the era is before Christ.
    pub(super) before_christ: Option<bool>,
    pub(super) month: Option<i64>,
    pub(super) day: Option<i64>,
    pub(super) day_of_year: Option<i64>,
    /// From Monday, 1.
    pub(super) weekday: Option<i64>,
    pub(super) afternoon: Option<bool>,
    pub(super) hour: Option<i64>,
    /// Of the half day, from 0.
    pub(super) half_day_hour: Option<i64>,
    pub(super) minute: Option<i64>,
    pub(super) second: Option<i64>,
    pub(super) nanosecond: Option<i64>,
    pub(super) nanosecond_of_day: Option<i64>,
    pub(super) zone: Option<Zone>,
}

/// Reads the whole text; nothing if it does not fit the pattern.
pub(super) fn parse(text: &str, items: &[Item]) -> Option<Fields> {
    let (fields, rest) = section(text, items, Fields::default())?;
    rest.is_empty().then_some(fields)
}

/// Reads items from the first to the last, optional sections where they fit.
fn section<'t>(text: &'t str, items: &[Item], fields: Fields) -> Option<(Fields, &'t str)> {
    let (mut fields, mut rest) = (fields, text);
    let mut place = 0;
    while let Some(item) = items.get(place) {
        let after = &items[place + 1..];
        place += 1;
        match item {
            Item::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
            Item::OptionalStart => {
                let length = section_length(after);
                if let Some(read) = section(rest, &after[..length], fields.clone()) {
                    (fields, rest) = read;
                }
                place += length + 1;
            }
            Item::OptionalEnd => {}
            Item::Field(letter, count) => {
                rest = field(*letter, *count, after, rest, &mut fields)?;
            }
        }
    }
    Some((fields, rest))
}

/// Items before the end that belongs to the start before them.
fn section_length(items: &[Item]) -> usize {
    let mut open = 1;
    for (place, item) in items.iter().enumerate() {
        match item {
            Item::OptionalStart => open += 1,
            Item::OptionalEnd => open -= 1,
            Item::Field(..) | Item::Literal(_) => {}
        }
        if open == 0 {
            return place;
        }
    }
    items.len()
}

fn field<'t>(
    letter: char,
    count: usize,
    after: &[Item],
    text: &'t str,
    fields: &mut Fields,
) -> Option<&'t str> {
    match letter {
        'M' | 'L' if count >= 3 => {
            let (month, rest) = name(&MONTHS, count, text)?;
            set(&mut fields.month, month + 1)?;
            return Some(rest);
        }
        'E' => {
            let (day, rest) = name(&WEEKDAYS, count.max(3), text)?;
            set(&mut fields.weekday, day + 1)?;
            return Some(rest);
        }
        'a' => {
            let (afternoon, rest) = one_of(text, &[("AM", false), ("PM", true)])?;
            fields.afternoon = Some(afternoon);
            return Some(rest);
        }
        'G' => {
            let names: &[_] = match count {
                4 => &[("Anno Domini", false), ("Before Christ", true)],
                _ => &[("AD", false), ("BC", true)],
            };
            let (before, rest) = one_of(text, names)?;
            fields.before_christ = Some(before);
            return Some(rest);
        }
        'V' | 'z' | 'O' | 'X' | 'x' | 'Z' => return zone(letter, count, text, fields),
        _ => {}
    }
    let width = width(letter, count)?;
    let (value, rest) = number(text, width, reserved(after))?;
    store(letter, count, value, fields)?;
    Some(rest)
}

/// How many digits a number has: at least, at most, and whether a sign may stand before more.
#[derive(Clone, Copy)]
struct Width {
    least: usize,
    most: usize,
    signed: bool,
}

fn width(letter: char, count: usize) -> Option<Width> {
    let fixed = |count| Width {
        least: count,
        most: count,
        signed: false,
    };
    let open = |least| Width {
        least,
        most: 19,
        signed: true,
    };
    Some(match (letter, count) {
        ('u' | 'y', 2) => fixed(2),
        ('u' | 'y', 1..=3) => open(count),
        ('u' | 'y', _) => Width {
            least: count,
            most: count,
            signed: true,
        },
        ('S', 1..=9) => fixed(count),
        ('M' | 'L' | 'd' | 'H' | 'h' | 'K' | 'k' | 'm' | 's', 1) => open(1),
        ('M' | 'L' | 'd' | 'H' | 'h' | 'K' | 'k' | 'm' | 's', 2) => fixed(2),
        ('D', 1) => open(1),
        ('D', 2) => Width {
            least: 2,
            most: 3,
            signed: false,
        },
        ('D', 3) => fixed(3),
        ('A' | 'n' | 'N', _) => open(count.min(19)),
        _ => return None,
    })
}

/// Digits that numbers of fixed width directly after need for themselves.
fn reserved(after: &[Item]) -> usize {
    let widths = after.iter().map_while(|item| match item {
        Item::Field(letter, count) => {
            let width = width(*letter, *count)?;
            let text = matches!(letter, 'M' | 'L') && *count >= 3;
            (!text && width.least == width.most && !width.signed).then_some(width.least)
        }
        Item::Literal(_) | Item::OptionalStart | Item::OptionalEnd => None,
    });
    widths.sum()
}

fn number(text: &str, width: Width, reserved: usize) -> Option<(i64, &str)> {
    let (sign, digits) = match text.chars().next()? {
        sign @ ('+' | '-') if width.signed => (Some(sign), &text[1..]),
        _ => (None, text),
    };
    let run = digits.bytes().take_while(u8::is_ascii_digit).count();
    let most = match sign {
        Some(_) => 19,
        None => width.most,
    };
    let length = if width.least == width.most && sign.is_none() {
        width.least
    } else {
        run.saturating_sub(reserved).min(most)
    };
    if length < width.least || length > run {
        return None;
    }
    let value: i64 = digits[..length].parse().ok()?;
    let value = if sign == Some('-') { -value } else { value };
    Some((value, &digits[length..]))
}

fn store(letter: char, count: usize, value: i64, fields: &mut Fields) -> Option<()> {
    let within = |low: i64, high: i64| (low..=high).contains(&value).then_some(value);
    match letter {
        'u' | 'y' if count == 2 => set(&mut fields.year, 2000 + value),
        'u' | 'y' => set(&mut fields.year, value),
        'M' | 'L' => set(&mut fields.month, within(1, 12)?),
        'd' => set(&mut fields.day, within(1, 31)?),
        'D' => set(&mut fields.day_of_year, within(1, 366)?),
        'H' => set(&mut fields.hour, within(0, 24)?),
        'k' => set(&mut fields.hour, within(1, 24)? % 24),
        'h' => set(&mut fields.half_day_hour, within(1, 12)? % 12),
        'K' => set(&mut fields.half_day_hour, within(0, 11)?),
        'm' => set(&mut fields.minute, within(0, 59)?),
        's' => set(&mut fields.second, within(0, 59)?),
        'S' => {
            let places = u32::try_from(9_usize.checked_sub(count)?).ok()?;
            set(&mut fields.nanosecond, value * 10_i64.pow(places))
        }
        'n' => set(&mut fields.nanosecond, within(0, 999_999_999)?),
        'A' => set(
            &mut fields.nanosecond_of_day,
            within(0, 86_399_999)? * 1_000_000,
        ),
        'N' => set(
            &mut fields.nanosecond_of_day,
            within(0, 86_399_999_999_999)?,
        ),
        _ => None,
    }
}

/// Sets a field; one that is said twice must say the same.
fn set(field: &mut Option<i64>, value: i64) -> Option<()> {
    let same = field.is_none_or(|known| known == value);
    *field = Some(value);
    same.then_some(())
}

/// A name of three letters or a full one.
fn name<'t>(names: &[&str], count: usize, text: &'t str) -> Option<(i64, &'t str)> {
    let length = |name: &str| if count == 3 { 3 } else { name.len() };
    let mut found = names
        .iter()
        .enumerate()
        .filter(|(_, name)| text.starts_with(&name[..length(name)]));
    let (index, name) = found.next()?;
    Some((i64::try_from(index).ok()?, &text[length(name)..]))
}

fn one_of<'t, T: Copy>(text: &'t str, names: &[(&str, T)]) -> Option<(T, &'t str)> {
    let mut found = names
        .iter()
        .filter_map(|(name, value)| Some((*value, text.strip_prefix(name)?)));
    found.next()
}

fn zone<'t>(letter: char, count: usize, text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let (zone, rest) = match (letter, count) {
        ('V', 2) => Zone::read_id(text)?,
        ('V', _) => return None,
        ('z', _) => Zone::read_name(text)?,
        ('X', _) | ('Z', 5) if text.starts_with('Z') => (Zone::utc(), &text[1..]),
        ('O', _) | ('Z', 4) => {
            let signed = text.strip_prefix("GMT")?;
            match read_offset(signed) {
                Some((seconds, rest)) => (Zone::offset(seconds)?, rest),
                None => (Zone::utc(), signed),
            }
        }
        ('X' | 'x' | 'Z', _) => {
            let (seconds, rest) = read_offset(text)?;
            let read = &text[..text.len() - rest.len()];
            let colon = match (letter, count) {
                ('Z', 1..=3) => false,
                ('Z', 5) | (_, 3 | 5) => true,
                (_, 1 | 2 | 4) => false,
                _ => return None,
            };
            if read.contains(':') != colon && read.len() > 3 {
                return None;
            }
            (Zone::offset(seconds)?, rest)
        }
        _ => return None,
    };
    fields.zone = Some(zone);
    Some(rest)
}
