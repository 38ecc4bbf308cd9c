//! A table that draws only the rows which are seen, is one stop of the Tab key, and is walked with the arrow keys.

use eframe::egui::{
    Align, Align2, Color32, CursorIcon, EventFilter, FontId, Id, Key, Layout, Modifiers, Popup, Rect, Response, Role,
    ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::{Button, focus_ring, text::clipped};
use crate::{
    state::selection::Move,
    theme::{Colors, Icon, Tone, Weight, colors, face, font, size, space},
};

/// How wide a column is.
#[derive(Debug, Clone, Copy)]
pub enum Width {
    /// So many points.
    Exact(f32),
    /// This share of what is left, and so many points at least.
    Share(f32, f32),
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column<C> {
    /// By which it is sorted.
    pub id: C,
    /// What stands above it.
    pub title: &'static str,
    /// How wide it is.
    pub width: Width,
    /// Where there is no room for all columns, the one with the greatest number goes first; one with 0 stays.
    pub goes: u8,
}

/// A table.
pub struct Table<'a, C> {
    /// What it holds, for who cannot see it.
    pub name: &'a str,
    /// Its columns.
    pub columns: &'a [Column<C>],
    /// How high a row is, in points.
    pub row_height: f32,
    /// How many rows there are.
    pub rows: usize,
    /// The row that the keyboard is on.
    pub selected: Option<usize>,
    /// By what it is sorted, and whether the other way round.
    pub sort: (C, bool),
    /// Whether rows can be marked: all of those shown are, some are, none is. None if they cannot.
    pub marks: Option<Marks>,
    /// What can be done with each row by a click, beside its menu, which has it for the keyboard.
    pub act: Option<&'a str>,
    /// Whether keys are taken also while nothing has the keyboard.
    pub keys: bool,
    /// Whether the selected row is to be scrolled to.
    pub reveal: bool,
}

/// How many of the rows are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// None of them.
    None,
    /// Some of them.
    Some,
    /// All of them.
    All,
}

/// What the person did in a table.
#[derive(Debug, Default)]
pub struct TableResponse<C> {
    /// Clicked the head of a column.
    pub sort: Option<C>,
    /// Chose a row, by a click.
    pub selected: Option<usize>,
    /// Opened a row, by a click on it or by Enter.
    pub opened: Option<usize>,
    /// Moved with the keyboard.
    pub moved: Option<Move>,
    /// Wants the row copied.
    pub copy: bool,
    /// Wants the row removed.
    pub delete: bool,
    /// Wants that done with a row which stands beside its menu.
    pub acted: Option<usize>,
    /// Marked a row, or took the mark away.
    pub marked: Option<usize>,
    /// Marked all rows, or took all marks away.
    pub mark_all: Option<bool>,
}

/// One row: what it is called for who cannot see it, and whether it is marked.
pub struct Row {
    /// The row as a sentence.
    pub name: String,
    /// Short, for its menu.
    pub title: String,
    /// Whether it is marked.
    pub marked: bool,
    /// Whether it is written more quietly.
    pub faded: bool,
}

/// Where the cells of a row are drawn, one after the other.
pub struct Cells<'u> {
    ui: &'u mut Ui,
    /// None for a column that there is no room for.
    rects: Vec<Option<Rect>>,
    next: usize,
    /// The colors of the theme.
    pub colors: Colors,
    faded: bool,
    /// Whether the pointer is over the row.
    over: bool,
}

const MARK: f32 = 36.0;
const MENU: f32 = 44.0;
const HEADER: f32 = 36.0;

impl Cells<'_> {
    fn rect(&mut self) -> Option<Rect> {
        let rect = self.rects.get(self.next).copied().flatten();
        self.next += 1;
        rect
    }

    fn fade(&self, color: Color32) -> Color32 {
        if self.faded && color == self.colors.text { self.colors.muted } else { color }
    }

    /// A line of text; the whole of it, or `tip`, on hover.
    pub fn text(&mut self, text: &str, color: Color32, tip: Option<&str>) {
        self.line(None, text, color, tip);
    }

    /// A line of text after a dot, more quietly than one that is pointed out.
    pub fn noted(&mut self, text: &str, tone: Tone, tip: Option<&str>) {
        self.line(Some(tone), text, self.colors.muted, tip);
    }

    /// A line of text after a dot that points it out.
    pub fn pointed_out(&mut self, text: &str, tone: Tone, tip: Option<&str>) {
        self.line(Some(tone), text, tone.color, tip);
    }

    fn line(&mut self, tone: Option<Tone>, text: &str, color: Color32, tip: Option<&str>) {
        let Some(rect) = self.rect() else { return };
        let color = self.fade(color);
        let before = if tone.is_some() { space::M } else { 0.0 };
        let font = face(Weight::Text, font::TABLE);
        let galley = clipped(self.ui, text, font, color, rect.width() - before - space::S);
        if let Some(tone) = tone {
            let at = Rect::from_min_size(rect.min, vec2(6.0, rect.height()));
            super::dot(self.ui, at, tone);
        }
        let elided = galley.elided;
        let at = pos2(rect.left() + before, rect.center().y - galley.size().y / 2.0);
        self.ui.painter().galley(at, galley, color);
        let tip = match (tip, elided) {
            (Some(tip), true) => Some(format!("{text}\n{tip}")),
            (Some(tip), false) => Some(tip.to_owned()),
            (None, true) => Some(text.to_owned()),
            (None, false) => None,
        };
        self.tip(rect, tip);
    }

    /// Two lines: what it is called, as a link while the pointer is over the row, and what tells it from others.
    pub fn two_lines(&mut self, first: &str, second: &str, second_font: FontId, tip: Option<&str>) {
        let Some(rect) = self.rect() else { return };
        let width = rect.width() - space::S;
        // As a link: a click opens the row.
        let said = if self.over { self.colors.accent.color } else { self.colors.text };
        let (text, muted) = (self.fade(said), self.fade(self.colors.muted));
        let above = clipped(self.ui, first, face(Weight::Medium, font::BODY), text, width);
        let below = clipped(self.ui, second, second_font, muted, width);
        let elided = above.elided || below.elided;
        let height = above.size().y + below.size().y + 2.0;
        let top = rect.center().y - if second.is_empty() { above.size().y / 2.0 } else { height / 2.0 };
        let below_top = top + above.size().y + 2.0;
        self.ui.painter().galley(pos2(rect.left(), top), above, text);
        self.ui.painter().galley(pos2(rect.left(), below_top), below, muted);
        let tip = tip.map_or_else(|| elided.then(|| format!("{first}\n{second}")), |tip| Some(tip.to_owned()));
        self.tip(rect, tip);
    }

    /// A pill with a dot and a word.
    pub fn pill(&mut self, tone: Option<Tone>, text: &str, tip: Option<&str>) {
        let Some(rect) = self.rect() else { return };
        let (color, ground) = tone.map_or((self.colors.muted, self.colors.hover), |tone| (tone.color, tone.soft));
        let font = face(Weight::Medium, font::LABEL);
        let galley = clipped(self.ui, text, font, color, rect.width() - 26.0 - space::S);
        let size = vec2(galley.size().x + 26.0, 22.0);
        let at = Align2::LEFT_CENTER.align_size_within_rect(size, rect);
        self.ui.painter().rect_filled(at, 11.0, ground);
        self.ui.painter().circle_filled(pos2(at.left() + 11.0, at.center().y), 3.0, color);
        self.ui.painter().galley(pos2(at.left() + 19.0, at.center().y - galley.size().y / 2.0), galley, color);
        self.tip(rect, tip.map(str::to_owned));
    }

    fn tip(&mut self, rect: Rect, tip: Option<String>) {
        if let Some(tip) = tip
            && self.ui.rect_contains_pointer(rect)
        {
            let id = self.ui.scope_id().with(("tip", self.next));
            self.ui.interact(rect, id, Sense::hover()).on_hover_text(tip);
        }
    }
}

impl<C: Copy + PartialEq + Default> Table<'_, C> {
    /// Draws it. `cells` draws the cells of a row, `menu` what can be done with it.
    pub fn show(
        self,
        ui: &mut Ui,
        row: impl Fn(usize) -> Row,
        cells: impl Fn(usize, &mut Cells<'_>),
        mut menu: impl FnMut(usize, &mut Ui),
    ) -> TableResponse<C> {
        let mut did = TableResponse::default();
        let colors = colors(ui);
        let id = ui.make_persistent_id(("table", self.name));
        let full = ui.available_rect_before_wrap();
        let bar = ui.spacing().scroll.bar_width + ui.spacing().scroll.bar_inner_margin;
        let scrolls = self.rows as f32 * self.row_height > full.height() - HEADER;
        let inner = full.width() - if scrolls { bar } else { 0.0 };
        let act_width = self.act.map_or(0.0, |act| Button::new(act).size(ui).x + space::S);
        let lefts = self.columns_at(full.left(), inner - act_width);

        self.header(ui, id, full, &lefts, &mut did);

        let body = Rect::from_min_max(pos2(full.left(), full.top() + HEADER), full.max);
        let response = ui.interact(body, id, Sense::focusable_noninteractive());
        response.widget_info(|| WidgetInfo::labeled(Role::Grid, true, self.name));
        ui.ctx().accesskit_node_builder(id, |node| node.set_row_count(self.rows));
        if response.has_focus() {
            let filter = EventFilter { vertical_arrows: true, ..Default::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        }
        let has_keys = self.keys && (response.has_focus() || ui.memory(|memory| memory.focused().is_none()));
        let page = ((body.height() / self.row_height) as isize - 1).max(1);
        let menu_of = if has_keys { self.take_keys(ui, page, &mut did) } else { None };

        let mut inside = ui.new_child(UiBuilder::new().max_rect(body));
        let mut scroll = ScrollArea::vertical().id_salt(id).auto_shrink(false);
        // What was selected otherwise than by a click is brought into sight.
        let before: Option<usize> = ui.data(|data| data.get_temp(id.with("selected")));
        let target = self.selected.filter(|selected| self.reveal || before != Some(*selected));
        let offset_id = id.with("offset");
        if let Some(target) = target {
            let at: f32 = ui.data(|data| data.get_temp(offset_id)).unwrap_or_default();
            let top = target as f32 * self.row_height;
            let least = top + self.row_height - body.height();
            let wanted = at.clamp(least.max(0.0), top.max(least.max(0.0)));
            if (wanted - at).abs() > 0.5 {
                scroll = scroll.vertical_scroll_offset(wanted);
            }
        }
        inside.spacing_mut().item_spacing.y = 0.0;
        let scrolled = scroll.show_rows(&mut inside, self.row_height, self.rows, |ui, range| {
            ui.set_width(inner);
            for at in range {
                let facts = row(at);
                let (rect, response) = ui.allocate_exact_size(vec2(inner, self.row_height), Sense::CLICK);
                let selected = self.selected == Some(at);
                response.widget_info(|| WidgetInfo::selected(Role::Row, true, selected, &facts.name));
                ui.ctx().accesskit_node_builder(response.id, |node| node.set_row_index(at));
                if selected {
                    ui.ctx().accesskit_node_builder(id, |node| {
                        node.set_active_descendant(response.id.accesskit_id());
                    });
                }
                let over = ui.rect_contains_pointer(rect);
                let ground = match (facts.marked || selected, over) {
                    (true, _) => colors.accent.soft,
                    (false, true) => colors.hover,
                    (false, false) => Color32::TRANSPARENT,
                };
                ui.painter().rect_filled(rect, 0.0, ground);
                if selected && has_keys {
                    let edge = Rect::from_min_size(rect.min, vec2(3.0, rect.height()));
                    ui.painter().rect_filled(edge, 0.0, colors.accent.color);
                }
                ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, colors.border));

                let mut row_ui = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(at));
                let place =
                    |(left, width): (f32, f32)| Rect::from_min_size(pos2(left, rect.top()), vec2(width, rect.height()));
                let rects = lefts.iter().map(|at| at.map(place)).collect();
                let mut row_cells = Cells { ui: &mut row_ui, rects, next: 0, colors, faded: facts.faded, over };
                cells(at, &mut row_cells);
                if self.marks.is_some() && mark(&mut row_ui, rect, facts.marked, &facts.title).clicked() {
                    did.marked = Some(at);
                }
                if let Some(act) = self.act {
                    let right = rect.right() - MENU;
                    let beside = Rect::from_x_y_ranges(right - act_width..=right, rect.y_range());
                    let layout = Layout::left_to_right(Align::Center);
                    let name = format!("{act} {}", facts.title);
                    let mut place = row_ui.new_child(UiBuilder::new().max_rect(beside).layout(layout).id_salt("act"));
                    if Button::new(act).name(&name).skipped_by_tab().show(&mut place).clicked() {
                        did.acted = Some(at);
                    }
                }
                let more = menu_button(&mut row_ui, rect, &facts.title);
                if menu_of == Some(at) {
                    // A menu takes the arrow keys if nothing else holds them.
                    ui.memory_mut(|memory| memory.surrender_focus(id));
                    Popup::open_id(ui.ctx(), Popup::default_response_id(&more));
                }
                super::menu(&more, |ui| menu(at, ui));
                super::context_menu(&response, |ui| menu(at, ui));
                if response.clicked() {
                    did.selected = Some(at);
                    did.opened = Some(at);
                } else if response.secondary_clicked() || more.clicked() {
                    did.selected = Some(at);
                }
                response.on_hover_cursor(CursorIcon::PointingHand);
            }
        });
        ui.data_mut(|data| {
            data.insert_temp(offset_id, scrolled.state.clamped_offset().y);
            // A row that was clicked is in sight.
            if let Some(selected) = did.selected.or(self.selected) {
                data.insert_temp(id.with("selected"), selected);
            }
        });
        if response.has_focus() {
            focus_ring(ui, body.shrink(2.0), &colors);
        }
        did
    }

    /// The left edge and the width of each column; none of those that there is no room for.
    fn columns_at(&self, left: f32, width: f32) -> Vec<Option<(f32, f32)>> {
        let start = if self.marks.is_some() { MARK } else { space::L };
        let room = (width - start - MENU).max(0.0);
        let least = |column: &Column<C>| match column.width {
            Width::Exact(width) | Width::Share(_, width) => width,
        };
        let mut shown = vec![true; self.columns.len()];
        loop {
            let kept = || self.columns.iter().zip(&shown).filter(|(_, shown)| **shown);
            if kept().map(|(column, _)| least(column)).sum::<f32>() <= room {
                break;
            }
            let last = kept().map(|(column, _)| column.goes).max().unwrap_or_default();
            let goes = (0..shown.len()).rfind(|&at| shown[at] && last > 0 && self.columns[at].goes == last);
            let Some(goes) = goes else { break };
            shown[goes] = false;
        }
        let kept = || self.columns.iter().zip(&shown).filter(|(_, shown)| **shown).map(|(column, _)| column);
        let leasts: f32 = kept().map(least).sum();
        let shares: f32 =
            kept().map(|column| if let Width::Share(share, _) = column.width { share } else { 0.0 }).sum();
        // What is left is shared; where even the least is too much, all are narrower.
        let spare = (room - leasts).max(0.0);
        let scale = (room / leasts).min(1.0);
        let mut at = left + start;
        let columns = self.columns.iter().zip(&shown);
        columns
            .map(|(column, shown)| {
                let width = match column.width {
                    _ if !shown => return None,
                    Width::Share(share, least) => least * scale + spare * share / shares,
                    Width::Exact(width) => width * scale,
                };
                let place = (at, width);
                at += width;
                Some(place)
            })
            .collect()
    }

    fn header(&self, ui: &mut Ui, id: Id, full: Rect, lefts: &[Option<(f32, f32)>], did: &mut TableResponse<C>) {
        let colors = colors(ui);
        let rect = Rect::from_min_size(full.min, vec2(full.width(), HEADER));
        if let Some(marks) = self.marks {
            let mut all = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("marks"));
            let response = mark(&mut all, rect, marks == Marks::All, "all that are shown");
            if response.clicked() {
                did.mark_all = Some(marks != Marks::All);
            }
        }
        for (column, at) in self.columns.iter().zip(lefts) {
            let Some((left, width)) = at else { continue };
            let at = Rect::from_min_size(pos2(*left, rect.top()), vec2(*width, HEADER));
            let response = ui.interact(at.shrink2(vec2(0.0, 4.0)), id.with(column.title), Sense::click());
            let sorted = self.sort.0 == column.id;
            let color = if sorted || response.hovered() { colors.text } else { colors.muted };
            let name = match (sorted, self.sort.1) {
                (true, false) => format!("{}, sorted", column.title),
                (true, true) => format!("{}, sorted in reverse", column.title),
                (false, _) => column.title.to_owned(),
            };
            response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, &name));
            let galley = clipped(ui, column.title, face(Weight::Medium, font::LABEL), color, width - 24.0);
            let end = at.left() + galley.size().x + space::XS;
            ui.painter().galley(pos2(at.left(), at.center().y - galley.size().y / 2.0), galley, color);
            if sorted || response.hovered() {
                let icon = match (sorted, self.sort.1) {
                    (true, false) => Icon::ChevronDown,
                    (true, true) => Icon::ChevronUp,
                    (false, _) => Icon::ChevronsUpDown,
                };
                let glyph = ui.painter().layout_no_wrap(icon.glyph().to_string(), Icon::font(12.0), color);
                ui.painter().galley(pos2(end, at.center().y - glyph.size().y / 2.0), glyph, color);
            }
            if response.has_focus() {
                focus_ring(ui, response.rect.shrink(2.0), &colors);
            }
            if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
                did.sort = Some(column.id);
            }
        }
        ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, colors.border));
    }

    /// Takes the keys that walk the table; the row whose menu is wanted.
    fn take_keys(&self, ui: &Ui, page: isize, did: &mut TableResponse<C>) -> Option<usize> {
        if Popup::is_any_open(ui.ctx()) {
            return None;
        }
        let mut menu = None;
        ui.input_mut(|input| {
            let moves = [
                (Key::ArrowDown, Move::By(1)),
                (Key::ArrowUp, Move::By(-1)),
                (Key::PageDown, Move::By(page)),
                (Key::PageUp, Move::By(-page)),
                (Key::Home, Move::First),
                (Key::End, Move::Last),
            ];
            for (key, to) in moves {
                if input.consume_key(Modifiers::NONE, key) {
                    did.moved = Some(to);
                }
            }
            if let Some(marks) = self.marks
                && input.consume_key(Modifiers::COMMAND, Key::A)
            {
                did.mark_all = Some(marks != Marks::All);
            }
            let Some(selected) = self.selected else { return };
            if input.consume_key(Modifiers::NONE, Key::Enter) {
                did.opened = Some(selected);
            }
            if input.consume_key(Modifiers::NONE, Key::Delete) {
                did.delete = true;
            }
            if self.marks.is_some() && input.consume_key(Modifiers::NONE, Key::Space) {
                did.marked = Some(selected);
            }
            if input.consume_key(Modifiers::SHIFT, Key::F10) {
                menu = Some(selected);
            }
            if input.events.iter().any(|event| matches!(event, eframe::egui::Event::Copy)) {
                did.copy = true;
            }
        });
        menu
    }
}

fn mark(ui: &mut Ui, row: Rect, marked: bool, title: &str) -> Response {
    let colors = colors(ui);
    let rect = Rect::from_center_size(pos2(row.left() + MARK / 2.0, row.center().y), vec2(16.0, 16.0));
    let response = ui.interact(rect.expand(6.0), ui.scope_id().with("mark"), Sense::CLICK);
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, marked, format!("Mark {title}")));
    let (ground, edge) = if marked { (colors.accent.color, colors.accent.color) } else { (colors.raised, colors.edge) };
    ui.painter().rect_filled(rect, 4.0, ground);
    ui.painter().rect_stroke(rect, 4.0, Stroke::new(1.0, edge), eframe::egui::StrokeKind::Inside);
    if marked {
        let galley = ui.painter().layout_no_wrap(Icon::Check.glyph().to_string(), Icon::font(12.0), colors.accent.on);
        ui.painter().galley(rect.center() - galley.size() / 2.0, galley, colors.accent.on);
    }
    response
}

fn menu_button(ui: &mut Ui, row: Rect, title: &str) -> Response {
    let at = Rect::from_center_size(pos2(row.right() - MENU / 2.0, row.center().y), vec2(size::CONTROL, size::CONTROL));
    let mut place = ui.new_child(UiBuilder::new().max_rect(at).id_salt("menu"));
    Button::quiet(&format!("More for {title}")).icon(Icon::Ellipsis).icon_only().skipped_by_tab().show(&mut place)
}
