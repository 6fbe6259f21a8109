//! The `leadbroker` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The picture worker limits itself, so it must come before any thread.
    let first = std::env::args_os().nth(1);
    if first.is_some_and(|first| first == leadbroker::report::sandbox::WORKER_COMMAND) {
        let (stdin, stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
        return ExitCode::from(leadbroker::report::run_picture_worker(stdin, stdout));
    }
    leadbroker::cli::main()
}
