//! The ports on AWS, and the loops that AWS Lambda runs.
//!
//! ```text
//! main ─> Aws::connect ─> DynamoStore · S3Blobs · KmsKeys · AwsBus · SnsTopics ─> App of a capability
//!     └─> lambda::serve_* ─> event ─> door or worker ─> answer
//! ```

mod blobs;
mod bus;
mod calls;
mod connect;
mod fault;
mod http;
mod keys;
pub mod lambda;
mod mail;
mod provision;
pub mod settings;
mod store;
mod topics;

pub use blobs::S3Blobs;
pub use bus::{AwsBus, QueueUrls};
pub use connect::Aws;
pub use keys::KmsKeys;
pub use mail::SesMail;
pub use settings::BadSetting;
pub use store::{DynamoStore, Tables};
pub use topics::{AllowedTopics, SnsTopics};
