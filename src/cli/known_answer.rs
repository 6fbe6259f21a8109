//! `leadbroker known-answer`: test cases whose answer the unit's administrator knows.

use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Output;
use super::agency::findings;
use super::args::{InjectArgs, KnownAnswerCommand};
use super::client::{Api, rows, shown};
use super::submit::{fill, read_files};

/// Runs the command.
pub(super) async fn run(
    api: &Api,
    command: &KnownAnswerCommand,
    output: &mut Output,
) -> anyhow::Result<()> {
    match command {
        KnownAnswerCommand::Inject(args) => {
            let body = json!({ "form": form(args)?, "expected": read(&args.expected)? });
            let answer = api.post("known-answers", Some(&body)).await?;
            output.step(&answer, &["request", "state"]);
            if !output.is_json() {
                findings(&answer, output);
            }
        }
        KnownAnswerCommand::Results => results(&api.get("known-answers").await?, output),
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("read `{name}`"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("read `{name}`: it is no JSON"))
}

/// The form with its images inside.
fn form(args: &InjectArgs) -> anyhow::Result<Value> {
    let mut form = read(&args.form)?;
    let files = read_files(&args.image)?;
    if !files.is_empty() {
        fill(&mut form, &files)?;
        inline(&mut form, &files);
    }
    Ok(form)
}

/// Puts the bytes of each file where its image names it.
fn inline(form: &mut Value, files: &[(String, Vec<u8>)]) {
    let images = form.get_mut("images").and_then(Value::as_array_mut);
    for image in images.into_iter().flatten().filter_map(Value::as_object_mut) {
        let part = image.get("part").and_then(Value::as_str).unwrap_or_default();
        if let Some((_, bytes)) = files.iter().find(|(name, _)| name == part) {
            let _ = image.remove("part");
            let _ = image.insert("content".to_owned(), STANDARD.encode(bytes).into());
        }
    }
}

fn results(answer: &Value, output: &mut Output) {
    if output.is_json() {
        return output.value(answer);
    }
    let cases = answer.get("cases").and_then(Value::as_array).map(Vec::as_slice);
    let cases: Vec<Vec<String>> = cases.unwrap_or_default().iter().flat_map(lines).collect();
    output.table(&["request", "state", "step", "account", "comparison"], &cases);
    let members = [
        "account",
        "conclusions",
        "agreeing",
        "false_leads",
        "missed",
        "unsuitable",
        "inconclusive",
        "declined",
    ];
    let people = answer.get("people").and_then(Value::as_array).map(Vec::as_slice);
    let mut table = rows(answer.get("people"), &members);
    for (row, person) in table.iter_mut().zip(people.unwrap_or_default()) {
        row.push(rate(person.get("error_rate")));
        row.push(rate(person.get("false_lead_rate")));
    }
    let mut headers = members.to_vec();
    headers.extend(["errors (95 % interval)", "false leads (95 % interval)"]);
    output.table(&headers, &table);
}

/// A case with each person's share in it.
fn lines(case: &Value) -> Vec<Vec<String>> {
    let head = [shown(case, "request"), shown(case, "state")];
    let mut shares = rows(case.get("conclusions"), &["step", "account", "comparison"]);
    if shares.is_empty() {
        shares.push(vec!["-".to_owned(); 3]);
    }
    shares.into_iter().map(|share| head.iter().cloned().chain(share).collect()).collect()
}

/// `1 of 10 (0.018 to 0.404)`.
fn rate(rate: Option<&Value>) -> String {
    let Some(rate) = rate else { return "-".to_owned() };
    let [count, of, low, high] = ["count", "of", "low", "high"].map(|member| shown(rate, member));
    format!("{count} of {of} ({low} to {high})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_travel_inside_the_form() {
        let files = [("a.png".to_owned(), b"a".to_vec())];
        let mut form = json!({ "images": [{ "media_type": "image/png" }, { "content": "eA==" }] });
        fill(&mut form, &files).unwrap();
        inline(&mut form, &files);
        let image = &form["images"][0];
        assert_eq!((&image["content"], image.get("part")), (&json!("YQ=="), None));
        assert_eq!(image["sha256"], hex::encode(openssl::sha::sha256(b"a")));
        assert_eq!(form["images"][1], json!({ "content": "eA==" }));
    }

    #[test]
    fn a_table_tells_each_share_and_how_sure_a_rate_is() {
        let case = json!({ "request": "r-1", "state": "delivered", "conclusions": [
            { "step": "first", "account": "p-1", "comparison": "agrees" },
            { "step": "second", "account": "p-2", "comparison": "missed" },
        ]});
        assert_eq!(lines(&case)[1], ["r-1", "delivered", "second", "p-2", "missed"]);
        assert_eq!(lines(&json!({ "request": "r-2", "state": "queued" }))[0][2], "-");
        let of = json!({ "count": 1, "of": 10, "low": 0.018, "high": 0.404 });
        assert_eq!(rate(Some(&of)), "1 of 10 (0.018 to 0.404)");
        let none = json!({ "count": 0, "of": 0, "low": null, "high": null });
        assert_eq!(rate(Some(&none)), "0 of 0 (- to -)");
    }
}
