//! `exceptions`: errors and warnings that macros raise.
//!
//! In: calls such as `exceptions.raise_compiler_error("...")`. Out: template errors that carry a diagnostic.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};

use crate::diag::{Code, Diagnostic, codes, warnings};

use super::args::{Arguments, bind, given, required};
use super::bound::BoundMethod;
use super::core::Core;

const METHODS: &[&str] = &[
    "warn",
    "missing_config",
    "missing_materialization",
    "missing_relation",
    "raise_ambiguous_alias",
    "raise_ambiguous_catalog_match",
    "raise_cache_inconsistent",
    "raise_dataclass_not_dict",
    "raise_compiler_error",
    "raise_database_error",
    "raise_dep_not_found",
    "raise_dependency_error",
    "raise_duplicate_patch_name",
    "raise_duplicate_resource_name",
    "raise_invalid_property_yml_version",
    "raise_not_implemented",
    "relation_wrong_type",
    "raise_contract_error",
    "column_type_missing",
    "raise_fail_fast_error",
    "warn_snapshot_timestamp_data_types",
    "raise_duplicate_keys",
    "raise_duplicate_snapshot_keys",
    "raise_rebuild_needed",
];

/// `exceptions`.
#[derive(Debug)]
pub(super) struct ExceptionsObject(pub(super) Arc<Core>);

impl ExceptionsObject {
    fn raise(&self, code: Code, message: impl Into<String>) -> Result<Value, Error> {
        Err(self.0.raise(Diagnostic::error(code, message)))
    }

    fn warn(&self, diagnostic: Diagnostic) -> Result<Value, Error> {
        warn(&self.0, diagnostic)
    }

    /// Errors whose message is an argument.
    fn plain(&self, method: &str, args: &[Value]) -> Result<Value, Error> {
        let [message, _node] = bind(method, args, ["msg", "node"])?;
        let message = super::shown(&required(method, "msg", message)?);
        match method {
            "warn" => self.warn(Diagnostic::warning(codes::MACRO_WARNING, message)),
            "raise_database_error" => self.raise(codes::DATABASE_ERROR, message),
            "raise_not_implemented" => self.raise(codes::UNSUPPORTED, message),
            "raise_dependency_error" => self.raise(codes::PACKAGE_INVALID, message),
            "raise_fail_fast_error" => self.raise(codes::NODE_FAILED, message),
            "raise_cache_inconsistent" => {
                self.raise(codes::COMPILER_ERROR, format!("Cache inconsistency detected: {message}"))
            }
            _ => self.raise(codes::COMPILER_ERROR, message),
        }
    }

    /// Errors about a relation, a config or a materialization.
    fn about_relations(&self, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "missing_config" => {
                let [model, name] = bind(method, args, ["model", "name"])?;
                let (id, name) = (text(model.as_ref(), &["unique_id"]), required(method, "name", name)?);
                let message = format!("Model '{id}' does not define a required config parameter '{name}'.");
                self.raise(codes::CONFIG_INVALID, message)
            }
            "missing_materialization" => {
                let [model, adapter] = bind(method, args, ["model", "adapter_type"])?;
                let materialized = text(model.as_ref(), &["config", "materialized"]);
                let adapter = required(method, "adapter_type", adapter)?.to_string();
                let searched =
                    if adapter == "default" { "'default'".to_owned() } else { format!("'default' and '{adapter}'") };
                let message = format!(
                    "No materialization '{materialized}' was found for adapter {adapter}! (searched types {searched})"
                );
                self.raise(codes::MATERIALIZATION_NOT_FOUND, message)
            }
            "missing_relation" => {
                let [relation, _model] = bind(method, args, ["relation", "model"])?;
                let relation = required(method, "relation", relation)?;
                self.raise(codes::COMPILER_ERROR, format!("Relation {relation} not found!"))
            }
            _ => {
                let [relation, expected, _model] = bind(method, args, ["relation", "expected_type", "model"])?;
                let (relation, expected) =
                    (required(method, "relation", relation)?, required(method, "expected_type", expected)?);
                let kind = text(Some(&relation), &["type"]);
                let message = format!(
                    "Trying to create {expected} {relation}, but it currently exists as a {kind}. Either drop \
                     {relation} manually, or run dbt with `--full-refresh` and dbt will drop it for you."
                );
                self.raise(codes::COMPILER_ERROR, message)
            }
        }
    }

    /// Errors about two resources that collide.
    fn about_duplicates(&self, method: &str, args: &[Value]) -> Result<Value, Error> {
        let describe =
            |node: Option<&Value>| format!("{} ({})", text(node, &["unique_id"]), text(node, &["original_file_path"]));
        match method {
            "raise_ambiguous_alias" => {
                let [first, second, name] = bind(method, args, ["node_1", "node_2", "duped_name"])?;
                let name = given(name).map_or_else(
                    || ["database", "schema", "alias"].map(|key| text(first.as_ref(), &[key])).join("."),
                    |name| name.to_string(),
                );
                let message = format!("two resources have the database representation \"{name}\"");
                let diagnostic = Diagnostic::error(codes::AMBIGUOUS_RELATION, message)
                    .note(describe(first.as_ref()))
                    .note(describe(second.as_ref()))
                    .help("change the configuration of one of these resources");
                Err(self.0.raise(diagnostic))
            }
            "raise_ambiguous_catalog_match" => {
                let [id, first, second] = bind(method, args, ["unique_id", "match_1", "match_2"])?;
                let id = required(method, "unique_id", id)?;
                let found = |m: Option<&Value>| {
                    format!("{}.{}", text(m, &["metadata", "schema"]), text(m, &["metadata", "name"]))
                };
                let message = format!("two relations in the warehouse could have been created by the model \"{id}\"");
                let diagnostic = Diagnostic::error(codes::AMBIGUOUS_RELATION, message)
                    .note(found(first.as_ref()))
                    .note(found(second.as_ref()))
                    .help("delete or rename one of them");
                Err(self.0.raise(diagnostic))
            }
            "raise_duplicate_patch_name" => {
                let [patch, path] = bind(method, args, ["patch_1", "existing_patch_path"])?;
                let name = text(patch.as_ref(), &["name"]);
                let message = format!("the resource {name} is described twice");
                let diagnostic = Diagnostic::error(codes::DUPLICATE_PROPERTIES, message)
                    .note(text(patch.as_ref(), &["original_file_path"]))
                    .note(path.map(|p| p.to_string()).unwrap_or_default());
                Err(self.0.raise(diagnostic))
            }
            _ => {
                let [first, second] = bind(method, args, ["node_1", "node_2"])?;
                let name = text(first.as_ref(), &["name"]);
                let diagnostic =
                    Diagnostic::error(codes::DUPLICATE_RESOURCE, format!("two resources have the name \"{name}\""))
                        .note(describe(first.as_ref()))
                        .note(describe(second.as_ref()));
                Err(self.0.raise(diagnostic))
            }
        }
    }

    /// Errors of incremental models that dbt does not know.
    fn about_incrementals(&self, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method == "raise_duplicate_snapshot_keys" {
            let [relation, keys, examples] = bind(method, args, ["relation", "keys", "examples"])?;
            let (relation, keys) = (required(method, "relation", relation)?, list_of(method, "keys", keys)?.join(", "));
            let examples = list_of(method, "examples", examples)?.join("\n");
            let message = format!(
                "several rows of the query have the same unique_key {keys}; nothing was changed in {relation}\n{examples}"
            );
            return Err(self.0.raise(Diagnostic::error(codes::SNAPSHOT_DUPLICATES, message).help(format!(
                "keep one row a key, the newest for instance: `qualify row_number() over (partition by {keys} order by \
                 ... desc) = 1`; or add the column that tells them apart to unique_key"
            ))));
        }
        let diagnostic = if method == "raise_duplicate_keys" {
            let [relation, keys, examples] = bind(method, args, ["relation", "keys", "examples"])?;
            let (relation, keys) = (required(method, "relation", relation)?, list_of(method, "keys", keys)?);
            let keys = keys.join(", ");
            let mut message =
                format!("several rows of the query have the same {keys}; nothing was merged into {relation}");
            for example in list_of(method, "examples", examples)? {
                message.push('\n');
                message.push_str(&example);
            }
            Diagnostic::error(codes::MERGE_DUPLICATES, message).help(format!(
                "keep one row a key, the newest for instance: `qualify row_number() over (partition by {keys} order by \
                 ... desc) = 1`; or use the strategy delete+insert, which keeps them all"
            ))
        } else {
            let [relation, reasons] = bind(method, args, ["relation", "reasons"])?;
            let relation = required(method, "relation", relation)?;
            let reasons = list_of(method, "reasons", reasons)?.join("\n");
            let message =
                format!("{relation} cannot follow its query without being rebuilt; nothing was changed\n{reasons}");
            Diagnostic::error(codes::REBUILD_NEEDED, message).help(
                "cast in the query to keep the column as it is, or rebuild with --full-refresh; \
                 `on_schema_change: full_refresh` does that by itself",
            )
        };
        Err(self.0.raise(diagnostic))
    }

    fn others(&self, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "raise_dataclass_not_dict" => {
                let [object] = bind(method, args, ["obj"])?;
                let object = required(method, "obj", object)?;
                let message =
                    format!("The object (\"{object}\") was used as a dictionary. This object does not support that.");
                self.raise(codes::COMPILER_ERROR, message)
            }
            "raise_dep_not_found" => {
                let [_, description, package] = bind(method, args, ["node", "node_description", "required_pkg"])?;
                let description = required(method, "node_description", description)?;
                let package = required(method, "required_pkg", package)?;
                let message =
                    format!("Error while parsing {description}: the required package \"{package}\" was not found");
                let diagnostic =
                    Diagnostic::error(codes::PACKAGE_MISSING, message).help("run `deps` to install packages");
                Err(self.0.raise(diagnostic))
            }
            "raise_invalid_property_yml_version" => {
                let [path, issue] = bind(method, args, ["path", "issue"])?;
                let (path, issue) = (required(method, "path", path)?, required(method, "issue", issue)?);
                self.raise(
                    codes::PROPERTIES_INVALID,
                    format!("The yml property file at {path} is invalid because {issue}."),
                )
            }
            "column_type_missing" => {
                let [names] = bind(method, args, ["column_names"])?;
                let names = required(method, "column_names", names)?;
                let message = format!(
                    "Contracted models require data_type to be defined for each column. Please ensure that the column \
                     name and data_type are defined within the YAML configuration for the {names} column(s)."
                );
                self.raise(codes::CONTRACT, message)
            }
            "raise_contract_error" => {
                let [yaml, sql] = bind(method, args, ["yaml_columns", "sql_columns"])?;
                let (yaml, sql) = (required(method, "yaml_columns", yaml)?, required(method, "sql_columns", sql)?);
                let mut broken =
                    Diagnostic::error(codes::CONTRACT, contract_message(&columns(&yaml)?, &columns(&sql)?));
                // The contract is in the properties, the check of it in a macro that nobody wrote.
                broken.span = self.0.facts.node.as_ref().and_then(|n| n.patch.as_ref()).map(|patch| patch.span.clone());
                Err(self.0.raise(broken))
            }
            "raise_duplicate_keys" | "raise_duplicate_snapshot_keys" | "raise_rebuild_needed" => {
                self.about_incrementals(method, args)
            }
            _ => {
                let [snapshot, updated] = bind(method, args, ["snapshot_time_data_type", "updated_at_data_type"])?;
                let (snapshot, updated) = (snapshot.unwrap_or_default(), updated.unwrap_or_default());
                let message = format!(
                    "Data type of snapshot table timestamp columns ({snapshot}) doesn't match derived column \
                     'updated_at' ({updated}). Please update snapshot config 'updated_at'."
                );
                self.warn(
                    Diagnostic::warning(codes::CONFIG_INVALID, message).named(warnings::SNAPSHOT_TIMESTAMP_WARNING),
                )
            }
        }
    }
}

/// Hands a warning to the log; an error if warnings are errors.
pub(super) fn warn(core: &Core, mut diagnostic: Diagnostic) -> Result<Value, Error> {
    if diagnostic.node.is_none() {
        diagnostic.node = core.facts.id.as_ref().map(ToString::to_string);
    }
    core.shared.log.warn(diagnostic).map_err(|promoted| core.raise(promoted))?;
    Ok(Value::from(""))
}

/// A nested attribute as text; empty where it is absent.
fn text(value: Option<&Value>, path: &[&str]) -> String {
    let mut at = value.cloned().unwrap_or_default();
    for key in path {
        at = at.get_attr(key).unwrap_or_default();
    }
    super::shown(&at)
}

fn list_of(method: &str, name: &str, slot: Option<Value>) -> Result<Vec<String>, Error> {
    Ok(required(method, name, slot)?.try_iter()?.map(|item| super::shown(&item)).collect())
}

fn columns(list: &Value) -> Result<Vec<(String, String)>, Error> {
    let pair = |c: Value| (text(Some(&c), &["name"]), text(Some(&c), &["data_type"]));
    Ok(list.try_iter()?.map(pair).collect())
}

/// A table of the differences between what a contract declares and what the SQL returns.
fn contract_message(declared: &[(String, String)], returned: &[(String, String)]) -> String {
    if declared.is_empty() {
        return "This model has an enforced contract, and its 'columns' specification is missing".to_owned();
    }
    let heading = "This model has an enforced contract that failed.\n";
    if returned.is_empty() {
        return format!(
            "{heading}The model's SQL returns no column whose name can be read; make sure that it is a single query."
        );
    }
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut open: Vec<&(String, String)> = declared.iter().collect();
    for sql in returned {
        match open.iter().position(|yaml| yaml.0 == sql.0) {
            Some(index) => {
                let yaml = open.remove(index);
                if yaml.1 != sql.1 {
                    rows.push([sql.0.clone(), sql.1.clone(), yaml.1.clone(), "data type mismatch".into()]);
                }
            }
            None => rows.push([sql.0.clone(), sql.1.clone(), String::new(), "missing in contract".into()]),
        }
    }
    rows.extend(open.iter().map(|c| [c.0.clone(), String::new(), c.1.clone(), "missing in definition".into()]));
    rows.sort();
    let titles = ["column_name", "definition_type", "contract_type", "mismatch_reason"].map(str::to_owned);
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).chain([titles[i].len()]).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    let line = |row: &[String; 4]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let rule = format!("| {} |", widths.map(|width| "-".repeat(width)).join(" | "));
    let body: Vec<String> = [line(&titles), rule].into_iter().chain(rows.iter().map(line)).collect();
    format!(
        "{heading}Please ensure the name, data_type, and number of columns in your contract match the columns in your \
         model's definition.\n\n{}",
        body.join("\n")
    )
}

impl Object for ExceptionsObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        METHODS.contains(&key).then(|| BoundMethod::value(Value::from_dyn_object(Arc::clone(self)), key))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "warn"
            | "raise_compiler_error"
            | "raise_database_error"
            | "raise_not_implemented"
            | "raise_dependency_error"
            | "raise_fail_fast_error"
            | "raise_cache_inconsistent" => {
                let Arguments { positional, mut named } = Arguments::split(args);
                if method == "raise_cache_inconsistent" {
                    named.iter_mut().filter(|(key, _)| key == "message").for_each(|(key, _)| *key = "msg".into());
                }
                self.plain(method, &Arguments { positional, named }.join())
            }
            "missing_config" | "missing_materialization" | "missing_relation" | "relation_wrong_type" => {
                self.about_relations(method, args)
            }
            "raise_ambiguous_alias"
            | "raise_ambiguous_catalog_match"
            | "raise_duplicate_patch_name"
            | "raise_duplicate_resource_name" => self.about_duplicates(method, args),
            _ if METHODS.contains(&method) => self.others(method, args),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<exceptions>")
    }
}

#[cfg(test)]
mod tests {
    use super::contract_message;

    #[test]
    fn contract_errors_list_every_difference() {
        let column = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
        let message = contract_message(
            &[column("id", "integer"), column("gone", "text")],
            &[column("id", "varchar"), column("new", "date")],
        );
        assert!(
            message.contains("| id          | varchar         | integer       | data type mismatch    |"),
            "{message}"
        );
        assert!(message.contains("missing in contract") && message.contains("missing in definition"), "{message}");
    }
}
