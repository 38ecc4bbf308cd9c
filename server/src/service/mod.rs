//! What the product does; knows nothing of HTTP.
//!
//! This is the gate: the children are private, and what leaves is named below. Whoever is outside can
//! touch no table and make no proof; they ask for one inside [`Service::read`] or [`Service::write`].

mod actions;
mod audit;
mod authority;
mod backups;
mod catch_up;
mod census;
mod clock;
mod error;
mod health;
mod metrics;
mod model;
mod passwords;
mod recent;
mod repeats;
mod sign_in;
mod store;
mod throttle;
mod upkeep;

use std::{num::NonZero, path::Path, sync::Arc};

use chrono::TimeDelta;
use tokio::sync::Semaphore;

pub(crate) use self::{actions::invitations::Proven, model::words, store::fuzzing};
pub use self::{
    actions::{
        Page,
        api_keys::{ApiKeyChange, ApiKeyWithUse, NewApiKey, Rotation},
        audit::NamedEvent,
        leaks::{Identification, IdentifiedSecret},
        members::{MemberChange, NewMember},
        operator::{Ended, HeadedOrganization},
        organizations::{NewHeadCoach, OrganizationChange, OrganizationView},
        seed::SeededClub,
        sessions::{Identity, Membership},
        usage::{Advice, AdvisedAction, Impact, OperationImpact, PlannedAction, SecretUsage, Usage},
    },
    authority::{
        Authenticated, Caller, HeadCoach, Insider, KeyManager, Operator, Origin, RosterEditor, RosterReader,
        ShellAccess, SignedIn, Visitor,
    },
    backups::{BackupMeasures, BackupSchedule, RestoreError, Restored},
    clock::{Clock, ClockBehind, Entropy, IfBehind, Moment},
    error::{Conflict, Error, FieldError, Forbidden, Result, Unauthenticated, Unavailable},
    health::NotReady,
    metrics::{Commits, Counter, Distribution, Histogram, Measures, Rows},
    model::{
        Invalid,
        api_key::{ApiKey, KeyState, KeyStatus, Overlap, Person, PreviousSecret, SecretStanding},
        audit_event::{Actor, AuditEvent, EventFilter, EventHash, Head},
        email::Email,
        found_secret::{FoundSecret, find_secrets},
        id::{ApiKeyId, CROCKFORD, EventId, Id, InvitationId, MemberId, OrganizationId, RequestId, UserId, next_bits},
        idempotency::{Fingerprint, IdempotencyKey},
        invitation::Invitation,
        ip_range::IpRange,
        member::{Member, MemberFilter},
        name::{Description, ExternalId, Label, Name, Reason},
        organization::{KeyDays, Organization},
        password::{Password, PasswordHash},
        plan::{Feature, Plan},
        revision::{Expected, Revised},
        role::{MemberStatus, Role},
        scope::{Scope, Scopes},
        search::Search,
        secret::{Secret, SecretHash, SecretKind},
        session::Session,
        timestamp::Timestamp,
        usage::{Calls, Day, LastUse, SecretMark},
        user::User,
    },
    passwords::Hashing,
    recent::Call,
    repeats::{Attempt, Once},
    sign_in::{SetUp, SignedInAs},
    store::{
        OpenError, ReadTx, WriteTx,
        audit_events::{Broken, StoredEvent},
        backup::{BackupError, BackupFacts},
        census::Census,
        check::Findings,
        disk::{Cache, Disk},
        members::PageFrame,
    },
    throttle::bucket as address_bucket,
};
use self::{
    catch_up::Report,
    census::CensusTaking,
    health::Probe,
    passwords::Passwords,
    recent::{RecentUse, Refused},
    repeats::Repeats,
    store::{Files, Lacks, Store},
    throttle::Throttle,
};

/// What may be set about the service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How much memory the database may use to remember pages, in bytes.
    pub cache: usize,
    /// How many active keys an organization may have.
    pub max_active_keys: usize,
    /// The plan of the organization that set-up makes.
    pub setup_plan: Plan,
    /// How many bytes of the disk are left free: nothing but what takes power away is written below that.
    pub disk_reserve: u64,
    /// What to do where the clock is more than a day behind what the database knows.
    pub if_behind: IfBehind,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache: 48 << 20,
            max_active_keys: 100,
            setup_plan: Plan::Coach,
            disk_reserve: 64 << 20,
            if_behind: IfBehind::Refuse,
        }
    }
}

/// The product: an open database and everything that may be done with it.
pub struct Service {
    store: Store,
    recent: Arc<RecentUse>,
    flushing: tokio::sync::Mutex<()>,
    passwords: Passwords,
    throttle: Throttle,
    repeats: Repeats,
    probe: Probe,
    census: CensusTaking,
    backups: BackupMeasures,
    /// Of reads on threads of their own.
    turns: Arc<Semaphore>,
    clock: Clock,
    entropy: Entropy,
    settings: Settings,
    setup_code: SecretHash,
}

/// Why a service could not be opened.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum StartError {
    /// The database.
    Open(#[from] OpenError),
    /// Anything else.
    Failed(#[from] Error),
}

impl Service {
    /// Opens the data folder, and makes it if it is not there. The second value is the setup code of
    /// this start, `None` if an organization exists.
    ///
    /// # Errors
    /// [`StartError`], whose message says what to do.
    pub fn open(
        folder: &Path,
        settings: Settings,
        clock: Clock,
    ) -> std::result::Result<(Self, Option<String>), StartError> {
        Self::open_on(folder, settings, clock, |file| file)
    }

    /// As [`Self::open`], with `storage` between the database and its file: one that fails, or takes its time.
    ///
    /// # Errors
    /// [`StartError`], whose message says what to do.
    pub fn open_on<S: redb::StorageBackend>(
        folder: &Path,
        settings: Settings,
        clock: Clock,
        storage: impl Fn(redb::backends::FileBackend) -> S + Send + Sync + 'static,
    ) -> std::result::Result<(Self, Option<String>), StartError> {
        let report = Arc::new(Report::default());
        let files = Files::new(folder, settings.cache, storage);
        Self::open_files(files, settings, clock, &report)
    }

    /// As [`Self::open`]; what had to be taken away again is told to `report`, too.
    fn open_files(
        files: Files,
        settings: Settings,
        clock: Clock,
        report: &Arc<Report>,
    ) -> std::result::Result<(Self, Option<String>), StartError> {
        // What another start believed is not this one's to know.
        let clock = clock.afresh();
        let entropy = Entropy::system();
        let recent = Arc::new(RecentUse::default());
        let told = Arc::clone(report);
        let catch_up = Box::new(move |tx: &WriteTx, lacks: &Lacks| catch_up::catch_up(tx, lacks, &told));
        let (reserve, if_behind) = (settings.disk_reserve, settings.if_behind);
        let store = Store::open(files, reserve, clock.clone(), if_behind, entropy, Arc::clone(&recent), catch_up)?;
        let code = sign_in::setup_code(&entropy);
        let setup_code = sign_in::hash_setup_code(&code);
        recent.continue_after(store.read(|tx| Ok(store::usage::generation(tx)?))?);
        let is_set_up = store.read(|tx| Ok(store::organizations::is_set_up(tx)?))?;
        let passwords = Passwords::new(entropy)?;
        let service = Self {
            store,
            recent,
            flushing: tokio::sync::Mutex::default(),
            passwords,
            throttle: Throttle::default(),
            repeats: Repeats::default(),
            probe: Probe::default(),
            census: CensusTaking::default(),
            backups: BackupMeasures::default(),
            turns: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get))),
            clock,
            entropy,
            settings,
            setup_code,
        };
        Ok((service, (!is_set_up).then_some(code)))
    }

    /// Whether there is a database in `folder`.
    ///
    /// # Errors
    /// If this user may not look.
    pub fn exists(folder: &Path) -> std::io::Result<bool> {
        Store::exists(folder)
    }

    /// Copies the database `file` into a folder in which it can be opened.
    ///
    /// # Errors
    /// If it cannot be read, or there is no room for it.
    pub fn copy_in(file: &Path, folder: &Path) -> std::io::Result<()> {
        Store::copy_in(file, folder)
    }

    /// Runs `action` on a snapshot, on this thread, without waiting for any write.
    pub fn read<R>(&self, action: impl FnOnce(&ReadTx) -> Result<R>) -> Result<R> {
        self.store.read(action)
    }

    /// As [`Self::read`], on a thread of its own, and no more at once than the machine has cores: for what takes its time.
    /// The caller is looked up again, who may have been let in some time ago.
    pub async fn read_apart<R, F>(self: &Arc<Self>, action: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnOnce(&ReadTx) -> Result<R> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Unavailable::Stopping)?;
        let service = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, even if nobody waits for it any more.
            let _turn = turn;
            service.store.read_late(action)
        });
        read.await.unwrap_or(Err(Unavailable::Panicked.into()))
    }

    /// Runs `action` in the writer's transaction; returns when its changes are on disk.
    ///
    /// The action can run more than once, of which only the last counts; it validates first and changes
    /// after.
    pub async fn write<R, F>(&self, action: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnMut(&WriteTx) -> Result<R> + Send + 'static,
    {
        self.store.write(action).await
    }

    /// As [`Self::write`], for what takes power away: it is done also where the disk is nearly full.
    pub async fn write_urgently<R, F>(&self, action: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnMut(&WriteTx) -> Result<R> + Send + 'static,
    {
        self.store.write_urgently(action).await
    }

    /// Looks up whose secret this is. A session is noted as used; a call with a key is counted once it ends, also
    /// one that is refused.
    ///
    /// `operation` is the name of what is asked for, `user_agent` what the program calls itself.
    ///
    /// # Errors
    /// In the caller: [`Unauthenticated`]; [`Forbidden::AddressNotAllowed`].
    pub fn authenticate(
        &self,
        secret: &Secret,
        origin: Origin,
        operation: &'static str,
        user_agent: Option<String>,
    ) -> Presented {
        let (hash, at) = (secret.hash(), self.clock.now());
        let caller = self.read(|tx| Caller::authenticate(tx, secret.kind(), hash, origin));
        // A secret that was never issued here is nobody's: counting it would let strangers fill the memory.
        let stranger = matches!(
            caller,
            Err(Error::Unauthenticated(Unauthenticated::Unknown | Unauthenticated::SessionOver) | Error::Unavailable(_))
        );
        let call = (secret.kind() == SecretKind::ApiKey && !stranger).then(|| Call {
            recent: Arc::clone(&self.recent),
            hash,
            at,
            origin,
            user_agent,
            operation,
            accepted: caller.is_ok(),
            // Until there is an answer.
            refused: Some("canceled"),
        });
        if call.is_none() && caller.is_ok() {
            self.recent.note_session(hash, at);
        }
        Presented { caller, call }
    }

    /// Looks whether the system's clock was set.
    ///
    /// # Errors
    /// [`ClockBehind`] if it is more than a day behind what was known: what is over would count again, so that the server
    /// is to stop.
    pub fn watch_clock(&self) -> std::result::Result<(), ClockBehind> {
        self.clock.watch()
    }

    /// Begins a request that can be sent again under the name that the client gave it.
    ///
    /// # Errors
    /// [`Conflict::InProgress`] if it is running.
    pub fn begin(&self, caller: &Caller, key: Option<IdempotencyKey>, fingerprint: Fingerprint) -> Result<Attempt> {
        self.repeats.begin(caller, key, fingerprint)
    }

    /// Notes that a member of the organization was refused for want of a right.
    pub fn note_refusal(
        &self,
        organization_id: OrganizationId,
        caller: &Caller,
        operation: &'static str,
        code: &'static str,
        origin: Origin,
    ) {
        if let Ok(user_id) = caller.user_id() {
            let who = Refused::Member { organization_id, user_id };
            self.recent.note_refusal(who, operation, code, self.clock.now(), origin);
        }
    }

    /// Waits until every accepted write is on disk, and accepts no more.
    pub async fn close(&self) -> Result<()> {
        let flushed = self.write_down(true).await;
        // Only who serves a club knows the time: a command that looks must not make a wrong clock known.
        if self.settings.if_behind != IfBehind::StandStill
            && let Err(error) = self.keep_time(TimeDelta::milliseconds(1)).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the time could not be written down");
        }
        self.store.close();
        flushed
    }

    /// A new secret.
    pub fn new_secret(&self, kind: SecretKind) -> Secret {
        Secret::generate(kind, || self.entropy.bytes())
    }

    /// A new id for a request. Not made by the writer: these need not be in order.
    pub fn new_request_id(&self) -> RequestId {
        RequestId::from_bits(next_bits(0, self.clock.now(), u128::from_be_bytes(self.entropy.bytes())))
    }

    /// What tells the time.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The instant by which it is judged whether a credential's end has come.
    pub fn judged_at(&self) -> Timestamp {
        self.clock.moment().judged
    }

    /// How many active keys an organization may have.
    pub const fn max_active_keys(&self) -> usize {
        self.settings.max_active_keys
    }
}

/// What came of looking a credential up.
pub struct Presented {
    /// Whose it is.
    pub caller: Result<Caller>,
    /// The call, if it is the secret of a key that is or was one of this server's.
    pub call: Option<Call>,
}
