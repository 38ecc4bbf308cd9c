//! What is done to several members at once.

use crate::state::form::Field;

/// Members that are to be removed.
pub struct RemoveForm {
    /// Their ids and names.
    pub members: Vec<(String, String)>,
}

/// A label for several members.
pub struct LabelForm {
    /// Whom.
    pub members: Vec<String>,
    /// Which.
    pub label: Field,
    /// Whether it is given, or taken away.
    pub give: bool,
}

/// A coach for several members.
pub struct CoachForm {
    /// Whom.
    pub members: Vec<String>,
    /// Which; none to take the coach away.
    pub coach_id: Option<String>,
    /// Which it is now, if they all have the same.
    pub before: Option<String>,
}
