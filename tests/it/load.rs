//! Keys that 64 clients use while something becomes of them: from the answer on it holds for every call, and before it
//! was asked for, for none.
//!
//! `just load-test` does it for a million calls.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use astral_client::{
    Client,
    types::{self, NewApiKey, Rotation, Scope},
};
use astral_tests::{Club, TestServer, refusal};
use tokio::sync::Notify;

const CLIENTS: usize = 64;
/// How many calls there are at least, in a run of the tests.
const CALLS: u64 = 60_000;
/// How many calls are answered before each act, and again after it. What is wrong shows right after it: many acts tell
/// more than many calls.
const CALLS_A_ROUND: u64 = 500;

/// What is done to a key that is in use.
#[derive(Debug, Clone, Copy)]
enum Act {
    Revoke,
    Report,
    Rotate,
    EndOverlap,
    Narrow,
    Widen,
}

const ACTS: [Act; 6] = [Act::Revoke, Act::Report, Act::Rotate, Act::EndOverlap, Act::Narrow, Act::Widen];

/// What a call comes to: `None` if it is accepted, else the code with which it is refused.
type Outcome = Option<String>;

#[derive(Debug, Clone, Copy)]
enum Operation {
    Members,
    Organization,
}

/// A call that clients repeat, and what it comes to before and after the act.
struct Probe {
    secret: String,
    operation: Operation,
    before: Outcome,
    after: Outcome,
}

/// A call as one client saw it.
struct Call {
    probe: usize,
    sent: Instant,
    answered: Instant,
    outcome: Outcome,
}

/// How many calls there were, by when they were sent and answered.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    /// Answered before the act was asked for.
    before: u64,
    /// On their way while it was.
    during: u64,
    /// Sent after it was answered.
    after: u64,
}

impl Tally {
    fn all(self) -> u64 {
        self.before + self.during + self.after
    }

    fn add(&mut self, other: Self) {
        self.before += other.before;
        self.during += other.during;
        self.after += other.after;
    }
}

/// What the clients and whoever acts know of each other.
#[derive(Default)]
struct Progress {
    answered: AtomicU64,
    /// When the act was answered.
    acted: OnceLock<Instant>,
    /// How many calls that were sent after it are answered.
    after: AtomicU64,
    enough: OnceLock<()>,
    news: Notify,
}

impl Progress {
    async fn wait_for(&self, count: &AtomicU64, least: u64) {
        while count.load(Ordering::Acquire) < least {
            self.news.notified().await;
        }
    }
}

async fn call(client: &Client, organization_id: &str, operation: Operation) -> Outcome {
    let refused = match operation {
        Operation::Members => client.list_members().org_id(organization_id).limit(1).send().await.err(),
        Operation::Organization => client.get_organization().org_id(organization_id).send().await.err(),
    };
    refused.map(|error| refusal::<()>(Err(error)).code)
}

/// Calls until it is enough.
async fn keep_calling(
    progress: Arc<Progress>,
    client: Client,
    organization_id: String,
    operation: Operation,
    probe: usize,
) -> Vec<Call> {
    let mut calls = Vec::new();
    while progress.enough.get().is_none() {
        let sent = Instant::now();
        let outcome = call(&client, &organization_id, operation).await;
        let answered = Instant::now();
        calls.push(Call { probe, sent, answered, outcome });
        progress.answered.fetch_add(1, Ordering::Release);
        if progress.acted.get().is_some_and(|acted| sent > *acted) {
            progress.after.fetch_add(1, Ordering::Release);
        }
        progress.news.notify_one();
    }
    calls
}

struct Scene {
    server: TestServer,
    club: Club,
}

impl Scene {
    async fn new() -> Self {
        let flags =
            ["--log", "warn", "--rate-limit-key", "0", "--rate-limit-organization", "0", "--rate-limit-address"];
        let server = TestServer::start_with(&[&flags[..], &["0"]].concat()).await;
        let club = server.club("Summit").await;
        Self { server, club }
    }

    async fn key(&self, scopes: &[Scope]) -> types::CreatedApiKey {
        self.club.create_key_with(NewApiKey::builder().name("Used by many").scopes(Some(scopes.to_vec()))).await
    }

    async fn rotate(&self, id: &str, overlap_seconds: i32) -> types::CreatedApiKey {
        let (head_coach, org_id) = (&self.club.head_coach.client, &self.club.organization_id);
        let rotation = Rotation::builder().overlap_seconds(Some(overlap_seconds));
        let request = head_coach.rotate_api_key().org_id(org_id).key_id(id).body(rotation);
        request.send().await.expect("rotated").into_inner()
    }

    /// A key, and what is called with it.
    async fn prepare(&self, act: Act) -> (String, Vec<Probe>) {
        let probe = |secret: &str, operation, before: Option<&str>, after: Option<&str>| Probe {
            secret: secret.to_owned(),
            operation,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let (members, organization) = (Operation::Members, Operation::Organization);
        let both = [Scope::MembersRead, Scope::OrganizationRead];
        let key = self.key(if let Act::Widen = act { &both[..1] } else { &both }).await;
        let id = key.id.to_string();
        let probes = match act {
            Act::Revoke | Act::Report => vec![probe(&key.secret, members, None, Some("key_revoked"))],
            Act::Rotate => vec![probe(&key.secret, members, None, Some("secret_replaced"))],
            Act::EndOverlap => {
                let rotated = self.rotate(&id, 3600).await;
                vec![
                    probe(&key.secret, members, None, Some("secret_replaced")),
                    probe(&rotated.secret, members, None, None),
                ]
            }
            Act::Narrow => vec![
                probe(&key.secret, organization, None, Some("scope_required")),
                probe(&key.secret, members, None, None),
            ],
            Act::Widen => vec![
                probe(&key.secret, organization, Some("scope_required"), None),
                probe(&key.secret, members, None, None),
            ],
        };
        (id, probes)
    }

    async fn perform(&self, act: Act, id: &str, probes: &[Probe]) {
        let (head_coach, org_id) = (&self.club.head_coach.client, &self.club.organization_id);
        let scopes = |scopes: Vec<Scope>| types::ApiKeyChange::builder().scopes(scopes);
        let change = |change| async {
            let request =
                head_coach.update_api_key().org_id(org_id).key_id(id).body::<types::builder::ApiKeyChange>(change);
            request.send().await.expect("changed");
        };
        match act {
            Act::Revoke => {
                head_coach.revoke_api_key().org_id(org_id).key_id(id).send().await.expect("revoked");
            }
            Act::Report => {
                let body = types::LeakedSecret::builder().secret(&*probes[0].secret);
                self.server.anonymous().report_leaked_secret().body(body).send().await.expect("reported");
            }
            Act::Rotate => {
                self.rotate(id, 0).await;
            }
            Act::EndOverlap => {
                head_coach.end_previous_secret().org_id(org_id).key_id(id).send().await.expect("ended");
            }
            Act::Narrow => change(scopes(vec![Scope::MembersRead])).await,
            Act::Widen => change(scopes(vec![Scope::MembersRead, Scope::OrganizationRead])).await,
        }
    }

    /// Does `act` to a key in use; every call that came to something else
    /// than it had to is a fault.
    async fn round(&self, act: Act) -> (Tally, Vec<String>) {
        let (id, probes) = self.prepare(act).await;
        let progress = Arc::new(Progress::default());
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let at = number % probes.len();
                let Probe { secret, operation, .. } = &probes[at];
                let (client, organization_id) = (self.server.client(secret), self.club.organization_id.clone());
                tokio::spawn(keep_calling(Arc::clone(&progress), client, organization_id, *operation, at))
            })
            .collect();
        progress.wait_for(&progress.answered, CALLS_A_ROUND).await;
        let asked = Instant::now();
        self.perform(act, &id, &probes).await;
        let acted = Instant::now();
        progress.acted.set(acted).expect("once");
        progress.wait_for(&progress.after, CALLS_A_ROUND).await;
        progress.enough.set(()).expect("once");

        let (mut tally, mut faults, mut accepted) = (Tally::default(), Vec::new(), 0);
        for client in clients {
            for Call { probe, sent, answered, outcome } in client.await.expect("no fault of the test's") {
                let Probe { before, after, operation, .. } = &probes[probe];
                let (when, right) = if answered < asked {
                    tally.before += 1;
                    ("before it was asked for", outcome == *before)
                } else if sent > acted {
                    tally.after += 1;
                    ("after it was answered", outcome == *after)
                } else {
                    tally.during += 1;
                    ("meanwhile", outcome == *before || outcome == *after)
                };
                accepted += i64::from(outcome.is_none());
                if !right {
                    faults.push(format!("{act:?}, {operation:?}, {when}: {outcome:?}"));
                }
            }
        }
        // The ledger has counted what the clients have.
        let usage = self.club.head_coach.client.get_api_key_usage().org_id(&self.club.organization_id).key_id(&id);
        let usage = usage.send().await.expect("read").into_inner();
        let all = i64::try_from(tally.all()).expect("few");
        if (usage.calls, usage.refused) != (accepted, all - accepted) {
            faults.push(format!("{act:?}: counted {} and {}, not {accepted} of {all}", usage.calls, usage.refused));
        }
        // A club has so many keys and no more.
        self.perform(Act::Revoke, &id, &probes).await;
        (tally, faults)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the counts, for whoever runs it longer")]
async fn what_is_done_to_a_key_in_use_holds_from_the_answer_on_and_not_before() {
    let wanted = std::env::var("ASTRAL_CALLS").map_or(CALLS, |calls| calls.parse().expect("a number of calls"));
    let scene = Scene::new().await;
    let mut tallies = [Tally::default(); ACTS.len()];
    let (mut calls, mut rounds) = (0, 0);
    while calls < wanted {
        for (act, tally) in ACTS.into_iter().zip(&mut tallies) {
            let (counted, faults) = scene.round(act).await;
            assert!(
                faults.is_empty(),
                "{} of {} calls: {:#?}",
                faults.len(),
                counted.all(),
                &faults[..faults.len().min(10)]
            );
            assert!(counted.before >= CALLS_A_ROUND && counted.after >= CALLS_A_ROUND);
            tally.add(counted);
            calls += counted.all();
        }
        rounds += 1;
    }
    println!("{CLIENTS} clients, each act {rounds} times; not one call was answered otherwise than it had to be");
    println!("{:<12} {:>12} {:>12} {:>12}", "act", "before", "meanwhile", "after");
    for (act, Tally { before, during, after }) in ACTS.into_iter().zip(tallies) {
        println!("{:<12} {before:>12} {during:>12} {after:>12}", format!("{act:?}"));
    }
    println!("{calls} calls in all");
}
