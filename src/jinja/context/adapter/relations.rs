//! Asking for relations and schemas, and changing them through the macros of the same names.
//!
//! In: names and [`RelationObject`]s. Out: relations; the cache follows every change.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Error, State};

use crate::base::{Relation, RelationKind};

use super::super::args::{bind, given, required, type_name, wrong};
use super::super::core::Core;
use super::super::host::Policy;
use super::super::relation::RelationObject;

type Answer = Result<Value, Error>;

/// A relation as the catalog spells it: every part quoted.
pub(super) fn found(core: &Core, relation: Relation, kind: RelationKind) -> Value {
    let mut object = RelationObject::new(relation, Some(kind), Policy::ALL);
    object.require_alias = core.shared.adapter.subquery_alias;
    object.into_value()
}

/// The relation that an argument must be.
pub(super) fn relation_argument(method: &str, name: &str, slot: Option<Value>) -> Result<RelationObject, Error> {
    let value = required(method, name, slot)?;
    RelationObject::from_value(&value).cloned().ok_or_else(|| {
        let got = type_name(&value);
        wrong(format!("'adapter.{method}' expects argument '{name}' to be a Relation, instead got {value} ({got})"))
    })
}

fn look_up(core: &Core, wanted: &Relation) -> Answer {
    let answer = core.database("adapter.get_relation")?.get_relation(wanted);
    let answer = answer.map_err(|e| core.host_error(e))?;
    Ok(answer.map_or(Value::from(()), |(relation, kind)| found(core, relation, kind)))
}

/// `get_relation(database, schema, identifier)`.
pub(super) fn get_relation(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [database, schema, identifier] = bind("get_relation", args, ["database", "schema", "identifier"])?;
    let part = |slot: Option<Value>| given(slot).map(|v| v.to_string());
    let (database, schema) = (part(database), part(schema));
    let wanted = Relation { database, schema, identifier: part(identifier) };
    if wanted.schema.is_none() || wanted.identifier.is_none() {
        return Ok(Value::from(()));
    }
    look_up(core, &wanted)
}

/// `load_relation(relation)`.
pub(super) fn load_relation(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [relation] = bind("load_relation", args, ["relation"])?;
    look_up(core, &relation_argument("load_relation", "relation", relation)?.path)
}

/// `already_exists(schema, name)`.
pub(super) fn already_exists(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [schema, name] = bind("already_exists", args, ["schema", "name"])?;
    let wanted = Relation::new(
        core.shared.adapter.default_database.as_str(),
        required("already_exists", "schema", schema)?.to_string(),
        required("already_exists", "name", name)?.to_string(),
    );
    Ok(Value::from(!look_up(core, &wanted)?.is_none()))
}

/// `list_relations(database, schema)`.
pub(super) fn list_relations(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [database, schema] = bind("list_relations", args, ["database", "schema"])?;
    let database = given(database).map(|v| v.to_string());
    let schema = required("list_relations", "schema", schema)?.to_string();
    let all = core.database("adapter.list_relations")?.relations(database.as_deref(), &schema);
    let all = all.map_err(|e| core.host_error(e))?;
    Ok(super::super::list(all.into_iter().map(|(relation, kind)| found(core, relation, kind))))
}

/// `list_relations_without_caching(schema_relation)`.
pub(super) fn list_relations_without_caching(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let method = "list_relations_without_caching";
    let [relation] = bind(method, args, ["schema_relation"])?;
    let schema = relation_argument(method, "schema_relation", relation)?.path;
    let name = schema.schema.as_deref().unwrap_or_default();
    let all = core.database("adapter.list_relations_without_caching")?;
    let all = all.relations_uncached(schema.database.as_deref(), name).map_err(|e| core.host_error(e))?;
    Ok(super::super::list(all.into_iter().map(|(relation, kind)| found(core, relation, kind))))
}

/// `list_schemas(database)`.
pub(super) fn list_schemas(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [database] = bind("list_schemas", args, ["database"])?;
    let database = given(database).map(|v| v.to_string());
    let names = core.database("adapter.list_schemas")?.list_schemas(database.as_deref());
    let names = names.map_err(|e| core.host_error(e))?;
    Ok(super::super::list(names.into_iter().map(Value::from)))
}

/// `check_schema_exists(database, schema)`.
pub(super) fn check_schema_exists(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [database, schema] = bind("check_schema_exists", args, ["database", "schema"])?;
    let database = given(database).map(|v| v.to_string());
    let schema = required("check_schema_exists", "schema", schema)?.to_string();
    let exists = core.database("adapter.check_schema_exists")?.schema_exists(database.as_deref(), &schema);
    Ok(Value::from(exists.map_err(|e| core.host_error(e))?))
}

/// `create_schema(relation)`: through the macro, then committed.
pub(super) fn create_schema(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let schema = change_schema(core, state, "create_schema", args)?;
    let database = core.database("adapter.create_schema")?;
    if let Some(name) = &schema.schema {
        database.cache_schema_added(schema.database.as_deref(), name);
    }
    Ok(Value::from(()))
}

/// `drop_schema(relation)`: through the macro, then committed.
pub(super) fn drop_schema(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let schema = change_schema(core, state, "drop_schema", args)?;
    let database = core.database("adapter.drop_schema")?;
    if let Some(name) = &schema.schema {
        database.cache_schema_dropped(schema.database.as_deref(), name);
    }
    Ok(Value::from(()))
}

fn change_schema(core: &Core, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Relation, Error> {
    let [relation] = bind(name, args, ["relation"])?;
    let schema = relation_argument(name, "relation", relation)?.without_identifier();
    let path = schema.path.clone();
    super::super::call_in_state(state, name, [("relation", schema.into_value())])?;
    core.database("adapter.commit")?.commit().map_err(|e| core.host_error(e))?;
    Ok(path)
}

/// `drop_relation(relation)`.
pub(super) fn drop_relation(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [relation] = bind("drop_relation", args, ["relation"])?;
    let relation = relation_argument("drop_relation", "relation", relation)?;
    if relation.kind.is_none() {
        let name = relation.render_full();
        return Err(core.compiler_error(format!("Tried to drop relation {name}, but its type is null.")));
    }
    core.database("adapter.drop_relation")?.cache_dropped(&relation.path);
    super::super::call_in_state(state, "drop_relation", [("relation", relation.into_value())])?;
    Ok(Value::from(()))
}

/// `truncate_relation(relation)`.
pub(super) fn truncate_relation(_: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [relation] = bind("truncate_relation", args, ["relation"])?;
    let relation = relation_argument("truncate_relation", "relation", relation)?;
    super::super::call_in_state(state, "truncate_relation", [("relation", relation.into_value())])?;
    Ok(Value::from(()))
}

/// `rename_relation(from_relation, to_relation)`.
pub(super) fn rename_relation(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [from, to] = bind("rename_relation", args, ["from_relation", "to_relation"])?;
    let from = relation_argument("rename_relation", "from_relation", from)?;
    let to = relation_argument("rename_relation", "to_relation", to)?;
    core.database("adapter.rename_relation")?.cache_renamed(&from.path, &to.path);
    let named = [("from_relation", from.into_value()), ("to_relation", to.into_value())];
    super::super::call_in_state(state, "rename_relation", named)?;
    Ok(Value::from(()))
}

/// `cache_added(relation)`.
pub(super) fn cache_added(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [relation] = bind("cache_added", args, ["relation"])?;
    let relation = relation_argument("cache_added", "relation", relation)?;
    core.database("adapter.cache_added")?.cache_added(&relation.path, relation.engine_kind());
    Ok(Value::from(""))
}

/// `cache_dropped(relation)`.
pub(super) fn cache_dropped(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [relation] = bind("cache_dropped", args, ["relation"])?;
    let relation = relation_argument("cache_dropped", "relation", relation)?;
    core.database("adapter.cache_dropped")?.cache_dropped(&relation.path);
    Ok(Value::from(""))
}

/// `cache_renamed(from_relation, to_relation)`.
pub(super) fn cache_renamed(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [from, to] = bind("cache_renamed", args, ["from_relation", "to_relation"])?;
    let from = relation_argument("cache_renamed", "from_relation", from)?;
    let to = relation_argument("cache_renamed", "to_relation", to)?;
    core.database("adapter.cache_renamed")?.cache_renamed(&from.path, &to.path);
    Ok(Value::from(""))
}
