//! `config`: a call that sets, methods that ask.
//!
//! In: calls. Out: while parsing, merged options in the [`Capture`](super::Capture) and empty answers, as in dbt; while
//! running, the node's config.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};

use crate::base::{self, Dict};
use crate::diag::{Diagnostic, codes};

use super::args::{Arguments, bind, given, required, required_text, type_name};
use super::bound::BoundMethod;
use super::core::{Core, Phase};

const METHODS: &[&str] =
    &["get", "require", "set", "meta_get", "meta_require", "persist_relation_docs", "persist_column_docs"];

/// `config`.
#[derive(Debug)]
pub(super) struct ConfigObject(pub(super) Arc<Core>);

impl ConfigObject {
    fn parsing(&self) -> bool {
        self.0.phase == Phase::Parse
    }

    /// Merges a `config()` call; it prints nothing.
    fn set(&self, args: &[Value]) -> Result<Value, Error> {
        if !self.parsing() {
            return Ok(Value::from(""));
        }
        let Arguments { positional, named } = Arguments::split(args);
        let invalid = || self.0.raise(Diagnostic::error(codes::CONFIG_INVALID, "Invalid inline model config"));
        let options: Dict = match (positional.as_slice(), named.as_slice()) {
            ([only], []) => match super::to_base(only) {
                base::Value::Map(map) => map,
                _ => return Err(invalid()),
            },
            ([], named) if !named.is_empty() => {
                named.iter().map(|(key, value)| (key.clone(), super::to_base(value))).collect()
            }
            _ => return Err(invalid()),
        };
        self.capture(options)?;
        Ok(Value::from(""))
    }

    fn capture(&self, options: Dict) -> Result<(), Error> {
        let problem = |message: String| self.0.raise(Diagnostic::error(codes::CONFIG_INVALID, message));
        let mut renamed = Dict::with_capacity(options.len());
        for (key, value) in options {
            let new = match key.as_str() {
                "pre_hook" => "pre-hook".to_owned(),
                "post_hook" => "post-hook".to_owned(),
                _ => key.clone(),
            };
            if renamed.insert(new.clone(), value).is_some() {
                let other = new.replace('-', "_");
                return Err(problem(format!("Invalid config, has conflicting keys: \"{other}\" and \"{new}\"")));
            }
        }
        match &self.0.capture {
            Some(capture) => capture.config_call(renamed).map_err(problem),
            None => Ok(()),
        }
    }

    /// The value of a key; a change to a list or mapping stays visible to later questions, as in dbt.
    fn find(&self, key: &str) -> Option<Value> {
        let make = || super::to_value(&base::Value::Map(self.0.facts.config.0.clone()));
        let config = self.0.config.get_or_init(make);
        let own = |key: &str| self.0.facts.config.get(key).and_then(|_| config.get_attr(key).ok());
        own(key).or_else(|| match key {
            "pre_hook" => own("pre-hook"),
            "post_hook" => own("post-hook"),
            _ => None,
        })
    }

    fn find_meta(&self, key: &str) -> Option<Value> {
        let meta = self.find("meta")?;
        meta.get_attr(key).ok().filter(|v| !v.is_undefined())
    }

    fn missing(&self, key: &str) -> Error {
        let id = self.0.facts.id.as_ref().map_or(self.0.facts.display_name(), |id| id.as_str());
        let message = format!("Model '{id}' does not define a required config parameter '{key}'.");
        self.0.raise(Diagnostic::error(codes::CONFIG_INVALID, message))
    }

    /// `get`, `meta_get`: a validator is asked only where a default is given, as in dbt.
    fn get(
        &self,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
        find: impl Fn(&Self, &str) -> Option<Value>,
    ) -> Result<Value, Error> {
        let [name, default, validator] = bind(method, args, ["name", "default", "validator"])?;
        let name = required_text(method, "name", name)?;
        if self.parsing() {
            return Ok(Value::from(""));
        }
        let has_default = default.as_ref().is_some_and(|v| !v.is_none());
        let found = find(self, &name).or(default).unwrap_or_else(|| Value::from(()));
        if let Some(validator) = given(validator).filter(|_| has_default) {
            validator.call(state, std::slice::from_ref(&found))?;
        }
        Ok(found)
    }

    fn require(
        &self,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
        find: impl Fn(&Self, &str) -> Option<Value>,
    ) -> Result<Value, Error> {
        let [name, validator] = bind(method, args, ["name", "validator"])?;
        let name = required_text(method, "name", name)?;
        if self.parsing() {
            return Ok(Value::from(""));
        }
        let found = find(self, &name).ok_or_else(|| self.missing(&name))?;
        if let Some(validator) = given(validator) {
            validator.call(state, std::slice::from_ref(&found))?;
        }
        Ok(found)
    }

    fn persist_docs(&self, part: &str) -> Result<Value, Error> {
        if self.parsing() {
            return Ok(Value::from(false));
        }
        match self.0.facts.config.get("persist_docs") {
            None => Ok(Value::from(false)),
            Some(base::Value::Map(map)) => Ok(map.get(part).map_or(Value::from(false), super::to_value)),
            Some(other) => {
                let kind = type_name(&super::to_value(other));
                let message = format!("Invalid value provided for 'persist_docs'. Expected dict but received {kind}");
                Err(self.0.raise(Diagnostic::error(codes::CONFIG_INVALID, message)))
            }
        }
    }
}

impl Object for ConfigObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        if METHODS.contains(&key) {
            return Some(BoundMethod::value(Value::from_dyn_object(Arc::clone(self)), key));
        }
        (key == "model" && !self.parsing()).then(|| super::names::model_value(&self.0))
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        self.set(args)
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "get" => self.get(state, method, args, Self::find),
            "meta_get" => self.get(state, method, args, Self::find_meta),
            "require" => self.require(state, method, args, Self::find),
            "meta_require" => self.require(state, method, args, Self::find_meta),
            "set" => {
                let [name, value] = bind(method, args, ["name", "value"])?;
                let name = required_text(method, "name", name)?;
                let value = required(method, "value", value)?;
                if self.parsing() {
                    self.capture([(name, super::to_base(&value))].into_iter().collect())?;
                }
                Ok(Value::from(""))
            }
            "persist_relation_docs" => self.persist_docs("relation"),
            "persist_column_docs" => self.persist_docs("columns"),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<config>")
    }
}
