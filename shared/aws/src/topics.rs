//! `Topics` on SNS.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use scorpius_core::{PortError, TenantId, TopicError, TopicMessage, Topics};

use crate::connect::Lazily;
use crate::settings::BadSetting;

/// Bytes of a message, below SNS's 256 KB for what it counts besides.
const BODY_BYTES_MAX: usize = 240_000;

/// Why a message cannot be sent at all.
#[derive(Debug, thiserror::Error)]
enum MessageError {
    #[error("a message has at most {BODY_BYTES_MAX} bytes, not {0}")]
    TooLong(usize),
    #[error("SNS answered without `MessageId`")]
    Incomplete,
    #[error("a message's attributes")]
    Attribute(#[source] aws_sdk_sns::error::BuildError),
}

/// Which tenant's events may go to which topic: nobody publishes to another tenant's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedTopics(BTreeSet<(TenantId, String)>);

impl AllowedTopics {
    /// `ten_…=arn:aws:sns:…`, with commas between.
    ///
    /// # Errors
    /// When a part is not of this form.
    pub fn parse(text: &str) -> Result<Self, BadSetting> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let pairs = parts.map(|part| {
            let (tenant, topic) = part.split_once('=')?;
            // arn:partition:sns:region:account:name
            let fields: Vec<_> = topic.split(':').collect();
            let is_topic = fields.len() == 6
                && fields[0] == "arn"
                && fields[2] == "sns"
                && fields[3..].iter().all(|field| !field.is_empty() && !field.contains('*'));
            is_topic.then_some((tenant.parse().ok()?, topic.to_owned()))
        });
        let allowed = pairs.collect::<Option<_>>();
        allowed.map(Self).ok_or_else(|| BadSetting::Form("TOPICS".to_owned()))
    }
}

/// Topics of SNS.
pub struct SnsTopics {
    client: Lazily<Client>,
    allowed: AllowedTopics,
}

impl SnsTopics {
    /// Publishes to what is allowed.
    pub(crate) fn new(client: Lazily<Client>, allowed: AllowedTopics) -> Self {
        Self { client, allowed }
    }
}

fn port(error: impl std::error::Error + Send + Sync + 'static) -> TopicError {
    PortError::new("topics", error).into()
}

#[async_trait]
impl Topics for SnsTopics {
    fn check(&self, tenant: &TenantId, topic: &str) -> Result<(), TopicError> {
        match self.allowed.0.contains(&(tenant.clone(), topic.to_owned())) {
            true => Ok(()),
            false => Err(TopicError::NotAllowed { reason: "the operator has not allowed it to this tenant" }),
        }
    }

    async fn publish(&self, tenant: &TenantId, message: TopicMessage) -> Result<String, TopicError> {
        self.check(tenant, &message.topic)?;
        if message.body.len() > BODY_BYTES_MAX {
            return Err(port(MessageError::TooLong(message.body.len())));
        }
        let mut request = self.client.publish().topic_arn(&message.topic).message(message.body);
        for (name, value) in message.attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            request =
                request.message_attributes(name, value.map_err(|it| port(MessageError::Attribute(it)))?);
        }
        // Topics that keep an order keep it by tenant, and drop what comes twice within five minutes.
        if message.topic.ends_with(".fifo") {
            request = request.message_group_id(tenant.to_string()).message_deduplication_id(message.id);
        }
        match request.send().await {
            Ok(answer) => answer.message_id.ok_or_else(|| port(MessageError::Incomplete)),
            Err(SdkError::ServiceError(answer)) => Err(TopicError::Refused {
                status: answer.raw().status().as_u16(),
                code: answer.err().code().unwrap_or("?").to_owned(),
            }),
            Err(error) => Err(port(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "ten_00000000000000000000000000000001";
    const TOPIC: &str = "arn:aws:sns:eu-west-1:000000000000:alerts";

    #[test]
    fn a_topic_is_allowed_to_one_tenant() {
        let allowed = AllowedTopics::parse(&format!("{TENANT}={TOPIC}, ")).expect("a list");
        let tenant: TenantId = TENANT.parse().expect("a tenant");
        assert_eq!(allowed.0, BTreeSet::from([(tenant, TOPIC.to_owned())]));
        assert_eq!(AllowedTopics::parse(""), Ok(AllowedTopics::default()));
    }

    #[test]
    fn what_names_no_tenant_or_no_topic_stops_the_start() {
        for bad in [
            TOPIC.to_owned(),
            TENANT.to_owned(),
            format!("{TENANT}="),
            format!("*={TOPIC}"),
            format!("{TENANT}=arn:aws:sns:eu-west-1:000000000000:*"),
            format!("{TENANT}=arn:aws:sqs:eu-west-1:000000000000:alerts"),
            format!("{TENANT}=arn:aws:sns:eu-west-1::alerts"),
            format!("{TENANT}={TOPIC}:subscription"),
        ] {
            let refused = AllowedTopics::parse(&bad).expect_err("it is not a list");
            assert_eq!(refused, BadSetting::Form("TOPICS".to_owned()), "{bad}");
        }
    }
}
