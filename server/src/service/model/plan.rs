//! What an organization has subscribed to.

use super::{Invalid, words};

words!(
    /// A plan; the later ones include what the earlier ones have.
    Plan {
        /// Roster only.
        Free = "free",
        /// With security settings: API keys.
        Coach = "coach",
        /// For whole clubs.
        Club = "club",
        /// For federations.
        Enterprise = "enterprise",
    }
);

words!(
    /// Something that a plan includes or does not.
    Feature {
        /// Creating, changing, listing and using API keys.
        SecuritySettings = "security_settings",
    }
);

impl Plan {
    /// Whether the plan includes `feature`.
    pub fn includes(self, feature: Feature) -> bool {
        match feature {
            Feature::SecuritySettings => self >= Self::Coach,
        }
    }

    /// Everything that the plan includes.
    pub fn features(self) -> Vec<Feature> {
        Feature::ALL.iter().copied().filter(|feature| self.includes(*feature)).collect()
    }
}
