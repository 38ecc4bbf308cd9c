//! A band across a view or a dialog that says how things stand.

use eframe::egui::{Frame, Margin, Ui};

use super::{Button, body, caption, strong};
use crate::theme::{Icon, Tone, size, space};

/// What a banner says.
pub struct Banner<'a> {
    /// Its color.
    pub tone: Tone,
    /// Before the text.
    pub icon: Icon,
    /// What happened.
    pub title: &'a str,
    /// What to do.
    pub text: &'a str,
    /// For whoever asks for help.
    pub detail: Option<&'a str>,
    /// What can be done right here.
    pub act: Option<&'a str>,
}

/// Draws it. Whether what can be done was done.
pub fn banner(ui: &mut Ui, banner: &Banner<'_>) -> bool {
    let mut acted = false;
    let margin = Margin::symmetric(12, 10);
    Frame::new().fill(banner.tone.soft).corner_radius(size::RADIUS).inner_margin(margin).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::S;
            ui.label(banner.icon.text(size::ICON, banner.tone.color));
            let button = banner.act.map(Button::new);
            let width = ui.available_width() - button.as_ref().map_or(0.0, |button| button.size(ui).x + space::L);
            ui.vertical(|ui| {
                ui.set_width(width);
                ui.spacing_mut().item_spacing.y = 2.0;
                if !banner.title.is_empty() {
                    strong(ui, banner.title);
                }
                if !banner.text.is_empty() {
                    body(ui, banner.text);
                }
                if let Some(detail) = banner.detail {
                    let muted = crate::theme::colors(ui).muted;
                    caption(ui, detail, muted);
                }
            });
            if let Some(button) = button {
                ui.add_space(space::S);
                acted = button.show(ui).clicked();
            }
        });
    });
    acted
}
