use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::*;

static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi);

/// The operation that a call meant, by the document.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let asked: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let known: Vec<&str> = template.split('/').collect();
        known.len() == asked.len()
            && known
                .iter()
                .zip(&asked)
                .all(|(known, asked)| known.starts_with('{') || known == asked)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    // A literal path goes before one with a parameter.
    let literal = paths.get(path);
    let entry =
        literal.or_else(|| paths.iter().find(|(known, _)| fits(known)).map(|(_, entry)| entry))?;
    entry.get(method.to_lowercase())
}

/// Every answer that a test of the API gets is one that the document describes: status, media type, body.
pub(in crate::web) fn is_described(
    (method, path): (&str, &str),
    status: u16,
    media_type: Option<&str>,
    bytes: &[u8],
) {
    let at = format!("{method} {path}: {status}");
    let Some(operation) = operation(method, path) else {
        assert!([404, 405].contains(&status), "{at}: no operation");
        return;
    };
    let response = operation["responses"].get(status.to_string());
    let response = target(response.unwrap_or_else(|| panic!("{at} is not described")));
    let Some(content) = response.get("content") else {
        assert!(bytes.is_empty(), "{at}: nothing is described");
        return;
    };
    let media_type = media_type.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let described = content.get(media_type).unwrap_or_else(|| panic!("{at}: {media_type}"));
    let Some(schema) = described.get("schema") else { return };
    let body: Value = serde_json::from_slice(bytes).unwrap();
    let faults = faults(schema, &body);
    assert!(faults.is_empty(), "{at}: {faults:#?}\n{body:#}");
}

/// What a `$ref` leads to.
fn target(value: &Value) -> &Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(path) => DOCUMENT.pointer(path.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

fn faults(schema: &Value, body: &Value) -> Vec<String> {
    let mut whole = schema.clone();
    whole["components"] = DOCUMENT["components"].clone();
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Every `$ref` leads somewhere, and every component is led to.
#[test]
fn references_and_components_belong_together() {
    fn walk<'d>(value: &'d Value, found: &mut BTreeSet<&'d str>) {
        match value {
            Value::Object(members) => {
                // The contracts are documents of their own; what they refer to is theirs.
                if members.contains_key("$id") {
                    return;
                }
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.insert(target);
                }
                members.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(&DOCUMENT, &mut found);
    let mut known = BTreeSet::new();
    for kind in ["headers", "responses", "schemas"] {
        let components = DOCUMENT["components"][kind].as_object().unwrap();
        known.extend(components.keys().map(|name| format!("#/components/{kind}/{name}")));
    }
    let components = DOCUMENT["components"]["schemas"].as_object().unwrap();
    let found: BTreeSet<String> = found.into_iter().map(str::to_owned).collect();
    assert_eq!(found, known);
    for schema in components.values() {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{schema}");
    }
}

#[test]
fn the_document_has_the_structure_of_openapi_3_1() {
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    let schemes = DOCUMENT["components"]["securitySchemes"].as_object().unwrap();
    let mut count = 0;
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        assert!(path.starts_with('/'), "{path}");
        for (method, operation) in methods.as_object().unwrap() {
            count += 1;
            assert!(["get", "post"].contains(&method.as_str()), "{path} {method}");
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{path} {method}");
            for need in operation["security"].as_array().unwrap() {
                assert!(need.as_object().unwrap().keys().all(|name| schemes.contains_key(name)));
            }
            let empty = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&empty);
            let of_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
            let found: Vec<String> =
                of_path.map(|p| format!("{{{}}}", p["name"].as_str().unwrap())).collect();
            let wanted: Vec<&str> = path.split('/').filter(|part| part.starts_with('{')).collect();
            assert_eq!(found, wanted, "{path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{path} {method}");
            assert!(responses.values().all(|response| target(response)["description"].is_string()));
            assert!(method == "post" || operation.get("requestBody").is_none(), "{path}");
        }
    }
    assert_eq!(count, routes::all().count(), "one entry an operation of the router's table");
}

/// The form is the published contract, byte for byte the same rules.
#[test]
fn the_form_is_the_contract() {
    let form = &DOCUMENT["components"]["schemas"]["SearchRequest"];
    let contract: Value =
        serde_json::from_str(include_str!("../../../docs/search_request.v1.schema.json")).unwrap();
    assert_eq!(*form, contract);
    let example: Value = serde_json::from_str(include_str!(
        "../../../tests/data/forms/search_request.v1.example.json"
    ))
    .unwrap();
    let sent = |body: &Value| faults(&reference("SearchRequest"), body);
    assert_eq!(sent(&example), Vec::<String>::new());
    assert!(!sent(&json!({ "form": "search_request.v1" })).is_empty());
}

/// The codes of the document and those of `docs/API.md`, section 5.
#[test]
fn the_codes_are_those_of_the_handbook() {
    let text = include_str!("../../../docs/API.md");
    let section = text.split("\n## 5. Problems").nth(1).unwrap();
    let table = section.split("A head that cannot be read").next().unwrap();
    let mut told = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| 4") || line.starts_with("| 5")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        for code in cells[2].split(", ") {
            told.insert((cells[1].parse::<u16>().unwrap(), code.trim_matches('`')));
        }
    }
    // Every path has it, so no operation names it.
    assert!(told.remove(&(405, "method_not_allowed")));
    let mut described = BTreeSet::new();
    for (_, operation) in routes::all() {
        for (status, codes) in operation.refusals() {
            described.extend(codes.into_iter().map(|code| (status, code)));
        }
    }
    assert_eq!(described, told);
}
