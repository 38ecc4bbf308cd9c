//! Every field of every body, and every query parameter.

use astral_tests::document::{Operation, operations};
use serde_json::{Map, Value, json};

use super::{
    Bench, Ground,
    answer::Answer,
    values::{Case, Expected, cases_of},
};
use crate::requests::Request;

/// Not a number from 1 to 200 in plain digits.
const LIMITS: &[&str] =
    &["", " ", "0", "201", "-1", "+5", "1.5", "1e1", "0x10", "٥", "ten", "null", "99999999999999999999"];
/// Neither `true` nor `false`.
const SWITCHES: &[&str] = &["", " ", "True", "TRUE", " true", "yes", "on", "0", "1", "null", "truefalse"];

/// What fits into the head of a request.
const LONGEST_QUERY: usize = 10_000;

#[tokio::test]
async fn every_field_takes_only_what_it_should() {
    let ground = Ground::new().await;
    let mut faults = Vec::new();
    for operation in operations().iter().filter(|operation| operation.body.is_some()) {
        let mut bench = Bench::new(&ground, operation).await;
        let schema = operation.body.as_ref().expect("a body");
        let properties = schema["properties"].as_object().expect("properties");
        all_at_once(&mut bench, properties).await;
        for (name, property) in properties {
            let required = schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
            if required {
                let mut request = bench.request.clone();
                fields_of(&mut request).remove(name);
                let answer = bench.send(&format!("{name} missing"), bench.by_head_coach(&request)).await;
                bench.expect_refused(&format!("{name} missing"), &answer, name);
            }
            null(&mut bench, name, required).await;
            for case in cases_of(name, property) {
                let what = format!("{name} {}", case.what);
                let mut request = bench.request.clone();
                fields_of(&mut request).insert(name.clone(), case.value.clone());
                let answer = bench.send(&what, bench.by_head_coach(&request)).await;
                judge(&mut bench, &what, name, case, &answer);
            }
        }
        faults.extend(bench.finish().await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whoever gets everything wrong is told everything at once.
async fn all_at_once(bench: &mut Bench<'_>, properties: &Map<String, Value>) {
    let mut request = bench.request.clone();
    request.body = Some(properties.keys().map(|name| (name.clone(), json!({}))).collect());
    let answer = bench.send("every field wrong", bench.by_head_coach(&request)).await;
    for name in properties.keys() {
        bench.expect_refused("every field wrong", &answer, name);
    }
}

/// `null` means left out in a POST; in a PATCH it could be meant to empty the field, so it is refused with a hint.
async fn null(bench: &mut Bench<'_>, name: &str, required: bool) {
    let what = format!("{name} null");
    let mut request = bench.request.clone();
    fields_of(&mut request).insert(name.to_owned(), Value::Null);
    let answer = bench.send(&what, bench.by_head_coach(&request)).await;
    if required || bench.operation.method == "patch" {
        bench.expect_refused(&what, &answer, name);
        let hint = required || answer.message_about(name).is_some_and(|message| message.contains("clear"));
        bench.must(hint, &what, "the refusal does not name clear");
    } else {
        bench.must(is_good(bench.operation, &answer), &what, "does not count as left out");
    }
}

#[tokio::test]
async fn every_query_parameter_takes_only_what_it_should() {
    let ground = Ground::new().await;
    let mut faults = Vec::new();
    for operation in &operations() {
        let mut bench = Bench::new(&ground, operation).await;
        for parameter in operation.parameters.iter().filter(|parameter| parameter.in_query) {
            let name = parameter.name.as_str();
            let wrong = match parameter.schema["type"].as_str() {
                Some("integer") => LIMITS,
                Some("boolean") => SWITCHES,
                _ => &[],
            };
            for text in wrong {
                let what = format!("{name}={text:?}");
                let answer = bench.send(&what, bench.by_head_coach(&bench.request).query(&[(name, text)])).await;
                bench.expect_refused(&what, &answer, name);
            }
            if !wrong.is_empty() {
                continue;
            }
            for case in cases_of(name, &parameter.schema) {
                let Some(text) = case.value.as_str() else { continue };
                let text = text.get(..LONGEST_QUERY).unwrap_or(text).to_owned();
                let what = format!("{name} {}", case.what);
                let answer = bench.send(&what, bench.by_head_coach(&bench.request).query(&[(name, text)])).await;
                judge(&mut bench, &what, name, case, &answer);
            }
        }
        faults.extend(bench.finish().await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn fields_of(request: &mut Request) -> &mut Map<String, Value> {
    request.body.as_mut().and_then(Value::as_object_mut).expect("a body")
}

fn judge(bench: &mut Bench<'_>, what: &str, name: &str, case: Case, answer: &Answer) {
    match case.expected {
        Expected::Refused => bench.expect_refused(what, answer, name),
        Expected::Accepted(value) => {
            bench.must(is_good(bench.operation, answer), what, &format!("is not accepted: {}", answer.body));
            let back = answer.body.get("invitation").unwrap_or(&answer.body).get(name);
            bench.must(
                answer.is_refusal() || back.is_none_or(|back| *back == value),
                what,
                &format!("comes back as {back:?}"),
            );
        }
        Expected::Judged => {}
    }
}

/// Whether the values were fine: to set up or to sign in takes more than that.
fn is_good(operation: &Operation, answer: &Answer) -> bool {
    match operation.id.as_str() {
        "set_up" => answer.is(409, "already_set_up"),
        "login" => answer.is(401, "wrong_email_or_password"),
        _ => !answer.is_refusal(),
    }
}
