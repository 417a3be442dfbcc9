//! A column on its way through a plan. In: what operators do. Out: the columns of tables behind it, and a number that
//! stands for how it is computed.

use std::collections::BTreeMap;

use super::{EdgeKind, SourceColumn};

/// The columns behind one value.
pub(in crate::adapters) type Origins = BTreeMap<SourceColumn, EdgeKind>;

/// A value: what is behind it, and how it is computed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::adapters) struct Column {
    /// The columns of tables behind it.
    pub(in crate::adapters) origins: Origins,
    /// How it is computed from them.
    pub(in crate::adapters) print: Print,
}

/// The columns an operator puts out.
pub(in crate::adapters) type Columns = Vec<Column>;

/// Adds origins, each at least of a kind.
pub(in crate::adapters) fn absorb(into: &mut Origins, from: Origins, at_least: EdgeKind) {
    for (column, kind) in from {
        let kind = kind.max(at_least);
        into.entry(column).and_modify(|known| *known = kind.max(*known)).or_insert(kind);
    }
}

/// Adds the columns of another side of a set operation.
pub(in crate::adapters) fn merge(into: &mut Columns, from: Columns) -> Result<(), String> {
    if into.len() != from.len() {
        return Err(format!("the plan unites {} columns with {}", into.len(), from.len()));
    }
    for (column, other) in into.iter_mut().zip(from) {
        column.print.print(&other.print);
        absorb(&mut column.origins, other.origins, EdgeKind::Copy);
    }
    Ok(())
}

/// The column of which this value is a mere copy.
pub(in crate::adapters) fn only_copy(origins: &Origins) -> Option<&SourceColumn> {
    match origins.iter().next() {
        Some((column, EdgeKind::Copy)) if origins.len() == 1 => Some(column),
        _ => None,
    }
}

/// A running hash (FNV-1a, 64 bits), the same on every machine and in every release: equal for equal computations,
/// wherever in the text and under whatever alias they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::adapters) struct Print(u64);

impl Default for Print {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Print {
    /// Takes bytes in.
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self
    }

    /// Takes a text in, and that it ends.
    pub(in crate::adapters) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes()).bytes(&[0xff])
    }

    /// Takes in what another print has taken in.
    pub(in crate::adapters) fn print(&mut self, other: &Print) -> &mut Self {
        self.bytes(&other.0.to_le_bytes())
    }

    /// The number.
    pub(in crate::adapters) fn number(&self) -> u64 {
        self.0
    }
}
