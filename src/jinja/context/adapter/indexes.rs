//! Index configs.
//!
//! In: one entry of the `indexes` config. Out: an object with `columns`, `unique` and a name for the index.

use std::fmt;
use std::sync::Arc;

use md5::{Digest, Md5};
use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};

use crate::base;
use crate::diag::{Diagnostic, codes};

use super::super::args::{bind, given, required};
use super::super::core::Core;

/// `parse_index(raw_index)`.
pub(super) fn parse_index(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [raw] = bind("parse_index", args, ["raw_index"])?;
    let Some(raw) = given(raw) else { return Ok(Value::from(())) };
    let refuse = |message: &str| core.raise(Diagnostic::error(codes::CONFIG_INVALID, message));
    let base::Value::Map(map) = super::super::to_base(&raw) else {
        return Err(refuse("an index config must be a mapping with `columns`"));
    };
    if let Some(message) = unknown(map.keys()) {
        let problem = Diagnostic::error(codes::CONFIG_INVALID, message);
        return Err(core.raise(problem.help("an index config has `columns` and `unique`")));
    }
    let columns: Option<Vec<String>> = map.get("columns").and_then(base::Value::as_list).and_then(|items| {
        let name = |item: &base::Value| item.as_str().map(str::to_owned);
        items.iter().map(name).collect()
    });
    let columns = columns.ok_or_else(|| refuse("an index config needs `columns`, a list of names"))?;
    let unique = match map.get("unique") {
        None => false,
        Some(base::Value::Bool(unique)) => *unique,
        Some(other) => return Err(refuse(&format!("`unique` of an index config is true or false, not {other}"))),
    };
    Ok(Value::from_object(IndexConfig { columns, unique, salt: uuid::Uuid::new_v4().to_string() }))
}

/// What dbt says of keys that mean nothing: a misspelt one would lose an index without a word.
fn unknown<'m>(keys: impl Iterator<Item = &'m String>) -> Option<String> {
    let mut others: Vec<String> =
        keys.filter(|key| !["columns", "unique"].contains(&key.as_str())).map(|key| format!("'{key}'")).collect();
    others.sort();
    let verb = if others.len() == 1 { "was" } else { "were" };
    (!others.is_empty()).then(|| {
        let others = others.join(", ");
        format!("Could not parse index config: Additional properties are not allowed ({others} {verb} unexpected)")
    })
}

#[derive(Debug)]
struct IndexConfig {
    columns: Vec<String>,
    unique: bool,
    /// An index name is never used twice: engines refuse to create it again beside a table's backup, and a table may have two
    /// indexes that are alike.
    salt: String,
}

impl Object for IndexConfig {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "columns" => Some(super::super::list(self.columns.iter().map(|c| Value::from(c.as_str())))),
            "unique" => Some(Value::from(self.unique)),
            _ => None,
        }
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method != "render" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let [relation] = bind("render", args, ["relation"])?;
        let relation = required("render", "relation", relation)?.to_string();
        let unique = if self.unique { "True" } else { "False" };
        let parts: Vec<&str> =
            self.columns.iter().map(String::as_str).chain([relation.as_str(), unique, &self.salt]).collect();
        let digest = Md5::digest(parts.join("_").as_bytes());
        Ok(Value::from(digest.iter().map(|b| format!("{b:02x}")).collect::<String>()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unique = if self.unique { "True" } else { "False" };
        write!(f, "IndexConfig(columns={:?}, unique={unique})", self.columns)
    }
}
