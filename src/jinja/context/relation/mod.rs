//! dbt's `Relation`: a name in the warehouse that prints as SQL.
//!
//! In: [`crate::base::Relation`], [`Resolved`] answers, quoting policies. Out: [`RelationObject`] (a Jinja value) and
//! [`RelationClass`] (`api.Relation`).

mod class;
mod object;

use std::fmt::Write as _;

use minijinja::value::Value;

use crate::base::{Relation, RelationKind};

use super::host::{EventTimeFilter, Policy, Resolved};

pub use class::RelationClass;
pub(super) use class::path_value;

/// A relation as templates see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationObject {
    /// The three parts of the name.
    pub path: Relation,
    /// dbt's relation type: `table`, `view`, `cte`, `materialized_view`, `external`, `function`, ...
    pub kind: Option<String>,
    /// Which parts are quoted.
    pub quote: Policy,
    /// Which parts are shown.
    pub include: Policy,
    /// SQL text in the name's place (dbt-duckdb's `external`).
    pub external: Option<String>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// Rows of a time range only.
    pub event_time: Option<EventTimeFilter>,
    /// Whether subqueries made of the relation get an alias.
    pub require_alias: bool,
    /// `Some` for an information schema; inside, the view of it.
    pub information_schema: Option<Option<String>>,
    /// Whether dbt created the relation, so that unquoted parts match in any case.
    pub dbt_created: bool,
}

impl RelationObject {
    /// A relation of a known or unknown kind.
    pub fn new(path: Relation, kind: Option<RelationKind>, quote: Policy) -> Self {
        Self {
            path,
            kind: kind.map(|k| k.as_str().to_owned()),
            quote,
            include: Policy::ALL,
            external: None,
            limit: None,
            event_time: None,
            require_alias: false,
            information_schema: None,
            dbt_created: false,
        }
    }

    /// What a `ref` or `source` resolved to.
    pub fn from_resolved(resolved: Resolved, require_alias: bool) -> Self {
        let kind = if resolved.is_function { Some("function".to_owned()) } else { None };
        Self {
            kind: kind.or(resolved.kind.map(|k| k.as_str().to_owned())),
            include: resolved.include,
            external: resolved.text,
            limit: resolved.limit,
            event_time: resolved.event_time,
            require_alias,
            ..Self::new(resolved.relation, None, resolved.quote)
        }
    }

    /// The relation inside a template value.
    pub fn from_value(value: &Value) -> Option<&Self> {
        value.downcast_object_ref::<Self>()
    }

    /// The relation's kind, as far as the engines know it; unknown kinds count as tables.
    pub fn engine_kind(&self) -> RelationKind {
        self.kind.as_deref().and_then(RelationKind::parse).unwrap_or(RelationKind::Table)
    }

    /// The template value.
    pub fn into_value(self) -> Value {
        Value::from_object(self)
    }

    /// A part in double quotes.
    pub(super) fn quoted(part: &str) -> String {
        format!("\"{}\"", part.replace('"', "\"\""))
    }

    /// The name alone, by both policies.
    pub fn render_name(&self) -> String {
        if let Some(text) = &self.external {
            return text.clone();
        }
        let parts = [
            (&self.path.database, self.include.database, self.quote.database),
            (&self.path.schema, self.include.schema, self.quote.schema),
            (&self.path.identifier, self.include.identifier, self.quote.identifier),
        ];
        let mut shown: Vec<String> = Vec::with_capacity(4);
        for (part, include, quote) in parts {
            match part {
                Some(part) if include && quote => shown.push(Self::quoted(part)),
                Some(part) if include => shown.push(part.clone()),
                _ => {}
            }
        }
        if let Some(Some(view)) = &self.information_schema {
            shown.push(view.clone());
        }
        shown.join(".")
    }

    /// The name, or a subquery of no or few rows where a limit is set.
    pub(super) fn render_limited(&self) -> String {
        let name = self.render_name();
        match self.limit {
            None => name,
            Some(0) => format!("(select * from {name} where false limit 0){}", self.subquery_alias("limit")),
            Some(limit) => format!("(select * from {name} limit {limit}){}", self.subquery_alias("limit")),
        }
    }

    /// The given SQL, restricted to the time range where one is set.
    pub(super) fn render_event_time_filtered(&self, inner: String) -> String {
        let Some(filter) = &self.event_time else { return inner };
        let bound = |text: &str| if filter.bare { text.to_owned() } else { format!("'{text}'") };
        let mut condition = String::new();
        if let Some(start) = &filter.start {
            let _ = write!(condition, "{} >= {}", filter.field, bound(start));
        }
        if let Some(end) = &filter.end {
            let and = if condition.is_empty() { "" } else { " and " };
            let _ = write!(condition, "{and}{} < {}", filter.field, bound(end));
        }
        if condition.is_empty() {
            return inner;
        }
        format!("(select * from {inner} where {condition}){}", self.subquery_alias("et_filter"))
    }

    /// What printing shows.
    pub fn render_full(&self) -> String {
        if self.kind.as_deref() == Some("function") {
            return self.render_name();
        }
        self.render_event_time_filtered(self.render_limited())
    }

    fn subquery_alias(&self, purpose: &str) -> String {
        if self.require_alias {
            let table = self.path.identifier.as_deref().unwrap_or("None");
            format!(" _dbt_{purpose}_subq_{table}")
        } else {
            String::new()
        }
    }

    /// The schema that the relation is in.
    pub(super) fn without_identifier(&self) -> Self {
        let mut schema = self.clone();
        schema.include.identifier = false;
        schema.path.identifier = None;
        schema
    }

    /// The information schema of the relation's database.
    pub(super) fn to_information_schema(&self, view: Option<String>) -> Self {
        Self {
            path: Relation {
                database: self.path.database.clone(),
                schema: None,
                identifier: Some("INFORMATION_SCHEMA".into()),
            },
            kind: Some("view".into()),
            include: Policy { database: self.path.database.is_some(), schema: false, identifier: true },
            quote: Policy { identifier: false, ..self.quote },
            information_schema: Some(view),
            external: None,
            limit: None,
            event_time: None,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> RelationObject {
        RelationObject::new(Relation::new("dev", "main", "orders"), Some(RelationKind::Table), Policy::ALL)
    }

    #[test]
    fn renders_by_policy() {
        let mut r = orders();
        assert_eq!(r.render_full(), r#""dev"."main"."orders""#);
        r.quote.schema = false;
        r.include.database = false;
        assert_eq!(r.render_full(), r#"main."orders""#);
        assert_eq!(
            orders().to_information_schema(Some("columns".into())).render_full(),
            r#""dev".INFORMATION_SCHEMA.columns"#
        );
        assert_eq!(orders().without_identifier().render_full(), r#""dev"."main""#);
        assert_eq!(RelationObject::from_resolved(Resolved::cte("__dbt__cte__x"), false).render_full(), "__dbt__cte__x");
    }

    #[test]
    fn limits_and_time_ranges_wrap_the_name() {
        let mut r = orders();
        r.limit = Some(0);
        assert_eq!(r.render_full(), r#"(select * from "dev"."main"."orders" where false limit 0)"#);
        assert_eq!(r.render_name(), r#""dev"."main"."orders""#);
        r.limit = None;
        r.require_alias = true;
        r.event_time =
            Some(EventTimeFilter { field: "ts".into(), start: Some("a".into()), end: Some("b".into()), bare: false });
        let expected =
            r#"(select * from "dev"."main"."orders" where ts >= 'a' and ts < 'b') _dbt_et_filter_subq_orders"#;
        assert_eq!(r.render_full(), expected);
    }
}
