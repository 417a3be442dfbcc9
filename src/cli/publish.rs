//! `publish:` of a target: after a run that succeeded, schemas go into a file of their own, for applications to read.
//!
//! In: the option, an adapter. Out: the file, replaced at once. Readers that have the former file open keep it as it was; a run
//! that is killed leaves the former file in place.
//!
//! ```yaml
//! dev:
//!   type: duckdb
//!   path: warehouse.duckdb
//!   publish: {path: published.duckdb, schemas: [main_marts]}   # or: publish: published.duckdb
//! ```

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::base::Value;
use crate::diag::{Diagnostic, codes};
use crate::execute::event::{Event, NoteLevel, plural};
use crate::files::{Files, FilesError};

use super::context::adapter_problem;
use super::session::{Session, Step, Stop};

/// What a target wants published.
#[derive(Debug, PartialEq)]
pub struct Publication {
    /// The file, as the profile has it.
    shown: String,
    path: PathBuf,
    schemas: Vec<String>,
}

impl Publication {
    /// Reads the option of the session's target; none if there is none.
    pub fn of(session: &Session) -> Step<Option<Self>> {
        let options = session.adapter.options();
        let Some(option) = options.get("publish").filter(|v| !v.is_null()) else { return Ok(None) };
        let base = &session.inputs.load.project_dir;
        let own = options.get("path").and_then(Value::as_str).map(|path| base.join(path));
        let read = Self::read(option, base, session.adapter.default_schema());
        let checked = read.and_then(|publication| match own {
            Some(own) if own == publication.path => Err("`path` is the database itself".to_owned()),
            _ => Ok(publication),
        });
        checked.map(Some).map_err(|words| {
            let message = format!("profile option `publish`: {words}");
            let problem = Diagnostic::error(codes::PROFILE_INVALID, message)
                .at(session.tree.profile.span.clone())
                .help("write `publish: {path: FILE, schemas: [SCHEMA]}`; without `schemas`, the target's own is meant");
            session.inputs.sink.emit(&Event::Problem(&problem));
            Stop(2)
        })
    }

    fn read(option: &Value, base: &Path, schema: &str) -> Result<Self, String> {
        let (path, schemas) = match option {
            Value::Str(path) => (path.clone(), vec![schema.to_owned()]),
            Value::Map(map) => {
                if let Some(key) = map.keys().find(|key| !["path", "schemas"].contains(&key.as_str())) {
                    return Err(format!("there is no key `{key}`"));
                }
                let path = map.get("path").and_then(Value::as_str).ok_or("`path` is missing")?.to_owned();
                let schemas = match map.get("schemas") {
                    None | Some(Value::Null) => vec![schema.to_owned()],
                    Some(Value::Str(one)) => vec![one.clone()],
                    Some(Value::List(names)) if !names.is_empty() => names.iter().map(Value::to_string).collect(),
                    Some(_) => return Err("`schemas` is a list of names".to_owned()),
                };
                (path, schemas)
            }
            other => return Err(format!("it is a path or a mapping, not {}", other.kind())),
        };
        Ok(Self { path: base.join(&path), shown: path, schemas })
    }

    /// Writes the file and puts it in place of the former one.
    pub fn publish(&self, session: &Session) -> Step<()> {
        let started = Instant::now();
        let fail = |problem: Diagnostic| {
            session.inputs.sink.emit(&Event::Problem(&problem));
            // The models are built; the former file stays.
            Stop(1)
        };
        let files = &*session.inputs.files;
        let unwritable = |e: &FilesError| Diagnostic::error(codes::TARGET_UNWRITABLE, e.to_string());
        let staged = with_suffix(&self.path, ".new");
        self.clear(files, &staged).map_err(|e| fail(unwritable(&e)))?;
        let count = session.adapter.publish(&self.schemas, &staged).map_err(|e| {
            let problem = adapter_problem(&e);
            let message = format!("{} is not published: {}", self.shown, problem.message);
            let help = problem.help.or(e.help);
            let _ = self.clear(files, &staged);
            fail(Diagnostic { message, help, ..problem }.at(session.tree.profile.span.clone()))
        })?;
        let placed =
            remove(files, &with_suffix(&self.path, ".wal")).and_then(|()| files.replace_file(&staged, &self.path));
        placed.map_err(|e| fail(unwritable(&e)))?;
        let seconds = started.elapsed().as_secs_f64();
        let (what, schemas) = (plural(count, "relation"), self.schemas.join(", "));
        let message = format!("Published {what} of {schemas} to {} in {seconds:.2}s", self.shown);
        session.inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message: &message });
        Ok(())
    }

    /// Removes what a killed run has left.
    fn clear(&self, files: &dyn Files, staged: &Path) -> Result<(), FilesError> {
        if let Some(folder) = self.path.parent() {
            files.create_dir(folder)?;
        }
        remove(files, staged)?;
        remove(files, &with_suffix(staged, ".wal"))
    }
}

fn remove(files: &dyn Files, path: &Path) -> Result<(), FilesError> {
    if files.is_file(path) { files.remove_file(path) } else { Ok(()) }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    PathBuf::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_a_path_or_a_mapping() {
        let read = |json: &str| {
            let value = Value::from_json(&serde_json::from_str(json).expect("JSON"));
            Publication::read(&value, Path::new("/p"), "main").map(|p| (p.path, p.schemas))
        };
        let of = |path: &str, schemas: &[&str]| {
            Ok((PathBuf::from(path), schemas.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()))
        };
        assert_eq!(read(r#""a.duckdb""#), of("/p/a.duckdb", &["main"]));
        assert_eq!(read(r#"{"path": "/x/a", "schemas": ["b", "c"]}"#), of("/x/a", &["b", "c"]));
        assert_eq!(read(r#"{"path": "a", "schemas": "b"}"#), of("/p/a", &["b"]));
        for bad in ["1", r#"{"schemas": ["b"]}"#, r#"{"path": "a", "schemas": []}"#, r#"{"path": "a", "to": "b"}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
