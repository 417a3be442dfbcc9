//! The attributes and methods of a column value, and `api.Column`.
//!
//! In: attribute names and calls. Out: Jinja values.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};

use crate::diag::{Diagnostic, codes};

use super::super::args::{bind, given, required, required_text, wrong};
use super::super::bound::BoundMethod;
use super::super::raise::raise;
use super::{ColumnObject, numeric_type, string_type};

const METHODS: &[&str] = &[
    "is_string",
    "is_number",
    "is_numeric",
    "is_float",
    "is_integer",
    "is_struct",
    "string_size",
    "can_expand_to",
    "literal",
    "flatten",
];

const STATIC: &[&str] = &["create", "from_description", "translate_type", "string_type", "numeric_type"];

fn number(value: Option<i64>) -> Value {
    value.map_or(Value::from(()), Value::from)
}

impl Object for ColumnObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        Some(match key {
            "name" | "column" => Value::from(self.column.as_str()),
            "dtype" => Value::from(self.dtype.as_str()),
            "data_type" | "expanded_data_type" => Value::from(self.data_type()),
            "quoted" => Value::from(format!("\"{}\"", self.column)),
            "char_size" => number(self.char_size),
            "numeric_precision" => number(self.numeric_precision),
            "numeric_scale" => number(self.numeric_scale),
            "fields" => super::super::list(self.fields.iter().cloned().map(ColumnObject::into_value)),
            "TYPE_LABELS" => super::super::dict([("STRING", Value::from("TEXT"))]),
            _ if METHODS.contains(&key) || STATIC.contains(&key) => {
                BoundMethod::value(Value::from_dyn_object(Arc::clone(self)), key)
            }
            _ => return None,
        })
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        let key = |c: &Self| (c.column.clone(), c.dtype.clone(), c.char_size, c.numeric_precision, c.numeric_scale);
        Some(key(self).cmp(&key(other)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_column(f, self)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let plain = |value: Value| {
            let [] = bind(method, args, [])?;
            Ok(value)
        };
        match method {
            "is_string" => plain(self.is_string().into()),
            "is_number" => plain((self.is_integer() || self.is_numeric() || self.is_float()).into()),
            "is_numeric" => plain(self.is_numeric().into()),
            "is_float" => plain(self.is_float().into()),
            "is_integer" => plain(self.is_integer().into()),
            "is_struct" => plain(self.is_struct().into()),
            "string_size" => match self.string_size() {
                Some(size) => plain(size.into()),
                None => {
                    let message = "Called string_size() on non-string field!";
                    Err(raise(Diagnostic::error(codes::COMPILER_ERROR, message)))
                }
            },
            "can_expand_to" => {
                let [other] = bind(method, args, ["other_column"])?;
                let other = required(method, "other_column", other)?;
                let other = ColumnObject::from_value(&other)
                    .ok_or_else(|| wrong("the other_column argument to can_expand_to() must be a Column"))?;
                Ok(self.can_expand_to(other).into())
            }
            "literal" => {
                let [value] = bind(method, args, ["value"])?;
                Ok(format!("{}::{}", required(method, "value", value)?, self.data_type()).into())
            }
            "flatten" => plain(super::super::list(self.flatten().into_iter().map(ColumnObject::into_value))),
            _ => static_method(method, args),
        }
    }
}

fn write_column(f: &mut fmt::Formatter<'_>, c: &ColumnObject) -> fmt::Result {
    let quote = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let number = |n: Option<i64>| n.map_or_else(|| "None".to_owned(), |n| n.to_string());
    write!(
        f,
        "Column(column={}, dtype={}, char_size={}, numeric_precision={}, numeric_scale={}, fields=[",
        quote(&c.column),
        quote(&c.dtype),
        number(c.char_size),
        number(c.numeric_precision),
        number(c.numeric_scale)
    )?;
    for (i, field) in c.fields.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write_column(f, field)?;
    }
    f.write_str("])")
}

fn whole_number(slot: Option<Value>) -> Option<i64> {
    let value = given(slot)?;
    value.as_i64().or_else(|| value.to_string().parse::<f64>().ok().map(|f| f as i64))
}

fn construct(args: &[Value]) -> Result<Value, Error> {
    let parameters = ["column", "dtype", "char_size", "numeric_precision", "numeric_scale"];
    let [column, dtype, char_size, precision, scale] = bind("Column", args, parameters)?;
    let column = required("Column", "column", column)?.to_string();
    let dtype = required("Column", "dtype", dtype)?.to_string();
    let mut made = ColumnObject::new(column, dtype);
    made.char_size = whole_number(char_size);
    made.numeric_precision = whole_number(precision);
    made.numeric_scale = whole_number(scale);
    Ok(made.into_value())
}

fn static_method(method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "create" => {
            let [name, label] = bind(method, args, ["name", "label_or_dtype"])?;
            let name = required(method, "name", name)?.to_string();
            let label = required_text(method, "label_or_dtype", label)?;
            Ok(ColumnObject::new(name, ColumnObject::translate_type(&label)).into_value())
        }
        "from_description" => {
            let [name, raw] = bind(method, args, ["name", "raw_data_type"])?;
            let name = required(method, "name", name)?.to_string();
            let raw = required_text(method, "raw_data_type", raw)?;
            let column = ColumnObject::from_description(&name, &raw);
            let refuse = |message| raise(Diagnostic::error(codes::COMPILER_ERROR, message));
            Ok(column.map_err(refuse)?.into_value())
        }
        "translate_type" => {
            let [label] = bind(method, args, ["dtype"])?;
            Ok(ColumnObject::translate_type(&required_text(method, "dtype", label)?).into())
        }
        "string_type" => {
            let [size] = bind(method, args, ["size"])?;
            let size = required(method, "size", size)?;
            Ok(whole_number(Some(size.clone()))
                .map_or_else(|| format!("character varying({size})"), string_type)
                .into())
        }
        "numeric_type" => {
            let [dtype, precision, scale] = bind(method, args, ["dtype", "precision", "scale"])?;
            let dtype = required_text(method, "dtype", dtype)?;
            Ok(numeric_type(&dtype, whole_number(precision), whole_number(scale)).into())
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// `api.Column`, also called `column` in the context.
#[derive(Clone, Copy, Debug, Default)]
pub struct ColumnClass;

impl Object for ColumnClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        if STATIC.contains(&key) {
            return Some(BoundMethod::value(Value::from_dyn_object(Arc::clone(self)), key));
        }
        (key == "TYPE_LABELS").then(|| super::super::dict([("STRING", Value::from("TEXT"))]))
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        construct(args)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        static_method(method, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<class 'Column'>")
    }
}
