//! How to rotate a key, and whether to end its old secret.

use eframe::egui::{Context, Ui};

use super::{Draw, failed};
use crate::{
    state::{
        Action,
        keys::{Attention, EndPreviousSecretForm, IDLE_HOURS, Overlap, RotateForm, Usage},
        time::Clock,
    },
    theme::{Icon, colors, size, space},
    widgets::{Banner, Button, Dialog, banner, body, chip, label_text, tick},
};

pub fn rotate(ctx: &Context, form: &mut RotateForm, draw: &mut Draw<'_>) {
    let clock = draw.clock;
    let title = format!("Rotate \"{}\"?", form.key.name);
    let busy = form.sending.is_on();
    let acts = &mut *draw.acts;
    let response = Dialog::new(&title, size::DIALOG).show(
        ctx,
        |ui, _| content(ui, form, clock),
        |ui, opened| {
            let rotate = Button::primary("Make a new secret").icon(Icon::RefreshCw).busy(busy).show(ui);
            if opened {
                rotate.request_focus();
            }
            if rotate.clicked() {
                acts.push(Action::Rotate);
            }
            if Button::new("Cancel").enabled(!busy).show(ui).clicked() {
                acts.push(Action::Close);
            }
        },
    );
    if response.close {
        draw.acts.push(Action::Close);
    }
}

fn content(ui: &mut Ui, form: &mut RotateForm, clock: &Clock) {
    if let Some(failure) = &form.sending.failure {
        failed(ui, failure);
    }
    if let Some(previous) = &form.key.previous_secret {
        let text = format!(
            "The secret {} was replaced already and works until {}. If you make another, the one made last time ends at \
             once, and the older one keeps its time.",
            previous.hint,
            clock.minute(previous.ends_at)
        );
        let title = "This key is being rotated already";
        let tone = colors(ui).warn;
        banner(ui, &Banner { tone, icon: Icon::TriangleAlert, title, text: &text, detail: None, act: None });
        ui.horizontal_wrapped(|ui| {
            let keeps = form.overlap != Overlap::None;
            if chip(ui, keeps, "The older one keeps its time", None).clicked() {
                form.overlap = Overlap::Week;
            }
            if chip(ui, !keeps, "Both end at once", None).clicked() {
                form.overlap = Overlap::None;
            }
        });
        return;
    }
    body(
        ui,
        "The key gets a new secret, which is shown once. The present one goes on working for a while, so that you can put \
         the new one in its place without an interruption.",
    );
    if let (Some(Attention::Expiring), Some(end)) = (form.key.attention(clock), form.key.expires_at) {
        let text =
            format!("This key expires {}, whichever secret is used. To let it work longer, edit it.", clock.ahead(end));
        let tone = colors(ui).warn;
        banner(ui, &Banner { tone, icon: Icon::Hourglass, title: "", text: &text, detail: None, act: None });
    }
    if let Some(calls) = form.foretold.impact.as_ref().and_then(|impact| impact.in_words(clock)) {
        body(ui, &format!("With the present secret came {calls}"));
    }
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::S;
        ui.label(label_text(ui, "The present secret goes on working for"));
        ui.horizontal_wrapped(|ui| {
            for overlap in Overlap::ALL {
                if chip(ui, form.overlap == overlap, overlap.words(), None).clicked() {
                    form.overlap = overlap;
                }
            }
        });
        if form.overlap == Overlap::None {
            let text = "Whatever uses the present secret stops working until it is given the new one. Right if somebody may \
                        have seen it.";
            let tone = colors(ui).warn;
            banner(ui, &Banner { tone, icon: Icon::TriangleAlert, title: "", text, detail: None, act: None });
        } else {
            let text = "End it sooner, once nothing uses it";
            let about = format!("After {IDLE_HOURS} hours without use, if the new one was used by then.");
            tick(ui, &mut form.retire_when_idle, text, Some(&about));
        }
    });
}

pub fn end_previous_secret(
    ctx: &Context,
    form: &mut EndPreviousSecretForm,
    usage: Option<&Usage>,
    draw: &mut Draw<'_>,
) {
    let clock = draw.clock;
    let last = usage.and_then(|usage| usage.last_use_of(&form.previous.hint)).map(|last| last.in_words(clock));
    let title = format!("End the old secret of \"{}\"?", form.key.name);
    let busy = form.sending.is_on();
    let acts = &mut *draw.acts;
    let response = Dialog::new(&title, size::DIALOG).show(
        ctx,
        |ui, _| {
            if let Some(failure) = &form.sending.failure {
                failed(ui, failure);
            }
            let used = match form.previous.last_used_at {
                None => "It was never used.".to_owned(),
                Some(used) => format!("It was last used {}.", last.unwrap_or_else(|| clock.ago(used))),
            };
            let text = "Whatever still uses it stops working the moment you confirm; the new secret goes on. This cannot be \
                        undone.";
            body(ui, &format!("{} still works. {used} {text}", form.previous.hint));
        },
        |ui, opened| {
            if Button::danger("End old secret").icon(Icon::Trash2).busy(busy).show(ui).clicked() {
                acts.push(Action::EndPreviousSecret);
            }
            let keep = Button::new("Keep it").enabled(!busy).show(ui);
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
