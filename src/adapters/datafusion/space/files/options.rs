//! What a call says beside its paths. In: the names and values of its arguments. Out: [`Options`].
//!
//! Nothing is passed over: a name that no reader of the format knows is refused with the nearest one that it knows, and one that
//! is known elsewhere but not read here is refused as well. What only says how fast the other engine reads is taken and has no
//! effect.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::execution::context::SessionState;
use datafusion::sql::sqlparser::ast::{DictionaryField, Expr, UnaryOperator, Value, ValueWithSpan};

use super::{Format, text, texts};
use crate::adapters::datafusion::{errors, statements};
use crate::adapters::{AdapterError, ErrorKind};

/// Rows that are looked at to find the types of a text file.
const SAMPLE: usize = 20_480;

/// Read by all but `delta_scan`.
const EVERYWHERE: &[&str] = &["filename", "hive_partitioning", "hive_types", "hive_types_autocast", "union_by_name"];

const CSV: &[&str] = &[
    "all_varchar",
    "auto_detect",
    "column_names",
    "column_types",
    "columns",
    "comment",
    "compression",
    "date_format",
    "dateformat",
    "decimal_separator",
    "delim",
    "delimiter",
    "dtypes",
    "escape",
    "force_not_null",
    "header",
    "ignore_errors",
    "names",
    "null",
    "null_padding",
    "nullstr",
    "quote",
    "sample_size",
    "sep",
    "separator",
    "skip",
    "timestamp_format",
    "timestampformat",
    "types",
];
const JSON: &[&str] = &["array", "auto_detect", "columns", "compression", "format", "records", "sample_size"];
const PARQUET: &[&str] = &["binary_as_string"];
const DELTA: &[&str] = &["version"];

/// Hints that change nothing of what is read.
const HINTS: &[&str] = &[
    "buffer_size",
    "files_to_sniff",
    "max_line_size",
    "maximum_line_size",
    "maximum_object_size",
    "maximum_sample_files",
    "new_line",
    "parallel",
    "prefetch_strategy",
];

/// Known to the other engine, not read here.
const ELSEWHERE: &[&str] = &[
    "allow_empty",
    "allow_quoted_nulls",
    "auto_type_candidates",
    "bound_schema",
    "can_have_nan",
    "column_statistics",
    "compression",
    "convert_strings_to_integers",
    "date_format",
    "dateformat",
    "encoding",
    "encryption_config",
    "explicit_cardinality",
    "field_appearance_threshold",
    "file_row_number",
    "geojson",
    "ignore_errors",
    "int96_as",
    "map_inference_threshold",
    "maximum_depth",
    "normalize_names",
    "parquet_version",
    "rejects_limit",
    "rejects_line_size_limit",
    "rejects_scan",
    "rejects_table",
    "schema",
    "store_rejects",
    "strict_mode",
    "thousands",
    "timestamp_format",
    "timestampformat",
    "utf8_validation",
];

/// How a JSON file is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// An array if it begins with one.
    #[default]
    Auto,
    /// One array of records.
    Array,
    /// Records one after the other.
    Records,
}

/// What a call says. Its written form is part of the key under which files are remembered.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// Columns with their types, in place of what the file says.
    pub(super) columns: Vec<(String, DataType)>,
    /// Types of some columns, by name.
    pub(super) types: Vec<(String, DataType)>,
    /// Types of the first columns.
    pub(super) first_types: Vec<DataType>,
    /// Names of the first columns.
    pub(super) names: Vec<String>,
    pub(super) all_varchar: bool,
    pub(super) auto_detect: bool,
    pub(super) delimiter: Option<u8>,
    /// What quotes; `Some(None)` says nothing does.
    pub(super) quote: Option<Option<u8>>,
    pub(super) escape: Option<u8>,
    pub(super) comment: Option<Option<u8>>,
    pub(super) header: Option<bool>,
    pub(super) skip: usize,
    pub(super) nulls: Vec<String>,
    pub(super) force_not_null: Vec<String>,
    pub(super) date_format: Option<String>,
    pub(super) timestamp_format: Option<String>,
    pub(super) decimal_comma: bool,
    pub(super) null_padding: bool,
    pub(super) ignore_errors: bool,
    /// Rows that are looked at for the types.
    pub(super) sample: usize,
    pub(super) arrangement: Arrangement,
    pub(super) binary_as_string: bool,
    pub(super) compression: Option<CompressionTypeVariant>,
    pub(super) union_by_name: bool,
    /// The column with the files' names.
    pub(super) filename: Option<String>,
    /// Whether paths are said to hold columns.
    pub(super) hive: Option<bool>,
    pub(super) hive_types: Vec<(String, DataType)>,
    pub(super) hive_autocast: bool,
    /// Of a Delta table.
    pub(super) version: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            types: Vec::new(),
            first_types: Vec::new(),
            names: Vec::new(),
            all_varchar: false,
            auto_detect: true,
            delimiter: None,
            quote: None,
            escape: None,
            comment: None,
            header: None,
            skip: 0,
            nulls: vec![String::new()],
            force_not_null: Vec::new(),
            date_format: None,
            timestamp_format: None,
            decimal_comma: false,
            null_padding: false,
            ignore_errors: false,
            sample: SAMPLE,
            arrangement: Arrangement::Auto,
            binary_as_string: false,
            compression: None,
            union_by_name: false,
            filename: None,
            hive: None,
            hive_types: Vec::new(),
            hive_autocast: true,
            version: None,
        }
    }
}

impl Options {
    /// Reads the options of a call.
    pub(super) fn read(
        format: Format,
        function: &str,
        given: &[(String, Expr)],
        session: &SessionState,
    ) -> Result<Self, AdapterError> {
        let mut options = Self::default();
        if function.to_ascii_lowercase().starts_with("read_ndjson") {
            options.arrangement = Arrangement::Records;
        }
        for (name, value) in given {
            let option = Given { function, name, value };
            let own = format.options();
            let common = format != Format::Delta && EVERYWHERE.contains(&name.as_str());
            if own.contains(&name.as_str()) || common {
                let taken = if common { options.common(&option, session)? } else { options.own(&option, session)? };
                if !taken {
                    return Err(option.wrong());
                }
            } else if !(format != Format::Delta && (HINTS.contains(&name.as_str()) || option.says_the_usual())) {
                return Err(option.refused(format));
            }
        }
        Ok(options)
    }

    /// An option of all files. Whether its value could be taken.
    fn common(&mut self, option: &Given<'_>, session: &SessionState) -> Result<bool, AdapterError> {
        match option.name {
            "union_by_name" => return Ok(option.set(&mut self.union_by_name)),
            "hive_types_autocast" => return Ok(option.set(&mut self.hive_autocast)),
            "hive_partitioning" => self.hive = option.truth(),
            "hive_types" => self.hive_types = option.types(session)?,
            _ => {
                self.filename = match (option.truth(), text(option.value)) {
                    (Some(said), _) => said.then(|| "filename".to_owned()),
                    (None, Some(name)) => Some(name),
                    _ => return Ok(false),
                }
            }
        }
        Ok(option.name != "hive_partitioning" || self.hive.is_some())
    }

    /// An option of one format. Whether its value could be taken.
    fn own(&mut self, option: &Given<'_>, session: &SessionState) -> Result<bool, AdapterError> {
        let byte = || match text(option.value)?.as_bytes() {
            [one] => Some(*one),
            b"\\t" => Some(b'\t'),
            _ => None,
        };
        let byte_or_none = || if text(option.value)?.is_empty() { Some(None) } else { byte().map(Some) };
        fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
            *place = value;
            place.is_some()
        }
        Ok(match option.name {
            "all_varchar" => option.set(&mut self.all_varchar),
            "auto_detect" => option.set(&mut self.auto_detect),
            "null_padding" => option.set(&mut self.null_padding),
            "ignore_errors" => option.set(&mut self.ignore_errors),
            "binary_as_string" => option.set(&mut self.binary_as_string),
            "header" => put(&mut self.header, option.truth()),
            "delim" | "sep" | "delimiter" | "separator" => put(&mut self.delimiter, byte()),
            "quote" => put(&mut self.quote, byte_or_none()),
            "comment" => put(&mut self.comment, byte_or_none()),
            "escape" => {
                let read = byte_or_none();
                self.escape = read.flatten();
                read.is_some()
            }
            "columns" => {
                self.columns = option.types(session)?;
                !self.columns.is_empty()
            }
            "types" | "dtypes" | "column_types" => {
                if let Expr::Array(list) = option.value {
                    let types = list.elem.iter().map(|t| type_of(t, session)).collect::<Result<Vec<_>, _>>();
                    self.first_types = types?;
                } else {
                    self.types = option.types(session)?;
                }
                true
            }
            "names" | "column_names" => option.list(&mut self.names),
            "nullstr" | "null" => option.list(&mut self.nulls),
            "force_not_null" => option.list(&mut self.force_not_null),
            "dateformat" | "date_format" => put(&mut self.date_format, text(option.value)),
            "timestampformat" | "timestamp_format" => put(&mut self.timestamp_format, text(option.value)),
            "decimal_separator" => {
                let separator = text(option.value);
                self.decimal_comma = separator.as_deref() == Some(",");
                matches!(separator.as_deref(), Some("," | "."))
            }
            "skip" => option.number().and_then(|n| usize::try_from(n).ok()).map(|n| self.skip = n).is_some(),
            "sample_size" => match option.number() {
                Some(-1) => {
                    self.sample = usize::MAX;
                    true
                }
                Some(n) if n > 0 => {
                    self.sample = usize::try_from(n).unwrap_or(usize::MAX);
                    true
                }
                _ => false,
            },
            "version" => put(&mut self.version, option.number().and_then(|n| u64::try_from(n).ok())),
            "compression" => match text(option.value).unwrap_or_default().to_ascii_lowercase().as_str() {
                "auto" | "auto_detect" => true,
                "none" | "uncompressed" => put(&mut self.compression, Some(CompressionTypeVariant::UNCOMPRESSED)),
                "gzip" | "gz" => put(&mut self.compression, Some(CompressionTypeVariant::GZIP)),
                "zstd" | "zst" => put(&mut self.compression, Some(CompressionTypeVariant::ZSTD)),
                "bzip2" | "bz2" => put(&mut self.compression, Some(CompressionTypeVariant::BZIP2)),
                "xz" => put(&mut self.compression, Some(CompressionTypeVariant::XZ)),
                _ => false,
            },
            "array" => match option.truth() {
                Some(array) => {
                    self.arrangement = if array { Arrangement::Array } else { Arrangement::Records };
                    true
                }
                None => text(option.value).is_some_and(|t| t == "auto"),
            },
            "format" => match text(option.value).unwrap_or_default().to_ascii_lowercase().as_str() {
                "auto" => true,
                "array" => {
                    self.arrangement = Arrangement::Array;
                    true
                }
                "newline_delimited" | "nd" | "unstructured" => {
                    self.arrangement = Arrangement::Records;
                    true
                }
                _ => false,
            },
            // Whether records are records is seen of themselves.
            _ => text(option.value).is_some_and(|t| t == "auto") || option.truth() == Some(true),
        })
    }

    /// Columns that are neither looked for nor named are none.
    pub(super) fn refuse_unknown_columns(&self) -> Result<(), AdapterError> {
        if self.auto_detect || !self.columns.is_empty() {
            return Ok(());
        }
        let error = errors::told(ErrorKind::Binder, "`auto_detect = false` needs `columns`");
        Err(error.with_help("name them with their types: `columns = {'id': 'bigint', 'name': 'varchar'}`"))
    }

    /// How a file is compressed: as said, or as its name tells.
    pub(super) fn compression_of(&self, path: &str) -> CompressionTypeVariant {
        self.compression.unwrap_or_else(|| {
            match path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "gz" | "gzip" => CompressionTypeVariant::GZIP,
                "zst" | "zstd" => CompressionTypeVariant::ZSTD,
                "bz2" => CompressionTypeVariant::BZIP2,
                "xz" => CompressionTypeVariant::XZ,
                _ => CompressionTypeVariant::UNCOMPRESSED,
            }
        })
    }
}

impl Format {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Parquet => PARQUET,
            Self::Csv => CSV,
            Self::Json => JSON,
            Self::Delta => DELTA,
        }
    }
}

/// One option as it was given.
struct Given<'a> {
    function: &'a str,
    name: &'a str,
    value: &'a Expr,
}

impl Given<'_> {
    fn truth(&self) -> Option<bool> {
        match self.value {
            Expr::Value(ValueWithSpan { value: Value::Boolean(b), .. }) => Some(*b),
            Expr::Value(ValueWithSpan { value: Value::Number(n, _), .. }) => match n.to_string().as_str() {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            },
            other => match text(other)?.to_ascii_lowercase().as_str() {
                "true" | "yes" | "t" | "1" => Some(true),
                "false" | "no" | "f" | "0" => Some(false),
                _ => None,
            },
        }
    }

    fn set(&self, place: &mut bool) -> bool {
        let said = self.truth();
        *place = said.unwrap_or(*place);
        said.is_some()
    }

    fn list(&self, place: &mut Vec<String>) -> bool {
        let said = texts(self.value);
        let taken = said.is_some();
        *place = said.unwrap_or_default();
        taken
    }

    fn number(&self) -> Option<i64> {
        match self.value {
            Expr::Value(ValueWithSpan { value: Value::Number(n, _), .. }) => n.to_string().parse().ok(),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                let positive = Given { value: expr.as_ref(), ..*self }.number()?;
                Some(-positive)
            }
            other => text(other)?.parse().ok(),
        }
    }

    /// Columns with the names of their types: `{'zip': 'varchar'}`.
    fn types(&self, session: &SessionState) -> Result<Vec<(String, DataType)>, AdapterError> {
        let Expr::Dictionary(fields) = self.value else { return Err(self.wrong()) };
        let field =
            |DictionaryField { key, value }: &DictionaryField| Ok((key.value.clone(), type_of(value, session)?));
        fields.iter().map(field).collect()
    }

    /// Whether something that is not read here says what is done anyway.
    fn says_the_usual(&self) -> bool {
        match self.name {
            "encoding" => text(self.value).is_some_and(|t| matches!(t.to_ascii_lowercase().as_str(), "utf-8" | "utf8")),
            "strict_mode" | "allow_quoted_nulls" => self.truth() == Some(true),
            "normalize_names"
            | "store_rejects"
            | "file_row_number"
            | "convert_strings_to_integers"
            | "allow_empty"
            | "geojson" => self.truth() == Some(false),
            // Parquet files say themselves how they are compressed.
            "compression" => true,
            _ => false,
        }
    }

    fn wrong(&self) -> AdapterError {
        let text = format!("{}: {} is no value for the option `{}`", self.function, self.value, self.name);
        let mut error = errors::told(ErrorKind::Binder, text);
        error.help = match self.name {
            "delim" | "sep" | "delimiter" | "separator" | "quote" | "comment" | "escape" => {
                Some("it is one character that takes one byte".to_owned())
            }
            "columns" | "types" | "dtypes" | "hive_types" => {
                Some(format!("columns with their types: `{} = {{'zip': 'varchar'}}`", self.name))
            }
            _ => None,
        };
        error
    }

    fn refused(&self, format: Format) -> AdapterError {
        let (function, name) = (self.function, self.name);
        if ELSEWHERE.contains(&name) {
            let text = format!("{function}: the option `{name}` is not supported on a lake");
            let mut error = errors::told(ErrorKind::Unsupported, text);
            error.help = match name {
                "auto_type_candidates" => {
                    Some("say `all_varchar = true`, or `types = {'column': 'varchar'}`".to_owned())
                }
                "normalize_names" => Some("name the columns: `names = ['a', 'b']`".to_owned()),
                "encoding" => Some("files are UTF-8 here".to_owned()),
                "thousands" => Some("read the column as text, and `replace` what parts thousands".to_owned()),
                "strict_mode" => Some("`null_padding` and `ignore_errors` take rows of other lengths".to_owned()),
                _ => None,
            };
            return error;
        }
        let text = format!("{function}: there is no option `{name}`");
        let mut error = errors::told(ErrorKind::Binder, text);
        let common = if format == Format::Delta { &[] } else { EVERYWHERE };
        error.candidates = errors::nearest(name, format.options().iter().chain(common).copied());
        error.candidates.truncate(3);
        error
    }
}

/// A type that is written as a text or plainly.
fn type_of(value: &Expr, session: &SessionState) -> Result<DataType, AdapterError> {
    statements::types::parse(&text(value).unwrap_or_else(|| value.to_string()), session)
}
