//! Files in place of tables: `from 'orders/*.parquet'`, `read_csv('x.csv', delim = ';')`, `delta_scan('folder')`. In: a parsed
//! statement. Out: the statement with names in their place, and what to open under those names.
//!
//! * [`options`]: what a call says; [`glob`]: patterns -> files; [`hive`]: columns out of the files' paths; [`types`]: one type for
//!   columns of several files
//! * [`parquet`]: Parquet files; [`text`]: the scan of text files, [`bytes`]: their bytes, [`csv`] and [`json`]: what is in them
//! * [`guess`]: types of values that are written as text

mod bytes;
mod csv;
mod glob;
mod guess;
mod hive;
mod json;
mod options;
mod parquet;
mod seen;
mod text;
mod types;

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::context::SessionState;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Statement, TableAlias, TableFactor, Value,
    ValueWithSpan, VisitMut, VisitorMut,
};
use object_store::prefix::PrefixStore;

use self::options::Options;
pub(in crate::adapters::datafusion) use self::seen::Seen;
use crate::adapters::datafusion::delta::{Lake, StagedTable};
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Parquet,
    Csv,
    Json,
    Delta,
}

impl Format {
    fn of_function(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "read_parquet" | "parquet_scan" => Self::Parquet,
            "read_csv" | "read_csv_auto" => Self::Csv,
            "read_json" | "read_json_auto" | "read_ndjson" | "read_ndjson_auto" => Self::Json,
            "delta_scan" => Self::Delta,
            _ => return None,
        })
    }

    /// The endings of files that a folder is searched for.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Parquet => &["parquet"],
            Self::Csv => &["csv"],
            Self::Json => &["json"],
            Self::Delta => &[],
        }
    }

    fn of_file(path: &str) -> Option<Self> {
        let lower = path.to_ascii_lowercase();
        let plain = [".gz", ".zst", ".bz2", ".xz"].iter().find_map(|e| lower.strip_suffix(e)).unwrap_or(&lower);
        let ends = |endings: &[&str]| endings.iter().any(|e| plain.ends_with(e));
        if ends(&[".parquet", ".parq"]) {
            Some(Self::Parquet)
        } else if ends(&[".csv", ".tsv", ".txt"]) {
            Some(Self::Csv)
        } else if ends(&[".json", ".jsonl", ".ndjson"]) {
            Some(Self::Json)
        } else {
            None
        }
    }
}

/// Files that a statement reads under a made-up name.
#[derive(Debug)]
pub(in crate::adapters::datafusion) struct FileCall {
    name: String,
    /// The function that reads them; none where their path stands alone.
    function: Option<String>,
    format: Format,
    paths: Vec<String>,
    options: Vec<(String, Expr)>,
}

/// Takes the files out of a statement.
pub(in crate::adapters::datafusion) fn extract(statement: &mut Statement) -> Result<Vec<FileCall>, AdapterError> {
    let mut extractor = Extractor::default();
    match statement.visit(&mut extractor) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(extractor.calls),
    }
}

#[derive(Default)]
struct Extractor {
    calls: Vec<FileCall>,
}

impl VisitorMut for Extractor {
    type Break = Box<AdapterError>;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        let TableFactor::Table { name, alias, args, .. } = factor else { return ControlFlow::Continue(()) };
        let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return ControlFlow::Continue(()) };
        let call = match args {
            Some(args) => match Format::of_function(&ident.value) {
                Some(format) => arguments(&ident.value, format, &args.args),
                None => return ControlFlow::Continue(()),
            },
            None if ident.quote_style == Some('\'') => named_file(&ident.value),
            None if ident.quote_style == Some('"') && Format::of_file(&ident.value).is_some() => {
                named_file(&ident.value)
            }
            None => return ControlFlow::Continue(()),
        };
        let (format, paths, options) = match call {
            Ok(call) => call,
            Err(error) => return ControlFlow::Break(Box::new(error)),
        };
        let made_up = format!("__file_{}", self.calls.len());
        let function = args.is_some().then(|| ident.value.clone());
        if alias.is_none() {
            let shown = if args.is_some() { ident.value.clone() } else { stem(&ident.value) };
            *alias =
                Some(TableAlias { explicit: true, name: Ident::with_quote('"', shown), columns: vec![], at: None });
        }
        *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('"', made_up.clone()))]);
        *args = None;
        self.calls.push(FileCall { name: made_up, function, format, paths, options });
        ControlFlow::Continue(())
    }
}

type Call = (Format, Vec<String>, Vec<(String, Expr)>);

fn named_file(path: &str) -> Result<Call, AdapterError> {
    let format = Format::of_file(path).ok_or_else(|| {
        let text = format!("'{path}' is no file of a known kind: .parquet, .csv, .tsv, .json, .jsonl, .ndjson");
        errors::told(ErrorKind::Catalog, text)
    })?;
    Ok((format, vec![path.to_owned()], Vec::new()))
}

/// The file's name without folder and ending, by which its columns can be qualified.
fn stem(path: &str) -> String {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).to_owned()
}

fn arguments(function: &str, format: Format, args: &[FunctionArg]) -> Result<Call, AdapterError> {
    let wrong = |why: String| errors::told(ErrorKind::Binder, format!("{function}: {why}"));
    let (mut paths, mut options) = (Vec::new(), Vec::new());
    for arg in args {
        let (name, value) = match arg {
            FunctionArg::Named { name, arg, .. } => (Some(name.value.clone()), arg),
            FunctionArg::ExprNamed { name, arg, .. } => (Some(name.to_string()), arg),
            FunctionArg::Unnamed(arg) => (None, arg),
        };
        let FunctionArgExpr::Expr(value) = value else { return Err(wrong("`*` is no argument".to_owned())) };
        match name {
            Some(name) => options.push((name.to_ascii_lowercase(), value.clone())),
            None => paths.extend(texts(value).ok_or_else(|| wrong(format!("{value} is no path")))?),
        }
    }
    if paths.is_empty() {
        return Err(wrong("a path is missing".to_owned()));
    }
    Ok((format, paths, options))
}

/// Where the bracket ends that a text begins with, but for white space.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(c),
            ('(', None) => depth += 1,
            (')', None) if depth <= 1 => return (depth == 1).then_some(at + 1),
            (')', None) => depth -= 1,
            (c, None) if depth == 0 && !c.is_whitespace() => return None,
            _ => {}
        }
    }
    None
}

/// A text, or a list of texts.
fn texts(value: &Expr) -> Option<Vec<String>> {
    match value {
        Expr::Array(array) => array.elem.iter().map(text).collect(),
        other => text(other).map(|t| vec![t]),
    }
}

fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text.clone()),
        // No column can be meant here.
        Expr::Identifier(name) if name.quote_style == Some('"') => Some(name.value.clone()),
        _ => None,
    }
}

impl FileCall {
    /// The name in the statement.
    pub(in crate::adapters::datafusion) fn name(&self) -> &str {
        &self.name
    }

    /// What of it stands in the text.
    pub(in crate::adapters::datafusion) fn sought(&self) -> &str {
        self.paths.first().map_or("", String::as_str)
    }

    /// How the statement's text names them: the path in quotes, or the whole call.
    pub(in crate::adapters::datafusion) fn written(&self, sql: &str) -> String {
        let Some(function) = &self.function else {
            let quoted = ['\'', '"'].map(|quote| format!("{quote}{}{quote}", self.sought()));
            return quoted.into_iter().find(|text| sql.contains(text)).unwrap_or_else(|| self.sought().to_owned());
        };
        let (lower, name) = (sql.to_ascii_lowercase(), function.to_ascii_lowercase());
        let mut calls = lower.match_indices(&name).filter_map(|(at, _)| {
            let length = closing(sql.get(at + name.len()..)?)?;
            sql.get(at..at + name.len() + length)
        });
        calls.find(|call| call.contains(self.sought())).unwrap_or_else(|| self.sought()).to_owned()
    }

    /// Opens the files.
    pub(in crate::adapters::datafusion) async fn open(
        &self,
        session: &SessionState,
    ) -> Result<Arc<dyn TableProvider>, AdapterError> {
        let options = Options::read(self.format, self.function.as_deref().unwrap_or_default(), &self.options, session)?;
        if self.format == Format::Delta {
            return self.open_delta(session, options.version).await;
        }
        let found = glob::find(session, &self.paths, self.format.endings()).await?;
        match self.format {
            Format::Csv => csv::open(session, found, options).await,
            Format::Json => json::open(session, found, options).await,
            _ => parquet::open(session, found, &options).await,
        }
    }

    async fn open_delta(
        &self,
        session: &SessionState,
        version: Option<u64>,
    ) -> Result<Arc<dyn TableProvider>, AdapterError> {
        let path = self.sought();
        let no_table = || errors::told(ErrorKind::Io, format!("\"{path}\" is no Delta table"));
        let listing = ListingTableUrl::parse(path).map_err(|e| errors::running(&e))?;
        let url: &url::Url = listing.get_url();
        let (parent, name) = split_last(url).ok_or_else(no_table)?;
        let listing = ListingTableUrl::parse(parent.as_str()).map_err(|e| errors::running(&e))?;
        let store = session.runtime_env().object_store(&listing).map_err(|e| errors::running(&e))?;
        let lake = Lake::new(Arc::new(PrefixStore::new(store, listing.prefix().clone())), parent);
        let version = match version {
            Some(version) => version,
            None => {
                let latest = StagedTable::latest_version(&lake, &name).await.map_err(|e| errors::delta(&e))?;
                latest.ok_or_else(no_table)?
            }
        };
        let table = StagedTable::open(&lake, &name, version).await.map_err(|e| errors::delta(&e))?;
        table.provider().await.map_err(|e| errors::delta(&e))
    }
}

/// The URL of the folder around a folder, and the folder's name in it.
fn split_last(url: &url::Url) -> Option<(url::Url, String)> {
    let name = url.path_segments()?.rfind(|part| !part.is_empty())?.to_owned();
    let mut parent = url.clone();
    parent.path_segments_mut().ok()?.pop_if_empty().pop().push("");
    Some((parent, name))
}
