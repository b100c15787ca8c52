//! Numbers of the rule SQL: integers of 34 digits and decimals of 34 significant digits.
//!
//! Both are Java's: AWS computes as `BigDecimal` does under `MathContext.DECIMAL128`, as far as
//! the developer guide shows. A decimal of our own is smaller and faster than an arbitrary one.

mod decimal;
mod parse;
mod wide;

pub(super) use decimal::Decimal;
pub(super) use parse::{is_whole_text, parse_json, parse_text};

/// Digits of an Int, and significant digits of a Decimal (developer guide, "Data types").
const DIGITS: u32 = 34;
/// The first integer that has too many digits.
pub(super) const INT_BOUND: i128 = 10_i128.pow(DIGITS);

/// An Int or a Decimal.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Int(i128),
    Decimal(Decimal),
}

impl Number {
    /// An Int, or nothing when it has more than 34 digits.
    pub(super) fn int(value: i128) -> Option<Self> {
        (value.abs() < INT_BOUND).then_some(Self::Int(value))
    }

    pub(super) fn to_decimal(self) -> Decimal {
        match self {
            Self::Int(value) => Decimal::from_int(value),
            Self::Decimal(value) => value,
        }
    }

    pub(super) fn to_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Decimal(value) => value.to_f64(),
        }
    }

    /// The largest Int that is not above the number. The guide's tables say "nearest" and
    /// "rounded down"; `substring("012345", 2.745)` starts at 2.
    pub(super) fn floor(self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(value),
            Self::Decimal(value) => value.floor(),
        }
    }

    /// A Decimal without a fraction as the Int that it equals, as version 2016-03-23 has it.
    pub(super) fn whole_as_int(self) -> Self {
        match self {
            Self::Int(_) => self,
            Self::Decimal(value) => value.as_int().map_or(self, Self::Int),
        }
    }

    pub(super) fn is_zero(self) -> bool {
        match self {
            Self::Int(value) => value == 0,
            Self::Decimal(value) => value.is_zero(),
        }
    }

    pub(super) fn compare(self, other: Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Int(_) | Self::Decimal(_), _) => self.to_decimal().compare(other.to_decimal()),
        }
    }

    /// Int with Int stays Int and must keep to 34 digits.
    pub(super) fn add(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Self::int(a + b),
            (Self::Int(_) | Self::Decimal(_), _) => {
                let sum = self.to_decimal().add(other.to_decimal());
                sum.map(Self::Decimal)
            }
        }
    }

    pub(super) fn negate(self) -> Self {
        match self {
            Self::Int(value) => Self::Int(-value),
            Self::Decimal(value) => Self::Decimal(value.negate()),
        }
    }

    pub(super) fn multiply(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Self::int(a.checked_mul(b)?),
            (Self::Int(_) | Self::Decimal(_), _) => {
                let product = self.to_decimal().multiply(other.to_decimal());
                product.map(Self::Decimal)
            }
        }
    }

    /// An exact quotient of two Ints is an Int. The operator table says that of any two, but the
    /// SET page computes (75 - 32) * 5 / 9 = 23.89.
    pub(super) fn divide(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) if b != 0 && a % b == 0 => Self::int(a / b),
            (Self::Int(_) | Self::Decimal(_), _) => {
                let quotient = self.to_decimal().divide(other.to_decimal());
                quotient.map(Self::Decimal)
            }
        }
    }

    /// The remainder has the sign of the dividend, as in Java.
    pub(super) fn remainder(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.checked_rem(b).map(Self::Int),
            (Self::Int(_) | Self::Decimal(_), _) => {
                let rest = self.to_decimal().remainder(other.to_decimal());
                rest.map(Self::Decimal)
            }
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(value) => value.fmt(formatter),
            Self::Decimal(value) => value.fmt(formatter),
        }
    }
}
