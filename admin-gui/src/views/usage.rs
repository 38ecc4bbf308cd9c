//! How a key is used: a chart of its days, what it asked for, what was refused, and what to make of it.

use eframe::egui::{Color32, RichText, Sense, Stroke, Ui, vec2};
use egui_plot::{Bar, BarChart, GridMark, HoverPosition, Plot};
use jiff::civil::Date;

use crate::{
    state::{
        Action, Console,
        failure::Failure,
        keys::{
            Activation, AdvisedAction, FirstUse, Key, LastUse, Usage, calls_in_words, operation_in_words,
            operations_in_words, refusal_in_words,
        },
        time::Clock,
    },
    theme::{Icon, Weight, colors, face, font, size, space},
    widgets::{Banner, banner, body, caption, heading, line, muted},
};

/// How high the chart is.
const CHART: f32 = 132.0;

/// What is known of the usage of this key.
pub fn of<'a>(console: &'a Console, key: &Key) -> Option<&'a Result<Usage, Failure>> {
    console.keys.usage.as_ref().filter(|(id, _)| *id == key.id).map(|(_, usage)| usage)
}

/// Whether the new secret of a key had its first call, where that is waited for.
pub fn activation(ui: &mut Ui, activation: &Activation, clock: &Clock) {
    let colors = colors(ui);
    let (icon, color, text) = match &activation.first_use {
        Some(FirstUse { call, watched }) => {
            let which = if *watched { "first" } else { "last" };
            (Icon::Check, colors.ok.color, format!("It works: {which} call {}.", call_in_words(call, clock)))
        }
        None if activation.is_awaited(clock.now) => {
            (Icon::Hourglass, colors.muted, "Waiting for the first call with this secret. It is shown here.".to_owned())
        }
        None => (Icon::Hourglass, colors.muted, "No call has come with this secret yet.".to_owned()),
    };
    line(ui, size::ICON, |ui| {
        ui.label(icon.text(size::ICON, color));
        caption(ui, &text, color);
    });
}

/// A call: "14:02, members listed, from 203.0.113.7".
fn call_in_words(call: &LastUse, clock: &Clock) -> String {
    let operation = call.operation.as_deref().map(|operation| format!(", {}", operation_in_words(operation)));
    let address = call.address.as_deref().map(|address| format!(", from {address}"));
    let (operation, address) = (operation.unwrap_or_default(), address.unwrap_or_default());
    format!("{}{operation}{address}", clock.time(call.at))
}

/// What the server advises, each with what can be done about it.
pub fn advice(ui: &mut Ui, key: &Key, usage: &Usage, acts: &mut Vec<Action>) {
    for advice in &usage.advice {
        let (title, act, action) = match advice.action {
            // Said where both secrets are told of.
            AdvisedAction::EndPreviousSecret => continue,
            AdvisedAction::Revoke => ("Is it still needed?", "Revoke", Action::AskRevoke(key.id.clone())),
            AdvisedAction::Narrow => ("It can do more than it does", "Narrow", Action::NarrowKey(key.id.clone())),
        };
        let said = Banner {
            tone: colors(ui).accent,
            icon: Icon::Lightbulb,
            title,
            text: &advice.reason,
            detail: None,
            act: Some(act),
        };
        if banner(ui, &said) {
            acts.push(action);
        }
        ui.add_space(space::S);
    }
}

/// That something still tries a key that has ended.
pub fn still_tried(ui: &mut Ui, key: &Key, usage: &Usage, clock: &Clock) {
    let Some(last) = key.still_tried(usage, clock.now) else { return };
    let text = format!(
        "The last call came {} from {}, and was refused. Whatever makes it has not been given another key.",
        clock.ago(last.at),
        last.address
    );
    let tone = colors(ui).warn;
    let said =
        Banner { tone, icon: Icon::TriangleAlert, title: "Still being tried", text: &text, detail: None, act: None };
    banner(ui, &said);
    ui.add_space(space::S);
}

/// The section of a key's page.
pub fn section(ui: &mut Ui, usage: Option<&Result<Usage, Failure>>, clock: &Clock, acts: &mut Vec<Action>) {
    ui.add_space(space::XL);
    heading(ui, "Usage");
    ui.add_space(space::XS);
    match usage {
        None => {
            // As high as what will be there.
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), CHART + 20.0), Sense::hover());
            ui.painter().rect_filled(rect, f32::from(size::RADIUS), colors(ui).hover);
        }
        Some(Err(failure)) => {
            let said = Banner {
                tone: colors(ui).danger,
                icon: Icon::CircleAlert,
                title: &failure.title,
                text: &failure.advice,
                detail: None,
                act: Some("Try again"),
            };
            if banner(ui, &said) {
                acts.push(Action::Refresh);
            }
        }
        Some(Ok(usage)) if usage.days.is_empty() => {
            muted(ui, "No call in the last 90 days. Each call shows here, by day and by what it asked for.");
        }
        Some(Ok(usage)) => content(ui, usage, clock),
    }
    ui.add_space(space::XL);
}

fn content(ui: &mut Ui, usage: &Usage, clock: &Clock) {
    let refused = if usage.refused == 0 { String::new() } else { format!(", {} refused", usage.refused) };
    muted(ui, &format!("{} in 90 days{refused}. Days are those of UTC.", calls_in_words(usage.calls)));
    ui.add_space(space::S);
    chart(ui, usage);
    ui.add_space(space::M);
    let row = |ui: &mut Ui, label: &str, text: &str| {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::L;
            ui.allocate_ui(vec2(140.0, 20.0), |ui| {
                ui.set_min_width(140.0);
                muted(ui, label);
            });
            ui.vertical(|ui| {
                ui.set_max_width(ui.available_width());
                body(ui, text);
            });
        });
    };
    let operations = usage.operations();
    if !operations.is_empty() {
        row(ui, "What it did", &operations_in_words(&operations));
    }
    let refusals: Vec<String> = usage
        .refusals()
        .iter()
        .map(|(code, calls)| format!("{} ({})", calls_in_words(*calls), refusal_in_words(code)))
        .collect();
    if !refusals.is_empty() {
        row(ui, "Refused", &refusals.join(", "));
    }
    for secret in &usage.secrets {
        if let Some(last) = &secret.last_use {
            let program = last.user_agent.as_deref().map(|name| format!(" by {name}")).unwrap_or_default();
            let operation = last.operation.as_deref().map(operation_in_words);
            let operation = operation.map(|operation| format!(": {operation}")).unwrap_or_default();
            let text = format!("{}{program}{operation}", last.in_words(clock));
            let label = if usage.secrets.len() > 1 { secret.hint.as_str() } else { "Last call" };
            row(ui, label, &text);
        }
    }
}

/// Half of `most`, rounded up to 1, 2 or 5 times a power of ten.
fn round_step(most: u64) -> u64 {
    let half = most.div_ceil(2).max(1);
    let power = 10_u64.pow(half.ilog10());
    [1, 2, 5, 10].into_iter().map(|step| step * power).find(|step| *step >= half).unwrap_or(half)
}

/// The bars of a day: accepted calls, and on top of them those that were refused.
fn chart(ui: &mut Ui, usage: &Usage) {
    let colors = colors(ui);
    let days = usage.by_day();
    let bar = |at: usize, height: u64, color: Color32| {
        Bar::new(at as f64, height as f64).width(0.72).fill(color).stroke(Stroke::NONE)
    };
    let (on_top, below) = (colors.danger.color, colors.accent.color);
    let accepted: Vec<Bar> = days.iter().enumerate().map(|(at, (_, calls, _))| bar(at, *calls, below)).collect();
    let refused: Vec<Bar> = days.iter().enumerate().map(|(at, (.., calls))| bar(at, *calls, on_top)).collect();
    let accepted = BarChart::new("accepted", accepted).color(below).allow_hover(false);
    let refused =
        BarChart::new("refused", refused).color(colors.danger.color).allow_hover(false).stack_on(&[&accepted]);
    let dates: Vec<Date> = days.iter().map(|(date, ..)| *date).collect();
    let (first, on) = (dates.clone(), days.clone());
    ui.scope(|ui| {
        let family = face(Weight::Text, font::LABEL);
        ui.style_mut().text_styles.insert(eframe::egui::TextStyle::Body, family.clone());
        ui.style_mut().text_styles.insert(eframe::egui::TextStyle::Small, family);
        ui.visuals_mut().override_text_color = Some(colors.muted);
        let most = days.iter().map(|(_, accepted, refused)| accepted + refused).max().unwrap_or_default();
        let response = Plot::new("usage")
            .height(CHART)
            .width(ui.available_width())
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_double_click_reset(false)
            .show_background(false)
            .show_crosshair(false)
            .show_x(false)
            .show_y(false)
            .show_grid([false, true])
            .grid_color(colors.border)
            .cursor_color(colors.border)
            .set_margin_fraction(vec2(0.0, 0.0))
            .include_y(0.0)
            .include_y((2 * round_step(most)).max(most) as f64 * 1.05)
            .include_x(-0.6)
            .include_x(days.len() as f64 - 0.4)
            .y_axis_min_width(36.0)
            .x_grid_spacer(move |_| {
                let months = dates.iter().enumerate().filter(|(_, date)| date.day() == 1);
                months.map(|(at, _)| GridMark { value: at as f64, step_size: 30.0 }).collect()
            })
            .y_grid_spacer(move |_| {
                let step = round_step(most);
                (0..=2).map(|at| GridMark { value: (at * step) as f64, step_size: step as f64 }).collect()
            })
            .x_axis_formatter(move |mark, _| {
                first.get(mark.value as usize).map(|date| date.strftime("%b").to_string()).unwrap_or_default()
            })
            .y_axis_formatter(
                |mark, _| if mark.value.fract() == 0.0 { format!("{}", mark.value) } else { String::new() },
            )
            .label_formatter(move |position| {
                let (HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position }) = position;
                let (date, accepted, refused) = on.get(position.x.round().max(0.0) as usize)?;
                let refused = if *refused == 0 { String::new() } else { format!(", {refused} refused") };
                Some(format!("{date}: {}{refused}", calls_in_words(*accepted)))
            })
            .show(ui, |plot| {
                plot.bar_chart(accepted);
                plot.bar_chart(refused);
            });
        let said = format!("Calls by day, {} to {}, at most {most} a day", usage.since, usage.until);
        response.response.widget_info(|| eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Image, true, &said));
    });
    line(ui, 14.0, |ui| {
        for (color, word, there) in
            [(colors.accent.color, "accepted", usage.calls > 0), (colors.danger.color, "refused", usage.refused > 0)]
        {
            if there {
                ui.label(RichText::new("■").color(color).font(face(Weight::Text, font::LABEL)));
                caption(ui, word, colors.muted);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::round_step;

    #[test]
    fn the_axis_says_round_numbers() {
        for (most, step) in [(0, 1), (1, 1), (2, 1), (3, 2), (7, 5), (21, 20), (412, 500)] {
            assert_eq!(round_step(most), step, "{most}");
        }
    }
}
