//! dbt's `modules`: the parts of Python's library that templates may use.
//!
//! In: nothing. Out: the value of the context member `modules`, with `datetime`, `pytz`, `re` and `itertools`.

pub mod datetime;
mod itertools;
mod pytz;
mod re;

pub(crate) use itertools::lazy;

use minijinja::Value;

use self::datetime::{PyDate, PyDateTime, PyTime, Zone};
use super::values::str_dict;
use crate::base;

/// The context member `modules`.
pub fn modules() -> Value {
    str_dict([
        ("pytz", pytz::module()),
        ("datetime", datetime::module()),
        ("re", re::module()),
        ("itertools", itertools::module()),
    ])
}

/// The same for a template whose calls of `itertools`, which dbt wants to give up, are to be heard of.
pub(crate) fn modules_heard(hear: &Hear) -> Value {
    str_dict([
        ("pytz", pytz::module()),
        ("datetime", datetime::module()),
        ("re", re::module()),
        ("itertools", itertools::heard(hear)),
    ])
}

/// Hears of a call, and may refuse it.
pub(crate) type Hear = std::sync::Arc<dyn Fn() -> Result<(), minijinja::Error> + Send + Sync>;

/// Python's `str()` of a value that belongs to a module, where it differs from its `repr()`.
pub(crate) fn python_str(value: &Value) -> Option<String> {
    datetime::text(value)
}

/// Python's `repr()` of a value that belongs to a module.
pub(crate) fn python_repr(value: &Value) -> Option<String> {
    datetime::repr(value)
}

/// The name of the Python type of a value that belongs to a module.
pub(crate) fn python_type(value: &Value) -> Option<&'static str> {
    datetime::type_name(value).or_else(|| re::type_name(value))
}

/// Dates and times as template values; anything else is `None`.
pub(crate) fn from_base(value: &base::Value) -> Value {
    match value {
        base::Value::Date(date) => Value::from_object(PyDate(*date)),
        base::Value::Time(time) => Value::from_object(PyTime { time: *time, zone: None }),
        base::Value::Timestamp(naive) => Value::from_object(PyDateTime { naive: *naive, zone: None }),
        base::Value::TimestampTz(moment) => Value::from_object(PyDateTime {
            naive: moment.naive_local(),
            zone: Some(Zone::of_offset(moment.offset().local_minus_utc())),
        }),
        _ => Value::from(()),
    }
}

/// Dates and times as engine-free values.
pub(crate) fn to_base(value: &Value) -> Option<base::Value> {
    if let Some(date) = value.downcast_object_ref::<PyDate>() {
        return Some(base::Value::Date(date.0));
    }
    if let Some(time) = value.downcast_object_ref::<PyTime>() {
        return Some(base::Value::Time(time.time));
    }
    let moment = value.downcast_object_ref::<PyDateTime>()?;
    Some(moment.with_offset().map_or(base::Value::Timestamp(moment.naive), base::Value::TimestampTz))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jinja::pylib;

    #[test]
    fn behaves_as_python() {
        let mut environment = minijinja::Environment::new();
        pylib::install(&mut environment);
        for (expression, expected) in [
            ("d.datetime(2020, 1, 2, 3, 4, 5, 6)", "2020-01-02 03:04:05.000006"),
            (
                "[d.datetime(2020, 1, 2), d.timedelta(hours=-1)]",
                "[datetime.datetime(2020, 1, 2, 0, 0), datetime.timedelta(days=-1, seconds=82800)]",
            ),
            ("d.datetime.strptime('02/Jan/20 1:02 PM +0130', '%d/%b/%y %I:%M %p %z')", "2020-01-02 13:02:00+01:30"),
            ("d.datetime.fromisoformat('2020-01-02T03:04:05.5Z').isoformat()", "2020-01-02T03:04:05.500000+00:00"),
            ("d.date(2024, 12, 30).strftime('%a %-d. %b %Y, %G-W%V, %j, %U')", "Mon 30. Dec 2024, 2025-W01, 365, 52"),
            ("p.timezone('Europe/Berlin').localize(d.datetime(2020, 10, 25, 2, 30))", "2020-10-25 02:30:00+01:00"),
            (
                "p.timezone('Europe/Berlin').localize(d.datetime(2020, 10, 25, 2, 30), is_dst=true)",
                "2020-10-25 02:30:00+02:00",
            ),
            ("d.datetime(2020, 1, 1, tzinfo=p.timezone('Europe/Berlin'))", "2020-01-01 00:00:00+00:53"),
            ("p.utc.localize(d.datetime(2020, 6, 1)).astimezone(p.timezone('US/Eastern')).tzname()", "EDT"),
            (r"r.sub('(?P<x>a)', '<\\g<x>\\1>', 'banana', count=2)", "b<aa>n<aa>na"),
            ("r.findall('(a)(b)?', 'ab a')", "[('a', 'b'), ('a', '')]"),
            ("r.search('(?P<y>[0-9]{4})', 'é 2020')", "<re.Match object; span=(2, 6), match='2020'>"),
            ("r.split('[,;]', 'a,b;c', 1) ~ r.escape('a.b c')", "['a', 'b;c']a\\.b\\ c"),
            ("i.islice(i.chain([1], i.cycle('ab')), 4)|list", "[1, 'a', 'b', 'a']"),
            ("i.permutations([1, 2, 3], 2)|map('join')|list", "['12', '13', '21', '23', '31', '32']"),
            ("i.zip_longest([1, 2], ['a'], fillvalue='-')|list", "[(1, 'a'), (2, '-')]"),
        ] {
            let modules = modules();
            let module = |name: &str| modules.get_attr(name).unwrap();
            let context = minijinja::context! {
                d => module("datetime"), p => module("pytz"), r => module("re"), i => module("itertools"),
            };
            let text = environment.render_str(&format!("{{{{ {expression} }}}}"), context);
            assert_eq!(text.unwrap(), expected, "{expression}");
        }
    }
}
