//! Numbers, dates, addresses and binary values as conditions write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;
use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

const NANOSECONDS: i128 = 1_000_000_000;

/// A decimal number; neither infinite nor NaN, which Rust would read.
pub(crate) fn number(text: &str) -> Option<f64> {
    let plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes()
        .all(plain)
        .then(|| text.parse().ok())
        .flatten()
        .filter(|value: &f64| value.is_finite())
}

/// Nanoseconds since the epoch: an ISO 8601 date, with or without a time (UTC unless it says
/// otherwise), or seconds since 1970.
pub(crate) fn instant(text: &str) -> Option<i128> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(i128::from(seconds) * NANOSECONDS);
    }
    let date = OffsetDateTime::parse(text, &Iso8601::PARSING)
        .or_else(|_| {
            PrimitiveDateTime::parse(text, &Iso8601::PARSING).map(PrimitiveDateTime::assume_utc)
        })
        .or_else(|_| Date::parse(text, &Iso8601::PARSING).map(|date| date.midnight().assume_utc()));
    date.ok().map(OffsetDateTime::unix_timestamp_nanos)
}

/// Base64, as binary values are written on both sides.
pub(crate) fn binary(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A range of addresses of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    family_bits: u32,
    prefix_bits: u32,
    address: u128,
}

impl Network {
    /// `address/bits`, or one address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let (address, family_bits) = number_of(address.parse().ok()?);
        let prefix_bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
            None => family_bits,
        };
        (prefix_bits <= family_bits).then_some(Self {
            family_bits,
            prefix_bits,
            address,
        })
    }

    /// An IPv4 address written as an IPv6 one (`::ffff:203.0.113.7`) counts as IPv4.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let (address, family_bits) = number_of(address.to_canonical());
        let host_bits = self.family_bits - self.prefix_bits;
        let network = |address: u128| address.checked_shr(host_bits).unwrap_or(0);
        family_bits == self.family_bits && network(address) == network(self.address)
    }
}

fn number_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}
