//! The smaller functions of the context: messages, files, rendering, error handling, validation.
//!
//! In: calls. Out: effects through the doors of [`super::host`], or errors.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, State};

use crate::diag::{Diagnostic, codes};
use crate::node::Language;

use super::args::{Arguments, bind, flag, required, wrong};
use super::bound::BoundMethod;
use super::core::Core;
use super::host::PythonCode;
use super::var::SECRET_PREFIX;

/// `log(msg, info=False)`.
pub(super) fn log(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [message, info] = bind("log", args, ["msg", "info"])?;
    let message = super::shown(&required("log", "msg", message)?);
    core.shared.log.log(&masked(&message), flag(info.as_ref(), false), core.facts.id.as_ref());
    Ok(Value::from(""))
}

/// `print(msg)`.
pub(super) fn print(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [message] = bind("print", args, ["msg"])?;
    let message = super::shown(&required("print", "msg", message)?);
    core.shared.log.print(&masked(&message));
    Ok(Value::from(""))
}

/// Placeholders of secrets are never shown.
fn masked(message: &str) -> String {
    let (start, end) = (format!("$$$DBT_SECRET_START$$${SECRET_PREFIX}"), "$$$DBT_SECRET_END$$$");
    let mut out = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(&start) {
        out.push_str(before);
        out.push_str("*****");
        rest = after.split_once(end).map_or("", |(_, tail)| tail);
    }
    out + rest
}

/// `write(payload)`: the SQL that ran, for `target/run/`.
pub(super) fn write(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [payload] = bind("write", args, ["payload"])?;
    let payload = super::shown(&required("write", "payload", payload)?);
    let Some(node) = &core.facts.node else {
        return Err(core.compiler_error("cannot \"write\" macros or sources"));
    };
    if let Some(files) = core.shared.files.as_ref().filter(|_| core.executes()) {
        files.write_run(node, core.facts.batch.as_deref(), &payload).map_err(|diagnostic| core.raise(diagnostic))?;
    }
    Ok(Value::from(""))
}

/// `render(string)`: a text as a template in this context.
pub(super) fn render(_: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [text] = bind("render", args, ["string"])?;
    let text = required("render", "string", text)?;
    match text.as_str() {
        Some(text) if super::is_template(text) => Ok(Value::from(super::render_text(state, text)?)),
        _ => Ok(text),
    }
}

/// `try_or_compiler_error(message, function, *args, **kwargs)`.
pub(super) fn try_or_compiler_error(
    core: &Arc<Core>,
    state: &mut State<'_, '_>,
    args: &[Value],
) -> Result<Value, Error> {
    let Arguments { mut positional, named } = Arguments::split(args);
    if positional.len() < 2 {
        return Err(wrong("try_or_compiler_error() takes a message and a function"));
    }
    let rest = positional.split_off(2);
    let call = Arguments { positional: rest, named }.join();
    match positional[1].call(state, &call) {
        Ok(value) => Ok(value),
        Err(_) => Err(core.compiler_error(super::shown(&positional[0]))),
    }
}

/// `adapter_macro(...)`: gone since dbt 0.18.
pub(super) fn adapter_macro(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let name = args.first().map(ToString::to_string).unwrap_or_default();
    let diagnostic = Diagnostic::error(
        codes::COMPILER_ERROR,
        format!("The \"adapter_macro\" macro has been deprecated; it was called for {name}"),
    )
    .help(format!("use adapter.dispatch('{name}') and call what it returns"));
    Err(core.raise(diagnostic))
}

/// `submit_python_job(parsed_model, compiled_code)`: runs the code of the node that is being built.
pub(super) fn submit_python_job(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let method = "submit_python_job";
    let [_model, code] = bind(method, args, ["parsed_model", "compiled_code"])?;
    let code = required(method, "compiled_code", code)?.to_string();
    let Some(node) = core.facts.node.as_ref().filter(|node| node.language == Language::Python) else {
        return Err(core.compiler_error("submit_python_job is only for Python models"));
    };
    let text = node.template.text();
    let blank = &text[..text.len() - text.trim_start().len()];
    let code = PythonCode {
        name: &node.alias,
        file: &node.original_path,
        first_line: blank.matches('\n').count() + 1,
        own_lines: text.trim().lines().count(),
        code: code.trim_start(),
    };
    let mut print = |line: &str| core.shared.log.print(line);
    let answer = core.database(method)?.run_python(&code, &mut print);
    let response = answer.map_err(|e| core.host_error(e))?;
    Ok(Value::from_object(super::statement::ResponseObject(response)))
}

/// `debug()`: there is no debugger to enter.
pub(super) fn debug(_: &Arc<Core>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(""))
}

/// `context_macro_stack()`: unique ids of the running macros, outermost first.
pub(super) fn context_macro_stack(_: &Arc<Core>, state: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
    Ok(super::list(crate::jinja::macro_stack(state).into_iter().map(Value::from)))
}

/// `doc(name)`, `doc(package, name)`.
pub(super) fn doc(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let Arguments { positional, .. } = Arguments::split(args);
    let (package, name) = match positional.as_slice() {
        [name] => (None, name.to_string()),
        [package, name] => (Some(package.to_string()), name.to_string()),
        _ => return Err(wrong(format!("doc() takes at most two arguments ({} given)", positional.len()))),
    };
    let found = core.docs.as_ref().and_then(|docs| docs.doc(package.as_deref(), &name));
    found.map(Value::from).ok_or_else(|| {
        let node = core.facts.id.as_ref().map_or(core.facts.display_name(), |id| id.as_str());
        let place = package.map_or_else(String::new, |p| format!("in package '{p}' "));
        let message = format!("Documentation for '{node}' depends on doc '{name}' {place}which was not found");
        core.raise(Diagnostic::error(codes::DOC_NOT_FOUND, message))
    })
}

/// `validation`: its only member is `any`.
#[derive(Debug)]
pub(super) struct ValidationObject(pub(super) Arc<Core>);

impl Object for ValidationObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "any").then(|| BoundMethod::value(Value::from_dyn_object(Arc::clone(self)), "any"))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method != "any" {
            return Err(Error::from(minijinja::ErrorKind::UnknownMethod));
        }
        Ok(Value::from_object(Validator { core: Arc::clone(&self.0), allowed: args.to_vec() }))
    }
}

/// `validation.any(...)`: called with a value, passes it or raises. Only values can be listed: templates have no names
/// for Python's types.
#[derive(Debug)]
struct Validator {
    core: Arc<Core>,
    allowed: Vec<Value>,
}

impl Object for Validator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let [value] = bind("validator", args, ["value"])?;
        let value = required("validator", "value", value)?;
        if self.allowed.contains(&value) {
            return Ok(Value::from(()));
        }
        let allowed: Vec<String> = self.allowed.iter().map(ToString::to_string).collect();
        let message = format!("Expected value \"{value}\" to be one of {}", allowed.join(","));
        Err(self.core.raise(Diagnostic::error(codes::CONFIG_INVALID, message)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<function inner>")
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn secrets_are_masked_in_messages() {
        let text = "a$$$DBT_SECRET_START$$$DBT_ENV_SECRET_X$$$DBT_SECRET_END$$$b";
        assert_eq!(masked(text), "a*****b");
        assert_eq!(masked("plain"), "plain");
    }
}
