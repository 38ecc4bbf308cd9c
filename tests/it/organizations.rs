//! Organizations: who sees what, changes, the hand-over.

use astral_client::types;
use astral_server::service::Plan;
use astral_tests::{TestServer, password, refusal};

#[tokio::test]
async fn only_the_head_coach_sees_how_many_keys_there_are() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    let org_id = &club.organization_id;
    for (client, expected) in [
        (&club.head_coach.client, Some(1)),
        (&club.coach.client, None),
        (&club.athlete.client, None),
        (&server.client(&key.secret), None),
    ] {
        let seen = client.get_organization().org_id(org_id).send().await.expect("seen").into_inner();
        assert_eq!(seen.active_api_keys, expected);
        assert_eq!((seen.plan, seen.features), (types::Plan::Coach, vec![types::Feature::SecuritySettings]));
    }
    server.set_plan(org_id, Plan::Free).await;
    let seen = club.coach.client.get_organization().org_id(org_id).send().await.expect("seen").into_inner();
    assert_eq!((seen.plan, seen.features), (types::Plan::Free, vec![]));
}

#[tokio::test]
async fn the_head_coach_changes_name_and_description() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (client, org_id) = (&club.head_coach.client, &club.organization_id);
    let change =
        |change: types::builder::OrganizationChange| client.update_organization().org_id(org_id).body(change).send();
    let changed =
        types::OrganizationChange::builder().name(Some("Summit RC".into())).description(Some("Since 1987".into()));
    let after = change(changed).await.expect("changed").into_inner();
    assert_eq!((&*after.name, after.description.as_deref()), ("Summit RC", Some("Since 1987")));
    let clear = vec![types::ClearableOrganizationField::Description];
    let after = change(types::OrganizationChange::builder().clear(clear.clone())).await.expect("changed").into_inner();
    assert_eq!((&*after.name, after.description), ("Summit RC", None));
    let both = types::OrganizationChange::builder().description(Some("Both".into())).clear(clear);
    assert_eq!(refusal(change(both).await).errors[0].field, "description");
    let outcome =
        club.coach.client.update_organization().org_id(org_id).body(types::OrganizationChange::builder()).send().await;
    assert_eq!(refusal(outcome).code, "head_coach_required");
}

#[tokio::test]
async fn a_person_lists_the_clubs_they_belong_to() {
    let server = TestServer::start().await;
    let (one, two) = (server.club("One").await, server.club("Two").await);
    let member = two.add_athlete("Ben of One").await;
    let code = server.invite(&two.head_coach, &two.organization_id, &member.id, &one.coach.email).await;
    // The account that has the invitation's email accepts with its own password.
    let accept = |password: &str| {
        let acceptance = types::InvitationAcceptance::builder().code(code.clone()).password(password);
        server.anonymous().accept_invitation().body(acceptance).send()
    };
    assert_eq!(refusal(accept(&password("another")).await).code, "wrong_email_or_password");
    let session = accept(&one.coach.password).await.expect("accepted").into_inner();
    assert_eq!(session.user.id, one.coach.user_id);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut request = one.coach.client.list_organizations().limit(1);
        if !cursor.is_empty() {
            request = request.cursor(&*cursor);
        }
        let page = request.send().await.expect("listed").into_inner();
        seen.extend(page.data.into_iter().map(|organization| organization.id));
        match page.next_cursor {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(seen, [one.organization_id.clone(), two.organization_id.clone()]);
    let memberships = one.coach.client.get_caller().send().await.expect("known").into_inner().memberships;
    assert_eq!(
        memberships.iter().map(|membership| membership.role).collect::<Vec<_>>(),
        [types::Role::Coach, types::Role::Athlete]
    );
}

#[tokio::test]
async fn the_role_is_handed_to_an_accepted_active_coach() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (client, org_id) = (&club.head_coach.client, &club.organization_id);
    let hand_over = |to: &str, password: &str| {
        let body = types::HandOver::builder().member_id(to).password(password);
        client.hand_over_head_coach().org_id(org_id).body(body).send()
    };
    let right = &club.head_coach.password;
    assert_eq!(refusal(hand_over(&club.coach.member_id, &password("wrong")).await).code, "password_incorrect");
    assert_eq!(refusal(hand_over(&club.athlete.member_id, right).await).code, "not_an_active_coach");
    let new = types::NewMember::builder().display_name("Invited").role(types::AssignableRole::Coach);
    let invited = client.create_member().org_id(org_id).body(new).send().await.expect("added").into_inner();
    assert_eq!(refusal(hand_over(&invited.id, right).await).code, "invitation_not_accepted");
    let seen = hand_over(&club.coach.member_id, right).await.expect("handed over").into_inner();
    assert_eq!(seen.active_api_keys, None, "as a coach sees it");
    // Both hold at once.
    assert_eq!(refusal(client.list_api_keys().org_id(org_id).send().await).code, "head_coach_required");
    club.coach.client.list_api_keys().org_id(org_id).send().await.expect("head coach now");
    let role = types::Role::HeadCoach;
    let heads =
        club.coach.client.list_members().org_id(org_id).role(role).send().await.expect("listed").into_inner().data;
    assert_eq!(heads.iter().map(|member| &member.id).collect::<Vec<_>>(), [&club.coach.member_id]);
}
