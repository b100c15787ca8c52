//! How often what is interesting happened: a simulation that never gets there proves nothing.

macro_rules! counts {
    ($($name:ident),* $(,)?) => {
        /// One number for each event.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        pub(super) struct Counts {
            $(pub(super) $name: u32,)*
        }

        impl Counts {
            pub(super) fn add(&mut self, other: &Counts) {
                $(self.$name += other.$name;)*
            }

            /// Names and numbers.
            pub(super) fn all(&self) -> Vec<(&'static str, u32)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

counts! {
    acknowledgements_late,
    acknowledgements_unknown,
    aliases_used,
    aliases_used_out,
    behind_the_end,
    broken,
    clean_ends,
    finished,
    given_up,
    half_open,
    handed_on,
    outputs_full,
    packets_cut,
    publishes_repeated,
    qos_0,
    qos_2_repeated,
    queued_while_away,
    queues_full,
    redelivered,
    redelivered_in_time,
    resumed,
    resumed_in_flight,
    retained,
    runs,
    sessions_expired,
    silent,
    sockets_blocked,
    takeovers,
    takeovers_in_flight,
    versions_changed,
    wills,
    wills_called_off,
    wills_delayed,
    windows_full,
}
