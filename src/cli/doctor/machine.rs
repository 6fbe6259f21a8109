//! The machine: clock, disks, modes of files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use super::Line;
use crate::app;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;

const MIB: u64 = 1024 * 1024;
/// With less, a few forms fill the disk.
const LEAST: u64 = 512 * MIB;
/// With less, it is time to act.
const SCARCE: u64 = 5 * 1024 * MIB;

/// A file's permission bits.
pub(super) fn mode(file: &Path) -> Option<u32> {
    std::fs::metadata(file).ok().map(|metadata| metadata.permissions().mode())
}

/// The clock cannot be before the program that reads it.
pub(super) fn clock() -> Line {
    let now = SystemClock.now();
    let made = std::env::current_exe().and_then(std::fs::metadata).and_then(|file| file.modified());
    match made {
        Ok(made) => judge_clock(now, made.into()),
        Err(_) => Line::warn("clock", format!("it says {now}"), "compare it with another clock"),
    }
}

fn judge_clock(now: DateTime<Utc>, made: DateTime<Utc>) -> Line {
    if now + TimeDelta::minutes(5) < made {
        let hint = "set the clock and start time synchronisation: deadlines, signatures and the audit log depend on it";
        return Line::fail("clock", format!("it says {now}, before this program was made"), hint);
    }
    Line::ok("clock", format!("it says {}", now.format("%Y-%m-%dT%H:%M:%SZ")))
}

/// Free space where leadbroker writes.
pub(super) fn disks(config: &Config) -> Vec<Line> {
    let database = config.database.url.expose().strip_prefix("sqlite:").map(app::sqlite_file);
    let database = database.and_then(|file| file.parent().map(Path::to_path_buf));
    let images = config.vault.images.strip_prefix("file:").map(folder);
    [("disk of the database", database), ("disk of the images", images)]
        .into_iter()
        .filter_map(|(check, path)| path.map(|path| disk(check, &path)))
        .collect()
}

/// The path behind `file:` or `sqlite:`, with or without `//`.
pub(super) fn folder(rest: &str) -> PathBuf {
    PathBuf::from(rest.strip_prefix("//").unwrap_or(rest))
}

fn disk(check: &'static str, path: &Path) -> Line {
    let here = Path::new(".");
    let path = if path.as_os_str().is_empty() { here } else { path };
    // What is not made yet will lie on the disk of what exists above it.
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(here);
    match rustix::fs::statvfs(existing) {
        Ok(disk) => judge_space(check, disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => Line::warn(
            check,
            format!("its space cannot be read: {error}"),
            "look at it with `df -h`",
        ),
    }
}

fn judge_space(check: &'static str, free: u64) -> Line {
    let found = format!("{} MiB are free", free / MIB);
    if free < LEAST {
        Line::fail(check, found, "free at least 512 MiB: without space nothing is accepted")
    } else if free < SCARCE {
        Line::warn(check, found, "make room soon: under 5 GiB")
    } else {
        Line::ok(check, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_before_the_program_is_wrong() {
        let made = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        assert_eq!(judge_clock(made - TimeDelta::hours(1), made).state, State::Fail);
        assert_eq!(judge_clock(made + TimeDelta::hours(1), made).state, State::Ok);
    }

    #[test]
    fn space_is_judged_before_it_ends() {
        assert_eq!(judge_space("disk", 100 * MIB).state, State::Fail);
        assert_eq!(judge_space("disk", 2048 * MIB).state, State::Warn);
        assert_eq!(judge_space("disk", 6000 * MIB).state, State::Ok);
    }
}
