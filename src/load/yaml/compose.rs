//! From libyaml's events to nodes. In: a text file. Out: one [`YamlNode`] tree: anchors resolved, merge keys merged,
//! duplicate keys reported (the last one wins, in the place of the first, as in Python).

use std::collections::HashMap;
use std::io::{Chain, Read};
use std::sync::Arc;

use libyaml_safer::{Event, EventData, Mark, Parser, ScalarStyle};

use super::problem::{describe, offset, syntax};
use super::scalar::Kind;
use super::{ParsedYaml, YamlNode, YamlValue};
use crate::base::Value;
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, codes, warnings};

/// Deeper nesting is refused: Python's own limit is of this order, and a stack is finite.
const MAX_DEPTH: usize = 256;

/// Values that aliases may add to one file before we take it for an attack.
const MAX_ALIASED: usize = 1_000_000;

type Pairs = Vec<(YamlNode, YamlNode)>;

pub(super) struct Composer<'a> {
    file: &'a Arc<SourceFile>,
    anchors: HashMap<String, Anchor>,
    warnings: Diagnostics,
    /// Values made so far, aliased ones included.
    made: usize,
    aliased: usize,
}

struct Anchor {
    at: Mark,
    /// None while the anchored value is being read.
    node: Option<(YamlNode, usize)>,
}

/// A key with its meaning in a mapping.
enum Key {
    Merge(Mark),
    Plain(YamlNode),
}

/// The event stream and how deep in it we are. dbt strips files before it reads them; a line end is put back, because
/// the parser wants one behind a block scalar, and is taken away again from the value.
struct Events<'t> {
    parser: Parser<Chain<&'t [u8], &'static [u8]>>,
    depth: usize,
    end: usize,
}

impl<'a> Composer<'a> {
    pub fn new(file: &'a Arc<SourceFile>) -> Self {
        Self { file, anchors: HashMap::new(), warnings: Diagnostics::new(), made: 0, aliased: 0 }
    }

    /// Reads the one document of the file.
    pub fn document(mut self) -> Result<ParsedYaml, Diagnostic> {
        let text = Arc::clone(self.file);
        let mut parser = Parser::new();
        let stripped = text.text.trim_end();
        parser.set_input(stripped.as_bytes().chain(b"\n".as_slice()));
        let mut events = Events { parser, depth: 0, end: stripped.len() };
        let mut root = None;
        loop {
            let event = self.next(&mut events)?;
            match event.data {
                EventData::StreamEnd => break,
                EventData::DocumentStart { .. } if root.is_some() => {
                    let at = offset(self.file, event.start_mark);
                    return Err(syntax(self.file, at, "a second document starts here; only one is allowed"));
                }
                EventData::DocumentStart { .. } => {
                    let event = self.next(&mut events)?;
                    root = Some(self.node(event, &mut events)?);
                }
                _ => {}
            }
        }
        let root = root.filter(|node| !(node.is_null() && node.span.start == node.span.end));
        Ok(ParsedYaml { root, warnings: self.warnings })
    }

    fn next(&self, events: &mut Events<'_>) -> Result<Event, Diagnostic> {
        events.parser.parse().map_err(|e| describe(self.file, &e))
    }

    fn span(&self, from: Mark, to: Mark) -> Span {
        Span::new(self.file, offset(self.file, from)..offset(self.file, to))
    }

    fn error(&self, at: Mark, problem: impl Into<String>) -> Diagnostic {
        syntax(self.file, offset(self.file, at), problem)
    }

    fn node(&mut self, event: Event, events: &mut Events<'_>) -> Result<YamlNode, Diagnostic> {
        match self.key(event, events)? {
            Key::Plain(node) => Ok(node),
            Key::Merge(at) => Err(self.error(at, "`<<` is only allowed as a key; put it in quotes")),
        }
    }

    /// A value that may stand as a key.
    fn key(&mut self, event: Event, events: &mut Events<'_>) -> Result<Key, Diagnostic> {
        if events.depth >= MAX_DEPTH {
            return Err(self.error(event.start_mark, format!("values are nested deeper than {MAX_DEPTH} levels")));
        }
        events.depth += 1;
        let (from, to) = (event.start_mark, event.end_mark);
        let before = self.made;
        self.made += 1;
        let (anchor, key) = match event.data {
            EventData::Alias { anchor } => (None, Key::Plain(self.alias(&anchor, from)?)),
            EventData::Scalar { anchor, tag, mut value, plain_implicit, style, .. } => {
                self.open(anchor.as_deref(), from)?;
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if is_block && to.index > events.end as u64 && value.ends_with('\n') {
                    value.pop();
                }
                let kind = match tag.as_deref() {
                    _ if plain_implicit => Kind::of_plain(&value),
                    None | Some("!") => Kind::Str,
                    Some(tag) => Kind::of_tag(tag).ok_or_else(|| self.unknown_tag(from, tag))?,
                };
                let key = if kind == Kind::Merge {
                    Key::Merge(from)
                } else {
                    Key::Plain(self.scalar(kind, value, from, to)?)
                };
                (anchor, key)
            }
            EventData::SequenceStart { anchor, tag, .. } => {
                self.open(anchor.as_deref(), from)?;
                (anchor, Key::Plain(self.sequence(from, tag.as_deref(), events)?))
            }
            EventData::MappingStart { anchor, tag, .. } => {
                self.open(anchor.as_deref(), from)?;
                (anchor, Key::Plain(self.mapping(from, tag.as_deref(), events)?))
            }
            _ => return Err(self.error(from, "a value is missing")),
        };
        events.depth -= 1;
        if let (Some(name), Key::Plain(node)) = (anchor, &key) {
            let size = self.made - before;
            self.anchors.insert(name, Anchor { at: from, node: Some((node.clone(), size)) });
        }
        Ok(key)
    }

    fn open(&mut self, anchor: Option<&str>, at: Mark) -> Result<(), Diagnostic> {
        let Some(name) = anchor else { return Ok(()) };
        if let Some(first) = self.anchors.get(name) {
            let first = self.span(first.at, first.at);
            return Err(self
                .error(at, format!("the anchor `&{name}` is defined twice"))
                .label(first, "first defined here"));
        }
        self.anchors.insert(name.to_owned(), Anchor { at, node: None });
        Ok(())
    }

    fn alias(&mut self, name: &str, at: Mark) -> Result<YamlNode, Diagnostic> {
        let Some(anchor) = self.anchors.get(name) else {
            let near = crate::diag::nearest(name, self.anchors.keys().map(String::as_str));
            let problem = self.error(at, format!("the alias `*{name}` has no anchor `&{name}` above it"));
            return Err(match near.first() {
                Some(near) => problem.help(format!("did you mean `*{near}`?")),
                None => problem,
            });
        };
        let Some((node, size)) = &anchor.node else {
            return Err(self.error(at, format!("the alias `*{name}` stands inside the value that it names")));
        };
        self.made += size;
        self.aliased += size;
        if self.aliased > MAX_ALIASED {
            return Err(self.error(at, "aliases multiply the file beyond a million values"));
        }
        Ok(node.clone())
    }

    fn unknown_tag(&self, at: Mark, tag: &str) -> Diagnostic {
        self.error(at, format!("the tag `{tag}` is unknown")).help("put a value that starts with `!` in quotes")
    }

    fn scalar(&self, kind: Kind, text: String, from: Mark, to: Mark) -> Result<YamlNode, Diagnostic> {
        if kind == Kind::Default {
            // PyYAML takes `=` as a key and stumbles over it as a value; nobody means anything but text by it.
            return Ok(YamlNode::scalar(Value::Str(text), self.span(from, to)));
        }
        let value =
            kind.value(text).map_err(|why| self.error(from, why).help("put the value in quotes if it is text"))?;
        Ok(YamlNode::scalar(value, self.span(from, to)))
    }

    fn sequence(&mut self, from: Mark, tag: Option<&str>, events: &mut Events<'_>) -> Result<YamlNode, Diagnostic> {
        let tag = collection_tag(tag);
        if let Some(unknown) = tag.filter(|t| !matches!(*t, "seq" | "omap" | "pairs")) {
            return Err(self.unknown_tag(from, unknown));
        }
        let mut items = Vec::new();
        let end = loop {
            let event = self.next(events)?;
            if event.data == EventData::SequenceEnd {
                break event.end_mark;
            }
            items.push(self.node(event, events)?);
        };
        if tag.is_some_and(|t| t != "seq") {
            items = items.into_iter().map(pair_item).collect();
        }
        let span = self.close(from, end, items.last());
        Ok(YamlNode { value: YamlValue::Seq(items), span })
    }

    fn mapping(&mut self, from: Mark, tag: Option<&str>, events: &mut Events<'_>) -> Result<YamlNode, Diagnostic> {
        let tag = collection_tag(tag);
        if let Some(unknown) = tag.filter(|t| !matches!(*t, "map" | "set")) {
            return Err(self.unknown_tag(from, unknown));
        }
        let (mut merged, mut pairs) = (Pairs::new(), Pairs::new());
        let mut last = None;
        let end = loop {
            let event = self.next(events)?;
            if event.data == EventData::MappingEnd {
                break event.end_mark;
            }
            let start = event.start_mark;
            let key = self.key(event, events)?;
            if let Key::Plain(node) = &key {
                self.check_key(node, start)?;
            }
            let event = self.next(events)?;
            let value = self.node(event, events)?;
            last = Some(value.span.clone());
            match key {
                Key::Merge(_) => self.merge(value, &mut merged)?,
                Key::Plain(node) => pairs.push((node, value)),
            }
        };
        let pairs = self.unify(merged, pairs);
        let mut span = self.close(from, end, None);
        if let Some(last) =
            last.filter(|l| !self.is_flow(from) && l.start >= span.start && Arc::ptr_eq(&l.file, self.file))
        {
            span.end = last.end;
        }
        let value = if tag == Some("set") {
            YamlValue::Seq(pairs.into_iter().map(|(key, _)| key).collect())
        } else {
            YamlValue::Map(pairs)
        };
        Ok(YamlNode { value, span })
    }

    fn is_flow(&self, from: Mark) -> bool {
        let rest = &self.file.text[offset(self.file, from)..];
        rest.starts_with(['{', '['])
    }

    /// The span of a collection: block collections end with their last value, not where the next line starts.
    fn close(&self, from: Mark, end: Mark, last: Option<&YamlNode>) -> Span {
        let mut span = self.span(from, end);
        match last {
            Some(last) if !self.is_flow(from) && last.span.start >= span.start => span.end = last.span.end,
            _ => span.end = span.start + span.text().trim_end().len(),
        }
        span
    }

    fn check_key(&self, key: &YamlNode, at: Mark) -> Result<(), Diagnostic> {
        if key.as_scalar().is_some() {
            return Ok(());
        }
        let problem = self.error(at, format!("a key cannot be {}", key.kind()));
        let jinja = self.file.text[..offset(self.file, at)].ends_with('{') || key.span.text().starts_with("{{");
        Err(if jinja { problem.help("put the Jinja expression in quotes: \"{{ ... }}\"") } else { problem })
    }

    fn merge(&self, value: YamlNode, merged: &mut Pairs) -> Result<(), Diagnostic> {
        let place = value.span.clone();
        let wrong = |kind: &str| {
            let problem = format!("`<<` merges a mapping or a list of mappings, found {kind}");
            Diagnostic::error(codes::YAML_SYNTAX, problem).at(place.clone())
        };
        match value.value {
            YamlValue::Map(pairs) => merged.extend(pairs),
            YamlValue::Seq(items) => {
                for item in items.into_iter().rev() {
                    match item.value {
                        YamlValue::Map(pairs) => merged.extend(pairs),
                        _ => return Err(wrong(item.kind())),
                    }
                }
            }
            YamlValue::Scalar(v) => return Err(wrong(v.kind())),
        }
        Ok(())
    }

    /// Merged entries first, own entries over them; a key keeps its first place and its last value.
    fn unify(&mut self, merged: Pairs, own: Pairs) -> Pairs {
        let count_merged = merged.len();
        let mut index: HashMap<(u8, String), (usize, bool)> = HashMap::with_capacity(count_merged + own.len());
        let mut out: Pairs = Vec::with_capacity(count_merged + own.len());
        for (i, (key, value)) in merged.into_iter().chain(own).enumerate() {
            let is_own = i >= count_merged;
            match index.entry(identity(&key)) {
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert((out.len(), is_own));
                    out.push((key, value));
                }
                std::collections::hash_map::Entry::Occupied(mut entry) => {
                    let (at, was_own) = *entry.get();
                    if is_own && was_own {
                        self.warn_duplicate(&out[at].0, &key);
                    }
                    entry.get_mut().1 |= is_own;
                    out[at].1 = value;
                }
            }
        }
        out
    }

    fn warn_duplicate(&mut self, first: &YamlNode, second: &YamlNode) {
        let name = second.key_text();
        self.warnings.push(
            Diagnostic::warning(
                codes::DEPRECATED,
                format!("the key `{name}` stands twice in one mapping; the last one counts"),
            )
            .at(second.span.clone())
            .label(first.span.clone(), "an earlier one is here")
            .help("remove one of them")
            .named(warnings::DUPLICATE_YAML_KEYS_DEPRECATION),
        );
    }
}

/// The tag of a collection without its namespace; `!` says nothing.
fn collection_tag(tag: Option<&str>) -> Option<&str> {
    tag.filter(|t| *t != "!").map(|t| t.strip_prefix("tag:yaml.org,2002:").unwrap_or(t))
}

/// What makes two keys the same: Python compares numbers and booleans by value, texts by text.
fn identity(key: &YamlNode) -> (u8, String) {
    match key.as_scalar() {
        Some(Value::Str(s)) => (0, s.clone()),
        Some(Value::Bool(b)) => (1, i32::from(*b).to_string()),
        Some(Value::Float(f)) if f.fract() == 0.0 && f.abs() < 1e15 => (1, format!("{f:.0}")),
        Some(Value::Int(i)) => (1, i.to_string()),
        Some(v) => (2, v.to_string()),
        None => (3, String::new()),
    }
}

/// An item of `!!omap` or `!!pairs`: Python makes a pair of it.
fn pair_item(item: YamlNode) -> YamlNode {
    match item.value {
        YamlValue::Map(mut pairs) if pairs.len() == 1 => {
            let items = pairs.drain(..).flat_map(|(k, v)| [k, v]).collect();
            YamlNode { value: YamlValue::Seq(items), span: item.span }
        }
        value => YamlNode { value, span: item.span },
    }
}
