//! A new API key, or a change of one.

use eframe::egui::{Context, Ui};

use super::{Draw, failed, sent};
use crate::{
    state::{
        Action,
        form::sentence,
        keys::{Expiry, KeyForm, Scope},
        time::Clock,
    },
    theme::{Icon, colors, size, space},
    widgets::{Banner, Button, Dialog, Entry, banner, caption, chip, label_text, tick},
};

pub fn show(ctx: &Context, form: &mut KeyForm, draw: &mut Draw<'_>) {
    let clock = draw.clock;
    let new = form.key.is_none();
    let (title, verb) = if new { ("New API key", "Create key") } else { ("Change API key", "Save") };
    let busy = form.sending.is_on() || form.is_awaited();
    let sending = form.sending.is_on();
    let (mut send, mut chosen) = (false, false);
    let acts = &mut *draw.acts;
    let form_cell = std::cell::RefCell::new(form);
    let response = Dialog::new(title, size::DIALOG).show(
        ctx,
        |ui, opened| {
            let form = &mut form_cell.borrow_mut();
            let before = form.scopes.clone();
            send = content(ui, form, opened, clock);
            chosen = form.scopes != before;
        },
        |ui, _| {
            if Button::primary(verb).busy(busy).show(ui).clicked() {
                acts.push(Action::SaveKey);
            }
            if Button::new("Cancel").enabled(!sending).show(ui).clicked() {
                acts.push(Action::Cancel);
            }
        },
    );
    if chosen {
        draw.acts.push(Action::ChooseScopes);
    }
    if send {
        draw.acts.push(Action::SaveKey);
    }
    if response.close {
        draw.acts.push(Action::Close);
    }
}

fn content(ui: &mut Ui, form: &mut KeyForm, opened: bool, clock: &Clock) -> bool {
    if let Some(failure) = &form.sending.failure {
        failed(ui, failure);
    }
    let checked = form.name();
    let problem = form.name.problem(&checked);
    let name = Entry::new("Name")
        .hint("Roster sync script")
        .help("What uses it, so that you know which one to revoke.")
        .problem(problem)
        .focus(opened)
        .show(ui, &mut form.name);

    let checked = form.description();
    let problem = form.description.problem(&checked);
    let entry = Entry::new("Description").optional().hint("Where it runs, who looks after it").rows(2).problem(problem);
    entry.show(ui, &mut form.description);

    let day = expiry(ui, form, clock);
    scopes(ui, form);
    foretold(ui, form, clock);

    let checked = form.addresses();
    let problem = form.addresses.problem(&checked);
    let entry = Entry::new("Allowed addresses")
        .optional()
        .hint("203.0.113.7, 2001:db8::/32")
        .help("Refused from anywhere else. Empty: allowed from anywhere.")
        .problem(problem)
        .mono();
    let addresses = entry.show(ui, &mut form.addresses);
    let mut fields = vec![&name, &addresses];
    fields.extend(day.as_ref());
    sent(ui, &fields)
}

fn expiry(ui: &mut Ui, form: &mut KeyForm, clock: &Clock) -> Option<eframe::egui::Response> {
    let mut day = None;
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::S;
        ui.label(label_text(ui, "Expires"));
        ui.horizontal_wrapped(|ui| {
            let mut choices = Vec::new();
            if form.key.is_none() {
                for days in form.proposals() {
                    choices.push((Expiry::Days(days), format!("In {days} days")));
                }
            }
            choices.push((Expiry::On, "On a date".to_owned()));
            if form.longest_days.is_none() || form.expiry == Expiry::Never {
                choices.push((Expiry::Never, "Never".to_owned()));
            }
            for (expiry, text) in choices {
                if chip(ui, form.expiry == expiry, &text, None).clicked() {
                    if expiry == Expiry::On && form.day.text.is_empty() {
                        // The day that the choice before meant, else what is proposed.
                        let proposed = KeyForm { expiry: Expiry::Days(90), ..KeyForm::default() };
                        let end = form.expires_at(clock).ok().flatten();
                        let end = end.or_else(|| proposed.expires_at(clock).ok().flatten());
                        form.day.text = end.map(|end| clock.date(end)).unwrap_or_default();
                    }
                    form.expiry = expiry;
                }
            }
        });
        let colors = colors(ui);
        let checked = form.expires_at(clock);
        match form.expiry {
            Expiry::On => {
                let problem = form.day.problem(&checked);
                let entry = Entry::new("Last day").hint("2027-01-31").width(160.0).problem(problem);
                day = Some(
                    ui.horizontal_top(|ui| {
                        let response = entry.show(ui, &mut form.day);
                        if let Ok(Some(end)) = &checked {
                            ui.vertical(|ui| {
                                ui.add_space(28.0);
                                caption(
                                    ui,
                                    &format!("{}, until {}", clock.ahead(*end), clock.minute(*end)),
                                    colors.muted,
                                )
                                .on_hover_text(clock.exact(*end));
                            });
                        }
                        response
                    })
                    .inner,
                );
            }
            Expiry::Never => {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = space::XS;
                    ui.label(Icon::TriangleAlert.text(14.0, colors.warn.color));
                    caption(
                        ui,
                        "It works until somebody revokes it. For automated scripts an expiry date is recommended.",
                        colors.warn.color,
                    );
                });
            }
            Expiry::Days(_) => {
                if let Ok(Some(end)) = &checked {
                    caption(ui, &format!("Refused after {}.", clock.minute(*end)), colors.muted)
                        .on_hover_text(clock.exact(*end));
                }
            }
        }
    });
    day
}

/// What would break, if scopes are taken away.
fn foretold(ui: &mut Ui, form: &KeyForm, clock: &Clock) {
    let Some(impact) = form.foretold.as_ref().and_then(|foretold| foretold.impact.as_ref()) else { return };
    let colors = colors(ui);
    let (tone, icon, text) = match impact.in_words(clock) {
        Some(calls) => (colors.warn, Icon::TriangleAlert, format!("Would have refused {calls}")),
        None => (colors.ok, Icon::Check, "Nothing that it did in the last 30 days would be refused.".to_owned()),
    };
    banner(ui, &Banner { tone, icon, title: "", text: &text, detail: None, act: None });
}

fn scopes(ui: &mut Ui, form: &mut KeyForm) {
    const READ: [Scope; 2] = [Scope::OrganizationRead, Scope::MembersRead];
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::S;
        ui.label(label_text(ui, "Allowed to"));
        ui.horizontal_wrapped(|ui| {
            let now = form.scopes().unwrap_or_default();
            if chip(ui, now == READ, "Read only", None).clicked() {
                form.scopes = READ.to_vec();
            }
            if chip(ui, now == Scope::ALL, "Everything", None).clicked() {
                form.scopes = Scope::ALL.to_vec();
            }
        });
        for scope in Scope::ALL {
            let mut ticked = form.scopes.contains(&scope);
            if tick(ui, &mut ticked, scope.meaning(), Some(scope.word())).changed() {
                if ticked {
                    form.scopes.push(scope);
                } else {
                    form.scopes.retain(|known| *known != scope);
                }
            }
        }
        if let Err(invalid) = form.scopes() {
            caption(ui, &sentence(&invalid.0), colors(ui).danger.color);
        }
    });
}
