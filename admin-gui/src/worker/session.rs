//! A session with one server, and what can be asked in it.

use std::{collections::HashMap, path::Path, time::Duration};

use astral_client::{Client, Error, ResponseValue, types};
use reqwest::header::{ETAG, HeaderMap};

use super::{
    Outbox, answers,
    export::Export,
    failure::{self, check_version},
    leaks::{self, Candidates},
};
use crate::state::{
    address::Address,
    audit::{self, Exported, Query},
    exchange::{Changed, Command, Event},
    failure::{Failure, FailureKind},
    keys::{Findings, Key, PlannedAction, Suspect},
    listing::Page,
    members::Member,
    secret::Secret,
    session::SignedIn,
};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long to wait for an answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The most rows that the API gives at once.
const PAGE: u32 = 200;

/// A signed-in session.
#[derive(Clone)]
pub struct Session {
    server: Address,
    pub(super) client: Client,
}

type Answer<T> = Result<ResponseValue<T>, Error<types::Problem>>;

fn client(server: &Address, headers: HeaderMap) -> Result<Client, Failure> {
    let http = astral_client::http()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .user_agent(concat!("astral-admin/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .default_headers(headers)
        .build()
        .map_err(|error| failure::of(Error::CommunicationError(error), &server.host()))?;
    Ok(Client::new_with_client(server.as_str(), http))
}

/// What came of `answer`, from a server that says which version it is.
fn versioned<T>(answer: Answer<T>, host: &str) -> Result<T, Failure> {
    match answer {
        Ok(response) => {
            check_version(response.headers(), host)?;
            Ok(response.into_inner())
        }
        Err(error) => {
            if let Error::ErrorResponse(response) = &error {
                check_version(response.headers(), host)?;
            }
            Err(failure::of(error, host))
        }
    }
}

pub(super) fn etag(headers: &HeaderMap) -> Option<String> {
    headers.get(ETAG)?.to_str().ok().map(str::to_owned)
}

impl Session {
    /// Signs in; the token too, to be kept.
    pub async fn sign_in(
        server: Address,
        email: String,
        password: Secret,
    ) -> Result<(Self, SignedIn, Secret), Failure> {
        let anonymous = client(&server, HeaderMap::new())?;
        let body = types::Login { email, password: password.reveal().to_owned() };
        let session = versioned(anonymous.login().body(body).send().await, &server.host())?;
        Self::with_token(server, Secret::new(session.token)).await
    }

    /// Sets a new server up; the token too, to be kept.
    pub async fn set_up(
        server: Address,
        setup_code: Secret,
        organization_name: String,
        display_name: String,
        email: String,
        password: Secret,
    ) -> Result<(Self, SignedIn, Secret), Failure> {
        let anonymous = client(&server, HeaderMap::new())?;
        let body = types::Setup {
            setup_code: setup_code.reveal().to_owned(),
            organization_name,
            display_name,
            email,
            password: password.reveal().to_owned(),
        };
        let done = versioned(anonymous.set_up().body(body).send().await, &server.host())?;
        Self::with_token(server, Secret::new(done.token)).await
    }

    /// Goes on with a session that was kept.
    pub async fn resume(server: Address, token: &Secret) -> Result<(Self, SignedIn), Failure> {
        let host = server.host();
        let client = client(&server, astral_client::authorization(token.reveal()))?;
        let caller = versioned(client.get_caller().send().await, &host)?;
        let signed_in = answers::signed_in(caller)
            .ok_or_else(|| Failure::new(FailureKind::SignedOut, "The session does not count.", "Sign in again."))?;
        Ok((Self { server, client }, signed_in))
    }

    async fn with_token(server: Address, token: Secret) -> Result<(Self, SignedIn, Secret), Failure> {
        let (session, signed_in) = Self::resume(server, &token).await?;
        Ok((session, signed_in, token))
    }

    /// Where the server is, as the keyring knows it.
    pub fn server(&self) -> &str {
        self.server.as_str()
    }

    pub(super) fn failed(&self, error: Error<types::Problem>) -> Failure {
        failure::of(error, &self.server.host())
    }

    /// Ends the session.
    pub async fn sign_out(&self) -> Result<(), Failure> {
        match self.client.logout().send().await.map_err(|error| self.failed(error)) {
            // What is to be ended has ended.
            Err(failure) if failure.kind != FailureKind::SignedOut => Err(failure),
            _ => Ok(()),
        }
    }

    /// Ends all sessions of the person.
    pub async fn sign_out_everywhere(&self) -> Result<Changed, Failure> {
        match self.client.logout().everywhere(true).send().await {
            Ok(_) => Ok(Changed::Done),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Does what is asked, and says what came of it.
    pub async fn answer(&self, command: Command, outbox: &Outbox) {
        match command {
            Command::Probe => match self.client.get_caller().send().await {
                Ok(response) => {
                    if let Some(signed_in) = answers::signed_in(response.into_inner()) {
                        outbox.send(Event::Reached(signed_in));
                    }
                }
                Err(error) => outbox.send(Event::NotReached(self.failed(error))),
            },
            Command::FindHeadCoaches(clubs) => {
                let mut found = Vec::new();
                for (id, name) in clubs {
                    found.push((name, self.head_coach(&id).await));
                }
                outbox.send(Event::HeadCoaches(found));
            }
            Command::LoadClub { organization } => {
                let answer = self.client.get_organization().org_id(&organization).send().await;
                let club = answer.map(|response| {
                    let etag = etag(response.headers());
                    answers::club(response.into_inner(), etag)
                });
                let result = Box::new(club.map_err(|error| self.failed(error)));
                outbox.send(Event::Club { organization, result });
            }
            Command::LoadKeys { organization, with_ended, load } => {
                self.load_keys(&organization, with_ended, load, outbox).await;
            }
            Command::LoadMembers { organization, cursor, load } => {
                self.load_members(&organization, cursor, load, outbox).await;
            }
            Command::LoadKey { organization, key } => {
                let answer = self.client.get_api_key().org_id(&organization).key_id(&key).send().await;
                let result = answer.map(|response| {
                    let etag = etag(response.headers());
                    (Key::from(response.into_inner()), etag)
                });
                let result = result.map_err(|error| self.failed(error));
                outbox.send(Event::Key { organization, id: key, result: Box::new(result) });
            }
            Command::LoadUsage { organization, key } => {
                let answer = self.client.get_api_key_usage().org_id(&organization).key_id(&key).send().await;
                let result = answer.map(|response| answers::usage(response.into_inner()));
                let result = Box::new(result.map_err(|error| self.failed(error)));
                outbox.send(Event::Usage { organization, id: key, result });
            }
            Command::LoadImpact { organization, key, action } => {
                let request = self.client.get_api_key_impact().org_id(&organization).key_id(&key);
                let request = match &action {
                    PlannedAction::Revoke => request.action(types::PlannedAction::Revoke),
                    PlannedAction::Rotate => request.action(types::PlannedAction::Rotate),
                    PlannedAction::Narrow(scopes) => {
                        let scopes = scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(",");
                        request.action(types::PlannedAction::Narrow).scopes(scopes)
                    }
                };
                let result = request.send().await.map(|response| answers::impact(response.into_inner()));
                let result = Box::new(result.map_err(|error| self.failed(error)));
                outbox.send(Event::Impact { organization, id: key, action, result });
            }
            Command::LoadEvents { organization, query, cursor, load } => {
                let page = self.events(&organization, &query, cursor.as_deref()).await;
                let page = page.map(|page| Page {
                    items: page.data.into_iter().map(audit::Event::from).collect(),
                    next: page.next_cursor,
                });
                outbox.send(Event::Events { load, page });
            }
            Command::Export { organization, query, format, file, replace, run } => {
                let exported = self.export(&organization, &query, format, &file, replace, run, outbox).await;
                let exported = exported.map_or_else(Exported::Failed, Exported::All);
                outbox.send(Event::Exported { run, exported });
            }
            Command::FindKeys { organization, suspect, run } => {
                let result = Box::new(self.find_keys(&organization, suspect).await);
                outbox.send(Event::Findings { run, result });
            }
            Command::LoadMember { organization, member } => {
                let answer = self.client.get_member().org_id(&organization).member_id(&member).send().await;
                let result = answer.map(|response| Member::from(response.into_inner()));
                let result = Box::new(result.map_err(|error| self.failed(error)));
                outbox.send(Event::Member { organization, id: member, result });
            }
            Command::Change { organization, ticket, change } => {
                let result = self.change(organization, change).await;
                outbox.send(Event::Changed { ticket, result: Box::new(result) });
            }
            // Answered by whoever holds the session.
            Command::Resume { .. }
            | Command::SignIn { .. }
            | Command::SetUp { .. }
            | Command::SignOut
            | Command::SignOutEverywhere { .. }
            | Command::Forget
            | Command::StopExport
            | Command::ChooseFileToWrite { .. }
            | Command::ChooseFilesToSearch
            | Command::StopMembers => {}
        }
    }

    async fn events(
        &self,
        organization: &str,
        query: &Query,
        cursor: Option<&str>,
    ) -> Result<types::AuditEventPage, Failure> {
        let mut request = self.client.list_audit_events().org_id(organization).limit(PAGE);
        if let Some(noun) = query.noun {
            request = request.action(noun);
        }
        if let Some(actor) = &query.actor {
            request = request.actor(actor);
        }
        if let Some(since) = query.since {
            request = request.since(answers::date_time(since));
        }
        if let Some(cursor) = cursor {
            request = request.cursor(cursor);
        }
        Ok(request.send().await.map_err(|error| self.failed(error))?.into_inner())
    }

    /// Puts events into a file, page by page; how many there are. Given up, it leaves nothing behind.
    #[expect(clippy::too_many_arguments, reason = "one for each part of the command")]
    async fn export(
        &self,
        organization: &str,
        query: &Query,
        format: audit::Format,
        file: &Path,
        replace: bool,
        run: u64,
        outbox: &Outbox,
    ) -> Result<u64, Failure> {
        let mut export = on_disk(file, move |file| Export::begin(file, format, replace)).await?;
        let mut cursor: Option<String> = None;
        loop {
            let page = self.events(organization, query, cursor.as_deref()).await?;
            cursor = page.next_cursor;
            let added = on_disk(file, move |_| export.add(&page.data).map(|count| (export, count))).await?;
            let count;
            (export, count) = added;
            outbox.send(Event::Exported { run, exported: Exported::Some(count) });
            if cursor.is_none() {
                return on_disk(file, move |file| export.finish(file, replace)).await;
            }
        }
    }

    /// The secrets in a text, and which of them are of the club's keys. Of the text itself nothing is sent.
    async fn find_keys(&self, organization: &str, suspect: Suspect) -> Result<Findings, Failure> {
        let searched = tokio::task::spawn_blocking(move || leaks::search(suspect)).await;
        let Candidates { searched, found, unread } = searched.unwrap_or_else(|error| Err(failure::of_panic(&error)))?;
        let text = leaks::keys_of(&found);
        let asked = !text.is_empty();
        let mut identified = Vec::new();
        if asked {
            let body = types::TextToIdentify { text };
            let request = self.client.identify_api_keys().org_id(organization).body(body);
            identified = request.send().await.map_err(|error| self.failed(error))?.into_inner().data;
        }
        let mut keys: HashMap<String, Key> = HashMap::new();
        for types::IdentifiedKey { id, .. } in &identified {
            if !keys.contains_key(id) {
                let read = self.client.get_api_key().org_id(organization).key_id(id).send().await;
                keys.insert(id.clone(), read.map_err(|error| self.failed(error))?.into_inner().into());
            }
        }
        let (keys, others) = leaks::told_apart(found, &identified, &keys);
        Ok(Findings { searched, keys, others, unread, asked })
    }

    /// Who heads a club; none if the person may not know.
    async fn head_coach(&self, organization: &str) -> Option<String> {
        let members = self.client.list_members().org_id(organization).role(types::Role::HeadCoach).send().await.ok()?;
        members.into_inner().data.into_iter().next().map(|member| member.display_name)
    }

    async fn load_keys(&self, organization: &str, with_ended: bool, load: u64, outbox: &Outbox) {
        let status = if with_ended { types::KeyStatusFilter::All } else { types::KeyStatusFilter::Active };
        let mut cursor: Option<String> = None;
        loop {
            let request = self.client.list_api_keys().org_id(organization).limit(PAGE).status(status);
            let request = if let Some(cursor) = &cursor { request.cursor(cursor) } else { request };
            match request.send().await {
                Ok(response) => {
                    let page = response.into_inner();
                    cursor = page.next_cursor;
                    let items = page.data.into_iter().map(Key::from).collect();
                    outbox.send(Event::Keys { load, page: Ok(Page { items, next: cursor.clone() }) });
                }
                Err(error) => {
                    outbox.send(Event::Keys { load, page: Err(self.failed(error)) });
                    return;
                }
            }
            if cursor.is_none() {
                return;
            }
        }
    }

    async fn load_members(&self, organization: &str, mut cursor: Option<String>, load: u64, outbox: &Outbox) {
        loop {
            let request = self.client.list_members().org_id(organization).limit(PAGE);
            let request = if let Some(cursor) = &cursor { request.cursor(cursor) } else { request };
            match request.send().await {
                Ok(response) => {
                    let page = response.into_inner();
                    cursor = page.next_cursor;
                    let items = page.data.into_iter().map(Member::from).collect();
                    outbox.send(Event::Members { load, page: Ok(Page { items, next: cursor.clone() }) });
                }
                Err(error) => {
                    outbox.send(Event::Members { load, page: Err(self.failed(error)) });
                    return;
                }
            }
            if cursor.is_none() {
                return;
            }
        }
    }
}

/// Does something with a file on a thread that may wait for the disk.
async fn on_disk<R: Send + 'static>(
    file: &Path,
    act: impl FnOnce(&Path) -> std::io::Result<R> + Send + 'static,
) -> Result<R, Failure> {
    let path = file.to_owned();
    let done = tokio::task::spawn_blocking(move || act(&path)).await;
    let done = done.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    done.map_err(|error| failure::of_file(&error, file))
}
