//! Python's `pytz` module.
//!
//! In: zone names. Out: zones that localize and normalize datetimes.

use minijinja::{Error, Value};

use super::datetime::Zone;
use crate::jinja::pylib::arguments::{bind, integer, string};
use crate::jinja::values::{function, str_dict};

/// The module.
pub(super) fn module() -> Value {
    let names = || Value::make_iterable(|| chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
    str_dict([
        ("timezone", function("timezone", |_, args| timezone(args))),
        ("utc", Value::from_object(Zone::Utc)),
        ("UTC", Value::from_object(Zone::Utc)),
        ("FixedOffset", function("FixedOffset", |_, args| fixed_offset(args))),
        ("all_timezones", names()),
        ("common_timezones", names()),
    ])
}

fn timezone(args: &[Value]) -> Result<Value, Error> {
    let [zone] = bind("timezone", args, ["zone"], 1)?;
    Zone::of_name(&string("timezone", &zone.unwrap_or_default())?).map(Value::from_object)
}

fn fixed_offset(args: &[Value]) -> Result<Value, Error> {
    let [minutes] = bind("FixedOffset", args, ["minutes"], 1)?;
    let minutes = integer(&minutes.unwrap_or_default())?;
    let seconds = i32::try_from(minutes).ok().filter(|minutes| minutes.abs() < 1440).map(|minutes| minutes * 60);
    let seconds = seconds.ok_or_else(|| crate::jinja::values::value_error("absolute offset is too large"))?;
    Ok(Value::from_object(Zone::of_offset(seconds)))
}
