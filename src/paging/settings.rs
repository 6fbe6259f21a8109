//! Where pages may go besides people's mail: the destinations of the site, from a file of their own.

use serde::Deserialize;

use super::message::{PageRenderer, TemplateFault};
use super::signed::SECRET_BYTES;
use crate::domain::escalation::is_destination;

/// The words of a destination's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Template {
    /// Everything, as plain JSON.
    Generic,
    /// As the Events API v2 of on-call services takes it.
    EventsV2,
    /// As alert APIs with `message`, `alias` and `priority` take it.
    Alerts,
    /// As incoming webhooks of chats take it: one member `text`.
    Chat,
    /// A file of the site's.
    Custom,
}

/// A destination as the file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationEntry {
    /// Its name, as policies write it after `webhook:`.
    pub name: String,
    /// Where to.
    pub url: String,
    /// A file with the secret that signs, which only its owner may read.
    pub secret_file: String,
    /// The words.
    pub template: Template,
    /// The file of the template `custom`.
    #[serde(default)]
    pub template_file: String,
    /// The key that the service wants inside the message, such as a routing key; a file with it.
    #[serde(default)]
    pub service_key_file: String,
    /// Whether `http://` and addresses of private networks may be called.
    #[serde(default)]
    pub allow_private: bool,
    /// Authorities to trust instead of the system's, PEM.
    #[serde(default)]
    pub ca_file: String,
    /// Seconds that a call may take.
    #[serde(default = "seconds")]
    pub timeout_seconds: u32,
}

fn seconds() -> u32 {
    10
}

/// A destination, ready for use.
#[derive(Clone)]
pub struct Destination {
    /// Its name.
    pub name: String,
    /// Where to.
    pub url: String,
    /// Signs what is sent, checks what is replied.
    pub secret: Vec<u8>,
    /// Goes into the message where its template names it.
    pub service_key: String,
    /// The words.
    pub template: Template,
    /// Whether `http://` and private addresses may be called.
    pub allow_private: bool,
    /// Authorities, PEM; none: the system's.
    pub authorities: Option<Vec<u8>>,
    /// Seconds that a call may take.
    pub timeout_seconds: u32,
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Destination").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Everything that paging needs of the site.
#[derive(Debug)]
pub struct PagingSettings {
    /// Origin that links begin with.
    pub origin: String,
    /// Sender of pages by mail; none: nobody is paged by mail.
    pub from: Option<String>,
    /// Right side of Message-IDs.
    pub domain: String,
    /// Destinations.
    pub destinations: Vec<Destination>,
    /// Their names.
    pub names: Vec<String>,
    /// The words.
    pub renderer: PageRenderer,
}

/// One thing that is wrong with the destinations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("destination `{name}`: {message}")]
pub struct DestinationFault {
    /// Which.
    pub name: String,
    /// What was expected.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    destinations: Vec<DestinationEntry>,
}

/// Reads the destinations' file; `secret` reads a secret's file, `file` any other.
pub fn destinations(
    text: &str,
    secret: &dyn Fn(&str) -> Result<String, String>,
    file: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(Vec<Destination>, PageRenderer), Vec<DestinationFault>> {
    let fault = |name: &str, message: String| DestinationFault { name: name.to_owned(), message };
    let parsed: File =
        toml::from_str(text).map_err(|error| vec![fault("file", error.message().to_owned())])?;
    let mut renderer =
        PageRenderer::load().map_err(|error| vec![fault("templates", error.to_string())])?;
    let (mut made, mut faults) = (Vec::<Destination>::new(), Vec::new());
    for entry in parsed.destinations {
        let name = entry.name.clone();
        if made.iter().any(|one| one.name == name) {
            faults.push(fault(&name, "stands here a second time; each may stand once".to_owned()));
        }
        match destination(entry, (secret, file), &mut renderer) {
            Ok(destination) => made.push(destination),
            Err(messages) => faults.extend(messages.into_iter().map(|m| fault(&name, m))),
        }
    }
    if faults.is_empty() { Ok((made, renderer)) } else { Err(faults) }
}

type Read<'a> = &'a dyn Fn(&str) -> Result<String, String>;

fn destination(
    entry: DestinationEntry,
    (secret, file): (Read<'_>, Read<'_>),
    renderer: &mut PageRenderer,
) -> Result<Destination, Vec<String>> {
    let mut faults = Vec::new();
    if !is_destination(&entry.name) {
        faults.push("a name has small letters, digits and hyphens".to_owned());
    }
    let is_https = entry.url.starts_with("https://");
    let may_be_clear = entry.allow_private && entry.url.starts_with("http://");
    if !is_https && !may_be_clear {
        faults.push(
            "`url` begins with `https://`; `http://` needs `allow_private = true`".to_owned(),
        );
    }
    if !(1..=60).contains(&entry.timeout_seconds) {
        faults.push("`timeout_seconds` lies between 1 and 60".to_owned());
    }
    let mut read = |what: &str, path: &str, by: Read<'_>| match by(path) {
        Ok(text) => text.trim().to_owned(),
        Err(message) => {
            faults.push(format!("`{what}` {message}"));
            String::new()
        }
    };
    let key = read("secret_file", &entry.secret_file, secret);
    let optional = |path: &String| (!path.is_empty()).then(|| path.clone());
    let service_key = optional(&entry.service_key_file)
        .map(|path| read("service_key_file", &path, secret))
        .unwrap_or_default();
    let authorities =
        optional(&entry.ca_file).map(|path| read("ca_file", &path, file).into_bytes());
    let custom = optional(&entry.template_file).map(|path| read("template_file", &path, file));
    if faults.is_empty() && key.len() < SECRET_BYTES {
        faults.push(format!(
            "the secret has at least {SECRET_BYTES} characters; `openssl rand -hex 32` makes one"
        ));
    }
    if (entry.template == Template::Custom) != custom.is_some() {
        faults
            .push("`template_file` goes with `template = \"custom\"`, and only with it".to_owned());
    }
    if let Some(text) = &custom
        && faults.is_empty()
        && let Err(error) = renderer.add(&entry.name, text)
    {
        let TemplateFault { message, .. } = error;
        faults.push(format!("`template_file`: {message}"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Destination {
        name: entry.name,
        url: entry.url,
        secret: key.into_bytes(),
        service_key,
        template: entry.template,
        allow_private: entry.allow_private,
        authorities,
        timeout_seconds: entry.timeout_seconds,
    })
}

impl PagingSettings {
    /// The destination of this name.
    pub fn destination(&self, name: &str) -> Option<&Destination> {
        self.destinations.iter().find(|one| one.name == name)
    }

    /// Settings without destinations.
    pub fn plain(origin: &str, from: Option<String>, domain: &str) -> Result<Self, TemplateFault> {
        Ok(Self::new((origin, from, domain), (Vec::new(), PageRenderer::load()?)))
    }

    /// Settings with destinations, as [`destinations`] reads them.
    pub fn new(
        (origin, from, domain): (&str, Option<String>, &str),
        (destinations, renderer): (Vec<Destination>, PageRenderer),
    ) -> Self {
        Self {
            origin: origin.trim_end_matches('/').to_owned(),
            from,
            domain: domain.to_owned(),
            names: destinations.iter().map(|one| one.name.clone()).collect(),
            destinations,
            renderer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Destination>, Vec<String>> {
        let files = |path: &str| match path {
            "/run/secret" => Ok("0123456789abcdef0123456789abcdef\n".to_owned()),
            "/run/short" => Ok("short".to_owned()),
            "/own.json" => Ok(r#"{ "short": "{{ summary }}" }"#.to_owned()),
            "/broken.json" => Ok(r#"{ "short": {{ summary }} }"#.to_owned()),
            "/names.json" => Ok(r#"{ "short": "{{ narrative }}" }"#.to_owned()),
            _ => Err(format!("names `{path}`, which cannot be read")),
        };
        destinations(text, &files, &files)
            .map(|(made, _)| made)
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    const GOOD: &str = "[[destinations]]\nname = \"duty-desk\"\nurl = \"https://pages.example.gov/v2\"\n\
                        secret_file = \"/run/secret\"\ntemplate = \"events-v2\"\n";

    #[test]
    fn a_destination_has_a_secret_an_encrypted_way_and_known_words() {
        let made = read(GOOD).unwrap();
        assert_eq!(made[0].secret.len(), 32);
        assert!(!format!("{made:?}").contains("0123"));
        assert_eq!(read("").unwrap().len(), 0);
        for (from, to, told) in [
            ("https://", "http://", "`https://`"),
            ("/run/secret", "/run/short", "at least 32"),
            ("/run/secret", "/gone", "cannot be read"),
            ("duty-desk", "Duty Desk", "small letters"),
            ("events-v2", "custom", "`template_file`"),
            ("events-v2", "pigeon", "unknown variant"),
        ] {
            let faults = read(&GOOD.replace(from, to)).unwrap_err().join("\n");
            assert!(faults.contains(told), "{faults}");
        }
        assert!(read(&format!("{GOOD}{GOOD}")).unwrap_err()[0].contains("a second time"));
        let local = GOOD.replace("https://", "http://") + "allow_private = true\n";
        assert!(read(&local).is_ok());
    }

    #[test]
    fn a_template_of_the_sites_own_is_tried_before_it_is_used() {
        let with = |file: &str| {
            read(&format!("{}template_file = \"{file}\"\n", GOOD.replace("events-v2", "custom")))
        };
        assert!(with("/own.json").is_ok());
        for broken in ["/broken.json", "/names.json", "/gone.json"] {
            assert!(with(broken).is_err(), "{broken}");
        }
    }
}
