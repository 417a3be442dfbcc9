//! Columns of relations and queries.
//!
//! In: relations, SQL. Out: lists of [`ColumnObject`]s.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Error, State};

use crate::base::Relation;

use super::super::args::{bind, given, required};
use super::super::column::ColumnObject;
use super::super::core::Core;
use super::super::relation::RelationObject;
use super::relations::relation_argument;

type Answer = Result<Value, Error>;

const MACRO: &str = "get_columns_in_relation";

/// The columns of a relation. The macro of that name is called only where the project replaces it: asking the engine
/// straight gives the same answer without a query.
pub(super) fn columns(
    core: &Core,
    state: &mut State<'_, '_>,
    relation: &RelationObject,
) -> Result<Vec<ColumnObject>, Error> {
    if super::dispatch::is_overridden(core, state, MACRO) {
        let list = replaced(state, relation)?;
        return Ok(list.try_iter()?.filter_map(|v| ColumnObject::from_value(&v).cloned()).collect());
    }
    let database = core.database("adapter.get_columns_in_relation")?;
    if relation.kind.as_deref() == Some("cte") {
        return Ok(Vec::new());
    }
    let infos = match &relation.external {
        Some(text) => database.query_columns(&format!("select * from {text}")),
        None => database.columns(&relation.path),
    };
    let infos = infos.map_err(|e| core.host_error(e))?;
    let made = if relation.external.is_some() { ColumnObject::from_info } else { ColumnObject::of_relation };
    Ok(infos.iter().map(made).collect())
}

/// What the project's own macro gives.
fn replaced(state: &mut State<'_, '_>, relation: &RelationObject) -> Answer {
    super::super::call_in_state(state, MACRO, [("relation", relation.clone().into_value())])
}

fn listed(columns: impl IntoIterator<Item = ColumnObject>) -> Value {
    super::super::list(columns.into_iter().map(ColumnObject::into_value))
}

/// `get_columns_in_relation(relation)`.
pub(super) fn get_columns_in_relation(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [relation] = bind(MACRO, args, ["relation"])?;
    let relation = relation_argument(MACRO, "relation", relation)?;
    // Whatever it is: who replaces the macro knows what reads it.
    if super::dispatch::is_overridden(core, state, MACRO) {
        return replaced(state, &relation);
    }
    Ok(listed(columns(core, state, &relation)?))
}

/// `get_columns_in_table(schema, identifier)`.
pub(super) fn get_columns_in_table(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [schema, identifier] = bind("get_columns_in_table", args, ["schema", "identifier"])?;
    let path = Relation::new(
        core.shared.adapter.default_database.as_str(),
        required("get_columns_in_table", "schema", schema)?.to_string(),
        required("get_columns_in_table", "identifier", identifier)?.to_string(),
    );
    let relation = RelationObject::new(path, None, core.shared.quote_policy());
    Ok(listed(columns(core, state, &relation)?))
}

/// `get_column_schema_from_query(sql)`: structs are listed by their leaves.
pub(super) fn get_column_schema_from_query(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [sql] = bind("get_column_schema_from_query", args, ["sql"])?;
    let sql = required("get_column_schema_from_query", "sql", sql)?.to_string();
    let infos = core.database("adapter.get_column_schema_from_query")?.query_columns(&sql);
    let infos = infos.map_err(|e| core.host_error(e))?;
    Ok(listed(infos.iter().flat_map(|info| ColumnObject::from_info(info).flatten())))
}

/// `get_pseudocolumns_for_relation(relation)`: DuckDB has none.
pub(super) fn get_pseudocolumns_for_relation(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [_relation] = bind("get_pseudocolumns_for_relation", args, ["relation"])?;
    Ok(super::super::list([]))
}

/// `get_missing_columns(from_relation, to_relation)`: those of the first that the second lacks.
pub(super) fn get_missing_columns(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [from, to] = bind("get_missing_columns", args, ["from_relation", "to_relation"])?;
    let from = relation_argument("get_missing_columns", "from_relation", from)?;
    let to = relation_argument("get_missing_columns", "to_relation", to)?;
    let present = columns(core, state, &to)?;
    let missing = columns(core, state, &from)?;
    Ok(listed(missing.into_iter().filter(|c| present.iter().all(|p| p.column != c.column))))
}

/// `expand_target_column_types(from_relation, to_relation)`: text has no length here, so there is nothing to widen.
pub(super) fn expand_target_column_types(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [from, to] = bind("expand_target_column_types", args, ["from_relation", "to_relation"])?;
    relation_argument("expand_target_column_types", "from_relation", from)?;
    relation_argument("expand_target_column_types", "to_relation", to)?;
    Ok(Value::from(()))
}

/// `get_rows_different_sql(relation_a, relation_b, column_names, except_operator)`: a query that returns how the row
/// counts differ and how many rows are in one relation only.
pub(super) fn get_rows_different_sql(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let parameters = ["relation_a", "relation_b", "column_names", "except_operator"];
    let [a, b, names, operator] = bind("get_rows_different_sql", args, parameters)?;
    let a = relation_argument("get_rows_different_sql", "relation_a", a)?;
    let b = relation_argument("get_rows_different_sql", "relation_b", b)?;
    let names: Vec<String> = match given(names) {
        Some(list) => list.try_iter()?.map(|v| v.to_string()).collect(),
        None => columns(core, state, &a)?.into_iter().map(|c| c.column).collect(),
    };
    let mut quoted: Vec<String> = names.iter().map(|name| RelationObject::quoted(name)).collect();
    quoted.sort();
    let operator = given(operator).map_or_else(|| "except".to_owned(), |v| v.to_string());
    let (list, a, b) = (quoted.join(", "), a.render_full(), b.render_full());
    Ok(Value::from(format!(
        "select\n    (select count(*) from {a}) - (select count(*) from {b}) as row_count_difference,\n    \
         (select count(*) from (\n        (select {list} from {a} {operator} select {list} from {b})\n        \
         union all\n        (select {list} from {b} {operator} select {list} from {a})\n    ) as one_sided_rows) as num_mismatched"
    )))
}
