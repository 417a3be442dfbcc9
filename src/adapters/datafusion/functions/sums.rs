//! `sum`, which never gives a wrong number. The engine's own starts again from below where whole numbers or decimals grow too
//! big; this one ends with an error. A truth counts 1.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use datafusion::arrow::datatypes::{ArrowNativeTypeOp, DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};

/// The function.
pub(super) fn function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(Sum { signature: Signature::user_defined(Volatility::Immutable) }))
}

#[derive(Debug)]
struct Sum {
    signature: Signature,
}

impl PartialEq for Sum {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Sum {}

impl Hash for Sum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        "sum".hash(state);
    }
}

/// Whether sums of this type are exact, and so must be watched.
fn is_exact(input: &DataType) -> bool {
    matches!(input, DataType::Int64 | DataType::Decimal128(..))
}

fn too_big<T>() -> Result<T> {
    exec_err!("sum: the result is out of range; cast to decimal(38,0) or to double to sum such numbers")
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let [given] = given else { return plan_err!("sum takes 1 argument, there are {}", given.len()) };
        let given = if let DataType::Dictionary(_, values) = given { values } else { given };
        Ok(vec![match given {
            DataType::Boolean | DataType::Null => DataType::Int64,
            whole if whole.is_integer() => DataType::Int64,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
            real if real.is_floating() => DataType::Float64,
            DataType::Decimal128(..) | DataType::Decimal256(..) | DataType::Duration(_) | DataType::Interval(_) => {
                given.clone()
            }
            other => return plan_err!("sum: a number is needed, this is {}", super::display::type_name(other)),
        }])
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        sum_udaf().return_type(given)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let input = args.expr_fields[0].data_type().clone();
        if !is_exact(&input) {
            return sum_udaf().accumulator(args);
        }
        let of = args.return_field.data_type().clone();
        Ok(Box::new(Exact { sum: 0, rows: 0, of, input, seen: args.is_distinct.then(HashMap::new) }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if is_exact(args.expr_fields[0].data_type()) {
            self.accumulator(args)
        } else {
            sum_udaf().create_sliding_accumulator(args)
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let input = args.input_fields[0].data_type().clone();
        if !is_exact(&input) || !args.is_distinct {
            return sum_udaf().state_fields(args);
        }
        let list = DataType::List(Arc::new(Field::new_list_field(input, true)));
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "sum distinct"), list, true))])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let of = args.return_field.data_type().clone();
        match args.expr_fields[0].data_type() {
            DataType::Int64 => Ok(Box::new(Groups::<Int64Type>::new(of))),
            DataType::Decimal128(..) => Ok(Box::new(Groups::<Decimal128Type>::new(of))),
            _ => sum_udaf().create_groups_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// Whole numbers, or the digits of decimals.
fn digits(values: &ArrayRef) -> Result<Box<dyn Iterator<Item = i128> + '_>> {
    Ok(match values.data_type() {
        DataType::Int64 => Box::new(values.as_primitive::<Int64Type>().iter().flatten().map(i128::from)),
        DataType::Decimal128(..) => Box::new(values.as_primitive::<Decimal128Type>().iter().flatten()),
        other => return exec_err!("sum: no exact sum of {other}"),
    })
}

/// The sum of one group, or of a window that moves.
#[derive(Debug)]
struct Exact {
    sum: i128,
    /// How many values are in it.
    rows: u64,
    of: DataType,
    input: DataType,
    /// How often each value is there, where each counts once.
    seen: Option<HashMap<i128, u64>>,
}

impl Exact {
    fn add(&mut self, value: i128) -> Result<()> {
        self.rows += 1;
        if let Some(seen) = &mut self.seen {
            let times = seen.entry(value).or_default();
            *times += 1;
            if *times > 1 {
                return Ok(());
            }
        }
        self.sum = self.sum.checked_add(value).map_or_else(too_big, Ok)?;
        Ok(())
    }

    fn remove(&mut self, value: i128) -> Result<()> {
        self.rows = self.rows.saturating_sub(1);
        if let Some(seen) = &mut self.seen
            && let Some(times) = seen.get_mut(&value)
        {
            *times -= 1;
            if *times > 0 {
                return Ok(());
            }
            seen.remove(&value);
        }
        self.sum = self.sum.checked_sub(value).map_or_else(too_big, Ok)?;
        Ok(())
    }

    fn scalar(value: Option<i128>, of: &DataType) -> Result<ScalarValue> {
        match of {
            DataType::Decimal128(precision, scale) => Ok(ScalarValue::Decimal128(value, *precision, *scale)),
            _ => match value.map(i64::try_from).transpose() {
                Ok(value) => Ok(ScalarValue::Int64(value)),
                Err(_) => too_big(),
            },
        }
    }
}

impl Accumulator for Exact {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        digits(&values[0])?.try_for_each(|value| self.add(value))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Self::scalar((self.rows > 0).then_some(self.sum), &self.of)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.seen.as_ref().map_or(0, |seen| seen.capacity() * size_of::<(i128, u64)>())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let Some(seen) = &self.seen else { return Ok(vec![self.evaluate()?]) };
        let values: Vec<ScalarValue> =
            seen.keys().map(|value| Self::scalar(Some(*value), &self.input)).collect::<Result<_>>()?;
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&values, &self.input))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if self.seen.is_none() {
            return self.update_batch(states);
        }
        states[0].as_list::<i32>().iter().flatten().try_for_each(|values| self.update_batch(&[values]))
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        digits(&values[0])?.try_for_each(|value| self.remove(value))
    }
}

/// The sums of many groups.
struct Groups<T: ArrowPrimitiveType> {
    sums: Vec<T::Native>,
    /// Which groups have a value.
    any: Vec<bool>,
    of: DataType,
    kind: PhantomData<T>,
}

impl<T: ArrowPrimitiveType> fmt::Debug for Groups<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sums of {} groups", self.sums.len())
    }
}

impl<T> Groups<T>
where
    T: ArrowPrimitiveType + Send,
    T::Native: ArrowNativeTypeOp,
{
    fn new(of: DataType) -> Self {
        Self { sums: Vec::new(), any: Vec::new(), of, kind: PhantomData }
    }

    fn array(&self, values: Vec<T::Native>, any: Vec<bool>) -> ArrayRef {
        let nulls = any.iter().any(|any| !any).then(|| any.into());
        Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_data_type(self.of.clone()))
    }
}

impl<T> GroupsAccumulator for Groups<T>
where
    T: ArrowPrimitiveType + Send,
    T::Native: ArrowNativeTypeOp,
{
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sums.resize(total, T::Native::ZERO);
        self.any.resize(total, false);
        let values = values[0].as_primitive::<T>();
        let whole = values.null_count() == 0 && filter.is_none();
        for (row, (group, value)) in groups.iter().zip(values.values()).enumerate() {
            let counts = whole || (values.is_valid(row) && filter.is_none_or(|f| f.is_valid(row) && f.value(row)));
            if counts {
                self.sums[*group] = self.sums[*group].add_checked(*value).or_else(|_| too_big())?;
                self.any[*group] = true;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (sums, any) = (emit.take_needed(&mut self.sums), emit.take_needed(&mut self.any));
        Ok(self.array(sums, any))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.update_batch(states, groups, None, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<T>();
        let any = (0..values.len())
            .map(|row| values.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row)));
        Ok(vec![self.array(values.values().to_vec(), any.collect())])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.any.capacity()
    }
}
