//! Hashing and verifying passwords: argon2id (RFC 9106) off the async threads, never more at once than
//! the machine bears.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash as Phc, Version,
    password_hash::phc::{Output, Salt},
};
use tokio::sync::{Semaphore, oneshot};

use super::{
    clock::Entropy,
    error::{Error, Result, Unavailable},
    metrics::{Counter, Histogram},
    model::password::{Password, PasswordHash},
};

/// 19 MiB, two passes, one lane: the OWASP cheat sheet's first choice for argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const OUTPUT: usize = 32;
/// How many may wait for their turn; who comes later is told to try again.
const WAITING: usize = 64;
/// How long anyone waits for their turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Up to how many microseconds a hash takes in each bucket of the durations.
const DURATIONS: &[u64] = &[10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];

/// What a thread does with its memory.
type Work = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// How much less of the processor the threads get than others that want it (`nice(2)`): whoever guesses passwords as
/// fast as they can must not slow those who have a credential.
#[cfg(target_os = "linux")]
const NICE: i32 = 15;

/// The one place where passwords are hashed.
pub struct Passwords {
    entropy: Entropy,
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// To the threads, each of which has scratch memory of its own: 19 MiB for each turn, not for each request.
    work: mpsc::Sender<Work>,
    /// Verified against where there is no user, so that an unknown email costs what a known one does.
    decoy: PasswordHash,
    /// How many may be hashed at once.
    at_once: usize,
    /// Those who came when there was no room to wait, or whose turn did not come in time.
    refused: Counter,
    /// How long each took when its turn had come, in microseconds.
    durations: Arc<Histogram>,
}

/// What goes on where passwords are hashed.
#[derive(Debug)]
pub struct Hashing<'a> {
    /// How many are being hashed.
    pub running: usize,
    /// How many may be at once.
    pub most_running: usize,
    /// How many wait for their turn.
    pub waiting: usize,
    /// How many may wait.
    pub most_waiting: usize,
    /// How many were told that there is no room, or no time.
    pub refused: u64,
    /// How long each took when its turn had come, in microseconds.
    pub durations: &'a Histogram,
}

/// What came of holding a password against a hash.
pub enum Verdict {
    /// It is another.
    Wrong,
    /// It is the one.
    Right {
        /// The hash by the present parameters, if the stored one was made by others.
        rehashed: Option<PasswordHash>,
    },
}

impl Passwords {
    /// As many turns as half of the machine's cores: the others are for those who have a credential.
    pub fn new(entropy: Entropy) -> Result<Self> {
        let turns = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT))
            .map_err(|_| Unavailable::Corrupt("argon2 parameters"))?;
        let (work, waiting) = mpsc::channel::<Work>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..turns {
            let waiting = Arc::clone(&waiting);
            let thread =
                std::thread::Builder::new().name("passwords".to_owned()).spawn(move || hash_what_comes(&waiting));
            thread.map_err(|_| Unavailable::Stopping)?;
        }
        let mut passwords = Self {
            entropy,
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            turns: Arc::new(Semaphore::new(turns)),
            queue: Arc::new(Semaphore::new(turns + WAITING)),
            work,
            decoy: PasswordHash(String::new()),
            at_once: turns,
            refused: Counter::default(),
            durations: Arc::new(Histogram::new(DURATIONS)),
        };
        let decoy = Password::typed(String::new());
        passwords.decoy = hash(&passwords.argon2, &passwords.entropy, &decoy, &mut Vec::new())?;
        Ok(passwords)
    }

    /// What is to be kept of a new password.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash> {
        let (argon2, entropy) = (self.argon2.clone(), self.entropy);
        self.in_turn(move |memory| hash(&argon2, &entropy, &password, memory)).await
    }

    /// Whether `password` is the one behind `stored`; the same work, and [`Verdict::Wrong`], if there is
    /// none.
    pub async fn verify(&self, password: Password, stored: Option<&PasswordHash>) -> Result<Verdict> {
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.decoy).clone();
        let (argon2, entropy) = (self.argon2.clone(), self.entropy);
        self.in_turn(move |memory| match verify(&stored, &password, memory)? {
            Some(params) if known => {
                let outdated = params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES;
                let rehashed = if outdated { Some(hash(&argon2, &entropy, &password, memory)?) } else { None };
                Ok(Verdict::Right { rehashed })
            }
            _ => Ok(Verdict::Wrong),
        })
        .await
    }

    /// Runs `work` on a thread of its own when its turn has come.
    async fn in_turn<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let busy = || {
            self.refused.add_one();
            Error::TooManyAttempts { retry_after_seconds: PATIENCE.as_secs() }
        };
        let _waiting = self.queue.try_acquire().map_err(|_| busy())?;
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await.map_err(|_| busy())?;
        let (reply, answer) = oneshot::channel();
        let durations = Arc::clone(&self.durations);
        let work: Work = Box::new(move |memory| {
            // The turn ends with the work, even if nobody waits for it any more.
            let _turn = turn;
            let begun = Instant::now();
            let done = work(memory);
            durations.observe_time(begun.elapsed());
            let _ = reply.send(done);
        });
        self.work.send(work).map_err(|_| Unavailable::Stopping)?;
        answer.await.unwrap_or(Err(Unavailable::Panicked.into()))
    }

    /// What goes on at this instant.
    pub fn hashing(&self) -> Hashing<'_> {
        let running = self.at_once.saturating_sub(self.turns.available_permits());
        let inside = (self.at_once + WAITING).saturating_sub(self.queue.available_permits());
        Hashing {
            running,
            most_running: self.at_once,
            // Of those that run some may have nobody inside any more who waits for them.
            waiting: inside.saturating_sub(running),
            most_waiting: WAITING,
            refused: self.refused.count(),
            durations: &self.durations,
        }
    }
}

/// Does what comes until there is nobody from whom more could come.
fn hash_what_comes(waiting: &Mutex<mpsc::Receiver<Work>>) {
    // Of this thread alone, which elsewhere it would not be. Where it is not allowed, the thread is one like others.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
    let mut memory = Vec::new();
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        if catch_unwind(AssertUnwindSafe(|| work(&mut memory))).is_err() {
            tracing::error!("the hashing of a password panicked");
        }
    }
}

fn fill(
    argon2: &Argon2<'_>,
    password: &Password,
    salt: &[u8],
    output: &mut [u8],
    memory: &mut Vec<Block>,
) -> Result<()> {
    let blocks = argon2.params().block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let done = argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory[..blocks]);
    Ok(done.map_err(|_| Unavailable::Corrupt("argon2"))?)
}

fn hash(argon2: &Argon2<'_>, entropy: &Entropy, password: &Password, memory: &mut Vec<Block>) -> Result<PasswordHash> {
    let corrupt = || Unavailable::Corrupt("argon2");
    let salt = entropy.bytes::<16>();
    let mut output = [0; OUTPUT];
    fill(argon2, password, &salt, &mut output, memory)?;
    let phc = Phc {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: argon2.params().try_into().map_err(|_| corrupt())?,
        salt: Some(Salt::new(&salt).map_err(|_| corrupt())?),
        hash: Some(Output::new(&output).map_err(|_| corrupt())?),
    };
    Ok(PasswordHash(phc.to_string()))
}

/// The parameters of the stored hash, if the password is the one behind it.
fn verify(stored: &PasswordHash, password: &Password, memory: &mut Vec<Block>) -> Result<Option<Params>> {
    let corrupt = || Unavailable::Corrupt("password hash");
    let phc = Phc::new(&stored.0).map_err(|_| corrupt())?;
    let (Some(salt), Some(expected)) = (phc.salt, phc.hash) else { return Err(corrupt().into()) };
    let params = Params::try_from(&phc).map_err(|_| corrupt())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let mut output = vec![0; expected.len()];
    fill(&argon2, password, salt.as_ref(), &mut output, memory)?;
    // `Output` compares in constant time.
    let computed = Output::new(&output).map_err(|_| corrupt())?;
    Ok((computed == expected).then_some(params))
}
