//! Artifacts of earlier invocations, read back: what `--state`, `--defer` and `retry` look at.
//!
//! In: the bytes of `manifest.json`, `run_results.json` or `sources.json`, of this program or of dbt. Out: the plain values
//! of [`crate::node::previous`], or a diagnostic that names the version found and a way out.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use rayon::prelude::*;
use serde_json::{Map, Value as Json};

use crate::base::{BatchKey, Dict, Interval, NodeId, Value};
use crate::diag::{Diagnostic, codes};
use crate::node::previous::{PreviousBatches, PreviousFreshness, PreviousManifest, PreviousResult, PreviousRun};

use super::ArtifactKind;

type Read<T> = Result<T, Box<Diagnostic>>;

/// Schema versions of a kind that can be read, oldest and newest.
fn readable(kind: ArtifactKind) -> (u32, u32) {
    match kind {
        ArtifactKind::Manifest => (4, 12),
        ArtifactKind::RunResults => (4, 6),
        _ => (1, 3),
    }
}

/// The document of a file whose version can be read.
fn document(kind: ArtifactKind, path: &str, bytes: &[u8]) -> Read<Map<String, Json>> {
    let broken = |problem: String| {
        let message = format!("{path} is no {}: {problem}", kind.file_name());
        Box::new(Diagnostic::error(codes::STATE_UNREADABLE, message).help("write it again with a run in that folder"))
    };
    let document = match serde_json::from_slice(bytes) {
        Ok(Json::Object(document)) => document,
        Ok(_) => return Err(broken("its content is no JSON object".to_owned())),
        Err(problem) => return Err(broken(problem.to_string())),
    };
    let metadata = |key: &str| document.get("metadata").and_then(|m| m.get(key)).and_then(Json::as_str);
    let Some(schema) = metadata("dbt_schema_version") else {
        return Err(broken("it names no `dbt_schema_version`".to_owned()));
    };
    let version = schema.rsplit('/').next().and_then(|v| v.strip_prefix('v')?.strip_suffix(".json")?.parse().ok());
    let (oldest, newest) = readable(kind);
    if version.is_none_or(|v: u32| v < oldest || v > newest) {
        let shown = version.map_or_else(|| schema.to_owned(), |v| format!("v{v}"));
        let message = format!(
            "{path} has the schema version {shown}, written by dbt {}; versions v{oldest} to v{newest} can be read",
            metadata("dbt_version").unwrap_or("of an unknown version"),
        );
        let older = version.is_some_and(|v| v < oldest);
        let way = if older { "1.8 or later" } else { "1.12 or earlier" };
        return Err(Box::new(
            Diagnostic::error(codes::STATE_UNREADABLE, message)
                .note(format!("Expected a schema version of \"{}\", but found \"{schema}\"", kind.schema()))
                .help(format!("write the state again with `transform parse`, or with dbt {way}")),
        ));
    }
    Ok(document)
}

fn text<'a>(object: &'a Json, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Json::as_str)
}

/// A moment in any of the forms that dbt's versions write; without an offset it is UTC.
fn moment(value: Option<&Json>) -> Option<DateTime<Utc>> {
    let text = value?.as_str()?;
    let zoned = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    zoned.or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|at| at.and_utc()))
}

/// Reads a manifest; `folder` is where the user says it is, `path` the file's full name for messages.
pub fn read_manifest(folder: &str, path: &str, bytes: &[u8]) -> Read<PreviousManifest> {
    let mut document = document(ArtifactKind::Manifest, path, bytes)?;
    let mut manifest = PreviousManifest { folder: folder.to_owned(), ..PreviousManifest::default() };
    let sections = ["nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries"];
    for section in sections.into_iter().chain(["unit_tests", "functions"]) {
        let Some(Json::Object(members)) = document.remove(section) else { continue };
        let members: Vec<(String, Json)> = members.into_iter().collect();
        let read = members.into_par_iter().map(|(id, member)| match Value::from_json(&member) {
            Value::Map(member) => Some((NodeId::from(id), modern(member))),
            _ => None,
        });
        manifest.members.extend(read.collect::<Vec<_>>().into_iter().flatten());
    }
    if let Some(Json::Object(macros)) = document.remove("macros") {
        let texts = macros.into_iter().map(|(id, m)| (id, text(&m, "macro_sql").unwrap_or_default().to_owned()));
        manifest.macros = texts.collect();
    }
    Ok(manifest)
}

/// Keys that schema versions before v7 spell otherwise, and what those before v9 take for granted.
fn modern(mut member: Dict) -> Dict {
    for (old, new) in [("raw_sql", "raw_code"), ("compiled_sql", "compiled_code")] {
        if let Some(value) = member.shift_remove(old) {
            member.insert(new.to_owned(), value);
        }
    }
    if member.get("resource_type").and_then(Value::as_str) == Some("model") && !member.contains_key("access") {
        member.insert("access".to_owned(), "protected".into());
    }
    member
}

/// Reads the results of a run.
pub fn read_run_results(path: &str, bytes: &[u8]) -> Read<PreviousRun> {
    let document = document(ArtifactKind::RunResults, path, bytes)?;
    let results = document.get("results").and_then(Json::as_array).into_iter().flatten();
    let metadata = document.get("metadata");
    let at = |key: &str| moment(metadata.and_then(|m| m.get(key)));
    let args = document.get("args").map(Value::from_json);
    Ok(PreviousRun {
        args: args.as_ref().and_then(Value::as_map).cloned().unwrap_or_default(),
        results: results.filter_map(result).collect(),
        started_at: at("invocation_started_at").or_else(|| at("generated_at")),
    })
}

fn result(result: &Json) -> Option<PreviousResult> {
    let batches = result.get("batch_results").filter(|b| b.is_object());
    let intervals = |name: &str| -> Vec<Interval> {
        let list = batches.and_then(|b| b.get(name)).and_then(Json::as_array);
        let interval = |pair: &Json| Some(Interval { start: batch_key(pair.get(0))?, end: batch_key(pair.get(1))? });
        list.into_iter().flatten().filter_map(interval).collect()
    };
    let read = || PreviousBatches { successful: intervals("successful"), failed: intervals("failed") };
    Some(PreviousResult {
        id: NodeId::from(text(result, "unique_id")?),
        status: text(result, "status")?.to_owned(),
        batches: batches.map(|_| read()),
    })
}

/// An end of a batch: a moment, or the number that a numeric key has there.
fn batch_key(value: Option<&Json>) -> Option<BatchKey> {
    moment(value).map(BatchKey::Time).or_else(|| value?.as_i64().map(BatchKey::Number))
}

/// The columns of nodes as an earlier catalog.json has them, with their types; nothing if it cannot be read.
pub fn read_catalog_columns(bytes: &[u8]) -> HashMap<NodeId, Vec<(String, String)>> {
    let Ok(Json::Object(document)) = serde_json::from_slice(bytes) else { return HashMap::new() };
    let nodes = document.get("nodes").and_then(Json::as_object).into_iter().flatten();
    let columns = |node: &Json| -> Option<Vec<(String, String)>> {
        let columns = node.get("columns")?.as_object()?.iter();
        let mut columns: Vec<(i64, String, String)> = columns
            .map(|(name, c)| {
                let index = c.get("index").and_then(Json::as_i64).unwrap_or(i64::MAX);
                let name = text(c, "name").unwrap_or(name);
                (index, name.to_owned(), text(c, "type").unwrap_or_default().to_owned())
            })
            .collect();
        columns.sort();
        Some(columns.into_iter().map(|(_, name, data_type)| (name, data_type)).collect())
    };
    nodes.filter_map(|(id, node)| Some((NodeId::from(id.as_str()), columns(node)?))).collect()
}

/// Reads freshness checks.
pub fn read_sources(path: &str, bytes: &[u8]) -> Read<PreviousFreshness> {
    let document = document(ArtifactKind::Sources, path, bytes)?;
    let results = document.get("results").and_then(Json::as_array).into_iter().flatten();
    let one = |r: &Json| Some((NodeId::from(text(r, "unique_id")?), moment(r.get("max_loaded_at"))));
    Ok(results.filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versioned(name: &str, version: u32, rest: &str) -> String {
        format!(
            r#"{{"metadata": {{"dbt_schema_version": "https://schemas.getdbt.com/dbt/{name}/v{version}.json", "dbt_version": "9.9.9", "generated_at": "2024-01-02T03:04:05Z"}}, {rest}}}"#
        )
    }

    #[test]
    fn other_versions_are_named() {
        for (version, way) in [(3, "1.8 or later"), (13, "1.12 or earlier")] {
            let problem =
                read_manifest("s", "s/manifest.json", versioned("manifest", version, "\"nodes\": {}").as_bytes());
            let problem = problem.expect_err("a version that cannot be read");
            assert!(problem.message.contains(&format!("v{version}")) && problem.message.contains("9.9.9"), "{problem}");
            assert!(problem.help.as_ref().is_some_and(|h| h.contains(way)), "{:?}", problem.help);
        }
        assert!(read_run_results("x", b"[]").is_err() && read_sources("x", b"{}").is_err());
    }

    #[test]
    fn older_spellings_are_read() {
        let nodes = r#""nodes": {"model.a.b": {"raw_sql": "select 1"}}, "macros": {"macro.a.m": {"macro_sql": "x"}}"#;
        let manifest =
            read_manifest("s", "p", versioned("manifest", 4, nodes).as_bytes()).expect("a readable manifest");
        assert_eq!(manifest.members["model.a.b"]["raw_code"], "select 1".into());
        assert_eq!(manifest.macros["macro.a.m"], "x");
        let results = r#""results": [{"unique_id": "model.a.b", "status": "partial success", "batch_results": {"successful": [], "failed": [["2024-01-01T00:00:00+00:00", "2024-01-02T00:00:00+00:00"]]}}], "args": {"which": "run"}"#;
        let run = read_run_results("p", versioned("run-results", 6, results).as_bytes()).expect("readable results");
        assert_eq!(run.args["which"], "run".into());
        assert_eq!(run.results[0].batches.as_ref().map(|b| b.failed.len()), Some(1));
        assert!(run.started_at.is_some());
    }
}
