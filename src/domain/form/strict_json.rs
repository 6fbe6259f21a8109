//! JSON as RFC 8259 means it, and no more: UTF-8, no byte order mark, no name twice, bounded depth.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::pointer;
use crate::domain::ShapeError;

/// The form itself is six deep.
const MAX_DEPTH: usize = 16;
/// The largest form that the schema allows holds about 8,000 values.
const MAX_VALUES: usize = 20_000;

/// Reads one JSON text. Errors name line and column, never what stands there.
pub(super) fn read(bytes: &[u8]) -> Result<Value, ShapeError> {
    let text = decode(bytes)?;
    let state = RefCell::new(State::default());
    let mut json = serde_json::Deserializer::from_str(text);
    let node = Node { state: &state, at: "", depth: 0 };
    let read = node.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    read.map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        match state.into_inner().fault {
            Some(fault) => ShapeError { message: format!("{} ({place})", fault.message), ..fault },
            None => syntax(&error, &place),
        }
    })
}

fn decode(bytes: &[u8]) -> Result<&str, ShapeError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ShapeError::new("body_empty", "", "the body is empty; send the form as JSON"));
    }
    let encoding = |what: &str| Err(ShapeError::new("encoding_utf8", "", what));
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return encoding("the body starts with a byte order mark; send UTF-8 without it");
    }
    let utf16 = bytes.starts_with(b"\xFE\xFF")
        || bytes.starts_with(b"\xFF\xFE")
        || bytes.iter().take(4).any(|b| *b == 0);
    if utf16 {
        return encoding("the body seems to be UTF-16 or UTF-32; send UTF-8");
    }
    std::str::from_utf8(bytes).or_else(|error| {
        encoding(&format!(
            "the body is no UTF-8 after byte {}; encode the whole text as UTF-8",
            error.valid_up_to()
        ))
    })
}

/// A fault that the JSON parser itself found. Its texts are fixed and hold no input.
fn syntax(error: &serde_json::Error, place: &str) -> ShapeError {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    if what.contains("surrogate") || what.contains("hex escape") {
        return ShapeError::new(
            "encoding_utf8",
            "",
            format!(
                "an escape is half of a surrogate pair ({place}); write the character itself, in UTF-8"
            ),
        );
    }
    if what.contains("number out of range") {
        return ShapeError::new(
            "type_expected_integer",
            "",
            format!(
                "a number is too large ({place}); write a whole number within the field's range"
            ),
        );
    }
    ShapeError::new(
        "json_syntax",
        "",
        format!("this is no JSON: {what} ({place}); correct the text and send it again"),
    )
}

#[derive(Default)]
struct State {
    values: usize,
    fault: Option<ShapeError>,
}

/// Reads one value at a place; what is wrong goes to the shared state, as serde errors are texts.
struct Node<'a> {
    state: &'a RefCell<State>,
    at: &'a str,
    depth: usize,
}

impl Node<'_> {
    fn fault<E: serde::de::Error>(&self, error: ShapeError) -> E {
        self.state.borrow_mut().fault = Some(error);
        E::custom("refused")
    }

    fn descend<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fault(ShapeError::new(
                "json_too_deep",
                "",
                format!("the text is nested more than {MAX_DEPTH} deep; the form needs six"),
            )));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        let count = {
            let mut state = self.state.borrow_mut();
            state.values += 1;
            state.values
        };
        if count > MAX_VALUES {
            return Err(self.fault(ShapeError::new(
                "json_too_many_values",
                "",
                format!("the text holds more than {MAX_VALUES} values; no form needs as many"),
            )));
        }
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.descend()?;
        let mut list = Vec::new();
        loop {
            let at = pointer::index(self.at, list.len());
            let node = Node { state: self.state, at: &at, depth: self.depth + 1 };
            match items.next_element_seed(node)? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.descend()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let at = pointer::member(self.at, &name);
            if object.contains_key(&name) {
                return Err(self.fault(ShapeError::new(
                    "json_duplicate_key",
                    at,
                    "a name stands twice in one object; send each name once",
                )));
            }
            let node = Node { state: self.state, at: &at, depth: self.depth + 1 };
            let value = members.next_value_seed(node)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
