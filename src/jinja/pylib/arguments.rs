//! Binding of call arguments to parameter names, with Python's complaints.
//!
//! In: the arguments of a call as minijinja hands them over (keyword arguments last). Out: one slot for each parameter.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::jinja::values::{to_str, type_error, type_name};

/// Splits off the keyword arguments.
pub(crate) fn split_kwargs(args: &[Value]) -> (&[Value], Option<&Value>) {
    match args.split_last() {
        Some((last, rest)) if last.is_kwargs() => (rest, Some(last)),
        _ => (args, None),
    }
}

/// The keyword arguments by name.
pub(crate) fn named(kwargs: Option<&Value>) -> Vec<(String, Value)> {
    let pairs = kwargs.and_then(Value::as_object).and_then(|object| object.try_iter_pairs());
    pairs.into_iter().flatten().map(|(key, value)| (to_str(&key), value)).collect()
}

/// Binds arguments to parameters, of which the first `required` must be given.
pub(crate) fn bind<const N: usize>(
    function: &str,
    args: &[Value],
    parameters: [&str; N],
    required: usize,
) -> Result<[Option<Value>; N], Error> {
    let (positional, kwargs) = split_kwargs(args);
    let mut slots: [Option<Value>; N] = std::array::from_fn(|place| positional.get(place).cloned());
    if positional.len() > N {
        let (given, plural) = (positional.len(), if N == 1 { "" } else { "s" });
        return Err(type_error(format!("{function}() takes at most {N} argument{plural} ({given} given)")));
    }
    for (name, value) in named(kwargs) {
        match parameters.iter().position(|parameter| *parameter == name) {
            Some(place) if slots[place].is_none() => slots[place] = Some(value),
            Some(_) => return Err(type_error(format!("{function}() got multiple values for argument '{name}'"))),
            None => return Err(type_error(format!("{function}() got an unexpected keyword argument '{name}'"))),
        }
    }
    match slots.iter().take(required).position(Option::is_none) {
        Some(place) => {
            let parameter = parameters[place];
            Err(type_error(format!("{function}() missing 1 required positional argument: '{parameter}'")))
        }
        None => Ok(slots),
    }
}

/// For functions without parameters.
pub(crate) fn none_bound(function: &str, args: &[Value]) -> Result<(), Error> {
    let given = args.len();
    if given == 0 { Ok(()) } else { Err(type_error(format!("{function}() takes no arguments ({given} given)"))) }
}

/// An argument that must be an integer; booleans are integers to Python.
pub(crate) fn integer(value: &Value) -> Result<i64, Error> {
    match value.kind() {
        ValueKind::Bool => Ok(value.is_true().into()),
        ValueKind::Number if value.is_integer() => {
            i64::try_from(value.clone()).map_err(|_| type_error("Python int too large to convert to C ssize_t"))
        }
        _ => Err(type_error(format!("'{}' object cannot be interpreted as an integer", type_name(value)))),
    }
}

/// An optional integer argument, `None` counting as absent.
pub(crate) fn optional_integer(value: Option<&Value>) -> Result<Option<i64>, Error> {
    value.filter(|value| !value.is_none()).map(integer).transpose()
}

/// An argument that must be text.
pub(crate) fn string(function: &str, value: &Value) -> Result<String, Error> {
    match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) => Ok(text.to_owned()),
        _ => Err(type_error(format!("{function}() argument must be str, not {}", type_name(value)))),
    }
}

/// Whether an optional flag is set.
pub(crate) fn flag(value: Option<&Value>, default: bool) -> bool {
    value.map_or(default, Value::is_true)
}
