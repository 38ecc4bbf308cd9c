//! What a member is in its club.

use super::{Invalid, words};

words!(
    /// A member's role. There is exactly one head coach in an organization.
    Role {
        /// Manages the club: keys, coaches, athletes.
        HeadCoach = "head_coach",
        /// Manages athletes.
        Coach = "coach",
        /// Sees itself.
        Athlete = "athlete",
    }
);

words!(
    /// Whether a membership counts. Only `active` gives any right.
    MemberStatus {
        /// Counts.
        Active = "active",
        /// Kept, without rights, for instance out of season.
        Inactive = "inactive",
        /// Kept, without rights, by decision of the club.
        Suspended = "suspended",
    }
);
