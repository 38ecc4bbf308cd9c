//! Invitations: once, for one member, replaced by the next.

use astral_client::types;
use astral_tests::{TestServer, password, refusal};

#[tokio::test]
async fn an_invitation_works_once_and_only_the_newest() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let member = club.add_athlete("Dora").await;
    let invite = || server.invite(&club.head_coach, &club.organization_id, &member.id, "dora@runner.example");
    let accept = |code: &str, password: &str| {
        let acceptance = types::InvitationAcceptance::builder().code(code).password(password);
        server.anonymous().accept_invitation().body(acceptance).send()
    };
    let (old, new) = (invite().await, invite().await);
    assert_eq!(refusal(accept(&old, &password("dora")).await).code, "invitation_invalid", "replaced");
    let short = refusal(accept(&new, "too short").await);
    assert_eq!((short.status, &*short.errors[0].field), (422, "password"), "a new account's password keeps the rules");
    let session = accept(&new, &password("dora")).await.expect("accepted").into_inner();
    assert_eq!((&*session.user.email, &*session.user.display_name), ("dora@runner.example", "Dora"));
    assert_eq!(refusal(accept(&new, &password("dora")).await).code, "invitation_invalid", "used");
    for wrong in ["nonsense", "astral_invitation_00000000000000000000000000000000"] {
        assert_eq!(refusal(accept(wrong, &password("dora")).await).code, "invitation_invalid", "{wrong}");
    }
    let own = server.client(&session.token);
    let member = own.get_member().org_id(&club.organization_id).member_id(&member.id).send().await.expect("itself");
    assert_eq!(member.user_id.as_deref(), Some(&*session.user.id));
    let again = types::NewInvitation::builder();
    let again = club
        .head_coach
        .client
        .create_invitation()
        .org_id(&club.organization_id)
        .member_id(&member.id)
        .body(again)
        .send();
    assert_eq!(refusal(again.await).code, "invitation_already_accepted");
}

#[tokio::test]
async fn nobody_is_twice_in_a_club() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let double = club.add_athlete("Ben again").await;
    let code = server.invite(&club.head_coach, &club.organization_id, &double.id, &club.coach.email).await;
    let acceptance = types::InvitationAcceptance::builder().code(code).password(club.coach.password.clone());
    assert_eq!(refusal(server.anonymous().accept_invitation().body(acceptance).send().await).code, "already_member");
}

#[tokio::test]
async fn the_members_own_email_is_used_if_none_is_named() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (client, org_id) = (&club.head_coach.client, &club.organization_id);
    let with = types::NewMember::builder().display_name("Eva").email(Some("eva@runner.example".to_owned()));
    let with = client.create_member().org_id(org_id).body(with).send().await.expect("added").into_inner();
    let without = club.add_athlete("Finn").await;
    let invite =
        |id: &str| client.create_invitation().org_id(org_id).member_id(id).body(types::NewInvitation::builder()).send();
    let made = invite(&with.id).await.expect("invited").into_inner();
    assert_eq!(made.invitation.email, "eva@runner.example");
    assert!(made.link.starts_with(&format!("{}/invitations/accept#astral_invitation_", server.url)), "{}", made.link);
    assert_eq!(refusal(invite(&without.id).await).errors[0].field, "email");
    // Where the link leads.
    let page = server.request("get", "/invitations/accept").send().await.expect("answered");
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().expect("text").contains("default-src 'none'"));
    assert!(page.text().await.expect("text").contains("Accept your invitation"));
}

/// A key invites nobody, and a coach neither: that would be a way to make coaches.
#[tokio::test]
async fn only_the_head_coach_invites() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let member = club.add_athlete("Gil").await;
    let key = club.create_key("All scopes").await;
    for (client, code) in
        [(&club.coach.client, "head_coach_required"), (&server.client(&key.secret), "session_required")]
    {
        let new = types::NewInvitation::builder().email(Some("gil@runner.example".to_owned()));
        let outcome =
            client.create_invitation().org_id(&club.organization_id).member_id(&member.id).body(new).send().await;
        assert_eq!(refusal(outcome).code, code);
    }
}
