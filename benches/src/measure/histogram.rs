//! Latencies in cells that grow with the value, so that a quantile is off by 0.8 % at most.

/// Cells for each doubling, as a power of two.
const FINE_BITS: u32 = 7;
const FINE: u64 = 1 << FINE_BITS;
const CELLS: usize = (64 - FINE_BITS as usize + 1) << FINE_BITS;

/// Counts of values, here nanoseconds.
#[derive(Clone)]
pub(crate) struct Histogram {
    cells: Box<[u64]>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            cells: vec![0; CELLS].into_boxed_slice(),
            count: 0,
            sum: 0,
            max: 0,
        }
    }
}

impl Histogram {
    /// Adds a value. The one call that every delivery makes: no allocation, no branch but one.
    #[inline]
    pub(crate) fn add(&mut self, value: u64) {
        self.cells[cell(value)] += 1;
        self.count += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    pub(crate) fn mean(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.sum as f64 / self.count as f64
    }

    /// The value that the share `q` of all values does not exceed, to the cell's upper edge: a
    /// latency is never shown better than it was.
    pub(crate) fn quantile(&self, q: f64) -> u64 {
        let rank = ((self.count as f64 * q).ceil() as u64).clamp(1, self.count.max(1));
        let mut below = 0;
        for (index, count) in self.cells.iter().enumerate() {
            below += count;
            if below >= rank {
                return upper_edge(index).min(self.max);
            }
        }
        self.max
    }
}

#[inline]
fn cell(value: u64) -> usize {
    // Values below FINE have a cell each; above, the leading FINE_BITS + 1 bits choose it.
    let shift = (64 - FINE_BITS - 1).saturating_sub((value | FINE).leading_zeros());
    (u64::from(shift) * FINE + (value >> shift)) as usize
}

fn upper_edge(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * FINE {
        return index;
    }
    let shift = index / FINE - 1;
    let lead = index % FINE + FINE;
    ((lead << shift) - 1).saturating_add(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_cell() {
        for value in (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]) {
            let index = cell(value);
            assert!(value <= upper_edge(index), "{value}");
            assert!(index == 0 || value > upper_edge(index - 1), "{value}");
        }
        assert_eq!(cell(u64::MAX), CELLS - 1);
        assert_eq!(upper_edge(CELLS - 1), u64::MAX);
    }

    #[test]
    fn quantiles_are_exact_to_a_percent_and_never_too_good() {
        let mut histogram = Histogram::default();
        for value in 1..=1_000_000 {
            histogram.add(value);
        }
        for (q, exact) in [
            (0.5, 500_000),
            (0.99, 990_000),
            (0.999, 999_000),
            (1.0, 1_000_000),
        ] {
            let found = histogram.quantile(q);
            assert!(
                found >= exact && found <= exact + exact / 100,
                "{q}: {found}"
            );
        }
        assert_eq!(histogram.mean(), 500_000.5);
        assert_eq!((histogram.count(), histogram.max()), (1_000_000, 1_000_000));
    }

    #[test]
    fn an_empty_histogram_has_no_latency() {
        let histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.99), histogram.max()), (0, 0));
        assert_eq!(histogram.mean(), 0.0);
    }
}
