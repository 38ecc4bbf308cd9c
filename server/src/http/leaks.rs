//! Secrets that stand where they should not.

use std::{sync::Arc, time::Duration};

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::{
    Tag,
    body::{Body, LargeBody, body},
    refused::{ANY, BODY, KEY_MANAGER, Refused},
    reply::{Accepted, Reply},
    schema::{LeakedSecret, SearchedText},
    security::SessionCaller,
};
use crate::service::{
    ApiKeyId, Identification, IdentifiedSecret, KeyStatus, Name, OrganizationId, Origin, SecretStanding, Service,
    Timestamp, find_secrets,
};

body! {
    /// A text in which keys may stand.
    #[oai(rename = "TextToIdentify")]
    post TextToIdentifyBody {
        /// A log, a chat, a file: of 10 MiB in UTF-8 at most, and with the body of 32 MiB: write letters as they are, not as `\\u0430`. It is not
        /// kept.
        text: SearchedText,
    }
}

body! {
    /// A secret that stands where it should not.
    #[oai(rename = "LeakedSecret")]
    post LeakedSecretBody {
        /// All of it: of an API key, a session, or an invitation. Space around it does not matter.
        secret: LeakedSecret,
    }
}

/// The keys of the organization whose secrets stand in a text.
#[derive(Serialize, Object)]
#[oai(rename = "IdentifiedKeys")]
struct IdentifiedKeysBody {
    /// An entry for each secret, in the order in which they stand there.
    data: Vec<IdentifiedKeyBody>,
    /// How many other secrets stand there: of keys that are not the organization's, of sessions, of invitations. They
    /// can be reported as leaked.
    others: usize,
}

/// A key of the organization, one of whose secrets stands in a text.
#[derive(Serialize, Object)]
#[oai(rename = "IdentifiedKey")]
struct IdentifiedKeyBody {
    /// The key.
    id: ApiKeyId,
    name: Name,
    /// What the key is now.
    status: KeyStatus,
    /// By which the secret can be recognized.
    hint: String,
    /// What the secret is to the key now.
    standing: SecretStanding,
    /// Whether the secret is accepted now, from where the key may be used.
    works: bool,
    /// When the secret was last used; `null` if it never was.
    last_used_at: Option<Timestamp>,
    /// The line of the text in which it first stands, from 1 on.
    line: usize,
    /// How often it stands there.
    occurrences: usize,
}

impl IdentifiedKeysBody {
    fn new(identification: Identification, text: &str) -> Self {
        let Identification { keys, others } = identification;
        let (mut line, mut counted) = (1, 0);
        let mut described = |key: IdentifiedSecret| {
            // They come in their order: no part of the text is counted twice.
            line += memchr::memchr_iter(b'\n', &text.as_bytes()[counted..key.start]).count();
            counted = key.start;
            IdentifiedKeyBody {
                works: key.works(),
                id: key.id,
                name: key.name,
                status: key.status,
                hint: key.hint,
                standing: key.standing,
                last_used_at: key.last_used_at,
                line,
                occurrences: key.occurrences,
            }
        };
        Self { data: keys.into_iter().map(&mut described).collect(), others }
    }
}

/// How soon a report is answered at the soonest. What ends takes a commit, which must not be told by the time from a secret
/// that nobody knows; a commit for that one, too, would let strangers keep the writer busy.
const SOONEST: Duration = Duration::from_millis(50);

pub struct LeaksApi;

#[OpenApi]
impl LeaksApi {
    /// Identify keys in a text
    ///
    /// Finds the secrets of the organization's keys, whatever stands around them, also those that work no more: which
    /// key each belongs to, and whether it works. For the head coach, on the plan `coach` or above. Changes nothing; the
    /// text is not kept. The body may have 32 MiB; one of more than 1 MiB is read only
    /// once it is known that the caller may send it.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys/identify",
        method = "post",
        operation_id = "identify_api_keys",
        tag = "Tag::ApiKeys"
    )]
    async fn identify_api_keys(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        body: LargeBody<TextToIdentifyBody>,
    ) -> Result<Reply<IdentifiedKeysBody>, Refused<{ KEY_MANAGER | BODY }>> {
        let may_send = || Ok(service.read(|tx| tx.head_coach(&caller, org_id.0)?.key_manager().map(|_| ()))?);
        let (TextToIdentifyBody { text: SearchedText(text) }, room) = body.read(may_send).await?;
        let identified = service.read_apart(move |tx| {
            let _room = room;
            let manager = tx.head_coach(&caller, org_id.0)?.key_manager()?;
            let identification = manager.identify(find_secrets(text.as_bytes()))?;
            Ok(IdentifiedKeysBody::new(identification, &text))
        });
        Ok(Reply::new(&identified.await?))
    }

    /// Report a leaked secret
    ///
    /// For anyone who has found one, without a credential. What it opens ends, on every plan: the key of a current
    /// secret is revoked; of a previous secret, which a rotation has replaced, that secret alone ends; a session ends; an
    /// invitation is withdrawn. Done once this is answered, and answered alike whether the secret is known or not.
    #[oai(
        path = "/api/v1/leaked-secrets",
        method = "post",
        operation_id = "report_leaked_secret",
        tag = "Tag::ApiKeys"
    )]
    async fn report_leaked_secret(
        &self,
        service: Data<&Arc<Service>>,
        origin: Origin,
        Body(body): Body<LeakedSecretBody>,
    ) -> Result<Accepted, Refused<{ ANY | BODY }>> {
        let soonest = Instant::now() + SOONEST;
        let LeakedSecret(secret) = body.secret;
        let (kind, hash) = (secret.kind(), secret.hash());
        // The writer is not there for what strangers make up.
        if service.read(|tx| tx.visitor(origin).opened_by(kind, &hash))?.is_some() {
            let ended = service.write_urgently(move |tx| tx.visitor(origin).end_leaked(kind, &hash)).await?;
            if ended {
                tracing::warn!(%kind, request_id = %origin.request_id, "a secret was reported as leaked, and was ended");
            }
        }
        sleep_until(soonest).await;
        Ok(Accepted)
    }
}
