//! The three tables.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TimeToLiveSpecification,
};
use scorpius_core::PortError;

use super::item::{PARTITION, SORT, TTL};

/// Names of the three tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Everything but the two below.
    pub records: String,
    /// Partitions `outbox#…`; its stream starts the relay.
    pub outbox: String,
    /// Partitions `counter#…`; not backed up.
    pub counters: String,
}

impl Tables {
    /// `<prefix>-records` and so on.
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        Self {
            records: format!("{prefix}-records"),
            outbox: format!("{prefix}-outbox"),
            counters: format!("{prefix}-counters"),
        }
    }

    /// The table that holds `partition`.
    pub(super) fn of(&self, partition: &str) -> &str {
        match partition {
            _ if partition.starts_with("outbox#") => &self.outbox,
            _ if partition.starts_with("counter#") => &self.counters,
            _ => &self.records,
        }
    }

    /// Makes the tables as Terraform does, for an emulator.
    ///
    /// # Errors
    /// When the emulator refuses.
    pub async fn create(&self, client: &Client) -> Result<(), PortError> {
        for table in [&self.records, &self.outbox, &self.counters] {
            self.create_one(client, table).await?;
        }
        Ok(())
    }

    async fn create_one(&self, client: &Client, table: &str) -> Result<(), PortError> {
        let attribute = |name: &str| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
        };
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let stream = (table == self.outbox).then(|| {
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewImage)
                .build()
        });
        client
            .create_table()
            .table_name(table)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute(PARTITION).map_err(port)?)
            .attribute_definitions(attribute(SORT).map_err(port)?)
            .key_schema(key(PARTITION, KeyType::Hash).map_err(port)?)
            .key_schema(key(SORT, KeyType::Range).map_err(port)?)
            .set_stream_specification(stream.transpose().map_err(port)?)
            .send()
            .await
            .map_err(port)?;
        let ttl =
            TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL).build().map_err(port)?;
        client
            .update_time_to_live()
            .table_name(table)
            .time_to_live_specification(ttl)
            .send()
            .await
            .map_err(port)?;
        Ok(())
    }
}

fn port(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::new("store", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_s_prefix_chooses_its_table() {
        let tables = Tables::with_prefix("t");
        assert_eq!(tables.of("outbox#3"), "t-outbox");
        assert_eq!(tables.of("counter#rate"), "t-counters");
        assert_eq!(tables.of("outbox"), "t-records");
        assert_eq!(tables.of("ten_1#counter#"), "t-records");
    }
}
