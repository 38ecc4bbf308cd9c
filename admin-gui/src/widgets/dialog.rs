//! A dialog: lies over the view, holds the keyboard, and gives it back.

use eframe::egui::{Align, Context, Frame, Id, Key, Layout, Margin, Modal, Modifiers, Role, ScrollArea, Ui};

use super::heading;
use crate::theme::{space, tokens};

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
        let frame = Frame::window(&ctx.global_style()).fill(colors.raised).inner_margin(Margin::same(24));
        let modal = Modal::new(id).backdrop_color(colors.backdrop).frame(frame).show(ctx, |ui| {
            ui.set_width(width - 48.0);
            ui.ctx().accesskit_node_builder(ui.unique_id(), |node| {
                node.set_role(Role::Dialog);
                node.set_label(self.title);
            });
            heading(ui, self.title);
            ui.add_space(space::S);
            ScrollArea::vertical().max_height((screen.height() - 200.0).max(120.0)).auto_shrink([false, true]).show(
                ui,
                |ui| {
                    // Room for the ring around what the keyboard is on.
                    Frame::new().inner_margin(Margin { left: 4, right: 12, top: 4, bottom: 4 }).show(ui, |ui| {
                        ui.spacing_mut().item_spacing.y = space::M;
                        content(ui, opened);
                    });
                },
            );
            ui.add_space(space::M);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| footer(ui, opened));
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
