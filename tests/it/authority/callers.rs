//! Every kind of caller that there is.

use astral_client::types::{AssignableRole, CreatedApiKey, MemberChange, MemberStatus, NewApiKey, Scope};
use astral_server::service::{Clock, Plan};
use astral_tests::{Club, Person, TestServer, password};
use chrono::{DateTime, TimeDelta, Utc};

use crate::requests::Caller;

/// How long the key that is expired was good for.
const SHORT: TimeDelta = TimeDelta::hours(1);

/// The clubs of one row of the table, so that no row can influence another.
pub struct Clubs {
    /// The club that requests are about.
    pub home: Club,
    /// The club on the plan `free`: the one that its own callers' requests are about.
    pub free: Club,
    /// Who calls as a person, or as nobody.
    pub people: Vec<Caller>,
    /// Who calls with a key.
    pub keys: Vec<Caller>,
}

/// The names of the callers whose own club is on the plan `free`.
pub const ON_FREE: [&str; 2] = ["head coach on free", "key on free"];

impl Clubs {
    /// New clubs with everyone in them. The plan `free` is not yet set, and the expired key not yet expired:
    /// [`Clubs::settle`] does that when all targets have been made.
    pub async fn found(server: &TestServer, row: usize) -> Self {
        let home = server.club(&format!("Home {row}")).await;
        let other = server.club(&format!("Other {row}")).await;
        let free = server.club(&format!("Free {row}")).await;
        let suspended = suspended(server, &home).await;
        let ended = server.sign_in(&home.coach.email, &home.coach.password).await;
        ended.client.logout().send().await.expect("signed out");
        let expires_at = DateTime::<Utc>::from(server.service().now()) + SHORT;
        let expired = home.create_key_with(NewApiKey::builder().name("Expired").expires_at(Some(expires_at))).await;
        let revoked = home.create_key("Revoked").await;
        let revoke = home.head_coach.client.revoke_api_key().org_id(&home.organization_id).key_id(&revoked.id);
        revoke.send().await.expect("revoked");

        let nobody = Caller { name: "nobody", credential: None, password: password("nobody"), member_id: None };
        let people = vec![
            nobody,
            by_person("outsider", &other.head_coach),
            by_person("athlete", &home.athlete),
            by_person("coach", &home.coach),
            by_person("head coach", &home.head_coach),
            by_person(ON_FREE[0], &free.head_coach),
            by_person("suspended coach", &suspended),
            Caller { member_id: Some(home.coach.member_id.clone()), ..by_person("ended session", &ended) },
        ];
        let keys = vec![
            by_key("organization:read", home.create_key_for(Scope::OrganizationRead).await),
            by_key("members:read", home.create_key_for(Scope::MembersRead).await),
            by_key("members:write", home.create_key_for(Scope::MembersWrite).await),
            by_key("all scopes", home.create_key("All").await),
            by_key("key of another club", other.create_key("Elsewhere").await),
            by_key("expired key", expired),
            by_key("revoked key", revoked),
            by_key(ON_FREE[1], free.create_key("Free").await),
        ];
        Self { home, free, people, keys }
    }

    /// Lets the callers become what their names say.
    pub async fn settle(&self, server: &TestServer, clock: &Clock) {
        clock.advance(SHORT);
        server.set_plan(&self.free.organization_id, Plan::Free).await;
    }
}

async fn suspended(server: &TestServer, club: &Club) -> Person {
    let person = server.person(&club.head_coach, &club.organization_id, "Sue Suspended", AssignableRole::Coach).await;
    let change = MemberChange::builder().status(MemberStatus::Suspended);
    let update = club.head_coach.client.update_member().org_id(&club.organization_id).member_id(&person.member_id);
    update.body(change).send().await.expect("suspended");
    person
}

fn by_person(name: &'static str, person: &Person) -> Caller {
    Caller {
        name,
        credential: Some(person.token.clone()),
        password: person.password.clone(),
        member_id: Some(person.member_id.clone()),
    }
}

fn by_key(name: &'static str, key: CreatedApiKey) -> Caller {
    Caller { name, credential: Some(key.secret), password: password("nobody"), member_id: None }
}
