//! The attributes and methods of a relation value.
//!
//! In: attribute names and method calls. Out: Jinja values; every change makes a new relation.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Enumerator, Object, Value};
use minijinja::{Error, ErrorKind, State};

use crate::base::Relation;
use crate::diag::{Diagnostic, codes};

use super::super::args::{Arguments, bind, flag, given, required_text, type_name, wrong};
use super::super::bound::BoundMethod;
use super::super::host::Policy;
use super::super::raise::raise;
use super::{RelationObject, class};

const METHODS: &[&str] = &[
    "render",
    "quote",
    "include",
    "incorporate",
    "without_identifier",
    "information_schema",
    "information_schema_only",
    "matches",
    "replace_path",
    "replace",
    "get",
    "quoted",
    "render_limited",
    "render_event_time_filtered",
    "to_dict",
    "create",
    "create_from",
    "create_ephemeral_from",
    "add_ephemeral_prefix",
    "get_relation_type",
    "scd_args",
    "get_function_config",
    "get_function_macro_name",
];

impl Object for RelationObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let is = |kind: &str| Value::from(self.kind.as_deref() == Some(kind));
        Some(match key {
            "database" => text(self.path.database.as_deref()),
            "schema" => text(self.path.schema.as_deref()),
            "identifier" | "table" | "name" => text(self.path.identifier.as_deref()),
            "type" => text(self.kind.as_deref()),
            "is_table" => is("table"),
            "is_view" => is("view"),
            "is_cte" => is("cte"),
            "is_materialized_view" => is("materialized_view"),
            "is_pointer" => is("pointer_table"),
            "is_function" => is("function"),
            "path" => class::path_value(&self.path),
            "quote_policy" => class::policy_value(self.quote),
            "include_policy" => class::policy_value(self.include),
            "quote_character" => Value::from("\""),
            "dbt_created" => Value::from(self.dbt_created),
            "limit" => self.limit.map_or(Value::from(()), Value::from),
            "event_time_filter" => self.event_time_value(),
            "require_alias" => Value::from(self.require_alias),
            "external" => text(self.external.as_deref()),
            "catalog" => Value::from(()),
            "can_be_renamed" | "can_be_replaced" => Value::from(false),
            "information_schema_view" => text(self.information_schema.as_ref().and_then(Option::as_deref)),
            _ if METHODS.contains(&key) => BoundMethod::value(Value::from_dyn_object(Arc::clone(self)), key),
            _ => return class::type_constant(key),
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        if **self == *other {
            return Some(Ordering::Equal);
        }
        let by_name = self.render_full().cmp(&other.render_full());
        Some(by_name.then_with(|| format!("{self:?}").cmp(&format!("{other:?}"))))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return write!(f, "<Relation {}>", self.render_name());
        }
        f.write_str(&self.render_full())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "render" => none(method, args, || Value::from(self.render_name())),
            "render_limited" => none(method, args, || Value::from(self.render_limited())),
            "render_event_time_filtered" => {
                let [inner] = bind(method, args, ["rendered"])?;
                let inner = given(inner).map_or_else(|| self.render_name(), |v| v.to_string());
                Ok(Value::from(self.render_event_time_filtered(inner)))
            }
            "quote" | "include" => self.with_policy(method, args),
            "without_identifier" => none(method, args, || self.without_identifier().into_value()),
            "information_schema" => {
                let [view] = bind(method, args, ["view_name"])?;
                let view = view.and_then(|v| v.as_str().map(str::to_owned));
                Ok(self.to_information_schema(view).into_value())
            }
            "information_schema_only" => none(method, args, || self.to_information_schema(None).into_value()),
            "incorporate" | "replace" => self.incorporate(method, args),
            "replace_path" => {
                let mut changed = RelationObject::clone(self);
                let arguments = Arguments::split(args);
                for (key, value) in arguments.named {
                    set_part(&mut changed.path, &key, &value)?;
                }
                Ok(changed.into_value())
            }
            "matches" => self.matches(args),
            "get" => {
                let [key, default] = bind("get", args, ["key", "default"])?;
                let key = required_text("get", "key", key)?;
                if key == "metadata" {
                    return Ok(super::super::dict([("type", Value::from("Relation"))]));
                }
                Ok(self.get_value_by_str(&key).or(default).unwrap_or_default())
            }
            "quoted" => {
                let [identifier] = bind("quoted", args, ["identifier"])?;
                let identifier = identifier.map(|v| v.to_string()).unwrap_or_default();
                Ok(Value::from(RelationObject::quoted(&identifier)))
            }
            "to_dict" => Ok(self.to_dict()),
            _ => class::RelationClass::new(self.quote, self.require_alias).static_method(method, args),
        }
    }
}

impl RelationObject {
    fn event_time_value(&self) -> Value {
        self.event_time.as_ref().map_or(Value::from(()), |filter| {
            super::super::dict([
                ("field_name", Value::from(filter.field.as_str())),
                ("start", text(filter.start.as_deref())),
                ("end", text(filter.end.as_deref())),
            ])
        })
    }

    fn to_dict(&self) -> Value {
        super::super::dict([
            ("path", class::path_value(&self.path)),
            ("type", text(self.kind.as_deref())),
            ("quote_character", Value::from("\"")),
            ("include_policy", class::policy_value(self.include)),
            ("quote_policy", class::policy_value(self.quote)),
            ("dbt_created", Value::from(self.dbt_created)),
        ])
    }

    fn with_policy(&self, method: &str, args: &[Value]) -> Result<Value, Error> {
        let [database, schema, identifier] = bind(method, args, ["database", "schema", "identifier"])?;
        let change = |policy: Policy| Policy {
            database: flag(database.as_ref(), policy.database),
            schema: flag(schema.as_ref(), policy.schema),
            identifier: flag(identifier.as_ref(), policy.identifier),
        };
        let mut changed = self.clone();
        if method == "quote" {
            changed.quote = change(changed.quote);
            // An inlined name has no parts to quote anew.
            if changed.kind.as_deref() == Some("cte") && changed.quote.identifier {
                changed.external = None;
            }
        } else {
            changed.include = change(changed.include);
        }
        Ok(changed.into_value())
    }

    fn incorporate(&self, method: &str, args: &[Value]) -> Result<Value, Error> {
        let mut changed = self.clone();
        let arguments = Arguments::split(args);
        if !arguments.positional.is_empty() {
            return Err(wrong(format!("{method}() takes keyword arguments only")));
        }
        for (key, value) in arguments.named {
            class::set_field(&mut changed, &key, &value)?;
        }
        Ok(changed.into_value())
    }

    fn matches(&self, args: &[Value]) -> Result<Value, Error> {
        let [database, schema, identifier] = bind("matches", args, ["database", "schema", "identifier"])?;
        let parts = [
            (given(database), &self.path.database, self.quote.database),
            (given(schema), &self.path.schema, self.quote.schema),
            (given(identifier), &self.path.identifier, self.quote.identifier),
        ];
        if parts.iter().all(|(wanted, ..)| wanted.is_none()) {
            let message = "Tried to match relation, but no search path was passed!";
            return Err(raise(Diagnostic::error(codes::COMPILER_ERROR, message)));
        }
        let (mut exact, mut approximate) = (true, true);
        for (wanted, part, quoted) in parts {
            let Some(wanted) = wanted.map(|v| v.to_string()) else { continue };
            let part = part.as_deref().unwrap_or_default();
            let folded = part.to_lowercase() == wanted.to_lowercase();
            exact &= part == wanted || (self.dbt_created && !quoted && folded);
            approximate &= folded;
        }
        if approximate && !exact {
            let name = self.render_full();
            let message = format!("when searching for a relation, an approximate match was found: {name}");
            let diagnostic = Diagnostic::error(codes::COMPILER_ERROR, message)
                .help(format!("delete {name}, or rename it so that it differs by more than case"));
            return Err(raise(diagnostic));
        }
        Ok(Value::from(exact))
    }
}

/// Sets `database`, `schema` or `identifier`, and nothing for other keys; only text and none are names.
pub(super) fn set_part(path: &mut Relation, key: &str, value: &Value) -> Result<(), Error> {
    let slot = match key {
        "database" => &mut path.database,
        "schema" => &mut path.schema,
        "identifier" => &mut path.identifier,
        // As in dbt: elementary, for one, gives the name a second time under `table`.
        _ => return Ok(()),
    };
    *slot = match value.as_str() {
        Some(part) => Some(part.to_owned()),
        None if value.is_none() => None,
        None => {
            let message = format!("Got an invalid path {key}: {value} ({})", type_name(value));
            return Err(raise(Diagnostic::error(codes::COMPILER_ERROR, message)));
        }
    };
    Ok(())
}

fn none(method: &str, args: &[Value], make: impl FnOnce() -> Value) -> Result<Value, Error> {
    let [] = bind(method, args, [])?;
    Ok(make())
}

pub(super) fn text(part: Option<&str>) -> Value {
    part.map_or(Value::from(()), Value::from)
}

pub(super) fn unknown_method() -> Error {
    Error::from(ErrorKind::UnknownMethod)
}
