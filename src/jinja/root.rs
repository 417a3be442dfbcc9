//! The root object of a render: where every free name of a template and of its macros is looked up.
//!
//! In: the engine and a [`Scope`]. Out: [`Root`], dbt's order of names; `context` as a dict; package namespaces.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Rest, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::engine::Inner;
use super::macro_call::{self, MacroRef};
use super::registry::{Found, Registry};
use super::scope::{Scope, UndefinedMode};
use super::values;

/// The names of one render.
pub(super) struct Root {
    pub engine: Arc<Inner>,
    pub scope: Arc<dyn Scope>,
    mode: UndefinedMode,
    /// Values are collected for native rendering.
    pub native: bool,
    updated: AtomicBool,
    updates: RwLock<IndexMap<String, Value>>,
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<context>")
    }
}

impl Root {
    pub fn new(engine: Arc<Inner>, scope: Arc<dyn Scope>, native: bool) -> Arc<Self> {
        let mode = scope.undefined();
        let updates = RwLock::new(IndexMap::new());
        Arc::new(Self { engine, scope, mode, native, updated: AtomicBool::new(false), updates })
    }

    fn registry(&self) -> &Arc<Registry> {
        &self.engine.registry
    }

    fn update(&self, name: String, value: Value) {
        self.updates.write().unwrap_or_else(PoisonError::into_inner).insert(name, value);
        self.updated.store(true, Ordering::Release);
    }

    fn updated_value(&self, name: &str) -> Option<Value> {
        if !self.updated.load(Ordering::Acquire) {
            return None;
        }
        self.updates.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// A known name: everything but Jinja's globals.
    pub fn resolve(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.updated_value(name)
            .or_else(|| self.scope.overlay(name))
            .or_else(|| self.macro_or_package(name))
            .or_else(|| self.scope.lookup(name))
            .or_else(|| (name == "context").then(|| Value::from_object(ContextDict(Arc::clone(self)))))
    }

    fn macro_or_package(self: &Arc<Self>, name: &str) -> Option<Value> {
        Some(match self.registry().find(self.scope.package(), name)? {
            Found::Macro(id) => MacroRef::value(self.registry(), id),
            Found::Package(package) => Value::from_object(PackageNamespace {
                registry: Arc::clone(self.registry()),
                package,
                permissive: self.mode == UndefinedMode::Permissive,
            }),
        })
    }

    /// Every name that [`Root::resolve`] answers, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.scope.names();
        names.extend(self.registry().visible_names(self.scope.package()).into_iter().map(str::to_owned));
        names.extend(self.updates.read().unwrap_or_else(PoisonError::into_inner).keys().cloned());
        names.push("context".to_owned());
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        if name == macro_call::INIT {
            return Some(Value::from_object(Init(Arc::clone(self))));
        }
        if self.engine.is_own_name(name) {
            return None;
        }
        self.resolve(name).or_else(|| {
            let unknown = self.mode == UndefinedMode::Permissive && !self.engine.is_global(name);
            unknown.then(|| values::undefined(name))
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.names().into_iter().map(Value::from).collect())
    }
}

/// The first call of every render: makes the root and the macro loader known to the state.
#[derive(Debug)]
struct Init(Arc<Root>);

impl Object for Init {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let load = args.first().cloned().unwrap_or_default();
        macro_call::start(state, Arc::clone(&self.0), load);
        Ok(Value::UNDEFINED)
    }
}

/// `context`: dbt's context as the dict that it is there.
#[derive(Debug)]
struct ContextDict(Arc<Root>);

impl Object for ContextDict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.0.resolve(name).or_else(|| self.0.engine.global(name))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.0.enumerate()
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let known = |name: &Value| name.as_str().and_then(|name| self.get_value_by_str(name));
        match name {
            "get" => {
                let (key, default): (Value, Option<Value>) = from_args(args)?;
                Ok(known(&key).or(default).unwrap_or_else(none))
            }
            "update" => {
                let (others, named): (Rest<Value>, Kwargs) = from_args(args)?;
                for other in others.iter() {
                    for key in other.try_iter()? {
                        self.0.update(key.to_string(), other.get_item(&key)?);
                    }
                }
                for key in named.args() {
                    self.0.update(key.to_owned(), named.peek(key)?);
                }
                // Loaded macros have captured the old values.
                macro_call::forget_macros(state);
                Ok(none())
            }
            "keys" => Ok(values::list(self.0.names().into_iter().map(Value::from).collect())),
            "values" => Ok(values::list(self.0.names().iter().filter_map(|name| self.0.resolve(name)).collect())),
            "items" => {
                let pairs = self.0.names().into_iter().filter_map(|name| {
                    let value = self.0.resolve(&name)?;
                    Some(Value::from(Tuple::from([Value::from(name), value])))
                });
                Ok(values::list(pairs.collect()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

fn none() -> Value {
    Value::from(())
}

/// The macros of a package: `dbt_utils.star(...)`. In dbt this is a dict of macros.
struct PackageNamespace {
    registry: Arc<Registry>,
    package: String,
    permissive: bool,
}

impl fmt::Debug for PackageNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<package {}>", self.package)
    }
}

impl PackageNamespace {
    fn find(&self, name: &str) -> Option<Value> {
        self.registry.find_in(&self.package, name).map(|id| MacroRef::value(&self.registry, id))
    }
}

impl Object for PackageNamespace {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.find(name)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.registry.names_in(&self.package).into_iter().map(Value::from).collect())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        if let Some(id) = self.registry.find_in(&self.package, name) {
            return macro_call::call_macro(state, id, args);
        }
        let names = || self.registry.names_in(&self.package).into_iter();
        match name {
            "get" => {
                let (key, default): (Value, Option<Value>) = from_args(args)?;
                Ok(key.as_str().and_then(|name| self.find(name)).or(default).unwrap_or_else(none))
            }
            "keys" => Ok(values::list(names().map(Value::from).collect())),
            "values" => Ok(values::list(names().filter_map(|name| self.find(name)).collect())),
            "items" => {
                let pairs = names().filter_map(|name| Some([Value::from(name), self.find(name)?]));
                Ok(values::list(pairs.map(|pair| Value::from(Tuple::from(pair))).collect()))
            }
            _ if self.permissive => Ok(values::undefined(name)),
            _ => Err(super::error::no_such_macro(&self.registry, &self.package, name)),
        }
    }
}
