//! What a change means for readers, as text, Markdown and JSON.
//!
//! In: an [`Impact`] with the names of its nodes. Out: text: for a terminal, for a comment on a pull request, for programs.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::base::{NodeId, Value};
use crate::lineage::{Change, ColumnId, ColumnImpact, Fate, Impact, Influence, NodeImpact, Readers, RowsImpact};
use crate::node::Project;
use crate::node::previous::Difference;

/// Names that a line shows before it counts the rest.
const SHOWN: usize = 6;

/// An impact with what it takes to name things.
pub struct ImpactReport<'a> {
    /// The changes.
    pub impact: &'a Impact,
    /// The project as it is.
    pub now: &'a Project,
    /// The project as it was.
    pub before: &'a Project,
    /// The folder of the earlier state.
    pub state: &'a str,
}

impl ImpactReport<'_> {
    /// Renders as `text`, `markdown` or `json`.
    pub fn render(&self, output: &str) -> String {
        match output {
            "json" => serde_json::to_string_pretty(&self.as_json()).unwrap_or_default(),
            "markdown" => self.as_markdown(),
            _ => self.as_text(),
        }
    }

    fn node(&self, id: &NodeId) -> String {
        for project in [self.now, self.before] {
            if let Some(node) = project.nodes.get(id) {
                return node.search_name();
            }
            if let Some(source) = project.sources.get(id) {
                return format!("{}.{}", source.source_name, source.name);
            }
        }
        if let Some(exposure) = self.now.exposures.get(id) {
            return exposure.name.clone();
        }
        self.now.semantics.get(id).map_or_else(|| id.to_string(), |s| s.name.clone())
    }

    fn path(&self, id: &NodeId) -> Option<&str> {
        let node = self.now.nodes.get(id).or_else(|| self.before.nodes.get(id));
        node.map(|n| n.original_path.as_str())
    }

    fn column(&self, column: &ColumnId) -> String {
        format!("{}.{}", self.node(&column.node), column.column)
    }

    /// `a, b and 3 more`.
    fn some(names: impl Iterator<Item = String>) -> String {
        let names: Vec<String> = names.collect();
        match names.get(..SHOWN) {
            Some(first) if names.len() > SHOWN => format!("{} and {} more", first.join(", "), names.len() - SHOWN),
            _ => names.join(", "),
        }
    }

    /// One sentence about all of it.
    pub fn summary(&self) -> String {
        let nodes = &self.impact.nodes;
        if nodes.is_empty() {
            return format!("Nothing that readers could notice has changed since {}", self.state);
        }
        let own = nodes.iter().filter(|n| n.own).count();
        let through = nodes.len() - own;
        let mut text = format!("Since {}: {} changed", self.state, counted(own, "node"));
        if through > 0 {
            let _ = write!(text, ", {} through parents", counted(through, "more"));
        }
        let _ = match self.impact.breaking() {
            0 => write!(text, "; nothing breaks readers"),
            1 => write!(text, "; 1 breaks its readers"),
            n => write!(text, "; {n} break their readers"),
        };
        if self.impact.unsure() > 0 {
            let _ = write!(text, "; {} cannot be judged in full", self.impact.unsure());
        }
        text
    }

    fn as_text(&self) -> String {
        let mut out = self.summary();
        for node in &self.impact.nodes {
            let mut notes = Vec::new();
            if node.fate != Fate::Changed {
                notes.push(node.fate.as_str());
            }
            if !node.own {
                notes.push("through its parents");
            }
            if !node.breaking().is_empty() {
                notes.push("BREAKING");
            }
            let path = self.path(&node.id).map(|p| format!(" ({p})")).unwrap_or_default();
            let notes = if notes.is_empty() { String::new() } else { format!(": {}", notes.join(", ")) };
            let _ = write!(out, "\n\n{}{path}{notes}", self.node(&node.id));
            if let Some(problem) = &node.failure {
                let place = problem.span.as_ref().map(|s| {
                    let at = s.file.position(s.start);
                    format!(" at {}:{}:{}", s.file.path, at.line, at.column)
                });
                let _ = write!(out, "\n  ! {}{}", problem.message, place.unwrap_or_default());
            }
            if let Some((was, is)) = &node.renamed {
                let is = is.as_deref().map_or("not made any more".to_owned(), |is| format!("now called {is}"));
                let _ = write!(out, "\n  ! its relation {was} is {is}");
            }
            let width = node.columns.iter().map(|c| c.column.chars().count()).max().unwrap_or_default();
            for column in &node.columns {
                let _ =
                    write!(out, "\n  {} {:width$}  {}", sign(&column.change), column.column, in_words(&column.change),);
                while out.ends_with(' ') {
                    out.pop();
                }
                for line in self.readers(&column.readers, matches!(column.change, Change::Removed { .. })) {
                    let _ = write!(out, "\n      {line}");
                }
            }
            if let Some(rows) = &node.rows {
                let _ = write!(out, "\n  ~ rows: {}", self.rows(rows));
            }
            for difference in &node.differences {
                let _ = write!(out, "\n  ~ {}", different(difference));
            }
            if !node.reaches.is_empty() && node.rows.is_none() {
                let _ = write!(out, "\n      reaches {}", self.reaches(node));
            }
            if let Some(why) = &node.unknown {
                let _ = write!(out, "\n  ? {why}");
            }
            if !node.outlets.is_empty() {
                let _ = write!(out, "\n  read by {}", self.outlets(node));
            }
        }
        out
    }

    fn outlets(&self, node: &NodeImpact) -> String {
        let name = |id: &NodeId| format!("{} {}", id.resource_type().replace('_', " "), self.node(id));
        Self::some(node.outlets.iter().map(name))
    }

    fn readers(&self, readers: &Readers, former: bool) -> Vec<String> {
        let (read, decides) = if former { ("was read by", "decided") } else { ("read by", "decides") };
        let mut lines = Vec::new();
        if !readers.columns.is_empty() {
            lines.push(format!("{read} {}", Self::some(readers.columns.iter().map(|c| self.column(c)))));
        }
        if !readers.deciding.is_empty() {
            let names = Self::some(readers.deciding.iter().map(|id| self.node(id)));
            lines.push(format!("{decides} about rows of {names}"));
        }
        if !readers.tests.is_empty() {
            lines.push(format!("tested by {}", Self::some(readers.tests.iter().map(|id| self.node(id)))));
        }
        lines
    }

    fn reaches(&self, node: &NodeImpact) -> String {
        Self::some(node.reaches.iter().map(|id| self.node(id)))
    }

    fn rows(&self, rows: &RowsImpact) -> String {
        let decided = |(column, how): &(ColumnId, Influence)| format!("{} ({})", self.column(column), how.as_str());
        let mut parts = Vec::new();
        if !rows.new.is_empty() {
            parts.push(format!("now decided by {}", Self::some(rows.new.iter().map(decided))));
        }
        if !rows.gone.is_empty() {
            let verb = if rows.new.is_empty() { "no longer decided by" } else { "no longer by" };
            parts.push(format!("{verb} {}", Self::some(rows.gone.iter().map(decided))));
        }
        if parts.is_empty() {
            parts.push("other ones come out, or in another order".to_owned());
        }
        if !rows.readers.is_empty() {
            parts.push(format!("reaches {}", Self::some(rows.readers.iter().map(|id| self.node(id)))));
        }
        parts.join("; ")
    }

    /// A table with a line for each change, those that break first.
    fn as_markdown(&self) -> String {
        let mark = match (self.impact.breaking(), self.impact.unsure()) {
            (0, 0) => "🟢",
            (0, _) => "🟡",
            _ => "🔴",
        };
        let mut out = format!("### {mark} {}\n", escaped(&self.summary()));
        if self.impact.nodes.is_empty() {
            return out;
        }
        out.push_str("\n| | Model | What changes | Who reads it |\n|---|---|---|---|\n");
        let mut lines: Vec<(bool, String)> = Vec::new();
        let mut add = |breaking: bool, node: &NodeImpact, what: String, readers: String| {
            let mark = if breaking { "🔴" } else { "" };
            let through = if node.own { "" } else { " (through its parents)" };
            let line = format!("| {mark} | `{}`{through} | {what} | {readers} |\n", self.node(&node.id));
            lines.push((!breaking, line));
        };
        for node in &self.impact.nodes {
            if node.fate != Fate::Changed {
                let readers = escaped(&self.outlets(node));
                add(!node.breaking().is_empty(), node, node.fate.as_str().to_owned(), readers);
            }
            if let Some(problem) = &node.failure {
                add(true, node, escaped(&problem.message), escaped(&self.outlets(node)));
            }
            if let Some((was, is)) = &node.renamed {
                let is = is.as_deref().map_or("not made any more".to_owned(), |is| format!("now called `{is}`"));
                add(true, node, format!("relation `{was}` is {is}"), escaped(&self.outlets(node)));
            }
            let told = if node.fate == Fate::Changed { node.columns.as_slice() } else { &[] };
            for column in told {
                let readers = self.readers(&column.readers, matches!(column.change, Change::Removed { .. }));
                let outlets = (!node.outlets.is_empty()).then(|| format!("read by {}", self.outlets(node)));
                let readers: Vec<String> = readers.into_iter().chain(outlets).map(|line| escaped(&line)).collect();
                let what = format!("`{}` {}", column.column, escaped(&in_words(&column.change)));
                add(node.breaks(column).is_some(), node, what, readers.join("<br>"));
            }
            if let Some(rows) = &node.rows {
                add(false, node, "rows".to_owned(), escaped(&self.rows(rows)));
            }
            for difference in &node.differences {
                let reaches = self.reaches(node);
                let readers = if reaches.is_empty() { String::new() } else { format!("reaches {reaches}") };
                add(
                    difference.moves().is_some() && !node.inside,
                    node,
                    escaped(&different(difference)),
                    escaped(&readers),
                );
            }
            if let Some(why) = &node.unknown {
                add(false, node, format!("🟡 {}", escaped(why)), String::new());
            }
        }
        lines.sort_by_key(|(order, _)| *order);
        lines.into_iter().for_each(|(_, line)| out.push_str(&line));
        out
    }

    fn as_json(&self) -> Json {
        let nodes: Vec<Json> = self.impact.nodes.iter().map(node_json).collect();
        let (breaking, unsure) = (self.impact.breaking() > 0, self.impact.unsure() > 0);
        json!({"state": self.state, "breaking": breaking, "unsure": unsure, "nodes": nodes})
    }
}

fn node_json(node: &NodeImpact) -> Json {
    let ids = |ids: &mut dyn Iterator<Item = &NodeId>| ids.map(ToString::to_string).collect::<Vec<_>>();
    let place = |c: &ColumnId| json!({"node": c.node.as_str(), "column": c.column});
    let column = |c: &ColumnImpact| {
        let mut entry = json!({
            "name": c.column,
            "change": c.change.as_str(),
            "breaking": node.fate == Fate::Removed && !node.inside || node.breaks(c).is_some(),
            "readers": {
                "columns": c.readers.columns.iter().map(place).collect::<Vec<_>>(),
                "rows_of": ids(&mut c.readers.deciding.iter()),
                "tests": ids(&mut c.readers.tests.iter()),
            },
        });
        match &c.change {
            Change::Removed { now_called: Some(new) } => entry["now_called"] = new.as_str().into(),
            Change::Retyped { was, is, wider } => {
                entry["was"] = was.as_str().into();
                entry["is"] = is.as_str().into();
                entry["wider"] = (*wider).into();
            }
            _ => {}
        }
        entry
    };
    let mut entry = json!({
        "unique_id": node.id.as_str(),
        "change": node.fate.as_str(),
        "own": node.own,
        "breaking": node.breaking(),
        "columns": node.columns.iter().map(column).collect::<Vec<_>>(),
        "outlets": ids(&mut node.outlets.iter()),
    });
    if let Some(problem) = &node.failure {
        entry["error"] = json!({"code": problem.code.as_str(), "message": problem.message});
    }
    if let Some((was, is)) = &node.renamed {
        entry["relation"] = json!({"was": was, "is": is});
    }
    if let Some(rows) = &node.rows {
        let decided = |(c, how): &(ColumnId, Influence)| json!({"node": c.node.as_str(), "column": c.column, "kind": how.as_str()});
        entry["rows"] = json!({
            "new": rows.new.iter().map(decided).collect::<Vec<_>>(),
            "gone": rows.gone.iter().map(decided).collect::<Vec<_>>(),
            "readers": ids(&mut rows.readers.iter()),
        });
    }
    if !node.differences.is_empty() {
        entry["differences"] = node.differences.iter().map(difference_json).collect();
        entry["reaches"] = ids(&mut node.reaches.iter()).into();
    }
    if let Some(why) = &node.unknown {
        entry["not_compared"] = why.as_str().into();
    }
    entry
}

fn difference_json(difference: &Difference) -> Json {
    let value = |value: &Option<Value>| value.as_ref().map_or(Json::Null, Value::to_json);
    match difference {
        Difference::Config { key, was, is } => {
            json!({"kind": "config", "key": key, "was": value(was), "is": value(is)})
        }
        Difference::File => json!({"kind": "file"}),
        Difference::Table { was, is } => json!({"kind": "table", "was": was, "is": is}),
        Difference::Macros(names) => json!({"kind": "macros", "names": names}),
    }
}

/// `unique_key: was id, is n`.
fn different(difference: &Difference) -> String {
    match difference {
        Difference::Config { key, was, is } => match (was, is) {
            (Some(was), Some(is)) => format!("{key}: was {}, is {}", brief(was), brief(is)),
            (None, Some(is)) => format!("{key}: is {}, was not set", brief(is)),
            (Some(was), None) => format!("{key}: was {}, is not set", brief(was)),
            (None, None) => format!("{key}: is another"),
        },
        Difference::File => "rows: those of its file are others".to_owned(),
        Difference::Table { was, is } => format!("its table was {was}, is {is}"),
        Difference::Macros(names) => {
            format!("what runs beside its SQL is another: {} changed", names.join(", "))
        }
    }
}

/// A value in one line that is not too long.
fn brief(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn sign(change: &Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed { .. } => '-',
        Change::Retyped { .. } | Change::Recomputed => '~',
    }
}

fn in_words(change: &Change) -> String {
    match change {
        Change::Added => "is new".to_owned(),
        Change::Removed { now_called: None } => "is gone".to_owned(),
        Change::Removed { now_called: Some(new) } => format!("is now called {new}"),
        Change::Retyped { was, is, wider: true } => format!("was {was}, is {is}, which holds every former value"),
        Change::Retyped { was, is, wider: false } => format!("was {was}, is {is}"),
        Change::Recomputed => "is computed otherwise".to_owned(),
    }
}

/// `1 node`, `2 nodes`; `more` has no plural.
fn counted(count: usize, what: &str) -> String {
    if count == 1 || what == "more" { format!("{count} {what}") } else { format!("{count} {what}s") }
}

/// Text that a Markdown table shows as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
