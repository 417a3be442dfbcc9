//! Files in place of tables: `from 'orders/*.parquet'`, `read_csv('x.csv', delim = ';')`, `delta_scan('folder')`. In: a parsed
//! statement. Out: the statement with names in their place, and what to open under those names.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::context::SessionState;
use datafusion::sql::sqlparser::ast::{
    DictionaryField, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Statement, TableAlias,
    TableFactor, Value, ValueWithSpan, VisitMut, VisitorMut,
};

use object_store::prefix::PrefixStore;

use crate::adapters::datafusion::delta::{Lake, StagedTable};
use crate::adapters::datafusion::{errors, statements};
use crate::adapters::{AdapterError, ErrorKind};

/// Rows that are looked at to find the types of a text file.
const SAMPLE: usize = 100_000;

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
        _ => None,
    }
}

fn truth(value: &Expr) -> Option<bool> {
    match value {
        Expr::Value(ValueWithSpan { value: Value::Boolean(b), .. }) => Some(*b),
        Expr::Value(ValueWithSpan { value: Value::Number(n, _), .. }) => Some(n != "0"),
        _ => text(value).and_then(|t| t.to_ascii_lowercase().parse().ok()),
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
        if self.format == Format::Delta {
            return self.open_delta(session).await;
        }
        let urls = self.paths.iter().map(ListingTableUrl::parse).collect::<Result<Vec<_>, _>>();
        let urls = urls.map_err(|e| errors::running(&e))?;
        let compression = self.compression()?;
        let format: Arc<dyn FileFormat> = match self.format {
            Format::Csv => Arc::new(self.csv()?.with_file_compression_type(compression)),
            Format::Json => Arc::new(
                JsonFormat::default().with_file_compression_type(compression).with_schema_infer_max_rec(SAMPLE),
            ),
            _ => Arc::new(ParquetFormat::default()),
        };
        let mut options = ListingOptions::new(format).with_file_extension("");
        if self.hive_partitioned() {
            let names = options.infer_partitions(session, &urls[0]).await.map_err(|e| errors::running(&e))?;
            let columns = names.into_iter().map(|name| (name, DataType::Utf8)).collect();
            options = options.with_table_partition_cols(columns);
        }
        let schema = match self.declared(session)? {
            Some(schema) => Arc::new(schema),
            None => self.inferred(&options, &urls, session).await?,
        };
        let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(schema);
        Ok(Arc::new(ListingTable::try_new(config).map_err(|e| errors::running(&e))?))
    }

    async fn inferred(
        &self,
        options: &ListingOptions,
        urls: &[ListingTableUrl],
        session: &SessionState,
    ) -> Result<Arc<Schema>, AdapterError> {
        let mut schemas = Vec::new();
        for (url, path) in urls.iter().zip(&self.paths) {
            let none = || errors::told(ErrorKind::Io, format!("No files found that match \"{path}\""));
            let schema = options.infer_schema(session, url).await.map_err(|e| match errors::running(&e) {
                error if error.message.starts_with("No files found") => none(),
                error => error,
            })?;
            if schema.fields().is_empty() {
                return Err(none());
            }
            schemas.push(schema.as_ref().clone());
        }
        let merged = Schema::try_merge(schemas).map_err(|e| errors::told(ErrorKind::Binder, e.to_string()))?;
        Ok(Arc::new(merged))
    }

    async fn open_delta(&self, session: &SessionState) -> Result<Arc<dyn TableProvider>, AdapterError> {
        let path = self.sought();
        let no_table = || errors::told(ErrorKind::Io, format!("\"{path}\" is no Delta table"));
        let mut version = None;
        for (name, value) in &self.options {
            match (name.as_str(), value) {
                ("version", Expr::Value(ValueWithSpan { value: Value::Number(n, _), .. })) => {
                    version = n.to_string().parse::<u64>().ok();
                }
                _ => return Err(self.no_option(name)),
            }
        }
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

    fn no_option(&self, name: &str) -> AdapterError {
        let words = match self.format {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Delta => "delta",
        };
        errors::told(ErrorKind::Unsupported, format!("reading {words}: the option `{name}` is not known here"))
    }

    fn option(&self, names: &[&str]) -> Option<&Expr> {
        self.options.iter().find(|(n, _)| names.contains(&n.as_str())).map(|(_, value)| value)
    }

    fn hive_partitioned(&self) -> bool {
        match self.option(&["hive_partitioning"]).and_then(truth) {
            Some(said) => said,
            None => self.paths.iter().any(|p| p.split('/').rev().skip(1).any(|part| part.contains('='))),
        }
    }

    fn compression(&self) -> Result<FileCompressionType, AdapterError> {
        let said = self.option(&["compression"]).and_then(text).filter(|c| c != "auto");
        let lower = self.sought().to_ascii_lowercase();
        let ending = lower.rsplit('.').next().unwrap_or_default();
        let variant = match said.as_deref().unwrap_or(ending) {
            "gzip" | "gz" => CompressionTypeVariant::GZIP,
            "zstd" | "zst" => CompressionTypeVariant::ZSTD,
            "bz2" | "bzip2" => CompressionTypeVariant::BZIP2,
            "xz" => CompressionTypeVariant::XZ,
            _ => CompressionTypeVariant::UNCOMPRESSED,
        };
        Ok(FileCompressionType::from(variant))
    }

    fn csv(&self) -> Result<CsvFormat, AdapterError> {
        let tabs = self.sought().to_ascii_lowercase().contains(".tsv");
        let mut format = CsvFormat::default()
            .with_has_header(true)
            .with_schema_infer_max_rec(SAMPLE)
            // Line breaks within quotes are part of the value.
            .with_newlines_in_values(true)
            .with_delimiter(if tabs { b'\t' } else { b',' });
        let byte = |value: &Expr| match text(value)?.as_bytes() {
            [one] => Some(*one),
            b"\\t" => Some(b'\t'),
            _ => None,
        };
        for (name, value) in &self.options {
            let refused = || {
                let text = format!("reading csv: {value} is no value for the option `{name}`");
                errors::told(ErrorKind::Binder, text)
            };
            match name.as_str() {
                "header" => format = format.with_has_header(truth(value).ok_or_else(refused)?),
                "delim" | "sep" | "delimiter" => format = format.with_delimiter(byte(value).ok_or_else(refused)?),
                "quote" => format = format.with_quote(byte(value).ok_or_else(refused)?),
                "escape" => match byte(value).ok_or_else(refused)? {
                    b'"' => {}
                    other => format = format.with_escape(Some(other)),
                },
                "comment" => format = format.with_comment(byte(value)),
                "nullstr" => {
                    let pattern = format!("^{}$", escaped(&text(value).ok_or_else(refused)?));
                    format = format.with_null_regex(Some(pattern));
                }
                "new_line" | "auto_detect" | "sample_size" | "columns" | "types" | "dtypes" | "hive_partitioning"
                | "compression" | "all_varchar" | "union_by_name" => {}
                _ => return Err(self.no_option(name)),
            }
        }
        Ok(format)
    }

    /// The columns that the call names with their types.
    fn declared(&self, session: &SessionState) -> Result<Option<Schema>, AdapterError> {
        let Some(Expr::Dictionary(fields)) = self.option(&["columns"]) else { return Ok(None) };
        let field = |DictionaryField { key, value }: &DictionaryField| {
            let named = text(value).ok_or_else(|| {
                let text = format!("the type of the column {key} must be a text, not {value}");
                errors::told(ErrorKind::Binder, text)
            })?;
            let data_type = statements::types::parse(&named, session)?;
            Ok(Field::new(key.value.clone(), data_type, true))
        };
        let fields = fields.iter().map(field).collect::<Result<Vec<_>, AdapterError>>()?;
        Ok(Some(Schema::new(fields)))
    }
}

/// A text that means itself in a regular expression.
fn escaped(text: &str) -> String {
    let special = |c: char| !c.is_alphanumeric() && !c.is_whitespace();
    text.chars().fold(String::new(), |mut out, c| {
        if special(c) {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

/// The URL of the folder around a folder, and the folder's name in it.
fn split_last(url: &url::Url) -> Option<(url::Url, String)> {
    let name = url.path_segments()?.rfind(|part| !part.is_empty())?.to_owned();
    let mut parent = url.clone();
    parent.path_segments_mut().ok()?.pop_if_empty().pop().push("");
    Some((parent, name))
}
