//! The roster sync: what it shows, what it changes, what it refuses, and what it survives.

use std::time::Duration;

use astral_client::types::{self, MemberStatus, Scope};
use serde_json::{Value, json};

use super::{
    Ground, PYTHON_CLIENT, Said, example, must_run,
    network::{Fate, Network},
    python,
};

const HEADER: &str = "external_id,name,email,labels,coach";

impl Ground {
    /// A club whose coach can be named in a file, and a key that may keep its roster and no more.
    async fn with_key() -> (Self, String) {
        let ground = Self::new().await;
        let club = &ground.club;
        let change =
            types::MemberChange::builder().email("ben@summit.example".to_owned()).external_id("C-1".to_owned());
        let change = club
            .head_coach
            .client
            .update_member()
            .org_id(&club.organization_id)
            .member_id(&club.coach.member_id)
            .body(change);
        change.send().await.expect("changed");
        let scopes = vec![Scope::MembersRead, Scope::MembersWrite];
        let key = club.create_key_with(types::NewApiKey::builder().name("Roster sync").scopes(Some(scopes))).await;
        (ground, key.secret)
    }

    async fn sync(&self, url: &str, key: &str, csv: impl AsRef<[u8]>, flags: &[&str]) -> Said {
        let file = self.file("athletes.csv");
        std::fs::write(&file, csv).expect("written");
        let mut command = python();
        command.arg(example("roster-sync").join("roster_sync.py")).arg(file).args(flags);
        Said::by(&command, url, key).await
    }

    /// Those who came from the file, by external id.
    async fn synced(&self) -> Vec<Value> {
        let mut members = self.members().await;
        members.retain(|member| member["role"] == "athlete" && member["external_id"] != Value::Null);
        members.sort_by_key(|member| member["external_id"].as_str().map(str::to_owned));
        members
    }
}

fn csv(lines: &[&str]) -> String {
    format!("{HEADER}\n{}\n", lines.join("\n"))
}

fn fields(member: &Value) -> Value {
    json!([
        member["external_id"],
        member["display_name"],
        member["email"],
        member["labels"],
        member["coach_id"],
        member["status"],
    ])
}

#[test]
fn it_is_typed() {
    let mut mypy = python();
    // The generated client is not ours to hold to that.
    mypy.args(["-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir"]);
    mypy.arg(PYTHON_CLIENT.join(".mypy_cache")).env("MYPYPATH", &*PYTHON_CLIENT);
    must_run(mypy.arg("roster_sync.py").arg("patience.py").current_dir(example("roster-sync")));
}

#[tokio::test]
async fn it_shows_first_then_does_it_and_then_finds_nothing_to_do() {
    let (ground, key) = Ground::with_key().await;
    let sample = std::fs::read(example("roster-sync").join("athletes.csv")).expect("a sample");
    let before = ground.members().await;

    let shown = ground.sync(&ground.server.url, &key, &sample, &[]).await.well();
    assert!(shown.starts_with("+ 4711 Ada Brandt\n    email: ada.brandt@example.com\n"), "{shown}");
    assert!(shown.contains("\n    coach: Ben Coach\n"), "{shown}");
    assert!(shown.ends_with("3 to do. Nothing was changed; run it again with --apply.\n"), "{shown}");
    assert_eq!(ground.members().await, before);

    let done = ground.sync(&ground.server.url, &key, &sample, &["--apply"]).await.well();
    assert!(done.ends_with("3 of 3 done.\n"), "{done}");
    let synced = ground.synced().await;
    let coach = &ground.club.coach.member_id;
    let expected = [
        json!(["4711", "Ada Brandt", "ada.brandt@example.com", ["Sprint", "U16"], coach, "active"]),
        json!(["4712", "Castillo, Bo", null, ["U18"], coach, "active"]),
        json!(["4713", "Cy Dembélé", null, [], null, "inactive"]),
    ];
    assert_eq!(synced.iter().map(fields).collect::<Vec<_>>(), expected);

    for flags in [&[][..], &["--apply", "--deactivate-missing"]] {
        assert_eq!(ground.sync(&ground.server.url, &key, &sample, flags).await.well(), "Nothing to do.\n");
    }
    assert_eq!(ground.synced().await, synced);
}

#[tokio::test]
async fn only_what_differs_is_changed() {
    let (ground, key) = Ground::with_key().await;
    let first = csv(&[
        "1,Same,same@example.com,A;B,ben@summit.example",
        "2,Moves,moves@example.com,A,C-1",
        "3,Suspended,,A,",
        "4,Leaves,,,",
    ]);
    ground.sync(&ground.server.url, &key, first, &["--apply"]).await.well();
    let before = ground.synced().await;
    let suspend = types::MemberChange::builder().status(MemberStatus::Suspended);
    let suspended = before[2]["id"].as_str().expect("an id");
    let client = &ground.club.head_coach.client;
    let request = client.update_member().org_id(&ground.club.organization_id).member_id(suspended).body(suspend);
    request.send().await.expect("suspended");

    // The order of rows and labels, spaces, a byte order mark and the case of a coach's email change nothing.
    let second = "\u{feff}external_id,coach,labels,name,email\r\n\
        3,,A,Suspended,\r\n\
        2,, C ;D;,Moved, \r\n\
        1,BEN@summit.example,B;A;B, Same ,same@example.com\r\n\r\n";
    let expected = "~ 2 Moves
    name: Moves → Moved
    email: moves@example.com → none
    labels: A → C, D
    coach: Ben Coach → none
";
    let shown = ground.sync(&ground.server.url, &key, second, &["--apply"]).await.well();
    assert_eq!(shown, format!("{expected}1 of 1 done.\n"));
    let after = ground.synced().await;
    assert_eq!(fields(&after[1]), json!(["2", "Moved", null, ["C", "D"], null, "active"]));
    assert_eq!((&after[0], &after[3]), (&before[0], &before[3]));
    assert_eq!(after[2]["status"], "suspended");

    // Who is missing goes only if that is asked for, and nobody who did not come from the file.
    let shown = ground.sync(&ground.server.url, &key, second, &["--apply", "--deactivate-missing"]).await.well();
    assert_eq!(shown, "- 4 Leaves\n    status: active → inactive\n1 of 1 done.\n");
    let inactive = ground.members().await.iter().filter(|member| member["status"] == "inactive").count();
    assert_eq!((inactive, &ground.synced().await[3]["status"]), (1, &json!("inactive")));
}

#[tokio::test]
async fn a_bad_file_is_refused_with_a_sentence_and_nothing_is_changed() {
    let (ground, key) = Ground::with_key().await;
    let before = ground.members().await;
    let row = |line: &str| csv(&["1,One,,,", line]).into_bytes();
    for (file, sentence) in [
        (b"external_id,name,labels\n1,One,\n".to_vec(), "line 1: no column 'email'\nline 1: no column 'coach'\n"),
        (format!("{HEADER},Status\n1,One,,,,\n").into_bytes(), "line 1: unknown column 'Status'\n"),
        (format!("{HEADER},email\n1,One,,,,\n").into_bytes(), "line 1: a column occurs twice\n"),
        (csv(&["1,One,,,"]).replace(',', ";").into_bytes(), "the columns are not separated by commas"),
        (csv(&["1,One,,,"]).replace(',', "\t").into_bytes(), "the columns are not separated by commas"),
        (HEADER.into(), "the file has no athletes in it\n"),
        (Vec::new(), "line 1: no column 'external_id'\n"),
        (row("1,Two,,,"), "line 3: external_id '1' is in line 2 too\n"),
        (row("2,,,,"), "line 3: no name\n"),
        (row(",Two,,,"), "line 3: no external_id\n"),
        (row("2,Two,,"), "line 3: 4 fields, but 5 columns\n"),
        (row("2,\"Two,,,"), "not CSV"),
        (row("2,Two,,,dan@summit.example"), "line 3: no coach of the club has the email or external_id 'dan@"),
        (row("C-1,Two,,,"), "line 3: 'C-1' is Ben Coach, who is not an athlete\n"),
        (csv(&["1,A,a@x.example,,", "2,B,A@x.example,,"]).into(), "line 3: email 'a@x.example' is in line 2 too\n"),
        (format!("{HEADER},status\n1,One,,,,gone\n").into(), "line 2: status 'gone' is none of active, inactive, sus"),
        (b"external_id,name,email,labels,coach\n1,Ren\xe9,,,\n".to_vec(), "line 2: not UTF-8; save the file as"),
        (
            format!("\u{feff}{HEADER}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "line 1: not UTF-8; save the file as",
        ),
    ] {
        let said = ground.sync(&ground.server.url, &key, &file, &["--apply"]).await;
        assert!(said.errors.contains(sentence) && !said.errors.contains("Traceback"), "{sentence}: {}", said.errors);
        assert_eq!((said.status, &*said.output), (2, ""), "{sentence}");
    }
    assert_eq!(ground.members().await, before);
}

#[tokio::test]
async fn a_row_that_the_server_refuses_is_named_and_the_others_are_done() {
    let (ground, key) = Ground::with_key().await;
    let file = csv(&["1,One,no-email,,", "2,Two,ben@summit.example,,", "3,Three,,,"]);
    let said = ground.sync(&ground.server.url, &key, &file, &["--apply"]).await;
    assert!(
        said.errors.contains("line 2: Something in the request is wrong. email: must be an email"),
        "{}",
        said.errors
    );
    let coach = &ground.club.coach.member_id;
    assert!(said.errors.contains(&format!("Ben Coach has it. (email_taken, {coach}, req_")), "{}", said.errors);
    let last = "1 of 3 done. Mend the lines named above, then run it again.\n";
    assert!(said.output.ends_with(last), "{}", said.output);
    assert_eq!((said.status, ground.synced().await.len()), (1, 1));

    // Also of an athlete who is there.
    let said = ground.sync(&ground.server.url, &key, csv(&["3,Three,BEN@summit.example,,"]), &["--apply"]).await;
    assert!(said.errors.contains(&format!("Ben Coach has it. (email_taken, {coach}, req_")), "{}", said.errors);

    // What is wrong with the key is wrong for every row, and the plan says so.
    let reader = ground.club.create_key_for(Scope::MembersRead).await.secret;
    for (flags, status) in [(&[][..], 0), (&["--apply"][..], 2)] {
        let said = ground.sync(&ground.server.url, &reader, &file, flags).await;
        let sentence = "the key lacks the scope members:write; ask the head coach to add it before --apply\n";
        assert_eq!((said.status, &*said.errors), (status, sentence));
    }
    assert_eq!(ground.synced().await.len(), 1);
    for (credential, sentence) in [
        ("astral_live_nonsense", "credential_invalid"),
        (&*ground.club.head_coach.token, "must hold an API key, not a session token"),
        ("", "set ASTRAL_API_KEY"),
    ] {
        let said = ground.sync(&ground.server.url, credential, &file, &["--apply"]).await;
        assert!(said.status == 2 && said.errors.contains(sentence), "{}", said.errors);
    }
    let network = Network::before(&ground.server.url, "GET", vec![Fate::Answered("200 OK")]).await;
    let said = ground.sync(&network.url, &key, &file, &["--apply"]).await;
    assert_eq!((said.status, said.errors.contains("does ASTRAL_URL name an Astral server?")), (2, true));
}

// A key with the end of its line was once sent as it was, refused by the HTTP library, and printed with each try.
#[tokio::test]
async fn the_key_is_never_printed() {
    let (ground, key) = Ground::with_key().await;
    let (file, url) = (csv(&["1,One,,,"]), &*ground.server.url);
    for end in ["\n", "\r\n", " "] {
        let shown = ground.sync(&format!("{url}/{end}"), &format!("{key}{end}"), &file, &[]).await.well();
        assert_eq!(shown, "+ 1 One\n1 to do. Nothing was changed; run it again with --apply.\n");
    }
    let (start, rest) = key.split_at(20);
    let tls = url.replace("http://", "https://");
    for (url, credential, sentence) in [
        (url, format!("{start}\n{rest}"), "characters in it that no API key has"),
        (url, format!("{start}\r{rest}"), "characters in it that no API key has"),
        (url, format!("{key}é"), "characters in it that no API key has"),
        (url, format!("Bearer {key}"), "characters in it that no API key has"),
        ("127.0.0.1", key.clone(), "ASTRAL_URL to the server, such as"),
        (&*key, key.clone(), "ASTRAL_URL to the server, such as"),
        ("http://127.0.0.1:2", key.clone(), "http://127.0.0.1:2 (ASTRAL_URL) cannot be reached"),
        (&*tls, key.clone(), "does not answer with TLS; is ASTRAL_URL right"),
    ] {
        let said = ground.sync(url, &credential, &file, &[]).await;
        assert!(said.errors.contains(sentence) && !said.errors.contains("Traceback"), "{sentence}: {}", said.errors);
        assert!(!said.errors.contains(start) && !said.errors.contains(rest), "{sentence}");
        assert_eq!((said.status, &*said.output), (2, ""), "{sentence}");
    }
}

#[tokio::test]
async fn it_survives_a_bad_network_and_adds_nobody_twice() {
    let (ground, key) = Ground::with_key().await;
    let mut rows = Vec::new();
    for (number, fates) in [
        vec![Fate::Lost],
        vec![Fate::AnswerLost],
        vec![Fate::AnswerCut],
        vec![Fate::Answered("429 Too Many Requests\r\nRetry-After: 0")],
        vec![Fate::AnsweredAfterwards("429 Too Many Requests\r\nRetry-After: 0")],
        vec![Fate::AnsweredAfterwards("503 Service Unavailable"), Fate::Lost, Fate::AnswerLost],
    ]
    .into_iter()
    .enumerate()
    {
        rows.push(String::new());
        for (method, name) in [("POST", "Added"), ("PATCH", "Changed"), ("GET", "Changed")] {
            rows[number] = format!("{number},{name},a{number}@example.com,,C-1");
            let lines: Vec<&str> = rows.iter().map(String::as_str).collect();
            let network = Network::before(&ground.server.url, method, fates.clone()).await;
            ground.sync(&network.url, &key, csv(&lines), &["--apply"]).await.well();
            assert!(network.requests().len() > fates.len(), "{method} {fates:?}");
            let synced = ground.synced().await;
            assert_eq!(synced.len(), rows.len(), "{method} {fates:?}");
            assert_eq!(synced[number]["display_name"], name, "{method} {fates:?}");
        }
    }
}

#[tokio::test]
async fn two_runs_at_once_add_nobody_twice() {
    let (ground, key) = Ground::with_key().await;
    let rows: Vec<String> =
        (0..40).map(|number| format!("{number},Athlete {number},a{number}@example.com,U16,C-1")).collect();
    let file = csv(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    let run = || ground.sync(&ground.server.url, &key, &file, &["--apply"]);
    let (one, other) = tokio::join!(run(), run());
    one.well();
    other.well();
    assert_eq!(ground.synced().await.len(), rows.len());
}

#[tokio::test]
async fn it_waits_as_long_as_it_is_asked_to() {
    let (ground, key) = Ground::with_key().await;
    let fates = vec![Fate::Answered("429 Too Many Requests\r\nRetry-After: 1")];
    let network = Network::before(&ground.server.url, "POST", fates).await;
    ground.sync(&network.url, &key, csv(&["1,One,,,"]), &["--apply"]).await.well();
    let [first, second] = network.requests()[..] else { panic!("two tries") };
    assert!(second - first >= Duration::from_secs(1));
}

#[tokio::test]
async fn it_gives_up_in_the_end() {
    let (ground, key) = Ground::with_key().await;
    let file = csv(&["1,One,,,", "2,Two,,,"]);
    // At once where the wait would be long, else after six tries.
    for (answer, tries) in [("503 Service Unavailable", 6), ("429 Too Many Requests\r\nRetry-After: 3600", 1)] {
        for (method, status) in [("GET", 2), ("POST", 1)] {
            let network = Network::before(&ground.server.url, method, vec![Fate::Answered(answer); 7]).await;
            let said = ground.sync(&network.url, &key, &file, &["--apply"]).await;
            assert_eq!((said.status, network.requests().len()), (status, tries), "{method}: {}", said.errors);
            assert!(said.errors.contains(&format!("gave up after try {tries}: ")), "{}", said.errors);
        }
    }
    assert_eq!(ground.synced().await, Vec::<Value>::new());
}
