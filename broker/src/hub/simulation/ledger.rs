//! Messages by their marks, and what shared groups are owed.

use super::oracle::Violation;
use mqtt::QoS;
use std::collections::{BTreeMap, BTreeSet};

/// What the payload of every message in the simulation begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Mark {
    pub(super) publisher: u8,
    pub(super) number: u32,
}

impl Mark {
    const BYTES: usize = 5;

    /// Publishers from here on are wills.
    pub(super) const WILLS: u8 = 100;

    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        let (publisher, rest) = payload.split_first()?;
        let number = rest.get(..4)?.try_into().ok()?;
        Some(Self {
            publisher: *publisher,
            number: u32::from_be_bytes(number),
        })
    }

    /// Whether it is a will's: those of two connections have no order.
    pub(super) fn is_will(self) -> bool {
        self.publisher >= Self::WILLS
    }

    /// A payload with this mark.
    pub(super) fn payload(self, padding: usize) -> Vec<u8> {
        let mut bytes = vec![self.publisher];
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.resize(Self::BYTES + padding, b'.');
        bytes
    }
}

/// Share name and filter.
pub(super) type GroupName = (String, String);

#[derive(Debug)]
struct ToGroups {
    qos: QoS,
    owed: usize,
    settled: usize,
    groups: BTreeSet<GroupName>,
    /// Whether nothing may be lost.
    strict: bool,
}

/// How often each message was published, and what groups got of it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    published: BTreeMap<Mark, u32>,
    groups: BTreeMap<Mark, ToGroups>,
}

impl Ledger {
    pub(super) fn published(&mut self, mark: Mark) {
        *self.published.entry(mark).or_default() += 1;
    }

    pub(super) fn times(&self, mark: Mark) -> u32 {
        self.published.get(&mark).copied().unwrap_or(0)
    }

    /// So many groups are owed a message. `strict`: each has a member for whose sake it is kept.
    pub(super) fn owe_groups(
        &mut self,
        mark: Mark,
        qos: QoS,
        groups: impl ExactSizeIterator<Item = GroupName>,
        strict: bool,
    ) {
        let owed = self.groups.entry(mark).or_insert_with(|| ToGroups {
            qos,
            owed: 0,
            settled: 0,
            groups: BTreeSet::new(),
            strict: true,
        });
        owed.owed += groups.len();
        owed.groups.extend(groups);
        owed.strict &= strict;
    }

    fn group(&mut self, mark: Mark) -> Result<&mut ToGroups, Violation> {
        let missing = || format!("share: {mark:?} is owed to no group");
        self.groups.get_mut(&mark).ok_or_else(missing)
    }

    pub(super) fn settle_group(&mut self, mark: Mark) -> Result<(), Violation> {
        self.group(mark)?.settled += 1;
        self.copies(mark, 0)
    }

    pub(super) fn deliver_qos_0(&mut self, mark: Mark) -> Result<(), Violation> {
        self.settle_group(mark)
    }

    /// Copies that are on the way and those that were given are no more than groups.
    pub(super) fn copies(&mut self, mark: Mark, on_the_way: usize) -> Result<(), Violation> {
        let ToGroups { owed, settled, .. } = self.group(mark)?;
        let copies = *settled + on_the_way;
        if copies > *owed {
            return Err(format!("share: {copies} members have {mark:?}, not {owed}"));
        }
        Ok(())
    }

    /// Messages to groups of which some keep nothing any more may be lost.
    pub(super) fn weaken(&mut self, keeping: &BTreeSet<GroupName>) {
        for owed in self.groups.values_mut() {
            owed.strict &= owed.settled >= owed.owed || owed.groups.is_subset(keeping);
        }
    }

    /// A message to groups may be lost.
    pub(super) fn doubt(&mut self, mark: Mark) {
        if let Some(owed) = self.groups.get_mut(&mark) {
            owed.strict = false;
        }
    }

    /// Whatever is on its way to groups may be lost.
    pub(super) fn doubt_all(&mut self) {
        for owed in self.groups.values_mut() {
            owed.strict &= owed.settled >= owed.owed;
        }
    }

    pub(super) fn finish(&self) -> Result<(), Violation> {
        for (mark, owed) in &self.groups {
            if owed.strict && owed.qos > QoS::AtMostOnce && owed.settled < owed.owed {
                return Err(format!("share: no member ever got {mark:?}: {owed:?}"));
            }
        }
        Ok(())
    }
}
