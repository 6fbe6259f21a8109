//! Policy decisions, in this process and on one thread.

use std::time::{Duration, Instant};

use leadbroker::clock::{Clock as _, SystemClock};
use leadbroker::domain::PackId;
use leadbroker::domain::form::Form;
use leadbroker::policy::facts::Standing;
use leadbroker::policy::{PolicySet, builtin, facts};
use serde_json::{Value, json};

/// A whole form of `probes` probes, from the parsed form to the decision: mean time of one.
pub(crate) fn run(packs: &[&str], probes: usize) -> Duration {
    let policies = builtin::load(SystemClock.now()).unwrap();
    let packs: Vec<PackId> = packs.iter().map(|pack| pack.parse().unwrap()).collect();
    let (form, standing) = case(&policies, probes);
    let now = "2024-05-03T16:12:11Z".parse().unwrap();
    let started = Instant::now();
    let mut decided = 0;
    while started.elapsed() < Duration::from_secs(3) {
        for _ in 0..100 {
            let facts = facts::form(&form, &standing, now);
            let _ = std::hint::black_box(policies.decide_form(&packs, &facts));
        }
        decided += 100;
    }
    started.elapsed() / decided
}

/// The contract's example form in its good case, with its first probe as often as asked.
fn case(policies: &PolicySet, probes: usize) -> (Form, Standing) {
    let mut good: Value = serde_json::from_str(include_str!("../data/policy/good.json")).unwrap();
    let mut form: Value =
        serde_json::from_str(include_str!("../data/forms/search_request.v1.example.json")).unwrap();
    let image = form["images"][0].clone();
    form["images"] = (0..probes).map(|_| image.clone()).collect();
    form["images_attached"] = probes.into();
    let statements = policies.statements(&["lacris".parse().unwrap()]);
    form["affirmations"] = statements
        .iter()
        .filter(|statement| statement.affirm)
        .map(|s| json!({ "statement": s.statement, "text_sha256": s.text_sha256 }))
        .collect();
    (
        serde_json::from_value(form).unwrap(),
        serde_json::from_value(good["standing"].take()).unwrap(),
    )
}
