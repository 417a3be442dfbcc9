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
    let columns: Option<Vec<String>> =
        map.get("columns").and_then(base::Value::as_list).map(|items| items.iter().map(ToString::to_string).collect());
    let columns = columns.ok_or_else(|| refuse("an index config needs `columns`, a list of names"))?;
    let unique = map.get("unique").is_some_and(base::Value::is_truthy);
    Ok(Value::from_object(IndexConfig { columns, unique, salt: uuid::Uuid::new_v4().to_string() }))
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
