//! Functions of text.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, ListBuilder, StringArray,
    StringBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::utils::datafusion_strsim;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::ScalarUDF;
use sha2::{Digest, Sha256};

use super::display;
use super::scalar::{Body, Gives, Kind, Scalar, fail, text};

/// A list of text.
pub(super) fn texts_type() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))
}

/// All functions of this module.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let mut all = measures();
    all.extend(comparing());
    all.extend(cutting());
    all.extend(writing());
    all
}

/// A body over one text.
macro_rules! of_text {
    ($array:ty, $work:expr) => {
        |args: &[ArrayRef], _rows: usize| {
            Ok(Arc::new(text(&args[0]).iter().map(|t| t.map($work)).collect::<$array>()) as ArrayRef)
        }
    };
}

/// A body over two texts.
macro_rules! of_texts {
    ($array:ty, $work:expr) => {
        |args: &[ArrayRef], _rows: usize| {
            let pairs = text(&args[0]).iter().zip(text(&args[1]).iter());
            Ok(Arc::new(pairs.map(|(a, b)| Some($work(a?, b?))).collect::<$array>()) as ArrayRef)
        }
    };
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn measures() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Bytes, List, Text};
    let lengths: Body = |args, _| {
        let list = args[0].as_list::<i32>();
        Ok(Arc::new(
            (0..list.len()).map(|r| list.is_valid(r).then(|| i64::from(list.value_length(r)))).collect::<Int64Array>(),
        ))
    };
    vec![
        Scalar::new("length")
            .alias(&["len", "char_length", "character_length"])
            .on(&[Text], DataType::Int64, of_text!(Int64Array, |t: &str| count(t.chars().count())))
            .on(&[List], DataType::Int64, lengths)
            .build(),
        Scalar::new("array_length").alias(&["list_length"]).on(&[List], DataType::Int64, lengths).build(),
        Scalar::new("strlen").on(&[Text], DataType::Int64, of_text!(Int64Array, |t: &str| count(t.len()))).build(),
        Scalar::new("octet_length")
            .on(&[Bytes], DataType::Int64, |args, _| {
                let lengths = args[0].as_binary::<i32>().iter().map(|b| b.map(|b| count(b.len())));
                Ok(Arc::new(lengths.collect::<Int64Array>()))
            })
            .on(&[Text], DataType::Int64, of_text!(Int64Array, |t: &str| count(t.len())))
            .build(),
        Scalar::new("bit_length")
            .on(&[Text], DataType::Int64, of_text!(Int64Array, |t: &str| count(t.len() * 8)))
            .build(),
        Scalar::new("ascii")
            .on(
                &[Text],
                DataType::Int64,
                of_text!(Int64Array, |t: &str| t.chars().next().map_or(0, |c| i64::from(u32::from(c)))),
            )
            .build(),
        Scalar::new("unicode")
            .alias(&["ord"])
            .on(
                &[Text],
                DataType::Int64,
                of_text!(Int64Array, |t: &str| t.chars().next().map_or(-1, |c| i64::from(u32::from(c)))),
            )
            .build(),
        Scalar::new("strpos")
            .alias(&["instr", "position"])
            .on(
                &[Text, Text],
                DataType::Int64,
                of_texts!(Int64Array, |a: &str, b: &str| {
                    a.find(b).map_or(0, |at| count(a[..at].chars().count()) + 1)
                }),
            )
            .build(),
    ]
}

/// A pattern of LIKE with the backslash for its escape, which is the engine's.
fn like_pattern(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut made = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let (letter, meant) = match Some(letter) == escape {
            true => match letters.next() {
                Some(next) => (next, matches!(next, '%' | '_')),
                None => return fail("like", "the pattern must not end with its escape"),
            },
            false => (letter, false),
        };
        if meant || letter == '\\' {
            made.push('\\');
        }
        made.push(letter);
    }
    Ok(made)
}

fn comparing() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Bytes, Text};
    vec![
        Scalar::new("like_pattern")
            .on(&[Text, Text], DataType::Utf8, |args, _| {
                let pairs = text(&args[0]).iter().zip(text(&args[1]).iter());
                let patterns = pairs.map(|(pattern, escape)| match (pattern, escape) {
                    (Some(pattern), Some(escape)) => like_pattern(pattern, escape.chars().next()).map(Some),
                    _ => Ok(None),
                });
                Ok(Arc::new(patterns.collect::<Result<StringArray>>()?))
            })
            .build(),
        Scalar::new("levenshtein")
            .alias(&["editdist3"])
            .on(
                &[Text, Text],
                DataType::Int64,
                of_texts!(Int64Array, |a: &str, b: &str| { count(datafusion_strsim::levenshtein(a, b)) }),
            )
            .build(),
        Scalar::new("damerau_levenshtein")
            .on(&[Text, Text], DataType::Int64, of_texts!(Int64Array, |a: &str, b: &str| count(transpositions(a, b))))
            .build(),
        Scalar::new("hamming")
            .alias(&["mismatches"])
            .on(&[Text, Text], DataType::Int64, |args, _| {
                let pairs = text(&args[0]).iter().zip(text(&args[1]).iter());
                let counted = pairs.map(|(a, b)| match (a, b) {
                    (Some(a), Some(b)) if a.chars().count() != b.chars().count() => {
                        fail("hamming", "the texts must have the same length")
                    }
                    (Some(a), Some(b)) => Ok(Some(count(a.chars().zip(b.chars()).filter(|(x, y)| x != y).count()))),
                    _ => Ok(None),
                });
                Ok(Arc::new(counted.collect::<Result<Int64Array>>()?))
            })
            .build(),
        Scalar::new("jaccard")
            .on(
                &[Text, Text],
                DataType::Float64,
                of_texts!(Float64Array, |a: &str, b: &str| {
                    let left: std::collections::BTreeSet<char> = a.chars().collect();
                    let right: std::collections::BTreeSet<char> = b.chars().collect();
                    let all = left.union(&right).count();
                    if all == 0 { 0.0 } else { left.intersection(&right).count() as f64 / all as f64 }
                }),
            )
            .build(),
        Scalar::new("contains")
            .on(&[Text, Text], DataType::Boolean, of_texts!(BooleanArray, |a: &str, b: &str| a.contains(b)))
            .build(),
        Scalar::new("prefix")
            .on(&[Text, Text], DataType::Boolean, of_texts!(BooleanArray, |a: &str, b: &str| a.starts_with(b)))
            .build(),
        Scalar::new("suffix")
            .on(&[Text, Text], DataType::Boolean, of_texts!(BooleanArray, |a: &str, b: &str| a.ends_with(b)))
            .build(),
        Scalar::new("jaro_similarity").on(&[Text, Text], DataType::Float64, of_texts!(Float64Array, jaro)).build(),
        Scalar::new("jaro_winkler_similarity")
            .on(
                &[Text, Text],
                DataType::Float64,
                of_texts!(Float64Array, |a: &str, b: &str| {
                    let same = a.chars().zip(b.chars()).take(4).take_while(|(x, y)| x == y).count();
                    let jaro = jaro(a, b);
                    if jaro > 0.7 { jaro + 0.1 * same as f64 * (1.0 - jaro) } else { jaro }
                }),
            )
            .build(),
        Scalar::new("parse_filename")
            .on(
                &[Text],
                DataType::Utf8,
                of_text!(StringArray, |t: &str| { t.rsplit(['/', '\\']).next().unwrap_or(t).to_owned() }),
            )
            .build(),
        Scalar::new("md5")
            .on(&[Text], DataType::Utf8, of_text!(StringArray, |t: &str| hex(&md5::Md5::digest(t.as_bytes()))))
            .on(&[Bytes], DataType::Utf8, |args, _| {
                let sums = args[0].as_binary::<i32>().iter().map(|b| b.map(|b| hex(&md5::Md5::digest(b))));
                Ok(Arc::new(sums.collect::<StringArray>()))
            })
            .build(),
        Scalar::new("sha256")
            .on(&[Text], DataType::Utf8, of_text!(StringArray, |t: &str| hex(&Sha256::digest(t.as_bytes()))))
            .on(&[Bytes], DataType::Utf8, |args, _| {
                let sums = args[0].as_binary::<i32>().iter().map(|b| b.map(|b| hex(&Sha256::digest(b))));
                Ok(Arc::new(sums.collect::<StringArray>()))
            })
            .build(),
    ]
}

/// The share of letters that both have, near to each other and in the same order.
fn jaro(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let reach = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; b.len()];
    let mut matched = Vec::new();
    for (i, c) in a.iter().enumerate() {
        let (from, upto) = (i.saturating_sub(reach), (i + reach + 1).min(b.len()));
        if let Some(j) = (from..upto).find(|j| !taken[*j] && b[*j] == *c) {
            taken[j] = true;
            matched.push(*c);
        }
    }
    if matched.is_empty() {
        return 0.0;
    }
    let other: Vec<char> = b.iter().zip(&taken).filter(|(_, t)| **t).map(|(c, _)| *c).collect();
    let swapped = matched.iter().zip(&other).filter(|(x, y)| x != y).count() as f64 / 2.0;
    let m = matched.len() as f64;
    (m / a.len() as f64 + m / b.len() as f64 + (m - swapped) / m) / 3.0
}

/// Edits between two texts, a swap of neighbours counting as one.
fn transpositions(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in table.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in table[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (table[i - 1][j] + 1).min(table[i][j - 1] + 1).min(table[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(table[i - 2][j - 2] + 1);
            }
            table[i][j] = best;
        }
    }
    table[a.len()][b.len()]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn cutting() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Int, Text};
    let split: Body = |args, _| {
        split_all(args, |value, by| {
            if by.is_empty() {
                Ok(value.chars().map(String::from).collect())
            } else {
                Ok(value.split(by).map(str::to_owned).collect())
            }
        })
    };
    vec![
        Scalar::new("substr")
            .alias(&["substring"])
            .on(&[Text, Int], DataType::Utf8, substr)
            .on(&[Text, Int, Int], DataType::Utf8, substr)
            .build(),
        Scalar::new("string_split")
            .alias(&["str_split", "string_to_array", "split"])
            .on(&[Text, Text], texts_type(), split)
            .build(),
        Scalar::new("text_element")
            .on(&[Text, Int], DataType::Utf8, |args, rows| {
                let ones: ArrayRef = Arc::new(Int64Array::from(vec![1; rows]));
                substr(&[Arc::clone(&args[0]), Arc::clone(&args[1]), ones], rows)
            })
            .build(),
        Scalar::new("text_slice")
            .on(&[Text, Int, Int], DataType::Utf8, |args, rows| {
                let (begin, end) = (args[1].as_primitive::<Int64Type>(), args[2].as_primitive::<Int64Type>());
                let cut = (0..rows).map(|row| {
                    let letters: Vec<char> =
                        args[0].is_valid(row).then(|| text(&args[0]).value(row).chars().collect())?;
                    let size = count(letters.len());
                    let place = |n: i64| if n < 0 { size + n + 1 } else { n };
                    let first = if begin.is_null(row) { 1 } else { place(begin.value(row)).max(1) };
                    let last = if end.is_null(row) { size } else { place(end.value(row)).min(size) };
                    let from = usize::try_from(first - 1).unwrap_or(0);
                    let upto = usize::try_from(last.max(first - 1)).unwrap_or(0);
                    Some(
                        letters
                            .get(from..upto.min(letters.len()))
                            .map(|c| c.iter().collect::<String>())
                            .unwrap_or_default(),
                    )
                });
                Ok(Arc::new(cut.collect::<StringArray>()))
            })
            .build(),
        Scalar::new("initcap")
            .on(
                &[Text],
                DataType::Utf8,
                of_text!(StringArray, |t: &str| {
                    let mut fresh = true;
                    let mut out = String::with_capacity(t.len());
                    for c in t.chars() {
                        if fresh {
                            out.extend(c.to_uppercase())
                        } else {
                            out.extend(c.to_lowercase())
                        }
                        fresh = !c.is_alphanumeric();
                    }
                    out
                }),
            )
            .build(),
    ]
}

/// Text cut in pieces, a list a row.
pub(super) fn split_all(args: &[ArrayRef], cut: impl Fn(&str, &str) -> Result<Vec<String>>) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for (value, by) in text(&args[0]).iter().zip(text(&args[1]).iter()) {
        match (value, by) {
            (Some(value), Some(by)) => {
                for piece in cut(value, by)? {
                    lists.values().append_value(piece);
                }
                lists.append(true);
            }
            _ => lists.append(false),
        }
    }
    Ok(Arc::new(lists.finish()))
}

/// Places count from 1, negative ones from the end; a negative length goes backwards.
fn substr(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let begins = args[1].as_primitive::<Int64Type>();
    let lengths = args.get(2).map(|a| a.as_primitive::<Int64Type>());
    let cut = (0..rows).map(|row| {
        if args[0].is_null(row) || begins.is_null(row) || lengths.is_some_and(|l| l.is_null(row)) {
            return None;
        }
        let letters: Vec<char> = text(&args[0]).value(row).chars().collect();
        let size = count(letters.len());
        let offset = begins.value(row);
        let length = lengths.map_or(i64::from(u32::MAX), |l| l.value(row));
        let mut start = match offset {
            0 => -1,
            n if n < 0 => size + n,
            n => n - 1,
        };
        let mut end = start.saturating_add(length);
        if length < 0 {
            (start, end) = (end, start);
        }
        let from = usize::try_from(start.clamp(0, size)).unwrap_or(0);
        let upto = usize::try_from(end.clamp(0, size)).unwrap_or(0);
        Some(letters[from..upto.max(from)].iter().collect::<String>())
    });
    Ok(Arc::new(cut.collect::<StringArray>()))
}

fn writing() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Any, Bytes, Int, Text};
    let upper: Body = |args, _| {
        Ok(Arc::new(
            args[0].as_primitive::<Int64Type>().iter().map(|n| n.map(|n| format!("{n:X}"))).collect::<StringArray>(),
        ))
    };
    vec![
        Scalar::new("to_hex")
            .alias(&["hex"])
            .on(&[Int], DataType::Utf8, upper)
            .on(&[Text], DataType::Utf8, of_text!(StringArray, |t: &str| hex(t.as_bytes()).to_uppercase()))
            .build(),
        Scalar::new("bin")
            .alias(&["to_binary"])
            .on(&[Int], DataType::Utf8, |args, _| {
                Ok(Arc::new(
                    args[0]
                        .as_primitive::<Int64Type>()
                        .iter()
                        .map(|n| n.map(|n| format!("{n:b}")))
                        .collect::<StringArray>(),
                ))
            })
            .build(),
        Scalar::new("unhex")
            .alias(&["from_hex"])
            .on(&[Text], DataType::Binary, |args, _| {
                let read = text(&args[0]).iter().map(|t| t.map(from_hex).transpose());
                Ok(Arc::new(read.collect::<Result<BinaryArray>>()?))
            })
            .build(),
        Scalar::new("to_base64")
            .alias(&["base64"])
            .on(&[Bytes], DataType::Utf8, |args, _| {
                Ok(Arc::new(args[0].as_binary::<i32>().iter().map(|b| b.map(to_base64)).collect::<StringArray>()))
            })
            .build(),
        Scalar::new("from_base64")
            .on(&[Text], DataType::Binary, |args, _| {
                let read = text(&args[0]).iter().map(|t| t.map(from_base64).transpose());
                Ok(Arc::new(read.collect::<Result<BinaryArray>>()?))
            })
            .build(),
        Scalar::new("url_encode")
            .on(
                &[Text],
                DataType::Utf8,
                of_text!(StringArray, |t: &str| {
                    t.bytes()
                        .map(|b| match b {
                            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                                char::from(b).to_string()
                            }
                            _ => format!("%{b:02X}"),
                        })
                        .collect::<String>()
                }),
            )
            .build(),
        Scalar::new("url_decode").on(&[Text], DataType::Utf8, of_text!(StringArray, url_decode)).build(),
        Scalar::new("typeof")
            .on(&[Any], DataType::Utf8, |args, rows| {
                let name = display::type_name(args[0].data_type());
                Ok(Arc::new(StringArray::from(vec![name; rows])))
            })
            .build(),
        Scalar::new("sql_type_name")
            .on(
                &[Text],
                DataType::Utf8,
                of_text!(StringArray, |t: &str| {
                    t.parse().map_or_else(|_| t.to_owned(), |known| super::super::type_names::sql_name(&known))
                }),
            )
            .build(),
        Scalar::new("to_text").on(&[Any], DataType::Utf8, |args, _| Ok(Arc::new(display::texts(&args[0])?))).build(),
        Scalar::new("format").many(&[Text], Any, Gives::Type(DataType::Utf8), super::printf::format).build(),
        Scalar::new("printf").many(&[Text], Any, Gives::Type(DataType::Utf8), super::printf::printf).build(),
    ]
}

fn from_hex(value: &str) -> Result<Vec<u8>> {
    let digits: Vec<u32> = value
        .chars()
        .map(|c| c.to_digit(16).ok_or_else(|| exec_datafusion_err!("unhex: '{c}' is no hexadecimal digit")))
        .collect::<Result<_>>()?;
    let padded: Vec<u32> = if digits.len() % 2 == 1 { std::iter::once(0).chain(digits).collect() } else { digits };
    Ok(padded.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap_or(0)).collect())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place > chunk.len() {
                out.push('=');
            } else {
                out.push(char::from(BASE64[(word >> (18 - 6 * place) & 63) as usize]));
            }
        }
    }
    out
}

fn from_base64(value: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let (mut word, mut bits) = (0u32, 0);
    for c in value.bytes().filter(|c| *c != b'=') {
        let Some(digit) = BASE64.iter().position(|b| *b == c) else {
            return fail("from_base64", format!("'{}' is no digit of base 64", char::from(c)));
        };
        word = word << 6 | u32::try_from(digit).unwrap_or(0);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits & 255) as u8);
        }
    }
    Ok(out)
}

fn url_decode(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let read = (bytes[at] == b'%')
            .then(|| value.get(at + 1..at + 3).and_then(|h| u8::from_str_radix(h, 16).ok()))
            .flatten();
        match read {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
