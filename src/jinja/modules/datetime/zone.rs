//! Time zones: `pytz` zones and fixed offsets.
//!
//! In: a zone name or an offset. Out: offsets, names and daylight saving of local times, with pytz's peculiarity that a zone
//! put on a datetime without `localize()` has the local mean time.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::offset::LocalResult;
use chrono::{Duration, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{OffsetComponents, OffsetName, Tz};
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::{PyDateTime, PyTimeDelta};
use crate::jinja::pylib::arguments::{bind, flag};
use crate::jinja::values::{type_error, value_error};

/// The period of a zone in which a local time lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    seconds: i32,
    dst_seconds: i32,
    name: String,
}

/// A time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zone {
    /// pytz's UTC.
    Utc,
    /// A fixed offset in seconds.
    Fixed(i32),
    /// A zone of the database, with the period to which a datetime was localized.
    Named(Tz, Option<Period>),
}

impl Zone {
    /// The zone of an offset from UTC in seconds.
    pub fn of_offset(seconds: i32) -> Self {
        if seconds == 0 { Self::Utc } else { Self::Fixed(seconds) }
    }

    /// pytz's zone of a name.
    pub fn of_name(name: &str) -> Result<Self, Error> {
        if name.eq_ignore_ascii_case("utc") {
            return Ok(Self::Utc);
        }
        let insensitive = || chrono_tz::TZ_VARIANTS.into_iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
        match name.parse().ok().or_else(insensitive) {
            Some(zone) => Ok(Self::Named(zone, None)),
            None => Err(value_error(format!("'{name}'"))),
        }
    }

    /// The zone that an argument is.
    pub fn of_value(value: &Value) -> Result<Self, Error> {
        let zone = value.downcast_object_ref::<Self>().cloned();
        zone.ok_or_else(|| {
            let kind = crate::jinja::values::type_name(value);
            type_error(format!("tzinfo argument must be None or of a tzinfo subclass, not type '{kind}'"))
        })
    }

    /// The zone that an optional argument is.
    pub fn optional(value: Option<&Value>) -> Result<Option<Self>, Error> {
        value.filter(|value| !value.is_none()).map(Self::of_value).transpose()
    }

    /// Seconds east of UTC.
    pub fn seconds(&self) -> i32 {
        match self {
            Self::Utc => 0,
            Self::Fixed(seconds) => *seconds,
            Self::Named(_, Some(period)) => period.seconds,
            Self::Named(zone, None) => first_period(*zone).seconds,
        }
    }

    /// Seconds of daylight saving.
    pub fn dst_seconds(&self) -> i32 {
        match self {
            Self::Named(_, Some(period)) => period.dst_seconds,
            _ => 0,
        }
    }

    /// The abbreviation, such as `CET`.
    pub fn abbreviation(&self) -> String {
        match self {
            Self::Utc => "UTC".into(),
            Self::Fixed(seconds) => format!("UTC{}", super::iso::offset(*seconds)),
            Self::Named(_, Some(period)) => period.name.clone(),
            Self::Named(zone, None) => first_period(*zone).name,
        }
    }

    /// The zone as seen at a moment in UTC.
    pub fn at_utc(&self, utc: NaiveDateTime) -> Self {
        match self {
            Self::Named(zone, _) => Self::Named(*zone, Some(period_of(&zone.offset_from_utc_datetime(&utc)))),
            other => other.clone(),
        }
    }

    /// The zone as seen at a local time; `dst` chooses where a time occurs twice or never.
    fn at_local(&self, local: NaiveDateTime, dst: bool) -> Self {
        let Self::Named(zone, _) = self else { return self.clone() };
        let period = match zone.offset_from_local_datetime(&local) {
            LocalResult::Single(offset) => period_of(&offset),
            LocalResult::Ambiguous(earlier, later) => {
                let (earlier, later) = (period_of(&earlier), period_of(&later));
                if (earlier.dst_seconds != 0) == dst { earlier } else { later }
            }
            LocalResult::None => {
                let hours = Duration::hours(6);
                let before = local.checked_sub_signed(hours).unwrap_or(local);
                let after = local.checked_add_signed(hours).unwrap_or(local);
                let side = if dst { after } else { before };
                match zone.offset_from_local_datetime(&side) {
                    LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => period_of(&offset),
                    LocalResult::None => first_period(*zone),
                }
            }
        };
        Self::Named(*zone, Some(period))
    }

    /// pytz's `localize()`.
    pub fn localize(&self, moment: &PyDateTime, dst: bool) -> Result<PyDateTime, Error> {
        if moment.zone.is_some() {
            return Err(value_error("Not naive datetime (tzinfo is already set)"));
        }
        Ok(PyDateTime { naive: moment.naive, zone: Some(self.at_local(moment.naive, dst)) })
    }

    /// Python's `str()`.
    pub fn text(&self) -> String {
        match self {
            Self::Named(zone, _) => zone.name().to_owned(),
            Self::Utc => "UTC".into(),
            Self::Fixed(_) => self.abbreviation(),
        }
    }

    /// Python's `repr()`.
    pub fn repr(&self) -> String {
        match self {
            Self::Utc => "<UTC>".into(),
            Self::Fixed(seconds) if seconds % 60 == 0 => format!("pytz.FixedOffset({})", seconds / 60),
            Self::Fixed(seconds) => {
                format!("datetime.timezone({})", PyTimeDelta::from_seconds(i64::from(*seconds)).repr())
            }
            Self::Named(zone, period) => {
                let period = period.clone().unwrap_or_else(|| first_period(*zone));
                let delta = PyTimeDelta::from_seconds(i64::from(period.seconds)).text();
                let sign = if period.seconds < 0 { "" } else { "+" };
                let season = if period.dst_seconds == 0 { "STD" } else { "DST" };
                format!("<DstTzInfo '{}' {}{sign}{delta} {season}>", zone.name(), period.name)
            }
        }
    }
}

fn period_of(offset: &chrono_tz::TzOffset) -> Period {
    Period {
        seconds: offset.fix().local_minus_utc(),
        dst_seconds: i32::try_from(offset.dst_offset().num_seconds()).unwrap_or(0),
        name: offset.abbreviation().map_or_else(|| numeric_name(offset.fix().local_minus_utc()), str::to_owned),
    }
}

/// The abbreviation of a period that has none: `-03`, `+0530`.
fn numeric_name(seconds: i32) -> String {
    let text = super::iso::offset(seconds).replace(':', "");
    text.strip_suffix("00").map_or(text.clone(), str::to_owned)
}

/// The oldest period of a zone, rounded to minutes as pytz does.
fn first_period(zone: Tz) -> Period {
    let past = NaiveDate::from_ymd_opt(1800, 1, 1).unwrap_or(NaiveDate::MIN).and_time(chrono::NaiveTime::MIN);
    let mut period = period_of(&zone.offset_from_utc_datetime(&past));
    period.seconds = (period.seconds + 30).div_euclid(60) * 60;
    period
}

impl Object for Zone {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "zone" => Some(match &**self {
                Self::Fixed(_) => Value::from(()),
                zone => Value::from(zone.text()),
            }),
            _ => None,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.text().cmp(&other.downcast_ref::<Self>()?.text()))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let moment = |value: Option<Value>| {
            let value = value.unwrap_or_default();
            let moment = value.downcast_object_ref::<PyDateTime>().cloned();
            moment.ok_or_else(|| {
                type_error(format!("an integer is required (got type {})", crate::jinja::values::type_name(&value)))
            })
        };
        match method {
            "localize" => {
                let [dt, is_dst] = bind(method, args, ["dt", "is_dst"], 1)?;
                self.localize(&moment(dt)?, flag(is_dst.as_ref(), false)).map(Value::from_object)
            }
            "normalize" | "fromutc" => {
                let [dt, _is_dst] = bind(method, args, ["dt", "is_dst"], 1)?;
                let dt = moment(dt)?;
                if method == "normalize" && dt.zone.is_none() {
                    return Err(value_error("Naive time - no tzinfo set"));
                }
                let utc = if method == "fromutc" { dt.naive } else { dt.utc() };
                Ok(Value::from_object(PyDateTime::in_zone(utc, self)))
            }
            "utcoffset" | "dst" | "tzname" => {
                let [dt, is_dst] = bind(method, args, ["dt", "is_dst"], 1)?;
                let zone = match dt.filter(|dt| !dt.is_none()) {
                    Some(dt) => self.at_local(moment(Some(dt))?.naive, flag(is_dst.as_ref(), false)),
                    None if method == "tzname" => return Ok(Value::from(self.text())),
                    None => return Ok(Value::from(())),
                };
                Ok(match method {
                    "utcoffset" => Value::from_object(PyTimeDelta::from_seconds(zone.seconds().into())),
                    "dst" => Value::from_object(PyTimeDelta::from_seconds(zone.dst_seconds().into())),
                    _ => Value::from(zone.abbreviation()),
                })
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
