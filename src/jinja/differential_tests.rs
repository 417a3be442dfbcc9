//! The cases of `tests/it/jinja`: templates whose results Python recorded (`scripts/jinja_differential.py`).
//!
//! In: the case files. Out: a failure for every difference that is not declared, and for declared ones that are gone.

use std::sync::Arc;

use include_dir::{Dir, include_dir};
use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::ValueKind;

use super::registry::{MacroEntry, Registry};
use super::scope::{Scope, UndefinedMode};
use super::{Engine, TemplateSource, extract, modules, pylib, values};
use crate::diag::{Diagnostic, SourceFile};

static CASES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/tests/it/jinja");
const COMPATIBILITY: &str = include_str!("../../COMPATIBILITY.md");

#[derive(Debug, Default)]
struct Case {
    name: String,
    variables: serde_json::Map<String, serde_json::Value>,
    options: String,
    differs: Option<String>,
    macros: String,
    template: String,
    expected: Option<String>,
}

/// The cases of a file; the format is told in the script that records them.
fn cases(file: &str, text: &str) -> Vec<Case> {
    let mut found: Vec<Case> = Vec::new();
    let text = format!("\n{}", text.strip_suffix('\n').unwrap_or(text));
    for block in text.split("\n=== ").skip(1) {
        let mut sections = block.split("\n--- ");
        let mut header = sections.next().unwrap_or_default().lines();
        let mut case = Case { name: format!("{file}: {}", header.next().unwrap_or_default()), ..Case::default() };
        for line in header {
            match line.split_once(": ") {
                Some(("context", json)) => case.variables = serde_json::from_str(json).unwrap(),
                Some(("options", options)) => case.options = options.to_owned(),
                Some(("differs", reason)) => case.differs = Some(reason.to_owned()),
                _ => panic!("{}: {line}", case.name),
            }
        }
        for section in sections {
            let (kind, body) = section.split_once('\n').unwrap_or((section, ""));
            let body = body.replace("<CR>", "\r");
            match kind {
                "macros" => case.macros = body,
                "template" => case.template = body,
                "expected" => case.expected = Some(body),
                "error" => case.expected = None,
                _ => panic!("{}: {kind}", case.name),
            }
        }
        found.push(case);
    }
    found
}

/// The variables of a case and dbt's base functions.
#[derive(Debug)]
struct CaseScope {
    variables: IndexMap<String, Value>,
    mode: UndefinedMode,
}

impl Scope for CaseScope {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.variables.get(name) {
            return Some(value.clone());
        }
        if name == "modules" {
            return Some(modules::modules());
        }
        let mut functions = pylib::dbt_functions().into_iter();
        functions.find(|(function, _)| *function == name).map(|(_, value)| value)
    }

    fn package(&self) -> &str {
        "root"
    }

    fn undefined(&self) -> UndefinedMode {
        self.mode
    }
}

fn run(case: &Case) -> Result<String, Diagnostic> {
    let file = SourceFile::new("macros/m.sql", case.macros.clone());
    let (found, problems) = extract(&file);
    if let Some(problem) = problems.into_iter().next() {
        return Err(problem);
    }
    let entries = found.into_iter().map(|definition| MacroEntry::new("root", definition));
    let engine = Engine::new(Registry::new("root", vec![], vec![], entries).0);
    let permissive = case.options.contains("permissive");
    let mode = if permissive { UndefinedMode::Permissive } else { UndefinedMode::Strict };
    let made = |value| values::from_base(&crate::base::Value::from_json(value));
    let variables = case.variables.iter().map(|(name, value)| (name.clone(), made(value))).collect();
    let scope = Arc::new(CaseScope { variables, mode });
    let source = TemplateSource::inline("models/m.sql", case.template.clone());
    if case.options.contains("native") {
        return engine.render_value(&source, scope).map(|value| shown(&value));
    }
    engine.render(&source, scope).map(|rendered| rendered.text)
}

/// A native value as the cases record it: Python's type and repr.
fn shown(value: &Value) -> String {
    let repr = values::repr(value);
    let name = match value.kind() {
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Seq if repr.starts_with('(') => "tuple",
        ValueKind::Seq => "list",
        ValueKind::Map => "dict",
        _ => "?",
    };
    format!("{name} {repr}")
}

#[test]
fn python_and_rust_agree() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in CASES.files() {
        let name = file.path().display().to_string();
        for case in cases(&name, file.contents_utf8().unwrap()) {
            count += 1;
            let result = run(&case);
            let same = match (&case.expected, &result) {
                (Some(expected), Ok(text)) => expected == text,
                (None, Err(_)) => true,
                _ => false,
            };
            match (&case.differs, same) {
                (None, true) => {}
                (None, false) => {
                    let got = result.unwrap_or_else(|error| format!("{error} {:?}", error.notes));
                    wrong.push(format!(
                        "{}\n  {:?}\n  python {:?}\n  rust   {got:?}",
                        case.name, case.template, case.expected
                    ));
                }
                (Some(_), true) => wrong.push(format!("{}: no longer differs", case.name)),
                (Some(reason), false) => {
                    if !COMPATIBILITY.contains(reason.as_str()) {
                        wrong.push(format!("{}: COMPATIBILITY.md does not say: {reason}", case.name));
                    }
                }
            }
        }
    }
    assert!(count >= 600, "only {count} cases were found");
    assert!(wrong.is_empty(), "{} of {count} cases\n{}", wrong.len(), wrong.join("\n"));
}
