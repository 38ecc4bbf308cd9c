//! The navigation: the club, its views, who is signed in.

use eframe::egui::{Align, Layout, Rect, Sense, Shape, Ui, pos2, vec2};

use super::Draw;
use crate::{
    state::{Action, Console, View},
    theme::{Icon, colors, size, space},
    widgets::{Button, ButtonKind, clipped, menu, menu_head, menu_item},
};

pub fn show(ui: &mut Ui, console: &Console, narrow: bool, draw: &mut Draw<'_>) {
    ui.spacing_mut().item_spacing.y = space::XS;
    let width = ui.available_width();
    brand(ui, narrow);
    ui.add_space(space::M);
    club(ui, console, narrow, width, draw);
    ui.add_space(space::M);

    let attention = console.keys.wanting_attention();
    let places = [
        (View::Keys, Icon::KeyRound, "API keys", attention),
        (View::Members, Icon::Users, "Members", 0),
        (View::Audit, Icon::History, "Audit", 0),
        (View::Club, Icon::Building2, "Club", 0),
    ];
    for (view, icon, name, badge) in places {
        let open = match (&console.view, &view) {
            (View::Key(_), View::Keys) => true,
            (open, view) => open == view,
        };
        let button = Button::new(name).kind(ButtonKind::Place(open)).icon(icon).badge(badge).width(width);
        let button = if narrow { button.icon_only() } else { button };
        if button.show(ui).clicked() {
            draw.acts.push(Action::Show(view));
        }
    }

    ui.with_layout(Layout::bottom_up(Align::Min), |ui| person(ui, console, narrow, width, draw));
}

/// The diamond, and the name beside it.
pub fn brand(ui: &mut Ui, narrow: bool) {
    let colors = colors(ui);
    let text = if narrow { "" } else { "Astral" };
    let font = crate::theme::face(crate::theme::Weight::Bold, crate::theme::font::HEADING);
    let galley = clipped(ui, text, font, colors.text, 160.0);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width().min(160.0), 28.0), Sense::hover());
    response.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Label, true, "Astral"));
    let left = if narrow { rect.center().x - 9.0 } else { rect.left() + space::M };
    let at = Rect::from_min_size(pos2(left, rect.center().y - 9.0), vec2(18.0, 18.0));
    diamond(ui, at);
    ui.painter().galley(pos2(at.right() + space::S, rect.center().y - galley.size().y / 2.0), galley, colors.text);
}

/// A diamond that fills `rect`.
pub fn diamond(ui: &Ui, rect: Rect) {
    let color = colors(ui).accent.color;
    let points = vec![rect.center_top(), rect.right_center(), rect.center_bottom(), rect.left_center()];
    ui.painter().add(Shape::convex_polygon(points, color, eframe::egui::Stroke::NONE));
}

fn club(ui: &mut Ui, console: &Console, narrow: bool, width: f32, draw: &mut Draw<'_>) {
    let name = &console.membership.organization_name;
    if console.clubs.len() > 1 {
        let button = Button::new(name).name("Switch to another club").icon(Icon::ChevronsUpDown).width(width);
        let button = if narrow { button.icon_only() } else { button.kind(ButtonKind::Place(false)) };
        let response = cut(ui, button, name, narrow, width);
        menu(&response, |ui| {
            for club in &console.clubs {
                let open = club.organization_id == console.membership.organization_id;
                let icon = if open { Icon::Check } else { Icon::Building2 };
                if menu_item(ui, icon, &club.organization_name, "", false) && !open {
                    draw.acts.push(Action::Switch(club.organization_id.clone()));
                }
            }
        });
    } else if !narrow {
        let colors = colors(ui);
        let font = crate::theme::face(crate::theme::Weight::Medium, crate::theme::font::TABLE);
        let galley = clipped(ui, name, font, colors.muted, width - 2.0 * space::M);
        let elided = galley.elided;
        let (rect, response) = ui.allocate_exact_size(vec2(width, 20.0), Sense::hover());
        response.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Label, true, name));
        ui.painter().galley(pos2(rect.left() + space::M, rect.top()), galley, colors.muted);
        if elided {
            response.on_hover_text(name);
        }
    }
}

/// A button whose text may be too long for it: cut, and said in full on hover.
fn cut(ui: &mut Ui, button: Button<'_>, text: &str, narrow: bool, width: f32) -> eframe::egui::Response {
    let font = crate::theme::face(crate::theme::Weight::Medium, crate::theme::font::TABLE);
    let room = width - 2.0 * space::M - size::ICON - space::S;
    let galley = clipped(ui, text, font, colors(ui).text, room);
    let elided = galley.elided;
    let response = if elided && !narrow {
        let short: String = galley.rows.iter().map(|row| row.text()).collect();
        button.text(&short).show(ui)
    } else {
        button.show(ui)
    };
    if elided { response.on_hover_text(text) } else { response }
}

fn person(ui: &mut Ui, console: &Console, narrow: bool, width: f32, draw: &mut Draw<'_>) {
    let name = &console.person.name;
    let button = Button::new(name).name("You").kind(ButtonKind::Place(false)).icon(Icon::UserRound).width(width);
    let button = if narrow { button.icon_only() } else { button };
    let response = cut(ui, button, name, narrow, width);
    let response = response.on_hover_text(&console.person.email);
    menu(&response, |ui| {
        menu_head(ui, &[&format!("{}, head coach", console.person.name), &console.person.email]);
        if menu_item(ui, Icon::KeyRound, "Change password", "", false) {
            draw.acts.push(Action::AskPassword);
        }
        if menu_item(ui, Icon::CircleHelp, "Keyboard shortcuts", "?", false) {
            draw.acts.push(Action::ToggleShortcuts);
        }
        if menu_item(ui, Icon::LogOut, "Sign out", "", false) {
            draw.acts.push(Action::SignOut);
        }
    });
}
