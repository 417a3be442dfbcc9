//! Upkeep and versions of tables as aligned text and as JSON.
//!
//! In: steps of a plan, what they did, versions. Out: text.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use serde_json::{Value as Json, json};

use crate::adapters::{Restored, TableVersion, UpkeepDone, UpkeepStep};
use crate::base::{AsOf, Relation};

/// One line a step.
pub fn plan_as_text(steps: &[UpkeepStep]) -> String {
    let cells = |s: &UpkeepStep| {
        [s.kind.as_str().to_owned(), s.place.clone(), s.files.to_string(), size(s.bytes), s.reason.clone()]
    };
    aligned(&["step", "place", "files", "size", "reason"], steps.iter().map(cells).collect(), &[2, 3])
}

/// The stable form for programs.
pub fn plan_as_json(steps: &[UpkeepStep]) -> String {
    let step = |s: &UpkeepStep| json!({"kind": s.kind.as_str(), "place": s.place, "files": s.files, "bytes": s.bytes, "reason": s.reason});
    pretty(&json!({"form": "transform/upkeep/v1", "steps": steps.iter().map(step).collect::<Vec<_>>()}))
}

/// One line for people.
pub fn plan_summary(steps: &[UpkeepStep]) -> String {
    if steps.is_empty() {
        return "Nothing to do: tables are compact and nothing is left over.".to_owned();
    }
    let bytes = steps.iter().map(|s| s.bytes).sum();
    format!("Plan: {} on {}. Nothing was changed.", counted(steps.len(), "step"), size(bytes))
}

/// What was done of a plan with so many steps.
pub fn done_summary(done: &[UpkeepDone], planned: usize) -> String {
    let removed: u64 = done.iter().map(|d| d.files_removed).sum();
    let added: u64 = done.iter().map(|d| d.files_added).sum();
    let freed: i64 = done.iter().map(|d| d.bytes_freed).sum();
    let room = match u64::try_from(freed) {
        Ok(bytes) => format!("{} freed", size(bytes)),
        Err(_) => format!("{} more until former versions are deleted", size(freed.unsigned_abs())),
    };
    let files = |count: u64| counted(usize::try_from(count).unwrap_or(usize::MAX), "file");
    format!("Done {} of {planned}: {} removed, {} written, {room}.", done.len(), files(removed), files(added))
}

/// One line a version, newest first, under each table's name.
pub fn history_as_text(histories: &[(Relation, Vec<TableVersion>)]) -> String {
    let mut out = String::new();
    for (relation, versions) in histories {
        let cells = |v: &TableVersion| {
            let rows = v.rows.map(|r| r.to_string()).unwrap_or_default();
            let mark = if v.current { "current" } else { "" };
            let by = v.invocation_id.clone().unwrap_or_default();
            [
                v.version.to_string(),
                v.at.format("%Y-%m-%d %H:%M:%S").to_string(),
                v.operation.clone(),
                rows,
                mark.into(),
                by,
            ]
        };
        let lines = versions.iter().map(cells).collect();
        let table = aligned(&["version", "written (UTC)", "operation", "rows", "", "invocation"], lines, &[0, 3]);
        let _ = write!(out, "{}{}\n{table}", if out.is_empty() { "" } else { "\n" }, name(relation));
    }
    out
}

/// The stable form for programs.
pub fn history_as_json(histories: &[(Relation, Vec<TableVersion>)]) -> String {
    let version = |v: &TableVersion| {
        json!({
            "version": v.version,
            "at": v.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "operation": v.operation,
            "rows": v.rows,
            "current": v.current,
            "invocation_id": v.invocation_id,
        })
    };
    let table = |(relation, versions): &(Relation, Vec<TableVersion>)| json!({"relation": name(relation), "versions": versions.iter().map(version).collect::<Vec<_>>()});
    pretty(&json!({"form": "transform/history/v1", "tables": histories.iter().map(table).collect::<Vec<_>>()}))
}

/// One line about a table that was set back, or about a view, which keeps no versions.
pub fn restored(relation: &Relation, to: AsOf, restored: Option<Restored>) -> String {
    let Some(Restored { from, version }) = restored else {
        return format!("{}: left out, views keep no versions", name(relation));
    };
    let asked = if matches!(to, AsOf::Version(_)) { String::new() } else { format!(" (as of {to})") };
    if from == version {
        return format!("{}: version {version}{asked} is the current one", name(relation));
    }
    format!("{}: version {from}{asked} is current again, as version {version}", name(relation))
}

/// A relation in messages: its schema and name.
pub fn name(relation: &Relation) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}.{}", part(&relation.schema), part(&relation.identifier))
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Bytes in the unit that suits them.
fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut rest = bytes;
    let mut tenths = 0;
    while rest >= 1000 && unit + 1 < units.len() {
        tenths = rest % 1000 / 100;
        rest /= 1000;
        unit += 1;
    }
    if unit == 0 || rest >= 100 {
        format!("{rest} {}", units[unit])
    } else {
        format!("{rest}.{tenths} {}", units[unit])
    }
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap_or_default()
}

/// A table with a header; columns that are empty throughout are left out.
fn aligned<const N: usize>(header: &[&str; N], lines: Vec<[String; N]>, right: &[usize]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let shown: Vec<usize> = (0..N).filter(|c| lines.iter().any(|line| !line[*c].is_empty())).collect();
    let width = |c: usize| lines.iter().map(|l| l[c].chars().count()).max().unwrap_or(0).max(header[c].len());
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for line in std::iter::once(header.map(str::to_owned)).chain(lines) {
        let mut text = String::new();
        for c in &shown {
            let (cell, width) = (&line[*c], widths[*c]);
            let _ = if right.contains(c) { write!(text, "{cell:>width$}  ") } else { write!(text, "{cell:<width$}  ") };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::UpkeepKind;

    #[test]
    fn plans_are_tables() {
        let step = |kind, place: &str, files, bytes| UpkeepStep {
            kind,
            place: place.to_owned(),
            files,
            bytes,
            reason: "because".to_owned(),
        };
        let steps =
            [step(UpkeepKind::Compact, "main.orders", 40, 4_321), step(UpkeepKind::Vacuum, "main.a", 3, 1_500_000_000)];
        assert_eq!(
            plan_as_text(&steps),
            "step     place        files    size  reason\n\
             compact  main.orders     40  4.3 kB  because\n\
             vacuum   main.a           3  1.5 GB  because\n"
        );
        assert_eq!(plan_summary(&steps), "Plan: 2 steps on 1.5 GB. Nothing was changed.");
        assert_eq!(plan_as_text(&[]), "");
    }

    #[test]
    fn room_that_is_taken_first_is_told() {
        let done = [UpkeepDone { files_added: 1, files_removed: 40, bytes_freed: -2_000 }];
        assert_eq!(
            done_summary(&done, 2),
            "Done 1 of 2: 40 files removed, 1 file written, 2.0 kB more until former versions are deleted."
        );
    }
}
