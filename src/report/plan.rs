//! A plan as an aligned table and as JSON.
//!
//! In: [`Plan`]. Out: text.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value as Json, json};

use crate::base::Value;
use crate::plan::{Action, Plan, Step};

/// The name of the JSON's form. It changes when a key is renamed or taken away, not when one is added.
const FORM: &str = "transform/plan/v1";
/// How much of a test's name is shown.
const LONGEST: usize = 36;
/// From so many small files on, a table is worth a word.
const MANY_FILES: u64 = 8;

/// One line a step. Columns that say nothing are left out.
pub fn as_text(plan: &Plan) -> String {
    let mut lines: Vec<[String; 7]> = Vec::new();
    for (database, schema) in &plan.schemas {
        let place = format!("{database}.{schema}");
        let cells = ["create schema", "", &place, "", "", "", "there is no such schema yet"];
        lines.push(cells.map(str::to_owned));
    }
    lines.extend(plan.steps.iter().map(cells));
    if lines.is_empty() {
        return String::new();
    }
    let header = ["step", "node", "relation", "rows now", "after", "small files", "reason"].map(str::to_owned);
    let shown: Vec<bool> = (0..7).map(|c| lines.iter().any(|line| !line[c].is_empty())).collect();
    lines.insert(0, header);
    let width = |c: usize| lines.iter().map(|line| line[c].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let mut text = String::new();
        for (c, cell) in line.iter().enumerate().filter(|(c, _)| shown[*c]) {
            let width = widths[c];
            let _ =
                if (3..6).contains(&c) { write!(text, "{cell:>width$}  ") } else { write!(text, "{cell:<width$}  ") };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

fn cells(step: &Step) -> [String; 7] {
    let count = |rows: Option<u64>| rows.map(|r| r.to_string()).unwrap_or_default();
    let mut reason = step.reason.clone();
    for note in &step.notes {
        let _ = write!(reason, "; {note}");
    }
    let hooks = step.hooks.0 + step.hooks.1;
    if hooks > 0 {
        let _ = write!(reason, "; {hooks} {}", if hooks == 1 { "hook" } else { "hooks" });
    }
    let small = count(Some(step.small_files).filter(|files| *files >= MANY_FILES));
    let words = step.action.words();
    [words, clipped(step), step.place.clone(), count(step.rows_now), count(step.rows_after), small, reason]
}

/// A node's name. Those of tests are made from their arguments and can be very long.
fn clipped(step: &Step) -> String {
    let is_test = matches!(step.action, Action::Test { .. });
    match step.name.char_indices().nth(LONGEST) {
        Some((end, _)) if is_test => format!("{}...", &step.name[..end]),
        _ => step.name.clone(),
    }
}

/// Whether an action belongs to a group.
type Fits = fn(&Action) -> bool;

/// One line for people: how much of what.
pub fn summary(plan: &Plan) -> String {
    let groups: [(&str, Fits); 7] = [
        ("created", |a| {
            matches!(a, Action::CreateTable | Action::CreateView | Action::CreateSeed | Action::CreateSnapshot(_))
        }),
        ("replaced", |a| {
            matches!(a, Action::ReplaceTable | Action::ReplaceView | Action::ReplaceSeed | Action::ReloadSeed)
        }),
        ("added to", |a| matches!(a, Action::Add(_) | Action::Batches { .. } | Action::UpdateSnapshot(_))),
        ("built by macros or as files", |a| {
            matches!(a, Action::Custom { .. } | Action::External { .. } | Action::TableFunction)
        }),
        ("tested", |a| matches!(a, Action::Test { .. } | Action::UnitTest)),
        ("skipped", |a| matches!(a, Action::Skip | Action::Blocked(_))),
        ("failing", |a| *a == Action::Refuse),
    ];
    let count = |fits: Fits| plan.steps.iter().filter(|step| fits(&step.action)).count();
    let parts: Vec<String> = groups
        .into_iter()
        .map(|(words, fits)| (count(fits), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let disabled = match plan.disabled.len() {
        0 => String::new(),
        count => format!(" ({count} disabled)"),
    };
    let parts = if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") };
    format!("Plan: {parts}{disabled}. Nothing was changed.")
}

/// What to do about tables of many small files.
pub fn advice(plan: &Plan) -> Option<String> {
    let tables = plan.steps.iter().filter(|step| step.small_files >= MANY_FILES).count();
    let told = match tables {
        0 => return None,
        1 => "1 table has".to_owned(),
        tables => format!("{tables} tables have"),
    };
    Some(format!("{told} many small files, which read slowly: `transform maintain` writes them together."))
}

/// The stable form for programs.
pub fn as_json(plan: &Plan, command: &str, invocation_id: &str, at: DateTime<Utc>) -> String {
    let schemas: Vec<Json> =
        plan.schemas.iter().map(|(database, schema)| json!({"database": database, "schema": schema})).collect();
    let form = json!({
        "metadata": {
            "form": FORM,
            "command": command,
            "invocation_id": invocation_id,
            "generated_at": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        },
        "schemas_to_create": schemas,
        "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
        "disabled": plan.disabled.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&form).unwrap_or_default()
}

fn step(step: &Step) -> Json {
    json!({
        "unique_id": step.id.as_str(),
        "name": step.name,
        "resource_type": step.resource_type.as_str(),
        "language": if step.python { "python" } else { "sql" },
        "relation": step.relation,
        "action": step.action.as_str(),
        "reason": step.reason,
        "notes": step.notes,
        "rows_now": step.rows_now,
        "rows_after": step.rows_after,
        "small_files": step.small_files,
        "pre_hooks": step.hooks.0,
        "post_hooks": step.hooks.1,
        "details": Value::Map(step.action.details()).to_json(),
    })
}
