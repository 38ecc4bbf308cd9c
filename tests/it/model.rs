//! Random sequences of what people, programs and the operator do, against a simple model of the rules: who may do what,
//! what there is, and what each of them sees.
//!
//! The model is plain data and a function from a step to its answer ([`rules`]), written from what the product promises.
//! The server answers over HTTP. Every status, code and body is compared, and what differs is told with the shortest
//! sequence that shows it. `just sequences` runs 10,000 of them; `ASTRAL_SEED` repeats a run.

mod beginning;
mod bodies;
mod generate;
mod names;
mod request;
mod rules;
mod server;
mod step;
mod world;

use std::{
    cell::Cell,
    num::NonZero,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use proptest::{
    prelude::{BoxedStrategy, Just, Strategy as _},
    test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner},
};
use proptest_state_machine::ReferenceStateMachine;
use tokio::runtime::Runtime;

use self::{
    beginning::{beginning, last_steps},
    rules::Exchange,
    server::{Met, Server},
    step::Step,
    world::World,
};

/// How many sequences there are in a run of the tests, and from which seed.
const USUAL: (usize, u64) = (100, 1);
/// How many steps a sequence has, after its beginning.
const STEPS: std::ops::RangeInclusive<usize> = 20..=40;
/// How many sequences one server has to bear: its database stays small.
const A_SERVER: usize = 250;

/// The clubs, and what the last step was to come to.
#[derive(Debug, Clone)]
struct State {
    world: World,
    exchanges: Vec<Exchange>,
}

/// The rules as a machine whose steps are drawn at random.
struct Rules;

impl ReferenceStateMachine for Rules {
    type State = State;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<State> {
        let (world, exchanges) = beginning();
        Just(State { world, exchanges }).boxed()
    }

    fn transitions(state: &State) -> BoxedStrategy<Step> {
        generate::next(&state.world)
    }

    fn apply(mut state: State, step: &Step) -> State {
        state.exchanges = state.world.take(step);
        state
    }
}

/// So many sequences meet every refusal, whatever the seed.
const MANY: usize = 1000;
/// What must be met in the usual run, and in one of many sequences: a run that never met it would prove nothing of it.
const TO_MEET: [&str; 32] = [
    "200",
    "201",
    "202",
    "204",
    "401 credential_invalid",
    "401 credential_missing",
    "401 invitation_invalid",
    "401 key_expired",
    "401 key_revoked",
    "401 secret_replaced",
    "401 session_over",
    "401 wrong_email_or_password",
    "403 address_not_allowed",
    "403 coach_required",
    "403 head_coach_required",
    "403 password_incorrect",
    "403 plan_required",
    "403 scope_required",
    "403 session_required",
    "404 not_found",
    "409 already_member",
    "409 email_taken",
    "409 external_id_taken",
    "409 head_coach_must_stay",
    "409 invitation_already_accepted",
    "409 invitation_not_accepted",
    "409 key_limit_reached",
    "409 key_not_active",
    "409 not_an_active_coach",
    "409 rotation_in_progress",
    "412 revision_mismatch",
    "422 invalid_request",
];

/// Runs sequences of the seed on a server of their own. Which answers there were; or what differs, if anything does.
fn run(sequences: usize, seed: u64) -> Result<Met, String> {
    // Server and client take turns on one thread: nothing here is to be done at once.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(Server::start());
    let config = Config {
        cases: u32::try_from(sequences).expect("not so many"),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 5000,
        ..Config::default()
    };
    let number = Cell::new(0);
    let outcome = TestRunner::new(config).run(&Rules::sequential_strategy(STEPS), |(state, steps, seen)| {
        number.set(number.get() + 1);
        let see = || {
            if let Some(seen) = &seen {
                seen.fetch_add(1, Ordering::SeqCst);
            }
        };
        one(&runtime, &server, number.get(), state, &steps, see).map_err(TestCaseError::fail)
    });
    let met = runtime.block_on(server.stop());
    match outcome {
        Ok(()) => Ok(met),
        Err(TestError::Fail(story, _)) => Err(story.to_string()),
        Err(TestError::Abort(reason)) => Err(reason.to_string()),
    }
}

/// Runs one sequence.
fn one(
    runtime: &Runtime,
    server: &Server,
    number: usize,
    mut state: State,
    steps: &[Step],
    see: impl Fn(),
) -> Result<(), String> {
    runtime.block_on(async {
        let mut sequence = server.begin(number).await;
        for exchange in &state.exchanges {
            sequence.act(exchange).await?;
        }
        sequence.forget_story();
        for step in steps {
            see();
            state = Rules::apply(state, step);
            for exchange in &state.exchanges {
                sequence.act(exchange).await?;
            }
        }
        for step in last_steps(&state.world) {
            for exchange in state.world.take(&step) {
                sequence.act(&exchange).await?;
            }
        }
        Ok(())
    })
}

fn set<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

#[test]
#[expect(clippy::print_stdout, reason = "how much was tried, and from which seed, is told to whoever runs it longer")]
fn random_sequences_are_answered_as_the_rules_say() {
    let (sequences, seed) = match set("ASTRAL_SEQUENCES") {
        Some(sequences) => (sequences, set("ASTRAL_SEED").unwrap_or_else(any_seed)),
        None => (USUAL.0, set("ASTRAL_SEED").unwrap_or(USUAL.1)),
    };
    println!("{sequences} sequences from seed {seed}");
    // Each server has a seed of its own, so that what comes does not depend on how many there are at once.
    let servers = sequences.div_ceil(A_SERVER);
    let (next, outcome) = (AtomicUsize::new(0), Mutex::new(Ok(Met::new())));
    let work = || {
        loop {
            let server = next.fetch_add(1, Ordering::Relaxed);
            if server >= servers || outcome.lock().expect("not poisoned").is_err() {
                return;
            }
            let (own_seed, own) = (seed.wrapping_add(server as u64), A_SERVER.min(sequences - server * A_SERVER));
            let ran = run(own, own_seed);
            let mut outcome = outcome.lock().expect("not poisoned");
            match (outcome.as_mut(), ran) {
                (Ok(all), Ok(met)) => {
                    met.into_iter().for_each(|(answer, times)| *all.entry(answer).or_default() += times)
                }
                (Ok(_), Err(story)) => {
                    let again = format!("ASTRAL_SEQUENCES={own} ASTRAL_SEED={own_seed} runs it again");
                    *outcome = Err(format!("{again}\n\n{story}"));
                }
                (Err(_), _) => {}
            }
        }
    };
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get).min(servers) {
            threads.spawn(work);
        }
    });
    let met = match outcome.into_inner().expect("not poisoned") {
        Ok(met) => met,
        Err(failure) => panic!("the server answers otherwise than the rules say\n{failure}"),
    };
    let missed: Vec<_> = TO_MEET.iter().filter(|answer| !met.contains_key(**answer)).collect();
    let tells = (sequences, seed) == USUAL || sequences >= MANY;
    assert!(!tells || missed.is_empty(), "never met: {missed:?}");
    met.iter().for_each(|(answer, times)| println!("{times:>8} {answer}"));
    println!("sequences: {sequences} without a difference, seed {seed}");
}

/// Another seed for each run.
fn any_seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    // Small enough to be typed again.
    RandomState::new().build_hasher().finish() % 1_000_000_000
}
