//! [`normalise`] in a child process with limits: a hostile image can at worst end that process.
//!
//! The protocol: image on standard input until its end; the copy on standard output and exit code 0,
//! or nothing and the code of the [`PictureError`].

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::picture::{PictureError, PictureLimits, normalise};

/// The hidden subcommand that runs [`run_picture_worker`].
pub const WORKER_COMMAND: &str = "picture-worker";

/// How long a child may take, from start to end.
const DEADLINE: Duration = Duration::from_secs(5);
/// Largest answer of a child, in bytes.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;
/// Address space: the program itself, its libraries and the picture.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;

const DONE: u8 = 0;
const FORMAT: u8 = 10;
const TOO_LARGE: u8 = 11;
const DAMAGED: u8 = 12;
const FAILED: u8 = 13;

/// Makes an image fit for a page in a child process: `exe picture-worker`, without environment, with
/// limits on memory, processor time and files, and ended by force after five seconds.
pub async fn normalise_in_child(exe: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, PictureError> {
    normalise_within(exe, bytes, DEADLINE).await
}

async fn normalise_within(
    exe: &Path,
    bytes: Vec<u8>,
    deadline: Duration,
) -> Result<Vec<u8>, PictureError> {
    let mut child = Command::new(exe)
        .arg(WORKER_COMMAND)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(PictureError::Child)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let talk = async {
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(PictureError::Worker);
        };
        let mut answer = Vec::new();
        let mut stdout = stdout.take(MAX_ANSWER + 1);
        let (_, read) = tokio::join!(
            async {
                // A child that stops reading says why by its exit code; a closed pipe is no news.
                let sent = stdin.write_all(&bytes).await;
                drop(stdin);
                sent
            },
            stdout.read_to_end(&mut answer)
        );
        read.map_err(PictureError::Child)?;
        if answer.len() as u64 > MAX_ANSWER {
            return Err(PictureError::Worker);
        }
        let status = child.wait().await.map_err(PictureError::Child)?;
        verdict(status.code(), answer)
    };
    let outcome = tokio::time::timeout(deadline, talk).await;
    match outcome {
        Ok(Ok(copy)) => Ok(copy),
        Ok(Err(error)) => {
            end(&mut child).await;
            Err(error)
        }
        Err(_) => {
            end(&mut child).await;
            Err(PictureError::Deadline)
        }
    }
}

/// Ends the child, if it still runs, and waits for it.
async fn end(child: &mut tokio::process::Child) {
    // One that has ended already cannot be ended again: nothing to do.
    _ = child.kill().await;
}

/// What the child's exit code (`None`: ended by a signal) and output mean.
fn verdict(code: Option<i32>, answer: Vec<u8>) -> Result<Vec<u8>, PictureError> {
    match code.and_then(|code| u8::try_from(code).ok()) {
        Some(DONE) if answer.starts_with(&[0xFF, 0xD8, 0xFF]) => Ok(answer),
        Some(FORMAT) => Err(PictureError::Format),
        Some(TOO_LARGE) => Err(PictureError::TooLarge),
        Some(DAMAGED) => Err(PictureError::Damaged),
        Some(_) | None => Err(PictureError::Worker),
    }
}

/// The child: limits itself for good, reads an image, writes its copy. Returns the exit code. Call it
/// first thing in `main`, before any thread is started.
pub fn run_picture_worker(stdin: impl Read, stdout: impl Write) -> u8 {
    match confine() {
        Ok(()) => work(stdin, stdout, &PictureLimits::default()),
        Err(_) => FAILED,
    }
}

/// Sets the limits of this process. They cannot be raised again. No file may be written: standard
/// output has to be a pipe.
fn confine() -> rustix::io::Result<()> {
    for (resource, limit) in [
        (Resource::As, MAX_MEMORY),
        (Resource::Cpu, DEADLINE.as_secs()),
        (Resource::Fsize, 0),
        (Resource::Nofile, 16),
        (Resource::Core, 0),
    ] {
        let limit = Some(limit);
        setrlimit(resource, Rlimit { current: limit, maximum: limit })?;
    }
    Ok(())
}

fn work(stdin: impl Read, mut stdout: impl Write, limits: &PictureLimits) -> u8 {
    let mut bytes = Vec::new();
    let most = u64::try_from(limits.file_bytes).unwrap_or(u64::MAX);
    if stdin.take(most.saturating_add(1)).read_to_end(&mut bytes).is_err() {
        return FAILED;
    }
    match normalise(&bytes, limits) {
        Ok(copy) => match stdout.write_all(&copy).and_then(|()| stdout.flush()) {
            Ok(()) => DONE,
            Err(_) => FAILED,
        },
        Err(PictureError::Format) => FORMAT,
        Err(PictureError::TooLarge) => TOO_LARGE,
        Err(PictureError::Damaged) => DAMAGED,
        Err(
            PictureError::Encode
            | PictureError::Child(_)
            | PictureError::Deadline
            | PictureError::Worker,
        ) => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;
    use crate::report::samples;

    /// A stand-in for the program: a shell script.
    fn script(dir: &tempfile::TempDir, body: &str) -> PathBuf {
        let path = dir.path().join("worker");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    #[test]
    fn the_worker_answers_with_a_copy_or_with_a_code() {
        let limits = PictureLimits::default();
        let probe = samples::probe(1).unwrap();
        let mut copy = Vec::new();
        assert_eq!(work(&probe[..], &mut copy, &limits), DONE);
        assert_eq!(copy, normalise(&probe, &limits).unwrap());
        assert_eq!(verdict(Some(i32::from(DONE)), copy.clone()).unwrap(), copy);

        let mut nothing = Vec::new();
        assert_eq!(work(&b"GIF89a"[..], &mut nothing, &limits), FORMAT);
        assert_eq!(work(&b"\xFF\xD8\xFF"[..], &mut nothing, &limits), DAMAGED);
        let tight = PictureLimits { file_bytes: 99, ..limits };
        assert_eq!(work(&probe[..], &mut nothing, &tight), TOO_LARGE);
        assert!(nothing.is_empty());
    }

    #[test]
    fn every_code_reads_back_as_its_error() {
        let read = |code: u8| verdict(Some(i32::from(code)), Vec::new()).unwrap_err();
        assert!(matches!(read(FORMAT), PictureError::Format));
        assert!(matches!(read(TOO_LARGE), PictureError::TooLarge));
        assert!(matches!(read(DAMAGED), PictureError::Damaged));
        assert!(matches!(read(FAILED), PictureError::Worker));
        assert!(matches!(read(DONE), PictureError::Worker), "no JPEG, no answer");
        assert!(matches!(verdict(None, Vec::new()), Err(PictureError::Worker)));
    }

    #[tokio::test]
    async fn a_child_gets_the_image_and_returns_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let echo = script(&dir, r#"[ "$1" = picture-worker ] && exec /bin/cat"#);
        let probe = samples::probe(2).unwrap();
        assert_eq!(normalise_in_child(&echo, probe.clone()).await.unwrap(), probe);
    }

    #[tokio::test]
    async fn a_child_that_refuses_without_reading_is_heard() {
        let dir = tempfile::tempdir().unwrap();
        let refuse = script(&dir, "exit 11");
        let outcome = normalise_in_child(&refuse, vec![0; 1_000_000]).await;
        assert!(matches!(outcome, Err(PictureError::TooLarge)), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_child_that_hangs_is_ended_and_one_that_floods_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let hang = script(&dir, &format!("echo $$ > {}; exec /bin/sleep 60", pid.display()));
        let outcome = normalise_within(&hang, Vec::new(), Duration::from_secs(1)).await;
        assert!(matches!(outcome, Err(PictureError::Deadline)), "{outcome:?}");
        let process = Path::new("/proc").join(fs::read_to_string(&pid).unwrap().trim());
        assert!(!process.exists(), "the child is gone, and nobody has to reap it");

        let flood = script(&dir, "exec /bin/cat /dev/zero");
        let outcome = normalise_in_child(&flood, Vec::new()).await;
        assert!(matches!(outcome, Err(PictureError::Worker)), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error() {
        let outcome = normalise_in_child(Path::new("/nonexistent/worker"), Vec::new()).await;
        assert!(matches!(outcome, Err(PictureError::Child(_))));
    }
}
