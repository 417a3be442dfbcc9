//! Aggregate functions that the engine lacks, and those that give another type or number there.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::median::median_udaf;
use datafusion::functions_aggregate::percentile_cont::percentile_cont_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};

/// All functions of this module.
pub(super) fn functions() -> Vec<Arc<AggregateUDF>> {
    let udaf = |work: Work, name, aliases: &[&str]| {
        Arc::new(AggregateUDF::from(Aggregate {
            work,
            name,
            aliases: aliases.iter().map(ToString::to_string).collect(),
            signature: Signature::user_defined(Volatility::Immutable),
        }))
    };
    vec![
        udaf(Work::Average, "avg", &["mean"]),
        udaf(Work::Median, "median", &[]),
        udaf(Work::PercentileCont, "percentile_cont", &["quantile_cont"]),
        udaf(Work::PercentileDisc, "quantile_disc", &["quantile", "percentile_disc"]),
        udaf(Work::Mode, "mode", &[]),
        udaf(Work::Product, "product", &[]),
        udaf(Work::Only, "only_value", &[]),
        udaf(Work::Extreme { greatest: true }, "max_by", &["arg_max", "argmax"]),
        udaf(Work::Extreme { greatest: false }, "min_by", &["arg_min", "argmin"]),
    ]
}

/// What an aggregate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// The engine's, but a double for decimals too.
    Average,
    /// The engine's, on doubles.
    Median,
    PercentileCont,
    PercentileDisc,
    Mode,
    Product,
    /// The value of the only row.
    Only,
    Extreme {
        greatest: bool,
    },
}

struct Aggregate {
    work: Work,
    name: &'static str,
    aliases: Vec<String>,
    signature: Signature,
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Aggregate {}

impl Hash for Aggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Aggregate {
    /// The engine's function that does the work for these types.
    fn delegate(&self, input: &DataType) -> Option<Arc<AggregateUDF>> {
        match self.work {
            Work::Average if !input.is_decimal() => Some(avg_udaf()),
            Work::Median => Some(median_udaf()),
            Work::PercentileCont => Some(percentile_cont_udaf()),
            _ => None,
        }
    }

    fn arity(&self) -> usize {
        match self.work {
            Work::Average | Work::Median | Work::Mode | Work::Product | Work::Only => 1,
            Work::PercentileCont | Work::PercentileDisc | Work::Extreme { .. } => 2,
        }
    }

    fn double(&self, given: &DataType) -> Result<DataType> {
        if given.is_numeric() || given.is_null() {
            Ok(DataType::Float64)
        } else {
            plan_err!("{}: a number is needed, this is {}", self.name, super::display::type_name(given))
        }
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() != self.arity() {
            return plan_err!("{} takes {} argument(s), there are {}", self.name, self.arity(), given.len());
        }
        Ok(match self.work {
            Work::Average if given[0].is_decimal() => match given[0] {
                DataType::Decimal256(_, _) => vec![DataType::Float64],
                DataType::Decimal32(_, s) | DataType::Decimal64(_, s) | DataType::Decimal128(_, s) => {
                    vec![DataType::Decimal128(38, s)]
                }
                _ => given.to_vec(),
            },
            Work::Average | Work::Median | Work::Product => vec![self.double(&given[0])?],
            Work::PercentileCont => vec![self.double(&given[0])?, DataType::Float64],
            Work::PercentileDisc => vec![given[0].clone(), DataType::Float64],
            Work::Mode | Work::Only | Work::Extreme { .. } => given.to_vec(),
        })
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(match self.work {
            Work::Average | Work::Median | Work::PercentileCont | Work::Product => DataType::Float64,
            Work::PercentileDisc | Work::Mode | Work::Only | Work::Extreme { .. } => given[0].clone(),
        })
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let input = args.expr_fields[0].data_type().clone();
        if let Some(engine) = self.delegate(&input) {
            return engine.accumulator(args);
        }
        Ok(match self.work {
            Work::Mode => Box::new(Counted { counts: HashMap::new(), of: input }),
            Work::Product => Box::new(Multiplied { product: None }),
            Work::Only => Box::new(Single { value: ScalarValue::try_from(&input)?, seen: false }),
            Work::Extreme { greatest } => Box::new(Best {
                greatest,
                value: ScalarValue::try_from(&input)?,
                by: ScalarValue::try_from(args.expr_fields[1].data_type())?,
            }),
            Work::PercentileDisc => {
                let empty = datafusion::arrow::record_batch::RecordBatch::new_empty(Arc::new(args.schema.clone()));
                let at = args.exprs[1].evaluate(&empty)?.into_array(1)?;
                if at.len() != 1 || at.is_null(0) {
                    return exec_err!("{}: the fraction must be a constant between 0 and 1", self.name);
                }
                Box::new(Ranked { values: Vec::new(), of: input, at: at.as_primitive::<Float64Type>().value(0) })
            }
            _ => match input {
                DataType::Decimal128(_, scale) if args.is_distinct => {
                    Box::new(Averaged { sum: 0, count: 0, scale, seen: Some(HashMap::new()) })
                }
                DataType::Decimal128(_, scale) => Box::new(Averaged { sum: 0, count: 0, scale, seen: None }),
                other => return exec_err!("{}: no average of {other}", self.name),
            },
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if let Some(engine) = self.delegate(args.input_fields[0].data_type()) {
            return engine.state_fields(args);
        }
        let field = |name: &str, of: DataType| -> FieldRef {
            Arc::new(Field::new(format_state_name(args.name, name), of, true))
        };
        let input = args.input_fields[0].data_type().clone();
        let list = |of: DataType| DataType::List(Arc::new(Field::new_list_field(of, true)));
        Ok(match self.work {
            Work::Mode => vec![field("values", list(input)), field("counts", list(DataType::Int64))],
            Work::Product => vec![field("product", DataType::Float64)],
            Work::Only => vec![field("value", input), field("seen", DataType::Boolean)],
            Work::Extreme { .. } => vec![field("value", input), field("by", args.input_fields[1].data_type().clone())],
            Work::PercentileDisc => vec![field("values", list(input))],
            _ if args.is_distinct => vec![field("values", list(input))],
            _ => vec![field("sum", input), field("count", DataType::Int64)],
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.delegate(args.expr_fields[0].data_type()).is_some_and(|engine| engine.groups_accumulator_supported(args))
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match self.delegate(args.expr_fields[0].data_type()) {
            Some(engine) => engine.create_groups_accumulator(args),
            None => exec_err!("{} works group by group", self.name),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match self.delegate(args.expr_fields[0].data_type()) {
            Some(engine) => engine.create_sliding_accumulator(args),
            None => self.accumulator(args),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn supports_within_group_clause(&self) -> bool {
        matches!(self.work, Work::PercentileCont | Work::PercentileDisc)
    }
}

fn list_state(values: &[ScalarValue], of: &DataType) -> Result<ScalarValue> {
    Ok(ScalarValue::List(ScalarValue::new_list_nullable(values, of)))
}

/// The items of all lists of a state column.
fn items(state: &ArrayRef) -> Vec<ArrayRef> {
    state.as_list::<i32>().iter().flatten().collect()
}

/// `mode`: of several most frequent values the greatest.
#[derive(Debug)]
struct Counted {
    counts: HashMap<ScalarValue, i64>,
    of: DataType,
}

impl Accumulator for Counted {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for row in 0..values[0].len() {
            if values[0].is_valid(row) {
                *self.counts.entry(ScalarValue::try_from_array(&values[0], row)?).or_insert(0) += 1;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let best = self
            .counts
            .iter()
            .max_by(|(a, n), (b, m)| n.cmp(m).then_with(|| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)));
        best.map_or_else(|| ScalarValue::try_from(&self.of), |(value, _)| Ok(value.clone()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.keys().map(|k| k.size() + size_of::<i64>()).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (values, counts): (Vec<_>, Vec<_>) =
            self.counts.iter().map(|(v, n)| (v.clone(), ScalarValue::Int64(Some(*n)))).unzip();
        Ok(vec![list_state(&values, &self.of)?, list_state(&counts, &DataType::Int64)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (values, counts) in items(&states[0]).iter().zip(items(&states[1])) {
            let counts = counts.as_primitive::<Int64Type>();
            for row in 0..values.len() {
                *self.counts.entry(ScalarValue::try_from_array(values, row)?).or_insert(0) += counts.value(row);
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Multiplied {
    product: Option<f64>,
}

impl Accumulator for Multiplied {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<Float64Type>().iter().flatten() {
            self.product = Some(self.product.unwrap_or(1.0) * value);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.product))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Float64(self.product)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

/// What a subquery in place of a value gives: one row at most.
#[derive(Debug)]
struct Single {
    value: ScalarValue,
    seen: bool,
}

impl Single {
    fn take(&mut self, values: &ArrayRef, row: usize) -> Result<()> {
        if self.seen {
            return exec_err!("more than one row is returned by a subquery that stands for a value");
        }
        self.seen = true;
        self.value = ScalarValue::try_from_array(values, row)?.compacted();
        Ok(())
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        (0..values[0].len()).try_for_each(|row| self.take(&values[0], row))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::Boolean(Some(self.seen))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let seen = states[1].as_boolean();
        (0..seen.len())
            .filter(|row| seen.is_valid(*row) && seen.value(*row))
            .try_for_each(|row| self.take(&states[0], row))
    }
}

/// `max_by`, `min_by`: the value of the row with the greatest or least key; rows without key or value do not count.
#[derive(Debug)]
struct Best {
    greatest: bool,
    value: ScalarValue,
    by: ScalarValue,
}

impl Accumulator for Best {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for row in 0..values[1].len() {
            if values[0].is_null(row) || values[1].is_null(row) {
                continue;
            }
            let by = ScalarValue::try_from_array(&values[1], row)?;
            let wanted = if self.greatest { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less };
            if self.by.is_null() || by.partial_cmp(&self.by) == Some(wanted) {
                self.value = ScalarValue::try_from_array(&values[0], row)?.compacted();
                self.by = by.compacted();
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size() + self.by.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), self.by.clone()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

/// `quantile_disc`: a value that is there.
#[derive(Debug)]
struct Ranked {
    values: Vec<ScalarValue>,
    of: DataType,
    at: f64,
}

impl Accumulator for Ranked {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for row in 0..values[0].len() {
            if values[0].is_valid(row) {
                self.values.push(ScalarValue::try_from_array(&values[0], row)?);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.values.is_empty() {
            return ScalarValue::try_from(&self.of);
        }
        if !(0.0..=1.0).contains(&self.at) {
            return exec_err!("quantile_disc: the fraction must lie between 0 and 1, this is {}", self.at);
        }
        self.values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        let place = (self.values.len() as f64 * self.at).ceil() as usize;
        Ok(self.values[place.saturating_sub(1).min(self.values.len() - 1)].clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + ScalarValue::size_of_vec(&self.values)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![list_state(&self.values, &self.of)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in items(&states[0]) {
            self.update_batch(&[values])?;
        }
        Ok(())
    }
}

/// `avg` of decimals: an exact sum, divided as doubles.
#[derive(Debug)]
struct Averaged {
    sum: i128,
    count: i64,
    scale: i8,
    /// The values so far, where each counts once.
    seen: Option<HashMap<i128, ()>>,
}

impl Averaged {
    fn add(&mut self, value: i128, count: i64) -> Result<()> {
        let Some(sum) = self.sum.checked_add(value) else { return exec_err!("avg: the sum is out of range") };
        self.sum = sum;
        self.count += count;
        Ok(())
    }

    fn as_decimal(&self, value: i128) -> ScalarValue {
        ScalarValue::Decimal128(Some(value), 38, self.scale)
    }
}

impl Accumulator for Averaged {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<Decimal128Type>().iter().flatten() {
            if self.seen.as_mut().is_none_or(|seen| seen.insert(value, ()).is_none()) {
                self.add(value, 1)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.count == 0 {
            return Ok(ScalarValue::Float64(None));
        }
        Ok(ScalarValue::Float64(Some(self.sum as f64 / (self.count as f64 * 10f64.powi(i32::from(self.scale))))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.seen.as_ref().map_or(0, |s| s.capacity() * size_of::<i128>())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        if let Some(seen) = &self.seen {
            let all: Vec<ScalarValue> = seen.keys().map(|v| self.as_decimal(*v)).collect();
            return Ok(vec![list_state(&all, &DataType::Decimal128(38, self.scale))?]);
        }
        Ok(vec![self.as_decimal(self.sum), ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if self.seen.is_some() {
            for values in items(&states[0]) {
                self.update_batch(&[values])?;
            }
            return Ok(());
        }
        let counts = cast(&states[1], &DataType::Int64)?;
        for (sum, count) in
            states[0].as_primitive::<Decimal128Type>().iter().zip(counts.as_primitive::<Int64Type>().iter())
        {
            if let (Some(sum), Some(count)) = (sum, count) {
                self.add(sum, count)?;
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.seen.is_none()
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<Decimal128Type>().iter().flatten() {
            self.add(-value, -1)?;
        }
        Ok(())
    }
}
