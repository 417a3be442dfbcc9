//! From YAML text to values.
//!
//! In: one document. Out: its value; `None` for what PyYAML's safe loader refuses.

use std::collections::HashMap;

use libyaml_safer::{EventData, Parser, ScalarStyle};
use minijinja::Value;

use super::scalar::Kind;
use crate::jinja::values::{Entries, PyDict, check_hashable, dict, elements, list};

const MAX_DEPTH: usize = 200;

/// Reads a document.
pub(crate) fn load(text: &str) -> Option<Value> {
    let mut input = text.as_bytes();
    let mut parser = Parser::new();
    parser.set_input_string(&mut input);
    let mut reader = Reader { parser, anchors: HashMap::new() };
    let mut value = Value::from(());
    let mut documents = 0;
    loop {
        match reader.next()? {
            EventData::StreamEnd => return Some(value),
            EventData::DocumentStart { .. } if documents > 0 => return None,
            EventData::DocumentStart { .. } => {
                documents += 1;
                let event = reader.next()?;
                value = reader.node(event, 0)?.0;
            }
            _ => {}
        }
    }
}

struct Reader<'i> {
    parser: Parser<&'i mut &'i [u8]>,
    anchors: HashMap<String, Value>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<EventData> {
        self.parser.parse().ok().map(|event| event.data)
    }

    /// The value that starts with an event, and whether it is the merge key.
    fn node(&mut self, event: EventData, depth: usize) -> Option<(Value, bool)> {
        if depth > MAX_DEPTH {
            return None;
        }
        let (anchor, value, merge) = match event {
            EventData::Alias { anchor } => return Some((self.anchors.get(&anchor)?.clone(), false)),
            EventData::Scalar { anchor, tag, value, style, .. } => {
                let kind = match tag.as_deref() {
                    Some("!") => Kind::Text,
                    Some(tag) => Kind::of_tag(tag)?,
                    None if style == ScalarStyle::Plain => Kind::of_plain(&value),
                    None => Kind::Text,
                };
                (anchor, kind.value(&value)?, kind == Kind::Merge)
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                allowed(tag.as_deref(), "seq")?;
                (anchor, self.sequence(depth)?, false)
            }
            EventData::MappingStart { anchor, tag, .. } => {
                allowed(tag.as_deref(), "map")?;
                (anchor, self.mapping(depth)?, false)
            }
            _ => return None,
        };
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, value.clone());
        }
        Some((value, merge))
    }

    fn sequence(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                EventData::SequenceEnd => return Some(list(items)),
                event => items.push(self.node(event, depth + 1)?.0),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Option<Value> {
        let mut merged = Entries::default();
        let mut entries = Entries::default();
        loop {
            let event = self.next()?;
            if matches!(event, EventData::MappingEnd) {
                break;
            }
            let (key, merge) = self.node(event, depth + 1)?;
            let event = self.next()?;
            let value = self.node(event, depth + 1)?.0;
            if merge {
                let sources = if value.downcast_object_ref::<PyDict>().is_some() {
                    vec![value]
                } else {
                    elements(&value).ok()?
                };
                for source in sources {
                    for (key, value) in source.downcast_object_ref::<PyDict>()?.entries() {
                        merged.entry(key).or_insert(value);
                    }
                }
            } else {
                check_hashable(&key).ok()?;
                entries.insert(key, value);
            }
        }
        merged.extend(entries);
        Some(dict(merged))
    }
}

fn allowed(tag: Option<&str>, kind: &str) -> Option<()> {
    match tag {
        None | Some("!") => Some(()),
        Some(tag) => (tag.strip_prefix("tag:yaml.org,2002:") == Some(kind)).then_some(()),
    }
}
