//! Calling macros: all macros of a render live in one minijinja state and are loaded into it on first use.
//!
//! In: a running [`State`], a [`MacroId`], arguments. Out: the macro's text, or the value that its `return()` gave.
//!
//! Every root template starts with a trampoline macro that includes a definition's template; that template ends by handing
//! its macro value of this very state to us. So `caller()`, macros passed as values and recursion work natively.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr, Rest, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::engine::{Engine, template_name};
use super::error::{self, MacroFrame, RaisedError};
use super::registry::{MacroEntry, MacroId, Registry};
use super::rewrite::Signature;
use super::root::Root;
use super::scope::Scope;
use super::{native, values};
use crate::diag::codes;

/// The name under which a root template finds the function that starts the render.
pub(super) const INIT: &str = "__init";

/// What every root template begins with: same line, no output.
pub(super) const PREFIX: &str = "{%- macro __load(__n) -%}{%- include __n -%}{%- endmacro -%}{%- do __init(__load) %}";

/// Nested macro calls beyond this never end. Python's own stack ends at about 190 of them.
const MAX_DEPTH: usize = 400;

/// What a state remembers of its render.
struct Runtime {
    root: Arc<Root>,
    /// The trampoline macro.
    load: Value,
    macros: HashMap<MacroId, Value>,
    registered: Option<Value>,
    returned: Option<Value>,
    stack: Vec<MacroId>,
    printed: Vec<Value>,
    /// The last marker that a type filter set.
    mark: Option<Value>,
}

/// Marks the error by which `return()` leaves a macro.
#[derive(Clone, Copy, Debug)]
struct ReturnSignal;

impl fmt::Display for ReturnSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("return() outside of a macro")
    }
}

impl std::error::Error for ReturnSignal {}

/// Stands for an argument that was not given and has a default.
#[derive(Debug)]
struct Missing;

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// The test behind `is __missing`.
pub(super) fn is_missing(value: &Value) -> bool {
    value.downcast_object_ref::<Missing>().is_some()
}

/// Makes a state ready to call macros.
pub(super) fn start(state: &mut State<'_, '_>, root: Arc<Root>, load: Value) {
    state.get_or_insert_extension_with(|| Runtime {
        root,
        load,
        macros: HashMap::new(),
        registered: None,
        returned: None,
        stack: Vec::new(),
        printed: Vec::new(),
        mark: None,
    });
}

/// The function `__reg`: a definition's template hands over its macro.
pub(super) fn register(state: &mut State<'_, '_>, value: Value) {
    if let Some(runtime) = state.get_extension_mut::<Runtime>() {
        runtime.registered = Some(value);
    }
}

/// Lets macros be loaded anew, since what they captured has changed.
pub(super) fn forget_macros(state: &mut State<'_, '_>) {
    if let Some(runtime) = state.get_extension_mut::<Runtime>() {
        runtime.macros.clear();
    }
}

/// Notes a value that a native template prints; whether the render is native.
pub(super) fn note_printed(state: &mut State<'_, '_>, value: &Value) {
    if let Some(runtime) = state.get_extension_mut::<Runtime>() {
        let noted = native::noted(value, runtime.mark.as_ref());
        runtime.printed.push(noted);
    }
}

/// Sets the marker of a type filter.
pub(super) fn mark(state: &mut State<'_, '_>, marker: Value) {
    if let Some(runtime) = state.get_extension_mut::<Runtime>() {
        runtime.mark = Some(marker);
    }
}

/// The values that a native template printed.
pub(super) fn printed(state: &State<'_, '_>) -> Vec<Value> {
    state.get_extension::<Runtime>().map(|runtime| runtime.printed.clone()).unwrap_or_default()
}

/// Whether the render collects native values.
pub(super) fn is_native(state: &State<'_, '_>) -> bool {
    state.get_extension::<Runtime>().is_some_and(|runtime| runtime.root.native)
}

/// The function `return`: the value travels in the state, the error only unwinds.
pub(super) fn return_value(state: &mut State<'_, '_>, args: Rest<Value>, kwargs: &Kwargs) -> Result<Value, Error> {
    let value = match args.first() {
        Some(value) => value.clone(),
        None => kwargs.get::<Option<Value>>("data")?.unwrap_or_else(|| Value::from(())),
    };
    if let Some(runtime) = state.get_extension_mut::<Runtime>() {
        runtime.returned = Some(values::own(value));
    }
    Err(Error::new(ErrorKind::InvalidOperation, "return() outside of a macro").with_source(ReturnSignal))
}

fn is_return(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<ReturnSignal>())
}

fn runtime<'s>(state: &'s State<'_, '_>) -> Result<&'s Runtime, Error> {
    state
        .get_extension::<Runtime>()
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "macros can only be called inside a render"))
}

/// The scope of the render that a state belongs to.
pub fn scope_of(state: &State<'_, '_>) -> Option<Arc<dyn Scope>> {
    state.get_extension::<Runtime>().map(|runtime| Arc::clone(&runtime.root.scope))
}

/// The engine that a state belongs to.
pub fn engine_of(state: &State<'_, '_>) -> Option<Engine> {
    state.get_extension::<Runtime>().map(|runtime| Engine::from_inner(Arc::clone(&runtime.root.engine)))
}

/// How many macros are running.
pub fn macro_depth(state: &State<'_, '_>) -> usize {
    state.get_extension::<Runtime>().map_or(0, |runtime| runtime.stack.len())
}

/// Unique ids of the running macros, outermost first.
pub fn macro_stack(state: &State<'_, '_>) -> Vec<String> {
    let Some(runtime) = state.get_extension::<Runtime>() else { return Vec::new() };
    let registry = &runtime.root.engine.registry;
    runtime.stack.iter().map(|id| registry.entry(*id).unique_id.clone()).collect()
}

/// The callable value of a macro.
pub fn macro_value(state: &State<'_, '_>, id: MacroId) -> Option<Value> {
    let runtime = state.get_extension::<Runtime>()?;
    Some(MacroRef::value(&runtime.root.engine.registry, id))
}

/// Calls the macro that a bare name means in the render's package, with dbt's order of lookup.
pub fn call_named(state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
    let root = Arc::clone(&runtime(state)?.root);
    match root.engine.registry.find_macro(root.scope.package(), name) {
        Some(id) => call_macro(state, id, args),
        None => {
            let message = format!("dbt could not find a macro with the name '{name}' in any package");
            Err(RaisedError::new(codes::JINJA_UNDEFINED, message).into())
        }
    }
}

/// Calls a macro inside a running render. `args` is as templates pass it: keyword arguments as a last [`Kwargs`] value.
pub fn call_macro(state: &mut State<'_, '_>, id: MacroId, args: &[Value]) -> Result<Value, Error> {
    let running = runtime(state)?;
    let root = Arc::clone(&running.root);
    let depth = running.stack.len();
    let entry = Arc::clone(root.engine.registry.entry(id));
    if depth == 0 {
        root.scope.on_macro_call(&entry.unique_id);
    }
    if let Some(value) = root.scope.macro_override(&entry) {
        return Ok(value);
    }
    if depth >= MAX_DEPTH {
        return Err(recursion(state, &entry));
    }
    let signature = root.engine.signature(id)?;
    let values = bind(&entry, signature, args)?;
    let result = match load(state, id) {
        Ok(callable) => {
            push(state, id);
            let result = callable.call(state, &values);
            pop(state, depth);
            result
        }
        Err(error) => Err(error),
    };
    result.or_else(|error| {
        if is_return(&error) {
            return Ok(take_returned(state));
        }
        Err(MacroFrame::wrap(id, error))
    })
}

fn push(state: &mut State<'_, '_>, id: MacroId) {
    if let Some(runtime) = state.get_extension_mut::<Runtime>() {
        runtime.stack.push(id);
    }
}

fn pop(state: &mut State<'_, '_>, depth: usize) {
    if let Some(runtime) = state.get_extension_mut::<Runtime>() {
        runtime.stack.truncate(depth);
    }
}

fn take_returned(state: &mut State<'_, '_>) -> Value {
    state.get_extension_mut::<Runtime>().and_then(|runtime| runtime.returned.take()).unwrap_or_default()
}

/// The macro's value in this state, loaded on first use.
fn load(state: &mut State<'_, '_>, id: MacroId) -> Result<Value, Error> {
    let running = runtime(state)?;
    if let Some(value) = running.macros.get(&id) {
        return Ok(value.clone());
    }
    let trampoline = running.load.clone();
    trampoline.call(state, &[Value::from(template_name(id))])?;
    let registered = state.get_extension_mut::<Runtime>().and_then(|runtime| {
        let value = runtime.registered.take()?;
        runtime.macros.insert(id, value.clone());
        Some(value)
    });
    registered.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "a macro's template defined no macro"))
}

fn recursion(state: &State<'_, '_>, entry: &MacroEntry) -> Error {
    let mut path: Vec<String> = macro_stack(state).iter().rev().take(8).map(|id| short(id)).collect();
    path.reverse();
    path.push(short(&entry.unique_id));
    RaisedError::new(codes::RECURSION, format!("macro '{}' calls itself without end", entry.name))
        .note(format!("the last calls were {}", path.join(" -> ")))
        .into()
}

fn short(unique_id: &str) -> String {
    unique_id.strip_prefix("macro.").unwrap_or(unique_id).to_owned()
}

/// Puts arguments in the order of the macro's parameters, as Jinja2 does.
fn bind(entry: &MacroEntry, signature: &Signature, args: &[Value]) -> Result<Vec<Value>, Error> {
    let (positional, kwargs): (Rest<Value>, Kwargs) = from_args(args)?;
    let count = signature.parameters.len();
    let mut bound: Vec<Value> = positional.iter().take(count).cloned().map(values::own).collect();
    let mut used: Vec<&str> = Vec::new();
    for (name, has_default) in &signature.parameters[bound.len()..] {
        let given = kwargs.has(name).then(|| kwargs.peek::<Value>(name)).transpose()?;
        used.extend(given.is_some().then_some(name.as_str()));
        bound.push(match given {
            Some(value) => values::own(value),
            None if *has_default => Value::from_object(Missing),
            None => Value::UNDEFINED,
        });
    }
    let caller = kwargs.has("caller").then(|| kwargs.peek::<Value>("caller")).transpose()?;
    if signature.caller {
        used.push("caller");
    }
    let extra: Vec<&str> = kwargs.args().filter(|name| !used.contains(name)).collect();
    if let Some(name) = extra.first().filter(|_| !signature.kwargs) {
        let message = match *name {
            "caller" => format!("macro '{}' does not take a call block: its body never uses caller()", entry.name),
            name => format!("macro '{}' takes no keyword argument '{name}'", entry.name),
        };
        return Err(error::arguments(entry, message));
    }
    if positional.len() > count && !signature.varargs {
        let message = format!("macro '{}' takes not more than {count} argument(s)", entry.name);
        return Err(error::arguments(entry, message));
    }
    if signature.varargs {
        let rest: Vec<Value> = positional.iter().skip(count).cloned().map(values::own).collect();
        bound.push(Value::from(Tuple::from(rest)));
    }
    if signature.kwargs {
        let mut entries = values::Entries::default();
        for name in extra {
            entries.insert(Value::from(name), values::own(kwargs.peek(name)?));
        }
        bound.push(values::dict(entries));
    }
    if signature.caller {
        bound.push(caller.unwrap_or_default());
    }
    Ok(bound)
}

/// A macro as a value: what a bare name, a namespace's attribute and a dispatch give.
pub struct MacroRef {
    registry: Arc<Registry>,
    id: MacroId,
}

impl MacroRef {
    /// The callable value of a macro.
    pub fn value(registry: &Arc<Registry>, id: MacroId) -> Value {
        Value::from_object(Self { registry: Arc::clone(registry), id })
    }

    /// The macro.
    pub fn entry(&self) -> &Arc<MacroEntry> {
        self.registry.entry(self.id)
    }

    /// The macro's place in its registry.
    pub fn id(&self) -> MacroId {
        self.id
    }
}

impl fmt::Debug for MacroRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<macro {}>", short(&self.entry().unique_id))
    }
}

impl Object for MacroRef {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        Some(match name {
            "name" => Value::from(&self.entry().name),
            "package_name" => Value::from(&self.entry().package),
            "unique_id" => Value::from(&self.entry().unique_id),
            "macro" => Value::from_dyn_object(Arc::clone(self)),
            _ => return None,
        })
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        call_macro(state, self.id, args)
    }
}
