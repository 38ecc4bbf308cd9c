//! A club.

use serde::{Deserialize, Serialize};

use super::{
    id::OrganizationId,
    name::{Description, Name},
    plan::Plan,
    timestamp::Timestamp,
};

/// A club and what it has subscribed to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: Name,
    /// What the head coach wrote about it.
    pub description: Option<Description>,
    /// Its plan; set by the operator.
    pub plan: Plan,
    /// Raised by each change.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
