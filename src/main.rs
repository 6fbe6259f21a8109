//! The `leadbroker` program.

use std::process::ExitCode;

use leadbroker::report::run_picture_worker;
use leadbroker::report::sandbox::PictureTask;

fn main() -> ExitCode {
    // The picture worker limits itself, so it must come before any thread.
    let first = std::env::args_os().nth(1);
    if let Some(task) = first.and_then(|first| PictureTask::of_command(&first)) {
        let (stdin, stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
        return ExitCode::from(run_picture_worker(task, stdin, stdout));
    }
    leadbroker::cli::main()
}
