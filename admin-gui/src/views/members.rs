//! The roster.

use std::cell::RefCell;

use eframe::egui::{Frame, ProgressBar, RichText, Stroke, Ui, vec2};

use super::{
    Draw, at_the_right, empty,
    keys::{leave_search, online},
    list_failed, skeleton,
};
use crate::{
    state::{
        Action, Connection, Console,
        listing::Progress,
        members::{Column as Sorted, Member, Members, Role, Standing},
        number::grouped,
    },
    theme::{Colors, Icon, Tone, Weight, colors, face, font, moves, size, space},
    widgets::{
        Button, Cells, Column, Marks, Row, Table, Width, caption, choose, entry, line, menu, menu_item, search, title,
    },
};

pub fn show(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    header(ui, console, draw);
    if let Progress::Failed(failure) = &console.members.list.progress
        && console.connection == Connection::Online
    {
        if console.members.list.has_rest() {
            rest(ui, &failure.title, draw);
        } else {
            list_failed(ui, failure, draw);
        }
        ui.add_space(space::S);
    }
    if console.members.list.is_first_load() {
        skeleton(ui, size::ROW_TALL, console.members.list.progress.since(), draw.clock);
        return;
    }
    // In the place of the filters and as high: the rows must not move under the pointer that marks them.
    if console.members.marked.is_empty() {
        filters(ui, console, draw);
    } else {
        marked(ui, &console.members, draw);
    }
    ui.add_space(space::S);
    if console.members.list.items.len() == 1
        && console.members.list.progress == Progress::Complete
        && console.members.rows.len() == 1
    {
        alone(ui, draw);
        return;
    }
    if console.members.rows.is_empty() && !console.members.list.is_loading() && !console.members.list.items.is_empty() {
        nothing(ui, console, draw);
    } else {
        table(ui, console, draw);
    }
}

fn header(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    ui.horizontal(|ui| {
        ui.set_height(size::CONTROL);
        title(ui, "Members");
        at_the_right(ui, |ui| {
            if Button::primary("New member").icon(Icon::UserPlus).show(ui).clicked() {
                draw.acts.push(Action::NewMember);
            }
            let width = (ui.available_width() - space::S).clamp(60.0, 240.0);
            let focus = std::mem::take(&mut draw.look.search);
            let response = search(ui, &mut console.members.search, "Search members", width, focus);
            if response.changed() {
                draw.acts.push(Action::FilterMembers);
            }
            if response.has_focus() || response.lost_focus() {
                leave_search(ui, &response, &mut console.members.search, Action::FilterMembers, draw);
            }
        });
    });
    let list = &console.members.list;
    let muted = colors(ui).muted;
    ui.horizontal(|ui| {
        ui.set_height(24.0);
        match &list.progress {
            _ if draw.several.is_some() => {
                let (answered, all) = draw.several.unwrap_or_default();
                let bar = ProgressBar::new(answered as f32 / all as f32).desired_width(120.0).desired_height(6.0);
                ui.add(bar.fill(colors(ui).accent.color)).accessible_name("Changing members");
                caption(ui, &format!("{} of {} members changed", grouped(answered), grouped(all)), muted);
            }
            Progress::Loading(_) if list.received() > 0 => {
                let bar = ProgressBar::new(1.0).animate(moves(ui)).desired_width(120.0).desired_height(6.0);
                ui.add(bar.fill(colors(ui).accent.color)).accessible_name("Loading members");
                caption(ui, &format!("{} members loaded so far", grouped(list.received())), muted);
                if Button::quiet("Stop loading").icon(Icon::X).show(ui).clicked() {
                    draw.acts.push(Action::StopMembers);
                }
            }
            Progress::Stopped => {
                caption(ui, &format!("Stopped after {} members", grouped(list.items.len())), muted);
                if Button::quiet("Load the rest").icon(Icon::RefreshCw).show(ui).clicked() {
                    draw.acts.push(Action::LoadMembers);
                }
            }
            _ => {
                let [coaches, athletes] =
                    [Role::Coach, Role::Athlete].map(|role| console.members.list.items.count(role));
                let word = |count: usize, one: &str, many: &str| {
                    if count == 1 { format!("1 {one}") } else { format!("{} {many}", grouped(count)) }
                };
                if !list.items.is_empty() {
                    caption(
                        ui,
                        &format!("{} · {}", word(athletes, "athlete", "athletes"), word(coaches, "coach", "coaches")),
                        muted,
                    );
                }
            }
        }
    });
    ui.add_space(space::S);
}

fn rest(ui: &mut Ui, why: &str, draw: &mut Draw<'_>) {
    let said = crate::widgets::Banner {
        tone: colors(ui).warn,
        icon: Icon::TriangleAlert,
        title: why,
        text: "Not all members are here.",
        detail: None,
        act: Some("Load the rest"),
    };
    if crate::widgets::banner(ui, &said) {
        draw.acts.push(Action::LoadMembers);
    }
}

fn filters(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let members = &mut console.members;
    let before = members.filter.clone();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::S;
        let roles = Role::ALL.iter().map(|role| (*role, role.word()));
        filter(ui, "Role", &mut members.filter.role, roles);
        let standings = Standing::ALL.iter().map(|status| (*status, status.word()));
        filter(ui, "Status", &mut members.filter.status, standings);
        let labels = members.list.items.labels().map(|label| (label.to_owned(), label));
        filter(ui, "Label", &mut members.filter.label, labels);
        let coaches = members.list.items.coaches().map(|(id, name)| (id.to_owned(), name));
        filter(ui, "Coach", &mut members.filter.coach_id, coaches);
        if members.filter.is_set() && Button::quiet("Clear filters").icon(Icon::X).show(ui).clicked() {
            members.filter = Default::default();
        }
        if members.filter != before {
            draw.acts.push(Action::FilterMembers);
        }
    });
}

/// One choice of several, or any.
pub fn filter<'a, T: Clone + PartialEq>(
    ui: &mut Ui,
    name: &str,
    chosen: &mut Option<T>,
    choices: impl Iterator<Item = (T, &'a str)> + Clone,
) {
    let word = chosen.as_ref().and_then(|chosen| choices.clone().find(|(value, _)| value == chosen));
    let colors = colors(ui);
    let said = word.map_or_else(|| name.to_owned(), |(_, word)| format!("{name}: {word}"));
    let color = if chosen.is_some() { colors.accent.color } else { colors.text };
    let text = RichText::new(shorten(&said, 28)).font(face(Weight::Medium, font::LABEL)).color(color);
    choose(("filter", name))
        .selected_text(text)
        .width(110.0)
        .height(320.0)
        .show_ui(ui, |ui| {
            entry(ui, chosen, None, "Any");
            for (value, word) in choices {
                entry(ui, chosen, Some(value), shorten(word, 40));
            }
        })
        .response
        .accessible_name(format!("Filter by {}", name.to_lowercase()));
}

/// At most `most` characters, the last one an ellipsis if there were more.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        let mut short: String = text.chars().take(most - 1).collect();
        short.push('…');
        short
    }
}

/// What can be done with those that are marked.
fn marked(ui: &mut Ui, members: &Members, draw: &mut Draw<'_>) {
    let colors = colors(ui);
    let ids = || members.marked.iter().cloned().collect::<Vec<_>>();
    Frame::new().fill(colors.accent.soft).corner_radius(size::RADIUS).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            ui.add_space(space::XS);
            caption(ui, &format!("{} marked", grouped(members.marked.len())), colors.text);
            ui.add_space(space::XS);
            menu(&Button::new("Labels").icon(Icon::Tag).opens_menu().show(ui), |ui| {
                if menu_item(ui, Icon::Plus, "Add label", "", false) {
                    draw.acts.push(Action::AskLabel(ids(), true));
                }
                if menu_item(ui, Icon::X, "Remove label", "", false) {
                    draw.acts.push(Action::AskLabel(ids(), false));
                }
            });
            if Button::new("Assign coach").icon(Icon::UserRound).show(ui).clicked() {
                draw.acts.push(Action::AskCoach(ids()));
            }
            menu(&Button::new("Set status").opens_menu().show(ui), |ui| {
                for status in Standing::ALL {
                    let (word, icon) = set(status);
                    if menu_item(ui, icon, word, "", false) {
                        draw.acts.push(Action::SetStatus(ids(), status));
                    }
                }
            });
            if Button::danger("Remove").icon(Icon::Trash2).show(ui).clicked() {
                draw.acts.push(Action::AskRemove(ids()));
            }
            if Button::quiet("Unmark all").icon(Icon::X).show(ui).clicked() {
                draw.acts.push(Action::MarkAll(false));
            }
        });
    });
}

/// Giving members that status, as a verb and an icon.
fn set(status: Standing) -> (&'static str, Icon) {
    match status {
        Standing::Active => ("Set active", Icon::CircleCheck),
        Standing::Inactive => ("Set inactive", Icon::CircleMinus),
        Standing::Suspended => ("Suspend", Icon::TriangleAlert),
    }
}

fn alone(ui: &mut Ui, draw: &mut Draw<'_>) {
    empty(
        ui,
        Icon::Users,
        "Only you so far",
        "Add your athletes and coaches here, or let a program do it: a key that may write members keeps the roster in step \
         with another tool.",
        |ui| {
            if Button::primary("Add the first member").icon(Icon::UserPlus).show(ui).clicked() {
                draw.acts.push(Action::NewMember);
            }
        },
    );
}

fn nothing(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let searched = console.members.search.trim().to_owned();
    let title = if searched.is_empty() {
        "Nobody matches the filters".to_owned()
    } else {
        format!("Nobody matches \"{searched}\"")
    };
    let partial = !matches!(console.members.list.progress, Progress::Complete);
    let text = if partial {
        "Only the members that were loaded are searched."
    } else {
        "Search looks at the first letters of each word of a name or email."
    };
    empty(ui, Icon::Search, &title, text, |ui| {
        if Button::new("Show everybody").show(ui).clicked() {
            console.members.search.clear();
            console.members.filter = Default::default();
            draw.acts.push(Action::FilterMembers);
        }
    });
}

fn table(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let colors = colors(ui);
    let column = |id, title, width, goes| Column { id, title, width, goes };
    let columns = [
        column(Sorted::Name, "Name", Width::Share(3.0, 160.0), 0),
        column(Sorted::Role, "Role", Width::Exact(100.0), 0),
        column(Sorted::Status, "Status", Width::Exact(112.0), 1),
        column(Sorted::Coach, "Coach", Width::Share(1.5, 120.0), 2),
        column(Sorted::Labels, "Labels", Width::Share(1.5, 120.0), 3),
        column(Sorted::Added, "Added", Width::Exact(120.0), 4),
    ];
    let height = ui.available_height() - 32.0;
    let members = &console.members;
    let clock = draw.clock;
    let me = console.membership.member_id.as_str();
    let reveal = std::mem::take(&mut draw.look.reveal);
    let member_of = |row: usize| &members.list.items[members.rows[row]];
    let acts = RefCell::new(Vec::new());
    // Only those that are shown can be marked.
    let all = !members.rows.is_empty() && members.marked.len() == members.rows.len();
    let marks = if members.marked.is_empty() {
        Marks::None
    } else if all {
        Marks::All
    } else {
        Marks::Some
    };
    let did = Frame::new()
        .stroke(Stroke::new(1.0, colors.border))
        .corner_radius(size::RADIUS_LARGE)
        .show(ui, |ui| {
            ui.set_min_size(vec2(ui.available_width(), height));
            ui.set_max_height(height);
            let table = Table {
                name: "Members",
                columns: &columns,
                row_height: size::ROW_TALL,
                rows: members.rows.len(),
                selected: members.selected.row(),
                sort: members.sort,
                marks: Some(marks),
                act: None,
                keys: draw.keys_free,
                reveal,
            };
            table.show(
                ui,
                |row| {
                    let member = member_of(row);
                    Row {
                        name: format!(
                            "{}, {}, {}",
                            member.name,
                            member.role.word().to_lowercase(),
                            member.status.word().to_lowercase()
                        ),
                        title: member.name.clone(),
                        marked: members.marked.contains(&member.id),
                        faded: member.status != Standing::Active,
                    }
                },
                |row, cells| cells_of(member_of(row), members, me, clock, cells),
                |row, ui| row_menu(ui, member_of(row), &acts),
            )
        })
        .inner;
    draw.acts.append(&mut acts.into_inner());
    let id_of = |row: usize| members.list.items[members.rows[row]].id.clone();
    if let Some(column) = did.sort {
        draw.acts.push(Action::SortMembers(column));
    }
    if let Some(to) = did.moved {
        draw.acts.push(Action::SelectMember(to));
        draw.look.reveal = true;
    }
    if let Some(row) = did.marked {
        draw.acts.push(Action::Mark(id_of(row)));
    } else if let Some(row) = did.opened {
        draw.acts.push(Action::EditMember(id_of(row)));
    }
    if let Some(all) = did.mark_all {
        draw.acts.push(Action::MarkAll(all));
    }
    if did.copy
        && let Some(id) = members.selected.id()
    {
        draw.acts.push(Action::Copy(id.to_owned()));
    }
    if did.delete {
        draw.acts.push(Action::AskRemove(members.meant()));
    }
    if let Some(row) = did.selected {
        let id = id_of(row);
        console.members.choose(id);
    }
    footer(ui, console, &colors);
}

fn footer(ui: &mut Ui, console: &Console, colors: &Colors) {
    ui.add_space(space::S);
    line(ui, font::LABEL_LINE, |ui| {
        let shown = grouped(console.members.rows.len());
        let all = grouped(console.members.list.items.len());
        caption(ui, &format!("{shown} of {all}"), colors.muted);
        at_the_right(ui, |ui| online(ui, console, colors));
    });
}

fn standing(status: Standing, colors: &Colors) -> Option<Tone> {
    match status {
        Standing::Active => Some(colors.ok),
        Standing::Inactive => None,
        Standing::Suspended => Some(colors.danger),
    }
}

fn cells_of(member: &Member, members: &Members, me: &str, clock: &crate::state::time::Clock, cells: &mut Cells<'_>) {
    let colors = cells.colors;
    let name = if member.id == me { format!("{} (you)", member.name) } else { member.name.clone() };
    let below = member.email.as_deref().unwrap_or_default();
    cells.two_lines(&name, below, face(Weight::Text, font::LABEL), None);
    let signs_in = if member.accepted { "Can sign in" } else { "Has not accepted an invitation" };
    cells.text(member.role.word(), colors.text, Some(signs_in));
    cells.pill(standing(member.status, &colors), member.status.word(), None);
    match member.coach_id.as_deref() {
        Some(coach) => match members.coach_name(coach) {
            Some(name) => cells.text(name, colors.text, None),
            None => cells.text("…", colors.muted, Some("Loads with the rest of the members.")),
        },
        None => cells.text("–", colors.muted, None),
    }
    cells.text(&member.labels.join(", "), colors.text, None);
    cells.text(&clock.ago(member.created_at), colors.muted, Some(&clock.exact(member.created_at)));
}

fn row_menu(ui: &mut Ui, member: &Member, acts: &RefCell<Vec<Action>>) {
    let act = |action| acts.borrow_mut().push(action);
    let id = || vec![member.id.clone()];
    if menu_item(ui, Icon::Pencil, "Change", "Enter", false) {
        act(Action::EditMember(member.id.clone()));
    }
    if menu_item(ui, Icon::Copy, "Copy id", "Ctrl C", false) {
        act(Action::Copy(member.id.clone()));
    }
    if !member.accepted && menu_item(ui, Icon::Link, "Invite", "", false) {
        act(Action::Invite(member.id.clone()));
    }
    if member.role == Role::Athlete && menu_item(ui, Icon::UserRound, "Assign coach", "", false) {
        act(Action::AskCoach(id()));
    }
    if member.role != Role::HeadCoach {
        for status in Standing::ALL.into_iter().filter(|status| *status != member.status) {
            let (word, icon) = set(status);
            if menu_item(ui, icon, word, "", false) {
                act(Action::SetStatus(id(), status));
            }
        }
        if menu_item(ui, Icon::Trash2, "Remove", "Del", true) {
            act(Action::AskRemove(id()));
        }
    }
}
