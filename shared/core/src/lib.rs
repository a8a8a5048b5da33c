//! What every part of Scorpius agrees on: ids, time, events, errors, and the ports.
//!
//! ```text
//! capability ──> Store · Blobs · Keys · Mail · Egress · Chain · Clock ──> shared/local | shared/aws
//! ```
//!
//! A port says what a capability may ask of the world and what "done" means; an adapter makes it
//! real. Nothing here reads a clock, a file or a socket.

pub mod blobs;
pub mod bus;
pub mod chain;
pub mod chain_id;
pub mod clock;
pub mod crash;
pub mod egress;
pub mod error;
pub mod event;
pub mod hold;
pub mod id;
pub mod keys;
pub mod mail;
pub mod operator;
pub mod store;
pub mod topics;

pub use blobs::{BlobName, Blobs, Put};
pub use bus::{Bus, QueueDepth};
pub use chain::Chain;
pub use clock::{Clock, ManualClock, SystemClock, UnixMillis};
pub use egress::{Egress, EgressError, EgressRequest, EgressResponse};
pub use error::PortError;
pub use event::{Actor, Event, EventSchema, Fact};
pub use id::{CommitId, TenantId, new_id};
pub use keys::{KeyName, Keys, WrapContext};
pub use mail::{Letter, Mail, MailError};
pub use store::{
    Attributes, Chained, Condition, Key, Link, ListQuery, Page, Record, Store, StoreError, Value, Write,
};
pub use topics::{NoTopics, TopicError, TopicMessage, Topics};
