//! The types and the checks against the contract, and against each other.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use strum::VariantArray;

use super::*;
use crate::domain::ShapeError;

const EXAMPLE: &str = include_str!("../../../tests/data/forms/search_request.v1.example.json");

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(SCHEMA).unwrap());
/// A general validator, as the judge of ours.
static JUDGE: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::validator_for(&DOCUMENT).unwrap());

fn example() -> Value {
    serde_json::from_str(EXAMPLE).unwrap()
}

fn errors(value: &Value) -> Vec<ShapeError> {
    match parse_form(value.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(ParseFailure::Shape(errors)) => errors,
        Err(ParseFailure::Malformed(error)) => panic!("malformed: {error:?}"),
    }
}

fn malformed(bytes: &[u8]) -> ShapeError {
    match parse_form(bytes) {
        Err(ParseFailure::Malformed(error)) => error,
        other => panic!("not malformed: {other:?}"),
    }
}

/// The example with one member set.
fn with(pointer: &str, value: Value) -> Value {
    let mut form = example();
    set(&mut form, pointer, Some(value));
    form
}

/// Sets what `pointer` points to, or removes it.
fn set(form: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match (form.pointer_mut(parent).unwrap(), value) {
        (Value::Object(object), Some(value)) => drop(object.insert(name.to_owned(), value)),
        (Value::Object(object), None) => drop(object.remove(name)),
        (Value::Array(items), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
        (parent, _) => panic!("{pointer}: no place in {parent}"),
    }
}

/// A form that the schema allows: all members or only the required ones; branch and enum by `choice`.
fn sample(schema: &Value, choice: usize, maximal: bool) -> Value {
    if let Some(branches) = schema["oneOf"].as_array() {
        return sample(&branches[choice % branches.len()], choice, maximal);
    }
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    if let Some(list) = schema["enum"].as_array() {
        return list[choice % list.len()].clone();
    }
    let text = |key: &str| schema[key].as_str();
    match text("type") {
        Some("object") => {
            let required = schema["required"].as_array().unwrap();
            let members = schema["properties"].as_object().unwrap().iter();
            members
                .filter(|(name, _)| maximal || required.contains(&json!(name)))
                .map(|(name, schema)| (name.clone(), sample(schema, choice, maximal)))
                .collect()
        }
        Some("array") => json!([sample(&schema["items"], choice, maximal)]),
        Some("integer") => json!(1),
        Some("boolean") => json!(choice.is_multiple_of(2)),
        Some("null") => Value::Null,
        Some("string") => json!(match (text("pattern"), text("format"), text("contentEncoding")) {
            (Some("^[A-Z]{2}[A-Z0-9]{7}$"), ..) => "CA0194200".to_owned(),
            (Some("^\\+[1-9][0-9]{6,14}$"), ..) => "+12135550142".to_owned(),
            (Some("^[0-9a-f]{64}$"), ..) => "0a".repeat(32),
            (_, Some("date-time"), _) => "2024-05-02T23:14:07.250-07:00".to_owned(),
            (_, Some("email"), _) => "jsample@pd.example.gov".to_owned(),
            (.., Some("base64")) => "QUJD".to_owned(),
            (pattern, format, _) => {
                assert_eq!((pattern, format), (None, None), "new in the contract");
                "é".repeat(usize::try_from(schema["maxLength"].as_u64().unwrap()).unwrap())
            }
        }),
        other => panic!("new in the contract: {other:?}"),
    }
}

fn whole_sample(choice: usize, maximal: bool) -> Value {
    let mut form = sample(&DOCUMENT, choice, maximal);
    let image = form.pointer_mut("/images/0").unwrap();
    let image = image.as_object_mut().unwrap();
    image.remove(if choice.is_multiple_of(2) { "content" } else { "part" });
    let part = json!("probe-1");
    if !image.contains_key("content") {
        image.insert("part".to_owned(), part);
    }
    form
}

#[test]
fn the_example_serialises_back_to_the_same_json() {
    let form = parse_form(EXAMPLE.as_bytes()).unwrap();
    assert_eq!(serde_json::to_value(&form).unwrap(), example());
}

#[test]
fn an_image_can_be_dropped_from_the_record() {
    let mut form = parse_form(EXAMPLE.as_bytes()).unwrap();
    form.images[0].content = None;
    let mut expected = example();
    set(&mut expected, "/images/0/content", None);
    assert_eq!(serde_json::to_value(&form).unwrap(), expected);
}

#[test]
fn the_content_is_the_file_and_every_accepted_text_decodes() {
    let image = |text: &str| {
        let form = with("/images/0/content", json!(text));
        parse_form(form.to_string().as_bytes()).map(|form| form.images[0].clone())
    };
    assert_eq!(image("QUJDRA==").unwrap().decode_content().unwrap().unwrap(), b"ABCD");
    // The last character of `QUJDRB==` holds bits that belong to no byte.
    assert_eq!(image("QUJDRB==").unwrap_err().errors()[0].code, "base64_invalid");
    let mut part = image("").unwrap();
    part.content = None;
    assert_eq!(part.decode_content().unwrap(), None);
}

#[test]
fn types_and_schema_have_the_same_members_in_every_branch() {
    let mut purposes = BTreeSet::new();
    let mut sources = BTreeSet::new();
    for choice in 0..24 {
        for maximal in [true, false] {
            let sent = whole_sample(choice, maximal);
            assert_eq!(errors(&sent), [], "{choice} {maximal}");
            assert!(JUDGE.is_valid(&sent), "{choice} {maximal}");
            let form = parse_form(sent.to_string().as_bytes()).unwrap();
            assert_eq!(serde_json::to_value(&form).unwrap(), sent);
            let purpose: &str = form.purpose.kind().into();
            assert_eq!(sent["purpose"]["kind"], purpose);
            let source: &str = form.images[0].source.kind().into();
            assert_eq!(sent["images"][0]["source"]["kind"], source);
            purposes.insert(form.purpose.kind());
            sources.insert(form.images[0].source.kind());
        }
    }
    assert_eq!(purposes.len(), PurposeKind::VARIANTS.len());
    assert_eq!(sources.len(), ImageSourceKind::VARIANTS.len());
}

#[test]
fn the_grounds_are_those_of_the_schema() {
    let asked = DOCUMENT["properties"]["basis"]["required"].as_array().unwrap();
    let basis = Basis { noncriminal_organization: true, ..Basis::default() };
    let names: Vec<Value> = basis.grounds().map(|(name, _)| json!(name)).collect();
    assert_eq!(&names, asked);
    let json = serde_json::to_value(basis).unwrap();
    for (name, answer) in basis.grounds() {
        assert_eq!(json[name], answer);
    }
}

#[test]
fn what_is_no_json_is_malformed() {
    let deep = "[".repeat(10_000);
    let mut many = "{".to_owned();
    for n in 0..1_000_000 {
        write!(many, "\"k{n}\":0,").unwrap();
    }
    many.push_str("\"z\":0}");
    let swap = |from: &str, to: &str| {
        let text = EXAMPLE.replacen(from, to, 1);
        assert_ne!(text, EXAMPLE);
        text.into_bytes()
    };
    let latin1: Vec<u8> =
        swap("Jordan", "J\u{1}rdan").into_iter().map(|b| if b == 1 { 0xF6 } else { b }).collect();
    let overlong: Vec<u8> = swap("Jordan", "J\u{1}\u{2}rdan")
        .into_iter()
        .map(|b| match b {
            1 => 0xC0,
            2 => 0xAF,
            _ => b,
        })
        .collect();
    let utf16: Vec<u8> = EXAMPLE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("B01", Vec::new(), "body_empty"),
        ("B01 space", b" \r\n\t".to_vec(), "body_empty"),
        ("B02", EXAMPLE.as_bytes()[..EXAMPLE.len() / 2].to_vec(), "json_syntax"),
        (
            "B02 end",
            EXAMPLE.trim_end().as_bytes()[..EXAMPLE.trim_end().len() - 1].to_vec(),
            "json_syntax",
        ),
        ("B03", [EXAMPLE.as_bytes(), b"x"].concat(), "json_syntax"),
        ("B03 two", [EXAMPLE.as_bytes(), EXAMPLE.as_bytes()].concat(), "json_syntax"),
        ("B04", swap("\"context\"", "\"case_number\": \"1\", \"context\""), "json_duplicate_key"),
        (
            "B04 escaped",
            swap("\"kind\": \"cctv\"", "\"kind\": \"cctv\", \"\\u006bind\": \"atm\""),
            "json_duplicate_key",
        ),
        ("B06", deep.clone().into_bytes(), "json_too_deep"),
        ("B06 objects", "{\"a\":".repeat(10_000).into_bytes(), "json_too_deep"),
        ("B07", many.into_bytes(), "json_too_many_values"),
        (
            "B09 1e400",
            swap("\"images_attached\": 1", "\"images_attached\": 1e400"),
            "type_expected_integer",
        ),
        ("B09 NaN", swap("\"images_attached\": 1", "\"images_attached\": NaN"), "json_syntax"),
        ("B10 latin1", latin1, "encoding_utf8"),
        ("B10 overlong", overlong, "encoding_utf8"),
        ("B10 lone", swap("Jordan", "\\ud800"), "encoding_utf8"),
        ("B10 lone low", swap("Jordan", "\\udc00"), "encoding_utf8"),
        ("B10 BOM", [b"\xEF\xBB\xBF", EXAMPLE.as_bytes()].concat(), "encoding_utf8"),
        ("B10 UTF-16", utf16, "encoding_utf8"),
        ("B11 raw", swap("Jordan", "Jor\ndan"), "json_syntax"),
    ];
    for (row, body, code) in cases {
        assert_eq!(malformed(&body).code, code, "{row}");
    }
}

#[test]
fn a_syntax_error_names_its_place() {
    let message = malformed(b"{\n  \"form\": search_request\n}").message;
    assert!(message.contains("line 2, column 11"), "{message}");
    let twice = malformed(b"{\"images\":[{},{\"a/b\":1,\"a/b\":2}]}");
    assert_eq!(twice.pointer, "/images/1/a~1b");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row for each bad input")]
fn every_misfit_has_its_code_and_its_place() {
    let text = |count: usize| json!("x".repeat(count));
    let cases: Vec<(&str, &str, Value, &str, &str)> = vec![
        ("B05", "/role", json!("admin"), "field_unknown", "/role"),
        ("B05 inside", "/images/0/status", json!("released"), "field_unknown", "/images/0/status"),
        ("B18", "/__proto__", json!({}), "field_unknown", "/__proto__"),
        ("B18", "/requester/constructor", json!(1), "field_unknown", "/requester/constructor"),
        ("B09 text", "/images_attached", json!("1"), "type_expected_integer", "/images_attached"),
        ("B09 half", "/images_attached", json!(1.5), "type_expected_integer", "/images_attached"),
        (
            "B09 2^53+1",
            "/images_attached",
            json!(9_007_199_254_740_993_u64),
            "number_range",
            "/images_attached",
        ),
        ("B09 2^64-1", "/images_attached", json!(u64::MAX), "number_range", "/images_attached"),
        ("B09 -0", "/images_attached", json!(-0.0), "number_range", "/images_attached"),
        ("B09 -1", "/images_attached", json!(-1), "number_range", "/images_attached"),
        ("B11 NUL", "/case_number", json!("24\u{0}1"), "text_control_character", "/case_number"),
        (
            "B11 newline",
            "/requester/name",
            json!("A\nB"),
            "text_control_character",
            "/requester/name",
        ),
        (
            "B11 C1",
            "/repositories/0",
            json!("D\u{9b}S"),
            "text_control_character",
            "/repositories/0",
        ),
        (
            "B11 narrative",
            "/justification/situation",
            json!("a\u{7f}"),
            "text_control_character",
            "/justification/situation",
        ),
        (
            "B12",
            "/requester/name",
            json!("\u{202E}nadroJ"),
            "text_unsafe_character",
            "/requester/name",
        ),
        ("B12 zero", "/case_number", json!("24\u{200B}1"), "text_unsafe_character", "/case_number"),
        (
            "B12 narrative",
            "/justification/situation",
            json!("a \u{202E}b"),
            "text_unsafe_character",
            "/justification/situation",
        ),
        ("B13 empty", "/case_number", json!(""), "length", "/case_number"),
        (
            "B13 spaces",
            "/justification/situation",
            json!(" \n \u{3000}"),
            "length",
            "/justification/situation",
        ),
        (
            "B13 max+1",
            "/justification/situation",
            text(4_001),
            "length",
            "/justification/situation",
        ),
        ("B13 max+1", "/requester/name", text(121), "length", "/requester/name"),
        (
            "B21",
            "/images/0/source/kind",
            json!("friend"),
            "value_not_allowed",
            "/images/0/source/kind",
        ),
        (
            "B21 type",
            "/images/0/source/kind",
            json!(7),
            "value_not_allowed",
            "/images/0/source/kind",
        ),
        (
            "B21 basis",
            "/images/0/source/legal_basis",
            json!("hunch"),
            "value_not_allowed",
            "/images/0/source/legal_basis",
        ),
        ("branch", "/images/0/source/court", json!("x"), "field_unknown", "/images/0/source/court"),
        ("purpose", "/purpose/kind", json!("curiosity"), "value_not_allowed", "/purpose/kind"),
        (
            "purpose facts",
            "/purpose",
            json!({"kind": "imminent_threat"}),
            "field_missing",
            "/purpose/threat",
        ),
        ("no kind", "/purpose", json!({}), "field_missing", "/purpose/kind"),
        ("purpose null", "/purpose", json!(null), "type_expected_object", "/purpose"),
        (
            "crime both",
            "/crime_type/not_available",
            json!("none"),
            "field_unknown",
            "/crime_type/code",
        ),
        ("crime none", "/crime_type", json!({}), "field_missing", "/crime_type/code"),
        ("crime text", "/crime_type", json!("13A"), "type_expected_object", "/crime_type"),
        (
            "video",
            "/images/0/video/extracted",
            json!("yes"),
            "type_expected_boolean",
            "/images/0/video/extracted",
        ),
        (
            "video",
            "/images/0/video/extracted",
            json!(false),
            "field_unknown",
            "/images/0/video/custodian",
        ),
        ("surveillance", "/surveillance", json!([]), "type_expected_object", "/surveillance"),
        (
            "B24 31 Feb",
            "/signature/signed_at",
            json!("2024-02-31T09:00:00Z"),
            "date_invalid",
            "/signature/signed_at",
        ),
        (
            "B24 no offset",
            "/signature/signed_at",
            json!("2024-02-03T09:00:00"),
            "date_invalid",
            "/signature/signed_at",
        ),
        (
            "B24 9999",
            "/images/0/video/frame_time",
            json!("9999-12-31T23:59:59Z"),
            "date_invalid",
            "/images/0/video/frame_time",
        ),
        ("B26 ORI", "/requesting_agency", json!("CA019420"), "pattern", "/requesting_agency"),
        ("phone", "/requester/phone", json!("213-555-0142"), "pattern", "/requester/phone"),
        ("hash", "/images/0/sha256", json!("A".repeat(64)), "pattern", "/images/0/sha256"),
        (
            "B27",
            "/requester/email",
            json!("a@b@pd.example.gov"),
            "email_invalid",
            "/requester/email",
        ),
        (
            "B27 quoted",
            "/requester/email",
            json!("\"a\"@pd.example.gov"),
            "email_invalid",
            "/requester/email",
        ),
        ("B27 IP", "/requester/email", json!("a@[127.0.0.1]"), "email_invalid", "/requester/email"),
        (
            "B27 255",
            "/requester/email",
            json!(format!("{}@pd.example.gov", "a".repeat(240))),
            "length",
            "/requester/email",
        ),
        (
            "B27 CRLF",
            "/requester/email",
            json!("a@pd.example.gov\r\n"),
            "email_invalid",
            "/requester/email",
        ),
        (
            "B47 CRLF",
            "/images/0/file_name",
            json!("a\r\nb.jpg"),
            "text_control_character",
            "/images/0/file_name",
        ),
        (
            "B47 NUL",
            "/images/0/file_name",
            json!("a\u{0}.jpg"),
            "text_control_character",
            "/images/0/file_name",
        ),
        (
            "B47 RTL",
            "/images/0/file_name",
            json!("\u{202E}gpj.exe"),
            "text_unsafe_character",
            "/images/0/file_name",
        ),
        ("B47 long", "/images/0/file_name", text(5_000), "length", "/images/0/file_name"),
        ("B47 empty", "/images/0/file_name", json!(""), "length", "/images/0/file_name"),
        ("base64", "/images/0/content", json!("QUJ"), "base64_invalid", "/images/0/content"),
        ("count", "/images_attached", json!(2), "image_count", "/images_attached"),
        ("twice", "/images/0/part", json!("probe-1"), "image_content", "/images/0"),
        ("repeated", "/repositories", json!(["DMS", "DMS"]), "items_repeated", "/repositories/1"),
        ("none", "/repositories", json!([]), "items_count", "/repositories"),
        ("version", "/form", json!("search_request.v2"), "value_not_allowed", "/form"),
        ("bool", "/predictive_analysis", json!(0), "type_expected_boolean", "/predictive_analysis"),
        (
            "null",
            "/images/0/source/reference",
            json!(null),
            "type_expected_string",
            "/images/0/source/reference",
        ),
        ("object", "/requester", json!("me"), "type_expected_object", "/requester"),
        ("list", "/images", json!({}), "type_expected_array", "/images"),
    ];
    for (row, place, value, code, pointer) in cases {
        let found = errors(&with(place, value));
        let hit = found.iter().any(|e| e.code == code && e.pointer == pointer);
        assert!(hit, "{row} {place}: {found:?}");
    }
    assert_eq!(errors(&json!([]))[0].code, "type_expected_object");
}

#[test]
fn every_required_member_is_missed_by_name() {
    let required = DOCUMENT["required"].as_array().unwrap();
    for name in required {
        let pointer = format!("/{}", name.as_str().unwrap());
        let mut form = example();
        set(&mut form, &pointer, None);
        let found = errors(&form);
        assert_eq!(found.len(), 1, "{pointer}: {found:?}");
        assert_eq!((found[0].code.as_str(), &found[0].pointer), ("field_missing", &pointer));
    }
    assert_eq!(errors(&json!({})).len(), required.len());
    let mut form = example();
    set(&mut form, "/images/0/content", None);
    assert_eq!(errors(&form)[0].code, "image_content");
}

#[test]
fn lengths_are_counted_in_characters_up_to_the_limit() {
    for count in [1, 4_000] {
        let form = with("/justification/situation", json!("漢".repeat(count)));
        assert_eq!(errors(&form), [], "{count}");
    }
    for name in ["../../etc/x", "C:\\x", "con", "🚓.jpg"] {
        assert_eq!(errors(&with("/images/0/file_name", json!(name))), [], "{name}");
    }
    assert_eq!(errors(&with("/images_attached", json!(1.0))), []);
    assert!(JUDGE.is_valid(&with("/images_attached", json!(1.0))));
}

#[test]
fn all_errors_come_at_once_with_hints() {
    let mut form = example();
    set(&mut form, "/requester/emial", Some(json!("x")));
    set(&mut form, "/requester/email", None);
    set(&mut form, "/context", Some(json!("investigaton")));
    set(&mut form, "/images/0/sha256", Some(json!(1)));
    set(&mut form, "/images_attached", Some(json!(3)));
    let found = errors(&form);
    let codes: BTreeSet<&str> = found.iter().map(|e| e.code.as_str()).collect();
    let expected = [
        "field_missing",
        "field_unknown",
        "image_count",
        "type_expected_string",
        "value_not_allowed",
    ];
    assert_eq!(codes, BTreeSet::from(expected), "{found:?}");
    let message = |code: &str| &found.iter().find(|e| e.code == code).unwrap().message;
    assert!(message("field_unknown").contains("did you mean `email`?"));
    assert!(message("value_not_allowed").contains("did you mean `investigation`?"));
    assert!(message("image_count").contains("says 3 images and holds 1"));
    let kinds = errors(&with("/images/0/source/kind", json!("drone")));
    for kind in ImageSourceKind::VARIANTS {
        let name: &str = kind.into();
        assert!(kinds[0].message.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_flood_of_errors_is_cut() {
    let mut form = example();
    for n in 0..2_000 {
        set(&mut form, &format!("/extra{n}"), Some(json!(0)));
    }
    let found = errors(&form);
    assert_eq!(found.len(), 501);
    assert_eq!(found[500].code, "too_many_errors");
}

#[test]
fn limits_lie_below_the_schema() {
    use validator::Validate as _;
    let limits = FormLimits::default();
    assert!(limits.validate().is_ok());
    assert!(FormLimits { images: 51, ..limits }.validate().is_err());
    let image = example()["images"][0].clone();
    let many = |count: usize| {
        let mut form = with("/images", json!(vec![image.clone(); count]));
        set(&mut form, "/images_attached", Some(json!(count)));
        form
    };
    let parsed = |form: &Value| parse_form(form.to_string().as_bytes()).unwrap();
    assert_eq!(limits.check(&parsed(&many(20)), 62_914_560), []);
    let found = limits.check(&parsed(&many(21)), 62_914_561);
    let codes: Vec<&str> = found.iter().map(|e| e.code.as_str()).collect();
    assert_eq!(codes, ["too_large", "too_many_files"]);
    // Beyond the schema's own maximum it has the same code.
    assert!(errors(&many(51)).iter().any(|e| e.code == "too_many_files"));
    let small = FormLimits { image_bytes: 4, ..limits };
    let with_content = |text: &str| parsed(&with("/images/0/content", json!(text)));
    assert_eq!(small.check(&with_content("QUJDRA=="), 1), []);
    let found = small.check(&with_content("QUJDREU="), 1);
    assert_eq!(found[0].pointer, "/images/0/content");
    assert!(found[0].message.contains("5 bytes, 4 are allowed"));
}

/// Every place of a form.
fn places(value: &Value, at: &str, list: &mut Vec<String>) {
    list.push(at.to_owned());
    if let Some(object) = value.as_object() {
        for (name, value) in object {
            places(value, &pointer::member(at, name), list);
        }
    }
    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
        places(item, &pointer::index(at, position), list);
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        (0_i64..60).prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,20}".prop_map(|t| json!(t)),
        "[a-z_]{1,12}".prop_map(|t| json!(t)),
        Just(json!("search_warrant")),
        Just(json!("not_available")),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"kind": "deceased", "reference": "7"})),
        Just(json!({"not_available": "unknown"})),
    ]
}

#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Add(String, Value),
}

fn change() -> impl Strategy<Value = Change> {
    let names = prop_oneof![
        Just("kind".to_owned()),
        Just("not_available".to_owned()),
        Just("warrant_number".to_owned()),
        Just("supervisor_approval".to_owned()),
        "[a-z/~]{1,8}",
    ];
    prop_oneof![
        leaf().prop_map(Change::Replace),
        Just(Change::Remove),
        (names, leaf()).prop_map(|(name, value)| Change::Add(name, value)),
    ]
}

fn apply(form: &mut Value, place: &str, change: &Change) {
    let Some(node) = form.pointer_mut(place) else {
        return;
    };
    match change {
        Change::Replace(value) => *node = value.clone(),
        Change::Add(name, value) => {
            if let Some(object) = node.as_object_mut() {
                object.insert(name.clone(), value.clone());
            }
        }
        Change::Remove => {
            let Some((parent, name)) = place.rsplit_once('/') else {
                return;
            };
            let parent = form.pointer_mut(parent).unwrap();
            if let Some(object) = parent.as_object_mut() {
                object.remove(name);
            } else if let Some(items) = parent.as_array_mut() {
                items.remove(name.parse().unwrap());
            }
        }
    }
}

/// Codes for what JSON Schema itself refuses.
fn is_schema_code(code: &str) -> bool {
    code.starts_with("type_expected_")
        || [
            "field_unknown",
            "field_missing",
            "value_not_allowed",
            "number_range",
            "items_count",
            "items_repeated",
            "too_many_files",
            "pattern",
        ]
        .contains(&code)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn our_walk_agrees_with_a_general_validator(
        choice in 0_usize..24,
        maximal in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), change()), 1..3),
    ) {
        let mut form = whole_sample(choice, maximal);
        for (index, change) in &changes {
            let mut list = Vec::new();
            places(&form, "", &mut list);
            let place = list[index.index(list.len())].clone();
            apply(&mut form, &place, change);
        }
        let found = errors(&form);
        prop_assert!(found.iter().all(|e| e.code != "form_unreadable"));
        if found.iter().any(|e| is_schema_code(&e.code)) {
            prop_assert!(!JUDGE.is_valid(&form), "{:?}", found);
        }
        if found.is_empty() {
            prop_assert!(JUDGE.is_valid(&form));
            let typed = parse_form(form.to_string().as_bytes()).unwrap();
            let written = serde_json::to_value(&typed).unwrap();
            prop_assert!(JUDGE.is_valid(&written));
            prop_assert_eq!(parse_form(written.to_string().as_bytes()).unwrap(), typed);
        }
    }

    #[test]
    fn mutated_bytes_never_panic_and_never_leak(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..8),
    ) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for (index, byte, what) in changes {
            let at = index.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        if let Err(failure) = parse_form(&bytes) {
            prop_assert!(!failure.errors().is_empty());
            let said = serde_json::to_string(failure.errors()).unwrap();
            for secret in ["ordan Sampl", "355501", "4-0018", "store's cam", "5th Str"] {
                prop_assert!(!said.contains(secret), "{}", said);
            }
        }
        let _ = body_digest(&bytes);
    }
}
