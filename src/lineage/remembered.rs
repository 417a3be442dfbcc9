//! What binding said before. In: a query's fingerprint: its code, what it reads with its columns, the engine. Out: the
//! columns and the lineage that binding gave then.
//!
//! Only good answers are kept, and only of queries that read nothing but the tables in their fingerprint. The text has one
//! answer a line; a line is understood only when somebody asks for it.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::adapters::shadow::{EdgeKind, Influence, ShadowColumn};
use crate::base::{Fingerprint, NodeId, Relation};

use super::columns::{ColumnId, Edge, NodeLineage};

/// Lines that may stay although nobody asked for them: other selections of the project, other targets, former code. So many
/// for each member of the project, and at least so many.
const SPARE_EACH: usize = 3;
const SPARE: usize = 30_000;

/// Raise it when the same plans are put together in another way: what is remembered of former ones is then forgotten.
const READING: &str = "3";

/// The fingerprint of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u128);

impl Key {
    /// Of the query of a node over tables. The answer names nodes, so a table is more than its relation: behind the same
    /// one may be another node later on.
    pub(super) fn of<'a>(
        ground: &str,
        (id, depends_on): (&NodeId, &[NodeId]),
        sql: [&str; 2],
        tables: impl Iterator<Item = (&'a NodeId, &'a Relation, &'a [ShadowColumn])>,
    ) -> Self {
        let mut tables: Vec<String> = tables
            .map(|(id, relation, columns)| {
                let (database, schema, name) = relation.key();
                let mut text = format!("{id}\0{database}\0{schema}\0{name}");
                for column in columns {
                    text.push_str(&format!("\0{}\0{}", column.name, column.data_type));
                }
                text
            })
            .collect();
        tables.sort_unstable();
        let mut names: Vec<&str> = depends_on.iter().map(NodeId::as_str).collect();
        names.sort_unstable();
        let names = names.join("\0");
        let parts = [READING, ground, id.as_str(), &names, sql[0], sql[1]];
        let parts = parts.into_iter().chain(tables.iter().map(String::as_str));
        let parts: Vec<&[u8]> = parts.map(str::as_bytes).collect();
        let hex = Fingerprint::of_parts(parts).to_hex();
        Self(hex.get(..32).and_then(|h| u128::from_str_radix(h, 16).ok()).unwrap_or_default())
    }
}

/// What binding said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) columns: Vec<ShadowColumn>,
    pub(super) lineage: NodeLineage,
}

/// Answers by the fingerprints of their queries.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    lines: HashMap<Key, String>,
    used: HashSet<Key>,
    changed: bool,
}

/// An answer as it is written: nodes by their place in a list.
#[derive(Serialize, Deserialize)]
struct Line {
    columns: Vec<(String, String)>,
    nodes: Vec<String>,
    values: Vec<Vec<(usize, String, u8)>>,
    influence: Vec<(usize, String, u8)>,
    equal: Vec<(usize, String, usize, String)>,
    prints: Vec<u64>,
    rows: u64,
    casts: Vec<String>,
}

const KINDS: [EdgeKind; 5] =
    [EdgeKind::Copy, EdgeKind::Cast, EdgeKind::Expression, EdgeKind::Aggregate, EdgeKind::Window];
const INFLUENCES: [Influence; 4] = [Influence::Filter, Influence::Join, Influence::Group, Influence::Order];

impl Remembered {
    /// The file's name in the target folder.
    pub const FILE: &'static str = "checked.cache";

    /// Reads what [`Remembered::text`] wrote. What cannot be read is forgotten.
    pub fn parse(text: &str) -> Self {
        let line = |l: &str| {
            let (key, rest) = l.split_once(' ')?;
            Some((Key(u128::from_str_radix(key, 16).ok()?), rest.to_owned()))
        };
        Self { lines: text.lines().filter_map(line).collect(), ..Self::default() }
    }

    /// The text to keep for a project of so many members; none where nothing is new.
    pub fn text(&self, members: usize) -> Option<String> {
        if !self.changed {
            return None;
        }
        let crowded = self.lines.len() > SPARE.max(members * SPARE_EACH);
        let kept = self.lines.iter().filter(|(key, _)| !crowded || self.used.contains(key));
        let mut lines: Vec<String> = kept.map(|(key, line)| format!("{:032x} {line}\n", key.0)).collect();
        lines.sort_unstable();
        Some(lines.concat())
    }

    pub(super) fn get(&mut self, key: &Key) -> Option<Answer> {
        let line: Line = serde_json::from_str(self.lines.get(key)?).ok()?;
        let answer = line.answer()?;
        self.used.insert(*key);
        Some(answer)
    }

    pub(super) fn add(&mut self, key: Key, answer: Answer) {
        if let Ok(line) = serde_json::to_string(&Line::of(answer)) {
            self.lines.insert(key, line);
            self.used.insert(key);
            self.changed = true;
        }
    }
}

impl Line {
    fn of(answer: Answer) -> Self {
        let lineage = answer.lineage;
        let mut places: HashMap<NodeId, usize> = HashMap::new();
        let mut nodes = Vec::new();
        let mut place = |column: ColumnId| {
            let index = *places.entry(column.node.clone()).or_insert_with(|| {
                nodes.push(column.node.to_string());
                nodes.len() - 1
            });
            (index, column.column)
        };
        let number = |index: Option<usize>| index.and_then(|i| u8::try_from(i).ok()).unwrap_or(u8::MAX);
        let mut edge = |e: Edge| {
            let (node, column) = place(e.from);
            (node, column, number(KINDS.iter().position(|k| *k == e.kind)))
        };
        let values = lineage.values.into_iter().map(|edges| edges.into_iter().map(&mut edge).collect()).collect();
        let influence = lineage.influence.into_iter().map(|(column, how)| {
            let (node, column) = place(column);
            (node, column, number(INFLUENCES.iter().position(|k| *k == how)))
        });
        let influence = influence.collect();
        let equal = lineage.equal.into_iter().map(|(a, b)| {
            let ((a, a_column), (b, b_column)) = (place(a), place(b));
            (a, a_column, b, b_column)
        });
        let equal = equal.collect();
        Self {
            columns: answer.columns.into_iter().map(|c| (c.name, c.data_type)).collect(),
            nodes,
            values,
            influence,
            equal,
            prints: lineage.prints,
            rows: lineage.rows_print,
            casts: lineage.casts,
        }
    }

    fn answer(self) -> Option<Answer> {
        let nodes: Vec<NodeId> = self.nodes.iter().map(|n| NodeId::from(n.as_str())).collect();
        let id = |node: usize, column: String| Some(ColumnId { node: nodes.get(node)?.clone(), column });
        let edge = |(node, column, kind): (usize, String, u8)| {
            Some(Edge { from: id(node, column)?, kind: *KINDS.get(usize::from(kind))? })
        };
        let values: Option<Vec<Vec<Edge>>> =
            self.values.into_iter().map(|edges| edges.into_iter().map(edge).collect()).collect();
        let influence: Option<BTreeSet<_>> = self
            .influence
            .into_iter()
            .map(|(node, column, how)| Some((id(node, column)?, *INFLUENCES.get(usize::from(how))?)))
            .collect();
        let equal: Option<BTreeSet<_>> =
            self.equal.into_iter().map(|(a, ac, b, bc)| Some((id(a, ac)?, id(b, bc)?))).collect();
        Some(Answer {
            columns: self.columns.into_iter().map(|(name, data_type)| ShadowColumn { name, data_type }).collect(),
            lineage: NodeLineage {
                values: values?,
                influence: influence?,
                equal: equal?,
                approximate: None,
                prints: self.prints,
                rows_print: self.rows,
                casts: self.casts,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_remembered_as_it_was() {
        let column = |node: &str, column: &str| ColumnId { node: node.into(), column: column.into() };
        let answer = Answer {
            columns: vec![ShadowColumn { name: "a b".into(), data_type: "DECIMAL(10,2)".into() }],
            lineage: NodeLineage {
                values: vec![vec![Edge { from: column("model.s.x", "é"), kind: EdgeKind::Window }]],
                influence: [(column("model.s.y", "k"), Influence::Join)].into(),
                equal: [(column("model.s.x", "k"), column("model.s.y", "k"))].into(),
                approximate: None,
                prints: vec![u64::MAX],
                rows_print: 7,
                casts: vec!["a line".into()],
            },
        };
        let columns = [ShadowColumn { name: "k".into(), data_type: "INTEGER".into() }];
        let (id, relation) = (NodeId::from("model.s.m"), Relation::new("d", "s", "t"));
        let key_over = |ground: &str, code: &str, parent: &str| {
            let parent = NodeId::from(parent);
            let tables = std::iter::once((&parent, &relation, &columns[..]));
            Key::of(ground, (&id, std::slice::from_ref(&parent)), [code, ""], tables)
        };
        let key = key_over("1", "select 1", "model.s.t");
        let mut first = Remembered::default();
        first.add(key, answer.clone());
        let mut second = Remembered::parse(&first.text(1).unwrap());
        assert_eq!(second.get(&key), Some(answer.clone()));
        assert_eq!(second.text(1), None);
        // What another selection asked for stays.
        second.add(key_over("3", "select 3", "model.s.t"), answer.clone());
        let mut third = Remembered::parse(&second.text(1).unwrap());
        assert_eq!(third.get(&key), Some(answer));
        assert_eq!(second.get(&key_over("2", "select 1", "model.s.t")), None);
        assert_eq!(second.get(&key_over("1", "select 1", "model.s.u")), None);
    }
}
