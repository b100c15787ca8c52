//! Chance for SQL functions and pauses.

use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::cell::RefCell;

thread_local! {
    static SOURCE: RefCell<SmallRng> = RefCell::new(SmallRng::from_os_rng());
}

/// A source of its own, without asking the system each time.
pub(super) fn chance() -> SmallRng {
    SOURCE.with_borrow_mut(SmallRng::from_rng)
}
