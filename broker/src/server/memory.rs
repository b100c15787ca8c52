//! How much memory there is for this process: the machine's, or less in a container.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// What is taken for the whole where the system does not say.
const UNKNOWN_BYTES: u64 = 2 << 30;

/// Half of it, in bytes. The rest is for everything that is not counted: connections, TLS, the
/// store's cache, functions.
pub(super) fn half() -> usize {
    let bytes = whole().unwrap_or(UNKNOWN_BYTES);
    usize::try_from(bytes / 2).unwrap_or(usize::MAX)
}

fn whole() -> Option<u64> {
    let ram = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(ram)).ok()?;
    let machine = system.total_memory();
    let container = system.cgroup_limits().map(|limits| limits.total_memory);
    let least = container.map_or(machine, |bytes| bytes.min(machine));
    (least > 0).then_some(least)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_machine_says_how_much_memory_it_has() {
        assert!(super::whole().is_some_and(|bytes| bytes > 16 << 20));
    }
}
