//! `leadbroker keys password` and `leadbroker keys totp`: what lets a person log in, made where nobody else sees it.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::Context as _;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::json;

use super::{Output, exit};
use crate::id_source::{IdSource as _, SystemIds};
use crate::registry::doors::{PASSWORD_CHARACTERS, otpauth, password_hash, totp_secret};

/// Most bytes of a line that are read as a password.
const MOST: u64 = 1024;

/// Reads a password and prints its hash.
pub(super) fn password(output: &mut Output) -> anyhow::Result<u8> {
    let stdin = std::io::stdin();
    let password = if stdin.is_terminal() {
        let silent = Silent::begin()?;
        let typed = (asked("password: ")?, asked("again: ")?);
        drop(silent);
        let (first, again) = typed;
        if first != again {
            output.error("password", "type the same password twice; these two differ");
            return Ok(exit::DATA);
        }
        first
    } else {
        line()?
    };
    if password.chars().count() < PASSWORD_CHARACTERS {
        let message = format!("give a password of at least {PASSWORD_CHARACTERS} characters");
        output.error("password", &message);
        return Ok(exit::DATA);
    }
    let mut salt = [0; 16];
    SystemIds.fill(&mut salt)?;
    let hash = password_hash(&password, salt).context("hash the password")?;
    if output.is_json() {
        output.value(&json!({ "password_argon2": hash }));
    } else {
        output.line(&format!("password_argon2 = \"{hash}\""));
    }
    Ok(exit::OK)
}

/// Makes a secret of one-time codes and prints it for the registry and for the person's authenticator.
pub(super) fn totp(login: &str, issuer: &str, output: &mut Output) -> anyhow::Result<u8> {
    let mut random = [0; 20];
    SystemIds.fill(&mut random)?;
    let secret = totp_secret(random);
    let uri = otpauth(issuer, login, &secret);
    if output.is_json() {
        output.value(&json!({ "totp_secret": secret, "uri": uri }));
    } else {
        output.line(&format!("totp_secret = \"{secret}\""));
        output.line(&uri);
    }
    Ok(exit::OK)
}

/// A line of the standard input, without its end.
fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(MOST)
        .read_line(&mut line)
        .context("read the password from the standard input: expected one line of UTF-8")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn asked(prompt: &str) -> anyhow::Result<String> {
    let mut screen = std::io::stderr();
    let _ = write!(screen, "{prompt}");
    let answer = line();
    let _ = writeln!(screen);
    answer
}

/// A terminal that does not show what is typed, until it is dropped.
struct Silent(Termios);

impl Silent {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("ask the terminal to be silent")?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &modes)
            .context("ask the terminal to be silent")?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}
