//! A mailer that writes each mail into a folder, for demonstrations and machines without a server.

use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Mutex;

use super::deliverable::Deliverable;
use super::delivery::{Cause, DeliveryResult, Mailer, Phase, Reply};
use super::notice::PageMail;

/// Writes `<digits of the Message-ID>.eml`, whole or not at all. The same mail twice is one file.
#[derive(Debug)]
pub struct FileMailer {
    folder: PathBuf,
    /// One write at a time, so that two attempts never share the unfinished file.
    writing: Mutex<()>,
}

impl FileMailer {
    /// A mailer into `folder`, which must exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), writing: Mutex::new(()) }
    }

    /// The file that `mail` becomes.
    pub fn path(&self, mail: &Deliverable) -> PathBuf {
        self.folder.join(format!("{}.eml", mail.message_id().digits()))
    }

    async fn write(&self, target: PathBuf, bytes: &[u8]) -> std::io::Result<()> {
        let _alone = self.writing.lock().await;
        let unfinished = target.with_extension("part");
        let mut file = tokio::fs::File::create(&unfinished).await?;
        file.write_all(bytes).await?;
        file.sync_all().await?;
        tokio::fs::rename(&unfinished, &target).await?;
        sync_folder(&self.folder).await
    }
}

/// Makes the new name last.
async fn sync_folder(folder: &Path) -> std::io::Result<()> {
    tokio::fs::File::open(folder).await?.sync_all().await
}

async fn written(write: impl Future<Output = std::io::Result<()>>) -> DeliveryResult {
    match write.await {
        Ok(()) => DeliveryResult::Sent { reply: Reply { code: 250, enhanced: None } },
        Err(_) => DeliveryResult::of(Phase::Internal, Cause::Storage),
    }
}

impl Mailer for FileMailer {
    fn at_once(&self) -> usize {
        // One after the other; each is soon done.
        64
    }

    fn deliver<'a>(&'a self, mail: &'a Deliverable) -> BoxFuture<'a, DeliveryResult> {
        written(self.write(self.path(mail), mail.bytes())).boxed()
    }

    fn page<'a>(&'a self, mail: &'a PageMail) -> BoxFuture<'a, DeliveryResult> {
        let target = self.folder.join(format!("page-{}.eml", mail.name()));
        written(self.write(target, mail.bytes())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::smime::tests::sample_mail;

    #[tokio::test]
    async fn a_mail_becomes_one_file_however_often_it_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = FileMailer::new(folder.path());
        let mail = sample_mail();
        for _ in 0..2 {
            assert!(matches!(mailer.deliver(&mail).await, DeliveryResult::Sent { .. }));
        }
        assert_eq!(std::fs::read(mailer.path(&mail)).unwrap(), mail.bytes());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_defers() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = FileMailer::new(folder.path().join("none"));
        assert_eq!(
            mailer.deliver(&sample_mail()).await,
            DeliveryResult::Deferred { phase: Phase::Internal, cause: Cause::Storage }
        );
    }
}
