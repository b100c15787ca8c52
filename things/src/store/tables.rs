//! The tables of rows as fjall keeps them.

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

/// What a queue keeps in memory before it goes to a file of its own; all of it is in the journal
/// too and is read again after a crash.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;

/// A table of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Retained messages.
    Retained,
    /// Sessions that outlive their connections.
    Sessions,
    /// What they subscribe to.
    Subscriptions,
    /// Messages that they are owed. A key is never written twice.
    Queues,
    /// Messages that wait for a member of a shared subscription. A key is never written twice.
    Shared,
    /// Device shadows.
    Shadows,
    /// Packet ids of QoS 2 exchanges that are not complete, in both directions.
    Exchanges,
    /// Jobs, what is still to be told of them, and their executions.
    Jobs,
}

impl Table {
    pub(super) const ALL: [Self; 8] = [
        Self::Retained,
        Self::Sessions,
        Self::Subscriptions,
        Self::Queues,
        Self::Shared,
        Self::Shadows,
        Self::Exchanges,
        Self::Jobs,
    ];

    /// The name on disk; never changed.
    fn name(self) -> &'static str {
        match self {
            Self::Retained => "retained",
            Self::Sessions => "sessions",
            Self::Subscriptions => "subscriptions",
            Self::Queues => "queues",
            Self::Shared => "shared",
            Self::Shadows => "shadows",
            Self::Exchanges => "exchanges",
            Self::Jobs => "jobs",
        }
    }

    /// Whether each key is written once and removed once: a row that is removed before it was
    /// written leaves no trace.
    pub(super) fn keys_are_new(self) -> bool {
        match self {
            Self::Retained
            | Self::Sessions
            | Self::Subscriptions
            | Self::Shadows
            | Self::Exchanges
            | Self::Jobs => false,
            Self::Queues | Self::Shared => true,
        }
    }
}

/// The keyspaces of all tables.
pub(crate) struct Tables {
    database: Database,
    keyspaces: [Keyspace; Table::ALL.len()],
}

impl Tables {
    pub(super) fn open(database: &Database) -> fjall::Result<Self> {
        let open = |table: Table| {
            database.keyspace(table.name(), || {
                KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES)
            })
        };
        let [
            retained,
            sessions,
            subscriptions,
            queues,
            shared,
            shadows,
            exchanges,
            jobs,
        ] = Table::ALL.map(open);
        Ok(Self {
            database: database.clone(),
            keyspaces: [
                retained?,
                sessions?,
                subscriptions?,
                queues?,
                shared?,
                shadows?,
                exchanges?,
                jobs?,
            ],
        })
    }

    fn keyspace(&self, table: Table) -> &Keyspace {
        &self.keyspaces[table as usize]
    }

    /// Gives every row in order of key.
    pub(super) fn each(
        &self,
        table: Table,
        mut give: impl FnMut(&[u8], &[u8]),
    ) -> fjall::Result<()> {
        for row in self.keyspace(table).iter() {
            let (key, value) = row.into_inner()?;
            give(&key, &value);
        }
        Ok(())
    }

    /// Writes rows, no key twice, as one batch, and waits until it is on disk.
    pub(super) fn write(
        &self,
        rows: impl Iterator<Item = (Table, Box<[u8]>, Option<Vec<u8>>)>,
    ) -> fjall::Result<()> {
        let mut batch = self.database.batch();
        for (table, key, value) in rows {
            match value {
                Some(value) => batch.insert(self.keyspace(table), &*key, value),
                None => batch.remove(self.keyspace(table), &*key),
            }
        }
        batch.durability(Some(PersistMode::SyncData)).commit()
    }

    /// Removes every row and waits for it.
    pub(super) fn clear(&self) -> fjall::Result<()> {
        for table in Table::ALL {
            let keys = self.keyspace(table).iter().map(fjall::Guard::key);
            let keys = keys.collect::<fjall::Result<Vec<_>>>()?;
            self.write(keys.into_iter().map(|key| (table, Box::from(&*key), None)))?;
        }
        Ok(())
    }
}
