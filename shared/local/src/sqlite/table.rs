//! The three tables, chosen by a key's prefix, and what is asked of each.

/// Where a record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// `outbox#…`, in the synced file.
    Outbox,
    /// `counter#…`, in the file that is not synced.
    Counters,
    /// All others, in the synced file.
    Records,
}

/// The statements on one table.
pub(crate) struct Sql {
    pub(crate) get: &'static str,
    pub(crate) put: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) ended: &'static str,
}

macro_rules! statements {
    ($table:literal) => {
        Sql {
            get: concat!(
                "SELECT version, expires_at, attributes FROM ",
                $table,
                " WHERE partition = ?1 AND sort = ?2"
            ),
            put: concat!(
                "INSERT INTO ",
                $table,
                " (partition, sort, version, expires_at, attributes) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (partition, sort) DO UPDATE SET version = excluded.version,
                 expires_at = excluded.expires_at, attributes = excluded.attributes"
            ),
            delete: concat!("DELETE FROM ", $table, " WHERE partition = ?1 AND sort = ?2"),
            up: concat!(
                "SELECT partition, sort, version, expires_at, attributes FROM ",
                $table,
                " WHERE partition = ?1 AND sort >= ?2 AND sort < ?3
                 AND (expires_at IS NULL OR expires_at > ?4) ORDER BY sort LIMIT ?5"
            ),
            down: concat!(
                "SELECT partition, sort, version, expires_at, attributes FROM ",
                $table,
                " WHERE partition = ?1 AND sort >= ?2 AND sort < ?3
                 AND (expires_at IS NULL OR expires_at > ?4) ORDER BY sort DESC LIMIT ?5"
            ),
            ended: concat!(
                "SELECT partition, sort, version FROM ",
                $table,
                " WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2"
            ),
        }
    };
}

static OUTBOX: Sql = statements!("main.outbox");
static COUNTERS: Sql = statements!("counters.records");
static RECORDS: Sql = statements!("main.records");

impl Table {
    /// The table of a partition.
    pub(crate) fn of(partition: &str) -> Self {
        if partition.starts_with("outbox#") {
            Self::Outbox
        } else if partition.starts_with("counter#") {
            Self::Counters
        } else {
            Self::Records
        }
    }

    /// Its statements.
    pub(crate) fn sql(self) -> &'static Sql {
        match self {
            Self::Outbox => &OUTBOX,
            Self::Counters => &COUNTERS,
            Self::Records => &RECORDS,
        }
    }
}
