//! Topics of tenants' own, which events can be published to.

use async_trait::async_trait;

use crate::error::PortError;
use crate::id::TenantId;

/// One message to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMessage {
    /// `arn:aws:sns:<region>:<account>:<name>`.
    pub topic: String,
    /// The same for the same message, should it be published again.
    pub id: String,
    /// UTF-8, at most 240 KB.
    pub body: String,
    /// Names of `[A-Za-z0-9_.-]`, at most 10: what subscribers filter by, and how they check the message.
    pub attributes: Vec<(&'static str, String)>,
}

/// Why a message is not in its topic.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The operator does not let this tenant's events be published there; trying again does not help.
    #[error("the topic may not be published to: {reason}")]
    NotAllowed {
        /// Which rule.
        reason: &'static str,
    },
    /// The topic's service answered, and not with yes: it is gone, its policy says no, or there is too much.
    #[error("the topic's service answered {status} `{code}`")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The service's own word.
        code: String,
    },
    /// No answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Publishes to topics that the operator allowed to a tenant, and to no others.
#[async_trait]
pub trait Topics: Send + Sync {
    /// Whether `tenant`'s events could go to `topic`, without sending anything: what a door checks before it
    /// stores a topic.
    ///
    /// # Errors
    /// `NotAllowed`.
    fn check(&self, tenant: &TenantId, topic: &str) -> Result<(), TopicError>;

    /// Asks once; no retry. `Ok` means durable there, and is the service's own id of the message.
    async fn publish(&self, tenant: &TenantId, message: TopicMessage) -> Result<String, TopicError>;
}

/// A platform without topics: one that does not run on AWS.
#[derive(Clone, Copy, Debug)]
pub struct NoTopics;

#[async_trait]
impl Topics for NoTopics {
    fn check(&self, _: &TenantId, _: &str) -> Result<(), TopicError> {
        Err(TopicError::NotAllowed { reason: "this platform has no topics" })
    }

    async fn publish(&self, tenant: &TenantId, message: TopicMessage) -> Result<String, TopicError> {
        self.check(tenant, &message.topic).map(|()| String::new())
    }
}
