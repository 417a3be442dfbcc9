//! Selection requests: named selectors, commands, earlier runs, and what is said of what cannot be read or selects nothing.

use super::build::{Builder, shop};
use super::selection::{request, shown};
use crate::base::{Dict, NodeId};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::graph::{Command, Graph, SelectionFacts, SelectionRequest, StateFacts, StateKind, check_selectors, select};
use crate::node::{Disabled, Project};

fn run(project: &Project, line: &str) -> (String, Diagnostics) {
    let (graph, problems) = Graph::build(project);
    assert!(problems.is_empty(), "{problems:?}");
    let (selection, problems) = select(&graph, project, &request(line), SelectionFacts::default());
    (shown(&selection), problems)
}

fn only(problems: &Diagnostics) -> &Diagnostic {
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.iter().next().expect("one")
}

#[test]
fn warns_of_parts_that_match_nothing() {
    let mut project = shop();
    let mut off = (*project.nodes["model.shop.orders"]).clone();
    (off.id, off.name) = ("model.shop.off".into(), "off".into());
    project.disabled.insert(off.id.clone(), vec![Disabled::Node(off.into())]);
    for (line, message, help, note) in [
        (
            "-s stg_ordrs customers",
            "'stg_ordrs' does not match any enabled nodes",
            Some("did you mean 'stg_orders' or 'sem_orders'?"),
            None,
        ),
        ("-s orders -x tag:nigtly", "'tag:nigtly' does not", Some("did you mean 'tag:nightly'?"), None),
        ("-s source:raw.order", "'source:raw.order' does not", Some("did you mean 'source:raw.orders'?"), None),
        ("-s config.materialized:Table", "does not", Some("did you mean 'config.materialized:table'?"), None),
        ("-s off", "'off' does not", None, Some("'off' is disabled")),
        (
            "-s revenue,dim",
            "'revenue,dim' does not",
            None,
            Some("each of its parts matches something, but no node is in all of them"),
        ),
    ] {
        let (_, problems) = run(&project, line);
        let problem = only(&problems);
        assert_eq!(problem.code, codes::SELECTION_EMPTY, "{line}");
        assert!(!problem.is_error() && problem.message.contains(message), "{}", problem.message);
        assert_eq!(problem.help.as_deref(), help, "{line}");
        assert_eq!(problem.notes.first().map(String::as_str), note, "{line}");
    }
    let (selected, problems) = run(&project, "-s");
    assert!(problems.is_empty() && !selected.is_empty(), "no argument selects everything");
    let (graph, _) = Graph::build(&project);
    let blank = SelectionRequest { select: vec![" ".into()], ..request("") };
    let (selected, problems) = select(&graph, &project, &blank, SelectionFacts::default());
    assert!(selected.is_empty() && problems.len() == 1, "a blank argument selects nothing, with a warning");
}

#[test]
fn refuses_what_cannot_be_read() {
    let project = shop();
    for (line, message) in [
        ("-s orders @orders+", "@orders+"),
        ("-s tga:x", "'tga' is not a selection method"),
        ("-s source:a.b.c.d", "source:a.b.c.d"),
        ("-s exposure:a.b.c", "exposure:a.b.c"),
        ("-s test_type:uint", "'uint' is not a value of test_type:"),
        ("-s version:new", "'new' is not a value"),
        ("-s resource_type:modle", "'modle' is not a resource type"),
        ("-s path:/etc", "path:/etc"),
        ("-s state:modified", "no comparison manifest"),
        ("-s result:error", "no comparison manifest"),
        ("--selector nigthly", "no selector 'nigthly'"),
        ("-s selector:zzz", "no selector 'zzz'"),
        ("-r modle", "'modle' is not a resource type"),
    ] {
        let (selected, problems) = run(&project, line);
        assert!(selected.is_empty(), "{line}");
        let problem = problems.iter().find(|p| p.is_error()).expect(line);
        assert!(problem.message.contains(message), "{line}: {}", problem.message);
        assert!(problem.help.is_some(), "{line}");
    }
}

#[test]
fn selectors_refer_to_each_other() {
    let project = shop();
    let models = |line: &str| run(&project, &format!("{line} -r model")).0;
    assert_eq!(models("-s selector:nightly"), models("-s tag:nightly"));
    assert_eq!(models("-s selector:nig*+"), models("-s tag:nightly+"));
    assert_eq!(models("-s +revenue -x selector:nightly"), models("-s +revenue -x tag:nightly"));
    let mut b = Builder::new();
    b.model("a", &[]);
    b.selectors(r#"{"x": {"method": "selector", "value": "y"}, "y": {"selector": "x"}}"#);
    let (_, problems) = run(&b.project, "--selector x");
    assert!(only(&problems).message.contains("refers to itself"), "{problems:?}");
}

#[test]
fn default_selector_stands_in_for_nothing() {
    let mut project = shop();
    let everything = run(&project, "-x nothing_at_all").0;
    let by_name = SelectionRequest { default_selector: Some("nightly".into()), ..request("") };
    let (graph, _) = Graph::build(&project);
    let nightly = shown(&select(&graph, &project, &by_name, SelectionFacts::default()).0);
    assert_eq!(nightly, run(&project, "-s tag:nightly").0);
    project.selectors.insert(
        "main".into(),
        [("definition".to_owned(), "tag:nightly".into()), ("default".to_owned(), true.into())]
            .into_iter()
            .collect::<Dict>()
            .into(),
    );
    assert_eq!(run(&project, "").0, nightly);
    assert_eq!(run(&project, "-x nothing_at_all").0, everything);
}

#[test]
fn reports_malformed_selectors() {
    for (json, message) in [
        (r#"{"a": {"union": ["x"], "method": "tag"}}"#, "other keys beside `union`"),
        (r#"{"a": {"union": "x"}}"#, "a string under `union`"),
        (r#"{"a": {"union": ["x", {"exclude": ["y"]}, {"exclude": ["z"]}]}}"#, "more than one `exclude`"),
        (r#"{"a": {"method": "tag"}, "b": "x"}"#, "selection method"),
        (r#"{"a": {"method": "tag", "valeu": "x"}}"#, "keys method, valeu"),
        (r#"{"a": {"tag": ["x"]}}"#, "a list as a value"),
        (r#"{"a": {"tgas": "x"}}"#, "'tgas' is not a selection method"),
        (r#"{"a": {"method": "tag", "value": "x", "parents": true, "parents_depth": "x"}}"#, "`parents_depth`"),
        (r#"{"a": {"method": "tag", "value": "x", "indirect_selection": "all"}}"#, "`indirect_selection`"),
        (r#"{"a": {"method": "tag", "value": "x", "childern": true}}"#, "did you mean `children`?"),
        (r#"{"a": "tag:x,tag:y"}"#, "as one criterion"),
        (r#"{"a": [1]}"#, "a list where a selection belongs"),
        (
            r#"{"a": {"definition": "x", "default": true}, "b": {"definition": "x", "default": true}}"#,
            "several selectors have `default: true`: a, b",
        ),
    ] {
        let mut b = Builder::new();
        b.selectors(json);
        let problems = check_selectors(&b.project);
        let problem = only(&problems);
        assert_eq!(problem.code, codes::SELECTORS_INVALID, "{json}");
        assert!(problem.message.contains(message), "{json}: {}", problem.message);
    }
    assert!(check_selectors(&shop()).is_empty());
}

#[test]
fn each_command_takes_its_resource_types() {
    let project = shop();
    let (graph, _) = Graph::build(&project);
    let kinds = |command: Command, types: &[&str], without: &[&str]| {
        let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        let request = SelectionRequest {
            command,
            resource_types: strings(types),
            exclude_resource_types: strings(without),
            ..SelectionRequest::default()
        };
        let (selection, problems) = select(&graph, &project, &request, SelectionFacts::default());
        assert!(problems.is_empty());
        let mut kinds: Vec<String> = selection.iter().map(|id| id.resource_type().to_owned()).collect();
        kinds.sort();
        kinds.dedup();
        kinds.join(" ")
    };
    assert_eq!(kinds(Command::Run, &[], &[]), "model");
    assert_eq!(kinds(Command::Seed, &[], &[]), "seed");
    assert_eq!(kinds(Command::Snapshot, &[], &[]), "snapshot");
    assert_eq!(kinds(Command::Test, &[], &[]), "test unit_test");
    assert_eq!(kinds(Command::Test, &[], &["unit_test"]), "test");
    assert_eq!(kinds(Command::Test, &["model"], &[]), "");
    assert_eq!(kinds(Command::Build, &[], &[]), "exposure model saved_query seed snapshot test unit_test");
    assert_eq!(kinds(Command::Build, &["all"], &["test"]), "exposure model saved_query seed snapshot unit_test");
    assert_eq!(kinds(Command::Build, &["default"], &["model", "seed"]), "exposure saved_query snapshot test unit_test");
    assert_eq!(kinds(Command::Compile, &[], &[]), "analysis model seed snapshot test");
    assert_eq!(kinds(Command::Clone, &[], &[]), "model seed snapshot");
    assert_eq!(kinds(Command::SourceFreshness, &[], &[]), "source");
    assert_eq!(
        kinds(Command::List, &[], &[]),
        "exposure metric model saved_query seed semantic_model snapshot source test unit_test"
    );
    let of = |command, line: &str| {
        shown(&select(&graph, &project, &SelectionRequest { command, ..request(line) }, SelectionFacts::default()).0)
    };
    assert_eq!(of(Command::SourceFreshness, ""), "source:raw.orders", "only sources with thresholds");
    assert_eq!(of(Command::Run, "-s empty_one profit"), "profit", "files without SQL do not run");
    assert_eq!(of(Command::List, "-s empty_one"), "empty_one");
}

struct Facts;

impl StateFacts for Facts {
    fn state(&self, kind: StateKind) -> Result<Vec<NodeId>, Box<Diagnostic>> {
        match kind {
            StateKind::ModifiedBody => Ok(vec!["model.shop.revenue".into(), "model.gone.away".into()]),
            _ => Ok(Vec::new()),
        }
    }

    fn result(&self, status: &str) -> Result<Vec<NodeId>, Box<Diagnostic>> {
        Ok(if status == "error" { vec!["model.shop.customers".into()] } else { Vec::new() })
    }

    fn source_status(&self, _: &str) -> Result<Vec<NodeId>, Box<Diagnostic>> {
        Err(Box::new(Diagnostic::error(codes::SELECTION_INVALID, "sources.json is missing")))
    }
}

#[test]
fn asks_for_facts_of_earlier_runs() {
    let project = shop();
    let (graph, _) = Graph::build(&project);
    let ask = |line: &str| {
        select(
            &graph,
            &project,
            &request(&format!("{line} -r model")),
            SelectionFacts { earlier: Some(&Facts), columns: None },
        )
    };
    assert_eq!(shown(&ask("-s state:modified.body+").0), "profit revenue");
    assert_eq!(shown(&ask("-s result:error+,state:modified.body").0), "revenue");
    assert!(ask("-s state:modifed").1.has_errors());
    assert_eq!(only(&ask("-s source_status:fresher+").1).message, "sources.json is missing");
}
