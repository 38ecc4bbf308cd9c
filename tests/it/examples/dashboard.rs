//! The dashboard: whom it counts, what it shows, and what it survives.

use std::path::PathBuf;

use astral_client::types::{self, Scope};
use serde_json::json;

use super::{
    DASHBOARD, Ground, Said,
    network::{Fate, Network},
    node,
};

impl Ground {
    fn page(&self) -> PathBuf {
        self.file("dashboard.html")
    }

    async fn dashboard(&self, url: &str, key: &str) -> Said {
        let mut command = node();
        command.arg(DASHBOARD.join("dashboard.js")).arg(self.page());
        Said::by(&command, url, key).await
    }
}

/// What a reader of a page sees, without its title and style.
fn text(html: &str) -> String {
    let (_, body) = html.split_once("<body>").expect("a body");
    let words = body.split('<').flat_map(|part| part.split_once('>').map_or(part, |(_, text)| text).split([' ', '\n']));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn it_counts_all_members_and_shows_them_harmlessly() {
    let ground = Ground::new().await;
    let (club, coach) = (&ground.club, &ground.club.coach.member_id);
    // More than a page of them.
    let mut added = tokio::task::JoinSet::new();
    for number in 0..203 {
        let label = if number % 2 == 0 { "Even" } else { "Odd" };
        let body = json!({ "display_name": format!("Athlete {number}"), "labels": [label], "coach_id": coach });
        let request = ground.server.request("post", &club.path("/members")).bearer_auth(&club.head_coach.token);
        added.spawn(request.json(&body).send());
    }
    for body in [
        json!({ "display_name": "<script>alert(1)</script>", "labels": ["<b>&\"'"] }),
        json!({ "display_name": "Zoë Away", "status": "inactive", "labels": ["Away"] }),
        json!({ "display_name": "Sue Spended", "status": "suspended", "coach_id": coach }),
    ] {
        let request = ground.server.request("post", &club.path("/members")).bearer_auth(&club.head_coach.token);
        added.spawn(request.json(&body).send());
    }
    while let Some(answer) = added.join_next().await {
        assert_eq!(answer.expect("joined").expect("answered").status(), 201);
    }

    let key = club.create_key("Dashboard").await.secret;
    let said = ground.dashboard(&ground.server.url, &key).await.well();
    assert_eq!(said, format!("{}: 209 members of Summit\n", ground.page().display()));
    let html = std::fs::read_to_string(ground.page()).expect("a page");
    let seen = text(&html);
    for expected in [
        "Summit 209 members, as of ",
        "Active 207 Inactive 1 Suspended 1",
        // The club's coach, and the one athlete that `Ground` brings.
        "Active athletes by coach Ben Coach Even\u{a0}102 · Odd\u{a0}101 203",
        "Active athletes by label Even 102 Odd 101 &lt;b&gt;&amp;&quot;&#39; 1",
        "Active athletes without a coach (2) &lt;script&gt;alert(1)&lt;/script&gt; Cleo Athlete",
    ] {
        assert!(seen.contains(expected), "no {expected:?} in {seen}");
    }
    assert!(!seen.contains("Away"));
    for harmful in ["<script", "<b>", "http://", "https://", "src=", "href=", "url(", "@import", &*key] {
        assert!(!html.contains(harmful), "{harmful}");
    }
    assert!(html.contains("default-src 'none'"));

    // A key that may not read the club's name.
    let key = club.create_key_for(Scope::MembersRead).await.secret;
    ground.dashboard(&ground.server.url, &key).await.well();
    assert!(text(&std::fs::read_to_string(ground.page()).expect("a page")).starts_with("Our club 209 members"));
}

#[tokio::test]
async fn it_survives_a_bad_network() {
    let ground = Ground::new().await;
    let key = ground.club.create_key("Dashboard").await.secret;
    for fates in [
        vec![Fate::Lost, Fate::AnswerCut, Fate::AnswerLost],
        vec![Fate::Answered("429 Too Many Requests\r\nRetry-After: 0"), Fate::Answered("503 Service Unavailable")],
    ] {
        let network = Network::before(&ground.server.url, "GET", fates.clone()).await;
        ground.dashboard(&network.url, &key).await.well();
        assert_eq!(network.requests().len(), 3 + fates.len());
    }
}

#[tokio::test]
async fn it_says_why_there_is_no_page() {
    let ground = Ground::new().await;
    let new = types::NewApiKey::builder().name("No members").scopes(Some(vec![Scope::OrganizationRead]));
    let key = ground.club.create_key_with(new).await.secret;
    let answers = |answer: &'static str| Network::before(&ground.server.url, "GET", vec![Fate::Answered(answer); 7]);
    let unavailable = answers("503 Service Unavailable").await;
    let patient = answers("429 Too Many Requests\r\nRetry-After: 3600").await;
    let stranger = answers("200 OK\r\nContent-Type: text/html").await;
    let (with_end, tls) = (format!("{key}\n"), ground.server.url.replace("http://", "https://"));
    let (broken, no_scheme) = (key.replace("_live_", "_live_\n"), String::from("127.0.0.1"));
    for (url, credential, sentence) in [
        (&ground.server.url, &*key, "scope_required"),
        (&format!("{}/\n", ground.server.url), &*with_end, "scope_required"),
        (&ground.server.url, &*broken, "characters in it that no API key has"),
        (&no_scheme, &*key, "ASTRAL_URL to the server, such as"),
        (&tls, &*key, "no secure connection to https://127.0.0.1"),
        (&ground.server.url, "astral_live_nonsense", "credential_invalid"),
        (&ground.server.url, &*ground.club.head_coach.token, "must hold an API key, not a session token"),
        (&ground.server.url, "", "set ASTRAL_API_KEY"),
        (&unavailable.url, &*key, "gave up after try 6: the server answered 503"),
        (&patient.url, &*key, "gave up after try 1: the server answered 429"),
        (&stranger.url, &*key, "answered 200 and no JSON; is that Astral?"),
    ] {
        let said = ground.dashboard(url, credential).await;
        assert!(said.errors.contains(sentence) && !said.errors.contains("    at "), "{sentence}: {}", said.errors);
        assert!(!said.errors.contains(&key["astral_live_".len()..]), "{sentence}");
        assert_eq!((said.status, ground.page().exists()), (1, false), "{sentence}");
    }

    let reader = ground.club.create_key("Dashboard").await.secret;
    std::fs::create_dir(ground.page()).expect("made");
    let said = ground.dashboard(&ground.server.url, &reader).await;
    assert_eq!(said.errors, format!("{} cannot be written: EISDIR\n", ground.page().display()));
    let mut command = node();
    command.arg(DASHBOARD.join("dashboard.js")).arg("--help");
    assert!(Said::by(&command, &ground.server.url, "").await.well().starts_with("Usage: node dashboard.js [FILE]\n"));
}
