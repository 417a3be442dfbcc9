//! Files outside the warehouse, seeds' files, temporary relations.
//!
//! In: locations and write options. Out: SQL fragments and paths.

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::value::Value;
use minijinja::{Error, State};

use crate::base::Relation;
use crate::diag::{Diagnostic, codes};

use super::super::args::{bind, given, required};
use super::super::core::Core;

type Answer = Result<Value, Error>;

/// The options of a COPY by name, as text.
fn options(value: &Value) -> Result<IndexMap<String, String>, Error> {
    let mut map = IndexMap::new();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        map.insert(key.to_string(), super::super::shown(&item));
    }
    Ok(map)
}

/// The file extension of a location, without the dot.
fn extension(location: &str) -> Option<String> {
    let name = location.rsplit('/').next().unwrap_or(location);
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_lowercase())
}

/// The options of a COPY, with the format guessed from the location where none is given.
fn write_options(location: &str, mut map: IndexMap<String, String>) -> String {
    if !map.contains_key("format") {
        let by_delimiter = if map.contains_key("delimiter") { "csv" } else { "parquet" };
        map.insert("format".into(), extension(location).unwrap_or_else(|| by_delimiter.to_owned()));
    }
    if map.get("format").is_some_and(|f| f == "csv") && !map.contains_key("header") {
        map.insert("header".into(), "1".into());
    }
    if let Some(columns) = map.get_mut("partition_by")
        && columns.contains(',')
        && !columns.starts_with('(')
    {
        *columns = format!("({columns})");
    }
    let text_option = |key: &str| matches!(key.to_lowercase().as_str(), "delimiter" | "quote" | "escape" | "null");
    let parts: Vec<String> = map
        .iter()
        .map(|(key, value)| {
            if text_option(key) && !value.starts_with('\'') {
                format!("{key} '{value}'")
            } else {
                format!("{key} {value}")
            }
        })
        .collect();
    parts.join(", ")
}

/// Where the files of a partitioned or per-thread write are read back.
fn read_location(location: &str, options: &IndexMap<String, String>) -> String {
    let on = |key: &str| options.get(key).filter(|v| !matches!(v.as_str(), "" | "False" | "None" | "0"));
    let partitions = on("partition_by");
    if partitions.is_none() && on("per_thread_output").is_none() {
        return location.to_owned();
    }
    let levels = 1 + partitions.map_or(0, |columns| columns.split(',').count());
    let format = options.get("format").map_or("parquet", String::as_str);
    format!("{location}{}.{format}", "/*".repeat(levels))
}

/// `external_write_options(write_location, rendered_options)`.
pub(super) fn external_write_options(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let method = "external_write_options";
    let [location, rendered] = bind(method, args, ["write_location", "rendered_options"])?;
    let location = required(method, "write_location", location)?.to_string();
    let map = options(&required(method, "rendered_options", rendered)?)?;
    Ok(Value::from(write_options(&location, map)))
}

/// `external_read_location(write_location, rendered_options)`.
pub(super) fn external_read_location(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let method = "external_read_location";
    let [location, rendered] = bind(method, args, ["write_location", "rendered_options"])?;
    let location = required(method, "write_location", location)?.to_string();
    let map = options(&required(method, "rendered_options", rendered)?)?;
    Ok(Value::from(read_location(&location, &map)))
}

/// The three arguments of the methods about partitions: location, staged, levels.
fn partition_arguments(core: &Core, method: &str, args: &[Value]) -> Result<(String, String, usize), Error> {
    let [location, staged, levels] = bind(method, args, ["location", "staged", "levels"])?;
    let text = |name: &str, value: Option<Value>| required(method, name, value).map(|v| v.to_string());
    let levels = required(method, "levels", levels)?.as_usize();
    let levels = levels.ok_or_else(|| core.compiler_error(format!("{method}: levels is a whole number")))?;
    Ok((text("location", location)?, text("staged", staged)?, levels))
}

/// `prepare_partitions(location, staged, levels)`: makes ready for writing to `staged`.
pub(super) fn prepare_partitions(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let (location, staged, levels) = partition_arguments(core, "prepare_partitions", args)?;
    if let Some(files) = &core.shared.files {
        files.prepare_partitions(&location, &staged, levels).map_err(|problem| core.raise(problem))?;
    }
    Ok(Value::from(()))
}

/// `place_partitions(location, staged, levels)`: replaces partitions by those in `staged`; with 0 levels, everything.
pub(super) fn place_partitions(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let (location, staged, levels) = partition_arguments(core, "place_partitions", args)?;
    if let Some(files) = &core.shared.files {
        files.place_partitions(&location, &staged, levels).map_err(|problem| core.raise(problem))?;
    }
    Ok(Value::from(()))
}

/// `get_seed_file_path(model)`: absolute path of a seed's CSV.
pub(super) fn get_seed_file_path(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [model] = bind("get_seed_file_path", args, ["model"])?;
    let model = required("get_seed_file_path", "model", model)?;
    if let (Some(files), Some(node)) = (&core.shared.files, &core.facts.node)
        && model.get_attr("unique_id")?.as_str() == Some(node.id.as_str())
    {
        return Ok(Value::from(files.seed_path(node)));
    }
    let (root, path) = (model.get_attr("root_path")?, model.get_attr("original_file_path")?);
    Ok(Value::from(format!("{}/{path}", root.to_string().trim_end_matches('/'))))
}

/// `batch_id_for_model(model)`: the start of the microbatch as a suffix for names.
pub(super) fn batch_id_for_model(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [model] = bind("batch_id_for_model", args, ["model"])?;
    let batch = given(required("batch_id_for_model", "model", model)?.get_attr("batch").ok());
    let start = batch.and_then(|batch| given(batch.get_attr("event_time_start").ok()));
    let Some(start) = start else { return Ok(Value::from("")) };
    Ok(Value::from(super::super::shown(&start).replace(['-', ':', '+'], "").replace(' ', "_")))
}

/// `get_temp_relation_path(model, batch_id="")`: a name that no other model of this invocation uses.
pub(super) fn get_temp_relation_path(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [model, batch] = bind("get_temp_relation_path", args, ["model", "batch_id"])?;
    let model = required("get_temp_relation_path", "model", model)?;
    let part = |key: &str| given(model.get_attr(key).ok()).map(|v| v.to_string());
    let name = part("identifier").or_else(|| part("alias")).or_else(|| part("name")).unwrap_or_default();
    let salt = core.shared.invocation_id.rsplit('-').next().unwrap_or_default();
    let mut identifier = format!("{name}__{salt}");
    if let Some(batch) = given(batch).map(|v| v.to_string()).filter(|b| !b.is_empty()) {
        identifier = format!("{identifier}__{batch}");
    }
    let path = Relation {
        database: part("database"),
        schema: Some(core.shared.adapter.temp_schema.clone()),
        identifier: Some(identifier),
    };
    Ok(super::super::relation::path_value(&path))
}

/// `store_relation(...)`: plugins are Python.
pub(super) fn store_relation(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let plugin = args.first().map(ToString::to_string).unwrap_or_default();
    let message = format!("the plugin '{plugin}' is written in Python and cannot be used here");
    Err(core.raise(Diagnostic::error(codes::UNSUPPORTED, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn write_options_name_the_format() {
        assert_eq!(write_options("a/b.parquet", map(&[])), "format parquet");
        assert_eq!(write_options("a.d/b", map(&[("delimiter", "|")])), "delimiter '|', format csv, header 1");
        assert_eq!(write_options("x", map(&[("partition_by", "a,b")])), "partition_by (a,b), format parquet");
    }

    #[test]
    fn partitioned_files_are_read_by_pattern() {
        assert_eq!(read_location("out", &map(&[("partition_by", "a, b"), ("format", "csv")])), "out/*/*/*.csv");
        assert_eq!(read_location("out", &map(&[("per_thread_output", "True")])), "out/*.parquet");
        assert_eq!(read_location("out.parquet", &map(&[])), "out.parquet");
    }
}
