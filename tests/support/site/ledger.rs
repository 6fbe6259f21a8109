//! What must be true in the end: nothing lost, nothing twice, every decision with its clause, every mail readable.

use std::process::Command;

use leadbroker::domain::Role;
use serde_json::{Value, json};

use super::Site;
use super::patience::Patience;

/// Steps that decide something about a request; each must cite what it rests on.
const DECISIONS: &[&str] = &[
    "search_request.accepted",
    "search_request.rejected",
    "search_request.held",
    "search_request.offered",
    "search_request.queued",
    "hold.decided",
    "hold.escalated",
    "emergency.begun",
    "emergency.call_back",
    "emergency.confirmed",
    "emergency.stopped",
    "emergency.failed",
    "answer.recalled",
    "recall.impossible",
    "requester.suspended",
    "suspension.lifted",
    "hold.overdue",
    "job.claimed",
    "step.refused",
    "authz.denied",
    "search_request.sender_refused",
    "delivery.replaced",
    "answer.disclosure_refused",
    "second_factor.refused",
    "examination.concluded",
    "second_review.concluded",
    "adjudication.concluded",
    "answer.released",
    "answer.held",
    "release.held",
    "answer.sealed",
    "answer.delivered",
    "delivery.attempted",
    "delivery.deferred",
    "delivery.indeterminate",
    "delivery.refused",
];

/// How often an answered request's steps are on record: once.
const ANSWERED: &[(&str, usize)] = &[
    ("search_request.received", 1),
    ("search_request.accepted", 1),
    ("examination.concluded", 1),
    ("second_review.concluded", 1),
    ("answer.released", 1),
    ("answer.sealed", 1),
    ("answer.delivered", 1),
];

impl Site {
    /// The audit export, verified: the events of its entries, in order.
    pub async fn audit(&mut self, plan: &str) -> Vec<Value> {
        let auditor = self.token(Role::Auditor, 0);
        let (_, export) = self.call(("GET", "audit/export"), &auditor, None).await;
        let export = export.as_str().unwrap().to_owned();
        leadbroker::audit::verify(export.lines(), None, &[])
            .unwrap_or_else(|e| panic!("{plan}: {e}"));
        export
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter_map(|line| line.get("entry").map(|entry| entry["event"].clone()))
            .collect()
    }

    /// Entries of one action about one request.
    pub async fn audited(&mut self, request: &str, action: &str) -> Vec<Value> {
        let mut events = self.audit(action).await;
        events.retain(|event| event["request"] == request && event["action"] == action);
        events
    }

    /// Waits until an action about a request is on record so often.
    pub async fn until_audited(&mut self, request: &str, action: &str, times: usize) {
        let mut patience = Patience::new();
        while patience.lasts().await {
            if self.audited(request, action).await.len() >= times {
                return;
            }
        }
        panic!("{action} of {request} was not on record {times} times");
    }

    /// The whole ledger: every request that got an id is there and no other, no dead letter, no work left over, the
    /// log proves itself, and every decision in it names a clause.
    pub async fn assert_sound(&mut self, plan: &str) -> Vec<Value> {
        let agency = self.agency();
        let (_, list) = self.call(("GET", "search-requests?limit=200"), &agency, None).await;
        let mut listed: Vec<&str> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["request"].as_str().unwrap())
            .collect();
        listed.sort_unstable();
        let kept: Vec<&str> = self.requests.keys().map(String::as_str).collect();
        assert_eq!(listed, kept, "{plan}: every request once");
        let administrator = self.administrator();
        let (_, dead) = self.call(("GET", "dead-letters"), &administrator, None).await;
        assert_eq!(dead["items"], json!([]), "{plan}: no dead letters");
        let events = self.audit(plan).await;
        for event in &events {
            let action = event["action"].as_str().unwrap();
            let decides = DECISIONS.contains(&action) || !event["verdict"].is_null();
            if decides {
                assert_ne!(event["clauses"], json!([]), "{plan}: {event} names no clause");
            }
            if let Some(request) = event["request"].as_str() {
                assert!(self.requests.contains_key(request), "{plan}: {event}");
            }
        }
        events
    }

    /// What the log says of one request, so often.
    pub async fn assert_times(&mut self, request: &str, plan: &str, wanted: &[(&str, usize)]) {
        let events = self.assert_sound(plan).await;
        for (action, times) in wanted {
            let of = |event: &&Value| event["request"] == request && event["action"] == *action;
            assert_eq!(events.iter().filter(of).count(), *times, "{plan}: {action}");
        }
    }

    /// A request that was answered: each step once, one mail, and no message of it left over.
    pub async fn assert_ledger(&mut self, request: &str, plan: &str) {
        self.assert_times(request, plan, ANSWERED).await;
        self.nothing_waits(request).await;
        if self.setup.smtp.is_none() {
            let ids = self.message_ids(request).await;
            assert_eq!(ids.len(), 1, "{plan}: one mailing");
            let mails = self.mails_with(&ids[0]);
            assert_eq!(mails.len(), 1, "{plan}: one mail, whatever the number of attempts");
        }
    }

    /// Waits until no command of the request is left.
    pub async fn nothing_waits(&self, request: &str) {
        let left = format!(
            "SELECT count(*) FROM deliveries d JOIN messages m ON m.id = d.message WHERE m.request = '{request}'"
        );
        let mut patience = Patience::new();
        while patience.lasts().await {
            if self.number(&left).await == 0 {
                return;
            }
        }
        panic!("a command of {request} is left over");
    }

    /// Mails in the folder that hold this header value.
    pub fn mails_with(&self, message_id: &str) -> Vec<Vec<u8>> {
        std::fs::read_dir(self.path("mail"))
            .unwrap()
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "eml"))
            .map(|entry| std::fs::read(entry.path()).unwrap())
            .filter(|mail| String::from_utf8_lossy(mail).contains(message_id))
            .collect()
    }

    /// The mail of an answered request opens with the recipient's key and a stock tool, its signature is the unit's,
    /// and the PDF in it is, byte for byte, the one that was released. Gives the PDF's words.
    pub async fn open_answer(&self, request: &str) -> String {
        let ids = self.message_ids(request).await;
        let mail = self.mails_with(ids.last().unwrap()).pop().unwrap();
        self.open_mail(request, &mail)
    }

    /// As [`Site::open_answer`], of a mail that a server took.
    pub fn open_mail(&self, request: &str, mail: &[u8]) -> String {
        self.write("one.eml", mail);
        self.run("openssl cms -decrypt -in one.eml -inkey keys/recipient.key -recip keys/recipient.pem -out one.signed");
        self.run("openssl cms -verify -in one.signed -CAfile keys/ca.pem -out one.mime");
        let mime = std::fs::read_to_string(self.path("one.mime")).unwrap();
        let part = mime.split("application/pdf").nth(1).unwrap();
        let body = part.split("\r\n\r\n").nth(1).unwrap();
        let base64: String = body.lines().take_while(|line| !line.starts_with("--")).collect();
        let pdf = openssl::base64::decode_block(&base64).unwrap();
        let hash = hex::encode(openssl::sha::sha256(&pdf));
        assert_eq!(hash, self.released[request], "the mail carries the released bytes");
        self.write("one.pdf", &pdf);
        let words = self.run("pdftotext -layout one.pdf -");
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn run(&self, line: &str) -> String {
        let mut words = line.split(' ');
        let output = Command::new(words.next().unwrap())
            .args(words)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
