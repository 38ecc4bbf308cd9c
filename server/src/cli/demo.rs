//! `demo`: a throw-away club to try things out with, made through the same doors as a real one.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use chrono::{DateTime, TimeDelta};
use clap::Args;
use futures_util::future::try_join_all;
use serde_json::json;

use super::{say, serve};
use crate::{
    config::{DEFAULT_LISTEN, listen_address},
    http::HttpSettings,
    service::{
        ApiKeyId, Caller, Clock, Email, Entropy, Error, Expected, Member, MemberId, MemberStatus, Name, NewApiKey,
        NewMember, Organization, OrganizationId, Origin, Password, Role, Scope, Scopes, Secret, SecretKind, Service,
        Settings, ShellAccess, Timestamp, Unauthenticated,
    },
};

/// How the demo is served.
#[derive(Args)]
pub struct DemoOptions {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, env = "ASTRAL_LISTEN", value_name = "ADDRESS:PORT", default_value = DEFAULT_LISTEN, value_parser = listen_address)]
    listen: SocketAddr,
    /// Print one line of JSON when the server answers, for scripts
    #[arg(long)]
    json: bool,
}

const CLUB: &str = "Summit Running Club";
const HEAD_COACH: (&str, &str) = ("Ana Ruiz", "ana@summit.example");
const COACHES: [(&str, &str); 3] = [
    ("Ben Okafor", "ben@summit.example"),
    ("Chiara Conti", "chiara@summit.example"),
    ("Daan de Vries", "daan@summit.example"),
];
const FIRST_NAMES: [&str; 10] =
    ["Amara", "Björn", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hiroshi", "Inés", "Jonas"];
const LAST_NAMES: [&str; 5] = ["Abara", "Lindqvist", "Moreau", "Nakamura", "Yılmaz"];
const LABELS: [&str; 5] = ["U14", "U16", "U18", "Sprint", "Distance"];
/// Where the programs of the club run, and what they call themselves.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const PROGRAM: &str = "club-scripts/1.4";
/// How long the club has been there.
const AGE: TimeDelta = TimeDelta::weeks(9);

/// Someone who can sign in.
struct Person {
    email: String,
    password: String,
}

impl Person {
    fn json(&self) -> serde_json::Value {
        json!({ "email": self.email, "password": self.password })
    }
}

/// What is printed of the club.
struct Club {
    organization_id: OrganizationId,
    head_coach: Person,
    coach: Person,
    athlete: Person,
    api_key: (ApiKeyId, String),
}

/// Makes the club in a folder that goes away with the process, and serves it.
pub async fn demo(options: DemoOptions) -> Result<(), String> {
    if !options.listen.ip().is_loopback() {
        return Err(format!("{} can be reached from other machines; the demo is for this one alone", options.listen));
    }
    let stop = serve::stop_signal();
    let listener = serve::listen(options.listen, "--listen")?;
    let folder = tempfile::Builder::new()
        .prefix("astral-demo-")
        .tempdir()
        .map_err(|error| format!("cannot make a folder: {error}"))?;
    let club = seed(folder.path()).await.map_err(|error| format!("cannot make the demo's club: {error}"))?;
    let (service, _) = serve::open(folder.path(), Settings::default())?;
    let url = format!("http://{}", listener.local_addr().map_err(|error| error.to_string())?);
    let server = tokio::spawn(crate::run(listener, Arc::new(service), HttpSettings::default(), stop));
    say(if options.json { line(&url, &club) } else { text(&url, &club) })?;
    let stopped = server.await.map_err(|error| error.to_string())?;
    stopped.map_err(|error| error.to_string())
}

fn line(url: &str, club: &Club) -> String {
    let (id, secret) = &club.api_key;
    let line = json!({
        "url": url,
        "organization_id": club.organization_id,
        "head_coach": club.head_coach.json(),
        "coach": club.coach.json(),
        "athlete": club.athlete.json(),
        "api_key": { "id": id, "secret": secret },
    });
    line.to_string()
}

fn text(url: &str, club: &Club) -> String {
    let Club { organization_id, head_coach, coach, athlete, api_key: (_, secret) } = club;
    format!(
        "{CLUB} is open at {url}, until you press Ctrl-C. Nothing of it is kept.\n\
         \n\
         Head coach  {}  {}\n\
         Coach       {}  {}\n\
         Athlete     {}  {}\n\
         API key     {secret}\n\
         \n\
         Try it in another terminal:\n\
         \n\
         curl {url}/api/v1/organizations/{organization_id}/members \\\n  \
           -H \"Authorization: Bearer {secret}\"\n",
        head_coach.email, head_coach.password, coach.email, coach.password, athlete.email, athlete.password
    )
}

/// Makes the club with a clock that runs through its weeks.
async fn seed(folder: &Path) -> Result<Club, String> {
    let clock = Clock::fixed(DateTime::from(Clock::system().now()) - AGE);
    let (service, _) = Service::open(folder, Settings::default(), clock.clone()).map_err(|error| error.to_string())?;
    let seeding = Seeding { service, clock, entropy: Entropy::system() };
    let club = seeding.club().await.map_err(|error| error.to_string())?;
    seeding.service.close().await.map_err(|error| error.to_string())?;
    Ok(club)
}

struct Seeding {
    service: Service,
    clock: Clock,
    entropy: Entropy,
}

impl Seeding {
    async fn club(&self) -> Result<Club, Error> {
        let (organization, head_coach) = self.found().await?;
        let organization_id = organization.id;
        let caller = self.sign_in(&head_coach).await?;
        let coaches = self.coaches(&caller, organization_id).await?;
        let athletes = self.athletes(&caller, organization_id, &coaches).await?;
        let mut accounts = Vec::new();
        for (coach, (_, email)) in coaches.iter().zip(COACHES) {
            accounts.push(self.accept(&caller, organization_id, coach.id, email).await?);
        }
        let athlete = self.accept(&caller, organization_id, athletes[0].id, "amara@summit.example").await?;
        let api_key = self.keys(&caller, organization_id).await?;
        let coach = accounts.swap_remove(0);
        Ok(Club { organization_id, head_coach, coach, athlete, api_key })
    }

    fn origin(&self) -> Origin {
        Origin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), request_id: self.service.new_request_id() }
    }

    /// A password that is new for each demo: the address could be reached by others on the machine.
    fn password(&self) -> String {
        let word = |bytes: [u8; 5]| bytes.map(|byte| char::from(b'a' + byte % 26)).iter().collect::<String>();
        format!("{}-{}-{}", word(self.entropy.bytes()), word(self.entropy.bytes()), word(self.entropy.bytes()))
    }

    async fn found(&self) -> Result<(Organization, Person), Error> {
        let password = self.password();
        let password_hash = self.service.hash_password(Password::typed(password.clone())).await?;
        let (display_name, email) = HEAD_COACH;
        let new =
            crate::service::NewHeadCoach { email: parse(email), display_name: parse(display_name), password_hash };
        let plan = crate::service::Plan::Coach;
        let made = self.service.write(move |tx| {
            tx.operator(ShellAccess::asserted_by_command_line()).create_organization(
                parse(CLUB),
                plan,
                new.clone(),
                true,
            )
        });
        let (organization, _) = made.await?;
        Ok((organization, Person { email: email.to_owned(), password }))
    }

    async fn sign_in(&self, person: &Person) -> Result<Caller, Error> {
        let origin = self.origin();
        let signed_in =
            self.service.sign_in(&parse(&person.email), Password::typed(person.password.clone()), origin).await?;
        self.service.authenticate(&signed_in.token, origin, "get_caller", None).caller
    }

    async fn coaches(&self, caller: &Caller, id: OrganizationId) -> Result<Vec<Member>, Error> {
        let added = COACHES.map(|(name, email)| self.add(caller, id, Role::Coach, name, Some(email), Vec::new(), None));
        try_join_all(added).await
    }

    async fn athletes(&self, caller: &Caller, id: OrganizationId, coaches: &[Member]) -> Result<Vec<Member>, Error> {
        let mut athletes = Vec::new();
        for (group, last) in LAST_NAMES.iter().enumerate() {
            let names: Vec<_> = FIRST_NAMES.iter().map(|first| format!("{first} {last}")).collect();
            let added = names.iter().enumerate().map(|(number, name)| {
                let mut labels = vec![LABELS[number % 3], LABELS[3 + group % 2]];
                labels.truncate(1 + number % 2);
                self.add(caller, id, Role::Athlete, name, None, labels, Some(coaches[(group + number) % 3].id))
            });
            athletes.extend(try_join_all(added).await?);
            self.clock.advance(TimeDelta::hours(5));
        }
        Ok(athletes)
    }

    #[expect(clippy::too_many_arguments, reason = "one for each field")]
    async fn add(
        &self,
        caller: &Caller,
        id: OrganizationId,
        role: Role,
        name: &str,
        email: Option<&str>,
        labels: Vec<&'static str>,
        coach_id: Option<MemberId>,
    ) -> Result<Member, Error> {
        let new = NewMember {
            role,
            status: MemberStatus::Active,
            display_name: parse(name),
            email: email.map(parse),
            labels: labels.iter().map(|label| parse(label)).collect(),
            external_id: None,
            coach_id,
        };
        let caller = caller.clone();
        self.service.write(move |tx| tx.roster_editor(&caller, id, new.role)?.add_member(new.clone())).await
    }

    /// Invites a member and accepts.
    async fn accept(
        &self,
        caller: &Caller,
        id: OrganizationId,
        member: MemberId,
        email: &str,
    ) -> Result<Person, Error> {
        let code = self.service.new_secret(SecretKind::Invitation);
        let (hash, address, caller): (_, Email, _) = (code.hash(), parse(email), caller.clone());
        self.service.write(move |tx| tx.head_coach(&caller, id)?.invite(member, Some(address.clone()), hash)).await?;
        let password = self.password();
        self.service.accept_invitation(&code, Password::typed(password.clone()), self.origin()).await?;
        Ok(Person { email: email.to_owned(), password })
    }

    /// Keys in each state, used over the weeks. Ends at the present; the live key is the first.
    async fn keys(&self, caller: &Caller, id: OrganizationId) -> Result<(ApiKeyId, String), Error> {
        use Scope::{MembersRead, MembersWrite, OrganizationRead};
        let end = Clock::system().now();
        let days = |days| Some(end.plus(TimeDelta::days(days)));
        let live = self.key(caller, id, "Analytics integration", &[OrganizationRead, MembersRead], days(41)).await?;
        let roster = self.key(caller, id, "Roster sync script", &[MembersRead, MembersWrite], days(6)).await?;
        let idle = self.key(caller, id, "Club house screen", &[MembersRead], None).await?;
        let expired = self.key(caller, id, "Spring import", &[MembersWrite], days(-20)).await?;
        let revoked =
            self.key(caller, id, "Old dashboard", &[OrganizationRead, MembersRead, MembersWrite], None).await?;
        self.key(caller, id, "Race results", &[MembersRead], days(300)).await?;
        self.call(&idle.1, "list_members", None, 3);
        // Days of use, until the revoked key is given up.
        let days = end.since(self.clock.now()).num_days();
        for day in 0..days {
            if day == days * 2 / 5 {
                self.revoke_old_dashboard(caller, id, revoked.0).await?;
            }
            self.day(day, &live.1, &roster.1, &expired.1, &revoked.1).await?;
        }
        self.clock.advance(end.since(self.clock.now()) - TimeDelta::minutes(2));
        self.call(&roster.1, "list_members", None, 1);
        self.service.flush().await?;
        self.clock.advance(TimeDelta::minutes(2));
        self.call(&live.1, "list_members", None, 1);
        Ok((live.0, live.1.reveal()))
    }

    /// A day of a club: a dashboard that is looked at on weekdays, a sync at night, an old program that nobody has told.
    async fn day(
        &self,
        day: i64,
        live: &Secret,
        roster: &Secret,
        expired: &Secret,
        revoked: &Secret,
    ) -> Result<(), Error> {
        let weekday = day % 7 < 5;
        self.call(live, "list_members", None, if weekday { 18 + day % 9 } else { 4 });
        self.call(live, "get_organization", None, if weekday { 3 } else { 1 });
        self.call(roster, "list_members", None, 2);
        self.call(roster, "update_member", None, day % 4);
        if day % 11 == 3 {
            self.call(roster, "get_organization", Some("scope_required"), 2);
        }
        for old in [expired, revoked] {
            self.call(old, "list_members", None, 5 + day % 3);
        }
        // What was refused is told once its minute is over.
        self.clock.advance(TimeDelta::minutes(1));
        self.service.flush().await?;
        self.clock.advance(TimeDelta::days(1) - TimeDelta::minutes(1));
        Ok(())
    }

    async fn revoke_old_dashboard(&self, caller: &Caller, id: OrganizationId, key: ApiKeyId) -> Result<(), Error> {
        let head_coach = caller.clone();
        let reason = Some(parse("Replaced by the analytics integration"));
        self.service
            .write(move |tx| tx.head_coach(&head_coach, id)?.revoke_key(key, &Expected::Any, reason.clone()))
            .await
    }

    async fn key(
        &self,
        caller: &Caller,
        id: OrganizationId,
        name: &str,
        scopes: &[Scope],
        expires_at: Option<Timestamp>,
    ) -> Result<(ApiKeyId, Secret), Error> {
        let secret = self.service.new_secret(SecretKind::ApiKey);
        let new = NewApiKey {
            name: parse::<Name>(name),
            description: None,
            expires_at,
            scopes: Scopes::new(scopes.to_vec()).unwrap_or_else(|_| Scopes::all()),
            allowed_ips: Vec::new(),
            secret_hash: secret.hash(),
            secret_hint: secret.hint(),
        };
        let (caller, limit) = (caller.clone(), self.service.max_active_keys());
        let made = self
            .service
            .write(move |tx| tx.head_coach(&caller, id)?.key_manager()?.create_key(new.clone(), limit))
            .await?;
        self.clock.advance(TimeDelta::hours(7));
        Ok((made.api_key.id, secret))
    }

    /// Calls with a key, so many times.
    fn call(&self, secret: &Secret, operation: &'static str, refused: Option<&'static str>, times: i64) {
        for _ in 0..times {
            let origin = Origin { address: IpAddr::V4(ELSEWHERE), ..self.origin() };
            let presented = self.service.authenticate(secret, origin, operation, Some(PROGRAM.to_owned()));
            let code = match presented.caller {
                Err(Error::Unauthenticated(Unauthenticated::KeyRevoked { .. })) => Some("key_revoked"),
                Err(Error::Unauthenticated(_)) => Some("key_expired"),
                _ => refused,
            };
            let Some(call) = presented.call else { continue };
            match code {
                Some(code) => call.refused(code, true),
                None => call.answered(),
            }
        }
    }
}

/// A value of the demo, which is valid.
fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("the demo says {text:?}, which {error}"))
}
