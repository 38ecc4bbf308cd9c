//! What the person did, and what follows from it.

use super::{
    CLIPBOARD_KEEPS, Connection, Console, Dialog, Screen, State, View, What,
    address::Address,
    change::Sending,
    club::{ClubForm, Membership},
    exchange::{Change, Command, Effect, Keyring},
    form::Field,
    invitation::InvitationOnce,
    keys::{self, Example, KeyFacts, KeyForm, RevokeForm, Revoked},
    listing::Progress,
    members::{self, CoachForm, LabelForm, Member, MemberEdit, MemberForm, MemberWish, RemoveForm, Role, Standing},
    preferences::Place,
    secret::Secret,
    selection::Move,
    sign_in::{SetUp, SignIn},
};
use crate::rules::Label;

/// Something that the person did.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sent what stands in the view that asks who is there.
    SignIn,
    /// Went over to setting a new server up, or back.
    ToggleSetUp,
    /// Wants the session that the keyring keeps to be tried again.
    Resume,
    /// Does not wait for the session that the keyring keeps.
    SkipResume,
    /// Signed out.
    SignOut,
    /// Opened a view.
    Show(View),
    /// Opened another of their clubs.
    Switch(String),
    /// Asked for what is on screen anew.
    Refresh,
    /// Chose which keys are shown.
    FilterKeys(keys::Filter),
    /// Chose by what keys are sorted; twice for the other way round.
    SortKeys(keys::Column),
    /// Typed into the search of keys, which stands in the state already.
    SearchKeys,
    /// Moved through the table of keys.
    SelectKey(Move),
    /// Wants a new key.
    NewKey,
    /// Wants to change a key.
    EditKey(String),
    /// Sent the form of a key.
    SaveKey,
    /// Wants to revoke a key.
    AskRevoke(String),
    /// Sent the form that revokes.
    Revoke,
    /// Copied a text that everybody may see.
    Copy(String),
    /// Copied the secret in the open dialog.
    CopySecret,
    /// Copied the example in the dialog of a secret, which holds the secret.
    CopyExample,
    /// Copied what they had marked in the dialog of a secret, which may hold it.
    CopyMarked,
    /// Chose an example in the dialog of a secret.
    ShowExample(Example),
    /// Has stored the secret in the open dialog.
    Stored,
    /// Wants the dialog gone.
    Close,
    /// Chose which members are shown; the filter stands in the state already.
    FilterMembers,
    /// Chose by what members are sorted; twice for the other way round.
    SortMembers(members::Column),
    /// Moved through the table of members.
    SelectMember(Move),
    /// Marked a member for an act on several, or took the mark away.
    Mark(String),
    /// Marked all that are shown, or took all marks away.
    MarkAll(bool),
    /// Wants no more members to be loaded.
    StopMembers,
    /// Wants the rest of the members.
    LoadMembers,
    /// Wants a new member.
    NewMember,
    /// Wants to change a member.
    EditMember(String),
    /// Sent the form of a member.
    SaveMember,
    /// Wants to remove members.
    AskRemove(Vec<String>),
    /// Sent the form that removes.
    Remove,
    /// Wants to give members a label, or take one away.
    AskLabel(Vec<String>, bool),
    /// Sent the form of a label.
    Label,
    /// Wants to give members a coach.
    AskCoach(Vec<String>),
    /// Sent the form of a coach.
    Coach,
    /// Gave members a status.
    SetStatus(Vec<String>, Standing),
    /// Wants to invite a member.
    Invite(String),
    /// Sent the form of the invitation.
    SendInvitation,
    /// Sent the form of the club.
    SaveClub,
    /// Took back what was typed into the form of the club.
    ResetClub,
    /// Wants to change the password.
    AskPassword,
    /// Sent the form of the password.
    ChangePassword,
    /// Wants to hand the head coach's role over.
    AskHandOver,
    /// Sent the form that hands it over.
    HandOver,
    /// Wants to sign out everywhere.
    AskSignOutEverywhere,
    /// Said yes to that.
    SignOutEverywhere,
    /// Opened or closed the list of shortcuts.
    ToggleShortcuts,
    /// Took a notice away, by its place.
    Dismiss(usize),
    /// Wants the server to be tried now.
    Retry,
}

impl State {
    /// Takes that the person did something.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::SignIn => return self.sign_in(),
            Action::ToggleSetUp => {
                if let Screen::SignIn(sign_in) = &mut self.screen {
                    sign_in.set_up = if sign_in.set_up.is_some() { None } else { Some(SetUp::default()) };
                    sign_in.failure = None;
                    sign_in.tried = false;
                }
                return Vec::new();
            }
            Action::SignOut => return self.sign_out(),
            Action::ToggleShortcuts => {
                self.shortcuts = !self.shortcuts;
                return Vec::new();
            }
            Action::Resume => return self.resume(),
            Action::SkipResume => {
                if matches!(self.screen, Screen::Starting(_)) {
                    self.era += 1;
                    self.screen = Screen::SignIn(Box::new(self.asking(None)));
                }
                return Vec::new();
            }
            Action::Dismiss(place) => {
                if place < self.notices.len() {
                    self.notices.remove(place);
                }
                return Vec::new();
            }
            Action::Copy(text) => {
                self.say(format!("Copied {text}"));
                return vec![Effect::Copy(text)];
            }
            _ => {}
        }
        self.act_in_console(action)
    }

    fn act_in_console(&mut self, action: Action) -> Vec<Effect> {
        let clock = self.clock.clone();
        let Screen::Console(console) = &mut self.screen else { return Vec::new() };
        match action {
            Action::Show(view) => {
                let place = match view {
                    View::Keys | View::Key(_) => Place::Keys,
                    View::Members => Place::Members,
                    View::Club => Place::Club,
                };
                self.preferences.view = place;
                return self.show(view);
            }
            Action::Switch(organization) => {
                let wanted = console.clubs.iter().find(|club| club.organization_id == organization).cloned();
                if let Some(membership) = wanted {
                    return self.open(membership);
                }
            }
            Action::Refresh => return self.refresh(),
            Action::Retry => {
                if let Connection::Offline { retry_at, .. } = &mut console.connection {
                    *retry_at = clock.now;
                }
                return self.tick(clock.now);
            }
            Action::FilterKeys(filter) => {
                console.keys.filter = filter;
                self.preferences.key_filter = filter;
                console.keys.arrange(&clock);
                if filter.needs_ended() && !console.keys.has_ended {
                    console.keys.with_ended = true;
                    return self.load_keys();
                }
            }
            Action::SortKeys(column) => {
                let (known, reversed) = console.keys.sort;
                console.keys.sort = (column, known == column && !reversed);
                self.preferences.key_sort = console.keys.sort;
                console.keys.arrange(&clock);
            }
            Action::SearchKeys => console.keys.arrange(&clock),
            Action::SelectKey(to) => console.keys.select(to),
            Action::NewKey => {
                let can = console.club.as_ref().is_some_and(|club| club.security_settings);
                if can && console.dialog.is_none() {
                    self.open_dialog(Dialog::Key(Box::default()));
                }
            }
            Action::EditKey(id) => {
                if let Some(key) = console.keys.get(&id) {
                    let form = KeyForm::of(key, None, &clock);
                    let organization = console.membership.organization_id.clone();
                    self.open_dialog(Dialog::Key(Box::new(form)));
                    return vec![Effect::ask(Command::LoadKey { organization, key: id })];
                }
            }
            Action::SaveKey => return self.save_key(),
            Action::AskRevoke(id) => {
                if let Some(key) = console.keys.get(&id)
                    && key.revoked.is_none()
                {
                    let form = RevokeForm::of(key, &clock);
                    let organization = console.membership.organization_id.clone();
                    self.open_dialog(Dialog::Revoke(Box::new(form)));
                    // It may have been used since the list was read.
                    return vec![Effect::ask(Command::LoadKey { organization, key: id })];
                }
            }
            Action::Revoke => return self.revoke(),
            Action::CopySecret | Action::CopyExample | Action::CopyMarked => {
                let now = Some(clock.now);
                let (secret, text) = match &mut console.dialog {
                    Some(Dialog::Secret(once)) => {
                        let text = match action {
                            Action::CopySecret => {
                                once.copied_at = now;
                                Some(once.secret.share())
                            }
                            Action::CopyExample => {
                                once.example_copied_at = now;
                                Some(Secret::new(once.example_text()))
                            }
                            _ => None,
                        };
                        (once.secret.share(), text)
                    }
                    Some(Dialog::Invitation(once)) => {
                        let Some((link, _)) = &once.link else { return Vec::new() };
                        let text = (action == Action::CopySecret).then(|| link.share());
                        once.copied_at = once.copied_at.or(now.filter(|_| text.is_some()));
                        (link.share(), text)
                    }
                    _ => return Vec::new(),
                };
                self.on_clipboard = Some((secret, clock.now + CLIPBOARD_KEEPS));
                return text.map(Effect::CopySecret).into_iter().collect();
            }
            Action::ShowExample(example) => {
                if let Some(Dialog::Secret(once)) = &mut console.dialog {
                    once.example = example;
                    once.example_copied_at = None;
                }
            }
            Action::Stored => {
                if let Some(Dialog::Secret(once)) = &console.dialog {
                    let id = once.key.id.clone();
                    console.dialog = None;
                    console.keys.choose(id);
                }
            }
            Action::Close => {
                // What is on its way may bring a secret, which only this dialog can show.
                let waits = console.sending().is_some_and(|sending| sending.is_on());
                match &mut console.dialog {
                    Some(Dialog::Secret(once)) => once.insisted = true,
                    dialog if !waits => *dialog = None,
                    _ => {}
                }
            }
            Action::FilterMembers => {
                self.preferences.member_filter = console.members.filter.clone();
                console.members.arrange();
            }
            Action::SortMembers(column) => {
                let (known, reversed) = console.members.sort;
                console.members.sort = (column, known == column && !reversed);
                self.preferences.member_sort = console.members.sort;
                console.members.arrange();
            }
            Action::SelectMember(to) => console.members.select(to),
            Action::Mark(id) => {
                if !console.members.marked.remove(&id) {
                    console.members.marked.insert(id);
                }
            }
            Action::MarkAll(all) => {
                let members = &mut console.members;
                members.marked = if all {
                    members.rows.iter().map(|&at| members.list.items[at].id.clone()).collect()
                } else {
                    std::collections::BTreeSet::new()
                };
            }
            Action::StopMembers => {
                console.members.list.stop();
                console.members.unarranged = true;
                return vec![Effect::ask(Command::StopMembers)];
            }
            Action::LoadMembers => {
                return self.load_members(true);
            }
            Action::NewMember => {
                if console.dialog.is_none() {
                    self.open_dialog(Dialog::Member(Box::default()));
                }
            }
            Action::EditMember(id) => {
                if let Some(member) = console.members.get(&id) {
                    let form = MemberForm::of(member);
                    self.open_dialog(Dialog::Member(Box::new(form)));
                }
            }
            Action::SaveMember => return self.save_member(),
            Action::AskRemove(ids) => {
                let members: Vec<(String, String)> = ids
                    .iter()
                    .filter_map(|id| console.members.get(id))
                    .filter(|member| member.role != Role::HeadCoach)
                    .map(|member| (member.id.clone(), member.name.clone()))
                    .collect();
                if members.is_empty() {
                    if !ids.is_empty() {
                        self.complain("The head coach stays. Hand the role over first, under Club.");
                    }
                } else {
                    self.open_dialog(Dialog::Remove(RemoveForm { members }));
                }
            }
            Action::Remove => {
                if let Some(Dialog::Remove(form)) = &console.dialog {
                    let ids: Vec<String> = form.members.iter().map(|(id, _)| id.clone()).collect();
                    console.dialog = None;
                    return self.remove_members(ids);
                }
            }
            Action::AskLabel(members, give) => {
                if !members.is_empty() {
                    self.open_dialog(Dialog::Label(LabelForm { members, label: Field::default(), give }));
                }
            }
            Action::Label => {
                if let Some(Dialog::Label(form)) = &mut console.dialog {
                    match form.label.value::<Label>() {
                        Ok(label) => {
                            let (ids, give) = (form.members.clone(), form.give);
                            let label = label.as_str().to_owned();
                            console.dialog = None;
                            return self.edit_members(ids, |_| {
                                if give {
                                    MemberEdit::AddLabel(label.clone())
                                } else {
                                    MemberEdit::RemoveLabel(label.clone())
                                }
                            });
                        }
                        Err(_) => form.label.left = true,
                    }
                }
            }
            Action::AskCoach(ids) => {
                let members: Vec<String> = ids
                    .into_iter()
                    .filter(|id| console.members.get(id).is_some_and(|member| member.role == Role::Athlete))
                    .collect();
                if members.is_empty() {
                    self.complain("Only athletes have a coach.");
                } else {
                    let coach_of = |id: &String| console.members.get(id).and_then(|member| member.coach_id.clone());
                    let first = members.first().and_then(coach_of);
                    let before = first.filter(|first| members.iter().all(|id| coach_of(id).as_ref() == Some(first)));
                    let form = CoachForm { members, coach_id: before.clone(), before };
                    self.open_dialog(Dialog::Coach(form));
                }
            }
            Action::Coach => {
                if let Some(Dialog::Coach(form)) = &console.dialog {
                    let (ids, coach) = (form.members.clone(), form.coach_id.clone());
                    console.dialog = None;
                    return self.edit_members(ids, |_| MemberEdit::Coach(coach.clone()));
                }
            }
            Action::SetStatus(ids, status) => return self.edit_members(ids, |_| MemberEdit::Status(status)),
            Action::Invite(id) => {
                if let Some(member) = console.members.get(&id).cloned() {
                    let has_email = member.email.is_some();
                    let email = Field::of(member.email.clone().unwrap_or_default());
                    let idempotency_key = self.idempotency_key();
                    self.open_dialog(Dialog::Invitation(Box::new(InvitationOnce {
                        member,
                        email,
                        idempotency_key,
                        link: None,
                        copied_at: None,
                        sending: Sending::default(),
                    })));
                    if has_email {
                        return self.act_in_console(Action::SendInvitation);
                    }
                }
            }
            Action::SendInvitation => {
                if let Some(Dialog::Invitation(once)) = &mut console.dialog
                    && !once.sending.is_on()
                {
                    let Ok(email) = once.email() else {
                        once.email.left = true;
                        return Vec::new();
                    };
                    let change = Change::Invite {
                        id: once.member.id.clone(),
                        email: email.as_str().to_owned(),
                        idempotency_key: once.idempotency_key.clone(),
                    };
                    return self.send(What::Invite, change);
                }
            }
            Action::SaveClub => return self.save_club(),
            Action::ResetClub => console.club_form = console.club.as_ref().map(ClubForm::of),
            Action::AskPassword => self.open_dialog(Dialog::Password(Box::default())),
            Action::ChangePassword => {
                if let Some(Dialog::Password(form)) = &mut console.dialog
                    && !form.sending.is_on()
                {
                    if !form.is_ready() {
                        form.tried = true;
                        return Vec::new();
                    }
                    let change = Change::ChangePassword { current: form.current.secret(), new: form.new.secret() };
                    return self.send(What::ChangePassword, change);
                }
            }
            Action::AskHandOver => {
                self.open_dialog(Dialog::HandOver(Box::default()));
                // Who can have the role stands in the roster.
                return match self.console().map(|console| &console.members.list.progress) {
                    Some(Progress::Loading(_) | Progress::Complete) | None => Vec::new(),
                    Some(Progress::Nothing) => self.load_members(false),
                    Some(Progress::Stopped | Progress::Failed(_)) => self.load_members(true),
                };
            }
            Action::HandOver => {
                if let Some(Dialog::HandOver(form)) = &mut console.dialog
                    && !form.sending.is_on()
                    && let Some(member_id) = form.member_id.clone()
                    && !form.password.text().is_empty()
                {
                    let change = Change::HandOver { member_id, password: form.password.secret() };
                    return self.send(What::HandOver, change);
                }
            }
            Action::AskSignOutEverywhere => self.open_dialog(Dialog::SignOutEverywhere(Sending::default())),
            Action::SignOutEverywhere => {
                if let Some(Dialog::SignOutEverywhere(sending)) = &console.dialog
                    && !sending.is_on()
                {
                    let ticket = self.ticket(What::SignOutEverywhere);
                    if let Some(sending) = self.console_mut().and_then(Console::sending) {
                        *sending = Sending { ticket: Some((ticket, clock.now)), failure: None };
                    }
                    return vec![Effect::ask(Command::SignOutEverywhere { ticket })];
                }
            }
            Action::SignIn
            | Action::Resume
            | Action::SkipResume
            | Action::ToggleSetUp
            | Action::SignOut
            | Action::ToggleShortcuts
            | Action::Dismiss(_)
            | Action::Copy(_) => {}
        }
        Vec::new()
    }

    fn open_dialog(&mut self, dialog: Dialog) {
        if let Some(console) = self.console_mut()
            && console.dialog.is_none()
        {
            console.dialog = Some(dialog);
        }
    }

    /// Sends the change of the open dialog, which waits for the answer.
    fn send(&mut self, what: What, change: Change) -> Vec<Effect> {
        let now = self.clock.now;
        let ticket = self.ticket(what);
        let Some(console) = self.console_mut() else { return Vec::new() };
        if let Some(sending) = console.sending() {
            *sending = Sending { ticket: Some((ticket, now)), failure: None };
        }
        let organization = console.membership.organization_id.clone();
        vec![Effect::ask(Command::Change { organization, ticket, change })]
    }

    fn sign_in(&mut self) -> Vec<Effect> {
        let now = self.clock.now;
        let Screen::SignIn(sign_in) = &mut self.screen else { return Vec::new() };
        if sign_in.sending.is_some() {
            return Vec::new();
        }
        if !sign_in.is_ready() {
            sign_in.leave_all();
            return Vec::new();
        }
        let (Ok(server), Ok(email)) = (sign_in.address(), sign_in.email()) else { return Vec::new() };
        sign_in.sending = Some(now);
        sign_in.failure = None;
        sign_in.notice = None;
        sign_in.resumable = false;
        self.era += 1;
        let (email, password) = (email.as_str().to_owned(), sign_in.password.secret());
        let keep = sign_in.keep && sign_in.keyring == Some(Keyring::There);
        self.preferences.server = server.as_str().to_owned();
        self.preferences.email.clone_from(&email);
        self.preferences.keep = sign_in.keep;
        let command = match &sign_in.set_up {
            None => Command::SignIn { server, email, password, keep },
            Some(set_up) => {
                let (Ok(code), Ok(club), Ok(name)) = (set_up.code(), set_up.club(), set_up.name()) else {
                    return Vec::new();
                };
                Command::SetUp {
                    server,
                    setup_code: Secret::new(code),
                    organization_name: club.as_str().to_owned(),
                    display_name: name.as_str().to_owned(),
                    email,
                    password,
                    keep,
                }
            }
        };
        vec![Effect::ask(command)]
    }

    fn sign_out(&mut self) -> Vec<Effect> {
        if matches!(self.screen, Screen::SignIn(_)) {
            return Vec::new();
        }
        // Nobody waits for the answer: the session is forgotten here at once.
        self.interrupted = None;
        self.leave(None);
        vec![Effect::ask(Command::SignOut)]
    }

    /// Goes back to asking who is there.
    pub(super) fn leave(&mut self, notice: Option<String>) {
        self.era += 1;
        self.pending.clear();
        self.batches.clear();
        self.notices.clear();
        self.screen = Screen::SignIn(Box::new(self.asking(notice)));
    }

    /// Tries the session that the keyring keeps.
    fn resume(&mut self) -> Vec<Effect> {
        let Screen::SignIn(sign_in) = &self.screen else { return Vec::new() };
        let Ok(server) = sign_in.address() else { return Vec::new() };
        server.as_str().clone_into(&mut self.preferences.server);
        self.era += 1;
        self.screen = Screen::Starting(self.clock.now);
        vec![Effect::ask(Command::Resume { server: Some(server) })]
    }

    /// The view that asks who is there, with what is remembered.
    pub(super) fn asking(&self, notice: Option<String>) -> SignIn {
        let server = self.preferences.server.parse::<Address>();
        SignIn {
            server: Field::of(server.as_ref().map_or(self.preferences.server.as_str(), Address::typed)),
            email: Field::of(&self.preferences.email),
            keep: self.preferences.keep,
            keyring: self.keyring,
            notice,
            ..SignIn::default()
        }
    }

    /// Opens a club of the person's.
    pub(super) fn open(&mut self, membership: Membership) -> Vec<Effect> {
        let known = self.preferences.organization_id.replace(membership.organization_id.clone());
        let same_club = known.is_none_or(|known| known == membership.organization_id);
        let mut preferences = self.preferences.clone();
        if !same_club {
            // Labels and coaches are of a club.
            preferences.member_filter.label = None;
            preferences.member_filter.coach_id = None;
        }
        let Some(console) = self.console_mut() else { return Vec::new() };
        console.membership = membership;
        console.club = None;
        console.club_failure = None;
        console.club_form = None;
        console.dialog = None;
        console.keys = keys::Keys::default();
        console.keys.filter = preferences.key_filter;
        console.keys.sort = preferences.key_sort;
        console.keys.with_ended = console.keys.filter.needs_ended();
        console.members = members::Members::default();
        console.members.filter = preferences.member_filter;
        console.members.sort = preferences.member_sort;
        let view = match preferences.view {
            Place::Keys => View::Keys,
            Place::Members => View::Members,
            Place::Club => View::Club,
        };
        console.view = view.clone();
        let mut effects = vec![console.load_club()];
        if view != View::Keys {
            effects.extend(self.load_members(false));
        }
        effects
    }

    fn show(&mut self, view: View) -> Vec<Effect> {
        let Some(console) = self.console_mut() else { return Vec::new() };
        console.view = view;
        let members = &console.members.list;
        let wants_members = members.progress == Progress::Nothing || members.stale && !members.is_loading();
        let wants_keys = console.keys.list.stale && !console.keys.list.is_loading();
        match &console.view {
            View::Members if wants_members => self.load_members(false),
            View::Keys if wants_keys => self.load_keys(),
            View::Key(id) => {
                console.keys.open = console.keys.list.get(id).cloned();
                console.keys.choose(id.clone());
                let organization = console.membership.organization_id.clone();
                vec![Effect::ask(Command::LoadKey { organization, key: id.clone() })]
            }
            View::Club => {
                if console.club_form.is_none() {
                    console.club_form = console.club.as_ref().map(ClubForm::of);
                }
                let mut effects = vec![console.load_club()];
                // Handing over needs to know the coaches.
                if wants_members {
                    effects.extend(self.load_members(false));
                }
                effects
            }
            _ => Vec::new(),
        }
    }

    fn refresh(&mut self) -> Vec<Effect> {
        let Some(console) = self.console_mut() else { return Vec::new() };
        let mut effects = vec![console.load_club()];
        match console.view {
            View::Keys | View::Key(_) => effects.extend(self.load_keys()),
            View::Members => effects.extend(self.load_members(false)),
            View::Club => {}
        }
        effects
    }

    fn save_key(&mut self) -> Vec<Effect> {
        let clock = self.clock.clone();
        let fresh = self.idempotency_key();
        let Some(Dialog::Key(form)) = self.console_mut().and_then(|console| console.dialog.as_mut()) else {
            return Vec::new();
        };
        if form.sending.is_on() || form.is_awaited() {
            return Vec::new();
        }
        let (Ok(name), Ok(description), Ok(expires_at), Ok(scopes), Ok(allowed_ips)) =
            (form.name(), form.description(), form.expires_at(&clock), form.scopes(), form.addresses())
        else {
            form.leave_all();
            return Vec::new();
        };
        let facts = KeyFacts {
            name: name.as_str().to_owned(),
            description: description.map(|description| description.as_str().to_owned()),
            expires_at,
            scopes,
            allowed_ips,
        };
        match form.key.clone() {
            None => {
                let idempotency_key = form.once.key_for(&facts, fresh);
                self.send(What::CreateKey, Change::CreateKey { key: facts, idempotency_key })
            }
            Some(before) => {
                let etag = form.etag.clone();
                let id = before.id.clone();
                let after = keys::Key {
                    name: facts.name.clone(),
                    description: facts.description.clone(),
                    expires_at: facts.expires_at,
                    scopes: facts.scopes.clone(),
                    allowed_ips: facts.allowed_ips.clone(),
                    ..before.clone()
                };
                let effects = self.send(What::UpdateKey { before }, Change::UpdateKey { id, etag, key: facts });
                if let Some(console) = self.console_mut() {
                    console.keys.put(after);
                    console.keys.arrange(&clock);
                }
                effects
            }
        }
    }

    fn revoke(&mut self) -> Vec<Effect> {
        let clock = self.clock.clone();
        let Screen::Console(console) = &mut self.screen else { return Vec::new() };
        let Some(Dialog::Revoke(form)) = &mut console.dialog else { return Vec::new() };
        let Ok(reason) = form.reason() else {
            form.reason.left = true;
            return Vec::new();
        };
        if !form.is_meant(&clock) {
            form.typed_name.left = true;
            return Vec::new();
        }
        let before = form.key.clone();
        let reason = reason.map(|reason| reason.as_str().to_owned());
        let revoked = Revoked { at: clock.now, by: console.person.name.clone(), reason: reason.clone() };
        let after = keys::Key { revoked: Some(revoked), revoking: true, ..before.clone() };
        console.dialog = None;
        console.keys.put(after);
        console.keys.arrange(&clock);
        let organization = console.membership.organization_id.clone();
        let id = before.id.clone();
        let ticket = self.ticket(What::RevokeKey { before });
        vec![Effect::ask(Command::Change { organization, ticket, change: Change::RevokeKey { id, reason } })]
    }

    fn save_member(&mut self) -> Vec<Effect> {
        let fresh = self.idempotency_key();
        let Some(Dialog::Member(form)) = self.console_mut().and_then(|console| console.dialog.as_mut()) else {
            return Vec::new();
        };
        if form.sending.is_on() {
            return Vec::new();
        }
        let (Ok(name), Ok(email), Ok(external_id), Ok(labels)) =
            (form.name(), form.email(), form.external_id(), form.labels())
        else {
            form.leave_all();
            return Vec::new();
        };
        let wish = MemberWish {
            name: name.as_str().to_owned(),
            email: email.map(|email| email.as_str().to_owned()),
            external_id: external_id.map(|id| id.as_str().to_owned()),
            role: form.role,
            status: form.status,
            labels,
            coach_id: form.coach_id.clone().filter(|_| form.role == Role::Athlete),
        };
        match form.member.clone() {
            None => {
                let idempotency_key = form.once.key_for(&wish, fresh);
                self.send(What::CreateMember, Change::CreateMember { member: wish, idempotency_key })
            }
            Some(before) => {
                let from = before.wish();
                if from == wish {
                    if let Some(console) = self.console_mut() {
                        console.dialog = None;
                    }
                    return Vec::new();
                }
                let after = before.with(&wish);
                let id = before.id.clone();
                let edit = MemberEdit::All { from: Box::new(from), to: Box::new(wish) };
                let effects = self.send(What::UpdateMember { before, batch: None }, Change::UpdateMember { id, edit });
                if let Some(console) = self.console_mut() {
                    console.members.put(after);
                }
                effects
            }
        }
    }

    /// Changes several members; each shows at once, and goes back alone if it is refused.
    fn edit_members(&mut self, ids: Vec<String>, edit: impl Fn(&Member) -> MemberEdit) -> Vec<Effect> {
        let batch = self.last_ticket;
        let several = ids.len() > 1;
        let mut effects = Vec::new();
        for id in ids {
            let Some(console) = self.console_mut() else { break };
            let organization = console.membership.organization_id.clone();
            let Some(before) = console.members.get(&id).cloned() else { continue };
            let edit = edit(&before);
            if before.role == Role::HeadCoach && matches!(edit, MemberEdit::Status(_) | MemberEdit::Coach(_)) {
                self.complain("The head coach stays as they are. Hand the role over first, under Club.");
                continue;
            }
            console.members.put(before.edited(&edit));
            let ticket = self.ticket(What::UpdateMember { before, batch: several.then_some(batch) });
            let change = Change::UpdateMember { id, edit };
            effects.push(Effect::ask(Command::Change { organization, ticket, change }));
        }
        effects
    }

    fn remove_members(&mut self, ids: Vec<String>) -> Vec<Effect> {
        let batch = self.last_ticket;
        let several = ids.len() > 1;
        let mut effects = Vec::new();
        for id in ids {
            let Some(console) = self.console_mut() else { break };
            let organization = console.membership.organization_id.clone();
            let Some((at, before)) = console.members.remove(&id) else { continue };
            let what = What::RemoveMember { at, before: Box::new(before), batch: several.then_some(batch) };
            let ticket = self.ticket(what);
            effects.push(Effect::ask(Command::Change { organization, ticket, change: Change::RemoveMember { id } }));
        }
        effects
    }

    fn save_club(&mut self) -> Vec<Effect> {
        let clock = self.clock.clone();
        let Screen::Console(console) = &mut self.screen else { return Vec::new() };
        let (Some(form), Some(club)) = (&mut console.club_form, &mut console.club) else { return Vec::new() };
        let (Ok(name), Ok(description)) = (form.name(), form.description()) else {
            form.name.left = true;
            form.description.left = true;
            return Vec::new();
        };
        if form.sending.is_on() {
            return Vec::new();
        }
        let before = club.clone();
        club.name = name.as_str().to_owned();
        club.description = description.map(|description| description.as_str().to_owned());
        let change = Change::UpdateClub {
            name: club.name.clone(),
            description: club.description.clone(),
            etag: form.club.etag.clone(),
        };
        let organization = console.membership.organization_id.clone();
        let ticket = self.ticket(What::UpdateClub { before: Box::new(before) });
        if let Some(form) = self.console_mut().and_then(|console| console.club_form.as_mut()) {
            form.sending = Sending { ticket: Some((ticket, clock.now)), failure: None };
        }
        vec![Effect::ask(Command::Change { organization, ticket, change })]
    }
}
