//! Whether to revoke a key, and what would break.

use eframe::egui::{Context, Ui};

use super::{Draw, sent};
use crate::{
    rules::Invalid,
    state::{Action, forms::RevokeForm, time::Clock},
    theme::{Icon, size},
    widgets::{Button, Dialog, Entry, body, strong},
};

pub fn show(ctx: &Context, form: &mut RevokeForm, draw: &mut Draw<'_>) {
    let clock = draw.clock;
    let title = format!("Revoke \"{}\"?", form.key.name);
    let meant = form.is_meant(clock);
    let mut send = false;
    let acts = &mut *draw.acts;
    let response = Dialog::new(&title, size::DIALOG).show(
        ctx,
        |ui, opened| send = content(ui, form, opened, clock),
        |ui, opened| {
            let revoke = Button::danger("Revoke key").icon(Icon::Trash2).enabled(meant).show(ui);
            if revoke.clicked() {
                acts.push(Action::Revoke);
            }
            let keep = Button::new("Keep it").show(ui);
            if opened && meant {
                keep.request_focus();
            }
            if keep.clicked() {
                acts.push(Action::Close);
            }
        },
    );
    if send {
        draw.acts.push(Action::Revoke);
    }
    if response.close {
        draw.acts.push(Action::Close);
    }
}

fn content(ui: &mut Ui, form: &mut RevokeForm, opened: bool, clock: &Clock) -> bool {
    let used = match form.key.last_used_at {
        None => "It was never used.".to_owned(),
        Some(used) => format!("It was last used {}.", clock.ago(used)),
    };
    body(ui, &format!("{used} Whatever uses it stops working the moment you confirm. This cannot be undone."));
    let in_use = form.key.in_use(clock);
    let mut fields = Vec::new();
    if in_use {
        strong(ui, "Something uses this key.");
        let name = form.key.name.clone();
        let checked: Result<(), Invalid> = if form.is_meant(clock) {
            Ok(())
        } else {
            Err(Invalid("must be the name of the key, as it stands above".into()))
        };
        let problem = form.typed_name.problem(&checked);
        let label = format!("Type its name to confirm: {name}");
        fields.push(Entry::new(&label).problem(problem).focus(opened).show(ui, &mut form.typed_name));
    }
    let checked = form.reason();
    let problem = form.reason.problem(&checked);
    let entry = Entry::new("Reason").optional().hint("Replaced by a new key").problem(problem);
    fields.push(entry.show(ui, &mut form.reason));
    sent(ui, &fields.iter().collect::<Vec<_>>())
}
