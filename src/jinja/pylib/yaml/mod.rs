//! YAML 1.1 as PyYAML reads and writes it, for `fromyaml` and `toyaml`.
//!
//! In: text, or values. Out: values, or text; `None` where PyYAML raises an error.

mod dump;
mod load;
mod scalar;

pub(super) use dump::dump;
pub(super) use load::load;

#[cfg(test)]
mod tests {
    use super::{dump, load};
    use crate::jinja::values::repr;

    #[test]
    fn reads_yaml_1_1() {
        for (text, expected) in [
            ("a: yes\nb: 010\nc: 1_000\nd: 1:30", "{'a': True, 'b': 8, 'c': 1000, 'd': 90}"),
            ("- 1.5\n- 1e3\n- .inf\n- ~\n- '1'", "[1.5, '1e3', inf, None, '1']"),
            ("base: &b {x: 1}\nsub:\n  <<: *b\n  y: 2", "{'base': {'x': 1}, 'sub': {'x': 1, 'y': 2}}"),
            ("2024-02-29", "datetime.date(2024, 2, 29)"),
            ("", "None"),
        ] {
            assert_eq!(load(text).map(|value| repr(&value)).as_deref(), Some(expected), "{text}");
        }
        assert!(load("a: [1").is_none() && load("a: 1\n---\nb: 2").is_none() && load("!!python/none x").is_none());
    }

    #[test]
    fn writes_what_it_reads() {
        for text in [
            "a: 1\nb:\n- x\n- y: 2\n  z: []\nc: 'yes'\nd: null\ne: it's\nf: 'a: b'\n",
            "- - 1\n  - 2\n- {}\n",
            "x\n...\n",
        ] {
            assert_eq!(dump(&load(text).unwrap(), false).as_deref(), Some(text));
        }
    }
}
