//! A decimal of 34 significant digits.

use super::wide::{Wide, digits_of};
use super::{DIGITS, INT_BOUND};
use std::cmp::Ordering;
use std::fmt;

/// The largest power of ten in scientific notation: 9.99E999 is the largest number.
const EXPONENT_MAX: i32 = 999;

/// `coefficient * 10^exponent`; trailing zeros are kept as in `1.10`.
#[derive(Clone, Copy, Debug)]
pub(in crate::sql) struct Decimal {
    // Below 10^34.
    coefficient: i128,
    exponent: i32,
}

impl Decimal {
    /// A decimal within the limits of the data type.
    pub(super) fn new(coefficient: i128, exponent: i32) -> Option<Self> {
        let decimal = Self {
            coefficient,
            exponent,
        };
        // 34 digits more or less make no difference to most.
        let near = exponent.abs() <= EXPONENT_MAX - 34;
        let fits = near || coefficient == 0 || decimal.magnitude().abs() <= EXPONENT_MAX;
        fits.then_some(decimal)
    }

    pub(super) fn from_int(value: i128) -> Self {
        Self {
            coefficient: value,
            exponent: 0,
        }
    }

    /// Rounds to 34 digits.
    pub(super) fn rounded(
        negative: bool,
        value: Wide,
        inexact: bool,
        exponent: i32,
    ) -> Option<Self> {
        let (coefficient, cut) = value.rounded(inexact);
        let coefficient = coefficient.cast_signed();
        let signed = if negative { -coefficient } else { coefficient };
        Self::new(signed, exponent.checked_add_unsigned(cut)?)
    }

    /// What a double is in its shortest text; nothing for NaN and infinities.
    pub(in crate::sql) fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        Self::from_shortest(&format!("{value:e}"))
    }

    /// The number in `{:e}` format of a double or float.
    pub(in crate::sql) fn from_shortest(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let coefficient: i128 = format!("{whole}{fraction}").parse().ok()?;
        let exponent = exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()?;
        // Java prints whole doubles below ten millions as `15.0`.
        if (0..7).contains(&exponent) {
            let power = exponent.unsigned_abs() + 1;
            return Self::new(coefficient * 10_i128.pow(power), -1);
        }
        Self::new(coefficient, exponent)
    }

    pub(in crate::sql) fn to_f64(self) -> f64 {
        format!("{}e{}", self.coefficient, self.exponent)
            .parse()
            .unwrap_or(f64::NAN)
    }

    pub(super) fn is_zero(self) -> bool {
        self.coefficient == 0
    }

    pub(in crate::sql) fn signum(self) -> i128 {
        self.coefficient.signum()
    }

    pub(in crate::sql) fn negate(self) -> Self {
        Self {
            coefficient: -self.coefficient,
            exponent: self.exponent,
        }
    }

    /// The power of ten of the first digit.
    fn magnitude(self) -> i32 {
        let digits = digits_of(self.coefficient.unsigned_abs()).cast_signed();
        self.exponent.saturating_add(digits - 1)
    }

    /// The Int that it equals, if it equals one of 34 digits.
    pub(super) fn as_int(self) -> Option<i128> {
        if self.coefficient == 0 {
            return Some(0);
        }
        if self.exponent < 0 {
            let unit = 10_i128.checked_pow(self.exponent.unsigned_abs())?;
            return (self.coefficient % unit == 0).then_some(self.coefficient / unit);
        }
        let unit = 10_i128.checked_pow(self.exponent.unsigned_abs())?;
        let value = self.coefficient.checked_mul(unit)?;
        (value.abs() < INT_BOUND).then_some(value)
    }

    /// The number cut to this many decimals, and whether something was cut off.
    fn cut(self, decimals: u32) -> (Self, bool) {
        let surplus = (-self.exponent).saturating_sub(decimals.cast_signed());
        if surplus <= 0 {
            return (self, false);
        }
        let exponent = -decimals.cast_signed();
        let unit = 10_i128.checked_pow(surplus.unsigned_abs());
        let coefficient = unit.map_or(0, |unit| self.coefficient / unit);
        let rest = unit.map_or(self.coefficient, |unit| self.coefficient % unit);
        let cut = Self {
            coefficient,
            exponent,
        };
        (cut, rest != 0)
    }

    /// Cut to this many decimals, without trailing zeros.
    pub(in crate::sql) fn truncate(self, decimals: u32) -> Self {
        let mut decimal = self.cut(decimals).0;
        while decimal.exponent < 0 && decimal.coefficient % 10 == 0 {
            decimal.coefficient /= 10;
            decimal.exponent += 1;
        }
        decimal
    }

    pub(in crate::sql) fn floor(self) -> Option<i128> {
        let (cut, inexact) = self.cut(0);
        let down = i128::from(inexact && self.coefficient < 0);
        cut.as_int().map(|value| value - down)
    }

    pub(in crate::sql) fn ceil(self) -> Option<i128> {
        self.negate().floor().map(|value| -value)
    }

    /// The nearest Int, halves away from zero.
    pub(in crate::sql) fn round(self) -> Option<i128> {
        let half = Self {
            coefficient: 5 * self.coefficient.signum(),
            exponent: -1,
        };
        if self.exponent >= 0 {
            return self.as_int();
        }
        self.add(half)?.cut(0).0.as_int()
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        if let Some(order) = self.compare_short(other) {
            return order;
        }
        let (left, right) = (self.signum(), other.signum());
        if left != right || left == 0 {
            return left.cmp(&right);
        }
        let order = self.magnitude().cmp(&other.magnitude()).then_with(|| {
            let exponent = self.exponent.min(other.exponent);
            self.aligned(exponent).cmp(&other.aligned(exponent))
        });
        if left < 0 { order.reverse() } else { order }
    }

    /// Compares numbers that 128 bits hold when their exponents are made the same.
    fn compare_short(self, other: Self) -> Option<Ordering> {
        const SHORT: i128 = 10_i128.pow(18);
        const POWERS: [i128; 19] = {
            let mut powers = [1; 19];
            let mut power = 1;
            while power < 19 {
                powers[power] = powers[power - 1] * 10;
                power += 1;
            }
            powers
        };
        if self.coefficient.abs() >= SHORT || other.coefficient.abs() >= SHORT {
            return None;
        }
        let distance = *POWERS.get(self.exponent.abs_diff(other.exponent) as usize)?;
        Some(if self.exponent < other.exponent {
            self.coefficient.cmp(&(other.coefficient * distance))
        } else {
            (self.coefficient * distance).cmp(&other.coefficient)
        })
    }

    /// The coefficient without its sign for an exponent that is not above this one's.
    fn aligned(self, exponent: i32) -> Wide {
        Wide::scaled(
            self.coefficient.unsigned_abs(),
            self.exponent.abs_diff(exponent),
        )
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        if other.is_zero() || self.is_zero() {
            let (zero, sum) = if other.is_zero() {
                (other, self)
            } else {
                (self, other)
            };
            return Some(sum.with_exponent_at_most(zero.exponent));
        }
        // Nothing of the smaller number reaches the 34 digits of the larger.
        let distance = self.magnitude() - other.magnitude();
        if distance.unsigned_abs() > DIGITS + 2 {
            let (large, small) = if distance > 0 {
                (self, other)
            } else {
                (other, self)
            };
            return Some(large.with_exponent_at_most(small.exponent));
        }
        let exponent = self.exponent.min(other.exponent);
        let (left, right) = (self.aligned(exponent), other.aligned(exponent));
        let negative = self.coefficient < 0;
        if negative == (other.coefficient < 0) {
            return Self::rounded(negative, left.plus(right), false, exponent);
        }
        if left >= right {
            Self::rounded(negative, left.minus(right), false, exponent)
        } else {
            Self::rounded(!negative, right.minus(left), false, exponent)
        }
    }

    /// Adds trailing zeros down to an exponent, as far as 34 digits hold them.
    fn with_exponent_at_most(self, exponent: i32) -> Self {
        let mut decimal = self;
        while decimal.exponent > exponent && decimal.coefficient.abs() < INT_BOUND / 10 {
            if decimal.coefficient == 0 {
                decimal.exponent = exponent;
                break;
            }
            decimal.coefficient *= 10;
            decimal.exponent -= 1;
        }
        decimal
    }

    pub(super) fn multiply(self, other: Self) -> Option<Self> {
        let product = Wide::product(
            self.coefficient.unsigned_abs(),
            other.coefficient.unsigned_abs(),
        );
        let negative = (self.coefficient < 0) != (other.coefficient < 0);
        Self::rounded(
            negative,
            product,
            false,
            self.exponent.checked_add(other.exponent)?,
        )
    }

    pub(super) fn divide(self, other: Self) -> Option<Self> {
        let (dividend, divisor) = (
            self.coefficient.unsigned_abs(),
            other.coefficient.unsigned_abs(),
        );
        if divisor == 0 {
            return None;
        }
        let preferred = self.exponent.checked_sub(other.exponent)?;
        if dividend == 0 {
            return Self::new(0, preferred);
        }
        // One digit more than needed, so that it can be rounded.
        let shift = (DIGITS + 1 + digits_of(divisor)).saturating_sub(digits_of(dividend));
        let (quotient, rest) = Wide::scaled(dividend, shift).divide(divisor);
        let negative = (self.coefficient < 0) != (other.coefficient < 0);
        let exponent = preferred.checked_sub_unsigned(shift)?;
        let mut result = Self::rounded(negative, quotient, rest != 0, exponent)?;
        while rest == 0 && result.exponent < preferred && result.coefficient % 10 == 0 {
            result.coefficient /= 10;
            result.exponent += 1;
        }
        Some(result)
    }

    pub(super) fn remainder(self, other: Self) -> Option<Self> {
        let divisor = other.coefficient.unsigned_abs();
        if divisor == 0 {
            return None;
        }
        let exponent = self.exponent.min(other.exponent);
        // A divisor with more digits than 34 is larger than the dividend.
        let down = other.exponent.abs_diff(exponent);
        let scaled = (digits_of(divisor) + down <= 2 * DIGITS)
            .then(|| Wide::scaled(divisor, down).narrow())
            .flatten();
        let Some(modulus) = scaled.filter(|modulus| *modulus < 1 << 127) else {
            return Some(self);
        };
        let mut rest = self.coefficient.unsigned_abs() % modulus;
        let mut factor = 10 % modulus;
        let mut power = self.exponent.abs_diff(exponent);
        while power > 0 {
            if power % 2 == 1 {
                rest = Wide::product(rest, factor).divide(modulus).1;
            }
            factor = Wide::product(factor, factor).divide(modulus).1;
            power /= 2;
        }
        let value = Wide::product(rest, 1);
        Self::rounded(self.coefficient < 0, value, false, exponent)
    }
}

/// As Java's `BigDecimal.toString`: plain down to 0.000001, scientific beyond.
impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.coefficient < 0 { "-" } else { "" };
        let digits = self.coefficient.unsigned_abs().to_string();
        let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
        let magnitude = self.exponent.saturating_add(count - 1);
        if self.exponent == 0 {
            return write!(formatter, "{sign}{digits}");
        }
        if self.exponent < 0 && magnitude >= -6 {
            let decimals = self.exponent.unsigned_abs() as usize;
            let padded = format!("{digits:0>width$}", width = decimals + 1);
            let (whole, fraction) = padded.split_at(padded.len() - decimals);
            return write!(formatter, "{sign}{whole}.{fraction}");
        }
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        write!(formatter, "{sign}{first}{point}{rest}E{magnitude:+}")
    }
}
