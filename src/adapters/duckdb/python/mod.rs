//! Python models. In: a [`PythonJob`]. Out: a table that holds what the model returned.
//!
//! The database file belongs to this process, so the Python process cannot open it: it asks for the relations that it
//! reads and gets Parquet files, and its result comes back as one. [`process`] holds the conversation, `runner.py` is its other
//! end; here stands what the questions mean for the database. All of it happens in the connection's transaction.

mod process;

use std::path::Path;

use serde_json::{Value as Json, json};

use super::connection::DuckConnection;
use super::settings::literal;
use crate::adapters::{AdapterError, Connection, ErrorKind, Execution, Fetch, PythonJob};

pub(super) use process::Killable;
use process::{Heard, Process};

/// Types that Parquet does not have or keeps less of: they travel as text. The runner has the same list.
const AS_TEXT: &[&str] =
    &["HUGEINT", "BIT", "BIGNUM", "INTERVAL", "TIME_NS", "UNION", "VARIANT", "TIME WITH TIME ZONE"];

/// Runs the model.
pub(super) fn run(
    connection: &mut DuckConnection,
    job: &PythonJob<'_>,
    print: &mut dyn FnMut(&str),
) -> Result<Execution, AdapterError> {
    let fail = |error: std::io::Error| {
        AdapterError::new(ErrorKind::Io, format!("the folder for a Python model's data cannot be made: {error}"))
    };
    let folder = tempfile::Builder::new().prefix("transform-python-").tempdir().map_err(fail)?;
    let mut process = Process::start(connection, job, folder.path())?;
    let mut files = 0_usize;
    loop {
        let message = match process.hear()? {
            Heard::Message(message) => message,
            Heard::End => return Err(process.died(job)),
        };
        let text = |key: &str| message.get(key).and_then(Json::as_str);
        if let Some(line) = text("print") {
            print(line);
        } else if let Some(relation) = text("read") {
            files += 1;
            let path = folder.path().join(format!("{files}.parquet"));
            let answer = read(connection, relation, &path).unwrap_or_else(|e| json!({ "error": e.labelled() }));
            process.tell(&answer);
        } else if let Some(name) = text("complete") {
            process.tell(&json!({ "name": completed(name, connection) }));
        } else if let Some(relation) = text("store") {
            let stored = store(connection, relation, &message);
            process.tell(&stored.map_or_else(|e| json!({ "error": e.labelled() }), |()| json!({})));
        } else if let Some(module) = text("missing") {
            let python = text("python").unwrap_or("python3");
            return Err(missing(
                format!("Python models need the module `{module}`, which {python} does not have"),
                module,
                python,
            ));
        } else if text("failed").is_some() {
            return Err(failed(&message, job));
        } else if message.get("done").is_some() {
            return Ok(Execution { message: "OK".to_owned(), ..Execution::default() });
        }
    }
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn travels_as_text(data_type: &str) -> bool {
    AS_TEXT.iter().any(|name| data_type.contains(name))
}

/// Writes a relation down for the Python process.
fn read(connection: &mut DuckConnection, relation: &str, path: &Path) -> Result<Json, AdapterError> {
    let columns = connection.execute(&format!("select * from {relation} limit 0"), Fetch::None)?.table.columns;
    let terms: Vec<String> = columns
        .iter()
        .map(|column| {
            let name = identifier(&column.name);
            if travels_as_text(&column.data_type) { format!("{name}::varchar as {name}") } else { name }
        })
        .collect();
    let path = path.to_string_lossy();
    let sql = format!("copy (select {} from {relation}) to {} (format parquet)", terms.join(", "), literal(&path));
    connection.execute(&sql, Fetch::None)?;
    let columns: Vec<(&str, &str)> = columns.iter().map(|c| (c.name.as_str(), c.data_type.as_str())).collect();
    Ok(json!({ "path": path, "columns": columns }))
}

/// A name of one or two quoted parts with the defaults of the target in front: code that says `main.orders` means this database.
fn completed(name: &str, connection: &DuckConnection) -> String {
    let mut quotes = 0;
    let dots = name.bytes().filter(|&b| {
        quotes += usize::from(b == b'"');
        b == b'.' && quotes % 2 == 0
    });
    let database = identifier(&connection.settings().database);
    match dots.count() {
        0 => format!("{database}.{}.{name}", identifier("main")),
        1 => format!("{database}.{name}"),
        _ => name.to_owned(),
    }
}

/// Creates the table of the result.
fn store(connection: &mut DuckConnection, relation: &str, message: &Json) -> Result<(), AdapterError> {
    let path = message.get("path").and_then(Json::as_str).unwrap_or_default();
    let temporary = if message.get("temporary").and_then(Json::as_bool) == Some(true) { "temporary " } else { "" };
    let columns = message.get("columns").and_then(Json::as_array).into_iter().flatten();
    let terms: Vec<String> = columns
        .filter_map(|pair| {
            let name = identifier(pair.get(0)?.as_str()?);
            let cast = pair.get(1).and_then(Json::as_str).map(|t| format!("{name}::{t} as {name}"));
            Some(cast.unwrap_or(name))
        })
        .collect();
    let rows = format!("select {} from read_parquet({})", terms.join(", "), literal(path));
    let layout: Vec<&str> =
        message.get("layout").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    if layout.is_empty() {
        let sql = format!("create {temporary}table {relation} as {rows}");
        return connection.execute(&sql, Fetch::None).map(drop);
    }
    connection.execute(&format!("create {temporary}table {relation} as {rows} limit 0"), Fetch::None)?;
    for sql in layout {
        connection.execute(sql, Fetch::None)?;
    }
    connection.execute(&format!("insert into {relation} {rows}"), Fetch::None).map(drop)
}

fn missing(message: String, module: &str, python: &str) -> AdapterError {
    let help = format!(
        "{python} -m pip install {module}\nor name another Python: TRANSFORM_PYTHON=/path/to/python, or `python` in the profile"
    );
    AdapterError::new(ErrorKind::Python, message).with_help(help)
}

/// The model's exception, at the last line of its own file in the traceback.
fn failed(message: &Json, job: &PythonJob<'_>) -> AdapterError {
    let text = |key: &str| message.get(key).and_then(Json::as_str).unwrap_or_default();
    let words = format!("Python model failed: {}\n{}", text("failed"), text("trace"));
    let mut error = match text("missing_module") {
        "" => AdapterError::new(ErrorKind::Python, words),
        module => missing(words, module.split('.').next().unwrap_or(module), text("python")),
    };
    let lines = message.get("lines").and_then(Json::as_array).into_iter().flatten();
    let own = lines
        .filter_map(Json::as_u64)
        .filter_map(|line| usize::try_from(line).ok()?.checked_sub(job.first_line))
        .rfind(|line| *line < job.own_lines);
    if let Some(line) = own {
        let start: usize = job.code.split_inclusive('\n').take(line).map(str::len).sum();
        let blank = job.code[start..].len() - job.code[start..].trim_start_matches([' ', '\t']).len();
        error.position = Some(start + blank);
        error.sql = Some(job.code.to_owned());
    }
    error
}
