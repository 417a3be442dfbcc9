//! The classes of the module, as values: constructors, class methods and class attributes.
//!
//! In: a call such as `modules.datetime.datetime.now()`. Out: the instance.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Local, NaiveDate, NaiveTime, Utc};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::strptime::strptime;
use super::{PyDate, PyDateTime, PyTime, PyTimeDelta, Zone, date, iso, time};
use crate::jinja::context::bound::BoundMethod;
use crate::jinja::pylib::arguments::{bind, integer, none_bound, string};
use crate::jinja::values::{type_error, type_name, value_error};

/// Methods that may be handed over without being called: `try_or_compiler_error(message, datetime.strptime, ...)`.
const METHODS: [&str; 12] = [
    "strptime",
    "strftime",
    "now",
    "utcnow",
    "today",
    "combine",
    "fromisoformat",
    "fromordinal",
    "fromtimestamp",
    "utcfromtimestamp",
    "isoformat",
    "weekday",
];

/// A class of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// `datetime.date`
    Date,
    /// `datetime.datetime`
    DateTime,
    /// `datetime.time`
    Time,
    /// `datetime.timedelta`
    TimeDelta,
    /// `datetime.tzinfo`, which has no instances of its own.
    TzInfo,
}

fn whole(slot: Option<&Value>, default: i64) -> Result<i64, Error> {
    slot.map_or(Ok(default), integer)
}

fn last_microsecond() -> NaiveTime {
    NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap_or_default()
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Time => "time",
            Self::TimeDelta => "timedelta",
            Self::TzInfo => "tzinfo",
        }
    }

    fn construct(self, args: &[Value]) -> Result<Value, Error> {
        match self {
            Self::Date => {
                let [year, month, day] = bind("date", args, ["year", "month", "day"], 3)?;
                let day = date::build(whole(year.as_ref(), 0)?, whole(month.as_ref(), 0)?, whole(day.as_ref(), 0)?)?;
                Ok(Value::from_object(PyDate(day)))
            }
            Self::DateTime => {
                let names = ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"];
                let slots = bind("datetime", args, names, 3)?;
                let number = |place: usize| whole(slots[place].as_ref(), 0);
                let day = date::build(number(0)?, number(1)?, number(2)?)?;
                let clock = time::build(number(3)?, number(4)?, number(5)?, number(6)?)?;
                let zone = Zone::optional(slots[7].as_ref())?;
                Ok(Value::from_object(PyDateTime { naive: day.and_time(clock), zone }))
            }
            Self::Time => {
                let slots = bind("time", args, ["hour", "minute", "second", "microsecond", "tzinfo", "fold"], 0)?;
                let number = |place: usize| whole(slots[place].as_ref(), 0);
                let clock = time::build(number(0)?, number(1)?, number(2)?, number(3)?)?;
                Ok(Value::from_object(PyTime { time: clock, zone: Zone::optional(slots[4].as_ref())? }))
            }
            Self::TimeDelta => PyTimeDelta::construct(args).map(Value::from_object),
            Self::TzInfo => Err(type_error("tzinfo has no use of its own; take a zone from modules.pytz")),
        }
    }

    fn attribute(self, key: &str) -> Option<Value> {
        let first = NaiveDate::from_ymd_opt(1, 1, 1)?;
        let last = NaiveDate::from_ymd_opt(9999, 12, 31)?;
        let moment = |day: NaiveDate, clock: NaiveTime| PyDateTime { naive: day.and_time(clock), zone: None };
        Some(match (self, key) {
            (Self::Date, "min") => Value::from_object(PyDate(first)),
            (Self::Date, "max") => Value::from_object(PyDate(last)),
            (Self::DateTime, "min") => Value::from_object(moment(first, NaiveTime::MIN)),
            (Self::DateTime, "max") => Value::from_object(moment(last, last_microsecond())),
            (Self::Time, "min") => Value::from_object(PyTime { time: NaiveTime::MIN, zone: None }),
            (Self::Time, "max") => Value::from_object(PyTime { time: last_microsecond(), zone: None }),
            (Self::Date, "resolution") => Value::from_object(PyTimeDelta::from_seconds(86_400)),
            (Self::DateTime | Self::Time | Self::TimeDelta, "resolution") => {
                Value::from_object(PyTimeDelta { micros: 1 })
            }
            (_, "__name__") => Value::from(self.name()),
            _ => {
                let method = METHODS.iter().find(|m| **m == key)?;
                BoundMethod::value(Value::from_object(self), method)
            }
        })
    }

    /// A moment in UTC as this class shows it: in the zone asked for, else on the machine's clock.
    fn instance(self, utc: DateTime<Utc>, zone: Option<&Zone>) -> Value {
        let moment = match zone {
            Some(zone) => PyDateTime::in_zone(utc.naive_utc(), zone),
            None => PyDateTime { naive: utc.with_timezone(&Local).naive_local(), zone: None },
        };
        match self {
            Self::Date => Value::from_object(PyDate(moment.naive.date())),
            _ => Value::from_object(moment),
        }
    }

    fn class_method(self, method: &str, args: &[Value]) -> Result<Value, Error> {
        match (self, method) {
            (Self::Date | Self::DateTime, "today") => {
                none_bound(method, args)?;
                Ok(self.instance(now(), None))
            }
            (Self::Date | Self::DateTime, "fromordinal") => {
                let [ordinal] = bind(method, args, ["ordinal"], 1)?;
                let days = i32::try_from(whole(ordinal.as_ref(), 0)?).ok();
                let day =
                    days.and_then(NaiveDate::from_num_days_from_ce_opt).filter(|day| (1..=9999).contains(&day.year()));
                let day = day.ok_or_else(|| value_error("ordinal must be >= 1"))?;
                Ok(match self {
                    Self::Date => Value::from_object(PyDate(day)),
                    _ => Value::from_object(PyDateTime { naive: day.and_time(NaiveTime::MIN), zone: None }),
                })
            }
            (Self::Date | Self::DateTime | Self::Time, "fromisoformat") => {
                let [text] = bind(method, args, ["date_string"], 1)?;
                let text = string(method, &text.unwrap_or_default())?;
                match self {
                    Self::Date => iso::parse_date(&text).map(|day| Value::from_object(PyDate(day))),
                    Self::Time => iso::parse_time(&text).map(Value::from_object),
                    _ => iso::parse_datetime(&text).map(Value::from_object),
                }
            }
            (Self::Date | Self::DateTime, "fromtimestamp" | "utcfromtimestamp") => {
                let [seconds, zone] = bind(method, args, ["timestamp", "tz"], 1)?;
                let zone = Zone::optional(zone.as_ref())?;
                let utc = from_timestamp(&seconds.unwrap_or_default())?;
                if method == "utcfromtimestamp" {
                    return Ok(Value::from_object(PyDateTime { naive: utc.naive_utc(), zone: None }));
                }
                Ok(self.instance(utc, zone.as_ref()))
            }
            (Self::DateTime, "now") => {
                let [zone] = bind(method, args, ["tz"], 0)?;
                Ok(self.instance(now(), Zone::optional(zone.as_ref())?.as_ref()))
            }
            (Self::DateTime, "utcnow") => {
                none_bound(method, args)?;
                Ok(Value::from_object(PyDateTime { naive: now().naive_utc(), zone: None }))
            }
            (Self::DateTime, "strptime") => {
                let [text, format] = bind(method, args, ["date_string", "format"], 2)?;
                let text = string(method, &text.unwrap_or_default())?;
                strptime(&text, &string(method, &format.unwrap_or_default())?).map(Value::from_object)
            }
            (Self::DateTime, "combine") => combine(args),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// The present, to the microsecond as Python has it.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

fn from_timestamp(seconds: &Value) -> Result<DateTime<Utc>, Error> {
    if !seconds.is_number() {
        return Err(type_error(format!("'{}' object cannot be interpreted as an integer", type_name(seconds))));
    }
    let micros = f64::try_from(seconds.clone()).unwrap_or(f64::NAN) * 1e6;
    let moment = if micros.is_finite() && micros.abs() < 1e18 {
        DateTime::from_timestamp_micros(micros.round_ties_even() as i64)
    } else {
        None
    };
    moment.ok_or_else(|| value_error("year is out of range"))
}

fn combine(args: &[Value]) -> Result<Value, Error> {
    let [day, clock, zone] = bind("combine", args, ["date", "time", "tzinfo"], 2)?;
    let (day, clock) = (day.unwrap_or_default(), clock.unwrap_or_default());
    let date = day
        .downcast_object_ref::<PyDate>()
        .map(|day| day.0)
        .or_else(|| day.downcast_object_ref::<PyDateTime>().map(|moment| moment.naive.date()));
    let (Some(date), Some(time)) = (date, clock.downcast_object_ref::<PyTime>()) else {
        let (what, value) =
            if date.is_none() { ("1 must be datetime.date", &day) } else { ("2 must be datetime.time", &clock) };
        return Err(type_error(format!("combine() argument {what}, not {}", type_name(value))));
    };
    let zone = if zone.is_some() { Zone::optional(zone.as_ref())? } else { time.zone.clone() };
    Ok(Value::from_object(PyDateTime { naive: date.and_time(time.time), zone }))
}

/// Calls a method of an instance through its class: `datetime.strftime(moment, '%Y')`.
fn unbound(state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
    match args.split_first() {
        Some((instance, rest)) if instance.as_object().is_some() => instance.call_method(state, method, rest),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

impl Object for Class {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.attribute(key)
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        self.construct(args)
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match self.class_method(method, args) {
            Err(error) if error.kind() == ErrorKind::UnknownMethod => unbound(state, method, args),
            other => other,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<class 'datetime.{}'>", self.name())
    }
}
