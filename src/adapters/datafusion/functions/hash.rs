//! `hash`. In: values of any number of columns. Out: DuckDB's own numbers, so that keys and buckets made of them stay what they are.
//!
//! DuckDB gives a `UBIGINT`, which Delta has not: it is a `decimal(20, 0)` of the same value. Whole numbers count as they are stored
//! here, as `bigint`: negative ones of an `INTEGER` have other numbers there. The algorithm is that of DuckDB 2.0 (`src/common/types/hash.cpp`, `vector_hash.cpp`): multiplications and shifts
//! of 64 bits, over the bytes of texts in blocks of eight.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// What all steps multiply with.
const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;
/// The hash of NULL.
const OF_NULL: u64 = 0xbf58_476d_1ce4_e5b9;
/// What the hash of a text begins with, and what its length is multiplied with for that.
const SEED: u64 = 0xe17a_1465;
const OF_LENGTH: u64 = 0xc6a4_a793_5bd1_e995;

/// The function.
pub(super) fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Hashing { signature: Signature::variadic_any(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Hashing {
    signature: Signature,
}

fn result() -> DataType {
    DataType::Decimal128(20, 0)
}

impl ScalarUDFImpl for Hashing {
    fn name(&self) -> &'static str {
        "hash"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        match given.iter().find(|t| kind(t).is_none()) {
            Some(other) => plan_err!("hash takes no {other}: hash its parts, or md5(value::varchar)"),
            None => Ok(result()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut hashes: Option<Vec<u64>> = None;
        for column in ColumnarValue::values_to_arrays(&args.args)? {
            let found = hashes_of(&column)?;
            hashes = Some(match hashes {
                None => found,
                Some(before) => {
                    before.iter().zip(&found).map(|(a, b)| (a ^ (a >> 32)).wrapping_mul(FACTOR) ^ b).collect()
                }
            });
        }
        let values = hashes.unwrap_or_else(|| vec![OF_NULL; rows]).into_iter().map(i128::from);
        let array = Decimal128Array::from_iter_values(values).with_data_type(result());
        Ok(ColumnarValue::Array(Arc::new(array)))
    }
}

/// The type in which values of a type are hashed; none where that is not supported.
fn kind(given: &DataType) -> Option<DataType> {
    use DataType as D;
    Some(match given {
        D::Null | D::Boolean | D::Float32 | D::Float64 | D::Date32 | D::Decimal128(..) => given.clone(),
        D::Utf8 | D::LargeUtf8 | D::Utf8View => D::Utf8,
        D::Binary | D::LargeBinary | D::BinaryView => D::Binary,
        D::Timestamp(_, _) => D::Timestamp(TimeUnit::Microsecond, None),
        D::Time32(_) | D::Time64(_) => D::Time64(TimeUnit::Microsecond),
        whole if whole.is_integer() && *whole != D::UInt64 => D::Int64,
        _ => return None,
    })
}

fn hashes_of(column: &ArrayRef) -> Result<Vec<u64>> {
    let Some(kind) = kind(column.data_type()) else { return plan_err!("hash takes no {}", column.data_type()) };
    let column = cast(column, &kind)?;
    let each = |hash: &dyn Fn(usize) -> u64| {
        (0..column.len()).map(|at| if column.is_null(at) { OF_NULL } else { hash(at) }).collect::<Vec<u64>>()
    };
    Ok(match &kind {
        DataType::Boolean => each(&|at| mixed(column.as_boolean().value(at).into())),
        DataType::Int64 => each(&|at| mixed(column.as_primitive::<Int64Type>().value(at).cast_unsigned())),
        DataType::Float32 => each(&|at| {
            let value = column.as_primitive::<Float32Type>().value(at);
            let value = if value == 0.0 {
                0.0
            } else if value.is_nan() {
                f32::NAN
            } else {
                value
            };
            mixed(value.to_bits().into())
        }),
        DataType::Float64 => each(&|at| {
            let value = column.as_primitive::<Float64Type>().value(at);
            let value = if value == 0.0 {
                0.0
            } else if value.is_nan() {
                f64::NAN
            } else {
                value
            };
            mixed(value.to_bits())
        }),
        DataType::Date32 => each(&|at| mixed(u64::from(column.as_primitive::<Date32Type>().value(at).cast_unsigned()))),
        DataType::Timestamp(..) => {
            each(&|at| mixed(column.as_primitive::<TimestampMicrosecondType>().value(at).cast_unsigned()))
        }
        DataType::Time64(_) => {
            each(&|at| mixed(column.as_primitive::<Time64MicrosecondType>().value(at).cast_unsigned()))
        }
        DataType::Decimal128(digits, _) => each(&|at| {
            let value = column.as_primitive::<Decimal128Type>().value(at);
            let halves = value.cast_unsigned();
            match digits {
                0..=9 => mixed((halves as u64) & u64::from(u32::MAX)),
                10..=18 => mixed(halves as u64),
                _ => mixed(halves as u64) ^ mixed((halves >> 64) as u64),
            }
        }),
        DataType::Utf8 => each(&|at| of_bytes(column.as_string::<i32>().value(at).as_bytes())),
        DataType::Binary => each(&|at| of_bytes(column.as_binary::<i32>().value(at))),
        _ => vec![OF_NULL; column.len()],
    })
}

fn mixed(mut x: u64) -> u64 {
    x ^= x >> 32;
    x = x.wrapping_mul(FACTOR);
    x ^= x >> 32;
    x = x.wrapping_mul(FACTOR);
    x ^ (x >> 32)
}

fn of_bytes(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(OF_LENGTH);
    for block in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..block.len()].copy_from_slice(block);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    mixed(hash)
}
