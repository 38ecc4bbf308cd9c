//! The club: name, plan, the head coach's role, and the person's own password and sessions.

use eframe::egui::{Frame, Margin, ScrollArea, Stroke, Ui};

use super::{Draw, failed, list_failed};
use crate::{
    state::{Action, Connection, Console, club::ClubForm},
    theme::{Icon, colors, size, space},
    widgets::{Button, Entry, body, caption, heading, muted, pill, title},
};

pub fn show(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    ui.horizontal(|ui| {
        ui.set_height(size::CONTROL);
        title(ui, "Club");
    });
    ui.add_space(space::M);
    if let Some(failure) = &console.club_failure
        && console.connection == Connection::Online
    {
        list_failed(ui, failure, draw);
        ui.add_space(space::M);
    }
    let Some(club) = &console.club else {
        super::skeleton(ui, size::ROW_TALL, None, draw.clock);
        return;
    };
    let club = club.clone();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(size::READING.min(ui.available_width()));
        ui.spacing_mut().item_spacing.y = space::L;
        if let Some(form) = &mut console.club_form {
            card(ui, |ui| about(ui, form, draw));
        }
        card(ui, |ui| plan(ui, &club, draw));
        card(ui, |ui| {
            heading(ui, "Head coach");
            body(
                ui,
                "You head this club: you alone manage its keys and invite people. The role can be handed to an active coach \
                 who can sign in; you stay as a coach.",
            );
            if Button::new("Hand the role over").icon(Icon::UserRound).show(ui).clicked() {
                draw.acts.push(Action::AskHandOver);
            }
        });
        card(ui, |ui| {
            heading(ui, "You");
            body(ui, &format!("{}, signed in as {}", console.person.name, console.person.email));
            ui.horizontal_wrapped(|ui| {
                if Button::new("Change password").icon(Icon::KeyRound).show(ui).clicked() {
                    draw.acts.push(Action::AskPassword);
                }
                if Button::new("Sign out everywhere").icon(Icon::LogOut).show(ui).clicked() {
                    draw.acts.push(Action::AskSignOutEverywhere);
                }
                if Button::quiet("Sign out").show(ui).clicked() {
                    draw.acts.push(Action::SignOut);
                }
            });
        });
        ui.add_space(space::M);
    });
}

fn card(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let colors = colors(ui);
    Frame::new()
        .stroke(Stroke::new(1.0, colors.border))
        .corner_radius(size::RADIUS_LARGE)
        .inner_margin(Margin::same(20))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = space::M;
            content(ui);
        });
}

fn about(ui: &mut Ui, form: &mut ClubForm, draw: &mut Draw<'_>) {
    heading(ui, "About");
    if let Some(failure) = &form.sending.failure {
        failed(ui, failure);
    }
    let checked = form.name();
    let problem = form.name.problem(&checked);
    let field = Entry::new("Name").problem(problem).show(ui, &mut form.name);
    let checked = form.description();
    let problem = form.description.problem(&checked);
    Entry::new("Description").optional().rows(3).problem(problem).show(ui, &mut form.description);
    let (longest, usual) = (form.longest(), form.usual());
    let mut fields = vec![field];
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::S;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::L;
            let problem = form.longest.problem(&longest);
            let entry = Entry::new("Keys last at most, in days").optional().width(200.0).problem(problem);
            fields.push(entry.show(ui, &mut form.longest));
            let problem = form.usual.problem(&usual);
            let entry = Entry::new("Usually, in days").optional().width(200.0).problem(problem);
            fields.push(entry.show(ui, &mut form.usual));
        });
        let about = "New keys must end in time, and are proposed to end as usual. Keys that there are keep their end.";
        caption(ui, about, colors(ui).muted);
    });
    let changed = form.is_changed();
    let busy = form.sending.is_on();
    let send = super::sent(ui, &fields.iter().collect::<Vec<_>>());
    ui.horizontal(|ui| {
        if Button::primary("Save").enabled(changed).busy(busy).show(ui).clicked() || (send && changed) {
            draw.acts.push(Action::SaveClub);
        }
        if changed && !busy && Button::quiet("Undo changes").show(ui).clicked() {
            draw.acts.push(Action::ResetClub);
        }
    });
}

fn plan(ui: &mut Ui, club: &crate::state::club::Club, draw: &Draw<'_>) {
    let colors = colors(ui);
    heading(ui, "Plan");
    ui.horizontal(|ui| pill(ui, Some(colors.accent), club.plan.word()));
    if club.security_settings {
        let keys = match club.active_keys {
            Some(1) => "1 key is active.".to_owned(),
            Some(many) => format!("{many} keys are active."),
            None => String::new(),
        };
        body(ui, &format!("It includes API keys. {keys}"));
    } else {
        body(ui, "It does not include API keys; they need the Coach plan or above. Keys that the club has are kept.");
    }
    muted(ui, "Whoever runs this server can change the plan.");
    caption(ui, &format!("Club since {}", draw.clock.date(club.created_at)), colors.muted)
        .on_hover_text(draw.clock.exact(club.created_at));
}
