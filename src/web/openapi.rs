//! The `OpenAPI` 3.1 document of the API, from the table of operations that the router is built from.

mod schemas;

use axum::Json;
use axum::response::IntoResponse as _;
use serde_json::{Map, Value, json};

use super::problem::{Answer, MEDIA_TYPE};
use super::routes::{self, Content, FORM, Operation, Who};

/// The document. `leadbroker openapi` prints it.
pub fn openapi() -> Value {
    let mut paths = Map::new();
    for (group, operation) in routes::all() {
        let verb: &'static str = operation.verb.into();
        let entry = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = entry.as_object_mut() {
            path.insert(verb.to_owned(), described(group, operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "leadbroker",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A broker between law-enforcement agencies for facial-recognition search requests. It compares no faces. docs/API.md says more.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "agencies", "description": "For requesting agencies." },
            { "name": "people", "description": "For the people of a unit." },
            { "name": "machines", "description": "Health, metrics, this document; no token." },
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "agency": { "type": "http", "scheme": "bearer", "description": "An agency's token." },
                "person": { "type": "http", "scheme": "bearer", "description": "A person's token, or a session's." },
            },
            "headers": all_headers(),
            "responses": all_refusals(),
            "schemas": schemas::all(),
        },
    })
}

/// `GET /api/v1/openapi.json`.
pub(super) async fn handle() -> Answer {
    Ok(Json(openapi()).into_response())
}

fn reference(component: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{component}") })
}

fn described(group: &str, operation: &Operation) -> Value {
    let security = match operation.who {
        Who::Nobody => json!([]),
        Who::Agency => json!([{ "agency": [] }]),
        Who::Person => json!([{ "person": [] }]),
    };
    let mut described = json!({
        "operationId": operation.id,
        "tags": [group],
        "summary": operation.summary,
        "security": security,
        "responses": responses(operation),
    });
    let parameters = parameters(operation);
    if let Some(members) = described.as_object_mut() {
        if !parameters.is_empty() {
            members.insert("parameters".to_owned(), Value::Array(parameters));
        }
        if let Some(component) = operation.body {
            members.insert("requestBody".to_owned(), body(component));
        }
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let component = |name: &str| match name {
        "unit" => "UnitId",
        "entry" => "RosterEntryId",
        "message" => "MessageId",
        "n" => "Ordinal",
        "draft" => "DraftId",
        "page" => "PageId",
        "destination" => "DestinationName",
        _ => "RequestId",
    };
    let mut parameters: Vec<Value> = operation
        .path_parameters()
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": reference(component(name)) })
        })
        .collect();
    parameters.extend(operation.query.iter().map(
        |(name, component)| json!({ "name": name, "in": "query", "schema": reference(component) }),
    ));
    if operation.body == Some(FORM) {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": reference("IdempotencyKey"),
            "description": "Your own choice; the same key and form get the same request again.",
        }));
    }
    parameters
}

fn body(component: &str) -> Value {
    let mut content = Map::new();
    content.insert("application/json".to_owned(), json!({ "schema": reference(component) }));
    if component == FORM {
        content.insert(
            "multipart/form-data".to_owned(),
            json!({
                "schema": {
                    "type": "object",
                    "required": ["form"],
                    "properties": { "form": reference(component) },
                    "additionalProperties": { "type": "string", "contentMediaType": "application/octet-stream" },
                    "description": "A file a part, whose name an image of the form has in `part`.",
                },
                "encoding": { "form": { "contentType": "application/json" } },
            }),
        );
    }
    json!({ "required": true, "content": content })
}

fn responses(operation: &Operation) -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, refusal) in refusals(operation) {
        responses.insert(
            status.to_string(),
            json!({ "$ref": format!("#/components/responses/{}", refusal.name()) }),
        );
    }
    // Readiness has its own 503; it is no refusal.
    for (status, content) in operation.answers {
        responses.insert(status.to_string(), answer(*status, *content));
    }
    responses
}

/// A status with its codes; many operations share one.
struct Refusal {
    status: u16,
    codes: Vec<&'static str>,
    of_form: bool,
}

impl Refusal {
    fn name(&self) -> String {
        let of_form = if self.of_form { "form." } else { "" };
        format!("{of_form}{}.{}", self.status, self.codes.join("."))
    }

    fn described(&self) -> Value {
        let component = if self.of_form { "RefusedForm" } else { "Problem" };
        let schema = json!({
            "allOf": [reference(component)],
            "properties": { "code": { "enum": self.codes }, "status": { "const": self.status } },
        });
        json!({
            "description": format!("Refused: `{}`.", self.codes.join("`, `")),
            "headers": headers(self.status),
            "content": { MEDIA_TYPE: { "schema": schema } },
        })
    }
}

fn refusals(operation: &Operation) -> impl Iterator<Item = (u16, Refusal)> {
    let form = operation.body == Some(FORM);
    operation.refusals().into_iter().map(move |(status, codes)| {
        let of_form = form && [400, 413, 422].contains(&status);
        (status, Refusal { status, codes: codes.into_iter().collect(), of_form })
    })
}

/// Every refusal once.
fn all_refusals() -> Map<String, Value> {
    routes::all()
        .flat_map(|(_, operation)| {
            let own = |status: &u16| operation.answers.iter().any(|(known, _)| known == status);
            refusals(operation).filter(move |(status, _)| !own(status))
        })
        .map(|(_, refusal)| (refusal.name(), refusal.described()))
        .collect()
}

fn answer(status: u16, content: Content) -> Value {
    let description = match status {
        201 => "Made.",
        202 => "Stored; not yet checked.",
        204 => "Well.",
        304 => "Nothing has changed since the `ETag` that was given.",
        503 => "The database is away.",
        _ => "Done.",
    };
    let mut answer = json!({ "description": description, "headers": headers(status) });
    let content = match content {
        Content::Empty => return answer,
        Content::Json(component) => {
            json!({ "application/json": { "schema": reference(component) } })
        }
        Content::Media(kinds) => kinds
            .iter()
            .map(|kind| ((*kind).to_owned(), json!({})))
            .collect::<Map<String, Value>>()
            .into(),
    };
    if let Some(members) = answer.as_object_mut() {
        members.insert("content".to_owned(), content);
    }
    answer
}

/// Headers that a client needs, by their names.
const HEADERS: [(&str, &str); 3] = [
    ("X-Request-Id", "Give it to the administrator when something fails."),
    ("WWW-Authenticate", "RFC 6750."),
    ("Retry-After", "Seconds to wait."),
];

fn headers(status: u16) -> Value {
    let special = match status {
        401 => Some("WWW-Authenticate"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    std::iter::once("X-Request-Id")
        .chain(special)
        .map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })))
        .collect::<Map<String, Value>>()
        .into()
}

fn all_headers() -> Map<String, Value> {
    HEADERS
        .into_iter()
        .map(|(name, meaning)| {
            (name.to_owned(), json!({ "description": meaning, "schema": { "type": "string" } }))
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests;
