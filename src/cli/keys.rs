//! `leadbroker keys`: what an installation keeps secret.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::args::KeysCommand;
use super::{Output, doors, exit};
use crate::id_source::{IdSource as _, SystemIds};
use crate::vault::SigningKey;

/// Runs the command.
pub(super) fn run(command: &KeysCommand, output: &mut Output) -> anyhow::Result<u8> {
    match command {
        KeysCommand::Generate { dir } => generate(dir, output),
        KeysCommand::Password => doors::password(output),
        KeysCommand::Totp { login, issuer } => doors::totp(login, issuer, output),
    }
}

fn generate(dir: &Path, output: &mut Output) -> anyhow::Result<u8> {
    std::fs::create_dir_all(dir).with_context(|| format!("make the folder `{}`", dir.display()))?;
    let (master_file, signing_file) = (dir.join("master.key"), dir.join("signing.pem"));
    for file in [&master_file, &signing_file] {
        if file.exists() {
            let message = format!(
                "`{}` exists; whatever it seals or signed is lost without it, so name another folder",
                file.display()
            );
            output.error("key_exists", &message);
            return Ok(exit::DATA);
        }
    }
    let mut master = [0; 32];
    SystemIds.fill(&mut master)?;
    let signing = SigningKey::generate()?;
    let public = hex::encode(signing.public_bytes()?);
    write_secret(&master_file, format!("{}\n", hex::encode(master)).as_bytes())?;
    write_secret(&signing_file, &signing.to_pem()?)?;
    if output.is_json() {
        output.value(&serde_json::json!({
            "master_key_file": master_file, "signing_key_file": signing_file, "public_key": public,
        }));
        return Ok(exit::OK);
    }
    output.line(&format!("master key:  {}", master_file.display()));
    output.line(&format!("signing key: {}", signing_file.display()));
    output.line(&format!("public key:  {public}"));
    output.line("");
    output.line(
        "name the files in the configuration (`vault.master_key_file`, `audit.signing_key_file`),",
    );
    output.line(
        "keep a copy of both where no fire reaches it, and give the public key to your auditors",
    );
    Ok(exit::OK)
}

/// Writes a new file that only its owner may read; never over an existing one.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let told = |error: std::io::Error| {
        let name = path.display();
        if error.kind() == ErrorKind::AlreadyExists {
            return anyhow::anyhow!(
                "write `{name}`: it exists; name another place, or move it away"
            );
        }
        anyhow::anyhow!("write `{name}`: {}", error.kind())
    };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(told)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(told)
}
