//! [`normalise`] and [`picture_views`] in a child process with limits: a hostile image can at worst end that process.
//!
//! The protocol: the task as the command; the image on standard input until its end; the copy or the hashes on standard
//! output and exit code 0, or nothing and the code of the [`PictureError`].

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::likeness::picture_views;
use super::picture::{PictureError, PictureLimits, normalise};
use crate::images::likeness::{PictureViews, VIEWS_BYTES};

/// How long a child may take, from start to end.
const DEADLINE: Duration = Duration::from_secs(5);
/// The same for one that stands behind everything else; of the processor it gets no more.
const PATIENT: Duration = Duration::from_mins(1);
/// Largest answer of a child, in bytes.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;
/// Address space: the program itself, its libraries and the picture.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;

const DONE: u8 = 0;
const FORMAT: u8 = 10;
const TOO_LARGE: u8 = 11;
const DAMAGED: u8 = 12;
const FAILED: u8 = 13;
const BLANK: u8 = 14;

/// How far behind everything else a child stands that nobody waits for (`nice(2)`).
const LAST: i32 = 15;

/// What a child is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureTask {
    /// A copy for a page.
    Copy,
    /// The hashes of the whole picture. Nobody waits for them.
    Hash,
}

impl PictureTask {
    /// The task of a hidden subcommand, which runs [`run_picture_worker`].
    pub fn of_command(command: &OsStr) -> Option<Self> {
        [Self::Copy, Self::Hash].into_iter().find(|task| command == task.command())
    }

    fn command(self) -> &'static str {
        match self {
            Self::Copy => "picture-worker",
            Self::Hash => "picture-hasher",
        }
    }
}

/// Makes an image fit for a page in a child process: `exe picture-worker`, without environment, with
/// limits on memory, processor time and files, and ended by force after five seconds.
pub async fn normalise_in_child(exe: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, PictureError> {
    in_child((exe, PictureTask::Copy), bytes, DEADLINE).await
}

/// Hashes the views of a picture in such a child process, after everything else that the machine has to do.
pub async fn hash_in_child(exe: &Path, bytes: Vec<u8>) -> Result<PictureViews, PictureError> {
    let answer = in_child((exe, PictureTask::Hash), bytes, PATIENT).await?;
    PictureViews::from_bytes(&answer).ok_or(PictureError::Worker)
}

async fn in_child(
    (exe, task): (&Path, PictureTask),
    bytes: Vec<u8>,
    deadline: Duration,
) -> Result<Vec<u8>, PictureError> {
    let mut child = Command::new(exe)
        .arg(task.command())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(PictureError::Child)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let exchange = async {
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
        verdict(task, status.code(), answer)
    };
    let outcome = tokio::time::timeout(deadline, exchange).await;
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
fn verdict(task: PictureTask, code: Option<i32>, answer: Vec<u8>) -> Result<Vec<u8>, PictureError> {
    let is_whole = match task {
        PictureTask::Copy => answer.starts_with(&[0xFF, 0xD8, 0xFF]),
        PictureTask::Hash => answer.len() == VIEWS_BYTES,
    };
    match code.and_then(|code| u8::try_from(code).ok()) {
        Some(DONE) if is_whole => Ok(answer),
        Some(BLANK) => Err(PictureError::Blank),
        Some(FORMAT) => Err(PictureError::Format),
        Some(TOO_LARGE) => Err(PictureError::TooLarge),
        Some(DAMAGED) => Err(PictureError::Damaged),
        Some(_) | None => Err(PictureError::Worker),
    }
}

/// The child: limits itself for good, reads an image, writes its copy. Returns the exit code. Call it
/// first thing in `main`, before any thread is started.
pub fn run_picture_worker(task: PictureTask, stdin: impl Read, stdout: impl Write) -> u8 {
    if task == PictureTask::Hash && rustix::process::nice(LAST).is_err() {
        return FAILED;
    }
    match confine() {
        Ok(()) => work(task, stdin, stdout, &PictureLimits::default()),
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

fn work(task: PictureTask, stdin: impl Read, mut stdout: impl Write, limits: &PictureLimits) -> u8 {
    let mut bytes = Vec::new();
    let most = u64::try_from(limits.file_bytes).unwrap_or(u64::MAX);
    if stdin.take(most.saturating_add(1)).read_to_end(&mut bytes).is_err() {
        return FAILED;
    }
    let answer = match task {
        PictureTask::Copy => normalise(&bytes, limits),
        PictureTask::Hash => picture_views(&bytes, limits).map(|views| views.to_bytes()),
    };
    match answer {
        Ok(copy) => match stdout.write_all(&copy).and_then(|()| stdout.flush()) {
            Ok(()) => DONE,
            Err(_) => FAILED,
        },
        Err(PictureError::Format) => FORMAT,
        Err(PictureError::TooLarge) => TOO_LARGE,
        Err(PictureError::Damaged) => DAMAGED,
        Err(PictureError::Blank) => BLANK,
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
        let task = PictureTask::Copy;
        assert_eq!(work(task, &probe[..], &mut copy, &limits), DONE);
        assert_eq!(copy, normalise(&probe, &limits).unwrap());
        assert_eq!(verdict(task, Some(i32::from(DONE)), copy.clone()).unwrap(), copy);
        let mut hashes = Vec::new();
        assert_eq!(work(PictureTask::Hash, &probe[..], &mut hashes, &limits), DONE);
        let done = verdict(PictureTask::Hash, Some(i32::from(DONE)), hashes).unwrap();
        let views = picture_views(&probe, &limits).unwrap();
        assert_eq!(PictureViews::from_bytes(&done), Some(views));
        let other = verdict(PictureTask::Hash, Some(i32::from(DONE)), copy);
        assert!(matches!(other, Err(PictureError::Worker)), "a copy is no hash");

        let mut nothing = Vec::new();
        assert_eq!(work(task, &b"GIF89a"[..], &mut nothing, &limits), FORMAT);
        assert_eq!(work(task, &b"\xFF\xD8\xFF"[..], &mut nothing, &limits), DAMAGED);
        let tight = PictureLimits { file_bytes: 99, ..limits };
        assert_eq!(work(task, &probe[..], &mut nothing, &tight), TOO_LARGE);
        assert!(nothing.is_empty());
    }

    #[test]
    fn every_code_reads_back_as_its_error() {
        let task = PictureTask::Copy;
        let read = |code: u8| verdict(task, Some(i32::from(code)), Vec::new()).unwrap_err();
        assert!(matches!(read(BLANK), PictureError::Blank));
        assert!(matches!(read(FORMAT), PictureError::Format));
        assert!(matches!(read(TOO_LARGE), PictureError::TooLarge));
        assert!(matches!(read(DAMAGED), PictureError::Damaged));
        assert!(matches!(read(FAILED), PictureError::Worker));
        assert!(matches!(read(DONE), PictureError::Worker), "no JPEG, no answer");
        assert!(matches!(verdict(task, None, Vec::new()), Err(PictureError::Worker)));
    }

    #[test]
    fn a_command_is_one_task() {
        for task in [PictureTask::Copy, PictureTask::Hash] {
            assert_eq!(PictureTask::of_command(OsStr::new(task.command())), Some(task));
        }
        assert_eq!(PictureTask::of_command(OsStr::new("serve")), None);
    }

    #[tokio::test]
    async fn a_child_gets_the_image_and_returns_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let echo = script(&dir, r#"[ "$*" = picture-worker ] && exec /bin/cat"#);
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
        let hanging = (hang.as_path(), PictureTask::Hash);
        let outcome = in_child(hanging, Vec::new(), Duration::from_secs(5)).await;
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
