//! Tables as text: Markdown, CSV, JSON.
//!
//! In: a table's contents. Out: text as agate prints it.

use minijinja::{Error, Value};

use super::data::{ColumnType, Data};
use crate::base;
use crate::jinja::pylib::arguments::{bind, optional_integer};
use crate::jinja::pylib::json_unicode;
use crate::jinja::values::{dict, list, to_str, type_error};

/// How much of a table is printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    rows: usize,
    columns: usize,
    width: usize,
    precision: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 20, columns: 6, width: 20, precision: 3 }
    }
}

impl Limits {
    /// The limits that the arguments of `print_table` set.
    pub(super) fn of(args: &[Value]) -> Result<Self, Error> {
        let names = ["max_rows", "max_columns", "output", "max_column_width", "locale", "max_precision"];
        let [rows, columns, _output, width, _locale, precision] = bind("print_table", args, names, 0)?;
        let limit = |value: Option<Value>, default: usize| match value {
            None => Ok(default),
            Some(value) => Ok::<_, Error>(match optional_integer(Some(&value))? {
                Some(limit) => usize::try_from(limit).unwrap_or(0),
                None => usize::MAX,
            }),
        };
        let default = Self::default();
        Ok(Self {
            rows: limit(rows, default.rows)?,
            columns: limit(columns, default.columns)?,
            width: limit(width, default.width)?,
            precision: limit(precision, default.precision)?,
        })
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(3)).chain("...".chars()).collect()
}

/// A number's digits, as the engine gave them.
fn digits(value: &base::Value) -> String {
    match value {
        base::Value::Decimal(digits) => digits.clone(),
        other => other.to_string(),
    }
}

/// How many decimal places the numbers of a column need.
fn places<'v>(values: impl Iterator<Item = &'v base::Value>) -> usize {
    let needed = |value: &base::Value| {
        let digits = digits(value);
        digits.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len())
    };
    values.map(needed).max().unwrap_or(0)
}

/// A number with separators between thousands and a fixed number of places.
fn number(value: &base::Value, places: usize, ellipsis: bool) -> String {
    let digits = digits(value);
    let rounded = match digits.split_once('.') {
        Some((_, fraction)) if fraction.len() > places => {
            digits.parse::<f64>().map_or(digits.clone(), |float| format!("{float:.places$}"))
        }
        _ => digits.clone(),
    };
    let (sign, unsigned) = rounded.strip_prefix('-').map_or(("", rounded.as_str()), |rest| ("-", rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if places > 0 { "." } else { "" };
    format!("{sign}{grouped}{point}{fraction:0<places$}{}", if ellipsis { "…" } else { "" })
}

/// Lines of cells, columns padded to their widest cell; text to the left, the rest to the right.
fn markdown(header: Vec<String>, rows: Vec<Vec<String>>, left: &[bool]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(place, cell)| {
                let width = widths[place];
                if left.get(place).copied().unwrap_or(true) {
                    format!(" {cell:<width$} ")
                } else {
                    format!(" {cell:>width$} ")
                }
            })
            .collect();
        format!("|{}|\n", cells.join("|"))
    };
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut out = line(&header);
    out += &format!("| {} |\n", dashes.join(" | "));
    rows.iter().for_each(|row| out += &line(row));
    out
}

/// agate's `print_table()`.
pub(super) fn table(data: &Data, limits: &Limits) -> String {
    let shown = data.types.len().min(limits.columns);
    let truncated = shown < data.types.len();
    let mut header: Vec<String> = data.names().take(shown).map(|name| cut(name, limits.width)).collect();
    header.extend(truncated.then(|| "...".to_owned()));
    let base_rows = || data.base().rows.iter().take(limits.rows);
    let formats: Vec<(usize, bool)> = (0..shown)
        .map(|column| {
            let needed = places(base_rows().map(|row| &row[column]));
            (needed.min(limits.precision), needed > limits.precision)
        })
        .collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (values, base) in data.rows().iter().zip(base_rows()) {
        let cells = (0..shown).map(|column| {
            let text = match (data.types[column], &base[column]) {
                (_, base::Value::Null) => String::new(),
                (ColumnType::Number, value) => number(value, formats[column].0, formats[column].1),
                _ => to_str(&values[column]),
            };
            cut(&text, limits.width)
        });
        rows.push(cells.chain(truncated.then(|| "...".to_owned())).collect());
    }
    if limits.rows < data.height() {
        rows.push(vec!["...".to_owned(); header.len()]);
    }
    let left: Vec<bool> = data.types.iter().map(|kind| *kind == ColumnType::Text).collect();
    markdown(header, rows, &left)
}

/// agate's `print_structure()`.
pub(super) fn structure(data: &Data) -> String {
    let rows = data.names().zip(&data.types).map(|(name, kind)| vec![name.to_owned(), kind.name().to_owned()]);
    markdown(vec!["column".into(), "data_type".into()], rows.collect(), &[true, true])
}

fn csv_cell(text: &str) -> String {
    let text = text.replace('\r', "\n");
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// ISO text of dates, digits of numbers, nothing for nulls.
fn plain(data: &Data, row: usize, column: usize) -> String {
    match (&data.base().rows[row][column], data.types[column]) {
        (base::Value::Null, _) => String::new(),
        (value, ColumnType::Number) => digits(value),
        (_, ColumnType::DateTime) => to_str(&data.rows()[row][column]).replacen(' ', "T", 1),
        _ => to_str(&data.rows()[row][column]),
    }
}

/// agate's `print_csv()`.
pub(super) fn csv(data: &Data) -> String {
    let mut out = data.names().map(csv_cell).collect::<Vec<_>>().join(",") + "\n";
    for row in 0..data.height() {
        let cells: Vec<String> = (0..data.types.len()).map(|column| csv_cell(&plain(data, row, column))).collect();
        out += &(cells.join(",") + "\n");
    }
    out
}

/// agate's `print_json()`: a list of objects, an object by key, or one object a line.
pub(super) fn json(data: &Data, args: &[Value]) -> Result<String, Error> {
    let [key, newline, indent] = bind("print_json", args, ["key", "newline", "indent"], 0)?;
    let indent = optional_integer(indent.as_ref())?.map(|indent| usize::try_from(indent).unwrap_or(0));
    let cell = |row: usize, column: usize| match (&data.base().rows[row][column], data.types[column]) {
        (base::Value::Null, _) => Value::from(()),
        (value, ColumnType::Number) => Value::from(digits(value).parse::<f64>().unwrap_or(f64::NAN)),
        (_, ColumnType::Date | ColumnType::DateTime) => Value::from(plain(data, row, column)),
        _ => data.rows()[row][column].clone(),
    };
    let object =
        |row: usize| dict(data.names().enumerate().map(|(column, name)| (Value::from(name), cell(row, column))));
    let text = |value: &Value| json_unicode(value, indent).map_err(type_error);
    let rows = 0..data.height();
    if newline.is_some_and(|newline| newline.is_true()) {
        let lines = rows.map(|row| text(&object(row))).collect::<Result<Vec<_>, _>>()?;
        return Ok(lines.join("\n"));
    }
    match key.filter(|key| !key.is_none()) {
        Some(key) => {
            let column = data.place(&to_str(&key)).ok_or_else(|| crate::jinja::values::key_error(&key))?;
            text(&dict(rows.map(|row| (Value::from(plain(data, row, column)), object(row)))))
        }
        None => text(&list(rows.map(object).collect())),
    }
}
