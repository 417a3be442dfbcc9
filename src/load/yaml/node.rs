//! A YAML value that knows its place. In: what [`super::parse`] composed. Out: [`YamlNode`] with doors for readers.

use std::borrow::Cow;

use crate::base::{Dict, Value};
use crate::diag::{Code, Diagnostic, Span};

/// A YAML value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct YamlNode {
    /// The value.
    pub value: YamlValue,
    /// From its first to its last character; of an alias: the place of the anchored value.
    pub span: Span,
}

/// The three shapes of YAML.
#[derive(Clone, Debug, PartialEq)]
pub enum YamlValue {
    /// Null, boolean, number, text, date, timestamp or bytes; never a list or map.
    Scalar(Value),
    /// A sequence.
    Seq(Vec<YamlNode>),
    /// A mapping: keys are unique, merged (`<<`) entries are in place, order is Python's.
    Map(Vec<(YamlNode, YamlNode)>),
}

impl YamlNode {
    /// A scalar.
    pub fn scalar(value: Value, span: Span) -> Self {
        Self { value: YamlValue::Scalar(value), span }
    }

    /// An empty mapping.
    pub fn empty_map(span: Span) -> Self {
        Self { value: YamlValue::Map(Vec::new()), span }
    }

    /// A plain value at one place: all of its parts get the same span.
    pub fn from_base(value: Value, span: &Span) -> Self {
        let inner = match value {
            Value::List(items) => YamlValue::Seq(items.into_iter().map(|v| Self::from_base(v, span)).collect()),
            Value::Map(map) => YamlValue::Map(
                map.into_iter()
                    .map(|(k, v)| (Self::scalar(Value::Str(k), span.clone()), Self::from_base(v, span)))
                    .collect(),
            ),
            scalar => YamlValue::Scalar(scalar),
        };
        Self { value: inner, span: span.clone() }
    }

    /// The plain value; keys that are not text become Python's `str()` of them.
    pub fn to_base(&self) -> Value {
        match &self.value {
            YamlValue::Scalar(v) => v.clone(),
            YamlValue::Seq(items) => Value::List(items.iter().map(Self::to_base).collect()),
            YamlValue::Map(_) => Value::Map(self.to_dict()),
        }
    }

    /// The plain mapping; empty for anything else.
    pub fn to_dict(&self) -> Dict {
        self.entries().map(|(key, _, value)| (key.into_owned(), value.to_base())).collect()
    }

    /// The value of a text key of a mapping.
    pub fn get(&self, key: &str) -> Option<&YamlNode> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Key and value of a text key of a mapping.
    pub fn entry(&self, key: &str) -> Option<(&YamlNode, &YamlNode)> {
        match &self.value {
            YamlValue::Map(pairs) => pairs.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(k, v)| (k, v)),
            _ => None,
        }
    }

    /// The value at a path of text keys.
    pub fn at(&self, path: &[&str]) -> Option<&YamlNode> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Entries of a mapping as (key text, key, value); none for anything else.
    pub fn entries(&self) -> impl Iterator<Item = (Cow<'_, str>, &YamlNode, &YamlNode)> {
        let pairs: &[(YamlNode, YamlNode)] = match &self.value {
            YamlValue::Map(pairs) => pairs,
            _ => &[],
        };
        pairs.iter().map(|(k, v)| (k.key_text(), k, v))
    }

    /// Items of a list; none for anything else.
    pub fn items(&self) -> &[YamlNode] {
        self.as_seq().unwrap_or(&[])
    }

    /// The text of a key: text as it is, other scalars as Python's `str()` writes them.
    pub fn key_text(&self) -> Cow<'_, str> {
        match &self.value {
            YamlValue::Scalar(Value::Str(s)) => Cow::Borrowed(s),
            YamlValue::Scalar(v) => Cow::Owned(v.to_string()),
            _ => Cow::Owned(self.to_base().to_string()),
        }
    }

    /// The scalar, if this is one.
    pub fn as_scalar(&self) -> Option<&Value> {
        match &self.value {
            YamlValue::Scalar(v) => Some(v),
            _ => None,
        }
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        self.as_scalar().and_then(Value::as_str)
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        self.as_scalar().and_then(Value::as_bool)
    }

    /// The whole number, if this is one.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_scalar().and_then(Value::as_i64)
    }

    /// The items, if this is a list.
    pub fn as_seq(&self) -> Option<&[YamlNode]> {
        match &self.value {
            YamlValue::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, YamlValue::Scalar(Value::Null))
    }

    /// Whether this is a mapping.
    pub fn is_map(&self) -> bool {
        matches!(self.value, YamlValue::Map(_))
    }

    /// Whether this is a list.
    pub fn is_seq(&self) -> bool {
        matches!(self.value, YamlValue::Seq(_))
    }

    /// What this is, in the words of messages: `a string`, `a list`, ...
    pub fn kind(&self) -> &'static str {
        match &self.value {
            YamlValue::Scalar(v) => v.kind(),
            YamlValue::Seq(_) => "a list",
            YamlValue::Map(_) => "a mapping",
        }
    }

    /// This mapping, or why it is none. `what` names the thing: `` `models` ``.
    pub fn expect_map(&self, code: Code, what: &str) -> Result<&Self, Diagnostic> {
        if self.is_map() { Ok(self) } else { Err(self.mismatch(code, what, "a mapping")) }
    }

    /// The items of this list, or why it is none.
    pub fn expect_seq(&self, code: Code, what: &str) -> Result<&[YamlNode], Diagnostic> {
        self.as_seq().ok_or_else(|| self.mismatch(code, what, "a list"))
    }

    /// This text, or why it is none.
    pub fn expect_str(&self, code: Code, what: &str) -> Result<&str, Diagnostic> {
        self.as_str().ok_or_else(|| self.mismatch(code, what, "a string"))
    }

    /// This boolean, or why it is none.
    pub fn expect_bool(&self, code: Code, what: &str) -> Result<bool, Diagnostic> {
        self.as_bool().ok_or_else(|| self.mismatch(code, what, "true or false"))
    }

    /// This whole number, or why it is none.
    pub fn expect_int(&self, code: Code, what: &str) -> Result<i64, Diagnostic> {
        self.as_i64().ok_or_else(|| self.mismatch(code, what, "an integer"))
    }

    /// Text, or a list of texts, or null: dbt takes all three where it wants a list of texts.
    pub fn expect_strings(&self, code: Code, what: &str) -> Result<Vec<String>, Diagnostic> {
        match &self.value {
            YamlValue::Scalar(Value::Null) => Ok(Vec::new()),
            YamlValue::Scalar(Value::Str(s)) => Ok(vec![s.clone()]),
            YamlValue::Seq(items) => {
                let item = format!("an item of {what}");
                items.iter().map(|i| i.expect_str(code, &item).map(str::to_owned)).collect()
            }
            _ => Err(self.mismatch(code, what, "a string or a list of strings")),
        }
    }

    /// An error that says what was wanted and what was found here.
    pub fn mismatch(&self, code: Code, what: &str, wanted: &str) -> Diagnostic {
        Diagnostic::error(code, format!("{what} must be {wanted}, found {}", self.kind())).at(self.span.clone())
    }
}
