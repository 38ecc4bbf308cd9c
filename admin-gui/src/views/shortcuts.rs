//! The list of shortcuts.

use eframe::egui::{Frame, Grid, Margin, RichText, Ui, vec2};

use crate::{
    state::Action,
    theme::{colors, font, mono, size, space},
    widgets::{Button, Dialog, body},
};

const SHORTCUTS: [(&str, &str); 16] = [
    ("Ctrl N", "New key, or new member"),
    ("Ctrl L", "Found a key somewhere?"),
    ("/", "Search"),
    ("F5", "Refresh"),
    ("Ctrl 1 … 4", "API keys, Members, Audit, Club"),
    ("Ctrl PgDn, PgUp", "Next and previous view"),
    ("↑ ↓ PgUp PgDn", "Walk the rows"),
    ("Home, End", "First and last row"),
    ("Enter", "Open the row"),
    ("Space", "Mark the row, in Members"),
    ("Ctrl A", "Mark all rows, or none, in Members"),
    ("Ctrl C", "Copy the id of the row"),
    ("Del", "Revoke the key, remove the member; asks first"),
    ("Shift F10", "What can be done with the row"),
    ("Esc", "Back, close"),
    ("Ctrl + − 0", "Larger, smaller, as it was"),
];

pub fn show(ui: &Ui, acts: &mut Vec<Action>) {
    let mut close = false;
    let response = Dialog::new("Keyboard shortcuts", size::DIALOG).show(
        ui.ctx(),
        |ui, _| {
            Grid::new("shortcuts").num_columns(2).spacing(vec2(space::XL, space::S)).show(ui, |ui| {
                for (keys, does) in SHORTCUTS {
                    key(ui, keys);
                    body(ui, does);
                    ui.end_row();
                }
            });
        },
        |ui, opened| {
            let button = Button::primary("Close").show(ui);
            if opened {
                button.request_focus();
            }
            close = button.clicked();
        },
    );
    if close || response.close {
        acts.push(Action::ToggleShortcuts);
    }
}

fn key(ui: &mut Ui, keys: &str) {
    let colors = colors(ui);
    Frame::new().fill(colors.hover).corner_radius(4).inner_margin(Margin::symmetric(6, 2)).show(ui, |ui| {
        ui.label(RichText::new(keys).font(mono(font::LABEL)).color(colors.text));
    });
}
