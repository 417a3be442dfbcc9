//! A profile target's options read. In: the mapping of the target. Out: [`Settings`]: where the lake is, how much its engine may use.

use std::path::{Path, PathBuf};

use url::Url;

use crate::adapters::{AdapterError, ErrorKind};
use crate::base::{Dict, Value};

/// Where a lake is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A prefix of an object store.
    Remote(Url),
    /// Nowhere: a lake that is not there yet, looked at.
    Nowhere,
}

/// What a target's options come to.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Where the lake is.
    pub(super) place: Place,
    /// `target.database`: the name of the one catalog.
    pub(super) database: String,
    /// `target.schema`, where names without a schema live.
    pub(super) schema: String,
    /// Bytes that queries may hold in memory before they spill.
    pub(super) memory_limit: Option<usize>,
    /// Where they spill to.
    pub(super) spill: Option<PathBuf>,
    /// Settings of DataFusion.
    pub(super) options: Vec<(String, String)>,
    /// Options of the object store.
    pub(super) storage: Vec<(String, String)>,
    /// Whether work is wrapped in transactions.
    pub(super) transactions: bool,
    /// Whether nothing may be written.
    pub(super) read_only: bool,
}

impl Settings {
    /// Reads a target. Relative paths are taken from `base_dir`.
    pub(super) fn parse(options: &Dict, base_dir: &Path) -> Result<Self, AdapterError> {
        let path = text(options, "path")?.filter(|p| !p.is_empty()).unwrap_or_else(|| "lake".to_owned());
        let folder = |name: &str| Ok::<_, AdapterError>(text(options, name)?.map(|p| base_dir.join(p)));
        let spill = match folder("temp_directory")? {
            None => folder("spill_directory")?,
            found => found,
        };
        Ok(Self {
            place: place(&path, base_dir)?,
            database: text(options, "database")?.filter(|d| !d.is_empty()).unwrap_or_else(|| "lake".to_owned()),
            schema: text(options, "schema")?.filter(|s| !s.is_empty()).unwrap_or_else(|| "main".to_owned()),
            memory_limit: text(options, "memory_limit")?.map(|size| bytes(&size)).transpose()?,
            spill,
            options: pairs(options, "settings")?.into_iter().map(|(name, value)| (full_name(&name), value)).collect(),
            storage: pairs(options, "storage_options")?,
            transactions: !options.get("disable_transactions").is_some_and(Value::is_truthy),
            read_only: options.get("read_only").is_some_and(Value::is_truthy),
        })
    }

    /// The same, but nothing is written, and a folder that is not there yet is an empty lake.
    pub(super) fn for_reading(&self) -> Self {
        let mut settings = self.clone();
        settings.read_only = true;
        if matches!(&self.place, Place::Folder(folder) if !folder.exists()) {
            settings.place = Place::Nowhere;
        }
        settings
    }
}

/// A setting under DataFusion's own name: its parts may be left out up to the group.
fn full_name(name: &str) -> String {
    let name = name.trim();
    if name.starts_with("datafusion.") || name.starts_with("delta.") {
        return name.to_owned();
    }
    let group = name.split_once('.').map(|(group, _)| group);
    match group {
        Some("execution" | "optimizer" | "sql_parser" | "explain" | "format" | "catalog" | "runtime") => {
            format!("datafusion.{name}")
        }
        _ => format!("datafusion.execution.{name}"),
    }
}

fn place(path: &str, base_dir: &Path) -> Result<Place, AdapterError> {
    match path.split_once("://") {
        None => Ok(Place::Folder(base_dir.join(path))),
        Some(("file", rest)) => Ok(Place::Folder(PathBuf::from(rest))),
        Some(("s3" | "s3a", _)) => {
            let url = Url::parse(path).map_err(|e| {
                let text = format!("profile option `path: {path}` is no URL: {e}");
                AdapterError::new(ErrorKind::Settings, text).about_option("path")
            })?;
            Ok(Place::Remote(url))
        }
        Some((scheme, _)) => Err(AdapterError::new(
            ErrorKind::Unsupported,
            format!("profile option `path`: lakes live in folders and under s3:// URLs, not under {scheme}://"),
        )
        .about_option("path")),
    }
}

/// A problem with an option's form.
fn wrong(option: &str, wanted: &str, got: &Value) -> AdapterError {
    let text = format!("profile option `{option}` must be {wanted}, not {}", got.kind());
    AdapterError::new(ErrorKind::Settings, text).about_option(option)
}

fn text(options: &Dict, name: &str) -> Result<Option<String>, AdapterError> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value @ (Value::List(_) | Value::Map(_))) => Err(wrong(name, "text", value)),
        Some(value) => Ok(Some(plain(value))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        other => other.to_string(),
    }
}

fn pairs(options: &Dict, name: &str) -> Result<Vec<(String, String)>, AdapterError> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Map(map)) => {
            Ok(map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), plain(v))).collect())
        }
        Some(other) => Err(wrong(name, "a mapping", other)),
    }
}

/// A size such as `512MB`, `4GiB`, `80000`.
fn bytes(size: &str) -> Result<usize, AdapterError> {
    let trimmed = size.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let unit = match trimmed[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => f64::NAN,
    };
    let count = trimmed[..digits].parse::<f64>().unwrap_or(f64::NAN) * unit;
    if count.is_finite() && count >= 1.0 {
        return Ok(count as usize);
    }
    let text = format!("profile option `memory_limit: {size}` is no size; write it as 512MB or 4GiB");
    Err(AdapterError::new(ErrorKind::Settings, text).about_option("memory_limit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Settings, AdapterError> {
        let json = serde_json::from_str(json).expect("the test's JSON");
        let Value::Map(options) = Value::from_json(&json) else { panic!("a mapping") };
        Settings::parse(&options, Path::new("/project"))
    }

    #[test]
    fn places_and_defaults() {
        let settings = parse("{}").expect("defaults");
        assert_eq!(settings.place, Place::Folder("/project/lake".into()));
        assert_eq!((settings.database.as_str(), settings.schema.as_str()), ("lake", "main"));
        assert!(matches!(parse(r#"{"path": "s3://bucket/x"}"#).expect("a URL").place, Place::Remote(_)));
        assert_eq!(parse(r#"{"path": "ftp://x/y"}"#).expect_err("refused").kind, ErrorKind::Unsupported);
    }

    #[test]
    fn sizes_and_names_of_settings() {
        assert_eq!(parse(r#"{"memory_limit": "2 GiB"}"#).expect("a size").memory_limit, Some(2_147_483_648));
        assert_eq!(parse(r#"{"memory_limit": 5000}"#).expect("a size").memory_limit, Some(5000));
        assert!(parse(r#"{"memory_limit": "lots"}"#).is_err());
        let settings = parse(r#"{"settings": {"batch_size": 100, "optimizer.max_passes": 1}}"#).expect("settings");
        let names: Vec<&str> = settings.options.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["datafusion.execution.batch_size", "datafusion.optimizer.max_passes"]);
    }
}
