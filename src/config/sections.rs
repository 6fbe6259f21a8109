//! The sections of the configuration, with their defaults.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::key::{Key, Typed};

/// A secret: it is never shown.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { "(secret)" })
    }
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $(#[doc = $field_doc:literal] $field:ident: $kind:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $(#[doc = $field_doc] pub $field: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// Its settings.
            pub const KEYS: &'static [Key] = &[$(Key {
                name: stringify!($field),
                kind: <$kind as Typed>::KIND,
                meaning: $field_doc,
            },)*];
        }
    };
}

/// What this installation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Environment {
    /// Real cases.
    Production,
    /// Invented cases only.
    Demo,
    /// Tests.
    Test,
}

/// How messages travel between stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Transport {
    /// The database itself is the queue.
    Embedded,
    /// RabbitMQ.
    Amqp,
}

/// How answers leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MailTransport {
    /// Files in a folder (not in production).
    File,
    /// A mail server.
    Smtp,
}

/// How the connection to the mail server is encrypted. There is no third way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MailTls {
    /// STARTTLS.
    Starttls,
    /// TLS from the first byte.
    Implicit,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For reading in a terminal.
    Text,
}

section! {
    /// The HTTP server.
    Server {
        #[doc = "Address and port. Not a loopback address only behind a TLS proxy."]
        listen: String = "127.0.0.1:8400".to_owned(),
        #[doc = "Origin that clients see."]
        public_origin: String = "http://127.0.0.1:8400".to_owned(),
        #[doc = "Whether a proxy in front ends TLS."]
        behind_tls_proxy: bool = false,
        #[doc = "Connections at once."]
        max_connections: u32 = 1000,
        #[doc = "Seconds to finish work after SIGTERM."]
        shutdown_seconds: u32 = 30,
        #[doc = "Milliseconds that a receipt waits for the check; 0: it does not wait."]
        check_wait_ms: u32 = 5000,
    }
}

section! {
    /// The database.
    Database {
        #[doc = "`sqlite:leadbroker.db` or `postgres://user:password@host/name`."]
        url: Secret = Secret::new("sqlite:leadbroker.db"),
        #[doc = "Connections for reading."]
        readers: u32 = 8,
    }
}

section! {
    /// Messages between stages.
    Messaging {
        #[doc = "`embedded` or `amqp`."]
        transport: Transport = Transport::Embedded,
        #[doc = "The broker's URL, for `amqp`."]
        url: Secret = Secret::default(),
        #[doc = "Authorities to trust with `amqps` instead of the system's, PEM."]
        ca_file: String = String::new(),
        #[doc = "Deliveries that the broker hands over at once."]
        prefetch: u16 = 200,
    }
}

section! {
    /// Sealed records and images.
    VaultSection {
        #[doc = "`file:FOLDER` or `s3://BUCKET`."]
        images: String = "file:images".to_owned(),
        #[doc = "Endpoint of the S3-compatible store."]
        s3_endpoint: String = String::new(),
        #[doc = "Its region."]
        s3_region: String = "us-east-1".to_owned(),
        #[doc = "Access key's id."]
        s3_access_key: String = String::new(),
        #[doc = "Secret key."]
        s3_secret_key: Secret = Secret::default(),
        #[doc = "Master key: 64 hexadecimal digits (`leadbroker keys generate`)."]
        master_key: Secret = Secret::default(),
    }
}

section! {
    /// The audit log.
    Audit {
        #[doc = "Name of the log, in every checkpoint."]
        origin: String = "leadbroker.example.gov".to_owned(),
        #[doc = "Ed25519 key in PEM that signs checkpoints and releases."]
        signing_key: Secret = Secret::default(),
        #[doc = "Seconds between checkpoints."]
        checkpoint_seconds: u32 = 60,
    }
}

section! {
    /// Answers by mail.
    Mail {
        #[doc = "`smtp` or `file` (not in production)."]
        transport: MailTransport = MailTransport::File,
        #[doc = "Folder for `file`."]
        directory: String = "mail".to_owned(),
        #[doc = "Mail server."]
        host: String = String::new(),
        #[doc = "Its port."]
        port: u16 = 587,
        #[doc = "`starttls` or `implicit`. There is no send without verified TLS."]
        tls: MailTls = MailTls::Starttls,
        #[doc = "Authorities to trust instead of the system's, PEM."]
        ca_file: String = String::new(),
        #[doc = "Name in the server's certificate; the host if empty."]
        server_name: String = String::new(),
        #[doc = "Name to greet with."]
        hello_name: String = "leadbroker.example.gov".to_owned(),
        #[doc = "User at the mail server, if it wants one."]
        username: String = String::new(),
        #[doc = "Its password."]
        password: Secret = Secret::default(),
        #[doc = "Connections at once."]
        connections: u16 = 8,
        #[doc = "Sender of answers."]
        from: String = String::new(),
        #[doc = "Right side of Message-IDs."]
        domain: String = "leadbroker.example.gov".to_owned(),
        #[doc = "Certificate that signs answers, with its chain, PEM."]
        certificate_file: String = String::new(),
        #[doc = "Its private key, PEM."]
        key: Secret = Secret::default(),
        #[doc = "Seconds for each phase of the dialogue, at most 600; 0: those of RFC 5321."]
        deadline_seconds: u32 = 0,
    }
}

section! {
    /// Policy packs.
    Policy {
        #[doc = "Folder with packs; the built-in ones if empty."]
        directory: String = String::new(),
    }
}

section! {
    /// Limits of a form. They can be set below the contract's maxima.
    Limits {
        #[doc = "Images in a form."]
        images: u32 = 20,
        #[doc = "MiB of an image."]
        image_mib: u32 = 15,
        #[doc = "MiB of a form with its images."]
        form_mib: u32 = 60,
        #[doc = "Forms a second and agency."]
        forms_per_second: u32 = 50,
        #[doc = "Oldest signature, hours."]
        signature_max_age_hours: u32 = 72,
        #[doc = "Furthest signature in the future, minutes; 0: none."]
        signature_skew_minutes: u32 = 5,
        #[doc = "Letters of a situation; fewer is a hold."]
        situation_letters: u32 = 20,
        #[doc = "Letters of a reasonable suspicion; fewer is a hold."]
        suspicion_letters: u32 = 40,
    }
}

section! {
    /// Times of people's steps.
    Review {
        #[doc = "Minutes that a claim on a job holds."]
        lease_minutes: u32 = 60,
        #[doc = "Hours that a claim may hold in all, however often it is renewed."]
        lease_most_hours: u32 = 12,
        #[doc = "Minutes to take an offer, before the next reviewer is asked."]
        offer_minutes: u32 = 10,
        #[doc = "Hours to decide a hold or a release."]
        decision_hours: u32 = 24,
        #[doc = "Minutes to decide a hold or a release in the lane `threat`, before the next role has it."]
        threat_decision_minutes: u32 = 15,
        #[doc = "Hours from the receipt of an imminent threat to its call-back and its supervisor's confirmation."]
        emergency_hours: u32 = 24,
        #[doc = "Days that a request may wait for reviewers."]
        expiry_days: u32 = 30,
    }
}

section! {
    /// How long records are kept.
    Retention {
        #[doc = "Days that the record of an ended request is kept before an administrator may destroy it."]
        days: u32 = 1826,
    }
}

section! {
    /// Pages: who is told that a job waits. Whom, the registry says.
    Paging {
        #[doc = "Sender of pages by mail; `mail.from` if empty."]
        from: String = String::new(),
        #[doc = "File with `[[destinations]]` for pages by webhook; none if empty."]
        destinations: String = String::new(),
    }
}

section! {
    /// Log lines.
    Log {
        #[doc = "`error`, `warn`, `info`, `debug`, or a filter of tracing."]
        level: String = "info".to_owned(),
        #[doc = "`json` or `text`."]
        format: LogFormat = LogFormat::Json,
    }
}

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What this installation is for.
    pub environment: Environment,
    /// The HTTP server.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// Messages between stages.
    pub messaging: Messaging,
    /// Sealed records and images.
    pub vault: VaultSection,
    /// The audit log.
    pub audit: Audit,
    /// Answers by mail.
    pub mail: Mail,
    /// Policy packs.
    pub policy: Policy,
    /// Limits of a form.
    pub limits: Limits,
    /// Times of people's steps.
    pub review: Review,
    /// How long records are kept.
    pub retention: Retention,
    /// Pages.
    pub paging: Paging,
    /// Log lines.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environment: Environment::Production,
            server: Server::default(),
            database: Database::default(),
            messaging: Messaging::default(),
            vault: VaultSection::default(),
            audit: Audit::default(),
            mail: Mail::default(),
            policy: Policy::default(),
            limits: Limits::default(),
            review: Review::default(),
            retention: Retention::default(),
            paging: Paging::default(),
            log: Log::default(),
        }
    }
}

impl Config {
    /// The setting that stands in no section.
    pub const ENVIRONMENT: Key = Key {
        name: "environment",
        kind: Environment::KIND,
        meaning: "What this installation is for: real cases, or invented ones only.",
    };

    /// Every section with its keys, in the file's order.
    pub const SECTIONS: &'static [(&'static str, &'static [Key])] = &[
        ("server", Server::KEYS),
        ("database", Database::KEYS),
        ("messaging", Messaging::KEYS),
        ("vault", VaultSection::KEYS),
        ("audit", Audit::KEYS),
        ("mail", Mail::KEYS),
        ("policy", Policy::KEYS),
        ("limits", Limits::KEYS),
        ("review", Review::KEYS),
        ("retention", Retention::KEYS),
        ("paging", Paging::KEYS),
        ("log", Log::KEYS),
    ];

    /// Every setting: its full key (`section.name`) and what it is.
    pub fn settings() -> impl Iterator<Item = (String, Key)> {
        let inside = Self::SECTIONS.iter().flat_map(|(section, keys)| {
            keys.iter().map(move |key| (format!("{section}.{}", key.name), *key))
        });
        std::iter::once((Self::ENVIRONMENT.name.to_owned(), Self::ENVIRONMENT)).chain(inside)
    }
}
