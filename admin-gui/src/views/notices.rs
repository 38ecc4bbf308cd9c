//! What is said in passing, in the lower right corner. Bad news stays until it is taken away.

use eframe::egui::{Align, Align2, Area, Frame, Id, Layout, Margin, Order, Role, Stroke, Ui, accesskit::Live, vec2};

use crate::{
    state::{Action, Notice},
    theme::{Icon, colors, size, space},
    widgets::{Button, body},
};

pub fn show(ui: &Ui, notices: &[Notice], acts: &mut Vec<Action>) {
    if notices.is_empty() {
        return;
    }
    let ctx = ui.ctx();
    let width = 380.0_f32.min(ctx.content_rect().width() - 32.0);
    Area::new(Id::unique("notices")).order(Order::Tooltip).anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -16.0)).show(
        ctx,
        |ui| {
            ui.spacing_mut().item_spacing.y = space::S;
            for (place, notice) in notices.iter().enumerate().rev().take(4).rev() {
                let colors = colors(ui);
                let (tone, icon) =
                    if notice.bad { (colors.danger, Icon::CircleAlert) } else { (colors.ok, Icon::CircleCheck) };
                Frame::new()
                    .fill(colors.raised)
                    .stroke(Stroke::new(1.0, colors.border))
                    .corner_radius(size::RADIUS_LARGE)
                    .shadow(ui.visuals().popup_shadow)
                    .inner_margin(Margin::symmetric(12, 8))
                    .show(ui, |ui| {
                        ui.set_width(width);
                        ui.horizontal_top(|ui| {
                            ui.add_space(2.0);
                            ui.vertical(|ui| {
                                ui.add_space(8.0);
                                ui.label(icon.text(size::ICON, tone.color));
                            });
                            let room = ui.available_width() - size::CONTROL - space::S;
                            ui.vertical(|ui| {
                                ui.set_width(room);
                                ui.add_space(6.0);
                                let (role, live) = if notice.bad {
                                    (Role::Alert, Live::Assertive)
                                } else {
                                    (Role::Status, Live::Polite)
                                };
                                let response = body(ui, &notice.text);
                                ui.ctx().accesskit_node_builder(response.id, |node| {
                                    node.set_role(role);
                                    node.set_live(live);
                                    node.set_label(notice.text.as_str());
                                });
                            });
                            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                                let name = format!("Dismiss: {}", notice.text);
                                if Button::quiet("Dismiss").name(&name).icon(Icon::X).icon_only().show(ui).clicked() {
                                    acts.push(Action::Dismiss(place));
                                }
                            });
                        });
                    });
            }
        },
    );
}
