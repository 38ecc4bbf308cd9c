//! What is asked about the club and the person who heads it.

use eframe::egui::Context;

use super::{Draw, failed, members::shorten, sent};
use crate::{
    rules::Password,
    state::{
        Action,
        change::Sending,
        club::{Club, HandOverForm},
        form::sentence,
        members::{Members, Role, Standing},
        password::PasswordForm,
        session::Person,
    },
    theme::{Icon, colors, size, space},
    widgets::{Button, Dialog, body, caption, choose, entry, label_text, password as password_field, spinner},
};

pub fn password(ctx: &Context, form: &mut PasswordForm, draw: &mut Draw<'_>) {
    let busy = form.sending.is_on();
    let mut send = false;
    let acts = &mut *draw.acts;
    let response = Dialog::new("Change password", size::DIALOG).show(
        ctx,
        |ui, opened| {
            if let Some(failure) = &form.sending.failure {
                failed(ui, failure);
            }
            let missing = (form.tried && form.current.text().is_empty()).then(|| "Must not be empty.".to_owned());
            let current =
                password_field(ui, "Present password", &mut form.current, &mut form.shown, missing, None, opened);
            let long_enough = form.new.text().chars().count() >= Password::LENGTH.0;
            let problem = form.new_password().err().filter(|_| form.tried || long_enough);
            let problem = problem.map(|invalid| sentence(&invalid.0));
            let help = Some("At least 12 characters; four unrelated words are good.");
            let new = password_field(ui, "New password", &mut form.new, &mut form.shown, problem, help, false);
            body(ui, "Your other sessions end.");
            send = sent(ui, &[&current, &new]);
        },
        |ui, _| {
            if Button::primary("Change password").busy(busy).show(ui).clicked() {
                acts.push(Action::ChangePassword);
            }
            if Button::new("Cancel").enabled(!busy).show(ui).clicked() {
                acts.push(Action::Close);
            }
        },
    );
    if send {
        draw.acts.push(Action::ChangePassword);
    }
    if response.close {
        draw.acts.push(Action::Close);
    }
}

pub fn hand_over(ctx: &Context, form: &mut HandOverForm, members: &Members, club: Option<&Club>, draw: &mut Draw<'_>) {
    let busy = form.sending.is_on();
    let acts = &mut *draw.acts;
    let ready = form.member_id.is_some() && !form.password.text().is_empty();
    let name = club.map_or("the club", |club| club.name.as_str());
    let response = Dialog::new("Hand the head coach's role over", size::DIALOG).show(
        ctx,
        |ui, opened| {
            if let Some(failure) = &form.sending.failure {
                failed(ui, failure);
            }
            body(
                ui,
                &format!(
                    "From then on they manage the keys of {name}, and you are a coach. Only they can hand it back."
                ),
            );
            let coaches: Vec<_> = members
                .list
                .items
                .coaches()
                .filter_map(|(id, _)| members.get(id))
                .filter(|member| member.role == Role::Coach && member.status == Standing::Active && member.accepted)
                .collect();
            if coaches.is_empty() {
                if members.list.is_loading() {
                    spinner(ui, 20.0, "Loading members");
                } else {
                    let text = "There is no active coach who can sign in. Invite one first, under Members.";
                    caption(ui, text, colors(ui).danger.color);
                }
                return;
            }
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = space::XS;
                ui.label(label_text(ui, "New head coach"));
                let chosen = form.member_id.as_deref().and_then(|id| coaches.iter().find(|coach| coach.id == id));
                let shown = chosen.map_or_else(|| "Choose a coach".to_owned(), |coach| shorten(&coach.name, 48));
                let width = ui.available_width();
                let choice = choose("new head coach")
                    .selected_text(shown)
                    .width(width)
                    .show_ui(ui, |ui| {
                        for coach in &coaches {
                            let id = Some(coach.id.clone());
                            entry(ui, &mut form.member_id, id, shorten(&coach.name, 48));
                        }
                    })
                    .response
                    .accessible_name("New head coach");
                if opened {
                    choice.request_focus();
                }
            });
            password_field(ui, "Your password", &mut form.password, &mut form.shown, None, None, false);
        },
        |ui, _| {
            if Button::danger("Hand over").enabled(ready).busy(busy).show(ui).clicked() {
                acts.push(Action::HandOver);
            }
            if Button::new("Keep the role").enabled(!busy).show(ui).clicked() {
                acts.push(Action::Close);
            }
        },
    );
    if response.close {
        draw.acts.push(Action::Close);
    }
}

pub fn sign_out_everywhere(ctx: &Context, sending: &Sending, person: &Person, draw: &mut Draw<'_>) {
    let busy = sending.is_on();
    let acts = &mut *draw.acts;
    let response = Dialog::new("Sign out everywhere?", size::DIALOG).show(
        ctx,
        |ui, _| {
            if let Some(failure) = &sending.failure {
                failed(ui, failure);
            }
            body(
                ui,
                &format!(
                    "Every session of {} ends, on every computer, this one too. API keys go on working. Change the password \
                     as well if somebody else may know it.",
                    person.email
                ),
            );
        },
        |ui, opened| {
            if Button::danger("Sign out everywhere").icon(Icon::LogOut).busy(busy).show(ui).clicked() {
                acts.push(Action::SignOutEverywhere);
            }
            let stay = Button::new("Stay signed in").enabled(!busy).show(ui);
            if opened {
                stay.request_focus();
            }
            if stay.clicked() {
                acts.push(Action::Close);
            }
        },
    );
    if response.close {
        draw.acts.push(Action::Close);
    }
}
