//! What is asked about one member or several at once.

use eframe::egui::{Context, Ui};
use jiff::Timestamp;

use super::{Draw, failed, member_form::choose_coach, secret::copied_by_hand, sent};
use crate::{
    state::{
        Action,
        invitation::InvitationOnce,
        members::{CoachForm, LabelForm, Members, RemoveForm},
        time::Clock,
    },
    theme::{Icon, colors, font, size, space},
    widgets::{Button, Dialog, Entry, body, caption, chip, code, label_text, muted, spinner},
};

pub fn remove(ctx: &Context, form: &RemoveForm, draw: &mut Draw<'_>) {
    let title = match form.members.as_slice() {
        [(_, name)] => format!("Remove {name}?"),
        several => format!("Remove {} members?", several.len()),
    };
    let acts = &mut *draw.acts;
    let response = Dialog::new(&title, size::DIALOG).show(
        ctx,
        |ui, _| {
            let text = "They leave the roster and can no longer sign in to this club; athletes of a coach who goes are left \
                        without one. This cannot be undone.";
            body(ui, text);
            if form.members.len() > 1 {
                let names: Vec<&str> = form.members.iter().take(12).map(|(_, name)| name.as_str()).collect();
                let more = form.members.len().saturating_sub(12);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                muted(ui, &format!("{}{more}", names.join(", ")));
            }
        },
        |ui, opened| {
            let verb = if form.members.len() == 1 { "Remove member" } else { "Remove members" };
            if Button::danger(verb).icon(Icon::Trash2).show(ui).clicked() {
                acts.push(Action::Remove);
            }
            let keep = Button::new("Keep them").show(ui);
            if opened {
                keep.request_focus();
            }
            if keep.clicked() {
                acts.push(Action::Close);
            }
        },
    );
    if response.close {
        draw.acts.push(Action::Close);
    }
}

pub fn label(ctx: &Context, form: &mut LabelForm, members: &Members, draw: &mut Draw<'_>) {
    let (title, verb) = if form.give { ("Add a label", "Add label") } else { ("Remove a label", "Remove label") };
    let count = form.members.len();
    let mut send = false;
    let acts = &mut *draw.acts;
    let response = Dialog::new(title, size::DIALOG).show(
        ctx,
        |ui, opened| {
            let checked = form.label.value::<crate::rules::Label>();
            let problem = form.label.problem(&checked);
            let help = if count == 1 { "For 1 member.".to_owned() } else { format!("For {count} members.") };
            let entry = Entry::new("Label").hint("u16").help(&help).problem(problem).focus(opened);
            let field = entry.show(ui, &mut form.label);
            ui.horizontal_wrapped(|ui| {
                for known in members.list.items.labels().take(20) {
                    if chip(ui, form.label.text == *known, known, None).clicked() {
                        known.clone_into(&mut form.label.text);
                    }
                }
            });
            send = sent(ui, &[&field]);
        },
        |ui, _| {
            if Button::primary(verb).show(ui).clicked() {
                acts.push(Action::Label);
            }
            if Button::new("Cancel").show(ui).clicked() {
                acts.push(Action::Close);
            }
        },
    );
    if send {
        draw.acts.push(Action::Label);
    }
    if response.close {
        draw.acts.push(Action::Close);
    }
}

pub fn coach(ctx: &Context, form: &mut CoachForm, members: &Members, draw: &mut Draw<'_>) {
    let count = form.members.len();
    let verb = if form.coach_id.is_some() { "Assign coach" } else { "Leave without a coach" };
    let differs = form.coach_id != form.before;
    let acts = &mut *draw.acts;
    let response = Dialog::new("Assign a coach", size::DIALOG).show(
        ctx,
        |ui, opened| {
            ui.spacing_mut().item_spacing.y = space::XS;
            ui.label(label_text(ui, "Coach"));
            let choice = choose_coach(ui, &mut form.coach_id, members);
            if opened {
                choice.request_focus();
            }
            let said = if count == 1 { "For 1 athlete.".to_owned() } else { format!("For {count} athletes.") };
            caption(ui, &said, colors(ui).muted);
        },
        |ui, _| {
            if Button::primary(verb).enabled(differs).show(ui).clicked() {
                acts.push(Action::Coach);
            }
            if Button::new("Cancel").show(ui).clicked() {
                acts.push(Action::Close);
            }
        },
    );
    if response.close {
        draw.acts.push(Action::Close);
    }
}

pub fn invitation(ctx: &Context, once: &mut InvitationOnce, draw: &mut Draw<'_>) {
    let title = format!("Invite {}", once.member.name);
    let clock = draw.clock;
    let mut send = false;
    let (made, busy, copied) = (once.link.is_some(), once.sending.is_on(), once.copied_at.is_some());
    let acts = &mut *draw.acts;
    let response = Dialog::new(&title, size::DIALOG_WIDE).show(
        ctx,
        |ui, opened| {
            if let Some(failure) = &once.sending.failure {
                failed(ui, failure);
            }
            if let Some((link, expires_at)) = &once.link {
                invitation_link(ui, link.reveal(), *expires_at, copied, clock);
            } else if busy {
                spinner(ui, 20.0, "Making the invitation");
            } else {
                let checked = once.email();
                let problem = once.email.problem(&checked);
                let entry = Entry::new("Email").hint("amara@club.example").focus(opened);
                let help = "They will sign in with it. It need not be the one on the roster.";
                let field = entry.help(help).problem(problem).show(ui, &mut once.email);
                send = sent(ui, &[&field]);
            }
        },
        |ui, _| {
            if made {
                let (word, icon) = if copied { ("Copied", Icon::Check) } else { ("Copy link", Icon::Copy) };
                if Button::primary(word).icon(icon).show(ui).clicked() {
                    acts.push(Action::CopySecret);
                }
            } else if Button::primary("Make invitation").busy(busy).show(ui).clicked() {
                acts.push(Action::SendInvitation);
            }
            let word = if made { "Close" } else { "Cancel" };
            if Button::new(word).enabled(!busy).show(ui).clicked() {
                acts.push(Action::Close);
            }
        },
    );
    if send {
        draw.acts.push(Action::SendInvitation);
    }
    if made {
        copied_by_hand(ctx, draw);
    }
    // A click beside it is no word that the link was sent.
    if response.close && !made {
        draw.acts.push(Action::Close);
    }
}

fn invitation_link(ui: &mut Ui, link: &str, expires_at: Timestamp, copied: bool, clock: &Clock) {
    let colors = colors(ui);
    body(
        ui,
        "Send them this link. Whoever opens it can set a password and sign in as this member, so hand it to nobody else. \
         It is shown this once; a new invitation replaces it.",
    );
    code(ui, link, font::LABEL);
    let off = if copied { " It is taken off the clipboard after a minute." } else { "" };
    caption(ui, &format!("It works until {}.{off}", clock.minute(expires_at)), colors.muted)
        .on_hover_text(clock.exact(expires_at));
}
