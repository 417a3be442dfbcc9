//! Running SQL and ending transactions.
//!
//! In: SQL text. Out: `(response, table)` pairs; the database's errors as diagnostics.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Error, State};

use crate::base::Table;
use crate::jinja::table::AgateTable;

use super::super::args::{bind, flag, given, required, wrong};
use super::super::core::Core;
use super::super::host::ExecuteOptions;
use super::convert::seed_type;
use super::relations::relation_argument;
use super::stubs;

type Answer = Result<Value, Error>;

/// `execute(sql, auto_begin=False, fetch=False, limit=None)`.
pub(super) fn execute(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [sql, auto_begin, fetch, limit] = bind("execute", args, ["sql", "auto_begin", "fetch", "limit"])?;
    let sql = required("execute", "sql", sql)?.to_string();
    let options = ExecuteOptions {
        auto_begin: flag(auto_begin.as_ref(), false),
        fetch: flag(fetch.as_ref(), false),
        limit: given(limit).and_then(|v| v.as_usize()).map(|n| n as u64),
        bindings: Vec::new(),
    };
    let answer = core.database("adapter.execute")?.execute(&sql, &options);
    let (response, table) = answer.map_err(|e| core.host_error(e))?;
    Ok(stubs::executed(response, table))
}

/// `add_query(sql, auto_begin=True, bindings=None, abridge_sql_log=False)`: there is no cursor to hand out.
pub(super) fn add_query(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [sql, auto_begin, bindings, _abridge] =
        bind("add_query", args, ["sql", "auto_begin", "bindings", "abridge_sql_log"])?;
    let sql = required("add_query", "sql", sql)?.to_string();
    let bindings = match given(bindings) {
        Some(list) => list.try_iter()?.map(|v| super::super::to_base(&v)).collect(),
        None => Vec::new(),
    };
    let options = ExecuteOptions { auto_begin: flag(auto_begin.as_ref(), true), bindings, ..ExecuteOptions::default() };
    let answer = core.database("adapter.add_query")?.execute(&sql, &options);
    answer.map_err(|e| core.host_error(e))?;
    Ok(stubs::NONE_PAIR())
}

pub(super) fn commit(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [] = bind("commit", args, [])?;
    core.database("adapter.commit")?.commit().map_err(|e| core.host_error(e))?;
    Ok(Value::from(()))
}

pub(super) fn rollback(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [] = bind("rollback", args, [])?;
    core.database("adapter.rollback")?.rollback().map_err(|e| core.host_error(e))?;
    Ok(Value::from(()))
}

/// `run_sql_for_tests(sql, fetch, conn)`: one row, all rows or nothing.
pub(super) fn run_sql_for_tests(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [sql, fetch, _conn] = bind("run_sql_for_tests", args, ["sql", "fetch", "conn"])?;
    let sql = required("run_sql_for_tests", "sql", sql)?.to_string();
    let options = ExecuteOptions { fetch: true, ..ExecuteOptions::default() };
    let answer = core.database("adapter.run_sql_for_tests")?.execute(&sql, &options);
    let (_, table) = answer.map_err(|e| core.host_error(e))?;
    let mut rows = table.rows.iter().map(|row| super::super::tuple(row.iter().map(super::super::to_value)));
    Ok(match fetch.as_ref().and_then(Value::as_str) {
        Some("one") => rows.next().unwrap_or_else(|| Value::from(())),
        Some("all") => super::super::list(rows),
        _ => Value::from(()),
    })
}

/// Whether a file can be read as a table.
pub(super) fn location_exists(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [location] = bind("location_exists", args, ["location"])?;
    let location = required("location_exists", "location", location)?.to_string().replace('\'', "''");
    let sql = format!("select 1 from '{location}' where 1=0");
    let found = core.database("adapter.location_exists")?.execute(&sql, &ExecuteOptions::default());
    Ok(Value::from(found.is_ok()))
}

/// `load_seed_rows(relation, agate_table, column_types=None)`: appends rows in one go; the number of rows.
pub(super) fn load_seed_rows(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [relation, table, types] = bind("load_seed_rows", args, ["relation", "agate_table", "column_types"])?;
    let relation = relation_argument("load_seed_rows", "relation", relation)?;
    let value = required("load_seed_rows", "agate_table", table)?;
    let table = value
        .downcast_object_ref::<AgateTable>()
        .ok_or_else(|| wrong("The agate_table argument to load_seed_rows() must be a table"))?;
    let types = given(types);
    let mut columns = table.columns().to_vec();
    for (index, column) in columns.iter_mut().enumerate() {
        let declared = types.as_ref().and_then(|types| given(types.get_item(&Value::from(column.name.as_str())).ok()));
        column.data_type = match declared {
            Some(declared) => declared.to_string(),
            None => seed_type(&value, index).unwrap_or("text").to_owned(),
        };
    }
    let database = core.database("adapter.load_seed_rows")?;
    let loaded = match table.file() {
        Some(file) => database.load_csv(&relation.path, &columns, file),
        None => database.load_rows(&relation.path, &Table { columns, rows: table.base().rows.clone() }),
    };
    Ok(Value::from(loaded.map_err(|e| core.host_error(e))?))
}
