//! The `AsyncAPI` document: what agencies, reviewers' tools and operators may rely on, from the same table.

use serde_json::{Map, Value, json};
use strum::VariantArray;

use super::{AGENCIES, INTAKE, INTAKE_KEY, MAX_BODY_BYTES, REVIEW, WORK, intake_queue, step_queue};
use crate::messages::Step;

const REVIEW_MESSAGE: &str = "review.job_waiting.v1";
const EVENT_MESSAGE: &str = "search_request.event.v1";

/// The `AsyncAPI` 3.0.0 document. `version` is leadbroker's; `form` and `receipt` are the JSON schemas of the form and
/// of the reply.
pub fn asyncapi(version: &str, form: &Value, receipt: &Value) -> Value {
    let mut channels = Map::new();
    let mut operations = Map::new();
    let mut put = |name: &str, action: &str, channel: Value, operation: Value| {
        let mut operation = operation;
        if let Some(members) = operation.as_object_mut() {
            members.insert("action".to_owned(), json!(action));
            members.insert("channel".to_owned(), json!({ "$ref": format!("#/channels/{name}") }));
        }
        channels.insert(name.to_owned(), channel);
        operations.insert(format!("{action}_{name}"), operation);
    };
    put(
        "intake",
        "receive",
        intake_channel(),
        json!({
        "summary": "An agency sends a form; the receipt goes to its reply_to.",
        "reply": { "address": { "location": "$message.header#/reply_to" },
                   "messages": [{ "$ref": "#/components/messages/receipt" }] } }),
    );
    put(
        "agency_events",
        "send",
        agency_channel(),
        json!({
        "summary": "leadbroker tells an agency what happened to its request (CloudEvents 1.0)." }),
    );
    put(
        "review_jobs",
        "send",
        review_channel(),
        json!({
        "summary": "leadbroker tells a unit's tools that a job waits; the job itself is in the API." }),
    );
    for step in Step::VARIANTS {
        put(
            &format!("work_{}", step.as_str()),
            "receive",
            work_channel(*step),
            json!({
            "summary": format!("Internal: commands for the step {}.", step.as_str()) }),
        );
    }
    json!({
        "asyncapi": "3.0.0",
        "info": { "title": "leadbroker", "version": version,
                  "description": "A broker for facial-recognition search requests. It compares no faces." },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages(form, receipt) },
    })
}

fn channel(exchange: &str, address: &str, message: &str) -> Value {
    let name = message.replace('.', "_");
    json!({
        "address": address,
        "messages": { &name: { "$ref": format!("#/components/messages/{name}") } },
        "bindings": { "amqp": { "is": "routingKey", "bindingVersion": "0.3.0",
            "exchange": { "name": exchange, "type": "topic", "durable": true, "autoDelete": false, "vhost": "/" } } },
    })
}

fn with(mut channel: Value, member: &str, value: Value) -> Value {
    if let Some(members) = channel.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
    channel
}

fn intake_channel() -> Value {
    let description = format!("Read from the queue {}.", intake_queue());
    with(channel(INTAKE, INTAKE_KEY, INTAKE_KEY), "description", json!(description))
}

fn agency_channel() -> Value {
    with(
        channel(AGENCIES, "{ori}.{event}", EVENT_MESSAGE),
        "parameters",
        json!({
        "ori": { "description": "The agency's Originating Agency Identifier." },
        "event": { "description": "What happened, such as accepted, held or delivered." } }),
    )
}

fn review_channel() -> Value {
    let lanes: Vec<&'static str> = crate::domain::Lane::VARIANTS.iter().map(Into::into).collect();
    with(
        channel(REVIEW, "{unit}.{lane}", REVIEW_MESSAGE),
        "parameters",
        json!({
        "unit": { "description": "The regional unit." },
        "lane": { "description": "How urgent.", "enum": lanes } }),
    )
}

fn work_channel(step: Step) -> Value {
    let description = format!("Read from the queue {}.", step_queue(step));
    with(channel(WORK, step.as_str(), "command"), "description", json!(description))
}

fn messages(form: &Value, receipt: &Value) -> Value {
    let request = json!({ "type": "string", "pattern": "^r-[0-9a-f]{32}$" });
    let message = |name: &str, summary: &str, payload: Value| json!({ "name": name, "summary": summary, "contentType": "application/json", "payload": payload });
    json!({
        "search_request_v1": with(
            message(INTAKE_KEY, "The form. message_id is the idempotency key and mandatory.", form.clone()),
            "headers",
            json!({ "type": "object", "required": ["message_id"], "properties": {
                "message_id": { "type": "string", "minLength": 1, "maxLength": 64 },
                "correlation_id": { "type": "string" }, "reply_to": { "type": "string" } } })),
        "receipt": message("receipt", "The answer to a form.", receipt.clone()),
        "search_request_event_v1": with(message(EVENT_MESSAGE, "A CloudEvents 1.0 document.", json!({
            "type": "object",
            "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
            "properties": { "specversion": { "const": "1.0" }, "id": { "type": "string" },
                "source": { "type": "string" }, "type": { "type": "string" }, "subject": request.clone(),
                "time": { "type": "string", "format": "date-time" }, "data": { "type": "object" } } })),
            "contentType", json!("application/cloudevents+json")),
        "review_job_waiting_v1": message(REVIEW_MESSAGE, "A job waits.", json!({
            "type": "object", "required": ["type", "request", "unit", "lane"],
            "properties": { "type": { "const": REVIEW_MESSAGE }, "request": request.clone(),
                "unit": { "type": "string" }, "lane": { "type": "string" } } })),
        "command": message("command", &format!("Ids only, at most {MAX_BODY_BYTES} bytes."), json!({
            "type": "object", "required": ["type", "request"],
            "properties": { "type": { "type": "string" }, "request": request } })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    if let ("$ref", Some(text)) = (name.as_str(), member.as_str()) {
                        found.push(text.to_owned());
                    }
                    references(member, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document =
            asyncapi("1.0.0", &json!({ "type": "object" }), &json!({ "type": "object" }));
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 10);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        assert_eq!(document["channels"].as_object().unwrap().len(), 3 + Step::VARIANTS.len());
    }

    #[test]
    fn the_document_names_the_exchanges_of_the_table() {
        let document = asyncapi("1.0.0", &json!({}), &json!({}));
        for (_, channel) in document["channels"].as_object().unwrap() {
            let exchange = channel["bindings"]["amqp"]["exchange"]["name"].as_str().unwrap();
            assert!(super::super::EXCHANGES.contains(&exchange), "{exchange}");
        }
    }
}
