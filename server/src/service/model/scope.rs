//! What an API key may do.

use serde::{Deserialize, Serialize};

use super::{Invalid, words};

words!(
    /// One thing that an API key may do.
    Scope {
        /// Read the organization's name, plan and description.
        OrganizationRead = "organization:read",
        /// Read the roster.
        MembersRead = "members:read",
        /// Add, change and remove athletes.
        MembersWrite = "members:write",
    }
);

impl Scope {
    /// What a key needs for the operation with this name; `None` if it needs no scope, or no key may.
    pub fn needed_for(operation: &str) -> Option<Self> {
        match operation {
            "get_organization" => Some(Self::OrganizationRead),
            "list_members" | "get_member" => Some(Self::MembersRead),
            "create_member" | "update_member" | "delete_member" => Some(Self::MembersWrite),
            _ => None,
        }
    }
}

/// The scopes of a key: at least one, each once, in the order of [`Scope::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// All that there are: what a key gets that asks for none in particular.
    pub fn all() -> Self {
        Self(Scope::ALL.to_vec())
    }

    /// The set of these.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(mut scopes: Vec<Scope>) -> Result<Self, Invalid> {
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(Invalid::new("must name at least one scope; leave it out for all"));
        }
        Ok(Self(scopes))
    }

    /// Whether `scope` is among them.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Each of them.
    pub fn as_slice(&self) -> &[Scope] {
        &self.0
    }
}
