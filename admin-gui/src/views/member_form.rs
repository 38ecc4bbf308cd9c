//! A new member, or a change of one.

use eframe::egui::{Context, Response, Ui};

use super::{Draw, failed, members::shorten, sent};
use crate::{
    state::{
        Action,
        members::{MemberForm, Members, Role, Standing},
    },
    theme::{Icon, colors, size, space},
    widgets::{Banner, Button, Dialog, Entry, banner, caption, chip, choose, entry, label_text},
};

pub fn show(ctx: &Context, form: &mut MemberForm, members: &Members, draw: &mut Draw<'_>) {
    let new = form.member.is_none();
    let (title, verb) = if new { ("New member", "Add member") } else { ("Change member", "Save") };
    let busy = form.sending.is_on();
    let mut send = false;
    let acts = &mut *draw.acts;
    let response = Dialog::new(title, size::DIALOG).show(
        ctx,
        |ui, opened| send = content(ui, form, members, opened),
        |ui, _| {
            if Button::primary(verb).busy(busy).show(ui).clicked() {
                acts.push(Action::SaveMember);
            }
            if Button::new("Cancel").enabled(!busy).show(ui).clicked() {
                acts.push(Action::Cancel);
            }
        },
    );
    if send {
        draw.acts.push(Action::SaveMember);
    }
    if response.close {
        draw.acts.push(Action::Close);
    }
}

fn content(ui: &mut Ui, form: &mut MemberForm, members: &Members, opened: bool) -> bool {
    if let Some(failure) = &form.sending.failure {
        failed(ui, failure);
    }
    let checked = form.name();
    let problem = form.name.problem(&checked);
    let name = Entry::new("Name").hint("Amara Okafor").problem(problem).focus(opened).show(ui, &mut form.name);
    let checked = form.email();
    let problem = form.email.problem(&checked);
    let entry = Entry::new("Email").optional().hint("amara@club.example");
    let email =
        entry.help("Where to reach them, and where an invitation would go.").problem(problem).show(ui, &mut form.email);

    let head_coach = form.member.as_ref().is_some_and(|member| member.role == Role::HeadCoach);
    if head_coach {
        let tone = colors(ui).accent;
        let text = "The head coach's role and status change by handing the role over, under Club.";
        banner(ui, &Banner { tone, icon: Icon::Info, title: "", text, detail: None, act: None });
    } else {
        role_and_status(ui, form);
        if form.role == Role::Athlete {
            coach(ui, form, members);
        }
    }

    let checked = form.labels();
    let problem = form.labels.problem(&checked);
    let entry =
        Entry::new("Labels").optional().hint("u16, sprint").help("Words by which members are grouped, between commas.");
    let labels = entry.problem(problem).show(ui, &mut form.labels);
    let checked = form.external_id();
    let problem = form.external_id.problem(&checked);
    let entry =
        Entry::new("External id").optional().help("Their id in the tool that the roster is synced from.").mono();
    let external_id = entry.problem(problem).show(ui, &mut form.external_id);
    sent(ui, &[&name, &email, &labels, &external_id])
}

fn role_and_status(ui: &mut Ui, form: &mut MemberForm) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::S;
        ui.label(label_text(ui, "Role"));
        ui.horizontal(|ui| {
            for role in [Role::Athlete, Role::Coach] {
                if chip(ui, form.role == role, role.word(), None).clicked() {
                    form.role = role;
                }
            }
        });
        let accepted = form.member.as_ref().is_some_and(|member| member.accepted);
        if form.role == Role::Coach && !accepted {
            let text = "A coach gets rights once they have accepted an invitation.";
            caption(ui, text, colors(ui).muted);
        }
        ui.label(label_text(ui, "Status"));
        ui.horizontal(|ui| {
            for status in Standing::ALL {
                if chip(ui, form.status == status, status.word(), None).clicked() {
                    form.status = status;
                }
            }
        });
    });
}

fn coach(ui: &mut Ui, form: &mut MemberForm, members: &Members) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::XS;
        ui.label(label_text(ui, "Coach"));
        choose_coach(ui, &mut form.coach_id, members);
    });
}

/// One of the coaches, or none.
pub fn choose_coach(ui: &mut Ui, coach_id: &mut Option<String>, members: &Members) -> Response {
    let name = coach_id.as_deref().map(|id| members.coach_name(id).unwrap_or("…"));
    let width = ui.available_width();
    let shown = shorten(name.unwrap_or("Nobody"), 48);
    choose("coach")
        .selected_text(shown)
        .width(width)
        .height(280.0)
        .show_ui(ui, |ui| {
            entry(ui, coach_id, None, "Nobody");
            for (id, name) in members.list.items.coaches() {
                entry(ui, coach_id, Some(id.to_owned()), shorten(name, 48));
            }
        })
        .response
        .accessible_name("Coach")
}
