//! What is sealed here opens with OpenSSL's own command line.
#![expect(clippy::unwrap_used, reason = "a test's helpers may panic")]

#[path = "support/sealed.rs"]
mod sealed;

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use leadbroker::mail::authority::KeyKind;
use leadbroker::mail::smime::ContentCipher;
use strum::VariantArray as _;

use sealed::Correspondents;

fn openssl(folder: &Path, arguments: &str) -> Output {
    Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_command_line_decrypts_and_verifies_each_kind() {
    for kind in KeyKind::VARIANTS {
        let people = Correspondents::new(*kind);
        for cipher in ContentCipher::VARIANTS {
            let document = b"%PDF-1.7\nsample\n";
            let mail = people.seal("release", document, *cipher);
            let folder = tempfile::tempdir().unwrap();
            let write = |name: &str, bytes: &[u8]| {
                std::fs::write(folder.path().join(name), bytes).unwrap();
            };
            write("mail.eml", mail.bytes());
            write("key.pem", &people.contact.key_pem().unwrap());
            write("contact.pem", &people.contact.certificate_pem().unwrap());
            write("ca.pem", &people.root_pem);

            let decrypted = openssl(
                folder.path(),
                "cms -decrypt -in mail.eml -inkey key.pem -recip contact.pem -out signed.eml",
            );
            assert!(decrypted.status.success(), "{kind:?} {cipher:?} {}", text(&decrypted.stderr));
            let verified = openssl(folder.path(), "cms -verify -in signed.eml -CAfile ca.pem");
            let told = text(&verified.stderr);
            assert!(verified.status.success(), "{kind:?} {cipher:?} {told}");
            assert!(told.contains("CMS Verification successful"), "{told}");
            let inside = text(&verified.stdout);
            assert!(inside.contains("Content-Type: text/plain"), "{inside}");
            let document = base64::engine::general_purpose::STANDARD.encode(document);
            assert!(inside.contains(&document), "{inside}");

            let signed = openssl(folder.path(), "cms -cmsout -print -in signed.eml");
            assert!(text(&signed.stdout).contains("sha256"), "signed with SHA-256");
            let sealed = text(&openssl(folder.path(), "cms -cmsout -print -in mail.eml").stdout);
            let wanted = match cipher {
                ContentCipher::Aes256Gcm => ["id-smime-ct-authEnvelopedData", "aes-256-gcm"],
                ContentCipher::Aes256Cbc => ["pkcs7-envelopedData", "aes-256-cbc"],
            };
            for wanted in wanted {
                assert!(sealed.contains(wanted), "{wanted}");
            }
        }
    }
}
