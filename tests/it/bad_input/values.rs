//! Values that a client could send for a field, and what is to become of them.

use serde_json::{Value, json};

/// What is to become of a request with some value.
pub enum Expected {
    /// 422 that names the field.
    Refused,
    /// The value counts, and comes back like this if it comes back at all.
    Accepted(Value),
    /// The value is well-formed; whether it is the right one is for the operation to say.
    Judged,
}
use Expected::{Accepted, Judged, Refused};

/// A value to be sent.
pub struct Case {
    /// What is special about it.
    pub what: String,
    /// The value.
    pub value: Value,
    /// What is to become of the request.
    pub expected: Expected,
}

/// What a string stands for, as far as the document says.
enum Shape {
    Words,
    Id,
    Time,
    Email,
    Password,
    Address,
    Search,
    /// Whatever it is: it is searched.
    Anything,
    /// Of several lines, or blank, where the document allows it.
    Text {
        lines: bool,
        blank: bool,
    },
}

const TEXTS: &[(&str, &str)] = &[
    ("empty", ""),
    ("only spaces", " \t\u{a0}\u{3000} "),
    ("with U+0000", "a\u{0}b"),
    ("with U+0007", "a\u{7}b"),
    ("with U+0085", "a\u{85}b"),
    ("with a line break", "a\nb"),
    ("an emoji", "🏃‍♀️"),
    ("right to left", "נבחרת הריצה"),
    ("Chinese", "李小龍"),
    ("padded", "  Padded \u{a0}"),
];

const TIMES: &[(&str, &str, Option<&str>)] = &[
    ("in the past", "2029-12-31T23:59:59.999Z", None),
    ("in the year 0", "0000-01-01T00:00:00Z", None),
    ("before 1970", "1969-12-31T23:59:59Z", None),
    ("in the year 10000", "10000-01-01T00:00:00Z", None),
    ("in the year +10000", "+10000-01-01T00:00:00Z", None),
    ("after the end of 9999 in UTC", "9999-12-31T23:59:59-01:00", None),
    ("without an offset", "2127-01-01T00:00:00", None),
    ("a day alone", "2127-01-01", None),
    ("on a day that is none", "2127-02-29T00:00:00Z", None),
    ("at an hour that is none", "2127-01-01T24:00:00Z", None),
    ("at an offset that is none", "2127-01-01T00:00:00+25:00", None),
    ("seconds since 1970", "4954521600", None),
    ("padded", " 2127-01-01T00:00:00Z ", None),
    ("a leap second", "2126-12-31T23:59:60Z", Some("2127-01-01T00:00:00Z")),
    ("elsewhere", "2127-01-01T02:30:00+02:30", Some("2127-01-01T00:00:00Z")),
    ("finer than a millisecond", "2127-01-01T00:00:00.123999Z", Some("2127-01-01T00:00:00.123Z")),
    ("at the last instant", "9999-12-31T23:59:59.999Z", Some("9999-12-31T23:59:59.999Z")),
];

const EMAILS: &[(&str, &str, Option<&str>)] = &[
    ("without @", "ana.club.example", None),
    ("without a name", "@club.example", None),
    ("without a domain", "ana@", None),
    ("with two @", "ana@ben@club.example", None),
    ("with a space", "ana maria@club.example", None),
    ("with a line break", "ana@club.example\nbcc: ben@club.example", None),
    ("with U+0000", "ana\u{0}@club.example", None),
    ("as mail programs show it", "Ana <ana@club.example>", None),
    ("international", "josé.小龍@клуб.example", Some("josé.小龍@клуб.example")),
    ("padded and in capitals", " ANA.PADDED@Club.example ", Some("ANA.PADDED@Club.example")),
];

const IDS: &[(&str, &str)] = &[
    ("with another prefix", "evt_01jddjyz00fqqt3cp3tkjzc1rr"),
    ("without a prefix", "01jddjyz00fqqt3cp3tkjzc1rr"),
    ("a character short", "mem_01jddjyz00fqqt3cp3tkjzc1r"),
    ("a character long", "mem_01jddjyz00fqqt3cp3tkjzc1rrr"),
    ("in capitals", "mem_01JDDJYZ00FQQT3CP3TKJZC1RR"),
    ("with a letter that is none", "mem_01jddjyz00fqqt3cp3tkjzc1ri"),
    ("beyond 128 bits", "mem_81jddjyz00fqqt3cp3tkjzc1rr"),
];

const ADDRESSES: &[(&str, &str)] = &[
    ("out of range", "256.0.0.1"),
    ("with too wide a prefix", "10.0.0.0/33"),
    ("with a port", "10.0.0.1:80"),
    ("with a zone", "fe80::1%eth0"),
    ("a name", "localhost"),
];

/// How many bytes a megabyte of text has.
const MEGABYTE: usize = 1_000_000;

/// Every value worth sending for a field or parameter of this name and schema.
pub fn cases_of(name: &str, schema: &Value) -> Vec<Case> {
    let kinds = [json!(7), json!(true), json!({ "a": "b" }), json!("text"), json!(["text"])];
    let (own_kind, mut cases) = match schema["type"].as_str() {
        Some("array") => (4, list_cases(name, schema)),
        Some("string") => (3, text_cases(name, schema)),
        Some("integer") => (0, number_cases(schema)),
        Some("boolean") => (1, vec![judged("true", json!(true)), judged("false", json!(false))]),
        other => panic!("the document has a field of type {other:?}: say here what is to be tried for it"),
    };
    for (position, value) in kinds.into_iter().enumerate().filter(|(position, _)| *position != own_kind) {
        let kind = ["a number", "a boolean", "an object", "a string", "an array"][position];
        cases.push(Case { what: kind.to_owned(), value, expected: Refused });
    }
    cases
}

fn judged(what: &str, value: Value) -> Case {
    Case { what: what.to_owned(), value, expected: Judged }
}

/// The ends of the range, and what lies beyond them or between two whole numbers.
fn number_cases(schema: &Value) -> Vec<Case> {
    let [least, most] = ["minimum", "maximum"].map(|end| schema[end].as_f64().expect("a range") as i64);
    let mut cases = vec![judged("the least", json!(least)), judged("the greatest", json!(most))];
    for (what, value) in [
        ("too small", json!(least - 1)),
        ("too great", json!(most + 1)),
        ("beyond 32 bits", json!(1_u64 << 32)),
        ("beyond 64 bits", json!(1e30)),
        ("no whole number", json!(least as f64 + 0.5)),
    ] {
        cases.push(Case { what: what.to_owned(), value, expected: Refused });
    }
    cases
}

/// What is tried for each element alone, and then too many, too few and equal ones.
fn list_cases(name: &str, schema: &Value) -> Vec<Case> {
    let items = &schema["items"];
    let in_list = |case: Case| Case {
        what: format!("a list with one that is {}", case.what),
        value: json!([case.value]),
        expected: match case.expected {
            Accepted(value) => Accepted(json!([value])),
            other => other,
        },
    };
    let mut cases: Vec<Case> = cases_of(name, items).into_iter().map(in_list).collect();
    cases.push(Case { what: "a list of null".to_owned(), value: json!([null]), expected: Refused });
    let good = |position: u64| match (&items["enum"][0], shape(name, items)) {
        (Value::String(word), _) => word.clone(),
        (_, Shape::Address) => format!("10.0.0.{position}"),
        _ => format!("Label {position}"),
    };
    if let Some(most) = schema["maxItems"].as_u64() {
        let mut too_many = |what: &str, value: Value| {
            cases.push(Case { what: format!("{} {what} elements", most + 1), value, expected: Refused });
        };
        too_many("equal", (0..=most).map(|_| good(0)).collect());
        if !items["enum"].is_array() {
            too_many("different", (0..=most).map(good).collect());
        }
    }
    if schema["minItems"].as_u64().is_some_and(|least| least > 0) {
        cases.push(Case { what: "an empty list".to_owned(), value: json!([]), expected: Refused });
    }
    if schema["uniqueItems"] == true {
        cases.push(Case { what: "the same twice".to_owned(), value: json!([good(0), good(0)]), expected: Refused });
    }
    cases
}

fn text_cases(name: &str, schema: &Value) -> Vec<Case> {
    let shape = shape(name, schema);
    let length = |bound: &str| schema[bound].as_u64().and_then(|length| usize::try_from(length).ok());
    let mut cases: Vec<Case> = TEXTS.iter().map(|(what, text)| case(what, text, of_text(&shape, text))).collect();
    let megabyte = if let Shape::Anything = shape { Judged } else { Refused };
    cases.push(case("a megabyte of text", &"x".repeat(MEGABYTE), megabyte));
    if let Some(most) = length("maxLength") {
        cases.push(case("too long by one", &"🏃".repeat(most + 1), Refused));
        if let Shape::Text { .. } = shape {
            let longest = "🏃".repeat(most);
            cases.push(case("as long as may be", &longest, Accepted(longest.clone().into())));
        }
    }
    if let Some(least) = length("minLength").filter(|least| *least > 1) {
        cases.push(case("too short by one", &"🏃".repeat(least - 1), Refused));
    }
    let judge = |back: &Option<&str>| back.map_or(Refused, |back| Accepted(back.into()));
    match shape {
        // An instant to look from, or to, may lie in the past.
        Shape::Time => cases.extend(TIMES.iter().map(|(what, text, back)| match (*what, name) {
            ("in the past", "since" | "until") => case(what, text, Judged),
            _ => case(what, text, judge(back)),
        })),
        Shape::Email => cases.extend(EMAILS.iter().map(|(what, text, back)| case(what, text, judge(back)))),
        Shape::Id => {
            cases.extend(IDS.iter().map(|(what, text)| case(what, text, Refused)));
            let unknown = IDS[0].1.replace("evt_", "mem_");
            cases.push(case("well-formed and unknown", &unknown, if name == "cursor" { Refused } else { Judged }));
        }
        Shape::Address => cases.extend(ADDRESSES.iter().map(|(what, text)| case(what, text, Refused))),
        Shape::Words => {
            let word = schema["enum"][0].as_str().expect("a word").to_uppercase();
            cases.push(case("in capitals", &word, Refused));
        }
        Shape::Password | Shape::Search | Shape::Anything | Shape::Text { .. } => {}
    }
    cases
}

fn case(what: &str, text: &str, expected: Expected) -> Case {
    Case { what: what.to_owned(), value: text.into(), expected }
}

fn shape(name: &str, schema: &Value) -> Shape {
    match (schema["format"].as_str(), name) {
        (Some("date-time"), _) => Shape::Time,
        (Some("email"), _) => Shape::Email,
        (Some("password"), _) => Shape::Password,
        (Some(other), _) => panic!("the document has the format {other}: say here what is to be tried for it"),
        _ if schema["enum"].is_array() => Shape::Words,
        _ if schema["pattern"].is_string() => Shape::Id,
        (None, "allowed_ips") => Shape::Address,
        (None, "q") => Shape::Search,
        (None, "text") => Shape::Anything,
        (None, name) => Shape::Text { lines: name == "description", blank: schema["minLength"].is_null() },
    }
}

/// What becomes of one of [`TEXTS`].
fn of_text(shape: &Shape, text: &str) -> Expected {
    let trimmed = text.trim();
    match shape {
        Shape::Text { blank: true, .. } if trimmed.is_empty() => Judged,
        Shape::Text { lines, .. } => {
            let refused = trimmed.chars().any(|character| character.is_control() && !(*lines && character == '\n'));
            if trimmed.is_empty() || refused { Refused } else { Accepted(trimmed.into()) }
        }
        Shape::Anything => Accepted(text.into()),
        Shape::Password if !text.is_empty() => Judged,
        Shape::Search if !trimmed.is_empty() => Judged,
        _ => Refused,
    }
}
