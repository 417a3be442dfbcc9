//! Functions of JSON, which is kept as text.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListBuilder, StringArray, StringBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::ScalarUDF;
use serde_json::Value;

use super::display;
use super::scalar::{Body, Gives, Kind, Scalar, fail, text};
use super::strings::texts_type;

/// All functions of this module.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Any, Int, List, Text};
    let extract: Body = |args, rows| extracted(args, rows, json_text);
    let string: Body = |args, rows| extracted(args, rows, plain_text);
    let all: Body = |args, rows| extracted_each(args, rows, json_text);
    let all_strings: Body = |args, rows| extracted_each(args, rows, plain_text);
    vec![
        Scalar::new("json_extract")
            .alias(&["json_extract_path"])
            .on(&[Text, Text], DataType::Utf8, extract)
            .on(&[Text, Int], DataType::Utf8, extract)
            .on(&[Text, List], texts_type(), all)
            .build(),
        Scalar::new("json_extract_string")
            .alias(&["json_extract_path_text"])
            .on(&[Text, Text], DataType::Utf8, string)
            .on(&[Text, Int], DataType::Utf8, string)
            .on(&[Text, List], texts_type(), all_strings)
            .build(),
        Scalar::new("json_extract_each")
            .on(&[Text, Text], texts_type(), |args, rows| wild(args, rows, json_text))
            .build(),
        Scalar::new("json_extract_string_each")
            .on(&[Text, Text], texts_type(), |args, rows| wild(args, rows, plain_text))
            .build(),
        Scalar::new("json_value")
            .on(&[Text, Text], DataType::Utf8, |args, rows| {
                extracted(args, rows, |v| (!v.is_object() && !v.is_array()).then(|| json_text(v)).flatten())
            })
            .build(),
        Scalar::new("json_exists")
            .on(&[Text, Text], DataType::Boolean, |args, rows| {
                let found = found(args, rows, |v| Some(v.is_some()))?;
                Ok(Arc::new(found.into_iter().collect::<BooleanArray>()))
            })
            .build(),
        Scalar::new("json_array_length")
            .on(&[Text], DataType::Int64, lengths)
            .on(&[Text, Text], DataType::Int64, lengths)
            .build(),
        Scalar::new("json_type")
            .alias(&["json_typeof"])
            .on(&[Text], DataType::Utf8, types)
            .on(&[Text, Text], DataType::Utf8, types)
            .build(),
        Scalar::new("json_valid")
            .on(&[Text], DataType::Boolean, |args, _| {
                let valid = text(&args[0]).iter().map(|t| t.map(|t| serde_json::from_str::<Value>(t).is_ok()));
                Ok(Arc::new(valid.collect::<BooleanArray>()))
            })
            .build(),
        Scalar::new("json_keys").on(&[Text], texts_type(), keys).on(&[Text, Text], texts_type(), keys).build(),
        Scalar::new("json_quote").alias(&["to_json"]).on(&[Any], DataType::Utf8, to_json).build(),
        Scalar::new("json_array")
            .many(&[], Any, Gives::Type(DataType::Utf8), |args, rows| {
                let columns = args.iter().map(values).collect::<Result<Vec<_>>>()?;
                let lists = (0..rows).map(|row| Some(bracketed(columns.iter().map(|c| &c[row]))));
                Ok(Arc::new(lists.collect::<StringArray>()))
            })
            .build(),
        Scalar::new("json_object").many(&[], Any, Gives::Type(DataType::Utf8), object).build(),
        Scalar::new("json_merge_patch")
            .on(&[Text, Text], DataType::Utf8, |args, rows| {
                let merged = (0..rows).map(|row| {
                    if args.iter().any(|a| a.is_null(row)) {
                        return Ok(None);
                    }
                    let mut value = parse(text(&args[0]).value(row))?;
                    merge(&mut value, parse(text(&args[1]).value(row))?);
                    Ok(Some(value.to_string()))
                });
                Ok(Arc::new(merged.collect::<Result<StringArray>>()?))
            })
            .build(),
        Scalar::new("json_contains")
            .on(&[Text, Text], DataType::Boolean, |args, rows| {
                let tested = (0..rows).map(|row| {
                    if args.iter().any(|a| a.is_null(row)) {
                        return Ok(None);
                    }
                    Ok(Some(holds(&parse(text(&args[0]).value(row))?, &parse(text(&args[1]).value(row))?)))
                });
                Ok(Arc::new(tested.collect::<Result<BooleanArray>>()?))
            })
            .build(),
        Scalar::new("json")
            .on(&[Text], DataType::Utf8, |args, _| {
                let compact = text(&args[0]).iter().map(|t| t.map(|t| parse(t).map(|v| v.to_string())).transpose());
                Ok(Arc::new(compact.collect::<Result<StringArray>>()?))
            })
            .build(),
        Scalar::new("json_checked")
            .on(&[Text], DataType::Utf8, |args, _| {
                for value in text(&args[0]).iter().flatten() {
                    parse(value)?;
                }
                Ok(Arc::clone(&args[0]))
            })
            .build(),
    ]
}

fn parse(value: &str) -> Result<Value> {
    serde_json::from_str(value).map_err(|e| exec_datafusion_err!("malformed JSON in '{value}': {e}"))
}

/// As JSON; what is not there is null.
fn json_text(value: &Value) -> Option<String> {
    Some(value.to_string())
}

/// Text without quotes; JSON's null is null.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(s) => Some(s.clone()),
        other => Some(other.to_string()),
    }
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Index(i64),
    Every,
}

/// `$.a[0]`, `/a/0`, or a plain key.
fn path(text: &str) -> Result<Vec<Step>> {
    if let Some(rest) = text.strip_prefix('/') {
        let steps = rest.split('/').map(|s| s.replace("~1", "/").replace("~0", "~"));
        return Ok(steps.map(|s| s.parse().map_or_else(|_| Step::Key(s), Step::Index)).collect());
    }
    let Some(mut rest) = text.strip_prefix('$') else { return Ok(vec![Step::Key(text.to_owned())]) };
    let wrong = || exec_datafusion_err!("'{text}' is no JSON path");
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']').ok_or_else(wrong)?;
            rest = after;
            let quoted = index.trim_matches(|c| c == '"' || c == '\'');
            steps.push(match index {
                "*" => Step::Every,
                _ if quoted.len() < index.len() => Step::Key(quoted.to_owned()),
                _ => Step::Index(index.strip_prefix('#').unwrap_or(index).parse().map_err(|_| wrong())?),
            });
            continue;
        }
        let inner = rest.strip_prefix('.').ok_or_else(wrong)?;
        if let Some(quoted) = inner.strip_prefix('"') {
            let (key, after) = quoted.split_once('"').ok_or_else(wrong)?;
            steps.push(Step::Key(key.to_owned()));
            rest = after;
            continue;
        }
        let end = inner.find(['.', '[']).unwrap_or(inner.len());
        let (key, after) = inner.split_at(end);
        if key.is_empty() {
            return Err(wrong());
        }
        steps.push(if key == "*" { Step::Every } else { Step::Key(key.to_owned()) });
        rest = after;
    }
    Ok(steps)
}

fn walk<'a>(value: &'a Value, steps: &[Step], found: &mut Vec<&'a Value>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    match (step, value) {
        (Step::Key(key), Value::Object(map)) => {
            if let Some(next) = map.get(key) {
                walk(next, rest, found);
            }
        }
        (Step::Index(at), Value::Array(items)) => {
            let place = if *at < 0 { i64::try_from(items.len()).unwrap_or(0) + at } else { *at };
            if let Some(next) = usize::try_from(place).ok().and_then(|p| items.get(p)) {
                walk(next, rest, found);
            }
        }
        (Step::Every, Value::Array(items)) => items.iter().for_each(|i| walk(i, rest, found)),
        (Step::Every, Value::Object(map)) => map.values().for_each(|i| walk(i, rest, found)),
        _ => {}
    }
}

/// Paths of a column, the one of the row before remembered.
struct Paths<'a> {
    array: &'a ArrayRef,
    last: Option<(String, Vec<Step>)>,
}

impl<'a> Paths<'a> {
    fn get(&mut self, row: usize) -> Result<&[Step]> {
        if self.array.data_type() == &DataType::Int64 {
            let at = self.array.as_primitive::<Int64Type>().value(row);
            self.last = Some((String::new(), vec![Step::Index(at)]));
        } else {
            let given = text(self.array).value(row);
            if self.last.as_ref().is_none_or(|(seen, _)| seen != given) {
                self.last = Some((given.to_owned(), path(given)?));
            }
        }
        Ok(self.last.as_ref().map_or(&[], |(_, steps)| steps))
    }
}

/// What is at the path of each row.
fn found<T>(args: &[ArrayRef], rows: usize, take: impl Fn(Option<&Value>) -> Option<T>) -> Result<Vec<Option<T>>> {
    let given = text(&args[0]);
    let mut paths = args.get(1).map(|array| Paths { array, last: None });
    (0..rows)
        .map(|row| {
            if args.iter().any(|a| a.is_null(row)) {
                return Ok(None);
            }
            let value = parse(given.value(row))?;
            let Some(paths) = &mut paths else { return Ok(take(Some(&value))) };
            let steps = paths.get(row)?;
            if steps.contains(&Step::Every) {
                return fail("json_extract", "a path with * gives a list; it must be written as a literal");
            }
            let mut all = Vec::new();
            walk(&value, steps, &mut all);
            Ok(take(all.first().copied()))
        })
        .collect()
}

fn extracted(args: &[ArrayRef], rows: usize, write: fn(&Value) -> Option<String>) -> Result<ArrayRef> {
    let texts = found(args, rows, |v| v.and_then(write))?;
    Ok(Arc::new(texts.into_iter().collect::<StringArray>()))
}

/// All that a path with `*` finds.
fn wild(args: &[ArrayRef], rows: usize, write: fn(&Value) -> Option<String>) -> Result<ArrayRef> {
    let given = text(&args[0]);
    let mut paths = Paths { array: &args[1], last: None };
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..rows {
        if args.iter().any(|a| a.is_null(row)) {
            lists.append(false);
            continue;
        }
        let value = parse(given.value(row))?;
        let mut all = Vec::new();
        walk(&value, paths.get(row)?, &mut all);
        for item in all {
            lists.values().append_option(write(item));
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// One value for each of a list of paths.
fn extracted_each(args: &[ArrayRef], rows: usize, write: fn(&Value) -> Option<String>) -> Result<ArrayRef> {
    let given = text(&args[0]);
    let asked = args[1].as_list::<i32>();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..rows {
        if given.is_null(row) || asked.is_null(row) {
            lists.append(false);
            continue;
        }
        let value = parse(given.value(row))?;
        let paths = cast(&asked.value(row), &DataType::Utf8)?;
        for one in text(&paths).iter() {
            let mut all = Vec::new();
            if let Some(one) = one {
                walk(&value, &path(one)?, &mut all);
            }
            lists.values().append_option(all.first().and_then(|v| write(v)));
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn lengths(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let found = found(args, rows, |v| v.map(|v| v.as_array().map_or(0, |a| i64::try_from(a.len()).unwrap_or(0))))?;
    Ok(Arc::new(found.into_iter().collect::<Int64Array>()))
}

fn types(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let found = found(args, rows, |v| {
        v.map(|v| match v {
            Value::Null => "NULL",
            Value::Bool(_) => "BOOLEAN",
            Value::Number(n) if n.is_u64() => "UBIGINT",
            Value::Number(n) if n.is_i64() => "BIGINT",
            Value::Number(_) => "DOUBLE",
            Value::String(_) => "VARCHAR",
            Value::Array(_) => "ARRAY",
            Value::Object(_) => "OBJECT",
        })
    })?;
    Ok(Arc::new(found.into_iter().collect::<StringArray>()))
}

fn keys(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let found = found(args, rows, |v| {
        v.map(|v| v.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()).unwrap_or_default())
    })?;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for keys in found {
        let there = keys.is_some();
        for key in keys.into_iter().flatten() {
            lists.values().append_value(key);
        }
        lists.append(there);
    }
    Ok(Arc::new(lists.finish()))
}

/// The values of an array as JSON.
fn values(array: &ArrayRef) -> Result<Vec<String>> {
    let rows = array.len();
    let null = || "null".to_owned();
    Ok(match array.data_type() {
        DataType::Null => vec![null(); rows],
        DataType::Boolean => array.as_boolean().iter().map(|b| b.map_or_else(null, |b| b.to_string())).collect(),
        t if t.is_integer() => display::texts(array)?.iter().map(|t| t.map_or_else(null, str::to_owned)).collect(),
        // More digits than a double has are written as they are.
        DataType::Decimal128(precision, _) if *precision > DOUBLE_DIGITS => {
            display::texts(array)?.iter().map(|t| t.map_or_else(null, str::to_owned)).collect()
        }
        t if t.is_floating() || t.is_decimal() => cast(array, &DataType::Float64)?
            .as_primitive::<Float64Type>()
            .iter()
            .map(|x| x.and_then(serde_json::Number::from_f64).map_or_else(null, |n| n.to_string()))
            .collect(),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => {
            let list = cast(array, &super::scalar::as_list(array.data_type()))?;
            let list = list.as_list::<i32>();
            (0..rows)
                .map(|r| if list.is_null(r) { Ok(null()) } else { Ok(bracketed(values(&list.value(r))?.iter())) })
                .collect::<Result<_>>()?
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().map(values).collect::<Result<Vec<_>>>()?;
            (0..rows)
                .map(|r| {
                    if array.is_null(r) {
                        return null();
                    }
                    braced(fields.iter().zip(&columns).map(|(f, c)| (quoted(f.name()), c[r].as_str())))
                })
                .collect()
        }
        DataType::Map(..) => {
            let maps = array.as_map();
            (0..rows)
                .map(|r| {
                    if maps.is_null(r) {
                        return Ok(null());
                    }
                    let entries = maps.value(r);
                    let (keys, found) = (values(entries.column(0))?, values(entries.column(1))?);
                    Ok(braced(keys.iter().map(|k| key(k)).zip(found.iter().map(String::as_str))))
                })
                .collect::<Result<_>>()?
        }
        _ => display::texts(array)?.iter().map(|t| t.map_or_else(null, quoted)).collect(),
    })
}

/// Digits that every double of so many has.
const DOUBLE_DIGITS: u8 = 15;

fn quoted(plain: &str) -> String {
    Value::from(plain).to_string()
}

/// A value as a key, which is text.
fn key(value: &str) -> String {
    if value.starts_with('"') { value.to_owned() } else { quoted(value) }
}

fn bracketed<'a>(items: impl Iterator<Item = &'a String>) -> String {
    format!("[{}]", items.map(String::as_str).collect::<Vec<_>>().join(","))
}

fn braced<'a>(pairs: impl Iterator<Item = (String, &'a str)>) -> String {
    format!("{{{}}}", pairs.map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(","))
}

fn to_json(args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
    let there = (0..args[0].len()).map(|row| args[0].is_valid(row));
    let texts = values(&args[0])?.into_iter().zip(there).map(|(v, there)| there.then_some(v));
    Ok(Arc::new(texts.collect::<StringArray>()))
}

fn object(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    if args.len() % 2 == 1 {
        return fail("json_object", "keys and values must come in pairs");
    }
    let columns = args.iter().map(values).collect::<Result<Vec<_>>>()?;
    let pairs = |row: usize| columns.chunks(2).map(move |pair| (key(&pair[0][row]), pair[1][row].as_str()));
    Ok(Arc::new((0..rows).map(|row| Some(braced(pairs(row)))).collect::<StringArray>()))
}

fn merge(value: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *value = patch;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(map) = value {
        for (key, change) in changes {
            if change.is_null() {
                map.remove(&key);
            } else {
                merge(map.entry(key).or_insert(Value::Null), change);
            }
        }
    }
}

/// Whether a part is found in the whole, at any depth.
fn holds(whole: &Value, part: &Value) -> bool {
    covers(whole, part)
        || match whole {
            Value::Array(items) => items.iter().any(|item| holds(item, part)),
            Value::Object(fields) => fields.values().any(|value| holds(value, part)),
            _ => false,
        }
}

/// Whether the whole has all that the part has, at the same places.
fn covers(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(a), Value::Object(b)) => b.iter().all(|(k, v)| a.get(k).is_some_and(|w| covers(w, v))),
        (Value::Array(a), Value::Array(b)) => b.iter().all(|v| a.iter().any(|w| covers(w, v))),
        (a, b) => a == b,
    }
}
