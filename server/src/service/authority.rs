//! Who is calling, and what that allows: the only place where a proof is made.
//!
//! A proof (such as [`HeadCoach`]) is what an action is a method of. Its fields are private, it is made
//! only here, from a [`Caller`] and inside a transaction, and it borrows that transaction: it can
//! neither outlive it nor act in another. You do not check a right, you obtain the thing that can act.
//!
//! Order of refusals: the credential; the club (outsiders are told nothing); role or scope; the plan.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use super::{
    audit::Audit,
    error::{Error, Forbidden, Result, Unauthenticated, Unavailable},
    model::{
        api_key::{ApiKey, KeyState, Reach},
        audit_event::Actor,
        id::{ApiKeyId, MemberId, OrganizationId, RequestId, UserId},
        ip_range::IpRange,
        organization::Organization,
        plan::Feature,
        role::{MemberStatus, Role},
        scope::{Scope, Scopes},
        secret::{SecretHash, SecretKind},
        timestamp::Timestamp,
    },
    store::{
        self, Read, ReadTx, WriteTx,
        api_keys::{Pass, Place},
    },
};

/// Where a request comes from, for the log and the audit.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// The client's address.
    pub address: IpAddr,
    /// The request's id.
    pub request_id: RequestId,
}

/// Who a request comes from. Proof that a credential was valid when the request came.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Identity,
    hash: SecretHash,
    origin: Origin,
}

#[derive(Debug, Clone)]
enum Identity {
    Session {
        user_id: UserId,
    },
    ApiKey {
        id: ApiKeyId,
        organization_id: OrganizationId,
        scopes: Scopes,
        reach: Reach,
        expires_at: Option<Timestamp>,
    },
}

impl Caller {
    /// The caller whose secret has this kind and hash.
    ///
    /// # Errors
    /// [`Unauthenticated`] if the secret is not one of a live session or key; [`Forbidden`] if the key
    /// may not be used from the address.
    pub(in crate::service) fn authenticate(
        tx: &impl Read,
        kind: SecretKind,
        hash: SecretHash,
        origin: Origin,
    ) -> Result<Self> {
        let identity = match kind {
            SecretKind::Session => Identity::Session { user_id: Self::live_session(tx, &hash, tx.judged_at())? },
            SecretKind::ApiKey => Self::live_key(tx, &hash, origin.address)?,
            SecretKind::Invitation => return Err(Unauthenticated::Unknown.into()),
        };
        Ok(Self { identity, hash, origin })
    }

    /// Whose session it is, if it is not over at `at`.
    pub(in crate::service) fn live_session(tx: &impl Read, hash: &SecretHash, at: Timestamp) -> Result<UserId> {
        let session = store::sessions::get(tx, hash)?.ok_or(Unauthenticated::SessionOver)?;
        // A use that is not written down yet counts as one that is.
        let expires_at = tx.recent().last(hash).map_or(session.expires_at, |used| session.expiry_after_use(used));
        if at >= expires_at {
            return Err(Unauthenticated::SessionOver.into());
        }
        Ok(session.user_id)
    }

    fn live_key(tx: &impl Read, hash: &SecretHash, address: IpAddr) -> Result<Identity> {
        let place = store::api_keys::place(tx, hash)?.ok_or(Unauthenticated::Unknown)?;
        let Place { organization_id, id, ref pass } = *place;
        let Some(pass) = pass else { return Self::live_key_in_full(tx, hash, (organization_id, id), address) };
        if let Some(at) = pass.expires_at.filter(|end| tx.judged_at() >= *end) {
            return Err(Unauthenticated::KeyExpired { at }.into());
        }
        if !IpRange::allow(&pass.allowed_ips, address) {
            return Err(Forbidden::AddressNotAllowed(address).into());
        }
        let Pass { ref scopes, reach, expires_at, .. } = *pass;
        Ok(Identity::ApiKey { id, organization_id, scopes: scopes.clone(), reach, expires_at })
    }

    /// The same by the whole of the key: what was revoked or replaced is refused with when and why.
    fn live_key_in_full(
        tx: &impl Read,
        hash: &SecretHash,
        (organization_id, id): (OrganizationId, ApiKeyId),
        address: IpAddr,
    ) -> Result<Identity> {
        let api_key = store::api_keys::get(tx, organization_id, id)?.ok_or(Unavailable::Corrupt("api key secret"))?;
        let now = tx.judged_at();
        if let KeyState::Revoked { at, .. } = api_key.state {
            return Err(Unauthenticated::KeyRevoked { at }.into());
        }
        if let Some(at) = api_key.expires_at.filter(|end| now >= *end) {
            return Err(Unauthenticated::KeyExpired { at }.into());
        }
        if matches!(api_key.state, KeyState::Held) {
            return Err(Forbidden::KeyHeld.into());
        }
        let current = api_key.current_secret().ok_or(Unavailable::Corrupt("api key"))?;
        if current.hash != *hash {
            let overlap = store::api_keys::overlap(tx, &api_key, now)?;
            if overlap.is_none_or(|previous| previous.hash != *hash) {
                return Err(Unauthenticated::SecretReplaced.into());
            }
        }
        if !api_key.allows(address) {
            return Err(Forbidden::AddressNotAllowed(address).into());
        }
        let ApiKey { id, organization_id, scopes, reach, expires_at, .. } = api_key;
        Ok(Identity::ApiKey { id, organization_id, scopes, reach, expires_at })
    }

    /// The same caller as of this transaction: looked up again where time has passed since the request
    /// came, so that nothing slips in between a revocation and the act.
    fn current<T: Read>(&self, tx: &T) -> Result<Cow<'_, Self>> {
        if !tx.is_late() {
            return Ok(Cow::Borrowed(self));
        }
        let identity = match &self.identity {
            Identity::Session { .. } => {
                Identity::Session { user_id: Self::live_session(tx, &self.hash, tx.judged_at())? }
            }
            Identity::ApiKey { .. } => Self::live_key(tx, &self.hash, self.origin.address)?,
        };
        Ok(Cow::Owned(Self { identity, hash: self.hash, origin: self.origin }))
    }

    pub(in crate::service) fn actor(&self) -> Actor {
        match self.identity {
            Identity::Session { user_id } => Actor::User { id: user_id },
            Identity::ApiKey { id, .. } => Actor::ApiKey { id },
        }
    }

    /// The user, if a session is calling.
    ///
    /// # Errors
    /// [`Forbidden::SessionRequired`] if a key is.
    pub fn user_id(&self) -> Result<UserId> {
        match self.identity {
            Identity::Session { user_id } => Ok(user_id),
            Identity::ApiKey { .. } => Err(Forbidden::SessionRequired.into()),
        }
    }

    /// The key's id and organization, if a key is calling.
    pub fn api_key(&self) -> Option<(OrganizationId, ApiKeyId)> {
        match self.identity {
            Identity::ApiKey { id, organization_id, .. } => Some((organization_id, id)),
            Identity::Session { .. } => None,
        }
    }

    /// When the key expires, if one is calling that does.
    pub const fn expires_at(&self) -> Option<Timestamp> {
        match self.identity {
            Identity::ApiKey { expires_at, .. } => expires_at,
            Identity::Session { .. } => None,
        }
    }

    /// The user's place in the organization, if they have an active one; a key has the club's.
    fn enter<T: Read>(&self, tx: &T, id: OrganizationId) -> Result<(Arc<Organization>, Standing)> {
        let caller = self.current(tx)?;
        let standing = match &caller.identity {
            Identity::Session { user_id } => match store::members::of_user(tx, *user_id, id)? {
                Some((member_id, head)) if head.status == MemberStatus::Active => {
                    Standing::Member { user_id: *user_id, member_id, role: head.role }
                }
                _ => return Err(Error::NotFound),
            },
            Identity::ApiKey { organization_id, scopes, reach, .. } if *organization_id == id => {
                Standing::Key { scopes: scopes.clone(), reach: *reach }
            }
            Identity::ApiKey { .. } => return Err(Error::NotFound),
        };
        let organization = store::organizations::shared(tx, id)?.ok_or(Error::NotFound)?;
        Ok((organization, standing))
    }
}

/// What an admitted caller is in the club.
enum Standing {
    Member { user_id: UserId, member_id: MemberId, role: Role },
    Key { scopes: Scopes, reach: Reach },
}

/// A key needs the scope, and then a plan that lets keys work at all.
fn require_scope(scopes: &Scopes, scope: Scope) -> Result<()> {
    if scopes.contains(scope) { Ok(()) } else { Err(Forbidden::ScopeRequired(scope).into()) }
}

fn require_plan(organization: &Organization) -> Result<()> {
    if organization.plan.includes(Feature::SecuritySettings) { Ok(()) } else { Err(Forbidden::PlanRequired.into()) }
}

/// Proof that the caller is who they say, in any club or none.
pub struct Authenticated<'tx, T> {
    pub(in crate::service) tx: &'tx T,
    pub(in crate::service) caller: Caller,
}

/// Proof that a person is calling, not a key.
pub struct SignedIn<'tx, T> {
    pub(in crate::service) tx: &'tx T,
    pub(in crate::service) user_id: UserId,
    pub(in crate::service) session: SecretHash,
    pub(in crate::service) audit: Audit,
}

/// Proof that the caller may see the organization.
pub struct Insider<'tx, T> {
    pub(in crate::service) tx: &'tx T,
    pub(in crate::service) organization: Organization,
    pub(in crate::service) is_head_coach: bool,
}

/// Proof that the caller is the head coach of the organization, signed in.
pub struct HeadCoach<'tx, T> {
    pub(in crate::service) tx: &'tx T,
    pub(in crate::service) organization: Organization,
    pub(in crate::service) user_id: UserId,
    pub(in crate::service) member_id: MemberId,
    pub(in crate::service) audit: Audit,
}

/// Proof that the caller is the head coach of an organization whose plan includes API keys.
pub struct KeyManager<'tx, T>(pub(in crate::service) HeadCoach<'tx, T>);

/// Proof that the caller may read members: all within reach, or itself alone.
pub struct RosterReader<'tx, T> {
    pub(in crate::service) tx: &'tx T,
    pub(in crate::service) organization_id: OrganizationId,
    pub(in crate::service) sight: Sight,
}

/// Which members a caller sees.
pub(in crate::service) enum Sight {
    Roster(Reach),
    Itself(MemberId),
}

/// Proof that the caller may add, change and remove members.
pub struct RosterEditor<'tx, T> {
    pub(in crate::service) tx: &'tx T,
    pub(in crate::service) organization_id: OrganizationId,
    pub(in crate::service) reach: Reach,
    /// Only the head coach makes and changes coaches.
    pub(in crate::service) is_head_coach: bool,
    pub(in crate::service) audit: Audit,
}

/// Anyone: may set the server up with its code, sign in with a password that was verified, accept an invitation, and end
/// what a secret opens that they have.
pub struct Visitor<'tx, T> {
    pub(in crate::service) tx: &'tx T,
    pub(in crate::service) audit: Audit,
}

/// Proof that whoever acts has a shell on the server.
pub struct Operator<'tx, T> {
    pub(in crate::service) tx: &'tx T,
    pub(in crate::service) audit: Audit,
}

/// What only the command line and the socket in the data folder can make.
#[derive(Debug, Clone, Copy)]
pub struct ShellAccess(());

impl ShellAccess {
    /// Asserts that the request came from a shell on this machine and from nowhere else.
    pub const fn asserted_by_command_line() -> Self {
        Self(())
    }
}

/// The proofs, and what each takes.
macro_rules! proofs {
    ($tx:ident) => {
        impl $tx {
            /// Any caller at all.
            ///
            /// # Errors
            /// If the credential has died meanwhile; for a key, if its club's plan does not include keys.
            pub fn authenticated(&self, caller: &Caller) -> Result<Authenticated<'_, Self>> {
                let caller = caller.current(self)?;
                if let Some((organization_id, _)) = caller.api_key() {
                    require_plan(&*store::organizations::shared(self, organization_id)?.ok_or(Error::NotFound)?)?;
                }
                Ok(Authenticated { tx: self, caller: caller.into_owned() })
            }

            /// A signed-in person.
            ///
            /// # Errors
            /// [`Forbidden::SessionRequired`] if a key is calling.
            pub fn signed_in(&self, caller: &Caller) -> Result<SignedIn<'_, Self>> {
                let caller = caller.current(self)?;
                let audit = Audit::of(caller.actor(), caller.origin);
                Ok(SignedIn { tx: self, user_id: caller.user_id()?, session: caller.hash, audit })
            }

            /// Any active member; a key with `organization:read`.
            ///
            /// # Errors
            /// [`Error::NotFound`] for outsiders; [`Forbidden`] for a key without scope or plan.
            pub fn insider(&self, caller: &Caller, id: OrganizationId) -> Result<Insider<'_, Self>> {
                let (organization, standing) = caller.enter(self, id)?;
                let is_head_coach = match &standing {
                    Standing::Member { role, .. } => *role == Role::HeadCoach,
                    Standing::Key { scopes, .. } => {
                        require_scope(scopes, Scope::OrganizationRead)?;
                        require_plan(&organization)?;
                        false
                    }
                };
                Ok(Insider { tx: self, organization: Arc::unwrap_or_clone(organization), is_head_coach })
            }

            /// The head coach's session.
            ///
            /// # Errors
            /// [`Error::NotFound`] for outsiders; [`Forbidden::SessionRequired`] for a key;
            /// [`Forbidden::HeadCoachRequired`] for other members.
            pub fn head_coach(&self, caller: &Caller, id: OrganizationId) -> Result<HeadCoach<'_, Self>> {
                let (organization, standing) = caller.enter(self, id)?;
                let audit = Audit::of(caller.actor(), caller.origin);
                match standing {
                    Standing::Key { .. } => Err(Forbidden::SessionRequired.into()),
                    Standing::Member { user_id, member_id, role: Role::HeadCoach } => {
                        let organization = Arc::unwrap_or_clone(organization);
                        Ok(HeadCoach { tx: self, organization, user_id, member_id, audit })
                    }
                    Standing::Member { .. } => Err(Forbidden::HeadCoachRequired.into()),
                }
            }

            /// Head coach and coaches; a key with `members:read`; an athlete, who sees itself alone.
            ///
            /// # Errors
            /// [`Error::NotFound`] for outsiders; [`Forbidden`] for a key without scope or plan.
            pub fn roster_reader(&self, caller: &Caller, id: OrganizationId) -> Result<RosterReader<'_, Self>> {
                let (organization, standing) = caller.enter(self, id)?;
                let sight = match standing {
                    Standing::Key { scopes, reach } => {
                        require_scope(&scopes, Scope::MembersRead)?;
                        require_plan(&organization)?;
                        Sight::Roster(reach)
                    }
                    Standing::Member { member_id, role: Role::Athlete, .. } => Sight::Itself(member_id),
                    Standing::Member { .. } => Sight::Roster(Reach::Everything),
                };
                Ok(RosterReader { tx: self, organization_id: organization.id, sight })
            }

            /// Head coach and coaches; a key with `members:write`. `role` is what the request makes of a member:
            /// only the head coach makes any but athletes.
            ///
            /// # Errors
            /// [`Error::NotFound`] for outsiders; [`Forbidden`] for athletes and for a key without scope
            /// or plan.
            pub fn roster_editor(
                &self,
                caller: &Caller,
                id: OrganizationId,
                role: Role,
            ) -> Result<RosterEditor<'_, Self>> {
                let (organization, standing) = caller.enter(self, id)?;
                let audit = Audit::of(caller.actor(), caller.origin);
                let (reach, is_head_coach) = match &standing {
                    Standing::Key { scopes, reach } => {
                        require_scope(scopes, Scope::MembersWrite)?;
                        (*reach, false)
                    }
                    Standing::Member { role: Role::Athlete, .. } => return Err(Forbidden::CoachRequired.into()),
                    Standing::Member { role, .. } => (Reach::Everything, *role == Role::HeadCoach),
                };
                let organization_id = organization.id;
                let editor = RosterEditor { tx: self, organization_id, reach, is_head_coach, audit };
                editor.require_right_over(role)?;
                if matches!(standing, Standing::Key { .. }) {
                    require_plan(&organization)?;
                }
                Ok(editor)
            }

            /// Anyone.
            pub fn visitor(&self, origin: Origin) -> Visitor<'_, Self> {
                Visitor { tx: self, audit: Audit::of(Actor::Anonymous, origin) }
            }

            /// The operator.
            pub fn operator(&self, _: ShellAccess) -> Operator<'_, Self> {
                Operator { tx: self, audit: Audit::of_operator() }
            }
        }
    };
}

proofs!(ReadTx);
proofs!(WriteTx);

impl<T> RosterEditor<'_, T> {
    /// Only the head coach makes and changes any but athletes.
    pub(in crate::service) fn require_right_over(&self, role: Role) -> Result<()> {
        if role == Role::Athlete || self.is_head_coach { Ok(()) } else { Err(Forbidden::HeadCoachRequired.into()) }
    }
}

impl<'tx, T: Read> HeadCoach<'tx, T> {
    /// The same person, if the plan includes managing keys.
    ///
    /// # Errors
    /// [`Forbidden::PlanRequired`].
    pub fn key_manager(self) -> Result<KeyManager<'tx, T>> {
        require_plan(&self.organization)?;
        Ok(KeyManager(self))
    }
}
