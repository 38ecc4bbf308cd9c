//! A club.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    Invalid,
    id::OrganizationId,
    name::{Description, Name},
    plan::Plan,
    timestamp::Timestamp,
};

/// For how many days a key lasts: from 1 to 3650.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyDays(u16);

impl KeyDays {
    /// The least and the most.
    pub const RANGE: (u16, u16) = (1, 3650);

    /// So many days.
    ///
    /// # Errors
    /// If they are none, or more than ten years.
    pub fn new(days: u16) -> Result<Self, Invalid> {
        let (least, most) = Self::RANGE;
        if (least..=most).contains(&days) {
            Ok(Self(days))
        } else {
            Err(Invalid::new(format!("must be a whole number from {least} to {most}")))
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// So long after `now`.
    pub fn after(self, now: Timestamp) -> Timestamp {
        now.plus(TimeDelta::days(i64::from(self.0)))
    }
}

impl Organization {
    /// When a key of which nothing is said ends, if it is made at `now`.
    pub fn usual_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.usual_key_days.or(self.longest_key_days).map(|days| days.after(now))
    }

    /// The last instant at which a key may end, as things are at `now`.
    pub fn latest_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.longest_key_days.map(|days| days.after(now))
    }
}

/// A club and what it has subscribed to.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: Name,
    /// What the head coach wrote about it.
    pub description: Option<Description>,
    /// Its plan; set by the operator.
    pub plan: Plan,
    /// For how many days a key may be made to last; as long as one likes if none.
    pub longest_key_days: Option<KeyDays>,
    /// For how many days a key lasts of which nothing is said; the longest time if none.
    pub usual_key_days: Option<KeyDays>,
    /// Raised by each change.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
