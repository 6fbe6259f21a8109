//! Words of identification are refused, with their place, and nothing is stored.

use serde_json::{Value, json};

use crate::site::people::lead;
use crate::site::{Setup, Site};

crate::both!(
    nobody_writes_in_an_examination_that_a_face_is_somebody,
    nobody_writes_in_a_decision_that_a_face_is_somebody,
);

/// The refusal shows exactly this text.
fn shows(told: &Value, pointer: &str, text: &str, words: &str) {
    assert_eq!(told["code"], "identification", "{told}");
    let claims = told["claims"].as_array().unwrap();
    assert_eq!(claims.len(), 1, "{told}");
    assert_eq!((&claims[0]["pointer"], &claims[0]["words"]), (&json!(pointer), &json!(words)));
    let place = |member: &str| usize::try_from(claims[0][member].as_u64().unwrap()).unwrap();
    let shown: String = text.chars().skip(place("offset")).take(place("length")).collect();
    let begin: String = words.chars().take(2).collect();
    assert!(shown.to_lowercase().starts_with(&begin), "{shown}");
    assert_eq!(
        (&told["errors"][0]["pointer"], &told["errors"][0]["code"]),
        (&json!(pointer), &json!("identification"))
    );
    assert!(told["errors"][0]["message"].as_str().unwrap().contains(words), "{told}");
}

async fn nobody_writes_in_an_examination_that_a_face_is_somebody(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let (first, second) = (site.reviewer(0), site.reviewer(1));
    let request = site.queued().await;
    for (step, person) in [("conclude", &first), ("second-review", &second)] {
        let lease = site.claimed(&request, person).await;
        let stored = site.records(&request).await;
        for (pointer, text, words) in [
            (
                "/narrative",
                "Ears agree. The candidate is Identified  as the robber.",
                "identified as",
            ),
            ("/comparison/0/probe", "It\u{200b} is him", "it is him"),
            ("/comparison/0/candidate", "sin lugar a dúdas", "sin lugar a dudas"),
            ("/suitability/0/note", "A POSITIVE MATCH can be made.", "positive match"),
            ("/candidate/comments", "Es la misma persona.", "es la misma persona"),
            ("/bias_review", "None, 100% sure.", "100 %"),
        ] {
            let mut exam = lead("A1");
            if pointer == "/bias_review" {
                exam["bias_review"] = json!("");
            }
            *exam.pointer_mut(pointer).unwrap() = json!(text);
            let (status, told) = site.record((&request, step), person, (lease, &exam)).await;
            assert_eq!(status, 422, "{pointer}: {told}");
            shows(&told, pointer, text, words);
            assert_eq!(told["findings"][0]["clause"], "CORE-IDENTITY", "{told}");
        }
        assert_eq!(site.records(&request).await, stored, "nothing is stored");
        let mut exam = lead("A1");
        exam["narrative"] = json!(
            "Ears and nose agree. This is not a positive identification, but an investigative lead."
        );
        let (status, told) = site.record((&request, step), person, (lease, &exam)).await;
        assert_eq!(status, 200, "{told}");
    }
    assert_eq!(site.audited(&request, "step.refused").await.len(), 12);
}

async fn nobody_writes_in_a_decision_that_a_face_is_somebody(setup: Setup) {
    let mut site = Site::serving(setup).await;
    let short = |form: &mut Value| form["justification"]["situation"] = json!("Theft.");
    let (_, receipt) = site.submit_changed(&short).await;
    let request = receipt["request"].as_str().unwrap().to_owned();
    let administrator = site.administrator();
    let path = format!("holds/{request}/decide");
    let reason = "The clerk told us; the man has been identified as a regular.";
    let body = json!({ "allow": true, "reason": reason, "clause": "CORE-NARRATIVE" });
    let (status, told) = site.call(("POST", &path), &administrator, Some(&body)).await;
    assert_eq!(status, 422, "{told}");
    shows(&told, "/reason", reason, "identified as");
    assert_eq!(site.status(&request).await["state"], "held");
    assert_eq!(site.records(&request).await, 0);
    let (status, told) = site.decide(&request, true, "CORE-NARRATIVE").await;
    assert_eq!(status, 200, "{told}");
}
