//! Processes of people: what they type, while it runs.

use std::process::{Child, Command, Stdio};

use super::Site;
use super::patience::Patience;

/// Sends a process a signal (`STOP`, `CONT`, `INT`) by its id.
pub fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status();
    assert!(sent.unwrap().success(), "{name}");
}

impl Site {
    /// A command of the command line that goes on running; its output can be read.
    pub fn typed(&self, token: &str, arguments: &[&str]) -> Child {
        self.command(&["--json", "--server", &self.origin])
            .args(arguments)
            .env("LEADBROKER_TOKEN", token)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// Forms that are sent at the same moment.
const AT_ONCE: usize = 16;

impl Site {
    /// So many sound forms with one picture and case numbers of their own; waits until each is accepted.
    pub async fn submitted(&mut self, count: usize) -> Vec<String> {
        let form = self.form().await;
        let mut accepted = Vec::new();
        let numbers: Vec<usize> = (0..count).collect();
        for some in numbers.chunks(AT_ONCE) {
            let calls = some.iter().map(|n| {
                let case = format!("25-{n:06}");
                let mut form = form.clone();
                form["case_number"] = case.clone().into();
                let request = self
                    .http
                    .post(format!("{}/api/v1/search-requests", self.origin))
                    .bearer_auth(self.agency())
                    .header("Content-Type", "application/json")
                    .header("Idempotency-Key", format!("crowd-{n}"))
                    .body(form.to_string());
                async move {
                    let answer = request.send().await.unwrap();
                    let receipt: serde_json::Value = answer.json().await.unwrap();
                    (
                        case,
                        receipt["request"]
                            .as_str()
                            .unwrap_or_else(|| panic!("{receipt}"))
                            .to_owned(),
                    )
                }
            });
            for (case, request) in futures_util::future::join_all(calls).await {
                self.requests.insert(request.clone(), case);
                accepted.push(request);
            }
        }
        accepted
    }

    /// A second process of the installation that serves the API and nothing else; its origin.
    pub async fn second_server(&self) -> (Server, String) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = self.origin.rsplit(':').next().unwrap();
        let config = std::fs::read_to_string(self.path("leadbroker.toml")).unwrap();
        let config = config.replace(&format!("127.0.0.1:{own}"), &format!("127.0.0.1:{port}"));
        let file = self.write("second.toml", config);
        let mut command = Command::new(self.program());
        command.args(["--config", &file, "serve", "--roles", "api"]);
        let server = Server(command.spawn().unwrap());
        let origin = format!("http://127.0.0.1:{port}");
        let mut patience = Patience::new();
        while patience.lasts().await {
            if self.http.get(format!("{origin}/livez")).send().await.is_ok() {
                return (server, origin);
            }
        }
        panic!("the second server did not start");
    }

    /// Where the first server is.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// A server that ends with the test.
pub struct Server(pub Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
