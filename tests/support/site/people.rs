//! What the people of the unit do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::domain::Role;
use leadbroker::report::samples;
use serde_json::{Value, json};

use super::Site;
use super::patience::Patience;

/// A record of an examination that ends so; a lead has a candidate of its own, see [`lead`].
pub fn examination(conclusion: &str) -> Value {
    let searched = ["no_match", "inconclusive", "lead"].contains(&conclusion);
    let mut record = json!({
        "suitability": [{ "probe": 0, "suitable": conclusion != "unsuitable_probe", "note": "Half in shade." }],
        "conclusion": conclusion,
        "narrative": "What was compared, feature by feature, and what speaks for and against this conclusion.",
    });
    let members = record.as_object_mut().unwrap();
    if searched {
        let search = json!({
            "repository": "DMS", "system": "Sample search system", "vendor": "Sample vendor", "version": "4.2",
            "searched_at": SystemClock.now().to_rfc3339(), "candidates": 4
        });
        let line = json!({ "feature": "Ears", "probe": "Attached", "candidate": "Free", "agreement": "dissimilar" });
        members.insert("searches".to_owned(), json!([search]));
        members.insert("comparison".to_owned(), json!([line]));
    }
    if conclusion == "declined" {
        members.insert("declined_under".to_owned(), json!("LACRIS-FA-1"));
    }
    record
}

/// A record that ends with a lead to the person with this state identification number.
pub fn lead(sid: &str) -> Value {
    let mut record = examination("lead");
    let image = samples::booking(11).unwrap();
    record.as_object_mut().unwrap().insert(
        "candidate".to_owned(),
        json!({
            "repository": "DMS",
            "image": STANDARD.encode(&image),
            "image_sha256": hex::encode(openssl::sha::sha256(&image)),
            "name": "SAMPLE, CASEY", "date_of_birth": "1991-04-17", "cdl": "X0000000", "main_number": "0000001",
            "sid": sid, "booking_number": "5550001", "comments": ""
        }),
    );
    record
}

impl Site {
    /// The nth reviewer takes the job: status and body.
    pub async fn claim_by(&mut self, request: &str, token: &str) -> (u16, Value) {
        self.call(("POST", &format!("jobs/{request}/claim")), token, None).await
    }

    /// Takes the job and gives the claim's token.
    pub async fn claimed(&mut self, request: &str, token: &str) -> i64 {
        let (status, lease) = self.claim_by(request, token).await;
        assert_eq!(status, 200, "{lease}");
        lease["token"].as_i64().unwrap()
    }

    /// Records an examination under a claim: status and body.
    pub async fn record(
        &mut self,
        (request, step): (&str, &str),
        person: &str,
        (lease, exam): (i64, &Value),
    ) -> (u16, Value) {
        let body = json!({ "token": lease, "examination": exam });
        self.call(("POST", &format!("jobs/{request}/{step}")), person, Some(&body)).await
    }

    /// Takes the job, reads the case, and records this: the state after it.
    pub async fn examine(
        &mut self,
        request: &str,
        step: &str,
        person: &str,
        exam: &Value,
    ) -> String {
        let lease = self.claimed(request, person).await;
        let (read, case) = self.call(("GET", &format!("jobs/{request}")), person, None).await;
        assert_eq!(read, 200, "{case}");
        let (status, told) = self.record((request, step), person, (lease, exam)).await;
        assert_eq!(status, 200, "{told}");
        told["state"].as_str().unwrap().to_owned()
    }

    pub fn reviewer(&self, nth: usize) -> String {
        self.token(Role::Reviewer, nth)
    }

    pub fn officer(&self) -> String {
        self.token(Role::ReleaseAuthority, 0)
    }

    pub fn administrator(&self) -> String {
        self.token(Role::LocalAdministrator, 0)
    }

    /// A request whose two reviewers came to this end, and that waits for its release.
    pub async fn concluded(&mut self, exam: &Value) -> String {
        let request = self.queued().await;
        let (first, second) = (self.reviewer(0), self.reviewer(1));
        assert_eq!(self.examine(&request, "conclude", &first, exam).await, "examined");
        assert_eq!(
            self.examine(&request, "second-review", &second, exam).await,
            "awaiting_release"
        );
        request
    }

    /// The answer's PDF, as the officer reads it.
    pub async fn document(&mut self, request: &str) -> Vec<u8> {
        let url = format!("{}/api/v1/jobs/{request}/document", self.origin);
        let answer = self.http.get(url).bearer_auth(self.officer()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        let said = answer.headers()["Document-SHA256"].to_str().unwrap().to_owned();
        let pdf = answer.bytes().await.unwrap().to_vec();
        assert_eq!(said, hex::encode(openssl::sha::sha256(&pdf)));
        pdf
    }

    /// The officer reads the answer and releases exactly it.
    pub async fn release(&mut self, request: &str) {
        let pdf = self.document(request).await;
        let hash = hex::encode(openssl::sha::sha256(&pdf));
        let (status, told) = self.release_document(request, &hash).await;
        assert_eq!((status, told["state"].as_str()), (200, Some("released")), "{told}");
        self.released.insert(request.to_owned(), hash);
    }

    /// Releases the document with this hash: status and body.
    pub async fn release_document(&mut self, request: &str, hash: &str) -> (u16, Value) {
        let officer = self.officer();
        let body = json!({ "document_sha256": hash });
        self.call(("POST", &format!("jobs/{request}/release")), &officer, Some(&body)).await
    }

    /// Waits until the administrator finds the request among the holds; gives the entry.
    pub async fn until_held_by_administrator(&mut self, request: &str) -> Value {
        let administrator = self.administrator();
        let mut patience = Patience::new();
        while patience.lasts().await {
            let (_, holds) = self.call(("GET", "holds"), &administrator, None).await;
            let found = holds["items"].as_array().unwrap().iter().find(|i| i["request"] == request);
            if let Some(hold) = found {
                return hold.clone();
            }
        }
        panic!("{request} was never held");
    }

    /// Decides a hold: status and body.
    pub async fn decide(&mut self, request: &str, allow: bool, clause: &str) -> (u16, Value) {
        let administrator = self.administrator();
        let body = json!({ "allow": allow, "reason": "The agency's supervisor told why.", "clause": clause });
        self.call(("POST", &format!("holds/{request}/decide")), &administrator, Some(&body)).await
    }

    /// A form goes in, and every person's step is done until the answer is delivered, whatever breaks on the way.
    pub async fn drive(&mut self) -> String {
        let (_, receipt) = self.submit().await;
        // A submission that was cut off is sent again under its key; signed anew it is a repeat of the same case.
        let request = receipt["request"].as_str().unwrap_or_else(|| panic!("{receipt}")).to_owned();
        self.follow(&request).await;
        request
    }

    /// Does whatever the request's state asks for next, until the answer is delivered.
    pub async fn follow(&mut self, request: &str) {
        self.follow_from(request, 1).await;
    }

    /// The same, with this reviewer as the second one.
    pub async fn follow_from(&mut self, request: &str, second: usize) {
        for _ in 0..1600 {
            let status = self.status(request).await;
            match status["state"].as_str().unwrap_or_default() {
                "delivered" => return,
                "queued" => self.try_claim(request, 1 - second).await,
                "leased" => self.try_conclude(request, "conclude", 1 - second).await,
                "examined" => self.try_claim(request, second).await,
                "second_review" => self.try_conclude(request, "second-review", second).await,
                "awaiting_release" => self.try_release(request).await,
                _ => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
        panic!("the request was never delivered");
    }

    async fn try_claim(&mut self, request: &str, nth: usize) {
        let person = self.reviewer(nth);
        self.claim_by(request, &person).await;
    }

    async fn try_conclude(&mut self, request: &str, step: &str, nth: usize) {
        let person = self.reviewer(nth);
        let (_, case) = self.call(("GET", &format!("jobs/{request}")), &person, None).await;
        let lease = case["lease"]["token"].as_i64().unwrap_or_default();
        self.record((request, step), &person, (lease, &examination("no_match"))).await;
    }

    async fn try_release(&mut self, request: &str) {
        let url = format!("{}/api/v1/jobs/{request}/document", self.origin);
        let Ok(answer) = self.http.get(url).bearer_auth(self.officer()).send().await else {
            return;
        };
        let Ok(pdf) = answer.bytes().await else { return };
        let hash = hex::encode(openssl::sha::sha256(&pdf));
        self.release_document(request, &hash).await;
        self.released.insert(request.to_owned(), hash);
    }
}
