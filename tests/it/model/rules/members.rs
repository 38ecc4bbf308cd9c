//! The roster: list, read, add, change, remove; invite and accept.

use serde_json::{Value, json};

use super::{
    Answer, Refusal, Ruling,
    authority::{Caller, Standing},
    invalid, no_fault, not_found, refuse,
};
use crate::model::{
    step::{Filter, Id, Match, MemberFields, Step},
    world::{Actor, INVITATION, Invitation, Member, Role, Scope, Status, Target, User, World, name},
};

impl World {
    /// A member was changed.
    pub(super) fn touch(&mut self, member: usize) {
        let now = self.now;
        let member = &mut self.members[member];
        member.revision += 1;
        member.updated_at = now;
    }

    fn member_answer(&self, status: u16, member: usize) -> Answer {
        Answer::of(status, self.member_body(member)).tagged(self.members[member].revision)
    }

    /// The club, and the one member that an athlete sees; `None` for who sees all of them.
    fn roster_reader(&self, caller: Caller, club: Option<usize>) -> Ruling<(usize, Option<usize>)> {
        let (club, standing) = self.enter(caller, club)?;
        match standing {
            Standing::Member(itself, Role::Athlete) => Ok((club, Some(itself))),
            Standing::Member(..) => Ok((club, None)),
            Standing::Key(key) => {
                self.require_scope(key, Scope::MembersRead)?;
                self.require_plan(club)?;
                Ok((club, None))
            }
        }
    }

    /// By id; with `q` by the word that begins so, then by id.
    pub(super) fn list_members(&self, caller: Caller, club: Option<usize>, filter: &Filter) -> Ruling<Answer> {
        let (club, itself) = self.roster_reader(caller, club)?;
        if itself.is_some() {
            return refuse(403, "coach_required");
        }
        let mut found: Vec<(Option<String>, usize)> = Vec::new();
        for number in self.members_of(club) {
            let member = &self.members[number];
            let matches = filter.role.is_none_or(|role| member.role == role)
                && filter.status.is_none_or(|status| member.status == status)
                && filter.label.is_none_or(|label| member.labels.contains(&label))
                && filter.coach.is_none_or(|coach| member.coach.map(Id::Known) == Some(coach));
            let word = filter.q.map(|q| member.words().find(|word| word.starts_with(q)));
            if matches && word != Some(None) {
                found.push((word.flatten(), number));
            }
        }
        found.sort_unstable();
        Ok(Answer::list(found.into_iter().map(|(_, member)| self.member_body(member)).collect()))
    }

    pub(super) fn get_member(&self, caller: Caller, club: Option<usize>, member: Option<usize>) -> Ruling<Answer> {
        let (club, itself) = self.roster_reader(caller, club)?;
        let seen = |member: &usize| self.is_member(*member, club) && itself.is_none_or(|itself| itself == *member);
        match member.filter(seen) {
            Some(member) => Ok(self.member_answer(200, member)),
            None => not_found(),
        }
    }

    pub(super) fn add_member(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        new: &MemberFields,
    ) -> Ruling<Answer> {
        let role = new.role.unwrap_or(Role::Athlete);
        let (club, _) = self.roster_editor(caller, club, role)?;
        let member = Member {
            club,
            user: None,
            role,
            status: new.status.unwrap_or(Status::Active),
            display_name: new.display_name.unwrap_or_default(),
            email: new.email,
            labels: sorted(new.labels.clone().unwrap_or_default()),
            external_id: new.external_id,
            coach: None,
            created_at: self.now,
            updated_at: self.now,
            revision: 1,
            is_removed: false,
        };
        let number = self.members.len();
        let coach = self.fits(&member, number, new.coach)?;
        self.members.push(Member { coach, ..member });
        let actor = self.actor(caller);
        self.record(club, actor, "member.create", Target::Member(number), Some(step.place()));
        Ok(self.member_answer(201, number))
    }

    /// The member's coach, if the member can stand beside the others.
    fn fits(&self, member: &Member, number: usize, coach: Option<Id>) -> Ruling<Option<usize>> {
        let others = || self.members_of(member.club).filter(move |other| *other != number);
        let taken =
            |code, by: usize| Refusal { status: 409, code, fields: Vec::new(), resource: Some(name("member", by)) };
        let same_id = |other: &usize| self.members[*other].external_id == member.external_id;
        if let Some(by) = others().filter(|_| member.external_id.is_some()).find(same_id) {
            return Err(taken("external_id_taken", by));
        }
        let key = |email: Option<&str>| email.map(str::to_lowercase);
        let same_email = |other: &usize| key(self.members[*other].email) == key(member.email);
        if let Some(by) = others().filter(|_| member.email.is_some()).find(same_email) {
            return Err(taken("email_taken", by));
        }
        let Some(coach) = coach else { return Ok(None) };
        match coach {
            Id::Known(coach)
                if member.role == Role::Athlete
                    && others().any(|other| other == coach)
                    && self.members[coach].role != Role::Athlete =>
            {
                Ok(Some(coach))
            }
            _ => invalid(vec!["coach_id"]),
        }
    }

    pub(super) fn change_member(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        member: Option<usize>,
        change: &MemberFields,
        only: Match,
    ) -> Ruling<Answer> {
        let (club, is_head_coach) = self.roster_editor(caller, club, change.role.unwrap_or(Role::Athlete))?;
        let Some(number) = member.filter(|member| self.is_member(*member, club)) else { return not_found() };
        let before = self.members[number].clone();
        if !is_head_coach {
            Self::athletes_only(before.role)?;
        }
        only.require()?;
        let clears = |field| change.clear.contains(&field);
        let after = Member {
            role: change.role.unwrap_or(before.role),
            status: change.status.unwrap_or(before.status),
            display_name: change.display_name.unwrap_or(before.display_name),
            email: change.email.or(before.email).filter(|_| !clears("email")),
            labels: match &change.labels {
                Some(labels) => sorted(labels.clone()),
                None if clears("labels") => Vec::new(),
                None => before.labels.clone(),
            },
            external_id: change.external_id.or(before.external_id).filter(|_| !clears("external_id")),
            ..before.clone()
        };
        // An athlete's coach does not follow it into its new role, unless the request insists.
        let kept = before.coach.map(Id::Known).filter(|_| !clears("coach_id") && after.role == Role::Athlete);
        let coach = change.coach.or(kept);
        if before.role == Role::HeadCoach && (after.role, after.status) != (Role::HeadCoach, Status::Active) {
            return refuse(409, "head_coach_must_stay");
        }
        if before.role == Role::Athlete && after.role == Role::Coach && before.user.is_none() {
            return refuse(409, "invitation_not_accepted");
        }
        let coach = self.fits(&after, number, coach)?;
        let after = Member { coach, ..after };
        if before.facts() != after.facts() {
            if before.role == Role::Coach && after.role == Role::Athlete {
                self.release_athletes_of(number);
            }
            self.members[number] = after;
            self.touch(number);
            let actor = self.actor(caller);
            self.record(club, actor, "member.change", Target::Member(number), Some(step.place()));
        }
        Ok(self.member_answer(200, number))
    }

    fn release_athletes_of(&mut self, coach: usize) {
        let of_coach = |member: &usize| self.members[*member].coach == Some(coach) && !self.members[*member].is_removed;
        let released: Vec<_> = (0..self.members.len()).filter(of_coach).collect();
        for member in released {
            self.members[member].coach = None;
            self.touch(member);
        }
    }

    pub(super) fn remove_member(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        member: Option<usize>,
        only: Match,
    ) -> Ruling<Answer> {
        let (club, is_head_coach) = self.roster_editor(caller, club, Role::Athlete)?;
        let Some(number) = member.filter(|member| self.is_member(*member, club)) else { return not_found() };
        let role = self.members[number].role;
        if !is_head_coach {
            Self::athletes_only(role)?;
        }
        only.require()?;
        if role == Role::HeadCoach {
            return refuse(409, "head_coach_must_stay");
        }
        self.release_athletes_of(number);
        self.end_invitation_of(number);
        self.members[number].is_removed = true;
        let actor = self.actor(caller);
        self.record(club, actor, "member.remove", Target::Member(number), Some(step.place()));
        Ok(Answer::empty(204))
    }

    fn end_invitation_of(&mut self, member: usize) {
        for invitation in self.invitations.iter_mut().filter(|invitation| invitation.member == member) {
            invitation.is_over = true;
        }
    }

    /// Whether an invitation can be accepted.
    pub fn is_open(&self, invitation: usize) -> bool {
        let open = |invitation: &Invitation| !invitation.is_over && self.now < invitation.created_at + INVITATION;
        self.invitations.get(invitation).is_some_and(open)
    }

    /// A new invitation replaces the old.
    pub(super) fn invite(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        member: Option<usize>,
        email: Option<&'static str>,
    ) -> Ruling<Answer> {
        let (club, _) = self.head_coach(caller, club)?;
        let Some(member) = member.filter(|member| self.is_member(*member, club)) else { return not_found() };
        if self.members[member].user.is_some() {
            return refuse(409, "invitation_already_accepted");
        }
        let Some(email) = email.or(self.members[member].email) else {
            return invalid(vec!["email"]);
        };
        self.end_invitation_of(member);
        let number = self.invitations.len();
        self.invitations.push(Invitation { member, email, created_at: self.now, is_over: false });
        let actor = self.actor(caller);
        self.record(club, actor, "member.invite", Target::Member(member), Some(step.place()));
        let body = json!({ "invitation": self.invitation_body(number), "link": name("link", number) });
        Ok(Answer::of(201, body))
    }

    /// By the password of the account that has the email, or by the first one of a new account.
    pub(super) fn accept(&mut self, step: &Step, number: usize, is_usual: bool) -> Ruling<Answer> {
        no_fault(step.fault().map(|_| "surprise").into_iter().collect())?;
        if !self.is_open(number) {
            return refuse(401, "invitation_invalid");
        }
        let Invitation { member, email, .. } = self.invitations[number];
        let club = self.members[member].club;
        let account = self.users.iter().position(|user| user.email.to_lowercase() == email.to_lowercase());
        if account.is_some_and(|user| self.users[user].has_usual_password != is_usual) {
            return refuse(401, "wrong_email_or_password");
        }
        if account.is_some_and(|user| self.member_of_user(user, club).is_some()) {
            return refuse(409, "already_member");
        }
        let user = account.unwrap_or_else(|| {
            let display_name = self.members[member].display_name;
            self.users.push(User { email, display_name, has_usual_password: is_usual, created_at: self.now });
            self.users.len() - 1
        });
        self.members[member].user = Some(user);
        self.touch(member);
        self.end_invitation_of(member);
        let session = self.begin_session(user);
        self.record(club, Actor::User(user), "member.accept", Target::Member(member), Some(step.place()));
        Ok(Answer::of(201, self.session_body(session)))
    }
}

fn sorted(mut labels: Vec<&'static str>) -> Vec<&'static str> {
    labels.sort_unstable();
    labels.dedup();
    labels
}

impl Member {
    /// The words of its name and email, sorted. The email is a word, and so is each of its parts.
    fn words(&self) -> impl Iterator<Item = String> {
        let email = self.email.unwrap_or_default().to_lowercase();
        let parts = email.split(|letter: char| !letter.is_alphanumeric()).map(str::to_owned);
        let mut words: Vec<_> = self.display_name.to_lowercase().split(' ').map(str::to_owned).chain(parts).collect();
        words.push(email.clone());
        words.sort_unstable();
        words.into_iter()
    }

    /// What a change can change.
    fn facts(&self) -> Value {
        json!([self.role, self.status, self.display_name, self.email, self.labels, self.external_id, self.coach])
    }
}
