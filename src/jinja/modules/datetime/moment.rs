//! Python's `datetime`.
//!
//! In: a local date and time, maybe with a zone. Out: a template value with Python's attributes and methods.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Duration, FixedOffset, NaiveDateTime, TimeZone, Timelike};
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::strftime::strftime;
use super::{PyDate, PyTime, PyTimeDelta, Zone, date, iso, time};
use crate::jinja::pylib::arguments::{bind, none_bound, string};

/// A date and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PyDateTime {
    /// What the calendar and the clock show.
    pub naive: NaiveDateTime,
    /// The zone of the clock.
    pub zone: Option<Zone>,
}

impl PyDateTime {
    /// A moment in UTC as a zone's clock shows it.
    pub fn in_zone(utc: NaiveDateTime, zone: &Zone) -> Self {
        let zone = zone.at_utc(utc);
        let shift = Duration::seconds(zone.seconds().into());
        Self { naive: utc.checked_add_signed(shift).unwrap_or(utc), zone: Some(zone) }
    }

    /// The moment in UTC; without a zone the local time itself.
    pub fn utc(&self) -> NaiveDateTime {
        let shift = Duration::seconds(self.zone.as_ref().map_or(0, Zone::seconds).into());
        self.naive.checked_sub_signed(shift).unwrap_or(self.naive)
    }

    /// With its offset, if it has a zone.
    pub fn with_offset(&self) -> Option<DateTime<FixedOffset>> {
        let offset = FixedOffset::east_opt(self.zone.as_ref()?.seconds())?;
        Some(offset.from_utc_datetime(&self.utc()))
    }

    /// Seconds since 1970; without a zone the machine's own zone is meant.
    fn timestamp(&self) -> f64 {
        let utc = match &self.zone {
            Some(_) => self.utc(),
            None => {
                chrono::Local.from_local_datetime(&self.naive).earliest().map_or(self.naive, |local| local.naive_utc())
            }
        };
        utc.and_utc().timestamp_micros() as f64 / 1e6
    }

    /// Python's `repr()`.
    pub fn repr(&self) -> String {
        let clock = self.naive.time();
        let mut numbers = vec![i64::from(self.naive.year())];
        numbers.extend([self.naive.month(), self.naive.day(), clock.hour(), clock.minute()].map(i64::from));
        numbers.extend([clock.second(), time::micros(clock)].map(i64::from));
        while numbers.len() > 5 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
        let zone = self.zone.as_ref().map(|zone| format!(", tzinfo={}", zone.repr())).unwrap_or_default();
        format!("datetime.datetime({}{zone})", numbers.join(", "))
    }

    fn replace(&self, args: &[Value]) -> Result<Self, Error> {
        let names = ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"];
        let [year, month, day, hour, minute, second, micro, zone, _fold] = bind("replace", args, names, 0)?;
        let date = date::replaced(self.naive.date(), &[year, month, day])?;
        let clock = time::replaced(self.naive.time(), &[hour, minute, second, micro])?;
        let zone = match zone {
            Some(zone) => Zone::optional(Some(&zone))?,
            None => self.zone.clone(),
        };
        Ok(Self { naive: date.and_time(clock), zone })
    }

    fn astimezone(&self, args: &[Value]) -> Result<Self, Error> {
        let [zone] = bind("astimezone", args, ["tz"], 0)?;
        let utc = match &self.zone {
            Some(_) => self.utc(),
            None => {
                chrono::Local.from_local_datetime(&self.naive).earliest().map_or(self.naive, |local| local.naive_utc())
            }
        };
        let zone = Zone::optional(zone.as_ref())?;
        let local = || Zone::of_offset(chrono::Local.offset_from_utc_datetime(&utc).local_minus_utc());
        Ok(Self::in_zone(utc, &zone.unwrap_or_else(local)))
    }
}

impl Object for PyDateTime {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        date::attribute(self.naive.date(), key)
            .or_else(|| time::attribute(self.naive.time(), self.zone.as_ref(), key))
            .or_else(|| (key == "fold").then(|| Value::from(0)))
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.utc().cmp(&other.downcast_ref::<Self>()?.utc()))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "strftime" | "__format__" => {
                let [format] = bind(method, args, ["format"], 1)?;
                Ok(Value::from(strftime(self, &string("strftime", &format.unwrap_or_default())?)))
            }
            "isoformat" => {
                let [sep, timespec] = bind(method, args, ["sep", "timespec"], 0)?;
                let sep = sep.as_ref().and_then(Value::as_str).and_then(|sep| sep.chars().next()).unwrap_or('T');
                Ok(Value::from(iso::datetime(self, sep, iso::Precision::of(timespec.as_ref())?)))
            }
            "replace" => self.replace(args).map(Value::from_object),
            "astimezone" => self.astimezone(args).map(Value::from_object),
            "date" | "time" | "timetz" | "timestamp" | "utcoffset" | "dst" | "tzname" | "ctime" => {
                none_bound(method, args)?;
                let zone = self.zone.as_ref();
                let delta = |seconds: i32| Value::from_object(PyTimeDelta::from_seconds(seconds.into()));
                Ok(match method {
                    "date" => Value::from_object(PyDate(self.naive.date())),
                    "time" => Value::from_object(PyTime { time: self.naive.time(), zone: None }),
                    "timetz" => Value::from_object(PyTime { time: self.naive.time(), zone: self.zone.clone() }),
                    "timestamp" => Value::from(self.timestamp()),
                    "utcoffset" => zone.map_or(Value::from(()), |zone| delta(zone.seconds())),
                    "dst" => zone.map_or(Value::from(()), |zone| delta(zone.dst_seconds())),
                    "tzname" => zone.map_or(Value::from(()), |zone| Value::from(zone.abbreviation())),
                    _ => Value::from(strftime(self, "%a %b %e %H:%M:%S %Y")),
                })
            }
            _ => date::method(self.naive.date(), method, args),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&iso::datetime(self, ' ', iso::Precision::Auto))
    }
}
