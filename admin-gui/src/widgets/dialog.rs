//! A dialog: lies over the view, holds the keyboard, and gives it back.

use eframe::egui::{Align, Context, Frame, Id, Key, Layout, Margin, Modal, Modifiers, Role, ScrollArea, Ui, vec2};

use super::heading;
use crate::theme::{size, space, tokens};

/// A dialog.
pub struct Dialog<'a> {
    title: &'a str,
    width: f32,
}

/// What came of drawing a dialog.
pub struct DialogResponse {
    /// The person wants it gone, by Escape. A click beside it is none: what was typed would be lost by accident.
    pub close: bool,
}

impl<'a> Dialog<'a> {
    /// A dialog called `title`, `width` points wide where the window lets it.
    pub fn new(title: &'a str, width: f32) -> Self {
        Self { title, width }
    }

    /// Draws it: `content` scrolls where the window is low, `footer` (from the right) always shows. Both are told
    /// whether the dialog has just opened, so that the first field can take the keyboard.
    pub fn show(
        self,
        ctx: &Context,
        content: impl FnOnce(&mut Ui, bool),
        footer: impl FnOnce(&mut Ui, bool),
    ) -> DialogResponse {
        let id = Id::unique(("dialog", self.title));
        let screen = ctx.content_rect();
        let width = self.width.min(screen.width() - 32.0);
        // What was drawn the frame before was this dialog, or it has just opened.
        let frame = ctx.cumulative_frame_nr();
        let drawn: Option<u64> = ctx.data(|data| data.get_temp(id));
        let opened = drawn.is_none_or(|drawn| drawn + 1 < frame);
        let last = Id::unique("the last frame with a dialog");
        let another: Option<u64> = ctx.data(|data| data.get_temp(last));
        if another.is_none_or(|drawn| drawn + 1 < frame) {
            let before = ctx.memory(|memory| memory.focused());
            ctx.data_mut(|data| data.insert_temp(Id::unique("before the dialog"), before));
        }
        ctx.data_mut(|data| {
            data.insert_temp(id, frame);
            data.insert_temp(last, frame);
        });

        let colors = if ctx.global_style().visuals.dark_mode { tokens::DARK } else { tokens::LIGHT };
        // Of the 24 points around, 4 lie within: room for the ring around what the keyboard is on.
        let margin = Margin { left: 20, right: 20, top: 24, bottom: 20 };
        let inset = Margin::symmetric(4, 4);
        let frame = Frame::window(&ctx.global_style()).fill(colors.raised).inner_margin(margin);
        let modal = Modal::new(id).backdrop_color(colors.backdrop).frame(frame).show(ctx, |ui| {
            ui.set_width(width - 40.0);
            ui.ctx().accesskit_node_builder(ui.unique_id(), |node| {
                node.set_role(Role::Dialog);
                node.set_label(self.title);
            });
            Frame::new().inner_margin(Margin::symmetric(4, 0)).show(ui, |ui| heading(ui, self.title));
            ui.add_space(space::XS);
            ScrollArea::vertical().max_height((screen.height() - 200.0).max(120.0)).auto_shrink([false, true]).show(
                ui,
                |ui| {
                    Frame::new().inner_margin(inset).show(ui, |ui| {
                        ui.spacing_mut().item_spacing.y = space::M;
                        content(ui, opened);
                    });
                },
            );
            ui.add_space(space::M);
            Frame::new().inner_margin(inset).show(ui, |ui| {
                // Not higher than its buttons, whatever room there is.
                let line = vec2(ui.available_width(), size::CONTROL);
                ui.allocate_ui_with_layout(line, Layout::right_to_left(Align::Center), |ui| footer(ui, opened));
            });
        });
        let escape = modal.is_top_modal
            && !modal.any_popup_open
            && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        DialogResponse { close: escape }
    }
}

/// Gives the keyboard back to where it was before the last dialog opened.
pub fn give_back(ctx: &Context) {
    let before: Option<Option<Id>> = ctx.data_mut(|data| data.remove_temp(Id::unique("before the dialog")));
    if let Some(Some(before)) = before {
        ctx.memory_mut(|memory| memory.request_focus(before));
    }
}
