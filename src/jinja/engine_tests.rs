//! The engine end to end: macros of several packages, calls in every form, errors with their places.

use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use minijinja::value::{Kwargs, Rest};
use minijinja::{State, Value};

use super::registry::{DispatchSettings, MacroEntry, Registry};
use super::scope::{Scope, UndefinedMode};
use super::{
    Engine, Exactness, RaisedError, TemplateSource, call_macro, call_named, engine_of, extract, macro_depth,
    macro_value,
};
use crate::diag::{Diagnostic, SourceFile, codes};

/// A scope with a few names of dbt's context.
#[derive(Debug, Default)]
struct TestScope {
    package: String,
    mode: UndefinedMode,
    values: IndexMap<String, Value>,
    overlay: IndexMap<String, Value>,
    replaced: IndexMap<String, Value>,
    called: Mutex<Vec<String>>,
}

impl Scope for TestScope {
    fn lookup(&self, name: &str) -> Option<Value> {
        Some(match name {
            "ref" => Value::from_function(|name: &str| format!("<{name}>")),
            "dispatch" => Value::from_function(dispatch),
            "call_by_name" => Value::from_function(|state: &mut State<'_, '_>, name: &str, args: Rest<Value>| {
                call_named(state, name, &args)
            }),
            "depth" => Value::from_function(|state: &mut State<'_, '_>| macro_depth(state)),
            "fail" => Value::from_function(|text: &str| -> Result<Value, minijinja::Error> {
                Err(RaisedError::new(codes::COMPILER_ERROR, text).into())
            }),
            _ => self.values.get(name)?.clone(),
        })
    }

    fn overlay(&self, name: &str) -> Option<Value> {
        self.overlay.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        ["ref", "dispatch", "call_by_name", "depth", "fail"].map(str::to_owned).to_vec()
    }

    fn package(&self) -> &str {
        &self.package
    }

    fn undefined(&self) -> UndefinedMode {
        self.mode
    }

    fn on_macro_call(&self, unique_id: &str) {
        self.called.lock().unwrap().push(unique_id.to_owned());
    }

    fn macro_override(&self, entry: &MacroEntry) -> Option<Value> {
        self.replaced.get(&entry.name).cloned()
    }
}

/// `dispatch(name, namespace)` as `adapter.dispatch` does it.
fn dispatch(state: &mut State<'_, '_>, name: &str, namespace: Option<&str>) -> Result<Value, minijinja::Error> {
    let settings =
        DispatchSettings { prefixes: vec!["duckdb".into(), "default".into()], search_order: IndexMap::new() };
    let engine = engine_of(state).unwrap();
    let id = engine.registry().dispatch(name, namespace, "root", &settings);
    id.map(|id| macro_value(state, id).unwrap())
        .map_err(|error| RaisedError::new(codes::DISPATCH_FAILED, error.to_string()).into())
}

fn engine(files: &[(&str, &str)]) -> Engine {
    let mut entries = Vec::new();
    for (package, text) in files {
        let file = SourceFile::new(format!("{package}/macros/m.sql"), *text);
        let (found, problems) = extract(&file);
        assert_eq!(problems, []);
        entries.extend(found.into_iter().map(|definition| MacroEntry::new(*package, definition)));
    }
    let (registry, problems) = Registry::new("root", vec!["dbt".into()], vec!["utils".into()], entries);
    assert_eq!(problems, []);
    Engine::new(registry)
}

fn scope() -> TestScope {
    TestScope { package: "root".into(), ..TestScope::default() }
}

fn render_in(engine: &Engine, text: &str, scope: TestScope) -> Result<String, Diagnostic> {
    engine.render(&TemplateSource::inline("models/m.sql", text), Arc::new(scope)).map(|rendered| rendered.text)
}

fn render(macros: &str, text: &str) -> String {
    render_in(&engine(&[("root", macros)]), text, scope()).unwrap_or_else(|error| format!("{error} {:?}", error.notes))
}

fn fails(macros: &str, text: &str) -> Diagnostic {
    render_in(&engine(&[("root", macros)]), text, scope()).unwrap_err()
}

#[test]
fn macros_return_text_or_values() {
    let macros = "{% macro text(a) %}[{{ a }}]{% endmacro %}\
        {% macro list() %}ignored{{ return(['a', 'b']) }}never{% endmacro %}\
        {% macro early(x) %}{% for i in [1, 2, 3] %}{% if i == x %}{% do return(i * 10) %}{% endif %}{% endfor %}none{% endmacro %}\
        {% macro nothing() %}{% do return(none) %}{% endmacro %}";
    let cases = [
        ("{{ text(1) }}{{ text(a='x') }}", "[1][x]"),
        ("{{ list()[1] }}{% for x in list() %}{{ x }}{% endfor %}", "bab"),
        ("{{ early(2) + 1 }} {{ early(9) }} {{ early(1) }}", "21 none 10"),
        ("{{ nothing() is none }}", "True"),
        ("{% set l = list() %}{% do l.append('c') %}{{ l|length }}{{ list()|length }}", "32"),
    ];
    for (text, expected) in cases {
        assert_eq!(render(macros, text), expected, "{text}");
    }
}

#[test]
fn arguments_are_bound_as_in_python() {
    let macros = "{% macro d(a, b=a ~ '!', c=[b]) %}{{ a }}{{ b }}{{ c[0] }}{% endmacro %}\
        {% macro v(a) %}{{ a }}:{% for x in varargs %}{{ x }},{% endfor %}{% for k, x in kwargs.items() %}{{ k }}={{ x }};{% endfor %}{% endmacro %}\
        {% macro u(a, b=1) %}{{ a is defined }}{{ b is defined }}{{ b }}{% endmacro %}\
        {% macro fresh(l=[]) %}{% do l.append(1) %}{{ l|length }}{% endmacro %}\
        {% macro typed(a: str, b: Dict[str, int] = {}) %}{{ a }}{{ b|length }}{% endmacro %}";
    let cases = [
        ("{{ d('x') }} {{ d('x', 'y') }} {{ d('x', c=['z']) }}", "xx!x! xyy xx!z"),
        ("{{ v(1, 2, 3, z=4) }} {{ v(a=1) }}", "1:2,3,z=4; 1:"),
        ("{{ u() }} {{ u(1, nope) }} {{ u(1, b=none) }}", "FalseTrue1 TrueFalse TrueTrueNone"),
        ("{{ fresh() }}{{ fresh() }}", "11"),
        ("{{ typed('a') }}{{ typed('a', {'k': 1}) }}", "a0a1"),
    ];
    for (text, expected) in cases {
        assert_eq!(render(macros, text), expected, "{text}");
    }
    let errors = [
        ("{{ u(1, 2, 3) }}", "macro 'u' takes not more than 2 argument(s)"),
        ("{{ u(1, zz=3) }}", "macro 'u' takes no keyword argument 'zz'"),
        ("{{ u(1, a=3) }}", "macro 'u' takes no keyword argument 'a'"),
    ];
    for (text, expected) in errors {
        let error = fails(macros, text);
        assert_eq!((error.code, error.message.as_str()), (codes::MACRO_ARGUMENTS, expected));
        assert_eq!(error.span.unwrap().text(), text.trim_matches(['{', '}', ' ']), "{text}");
    }
}

#[test]
fn call_blocks_share_the_state() {
    let macros = "{% macro wrap(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}\
        {% macro each(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}\
        {% macro pass() %}{{ wrap2(caller) }}{% endmacro %}{% macro wrap2(c) %}({{ c() }}){% endmacro %}\
        {% macro ret() %}{% do return(caller() ~ '!') %}{% endmacro %}\
        {% macro bare() %}x{% endmacro %}\
        {% macro ends(w) %}{% call w('a') %}{% do return('gone') %}{% endcall %} after{% endmacro %}";
    let cases = [
        ("{% set a = 1 %}{% call wrap('b') %}{{ a }}{% endcall %}", "<b>1</b>"),
        ("{% call(x, y='-') each([1, 2]) %}{{ x }}{{ y }}{% endcall %}", "1-2-"),
        ("{% call pass() %}in{% endcall %}", "(in)"),
        ("{% call ret() %}in{% endcall %}", "in!"),
        ("{% call wrap('a') %}{% call wrap('b') %}x{% endcall %}{% endcall %}", "<a><b>x</b></a>"),
        ("{{ ends(wrap) }}", "gone after"),
    ];
    for (text, expected) in cases {
        assert_eq!(render(macros, text), expected, "{text}");
    }
    let error = fails(macros, "{% call bare() %}x{% endcall %}");
    assert!(error.message.contains("never uses caller()"), "{error}");
}

#[test]
fn names_resolve_in_dbts_order() {
    let engine = engine(&[
        (
            "dbt",
            "{% macro f() %}dbt{% endmacro %}{% macro only() %}only{% endmacro %}{% macro default__g() %}dg{% endmacro %}",
        ),
        (
            "utils",
            "{% macro f() %}utils{{ h() }}{% endmacro %}{% macro h() %}-h{% endmacro %}{% macro _p() %}private{% endmacro %}",
        ),
        (
            "root",
            "{% macro f() %}root{% endmacro %}{% macro ref(x) %}my {{ builtin(x) }}{% endmacro %}{% macro h() %}-rh{% endmacro %}",
        ),
    ]);
    let render = |text: &str, package: &str| {
        let mut scope = TestScope { package: package.into(), ..scope() };
        scope.values.insert("builtin".into(), Value::from_function(|x: &str| format!("<{x}>")));
        scope.overlay.insert("only".into(), Value::from("overlaid"));
        render_in(&engine, text, scope).unwrap()
    };
    assert_eq!(render("{{ f() }} {{ dbt.f() }} {{ utils.f() }} {{ utils._p() }}", "root"), "root dbt utils-rh private");
    assert_eq!(render("{{ f() }} {{ h() }} {{ dbt.only() }} {{ only }}", "utils"), "utils-h -h only overlaid");
    assert_eq!(render("{{ ref('a') }}", "root"), "my <a>");
    assert_eq!(
        render("{{ dispatch('g', 'dbt')() }} {{ dispatch('g')() }} {{ dispatch('g', 'dbt').name }}", "root"),
        "dg dg default__g"
    );
    assert_eq!(render("{{ context['f']() }}{{ context.get('nope', 'd') }}{{ 'f' in context }}", "root"), "rootdTrue");
    assert_eq!(render("{{ utils.get('h')() }}{{ utils['h']() }}{% set m = f %}{{ m() }}", "root"), "-h-hroot");
    assert_eq!(render("{{ call_by_name('f') }}", "root"), "root");
}

#[test]
fn macros_never_see_the_callers_variables() {
    let macros = "{% macro m() %}{{ x }}|{{ y }}{% endmacro %}";
    assert_eq!(render(macros, "{% set x = 1 %}{{ m() }}"), "|");
    let updating =
        "{% macro m() %}{{ y }}{% endmacro %}{% macro set_y(v) %}{% do context.update({'y': v}) %}{% endmacro %}";
    assert_eq!(render(updating, "[{{ m() }}]{{ set_y('new') }}[{{ m() }}]"), "[][new]");
}

#[test]
fn only_outermost_calls_are_reported() {
    let engine =
        engine(&[("root", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ depth() }}{% endmacro %}")]);
    let scope = Arc::new(scope());
    let source = TemplateSource::inline("m.sql", "{{ a() }}{{ b() }}");
    assert_eq!(engine.render(&source, Arc::clone(&scope) as Arc<dyn Scope>).unwrap().text, "21");
    assert_eq!(*scope.called.lock().unwrap(), ["macro.root.a", "macro.root.b"]);
}

#[test]
fn overridden_macros_are_not_run() {
    let engine = engine(&[("root", "{% macro a() %}{{ fail('no') }}{% endmacro %}")]);
    let mut scope = scope();
    scope.replaced.insert("a".into(), Value::from(true));
    assert_eq!(render_in(&engine, "{{ a() }}", scope).unwrap(), "True");
}

#[test]
fn unknown_names_while_parsing_and_running() {
    let engine = engine(&[("root", "{% macro m(x) %}{{ x.y }}{% endmacro %}")]);
    let permissive = || TestScope { mode: UndefinedMode::Permissive, ..scope() };
    let text = "{{ nope }}{{ nope.a.b('x')['c'](1) }}{% if nope() %}x{% endif %}{% for x in nope %}x{% endfor %}{{ utils2.f() }}{{ m({}).z }}";
    assert_eq!(render_in(&engine, text, permissive()).unwrap(), "");
    let cases = [
        ("a {{ nope }}b", Ok("a b")),
        ("{{ nope() }}", Err("'nope' is undefined @nope()")),
        ("{{ nope.a }}", Err("'nope' is undefined @nope.a")),
        ("{{ nope.a() }}", Err("'nope' is undefined @nope.a()")),
        ("{% set d = {'a': 1} %}{{ d.b.c }}", Err("'d.b' is undefined @d.b.c")),
        ("{% set d = {'a': 1} %}{{ d.b() }}", Err("")),
        ("{{ root.nope() }}", Err("package 'root' has no macro 'nope' @root.nope()")),
    ];
    for (text, expected) in cases {
        let got = render_in(&engine, text, scope());
        match expected {
            Ok(expected) => assert_eq!(got.unwrap(), expected, "{text}"),
            Err(expected) => {
                let error = got.unwrap_err();
                let shown = format!("{} @{}", error.message, error.span.as_ref().map_or("", |span| span.text()));
                assert!(expected.is_empty() || shown == expected, "{text}: {shown}");
            }
        }
    }
    assert_eq!(fails("", "{{ dispach('x') }}").help.as_deref(), Some("Did you mean 'dispatch'?"));
}

#[test]
fn errors_tell_the_way_through_macros() {
    let macros = "{% macro a() %}\n  {{ b(1) }}\n{% endmacro %}\n\n{% macro b(x) %}\n{% set y = [1, '%s' % x] %}{{ missing(x) }}\n{% endmacro %}\n\
        {% macro c() %}{{ fail('wrong!') }}{% endmacro %}";
    let error = fails(macros, "select 1\n, {{ a() }}");
    assert_eq!(error.message, "'missing' is undefined");
    assert_eq!(error.span.as_ref().unwrap().to_string(), "root/macros/m.sql:6:31");
    assert_eq!(error.span.as_ref().unwrap().text(), "missing(x)");
    let notes = [
        "in macro root.b (root/macros/m.sql:6:31)",
        "called from macro root.a (root/macros/m.sql:2:6)",
        "called from models/m.sql:2:6",
    ];
    assert_eq!(error.notes, notes);
    let error = fails(macros, "{% set x = {'a': c()} %}");
    assert_eq!((error.code, error.message.as_str()), (codes::COMPILER_ERROR, "wrong!"));
    assert_eq!(error.notes.last().unwrap(), "called from models/m.sql:1:18");
    assert_eq!(fails("", "{{ fail('x') }}").span.unwrap().text(), "fail('x')");
}

#[test]
fn endless_recursion_is_one_error() {
    let error = fails("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}", "{{ a() }}");
    assert_eq!(error.code, codes::RECURSION);
    assert!(error.notes.iter().any(|note| note.contains("root.a -> root.b")), "{:?}", error.notes);
    assert!(error.notes.len() < 20);
    let deep = "{% macro down(n) %}{% if n > 0 %}{{ down(n - 1) }}{% else %}end{% endif %}{% endmacro %}";
    assert_eq!(render(deep, "{{ down(150) }}"), "end");
}

#[test]
fn syntax_errors_have_places() {
    let cases = [
        ("a\n{{ 'x }}", "models/m.sql:2:4 a string that is never closed"),
        ("{% if %}", "models/m.sql:1:7"),
        ("{% fro x in y %}", "models/m.sql:1:4 Encountered unknown tag 'fro'"),
        ("{{ x | nope }}", "models/m.sql:1:8 No filter named 'nope'"),
        ("{{ x is nope }}", "models/m.sql:1:9 No test named 'nope'"),
        ("{{ return(1) }}", "models/m.sql:1:4 return() outside of a macro"),
    ];
    for (text, expected) in cases {
        let error = fails("", text);
        let shown = format!("{} {}", error.span.as_ref().map(ToString::to_string).unwrap_or_default(), error.message);
        assert!(shown.starts_with(expected), "{text}: {shown}");
    }
    let engine = engine(&[("root", "{% macro ok() %}{% endmacro %}\n{% macro bad() %}\n{{ a b }}{% endmacro %}")]);
    let problems = engine.check_macros();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].span.as_ref().unwrap().to_string(), "root/macros/m.sql:3:6");
    let error = render_in(&engine, "{{ bad() }}", scope()).unwrap_err();
    assert_eq!((error.code, error.span.unwrap().to_string().as_str()), (codes::JINJA_SYNTAX, "root/macros/m.sql:3:6"));
}

#[test]
fn output_leads_back_to_the_template() {
    let text = "select\r\n  {{ ref('a') }}.x,\r\n  y {#- gone -#} from {{ [1, 2]|length }}{{ '' }}z";
    let engine = engine(&[]);
    let rendered = engine.render(&TemplateSource::inline("m.sql", text), Arc::new(scope())).unwrap();
    assert_eq!(rendered.text, "select\n  <a>.x,\n  yfrom 2z");
    let at = |needle: &str| {
        let offset = rendered.text.find(needle).unwrap();
        let (span, exact) = rendered.map.locate(offset);
        (span.start, exact)
    };
    assert_eq!(at("select"), (0, Exactness::Exact));
    assert_eq!(at(".x"), (text.find(".x").unwrap(), Exactness::Exact));
    assert_eq!(at("from"), (text.find("from").unwrap(), Exactness::Exact));
    assert_eq!(at("z"), (text.find("z").unwrap(), Exactness::Exact));
    let (span, exact) = rendered.map.locate(rendered.text.find("<a>").unwrap() + 1);
    assert_eq!((span.text(), exact), ("{{ ref('a') }}", Exactness::Tag));
    let (span, _) =
        rendered.map.locate_range(rendered.text.find("yfrom").unwrap()..rendered.text.find("yfrom").unwrap() + 5);
    assert_eq!(span.text(), "y {#- gone -#} from");
    let plain = engine.render(&TemplateSource::inline("m.sql", "select 1\n"), Arc::new(scope())).unwrap();
    assert_eq!((plain.text.as_str(), plain.map.locate(7).0.start), ("select 1\n", 7));
}

#[test]
fn yaml_values_keep_their_type() {
    let engine = engine(&[]);
    let value = |text: &str| {
        let mut scope = scope();
        scope.values.extend([
            ("n".to_owned(), Value::from(3)),
            ("s".to_owned(), Value::from("07")),
            ("t".to_owned(), Value::from("True")),
            ("l".to_owned(), Value::from(vec![1, 2])),
        ]);
        match engine.render_value(&TemplateSource::inline("schema.yml", text), Arc::new(scope)) {
            Ok(value) => format!("{} {value}", value.kind()),
            Err(error) => error.message,
        }
    };
    let cases = [
        ("plain", "string plain"),
        ("{{ n }}", "number 3"),
        ("{{- n -}}", "number 3"),
        ("{{ n }} ", "string 3 "),
        ("{{ n }}{{ n }}", "string 33"),
        ("{{ 1 }}", "string 1"),
        ("{{ 1 + 2 }}", "string 3"),
        ("{{ n + 1 }}", "number 4"),
        ("{{ true }}", "string True"),
        ("{{ s }}", "string 07"),
        ("{{ l }}", "sequence [1, 2]"),
        ("{{ t | as_bool }}", "bool True"),
        ("{{ '3.5' | as_number }}", "number 3.5"),
        ("{{ s | as_native }}", "string 07"),
        ("{{ n | as_text }}", "string 3"),
        ("{{ s | as_number }}", "Could not convert value '07' into type 'number'"),
        ("{{ n | as_bool }}", "Could not convert value '3' into type 'bool'"),
        ("{{ s == '07' | as_bool }}", "bool True"),
        ("{{ t | as_bool }}!", "string True!"),
        ("{% if n %}{{ n }}{% endif %}", "number 3"),
        ("{{ none_such }}", "string "),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn rust_calls_macros_in_one_state() {
    let engine = engine(&[(
        "root",
        "{% macro add(a, b=1) %}{{ return(a + b) }}{% endmacro %}{% macro text() %} x {% endmacro %}",
    )]);
    let scope = || Arc::new(scope()) as Arc<dyn Scope>;
    let kwargs = || Value::from(Kwargs::from_iter([("b", Value::from(5))]));
    assert_eq!(engine.call("macro.root.add", &[Value::from(1), kwargs()], scope()).unwrap(), Value::from(6));
    assert_eq!(engine.call("macro.root.text", &[], scope()).unwrap(), Value::from(" x "));
    assert!(engine.call("macro.root.nope", &[], scope()).is_err());
    let sum = engine.with_state(scope(), |state| {
        let id = engine.registry().id("macro.root.add").unwrap();
        let first = call_macro(state, id, &[Value::from(1)])?;
        call_named(state, "add", &[first, Value::from(10)])
    });
    assert_eq!(sum.unwrap(), Value::from(12));
    let error = engine.call("macro.root.add", &[], scope()).unwrap_err();
    assert_eq!(error.notes.len(), 1, "{error} {:?}", error.notes);
}

#[test]
fn engines_are_shared_by_threads() {
    let engine = engine(&[("root", "{% macro m(x) %}{% for i in [1, 2] %}{{ x }}{{ i }}{% endfor %}{% endmacro %}")]);
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let engine = engine.clone();
            std::thread::spawn(move || render_in(&engine, &format!("{{{{ m('{worker}') }}}}"), scope()).unwrap())
        })
        .collect();
    let results: Vec<String> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    assert_eq!(results, ["0102", "1112", "2122", "3132"]);
}

#[test]
fn inline_macros_and_definition_blocks_in_templates_print_nothing() {
    let text = "{% macro local(a: int) %}x{% endmacro %}{% test t(model) %}y{% endtest %}{{ dbt_macro__local(1) }}";
    assert_eq!(render("", text), "x");
}
