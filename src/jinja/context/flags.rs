//! `flags`: what the command line asked for.
//!
//! In: upper-case names. Out: values; unknown flags are undefined.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use super::shared::SharedContext;

/// `flags`.
#[derive(Debug)]
pub(super) struct FlagsObject(pub(super) Arc<SharedContext>);

impl Object for FlagsObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.flags.get(key.as_str()?).map(super::to_value)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Namespace(")?;
        for (i, (name, value)) in self.0.flags.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            match value.as_str() {
                Some(text) => write!(f, "{comma}{name}='{text}'")?,
                None => write!(f, "{comma}{name}={value}")?,
            }
        }
        f.write_str(")")
    }
}
