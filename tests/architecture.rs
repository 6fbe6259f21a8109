//! Who may know whom, how long a file may be, and that documents name what exists.

#![expect(clippy::panic, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules without I/O.
const PURE: &[&str] = &[
    "src/domain",
    "src/policy",
    "src/lifecycle",
    "src/messages",
    "src/audit",
    "src/images",
    "src/registry",
    "src/paging",
    "src/roster",
];
/// Names that mean I/O.
const IO: &[&str] = &[
    "tokio",
    "sqlx",
    "lapin",
    "lettre",
    "reqwest",
    "axum",
    "std::fs",
    "std::net",
    "tracing",
    "object_store",
];
/// Adapters, and the only places that may name them.
const ADAPTERS: &[(&str, &[&str])] = &[
    // The name of a log target that must stay silent.
    ("lapin::", &["src/broker/amqp", "src/telemetry.rs"]),
    ("sqlx::", &["src/store"]),
    ("FileMailer", &["src/app.rs", "src/mail"]),
    ("SmtpMailer", &["src/app.rs", "src/mail"]),
    ("object_store::", &["src/vault"]),
    ("axum::", &["src/web"]),
];
const MOST_LINES: usize = 400;

fn rust_files(root: &Path) -> Vec<PathBuf> {
    assert!(
        root.exists(),
        "{} is gone: a renamed module must not switch a rule off",
        root.display()
    );
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        if folder.is_file() {
            files.push(folder);
            continue;
        }
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Without tests and comments. A file of tests has no production lines.
fn production_lines(path: &Path) -> Vec<String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name == "tests.rs"
        || name.ends_with("_tests.rs")
        || path.components().any(|c| c.as_os_str() == "tests")
    {
        return Vec::new();
    }
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn pure_modules_do_no_io() {
    for root in PURE {
        for file in rust_files(Path::new(root)) {
            for line in production_lines(&file) {
                for name in IO {
                    assert!(!line.contains(&format!("{name}::")), "{}: {line}", file.display());
                }
                assert!(!line.contains("async fn"), "{}: {line}", file.display());
            }
        }
    }
}

#[test]
fn adapters_are_named_only_where_they_belong() {
    for file in rust_files(Path::new("src")) {
        for (name, places) in ADAPTERS {
            if places.iter().any(|place| file.starts_with(place)) {
                continue;
            }
            for line in production_lines(&file) {
                assert!(!line.contains(name), "{} names {name}: {line}", file.display());
            }
        }
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for file in rust_files(Path::new("src")) {
        let lines = production_lines(&file).len();
        assert!(
            lines <= MOST_LINES,
            "{} has {lines} production lines, at most {MOST_LINES}",
            file.display()
        );
    }
}

#[test]
fn the_stages_are_in_the_order_of_the_flow() {
    let flow = ["accept", "check", "dispatch", "examine", "release", "respond", "retain"];
    assert!(flow.is_sorted());
    for stage in flow {
        assert!(Path::new("src/pipeline").join(format!("{stage}.rs")).is_file(), "{stage}");
    }
}

#[test]
fn the_module_map_names_every_module() {
    let map = fs::read_to_string("docs/ARCHITECTURE.md").unwrap();
    for entry in fs::read_dir("src").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if ["lib", "main"].contains(&name.as_str()) {
            continue;
        }
        assert!(map.contains(&format!("`{name}`")), "docs/ARCHITECTURE.md does not name `{name}`");
    }
}

#[test]
fn the_documented_transition_table_is_the_tested_one() {
    let map = fs::read_to_string("docs/ARCHITECTURE.md").unwrap();
    let snapshot = fs::read_to_string(
        "src/lifecycle/snapshots/leadbroker__lifecycle__tests__the_transition_table_is_the_documented_one.snap",
    )
    .unwrap();
    let table = snapshot.rsplit("---\n").next().unwrap();
    assert!(
        map.contains(table.trim()),
        "copy the snapshot of the transition table into docs/ARCHITECTURE.md"
    );
}
