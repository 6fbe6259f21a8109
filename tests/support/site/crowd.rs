//! Processes of people: what they type, while it runs.

use std::process::{Child, Command, Stdio};

use super::Site;

/// Sends a process a signal (`STOP`, `CONT`, `INT`) by its id.
pub fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status();
    assert!(sent.unwrap().success(), "{name}");
}

impl Site {
    /// A command of the command line that goes on running; its output can be read.
    pub fn typed(&self, token: &str, arguments: &[&str]) -> Child {
        self.command(&["--json", "--server", &self.origin])
            .args(arguments)
            .env("LEADBROKER_TOKEN", token)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}
