//! `adapter`: dbt's door to the database, with the methods of dbt-adapters and dbt-duckdb.
//!
//! In: method calls. Out: answers of the [`Database`](super::host::Database) door. While parsing, methods that would
//! ask the database answer with the empty values of dbt's parse-time adapter; the others work.

mod columns;
mod constraints;
mod convert;
mod dispatch;
mod execute;
mod external;
mod facts;
mod indexes;
mod relations;
mod snapshots;
mod stubs;

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, State};

use super::bound::BoundMethod;
use super::core::Core;
use super::relation::RelationClass;
use crate::jinja::values::undefined;

/// A method's Rust side.
type Method = fn(&Arc<Core>, &mut State<'_, '_>, &[Value]) -> Result<Value, Error>;

/// Methods by name, with what they answer while parsing where that is not the method's own answer.
const METHODS: &[(&str, Method, Option<stubs::Stub>)] = &[
    ("dispatch", dispatch::dispatch, None),
    ("get_incremental_strategy_macro", dispatch::get_incremental_strategy_macro, Some(stubs::NONE)),
    ("valid_incremental_strategies", dispatch::valid_incremental_strategies, None),
    ("type", facts::adapter_type, None),
    ("is_motherduck", facts::is_motherduck, None),
    ("is_ducklake", facts::is_ducklake, None),
    ("use_ducklake_table_workarounds", facts::use_ducklake_table_workarounds, None),
    ("disable_transactions", facts::disable_transactions, None),
    ("get_binding_char", facts::get_binding_char, None),
    ("external_root", facts::external_root, None),
    ("warn_once", facts::warn_once, None),
    ("get_hard_deletes_behavior", snapshots::get_hard_deletes_behavior, Some(stubs::NONE)),
    ("valid_snapshot_target", snapshots::valid_snapshot_target, Some(stubs::NONE)),
    ("assert_valid_snapshot_target_given_strategy", snapshots::assert_valid_snapshot_target, Some(stubs::NONE)),
    ("execute", execute::execute, Some(stubs::EXECUTED)),
    ("add_query", execute::add_query, Some(stubs::NONE_PAIR)),
    ("commit", execute::commit, Some(stubs::NONE)),
    ("commit_if_has_connection", execute::commit, Some(stubs::NONE)),
    ("rollback", execute::rollback, Some(stubs::NONE)),
    ("run_sql_for_tests", execute::run_sql_for_tests, Some(stubs::NONE)),
    ("location_exists", execute::location_exists, Some(stubs::FALSE)),
    ("load_seed_rows", execute::load_seed_rows, Some(stubs::NONE)),
    ("get_relation", relations::get_relation, Some(stubs::NONE)),
    ("load_relation", relations::load_relation, Some(stubs::NONE)),
    ("already_exists", relations::already_exists, Some(stubs::FALSE)),
    ("list_relations", relations::list_relations, Some(stubs::EMPTY_LIST)),
    ("list_relations_without_caching", relations::list_relations_without_caching, Some(stubs::EMPTY_LIST)),
    ("list_schemas", relations::list_schemas, Some(stubs::EMPTY_LIST)),
    ("check_schema_exists", relations::check_schema_exists, Some(stubs::FALSE)),
    ("create_schema", relations::create_schema, Some(stubs::NONE)),
    ("drop_schema", relations::drop_schema, Some(stubs::NONE)),
    ("drop_relation", relations::drop_relation, Some(stubs::NONE)),
    ("rename_relation", relations::rename_relation, Some(stubs::NONE)),
    ("truncate_relation", relations::truncate_relation, Some(stubs::NONE)),
    ("cache_added", relations::cache_added, Some(stubs::EMPTY_TEXT)),
    ("cache_dropped", relations::cache_dropped, Some(stubs::EMPTY_TEXT)),
    ("cache_renamed", relations::cache_renamed, Some(stubs::EMPTY_TEXT)),
    ("get_columns_in_relation", columns::get_columns_in_relation, Some(stubs::EMPTY_LIST)),
    ("get_columns_in_table", columns::get_columns_in_table, Some(stubs::EMPTY_LIST)),
    ("get_column_schema_from_query", columns::get_column_schema_from_query, Some(stubs::EMPTY_LIST)),
    ("get_pseudocolumns_for_relation", columns::get_pseudocolumns_for_relation, Some(stubs::EMPTY_LIST)),
    ("get_missing_columns", columns::get_missing_columns, Some(stubs::EMPTY_LIST)),
    ("expand_target_column_types", columns::expand_target_column_types, Some(stubs::NONE)),
    ("get_rows_different_sql", columns::get_rows_different_sql, Some(stubs::EMPTY_TEXT)),
    ("quote", convert::quote, None),
    ("quote_as_configured", convert::quote_as_configured, None),
    ("quote_seed_column", convert::quote_seed_column, None),
    ("convert_type", convert::convert_type, None),
    ("convert_text_type", convert::convert_text_type, None),
    ("convert_number_type", convert::convert_number_type, None),
    ("convert_integer_type", convert::convert_integer_type, None),
    ("convert_boolean_type", convert::convert_boolean_type, None),
    ("convert_datetime_type", convert::convert_datetime_type, None),
    ("convert_date_type", convert::convert_date_type, None),
    ("convert_time_type", convert::convert_time_type, None),
    ("convert_datetimes_to_strs", convert::convert_datetimes_to_strs, None),
    ("standardize_grants_dict", convert::standardize_grants_dict, None),
    ("render_raw_columns_constraints", constraints::render_raw_columns_constraints, None),
    ("render_raw_model_constraints", constraints::render_raw_model_constraints, None),
    ("parse_index", indexes::parse_index, None),
    ("external_write_options", external::external_write_options, None),
    ("external_read_location", external::external_read_location, None),
    ("prepare_partitions", external::prepare_partitions, Some(stubs::NONE)),
    ("place_partitions", external::place_partitions, Some(stubs::NONE)),
    ("get_seed_file_path", external::get_seed_file_path, None),
    ("batch_id_for_model", external::batch_id_for_model, None),
    ("get_temp_relation_path", external::get_temp_relation_path, None),
    ("store_relation", external::store_relation, Some(stubs::NONE)),
    ("pre_model_hook", stubs::model_hook, None),
    ("post_model_hook", stubs::model_hook, None),
    ("get_catalog_integration", stubs::no_catalog, None),
    ("build_catalog_relation", stubs::no_catalog, None),
    ("is_replaceable", facts::is_replaceable, None),
];

/// `adapter`.
#[derive(Debug)]
pub(super) struct AdapterObject(pub(super) Arc<Core>);

impl AdapterObject {
    /// `api.Relation`, `adapter.Relation`.
    pub(super) fn relation_class(core: &Core) -> Value {
        Value::from_object(RelationClass::new(core.shared.quote_policy(), core.shared.adapter.subquery_alias))
    }
}

impl Object for AdapterObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "Relation" => Some(Self::relation_class(&self.0)),
            "Column" => Some(Value::from_object(super::column::ColumnClass)),
            "behavior" => Some(Value::from_object(facts::Behavior(Arc::clone(&self.0.shared)))),
            _ if METHODS.iter().any(|(name, ..)| *name == key) => {
                Some(BoundMethod::value(Value::from_dyn_object(Arc::clone(self)), key))
            }
            _ => None,
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let Some((_, body, stub)) = METHODS.iter().find(|(name, ..)| *name == method) else {
            if let Some(class) = self.get_value_by_str(method).filter(|_| matches!(method, "Relation" | "Column")) {
                return class.call(state, args);
            }
            // While parsing, the call is nothing, as of any unknown name; what runs it says what is wrong.
            if !self.0.executes() {
                return Ok(undefined(method));
            }
            let message = format!("'adapter' has no method named '{method}'");
            let near = crate::diag::nearest(method, METHODS.iter().map(|(name, ..)| *name));
            let mut diagnostic = crate::diag::Diagnostic::error(crate::diag::codes::JINJA_RUNTIME, message);
            diagnostic.help = near.first().map(|name| format!("did you mean '{name}'?"));
            return Err(self.0.raise(diagnostic));
        };
        match stub {
            Some(stub) if !self.0.executes() => {
                self.0.introspects();
                Ok(stub())
            }
            _ => body(&self.0, state, args),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<adapter {}>", self.0.shared.adapter.adapter_type)
    }
}
