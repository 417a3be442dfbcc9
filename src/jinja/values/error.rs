//! Python's exceptions as minijinja errors: the detail is the message Python would give.
//!
//! In: a message. Out: an error whose `detail()` is that message.

use minijinja::{Error, ErrorKind};

fn raised(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Python's `TypeError`.
pub fn type_error(message: impl Into<String>) -> Error {
    raised(message)
}

/// Python's `ValueError`.
pub fn value_error(message: impl Into<String>) -> Error {
    raised(message)
}

/// Python's `IndexError`.
pub fn index_error(message: impl Into<String>) -> Error {
    raised(message)
}

/// Python's `KeyError`, whose message is the `repr()` of the key.
pub fn key_error(key: &minijinja::Value) -> Error {
    raised(super::repr(key))
}

/// Jinja's complaint about a member that a value does not have.
pub fn attribute_error(value: &minijinja::Value, name: &str) -> Error {
    let kind = super::type_name(value);
    let shown = if value.is_none() { "None".to_owned() } else { format!("{kind} object") };
    Error::new(ErrorKind::UnknownMethod, format!("'{shown}' has no attribute '{name}'"))
}
