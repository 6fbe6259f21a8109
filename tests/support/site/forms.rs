//! What an agency sends.

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::demo::{Sample, sample_form};
use leadbroker::policy::StatementView;
use leadbroker::report::samples;
use serde_json::Value;

use super::Site;
use super::patience::Patience;

/// The agency whose requester has a certificate.
pub const AGENCY: &str = "CA0194200";
/// Its requester.
pub const REQUESTER: &str = "jsample@pd.example.gov";

/// What a test does to a sound form.
pub type FormChange<'c> = &'c dyn Fn(&mut Value);

impl Site {
    /// A sound form about a case of its own, signed now.
    pub async fn form(&mut self) -> Value {
        self.forms += 1;
        self.form_of(self.forms).await
    }

    async fn form_of(&mut self, case: u64) -> Value {
        let agency = self.agency();
        let (_, asked) = self.call(("GET", "units/lacris/form"), &agency, None).await;
        let statements: Vec<StatementView> = asked["statements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|statement| StatementView {
                statement: statement["statement"].as_str().unwrap().to_owned(),
                text: String::new(),
                text_sha256: statement["text_sha256"].as_str().unwrap().to_owned(),
                clauses: Vec::new(),
                affirm: true,
            })
            .collect();
        sample_form(&Sample {
            ori: AGENCY,
            email: REQUESTER,
            case_number: &format!("24-{case:06}"),
            probe: &samples::probe(case).unwrap(),
            at: SystemClock.now(),
            statements: &statements,
        })
    }

    /// Sends a form as the agency does, under a key of its own; an id that it gets is remembered.
    pub async fn send(&mut self, form: &Value) -> (u16, Value) {
        let key = format!("key-{}", form["case_number"].as_str().unwrap_or_default());
        self.send_under(&key, form).await
    }

    /// Sends a form under this key.
    pub async fn send_under(&mut self, key: &str, form: &Value) -> (u16, Value) {
        let case = form["case_number"].as_str().unwrap_or_default().to_owned();
        let agency = self.agency();
        let body = Some((form.to_string(), key.to_owned()));
        let (status, receipt) = self.call_with(("POST", "search-requests"), &agency, body).await;
        if let Some(request) = receipt["request"].as_str() {
            self.requests.insert(request.to_owned(), case);
        }
        (status, receipt)
    }

    /// The same form under the same key, so often at once.
    pub async fn send_at_once(&self, form: &Value, times: usize) -> Vec<(u16, Value)> {
        let agencies = vec![self.agency(); times];
        self.crowd(("POST", "search-requests"), &agencies, Some((form.to_string(), "one-key")))
            .await
    }

    /// The same form at once, under each of these keys; an empty one is none.
    pub async fn send_under_each(&self, form: &Value, keys: &[String]) -> Vec<(u16, Value)> {
        let agency = self.agency();
        let sent = keys.iter().map(|key| {
            let body = Some((form.to_string(), key.as_str()));
            self.crowd(("POST", "search-requests"), std::slice::from_ref(&agency), body)
        });
        futures_util::future::join_all(sent).await.into_iter().flatten().collect()
    }

    /// Sends a sound form.
    pub async fn submit(&mut self) -> (u16, Value) {
        let form = self.form().await;
        self.send(&form).await
    }

    /// Sends a sound form that was changed so.
    pub async fn submit_changed(&mut self, change: FormChange<'_>) -> (u16, Value) {
        let mut form = self.form().await;
        change(&mut form);
        self.send(&form).await
    }

    /// A request that is accepted and waits for its first reviewer.
    pub async fn queued(&mut self) -> String {
        let (status, receipt) = self.submit().await;
        assert_eq!((status, receipt["state"].as_str()), (201, Some("accepted")), "{receipt}");
        let request = receipt["request"].as_str().unwrap().to_owned();
        self.until(&request, &["queued"]).await;
        request
    }

    /// What the agency is told about a request.
    pub async fn status(&mut self, request: &str) -> Value {
        let agency = self.agency();
        let (code, status) =
            self.call(("GET", &format!("search-requests/{request}")), &agency, None).await;
        assert_eq!(code, 200, "{status}");
        status
    }

    /// Waits until the agency reads one of these states.
    pub async fn until(&mut self, request: &str, wanted: &[&str]) -> Value {
        let mut last = Value::Null;
        let mut patience = Patience::new();
        while patience.lasts().await {
            last = self.status(request).await;
            if wanted.iter().any(|state| last["state"] == *state) {
                return last;
            }
        }
        panic!("{request} did not become {wanted:?}: {last}");
    }

    /// Takes a request back.
    pub async fn withdraw(&mut self, request: &str) -> (u16, Value) {
        let agency = self.agency();
        let body = serde_json::json!({ "reason": "The victim recognised the attacker." });
        let path = format!("search-requests/{request}/withdraw");
        self.call(("POST", &path), &agency, Some(&body)).await
    }
}
