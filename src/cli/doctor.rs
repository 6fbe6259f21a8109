//! `leadbroker doctor`: what is well in this installation, and how to mend what is not. It changes nothing.

mod certificates;
mod machine;
mod neighbours;

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::config_command::loaded;
use super::{Output, exit};
use crate::app;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, Loaded};
use crate::mail::smime::SigningIdentity;
use crate::vault::{MasterKey, SigningKey};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
enum State {
    /// As it should be.
    Ok,
    /// It works; look at it soon.
    Warn,
    /// It does not work.
    Fail,
}

/// One line of the doctor's.
#[derive(Debug, Serialize)]
struct Line {
    check: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What to do.
    hint: String,
}

impl Line {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Ok, found: found.into(), hint: String::new() }
    }

    fn warn(check: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, state: State::Warn, found: found.into(), hint: hint.into() }
    }

    fn fail(check: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, state: State::Fail, found: found.into(), hint: hint.into() }
    }
}

/// Runs the command.
pub(super) async fn run(file: Option<&Path>, output: &mut Output) -> anyhow::Result<u8> {
    let loaded = loaded(file)?;
    let config = &loaded.config;
    let mut lines =
        vec![Line::ok("configuration", format!("{} settings are set", loaded.origins.len()))];
    lines.extend(file.and_then(|file| config_file(&loaded, file)));
    lines.extend(keys(config));
    lines.push(policies(config));
    lines.push(machine::clock());
    lines.extend(machine::disks(config));
    lines.extend(neighbours::database(config).await);
    lines.extend(certificates::of_recipients(config).await);
    lines.extend(neighbours::policy_set(config).await);
    lines.extend(neighbours::reviews(config).await);
    lines.push(neighbours::images(config).await);
    lines.extend(neighbours::mail(config).await);
    lines.extend(neighbours::broker(config).await);
    let failed = lines.iter().any(|line| line.state == State::Fail);
    if output.is_json() {
        output.value(&json!({ "well": !failed, "checks": lines }));
    } else {
        let rows: Vec<Vec<String>> = lines
            .into_iter()
            .map(|line| {
                let state: &'static str = line.state.into();
                vec![state.to_owned(), line.check.to_owned(), line.found, line.hint]
            })
            .collect();
        output.table(&["", "check", "found", "what to do"], &rows);
    }
    Ok(if failed { exit::FAILURE } else { exit::OK })
}

/// A configuration file that holds secrets itself must be the owner's alone.
fn config_file(loaded: &Loaded, file: &Path) -> Option<Line> {
    let mode = machine::mode(file)?;
    let name = file.display().to_string();
    let Config { vault, audit, mail, .. } = &loaded.config;
    let inline = [
        ("vault.master_key", &vault.master_key),
        ("vault.s3_secret_key", &vault.s3_secret_key),
        ("audit.signing_key", &audit.signing_key),
        ("mail.key", &mail.key),
        ("mail.password", &mail.password),
    ];
    // A `…_file` key has the same origin; only the text itself can tell.
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let holds = inline.iter().any(|(_, secret)| {
        secret.expose().lines().next().is_some_and(|line| !line.is_empty() && text.contains(line))
    });
    (holds && mode & 0o077 != 0).then(|| {
        Line::fail(
            "configuration",
            format!("`{name}` holds secrets and others may read it"),
            format!("run `chmod 600 {name}`, or move the secrets to files of their own (`…_file`)"),
        )
    })
}

/// Files that others may read were refused when the configuration was loaded.
fn keys(config: &Config) -> Vec<Line> {
    let mut lines = vec![match MasterKey::from_hex(config.vault.master_key.expose()) {
        Ok(_) => Line::ok("master key", "it is whole"),
        Err(error) => Line::fail(
            "master key",
            error.to_string(),
            "`leadbroker keys generate --dir DIR`, then set `vault.master_key_file`; bring the old one back if there is data",
        ),
    }];
    let signing = SigningKey::from_pem(config.audit.signing_key.expose().as_bytes())
        .and_then(|key| key.public_bytes());
    lines.push(match signing {
        Ok(public) => Line::ok("signing key", format!("its public key is {}", hex::encode(public))),
        Err(error) => Line::fail(
            "signing key",
            error.to_string(),
            "`leadbroker keys generate --dir DIR`, then set `audit.signing_key_file`",
        ),
    });
    let identity = std::fs::read(&config.mail.certificate_file)
        .map_err(|error| format!("`mail.certificate_file` cannot be read: {}", error.kind()))
        .and_then(|certificate| {
            SigningIdentity::from_pem(&certificate, config.mail.key.expose().as_bytes())
                .map(|_| certificate)
                .map_err(|error| error.to_string())
        });
    lines.push(match identity {
        Ok(certificate) => certificates::of_answers(&certificate, SystemClock.now()),
        Err(error) => Line::fail(
            "answers' certificate",
            error,
            "set `mail.certificate_file` and `mail.key_file` to the unit's S/MIME certificate and its key",
        ),
    });
    lines
}

fn policies(config: &Config) -> Line {
    match app::policies(config, &SystemClock) {
        Ok(set) => {
            let packs: Vec<&str> = set.packs().map(|pack| pack.in_force().pack.as_str()).collect();
            Line::ok("policy packs", format!("sound: {}", packs.join(", ")))
        }
        Err(error) => {
            Line::fail("policy packs", error.to_string(), "run `leadbroker policy check DIR`")
        }
    }
}
