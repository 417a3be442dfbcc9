//! What earlier commands found out: the last verdict on each node and test, and how fresh sources are.
//!
//! In: `run_results.json`, `sources.json` and the site of the target folder. Out: [`LastResults`].
//!
//! `docs generate` compiles and so replaces `run_results.json`; the verdicts that it found there go on living in the site.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use crate::artifacts::ArtifactKind;
use crate::files::Files;

use super::page::{RESULTS_FILE, script_payload};

/// Verdicts by unique id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LastResults(pub Map<String, Json>);

impl LastResults {
    /// Reads what the target folder knows. Files that are not there or cannot be read say nothing.
    pub fn read(files: &dyn Files, target: &Path) -> Self {
        let mut found = files
            .read_text(&target.join(RESULTS_FILE))
            .ok()
            .and_then(|text| serde_json::from_str(&script_payload(&text)?).ok())
            .unwrap_or_default();
        let read = |kind: ArtifactKind| -> Option<Json> {
            serde_json::from_str(&files.read_text(&target.join(kind.file_name())).ok()?).ok()
        };
        if let Some(runs) = read(ArtifactKind::RunResults) {
            add_runs(&mut found, &runs);
        }
        if let Some(sources) = read(ArtifactKind::Sources) {
            add_freshness(&mut found, &sources);
        }
        Self(found)
    }
}

/// A verdict on a compilation says nothing of the data.
fn add_runs(found: &mut Map<String, Json>, runs: &Json) {
    let which = runs["args"]["which"].as_str().unwrap_or_default();
    if matches!(which, "generate" | "publish" | "compile" | "show" | "docs") {
        return;
    }
    let at = &runs["metadata"]["generated_at"];
    for result in runs["results"].as_array().into_iter().flatten() {
        let Some(id) = result["unique_id"].as_str() else { continue };
        let entry = json!({
            "s": result["status"], "m": result["message"], "f": result["failures"], "t": result["execution_time"],
            "rows": result["adapter_response"]["rows_affected"], "at": at,
        });
        found.insert(id.to_owned(), without_nulls(entry));
    }
}

fn add_freshness(found: &mut Map<String, Json>, sources: &Json) {
    for result in sources["results"].as_array().into_iter().flatten() {
        let Some(id) = result["unique_id"].as_str() else { continue };
        let entry = json!({
            "s": result["status"], "m": result["error"], "loaded": result["max_loaded_at"],
            "at": result["snapshotted_at"], "age": result["max_loaded_at_time_ago_in_s"],
        });
        found.insert(id.to_owned(), without_nulls(entry));
    }
}

fn without_nulls(entry: Json) -> Json {
    match entry {
        Json::Object(map) => Json::Object(map.into_iter().filter(|(_, v)| !v.is_null()).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::page::script;
    use crate::files::MemoryFiles;

    #[test]
    fn a_compilation_does_not_hide_the_last_test() {
        let files = MemoryFiles::default();
        let target = Path::new("/t");
        let write = |name: &str, text: &str| files.write_atomic(&target.join(name), text.as_bytes()).unwrap();
        write(
            "run_results.json",
            r#"{"metadata":{"generated_at":"now"},"args":{"which":"test"},
                "results":[{"unique_id":"test.a","status":"fail","message":"it's <b>","failures":2}]}"#,
        );
        let first = LastResults::read(&files, target);
        assert_eq!(first.0["test.a"]["f"], 2);
        write(RESULTS_FILE, &script("results", &Json::Object(first.0.clone()).to_string()));
        write(
            "run_results.json",
            r#"{"args":{"which":"generate"},"results":[{"unique_id":"test.a","status":"success"}]}"#,
        );
        assert_eq!(LastResults::read(&files, target), first);
    }
}
