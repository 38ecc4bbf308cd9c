//! Who did what.

use std::cell::RefCell;

use eframe::egui::{Context, Frame, Grid, Label, RichText, Stroke, Ui, vec2};

use super::{
    Draw, at_the_right, empty, failed,
    keys::{leave_search, online},
    list_failed,
    members::filter,
    skeleton,
};
use crate::{
    state::{
        Action, Connection, Console,
        audit::{Event, ExportForm, ExportProgress, Format, Kind, Period},
        listing::Progress,
        number::grouped,
        time::Clock,
    },
    theme::{Icon, Weight, colors, face, font, mono, size, space},
    widgets::{
        Button, Cells, Column, Dialog, Entry, Row, Table, Width, body, caption, chip, choose, code, entry, label_text,
        line, menu_item, muted, search, spinner, title,
    },
};

/// The columns of the table. Its order is that of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    When,
    Who,
    What,
    From,
}

pub fn show(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    header(ui, console, draw);
    if let Progress::Failed(failure) = &console.audit.list.progress
        && console.connection == Connection::Online
    {
        list_failed(ui, failure, draw);
        ui.add_space(space::S);
    }
    filters(ui, console, draw);
    ui.add_space(space::S);
    if console.audit.list.is_first_load() {
        skeleton(ui, size::ROW_TALL, console.audit.list.progress.since(), draw.clock);
    } else if console.audit.rows.is_empty() && !console.audit.list.is_loading() {
        // Where reading failed nothing is known, and that is said above.
        if console.audit.list.loaded_at.is_some() {
            nothing(ui, console, draw);
        }
        footer(ui, console, draw);
    } else {
        table(ui, console, draw);
    }
}

fn header(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    ui.horizontal(|ui| {
        ui.set_height(size::CONTROL);
        title(ui, "Audit");
        at_the_right(ui, |ui| {
            if Button::new("Export").icon(Icon::Download).show(ui).clicked() {
                draw.acts.push(Action::AskExport);
            }
            let width = (ui.available_width() - space::S).clamp(60.0, 240.0);
            let focus = std::mem::take(&mut draw.look.search);
            let response = search(ui, &mut console.audit.search, "Search events", width, focus);
            if response.changed() {
                draw.acts.push(Action::SearchAudit);
            }
            if response.has_focus() || response.lost_focus() {
                leave_search(ui, &response, &mut console.audit.search, Action::SearchAudit, draw);
            }
        });
    });
    ui.horizontal(|ui| {
        ui.set_height(24.0);
        let text = "Every change of the club, and what was refused. Each event proves all before it.";
        caption(ui, text, colors(ui).muted);
    });
    ui.add_space(space::S);
}

fn filters(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let audit = &mut console.audit;
    let before = audit.filter.clone();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::S;
        if chip(ui, audit.filter.kind.is_none(), "Everything", None).clicked() {
            audit.filter.kind = None;
        }
        for kind in Kind::ALL {
            if chip(ui, audit.filter.kind == Some(kind), kind.word(), None).clicked() {
                audit.filter.kind = Some(kind);
            }
        }
        let actors = audit.actors.iter().map(|(id, name)| (id.clone(), name.as_str()));
        filter(ui, "Who", &mut audit.filter.actor, actors);
        let words = RichText::new(audit.filter.period.words()).font(face(Weight::Medium, font::LABEL));
        choose(("filter", "period"))
            .selected_text(words)
            .width(150.0)
            .show_ui(ui, |ui| {
                for period in Period::ALL {
                    entry(ui, &mut audit.filter.period, period, period.words());
                }
            })
            .response
            .accessible_name("How far back");
    });
    if audit.filter != before {
        draw.acts.push(Action::FilterAudit);
    }
}

fn nothing(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let searched = console.audit.search.trim().to_owned();
    let filtered = console.audit.filter != Default::default();
    let title =
        if searched.is_empty() { "Nothing happened".to_owned() } else { format!("No event matches \"{searched}\"") };
    let text = match (searched.is_empty(), filtered) {
        (false, _) => "Only the events that were read are searched. Read older ones, or clear the search.",
        (true, true) => "Nothing that the filters take was changed or refused.",
        (true, false) => "In the last 30 days nothing was changed, and nothing refused.",
    };
    empty(ui, Icon::History, &title, text, |ui| {
        if !searched.is_empty() && Button::new("Clear search").show(ui).clicked() {
            console.audit.search.clear();
            draw.acts.push(Action::SearchAudit);
        }
        if searched.is_empty() && Button::new("Show everything").show(ui).clicked() {
            console.audit.search.clear();
            console.audit.filter = crate::state::audit::Filter { period: Period::All, ..Default::default() };
            draw.acts.push(Action::FilterAudit);
        }
    });
}

fn table(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let colors = colors(ui);
    let column = |id, title, width, goes| Column { id, title, width, goes };
    let columns = [
        column(Part::When, "When", Width::Exact(140.0), 0),
        column(Part::Who, "Who", Width::Share(1.0, 120.0), 0),
        column(Part::What, "What", Width::Share(3.0, 200.0), 0),
        column(Part::From, "From", Width::Exact(140.0), 1),
    ];
    let height = ui.available_height() - 36.0;
    let audit = &console.audit;
    let clock = draw.clock;
    let reveal = std::mem::take(&mut draw.look.reveal);
    let event_of = |row: usize| &audit.list.items[audit.rows[row]];
    let acts = RefCell::new(Vec::new());
    let did = Frame::new()
        .stroke(Stroke::new(1.0, colors.border))
        .corner_radius(size::RADIUS_LARGE)
        .show(ui, |ui| {
            ui.set_min_size(vec2(ui.available_width(), height));
            ui.set_max_height(height);
            let table = Table {
                name: "Events",
                columns: &columns,
                row_height: size::ROW_TALL,
                rows: audit.rows.len(),
                selected: audit.selected.row(),
                sort: (Part::When, true),
                marks: None,
                act: None,
                keys: draw.keys_free,
                reveal,
            };
            table.show(
                ui,
                |row| {
                    let event = event_of(row);
                    Row {
                        name: format!("{}, {}: {} {}", clock.ago(event.at), event.who(), event.what(), event.target()),
                        title: format!("event {}", event.number),
                        marked: false,
                        faded: false,
                    }
                },
                |row, cells| cells_of(event_of(row), clock, cells),
                |row, ui| {
                    let event = event_of(row);
                    if menu_item(ui, Icon::Eye, "Show", "Enter", false) {
                        acts.borrow_mut().push(Action::ShowEvent(event.id.clone()));
                    }
                    if menu_item(ui, Icon::Copy, "Copy id", "Ctrl C", false) {
                        acts.borrow_mut().push(Action::Copy(event.id.clone()));
                    }
                },
            )
        })
        .inner;
    draw.acts.append(&mut acts.into_inner());
    let id_of = |row: usize| audit.list.items[audit.rows[row]].id.clone();
    if let Some(to) = did.moved {
        draw.acts.push(Action::SelectEvent(to));
        draw.look.reveal = true;
    }
    if let Some(row) = did.opened {
        draw.acts.push(Action::ShowEvent(id_of(row)));
    }
    if did.copy
        && let Some(id) = audit.selected.id()
    {
        draw.acts.push(Action::Copy(id.to_owned()));
    }
    if let Some(row) = did.selected {
        let id = id_of(row);
        console.audit.choose(id);
    }
    footer(ui, console, draw);
}

fn cells_of(event: &Event, clock: &Clock, cells: &mut Cells<'_>) {
    let colors = cells.colors;
    cells.text(&clock.ago(event.at), colors.muted, Some(&clock.exact(event.at)));
    cells.text(event.who(), colors.text, Some(&event.actor_id));
    let (what, target) = (event.what(), event.target());
    if target.is_empty() {
        cells.text(&what, colors.text, None);
    } else {
        cells.two_lines(&what, &target, face(Weight::Text, font::LABEL), None);
    }
    cells.text(event.address.as_deref().unwrap_or("–"), colors.muted, None);
}

fn footer(ui: &mut Ui, console: &Console, draw: &mut Draw<'_>) {
    let colors = colors(ui);
    ui.add_space(space::S);
    ui.horizontal(|ui| {
        ui.set_height(24.0);
        let list = &console.audit.list;
        let (shown, all) = (console.audit.rows.len(), list.items.len());
        let more = list.has_rest() && !list.is_loading();
        let text = match (shown == all, more) {
            (true, false) => format!("{} events", grouped(all)),
            (true, true) => format!("The newest {} events", grouped(all)),
            (false, _) => format!("{} of {} events", grouped(shown), grouped(all)),
        };
        caption(ui, &text, colors.muted);
        if more && Button::quiet("Read older ones").icon(Icon::ChevronDown).show(ui).clicked() {
            draw.acts.push(Action::LoadMoreEvents);
        }
        if list.is_loading() {
            spinner(ui, 14.0, "Reading events");
        }
        at_the_right(ui, |ui| online(ui, console, &colors));
    });
}

/// All that is known of an event.
pub fn event(ctx: &Context, event: &Event, draw: &mut Draw<'_>) {
    let clock = draw.clock;
    let acts = &mut *draw.acts;
    let mut close = false;
    let between = if event.is_refusal() { ": " } else { " " };
    let heading = format!("{}{between}{}", event.what(), event.target());
    let response = Dialog::new(heading.trim_end(), size::DIALOG_WIDE).show(
        ctx,
        |ui, _| facts(ui, event, clock),
        |ui, opened| {
            let button = Button::primary("Close").show(ui);
            if opened {
                button.request_focus();
            }
            close = button.clicked();
            if Button::new("Copy id").icon(Icon::Copy).show(ui).clicked() {
                acts.push(Action::Copy(event.id.clone()));
            }
        },
    );
    if close || response.close {
        draw.acts.push(Action::Close);
    }
}

fn facts(ui: &mut Ui, event: &Event, clock: &Clock) {
    let colors = colors(ui);
    let room = (ui.available_width() - 120.0 - space::L).max(120.0);
    let row = |ui: &mut Ui, label: &str, plain: &str, exact: &[String]| {
        ui.allocate_ui(vec2(120.0, 20.0), |ui| {
            ui.set_min_width(120.0);
            muted(ui, label);
        });
        ui.vertical(|ui| {
            ui.set_max_width(room);
            ui.spacing_mut().item_spacing.y = 2.0;
            if !plain.is_empty() {
                body(ui, plain);
            }
            for text in exact {
                let text = RichText::new(text).font(mono(font::LABEL)).color(colors.text);
                ui.add(Label::new(text).wrap().selectable(true));
            }
        });
        ui.end_row();
    };
    Grid::new("event").num_columns(2).spacing(vec2(space::L, space::M)).show(ui, |ui| {
        row(ui, "When", &clock.exact(event.at), &[]);
        let actor = event.actor_id.contains('_').then(|| event.actor_id.clone());
        row(ui, "Who", event.who(), actor.as_slice());
        row(ui, "Action", "", std::slice::from_ref(&event.action));
        let target = if event.is_refusal() { "".into() } else { event.target() };
        row(ui, "To what", &target, std::slice::from_ref(&event.target_id));
        if let Some(address) = &event.address {
            row(ui, "From", "", std::slice::from_ref(address));
        }
        if let Some(id) = &event.request_id {
            row(ui, "Request", "", std::slice::from_ref(id));
        }
        let changes: Vec<String> = event.changes.iter().map(|(field, value)| format!("{field}: {value}")).collect();
        if !changes.is_empty() {
            row(ui, if event.is_refusal() { "Refused" } else { "What is new" }, "", &changes);
        }
        row(ui, "Proof", &format!("Event {} of the club's chain", event.number), std::slice::from_ref(&event.hash));
    });
}

/// Into which file the events are to be put.
pub fn export(ctx: &Context, form: &mut ExportForm, draw: &mut Draw<'_>) {
    let acts = RefCell::new(Vec::new());
    let act = |action| acts.borrow_mut().push(action);
    let on = form.is_on();
    let response = Dialog::new("Export events", size::DIALOG).show(
        ctx,
        |ui, opened| content(ui, form, opened, &act),
        |ui, _| {
            if on {
                if Button::new("Stop").icon(Icon::X).show(ui).clicked() {
                    act(Action::StopExport);
                }
            } else {
                if Button::primary("Export").icon(Icon::Download).show(ui).clicked() {
                    act(Action::Export);
                }
                if Button::new("Cancel").show(ui).clicked() {
                    act(Action::Close);
                }
            }
        },
    );
    if response.close {
        if on {
            act(Action::StopExport);
        }
        act(Action::Close);
    }
    draw.acts.append(&mut acts.into_inner());
}

fn content(ui: &mut Ui, form: &mut ExportForm, opened: bool, act: &impl Fn(Action)) {
    if let ExportProgress::Failed(failure) = &form.progress {
        failed(ui, failure);
    }
    body(
        ui,
        "All events that the filters take are put into a file, also those that are not read yet. The search does not limit them.",
    );
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = space::S;
        ui.label(label_text(ui, "As"));
        ui.horizontal_wrapped(|ui| {
            for format in Format::ALL {
                if chip(ui, form.format == format, format.word().0, None).clicked() && !form.is_on() {
                    form.choose(format);
                }
            }
        });
    });
    if form.is_on() {
        code(ui, form.file.text.trim(), font::LABEL);
    } else {
        file(ui, form, opened, act);
    }
    match form.progress {
        ExportProgress::Writing(count) => {
            line(ui, size::CONTROL, |ui| {
                spinner(ui, 16.0, "Exporting");
                caption(
                    ui,
                    &format!("{} events so far", grouped(usize::try_from(count).unwrap_or(usize::MAX))),
                    colors(ui).muted,
                );
            });
        }
        _ => {
            line(ui, size::CONTROL, |ui| {
                if Button::new("Browse").icon(Icon::FolderOpen).show(ui).clicked() {
                    act(Action::Browse);
                }
            });
        }
    }
}

fn file(ui: &mut Ui, form: &mut ExportForm, opened: bool, act: &impl Fn(Action)) {
    let checked = form.file();
    let problem = form.file.problem(&checked);
    let response = Entry::new("File").problem(problem).mono().focus(opened).show(ui, &mut form.file);
    if super::sent(ui, &[&response]) {
        act(Action::Export);
    }
}
