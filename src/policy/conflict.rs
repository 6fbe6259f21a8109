//! Conflicts of interest between a request and who would examine it.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::queue_choice::Exclusion;
use crate::domain::form::{ImageSource, Purpose};
use crate::domain::{Account, Form};

/// What keeps a person from examining this request, by the names that the form holds.
pub fn conflict(form: &Form, person: &Account) -> Option<Exclusion> {
    let own = name_of(&person.name);
    let named = named(form);
    let is_own = |(_, name): &&(Exclusion, &str)| name_of(name) == own;
    if let Some((role, _)) = named.iter().find(is_own) {
        return Some(*role);
    }
    let narratives: Vec<Vec<String>> = narratives(form).into_iter().map(words).collect();
    let related = person.relatives.iter().any(|relative| {
        let (name, spoken) = (name_of(relative), words(relative));
        let is_named = named.iter().any(|(_, of)| name_of(of) == name);
        is_named || narratives.iter().any(|text| stands_in(text, &spoken))
    });
    related.then_some(Exclusion::Relative)
}

/// Whom the form names, and as what.
fn named(form: &Form) -> Vec<(Exclusion, &str)> {
    let mut all = vec![
        (Exclusion::Requester, form.requester.name.expose().as_str()),
        (Exclusion::Requester, form.signature.printed_name.expose().as_str()),
    ];
    if let Purpose::ImminentThreat { supervisor, .. } = &form.purpose {
        all.push((Exclusion::Supervisor, supervisor.name.expose().as_str()));
    }
    if let Some(approval) = &form.supervisor_approval {
        all.push((Exclusion::Supervisor, approval.name.expose().as_str()));
    }
    for image in &form.images {
        if let ImageSource::BodyWorn { recorded_by: Some(name), .. }
        | ImageSource::FieldPhoto { taken_by: name, .. } = &image.source
        {
            all.push((Exclusion::CaseOfficer, name.expose().as_str()));
        }
        let steps = image.derivatives.iter().flatten();
        all.extend(steps.map(|step| (Exclusion::CaseOfficer, step.operator.expose().as_str())));
    }
    all
}

fn narratives(form: &Form) -> Vec<&str> {
    let mut all = vec![form.justification.situation.expose().as_str()];
    all.extend(form.justification.reasonable_suspicion.iter().map(|text| text.expose().as_str()));
    if let Purpose::ImminentThreat { threat, .. } = &form.purpose {
        all.push(threat.expose());
    }
    all
}

/// The words of a text, without regard to case and accents.
fn words(text: &str) -> Vec<String> {
    let plain: String =
        text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// A printed name as it is compared: `SAMPLE, Casey` is `Casey Sample`.
fn name_of(printed: &str) -> Vec<String> {
    let mut words = words(printed);
    words.sort();
    words
}

/// Whether a name of two words at least stands in a text, as it is spoken. A single word would be found everywhere.
fn stands_in(text: &[String], name: &[String]) -> bool {
    name.len() > 1 && text.windows(name.len()).any(|here| here == name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{AccountId, Role};

    fn form(change: impl FnOnce(&mut Value)) -> Form {
        let example = include_str!("../../tests/data/forms/search_request.v1.example.json");
        let mut form: Value = serde_json::from_str(example).unwrap();
        form["requester"]["name"] = json!("Jordan Sample");
        form["signature"]["printed_name"] = json!("Jordan Sample");
        change(&mut form);
        serde_json::from_value(form).unwrap()
    }

    fn person(name: &str, relatives: &[&str]) -> Account {
        Account {
            id: AccountId::new(Uuid::nil()),
            person: None,
            login: "sample".to_owned(),
            name: name.to_owned(),
            unit: "lacris".parse().unwrap(),
            role: Role::Reviewer,
            active: true,
            credentials: Vec::new(),
            positions: Vec::new(),
            pager_email: None,
            relatives: relatives.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn who_takes_part_in_the_case_does_not_examine_it() {
        let plain = form(|_| {});
        assert_eq!(conflict(&plain, &person("Robin Rivera", &[])), None);
        assert_eq!(conflict(&plain, &person("SAMPLE, Jordán", &[])), Some(Exclusion::Requester));
        let approved = form(|form| {
            form["supervisor_approval"] = json!({
                "name": "Lee Adler", "phone": "+12135550123", "approved_at": "2024-05-03T10:00:00-07:00"
            });
        });
        assert_eq!(conflict(&approved, &person("Lee Adler", &[])), Some(Exclusion::Supervisor));
        let taken = form(|form| {
            form["images"][0]["source"] = json!({
                "kind": "field_photo", "obtained_from": "Officer", "taken_by": "Kim Ferrer"
            });
        });
        assert_eq!(conflict(&taken, &person("Kim Ferrer", &[])), Some(Exclusion::CaseOfficer));
    }

    #[test]
    fn relatives_are_found_among_the_named_and_in_the_narrative() {
        let plain = form(|form| {
            form["justification"]["situation"] =
                json!("A witness saw José\nMüller leave the shop with the goods.");
        });
        let related = |name: &str| conflict(&plain, &person("Robin Rivera", &[name]));
        assert_eq!(related("Jordan SAMPLE"), Some(Exclusion::Relative));
        assert_eq!(related("Jose Muller"), Some(Exclusion::Relative));
        assert_eq!(related("Shop"), None, "one word is no name");
        assert_eq!(related("Rose Muller"), None);
    }
}
