//! The shadow catalog on DuckDB: an instance in memory with empty tables, and the binder's own plan.
//!
//! * [`types`]: types in the plan's JSON -> SQL; [`plan`]: the walk from plan to lineage; [`print`]: how a column is
//!   computed, as a number; [`casts`]: conversions that nobody wrote
//! * [`splice`]: readers of files, whose plan cannot be written down, become tables first
//!
//! Views are never made: a view is expanded at each reading, which doubles the work with every level of a diamond. Empty
//! tables cost the same at any depth.

mod casts;
mod plan;
mod print;
mod splice;
mod types;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value as Json;

use super::connection::DuckConnection;
use super::instance::Instance;
use super::settings::{Settings, literal};
use super::{delta, engine, signatures};
use crate::adapters::shadow::column::Print;
use crate::adapters::shadow::{BindError, BindProblem, Bound, BoundLineage, Shadow, ShadowColumn};
use crate::adapters::{AdapterError, Connection, Fetch};
use crate::base::{Dict, Relation, Value};

/// The prefix that makes a query a statement which names its columns.
const PREFIX: &str = "create table __transform_bound as\n";

/// Leaves out of the JSON what says nothing.
const SHORT: &str = "skip_null := true, skip_empty := true, skip_default := true";

/// Raise it when the walk gives other answers for the same plan: what is remembered of former ones is then forgotten.
const READING: &str = "3";

/// The shadow of one target.
pub(super) struct DuckShadow {
    connection: DuckConnection,
    databases: HashSet<String>,
    schemas: HashSet<(String, String)>,
    home: String,
    options: String,
    /// Readers of files by their text, as written: the table that stands for each.
    readers: HashMap<String, Option<String>>,
}

impl DuckShadow {
    /// An empty catalog with the session settings of a target.
    pub(super) fn open(options: &Dict, target: &Settings) -> Result<Self, AdapterError> {
        let mut own = Dict::new();
        own.insert("type".into(), "duckdb".into());
        own.insert("path".into(), ":memory:".into());
        for key in ["settings", "extensions"] {
            if let Some(value) = options.get(key) {
                own.insert(key.into(), value.clone());
            }
        }
        let settings = Arc::new(Settings::parse(&own, std::path::Path::new("."))?);
        let instance = Arc::new(Instance::open(&settings)?);
        let connection = DuckConnection::new(instance, settings)?;
        let databases = ["memory", "system", "temp"].map(str::to_owned).into();
        let [database, schema] = [&target.database, &target.schema].map(|n| quoted(n));
        let home = format!("use {database}.{schema}");
        let mut shadow = Self {
            connection,
            databases,
            schemas: HashSet::new(),
            home: home.clone(),
            options: Value::Map(own).to_string(),
            readers: HashMap::new(),
        };
        shadow.connection.execute(
            "set threads = 1; set autoinstall_known_extensions = false; set autoload_known_extensions = false",
            Fetch::None,
        )?;
        shadow.room(&Relation::new(target.database.as_str(), target.schema.as_str(), ""))?;
        shadow.connection.execute(&home, Fetch::None)?;
        Ok(shadow)
    }

    /// The database and the schema of a relation, in memory.
    fn room(&mut self, relation: &Relation) -> Result<(), AdapterError> {
        let (database, schema, _) = relation.key();
        if !database.is_empty() && self.databases.insert(database.clone()) {
            let sql = format!("attach if not exists ':memory:' as {}", quoted(&database));
            self.connection.execute(&sql, Fetch::None)?;
        }
        if !schema.is_empty() && self.schemas.insert((database.clone(), schema.clone())) {
            let name =
                if database.is_empty() { quoted(&schema) } else { [&database, &schema].map(|n| quoted(n)).join(".") };
            self.connection.execute(&format!("create schema if not exists {name}"), Fetch::None)?;
        }
        Ok(())
    }

    fn plan(&mut self, sql: &str) -> Result<Json, BindError> {
        let wanted = format!("select json_serialize_plan({}, {SHORT})", literal(&format!("{PREFIX}{sql}")));
        self.json(&wanted)
    }

    /// The plans of several queries by one statement, which is most of what planning a short one costs. None if the engine
    /// gives up on one of them.
    fn plans(&mut self, queries: &[&str]) -> Option<Vec<Result<Json, BindError>>> {
        let row = |(index, sql): (usize, &&str)| format!("({index}, {})", literal(&format!("{PREFIX}{sql}")));
        let rows: Vec<String> = queries.iter().enumerate().map(row).collect();
        let wanted = format!(
            "select number, json_serialize_plan(query, {SHORT}) from (values {}) as asked(number, query)",
            rows.join(", ")
        );
        let table = self.connection.execute(&wanted, Fetch::All).ok()?.table;
        let mut answers: Vec<Option<Result<Json, BindError>>> = queries.iter().map(|_| None).collect();
        for row in table.rows {
            let mut row = row.into_iter();
            let (Some(Value::Int(number)), Some(Value::Str(text))) = (row.next(), row.next()) else { return None };
            *answers.get_mut(usize::try_from(number).ok()?)? = Some(read(&text));
        }
        answers.into_iter().collect()
    }

    /// The JSON that a query gives in one value.
    fn json(&mut self, wanted: &str) -> Result<Json, BindError> {
        let table = self.connection.execute(wanted, Fetch::All).map_err(|e| refused(&e))?.table;
        let text = match table.rows.into_iter().next().and_then(|row| row.into_iter().next()) {
            Some(Value::Str(text)) => text,
            _ => String::new(),
        };
        read(&text)
    }

    /// The columns of a query whose plan cannot be written down.
    fn describe(&mut self, sql: &str) -> Result<Vec<ShadowColumn>, BindError> {
        let table = self.connection.execute(&format!("describe {sql}"), Fetch::All).map_err(|e| refused(&e))?.table;
        let text = |value: Option<&Value>| value.map(ToString::to_string).unwrap_or_default();
        let rows = table.rows.iter();
        Ok(rows.map(|row| ShadowColumn { name: text(row.first()), data_type: text(row.get(1)) }).collect())
    }
}

impl DuckShadow {
    /// What the engine answered to one query.
    fn answered(&mut self, sql: &str, answer: &Json) -> Result<Bound, BindError> {
        if answer.get("error").and_then(Json::as_bool) == Some(true) {
            let kind = answer.get("error_type").and_then(Json::as_str).unwrap_or_default();
            let text = answer.get("error_message").and_then(Json::as_str).unwrap_or_default();
            if text.contains("statement of type MULTI") {
                return Err(BindError { problem: BindProblem::Dynamic, ..other(first_line(text)) });
            }
            if is_unserializable(kind, text) {
                return self.bind_spliced(sql, first_line(text));
            }
            return Err(objection(answer, sql.len()));
        }
        let plans = answer.get("plans").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let [plan] = plans else {
            return Err(other(format!("one statement is expected, found {}", plans.len())));
        };
        let columns = match plan::columns(plan, self.keywords()) {
            Some(columns) => columns,
            None => self.describe(sql)?,
        };
        let lineage = plan::lineage(plan, columns.len(), &format!("{PREFIX}{sql}"));
        Ok(Bound { columns, lineage })
    }

    fn keywords(&self) -> &HashSet<String> {
        &self.connection.instance().keywords
    }

    /// Binds a query whose plan cannot be written down as it is: with tables in place of readers of files.
    fn bind_spliced(&mut self, sql: &str, why: String) -> Result<Bound, BindError> {
        let columns = self.describe(sql)?;
        let lineage = self.spliced_lineage(sql, &columns).unwrap_or(Err(why));
        Ok(Bound { columns, lineage })
    }

    fn spliced_lineage(&mut self, sql: &str, columns: &[ShadowColumn]) -> Option<Result<BoundLineage, String>> {
        let wanted = format!("select json_serialize_sql({}, {SHORT})", literal(sql));
        let tree = self.json(&wanted).ok()?;
        let mut pieces = splice::readers(&tree, sql);
        let mut stands_for = BTreeMap::new();
        for piece in &mut pieces {
            let splice::Replacement::Reader { text, alias } = &piece.with else { continue };
            let table = self.reader(text)?;
            stands_for.insert(table.clone(), text.clone());
            let alias = alias.as_deref().map(|a| format!(" as {}", quoted(a))).unwrap_or_default();
            piece.with = splice::Replacement::Text(format!("memory.main.{table}{alias}"));
        }
        if pieces.is_empty() {
            return None;
        }
        let text = splice::apply(sql, &pieces);
        let answer = self.plan(&text).ok()?;
        let [plan] = answer.get("plans").and_then(Json::as_array).map_or(&[][..], Vec::as_slice) else { return None };
        let names: Vec<ShadowColumn> = plan::columns(plan, self.keywords())?;
        if names != columns {
            return None;
        }
        let lineage = plan::lineage(plan, columns.len(), &format!("{PREFIX}{text}"));
        Some(lineage.map(|found| found.renamed(&|relation| original(relation, &stands_for))))
    }

    /// The table that stands for a reader, made at its first appearance.
    fn reader(&mut self, text: &str) -> Option<String> {
        if let Some(known) = self.readers.get(text) {
            return known.clone();
        }
        let mut print = Print::default();
        let name = format!("__transform_file_{:016x}", print.text(text).number());
        let made = self.describe(&format!("select * from {text}")).ok().and_then(|columns| {
            self.declare(&Relation::new("memory", "main", name.as_str()), &columns).ok()?;
            Some(name)
        });
        self.readers.insert(text.to_owned(), made.clone());
        made
    }
}

/// The reader behind a table that stands for one, as a relation whose name is the reader's text.
fn original(relation: &Relation, stands_for: &BTreeMap<String, String>) -> Option<Relation> {
    let text = stands_for.get(relation.identifier.as_deref()?)?;
    Some(Relation { identifier: Some(text.clone()), ..Relation::default() })
}

impl Shadow for DuckShadow {
    fn define(&mut self, sql: &str) -> Result<(), BindError> {
        self.connection.execute(sql, Fetch::None).map(drop).map_err(|e| refused(&e))
    }

    fn make_room(&mut self, relation: &Relation) -> Result<(), BindError> {
        self.room(relation).map_err(|e| refused(&e))
    }

    fn identity(&self) -> String {
        format!("{} {READING} {} {}", engine::version(), self.home, self.options)
    }

    fn fork(&self) -> Result<Box<dyn Shadow>, AdapterError> {
        let instance = Arc::clone(self.connection.instance());
        let settings = Arc::new(self.connection.settings().clone());
        let mut connection = DuckConnection::new(instance, settings)?;
        connection.execute(&self.home, Fetch::None)?;
        Ok(Box::new(Self {
            connection,
            databases: self.databases.clone(),
            schemas: self.schemas.clone(),
            home: self.home.clone(),
            options: self.options.clone(),
            readers: HashMap::new(),
        }))
    }

    fn declare(&mut self, relation: &Relation, columns: &[ShadowColumn]) -> Result<(), BindError> {
        self.make_room(relation)?;
        let list: Vec<String> = columns.iter().map(|c| format!("{} {}", quoted(&c.name), c.data_type)).collect();
        let sql = format!("create or replace table {} ({})", relation.quoted(), list.join(", "));
        self.connection.execute(&sql, Fetch::None).map_err(|e| refused(&e))?;
        Ok(())
    }

    fn bind(&mut self, sql: &str) -> Result<Bound, BindError> {
        if let Some(spliced) = delta::splice(sql).map_err(|e| refused(&e))? {
            return self.bind(&spliced.sql).map_err(|mut error| {
                error.span = error.span.map(|at| spliced.original(at.start)..spliced.original(at.end));
                error
            });
        }
        let sql = trimmed(sql);
        let answer = self.plan(sql)?;
        self.answered(sql, &answer)
    }

    fn bind_all(&mut self, queries: &[&str]) -> Vec<Result<Bound, BindError>> {
        let queries: Vec<&str> = queries.iter().map(|sql| trimmed(sql)).collect();
        let as_written = queries.len() > 1 && !queries.iter().any(|sql| delta::has_calls(sql));
        let answers = if as_written { self.plans(&queries) } else { None };
        match answers {
            Some(answers) => queries.iter().zip(answers).map(|(sql, answer)| self.answered(sql, &answer?)).collect(),
            None => queries.iter().map(|sql| self.bind(sql)).collect(),
        }
    }
}

/// A query without what ends it.
fn trimmed(sql: &str) -> &str {
    sql.trim_end().trim_end_matches(';')
}

/// The engine's JSON. Constants that are not finite are printed bare.
fn read(text: &str) -> Result<Json, BindError> {
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&finite(text)))
        .map_err(|e| other(format!("the engine's plan cannot be read: {e}")))
}

/// The binder is content, but the plan cannot be written down: readers of files, pivots whose values are not listed.
fn is_unserializable(kind: &str, text: &str) -> bool {
    kind.eq_ignore_ascii_case("not implemented")
        || kind.eq_ignore_ascii_case("serialization")
        || text.contains("Serialize not implemented")
        || text.contains("does not support serialization")
        || text.contains("INTERNAL Error")
        || kind.eq_ignore_ascii_case("internal")
}

fn objection(answer: &Json, len: usize) -> BindError {
    let text = |key: &str| answer.get(key).and_then(Json::as_str).unwrap_or_default();
    let message = signatures::fewer(text("error_message"));
    let problem = match (text("error_type"), text("error_subtype"), text("type")) {
        ("parser" | "syntax", ..) | (_, "SYNTAX_ERROR", _) => BindProblem::Syntax,
        (_, "COLUMN_NOT_FOUND", _) => BindProblem::MissingColumn,
        (_, "MISSING_ENTRY", "Table") => BindProblem::MissingRelation,
        ("catalog", ..) if message.starts_with("Table with name") => BindProblem::MissingRelation,
        (_, "MISSING_ENTRY" | "NO_MATCHING_FUNCTION", _) => BindProblem::Function,
        ("io" | "http", ..) => BindProblem::File,
        _ => BindProblem::Other,
    };
    let candidates = match problem {
        // A comma there stands between arguments as well.
        BindProblem::Function if text("error_subtype") == "NO_MATCHING_FUNCTION" => Vec::new(),
        _ => text("candidates").split(',').map(str::trim).filter(|c| !c.is_empty()).map(str::to_owned).collect(),
    };
    let name = Some(text("name")).filter(|n| !n.is_empty()).map(str::to_owned);
    // Where the table or the clause is named, the engine says it in words only.
    let (problem, name) = match told_missing(&message) {
        Some(column) if problem == BindProblem::Other => (BindProblem::MissingColumn, Some(column.to_owned())),
        _ => (problem, name),
    };
    let candidates = match message.split_once("Candidate bindings:") {
        Some((_, list)) if problem == BindProblem::MissingColumn && candidates.is_empty() => {
            list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
        }
        _ => candidates,
    };
    BindError { problem, message, name, span: place(answer, len), candidates }
}

/// The column that an objection calls missing.
fn told_missing(message: &str) -> Option<&str> {
    let of_table = message.split_once(" does not have a column named \"").map(|(_, rest)| rest);
    let of_clause = message.strip_prefix("Column \"").map(|rest| rest.trim_start_matches('"')).filter(|rest| {
        let said = rest.split_once('"').map_or("", |(_, said)| said.trim_start_matches('"').trim_start());
        ["in EXCLUDE list not found", "in REPLACE list not found", "does not exist on", "referenced in UNPIVOT but no"]
            .iter()
            .any(|words| said.starts_with(words))
    });
    of_table.or(of_clause)?.split('"').next().filter(|name| !name.is_empty())
}

/// `location` is `[start,length]` in bytes, of the statement with our prefix.
fn place(answer: &Json, len: usize) -> Option<Range<usize>> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let (start, length) = match answer.get("location").and_then(Json::as_str) {
        Some(text) => {
            let (start, length) = text.trim_matches(['[', ']']).split_once(',')?;
            (number(start)?, number(length)?)
        }
        None => (number(answer.get("position")?.as_str()?)?, 0),
    };
    let start = start.checked_sub(PREFIX.len())?.min(len);
    Some(start..(start + length).min(len))
}

fn refused(error: &AdapterError) -> BindError {
    BindError { candidates: error.candidates.clone(), ..other(error.message.clone()) }
}

fn other(message: String) -> BindError {
    BindError { problem: BindProblem::Other, message, name: None, span: None, candidates: Vec::new() }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Bare `nan`, `inf` and `-inf` of a JSON text as null. Strings are left alone.
fn finite(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_text = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if in_text {
            let step = if c == '\\' { 1 + rest[1..].chars().next().map_or(0, char::len_utf8) } else { c.len_utf8() };
            in_text = c != '"';
            out.push_str(&rest[..step]);
            rest = &rest[step..];
            continue;
        }
        let bare = ["-infinity", "infinity", "-inf", "inf", "-nan", "nan"];
        if let Some(word) = bare.iter().find(|w| rest.get(..w.len()).is_some_and(|r| r.eq_ignore_ascii_case(w))) {
            out.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        in_text = c == '"';
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}
