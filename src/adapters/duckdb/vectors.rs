//! Reading result vectors. In: a vector and its [`Type`]. Out: [`Value`]s.
//!
//! Types without a counterpart become text as DuckDB prints it (see [`super::text`]); dates and timestamps that no calendar
//! type of ours can hold (`infinity`, year 290,000) too.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};
use duckdb::ffi;

use super::engine::Chunk;
use super::text;
use super::types::{Shape, Type};
use crate::base::{Dict, Value};

/// A column of a chunk, ready to be read row by row. Its pointers are valid while the chunk is borrowed.
pub(super) struct Column<'a> {
    typ: &'a Type,
    data: *const u8,
    validity: *mut u64,
    children: Vec<Column<'a>>,
    rows: usize,
}

impl<'a> Column<'a> {
    /// A chunk's column.
    pub(super) fn new(chunk: &'a Chunk, index: usize, typ: &'a Type) -> Self {
        // SAFETY: the chunk is live for 'a, the type is that of the column.
        unsafe { Self::of(chunk.vector(index), typ, chunk.len()) }
    }

    /// # Safety
    /// `vector` must be null or live for 'a, of type `typ`, with `rows` rows.
    unsafe fn of(vector: ffi::duckdb_vector, typ: &'a Type, rows: usize) -> Self {
        if vector.is_null() || typ.shape == Shape::Opaque {
            return Self { typ, data: std::ptr::null(), validity: std::ptr::null_mut(), children: Vec::new(), rows: 0 };
        }
        // SAFETY: see above; the shapes say which accessor fits.
        unsafe {
            let list = |child: &'a Type| {
                let size = ffi::duckdb_list_vector_get_size(vector) as usize;
                vec![Self::of(ffi::duckdb_list_vector_get_child(vector), child, size)]
            };
            let children = match &typ.shape {
                Shape::Plain | Shape::Decimal { .. } | Shape::Enum { .. } | Shape::Opaque => Vec::new(),
                Shape::List(child) => list(child),
                Shape::Array(child, size) => {
                    vec![Self::of(ffi::duckdb_array_vector_get_child(vector), child, rows * size)]
                }
                Shape::Struct(fields) => fields
                    .iter()
                    .enumerate()
                    .map(|(i, (_, t))| Self::of(ffi::duckdb_struct_vector_get_child(vector, i as u64), t, rows))
                    .collect(),
                Shape::Map(key, value) => {
                    let entries = ffi::duckdb_list_vector_get_child(vector);
                    let size = ffi::duckdb_list_vector_get_size(vector) as usize;
                    vec![
                        Self::of(ffi::duckdb_struct_vector_get_child(entries, 0), key, size),
                        Self::of(ffi::duckdb_struct_vector_get_child(entries, 1), value, size),
                    ]
                }
                Shape::Union(members) => {
                    std::iter::once(Self::of(ffi::duckdb_struct_vector_get_child(vector, 0), &TAG, rows))
                        .chain(members.iter().enumerate().map(|(i, (_, t))| {
                            Self::of(ffi::duckdb_struct_vector_get_child(vector, i as u64 + 1), t, rows)
                        }))
                        .collect()
                }
            };
            let (data, validity) = (ffi::duckdb_vector_get_data(vector), ffi::duckdb_vector_get_validity(vector));
            Self { typ, data: data.cast_const().cast(), validity, children, rows }
        }
    }

    /// The value in a row; NULL also for a row that is not there.
    pub(super) fn value(&self, row: usize) -> Value {
        if row >= self.rows || self.is_null(row) {
            return Value::Null;
        }
        match &self.typ.shape {
            Shape::Plain => self.plain(row),
            Shape::Opaque => Value::Null,
            Shape::Decimal { physical, scale } => {
                self.integer(*physical, row).map_or(Value::Null, |n| Value::Decimal(text::scaled(n, *scale)))
            }
            Shape::Enum { physical, words } => self
                .integer(*physical, row)
                .and_then(|n| words.get(usize::try_from(n).ok()?))
                .map_or(Value::Null, |word| Value::Str(word.clone())),
            Shape::List(_) => Value::List(self.entry(row).map(|i| self.children[0].value(i)).collect()),
            Shape::Array(_, size) => {
                Value::List((row * size..(row + 1) * size).map(|i| self.children[0].value(i)).collect())
            }
            Shape::Map(..) => {
                let pairs = self.entry(row).map(|i| {
                    let key = match self.children[0].value(i) {
                        Value::Str(s) => s,
                        other => other.to_string(),
                    };
                    (key, self.children[1].value(i))
                });
                Value::Map(pairs.collect())
            }
            Shape::Struct(fields) => {
                if fields.iter().any(|(name, _)| name.is_empty()) {
                    return Value::List(self.children.iter().map(|c| c.value(row)).collect());
                }
                let pairs = fields.iter().zip(&self.children).map(|((name, _), c)| (name.clone(), c.value(row)));
                Value::Map(pairs.collect::<Dict>())
            }
            Shape::Union(_) => match self.children[0].value(row) {
                Value::Int(tag) => usize::try_from(tag + 1)
                    .ok()
                    .and_then(|i| self.children.get(i))
                    .map_or(Value::Null, |member| member.value(row)),
                _ => Value::Null,
            },
        }
    }

    fn is_null(&self, row: usize) -> bool {
        if self.validity.is_null() {
            return false;
        }
        // SAFETY: the mask has a bit for each of `rows` rows, and the row is one of them.
        !unsafe { ffi::duckdb_validity_row_is_valid(self.validity, row as u64) }
    }

    /// Reads the row as `T`.
    ///
    /// # Safety
    /// The vector's physical type must be `T`.
    unsafe fn read<T: Copy>(&self, row: usize) -> T {
        // SAFETY: the vector holds `rows` values and the row is one of them (checked in `value`).
        unsafe { self.data.cast::<T>().add(row).read_unaligned() }
    }

    /// The range of child rows that belong to a list or map.
    fn entry(&self, row: usize) -> std::ops::Range<usize> {
        // SAFETY: list and map vectors hold list entries.
        let entry: ffi::duckdb_list_entry = unsafe { self.read(row) };
        let start = entry.offset as usize;
        start..start + entry.length as usize
    }

    fn bytes(&self, row: usize) -> Vec<u8> {
        // SAFETY: string vectors hold `duckdb_string_t`; its data lives as long as the chunk. The string is read where it lies,
        // because short ones are stored inside the struct.
        unsafe {
            let place = self.data.cast::<ffi::duckdb_string_t>().add(row).cast_mut();
            let length = ffi::duckdb_string_t_length(*place) as usize;
            let start = ffi::duckdb_string_t_data(place).cast::<u8>();
            if start.is_null() { Vec::new() } else { std::slice::from_raw_parts(start, length).to_vec() }
        }
    }

    /// A whole number of a physical type that fits 128 bits.
    fn integer(&self, physical: u32, row: usize) -> Option<i128> {
        // SAFETY: each arm reads the width that its type has.
        unsafe {
            Some(match physical {
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TINYINT => self.read::<i8>(row).into(),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_SMALLINT => self.read::<i16>(row).into(),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER => self.read::<i32>(row).into(),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT => self.read::<i64>(row).into(),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UTINYINT => self.read::<u8>(row).into(),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_USMALLINT => self.read::<u16>(row).into(),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UINTEGER => self.read::<u32>(row).into(),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT => self.read::<u64>(row).into(),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_HUGEINT => {
                    let n: ffi::duckdb_hugeint = self.read(row);
                    (i128::from(n.upper) << 64) | i128::from(n.lower)
                }
                _ => return None,
            })
        }
    }

    fn plain(&self, row: usize) -> Value {
        if let Some(n) = self.integer(self.typ.id, row) {
            return Value::Int(n);
        }
        // SAFETY: each arm reads the physical type that DuckDB documents for the logical one.
        unsafe {
            match self.typ.id {
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BOOLEAN => Value::Bool(self.read::<u8>(row) != 0),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_FLOAT => Value::Float(f64::from(self.read::<f32>(row))),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE => Value::Float(self.read(row)),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR | ffi::DUCKDB_TYPE_DUCKDB_TYPE_STRING_LITERAL => {
                    Value::Str(String::from_utf8_lossy(&self.bytes(row)).into_owned())
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB => Value::Bytes(self.bytes(row)),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIT => Value::Str(text::bits(&self.bytes(row))),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGNUM => Value::Str(text::bignum(&self.bytes(row))),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UHUGEINT => {
                    let n: ffi::duckdb_uhugeint = self.read(row);
                    let n = (u128::from(n.upper) << 64) | u128::from(n.lower);
                    i128::try_from(n).map_or_else(|_| Value::Decimal(n.to_string()), Value::Int)
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID => {
                    let n: ffi::duckdb_hugeint = self.read(row);
                    Value::Str(text::uuid(n.upper, n.lower))
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTERVAL => {
                    let i: ffi::duckdb_interval = self.read(row);
                    Value::Str(text::interval(i.months, i.days, i.micros))
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE => date(self.read(row)),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME => time(self.read::<i64>(row), 1_000),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_NS => time(self.read::<i64>(row), 1),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_TZ => {
                    let t = ffi::duckdb_from_time_tz(self.read(row));
                    let (clock, micros) = (t.time, t.time.micros);
                    let seconds = (i64::from(clock.hour) * 60 + i64::from(clock.min)) * 60 + i64::from(clock.sec);
                    Value::Str(text::time_with_offset(seconds * 1_000_000 + i64::from(micros), t.offset))
                }
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP => timestamp(self.read(row), 1_000_000, false),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_S => timestamp(self.read(row), 1, false),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_MS => timestamp(self.read(row), 1_000, false),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_NS => timestamp(self.read(row), 1_000_000_000, false),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ => timestamp(self.read(row), 1_000_000, true),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ_NS => timestamp(self.read(row), 1_000_000_000, true),
                _ => Value::Null,
            }
        }
    }
}

/// The hidden first child of a union: which member is set.
static TAG: Type = Type { id: ffi::DUCKDB_TYPE_DUCKDB_TYPE_UTINYINT, name: String::new(), shape: Shape::Plain };

fn date(days: i32) -> Value {
    if let Some(word) = text::infinity(days.into(), i32::MAX.into()) {
        return word;
    }
    let epoch = NaiveDate::default();
    match epoch.checked_add_signed(TimeDelta::days(days.into())) {
        Some(date) => Value::Date(date),
        None => Value::Str(text::far_date(days.into())),
    }
}

fn time(count: i64, nanoseconds: i64) -> Value {
    let per_second = 1_000_000_000 / nanoseconds;
    let (seconds, rest) = (count.div_euclid(per_second), count.rem_euclid(per_second) * nanoseconds);
    let time = u32::try_from(seconds).ok().zip(u32::try_from(rest).ok());
    match time.and_then(|(s, ns)| NaiveTime::from_num_seconds_from_midnight_opt(s, ns)) {
        Some(time) => Value::Time(time),
        // DuckDB knows 24:00:00.
        None => Value::Str(text::clock(count * nanoseconds / 1_000)),
    }
}

fn timestamp(count: i64, per_second: i64, zoned: bool) -> Value {
    if let Some(word) = text::infinity(count, i64::MAX) {
        return word;
    }
    let (seconds, rest) = (count.div_euclid(per_second), count.rem_euclid(per_second));
    let nanoseconds = u32::try_from(rest * (1_000_000_000 / per_second)).unwrap_or_default();
    match DateTime::from_timestamp(seconds, nanoseconds) {
        Some(instant) if zoned => Value::TimestampTz(instant.fixed_offset()),
        Some(instant) => Value::Timestamp(instant.naive_utc()),
        None => {
            let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
            let clock = text::clock(second * 1_000_000 + i64::from(nanoseconds / 1_000));
            let zone = if zoned { "+00" } else { "" };
            Value::Str(format!("{} {clock}{zone}", text::far_date(day)))
        }
    }
}
