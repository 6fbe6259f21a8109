//! Whatever people wrote freely, in a form, a record or a reason, stands nowhere in clear: not in the database, not in
//! what the program logs. It is looked for when a story's installation ends, so every story proves it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use super::Site;

/// Shorter words are too common to be looked for.
const LEAST: usize = 12;

/// What was written freely so far.
#[derive(Debug, Default)]
pub(super) struct FreeText(Mutex<BTreeSet<String>>);

impl FreeText {
    /// Notes the texts in a body.
    pub(super) fn body(&self, body: &str) {
        if let Ok(body) = serde_json::from_str(body) {
            self.value(&body);
        }
    }

    /// Notes the texts among the words of a command.
    pub(super) fn arguments(&self, arguments: &[&str]) {
        for argument in arguments {
            self.text(argument);
        }
    }

    fn value(&self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(members) => members.values().for_each(|member| self.value(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A sentence has words; a code, a time or a path has none.
    fn text(&self, text: &str) {
        if text.len() >= LEAST && text.contains(' ') && !text.contains('/') {
            self.0.lock().unwrap().insert(text.to_owned());
        }
    }
}

impl Site {
    /// Where the program writes its log.
    pub(super) fn log(&self) -> Stdio {
        File::options().create(true).append(true).open(self.path("server.log")).unwrap().into()
    }

    /// Every place outside of what is sealed: its name, and its bytes as text.
    fn in_clear(&self) -> Vec<(&'static str, String)> {
        let read = |name: &str| {
            let bytes = std::fs::read(self.path(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let log = ("the log", read("server.log"));
        if self.is_distributed() {
            let dump = Command::new("pg_dump").arg(&self.database).output().unwrap();
            assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
            vec![log, ("the database", String::from_utf8_lossy(&dump.stdout).into_owned())]
        } else {
            let places = [("leadbroker.db", "the database"), ("leadbroker.db-wal", "its log")];
            places.iter().map(|(file, name)| (*name, read(file))).chain([log]).collect()
        }
    }

    /// The end of a story: a failed one shows the log, a good one has nothing in clear.
    pub(super) fn close(&self) {
        if std::thread::panicking() {
            let log = std::fs::read(self.path("server.log")).unwrap_or_default();
            let _ = std::io::stderr().write_all(&log);
            return;
        }
        for (place, text) in self.in_clear() {
            for written in &*self.free_text.0.lock().unwrap() {
                // PostgreSQL dumps bytes as hexadecimal.
                let stands = text.contains(written) || text.contains(&hex::encode(written));
                assert!(!stands, "{place} holds in clear what somebody wrote: {written}");
            }
        }
    }
}
