//! Functions of lists that the engine lacks, or that treat nulls and order in another way there.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, StringArray, UInt32Array, new_empty_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{SortOptions, cast, concat, filter, is_not_null, sort, take};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimeUnit};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::ScalarUDF;

use super::display;
use super::scalar::{Body, Gives, Kind, Scalar, element, fail, text};

/// All functions of this module.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let mut all = sorting();
    all.extend(totals());
    all
}

/// A list array from one array (or null) a row.
fn lists(items: Vec<Option<ArrayRef>>, of: &DataType) -> Result<ArrayRef> {
    let lengths = items.iter().map(|i| i.as_ref().map_or(0, |a| a.len()));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = NullBuffer::from(items.iter().map(Option::is_some).collect::<Vec<_>>());
    let there: Vec<&dyn Array> = items.iter().flatten().map(AsRef::as_ref).collect();
    let values = if there.is_empty() { new_empty_array(of) } else { concat(&there)? };
    Ok(Arc::new(ListArray::try_new(Arc::new(Field::new("item", of.clone(), true)), offsets, values, Some(nulls))?))
}

/// Each list of a column changed.
fn mapped(array: &ArrayRef, rows: usize, change: impl Fn(usize, ArrayRef) -> Result<ArrayRef>) -> Result<ArrayRef> {
    let given = array.as_list::<i32>();
    let items = (0..rows)
        .map(|row| given.is_valid(row).then(|| change(row, given.value(row))).transpose())
        .collect::<Result<Vec<_>>>()?;
    lists(items, &element(array.data_type()))
}

/// One value of each list of a column.
fn reduced(
    array: &ArrayRef,
    rows: usize,
    of: &DataType,
    work: impl Fn(ArrayRef) -> Result<ScalarValue>,
) -> Result<ArrayRef> {
    let given = array.as_list::<i32>();
    let null = ScalarValue::try_from(of)?;
    let values = (0..rows)
        .map(|row| if given.is_valid(row) { work(given.value(row)) } else { Ok(null.clone()) })
        .collect::<Result<Vec<_>>>()?;
    if values.is_empty() {
        return Ok(new_empty_array(of));
    }
    ScalarValue::iter_to_array(values)
}

fn direction(word: &str) -> Result<bool> {
    match word.to_ascii_uppercase().as_str() {
        "ASC" | "ASCENDING" => Ok(false),
        "DESC" | "DESCENDING" => Ok(true),
        _ => fail("list_sort", format!("'{word}' is no order; there are ASC and DESC")),
    }
}

fn nulls_first(word: &str) -> Result<bool> {
    match word.to_ascii_uppercase().as_str() {
        "NULLS FIRST" => Ok(true),
        "NULLS LAST" => Ok(false),
        _ => fail("list_sort", format!("'{word}' is no order of nulls; there are NULLS FIRST and NULLS LAST")),
    }
}

/// Lists of moments, which ranges give in nanoseconds.
fn of_micros(types: &[DataType]) -> Result<DataType> {
    let moment = |t: &DataType| match t {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        other => other.clone(),
    };
    Ok(match types.first() {
        Some(DataType::List(item)) => {
            DataType::List(Arc::new(item.as_ref().clone().with_data_type(moment(item.data_type()))))
        }
        Some(other) => other.clone(),
        None => DataType::Null,
    })
}

fn same_list(types: &[DataType]) -> Result<DataType> {
    Ok(DataType::List(Arc::new(Field::new("item", element(&types[0]), true))))
}

fn sorting() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Int, List, Text};
    let ascending: Body = |args, rows| {
        mapped(&args[0], rows, |row, items| {
            let word = |at: usize| args.get(at).filter(|a| a.is_valid(row)).map(|a| text(a).value(row));
            let descending = word(1).map_or(Ok(false), direction)?;
            let nulls_first = word(2).map_or(Ok(false), nulls_first)?;
            Ok(sort(&items, Some(SortOptions { descending, nulls_first }))?)
        })
    };
    let reverse: Body = |args, rows| {
        mapped(&args[0], rows, |row, items| {
            let word = args.get(1).filter(|a| a.is_valid(row)).map(|a| text(a).value(row));
            let nulls_first = word.map_or(Ok(false), nulls_first)?;
            Ok(sort(&items, Some(SortOptions { descending: true, nulls_first }))?)
        })
    };
    vec![
        Scalar::new("list_sort")
            .alias(&["array_sort"])
            .giving(&[List], Gives::Of(same_list), ascending)
            .giving(&[List, Text], Gives::Of(same_list), ascending)
            .giving(&[List, Text, Text], Gives::Of(same_list), ascending)
            .build(),
        Scalar::new("list_reverse_sort")
            .alias(&["array_reverse_sort"])
            .giving(&[List], Gives::Of(same_list), reverse)
            .giving(&[List, Text], Gives::Of(same_list), reverse)
            .build(),
        Scalar::new("list_there").giving(&[List], Gives::Of(same_list), there).build(),
        Scalar::new("list_distinct").alias(&["array_distinct"]).giving(&[List], Gives::Of(same_list), distinct).build(),
        Scalar::new("list_moments")
            .giving(&[List], Gives::Of(of_micros), |args, _| {
                Ok(cast(&args[0], &of_micros(&[args[0].data_type().clone()])?)?)
            })
            .build(),
        Scalar::new("list_where")
            .alias(&["array_where"])
            .giving(&[List, List], Gives::Of(same_list), |args, rows| {
                let masks = args[1].as_list::<i32>();
                mapped(&args[0], rows, |row, items| {
                    let mask = masks.value(row);
                    let kept: BooleanArray = mask.as_boolean().iter().map(|b| Some(b.unwrap_or(false))).collect();
                    if kept.len() != items.len() {
                        return fail("list_where", "both lists must have the same length");
                    }
                    Ok(filter(&items, &kept)?)
                })
            })
            .build(),
        Scalar::new("list_select")
            .alias(&["array_select"])
            .giving(&[List, List], Gives::Of(same_list), |args, rows| {
                let places = args[1].as_list::<i32>();
                mapped(&args[0], rows, |row, items| {
                    let size = i64::try_from(items.len()).unwrap_or(0);
                    let wanted = cast(&places.value(row), &DataType::Int64)?;
                    let indices: UInt32Array = wanted
                        .as_primitive::<Int64Type>()
                        .iter()
                        .map(|n| {
                            let place = n.map(|n| if n < 0 { size + n } else { n - 1 })?;
                            u32::try_from(place).ok().filter(|p| i64::from(*p) < size)
                        })
                        .collect();
                    Ok(take(&items, &indices, None)?)
                })
            })
            .build(),
        Scalar::new("list_first")
            .alias(&["array_first"])
            .giving(&[List], Gives::Element(0), |args, rows| nth(args, rows, 1))
            .build(),
        Scalar::new("list_last")
            .alias(&["array_last"])
            .giving(&[List], Gives::Element(0), |args, rows| nth(args, rows, -1))
            .build(),
        Scalar::new("list_element_at")
            .giving(&[List, Int], Gives::Element(0), |args, rows| {
                let places = args[1].as_primitive::<Int64Type>();
                let given = args[0].as_list::<i32>();
                let of = element(args[0].data_type());
                let null = ScalarValue::try_from(&of)?;
                let values = (0..rows)
                    .map(|row| {
                        if given.is_null(row) || places.is_null(row) {
                            return Ok(null.clone());
                        }
                        value_at(&given.value(row), places.value(row), &null)
                    })
                    .collect::<Result<Vec<_>>>()?;
                if values.is_empty() { Ok(new_empty_array(&of)) } else { ScalarValue::iter_to_array(values) }
            })
            .build(),
    ]
}

fn value_at(items: &ArrayRef, place: i64, null: &ScalarValue) -> Result<ScalarValue> {
    let size = i64::try_from(items.len()).unwrap_or(0);
    let index = if place < 0 { size + place } else { place - 1 };
    match usize::try_from(index).ok().filter(|i| *i < items.len()) {
        Some(i) => ScalarValue::try_from_array(items, i),
        None => Ok(null.clone()),
    }
}

fn nth(args: &[ArrayRef], rows: usize, place: i64) -> Result<ArrayRef> {
    let of = element(args[0].data_type());
    let null = ScalarValue::try_from(&of)?;
    reduced(&args[0], rows, &of, |items| value_at(&items, place, &null))
}

/// The type of a sum of these.
fn sum_type(types: &[DataType]) -> Result<DataType> {
    Ok(match element(&types[0]) {
        t if t.is_integer() => DataType::Int64,
        DataType::Decimal32(_, s) | DataType::Decimal64(_, s) | DataType::Decimal128(_, s) => {
            DataType::Decimal128(38, s)
        }
        t if t.is_floating() || t.is_null() => DataType::Float64,
        other => return plan_err!("list_sum: there is no sum of {}", display::type_name(&other)),
    })
}

fn summed(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    use datafusion::arrow::compute::sum_checked;
    use datafusion::arrow::datatypes::Decimal128Type;
    let of = sum_type(&[args[0].data_type().clone()])?;
    reduced(&args[0], rows, &of, |items| {
        let items = cast(&items, &of)?;
        Ok(match &of {
            DataType::Int64 => ScalarValue::Int64(sum_checked(items.as_primitive::<Int64Type>())?),
            DataType::Decimal128(p, s) => {
                ScalarValue::Decimal128(sum_checked(items.as_primitive::<Decimal128Type>())?, *p, *s)
            }
            _ => ScalarValue::Float64(sum_checked(items.as_primitive::<Float64Type>())?),
        })
    })
}

/// A body that works on the doubles of a list that are not null; nothing gives null.
macro_rules! of_doubles {
    ($work:expr) => {
        |args: &[ArrayRef], rows: usize| {
            reduced(&args[0], rows, &DataType::Float64, |items| {
                let items = cast(&items, &DataType::Float64)?;
                let all: Vec<f64> = items.as_primitive::<Float64Type>().iter().flatten().collect();
                Ok(ScalarValue::Float64(if all.is_empty() { None } else { $work(&all) }))
            })
        }
    };
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len() as f64
}

fn variance(all: &[f64], less: usize) -> Option<f64> {
    let middle = mean(all);
    (all.len() > less).then(|| all.iter().map(|x| (x - middle).powi(2)).sum::<f64>() / (all.len() - less) as f64)
}

fn median(all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}

fn extreme(args: &[ArrayRef], rows: usize, descending: bool) -> Result<ArrayRef> {
    let of = element(args[0].data_type());
    let null = ScalarValue::try_from(&of)?;
    reduced(&args[0], rows, &of, |items| {
        let sorted = sort(&items, Some(SortOptions { descending, nulls_first: false }))?;
        value_at(&sorted, 1, &null)
    })
}

/// Items as one text, without nulls; `empty` is that of a list without items.
fn joined(args: &[ArrayRef], rows: usize, empty: Option<&str>) -> Result<ArrayRef> {
    let given = args[0].as_list::<i32>();
    let joined = (0..rows).map(|row| {
        if given.is_null(row) || args.get(1).is_some_and(|s| s.is_null(row)) {
            return Ok(None);
        }
        let by = args.get(1).map_or(",", |s| text(s).value(row));
        let items = given.value(row);
        if items.is_empty() {
            return Ok(empty.map(str::to_owned));
        }
        let texts = display::texts(&items)?;
        let there: Vec<&str> = texts.iter().flatten().collect();
        Ok((!there.is_empty()).then(|| there.join(by)))
    });
    Ok(Arc::new(joined.collect::<Result<StringArray>>()?))
}

/// Each list without nulls.
fn there(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    if element(args[0].data_type()).is_null() {
        return mapped(&args[0], rows, |_, items| Ok(items.slice(0, 0)));
    }
    mapped(&args[0], rows, |_, items| Ok(filter(&items, &is_not_null(&items)?)?))
}

/// Each value of each list once, without nulls, in the order in which they come.
fn distinct(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let given = args[0].as_list::<i32>();
    let of = given.value_type();
    if of.is_null() {
        return mapped(&args[0], rows, |_, items| Ok(items.slice(0, 0)));
    }
    let keys = RowConverter::new(vec![SortField::new(of)])?.convert_columns(&[Arc::clone(given.values())])?;
    let offsets = given.value_offsets();
    mapped(&args[0], rows, |row, items| {
        let start = usize::try_from(offsets[row]).unwrap_or(0);
        let mut seen = HashSet::new();
        let kept: UInt32Array = (0..items.len())
            .filter(|at| items.is_valid(*at) && seen.insert(keys.row(start + at)))
            .map(|at| u32::try_from(at).ok())
            .collect();
        Ok(take(&items, &kept, None)?)
    })
}

fn totals() -> Vec<Arc<ScalarUDF>> {
    use Kind::{List, Text};
    let double = || Gives::Type(DataType::Float64);
    let agg: Body = |args, rows| joined(args, rows, None);
    let every: Body = |args, rows| of_bools(args, rows, |all| !all.contains(&false));
    let some: Body = |args, rows| of_bools(args, rows, |all| all.contains(&true));
    vec![
        Scalar::new("list_sum").alias(&["array_sum"]).giving(&[List], Gives::Of(sum_type), summed).build(),
        Scalar::new("list_avg")
            .alias(&["array_avg", "list_mean"])
            .giving(&[List], double(), of_doubles!(|all: &Vec<f64>| Some(mean(all))))
            .build(),
        Scalar::new("list_product")
            .alias(&["array_product"])
            .giving(&[List], double(), of_doubles!(|all: &Vec<f64>| Some(all.iter().product())))
            .build(),
        Scalar::new("list_median").giving(&[List], double(), of_doubles!(|all: &Vec<f64>| Some(median(all)))).build(),
        Scalar::new("list_stddev_samp")
            .alias(&["list_stddev"])
            .giving(&[List], double(), of_doubles!(|all: &Vec<f64>| variance(all, 1).map(f64::sqrt)))
            .build(),
        Scalar::new("list_stddev_pop")
            .giving(&[List], double(), of_doubles!(|all: &Vec<f64>| variance(all, 0).map(f64::sqrt)))
            .build(),
        Scalar::new("list_var_samp")
            .alias(&["list_variance"])
            .giving(&[List], double(), of_doubles!(|all: &Vec<f64>| variance(all, 1)))
            .build(),
        Scalar::new("list_var_pop").giving(&[List], double(), of_doubles!(|all: &Vec<f64>| variance(all, 0))).build(),
        Scalar::new("list_min")
            .alias(&["array_min"])
            .giving(&[List], Gives::Element(0), |args, rows| extreme(args, rows, false))
            .build(),
        Scalar::new("list_max")
            .alias(&["array_max"])
            .giving(&[List], Gives::Element(0), |args, rows| extreme(args, rows, true))
            .build(),
        Scalar::new("list_count")
            .giving(&[List], Gives::Type(DataType::Int64), |args, rows| {
                let given = args[0].as_list::<i32>();
                let counts = (0..rows).map(|row| {
                    given.is_valid(row).then(|| {
                        let items = given.value(row);
                        i64::try_from(items.len() - items.logical_null_count()).unwrap_or(i64::MAX)
                    })
                });
                Ok(Arc::new(counts.collect::<Int64Array>()))
            })
            .build(),
        Scalar::new("list_unique")
            .alias(&["array_unique"])
            .giving(&[List], Gives::Type(DataType::Int64), |args, rows| {
                reduced(&args[0], rows, &DataType::Int64, |items| {
                    let mut seen = HashSet::new();
                    for at in 0..items.len() {
                        if items.is_valid(at) {
                            seen.insert(ScalarValue::try_from_array(&items, at)?);
                        }
                    }
                    Ok(ScalarValue::Int64(i64::try_from(seen.len()).ok()))
                })
            })
            .build(),
        Scalar::new("list_any_value")
            .alias(&["array_any_value"])
            .giving(&[List], Gives::Element(0), |args, rows| {
                let of = element(args[0].data_type());
                let null = ScalarValue::try_from(&of)?;
                reduced(&args[0], rows, &of, |items| match (0..items.len()).find(|at| items.is_valid(*at)) {
                    Some(at) => ScalarValue::try_from_array(&items, at),
                    None => Ok(null.clone()),
                })
            })
            .build(),
        Scalar::new("list_bool_and").giving(&[List], Gives::Type(DataType::Boolean), every).build(),
        Scalar::new("list_bool_or").giving(&[List], Gives::Type(DataType::Boolean), some).build(),
        Scalar::new("list_string_agg")
            .giving(&[List], Gives::Type(DataType::Utf8), agg)
            .giving(&[List, Text], Gives::Type(DataType::Utf8), agg)
            .build(),
        Scalar::new("array_to_string")
            .alias(&["list_to_string", "array_join", "list_join"])
            .giving(&[List], Gives::Type(DataType::Utf8), |args, rows| joined(args, rows, Some("")))
            .giving(&[List, Text], Gives::Type(DataType::Utf8), |args, rows| joined(args, rows, Some("")))
            .build(),
    ]
}

fn of_bools(args: &[ArrayRef], rows: usize, work: fn(&[bool]) -> bool) -> Result<ArrayRef> {
    reduced(&args[0], rows, &DataType::Boolean, |items| {
        let items = cast(&items, &DataType::Boolean)?;
        let all: Vec<bool> = items.as_boolean().iter().flatten().collect();
        Ok(ScalarValue::Boolean(if all.is_empty() { None } else { Some(work(&all)) }))
    })
}
