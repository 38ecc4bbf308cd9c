//! The system's keyring: where a session is kept between one start and the next. Each call may wait for a prompt of
//! the system's, so none runs on the thread that draws or asks.

use keyring::v1::Entry;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::Keeping;
use crate::state::{exchange::Keyring, secret::Secret};

/// Under which the sessions stand in the keyring.
const SERVICE: &str = "astral-admin";

/// Whether there is one, and is to be used.
pub async fn find_out(keeping: Keeping) -> Keyring {
    let exists = || Entry::store_status().is_ok();
    match keeping {
        Keeping::Memory => Keyring::Unwanted,
        Keeping::Keyring if tokio::task::spawn_blocking(exists).await.unwrap_or_default() => Keyring::There,
        Keeping::Keyring => Keyring::Missing,
    }
}

/// The token that is kept for `server`, if any.
pub async fn find(server: String) -> Option<Secret> {
    let found = tokio::task::spawn_blocking(move || Entry::new(SERVICE, &server).ok()?.get_password().ok()).await;
    found.ok().flatten().map(Secret::new)
}

/// One after the other, in the order in which they were asked for: what is removed must not be what was kept since.
static TURN: Mutex<()> = Mutex::const_new(());

/// Keeps `token` for `server`.
///
/// # Errors
/// If the keyring did not take it; why, in the system's words.
pub async fn keep(keeping: Keeping, server: String, token: Secret) -> Result<(), String> {
    if keeping == Keeping::Memory {
        return Err("This system has no keyring.".to_owned());
    }
    let _turn = TURN.lock().await;
    let kept = tokio::task::spawn_blocking(move || {
        let token = Zeroizing::new(token.reveal().to_owned());
        Entry::new(SERVICE, &server)?.set_password(&token)
    });
    match kept.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("The keyring did not answer.".to_owned()),
    }
}

/// Forgets what is kept for `server`.
pub async fn remove(keeping: Keeping, server: String) {
    if keeping == Keeping::Keyring {
        let _turn = TURN.lock().await;
        // A session that is over needs no keeping; where the keyring fails, the token in it is dead anyway.
        let _ = tokio::task::spawn_blocking(move || Entry::new(SERVICE, &server)?.delete_credential()).await;
    }
}
