//! The process is killed at random moments under writes of all kinds, over and over: what was answered is there, what was
//! not is there as a whole or not at all, and everything agrees with everything.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use astral_client::types;
use astral_tests::{TestServer, refusal};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::task::JoinSet;

/// How many clients write at once.
const WRITERS: usize = 8;

/// What was answered of a member or key, and what was asked for and not answered any more.
#[derive(Debug, Clone)]
struct Known<S> {
    answered: S,
    asked: Option<S>,
}

impl<S: PartialEq + std::fmt::Debug> Known<S> {
    const fn new(answered: S) -> Self {
        Self { answered, asked: None }
    }

    /// Whether it can be so after a restart; what it is, is known from then on.
    fn settle(&mut self, found: S, what: &str) {
        let expected = found == self.answered || self.asked.as_ref() == Some(&found);
        assert!(expected, "{what} is {found:?}, and not {:?} or {:?}", self.answered, self.asked);
        (self.answered, self.asked) = (found, None);
    }
}

/// What one writer knows: its own members by what they are called, `None` once removed, and its keys.
#[derive(Default)]
struct Model {
    members: HashMap<String, Known<Option<String>>>,
    keys: HashMap<String, Known<KeyIs>>,
    writes: usize,
}

/// What a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyIs {
    Revoked,
    Usable { scopes: usize },
}

/// Writes until the server is gone.
async fn write(
    server_url: String,
    token: String,
    org: String,
    mut model: Model,
    seed: u64,
    begun: Arc<AtomicUsize>,
) -> Model {
    let client = astral_client::with_credential(&server_url, &token);
    let mut random = StdRng::seed_from_u64(seed);
    // Each is asked for, noted, and answered; who gets no answer has seen the end.
    loop {
        begun.fetch_add(1, Ordering::Relaxed);
        let number = random.random::<u32>();
        let pick = |random: &mut StdRng, from: Vec<String>| {
            (!from.is_empty()).then(|| from[random.random_range(0..from.len())].clone())
        };
        let there = |known: &Known<Option<String>>| known.answered.is_some();
        match random.random_range(0..8) {
            0 | 1 => {
                let name = format!("Member {number}");
                let new = types::NewMember::builder().display_name(name.clone()).labels(Some(vec!["U14".to_owned()]));
                match client.create_member().org_id(&org).body(new).send().await {
                    Ok(member) => {
                        model.members.insert(member.into_inner().id, Known::new(Some(name)));
                    }
                    Err(_) => return model,
                }
            }
            2 | 3 => {
                let ids = model.members.iter().filter(|(_, known)| there(known)).map(|(id, _)| id.clone()).collect();
                let Some(id) = pick(&mut random, ids) else { continue };
                let known = model.members.get_mut(&id).expect("known");
                let renamed = random.random_bool(0.7).then(|| format!("Renamed {number}"));
                known.asked = Some(renamed.clone());
                let done = match &renamed {
                    Some(name) => {
                        let change = types::MemberChange::builder().display_name(Some(name.clone()));
                        client.update_member().org_id(&org).member_id(&id).body(change).send().await.is_ok()
                    }
                    None => client.delete_member().org_id(&org).member_id(&id).send().await.is_ok(),
                };
                if !done {
                    return model;
                }
                *known = Known::new(renamed);
            }
            4 | 5 => {
                let new = types::NewApiKey::builder().name(format!("Key {number}"));
                match client.create_api_key().org_id(&org).body(new).send().await {
                    Ok(key) => {
                        model.keys.insert(key.into_inner().id, Known::new(KeyIs::Usable { scopes: 3 }));
                    }
                    Err(_) => return model,
                }
            }
            _ => {
                let usable = |known: &Known<KeyIs>| known.answered != KeyIs::Revoked;
                let ids = model.keys.iter().filter(|(_, known)| usable(known)).map(|(id, _)| id.clone()).collect();
                let Some(id) = pick(&mut random, ids) else { continue };
                let known = model.keys.get_mut(&id).expect("known");
                let becomes = if random.random_bool(0.6) { KeyIs::Revoked } else { KeyIs::Usable { scopes: 1 } };
                known.asked = Some(becomes.clone());
                let done = match becomes {
                    KeyIs::Revoked => client.revoke_api_key().org_id(&org).key_id(&id).send().await.is_ok(),
                    KeyIs::Usable { .. } => {
                        let narrower = types::ApiKeyChange::builder().scopes(vec![types::Scope::MembersRead]);
                        client.update_api_key().org_id(&org).key_id(&id).body(narrower).send().await.is_ok()
                    }
                };
                if !done {
                    return model;
                }
                *known = Known::new(becomes);
            }
        }
        model.writes += 1;
    }
}

async fn all_members(client: &astral_client::Client, org: &str) -> HashMap<String, String> {
    let (mut all, mut cursor) = (HashMap::new(), None::<String>);
    loop {
        let mut list = client.list_members().org_id(org).limit(200).label("U14");
        if let Some(cursor) = &cursor {
            list = list.cursor(cursor);
        }
        let page = list.send().await.expect("listed").into_inner();
        all.extend(page.data.into_iter().map(|member| (member.id, member.display_name)));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

async fn all_keys(client: &astral_client::Client, org: &str) -> HashMap<String, KeyIs> {
    let (mut all, mut cursor) = (HashMap::new(), None::<String>);
    loop {
        let mut list = client.list_api_keys().org_id(org).limit(200).status("all");
        if let Some(cursor) = &cursor {
            list = list.cursor(cursor);
        }
        let page = list.send().await.expect("listed").into_inner();
        all.extend(page.data.into_iter().map(|key| {
            let is = match key.status {
                types::KeyStatus::Revoked => KeyIs::Revoked,
                _ => KeyIs::Usable { scopes: key.scopes.len() },
            };
            (key.id, is)
        }));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

/// In the test command some kills; with ASTRAL_KILLS as many as one likes.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "how much was tried is told to whoever asks for it")]
async fn nothing_answered_is_lost_however_often_the_process_is_killed() {
    let kills: usize = std::env::var("ASTRAL_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(10);
    let flags = ["--max-active-keys", "1000000", "--rate-limit-key", "0", "--log", "info"];
    let mut server = TestServer::start_with(&flags).await;
    let club = server.club("Summit").await;
    let org = club.organization_id.clone();
    let seed = u64::from(std::process::id());
    let mut random = StdRng::seed_from_u64(seed);
    let (mut writes, mut asked) = (0, 0);
    for round in 0..kills {
        let begun = Arc::new(AtomicUsize::new(0));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let seed = seed ^ ((round * WRITERS + writer) as u64) << 20;
            let (url, token) = (server.url.clone(), club.head_coach.token.clone());
            writers.spawn(write(url, token, org.clone(), Model::default(), seed, Arc::clone(&begun)));
        }
        // At a moment of its own, by what was begun and not by the clock.
        let moment = random.random_range(WRITERS..WRITERS * 40);
        while begun.load(Ordering::Relaxed) < moment {
            tokio::task::yield_now().await;
        }
        server.kill();
        let models = writers.join_all().await;
        server = TestServer::start_in(server.folder.clone(), &flags).await;
        let client = server.client(&club.head_coach.token);
        let (members, keys) = (all_members(&client, &org).await, all_keys(&client, &org).await);
        for mut model in models {
            writes += model.writes;
            for (id, known) in &mut model.members {
                asked += usize::from(known.asked.is_some());
                known.settle(members.get(id).cloned(), &format!("kill {round}, seed {seed}: member {id}"));
            }
            for (id, known) in &mut model.keys {
                asked += usize::from(known.asked.is_some());
                let what = format!("kill {round}, seed {seed}: key {id}");
                known.settle(keys.get(id).cloned().unwrap_or_else(|| panic!("{what} is missing")), &what);
            }
        }
        // Indexes agree with rows, and the chains are whole.
        let checked = server.operator(&["check"], "");
        assert!(checked.status.success(), "kill {round}, seed {seed}: {}", String::from_utf8_lossy(&checked.stdout));
    }
    // Revoked stays revoked, to the last.
    let key = server.client(&club.head_coach.token);
    let new = types::NewApiKey::builder().name("Last");
    let made = key.create_api_key().org_id(&org).body(new).send().await.expect("created").into_inner();
    key.revoke_api_key().org_id(&org).key_id(&made.id).send().await.expect("revoked");
    server.kill();
    let server = TestServer::start_in(server.folder.clone(), &flags).await;
    assert_eq!(refusal(server.client(&made.secret).get_caller().send().await).code, "key_revoked");
    println!("{kills} kills, {writes} writes answered, {asked} asked for and not answered: nothing lost");
}
