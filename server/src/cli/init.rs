//! `init`: the first organization and its head coach, without a browser or console.

use std::path::PathBuf;

use clap::Args;

use super::{
    new_password,
    operator::{self, Request},
};
use crate::service::{Email, Name, Plan};

/// What to make.
#[derive(Args)]
pub struct InitOptions {
    /// Name of the club
    #[arg(long, value_name = "NAME")]
    organization: Name,
    /// Its plan: free, coach, club or enterprise
    #[arg(long, value_name = "PLAN", default_value = "coach")]
    plan: Plan,
    /// Email with which the head coach will sign in
    #[arg(long, value_name = "EMAIL")]
    email: Email,
    /// What the head coach is called
    #[arg(long, value_name = "NAME")]
    name: Name,
}

/// Makes it; refuses if there is an organization.
pub async fn init(folder: PathBuf, options: InitOptions) -> Result<(), String> {
    let InitOptions { organization, plan, email, name } = options;
    let password = new_password()?;
    operator::ask(
        &folder,
        Request::CreateOrganization { first: true, organization, plan, email, name, password },
        false,
    )
    .await
}
