//! One connection for all adapters of a function.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_types::SdkConfig;
use scorpius_core::{Blobs, Bus, Clock, Keys, Mail, Store, SystemClock, Topics};
use scorpius_edge::Limiter;
use scorpius_edge::limit::Defaults;

use crate::blobs::S3Blobs;
use crate::bus::{AwsBus, QueueUrls};
use crate::calls::Recorder;
use crate::http;
use crate::keys::KmsKeys;
use crate::lambda::SqsQueue;
use crate::mail::SesMail;
use crate::settings::{
    BadSetting, dead_letter_setting, parsed, queue_of_setting, queue_setting, setting, setting_if_any,
};
use crate::store::{DynamoStore, Tables};
use crate::topics::{AllowedTopics, SnsTopics};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one attempt of a call may take; DynamoDB's own limit on a transaction is shorter.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that is made when it is first asked for: making one reads a table of all regions, and a first request seldom
/// needs each client that its function may need.
pub(crate) type Lazily<C> = LazyLock<C, Box<dyn FnOnce() -> C + Send>>;

/// Settings, credentials and one HTTP client; each adapter is made from it once, at the start.
pub struct Aws {
    config: SdkConfig,
    /// One for all stores.
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    clock: Arc<dyn Clock>,
    recorder: Option<SharedInterceptor>,
}

impl Aws {
    /// Reads region, credentials and `AWS_ENDPOINT_URL` from the environment, where Lambda puts them. Nothing is
    /// sent yet.
    ///
    /// The other places that AWS's programs look at, such as profiles and metadata services, are left out: in
    /// Lambda there is nothing in them, and reading them would cost each function a megabyte.
    ///
    /// # Errors
    /// When a setting is missing.
    pub fn connect() -> Result<Self, BadSetting> {
        let credentials = Credentials::new(
            setting("AWS_ACCESS_KEY_ID")?,
            setting("AWS_SECRET_ACCESS_KEY")?,
            setting_if_any("AWS_SESSION_TOKEN")?,
            // Lambda ends a sandbox before they end.
            None,
            "environment",
        );
        let region = Region::new(setting("AWS_REGION")?);
        let endpoint = setting_if_any("AWS_ENDPOINT_URL")?;
        Ok(Self {
            config: config(region, credentials, endpoint),
            dynamodb: OnceLock::new(),
            clock: Arc::new(SystemClock),
            recorder: Recorder::of_settings().map(SharedInterceptor::new),
        })
    }

    /// An emulator at `endpoint`, which takes any credentials.
    #[must_use]
    pub fn emulated(endpoint: &str, clock: Arc<dyn Clock>) -> Self {
        let credentials = Credentials::new("emulator", "emulator", None, None, "emulator");
        let config = config(Region::from_static("eu-west-1"), credentials, Some(endpoint.to_owned()));
        Self { config, dynamodb: OnceLock::new(), clock, recorder: None }
    }

    /// Adds a line for each call to the file at `path`, as `SCORPIUS_RECORD_CALLS` does.
    #[must_use]
    pub fn recording_to(self, path: PathBuf) -> Self {
        let recorder = Some(SharedInterceptor::new(Recorder::to_file(path)));
        Self { recorder, dynamodb: OnceLock::new(), ..self }
    }

    /// Time and randomness.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The store on the tables of the settings.
    ///
    /// # Errors
    /// When a setting is missing.
    pub fn store(&self) -> Result<Arc<dyn Store>, BadSetting> {
        let tables = Tables {
            records: setting("TABLE_RECORDS")?,
            outbox: setting("TABLE_OUTBOX")?,
            counters: setting("TABLE_COUNTERS")?,
        };
        Ok(Arc::new(self.store_on(tables)))
    }

    /// Counts requests on the tables of the settings, under the limits of the settings.
    ///
    /// # Errors
    /// When a setting is missing or malformed.
    pub fn limiter(&self) -> Result<Limiter, BadSetting> {
        let address_minute: u32 = parsed("LIMIT_ADDRESS_MINUTE")?;
        let defaults =
            Defaults { tier: parsed("LIMIT_TIER")?, address_minute: NonZeroU32::new(address_minute) };
        Ok(Limiter::new(self.store()?, self.clock(), defaults))
    }

    /// The store on `tables`.
    #[must_use]
    pub fn store_on(&self, tables: Tables) -> DynamoStore {
        DynamoStore::new(self.dynamodb(), tables, self.clock())
    }

    /// A client that never tries again by itself, as `DynamoStore` needs.
    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let made = self.dynamodb.get_or_init(|| {
            let config = aws_sdk_dynamodb::config::Builder::from(&self.config);
            let mut config = config.retry_config(RetryConfig::disabled());
            config.set_interceptors(self.recorder.clone());
            aws_sdk_dynamodb::Client::from_conf(config.build())
        });
        made.clone()
    }

    /// Makes `tables` on an emulator.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn create_tables(&self, tables: &Tables) -> Result<(), scorpius_core::PortError> {
        tables.create(&self.dynamodb()).await
    }

    /// The blobs in the bucket of the settings.
    ///
    /// # Errors
    /// When the setting is missing.
    pub fn blobs(&self) -> Result<Arc<dyn Blobs>, BadSetting> {
        Ok(Arc::new(self.blobs_in(setting("BUCKET")?)))
    }

    /// The bucket of the ledger's anchors.
    ///
    /// # Errors
    /// When the setting is missing.
    pub fn anchors(&self) -> Result<Arc<dyn Blobs>, BadSetting> {
        Ok(Arc::new(self.blobs_in(setting("ANCHORS")?)))
    }

    /// The blobs in `bucket`.
    #[must_use]
    pub fn blobs_in(&self, bucket: String) -> S3Blobs {
        S3Blobs::new(self.s3(), bucket)
    }

    /// The keys of the settings.
    ///
    /// # Errors
    /// When a setting is missing.
    pub fn keys(&self) -> Result<Arc<dyn Keys>, BadSetting> {
        let (token, ledger, wrap) = (setting("KEY_TOKEN")?, setting("KEY_LEDGER")?, setting("KEY_WRAP")?);
        // `KEY_TOKEN_ALSO`, ids with commas between: set while a rotation is under way, and absent otherwise.
        let also = setting_if_any("KEY_TOKEN_ALSO")?.unwrap_or_default();
        let also = also.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned);
        Ok(Arc::new(self.keys_named(token, ledger, wrap).also_token(also)))
    }

    /// The KMS keys with these ids or ARNs.
    #[must_use]
    pub fn keys_named(&self, token: String, ledger: String, wrap: String) -> KmsKeys {
        KmsKeys::new(self.kms(), token, ledger, wrap)
    }

    /// The topics that the settings allow; none where they name none.
    ///
    /// # Errors
    /// When the setting is not of its form.
    pub fn topics(&self) -> Result<Arc<dyn Topics>, BadSetting> {
        let allowed = AllowedTopics::parse(&setting_if_any("TOPICS")?.unwrap_or_default())?;
        Ok(Arc::new(self.topics_allowed(allowed)))
    }

    /// The topics that are allowed.
    #[must_use]
    pub fn topics_allowed(&self, allowed: AllowedTopics) -> SnsTopics {
        SnsTopics::new(self.sns(), allowed)
    }

    /// The way out of the outbox: the event bus, and the ledger's queue.
    ///
    /// # Errors
    /// When a setting is missing.
    pub fn bus(&self) -> Result<Arc<dyn Bus>, BadSetting> {
        let audit = QueueUrls { live: setting(&queue_setting("audit"))?, dead: None };
        Ok(Arc::new(self.bus_of(Some(setting("BUS")?), [("audit".to_owned(), audit)])))
    }

    /// Every queue that the settings name, with its dead letters; nothing can be published.
    ///
    /// # Errors
    /// When a queue's dead letters are not set.
    pub fn queues(&self) -> Result<Arc<dyn Bus>, BadSetting> {
        let names = std::env::vars_os().filter_map(|(name, _)| queue_of_setting(name.to_str()?));
        let queues = names
            .map(|queue| {
                let live = setting(&queue_setting(&queue))?;
                let dead = Some(setting(&dead_letter_setting(&queue))?);
                Ok((queue, QueueUrls { live, dead }))
            })
            .collect::<Result<Vec<_>, BadSetting>>()?;
        Ok(Arc::new(self.bus_of(None, queues)))
    }

    /// A bus of these parts.
    #[must_use]
    pub fn bus_of(
        &self,
        bus: Option<String>,
        queues: impl IntoIterator<Item = (String, QueueUrls)>,
    ) -> AwsBus {
        AwsBus::new(self.events(), self.sqs(), bus, queues.into_iter().collect(), self.clock())
    }

    /// The carrier of letters.
    ///
    /// # Errors
    /// When the setting is missing.
    pub fn mail(&self) -> Result<Arc<dyn Mail>, BadSetting> {
        Ok(Arc::new(self.mail_from(setting("MAIL_FROM")?)))
    }

    /// Letters from the address `from`.
    #[must_use]
    pub fn mail_from(&self, from: String) -> SesMail {
        let client = self.lazily(|config, recorder| {
            let mut config = aws_sdk_sesv2::config::Builder::from(config);
            config.set_interceptors(recorder);
            aws_sdk_sesv2::Client::from_conf(config.build())
        });
        SesMail::new(client, from)
    }

    /// The queue that `function` consumes.
    ///
    /// # Errors
    /// When a setting is missing.
    pub fn queue(&self, function: &'static str, queue: &str) -> Result<SqsQueue, BadSetting> {
        let urls = QueueUrls {
            live: setting(&queue_setting(queue))?,
            dead: Some(setting(&dead_letter_setting(queue))?),
        };
        Ok(self.queue_at(function, urls))
    }

    /// The queue at `urls`, consumed by `function`.
    #[must_use]
    pub fn queue_at(&self, function: &'static str, urls: QueueUrls) -> SqsQueue {
        SqsQueue::new(self.sqs(), function, urls)
    }

    pub(crate) fn sqs(&self) -> Lazily<aws_sdk_sqs::Client> {
        self.lazily(|config, recorder| {
            let mut config = aws_sdk_sqs::config::Builder::from(config);
            config.set_interceptors(recorder);
            aws_sdk_sqs::Client::from_conf(config.build())
        })
    }

    pub(crate) fn kms(&self) -> Lazily<aws_sdk_kms::Client> {
        self.lazily(|config, recorder| {
            let mut config = aws_sdk_kms::config::Builder::from(config);
            config.set_interceptors(recorder);
            aws_sdk_kms::Client::from_conf(config.build())
        })
    }

    pub(crate) fn events(&self) -> Lazily<aws_sdk_eventbridge::Client> {
        self.lazily(|config, recorder| {
            let mut config = aws_sdk_eventbridge::config::Builder::from(config);
            config.set_interceptors(recorder);
            aws_sdk_eventbridge::Client::from_conf(config.build())
        })
    }

    /// A client that asks once: deliveries have a ladder of their own.
    pub(crate) fn sns(&self) -> Lazily<aws_sdk_sns::Client> {
        self.lazily(|config, recorder| {
            let config = aws_sdk_sns::config::Builder::from(config);
            let mut config = config.retry_config(RetryConfig::disabled());
            config.set_interceptors(recorder);
            aws_sdk_sns::Client::from_conf(config.build())
        })
    }

    pub(crate) fn s3(&self) -> Lazily<aws_sdk_s3::Client> {
        self.lazily(|config, recorder| {
            // Emulators answer under one host name.
            let path_style = config.endpoint_url().is_some();
            let mut config = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style);
            config.set_interceptors(recorder);
            aws_sdk_s3::Client::from_conf(config.build())
        })
    }

    fn lazily<C: 'static>(&self, make: fn(&SdkConfig, Option<SharedInterceptor>) -> C) -> Lazily<C> {
        let (config, recorder) = (self.config.clone(), self.recorder.clone());
        LazyLock::new(Box::new(move || make(&config, recorder)))
    }
}

/// What all clients share.
fn config(region: Region, credentials: Credentials, endpoint: Option<String>) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http::client())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard())
        .region(region)
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    config.set_endpoint_url(endpoint);
    config.build()
}
