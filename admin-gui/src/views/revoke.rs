//! Whether to revoke a key, and what would break.

use eframe::egui::{Context, Ui};

use super::{Draw, sent};
use crate::{
    rules::Invalid,
    state::{
        Action,
        keys::{Known, RevokeForm, calls_in_words, operations_in_words},
        time::Clock,
    },
    theme::{Icon, size},
    widgets::{Button, Dialog, Entry, body, strong},
};

pub fn show(ctx: &Context, form: &mut RevokeForm, draw: &mut Draw<'_>) {
    let clock = draw.clock;
    let title = format!("Revoke \"{}\"?", form.key.name);
    let asks_name = form.asks_name(clock);
    form.asked |= asks_name;
    let meant = form.is_meant(clock);
    // The keyboard goes to the name if it is asked for, else to the button that does no harm; once that is known.
    let place = !form.placed && (asks_name || meant);
    form.placed |= place;
    let mut send = false;
    let acts = &mut *draw.acts;
    let response = Dialog::new(&title, size::DIALOG).show(
        ctx,
        |ui, _| send = content(ui, form, asks_name, place, clock),
        |ui, _| {
            let revoke = Button::danger("Revoke key").icon(Icon::Trash2).enabled(meant).show(ui);
            if revoke.clicked() {
                acts.push(Action::Revoke);
            }
            let keep = Button::new("Keep it").show(ui);
            if place && !asks_name {
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

fn content(ui: &mut Ui, form: &mut RevokeForm, asks_name: bool, place: bool, clock: &Clock) -> bool {
    let impact = form.foretold.impact.as_ref();
    let used = match (form.last_use, form.key.last_used_at) {
        (_, Some(used)) => {
            let last = impact.and_then(|impact| impact.last_use.as_ref());
            let last = last.map_or_else(|| clock.ago(used), |last| last.in_words(clock));
            match impact.filter(|impact| impact.calls() > 0) {
                Some(impact) => format!(
                    "It was last used {last} and made {} in the last 30 days: {}.",
                    calls_in_words(impact.calls()),
                    operations_in_words(&impact.operations)
                ),
                None => format!("It was last used {last}."),
            }
        }
        (Known::Said, None) => "It was never used.".to_owned(),
        (Known::Asked(_) | Known::Unknown, None) => "Whether it was used is not known.".to_owned(),
    };
    body(ui, &format!("{used} Whatever uses it stops working the moment you confirm. This cannot be undone."));
    let mut fields = Vec::new();
    if asks_name {
        if form.key.in_use(clock) {
            strong(ui, "Something uses this key.");
        }
        let name = form.key.name.clone();
        let checked: Result<(), Invalid> = if form.is_meant(clock) {
            Ok(())
        } else {
            Err(Invalid("must be the name of the key, as it stands above".into()))
        };
        let problem = form.typed_name.problem(&checked);
        let label = format!("Type its name to confirm: {name}");
        fields.push(Entry::new(&label).problem(problem).focus(place).show(ui, &mut form.typed_name));
    }
    let checked = form.reason();
    let problem = form.reason.problem(&checked);
    let entry = Entry::new("Reason").optional().hint("Replaced by a new key").problem(problem);
    fields.push(entry.show(ui, &mut form.reason));
    sent(ui, &fields.iter().collect::<Vec<_>>())
}
