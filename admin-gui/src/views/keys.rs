//! The table of API keys: Settings > Security of the page.

use eframe::egui::{Align, Frame, Layout, Stroke, Ui, vec2};

use super::{Draw, at_the_right, empty, leaks, list_failed, skeleton};
use crate::{
    state::{
        Action, Connection, Console, View,
        keys::{Attention, Column as Sorted, Filter, Key, Status, scopes_in_short},
        listing::Progress,
        number::grouped,
        time::Clock,
    },
    theme::{Colors, Icon, Tone, colors, font, mono, size, space},
    widgets::{
        Banner, Button, Cells, Column, Row, Table, Width, banner, caption, chip, line, menu_item, search, title,
    },
};

pub fn show(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let lists_keys = console.club.as_ref().is_some_and(|club| club.security_settings);
    header(ui, console, lists_keys, draw);
    if let Some(club) = &console.club
        && !club.security_settings
    {
        plan(ui, club.plan.word(), club.active_keys);
        return;
    }
    if let (None, Some(failure)) = (&console.club, &console.club_failure) {
        ui.add_space(space::L);
        list_failed(ui, failure, draw);
        return;
    }
    if let Progress::Failed(failure) = &console.keys.list.progress
        && console.connection == Connection::Online
    {
        list_failed(ui, failure, draw);
        ui.add_space(space::S);
    }
    if console.keys.list.is_first_load() || console.club.is_none() {
        skeleton(ui, size::ROW_TALL, console.keys.list.progress.since(), draw.clock);
        return;
    }
    let known = &console.keys;
    if known.list.items.is_empty() && known.has_ended && known.search.trim().is_empty() {
        empty(
            ui,
            Icon::KeyRound,
            "No API keys yet",
            "A key lets a program, such as a dashboard or a roster script, use your club's data without anybody's \
             password. Create one for each program, so that you can switch one off without touching the rest.",
            |ui| {
                if Button::primary("Create the first key").icon(Icon::Plus).show(ui).clicked() {
                    draw.acts.push(Action::NewKey);
                }
            },
        );
        return;
    }
    filters(ui, console, draw);
    ui.add_space(space::S);
    if console.keys.rows.is_empty() && !console.keys.list.is_loading() && console.keys.list.loaded_at.is_some() {
        nothing(ui, console, draw);
    } else {
        table(ui, console, draw);
    }
}

fn header(ui: &mut Ui, console: &mut Console, lists_keys: bool, draw: &mut Draw<'_>) {
    ui.horizontal(|ui| {
        ui.set_height(size::CONTROL);
        title(ui, "API keys");
        at_the_right(ui, |ui| {
            if lists_keys {
                if Button::primary("New key").icon(Icon::Plus).show(ui).clicked() {
                    draw.acts.push(Action::NewKey);
                }
                let width = (ui.available_width() - space::S).clamp(60.0, 240.0);
                let focus = std::mem::take(&mut draw.look.search);
                let response = search(ui, &mut console.keys.search, "Search keys", width, focus);
                if response.changed() {
                    draw.acts.push(Action::SearchKeys);
                }
                if response.has_focus() || response.lost_focus() {
                    leave_search(ui, &response, &mut console.keys.search, Action::SearchKeys, draw);
                }
            }
        });
    });
    ui.horizontal(|ui| {
        ui.set_height(size::CONTROL);
        if lists_keys {
            let leak = Button::quiet(leaks::TITLE).icon(Icon::FileSearch);
            let room = (ui.available_width() - leak.size(ui).x - space::S).max(0.0);
            let summary = console.keys.list.loaded_at.map(|_| console.keys.summary()).unwrap_or_default();
            ui.allocate_ui(vec2(room, size::CONTROL), |ui| {
                ui.set_width(room);
                caption(ui, &summary, colors(ui).muted);
            });
            if leak.show(ui).clicked() {
                draw.acts.push(Action::AskLeak);
            }
        }
    });
}

/// Escape empties a search and leaves it; the arrow down goes on to the rows.
pub fn leave_search(
    ui: &Ui,
    response: &eframe::egui::Response,
    text: &mut String,
    changed: Action,
    draw: &mut Draw<'_>,
) {
    use eframe::egui::Key;
    let (escape, down, enter) = ui.input(|input| {
        (input.key_pressed(Key::Escape), input.key_pressed(Key::ArrowDown), input.key_pressed(Key::Enter))
    });
    if escape && !text.is_empty() {
        text.clear();
        draw.acts.push(changed);
    }
    if escape || down || enter {
        response.surrender_focus();
    }
}

fn plan(ui: &mut Ui, plan: &str, active: Option<u64>) {
    let kept = match active {
        None | Some(0) => String::new(),
        Some(1) => " The key you have is kept and works again then.".to_owned(),
        Some(many) => format!(" The {many} keys you have are kept and work again then."),
    };
    empty(
        ui,
        Icon::KeyRound,
        "API keys need the Coach plan or above",
        &format!("Your club is on {plan}. Whoever runs this server can change that.{kept}"),
        |_| {},
    );
}

fn filters(ui: &mut Ui, console: &Console, draw: &mut Draw<'_>) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::S;
        for filter in Filter::ALL {
            let count = console.keys.count(filter);
            let chosen = console.keys.filter == filter;
            if chip(ui, chosen, filter.word(), count).clicked() && !chosen {
                draw.acts.push(Action::FilterKeys(filter));
            }
        }
    });
}

fn nothing(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let searched = console.keys.search.trim().to_owned();
    let (text, explains) = if searched.is_empty() {
        match console.keys.filter {
            Filter::Active => ("No active keys", "Every key has expired, was revoked, or is held; All lists them."),
            Filter::Expiring => ("Nothing expires soon", "No active key expires within 30 days."),
            Filter::Expired => ("No expired keys", "A key whose time has come is listed here."),
            Filter::Revoked => ("No revoked keys", "A key that was taken back is listed here."),
            Filter::All => ("No keys", "There is none yet."),
        }
    } else {
        ("", "")
    };
    let title = if searched.is_empty() { text.to_owned() } else { format!("No key matches \"{searched}\"") };
    let explains = if searched.is_empty() { explains } else { "Search looks at names, descriptions, hints and ids." };
    empty(ui, Icon::Search, &title, explains, |ui| {
        if !searched.is_empty() && Button::new("Clear search").show(ui).clicked() {
            console.keys.search.clear();
            draw.acts.push(Action::SearchKeys);
        }
    });
}

fn table(ui: &mut Ui, console: &mut Console, draw: &mut Draw<'_>) {
    let colors = colors(ui);
    let column = |id, title, width, goes| Column { id, title, width, goes };
    let columns = [
        column(Sorted::Name, "Name", Width::Share(6.0, 180.0), 0),
        column(Sorted::Scopes, "Scopes", Width::Share(0.5, 140.0), 2),
        column(Sorted::Status, "Status", Width::Exact(112.0), 1),
        column(Sorted::Created, "Created", Width::Share(1.5, 152.0), 3),
        column(Sorted::Expires, "Expires", Width::Share(0.5, 92.0), 0),
        column(Sorted::LastUsed, "Last used", Width::Share(0.5, 108.0), 0),
    ];
    let footer_height = 32.0;
    let height = ui.available_height() - footer_height;
    let keys = &console.keys;
    let free = draw.keys_free;
    let clock = draw.clock;
    let reveal = std::mem::take(&mut draw.look.reveal);
    let key_of = |row: usize| &keys.list.items[keys.rows[row]];
    let acts = std::cell::RefCell::new(Vec::new());
    let did = Frame::new()
        .stroke(Stroke::new(1.0, colors.border))
        .corner_radius(size::RADIUS_LARGE)
        .show(ui, |ui| {
            ui.set_min_size(vec2(ui.available_width(), height));
            ui.set_max_height(height);
            let table = Table {
                name: "API keys",
                columns: &columns,
                row_height: size::ROW_TALL,
                rows: keys.rows.len(),
                selected: keys.selected.row(),
                sort: keys.sort,
                marks: None,
                act: (keys.filter == Filter::Expiring).then_some("Rotate"),
                keys: free,
                reveal,
            };
            table.show(
                ui,
                |row| describe(key_of(row), clock),
                |row, cells| cells_of(key_of(row), clock, cells),
                |row, ui| menu(ui, key_of(row), key_of(row).status(clock.now) == Status::Active, &acts),
            )
        })
        .inner;
    draw.acts.append(&mut acts.into_inner());
    let id_of = |row: usize| keys.list.items[keys.rows[row]].id.clone();
    if let Some(column) = did.sort {
        draw.acts.push(Action::SortKeys(column));
    }
    if let Some(to) = did.moved {
        draw.acts.push(Action::SelectKey(to));
        draw.look.reveal = true;
    }
    if let Some(row) = did.opened {
        draw.acts.push(Action::Show(View::Key(id_of(row))));
    }
    if let Some(row) = did.acted {
        draw.acts.push(Action::AskRotate(id_of(row)));
    }
    let selected = keys.selected.row().map(id_of);
    if let (true, Some(id)) = (did.copy, &selected) {
        draw.acts.push(Action::Copy(id.clone()));
    }
    if let (true, Some(id)) = (did.delete, &selected) {
        draw.acts.push(Action::AskRevoke(id.clone()));
    }
    if let Some(row) = did.selected {
        let id = id_of(row);
        console.keys.choose(id);
    }
    footer(ui, console, &colors);
}

fn footer(ui: &mut Ui, console: &Console, colors: &Colors) {
    ui.add_space(space::S);
    line(ui, font::LABEL_LINE, |ui| {
        let shown = console.keys.rows.len();
        let all = console.keys.list.items.len();
        let loading =
            if console.keys.list.is_loading() && console.keys.list.loaded_at.is_none() { ", loading" } else { "" };
        caption(ui, &format!("{} of {}{loading}", grouped(shown), grouped(all)), colors.muted);
        at_the_right(ui, |ui| online(ui, console, colors));
    });
}

/// Whether the server answers, as a dot and a word.
pub fn online(ui: &mut Ui, console: &Console, colors: &Colors) {
    let (tone, word) = match console.connection {
        Connection::Online => (colors.ok, "online"),
        Connection::Offline { .. } => (colors.warn, "not connected"),
    };
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        caption(ui, word, colors.muted);
        let (rect, _) = ui.allocate_exact_size(vec2(8.0, 8.0), eframe::egui::Sense::hover());
        ui.painter().circle_filled(rect.center(), 3.5, tone.color);
    });
}

/// What a key is, as a tone and a word.
pub fn status_of(key: &Key, clock: &Clock, colors: &Colors) -> (Option<Tone>, &'static str) {
    match key.status(clock.now) {
        _ if key.revoking => (Some(colors.danger), "Revoking…"),
        Status::Active if key.previous_secret.is_some() => (Some(colors.accent), "Rotating"),
        Status::Active => (Some(colors.ok), "Active"),
        Status::Expired => (None, "Expired"),
        Status::Revoked => (Some(colors.danger), "Revoked"),
        Status::Held => (Some(colors.warn), "Held"),
    }
}

fn expires(key: &Key, clock: &Clock) -> String {
    match key.expires_at {
        None => "never".to_owned(),
        Some(end) if end <= clock.now => clock.ago(end),
        Some(end) => clock.ahead(end),
    }
}

fn last_used(key: &Key, clock: &Clock) -> String {
    key.last_used_at.map_or_else(|| "never used".to_owned(), |used| clock.ago(used))
}

fn describe(key: &Key, clock: &Clock) -> Row {
    let status = match key.status(clock.now) {
        Status::Active => "active",
        Status::Expired => "expired",
        Status::Revoked => "revoked",
        Status::Held => "held",
    };
    Row {
        name: format!(
            "{}, {status}, allowed: {}, expires {}, last used {}",
            key.name,
            scopes_in_short(&key.scopes).to_lowercase(),
            expires(key, clock),
            last_used(key, clock)
        ),
        title: key.name.clone(),
        marked: false,
        faded: key.status(clock.now) != Status::Active,
    }
}

fn cells_of(key: &Key, clock: &Clock, cells: &mut Cells<'_>) {
    let colors = cells.colors;
    let attention = key.attention(clock);
    let tip = match &key.description {
        Some(description) => format!("{}\n{description}\n{}", key.name, key.id),
        None => format!("{}\n{}", key.name, key.id),
    };
    cells.two_lines(&key.name, &key.hint, mono(font::LABEL), Some(&tip));
    let all: Vec<&str> = key.scopes.iter().map(|scope| scope.meaning()).collect();
    cells.text(scopes_in_short(&key.scopes), colors.text, Some(&all.join("\n")));
    let (tone, word) = status_of(key, clock, &colors);
    let how = key.revoked.as_ref().map(|revoked| {
        let reason = revoked.reason.as_ref().map_or_else(String::new, |reason| format!("\n{reason}"));
        format!("by {}, {}{reason}", revoked.by, clock.ago(revoked.at))
    });
    let rotating = key.previous_secret.as_ref().filter(|_| key.revoked.is_none()).map(|previous| {
        let used = previous.last_used_at.map_or_else(|| "never used".to_owned(), |used| clock.ago(used));
        format!("The old secret {} works until {}; last used: {used}", previous.hint, clock.minute(previous.ends_at))
    });
    cells.pill(tone, word, how.or(rotating).as_deref());
    let by = format!("by {}\n{}", key.created_by, clock.exact(key.created_at));
    cells.text(&format!("{}, {}", clock.ago(key.created_at), key.created_by), colors.muted, Some(&by));
    let exact = key.expires_at.map(|end| clock.exact(end));
    match (attention, key.expires_at) {
        (Some(Attention::Expiring), _) => cells.pointed_out(&expires(key, clock), colors.warn, exact.as_deref()),
        _ if key.is_endless(clock.now) => {
            let tip = "It works until somebody revokes it. For automated scripts an expiry date is recommended.";
            cells.noted("never", colors.warn, Some(tip));
        }
        (_, None) => cells.text("never", colors.muted, None),
        _ => cells.text(&expires(key, clock), colors.text, exact.as_deref()),
    }
    let exact = key.last_used_at.map(|used| clock.exact(used));
    match attention {
        Some(Attention::Idle) => {
            let tip = format!("Not used for 90 days: does anything still need it?\n{}", exact.unwrap_or_default());
            cells.pointed_out(&last_used(key, clock), colors.warn, Some(&tip));
        }
        Some(Attention::NeverUsed) => {
            let tip = format!("Created {}, and never used since: does anything need it?", clock.ago(key.created_at));
            cells.pointed_out("never used", colors.warn, Some(&tip));
        }
        _ if key.last_used_at.is_none() => cells.text("never used", colors.muted, None),
        _ => cells.text(&last_used(key, clock), colors.text, exact.as_deref()),
    }
}

fn menu(ui: &mut Ui, key: &Key, active: bool, acts: &std::cell::RefCell<Vec<Action>>) {
    let act = |action| acts.borrow_mut().push(action);
    if menu_item(ui, Icon::KeyRound, "Open", "Enter", false) {
        act(Action::Show(View::Key(key.id.clone())));
    }
    if menu_item(ui, Icon::Copy, "Copy id", "Ctrl C", false) {
        act(Action::Copy(key.id.clone()));
    }
    if key.revoked.is_none() {
        if active && menu_item(ui, Icon::Pencil, "Change", "", false) {
            act(Action::EditKey(key.id.clone()));
        }
        if active && menu_item(ui, Icon::RefreshCw, "Rotate", "", false) {
            act(Action::AskRotate(key.id.clone()));
        }
        if menu_item(ui, Icon::Trash2, "Revoke", "Del", true) {
            act(Action::AskRevoke(key.id.clone()));
        }
    }
}

/// Says how a key that works no more came to that.
pub fn ended(ui: &mut Ui, key: &Key, clock: &Clock) {
    let colors = colors(ui);
    if let Some(revoked) = &key.revoked {
        let reason = revoked.reason.as_deref().unwrap_or_default();
        banner(
            ui,
            &Banner {
                tone: colors.danger,
                icon: Icon::CircleAlert,
                title: &format!("Revoked by {}, {}", revoked.by, clock.ago(revoked.at)),
                text: reason,
                detail: None,
                act: None,
            },
        );
    } else if key.status(clock.now) == Status::Held {
        banner(
            ui,
            &Banner {
                tone: colors.warn,
                icon: Icon::TriangleAlert,
                title: "Held since a backup was restored",
                text: "It is refused until whoever runs this server releases it. Revoke it if nobody needs it any more.",
                detail: None,
                act: None,
            },
        );
    } else if key.status(clock.now) == Status::Expired {
        let end = key.expires_at.map(|end| clock.ago(end)).unwrap_or_default();
        banner(
            ui,
            &Banner {
                tone: colors.warn,
                icon: Icon::TriangleAlert,
                title: &format!("Expired {end}"),
                text: "It is refused since then, for good. Create a new key for the program that used it.",
                detail: None,
                act: None,
            },
        );
    }
}
