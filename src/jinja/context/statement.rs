//! Results of statements: `store_result`, `load_result` and the objects that they hand over.
//!
//! In: what the `statement` macro stores. Out: result objects with `response`, `data` and `table`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};

use crate::base::Table;
use crate::diag::{Diagnostic, codes};
use crate::jinja::table::AgateTable;
use crate::node::ResourceType;

use super::args::{bind, given, required_text};
use super::core::Core;
use super::host::AdapterResponse;

/// The results of one render by name; `None` once they were handed over.
pub(super) type Results = HashMap<String, Option<Arc<ResultObject>>>;

/// A stored result: prints like the dict that it is in dbt. `data` is made when it is asked for.
#[derive(Debug)]
pub(super) struct ResultObject {
    response: Value,
    table: Value,
    data: OnceLock<Value>,
}

impl ResultObject {
    /// The engine's answer, if a statement gave one.
    pub(super) fn adapter_response(&self) -> Option<&AdapterResponse> {
        self.response.downcast_object_ref::<ResponseObject>().map(|r| &r.0)
    }

    /// The rows.
    pub(super) fn table(&self) -> &Value {
        &self.table
    }
}

impl Object for ResultObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "response" => self.response.clone(),
            "table" => self.table.clone(),
            "data" => self.data.get_or_init(|| super::table_rows(&self.table)).clone(),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["response", "data", "table"])
    }
}

/// dbt's `AdapterResponse` as templates see it: prints as its message.
#[derive(Debug)]
pub(super) struct ResponseObject(pub(super) AdapterResponse);

impl Object for ResponseObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let none = || Value::from(());
        Some(match key.as_str()? {
            "_message" => Value::from(self.0.message.as_str()),
            "code" => self.0.code.as_deref().map_or_else(none, Value::from),
            "rows_affected" => self.0.rows_affected.map_or_else(none, Value::from),
            "query_id" => none(),
            _ => return None,
        })
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, _: &[Value]) -> Result<Value, Error> {
        if method != "to_dict" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let key = |name: &str| self.get_value(&Value::from(name)).unwrap_or_default();
        let keys = ["_message", "code", "rows_affected", "query_id"];
        Ok(super::dict(keys.map(|name| (name, key(name)))))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

fn store(core: &Core, name: String, response: Value, table: Option<Value>) -> Value {
    let table = given(table).unwrap_or_else(|| super::table_value(Table::default()));
    let result = Arc::new(ResultObject { response, table, data: OnceLock::new() });
    if let Some(database) = core.database.as_ref().filter(|_| name == "main") {
        database.main_done(result.adapter_response().and_then(|response| response.rows_affected));
    }
    core.results.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Some(result));
    Value::from("")
}

/// `store_result(name, response, agate_table)`.
pub(super) fn store_result(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [name, response, table] = bind("store_result", args, ["name", "response", "agate_table"])?;
    let name = required_text("store_result", "name", name)?;
    Ok(store(core, name, response.unwrap_or_else(|| Value::from(())), table))
}

/// `store_raw_result(name, message, code, rows_affected, agate_table)`.
pub(super) fn store_raw_result(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let parameters = ["name", "message", "code", "rows_affected", "agate_table"];
    let [name, message, code, rows_affected, table] = bind("store_raw_result", args, parameters)?;
    let name = required_text("store_raw_result", "name", name)?;
    let rows_affected = given(rows_affected);
    let response = AdapterResponse {
        message: given(message).map(|v| super::shown(&v)).unwrap_or_default(),
        code: given(code).map(|v| v.to_string()),
        rows_affected: rows_affected.and_then(|v| v.as_i64().or_else(|| v.to_string().parse().ok())),
    };
    Ok(store(core, name, Value::from_object(ResponseObject(response)), table))
}

/// `load_result(name)`: once per name, except for `main`.
pub(super) fn load_result(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [name] = bind("load_result", args, ["name"])?;
    let name = required_text("load_result", "name", name)?;
    let mut results = core.results.lock().unwrap_or_else(PoisonError::into_inner);
    let found = match results.get_mut(&name) {
        None => return Ok(Value::from(())),
        Some(slot) if name == "main" => slot.clone(),
        Some(slot) => slot.take(),
    };
    drop(results);
    found.map(Value::from_dyn_object).ok_or_else(|| {
        core.compiler_error(format!("The 'statement' result named '{name}' has already been loaded into a variable"))
    })
}

/// `load_agate_table()`: the rows of the seed that is being built.
pub(super) fn load_agate_table(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [] = bind("load_agate_table", args, [])?;
    let node = core.facts.node.as_ref().filter(|node| node.resource_type == ResourceType::Seed);
    let Some(node) = node else {
        let kind = core.facts.resource_type.map_or("macro", ResourceType::as_str);
        return Err(core.compiler_error(format!("can only load_agate_table for seeds (got a {kind})")));
    };
    let files =
        core.shared.files.as_ref().ok_or_else(|| {
            core.raise(Diagnostic::error(codes::JINJA_RUNTIME, "load_agate_table() cannot be used here"))
        })?;
    let (shape, file) = files.seed(node).map_err(|diagnostic| core.raise(diagnostic))?;
    // `--empty`: the columns and types of the file, and none of its rows.
    if core.shared.flags.get("EMPTY").is_some_and(crate::base::Value::is_truthy) {
        return Ok(Value::from_object(AgateTable::of_file(shape.emptied(), None)));
    }
    Ok(Value::from_object(AgateTable::of_file(shape, file)))
}
