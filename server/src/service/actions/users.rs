//! Users: change the password.

use serde_json::json;

use crate::service::{
    authority::SignedIn,
    error::{Error, Forbidden, Result},
    model::{password::PasswordHash, user::User},
    store::{self, Read, WriteTx},
};

impl<T: Read> SignedIn<'_, T> {
    /// The person.
    pub fn user(&self) -> Result<User> {
        store::users::get(self.tx, self.user_id)?.ok_or(Error::NotFound)
    }
}

impl SignedIn<'_, WriteTx> {
    /// Sets a new password in the place of the one that was verified against `verified`, and ends the
    /// person's other sessions.
    ///
    /// # Errors
    /// [`Forbidden::PasswordIncorrect`] if the password was changed meanwhile.
    pub fn change_password(&self, verified: &PasswordHash, new: PasswordHash) -> Result<()> {
        let mut user = self.user()?;
        if user.password_hash != *verified {
            return Err(Forbidden::PasswordIncorrect.into());
        }
        user.password_hash = new;
        user.password_changed_at = self.tx.now();
        store::users::put(self.tx, &user)?;
        let ended = store::sessions::delete_others(self.tx, self.user_id, Some(&self.session))?;
        self.audit.record(self.tx, None, "user.change_password", self.user_id, json!({ "sessions_ended": ended }))
    }
}
