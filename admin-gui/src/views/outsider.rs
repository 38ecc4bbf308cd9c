//! Somebody is signed in who heads no club: who can help them.

use eframe::egui::{CentralPanel, Frame, Ui};

use super::{Draw, empty};
use crate::{
    state::{Action, outsider::Outsider},
    theme::{Icon, colors},
    widgets::{Button, body},
};

pub fn show(ui: &mut Ui, outsider: &Outsider, draw: &mut Draw<'_>) {
    CentralPanel::default().frame(Frame::new().fill(colors(ui).background)).show(ui, |ui| {
        let text = if outsider.clubs.is_empty() {
            format!(
                "{}, you are not an active member of any club on this server. If your club has set you inactive, its head \
                 coach can help you; else whoever runs the server.",
                outsider.name
            )
        } else {
            format!("{}, this console is for head coaches. Ask yours for what you need.", outsider.name)
        };
        empty(ui, Icon::KeyRound, "Only the head coach manages API keys", &text, |ui| {
            for (club, head_coach) in &outsider.clubs {
                match head_coach {
                    Some(name) => body(ui, &format!("At {club} that is {name}.")),
                    None => body(ui, &format!("You are a member of {club}.")),
                };
            }
            ui.add_space(crate::theme::space::M);
            if Button::new("Sign in as somebody else").icon(Icon::LogOut).show(ui).clicked() {
                draw.acts.push(Action::SignOut);
            }
        });
    });
}
