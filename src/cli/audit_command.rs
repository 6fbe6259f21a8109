//! `leadbroker audit`: the log, verified from a file alone.

use anyhow::Context as _;

use super::args::AuditCommand;
use super::{Output, exit};

/// Runs the command.
pub(super) fn run(command: AuditCommand, output: &mut Output) -> anyhow::Result<u8> {
    match command {
        AuditCommand::Verify { file, key } => {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("read the export `{}`", file.display()))?;
            let key = key.map(hex::decode).transpose().context("read `--key`: expected 64 hexadecimal digits")?;
            match crate::audit::verify(text.lines(), key.as_deref(), &[]) {
                Ok(verified) if output.is_json() => {
                    output.value(&verified);
                    Ok(exit::OK)
                }
                Ok(verified) => {
                    output.line(&format!(
                        "sound: {} entries of {}, {} signed checkpoints, root {}",
                        verified.size, verified.origin, verified.checkpoints, verified.root
                    ));
                    if !verified.key_pinned {
                        output.line("the key is the file's own word; give the one that you hold with --key");
                    }
                    Ok(exit::OK)
                }
                Err(broken) => {
                    output.error("audit_broken", &format!("the log is broken: {broken}"));
                    Ok(exit::DATA)
                }
            }
        }
    }
}
