//! One shape for all scalar functions. In: a name, overloads as lists of kinds of arguments, and a plain function over arrays.
//! Out: a `ScalarUDF` that converts its arguments and says which calls it takes when it gets another.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// What an argument may be, and what the implementation gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text; arrives as `Utf8`.
    Text,
    /// A whole number; arrives as `Int64`.
    Int,
    /// Any number; arrives as `Float64`.
    Float,
    /// A floating-point number as it is; arrives as `Float64`.
    Real,
    /// Arrives as `Boolean`.
    Bool,
    /// A date; arrives as `Date32`. Text is converted.
    Date,
    /// A date or timestamp without time zone; arrives in microseconds. Text is converted.
    Timestamp,
    /// A timestamp with time zone; arrives in microseconds, UTC.
    Instant,
    /// An interval; arrives as months, days, nanoseconds.
    Interval,
    /// Binary data.
    Bytes,
    /// A list; arrives as `List`.
    List,
    /// Text, or a list of text: arrives as it is.
    Any,
}

impl Kind {
    /// The type that the implementation gets for this type, if it can be had.
    fn take(self, given: &DataType) -> Option<DataType> {
        use DataType as D;
        if let D::Dictionary(_, value) = given {
            return self.take(value);
        }
        let text = matches!(given, D::Utf8 | D::LargeUtf8 | D::Utf8View);
        let ok = match self {
            Self::Text => text,
            Self::Int => given.is_integer(),
            Self::Float => given.is_numeric(),
            Self::Real => given.is_floating(),
            Self::Bool => matches!(given, D::Boolean),
            Self::Date => matches!(given, D::Date32 | D::Date64) || text,
            Self::Timestamp => matches!(given, D::Date32 | D::Date64 | D::Timestamp(_, None)) || text,
            Self::Instant => matches!(given, D::Timestamp(_, Some(_))),
            Self::Interval => matches!(given, D::Interval(_) | D::Duration(_)),
            Self::Bytes => matches!(given, D::Binary | D::LargeBinary | D::BinaryView),
            Self::List => matches!(given, D::List(_) | D::LargeList(_) | D::FixedSizeList(_, _)),
            Self::Any => true,
        };
        if !ok && !given.is_null() {
            return None;
        }
        Some(match self {
            Self::Text => D::Utf8,
            Self::Int => D::Int64,
            Self::Float | Self::Real => D::Float64,
            Self::Bool => D::Boolean,
            Self::Date => D::Date32,
            Self::Timestamp => micros(),
            Self::Instant => utc(),
            Self::Interval => D::Interval(IntervalUnit::MonthDayNano),
            Self::Bytes => D::Binary,
            Self::List => match given {
                D::LargeList(item) | D::FixedSizeList(item, _) => D::List(Arc::clone(item)),
                other => other.clone(),
            },
            Self::Any => given.clone(),
        })
    }

    /// How a message calls it.
    fn word(self) -> &'static str {
        match self {
            Self::Text => "varchar",
            Self::Int => "bigint",
            Self::Float | Self::Real => "double",
            Self::Bool => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Instant => "timestamp with time zone",
            Self::Interval => "interval",
            Self::Bytes => "blob",
            Self::List => "list",
            Self::Any => "any",
        }
    }
}

/// `timestamp`: microseconds, no zone.
pub(super) fn micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// `timestamp with time zone`: microseconds, UTC.
pub(super) fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// `interval`.
pub(super) fn interval() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

/// What a call gives.
#[derive(Clone)]
pub(super) enum Gives {
    /// Always this type.
    Type(DataType),
    /// The element of the list at this place.
    Element(usize),
    /// Worked out from the converted arguments.
    Of(fn(&[DataType]) -> Result<DataType>),
}

/// The body: converted arguments as arrays of `rows` rows.
pub(super) type Body = fn(&[ArrayRef], usize) -> Result<ArrayRef>;

/// One way to call a function.
#[derive(Clone)]
pub(super) struct Overload {
    pub args: Vec<Kind>,
    /// Any number of further arguments of this kind.
    pub rest: Option<Kind>,
    pub gives: Gives,
    pub body: Body,
}

/// A scalar function.
pub(super) struct Scalar {
    name: &'static str,
    aliases: Vec<String>,
    overloads: Vec<Overload>,
    signature: Signature,
}

impl Scalar {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            aliases: Vec::new(),
            overloads: Vec::new(),
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    pub(super) fn alias(mut self, names: &[&str]) -> Self {
        self.aliases.extend(names.iter().map(ToString::to_string));
        self
    }

    pub(super) fn on(mut self, args: &[Kind], gives: DataType, body: Body) -> Self {
        self.overloads.push(Overload { args: args.to_vec(), rest: None, gives: Gives::Type(gives), body });
        self
    }

    pub(super) fn giving(mut self, args: &[Kind], gives: Gives, body: Body) -> Self {
        self.overloads.push(Overload { args: args.to_vec(), rest: None, gives, body });
        self
    }

    pub(super) fn many(mut self, args: &[Kind], rest: Kind, gives: Gives, body: Body) -> Self {
        self.overloads.push(Overload { args: args.to_vec(), rest: Some(rest), gives, body });
        self
    }

    pub(super) fn build(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(self))
    }

    /// The first overload that takes these types, and the types it wants.
    fn choose(&self, given: &[DataType]) -> Result<(&Overload, Vec<DataType>)> {
        'next: for overload in &self.overloads {
            if given.len() < overload.args.len() || (overload.rest.is_none() && given.len() > overload.args.len()) {
                continue;
            }
            let mut wanted = Vec::with_capacity(given.len());
            for (i, data_type) in given.iter().enumerate() {
                let kind = overload.args.get(i).copied().or(overload.rest).unwrap_or(Kind::Any);
                match kind.take(data_type) {
                    Some(taken) => wanted.push(taken),
                    None => continue 'next,
                }
            }
            return Ok((overload, wanted));
        }
        let calls: Vec<String> = self.overloads.iter().map(|o| self.call(o)).collect();
        let types: Vec<String> = given.iter().map(|t| super::display::type_name(t).to_lowercase()).collect();
        plan_err!("{}({}): no such call; there is {}", self.name, types.join(", "), calls.join(" or "))
    }

    fn call(&self, overload: &Overload) -> String {
        let mut words: Vec<&str> = overload.args.iter().map(|k| k.word()).collect();
        if let Some(rest) = overload.rest {
            words.push(rest.word());
            words.push("...");
        }
        format!("{}({})", self.name, words.join(", "))
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.choose(arg_types)?.1)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let (overload, types) = self.choose(arg_types)?;
        match &overload.gives {
            Gives::Type(data_type) => Ok(data_type.clone()),
            Gives::Element(at) => Ok(element(&types[*at])),
            Gives::Of(work_out) => work_out(&types),
        }
    }

    /// Any value of the type. Without the type, functions of the engine that ask for the range of an argument, such as `abs`, have no
    /// order, not even that of rows that were sorted by them.
    fn evaluate_bounds(&self, input: &[&Interval]) -> Result<Interval> {
        let types: Vec<DataType> = input.iter().map(|range| range.data_type()).collect();
        Interval::make_unbounded(&self.return_type(&types).unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let (overload, _) = self.choose(&types)?;
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.into_iter().map(|a| a.into_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let result = (overload.body)(&arrays, rows)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// The element type of a list; null where there is no list.
pub(super) fn element(list: &DataType) -> DataType {
    match list {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => item.data_type().clone(),
        _ => DataType::Null,
    }
}

/// The text arguments of a body.
pub(super) fn text(array: &ArrayRef) -> &StringArray {
    array.as_string::<i32>()
}

/// An error with the name of the function before it.
pub(super) fn fail<T>(function: &str, message: impl fmt::Display) -> Result<T> {
    exec_err!("{function}: {message}")
}

/// The same list as `List`.
pub(super) fn as_list(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeList(item) | DataType::FixedSizeList(item, _) => DataType::List(Arc::clone(item)),
        other => other.clone(),
    }
}
