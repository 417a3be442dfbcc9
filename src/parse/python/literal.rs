//! Arguments of a call as values, as Python's `ast.literal_eval` reads them.
//!
//! In: the tokens of a line. Out: positional and named arguments; everything that is no literal is a problem.

use crate::base::{Dict, Value};

use super::tokens::{Kind, Token, number};
use super::{Arguments, Problem};

/// The arguments of the call whose opening bracket stands at `open`.
pub(super) fn arguments(tokens: &[Token], open: usize, function: &str) -> Result<Arguments, Problem> {
    let mut reader = Reader { tokens, at: open + 1, function };
    let (mut args, mut kwargs) = (Vec::new(), Dict::new());
    while !reader.accept(")") {
        match reader.name_of_keyword() {
            Some(name) => {
                let value = reader.value()?;
                kwargs.insert(name, value);
            }
            None => args.push(reader.value()?),
        }
        if !reader.accept(",") && !reader.at_operator(")") {
            return Err(reader.refused());
        }
    }
    Ok((args, kwargs))
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    function: &'a str,
}

impl Reader<'_> {
    fn at_operator(&self, operator: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|t| t.is(operator))
    }

    fn accept(&mut self, operator: &str) -> bool {
        let found = self.at_operator(operator);
        self.at += usize::from(found);
        found
    }

    /// `name =`, taken; nothing if a value stands here.
    fn name_of_keyword(&mut self) -> Option<String> {
        let (Kind::Name(name), true) = (&self.tokens.get(self.at)?.kind, self.tokens.get(self.at + 1)?.is("=")) else {
            return None;
        };
        self.at += 2;
        Some(name.clone())
    }

    fn refused(&self) -> Problem {
        let place = self.tokens.get(self.at).or(self.tokens.last()).map_or(0..0, |t| t.start..t.end);
        Problem::new(place, format!("only literals can be arguments of {}()", self.function))
            .help("the calls are read without running the code: write the names, texts and numbers out")
    }

    fn value(&mut self) -> Result<Value, Problem> {
        let Some(token) = self.tokens.get(self.at) else { return Err(self.refused()) };
        let value = match &token.kind {
            Kind::Text(first) => {
                let mut text = first.clone();
                self.at += 1;
                while let Some(Token { kind: Kind::Text(more), .. }) = self.tokens.get(self.at) {
                    text.push_str(more);
                    self.at += 1;
                }
                return Ok(Value::Str(text));
            }
            Kind::Number(digits) => number(digits).ok_or_else(|| self.refused())?,
            Kind::Name(name) => match name.as_str() {
                "True" => Value::Bool(true),
                "False" => Value::Bool(false),
                "None" => Value::Null,
                _ => return Err(self.refused()),
            },
            Kind::Operator("-" | "+") => return self.signed(token.is("-")),
            Kind::Operator("(") => return self.group(),
            Kind::Operator("[") => {
                self.at += 1;
                return Ok(Value::List(self.items("]")?.0));
            }
            Kind::Operator("{") => return self.braces(),
            _ => return Err(self.refused()),
        };
        self.at += 1;
        Ok(value)
    }

    fn signed(&mut self, negative: bool) -> Result<Value, Problem> {
        self.at += 1;
        let Some(Token { kind: Kind::Number(_), .. }) = self.tokens.get(self.at) else { return Err(self.refused()) };
        Ok(match self.value()? {
            Value::Int(whole) if negative => Value::Int(-whole),
            Value::Float(float) if negative => Value::Float(-float),
            other => other,
        })
    }

    /// Values up to a closing bracket, and whether a comma followed one.
    fn items(&mut self, close: &str) -> Result<(Vec<Value>, bool), Problem> {
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.accept(close) {
            items.push(self.value()?);
            if self.accept(",") {
                comma = true;
            } else if !self.at_operator(close) {
                return Err(self.refused());
            }
        }
        Ok((items, comma))
    }

    /// A tuple, which is a list here, or a value in brackets.
    fn group(&mut self) -> Result<Value, Problem> {
        self.at += 1;
        let (mut items, comma) = self.items(")")?;
        match items.pop() {
            Some(one) if items.is_empty() && !comma => Ok(one),
            Some(last) => {
                items.push(last);
                Ok(Value::List(items))
            }
            None => Ok(Value::List(items)),
        }
    }

    /// A dict, or a set, which is a list here.
    fn braces(&mut self) -> Result<Value, Problem> {
        self.at += 1;
        if self.accept("}") {
            return Ok(Value::Map(Dict::new()));
        }
        let first = self.value()?;
        if !self.accept(":") {
            if !self.accept(",") && !self.at_operator("}") {
                return Err(self.refused());
            }
            let mut items = vec![first];
            items.extend(self.items("}")?.0);
            return Ok(Value::List(items));
        }
        let mut map = Dict::new();
        map.insert(first.to_string(), self.value()?);
        loop {
            let comma = self.accept(",");
            if self.accept("}") {
                return Ok(Value::Map(map));
            }
            if !comma {
                return Err(self.refused());
            }
            let key = self.value()?;
            if !self.accept(":") {
                return Err(self.refused());
            }
            let value = self.value()?;
            map.insert(key.to_string(), value);
        }
    }
}
