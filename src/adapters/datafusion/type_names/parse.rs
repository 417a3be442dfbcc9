//! Reads the name of a type. In: what people write, in any usual spelling. Out: Arrow's type as tables keep it, or what is
//! wrong with it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, Fields, IntervalUnit, TimeUnit,
};

use super::timestamp;

/// The type that a text names.
pub(in crate::adapters::datafusion) fn parse(text: &str) -> Result<DataType, String> {
    let mut reader = Reader { rest: text.trim_start() };
    let found = reader.data_type().and_then(|found| match reader.rest {
        "" => Ok(found),
        rest => Err(format!("`{rest}` is too much")),
    });
    found.map_err(|why| format!("there is no type `{}`: {why}", text.trim()))
}

/// A map as the engine lays it out.
pub(super) fn map(key: DataType, value: DataType) -> DataType {
    let pair = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(pair), false)), false)
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn data_type(&mut self) -> Result<DataType, String> {
        let mut found = self.one()?;
        while self.takes("[") {
            let _size = self.number();
            self.wants("]")?;
            found = list(found);
        }
        Ok(found)
    }

    fn one(&mut self) -> Result<DataType, String> {
        let word = self.word().ok_or("a name is expected")?.to_lowercase();
        let plain = match word.as_str() {
            "null" | "void" => DataType::Null,
            "boolean" | "bool" => DataType::Boolean,
            "tinyint" | "byte" | "int1" => self.unsigned(DataType::Int8, DataType::UInt8),
            "smallint" | "short" | "int2" => self.unsigned(DataType::Int16, DataType::UInt16),
            "integer" | "int" | "int4" | "signed" => self.unsigned(DataType::Int32, DataType::UInt32),
            "bigint" | "long" | "int8" => self.unsigned(DataType::Int64, DataType::UInt64),
            "utinyint" => DataType::UInt8,
            "usmallint" => DataType::UInt16,
            "uinteger" => DataType::UInt32,
            "ubigint" => DataType::UInt64,
            "hugeint" | "uhugeint" => DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0),
            "half" | "float16" => DataType::Float16,
            "float" | "real" | "float4" => DataType::Float32,
            "double" => {
                self.takes_word("precision");
                DataType::Float64
            }
            "float8" | "float64" => DataType::Float64,
            "varchar" | "text" | "string" | "char" | "bpchar" | "character" | "nvarchar" | "json" | "uuid" => {
                self.takes_word("varying");
                self.length()?;
                DataType::Utf8
            }
            "enum" => {
                self.skip_brackets()?;
                DataType::Utf8
            }
            "binary" | "varbinary" | "bytea" | "blob" | "bytes" => {
                self.length()?;
                DataType::Binary
            }
            "date" => DataType::Date32,
            "time" => {
                self.length()?;
                self.zone()?;
                DataType::Time64(TimeUnit::Microsecond)
            }
            "timestamp" | "timestamp_s" | "timestamp_ms" | "timestamp_us" | "timestamp_ns" | "datetime" => {
                self.length()?;
                timestamp(self.zone()?)
            }
            "timestamptz" => timestamp(true),
            "timestamp_ntz" => timestamp(false),
            "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
            "decimal" | "numeric" | "dec" => self.decimal()?,
            "list" | "array" => {
                let close = self.opens()?;
                let item = self.data_type()?;
                self.wants(close)?;
                list(item)
            }
            "struct" | "row" => DataType::Struct(self.members()?),
            "map" => {
                let close = self.opens()?;
                let key = self.data_type()?;
                self.wants(",")?;
                let value = self.data_type()?;
                self.wants(close)?;
                map(key, value)
            }
            other => return Err(format!("`{other}` is unknown")),
        };
        Ok(plain)
    }

    fn unsigned(&mut self, signed: DataType, unsigned: DataType) -> DataType {
        if self.takes_word("unsigned") { unsigned } else { signed }
    }

    fn decimal(&mut self) -> Result<DataType, String> {
        if !self.takes("(") {
            return Ok(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 10));
        }
        let precision = self.number().ok_or("a number of digits is expected")?;
        let scale = if self.takes(",") { self.number().ok_or("a number of decimals is expected")? } else { 0 };
        self.wants(")")?;
        let digits = u8::try_from(precision).ok().filter(|p| (1..=DECIMAL256_MAX_PRECISION).contains(p));
        let digits = digits.ok_or_else(|| format!("a decimal has 1 to {DECIMAL256_MAX_PRECISION} digits"))?;
        let scale = i8::try_from(scale).ok().filter(|s| u32::from(s.unsigned_abs()) <= precision);
        let scale = scale.ok_or("a decimal has no more decimals than digits")?;
        Ok(if digits > DECIMAL128_MAX_PRECISION {
            DataType::Decimal256(digits, scale)
        } else {
            DataType::Decimal128(digits, scale)
        })
    }

    fn members(&mut self) -> Result<Fields, String> {
        let close = self.opens()?;
        let mut fields = Vec::new();
        loop {
            let name = self.name()?;
            self.takes(":");
            fields.push(Field::new(name, self.data_type()?, true));
            if !self.takes(",") {
                break;
            }
        }
        self.wants(close)?;
        Ok(Fields::from(fields))
    }

    /// A member's name, in quotes or in small letters.
    fn name(&mut self) -> Result<String, String> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return self.word().map(str::to_lowercase).ok_or_else(|| "a member's name is expected".to_owned());
        };
        let mut name = String::new();
        let mut rest = quoted;
        loop {
            let end = rest.find('"').ok_or("a quote is not closed")?;
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(more) => {
                    name.push('"');
                    rest = more;
                }
                None => break,
            }
        }
        self.rest = rest.trim_start();
        Ok(name)
    }

    /// `with time zone`, `without time zone` or nothing.
    fn zone(&mut self) -> Result<bool, String> {
        let with = self.takes_word("with");
        if !with && !self.takes_word("without") {
            return Ok(false);
        }
        if self.takes_word("time") && self.takes_word("zone") {
            Ok(with)
        } else {
            Err("`time zone` is expected".into())
        }
    }

    /// A length in brackets, which no table keeps.
    fn length(&mut self) -> Result<(), String> {
        if self.takes("(") {
            self.number().ok_or("a length is expected")?;
            self.wants(")")?;
        }
        Ok(())
    }

    /// Brackets with texts inside.
    fn skip_brackets(&mut self) -> Result<(), String> {
        if !self.rest.starts_with('(') {
            return Ok(());
        }
        let mut in_text = false;
        let end = self.rest.char_indices().find(|(_, c)| {
            in_text ^= *c == '\'';
            !in_text && *c == ')'
        });
        let (end, _) = end.ok_or("`)` is expected")?;
        self.rest = self.rest[end + 1..].trim_start();
        Ok(())
    }

    fn opens(&mut self) -> Result<&'static str, String> {
        if self.takes("(") {
            return Ok(")");
        }
        self.wants("<").map(|()| ">")
    }

    fn wants(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("`{sign}` is expected")) }
    }

    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let before = self.rest;
        let found = self.word().is_some_and(|w| w.eq_ignore_ascii_case(word));
        if !found {
            self.rest = before;
        }
        found
    }

    fn word(&mut self) -> Option<&'t str> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.rest = self.rest[end..].trim_start();
        (!word.is_empty()).then_some(word)
    }

    fn number(&mut self) -> Option<u32> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let number = self.rest[..end].parse().ok()?;
        self.rest = self.rest[end..].trim_start();
        Some(number)
    }
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}
