//! Records of a JSON file, one after the other or within an array. In: a file's text. Out: the records as a sequence, which is
//! what readers take: of an array the brackets and commas around its items become white space.

use std::io::{BufRead, BufReader, Read};

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result};
use serde_json::Value;

use super::super::bytes::Input;
use super::super::options::Arrangement;

/// What is wrong with a file.
pub(super) fn wrong(file: &str, why: &str) -> DataFusionError {
    DataFusionError::ArrowError(Box::new(ArrowError::CastError(format!("\"{file}\": {why}"))), None)
}

/// The records of a file as a sequence; nothing of an empty one.
pub(super) fn sequence(mut input: Input, file: &str, arrangement: Arrangement) -> Result<Box<dyn BufRead + Send>> {
    let first = first_byte(&mut input)?;
    match (first, arrangement) {
        (None, _) => Ok(Box::new(std::io::empty())),
        (Some(b'['), Arrangement::Auto | Arrangement::Array) => {
            Ok(Box::new(BufReader::with_capacity(256 << 10, Items::new(input))))
        }
        (Some(b'['), Arrangement::Records) => {
            Err(wrong(file, "it is an array, not a sequence of records; `format = 'array'` reads it"))
        }
        (Some(_), Arrangement::Array) => {
            Err(wrong(file, "it is no array; `format = 'newline_delimited'` reads a sequence of records"))
        }
        (Some(_), _) => Ok(input),
    }
}

/// Goes to the first byte that is no white space.
fn first_byte(input: &mut Input) -> Result<Option<u8>> {
    loop {
        let there = input.fill_buf()?;
        if there.is_empty() {
            return Ok(None);
        }
        match there.iter().position(|b| !b.is_ascii_whitespace()) {
            Some(at) => {
                let byte = there[at];
                input.consume(at);
                return Ok(Some(byte));
            }
            None => {
                let length = there.len();
                input.consume(length);
            }
        }
    }
}

/// Hands out the records until no more are wanted.
pub(super) fn each(
    input: Input,
    file: &str,
    arrangement: Arrangement,
    mut take: impl FnMut(Value) -> Result<bool>,
) -> Result<()> {
    let records = serde_json::Deserializer::from_reader(sequence(input, file, arrangement)?).into_iter::<Value>();
    for record in records {
        if !take(record.map_err(|e| wrong(file, &e.to_string()))?)? {
            break;
        }
    }
    Ok(())
}

/// The text of an array whose items are parted by white space.
struct Items<R> {
    input: R,
    depth: u32,
    in_text: bool,
    escaped: bool,
    ended: bool,
}

impl<R> Items<R> {
    fn new(input: R) -> Self {
        Self { input, depth: 0, in_text: false, escaped: false, ended: false }
    }

    fn part(&mut self, bytes: &mut [u8]) -> std::io::Result<()> {
        for byte in bytes {
            if self.in_text {
                match *byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            if self.ended && !byte.is_ascii_whitespace() {
                return Err(std::io::Error::other("there is text after the end of the array"));
            }
            match *byte {
                b'"' => self.in_text = true,
                b'[' | b'{' => {
                    self.depth += 1;
                    if self.depth == 1 {
                        *byte = b' ';
                    }
                }
                b']' | b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.ended = true;
                        *byte = b' ';
                    }
                }
                b',' if self.depth == 1 => *byte = b' ',
                _ => {}
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Items<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.input.read(buffer)?;
        if length == 0 && !self.ended && !buffer.is_empty() {
            return Err(std::io::Error::other("the array is never closed"));
        }
        self.part(&mut buffer[..length])?;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &'static str, arrangement: Arrangement) -> std::result::Result<Vec<String>, String> {
        let mut found = Vec::new();
        let read = each(Box::new(text.as_bytes()), "f", arrangement, |value| {
            found.push(value.to_string());
            Ok(true)
        });
        read.map(|()| found).map_err(|e| e.to_string())
    }

    #[test]
    fn records_of_both_kinds() {
        let auto = |text| of(text, Arrangement::Auto);
        assert_eq!(
            auto(" [{\"a\":\"]},{\\\"\"},\n {\"a\":[1,2]}] "),
            Ok(vec!["{\"a\":\"]},{\\\"\"}".into(), "{\"a\":[1,2]}".into()])
        );
        assert_eq!(auto("{\"a\":1}\n{\"a\":2}"), Ok(vec!["{\"a\":1}".into(), "{\"a\":2}".into()]));
        assert_eq!(auto("[]"), Ok(vec![]));
        assert_eq!(auto(""), Ok(vec![]));
        assert!(auto("[1,2").expect_err("open").contains("never closed"));
        assert!(auto("[1]\n[2]").expect_err("two").contains("after the end"));
        assert!(of("[1]", Arrangement::Records).expect_err("array").contains("'array'"));
        assert!(of("{}", Arrangement::Array).expect_err("record").contains("no array"));
    }
}
