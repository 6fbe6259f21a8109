//! What a command prints: tables for people, JSON for programs.

use std::io::{ErrorKind, IsTerminal as _, Write};

use serde::Serialize;

/// A stream whose reader may go away: what a command does is done to its end, also when nobody reads on.
struct Patient<W>(W);

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// Where a command prints to.
#[derive(Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// To the standard streams.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The standard output. A reader that goes away is no failure.
    pub fn stdout(&self) -> impl Write {
        Patient(std::io::stdout())
    }

    /// A line for people.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// A text as it is.
    pub fn text(&mut self, text: &str) {
        let _ = write!(std::io::stdout(), "{text}");
    }

    /// Whether a person looks on: a terminal, and no program.
    pub fn is_screen(&self) -> bool {
        !self.json && std::io::stdout().is_terminal()
    }

    /// Empties the screen.
    pub fn clear(&mut self) {
        self.text("\u{1b}[H\u{1b}[2J");
    }

    /// A value for programs.
    pub fn value<T: Serialize>(&mut self, value: &T) {
        if let Ok(text) = serde_json::to_string_pretty(value) {
            self.line(&text);
        }
    }

    /// A table for people.
    pub fn table(&mut self, headers: &[&str], rows: &[Vec<String>]) {
        let mut table = comfy_table::Table::new();
        // Wraps to the terminal; through a pipe every row stays on one line.
        table
            .load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
            .set_header(headers);
        table.add_rows(rows);
        self.line(&table.to_string());
    }

    /// Some members of a document for people, one a line.
    pub fn members(&mut self, value: &serde_json::Value, members: &[&str]) {
        for member in members {
            self.line(&format!("{member:<14} {}", super::client::shown(value, member)));
        }
    }

    /// What a step brought: the whole answer for programs, some members on one line for people.
    pub fn step(&mut self, value: &serde_json::Value, members: &[&str]) {
        if self.json {
            return self.value(value);
        }
        let shown: Vec<String> = members
            .iter()
            .map(|member| format!("{member} {}", super::client::shown(value, member)))
            .collect();
        self.line(&shown.join("  "));
    }

    /// An error, with its stable code.
    pub fn error(&mut self, code: &str, message: &str) {
        if self.json {
            let value = serde_json::json!({ "error": { "code": code, "message": message } });
            let _ = writeln!(std::io::stderr(), "{value}");
        } else {
            let _ = writeln!(std::io::stderr(), "leadbroker: {message}");
        }
    }
}
