//! Packet ids, given in laps.

/// Gives packet ids from 1 to 65,535 in laps, so that one can only meet what was in flight when its
/// lap began.
#[derive(Debug, Default)]
pub(super) struct PacketIds {
    last: u16,
    /// Boxed, for hardly any session gets to a second lap.
    taken: Option<Box<Taken>>,
}

/// Ids that were in flight when the lap began, those still ahead of the last one, the nearest last.
#[derive(Debug, Default)]
struct Taken(Vec<u16>);

impl PacketIds {
    /// The next packet id that is not in flight. The window is smaller than a lap: there is always
    /// one to give.
    pub(super) fn next(&mut self, in_flight: &(impl Iterator<Item = u16> + Clone)) -> u16 {
        loop {
            if self.last == u16::MAX {
                self.last = 0;
                let mut taken: Vec<u16> = in_flight.clone().collect();
                taken.sort_unstable_by(|a, b| b.cmp(a));
                self.taken = (!taken.is_empty()).then(|| Box::new(Taken(taken)));
            }
            self.last += 1;
            let Some(taken) = &mut self.taken else {
                return self.last;
            };
            if taken.0.pop_if(|id| *id == self.last).is_none() {
                return self.last;
            }
        }
    }

    /// Takes a packet id out of the turn.
    pub(super) fn occupy(&mut self, id: u16) {
        if id > self.last {
            let Taken(taken) = &mut **self.taken.get_or_insert_default();
            let at = taken.partition_point(|taken| *taken > id);
            taken.insert(at, id);
        }
    }
}
