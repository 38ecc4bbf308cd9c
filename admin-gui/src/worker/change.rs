//! What is changed at the server, as the API wants it said.

use std::num::NonZero;

use astral_client::{Error, types};

use super::{
    answers,
    session::{Session, etag},
};
use crate::state::{
    exchange::{Change, Changed},
    failure::Failure,
    keys::KeyFacts,
    members::{Member, MemberEdit},
    secret::Secret,
};

impl Session {
    /// Changes something; what there is then.
    pub(super) async fn change(&self, organization: String, change: Change) -> Result<Changed, Failure> {
        self.send(organization, change).await.map_err(|error| self.failed(error))
    }

    async fn send(&self, org: String, change: Change) -> Result<Changed, Error<types::Problem>> {
        let client = &self.client;
        Ok(match change {
            Change::CreateKey { key, idempotency_key } => {
                let body = types::NewApiKey {
                    name: key.name,
                    description: key.description,
                    expires_at: key.expires_at.map(answers::date_time),
                    scopes: Some(key.scopes.into_iter().map(types::Scope::from).collect()),
                    allowed_ips: (!key.allowed_ips.is_empty()).then_some(key.allowed_ips),
                };
                let request = client.create_api_key().org_id(org).idempotency_key(idempotency_key).body(body);
                let mut created = request.send().await?.into_inner();
                let secret = Secret::new(std::mem::take(&mut created.secret));
                Changed::Created(created.into(), secret)
            }
            Change::RotateKey { id, rotation, idempotency_key } => {
                let body = types::Rotation {
                    overlap_seconds: Some(rotation.overlap_seconds),
                    retire_when_idle_hours: rotation
                        .retire_when_idle_hours
                        .and_then(|hours| NonZero::new(hours.into())),
                    replace: Some(rotation.replace),
                };
                let request =
                    client.rotate_api_key().org_id(org).key_id(id).idempotency_key(idempotency_key).body(body);
                let mut rotated = request.send().await?.into_inner();
                let secret = Secret::new(std::mem::take(&mut rotated.secret));
                Changed::Created(rotated.into(), secret)
            }
            Change::EndPreviousSecret { id } => {
                client.end_previous_secret().org_id(org).key_id(id).send().await?;
                Changed::Done
            }
            Change::ReportSecret { secret } => {
                let body = types::LeakedSecret { secret: secret.reveal().to_owned() };
                client.report_leaked_secret().body(body).send().await?;
                Changed::Done
            }
            Change::UpdateKey { id, etag: revision, key } => {
                let request = client.update_api_key().org_id(org).key_id(id).body(key_change(key));
                let request = if let Some(revision) = revision { request.if_match(revision) } else { request };
                Changed::Key(request.send().await?.into_inner().into())
            }
            Change::RevokeKey { id, reason } => {
                let request = client.revoke_api_key().org_id(org).key_id(id);
                let request = if let Some(reason) = reason { request.reason(reason) } else { request };
                request.send().await?;
                Changed::Done
            }
            Change::CreateMember { member, idempotency_key } => {
                let body = answers::new_member(member);
                let request = client.create_member().org_id(org).idempotency_key(idempotency_key).body(body);
                Changed::Member(request.send().await?.into_inner().into())
            }
            Change::UpdateMember { id, edit } => Changed::Member(self.update_member(org, id, edit).await?),
            Change::RemoveMember { id } => {
                client.delete_member().org_id(org).member_id(id).send().await?;
                Changed::Done
            }
            Change::Invite { id, email, idempotency_key } => {
                let request = client.create_invitation().org_id(org).member_id(id).idempotency_key(idempotency_key);
                let invited = request.body(types::NewInvitation { email: Some(email) }).send().await?.into_inner();
                Changed::Invited {
                    link: Secret::new(invited.link),
                    expires_at: answers::instant(invited.invitation.expires_at),
                }
            }
            Change::UpdateClub { club, etag: revision } => {
                use types::ClearableOrganizationField as Field;
                let empty = [
                    (Field::Description, club.description.is_none()),
                    (Field::LongestKeyDays, club.longest_key_days.is_none()),
                    (Field::UsualKeyDays, club.usual_key_days.is_none()),
                ];
                let clear: Vec<_> = empty.into_iter().filter(|(_, empty)| *empty).map(|(field, _)| field).collect();
                let days = |days: Option<u16>| days.and_then(|days| NonZero::new(days.into()));
                let body = types::OrganizationChange {
                    name: Some(club.name),
                    description: club.description,
                    longest_key_days: days(club.longest_key_days),
                    usual_key_days: days(club.usual_key_days),
                    clear: (!clear.is_empty()).then_some(clear),
                };
                let request = client.update_organization().org_id(org).body(body);
                let request = if let Some(revision) = revision { request.if_match(revision) } else { request };
                let response = request.send().await?;
                let etag = etag(response.headers());
                Changed::Club(answers::club(response.into_inner(), etag))
            }
            Change::HandOver { member_id, password } => {
                let body = types::HandOver { member_id, password: password.reveal().to_owned() };
                client.hand_over_head_coach().org_id(org).body(body).send().await?;
                Changed::Done
            }
            Change::ChangePassword { current, new } => {
                let body = types::PasswordChange {
                    current_password: current.reveal().to_owned(),
                    new_password: new.reveal().to_owned(),
                };
                client.change_password().body(body).send().await?;
                Changed::Done
            }
        })
    }

    /// Changes a member as it is now: reads it first, and changes that very revision, so that nothing which somebody
    /// else changed meanwhile is undone.
    async fn update_member(&self, org: String, id: String, edit: MemberEdit) -> Result<Member, Error<types::Problem>> {
        /// So often is one thing changed anew when another change of the member came in between: one's own, mostly.
        const TRIES: usize = 5;
        let of_one_thing = !matches!(edit, MemberEdit::All { .. });
        for _ in 1..TRIES {
            match self.try_to_update_member(&org, &id, edit.clone()).await {
                Err(Error::ErrorResponse(refused)) if of_one_thing && refused.status() == 412 => {}
                result => return result,
            }
        }
        self.try_to_update_member(&org, &id, edit).await
    }

    async fn try_to_update_member(
        &self,
        org: &str,
        id: &str,
        edit: MemberEdit,
    ) -> Result<Member, Error<types::Problem>> {
        use types::ClearableMemberField as Clear;
        let present = self.client.get_member().org_id(org).member_id(id).send().await?;
        let revision = etag(present.headers());
        let present = present.into_inner();
        let labels_are = |labels: Vec<String>| {
            if labels.is_empty() {
                types::MemberChange { clear: Some(vec![Clear::Labels]), ..Default::default() }
            } else {
                types::MemberChange { labels, ..Default::default() }
            }
        };
        let body = match edit {
            MemberEdit::All { from, to } => answers::member_change(&from, *to),
            MemberEdit::Status(status) => types::MemberChange { status: Some(status.into()), ..Default::default() },
            MemberEdit::Coach(Some(coach)) => types::MemberChange { coach_id: Some(coach), ..Default::default() },
            MemberEdit::Coach(None) => types::MemberChange { clear: Some(vec![Clear::CoachId]), ..Default::default() },
            MemberEdit::AddLabel(label) => {
                let mut labels = present.labels;
                if labels.contains(&label) {
                    return Ok(self.client.get_member().org_id(org).member_id(id).send().await?.into_inner().into());
                }
                labels.push(label);
                labels_are(labels)
            }
            MemberEdit::RemoveLabel(label) => {
                let labels = present.labels.into_iter().filter(|known| *known != label).collect();
                labels_are(labels)
            }
        };
        let request = self.client.update_member().org_id(org).member_id(id).body(body);
        let request = if let Some(revision) = revision { request.if_match(revision) } else { request };
        Ok(request.send().await?.into_inner().into())
    }
}

/// All that can be said of a key, as the API wants it said.
fn key_change(key: KeyFacts) -> types::ApiKeyChange {
    use types::ClearableApiKeyField as Clear;
    let mut clear = Vec::new();
    if key.description.is_none() {
        clear.push(Clear::Description);
    }
    if key.expires_at.is_none() {
        clear.push(Clear::ExpiresAt);
    }
    if key.allowed_ips.is_empty() {
        clear.push(Clear::AllowedIps);
    }
    types::ApiKeyChange {
        name: Some(key.name),
        description: key.description,
        scopes: key.scopes.into_iter().map(types::Scope::from).collect(),
        expires_at: key.expires_at.map(answers::date_time),
        allowed_ips: key.allowed_ips,
        clear: (!clear.is_empty()).then_some(clear),
    }
}
