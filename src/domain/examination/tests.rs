use super::*;

fn lead(sid: &str) -> Examination {
    serde_json::from_value(serde_json::json!({
        "suitability": [{ "probe": 0, "suitable": true, "note": "frontal" }],
        "conclusion": "lead",
        "narrative": "Ears and nose agree.",
        "candidate": { "repository": "DMS", "image_sha256": "00", "name": "Sample", "date_of_birth": "1990-01-01", "sid": sid }
    }))
    .unwrap()
}

#[test]
fn two_leads_agree_only_about_the_same_record() {
    assert!(lead("A1").agrees_with(&lead("A1")));
    assert!(!lead("A1").agrees_with(&lead("A2")));
    let mut none = lead("A1");
    none.conclusion = Conclusion::NoMatch;
    none.candidate = None;
    assert!(!lead("A1").agrees_with(&none));
}

#[test]
fn a_search_names_its_system_vendor_and_version() {
    let search = serde_json::json!({
        "repository": "DMS", "system": "Sample search system", "vendor": "Sample vendor", "version": "4.2",
        "searched_at": "2024-05-03T10:12:00-07:00", "candidates": 24
    });
    assert!(serde_json::from_value::<Search>(search.clone()).is_ok());
    for member in ["repository", "system", "vendor", "version"] {
        let mut less = search.clone();
        less.as_object_mut().unwrap().remove(member);
        assert!(serde_json::from_value::<Search>(less).is_err(), "{member}");
    }
}

#[test]
fn front_facing_means_every_suitable_probe_and_a_blank_line_is_no_resource() {
    let mut exam = lead("A1");
    assert!(!exam.is_frontal());
    exam.suitability[0].frontal = Some(true);
    assert!(exam.is_frontal());
    let mut second = exam.suitability[0].clone();
    second.frontal = Some(false);
    exam.suitability.push(second);
    assert!(!exam.is_frontal());
    exam.suitability[1].suitable = false;
    assert!(exam.is_frontal());
    exam.suitability[0].suitable = false;
    assert!(!exam.is_frontal(), "no suitable probe, no front");
    exam.verified_with = vec![Personal::new(" ".to_owned()), Personal::new("DMV".to_owned())];
    assert_eq!(exam.resources_asked(), 1);
    exam.verified_with = vec![Personal::new("x".repeat(201))];
    assert!(examination_faults(&exam, 2).iter().any(|fault| fault.pointer == "/verified_with"));
}

#[test]
fn an_examination_is_complete_or_says_what_is_missing() {
    assert_eq!(examination_faults(&lead("A1"), 1), []);
    assert_eq!(examination_faults(&lead(" "), 2).len(), 2);
    let mut declined = lead("A1");
    declined.conclusion = Conclusion::Declined;
    let codes: Vec<String> =
        examination_faults(&declined, 1).into_iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["candidate", "declined_under"]);
}
