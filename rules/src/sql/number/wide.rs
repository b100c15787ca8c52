//! Unsigned integers of 256 bits, as far as decimals need them.

use super::DIGITS;

/// `high * 2^128 + low`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    pub(super) fn product(a: u128, b: u128) -> Self {
        if let Some(low) = a.checked_mul(b) {
            return Self { high: 0, low };
        }
        const HALF: u128 = (1 << 64) - 1;
        let (a_high, a_low) = (a >> 64, a & HALF);
        let (b_high, b_low) = (b >> 64, b & HALF);
        let middle = a_high * b_low + ((a_low * b_low) >> 64);
        let cross = a_low * b_high + (middle & HALF);
        Self {
            high: a_high * b_high + (middle >> 64) + (cross >> 64),
            low: a.wrapping_mul(b),
        }
    }

    /// `value * 10^exponent`, which must have at most 76 digits.
    pub(super) fn scaled(value: u128, exponent: u32) -> Self {
        let first = exponent.min(38);
        let wide = Self::product(value, 10_u128.pow(first));
        match exponent - first {
            0 => wide,
            rest => wide.times(10_u128.pow(rest)),
        }
    }

    fn times(self, factor: u128) -> Self {
        let low = Self::product(self.low, factor);
        Self {
            high: low.high.wrapping_add(self.high.wrapping_mul(factor)),
            low: low.low,
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        let high = self.high.wrapping_add(other.high);
        Self {
            high: high.wrapping_add(u128::from(carry)),
            low,
        }
    }

    /// `self - other`, which must not be negative.
    pub(super) fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let high = self.high.wrapping_sub(other.high);
        Self {
            high: high.wrapping_sub(u128::from(borrow)),
            low,
        }
    }

    /// Quotient and remainder of a division by something above zero and below 2^127.
    pub(super) fn divide(self, divisor: u128) -> (Self, u128) {
        if self.high == 0 {
            let low = self.low / divisor;
            return (Self { high: 0, low }, self.low % divisor);
        }
        let high = self.high / divisor;
        let mut rest = self.high % divisor;
        let mut low = 0_u128;
        for bit in (0..128).rev() {
            rest = rest << 1 | self.low >> bit & 1;
            low <<= 1;
            if rest >= divisor {
                rest -= divisor;
                low |= 1;
            }
        }
        (Self { high, low }, rest)
    }

    /// The integer, if 128 bits hold it.
    pub(super) fn narrow(self) -> Option<u128> {
        (self.high == 0).then_some(self.low)
    }

    fn digits(self) -> u32 {
        let (mut wide, mut digits) = (self, 0);
        while wide.high != 0 {
            (wide, _) = wide.divide(10_u128.pow(19));
            digits += 19;
        }
        digits + digits_of(wide.low)
    }

    /// The 34 leading digits, the half rounded to even, and how many digits were cut off.
    /// `inexact` says that the true number is a little above.
    pub(super) fn rounded(self, inexact: bool) -> (u128, u32) {
        let digits = self.digits();
        if digits <= DIGITS {
            return (self.low, 0);
        }
        let mut cut = digits - DIGITS;
        let (mut wide, mut sticky, mut left) = (self, inexact, cut);
        while left > 38 {
            let (quotient, rest) = wide.divide(10_u128.pow(left - 38));
            (wide, sticky, left) = (quotient, sticky || rest != 0, 38);
        }
        // 10^38 is below 2^127.
        let unit = 10_u128.pow(left);
        let (quotient, rest) = wide.divide(unit);
        let mut value = quotient.low;
        let half = unit / 2;
        if rest > half || rest == half && (sticky || value % 2 == 1) {
            value += 1;
        }
        if value == 10_u128.pow(DIGITS) {
            value /= 10;
            cut += 1;
        }
        (value, cut)
    }
}

/// Decimal digits of a number; of zero, none.
pub(super) fn digits_of(value: u128) -> u32 {
    value.checked_ilog10().map_or(0, |log| log + 1)
}
