//! Resources as Terraform makes them on AWS, for emulators.

use std::collections::BTreeMap;
use std::error::Error;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use scorpius_core::PortError;
use serde_json::json;

use crate::bus::QueueUrls;
use crate::connect::Aws;

/// The emulator did not answer with what it was to make.
#[derive(Debug, thiserror::Error)]
#[error("no `{0}` in the answer")]
struct Incomplete(&'static str);

fn port(error: impl Error + Send + Sync + 'static) -> PortError {
    PortError::new("emulator", error)
}

fn given<T>(value: Option<T>, name: &'static str) -> Result<T, PortError> {
    value.ok_or_else(|| port(Incomplete(name)))
}

impl Aws {
    /// A bucket.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn make_bucket(&self, name: &str) -> Result<(), PortError> {
        let place = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::EuWest1)
            .build();
        let request = self.s3().create_bucket().bucket(name).create_bucket_configuration(place);
        request.send().await.map(drop).map_err(port)
    }

    /// Ids of a key for tokens, one for the ledger, and one that wraps.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn make_keys(&self) -> Result<[String; 3], PortError> {
        let kms = self.kms();
        let mut ids = Vec::new();
        for (spec, usage) in [
            (KeySpec::EccNistEdwards25519, KeyUsageType::SignVerify),
            (KeySpec::EccNistEdwards25519, KeyUsageType::SignVerify),
            (KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt),
        ] {
            let made = kms.create_key().key_spec(spec).key_usage(usage).send().await.map_err(port)?;
            ids.push(given(made.key_metadata, "KeyMetadata")?.key_id);
        }
        ids.try_into().map_err(|_| port(Incomplete("KeyId")))
    }

    /// A queue and its dead letters, after `receives_max` hand-outs.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn make_queue(&self, name: &str, receives_max: u32) -> Result<QueueUrls, PortError> {
        let sqs = self.sqs();
        let dead = sqs.create_queue().queue_name(format!("{name}-dead")).send().await.map_err(port)?;
        let dead = given(dead.queue_url, "QueueUrl")?;
        let policy =
            json!({"deadLetterTargetArn": self.queue_arn(&dead).await?, "maxReceiveCount": receives_max});
        let live = sqs
            .create_queue()
            .queue_name(name)
            .attributes(QueueAttributeName::RedrivePolicy, policy.to_string())
            .attributes(QueueAttributeName::VisibilityTimeout, "30")
            .send()
            .await
            .map_err(port)?;
        Ok(QueueUrls { live: given(live.queue_url, "QueueUrl")?, dead: Some(dead) })
    }

    async fn queue_arn(&self, url: &str) -> Result<String, PortError> {
        let name = QueueAttributeName::QueueArn;
        let request = self.sqs().get_queue_attributes().queue_url(url).attribute_names(name.clone());
        let mut attributes = request.send().await.map_err(port)?.attributes.unwrap_or_default();
        given(attributes.remove(&name), "QueueArn")
    }

    /// An event bus.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn make_bus(&self, name: &str) -> Result<(), PortError> {
        self.events().create_event_bus().name(name).send().await.map(drop).map_err(port)
    }

    /// Hands events of `bus` whose type begins with `prefix` to `queue`, each as it was published.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn subscribe(&self, bus: &str, prefix: &str, queue: &QueueUrls) -> Result<(), PortError> {
        let (events, rule) = (self.events(), "subscription");
        let pattern = json!({"detail-type": [{"prefix": prefix}]}).to_string();
        events.put_rule().event_bus_name(bus).name(rule).event_pattern(pattern).send().await.map_err(port)?;
        let target = Target::builder()
            .id("queue")
            .arn(self.queue_arn(&queue.live).await?)
            .input_path("$.detail")
            .build();
        let target = target.map_err(port)?;
        let request = events.put_targets().event_bus_name(bus).rule(rule).targets(target);
        request.send().await.map(drop).map_err(port)
    }

    /// A topic whose messages go to `queue` as they are; answers its ARN.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn make_topic(&self, name: &str, queue: &QueueUrls) -> Result<String, PortError> {
        let sns = self.sns();
        let made = sns.create_topic().name(name).send().await.map_err(port)?;
        let topic = given(made.topic_arn, "TopicArn")?;
        let request =
            sns.subscribe().topic_arn(&topic).protocol("sqs").attributes("RawMessageDelivery", "true");
        request.endpoint(self.queue_arn(&queue.live).await?).send().await.map_err(port)?;
        Ok(topic)
    }

    /// Takes up to 10 messages out of the queue at `url`, as Lambda does: the event for a function.
    /// A message stays hidden for 30 s; `forget` takes it out for good.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn hand_out(&self, url: &str) -> Result<serde_json::Value, PortError> {
        let request = self
            .sqs()
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .wait_time_seconds(1);
        let messages = request.send().await.map_err(port)?.messages.unwrap_or_default();
        let count = MessageSystemAttributeName::ApproximateReceiveCount;
        let record = |message: &Message| {
            let attributes = message.message_attributes.iter().flatten();
            let attributes: BTreeMap<_, _> =
                attributes.map(|(name, value)| (name, json!({"stringValue": value.string_value}))).collect();
            json!({
                "messageId": message.message_id,
                "receiptHandle": message.receipt_handle,
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": message.attributes.as_ref().and_then(|all| all.get(&count)),
                },
                "messageAttributes": attributes,
                "eventSource": "aws:sqs",
            })
        };
        Ok(json!({"Records": messages.iter().map(record).collect::<Vec<_>>()}))
    }

    /// Takes a message out for good.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn forget(&self, url: &str, receipt: &str) -> Result<(), PortError> {
        let request = self.sqs().delete_message().queue_url(url).receipt_handle(receipt);
        request.send().await.map(drop).map_err(port)
    }
}
