//! The schema of the form, applied: every fault, with its place and a person's words.
//!
//! General validators answer a failed `oneOf` with "matches none". This one knows how the contract
//! uses JSON Schema (a discriminator in every `oneOf`) and reports inside the branch that was meant.
//! A test holds it against a general validator.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::patterns::PATTERNS;
use super::pointer;
use super::request::whole;
use super::text::{self, TextKind};
use crate::domain::ShapeError;

/// The contract, byte for byte.
pub const SCHEMA: &str = include_str!("../../../docs/search_request.v1.schema.json");

/// The contract as JSON. A test reads it, so that it is never `null`.
static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(SCHEMA).unwrap_or_default());

/// More errors than this help nobody.
const MAX_ERRORS: usize = 500;

/// Every fault of a form's shape; empty when it fits.
pub(super) fn check(form: &Value) -> Vec<ShapeError> {
    let mut walk = Walk { errors: Vec::new() };
    walk.node(&DOCUMENT, form, "");
    if walk.errors.len() > MAX_ERRORS {
        walk.errors.truncate(MAX_ERRORS);
        walk.add(
            "too_many_errors",
            "",
            "there are more errors than are listed; correct these and send the form again",
        );
    }
    walk.errors
}

struct Walk {
    errors: Vec<ShapeError>,
}

impl Walk {
    fn add(&mut self, code: &str, at: impl Into<String>, message: impl Into<String>) {
        self.errors.push(ShapeError::new(code, at, message));
    }

    fn node(&mut self, schema: &Value, value: &Value, at: &str) {
        if self.errors.len() > MAX_ERRORS {
            return;
        }
        if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
            return self.one_of(branches, value, at);
        }
        let allowed = match (schema.get("const"), schema.get("enum")) {
            (Some(only), _) => std::slice::from_ref(only),
            (None, Some(list)) => list.as_array().map(Vec::as_slice).unwrap_or_default(),
            (None, None) => return self.typed(schema, value, at),
        };
        if !allowed.contains(value) {
            self.not_allowed(allowed, value, at);
        }
    }

    fn typed(&mut self, schema: &Value, value: &Value, at: &str) {
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => match value.as_object() {
                Some(object) => self.object(schema, object, at),
                None => self.wrong_type("object", value, at),
            },
            Some("array") => match value.as_array() {
                Some(items) => self.array(schema, items, at),
                None => self.wrong_type("array", value, at),
            },
            Some("string") => match value.as_str() {
                Some(text) => self.string(schema, text, at),
                None => self.wrong_type("string", value, at),
            },
            Some("integer") => self.integer(schema, value, at),
            Some("boolean") if !value.is_boolean() => self.wrong_type("boolean", value, at),
            Some("null") if !value.is_null() => self.wrong_type("null", value, at),
            _ => {}
        }
    }

    fn wrong_type(&mut self, expected: &str, value: &Value, at: &str) {
        let want = match expected {
            "object" => "an object `{ … }`",
            "array" => "a list `[ … ]`",
            "string" => "text in quotes",
            "integer" => "a whole number without quotes",
            "boolean" => "true or false without quotes",
            _ => "null",
        };
        let got = type_name(value);
        self.add(&format!("type_expected_{expected}"), at, format!("expected {want}, got {got}"));
    }

    fn not_allowed(&mut self, allowed: &[Value], value: &Value, at: &str) {
        let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        let list = allowed
            .iter()
            .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let hint = value.as_str().map_or_else(String::new, |t| hint(t, names));
        self.add("value_not_allowed", at, format!("allowed: {list}{hint}"));
    }

    fn one_of(&mut self, branches: &[Value], value: &Value, at: &str) {
        let nullable = branches.iter().any(is_null_schema);
        if nullable && value.is_null() {
            return;
        }
        let rest: Vec<&Value> = branches.iter().filter(|b| !is_null_schema(b)).collect();
        if let [only] = rest.as_slice() {
            return self.node(only, value, at);
        }
        let Some(object) = value.as_object() else {
            return self.wrong_type("object", value, at);
        };
        match discriminator(&rest) {
            Some(name) => self.by_discriminator(name, &rest, value, at),
            None => {
                if let Some(branch) = by_presence(&rest, object) {
                    self.node(branch, value, at);
                }
            }
        }
    }

    fn by_discriminator(&mut self, name: &str, branches: &[&Value], value: &Value, at: &str) {
        let constant =
            |branch: &Value| property(branch, name).and_then(|p| p.get("const")).cloned();
        let allowed: Vec<Value> = branches.iter().filter_map(|b| constant(b)).collect();
        let at_name = pointer::member(at, name);
        let Some(given) = value.get(name) else {
            let list: Vec<String> = allowed.iter().map(|v| format!("`{}`", plain(v))).collect();
            return self.add(
                "field_missing",
                at_name,
                format!("`{name}` is required, one of {}", list.join(", ")),
            );
        };
        match branches.iter().find(|b| constant(b).as_ref() == Some(given)) {
            Some(branch) => self.node(branch, value, at),
            None if allowed.iter().all(Value::is_boolean) && !given.is_boolean() => {
                self.wrong_type("boolean", given, &at_name);
            }
            None => self.not_allowed(&allowed, given, &at_name),
        }
    }

    fn object(&mut self, schema: &Value, object: &Map<String, Value>, at: &str) {
        let Some(known) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        for (name, value) in object {
            let at = pointer::member(at, name);
            if let Some(schema) = known.get(name) {
                self.node(schema, value, &at);
                continue;
            }
            let near = hint(name, known.keys().map(String::as_str).collect());
            self.add(
                "field_unknown",
                at,
                format!("this member is not part of the form here; remove or rename it{near}"),
            );
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                self.add(
                    "field_missing",
                    pointer::member(at, name),
                    format!("`{name}` is required; add it"),
                );
            }
        }
    }

    fn array(&mut self, schema: &Value, items: &[Value], at: &str) {
        let min = bound(schema, "minItems").unwrap_or(0);
        let max = bound(schema, "maxItems").unwrap_or(usize::MAX);
        let count = items.len();
        if count > max || count < min {
            let code =
                if count > max && at == "/images" { "too_many_files" } else { "items_count" };
            self.add(code, at, format!("{min} to {max} items are allowed, {count} given"));
        }
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let Some(item_schema) = schema.get("items") else {
            return;
        };
        for (position, item) in items.iter().enumerate().take(max) {
            let at = pointer::index(at, position);
            if unique && items.iter().take(position).any(|earlier| earlier == item) {
                self.add(
                    "items_repeated",
                    at.clone(),
                    "this item stands in the list already; remove it",
                );
            }
            self.node(item_schema, item, &at);
        }
    }

    fn integer(&mut self, schema: &Value, value: &Value, at: &str) {
        // An unsigned number beyond i64 is whole too, and out of every range.
        let number = match value {
            Value::Number(number) if number.is_u64() => Some(number.as_i64().unwrap_or(i64::MAX)),
            Value::Number(number) => whole(number),
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        };
        let Some(number) = number else {
            return self.wrong_type("integer", value, at);
        };
        let min = schema.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
        let max = schema.get("maximum").and_then(Value::as_i64).unwrap_or(i64::MAX);
        if !(min..=max).contains(&number) {
            self.add("number_range", at, format!("a whole number from {min} to {max} is allowed"));
        }
    }

    fn string(&mut self, schema: &Value, text: &str, at: &str) {
        let min = bound(schema, "minLength").unwrap_or(0);
        let max = bound(schema, "maxLength");
        let length = text.chars().count();
        if length < min || max.is_some_and(|max| length > max) {
            let max = max.map_or_else(|| "any number of".to_owned(), |max| max.to_string());
            return self.add(
                "length",
                at,
                format!("{min} to {max} characters are allowed, {length} given"),
            );
        }
        if min > 0 && text.trim().is_empty() {
            return self.add("length", at, "the text holds only spaces; write what is asked for");
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            let known = PATTERNS.iter().find(|(p, _, _)| *p == pattern);
            if let Some((_, _, message)) = known.filter(|(_, fits, _)| !fits(text)) {
                self.add("pattern", at, *message);
            }
            return;
        }
        match schema.get("format").and_then(Value::as_str) {
            Some("date-time") if text::date(text).is_none() => self.add(
                "date_invalid",
                at,
                "write an existing date and time with offset, as RFC 3339 has it \
                 (2024-05-02T23:14:07-07:00)",
            ),
            Some("email") if !text::is_email(text) => self.add(
                "email_invalid",
                at,
                "write one plain e-mail address of at most 254 characters, without quotes, \
                 comments or IP address",
            ),
            Some("date-time" | "email") => {}
            _ => {
                if let Some((code, message)) = text::check(text, TextKind::of(pointer::last(at))) {
                    self.add(code, at, message);
                }
            }
        }
    }
}

fn is_null_schema(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

fn bound(schema: &Value, keyword: &str) -> Option<usize> {
    schema.get(keyword).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The member whose constant tells the branches apart.
fn discriminator<'a>(branches: &[&'a Value]) -> Option<&'a str> {
    let (name, _) = branches
        .first()?
        .get("properties")?
        .as_object()?
        .iter()
        .find(|(_, schema)| schema.get("const").is_some())?;
    Some(name)
}

/// Without a constant: the last branch of which a required member is present, else the first.
fn by_presence<'a>(branches: &[&'a Value], object: &Map<String, Value>) -> Option<&'a Value> {
    let present = |branch: &&&Value| {
        let required = branch.get("required").and_then(Value::as_array);
        required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|name| object.contains_key(name))
    };
    branches.iter().rev().find(present).or_else(|| branches.first()).copied()
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a fraction or exponent",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The known name that is nearest to what was written, if one is near. Never what was written.
fn hint(given: &str, known: Vec<&str>) -> String {
    let given: String = given.chars().take(100).collect();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given, name), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min()
        .map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}
