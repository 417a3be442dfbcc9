//! Python's match object.
//!
//! In: the groups that a pattern found. Out: a template value with their text and places.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::replacement;
use crate::jinja::pylib::arguments::{bind, string};
use crate::jinja::values::{dict, index_error, string_repr, tuple};

/// What a pattern found in a text.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub(super) text: Arc<str>,
    /// Byte ranges of the groups; the whole match first.
    pub(super) groups: Vec<Option<(usize, usize)>>,
    /// Names of groups, as far as they have one.
    pub(super) names: Arc<Vec<Option<String>>>,
}

impl Match {
    /// The byte range of the whole match.
    pub(super) fn range(&self) -> (usize, usize) {
        self.groups.first().copied().flatten().unwrap_or((0, 0))
    }

    /// The text of a group, if the group took part.
    pub(super) fn group(&self, place: usize) -> Option<&str> {
        let (start, end) = self.groups.get(place).copied().flatten()?;
        self.text.get(start..end)
    }

    /// The text of a group as a value.
    pub(super) fn group_value(&self, place: usize, default: &Value) -> Value {
        self.group(place).map_or_else(|| default.clone(), Value::from)
    }

    /// The place of a group by number or name.
    pub(super) fn place(&self, key: &Value) -> Result<usize, Error> {
        let place = match key.as_str() {
            Some(name) => self.names.iter().position(|candidate| candidate.as_deref() == Some(name)),
            None => key.as_usize(),
        };
        place.filter(|place| *place < self.groups.len()).ok_or_else(|| index_error("no such group"))
    }

    fn chars(&self, bytes: usize) -> usize {
        self.text.get(..bytes).map_or(0, |before| before.chars().count())
    }

    fn span(&self, args: &[Value], method: &str) -> Result<(Value, Value), Error> {
        let [group] = bind(method, args, ["group"], 0)?;
        let place = group.map_or(Ok(0), |group| self.place(&group))?;
        Ok(match self.groups[place] {
            Some((start, end)) => (Value::from(self.chars(start)), Value::from(self.chars(end))),
            None => (Value::from(-1), Value::from(-1)),
        })
    }
}

impl Object for Match {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Ok(place) = self.place(key) {
            return Some(self.group_value(place, &Value::from(())));
        }
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "string" => Some(Value::from(&*self.text)),
            "pos" => Some(Value::from(0)),
            "endpos" => Some(Value::from(self.text.chars().count())),
            "lastindex" | "lastgroup" => {
                let last = (1..self.groups.len()).rev().find(|place| self.groups[*place].is_some());
                let name = |place: usize| self.names.get(place).cloned().flatten().map(Value::from);
                let value =
                    last.and_then(|place| if key == "lastindex" { Some(Value::from(place)) } else { name(place) });
                Some(value.unwrap_or(Value::from(())))
            }
            _ => None,
        }
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let none = Value::from(());
        match method {
            "group" => match args {
                [] => Ok(self.group_value(0, &none)),
                [one] => Ok(self.group_value(self.place(one)?, &none)),
                many => {
                    let groups = many.iter().map(|key| Ok(self.group_value(self.place(key)?, &none)));
                    Ok(tuple(groups.collect::<Result<_, Error>>()?))
                }
            },
            "groups" => {
                let [default] = bind(method, args, ["default"], 0)?;
                let default = default.unwrap_or(none);
                Ok(tuple((1..self.groups.len()).map(|place| self.group_value(place, &default)).collect()))
            }
            "groupdict" => {
                let [default] = bind(method, args, ["default"], 0)?;
                let default = default.unwrap_or(none);
                let named = self.names.iter().enumerate();
                Ok(dict(named.filter_map(|(place, name)| {
                    Some((Value::from(name.as_deref()?), self.group_value(place, &default)))
                })))
            }
            "start" => Ok(self.span(args, method)?.0),
            "end" => Ok(self.span(args, method)?.1),
            "span" => {
                let (start, end) = self.span(args, method)?;
                Ok(tuple(vec![start, end]))
            }
            "expand" => {
                let [template] = bind(method, args, ["template"], 1)?;
                let parts = replacement::parse(&string(method, &template.unwrap_or_default())?, &self.names)?;
                Ok(Value::from(replacement::expand(&parts, self)))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = self.range();
        let found = string_repr(self.group(0).unwrap_or_default());
        write!(f, "<re.Match object; span=({}, {}), match={found}>", self.chars(start), self.chars(end))
    }
}
