//! Binding of call arguments by Python's rules: positional ones in order, named ones by name, each at most once.
//!
//! In: the argument slice of a call. Out: one slot per parameter, or an error in Python's words.

use minijinja::Error;
use minijinja::value::{Kwargs, Value};

use crate::diag::{Diagnostic, codes};

use super::raise::raise;
use crate::jinja::values::is_undefined;

pub(super) use crate::jinja::values::type_name;

/// The positional and the named arguments of a call.
pub(super) struct Arguments {
    /// In order.
    pub positional: Vec<Value>,
    /// In order of writing.
    pub named: Vec<(String, Value)>,
}

impl Arguments {
    /// Takes the trailing keyword arguments apart.
    pub(super) fn split(args: &[Value]) -> Self {
        match args.split_last() {
            Some((last, rest)) if last.is_kwargs() => Self { positional: rest.to_vec(), named: named(last) },
            _ => Self { positional: args.to_vec(), named: Vec::new() },
        }
    }

    /// The argument slice again.
    pub(super) fn join(self) -> Vec<Value> {
        let mut args = self.positional;
        if !self.named.is_empty() {
            args.push(Value::from(self.named.into_iter().collect::<Kwargs>()));
        }
        args
    }
}

fn named(value: &Value) -> Vec<(String, Value)> {
    let Ok(kwargs) = Kwargs::try_from(value.clone()) else { return Vec::new() };
    kwargs.args().map(|key| (key.to_owned(), kwargs.peek::<Value>(key).unwrap_or_default())).collect()
}

/// Binds arguments to parameters; absent ones stay `None`.
pub(super) fn bind<const N: usize>(
    function: &str,
    args: &[Value],
    parameters: [&str; N],
) -> Result<[Option<Value>; N], Error> {
    let Arguments { positional, named } = Arguments::split(args);
    if positional.len() > N {
        let given = positional.len();
        return Err(wrong(format!("{function}() takes at most {N} positional arguments ({given} given)")));
    }
    let mut slots: [Option<Value>; N] = std::array::from_fn(|i| positional.get(i).cloned());
    for (name, value) in named {
        let Some(index) = parameters.iter().position(|p| *p == name) else {
            return Err(wrong(format!("{function}() got an unexpected keyword argument '{name}'")));
        };
        if slots[index].is_some() {
            return Err(wrong(format!("{function}() got multiple values for argument '{name}'")));
        }
        slots[index] = Some(value);
    }
    Ok(slots)
}

/// The value of a parameter that has no default.
pub(super) fn required(function: &str, parameter: &str, slot: Option<Value>) -> Result<Value, Error> {
    slot.ok_or_else(|| wrong(format!("{function}() missing 1 required positional argument: '{parameter}'")))
}

/// The text of a parameter that has no default.
pub(super) fn required_text(function: &str, parameter: &str, slot: Option<Value>) -> Result<String, Error> {
    let value = required(function, parameter, slot)?;
    value.as_str().map(str::to_owned).ok_or_else(|| {
        wrong(format!("The {parameter} argument to {function}() must be a string, got {}", type_name(&value)))
    })
}

/// A flag; absent, none and undefined count as the default.
pub(super) fn flag(slot: Option<&Value>, default: bool) -> bool {
    match slot {
        Some(v) if !v.is_none() && !is_undefined(v) => v.is_true(),
        _ => default,
    }
}

/// `None` for absent and none values.
pub(super) fn given(slot: Option<Value>) -> Option<Value> {
    slot.filter(|v| !v.is_none() && !is_undefined(v))
}

/// A call with wrong arguments.
pub(super) fn wrong(message: impl Into<String>) -> Error {
    raise(Diagnostic::error(codes::MACRO_ARGUMENTS, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_like_python() {
        let kwargs = Value::from(Kwargs::from_iter([("b", Value::from(2))]));
        let [a, b] = bind("f", &[Value::from(1), kwargs.clone()], ["a", "b"]).unwrap();
        assert_eq!((a, b), (Some(Value::from(1)), Some(Value::from(2))));
        let twice = bind("f", &[Value::from(1), Value::from(1), kwargs.clone()], ["a", "b"]).unwrap_err();
        assert!(twice.to_string().contains("multiple values for argument 'b'"), "{twice}");
        assert!(bind("f", &[kwargs], ["a"]).is_err());
        assert!(bind("f", &[Value::from(1), Value::from(2)], ["a"]).is_err());
    }
}
