//! Query results for people and programs, as `show` and `seed --show` print them.
//!
//! In: a [`Table`]. Out: a Markdown table in agate's manner, or JSON.

use serde_json::{Map, Value as Json};

use crate::base::{Table, Value};

use super::json_text;

/// How much of a table is printed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At most so many rows.
    pub rows: usize,
    /// At most so many columns.
    pub columns: usize,
    /// At most so many characters of a cell.
    pub width: usize,
    /// At most so many decimal places.
    pub places: usize,
}

impl Limits {
    /// What `show` prints: every row it was given.
    pub const SHOW: Self = Self { rows: usize::MAX, columns: 6, width: 20, places: 3 };
    /// What `seed --show` prints.
    pub const SEED: Self = Self { rows: 10, columns: usize::MAX, width: 20, places: 3 };
}

/// A table as `show` prints it.
pub fn text_table(table: &Table) -> String {
    text_table_within(table, Limits::SHOW)
}

/// A table, cut to limits. Ends with a line end.
pub fn text_table_within(table: &Table, limits: Limits) -> String {
    let shown = table.columns.len().min(limits.columns);
    let more = shown < table.columns.len();
    let ellipsis = || more.then(|| "...".to_owned());
    let visible = || table.rows.iter().take(limits.rows);
    let kinds: Vec<ColumnKind> = (0..table.columns.len()).map(|c| ColumnKind::of(table, c)).collect();
    let needed: Vec<usize> = (0..shown).map(|c| visible().map(|r| places(r.get(c))).max().unwrap_or(0)).collect();
    let names = table.columns.iter().take(shown).map(|c| cut(&c.name, limits.width));
    let mut lines: Vec<Vec<String>> = vec![names.chain(ellipsis()).collect()];
    for row in visible() {
        let cells = (0..shown).map(|c| {
            let text = match (row.get(c), kinds[c]) {
                (None | Some(Value::Null), _) => String::new(),
                (Some(value), ColumnKind::Number) => number(value, needed[c], limits.places),
                (Some(value), _) => value.to_string(),
            };
            cut(&text, limits.width)
        });
        lines.push(cells.chain(ellipsis()).collect());
    }
    if table.rows.len() > limits.rows {
        lines.push(vec!["...".to_owned(); lines[0].len()]);
    }
    let left: Vec<bool> = kinds.iter().take(shown).map(|k| *k == ColumnKind::Text).chain([true]).collect();
    aligned(&lines, &left)
}

/// What `show` prints of a node: its name and its table, or JSON. `name` is none for an inline query.
pub fn show_text(name: Option<&str>, table: &Table, as_json: bool, quiet: bool) -> String {
    if as_json {
        let mut shown = Map::new();
        shown.extend(name.map(|name| ("node".to_owned(), Json::from(name))));
        shown.insert("show".to_owned(), rows_json(table));
        return json_text::indented(&Json::Object(shown));
    }
    let text = text_table(table);
    match name {
        _ if quiet => text,
        Some(name) => format!("Previewing node '{name}':\n{text}"),
        None => format!("Previewing inline node:\n{text}"),
    }
}

/// The rows as a list of objects; decimals are numbers, times are ISO text.
pub fn rows_json(table: &Table) -> Json {
    let kinds: Vec<ColumnKind> = (0..table.columns.len()).map(|c| ColumnKind::of(table, c)).collect();
    let cell = |value: &Value, kind: ColumnKind| match (value, kind) {
        (Value::Decimal(_) | Value::Int(_), ColumnKind::Number) => {
            value.to_string().parse::<f64>().map_or(Json::Null, Json::from)
        }
        (Value::Timestamp(_) | Value::TimestampTz(_), _) => Json::from(value.to_string().replacen(' ', "T", 1)),
        (Value::List(_) | Value::Map(_), _) => Json::from(json_text::compact(&value.to_json())),
        (value, _) => value.to_json(),
    };
    let object = |row: &Vec<Value>| {
        let cells = table.columns.iter().zip(row).zip(&kinds);
        Json::Object(cells.map(|((column, value), kind)| (column.name.clone(), cell(value, *kind))).collect())
    };
    Json::Array(table.rows.iter().map(object).collect())
}

/// How a column is printed, by its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    /// To the right, as it is: whole numbers, dates, booleans.
    Plain,
    /// To the right, with separators.
    Number,
    /// To the left.
    Text,
}

impl ColumnKind {
    fn of(table: &Table, column: usize) -> Self {
        let all = |fits: fn(&Value) -> bool| {
            table.rows.iter().filter_map(|r| r.get(column)).all(|value| value.is_null() || fits(value))
        };
        let plain: [fn(&Value) -> bool; 3] = [
            |v| matches!(v, Value::Int(_)),
            |v| matches!(v, Value::Date(_) | Value::Timestamp(_) | Value::TimestampTz(_)),
            |v| matches!(v, Value::Bool(_)),
        ];
        if plain.into_iter().any(all) {
            Self::Plain
        } else if all(|v| matches!(v, Value::Int(_) | Value::Float(_) | Value::Decimal(_))) {
            Self::Number
        } else {
            Self::Text
        }
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(3)).chain("...".chars()).collect()
}

/// How many decimal places a number needs.
fn places(value: Option<&Value>) -> usize {
    match value {
        Some(value @ (Value::Float(_) | Value::Decimal(_))) => {
            let digits = value.to_string();
            digits.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len())
        }
        _ => 0,
    }
}

/// A number with separators between thousands; `…` stands for places that are cut off.
fn number(value: &Value, needed: usize, most: usize) -> String {
    let places = needed.min(most);
    let digits = value.to_string();
    let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let rounded = match digits.parse::<f64>() {
        Ok(float) if fraction > places => format!("{float:.places$}"),
        _ => digits,
    };
    let (sign, unsigned) = rounded.strip_prefix('-').map_or(("", rounded.as_str()), |rest| ("-", rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if !whole.bytes().all(|b| b.is_ascii_digit()) {
        return rounded;
    }
    let mut out = sign.to_owned();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if places > 0 {
        out.push_str(&format!(".{fraction:0<places$}"));
    }
    if needed > most {
        out.push('…');
    }
    out
}

/// Lines of cells; the first is the header.
fn aligned(lines: &[Vec<String>], left: &[bool]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|c| lines.iter().map(|line| line[c].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for (position, line) in lines.iter().enumerate() {
        let cells = line.iter().enumerate().map(|(c, cell)| {
            let width = widths[c];
            if left[c] { format!(" {cell:<width$} ") } else { format!(" {cell:>width$} ") }
        });
        out.push_str(&format!("|{}|\n", cells.collect::<Vec<_>>().join("|")));
        if position == 0 {
            let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            out.push_str(&format!("| {} |\n", dashes.join(" | ")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TableColumn;

    fn table(names: &[&str], rows: Vec<Vec<Value>>) -> Table {
        let column = |name: &&str| TableColumn { name: (*name).to_owned(), data_type: String::new() };
        Table { columns: names.iter().map(column).collect(), rows }
    }

    #[test]
    fn prints_as_agate_does() {
        let rows = vec![
            vec![Value::Int(1), "a".into(), Value::Decimal("1234.50".into()), Value::Bool(true)],
            vec![Value::Int(20), Value::Null, Value::Decimal("-7.00".into()), Value::Null],
        ];
        let given = table(&["id", "name", "amount", "ok"], rows);
        assert_eq!(
            text_table(&given),
            "| id | name |  amount |   ok |\n\
             | -- | ---- | ------- | ---- |\n\
             |  1 | a    | 1,234.5 | True |\n\
             | 20 |      |    -7.0 |      |\n"
        );
        let json = "{\n  \"node\": \"m\",\n  \"show\": [\n    {\n      \"id\": 1,\n      \"name\": \"a\",\n      \"amount\": 1234.5,\n      \"ok\": true\n    },";
        assert!(show_text(Some("m"), &given, true, false).starts_with(json));
        assert!(show_text(None, &given, false, false).starts_with("Previewing inline node:\n| id"));
    }

    #[test]
    fn cuts_what_is_too_much() {
        let given = table(&["a", "b"], vec![vec!["x".repeat(30).into(), Value::Float(0.12345)]; 3]);
        let limits = Limits { rows: 1, columns: 1, ..Limits::SHOW };
        assert_eq!(
            text_table_within(&given, limits),
            "| a                    | ... |\n\
             | -------------------- | --- |\n\
             | xxxxxxxxxxxxxxxxx... | ... |\n\
             | ...                  | ... |\n"
        );
        assert!(text_table(&given).contains(" 0.123… |"), "{}", text_table(&given));
    }
}
