//! Which values are one key of a dict, or one member of a set.
//!
//! In: values. Out: hashes under which `1`, `1.0` and `true` are the same, as they are equal for Python and for minijinja;
//! minijinja's own hash of a boolean is another than that of its number, so that chance would decide whether they meet.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};

use indexmap::{IndexMap, IndexSet};
use minijinja::Value;

/// The entries of a dict, in order; of equal keys the first stays and the last value wins.
pub type Entries = IndexMap<Value, Value, PyHash>;

/// Distinct values, in order of first appearance.
pub type Items = IndexSet<Value, PyHash>;

/// Makes hashes that agree with Python's equality.
#[derive(Clone, Debug, Default)]
pub struct PyHash(RandomState);

/// One hash being made.
pub struct PyHasher(DefaultHasher);

impl BuildHasher for PyHash {
    type Hasher = PyHasher;

    fn build_hasher(&self) -> PyHasher {
        PyHasher(self.0.build_hasher())
    }
}

impl Hasher for PyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// A boolean is hashed as one byte, an integer as eight.
    fn write_u8(&mut self, byte: u8) {
        self.0.write_i64(byte.into());
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_and_booleans_hash_alike() {
        let hash = PyHash::default();
        let alike = [
            [Value::from(1), Value::from(true), Value::from(1.0)],
            [Value::from(0), Value::from(false), Value::from(-0.0)],
            [Value::from(1_u64), Value::from(1_i128), Value::from(1_u128)],
            [Value::from((1, true)), Value::from((1.0, 1)), Value::from((true, 1.0))],
        ];
        for values in alike {
            for other in &values {
                assert_eq!(&values[0], other);
                assert_eq!(hash.hash_one(&values[0]), hash.hash_one(other), "{other:?}");
            }
        }
        assert_ne!(hash.hash_one(Value::from("1")), hash.hash_one(Value::from(1)));
    }
}
