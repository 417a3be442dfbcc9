//! What DuckDB calls. In: vectors. Out: vectors. The calendar itself is in [`super::calendar`].
//!
//! Callbacks never panic: a panic would cross C++ frames. Every index is below the chunk's size, and errors are handed to
//! DuckDB, which raises them as the query's.

use std::ffi::CString;

use duckdb::ffi;

use super::calendar::{self, Part, Zone};

/// A vector's values, flat.
struct Input<T> {
    data: *mut T,
    validity: *mut u64,
}

impl<T> Input<T> {
    /// # Safety
    /// The vector must be flat and of physical type `T`.
    unsafe fn of(vector: ffi::duckdb_vector) -> Self {
        // SAFETY: see above.
        unsafe {
            Self { data: ffi::duckdb_vector_get_data(vector).cast(), validity: ffi::duckdb_vector_get_validity(vector) }
        }
    }

    /// The place of a row's value; none if it is NULL.
    ///
    /// # Safety
    /// The row must be below the vector's size.
    unsafe fn at(&self, row: usize) -> Option<*mut T> {
        // SAFETY: see above.
        unsafe {
            let valid = self.validity.is_null() || ffi::duckdb_validity_row_is_valid(self.validity, row as u64);
            valid.then(|| self.data.add(row))
        }
    }
}

/// Writes rows of a result.
///
/// # Safety
/// `output` must be a flat vector of physical type `T` with room for `count` rows; `compute` must accept rows below `count`.
unsafe fn fill<T>(
    count: usize,
    output: ffi::duckdb_vector,
    mut compute: impl FnMut(usize) -> Result<Option<T>, String>,
) -> Result<(), String> {
    // SAFETY: see above.
    unsafe {
        let data = ffi::duckdb_vector_get_data(output).cast::<T>();
        for row in 0..count {
            if let Some(value) = compute(row)? {
                data.add(row).write(value);
            } else {
                ffi::duckdb_vector_ensure_validity_writable(output);
                ffi::duckdb_validity_set_row_invalid(ffi::duckdb_vector_get_validity(output), row as u64);
            }
        }
    }
    Ok(())
}

/// Runs a function of two arguments over a chunk; NULL in, NULL out.
///
/// # Safety
/// The chunk's columns must have physical types `A` and `B`, the output `i64`.
unsafe fn binary<A, B>(
    info: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    output: ffi::duckdb_vector,
    mut compute: impl FnMut(*mut A, *mut B) -> Result<i64, String>,
) {
    // SAFETY: DuckDB flattens the chunk before it calls.
    unsafe {
        let count = ffi::duckdb_data_chunk_get_size(chunk) as usize;
        let left = Input::<A>::of(ffi::duckdb_data_chunk_get_vector(chunk, 0));
        let right = Input::<B>::of(ffi::duckdb_data_chunk_get_vector(chunk, 1));
        let result = fill(count, output, |row| match (left.at(row), right.at(row)) {
            (Some(a), Some(b)) => compute(a, b).map(Some),
            _ => Ok(None),
        });
        if let Err(message) = result {
            let message = CString::new(message).unwrap_or_default();
            ffi::duckdb_scalar_function_set_error(info, message.as_ptr());
        }
    }
}

/// Runs a function of one zoned timestamp over a chunk; NULL in, NULL out, and NULL for infinity, which lies in no part.
///
/// # Safety
/// The chunk's column must hold timestamps, the output `T`.
unsafe fn unary<T>(chunk: ffi::duckdb_data_chunk, output: ffi::duckdb_vector, compute: impl Fn(i64) -> T) {
    // SAFETY: DuckDB flattens the chunk before it calls.
    unsafe {
        let count = ffi::duckdb_data_chunk_get_size(chunk) as usize;
        let input = Input::<i64>::of(ffi::duckdb_data_chunk_get_vector(chunk, 0));
        let value = |row| input.at(row).map(|ts| *ts).filter(|ts| !calendar::is_infinite(*ts));
        let _ = fill(count, output, |row| Ok(value(row).map(&compute)));
    }
}

fn moved(micros: i64, interval: ffi::duckdb_interval, sign: i64) -> Result<i64, String> {
    if calendar::is_infinite(micros) {
        return Ok(micros);
    }
    let time = if sign < 0 { interval.micros.checked_neg() } else { Some(interval.micros) };
    let (months, days) = (sign * i64::from(interval.months), sign * i64::from(interval.days));
    time.and_then(|time| calendar::add(micros, months, days, time)).ok_or_else(|| "timestamp out of range".to_owned())
}

/// # Safety
/// `place` must be a live string of a flat vector.
unsafe fn text<'a>(place: *mut ffi::duckdb_string_t) -> &'a str {
    // SAFETY: see above; the data lives as long as the vector. DuckDB's strings are UTF-8.
    unsafe {
        let length = ffi::duckdb_string_t_length(*place) as usize;
        let data = ffi::duckdb_string_t_data(place).cast::<u8>();
        if data.is_null() {
            return "";
        }
        std::str::from_utf8(std::slice::from_raw_parts(data, length)).unwrap_or_default()
    }
}

pub(super) unsafe extern "C" fn plus(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered.
    unsafe { binary::<i64, ffi::duckdb_interval>(i, chunk, out, |ts, by| moved(*ts, *by, 1)) }
}

pub(super) unsafe extern "C" fn plus_reversed(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered.
    unsafe { binary::<ffi::duckdb_interval, i64>(i, chunk, out, |by, ts| moved(*ts, *by, 1)) }
}

pub(super) unsafe extern "C" fn minus(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered.
    unsafe { binary::<i64, ffi::duckdb_interval>(i, chunk, out, |ts, by| moved(*ts, *by, -1)) }
}

pub(super) unsafe extern "C" fn date_trunc(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered.
    unsafe {
        binary::<ffi::duckdb_string_t, i64>(i, chunk, out, |part, ts| {
            let part = text(part);
            let infinite = calendar::is_infinite(*ts);
            let start = Part::parse(part).and_then(|p| calendar::truncate(p, if infinite { 0 } else { *ts }));
            let start = start.ok_or_else(|| unknown_part(part))?;
            Ok(if infinite { *ts } else { start })
        });
    }
}

fn unknown_part(name: &str) -> String {
    format!("extract specifier \"{name}\" not recognized")
}

pub(super) unsafe extern "C" fn date_diff(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered; DuckDB flattens the chunk before it calls.
    unsafe {
        let count = ffi::duckdb_data_chunk_get_size(chunk) as usize;
        let part = Input::<ffi::duckdb_string_t>::of(ffi::duckdb_data_chunk_get_vector(chunk, 0));
        let from = Input::<i64>::of(ffi::duckdb_data_chunk_get_vector(chunk, 1));
        let to = Input::<i64>::of(ffi::duckdb_data_chunk_get_vector(chunk, 2));
        let result = fill(count, out, |row| {
            let (Some(part), Some(from), Some(to)) = (part.at(row), from.at(row), to.at(row)) else { return Ok(None) };
            let name = text(part);
            let part = Part::parse(name).ok_or_else(|| unknown_part(name))?;
            if calendar::is_infinite(*from) || calendar::is_infinite(*to) {
                return Ok(None);
            }
            calendar::borders(part, *from, *to).map(Some).ok_or_else(|| unknown_part(name))
        });
        if let Err(message) = result {
            let message = CString::new(message).unwrap_or_default();
            ffi::duckdb_scalar_function_set_error(i, message.as_ptr());
        }
    }
}

pub(super) unsafe extern "C" fn last_day(
    _i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: a date is 32 bits of days.
    unsafe { unary(chunk, out, |ts| i32::try_from(calendar::last_day(ts)).unwrap_or(i32::MAX)) }
}

pub(super) unsafe extern "C" fn epoch(
    _i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered.
    unsafe { unary(chunk, out, |ts| ts as f64 / 1e6) }
}

pub(super) unsafe extern "C" fn julian(
    _i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    let day = 86_400_000_000_i64;
    // SAFETY: types as registered.
    unsafe {
        unary(chunk, out, |ts| calendar::number(Part::Julian, ts) as f64 + ts.rem_euclid(day) as f64 / day as f64);
    }
}

/// The part that a function was registered with.
///
/// # Safety
/// Only within a call of a registered function.
unsafe fn registered(info: ffi::duckdb_function_info) -> Option<Part> {
    // SAFETY: see above; the pointer is a number.
    let number = unsafe { ffi::duckdb_scalar_function_get_extra_info(info) }.addr();
    Part::from_number(number)
}

pub(super) unsafe extern "C" fn part_number(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered.
    unsafe {
        if let Some(part) = registered(i) {
            unary(chunk, out, |ts| calendar::number(part, ts));
        }
    }
}

pub(super) unsafe extern "C" fn part_name(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered; DuckDB copies the strings.
    unsafe {
        let Some(part) = registered(i) else { return };
        let count = ffi::duckdb_data_chunk_get_size(chunk) as usize;
        let input = Input::<i64>::of(ffi::duckdb_data_chunk_get_vector(chunk, 0));
        for row in 0..count {
            match input.at(row).map(|ts| *ts).filter(|ts| !calendar::is_infinite(*ts)) {
                Some(ts) => {
                    let name = calendar::name(part, ts);
                    let (data, length) = (name.as_ptr().cast(), name.len() as u64);
                    ffi::duckdb_vector_assign_string_element_len(out, row as u64, data, length);
                }
                None => {
                    ffi::duckdb_vector_ensure_validity_writable(out);
                    ffi::duckdb_validity_set_row_invalid(ffi::duckdb_vector_get_validity(out), row as u64);
                }
            }
        }
    }
}

pub(super) unsafe extern "C" fn time_bucket(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered.
    unsafe {
        binary::<ffi::duckdb_interval, i64>(i, chunk, out, |width, ts| {
            if calendar::is_infinite(*ts) {
                return Ok(*ts);
            }
            let (months, days) = (i64::from((*width).months), i64::from((*width).days));
            calendar::bucket(months, days, (*width).micros, *ts).map_err(str::to_owned)
        });
    }
}

/// Zones are looked up once for a run of rows with the same name.
struct Zones {
    last: Option<(String, Zone)>,
}

impl Zones {
    fn get(&mut self, name: &str) -> Result<&Zone, String> {
        if self.last.as_ref().is_none_or(|(last, _)| last != name) {
            let zone = Zone::find(name).ok_or_else(|| format!("Unknown TimeZone '{name}'"))?;
            self.last = Some((name.to_owned(), zone));
        }
        self.last.as_ref().map(|(_, zone)| zone).ok_or_else(String::new)
    }
}

/// # Safety
/// As for [`binary`], with the columns of `timezone`.
unsafe fn convert(
    info: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    output: ffi::duckdb_vector,
    by: impl Fn(&Zone, i64) -> Option<i64>,
) {
    let mut zones = Zones { last: None };
    // SAFETY: see above.
    unsafe {
        binary::<ffi::duckdb_string_t, i64>(info, chunk, output, |name, ts| {
            let zone = zones.get(text(name))?;
            if calendar::is_infinite(*ts) {
                return Ok(*ts);
            }
            by(zone, *ts).ok_or_else(|| "timestamp out of range".to_owned())
        });
    }
}

pub(super) unsafe extern "C" fn to_wall_clock(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered.
    unsafe { convert(i, chunk, out, Zone::local) }
}

pub(super) unsafe extern "C" fn to_instant(
    i: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    out: ffi::duckdb_vector,
) {
    // SAFETY: types as registered.
    unsafe { convert(i, chunk, out, Zone::instant) }
}

pub(super) unsafe extern "C" fn same(
    _info: ffi::duckdb_function_info,
    count: u64,
    input: ffi::duckdb_vector,
    output: ffi::duckdb_vector,
) -> bool {
    // SAFETY: both types are 64-bit counts; DuckDB flattens the input.
    unsafe {
        let input = Input::<i64>::of(input);
        fill(count as usize, output, |row| Ok(input.at(row).map(|ts| *ts))).is_ok()
    }
}

pub(super) unsafe extern "C" fn to_date(
    _info: ffi::duckdb_function_info,
    count: u64,
    input: ffi::duckdb_vector,
    output: ffi::duckdb_vector,
) -> bool {
    let day = |micros: i64| match micros {
        i64::MAX => i32::MAX,
        m if m == -i64::MAX => -i32::MAX,
        // 64 bits of microseconds are 107 million days.
        m => i32::try_from(m.div_euclid(86_400_000_000)).unwrap_or(i32::MAX),
    };
    // SAFETY: a date is 32 bits of days.
    unsafe {
        let input = Input::<i64>::of(input);
        fill(count as usize, output, |row| Ok(input.at(row).map(|ts| day(*ts)))).is_ok()
    }
}
