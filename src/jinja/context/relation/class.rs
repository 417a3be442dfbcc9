//! `api.Relation`: makes relations and knows the names of relation types.
//!
//! In: calls such as `api.Relation.create(...)`. Out: [`RelationObject`] values.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, State};

use crate::base::Relation;
use crate::diag::{Diagnostic, codes};

use super::super::args::{Arguments, bind, given, required, required_text, wrong};
use super::super::bound::BoundMethod;
use super::super::host::{EventTimeFilter, Policy};
use super::super::raise::raise;
use super::RelationObject;
use super::object::{set_part, text, unknown_method};

const METHODS: &[&str] = &[
    "create",
    "create_from",
    "create_ephemeral_from",
    "add_ephemeral_prefix",
    "get_relation_type",
    "get_default_quote_policy",
    "get_default_include_policy",
    "scd_args",
];

const TYPES: &[(&str, &str)] = &[
    ("Table", "table"),
    ("View", "view"),
    ("CTE", "cte"),
    ("External", "external"),
    ("MaterializedView", "materialized_view"),
    ("PointerTable", "pointer_table"),
    ("Function", "function"),
    ("Ephemeral", "ephemeral"),
];

/// dbt's word for a relation type behind a class attribute.
pub(super) fn type_constant(name: &str) -> Option<Value> {
    TYPES.iter().find(|(constant, _)| *constant == name).map(|(_, word)| Value::from(*word))
}

pub(super) fn policy_value(policy: Policy) -> Value {
    super::super::dict([
        ("database", Value::from(policy.database)),
        ("schema", Value::from(policy.schema)),
        ("identifier", Value::from(policy.identifier)),
    ])
}

pub(in crate::jinja::context) fn path_value(path: &Relation) -> Value {
    super::super::dict([
        ("database", text(path.database.as_deref())),
        ("schema", text(path.schema.as_deref())),
        ("identifier", text(path.identifier.as_deref())),
    ])
}

/// Changes a policy by the entries of a mapping.
fn policy_from(base: Policy, value: &Value) -> Result<Policy, Error> {
    let mut policy = base;
    for key in value.try_iter()? {
        let flag = value.get_item(&key)?;
        if flag.is_none() || flag.is_undefined() {
            continue;
        }
        match key.as_str() {
            Some("database") => policy.database = flag.is_true(),
            Some("schema") => policy.schema = flag.is_true(),
            Some("identifier") => policy.identifier = flag.is_true(),
            _ => {}
        }
    }
    Ok(policy)
}

/// Sets one field of a relation by dbt's name of it.
pub(super) fn set_field(relation: &mut RelationObject, key: &str, value: &Value) -> Result<(), Error> {
    match key {
        "path" => {
            for part in value.try_iter()? {
                let item = value.get_item(&part)?;
                set_part(&mut relation.path, &part.to_string(), &item)?;
            }
        }
        "database" | "schema" | "identifier" => set_part(&mut relation.path, key, value)?,
        "type" => relation.kind = relation_type(value)?,
        "quote_policy" => relation.quote = policy_from(relation.quote, value)?,
        "include_policy" => relation.include = policy_from(relation.include, value)?,
        "limit" => relation.limit = value.as_usize().map(|n| n as u64),
        "external" => relation.external = given(Some(value.clone())).map(|v| v.to_string()),
        "information_schema_view" if relation.information_schema.is_some() => {
            relation.information_schema = Some(given(Some(value.clone())).map(|v| v.to_string()));
        }
        "dbt_created" => relation.dbt_created = value.is_true(),
        "require_alias" => relation.require_alias = value.is_true(),
        "event_time_filter" => relation.event_time = event_time(value)?,
        // Fields of other adapters' relations: accepted, without effect.
        _ => {}
    }
    Ok(())
}

fn relation_type(value: &Value) -> Result<Option<String>, Error> {
    let Some(value) = given(Some(value.clone())) else { return Ok(None) };
    let word = value.to_string();
    if TYPES.iter().any(|(_, known)| *known == word) {
        return Ok(Some(word));
    }
    let message = format!("'{word}' is not a valid RelationType");
    Err(raise(Diagnostic::error(codes::MACRO_ARGUMENTS, message)))
}

fn event_time(value: &Value) -> Result<Option<EventTimeFilter>, Error> {
    if value.is_none() || value.is_undefined() {
        return Ok(None);
    }
    let part = |key: &str| -> Result<Option<String>, Error> {
        Ok(given(Some(value.get_attr(key)?)).map(|v| super::super::shown(&v)))
    };
    let Some(field) = part("field_name")? else { return Ok(None) };
    Ok(Some(EventTimeFilter { field, start: part("start")?, end: part("end")?, bare: false }))
}

/// `api.Relation`.
#[derive(Clone, Copy, Debug)]
pub struct RelationClass {
    quote: Policy,
    require_alias: bool,
}

impl RelationClass {
    /// A class whose relations are quoted by a policy unless told otherwise.
    pub fn new(quote: Policy, require_alias: bool) -> Self {
        Self { quote, require_alias }
    }

    fn empty(self) -> RelationObject {
        let mut relation = RelationObject::new(Relation::default(), None, self.quote);
        relation.require_alias = self.require_alias;
        relation
    }

    fn create(self, args: &[Value]) -> Result<Value, Error> {
        let mut relation = self.empty();
        let Arguments { positional, named } = Arguments::split(args);
        let parameters = ["database", "schema", "identifier", "type"];
        if positional.len() > parameters.len() {
            return Err(wrong(format!("create() takes at most 4 positional arguments ({} given)", positional.len())));
        }
        for (key, value) in parameters.iter().zip(&positional) {
            set_field(&mut relation, key, value)?;
        }
        for (key, value) in &named {
            set_field(&mut relation, key, value)?;
        }
        Ok(relation.into_value())
    }

    /// The relation of a node's dict, as `create_from(config, node)` makes it.
    fn create_from(self, args: &[Value]) -> Result<Value, Error> {
        let Arguments { positional, named } = Arguments::split(args);
        let Some(node) = positional.last() else {
            return Err(wrong("create_from() missing 1 required positional argument: 'relation_config'"));
        };
        let mut relation = self.empty();
        for (part, keys) in
            [("database", &["database"][..]), ("schema", &["schema"]), ("identifier", &["identifier", "alias", "name"])]
        {
            for key in keys {
                let value = node.get_attr(key)?;
                if !value.is_none() && !value.is_undefined() {
                    set_part(&mut relation.path, part, &value)?;
                    break;
                }
            }
        }
        for (key, value) in &named {
            set_field(&mut relation, key, value)?;
        }
        Ok(relation.into_value())
    }

    /// A class method, called on the class or on a relation.
    pub(super) fn static_method(self, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "create" => self.create(args),
            "create_from" => self.create_from(args),
            "create_ephemeral_from" => {
                let [node, _limit, _filter] = bind(method, args, ["relation_config", "limit", "event_time_filter"])?;
                let node = required(method, "relation_config", node)?;
                let alias = node.get_attr("alias")?;
                let name = if alias.is_true() { alias } else { node.get_attr("identifier")? };
                let resolved = super::Resolved::cte(format!("__dbt__cte__{name}"));
                Ok(RelationObject::from_resolved(resolved, self.require_alias).into_value())
            }
            "add_ephemeral_prefix" => {
                let [name] = bind(method, args, ["name"])?;
                Ok(Value::from(format!("__dbt__cte__{}", required_text(method, "name", name)?)))
            }
            "get_relation_type" => {
                let [word] = bind(method, args, ["type"])?;
                let word = relation_type(&required(method, "type", word)?)?;
                Ok(text(word.as_deref()))
            }
            "get_default_quote_policy" | "get_default_include_policy" => Ok(policy_value(Policy::ALL)),
            "scd_args" => {
                let [key, updated_at] = bind(method, args, ["primary_key", "updated_at"])?;
                let key = required(method, "primary_key", key)?;
                let mut items: Vec<Value> = match key.as_str() {
                    Some(_) => vec![key],
                    None => key.try_iter()?.collect(),
                };
                items.push(updated_at.unwrap_or_default());
                Ok(super::super::list(items))
            }
            "get_function_config" => {
                let [model] = bind(method, args, ["model"])?;
                function_config(&required(method, "model", model)?)
            }
            "get_function_macro_name" => {
                let [config] = bind(method, args, ["config"])?;
                let config = required(method, "config", config)?;
                let (kind, language) = (config.get_attr("type")?, config.get_attr("language")?);
                Ok(Value::from(format!("{kind}_function_{language}")))
            }
            _ => Err(unknown_method()),
        }
    }
}

fn function_config(model: &Value) -> Result<Value, Error> {
    if model.get_attr("resource_type")?.as_str() != Some("function") {
        return Ok(Value::from(()));
    }
    let config = model.get_attr("config")?;
    let key = |name: &str| config.get_attr(name).ok().filter(|v| !v.is_undefined()).unwrap_or_else(|| Value::from(()));
    Ok(super::super::dict([
        ("language", model.get_attr("language")?),
        ("type", key("type")),
        ("runtime_version", key("runtime_version")),
        ("entry_point", key("entry_point")),
    ]))
}

impl Object for RelationClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        if METHODS.contains(&key) {
            return Some(BoundMethod::value(Value::from_dyn_object(Arc::clone(self)), key));
        }
        type_constant(key)
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let mut relation = self.empty();
        let Arguments { positional, named } = Arguments::split(args);
        for (key, value) in ["path", "type"].into_iter().zip(&positional) {
            set_field(&mut relation, key, value)?;
        }
        for (key, value) in &named {
            set_field(&mut relation, key, value)?;
        }
        Ok(relation.into_value())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        self.static_method(method, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<class 'Relation'>")
    }
}
