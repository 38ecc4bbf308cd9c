//! What the product does; knows nothing of HTTP.
//!
//! This is the gate: the children are private, and what leaves is named below. Whoever is outside can
//! touch no table and make no proof; they ask for one inside [`Service::read`] or [`Service::write`].

mod actions;
mod authority;
mod clock;
mod error;
mod model;
mod passwords;
mod recent;
mod repeats;
mod sign_in;
mod store;
mod throttle;

use std::{path::Path, sync::Arc};

pub(crate) use self::model::words;
pub use self::{
    actions::{
        Page,
        api_keys::{ApiKeyChange, ApiKeyWithUse, NewApiKey, Rotation},
        members::{MemberChange, NewMember},
        operator::HeadedOrganization,
        organizations::{NewHeadCoach, OrganizationChange, OrganizationView},
        sessions::{Identity, Membership},
    },
    authority::{
        Authenticated, Caller, HeadCoach, Insider, KeyManager, Operator, Origin, RosterEditor, RosterReader,
        ShellAccess, SignedIn, Visitor,
    },
    clock::{Clock, Entropy},
    error::{Conflict, Error, FieldError, Forbidden, Result, Unauthenticated, Unavailable},
    model::{
        Invalid,
        api_key::{ApiKey, KeyState, KeyStatus, Overlap, Person, PreviousSecret},
        email::Email,
        found_secret::{FoundSecret, find_secrets},
        id::{ApiKeyId, CROCKFORD, EventId, Id, InvitationId, MemberId, OrganizationId, RequestId, UserId, next_bits},
        idempotency::{Fingerprint, IdempotencyKey},
        invitation::Invitation,
        ip_range::IpRange,
        member::{Member, MemberFilter},
        name::{Description, ExternalId, Label, Name, Reason},
        organization::Organization,
        password::Password,
        plan::{Feature, Plan},
        revision::{Expected, Revised},
        role::{MemberStatus, Role},
        scope::{Scope, Scopes},
        search::Search,
        secret::{Secret, SecretHash, SecretKind},
        session::Session,
        timestamp::Timestamp,
        user::User,
    },
    repeats::{Attempt, Once},
    sign_in::{SetUp, SignedInAs},
    store::{OpenError, ReadTx, WriteTx, members::Page as MemberPage},
    throttle::bucket as address_bucket,
};
use self::{passwords::Passwords, recent::RecentUse, repeats::Repeats, store::Store, throttle::Throttle};

/// What may be set about the service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How much memory the database may use to remember pages, in bytes.
    pub cache: usize,
    /// How many active keys an organization may have.
    pub max_active_keys: usize,
    /// The plan of the organization that set-up makes.
    pub setup_plan: Plan,
}

impl Default for Settings {
    fn default() -> Self {
        Self { cache: 64 << 20, max_active_keys: 100, setup_plan: Plan::Coach }
    }
}

/// The product: an open database and everything that may be done with it.
pub struct Service {
    store: Store,
    recent: Arc<RecentUse>,
    passwords: Passwords,
    throttle: Throttle,
    repeats: Repeats,
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
        let entropy = Entropy::system();
        let recent = Arc::new(RecentUse::default());
        let store = Store::open(folder, settings.cache, clock.clone(), entropy, Arc::clone(&recent))?;
        let code = sign_in::setup_code(&entropy);
        let setup_code = sign_in::hash_setup_code(&code);
        let is_set_up = store.read(|tx| Ok(store::organizations::exist(tx)?))?;
        let passwords = Passwords::new(entropy)?;
        let service = Self {
            store,
            recent,
            passwords,
            throttle: Throttle::default(),
            repeats: Repeats::default(),
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

    /// Runs `action` on a snapshot, on this thread, without waiting for any write.
    pub fn read<R>(&self, action: impl FnOnce(&ReadTx) -> Result<R>) -> Result<R> {
        self.store.read(action)
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

    /// The caller whose secret this is; notes that it was used.
    ///
    /// # Errors
    /// [`Unauthenticated`]; [`Forbidden::AddressNotAllowed`].
    pub fn authenticate(&self, secret: &Secret, origin: Origin) -> Result<Caller> {
        let caller = self.read(|tx| Caller::authenticate(tx, secret, origin))?;
        self.recent.note(*caller.hash(), self.clock.now());
        Ok(caller)
    }

    /// Begins a request that can be sent again under the name that the client gave it.
    ///
    /// # Errors
    /// [`Conflict::InProgress`] if it is running.
    pub fn begin(&self, caller: &Caller, key: Option<IdempotencyKey>, fingerprint: Fingerprint) -> Result<Attempt> {
        self.repeats.begin(caller, key, fingerprint)
    }

    /// Forgets the answers to requests that were remembered long enough.
    pub async fn forget(&self) -> Result<()> {
        const AT_ONCE: usize = 1000;
        while self.read(|tx| Ok(store::idempotency::any_over(tx)?))? {
            self.write(|tx| Ok(store::idempotency::forget_over(tx, AT_ONCE)?)).await?;
        }
        Ok(())
    }

    /// Writes down what was used since the last time: last uses of keys, and sessions that slide.
    pub async fn flush(&self) -> Result<()> {
        let uses = Arc::new(self.recent.pending());
        if uses.is_empty() {
            return Ok(());
        }
        let written = Arc::clone(&uses);
        self.write(move |tx| {
            for (hash, at) in written.iter() {
                if let Some(mut session) = store::sessions::get(tx, hash)? {
                    session.expires_at = session.expiry_after_use(*at);
                    store::sessions::put(tx, hash, &session)?;
                } else if store::api_keys::by_secret(tx, hash)?.is_some() {
                    store::api_keys::put_last_use(tx, hash, *at)?;
                }
            }
            Ok(())
        })
        .await?;
        self.recent.wrote(&uses);
        Ok(())
    }

    /// Waits until every accepted write is on disk, and accepts no more.
    pub async fn close(&self) -> Result<()> {
        let flushed = self.flush().await;
        self.store.close();
        flushed
    }

    /// Whether the database can be read.
    pub fn ready(&self) -> Result<()> {
        self.read(|tx| Ok(store::organizations::probe(tx)?))
    }

    /// A new secret.
    pub fn new_secret(&self, kind: SecretKind) -> Secret {
        Secret::generate(kind, &self.entropy)
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

    /// How many active keys an organization may have.
    pub const fn max_active_keys(&self) -> usize {
        self.settings.max_active_keys
    }
}
