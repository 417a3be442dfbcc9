//! Unit tests: the tested model's SQL over the rows of the test.
//!
//! In: a [`UnitTest`]. Out: a [`Compiled`] whose node the `unit` materialization runs. Every input is a CTE in front of the
//! model's SQL. Rules: `core/dbt/parser/unit_tests.py`.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::base::{Dict, NodeId, Value};
use crate::diag::{Diagnostic, Span};
use crate::jinja::TemplateSource;
use crate::jinja::context::host::{Database, Policy, Resolver};
use crate::jinja::context::{Argument, NodeScope, Overrides, RelationObject, call_named, render};
use crate::node::{Checksum, Config, Detail, Fixture, FixtureFormat, Language, Node, ResourceType, Source, UnitTest};
use crate::sql::is_blank;

use super::compiled::{Compiled, Origin};
use super::compiler::{Compiler, assemble, config_of, named, template_of};
use super::fixture::{Rows, in_fixture, invalid, rows, table_rows};
use super::inject::{Cte, extend};
use super::node_overrides::{Call, lone_call};
use super::resolver::{UnitTestResolver, cte_name};

/// What an input stands for.
enum Parent {
    Node(Arc<Node>),
    Source(Arc<Source>),
}

impl Parent {
    fn id(&self) -> &NodeId {
        match self {
            Self::Node(node) => &node.id,
            Self::Source(source) => &source.id,
        }
    }

    fn cte(&self) -> String {
        match self {
            Self::Node(node) => cte_name(&node.alias),
            Self::Source(source) => cte_name(&format!("{}__{}", source.source_name, source.name)),
        }
    }
}

impl Compiler {
    /// Compiles a unit test. The node of the result is what runs: its config holds `expected_rows` or `expected_sql`.
    pub fn compile_unit_test(
        &self,
        test: &Arc<UnitTest>,
        database: Option<Arc<dyn Database>>,
    ) -> Result<Compiled, Box<Diagnostic>> {
        self.unit_test(test, database.as_ref()).map_err(|diagnostic| Box::new(named(diagnostic, test.id.as_str())))
    }

    fn unit_test(&self, test: &UnitTest, database: Option<&Arc<dyn Database>>) -> Result<Compiled, Diagnostic> {
        let Some(tested) = self.names.project.nodes.get(&test.tested_node) else {
            return Err(invalid(test, format!("the model '{}' does not exist or is disabled", test.model)));
        };
        if tested.language == Language::Python {
            return Err(invalid(test, "only SQL models have unit tests"));
        }
        let given = test.given.iter().map(|fixture| Ok((self.parent(test, tested, fixture)?, fixture)));
        let given: Vec<(Parent, &Fixture)> = given.collect::<Result<_, Diagnostic>>()?;
        let names: IndexMap<NodeId, String> = given.iter().map(|(p, _)| (p.id().clone(), p.cte())).collect();
        let resolver = Arc::new(UnitTestResolver::new(&self.names, &test.id, &tested.package, names.clone()));
        let node = Arc::new(unit_node(test, tested)?);

        let map = |key: &str| test.overrides.get(key).and_then(Value::as_map).cloned().unwrap_or_default();
        let this = names.get(&tested.id).cloned();
        let overrides =
            Overrides { vars: map("vars"), env_vars: map("env_vars"), macros: map("macros"), this: this.clone() };
        let mut scope = NodeScope::run(&self.shared, &node, None, Arc::clone(&resolver) as Arc<dyn Resolver>);
        if let Some(database) = database {
            scope = scope.database(Arc::clone(database));
        }
        let rendered = render(&self.engine, &template_of(tested), &scope.overrides(overrides).build())?;
        if is_blank(&rendered.text) {
            return Err(invalid(test, format!("{} has no SQL after rendering", tested.id)).at(tested.template.span()));
        }
        let mut needed: Vec<NodeId> = this.map(|_| tested.id.clone()).into_iter().collect();
        needed.extend(resolver.asked().into_iter().filter(|id| *id != tested.id));
        let mut ctes = Vec::new();
        for id in &needed {
            if let Some((parent, fixture)) = given.iter().find(|(parent, _)| parent.id() == id) {
                extend(&mut ctes, [self.input(test, parent, fixture, database)?]);
            }
        }
        Ok(assemble(node, &rendered.text, &Arc::new(Origin::Template(rendered.map)), &ctes))
    }

    fn parent(&self, test: &UnitTest, tested: &Arc<Node>, fixture: &Fixture) -> Result<Parent, Diagnostic> {
        let input = fixture.input.trim();
        if input == "this" {
            return Ok(Parent::Node(Arc::clone(tested)));
        }
        let (from, package) = (test.id.as_str(), tested.package.as_str());
        let found = match lone_call(input) {
            Some(Call::Ref(call)) => self.names.find_reference(&call, from, package).map(Parent::Node),
            Some(Call::Source(source, table)) => {
                self.names.find_source((&source, &table), from, package).map(Parent::Source)
            }
            None => Err(invalid(test, format!("the input `{input}` is no ref(), no source() and not `this`"))),
        };
        found.map_err(|diagnostic| diagnostic.at(fixture.span.clone()))
    }

    /// An input as a CTE.
    fn input(
        &self,
        test: &UnitTest,
        parent: &Parent,
        fixture: &Fixture,
        database: Option<&Arc<dyn Database>>,
    ) -> Result<Cte, Diagnostic> {
        let node = Arc::new(input_node(test, parent));
        let resolver = UnitTestResolver::new(&self.names, &test.id, &node.package, IndexMap::new());
        let mut scope = NodeScope::run(&self.shared, &node, None, Arc::new(resolver));
        if let Some(database) = database {
            scope = scope.database(Arc::clone(database));
        }
        if let Some(there) = self.shared.deferred(parent.id()) {
            scope = scope.relation("defer_relation", RelationObject::from_resolved(there, false));
        }
        let scope = scope.build();
        let rows = match rows(test, fixture)? {
            Rows::Sql(text) => {
                let source = TemplateSource::inline(format!("{} ({})", test.original_path, fixture.input), text);
                let place = |diagnostic: Diagnostic| diagnostic.at(fixture.span.clone());
                let rendered = render(&self.engine, &source, &scope).map_err(place)?;
                return Ok(cte(parent, &node, &rendered.text, fixture.span.clone()));
            }
            Rows::ByColumn(rows) => rows,
            Rows::Absent => self.seed_rows(test, parent, fixture)?,
        };
        let types = self.column_types(test, parent, fixture, database)?;
        let arguments =
            [("rows", Argument::from(Value::List(rows))), ("column_name_to_data_types", Argument::from(types))];
        let text = call_named(&self.engine, "get_fixture_sql", arguments, &scope).map_err(|mut diagnostic| {
            // The macro's own place helps nobody who wrote a fixture.
            diagnostic.span = Some(fixture.span.clone());
            in_fixture(test, fixture, diagnostic)
        })?;
        Ok(cte(parent, &node, text.text().trim(), fixture.span.clone()))
    }

    fn seed_rows(&self, test: &UnitTest, parent: &Parent, fixture: &Fixture) -> Result<Vec<Value>, Diagnostic> {
        match (parent, &self.shared.files) {
            (Parent::Node(seed), Some(files)) if seed.resource_type == ResourceType::Seed => {
                files.seed_table(seed).map(|table| table_rows(&table))
            }
            _ => Err(invalid(test, format!("the input {} has no rows", fixture.input))
                .at(fixture.span.clone())
                .help("give `rows:`; only seeds stand for themselves")),
        }
    }

    /// Types of columns where no relation tells them: an external location is asked what it would return.
    fn column_types(
        &self,
        test: &UnitTest,
        parent: &Parent,
        fixture: &Fixture,
        database: Option<&Arc<dyn Database>>,
    ) -> Result<Value, Diagnostic> {
        let source = match parent {
            Parent::Node(node) if node.is_ephemeral() => {
                let message =
                    format!("the input {} is an ephemeral model, whose column types nothing tells", fixture.input);
                return Err(invalid(test, message)
                    .at(fixture.span.clone())
                    .help("give its rows as a query: `format: sql`"));
            }
            Parent::Node(_) => return Ok(Value::Null),
            Parent::Source(source) => source,
        };
        let resolved = super::resolver::Names::source_relation(source);
        let (Some(text), Some(database)) = (resolved.text, database) else { return Ok(Value::Null) };
        let place = |diagnostic: Diagnostic| diagnostic.at(fixture.span.clone());
        let columns = database.query_columns(&format!("select * from {text}"));
        let columns = columns.map_err(|error| place(error.into_diagnostic()))?;
        Ok(Value::Map(columns.into_iter().map(|c| (c.name.to_lowercase(), c.data_type.into())).collect()))
    }
}

fn cte(parent: &Parent, node: &Node, sql: &str, span: Span) -> Cte {
    Cte::new(node.id.clone(), &parent.cte(), sql, Arc::new(Origin::Place(span)))
}

/// The node that the `unit` materialization runs.
fn unit_node(test: &UnitTest, tested: &Node) -> Result<Node, Diagnostic> {
    let (expected_rows, expected_sql) = match rows(test, &test.expect)? {
        Rows::ByColumn(rows) => (rows, Value::Null),
        Rows::Sql(sql) => (Vec::new(), Value::Str(sql)),
        Rows::Absent => {
            let problem = invalid(test, "`expect` has no rows").at(test.expect.span.clone());
            return Err(problem.help("give `rows:`; `rows: []` expects none"));
        }
    };
    let mut pairs = vec![("materialized", Value::from("unit")), ("expected_rows", Value::List(expected_rows))];
    if test.expect.format == FixtureFormat::Sql {
        pairs.push(("expected_sql", expected_sql));
    }
    let name = match tested.model().map(|model| &model.version) {
        None | Some(Value::Null) => test.name.clone(),
        Some(version) => format!("{}_v{version}", test.name),
    };
    let folder = test.original_path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    let mut relation = tested.relation.clone();
    relation.identifier = Some(name.clone());
    Ok(Node {
        id: test.id.clone(),
        resource_type: ResourceType::UnitTest,
        package: test.package.clone(),
        path: format!("{folder}{name}.sql"),
        original_path: test.original_path.clone(),
        fqn: test.id.as_str().split('.').map(str::to_owned).collect(),
        checksum: test.checksum.clone(),
        relation,
        alias: name.clone(),
        name,
        config: config_of(pairs),
        description: test.description.clone(),
        depends_on: test.depends_on.clone(),
        ..bare(tested)
    })
}

/// The node in whose name an input's rows are rendered: an ephemeral model where the parent is.
fn input_node(test: &UnitTest, parent: &Parent) -> Node {
    let ephemeral = ("materialized", Value::from("ephemeral"));
    match parent {
        Parent::Node(node) => {
            let quoting = node.config.get("quoting").cloned().map(|quoting| ("quoting", quoting));
            Node {
                id: format!("model.{}.{}", node.package, node.search_name()).into(),
                original_path: test.original_path.clone(),
                config: config_of(quoting.into_iter().chain([ephemeral])),
                ..bare(node)
            }
        }
        Parent::Source(source) => source_node(test, source, ephemeral),
    }
}

fn source_node(test: &UnitTest, source: &Source, ephemeral: (&'static str, Value)) -> Node {
    // Sources do not follow the project's quoting.
    let policy = Policy::ALL.with(&source.quoting);
    let flags = [("database", policy.database), ("schema", policy.schema), ("identifier", policy.identifier)];
    let quoting: Dict = flags.into_iter().map(|(key, flag)| (key.to_owned(), flag.into())).collect();
    let file = Arc::clone(&test.span.file);
    Node {
        id: format!("model.{}.{}__{}", source.package, source.source_name, source.name).into(),
        resource_type: ResourceType::Model,
        name: source.name.clone(),
        package: source.package.clone(),
        path: format!("{}.sql", source.name),
        original_path: test.original_path.clone(),
        fqn: source.fqn.clone(),
        template: crate::node::Template { file, range: 0..0 },
        relation: source.relation.clone(),
        alias: source.relation.identifier.clone().unwrap_or_else(|| source.name.clone()),
        config: config_of([ephemeral, ("quoting", quoting.into())]),
        detail: Detail::Analysis,
        ..Node::blank()
    }
}

/// A node with the identity of another and nothing that was said about it.
fn bare(node: &Node) -> Node {
    Node {
        resource_type: ResourceType::Model,
        checksum: Checksum::default(),
        relation_name: None,
        config: Config::default(),
        unrendered_config: Dict::new(),
        config_call: Dict::new(),
        description: String::new(),
        doc_blocks: Vec::new(),
        columns: IndexMap::new(),
        patch: None,
        depends_on: Vec::new(),
        depends_on_macros: Vec::new(),
        detail: Detail::Analysis,
        ..node.clone()
    }
}
