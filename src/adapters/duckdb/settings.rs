//! A profile target's options read. In: the mapping of the target. Out: [`Settings`]: what to open and which SQL to run then.
//!
//! Accepts the options of dbt-duckdb under their names; what only Python or a service can do is refused, by name, when the
//! first connection is made: parsing and listing need no warehouse.

use std::path::{Path, PathBuf};

use super::attach::{attach_sql, attachment_alias};
use super::secrets::secret_sql;
use crate::adapters::{AdapterError, ErrorKind};
use crate::base::{Dict, Value};

/// An extension that the profile asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extension {
    /// Its name, or the path of its file.
    pub(super) name: String,
    /// Where dbt-duckdb would download it from.
    pub(super) repository: Option<String>,
}

/// When to try again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Retries {
    /// How often to try to open the database.
    pub(super) connect_attempts: u32,
    /// How often to try a query.
    pub(super) query_attempts: u32,
    /// The errors worth another attempt, under the names of DuckDB's Python client.
    pub(super) exceptions: Vec<String>,
}

impl Default for Retries {
    fn default() -> Self {
        Self { connect_attempts: 1, query_attempts: 1, exceptions: vec!["IOException".to_owned()] }
    }
}

/// What a target's options come to.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// What to open: a file's path or `:memory:`.
    pub(super) path: String,
    /// `target.database`.
    pub(super) database: String,
    /// `target.schema`.
    pub(super) schema: String,
    /// Options given when the instance is opened.
    pub(super) config: Vec<(String, String)>,
    /// Extensions to load into the instance.
    pub(super) extensions: Vec<Extension>,
    /// Statements for each connection.
    pub(super) session: Vec<String>,
    /// Statements that create secrets, once.
    pub(super) secrets: Vec<String>,
    /// Statements that attach databases, once; with the path as the profile has it.
    pub(super) attach: Vec<(String, String)>,
    /// When to try again.
    pub(super) retries: Retries,
    /// Whether work is wrapped in transactions.
    pub(super) transactions: bool,
    /// What relative paths are relative to.
    pub(super) base_dir: PathBuf,
    /// The Python that runs Python models.
    pub(super) python: Option<String>,
    /// Folders with modules that Python models import.
    pub(super) module_paths: Vec<String>,
    /// Why no connection can be made, if the profile asks for what is not available.
    pub(super) refusal: Option<AdapterError>,
}

impl Settings {
    /// Reads a target. Relative paths are taken from `base_dir`.
    pub(super) fn parse(options: &Dict, base_dir: &Path) -> Result<Self, AdapterError> {
        let written = match options.get("path") {
            None | Some(Value::Null) => ":memory:".to_owned(),
            Some(Value::Str(path)) => path.clone(),
            Some(other) => return Err(wrong("path", "a file path", other)),
        };
        let attachments = dicts(options, "attach")?;
        let database = database_name(options, &written, &attachments)?;
        let mut settings = Self {
            path: resolved(&written, base_dir),
            database,
            schema: text(options, "schema")?.unwrap_or_else(|| "main".to_owned()),
            config: pairs(options, "config_options")?,
            extensions: extensions(options)?,
            session: Vec::new(),
            secrets: Vec::new(),
            attach: Vec::new(),
            retries: retries(options)?,
            transactions: !options.get("disable_transactions").is_some_and(Value::is_truthy),
            base_dir: base_dir.to_path_buf(),
            python: text(options, "python")?.filter(|p| !p.is_empty()),
            module_paths: module_paths(options, base_dir)?,
            refusal: refusal(options, &written, &attachments),
        };
        settings.session = pairs(options, "settings")?
            .iter()
            .map(|(name, value)| format!("SET {name} = {}", literal(value)))
            .collect();
        for (index, secret) in dicts(options, "secrets")?.into_iter().enumerate() {
            settings.secrets.push(secret_sql(secret, index)?);
        }
        for attachment in attachments {
            settings.attach.push(attach_sql(attachment, base_dir)?);
        }
        // Nothing is downloaded behind the user's back; a profile that sets this itself is obeyed.
        let name = "autoinstall_known_extensions";
        if !settings.config.iter().any(|(key, _)| key == name) {
            settings.config.push((name.to_owned(), "false".to_owned()));
        }
        Ok(settings)
    }

    /// Whether the database is on this machine.
    pub(super) fn is_local(&self) -> bool {
        scheme(&self.path).is_none()
    }

    /// The same, but nothing can be written. A local file that is not there yet is an empty database of its name.
    pub(super) fn for_reading(&self, options: &Dict) -> Result<Self, AdapterError> {
        let mut settings = self.clone();
        let reads_only = |(key, _): &(String, String)| key.eq_ignore_ascii_case("access_mode");
        if self.is_persistent() && scheme(&self.path).is_none() && !Path::new(&self.path).exists() {
            let name = derived_name(&self.path).replace('"', "\"\"");
            settings.path = ":memory:".to_owned();
            settings.config.retain(|entry| !reads_only(entry));
            settings.attach = vec![(format!("ATTACH ':memory:' AS \"{name}\""), self.path.clone())];
            settings.session.insert(0, format!("USE \"{name}\""));
        } else {
            settings.attach.clear();
            if self.is_persistent() && !settings.config.iter().any(reads_only) {
                settings.config.push(("access_mode".to_owned(), "READ_ONLY".to_owned()));
            }
        }
        for attachment in dicts(options, "attach")? {
            settings.attach.push(attach_sql(&attached_for_reading(attachment, &self.base_dir), &self.base_dir)?);
        }
        Ok(settings)
    }

    /// What a session in another process of the same engine runs first, as far as it can.
    pub(super) fn python_setup(&self) -> Vec<String> {
        let load = self.extensions.iter().map(|e| format!("LOAD '{}'", e.name.replace('\'', "''")));
        load.chain(self.secrets.iter().cloned()).chain(self.session.iter().cloned()).collect()
    }

    /// Whether the profile loads an extension.
    pub(super) fn loads(&self, extension: &str) -> bool {
        self.extensions.iter().any(|e| e.name.eq_ignore_ascii_case(extension))
    }

    /// Whether what is written outlives the process.
    pub(super) fn is_persistent(&self) -> bool {
        !self.path.starts_with(":memory:")
    }
}

/// An entry of `attach`, read only; in memory where its file is not there yet.
fn attached_for_reading(entry: &Dict, base_dir: &Path) -> Dict {
    let mut entry = entry.clone();
    let path = entry.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
    let file = path.strip_prefix("ducklake:").unwrap_or(&path);
    let local = scheme(file).is_none() && !file.starts_with(":memory:") && !file.contains('=');
    if local && !Path::new(&resolved(file, base_dir)).exists() {
        let alias =
            attachment_alias(&entry).filter(|a| !a.is_empty()).map_or_else(|| derived_name(&path), str::to_owned);
        return [("path", ":memory:".to_owned()), ("alias", alias)]
            .into_iter()
            .map(|(key, text)| (key.to_owned(), Value::from(text)))
            .collect();
    }
    if file.starts_with(":memory:") {
        return entry;
    }
    if let Some(Value::Map(options)) = entry.get_mut("options") {
        options.shift_remove("read_only");
    }
    entry.insert("read_only".to_owned(), Value::Bool(true));
    entry
}

/// A problem with an option's form.
pub(super) fn wrong(option: &str, wanted: &str, got: &Value) -> AdapterError {
    let text = format!("profile option `{option}` must be {wanted}, not {}", got.kind());
    AdapterError::new(ErrorKind::Settings, text).about_option(option)
}

/// A text as a SQL literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A scalar as DuckDB's settings spell it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        other => other.to_string(),
    }
}

/// A local path made absolute by `base_dir`; anything with a scheme, in memory or in the home folder stays.
pub(super) fn resolved(path: &str, base_dir: &Path) -> String {
    if path.is_empty() || path.starts_with('~') || scheme(path).is_some() || path.starts_with(":memory:") {
        return path.to_owned();
    }
    base_dir.join(path).to_string_lossy().into_owned()
}

/// The part before the colon of `md:x` or `s3://x`; a single letter is a Windows drive.
pub(super) fn scheme(path: &str) -> Option<&str> {
    let (scheme, _) = path.split_once(':')?;
    let named =
        scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'_'));
    named.then_some(scheme)
}

fn is_motherduck(path: &str) -> bool {
    scheme(path).is_some_and(|s| s.eq_ignore_ascii_case("md") || s.eq_ignore_ascii_case("motherduck"))
}

/// The catalog name that DuckDB gives a database: the file's name without its last extension.
fn derived_name(path: &str) -> String {
    if path == ":memory:" {
        return "memory".to_owned();
    }
    let path = scheme(path).map_or(path, |s| &path[s.len() + 1..]);
    let file = path.split(['?', '#']).next().unwrap_or_default();
    let file = file.rsplit(['/', '\\']).next().unwrap_or_default();
    match file.rfind('.') {
        Some(dot) if dot > 0 => file[..dot].to_owned(),
        _ => file.to_owned(),
    }
}

fn database_name(options: &Dict, path: &str, attachments: &[&Dict]) -> Result<String, AdapterError> {
    let derived = derived_name(path);
    if derived.is_empty() && !is_motherduck(path) {
        return Err(AdapterError::new(
            ErrorKind::Settings,
            format!("profile option `path: {path}` names no file, so the database has no name"),
        )
        .about_option("path"));
    }
    match text(options, "database")? {
        None => Ok(derived),
        Some(name) if name == derived || is_motherduck(path) || options.contains_key("remote") => Ok(name),
        Some(name) if attachments.iter().any(|a| attachment_alias(a) == Some(name.as_str())) => Ok(name),
        Some(name) => Err(AdapterError::new(
            ErrorKind::Settings,
            format!(
                "profile option `database: {name}` does not fit `path: {path}`, whose database is `{derived}`; leave `database` \
                 out, or name the alias of an attached database"
            ),
        )
        .about_option("database")),
    }
}

/// The first option that needs what is not here: Python, a service.
fn refusal(options: &Dict, path: &str, attachments: &[&Dict]) -> Option<AdapterError> {
    let reasons = [
        ("plugins", "plugins of dbt-duckdb are Python modules"),
        (
            "filesystems",
            "file systems of fsspec are Python modules; DuckDB's own are configured by `extensions` and `secrets`",
        ),
        ("remote", "Buena Vista servers are not supported"),
        ("use_credential_provider", "use `secrets` with `provider: credential_chain`"),
        ("is_ducklake", "DuckLake databases are not supported"),
    ];
    let motherduck = |path: &str| {
        AdapterError::new(
            ErrorKind::Unsupported,
            format!("profile option `path: {path}`: MotherDuck is a service that this engine does not connect to"),
        )
    };
    if is_motherduck(path) {
        return Some(motherduck(path).about_option("path"));
    }
    for (option, reason) in reasons {
        let set = |d: &Dict| d.get(option).is_some_and(Value::is_truthy);
        let attached = attachments.iter().position(|a| option == "is_ducklake" && set(a));
        if set(options) || attached.is_some() {
            let place = attached.map_or_else(|| option.to_owned(), |index| format!("attach.{index}"));
            let text = format!("profile option `{option}`: {reason}");
            return Some(AdapterError::new(ErrorKind::Unsupported, text).about_option(place));
        }
    }
    attachments
        .iter()
        .filter_map(|a| a.get("path").and_then(Value::as_str))
        .find(|path| is_motherduck(path))
        .map(|path| motherduck(path).about_option("attach"))
}

fn text(options: &Dict, name: &str) -> Result<Option<String>, AdapterError> {
    match options.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value @ (Value::List(_) | Value::Map(_))) => Err(wrong(name, "text", value)),
        Some(value) => Ok(Some(value.to_string())),
    }
}

/// A mapping of names to scalars, or a list of such mappings.
fn pairs(options: &Dict, name: &str) -> Result<Vec<(String, String)>, AdapterError> {
    let maps: Vec<&Dict> = match options.get(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Map(map)) => vec![map],
        Some(_) => dicts(options, name)?,
    };
    let entries = maps.into_iter().flatten().filter(|(_, v)| !v.is_null());
    Ok(entries.map(|(k, v)| (k.clone(), plain(v))).collect())
}

fn dicts<'a>(options: &'a Dict, name: &str) -> Result<Vec<&'a Dict>, AdapterError> {
    let wanted = "a list of mappings";
    match options.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(items)) => items.iter().map(|i| i.as_map().ok_or_else(|| wrong(name, wanted, i))).collect(),
        Some(other) => Err(wrong(name, wanted, other)),
    }
}

fn module_paths(options: &Dict, base_dir: &Path) -> Result<Vec<String>, AdapterError> {
    match options.get("module_paths") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(items)) => Ok(items.iter().map(|path| resolved(&path.to_string(), base_dir)).collect()),
        Some(other) => Err(wrong("module_paths", "a list of folders", other)),
    }
}

fn extensions(options: &Dict) -> Result<Vec<Extension>, AdapterError> {
    let items = match options.get("extensions") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::List(items)) => items,
        Some(other) => return Err(wrong("extensions", "a list", other)),
    };
    let extension = |item: &Value| match item {
        Value::Str(name) => Some(Extension { name: name.clone(), repository: None }),
        Value::Map(map) => {
            let repository = map.get("repo").and_then(Value::as_str).map(str::to_owned);
            map.get("name").and_then(Value::as_str).map(|name| Extension { name: name.to_owned(), repository })
        }
        _ => None,
    };
    items
        .iter()
        .map(|i| extension(i).ok_or_else(|| wrong("extensions", "a list of names or of {name, repo}", i)))
        .collect()
}

fn retries(options: &Dict) -> Result<Retries, AdapterError> {
    let mut retries = Retries::default();
    let map = match options.get("retries") {
        None | Some(Value::Null) => return Ok(retries),
        Some(Value::Map(map)) => map,
        Some(other) => return Err(wrong("retries", "a mapping", other)),
    };
    let count = |name: &str| match map.get(name) {
        None | Some(Value::Null) => Ok(1),
        Some(value) => value
            .as_i64()
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| wrong(&format!("retries.{name}"), "a whole number", value)),
    };
    retries.connect_attempts = count("connect_attempts")?.max(1);
    retries.query_attempts = count("query_attempts")?.max(1);
    if let Some(names) = map.get("retryable_exceptions").and_then(Value::as_list) {
        retries.exceptions = names.iter().map(Value::to_string).collect();
    }
    Ok(retries)
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
    fn database_comes_from_the_path() {
        for (path, resolved, database) in [
            (":memory:", ":memory:", "memory"),
            ("dev.duckdb", "/project/dev.duckdb", "dev"),
            ("/data/a.b.db", "/data/a.b.db", "a.b"),
            ("sub/jaffle", "/project/sub/jaffle", "jaffle"),
        ] {
            let settings = parse(&format!(r#"{{"path": "{path}"}}"#)).expect(path);
            assert_eq!((settings.path.as_str(), settings.database.as_str()), (resolved, database));
        }
        assert!(parse(r#"{"path": "dev.db", "database": "prod"}"#).is_err());
        let aliased = r#"{"path": "dev.db", "database": "lake", "attach": [{"path": "x.db", "alias": "lake"}]}"#;
        assert_eq!(parse(aliased).expect("an alias").database, "lake");
    }

    #[test]
    fn what_needs_python_is_refused_by_name_but_only_for_connections() {
        let settings = parse(r#"{"plugins": [{"module": "excel"}], "unheard_of": 1}"#).expect("readable");
        assert!(settings.refusal.expect("a refusal").message.contains("`plugins`"));
        assert!(parse(r#"{"path": "md:my_db"}"#).expect("readable").refusal.is_some());
        assert!(parse(r#"{"plugins": [], "keep_open": true}"#).expect("readable").refusal.is_none());
    }

    #[test]
    fn settings_and_retries() {
        let settings = parse(
            r#"{"settings": {"memory_limit": "1GB", "preserve_insertion_order": false}, "disable_transactions": true,
                "retries": {"connect_attempts": 3, "retryable_exceptions": ["IOException", "HTTPException"]}}"#,
        )
        .expect("readable");
        assert_eq!(settings.session, ["SET memory_limit = '1GB'", "SET preserve_insertion_order = 'false'"]);
        assert_eq!((settings.retries.connect_attempts, settings.retries.query_attempts), (3, 1));
        assert!(!settings.transactions);
        assert!(parse(r#"{"settings": ["x"]}"#).is_err());
    }
}
