//! What a template mentions, noted while its expressions are read.
//!
//! In: names and calls in the order of the text. Out: [`Facts`].

use std::ops::Range;

use crate::base::Value;

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// `name(...)`.
    Name(String),
    /// `name.attribute(...)`.
    Attribute(String, String),
    /// Anything else.
    Other,
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// The keyword, if it has one.
    pub keyword: Option<String>,
    /// `*x` or `**x`.
    pub spread: bool,
    /// The value, if it is a literal and literals were wanted.
    pub literal: Option<Value>,
    /// Where the value stands.
    pub range: Range<usize>,
}

/// A call, a filter with arguments or a test with arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is called.
    pub callee: Callee,
    /// With what.
    pub arguments: Vec<Argument>,
    /// Where.
    pub range: Range<usize>,
}

/// A variable being read or set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Its name.
    pub name: String,
    /// Where.
    pub range: Range<usize>,
    /// Whether it is being set.
    pub stored: bool,
}

/// What a template mentions, in the order of its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Calls; an outer call stands before the calls in its arguments.
    pub calls: Vec<Call>,
    /// Variables.
    pub names: Vec<Mention>,
}

impl Facts {
    /// Notes that a variable is read.
    pub fn load(&mut self, name: &str, range: Range<usize>) {
        self.names.push(Mention { name: name.to_owned(), range, stored: false });
    }

    /// Notes that a variable is set.
    pub fn store(&mut self, name: &str, range: Range<usize>) {
        self.names.push(Mention { name: name.to_owned(), range, stored: true });
    }

    /// Whether a name is read before anything sets it.
    pub fn reads(&self, name: &str) -> bool {
        self.names.iter().find(|mention| mention.name == name).is_some_and(|mention| !mention.stored)
    }

    /// Adds what a later tag mentions.
    pub fn append(&mut self, mut other: Self) {
        self.calls.append(&mut other.calls);
        self.names.append(&mut other.names);
    }
}
