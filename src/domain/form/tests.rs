//! The types against the contract.

use serde_json::Value;

use super::Form;

const EXAMPLE: &str = include_str!("../../../tests/data/forms/search_request.v1.example.json");

#[test]
fn the_example_serialises_back_to_the_same_json() {
    let sent: Value = serde_json::from_str(EXAMPLE).unwrap();
    let form: Form = serde_json::from_str(EXAMPLE).unwrap();
    assert_eq!(serde_json::to_value(&form).unwrap(), sent);
}
